# src/log: the durable log of a replica and the journal of an agent.
noinst_LTLIBRARIES += src/log/liblog.la
src_log_liblog_la_SOURCES = \
	src/log/txc_disk.h src/log/txc_log.h
