/* Branches that no SQL begins and ends: each piece of work is one call of the driver. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "libtxcoord/txc_enlist.h"

/* The branch's name, out of the gid. */
static txc_branch_name_t s_name (const txc_enlisted_t *self)
{
    txc_branch_name_t name = {.format_id = TXC_FORMAT_ID};
    const char *colon = strchr (self->gid, ':');
    TXC_ASSERT (colon != NULL && colon - self->gid < (long) sizeof name.gtrid);
    snprintf (name.gtrid, sizeof name.gtrid, "%.*s", (int) (colon - self->gid), self->gid);
    txc_copy_text (name.bqual, sizeof name.bqual, colon + 1);
    return name;
}

static txc_driver_called_t s_call (txc_enlisted_t *self, txc_driver_call_t what)
{
    txc_branch_name_t name = s_name (self);
    char text[256] = "";
    int called = self->driver.call (self->arg, (int) what, &name, text);
    int code = called == TXC_CALLED_UNKNOWN   ? TXC_ERMFAIL
               : called == TXC_CALLED_OUTSIDE ? TXC_EPROTO
                                              : TXC_EBRANCH;
    if (called != TXC_CALLED_DONE && called != TXC_CALLED_READ_ONLY)
        txc_script_blame (self, code, NULL, text[0] ? text : "the enlisted branch's driver failed");
    return (txc_driver_called_t) called;
}

/* What cannot be told is what a lost connection is: the agent sees to it. */
static txc_work_status_t s_status (txc_driver_called_t called)
{
    switch (called) {
    case TXC_CALLED_DONE:
        return TXC_WORK_OK;
    case TXC_CALLED_READ_ONLY:
        return TXC_WORK_READ_ONLY;
    case TXC_CALLED_NEVER:
        return TXC_WORK_ROLLED_BACK;
    case TXC_CALLED_ABSENT:
        return TXC_WORK_ABSENT;
    case TXC_CALLED_REFUSED:
        return TXC_WORK_ERROR;
    case TXC_CALLED_UNKNOWN:
    case TXC_CALLED_OUTSIDE: /* no answers to this */
    case TXC_CALLED_MIXED:
    case TXC_CALLED_HAZARD:
        break;
    }
    return TXC_WORK_LOST;
}

static txc_work_status_t s_one_phase (txc_enlisted_t *self)
{
    txc_driver_called_t called = s_call (self, TXC_CALL_ONE_PHASE);
    if (called != TXC_CALLED_MIXED && called != TXC_CALLED_HAZARD)
        return s_status (called);
    self->done.heur = called == TXC_CALLED_MIXED ? TXC_HEUR_MIXED : TXC_HEUR_HAZARD;
    return TXC_WORK_HEURISTIC;
}

/* Roll back what has failed: it is a no for sure only if the driver says that it is gone. */
static txc_work_status_t s_refuse (txc_enlisted_t *self)
{
    txc_script_blame (self, TXC_EBRANCH, NULL, "a statement of the enlisted branch had failed");
    return s_call (self, TXC_CALL_ROLLBACK_OPEN) == TXC_CALLED_DONE ? TXC_WORK_ROLLED_BACK : TXC_WORK_LOST;
}

static txc_work_status_t s_end (txc_enlisted_t *self)
{
    bool commit = self->op == TXC_WORK_COMMIT;
    if (self->prepared)
        return s_status (s_call (self, commit ? TXC_CALL_COMMIT : TXC_CALL_ROLLBACK));
    if (self->read_only || commit)
        return TXC_WORK_OK; /* it ended when it was to be prepared */
    return s_status (s_call (self, TXC_CALL_ROLLBACK_OPEN));
}

void txc_script_call (txc_enlisted_t *self)
{
    txc_work_status_t status;
    switch (self->op) {
    case TXC_WORK_NONE:
        snprintf (self->done.evidence, sizeof self->done.evidence, "calls");
        status = TXC_WORK_OK;
        break;
    case TXC_WORK_EXEC:
        status = s_call (self, TXC_CALL_BEGIN) == TXC_CALLED_DONE ? TXC_WORK_OK : TXC_WORK_ERROR;
        break;
    case TXC_WORK_PREPARE:
        status = self->failed ? s_refuse (self) : s_status (s_call (self, TXC_CALL_PREPARE));
        self->read_only = status == TXC_WORK_READ_ONLY;
        break;
    case TXC_WORK_COMMIT_ONE_PHASE:
        status = self->failed ? s_refuse (self) : s_one_phase (self);
        break;
    default:
        status = s_end (self);
    }
    txc_script_end (self, status);
}
