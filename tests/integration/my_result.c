/*
 * my_result.c - results, parameters, limits, threads.
 */
#include "config.h"

#include "my_fixture.h"

static void names_types_and_nulls (void **state)
{
    (void) state;
    static const char sql[] =
        "SELECT id, bal AS balance, NULL AS nothing, 'x' AS text, X'41' AS bin, 1.50 AS number, "
        "DATE '2026-01-02' AS day, -1 AS minus FROM acct WHERE id = 1";
    fx_branch_t text, prepared;
    fx_begin (&text, NULL);
    fx_begin (&prepared, NULL);
    assert_status (fx_exec (&text, sql), TXC_RM_OK);
    assert_non_null (strstr (text.columns, "id INT;balance BIGINT;nothing NULL;text VARCHAR;bin VARBINARY;"
                                           "number DECIMAL;day DATE;minus INT;"));
    assert_string_equal (text.rows, "1,100,NULL,x,A,1.50,2026-01-02,-1;");
    assert_int_equal (text.affected, 0);
    /* The same through the other protocol. */
    assert_status (
        fx_exec_params (&prepared,
                        "SELECT id, bal AS balance, ? AS nothing, 'x' AS text, 1.50 AS number, DATE "
                        "'2026-01-02' AS day, -1 AS minus, 0.1e0 AS real_number FROM acct WHERE id = ?",
                        2, (const char *const[]){NULL, "1"}),
        TXC_RM_OK);
    assert_string_equal (prepared.rows, "1,100,NULL,x,1.50,2026-01-02,-1,0.1;");
    assert_non_null (strstr (prepared.columns, "id INT;balance BIGINT;"));
    assert_status (fx_rollback_active (&text), TXC_RM_OK);
    assert_status (fx_rollback_active (&prepared), TXC_RM_OK);
    fx_end (&text);
    fx_end (&prepared);
}

static void affected_rows (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, "UPDATE acct SET bal = bal + 1"), TXC_RM_OK);
    assert_int_equal (branch.affected, 3);
    assert_status (fx_exec (&branch, "UPDATE acct SET bal = bal"), TXC_RM_OK);
    assert_int_equal (branch.affected, 0);
    assert_status (fx_exec (&branch, "INSERT INTO notes VALUES (1, 'a'), (2, 'b') RETURNING id"), TXC_RM_OK);
    assert_string_equal (branch.rows, "1;2;");
    assert_int_equal (branch.affected, 2);
    assert_status (fx_exec_params (&branch, "DELETE FROM notes WHERE id = ?", 1, (const char *const[]){"1"}),
                   TXC_RM_OK);
    assert_int_equal (branch.affected, 1);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
}

static void parameters_are_only_values (void **state)
{
    (void) state;
    static const char *const evil[] = {"'; XA END 'a", "\\", "%s", "\xc3\xa4\xf0\x9f\x99\x82", ""};
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    for (int i = 0; i < 5; i++) {
        char id[16];
        snprintf (id, sizeof id, "%d", i);
        assert_status (fx_exec_params (&branch, "INSERT INTO notes VALUES (?, ?)", 2,
                                       (const char *const[]){id, evil[i]}),
                       TXC_RM_OK);
        assert_int_equal (branch.affected, 1);
        assert_status (
            fx_exec_params (&branch, "SELECT text FROM notes WHERE id = ?", 1, (const char *const[]){id}),
            TXC_RM_OK);
        char expected[64];
        snprintf (expected, sizeof expected, "%s;", evil[i]);
        assert_string_equal (branch.rows, expected);
    }
    assert_status (
        fx_exec_params (&branch, "SELECT id FROM acct ORDER BY id LIMIT ?", 1, (const char *const[]){"2"}),
        TXC_RM_OK);
    assert_string_equal (branch.rows, "0;1;");
    assert_status (fx_exec_params (&branch, "SELECT ?", 2, (const char *const[]){"1", "2"}), TXC_RM_ERROR);
    assert_int_equal (branch.error.code, TXC_EINVAL);
    assert_status (fx_prepare (&branch), TXC_RM_ROLLED_BACK);
    fx_end (&branch);
}

/* Values longer than the first buffers, rows of changing lengths. */
static void long_values (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec_params (&branch,
                                   "SELECT LENGTH(a), a FROM (SELECT REPEAT(?, 1500) a UNION ALL SELECT 'y' "
                                   "UNION ALL SELECT REPEAT('z', 300)) t",
                                   1, (const char *const[]){"x"}),
                   TXC_RM_OK);
    char expected[4096] = "1500,";
    memset (expected + 5, 'x', 1500);
    strcpy (expected + 1505, ";1,y;300,");
    memset (expected + strlen (expected), 'z', 300);
    strcat (expected, ";");
    assert_string_equal (branch.rows, expected);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
}

/* A result larger than the agent takes: an error, and the connection still ends its branch. */
static void refused_result_is_a_limit (void **state)
{
    (void) state;
    static const char sql[] =
        "SELECT a.id FROM acct a, acct b, acct c, acct d, acct e, acct f, acct g, acct h";
    fx_branch_t branch;
    for (int prepared = 0; prepared < 2; prepared++) {
        fx_begin (&branch, NULL);
        branch.max_rows = 5;
        txc_rm_status_t status =
            prepared ? fx_exec_params (
                           &branch,
                           "SELECT a.id FROM acct a, acct b, acct c, acct d, acct e, acct f WHERE a.id < ?",
                           1, (const char *const[]){"10"})
                     : fx_exec (&branch, sql);
        assert_status (status, TXC_RM_ERROR);
        assert_int_equal (branch.error.code, TXC_ELIMIT);
        assert_true (fx_rm->is_alive (branch.conn));
        assert_int_equal (branch.affected, -2); /* no success was reported */
        assert_status (fx_prepare (&branch), TXC_RM_ROLLED_BACK);
        fx_end (&branch);
    }
}

static void statement_cache_is_bounded (void **state)
{
    (void) state;
    static const char count[] =
        "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = "
        "'PREPARED_STMT_COUNT'";
    txc_rm_t *rm = fx_open ("bank", "statement_cache", "3");
    assert_non_null (rm);
    fx_branch_t branch;
    fx_wait ("0", count);
    fx_begin (&branch, fx_connect (rm));
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 7; i++) {
            char sql[64];
            snprintf (sql, sizeof sql, "SELECT bal + %d FROM acct WHERE id = ?", i);
            assert_status (fx_exec_params (&branch, sql, 1, (const char *const[]){"1"}), TXC_RM_OK);
        }
    fx_wait ("3", count);
    /* The reset of a session that a branch changed takes its statements along. */
    assert_status (fx_exec (&branch, "SET @a = 1"), TXC_RM_OK);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_wait ("0", count);
    fx_begin (&branch, branch.conn);
    assert_status (
        fx_exec_params (&branch, "SELECT bal + 6 FROM acct WHERE id = ?", 1, (const char *const[]){"1"}),
        TXC_RM_OK);
    assert_string_equal (branch.rows, "106;");
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
    fx_rm->close (&rm);
}

static void savepoints (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, "UPDATE acct SET bal = 1 WHERE id = 0"), TXC_RM_OK);
    assert_status (fx_exec (&branch, "SAVEPOINT a"), TXC_RM_OK);
    assert_status (fx_exec (&branch, "UPDATE acct SET bal = 1 WHERE id = 1"), TXC_RM_OK);
    assert_status (fx_exec (&branch, "ROLLBACK TO SAVEPOINT a"), TXC_RM_OK);
    assert_status (fx_exec (&branch, "RELEASE SAVEPOINT a"), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    assert_status (fx_commit (&branch), TXC_RM_OK);
    assert_balance (0, "1");
    assert_balance (1, "100");
    fx_end (&branch);
}

/* --- threads -------------------------------------------------------------------------------- */

enum { S_THREADS = 4, S_TRANSFERS = 40 };

static void *s_transfers (void *arg)
{
    fx_branch_t *branch = arg;
    txc_rm_branch_options_t options = {0};
    for (int i = 0; i < S_TRANSFERS; i++) {
        char other[96];
        snprintf (branch->id.gtrid, sizeof branch->id.gtrid, "txc-threads.%p.%x", arg, i);
        txc_rm_xid_t xid = {0x54584331, branch->id.gtrid, "bank.1"};
        snprintf (other, sizeof other, "UPDATE acct SET bal = bal - 1 WHERE id = 0 AND %d >= 0", i);
        bool good = fx_rm->start (branch->conn, &xid, &options, &branch->error) == TXC_RM_OK &&
                    fx_exec (branch, other) == TXC_RM_OK &&
                    fx_exec_params (branch, "UPDATE acct SET bal = bal + ? WHERE id = 1", 1,
                                    (const char *const[]){"1"}) == TXC_RM_OK &&
                    fx_rm->prepare (branch->conn, &xid, branch->evidence, &branch->error) == TXC_RM_OK &&
                    fx_rm->commit (branch->conn, &xid, branch->evidence, &branch->error) == TXC_RM_OK;
        if (!good)
            return arg;
    }
    return NULL;
}

static void threads (void **state)
{
    (void) state;
    pthread_t thread[S_THREADS];
    fx_branch_t branch[S_THREADS];
    fx_admin ("UPDATE bank.acct SET bal = 1000");
    for (int i = 0; i < S_THREADS; i++) {
        branch[i] = (fx_branch_t){.conn = fx_connect (fx_bank)};
        assert_int_equal (pthread_create (&thread[i], NULL, s_transfers, &branch[i]), 0);
    }
    for (int i = 0; i < S_THREADS; i++) {
        void *failed;
        assert_int_equal (pthread_join (thread[i], &failed), 0);
        if (failed)
            fail_msg ("%s", branch[i].error.text);
        fx_end (&branch[i]);
    }
    assert_balance (0, "840");
    assert_balance (1, "1160");
}

int my_result_tests (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (names_types_and_nulls, fx_fresh),
        cmocka_unit_test_setup (affected_rows, fx_fresh),
        cmocka_unit_test_setup (parameters_are_only_values, fx_fresh),
        cmocka_unit_test_setup (long_values, fx_fresh),
        cmocka_unit_test_setup (refused_result_is_a_limit, fx_fresh),
        cmocka_unit_test_setup (statement_cache_is_bounded, fx_fresh),
        cmocka_unit_test_setup (savepoints, fx_fresh),
        cmocka_unit_test_setup (threads, fx_fresh),
    };
    return cmocka_run_group_tests_name ("results", tests, fx_setup, fx_teardown);
}
