/*
 * txc_pg_evidence.c - what proves later that a branch committed, and where it ran.
 *
 * An xid8 alone proves nothing: on a standby that was promoted without it the
 * same number is given to another transaction.  System identifier and timeline
 * tell the histories apart.
 */
#include "txc_pg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

void txc_pg_evidence_format (const txc_rm_conn_t *conn, bool prepared, char evidence[TXC_RM_EVIDENCE_SIZE])
{
    const txc_pg_identity_t *id = &conn->identity;
    int size = snprintf (evidence, TXC_RM_EVIDENCE_SIZE, "%s/%" PRIu64 "/%" PRIu32 "/%d/%" PRId64,
                         conn->xid[0] ? conn->xid : "-", id->system, id->timeline, prepared ? 0 : id->pid,
                         prepared ? 0 : id->started_us);
    TXC_ASSERT (size > 0 && size < TXC_RM_EVIDENCE_SIZE);
}

/* One number, with `end` behind it; moves *at behind that. */
static bool s_number (const char **at, char end, uint64_t *number)
{
    if (**at < '0' || **at > '9')
        return false;
    char *behind;
    errno = 0;
    *number = strtoull (*at, &behind, 10);
    if (errno != 0 || *behind != end)
        return false;
    *at = behind + (end != '\0');
    return true;
}

bool txc_pg_evidence_parse (const char *evidence, uint64_t *xid, txc_pg_identity_t *identity)
{
    uint64_t timeline, pid, started;
    *xid = 0;
    if (strncmp (evidence, "-/", 2) == 0)
        evidence += 2;
    else if (!s_number (&evidence, '/', xid))
        return false;
    if (!s_number (&evidence, '/', &identity->system) || !s_number (&evidence, '/', &timeline) ||
        !s_number (&evidence, '/', &pid) || !s_number (&evidence, '\0', &started) || timeline > UINT32_MAX ||
        pid > INT32_MAX || started > INT64_MAX)
        return false;
    identity->timeline = (uint32_t) timeline;
    identity->pid = (int) pid;
    identity->started_us = (int64_t) started;
    return true;
}

txc_rm_status_t txc_pg_identity (txc_rm_conn_t *conn, char identity[TXC_RM_EVIDENCE_SIZE],
                                 txc_rm_error_t *error)
{
    /* Read when it connected: another timeline needs a restart or a promotion, and we connect to primaries
     * only.  A database of its own is a resource manager of its own. */
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    snprintf (identity, TXC_RM_EVIDENCE_SIZE, "%" PRIu64 "/%" PRIu32 "/%" PRIu32, conn->identity.system,
              conn->identity.timeline, conn->database);
    return TXC_RM_OK;
}

static txc_rm_status_t s_judge (const PGresult *result, txc_rm_error_t *error)
{
    if (PQresultStatus (result) != PGRES_TUPLES_OK) /* 22023: the xid lies in the future of this server */
        return txc_pg_fail_result (error, TXC_RM_UNKNOWN, TXC_UNKNOWN, result);
    const char *text = PQgetvalue (result, 0, 0);
    if (PQgetisnull (result, 0, 0))
        return txc_pg_fail (error, TXC_RM_UNKNOWN, TXC_UNKNOWN,
                            "PostgreSQL no longer knows that transaction's status");
    if (strcmp (text, "committed") == 0)
        return TXC_RM_OK;
    if (strcmp (text, "aborted") == 0)
        return TXC_RM_ROLLED_BACK;
    return txc_pg_fail (error, TXC_RM_RETRY, TXC_ERM, "the branch's transaction is still %s", text);
}

txc_rm_status_t txc_pg_evidence (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error)
{
    (void) xid;
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    uint64_t number;
    txc_pg_identity_t identity;
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    if (!txc_pg_evidence_parse (evidence, &number, &identity) || number == 0)
        return txc_pg_fail (error, TXC_RM_UNKNOWN, TXC_UNKNOWN, "the branch left no transaction id");
    if (identity.system != conn->identity.system || identity.timeline != conn->identity.timeline)
        return txc_pg_fail (
            error, TXC_RM_UNKNOWN, TXC_UNKNOWN,
            "the branch ran on another server or before a failover: its transaction id means nothing "
            "here");
    char text[TXC_PG_XID_SIZE];
    snprintf (text, sizeof text, "%" PRIu64, number);
    const char *params[] = {text};
    PGresult *result =
        txc_pg_run (conn, "SELECT pg_catalog.pg_xact_status($1::text::pg_catalog.xid8)", 1, params);
    if (result == NULL)
        return txc_pg_fail_lost (conn, error);
    txc_rm_status_t status = s_judge (result, error);
    PQclear (result);
    return status;
}
