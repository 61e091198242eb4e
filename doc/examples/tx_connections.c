/* A program for the X/Open TX interface with connections of its own: the library opens them, and every transaction of
 * the thread has a branch on each.
 * cc tx_connections.c $(pkg-config --cflags --libs libtxcoord-tx-pg libtxcoord-tx-mysql) -o tx_connections
 * TXCOORD_TX_CONFIG=tx.cfg ./tx_connections
 *
 * tx.cfg:  coordinator = tcp://127.0.0.1:7400
 *          rm
 *              bank_pg
 *                  kind = pgsql
 *                  conninfo = "host=/run/postgresql dbname=bank user=app"
 *              bank_my
 *                  kind = mysql
 *                  socket = /run/mysqld/mysqld.sock
 *                  user = app
 *                  database = bank */
#include <stdio.h>
#include <tx.h>
#include <txcoord/txc_tx_mysql.h>
#include <txcoord/txc_tx_pg.h>

/* Moves 5 from an account in PostgreSQL to one in MariaDB: any SQL, with either library, but COMMIT and ROLLBACK. */
static int transfer (PGconn *pg, MYSQL *my)
{
    PGresult *result = PQexec (pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1");
    int ok = PQresultStatus (result) == PGRES_COMMAND_OK;
    PQclear (result);
    ok = ok && mysql_query (my, "UPDATE acct SET bal = bal + 5 WHERE id = 1") == 0;
    if (!ok)
        return tx_rollback () == TX_OK ? TX_ROLLBACK : TX_FAIL;
    return tx_commit ();
}

static int report (const char *what, int rc)
{
    printf ("%s: %d%s%s\n", what, rc, rc < 0 ? ": " : "", txc_tx_reason ());
    return rc;
}

int main (void)
{
    if (report ("tx_open", tx_open ()) != TX_OK)
        return 1;
    /* Once is enough: the handles stay the same until tx_close, which closes them. */
    PGconn *pg = txc_tx_pg ("bank_pg");
    MYSQL *my = pg ? txc_tx_mysql ("bank_my") : NULL;
    int rc = my ? TX_OK : report ("connections", TX_ERROR);
    tx_set_transaction_timeout (30);
    for (int i = 0; rc == TX_OK && i < 3; i++) {
        rc = report ("tx_begin", tx_begin ()); /* TX_OUTSIDE, if a transaction of its own were open on one */
        if (rc == TX_OK)
            rc = report ("transfer", transfer (pg, my));
    }
    report ("tx_close", tx_close ());
    return rc == TX_OK ? 0 : 1;
}
