# plugins/mem: an in-memory resource manager with faults on demand.
plugin_LTLIBRARIES += plugins/mem/txc_rm_mem.la
plugins_mem_txc_rm_mem_la_SOURCES = \
	plugins/mem/mem.h plugins/mem/mem_fault.c plugins/mem/mem_file.c \
	plugins/mem/mem_statement.c plugins/mem/mem_store.c plugins/mem/mem_switch.c
plugins_mem_txc_rm_mem_la_LIBADD = src/base/libbase.la
plugins_mem_txc_rm_mem_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version
