/*
 * latency - how long txc_commit takes, one transaction after the other.
 *
 * Each runs a statement at either of two in-memory resource managers and asks to be told when the decision is
 * durable (TXC_DECISION_LOGGED).  Only the commit is timed: what comes before it is over, and of what comes
 * after it nothing is waited for.
 *
 * usage: latency ENDPOINTS MODE SECONDS
 *    ENDPOINTS  of the replicas, separated by commas
 *    MODE       2pc, 3pc or paxos
 * output: one CSV line, commits,min_us,p50_us,p99_us
 * exit status: 3 if the library or the coordinator does not serve the mode
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <txcoord/txcoord.h>

enum {
    SAMPLES_MAX = 100000,
    WARM_UP = 3,
    KEYS = 1000, /* one key's lock may still be held when the next transaction begins */
    NOT_SERVED = 3
};

static uint64_t s_now_us (void)
{
    struct timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return (uint64_t) time.tv_sec * 1000000u + (uint64_t) time.tv_nsec / 1000u;
}

static void s_fail (const txc_error_info_t *error)
{
    fprintf (stderr, "latency: %s: %s\n", txc_code_name (error->code), error->text ? error->text : "");
    exit (error->code == TXC_EMODE ? NOT_SERVED : 1);
}

static void s_fail_tx (const txc_tx_t *tx)
{
    txc_error_info_t error = txc_tx_error (tx);
    s_fail (&error);
}

/* Runs the n-th transaction; returns what its commit took. */
static uint64_t s_once (txc_client_t *client, const char *mode, uint64_t n)
{
    txc_tx_options_t options = {.mode = mode, .commit_return = TXC_DECISION_LOGGED};
    txc_tx_t *tx = txc_begin (client, &options);
    if (!tx) {
        txc_error_info_t error = txc_last_error();
        s_fail (&error);
    }
    char from[32], to[32];
    snprintf (from, sizeof from, "add k%u -1", (unsigned) (n % KEYS));
    snprintf (to, sizeof to, "add k%u 1", (unsigned) (n % KEYS));
    if (txc_exec (tx, "mem_a", from, 0, NULL, NULL) != TXC_OK ||
        txc_exec (tx, "mem_b", to, 0, NULL, NULL) != TXC_OK)
        s_fail_tx (tx);
    uint64_t began = s_now_us();
    if (txc_commit (tx, NULL) != TXC_OK)
        s_fail_tx (tx);
    uint64_t us = s_now_us() - began;
    txc_tx_destroy (&tx);
    return us;
}

static int s_compare (const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return (x > y) - (x < y);
}

int main (int argc, char **argv)
{
    static uint64_t us[SAMPLES_MAX];
    size_t n = 0;
    uint64_t count = 0;
    double seconds = argc == 4 ? atof (argv[3]) : 0;
    if (seconds <= 0) {
        fprintf (stderr, "usage: latency ENDPOINTS MODE SECONDS\n");
        return 2;
    }
    txc_client_options_t options = {.connect_timeout_ms = 20000};
    txc_client_t *client = txc_client_new (argv[1], &options);
    if (!client) {
        txc_error_info_t error = txc_last_error();
        s_fail (&error);
    }
    while (count < WARM_UP)
        s_once (client, argv[2], count++);
    uint64_t end_us = s_now_us() + (uint64_t) (seconds * 1e6);
    do
        us[n++] = s_once (client, argv[2], count++);
    while (s_now_us() < end_us && n < SAMPLES_MAX);
    txc_client_destroy (&client);
    qsort (us, n, sizeof *us, s_compare);
    printf ("%zu,%llu,%llu,%llu\n", n, (unsigned long long) us[0], (unsigned long long) us[n / 2],
            (unsigned long long) us[n * 99 / 100]);
    return 0;
}
