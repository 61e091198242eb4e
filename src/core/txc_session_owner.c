/*
 * Enlisted branches, the application's part: the session says what is to be
 * done with them, the caller does it on its own connections and tells what it
 * came to.
 *
 * They are prepared when the commit is asked for, beside the request to the
 * leader, and their agents are told.  What is prepared ends only when its agent
 * asks: the agent's journal comes first, and it is the agent that notices when
 * the leader's log is an old copy of itself, whose "rolled back" means nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_session_private.h"

enum {
    OWNER_WAIT_MS = 5000, /* how long a commit that was rolled back waits for its branches' ends */
    SLOW_MS = 1000,       /* an agent that asks again hears that the caller is at it, from then */
    HUNG_MS = 20000       /* until then: its agent ends the branch */
};

bool txc_tx_has_enlisted (const txc_tx_record_t *tx)
{
    for (uint32_t i = 0; i < tx->n_branches; i++)
        if (tx->branches[i].enlisted)
            return true;
    return false;
}

static bool s_is_open (const txc_tx_branch_t *branch)
{
    return branch->enlisted && !branch->ended && !branch->lost;
}

static bool s_is_prepared (const txc_tx_branch_t *branch)
{
    return branch->prepare_told && branch->prepared == TXC_WORK_OK;
}

static void s_want (txc_tx_branch_t *branch, txc_work_op_t op)
{
    if (!s_is_open (branch) || branch->want == op)
        return;
    if (branch->want != TXC_WORK_NONE)
        branch->next = (uint8_t) op; /* the caller may be at it */
    else
        branch->want = (uint8_t) op;
}

void txc_tx_owner_want (txc_tx_record_t *tx, txc_work_op_t op)
{
    for (uint32_t i = 0; i < tx->n_branches; i++)
        s_want (&tx->branches[i], op);
}

void txc_tx_owner_wake (txc_session_t *self, txc_tx_record_t *tx)
{
    bool any = false;
    for (uint32_t i = 0; tx->operation && i < tx->n_branches; i++) {
        txc_tx_branch_t *branch = &tx->branches[i];
        if (branch->want == TXC_WORK_NONE)
            continue;
        if (!branch->taken)
            branch->taken_ms = self->now_ms;
        branch->taken = any = true;
    }
    if (any) {
        txc_session_complete (self, tx->operation, TXC_SESSION_WORK, NULL);
        tx->operation = 0;
    }
}

/* --- the word to the agent ------------------------------------------------------- */

static void s_tell (txc_session_t *self, uint64_t route, const txc_gtrid_t *gtrid, const char *rm,
                    uint64_t token, uint8_t op, uint8_t status, const txc_tx_branch_t *branch)
{
    if (!route)
        return;
    txc_msg_t *message = txc_update_message (self->update, TXC_MSG_OWNER_WORD, route);
    message->gtrid = *gtrid;
    message->token = token;
    message->work = op;
    message->status = status;
    txc_copy_text (message->rm, sizeof message->rm, rm);
    if (!branch)
        return;
    memcpy (message->evidence, branch->ref.evidence, sizeof message->evidence);
    if (branch->why && status != TXC_WORK_OK) {
        txc_error_t *copy = txc_update_alloc (self->update, sizeof *copy);
        *copy = *branch->why;
        message->error = copy;
    }
}

static void s_say (txc_session_t *self, const txc_tx_record_t *tx, const txc_tx_branch_t *branch,
                   txc_work_op_t op, uint8_t status)
{
    s_tell (self, branch->route, &tx->gtrid, branch->ref.rm, branch->ref.token, (uint8_t) op, status, branch);
}

static void s_say_prepared (txc_session_t *self, const txc_tx_record_t *tx, const txc_tx_branch_t *branch)
{
    uint8_t status = branch->prepared;
    if (TXC_MUTANT (OWNER_FAILURE_IS_YES) && status == TXC_WORK_ROLLED_BACK)
        status = TXC_WORK_OK;
    s_say (self, tx, branch, TXC_WORK_PREPARE, status);
}

/* An agent that was started anew learns so whose the branch is that it found. */
uint64_t txc_tx_owner_pump (txc_session_t *self, txc_tx_record_t *tx)
{
    uint64_t next = TXC_NEVER_MS;
    for (uint32_t i = 0; tx->state == TXC_TX_COMMITTING && i < tx->n_branches; i++) {
        txc_tx_branch_t *branch = &tx->branches[i];
        if (!s_is_open (branch) || !branch->prepare_told || branch->want != TXC_WORK_NONE)
            continue;
        if (branch->due_ms <= self->now_ms) {
            branch->due_ms = self->now_ms + txc_session_backoff (self, branch->tries++);
            s_say_prepared (self, tx, branch);
        }
        if (branch->due_ms < next)
            next = branch->due_ms;
    }
    return next;
}

/* --- the end ------------------------------------------------------------------------ */

/* All of it is on the caller's connections and committed there, as the agents asked: no need to wait for
 * more. */
static bool s_is_all_committed (const txc_tx_record_t *tx)
{
    for (uint32_t i = 0; i < tx->n_branches; i++)
        if (!tx->branches[i].enlisted || !tx->branches[i].ended ||
            tx->branches[i].end_op != TXC_WORK_COMMIT || tx->branches[i].end_status != TXC_WORK_OK)
            return false;
    return true;
}

static bool s_is_any_open (const txc_tx_record_t *tx)
{
    for (uint32_t i = 0; i < tx->n_branches; i++)
        if (s_is_open (&tx->branches[i]))
            return true;
    return false;
}

/* True: it has ended, and may be gone. */
static bool s_check_end (txc_session_t *self, txc_tx_record_t *tx)
{
    if (tx->state != TXC_TX_COMMITTING || s_is_any_open (tx))
        return false;
    if (tx->decided != TXC_PENDING)
        txc_tx_end (self, tx, tx->decided, tx->error.code != TXC_OK ? &tx->error : NULL);
    else if (s_is_all_committed (tx))
        txc_tx_end (self, tx, TXC_OK, NULL);
    else
        return false;
    return true;
}

/* What is open and not prepared needs no agent to be rolled back. */
static void s_end_unprepared (txc_tx_record_t *tx)
{
    for (uint32_t i = 0; tx->decided == TXC_ROLLED_BACK && i < tx->n_branches; i++)
        if (tx->branches[i].prepare_told &&
            (!s_is_prepared (&tx->branches[i]) || TXC_MUTANT (OWNER_OBEYS_THE_LEADER)))
            s_want (&tx->branches[i], TXC_WORK_ROLLBACK);
}

bool txc_tx_owner_decide (txc_session_t *self, txc_tx_record_t *tx, int code, const txc_error_t *error)
{
    bool known = code == TXC_OK || code == TXC_ROLLED_BACK || code == TXC_MIXED || code == TXC_HAZARD;
    if (tx->state != TXC_TX_COMMITTING || !known || !s_is_any_open (tx))
        return false;
    tx->decided = code;
    if (error && code != TXC_OK && tx->error.code == TXC_OK) {
        tx->error = *error;
        tx->error.code = error->code != TXC_OK ? error->code : code;
    }
    s_end_unprepared (tx);
    if (code == TXC_ROLLED_BACK && tx->wait_ms > self->now_ms + OWNER_WAIT_MS)
        tx->wait_ms = self->now_ms + OWNER_WAIT_MS; /* should the agent be down, it is not waited for */
    txc_tx_owner_wake (self, tx);
    txc_tx_pump (self, tx);
    return true;
}

bool txc_tx_owner_give_up (txc_session_t *self, txc_tx_record_t *tx)
{
    for (uint32_t i = 0; i < tx->n_branches; i++) {
        txc_tx_branch_t *branch = &tx->branches[i];
        if (!s_is_open (branch))
            continue;
        branch->lost = true;
        branch->want = branch->next = TXC_WORK_NONE;
        s_say (self, tx, branch, s_is_prepared (branch) ? TXC_WORK_COMMIT : TXC_WORK_ROLLBACK, TXC_WORK_LOST);
    }
    return s_check_end (self, tx);
}

/* --- what the caller did ----------------------------------------------------------------- */

static void s_keep_why (txc_tx_branch_t *branch, const txc_error_t *error)
{
    if (branch->why || error->code == TXC_OK)
        return;
    branch->why = txc_malloc (sizeof *branch->why);
    *branch->why = *error;
}

static void s_end_branch (txc_tx_branch_t *branch, txc_work_op_t op, uint8_t status)
{
    branch->ended = true;
    branch->end_status = status;
    branch->end_op = (uint8_t) op;
    branch->want = branch->next = TXC_WORK_NONE;
}

static void s_prepared (txc_session_t *self, txc_tx_record_t *tx, txc_tx_branch_t *branch, uint8_t status)
{
    branch->prepare_told = true;
    branch->prepared = status;
    branch->tries = 0;
    branch->due_ms = self->now_ms + txc_session_backoff (self, branch->tries++);
    if (status == TXC_WORK_ROLLED_BACK)
        s_end_branch (branch, TXC_WORK_ROLLBACK, TXC_WORK_OK);
    else if (status != TXC_WORK_OK && status != TXC_WORK_READ_ONLY)
        branch->lost = true;
    if (branch->why && tx->error.code == TXC_OK)
        tx->error = *branch->why;
    s_say_prepared (self, tx, branch);
}

static void s_committed_in_one (txc_session_t *self, txc_tx_record_t *tx, txc_tx_branch_t *branch,
                                const txc_work_done_t *done)
{
    int code;
    switch (done->status) {
    case TXC_WORK_OK:
        code = TXC_OK;
        break;
    case TXC_WORK_ROLLED_BACK:
        code = TXC_ROLLED_BACK;
        break;
    case TXC_WORK_HEURISTIC:
        code = done->heur == TXC_HEUR_MIXED ? TXC_MIXED : TXC_HAZARD;
        break;
    default: /* only evidence can tell: its agent is asked */
        branch->lost = true;
        branch->due_ms = 0;
        return;
    }
    s_end_branch (branch, TXC_WORK_COMMIT_ONE_PHASE, done->status);
    s_say (self, tx, branch, TXC_WORK_COMMIT_ONE_PHASE, done->status);
    txc_tx_end (self, tx, code, branch->why);
}

static void s_finished (txc_session_t *self, txc_tx_record_t *tx, txc_tx_branch_t *branch, txc_work_op_t op,
                        uint8_t status)
{
    if (status == TXC_WORK_OK || status == TXC_WORK_ABSENT || status == TXC_WORK_ROLLED_BACK)
        s_end_branch (branch, op, status);
    else
        branch->lost = true;
    s_say (self, tx, branch, op, status);
}

static void s_owned (txc_session_t *self, txc_tx_record_t *tx, txc_tx_branch_t *branch,
                     const txc_work_done_t *done)
{
    branch->want = branch->next;
    branch->next = TXC_WORK_NONE;
    branch->taken = false;
    if (done->evidence[0])
        memcpy (branch->ref.evidence, done->evidence, sizeof branch->ref.evidence);
    s_keep_why (branch, &done->error);
    if (done->op == TXC_WORK_PREPARE)
        s_prepared (self, tx, branch, done->status);
    else if (done->op == TXC_WORK_COMMIT_ONE_PHASE)
        s_committed_in_one (self, tx, branch, done);
    else
        s_finished (self, tx, branch, (txc_work_op_t) done->op, done->status);
    if (branch->lost)
        branch->want = branch->next = TXC_WORK_NONE;
    s_end_unprepared (tx);
    if (TXC_MUTANT (OWNER_COMMITS_EARLY) && done->op == TXC_WORK_PREPARE)
        s_want (branch, TXC_WORK_COMMIT);
}

void txc_tx_owned (txc_session_t *self, const txc_session_event_t *event)
{
    txc_tx_record_t *tx = txc_tx_by_handle (self, event->tx);
    txc_tx_branch_t *branch = tx ? txc_tx_branch (tx, event->rm) : NULL;
    bool asked = branch && s_is_open (branch) && branch->want == event->done->op;
    /* A branch whose start failed is rolled back without being asked to be. */
    bool unasked =
        branch && s_is_open (branch) && tx->state == TXC_TX_ACTIVE && event->done->op == TXC_WORK_ROLLBACK;
    txc_session_complete (self, event->operation, asked || unasked ? TXC_OK : TXC_EPROTO, NULL);
    if (!asked && !unasked)
        return;
    if (unasked)
        txc_tx_blame (tx, TXC_EBRANCH, event->done->error.code ? &event->done->error : NULL,
                      "an enlisted branch was rolled back");
    s_owned (self, tx, branch, event->done);
    if (txc_tx_is_over (tx))
        return; /* perhaps gone */
    if (tx->state == TXC_TX_COMMITTING) {
        s_check_end (self, tx);
        return;
    }
    txc_tx_pump (self, tx);
}

/* --- the agent asks --------------------------------------------------------------------------- */

/* What an ended branch answers. */
static uint8_t s_past (const txc_tx_branch_t *branch, uint8_t op)
{
    if (branch->lost)
        return TXC_WORK_LOST;
    return branch->end_op == op ? branch->end_status : TXC_WORK_UNKNOWN;
}

/* The agent wants it rolled back, and knows of no outcome: its time is over.  That is right for what can
 * never be prepared any more only; what is prepared has voted yes. */
static bool s_may_obey (const txc_tx_record_t *tx, const txc_tx_branch_t *branch)
{
    bool asked_to_commit = tx->state != TXC_TX_ACTIVE && tx->state != TXC_TX_ROLLING_BACK;
    return !asked_to_commit || (branch->prepare_told && branch->prepared == TXC_WORK_READ_ONLY);
}

/* A database that takes its time is no dead application, whose session is to be ended. */
static bool s_is_at_it (const txc_session_t *self, const txc_tx_branch_t *branch)
{
    return branch->want != TXC_WORK_NONE && branch->taken && self->now_ms >= branch->taken_ms + SLOW_MS &&
           self->now_ms < branch->taken_ms + HUNG_MS;
}

void txc_tx_owner_work (txc_session_t *self, const txc_msg_t *message)
{
    txc_tx_record_t *tx = txc_tx_by_gtrid (self, &message->gtrid);
    txc_tx_branch_t *branch = tx ? txc_tx_branch (tx, message->rm) : NULL;
    if (!branch || !branch->enlisted || branch->ref.token != message->token) {
        const txc_rm_entry_t *entry = txc_session_entry (self, message->rm);
        uint64_t route = branch ? branch->route : entry ? txc_session_route (self, entry->endpoint) : 0;
        s_tell (self, route, &message->gtrid, message->rm, message->token, message->work, TXC_WORK_UNKNOWN,
                NULL);
        return;
    }
    if (message->work == TXC_WORK_PREPARE) {
        if (branch->prepare_told)
            s_say_prepared (self, tx, branch);
        else if (branch->ended || branch->lost)
            s_say (self, tx, branch, TXC_WORK_PREPARE, branch->lost ? TXC_WORK_LOST : TXC_WORK_ROLLED_BACK);
        return; /* else it is being prepared */
    }
    if (!s_is_open (branch)) {
        s_say (self, tx, branch, (txc_work_op_t) message->work, s_past (branch, message->work));
        return;
    }
    if (message->work == TXC_WORK_COMMIT && !branch->prepare_told)
        return; /* nobody commits what never voted */
    if (message->work == TXC_WORK_ROLLBACK && !(message->flags & TXC_FLAG_OUTCOME) &&
        !s_may_obey (tx, branch) && !TXC_MUTANT (OWNER_OBEYS_A_TIMER)) {
        if (s_is_prepared (branch))
            s_say_prepared (self, tx, branch);
        return; /* else what it comes to will be said */
    }
    if (tx->state == TXC_TX_ACTIVE) {
        txc_error_t error;
        txc_error_set (&error, TXC_ETIMEDOUT,
                       "the transaction's time-out passed, or its agent gave the branch up");
        txc_tx_blame (tx, TXC_ETIMEDOUT, &error, NULL);
    }
    if (s_is_at_it (self, branch) && message->work != TXC_WORK_COMMIT_ONE_PHASE)
        s_say (self, tx, branch, (txc_work_op_t) message->work, TXC_WORK_RETRY);
    s_want (branch, (txc_work_op_t) message->work);
    txc_tx_owner_wake (self, tx);
}

uint32_t txc_session_work (const txc_session_t *self, uint64_t handle, txc_session_work_t *work)
{
    const txc_tx_record_t *tx = txc_tx_by_handle (self, handle);
    uint32_t n = 0;
    for (uint32_t i = 0; tx && i < tx->n_branches; i++) {
        const txc_tx_branch_t *branch = &tx->branches[i];
        if (branch->want == TXC_WORK_NONE)
            continue;
        memcpy (work[n].rm, branch->ref.rm, sizeof work[n].rm);
        work[n].op = branch->want;
        work[n++].prepared = s_is_prepared (branch);
    }
    return n;
}

uint64_t txc_session_token (const txc_session_t *self, uint64_t handle, const char *rm)
{
    txc_tx_record_t *tx = txc_tx_by_handle (self, handle);
    const txc_tx_branch_t *branch = tx ? txc_tx_branch (tx, rm) : NULL;
    return branch ? branch->ref.token : 0;
}
