# The PostgreSQL plugin against a real, private server.
if HAVE_PGSQL
if HAVE_CMOCKA
check_PROGRAMS += tests/integration/plugin_pgsql
TESTS += tests/integration/run_plugin_pgsql
endif
endif
tests_integration_plugin_pgsql_SOURCES = \
	tests/integration/pgsql_harness.c tests/integration/pgsql_harness.h \
	tests/integration/pgsql_recovery.c \
	tests/integration/pgsql_setup.c \
	tests/integration/pgsql_sql.c \
	tests/integration/pgsql_statement.c \
	tests/integration/pgsql_vote.c
tests_integration_plugin_pgsql_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS) $(CMOCKA_CFLAGS)
# -export-dynamic: a test counts what libpq sends.
tests_integration_plugin_pgsql_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tests_integration_plugin_pgsql_LDADD = $(LIBPQ_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/integration/run_plugin_pgsql tests/lib/postgres.sh
