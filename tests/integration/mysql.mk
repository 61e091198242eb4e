# The MariaDB plugin on a real server.
EXTRA_DIST += tests/lib/mariadb.sh tests/integration/run_plugin_mysql
if HAVE_CMOCKA
if HAVE_MYSQL
check_PROGRAMS += tests/integration/plugin_mysql
TESTS += tests/integration/run_plugin_mysql
tests_integration_plugin_mysql_SOURCES = \
	tests/integration/my_fixture.c tests/integration/my_fixture.h \
	tests/integration/my_check.c \
	tests/integration/my_crash.c \
	tests/integration/my_finish.c \
	tests/integration/my_guard.c \
	tests/integration/my_odd.c \
	tests/integration/my_result.c \
	tests/integration/my_vote.c \
	tests/integration/plugin_mysql.c
tests_integration_plugin_mysql_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(MYSQL_CFLAGS)
tests_integration_plugin_mysql_LDADD = $(CMOCKA_LIBS) $(MYSQL_LIBS)
tests_integration_plugin_mysql_DEPENDENCIES = plugins/mysql/txc_rm_mysql.la
endif
endif
