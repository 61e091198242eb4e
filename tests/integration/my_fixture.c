/*
 * my_fixture.c - what the tests of the MariaDB plugin share.
 */
#include "config.h"

#include "my_fixture.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const txc_rm_switch_t *fx_rm;
txc_rm_t *fx_bank;

const char fx_lock_waits[] =
    "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = "
    "'INNODB_ROW_LOCK_CURRENT_WAITS'";

static void *s_plugin;
static MYSQL *s_admin;
static char s_socket[256], s_password_file[256];

/* --- the administrator --------------------------------------------------------------- */

static const char *s_env (const char *name)
{
    const char *value = getenv (name);
    if (!value) {
        fprintf (stderr, "%s is not set: run tests/integration/run_plugin_mysql\n", name);
        exit (99);
    }
    return value;
}

MYSQL *fx_admin_connection (void)
{
    MYSQL *my = mysql_init (NULL);
    if (!mysql_real_connect (my, NULL, "root", NULL, NULL, 0, s_socket, CLIENT_MULTI_RESULTS))
        fail_msg ("the administrator cannot connect: %s", mysql_error (my));
    return my;
}

static void s_admin_connect (void)
{
    if (s_admin)
        mysql_close (s_admin);
    s_admin = fx_admin_connection();
}

unsigned int fx_admin_try (const char *sql)
{
    unsigned int number = mysql_real_query (s_admin, sql, strlen (sql)) ? mysql_errno (s_admin) : 0;
    while (number == 0) {
        MYSQL_RES *rows = mysql_store_result (s_admin);
        if (rows)
            mysql_free_result (rows);
        int next = mysql_next_result (s_admin);
        if (next != 0)
            return next > 0 ? mysql_errno (s_admin) : 0;
    }
    return number;
}

void fx_admin (const char *format, ...)
{
    char sql[2048];
    va_list args;
    va_start (args, format);
    vsnprintf (sql, sizeof sql, format, args);
    va_end (args);
    if (fx_admin_try (sql) != 0)
        fail_msg ("%s: %s", sql, mysql_error (s_admin));
}

static const char *s_value (const char *sql)
{
    static char value[1024];
    if (mysql_real_query (s_admin, sql, strlen (sql)) != 0)
        fail_msg ("%s: %s", sql, mysql_error (s_admin));
    MYSQL_RES *rows = mysql_store_result (s_admin);
    MYSQL_ROW row = rows ? mysql_fetch_row (rows) : NULL;
    snprintf (value, sizeof value, "%s", row ? row[0] ? row[0] : "NULL" : "");
    if (rows)
        mysql_free_result (rows);
    while (mysql_next_result (s_admin) == 0)
        if ((rows = mysql_store_result (s_admin)))
            mysql_free_result (rows);
    return value;
}

const char *fx_value (const char *format, ...)
{
    char sql[2048];
    va_list args;
    va_start (args, format);
    vsnprintf (sql, sizeof sql, format, args);
    va_end (args);
    return s_value (sql);
}

/* Longer than the 100 ms within which the server answers a second question about its transactions from
 * memory. */
static void s_nap (void)
{
    nanosleep (&(struct timespec){.tv_nsec = 120000000}, NULL);
}

void fx_wait (const char *value, const char *sql)
{
    for (int i = 0; i < 200; i++) {
        if (strcmp (s_value (sql), value) == 0)
            return;
        s_nap();
    }
    fail_msg ("%s is '%s', not '%s'", sql, s_value (sql), value);
}

unsigned long fx_admin_session (void)
{
    return mysql_thread_id (s_admin);
}

void fx_server (const char *function)
{
    char command[1024];
    snprintf (command, sizeof command, ". '%s/tests/lib/mariadb.sh' && %s '%s'", s_env ("TXC_TEST_SOURCE"),
              function, s_env ("TXC_TEST_SERVER"));
    if (system (command) != 0)
        fail_msg ("%s failed", command);
    if (strcmp (function, "mariadb_kill") != 0)
        s_admin_connect();
}

/* --- configuration ------------------------------------------------------------------------ */

typedef struct s_more {
    const char *key, *value;
} s_more_t;

static const char *s_config (void *arg, const char *key)
{
    const s_more_t *more = arg;
    if (more->key && strcmp (key, more->key) == 0)
        return more->value;
    if (strcmp (key, "socket") == 0)
        return s_socket;
    if (strcmp (key, "user") == 0)
        return "txagent";
    if (strcmp (key, "password_file") == 0)
        return s_password_file;
    return strcmp (key, "database") == 0 ? "bank" : NULL;
}

txc_rm_t *fx_open (const char *name, const char *key, const char *value)
{
    s_more_t more = {key, value};
    txc_rm_t *rm = NULL;
    txc_rm_error_t error = {0};
    if (fx_rm->open (name, s_config, &more, &rm, &error) != TXC_RM_OK)
        print_message ("open: %s\n", error.text);
    return rm;
}

txc_rm_conn_t *fx_connect (txc_rm_t *rm)
{
    txc_rm_conn_t *conn = NULL;
    txc_rm_error_t error = {0};
    if (fx_rm->connect (rm, &conn, &error) != TXC_RM_OK)
        fail_msg ("connect: %s", error.text);
    return conn;
}

/* --- setup ----------------------------------------------------------------------------------- */

static void s_write_password (void)
{
    snprintf (s_password_file, sizeof s_password_file, "%s/password", s_env ("TXC_TEST_SERVER"));
    FILE *file = fopen (s_password_file, "w");
    assert_non_null (file);
    fputs ("a 'quoted' secret\n", file);
    fclose (file);
    assert_int_equal (chmod (s_password_file, 0600), 0);
}

static void s_make_schema (void)
{
    fx_admin ("ALTER USER 'txagent'@'localhost' IDENTIFIED BY \"a 'quoted' secret\"");
    fx_admin ("CREATE TABLE bank.notes (id INT PRIMARY KEY, text VARCHAR(100)) ENGINE=InnoDB");
    fx_admin ("CREATE TABLE bank.plain (id INT) ENGINE=MyISAM");
    fx_admin ("CREATE TRIGGER bank.note_update AFTER UPDATE ON bank.notes FOR EACH ROW "
              "UPDATE bank.acct SET bal = bal + 1 WHERE id = 2");
    fx_admin ("CREATE FUNCTION bank.pay (amount INT) RETURNS INT MODIFIES SQL DATA "
              "BEGIN UPDATE bank.acct SET bal = bal + amount WHERE id = 0; RETURN amount; END");
    fx_admin ("CREATE PROCEDURE bank.good () BEGIN UPDATE bank.acct SET bal = bal + 1 WHERE id = 0; "
              "SELECT bal FROM bank.acct WHERE id = 0; END");
    fx_admin ("CREATE PROCEDURE bank.two_sets () BEGIN SELECT 1; SELECT 2; END");
    fx_admin ("CREATE PROCEDURE bank.commits () COMMIT");
    fx_admin ("CREATE PROCEDURE bank.handles () BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; "
              "INSERT INTO bank.acct VALUES (0, 1); UPDATE bank.acct SET bal = bal + 5 WHERE id = 0; END");
    /* Statements of a procedure that take an XID as text. */
    fx_admin ("CREATE PROCEDURE bank.escapes (xid TEXT, again INT) BEGIN "
              "EXECUTE IMMEDIATE CONCAT('XA END ', xid); EXECUTE IMMEDIATE CONCAT('XA COMMIT ', xid, ' ONE "
              "PHASE'); "
              "IF again THEN EXECUTE IMMEDIATE CONCAT('XA START ', xid); "
              "UPDATE bank.acct SET bal = bal + 7 WHERE id = 1; END IF; END");
    fx_admin ("CREATE PROCEDURE bank.gives_up (xid TEXT) BEGIN "
              "EXECUTE IMMEDIATE CONCAT('XA END ', xid); EXECUTE IMMEDIATE CONCAT('XA ROLLBACK ', xid); "
              "EXECUTE IMMEDIATE CONCAT('XA START ', xid); END");
}

int fx_setup (void **state)
{
    (void) state;
    snprintf (s_socket, sizeof s_socket, "%s/sock", s_env ("TXC_TEST_SERVER"));
    s_write_password();
    s_plugin = dlopen (s_env ("TXC_TEST_PLUGIN"), RTLD_NOW | RTLD_LOCAL);
    if (!s_plugin)
        fail_msg ("%s", dlerror());
    const txc_rm_switch_t *(*get) (void);
    *(void **) &get = dlsym (s_plugin, "txc_rm_switch");
    assert_non_null (get);
    fx_rm = get();
    assert_int_equal (fx_rm->abi, TXC_RM_ABI);
    s_admin_connect();
    if (*s_value (
            "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'bank' AND TABLE_NAME = 'notes'") ==
        0)
        s_make_schema();
    fx_bank = fx_open ("bank", NULL, NULL);
    assert_non_null (fx_bank);
    return 0;
}

int fx_teardown (void **state)
{
    (void) state;
    fx_rm->close (&fx_bank);
    assert_null (fx_bank);
    dlclose (s_plugin);
    mysql_close (s_admin);
    s_admin = NULL;
    return 0;
}

/* Whatever is prepared, of any name. */
static void s_roll_back_prepared (void)
{
    static const char recover[] = "XA RECOVER FORMAT='SQL'";
    if (mysql_real_query (s_admin, recover, sizeof recover - 1) != 0)
        fail_msg ("%s: %s", recover, mysql_error (s_admin));
    MYSQL_RES *rows = mysql_store_result (s_admin);
    MYSQL_ROW row;
    while ((row = mysql_fetch_row (rows)) != NULL) {
        char sql[512];
        snprintf (sql, sizeof sql, "XA ROLLBACK %s", row[3]);
        fx_admin_try (sql);
    }
    mysql_free_result (rows);
}

int fx_fresh (void **state)
{
    (void) state;
    /* What a failed test left. */
    s_admin_connect();
    fx_admin_try ("KILL HARD CONNECTION USER txagent");
    fx_wait ("0", "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'txagent'");
    s_roll_back_prepared();
    fx_admin ("CALL bank.bank_fill (3, 100)");
    fx_admin ("DELETE FROM bank.notes");
    fx_admin ("DELETE FROM bank.plain");
    return 0;
}

/* --- branches ---------------------------------------------------------------------------------- */

static const char *const s_status_names[] = {"OK",     "READ_ONLY", "ERROR",   "ROLLED_BACK", "LOST",
                                             "ABSENT", "RETRY",     "UNKNOWN", "HEURISTIC"};

void fx_assert_status (txc_rm_status_t status, txc_rm_status_t expected, const char *what, const char *file,
                       int line)
{
    if (status == expected)
        return;
    print_error ("%s:%d: %s: %s, not %s\n", file, line, what, s_status_names[status],
                 s_status_names[expected]);
    _fail (file, line);
}

static void s_new_xid (fx_xid_t *id)
{
    static unsigned int n;
    snprintf (id->gtrid, sizeof id->gtrid, "txc-00000000000000aa.%x.%xp", (unsigned int) getpid(), ++n);
    snprintf (id->bqual, sizeof id->bqual, "bank.%016x", n);
    id->xid = (txc_rm_xid_t){0x54584331, id->gtrid, id->bqual};
}

txc_rm_status_t fx_start (fx_branch_t *branch, int isolation, uint32_t lock_timeout_ms)
{
    s_new_xid (&branch->id);
    txc_rm_branch_options_t options = {isolation, lock_timeout_ms};
    return fx_rm->start (branch->conn, &branch->id.xid, &options, &branch->error);
}

void fx_begin (fx_branch_t *branch, txc_rm_conn_t *conn)
{
    *branch = (fx_branch_t){.conn = conn ? conn : fx_connect (fx_bank)};
    assert_status (fx_start (branch, 0, 0), TXC_RM_OK);
}

void fx_end (fx_branch_t *branch)
{
    fx_rm->disconnect (&branch->conn);
    assert_null (branch->conn);
}

static int s_columns (void *arg, int n, const char *const *names, const char *const *types)
{
    fx_branch_t *branch = arg;
    size_t at = 0;
    for (int i = 0; i < n; i++)
        at += (size_t) snprintf (branch->columns + at, sizeof branch->columns - at, "%s %s;", names[i],
                                 types[i]);
    return 0;
}

static int s_row (void *arg, int n, const char *const *values, const size_t *sizes)
{
    fx_branch_t *branch = arg;
    size_t at = strlen (branch->rows);
    for (int i = 0; i < n && at < sizeof branch->rows; i++)
        at += (size_t) snprintf (branch->rows + at, sizeof branch->rows - at, "%.*s%s",
                                 values[i] ? (int) (sizes[i] < 2000 ? sizes[i] : 2000) : 4,
                                 values[i] ? values[i] : "NULL", i == n - 1 ? ";" : ",");
    return branch->max_rows && --branch->max_rows == 0;
}

static void s_done (void *arg, int64_t affected, const char *tag)
{
    fx_branch_t *branch = arg;
    assert_non_null (tag);
    branch->affected = affected;
}

static txc_rm_status_t s_exec (fx_branch_t *branch, const char *sql, int n, const txc_rm_param_t *params,
                               txc_rm_status_t *prepared)
{
    txc_rm_statement_t statement = {sql, strlen (sql), n, params};
    txc_rm_sink_t sink = {branch, s_columns, s_row, s_done};
    branch->rows[0] = branch->columns[0] = '\0';
    branch->affected = -2;
    branch->error = (txc_rm_error_t){0};
    return fx_rm->execute (branch->conn, &statement, &sink, branch->evidence, prepared, &branch->error);
}

txc_rm_status_t fx_exec (fx_branch_t *branch, const char *sql)
{
    return s_exec (branch, sql, 0, NULL, NULL);
}

txc_rm_status_t fx_exec_last (fx_branch_t *branch, const char *sql, txc_rm_status_t *prepared)
{
    return s_exec (branch, sql, 0, NULL, prepared);
}

txc_rm_status_t fx_exec_params (fx_branch_t *branch, const char *sql, int n, const char *const *texts)
{
    txc_rm_param_t params[8];
    assert_in_range (n, 0, 8);
    for (int i = 0; i < n; i++)
        params[i] = (txc_rm_param_t){texts[i], texts[i] ? strlen (texts[i]) : 0};
    return s_exec (branch, sql, n, params, NULL);
}

txc_rm_status_t fx_prepare (fx_branch_t *branch)
{
    branch->error = (txc_rm_error_t){0};
    return fx_rm->prepare (branch->conn, &branch->id.xid, branch->evidence, &branch->error);
}

txc_rm_status_t fx_commit_from (txc_rm_conn_t *conn, fx_branch_t *branch)
{
    branch->error = (txc_rm_error_t){0};
    return fx_rm->commit (conn, &branch->id.xid, branch->evidence, &branch->error);
}

txc_rm_status_t fx_rollback_from (txc_rm_conn_t *conn, fx_branch_t *branch)
{
    branch->error = (txc_rm_error_t){0};
    return fx_rm->rollback (conn, &branch->id.xid, branch->evidence, &branch->error);
}

txc_rm_status_t fx_commit (fx_branch_t *branch)
{
    return fx_commit_from (branch->conn, branch);
}

txc_rm_status_t fx_rollback (fx_branch_t *branch)
{
    return fx_rollback_from (branch->conn, branch);
}

txc_rm_status_t fx_rollback_active (fx_branch_t *branch)
{
    return fx_rm->rollback_active (branch->conn, &branch->id.xid, &branch->error);
}

static txc_rm_status_t s_until (txc_rm_status_t (*end) (txc_rm_conn_t *conn, fx_branch_t *branch),
                                txc_rm_conn_t *conn, fx_branch_t *branch)
{
    txc_rm_status_t status = end (conn, branch);
    for (int i = 0; i < 200 && status == TXC_RM_RETRY; i++) {
        s_nap();
        status = end (conn, branch);
    }
    return status;
}

txc_rm_status_t fx_commit_until (txc_rm_conn_t *conn, fx_branch_t *branch)
{
    return s_until (fx_commit_from, conn, branch);
}

txc_rm_status_t fx_rollback_until (txc_rm_conn_t *conn, fx_branch_t *branch)
{
    return s_until (fx_rollback_from, conn, branch);
}

static const char s_printable[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

typedef struct s_look {
    const fx_branch_t *branch;
    bool seen;
} s_look_t;

static void s_look_found (void *arg, const txc_rm_found_t *found)
{
    s_look_t *look = arg;
    assert_true (strspn (found->gtrid, s_printable) == strlen (found->gtrid) && *found->gtrid);
    look->seen |= strcmp (found->gtrid, look->branch->id.gtrid) == 0 &&
                  strcmp (found->bqual, look->branch->id.bqual) == 0 &&
                  found->format_id == look->branch->id.xid.format_id;
}

bool fx_listed (const fx_branch_t *branch)
{
    s_look_t look = {branch, false};
    txc_rm_error_t error;
    txc_rm_conn_t *conn = fx_connect (fx_bank);
    assert_status (fx_rm->recover (conn, s_look_found, &look, &error), TXC_RM_OK);
    fx_rm->disconnect (&conn);
    return look.seen;
}

/* --- threads ---------------------------------------------------------------------------------------- */

static void *s_thread_main (void *arg)
{
    fx_thread_t *self = arg;
    self->status = self->sql ? fx_exec (self->branch, self->sql) : fx_prepare (self->branch);
    return NULL;
}

void fx_thread_start (fx_thread_t *thread, fx_branch_t *branch, const char *sql)
{
    *thread = (fx_thread_t){.branch = branch, .sql = sql};
    assert_int_equal (pthread_create (&thread->thread, NULL, s_thread_main, thread), 0);
}

txc_rm_status_t fx_thread_join (fx_thread_t *thread)
{
    assert_int_equal (pthread_join (thread->thread, NULL), 0);
    return thread->status;
}
