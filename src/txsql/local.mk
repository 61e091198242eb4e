# src/txsql: a shell for global transactions.  All but main is a library, for the unit tests.
noinst_LTLIBRARIES += src/txsql/libtxsql.la
src_txsql_libtxsql_la_SOURCES = \
	src/txsql/sql_command.c src/txsql/sql_command.h \
	src/txsql/sql_shell.c src/txsql/sql_shell.h \
	src/txsql/sql_split.c src/txsql/sql_split.h
src_txsql_libtxsql_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)

bin_PROGRAMS += src/txsql/txsql
src_txsql_txsql_SOURCES = src/txsql/txsql.c src/txsql/sql_prompt.c src/txsql/sql_prompt.h
src_txsql_txsql_CFLAGS = $(AM_CFLAGS) $(LIBEDIT_CFLAGS)
src_txsql_txsql_LDADD = src/txsql/libtxsql.la src/txctl/libtool.la src/libtxcoord/libtxcoord.la \
	src/daemon/libdaemon.la src/net/libnet.la src/wire/libwire.la \
	$(LIBEDIT_LIBS) $(JANSSON_LIBS)
