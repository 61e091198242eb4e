/* Moves 5 from an account in PostgreSQL to one in MariaDB on the program's own connections.
 * cc enlisted.c $(pkg-config --cflags --libs libtxcoord-pg libtxcoord-mysql) -o enlisted
 * usage: enlisted ENDPOINT CONNINFO SOCKET USER */
#include <stdio.h>
#include <txcoord/txc_mysql.h>
#include <txcoord/txc_pg.h>

static int transfer (txc_tx_t *tx, PGconn *pg, MYSQL *my)
{
    int rc = txc_enlist_pg (tx, "bank_pg", pg);
    if (rc == TXC_OK)
        rc = txc_enlist_mysql (tx, "bank_my", my);
    if (rc != TXC_OK)
        return rc;
    /* From here on as before: any SQL, with either library, but COMMIT and ROLLBACK. */
    PGresult *result = PQexec (pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1");
    int ok = PQresultStatus (result) == PGRES_COMMAND_OK;
    PQclear (result);
    ok = ok && mysql_query (my, "UPDATE acct SET bal = bal + 5 WHERE id = 1") == 0;
    return ok ? txc_commit (tx, NULL) : txc_rollback (tx) == TXC_OK ? TXC_ROLLED_BACK : TXC_ERM;
}

/* The library knows of its own errors, not of those that the program's own SQL has met. */
static const char *reason (const txc_tx_t *tx, int rc)
{
    txc_error_info_t error = tx ? txc_tx_error (tx) : txc_last_error ();
    return error.code != TXC_OK ? error.text : txc_strerror (rc);
}

int main (int argc, char **argv)
{
    if (argc != 5)
        return 2;
    txc_client_t *client = txc_client_new (argv[1], NULL);
    PGconn *pg = PQconnectdb (argv[2]);
    MYSQL *my = mysql_init (NULL);
    int connected =
        PQstatus (pg) == CONNECTION_OK && mysql_real_connect (my, NULL, argv[4], NULL, "bank", 0, argv[3], 0);
    txc_tx_t *tx = client && connected ? txc_begin (client, NULL) : NULL;
    int rc = tx ? transfer (tx, pg, my) : TXC_ECONN;
    printf ("%s: %s\n", tx ? txc_tx_gtrid (tx) : "-", rc == TXC_OK ? "committed" : reason (tx, rc));
    txc_tx_destroy (&tx); /* rolls back what is not over, before the connections are closed */
    mysql_close (my);
    PQfinish (pg);
    txc_client_destroy (&client);
    return rc == TXC_OK ? 0 : 1;
}
