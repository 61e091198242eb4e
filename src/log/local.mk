# src/log: the durable log of a replica and the journal of an agent.
noinst_LTLIBRARIES += src/log/liblog.la
src_log_liblog_la_SOURCES = \
	src/log/txc_crc32c.c src/log/txc_crc32c.h \
	src/log/txc_disk.c src/log/txc_disk.h src/log/txc_disk_posix.c \
	src/log/txc_format.c src/log/txc_format.h \
	src/log/txc_batch.c src/log/txc_batch.h \
	src/log/txc_log_dump.c src/log/txc_log_dump.h \
	src/log/txc_log.c src/log/txc_log.h src/log/txc_log_impl.h \
	src/log/txc_log_private.h src/log/txc_log_thread.c \
	src/log/txc_reader.c src/log/txc_reader.h \
	src/log/txc_recover.c src/log/txc_recover.h src/log/txc_replay.c \
	src/log/txc_segment.c src/log/txc_segment.h \
	src/log/txc_store.c src/log/txc_store.h src/log/txc_store_impl.h \
	src/log/txc_store_checkpoint.c src/log/txc_store_open.c src/log/txc_store_space.c
