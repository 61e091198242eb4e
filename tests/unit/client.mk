# src/libtxcoord, src/txsql, src/txctl.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_client_crew tests/unit/test_txsql_split
TESTS += tests/unit/test_client_crew tests/unit/test_txsql_split

tests_unit_test_client_crew_SOURCES = tests/unit/test_client_crew.c
tests_unit_test_client_crew_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_client_crew_LDADD = src/libtxcoord/libclient.la src/core/libcore.la src/base/libbase.la $(CMOCKA_LIBS)

tests_unit_test_txsql_split_SOURCES = tests/unit/test_txsql_split.c
tests_unit_test_txsql_split_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_txsql_split_LDADD = src/txsql/libtxsql.la src/base/libbase.la $(CMOCKA_LIBS)
endif
