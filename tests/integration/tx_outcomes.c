/*
 * tx_outcomes.c - ends of transactions that are not plain, through tx.h.
 *
 * usage: tx_outcomes mixed           a branch is ended against the decision, by its resource manager
 *        tx_outcomes unknown PID S   the coordinator, process PID, is stopped while it is asked to commit; S:
 * the transaction's time-out, in seconds, 0: none
 *
 * with TXCOORD_TX_CONFIG set, and the in-memory resource managers mem_a and mem_b.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tx.h>

#include <txcoord/txc_xopen.h>

enum { WAITS = 60 /* for an outcome, each for a second or a few */ };

#define CHECK(condition) ((condition) ? (void) 0 : s_fail (__LINE__, #condition))

static _Noreturn void s_fail (int line, const char *what)
{
    printf ("line %d: %s\n  reason: %s\n  statement: %s\n", line, what, txc_tx_reason(),
            txc_tx_error (txc_tx_current()).text);
    fflush (stdout);
    _exit (1);
}

static void s_run (const char *rm, const char *statement)
{
    CHECK (txc_exec (txc_tx_current(), rm, statement, 0, NULL, NULL) == TXC_OK);
}

/* What mem_b does at its next commits. */
static void s_fault (const char *statement)
{
    CHECK (tx_begin() == TX_OK);
    s_run ("mem_b", statement);
    CHECK (tx_rollback() == TX_OK);
}

static void s_write (void)
{
    s_run ("mem_a", "set k 1");
    s_run ("mem_b", "set k 1");
}

static void s_mixed (void)
{
    s_fault ("fault commit heuristic_rollback 2");
    CHECK (tx_begin() == TX_OK);
    s_write();
    char gtrid[65];
    snprintf (gtrid, sizeof gtrid, "%s", txc_tx_gtrid (txc_tx_current()));
    CHECK (tx_commit() == TX_MIXED);
    CHECK (strstr (txc_tx_reason(), gtrid));
    CHECK (tx_info (NULL) == 0);
    CHECK (txc_outcome (txc_tx_client(), gtrid, 0) == TXC_MIXED);
    /* In a chain it is told likewise, and the next transaction is not hurt by it. */
    CHECK (tx_set_transaction_control (TX_CHAINED) == TX_OK);
    CHECK (tx_begin() == TX_OK);
    s_write();
    CHECK (tx_commit() == TX_MIXED);
    CHECK (tx_info (NULL) == 1);
    CHECK (tx_rollback() == TX_OK);
    CHECK (tx_set_transaction_control (TX_UNCHAINED) == TX_OK);
    CHECK (tx_rollback() == TX_OK);
    CHECK (tx_begin() == TX_OK);
    s_write();
    CHECK (tx_commit() == TX_OK);
}

static void s_unknown (pid_t coordinator, long timeout)
{
    CHECK (tx_set_transaction_timeout (timeout) == TX_OK);
    CHECK (tx_begin() == TX_OK);
    s_write();
    char gtrid[65];
    snprintf (gtrid, sizeof gtrid, "%s", txc_tx_gtrid (txc_tx_current()));
    CHECK (kill (coordinator, SIGSTOP) == 0);
    int rc = tx_commit();
    CHECK (kill (coordinator, SIGCONT) == 0);
    CHECK (rc == TX_FAIL);
    CHECK (tx_info (NULL) == 1);
    CHECK (tx_close() == TX_PROTOCOL_ERROR);
    for (int i = 0; i < WAITS && rc == TX_FAIL; i++)
        rc = tx_commit(); /* waits on */
    CHECK (rc == TX_OK || rc == TX_ROLLBACK);
    CHECK (tx_info (NULL) == 0);
    CHECK (txc_outcome (txc_tx_client(), gtrid, 0) == (rc == TX_OK ? TXC_OK : TXC_ROLLED_BACK));
}

int main (int argc, char **argv)
{
    CHECK (tx_open() == TX_OK);
    if (argc == 2 && strcmp (argv[1], "mixed") == 0)
        s_mixed();
    else if (argc == 4 && strcmp (argv[1], "unknown") == 0)
        s_unknown ((pid_t) atoi (argv[2]), atol (argv[3]));
    else
        return 2;
    CHECK (tx_close() == TX_OK);
    return 0;
}
