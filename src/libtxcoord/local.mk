# src/libtxcoord: the client library.
pkginclude_HEADERS += src/include/txcoord/txcoord.h src/include/txcoord/txc_rm.h src/include/txcoord/txc_enlist.h
pkgconfig_DATA += src/libtxcoord/libtxcoord.pc
EXTRA_DIST += src/libtxcoord/libtxcoord.map

# All of it, for the shared library and for tests that look inside.
noinst_LTLIBRARIES += src/libtxcoord/libclient.la
src_libtxcoord_libclient_la_SOURCES = \
	src/libtxcoord/txc_call.c src/libtxcoord/txc_call.h \
	src/libtxcoord/txc_client.c src/libtxcoord/txc_client.h \
	src/libtxcoord/txc_crew.c src/libtxcoord/txc_crew.h \
	src/libtxcoord/txc_engine.c src/libtxcoord/txc_engine.h \
	src/libtxcoord/txc_enlist.c src/libtxcoord/txc_enlist.h \
	src/libtxcoord/txc_fork.c src/libtxcoord/txc_fork.h src/libtxcoord/txc_greeting.c \
	src/libtxcoord/txc_link.c src/libtxcoord/txc_link.h \
	src/libtxcoord/txc_pump.c src/libtxcoord/txc_pump.h \
	src/libtxcoord/txc_result.c src/libtxcoord/txc_retryable.c \
	src/libtxcoord/txc_script.c src/libtxcoord/txc_script_call.c src/libtxcoord/txc_script_my.c src/libtxcoord/txc_script_pg.c \
	src/libtxcoord/txc_ticket.c src/libtxcoord/txc_ticket.h \
	src/libtxcoord/txc_tx.c src/libtxcoord/txc_tx.h \
	src/libtxcoord/txc_tx_commit.c src/libtxcoord/txc_tx_exec.c src/libtxcoord/txc_tx_share.c

lib_LTLIBRARIES += src/libtxcoord/libtxcoord.la
src_libtxcoord_libtxcoord_la_SOURCES =
src_libtxcoord_libtxcoord_la_LIBADD = src/libtxcoord/libclient.la src/net/libnet.la src/wire/libwire.la
src_libtxcoord_libtxcoord_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/src/libtxcoord/libtxcoord.map
EXTRA_src_libtxcoord_libtxcoord_la_DEPENDENCIES = $(top_srcdir)/src/libtxcoord/libtxcoord.map

# One for each database library, so that a program needs only those that it uses.
EXTRA_DIST += src/libtxcoord/libtxcoord-pg.map src/libtxcoord/libtxcoord-mysql.map
if HAVE_LIBPQ
pkginclude_HEADERS += src/include/txcoord/txc_pg.h
pkgconfig_DATA += src/libtxcoord/libtxcoord-pg.pc
lib_LTLIBRARIES += src/libtxcoord/libtxcoord-pg.la
endif
src_libtxcoord_libtxcoord_pg_la_SOURCES = src/libtxcoord/txc_enlist_pg.c
src_libtxcoord_libtxcoord_pg_la_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)
src_libtxcoord_libtxcoord_pg_la_LIBADD = src/libtxcoord/libtxcoord.la $(LIBPQ_LIBS)
src_libtxcoord_libtxcoord_pg_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/src/libtxcoord/libtxcoord-pg.map
EXTRA_src_libtxcoord_libtxcoord_pg_la_DEPENDENCIES = $(top_srcdir)/src/libtxcoord/libtxcoord-pg.map

# XA switches: the application's side.
pkginclude_HEADERS += src/include/txcoord/txc_xa.h
pkgconfig_DATA += src/libtxcoord/libtxcoord-xa.pc
EXTRA_DIST += src/libtxcoord/libtxcoord-xa.map
noinst_LTLIBRARIES += src/libtxcoord/libxaclient.la
src_libtxcoord_libxaclient_la_SOURCES = src/libtxcoord/txc_enlist_xa.c src/libtxcoord/txc_enlist_xa.h \
	plugins/xa/xa_code.c plugins/xa/xa_code.h
src_libtxcoord_libxaclient_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins
lib_LTLIBRARIES += src/libtxcoord/libtxcoord-xa.la
src_libtxcoord_libtxcoord_xa_la_SOURCES =
src_libtxcoord_libtxcoord_xa_la_LIBADD = src/libtxcoord/libxaclient.la src/libtxcoord/libtxcoord.la
src_libtxcoord_libtxcoord_xa_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/src/libtxcoord/libtxcoord-xa.map
EXTRA_src_libtxcoord_libtxcoord_xa_la_DEPENDENCIES = $(top_srcdir)/src/libtxcoord/libtxcoord-xa.map

if HAVE_MYSQL
pkginclude_HEADERS += src/include/txcoord/txc_mysql.h
pkgconfig_DATA += src/libtxcoord/libtxcoord-mysql.pc
lib_LTLIBRARIES += src/libtxcoord/libtxcoord-mysql.la
endif
src_libtxcoord_libtxcoord_mysql_la_SOURCES = src/libtxcoord/txc_enlist_mysql.c
src_libtxcoord_libtxcoord_mysql_la_CFLAGS = $(AM_CFLAGS) $(MYSQL_CFLAGS)
src_libtxcoord_libtxcoord_mysql_la_LIBADD = src/libtxcoord/libtxcoord.la $(MYSQL_LIBS)
src_libtxcoord_libtxcoord_mysql_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/src/libtxcoord/libtxcoord-mysql.map
EXTRA_src_libtxcoord_libtxcoord_mysql_la_DEPENDENCIES = $(top_srcdir)/src/libtxcoord/libtxcoord-mysql.map
