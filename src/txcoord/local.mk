# src/txcoord: the coordinator daemon.
sbin_PROGRAMS += src/txcoord/txcoord
src_txcoord_txcoord_SOURCES = \
	src/txcoord/coord.h src/txcoord/coord_answer.h \
	src/txcoord/coord_admin.c src/txcoord/coord_answer.c src/txcoord/coord_config.c \
	src/txcoord/coord_group.c src/txcoord/coord_log.c src/txcoord/coord_loop.c \
	src/txcoord/coord_peers.c src/txcoord/coord_report.c src/txcoord/coord_stop.c \
	src/txcoord/txcoord.c
src_txcoord_txcoord_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
src_txcoord_txcoord_LDADD = \
	src/daemon/libdaemon.la src/net/libnet.la src/log/liblog.la src/wire/libwire.la \
	src/core/libcore.la src/base/libbase.la $(JANSSON_LIBS)
