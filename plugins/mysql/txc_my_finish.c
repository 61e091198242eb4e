/*
 * txc_my_finish.c - the ends of a prepared branch, by its own connection or by
 * any other.
 *
 * The server refuses a branch that another session still holds with "unknown
 * XID" (1397), although XA RECOVER lists it: that is RETRY, not ABSENT.  No
 * error of XA COMMIT or XA ROLLBACK ends a prepared branch, with two
 * exceptions: a branch that changed nothing is forgotten when its session ends,
 * and whoever asks first is told 1402; and a statement that is killed when it
 * is done (1317, 1969) has been done.
 */
#include "config.h"

#include <string.h>

#include "base/txc_assert.h"

#include "txc_my.h"

enum { S_XA_HEURRB = 6 }; /* X/Open's number: rolled back heuristically */

/* Makes the connection fit to end a branch that is not its own.  OK, RETRY, LOST. */
static txc_rm_status_t s_make_ready (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    if (conn->phase != TXC_MY_IDLE)
        return txc_my_fail (error, TXC_RM_RETRY, TXC_EPROTO,
                            "the connection has a branch of its own: use another");
    /* With autocommit off the server would take the session as being inside a transaction (1400). */
    int rc = txc_my_session_set (conn, true, conn->lock_timeout_s, error);
    return rc == 0 ? TXC_RM_OK : rc == TXC_MY_LOST ? TXC_RM_LOST : TXC_RM_RETRY;
}

/* The server does not know the branch, or denies it. */
static txc_rm_status_t s_unknown (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    txc_rm_status_t status = txc_my_is_listed (conn, xid, error);
    if (status == TXC_RM_ABSENT)
        return txc_my_fail (error, TXC_RM_ABSENT, TXC_ENOTA,
                            "the server does not list the branch as prepared");
    if (status != TXC_RM_OK)
        return status;
    return txc_my_fail (error, TXC_RM_RETRY, TXC_ERM,
                        "the branch is listed as prepared, but the session that prepared it still holds it");
}

/* An error that is no outcome: read-only server, global read lock, cancelled.  The branch stays prepared as a
 * rule; but a commit that is killed, or runs out of time, in its last moment has been done all the same. */
static txc_rm_status_t s_refused (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, bool commit,
                                  txc_rm_error_t *error)
{
    txc_rm_error_t ignored;
    if (!commit)
        return TXC_RM_RETRY;
    txc_rm_status_t listed = txc_my_is_listed (conn, xid, &ignored);
    if (listed == TXC_RM_ABSENT) {
        conn->lost = true; /* as if its answer had been lost */
        error->code = TXC_ERMFAIL;
    }
    return conn->lost ? TXC_RM_LOST : TXC_RM_RETRY;
}

/* "Rolled back" (1402): right for a branch that changed nothing, whatever the outcome. */
static txc_rm_status_t s_forgotten (bool commit, const char *evidence, txc_rm_error_t *error)
{
    uint64_t server_start;
    unsigned long session;
    bool wrote;
    if (!commit || !txc_my_evidence_parse (evidence, &server_start, &session, &wrote) || !wrote)
        return TXC_RM_OK;
    txc_my_fail (error, TXC_RM_HEURISTIC, TXC_ERM,
                 "the server rolled the branch back by itself, although it had changed rows");
    error->native = S_XA_HEURRB;
    return TXC_RM_HEURISTIC;
}

/* Runs the verb, for a branch of this connection as for any other.  0, a number, TXC_MY_LOST. */
static int s_run (txc_rm_conn_t *conn, const char *verb, const char *text, bool *own, txc_rm_error_t *error)
{
    int rc = txc_my_run (conn, error, "XA %s %s", verb, text);
    if (rc != TXC_MY_XA_OUTSIDE || !*own)
        return rc;
    /* MySQL detached it when it was prepared: with autocommit off, it is then as if it were another's. */
    *own = false;
    conn->phase = TXC_MY_IDLE;
    rc = txc_my_session_set (conn, true, conn->lock_timeout_s, error);
    return rc ? rc : txc_my_run (conn, error, "XA %s %s", verb, text);
}

static txc_rm_status_t s_finish (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, bool commit,
                                 const char *evidence, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    if (conn->lost)
        return txc_my_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "the connection to the server was lost before");
    char text[TXC_MY_XID_SIZE];
    txc_my_xid_format (xid, text);
    bool own = conn->phase == TXC_MY_PREPARED && strcmp (conn->xid, text) == 0;
    txc_rm_status_t ready = own ? TXC_RM_OK : s_make_ready (conn, error);
    if (ready != TXC_RM_OK)
        return ready;
    int rc = s_run (conn, commit ? "COMMIT" : "ROLLBACK", text, &own, error);
    if (rc == TXC_MY_LOST)
        return TXC_RM_LOST;
    if (rc == TXC_MY_XA_NOTA)
        return s_unknown (conn, xid, error);
    if (rc != 0 && rc != TXC_MY_XA_RBROLLBACK)
        return s_refused (conn, xid, commit, error);
    if (own)
        conn->phase = TXC_MY_IDLE;
    txc_my_session_clean (conn);
    return rc == 0 ? TXC_RM_OK : s_forgotten (commit, evidence, error);
}

txc_rm_status_t txc_my_commit (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                               txc_rm_error_t *error)
{
    return s_finish (conn, xid, true, evidence, error);
}

txc_rm_status_t txc_my_rollback (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error)
{
    return s_finish (conn, xid, false, evidence, error);
}

/* The server keeps nothing of a branch that ended. */
txc_rm_status_t txc_my_forget (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    (void) xid;
    (void) error;
    return TXC_RM_OK;
}
