# plugins/xa.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_xa_codes
TESTS += tests/unit/test_xa_codes
tests_unit_test_xa_codes_SOURCES = tests/unit/test_xa_codes.c
tests_unit_test_xa_codes_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/lib -I$(top_srcdir)/plugins/xa
tests_unit_test_xa_codes_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_xa_codes_LDADD = plugins/xa/libxa.la $(CMOCKA_LIBS)
EXTRA_tests_unit_test_xa_codes_DEPENDENCIES = tests/lib/txc_scripted_xa.la

# libtxcoord-xa: the application's side.
check_PROGRAMS += tests/unit/test_xa_calls
TESTS += tests/unit/test_xa_calls
tests_unit_test_xa_calls_SOURCES = tests/unit/test_xa_calls.c
tests_unit_test_xa_calls_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/lib
tests_unit_test_xa_calls_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_xa_calls_LDADD = src/libtxcoord/libxaclient.la src/libtxcoord/libtxcoord.la $(CMOCKA_LIBS)
EXTRA_tests_unit_test_xa_calls_DEPENDENCIES = tests/lib/txc_scripted_xa.la
endif
