/* The library's public functions, against a coordinator and an agent that answer as they are told. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <txcoord/txcoord.h>

#include "base/txc_limits.h"
#include "txc_fake_peer.h"
#include "txc_patience.h"

static char s_folder[] = "/tmp/txc-client-XXXXXX";
static char s_endpoint[64];
static txc_fake_peer_t *s_peer;
static txc_client_t *s_client;

/* Longer than any machine sleeps. */
enum { LATE_MS = 60000 };

static const txc_client_options_t s_options = {.connect_timeout_ms = LATE_MS};

static int s_setup_asking (void **state)
{
    (void) state;
    s_peer = txc_fake_peer_new (s_endpoint);
    s_client = txc_client_new (s_endpoint, &s_options);
    return s_client ? 0 : -1;
}

/* The client asks for everything once: what the peer counts is what the test did. */
static int s_setup (void **state)
{
    txc_patience_ms = LATE_MS;
    int rc = s_setup_asking (state);
    txc_patience_ms = 0;
    return rc;
}

static int s_teardown (void **state)
{
    (void) state;
    txc_client_destroy (&s_client);
    txc_fake_peer_destroy (&s_peer);
    return 0;
}

static txc_fake_counts_t s_counts (void)
{
    txc_fake_counts_t counts;
    txc_fake_peer_counts (s_peer, &counts);
    return counts;
}

static txc_tx_t *s_begin (void)
{
    txc_tx_t *tx = txc_begin (s_client, NULL);
    assert_non_null (tx);
    return tx;
}

/* A transaction with a branch at both. */
static txc_tx_t *s_begin_two (void)
{
    txc_tx_t *tx = s_begin();
    assert_int_equal (txc_exec (tx, "a", "x", 0, NULL, NULL), TXC_OK);
    assert_int_equal (txc_exec (tx, "b", "y", 0, NULL, NULL), TXC_OK);
    return tx;
}

/* --- what goes well --------------------------------------------------------------- */

static void test_transfer (void **state)
{
    (void) state;
    txc_tx_t *tx = s_begin();
    assert_int_equal (strncmp (txc_tx_gtrid (tx), "txc-", 4), 0);
    txc_result_t *result;
    assert_int_equal (txc_exec (tx, "a", "debit", 0, NULL, &result), TXC_OK);
    assert_int_equal (txc_result_rows (result), 1);
    assert_int_equal (txc_result_columns (result), 1);
    assert_string_equal (txc_result_name (result, 0), "sql");
    assert_string_equal (txc_result_type (result, 0), "text");
    size_t size;
    assert_string_equal (txc_result_value (result, 0, 0, &size), "debit");
    assert_int_equal (size, 5);
    assert_true (txc_result_is_null (result, 1, 0));
    assert_int_equal (txc_result_affected (result), 1);
    assert_string_equal (txc_result_tag (result), "FAKE 1");
    txc_result_destroy (&result);
    assert_null (result);
    assert_int_equal (txc_exec_last (tx, "b", "credit", 0, NULL, NULL), TXC_OK);
    int outcome = -1;
    assert_int_equal (txc_commit (tx, &outcome), TXC_OK);
    assert_int_equal (outcome, TXC_OK);
    assert_int_equal (txc_tx_error (tx).code, TXC_OK);
    txc_tx_destroy (&tx);
    assert_null (tx);
    assert_int_equal (s_counts().commits, 1);
}

static void test_one_branch (void **state)
{
    (void) state;
    txc_tx_t *tx = s_begin();
    assert_int_equal (txc_exec (tx, "a", "x", 0, NULL, NULL), TXC_OK);
    assert_int_equal (txc_commit (tx, NULL), TXC_OK);
    txc_tx_destroy (&tx);
    assert_int_equal (s_counts().one_phase, 1);
    assert_int_equal (s_counts().commits, 0);
}

static void test_parameters (void **state)
{
    (void) state;
    txc_tx_t *tx = s_begin();
    txc_param_t params[40] = {{.value = "text"}, {.value = NULL}, {.value = "a\0b", .size = 3}};
    assert_int_equal (txc_exec (tx, "a", "x", 3, params, NULL), TXC_OK);
    assert_int_equal (txc_exec (tx, "a", "x", 40, params, NULL), TXC_OK);
    txc_tx_destroy (&tx);
}

static void test_async_statements (void **state)
{
    (void) state;
    txc_tx_t *tx = s_begin();
    for (int i = 0; i < 10; i++)
        assert_int_equal (txc_exec_async (tx, i % 2 ? "a" : "b", "x", 0, NULL, i >= 8), TXC_OK);
    assert_int_equal (txc_commit_async (tx), TXC_EPROTO); /* they are still under way */
    assert_int_equal (txc_wait (tx), TXC_OK);
    assert_int_equal (txc_wait (tx), TXC_OK);
    assert_int_equal (txc_commit (tx, NULL), TXC_OK);
    txc_tx_destroy (&tx);
    /* Given up while under way. */
    tx = s_begin();
    assert_int_equal (txc_exec_async (tx, "a", "x", 0, NULL, 0), TXC_OK);
    txc_tx_destroy (&tx);
}

static void s_wait_readable (int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    assert_int_equal (poll (&item, 1, 10000), 1);
}

static void test_async_commit (void **state)
{
    (void) state;
    for (int i = 0; i < 4; i++) {
        txc_tx_t *tx = s_begin_two();
        int fd = -1;
        assert_int_equal (txc_commit_poll (tx), TXC_EPROTO);
        if (i % 2)
            assert_true ((fd = txc_tx_fd (tx)) >= 0); /* before or after: it becomes readable */
        assert_int_equal (txc_commit_async (tx), TXC_OK);
        assert_int_equal (txc_exec (tx, "a", "x", 0, NULL, NULL), TXC_EPROTO);
        fd = txc_tx_fd (tx);
        assert_int_equal (fd, txc_tx_fd (tx));
        s_wait_readable (fd);
        assert_int_equal (txc_commit_poll (tx), TXC_OK);
        assert_int_equal (txc_commit_poll (tx), TXC_OK);
        assert_int_equal (txc_exec (tx, "a", "x", 0, NULL, NULL), TXC_EPROTO);
        txc_tx_destroy (&tx);
    }
    txc_tx_t *tx = s_begin_two();
    assert_int_equal (txc_commit_async (tx), TXC_OK);
    assert_int_equal (txc_commit (tx, NULL), TXC_OK); /* waits for it */
    txc_tx_destroy (&tx);
    tx = s_begin_two();
    assert_int_equal (txc_commit_async (tx), TXC_OK);
    txc_tx_destroy (&tx); /* does not wait */
}

static void test_savepoints (void **state)
{
    (void) state;
    txc_tx_t *tx = s_begin();
    assert_int_equal (txc_savepoint (tx, "a", "one"), TXC_OK);
    assert_int_equal (txc_rollback_to (tx, "a", "one"), TXC_OK);
    assert_int_equal (txc_release (tx, "a", "one"), TXC_OK);
    static const char *const wrong[] = {"", "1a", "a b", "a;", "a'", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal (txc_savepoint (tx, "a", wrong[i]), TXC_EINVAL);
    char name[65];
    memset (name, 'x', 64);
    name[64] = '\0';
    assert_int_equal (txc_savepoint (tx, "a", name), TXC_EINVAL);
    assert_int_equal (txc_savepoint (tx, "a", name + 1), TXC_OK);
    assert_int_equal (txc_savepoint (tx, "a", NULL), TXC_EINVAL);
    txc_tx_destroy (&tx);
}

static void test_outcomes (void **state)
{
    (void) state;
    static const int codes[] = {TXC_ROLLED_BACK, TXC_MIXED, TXC_HAZARD};
    for (size_t i = 0; i < 3; i++) {
        txc_fake_peer_set_outcome (s_peer, codes[i], "why");
        txc_tx_t *tx = s_begin_two();
        assert_int_equal (txc_commit (tx, NULL), codes[i]);
        txc_error_info_t error = txc_tx_error (tx);
        assert_string_equal (error.text, "why");
        assert_int_equal (txc_error_is_retryable (&error), codes[i] == TXC_ROLLED_BACK);
        assert_int_equal (txc_rollback (tx), TXC_EPROTO);
        txc_tx_destroy (&tx);
    }
}

/* --- what goes wrong ------------------------------------------------------------------ */

static void test_statement_fails (void **state)
{
    (void) state;
    txc_tx_t *tx = s_begin();
    txc_result_t *result = (txc_result_t *) &state;
    assert_int_equal (txc_exec (tx, "a", "FAIL -9 40001 1213", 0, NULL, &result), TXC_ERM);
    assert_null (result);
    txc_error_info_t error = txc_tx_error (tx);
    assert_int_equal (error.code, TXC_ERM);
    assert_int_equal (error.native, 1213);
    assert_string_equal (error.sqlstate, "40001");
    assert_string_equal (error.text, "as it was asked to");
    assert_true (txc_error_is_retryable (&error));
    /* The refusal of what comes after tells the first cause. */
    assert_int_equal (txc_exec (tx, "a", "x", 0, NULL, NULL), TXC_EBRANCH);
    assert_string_equal (txc_tx_error (tx).sqlstate, "40001");
    assert_int_equal (txc_commit (tx, NULL), TXC_ROLLED_BACK);
    assert_string_equal (txc_tx_error (tx).sqlstate, "40001");
    txc_tx_destroy (&tx);

    tx = s_begin();
    assert_int_equal (txc_exec (tx, "a", "FAIL -9 23505 1062", 0, NULL, NULL), TXC_ERM);
    assert_int_equal (txc_exec (tx, "b", "x", 0, NULL, NULL), TXC_EBRANCH);
    error = txc_tx_error (tx);
    assert_false (txc_error_is_retryable (&error));
    assert_int_equal (txc_rollback (tx), TXC_OK);
    assert_int_equal (txc_rollback (tx), TXC_EPROTO);
    txc_tx_destroy (&tx);
}

static void test_oversized_statement (void **state)
{
    (void) state;
    char *sql = malloc (TXC_STATEMENT_MAX + 2);
    memset (sql, 'x', TXC_STATEMENT_MAX + 1);
    sql[TXC_STATEMENT_MAX + 1] = '\0';
    txc_tx_t *tx = s_begin();
    assert_int_equal (txc_exec (tx, "a", sql, 0, NULL, NULL), TXC_ELIMIT);
    assert_non_null (strstr (txc_tx_error (tx).text, "not sent"));
    assert_int_equal (s_counts().statements, 0);
    assert_int_equal (txc_exec (tx, "a", "x", 0, NULL, NULL), TXC_OK); /* it did no harm */
    txc_tx_destroy (&tx);
    free (sql);
}

static void test_unknown_rm (void **state)
{
    (void) state;
    txc_tx_t *tx = s_begin();
    assert_int_equal (txc_exec (tx, "nobody", "x", 0, NULL, NULL), TXC_ENORM);
    txc_tx_destroy (&tx);
}

static void test_time_out (void **state)
{
    (void) state;
    txc_tx_t *tx = txc_begin (s_client, &(txc_tx_options_t){.timeout_ms = 100});
    assert_int_equal (txc_exec (tx, "a", "SILENT", 0, NULL, NULL), TXC_ETIMEDOUT);
    txc_error_info_t error = txc_tx_error (tx);
    assert_true (txc_error_is_retryable (&error));
    assert_int_equal (txc_commit (tx, NULL), TXC_ROLLED_BACK);
    txc_tx_destroy (&tx);
}

/* A commit that gets no answer is asked again, and is never told as rolled back meanwhile. */
static void test_lost_answer (void **state)
{
    (void) state;
    txc_fake_peer_set_outcome (s_peer, TXC_PENDING, "");
    txc_tx_t *tx = s_begin_two();
    assert_int_equal (txc_commit_async (tx), TXC_OK);
    assert_int_equal (txc_commit_within (tx, 1, NULL), TXC_EPROTO); /* it is under way */
    while (s_counts().commits < 2)
        assert_int_equal (txc_commit_poll (tx), TXC_PENDING);
    txc_fake_peer_set_outcome (s_peer, TXC_OK, "");
    assert_int_equal (txc_commit (tx, NULL), TXC_OK);
    txc_tx_destroy (&tx);
}

/* Although the transaction has a minute left. */
static void test_commit_within (void **state)
{
    (void) state;
    int outcome = TXC_PENDING;
    txc_fake_peer_set_outcome (s_peer, TXC_PENDING, "");
    txc_tx_t *tx = s_begin_two();
    assert_int_equal (txc_commit_within (tx, 50, &outcome), TXC_UNKNOWN);
    assert_int_equal (outcome, TXC_UNKNOWN);
    assert_int_equal (txc_commit_within (tx, 50, NULL), TXC_UNKNOWN);
    txc_fake_peer_set_outcome (s_peer, TXC_OK, "");
    assert_int_equal (txc_commit_within (tx, LATE_MS, &outcome), TXC_OK); /* waits on */
    assert_int_equal (outcome, TXC_OK);
    assert_int_equal (txc_commit_within (NULL, 50, NULL), TXC_EINVAL);
    txc_tx_destroy (&tx);
}

static void test_ask_for_outcome (void **state)
{
    (void) state;
    static const char other[] = "txc-000000000000fa4e.99.1p";
    txc_fake_peer_set_outcome (s_peer, TXC_PENDING, "");
    assert_int_equal (txc_outcome (s_client, other, 50), TXC_UNKNOWN);
    txc_fake_peer_set_outcome (s_peer, TXC_HAZARD, "");
    assert_int_equal (txc_outcome (s_client, other, LATE_MS), TXC_HAZARD);
    txc_tx_t *tx = s_begin();
    char gtrid[TXC_GTRID_MAX + 1];
    strcpy (gtrid, txc_tx_gtrid (tx));
    txc_tx_destroy (&tx);
    assert_int_equal (txc_outcome (s_client, gtrid, LATE_MS), TXC_ROLLED_BACK);
}

static void test_no_coordinator (void **state)
{
    (void) state;
    txc_fake_peer_set_silent (s_peer, true);
    txc_client_options_t options = {.connect_timeout_ms = 50};
    assert_null (txc_client_new (s_endpoint, &options));
    assert_int_equal (txc_last_error().code, TXC_ECONN);
    assert_non_null (strstr (txc_last_error().text, s_endpoint));
    txc_fake_peer_set_silent (s_peer, false);
}

/* The session was closed behind the application's back: the next transaction is in a new one. */
static void test_session_closed (void **state)
{
    (void) state;
    txc_tx_t *tx = s_begin_two();
    txc_fake_peer_close_sessions (s_peer);
    while (s_counts().opened < 2) /* the keeper finds out with its next keepalive */
        poll (NULL, 0, 5);
    txc_tx_t *next = s_begin_two();
    assert_string_not_equal (txc_tx_gtrid (tx), txc_tx_gtrid (next));
    int rc = txc_exec (tx, "a", "x", 0, NULL, NULL);
    assert_true (rc == TXC_ESESSION || rc == TXC_EBRANCH);
    assert_int_equal (txc_commit (next, NULL), TXC_OK);
    txc_tx_destroy (&next);
    txc_tx_destroy (&tx);
}

/* --- misuse ----------------------------------------------------------------------------- */

static void test_misuse (void **state)
{
    (void) state;
    assert_null (txc_client_new (NULL, NULL));
    assert_int_equal (txc_last_error().code, TXC_EINVAL);
    static const char *const wrong[] = {
        "", ",", "tcp://", "nonsense", "tcp://127.0.0.1:1,", "tcp://a:1;tcp://b:2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null (txc_client_new (wrong[i], &(txc_client_options_t){.connect_timeout_ms = 1}));
        assert_true (txc_last_error().code < 0);
        assert_true (*txc_last_error().text);
    }
    assert_null (txc_begin (NULL, NULL));
    assert_null (txc_begin (s_client, &(txc_tx_options_t){.mode = "4pc"}));
    assert_int_equal (txc_last_error().code, TXC_EINVAL);
    assert_null (txc_begin (s_client, &(txc_tx_options_t){.isolation = (txc_isolation_t) 9}));
    assert_null (txc_begin (s_client, &(txc_tx_options_t){.commit_return = (txc_commit_return_t) 9}));
    assert_null (txc_join (s_client, "no ticket"));
    assert_null (txc_join (s_client, NULL));
    assert_int_equal (txc_exec (NULL, "a", "x", 0, NULL, NULL), TXC_EINVAL);
    assert_int_equal (txc_commit (NULL, NULL), TXC_EINVAL);
    assert_int_equal (txc_commit_poll (NULL), TXC_EINVAL);
    assert_int_equal (txc_tx_fd (NULL), TXC_EINVAL);
    assert_int_equal (txc_rollback (NULL), TXC_EINVAL);
    assert_int_equal (txc_outcome (s_client, "nonsense", 1), TXC_EINVAL);
    assert_int_equal (txc_outcome (s_client, NULL, 1), TXC_EINVAL);
    assert_int_equal (txc_tx_error (NULL).code, TXC_EINVAL);
    txc_tx_t *tx = s_begin();
    assert_int_equal (txc_exec (tx, NULL, "x", 0, NULL, NULL), TXC_EINVAL);
    assert_int_equal (txc_exec (tx, "Not A Name", "x", 0, NULL, NULL), TXC_EINVAL);
    assert_int_equal (txc_exec (tx, "a", NULL, 0, NULL, NULL), TXC_EINVAL);
    assert_int_equal (txc_exec (tx, "a", "", 0, NULL, NULL), TXC_EINVAL);
    assert_int_equal (txc_exec (tx, "a", "x", 1, NULL, NULL), TXC_EINVAL);
    assert_int_equal (txc_exec (tx, "a", "x", -1, NULL, NULL), TXC_EINVAL);
    assert_int_equal (txc_export (tx, NULL), TXC_EINVAL);
    assert_int_equal (txc_reattach (tx, "txct1."), TXC_EINVAL);
    assert_int_equal (txc_commit (tx, NULL), TXC_OK);
    assert_int_equal (txc_commit (tx, NULL), TXC_EPROTO);
    txc_tx_destroy (&tx);
    txc_tx_destroy (&tx);
    txc_tx_destroy (NULL);
    txc_result_destroy (NULL);
    assert_null (txc_result_value (NULL, 0, 0, NULL));
}

/* Transactions may outlive the client, if only to be destroyed. */
static void test_client_goes_first (void **state)
{
    (void) state;
    txc_patience_ms = LATE_MS;
    txc_client_t *client = txc_client_new (s_endpoint, &s_options);
    txc_patience_ms = 0;
    txc_tx_t *tx = txc_begin (client, NULL);
    assert_int_equal (txc_exec (tx, "a", "x", 0, NULL, NULL), TXC_OK);
    txc_client_destroy (&client);
    assert_null (client);
    while (s_counts().rollbacks == 0) /* on a socket of its own, and nobody waits for its answer */
        poll (NULL, 0, 5);
    assert_int_equal (s_counts().rollbacks, 1);
    assert_int_equal (s_counts().closed, 1);
    assert_true (txc_exec (tx, "a", "x", 0, NULL, NULL) < 0);
    assert_int_not_equal (txc_commit (tx, NULL), TXC_OK);
    txc_tx_destroy (&tx);
}

/* --- processes and threads ------------------------------------------------------------------ */

static void test_join (void **state)
{
    (void) state;
    txc_client_t *other = txc_client_new (s_endpoint, &s_options);
    txc_tx_t *tx = s_begin_two();
    char *ticket, *back;
    assert_int_equal (txc_export (tx, &ticket), TXC_OK);
    assert_int_equal (txc_commit (tx, NULL), TXC_EATTACHED);
    txc_tx_t *joined = txc_join (other, ticket);
    assert_non_null (joined);
    assert_string_equal (txc_tx_gtrid (joined), txc_tx_gtrid (tx));
    assert_int_equal (txc_exec (joined, "a", "z", 0, NULL, NULL), TXC_OK);
    assert_int_equal (txc_commit (joined, NULL), TXC_EPROTO);
    assert_int_equal (txc_detach (joined, &back), TXC_OK);
    assert_int_equal (txc_exec (joined, "a", "z", 0, NULL, NULL), TXC_EPROTO);
    txc_tx_destroy (&joined);
    assert_int_equal (txc_reattach (tx, back), TXC_OK);
    assert_int_equal (txc_commit (tx, NULL), TXC_OK);
    txc_tx_destroy (&tx);
    free (ticket);
    free (back);
    txc_client_destroy (&other);
}

enum { THREADS = 12, TRANSFERS = 20 };

static void *s_transfers (void *arg)
{
    (void) arg;
    for (intptr_t i = 0; i < TRANSFERS; i++) {
        txc_tx_t *tx = txc_begin (s_client, NULL);
        int rc = tx ? TXC_OK : TXC_ENOMEM;
        if (rc == TXC_OK && i % 2) {
            rc = txc_exec (tx, "a", "x", 0, NULL, NULL);
            rc = rc ? rc : txc_exec (tx, "b", "y", 0, NULL, NULL);
        } else if (rc == TXC_OK) {
            txc_exec_async (tx, "a", "x", 0, NULL, 0);
            txc_exec_async (tx, "b", "y", 0, NULL, 1);
            rc = txc_wait (tx);
        }
        rc = rc ? rc : txc_commit (tx, NULL);
        txc_tx_destroy (&tx);
        if (rc != TXC_OK)
            return (void *) (i + 1);
    }
    return NULL;
}

static void test_threads (void **state)
{
    (void) state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create (&threads[i], NULL, s_transfers, NULL);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join (threads[i], &failed);
        assert_null (failed);
    }
    assert_true (s_counts().commits >= THREADS * TRANSFERS);
}

int main (void)
{
    if (!mkdtemp (s_folder))
        return 1;
    snprintf (s_endpoint, sizeof s_endpoint, "ipc://%s/peer", s_folder);
#define TEST(function)   cmocka_unit_test_setup_teardown (function, s_setup, s_teardown)
#define ASKING(function) cmocka_unit_test_setup_teardown (function, s_setup_asking, s_teardown)
    const struct CMUnitTest tests[] = {
        TEST (test_transfer),
        TEST (test_one_branch),
        TEST (test_parameters),
        TEST (test_async_statements),
        TEST (test_async_commit),
        TEST (test_savepoints),
        TEST (test_outcomes),
        TEST (test_statement_fails),
        TEST (test_oversized_statement),
        TEST (test_unknown_rm),
        TEST (test_time_out),
        ASKING (test_lost_answer),
        ASKING (test_commit_within),
        TEST (test_ask_for_outcome),
        TEST (test_no_coordinator),
        TEST (test_session_closed),
        TEST (test_misuse),
        TEST (test_client_goes_first),
        TEST (test_join),
        TEST (test_threads),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    char path[80];
    snprintf (path, sizeof path, "%s/peer", s_folder);
    unlink (path);
    rmdir (s_folder);
    return failed;
}
