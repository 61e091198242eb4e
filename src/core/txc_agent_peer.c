/*
 * Cooperative termination of two-phase commit: a branch in doubt that hears
 * nothing of a coordinator asks the other participants, which its prepare named.
 *
 * (Bernstein, Hadzilacos, Goodman, "Concurrency Control and Recovery in Database
 * Systems", 7.4.)  Only what binds is an answer: an outcome that the coordinator
 * has told, or that the branch never voted and never will.  Whoever does not
 * know says nothing; "I do not know it" may be somebody who voted read-only, or
 * who committed and forgot.  What an operator did is no answer either.
 */
#include <string.h>

#include "base/txc_assert.h"
#include "core/txc_agent_private.h"

/* --- the one that is asked ------------------------------------------------------------- */

/* It runs here, has cast no vote, and now never will: PREPARE was not sent, and nobody else sends it.  (An
 * enlisted branch is prepared by its owner; a last resource is left to its coordinator.) */
static bool s_refuses (txc_agent_t *self, txc_branch_t *branch)
{
    if (branch->enlisted || branch->vote != TXC_VOTE_NONE || branch->recovered || branch->one_phase ||
        self->config.rms[branch->rm].last_resource)
        return false;
    if (branch->state == TXC_BRANCH_ACTIVE)
        txc_agent_roll_back (self, branch);
    return branch->final_no &&
           (branch->state == TXC_BRANCH_ROLLING_BACK || branch->state == TXC_BRANCH_ROLLED_BACK);
}

void txc_agent_peer_asked (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    if (rm < 0 || self->latched || !self->rms[rm].ready)
        return;
    txc_branch_t *branch = txc_agent_branch_find (self, &message->gtrid, (uint8_t) rm, message->token);
    bool knows = branch && branch->told && branch->vote == TXC_VOTE_YES && !branch->by_operator &&
                 branch->state != TXC_BRANCH_HEURISTIC;
    uint8_t answer = knows ? branch->told : TXC_VOTE_NONE;
    if (!answer && branch && s_refuses (self, branch))
        answer = TXC_VOTE_NO;
    if (!answer && TXC_MUTANT (PEER_UNKNOWN_IS_ABORT))
        answer = TXC_VOTE_NO;
    if (!answer)
        return;
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_MEMBER_STATE, message->route);
    reply->gtrid = message->gtrid;
    reply->token = message->token;
    reply->flags = TXC_FLAG_FINAL;
    reply->vote = answer;
    memcpy (reply->rm, message->rm, sizeof reply->rm);
}

/* --- the one that asks -------------------------------------------------------------------- */

/* It has heard nothing of a coordinator for a while. */
static bool s_is_alone (const txc_agent_t *self, const txc_branch_t *branch)
{
    uint64_t heard_ms = self->welcomed_ms > branch->began_ms ? self->welcomed_ms : branch->began_ms;
    return self->now_ms >= heard_ms + self->config.terminate_ms;
}

/* Participants other than itself whose agents are known. */
static uint32_t s_count_peers (const txc_agent_t *self, const txc_branch_t *branch)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < branch->n_participants; i++) {
        const txc_branch_ref_t *peer = &branch->participants[i];
        n += peer->endpoint[0] &&
             (peer->token != branch->token || strcmp (peer->rm, self->config.rms[branch->rm].name) != 0);
    }
    return n;
}

const char *txc_agent_in_doubt_waits (const txc_agent_t *self, const txc_branch_t *branch)
{
    if (branch->quarantined)
        return "an operator";
    if (branch->state != TXC_BRANCH_PREPARED || !s_is_alone (self, branch))
        return "the coordinator";
    if (branch->gtrid.mode == TXC_MODE_2PC && !branch->record_only && s_count_peers (self, branch) > 0)
        return "the coordinator, which is silent, or a participant that knows the outcome";
    return "the coordinator, which is silent; it knows nobody else to ask";
}

void txc_agent_ask_peers (txc_agent_t *self, const txc_branch_t *branch)
{
    if (branch->gtrid.mode != TXC_MODE_2PC || branch->state != TXC_BRANCH_PREPARED || self->latched ||
        branch->record_only || branch->busy || !s_is_alone (self, branch))
        return;
    for (uint32_t i = 0; i < branch->n_participants; i++) {
        const txc_branch_ref_t *peer = &branch->participants[i];
        bool itself =
            peer->token == branch->token && strcmp (peer->rm, self->config.rms[branch->rm].name) == 0;
        uint64_t route = itself ? 0 : txc_agent_peer_route (self, peer->endpoint);
        if (!route)
            continue;
        txc_msg_t *message = txc_update_message (self->update, TXC_MSG_TERMINATE, route);
        message->gtrid = branch->gtrid;
        message->token = peer->token;
        memcpy (message->rm, peer->rm, sizeof message->rm);
        self->terminations++;
    }
}

uint64_t txc_agent_told_by_peers (const txc_agent_t *self)
{
    return self->told_by_peers;
}

static bool s_is_participant (const txc_branch_t *branch, const txc_msg_t *message)
{
    for (uint32_t i = 0; i < branch->n_participants; i++)
        if (branch->participants[i].token == message->token &&
            strcmp (branch->participants[i].rm, message->rm) == 0)
            return true;
    return false;
}

void txc_agent_peer_answered (txc_agent_t *self, const txc_msg_t *message)
{
    bool answers =
        message->flags & TXC_FLAG_FINAL && (message->vote == TXC_VOTE_YES || message->vote == TXC_VOTE_NO);
    for (uint32_t rm = 0; rm < self->config.n_rms && answers && !self->latched; rm++) {
        txc_branch_t *branch = txc_agent_branch_begun (self, &message->gtrid, (uint8_t) rm);
        if (!branch || branch->state != TXC_BRANCH_PREPARED || branch->record_only ||
            !s_is_participant (branch, message))
            continue;
        branch->told = message->vote;
        self->told_by_peers++;
        txc_agent_outcome (self, branch, message->vote == TXC_VOTE_YES);
    }
}
