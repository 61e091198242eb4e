/*
 * my_check.c - configuration, what check refuses and warns of, the files of
 * sql/mariadb.
 */
#include "config.h"

#include "my_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

/* --- configuration ------------------------------------------------------------------------ */

static const char *s_one_key (void *arg, const char *key)
{
    const char *const *pair = arg;
    for (; pair[0]; pair += 2)
        if (strcmp (key, pair[0]) == 0)
            return pair[1];
    return NULL;
}

static void bad_configuration_is_refused (void **state)
{
    (void) state;
    static const char *const bad[][5] = {
        {"port", "0"},           {"port", "33o6"},         {"port", "-1"},
        {"statement_cache", ""}, {"read_timeout_ms", "1"}, {"host", "h", "socket", "/s"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        txc_rm_t *rm = NULL;
        txc_rm_error_t error = {0};
        assert_status (fx_rm->open ("bank", s_one_key, (void *) (uintptr_t) bad[i], &rm, &error),
                       TXC_RM_ERROR);
        assert_int_equal (error.code, TXC_ECONFIG);
        assert_non_null (strstr (error.text, bad[i][0]));
        assert_null (rm);
    }
    for (const char *const *key = fx_rm->keys; *key; key++)
        assert_null (strstr (*key, "password_value")); /* no key takes a password itself */
    assert_string_equal (fx_rm->name, "mysql");
    assert_int_not_equal (fx_rm->needs_journal, 0);
}

static void s_expect_no_connection (const char *key, const char *value, int code, const char *text)
{
    txc_rm_t *rm = fx_open ("bank", key, value);
    txc_rm_conn_t *conn = NULL;
    txc_rm_error_t error = {0};
    assert_non_null (rm);
    assert_status (fx_rm->connect (rm, &conn, &error), TXC_RM_LOST);
    assert_null (conn);
    assert_int_equal (error.code, code);
    if (!strstr (error.text, text))
        fail_msg ("'%s' says nothing of '%s'", error.text, text);
    assert_null (strstr (error.text, "quoted' secret"));
    fx_rm->close (&rm);
}

static void password_file_is_private (void **state)
{
    (void) state;
    char path[] = "/tmp/txc-password.XXXXXX";
    int fd = mkstemp (path);
    assert_true (fd >= 0);
    assert_int_equal (write (fd, "wrong\n", 6), 6);
    close (fd);
    s_expect_no_connection ("password_file", path, TXC_ERMFAIL, "Access denied");
    assert_int_equal (chmod (path, 0640), 0);
    s_expect_no_connection ("password_file", path, TXC_ECONFIG, "chmod 600");
    assert_int_equal (unlink (path), 0);
    s_expect_no_connection ("password_file", path, TXC_ECONFIG, "No such file");
    s_expect_no_connection ("password_file", "/tmp", TXC_ECONFIG, "chmod 600");
    s_expect_no_connection ("socket", "/tmp/no such socket", TXC_ERMFAIL, "cannot connect");
    s_expect_no_connection ("database", "no_such_database", TXC_ERMFAIL, "no_such_database");
}

/* What an option file turns on that a branch must not have is turned off again. */
static void option_file_is_read (void **state)
{
    (void) state;
    char path[] = "/tmp/txc-options.XXXXXX";
    int fd = mkstemp (path);
    static const char text[] = "[client]\nuser=nobody\n[agent]\nmulti-statements\nlocal-infile=1\n";
    assert_true (fd >= 0 && write (fd, text, sizeof text - 1) == (ssize_t) sizeof text - 1);
    close (fd);
    txc_rm_t *rm = NULL;
    txc_rm_error_t error = {0};
    char socket[256], password[256];
    snprintf (socket, sizeof socket, "%s/sock", getenv ("TXC_TEST_SERVER"));
    snprintf (password, sizeof password, "%s/password", getenv ("TXC_TEST_SERVER"));
    const char *keys[] = {
        "default_file",  path,     "default_group", "agent", "socket", socket, "user", "txagent",
        "password_file", password, "database",      "bank",  NULL};
    assert_status (fx_rm->open ("bank", s_one_key, keys, &rm, &error), TXC_RM_OK);
    fx_branch_t branch;
    fx_begin (&branch, fx_connect (rm));
    assert_status (fx_exec (&branch, "SELECT 1; SELECT 2"), TXC_RM_ERROR);
    assert_int_equal (branch.error.native, 1064);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
    fx_rm->close (&rm);
    unlink (path);
}

/* --- check ------------------------------------------------------------------------------------- */

typedef struct s_warnings {
    char text[4096];
} s_warnings_t;

static void s_warn (void *arg, const char *text)
{
    s_warnings_t *warnings = arg;
    size_t at = strlen (warnings->text);
    snprintf (warnings->text + at, sizeof warnings->text - at, "%s\n", text);
}

static txc_rm_status_t s_check (txc_rm_conn_t *conn, s_warnings_t *warnings, txc_rm_error_t *error)
{
    warnings->text[0] = '\0';
    *error = (txc_rm_error_t){0};
    return fx_rm->check (conn, "test", s_warn, warnings, error);
}

static void check_warns_of_what_loses_data (void **state)
{
    (void) state;
    s_warnings_t warnings;
    txc_rm_error_t error;
    txc_rm_conn_t *conn = fx_connect (fx_bank);
    assert_status (s_check (conn, &warnings, &error), TXC_RM_OK);
    assert_non_null (strstr (warnings.text, "plain")); /* the MyISAM table */
    assert_null (strstr (warnings.text, "innodb_flush_log_at_trx_commit"));
    assert_null (strstr (warnings.text, "MDEV-37141"));
    assert_null (strstr (warnings.text, "root"));
    fx_admin ("SET GLOBAL innodb_flush_log_at_trx_commit = 2");
    assert_status (s_check (conn, &warnings, &error), TXC_RM_OK); /* holding the lock already is well */
    assert_non_null (strstr (warnings.text, "innodb_flush_log_at_trx_commit"));
    fx_admin ("SET GLOBAL innodb_flush_log_at_trx_commit = 1");
    if (atoi (fx_value ("SELECT @@log_bin"))) {
        fx_admin ("SET GLOBAL sync_binlog = 0");
        assert_status (s_check (conn, &warnings, &error), TXC_RM_OK);
        assert_non_null (strstr (warnings.text, "sync_binlog"));
        fx_admin ("SET GLOBAL sync_binlog = 1");
    }
    fx_rm->disconnect (&conn);
}

static void check_refuses_a_read_only_server (void **state)
{
    (void) state;
    s_warnings_t warnings;
    txc_rm_error_t error;
    txc_rm_conn_t *conn = fx_connect (fx_bank);
    fx_admin ("SET GLOBAL read_only = 1");
    assert_status (s_check (conn, &warnings, &error), TXC_RM_ERROR);
    assert_int_equal (error.code, TXC_ECONFIG);
    assert_non_null (strstr (error.text, "read-only"));
    fx_admin ("SET GLOBAL read_only = 0");
    assert_status (s_check (conn, &warnings, &error), TXC_RM_OK);
    fx_rm->disconnect (&conn);
}

/* Whatever its connection to the primary is called, and whether that is up just now. */
static void check_refuses_a_replica (void **state)
{
    (void) state;
    static const char *const names[] = {"", "'feed'"};
    s_warnings_t warnings;
    txc_rm_error_t error;
    txc_rm_conn_t *conn = fx_connect (fx_bank);
    for (int i = 0; i < 2; i++) {
        fx_admin ("CHANGE MASTER %s TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'nobody'",
                  names[i]);
        fx_admin ("START SLAVE %s", names[i]);
        txc_rm_status_t status = s_check (conn, &warnings, &error);
        fx_admin ("STOP SLAVE %s", names[i]);
        fx_admin ("RESET SLAVE %s ALL", names[i]);
        assert_status (status, TXC_RM_ERROR);
        assert_int_equal (error.code, TXC_ECONFIG);
        assert_non_null (strstr (error.text, "replica"));
        assert_status (s_check (conn, &warnings, &error), TXC_RM_OK);
    }
    fx_rm->disconnect (&conn);
}

static void second_agent_is_refused (void **state)
{
    (void) state;
    s_warnings_t warnings;
    txc_rm_error_t error;
    txc_rm_t *second = fx_open ("bank", NULL, NULL), *unrelated = fx_open ("till", NULL, NULL);
    txc_rm_conn_t *conn = fx_connect (fx_bank), *other = fx_connect (second), *third = fx_connect (unrelated);
    assert_status (s_check (conn, &warnings, &error), TXC_RM_OK);
    assert_status (s_check (other, &warnings, &error), TXC_RM_ERROR);
    assert_int_equal (error.code, TXC_ELOCKED);
    assert_status (s_check (third, &warnings, &error), TXC_RM_OK);
    fx_rm->disconnect (&conn);
    assert_status (s_check (other, &warnings, &error), TXC_RM_OK);
    fx_rm->disconnect (&other);
    fx_rm->disconnect (&third);
    fx_rm->close (&second);
    fx_rm->close (&unrelated);
}

/* --- sql/mariadb ------------------------------------------------------------------------------- */

static void bank_is_as_described (void **state)
{
    (void) state;
    fx_admin ("CALL bank.bank_fill (10, 1000)");
    assert_string_equal (fx_value ("SELECT CONCAT(COUNT(*), ' ', MIN(id), ' ', SUM(bal)) FROM bank.acct"),
                         "10 0 10000");
    assert_int_equal (fx_admin_try ("UPDATE bank.acct SET bal = -1 WHERE id = 1"), 4025);
    fx_admin ("INSERT INTO bank.ledger (gtrid, from_id, to_id, amount) VALUES ('a', 1, 2, 5)");
    assert_int_equal (
        fx_admin_try ("INSERT INTO bank.ledger (gtrid, from_id, to_id, amount) VALUES ('a', 1, 2, 5)"), 1062);
    assert_int_equal (
        fx_admin_try ("INSERT INTO bank.ledger (gtrid, from_id, to_id, amount) VALUES ('b', 1, 2, 0)"), 4025);
}

/* Everything in these tests runs as the account of roles.sql; what it may not do: */
static void agents_account_has_few_privileges (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, "SELECT * FROM mysql.user"), TXC_RM_ERROR);
    assert_int_equal (branch.error.native, 1142);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
}

static void branches_in_doubt_can_be_seen (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, "UPDATE acct SET bal = bal - 10 WHERE id = 0"), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    assert_true (strlen (fx_value ("CALL txcoord.in_doubt ()")) > 0);
    if (atoi (fx_value ("SELECT @@performance_schema")))
        assert_string_equal (fx_value ("SELECT gtrid FROM txcoord.in_doubt_attached"), branch.id.gtrid);
    assert_string_equal (fx_value ("SELECT COUNT(*) FROM txcoord.in_doubt_detached"), "0");
    fx_end (&branch);
    fx_wait ("1", "SELECT COUNT(*) FROM txcoord.in_doubt_detached WHERE rows_modified = 1");
    fx_branch_t waiter;
    fx_thread_t thread;
    fx_begin (&waiter, NULL);
    fx_thread_start (&thread, &waiter, "UPDATE acct SET bal = bal + 1 WHERE id = 0");
    fx_wait ("1", "SELECT COUNT(*) FROM txcoord.in_doubt_waits WHERE waits_for_table LIKE '%acct%'");
    txc_rm_conn_t *other = fx_connect (fx_bank);
    assert_status (fx_rollback_from (other, &branch), TXC_RM_OK);
    assert_status (fx_thread_join (&thread), TXC_RM_OK);
    assert_status (fx_rollback_active (&waiter), TXC_RM_OK);
    fx_end (&waiter);
    fx_rm->disconnect (&other);
}

int my_check_tests (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (bad_configuration_is_refused),
        cmocka_unit_test (password_file_is_private),
        cmocka_unit_test_setup (option_file_is_read, fx_fresh),
        cmocka_unit_test_setup (check_warns_of_what_loses_data, fx_fresh),
        cmocka_unit_test_setup (check_refuses_a_read_only_server, fx_fresh),
        cmocka_unit_test_setup (check_refuses_a_replica, fx_fresh),
        cmocka_unit_test_setup (second_agent_is_refused, fx_fresh),
        cmocka_unit_test_setup (bank_is_as_described, fx_fresh),
        cmocka_unit_test_setup (agents_account_has_few_privileges, fx_fresh),
        cmocka_unit_test_setup (branches_in_doubt_can_be_seen, fx_fresh),
    };
    return cmocka_run_group_tests_name ("checks", tests, fx_setup, fx_teardown);
}
