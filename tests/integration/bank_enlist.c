/*
 * bank_enlist - transfers between the two banks on the application's own connections.
 *
 * As bank_load, with enlisted branches: both of them, or one beside a branch that its agent executes, or one
 * alone; through libpq's and MariaDB's handles, or through callbacks.  Outcomes go into a history
 * (bank_history.h), and processes die, or stop, at any step of the library (bank_crash.h).
 *
 * usage: bank_enlist ENDPOINT HISTORY THREADS ACCOUNTS SEED CONNINFO SOCKET USER [MIX [MODE]]
 *
 * MIX: any (half of the transfers have two enlisted branches; the default), both (all have), mixed (every one
 * has an enlisted branch and one that its agent executes), my (the same, and it is always MariaDB's that is
 * enlisted: the other one cannot prepare).  MODE: 2pc or paxos.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <txcoord/txc_mysql.h>
#include <txcoord/txc_pg.h>

#include "tests/integration/bank_crash.h"
#include "tests/integration/bank_history.h"
#include "tests/integration/enlist_driver.h"

enum { THREADS_MAX = 64, UNKNOWN_TRIES = 60 };

typedef struct worker {
    pthread_t thread;
    unsigned number;
    txc_client_t *client;
    uint64_t random;
    PGconn *pg;
    MYSQL *my;
    bool my_by_callbacks; /* which cannot tell that a statement failed */
} worker_t;

typedef struct order {
    unsigned from, to, amount;
} order_t;

static atomic_bool s_stop;
static unsigned s_accounts;
static const char *s_conninfo, *s_socket, *s_user;
static const char *s_mode; /* of every transaction; NULL: the default */

/* Which branches are enlisted. */
typedef enum mix { ANY, BOTH, MIXED, ONLY_MY } mix_t;

static mix_t s_mix;

static bool s_parse_mix (const char *text)
{
    static const char *const names[] = {[ANY] = "any", [BOTH] = "both", [MIXED] = "mixed", [ONLY_MY] = "my"};
    for (mix_t i = ANY; i <= ONLY_MY; i++) {
        if (strcmp (text, names[i]) != 0)
            continue;
        s_mix = i;
        return true;
    }
    return false;
}

/* --- connections ------------------------------------------------------------------------ */

static bool s_connect (worker_t *self)
{
    if (self->pg && PQstatus (self->pg) != CONNECTION_OK) {
        PQfinish (self->pg);
        self->pg = NULL;
    }
    if (!self->pg)
        self->pg = PQconnectdb (s_conninfo);
    if (self->my && mysql_ping (self->my) != 0) {
        mysql_close (self->my);
        self->my = NULL;
    }
    if (!self->my) {
        self->my = mysql_init (NULL);
        if (!mysql_real_connect (self->my, NULL, s_user, NULL, "bank", 0, s_socket, 0)) {
            mysql_close (self->my);
            self->my = NULL;
        }
    }
    return PQstatus (self->pg) == CONNECTION_OK && self->my;
}

static unsigned s_draw (worker_t *self, unsigned below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (unsigned) (self->random >> 33) % below;
}

/* --- the work ------------------------------------------------------------------------------ */

static bool s_pg (worker_t *self, const char *sql)
{
    PGresult *result = PQexec (self->pg, sql);
    ExecStatusType status = PQresultStatus (result);
    PQclear (result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static void s_run_pg (void *arg, const char *sql, txc_sql_reply_t *reply)
{
    bank_crash_pass ("before", sql);
    enlist_driver_run_pg (arg, sql, reply);
    bank_crash_pass ("after", sql);
}

static void s_run_my (void *arg, const char *sql, txc_sql_reply_t *reply)
{
    bank_crash_pass ("before", sql);
    enlist_driver_run_my (arg, sql, reply);
    bank_crash_pass ("after", sql);
}

static int s_enlist (worker_t *self, txc_tx_t *tx, bool pg)
{
    static const txc_enlist_driver_t of_pg = {.dialect = TXC_DIALECT_POSTGRESQL, .run = s_run_pg};
    static const txc_enlist_driver_t of_my = {.dialect = TXC_DIALECT_MARIADB, .run = s_run_my};
    const char *rm = pg ? "bank_pg" : "bank_my";
    bool by_callbacks = s_draw (self, 5) == 0;
    if (!pg)
        self->my_by_callbacks = by_callbacks;
    if (by_callbacks)
        return pg ? txc_enlist_cb (tx, rm, &of_pg, self->pg) : txc_enlist_cb (tx, rm, &of_my, self->my);
    return pg ? txc_enlist_pg (tx, rm, self->pg) : txc_enlist_mysql (tx, rm, self->my);
}

/* One side of a transfer: the account, and the ledger if gtrid is given. */
static int s_side (worker_t *self, txc_tx_t *tx, bool pg, bool enlisted, const order_t *order, bool booked)
{
    const char *rm = pg ? "bank_pg" : "bank_my";
    char sql[2][256];
    snprintf (sql[0], sizeof sql[0], "UPDATE acct SET bal = bal %s %u WHERE id = %u", pg ? "-" : "+",
              booked ? order->amount : 0, pg ? order->from : order->to);
    snprintf (sql[1], sizeof sql[1],
              "INSERT INTO ledger (gtrid, from_id, to_id, amount) VALUES ('%s', %u, %u, %u)",
              txc_tx_gtrid (tx), order->from, order->to, order->amount);
    int rc = TXC_OK;
    if (enlisted)
        rc = s_enlist (self, tx, pg);
    for (int i = 0; rc == TXC_OK && i < (booked ? 2 : 1); i++) {
        if (!enlisted)
            rc = txc_exec (tx, rm, sql[i], 0, NULL, NULL);
        else if (!(pg ? s_pg (self, sql[i]) : mysql_query (self->my, sql[i]) == 0))
            rc = TXC_ERM;
    }
    return rc;
}

/* A statement fails, and the commit is asked for all the same: this branch's vote is no, while the other one
 * is prepared. */
static int s_spoil (worker_t *self, txc_tx_t *tx, bool pg, bool enlisted)
{
    const char *sql = pg ? "SELECT 1 / 0" : "UPDATE acct SET bal = -1 WHERE id = 0";
    if (!enlisted)
        txc_exec (tx, pg ? "bank_pg" : "bank_my", sql, 0, NULL, NULL);
    else if (pg)
        s_pg (self, sql);
    else
        mysql_query (self->my, sql);
    return enlisted && !pg && self->my_by_callbacks ? txc_enlist_failed (tx, "bank_my") : TXC_OK;
}

static int s_work (worker_t *self, txc_tx_t *tx, unsigned drawn, const order_t *order)
{
    bool one = drawn < 3; /* one branch, which moves nothing */
    bool pg = drawn % 2 == 0 && s_mix != ONLY_MY;
    if (one)
        return s_side (self, tx, pg, true, order, false);
    bool pg_enlisted = true, my_enlisted = true;
    if (s_mix == MIXED || (s_mix == ANY && s_draw (self, 2)))
        my_enlisted = !(pg_enlisted = s_draw (self, 2));
    else if (s_mix == ONLY_MY)
        pg_enlisted = false;
    int rc = s_side (self, tx, true, pg_enlisted, order, true);
    if (rc == TXC_OK)
        rc = s_side (self, tx, false, my_enlisted, order, true);
    if (rc == TXC_OK && (drawn == 3 || drawn == 5))
        rc = s_spoil (self, tx, drawn == 5, drawn == 5 ? pg_enlisted : my_enlisted);
    return rc == TXC_OK && drawn == 4 ? TXC_EBRANCH : rc;
}

static void s_commit (worker_t *self, txc_tx_t *tx, bool completed)
{
    const char *gtrid = txc_tx_gtrid (tx);
    bank_history_note (self->number, "call commit %s %s", gtrid, completed ? "completed" : "logged");
    int code = TXC_UNKNOWN;
    txc_commit (tx, &code);
    bank_history_note (self->number, "ret commit %s %d", gtrid, code);
    for (int i = 0; (code == TXC_UNKNOWN || code == TXC_PENDING || code < 0) && i < UNKNOWN_TRIES; i++) {
        bank_history_note (self->number, "call query %s -", gtrid);
        code = txc_outcome (self->client, gtrid, 1000);
        bank_history_note (self->number, "ret query %s %d", gtrid, code);
    }
}

static void s_one (worker_t *self)
{
    if (!s_connect (self)) {
        usleep (50000);
        return;
    }
    unsigned drawn = s_draw (self, 20);
    order_t order = {s_draw (self, s_accounts), s_draw (self, s_accounts), 1 + s_draw (self, 9)};
    bool completed = s_draw (self, 4) != 0;
    txc_tx_options_t options = {.timeout_ms = 20000,
                                .mode = s_mode,
                                .commit_return = completed ? TXC_COMPLETED : TXC_DECISION_LOGGED};
    txc_tx_t *tx = txc_begin (self->client, &options);
    if (!tx)
        return;
    bank_history_note (self->number, "begin %s %c %u %u %u", txc_tx_gtrid (tx), drawn < 3 ? '1' : 't',
                       order.from, order.to, order.amount);
    int rc = s_work (self, tx, drawn, &order);
    if (rc == TXC_OK)
        s_commit (self, tx, completed);
    else {
        if (drawn != 4 && getenv ("BANK_ENLIST_VERBOSE"))
            fprintf (stderr, "%s: %d %s\n", txc_tx_gtrid (tx), rc, txc_tx_error (tx).text);
        bank_history_note (self->number, "call rollback %s presumed", txc_tx_gtrid (tx));
        int code = txc_rollback (tx);
        bank_history_note (self->number, "ret rollback %s %d", txc_tx_gtrid (tx),
                           code == TXC_OK ? TXC_ROLLED_BACK : code);
    }
    txc_tx_destroy (&tx);
}

static void *s_run (void *arg)
{
    worker_t *self = arg;
    while (!atomic_load (&s_stop))
        s_one (self);
    if (self->pg)
        PQfinish (self->pg);
    if (self->my)
        mysql_close (self->my);
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
    int threads = argc >= 9 && argc <= 11 ? atoi (argv[3]) : 0;
    if (threads < 1 || threads > THREADS_MAX || (argc > 9 && !s_parse_mix (argv[9])) ||
        !bank_history_open (argv[2])) {
        fprintf (stderr, "usage: bank_enlist ENDPOINT HISTORY THREADS ACCOUNTS SEED CONNINFO SOCKET USER "
                         "[any|both|mixed|my [MODE]]\n");
        return 2;
    }
    s_accounts = (unsigned) atoi (argv[4]);
    uint64_t seed = strtoull (argv[5], NULL, 10);
    s_conninfo = argv[6];
    s_socket = argv[7];
    s_user = argv[8];
    s_mode = argc > 10 ? argv[10] : NULL;
    bank_crash_arm();
    mysql_library_init (0, NULL, NULL);
    struct sigaction action = {.sa_handler = s_on_term};
    sigaction (SIGTERM, &action, NULL);
    txc_client_options_t options = {.connect_timeout_ms = 30000};
    txc_client_t *client = txc_client_new (argv[1], &options);
    if (!client) {
        fprintf (stderr, "bank_enlist: %s\n", txc_last_error().text);
        return 1;
    }
    for (int i = 0; i < threads; i++) {
        workers[i].number = (unsigned) i + 1;
        workers[i].client = client;
        workers[i].random = seed * 1000003u + (uint64_t) i * 7919u + 1;
        if (pthread_create (&workers[i].thread, NULL, s_run, &workers[i]))
            return 1;
    }
    for (int i = 0; i < threads; i++)
        pthread_join (workers[i].thread, NULL);
    txc_client_destroy (&client);
    mysql_library_end();
    return 0;
}
