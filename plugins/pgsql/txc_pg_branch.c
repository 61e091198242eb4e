/*
 * txc_pg_branch.c - start a branch and run its statements.
 */
#include "txc_pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include <txcoord/txcoord.h>

enum { S_PARAMS_MAX = 65535 }; /* of PostgreSQL's Bind message */

/* What one call of execute puts into the pipeline; it reads the results in the same order. */
typedef struct s_plan {
    txc_pg_entry_t *entry;
    bool first;   /* BEGIN and the mark go in front */
    bool ask;     /* the xid, behind the statement */
    bool prepare; /* the guard and PREPARE, behind it */
} s_plan_t;

/* Why the pipeline up to the statement did not succeed. */
typedef struct s_outcome {
    txc_rm_status_t status;
    bool stale;   /* the server has forgotten a prepared statement of ours, or its result's columns changed */
    bool escaped; /* the branch was ended by its own SQL */
    txc_rm_status_t vote;
} s_outcome_t;

/* --- start --------------------------------------------------------------- */

bool txc_pg_gid (const txc_rm_xid_t *xid, char gid[TXC_PG_GID_SIZE])
{
    if (strlen (xid->gtrid) > TXC_GTRID_MAX || strlen (xid->bqual) > TXC_BQUAL_MAX)
        return false;
    snprintf (gid, TXC_PG_GID_SIZE, "%s:%s", xid->gtrid, xid->bqual);
    for (const char *at = gid; *at; at++)
        if (*at <= ' ' || *at > '~' || *at == '\'' || *at == '\\')
            return false;
    return true;
}

txc_rm_status_t txc_pg_start (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                              const txc_rm_branch_options_t *options, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    if (conn->phase != TXC_PG_IDLE || PQtransactionStatus (conn->pg) != PQTRANS_IDLE)
        return txc_pg_fail (error, TXC_RM_ERROR, TXC_EPROTO, "the connection has a branch already");
    if (conn->holds_lock)
        return txc_pg_fail (error, TXC_RM_ERROR, TXC_EPROTO, "the connection holds the agent's lock");
    if (!txc_pg_gid (xid, conn->gid) || options->isolation < 0 ||
        options->isolation > TXC_ISOLATION_SERIALIZABLE)
        return txc_pg_fail (error, TXC_RM_ERROR, TXC_EINVAL, "not a valid branch id or isolation level");
    conn->isolation = options->isolation;
    conn->lock_timeout_ms = options->lock_timeout_ms;
    conn->xid[0] = '\0';
    conn->doomed = false;
    conn->phase = TXC_PG_STARTED;
    return TXC_RM_OK;
}

void txc_pg_keep_xid (txc_rm_conn_t *conn, const PGresult *result, int column)
{
    if (PQresultStatus (result) == PGRES_TUPLES_OK && PQntuples (result) == 1 &&
        !PQgetisnull (result, 0, column))
        txc_copy_text (conn->xid, sizeof conn->xid, PQgetvalue (result, 0, column));
}

void txc_pg_forget_statements (txc_rm_conn_t *conn)
{
    conn->own_prepared = 0;
    conn->n_closing = 0;
    txc_pg_cache_unprepare (conn->cache);
}

/* --- the pipeline of a first statement ------------------------------------------ */

/* What an earlier branch left in the session, each in a Sync of its own: it travels with the next branch's
 * BEGIN. */
static uint32_t s_send_cleanup (txc_rm_conn_t *conn)
{
    uint32_t n = conn->n_closing;
    if (conn->dirty) {
        txc_pg_forget_statements (conn);
        txc_pg_send_sql (conn, "DISCARD ALL", 0, NULL);
        txc_pg_send_sync (conn);
        conn->dirty = false;
        return 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        char sql[40];
        snprintf (sql, sizeof sql, "DEALLOCATE txc_s%u", conn->closing[i]);
        txc_pg_send_sql (conn, sql, 0, NULL);
        txc_pg_send_sync (conn);
    }
    conn->n_closing = 0;
    return n;
}

static void s_read_cleanup (txc_rm_conn_t *conn, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        PGresult *result = txc_pg_read (conn);
        /* Already gone is as good; anything else leaves a session that nobody should use. */
        if (!txc_pg_ok (result) && !txc_pg_has_state (result, "26000"))
            conn->lost = true;
        PQclear (result);
        txc_pg_read_sync (conn);
    }
}

static unsigned s_open_variant (const txc_rm_conn_t *conn, const s_plan_t *plan)
{
    /* A statement that surely writes gets its xid at once: it comes with a row that is sent anyway. */
    return TXC_PG_OPEN + (conn->lock_timeout_ms ? TXC_PG_WITH_LOCK_TIMEOUT : 0u) +
           (plan->entry->verdict.kind == TXC_PG_WRITES ? TXC_PG_WITH_XID : 0u);
}

static void s_send_open (txc_rm_conn_t *conn, const s_plan_t *plan)
{
    char timeout[16];
    snprintf (timeout, sizeof timeout, "%u", conn->lock_timeout_ms);
    const char *params[] = {conn->gid, timeout};
    txc_pg_send_own (conn, TXC_PG_BEGIN + (unsigned) conn->isolation, 0, NULL);
    txc_pg_send_own (conn, s_open_variant (conn, plan), conn->lock_timeout_ms ? 2 : 1, params);
}

/* The first error among BEGIN and the mark, or NULL; the caller clears it. */
static PGresult *s_read_open (txc_rm_conn_t *conn, const s_plan_t *plan)
{
    PGresult *begun = txc_pg_read (conn), *opened = txc_pg_read (conn);
    unsigned variant = s_open_variant (conn, plan) - TXC_PG_OPEN;
    if (variant & TXC_PG_WITH_XID)
        txc_pg_keep_xid (conn, opened, variant & TXC_PG_WITH_LOCK_TIMEOUT ? 2 : 1);
    bool begun_ok = txc_pg_ok (begun), opened_ok = txc_pg_ok (opened);
    PGresult *failed = !begun_ok ? begun : !opened_ok ? opened : NULL;
    if (failed != begun)
        PQclear (begun);
    if (failed != opened)
        PQclear (opened);
    return failed;
}

/* --- a statement --------------------------------------------------------- */

/* Values with a NUL behind each, as libpq wants them, in one block that the caller frees.  NULL: no memory,
 * or a value that text cannot hold; error is filled. */
static char *s_texts (const txc_rm_statement_t *statement, const char **values, txc_rm_error_t *error)
{
    size_t size = 1;
    for (int i = 0; i < statement->n_params; i++) {
        const txc_rm_param_t *param = &statement->params[i];
        if (param->value && param->size && memchr (param->value, 0, param->size)) {
            txc_pg_fail (error, TXC_RM_ERROR, TXC_EINVAL, "parameter %d contains a NUL byte", i + 1);
            return NULL;
        }
        size += param->value ? param->size + 1 : 0;
    }
    char *block = malloc (size), *at = block;
    if (block == NULL) {
        txc_pg_fail (error, TXC_RM_ERROR, TXC_ENOMEM, "out of memory for the parameters");
        return NULL;
    }
    for (int i = 0; i < statement->n_params; i++) {
        const txc_rm_param_t *param = &statement->params[i];
        values[i] = NULL;
        if (param->value == NULL)
            continue;
        values[i] = at;
        if (param->size)
            memcpy (at, param->value, param->size);
        at[param->size] = '\0';
        at += param->size + 1;
    }
    return block;
}

static void s_send (txc_rm_conn_t *conn, const s_plan_t *plan, const txc_rm_statement_t *statement,
                    const char *const *values)
{
    const char *mark[] = {conn->gid, conn->user};
    if (plan->first)
        s_send_open (conn, plan);
    txc_pg_send_entry (conn, plan->entry, statement->sql, statement->n_params, values);
    if (plan->ask)
        txc_pg_send_own (conn, TXC_PG_ASK, 2, mark);
    if (plan->prepare)
        txc_pg_send_prepare (conn);
    txc_pg_send_sync (conn);
}

/* Reads what s_send sent.  The vote counts only if status is OK. */
static s_outcome_t s_read (txc_rm_conn_t *conn, const s_plan_t *plan, const txc_rm_sink_t *sink,
                           txc_pg_streamed_t *streamed, txc_rm_error_t *error)
{
    s_outcome_t outcome = {.status = TXC_RM_OK, .vote = TXC_RM_ERROR};
    PGresult *failed = plan->first ? s_read_open (conn, plan) : NULL;
    if (failed) {
        outcome.status = txc_pg_fail_result (error, TXC_RM_ERROR, TXC_ERM, failed);
        outcome.stale = txc_pg_is_stale (conn, failed);
        PQclear (failed);
        PQclear (txc_pg_read (conn));
    } else {
        outcome.status = txc_pg_stream (conn, sink, streamed, &failed, error);
        outcome.stale = txc_pg_is_stale (conn, failed);
        PQclear (failed);
    }
    if (plan->ask) {
        PGresult *asked = txc_pg_read (conn);
        txc_pg_keep_xid (conn, asked, 0);
        if (outcome.status == TXC_RM_OK && asked && !txc_pg_ok (asked)) {
            outcome.stale = txc_pg_is_stale (conn, asked);
            outcome.escaped = txc_pg_has_state (asked, "22012");
            outcome.status = txc_pg_fail_result (error, TXC_RM_ERROR, TXC_EBRANCH, asked);
        } else if (txc_pg_wrote_nothing (asked))
            outcome.vote = TXC_RM_READ_ONLY;
        PQclear (asked);
    }
    if (plan->prepare) {
        /* An error of the statement stays the one that is told. */
        txc_rm_error_t *vote_error = outcome.status == TXC_RM_OK ? error : NULL;
        outcome.vote = txc_pg_read_vote (conn, vote_error);
    } else
        txc_pg_read_sync (conn);
    if (conn->lost && outcome.status == TXC_RM_OK && !plan->prepare)
        outcome.status = txc_pg_fail_lost (conn, error);
    return outcome;
}

/* A statement that the server no longer has fails before it did anything: once, while nothing but BEGIN lies
 * behind us, the pipeline may run again in a cleaned session. */
static bool s_may_repeat (txc_rm_conn_t *conn, const s_plan_t *plan, const s_outcome_t *outcome,
                          const txc_pg_streamed_t *streamed)
{
    if (!outcome->stale || !plan->first || streamed->started || conn->lost)
        return false;
    if (PQtransactionStatus (conn->pg) != PQTRANS_IDLE)
        PQclear (txc_pg_run (conn, "ROLLBACK", 0, NULL));
    return txc_pg_is_alive (conn);
}

/* What the statement left of the branch. */
static txc_rm_status_t s_conclude (txc_rm_conn_t *conn, s_outcome_t *outcome,
                                   const txc_pg_streamed_t *streamed, txc_rm_error_t *error)
{
    if (conn->lost) {
        conn->phase = TXC_PG_IDLE;
        return outcome->status;
    }
    if (streamed->refused)
        conn->doomed = true;
    if (outcome->escaped)
        txc_pg_fail (
            error, TXC_RM_ERROR, TXC_EBRANCH,
            "the statement ended its branch, or changed its role: what it did by itself stays as it is");
    if (outcome->status == TXC_RM_ERROR && outcome->vote == TXC_RM_OK) {
        /* Prepared in spite of a result that was cut off: it must not stay so. */
        txc_rm_status_t undone = txc_pg_undo_prepared (conn, NULL);
        outcome->vote = undone == TXC_RM_OK ? TXC_RM_ROLLED_BACK : TXC_RM_LOST;
        if (undone != TXC_RM_OK)
            outcome->status = txc_pg_fail_lost (conn, error);
    }
    return outcome->status;
}

static s_outcome_t s_attempt (txc_rm_conn_t *conn, const s_plan_t *plan, const txc_rm_statement_t *statement,
                              const char *const *values, const txc_rm_sink_t *sink,
                              txc_pg_streamed_t *streamed, txc_rm_error_t *error)
{
    uint32_t cleanup = plan->first ? s_send_cleanup (conn) : 0;
    s_send (conn, plan, statement, values);
    conn->phase = TXC_PG_ACTIVE;
    s_read_cleanup (conn, cleanup);
    return s_read (conn, plan, sink, streamed, error);
}

/* OK if the branch can take a statement. */
static txc_rm_status_t s_precheck (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                   txc_rm_error_t *error)
{
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    /* Outside of a transaction a statement would commit by itself: nothing runs there, whatever ended the
     * branch. */
    bool ended = conn->phase == TXC_PG_ACTIVE && PQtransactionStatus (conn->pg) == PQTRANS_IDLE;
    if (conn->phase == TXC_PG_IDLE || conn->doomed || ended)
        return txc_pg_fail (error, TXC_RM_ERROR, TXC_EBRANCH, "the branch can only be rolled back");
    if (statement->n_params < 0 || statement->n_params > S_PARAMS_MAX)
        return txc_pg_fail (error, TXC_RM_ERROR, TXC_EINVAL, "at most %d parameters", S_PARAMS_MAX);
    return TXC_RM_OK;
}

/* Judges the statement and decides what travels with it.  False: refused. */
static bool s_make_plan (txc_rm_conn_t *conn, const txc_rm_statement_t *statement, bool last, s_plan_t *plan,
                         txc_rm_error_t *error)
{
    uint32_t dropped;
    *plan = (s_plan_t){.first = conn->phase == TXC_PG_STARTED};
    plan->entry = txc_pg_cache_find (conn->cache, statement->sql, statement->size, &dropped);
    if (dropped && conn->n_closing < TXC_PG_CLOSING_MAX)
        conn->closing[conn->n_closing++] = dropped;
    else if (dropped)
        conn->dirty = true;
    const txc_pg_verdict_t *verdict = &plan->entry->verdict;
    if (verdict->refused) {
        txc_pg_fail (error, TXC_RM_ERROR, TXC_EREFUSED, "%s", verdict->refused);
        return false;
    }
    /* The vote needs the xid: known, or sure to be given.  Else the branch is asked whether it wrote at all.
     */
    bool writes = verdict->kind == TXC_PG_WRITES || conn->xid[0] != '\0';
    bool knows_xid = conn->xid[0] != '\0' || (plan->first && verdict->kind == TXC_PG_WRITES);
    plan->prepare = last && writes;
    plan->ask = !plan->prepare && !knows_xid && (last || verdict->kind != TXC_PG_READS);
    return true;
}

/* Runs the plan, once more if it may.  What the statement did to the branch is in outcome. */
static txc_rm_status_t s_carry_out (txc_rm_conn_t *conn, const s_plan_t *plan,
                                    const txc_rm_statement_t *statement, const txc_rm_sink_t *sink,
                                    s_outcome_t *outcome, txc_rm_error_t *error)
{
    const bool dirties = plan->entry->verdict.dirties;
    const char **values = txc_malloc ((size_t) statement->n_params * sizeof *values + 1);
    char *block = s_texts (statement, values, error);
    txc_rm_status_t status = TXC_RM_ERROR;
    if (block) {
        txc_pg_streamed_t streamed = {false, false};
        *outcome = s_attempt (conn, plan, statement, values, sink, &streamed, error);
        if (s_may_repeat (conn, plan, outcome, &streamed))
            *outcome = s_attempt (conn, plan, statement, values, sink, &streamed, error);
        conn->dirty |= dirties;
        status = s_conclude (conn, outcome, &streamed, error);
    }
    free (block);
    free (values);
    return status;
}

txc_rm_status_t txc_pg_execute (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                const txc_rm_sink_t *sink, char evidence[TXC_RM_EVIDENCE_SIZE],
                                txc_rm_status_t *prepare_status, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    s_outcome_t outcome = {.vote = TXC_RM_ERROR};
    s_plan_t plan;
    txc_pg_evidence_format (conn, false, evidence);
    txc_rm_status_t status = s_precheck (conn, statement, error);
    if (status == TXC_RM_OK)
        status = s_make_plan (conn, statement, prepare_status != NULL, &plan, error)
                     ? s_carry_out (conn, &plan, statement, sink, &outcome, error)
                     : TXC_RM_ERROR;
    txc_pg_evidence_format (conn, outcome.vote == TXC_RM_OK, evidence);
    if (prepare_status == NULL)
        return status;
    *prepare_status = status == TXC_RM_LOST ? TXC_RM_LOST : outcome.vote;
    if (status == TXC_RM_OK && outcome.vote == TXC_RM_ERROR) /* it wrote after all: prepare it now */
        *prepare_status = txc_pg_prepare (conn, NULL, evidence, error);
    return status;
}
