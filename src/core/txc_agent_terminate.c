/*
 * An agent as the terminator of a three-phase commit, for one of its branches.
 *
 * It draws a number above all it knows, grants it to itself (forced) before
 * anybody else hears of it, and asks the other members, the group among them.
 * With the states of a majority it attempts one thing; once a majority took
 * that, it tells everybody, and only then ends its own branch.
 */
#include <string.h>

#include "base/txc_assert.h"
#include "core/txc_agent_member.h"

enum { RETRY_MS = 100, RETRY_MAX_MS = 5000, ATTEMPT_TRIES = 4 };

bool txc_agent_terminate_is_due (const txc_agent_t *self, const txc_branch_t *branch)
{
    const txc_agent_member_t *member = txc_agent_member (self, &branch->gtrid, branch->rm, branch->token);
    uint64_t heard_ms = self->welcomed_ms > branch->began_ms ? self->welcomed_ms : branch->began_ms;
    if (self->started_ms > heard_ms)
        heard_ms = self->started_ms;
    if (!member || !member->voted || member->abstains || member->final || !member->place ||
        member->quorum.phase != TXC_QUORUM_NONE)
        return false;
    return self->now_ms >= heard_ms + self->config.terminate_ms ||
           self->now_ms >= branch->began_ms + branch->timeout_ms + self->config.terminate_ms;
}

void txc_agent_terminate_by_timer (txc_agent_t *self, txc_branch_t *branch)
{
    const txc_agent_member_t *member = txc_agent_member (self, &branch->gtrid, branch->rm, branch->token);
    bool commit = member->attempt != 0 && member->kind == TXC_VOTE_YES;
    self->terminations++;
    txc_agent_end_by_timer (self, branch, commit);
}

/* To every member but this one for which bit i of done is not set. */
static void s_tell (txc_agent_t *self, txc_agent_member_t *member, txc_msg_type_t type, uint64_t done,
                    uint8_t vote)
{
    for (uint32_t i = 0; i <= member->n_peers; i++) {
        if (i == member->place || done & UINT64_C (1) << i)
            continue;
        uint64_t route =
            i == 0 ? TXC_ROUTE_LEADER : txc_agent_peer_route (self, member->peers[i - 1].endpoint);
        if (i > 0 && !route)
            continue; /* nobody knew its agent */
        txc_msg_t *message = txc_agent_member_message (self, member, type, route);
        message->stamp = member->quorum.number;
        message->vote = vote;
        if (i > 0) {
            memcpy (message->rm, member->peers[i - 1].rm, sizeof message->rm);
            message->token = member->peers[i - 1].token;
        }
        if (type == TXC_MSG_TERMINATE || type == TXC_MSG_DECIDED)
            txc_agent_member_list (self, member, message);
    }
}

static void s_wait (txc_agent_t *self, txc_agent_member_t *member)
{
    uint64_t wait = (uint64_t) RETRY_MS << (member->tries < 8 ? member->tries : 8);
    wait = wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS;
    member->tries++;
    /* Drawn, so that of two terminators one is done before the other tries again. */
    wait += txc_random_next (&self->random) % (wait + 1);
    txc_heap_set (&self->member_timers, &member->timer, self->now_ms + wait);
}

void txc_agent_terminate_later (txc_agent_t *self, txc_agent_member_t *member)
{
    member->tries = member->tries < 2 ? 2 : member->tries;
    s_wait (self, member);
}

void txc_agent_terminate (txc_agent_t *self, txc_agent_member_t *member)
{
    if (member->writing || member->final)
        return;
    uint64_t highest = member->highest > member->elected ? member->highest : member->elected;
    member->highest = txc_number_above (highest, member->place);
    member->own = true;
    member->tries = 0;
    self->terminations++;
    txc_agent_member_write (self, member, TXC_MEMBER_GRANTING, member->highest, member->attempt,
                            member->kind);
}

void txc_agent_terminate_granted (txc_agent_t *self, txc_agent_member_t *member)
{
    txc_quorum_elect (&member->quorum, member->elected, member->n_peers);
    txc_quorum_heard (&member->quorum, member->place, member->attempt, member->kind);
    s_tell (self, member, TXC_MSG_TERMINATE, 0, TXC_VOTE_NONE);
    s_wait (self, member);
}

static void s_attempt (txc_agent_t *self, txc_agent_member_t *member)
{
    if (member->writing || member->elected != member->quorum.number)
        return;
    uint8_t kind = txc_quorum_choice (&member->quorum);
    txc_quorum_attempt (&member->quorum, member->elected, kind, member->n_peers);
    member->own = true;
    txc_agent_member_write (self, member, TXC_MEMBER_ATTEMPTING, member->elected, member->elected, kind);
}

static void s_decide (txc_agent_t *self, txc_agent_member_t *member, uint8_t kind)
{
    /* First everybody is told, then it is done here. */
    s_tell (self, member, TXC_MSG_DECIDED, 0, kind);
    txc_agent_member_decided (self, member, kind == TXC_VOTE_YES);
}

static void s_acked (txc_agent_t *self, txc_agent_member_t *member, uint32_t place)
{
    txc_quorum_acked (&member->quorum, place);
    if (txc_quorum_is_decided (&member->quorum))
        s_decide (self, member, member->quorum.kind);
}

void txc_agent_terminate_attempted (txc_agent_t *self, txc_agent_member_t *member)
{
    if (member->quorum.phase != TXC_QUORUM_ATTEMPTING || member->attempt != member->quorum.number)
        return;
    member->tries = 0;
    s_tell (self, member, TXC_MSG_PRE_DECIDE, 0, member->quorum.kind);
    s_acked (self, member, member->place);
    if (!member->final)
        s_wait (self, member);
}

void txc_agent_terminate_timer (txc_agent_t *self, txc_agent_member_t *member)
{
    switch (member->quorum.phase) {
    case TXC_QUORUM_NONE:
        if (member->writing || !member->highest || !member->place)
            s_wait (self, member);
        else
            txc_agent_terminate (self, member);
        return;
    case TXC_QUORUM_ELECTING:
        if (txc_quorum_is_elected (&member->quorum))
            s_attempt (self, member);
        else
            s_tell (self, member, TXC_MSG_TERMINATE, member->quorum.heard, TXC_VOTE_NONE);
        break;
    default:
        /* An agent that was started anew has nothing to attempt for a branch that never voted; asked as a
         * member it refuses. */
        if (member->tries >= ATTEMPT_TRIES && !member->writing) {
            member->quorum.phase = TXC_QUORUM_NONE;
            txc_agent_terminate (self, member);
            return;
        }
        if (member->attempt == member->quorum.number)
            s_tell (self, member, TXC_MSG_PRE_DECIDE, member->quorum.acked, member->quorum.kind);
    }
    s_wait (self, member);
}

/* The member here that drew the number, and the place of the one that answers. */
static txc_agent_member_t *s_asker (const txc_agent_t *self, const txc_msg_t *message, uint32_t *place)
{
    txc_hash_node_t *node = txc_hash_first (&self->members, txc_gtrid_hash (&message->gtrid));
    for (; node; node = txc_hash_next (node)) {
        txc_agent_member_t *member = TXC_CONTAINER (node, txc_agent_member_t, node);
        if (!txc_gtrid_equal (&member->gtrid, &message->gtrid) || member->final ||
            member->quorum.phase == TXC_QUORUM_NONE || member->quorum.number != message->stamp)
            continue;
        for (*place = 0; *place <= member->n_peers; (*place)++)
            if (*place == 0 ? message->rm[0] == '\0'
                            : strcmp (member->peers[*place - 1].rm, message->rm) == 0 &&
                                  member->peers[*place - 1].token == message->token)
                return member;
    }
    return NULL;
}

/* Somebody else was elected there: another number, after a while. */
static void s_overtaken (txc_agent_t *self, txc_agent_member_t *member, uint64_t number)
{
    if (number > member->highest && number <= TXC_NUMBER_MAX)
        member->highest = number;
    member->quorum.phase = TXC_QUORUM_NONE;
    txc_agent_terminate_later (self, member);
}

void txc_agent_terminate_state (txc_agent_t *self, const txc_msg_t *message)
{
    uint32_t place;
    txc_agent_member_t *member = s_asker (self, message, &place);
    if (!member)
        return;
    if (message->flags & TXC_FLAG_FINAL) {
        if (message->vote == TXC_VOTE_YES || message->vote == TXC_VOTE_NO)
            s_decide (self, member, message->vote);
    } else if (message->slot > message->stamp)
        s_overtaken (self, member, message->slot);
    else if (message->slot == message->stamp && member->quorum.phase == TXC_QUORUM_ELECTING) {
        txc_quorum_heard (&member->quorum, place, message->high_slot, message->vote);
        if (txc_quorum_is_elected (&member->quorum))
            s_attempt (self, member);
    }
}

void txc_agent_terminate_acked (txc_agent_t *self, const txc_msg_t *message)
{
    uint32_t place;
    txc_agent_member_t *member = s_asker (self, message, &place);
    if (!member || member->quorum.phase != TXC_QUORUM_ATTEMPTING)
        return;
    if (message->slot > message->stamp)
        s_overtaken (self, member, message->slot);
    else if (message->slot == message->stamp && message->vote == member->quorum.kind)
        s_acked (self, member, place);
}
