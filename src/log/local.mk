# src/log: the durable log of a replica and the journal of an agent.
noinst_LTLIBRARIES += src/log/liblog.la
src_log_liblog_la_SOURCES = \
	src/log/txc_crc32c.c src/log/txc_crc32c.h \
	src/log/txc_disk.h src/log/txc_disk_posix.c \
	src/log/txc_format.c src/log/txc_format.h \
	src/log/txc_log.h src/log/txc_store.h
