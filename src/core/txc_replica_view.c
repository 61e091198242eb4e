/* What operators and tests see of a replica. */
#include <string.h>

#include "core/txc_replica_private.h"

void txc_replica_status (const txc_replica_t *self, txc_replica_status_t *status)
{
    const txc_registry_t *registry = &self->registry;
    *status = (txc_replica_status_t){
        .id = self->config.id,
        .leading = self->leading,
        .draining = self->draining,
        .space_low = self->space_low,
        .cluster = registry->cluster ? registry->cluster : txc_paxos_cluster (self->paxos),
        .voter = txc_paxos_is_voter (self->paxos),
        .has_lease = txc_paxos_has_lease (self->paxos),
        .leader = txc_paxos_leader (self->paxos),
        .disk = txc_paxos_disk (self->paxos),
        .epoch = txc_paxos_ballot (self->paxos),
        .promised = txc_paxos_promised (self->paxos),
        .proposed_slot = txc_paxos_last (self->paxos),
        .applied_slot = registry->applied_slot,
        .digest = registry->digest,
        .sessions = registry->n_open,
        .outcomes = (uint32_t) registry->outcomes.count,
        .commits = registry->commits,
        .aborts = registry->aborts,
        .ends = registry->ends,
        .heuristics = registry->heuristics,
        .voids = registry->voids,
        .dropped = self->dropped,
        .refused = self->refused,
        .questions = self->n_questions,
        .votes = txc_paxos_votes_count (self->paxos),
    };
    const txc_member_t *members = txc_paxos_members (self->paxos, &status->n_members);
    memcpy (status->members, members, status->n_members * sizeof *members);
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->transactions, &cursor); node;
         node = txc_hash_step (&self->transactions, &cursor))
        status->transactions += TXC_CONTAINER (node, txc_gtx_t, node)->state != TXC_GTX_TOLD;
    TXC_LIST_EACH ((txc_list_t *) &self->agents, link)
    status->agents++;
}

const txc_member_t *txc_replica_members (const txc_replica_t *self, uint32_t *n)
{
    return txc_paxos_members (self->paxos, n);
}

uint64_t txc_replica_applied (const txc_replica_t *self, uint64_t *digest)
{
    *digest = self->registry.digest;
    return self->registry.applied_slot;
}

bool txc_replica_serves (const txc_replica_t *self, uint64_t now_ms, txc_epoch_t *epoch)
{
    *epoch = self->epoch;
    return self->leading && txc_paxos_has_lease_at (self->paxos, now_ms);
}

bool txc_replica_accepted (const txc_replica_t *self, txc_entry_t *entry)
{
    return txc_paxos_accepted (self->paxos, entry);
}

bool txc_replica_vote_held (const txc_replica_t *self, const txc_gtrid_t *gtrid, const char *rm,
                            txc_epoch_t *ballot)
{
    return txc_paxos_vote_held (self->paxos, gtrid, rm, ballot);
}
enum { SILENT_MS = 5000 };

static const char *s_branch_state (const txc_gtx_t *gtx, const txc_gtx_branch_t *branch)
{
    if (branch->heur)
        return "heuristic";
    if (branch->done)
        return "done";
    switch (gtx->state) {
    case TXC_GTX_COMMITTING:
        return branch->vote == TXC_VOTE_READ_ONLY ? "read-only" : "committing";
    case TXC_GTX_ENDING:
        return branch->vote == TXC_VOTE_READ_ONLY ? "read-only" : "committed";
    case TXC_GTX_ABORTING:
        return branch->vote == TXC_VOTE_NO ? "rolled back" : "rolling back";
    default:
        break;
    }
    uint64_t bit = UINT64_C (2) << (branch - gtx->branches);
    if (gtx->quorum.phase == TXC_QUORUM_ATTEMPTING && gtx->quorum.acked & bit)
        return gtx->quorum.kind == TXC_VOTE_YES ? "pre-committed" : "pre-aborted";
    switch (branch->vote) {
    case TXC_VOTE_YES:
        return "prepared";
    case TXC_VOTE_READ_ONLY:
        return "read-only";
    case TXC_VOTE_NO:
        return "rolled back";
    case TXC_VOTE_NO_NOT_FINAL:
        return "absent";
    default:
        return "preparing";
    }
}

static const char *s_branch_waits (const txc_replica_t *self, const txc_gtx_t *gtx,
                                   const txc_gtx_branch_t *branch)
{
    const txc_replica_agent_t *agent = txc_replica_agent_of (self, branch->ref.rm);
    bool votes = gtx->state == TXC_GTX_PREPARING && branch->vote == TXC_VOTE_NONE;
    bool acknowledges = (gtx->state == TXC_GTX_COMMITTING && branch->vote == TXC_VOTE_YES) ||
                        (gtx->state == TXC_GTX_ABORTING && branch->vote != TXC_VOTE_NO);
    if (gtx->state == TXC_GTX_COMMIT_LOGGING || gtx->state == TXC_GTX_ABORT_LOGGING ||
        gtx->state == TXC_GTX_INTENT_LOGGING)
        return "the log";
    if (votes && gtx->gtrid.mode == TXC_MODE_2PC && txc_replica_is_last (self, branch))
        return "the votes of all others: it is the last resource";
    votes = votes || (gtx->state == TXC_GTX_LAST_ASKED && branch - gtx->branches == gtx->last);
    uint64_t bit = UINT64_C (2) << (branch - gtx->branches);
    bool states = gtx->state == TXC_GTX_ELECTING && !(gtx->quorum.heard & bit);
    bool attempts = gtx->state == TXC_GTX_PRECOMMITTING || gtx->state == TXC_GTX_TERMINATING;
    attempts = attempts && !(gtx->quorum.acked & bit);
    if (branch->done || branch->heur || (!votes && !acknowledges && !states && !attempts))
        return "";
    if (!agent)
        return "its agent to register";
    if (votes && branch->holders)
        return "a majority of acceptors to hold its vote";
    if (states)
        return "its state, for the group to terminate it";
    if (attempts)
        return gtx->quorum.kind == TXC_VOTE_YES ? "its pre-commit" : "its pre-abort";
    return votes ? "its vote" : "its acknowledgement";
}

static void s_view_transaction (const txc_replica_t *self, const txc_gtx_t *gtx, txc_tx_view_t *view)
{
    memset (view, 0, sizeof *view);
    view->gtrid = gtx->gtrid;
    view->state = txc_gtx_state_name (gtx->state);
    view->age_ms = self->now_ms - gtx->began_ms;
    view->outcome = gtx->answer;
    if (gtx->answer == TXC_PENDING && (gtx->state == TXC_GTX_COMMITTING || gtx->state == TXC_GTX_ENDING))
        view->outcome = txc_replica_result (self, gtx, true);
    view->n_branches = gtx->n_branches;
    for (uint32_t i = 0; i < gtx->n_branches; i++) {
        const txc_gtx_branch_t *branch = &gtx->branches[i];
        memcpy (view->branches[i].rm, branch->ref.rm, sizeof view->branches[i].rm);
        view->branches[i].token = branch->ref.token;
        view->branches[i].state = s_branch_state (gtx, branch);
        view->branches[i].waits = s_branch_waits (self, gtx, branch);
        view->branches[i].heur = branch->heur;
        const txc_replica_agent_t *agent = txc_replica_agent_of (self, branch->ref.rm);
        view->branches[i].reachable = agent && agent->heard_ms + SILENT_MS > self->now_ms;
    }
    if (txc_gtx_is_3pc (gtx) && txc_gtx_is_open (gtx))
        view->majority = (gtx->n_branches + 1) / 2 + 1;
}

static void s_view_outcome (const txc_replica_t *self, const txc_outcome_t *outcome, txc_tx_view_t *view)
{
    memset (view, 0, sizeof *view);
    view->gtrid = outcome->gtrid;
    view->state = outcome->commit ? outcome->ended ? "ended" : "committed" : "rolled back";
    view->age_ms = self->wall_ms > outcome->time_ms ? self->wall_ms - outcome->time_ms : 0;
    view->outcome = txc_outcome_code (outcome);
    view->n_branches = outcome->n_branches;
    for (uint32_t i = 0; i < outcome->n_branches; i++) {
        memcpy (view->branches[i].rm, outcome->branches[i].rm, sizeof view->branches[i].rm);
        view->branches[i].token = outcome->branches[i].token;
        view->branches[i].heur = outcome->heur[i];
        view->branches[i].state = outcome->heur[i]  ? "heuristic"
                                  : outcome->commit ? "committed"
                                                    : "rolled back";
        view->branches[i].waits = "";
    }
}

bool txc_replica_find (const txc_replica_t *self, const txc_gtrid_t *gtrid, txc_tx_view_t *view)
{
    const txc_gtx_t *gtx = txc_replica_transaction (self, gtrid);
    const txc_outcome_t *outcome = txc_registry_outcome (&self->registry, gtrid);
    if (gtx)
        s_view_transaction (self, gtx, view);
    else if (outcome)
        s_view_outcome (self, outcome, view);
    return gtx || outcome;
}

void txc_replica_each (const txc_replica_t *self, bool (*visit) (void *arg, const txc_tx_view_t *view),
                       void *arg)
{
    txc_tx_view_t view;
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->transactions, &cursor); node;
         node = txc_hash_step (&self->transactions, &cursor)) {
        s_view_transaction (self, TXC_CONTAINER (node, txc_gtx_t, node), &view);
        if (!visit (arg, &view))
            return;
    }
    for (txc_hash_node_t *node = txc_hash_begin (&self->registry.outcomes, &cursor); node;
         node = txc_hash_step (&self->registry.outcomes, &cursor)) {
        const txc_outcome_t *outcome = TXC_CONTAINER (node, txc_outcome_t, node);
        if (txc_replica_transaction (self, &outcome->gtrid))
            continue;
        s_view_outcome (self, outcome, &view);
        if (!visit (arg, &view))
            return;
    }
}
