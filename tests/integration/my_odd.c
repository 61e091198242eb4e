/*
 * my_odd.c - what a server, an administrator or an option file does that
 * nobody expects: statements that are killed when they are done, time-outs of
 * idle sessions, client libraries that connect anew by themselves.
 */
#include "config.h"

#include "my_fixture.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char s_give[] = "UPDATE acct SET bal = bal + 1 WHERE id = 0";

/* --- KILL QUERY at any moment ------------------------------------------------------ */

/* An administrator who kills what a session runs, over and over, while `at_it`. */
typedef struct s_killer {
    pthread_t thread;
    MYSQL *my;
    atomic_ulong session; /* 0: the end */
    atomic_int at_it;
    atomic_uint rests; /* how often it was seen that it is not to be at it */
} s_killer_t;

static void *s_kill (void *arg)
{
    s_killer_t *self = arg;
    unsigned long session;
    unsigned n = 0;
    mysql_thread_init();
    while ((session = atomic_load (&self->session)) != 0) {
        char sql[64];
        int size = snprintf (sql, sizeof sql, "KILL QUERY %lu", session);
        if (atomic_load (&self->at_it)) {
            mysql_real_query (self->my, sql, (unsigned long) size);
            continue;
        }
        atomic_fetch_add (&self->rests, 1);
        nanosleep (&(struct timespec){.tv_nsec = 10000 + 7000 * (long) (n++ % 16)}, NULL);
    }
    mysql_thread_end();
    return NULL;
}

static unsigned long s_session (const fx_branch_t *branch)
{
    unsigned long session = 0;
    assert_int_equal (sscanf (branch->evidence, "mysql %*u %lu", &session), 1);
    return session;
}

static long s_balance (void)
{
    return atol (fx_value ("SELECT bal FROM bank.acct WHERE id = 0"));
}

static void s_killer_start (s_killer_t *self)
{
    *self = (s_killer_t){.my = fx_admin_connection()};
    atomic_store (&self->session, 1);
    assert_int_equal (pthread_create (&self->thread, NULL, s_kill, self), 0);
}

static void s_killer_stop (s_killer_t *self)
{
    atomic_store (&self->session, 0);
    assert_int_equal (pthread_join (self->thread, NULL), 0);
    mysql_close (self->my);
}

/* No shot is under way behind this. */
static void s_cease (s_killer_t *self)
{
    atomic_store (&self->at_it, 0);
    for (unsigned rests = atomic_load (&self->rests); atomic_load (&self->rests) == rests;)
        sched_yield();
}

/* Brings a branch up to the point where it wrote, and lets the killer loose. */
static void s_attack (s_killer_t *killer, fx_branch_t *branch, bool prepare)
{
    txc_rm_status_t status;
    do { /* the last shot may still count */
        if (branch->conn && !fx_rm->is_alive (branch->conn))
            fx_end (branch);
        fx_begin (branch, branch->conn);
        status = fx_exec (branch, s_give);
        if (status != TXC_RM_OK)
            fx_rollback_active (branch);
        else if (prepare)
            status = fx_prepare (branch);
    } while (status != TXC_RM_OK);
    atomic_store (&killer->session, s_session (branch));
    atomic_store (&killer->at_it, 1);
}

/* What was told is what is in the table, whatever was killed when. */
static void killed_one_phase_commit_is_never_a_false_no (void **state)
{
    (void) state;
    s_killer_t killer;
    fx_branch_t branch = {0};
    int told[2] = {0};
    s_killer_start (&killer);
    for (int i = 0; i < 150; i++) {
        long before = s_balance();
        s_attack (&killer, &branch, false);
        txc_rm_status_t status = fx_rm->commit_one_phase (branch.conn, &branch.id.xid, &branch.error);
        s_cease (&killer);
        long given = s_balance() - before;
        told[status == TXC_RM_OK]++;
        if (status != TXC_RM_LOST && given != (status == TXC_RM_OK))
            fail_msg ("round %d: told %d, given %ld (%s)", i, (int) status, given, branch.error.text);
    }
    print_message ("  committed %d, not %d\n", told[1], told[0]);
    s_killer_stop (&killer);
    fx_end (&branch);
}

static void killed_prepare_is_yes_or_nothing (void **state)
{
    (void) state;
    s_killer_t killer;
    fx_branch_t branch = {0};
    s_killer_start (&killer);
    for (int i = 0; i < 100; i++) {
        s_attack (&killer, &branch, false);
        txc_rm_status_t status = fx_prepare (&branch);
        s_cease (&killer);
        if (status == TXC_RM_LOST)
            continue;
        if (fx_listed (&branch) != (status == TXC_RM_OK))
            fail_msg ("round %d: told %d (%s)", i, (int) status, branch.error.text);
        if (status == TXC_RM_OK)
            assert_status (fx_rollback_until (branch.conn, &branch), TXC_RM_OK);
    }
    s_killer_stop (&killer);
    fx_end (&branch);
}

/* "Absent" after a commit that was refused says that somebody else ended the branch: a heuristic. */
static void killed_commit_is_never_absent (void **state)
{
    (void) state;
    s_killer_t killer;
    fx_branch_t branch = {0};
    int lost = 0;
    s_killer_start (&killer);
    for (int i = 0; i < 150; i++) {
        long before = s_balance();
        s_attack (&killer, &branch, true);
        txc_rm_status_t status = fx_commit (&branch);
        s_cease (&killer);
        for (int k = 0; k < 100 && status == TXC_RM_RETRY; k++)
            status = fx_commit (&branch);
        if (status == TXC_RM_LOST) {
            lost++;
            assert_false (fx_listed (&branch));
        } else
            assert_status (status, TXC_RM_OK);
        assert_int_equal (s_balance(), before + 1);
    }
    print_message ("  %d were killed when they were done\n", lost);
    s_killer_stop (&killer);
    fx_end (&branch);
}

/* --- procedures ----------------------------------------------------------------------- */

/* A branch whose name is as long as names may be. */
static void s_begin_long (fx_branch_t *branch)
{
    fx_begin (branch, NULL);
    assert_status (fx_rollback_active (branch), TXC_RM_OK);
    memset (branch->id.gtrid, 'g', 64);
    memset (branch->id.bqual, 'b', 64);
    txc_rm_branch_options_t options = {0};
    assert_status (fx_rm->start (branch->conn, &branch->id.xid, &options, &branch->error), TXC_RM_OK);
}

/* Outside of a branch its COMMIT would be one. */
static void procedure_does_not_run_when_its_branch_did_not_start (void **state)
{
    (void) state;
    fx_branch_t first, second;
    fx_admin ("CREATE OR REPLACE PROCEDURE bank.pays_and_commits (amount INT) BEGIN "
              "UPDATE bank.acct SET bal = bal + amount WHERE id = 1; COMMIT; END");
    s_begin_long (&first);
    assert_status (fx_exec (&first, s_give), TXC_RM_OK);
    assert_status (fx_prepare (&first), TXC_RM_OK);
    for (int params = 0; params < 2; params++) {
        const char *param = "50";
        s_begin_long (&second); /* there is one of that name: XA START fails */
        assert_status (params ? fx_exec_params (&second, "CALL pays_and_commits(?)", 1, &param)
                              : fx_exec (&second, "CALL pays_and_commits(50)"),
                       TXC_RM_ERROR);
        assert_int_equal (second.error.native, 1440);
        assert_non_null (strstr (second.error.text, "XID already exists")); /* the name leaves room for it */
        assert_status (fx_prepare (&second), TXC_RM_ROLLED_BACK);
        fx_end (&second);
        assert_balance (1, "100");
    }
    assert_true (fx_listed (&first));
    assert_status (fx_rollback (&first), TXC_RM_OK);
    fx_end (&first);
}

/* It shows with the answer that has no rows only. */
static void function_that_writes_for_good_votes_no (void **state)
{
    (void) state;
    static const char *const pay[] = {"SELECT bank.jot(1)", "SELECT bank.jot(1), ?"};
    const char *param = "7";
    fx_branch_t branch;
    fx_admin ("CREATE OR REPLACE FUNCTION bank.jot (a INT) RETURNS INT MODIFIES SQL DATA "
              "BEGIN INSERT INTO bank.plain VALUES (a); RETURN a; END");
    for (int params = 0; params < 2; params++) {
        fx_begin (&branch, NULL);
        assert_status (fx_exec (&branch, s_give), TXC_RM_OK);
        txc_rm_status_t status =
            params ? fx_exec_params (&branch, pay[1], 1, &param) : fx_exec (&branch, pay[0]);
        assert_true (status == TXC_RM_OK || status == TXC_RM_ERROR);
        assert_status (fx_prepare (&branch), TXC_RM_ROLLED_BACK);
        assert_false (fx_listed (&branch));
        fx_end (&branch);
    }
    assert_balance (0, "100");
}

/* --- sessions ---------------------------------------------------------------------------- */

/* A branch waits for its application and its coordinator as long as they take. */
static void idle_session_is_not_ended_by_the_server (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_admin ("SET GLOBAL wait_timeout = 10");
    fx_begin (&branch, NULL);
    fx_admin ("SET GLOBAL wait_timeout = DEFAULT");
    for (int i = 0; i < 2; i++) {
        assert_status (fx_exec (&branch, "SET @dirty = 1"), TXC_RM_OK); /* the session is reset behind it */
        assert_status (fx_exec (&branch, "SELECT @@wait_timeout >= 86400"), TXC_RM_OK);
        assert_string_equal (branch.rows, "1;");
        assert_status (fx_rollback_active (&branch), TXC_RM_OK);
        fx_begin (&branch, branch.conn);
    }
    fx_end (&branch);
}

static txc_rm_t *s_open_with_file (const char *line)
{
    char path[256];
    snprintf (path, sizeof path, "%s/odd.cnf", getenv ("TXC_TEST_SERVER"));
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fprintf (file, "[client]\n%s\n", line);
    fclose (file);
    assert_int_equal (chmod (path, 0600), 0);
    return fx_open ("bank", "default_file", path);
}

/* Else the session that evidence names, and that would be ended, is not the one that has the branch. */
static void client_library_does_not_connect_anew_by_itself (void **state)
{
    (void) state;
    fx_branch_t branch;
    txc_rm_error_t error;
    txc_rm_t *rm = s_open_with_file ("reconnect=1");
    for (int wrote = 0; wrote < 2; wrote++) {
        fx_begin (&branch, fx_connect (rm));
        assert_status (fx_exec (&branch, wrote ? s_give : "SELECT 1"), TXC_RM_OK);
        unsigned long session = s_session (&branch);
        if (!wrote) { /* it is between two branches */
            assert_status (fx_rollback_active (&branch), TXC_RM_OK);
            fx_begin (&branch, branch.conn);
        }
        fx_admin ("KILL CONNECTION %lu", session);
        fx_wait ("0", "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'txagent'");
        assert_status (fx_exec (&branch, s_give), TXC_RM_LOST);
        assert_status (fx_rm->ping (branch.conn, &error), TXC_RM_LOST);
        assert_balance (0, "100");
        fx_end (&branch);
    }
    fx_rm->close (&rm);
}

static void option_that_hides_what_was_changed_is_refused (void **state)
{
    (void) state;
    txc_rm_conn_t *conn = NULL;
    txc_rm_error_t error = {0};
    txc_rm_t *rm = s_open_with_file ("return-found-rows=1");
    assert_status (fx_rm->connect (rm, &conn, &error), TXC_RM_LOST);
    assert_non_null (strstr (error.text, "return-found-rows"));
    assert_int_equal (error.code, TXC_ECONFIG);
    fx_rm->close (&rm);
}

/* --- servers that do not answer -------------------------------------------------------------- */

static void *s_dial (void *rm)
{
    txc_rm_conn_t *conn = NULL;
    txc_rm_error_t error;
    txc_rm_status_t status = fx_rm->connect (rm, &conn, &error);
    return status == TXC_RM_LOST && !conn ? NULL : rm;
}

/* A process that is stopped takes connections all the same, and never greets. */
static void server_that_does_not_greet_is_lost_in_time (void **state)
{
    (void) state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf (address.sun_path, sizeof address.sun_path, "%.90s/silent", getenv ("TXC_TEST_SERVER"));
    int silent = socket (AF_UNIX, SOCK_STREAM, 0);
    assert_true (silent >= 0);
    assert_int_equal (bind (silent, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal (listen (silent, 8), 0);
    txc_rm_t *rm = fx_open ("bank", "socket", address.sun_path);
    pthread_t thread;
    struct timespec until;
    void *result = rm;
    assert_int_equal (pthread_create (&thread, NULL, s_dial, rm), 0);
    clock_gettime (CLOCK_REALTIME, &until);
    until.tv_sec += 20; /* connect_timeout_ms is 5,000 */
    int late = pthread_timedjoin_np (thread, &result, &until);
    close (silent); /* it ends now in any case */
    if (late)
        pthread_join (thread, &result);
    unlink (address.sun_path);
    assert_int_equal (late, 0);
    assert_null (result);
    fx_rm->close (&rm);
}

/* A number means another session behind a restart. */
static void cancel_spares_sessions_of_another_run (void **state)
{
    (void) state;
    fx_branch_t old, branch;
    fx_server ("mariadb_restart"); /* numbers are small */
    for (int i = 0; i < 20; i++)
        mysql_close (fx_admin_connection());
    fx_begin (&old, NULL);
    assert_status (fx_exec (&old, "SELECT 1"), TXC_RM_OK);
    unsigned long number = s_session (&old);
    fx_wait (
        "1",
        "SELECT VARIABLE_VALUE >= 2 FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME'");
    fx_server ("mariadb_restart");
    txc_rm_conn_t *conn = NULL;
    for (;;) { /* until a session of this run has that number */
        fx_begin (&branch, NULL);
        assert_status (fx_exec (&branch, "SELECT 1"), TXC_RM_OK);
        conn = branch.conn;
        if (s_session (&branch) >= number)
            break;
        fx_rm->disconnect (&conn);
    }
    assert_int_equal (s_session (&branch), number);
    assert_string_equal (fx_value ("SELECT GET_LOCK('gate', 0)"), "1");
    fx_thread_t thread;
    fx_thread_start (&thread, &branch, "SELECT GET_LOCK('gate', 600)");
    fx_wait (
        "1",
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'txagent' AND STATE = 'User lock'");
    fx_rm->cancel (old.conn);
    assert_string_equal (fx_value ("SELECT RELEASE_LOCK('gate')"), "1");
    assert_status (fx_thread_join (&thread), TXC_RM_OK);
    assert_string_equal (branch.rows, "1;"); /* it waited to the end */
    fx_end (&branch);
    fx_end (&old);
}

/* --- columns that come and go ------------------------------------------------------------------ */

static void cached_statement_follows_its_table (void **state)
{
    (void) state;
    static const char wide[] = "SELECT * FROM wide WHERE id = ?";
    const char *param = "1";
    fx_branch_t branch;
    fx_admin ("CREATE OR REPLACE TABLE bank.wide (id INT PRIMARY KEY, a INT) ENGINE=InnoDB");
    fx_admin ("INSERT INTO bank.wide VALUES (1, 10)");
    fx_begin (&branch, NULL);
    static const char *const changes[] = {"", "ADD COLUMN b VARCHAR(300) DEFAULT 'x'", "DROP COLUMN a",
                                          "MODIFY b INT DEFAULT 5"};
    static const char *const rows[] = {"1,10;", "1,10,x;", "1,x;", "1,5;"};
    for (int i = 0; i < 4; i++) {
        if (i == 3)
            fx_admin ("UPDATE bank.wide SET b = '5'");
        if (*changes[i])
            fx_admin ("ALTER TABLE bank.wide %s", changes[i]);
        if (fx_exec_params (&branch, wide, 1, &param) == TXC_RM_LOST) {
            assert_true (i == 1 ||
                         i == 2); /* the client library does not get over another number of columns */
            assert_non_null (strstr (branch.error.text, "run the transaction again"));
            fx_end (&branch);
            fx_begin (&branch, NULL);
            assert_status (fx_exec_params (&branch, wide, 1, &param), TXC_RM_OK);
        }
        assert_string_equal (branch.rows, rows[i]);
        assert_status (fx_rollback_active (&branch), TXC_RM_OK);
        fx_begin (&branch, branch.conn);
    }
    fx_end (&branch);
    fx_admin ("DROP TABLE bank.wide");
}

int my_odd_tests (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (killed_one_phase_commit_is_never_a_false_no, fx_fresh),
        cmocka_unit_test_setup (killed_prepare_is_yes_or_nothing, fx_fresh),
        cmocka_unit_test_setup (killed_commit_is_never_absent, fx_fresh),
        cmocka_unit_test_setup (procedure_does_not_run_when_its_branch_did_not_start, fx_fresh),
        cmocka_unit_test_setup (function_that_writes_for_good_votes_no, fx_fresh),
        cmocka_unit_test_setup (idle_session_is_not_ended_by_the_server, fx_fresh),
        cmocka_unit_test_setup (client_library_does_not_connect_anew_by_itself, fx_fresh),
        cmocka_unit_test_setup (option_that_hides_what_was_changed_is_refused, fx_fresh),
        cmocka_unit_test_setup (server_that_does_not_greet_is_lost_in_time, fx_fresh),
        cmocka_unit_test_setup (cached_statement_follows_its_table, fx_fresh),
        cmocka_unit_test_setup (cancel_spares_sessions_of_another_run, fx_fresh),
    };
    return cmocka_run_group_tests_name ("odd servers", tests, fx_setup, fx_teardown);
}
