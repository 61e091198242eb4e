/*
 * Enlisted branches: the application's own connection has the branch, and its
 * library is asked to end it there.
 *
 * The owner is to its branch what a worker thread is to any other: an item is
 * out until the owner's word comes.  No word in time is what a lost connection
 * is: the session is fenced, the RM is looked through, and only then is there
 * a vote, or an end.  The owner prepares without being asked, so its word may
 * come before the question; it is kept until then.
 *
 * The agent alone votes.  What it rolls back by itself it never calls a final
 * no: the owner may have prepared the branch meanwhile, and a rollback of what
 * was prepared may not survive the RM's crash.
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
    (void) self;
    branch->enlisted = true;
    branch->owner = true;
    branch->owner_route = message->route;
    branch->count++;
    memcpy (branch->evidence, message->evidence, sizeof branch->evidence);
}

/* --- asking --------------------------------------------------------------------- */

static void s_ask (txc_agent_t *self, txc_branch_t *branch)
{
    uint64_t wait = (uint64_t) ASK_MS << (branch->owner_asks < 4 ? branch->owner_asks : 4);
    branch->owner_ask_ms = self->now_ms + (wait < ASK_MAX_MS ? wait : ASK_MAX_MS);
    branch->owner_asks++;
    txc_msg_t *message = txc_agent_branch_message (self, branch, TXC_MSG_OWNER_WORK, branch->owner_route);
    message->work = branch->owner_op;
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
    done.connection_lost = done.status == TXC_WORK_LOST;
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

static void s_use_word (txc_agent_t *self, txc_branch_t *branch)
{
    txc_error_t *error = branch->word_error;
    branch->word_error = NULL;
    branch->word_op = TXC_WORK_NONE;
    s_done (self, branch, branch->word_status, branch->word_evidence, error);
    free (error);
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
    if (branch->word_op == op) {
        s_use_word (self, branch);
        return;
    }
    s_ask (self, branch);
    txc_agent_branch_timer (self, branch);
}

void txc_agent_owner_hurry (txc_agent_t *self, txc_branch_t *branch)
{
    if (branch->owner_op == TXC_WORK_NONE || branch->owner_due_ms <= self->now_ms + self->config.owner_ms)
        return;
    branch->owner_due_ms = self->now_ms + self->config.owner_ms;
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

/* --- its word ---------------------------------------------------------------------- */

static void s_keep (txc_branch_t *branch, const txc_msg_t *message)
{
    branch->word_op = message->work;
    branch->word_status = message->status;
    memcpy (branch->word_evidence, message->evidence, sizeof branch->word_evidence);
    free (branch->word_error);
    branch->word_error = NULL;
    if (message->error) {
        branch->word_error = txc_malloc (sizeof *branch->word_error);
        *branch->word_error = *message->error;
    }
}

/* The owner ended the branch before anybody asked it to prepare. */
static void s_ended_by_owner (txc_agent_t *self, txc_branch_t *branch, const txc_msg_t *message)
{
    bool one_phase = message->work == TXC_WORK_COMMIT_ONE_PHASE;
    if (message->status != TXC_WORK_OK && message->status != TXC_WORK_ROLLED_BACK) {
        if (one_phase)
            return; /* it asks for the evidence */
        branch->fence_first = true;
        branch->owner = false;
        txc_agent_roll_back (self, branch);
        return;
    }
    if (one_phase)
        txc_agent_branch_move (self, branch, TXC_BRANCH_ONE_PHASE);
    else {
        branch->final_no = true;
        txc_agent_branch_move (self, branch, TXC_BRANCH_ROLLING_BACK);
    }
    branch->busy = true;
    branch->owner_op = message->work;
    s_done (self, branch, message->status, message->evidence, message->error);
}

/* This incarnation does not know whose a branch is that its scan has found. */
static void s_adopt (txc_branch_t *branch, const txc_msg_t *message)
{
    branch->enlisted = true;
    branch->owner = true;
    branch->fence_first = false;
    if (message->evidence[0])
        memcpy (branch->evidence, message->evidence, sizeof branch->evidence);
}

void txc_agent_owner_word (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    txc_branch_t *branch = rm < 0 || !message->token
                               ? NULL
                               : txc_agent_branch_find (self, &message->gtrid, (uint8_t) rm, message->token);
    if (!branch || txc_branch_is_ended (branch))
        return;
    if (!branch->enlisted && branch->recovered && branch->state == TXC_BRANCH_PREPARED && !branch->busy &&
        message->work == TXC_WORK_PREPARE && message->status == TXC_WORK_OK)
        s_adopt (branch, message);
    if (!branch->enlisted || !branch->owner)
        return; /* it was given up: the session is being fenced, or was */
    branch->owner_route = message->route;
    if (branch->owner_op != TXC_WORK_NONE) {
        if (branch->owner_op == message->work)
            s_done (self, branch, message->status, message->evidence, message->error);
        return;
    }
    if (branch->state != TXC_BRANCH_ACTIVE)
        return;
    if (message->work == TXC_WORK_PREPARE)
        s_keep (branch, message);
    else if (message->work != TXC_WORK_COMMIT)
        s_ended_by_owner (self, branch, message);
}
