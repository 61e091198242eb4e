/*
 * Statements: parameters, results, the session that branches share one after the other, round trips.
 */
#include "config.h"

#include "pgsql_harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define S_SANITIZED 1
#elif defined(__has_feature)
#define S_SANITIZED __has_feature (address_sanitizer)
#else
#define S_SANITIZED 0
#endif

/* libpq's writes come through here (the program exports its symbols): one for each flush. */
static _Atomic int s_sends;
__attribute__ ((visibility ("default"))) ssize_t send (int fd, const void *data, size_t size, int flags)
{
    s_sends++;
    return syscall (SYS_sendto, fd, data, size, flags, NULL, 0);
}

static void test_results_have_names_types_nulls_and_affected_rows (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (
        run (&b, "SELECT id, bal AS balance, NULL::text AS nothing, '' AS empty, 1.50::numeric(9,2), true,"
                 " ARRAY[1,2], 'x'::varchar(3) FROM acct WHERE id < 2 ORDER BY id"),
        TXC_RM_OK);
    assert_int_equal (b.output.n_columns, 8);
    assert_string_equal (b.output.names, "id|balance|nothing|empty|numeric|?column?|array|varchar");
    assert_string_equal (b.output.types, "int4|int8|text|text|numeric|bool|_int4|varchar");
    assert_string_equal (b.output.cells, "0|1000|~||1.50|t|{1,2}|x;1|1000|~||1.50|t|{1,2}|x");
    assert_int_equal (b.output.affected, -1);
    assert_string_equal (b.output.tag, "SELECT 2");
    assert_status (run (&b, "SELECT id FROM acct WHERE id = -1"), TXC_RM_OK);
    assert_int_equal (b.output.n_columns, 1);
    assert_int_equal (b.output.n_rows, 0);
    assert_status (run (&b, "UPDATE acct SET bal = bal + 1 WHERE id < 3"), TXC_RM_OK);
    assert_int_equal (b.output.affected, 3);
    assert_int_equal (b.output.n_columns, 0);
    assert_status (run (&b, "DELETE FROM acct WHERE id = 9 RETURNING id"), TXC_RM_OK);
    assert_int_equal (b.output.affected, 1);
    assert_string_equal (b.output.cells, "9");
    assert_status (plugin->rollback_active (b.conn, &b.xid, &b.error), TXC_RM_OK);
    done (&b);
}

static void test_parameters_are_data_and_never_sql (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    const char *params[] = {"'; COMMIT; --", NULL, "", "\xc3\xa4\xe2\x82\xac"};
    for (int i = 0; i < 3; i++) { /* unnamed, then prepared, then from the cache */
        assert_status (run_params (&b, "SELECT $1::text, $2::int, $3::text, $4::text", 4, params), TXC_RM_OK);
        assert_string_equal (b.output.cells, "'; COMMIT; --|~||\xc3\xa4\xe2\x82\xac");
    }
    txc_rm_param_t nul = {"a\0b", 3};
    txc_rm_statement_t statement = {"SELECT $1::text", 15, 1, &nul};
    assert_status (plugin->execute (b.conn, &statement, NULL, b.evidence, NULL, &b.error), TXC_RM_ERROR);
    assert_int_equal (b.error.code, TXC_EINVAL);
    assert_status (run_params (&b, "SELECT $1::int", 1, (const char *[]){"1"}),
                   TXC_RM_OK); /* nothing was sent */
    /* An error of class 08 (a foreign server's would be one too) is an error, not the loss of our connection.
     */
    assert_status (run (&b, "SELECT $1::int"), TXC_RM_ERROR);
    assert_error (b, TXC_ERM, "08P01");
    assert_true (plugin->is_alive (b.conn));
    done (&b);
}

/* Every built-in type is told by its own name, or by its OID. */
static void test_type_names_are_those_of_the_server (void **state)
{
    (void) state;
    PGconn *pg = admin_connect();
    PGresult *types =
        PQexec (pg, "SELECT oid, typname FROM pg_type WHERE oid < 6000 AND typtype IN ('b', 'r')"
                    " AND typname !~ '^_?(pg_node|pg_ndis|pg_depe|pg_mcv|pg_brin|pg_ddl|gtsv)' ORDER BY oid");
    branch_t b;
    begin (&b);
    int named = 0;
    for (int i = 0; i < PQntuples (types); i++) {
        char sql[256];
        snprintf (sql, sizeof sql, "SELECT NULL::pg_catalog.\"%s\"", PQgetvalue (types, i, 1));
        assert_status (run (&b, sql), TXC_RM_OK);
        bool same = strcmp (b.output.types, PQgetvalue (types, i, 1)) == 0;
        named += same;
        if (!same)
            assert_string_equal (b.output.types, PQgetvalue (types, i, 0));
    }
    assert_true (named > 60);
    PQclear (types);
    PQfinish (pg);
    done (&b);
}

/* --- large results ------------------------------------------------------- */

static void test_a_large_result_is_streamed_in_little_memory (void **state)
{
    (void) state;
    struct rusage before, after;
    branch_t b;
    begin (&b);
    assert_status (run (&b, "SELECT 1"), TXC_RM_OK);
    getrusage (RUSAGE_SELF, &before);
    assert_status (run (&b, "SELECT repeat('x', 1000) FROM generate_series(1, 100000)"),
                   TXC_RM_OK); /* 100 MB */
    getrusage (RUSAGE_SELF, &after);
    assert_int_equal (b.output.n_rows, 100000);
    if (!S_SANITIZED) /* which keeps freed memory for a while */
        assert_true (after.ru_maxrss - before.ru_maxrss < 20 * 1024); /* KiB */
    done (&b);
}

static void test_a_result_that_is_cut_off_dooms_its_branch (void **state)
{
    (void) state;
    static const char *const sql[] = {"SELECT generate_series(1, 100000000)",
                                      "UPDATE acct SET bal = bal + 1 RETURNING id"};
    for (int i = 0; i < 4; i++) {
        branch_t b;
        begin (&b);
        txc_rm_status_t answer;
        assert_status (run (&b, "UPDATE acct SET bal = 1 WHERE id = 3"), TXC_RM_OK);
        b.output.limit = 3;
        if (i < 2)
            assert_status (run (&b, sql[i]), TXC_RM_ERROR);
        else {
            assert_status (run_last (&b, sql[i - 2], &answer), TXC_RM_ERROR);
            assert_true (answer == TXC_RM_ERROR || answer == TXC_RM_ROLLED_BACK);
        }
        assert_int_equal (b.error.code, TXC_ELIMIT);
        assert_int_equal (b.output.n_rows, 3);
        assert_int_equal (prepared(), 0);
        b.output.limit = 0;
        assert_status (run (&b, "SELECT 1"), TXC_RM_ERROR);
        if (i < 2)
            assert_status (vote (&b), TXC_RM_ROLLED_BACK);
        else
            assert_status (plugin->rollback_active (b.conn, &b.xid, &b.error), TXC_RM_OK);
        begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
        assert_status (run (&b, "SELECT bal FROM acct WHERE id = 3"), TXC_RM_OK);
        assert_string_equal (b.output.cells, "1000");
        done (&b);
    }
}

/* --- the session ------------------------------------------------------------- */

static const char *s_one (branch_t *b, const char *sql)
{
    if (run (b, sql) != TXC_RM_OK)
        fail_msg ("%s: %s", sql, b->error.text);
    return b->output.cells;
}

static void s_next (branch_t *b)
{
    assert_status (plugin->rollback_active (b->conn, &b->xid, &b->error), TXC_RM_OK);
    begin_again (b, TXC_ISOLATION_DEFAULT, 0);
}

static void s_commit_and_next (branch_t *b)
{
    assert_status (plugin->commit_one_phase (b->conn, &b->xid, &b->error), TXC_RM_OK);
    begin_again (b, TXC_ISOLATION_DEFAULT, 0);
}

static void test_a_branch_inherits_nothing_from_the_one_before (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    char usual[1024];
    snprintf (usual, sizeof usual, "%s", s_one (&b, "SHOW work_mem"));
    s_one (&b, "SET work_mem = '77MB'");
    s_one (&b, "SELECT set_config('search_path', 'nowhere', false)");
    s_one (&b, "PREPARE mine AS SELECT 1");
    s_one (&b, "CREATE TEMP TABLE scratch (v int)");
    s_commit_and_next (&b);
    assert_string_equal (s_one (&b, "SHOW work_mem"), usual);
    assert_string_equal (s_one (&b, "SHOW search_path"), "\"$user\", public");
    assert_string_equal (s_one (&b, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine'"), "0");
    assert_string_equal (s_one (&b, "SELECT count(*) FROM pg_class WHERE relname = 'scratch'"), "0");
    assert_string_equal (s_one (&b, "SHOW client_encoding"), "UTF8");
    done (&b);
}

static void test_lock_timeout_and_isolation_are_the_branchs_own (void **state)
{
    (void) state;
    branch_t a, b;
    begin_with (&a, TXC_ISOLATION_REPEATABLE_READ, 0);
    assert_string_equal (s_one (&a, "SHOW transaction_isolation"), "repeatable read");
    assert_string_equal (s_one (&a, "UPDATE acct SET bal = 2 WHERE id = 1 RETURNING bal"), "2");
    begin_with (&b, TXC_ISOLATION_SERIALIZABLE, 120);
    assert_string_equal (s_one (&b, "SHOW lock_timeout"), "120ms");
    assert_string_equal (s_one (&b, "SHOW transaction_isolation"), "serializable");
    assert_status (run (&b, "UPDATE acct SET bal = 3 WHERE id = 1"), TXC_RM_ERROR);
    assert_error (b, TXC_ERM, "55P03");
    s_next (&b);
    assert_string_equal (s_one (&b, "SHOW lock_timeout"), "0");
    assert_string_equal (s_one (&b, "SHOW transaction_isolation"), "read committed");
    assert_status (run (&b, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), TXC_RM_ERROR);
    assert_error (b, TXC_ERM, "25001");
    done (&a);
    done (&b);
}

static void test_savepoints_bring_a_branch_back_to_life (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    s_one (&b, "UPDATE acct SET bal = 11 WHERE id = 1");
    s_one (&b, "SAVEPOINT s");
    assert_status (run (&b, "UPDATE acct SET bal = -1 WHERE id = 2"), TXC_RM_ERROR);
    assert_status (run (&b, "SELECT 1"), TXC_RM_ERROR);
    assert_error (b, TXC_ERM, "25P02");
    s_one (&b, "ROLLBACK TO SAVEPOINT s");
    assert_status (vote (&b), TXC_RM_OK);
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    assert_string_equal (
        admin_value ("SELECT string_agg(bal::text, ',' ORDER BY id) FROM acct WHERE id IN (1, 2)"),
        "11,1000");
    done (&b);
}

static void *s_cancel_when_sleeping (void *arg)
{
    admin_wait ("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "1");
    plugin->cancel (arg);
    return NULL;
}

static void test_a_statement_can_be_cancelled_from_another_thread (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_cancel_when_sleeping, b.conn), 0);
    assert_status (run (&b, "SELECT pg_sleep(60)"), TXC_RM_ERROR);
    assert_error (b, TXC_ERM, "57014");
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_status (vote (&b), TXC_RM_ROLLED_BACK);
    done (&b);
}

/* --- prepared statements ------------------------------------------------------ */

#define S_CACHED "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'txc\\_s%'"

static void test_hot_statements_are_prepared_once_and_given_up_again (void **state)
{
    (void) state;
    const config_t settings[] = {{"statement_cache", "3"}, {NULL, NULL}};
    txc_rm_t *small;
    branch_t b;
    memset (&b, 0, sizeof b);
    assert_status (open_rm (settings, &small, &b.error), TXC_RM_OK);
    assert_status (plugin->connect (small, &b.conn, &b.error), TXC_RM_OK);
    begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
    for (int i = 0; i < 3; i++) {
        s_one (&b, "SELECT 1");
        s_one (&b, "SELECT 2");
    }
    assert_string_equal (s_one (&b, S_CACHED), "2");
    for (int i = 0; i < 100; i++) {
        char sql[64];
        snprintf (sql, sizeof sql, "SELECT %d + 0", i % 50);
        s_one (&b, sql);
        s_one (&b, sql);
    }
    s_next (&b); /* what was pushed out goes before the next branch */
    assert_true (atoi (s_one (&b, S_CACHED)) <= 4);
    done (&b);
    plugin->close (&small);
}

static void test_statements_that_the_server_forgot_are_prepared_again (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    for (int i = 0; i < 3; i++)
        assert_string_equal (s_one (&b, "SELECT bal FROM acct WHERE id = 1"), "1000");
    s_one (&b, "DO $$BEGIN EXECUTE 'DEALLOCATE ALL'; END$$"); /* no parser sees it */
    s_commit_and_next (&b);
    assert_string_equal (s_one (&b, "SELECT bal FROM acct WHERE id = 1"), "1000");
    s_commit_and_next (&b);
    s_one (&b, "UPDATE acct SET bal = 4 WHERE id = 1");
    assert_status (vote (&b), TXC_RM_OK);
    assert_status (plugin->rollback (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
    /* the same in the middle of a branch costs that branch, never its truth */
    s_one (&b, "UPDATE acct SET bal = 5 WHERE id = 1");
    s_one (&b, "DO $$BEGIN EXECUTE 'DEALLOCATE ALL'; END$$");
    assert_status (vote (&b), TXC_RM_ROLLED_BACK);
    assert_error (b, TXC_EBRANCH, "26000");
    begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
    s_one (&b, "UPDATE acct SET bal = 5 WHERE id = 1");
    assert_status (vote (&b), TXC_RM_OK);
    assert_status (plugin->rollback (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    done (&b);
}

static void test_a_table_that_changed_under_a_cached_statement_is_read_anew (void **state)
{
    (void) state;
    admin ("DROP TABLE IF EXISTS wide", "CREATE TABLE wide (a int)", "INSERT INTO wide VALUES (1)",
           "GRANT ALL ON wide TO txagent", NULL);
    branch_t b;
    begin (&b);
    for (int i = 0; i < 3; i++)
        assert_string_equal (s_one (&b, "SELECT * FROM wide"), "1");
    s_next (&b);
    admin ("ALTER TABLE wide ADD b int DEFAULT 2", NULL);
    assert_string_equal (s_one (&b, "SELECT * FROM wide"), "1|2");
    done (&b);
}

/* --- round trips ------------------------------------------------------------- */

static void test_a_transfer_costs_three_round_trips_and_two_with_the_hint (void **state)
{
    (void) state;
    branch_t b;
    begin_with (&b, TXC_ISOLATION_DEFAULT, 10000);
    for (int i = 0; i < 4; i++) {
        const char *params[] = {"5", "1"};
        s_sends = 0;
        assert_status (run_params (&b, "UPDATE acct SET bal = bal - $1 WHERE id = $2", 2, params), TXC_RM_OK);
        assert_int_equal (s_sends, 1); /* BEGIN, mark, statement */
        assert_status (vote (&b), TXC_RM_OK);
        assert_int_equal (s_sends, 2); /* guard, PREPARE */
        assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
        assert_int_equal (s_sends, 3);
        begin_again (&b, TXC_ISOLATION_DEFAULT, 10000);
        assert_int_equal (s_sends, 3); /* start costs nothing */
        txc_rm_status_t answer;
        assert_status (run_last (&b, "UPDATE acct SET bal = bal - 1 WHERE id = 1", &answer), TXC_RM_OK);
        assert_status (answer, TXC_RM_OK);
        assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
        assert_int_equal (s_sends, 5);
        begin_again (&b, TXC_ISOLATION_DEFAULT, 10000);
    }
    done (&b);
}

const struct CMUnitTest pgsql_statement_tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown (name, fresh_bank, nothing_left)
    TEST (test_results_have_names_types_nulls_and_affected_rows),
    TEST (test_parameters_are_data_and_never_sql),
    TEST (test_type_names_are_those_of_the_server),
    TEST (test_a_large_result_is_streamed_in_little_memory),
    TEST (test_a_result_that_is_cut_off_dooms_its_branch),
    TEST (test_a_branch_inherits_nothing_from_the_one_before),
    TEST (test_lock_timeout_and_isolation_are_the_branchs_own),
    TEST (test_savepoints_bring_a_branch_back_to_life),
    TEST (test_a_statement_can_be_cancelled_from_another_thread),
    TEST (test_hot_statements_are_prepared_once_and_given_up_again),
    TEST (test_statements_that_the_server_forgot_are_prepared_again),
    TEST (test_a_table_that_changed_under_a_cached_statement_is_read_anew),
    TEST (test_a_transfer_costs_three_round_trips_and_two_with_the_hint),
};
const size_t pgsql_statement_count = sizeof pgsql_statement_tests / sizeof pgsql_statement_tests[0];
