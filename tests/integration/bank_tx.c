/*
 * bank_tx - transfers between the two banks by a program of tx.h, on the connections that the library gives
 * it.
 *
 * As bank_enlist: threads with both connections, and such that have PostgreSQL's and let the agent run what
 * is done in MariaDB; chained and unchained.  Each asks for its handles once, as a program does that was
 * written for another transaction manager.  Outcomes go into a history (bank_history.h).
 *
 * It can be killed or stopped around any statement that the library runs on a connection (bank_crash.h).
 *
 * usage: bank_tx HISTORY THREADS ACCOUNTS SEED     with TXCOORD_TX_CONFIG set
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tx.h>

#include <txcoord/txc_tx_mysql.h>
#include <txcoord/txc_tx_pg.h>

#include "tests/integration/bank_crash.h"
#include "tests/integration/bank_history.h"

enum { THREADS_MAX = 64, UNKNOWN_TRIES = 10, PAUSE_US = 50000 };

typedef struct worker {
    pthread_t thread;
    unsigned number;
    uint64_t random;
    bool mixed; /* MariaDB's part is its agent's */
    PGconn *pg;
    MYSQL *my;
} worker_t;

typedef struct order {
    unsigned from, to, amount;
} order_t;

static atomic_bool s_stop;
static unsigned s_accounts;

static unsigned s_draw (worker_t *self, unsigned below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (unsigned) (self->random >> 33) % below;
}

/* --- the work ------------------------------------------------------------------------- */

static bool s_pg (worker_t *self, const char *sql)
{
    PGresult *result = PQexec (self->pg, sql);
    ExecStatusType status = PQresultStatus (result);
    PQclear (result);
    return status == PGRES_COMMAND_OK;
}

static bool s_my (worker_t *self, const char *sql)
{
    if (self->mixed)
        return txc_exec (txc_tx_current(), "bank_my", sql, 0, NULL, NULL) == TXC_OK;
    return mysql_query (self->my, sql) == 0;
}

static bool s_transfer (worker_t *self, const char *gtrid, const order_t *order)
{
    char sql[3][256];
    snprintf (sql[0], sizeof sql[0], "UPDATE acct SET bal = bal - %u WHERE id = %u", order->amount,
              order->from);
    snprintf (sql[1], sizeof sql[1], "UPDATE acct SET bal = bal + %u WHERE id = %u", order->amount,
              order->to);
    snprintf (sql[2], sizeof sql[2],
              "INSERT INTO ledger (gtrid, from_id, to_id, amount) VALUES ('%s', %u, %u, %u)", gtrid,
              order->from, order->to, order->amount);
    return s_pg (self, sql[0]) && s_my (self, sql[1]) && s_pg (self, sql[2]) && s_my (self, sql[2]);
}

/* A code of the history for what an end gave; of a chain that went no further it is the same. */
static int s_code (int rc, bool commit)
{
    if (rc <= TX_NO_BEGIN)
        rc -= TX_NO_BEGIN;
    switch (rc) {
    case TX_OK:
        return commit ? TXC_OK : TXC_ROLLED_BACK;
    case TX_ROLLBACK:
        return TXC_ROLLED_BACK;
    case TX_COMMITTED:
        return TXC_OK;
    case TX_MIXED:
        return TXC_MIXED;
    case TX_HAZARD:
        return TXC_HAZARD;
    default:
        return TXC_UNKNOWN;
    }
}

static void s_commit (worker_t *self, const char *gtrid, bool completed)
{
    tx_set_commit_return (completed ? TX_COMMIT_COMPLETED : TX_COMMIT_DECISION_LOGGED);
    bank_history_note (self->number, "call commit %s %s", gtrid, completed ? "completed" : "logged");
    int rc = tx_commit();
    bank_history_note (self->number, "ret commit %s %d", gtrid, s_code (rc, true));
    for (int i = 0; rc == TX_FAIL && i < UNKNOWN_TRIES; i++) { /* the thread is in the transaction still */
        bank_history_note (self->number, "call query %s -", gtrid);
        rc = tx_commit();
        bank_history_note (self->number, "ret query %s %d", gtrid, s_code (rc, true));
    }
}

static void s_roll_back (worker_t *self, const char *gtrid)
{
    bank_history_note (self->number, "call rollback %s presumed", gtrid);
    int rc = tx_rollback();
    bank_history_note (self->number, "ret rollback %s %d", gtrid, s_code (rc, false));
}

static bool s_connect (worker_t *self)
{
    if (!self->pg)
        self->pg = txc_tx_pg ("bank_pg");
    if (!self->my && !self->mixed)
        self->my = txc_tx_mysql ("bank_my");
    return self->pg && (self->my || self->mixed);
}

static void s_one (worker_t *self)
{
    if (tx_info (NULL) != 1 && (!s_connect (self) || tx_begin() != TX_OK)) {
        if (getenv ("BANK_ENLIST_VERBOSE"))
            fprintf (stderr, "no transaction: %s\n", txc_tx_reason());
        usleep (PAUSE_US);
        return;
    }
    char gtrid[80];
    snprintf (gtrid, sizeof gtrid, "%s", txc_tx_gtrid (txc_tx_current()));
    order_t order = {s_draw (self, s_accounts), s_draw (self, s_accounts), 1 + s_draw (self, 9)};
    unsigned drawn = s_draw (self, 20);
    bank_history_note (self->number, "begin %s t %u %u %u", gtrid, order.from, order.to, order.amount);
    bool good = s_transfer (self, gtrid, &order);
    if (!good && getenv ("BANK_ENLIST_VERBOSE"))
        fprintf (stderr, "%s: %s %s %s\n", gtrid, PQerrorMessage (self->pg),
                 self->my ? mysql_error (self->my) : "", txc_tx_error (txc_tx_current()).text);
    if (good && drawn == 1) /* what a program must not do: the vote is no */
        (void) (self->mixed ? s_pg (self, "UPDATE acct SET bal = -1 WHERE id = 0")
                            : s_my (self, "UPDATE acct SET bal = -1 WHERE id = 0"));
    if (good && drawn != 0)
        s_commit (self, gtrid, drawn % 4 != 3);
    else
        s_roll_back (self, gtrid);
}

static void *s_run (void *arg)
{
    worker_t *self = arg;
    while (tx_open() != TX_OK) {
        if (atomic_load (&s_stop))
            return NULL;
        usleep (PAUSE_US);
    }
    tx_set_transaction_timeout (20);
    if (self->number % 2 == 0)
        tx_set_transaction_control (TX_CHAINED);
    while (!atomic_load (&s_stop))
        s_one (self);
    tx_set_transaction_control (TX_UNCHAINED);
    if (tx_info (NULL) == 1)
        tx_rollback(); /* the last one of a chain */
    tx_close();
    mysql_thread_end();
    return NULL;
}

static void s_on_term (int unused)
{
    (void) unused;
    atomic_store (&s_stop, true);
}

int main (int argc, char **argv)
{
    static worker_t workers[THREADS_MAX];
    int threads = argc == 5 ? atoi (argv[2]) : 0;
    if (threads < 1 || threads > THREADS_MAX || !bank_history_open (argv[1])) {
        fprintf (stderr, "usage: bank_tx HISTORY THREADS ACCOUNTS SEED\n");
        return 2;
    }
    s_accounts = (unsigned) atoi (argv[3]);
    uint64_t seed = strtoull (argv[4], NULL, 10);
    bank_crash_arm();
    struct sigaction action = {.sa_handler = s_on_term};
    sigaction (SIGTERM, &action, NULL);
    for (int i = 0; i < threads; i++) {
        workers[i].number = (unsigned) i + 1;
        workers[i].mixed = i % 3 == 2;
        workers[i].random = seed * 1000003u + (uint64_t) i * 7919u + 1;
        if (pthread_create (&workers[i].thread, NULL, s_run, &workers[i]))
            return 1;
    }
    for (int i = 0; i < threads; i++)
        pthread_join (workers[i].thread, NULL);
    mysql_library_end();
    return 0;
}
