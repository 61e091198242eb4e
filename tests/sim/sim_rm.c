/* A resource manager's data: branches, their ends, crashes. */
#include "sim_rm.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "sim_check.h"
#include "sim_trace.h"

sim_rm_t *sim_rm_named (const sim_t *sim, const char *name)
{
    for (uint32_t i = 0; i < sim->n_rms; i++)
        if (strcmp (sim->rms[i]->proc.name, name) == 0)
            return sim->rms[i];
    return NULL;
}

sim_branch_t *sim_rm_branch (const sim_t *sim, const sim_rm_t *self, const txc_work_t *work)
{
    return sim_branch_find (sim, &work->gtrid, self->proc.name, work->token);
}

static void s_trace (sim_t *sim, const sim_branch_t *branch, const char *what)
{
    char gtrid[TXC_GTRID_MAX + 1];
    sim_trace (sim, branch->rm->proc.name, "%s %s/%04x", what, txc_gtrid_format (&branch->tx->gtrid, gtrid),
               (unsigned) (branch->token & 0xffff));
}

static void s_apply (sim_branch_t *branch, int sign)
{
    for (uint32_t i = 0; i < branch->n_statements; i++)
        if (branch->statements[i].writes)
            branch->rm->accounts[branch->statements[i].account] += sign * branch->statements[i].amount;
}

/* A forced write of the RM takes along what was written before it. */
static void s_force (sim_rm_t *self)
{
    TXC_LIST_EACH (&self->reverted, link)
    txc_list_remove (link);
}

static void s_end (sim_t *sim, sim_branch_t *branch, sim_branch_state_t state)
{
    txc_list_remove (&branch->rm_node);
    branch->state = state;
    branch->ended_at = sim->now;
    branch->server_attached = branch->client_attached = branch->op_pending = false;
}

void sim_rm_commit (sim_t *sim, sim_branch_t *branch)
{
    s_trace (sim, branch, "commits");
    s_force (branch->rm);
    branch->ended_by_op = true;
    sim_check_committed (sim, branch);
    s_end (sim, branch, SIM_BRANCH_COMMITTED);
    s_apply (branch, 1);
    branch->rm->ledger += branch->wrote;
}

void sim_rm_roll_back (sim_t *sim, sim_branch_t *branch, bool by_op)
{
    s_trace (sim, branch, by_op ? "rolls back" : "loses");
    bool was_prepared = branch->state == SIM_BRANCH_PREPARED;
    branch->ended_by_op = by_op;
    s_end (sim, branch, SIM_BRANCH_ROLLED_BACK);
    sim_check_rolled_back (sim, branch, by_op);
    if (branch->rm->kind == SIM_RM_MYSQL && was_prepared)
        txc_list_append (&branch->rm->reverted, &branch->rm_node);
}

/* --- sessions -------------------------------------------------------------------- */

void sim_rm_close_session (sim_t *sim, sim_rm_t *self, sim_branch_t *branch)
{
    (void) self;
    if (!branch->server_attached)
        return;
    s_trace (sim, branch, "ends the session of");
    branch->server_attached = branch->client_attached = branch->op_pending = false;
    if (branch->state == SIM_BRANCH_ACTIVE)
        sim_rm_roll_back (sim, branch, false);
}

typedef struct s_closing {
    sim_branch_t *branch;
    uint64_t session;
} s_closing_t;

static void s_on_close (sim_t *sim, sim_event_t *event)
{
    s_closing_t *closing = event->data;
    sim_branch_t *branch = closing->branch;
    if (branch->session == closing->session && branch->server_attached && !branch->op_pending)
        sim_rm_close_session (sim, branch->rm, branch);
}

static void s_free_data (sim_event_t *event)
{
    free (event->data);
}

void sim_rm_lose_client (sim_t *sim, sim_rm_t *self, sim_branch_t *branch)
{
    branch->client_attached = false;
    if (!branch->server_attached)
        return;
    /* Mostly at once; a half-open connection only when keepalives give up. */
    uint64_t delay = sim_percent (sim, 70) ? sim_between (sim, 10, 5 * SIM_MS)
                                           : sim_between (sim, SIM_MS, sim->healed ? 5 * SIM_S : 60 * SIM_S);
    s_closing_t *closing = txc_malloc (sizeof *closing);
    *closing = (s_closing_t){branch, branch->session};
    sim_event_t *event = sim_after (sim, delay, &self->proc, self->proc.life, s_on_close);
    event->data = closing;
    event->drop = s_free_data;
}

/* --- late requests ------------------------------------------------------------------ */

static void s_on_late (sim_t *sim, sim_event_t *event)
{
    sim_request_t *request = event->data;
    sim_rm_t *self = sim->rms[event->a];
    sim_branch_t *branch = sim_rm_branch (sim, self, &request->work);
    if (request->agent_life <= self->fenced_life)
        return;
    bool fenced =
        branch && branch->fenced_at >= request->lost_at && branch->fenced_life == request->agent_life;
    if (fenced && !request->session && !request->owner)
        return;
    if (request->session) {
        if (!branch || branch->session != request->session || !branch->server_attached)
            return; /* fenced, or the server is a new one */
        branch->op_pending = false;
        branch->client_attached = true; /* as the server sees it */
    }
    if (request->work.op == TXC_WORK_PREPARE && branch && branch->state == SIM_BRANCH_ACTIVE)
        sim_count (sim, SIM_FAULT_LATE_PREPARE);
    sim_trace (sim, self->proc.name, "runs a request whose connection was reported lost");
    sim_rm_run (sim, self, request);
    if (request->session && branch) {
        branch->client_attached = false;
        sim_rm_close_session (sim, self, branch);
    }
}

static void s_free_request (sim_event_t *event)
{
    sim_request_t *request = event->data;
    txc_blob_destroy (&request->work.body);
    txc_blob_destroy (&request->result.body);
    free (request->found);
    free (request);
}

void sim_rm_expect_late (sim_t *sim, sim_rm_t *self, const sim_request_t *request)
{
    sim_request_t *copy = txc_malloc (sizeof *copy);
    *copy = *request;
    copy->work.body = txc_blob_ref (request->work.body);
    copy->found = NULL;
    memset (&copy->result, 0, sizeof copy->result);
    copy->late = true;
    copy->lost_at = sim->now;
    sim_branch_t *branch = sim_rm_branch (sim, self, &request->work);
    if (request->session && branch)
        branch->op_pending = true;
    uint64_t delay =
        sim_percent (sim, 60) ? sim_between (sim, 1, 20 * SIM_MS) : sim_between (sim, SIM_MS, 10 * SIM_S);
    sim_event_t *event = sim_after (sim, delay, &self->proc, self->proc.life, s_on_late);
    event->data = copy;
    event->drop = s_free_request;
    event->a = self->proc.index;
}

/* --- crashes -------------------------------------------------------------------------- */

/* A rollback that was not forced is undone: the branch is prepared again. */
static void s_reappear (sim_t *sim, sim_branch_t *branch)
{
    if (branch->state == SIM_BRANCH_COMMITTED)
        s_apply (branch, -1);
    branch->state = SIM_BRANCH_PREPARED;
    branch->reappeared = true;
    branch->prepared_at = sim->now;
    txc_list_append (&branch->rm->live, &branch->rm_node);
    s_trace (sim, branch, "has prepared again after its crash");
}

/* A standby that had not seen the last COMMIT PREPAREDs takes over. */
static void s_promote (sim_t *sim, sim_rm_t *self)
{
    sim_count (sim, SIM_FAULT_RM_IDENTITY_CHANGED);
    sim_trace (sim, self->proc.name, "comes back as a promoted standby");
    self->timeline++;
    sim->rm_history_lost = true;
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        TXC_LIST_EACH (&tx->branches, node)
        {
            sim_branch_t *branch = TXC_CONTAINER (node, sim_branch_t, node);
            if (branch->rm != self)
                continue;
            branch->identity_lost = true;
            if (branch->state == SIM_BRANCH_COMMITTED && branch->wrote && !branch->one_phase &&
                sim_percent (sim, 50)) {
                self->ledger--;
                s_reappear (sim, branch);
            }
        }
    }
}

void sim_rm_crash (sim_t *sim, sim_rm_t *self)
{
    if (!self->proc.up)
        return;
    sim_trace (sim, self->proc.name, "crashes");
    self->proc.up = false;
    self->proc.life++;
    TXC_LIST_EACH (&self->live, link)
    {
        sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, rm_node);
        branch->server_attached = branch->client_attached = branch->op_pending = false;
        if (branch->state == SIM_BRANCH_ACTIVE)
            sim_rm_roll_back (sim, branch, false);
    }
    TXC_LIST_EACH (&self->reverted, link)
    {
        txc_list_remove (link);
        if (sim_percent (sim, 70) && !sim->healed) {
            sim_count (sim, SIM_FAULT_ROLLBACK_REAPPEARED);
            s_reappear (sim, TXC_CONTAINER (link, sim_branch_t, rm_node));
        }
    }
}

void sim_rm_start (sim_t *sim, sim_rm_t *self)
{
    if (self->proc.up)
        return;
    sim_proc_begin (sim, &self->proc);
    sim_trace (sim, self->proc.name, "is up again");
    if (self->kind == SIM_RM_PGSQL && !self->last && sim->enabled[SIM_FAULT_RM_IDENTITY_CHANGED] &&
        !sim->healed && sim_percent (sim, 40))
        s_promote (sim, self);
}

void sim_rm_fail_over (sim_t *sim, sim_rm_t *self)
{
    if (self->kind != SIM_RM_PGSQL || self->last)
        return;
    sim_rm_crash (sim, self);
    sim_proc_begin (sim, &self->proc);
    s_promote (sim, self);
}

static void s_on_meddle (sim_t *sim, sim_event_t *event)
{
    sim_branch_t *branch = event->data;
    if (branch->state != SIM_BRANCH_PREPARED)
        return;
    sim_trace (sim, branch->rm->proc.name, "somebody ends a branch by hand");
    sim_rm_close_session (sim, branch->rm, branch);
    branch->operated = branch->tx->operated = true;
    if (sim_percent (sim, 30)) {
        sim_rm_commit (sim, branch);
        return;
    }
    sim_rm_roll_back (sim, branch, true);
    txc_list_remove (&branch->rm_node); /* for good */
}

void sim_rm_expect_meddling (sim_t *sim, sim_branch_t *branch, uint64_t within_us)
{
    sim_rm_t *rm = branch->rm;
    sim_after (sim, sim_between (sim, 1, within_us), &rm->proc, rm->proc.life, s_on_meddle)->data = branch;
}

/* --- somebody else's branches ------------------------------------------------------------ */

void sim_rm_plant (sim_t *sim, sim_rm_t *self)
{
    txc_gtrid_t gtrid = {
        .cluster = sim_random (sim) | 1, .session = 1, .n = sim_below (sim, 9) + 1, .mode = 'p'};
    if (sim->cluster && sim_percent (sim, 50)) { /* forged: our cluster, a session that was never opened */
        gtrid.cluster = sim->cluster;
        gtrid.session = 1000000000 + sim_below (sim, 1000);
    }
    sim_tx_t *tx = sim_tx_get (sim, &gtrid);
    tx->planted = true;
    sim_branch_t *branch = txc_calloc (1, sizeof *branch);
    branch->tx = tx;
    branch->rm = self;
    branch->token = sim_random (sim) | 1;
    branch->number = ++self->numbers;
    branch->state = SIM_BRANCH_PREPARED;
    branch->foreign = true;
    branch->other_rm = sim_percent (sim, 30);
    branch->prepared_at = sim->now;
    txc_list_append (&tx->branches, &branch->node);
    txc_list_append (&self->live, &branch->rm_node);
    sim_count (sim, SIM_FAULT_FOREIGN_BRANCH);
    s_trace (sim, branch, "is given a foreign branch");
}
