# src/base: what every room uses, pure.
noinst_LTLIBRARIES += src/base/libbase.la
src_base_libbase_la_SOURCES = \
	src/base/txc_assert.c src/base/txc_assert.h \
	src/base/txc_blob.c src/base/txc_blob.h \
	src/base/txc_codes.c src/base/txc_codes.h \
	src/base/txc_hash.c src/base/txc_hash.h \
	src/base/txc_heap.c src/base/txc_heap.h \
	src/base/txc_id.c src/base/txc_id.h \
	src/base/txc_limits.h src/base/txc_list.h \
	src/base/txc_mem.c src/base/txc_mem.h src/base/txc_version.h
pkginclude_HEADERS += src/base/txc_codes.h
# The public name of it in the source tree: a link.
EXTRA_DIST += src/include/txcoord/txc_codes.h
