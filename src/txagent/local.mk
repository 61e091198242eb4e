# src/txagent: the agent daemon.
noinst_LTLIBRARIES += src/txagent/libtxagent.la
src_txagent_libtxagent_la_SOURCES = \
	src/txagent/txc_agentd.c src/txagent/txc_agentd.h \
	src/txagent/txc_agentd_admin.c src/txagent/txc_agentd_carry.c src/txagent/txc_agentd_turn.c \
	src/txagent/txc_canceler.c src/txagent/txc_canceler.h \
	src/txagent/txc_item.c src/txagent/txc_item.h \
	src/txagent/txc_jfile.c src/txagent/txc_jfile.h \
	src/txagent/txc_module.c src/txagent/txc_module.h \
	src/txagent/txc_perform.c src/txagent/txc_perform.h \
	src/txagent/txc_pool.c src/txagent/txc_pool.h \
	src/txagent/txc_served.c src/txagent/txc_served.h \
	src/txagent/txc_worker.c src/txagent/txc_worker.h
src_txagent_libtxagent_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)

sbin_PROGRAMS += src/txagent/txagent
src_txagent_txagent_SOURCES = src/txagent/txagent.c
src_txagent_txagent_LDADD = src/txagent/libtxagent.la src/daemon/libdaemon.la src/net/libnet.la src/log/liblog.la \
	src/wire/libwire.la src/core/libcore.la src/base/libbase.la $(JANSSON_LIBS)
