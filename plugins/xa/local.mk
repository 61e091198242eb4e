# plugins/xa: a vendor's XA switch, the agent's side.
plugin_LTLIBRARIES += plugins/xa/txc_rm_xa.la
noinst_LTLIBRARIES += plugins/xa/libxa.la
plugins_xa_libxa_la_SOURCES = \
	plugins/xa/xa_code.c plugins/xa/xa_code.h plugins/xa/xa_conn.c plugins/xa/xa_rm.h plugins/xa/xa_switch.c
plugins_xa_libxa_la_LIBADD = src/base/libbase.la
plugins_xa_txc_rm_xa_la_SOURCES =
plugins_xa_txc_rm_xa_la_LIBADD = plugins/xa/libxa.la
plugins_xa_txc_rm_xa_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version
include_HEADERS += src/include/xa.h
