# Programs of the X/Open TX interface on real databases.
check_PROGRAMS += tests/integration/tx_calls tests/integration/tx_outcomes
tests_integration_tx_calls_SOURCES = tests/integration/tx_calls.c
tests_integration_tx_calls_LDADD = src/libtxcoord-tx/libtxcoord-tx.la src/libtxcoord/libtxcoord.la
tests_integration_tx_outcomes_SOURCES = tests/integration/tx_outcomes.c
tests_integration_tx_outcomes_LDADD = $(tests_integration_tx_calls_LDADD)
if HAVE_PGSQL
if HAVE_MYSQL
TESTS += tests/integration/tx
endif
endif
EXTRA_DIST += tests/integration/tx
