/*
 * my_crash.c - kill -9 of the server in each phase of a branch.
 */
#include "config.h"

#include "my_fixture.h"

#include <signal.h>

static const char s_take[] = "UPDATE acct SET bal = bal - 10 WHERE id = 0";

/* The default action of SIGPIPE would end this very program. */
static void s_crash (void)
{
    assert_true (signal (SIGPIPE, SIG_DFL) != SIG_ERR);
    fx_server ("mariadb_restart");
}

static void active_branch_is_lost (void **state)
{
    (void) state;
    txc_rm_error_t error;
    fx_branch_t branch[5];
    for (int i = 0; i < 5; i++) {
        fx_begin (&branch[i], NULL);
        if (i > 0)
            assert_status (
                fx_exec (&branch[i], i < 4 ? "UPDATE notes SET text = 'x' WHERE id = 1" : "SELECT 1"),
                TXC_RM_OK);
    }
    s_crash();
    assert_status (fx_exec (&branch[0], s_take), TXC_RM_LOST); /* started */
    assert_status (fx_exec (&branch[1], s_take), TXC_RM_LOST);
    assert_status (fx_prepare (&branch[2]), TXC_RM_LOST);
    assert_status (fx_rm->commit_one_phase (branch[3].conn, &branch[3].id.xid, &error), TXC_RM_LOST);
    assert_status (fx_rm->commit_read_only (branch[4].conn, &branch[4].id.xid, &error), TXC_RM_LOST);
    for (int i = 0; i < 5; i++) {
        assert_false (fx_rm->is_alive (branch[i].conn));
        assert_status (fx_prepare (&branch[i]), TXC_RM_LOST);
        assert_status (fx_rollback_active (&branch[i]), TXC_RM_LOST);
        assert_status (fx_rm->ping (branch[i].conn, &error), TXC_RM_LOST);
        assert_false (fx_listed (&branch[i]));
        fx_end (&branch[i]);
    }
    assert_balance (0, "100");
}

static void prepared_branch_survives (void **state)
{
    (void) state;
    fx_branch_t branch, other;
    txc_rm_error_t error;
    for (int commit = 0; commit < 2; commit++) {
        fx_begin (&branch, NULL);
        assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
        assert_status (fx_prepare (&branch), TXC_RM_OK);
        s_crash();
        assert_true (fx_listed (&branch));
        assert_status (commit ? fx_commit (&branch) : fx_rollback (&branch), TXC_RM_LOST);
        other = branch;
        other.conn = fx_connect (fx_bank);
        /* Its session went with the server. */
        assert_status (fx_rm->fence (other.conn, branch.conn, "", &error), TXC_RM_OK);
        assert_status (fx_rm->fence (other.conn, NULL, branch.evidence, &error), TXC_RM_OK);
        assert_status (commit ? fx_commit (&other) : fx_rollback (&other), TXC_RM_OK);
        assert_balance (0, commit ? "90" : "100");
        assert_false (fx_listed (&branch));
        fx_end (&branch);
        fx_end (&other);
    }
}

/* It still keeps others off the rows that it changed. */
static void prepared_branch_keeps_its_rows (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    fx_end (&branch);
    s_crash();
    fx_admin ("SET innodb_lock_wait_timeout = 1");
    assert_int_equal (fx_admin_try ("UPDATE bank.acct SET bal = 0 WHERE id = 0"), 1205);
    txc_rm_conn_t *other = fx_connect (fx_bank);
    assert_status (fx_commit_from (other, &branch), TXC_RM_OK);
    fx_rm->disconnect (&other);
    assert_balance (0, "90");
}

static void committed_branch_is_durable (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    assert_status (fx_commit (&branch), TXC_RM_OK);
    s_crash();
    assert_false (fx_listed (&branch));
    assert_balance (0, "90");
    fx_end (&branch);
}

/* The server does not force XA ROLLBACK: a crash just behind it brings the branch back as prepared.  Whoever
 * presumes abort must do so for ever. */
static void rolled_back_branch_reappears (void **state)
{
    (void) state;
    int reappeared = 0;
    for (int i = 0; i < 10 && reappeared == 0; i++) {
        fx_branch_t branch;
        fx_begin (&branch, NULL);
        assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
        assert_status (fx_prepare (&branch), TXC_RM_OK);
        assert_status (fx_rollback (&branch), TXC_RM_OK);
        s_crash();
        txc_rm_conn_t *other = fx_connect (fx_bank);
        bool listed = fx_listed (&branch);
        reappeared += listed;
        assert_status (fx_rollback_from (other, &branch), listed ? TXC_RM_OK : TXC_RM_ABSENT);
        assert_false (fx_listed (&branch));
        assert_balance (0, "100");
        fx_rm->disconnect (&other);
        fx_end (&branch);
    }
    assert_int_equal (reappeared, 1);
}

static void unreachable_server_is_lost (void **state)
{
    (void) state;
    txc_rm_conn_t *conn = NULL;
    txc_rm_error_t error = {0};
    fx_server ("mariadb_kill");
    assert_status (fx_rm->connect (fx_bank, &conn, &error), TXC_RM_LOST);
    assert_int_equal (error.code, TXC_ERMFAIL);
    assert_non_null (strstr (error.text, "cannot connect"));
    fx_server ("mariadb_start");
    conn = fx_connect (fx_bank);
    assert_status (fx_rm->ping (conn, &error), TXC_RM_OK);
    fx_rm->disconnect (&conn);
}

/* The identity is the same over a restart; the evidence of one run names no session of the next. */
static void identity_outlives_a_restart (void **state)
{
    (void) state;
    char before[TXC_RM_EVIDENCE_SIZE], after[TXC_RM_EVIDENCE_SIZE];
    txc_rm_error_t error;
    fx_branch_t first, second;
    fx_begin (&first, NULL);
    assert_status (fx_rm->identity (first.conn, before, &error), TXC_RM_OK);
    fx_begin (&second, NULL);
    assert_status (fx_exec (&first, "SELECT 1"), TXC_RM_OK);
    assert_status (fx_exec (&second, "SELECT 1"), TXC_RM_OK);
    /* Both name the same run of the server. */
    assert_int_equal (strtoull (first.evidence + 6, NULL, 10), strtoull (second.evidence + 6, NULL, 10));
    fx_end (&first);
    /* The start is told in whole seconds. */
    fx_wait (
        "1",
        "SELECT VARIABLE_VALUE >= 2 FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME'");
    s_crash();
    fx_begin (&first, NULL);
    assert_status (fx_rm->identity (first.conn, after, &error), TXC_RM_OK);
    assert_string_equal (before, after);
    assert_true (strlen (after) > 20);
    assert_status (fx_exec (&first, "SELECT 1"), TXC_RM_OK);
    assert_int_not_equal (strtoull (first.evidence + 6, NULL, 10), strtoull (second.evidence + 6, NULL, 10));
    fx_end (&first);
    fx_end (&second);
}

int my_crash_tests (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (active_branch_is_lost, fx_fresh),
        cmocka_unit_test_setup (prepared_branch_survives, fx_fresh),
        cmocka_unit_test_setup (prepared_branch_keeps_its_rows, fx_fresh),
        cmocka_unit_test_setup (committed_branch_is_durable, fx_fresh),
        cmocka_unit_test_setup (rolled_back_branch_reappears, fx_fresh),
        cmocka_unit_test_setup (unreachable_server_is_lost, fx_fresh),
        cmocka_unit_test_setup (identity_outlives_a_restart, fx_fresh),
    };
    return cmocka_run_group_tests_name ("crashes", tests, fx_setup, fx_teardown);
}
