#include "config.h"

#include "mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/txc_assert.h"
#include "base/txc_id.h"
#include "base/txc_mem.h"

uint64_t mem_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

txc_rm_status_t mem_fail (txc_rm_error_t *error, txc_rm_status_t status, int code, const char *sqlstate,
                          const char *format, ...)
{
    if (error) {
        error->code = code;
        error->native = 0;
        txc_copy_text (error->sqlstate, sizeof error->sqlstate, sqlstate);
        va_list arguments;
        va_start (arguments, format);
        vsnprintf (error->text, sizeof error->text, format, arguments);
        va_end (arguments);
    }
    return status;
}

/* --- rows ------------------------------------------------------------------ */

mem_row_t *mem_row (txc_rm_t *rm, const char *key)
{
    uint64_t hash = txc_mix64 (txc_digest64 (0, key, strlen (key)));
    for (txc_hash_node_t *node = txc_hash_first (&rm->rows, hash); node; node = txc_hash_next (node)) {
        mem_row_t *row = TXC_CONTAINER (node, mem_row_t, node);
        if (strcmp (row->key, key) == 0)
            return row;
    }
    mem_row_t *row = txc_calloc (1, sizeof *row);
    row->key = txc_strdup (key);
    txc_hash_add (&rm->rows, &row->node, hash);
    return row;
}

/* --- branches --------------------------------------------------------------- */

static uint64_t s_xid_hash (const txc_rm_xid_t *xid)
{
    uint64_t digest = txc_digest64 ((uint64_t) xid->format_id, xid->gtrid, strlen (xid->gtrid));
    return txc_mix64 (txc_digest64 (digest, xid->bqual, strlen (xid->bqual)));
}

mem_branch_t *mem_branch_new (txc_rm_t *rm, const txc_rm_xid_t *xid)
{
    mem_branch_t *branch = txc_calloc (1, sizeof *branch);
    branch->format_id = xid->format_id;
    txc_copy_text (branch->gtrid, sizeof branch->gtrid, xid->gtrid);
    txc_copy_text (branch->bqual, sizeof branch->bqual, xid->bqual);
    branch->serial = ++rm->last_serial;
    txc_hash_add (&rm->branches, &branch->node, s_xid_hash (xid));
    return branch;
}

mem_branch_t *mem_branch_find (txc_rm_t *rm, const txc_rm_xid_t *xid)
{
    txc_hash_node_t *node = txc_hash_first (&rm->branches, s_xid_hash (xid));
    for (; node; node = txc_hash_next (node)) {
        mem_branch_t *branch = TXC_CONTAINER (node, mem_branch_t, node);
        if (branch->format_id == xid->format_id && strcmp (branch->gtrid, xid->gtrid) == 0 &&
            strcmp (branch->bqual, xid->bqual) == 0)
            return branch;
    }
    return NULL;
}

void mem_branch_write (mem_branch_t *branch, mem_row_t *row, const char *value)
{
    TXC_ASSERT (row->holder == branch);
    for (uint32_t i = 0; i < branch->n_writes; i++)
        if (branch->writes[i].row == row) {
            free (branch->writes[i].value);
            branch->writes[i].value = txc_strdup (value);
            return;
        }
    branch->writes = txc_realloc (branch->writes, (branch->n_writes + 1) * sizeof *branch->writes);
    branch->writes[branch->n_writes++] = (mem_write_t){row, txc_strdup (value)};
}

const char *mem_branch_read (const mem_branch_t *branch, const mem_row_t *row)
{
    for (uint32_t i = 0; i < branch->n_writes; i++)
        if (branch->writes[i].row == row)
            return branch->writes[i].value;
    return row->value;
}

void mem_branch_end (txc_rm_t *rm, mem_branch_t **branch_p, bool commit)
{
    mem_branch_t *branch = *branch_p;
    *branch_p = NULL;
    for (uint32_t i = 0; i < branch->n_writes; i++) {
        mem_write_t *write = &branch->writes[i];
        TXC_ASSERT (write->row->holder == branch);
        write->row->holder = NULL;
        if (commit) {
            free (write->row->value);
            write->row->value = write->value;
        } else
            free (write->value);
    }
    if (rm->waiters)
        pthread_cond_broadcast (&rm->changed);
    mem_outcome_put (rm, branch->serial, commit ? 'c' : 'r');
    txc_hash_remove (&rm->branches, &branch->node);
    free (branch->writes);
    free (branch);
}

void mem_store_settle (txc_rm_t *rm)
{
    uint64_t now = mem_now_ms();
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&rm->branches, &cursor); node;
         node = txc_hash_step (&rm->branches, &cursor)) {
        mem_branch_t *branch = TXC_CONTAINER (node, mem_branch_t, node);
        if (branch->state == MEM_PREPARING && branch->since_ms <= now && mem_file_prepared (rm, branch)) {
            branch->state = MEM_PREPARED;
            branch->session = 0;
        }
    }
}

void mem_outcome_put (txc_rm_t *rm, uint64_t serial, char outcome)
{
    rm->outcomes[serial % MEM_OUTCOMES].serial = serial;
    rm->outcomes[serial % MEM_OUTCOMES].outcome = outcome;
}

char mem_outcome_get (const txc_rm_t *rm, uint64_t serial)
{
    size_t at = serial % MEM_OUTCOMES;
    return rm->outcomes[at].serial == serial ? rm->outcomes[at].outcome : '\0';
}

/* --- sessions ---------------------------------------------------------------- */

void mem_session_end (txc_rm_conn_t *conn)
{
    if (!conn->alive)
        return;
    conn->alive = false;
    if (conn->branch)
        mem_branch_end (conn->rm, &conn->branch, false);
    if (conn->rm->checker == conn)
        conn->rm->checker = NULL;
    pthread_cond_broadcast (&conn->rm->changed);
}

txc_rm_status_t mem_wait (txc_rm_conn_t *conn, uint64_t deadline_ms, txc_rm_error_t *error)
{
    txc_rm_t *rm = conn->rm;
    struct timespec until = {.tv_sec = (time_t) (deadline_ms / 1000),
                             .tv_nsec = (long) (deadline_ms % 1000) * 1000000};
    if (conn->alive && !conn->canceled) {
        rm->waiters++;
        int rc = pthread_cond_timedwait (&rm->changed, &rm->mutex, &until);
        TXC_ASSERT (rc == 0 || rc == ETIMEDOUT);
        rm->waiters--;
    }
    if (!conn->alive)
        return mem_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "08006", "the session was ended");
    if (conn->canceled)
        return mem_fail (error, TXC_RM_ERROR, TXC_ERM, "57014", "canceling statement due to user request");
    return TXC_RM_OK;
}
