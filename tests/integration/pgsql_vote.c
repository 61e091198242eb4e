/*
 * The vote: when it is yes, when no, and when nothing is known.
 */
#include "config.h"

#include "pgsql_harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEBIT "UPDATE acct SET bal = bal - 5 WHERE id = 1"

static void s_balance (const char *wanted)
{
    assert_string_equal (admin_value ("SELECT bal FROM acct WHERE id = 1"), wanted);
}

static void test_a_branch_is_prepared_and_committed (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_OK);
    assert_int_equal (prepared(), 1);
    s_balance ("1000");
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    s_balance ("995");
    /* and the connection takes the next one */
    begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_OK);
    assert_status (plugin->rollback (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    s_balance ("995");
    done (&b);
}

static void test_the_prepare_travels_with_the_last_statement (void **state)
{
    (void) state;
    branch_t b;
    txc_rm_status_t answer;
    begin (&b);
    assert_status (run_last (&b, DEBIT, &answer), TXC_RM_OK);
    assert_status (answer, TXC_RM_OK);
    assert_int_equal (b.output.affected, 1);
    assert_int_equal (prepared(), 1);
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    s_balance ("995");
    begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
    assert_status (run (&b, "SELECT bal FROM acct WHERE id = 1"), TXC_RM_OK);
    assert_status (run_last (&b, DEBIT, &answer), TXC_RM_OK);
    assert_status (answer, TXC_RM_OK);
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    s_balance ("990");
    done (&b);
}

static void test_a_failed_statement_is_never_a_yes (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    assert_status (run (&b, "UPDATE acct SET bal = -1 WHERE id = 2"), TXC_RM_ERROR);
    assert_error (b, TXC_ERM, "23514");
    /* PREPARE TRANSACTION would answer OK here, with the tag ROLLBACK */
    assert_status (vote (&b), TXC_RM_ROLLED_BACK);
    assert_int_equal (b.error.code, TXC_EBRANCH);
    assert_int_equal (prepared(), 0);
    s_balance ("1000");
    done (&b);
}

static void test_a_failed_last_statement_leaves_the_branch_to_its_rollback (void **state)
{
    (void) state;
    branch_t b;
    txc_rm_status_t answer;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    assert_status (run_last (&b, "UPDATE acct SET bal = -1 WHERE id = 2", &answer), TXC_RM_ERROR);
    assert_error (b, TXC_ERM, "23514");
    assert_status (answer, TXC_RM_ERROR);
    assert_int_equal (prepared(), 0);
    assert_status (plugin->rollback_active (b.conn, &b.xid, &b.error), TXC_RM_OK);
    s_balance ("1000");
    done (&b);
}

static void test_a_deferred_constraint_fails_at_prepare (void **state)
{
    (void) state;
    admin ("DROP TABLE IF EXISTS def", "CREATE TABLE def (k int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
           "GRANT ALL ON def TO txagent", "INSERT INTO def VALUES (1)", NULL);
    branch_t b;
    begin (&b);
    assert_status (run (&b, "INSERT INTO def VALUES (1)"), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_ROLLED_BACK);
    assert_error (b, TXC_EBRANCH, "23505");
    /* likewise behind the last statement */
    txc_rm_status_t answer;
    begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
    assert_status (run_last (&b, "INSERT INTO def VALUES (1)", &answer), TXC_RM_OK);
    assert_status (answer, TXC_RM_ROLLED_BACK);
    assert_error (b, TXC_EBRANCH, "23505");
    /* and in one phase */
    begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
    assert_status (run (&b, "INSERT INTO def VALUES (1)"), TXC_RM_OK);
    assert_status (plugin->commit_one_phase (b.conn, &b.xid, &b.error), TXC_RM_ROLLED_BACK);
    assert_error (b, TXC_EBRANCH, "23505");
    done (&b);
}

static void test_a_serialization_failure_at_prepare_is_a_no (void **state)
{
    (void) state;
    branch_t a, b;
    begin_with (&a, TXC_ISOLATION_SERIALIZABLE, 0);
    begin_with (&b, TXC_ISOLATION_SERIALIZABLE, 0);
    assert_status (run (&a, "SELECT sum(bal) FROM acct"), TXC_RM_OK);
    assert_status (run (&b, "SELECT sum(bal) FROM acct"), TXC_RM_OK);
    assert_status (run (&a, "UPDATE acct SET bal = bal + 1 WHERE id = 1"), TXC_RM_OK);
    assert_status (run (&b, "UPDATE acct SET bal = bal + 1 WHERE id = 2"), TXC_RM_OK);
    assert_status (vote (&a), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_ROLLED_BACK);
    assert_error (b, TXC_EBRANCH, "40001");
    assert_status (plugin->commit (a.conn, &a.xid, a.evidence, &a.error), TXC_RM_OK);
    done (&a);
    done (&b);
}

static void test_what_cannot_be_prepared_is_a_no (void **state)
{
    (void) state;
    static const char *const statements[] = {
        "CREATE TEMP TABLE scratch (v int)",
        "DECLARE held CURSOR WITH HOLD FOR SELECT * FROM acct",
        "SELECT pg_export_snapshot()",
        "DO $$BEGIN PERFORM pg_notify('c', 'x'); END$$",
    };
    branch_t b;
    memset (&b, 0, sizeof b);
    b.conn = connected();
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
        assert_status (run (&b, DEBIT), TXC_RM_OK);
        assert_status (run (&b, statements[i]), TXC_RM_OK);
        assert_status (vote (&b), TXC_RM_ROLLED_BACK);
        assert_error (b, TXC_EBRANCH, "0A000");
        assert_int_equal (prepared(), 0);
    }
    s_balance ("1000");
    done (&b);
}

static void test_no_slot_for_prepared_transactions_is_a_no_that_says_what_to_change (void **state)
{
    (void) state;
    server ("set %s 'max_prepared_transactions = 1'", cluster());
    server ("restart %s", cluster());
    branch_t a, b;
    begin (&a);
    begin (&b);
    assert_status (run (&a, DEBIT), TXC_RM_OK);
    assert_status (vote (&a), TXC_RM_OK);
    assert_status (run (&b, "UPDATE acct SET bal = 1 WHERE id = 2"), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_ROLLED_BACK);
    assert_string_equal (b.error.sqlstate, "53200");
    assert_non_null (strstr (b.error.text, "max_prepared_transactions"));
    assert_status (plugin->rollback (a.conn, &a.xid, a.evidence, &a.error), TXC_RM_OK);
    done (&a);
    done (&b);

    server ("set %s 'max_prepared_transactions = 0'", cluster());
    server ("restart %s", cluster());
    begin (&a);
    assert_status (run (&a, DEBIT), TXC_RM_OK);
    assert_status (vote (&a), TXC_RM_ROLLED_BACK);
    assert_string_equal (a.error.sqlstate, "55000");
    assert_non_null (strstr (a.error.text, "max_prepared_transactions"));
    assert_status (plugin->check (a.conn, "agent", NULL, NULL, &a.error), TXC_RM_ERROR);
    assert_int_equal (a.error.code, TXC_ECONFIG);
    assert_non_null (strstr (a.error.text, "max_prepared_transactions"));
    done (&a);
    server ("set %s 'max_prepared_transactions = 100'", cluster());
    server ("restart %s", cluster());
    s_balance ("1000");
}

/* --- read-only ----------------------------------------------------------- */

static void test_a_branch_that_only_reads_is_not_prepared (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, "SELECT bal FROM acct"), TXC_RM_OK);
    assert_status (run (&b, "SELECT count(*) FROM acct"), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_READ_ONLY);
    assert_int_equal (prepared(), 0);
    assert_status (plugin->commit_read_only (b.conn, &b.xid, &b.error), TXC_RM_OK);
    txc_rm_status_t answer;
    begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
    assert_status (run_last (&b, "SELECT bal FROM acct WHERE id = 1", &answer), TXC_RM_OK);
    assert_status (answer, TXC_RM_READ_ONLY);
    assert_status (plugin->rollback_active (b.conn, &b.xid, &b.error), TXC_RM_OK);
    begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
    assert_status (vote (&b), TXC_RM_READ_ONLY); /* no statement at all */
    assert_status (plugin->commit_read_only (b.conn, &b.xid, &b.error), TXC_RM_OK);
    done (&b);
}

static void test_a_read_only_vote_keeps_its_locks_until_its_end (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, "LOCK TABLE acct IN SHARE MODE"), TXC_RM_OK);
    assert_status (run (&b, "SELECT pg_advisory_xact_lock(77)"), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_READ_ONLY);
    assert_string_equal (
        admin_value ("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77"), "1");
    assert_string_equal (
        admin_value (
            "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND relation = 'acct'::regclass"),
        "1");
    assert_status (plugin->commit_read_only (b.conn, &b.xid, &b.error), TXC_RM_OK);
    assert_string_equal (
        admin_value ("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77"), "0");
    done (&b);
}

/* Each writes although its text does not begin with a writing word: a read-only vote would lose the update.
 */
static void test_hidden_writes_are_not_taken_for_reads (void **state)
{
    (void) state;
    admin ("CREATE OR REPLACE FUNCTION debit (who int) RETURNS bigint LANGUAGE sql AS"
           " 'UPDATE acct SET bal = bal - 5 WHERE id = who RETURNING bal'",
           "CREATE OR REPLACE VIEW debiting AS SELECT debit(1) AS bal", "GRANT SELECT ON debiting TO txagent",
           NULL);
    static const char *const statements[] = {
        "SELECT debit(1)",
        "SELECT bal FROM debiting",
        "WITH u AS (" DEBIT " RETURNING bal) SELECT bal FROM u",
        "EXPLAIN ANALYZE " DEBIT,
        "DO $$BEGIN " DEBIT "; END$$",
        "SELECT bal FROM acct WHERE id = 1 FOR UPDATE",
        "TABLE debiting",
        "VALUES (debit(1))",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        for (int last = 0; last < 2; last++) {
            branch_t b;
            begin (&b);
            txc_rm_status_t answer;
            if (last)
                assert_status (run_last (&b, statements[i], &answer), TXC_RM_OK);
            else {
                assert_status (run (&b, statements[i]), TXC_RM_OK);
                answer = vote (&b);
            }
            assert_status (answer, TXC_RM_OK);
            assert_int_equal (prepared(), 1);
            assert_status (plugin->rollback (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
            done (&b);
        }
    s_balance ("1000");
}

static void test_a_serializable_reader_is_prepared_so_that_it_can_fail_in_time (void **state)
{
    (void) state;
    branch_t b;
    begin_with (&b, TXC_ISOLATION_SERIALIZABLE, 0);
    assert_status (run (&b, "SELECT bal FROM acct"), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_OK);
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    done (&b);
}

/* --- one phase ----------------------------------------------------------- */

static void test_one_phase_commits_and_its_evidence_proves_it (void **state)
{
    (void) state;
    branch_t b;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    char evidence[TXC_RM_EVIDENCE_SIZE];
    strcpy (evidence, b.evidence); /* as the statement's reply carried it */
    txc_rm_conn_t *other = connected();
    assert_status (plugin->evidence (other, &b.xid, evidence, &b.error), TXC_RM_RETRY);
    assert_status (plugin->commit_one_phase (b.conn, &b.xid, &b.error), TXC_RM_OK);
    s_balance ("995");
    assert_status (plugin->evidence (other, &b.xid, evidence, &b.error), TXC_RM_OK);
    /* a failed branch is told as rolled back, never as committed */
    begin_again (&b, TXC_ISOLATION_DEFAULT, 0);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    strcpy (evidence, b.evidence);
    assert_status (run (&b, "SELECT 1/0"), TXC_RM_ERROR);
    assert_status (plugin->commit_one_phase (b.conn, &b.xid, &b.error), TXC_RM_ROLLED_BACK);
    assert_status (plugin->evidence (other, &b.xid, evidence, &b.error), TXC_RM_ROLLED_BACK);
    s_balance ("995");
    plugin->disconnect (&other);
    done (&b);
}

/* --- synchronous replication -------------------------------------------------- */

typedef struct canceler {
    txc_rm_conn_t *conn;
} canceler_t;

static void *s_cancel_when_waiting (void *arg)
{
    canceler_t *self = arg;
    admin_wait ("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "1");
    plugin->cancel (self->conn);
    return NULL;
}

static void s_vote_without_its_standby (bool last)
{
    branch_t b;
    begin (&b);
    canceler_t canceler = {b.conn};
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_cancel_when_waiting, &canceler), 0);
    txc_rm_status_t answer;
    if (last)
        assert_status (run_last (&b, DEBIT, &answer), TXC_RM_OK);
    else {
        assert_status (run (&b, DEBIT), TXC_RM_OK);
        answer = vote (&b);
    }
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_status (answer, TXC_RM_ROLLED_BACK);
    assert_non_null (strstr (b.error.text, "standby"));
    assert_int_equal (prepared(), 0);
    assert_true (plugin->is_alive (b.conn));
    done (&b);
}

static void test_a_cancelled_wait_for_the_synchronous_standby_is_a_no (void **state)
{
    (void) state;
    admin ("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()", NULL);
    admin_wait ("SELECT current_setting('synchronous_standby_names')", "nobody");
    s_vote_without_its_standby (false);
    s_vote_without_its_standby (true);
    admin ("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()", NULL);
    admin_wait ("SELECT current_setting('synchronous_standby_names')", "");
    s_balance ("1000");
}

/* Its commit is the decision, and PostgreSQL forces that only if it is told to: whatever the role says since
 * its agent was started, or a function of the application's. */
static void test_the_commit_of_a_last_resource_is_on_disk (void **state)
{
    (void) state;
    admin ("CREATE TABLE seen (setting text)",
           "CREATE FUNCTION see () RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
           " 'BEGIN INSERT INTO seen VALUES (current_setting(''synchronous_commit'')); RETURN NULL; END'",
           "CREATE CONSTRAINT TRIGGER see AFTER UPDATE ON acct DEFERRABLE INITIALLY DEFERRED"
           " FOR EACH ROW EXECUTE FUNCTION see ()",
           "ALTER ROLE txagent SET synchronous_commit = off", NULL);
    static const config_t last[] = {{"last_resource", "1"}, {NULL, NULL}};
    txc_rm_t *usual = rm;
    txc_rm_error_t error = {0};
    assert_status (open_rm (last, &rm, &error), TXC_RM_OK);
    branch_t b;
    begin (&b);
    assert_status (run (&b, DEBIT), TXC_RM_OK);
    assert_status (vote (&b), TXC_RM_OK);
    s_balance ("995");
    assert_string_equal (admin_value ("SELECT string_agg(setting, ' ') FROM seen"), "local");
    assert_status (plugin->commit (b.conn, &b.xid, b.evidence, &b.error), TXC_RM_OK);
    assert_string_equal (admin_value ("SELECT count(*) FROM txcoord.last_resource"), "0");
    done (&b);
    plugin->close (&rm);
    rm = usual;
    admin ("ALTER ROLE txagent SET synchronous_commit = on", "DROP TRIGGER see ON acct", "DROP FUNCTION see",
           "DROP TABLE seen", NULL);
}

const struct CMUnitTest pgsql_vote_tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown (name, fresh_bank, nothing_left)
    TEST (test_a_branch_is_prepared_and_committed),
    TEST (test_the_prepare_travels_with_the_last_statement),
    TEST (test_a_failed_statement_is_never_a_yes),
    TEST (test_a_failed_last_statement_leaves_the_branch_to_its_rollback),
    TEST (test_a_deferred_constraint_fails_at_prepare),
    TEST (test_a_serialization_failure_at_prepare_is_a_no),
    TEST (test_what_cannot_be_prepared_is_a_no),
    TEST (test_no_slot_for_prepared_transactions_is_a_no_that_says_what_to_change),
    TEST (test_a_branch_that_only_reads_is_not_prepared),
    TEST (test_a_read_only_vote_keeps_its_locks_until_its_end),
    TEST (test_hidden_writes_are_not_taken_for_reads),
    TEST (test_a_serializable_reader_is_prepared_so_that_it_can_fail_in_time),
    TEST (test_one_phase_commits_and_its_evidence_proves_it),
    TEST (test_a_cancelled_wait_for_the_synchronous_standby_is_a_no),
    TEST (test_the_commit_of_a_last_resource_is_on_disk),
};
const size_t pgsql_vote_count = sizeof pgsql_vote_tests / sizeof pgsql_vote_tests[0];
