/*
 * A process that forks: the child gets a session of its own, the parent goes on.
 *
 * Not for the sanitizers: ThreadSanitizer does not support threads in a forked
 * child, and AddressSanitizer's allocator stays locked there for ever if another
 * thread was inside it at the fork.
 */
#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <txcoord/txcoord.h>

#include "txc_fake_peer.h"
#include "txc_patience.h"

enum { TRANSFERS = 20, THREADS = 4, FORKS = 5, LATE_MS = 60000 };

static char s_folder[] = "/tmp/txc-client-XXXXXX";
static char s_endpoint[64];
static txc_fake_peer_t *s_peer;
static txc_client_t *s_client;

static int s_setup (void **state)
{
    (void) state;
    s_peer = txc_fake_peer_new (s_endpoint);
    txc_patience_ms = LATE_MS; /* it asks for everything once, as its children do */
    s_client = txc_client_new (s_endpoint, &(txc_client_options_t){.connect_timeout_ms = LATE_MS});
    return s_client ? 0 : -1;
}

static int s_teardown (void **state)
{
    (void) state;
    txc_client_destroy (&s_client);
    txc_fake_peer_destroy (&s_peer);
    return 0;
}

static txc_tx_t *s_begin_two (void)
{
    txc_tx_t *tx = txc_begin (s_client, NULL);
    if (!tx || txc_exec (tx, "a", "x", 0, NULL, NULL) || txc_exec (tx, "b", "y", 0, NULL, NULL))
        txc_tx_destroy (&tx);
    return tx;
}

/* NULL if all went well. */
static void *s_transfers (void *arg)
{
    (void) arg;
    for (intptr_t i = 0; i < TRANSFERS; i++) {
        txc_tx_t *tx = s_begin_two();
        int rc = tx ? txc_commit (tx, NULL) : TXC_ENOMEM;
        txc_tx_destroy (&tx);
        if (rc != TXC_OK)
            return (void *) (i + 1);
    }
    return NULL;
}

/* What a child does with its parent's client and transaction; 0 if it is right. */
static int s_child (txc_tx_t *parents)
{
    if (txc_exec (parents, "a", "x", 0, NULL, NULL) != TXC_EFORKED ||
        txc_commit (parents, NULL) != TXC_EFORKED || txc_commit_poll (parents) != TXC_EFORKED ||
        txc_rollback (parents) != TXC_EFORKED)
        return 1;
    txc_tx_t *tx = s_begin_two();
    if (!tx || strcmp (txc_tx_gtrid (tx), txc_tx_gtrid (parents)) == 0)
        return 2;
    txc_tx_destroy (&parents);
    txc_tx_destroy (&tx);
    if (s_transfers (NULL) != NULL)
        return 3;
    txc_client_destroy (&s_client);
    return 0;
}

/* The child's exit status; 100 and more: something is wrong with the parent. */
static int s_fork (void)
{
    txc_tx_t *tx = s_begin_two();
    if (!tx)
        return 100;
    pid_t pid = fork();
    if (pid == 0)
        _exit (s_child (tx));
    int status;
    if (pid < 0 || waitpid (pid, &status, 0) != pid || !WIFEXITED (status))
        return 101;
    /* The parent goes on as if nothing had happened. */
    if (txc_exec (tx, "a", "x", 0, NULL, NULL) || txc_commit (tx, NULL))
        return 102;
    txc_tx_destroy (&tx);
    return WEXITSTATUS (status);
}

static void test_fork (void **state)
{
    (void) state;
    assert_int_equal (s_fork(), 0);
    txc_fake_counts_t counts;
    txc_fake_peer_counts (s_peer, &counts);
    assert_int_equal (counts.opened, 2);
    assert_int_equal (counts.closed, 1); /* the child's own, not the parent's */
}

/* While other threads are inside: the child must find no lock of theirs taken. */
static void test_fork_among_threads (void **state)
{
    (void) state;
    pthread_t threads[THREADS];
    int results[FORKS], failed = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create (&threads[i], NULL, s_transfers, NULL);
    for (int i = 0; i < FORKS; i++)
        results[i] = s_fork();
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join (threads[i], &result);
        failed += result != NULL;
    }
    for (int i = 0; i < FORKS; i++)
        assert_int_equal (results[i], 0);
    assert_int_equal (failed, 0);
}

/* A child of a child. */
static void test_grandchild (void **state)
{
    (void) state;
    pid_t pid = fork();
    if (pid == 0)
        _exit (s_transfers (NULL) ? 50 : s_fork());
    int status;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_true (WIFEXITED (status));
    assert_int_equal (WEXITSTATUS (status), 0);
    assert_null (s_transfers (NULL));
}

int main (void)
{
    if (!mkdtemp (s_folder))
        return 1;
    snprintf (s_endpoint, sizeof s_endpoint, "ipc://%s/peer", s_folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (test_fork, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_fork_among_threads, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_grandchild, s_setup, s_teardown),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    char path[80];
    snprintf (path, sizeof path, "%s/peer", s_folder);
    unlink (path);
    rmdir (s_folder);
    return failed;
}
