/*
 * my_vote.c - votes: when it is yes, when no, when read-only.
 */
#include "config.h"

#include "my_fixture.h"

static const char s_take[] = "UPDATE acct SET bal = bal - 10 WHERE id = 0";
static const char s_give[] = "UPDATE acct SET bal = bal + 10 WHERE id = 1";

/* --- yes ------------------------------------------------------------------------------- */

static void yes_then_commit (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_int_equal (branch.affected, 1);
    assert_false (fx_listed (&branch));
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    assert_true (fx_listed (&branch));
    assert_balance (0, "100");
    assert_status (fx_commit (&branch), TXC_RM_OK);
    assert_false (fx_listed (&branch));
    assert_balance (0, "90");
    /* The connection is ready for the next one. */
    fx_begin (&branch, branch.conn);
    assert_status (fx_exec (&branch, s_give), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    assert_status (fx_rollback (&branch), TXC_RM_OK);
    assert_balance (1, "100");
    fx_end (&branch);
}

static void last_statement_is_prepared_behind (void **state)
{
    (void) state;
    fx_branch_t branch;
    txc_rm_status_t prepared = TXC_RM_OK;
    fx_begin (&branch, NULL);
    assert_status (fx_exec_last (&branch, s_take, &prepared), TXC_RM_OK);
    assert_status (prepared, TXC_RM_OK);
    assert_true (fx_listed (&branch));
    assert_status (fx_prepare (&branch), TXC_RM_OK); /* asked again */
    assert_status (fx_commit (&branch), TXC_RM_OK);
    fx_begin (&branch, branch.conn);
    assert_status (fx_exec_last (&branch, "SELECT bal FROM acct", &prepared), TXC_RM_OK);
    assert_status (prepared, TXC_RM_READ_ONLY);
    assert_status (fx_rm->commit_read_only (branch.conn, &branch.id.xid, &branch.error), TXC_RM_OK);
    assert_balance (0, "90");
    fx_end (&branch);
}

/* That the server has run.  (Questions would count the farewells of earlier connections, too.) */
static long s_statements (void)
{
    return atol (fx_value ("SELECT CAST(SUM(VARIABLE_VALUE) AS INT) FROM information_schema.GLOBAL_STATUS "
                           "WHERE VARIABLE_NAME REGEXP '^COM_'"));
}

/* How many statements a transfer costs, and in how many round trips: XA START goes with the first statement,
 * XA PREPARE with XA END. */
static void transfer_costs_five_statements (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    long before = s_statements();
    fx_begin (&branch, branch.conn);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    assert_status (fx_commit (&branch), TXC_RM_OK);
    long after = s_statements();
    assert_int_equal (after - before,
                      5 + 1); /* XA START, UPDATE, XA END, XA PREPARE, XA COMMIT; and this question */
    fx_end (&branch);
}

/* --- no ---------------------------------------------------------------------------------- */

/* The branch's statement failed with this number: nothing runs any more, the vote is no, nothing is left. */
static void s_expect_no (fx_branch_t *branch, txc_rm_status_t status, int native)
{
    assert_status (status, TXC_RM_ERROR);
    assert_int_equal (branch->error.native, native);
    assert_int_equal (branch->error.code, TXC_ERM);
    assert_status (fx_exec (branch, s_give), TXC_RM_ERROR);
    assert_int_equal (branch->error.code, TXC_EBRANCH);
    assert_status (fx_prepare (branch), TXC_RM_ROLLED_BACK);
    assert_false (fx_listed (branch));
    assert_balance (0, "100");
    assert_balance (1, "100");
    /* And the connection is clean. */
    fx_begin (branch, branch->conn);
    assert_status (fx_exec (branch, s_take), TXC_RM_OK);
    assert_status (fx_rollback_active (branch), TXC_RM_OK);
    assert_balance (0, "100");
}

static void failed_statement_votes_no (void **state)
{
    (void) state;
    static const struct {
        const char *sql;
        int native;
    } failures[] = {{"INSERT INTO acct VALUES (0, 5)", 1062},
                    {"UPDATE acct SET bal = -1 WHERE id = 2", 4025},
                    {"SELECT nothing FROM acct", 1054},
                    {"INSERT INTO acct SELECT id + 1, bal FROM acct", 1062},
                    {"SET STATEMENT max_statement_time = 0.05 FOR SELECT SLEEP(10) FROM acct", 1969}};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        fx_branch_t branch;
        fx_begin (&branch, NULL);
        assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
        s_expect_no (&branch, fx_exec (&branch, failures[i].sql), failures[i].native);
        /* As the first statement, too. */
        fx_begin (&branch, branch.conn);
        s_expect_no (&branch, fx_exec (&branch, failures[i].sql), failures[i].native);
        fx_end (&branch);
    }
}

static void failed_statement_with_parameters_votes_no (void **state)
{
    (void) state;
    const char *params[] = {"0", "5"};
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    s_expect_no (&branch, fx_exec_params (&branch, "INSERT INTO acct VALUES (?, ?)", 2, params), 1062);
    fx_begin (&branch, branch.conn);
    s_expect_no (&branch, fx_exec_params (&branch, "INSERT INTO nowhere VALUES (?, ?)", 2, params), 1146);
    fx_end (&branch);
}

static void failed_last_statement_is_not_prepared (void **state)
{
    (void) state;
    fx_branch_t branch;
    txc_rm_status_t prepared = TXC_RM_OK;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    txc_rm_status_t status = fx_exec_last (&branch, "INSERT INTO acct VALUES (0, 5)", &prepared);
    assert_status (prepared, TXC_RM_LOST);
    s_expect_no (&branch, status, 1062);
    fx_end (&branch);
}

static void lock_wait_timeout_votes_no (void **state)
{
    (void) state;
    fx_branch_t holder, waiter;
    fx_begin (&holder, NULL);
    assert_status (fx_exec (&holder, "UPDATE acct SET bal = bal + 1 WHERE id = 2"), TXC_RM_OK);
    fx_begin (&waiter, NULL);
    assert_status (fx_rollback_active (&waiter), TXC_RM_OK);
    assert_status (fx_start (&waiter, 0, 1), TXC_RM_OK); /* a millisecond is rounded up to a second */
    assert_status (fx_exec (&waiter, s_take), TXC_RM_OK);
    s_expect_no (&waiter, fx_exec (&waiter, "UPDATE acct SET bal = bal + 1 WHERE id = 2"), 1205);
    assert_status (fx_rollback_active (&holder), TXC_RM_OK);
    fx_end (&holder);
    fx_end (&waiter);
}

static void deadlock_victim_votes_no (void **state)
{
    (void) state;
    fx_branch_t big, victim;
    fx_begin (&big, NULL);
    fx_begin (&victim, NULL);
    /* Who changed fewer rows is the victim. */
    assert_status (fx_exec (&big, "UPDATE acct SET bal = bal + 1 WHERE id IN (0, 1)"), TXC_RM_OK);
    assert_status (fx_exec (&big, "INSERT INTO notes VALUES (1, 'a'), (2, 'b'), (3, 'c')"), TXC_RM_OK);
    assert_status (fx_exec (&victim, "UPDATE acct SET bal = bal + 1 WHERE id = 2"), TXC_RM_OK);
    fx_thread_t thread;
    fx_thread_start (&thread, &big, "UPDATE acct SET bal = bal + 1 WHERE id = 2");
    fx_wait ("1", fx_lock_waits);
    txc_rm_status_t status = fx_exec (&victim, "UPDATE acct SET bal = bal + 1 WHERE id = 0");
    txc_rm_error_t error = victim.error;
    assert_status (fx_thread_join (&thread), TXC_RM_OK);
    assert_status (fx_rollback_active (&big), TXC_RM_OK);
    victim.error = error;
    s_expect_no (&victim, status, 1213);
    fx_end (&big);
    fx_end (&victim);
}

static void cancelled_statement_votes_no (void **state)
{
    (void) state;
    fx_branch_t holder, waiter;
    fx_begin (&holder, NULL);
    assert_status (fx_exec (&holder, "UPDATE acct SET bal = bal + 1 WHERE id = 2"), TXC_RM_OK);
    fx_begin (&waiter, NULL);
    assert_status (fx_exec (&waiter, s_take), TXC_RM_OK);
    fx_thread_t thread;
    fx_thread_start (&thread, &waiter, "UPDATE acct SET bal = bal + 1 WHERE id = 2");
    fx_wait ("1", fx_lock_waits);
    fx_rm->cancel (waiter.conn);
    txc_rm_status_t status = fx_thread_join (&thread);
    assert_true (fx_rm->is_alive (waiter.conn));
    s_expect_no (&waiter, status, 1317);
    assert_status (fx_rollback_active (&holder), TXC_RM_OK);
    fx_end (&holder);
    fx_end (&waiter);
}

/* XA START is sent together with the first statement: when it fails, the statement must not have been
 * committed, and the other branch of that name must not be touched. */
static void first_statement_is_undone_when_start_fails (void **state)
{
    (void) state;
    fx_branch_t first, second;
    fx_begin (&first, NULL);
    assert_status (fx_exec (&first, s_take), TXC_RM_OK);
    assert_status (fx_prepare (&first), TXC_RM_OK);
    /* A branch without a session: anybody who names it could end it. */
    fx_end (&first);
    first.conn = fx_connect (fx_bank);
    fx_wait ("1", "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'txagent'");
    second = first;
    second.conn = fx_connect (fx_bank);
    txc_rm_branch_options_t options = {0};
    assert_status (fx_rm->start (second.conn, &second.id.xid, &options, &second.error), TXC_RM_OK);
    assert_status (fx_exec (&second, s_give), TXC_RM_ERROR);
    assert_int_equal (second.error.native, 1440);
    assert_balance (1, "100");
    assert_status (fx_prepare (&second), TXC_RM_ROLLED_BACK);
    assert_true (fx_listed (&first));
    assert_balance (1, "100");
    assert_status (fx_commit (&first), TXC_RM_OK);
    assert_balance (0, "90");
    fx_begin (&second, second.conn);
    assert_status (fx_exec (&second, s_give), TXC_RM_OK);
    assert_status (fx_rollback_active (&second), TXC_RM_OK);
    assert_balance (1, "100");
    fx_end (&first);
    fx_end (&second);
}

/* --- read-only ------------------------------------------------------------------------------ */

static void s_expect_vote (const char *sql, txc_rm_status_t vote)
{
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, sql), TXC_RM_OK);
    txc_rm_status_t status = fx_prepare (&branch);
    if (status != vote)
        print_error ("%s\n", sql);
    assert_status (status, vote);
    if (vote == TXC_RM_READ_ONLY) {
        assert_false (fx_listed (&branch));
        assert_status (fx_rm->commit_read_only (branch.conn, &branch.id.xid, &branch.error), TXC_RM_OK);
    } else {
        assert_status (fx_commit (&branch), TXC_RM_OK);
    }
    fx_end (&branch);
}

static void reads_vote_read_only (void **state)
{
    (void) state;
    s_expect_vote ("SELECT * FROM acct", TXC_RM_READ_ONLY);
    s_expect_vote ("(SELECT 1) UNION (SELECT 2)", TXC_RM_READ_ONLY);
    s_expect_vote ("WITH a AS (SELECT * FROM acct) SELECT SUM(bal) FROM a", TXC_RM_READ_ONLY);
    s_expect_vote ("SHOW TABLES", TXC_RM_READ_ONLY);
    s_expect_vote ("EXPLAIN SELECT * FROM acct", TXC_RM_READ_ONLY);
    s_expect_vote ("DO 1", TXC_RM_READ_ONLY);
    s_expect_vote ("SAVEPOINT a", TXC_RM_READ_ONLY);
    s_expect_vote ("SELECT bal FROM acct WHERE id = 0 INTO @a", TXC_RM_READ_ONLY);
}

/* Writes that no count of rows tells. */
static void hidden_writes_are_prepared (void **state)
{
    (void) state;
    s_expect_vote ("SELECT pay (5)", TXC_RM_OK);
    assert_balance (0, "105");
    fx_admin ("INSERT INTO bank.notes VALUES (1, 'same')");
    s_expect_vote ("UPDATE notes SET text = 'same' WHERE id = 1",
                   TXC_RM_OK); /* changes no row; its trigger does */
    assert_balance (2, "101");
    s_expect_vote ("DO pay (5)", TXC_RM_OK);
    assert_balance (0, "110");
    s_expect_vote ("INSERT INTO notes VALUES (2, 'x') RETURNING id", TXC_RM_OK);
    s_expect_vote ("ANALYZE FORMAT=JSON UPDATE acct SET bal = 7 WHERE id = 1", TXC_RM_OK);
    assert_balance (1, "7");
    s_expect_vote ("UPDATE acct SET bal = 0 WHERE id = 99",
                   TXC_RM_OK); /* opened for writing: not worth a doubt */
}

static void hidden_writes_with_parameters_are_prepared (void **state)
{
    (void) state;
    const char *params[] = {"5"};
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec_params (&branch, "SELECT pay (?)", 1, params), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    assert_status (fx_commit (&branch), TXC_RM_OK);
    assert_balance (0, "105");
    fx_begin (&branch, branch.conn);
    assert_status (fx_exec_params (&branch, "SELECT bal FROM acct WHERE id > ?", 1, params), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_READ_ONLY);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
}

static void nothing_run_is_read_only (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_prepare (&branch), TXC_RM_READ_ONLY);
    assert_status (fx_rm->commit_read_only (branch.conn, &branch.id.xid, &branch.error), TXC_RM_OK);
    fx_begin (&branch, branch.conn);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
}

/* A read-only branch keeps its locks until it is ended. */
static void read_only_branch_stays_open (void **state)
{
    (void) state;
    fx_branch_t reader, writer;
    fx_begin (&reader, NULL);
    assert_status (fx_exec (&reader, "SELECT bal FROM acct WHERE id = 0 LOCK IN SHARE MODE"), TXC_RM_OK);
    assert_status (fx_prepare (&reader), TXC_RM_READ_ONLY);
    fx_begin (&writer, NULL);
    fx_thread_t thread;
    fx_thread_start (&thread, &writer, s_take);
    fx_wait ("1", fx_lock_waits);
    assert_status (fx_rm->commit_read_only (reader.conn, &reader.id.xid, &reader.error), TXC_RM_OK);
    assert_status (fx_thread_join (&thread), TXC_RM_OK);
    assert_status (fx_rollback_active (&writer), TXC_RM_OK);
    fx_end (&reader);
    fx_end (&writer);
}

/* --- one phase --------------------------------------------------------------------------------- */

static void one_phase (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_rm->commit_one_phase (branch.conn, &branch.id.xid, &branch.error), TXC_RM_OK);
    assert_balance (0, "90");
    fx_begin (&branch, branch.conn);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_exec (&branch, "INSERT INTO acct VALUES (0, 5)"), TXC_RM_ERROR);
    assert_status (fx_rm->commit_one_phase (branch.conn, &branch.id.xid, &branch.error), TXC_RM_ROLLED_BACK);
    assert_balance (0, "90");
    fx_end (&branch);
}

int my_vote_tests (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (yes_then_commit, fx_fresh),
        cmocka_unit_test_setup (last_statement_is_prepared_behind, fx_fresh),
        cmocka_unit_test_setup (transfer_costs_five_statements, fx_fresh),
        cmocka_unit_test_setup (failed_statement_votes_no, fx_fresh),
        cmocka_unit_test_setup (failed_statement_with_parameters_votes_no, fx_fresh),
        cmocka_unit_test_setup (failed_last_statement_is_not_prepared, fx_fresh),
        cmocka_unit_test_setup (lock_wait_timeout_votes_no, fx_fresh),
        cmocka_unit_test_setup (deadlock_victim_votes_no, fx_fresh),
        cmocka_unit_test_setup (cancelled_statement_votes_no, fx_fresh),
        cmocka_unit_test_setup (first_statement_is_undone_when_start_fails, fx_fresh),
        cmocka_unit_test_setup (reads_vote_read_only, fx_fresh),
        cmocka_unit_test_setup (hidden_writes_are_prepared, fx_fresh),
        cmocka_unit_test_setup (hidden_writes_with_parameters_are_prepared, fx_fresh),
        cmocka_unit_test_setup (nothing_run_is_read_only, fx_fresh),
        cmocka_unit_test_setup (read_only_branch_stays_open, fx_fresh),
        cmocka_unit_test_setup (one_phase, fx_fresh),
    };
    return cmocka_run_group_tests_name ("votes", tests, fx_setup, fx_teardown);
}
