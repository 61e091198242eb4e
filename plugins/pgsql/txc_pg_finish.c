/*
 * txc_pg_finish.c - the ends of a prepared branch, from any connection.
 *
 * Each runs under a Sync of its own: it may not lie in a transaction block.
 * An error is never an outcome: either the branch is not listed (42704), and
 * evidence has to tell what became of it, or it is tried again.
 */
#include "txc_pg.h"

#include <stdio.h>

#include "base/txc_assert.h"

static txc_rm_status_t s_refused (const char *verb, const PGresult *result, txc_rm_error_t *error)
{
    if (txc_pg_has_state (result, "42704"))
        return txc_pg_fail_result (error, TXC_RM_ABSENT, TXC_ENOTA, result);
    int code = txc_pg_has_state (result, "42501") ? TXC_EPERM : TXC_ERM;
    txc_pg_fail_result (error, TXC_RM_RETRY, code, result);
    if (error && code == TXC_EPERM)
        snprintf (error->text, sizeof error->text,
                  "%s PREPARED: the branch belongs to another role (pg_prepared_xacts tells whose): only "
                  "that role, one that it was granted to, or a superuser may finish it",
                  verb);
    return TXC_RM_RETRY;
}

static bool s_is_ok (const PGresult *result)
{
    return result &&
           (PQresultStatus (result) == PGRES_COMMAND_OK || PQresultStatus (result) == PGRES_TUPLES_OK);
}

/* An application's role has prepared it on a connection of its own, and was granted to this one.  The
 * connection never keeps that role: it is of no use any more if it cannot go back.  NULL: nothing was tried.
 */
static PGresult *s_run_as_owner (txc_rm_conn_t *conn, const char *gid, const char *sql)
{
    char set[96] = "";
    PGresult *owner = txc_pg_run (
        conn, "SELECT pg_catalog.quote_ident(owner) FROM pg_catalog.pg_prepared_xacts WHERE gid = $1", 1,
        &gid);
    int size = s_is_ok (owner) && PQntuples (owner) == 1
                   ? snprintf (set, sizeof set, "SET ROLE %s", PQgetvalue (owner, 0, 0))
                   : 0;
    PQclear (owner);
    if (size <= 0 || size >= (int) sizeof set)
        return NULL;
    PGresult *role = txc_pg_run (conn, set, 0, NULL);
    bool is_owner = s_is_ok (role);
    PQclear (role);
    if (!is_owner)
        return NULL;
    PGresult *result = txc_pg_run (conn, sql, 0, NULL);
    PGresult *back = txc_pg_run (conn, "RESET ROLE", 0, NULL);
    conn->lost = conn->lost || !s_is_ok (back);
    PQclear (back);
    return result;
}

static txc_rm_status_t s_finish (txc_rm_conn_t *conn, const char *verb, const txc_rm_xid_t *xid,
                                 txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    if (conn->phase != TXC_PG_IDLE || PQtransactionStatus (conn->pg) != PQTRANS_IDLE)
        return txc_pg_fail (error, TXC_RM_RETRY, TXC_EPROTO, "the connection has an open branch");
    char gid[TXC_PG_GID_SIZE], sql[TXC_PG_GID_SIZE + 32];
    if (!txc_pg_gid (xid, gid))
        return txc_pg_fail (error, TXC_RM_ABSENT, TXC_EINVAL, "not a valid branch id");
    snprintf (sql, sizeof sql, "%s PREPARED '%s'", verb, gid);
    PGresult *result = txc_pg_run (conn, sql, 0, NULL);
    if (result == NULL)
        return txc_pg_fail_lost (conn, error);
    PGresult *again = txc_pg_has_state (result, "42501") ? s_run_as_owner (conn, gid, sql) : NULL;
    if (again) {
        PQclear (result);
        result = again;
    }
    txc_rm_status_t status =
        PQresultStatus (result) == PGRES_COMMAND_OK ? TXC_RM_OK : s_refused (verb, result, error);
    PQclear (result);
    return status;
}

txc_rm_status_t txc_pg_commit (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                               txc_rm_error_t *error)
{
    (void) evidence;
    if (conn->rm->last_resource)
        return txc_pg_end_last (conn, xid, true, error);
    return s_finish (conn, "COMMIT", xid, error);
}

txc_rm_status_t txc_pg_rollback (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error)
{
    (void) evidence;
    if (conn->rm->last_resource)
        return txc_pg_end_last (conn, xid, false, error);
    return s_finish (conn, "ROLLBACK", xid, error);
}

/* PostgreSQL takes no heuristic decisions: there is nothing to forget. */
txc_rm_status_t txc_pg_forget (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    (void) xid;
    (void) error;
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    return TXC_RM_OK;
}
