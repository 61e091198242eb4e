# src/wire: the schema of what processes send and keep, and its codec.
noinst_LTLIBRARIES += src/wire/libwire.la
src_wire_libwire_la_SOURCES = \
	src/wire/txc_arena.c src/wire/txc_arena.h \
	src/wire/txc_codec.c src/wire/txc_codec.h \
	src/wire/txc_frame.c src/wire/txc_frame.h \
	src/wire/txc_rows.c src/wire/txc_rows.h \
	src/wire/txc_schema.c src/wire/txc_shape.c src/wire/txc_shape.h \
	src/wire/txc_statement.c src/wire/txc_statement.h \
	src/wire/txc_values.c src/wire/txc_values.h
nodist_src_wire_libwire_la_SOURCES = src/wire/txcoord.pb-c.c src/wire/txcoord.pb-c.h
src_wire_libwire_la_CFLAGS = $(AM_CFLAGS) $(PROTOBUF_C_CFLAGS)
src_wire_libwire_la_LIBADD = src/core/libcore.la src/base/libbase.la $(PROTOBUF_C_LIBS)

BUILT_SOURCES += src/wire/txcoord.pb-c.c src/wire/txcoord.pb-c.h
CLEANFILES += src/wire/txcoord.pb-c.c src/wire/txcoord.pb-c.h
src/wire/txcoord.pb-c.c: $(top_srcdir)/src/wire/txcoord.proto
	$(AM_V_GEN)$(MKDIR_P) src/wire && \
	$(PROTOC_C) --proto_path=$(top_srcdir)/src/wire --c_out=src/wire $(top_srcdir)/src/wire/txcoord.proto
src/wire/txcoord.pb-c.h: src/wire/txcoord.pb-c.c

# A client in another language begins with the schema.
protodir = $(pkgdatadir)
dist_proto_DATA = src/wire/txcoord.proto
