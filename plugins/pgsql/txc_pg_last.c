/*
 * txc_pg_last.c - a database that takes part as the last resource.
 *
 * It does not prepare: a branch commits, and in the same transaction a row that
 * says so.  That marker is all that anybody needs to know later; one with the
 * same key that says "aborted" rules the commit out, since the key is unique
 * and whoever comes second waits for the first and then fails.
 *
 * A committed marker goes with the branch's phase 2, or becomes "heuristic" if
 * somebody insists on a rollback that comes too late.  That and the aborted ones
 * go after some days, when nothing that they kept out can still be under way.
 */
#include "txc_pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"

enum { XA_HEURCOM = 7 };

#define S_SCRIPT "sql/postgresql/last_resource.sql"

/* --- committing with the marker ------------------------------------------------- */

/* This commit is the decision: it is on disk before it is told, whatever the role, the server or a function
 * of the application's made of synchronous_commit. */
void txc_pg_send_last (txc_rm_conn_t *conn)
{
    const char *params[] = {conn->gid};
    txc_pg_send_sql (conn,
                     "INSERT INTO txcoord.last_resource (gid, outcome, xid)"
                     " SELECT $1, 'committed', pg_catalog.pg_current_xact_id()"
                     " FROM (SELECT pg_catalog.current_setting('synchronous_commit')) AS now (setting)"
                     " WHERE pg_catalog.set_config('synchronous_commit',"
                     " CASE WHEN now.setting = 'off' THEN 'local' ELSE now.setting END, true) IS NOT NULL",
                     1, params);
    txc_pg_send_sql (conn, "COMMIT", 0, NULL);
}

bool txc_pg_is_last_yes (txc_rm_conn_t *conn, PGresult *marked, PGresult *committed)
{
    return txc_pg_ok (marked) && PQresultStatus (committed) == PGRES_COMMAND_OK &&
           strcmp (PQcmdStatus (committed), "COMMIT") == 0 && PQtransactionStatus (conn->pg) == PQTRANS_IDLE;
}

/* --- what became of it --------------------------------------------------------------- */

/* One command of ours outside of any branch; NULL with *status and error if it cannot be told. */
static PGresult *s_run (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *sql,
                        txc_rm_status_t *status, txc_rm_error_t *error)
{
    char gid[TXC_PG_GID_SIZE];
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    *status = TXC_RM_RETRY;
    if (!txc_pg_is_alive (conn)) {
        *status = txc_pg_fail_lost (conn, error);
        return NULL;
    }
    if (conn->phase != TXC_PG_IDLE || PQtransactionStatus (conn->pg) != PQTRANS_IDLE) {
        txc_pg_fail (error, TXC_RM_RETRY, TXC_EPROTO, "the connection has an open branch");
        return NULL;
    }
    if (!txc_pg_gid (xid, gid)) {
        *status = txc_pg_fail (error, TXC_RM_ABSENT, TXC_EINVAL, "not a valid branch id");
        return NULL;
    }
    const char *params[] = {gid};
    PGresult *result = txc_pg_run (conn, sql, 1, params);
    if (result == NULL)
        *status = txc_pg_fail_lost (conn, error);
    else if (!txc_pg_ok (result)) {
        *status = txc_pg_fail_result (error, TXC_RM_RETRY, TXC_ERM, result);
        PQclear (result);
        result = NULL;
    }
    return result;
}

/* A row of outcome and xid: OK with evidence if the branch has committed. */
static txc_rm_status_t s_judge (const txc_rm_conn_t *conn, PGresult *row, char *evidence)
{
    if (PQntuples (row) != 1 || strcmp (PQgetvalue (row, 0, 0), "aborted") == 0)
        return TXC_RM_ABSENT;
    if (evidence)
        snprintf (evidence, TXC_RM_EVIDENCE_SIZE, "%s/%" PRIu64 "/%" PRIu32 "/0/0", PQgetvalue (row, 0, 1),
                  conn->identity.system, conn->identity.timeline);
    return TXC_RM_OK;
}

txc_rm_status_t txc_pg_refuse (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                               char evidence[TXC_RM_EVIDENCE_SIZE], txc_rm_error_t *error)
{
    txc_rm_status_t status;
    /* Waits for a commit that is under way with the same key. */
    PGresult *put = s_run (conn, xid,
                           "INSERT INTO txcoord.last_resource (gid, outcome) VALUES ($1, 'aborted')"
                           " ON CONFLICT (gid) DO NOTHING",
                           &status, error);
    PQclear (put);
    if (!put)
        return status;
    PGresult *row =
        s_run (conn, xid, "SELECT outcome, xid FROM txcoord.last_resource WHERE gid = $1", &status, error);
    if (!row)
        return status;
    status = PQntuples (row) == 1 ? s_judge (conn, row, evidence) : TXC_RM_RETRY; /* somebody took it away */
    PQclear (row);
    return status;
}

txc_rm_status_t txc_pg_end_last (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, bool commit,
                                 txc_rm_error_t *error)
{
    txc_rm_status_t status;
    PGresult *result =
        s_run (conn, xid,
               commit ? "DELETE FROM txcoord.last_resource WHERE gid = $1 AND outcome = 'committed'"
                        " RETURNING outcome, xid"
                      : "UPDATE txcoord.last_resource SET outcome = 'heuristic'"
                        " WHERE gid = $1 AND outcome <> 'aborted' RETURNING outcome, xid",
               &status, error);
    if (!result)
        return status;
    status = s_judge (conn, result, NULL);
    PQclear (result);
    if (commit || status != TXC_RM_OK)
        return status;
    txc_pg_fail (error, TXC_RM_HEURISTIC, TXC_ERM,
                 "a last resource that has committed cannot be rolled back");
    if (error)
        error->native = XA_HEURCOM;
    return TXC_RM_HEURISTIC;
}

/* --- recovery --------------------------------------------------------------------------- */

const char txc_pg_last_branches[] =
    "SELECT gid, greatest(0, extract(epoch FROM clock_timestamp() - at) * 1000)::bigint, xid, NULL,"
    " pg_is_in_recovery() FROM txcoord.last_resource WHERE outcome = 'committed'"
    " UNION ALL SELECT NULL, NULL, NULL, NULL, pg_is_in_recovery()";

txc_rm_status_t txc_pg_check_last (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    PGresult *result = txc_pg_run (conn,
                                   "SELECT pg_catalog.to_regclass('txcoord.last_resource') IS NOT NULL"
                                   " AND pg_catalog.has_table_privilege('txcoord.last_resource', 'SELECT')"
                                   " AND pg_catalog.has_table_privilege('txcoord.last_resource', 'INSERT')"
                                   " AND pg_catalog.has_table_privilege('txcoord.last_resource', 'UPDATE')"
                                   " AND pg_catalog.has_table_privilege('txcoord.last_resource', 'DELETE')",
                                   0, NULL);
    if (result == NULL)
        return txc_pg_fail_lost (conn, error);
    bool ready = PQresultStatus (result) == PGRES_TUPLES_OK && PQgetvalue (result, 0, 0)[0] == 't';
    PQclear (result);
    if (!ready)
        return txc_pg_fail (error, TXC_RM_ERROR, TXC_ECONFIG,
                            "last_resource = 1 needs the table txcoord.last_resource: run " S_SCRIPT
                            " in this database, for this agent's role");
    result = txc_pg_run (conn,
                         "DELETE FROM txcoord.last_resource"
                         " WHERE outcome <> 'committed' AND at < clock_timestamp() - interval '7 days'",
                         0, NULL);
    if (result == NULL)
        return txc_pg_fail_lost (conn, error);
    PQclear (result);
    return TXC_RM_OK;
}
