# src/libtxcoord-tx.
dist_check_SCRIPTS += tests/unit/test_tx_symbols
TESTS += tests/unit/test_tx_symbols

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_tx_states
TESTS += tests/unit/test_tx_states
tests_unit_test_tx_states_SOURCES = tests/unit/test_tx_states.c
tests_unit_test_tx_states_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tx_states_LDADD = src/libtxcoord-tx/libxo.la $(CMOCKA_LIBS)
endif
