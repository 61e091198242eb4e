/* Enlisted branches: an application runs statements on connections of its own, prepares and ends them there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "sim_client.h"
#include "sim_rm.h"
#include "sim_trace.h"

/* Something that the application's connection is asked to do. */
typedef struct s_job {
    sim_request_t request;
    sim_client_t *client;
    sim_rm_t *rm;
    uint64_t life;
    uint32_t slot, generation, issued;
    bool lose_answer;
} s_job_t;

static void s_free (sim_event_t *event)
{
    s_job_t *job = event->data;
    txc_blob_destroy (&job->request.work.body);
    txc_blob_destroy (&job->request.result.body);
    free (job->request.found);
    free (job);
}

static void s_later (sim_t *sim, s_job_t *job, uint64_t delay_us,
                     void (*run) (sim_t *sim, sim_event_t *event))
{
    sim_event_t *event = sim_after (sim, delay_us, NULL, 0, run);
    event->data = job;
    event->drop = s_free;
}

static sim_slot_t *s_slot (const s_job_t *job)
{
    return sim_client_slot (job->client, job->slot);
}

/* --- the way back ------------------------------------------------------------------ */

static void s_tell_core (sim_t *sim, s_job_t *job)
{
    sim_client_t *self = job->client;
    sim_slot_t *slot = s_slot (job);
    txc_session_event_t event = {
        .op = TXC_OP_OWNED, .tx = slot->tx, .rm = job->rm->proc.name, .done = &job->request.result};
    sim_client_do (sim, self, &event, job->slot, 0, NULL);
    if (!self->proc.up || slot->generation != job->generation)
        return;
    if (--slot->works == 0)
        sim_client_end_again (sim, self, job->slot);
}

static void s_on_answer (sim_t *sim, sim_event_t *event)
{
    s_job_t *job = event->data;
    sim_client_t *self = job->client;
    if (!self->proc.up || self->proc.life != job->life || s_slot (job)->generation != job->generation ||
        !self->core)
        return;
    if (sim_proc_stopped (sim, &self->proc)) {
        event->drop = NULL;
        s_later (sim, job, sim_proc_stopped (sim, &self->proc), s_on_answer);
        return;
    }
    event->drop = s_free;
    if (job->request.work.op != TXC_WORK_EXEC) {
        s_tell_core (sim, job);
        return;
    }
    if (job->request.result.status != TXC_WORK_OK)
        s_slot (job)->own[job->rm->proc.index].failed = true;
    sim_client_ran (sim, self, job->slot, job->issued, job->request.result.status == TXC_WORK_OK);
}

/* The connection was lost, whatever happened. */
static void s_lose (sim_t *sim, s_job_t *job)
{
    txc_work_done_t *result = &job->request.result;
    txc_blob_destroy (&result->body);
    memset (result, 0, sizeof *result);
    result->op = job->request.work.op;
    result->status = TXC_WORK_LOST;
    txc_error_set (&result->error, TXC_ERMFAIL, "the connection was lost");
    sim_branch_t *branch = sim_rm_branch (sim, job->rm, &job->request.work);
    if (branch && branch->session == job->request.session)
        sim_rm_lose_client (sim, job->rm, branch);
    s_later (sim, job, sim_between (sim, 5, 100), s_on_answer);
}

/* --- the way there ------------------------------------------------------------------- */

/* What the application's library makes of a branch of which a statement failed. */
static void s_refuse_failed (sim_t *sim, s_job_t *job)
{
    sim_request_t *request = &job->request;
    txc_work_op_t op = (txc_work_op_t) request->work.op;
    bool votes = op == TXC_WORK_PREPARE || op == TXC_WORK_COMMIT_ONE_PHASE;
    bool failed =
        s_slot (job)->generation == job->generation && s_slot (job)->own[job->rm->proc.index].failed;
    if (!votes || !failed) {
        sim_rm_run (sim, job->rm, request);
        return;
    }
    request->work.op = TXC_WORK_ROLLBACK;
    sim_rm_run (sim, job->rm, request);
    request->work.op = request->result.op = (uint8_t) op;
    if (request->result.status == TXC_WORK_OK || request->result.status == TXC_WORK_ABSENT)
        request->result.status = TXC_WORK_ROLLED_BACK;
}

/* Nobody has the connection any more that this was sent on. */
static bool s_is_gone (const s_job_t *job)
{
    const sim_client_t *self = job->client;
    return !self->proc.up || self->proc.life != job->life || s_slot (job)->generation != job->generation;
}

static void s_on_arrive (sim_t *sim, sim_event_t *event)
{
    s_job_t *job = event->data;
    sim_request_t *request = &job->request;
    event->drop = NULL;
    sim_branch_t *branch = sim_rm_branch (sim, job->rm, &request->work);
    bool gone = !request->work.first && (!branch || branch->session != request->session);
    if (!job->rm->proc.up || job->rm->cut || gone) {
        s_lose (sim, job);
        return;
    }
    if (branch && request->work.op == TXC_WORK_COMMIT_ONE_PHASE)
        branch->ap_commit = branch->tx->one_phase_sent = true;
    s_refuse_failed (sim, job);
    /* What was on its way when its application ended still runs; the server notices behind it. */
    if (job->lose_answer || s_is_gone (job))
        s_lose (sim, job);
    else
        s_later (sim, job, sim_between (sim, 5, 100), s_on_answer);
}

static void s_launch (sim_t *sim, s_job_t *job)
{
    bool first = job->request.work.first;
    if (sim_strikes (sim, SIM_FAULT_CONNECTION_LOST_BEFORE)) {
        s_lose (sim, job);
        return;
    }
    if (!first && job->request.work.op != TXC_WORK_EXEC &&
        sim_strikes (sim, SIM_FAULT_CONNECTION_LOST_LATE)) {
        sim_branch_t *branch = sim_rm_branch (sim, job->rm, &job->request.work);
        bool failed = s_slot (job)->own[job->rm->proc.index].failed;
        if (branch && !failed) {
            if (job->request.work.op == TXC_WORK_COMMIT_ONE_PHASE)
                branch->ap_commit = branch->tx->one_phase_sent = true;
            sim_rm_expect_late (sim, job->rm, &job->request);
        }
        s_lose (sim, job);
        return;
    }
    job->lose_answer = sim_strikes (sim, SIM_FAULT_CONNECTION_LOST_AFTER);
    s_later (sim, job, sim_between (sim, 10, 300), s_on_arrive);
}

static s_job_t *s_job (sim_client_t *self, uint32_t index, sim_rm_t *rm, txc_work_op_t op)
{
    sim_slot_t *slot = sim_client_slot (self, index);
    s_job_t *job = txc_calloc (1, sizeof *job);
    job->client = self;
    job->rm = rm;
    job->life = self->proc.life;
    job->slot = index;
    job->generation = slot->generation;
    job->request.work = (txc_work_t){.op = (uint8_t) op,
                                     .gtrid = slot->gtrid,
                                     .token = txc_session_token (self->core, slot->tx, rm->proc.name)};
    job->request.owner = &self->proc;
    job->request.agent_life = UINT64_MAX; /* no agent's: fenced by its session only */
    job->request.session = slot->own[rm->proc.index].session;
    return job;
}

void sim_owner_exec (sim_t *sim, sim_client_t *self, uint32_t index, sim_rm_t *rm, uint32_t issued)
{
    sim_slot_t *slot = sim_client_slot (self, index);
    s_job_t *job = s_job (self, index, rm, TXC_WORK_EXEC);
    const sim_statement_t *statement = &sim_tx_get (sim, &slot->gtrid)->issued[issued].statement;
    job->issued = issued;
    job->request.work.first = !slot->own[rm->proc.index].begun;
    job->request.work.body = txc_blob_new (statement, sizeof *statement);
    slot->own[rm->proc.index].begun = true;
    s_launch (sim, job);
}

void sim_owner_work (sim_t *sim, sim_client_t *self, uint32_t index)
{
    sim_slot_t *slot = sim_client_slot (self, index);
    txc_session_work_t work[TXC_BRANCHES_MAX];
    uint32_t n = txc_session_work (self->core, slot->tx, work);
    slot->works = n;
    if (n == 0)
        sim_violation (sim, "no-work", "%s is told that there is work, there is none", self->proc.name);
    for (uint32_t i = 0; i < n; i++) {
        sim_rm_t *rm = sim_rm_named (sim, work[i].rm);
        s_job_t *job = s_job (self, index, rm, (txc_work_op_t) work[i].op);
        job->request.work.read_only = !work[i].prepared;
        if (sim->trace)
            sim_trace (sim, self->proc.name, "does %s at %s", txc_work_name ((txc_work_op_t) work[i].op),
                       work[i].rm);
        if (slot->own[rm->proc.index].begun)
            s_launch (sim, job);
        else { /* enlisted, and nothing ever begun: nothing is there */
            job->request.result = (txc_work_done_t){.op = work[i].op, .status = TXC_WORK_ROLLED_BACK};
            if (work[i].op == TXC_WORK_ROLLBACK)
                job->request.result.status = TXC_WORK_OK;
            s_later (sim, job, sim_between (sim, 5, 100), s_on_answer);
        }
    }
}

void sim_owner_lose (sim_t *sim, const sim_client_t *self, const sim_slot_t *slot)
{
    for (uint32_t i = 0; i < sim->n_rms; i++)
        TXC_LIST_EACH (&sim->rms[i]->live, link)
        {
            sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, rm_node);
            bool own = branch->session_agent == self->proc.number && branch->session_life == self->proc.life;
            if (own && branch->client_attached &&
                (!slot || txc_gtrid_equal (&branch->tx->gtrid, &slot->gtrid)))
                sim_rm_lose_client (sim, sim->rms[i], branch);
        }
}
