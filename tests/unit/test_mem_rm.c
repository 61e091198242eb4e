/*
 * The in-memory resource manager, through dlopen as the agent loads it.
 */
#include "config.h"

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <txcoord/txc_rm.h>

static const txc_rm_switch_t *rms;

/* --- configuration: pairs of words --------------------------------------------- */

static const char *s_value (void *arg, const char *key)
{
    const char *const *pairs = arg;
    for (; pairs && *pairs; pairs += 2)
        if (strcmp (pairs[0], key) == 0)
            return pairs[1];
    return NULL;
}

static txc_rm_t *s_open (const char *const *pairs)
{
    txc_rm_t *rm = NULL;
    txc_rm_error_t error = {0};
    assert_int_equal (rms->open ("mem1", s_value, (void *) (uintptr_t) pairs, &rm, &error), TXC_RM_OK);
    return rm;
}

static txc_rm_conn_t *s_connect (txc_rm_t *rm)
{
    txc_rm_conn_t *conn = NULL;
    txc_rm_error_t error = {0};
    assert_int_equal (rms->connect (rm, &conn, &error), TXC_RM_OK);
    return conn;
}

/* --- statements -------------------------------------------------------------------- */

static char s_got[64];

static int s_row (void *arg, int n, const char *const *values, const size_t *sizes)
{
    (void) arg;
    assert_int_equal (n, 2);
    assert_int_equal (sizes[1], strlen (values[1]));
    snprintf (s_got, sizeof s_got, "%s", values[1]);
    return 0;
}

static txc_rm_status_t s_run (txc_rm_conn_t *conn, const char *sql, txc_rm_error_t *error)
{
    txc_rm_sink_t sink = {.row = s_row};
    txc_rm_statement_t statement = {.sql = sql, .size = strlen (sql)};
    char evidence[TXC_RM_EVIDENCE_SIZE];
    txc_rm_error_t own = {0};
    s_got[0] = '\0';
    return rms->execute (conn, &statement, &sink, evidence, NULL, error ? error : &own);
}

static const txc_rm_xid_t XID = {1, "g1", "mem1.1"}, XID2 = {1, "g2", "mem1.2"};
static char evidence[TXC_RM_EVIDENCE_SIZE];
static txc_rm_error_t failure;

static void s_start (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, uint32_t lock_ms)
{
    txc_rm_branch_options_t options = {.lock_timeout_ms = lock_ms};
    assert_int_equal (rms->start (conn, xid, &options, &failure), TXC_RM_OK);
}

static const char *s_get (txc_rm_conn_t *conn, const char *key)
{
    char sql[64];
    txc_rm_xid_t reader = {1, "reader", "x"};
    snprintf (sql, sizeof sql, "get %s", key);
    s_start (conn, &reader, 0);
    assert_int_equal (s_run (conn, sql, NULL), TXC_RM_OK);
    assert_int_equal (rms->commit_read_only (conn, &reader, &failure), TXC_RM_OK);
    return s_got;
}

static void s_count (void *arg, const txc_rm_found_t *branch)
{
    assert_non_null (branch->gtrid);
    ++*(int *) arg;
}

static int s_prepared (txc_rm_conn_t *conn)
{
    int n = 0;
    assert_int_equal (rms->recover (conn, s_count, &n, &failure), TXC_RM_OK);
    return n;
}

static void s_close (txc_rm_t **rm, txc_rm_conn_t **a, txc_rm_conn_t **b)
{
    rms->disconnect (a);
    if (b)
        rms->disconnect (b);
    rms->close (rm);
}

/* --- tests --------------------------------------------------------------------------- */

static void test_commit_and_rollback (void **state)
{
    (void) state;
    txc_rm_t *rm = s_open (NULL);
    txc_rm_conn_t *a = s_connect (rm), *b = s_connect (rm);
    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "add x 5", NULL), TXC_RM_OK);
    assert_int_equal (s_run (a, "add x 2", NULL), TXC_RM_OK);
    assert_int_equal (s_run (a, "get x", NULL), TXC_RM_OK);
    assert_string_equal (s_got, "7");
    assert_string_equal (s_get (b, "x"), ""); /* not committed: others do not see it */
    assert_int_equal (rms->prepare (a, &XID, evidence, &failure), TXC_RM_OK);
    assert_int_equal (s_prepared (b), 1);
    assert_int_equal (rms->evidence (b, &XID, evidence, &failure), TXC_RM_UNKNOWN);
    assert_int_equal (rms->commit (b, &XID, evidence, &failure), TXC_RM_OK);
    assert_int_equal (rms->evidence (b, &XID, evidence, &failure), TXC_RM_OK);
    assert_int_equal (rms->commit (b, &XID, evidence, &failure), TXC_RM_ABSENT);
    assert_string_equal (s_get (b, "x"), "7");

    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "set x 1", NULL), TXC_RM_OK);
    assert_int_equal (rms->prepare (a, &XID, evidence, &failure), TXC_RM_OK);
    assert_int_equal (rms->rollback (a, &XID, evidence, &failure), TXC_RM_OK);
    assert_int_equal (rms->evidence (a, &XID, evidence, &failure), TXC_RM_ROLLED_BACK);
    assert_string_equal (s_get (a, "x"), "7");
    s_close (&rm, &a, &b);
}

static void test_read_only_and_one_phase (void **state)
{
    (void) state;
    txc_rm_t *rm = s_open (NULL);
    txc_rm_conn_t *a = s_connect (rm);
    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "get x", NULL), TXC_RM_OK);
    assert_int_equal (rms->prepare (a, &XID, evidence, &failure), TXC_RM_READ_ONLY);
    assert_int_equal (rms->commit_read_only (a, &XID, &failure), TXC_RM_OK);
    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "set x 3", NULL), TXC_RM_OK);
    assert_int_equal (rms->commit_one_phase (a, &XID, &failure), TXC_RM_OK);
    assert_string_equal (s_get (a, "x"), "3");
    s_close (&rm, &a, NULL);
}

static void test_last_statement_prepares (void **state)
{
    (void) state;
    txc_rm_t *rm = s_open (NULL);
    txc_rm_conn_t *a = s_connect (rm);
    s_start (a, &XID, 0);
    txc_rm_param_t params[] = {{"x", 1}, {"12", 2}};
    txc_rm_statement_t statement = {"set $1 $2", 9, 2, params};
    txc_rm_status_t prepared = TXC_RM_UNKNOWN;
    assert_int_equal (rms->execute (a, &statement, NULL, evidence, &prepared, &failure), TXC_RM_OK);
    assert_int_equal (prepared, TXC_RM_OK);
    assert_int_equal (s_prepared (a), 1);
    assert_int_equal (rms->commit (a, &XID, evidence, &failure), TXC_RM_OK);
    assert_string_equal (s_get (a, "x"), "12");
    s_close (&rm, &a, NULL);
}

static void test_failed_statement_cannot_be_prepared (void **state)
{
    (void) state;
    txc_rm_t *rm = s_open (NULL);
    txc_rm_conn_t *a = s_connect (rm);
    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "set x 1", NULL), TXC_RM_OK);
    assert_int_equal (s_run (a, "fail 23505", &failure), TXC_RM_ERROR);
    assert_string_equal (failure.sqlstate, "23505");
    assert_int_equal (s_run (a, "set x 2", &failure), TXC_RM_ERROR);
    assert_int_equal (rms->prepare (a, &XID, evidence, &failure), TXC_RM_ROLLED_BACK);
    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "drop x", &failure), TXC_RM_ERROR);
    assert_string_equal (failure.sqlstate, "42601");
    assert_int_equal (rms->rollback_active (a, &XID, &failure), TXC_RM_OK);
    s_close (&rm, &a, NULL);
}

static void test_row_lock_times_out (void **state)
{
    (void) state;
    txc_rm_t *rm = s_open (NULL);
    txc_rm_conn_t *a = s_connect (rm), *b = s_connect (rm);
    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "set x 1", NULL), TXC_RM_OK);
    assert_int_equal (rms->prepare (a, &XID, evidence, &failure),
                      TXC_RM_OK); /* prepared branches keep locks */
    s_start (b, &XID2, 1);
    assert_int_equal (s_run (b, "set x 2", &failure), TXC_RM_ERROR);
    assert_string_equal (failure.sqlstate, "55P03");
    assert_int_equal (rms->rollback_active (b, &XID2, &failure), TXC_RM_OK);
    assert_int_equal (rms->commit (b, &XID, evidence, &failure), TXC_RM_OK);
    s_start (b, &XID2, 1);
    assert_int_equal (s_run (b, "set x 2", NULL), TXC_RM_OK);
    s_close (&rm, &a, &b);
}

static void *s_sleep_long (void *arg)
{
    txc_rm_error_t error = {0};
    txc_rm_status_t status = s_run (arg, "sleep 3600000", &error);
    return (void *) (uintptr_t) (status == TXC_RM_ERROR && strcmp (error.sqlstate, "57014") == 0);
}

static void test_cancel_ends_a_statement (void **state)
{
    (void) state;
    txc_rm_t *rm = s_open (NULL);
    txc_rm_conn_t *a = s_connect (rm);
    s_start (a, &XID, 0);
    pthread_t thread;
    void *canceled = NULL;
    assert_int_equal (pthread_create (&thread, NULL, s_sleep_long, a), 0);
    /* A cancel before the statement runs hits nothing: repeat it until the thread is through. */
    while (pthread_tryjoin_np (thread, &canceled) != 0)
        rms->cancel (a);
    assert_non_null (canceled);
    assert_int_equal (rms->rollback_active (a, &XID, &failure), TXC_RM_OK);
    s_close (&rm, &a, NULL);
}

static void test_lost_connections (void **state)
{
    (void) state;
    txc_rm_t *rm = s_open (NULL);
    txc_rm_conn_t *a = s_connect (rm), *b = s_connect (rm);
    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "set x 1", NULL), TXC_RM_OK);
    assert_int_equal (s_run (a, "fault prepare lost", NULL), TXC_RM_OK);
    assert_int_equal (rms->prepare (a, &XID, evidence, &failure), TXC_RM_LOST);
    assert_false (rms->is_alive (a));
    assert_int_equal (s_prepared (b), 0);

    rms->disconnect (&a);
    a = s_connect (rm);
    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "set x 1", NULL), TXC_RM_OK);
    assert_int_equal (s_run (a, "fault prepare lost_after", NULL), TXC_RM_OK);
    assert_int_equal (rms->prepare (a, &XID, evidence, &failure), TXC_RM_LOST);
    assert_int_equal (rms->fence (b, a, NULL, &failure), TXC_RM_OK);
    assert_int_equal (s_prepared (b), 1);
    assert_int_equal (rms->rollback (b, &XID, "", &failure), TXC_RM_OK);
    s_close (&rm, &a, &b);
}

/* A prepare that was on its way when the connection was lost takes place later, unless the session was
 * fenced. */
static void test_late_prepare (void **state)
{
    (void) state;
    for (int fenced = 0; fenced < 2; fenced++) {
        txc_rm_t *rm = s_open (NULL);
        txc_rm_conn_t *a = s_connect (rm), *b = s_connect (rm);
        s_start (a, &XID, 0);
        assert_int_equal (s_run (a, "set x 1", NULL), TXC_RM_OK);
        assert_int_equal (s_run (a, fenced ? "fault prepare late 3600000" : "fault prepare late 0", NULL),
                          TXC_RM_OK);
        assert_int_equal (rms->prepare (a, &XID, evidence, &failure), TXC_RM_LOST);
        if (fenced) {
            assert_int_equal (rms->rollback (b, &XID, "", &failure), TXC_RM_ABSENT);
            assert_int_equal (rms->fence (b, NULL, evidence, &failure), TXC_RM_OK);
            assert_int_equal (rms->evidence (b, &XID, evidence, &failure), TXC_RM_ROLLED_BACK);
        }
        assert_int_equal (s_prepared (b), fenced ? 0 : 1);
        s_close (&rm, &a, &b);
    }
}

static void test_heuristic_until_forgotten (void **state)
{
    (void) state;
    txc_rm_t *rm = s_open ((const char *const[]){"fault_commit", "heuristic_rollback 1", NULL});
    txc_rm_conn_t *a = s_connect (rm);
    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "set x 1", NULL), TXC_RM_OK);
    assert_int_equal (rms->prepare (a, &XID, evidence, &failure), TXC_RM_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal (rms->commit (a, &XID, evidence, &failure), TXC_RM_HEURISTIC);
        assert_int_equal (failure.native, 6);
    }
    assert_int_equal (rms->forget (a, &XID, &failure), TXC_RM_OK);
    assert_int_equal (rms->commit (a, &XID, evidence, &failure), TXC_RM_ABSENT);
    assert_string_equal (s_get (a, "x"), "");
    s_close (&rm, &a, NULL);
}

static void test_file_keeps_prepared_branches (void **state)
{
    (void) state;
    char dir[] = "/tmp/txc-mem-XXXXXX", path[64], identity[2][TXC_RM_EVIDENCE_SIZE];
    assert_non_null (mkdtemp (dir));
    snprintf (path, sizeof path, "%s/store", dir);
    const char *const pairs[] = {"file", path, NULL};
    txc_rm_t *rm = s_open (pairs), *second = s_open (pairs);
    txc_rm_conn_t *a = s_connect (rm), *other = NULL;
    assert_int_equal (rms->connect (second, &other, &failure), TXC_RM_LOST); /* one process at a time */
    assert_int_equal (failure.code, TXC_ELOCKED);
    assert_int_equal (rms->identity (a, identity[0], &failure), TXC_RM_OK);
    s_start (a, &XID2, 0);
    assert_int_equal (s_run (a, "set y 9", NULL), TXC_RM_OK);
    assert_int_equal (rms->commit_one_phase (a, &XID2, &failure), TXC_RM_OK);
    s_start (a, &XID, 0);
    assert_int_equal (s_run (a, "set x 1", NULL), TXC_RM_OK);
    assert_int_equal (s_run (a, "set z 2", NULL), TXC_RM_OK);
    assert_int_equal (rms->prepare (a, &XID, evidence, &failure), TXC_RM_OK);
    s_close (&rm, &a, NULL);
    FILE *torn = fopen (path, "a");
    assert_true (fputs ("committed 2", torn) > 0 && fclose (torn) == 0);

    other = s_connect (second);
    assert_int_equal (rms->identity (other, identity[1], &failure), TXC_RM_OK);
    assert_string_equal (identity[0], identity[1]);
    assert_int_equal (s_prepared (other), 1);
    assert_string_equal (s_get (other, "y"), "9");
    s_start (other, &XID2, 1);
    assert_int_equal (s_run (other, "set z 3", &failure), TXC_RM_ERROR); /* its locks came back too */
    assert_int_equal (rms->rollback_active (other, &XID2, &failure), TXC_RM_OK);
    assert_int_equal (rms->commit (other, &XID, evidence, &failure), TXC_RM_OK);
    assert_string_equal (s_get (other, "z"), "2");
    s_close (&second, &other, NULL);

    rm = s_open (pairs);
    a = s_connect (rm);
    assert_string_equal (s_get (a, "x"), "1");
    assert_int_equal (rms->evidence (a, &XID, evidence, &failure), TXC_RM_OK);
    s_close (&rm, &a, NULL);
    char lock[80];
    snprintf (lock, sizeof lock, "%s.lock", path);
    assert_int_equal (unlink (path) | unlink (lock) | rmdir (dir), 0);
}

static void test_bad_configuration (void **state)
{
    (void) state;
    static const char *const bad[][3] = {{"fault_commit", "explode", NULL},
                                         {"fault_commit", "slow", NULL},
                                         {"fault_execute", "retry", NULL},
                                         {"fault_prepare", "lost x", NULL}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        txc_rm_t *rm = NULL;
        assert_int_equal (rms->open ("mem1", s_value, (void *) (uintptr_t) bad[i], &rm, &failure),
                          TXC_RM_ERROR);
        assert_int_equal (failure.code, TXC_ECONFIG);
        assert_null (rm);
    }
}

static void test_one_checker (void **state)
{
    (void) state;
    txc_rm_t *rm = s_open (NULL);
    txc_rm_conn_t *a = s_connect (rm), *b = s_connect (rm);
    assert_int_equal (rms->check (a, "agent1", NULL, NULL, &failure), TXC_RM_OK);
    assert_int_equal (rms->check (b, "agent2", NULL, NULL, &failure), TXC_RM_ERROR);
    rms->disconnect (&a);
    assert_int_equal (rms->check (b, "agent2", NULL, NULL, &failure), TXC_RM_OK);
    s_close (&rm, &b, NULL);
}

int main (void)
{
    void *module = dlopen (TXC_TEST_PLUGINS "/mem/.libs/txc_rm_mem.so", RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        fprintf (stderr, "%s\n", dlerror());
        return 1;
    }
    const txc_rm_switch_t *(*entry) (void);
    *(void **) &entry = dlsym (module, "txc_rm_switch");
    rms = entry();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_commit_and_rollback),
        cmocka_unit_test (test_read_only_and_one_phase),
        cmocka_unit_test (test_last_statement_prepares),
        cmocka_unit_test (test_failed_statement_cannot_be_prepared),
        cmocka_unit_test (test_row_lock_times_out),
        cmocka_unit_test (test_cancel_ends_a_statement),
        cmocka_unit_test (test_lost_connections),
        cmocka_unit_test (test_late_prepare),
        cmocka_unit_test (test_heuristic_until_forgotten),
        cmocka_unit_test (test_file_keeps_prepared_branches),
        cmocka_unit_test (test_bad_configuration),
        cmocka_unit_test (test_one_checker),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
