/*
 * transfers - the benchmark's transfers through txcoord: one UPDATE on each side.
 *
 * usage: transfers CLIENTS SECONDS ENDPOINT KIND[:MODE] [ROWS [TIMES]]
 *   KIND: threads    a thread for each client, all on one txc_client_t
 *         processes  a process for each client
 *         hint       as threads, with the last-statement hint
 *         together   as threads, both statements at once, with the hint
 *         together-processes   the same, as processes
 *         mem        as threads, over two in-memory resource managers
 *         enlisted   as threads, each on connections of its own (own.h)
 *   MODE: how transactions are ended: 2pc (without it), 3pc or paxos
 *   TIMES: a file to be written: when each commit was answered, in µs of CLOCK_MONOTONIC
 * SIGTERM ends it early.
 * output: one CSV line, kind,clients,seconds,commits,aborts,tps,p50_ms,p99_ms,max_ms
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <txcoord/txcoord.h>

#ifdef BENCH_OWN
#include "own.h"
#endif

enum { SAMPLES_MAX = 200000, CLIENTS_MAX = 1024 };

typedef struct result {
    uint64_t commits, aborts, elapsed_ns;
    uint32_t n_samples;
    uint32_t us[SAMPLES_MAX];
    uint64_t at_us[SAMPLES_MAX];
} result_t;

typedef struct options {
    int clients;
    double seconds;
    const char *endpoint;
    bool processes, hint, together, mem, enlisted;
    unsigned rows;
    const char *mode;  /* NULL: the library's default */
    const char *times; /* NULL: none */
} options_t;

typedef struct worker {
    pthread_t thread;
    const options_t *options;
    txc_client_t *client;
    result_t *result;
    uint64_t random;
#ifdef BENCH_OWN
    own_t *own;
#endif
} worker_t;

/* Everybody begins at once. */
static struct gate {
    atomic_int ready, go;
} * s_gate;

static atomic_bool s_stop;

static void s_on_term (int unused)
{
    (void) unused;
    atomic_store (&s_stop, true);
}

static uint64_t s_now_ns (void)
{
    struct timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return (uint64_t) time.tv_sec * 1000000000u + (uint64_t) time.tv_nsec;
}

static unsigned s_draw (worker_t *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (unsigned) (self->random >> 33);
}

static int s_update (const options_t *options, txc_tx_t *tx, const char *rm, const char *sql, int amount,
                     unsigned id)
{
    char amount_text[16], id_text[16];
    snprintf (amount_text, sizeof amount_text, "%d", amount);
    snprintf (id_text, sizeof id_text, "%u", id);
    txc_param_t params[2] = {{.value = amount_text}, {.value = id_text}};
    if (options->together)
        return txc_exec_async (tx, rm, sql, 2, params, 1);
    return (options->hint ? txc_exec_last : txc_exec) (tx, rm, sql, 2, params, NULL);
}

static bool s_transfer_mem (worker_t *self, txc_tx_t *tx)
{
    char sql[64];
    snprintf (sql, sizeof sql, "add k%u -1", s_draw (self) % self->options->rows);
    if (txc_exec (tx, "mem_a", sql, 0, NULL, NULL) != TXC_OK)
        return false;
    snprintf (sql, sizeof sql, "add k%u 1", s_draw (self) % self->options->rows);
    return txc_exec (tx, "mem_b", sql, 0, NULL, NULL) == TXC_OK;
}

static bool s_transfer (worker_t *self, txc_tx_t *tx)
{
    int amount = (int) (s_draw (self) % 100) + 1;
    unsigned from = s_draw (self) % self->options->rows, to = s_draw (self) % self->options->rows;
#ifdef BENCH_OWN
    if (self->own)
        return own_transfer (self->own, tx, amount, from, to);
#endif
    const options_t *options = self->options;
    return s_update (options, tx, "bank_pg", "UPDATE acct SET bal=bal-$1 WHERE id=$2", amount, from) ==
               TXC_OK &&
           s_update (options, tx, "bank_my", "UPDATE acct SET bal=bal+? WHERE id=?", amount, to) == TXC_OK &&
           (!options->together || txc_wait (tx) == TXC_OK);
}

static bool s_once (worker_t *self)
{
    txc_tx_t *tx = txc_begin (self->client, &(txc_tx_options_t){.mode = self->options->mode});
    if (!tx)
        return false;
    bool done = self->options->mem ? s_transfer_mem (self, tx) : s_transfer (self, tx);
    int rc = done ? txc_commit (tx, NULL) : TXC_ROLLED_BACK;
    if (rc != TXC_OK) {
        txc_error_info_t error = txc_tx_error (tx);
        fprintf (stderr, "transfers: %s: %s\n", txc_strerror (rc), error.text ? error.text : "");
    }
    txc_tx_destroy (&tx);
    return rc == TXC_OK;
}

static void *s_run (void *arg)
{
    worker_t *self = arg;
    result_t *result = self->result;
#ifdef BENCH_OWN
    if (self->options->enlisted && !(self->own = own_new()))
        exit (1);
#endif
    atomic_fetch_add (&s_gate->ready, 1);
    while (!atomic_load (&s_gate->go))
        usleep (200);
    uint64_t begin = s_now_ns(), end = begin + (uint64_t) (self->options->seconds * 1e9), at = begin;
    while (at < end && !atomic_load (&s_stop)) {
        bool done = s_once (self);
        uint64_t now = s_now_ns();
        if (done && result->n_samples < SAMPLES_MAX) {
            result->at_us[result->n_samples] = now / 1000;
            result->us[result->n_samples++] = (uint32_t) ((now - at) / 1000);
        }
        *(done ? &result->commits : &result->aborts) += 1;
        at = now;
    }
    result->elapsed_ns = at - begin;
#ifdef BENCH_OWN
    own_destroy (&self->own);
#endif
    return NULL;
}

static txc_client_t *s_connect (const options_t *options)
{
    txc_client_options_t client = {.connect_timeout_ms = 20000};
    txc_client_t *self = txc_client_new (options->endpoint, &client);
    if (!self)
        fprintf (stderr, "transfers: %s\n", txc_last_error().text);
    return self;
}

static void s_open_gate (const options_t *options)
{
    while (atomic_load (&s_gate->ready) < options->clients)
        usleep (1000);
    atomic_store (&s_gate->go, 1);
}

static bool s_run_threads (const options_t *options, worker_t *workers)
{
    txc_client_t *client = s_connect (options);
    if (!client)
        return false;
    for (int i = 0; i < options->clients; i++) {
        workers[i].client = client;
        if (pthread_create (&workers[i].thread, NULL, s_run, &workers[i]))
            return false;
    }
    s_open_gate (options);
    for (int i = 0; i < options->clients; i++)
        pthread_join (workers[i].thread, NULL);
    txc_client_destroy (&client);
    return true;
}

static bool s_run_processes (const options_t *options, worker_t *workers)
{
    for (int i = 0; i < options->clients; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return false;
        if (pid == 0) {
            workers[i].client = s_connect (options);
            if (!workers[i].client)
                _exit (1);
            s_run (&workers[i]);
            txc_client_destroy (&workers[i].client);
            _exit (0);
        }
    }
    s_open_gate (options);
    bool good = true;
    for (int i = 0, status; i < options->clients; i++)
        good = wait (&status) > 0 && WIFEXITED (status) && WEXITSTATUS (status) == 0 && good;
    return good;
}

static int s_compare (const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;
    return (x > y) - (x < y);
}

static void s_report (const options_t *options, const char *kind, const result_t *results)
{
    uint64_t commits = 0, aborts = 0;
    size_t n = 0;
    double tps = 0;
    uint32_t *all = malloc (sizeof *all * SAMPLES_MAX * (size_t) options->clients);
    if (!all)
        exit (1);
    for (int i = 0; i < options->clients; i++) {
        const result_t *one = &results[i];
        commits += one->commits;
        aborts += one->aborts;
        tps += (double) one->commits * 1e9 / (double) one->elapsed_ns;
        memcpy (all + n, one->us, one->n_samples * sizeof *all);
        n += one->n_samples;
    }
    qsort (all, n, sizeof *all, s_compare);
    double p50 = n ? all[n / 2] / 1e3 : 0, p99 = n ? all[n * 99 / 100] / 1e3 : 0,
           max = n ? all[n - 1] / 1e3 : 0;
    printf ("%s,%d,%.1f,%" PRIu64 ",%" PRIu64 ",%.1f,%.3f,%.3f,%.3f\n", kind, options->clients,
            options->seconds, commits, aborts, tps, p50, p99, max);
    free (all);
}

static bool s_write_times (const options_t *options, const result_t *results)
{
    FILE *file = fopen (options->times, "w");
    if (!file)
        return false;
    for (int i = 0; i < options->clients; i++)
        for (uint32_t k = 0; k < results[i].n_samples; k++)
            fprintf (file, "%" PRIu64 "\n", results[i].at_us[k]);
    return fclose (file) == 0;
}

int main (int argc, char **argv)
{
    if (argc < 5) {
        fprintf (stderr, "usage: transfers CLIENTS SECONDS ENDPOINT "
                         "threads|processes|hint|together|together-processes|mem|enlisted[:MODE] "
                         "[ROWS [TIMES]]\n");
        return 2;
    }
    char *mode = argv[4], *kind = strsep (&mode, ":");
    options_t options = {.clients = atoi (argv[1]),
                         .seconds = atof (argv[2]),
                         .endpoint = argv[3],
                         .processes = strstr (kind, "processes") != NULL,
                         .together = strncmp (kind, "together", 8) == 0,
                         .hint = strcmp (kind, "hint") == 0,
                         .mem = strcmp (kind, "mem") == 0,
                         .enlisted = strcmp (kind, "enlisted") == 0,
                         .mode = mode,
                         .rows = argc > 5 ? (unsigned) atoi (argv[5]) : 10000,
                         .times = argc > 6 ? argv[6] : NULL};
    struct sigaction action = {.sa_handler = s_on_term};
    sigaction (SIGTERM, &action, NULL);
    if (options.clients < 1 || options.clients > CLIENTS_MAX || options.rows < 1)
        return 2;
    size_t size = sizeof (result_t) * (size_t) options.clients;
    result_t *results = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    s_gate = mmap (NULL, sizeof *s_gate, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED || s_gate == MAP_FAILED)
        return 1;
    static worker_t workers[CLIENTS_MAX];
    for (int i = 0; i < options.clients; i++) {
        workers[i].options = &options;
        workers[i].result = &results[i];
        workers[i].random = (s_now_ns() ^ (uint64_t) (i + 1) * 0x9e3779b97f4a7c15u) | 1;
    }
    bool good = options.processes ? s_run_processes (&options, workers) : s_run_threads (&options, workers);
    if (!good)
        return 1;
    s_report (&options, kind, results);
    return options.times && !s_write_times (&options, results) ? 1 : 0;
}
