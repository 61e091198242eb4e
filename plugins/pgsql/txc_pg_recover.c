/*
 * txc_pg_recover.c - what is prepared, and the end of sessions that may still prepare.
 */
#include "txc_pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

/* --- recover ------------------------------------------------------------- */

/* gid, age in milliseconds, xid, the next xid (NULL: xid is whole), whether the server is a standby; behind
 * the branches a row without one. */
static const char s_prepared[] =
    "SELECT gid, greatest(0, extract(epoch FROM clock_timestamp() - prepared) * 1000)::bigint,"
    " transaction, pg_snapshot_xmax(pg_current_snapshot()), pg_is_in_recovery()"
    " FROM pg_prepared_xacts WHERE database = current_database()"
    " UNION ALL SELECT NULL, NULL, NULL, NULL, pg_is_in_recovery()";

enum { S_GID, S_AGE, S_XID, S_NEXT_XID, S_STANDBY };

bool txc_pg_split (const char *gid, txc_rm_found_t *found)
{
    const char *colon = strchr (gid, ':');
    if (colon == NULL || colon == gid || colon - gid > TXC_GTRID_MAX || strlen (colon + 1) > TXC_BQUAL_MAX)
        return false;
    snprintf (found->gtrid, sizeof found->gtrid, "%.*s", (int) (colon - gid), gid);
    txc_copy_text (found->bqual, sizeof found->bqual, colon + 1);
    return true;
}

/* `transaction` has 32 bits; its epoch is that of the next xid, or the one before. */
static uint64_t s_xid (const PGresult *result, int row)
{
    uint64_t xid = strtoull (PQgetvalue (result, row, S_XID), NULL, 10);
    if (PQgetisnull (result, row, S_NEXT_XID))
        return xid;
    uint64_t next = strtoull (PQgetvalue (result, row, S_NEXT_XID), NULL, 10);
    uint64_t epoch = next >> 32;
    if (xid > (next & UINT32_MAX) && epoch > 0)
        epoch--;
    return epoch << 32 | xid;
}

static void s_found (const txc_rm_conn_t *conn, const PGresult *result, int row,
                     void (*found) (void *arg, const txc_rm_found_t *branch), void *arg)
{
    txc_rm_found_t branch = {.format_id = TXC_FORMAT_ID};
    if (PQgetisnull (result, row, S_GID) || !txc_pg_split (PQgetvalue (result, row, S_GID), &branch))
        return;
    branch.age_ms = strtoull (PQgetvalue (result, row, S_AGE), NULL, 10);
    /* No session is named: a prepared branch has none. */
    snprintf (branch.evidence, sizeof branch.evidence, "%" PRIu64 "/%" PRIu64 "/%" PRIu32 "/0/0",
              s_xid (result, row), conn->identity.system, conn->identity.timeline);
    found (arg, &branch);
}

txc_rm_status_t txc_pg_recover (txc_rm_conn_t *conn, void (*found) (void *arg, const txc_rm_found_t *branch),
                                void *arg, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    PGresult *result =
        txc_pg_run (conn, conn->rm->last_resource ? txc_pg_last_branches : s_prepared, 0, NULL);
    if (result == NULL)
        return txc_pg_fail_lost (conn, error);
    txc_rm_status_t status = TXC_RM_OK;
    int rows = PQntuples (result);
    if (PQresultStatus (result) != PGRES_TUPLES_OK || rows == 0)
        status = txc_pg_fail_result (error, TXC_RM_RETRY, TXC_ERM, result);
    else if (PQgetvalue (result, rows - 1, S_STANDBY)[0] == 't') /* an empty list would mean nothing */
        status = txc_pg_fail (error, TXC_RM_RETRY, TXC_ERMFAIL,
                              "the server is a standby now: it lists no branches");
    for (int row = 0; status == TXC_RM_OK && row < rows; row++)
        s_found (conn, result, row, found, arg);
    PQclear (result);
    return status;
}

/* --- fence --------------------------------------------------------------- */

/* Ends the sessions of a query of pg_stat_activity and waits until each is gone.  The server waits for one
 * after the other; a session that it cannot name any more is gone too. */
static txc_rm_status_t s_terminate (txc_rm_conn_t *conn, const char *where, int n, const char *const *params,
                                    txc_rm_error_t *error)
{
    char sql[640];
    snprintf (
        sql, sizeof sql,
        "SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE NOT pg_terminate_backend(pid, %" PRIu32
        "))"
        " FROM pg_catalog.pg_stat_activity WHERE pid <> pg_backend_pid() AND %s",
        conn->rm->fence_timeout_ms, where);
    PGresult *result = txc_pg_run (conn, sql, n, params);
    if (result == NULL)
        return txc_pg_fail_lost (conn, error);
    txc_rm_status_t status = TXC_RM_OK;
    if (PQresultStatus (result) != PGRES_TUPLES_OK) {
        int code = txc_pg_has_state (result, "42501") ? TXC_EPERM : TXC_ERM;
        status = txc_pg_fail_result (error, TXC_RM_RETRY, code, result);
    }
    PQclear (result);
    return status;
}

/* None left of them? */
static txc_rm_status_t s_see_gone (txc_rm_conn_t *conn, const char *where, int n, const char *const *params,
                                   txc_rm_error_t *error)
{
    char sql[512];
    snprintf (
        sql, sizeof sql,
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE pid <> pg_backend_pid() AND %s",
        where);
    PGresult *result = txc_pg_run (conn, sql, n, params);
    if (result == NULL)
        return txc_pg_fail_lost (conn, error);
    txc_rm_status_t status = TXC_RM_OK;
    if (PQresultStatus (result) != PGRES_TUPLES_OK)
        status = txc_pg_fail_result (error, TXC_RM_RETRY, TXC_ERM, result);
    else if (strcmp (PQgetvalue (result, 0, 0), "0") != 0)
        status = txc_pg_fail (error, TXC_RM_RETRY, TXC_ERM,
                              "%s of the sessions to end is still there after %" PRIu32 " ms",
                              PQgetvalue (result, 0, 0), conn->rm->fence_timeout_ms);
    PQclear (result);
    return status;
}

static txc_rm_status_t s_fence (txc_rm_conn_t *conn, const char *where, int n, const char *const *params,
                                txc_rm_error_t *error)
{
    txc_rm_status_t status = s_terminate (conn, where, n, params, error);
    return status == TXC_RM_OK ? s_see_gone (conn, where, n, params, error) : status;
}

txc_rm_status_t txc_pg_fence_all (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    const char *params[] = {txc_pg_application()};
    return s_fence (
        conn,
        "datname = current_database() AND usename = session_user AND application_name LIKE 'txagent/%'"
        " AND application_name <> $1",
        1, params, error);
}

txc_rm_status_t txc_pg_fence (txc_rm_conn_t *conn, txc_rm_conn_t *dead, const char *evidence,
                              txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    txc_pg_identity_t who;
    uint64_t xid;
    if (dead) {
        TXC_CHECK (dead, TXC_PG_CONN_MAGIC);
        who = dead->identity;
    } else if (evidence[0] == '\0')
        return txc_pg_fence_all (conn,
                                 error); /* whose it was is not known, but not ours: an earlier agent's */
    else if (!txc_pg_evidence_parse (evidence, &xid, &who))
        return txc_pg_fail (error, TXC_RM_RETRY, TXC_EINVAL, "the evidence names no session");
    /* A session of another server, or of before a failover, ended with it. */
    if (who.pid == 0 || who.system != conn->identity.system || who.timeline != conn->identity.timeline)
        return TXC_RM_OK;
    char pid[16], started[24];
    snprintf (pid, sizeof pid, "%d", who.pid);
    snprintf (started, sizeof started, "%" PRId64, who.started_us);
    const char *params[] = {pid, started};
    /* The start tells it from a later one of that pid.  It is NULL if we may not see it: then better wait
     * than miss. */
    return s_fence (conn,
                    "pid = $1::int4"
                    " AND (extract(epoch FROM backend_start) * 1000000)::int8 IS NOT DISTINCT FROM $2::int8",
                    2, params, error);
}
