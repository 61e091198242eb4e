# Resource managers with an XA switch.
if HAVE_PGSQL
if HAVE_MYSQL
check_PROGRAMS += tests/integration/xa_transfer
TESTS += tests/integration/xa
endif
endif
EXTRA_tests_integration_xa_transfer_DEPENDENCIES = tests/lib/txc_file_xa.la
EXTRA_DIST += tests/integration/xa
tests_integration_xa_transfer_SOURCES = tests/integration/xa_transfer.c
tests_integration_xa_transfer_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/lib
tests_integration_xa_transfer_LDADD = src/libtxcoord/libtxcoord-xa.la src/libtxcoord/libtxcoord.la
