# src/libtxcoord-tx: the X/Open TX interface on top of the client library's public API.
include_HEADERS += src/include/tx.h
pkginclude_HEADERS += src/include/txcoord/txc_xopen.h src/include/txcoord/txc_tx_driver.h
pkgconfig_DATA += src/libtxcoord-tx/libtxcoord-tx.pc
EXTRA_DIST += src/libtxcoord-tx/libtxcoord-tx.map

# Without the client library, for a test that stands in for it.
noinst_LTLIBRARIES += src/libtxcoord-tx/libxo.la
src_libtxcoord_tx_libxo_la_SOURCES = \
	src/libtxcoord-tx/txc_xo_config.c src/libtxcoord-tx/txc_xo_config.h \
	src/libtxcoord-tx/txc_xo_process.c src/libtxcoord-tx/txc_xo_process.h \
	src/libtxcoord-tx/txc_xo_rm.c src/libtxcoord-tx/txc_xo_rm.h \
	src/libtxcoord-tx/txc_xo_state.c src/libtxcoord-tx/txc_xo_state.h \
	src/libtxcoord-tx/txc_xo_thread.c src/libtxcoord-tx/txc_xo_thread.h \
	src/libtxcoord-tx/txc_xo_tx.c \
	src/libtxcoord-tx/txc_xo_xa.c src/libtxcoord-tx/txc_xo_xa.h \
	plugins/xa/xa_code.c plugins/xa/xa_code.h
src_libtxcoord_tx_libxo_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins
src_libtxcoord_tx_libxo_la_LIBADD = src/daemon/libdaemon.la src/core/libcore.la src/base/libbase.la

lib_LTLIBRARIES += src/libtxcoord-tx/libtxcoord-tx.la
src_libtxcoord_tx_libtxcoord_tx_la_SOURCES =
src_libtxcoord_tx_libtxcoord_tx_la_LIBADD = src/libtxcoord-tx/libxo.la src/libtxcoord/libtxcoord-xa.la \
	src/libtxcoord/libtxcoord.la
src_libtxcoord_tx_libtxcoord_tx_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/src/libtxcoord-tx/libtxcoord-tx.map
EXTRA_src_libtxcoord_tx_libtxcoord_tx_la_DEPENDENCIES = $(top_srcdir)/src/libtxcoord-tx/libtxcoord-tx.map

# What hands out a thread's connections: one for each database library, so that a program needs only those that it uses.
EXTRA_DIST += src/libtxcoord-tx/libtxcoord-tx-pg.map src/libtxcoord-tx/libtxcoord-tx-mysql.map
if HAVE_LIBPQ
pkginclude_HEADERS += src/include/txcoord/txc_tx_pg.h
pkgconfig_DATA += src/libtxcoord-tx/libtxcoord-tx-pg.pc
lib_LTLIBRARIES += src/libtxcoord-tx/libtxcoord-tx-pg.la
endif
src_libtxcoord_tx_libtxcoord_tx_pg_la_SOURCES = src/libtxcoord-tx/txc_tx_pg.c
src_libtxcoord_tx_libtxcoord_tx_pg_la_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)
src_libtxcoord_tx_libtxcoord_tx_pg_la_LIBADD = src/libtxcoord-tx/libtxcoord-tx.la src/libtxcoord/libtxcoord-pg.la $(LIBPQ_LIBS)
src_libtxcoord_tx_libtxcoord_tx_pg_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/src/libtxcoord-tx/libtxcoord-tx-pg.map
EXTRA_src_libtxcoord_tx_libtxcoord_tx_pg_la_DEPENDENCIES = $(top_srcdir)/src/libtxcoord-tx/libtxcoord-tx-pg.map

if HAVE_MYSQL
pkginclude_HEADERS += src/include/txcoord/txc_tx_mysql.h
pkgconfig_DATA += src/libtxcoord-tx/libtxcoord-tx-mysql.pc
lib_LTLIBRARIES += src/libtxcoord-tx/libtxcoord-tx-mysql.la
endif
src_libtxcoord_tx_libtxcoord_tx_mysql_la_SOURCES = src/libtxcoord-tx/txc_tx_mysql.c
src_libtxcoord_tx_libtxcoord_tx_mysql_la_CFLAGS = $(AM_CFLAGS) $(MYSQL_CFLAGS)
src_libtxcoord_tx_libtxcoord_tx_mysql_la_LIBADD = src/libtxcoord-tx/libtxcoord-tx.la src/libtxcoord/libtxcoord-mysql.la $(MYSQL_LIBS)
src_libtxcoord_tx_libtxcoord_tx_mysql_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/src/libtxcoord-tx/libtxcoord-tx-mysql.map
EXTRA_src_libtxcoord_tx_libtxcoord_tx_mysql_la_DEPENDENCIES = $(top_srcdir)/src/libtxcoord-tx/libtxcoord-tx-mysql.map
