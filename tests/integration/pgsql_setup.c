/*
 * Configuration, checks at start, and the scripts for a DBA.
 */
#include "config.h"

#include "pgsql_harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- configuration ------------------------------------------------------- */

static void test_a_wrong_configuration_is_refused_with_its_key (void **state)
{
    (void) state;
    static const struct {
        config_t settings[2];
        const char *says;
    } cases[] = {
        {{{"conninfo", NULL}}, "conninfo is missing"},
        {{{"conninfo", "host=x password=secret"}}, "password_file"},
        {{{"conninfo", "postgresql://a:secret@x/b"}}, "password_file"},
        {{{"conninfo", "hots=x"}}, "hots"},
        {{{"statement_cache", "many"}}, "statement_cache"},
        {{{"statement_cache", "-1"}}, "statement_cache"},
        {{{"statement_cache", "100001"}}, "statement_cache"},
        {{{"fence_timeout_ms", "0"}}, "fence_timeout_ms"},
        {{{"fence_timeout_ms", "5s"}}, "fence_timeout_ms"},
        {{{"fence_timeout_ms", ""}}, "fence_timeout_ms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        txc_rm_t *opened = NULL;
        txc_rm_error_t error = {0};
        assert_status (open_rm (cases[i].settings, &opened, &error), TXC_RM_ERROR);
        assert_null (opened);
        assert_int_equal (error.code, TXC_ECONFIG);
        assert_non_null (strstr (error.text, cases[i].says));
        assert_null (strstr (error.text, "secret"));
    }
}

static txc_rm_status_t s_connect (const config_t *settings, txc_rm_error_t *error)
{
    txc_rm_t *opened;
    txc_rm_conn_t *conn = NULL;
    assert_status (open_rm (settings, &opened, error), TXC_RM_OK);
    txc_rm_status_t status = plugin->connect (opened, &conn, error);
    assert_int_equal (conn != NULL, status == TXC_RM_OK);
    plugin->disconnect (&conn);
    plugin->close (&opened);
    return status;
}

static void test_a_server_that_is_not_there_is_lost_and_not_an_error_of_the_branch (void **state)
{
    (void) state;
    txc_rm_error_t error = {0};
    char conninfo[256];
    snprintf (conninfo, sizeof conninfo, "host=%s/nowhere user=txagent dbname=bank", cluster());
    assert_status (s_connect ((config_t[]){{"conninfo", conninfo}, {NULL, NULL}}, &error), TXC_RM_LOST);
    assert_int_equal (error.code, TXC_ERMFAIL);
    snprintf (conninfo, sizeof conninfo, "host=%s user=nobody_here dbname=bank", cluster());
    assert_status (s_connect ((config_t[]){{"conninfo", conninfo}, {NULL, NULL}}, &error), TXC_RM_LOST);
    assert_non_null (strstr (error.text, "nobody_here"));
}

static void s_write_password (const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fputs (text, file);
    assert_int_equal (fclose (file), 0);
    assert_int_equal (chmod (path, mode), 0);
}

static void test_a_password_file_that_others_can_read_is_refused (void **state)
{
    (void) state;
    admin ("DROP ROLE IF EXISTS locked", "CREATE ROLE locked LOGIN PASSWORD 'open sesame'", NULL);
    char folder[] = "/tmp/txc-password.XXXXXX", path[64], conninfo[256];
    assert_non_null (mkdtemp (folder));
    snprintf (path, sizeof path, "%s/password", folder);
    snprintf (conninfo, sizeof conninfo, "host=%s user=locked dbname=bank", cluster());
    const config_t settings[] = {{"conninfo", conninfo}, {"password_file", path}, {NULL, NULL}};
    txc_rm_error_t error = {0};
    assert_status (s_connect (settings, &error), TXC_RM_LOST); /* no such file */
    assert_non_null (strstr (error.text, path));
    s_write_password (path, "open sesame\n", 0644);
    assert_status (s_connect (settings, &error), TXC_RM_LOST);
    assert_int_equal (error.code, TXC_ECONFIG);
    assert_non_null (strstr (error.text, "chmod 600"));
    s_write_password (path, "open barley\n", 0600);
    assert_status (s_connect (settings, &error), TXC_RM_LOST);
    assert_null (strstr (error.text, "barley"));
    s_write_password (path, "open sesame\n", 0600);
    assert_status (s_connect (settings, &error), TXC_RM_OK);
    unlink (path);
    rmdir (folder);
}

/* --- checks ---------------------------------------------------------------- */

typedef struct warnings {
    int n;
    char text[2048];
} warnings_t;

static void s_warn (void *arg, const char *text)
{
    warnings_t *warnings = arg;
    warnings->n++;
    strcat (strcat (warnings->text, text), "\n");
}

/* Checks on a connection of its own. */
static txc_rm_status_t s_check (const config_t *settings, warnings_t *warnings, txc_rm_error_t *error)
{
    txc_rm_t *opened;
    txc_rm_conn_t *conn;
    *warnings = (warnings_t){0};
    *error = (txc_rm_error_t){0};
    assert_status (open_rm (settings, &opened, error), TXC_RM_OK);
    assert_status (plugin->connect (opened, &conn, error), TXC_RM_OK);
    txc_rm_status_t status = plugin->check (conn, "agent-2", s_warn, warnings, error);
    plugin->disconnect (&conn);
    plugin->close (&opened);
    return status;
}

static void test_the_check_refuses_what_would_lose_data (void **state)
{
    (void) state;
    static const struct {
        const char *set, *says;
    } cases[] = {
        {"ALTER ROLE txagent SET default_transaction_read_only = on", "default_transaction_read_only"},
        {"ALTER ROLE txagent SET synchronous_commit = off", "synchronous_commit"},
    };
    warnings_t warnings;
    txc_rm_error_t error;
    assert_status (s_check (NULL, &warnings, &error), TXC_RM_OK);
    assert_int_equal (warnings.n, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        admin (cases[i].set, NULL);
        assert_status (s_check (NULL, &warnings, &error), TXC_RM_ERROR);
        assert_int_equal (error.code, TXC_ECONFIG);
        assert_non_null (strstr (error.text, cases[i].says));
        assert_non_null (strstr (error.text, "ALTER ROLE"));
        admin ("ALTER ROLE txagent SET default_transaction_read_only = off",
               "ALTER ROLE txagent SET synchronous_commit = on", NULL);
    }
}

static void test_the_check_warns_of_what_may_go_wrong (void **state)
{
    (void) state;
    warnings_t warnings;
    txc_rm_error_t error;
    admin ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off",
           "SELECT pg_reload_conf()", "ALTER ROLE txagent SET idle_in_transaction_session_timeout = '1min'",
           NULL);
    admin_wait ("SELECT current_setting('fsync') || current_setting('full_page_writes')", "offoff");
    assert_status (s_check ((config_t[]){{"connections", "101"}, {NULL, NULL}}, &warnings, &error),
                   TXC_RM_OK);
    admin ("ALTER SYSTEM RESET fsync", "ALTER SYSTEM RESET full_page_writes", "SELECT pg_reload_conf()",
           "ALTER ROLE txagent SET idle_in_transaction_session_timeout = 0", NULL);
    admin_wait ("SELECT current_setting('fsync')", "on");
    assert_int_equal (warnings.n, 4);
    assert_non_null (strstr (warnings.text, "max_prepared_transactions (100)"));
    assert_non_null (strstr (warnings.text, "fsync is off"));
    assert_non_null (strstr (warnings.text, "full_page_writes"));
    assert_non_null (strstr (warnings.text, "idle_in_transaction_session_timeout"));
    assert_status (s_check ((config_t[]){{"connections", "200"}, {"max_branches", "100"}, {NULL, NULL}},
                            &warnings, &error),
                   TXC_RM_OK);
    assert_int_equal (warnings.n, 0);
    char conninfo[256];
    snprintf (conninfo, sizeof conninfo, "host=%s user=postgres dbname=bank", cluster());
    assert_status (s_check ((config_t[]){{"conninfo", conninfo}, {NULL, NULL}}, &warnings, &error),
                   TXC_RM_OK);
    assert_non_null (strstr (warnings.text, "superuser"));
}

static void test_a_second_agent_of_the_same_database_is_refused (void **state)
{
    (void) state;
    const config_t impatient[] = {{"fence_timeout_ms", "200"}, {NULL, NULL}};
    txc_rm_conn_t *first = connected();
    warnings_t warnings = {0};
    txc_rm_error_t error;
    assert_status (plugin->check (first, "agent-1", s_warn, &warnings, &error), TXC_RM_OK);
    assert_status (plugin->check (first, "agent-1", s_warn, &warnings, &error), TXC_RM_OK); /* again */
    assert_status (s_check (impatient, &warnings, &error), TXC_RM_ERROR);
    assert_int_equal (error.code, TXC_ELOCKED);
    assert_non_null (strstr (error.text, "agent-2"));
    /* the lock goes with its session, once */
    plugin->disconnect (&first);
    assert_status (s_check (NULL, &warnings, &error), TXC_RM_OK);
}

static void test_the_identity_is_the_servers_and_stays (void **state)
{
    (void) state;
    txc_rm_conn_t *a = connected(), *b = connected();
    char one[TXC_RM_EVIDENCE_SIZE], other[TXC_RM_EVIDENCE_SIZE];
    txc_rm_error_t error;
    assert_status (plugin->identity (a, one, &error), TXC_RM_OK);
    assert_status (plugin->identity (b, other, &error), TXC_RM_OK);
    assert_string_equal (one, other);
    assert_string_equal (one,
                         admin_value ("SELECT system_identifier || '/1/' || oid FROM pg_control_system(),"
                                      " pg_database WHERE datname = current_database()"));
    assert_status (plugin->ping (a, &error), TXC_RM_OK);
    plugin->disconnect (&a);
    plugin->disconnect (&b);
}

/* --- scripts ---------------------------------------------------------------- */

static void *s_wait_behind (void *arg)
{
    assert_status (run (arg, "UPDATE acct SET bal = 0 WHERE id = 1"),
                   TXC_RM_ERROR); /* cancelled in the end */
    return NULL;
}

static void test_the_in_doubt_view_tells_who_waits_behind_a_branch (void **state)
{
    (void) state;
    branch_t b, waiter;
    begin (&b);
    begin (&waiter);
    assert_status (run (&b, "UPDATE acct SET bal = 0 WHERE id = 1"), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_OK);
    assert_string_equal (admin_value ("SELECT waiters FROM txcoord.in_doubt"), "0");
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_wait_behind, &waiter), 0);
    admin_wait ("SELECT waiters FROM txcoord.in_doubt", "1");
    char wanted[200];
    snprintf (wanted, sizeof wanted, "%s:%s|txagent|transactionid", b.gtrid, b.bqual);
    assert_string_equal (
        admin_value ("SELECT concat_ws('|', gid, role, locktype) FROM txcoord.in_doubt_waiters"), wanted);
    snprintf (wanted, sizeof wanted, "%s|%s|txagent|t", b.gtrid, b.bqual);
    assert_string_equal (
        admin_value ("SELECT concat_ws('|', gtrid, bqual, owner, age > '0') FROM txcoord.in_doubt"), wanted);
    plugin->cancel (waiter.conn);
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_error (waiter, TXC_ERM, "57014");
    assert_status (plugin->rollback (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    done (&b);
    done (&waiter);
}

static void s_psql (const char *arguments)
{
    char command[1024];
    snprintf (command, sizeof command,
              "PGOPTIONS='-c client_min_messages=warning' %s/psql -X -q -o /dev/null -h %s"
              " -U postgres -d bank -v agent=txagent %s",
              getenv ("TXC_TEST_BIN"), cluster(), arguments);
    if (system (command) != 0)
        fail_msg ("failed: %s", command);
}

static void test_the_scripts_can_be_run_again_and_give_the_agent_little (void **state)
{
    (void) state;
    char arguments[512];
    const char *sql = getenv ("TXC_TEST_SQL");
    snprintf (arguments, sizeof arguments, "-v rows=10 -f %s/roles.sql -f %s/in_doubt.sql -f %s/bank.sql",
              sql, sql, sql);
    s_psql (arguments);
    assert_string_equal (
        admin_value ("SELECT concat_ws('|', rolsuper, rolcreatedb, rolcreaterole, rolreplication,"
                     " rolbypassrls, rolcanlogin) FROM pg_roles WHERE rolname = 'txagent'"),
        "f|f|f|f|f|t");
    assert_string_equal (
        admin_value ("SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
                     " WHERE m.member = 'txagent'::regrole AND r.rolname LIKE 'pg\\_%%'"),
        "0");
    assert_string_equal (admin_value ("SELECT count(*) || '/' || sum(bal) FROM acct"), "10/10000");
    branch_t b;
    begin (&b);
    const char *params[] = {b.gtrid};
    assert_status (
        run_params (&b, "INSERT INTO ledger (gtrid, from_id, to_id, amount) VALUES ($1, 1, 2, 5)", 1, params),
        TXC_RM_OK);
    assert_status (run (&b, "UPDATE acct SET bal = bal - 1001 WHERE id = 1"), TXC_RM_ERROR);
    assert_error (b, TXC_ERM, "23514"); /* a balance never falls below zero */
    assert_status (plugin->rollback_active (b.conn, &b.xid, &b.error), TXC_RM_OK);
    done (&b);
}

const struct CMUnitTest pgsql_setup_tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown (name, fresh_bank, nothing_left)
    TEST (test_a_wrong_configuration_is_refused_with_its_key),
    TEST (test_a_server_that_is_not_there_is_lost_and_not_an_error_of_the_branch),
    TEST (test_a_password_file_that_others_can_read_is_refused),
    TEST (test_the_check_refuses_what_would_lose_data),
    TEST (test_the_check_warns_of_what_may_go_wrong),
    TEST (test_a_second_agent_of_the_same_database_is_refused),
    TEST (test_the_identity_is_the_servers_and_stays),
    TEST (test_the_in_doubt_view_tells_who_waits_behind_a_branch),
    TEST (test_the_scripts_can_be_run_again_and_give_the_agent_little),
};
const size_t pgsql_setup_count = sizeof pgsql_setup_tests / sizeof pgsql_setup_tests[0];
