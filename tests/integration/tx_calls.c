/*
 * tx_calls.c - a program of the TX interface, against a real coordinator and real databases.
 *
 * usage: tx_calls    with TXCOORD_TX_CONFIG or TXCOORD set; the banks of sql/, empty of work
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tx.h>

#include <txcoord/txc_xopen.h>

#define CHECK(condition) ((condition) ? (void) 0 : s_fail (__func__, __LINE__, #condition))

static _Noreturn void s_fail (const char *function, int line, const char *what)
{
    printf ("%s, line %d: %s\n  reason: %s\n  statement: %s\n", function, line, what, txc_tx_reason(),
            txc_tx_error (txc_tx_current()).text);
    fflush (stdout);
    _exit (1);
}

static int s_add (const char *rm, int account, int amount)
{
    char sql[100];
    snprintf (sql, sizeof sql, "UPDATE acct SET bal = bal + %d WHERE id = %d", amount, account);
    return txc_exec (txc_tx_current(), rm, sql, 0, NULL, NULL);
}

static void s_move (int account, int amount)
{
    CHECK (s_add ("bank_pg", account, -amount) == TXC_OK);
    CHECK (s_add ("bank_my", account, amount) == TXC_OK);
}

static long s_balance_at (const char *rm, int account)
{
    char sql[100];
    snprintf (sql, sizeof sql, "SELECT bal FROM acct WHERE id = %d", account);
    txc_result_t *result = NULL;
    CHECK (txc_exec (txc_tx_current(), rm, sql, 0, NULL, &result) == TXC_OK);
    long value = atol (txc_result_value (result, 0, 0, NULL));
    txc_result_destroy (&result);
    return value;
}

/* What is in both banks together changes by what is lost or torn alone; that of one by what was moved. */
static void s_expect (int account, long moved)
{
    CHECK (tx_begin() == TX_OK);
    CHECK (s_balance_at ("bank_pg", account) == 1000 - moved);
    CHECK (s_balance_at ("bank_my", account) == 1000 + moved);
    CHECK (tx_commit() == TX_OK);
}

/* --- cases; each begins and ends in S1 -------------------------------------------------------- */

static void commit_and_rollback (void)
{
    CHECK (tx_begin() == TX_OK);
    s_move (1, 5);
    CHECK (tx_commit() == TX_OK);
    s_expect (1, 5);
    CHECK (tx_begin() == TX_OK);
    s_move (1, 5);
    CHECK (tx_rollback() == TX_OK);
    s_expect (1, 5);
}

static void the_xid_is_the_transaction_s (void)
{
    TXINFO info;
    CHECK (tx_info (&info) == 0 && info.xid.formatID == NULLXID);
    CHECK (tx_begin() == TX_OK);
    CHECK (tx_info (&info) == 1 && info.xid.formatID == 0x54584331);
    char gtrid[65] = "";
    memcpy (gtrid, info.xid.data, (size_t) info.xid.gtrid_length);
    s_move (2, 5);
    CHECK (tx_commit() == TX_OK);
    CHECK (txc_outcome (txc_tx_client(), gtrid, 0) == TXC_OK);
    CHECK (tx_begin() == TX_OK);
    CHECK (tx_info (&info) == 1 && memcmp (gtrid, info.xid.data, sizeof gtrid) != 0);
    CHECK (tx_rollback() == TX_OK);
}

static void a_chain (void)
{
    char gtrid[2][65];
    CHECK (tx_set_transaction_control (TX_CHAINED) == TX_OK);
    CHECK (tx_begin() == TX_OK);
    for (int i = 0; i < 2; i++) {
        snprintf (gtrid[i], sizeof gtrid[i], "%s", txc_tx_gtrid (txc_tx_current()));
        s_move (3, 5);
        CHECK (tx_commit() == TX_OK);
        CHECK (tx_info (NULL) == 1);
    }
    CHECK (strcmp (gtrid[0], gtrid[1]) != 0);
    s_move (3, 100);
    CHECK (tx_rollback() == TX_OK);
    CHECK (tx_info (NULL) == 1);
    CHECK (tx_close() == TX_PROTOCOL_ERROR);
    CHECK (tx_set_transaction_control (TX_UNCHAINED) == TX_OK);
    s_move (3, 5);
    CHECK (tx_commit() == TX_OK);
    CHECK (tx_info (NULL) == 0);
    s_expect (3, 15);
}

static void a_time_out (void)
{
    TXINFO info;
    CHECK (tx_set_transaction_timeout (3) == TX_OK);
    CHECK (tx_begin() == TX_OK);
    CHECK (tx_set_transaction_timeout (0) == TX_OK); /* counts for the next */
    s_move (4, 5);
    do {
        CHECK (tx_info (&info) == 1);
        usleep (20000);
    } while (info.transaction_state == TX_ACTIVE);
    CHECK (info.transaction_state == TX_TIMEOUT_ROLLBACK_ONLY);
    CHECK (tx_commit() == TX_ROLLBACK);
    CHECK (*txc_tx_reason() != 0);
    s_expect (4, 0);
}

static void a_statement_that_failed (void)
{
    TXINFO info;
    CHECK (tx_begin() == TX_OK);
    s_move (5, 5);
    CHECK (s_add ("bank_pg", 5, -100000) == TXC_ERM);
    CHECK (tx_info (&info) == 1 && info.transaction_state == TX_ROLLBACK_ONLY);
    CHECK (tx_commit() == TX_ROLLBACK);
    CHECK (strstr (txc_tx_reason(), "acct_bal_check"));
    CHECK (tx_info (NULL) == 0);
    s_expect (5, 0);
}

static void the_decision_is_enough (void)
{
    CHECK (tx_set_commit_return (TX_COMMIT_DECISION_LOGGED) == TX_OK);
    CHECK (tx_begin() == TX_OK);
    s_move (6, 5);
    char gtrid[65];
    snprintf (gtrid, sizeof gtrid, "%s", txc_tx_gtrid (txc_tx_current()));
    CHECK (tx_commit() == TX_OK);
    CHECK (txc_outcome (txc_tx_client(), gtrid, 0) == TXC_OK);
    CHECK (tx_set_commit_return (TX_COMMIT_COMPLETED) == TX_OK);
}

static void a_transaction_that_did_nothing (void)
{
    CHECK (tx_begin() == TX_OK);
    CHECK (tx_commit() == TX_OK);
    CHECK (tx_begin() == TX_OK);
    CHECK (tx_rollback() == TX_OK);
}

static void *s_thread (void *arg)
{
    int account = *(const int *) arg;
    CHECK (tx_begin() == TX_PROTOCOL_ERROR);
    CHECK (tx_open() == TX_OK);
    for (int i = 0; i < 5; i++) {
        CHECK (tx_begin() == TX_OK);
        s_move (account, 1);
        CHECK (tx_commit() == TX_OK);
    }
    CHECK (tx_begin() == TX_OK);
    s_move (account, 100);
    return NULL; /* it ends with the thread */
}

static void threads (void)
{
    static const int accounts[] = {7, 8, 9};
    pthread_t ids[3];
    CHECK (tx_begin() == TX_OK);
    s_move (10, 5);
    for (int i = 0; i < 3; i++)
        CHECK (pthread_create (&ids[i], NULL, s_thread, (void *) (uintptr_t) &accounts[i]) == 0);
    for (int i = 0; i < 3; i++)
        CHECK (pthread_join (ids[i], NULL) == 0);
    CHECK (tx_commit() == TX_OK);
    for (int i = 0; i < 3; i++)
        s_expect (accounts[i], 5);
    s_expect (10, 5);
}

static void a_forked_child (void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    return; /* theirs is an allocator that a fork among threads leaves locked in the child */
#endif
    CHECK (tx_begin() == TX_OK);
    s_move (11, 5);
    fflush (stdout);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK (tx_commit() == TX_PROTOCOL_ERROR);
        CHECK (tx_open() == TX_OK && tx_begin() == TX_OK);
        s_move (12, 5);
        CHECK (tx_commit() == TX_OK && tx_close() == TX_OK);
        _exit (0);
    }
    int status = -1;
    CHECK (waitpid (pid, &status, 0) == pid && status == 0);
    CHECK (tx_commit() == TX_OK);
    s_expect (11, 5);
    s_expect (12, 5);
}

enum { SIGNALS = 4 };
static const int s_signals[SIGNALS] = {SIGINT, SIGTERM, SIGPIPE, SIGHUP};
static struct sigaction s_found[SIGNALS]; /* at start: some may be ignored, as under nohup */

static void signals_are_the_program_s_own (void)
{
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction action;
        CHECK (sigaction (s_signals[i], NULL, &action) == 0 && action.sa_handler == s_found[i].sa_handler);
    }
}

#define CASE(name)                                                                                           \
    {                                                                                                        \
#name, name                                                                                          \
    }

int main (void)
{
    for (int i = 0; i < SIGNALS; i++)
        sigaction (s_signals[i], NULL, &s_found[i]);
    static const struct {
        const char *name;
        void (*run) (void);
    } cases[] = {
        CASE (commit_and_rollback),
        CASE (the_xid_is_the_transaction_s),
        CASE (a_chain),
        CASE (a_time_out),
        CASE (a_statement_that_failed),
        CASE (the_decision_is_enough),
        CASE (a_transaction_that_did_nothing),
        CASE (threads),
        CASE (a_forked_child),
        CASE (signals_are_the_program_s_own),
    };
    CHECK (tx_open() == TX_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cases[i].run();
        CHECK (tx_info (NULL) == 0);
        printf ("%s ok\n", cases[i].name);
        fflush (stdout);
    }
    CHECK (tx_close() == TX_OK);
    CHECK (tx_begin() == TX_PROTOCOL_ERROR);
    return 0;
}
