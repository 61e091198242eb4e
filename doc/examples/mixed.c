/* One transaction in both ways: its agent executes what is done in MariaDB; PostgreSQL is the program's own connection.
 * cc mixed.c $(pkg-config --cflags --libs libtxcoord-pg) -o mixed
 * usage: mixed ENDPOINT CONNINFO */
#include <stdio.h>
#include <txcoord/txc_pg.h>

static int transfer (txc_tx_t *tx, PGconn *pg)
{
    int rc = txc_enlist_pg (tx, "bank_pg", pg);
    if (rc != TXC_OK)
        return rc;
    PGresult *result = PQexec (pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1");
    int ok = PQresultStatus (result) == PGRES_COMMAND_OK;
    PQclear (result);
    rc = ok ? txc_exec (tx, "bank_my", "UPDATE acct SET bal = bal + 5 WHERE id = 1", 0, NULL, NULL) : TXC_ERM;
    return rc == TXC_OK ? txc_commit (tx, NULL) : rc;
}

/* The library knows of its own errors, not of those that the program's own SQL has met. */
static const char *reason (const txc_tx_t *tx, int rc)
{
    txc_error_info_t error = tx ? txc_tx_error (tx) : txc_last_error ();
    return error.code != TXC_OK ? error.text : txc_strerror (rc);
}

int main (int argc, char **argv)
{
    if (argc != 3)
        return 2;
    txc_client_t *client = txc_client_new (argv[1], NULL);
    PGconn *pg = PQconnectdb (argv[2]);
    txc_tx_t *tx = client && PQstatus (pg) == CONNECTION_OK ? txc_begin (client, NULL) : NULL;
    int rc = tx ? transfer (tx, pg) : TXC_ECONN;
    printf ("%s: %s\n", tx ? txc_tx_gtrid (tx) : "-", rc == TXC_OK ? "committed" : reason (tx, rc));
    txc_tx_destroy (&tx); /* rolls back what is not over, before the connection is closed */
    PQfinish (pg);
    txc_client_destroy (&client);
    return rc == TXC_OK ? 0 : 1;
}
