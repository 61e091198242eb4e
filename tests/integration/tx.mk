# Programs of the X/Open TX interface on real databases.
check_PROGRAMS += tests/integration/tx_calls
tests_integration_tx_calls_SOURCES = tests/integration/tx_calls.c
tests_integration_tx_calls_LDADD = src/libtxcoord-tx/libtxcoord-tx.la src/libtxcoord/libtxcoord.la
if HAVE_PGSQL
if HAVE_MYSQL
TESTS += tests/integration/tx
endif
endif
EXTRA_DIST += tests/integration/tx
