#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <txcoord/txc_pg.h>

/* A warning while the library's own statement ran: the wait for a synchronous standby was given up. */
static void s_notice (void *arg, const PGresult *notice)
{
    const char *file = PQresultErrorField (notice, PG_DIAG_SOURCE_FILE);
    const char *severity = PQresultErrorField (notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity && strcmp (severity, "WARNING") == 0 && (file == NULL || strcmp (file, "syncrep.c") == 0))
        *(int *) arg = 1;
}

static void s_copy (char *to, size_t size, const char *from)
{
    snprintf (to, size, "%s", from ? from : "");
}

static void s_take (const PGresult *result, txc_sql_reply_t *reply)
{
    ExecStatusType status = PQresultStatus (result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        s_copy (reply->sqlstate, sizeof reply->sqlstate, PQresultErrorField (result, PG_DIAG_SQLSTATE));
        s_copy (reply->text, sizeof reply->text, PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY));
        if (!reply->sqlstate[0])
            s_copy (reply->sqlstate, sizeof reply->sqlstate, "XX000");
        return;
    }
    s_copy (reply->tag, sizeof reply->tag, PQcmdStatus ((PGresult *) result));
    int n = PQntuples (result) > 0 ? PQnfields (result) : 0;
    reply->n_values = n < TXC_SQL_VALUES ? n : TXC_SQL_VALUES;
    for (int i = 0; i < reply->n_values; i++)
        s_copy (reply->values[i], sizeof reply->values[i], PQgetvalue (result, 0, i));
}

/* Ends a COPY that the application left open; false: that is none. */
static bool s_end_copy (PGconn *conn, ExecStatusType status)
{
    if (status == PGRES_COPY_IN)
        return PQputCopyEnd (conn, "the transaction ends, and COPY was left open") == 1;
    char *row = NULL;
    int size = 0;
    while (status == PGRES_COPY_OUT && (size = PQgetCopyData (conn, &row, 0)) > 0)
        PQfreemem (row);
    return status == PGRES_COPY_OUT && size == -1;
}

static bool s_is_copy (ExecStatusType status)
{
    return status == PGRES_COPY_IN || status == PGRES_COPY_BOTH || status == PGRES_COPY_OUT;
}

static void s_send (void *arg, const char *sql)
{
    /* What the application left unread, or running, would be taken for an answer to this. */
    PGconn *conn = arg;
    if (PQpipelineStatus (conn) != PQ_PIPELINE_OFF)
        return;
    for (PGresult *left; (left = PQgetResult (conn)) != NULL;) {
        ExecStatusType status = PQresultStatus (left);
        PQclear (left);
        if (s_is_copy (status) && !s_end_copy (conn, status))
            return; /* the next one cannot be sent: it shows when its answer is read */
    }
    PQsendQuery (conn, sql);
}

static void s_receive (void *arg, txc_sql_reply_t *reply)
{
    PGconn *conn = arg;
    if (PQpipelineStatus (conn) != PQ_PIPELINE_OFF) { /* answers come behind a PQpipelineSync only */
        reply->lost = 1;
        s_copy (reply->text, sizeof reply->text, "the enlisted connection was put into pipeline mode");
        return;
    }
    PQnoticeReceiver theirs = PQsetNoticeReceiver (conn, NULL, NULL);
    PQsetNoticeReceiver (conn, s_notice, &reply->warned);
    int n = 0;
    for (PGresult *result; (result = PQgetResult (conn)) != NULL;) {
        ExecStatusType status = PQresultStatus (result);
        s_take (result, reply); /* an error is the last one */
        n++;
        PQclear (result);
        if (s_is_copy (status))
            break;
    }
    PQsetNoticeReceiver (conn, theirs, NULL);
    if (n == 0 || PQstatus (conn) != CONNECTION_OK) {
        reply->lost = 1;
        s_copy (reply->text, sizeof reply->text, PQerrorMessage (conn));
    }
}

/* A session's process ends with it, and its socket is another one after a reconnection. */
static unsigned long long s_session (void *arg)
{
    return (unsigned long long) (unsigned) PQbackendPID (arg) << 32 | (unsigned) PQsocket (arg);
}

int txc_enlist_pg (txc_tx_t *tx, const char *rm, PGconn *conn)
{
    static const txc_enlist_driver_t driver = {.dialect = TXC_DIALECT_POSTGRESQL,
                                               .send = s_send,
                                               .receive = s_receive,
                                               .several = 1,
                                               .session = s_session};
    bool fit = conn && PQstatus (conn) == CONNECTION_OK && PQpipelineStatus (conn) == PQ_PIPELINE_OFF &&
               PQtransactionStatus (conn) == PQTRANS_IDLE && !PQisnonblocking (conn);
    return txc_enlist_cb (tx, rm, fit ? &driver : NULL, conn);
}
