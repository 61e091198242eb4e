/*
 * xa_transfer.c - moves money between a MariaDB and a resource manager with an XA switch.
 *
 *   xa_transfer COORDINATOR SWITCH FOLDER AMOUNT [alone|read|rollback]
 *
 * Tells the gtrid, then what came of it: a code's name, and why.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <txcoord/txc_xa.h>

enum { RMID = 3 };

static int (*s_add) (int rmid, long delta); /* file_xa_add of txc_file_xa.h */

static int s_my (txc_tx_t *tx, const char *amount)
{
    char minus[32];
    snprintf (minus, sizeof minus, "%ld", -atol (amount));
    txc_param_t param = {.value = minus};
    return txc_exec (tx, "bank_my", "UPDATE acct SET bal = bal + ? WHERE id = 1", 1, &param, NULL);
}

static int s_transfer (txc_tx_t *tx, const struct xa_switch_t *xa, const char *amount, const char *how)
{
    int rc = txc_enlist_xa (tx, "purse", xa, RMID);
    if (rc == TXC_OK && strcmp (how, "read") != 0 && s_add (RMID, atol (amount)) != 0)
        return -1;
    if (rc == TXC_OK && strcmp (how, "alone") != 0)
        rc = s_my (tx, amount);
    if (rc != TXC_OK)
        return rc;
    return strcmp (how, "rollback") == 0 ? txc_rollback (tx) : txc_commit (tx, NULL);
}

int main (int argc, char **argv)
{
    char error[256];
    if (argc < 5)
        return 2;
    const struct xa_switch_t *xa = txc_xa_load (argv[2], "file_xa", error, sizeof error);
    if (!xa || xa->xa_open_entry (argv[3], RMID, TMNOFLAGS) != XA_OK) {
        printf ("%s\n", xa ? "the switch does not open" : error);
        return 2;
    }
    void *library = dlopen (argv[2], RTLD_NOW);
    *(void **) &s_add = library ? dlsym (library, "file_xa_add") : NULL;
    txc_client_t *client = !s_add ? NULL : txc_client_new (argv[1], NULL);
    txc_tx_t *tx = client ? txc_begin (client, &(txc_tx_options_t){.timeout_ms = 20000}) : NULL;
    if (!tx) {
        printf ("%s\n", txc_last_error().text);
        return 2;
    }
    printf ("%s\n", txc_tx_gtrid (tx));
    fflush (stdout);
    int rc = s_transfer (tx, xa, argv[4], argc > 5 ? argv[5] : "");
    printf ("%s %s\n", txc_code_name (rc), rc == TXC_OK ? "" : txc_tx_error (tx).text);
    txc_tx_destroy (&tx);
    txc_client_destroy (&client);
    xa->xa_close_entry (argv[3], RMID, TMNOFLAGS);
    return rc == TXC_OK ? 0 : 1;
}
