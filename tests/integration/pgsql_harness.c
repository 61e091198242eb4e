#include "config.h"

#include "pgsql_harness.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

const txc_rm_switch_t *plugin;
txc_rm_t *rm;

/* --- the server ---------------------------------------------------------- */

static const char *s_env (const char *name)
{
    const char *value = getenv (name);
    if (value == NULL)
        fail_msg ("%s is not set: run tests/integration/run_plugin_pgsql", name);
    return value;
}

const char *cluster (void)
{
    return s_env ("TXC_TEST_CLUSTER");
}

void server (const char *format, ...)
{
    char verb[512], command[1024];
    va_list args;
    va_start (args, format);
    vsnprintf (verb, sizeof verb, format, args);
    va_end (args);
    snprintf (command, sizeof command, "bash %s/postgres.sh %s", s_env ("TXC_TEST_LIB"), verb);
    if (system (command) != 0)
        fail_msg ("failed: %s", command);
}

PGconn *admin_connect (void)
{
    char conninfo[256];
    snprintf (conninfo, sizeof conninfo,
              "host=%s user=postgres dbname=bank options='-c client_min_messages=error -c lock_timeout=10s "
              "-c synchronous_commit=local'",
              cluster());
    PGconn *pg = PQconnectdb (conninfo);
    if (PQstatus (pg) != CONNECTION_OK)
        fail_msg ("%s", PQerrorMessage (pg));
    return pg;
}

void admin (const char *sql, ...)
{
    PGconn *pg = admin_connect();
    va_list args;
    va_start (args, sql);
    for (; sql; sql = va_arg (args, const char *)) {
        PGresult *result = PQexec (pg, sql);
        ExecStatusType status = PQresultStatus (result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
            fail_msg ("%s: %s", sql, PQerrorMessage (pg));
        PQclear (result);
    }
    va_end (args);
    PQfinish (pg);
}

static const char *s_value (const char *sql)
{
    static char value[1024];
    PGconn *pg = admin_connect();
    PGresult *result = PQexec (pg, sql);
    if (PQresultStatus (result) != PGRES_TUPLES_OK)
        fail_msg ("%s: %s", sql, PQerrorMessage (pg));
    snprintf (value, sizeof value, "%s", PQntuples (result) ? PQgetvalue (result, 0, 0) : "");
    PQclear (result);
    PQfinish (pg);
    return value;
}

const char *admin_value (const char *format, ...)
{
    char sql[1024];
    va_list args;
    va_start (args, format);
    vsnprintf (sql, sizeof sql, format, args);
    va_end (args);
    return s_value (sql);
}

void admin_wait (const char *query, const char *value)
{
    for (int i = 0; i < 600; i++) {
        if (strcmp (s_value (query), value) == 0)
            return;
        nanosleep (&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
    fail_msg ("never %s: %s", value, query);
}

int prepared (void)
{
    return atoi (s_value ("SELECT count(*) FROM pg_prepared_xacts"));
}

/* --- the plugin -------------------------------------------------------------- */

static const char *s_setting (void *arg, const char *key)
{
    for (const config_t *at = arg; at && at->key; at++)
        if (strcmp (at->key, key) == 0)
            return at->value;
    static char conninfo[256];
    snprintf (conninfo, sizeof conninfo, "host=%s user=txagent dbname=bank", cluster());
    return strcmp (key, "conninfo") == 0 ? conninfo : NULL;
}

txc_rm_status_t open_rm (const config_t *settings, txc_rm_t **opened, txc_rm_error_t *error)
{
    return plugin->open ("bank_pg", s_setting, (void *) settings, opened, error);
}

txc_rm_conn_t *connected (void)
{
    txc_rm_conn_t *conn = NULL;
    txc_rm_error_t error = {0};
    if (plugin->connect (rm, &conn, &error) != TXC_RM_OK)
        fail_msg ("connect: %s", error.text);
    assert_true (plugin->is_alive (conn));
    return conn;
}

void begin_again (branch_t *branch, int isolation, uint32_t lock_timeout_ms)
{
    static int number;
    snprintf (branch->gtrid, sizeof branch->gtrid, "txc-00000000000000aa.%x.%xp", (unsigned) getpid(),
              ++number);
    snprintf (branch->bqual, sizeof branch->bqual, "bank_pg.%016x", (unsigned) number);
    branch->xid = (txc_rm_xid_t){1, branch->gtrid, branch->bqual};
    txc_rm_branch_options_t options = {isolation, lock_timeout_ms};
    assert_status (plugin->start (branch->conn, &branch->xid, &options, &branch->error), TXC_RM_OK);
}

void begin_with (branch_t *branch, int isolation, uint32_t lock_timeout_ms)
{
    memset (branch, 0, sizeof *branch);
    branch->conn = connected();
    begin_again (branch, isolation, lock_timeout_ms);
}

void begin (branch_t *branch)
{
    begin_with (branch, TXC_ISOLATION_DEFAULT, 0);
}

void done (branch_t *branch)
{
    plugin->disconnect (&branch->conn);
    assert_null (branch->conn);
}

static int s_columns (void *arg, int n, const char *const *names, const char *const *types)
{
    output_t *output = arg;
    output->n_columns = n;
    for (int i = 0; i < n; i++) {
        strcat (strcat (output->names, i ? "|" : ""), names[i]);
        strcat (strcat (output->types, i ? "|" : ""), types[i]);
    }
    return 0;
}

static int s_row (void *arg, int n, const char *const *values, const size_t *sizes)
{
    output_t *output = arg;
    assert_int_equal (n, output->n_columns);
    if (output->limit && output->n_rows == output->limit)
        return 1;
    output->n_rows++;
    for (int i = 0; i < n; i++) {
        assert_int_equal (sizes[i], values[i] ? strlen (values[i]) : 0);
        size_t used = strlen (output->cells);
        if (used + sizes[i] + 3 < sizeof output->cells)
            snprintf (output->cells + used, sizeof output->cells - used, "%s%s",
                      i      ? "|"
                      : used ? ";"
                             : "",
                      values[i] ? values[i] : "~");
    }
    return 0;
}

static void s_done (void *arg, int64_t affected, const char *tag)
{
    output_t *output = arg;
    output->affected = affected;
    snprintf (output->tag, sizeof output->tag, "%s", tag);
}

static txc_rm_status_t s_run (branch_t *branch, const char *sql, int n, const char *const *texts,
                              txc_rm_status_t *prepare_status)
{
    txc_rm_param_t params[8];
    for (int i = 0; i < n; i++)
        params[i] = (txc_rm_param_t){texts[i], texts[i] ? strlen (texts[i]) : 0};
    txc_rm_statement_t statement = {sql, strlen (sql), n, params};
    int limit = branch->output.limit;
    branch->output = (output_t){.limit = limit, .affected = -2};
    branch->error = (txc_rm_error_t){0};
    txc_rm_sink_t sink = {&branch->output, s_columns, s_row, s_done};
    return plugin->execute (branch->conn, &statement, &sink, branch->evidence, prepare_status,
                            &branch->error);
}

txc_rm_status_t run (branch_t *branch, const char *sql)
{
    return s_run (branch, sql, 0, NULL, NULL);
}

txc_rm_status_t run_params (branch_t *branch, const char *sql, int n, const char *const *params)
{
    return s_run (branch, sql, n, params, NULL);
}

txc_rm_status_t run_last (branch_t *branch, const char *sql, txc_rm_status_t *prepare_status)
{
    return s_run (branch, sql, 0, NULL, prepare_status);
}

txc_rm_status_t vote (branch_t *branch)
{
    branch->error = (txc_rm_error_t){0};
    return plugin->prepare (branch->conn, &branch->xid, branch->evidence, &branch->error);
}

/* --- fixtures ------------------------------------------------------------ */

int nothing_left (void **state)
{
    (void) state;
    PGconn *pg = admin_connect();
    PGresult *result = PQexec (pg, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()");
    for (int i = 0; i < PQntuples (result); i++) {
        char sql[256];
        snprintf (sql, sizeof sql, "ROLLBACK PREPARED '%s'", PQgetvalue (result, i, 0));
        PQclear (PQexec (pg, sql));
    }
    int left = PQntuples (result);
    /* A test that failed in the middle may have left this behind, and everybody would wait for that standby.
     */
    PQclear (PQexec (pg, "ALTER SYSTEM RESET synchronous_standby_names"));
    PQclear (PQexec (pg, "SELECT pg_reload_conf()"));
    PQclear (result);
    PQfinish (pg);
    return left == 0 ? 0 : -1; /* a test ends what it prepared */
}

int fresh_bank (void **state)
{
    nothing_left (state);
    /* A test that failed left its connections open. */
    admin ("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'txagent'",
           "TRUNCATE acct, ledger", "INSERT INTO acct SELECT id, 1000 FROM generate_series(0, 9) AS id",
           NULL);
    return 0;
}

int main (int argc, char **argv)
{
    void *object = dlopen (s_env ("TXC_TEST_PLUGIN"), RTLD_NOW | RTLD_LOCAL);
    if (object == NULL) {
        fprintf (stderr, "%s\n", dlerror());
        return 1;
    }
    const txc_rm_switch_t *(*entry) (void) =
        (const txc_rm_switch_t *(*) (void) ) dlsym (object, "txc_rm_switch");
    if (entry == NULL || (plugin = entry())->abi != TXC_RM_ABI)
        return 1;
    txc_rm_error_t error;
    if (open_rm (NULL, &rm, &error) != TXC_RM_OK) {
        fprintf (stderr, "%s\n", error.text);
        return 1;
    }
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    int failed = 0;
    failed += _cmocka_run_group_tests ("vote", pgsql_vote_tests, pgsql_vote_count, NULL, NULL);
    failed += _cmocka_run_group_tests ("sql", pgsql_sql_tests, pgsql_sql_count, NULL, NULL);
    failed += _cmocka_run_group_tests ("statement", pgsql_statement_tests, pgsql_statement_count, NULL, NULL);
    failed += _cmocka_run_group_tests ("recovery", pgsql_recovery_tests, pgsql_recovery_count, NULL, NULL);
    failed += _cmocka_run_group_tests ("setup", pgsql_setup_tests, pgsql_setup_count, NULL, NULL);
    plugin->close (&rm);
    return failed != 0;
}
