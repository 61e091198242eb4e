# src/txctl: what operators ask and tell the daemons.
noinst_LTLIBRARIES += src/txctl/libtool.la
src_txctl_libtool_la_SOURCES = \
	src/txctl/tool_admin.c src/txctl/tool_admin.h \
	src/txctl/tool_dump.c src/txctl/tool_dump.h \
	src/txctl/tool_history.c src/txctl/tool_history.h \
	src/txctl/tool_endpoint.c src/txctl/tool_endpoint.h \
	src/txctl/tool_output.c src/txctl/tool_output.h \
	src/txctl/tool_table.c src/txctl/tool_table.h
src_txctl_libtool_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)

bin_PROGRAMS += src/txctl/txctl
src_txctl_txctl_SOURCES = src/txctl/txctl.c src/txctl/ctl.h \
	src/txctl/ctl_dump.c src/txctl/ctl_group.c src/txctl/ctl_history.c src/txctl/ctl_status.c src/txctl/ctl_resolve.c src/txctl/ctl_show.c
src_txctl_txctl_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
src_txctl_txctl_LDADD = src/txctl/libtool.la src/daemon/libdaemon.la src/log/liblog.la \
	src/net/libnet.la src/wire/libwire.la $(JANSSON_LIBS)
