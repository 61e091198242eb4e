# src/daemon: what both daemons share.
noinst_LTLIBRARIES += src/daemon/libdaemon.la
src_daemon_libdaemon_la_SOURCES = \
	src/daemon/txc_config.c src/daemon/txc_config.h \
	src/daemon/txc_crash.c src/daemon/txc_crash.h \
	src/daemon/txc_notify.c src/daemon/txc_notify.h \
	src/daemon/txc_options.c src/daemon/txc_options.h \
	src/daemon/txc_report.c src/daemon/txc_report.h \
	src/daemon/txc_system.c src/daemon/txc_system.h \
	src/daemon/txc_value.c src/daemon/txc_value.h \
	src/daemon/txc_zpl.c src/daemon/txc_zpl.h
src_daemon_libdaemon_la_CFLAGS = $(AM_CFLAGS) $(CZMQ_CFLAGS)
src_daemon_libdaemon_la_LIBADD = $(CZMQ_LIBS)
