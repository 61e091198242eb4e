/*
 * Prepare and votes.
 *
 * A no is final only if the branch can never be prepared: it ended before
 * PREPARE was sent, and this incarnation remembers that; or the RM refused
 * PREPARE on a live connection.  Absence alone is no evidence: a late PREPARE
 * may still run.
 */
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_agent_member.h"

/* Paxos Commit: the vote goes to every acceptor, which is to say every replica, and names all participants.
 */
static void s_cast (txc_agent_t *self, const txc_branch_t *branch, txc_msg_t *message)
{
    size_t size = branch->n_participants * sizeof *branch->participants;
    message->route = self->leader.n > 1 ? TXC_ROUTE_ALL : TXC_ROUTE_LEADER;
    message->epoch = branch->ballot;
    message->n_branches = branch->n_participants;
    message->branches = memcpy (txc_update_alloc (self->update, size), branch->participants, size);
}

static void s_say (txc_agent_t *self, const txc_msg_t *question, txc_vote_t vote, const txc_branch_t *branch)
{
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_VOTE, 0);
    reply->gtrid = question->gtrid;
    reply->token = question->token;
    reply->epoch = self->epoch;
    reply->vote = (uint8_t) vote;
    memcpy (reply->rm, question->rm, sizeof reply->rm);
    if (branch) {
        memcpy (reply->evidence, branch->evidence, sizeof reply->evidence);
        reply->error = txc_agent_lend_error (self, branch->error);
    }
    if (branch && branch->gtrid.mode == TXC_MODE_PAXOS && branch->n_participants &&
        (vote == TXC_VOTE_YES || vote == TXC_VOTE_READ_ONLY))
        s_cast (self, branch, reply);
}

/* The yes-vote of a member: once its journal has it.  No read-only votes in this mode: whoever wrote nothing
 * is a member like the others. */
static void s_say_member (txc_agent_t *self, const txc_msg_t *question, txc_branch_t *branch)
{
    const txc_agent_member_t *member = txc_agent_member (self, &branch->gtrid, branch->rm, branch->token);
    if (!member || !member->voted) {
        branch->asked = true;
        return;
    }
    if (member->abstains)
        return;
    s_say (self, question, member->refused ? TXC_VOTE_NO : TXC_VOTE_YES, branch);
    self->update->messages[self->update->n_messages - 1].prior = member->epoch;
}

/* What was committed at a copy of the data that another one has replaced may be lost with it. */
static bool s_is_same_copy (const txc_agent_t *self, uint8_t rm)
{
    return !self->rms[rm].record_only || self->config.rms[rm].last_resource;
}

/* Sends the vote of a branch whose state has one. */
void txc_agent_vote (txc_agent_t *self, txc_branch_t *branch)
{
    txc_msg_t question = {.gtrid = branch->gtrid, .token = branch->token};
    memcpy (question.rm, self->config.rms[branch->rm].name, sizeof question.rm);
    branch->asked = false;
    if (txc_branch_is_3pc (branch) &&
        (branch->state == TXC_BRANCH_PREPARED || branch->state == TXC_BRANCH_READ_ONLY)) {
        s_say_member (self, &question, branch);
        return;
    }
    switch (branch->state) {
    case TXC_BRANCH_PREPARED:
        s_say (self, &question, TXC_VOTE_YES, branch);
        break;
    case TXC_BRANCH_READ_ONLY:
        s_say (self, &question, TXC_VOTE_READ_ONLY, branch);
        break;
    case TXC_BRANCH_ROLLING_BACK:
    case TXC_BRANCH_ROLLED_BACK:
        if (branch->vote == TXC_VOTE_READ_ONLY && !txc_branch_is_3pc (branch))
            s_say (self, &question, TXC_VOTE_READ_ONLY, branch);
        else
            s_say (self, &question, branch->final_no ? TXC_VOTE_NO : TXC_VOTE_NO_NOT_FINAL, branch);
        break;
    case TXC_BRANCH_COMMITTED:
        if (branch->vote == TXC_VOTE_READ_ONLY)
            s_say (self, &question, TXC_VOTE_READ_ONLY, branch);
        break;
    case TXC_BRANCH_HEURISTIC: /* an operator was faster than its leader, who may yet say the same */
        if (branch->heur == TXC_HEUR_COMMITTED && !branch->one_phase && !branch->final_no &&
            !txc_branch_is_3pc (branch) && s_is_same_copy (self, branch->rm))
            s_say (self, &question, TXC_VOTE_YES, branch);
        break;
    default: /* it has no vote yet, or its outcome is known to whoever asks: a stale question */
        break;
    }
}

/* The branch's end begins here; nothing prepares it any more.  One that voted yes comes here only with an
 * outcome. */
void txc_agent_roll_back (txc_agent_t *self, txc_branch_t *branch)
{
    if (branch->busy) {
        bool cancel = !branch->want_rollback && branch->state == TXC_BRANCH_ACTIVE;
        branch->want_rollback = true;
        if (cancel)
            txc_agent_branch_work (self, branch, TXC_WORK_CANCEL);
        return;
    }
    /* The owner of an enlisted branch may have prepared it without being asked. */
    if ((branch->state == TXC_BRANCH_ACTIVE || branch->state == TXC_BRANCH_PREPARING) && !branch->enlisted)
        branch->final_no = true;
    branch->want_rollback = false;
    bool lost = !branch->owner && ((branch->state == TXC_BRANCH_ACTIVE && !branch->enlisted) ||
                                   branch->state == TXC_BRANCH_READ_ONLY);
    if (lost) { /* its session is gone, and the work with it */
        txc_agent_branch_end (self, branch, TXC_BRANCH_ROLLED_BACK);
        return;
    }
    txc_agent_branch_move (self, branch, TXC_BRANCH_ROLLING_BACK);
    if (branch->asked)
        txc_agent_vote (self, branch);
    txc_agent_phase2_try (self, branch);
}

static void s_prepare_active (txc_agent_t *self, txc_branch_t *branch, const txc_msg_t *message)
{
    if (txc_branch_is_3pc (branch) && !txc_agent_member_add (self, message, branch->rm)) {
        self->dropped++; /* the members are not named: nobody could end it without the leader */
        return;
    }
    branch->asked = true;
    branch->expected = message->count;
    if (branch->want_rollback || branch->rollback_only || branch->busy ||
        (branch->count != message->count && !TXC_MUTANT (COUNT_IGNORED))) {
        if (branch->count != message->count || branch->busy) {
            txc_error_t error;
            txc_error_set (&error, TXC_ECOUNT, "the branch ran %u statements, the commit names %u",
                           branch->count, message->count);
            txc_agent_branch_blame (branch, &error);
        }
        txc_agent_roll_back (self, branch);
        return;
    }
    txc_agent_branch_move (self, branch, TXC_BRANCH_PREPARING);
    txc_agent_branch_work (self, branch, TXC_WORK_PREPARE);
    if (TXC_MUTANT (VOTE_BEFORE_PREPARED))
        s_say (self, message, TXC_VOTE_YES, branch);
}

/* --- the last resource -------------------------------------------------------------- */

/* Whether a branch that nobody here remembers has committed is asked of the RM, which then rules the other
 * out for good. */
static void s_look_for_last (txc_agent_t *self, const txc_msg_t *message, uint8_t rm)
{
    txc_branch_t *branch = txc_agent_branch_add (self, &message->gtrid, rm, message->token);
    branch->recovered = true;
    branch->asked = true;
    txc_agent_branch_move (self, branch, TXC_BRANCH_LOOKING);
    txc_agent_phase2_try (self, branch);
}

/* A prepare that does not fit what this RM is.  True: it was answered, or may not be. */
static bool s_is_misplaced (txc_agent_t *self, const txc_msg_t *message, const txc_branch_t *branch, int rm)
{
    bool last = self->config.rms[rm].last_resource, asked_last = message->flags & TXC_FLAG_LAST_RESOURCE;
    if (last == asked_last || TXC_MUTANT (LAST_NOT_LAST))
        return false;
    if (!last && branch)
        return false; /* it prepares: as good as its commit */
    if (!last) {      /* whatever an earlier configuration let it do */
        self->dropped++;
        return true;
    }
    txc_error_t error;
    txc_error_set (&error, TXC_ECONFIG,
                   "a last resource is asked last: its coordinator does not know it as one");
    s_say (self, message, TXC_VOTE_NO_NOT_FINAL, NULL);
    self->update->messages[self->update->n_messages - 1].error = txc_agent_lend_error (self, &error);
    return true;
}

/* Keeps whom the vote will name, or who may be asked. */
static void s_take_participants (txc_branch_t *branch, const txc_msg_t *message)
{
    size_t size = message->n_branches * sizeof *message->branches;
    if (message->gtrid.mode == TXC_MODE_3PC || message->n_branches == 0)
        return;
    branch->participants = memcpy (txc_realloc (branch->participants, size), message->branches, size);
    branch->n_participants = message->n_branches;
    branch->ballot = message->epoch;
}

void txc_agent_prepare (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    if (rm < 0 || !self->rms[rm].ready)
        return; /* recovery first: what an earlier incarnation prepared is not known yet; the leader asks
                   again */
    txc_branch_t *branch = txc_agent_branch_find (self, &message->gtrid, (uint8_t) rm, message->token);
    const txc_agent_member_t *member = txc_agent_member (self, &message->gtrid, (uint8_t) rm, message->token);
    if (member && (member->final || (!branch && member->voted && member->read_only))) {
        txc_msg_t *reply = txc_agent_member_message (
            self, member, member->final ? TXC_MSG_MEMBER_STATE : TXC_MSG_VOTE, TXC_ROUTE_LEADER);
        reply->flags = member->final ? TXC_FLAG_FINAL : 0;
        reply->vote = member->final ? member->final : TXC_VOTE_YES;
        reply->prior = member->epoch;
        return;
    }
    if (s_is_misplaced (self, message, branch, rm))
        return;
    bool last = self->config.rms[rm].last_resource && !TXC_MUTANT (LAST_ABSENT_IS_NO);
    if (last && branch && branch->state == TXC_BRANCH_ROLLED_BACK && !branch->final_no) {
        txc_agent_branch_remove (self, branch);
        branch = NULL;
    }
    const txc_proof_t *proof = txc_agent_proof (self, &message->gtrid, (uint8_t) rm, message->token);
    if (!branch && proof && proof->kind == TXC_JOURNAL_HEURISTIC && proof->heur == TXC_HEUR_COMMITTED &&
        message->gtrid.mode == TXC_MODE_2PC && s_is_same_copy (self, (uint8_t) rm)) {
        s_say (self, message, TXC_VOTE_YES, NULL); /* by hand, in an earlier life */
        return;
    }
    if (last && !branch) {
        s_look_for_last (self, message, (uint8_t) rm);
        return;
    }
    if (!branch) {
        s_say (self, message, TXC_MUTANT (ABSENT_IS_FINAL_NO) ? TXC_VOTE_NO : TXC_VOTE_NO_NOT_FINAL, NULL);
        return;
    }
    s_take_participants (branch, message);
    switch (branch->state) {
    case TXC_BRANCH_ACTIVE:
        s_prepare_active (self, branch, message);
        break;
    case TXC_BRANCH_PREPARING:
    case TXC_BRANCH_LOOKING:
        branch->asked = true;
        branch->expected = message->count;
        break;
    case TXC_BRANCH_PREPARED:
    case TXC_BRANCH_HEURISTIC:
        if (!branch->recovered && branch->count != message->count)
            s_say (self, message, TXC_VOTE_NO_NOT_FINAL, branch);
        else
            txc_agent_vote (self, branch);
        break;
    default:
        txc_agent_vote (self, branch);
    }
}

/* The branch is prepared at the RM. */
void txc_agent_prepared (txc_agent_t *self, txc_branch_t *branch)
{
    branch->vote = TXC_VOTE_YES;
    branch->inquire_ms = self->now_ms + self->config.inquiry_ms;
    txc_agent_branch_move (self, branch, TXC_BRANCH_PREPARED);
    if (self->config.rms[branch->rm].detaches && !branch->enlisted)
        txc_agent_branch_unpin (self, branch);
    TXC_INVARIANT (!branch->enlisted || !branch->want_rollback || branch->outcome);
    /* Its last statement's answer was lost with the connection, so that no vote ever left: it may still be
     * undone. */
    bool unheard = branch->rollback_only;
    bool is_3pc = txc_branch_is_3pc (branch);
    if (self->config.rms[branch->rm].last_resource) /* it has committed, whatever was wanted of it */
        branch->want_rollback = unheard = false;
    branch->final_no = unheard || (is_3pc && branch->want_rollback);
    if (branch->want_rollback || unheard) { /* or an outcome came meanwhile */
        txc_agent_roll_back (self, branch);
        return;
    }
    txc_agent_member_t *member = txc_agent_member (self, &branch->gtrid, branch->rm, branch->token);
    if (is_3pc && member)
        txc_agent_member_vote (self, member, branch);
    if (branch->asked)
        txc_agent_vote (self, branch);
}

/* It wrote nothing and is still open. */
static void s_read_only (txc_agent_t *self, txc_branch_t *branch)
{
    txc_agent_member_t *member = txc_agent_member (self, &branch->gtrid, branch->rm, branch->token);
    if (txc_branch_is_3pc (branch) && member && !branch->want_rollback)
        txc_agent_member_vote (self, member, branch);
    if (branch->want_rollback) {
        branch->final_no = branch->final_no || txc_branch_is_3pc (branch); /* it has not voted */
        txc_agent_roll_back (self, branch);
    } else if (branch->asked)
        txc_agent_vote (self, branch);
}

void txc_agent_prepare_done (txc_agent_t *self, txc_branch_t *branch, uint8_t status,
                             const txc_work_done_t *done)
{
    if (done->evidence[0])
        memcpy (branch->evidence, done->evidence, sizeof branch->evidence);
    switch (status) {
    case TXC_WORK_OK:
        txc_agent_prepared (self, branch);
        return;
    case TXC_WORK_READ_ONLY:
        branch->vote = TXC_VOTE_READ_ONLY;
        branch->inquire_ms = self->now_ms + self->config.inquiry_ms;
        txc_agent_branch_move (self, branch, TXC_BRANCH_READ_ONLY);
        s_read_only (self, branch);
        if (TXC_MUTANT (READ_ONLY_ENDS_EARLY) && branch->state == TXC_BRANCH_READ_ONLY)
            txc_agent_roll_back (self, branch);
        return;
    case TXC_WORK_ROLLED_BACK: /* refused on a live connection */
    case TXC_WORK_ERROR:
        txc_agent_branch_blame (branch, &done->error);
        branch->final_no = true;
        txc_agent_branch_end (self, branch, TXC_BRANCH_ROLLED_BACK);
        return;
    default: /* the connection was lost: PREPARE may have run, or may run yet */
        txc_agent_branch_blame (branch, &done->error);
        branch->owner = false;
        if (TXC_MUTANT (LOST_PREPARE_IS_YES)) {
            txc_agent_prepared (self, branch);
            return;
        }
        if (TXC_MUTANT (LOST_PREPARE_IS_FINAL_NO)) {
            branch->final_no = true;
            txc_agent_branch_end (self, branch, TXC_BRANCH_ROLLED_BACK);
            return;
        }
        txc_agent_branch_move (self, branch, TXC_BRANCH_LOOKING);
        txc_agent_phase2_try (self, branch);
    }
}

/* The old session is gone and the RM was looked through. */
void txc_agent_look_done (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done)
{
    switch (done->status) {
    case TXC_WORK_OK:
        /* Of an enlisted branch nothing more than its session was known before, of one that this incarnation
         * did not begin nothing. */
        if (done->evidence[0] && (branch->enlisted || branch->recovered))
            memcpy (branch->evidence, done->evidence, sizeof branch->evidence);
        txc_agent_prepared (self, branch);
        break;
    case TXC_WORK_ABSENT:
        branch->final_no = self->config.rms[branch->rm].last_resource || TXC_MUTANT (NO_FENCE);
        txc_agent_branch_end (self, branch, TXC_BRANCH_ROLLED_BACK);
        /* The question may have been an old one, about a branch that committed, ended and was forgotten: what
         * was said of it says nothing to whoever knows the outcome. */
        if (branch->recovered && branch->final_no)
            txc_agent_branch_remove (self, branch);
        break;
    default:
        txc_agent_phase2_later (self, branch);
    }
}
