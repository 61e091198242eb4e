/*
 * client_stress - transfers between keys of two in-memory resource managers, by threads that share one
 * client.
 *
 * usage: client_stress THREADS TRANSFERS [FILE]
 *
 * Each thread commits that many, and goes on until FILE exists if one is named.
 *
 * Every transaction is settled, whatever happens to the daemons meanwhile: what the library calls unknown is
 * asked about until it is known.  Each commits "add K -1" at mem_a, "add K 1" at mem_b, and "add count 1" at
 * both, so that `count` tells how many were committed.  Prints "committed N"; fails if the library ever
 * contradicts itself.
 */
#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <txcoord/txcoord.h>

enum { KEYS = 8, TRIES = 400, PAUSE_MS = 50 };

static txc_client_t *s_client;
static int s_transfers;
static const char *s_until; /* a file; NULL: none is waited for */
static atomic_int s_committed, s_wrong;

static int s_add (txc_tx_t *tx, const char *rm, const char *key, const char *delta)
{
    txc_param_t params[2] = {{.value = key}, {.value = delta}};
    return txc_exec (tx, rm, "add $1 $2", 2, params, NULL);
}

/* 1: committed; 0: not; -1: it cannot be told, or the library told what cannot be. */
static int s_attempt (int number)
{
    char key[16], count[16];
    snprintf (key, sizeof key, "k%d", number % KEYS);
    snprintf (count, sizeof count, "count%d", number % KEYS);
    txc_tx_t *tx = txc_begin (s_client, &(txc_tx_options_t){.timeout_ms = 5000});
    if (!tx)
        return 0;
    int rc = s_add (tx, "mem_a", key, "-1");
    rc = rc ? rc : s_add (tx, "mem_a", count, "1");
    rc = rc ? rc : s_add (tx, "mem_b", key, "1");
    rc = rc ? rc : s_add (tx, "mem_b", count, "1");
    if (rc == TXC_OK)
        rc = txc_commit (tx, NULL);
    for (int i = 0; rc == TXC_UNKNOWN && i < TRIES; i++) {
        rc = txc_outcome (s_client, txc_tx_gtrid (tx), 1000);
        if (rc == TXC_PENDING || rc < 0)
            rc = TXC_UNKNOWN;
    }
    int said = rc < 0 ? TXC_ROLLED_BACK : rc;
    if (said != TXC_OK && said != TXC_ROLLED_BACK)
        fprintf (stderr, "%s: %s\n", txc_tx_gtrid (tx), txc_strerror (rc));
    txc_tx_destroy (&tx);
    return said == TXC_OK ? 1 : said == TXC_ROLLED_BACK ? 0 : -1;
}

static void *s_thread (void *arg)
{
    int number = *(int *) arg;
    for (int i = 0; i < s_transfers || (s_until && access (s_until, F_OK) != 0); i++) {
        int result = 0;
        for (int tries = 0; tries < TRIES && (result = s_attempt (number + i)) == 0; tries++)
            poll (NULL, 0, PAUSE_MS); /* a daemon is down, or a deadlock: again, a little later */
        if (result == 1)
            atomic_fetch_add (&s_committed, 1);
        else
            atomic_fetch_add (&s_wrong, 1);
    }
    return NULL;
}

int main (int argc, char **argv)
{
    int n = argc == 3 || argc == 4 ? atoi (argv[1]) : 0;
    const char *endpoints = getenv ("TXCOORD");
    if (n < 1 || n > 64 || !endpoints)
        return 2;
    s_transfers = atoi (argv[2]);
    s_until = argc == 4 ? argv[3] : NULL;
    s_client = txc_client_new (endpoints, NULL);
    if (!s_client) {
        fprintf (stderr, "%s\n", txc_last_error().text);
        return 2;
    }
    pthread_t threads[64];
    int numbers[64];
    for (int i = 0; i < n; i++) {
        numbers[i] = i * 3;
        pthread_create (&threads[i], NULL, s_thread, &numbers[i]);
    }
    for (int i = 0; i < n; i++)
        pthread_join (threads[i], NULL);
    txc_client_destroy (&s_client);
    printf ("committed %d\n", atomic_load (&s_committed));
    return atomic_load (&s_wrong) ? 1 : 0;
}
