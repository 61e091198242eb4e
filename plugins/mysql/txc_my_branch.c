/*
 * txc_my_branch.c - start and execute.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <txcoord/txcoord.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#include "txc_my.h"

/* --- names ------------------------------------------------------------------------- */

static char *s_hex (char *at, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    *at++ = 'X';
    *at++ = '\'';
    for (; *text; text++) {
        *at++ = digits[(unsigned char) *text >> 4];
        *at++ = digits[*text & 15];
    }
    *at++ = '\'';
    return at;
}

void txc_my_xid_format (const txc_rm_xid_t *xid, char *text)
{
    TXC_ASSERT (strlen (xid->gtrid) <= TXC_GTRID_MAX && strlen (xid->bqual) <= TXC_BQUAL_MAX && *xid->gtrid);
    text = s_hex (text, xid->gtrid);
    *text++ = ',';
    text = s_hex (text, xid->bqual);
    sprintf (text, ",%" PRId32, xid->format_id);
}

void txc_my_evidence_format (const txc_rm_conn_t *conn, char evidence[TXC_RM_EVIDENCE_SIZE])
{
    snprintf (evidence, TXC_RM_EVIDENCE_SIZE, "mysql %" PRIu64 " %lu %s", conn->server_start, conn->session,
              conn->wrote ? "wrote" : "-");
}

bool txc_my_evidence_parse (const char *evidence, uint64_t *server_start, unsigned long *session, bool *wrote)
{
    char word[8], more;
    int n = sscanf (evidence, "mysql %" SCNu64 " %lu %7s %c", server_start, session, word, &more);
    *wrote = n == 3 && strcmp (word, "wrote") == 0;
    return n == 3;
}

/* --- start --------------------------------------------------------------------------- */

txc_rm_status_t txc_my_start (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                              const txc_rm_branch_options_t *options, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    if (conn->lost)
        return txc_my_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "the connection to the server was lost before");
    if (conn->phase != TXC_MY_IDLE)
        return txc_my_fail (error, TXC_RM_ERROR, TXC_EPROTO, "the connection still has a branch");
    txc_my_xid_format (xid, conn->xid);
    conn->phase = TXC_MY_STARTED;
    conn->isolation = options->isolation;
    conn->wanted_lock_timeout_s = options->lock_timeout_ms / 1000 + (options->lock_timeout_ms % 1000 != 0);
    conn->failed = conn->wrote = conn->opened_to_write = conn->wrote_untransactional = conn->state_seen =
        conn->unreported = false;
    return TXC_RM_OK;
}

/* --- what travels in front of the first statement -------------------------------------- */

typedef struct s_front {
    int n;
    const char *sqls[3];
    char start[TXC_MY_SQL_SIZE], savepoint[64];
} s_front_t;

/* The isolation level of the next transaction alone; NULL: the session's own. */
static const char *s_isolation (int isolation)
{
    switch (isolation) {
    case TXC_ISOLATION_READ_COMMITTED:
        return "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
    case TXC_ISOLATION_REPEATABLE_READ:
        return "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    case TXC_ISOLATION_SERIALIZABLE:
        return "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE";
    default:
        return NULL;
    }
}

static void s_front_init (s_front_t *front, const txc_rm_conn_t *conn, txc_my_kind_t kind)
{
    front->n = 0;
    if (conn->phase == TXC_MY_STARTED) {
        if (s_isolation (conn->isolation))
            front->sqls[front->n++] = s_isolation (conn->isolation);
        snprintf (front->start, sizeof front->start, "XA START %s", conn->xid);
        front->sqls[front->n++] = front->start;
    }
    /* A procedure may end the branch and start another one of the same name, which no answer of the server
     * tells; a savepoint ends with its transaction. */
    if (kind == TXC_MY_CALLS) {
        snprintf (front->savepoint, sizeof front->savepoint, "SAVEPOINT %s", conn->guard);
        front->sqls[front->n++] = front->savepoint;
    }
}

/* Takes in how the front was answered.  0, or the first failure; then the branch can only be rolled back. */
static int s_front_answer (txc_rm_conn_t *conn, const s_front_t *front, const int *rcs)
{
    int failed = 0;
    for (int i = 0; i < front->n; i++) {
        if (front->sqls[i] == front->start)
            conn->phase = rcs[i] == 0 ? TXC_MY_ACTIVE : TXC_MY_BROKEN;
        if (rcs[i] != 0 && failed == 0)
            failed = rcs[i];
    }
    if (failed)
        conn->failed = true;
    return failed;
}

static int s_front_read (txc_rm_conn_t *conn, const s_front_t *front, txc_rm_error_t *error)
{
    int rcs[3] = {0};
    txc_rm_error_t one;
    bool failed = false;
    for (int i = 0; i < front->n; i++) {
        rcs[i] = txc_my_read (conn, front->sqls[i], &one);
        if (rcs[i] != 0 && !failed)
            *error = one;
        failed |= rcs[i] != 0;
        if (rcs[i] == TXC_MY_LOST)
            return TXC_MY_LOST;
    }
    return s_front_answer (conn, front, rcs);
}

static int s_front_run (txc_rm_conn_t *conn, const s_front_t *front, txc_rm_error_t *error)
{
    int rcs[3] = {0};
    if (front->n == 0)
        return 0;
    if (txc_my_batch (conn, front->n, front->sqls, rcs, error) != 0)
        return TXC_MY_LOST;
    return s_front_answer (conn, front, rcs);
}

/* --- execute ------------------------------------------------------------------------------- */

static txc_my_outcome_t s_failed (int rc)
{
    return (txc_my_outcome_t){.rc = rc};
}

/* Without parameters: as text, behind its front in one round trip. */
static txc_my_outcome_t s_execute_text (txc_rm_conn_t *conn, const s_front_t *front, txc_my_kind_t kind,
                                        const txc_rm_statement_t *statement, const txc_rm_sink_t *sink,
                                        txc_rm_error_t *error)
{
    int rc = 0;
    /* Behind a front that fails a procedure would run outside of the branch: what it commits there by itself
     * stays committed.  No other statement commits. */
    bool together = TXC_MY_PIPELINE && kind != TXC_MY_CALLS;
    if (!together && (rc = s_front_run (conn, front, error)) != 0)
        return s_failed (rc);
    for (int i = 0; together && i < front->n; i++)
        if (txc_my_send (conn, front->sqls[i], strlen (front->sqls[i]), error) != 0)
            return s_failed (TXC_MY_LOST);
    if (txc_my_send (conn, statement->sql, statement->size, error) != 0)
        return s_failed (TXC_MY_LOST);
    if (together && (rc = s_front_read (conn, front, error)) == TXC_MY_LOST)
        return s_failed (rc);
    if (rc != 0) { /* the statement ran where it should not have: its answer counts for nothing */
        txc_rm_error_t ignored;
        return s_failed (txc_my_read (conn, "", &ignored) == TXC_MY_LOST ? TXC_MY_LOST : rc);
    }
    return txc_my_result_text (conn, kind, sink, error);
}

static txc_my_outcome_t s_execute_prepared (txc_rm_conn_t *conn, const s_front_t *front, txc_my_kind_t kind,
                                            const txc_rm_statement_t *statement, const txc_rm_sink_t *sink,
                                            txc_rm_error_t *error)
{
    int rc = s_front_run (conn, front, error);
    if (rc != 0)
        return s_failed (rc);
    MYSQL_STMT *stmt = txc_my_cache_get (conn, statement->sql, statement->size, &rc, error);
    if (!stmt)
        return s_failed (rc);
    txc_my_outcome_t outcome = {0};
    unsigned long wanted = mysql_stmt_param_count (stmt);
    if (wanted != (unsigned long) statement->n_params) {
        txc_my_fail (error, TXC_RM_ERROR, TXC_EINVAL, "the statement has %lu parameters, %d were given",
                     wanted, statement->n_params);
        outcome.refused = true;
        return outcome;
    }
    outcome = txc_my_result_prepared (conn, stmt, kind, statement, sink, error);
    if (outcome.rc != 0)
        txc_my_cache_drop (conn->cache, stmt);
    return outcome;
}

/* Behind a CALL: is it still the transaction that it was called in?  0, a number, TXC_MY_LOST. */
static int s_guard_check (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    int rc = txc_my_run (conn, error, "RELEASE SAVEPOINT %s", conn->guard);
    if (rc > 0)
        txc_my_fail (
            error, TXC_RM_ERROR, TXC_EREFUSED,
            "the procedure ended the branch: it must leave XA statements to the coordinator; whatever it "
            "committed itself stays committed");
    return rc;
}

/* What an engine without transactions was given can't be taken back: the vote is no, and the user is told. */
static bool s_check_engines (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    if (!conn->wrote_untransactional)
        return true;
    txc_my_fail (error, TXC_RM_ERROR, TXC_EBRANCH,
                 "the statement writes to a table whose engine has no transactions (MyISAM, Aria, MEMORY): "
                 "that cannot "
                 "be rolled back; ALTER TABLE ... ENGINE=InnoDB");
    error->native = 1196; /* ER_WARNING_NOT_COMPLETE_ROLLBACK */
    return false;
}

/* Takes the outcome into the branch. */
static txc_rm_status_t s_settle (txc_rm_conn_t *conn, txc_my_kind_t kind, const txc_my_outcome_t *outcome,
                                 txc_rm_error_t *error)
{
    if (conn->lost || outcome->rc == TXC_MY_LOST)
        return TXC_RM_LOST;
    if (kind != TXC_MY_READS && outcome->changed > 0)
        conn->wrote = true;
    if (kind == TXC_MY_WRITES && outcome->returned > 0)
        conn->wrote = true;
    conn->unreported |= outcome->rows;
    bool good = outcome->rc == 0 && !outcome->refused;
    if (good && kind == TXC_MY_CALLS) {
        int rc = s_guard_check (conn, error);
        if (rc == TXC_MY_LOST)
            return TXC_RM_LOST;
        good = rc == 0;
    }
    if (good)
        good = s_check_engines (conn, error);
    if (good)
        return TXC_RM_OK;
    conn->failed = true;
    return TXC_RM_ERROR;
}

/* May a statement run in this branch now? */
static txc_rm_status_t s_admit (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    if (conn->lost)
        return txc_my_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "the connection to the server was lost before");
    if (conn->failed)
        return txc_my_fail (error, TXC_RM_ERROR, TXC_EBRANCH,
                            "an earlier statement failed: only rollback is left");
    if (conn->phase != TXC_MY_STARTED && conn->phase != TXC_MY_ACTIVE)
        return txc_my_fail (error, TXC_RM_ERROR, TXC_EPROTO,
                            "the connection has no branch to run a statement in");
    return TXC_RM_OK;
}

/* One settled statement; the session is set up for the branch before its first one. */
static txc_rm_status_t s_run (txc_rm_conn_t *conn, const txc_my_verdict_t *verdict,
                              const txc_rm_statement_t *statement, const txc_rm_sink_t *sink,
                              txc_rm_error_t *error)
{
    if (conn->phase == TXC_MY_STARTED) {
        int rc = txc_my_session_set (conn, false, conn->wanted_lock_timeout_s, error);
        if (rc != 0) {
            conn->failed = true;
            return rc == TXC_MY_LOST ? TXC_RM_LOST : TXC_RM_ERROR;
        }
    }
    conn->dirty |= verdict->dirties;
    s_front_t front;
    s_front_init (&front, conn, verdict->kind);
    txc_my_outcome_t outcome = statement->n_params == 0
                                   ? s_execute_text (conn, &front, verdict->kind, statement, sink, error)
                                   : s_execute_prepared (conn, &front, verdict->kind, statement, sink, error);
    return s_settle (conn, verdict->kind, &outcome, error);
}

txc_rm_status_t txc_my_execute (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                const txc_rm_sink_t *sink, char evidence[TXC_RM_EVIDENCE_SIZE],
                                txc_rm_status_t *prepare_status, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    txc_my_evidence_format (conn, evidence);
    if (prepare_status)
        *prepare_status = TXC_RM_LOST; /* until it was tried nothing is known */
    txc_rm_status_t status = s_admit (conn, error);
    if (status != TXC_RM_OK)
        return status;
    txc_my_verdict_t verdict = txc_my_screen (statement->sql, statement->size);
    if (verdict.kind == TXC_MY_REFUSED)
        return txc_my_fail (error, TXC_RM_ERROR, TXC_EREFUSED, "refused: %s", verdict.why);
    status = s_run (conn, &verdict, statement, sink, error);
    txc_my_evidence_format (conn, evidence);
    /* Never pipelined behind the statement: a branch in which one failed can be prepared all the same. */
    if (status == TXC_RM_OK && prepare_status)
        *prepare_status = txc_my_prepare (conn, NULL, evidence, error);
    return status;
}
