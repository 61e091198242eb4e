/*
 * The answers of a member of a three-phase commit to whoever terminates it.
 *
 * Asked before it voted it refuses, for good: the journal has the refusal
 * before it is said, so that no later incarnation votes either.  It refuses
 * only what began under this very journal.  Of anything older an earlier
 * journal, which was lost, may have held a yes-vote: it abstains.
 */
#include <string.h>

#include "base/txc_assert.h"
#include "core/txc_agent_member.h"

enum { REFUSALS_MAX = 4096 /* that are not on record at the group yet; with more it abstains */ };

static txc_msg_t *s_reply (txc_agent_t *self, const txc_msg_t *question, txc_msg_type_t type)
{
    bool leader = question->epoch.round != 0;
    txc_msg_t *reply = txc_update_message (self->update, type, leader ? TXC_ROUTE_LEADER : question->route);
    reply->gtrid = question->gtrid;
    reply->token = question->token;
    reply->stamp = question->stamp;
    memcpy (reply->rm, question->rm, sizeof reply->rm);
    if (leader)
        reply->epoch = self->epoch;
    return reply;
}

static void s_say_final (txc_agent_t *self, const txc_msg_t *question, uint8_t final)
{
    txc_msg_t *reply = s_reply (self, question, TXC_MSG_MEMBER_STATE);
    reply->flags = TXC_FLAG_FINAL;
    reply->vote = final;
}

void txc_agent_member_refused (txc_agent_t *self, txc_agent_member_t *member)
{
    member->final = TXC_VOTE_NO;
    member->tries = 0;
    txc_heap_set (&self->member_timers, &member->timer, self->now_ms + 1);
    txc_msg_t *reply = txc_agent_member_message (self, member, TXC_MSG_MEMBER_STATE, member->route);
    reply->stamp = member->next_elected;
    reply->flags = TXC_FLAG_FINAL;
    reply->vote = TXC_VOTE_NO;
}

/* Asked before it voted: it never will. */
static void s_refuse_to_vote (txc_agent_t *self, const txc_msg_t *question, uint8_t rm,
                              txc_agent_member_t *member)
{
    txc_branch_t *branch = txc_agent_branch_find (self, &question->gtrid, rm, question->token);
    if (branch && branch->state == TXC_BRANCH_LOOKING)
        branch->want_rollback = true;
    else if (branch && (branch->state == TXC_BRANCH_ACTIVE || branch->state == TXC_BRANCH_PREPARING)) {
        txc_agent_roll_back (self, branch);
        branch = txc_agent_branch_find (self, &question->gtrid, rm, question->token);
        member = txc_agent_member (self, &question->gtrid, rm, question->token); /* it goes with its branch */
    }
    bool over =
        !branch || branch->state == TXC_BRANCH_ROLLING_BACK || branch->state == TXC_BRANCH_ROLLED_BACK;
    if (!over || !txc_agent_token_is_own (self, question->token) || self->n_refusals >= REFUSALS_MAX)
        return;
    if (!member)
        member = txc_agent_member_named (self, question, rm);
    if (!member) {
        self->dropped++;
        return;
    }
    member->route = question->epoch.round ? TXC_ROUTE_LEADER : question->route;
    txc_agent_member_write (self, member, TXC_MEMBER_REFUSING, question->stamp, 0, TXC_VOTE_NONE);
}

void txc_agent_member_terminate (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    if (rm < 0 || !self->rms[rm].ready || message->stamp <= TXC_NUMBER_FIRST ||
        message->stamp > TXC_NUMBER_MAX)
        return;
    txc_agent_member_t *member = txc_agent_member (self, &message->gtrid, (uint8_t) rm, message->token);
    if (member && member->final) {
        s_say_final (self, message, member->final);
        return;
    }
    if (!member || (!member->voted && !member->writing)) {
        s_refuse_to_vote (self, message, (uint8_t) rm, member);
        return;
    }
    if (member->writing || member->abstains)
        return;
    if (message->stamp > member->highest)
        member->highest = message->stamp;
    bool higher = message->stamp > member->elected || TXC_MUTANT (LOWER_NUMBER_GRANTED);
    if (higher && message->stamp != member->elected) {
        member->route = message->epoch.round ? TXC_ROUTE_LEADER : message->route;
        txc_agent_member_write (self, member, TXC_MEMBER_GRANTING, message->stamp, member->attempt,
                                member->kind);
        if (!TXC_MUTANT (GRANT_NOT_FORCED))
            return;
    }
    txc_msg_t *reply = s_reply (self, message, TXC_MSG_MEMBER_STATE);
    reply->slot = TXC_MUTANT (GRANT_NOT_FORCED) && higher ? message->stamp : member->elected;
    reply->high_slot = member->attempt;
    reply->vote = member->kind;
}

void txc_agent_member_pre_decide (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    txc_agent_member_t *member =
        rm < 0 ? NULL : txc_agent_member (self, &message->gtrid, (uint8_t) rm, message->token);
    if (!member || !member->voted || !self->rms[rm].ready ||
        (message->vote != TXC_VOTE_YES && message->vote != TXC_VOTE_NO))
        return;
    if (member->final) {
        s_say_final (self, message, member->final);
        return;
    }
    if (member->writing || member->abstains)
        return;
    bool granted = message->stamp == member->elected || TXC_MUTANT (ANY_NUMBER_ATTEMPTS);
    if (granted && (member->attempt != message->stamp || member->kind != message->vote)) {
        member->route = message->epoch.round ? TXC_ROUTE_LEADER : message->route;
        txc_agent_member_write (self, member, TXC_MEMBER_ATTEMPTING, member->elected, message->stamp,
                                message->vote);
        if (!TXC_MUTANT (PRECOMMIT_ACKED_EARLY))
            return;
    }
    txc_msg_t *reply = s_reply (self, message, TXC_MSG_PRE_DECIDED);
    reply->slot = granted ? message->stamp : member->elected;
    reply->vote = message->vote;
}

void txc_agent_member_told (txc_agent_t *self, const txc_msg_t *message)
{
    txc_hash_node_t *node = txc_hash_first (&self->members, txc_gtrid_hash (&message->gtrid));
    int rm = txc_agent_rm_index (self, message->rm);
    if (message->vote != TXC_VOTE_YES && message->vote != TXC_VOTE_NO)
        return;
    for (; node; node = txc_hash_next (node)) {
        txc_agent_member_t *member = TXC_CONTAINER (node, txc_agent_member_t, node);
        if (!txc_gtrid_equal (&member->gtrid, &message->gtrid) || member->rm != rm ||
            member->token != message->token || !self->rms[rm].ready)
            continue;
        if (message->vote == TXC_VOTE_YES && !member->voted)
            self->dropped++;
        else
            txc_agent_member_decided (self, member, message->vote == TXC_VOTE_YES);
        return;
    }
}
