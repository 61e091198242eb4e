# Enlisted connections, on real databases.
if HAVE_PGSQL
if HAVE_MYSQL
check_PROGRAMS += tests/integration/bank_enlist tests/integration/enlist_calls tests/integration/enlist_misuse
TESTS += tests/integration/enlist
endif
endif
tests_integration_bank_enlist_SOURCES = tests/integration/bank_enlist.c \
	tests/integration/bank_crash.c tests/integration/bank_crash.h \
	tests/integration/bank_history.c tests/integration/bank_history.h \
	tests/integration/enlist_driver.c tests/integration/enlist_driver.h
tests_integration_bank_enlist_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(LIBPQ_CFLAGS) $(MYSQL_CFLAGS) \
	$(ZMQ_CFLAGS)
tests_integration_bank_enlist_LDADD = src/libtxcoord/libtxcoord-pg.la src/libtxcoord/libtxcoord-mysql.la \
	src/libtxcoord/libtxcoord.la src/wire/libwire.la src/core/libcore.la src/base/libbase.la \
	$(LIBPQ_LIBS) $(MYSQL_LIBS) $(ZMQ_LIBS)
# Its own PQsendQuery and so on are found before the libraries'.
tests_integration_bank_enlist_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tests_integration_enlist_calls_SOURCES = tests/integration/enlist_calls.c \
	tests/integration/enlist_driver.c tests/integration/enlist_driver.h \
	tests/integration/enlist_fixture.c tests/integration/enlist_fixture.h
tests_integration_enlist_calls_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(LIBPQ_CFLAGS) $(MYSQL_CFLAGS)
tests_integration_enlist_calls_LDADD = src/libtxcoord/libtxcoord-pg.la src/libtxcoord/libtxcoord-mysql.la \
	src/libtxcoord/libtxcoord.la $(LIBPQ_LIBS) $(MYSQL_LIBS)
tests_integration_enlist_misuse_SOURCES = tests/integration/enlist_misuse.c \
	tests/integration/enlist_driver.c tests/integration/enlist_driver.h \
	tests/integration/enlist_fixture.c tests/integration/enlist_fixture.h
tests_integration_enlist_misuse_CPPFLAGS = $(tests_integration_enlist_calls_CPPFLAGS)
tests_integration_enlist_misuse_LDADD = $(tests_integration_enlist_calls_LDADD)
EXTRA_DIST += tests/integration/enlist tests/integration/enlist_crash tests/lib/enlisted.py
