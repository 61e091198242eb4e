/*
 * bank_load - transfers between the two banks, with a ledger row on each side.
 *
 * Every outcome that was told is appended to a file, forced, before the next
 * transfer begins: "GTRID CODE KIND", t: it wrote its gtrid into both ledgers, -: it did not.  An outcome
 * that was not known is asked for until it is.  The mix has everything an application does: commits,
 * rollbacks, failing statements, single branches, read-only ones, the last-statement hint, tickets,
 * decision_logged.
 *
 * usage: bank_load ENDPOINT OUTCOMES THREADS ACCOUNTS SEED [plain]
 * It runs until SIGTERM; `plain` only transfers.  Prints the number of commits.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <txcoord/txcoord.h>

enum { THREADS_MAX = 256, UNKNOWN_TRIES = 60 };

static atomic_bool s_stop;
static atomic_uint s_commits;
static int s_outcomes;
static pthread_mutex_t s_outcomes_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned s_accounts;
static bool s_plain;

typedef struct worker {
    pthread_t thread;
    txc_client_t *client;
    uint64_t random;
} worker_t;

static unsigned s_draw (worker_t *self, unsigned below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (unsigned) (self->random >> 33) % below;
}

static void s_told (const char *gtrid, int code, char kind)
{
    char line[160];
    int size = snprintf (line, sizeof line, "%s %d %c\n", gtrid, code, kind);
    pthread_mutex_lock (&s_outcomes_lock);
    if (write (s_outcomes, line, (size_t) size) != size || fdatasync (s_outcomes)) {
        perror ("outcomes");
        _exit (1);
    }
    pthread_mutex_unlock (&s_outcomes_lock);
    if (code == TXC_OK)
        atomic_fetch_add (&s_commits, 1);
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

static int s_ledger (txc_tx_t *tx, const char *rm, bool pg, unsigned from, unsigned to, unsigned amount,
                     bool last)
{
    const char *sql = pg ? "INSERT INTO ledger (gtrid, from_id, to_id, amount) VALUES ($1, $2, $3, $4)"
                         : "INSERT INTO ledger (gtrid, from_id, to_id, amount) VALUES (?, ?, ?, ?)";
    char from_text[16], to_text[16], amount_text[16];
    snprintf (from_text, sizeof from_text, "%u", from);
    snprintf (to_text, sizeof to_text, "%u", to);
    snprintf (amount_text, sizeof amount_text, "%u", amount);
    txc_param_t params[4] = {
        {.value = txc_tx_gtrid (tx)}, {.value = from_text}, {.value = to_text}, {.value = amount_text}};
    return last ? txc_exec_last (tx, rm, sql, 4, params, NULL) : txc_exec (tx, rm, sql, 4, params, NULL);
}

static int s_transfer (worker_t *self, txc_tx_t *tx, bool last)
{
    unsigned from = s_draw (self, s_accounts), to = s_draw (self, s_accounts), amount = 1 + s_draw (self, 9);
    int rc = s_update (tx, "bank_pg", true, "-", from, amount);
    if (rc == TXC_OK)
        rc = s_ledger (tx, "bank_pg", true, from, to, amount, last);
    if (rc == TXC_OK)
        rc = s_update (tx, "bank_my", false, "+", to, amount);
    if (rc == TXC_OK)
        rc = s_ledger (tx, "bank_my", false, from, to, amount, last);
    return rc;
}

/* Commits, and asks until the outcome is known. */
static void s_commit (worker_t *self, txc_tx_t *tx, char kind)
{
    int code = TXC_UNKNOWN;
    txc_commit (tx, &code);
    for (int i = 0; (code == TXC_UNKNOWN || code == TXC_PENDING || code < 0) && i < UNKNOWN_TRIES; i++)
        code = txc_outcome (self->client, txc_tx_gtrid (tx), 1000);
    s_told (txc_tx_gtrid (tx), code, kind);
}

static void s_roll_back (txc_tx_t *tx)
{
    if (txc_rollback (tx) == TXC_OK)
        s_told (txc_tx_gtrid (tx), TXC_ROLLED_BACK, 't');
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

static void s_one (worker_t *self)
{
    unsigned kind = s_plain ? 0 : s_draw (self, 20);
    txc_tx_options_t options = {.timeout_ms = 20000,
                                .commit_return = kind == 1 ? TXC_DECISION_LOGGED : TXC_COMPLETED};
    txc_tx_t *tx = txc_begin (self->client, &options);
    if (!tx)
        return; /* no session just now; the library is opening one */
    int rc;
    switch (kind) {
    case 2: /* one branch, neutral for the total and for the ledgers */
        rc = s_draw (self, 2) ? s_update (tx, "bank_pg", true, "+", s_draw (self, s_accounts), 0)
                              : s_update (tx, "bank_my", false, "+", s_draw (self, s_accounts), 0);
        break;
    case 3: /* read-only on one side */
        rc = txc_exec (tx, "bank_my", "SELECT count(*) FROM acct WHERE id < 5", 0, NULL, NULL);
        if (rc == TXC_OK)
            rc = s_update (tx, "bank_pg", true, "+", s_draw (self, s_accounts), 0);
        break;
    case 4: /* read-only on both */
        rc = txc_exec (tx, "bank_my", "SELECT bal FROM acct WHERE id = 1", 0, NULL, NULL);
        if (rc == TXC_OK)
            rc = txc_exec (tx, "bank_pg", "SELECT bal FROM acct WHERE id = 1", 0, NULL, NULL);
        break;
    case 5: /* a constraint says no */
        rc = s_transfer (self, tx, false);
        if (rc == TXC_OK)
            rc = txc_exec (tx, "bank_my", "UPDATE acct SET bal = -1 WHERE id = 0", 0, NULL, NULL);
        break;
    case 6:
        s_transfer (self, tx, false);
        rc = TXC_EBRANCH;
        break;
    case 7: /* prepared already, and then rolled back */
        s_transfer (self, tx, true);
        rc = TXC_EBRANCH;
        break;
    case 8:
        rc = s_transfer (self, tx, false);
        if (rc == TXC_OK)
            rc = s_ticket (tx);
        if (rc == TXC_OK && s_draw (self, 2))
            rc = TXC_EBRANCH;
        break;
    default:
        rc = s_transfer (self, tx, kind >= 15);
    }
    if (rc == TXC_OK)
        s_commit (self, tx, kind >= 2 && kind <= 4 ? '-' : 't');
    else
        s_roll_back (tx);
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

int main (int argc, char **argv)
{
    static worker_t workers[THREADS_MAX];
    if (argc < 6) {
        fprintf (stderr, "usage: bank_load ENDPOINT OUTCOMES THREADS ACCOUNTS SEED [plain]\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = s_on_term};
    sigaction (SIGTERM, &action, NULL);
    s_outcomes = open (argv[2], O_WRONLY | O_CREAT | O_APPEND, 0644);
    int threads = atoi (argv[3]);
    s_accounts = (unsigned) atoi (argv[4]);
    s_plain = argc > 6;
    if (s_outcomes < 0 || threads < 1 || threads > THREADS_MAX || !s_accounts) {
        perror ("bank_load");
        return 2;
    }
    txc_client_options_t options = {.connect_timeout_ms = 30000};
    txc_client_t *client = txc_client_new (argv[1], &options);
    if (!client) {
        fprintf (stderr, "bank_load: %s\n", txc_last_error().text);
        return 1;
    }
    for (int i = 0; i < threads; i++) {
        workers[i].client = client;
        workers[i].random = strtoull (argv[5], NULL, 10) * 1000003u + (uint64_t) i * 7919u + 1;
        if (pthread_create (&workers[i].thread, NULL, s_run, &workers[i]))
            return 1;
    }
    for (int i = 0; i < threads; i++)
        pthread_join (workers[i].thread, NULL);
    txc_client_destroy (&client);
    printf ("%u\n", atomic_load (&s_commits));
    return 0;
}
