/* A program for the X/Open TX interface: it says where a transaction begins and ends, and knows nothing of how.
 * cc tx.c $(pkg-config --cflags --libs libtxcoord-tx) -o tx
 * TXCOORD_TX_CONFIG=tx.cfg ./tx */
#include <stdio.h>
#include <tx.h>
#include <txcoord/txc_xopen.h> /* the one thing that is txcoord's own: where the SQL goes */

static int run (const char *rm, const char *sql, const char *amount)
{
    txc_param_t params[] = {{.value = amount}, {.value = "1"}};
    return txc_exec (txc_tx_current (), rm, sql, 2, params, NULL);
}

/* Moves an amount from an account in PostgreSQL to one in MariaDB. */
static int transfer (const char *amount)
{
    if (run ("bank_pg", "UPDATE acct SET bal = bal - $1 WHERE id = $2", amount) != TXC_OK ||
        run ("bank_my", "UPDATE acct SET bal = bal + ? WHERE id = ?", amount) != TXC_OK)
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
    tx_set_transaction_timeout (30);
    tx_set_transaction_control (TX_CHAINED); /* the end of one transaction begins the next */
    int rc = report ("tx_begin", tx_begin ());
    for (int i = 0; rc == TX_OK && i < 3; i++) {
        TXINFO info;
        tx_info (&info);
        printf ("in %.*s\n", (int) info.xid.gtrid_length, info.xid.data);
        rc = report ("transfer", transfer ("5"));
    }
    tx_set_transaction_control (TX_UNCHAINED);
    if (tx_info (NULL) == 1)
        report ("tx_rollback", tx_rollback ()); /* the last one of the chain, which did nothing */
    report ("tx_close", tx_close ());
    return rc == TX_OK ? 0 : 1;
}
