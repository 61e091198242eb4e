/*
 * A branch as a member of a three-phase commit: its state, and its answers.
 *
 * E3PC: see txc_quorum.h.  Nothing is said before the journal has it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_agent_member.h"

enum { REPORT_MS = 2000, REPORT_MAX_MS = 30000, ASKED_MAX = 5 };

txc_agent_member_t *txc_agent_member (const txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm,
                                      uint64_t token)
{
    txc_hash_node_t *node = txc_hash_first (&self->members, txc_gtrid_hash (gtrid));
    for (; node; node = txc_hash_next (node)) {
        txc_agent_member_t *member = TXC_CONTAINER (node, txc_agent_member_t, node);
        if (member->rm == rm && member->token == token && txc_gtrid_equal (&member->gtrid, gtrid))
            return member;
    }
    return NULL;
}

static uint32_t s_place (const char *rm, uint64_t token, const txc_branch_ref_t *peers, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (peers[i].token == token && strcmp (peers[i].rm, rm) == 0)
            return i + 1;
    return 0;
}

static txc_agent_member_t *s_new (txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token,
                                  const txc_branch_ref_t *peers, uint32_t n)
{
    txc_agent_member_t *member = txc_calloc (1, sizeof *member + n * sizeof member->peers[0]);
    member->gtrid = *gtrid;
    member->rm = rm;
    member->token = token;
    member->place = s_place (self->config.rms[rm].name, token, peers, n);
    member->n_peers = n;
    for (uint32_t i = 0; i < n; i++) { /* what members need of each other, no more */
        member->peers[i].token = peers[i].token;
        memcpy (member->peers[i].rm, peers[i].rm, sizeof member->peers[i].rm);
        memcpy (member->peers[i].endpoint, peers[i].endpoint, sizeof member->peers[i].endpoint);
    }
    txc_list_init (&member->link);
    txc_hash_add (&self->members, &member->node, txc_gtrid_hash (gtrid));
    return member;
}

void txc_agent_member_free (txc_agent_t *self, txc_agent_member_t *member)
{
    txc_heap_set (&self->member_timers, &member->timer, TXC_NEVER_MS);
    txc_hash_remove (&self->members, &member->node);
    txc_list_remove (&member->link);
    self->n_refusals -= member->refused;
    free (member);
}

txc_agent_member_t *txc_agent_member_add (txc_agent_t *self, const txc_msg_t *prepare, uint8_t rm)
{
    txc_agent_member_t *member = txc_agent_member (self, &prepare->gtrid, rm, prepare->token);
    if (member)
        return member;
    member = txc_agent_member_named (self, prepare, rm);
    if (member)
        member->epoch = prepare->epoch;
    return member;
}

txc_agent_member_t *txc_agent_member_named (txc_agent_t *self, const txc_msg_t *message, uint8_t rm)
{
    if (!s_place (message->rm, message->token, message->branches, message->n_branches))
        return NULL;
    return s_new (self, &message->gtrid, rm, message->token, message->branches, message->n_branches);
}

/* --- the journal ----------------------------------------------------------------------- */

static void s_fill (const txc_agent_t *self, const txc_agent_member_t *member, txc_jrec_t *record)
{
    memset (record, 0, sizeof *record);
    record->kind = TXC_JOURNAL_MEMBER;
    record->gtrid = member->gtrid;
    record->token = member->token;
    record->epoch = member->epoch;
    record->number = member->elected;
    record->attempt = member->attempt;
    record->vote = member->final ? member->final : member->kind;
    record->flags =
        (member->final ? TXC_MEMBER_FINAL : 0u) | (member->read_only ? TXC_MEMBER_READ_ONLY : 0u) |
        (member->abstains ? TXC_MEMBER_ABSTAINS : 0u) | (member->refused ? TXC_MEMBER_REFUSED : 0u);
    memcpy (record->rm, self->config.rms[member->rm].name, sizeof record->rm);
    memcpy (record->text, member->evidence, sizeof record->text);
    record->n_branches = member->n_peers;
    memcpy (record->branches, member->peers, member->n_peers * sizeof member->peers[0]);
}

/* As it will be once the entry that is on its way is durable. */
static void s_fill_next (const txc_agent_t *self, const txc_agent_member_t *member, txc_jrec_t *record)
{
    s_fill (self, member, record);
    record->number = member->next_elected;
    record->attempt = member->next_attempt;
    if (member->final && !TXC_MUTANT (CHECKPOINT_KEEPS_OLD_END))
        return; /* it came meanwhile, and stands above everything */
    record->vote = member->refused ? TXC_VOTE_NO : member->next_kind;
    record->flags |= member->refused ? TXC_MEMBER_FINAL : 0u;
}

void txc_agent_member_write (txc_agent_t *self, txc_agent_member_t *member, txc_member_writing_t what,
                             uint64_t elected, uint64_t attempt, uint8_t kind)
{
    TXC_INVARIANT (member->writing == TXC_MEMBER_IDLE && !member->final && !member->abstains);
    TXC_INVARIANT (elected >= member->elected || TXC_MUTANT (LOWER_NUMBER_GRANTED));
    member->writing = (uint8_t) what;
    member->next_elected = elected;
    member->next_attempt = attempt;
    member->next_kind = kind;
    if (what == TXC_MEMBER_REFUSING) {
        member->refused = true;
        self->n_refusals++;
    }
    txc_jrec_t record;
    s_fill_next (self, member, &record);
    member->slot = txc_agent_journal (self, &record, true);
    txc_list_append (&self->writing, &member->link);
}

/* Says what became durable. */
static void s_written (txc_agent_t *self, txc_agent_member_t *member)
{
    txc_member_writing_t what = (txc_member_writing_t) member->writing;
    bool own = member->own;
    member->writing = TXC_MEMBER_IDLE;
    member->own = false;
    member->elected = member->next_elected;
    member->attempt = member->next_attempt;
    member->kind = member->next_kind;
    if (member->final) /* it came meanwhile */
        return;
    if (member->quorum.phase != TXC_QUORUM_NONE && member->elected > member->quorum.number && !own) {
        member->quorum.phase = TXC_QUORUM_NONE; /* another one was elected here: it goes first */
        txc_agent_terminate_later (self, member);
    }
    txc_branch_t *branch = txc_agent_branch_find (self, &member->gtrid, member->rm, member->token);
    switch (what) {
    case TXC_MEMBER_VOTING:
        member->voted = true;
        if (branch && branch->asked)
            txc_agent_vote (self, branch);
        break;
    case TXC_MEMBER_GRANTING:
        if (own)
            txc_agent_terminate_granted (self, member);
        else {
            txc_msg_t *reply = txc_agent_member_message (self, member, TXC_MSG_MEMBER_STATE, member->route);
            reply->stamp = reply->slot = member->elected;
            reply->high_slot = member->attempt;
            reply->vote = member->kind;
        }
        break;
    case TXC_MEMBER_ATTEMPTING:
        if (own)
            txc_agent_terminate_attempted (self, member);
        else {
            txc_msg_t *reply = txc_agent_member_message (self, member, TXC_MSG_PRE_DECIDED, member->route);
            reply->stamp = reply->slot = member->elected;
            reply->vote = member->kind;
        }
        break;
    case TXC_MEMBER_REFUSING:
        member->voted = true;
        txc_agent_member_refused (self, member);
        break;
    case TXC_MEMBER_IDLE:
        TXC_NEVER();
    }
}

void txc_agent_members_journaled (txc_agent_t *self, uint64_t slot)
{
    while (!txc_list_is_empty (&self->writing)) {
        txc_agent_member_t *member = TXC_CONTAINER (self->writing.next, txc_agent_member_t, link);
        if (member->slot > slot)
            break;
        txc_list_remove (&member->link);
        s_written (self, member);
    }
}

int txc_agent_member_replay (txc_agent_t *self, const txc_jrec_t *record)
{
    int rm = txc_agent_rm_index (self, record->rm);
    if (rm < 0)
        return TXC_OK;
    txc_agent_member_t *member = txc_agent_member (self, &record->gtrid, (uint8_t) rm, record->token);
    if (!member)
        member =
            s_new (self, &record->gtrid, (uint8_t) rm, record->token, record->branches, record->n_branches);
    member->voted = true;
    txc_heap_set (&self->member_timers, &member->timer, REPORT_MS);
    member->epoch = record->epoch;
    member->elected = member->highest = record->number;
    member->attempt = record->attempt;
    memcpy (member->evidence, record->text, sizeof member->evidence);
    member->read_only = record->flags & TXC_MEMBER_READ_ONLY;
    member->abstains = record->flags & TXC_MEMBER_ABSTAINS;
    if (record->flags & TXC_MEMBER_REFUSED && !member->refused) {
        member->refused = true;
        self->n_refusals++;
    }
    if (record->flags & TXC_MEMBER_FINAL) {
        member->final = record->vote;
        member->kind = record->attempt ? record->vote : TXC_VOTE_NONE;
    } else
        member->kind = record->vote;
    return TXC_OK;
}

void txc_agent_members_checkpoint (txc_agent_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->members, &cursor); node;
         node = txc_hash_step (&self->members, &cursor)) {
        const txc_agent_member_t *member = TXC_CONTAINER (node, txc_agent_member_t, node);
        txc_jrec_t record;
        s_fill (self, member, &record);
        if (member->writing) /* its entry is cut away, and counts as soon as this one is durable */
            s_fill_next (self, member, &record);
        if (member->voted || member->writing)
            txc_agent_journal (self, &record, false);
    }
}

void txc_agent_member_forget (txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token,
                              bool write)
{
    txc_agent_member_t *member = txc_agent_member (self, gtrid, rm, token);
    if (!member)
        return;
    if (write && (member->voted || member->writing)) {
        txc_jrec_t record;
        s_fill (self, member, &record);
        record.kind = TXC_JOURNAL_FORGET;
        record.n_branches = 0;
        txc_agent_journal (self, &record, false);
        txc_agent_proof_again (self, gtrid, rm, token); /* which the entry takes along */
    }
    txc_agent_member_free (self, member);
}

/* --- messages ------------------------------------------------------------------------------ */

txc_msg_t *txc_agent_member_message (txc_agent_t *self, const txc_agent_member_t *member, txc_msg_type_t type,
                                     uint64_t route)
{
    txc_msg_t *message = txc_update_message (self->update, type, route);
    message->gtrid = member->gtrid;
    message->token = member->token;
    memcpy (message->rm, self->config.rms[member->rm].name, sizeof message->rm);
    if (route == TXC_ROUTE_LEADER)
        message->epoch = self->epoch;
    return message;
}

/* The members and the message borrow the same list. */
void txc_agent_member_list (txc_agent_t *self, const txc_agent_member_t *member, txc_msg_t *message)
{
    txc_branch_ref_t *copy = txc_update_alloc (self->update, member->n_peers * sizeof *copy);
    memcpy (copy, member->peers, member->n_peers * sizeof *copy);
    message->branches = copy;
    message->n_branches = member->n_peers;
}

/* --- the vote -------------------------------------------------------------------------------- */

void txc_agent_member_vote (txc_agent_t *self, txc_agent_member_t *member, const txc_branch_t *branch)
{
    if (member->voted || member->writing)
        return;
    member->read_only = branch->vote == TXC_VOTE_READ_ONLY;
    memcpy (member->evidence, branch->evidence, sizeof member->evidence);
    txc_agent_member_write (self, member, TXC_MEMBER_VOTING, TXC_NUMBER_FIRST, 0, TXC_VOTE_NONE);
    if (TXC_MUTANT (VOTE_NOT_FORCED))
        member->voted = true;
}

bool txc_agent_member_found (txc_agent_t *self, txc_branch_t *branch)
{
    txc_agent_member_t *member = txc_agent_member (self, &branch->gtrid, branch->rm, branch->token);
    if (member) {
        branch->record_only |= member->abstains && !TXC_MUTANT (ABSTAINING_PRESUMED);
        if (member->final)
            txc_heap_set (&self->member_timers, &member->timer, self->now_ms);
        return false;
    }
    bool own = txc_agent_token_is_own (self, branch->token) && !branch->record_only;
    if (own || TXC_MUTANT (LOST_JOURNAL_VOTES))
        return true; /* the journal would have its yes-vote */
    /* An earlier journal may have held what it said: it says nothing any more.  And that journal would have
     * known whether this is another copy of the data, which lost a commit: only what is on record ends it. */
    branch->record_only |= !TXC_MUTANT (ABSTAINING_PRESUMED);
    member = s_new (self, &branch->gtrid, branch->rm, branch->token, NULL, 0);
    member->voted = member->abstains = true;
    txc_jrec_t record;
    s_fill (self, member, &record);
    txc_agent_journal (self, &record, true);
    return false;
}

/* --- the outcome ------------------------------------------------------------------------------ */

/* Its branch is gone and how it ended is not on record here: asks, until it may be forgotten. */
static void s_ask (txc_agent_t *self, txc_agent_member_t *member)
{
    txc_heap_set (&self->member_timers, &member->timer, self->now_ms + REPORT_MS);
    if (member->abstains || !self->registered || !self->rms[member->rm].ready)
        return;
    if (member->tries++ >= ASKED_MAX) {
        txc_agent_terminate (self, member);
        return;
    }
    txc_msg_t *message = txc_agent_member_message (self, member, TXC_MSG_INQUIRY, TXC_ROUTE_LEADER);
    message->flags = TXC_FLAG_FINISHED;
}

void txc_agent_member_timer (txc_agent_t *self, txc_agent_member_t *member)
{
    const txc_branch_t *held = txc_agent_branch_find (self, &member->gtrid, member->rm, member->token);
    if (!member->final && member->quorum.phase == TXC_QUORUM_NONE && member->voted &&
        (!held || txc_branch_is_ended (held))) {
        s_ask (self, member);
        return;
    }
    if (!member->final) {
        txc_agent_terminate_timer (self, member);
        return;
    }
    uint64_t wait = (uint64_t) REPORT_MS << (member->tries < 4 ? member->tries : 4);
    member->tries++;
    txc_heap_set (&self->member_timers, &member->timer,
                  self->now_ms + (wait < REPORT_MAX_MS ? wait : REPORT_MAX_MS));
    if (!self->rms[member->rm].ready)
        return;
    /* Until End, or an Abort, is on record: the log learns what members decided. */
    if (self->registered) {
        txc_msg_t *report = txc_agent_member_message (self, member, TXC_MSG_DECIDED, TXC_ROUTE_LEADER);
        report->vote = member->final;
        txc_agent_member_list (self, member, report);
    }
    txc_branch_t *branch = txc_agent_branch_find (self, &member->gtrid, member->rm, member->token);
    if (branch && (branch->state == TXC_BRANCH_PREPARED || branch->state == TXC_BRANCH_READ_ONLY))
        txc_agent_outcome (self, branch, member->final == TXC_VOTE_YES); /* found again after a restart */
}

void txc_agent_member_decided (txc_agent_t *self, txc_agent_member_t *member, bool commit)
{
    uint8_t final = commit ? TXC_VOTE_YES : TXC_VOTE_NO;
    txc_branch_t *branch = txc_agent_branch_find (self, &member->gtrid, member->rm, member->token);
    if (!member->final) {
        member->final = final;
        member->quorum.phase = TXC_QUORUM_NONE;
        member->tries = 0;
        txc_jrec_t record;
        s_fill (self, member, &record);
        if (member->voted)
            txc_agent_journal (self, &record, false);
        txc_heap_set (&self->member_timers, &member->timer, self->now_ms + 1);
    } else if (member->final != final) {
        self->dropped++; /* nobody who keeps the rule says so */
        return;
    }
    if (branch)
        txc_agent_outcome (self, branch, commit);
}

void txc_agent_member_recorded (txc_agent_t *self, txc_agent_member_t *member, bool commit)
{
    bool known = member->final != TXC_VOTE_NONE;
    txc_gtrid_t gtrid = member->gtrid;
    uint64_t token = member->token;
    uint8_t rm = member->rm;
    txc_agent_member_decided (self, member, commit);
    member = txc_agent_member (self, &gtrid, rm, token); /* it may be gone with its branch */
    if (member && !known)
        txc_heap_set (&self->member_timers, &member->timer, self->now_ms + REPORT_MS);
}

/* Its branch has ended.  What it had not said need not be remembered. */
void txc_agent_member_branch_ended (txc_agent_t *self, const txc_branch_t *branch)
{
    txc_agent_member_t *member = txc_agent_member (self, &branch->gtrid, branch->rm, branch->token);
    if (!member)
        return;
    if (member->abstains || (!member->voted && !member->writing))
        txc_agent_member_forget (self, &branch->gtrid, branch->rm, branch->token, true);
    else if (!member->final && member->quorum.phase == TXC_QUORUM_NONE)
        txc_heap_set (&self->member_timers, &member->timer, self->now_ms + REPORT_MS);
}
