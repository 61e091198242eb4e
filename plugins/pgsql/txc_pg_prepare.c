/*
 * txc_pg_prepare.c - the vote, and the ends of a branch that is not prepared.
 *
 * PREPARE TRANSACTION lies: in a failed transaction, or outside of one, it
 * answers OK with the command tag ROLLBACK.  A vote is yes only if the guard
 * held, the result is OK, its tag is exactly "PREPARE TRANSACTION", no wait
 * for a synchronous standby was given up, and the session is idle afterwards.
 */
#include "txc_pg.h"

#include <stdio.h>
#include <string.h>

#include "base/txc_assert.h"

#define S_ENDED_BY_ITSELF                                                                                    \
    "the branch was ended, or its role changed, by its own SQL: what that did by itself stays as it is"

static void s_send_guarded (txc_rm_conn_t *conn, unsigned guard, const char *command)
{
    const char *mark[] = {conn->gid, conn->user};
    txc_pg_send_own (conn, guard, 2, mark);
    txc_pg_send_sql (conn, command, 0, NULL);
}

/* --- the vote ------------------------------------------------------------ */

void txc_pg_send_prepare (txc_rm_conn_t *conn)
{
    char sql[TXC_PG_GID_SIZE + 32];
    snprintf (sql, sizeof sql, "PREPARE TRANSACTION '%s'", conn->gid);
    s_send_guarded (conn, TXC_PG_GUARD, sql);
}

txc_rm_status_t txc_pg_undo_prepared (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    /* The standby that was not waited for is not waited for now either: this would hang as the PREPARE did.
     */
    char sql[TXC_PG_GID_SIZE + 32];
    snprintf (sql, sizeof sql, "ROLLBACK PREPARED '%s'", conn->gid);
    PQclear (txc_pg_run (conn, "SET synchronous_commit = local", 0, NULL));
    PGresult *undone = conn->lost ? NULL : txc_pg_run (conn, sql, 0, NULL);
    bool ok = undone && txc_pg_ok (undone);
    PQclear (undone);
    if (!conn->lost)
        PQclear (txc_pg_run (conn, "RESET synchronous_commit", 0, NULL));
    /* Not undone: it is listed, and whoever looks will find it. */
    return ok ? TXC_RM_OK : txc_pg_fail_lost (conn, error);
}

/* Ends what the refused vote left open: the branch is rolled back then. */
static txc_rm_status_t s_end_refused (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    conn->phase = TXC_PG_IDLE;
    if (PQtransactionStatus (conn->pg) != PQTRANS_IDLE)
        PQclear (txc_pg_run (conn, "ROLLBACK", 0, NULL));
    return conn->lost ? txc_pg_fail_lost (conn, error) : TXC_RM_ROLLED_BACK;
}

/* Why the guard or the command behind it failed. */
static void s_explain (txc_rm_conn_t *conn, const PGresult *guard, const PGresult *command,
                       txc_rm_error_t *error)
{
    if (txc_pg_has_state (guard, "22012"))
        txc_pg_fail (error, TXC_RM_ROLLED_BACK, TXC_EBRANCH, S_ENDED_BY_ITSELF);
    else if (!txc_pg_ok (guard)) {
        txc_pg_is_stale (conn, guard);
        txc_pg_fail_result (error, TXC_RM_ROLLED_BACK, TXC_EBRANCH, guard);
    } else if (txc_pg_ok (command))
        txc_pg_fail (error, TXC_RM_ROLLED_BACK, TXC_EBRANCH,
                     "PostgreSQL rolled the branch back (command tag \"%s\")",
                     PQcmdStatus ((PGresult *) command));
    else
        txc_pg_fail_result (error, TXC_RM_ROLLED_BACK, TXC_EBRANCH, command);
    if (error == NULL)
        return;
    const char *advice = NULL;
    if (txc_pg_has_state (command, "55000"))
        advice =
            "max_prepared_transactions is 0: set it to the number of branches at once and restart PostgreSQL";
    else if (txc_pg_has_state (command, "53200"))
        advice = "no slot for a prepared transaction is left: raise max_prepared_transactions and restart "
                 "PostgreSQL";
    if (advice)
        snprintf (error->text, sizeof error->text, "%s (%.100s)", advice,
                  PQresultErrorField (command, PG_DIAG_MESSAGE_PRIMARY));
}

static bool s_is_yes (txc_rm_conn_t *conn, PGresult *guard, PGresult *prepared)
{
    return txc_pg_ok (guard) && PQresultStatus (prepared) == PGRES_COMMAND_OK &&
           strcmp (PQcmdStatus (prepared), "PREPARE TRANSACTION") == 0 &&
           PQtransactionStatus (conn->pg) == PQTRANS_IDLE;
}

txc_rm_status_t txc_pg_read_vote (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    PGresult *guard = txc_pg_read (conn);
    txc_pg_keep_xid (conn, guard, 0);
    conn->warned = false;
    PGresult *prepared = txc_pg_read (conn);
    txc_rm_status_t vote;
    if (!txc_pg_read_sync (conn))
        vote = txc_pg_fail_lost (conn, error);
    else if (PQresultStatus (guard) == PGRES_PIPELINE_ABORTED)
        vote = TXC_RM_ERROR;
    else if (!s_is_yes (conn, guard, prepared)) {
        s_explain (conn, guard, prepared, error);
        vote = s_end_refused (conn, error);
    } else {
        conn->phase = TXC_PG_IDLE;
        vote = TXC_RM_OK;
        if (conn->warned && (vote = txc_pg_undo_prepared (conn, error)) == TXC_RM_OK)
            vote = txc_pg_fail (
                error, TXC_RM_ROLLED_BACK, TXC_EBRANCH,
                "the wait for the synchronous standby was given up, so the branch may not survive a "
                "failover: rolled back");
    }
    PQclear (guard);
    PQclear (prepared);
    return vote;
}

bool txc_pg_wrote_nothing (const PGresult *asked)
{
    /* A serializable branch is prepared in any case: its conflicts show there, and not behind the decision.
     */
    return PQresultStatus (asked) == PGRES_TUPLES_OK && PQgetisnull (asked, 0, 0) &&
           strcmp (PQgetvalue (asked, 0, 1), "serializable") != 0;
}

/* A branch of which no xid is known: READ_ONLY, OK (it is to be prepared), ROLLED_BACK, LOST. */
static txc_rm_status_t s_ask (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    const char *mark[] = {conn->gid, conn->user};
    txc_pg_send_own (conn, TXC_PG_ASK, 2, mark);
    txc_pg_send_sync (conn);
    PGresult *asked = txc_pg_read (conn);
    txc_rm_status_t status = TXC_RM_OK;
    if (!txc_pg_read_sync (conn))
        status = txc_pg_fail_lost (conn, error);
    else if (txc_pg_wrote_nothing (asked))
        status = TXC_RM_READ_ONLY;
    else if (!txc_pg_ok (asked)) {
        s_explain (conn, asked, NULL, error);
        status = s_end_refused (conn, error);
    }
    txc_pg_keep_xid (conn, asked, 0);
    PQclear (asked);
    return status;
}

/* OK if the branch can go on to its end; else why not, and the branch is rolled back (or lost). */
static txc_rm_status_t s_precheck (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    if (conn->phase == TXC_PG_IDLE)
        return txc_pg_fail (error, TXC_RM_LOST, TXC_EPROTO, "the connection has no branch");
    PGTransactionStatusType now = PQtransactionStatus (conn->pg);
    if (conn->phase == TXC_PG_STARTED || (now == PQTRANS_INTRANS && !conn->doomed))
        return TXC_RM_OK;
    txc_pg_fail (error, TXC_RM_ROLLED_BACK, TXC_EBRANCH, "%s",
                 now == PQTRANS_IDLE ? S_ENDED_BY_ITSELF
                                     : "a statement of the branch had failed: rolled back");
    return s_end_refused (conn, error);
}

/* The vote of a last resource: it commits.  A standby that was not waited for changes nothing any more. */
static txc_rm_status_t s_commit_last (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    const char *mark[] = {conn->gid, conn->user};
    txc_pg_send_own (conn, TXC_PG_GUARD, 2, mark);
    txc_pg_send_last (conn);
    txc_pg_send_sync (conn);
    PGresult *guard = txc_pg_read (conn), *marked = txc_pg_read (conn), *committed = txc_pg_read (conn);
    txc_rm_status_t vote = TXC_RM_OK;
    txc_pg_keep_xid (conn, guard, 0);
    if (!txc_pg_read_sync (conn))
        vote = txc_pg_fail_lost (conn, error);
    else if (!txc_pg_ok (guard) || !txc_pg_is_last_yes (conn, marked, committed)) {
        s_explain (conn, guard, txc_pg_ok (marked) ? committed : marked, error);
        vote = s_end_refused (conn, error);
    } else
        conn->phase = TXC_PG_IDLE;
    PQclear (guard);
    PQclear (marked);
    PQclear (committed);
    return vote;
}

txc_rm_status_t txc_pg_prepare (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                char evidence[TXC_RM_EVIDENCE_SIZE], txc_rm_error_t *error)
{
    (void) xid; /* that of start */
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    txc_pg_evidence_format (conn, false, evidence);
    txc_rm_status_t status = s_precheck (conn, error);
    if (status != TXC_RM_OK)
        return status;
    if (conn->phase == TXC_PG_STARTED)
        return TXC_RM_READ_ONLY;
    if (conn->xid[0] == '\0' && (status = s_ask (conn, error)) != TXC_RM_OK)
        return status;
    if (conn->rm->last_resource)
        status = s_commit_last (conn, error);
    else {
        txc_pg_send_prepare (conn);
        txc_pg_send_sync (conn);
        status = txc_pg_read_vote (conn, error);
    }
    txc_pg_evidence_format (conn, status == TXC_RM_OK, evidence);
    return status;
}

/* --- ends without PREPARE ------------------------------------------------ */

txc_rm_status_t txc_pg_commit_one_phase (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    (void) xid;
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    txc_rm_status_t status = s_precheck (conn, error);
    if (status != TXC_RM_OK)
        return status;
    if (conn->phase == TXC_PG_STARTED) {
        conn->phase = TXC_PG_IDLE;
        return TXC_RM_OK;
    }
    s_send_guarded (conn, TXC_PG_ASK, "COMMIT");
    txc_pg_send_sync (conn);
    PGresult *guard = txc_pg_read (conn), *committed = txc_pg_read (conn);
    if (!txc_pg_read_sync (conn))
        status = txc_pg_fail_lost (conn, error);
    else if (!txc_pg_ok (guard) || !txc_pg_ok (committed) ||
             strcmp (PQcmdStatus (committed), "COMMIT") != 0) {
        s_explain (conn, guard, committed, error);
        status = s_end_refused (conn, error);
    } else
        conn->phase = TXC_PG_IDLE;
    PQclear (guard);
    PQclear (committed);
    return status;
}

static txc_rm_status_t s_end (txc_rm_conn_t *conn, const char *sql, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    if (conn->phase == TXC_PG_ACTIVE && PQtransactionStatus (conn->pg) != PQTRANS_IDLE)
        PQclear (txc_pg_run (conn, sql, 0, NULL));
    conn->phase = TXC_PG_IDLE;
    if (!conn->lost && PQtransactionStatus (conn->pg) != PQTRANS_IDLE)
        conn->lost = true;
    return conn->lost ? txc_pg_fail_lost (conn, error) : TXC_RM_OK;
}

txc_rm_status_t txc_pg_commit_read_only (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    (void) xid;
    return s_end (conn, "COMMIT", error);
}

txc_rm_status_t txc_pg_rollback_active (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    (void) xid;
    return s_end (conn, "ROLLBACK", error);
}
