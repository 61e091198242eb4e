/*
 * Lost connections, dead servers, and what can be known afterwards.
 */
#include "config.h"

#include "pgsql_harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEBIT "UPDATE acct SET bal = bal - 5 WHERE id = 1"

/* The evidence's fields: xid / system / timeline / pid / start. */
static int s_pid (const char *evidence)
{
    for (int i = 0; i < 3; i++)
        evidence = strchr (evidence, '/') + 1;
    return atoi (evidence);
}

/* The session of a branch, as its evidence names it, is ended from elsewhere. */
static void s_kill_session (const branch_t *b)
{
    assert_string_equal (admin_value ("SELECT pg_terminate_backend(%d, 10000)", s_pid (b->evidence)), "t");
}

/* --- scans --------------------------------------------------------------- */

typedef struct scan {
    int n;
    txc_rm_found_t last;
} scan_t;

static void s_found (void *arg, const txc_rm_found_t *branch)
{
    scan_t *scan = arg;
    scan->n++;
    scan->last = *branch;
}

static scan_t s_scan (txc_rm_conn_t *conn)
{
    scan_t scan = {0};
    txc_rm_error_t error;
    assert_status (plugin->recover (conn, s_found, &scan, &error), TXC_RM_OK);
    return scan;
}

static void test_a_scan_lists_what_is_prepared_in_this_database_only (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_OK);
    admin ("BEGIN", "SELECT pg_current_xact_id()", "PREPARE TRANSACTION 'no colon: but a space'", NULL);
    admin ("BEGIN", "SELECT pg_current_xact_id()", "PREPARE TRANSACTION 'foreign'", NULL);
    server ("sql %s BEGIN 'SELECT pg_current_xact_id()' \"PREPARE TRANSACTION 'elsewhere:x'\" >/dev/null",
            cluster());
    scan_t scan = s_scan (b.conn);
    assert_int_equal (scan.n, 2); /* ours, and one that happens to have a colon; core tells them apart */
    admin ("ROLLBACK PREPARED 'no colon: but a space'", "ROLLBACK PREPARED 'foreign'", NULL);
    scan = s_scan (b.conn);
    assert_int_equal (scan.n, 1);
    assert_string_equal (scan.last.gtrid, b.gtrid);
    assert_string_equal (scan.last.bqual, b.bqual);
    assert_int_equal (scan.last.format_id, 0x54584331);
    /* the scan's evidence proves the commit as well as the vote's does */
    assert_status (plugin->commit (b.conn, &b.xid, scan.last.evidence, &b.error), TXC_RM_OK);
    assert_status (plugin->evidence (b.conn, &b.xid, scan.last.evidence, &b.error), TXC_RM_OK);
    assert_status (plugin->evidence (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    server ("sql %s \"ROLLBACK PREPARED 'elsewhere:x'\"", cluster());
    done (&b);
}

/* --- lost in each phase ------------------------------------------------------ */

static void test_a_connection_lost_before_the_statement_is_no_outcome (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    s_kill_session (&b);
    assert_status (run (&b, DEBIT), TXC_RM_LOST);
    assert_int_equal (b.error.code, TXC_ERMFAIL);
    assert_false (plugin->is_alive (b.conn));
    txc_rm_status_t answer;
    assert_status (run_last (&b, DEBIT, &answer), TXC_RM_LOST);
    assert_status (answer, TXC_RM_LOST);
    assert_status (vote (&b), TXC_RM_LOST);
    assert_status (plugin->commit_one_phase (b.conn, &b.xid, &b.error), TXC_RM_LOST);
    assert_status (plugin->rollback_active (b.conn, &b.xid, &b.error), TXC_RM_LOST);
    assert_status (plugin->commit (b.conn, &b.xid, "", &b.error), TXC_RM_LOST);
    assert_status (plugin->ping (b.conn, &b.error), TXC_RM_LOST);
    done (&b);
}

static void test_a_connection_lost_at_prepare_is_no_vote (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    s_kill_session (&b);
    assert_status (vote (&b), TXC_RM_LOST);
    assert_int_equal (prepared(), 0);
    done (&b);
}

static void *s_kill_when_waiting (void *arg)
{
    (void) arg;
    admin_wait ("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "1");
    server ("kill %s", cluster());
    return NULL;
}

/* The server dies while it prepares, or commits: afterwards the scan or the evidence tells what it had done.
 */
static void test_a_server_killed_in_the_middle_of_a_phase_is_asked_afterwards (void **state)
{
    (void) state;
    static const char *const phases[] = {"prepare", "last", "commit", "one phase"};
    for (int phase = 0; phase < 4; phase++) {
        fresh_bank (NULL);
        branch_t b;
        begin (&b);
        txc_rm_status_t answer = TXC_RM_UNKNOWN;
        if (phase != 1)
            assert_status (run (&b, DEBIT), TXC_RM_OK);
        if (phase == 2)
            assert_status (vote (&b), TXC_RM_OK);
        admin ("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()", NULL);
        admin_wait ("SELECT current_setting('synchronous_standby_names')", "nobody");
        pthread_t thread;
        assert_int_equal (pthread_create (&thread, NULL, s_kill_when_waiting, NULL), 0);
        if (phase == 0)
            answer = vote (&b);
        else if (phase == 1)
            assert_status (run_last (&b, DEBIT, &answer), TXC_RM_LOST); /* one flush, one answer: none came */
        else if (phase == 2)
            answer = plugin->commit (b.conn, &b.xid, b.evidence, &b.error);
        else
            answer = plugin->commit_one_phase (b.conn, &b.xid, &b.error);
        assert_int_equal (pthread_join (thread, NULL), 0);
        if (answer != TXC_RM_LOST)
            fail_msg ("%s answered %d", phases[phase], (int) answer);
        char evidence[TXC_RM_EVIDENCE_SIZE];
        strcpy (evidence, b.evidence);
        done (&b);

        server ("start %s", cluster());
        admin ("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()", NULL);
        admin_wait ("SELECT current_setting('synchronous_standby_names')", "");
        b.conn = connected();
        assert_status (plugin->fence (b.conn, NULL, evidence, &b.error), TXC_RM_OK);
        assert_int_equal (s_scan (b.conn).n, phase < 2 ? 1 : 0);
        if (phase < 2) {
            assert_status (plugin->evidence (b.conn, &b.xid, s_scan (b.conn).last.evidence, &b.error),
                           TXC_RM_RETRY);
            assert_status (plugin->commit (b.conn, &b.xid, evidence, &b.error), TXC_RM_OK);
        } else
            assert_status (plugin->commit (b.conn, &b.xid, evidence, &b.error), TXC_RM_ABSENT);
        /* not listed is not done: only this is */
        if (phase != 1)
            assert_status (plugin->evidence (b.conn, &b.xid, evidence, &b.error), TXC_RM_OK);
        assert_string_equal (admin_value ("SELECT bal FROM acct WHERE id = 1"), "995");
        done (&b);
    }
}

/* Its session serves other branches by then: a fence for the prepared one must not end them. */
static void test_evidence_of_a_prepared_branch_names_no_session (void **state)
{
    (void) state;
    for (int hinted = 0; hinted < 2; hinted++) {
        branch_t first, second;
        txc_rm_status_t answer = TXC_RM_OK;
        begin (&first);
        if (hinted)
            assert_status (run_last (&first, DEBIT, &answer), TXC_RM_OK);
        else {
            assert_status (run (&first, DEBIT), TXC_RM_OK);
            assert_int_not_equal (s_pid (first.evidence), 0);
            answer = vote (&first);
        }
        assert_status (answer, TXC_RM_OK);
        assert_int_equal (s_pid (first.evidence), 0);
        second = first;
        begin_again (&second, 0, 0);
        assert_status (run (&second, "SELECT 1"), TXC_RM_OK);
        txc_rm_conn_t *other = connected();
        assert_status (plugin->fence (other, NULL, first.evidence, &first.error), TXC_RM_OK);
        assert_status (run (&second, "SELECT 1"), TXC_RM_OK);
        assert_status (plugin->rollback_active (second.conn, &second.xid, &second.error), TXC_RM_OK);
        assert_status (plugin->commit (other, &first.xid, first.evidence, &first.error), TXC_RM_OK);
        assert_status (plugin->evidence (other, &first.xid, first.evidence, &first.error), TXC_RM_OK);
        plugin->disconnect (&other);
        done (&second);
    }
}

static void test_a_prepared_branch_survives_kill_9_with_its_locks (void **state)
{
    (void) state;
    branch_t b, other;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_OK);
    server ("kill %s", cluster());
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_LOST);
    done (&b);
    txc_rm_error_t error;
    assert_status (plugin->connect (rm, &b.conn, &error), TXC_RM_LOST);
    assert_int_equal (error.code, TXC_ERMFAIL);
    server ("start %s", cluster());
    begin_with (&other, TXC_ISOLATION_DEFAULT, 100);
    assert_status (run (&other, DEBIT), TXC_RM_ERROR);
    assert_error (other, TXC_ERM, "55P03");
    assert_status (plugin->rollback_active (other.conn, &other.xid, &other.error), TXC_RM_OK);
    assert_int_equal (s_scan (other.conn).n, 1);
    assert_status (plugin->commit (other.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    assert_string_equal (admin_value ("SELECT bal FROM acct WHERE id = 1"), "995");
    done (&other);
}

static void test_an_absent_branch_is_told_by_its_evidence (void **state)
{
    (void) state;
    branch_t b;
    txc_rm_conn_t *other = connected();
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_OK);
    assert_status (plugin->rollback (other, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_ABSENT);
    assert_error (b, TXC_ENOTA, "42704");
    assert_status (plugin->rollback (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_ABSENT);
    assert_status (plugin->evidence (other, &b.xid, b.evidence, &b.error), TXC_RM_ROLLED_BACK);
    /* and without evidence nothing is told */
    static const char *const nothing[] = {"", "garbage", "-/1/2/3/4", "1/2/3",
                                          "99999999999999999999/1/1/1/1"};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
        assert_status (plugin->evidence (other, &b.xid, nothing[i], &b.error), TXC_RM_UNKNOWN);
    char future[TXC_RM_EVIDENCE_SIZE];
    snprintf (future, sizeof future, "999999%s", strchr (b.evidence, '/'));
    assert_status (plugin->evidence (other, &b.xid, future, &b.error), TXC_RM_UNKNOWN);
    plugin->disconnect (&other);
    done (&b);
}

/* --- a late PREPARE ------------------------------------------------------------ */

/* An agent in a process of its own: runs the branch up to a PREPARE whose server process is stopped, and is
 * killed. */
static void s_agent_that_dies (branch_t *b, int ready)
{
    begin (b);
    if (run (b, DEBIT) != TXC_RM_OK || write (ready, b, sizeof *b) != (ssize_t) sizeof *b)
        _exit (1);
    char go;
    while (read (STDIN_FILENO, &go, 1) != 1)
        ;
    vote (b);
    _exit (0);
}

static void s_leave_late_prepare (branch_t *b)
{
    int ready[2], go[2];
    assert_int_equal (pipe (ready), 0);
    assert_int_equal (pipe (go), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2 (go[0], STDIN_FILENO);
        s_agent_that_dies (b, ready[1]);
    }
    assert_int_equal (read (ready[0], b, sizeof *b), sizeof *b);
    b->xid = (txc_rm_xid_t){1, b->gtrid, b->bqual};
    b->conn = NULL;
    int backend = s_pid (b->evidence);
    assert_int_equal (kill (backend, SIGSTOP), 0);
    assert_int_equal (write (go[1], "g", 1), 1);
    /* its bytes are on their way: the child waits for the answer in poll */
    char path[64], state[64] = "";
    snprintf (path, sizeof path, "/proc/%d/wchan", (int) child);
    for (int i = 0; i < 1000 && strstr (state, "poll") == NULL; i++) {
        FILE *file = fopen (path, "r");
        if (file == NULL || fgets (state, sizeof state, file) == NULL)
            state[0] = '\0';
        if (file)
            fclose (file);
        usleep (10000);
    }
    assert_int_equal (kill (child, SIGKILL), 0);
    assert_int_equal (waitpid (child, NULL, 0), child);
    for (int i = 0; i < 2; i++) {
        close (ready[i]);
        close (go[i]);
    }
}

static void test_a_late_prepare_is_fenced_before_anything_is_believed (void **state)
{
    (void) state;
    const config_t settings[] = {{"fence_timeout_ms", "300"}, {NULL, NULL}};
    txc_rm_t *impatient;
    branch_t b;
    txc_rm_conn_t *conn;
    /* Without a fence: absent now, prepared later. */
    s_leave_late_prepare (&b);
    conn = connected();
    assert_status (plugin->rollback (conn, &b.xid, b.evidence, &b.error), TXC_RM_ABSENT);
    assert_int_equal (kill (s_pid (b.evidence), SIGCONT), 0);
    admin_wait ("SELECT count(*) FROM pg_prepared_xacts", "1");
    txc_rm_status_t status;
    while ((status = plugin->rollback (conn, &b.xid, b.evidence, &b.error)) == TXC_RM_RETRY)
        ; /* it is listed a moment before its session lets it go */
    assert_status (status, TXC_RM_OK);
    plugin->disconnect (&conn);

    /* With it: not before the session is gone; then what is listed stays so. */
    s_leave_late_prepare (&b);
    assert_status (open_rm (settings, &impatient, &b.error), TXC_RM_OK);
    assert_status (plugin->connect (impatient, &conn, &b.error), TXC_RM_OK);
    assert_status (plugin->fence (conn, NULL, b.evidence, &b.error), TXC_RM_RETRY);
    assert_int_equal (kill (s_pid (b.evidence), SIGCONT), 0);
    while ((status = plugin->fence (conn, NULL, b.evidence, &b.error)) == TXC_RM_RETRY)
        ;
    assert_status (status, TXC_RM_OK);
    int listed = prepared();
    assert_string_equal (
        admin_value ("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", s_pid (b.evidence)), "0");
    assert_int_equal (prepared(), listed);
    assert_status (plugin->rollback (conn, &b.xid, b.evidence, &b.error), listed ? TXC_RM_OK : TXC_RM_ABSENT);
    plugin->disconnect (&conn);
    plugin->close (&impatient);
}

/* --- fences -------------------------------------------------------------- */

static void test_a_fence_spares_a_later_session_of_the_same_pid (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    char older[TXC_RM_EVIDENCE_SIZE];
    strcpy (older, b.evidence);
    char *last = strrchr (older, '\0') - 1;
    *last = *last == '0' ? '1' : '0'; /* the same pid, started at another time */
    txc_rm_conn_t *conn = connected();
    assert_status (plugin->fence (conn, NULL, older, &b.error), TXC_RM_OK);
    assert_status (plugin->ping (b.conn, &b.error), TXC_RM_OK);
    assert_status (plugin->fence (conn, NULL, b.evidence, &b.error), TXC_RM_OK);
    assert_status (plugin->ping (b.conn, &b.error), TXC_RM_LOST);
    /* by its connection, dead or not, and a second time */
    branch_t c;
    begin (&c);
    assert_status (plugin->fence (conn, c.conn, "", &b.error), TXC_RM_OK);
    assert_status (plugin->ping (c.conn, &b.error), TXC_RM_LOST);
    assert_status (plugin->fence (conn, c.conn, "", &b.error), TXC_RM_OK);
    plugin->disconnect (&conn);
    done (&b);
    done (&c);
}

static void test_fence_all_ends_what_an_earlier_agent_left_and_nothing_else (void **state)
{
    (void) state;
    char conninfo[512];
    static const char *const format = "host=%s user=%s dbname=%s application_name=%s";
    const struct {
        const char *user, *database, *application;
        bool ends;
    } sessions[] = {
        {"txagent", "bank", "txagent/0123456789abcdef", true},
        {"txagent", "bank", "txagent/", true},
        {"txagent", "bank", "psql", false},
        {"txagent", "postgres", "txagent/0123456789abcdef", false},
        {"postgres", "bank", "txagent/0123456789abcdef", false},
    };
    enum { SESSIONS = sizeof sessions / sizeof sessions[0] };
    PGconn *pg[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        snprintf (conninfo, sizeof conninfo, format, cluster(), sessions[i].user, sessions[i].database,
                  sessions[i].application);
        pg[i] = PQconnectdb (conninfo);
        assert_int_equal (PQstatus (pg[i]), CONNECTION_OK);
    }
    txc_rm_conn_t *conn = connected(), *mine = connected();
    txc_rm_error_t error;
    assert_status (plugin->fence_all (conn, &error), TXC_RM_OK);
    for (int i = 0; i < SESSIONS; i++) {
        PGresult *result = PQexec (pg[i], "SELECT 1");
        assert_int_equal (PQresultStatus (result) != PGRES_TUPLES_OK, sessions[i].ends);
        PQclear (result);
        PQfinish (pg[i]);
    }
    assert_status (plugin->ping (mine, &error), TXC_RM_OK);
    plugin->disconnect (&conn);
    plugin->disconnect (&mine);
}

/* --- branches that cannot be finished now ---------------------------------------- */

static void *s_commit_behind_a_standby (void *arg)
{
    char sql[200];
    snprintf (sql, sizeof sql, "COMMIT PREPARED '%s'", (const char *) arg);
    PGconn *pg = admin_connect();
    PQclear (PQexec (pg, "SET synchronous_commit = on"));
    PGresult *result = PQexec (pg, sql);
    assert_int_equal (PQresultStatus (result), PGRES_COMMAND_OK);
    PQclear (result);
    PQfinish (pg);
    return NULL;
}

static void test_a_busy_branch_is_tried_again (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_OK);
    admin ("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()", NULL);
    admin_wait ("SELECT current_setting('synchronous_standby_names')", "nobody");
    char gid[140];
    snprintf (gid, sizeof gid, "%s:%s", b.gtrid, b.bqual);
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_commit_behind_a_standby, gid), 0);
    admin_wait ("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "1");
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_RETRY);
    assert_error (b, TXC_ERM, "55000");
    assert_status (plugin->rollback (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_RETRY);
    admin ("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()", NULL);
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_ABSENT);
    assert_status (plugin->evidence (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    done (&b);
}

static void test_a_branch_of_another_role_or_database_is_not_taken_for_absent (void **state)
{
    (void) state;
    txc_rm_conn_t *conn = connected();
    txc_rm_xid_t xid = {1, "txc-x", "foreign"};
    txc_rm_error_t error = {0};
    admin ("BEGIN", "SELECT pg_current_xact_id()", "PREPARE TRANSACTION 'txc-x:foreign'", NULL);
    assert_status (plugin->commit (conn, &xid, "", &error), TXC_RM_RETRY);
    assert_int_equal (error.code, TXC_EPERM);
    assert_string_equal (error.sqlstate, "42501");
    admin ("ROLLBACK PREPARED 'txc-x:foreign'", NULL);
    assert_status (plugin->commit (conn, &xid, "", &error), TXC_RM_ABSENT);

    server ("sql %s 'SET ROLE txagent' BEGIN 'SELECT pg_current_xact_id()' \"PREPARE TRANSACTION "
            "'txc-x:foreign'\" >/dev/null",
            cluster());
    assert_status (plugin->rollback (conn, &xid, "", &error), TXC_RM_RETRY);
    assert_string_equal (error.sqlstate, "0A000");
    server ("sql %s \"ROLLBACK PREPARED 'txc-x:foreign'\"", cluster());
    plugin->disconnect (&conn);
}

/* As enlisted branches are prepared: by an application's role, which was granted to the agent's. */
static void test_a_branch_of_a_role_that_was_granted_is_finished_as_that_role (void **state)
{
    (void) state;
    branch_t b = {.conn = connected()};
    txc_rm_xid_t xid = {1, "txc-x", "shop"};
    txc_rm_error_t error = {0};
    admin ("DROP ROLE IF EXISTS \"the Shop\"", "CREATE ROLE \"the Shop\"", "GRANT \"the Shop\" TO txagent",
           "SET ROLE \"the Shop\"", "BEGIN", "SELECT pg_current_xact_id()",
           "PREPARE TRANSACTION 'txc-x:shop'", NULL);
    assert_status (plugin->commit (b.conn, &xid, "", &error), TXC_RM_OK);
    assert_int_equal (prepared(), 0);
    admin ("SET ROLE \"the Shop\"", "BEGIN", "SELECT pg_current_xact_id()",
           "PREPARE TRANSACTION 'txc-x:shop'", NULL);
    assert_status (plugin->rollback (b.conn, &xid, "", &error), TXC_RM_OK);
    assert_status (plugin->rollback (b.conn, &xid, "", &error), TXC_RM_ABSENT);
    begin_again (&b, 0, 0); /* and is the agent's again */
    assert_status (run (&b, "SELECT current_user"), TXC_RM_OK);
    assert_string_equal (b.output.cells, "txagent");
    done (&b);
    admin ("DROP ROLE \"the Shop\"", NULL);
}

/* --- failover ------------------------------------------------------------ */

static void test_after_a_failover_a_reused_xid_proves_nothing (void **state)
{
    (void) state;
    char standby[256], conninfo[512];
    char command[512];
    snprintf (command, sizeof command, "bash %s/postgres.sh standby %s", getenv ("TXC_TEST_LIB"), cluster());
    FILE *made = popen (command, "r");
    assert_non_null (made);
    assert_non_null (fgets (standby, sizeof standby, made));
    standby[strcspn (standby, "\n")] = '\0';
    assert_int_equal (pclose (made), 0);
    server ("set %s \"primary_conninfo = ''\"", standby); /* it gets nothing more: asynchronous, and behind */

    branch_t b;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_OK);
    snprintf (conninfo, sizeof conninfo, "host=%s user=txagent dbname=bank", standby);
    const config_t settings[] = {{"conninfo", conninfo}, {NULL, NULL}};
    txc_rm_t *failed_over;
    txc_rm_conn_t *conn;
    txc_rm_error_t error;
    assert_status (open_rm (settings, &failed_over, &error), TXC_RM_OK);
    server ("start %s", standby);
    assert_status (plugin->connect (failed_over, &conn, &error), TXC_RM_LOST);
    assert_non_null (strstr (error.text, "standby"));
    server ("promote %s", standby);
    assert_status (plugin->connect (failed_over, &conn, &error), TXC_RM_OK);
    /* the branch is not there; its xid is given to another transaction, which commits */
    assert_status (plugin->commit (conn, &b.xid, b.evidence, &error), TXC_RM_ABSENT);
    branch_t other = {.conn = conn};
    char mine[TXC_RM_EVIDENCE_SIZE], here[TXC_RM_EVIDENCE_SIZE], there[TXC_RM_EVIDENCE_SIZE];
    do {
        begin_again (&other, TXC_ISOLATION_DEFAULT, 0);
        assert_status (run (&other, "UPDATE acct SET bal = bal + 1 WHERE id = 2"), TXC_RM_OK);
        strcpy (mine, other.evidence);
        assert_status (plugin->commit_one_phase (conn, &other.xid, &error), TXC_RM_OK);
    } while (strtoull (mine, NULL, 10) < strtoull (b.evidence, NULL, 10));
    assert_status (plugin->evidence (conn, &b.xid, mine, &error), TXC_RM_OK);
    assert_status (plugin->evidence (conn, &b.xid, b.evidence, &error), TXC_RM_UNKNOWN);
    assert_status (plugin->identity (conn, here, &error), TXC_RM_OK);
    assert_status (plugin->identity (b.conn, there, &error), TXC_RM_OK);
    assert_string_not_equal (here, there);
    plugin->disconnect (&conn);
    plugin->close (&failed_over);
    server ("remove %s", standby);
    assert_status (plugin->rollback (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    done (&b);
}

const struct CMUnitTest pgsql_recovery_tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown (name, fresh_bank, nothing_left)
    TEST (test_a_scan_lists_what_is_prepared_in_this_database_only),
    TEST (test_a_connection_lost_before_the_statement_is_no_outcome),
    TEST (test_a_connection_lost_at_prepare_is_no_vote),
    TEST (test_a_server_killed_in_the_middle_of_a_phase_is_asked_afterwards),
    TEST (test_evidence_of_a_prepared_branch_names_no_session),
    TEST (test_a_prepared_branch_survives_kill_9_with_its_locks),
    TEST (test_an_absent_branch_is_told_by_its_evidence),
    TEST (test_a_late_prepare_is_fenced_before_anything_is_believed),
    TEST (test_a_fence_spares_a_later_session_of_the_same_pid),
    TEST (test_fence_all_ends_what_an_earlier_agent_left_and_nothing_else),
    TEST (test_a_busy_branch_is_tried_again),
    TEST (test_a_branch_of_another_role_or_database_is_not_taken_for_absent),
    TEST (test_a_branch_of_a_role_that_was_granted_is_finished_as_that_role),
    TEST (test_after_a_failover_a_reused_xid_proves_nothing),
};
const size_t pgsql_recovery_count = sizeof pgsql_recovery_tests / sizeof pgsql_recovery_tests[0];
