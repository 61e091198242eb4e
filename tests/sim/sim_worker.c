#include "sim_worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "sim_trace.h"

/* A request under way; on the agent's list until it is answered. */
typedef struct s_job {
    txc_list_t link;
    sim_request_t request;
    sim_rm_t *rm;
    uint64_t ready_at; /* a slow statement's lock comes free */
    bool lose_answer;
} s_job_t;

void sim_worker_init (sim_agent_t *agent)
{
    txc_list_init (&agent->jobs);
}

static void s_free (s_job_t *job)
{
    txc_list_remove (&job->link);
    txc_blob_destroy (&job->request.work.body);
    txc_blob_destroy (&job->request.result.body);
    free (job->request.found);
    free (job);
}

void sim_worker_fini (sim_agent_t *agent)
{
    TXC_LIST_EACH (&agent->jobs, link)
    s_free (TXC_CONTAINER (link, s_job_t, link));
}

/* --- the way back ----------------------------------------------------------------- */

static void s_note_listed (const sim_t *sim, const s_job_t *job)
{
    const txc_work_done_t *result = &job->request.result;
    for (uint32_t i = 0; i < result->n_found; i++) {
        const txc_found_t *found = &result->found[i];
        sim_branch_t *branch = sim_branch_find (sim, &found->gtrid, job->rm->proc.name, found->token);
        if (branch)
            branch->listed_life = job->request.agent_life;
    }
}

static void s_on_answer (sim_t *sim, sim_event_t *event)
{
    s_job_t *job = event->data;
    sim_agent_t *agent = job->request.agent;
    bool alive = agent->proc.up && agent->proc.life == job->request.agent_life;
    if (alive && sim_proc_stopped (sim, &agent->proc)) {
        sim_after (sim, sim_proc_stopped (sim, &agent->proc), NULL, 0, s_on_answer)->data = job;
        return;
    }
    txc_list_remove (&job->link);
    bool tells = alive && job->request.work.op != TXC_WORK_UNPIN;
    if (tells && job->request.work.op == TXC_WORK_RECOVER)
        s_note_listed (sim, job);
    if (tells)
        sim_agent_work_done (sim, agent, &job->request.result);
    s_free (job);
}

static void s_answer (sim_t *sim, s_job_t *job)
{
    sim_after (sim, sim_between (sim, 5, 100), NULL, 0, s_on_answer)->data = job;
}

static sim_branch_t *s_branch (const sim_t *sim, const s_job_t *job)
{
    return job->request.work.branch ? sim_rm_branch (sim, job->rm, &job->request.work) : NULL;
}

/* The answer is "lost", whatever happened. */
static void s_lose (sim_t *sim, s_job_t *job)
{
    txc_work_done_t *result = &job->request.result;
    txc_blob_destroy (&result->body);
    memset (result, 0, sizeof *result);
    result->op = job->request.work.op;
    result->rm = job->request.work.rm;
    result->branch = job->request.work.branch;
    result->scan = job->request.work.scan;
    result->status = result->prepare_status = TXC_WORK_LOST;
    if (TXC_MUTANT (LOST_IS_ROLLED_BACK) && result->op == TXC_WORK_PREPARE)
        result->status = TXC_WORK_ROLLED_BACK;
    result->connection_lost = true;
    txc_error_set (&result->error, TXC_ERMFAIL, "the connection was lost");
    sim_branch_t *branch = s_branch (sim, job);
    if (branch && job->request.session && branch->session == job->request.session)
        sim_rm_lose_client (sim, job->rm, branch);
    s_answer (sim, job);
}

/* --- the way there -------------------------------------------------------------------- */

static void s_on_arrive (sim_t *sim, sim_event_t *event)
{
    s_job_t *job = event->data;
    sim_agent_t *agent = job->request.agent;
    if (agent->proc.life != job->request.agent_life || !agent->proc.up) {
        s_free (job); /* what still runs of it was arranged when the agent died */
        return;
    }
    if (!job->rm->proc.up || job->rm->cut) {
        s_lose (sim, job);
        return;
    }
    if (job->ready_at > sim->now && !job->request.cancelled && !sim->healed) {
        sim_after (sim, 20 * SIM_MS, NULL, 0, s_on_arrive)->data = job;
        return;
    }
    sim_rm_run (sim, job->rm, &job->request);
    if (job->lose_answer)
        s_lose (sim, job);
    else
        s_answer (sim, job);
}

/* One item at a time is out for a branch. */
static void s_check_single (sim_t *sim, const sim_agent_t *agent, const txc_work_t *work)
{
    TXC_LIST_EACH (&agent->jobs, link)
    {
        const s_job_t *job = TXC_CONTAINER (link, s_job_t, link);
        if (work->branch && job->request.work.branch == work->branch &&
            job->request.work.op != TXC_WORK_UNPIN && job->request.agent_life == agent->proc.life)
            sim_violation (sim, "two-items-of-a-branch", "%s is asked for while %s is out",
                           txc_work_name (work->op), txc_work_name (job->request.work.op));
    }
}

static void s_cancel (sim_agent_t *agent, const txc_work_t *work)
{
    TXC_LIST_EACH (&agent->jobs, link)
    {
        s_job_t *job = TXC_CONTAINER (link, s_job_t, link);
        if (job->request.work.branch == work->branch && job->request.agent_life == agent->proc.life)
            job->request.cancelled = true;
    }
}

/* The connection that the item uses: a new one for a first statement, the branch's own while it has it. */
static uint64_t s_session (const sim_t *sim, const sim_agent_t *agent, sim_rm_t *rm, const txc_work_t *work)
{
    if (work->op == TXC_WORK_EXEC && work->first)
        return ++rm->sessions;
    const sim_branch_t *branch = work->branch ? sim_rm_branch (sim, rm, work) : NULL;
    bool own = branch && branch->client_attached && branch->session_agent == agent->proc.number &&
               branch->session_life == agent->proc.life;
    return own ? branch->session : 0;
}

static void s_launch (sim_t *sim, s_job_t *job)
{
    const txc_work_t *work = &job->request.work;
    bool can_be_late = work->op == TXC_WORK_EXEC || work->op == TXC_WORK_PREPARE ||
                       work->op == TXC_WORK_COMMIT || work->op == TXC_WORK_ROLLBACK ||
                       work->op == TXC_WORK_COMMIT_ONE_PHASE;
    if (work->op == TXC_WORK_UNPIN) {
        s_on_arrive (sim, &(sim_event_t){.data = job});
        return;
    }
    if (sim_strikes (sim, SIM_FAULT_CONNECTION_LOST_BEFORE)) {
        s_lose (sim, job);
        return;
    }
    if (can_be_late && !(work->op == TXC_WORK_EXEC && work->first) &&
        sim_strikes (sim, SIM_FAULT_CONNECTION_LOST_LATE)) {
        sim_rm_expect_late (sim, job->rm, &job->request);
        s_lose (sim, job);
        return;
    }
    job->lose_answer = sim_strikes (sim, SIM_FAULT_CONNECTION_LOST_AFTER);
    uint64_t delay = sim_between (sim, 10, 300);
    /* The commit of a last resource may take long, too, and everybody waits for it. */
    bool last = work->op == TXC_WORK_PREPARE && job->rm->last && sim->enabled[SIM_FAULT_STATEMENT_SLOW] &&
                !sim->healed && sim_percent (sim, 15);
    if (last || (work->op == TXC_WORK_EXEC && sim_strikes (sim, SIM_FAULT_STATEMENT_SLOW)))
        job->ready_at = sim->now + sim_between (sim, 100 * SIM_MS, 10 * SIM_S);
    sim_after (sim, delay, NULL, 0, s_on_arrive)->data = job;
}

void sim_worker_start (sim_t *sim, sim_agent_t *agent, const txc_work_t *work)
{
    sim_rm_t *rm = agent->rms[work->rm];
    if (sim->trace) {
        char text[SIM_TEXT_MAX];
        sim_trace (sim, agent->proc.name, "work: %s", sim_show_work (work, rm->proc.name, text));
    }
    if (work->op == TXC_WORK_CANCEL) {
        s_cancel (agent, work);
        return;
    }
    s_check_single (sim, agent, work);
    sim_branch_t *branch = work->op == TXC_WORK_COMMIT ? sim_rm_branch (sim, rm, work) : NULL;
    if (branch)
        branch->tried_life = agent->proc.life;
    s_job_t *job = txc_calloc (1, sizeof *job);
    job->rm = rm;
    job->request.work = *work;
    job->request.work.body = txc_blob_ref (work->body);
    job->request.agent = agent;
    job->request.agent_life = agent->proc.life;
    job->request.incarnation = agent->config.incarnation;
    job->request.session = s_session (sim, agent, rm, work);
    txc_list_append (&agent->jobs, &job->link);
    s_launch (sim, job);
}

void sim_worker_abandon (sim_t *sim, sim_agent_t *agent)
{
    TXC_LIST_EACH (&agent->jobs, link)
    {
        s_job_t *job = TXC_CONTAINER (link, s_job_t, link);
        const txc_work_t *work = &job->request.work;
        bool first = work->op == TXC_WORK_EXEC && work->first;
        if (job->request.agent_life == agent->proc.life && !job->request.done && job->rm->proc.up &&
            work->branch && work->op != TXC_WORK_FENCE_AND_LOOK && work->op != TXC_WORK_EVIDENCE && !first &&
            sim_percent (sim, 50))
            sim_rm_expect_late (sim, job->rm, &job->request);
    }
    for (uint32_t i = 0; i < agent->config.n_rms; i++)
        TXC_LIST_EACH (&agent->rms[i]->live, link)
        {
            sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, rm_node);
            if (branch->server_attached && branch->client_attached &&
                branch->session_agent == agent->proc.number && branch->session_life == agent->proc.life)
                sim_rm_lose_client (sim, agent->rms[i], branch);
            if (branch->state == SIM_BRANCH_PREPARED && !branch->foreign && !branch->rm->last &&
                !sim->healed && sim->enabled[SIM_FAULT_STRANGER] && sim_percent (sim, 20)) {
                sim_count (sim, SIM_FAULT_STRANGER);
                sim_rm_expect_meddling (sim, branch, 20 * SIM_MS);
            }
        }
}
