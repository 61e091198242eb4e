/*
 * bank_load - transfers between the two banks, with a ledger row on each side.
 *
 * Everything that its clients call and are told goes into a history (bank_history.h).  An outcome that was
 * not known is asked for until it is.  The mix has everything an application does: commits, rollbacks,
 * failing statements, single branches, read-only ones, the last-statement hint, tickets, decision_logged; and
 * others ask meanwhile what became of them (bank_ask.h).
 *
 * usage: bank_load ENDPOINT HISTORY THREADS ACCOUNTS SEED
 *        bank_load ENDPOINT HISTORY ask
 * The first runs until SIGTERM.  The second asks about the gtrids that stdin names.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <txcoord/txcoord.h>

#include "tests/integration/bank_ask.h"
#include "tests/integration/bank_history.h"

enum { THREADS_MAX = 256, UNKNOWN_TRIES = 60, ASKERS = 2, FIRST_ASKER = 1000 };

static atomic_bool s_stop;
static unsigned s_accounts;
static const char *s_mode; /* of every transaction; NULL: the default */

typedef struct worker {
    pthread_t thread;
    unsigned number;
    txc_client_t *client;
    uint64_t random;
} worker_t;

/* Transactions that differ in what may be said of them (history.py). */
typedef enum kind {
    TRANSFER = 't', /* writes into both ledgers */
    WRITES = 'w',   /* writes, but into no ledger, and reads elsewhere */
    ONE_BRANCH =
        '1',    /* the same at one resource manager only, whose agent commits it without the coordinator */
    READS = 'r' /* reads only */
} kind_t;

/* What a transfer moves. */
typedef struct order {
    unsigned from, to, amount;
} order_t;

static unsigned s_draw (worker_t *self, unsigned below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (unsigned) (self->random >> 33) % below;
}

/* One statement of a transfer, for either bank: $ and ? are the only difference. */
static int s_update (txc_tx_t *tx, const char *rm, bool pg, const char *sign, unsigned account,
                     unsigned amount)
{
    char sql[96], amount_text[16], account_text[16];
    snprintf (sql, sizeof sql, "UPDATE acct SET bal = bal %s %s WHERE id = %s", sign, pg ? "$1" : "?",
              pg ? "$2" : "?");
    snprintf (amount_text, sizeof amount_text, "%u", amount);
    snprintf (account_text, sizeof account_text, "%u", account);
    txc_param_t params[2] = {{.value = amount_text}, {.value = account_text}};
    return txc_exec (tx, rm, sql, 2, params, NULL);
}

static int s_ledger (txc_tx_t *tx, const char *rm, bool pg, const order_t *order, bool last)
{
    const char *sql = pg ? "INSERT INTO ledger (gtrid, from_id, to_id, amount) VALUES ($1, $2, $3, $4)"
                         : "INSERT INTO ledger (gtrid, from_id, to_id, amount) VALUES (?, ?, ?, ?)";
    char from_text[16], to_text[16], amount_text[16];
    snprintf (from_text, sizeof from_text, "%u", order->from);
    snprintf (to_text, sizeof to_text, "%u", order->to);
    snprintf (amount_text, sizeof amount_text, "%u", order->amount);
    txc_param_t params[4] = {
        {.value = txc_tx_gtrid (tx)}, {.value = from_text}, {.value = to_text}, {.value = amount_text}};
    return last ? txc_exec_last (tx, rm, sql, 4, params, NULL) : txc_exec (tx, rm, sql, 4, params, NULL);
}

static int s_transfer (txc_tx_t *tx, const order_t *order, bool last)
{
    int rc = s_update (tx, "bank_pg", true, "-", order->from, order->amount);
    if (rc == TXC_OK)
        rc = s_ledger (tx, "bank_pg", true, order, last);
    if (rc == TXC_OK)
        rc = s_update (tx, "bank_my", false, "+", order->to, order->amount);
    if (rc == TXC_OK)
        rc = s_ledger (tx, "bank_my", false, order, last);
    return rc;
}

/* Commits, and asks until the outcome is known.  Others ask at the same time, or soon after. */
static void s_commit (worker_t *self, txc_tx_t *tx, bool completed)
{
    const char *gtrid = txc_tx_gtrid (tx);
    unsigned ask = s_draw (self, 8);
    if (ask < 4)
        bank_ask_about (gtrid);
    bank_history_note (self->number, "call commit %s %s", gtrid, completed ? "completed" : "logged");
    int code = TXC_UNKNOWN;
    txc_commit (tx, &code);
    bank_history_note (self->number, "ret commit %s %d", gtrid, code);
    for (int i = 0; (code == TXC_UNKNOWN || code == TXC_PENDING || code < 0) && i < UNKNOWN_TRIES; i++) {
        bank_history_note (self->number, "call query %s -", gtrid);
        code = txc_outcome (self->client, gtrid, 1000);
        bank_history_note (self->number, "ret query %s %d", gtrid, code);
    }
    if (ask > 4)
        bank_ask_about (gtrid);
}

/* logged: the coordinator is asked to, and has it on record before it says so. */
static void s_roll_back (worker_t *self, txc_tx_t *tx, bool logged)
{
    const char *gtrid = txc_tx_gtrid (tx);
    bank_history_note (self->number, "call rollback %s %s", gtrid, logged ? "logged" : "presumed");
    int code = txc_rollback (tx);
    bank_history_note (self->number, "ret rollback %s %d", gtrid, code == TXC_OK ? TXC_ROLLED_BACK : code);
    if (s_draw (self, 2))
        bank_ask_about (gtrid);
}

/* A second process's part, played by this one through a ticket that goes out and comes back unused. */
static int s_ticket (txc_tx_t *tx)
{
    char *ticket = NULL;
    int rc = txc_export (tx, &ticket);
    if (rc == TXC_OK)
        rc = txc_reattach (tx, ticket);
    free (ticket);
    return rc;
}

/* Transactions that move nothing: neutral for the totals and for the ledgers. */
static int s_neutral (worker_t *self, txc_tx_t *tx, kind_t kind)
{
    if (kind == ONE_BRANCH)
        return s_draw (self, 2) ? s_update (tx, "bank_pg", true, "+", s_draw (self, s_accounts), 0)
                                : s_update (tx, "bank_my", false, "+", s_draw (self, s_accounts), 0);
    int rc = txc_exec (tx, "bank_my", "SELECT count(*) FROM acct WHERE id < 5", 0, NULL, NULL);
    if (rc == TXC_OK)
        rc = kind == WRITES ? s_update (tx, "bank_pg", true, "+", s_draw (self, s_accounts), 0)
                            : txc_exec (tx, "bank_pg", "SELECT bal FROM acct WHERE id = 1", 0, NULL, NULL);
    return rc;
}

static kind_t s_kind (unsigned drawn)
{
    return drawn == 2 ? ONE_BRANCH : drawn == 3 ? WRITES : drawn == 4 ? READS : TRANSFER;
}

/* The statements.  TXC_OK: now it shall be committed; else rolled back, and *logged says how. */
static int s_work (worker_t *self, txc_tx_t *tx, unsigned drawn, const order_t *order, bool *logged)
{
    int rc;
    switch (drawn) {
    case 2:
    case 3:
    case 4:
        return s_neutral (self, tx, s_kind (drawn));
    case 5: /* a constraint says no */
        rc = s_transfer (tx, order, false);
        return rc == TXC_OK ? txc_exec (tx, "bank_my", "UPDATE acct SET bal = -1 WHERE id = 0", 0, NULL, NULL)
                            : rc;
    case 6:
        s_transfer (tx, order, false);
        return TXC_EBRANCH;
    case 7: /* prepared already, and then rolled back; no branch of 3pc is prepared by its last statement */
        *logged = s_transfer (tx, order, true) == TXC_OK && (!s_mode || strcmp (s_mode, "3pc") != 0);
        return TXC_EBRANCH;
    case 8:
        rc = s_transfer (tx, order, false);
        if (rc == TXC_OK)
            rc = s_ticket (tx);
        *logged = rc == TXC_OK;
        return rc == TXC_OK && s_draw (self, 2) ? TXC_EBRANCH : rc;
    default:
        return s_transfer (tx, order, drawn >= 15);
    }
}

static void s_one (worker_t *self)
{
    unsigned drawn = s_draw (self, 20);
    order_t order = {s_draw (self, s_accounts), s_draw (self, s_accounts), 1 + s_draw (self, 9)};
    bool completed = drawn != 1, logged = false;
    txc_tx_options_t options = {.timeout_ms = 20000,
                                .mode = s_mode,
                                .commit_return = completed ? TXC_COMPLETED : TXC_DECISION_LOGGED};
    txc_tx_t *tx = txc_begin (self->client, &options);
    if (!tx)
        return; /* no session just now; the library is opening one */
    bank_history_note (self->number, "begin %s %c %u %u %u", txc_tx_gtrid (tx), (char) s_kind (drawn),
                       order.from, order.to, order.amount);
    if (s_work (self, tx, drawn, &order, &logged) == TXC_OK)
        s_commit (self, tx, completed);
    else
        s_roll_back (self, tx, logged);
    txc_tx_destroy (&tx);
}

static void *s_run (void *arg)
{
    worker_t *self = arg;
    while (!atomic_load (&s_stop))
        s_one (self);
    return NULL;
}

static void s_on_term (int unused)
{
    (void) unused;
    atomic_store (&s_stop, true);
}

static int s_usage (void)
{
    fprintf (stderr, "usage: bank_load ENDPOINT HISTORY THREADS ACCOUNTS SEED [MODE]\n"
                     "       bank_load ENDPOINT HISTORY ask\n");
    return 2;
}

int main (int argc, char **argv)
{
    static worker_t workers[THREADS_MAX];
    if (argc < 4)
        return s_usage();
    if (!bank_history_open (argv[2])) {
        perror (argv[2]);
        return 1;
    }
    if (strcmp (argv[3], "ask") == 0)
        return bank_ask_lines (argv[1], FIRST_ASKER + ASKERS) ? 0 : 1;
    int threads = atoi (argv[3]);
    s_accounts = argc < 6 ? 0 : (unsigned) atoi (argv[4]);
    if (threads < 1 || threads > THREADS_MAX || !s_accounts)
        return s_usage();
    uint64_t seed = strtoull (argv[5], NULL, 10);
    s_mode = argc > 6 ? argv[6] : NULL;
    struct sigaction action = {.sa_handler = s_on_term};
    sigaction (SIGTERM, &action, NULL);
    txc_client_options_t options = {.connect_timeout_ms = 30000};
    txc_client_t *client = txc_client_new (argv[1], &options);
    if (!client) {
        fprintf (stderr, "bank_load: %s\n", txc_last_error().text);
        return 1;
    }
    if (!bank_ask_start (argv[1], ASKERS, FIRST_ASKER, seed))
        return 1;
    for (int i = 0; i < threads; i++) {
        workers[i].number = (unsigned) i + 1;
        workers[i].client = client;
        workers[i].random = seed * 1000003u + (uint64_t) i * 7919u + 1;
        if (pthread_create (&workers[i].thread, NULL, s_run, &workers[i]))
            return 1;
    }
    for (int i = 0; i < threads; i++)
        pthread_join (workers[i].thread, NULL);
    bank_ask_stop();
    txc_client_destroy (&client);
    return 0;
}
