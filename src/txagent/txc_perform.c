#include "config.h"

#include "txagent/txc_perform.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "daemon/txc_crash.h"
#include "wire/txc_rows.h"
#include "wire/txc_statement.h"

/* XA_HEUR* of the XA specification. */
enum { XA_HEURMIX = 5, XA_HEURRB = 6, XA_HEURCOM = 7 };

/* A branch's names in the form that plugins take. */
typedef struct names {
    char gtrid[TXC_GTRID_MAX + 1], bqual[TXC_BQUAL_MAX + 1];
    txc_rm_xid_t xid;
} names_t;

static const txc_rm_xid_t *s_names (const txc_target_t *target, const txc_work_t *work, names_t *names)
{
    names->xid = (txc_rm_xid_t){.format_id = TXC_FORMAT_ID,
                                .gtrid = txc_gtrid_format (&work->gtrid, names->gtrid),
                                .bqual = txc_bqual_format (target->name, work->token, names->bqual)};
    return &names->xid;
}

/* --- results ---------------------------------------------------------------- */

static txc_work_status_t s_status (txc_rm_status_t status)
{
    switch (status) {
    case TXC_RM_OK:
        return TXC_WORK_OK;
    case TXC_RM_READ_ONLY:
        return TXC_WORK_READ_ONLY;
    case TXC_RM_ERROR:
        return TXC_WORK_ERROR;
    case TXC_RM_ROLLED_BACK:
        return TXC_WORK_ROLLED_BACK;
    case TXC_RM_LOST:
        return TXC_WORK_LOST;
    case TXC_RM_ABSENT:
        return TXC_WORK_ABSENT;
    case TXC_RM_RETRY:
        return TXC_WORK_RETRY;
    case TXC_RM_UNKNOWN:
        return TXC_WORK_UNKNOWN;
    case TXC_RM_HEURISTIC:
        return TXC_WORK_HEURISTIC;
    }
    return TXC_WORK_LOST; /* a plugin that answers nonsense has told nothing */
}

static uint8_t s_heur (int native)
{
    switch (native) {
    case XA_HEURCOM:
        return TXC_HEUR_COMMITTED;
    case XA_HEURRB:
        return TXC_HEUR_ROLLED_BACK;
    case XA_HEURMIX:
        return TXC_HEUR_MIXED;
    default:
        return TXC_HEUR_HAZARD;
    }
}

/* The status and, if it is none of success, the error that came with it. */
static void s_settle (const txc_target_t *target, txc_item_t *item, txc_rm_status_t status,
                      const txc_rm_error_t *error)
{
    txc_work_done_t *done = &item->done;
    done->status = (uint8_t) s_status (status);
    if (done->status == TXC_WORK_LOST)
        done->connection_lost = true;
    if (done->status == TXC_WORK_HEURISTIC)
        done->heur = s_heur (error->native);
    if (done->status == TXC_WORK_OK || done->status == TXC_WORK_READ_ONLY)
        return;
    int code = error->code ? error->code : done->status == TXC_WORK_LOST ? TXC_ERMFAIL : TXC_ERM;
    txc_error_set (&done->error, code, "%s", error->text[0] ? error->text : txc_strerror (code));
    done->error.native = error->native;
    txc_copy_text (done->error.sqlstate, sizeof done->error.sqlstate, error->sqlstate);
    txc_copy_text (done->error.rm, sizeof done->error.rm, target->name);
}

void txc_perform_fail (const txc_target_t *target, txc_item_t *item, txc_work_status_t status, int code,
                       const char *text)
{
    item->done.status = (uint8_t) status;
    txc_error_set (&item->done.error, code, "%s", text);
    txc_copy_text (item->done.error.rm, sizeof item->done.error.rm, target->name);
}

void txc_perform_lost (const txc_target_t *target, txc_item_t *item, const txc_rm_error_t *error)
{
    s_settle (target, item, TXC_RM_LOST, error);
}

/* What else a plugin may say of a prepare tells nothing: as if the connection had been lost. */
static txc_rm_status_t s_prepare_answer (txc_rm_status_t status)
{
    bool known = status == TXC_RM_OK || status == TXC_RM_READ_ONLY || status == TXC_RM_ROLLED_BACK;
    return known ? status : TXC_RM_LOST;
}

/* --- statements ------------------------------------------------------------- */

/* The parameters in the form that plugins take; NULL if there are none. */
static txc_rm_param_t *s_params (const txc_statement_t *statement)
{
    if (!statement->n_params)
        return NULL;
    txc_rm_param_t *params = txc_calloc (statement->n_params, sizeof *params);
    for (uint32_t i = 0; i < statement->n_params; i++)
        params[i] = (txc_rm_param_t){statement->params[i].data, statement->params[i].size};
    return params;
}

/* Starts the branch if this is its first statement, and runs the statement. */
static txc_rm_status_t s_start_and_run (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item,
                                        const txc_rm_statement_t *statement, const txc_rm_sink_t *sink,
                                        txc_rm_status_t *prepared, txc_rm_error_t *error)
{
    const txc_work_t *work = &item->work;
    names_t names;
    if (work->first) {
        txc_rm_branch_options_t options = {.isolation = work->isolation,
                                           .lock_timeout_ms = target->lock_timeout_ms};
        txc_rm_status_t status =
            target->plugin->start (conn, s_names (target, work, &names), &options, error);
        if (status != TXC_RM_OK)
            return status;
    }
    bool last = (work->flags & TXC_FLAG_LAST) != 0;
    return target->plugin->execute (conn, statement, sink, item->done.evidence, last ? prepared : NULL,
                                    error);
}

static void s_exec_statement (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item,
                              const txc_statement_t *statement)
{
    txc_rows_builder_t *rows = txc_rows_builder_new (target->result_size);
    txc_rm_param_t *params = s_params (statement);
    txc_rm_statement_t call = {statement->sql, statement->size, (int) statement->n_params, params};
    txc_rm_sink_t sink = {rows, txc_rows_builder_columns, txc_rows_builder_row, txc_rows_builder_done};
    txc_rm_status_t prepared = TXC_RM_LOST;
    txc_rm_error_t error = {0};
    txc_rm_status_t status = s_start_and_run (target, conn, item, &call, &sink, &prepared, &error);
    s_settle (target, item, status, &error);
    if (status == TXC_RM_OK && (item->work.flags & TXC_FLAG_LAST)) {
        s_settle (target, item, s_prepare_answer (prepared),
                  &error); /* with the error, if it was not prepared */
        item->done.prepare_status = item->done.status;
        item->done.status = TXC_WORK_OK;
    }
    int rc = status == TXC_RM_OK ? txc_rows_builder_finish (rows, &item->done.body) : TXC_OK;
    if (rc != TXC_OK)
        txc_perform_fail (target, item, TXC_WORK_ERROR, rc,
                          "the result is too large for the agent's result_size");
    free (params);
    txc_rows_builder_destroy (&rows);
}

static void s_exec (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item)
{
    size_t size = txc_blob_size (item->work.body);
    txc_statement_t *statement = NULL;
    int rc = TXC_ELIMIT;
    if (size <= target->statement_size)
        rc = txc_statement_unpack (txc_blob_data (item->work.body), size, &statement);
    if (rc != TXC_OK) {
        txc_perform_fail (target, item, TXC_WORK_ERROR, rc,
                          rc == TXC_ELIMIT ? "the statement is larger than the agent's statement_size"
                                           : "the statement cannot be read");
        return;
    }
    s_exec_statement (target, conn, item, statement);
    txc_statement_destroy (&statement);
}

/* --- the end of a branch ------------------------------------------------------ */

static void s_prepare (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item)
{
    names_t names;
    txc_rm_error_t error = {0};
    txc_rm_status_t status =
        target->plugin->prepare (conn, s_names (target, &item->work, &names), item->done.evidence, &error);
    s_settle (target, item, s_prepare_answer (status), &error);
}

static void s_commit_one_phase (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item)
{
    names_t names;
    txc_rm_error_t error = {0};
    txc_rm_status_t status =
        target->plugin->commit_one_phase (conn, s_names (target, &item->work, &names), &error);
    s_settle (target, item, status, &error);
}

/* Ends a branch on the connection that it is open on.  A lost connection ends it too: it was never prepared.
 */
static void s_end_open (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item)
{
    names_t names;
    txc_rm_error_t error = {0};
    const txc_rm_xid_t *xid = s_names (target, &item->work, &names);
    txc_rm_status_t status = item->work.op == TXC_WORK_COMMIT
                                 ? target->plugin->commit_read_only (conn, xid, &error)
                                 : target->plugin->rollback_active (conn, xid, &error);
    s_settle (target, item, status, &error);
    item->done.connection_lost = status != TXC_RM_OK; /* whatever else it says, no branch goes on there */
    item->done.status = TXC_WORK_OK;
}

static void s_end_prepared (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item)
{
    names_t names;
    txc_rm_error_t error = {0};
    const txc_rm_xid_t *xid = s_names (target, &item->work, &names);
    txc_rm_status_t status = item->work.op == TXC_WORK_COMMIT
                                 ? target->plugin->commit (conn, xid, item->work.evidence, &error)
                                 : target->plugin->rollback (conn, xid, item->work.evidence, &error);
    s_settle (target, item, status, &error);
}

/* --- recovery ----------------------------------------------------------------- */

typedef struct list {
    const txc_target_t *target;
    txc_item_t *item;
} list_t;

static void s_found (void *arg, const txc_rm_found_t *branch)
{
    txc_item_t *item = ((list_t *) arg)->item;
    const txc_target_t *target = ((list_t *) arg)->target;
    char rm[TXC_RM_NAME_MAX + 1];
    txc_found_t one = {.age_ms = branch->age_ms};
    /* Whatever is not spelled exactly as ours, or belongs to another RM's name, is foreign. */
    if (branch->format_id != TXC_FORMAT_ID ||
        !txc_gtrid_parse (branch->gtrid, strlen (branch->gtrid), &one.gtrid) ||
        !txc_bqual_parse (branch->bqual, strlen (branch->bqual), rm, &one.token) ||
        strcmp (rm, target->name) != 0)
        return;
    txc_copy_text (one.evidence, sizeof one.evidence, branch->evidence);
    if (item->n_found == item->max_found) {
        item->max_found = item->max_found ? item->max_found * 2 : 16;
        item->found = txc_realloc (item->found, item->max_found * sizeof *item->found);
    }
    item->found[item->n_found++] = one;
}

static txc_rm_status_t s_list (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item,
                               txc_rm_error_t *error)
{
    list_t list = {target, item};
    item->n_found = 0;
    return target->plugin->recover (conn, s_found, &list, error);
}

/* Sees the session gone that worked on the branch. */
static txc_rm_status_t s_fence (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item,
                                txc_rm_error_t *error)
{
    txc_rm_status_t status = target->plugin->fence (conn, item->dead, item->work.evidence, error);
    if (status == TXC_RM_OK && item->dead)
        target->plugin->disconnect (&item->dead);
    return status;
}

static void s_fence_and_look (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item)
{
    names_t names;
    txc_rm_error_t error = {0};
    txc_rm_status_t status = s_fence (target, conn, item, &error);
    if (status == TXC_RM_OK && item->work.refuse) {
        const txc_rm_xid_t *xid = s_names (target, &item->work, &names);
        s_settle (target, item, target->plugin->refuse (conn, xid, item->done.evidence, &error), &error);
        return;
    }
    if (status == TXC_RM_OK)
        status = s_list (target, conn, item, &error);
    if (status == TXC_RM_OK) {
        status = TXC_RM_ABSENT;
        for (uint32_t i = 0; i < item->n_found; i++)
            if (item->found[i].token == item->work.token &&
                txc_gtrid_equal (&item->found[i].gtrid, &item->work.gtrid)) {
                status = TXC_RM_OK;
                txc_copy_text (item->done.evidence, sizeof item->done.evidence, item->found[i].evidence);
            }
    }
    s_settle (target, item, status, &error);
}

static void s_evidence (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item)
{
    names_t names;
    txc_rm_error_t error = {0};
    txc_rm_status_t status =
        target->plugin->evidence (conn, s_names (target, &item->work, &names), item->work.evidence, &error);
    s_settle (target, item, status, &error);
}

static void s_forget (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item)
{
    names_t names;
    txc_rm_error_t error = {0};
    txc_rm_status_t status = target->plugin->forget (conn, s_names (target, &item->work, &names), &error);
    s_settle (target, item, status, &error);
}

void txc_perform_scan (const txc_target_t *target, txc_rm_conn_t *conn, bool fresh, txc_item_t *item,
                       void (*warn) (void *arg, const char *text), void *arg)
{
    const char *name = txc_work_name (item->work.op);
    txc_rm_error_t error = {0};
    txc_rm_status_t status = TXC_RM_OK;
    txc_crash_point ("work.before", name);
    if (fresh || item->work.op == TXC_WORK_RECOVER)
        status = target->plugin->check (conn, target->instance, warn, arg, &error);
    if (status == TXC_RM_OK && item->work.op == TXC_WORK_RECOVER)
        status = target->plugin->fence_all (conn, &error);
    if (status == TXC_RM_OK)
        status = target->plugin->identity (conn, item->done.identity, &error);
    if (status == TXC_RM_OK)
        status = s_list (target, conn, item, &error);
    s_settle (target, item, status, &error);
    item->done.found = item->found;
    item->done.n_found = status == TXC_RM_OK ? item->n_found : 0;
    txc_crash_point ("work.after", name);
}

/* --- dispatch ------------------------------------------------------------------- */

static void s_perform (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item)
{
    txc_rm_error_t error = {0};
    switch (item->work.op) {
    case TXC_WORK_EXEC:
        s_exec (target, conn, item);
        return;
    case TXC_WORK_PREPARE:
        s_prepare (target, conn, item);
        return;
    case TXC_WORK_COMMIT:
    case TXC_WORK_ROLLBACK:
        (item->work.read_only ? s_end_open : s_end_prepared) (target, conn, item);
        return;
    case TXC_WORK_COMMIT_ONE_PHASE:
        s_commit_one_phase (target, conn, item);
        return;
    case TXC_WORK_FENCE_AND_LOOK:
        s_fence_and_look (target, conn, item);
        return;
    case TXC_WORK_EVIDENCE:
        s_evidence (target, conn, item);
        return;
    case TXC_WORK_FORGET:
        s_forget (target, conn, item);
        return;
    default:
        TXC_ASSERT (item->fence_only);
        s_settle (target, item, s_fence (target, conn, item, &error), &error);
    }
}

void txc_perform (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item)
{
    const char *name = txc_work_name (item->work.op);
    if (!item->fence_only) /* which is no work of core's, and no crash point */
        txc_crash_point ("work.before", name);
    s_perform (target, conn, item);
    if (!target->plugin->is_alive (conn))
        item->done.connection_lost = true;
    if (!item->fence_only)
        txc_crash_point ("work.after", name);
}
