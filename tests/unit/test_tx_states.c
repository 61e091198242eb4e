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

#include "txc_test.h"

/* --- a client library that does what it is told ---------------------------------------- */

struct txc_client {
    int unused;
};
struct txc_tx {
    bool spoiled;
    char gtrid[40];
};

/* What its functions give. */
static struct {
    int connect, begin, commit, rollback, outcome;
} s_script;
static struct {
    unsigned clients, transactions; /* alive */
    unsigned begun;
    uint32_t timeout_ms;
    txc_commit_return_t commit_return;
} s_seen;

txc_client_t *txc_client_new (const char *endpoints, const txc_client_options_t *options)
{
    assert_string_equal (endpoints, "ipc:///test");
    assert_int_equal (options->connect_timeout_ms, 700);
    if (s_script.connect != TXC_OK)
        return NULL;
    s_seen.clients++;
    return calloc (1, sizeof (txc_client_t));
}

void txc_client_destroy (txc_client_t **self_p)
{
    if (!*self_p)
        return;
    s_seen.clients--;
    free (*self_p);
    *self_p = NULL;
}

txc_error_info_t txc_last_error (void)
{
    int code = s_script.connect != TXC_OK ? s_script.connect : s_script.begin;
    return (txc_error_info_t){.code = code, .text = "as told"};
}

txc_tx_t *txc_begin (txc_client_t *client, const txc_tx_options_t *options)
{
    assert_non_null (client);
    assert_string_equal (options->mode, "2pc");
    assert_int_equal (options->isolation, TXC_ISOLATION_SERIALIZABLE);
    s_seen.timeout_ms = options->timeout_ms;
    if (s_script.begin != TXC_OK)
        return NULL;
    s_seen.transactions++;
    txc_tx_t *self = calloc (1, sizeof *self);
    snprintf (self->gtrid, sizeof self->gtrid, "txc-1.2.%xp", ++s_seen.begun);
    return self;
}

void txc_tx_destroy (txc_tx_t **self_p)
{
    if (!*self_p)
        return;
    s_seen.transactions--;
    free (*self_p);
    *self_p = NULL;
}

const char *txc_tx_gtrid (const txc_tx_t *self)
{
    return self->gtrid;
}

txc_error_info_t txc_tx_error (const txc_tx_t *self)
{
    (void) self;
    return (txc_error_info_t){.text = "as told"};
}

int txc_tx_is_rollback_only (const txc_tx_t *self)
{
    return self->spoiled;
}

int txc_tx_set_commit_return (txc_tx_t *self, txc_commit_return_t commit_return)
{
    assert_non_null (self);
    s_seen.commit_return = commit_return;
    return TXC_OK;
}

int txc_commit (txc_tx_t *self, int *outcome)
{
    assert_non_null (self);
    assert_null (outcome);
    return s_script.commit;
}

int txc_rollback (txc_tx_t *self)
{
    assert_non_null (self);
    return s_script.rollback;
}

int txc_outcome (txc_client_t *client, const char *gtrid, uint32_t timeout_ms)
{
    assert_non_null (client);
    assert_int_equal (strncmp (gtrid, "txc-", 4), 0);
    assert_int_equal (timeout_ms, 20);
    return s_script.outcome;
}

/* --- states: reached, and told, by the interface alone ------------------------------------ */

static int s_state (void)
{
    TXINFO info;
    int rc = tx_info (&info);
    if (rc == TX_PROTOCOL_ERROR)
        return 0;
    assert_true (rc == 0 || rc == 1);
    assert_int_equal (rc == 1, info.xid.formatID != NULLXID);
    assert_int_equal (rc == 1, txc_tx_current() != NULL);
    return 1 + 2 * rc + (info.transaction_control == TX_CHAINED);
}

static void s_all_well (void)
{
    memset (&s_script, 0, sizeof s_script);
}

/* From whatever state. */
static void s_reach (int state)
{
    s_all_well();
    if (s_state() != 0)
        assert_int_equal (tx_set_transaction_control (TX_UNCHAINED), TX_OK);
    if (s_state() >= 3)
        assert_int_equal (tx_rollback(), TX_OK);
    assert_int_equal (tx_close(), TX_OK);
    assert_int_equal (s_seen.transactions, 0);
    assert_int_equal (s_seen.clients, 0);
    if (state == 0)
        return;
    assert_int_equal (tx_open(), TX_OK);
    assert_int_equal (tx_set_commit_return (TX_COMMIT_COMPLETED), TX_OK);
    assert_int_equal (tx_set_transaction_timeout (0), TX_OK);
    if (state == 2 || state == 4)
        assert_int_equal (tx_set_transaction_control (TX_CHAINED), TX_OK);
    if (state >= 3)
        assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (s_state(), state);
}

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
    s_reach (state);
    s_script.connect = cell->connect;
    s_script.begin = cell->begin;
    s_script.commit = cell->commit;
    s_script.rollback = cell->rollback;
    s_script.outcome = cell->outcome;
    int got = cell->call();
    bool has_reason = *txc_tx_reason() != 0;
    s_all_well();
    int to = s_state();
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
        s_reach (0);
        s_script.connect = cases[i].code;
        assert_int_equal (tx_open(), cases[i].rc);
        assert_string_equal (txc_tx_reason(), "as told");
        assert_int_equal (s_state(), 0);
        s_reach (1); /* open already: there is nothing to fail */
        s_script.connect = cases[i].code;
        assert_int_equal (tx_open(), TX_OK);
    }
}

/* --- what a state does not show ------------------------------------------------------------------ */

static void an_unknown_outcome_becomes_known (void **unused)
{
    (void) unused;
    s_reach (3);
    s_script.commit = TXC_UNKNOWN;
    assert_int_equal (tx_commit(), TX_FAIL);
    assert_int_equal (tx_close(), TX_PROTOCOL_ERROR);
    /* It may have been committed: that a rollback was not confirmed says nothing. */
    s_script.rollback = TXC_ETIMEDOUT;
    s_script.outcome = TXC_UNKNOWN;
    assert_int_equal (tx_rollback(), TX_FAIL);
    s_script.outcome = TXC_OK;
    assert_int_equal (tx_rollback(), TX_COMMITTED);
    assert_int_equal (s_state(), 1);
    s_reach (3);
    s_script.commit = TXC_UNKNOWN;
    assert_int_equal (tx_commit(), TX_FAIL);
    s_script.commit = TXC_ROLLED_BACK;
    assert_int_equal (tx_commit(), TX_ROLLBACK);
    assert_int_equal (s_state(), 1);
}

static void characteristics_reach_the_transaction (void **unused)
{
    (void) unused;
    s_reach (3);
    assert_int_equal (s_seen.timeout_ms, 2147483000); /* none, nearly */
    tx_set_commit_return (TX_COMMIT_DECISION_LOGGED);
    tx_set_transaction_timeout (30);
    assert_int_equal (tx_commit(), TX_OK);
    assert_int_equal (s_seen.commit_return, TXC_DECISION_LOGGED);
    tx_set_commit_return (TX_COMMIT_COMPLETED);
    assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (s_seen.timeout_ms, 30000);
    assert_int_equal (tx_commit(), TX_OK);
    assert_int_equal (s_seen.commit_return, TXC_COMPLETED);
    tx_set_transaction_timeout (0x7fffffffffffffff);
    assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (s_seen.timeout_ms, 2147483000);
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
    assert_int_equal (s_state(), 0);
    assert_null (txc_tx_client());
    assert_int_equal (tx_open(), TX_OK);
    assert_int_equal (s_seen.clients, 1); /* one for the process */
    assert_int_equal (tx_set_transaction_control (TX_CHAINED), TX_OK);
    assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (s_seen.transactions, 2);
    return NULL; /* with a transaction open */
}

static void every_thread_has_a_state_of_its_own (void **unused)
{
    (void) unused;
    s_reach (3);
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_other_thread, NULL), 0);
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_int_equal (s_seen.transactions, 1); /* what a thread leaves open goes with it */
    assert_int_equal (s_state(), 3);
    assert_int_equal (tx_commit(), TX_OK);
    assert_int_equal (tx_close(), TX_OK);
    assert_int_equal (s_seen.clients, 0);
}

static void a_forked_child_is_a_new_thread_of_control (void **unused)
{
    (void) unused;
    s_reach (4);
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = tx_commit() == TX_PROTOCOL_ERROR && s_state() == 0 && tx_open() == TX_OK &&
                  s_state() == 1 && tx_begin() == TX_OK && tx_commit() == TX_OK && tx_close() == TX_OK;
        _exit (ok ? 0 : 1);
    }
    int status = -1;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    assert_int_equal (s_state(), 4);
}

/* --- the configuration ----------------------------------------------------------------------------- */

static char s_file[64];

static void s_configure (const char *text)
{
    FILE *file = fopen (s_file, "w");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
}

#define GOOD                                                                                                 \
    "coordinator = \"ipc:///test\"\nisolation = serializable\nconnect_timeout = 700ms\noutcome_wait = "      \
    "20ms\n"

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
        s_reach (0);
        s_configure (cases[i].text);
        assert_int_equal (tx_open(), TX_FAIL);
        if (!strstr (txc_tx_reason(), cases[i].reason))
            fail_msg ("%s", txc_tx_reason());
    }
    s_reach (0);
    unlink (s_file);
    assert_int_equal (tx_open(), TX_FAIL); /* it was named */
    assert_non_null (strstr (txc_tx_reason(), s_file));
    s_configure (GOOD);
    assert_int_equal (tx_open(), TX_OK);
}

static void the_environment_names_another_coordinator (void **unused)
{
    (void) unused;
    s_reach (0);
    s_configure ("coordinator = \"ipc:///elsewhere\"\nisolation = serializable\nconnect_timeout = 700ms\n");
    setenv ("TXCOORD", "ipc:///test", 1);
    assert_int_equal (tx_open(), TX_OK);
    unsetenv ("TXCOORD");
    s_reach (0);
    s_configure (GOOD);
}

int main (void)
{
    snprintf (s_file, sizeof s_file, "/tmp/txc-tx.XXXXXX");
    int fd = mkstemp (s_file);
    if (fd < 0)
        return 1;
    close (fd);
    unsetenv ("TXCOORD");
    setenv ("TXCOORD_TX_CONFIG", s_file, 1);
    s_configure (GOOD);
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
    s_reach (0);
    unlink (s_file);
    return rc;
}
