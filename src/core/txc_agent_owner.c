/*
 * Enlisted branches: the application's own connection has the branch, and its
 * library is asked to end it there.
 *
 * The owner is to its branch what a worker thread is to any other: an item is
 * out until the owner's word comes.  No word in time is what a lost connection
 * is: the session is fenced, the RM is looked through, and only then is there
 * a vote, or an end.  The owner prepares without being asked, so its word may
 * come before the question.
 *
 * A branch that its owner has prepared has voted yes, whoever knows of it: a
 * later incarnation of this agent finds it prepared, and counts it so.  It is
 * ended by an outcome only.  So as soon as it is known to be prepared the
 * branch is in doubt, whatever the agent was about to do with it; and an owner
 * that is asked to roll back is told whether that rests on an outcome.  Without
 * one it obeys only while the branch is not prepared and no commit was asked
 * for, and says "prepared" otherwise.
 *
 * The agent alone votes.  What it rolls back by itself it never calls a final
 * no: the owner may have prepared the branch meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_agent_private.h"

enum { ASK_MS = 200, ASK_MAX_MS = 2000 };

static bool s_is_asked (txc_work_op_t op)
{
    return op == TXC_WORK_PREPARE || op == TXC_WORK_COMMIT || op == TXC_WORK_COMMIT_ONE_PHASE ||
           op == TXC_WORK_ROLLBACK;
}

bool txc_agent_owner_does (const txc_branch_t *branch, txc_work_op_t op)
{
    return branch->enlisted && branch->owner && s_is_asked (op);
}

void txc_agent_enlist (txc_agent_t *self, txc_branch_t *branch, const txc_msg_t *message)
{
    branch->enlisted = true;
    branch->owner = true;
    branch->owner_route = message->route;
    branch->count++;
    memcpy (branch->evidence, message->evidence, sizeof branch->evidence);
    txc_agent_proof_owner (self, branch); /* it may be prepared before this agent hears of that */
}

/* --- asking --------------------------------------------------------------------- */

static void s_ask (txc_agent_t *self, txc_branch_t *branch)
{
    uint64_t wait = (uint64_t) ASK_MS << (branch->owner_asks < 4 ? branch->owner_asks : 4);
    branch->owner_ask_ms = self->now_ms + (wait < ASK_MAX_MS ? wait : ASK_MAX_MS);
    branch->owner_asks++;
    txc_msg_t *message = txc_agent_branch_message (self, branch, TXC_MSG_OWNER_WORK, branch->owner_route);
    message->work = branch->owner_op;
    if (branch->outcome || branch->owner_op == TXC_WORK_COMMIT)
        message->flags = TXC_FLAG_OUTCOME;
}

/* Hands the owner's result to whoever waits for the item. */
static void s_done (txc_agent_t *self, txc_branch_t *branch, uint8_t status, const char *evidence,
                    const txc_error_t *error)
{
    txc_work_done_t done = {
        .op = branch->owner_op, .rm = branch->rm, .status = status, .branch = branch->number};
    if (status == TXC_WORK_UNKNOWN &&
        (branch->owner_op == TXC_WORK_COMMIT || branch->owner_op == TXC_WORK_ROLLBACK)) {
        /* It is done with the branch, and its session may serve others by now: look, but end no session. */
        done.status = TXC_WORK_LOST;
        if (branch->owner_op == TXC_WORK_ROLLBACK || self->config.rms[branch->rm].journal_committing)
            branch->evidence[0] = '\0';
    }
    bool refused = done.status == TXC_WORK_ERROR &&
                   (branch->owner_op == TXC_WORK_COMMIT || branch->owner_op == TXC_WORK_ROLLBACK);
    done.connection_lost = done.status == TXC_WORK_LOST || refused;
    if (evidence)
        txc_copy_text (done.evidence, sizeof done.evidence, evidence);
    if (error)
        done.error = *error;
    else if (status == TXC_WORK_LOST)
        txc_error_set (&done.error, TXC_ERMFAIL,
                       "the application that owns the branch's connection did not answer in time");
    branch->owner_op = TXC_WORK_NONE;
    txc_agent_branch_done (self, branch, &done);
}

void txc_agent_owner_ask (txc_agent_t *self, txc_branch_t *branch, txc_work_op_t op)
{
    TXC_ASSERT (branch->busy && branch->owner_op == TXC_WORK_NONE);
    branch->owner_op = (uint8_t) op;
    branch->owner_asks = 0;
    branch->owner_due_ms = self->now_ms + self->config.owner_ms;
    /* It prepares by itself as soon as it asks for the commit; a slow database is not a dead application. */
    if (op == TXC_WORK_PREPARE && branch->deadline_ms != TXC_NEVER_MS &&
        branch->deadline_ms > branch->owner_due_ms)
        branch->owner_due_ms = branch->deadline_ms;
    s_ask (self, branch);
    txc_agent_branch_timer (self, branch);
}

void txc_agent_owner_outcome (txc_agent_t *self, txc_branch_t *branch)
{
    bool is_news = !branch->outcome;
    branch->outcome = true;
    if (!is_news || branch->owner_op == TXC_WORK_NONE)
        return;
    if (branch->owner_due_ms > self->now_ms + self->config.owner_ms)
        branch->owner_due_ms = self->now_ms + self->config.owner_ms;
    if (branch->owner_op == TXC_WORK_ROLLBACK)
        s_ask (self, branch);
    txc_agent_branch_timer (self, branch);
}

void txc_agent_owner_due (txc_agent_t *self, txc_branch_t *branch)
{
    if (branch->owner_due_ms > self->now_ms) {
        s_ask (self, branch);
        txc_agent_branch_timer (self, branch);
        return;
    }
    if (TXC_MUTANT (SILENT_OWNER_IS_NO) && branch->owner_op != TXC_WORK_COMMIT) {
        s_done (self, branch, TXC_WORK_ROLLED_BACK, NULL, NULL);
        return;
    }
    s_done (self, branch, TXC_WORK_LOST, NULL, NULL);
}

/* A scan lists the branch as prepared, and its owner has not said so.  If the application is gone, and with
 * it the leader that it had asked for the commit, nobody will ask for this vote for as long as a slow
 * database would be waited for: so the leader is asked, which knows whether the session is closed.  Anything
 * else but an outcome changes nothing. */
void txc_agent_owner_found (txc_agent_t *self, txc_branch_t *branch)
{
    bool unheard = branch->state == TXC_BRANCH_ACTIVE || branch->state == TXC_BRANCH_PREPARING;
    if (branch->enlisted && branch->owner && unheard && branch->vote == TXC_VOTE_NONE && !branch->outcome)
        txc_agent_ask_leader (self, branch);
}

/* --- its word ---------------------------------------------------------------------- */

/* Before the leader asked: what it came to is what the leader will be told. */
static void s_prepared_unasked (txc_agent_t *self, txc_branch_t *branch, const txc_msg_t *message)
{
    txc_agent_branch_move (self, branch, TXC_BRANCH_PREPARING);
    branch->busy = true;
    branch->owner_op = TXC_WORK_PREPARE;
    s_done (self, branch, message->status, message->evidence, message->error);
}

/* It was asked to roll back, for want of time, and had prepared before. */
static bool s_contradicts (const txc_branch_t *branch, const txc_msg_t *message)
{
    return branch->owner_op == TXC_WORK_ROLLBACK && branch->vote == TXC_VOTE_NONE && !branch->outcome &&
           message->work == TXC_WORK_PREPARE && message->status == TXC_WORK_OK;
}

static void s_is_prepared (txc_agent_t *self, txc_branch_t *branch, const txc_msg_t *message)
{
    branch->owner_op = TXC_WORK_NONE;
    branch->busy = false;
    if (message->evidence[0])
        memcpy (branch->evidence, message->evidence, sizeof branch->evidence);
    txc_agent_owner_in_doubt (self, branch);
}

void txc_agent_owner_in_doubt (txc_agent_t *self, txc_branch_t *branch)
{
    TXC_ASSERT (branch->enlisted && !branch->outcome && branch->vote == TXC_VOTE_NONE);
    branch->want_rollback = branch->one_phase = false;
    free (branch->error); /* it may commit yet */
    branch->error = NULL;
    txc_agent_prepared (self, branch);
}

/* The owner ended the branch before anybody asked it to prepare. */
static void s_ended_by_owner (txc_agent_t *self, txc_branch_t *branch, const txc_msg_t *message)
{
    bool one_phase = message->work == TXC_WORK_COMMIT_ONE_PHASE;
    if (message->status != TXC_WORK_OK && message->status != TXC_WORK_ROLLED_BACK &&
        !(one_phase && message->status == TXC_WORK_HEURISTIC)) {
        if (one_phase)
            return; /* it asks for the evidence */
        branch->fence_first = true;
        branch->owner = false;
        txc_agent_roll_back (self, branch);
        return;
    }
    /* No final no: what it says rolled back it may have prepared before, when an outcome asked for the
     * rollback.
     */
    txc_agent_branch_move (self, branch, one_phase ? TXC_BRANCH_ONE_PHASE : TXC_BRANCH_ROLLING_BACK);
    branch->busy = true;
    branch->owner_op = message->work;
    s_done (self, branch, message->status, message->evidence, message->error);
}

/* This incarnation does not know whose a branch is that its scan has found. */
static void s_adopt (txc_agent_t *self, txc_branch_t *branch, const txc_msg_t *message)
{
    branch->enlisted = true;
    branch->owner = true;
    branch->fence_first = false;
    if (message->evidence[0])
        memcpy (branch->evidence, message->evidence, sizeof branch->evidence);
    txc_agent_proof_owner (self, branch);
}

/* It waits to be asked to end the branch, which was ended without it: it is to see for itself. */
static void s_tell_end (txc_agent_t *self, const txc_branch_t *branch, const txc_msg_t *message)
{
    bool committed = branch->state == TXC_BRANCH_COMMITTED;
    if (message->work != TXC_WORK_PREPARE || (!committed && !branch->outcome))
        return;
    txc_msg_t *reply = txc_agent_branch_message (self, branch, TXC_MSG_OWNER_WORK, message->route);
    reply->work = committed ? TXC_WORK_COMMIT : TXC_WORK_ROLLBACK;
    reply->flags = TXC_FLAG_OUTCOME;
}

void txc_agent_owner_word (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    txc_branch_t *branch = rm < 0 || !message->token
                               ? NULL
                               : txc_agent_branch_find (self, &message->gtrid, (uint8_t) rm, message->token);
    if (!branch)
        return;
    if (txc_branch_is_ended (branch)) {
        s_tell_end (self, branch, message);
        return;
    }
    if (!branch->enlisted && branch->recovered && branch->state == TXC_BRANCH_PREPARED && !branch->busy &&
        message->work == TXC_WORK_PREPARE && message->status == TXC_WORK_OK)
        s_adopt (self, branch, message);
    if (!branch->enlisted || !branch->owner)
        return; /* it was given up: the session is being fenced, or was */
    branch->owner_route = message->route;
    if (branch->owner_op != TXC_WORK_NONE) {
        if (branch->owner_op == message->work)
            s_done (self, branch, message->status, message->evidence, message->error);
        else if (s_contradicts (branch, message))
            s_is_prepared (self, branch, message);
        return;
    }
    if (branch->state != TXC_BRANCH_ACTIVE)
        return;
    if (message->work == TXC_WORK_PREPARE)
        s_prepared_unasked (self, branch, message);
    else if (message->work != TXC_WORK_COMMIT)
        s_ended_by_owner (self, branch, message);
}
