/*
 * mem_switch.c - the in-memory resource manager behind the plugin ABI.
 */
#include "config.h"

#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#define RM_MAGIC   0x6d656d31u
#define CONN_MAGIC 0x6d656d32u

enum { LOCK_TIMEOUT_MS = 10000 };

static const char *const s_keys[] = {
    "file", "fault_execute", "fault_prepare", "fault_commit", "fault_rollback", "fault_recover", NULL};

/* --- the resource manager ------------------------------------------------------ */

static bool s_configure_fault (txc_rm_t *rm, mem_point_t point, const char *value, char *text)
{
    char *words[4], *copy = txc_strdup (value), *rest = NULL;
    int n = 1;
    words[0] = txc_strdup (mem_point_name (point));
    for (char *word = strtok_r (copy, " ", &rest); word && n < 4; word = strtok_r (NULL, " ", &rest))
        words[n++] = word;
    bool good = mem_fault_set (rm->faults, n, words, text);
    free (words[0]);
    free (copy);
    return good;
}

static void s_close (txc_rm_t **rm_p)
{
    txc_rm_t *rm = *rm_p;
    *rm_p = NULL;
    TXC_CHECK (rm, RM_MAGIC);
    TXC_ASSERT (txc_list_is_empty (&rm->connections));
    mem_file_close (rm);
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&rm->branches, &cursor); node;
         node = txc_hash_step (&rm->branches, &cursor)) {
        mem_branch_t *branch = TXC_CONTAINER (node, mem_branch_t, node);
        mem_branch_end (rm, &branch, false);
    }
    for (txc_hash_node_t *node = txc_hash_begin (&rm->rows, &cursor); node;
         node = txc_hash_step (&rm->rows, &cursor)) {
        mem_row_t *row = TXC_CONTAINER (node, mem_row_t, node);
        txc_hash_remove (&rm->rows, node);
        free (row->key);
        free (row->value);
        free (row);
    }
    txc_hash_fini (&rm->rows);
    txc_hash_fini (&rm->branches);
    pthread_cond_destroy (&rm->changed);
    pthread_mutex_destroy (&rm->mutex);
    TXC_UNMAGIC (rm, RM_MAGIC);
    free (rm->path);
    free (rm->name);
    free (rm);
}

static txc_rm_status_t s_open (const char *name, txc_rm_config_fn *config, void *arg, txc_rm_t **rm_p,
                               txc_rm_error_t *error)
{
    txc_rm_t *rm = txc_calloc (1, sizeof *rm);
    TXC_MAGIC (rm, RM_MAGIC);
    rm->name = txc_strdup (name);
    rm->lock_fd = -1;
    txc_hash_init (&rm->rows);
    txc_hash_init (&rm->branches);
    txc_list_init (&rm->connections);
    pthread_condattr_t attributes;
    int rc = pthread_condattr_init (&attributes);
    rc = rc ? rc : pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
    rc = rc ? rc : pthread_cond_init (&rm->changed, &attributes);
    rc = rc ? rc : pthread_mutex_init (&rm->mutex, NULL);
    TXC_ASSERT (rc == 0);
    pthread_condattr_destroy (&attributes);
    const char *path = config (arg, "file");
    rm->path = path ? txc_strdup (path) : NULL;
    bool good = getrandom (&rm->id, sizeof rm->id, 0) == (ssize_t) sizeof rm->id;
    char text[256] = "no random number for the store's id";
    for (mem_point_t point = 0; good && point < MEM_POINTS; point++) {
        char key[32];
        snprintf (key, sizeof key, "fault_%s", mem_point_name (point));
        const char *value = config (arg, key);
        good = !value || s_configure_fault (rm, point, value, text);
    }
    if (!good) {
        s_close (&rm);
        return mem_fail (error, TXC_RM_ERROR, TXC_ECONFIG, "", "%.250s", text);
    }
    *rm_p = rm;
    return TXC_RM_OK;
}

/* --- connections ------------------------------------------------------------------ */

/* Locks the store for a call on conn.  False, unlocked, if the session is over. */
static bool s_enter (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    TXC_CHECK (conn, CONN_MAGIC);
    pthread_mutex_lock (&conn->rm->mutex);
    mem_store_settle (conn->rm);
    conn->canceled = false; /* a cancel that came between two calls hits neither */
    if (conn->alive)
        return true;
    pthread_mutex_unlock (&conn->rm->mutex);
    mem_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "08006", "the connection was lost");
    return false;
}

static txc_rm_status_t s_leave (txc_rm_conn_t *conn, txc_rm_status_t status)
{
    pthread_mutex_unlock (&conn->rm->mutex);
    return status;
}

static txc_rm_status_t s_lost (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    mem_session_end (conn);
    return mem_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "08006", "the connection was lost, on demand");
}

/* Waits out a fault that makes a call slow.  OK, or LOST / ERROR as a wait can end. */
static txc_rm_status_t s_slow (txc_rm_conn_t *conn, const mem_fault_t *fault, txc_rm_error_t *error)
{
    uint64_t deadline = mem_now_ms() + fault->ms;
    while (fault->action == MEM_SLOW && mem_now_ms() < deadline) {
        txc_rm_status_t status = mem_wait (conn, deadline, error);
        if (status != TXC_RM_OK)
            return status;
    }
    return TXC_RM_OK;
}

static txc_rm_status_t s_connect (txc_rm_t *rm, txc_rm_conn_t **conn_p, txc_rm_error_t *error)
{
    TXC_CHECK (rm, RM_MAGIC);
    pthread_mutex_lock (&rm->mutex);
    int rc = mem_file_open (rm, error);
    if (rc == TXC_OK) {
        txc_rm_conn_t *conn = txc_calloc (1, sizeof *conn);
        TXC_MAGIC (conn, CONN_MAGIC);
        conn->rm = rm;
        conn->session = ++rm->last_session;
        conn->alive = true;
        txc_list_append (&rm->connections, &conn->node);
        *conn_p = conn;
    }
    pthread_mutex_unlock (&rm->mutex);
    return rc == TXC_OK ? TXC_RM_OK : TXC_RM_LOST;
}

static void s_disconnect (txc_rm_conn_t **conn_p)
{
    txc_rm_conn_t *conn = *conn_p;
    *conn_p = NULL;
    TXC_CHECK (conn, CONN_MAGIC);
    pthread_mutex_lock (&conn->rm->mutex);
    mem_session_end (conn);
    txc_list_remove (&conn->node);
    pthread_mutex_unlock (&conn->rm->mutex);
    TXC_UNMAGIC (conn, CONN_MAGIC);
    free (conn);
}

static txc_rm_status_t s_ping (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    return s_enter (conn, error) ? s_leave (conn, TXC_RM_OK) : TXC_RM_LOST;
}

static int s_is_alive (const txc_rm_conn_t *conn)
{
    TXC_CHECK (conn, CONN_MAGIC);
    pthread_mutex_lock (&conn->rm->mutex);
    int alive = conn->alive;
    pthread_mutex_unlock (&conn->rm->mutex);
    return alive;
}

static void s_cancel (txc_rm_conn_t *conn)
{
    TXC_CHECK (conn, CONN_MAGIC);
    pthread_mutex_lock (&conn->rm->mutex);
    conn->canceled = true;
    pthread_cond_broadcast (&conn->rm->changed);
    pthread_mutex_unlock (&conn->rm->mutex);
}

static txc_rm_status_t s_check (txc_rm_conn_t *conn, const char *instance,
                                void (*warn) (void *, const char *), void *arg, txc_rm_error_t *error)
{
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    txc_rm_t *rm = conn->rm;
    if (rm->checker && rm->checker != conn)
        return s_leave (conn, mem_fail (error, TXC_RM_ERROR, TXC_ELOCKED, "",
                                        "another agent (not %.64s) serves this resource manager", instance));
    rm->checker = conn;
    bool memory_only = !rm->path;
    s_leave (conn, TXC_RM_OK);
    if (memory_only && warn)
        warn (arg, "the store is in memory only: prepared branches are lost with the agent (set 'file')");
    return TXC_RM_OK;
}

static txc_rm_status_t s_identity (txc_rm_conn_t *conn, char identity[TXC_RM_EVIDENCE_SIZE],
                                   txc_rm_error_t *error)
{
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    snprintf (identity, TXC_RM_EVIDENCE_SIZE, "mem:%016" PRIx64, conn->rm->id);
    return s_leave (conn, TXC_RM_OK);
}

/* --- work in a branch ---------------------------------------------------------------- */

static void s_put_evidence (const txc_rm_t *rm, const mem_branch_t *branch,
                            char evidence[TXC_RM_EVIDENCE_SIZE])
{
    if (evidence)
        snprintf (evidence, TXC_RM_EVIDENCE_SIZE, "mem:%016" PRIx64 ":%" PRIu64 ":%" PRIu64, rm->id,
                  branch->serial, branch->session);
}

/* Serial and session out of evidence of this store.  False: it is none. */
static bool s_read_evidence (const txc_rm_t *rm, const char *evidence, uint64_t *serial, uint64_t *session)
{
    uint64_t id;
    int end = 0;
    return sscanf (evidence, "mem:%16" SCNx64 ":%" SCNu64 ":%" SCNu64 "%n", &id, serial, session, &end) ==
               3 &&
           !evidence[end] && id == rm->id;
}

static txc_rm_status_t s_start (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                const txc_rm_branch_options_t *options, txc_rm_error_t *error)
{
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    if (conn->branch || mem_branch_find (conn->rm, xid))
        return s_leave (conn, mem_fail (error, TXC_RM_ERROR, TXC_ERM, "42710",
                                        "the connection has a branch, or there is one with this id"));
    conn->branch = mem_branch_new (conn->rm, xid);
    conn->branch->session = conn->session;
    conn->branch->state = MEM_ACTIVE;
    conn->lock_timeout_ms = options && options->lock_timeout_ms ? options->lock_timeout_ms : LOCK_TIMEOUT_MS;
    return s_leave (conn, TXC_RM_OK);
}

/* The session is lost and its prepare is still to run: a branch that appears later. */
static txc_rm_status_t s_late (txc_rm_conn_t *conn, uint32_t ms, txc_rm_error_t *error)
{
    conn->branch->state = MEM_PREPARING;
    conn->branch->since_ms = mem_now_ms() + ms;
    conn->branch = NULL;
    return s_lost (conn, error);
}

static txc_rm_status_t s_roll_back (txc_rm_conn_t *conn, txc_rm_error_t *error, const char *sqlstate,
                                    const char *text)
{
    mem_branch_end (conn->rm, &conn->branch, false);
    return mem_fail (error, TXC_RM_ROLLED_BACK, TXC_EBRANCH, sqlstate, "%s", text);
}

static txc_rm_status_t s_prepare_locked (txc_rm_conn_t *conn, char *evidence, txc_rm_error_t *error)
{
    txc_rm_t *rm = conn->rm;
    mem_fault_t fault = mem_fault_take (rm->faults, MEM_POINT_PREPARE);
    txc_rm_status_t status = s_slow (conn, &fault, error);
    if (status == TXC_RM_LOST)
        return status;
    mem_branch_t *branch = conn->branch;
    s_put_evidence (rm, branch, evidence);
    if (status != TXC_RM_OK)
        return s_roll_back (conn, error, "57014", "canceled during prepare");
    if (branch->state == MEM_FAILED)
        return s_roll_back (conn, error, "25P02", "a statement of the branch failed: it was rolled back");
    if (fault.action == MEM_ROLLED_BACK)
        return s_roll_back (conn, error, "40001", "prepare was refused, on demand");
    if (fault.action == MEM_LOST)
        return s_lost (conn, error);
    if (fault.action == MEM_LATE)
        return s_late (conn, fault.ms, error);
    if (!branch->n_writes)
        return fault.action == MEM_LOST_AFTER ? s_lost (conn, error) : TXC_RM_READ_ONLY;
    if (!mem_file_prepared (rm, branch))
        return s_roll_back (conn, error, "58030", "the store's file cannot be written");
    branch->state = MEM_PREPARED;
    branch->since_ms = mem_now_ms();
    branch->session = 0;
    s_put_evidence (rm, branch, evidence);
    conn->branch = NULL;
    return fault.action == MEM_LOST_AFTER ? s_lost (conn, error) : TXC_RM_OK;
}

/* True if the connection works on this branch; otherwise the caller called out of order. */
static bool s_is_its_branch (const txc_rm_conn_t *conn, const txc_rm_xid_t *xid)
{
    return conn->branch && conn->branch->format_id == xid->format_id &&
           strcmp (conn->branch->gtrid, xid->gtrid) == 0 && strcmp (conn->branch->bqual, xid->bqual) == 0;
}

static txc_rm_status_t s_prepare (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                  char evidence[TXC_RM_EVIDENCE_SIZE], txc_rm_error_t *error)
{
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    if (!s_is_its_branch (conn, xid))
        return s_leave (
            conn, mem_fail (error, TXC_RM_ROLLED_BACK, TXC_EPROTO, "25P01", "no such branch is active"));
    return s_leave (conn, s_prepare_locked (conn, evidence, error));
}

static txc_rm_status_t s_execute_locked (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                         const txc_rm_sink_t *sink, txc_rm_error_t *error)
{
    if (!conn->branch)
        return mem_fail (error, TXC_RM_ERROR, TXC_EPROTO, "25P01", "no branch is active");
    if (conn->branch->state == MEM_FAILED)
        return mem_fail (error, TXC_RM_ERROR, TXC_EBRANCH, "25P02",
                         "a statement failed: the branch can only be rolled back");
    mem_fault_t fault = mem_fault_take (conn->rm->faults, MEM_POINT_EXECUTE);
    txc_rm_status_t status = s_slow (conn, &fault, error);
    if (status != TXC_RM_OK)
        return status;
    if (fault.action == MEM_LOST)
        return s_lost (conn, error);
    if (fault.action == MEM_ROLLED_BACK)
        return s_roll_back (conn, error, "40001", "the branch was chosen as a victim, on demand");
    if (fault.action == MEM_ERROR)
        return mem_fail (error, TXC_RM_ERROR, TXC_ERM, "XX000", "the statement failed, on demand");
    return mem_statement_run (conn, statement, sink, error);
}

static txc_rm_status_t s_execute (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                  const txc_rm_sink_t *sink, char evidence[TXC_RM_EVIDENCE_SIZE],
                                  txc_rm_status_t *prepare_status, txc_rm_error_t *error)
{
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    txc_rm_status_t status = s_execute_locked (conn, statement, sink, error);
    if (status == TXC_RM_ERROR && conn->branch)
        conn->branch->state = MEM_FAILED;
    if (conn->branch)
        s_put_evidence (conn->rm, conn->branch, evidence);
    if (prepare_status && status == TXC_RM_OK)
        *prepare_status = s_prepare_locked (conn, evidence, error);
    return s_leave (conn, status);
}

static txc_rm_status_t s_commit_one_phase (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                           txc_rm_error_t *error)
{
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    if (!s_is_its_branch (conn, xid))
        return s_leave (
            conn, mem_fail (error, TXC_RM_ROLLED_BACK, TXC_EPROTO, "25P01", "no such branch is active"));
    mem_fault_t fault = mem_fault_take (conn->rm->faults, MEM_POINT_COMMIT);
    txc_rm_status_t status = s_slow (conn, &fault, error);
    if (status == TXC_RM_LOST)
        return s_leave (conn, status);
    if (fault.action == MEM_LOST)
        return s_leave (conn, s_lost (conn, error));
    if (status != TXC_RM_OK || conn->branch->state == MEM_FAILED || fault.action == MEM_ROLLED_BACK)
        return s_leave (conn, s_roll_back (conn, error, "40001", "the branch was rolled back"));
    if (conn->branch->n_writes && !mem_file_committed_now (conn->rm, conn->branch))
        return s_leave (conn, s_roll_back (conn, error, "58030", "the store's file cannot be written"));
    mem_branch_end (conn->rm, &conn->branch, true);
    return s_leave (conn, fault.action == MEM_LOST_AFTER ? s_lost (conn, error) : TXC_RM_OK);
}

/* Ends a branch that is not prepared; one that is gone already is ended. */
static txc_rm_status_t s_end_unprepared (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error,
                                         mem_point_t point)
{
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    mem_fault_t fault = mem_fault_take (conn->rm->faults, point);
    if (s_slow (conn, &fault, error) == TXC_RM_LOST)
        return s_leave (conn, TXC_RM_LOST);
    if (fault.action == MEM_LOST || fault.action == MEM_LOST_AFTER)
        return s_leave (conn, s_lost (conn, error));
    if (s_is_its_branch (conn, xid))
        mem_branch_end (conn->rm, &conn->branch, false);
    return s_leave (conn, TXC_RM_OK);
}

static txc_rm_status_t s_commit_read_only (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                           txc_rm_error_t *error)
{
    return s_end_unprepared (conn, xid, error, MEM_POINT_COMMIT);
}

static txc_rm_status_t s_rollback_active (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    return s_end_unprepared (conn, xid, error, MEM_POINT_ROLLBACK);
}

/* --- prepared branches -------------------------------------------------------------- */

static txc_rm_status_t s_heuristic (const mem_branch_t *branch, txc_rm_error_t *error)
{
    txc_rm_status_t status =
        mem_fail (error, TXC_RM_HEURISTIC, TXC_ERM, "", "the branch was ended heuristically");
    error->native = branch->heuristic;
    return status;
}

/* The resource manager ends the branch by itself, and remembers that until it is told to forget. */
static txc_rm_status_t s_decide_alone (txc_rm_t *rm, mem_branch_t *branch, bool commit, txc_rm_error_t *error)
{
    txc_rm_xid_t xid = {branch->format_id, branch->gtrid, branch->bqual};
    if (!mem_file_ended (rm, branch->serial, commit))
        return mem_fail (error, TXC_RM_RETRY, TXC_ERM, "58030", "the store's file cannot be written");
    mem_branch_t *memory = mem_branch_new (rm, &xid);
    memory->state = MEM_HEURISTIC;
    memory->heuristic = commit ? XA_HEURCOM : XA_HEURRB;
    mem_branch_end (rm, &branch, commit);
    return s_heuristic (memory, error);
}

static txc_rm_status_t s_finish_locked (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, bool commit,
                                        txc_rm_error_t *error)
{
    txc_rm_t *rm = conn->rm;
    mem_fault_t fault = mem_fault_take (rm->faults, commit ? MEM_POINT_COMMIT : MEM_POINT_ROLLBACK);
    txc_rm_status_t status = s_slow (conn, &fault, error);
    if (status == TXC_RM_LOST)
        return status;
    if (status != TXC_RM_OK || fault.action == MEM_RETRY)
        return mem_fail (error, TXC_RM_RETRY, TXC_ERM, "55000", "the branch is busy");
    if (fault.action == MEM_LOST)
        return s_lost (conn, error);
    mem_branch_t *branch = mem_branch_find (rm, xid);
    if (branch && branch->state == MEM_HEURISTIC)
        return s_heuristic (branch, error);
    if (!branch || branch->state != MEM_PREPARED)
        return mem_fail (error, TXC_RM_ABSENT, TXC_ENOTA, "42704", "no such branch is prepared");
    if (fault.action == MEM_HEURISTIC_COMMIT || fault.action == MEM_HEURISTIC_ROLLBACK)
        return s_decide_alone (rm, branch, fault.action == MEM_HEURISTIC_COMMIT, error);
    if (!mem_file_ended (rm, branch->serial, commit))
        return mem_fail (error, TXC_RM_RETRY, TXC_ERM, "58030", "the store's file cannot be written");
    mem_branch_end (rm, &branch, commit);
    return fault.action == MEM_LOST_AFTER ? s_lost (conn, error) : TXC_RM_OK;
}

static txc_rm_status_t s_commit (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error)
{
    (void) evidence;
    return s_enter (conn, error) ? s_leave (conn, s_finish_locked (conn, xid, true, error)) : TXC_RM_LOST;
}

static txc_rm_status_t s_rollback (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                   txc_rm_error_t *error)
{
    (void) evidence;
    return s_enter (conn, error) ? s_leave (conn, s_finish_locked (conn, xid, false, error)) : TXC_RM_LOST;
}

static txc_rm_status_t s_forget (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    mem_branch_t *branch = mem_branch_find (conn->rm, xid);
    if (!branch || branch->state != MEM_HEURISTIC)
        return s_leave (conn, mem_fail (error, TXC_RM_ABSENT, TXC_ENOTA, "42704", "nothing to forget"));
    mem_branch_end (conn->rm, &branch, false);
    return s_leave (conn, TXC_RM_OK);
}

static txc_rm_status_t s_recover (txc_rm_conn_t *conn, void (*found) (void *, const txc_rm_found_t *),
                                  void *arg, txc_rm_error_t *error)
{
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    txc_rm_t *rm = conn->rm;
    mem_fault_t fault = mem_fault_take (rm->faults, MEM_POINT_RECOVER);
    txc_rm_status_t status = s_slow (conn, &fault, error);
    if (status != TXC_RM_OK || fault.action == MEM_LOST)
        return s_leave (conn, s_lost (conn, error));
    uint64_t now = mem_now_ms();
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&rm->branches, &cursor); node;
         node = txc_hash_step (&rm->branches, &cursor)) {
        const mem_branch_t *branch = TXC_CONTAINER (node, mem_branch_t, node);
        if (branch->state != MEM_PREPARED)
            continue;
        txc_rm_found_t one = {.format_id = branch->format_id, .age_ms = now - branch->since_ms};
        txc_copy_text (one.gtrid, sizeof one.gtrid, branch->gtrid);
        txc_copy_text (one.bqual, sizeof one.bqual, branch->bqual);
        s_put_evidence (rm, branch, one.evidence);
        found (arg, &one);
    }
    return s_leave (conn, TXC_RM_OK);
}

/* Ends one session, lost ones with a late prepare included. */
static void s_end_session (txc_rm_t *rm, uint64_t session)
{
    TXC_LIST_EACH (&rm->connections, at)
    {
        txc_rm_conn_t *conn = TXC_CONTAINER (at, txc_rm_conn_t, node);
        if (conn->session == session)
            mem_session_end (conn);
    }
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&rm->branches, &cursor); node;
         node = txc_hash_step (&rm->branches, &cursor)) {
        mem_branch_t *branch = TXC_CONTAINER (node, mem_branch_t, node);
        if (branch->state == MEM_PREPARING && branch->session == session)
            mem_branch_end (rm, &branch, false);
    }
}

static txc_rm_status_t s_fence (txc_rm_conn_t *conn, txc_rm_conn_t *dead, const char *evidence,
                                txc_rm_error_t *error)
{
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    uint64_t serial, session = 0;
    if (dead)
        session = dead->session;
    else if (evidence && !s_read_evidence (conn->rm, evidence, &serial, &session))
        session = 0; /* of another store: no session of this one */
    if (session && session != conn->session)
        s_end_session (conn->rm, session);
    return s_leave (conn, TXC_RM_OK);
}

static txc_rm_status_t s_fence_all (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    /* Sessions live in the agent's process: those of an earlier one went with it. */
    return s_ping (conn, error);
}

static txc_rm_status_t s_evidence (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                   txc_rm_error_t *error)
{
    (void) xid;
    if (!s_enter (conn, error))
        return TXC_RM_LOST;
    uint64_t serial, session;
    char outcome = '\0';
    if (evidence && s_read_evidence (conn->rm, evidence, &serial, &session))
        outcome = mem_outcome_get (conn->rm, serial);
    return s_leave (conn, outcome == 'c' ? TXC_RM_OK : outcome == 'r' ? TXC_RM_ROLLED_BACK : TXC_RM_UNKNOWN);
}

static const txc_rm_switch_t s_switch = {
    .abi = TXC_RM_ABI,
    .name = "mem",
    .needs_journal = 0,
    .detaches = 1,
    .keys = s_keys,
    .open = s_open,
    .close = s_close,
    .connect = s_connect,
    .disconnect = s_disconnect,
    .ping = s_ping,
    .cancel = s_cancel,
    .check = s_check,
    .identity = s_identity,
    .start = s_start,
    .execute = s_execute,
    .prepare = s_prepare,
    .commit_one_phase = s_commit_one_phase,
    .commit_read_only = s_commit_read_only,
    .rollback_active = s_rollback_active,
    .commit = s_commit,
    .rollback = s_rollback,
    .forget = s_forget,
    .recover = s_recover,
    .fence = s_fence,
    .fence_all = s_fence_all,
    .evidence = s_evidence,
    .is_alive = s_is_alive,
};

__attribute__ ((visibility ("default"))) const txc_rm_switch_t *txc_rm_switch (void)
{
    return &s_switch;
}
