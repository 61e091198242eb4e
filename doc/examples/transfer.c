/* Moves 5 from an account in PostgreSQL to one in MariaDB, wholly or not at all.
 * cc transfer.c $(pkg-config --cflags --libs libtxcoord) -o transfer */
#include <stdio.h>
#include <txcoord/txcoord.h>

static int transfer (txc_tx_t *tx)
{
    txc_param_t account = {.value = "1"};
    int rc = txc_exec (tx, "bank_pg", "UPDATE acct SET bal = bal - 5 WHERE id = $1", 1, &account, NULL);
    if (rc == TXC_OK)
        rc = txc_exec (tx, "bank_my", "UPDATE acct SET bal = bal + 5 WHERE id = ?", 1, &account, NULL);
    return rc == TXC_OK ? txc_commit (tx, NULL) : rc;
}

int main (int argc, char **argv)
{
    txc_client_t *client = txc_client_new (argc > 1 ? argv[1] : "tcp://127.0.0.1:7400", NULL);
    int rc = TXC_ECONN, again = client != NULL;
    for (int tries = 0; again && tries < 5; tries++) {
        txc_tx_t *tx = txc_begin (client, NULL);
        rc = tx ? transfer (tx) : txc_last_error().code;
        txc_error_info_t error = tx ? txc_tx_error (tx) : txc_last_error();
        printf ("%s: %s\n", tx ? txc_tx_gtrid (tx) : "-", rc == TXC_OK ? "committed" : error.text);
        again = rc != TXC_OK && txc_error_is_retryable (&error); /* a deadlock, say */
        txc_tx_destroy (&tx);                                    /* rolls back what is not over */
    }
    if (!client)
        fprintf (stderr, "%s\n", txc_last_error().text);
    txc_client_destroy (&client);
    return rc == TXC_OK ? 0 : 1;
}
