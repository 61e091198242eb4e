#include "config.h"

#include "txc_scripted_xa.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define EXPORT __attribute__ ((visibility ("default")))

static scripted_xa_script_t s_script;
static _Thread_local bool s_is_open, s_scans;
static _Thread_local int s_next; /* of the scan */

EXPORT scripted_xa_script_t *scripted_xa_script (void)
{
    return &s_script;
}

static int s_open (char *info, int rmid, long flags)
{
    s_script.opens++;
    s_script.rmid = rmid;
    s_script.flags = flags;
    snprintf (s_script.info, sizeof s_script.info, "%s", info);
    s_is_open = s_script.open == XA_OK;
    return s_script.open;
}

static int s_close (char *info, int rmid, long flags)
{
    (void) rmid;
    (void) flags;
    s_script.closes++;
    s_script.strangers += !s_is_open;
    snprintf (s_script.info, sizeof s_script.info, "%s", info);
    s_is_open = false;
    return XA_OK;
}

static int s_note (unsigned *count, const XID *xid, int rmid, long flags, int rc)
{
    (*count)++;
    s_script.strangers += !s_is_open;
    s_script.xid = *xid;
    s_script.rmid = rmid;
    s_script.flags = flags;
    return rc;
}

static int s_start (XID *xid, int rmid, long flags)
{
    return s_note (&s_script.starts, xid, rmid, flags, s_script.start);
}

static int s_end (XID *xid, int rmid, long flags)
{
    return s_note (&s_script.ends, xid, rmid, flags, s_script.end);
}

static int s_prepare (XID *xid, int rmid, long flags)
{
    return s_note (&s_script.prepares, xid, rmid, flags, s_script.prepare);
}

static int s_commit (XID *xid, int rmid, long flags)
{
    return s_note (&s_script.commits, xid, rmid, flags, s_script.commit);
}

static int s_rollback (XID *xid, int rmid, long flags)
{
    return s_note (&s_script.rollbacks, xid, rmid, flags, s_script.rollback);
}

static int s_forget (XID *xid, int rmid, long flags)
{
    return s_note (&s_script.forgets, xid, rmid, flags, s_script.forget);
}

static int s_recover (XID *found, long count, int rmid, long flags)
{
    (void) rmid;
    if (s_script.recover < 0)
        return s_script.recover;
    if (s_script.restarts)
        s_next = 0;
    if (flags & TMSTARTRSCAN) {
        s_script.scans++;
        s_scans = true;
        s_next = 0;
    }
    s_script.strangers += !s_is_open || !s_scans;
    int n = 0;
    while (n < count && s_next < s_script.n_listed)
        found[n++] = s_script.listed[s_next++];
    if (flags & TMENDRSCAN)
        s_scans = false;
    return n + s_script.boasts;
}

static int s_complete (int *handle, int *rc, int rmid, long flags)
{
    (void) handle;
    (void) rc;
    (void) rmid;
    (void) flags;
    return XAER_PROTO;
}

extern const struct xa_switch_t scripted_xa, scripted_xa_registering, scripted_xa_of_another_version;

EXPORT const struct xa_switch_t scripted_xa = {
    .name = "scripted",
    .flags = TMNOFLAGS,
    .xa_open_entry = s_open,
    .xa_close_entry = s_close,
    .xa_start_entry = s_start,
    .xa_end_entry = s_end,
    .xa_rollback_entry = s_rollback,
    .xa_prepare_entry = s_prepare,
    .xa_commit_entry = s_commit,
    .xa_recover_entry = s_recover,
    .xa_forget_entry = s_forget,
    .xa_complete_entry = s_complete,
};

EXPORT const struct xa_switch_t scripted_xa_registering = {
    .name = "registering",
    .flags = TMREGISTER,
    .xa_open_entry = s_open,
    .xa_close_entry = s_close,
    .xa_start_entry = s_start,
    .xa_end_entry = s_end,
    .xa_rollback_entry = s_rollback,
    .xa_prepare_entry = s_prepare,
    .xa_commit_entry = s_commit,
    .xa_recover_entry = s_recover,
    .xa_forget_entry = s_forget,
    .xa_complete_entry = s_complete,
};

EXPORT const struct xa_switch_t scripted_xa_of_another_version = {.name = "next", .version = 1};
