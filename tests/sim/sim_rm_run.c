/* A resource manager's answers to what an agent's workers ask. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "sim_agent.h"
#include "sim_check.h"
#include "sim_rm.h"
#include "sim_trace.h"

static void s_evidence (const sim_rm_t *self, const sim_branch_t *branch, char evidence[TXC_EVIDENCE_MAX + 1])
{
    snprintf (evidence, TXC_EVIDENCE_MAX + 1, "%" PRIu64 " %u %" PRIu64, branch->number, self->timeline,
              branch->session);
}

/* The connection's own branch, if it is still there. */
static bool s_owns (const sim_branch_t *branch, const sim_request_t *request)
{
    return branch && branch->server_attached && branch->client_attached && request->session &&
           branch->session == request->session;
}

static uint8_t s_lost (txc_work_done_t *result)
{
    result->connection_lost = true;
    return TXC_WORK_LOST;
}

/* --- statements and prepare --------------------------------------------------------- */

static sim_branch_t *s_start_branch (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    sim_tx_t *tx = sim_tx_get (sim, &request->work.gtrid);
    sim_branch_t *branch = txc_calloc (1, sizeof *branch);
    branch->tx = tx;
    branch->rm = self;
    branch->token = request->work.token;
    branch->number = ++self->numbers;
    branch->session = request->session;
    branch->owned = request->owner != NULL;
    branch->session_agent = request->owner ? request->owner->number : request->agent->proc.number;
    branch->session_life = request->owner ? request->owner->life : request->agent_life;
    branch->server_attached = branch->client_attached = true;
    txc_list_append (&tx->branches, &branch->node);
    txc_list_append (&self->live, &branch->rm_node);
    return branch;
}

static uint8_t s_prepare (sim_t *sim, sim_rm_t *self, sim_request_t *request, sim_branch_t *branch)
{
    if (!s_owns (branch, request) || branch->state != SIM_BRANCH_ACTIVE)
        return s_lost (&request->result);
    if ((branch->failed && self->kind == SIM_RM_PGSQL) || sim_strikes (sim, SIM_FAULT_PREPARE_REFUSED)) {
        sim_rm_roll_back (sim, branch, true);
        return TXC_WORK_ROLLED_BACK;
    }
    if (!branch->wrote)
        return TXC_WORK_READ_ONLY;
    if (self->last && branch->marked) { /* the key of an aborted marker is taken */
        sim_rm_roll_back (sim, branch, true);
        return TXC_WORK_ROLLED_BACK;
    }
    branch->state = SIM_BRANCH_PREPARED;
    branch->prepared_at = sim->now;
    sim_check_prepared (sim, branch);
    s_evidence (self, branch, request->result.evidence);
    if (self->last) {
        branch->marked = true;
        sim_check_last (sim, branch);
        return TXC_WORK_OK; /* and nobody ends it by hand */
    }
    if (sim_strikes (sim, SIM_FAULT_STRANGER))
        sim_rm_expect_meddling (sim, branch, 20 * SIM_MS);
    return TXC_WORK_OK;
}

static uint8_t s_exec (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    txc_work_done_t *result = &request->result;
    sim_branch_t *branch = sim_rm_branch (sim, self, &request->work);
    result->prepare_status = TXC_WORK_ROLLED_BACK;
    if (request->work.first && branch) {
        sim_violation (sim, "recreated", "%s starts a branch again", self->proc.name);
        return TXC_WORK_ERROR;
    }
    if (request->work.first)
        branch = s_start_branch (sim, self, request);
    else if (!s_owns (branch, request) || branch->state != SIM_BRANCH_ACTIVE)
        return s_lost (result);
    sim_statement_t statement;
    TXC_ASSERT (txc_blob_size (request->work.body) == sizeof statement);
    memcpy (&statement, txc_blob_data (request->work.body), sizeof statement);
    if (sim_strikes (sim, SIM_FAULT_STATEMENT_ROLLED_BACK)) {
        txc_error_set (&result->error, TXC_ERM, "deadlock detected");
        sim_rm_roll_back (sim, branch, true);
        return TXC_WORK_ROLLED_BACK;
    }
    if (branch->failed || sim_strikes (sim, SIM_FAULT_STATEMENT_ERROR) || request->cancelled) {
        txc_error_set (&result->error, TXC_ERM, "the statement failed");
        branch->failed = true;
        return TXC_WORK_ERROR;
    }
    TXC_ASSERT (branch->n_statements < SIM_STATEMENTS_MAX);
    sim_check_statement (sim, branch, &statement, request->incarnation);
    branch->statements[branch->n_statements++] = statement;
    branch->wrote |= statement.writes;
    result->body = txc_blob_new (&statement.id, sizeof statement.id);
    s_evidence (self, branch, result->evidence);
    if (request->work.flags & TXC_FLAG_LAST)
        result->prepare_status = s_prepare (sim, self, request, branch);
    return TXC_WORK_OK;
}

/* --- ends ------------------------------------------------------------------------------ */

/* True if a branch that is listed cannot be ended through this request now. */
static bool s_is_held (sim_t *sim, const sim_rm_t *self, const sim_branch_t *branch,
                       const sim_request_t *request)
{
    if (self->kind == SIM_RM_MYSQL && branch->server_attached && !s_owns (branch, request))
        return true;
    return sim_strikes (sim, SIM_FAULT_RM_RETRY);
}

static uint8_t s_end_prepared (sim_t *sim, sim_rm_t *self, sim_request_t *request, sim_branch_t *branch,
                               bool commit)
{
    if (branch && branch->foreign && branch->state == SIM_BRANCH_PREPARED)
        sim_check_foreign (sim, branch, txc_work_name (request->work.op));
    if (!branch || branch->state != SIM_BRANCH_PREPARED)
        return TXC_MUTANT (ABSENT_IS_OK) ? TXC_WORK_OK : TXC_WORK_ABSENT;
    if (self->last && !commit) {
        request->result.heur = TXC_HEUR_COMMITTED;
        if (!branch->operated && !branch->tx->operated && !sim->restored)
            sim_violation (sim, "torn", "%s is to roll back what it has committed as the last resource",
                           self->proc.name);
        branch->operated = true; /* it is no longer listed as what waits for its end */
        sim_rm_commit (sim, branch);
        return TXC_WORK_HEURISTIC;
    }
    if (s_is_held (sim, self, branch, request))
        return TXC_MUTANT (LISTED_IS_DONE) ? TXC_WORK_OK : TXC_WORK_RETRY;
    if (commit)
        sim_rm_commit (sim, branch);
    else
        sim_rm_roll_back (sim, branch, true);
    return TXC_WORK_OK;
}

static uint8_t s_commit (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    sim_branch_t *branch = sim_rm_branch (sim, self, &request->work);
    if (!request->work.read_only)
        return s_end_prepared (sim, self, request, branch, true);
    if (!s_owns (branch, request) || branch->state != SIM_BRANCH_ACTIVE)
        return s_lost (&request->result);
    sim_rm_commit (sim, branch);
    return TXC_WORK_OK;
}

static uint8_t s_roll_back (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    sim_branch_t *branch = sim_rm_branch (sim, self, &request->work);
    if (s_owns (branch, request) && branch->state == SIM_BRANCH_ACTIVE) {
        sim_rm_roll_back (sim, branch, true);
        return TXC_WORK_OK;
    }
    return s_end_prepared (sim, self, request, branch, false);
}

static uint8_t s_commit_one_phase (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    sim_branch_t *branch = sim_rm_branch (sim, self, &request->work);
    if (!s_owns (branch, request) || branch->state != SIM_BRANCH_ACTIVE)
        return s_lost (&request->result);
    if ((branch->failed && self->kind == SIM_RM_PGSQL) || sim_strikes (sim, SIM_FAULT_PREPARE_REFUSED)) {
        sim_rm_roll_back (sim, branch, true);
        return TXC_WORK_ROLLED_BACK;
    }
    branch->one_phase = true;
    sim_rm_commit (sim, branch);
    return TXC_WORK_OK;
}

static uint8_t s_unpin (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    sim_branch_t *branch = sim_rm_branch (sim, self, &request->work);
    if (s_owns (branch, request))
        sim_rm_close_session (sim, self, branch);
    return TXC_WORK_OK;
}

/* --- looking ---------------------------------------------------------------------------- */

static uint8_t s_fence_and_look (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    sim_branch_t *branch = sim_rm_branch (sim, self, &request->work);
    if (sim_strikes (sim, SIM_FAULT_RM_RETRY))
        return TXC_WORK_RETRY;
    request->result.connection_lost = true;
    /* Whose session it was the evidence says, or the agent's own connection. */
    bool named =
        request->work.evidence[0] || (branch && branch->session_agent == request->agent->proc.number);
    if (branch && named && !TXC_MUTANT (NO_FENCE))
        sim_rm_close_session (sim, self, branch);
    if (branch && !TXC_MUTANT (NO_FENCE)) { /* the connection whose request was lost goes, too */
        branch->fenced_life = request->agent_life;
        branch->fenced_at = sim->now;
    }
    if (self->last && request->work.refuse && branch && branch->state == SIM_BRANCH_ACTIVE)
        branch->marked = true;
    if (!branch || branch->state != SIM_BRANCH_PREPARED)
        return TXC_WORK_ABSENT;
    s_evidence (self, branch, request->result.evidence);
    return TXC_WORK_OK;
}

static uint8_t s_look_for_evidence (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    uint64_t number;
    uint32_t timeline;
    const sim_branch_t *branch = sim_rm_branch (sim, self, &request->work);
    if (self->kind == SIM_RM_MYSQL || !branch ||
        sscanf (request->work.evidence, "%" SCNu64 " %" SCNu32, &number, &timeline) != 2 ||
        number != branch->number || timeline != self->timeline)
        return TXC_WORK_UNKNOWN;
    return branch->state == SIM_BRANCH_COMMITTED     ? TXC_WORK_OK
           : branch->state == SIM_BRANCH_ROLLED_BACK ? TXC_WORK_ROLLED_BACK
                                                     : TXC_WORK_UNKNOWN;
}

/* What the plugin makes of the RM's list: the prepared branches with our formatID under this RM's own name.
 */
static uint8_t s_scan (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    txc_work_done_t *result = &request->result;
    request->found = txc_calloc (SIM_FOUND_MAX, sizeof *request->found);
    TXC_LIST_EACH (&self->live, link)
    {
        const sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, rm_node);
        if (branch->state != SIM_BRANCH_PREPARED || branch->other_rm || result->n_found == SIM_FOUND_MAX)
            continue;
        txc_found_t *found = &request->found[result->n_found++];
        found->gtrid = branch->tx->gtrid;
        found->token = branch->token;
        if (self->kind == SIM_RM_PGSQL)
            found->age_ms = (sim->now - branch->prepared_at) / SIM_MS + 1;
        s_evidence (self, branch, found->evidence);
    }
    result->found = request->found;
    snprintf (result->identity, sizeof result->identity, "%s timeline %u", self->proc.name, self->timeline);
    return TXC_WORK_OK;
}

static uint8_t s_recover (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    if (sim_strikes (sim, SIM_FAULT_RM_RETRY))
        return TXC_WORK_RETRY;
    self->fenced_life = request->agent_life - 1;
    TXC_LIST_EACH (&self->live, link)
    {
        sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, rm_node);
        if (branch->session_agent == request->agent->proc.number &&
            branch->session_life < request->agent_life)
            sim_rm_close_session (sim, self, branch);
        bool ours = branch->state == SIM_BRANCH_PREPARED && !branch->foreign && !self->last;
        if (ours && !sim->healed && sim->enabled[SIM_FAULT_STRANGER] && sim_percent (sim, 40)) {
            sim_count (sim, SIM_FAULT_STRANGER);
            sim_rm_expect_meddling (sim, branch, 5 * SIM_MS);
        }
    }
    return s_scan (sim, self, request);
}

static uint8_t s_run (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    switch (request->work.op) {
    case TXC_WORK_EXEC:
        return s_exec (sim, self, request);
    case TXC_WORK_PREPARE:
        return s_prepare (sim, self, request, sim_rm_branch (sim, self, &request->work));
    case TXC_WORK_COMMIT:
        return s_commit (sim, self, request);
    case TXC_WORK_COMMIT_ONE_PHASE:
        return s_commit_one_phase (sim, self, request);
    case TXC_WORK_ROLLBACK:
        return s_roll_back (sim, self, request);
    case TXC_WORK_UNPIN:
        return s_unpin (sim, self, request);
    case TXC_WORK_FENCE_AND_LOOK:
        return s_fence_and_look (sim, self, request);
    case TXC_WORK_EVIDENCE:
        return s_look_for_evidence (sim, self, request);
    case TXC_WORK_RECOVER:
        return s_recover (sim, self, request);
    case TXC_WORK_SCAN:
        return s_scan (sim, self, request);
    default:
        TXC_NEVER();
    }
}

void sim_rm_run (sim_t *sim, sim_rm_t *self, sim_request_t *request)
{
    txc_work_done_t *result = &request->result;
    request->done = true;
    result->op = request->work.op;
    result->rm = request->work.rm;
    result->branch = request->work.branch;
    result->scan = request->work.scan;
    result->status = s_run (sim, self, request);
    if (result->status == TXC_WORK_LOST)
        txc_error_set (&result->error, TXC_ERMFAIL, "no connection");
}
