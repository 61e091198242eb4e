# src/core: the protocols, pure: it includes nothing but src/base.
noinst_LTLIBRARIES += src/core/libcore.la
src_core_libcore_la_SOURCES = \
	src/core/txc_agent.h src/core/txc_journal.h \
	src/core/txc_message.c src/core/txc_message.h \
	src/core/txc_record.c src/core/txc_record.h \
	src/core/txc_replica.h src/core/txc_session.h \
	src/core/txc_update.c src/core/txc_update.h \
	src/core/txc_work.h
