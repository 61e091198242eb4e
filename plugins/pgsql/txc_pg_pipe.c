/*
 * txc_pg_pipe.c - commands through libpq's pipeline, and what their errors mean.
 *
 * The connection remembers what it sent: Parse messages, commands, Syncs.  A
 * reader asks for the result of the oldest command and need not know whether
 * a Parse went in front of it.
 */
#include "txc_pg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum { S_PARSE, S_COMMAND, S_SYNC };

/* Names are qualified: a branch may set its search_path.  The guard is a division that fails unless the mark
 * is ours: an error is what makes the server skip the PREPARE TRANSACTION behind it.  The role is part of it
 * because a prepared transaction belongs to the role that prepares it, and nobody else may finish it. */
#define S_MARK "SELECT pg_catalog.set_config('txcoord.branch', $1, true)"
#define S_LOCK ", pg_catalog.set_config('lock_timeout', $2, true)"
#define S_XID  "pg_catalog.pg_current_xact_id()::pg_catalog.text"
#define S_GUARD                                                                                              \
    "1 OPERATOR(pg_catalog./) CASE WHEN pg_catalog.current_setting('txcoord.branch', true)"                  \
    " OPERATOR(pg_catalog.=) $1 AND current_user::pg_catalog.text OPERATOR(pg_catalog.=) $2"                 \
    " THEN 1 ELSE 0 END"

static const char *const s_own[TXC_PG_OWNS] = {
    [TXC_PG_BEGIN] = "BEGIN",
    [TXC_PG_BEGIN + 1] = "BEGIN ISOLATION LEVEL READ COMMITTED",
    [TXC_PG_BEGIN + 2] = "BEGIN ISOLATION LEVEL REPEATABLE READ",
    [TXC_PG_BEGIN + 3] = "BEGIN ISOLATION LEVEL SERIALIZABLE",
    [TXC_PG_OPEN] = S_MARK,
    [TXC_PG_OPEN + TXC_PG_WITH_LOCK_TIMEOUT] = S_MARK S_LOCK,
    [TXC_PG_OPEN + TXC_PG_WITH_XID] = S_MARK ", " S_XID,
    [TXC_PG_OPEN + TXC_PG_WITH_LOCK_TIMEOUT + TXC_PG_WITH_XID] = S_MARK S_LOCK ", " S_XID,
    [TXC_PG_ASK] = "SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text,"
                   " pg_catalog.current_setting('transaction_isolation'), " S_GUARD,
    [TXC_PG_GUARD] = "SELECT " S_XID ", " S_GUARD,
};

/* --- sending ------------------------------------------------------------- */

static void s_sent (txc_rm_conn_t *conn, int sent, txc_pg_expected_t expected)
{
    if (!sent) {
        conn->lost = true;
        return;
    }
    TXC_ASSERT (conn->n_expect < TXC_PG_EXPECT_MAX);
    conn->expect[(conn->expect_head + conn->n_expect++) % TXC_PG_EXPECT_MAX] = expected;
}

static const txc_pg_expected_t s_command = {.what = S_COMMAND};

void txc_pg_send_sql (txc_rm_conn_t *conn, const char *sql, int n, const char *const *params)
{
    if (!conn->lost)
        s_sent (conn, PQsendQueryParams (conn->pg, sql, n, NULL, params, NULL, NULL, 0), s_command);
}

void txc_pg_send_own (txc_rm_conn_t *conn, unsigned own, int n, const char *const *params)
{
    TXC_ASSERT (own < TXC_PG_OWNS && s_own[own]);
    char name[16];
    snprintf (name, sizeof name, "txc_o%u", own);
    if (!conn->lost && !(conn->own_prepared & 1u << own)) {
        txc_pg_expected_t parse = {.what = S_PARSE, .own = (uint8_t) own};
        s_sent (conn, PQsendPrepare (conn->pg, name, s_own[own], 0, NULL), parse);
    }
    if (!conn->lost)
        s_sent (conn, PQsendQueryPrepared (conn->pg, name, n, params, NULL, NULL, 0), s_command);
}

void txc_pg_send_entry (txc_rm_conn_t *conn, txc_pg_entry_t *entry, const char *sql, int n,
                        const char *const *params)
{
    /* A text that is seen once is not worth a name on the server. */
    if (entry->number == 0 || entry->uses < 2) {
        txc_pg_send_sql (conn, sql, n, params);
        return;
    }
    char name[24];
    snprintf (name, sizeof name, "txc_s%u", entry->number);
    if (!conn->lost && !entry->prepared) {
        txc_pg_expected_t parse = {.what = S_PARSE, .entry = entry};
        s_sent (conn, PQsendPrepare (conn->pg, name, sql, 0, NULL), parse);
    }
    if (!conn->lost)
        s_sent (conn, PQsendQueryPrepared (conn->pg, name, n, params, NULL, NULL, 0), s_command);
}

void txc_pg_send_sync (txc_rm_conn_t *conn)
{
    if (!conn->lost)
        s_sent (conn, PQpipelineSync (conn->pg), (txc_pg_expected_t){.what = S_SYNC});
}

/* --- reading ------------------------------------------------------------- */

static txc_pg_expected_t s_pop (txc_rm_conn_t *conn, uint8_t what)
{
    TXC_ASSERT (conn->n_expect > 0);
    txc_pg_expected_t expected = conn->expect[conn->expect_head];
    TXC_ASSERT (expected.what == what);
    conn->expect_head = (conn->expect_head + 1) % TXC_PG_EXPECT_MAX;
    conn->n_expect--;
    return expected;
}

/* The last result of what is oldest, with the NULL that ends it. */
static PGresult *s_one (txc_rm_conn_t *conn)
{
    PGresult *last = NULL, *next;
    while (!conn->lost && (next = PQgetResult (conn->pg)) != NULL) {
        PQclear (last);
        last = next;
        if (PQresultStatus (next) == PGRES_PIPELINE_SYNC || txc_pg_is_lost (conn, next))
            break;
    }
    if (PQstatus (conn->pg) != CONNECTION_OK)
        conn->lost = true;
    return last;
}

PGresult *txc_pg_read_parse (txc_rm_conn_t *conn)
{
    if (conn->lost || conn->expect[conn->expect_head].what != S_PARSE)
        return NULL;
    txc_pg_expected_t parse = s_pop (conn, S_PARSE);
    PGresult *parsed = s_one (conn);
    if (txc_pg_ok (parsed)) {
        /* Only now is it known to be there: a Parse behind an error is skipped. */
        if (parse.entry)
            parse.entry->prepared = true;
        else
            conn->own_prepared |= 1u << parse.own;
        PQclear (parsed);
        return NULL;
    }
    if (!conn->lost) {
        s_pop (conn, S_COMMAND);
        PQclear (s_one (conn));
    }
    return parsed;
}

void txc_pg_read_done (txc_rm_conn_t *conn)
{
    if (!conn->lost)
        s_pop (conn, S_COMMAND);
}

PGresult *txc_pg_read (txc_rm_conn_t *conn)
{
    PGresult *result = txc_pg_read_parse (conn);
    if (result == NULL && !conn->lost) {
        txc_pg_read_done (conn);
        result = s_one (conn);
    }
    if (conn->lost) {
        /* Keep the server's last words for the error's text only. */
        PQclear (result);
        return NULL;
    }
    return result;
}

bool txc_pg_read_sync (txc_rm_conn_t *conn)
{
    if (conn->lost)
        return false;
    s_pop (conn, S_SYNC);
    PGresult *result = s_one (conn);
    if (PQresultStatus (result) != PGRES_PIPELINE_SYNC)
        conn->lost = true;
    PQclear (result);
    return !conn->lost;
}

PGresult *txc_pg_run (txc_rm_conn_t *conn, const char *sql, int n, const char *const *params)
{
    txc_pg_send_sql (conn, sql, n, params);
    txc_pg_send_sync (conn);
    PGresult *result = txc_pg_read (conn);
    if (!txc_pg_read_sync (conn)) {
        PQclear (result);
        return NULL;
    }
    return result;
}

/* --- what results mean ------------------------------------------------------ */

bool txc_pg_ok (const PGresult *result)
{
    ExecStatusType status = PQresultStatus (result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

bool txc_pg_has_state (const PGresult *result, const char *sqlstate)
{
    const char *state = result ? PQresultErrorField (result, PG_DIAG_SQLSTATE) : NULL;
    return state && strncmp (state, sqlstate, strlen (sqlstate)) == 0;
}

bool txc_pg_is_lost (txc_rm_conn_t *conn, const PGresult *result)
{
    if (conn->lost || PQstatus (conn->pg) != CONNECTION_OK)
        return conn->lost = true;
    ExecStatusType status = PQresultStatus (result);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH ||
        status == PGRES_BAD_RESPONSE)
        return conn->lost = true; /* another protocol from here on: no way back into step */
    if (status != PGRES_FATAL_ERROR)
        return false;
    /* An error without SQLSTATE is libpq's own: the protocol is out of step.  FATAL ends the session,
     * whatever it had been doing.  Any other error is an answer: even one of class 08 may be a foreign
     * server's. */
    const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField (result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (state == NULL || (severity && (strcmp (severity, "FATAL") == 0 || strcmp (severity, "PANIC") == 0)))
        conn->lost = true;
    return conn->lost;
}

bool txc_pg_is_stale (txc_rm_conn_t *conn, const PGresult *result)
{
    /* No such statement; one of that name already; the columns of its result changed (told by the plan
     * cache). */
    const char *function = result ? PQresultErrorField (result, PG_DIAG_SOURCE_FUNCTION) : NULL;
    bool stale =
        txc_pg_has_state (result, "26000") || txc_pg_has_state (result, "42P05") ||
        (txc_pg_has_state (result, "0A000") && function && strcmp (function, "RevalidateCachedQuery") == 0);
    conn->dirty |= stale;
    return stale;
}

txc_rm_status_t txc_pg_fail (txc_rm_error_t *error, txc_rm_status_t status, int code, const char *format, ...)
{
    if (error) {
        *error = (txc_rm_error_t){.code = code};
        va_list args;
        va_start (args, format);
        vsnprintf (error->text, sizeof error->text, format, args);
        va_end (args);
    }
    return status;
}

txc_rm_status_t txc_pg_fail_result (txc_rm_error_t *error, txc_rm_status_t status, int code,
                                    const PGresult *result)
{
    const char *text = PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField (result, PG_DIAG_MESSAGE_DETAIL);
    txc_pg_fail (error, status, code, "%s%s%s", text ? text : "no text from PostgreSQL", detail ? ": " : "",
                 detail ? detail : "");
    if (error)
        txc_copy_text (error->sqlstate, sizeof error->sqlstate,
                       PQresultErrorField (result, PG_DIAG_SQLSTATE));
    return status;
}

txc_rm_status_t txc_pg_fail_lost (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    conn->lost = true;
    const char *text = PQerrorMessage (conn->pg);
    int length = (int) strcspn (text, "\n");
    return txc_pg_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "the connection to PostgreSQL was lost%s%.*s",
                        length ? ": " : "", length, text);
}
