# src/txagent: the agent daemon.
noinst_LTLIBRARIES += src/txagent/libtxagent.la
src_txagent_libtxagent_la_SOURCES = \
	src/txagent/txc_canceler.c src/txagent/txc_canceler.h \
	src/txagent/txc_item.c src/txagent/txc_item.h \
	src/txagent/txc_module.c src/txagent/txc_module.h \
	src/txagent/txc_perform.c src/txagent/txc_perform.h \
	src/txagent/txc_pool.c src/txagent/txc_pool.h \
	src/txagent/txc_served.c src/txagent/txc_served.h \
	src/txagent/txc_worker.c src/txagent/txc_worker.h
