/*
 * txc_my_prepare.c - the vote, and the ends of a branch that is not prepared.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/txc_assert.h"

#include "txc_my.h"

enum { S_ROLLBACK_TRIES = 3 }; /* a cancel that comes late may hit one of them (1317) */

/* The branch of this connection is over. */
static void s_over (txc_rm_conn_t *conn)
{
    conn->phase = TXC_MY_IDLE;
    txc_my_session_clean (conn);
}

/* --- rolling back -------------------------------------------------------------------- */

/* The session's own transaction is not the branch, or the server refuses to roll the branch back by name:
 * makes sure that neither session nor server has anything of it.  True when that is certain.  A branch that
 * could not be started may be another's that has the same name: that one is left alone. */
static bool s_sweep (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    if (txc_my_run (conn, error, "ROLLBACK") != 0)
        return false;
    if (conn->phase == TXC_MY_BROKEN)
        return true;
    /* With autocommit off the server does not look for branches outside of the session. */
    if (txc_my_run (conn, error, "SET SESSION autocommit=1") != 0)
        return false;
    conn->autocommit = true;
    int rc = txc_my_run (conn, error, "XA ROLLBACK %s", conn->xid);
    return rc == 0 || rc == TXC_MY_XA_NOTA || rc == TXC_MY_XA_RBROLLBACK;
}

/* XA END and XA ROLLBACK in one round trip; XA END may fail (a deadlock has ended the branch already). */
static bool s_end_and_roll_back (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    char end[TXC_MY_SQL_SIZE], rollback[TXC_MY_SQL_SIZE];
    snprintf (end, sizeof end, "XA END %s", conn->xid);
    snprintf (rollback, sizeof rollback, "XA ROLLBACK %s", conn->xid);
    const char *sqls[] = {end, rollback};
    int rcs[2];
    if (txc_my_batch (conn, 2, sqls, rcs, error) != 0)
        return false;
    return rcs[1] == 0 || txc_my_run (conn, error, "%s", rollback) == 0;
}

/* Rolls back whatever the connection has of its branch.  OK: it is rolled back for sure.  LOST. */
static txc_rm_status_t s_roll_back (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    bool good = conn->phase == TXC_MY_STARTED;
    for (int i = 0; i < S_ROLLBACK_TRIES && !good && !conn->lost; i++) {
        good = conn->phase == TXC_MY_ACTIVE && s_end_and_roll_back (conn, error);
        good = good || (!conn->lost && s_sweep (conn, error));
    }
    if (!good) {
        conn->lost = true; /* its end will end the branch */
        return TXC_RM_LOST;
    }
    s_over (conn);
    return TXC_RM_OK;
}

/* The vote is no: rolls back, and keeps the error that tells why. */
static txc_rm_status_t s_vote_no (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    txc_rm_error_t ignored;
    return s_roll_back (conn, error->code ? &ignored : error) == TXC_RM_OK ? TXC_RM_ROLLED_BACK : TXC_RM_LOST;
}

/* Whatever the outcome is, a part of what it wrote stays. */
static txc_rm_status_t s_vote_no_for_good (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    txc_my_fail (error, TXC_RM_ERROR, TXC_EBRANCH,
                 "the branch wrote to a table whose engine has no transactions");
    return s_vote_no (conn, error);
}

/* --- did it write? -------------------------------------------------------------------- */

/* Asks the server which tables the branch has opened for writing: setting the variable to another value makes
 * it report the transaction's state, also what statements that returned rows left unreported.  0, a number,
 * TXC_MY_LOST. */
#define S_ASK_FIRST "SET SESSION session_track_transaction_info='CHARACTERISTICS'"
#define S_ASK_THEN  "SET SESSION session_track_transaction_info='STATE'"

static int s_ask_state (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    static const char *const sqls[] = {S_ASK_FIRST, S_ASK_THEN};
    int rcs[2];
    if (txc_my_batch (conn, 2, sqls, rcs, error) != 0)
        return TXC_MY_LOST;
    return rcs[0] ? rcs[0] : rcs[1];
}

typedef enum s_change { S_CHANGED, S_UNCHANGED, S_CHANGE_LOST } s_change_t;

/* No rows reported changed is not enough: triggers and functions write, too.  Where the server does not tell,
 * it counts as changed. */
static s_change_t s_change (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    if (conn->wrote || conn->opened_to_write)
        return S_CHANGED;
    int rc = s_ask_state (conn, error);
    if (rc == TXC_MY_LOST)
        return S_CHANGE_LOST;
    return rc == 0 && conn->state_seen && !conn->opened_to_write && !conn->wrote_untransactional ? S_UNCHANGED
                                                                                                 : S_CHANGED;
}

/* --- prepare ---------------------------------------------------------------------------- */

/* XA END and XA PREPARE in one round trip: a PREPARE whose END failed fails too (1399), it prepares nothing
 * else.  In front of them, where a statement that returned rows may have hidden it, the question what was
 * written for good. */
static txc_rm_status_t s_end_and_prepare (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    char end[TXC_MY_SQL_SIZE], prepare[TXC_MY_SQL_SIZE];
    snprintf (end, sizeof end, "XA END %s", conn->xid);
    snprintf (prepare, sizeof prepare, "XA PREPARE %s", conn->xid);
    const char *sqls[] = {S_ASK_FIRST, S_ASK_THEN, end, prepare};
    int rcs[4] = {0}, first = conn->unreported ? 0 : 2;
    if (txc_my_batch (conn, 4 - first, sqls + first, rcs + first, error) != 0)
        return TXC_RM_LOST;
    if (conn->wrote_untransactional)
        return s_vote_no_for_good (conn, error);
    if (rcs[0] == 0 && rcs[1] == 0 && rcs[2] == 0 && rcs[3] == 0) {
        conn->phase = TXC_MY_PREPARED;
        return TXC_RM_OK;
    }
    return s_vote_no (conn, error);
}

txc_rm_status_t txc_my_prepare (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                char evidence[TXC_RM_EVIDENCE_SIZE], txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    (void) xid; /* a connection has one branch */
    txc_my_evidence_format (conn, evidence);
    if (conn->lost)
        return txc_my_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "the connection to the server was lost before");
    if (conn->phase == TXC_MY_PREPARED)
        return TXC_RM_OK;
    if (conn->phase == TXC_MY_IDLE)
        return txc_my_fail (error, TXC_RM_ROLLED_BACK, TXC_EBRANCH, "the branch was rolled back before");
    if (conn->phase == TXC_MY_STARTED && !conn->failed)
        return TXC_RM_READ_ONLY; /* it ran nothing */
    *error = (txc_rm_error_t){0};
    if (conn->failed) {
        txc_my_fail (error, TXC_RM_ERROR, TXC_EBRANCH, "a statement of the branch failed");
        return s_vote_no (conn, error);
    }
    switch (s_change (conn, error)) {
    case S_UNCHANGED:
        return TXC_RM_READ_ONLY;
    case S_CHANGE_LOST:
        return TXC_RM_LOST;
    case S_CHANGED:
        break;
    }
    return conn->wrote_untransactional ? s_vote_no_for_good (conn, error) : s_end_and_prepare (conn, error);
}

/* --- the ends of a branch that is not prepared ---------------------------------------------- */

/* Rolls back by name what was not committed: success says that it was there still.  One that XA END did not
 * end is ended once more, and refused as often as it is killed. */
static bool s_is_rolled_back (txc_rm_conn_t *conn, bool end)
{
    txc_rm_error_t ignored;
    int rc = TXC_MY_XA_NOTA;
    for (int i = 0; i < S_ROLLBACK_TRIES; i++) {
        if (end && txc_my_run (conn, &ignored, "XA END %s", conn->xid) == TXC_MY_LOST)
            return false;
        rc = txc_my_run (conn, &ignored, "XA ROLLBACK %s", conn->xid);
        if (rc == 0 || rc == TXC_MY_LOST || rc == TXC_MY_XA_NOTA)
            break;
    }
    return rc == 0;
}

/* XA COMMIT ... ONE PHASE.  A refusal that leaves the branch to be rolled back is a no; one that leaves
 * nothing tells nothing, unless the server names a rollback. */
static txc_rm_status_t s_commit_in_one (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    char end[TXC_MY_SQL_SIZE], commit[TXC_MY_SQL_SIZE];
    snprintf (end, sizeof end, "XA END %s", conn->xid);
    snprintf (commit, sizeof commit, "XA COMMIT %s ONE PHASE", conn->xid);
    const char *sqls[] = {end, commit};
    int rcs[2];
    if (txc_my_batch (conn, 2, sqls, rcs, error) != 0)
        return TXC_RM_LOST;
    if (rcs[1] == 0) { /* whatever XA END said: one that is killed in its last moment has been done, too */
        s_over (conn);
        return TXC_RM_OK;
    }
    /* A commit waits for no lock but the one that a global read lock holds back, before it changes anything.
     */
    bool named = rcs[1] == TXC_MY_XA_RBROLLBACK || rcs[1] == TXC_MY_XA_RBTIMEOUT ||
                 rcs[1] == TXC_MY_XA_RBDEADLOCK || rcs[1] == TXC_MY_LOCK_WAIT_TIMEOUT;
    if (named)
        return s_vote_no (conn, error);
    if (s_is_rolled_back (conn, rcs[0] != 0)) {
        s_over (conn);
        return TXC_RM_ROLLED_BACK;
    }
    conn->lost = true; /* it may have been committed */
    return TXC_RM_LOST;
}

txc_rm_status_t txc_my_commit_one_phase (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    (void) xid;
    if (conn->lost)
        return txc_my_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "the connection to the server was lost before");
    if (conn->phase == TXC_MY_STARTED && !conn->failed) {
        s_over (conn);
        return TXC_RM_OK; /* it ran nothing */
    }
    if (conn->phase == TXC_MY_IDLE || conn->phase == TXC_MY_PREPARED)
        return txc_my_fail (error, TXC_RM_LOST, TXC_EPROTO,
                            "the connection has no branch to commit in one phase");
    *error = (txc_rm_error_t){0};
    if (conn->failed) {
        txc_my_fail (error, TXC_RM_ERROR, TXC_EBRANCH, "a statement of the branch failed");
        return s_vote_no (conn, error);
    }
    return s_commit_in_one (conn, error);
}

/* Committed rather than rolled back: should the server have told less than it knew, nothing is lost. */
txc_rm_status_t txc_my_commit_read_only (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    txc_rm_status_t status = txc_my_commit_one_phase (conn, xid, error);
    return status == TXC_RM_ROLLED_BACK ? TXC_RM_OK : status;
}

txc_rm_status_t txc_my_rollback_active (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    (void) xid;
    if (conn->lost)
        return txc_my_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "the connection to the server was lost before");
    if (conn->phase == TXC_MY_IDLE)
        return TXC_RM_OK;
    TXC_ASSERT (conn->phase != TXC_MY_PREPARED);
    return s_roll_back (conn, error);
}
