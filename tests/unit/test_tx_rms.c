/*
 * test_tx_rms.c - the resource managers that a thread of control works with: its connections, and XA
 * switches.
 *
 * The client library and the databases are stood in for; tests/integration/tx_connections
 * has the real ones.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tx.h>

#include <txcoord/txc_tx_driver.h>
#include <txcoord/txc_xa.h>

#include "tx_world.h"
#include "txc_test.h"

#define CONFIG                                                                                               \
    TX_WORLD_CONFIG "rm\n"                                                                                   \
                    "    one\n        kind = fake\n        info = \"first\"\n"                               \
                    "    two\n        kind = fake\n"                                                         \
                    "    other\n        kind = pgsql\n        conninfo = \"dbname=x\"\n"
#define SWITCHES                                                                                             \
    CONFIG "    vendor\n        kind = xa\n        switch = /some/where.so\n        symbol = vendor_xa\n"    \
           "        open_info = in\n        close_info = out\n"

/* --- a driver that does what it is told --------------------------------------------------- */

typedef struct fake {
    bool lost;
    const char *outside;
    bool spoiled;
    unsigned reopened;
} fake_t;

static struct {
    bool refuse_open, refuse_reopen;
    bool lose;    /* the next enlist finds the session lost */
    bool lose_on; /* and so does every other one */
    int enlist, native;
} s_script;
static unsigned s_opened, s_closed, s_abandoned, s_enlisted;

static void *s_open (const txc_tx_rm_t *rm, char *error)
{
    assert_string_equal (rm->kind, "fake");
    assert_int_equal (rm->isolation, TXC_ISOLATION_SERIALIZABLE);
    assert_int_equal (rm->connect_timeout_ms, 700);
    if (strcmp (rm->name, "one") == 0)
        assert_string_equal (rm->info, "first");
    else
        assert_null (rm->info);
    if (s_script.refuse_open) {
        strcpy (error, "it does not open");
        return NULL;
    }
    s_opened++;
    return calloc (1, sizeof (fake_t));
}

static int s_lost (void *conn)
{
    return ((fake_t *) conn)->lost;
}

static int s_reopen (void *conn, const txc_tx_rm_t *rm, char *error)
{
    fake_t *self = conn;
    assert_non_null (rm);
    assert_true (self->lost);
    if (s_script.refuse_reopen) {
        strcpy (error, "nobody answers");
        return TXC_ERMFAIL;
    }
    self->lost = false;
    self->reopened++;
    return TXC_OK;
}

static const char *s_outside (void *conn)
{
    return ((fake_t *) conn)->outside;
}

static int s_spoiled (void *conn)
{
    return ((fake_t *) conn)->spoiled;
}

static int s_enlist (txc_tx_t *tx, const char *rm, void *conn)
{
    assert_non_null (tx);
    assert_non_null (rm);
    fake_t *self = conn;
    assert_false (self->lost);
    tx->error.code = s_script.enlist;
    tx->error.native = s_script.native;
    if (s_script.lose || s_script.lose_on) {
        s_script.lose = false;
        self->lost = true;
        tx->error.code = TXC_ERMFAIL;
    }
    s_enlisted += tx->error.code == TXC_OK;
    return tx->error.code;
}

static void s_close (void *conn)
{
    s_closed++;
    free (conn);
}

static void s_abandon (void *conn)
{
    s_abandoned++;
    free (conn);
}

static const txc_tx_driver_t s_driver = {"fake",    s_open,   s_lost,  s_reopen, s_outside,
                                         s_spoiled, s_enlist, s_close, s_abandon};

/* The state, with the connections that are asked for there, and everything counted from here. */
static fake_t *s_have (int state, const char *rm)
{
    tx_world_reach (state);
    fake_t *conn = txc_tx_connection (rm, &s_driver);
    assert_non_null (conn);
    assert_string_equal (txc_tx_reason(), "");
    return conn;
}

static int s_setup (void **unused)
{
    (void) unused;
    tx_world_reach (0);
    memset (&s_script, 0, sizeof s_script);
    s_opened = s_closed = s_abandoned = s_enlisted = 0;
    tx_world_configure (CONFIG);
    return 0;
}

/* --- XA switches that do what they are told ------------------------------------------------- */

static struct {
    int open; /* what xa_open gives */
    unsigned opened, closed;
    int rmid;
} s_xa;

static int s_xa_open (char *info, int rmid, long flags)
{
    assert_string_equal (info, "in");
    assert_int_equal (flags, TMNOFLAGS);
    s_xa.rmid = rmid;
    s_xa.opened += s_xa.open == XA_OK;
    return s_xa.open;
}

static int s_xa_close (char *info, int rmid, long flags)
{
    assert_string_equal (info, "out");
    assert_int_equal (flags, TMNOFLAGS);
    assert_int_equal (rmid, s_xa.rmid);
    s_xa.closed++;
    return XA_OK;
}

static const struct xa_switch_t s_switch = {
    .name = "vendor", .xa_open_entry = s_xa_open, .xa_close_entry = s_xa_close};

static int s_setup_xa (void **unused)
{
    s_setup (unused);
    memset (&s_xa, 0, sizeof s_xa);
    memset (&tx_xa, 0, sizeof tx_xa);
    tx_xa.xa = &s_switch;
    tx_world_configure (SWITCHES);
    return 0;
}

/* --- connections ------------------------------------------------------------------------------ */

static void it_is_opened_once_and_is_in_every_transaction (void **unused)
{
    (void) unused;
    fake_t *conn = s_have (1, "one");
    assert_int_equal (s_enlisted, 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal (tx_begin(), TX_OK);
        assert_int_equal (s_enlisted, i);
        assert_ptr_equal (txc_tx_connection ("one", &s_driver), conn);
        assert_int_equal (s_enlisted, i);
        assert_int_equal (i % 2 ? tx_commit() : tx_rollback(), TX_OK);
    }
    /* in every one of a chain, too, and beside another one */
    assert_int_equal (tx_set_transaction_control (TX_CHAINED), TX_OK);
    assert_int_equal (tx_begin(), TX_OK);
    fake_t *other = txc_tx_connection ("two", &s_driver);
    assert_non_null (other);
    assert_ptr_not_equal (other, conn);
    assert_int_equal (s_enlisted, 5);
    assert_int_equal (tx_commit(), TX_OK);
    assert_int_equal (s_enlisted, 7);
    assert_int_equal (tx_rollback(), TX_OK);
    assert_int_equal (s_enlisted, 9);
    assert_int_equal (s_opened, 2);
    tx_world_reach (0);
    assert_int_equal (s_closed, 2);
}

static void one_that_cannot_be_enlisted_is_not_handed_out (void **unused)
{
    (void) unused;
    tx_world_reach (3);
    s_script.enlist = TXC_EPERM;
    assert_null (txc_tx_connection ("one", &s_driver));
    assert_non_null (strstr (txc_tx_reason(), "one: as told"));
    assert_int_equal (s_closed, 1);
    s_script.enlist = TXC_OK;
    assert_non_null (txc_tx_connection ("one", &s_driver));
    s_script.refuse_open = true;
    assert_null (txc_tx_connection ("two", &s_driver));
    assert_string_equal (txc_tx_reason(), "it does not open");
    assert_int_equal (tx_world_state(), 3);
}

static void who_asks_wrongly_is_told (void **unused)
{
    (void) unused;
    txc_tx_driver_t half = s_driver;
    half.enlist = NULL;
    assert_null (txc_tx_connection ("one", &s_driver));
    assert_non_null (strstr (txc_tx_reason(), "tx_open was not called"));
    tx_world_reach (1);
    assert_null (txc_tx_connection ("three", &s_driver));
    assert_non_null (strstr (txc_tx_reason(), "'three'"));
    assert_null (txc_tx_connection ("other", &s_driver));
    assert_non_null (strstr (txc_tx_reason(), "'pgsql'"));
    assert_null (txc_tx_connection (NULL, &s_driver));
    assert_null (txc_tx_connection ("one", NULL));
    assert_null (txc_tx_connection ("one", &half));
    assert_non_null (strstr (txc_tx_reason(), "enlist"));
    assert_int_equal (s_opened, 0);
}

static void what_is_outside_keeps_transactions_from_beginning (void **unused)
{
    (void) unused;
    for (int state = 1; state <= 2; state++) {
        fake_t *conn = s_have (state, "one");
        conn->outside = "work of its own";
        assert_int_equal (tx_begin(), TX_OUTSIDE);
        assert_string_equal (txc_tx_reason(), "one: work of its own");
        assert_int_equal (tx_world_state(), state);
        assert_int_equal (tx_seen.transactions, 0);
        conn->outside = NULL;
        /* what the resource manager itself says of it: PostgreSQL's and XA's code, and MariaDB's number */
        s_script.enlist = TXC_EPROTO;
        assert_int_equal (tx_begin(), TX_OUTSIDE);
        s_script.enlist = TXC_ERM;
        s_script.native = 1400;
        assert_int_equal (tx_begin(), TX_OUTSIDE);
        assert_int_equal (tx_world_state(), state);
        assert_int_equal (tx_seen.transactions, 0);
        memset (&s_script, 0, sizeof s_script);
        assert_int_equal (tx_begin(), TX_OK);
    }
    /* S4: the end is told, and that the chain goes no further */
    static const struct {
        int commit, rc;
    } ends[] = {
        {TXC_OK, TX_NO_BEGIN}, {TXC_ROLLED_BACK, TX_ROLLBACK_NO_BEGIN}, {TXC_MIXED, TX_MIXED_NO_BEGIN}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        s_have (4, "one")->outside = "work of its own";
        tx_script.commit = ends[i].commit;
        assert_int_equal (tx_commit(), ends[i].rc);
        assert_int_equal (tx_world_state(), 2);
        ((fake_t *) txc_tx_connection ("one", &s_driver))->outside = NULL;
    }
}

static void what_else_keeps_it_from_beginning (void **unused)
{
    (void) unused;
    static const struct {
        int code, rc;
    } cases[] = {{TXC_ERM, TX_ERROR},       {TXC_EBRANCH, TX_ERROR},   {TXC_ENORM, TX_ERROR},
                 {TXC_ERMFAIL, TX_ERROR},   {TXC_ETIMEDOUT, TX_ERROR}, {TXC_EOVERLOAD, TX_ERROR},
                 {TXC_ENOTREADY, TX_ERROR}, {TXC_EPERM, TX_FAIL},      {TXC_EMODE, TX_FAIL},
                 {TXC_EINVAL, TX_FAIL}};
    for (int state = 1; state <= 2; state++) {
        s_have (state, "one");
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            s_script.enlist = cases[i].code;
            assert_int_equal (tx_begin(), cases[i].rc);
            assert_string_equal (txc_tx_reason(), "one: as told");
            assert_int_equal (tx_world_state(), state);
            assert_int_equal (tx_seen.transactions, 0); /* nothing is left of it */
        }
        s_script.enlist = TXC_OK;
        assert_int_equal (tx_begin(), TX_OK);
    }
}

static void a_lost_session_is_opened_anew_under_the_same_handle (void **unused)
{
    (void) unused;
    fake_t *one = s_have (1, "one"), *two = txc_tx_connection ("two", &s_driver);
    two->lost = true; /* seen before */
    assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (two->reopened, 1);
    assert_int_equal (s_enlisted, 2);
    assert_int_equal (tx_commit(), TX_OK);
    s_script.lose = true; /* seen when it is to begin */
    assert_int_equal (tx_begin(), TX_OK);
    assert_string_equal (txc_tx_reason(), "");
    assert_int_equal (one->reopened, 1);
    assert_int_equal (s_enlisted, 4);
    assert_int_equal (tx_seen.transactions, 1); /* the one that began first is gone */
    assert_ptr_equal (txc_tx_connection ("one", &s_driver), one);
    assert_int_equal (tx_commit(), TX_OK);
    s_script.lose_on = true; /* there is an end to it */
    assert_int_equal (tx_begin(), TX_ERROR);
    assert_int_equal (tx_world_state(), 1);
    s_script.lose_on = false;
    s_script.refuse_reopen = true;
    assert_int_equal (tx_begin(), TX_ERROR);
    assert_string_equal (txc_tx_reason(), "the connection was lost: nobody answers");
    s_script.refuse_reopen = false;
    assert_int_equal (tx_begin(), TX_OK);
}

static void a_branch_that_failed_shows_in_the_transaction (void **unused)
{
    (void) unused;
    TXINFO info;
    fake_t *conn = s_have (3, "one");
    assert_int_equal (tx_info (&info), 1);
    assert_int_equal (info.transaction_state, TX_ACTIVE);
    conn->spoiled = true;
    assert_int_equal (tx_info (&info), 1);
    assert_int_equal (info.transaction_state, TX_ROLLBACK_ONLY);
}

/* Its reason is that of the end, not of the beginning. */
static void the_reason_of_an_end_outlives_the_next_beginning (void **unused)
{
    (void) unused;
    s_have (4, "one");
    tx_script.commit = TXC_ROLLED_BACK;
    assert_int_equal (tx_commit(), TX_ROLLBACK);
    assert_non_null (strstr (txc_tx_reason(), "as told"));
    assert_int_equal (tx_world_state(), 4);
}

static void *s_other_thread (void *arg)
{
    assert_int_equal (tx_open(), TX_OK);
    fake_t *conn = txc_tx_connection ("one", &s_driver);
    assert_non_null (conn);
    assert_ptr_not_equal (conn, arg);
    assert_int_equal (tx_begin(), TX_OK);
    return NULL;
}

static void every_thread_has_its_own (void **unused)
{
    (void) unused;
    fake_t *conn = s_have (3, "one");
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_other_thread, conn), 0);
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_int_equal (s_opened, 2);
    assert_int_equal (s_closed, 1); /* it ends with its thread */
    assert_int_equal (tx_world_state(), 3);
}

static void a_forked_child_leaves_them_to_its_parent (void **unused)
{
    (void) unused;
    fake_t *conn = s_have (3, "one");
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = tx_world_state() == 0 && s_abandoned == 1 && s_closed == 0 && tx_open() == TX_OK &&
                  txc_tx_connection ("one", &s_driver) && tx_begin() == TX_OK && tx_commit() == TX_OK &&
                  tx_close() == TX_OK && s_closed == 1;
        _exit (ok ? 0 : 1);
    }
    int status = -1;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    assert_ptr_equal (txc_tx_connection ("one", &s_driver), conn);
    assert_int_equal (tx_commit(), TX_OK);
}

/* --- XA switches -------------------------------------------------------------------------------- */

static void a_switch_is_opened_by_tx_open (void **unused)
{
    (void) unused;
    tx_world_reach (1);
    assert_int_equal (s_xa.opened, 1);
    assert_int_equal (s_xa.rmid, 4); /* its place in the file */
    assert_int_equal (tx_open(), TX_OK);
    assert_int_equal (s_xa.opened, 1);
    assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (tx_xa.enlisted, 1);
    assert_int_equal (tx_xa.rmid, 4);
    assert_int_equal (tx_commit(), TX_OK);
    txc_tx_driver_t xa = s_driver;
    xa.kind = "xa";
    assert_null (txc_tx_connection ("vendor", &xa));
    assert_non_null (strstr (txc_tx_reason(), "no connection to hand out"));
    assert_int_equal (tx_close(), TX_OK);
    assert_int_equal (s_xa.closed, 1);
}

static void a_switch_that_does_not_open_is_told (void **unused)
{
    (void) unused;
    static const struct {
        int code, rc;
        const char *name;
    } cases[] = {{XAER_RMERR, TX_ERROR, "XAER_RMERR"},
                 {XAER_RMFAIL, TX_ERROR, "XAER_RMFAIL"},
                 {XAER_INVAL, TX_FAIL, "XAER_INVAL"},
                 {XAER_PROTO, TX_FAIL, "XAER_PROTO"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s_xa.open = cases[i].code;
        assert_int_equal (tx_open(), cases[i].rc);
        assert_non_null (strstr (txc_tx_reason(), cases[i].name));
        assert_int_equal (tx_world_state(), 0);
        assert_int_equal (tx_seen.clients, 0); /* nothing is open */
    }
    s_xa.open = XA_OK;
    tx_xa.xa = NULL;
    assert_int_equal (tx_open(), TX_FAIL);
    assert_string_equal (txc_tx_reason(), "vendor: there is none");
    assert_int_equal (s_xa.opened + s_xa.closed, 0);
}

static void a_switch_that_failed_is_opened_anew (void **unused)
{
    (void) unused;
    tx_world_reach (1);
    tx_xa.enlist = TXC_ERMFAIL;
    assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (s_xa.closed, 1);
    assert_int_equal (s_xa.opened, 2);
    assert_int_equal (tx_commit(), TX_OK);
    tx_xa.enlist = TXC_EPROTO;
    assert_int_equal (tx_begin(), TX_OUTSIDE);
    assert_int_equal (tx_world_state(), 1);
}

/* --- the configuration ------------------------------------------------------------------------------ */

static void a_wrong_section_is_told (void **unused)
{
    (void) unused;
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"rm\n    a\n        conninfo = \"dbname=x\"\n", "kind"},
        {"rm\n    a\n        kind = pgsql\n", "needs the key 'conninfo'"},
        {"rm\n    a\n        kind = pgsql\n        conninfo = x\n        socket = y\n",
         "rm/a/socket (line 5)"},
        {"rm\n    a\n        kind = mysql\n        conninfo = x\n", "rm/a/conninfo"},
        {"rm\n    a\n        kind = mysql\n        port = 70000\n", "port"},
        {"rm\n    a\n        kind = xa\n        switch = x\n", "needs the key 'symbol'"},
        {"rm\n    a\n        kind = pgsq\n        conninfo = x\n", "the kind 'pgsq' has no such key"},
        {"rm\n    a\n        kind = pgsql\n        conninfo = x\n        colour = red\n", "colour"},
        {"mode = 3pc\nrm\n    a\n        kind = pgsql\n        conninfo = x\n", "mode = 3pc"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tx_world_configure (cases[i].text);
        assert_int_equal (tx_open(), TX_FAIL);
        if (!strstr (txc_tx_reason(), cases[i].reason))
            fail_msg ("%s", txc_tx_reason());
    }
}

int main (void)
{
    tx_world_begin();
#define TEST(name)    cmocka_unit_test_setup (name, s_setup)
#define TEST_XA(name) cmocka_unit_test_setup (name, s_setup_xa)
    const struct CMUnitTest tests[] = {
        TEST (it_is_opened_once_and_is_in_every_transaction),
        TEST (one_that_cannot_be_enlisted_is_not_handed_out),
        TEST (who_asks_wrongly_is_told),
        TEST (what_is_outside_keeps_transactions_from_beginning),
        TEST (what_else_keeps_it_from_beginning),
        TEST (a_lost_session_is_opened_anew_under_the_same_handle),
        TEST (a_branch_that_failed_shows_in_the_transaction),
        TEST (the_reason_of_an_end_outlives_the_next_beginning),
        TEST (every_thread_has_its_own),
        TEST (a_forked_child_leaves_them_to_its_parent),
        TEST_XA (a_switch_is_opened_by_tx_open),
        TEST_XA (a_switch_that_does_not_open_is_told),
        TEST_XA (a_switch_that_failed_is_opened_anew),
        TEST (a_wrong_section_is_told),
    };
    int rc = cmocka_run_group_tests (tests, NULL, NULL);
    tx_world_end();
    return rc;
}
