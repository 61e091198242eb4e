# src/libtxcoord-tx: the X/Open TX interface on top of the client library's public API.
include_HEADERS += src/include/tx.h
pkginclude_HEADERS += src/include/txcoord/txc_xopen.h
pkgconfig_DATA += src/libtxcoord-tx/libtxcoord-tx.pc
EXTRA_DIST += src/libtxcoord-tx/libtxcoord-tx.map

# Without the client library, for a test that stands in for it.
noinst_LTLIBRARIES += src/libtxcoord-tx/libxo.la
src_libtxcoord_tx_libxo_la_SOURCES = \
	src/libtxcoord-tx/txc_xo_config.c src/libtxcoord-tx/txc_xo_config.h \
	src/libtxcoord-tx/txc_xo_process.c src/libtxcoord-tx/txc_xo_process.h \
	src/libtxcoord-tx/txc_xo_state.c src/libtxcoord-tx/txc_xo_state.h \
	src/libtxcoord-tx/txc_xo_thread.c src/libtxcoord-tx/txc_xo_thread.h \
	src/libtxcoord-tx/txc_xo_tx.c
src_libtxcoord_tx_libxo_la_LIBADD = src/daemon/libdaemon.la src/core/libcore.la src/base/libbase.la

lib_LTLIBRARIES += src/libtxcoord-tx/libtxcoord-tx.la
src_libtxcoord_tx_libtxcoord_tx_la_SOURCES =
src_libtxcoord_tx_libtxcoord_tx_la_LIBADD = src/libtxcoord-tx/libxo.la src/libtxcoord/libtxcoord.la
src_libtxcoord_tx_libtxcoord_tx_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/src/libtxcoord-tx/libtxcoord-tx.map
EXTRA_src_libtxcoord_tx_libtxcoord_tx_la_DEPENDENCIES = $(top_srcdir)/src/libtxcoord-tx/libtxcoord-tx.map
