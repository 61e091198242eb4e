# Programs of the X/Open TX interface on real databases.
check_PROGRAMS += tests/integration/tx_calls tests/integration/tx_outcomes
tests_integration_tx_calls_SOURCES = tests/integration/tx_calls.c
tests_integration_tx_calls_LDADD = src/libtxcoord-tx/libtxcoord-tx.la src/libtxcoord/libtxcoord.la
tests_integration_tx_outcomes_SOURCES = tests/integration/tx_outcomes.c
tests_integration_tx_outcomes_LDADD = $(tests_integration_tx_calls_LDADD)
if HAVE_PGSQL
if HAVE_MYSQL
check_PROGRAMS += tests/integration/bank_tx tests/integration/tx_connection_calls
TESTS += tests/integration/tx tests/integration/tx_connections
endif
endif
EXTRA_DIST += tests/integration/tx tests/integration/tx_connections

# With connections of the thread's own.
tx_connections_libs = src/libtxcoord-tx/libtxcoord-tx-pg.la src/libtxcoord-tx/libtxcoord-tx-mysql.la \
	src/libtxcoord-tx/libtxcoord-tx.la src/libtxcoord/libtxcoord.la $(LIBPQ_LIBS) $(MYSQL_LIBS)
tests_integration_bank_tx_SOURCES = tests/integration/bank_tx.c \
	tests/integration/bank_crash.c tests/integration/bank_crash.h \
	tests/integration/bank_history.c tests/integration/bank_history.h
tests_integration_bank_tx_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(LIBPQ_CFLAGS) $(MYSQL_CFLAGS) $(ZMQ_CFLAGS)
tests_integration_bank_tx_LDADD = $(tx_connections_libs) src/wire/libwire.la src/core/libcore.la src/base/libbase.la \
	$(ZMQ_LIBS)
tests_integration_bank_tx_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tests_integration_tx_connection_calls_SOURCES = tests/integration/tx_connection_calls.c
tests_integration_tx_connection_calls_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS) $(MYSQL_CFLAGS)
tests_integration_tx_connection_calls_LDADD = $(tx_connections_libs)
EXTRA_tests_integration_tx_connection_calls_DEPENDENCIES = tests/lib/txc_file_xa.la
