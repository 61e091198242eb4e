/*
 * my_finish.c - prepared branches: ended by their own connection or another;
 * held, late, refused; fencing.
 */
#include "config.h"

#include "my_fixture.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

static const char s_take[] = "UPDATE acct SET bal = bal - 10 WHERE id = 0";

/* A prepared branch that has taken 10 from account 0. */
static void s_prepared (fx_branch_t *branch, txc_rm_conn_t *conn)
{
    fx_begin (branch, conn);
    assert_status (fx_exec (branch, s_take), TXC_RM_OK);
    assert_status (fx_prepare (branch), TXC_RM_OK);
}

/* --- who may end it ---------------------------------------------------------------------- */

/* 1397 although XA RECOVER lists it: not absent, but held by its owner. */
static void held_by_its_owner_is_retry (void **state)
{
    (void) state;
    fx_branch_t branch;
    txc_rm_conn_t *other = fx_connect (fx_bank);
    s_prepared (&branch, NULL);
    assert_status (fx_commit_from (other, &branch), TXC_RM_RETRY);
    assert_status (fx_rollback_from (other, &branch), TXC_RM_RETRY);
    assert_true (fx_listed (&branch));
    fx_end (&branch);
    assert_status (fx_commit_until (other, &branch), TXC_RM_OK);
    assert_balance (0, "90");
    assert_status (fx_commit_from (other, &branch), TXC_RM_ABSENT);
    assert_int_equal (branch.error.code, TXC_ENOTA);
    assert_status (fx_rollback_from (other, &branch), TXC_RM_ABSENT);
    fx_rm->disconnect (&other);
}

/* Nor is one whose session has autocommit off and did something else before (the server would answer 1400).
 */
static void connection_with_a_branch_is_retry (void **state)
{
    (void) state;
    fx_branch_t branch, own;
    s_prepared (&branch, NULL);
    fx_end (&branch);
    fx_begin (&own, NULL);
    assert_status (fx_exec (&own, "UPDATE acct SET bal = bal + 1 WHERE id = 1"), TXC_RM_OK);
    assert_status (fx_commit_from (own.conn, &branch), TXC_RM_RETRY);
    assert_status (fx_rollback_active (&own), TXC_RM_OK);
    assert_status (fx_commit_until (own.conn, &branch), TXC_RM_OK);
    /* And takes up branches again. */
    fx_begin (&own, own.conn);
    assert_status (fx_exec (&own, s_take), TXC_RM_OK);
    assert_status (fx_rollback_active (&own), TXC_RM_OK);
    assert_balance (0, "90");
    fx_end (&own);
}

/* A branch that changed nothing is forgotten with its session: 1402 once, then it is not listed. */
static void unmodified_branch_is_forgotten (void **state)
{
    (void) state;
    fx_branch_t branch;
    txc_rm_conn_t *other = fx_connect (fx_bank);
    for (int i = 0; i < 2; i++) {
        fx_begin (&branch, NULL);
        assert_status (fx_exec (&branch, "SELECT * FROM acct WHERE id = 0 FOR UPDATE"), TXC_RM_OK);
        assert_status (fx_prepare (&branch), TXC_RM_OK);
        assert_null (strstr (branch.evidence, "wrote"));
        assert_true (fx_listed (&branch));
        fx_end (&branch);
        assert_status (i == 0 ? fx_commit_until (other, &branch) : fx_rollback_until (other, &branch),
                       TXC_RM_OK);
        assert_status (fx_commit_from (other, &branch), TXC_RM_ABSENT);
    }
    /* The server and our record disagree: that is never taken for a commit. */
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, "SELECT * FROM acct WHERE id = 0 FOR UPDATE"), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    char *mark = strrchr (branch.evidence, ' ');
    assert_non_null (mark);
    strcpy (mark, " wrote");
    fx_end (&branch);
    assert_status (fx_commit_until (other, &branch), TXC_RM_HEURISTIC);
    assert_int_equal (branch.error.native, 6); /* XA_HEURRB */
    fx_rm->disconnect (&other);
}

static void evidence_is_never_a_guess (void **state)
{
    (void) state;
    fx_branch_t branch;
    s_prepared (&branch, NULL);
    txc_rm_conn_t *other = fx_connect (fx_bank);
    assert_in_range (strlen (branch.evidence), 1, 95);
    assert_status (fx_rm->evidence (other, &branch.id.xid, branch.evidence, &branch.error), TXC_RM_UNKNOWN);
    assert_status (fx_commit (&branch), TXC_RM_OK);
    assert_status (fx_rm->evidence (other, &branch.id.xid, branch.evidence, &branch.error), TXC_RM_UNKNOWN);
    assert_status (fx_rm->forget (other, &branch.id.xid, &branch.error), TXC_RM_OK);
    fx_rm->disconnect (&other);
    fx_end (&branch);
}

/* Another program's XIDs hold any bytes: skipped, while ours beside them are found. */
static void foreign_branches_are_skipped (void **state)
{
    (void) state;
    fx_branch_t branch;
    static const char *const foreign[] = {"X'00ff27',X'',1", "X'61',X'0a',2", "'with space','b',3"};
    s_prepared (&branch, NULL);
    fx_admin ("USE bank");
    for (int i = 0; i < 3; i++) {
        fx_admin ("XA START %s", foreign[i]);
        fx_admin ("INSERT INTO notes VALUES (%d, 'foreign')", 100 + i);
        fx_admin ("XA END %s", foreign[i]);
        fx_admin ("XA PREPARE %s", foreign[i]);
        assert_true (fx_listed (&branch));
        fx_admin ("XA ROLLBACK %s", foreign[i]);
    }
    assert_status (fx_rollback (&branch), TXC_RM_OK);
    fx_end (&branch);
}

/* --- a server that cannot just now ------------------------------------------------------------ */

static void prepare_under_read_lock_is_rolled_back (void **state)
{
    (void) state;
    fx_branch_t branch = {.conn = fx_connect (fx_bank)};
    assert_status (fx_start (&branch, 0, 1000), TXC_RM_OK);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    fx_admin ("FLUSH TABLES WITH READ LOCK");
    assert_status (fx_prepare (&branch), TXC_RM_ROLLED_BACK);
    assert_int_equal (branch.error.native, 1205);
    fx_admin ("UNLOCK TABLES");
    assert_false (fx_listed (&branch));
    assert_balance (0, "100");
    fx_begin (&branch, branch.conn);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    fx_end (&branch);
}

static void commit_under_read_lock_stays_prepared (void **state)
{
    (void) state;
    fx_branch_t branch = {.conn = fx_connect (fx_bank)};
    assert_status (fx_start (&branch, 0, 1000), TXC_RM_OK);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    assert_status (fx_prepare (&branch), TXC_RM_OK);
    fx_admin ("FLUSH TABLES WITH READ LOCK");
    assert_status (fx_commit (&branch), TXC_RM_RETRY);
    assert_int_equal (branch.error.native, 1205);
    fx_admin ("UNLOCK TABLES");
    assert_true (fx_listed (&branch));
    assert_status (fx_commit (&branch), TXC_RM_OK);
    assert_balance (0, "90");
    fx_end (&branch);
}

static void one_phase_under_read_lock_is_rolled_back (void **state)
{
    (void) state;
    fx_branch_t branch = {.conn = fx_connect (fx_bank)};
    assert_status (fx_start (&branch, 0, 1000), TXC_RM_OK);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    fx_admin ("FLUSH TABLES WITH READ LOCK");
    assert_status (fx_rm->commit_one_phase (branch.conn, &branch.id.xid, &branch.error), TXC_RM_ROLLED_BACK);
    fx_admin ("UNLOCK TABLES");
    assert_balance (0, "100");
    fx_end (&branch);
}

static const char s_waiting_prepare[] =
    "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'txagent' AND INFO LIKE 'XA PREPARE%'";

static void cancelled_prepare_is_rolled_back (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
    fx_admin ("FLUSH TABLES WITH READ LOCK");
    fx_thread_t thread;
    fx_thread_start (&thread, &branch, NULL);
    fx_wait ("1", s_waiting_prepare);
    fx_rm->cancel (branch.conn);
    assert_status (fx_thread_join (&thread), TXC_RM_ROLLED_BACK);
    assert_int_equal (branch.error.native, 1317);
    fx_admin ("UNLOCK TABLES");
    assert_false (fx_listed (&branch));
    assert_balance (0, "100");
    fx_end (&branch);
}

/* A cancel that comes when nothing runs harms no later vote. */
static void late_cancel_is_harmless (void **state)
{
    (void) state;
    fx_branch_t branch;
    fx_begin (&branch, NULL);
    for (int i = 0; i < 20; i++) {
        assert_status (fx_exec (&branch, s_take), TXC_RM_OK);
        fx_rm->cancel (branch.conn);
        txc_rm_status_t vote = fx_prepare (&branch);
        if (vote == TXC_RM_OK) {
            fx_rm->cancel (branch.conn);
            assert_status (fx_rollback_from (branch.conn, &branch), TXC_RM_OK);
        } else {
            assert_status (vote, TXC_RM_ROLLED_BACK);
        }
        assert_false (fx_listed (&branch));
        fx_rm->cancel (branch.conn);
        fx_begin (&branch, branch.conn);
    }
    assert_status (fx_rollback_active (&branch), TXC_RM_OK);
    assert_balance (0, "100");
    fx_end (&branch);
}

static void read_only_server_is_retry (void **state)
{
    (void) state;
    fx_branch_t branch;
    s_prepared (&branch, NULL);
    fx_admin ("SET GLOBAL read_only = 1");
    assert_status (fx_commit (&branch), TXC_RM_RETRY);
    assert_int_equal (branch.error.native, 1290);
    fx_admin ("SET GLOBAL read_only = 0");
    assert_status (fx_commit (&branch), TXC_RM_OK);
    assert_balance (0, "90");
    fx_end (&branch);
}

/* --- a late PREPARE ---------------------------------------------------------------------------- */

/* The newest socket of this process. */
static int s_newest_socket (void)
{
    int newest = -1;
    for (int fd = 0; fd < 1024; fd++) {
        struct stat st;
        if (fstat (fd, &st) == 0 && S_ISSOCK (st.st_mode))
            newest = fd;
    }
    return newest;
}

/* A branch whose connection is lost while the server still works on its PREPARE.  The client gives up after
 * three seconds; a copy of its socket keeps the server from noticing, as a cut cable would. */
typedef struct s_late {
    txc_rm_t *rm;
    fx_branch_t branch;
    int cable;
} s_late_t;

static void s_lose_prepare (s_late_t *late)
{
    late->rm = fx_open ("bank", "read_timeout_ms", "3000");
    fx_begin (&late->branch, fx_connect (late->rm));
    late->cable = dup (s_newest_socket());
    assert_true (late->cable >= 0);
    assert_status (fx_exec (&late->branch, s_take), TXC_RM_OK);
    fx_admin ("FLUSH TABLES WITH READ LOCK");
    assert_status (fx_prepare (&late->branch), TXC_RM_LOST);
    assert_false (fx_rm->is_alive (late->branch.conn));
    fx_wait ("1", s_waiting_prepare);
}

static void s_late_end (s_late_t *late)
{
    close (late->cable);
    fx_end (&late->branch);
    fx_rm->close (&late->rm);
}

/* Without a fence the branch is absent first and appears later: nobody may conclude anything from its
 * absence. */
static void late_prepare_appears_after_absent (void **state)
{
    (void) state;
    s_late_t late;
    txc_rm_conn_t *other = fx_connect (fx_bank);
    s_lose_prepare (&late);
    assert_status (fx_rollback_from (other, &late.branch), TXC_RM_ABSENT);
    assert_false (fx_listed (&late.branch));
    fx_admin ("UNLOCK TABLES");
    fx_wait ("0", s_waiting_prepare);
    assert_true (fx_listed (&late.branch));
    close (late.cable); /* now the server notices */
    late.cable = -1;
    assert_status (fx_rollback_until (other, &late.branch), TXC_RM_OK);
    assert_balance (0, "100");
    s_late_end (&late);
    fx_rm->disconnect (&other);
}

/* With the fence an absence is final. */
static void fence_ends_a_late_prepare (void **state)
{
    (void) state;
    txc_rm_conn_t *other = fx_connect (fx_bank);
    for (int by_evidence = 0; by_evidence < 2; by_evidence++) {
        s_late_t late;
        txc_rm_error_t error;
        s_lose_prepare (&late);
        assert_status (fx_rm->fence (other, by_evidence ? NULL : late.branch.conn,
                                     by_evidence ? late.branch.evidence : "", &error),
                       TXC_RM_OK);
        assert_string_equal (fx_value ("%s", s_waiting_prepare), "0");
        assert_false (fx_listed (&late.branch));
        fx_admin ("UNLOCK TABLES");
        assert_false (fx_listed (&late.branch));
        assert_status (fx_rollback_from (other, &late.branch), TXC_RM_ABSENT);
        assert_balance (0, "100");
        s_late_end (&late);
    }
    fx_rm->disconnect (&other);
}

/* --- fencing --------------------------------------------------------------------------------------- */

static void fence_frees_a_held_branch (void **state)
{
    (void) state;
    fx_branch_t branch;
    txc_rm_error_t error;
    txc_rm_conn_t *other = fx_connect (fx_bank);
    s_prepared (&branch, NULL);
    assert_status (fx_commit_from (other, &branch), TXC_RM_RETRY);
    assert_status (fx_rm->fence (other, NULL, branch.evidence, &error), TXC_RM_OK);
    assert_status (fx_commit_from (other, &branch),
                   TXC_RM_OK); /* at once: the session is gone, not just told to go */
    assert_balance (0, "90");
    assert_status (fx_rm->fence (other, NULL, branch.evidence, &error), TXC_RM_OK); /* again */
    assert_status (fx_commit (&branch), TXC_RM_LOST);
    assert_false (fx_rm->is_alive (branch.conn));
    fx_end (&branch);
    fx_rm->disconnect (&other);
}

/* Numbers of sessions are given anew after a restart: evidence of an earlier run names nobody. */
static void fence_spares_sessions_of_another_run (void **state)
{
    (void) state;
    fx_branch_t branch;
    txc_rm_error_t error;
    char earlier[TXC_RM_EVIDENCE_SIZE];
    uint64_t start;
    unsigned long session;
    txc_rm_conn_t *other = fx_connect (fx_bank);
    s_prepared (&branch, NULL);
    assert_int_equal (sscanf (branch.evidence, "mysql %" SCNu64 " %lu", &start, &session), 2);
    snprintf (earlier, sizeof earlier, "mysql %" PRIu64 " %lu wrote", start - 60, session);
    assert_status (fx_rm->fence (other, NULL, earlier, &error), TXC_RM_OK);
    assert_status (fx_rm->ping (branch.conn, &error), TXC_RM_OK);
    assert_status (fx_rm->fence (other, NULL, "garbage", &error), TXC_RM_RETRY);
    assert_status (fx_rollback (&branch), TXC_RM_OK);
    fx_end (&branch);
    fx_rm->disconnect (&other);
}

/* A session of another account (an enlisted one) cannot be ended without the privilege, and is not taken for
 * gone. */
static void fence_of_another_account_needs_a_grant (void **state)
{
    (void) state;
    fx_branch_t branch;
    txc_rm_error_t error;
    char evidence[TXC_RM_EVIDENCE_SIZE];
    uint64_t start;
    s_prepared (&branch, NULL);
    assert_int_equal (sscanf (branch.evidence, "mysql %" SCNu64, &start), 1);
    snprintf (evidence, sizeof evidence, "mysql %" PRIu64 " %lu wrote", start, fx_admin_session());
    assert_status (fx_rm->fence (branch.conn, NULL, evidence, &error), TXC_RM_RETRY);
    assert_int_equal (error.code, TXC_EPERM);
    assert_non_null (strstr (error.text, "CONNECTION ADMIN"));
    assert_status (fx_rollback (&branch), TXC_RM_OK);
    fx_end (&branch);
}

static void fence_all_spares_this_process (void **state)
{
    (void) state;
    fx_branch_t branch, stray;
    txc_rm_error_t error;
    txc_rm_t *earlier = fx_open ("bank", NULL, NULL); /* stands for an earlier run of the agent */
    s_prepared (&branch, NULL);
    fx_begin (&stray, fx_connect (earlier));
    assert_status (fx_exec (&stray, "UPDATE acct SET bal = bal + 1 WHERE id = 1"), TXC_RM_OK);
    txc_rm_conn_t *other = fx_connect (fx_bank);
    assert_status (fx_rm->fence_all (other, &error), TXC_RM_OK);
    assert_status (fx_rm->ping (branch.conn, &error), TXC_RM_OK);
    assert_status (fx_exec (&stray, "SELECT 1"), TXC_RM_LOST);
    assert_status (fx_rollback (&branch), TXC_RM_OK);
    assert_int_equal (fx_admin_try ("DO 1"), 0); /* other accounts are left alone */
    fx_end (&stray);
    fx_end (&branch);
    fx_rm->disconnect (&other);
    fx_rm->close (&earlier);
}

int my_finish_tests (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (held_by_its_owner_is_retry, fx_fresh),
        cmocka_unit_test_setup (connection_with_a_branch_is_retry, fx_fresh),
        cmocka_unit_test_setup (unmodified_branch_is_forgotten, fx_fresh),
        cmocka_unit_test_setup (evidence_is_never_a_guess, fx_fresh),
        cmocka_unit_test_setup (foreign_branches_are_skipped, fx_fresh),
        cmocka_unit_test_setup (prepare_under_read_lock_is_rolled_back, fx_fresh),
        cmocka_unit_test_setup (commit_under_read_lock_stays_prepared, fx_fresh),
        cmocka_unit_test_setup (one_phase_under_read_lock_is_rolled_back, fx_fresh),
        cmocka_unit_test_setup (cancelled_prepare_is_rolled_back, fx_fresh),
        cmocka_unit_test_setup (late_cancel_is_harmless, fx_fresh),
        cmocka_unit_test_setup (read_only_server_is_retry, fx_fresh),
        cmocka_unit_test_setup (late_prepare_appears_after_absent, fx_fresh),
        cmocka_unit_test_setup (fence_ends_a_late_prepare, fx_fresh),
        cmocka_unit_test_setup (fence_frees_a_held_branch, fx_fresh),
        cmocka_unit_test_setup (fence_spares_sessions_of_another_run, fx_fresh),
        cmocka_unit_test_setup (fence_of_another_account_needs_a_grant, fx_fresh),
        cmocka_unit_test_setup (fence_all_spares_this_process, fx_fresh),
    };
    return cmocka_run_group_tests_name ("prepared branches", tests, fx_setup, fx_teardown);
}
