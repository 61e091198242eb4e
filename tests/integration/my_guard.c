/*
 * my_guard.c - statements that would end or escape the branch; engines that
 * cannot roll back; state that would leak into the next branch.
 */
#include "config.h"

#include "my_fixture.h"

static const char s_take[] = "UPDATE acct SET bal = bal - 10 WHERE id = 0";

/* --- refused before they run ------------------------------------------------------------ */

static const char *const s_refused[] = {
    "XA END 'a'",
    "xa commit 'a' one phase",
    "/* plain */ XA END 'a'",
    "/*! XA END 'a' */",
    "/*!50000 XA END 'a' */",
    "/*M!100100 XA */ END 'a'",
    "/*!99999 SELECT 1 */ COMMIT",
    "-- comment\nCOMMIT",
    "# comment\nCOMMIT",
    "--\tcomment\n\v\f COMMIT",
    " \t\r\n;COMMIT",
    "\357\273\277COMMIT",
    "COMMIT",
    "COMMIT WORK AND CHAIN",
    "ROLLBACK",
    "ROLLBACK WORK",
    "ROLLBACK /*! TO */ a",
    "BEGIN",
    "START TRANSACTION",
    "BEGIN NOT ATOMIC COMMIT; END",
    "IF 1 THEN XA END 'a'; END IF",
    "LOOP XA END 'a'; END LOOP",
    "x: BEGIN NOT ATOMIC XA END 'a'; END",
    "EXECUTE IMMEDIATE 'XA END ''a'''",
    "PREPARE s FROM 'COMMIT'",
    "EXECUTE s",
    "SET autocommit = 1",
    "SET autocommit = 0",
    "SET @@autocommit = 1",
    "SET @@session.autocommit = 1",
    "SET SESSION autocommit = 1",
    "SET LOCAL `autocommit` = 1",
    "SET @a = 1, AutoCommit = 1",
    "SET STATEMENT max_statement_time = 5 FOR XA END 'a'",
    "SET STATEMENT max_statement_time = (SELECT 5) FOR COMMIT",
    "SET STATEMENT max_statement_time = 5 FOR SET STATEMENT max_statement_time = 5 FOR COMMIT",
    "SET STATEMENT lc_time_names = '\\', sql_mode = ' FOR SELECT 1 ' FOR COMMIT",
    "SET GLOBAL max_connections = 10",
    "SET @@global.max_connections = 10",
    "SET PASSWORD = PASSWORD('x')",
    "SET ROLE NONE",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SET NAMES latin1",
    "SET session_track_transaction_info = 'OFF'",
    "SET sql_log_bin = 0",
    "LOCK TABLES acct WRITE",
    "UNLOCK TABLES",
    "CREATE TABLE x (a INT)",
    "CREATE OR REPLACE TABLE x (a INT)",
    "CREATE OR REPLACE VIEW x AS SELECT 1",
    "CREATE INDEX i ON acct (bal)",
    "DROP TABLE acct",
    "ALTER TABLE acct ADD COLUMN x INT",
    "TRUNCATE acct",
    "RENAME TABLE acct TO x",
    "GRANT SELECT ON bank.* TO txagent@localhost",
    "ANALYZE TABLE acct",
    "ANALYZE NO_WRITE_TO_BINLOG TABLE acct",
    "ANALYZE /*! TABLE */ acct",
    "OPTIMIZE TABLE acct",
    "FLUSH TABLES",
    "FLUSH STATUS",
    "RESET QUERY CACHE",
    "HANDLER acct OPEN",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE notes",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE notes",
    "USE mysql",
    "KILL 1",
    "SHUTDOWN",
    "CHANGE MASTER TO MASTER_HOST = 'x'",
    "INSTALL SONAME 'x'",
    "CACHE INDEX plain IN default",
    "",
    "   ",
    "/* nothing */",
    "/* unfinished",
};

static void escaping_statements_are_refused (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    for (size_t i = 0; i < sizeof s_refused / sizeof *s_refused; i++) {
        txc_rm_status_t status = fx_exec (&branch, s_refused[i]);
        if (status != TXC_RM_ERROR || branch.error.code != TXC_EREFUSED)
            fail_msg ("not refused: %s (%d: %s)", s_refused[i], branch.error.code, branch.error.text);
    }
    /* None of them reached the server: the branch goes on. */
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    assert_status (fx_commit (&branch), TXC_RM_OK);
    assert_balance (0, "80");
    fx_end (&branch);
}

static void harmless_statements_are_allowed (void **state)
{
    (void) state;
    static const char *const allowed[] = {
        "/* a */ -- b\n # c\n SELECT 1",
        "((SELECT 1))",
        "SELECT 'COMMIT; XA END' AS a -- the end",
        "SELECT /*! STRAIGHT_JOIN */ * FROM acct",
        "SAVEPOINT s1",
        "ROLLBACK TO s1",
        "ROLLBACK WORK TO SAVEPOINT s1",
        "RELEASE SAVEPOINT s1",
        "SET @a = 5",
        "SET SESSION innodb_lock_wait_timeout = 7",
        "SET STATEMENT max_statement_time = 5 FOR UPDATE acct SET bal = bal WHERE id = 0",
        "CREATE TEMPORARY TABLE scratch (a INT)",
        "CREATE OR REPLACE TEMPORARY TABLE scratch (a INT)",
        "INSERT INTO scratch VALUES (1)",
        "DROP TEMPORARY TABLE scratch",
        "REPLACE INTO notes VALUES (5, 'x')",
        "DELETE FROM notes WHERE id = 5",
        "VALUES (1, 2)",
        "DESCRIBE acct",
        "SELECT 1;",
    };
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (fx_exec (&branch, allowed[i]) != TXC_RM_OK)
            fail_msg ("%s: %s", allowed[i], branch.error.text);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    assert_status (fx_commit (&branch), TXC_RM_OK);
    fx_end (&branch);
}

static void second_statement_is_refused (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, "SELECT 1; XA END 'a'"), TXC_RM_ERROR);
    assert_int_equal (branch.error.native, 1064);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
}

/* The second line of defence: what the server itself refuses inside of a branch (1399), which stays intact.
 */
static void server_refuses_implicit_commits (void **state)
{
    (void) state;
    static const char *const statements[] = {
        "BEGIN",
        "START TRANSACTION",
        "COMMIT",
        "ROLLBACK",
        "SET autocommit = 1",
        "FLUSH TABLES",
        "FLUSH STATUS",
        "TRUNCATE acct",
        "DROP TABLE acct",
        "CREATE TABLE x (a INT)",
        "CREATE USER x",
        "ANALYZE TABLE acct",
        "LOCK TABLES acct WRITE",
        "CREATE DATABASE x",
        "CALL commits ()",
    };
    fx_admin ("USE bank");
    fx_admin ("SET autocommit = 0"); /* as a branch has it */
    fx_admin ("XA START 'by hand'");
    fx_admin ("UPDATE acct SET bal = bal + 1 WHERE id = 0");
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (fx_admin_try (statements[i]) != 1399)
            fail_msg ("the server runs %s in a branch", statements[i]);
    fx_admin ("XA END 'by hand'");
    fx_admin ("XA COMMIT 'by hand' ONE PHASE");
    assert_balance (0, "101");
}

/* --- procedures ------------------------------------------------------------------------------ */

static void s_call (fx_branch_t *branch, const char *format)
{
    char xid[600], sql[800];
    int at = snprintf (xid, sizeof xid, "''%s'',''%s'',%d", branch->id.gtrid, branch->id.bqual,
                       branch->id.xid.format_id);
    assert_true (at > 0);
    snprintf (sql, sizeof sql, format, xid);
    assert_status (fx_exec (branch, sql), TXC_RM_ERROR);
    assert_int_equal (branch->error.code, TXC_EREFUSED);
    assert_status (fx_exec (branch, s_take), TXC_RM_ERROR);
    assert_status (fx_prepare (branch), TXC_RM_ROLLED_BACK);
    assert_false (fx_listed (branch));
}

static void procedure_that_commits_the_branch_votes_no (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    s_call (&branch, "CALL escapes ('%s', 0)");
    assert_balance (0, "90"); /* what the procedure committed can't be taken back, and the error says so */
    fx_end (&branch);
}

/* The XID is the same and ACTIVE again: only the savepoint tells. */
static void procedure_that_restarts_the_branch_votes_no (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    s_call (&branch, "CALL escapes ('%s', 1)");
    assert_balance (1, "100"); /* what it did in the second one is rolled back */
    fx_begin (&branch, branch.conn);
    s_call (&branch, "CALL gives_up ('%s')");
    fx_end (&branch);
}

static void procedure_that_commits_is_refused_by_the_server (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_exec (&branch, "CALL commits ()"), TXC_RM_ERROR);
    assert_int_equal (branch.error.native, 1399);
    assert_status (fx_prepare (&branch), TXC_RM_ROLLED_BACK);
    assert_balance (0, "100");
    fx_end (&branch);
}

static void procedure_within_the_branch_is_fine (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, "CALL good ()"), TXC_RM_OK);
    assert_string_equal (branch.rows, "101;");
    assert_status (fx_exec (&branch, "CALL handles ()"), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    assert_status (fx_commit (&branch), TXC_RM_OK);
    assert_balance (0, "106");
    const char *params[] = {"3"};
    fx_begin (&branch, branch.conn);
    assert_status (fx_exec_params (&branch, "CALL bank_fill (?, 5)", 1, params),
                   TXC_RM_ERROR); /* it commits */
    assert_status (fx_prepare (&branch), TXC_RM_ROLLED_BACK);
    fx_begin (&branch, branch.conn);
    assert_status (fx_exec (&branch, "CALL two_sets ()"), TXC_RM_ERROR);
    assert_non_null (strstr (branch.error.text, "more than one set"));
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
}

/* --- engines ------------------------------------------------------------------------------------ */

static void write_without_transactions_votes_no (void **state)
{
    (void) state;
    const char *params[] = {"1"};
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_exec (&branch, "INSERT INTO plain VALUES (1)"), TXC_RM_ERROR);
    assert_int_equal (branch.error.code, TXC_EBRANCH);
    assert_int_equal (branch.error.native, 1196);
    assert_status (fx_prepare (&branch), TXC_RM_ROLLED_BACK);
    assert_balance (0, "100");
    fx_begin (&branch, branch.conn);
    assert_status (fx_exec_params (&branch, "INSERT INTO plain VALUES (?)", 1, params), TXC_RM_ERROR);
    assert_int_equal (branch.error.native, 1196);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_begin (&branch, branch.conn);
    assert_status (fx_exec (&branch, "SELECT * FROM plain"), TXC_RM_OK); /* reading is no harm */
    assert_status (fx_prepare (&branch), TXC_RM_READ_ONLY);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
}

/* --- what a branch leaves in its session ------------------------------------------------------------ */

static void session_state_does_not_leak (void **state)
{
    (void) state;
    fx_branch_t branch;
    for (int prepared = 0; prepared < 2; prepared++) {
        fx_begin (&branch, prepared ? branch.conn : NULL);
        assert_status (fx_exec (&branch, "SET @a = 5, SESSION sql_mode = 'ANSI_QUOTES'"), TXC_RM_OK);
        assert_status (fx_exec (&branch, "CREATE TEMPORARY TABLE scratch (a INT)"), TXC_RM_OK);
        assert_status (fx_exec (&branch, "SELECT GET_LOCK('mine', 0)"), TXC_RM_OK);
        assert_string_equal (branch.rows, "1;");
        assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
        if (prepared) {
            assert_status (fx_prepare (&branch), TXC_RM_OK);
            assert_status (fx_commit (&branch), TXC_RM_OK);
        } else {
            assert_status (fx_rollback_active (&branch), TXC_RM_OK);
        }
        assert_string_equal (fx_value ("SELECT IS_FREE_LOCK('mine')"), "1");
        fx_begin (&branch, branch.conn);
        assert_status (
            fx_exec (&branch, "SELECT @a IS NULL, @@sql_mode LIKE '%ANSI%', @@autocommit, DATABASE()"),
            TXC_RM_OK);
        assert_string_equal (branch.rows, "1,0,0,bank;");
        assert_status (fx_exec (&branch, "SELECT * FROM scratch"), TXC_RM_ERROR);
        assert_int_equal (branch.error.native, 1146);
        assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    }
    fx_end (&branch);
}

static void lock_timeout_is_the_branchs_own (void **state)
{
    (void) state;
    static const char ask[] = "SELECT @@innodb_lock_wait_timeout, @@lock_wait_timeout";
    char usual[64];
    snprintf (usual, sizeof usual, "%s;",
              fx_value ("SELECT CONCAT(@@global.innodb_lock_wait_timeout, ',', @@global.lock_wait_timeout)"));
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, ask), TXC_RM_OK);
    assert_string_equal (branch.rows, usual);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    assert_status (fx_start (&branch, 0, 2500), TXC_RM_OK);
    assert_status (fx_exec (&branch, ask), TXC_RM_OK);
    assert_string_equal (branch.rows, "3,3;");
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    assert_status (fx_start (&branch, 0, 0), TXC_RM_OK);
    assert_status (fx_exec (&branch, ask), TXC_RM_OK);
    assert_string_equal (branch.rows, usual);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
}

static void isolation_is_the_branchs_own (void **state)
{
    (void) state;
    static const char sum[] = "SELECT SUM(bal) FROM acct";
    static const struct {
        int isolation;
        const char *second; /* what a second look sees of a change in between; NULL: the change waits */
    } levels[] = {{TXC_ISOLATION_READ_COMMITTED, "301;"},
                  {TXC_ISOLATION_REPEATABLE_READ, "300;"},
                  {TXC_ISOLATION_SERIALIZABLE, NULL},
                  {TXC_ISOLATION_DEFAULT, "300;"}};
    fx_branch_t branch = {.conn = fx_connect (fx_bank)};
    fx_admin ("SET innodb_lock_wait_timeout = 1");
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        fx_admin ("UPDATE bank.acct SET bal = 100");
        assert_status (fx_start (&branch, levels[i].isolation, 0), TXC_RM_OK);
        assert_status (fx_exec (&branch, sum), TXC_RM_OK);
        assert_string_equal (branch.rows, "300;");
        assert_int_equal (fx_admin_try ("UPDATE bank.acct SET bal = 101 WHERE id = 1"),
                          levels[i].second ? 0 : 1205);
        assert_status (fx_exec (&branch, sum), TXC_RM_OK);
        assert_string_equal (branch.rows, levels[i].second ? levels[i].second : "300;");
        assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    }
    fx_end (&branch);
}

int my_guard_tests (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (escaping_statements_are_refused, fx_fresh),
        cmocka_unit_test_setup (harmless_statements_are_allowed, fx_fresh),
        cmocka_unit_test_setup (second_statement_is_refused, fx_fresh),
        cmocka_unit_test_setup (server_refuses_implicit_commits, fx_fresh),
        cmocka_unit_test_setup (procedure_that_commits_the_branch_votes_no, fx_fresh),
        cmocka_unit_test_setup (procedure_that_restarts_the_branch_votes_no, fx_fresh),
        cmocka_unit_test_setup (procedure_that_commits_is_refused_by_the_server, fx_fresh),
        cmocka_unit_test_setup (procedure_within_the_branch_is_fine, fx_fresh),
        cmocka_unit_test_setup (write_without_transactions_votes_no, fx_fresh),
        cmocka_unit_test_setup (session_state_does_not_leak, fx_fresh),
        cmocka_unit_test_setup (lock_timeout_is_the_branchs_own, fx_fresh),
        cmocka_unit_test_setup (isolation_is_the_branchs_own, fx_fresh),
    };
    return cmocka_run_group_tests_name ("guards", tests, fx_setup, fx_teardown);
}
