/*
 * test_tx_states.c - every function of tx.h in every state of a thread of control, against the CAE
 * specification.
 *
 * The tables below are the specification's, written down a second time.  The
 * client library is stood in for, so that every result that it can give comes
 * up in every state; test_tx (tests/integration) has the real one.
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tx.h>

#include <txcoord/txc_xopen.h>

#include "tx_world.h"
#include "txc_test.h"

/* --- the specification's tables --------------------------------------------------------------- */

static int s_info (void)
{
    int rc = tx_info (NULL); /* which is not an error */
    return rc == 1 ? TX_OK : rc;
}
static int s_return_completed (void)
{
    return tx_set_commit_return (TX_COMMIT_COMPLETED);
}
static int s_return_logged (void)
{
    return tx_set_commit_return (TX_COMMIT_DECISION_LOGGED);
}
static int s_return_nonsense (void)
{
    return tx_set_commit_return (2);
}
static int s_chained (void)
{
    return tx_set_transaction_control (TX_CHAINED);
}
static int s_unchained (void)
{
    return tx_set_transaction_control (TX_UNCHAINED);
}
static int s_control_nonsense (void)
{
    return tx_set_transaction_control (-1);
}
static int s_timeout (void)
{
    return tx_set_transaction_timeout (30);
}
static int s_timeout_longest (void)
{
    return tx_set_transaction_timeout (0x7fffffffffffffff);
}
static int s_timeout_nonsense (void)
{
    return tx_set_transaction_timeout (-1);
}

typedef struct cell {
    const char *what;
    int (*call) (void);
    int connect, begin, commit, rollback, outcome; /* what the client library gives */
    int rc;                                        /* what the function gives where it is allowed */
    int next[5];                                   /* from S0 to S4; -1: TX_PROTOCOL_ERROR, the same state */
} cell_t;

#define NOT (-1)
#define FROM_S1_S2                                                                                           \
    {                                                                                                        \
        NOT, 3, 4, NOT, NOT                                                                                  \
    }
#define FAILED_IN_S1_S2                                                                                      \
    {                                                                                                        \
        NOT, 1, 2, NOT, NOT                                                                                  \
    }
#define ENDED                                                                                                \
    {                                                                                                        \
        NOT, NOT, NOT, 1, 4                                                                                  \
    }
#define NOT_ENDED                                                                                            \
    {                                                                                                        \
        NOT, NOT, NOT, 3, 4                                                                                  \
    }
#define SAME                                                                                                 \
    {                                                                                                        \
        NOT, 1, 2, 3, 4                                                                                      \
    }

static const cell_t s_cells[] = {
    {.what = "tx_open", .call = tx_open, .next = {1, 1, 2, 3, 4}},
    {.what = "tx_close", .call = tx_close, .next = {0, 0, 0, NOT, NOT}},
    {.what = "tx_begin", .call = tx_begin, .next = FROM_S1_S2},
    {.what = "tx_begin", .call = tx_begin, .begin = TXC_ECONN, .rc = TX_ERROR, .next = FAILED_IN_S1_S2},
    {.what = "tx_begin", .call = tx_begin, .begin = TXC_EOVERLOAD, .rc = TX_ERROR, .next = FAILED_IN_S1_S2},
    {.what = "tx_begin", .call = tx_begin, .begin = TXC_EMODE, .rc = TX_FAIL, .next = FAILED_IN_S1_S2},
    {.what = "tx_info", .call = s_info, .next = SAME},
    {.what = "tx_set_commit_return", .call = s_return_completed, .next = SAME},
    {.what = "tx_set_commit_return", .call = s_return_logged, .next = SAME},
    {.what = "tx_set_commit_return", .call = s_return_nonsense, .rc = TX_EINVAL, .next = SAME},
    {.what = "tx_set_transaction_control", .call = s_chained, .next = {NOT, 2, 2, 4, 4}},
    {.what = "tx_set_transaction_control", .call = s_unchained, .next = {NOT, 1, 1, 3, 3}},
    {.what = "tx_set_transaction_control", .call = s_control_nonsense, .rc = TX_EINVAL, .next = SAME},
    {.what = "tx_set_transaction_timeout", .call = s_timeout, .next = SAME},
    {.what = "tx_set_transaction_timeout", .call = s_timeout_longest, .next = SAME},
    {.what = "tx_set_transaction_timeout", .call = s_timeout_nonsense, .rc = TX_EINVAL, .next = SAME},

    {.what = "tx_commit", .call = tx_commit, .next = ENDED},
    {.what = "tx_commit", .call = tx_commit, .commit = TXC_ROLLED_BACK, .rc = TX_ROLLBACK, .next = ENDED},
    {.what = "tx_commit", .call = tx_commit, .commit = TXC_MIXED, .rc = TX_MIXED, .next = ENDED},
    {.what = "tx_commit", .call = tx_commit, .commit = TXC_HAZARD, .rc = TX_HAZARD, .next = ENDED},
    /* not known, for longer than it may take; refused; nothing happened; somebody ended it behind our back */
    {.what = "tx_commit", .call = tx_commit, .commit = TXC_UNKNOWN, .rc = TX_FAIL, .next = NOT_ENDED},
    {.what = "tx_commit",
     .call = tx_commit,
     .commit = TXC_EATTACHED,
     .rc = TX_PROTOCOL_ERROR,
     .next = NOT_ENDED},
    {.what = "tx_commit", .call = tx_commit, .commit = TXC_ESESSION, .rc = TX_ROLLBACK, .next = ENDED},
    {.what = "tx_commit", .call = tx_commit, .commit = TXC_EPROTO, .outcome = TXC_OK, .next = ENDED},
    {.what = "tx_commit",
     .call = tx_commit,
     .commit = TXC_EPROTO,
     .outcome = TXC_FORGOTTEN,
     .rc = TX_FAIL,
     .next = NOT_ENDED},
    {.what = "tx_commit",
     .call = tx_commit,
     .commit = TXC_ESESSION,
     .rollback = TXC_EPROTO,
     .outcome = TXC_OK,
     .rc = TX_OK,
     .next = ENDED},

    {.what = "tx_rollback", .call = tx_rollback, .next = ENDED},
    {.what = "tx_rollback", .call = tx_rollback, .rollback = TXC_ETIMEDOUT, .next = ENDED},
    {.what = "tx_rollback",
     .call = tx_rollback,
     .rollback = TXC_EPROTO,
     .outcome = TXC_ROLLED_BACK,
     .next = ENDED},
    {.what = "tx_rollback",
     .call = tx_rollback,
     .rollback = TXC_EPROTO,
     .outcome = TXC_OK,
     .rc = TX_COMMITTED,
     .next = ENDED},
    {.what = "tx_rollback",
     .call = tx_rollback,
     .rollback = TXC_EPROTO,
     .outcome = TXC_MIXED,
     .rc = TX_MIXED,
     .next = ENDED},
    {.what = "tx_rollback",
     .call = tx_rollback,
     .rollback = TXC_EPROTO,
     .outcome = TXC_HAZARD,
     .rc = TX_HAZARD,
     .next = ENDED},
    {.what = "tx_rollback",
     .call = tx_rollback,
     .rollback = TXC_EPROTO,
     .outcome = TXC_PENDING,
     .rc = TX_FAIL,
     .next = NOT_ENDED},
};

static unsigned s_run;

static void s_check (const cell_t *cell, int state, int rc, int next)
{
    tx_world_reach (state);
    tx_script.connect = cell->connect;
    tx_script.begin = cell->begin;
    tx_script.commit = cell->commit;
    tx_script.rollback = cell->rollback;
    tx_script.outcome = cell->outcome;
    int got = cell->call();
    bool has_reason = *txc_tx_reason() != 0;
    tx_world_all_well();
    int to = tx_world_state();
    if (got != rc || to != next)
        fail_msg ("%s in S%d, commit %d, rollback %d, outcome %d: gave %d and S%d, expected %d and S%d",
                  cell->what, state, cell->commit, cell->rollback, cell->outcome, got, to, rc, next);
    if ((rc != TX_OK) != has_reason)
        fail_msg ("%s in S%d gave %d %s a reason", cell->what, state, rc, has_reason ? "with" : "without");
    s_run++;
}

static void every_function_in_every_state (void **unused)
{
    (void) unused;
    s_run = 0;
    for (size_t i = 0; i < sizeof s_cells / sizeof *s_cells; i++) {
        const cell_t *cell = &s_cells[i];
        for (int state = 0; state < 5; state++) {
            bool allowed = cell->next[state] != NOT;
            s_check (cell, state, allowed ? cell->rc : TX_PROTOCOL_ERROR,
                     allowed ? cell->next[state] : state);
        }
    }
    printf ("%u cells\n", s_run);
    assert_int_equal (s_run, 5 * sizeof s_cells / sizeof *s_cells);
}

/* The same ends where the next transaction of the chain cannot begin: TX_SET2, which lead to S2. */
static void ends_of_a_chain_that_goes_no_further (void **unused)
{
    (void) unused;
    s_run = 0;
    for (size_t i = 0; i < sizeof s_cells / sizeof *s_cells; i++) {
        cell_t cell = s_cells[i];
        if ((cell.call != tx_commit && cell.call != tx_rollback) || cell.next[3] != 1)
            continue;
        cell.begin = TXC_ECONN;
        s_check (&cell, 3, cell.rc, 1); /* unchained: nothing is to begin */
        s_check (&cell, 4, cell.rc + TX_NO_BEGIN, 2);
    }
    printf ("%u cells\n", s_run);
    assert_true (s_run >= 20);
    /* the specification's names of them */
    assert_int_equal (TX_OK + TX_NO_BEGIN, TX_NO_BEGIN);
    assert_int_equal (TX_ROLLBACK_NO_BEGIN, -102);
    assert_int_equal (TX_MIXED_NO_BEGIN, -103);
    assert_int_equal (TX_HAZARD_NO_BEGIN, -104);
    assert_int_equal (TX_COMMITTED_NO_BEGIN, -109);
}

static void opening_may_fail (void **unused)
{
    (void) unused;
    static const struct {
        int code, rc;
    } cases[] = {{TXC_ECONN, TX_ERROR},   {TXC_ETIMEDOUT, TX_ERROR}, {TXC_ENOTLEADER, TX_ERROR},
                 {TXC_EVERSION, TX_FAIL}, {TXC_EPERM, TX_FAIL},      {TXC_ENOMEM, TX_FAIL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tx_world_reach (0);
        tx_script.connect = cases[i].code;
        assert_int_equal (tx_open(), cases[i].rc);
        assert_string_equal (txc_tx_reason(), "as told");
        assert_int_equal (tx_world_state(), 0);
        tx_world_reach (1); /* open already: there is nothing to fail */
        tx_script.connect = cases[i].code;
        assert_int_equal (tx_open(), TX_OK);
    }
}

/* --- what a state does not show ------------------------------------------------------------------ */

static void an_unknown_outcome_becomes_known (void **unused)
{
    (void) unused;
    tx_world_reach (3);
    tx_script.commit = TXC_UNKNOWN;
    assert_int_equal (tx_commit(), TX_FAIL);
    assert_int_equal (tx_close(), TX_PROTOCOL_ERROR);
    /* It may have been committed: that a rollback was not confirmed says nothing. */
    tx_script.rollback = TXC_ETIMEDOUT;
    tx_script.outcome = TXC_UNKNOWN;
    assert_int_equal (tx_rollback(), TX_FAIL);
    tx_script.outcome = TXC_OK;
    assert_int_equal (tx_rollback(), TX_COMMITTED);
    assert_int_equal (tx_world_state(), 1);
    tx_world_reach (3);
    tx_script.commit = TXC_UNKNOWN;
    assert_int_equal (tx_commit(), TX_FAIL);
    tx_script.commit = TXC_ROLLED_BACK;
    assert_int_equal (tx_commit(), TX_ROLLBACK);
    assert_int_equal (tx_world_state(), 1);
}

static void characteristics_reach_the_transaction (void **unused)
{
    (void) unused;
    tx_world_reach (3);
    assert_int_equal (tx_seen.timeout_ms, 2147483000); /* none, nearly */
    tx_set_commit_return (TX_COMMIT_DECISION_LOGGED);
    tx_set_transaction_timeout (30);
    assert_int_equal (tx_commit(), TX_OK);
    assert_int_equal (tx_seen.commit_return, TXC_DECISION_LOGGED);
    assert_int_equal (tx_seen.commit_wait_ms, 20); /* as configured: there is no time-out to wait for */
    tx_set_commit_return (TX_COMMIT_COMPLETED);
    assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (tx_seen.timeout_ms, 30000);
    assert_int_equal (tx_commit(), TX_OK);
    assert_int_equal (tx_seen.commit_return, TXC_COMPLETED);
    assert_in_range (tx_seen.commit_wait_ms, 20000, 30020);
    tx_set_transaction_timeout (0x7fffffffffffffff);
    assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (tx_seen.timeout_ms, 2147483000);
    TXINFO info;
    assert_int_equal (tx_info (&info), 1);
    assert_int_equal (info.transaction_timeout, 0x7fffffffffffffff);
    assert_int_equal (info.when_return, TX_COMMIT_COMPLETED);
    assert_int_equal (info.transaction_state, TX_ACTIVE);
    txc_tx_current()->spoiled = true;
    assert_int_equal (tx_info (&info), 1);
    assert_int_equal (info.transaction_state, TX_ROLLBACK_ONLY);
    assert_int_equal (info.xid.formatID, 0x54584331);
    assert_int_equal (info.xid.gtrid_length, strlen (txc_tx_gtrid (txc_tx_current())));
    assert_memory_equal (info.xid.data, txc_tx_gtrid (txc_tx_current()), (size_t) info.xid.gtrid_length);
    assert_true (info.xid.bqual_length >= 1);
    /* A new tx_open begins unchained, as the table says; the others keep what they were set to. */
    assert_int_equal (tx_rollback(), TX_OK);
    assert_int_equal (tx_close(), TX_OK);
    assert_int_equal (tx_open(), TX_OK);
    assert_int_equal (tx_info (&info), 0);
    assert_int_equal (info.transaction_timeout, 0x7fffffffffffffff);
    assert_int_equal (info.xid.formatID, NULLXID);
}

static void *s_other_thread (void *arg)
{
    (void) arg;
    assert_int_equal (tx_world_state(), 0);
    assert_null (txc_tx_client());
    assert_int_equal (tx_open(), TX_OK);
    assert_int_equal (tx_seen.clients, 1); /* one for the process */
    assert_int_equal (tx_set_transaction_control (TX_CHAINED), TX_OK);
    assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (tx_seen.transactions, 2);
    return NULL; /* with a transaction open */
}

static void every_thread_has_a_state_of_its_own (void **unused)
{
    (void) unused;
    tx_world_reach (3);
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_other_thread, NULL), 0);
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_int_equal (tx_seen.transactions, 1); /* what a thread leaves open goes with it */
    assert_int_equal (tx_world_state(), 3);
    assert_int_equal (tx_commit(), TX_OK);
    assert_int_equal (tx_close(), TX_OK);
    assert_int_equal (tx_seen.clients, 0);
}

static void a_forked_child_is_a_new_thread_of_control (void **unused)
{
    (void) unused;
    tx_world_reach (4);
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = tx_commit() == TX_PROTOCOL_ERROR && tx_world_state() == 0 && tx_open() == TX_OK &&
                  tx_world_state() == 1 && tx_begin() == TX_OK && tx_commit() == TX_OK && tx_close() == TX_OK;
        _exit (ok ? 0 : 1);
    }
    int status = -1;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    assert_int_equal (tx_world_state(), 4);
}

/* --- the configuration ----------------------------------------------------------------------------- */

static void a_wrong_configuration_is_told (void **unused)
{
    (void) unused;
    static const struct {
        const char *text, *reason;
    } cases[] = {{"coordinater = x\n", "coordinater"},
                 {"mode = 4pc\n", "2pc"},
                 {"isolation = none\n", "serializable"},
                 {"outcome_wait = 5\n", "outcome_wait"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tx_world_reach (0);
        tx_world_configure (cases[i].text);
        assert_int_equal (tx_open(), TX_FAIL);
        if (!strstr (txc_tx_reason(), cases[i].reason))
            fail_msg ("%s", txc_tx_reason());
    }
    tx_world_reach (0);
    unlink (tx_world_file);
    assert_int_equal (tx_open(), TX_FAIL); /* it was named */
    assert_non_null (strstr (txc_tx_reason(), tx_world_file));
    tx_world_configure (TX_WORLD_CONFIG);
    assert_int_equal (tx_open(), TX_OK);
}

static void the_environment_names_another_coordinator (void **unused)
{
    (void) unused;
    tx_world_reach (0);
    tx_world_configure (
        "coordinator = \"ipc:///elsewhere\"\nisolation = serializable\nconnect_timeout = 700ms\n");
    setenv ("TXCOORD", "ipc:///test", 1);
    assert_int_equal (tx_open(), TX_OK);
    unsetenv ("TXCOORD");
    tx_world_reach (0);
    tx_world_configure (TX_WORLD_CONFIG);
}

int main (void)
{
    tx_world_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (every_function_in_every_state),
        cmocka_unit_test (ends_of_a_chain_that_goes_no_further),
        cmocka_unit_test (opening_may_fail),
        cmocka_unit_test (an_unknown_outcome_becomes_known),
        cmocka_unit_test (characteristics_reach_the_transaction),
        cmocka_unit_test (every_thread_has_a_state_of_its_own),
        cmocka_unit_test (a_forked_child_is_a_new_thread_of_control),
        cmocka_unit_test (a_wrong_configuration_is_told),
        cmocka_unit_test (the_environment_names_another_coordinator),
    };
    int rc = cmocka_run_group_tests (tests, NULL, NULL);
    tx_world_end();
    return rc;
}
