/* A database that cannot prepare takes part as the last resource: here a PostgreSQL with max_prepared_transactions = 0.
 * cc last_resource.c $(pkg-config --cflags --libs libtxcoord) -o last_resource
 * usage: last_resource ENDPOINT
 *
 * The program is as any other.  What makes bank_pg a last resource is its agent's configuration (txagent.cfg) and a
 * table in that database (sql/postgresql/last_resource.sql):
 *          rm
 *              bank_pg
 *                  plugin = pgsql
 *                  last_resource = 1
 * It is asked when all others have voted, commits with a marker that proves it, and its answer decides.  So a
 * transaction has one of them, is of mode 2pc, and its statements there are the agent's to run (txc_exec). */
#include <stdio.h>
#include <string.h>
#include <txcoord/txcoord.h>

static int transfer (txc_tx_t *tx, const char *amount)
{
    txc_param_t params[] = {{.value = amount}, {.value = "1"}};
    int rc = txc_exec (tx, "bank_pg", "UPDATE acct SET bal = bal - $1 WHERE id = $2", 2, params, NULL);
    if (rc == TXC_OK)
        rc = txc_exec (tx, "bank_my", "UPDATE acct SET bal = bal + ? WHERE id = ?", 2, params, NULL);
    return rc == TXC_OK ? txc_commit (tx, NULL) : rc;
}

/* One transfer in a transaction of that mode; what came of it. */
static int run (txc_client_t *client, const char *mode, const char *amount)
{
    txc_tx_t *tx = txc_begin (client, &(txc_tx_options_t){.timeout_ms = 10000, .mode = mode});
    int rc = tx ? transfer (tx, amount) : txc_last_error ().code;
    printf ("%s, %s: %s\n", mode, amount, rc == TXC_OK ? "committed" : tx ? txc_tx_error (tx).text : txc_last_error ().text);
    txc_tx_destroy (&tx); /* rolls back what is not over */
    return rc;
}

int main (int argc, char **argv)
{
    txc_client_t *client = txc_client_new (argc > 1 ? argv[1] : "tcp://127.0.0.1:7400", NULL);
    int ok = client != NULL;
    if (!client)
        fprintf (stderr, "%s\n", txc_last_error ().text);
    ok = ok && run (client, "2pc", "5") == TXC_OK;
    ok = ok && run (client, "2pc", "1000000000") != TXC_OK; /* more than there is: neither side moves */
    ok = ok && run (client, "paxos", "5") == TXC_EMODE;     /* its agent says so at once */
    txc_client_destroy (&client);
    return ok ? 0 : 1;
}
