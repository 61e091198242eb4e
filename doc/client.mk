# The manual pages of library and tools, and an example that compiles.
dist_man_MANS += doc/man/libtxcoord.3 doc/man/txctl.8 doc/man/txsql.1

check_PROGRAMS += doc/examples/transfer
EXTRA_DIST += doc/examples/transfer.py
doc_examples_transfer_SOURCES = doc/examples/transfer.c
doc_examples_transfer_LDADD = src/libtxcoord/libtxcoord.la
