/*
 * SQL that would end or escape the branch: refused before it runs, and caught by the guard if it could not be
 * seen.
 */
#include "config.h"

#include "pgsql_harness.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const s_refused[] = {
    "COMMIT",
    "commit work",
    "COMMIT AND CHAIN",
    "END",
    "End Transaction",
    "ROLLBACK",
    "ROLLBACK AND CHAIN",
    "ABORT",
    "BEGIN",
    "START TRANSACTION READ ONLY",
    "PREPARE TRANSACTION 'x'",
    "COMMIT PREPARED 'x'",
    "ROLLBACK PREPARED 'x'",
    /* other spellings */
    ";;; COMMIT",
    "-- SELECT\nCOMMIT",
    "/* a /* nested */ comment */ cOmMiT /**/ ;",
    "\t\r\n COMMIT\f;",
    "SELECT 1; COMMIT",
    "SELECT ';' ; ; COMMIT ;",
    "SELECT $a$;$a$; SELECT 2",
    "COMMIT and nonsense that no parser knows",
    "/* */ -- \n PREPARE nonsense !!",
    /* the session's settings */
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET txcoord.branch = 'x'",
    "SET LOCAL \"txcoord\".\"branch\" TO 'x'",
    "SET TxCoord.Branch TO DEFAULT",
    "RESET txcoord.branch",
    "RESET ALL",
    "SELECT set_config('txcoord.branch', 'x', true)",
    "SELECT pg_catalog . set_config /* */ ( 'TXCOORD.BRANCH' , 'x', false)",
    "SELECT \"set_config\"('role', 'postgres', true)",
    "SELECT set_config(n, 'x', true) FROM (VALUES ('txcoord.branch')) AS t (n)",
    "SELECT set_config('txcoord.' || 'branch', 'x', true)",
    "SELECT set_config(E'txcoord\\x2ebranch', 'x', true)",
    "SELECT U&\"set\\005fconfig\"('txcoord.branch', 'x', true)",
    "PREPARE p AS SELECT set_config('txcoord.branch', 'x', true)",
    "SET ROLE pg_monitor",
    "RESET ROLE",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET LOCAL ROLE NONE",
    "SET NAMES 'SJIS'",
    "SET client_encoding = 'SJIS'",
    "SET application_name = 'innocent'",
    "SET LOCAL synchronous_commit = off",
    "DISCARD ALL",
    "DEALLOCATE ALL",
    "DEALLOCATE txc_s1",
    "PREPARE txc_s7 AS SELECT 1",
    "LOAD 'plpgsql'",
    /* what is sent at commit, whoever decides */
    "LISTEN c",
    "NOTIFY c, 'x'",
    "UNLISTEN *",
    "SELECT pg_notify('c', 'x')",
    "SELECT \"pg_notify\" ('c', 'x')",
    /* another protocol */
    "COPY acct TO STDOUT",
    "COPY acct FROM STDIN",
    "COPY (SELECT 1) TO STDOUT",
    /* locks that outlive the branch */
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_lock_shared(1)",
    /* not readable */
    "SELECT 'unfinished",
    "SELECT 1 /* unfinished",
};

static void test_sql_that_ends_or_escapes_the_branch_is_refused_in_every_spelling (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, "UPDATE acct SET bal = 7 WHERE id = 1"), TXC_RM_OK);
    for (size_t i = 0; i < sizeof s_refused / sizeof s_refused[0]; i++)
        for (int again = 0; again < 2; again++) { /* the second verdict comes from the cache */
            if (run (&b, s_refused[i]) != TXC_RM_ERROR || b.error.code != TXC_EREFUSED)
                fail_msg ("not refused: %s", s_refused[i]);
            assert_int_not_equal (strlen (b.error.text), 0);
        }
    /* nothing of it reached the server: the branch goes on */
    assert_status (run (&b, "SELECT bal FROM acct WHERE id = 1"), TXC_RM_OK);
    assert_string_equal (b.output.cells, "7");
    assert_status (vote (&b), TXC_RM_OK);
    assert_status (plugin->rollback (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    done (&b);
}

static void test_harmless_sql_is_not_refused (void **state)
{
    (void) state;
    static const char *const statements[] = {
        "SAVEPOINT s",
        "UPDATE acct SET bal = 8 WHERE id = 1",
        "ROLLBACK TO SAVEPOINT s",
        "ROLLBACK TO s",
        "RELEASE SAVEPOINT s",
        "SELECT 'COMMIT; ROLLBACK' AS \"commit\"",
        "SELECT 1; ; -- COMMIT",
        "SET LOCAL work_mem = '5MB'",
        "SELECT set_config('search_path', 'public', true)",
        "PREPARE mine (int) AS SELECT $1",
        "EXECUTE mine (3)",
        "DEALLOCATE mine",
        "DECLARE c CURSOR FOR SELECT id FROM acct ORDER BY id",
        "FETCH 2 FROM c",
        "CLOSE c",
        "SHOW server_version_num",
        "EXPLAIN SELECT 1",
        "DO $$BEGIN PERFORM 1; END$$",
        "CREATE TABLE t_ddl (v int)",
        "INSERT INTO t_ddl VALUES (1), (2)",
        "MERGE INTO t_ddl t USING (VALUES (1)) AS s (v) ON t.v = s.v WHEN MATCHED THEN DELETE",
        "DROP TABLE t_ddl",
        "LOCK TABLE acct IN SHARE MODE",
        "SELECT pg_advisory_xact_lock(1)",
        "SET CONSTRAINTS ALL IMMEDIATE",
        "",
        " ; -- nothing",
    };
    branch_t b;
    begin (&b);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        if (run (&b, statements[i]) != TXC_RM_OK)
            fail_msg ("%s: %s", statements[i], b.error.text);
    assert_status (vote (&b), TXC_RM_OK);
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    done (&b);
}

/* PostgreSQL refuses these by itself: a procedure cannot commit inside of a transaction block. */
static void test_procedures_cannot_commit_the_branch (void **state)
{
    (void) state;
    admin ("CREATE OR REPLACE PROCEDURE committing () LANGUAGE plpgsql AS 'BEGIN COMMIT; END'",
           "GRANT EXECUTE ON PROCEDURE committing TO txagent", NULL);
    static const char *const statements[] = {"CALL committing()", "DO $$BEGIN COMMIT; END$$",
                                             "DO $$BEGIN ROLLBACK; END$$"};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        branch_t b;
        begin (&b);
        assert_status (run (&b, "UPDATE acct SET bal = 7 WHERE id = 1"), TXC_RM_OK);
        assert_status (run (&b, statements[i]), TXC_RM_ERROR);
        assert_error (b, TXC_ERM, "2D000");
        assert_status (vote (&b), TXC_RM_ROLLED_BACK);
        done (&b);
    }
    assert_string_equal (admin_value ("SELECT bal FROM acct WHERE id = 1"), "1000");
}

/* What no parser can see: the mark changed, or another role, behind a function. */
static void s_guard_catches (const char *body)
{
    char sql[512];
    snprintf (sql, sizeof sql, "DO $$BEGIN PERFORM %s; END$$", body);
    for (int last = 0; last < 2; last++) {
        branch_t b;
        begin (&b);
        assert_status (run (&b, "UPDATE acct SET bal = 7 WHERE id = 1"), TXC_RM_OK);
        txc_rm_status_t answer;
        if (last)
            assert_status (run_last (&b, sql, &answer), TXC_RM_OK);
        else {
            assert_status (run (&b, sql), TXC_RM_OK);
            answer = vote (&b);
        }
        assert_status (answer, TXC_RM_ROLLED_BACK);
        assert_int_equal (b.error.code, TXC_EBRANCH);
        assert_int_equal (prepared(), 0);
        /* in one phase too */
        begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
        assert_status (run (&b, "UPDATE acct SET bal = 7 WHERE id = 1"), TXC_RM_OK);
        assert_status (run (&b, sql), TXC_RM_OK);
        assert_status (plugin->commit_one_phase (b.conn, &b.xid, &b.error), TXC_RM_ROLLED_BACK);
        done (&b);
    }
    assert_string_equal (admin_value ("SELECT bal FROM acct WHERE id = 1"), "1000");
}

static void test_the_guard_catches_what_the_parser_cannot_see (void **state)
{
    (void) state;
    admin ("DROP ROLE IF EXISTS other", "CREATE ROLE other", "GRANT other TO txagent", NULL);
    s_guard_catches ("set_config('txcoord.branch', 'x', true)");
    s_guard_catches ("set_config('txcoord.branch', '', true)");
    /* prepared under another role, the branch could not be finished by the agent (42501) */
    s_guard_catches ("set_config('role', 'other', true)");
    s_guard_catches ("set_config('role', 'other', false)");
}

static void test_a_temporary_function_cannot_stand_in_for_the_guards (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    admin ("DROP SCHEMA IF EXISTS evil CASCADE", "CREATE SCHEMA evil AUTHORIZATION txagent", NULL);
    assert_status (run (&b, "CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text LANGUAGE sql AS"
                            " 'SELECT ''anything'''"),
                   TXC_RM_OK);
    assert_status (
        run (&b, "CREATE FUNCTION evil.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'"),
        TXC_RM_OK);
    assert_status (run (&b, "CREATE OPERATOR evil.= (FUNCTION = evil.yes, LEFTARG = text, RIGHTARG = text)"),
                   TXC_RM_OK);
    assert_status (run (&b, "SET search_path = evil, pg_catalog, public"), TXC_RM_OK);
    assert_status (run (&b, "DO $$BEGIN PERFORM set_config('txcoord.branch', 'x', true); END$$"), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_ROLLED_BACK);
    assert_int_equal (prepared(), 0);
    done (&b);
}

/* libpg_query's tree builder recurses: 8,000 operators in a row overflow a stack of 8 MiB. */
static void test_deeply_nested_sql_does_not_overflow_the_stack (void **state)
{
    (void) state;
    enum { DEPTHS = 3 };
    static const int depths[DEPTHS] = {400, 8000, 250000};
    branch_t b;
    begin (&b);
    for (int i = 0; i < DEPTHS; i++) {
        assert_status (run (&b, "SAVEPOINT s"), TXC_RM_OK);
        char *sql = malloc ((size_t) depths[i] * 2 + 64), *at = sql;
        at += sprintf (at, "SELECT 1");
        for (int n = 0; n < depths[i]; n++)
            at += sprintf (at, "+1");
        txc_rm_status_t status = run (&b, sql);
        if (i == 0)
            assert_status (status, TXC_RM_OK);
        else if (status == TXC_RM_ERROR) /* the server has its own limit */
            assert_string_equal (b.error.sqlstate, "54001");
        assert_status (run (&b, "ROLLBACK TO SAVEPOINT s"), TXC_RM_OK);
        memcpy (sql, "COMMIT 1", 8);
        assert_status (run (&b, sql), TXC_RM_ERROR);
        assert_int_equal (b.error.code, TXC_EREFUSED);
        free (sql);
    }
    assert_status (plugin->rollback_active (b.conn, &b.xid, &b.error), TXC_RM_OK);
    done (&b);
}

static void test_a_syntax_error_is_told_by_the_server (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, "SELEC 1"), TXC_RM_ERROR);
    assert_error (b, TXC_ERM, "42601");
    assert_status (plugin->rollback_active (b.conn, &b.xid, &b.error), TXC_RM_OK);
    done (&b);
}

const struct CMUnitTest pgsql_sql_tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown (name, fresh_bank, nothing_left)
    TEST (test_sql_that_ends_or_escapes_the_branch_is_refused_in_every_spelling),
    TEST (test_harmless_sql_is_not_refused),
    TEST (test_procedures_cannot_commit_the_branch),
    TEST (test_the_guard_catches_what_the_parser_cannot_see),
    TEST (test_a_temporary_function_cannot_stand_in_for_the_guards),
    TEST (test_deeply_nested_sql_does_not_overflow_the_stack),
    TEST (test_a_syntax_error_is_told_by_the_server),
};
const size_t pgsql_sql_count = sizeof pgsql_sql_tests / sizeof pgsql_sql_tests[0];
