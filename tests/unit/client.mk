# src/libtxcoord, src/txsql, src/txctl.
dist_check_SCRIPTS = tests/unit/test_client_symbols tests/unit/test_documentation
TESTS += tests/unit/test_client_symbols tests/unit/test_documentation

if HAVE_CMOCKA
noinst_LTLIBRARIES += tests/lib/libfakepeer.la
tests_lib_libfakepeer_la_SOURCES = tests/lib/txc_fake_peer.c tests/lib/txc_fake_peer.h
client_patience = tests/lib/txc_patience.c tests/lib/txc_patience.h

client_tests = tests/unit/test_client_admin tests/unit/test_client_api tests/unit/test_client_crew \
	tests/unit/test_client_leader tests/unit/test_client_pieces tests/unit/test_client_script tests/unit/test_txsql_split
check_PROGRAMS += $(client_tests) tests/unit/test_client_fork
TESTS += $(client_tests)
# Not with a sanitizer: theirs is an allocator that a fork among threads leaves locked in the child.
if !SANITIZED
TESTS += tests/unit/test_client_fork
endif
TSAN_TESTS += tests/unit/test_client_api tests/unit/test_client_crew tests/unit/test_client_leader

tests_unit_test_client_admin_SOURCES = tests/unit/test_client_admin.c
tests_unit_test_client_admin_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/lib
tests_unit_test_client_admin_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_client_admin_LDADD = tests/lib/libfakepeer.la src/txctl/libtool.la src/net/libnet.la \
	src/wire/libwire.la $(JANSSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_client_api_SOURCES = tests/unit/test_client_api.c $(client_patience)
tests_unit_test_client_api_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=txc_session_new
tests_unit_test_client_api_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/lib
tests_unit_test_client_api_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_client_api_LDADD = tests/lib/libfakepeer.la src/libtxcoord/libclient.la src/net/libnet.la \
	src/wire/libwire.la $(CMOCKA_LIBS)

tests_unit_test_client_script_SOURCES = tests/unit/test_client_script.c tests/unit/txc_test.h
tests_unit_test_client_script_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_client_script_LDADD = src/libtxcoord/libclient.la src/net/libnet.la src/wire/libwire.la $(CMOCKA_LIBS)

tests_unit_test_client_crew_SOURCES = tests/unit/test_client_crew.c
tests_unit_test_client_crew_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_client_crew_LDADD = src/libtxcoord/libclient.la src/core/libcore.la src/base/libbase.la \
	$(CMOCKA_LIBS)

tests_unit_test_client_fork_SOURCES = tests/unit/test_client_fork.c $(client_patience)
tests_unit_test_client_fork_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=txc_session_new
tests_unit_test_client_fork_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/lib
tests_unit_test_client_fork_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_client_fork_LDADD = tests/lib/libfakepeer.la src/libtxcoord/libclient.la src/net/libnet.la \
	src/wire/libwire.la $(CMOCKA_LIBS)

tests_unit_test_client_leader_SOURCES = tests/unit/test_client_leader.c $(client_patience)
tests_unit_test_client_leader_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=txc_session_new
tests_unit_test_client_leader_CPPFLAGS = $(tests_unit_test_client_api_CPPFLAGS)
tests_unit_test_client_leader_CFLAGS = $(tests_unit_test_client_api_CFLAGS)
tests_unit_test_client_leader_LDADD = $(tests_unit_test_client_api_LDADD)

tests_unit_test_client_pieces_SOURCES = tests/unit/test_client_pieces.c
tests_unit_test_client_pieces_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_client_pieces_LDADD = src/libtxcoord/libclient.la src/txctl/libtool.la src/base/libbase.la \
	$(CMOCKA_LIBS)

tests_unit_test_txsql_split_SOURCES = tests/unit/test_txsql_split.c
tests_unit_test_txsql_split_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_txsql_split_LDADD = src/txsql/libtxsql.la src/base/libbase.la $(CMOCKA_LIBS)
endif
