# The X/Open TX interface: manual pages, and an example that compiles.
TX_MANS = doc/man/tx_begin.3 doc/man/tx_close.3 doc/man/tx_commit.3 doc/man/tx_info.3 doc/man/tx_open.3 doc/man/tx_rollback.3 \
	doc/man/tx_set_commit_return.3 doc/man/tx_set_transaction_control.3 doc/man/tx_set_transaction_timeout.3 \
	doc/man/txc_tx_connection.3 doc/man/txc_tx_current.3 doc/man/txc_tx_client.3 doc/man/txc_tx_pg.3 doc/man/txc_tx_reason.3
dist_man_MANS += $(TX_MANS) doc/man/tx.cfg.5

check_PROGRAMS += doc/examples/tx
doc_examples_tx_SOURCES = doc/examples/tx.c
doc_examples_tx_LDADD = src/libtxcoord-tx/libtxcoord-tx.la src/libtxcoord/libtxcoord.la

if HAVE_LIBPQ
if HAVE_MYSQL
check_PROGRAMS += doc/examples/tx_connections
endif
endif
doc_examples_tx_connections_SOURCES = doc/examples/tx_connections.c
doc_examples_tx_connections_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS) $(MYSQL_CFLAGS)
doc_examples_tx_connections_LDADD = src/libtxcoord-tx/libtxcoord-tx-pg.la src/libtxcoord-tx/libtxcoord-tx-mysql.la \
	src/libtxcoord-tx/libtxcoord-tx.la src/libtxcoord/libtxcoord.la $(LIBPQ_LIBS) $(MYSQL_LIBS)
