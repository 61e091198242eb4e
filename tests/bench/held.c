/*
 * held.c - many transactions that wait for their decision at the same time.
 *
 * usage: held TRANSACTIONS ENDPOINT
 *
 * Runs and prepares two branches each at mem_a and mem_b, says "prepared", waits for a line of input, asks
 * for every commit at once, says "asked", and ends when all have committed.  Each step is a line on stdout;
 * what tests/bench/run does between them keeps the votes away from the coordinator.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <txcoord/txcoord.h>

enum { THREADS = 16, TIMEOUT_MS = 600000, TRANSACTIONS_MAX = 60000 };

typedef struct worker {
    pthread_t thread;
    txc_client_t *client;
    txc_tx_t **txs;
    int first, behind; /* its part of txs */
    int failed;
} worker_t;

static int s_fail (const char *what, const txc_tx_t *tx)
{
    txc_error_info_t error = tx ? txc_tx_error (tx) : txc_last_error();
    fprintf (stderr, "held: %s: %s\n", what, error.text);
    return 1;
}

/* A transaction with rows of its own, and both branches prepared behind their only statement. */
static int s_prepare_one (txc_client_t *client, int number, txc_tx_t **tx)
{
    txc_tx_options_t options = {.timeout_ms = TIMEOUT_MS};
    char sql[48];
    snprintf (sql, sizeof sql, "add k%d 1", number);
    *tx = txc_begin (client, &options);
    if (!*tx)
        return s_fail ("begin", NULL);
    if (txc_exec_last (*tx, "mem_a", sql, 0, NULL, NULL) != TXC_OK ||
        txc_exec_last (*tx, "mem_b", sql, 0, NULL, NULL) != TXC_OK)
        return s_fail ("a statement", *tx);
    return 0;
}

static void *s_prepare (void *arg)
{
    worker_t *self = arg;
    for (int i = self->first; i < self->behind && !self->failed; i++)
        self->failed = s_prepare_one (self->client, i, &self->txs[i]);
    return NULL;
}

static int s_prepare_all (txc_client_t *client, txc_tx_t **txs, int n)
{
    worker_t workers[THREADS];
    int failed = 0;
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker_t){.client = client, .txs = txs, .first = n / THREADS * i};
        workers[i].behind = i + 1 < THREADS ? n / THREADS * (i + 1) : n;
        if (pthread_create (&workers[i].thread, NULL, s_prepare, &workers[i]))
            return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join (workers[i].thread, NULL);
        failed += workers[i].failed;
    }
    return failed;
}

static void s_say (const char *word)
{
    printf ("%s\n", word);
    fflush (stdout);
}

/* Waits for a transaction that is committing. */
static int s_outcome (txc_tx_t *tx)
{
    int rc;
    while ((rc = txc_commit_poll (tx)) == TXC_PENDING) {
        struct pollfd fd = {.fd = txc_tx_fd (tx), .events = POLLIN};
        poll (&fd, 1, 1000);
    }
    return rc;
}

static int s_commit_all (txc_tx_t **txs, int n)
{
    int committed = 0;
    for (int i = 0; i < n; i++)
        if (txc_commit_async (txs[i]) != TXC_OK)
            return s_fail ("commit", txs[i]);
    s_say ("asked");
    for (int i = 0; i < n; i++) {
        if (s_outcome (txs[i]) == TXC_OK)
            committed++;
        else
            s_fail ("a commit", txs[i]);
        txc_tx_destroy (&txs[i]);
    }
    printf ("committed %d\n", committed);
    return committed == n ? 0 : 1;
}

int main (int argc, char **argv)
{
    int n = argc == 3 ? atoi (argv[1]) : 0;
    if (n < 1 || n > TRANSACTIONS_MAX) {
        fprintf (stderr, "usage: held TRANSACTIONS ENDPOINT\n");
        return 2;
    }
    txc_client_options_t options = {.connect_timeout_ms = 20000, .max_transactions = (uint32_t) n};
    txc_client_t *client = txc_client_new (argv[2], &options);
    if (!client)
        return s_fail ("connect", NULL);
    txc_tx_t **txs = calloc ((size_t) n, sizeof (txc_tx_t *));
    char line[16];
    if (!txs || s_prepare_all (client, txs, n))
        return 1;
    s_say ("prepared");
    if (!fgets (line, sizeof line, stdin) || s_commit_all (txs, n))
        return 1;
    free (txs);
    txc_client_destroy (&client);
    return 0;
}
