/* xa_switch.c - a vendor's XA switch behind the plugin ABI: the agent's side. */
#include "config.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "xa_rm.h"

#define RM_MAGIC 0x78610001u

enum { RECOVER_AT_ONCE = 64 };

static const char *const s_keys[] = {
    "switch",     /* the shared object */
    "symbol",     /* the name of its struct xa_switch_t */
    "open_info",  /* of xa_open, as its vendor wants it; not for passwords that others must not see */
    "close_info", /* of xa_close */
    NULL,
};

static txc_rm_status_t s_fail (txc_rm_error_t *error, txc_rm_status_t status, int code, int native,
                               const char *format, ...) __attribute__ ((format (printf, 5, 6)));

static txc_rm_status_t s_fail (txc_rm_error_t *error, txc_rm_status_t status, int code, int native,
                               const char *format, ...)
{
    if (!error)
        return status;
    memset (error, 0, sizeof *error);
    error->code = code;
    error->native = native;
    va_list args;
    va_start (args, format);
    vsnprintf (error->text, sizeof error->text, format, args);
    va_end (args);
    return status;
}

/* --- the resource manager ------------------------------------------------------------- */

static void s_close (txc_rm_t **rm_p)
{
    txc_rm_t *rm = *rm_p;
    *rm_p = NULL;
    TXC_UNMAGIC (rm, RM_MAGIC);
    if (rm->library)
        dlclose (rm->library);
    free (rm->name);
    free (rm);
}

static bool s_is_whole (const struct xa_switch_t *xa)
{
    return xa->xa_open_entry && xa->xa_close_entry && xa->xa_start_entry && xa->xa_end_entry &&
           xa->xa_rollback_entry && xa->xa_prepare_entry && xa->xa_commit_entry && xa->xa_recover_entry &&
           xa->xa_forget_entry;
}

static txc_rm_status_t s_load (txc_rm_t *rm, const char *path, const char *symbol, txc_rm_error_t *error)
{
    if (!path || !symbol)
        return s_fail (error, TXC_RM_ERROR, TXC_ECONFIG, 0,
                       "switch and symbol are needed: the shared object, and the name of its xa_switch_t");
    /* Lazily: it may need ax_reg, which is the application's side. */
    rm->library = dlopen (path, RTLD_LAZY | RTLD_LOCAL);
    if (!rm->library)
        return s_fail (error, TXC_RM_ERROR, TXC_ECONFIG, 0, "cannot load the switch: %.200s", dlerror());
    rm->xa = dlsym (rm->library, symbol);
    if (!rm->xa)
        return s_fail (error, TXC_RM_ERROR, TXC_ECONFIG, 0, "%.120s has no symbol '%.60s'", path, symbol);
    if (rm->xa->version != 0 || !s_is_whole (rm->xa))
        return s_fail (error, TXC_RM_ERROR, TXC_ECONFIG, 0,
                       "'%.60s' of %.120s is no whole xa_switch_t of version 0", symbol, path);
    return TXC_RM_OK;
}

static bool s_copy_info (char info[MAXINFOSIZE], const char *value)
{
    return snprintf (info, MAXINFOSIZE, "%s", value ? value : "") < MAXINFOSIZE;
}

static txc_rm_status_t s_open (const char *name, txc_rm_config_fn *config, void *arg, txc_rm_t **rm_p,
                               txc_rm_error_t *error)
{
    static atomic_int last_rmid;
    txc_rm_t *rm = txc_calloc (1, sizeof *rm);
    TXC_MAGIC (rm, RM_MAGIC);
    rm->name = txc_strdup (name);
    rm->rmid = atomic_fetch_add (&last_rmid, 1) + 1;
    txc_rm_status_t status = s_load (rm, config (arg, "switch"), config (arg, "symbol"), error);
    if (status == TXC_RM_OK && (!s_copy_info (rm->open_info, config (arg, "open_info")) ||
                                !s_copy_info (rm->close_info, config (arg, "close_info"))))
        status = s_fail (error, TXC_RM_ERROR, TXC_ECONFIG, 0,
                         "open_info and close_info are at most %d bytes long", MAXINFOSIZE - 1);
    if (status == TXC_RM_OK)
        *rm_p = rm;
    else
        s_close (&rm);
    return status;
}

/* --- connections -------------------------------------------------------------------------- */

static txc_rm_status_t s_connect (txc_rm_t *rm, txc_rm_conn_t **conn, txc_rm_error_t *error)
{
    TXC_CHECK (rm, RM_MAGIC);
    *conn = xa_conn_new (rm);
    if (!*conn)
        return s_fail (error, TXC_RM_LOST, TXC_ERMFAIL, 0, "the system has no thread or memory left");
    int rc = (*conn)->opened;
    if (rc == XA_OK)
        return TXC_RM_OK;
    xa_conn_destroy (conn);
    return s_fail (error, TXC_RM_LOST, TXC_ERMFAIL, rc, "xa_open of %s: %s (%d)", rm->xa->name,
                   xa_code_name (rc), rc);
}

/* Makes a call and says what it means. */
static txc_rm_status_t s_call (txc_rm_conn_t *conn, xa_call_t *call, txc_rm_error_t *error)
{
    if (!conn->alive)
        return s_fail (error, TXC_RM_LOST, TXC_ERMFAIL, XAER_RMFAIL, "the resource manager failed before");
    xa_conn_call (conn, call);
    int heuristic;
    txc_rm_status_t status = xa_code_meaning (call->function, call->rc, &heuristic);
    if (status == TXC_RM_OK)
        return status;
    if (call->rc == XAER_RMFAIL)
        conn->alive = false;
    int code = status == TXC_RM_LOST ? TXC_ERMFAIL : status == TXC_RM_ABSENT ? TXC_ENOTA : TXC_ERM;
    return s_fail (error, status, code, heuristic ? heuristic : call->rc, "%s of %s: %s (%d)",
                   xa_function_name (call->function), conn->rm->xa->name, xa_code_name (call->rc), call->rc);
}

static txc_rm_status_t s_ping (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    XID room = {0};
    xa_call_t call = {
        .function = XA_FN_RECOVER, .found = &room, .n_found = 1, .flags = TMSTARTRSCAN | TMENDRSCAN};
    return s_call (conn, &call, error);
}

static void s_cancel (txc_rm_conn_t *conn)
{
    (void) conn; /* XA has nothing for it */
}

static int s_is_alive (const txc_rm_conn_t *conn)
{
    return conn->alive;
}

static txc_rm_status_t s_check (txc_rm_conn_t *conn, const char *instance,
                                void (*warn) (void *arg, const char *text), void *arg, txc_rm_error_t *error)
{
    (void) instance;
    warn (arg, "an XA switch has no lock by which a second agent of this resource manager could be noticed: "
               "run one");
    return s_ping (conn, error);
}

static txc_rm_status_t s_identity (txc_rm_conn_t *conn, char identity[TXC_RM_EVIDENCE_SIZE],
                                   txc_rm_error_t *error)
{
    (void) error;
    /* XA does not tell one copy of the data from another. */
    snprintf (identity, TXC_RM_EVIDENCE_SIZE, "xa:%.31s", conn->rm->xa->name);
    return TXC_RM_OK;
}

/* --- prepared branches ------------------------------------------------------------------------ */

static bool s_xid (const txc_rm_xid_t *from, XID *to)
{
    size_t gtrid = strlen (from->gtrid), bqual = strlen (from->bqual);
    if (gtrid == 0 || gtrid > MAXGTRIDSIZE || bqual == 0 || bqual > MAXBQUALSIZE)
        return false;
    memset (to, 0, sizeof *to);
    to->formatID = from->format_id;
    to->gtrid_length = (long) gtrid;
    to->bqual_length = (long) bqual;
    memcpy (to->data, from->gtrid, gtrid);
    memcpy (to->data + gtrid, from->bqual, bqual);
    return true;
}

static txc_rm_status_t s_finish (txc_rm_conn_t *conn, xa_function_t function, const txc_rm_xid_t *xid,
                                 txc_rm_error_t *error)
{
    xa_call_t call = {.function = function};
    if (!s_xid (xid, &call.xid))
        return s_fail (error, TXC_RM_ABSENT, TXC_EINVAL, 0, "not a valid branch id");
    return s_call (conn, &call, error);
}

static txc_rm_status_t s_commit (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error)
{
    (void) evidence;
    return s_finish (conn, XA_FN_COMMIT, xid, error);
}

static txc_rm_status_t s_rollback (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                   txc_rm_error_t *error)
{
    (void) evidence;
    return s_finish (conn, XA_FN_ROLLBACK, xid, error);
}

static txc_rm_status_t s_forget (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    return s_finish (conn, XA_FN_FORGET, xid, error);
}

/* One id of a scan, if it could be ours: printable.  Of others nobody asks. */
static bool s_found (const XID *xid, txc_rm_found_t *found)
{
    long size = xid->gtrid_length + xid->bqual_length;
    if (xid->formatID < 0 || xid->formatID > INT32_MAX || xid->gtrid_length < 1 || xid->bqual_length < 1 ||
        xid->gtrid_length > MAXGTRIDSIZE || xid->bqual_length > MAXBQUALSIZE)
        return false;
    for (long i = 0; i < size; i++)
        if (!isprint ((unsigned char) xid->data[i]))
            return false;
    memset (found, 0, sizeof *found);
    found->format_id = (int32_t) xid->formatID;
    memcpy (found->gtrid, xid->data, (size_t) xid->gtrid_length);
    memcpy (found->bqual, xid->data + xid->gtrid_length, (size_t) xid->bqual_length);
    return true;
}

static bool s_is_same (const XID *a, const XID *b)
{
    return a->formatID == b->formatID && a->gtrid_length == b->gtrid_length &&
           a->bqual_length == b->bqual_length && memcmp (a->data, b->data, sizeof a->data) == 0;
}

/* What a switch must not do in a scan, and would be an endless one, or an agent's end, if it were believed.
 */
static const char *s_scan_fault (const xa_call_t *call, const XID *first)
{
    if (call->rc > call->n_found)
        return "it gave more branches than there was room for";
    if (call->rc > 0 && call->flags == TMNOFLAGS && s_is_same (&call->found[0], first))
        return "it begins its scan anew with every call, so that its other branches cannot be seen";
    return NULL;
}

static txc_rm_status_t s_recover (txc_rm_conn_t *conn, void (*found) (void *, const txc_rm_found_t *),
                                  void *arg, txc_rm_error_t *error)
{
    XID room[RECOVER_AT_ONCE], first = {0};
    xa_call_t call = {
        .function = XA_FN_RECOVER, .found = room, .n_found = RECOVER_AT_ONCE, .flags = TMSTARTRSCAN};
    do {
        memset (room, 0, sizeof room);
        txc_rm_status_t status = s_call (conn, &call, error);
        if (status != TXC_RM_OK)
            return status;
        const char *fault = s_scan_fault (&call, &first);
        if (fault)
            return s_fail (error, TXC_RM_RETRY, TXC_ERM, call.rc, "xa_recover of %s is faulty: %s",
                           conn->rm->xa->name, fault);
        if (call.flags == TMSTARTRSCAN)
            first = room[0];
        txc_rm_found_t one;
        for (int i = 0; i < call.rc; i++)
            if (s_found (&room[i], &one))
                found (arg, &one);
        call.flags = TMNOFLAGS;
    } while (call.rc == RECOVER_AT_ONCE); /* fewer than there was room for: that was all */
    call.n_found = 0;
    call.flags = TMENDRSCAN;
    s_call (conn, &call, NULL); /* frees the scan; whatever it says, all was told */
    return TXC_RM_OK;
}

/* --- what is the application's side, and what XA has nothing for --------------------------------- */

static txc_rm_status_t s_no_work (txc_rm_error_t *error)
{
    return s_fail (
        error, TXC_RM_ERROR, TXC_EREFUSED, 0,
        "an XA resource manager runs no statements at its agent: its work is done by the application");
}

static txc_rm_status_t s_start (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                const txc_rm_branch_options_t *options, txc_rm_error_t *error)
{
    (void) conn;
    (void) xid;
    (void) options;
    return s_no_work (error);
}

static txc_rm_status_t s_execute (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                  const txc_rm_sink_t *sink, char evidence[TXC_RM_EVIDENCE_SIZE],
                                  txc_rm_status_t *prepare_status, txc_rm_error_t *error)
{
    (void) conn;
    (void) statement;
    (void) sink;
    (void) evidence;
    (void) prepare_status;
    return s_no_work (error);
}

static txc_rm_status_t s_prepare (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                  char evidence[TXC_RM_EVIDENCE_SIZE], txc_rm_error_t *error)
{
    (void) conn;
    (void) xid;
    (void) evidence;
    s_no_work (error);
    return TXC_RM_ROLLED_BACK; /* no branch was begun */
}

static txc_rm_status_t s_commit_one_phase (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                           txc_rm_error_t *error)
{
    return s_prepare (conn, xid, NULL, error);
}

static txc_rm_status_t s_end_active (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    (void) conn;
    (void) xid;
    (void) error;
    return TXC_RM_OK; /* there is none */
}

/* XA names no sessions.  A prepare that comes late is found by the scan, and rolled back by what was decided.
 */
static txc_rm_status_t s_fence (txc_rm_conn_t *conn, txc_rm_conn_t *dead, const char *evidence,
                                txc_rm_error_t *error)
{
    (void) dead;
    (void) evidence;
    return s_ping (conn, error);
}

static txc_rm_status_t s_evidence (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                   txc_rm_error_t *error)
{
    (void) conn;
    (void) xid;
    (void) evidence;
    (void) error;
    return TXC_RM_UNKNOWN;
}

static const txc_rm_switch_t s_switch = {
    .abi = TXC_RM_ABI,
    .name = "xa",
    .needs_journal = 1,
    .forgets = 1,
    .detaches = 1,
    .keys = s_keys,
    .open = s_open,
    .close = s_close,
    .connect = s_connect,
    .disconnect = xa_conn_destroy,
    .ping = s_ping,
    .cancel = s_cancel,
    .check = s_check,
    .identity = s_identity,
    .start = s_start,
    .execute = s_execute,
    .prepare = s_prepare,
    .commit_one_phase = s_commit_one_phase,
    .commit_read_only = s_end_active,
    .rollback_active = s_end_active,
    .commit = s_commit,
    .rollback = s_rollback,
    .forget = s_forget,
    .recover = s_recover,
    .fence = s_fence,
    .fence_all = s_ping,
    .evidence = s_evidence,
    .is_alive = s_is_alive,
};

__attribute__ ((visibility ("default"))) const txc_rm_switch_t *txc_rm_switch (void)
{
    return &s_switch;
}
