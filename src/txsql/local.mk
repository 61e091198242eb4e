# src/txsql: a shell for global transactions.  All but main is a library, for the unit tests.
noinst_LTLIBRARIES += src/txsql/libtxsql.la
src_txsql_libtxsql_la_SOURCES = \
	src/txsql/sql_command.c src/txsql/sql_command.h \
	src/txsql/sql_shell.c src/txsql/sql_shell.h \
	src/txsql/sql_split.c src/txsql/sql_split.h
src_txsql_libtxsql_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)

