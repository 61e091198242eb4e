#include "config.h"

#include "libtxcoord/txc_enlist_xa.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xa/xa_code.h"

enum { TEXT = 256, OUTSIDE_MAX = 64 };

/* --- resource managers that register by themselves --------------------------------- */

static _Thread_local txc_xa_branch_t *s_waiting;

static txc_xa_branch_t *s_of_thread (int rmid)
{
    txc_xa_branch_t *one = s_waiting;
    while (one && one->rmid != rmid)
        one = one->next;
    return one;
}

static void s_forget (txc_xa_branch_t *self)
{
    txc_xa_branch_t **at = &s_waiting;
    while (self->listed && *at != self)
        at = &(*at)->next;
    if (self->listed)
        *at = self->next;
    self->listed = false;
}

/* Those that have registered for work outside of transactions, which is not over. */
static _Thread_local struct {
    unsigned n;
    int rmids[OUTSIDE_MAX];
} s_outside;

static int *s_registered_outside (int rmid)
{
    for (unsigned i = 0; i < s_outside.n; i++)
        if (s_outside.rmids[i] == rmid)
            return &s_outside.rmids[i];
    return NULL;
}

static int s_register_outside (int rmid)
{
    if (s_registered_outside (rmid))
        return TMER_PROTO;
    if (s_outside.n == OUTSIDE_MAX)
        return TMER_TMERR;
    s_outside.rmids[s_outside.n++] = rmid;
    return TM_OK;
}

__attribute__ ((visibility ("default"))) int ax_reg (int rmid, XID *xid, long flags)
{
    if (!xid || flags != TMNOFLAGS)
        return TMER_INVAL;
    txc_xa_branch_t *branch = s_of_thread (rmid);
    memset (xid, 0, sizeof *xid);
    xid->formatID = -1; /* none: the work is outside of any transaction */
    if (!branch)
        return s_register_outside (rmid);
    if (branch->registered)
        return TMER_PROTO;
    branch->registered = true;
    *xid = branch->xid;
    return TM_OK;
}

__attribute__ ((visibility ("default"))) int ax_unreg (int rmid, long flags)
{
    if (flags != TMNOFLAGS)
        return TMER_INVAL;
    int *outside = s_registered_outside (rmid);
    if (!outside)
        return TMER_PROTO; /* what registered for a branch is ended with it */
    *outside = s_outside.rmids[--s_outside.n];
    return TM_OK;
}

/* --- calls ----------------------------------------------------------------------------- */

static void s_xid (const txc_branch_name_t *name, XID *xid)
{
    size_t gtrid = strlen (name->gtrid), bqual = strlen (name->bqual);
    memset (xid, 0, sizeof *xid);
    xid->formatID = name->format_id;
    xid->gtrid_length = (long) gtrid;
    xid->bqual_length = (long) bqual;
    memcpy (xid->data, name->gtrid, gtrid);
    memcpy (xid->data + gtrid, name->bqual, bqual);
}

/* What the switch gave, and what that means; *rc takes the code. */
static txc_rm_status_t s_means (const txc_xa_branch_t *self, xa_function_t function, int rc, int *heuristic,
                                char *error)
{
    txc_rm_status_t status = xa_code_meaning (function, rc, heuristic);
    if (status != TXC_RM_OK && !error[0])
        snprintf (error, TEXT, "%s of %.32s: %s (%d)", xa_function_name (function), self->xa->name,
                  xa_code_name (rc), rc);
    return status;
}

static txc_rm_status_t s_end (txc_xa_branch_t *self, long flags, char *error)
{
    int unused;
    self->registered = false;
    s_forget (self);
    return s_means (self, XA_FN_END, self->xa->xa_end_entry (&self->xid, self->rmid, flags), &unused, error);
}

/* Nothing is left of it, for sure; or the agent has to look. */
static txc_driver_called_t s_undo (txc_xa_branch_t *self, char *error)
{
    int heuristic;
    int rc = self->xa->xa_rollback_entry (&self->xid, self->rmid, TMNOFLAGS);
    txc_rm_status_t status = s_means (self, XA_FN_ROLLBACK, rc, &heuristic, error);
    bool gone = status == TXC_RM_OK || status == TXC_RM_ABSENT;
    return gone ? TXC_CALLED_NEVER : TXC_CALLED_UNKNOWN;
}

/* Ends the thread's work on the branch.  DONE, or what becomes of a branch whose work cannot be ended well.
 */
static txc_driver_called_t s_close (txc_xa_branch_t *self, char *error)
{
    txc_rm_status_t status = s_end (self, TMSUCCESS, error);
    if (status == TXC_RM_OK)
        return TXC_CALLED_DONE;
    return status == TXC_RM_LOST ? TXC_CALLED_UNKNOWN : s_undo (self, error);
}

static txc_driver_called_t s_begin (txc_xa_branch_t *self, const txc_branch_name_t *name, char *error)
{
    int unused;
    s_xid (name, &self->xid);
    if (self->registers) {
        if (s_registered_outside (self->rmid)) {
            snprintf (error, TEXT,
                      "resource manager %d registered for work outside of transactions (ax_reg), "
                      "and has not ended that (ax_unreg)",
                      self->rmid);
            return TXC_CALLED_OUTSIDE;
        }
        if (s_of_thread (self->rmid)) {
            snprintf (error, TEXT, "this thread works for another transaction at resource manager %d",
                      self->rmid);
            return TXC_CALLED_NEVER;
        }
        self->next = s_waiting;
        s_waiting = self;
        self->listed = true;
        return TXC_CALLED_DONE;
    }
    int rc = self->xa->xa_start_entry (&self->xid, self->rmid, TMNOFLAGS);
    txc_rm_status_t status = s_means (self, XA_FN_START, rc, &unused, error);
    return status == TXC_RM_OK     ? TXC_CALLED_DONE
           : status == TXC_RM_LOST ? TXC_CALLED_UNKNOWN
           : rc == XAER_OUTSIDE    ? TXC_CALLED_OUTSIDE
                                   : TXC_CALLED_NEVER;
}

static txc_driver_called_t s_prepare (txc_xa_branch_t *self, char *error)
{
    int unused;
    if (self->registers && !self->registered) { /* it never came to it */
        s_forget (self);
        return TXC_CALLED_READ_ONLY;
    }
    txc_driver_called_t closed = s_close (self, error);
    if (closed != TXC_CALLED_DONE)
        return closed;
    int rc = self->xa->xa_prepare_entry (&self->xid, self->rmid, TMNOFLAGS);
    switch (s_means (self, XA_FN_PREPARE, rc, &unused, error)) {
    case TXC_RM_OK:
        return TXC_CALLED_DONE;
    case TXC_RM_READ_ONLY:
        return TXC_CALLED_READ_ONLY;
    case TXC_RM_ROLLED_BACK:
        return TXC_CALLED_NEVER;
    default:
        return TXC_CALLED_UNKNOWN;
    }
}

static txc_driver_called_t s_one_phase (txc_xa_branch_t *self, char *error)
{
    int heuristic;
    if (self->registers && !self->registered) {
        s_forget (self);
        return TXC_CALLED_DONE;
    }
    txc_driver_called_t closed = s_close (self, error);
    if (closed != TXC_CALLED_DONE)
        return closed;
    int rc = self->xa->xa_commit_entry (&self->xid, self->rmid, TMONEPHASE);
    txc_rm_status_t status = s_means (self, XA_FN_COMMIT_ONE_PHASE, rc, &heuristic, error);
    if (status == TXC_RM_HEURISTIC) { /* nobody but this call is told of it */
        self->xa->xa_forget_entry (&self->xid, self->rmid, TMNOFLAGS);
        return heuristic == XA_HEURCOM   ? TXC_CALLED_DONE
               : heuristic == XA_HEURRB  ? TXC_CALLED_NEVER
               : heuristic == XA_HEURMIX ? TXC_CALLED_MIXED
                                         : TXC_CALLED_HAZARD;
    }
    return status == TXC_RM_OK            ? TXC_CALLED_DONE
           : status == TXC_RM_ROLLED_BACK ? TXC_CALLED_NEVER
                                          : TXC_CALLED_UNKNOWN;
}

static txc_driver_called_t s_finish (txc_xa_branch_t *self, bool commit, char *error)
{
    int heuristic;
    int rc = (commit ? self->xa->xa_commit_entry : self->xa->xa_rollback_entry) (&self->xid, self->rmid,
                                                                                 TMNOFLAGS);
    txc_rm_status_t status = s_means (self, commit ? XA_FN_COMMIT : XA_FN_ROLLBACK, rc, &heuristic, error);
    switch (status) {
    case TXC_RM_OK:
        return TXC_CALLED_DONE;
    case TXC_RM_ABSENT:
        return TXC_CALLED_ABSENT;
    case TXC_RM_LOST: /* it may have been done */
        return TXC_CALLED_UNKNOWN;
    default: /* the agent repeats it, and reports what it finds: a heuristic is listed until it is forgotten
              */
        return TXC_CALLED_REFUSED;
    }
}

static txc_driver_called_t s_roll_back_open (txc_xa_branch_t *self, char *error)
{
    if (self->registers && !self->registered) {
        s_forget (self);
        return TXC_CALLED_DONE;
    }
    s_end (self, TMFAIL, error); /* whatever it says, the branch is to go */
    return s_undo (self, error) == TXC_CALLED_NEVER ? TXC_CALLED_DONE : TXC_CALLED_UNKNOWN;
}

static txc_driver_called_t s_call (txc_xa_branch_t *self, txc_driver_call_t what,
                                   const txc_branch_name_t *name, char *error)
{
    switch (what) {
    case TXC_CALL_BEGIN:
        return s_begin (self, name, error);
    case TXC_CALL_PREPARE:
        return s_prepare (self, error);
    case TXC_CALL_COMMIT:
        return s_finish (self, true, error);
    case TXC_CALL_ONE_PHASE:
        return s_one_phase (self, error);
    case TXC_CALL_ROLLBACK:
        return s_finish (self, false, error);
    case TXC_CALL_ROLLBACK_OPEN:
        return s_roll_back_open (self, error);
    }
    return TXC_CALLED_UNKNOWN;
}

int txc_xa_branch_call (void *arg, int what, const txc_branch_name_t *name, char *error)
{
    txc_xa_branch_t *self = arg;
    if (!pthread_equal (self->thread, pthread_self())) {
        snprintf (error, TEXT, "XA binds work to its thread: another one called than the one that enlisted");
        return TXC_CALLED_UNKNOWN;
    }
    return (int) s_call (self, (txc_driver_call_t) what, name, error);
}

void txc_xa_branch_release (void *arg)
{
    txc_xa_branch_t *self = arg;
    if (!self)
        return;
    bool own = pthread_equal (self->thread, pthread_self());
    if (own)
        s_forget (self);
    if (own ||
        !self->listed) /* else its thread still finds it, and may yet be asked by the resource manager */
        free (self);
}

/* --- the interface ----------------------------------------------------------------------- */

txc_xa_branch_t *txc_xa_branch_new (const struct xa_switch_t *xa, int rmid)
{
    txc_xa_branch_t *self = calloc (1, sizeof *self);
    if (!self)
        return NULL;
    self->xa = xa;
    self->rmid = rmid;
    self->thread = pthread_self();
    self->registers = (xa->flags & TMREGISTER) != 0;
    return self;
}

const struct xa_switch_t *txc_xa_load (const char *file, const char *symbol, char *error, size_t size)
{
    void *library = file && symbol ? dlopen (file, RTLD_NOW | RTLD_LOCAL) : NULL;
    const struct xa_switch_t *xa = library ? dlsym (library, symbol) : NULL;
    const char *why = !file || !symbol ? "a file and the name of a switch are needed" : xa ? "" : dlerror();
    if (error && size)
        snprintf (error, size, "%s", why ? why : "");
    if (!xa && library)
        dlclose (library);
    return xa;
}

static bool s_is_whole (const struct xa_switch_t *xa)
{
    return xa && xa->version == 0 && xa->xa_start_entry && xa->xa_end_entry && xa->xa_rollback_entry &&
           xa->xa_prepare_entry && xa->xa_commit_entry && xa->xa_forget_entry;
}

int txc_enlist_xa (txc_tx_t *tx, const char *rm, const struct xa_switch_t *xa, int rmid)
{
    static const txc_enlist_driver_t driver = {
        .dialect = TXC_DIALECT_CALLS, .call = txc_xa_branch_call, .release = txc_xa_branch_release};
    txc_xa_branch_t *branch = s_is_whole (xa) ? txc_xa_branch_new (xa, rmid) : NULL;
    return txc_enlist_cb (tx, rm, branch ? &driver : NULL, branch);
}
