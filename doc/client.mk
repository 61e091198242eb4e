# The manual pages of library and tools, and an example that compiles.
dist_man_MANS += doc/man/libtxcoord.3 doc/man/txctl.8 doc/man/txsql.1

check_PROGRAMS += doc/examples/transfer doc/examples/join doc/examples/last_resource
EXTRA_DIST += doc/examples/transfer.py
doc_examples_transfer_SOURCES = doc/examples/transfer.c
doc_examples_join_SOURCES = doc/examples/join.c
doc_examples_last_resource_SOURCES = doc/examples/last_resource.c
doc_examples_last_resource_LDADD = src/libtxcoord/libtxcoord.la
doc_examples_join_LDADD = src/libtxcoord/libtxcoord.la
doc_examples_transfer_LDADD = src/libtxcoord/libtxcoord.la

# Enlisted connections.
if HAVE_LIBPQ
check_PROGRAMS += doc/examples/mixed
if HAVE_MYSQL
check_PROGRAMS += doc/examples/enlisted
endif
endif
doc_examples_mixed_SOURCES = doc/examples/mixed.c
doc_examples_mixed_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS)
doc_examples_mixed_LDADD = src/libtxcoord/libtxcoord-pg.la src/libtxcoord/libtxcoord.la $(LIBPQ_LIBS)
doc_examples_enlisted_SOURCES = doc/examples/enlisted.c
doc_examples_enlisted_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS) $(MYSQL_CFLAGS)
doc_examples_enlisted_LDADD = src/libtxcoord/libtxcoord-pg.la src/libtxcoord/libtxcoord-mysql.la \
	src/libtxcoord/libtxcoord.la $(LIBPQ_LIBS) $(MYSQL_LIBS)
