# src/libtxcoord-tx.
dist_check_SCRIPTS += tests/unit/test_tx_symbols
TESTS += tests/unit/test_tx_symbols

if HAVE_CMOCKA
# Both stand in for the client library.
check_PROGRAMS += tests/unit/test_tx_states tests/unit/test_tx_rms
TESTS += tests/unit/test_tx_states tests/unit/test_tx_rms
tests_unit_test_tx_states_SOURCES = tests/unit/test_tx_states.c tests/unit/tx_world.c tests/unit/tx_world.h
tests_unit_test_tx_states_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tx_states_LDADD = src/libtxcoord-tx/libxo.la $(CMOCKA_LIBS)
tests_unit_test_tx_rms_SOURCES = tests/unit/test_tx_rms.c tests/unit/tx_world.c tests/unit/tx_world.h
tests_unit_test_tx_rms_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tx_rms_LDADD = src/libtxcoord-tx/libxo.la $(CMOCKA_LIBS)
endif
