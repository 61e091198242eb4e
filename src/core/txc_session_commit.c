/*
 * Commit, rollback, outcomes: what may be told to the application.
 *
 * "Rolled back" is told only when it is irrevocable: the leader said so, or no
 * commit was ever sent and none ever will be.  Everything else that is not
 * known is TXC_UNKNOWN, and goes on being asked.
 */
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_session_private.h"

enum {
    GRACE_MS = 10000, /* how long commit waits beyond the transaction's time-out */
    ROLLBACK_WAIT_MS = 5000,
    OUTCOME_WAIT_MS = 10000
};

void txc_session_remember (txc_session_t *self, const txc_tx_record_t *tx)
{
    uint32_t place = self->n_remembered++ % TXC_REMEMBERED;
    self->remembered[place].gtrid = tx->gtrid;
    self->remembered[place].code = tx->code;
}

static void s_complete_end (txc_session_t *self, txc_tx_record_t *tx)
{
    txc_session_complete (self, tx->operation, tx->code, tx->error.code != TXC_OK ? &tx->error : NULL);
    tx->operation = 0;
}

void txc_tx_end (txc_session_t *self, txc_tx_record_t *tx, int code, const txc_error_t *error)
{
    txc_tx_state_t to = code == TXC_OK                            ? TXC_TX_COMMITTED
                        : code == TXC_ROLLED_BACK                 ? TXC_TX_ROLLED_BACK
                        : code == TXC_MIXED || code == TXC_HAZARD ? TXC_TX_HEURISTIC
                                                                  : TXC_TX_LOST;
    if (code == TXC_OK)
        memset (&tx->error, 0, sizeof tx->error);
    else if (error && tx->error.code == TXC_OK) {
        tx->error = *error;
        if (tx->error.code == TXC_OK)
            tx->error.code = code;
    }
    tx->code = code;
    txc_tx_move (tx, to);
    txc_heap_set (&self->timers, &tx->timer, TXC_NEVER_MS);
    s_complete_end (self, tx);
    TXC_LIST_EACH (&self->queries, link)
    {
        txc_query_t *query = TXC_CONTAINER (link, txc_query_t, link);
        if (!txc_gtrid_equal (&query->gtrid, &tx->gtrid))
            continue;
        txc_session_complete (self, query->operation, code, NULL);
        txc_list_remove (&query->link);
        free (query);
    }
    txc_tx_release (self, tx);
}

/* --- requests to end ------------------------------------------------------------------ */

static void s_list_branches (txc_session_t *self, const txc_tx_record_t *tx, txc_msg_t *message)
{
    txc_branch_ref_t *refs = txc_update_alloc (self->update, (tx->n_branches + 1) * sizeof *refs);
    for (uint32_t i = 0; i < tx->n_branches; i++)
        refs[i] = tx->branches[i].ref;
    message->branches = refs;
    message->n_branches = tx->n_branches;
}

static void s_send_commit (txc_session_t *self, txc_tx_record_t *tx, txc_msg_type_t type)
{
    if (tx->tries > 0)
        txc_session_doubt (self);
    tx->due_ms = self->now_ms + txc_session_backoff (self, tx->tries++);
    txc_msg_t *message = txc_update_message (self->update, type, TXC_ROUTE_LEADER);
    message->gtrid = tx->gtrid;
    message->flags = tx->flags;
    message->low = txc_session_low (self);
    message->timeout_ms = tx->deadline_ms > self->now_ms ? (uint32_t) (tx->deadline_ms - self->now_ms) : 1;
    s_list_branches (self, tx, message);
}

void txc_tx_hurry (txc_session_t *self, uint64_t after_ms)
{
    TXC_LIST_EACH (&self->transactions, link)
    {
        txc_tx_record_t *tx = TXC_CONTAINER (link, txc_tx_record_t, link);
        bool waits = tx->state == TXC_TX_COMMITTING || (tx->state == TXC_TX_ROLLING_BACK && tx->by_leader);
        if (!waits || tx->due_ms <= self->now_ms + after_ms)
            continue;
        tx->due_ms = self->now_ms + after_ms;
        txc_heap_set (&self->timers, &tx->timer, tx->due_ms);
    }
}

static void s_send_branch (txc_session_t *self, const txc_tx_record_t *tx, txc_tx_branch_t *branch,
                           txc_msg_type_t type)
{
    branch->due_ms = self->now_ms + txc_session_backoff (self, branch->tries++);
    if (!branch->route)
        return;
    txc_msg_t *message = txc_update_message (self->update, type, branch->route);
    message->gtrid = tx->gtrid;
    message->token = branch->ref.token;
    message->count = branch->ref.count;
    memcpy (message->rm, branch->ref.rm, sizeof message->rm);
    memcpy (message->evidence, branch->ref.evidence, sizeof message->evidence);
}

/* Who waits has waited long enough: the outcome is not known (the request goes on), or the rollback is
 * certain even though not every agent has confirmed it. */
static bool s_expire (txc_session_t *self, txc_tx_record_t *tx)
{
    if (!tx->operation || tx->wait_ms > self->now_ms)
        return false;
    if (tx->state == TXC_TX_ROLLING_BACK && !tx->by_leader) {
        txc_tx_end (self, tx, TXC_ROLLED_BACK, NULL);
        return true;
    }
    txc_session_complete (self, tx->operation,
                          tx->decided != TXC_PENDING              ? tx->decided
                          : TXC_MUTANT (WAIT_OVER_IS_ROLLED_BACK) ? TXC_ROLLED_BACK
                                                                  : TXC_UNKNOWN,
                          tx->error.code != TXC_OK ? &tx->error : NULL);
    tx->operation = 0;
    return false;
}

uint64_t txc_tx_end_pump (txc_session_t *self, txc_tx_record_t *tx)
{
    if (s_expire (self, tx))
        return TXC_NEVER_MS;
    if (TXC_MUTANT (COMMIT_GIVEN_UP) && tx->state == TXC_TX_COMMITTING && tx->tries > 2) {
        txc_tx_end (self, tx, TXC_ROLLED_BACK, NULL);
        return TXC_NEVER_MS;
    }
    uint64_t next = tx->operation ? tx->wait_ms : TXC_NEVER_MS;
    uint64_t words = txc_tx_owner_pump (self, tx);
    next = words < next ? words : next;
    if (tx->state == TXC_TX_COMMITTING || (tx->state == TXC_TX_ROLLING_BACK && tx->by_leader)) {
        if (tx->due_ms <= self->now_ms && tx->decided == TXC_PENDING)
            s_send_commit (self, tx, tx->state == TXC_TX_COMMITTING ? TXC_MSG_COMMIT : TXC_MSG_ROLLBACK);
        return tx->due_ms < next && tx->decided == TXC_PENDING ? tx->due_ms : next;
    }
    for (uint32_t i = 0; i < tx->n_branches; i++) {
        txc_tx_branch_t *branch = &tx->branches[i];
        if (branch->done || (branch->enlisted && branch->want)) /* its end here comes first */
            continue;
        if (branch->due_ms <= self->now_ms)
            s_send_branch (self, tx, branch,
                           tx->state == TXC_TX_ONE_PHASE ? TXC_MSG_BRANCH_COMMIT : TXC_MSG_BRANCH_ROLLBACK);
        if (branch->due_ms < next)
            next = branch->due_ms;
    }
    return next;
}

/* --- commit ---------------------------------------------------------------------------- */

void txc_tx_commit (txc_session_t *self, const txc_session_event_t *event)
{
    txc_tx_record_t *tx = txc_tx_by_handle (self, event->tx);
    txc_error_t error;
    if (!tx) {
        txc_session_complete (self, event->operation, TXC_EPROTO, NULL);
        return;
    }
    if (txc_tx_is_over (tx) && tx->state != TXC_TX_DETACHED) { /* asked again */
        txc_session_complete (self, event->operation, tx->code, &tx->error);
        return;
    }
    int code = TXC_OK;
    if (tx->joined)
        code = txc_error_set (&error, TXC_EPROTO, "only the process that began a transaction commits it");
    else if (tx->operation || (tx->state == TXC_TX_ROLLING_BACK && !txc_tx_has_enlisted (tx)))
        code = txc_error_set (&error, TXC_EPROTO, "the transaction is being ended already");
    else if (txc_tx_is_busy (tx))
        code = txc_error_set (&error, TXC_EPROTO, "a statement is still running: wait for it first");
    else if (tx->attached && !TXC_MUTANT (ATTACHED_IGNORED))
        code = txc_error_set (&error, TXC_EATTACHED,
                              "%u tickets have not come back: detach and reattach first", tx->attached);
    if (code != TXC_OK) {
        txc_session_complete (self, event->operation, code, &error);
        return;
    }
    tx->operation = event->operation;
    tx->flags |= event->flags & TXC_FLAG_DECISION_LOGGED;
    tx->wait_ms = self->now_ms + (event->timeout_ms ? event->timeout_ms : GRACE_MS);
    if (!event->timeout_ms && tx->deadline_ms > self->now_ms)
        tx->wait_ms += tx->deadline_ms - self->now_ms;
    if (tx->state != TXC_TX_ACTIVE) { /* the outcome was unknown: wait on */
        txc_tx_owner_wake (self, tx);
        txc_tx_pump (self, tx);
        return;
    }
    if (tx->rollback_only && !TXC_MUTANT (FAILED_STATEMENT_FORGIVEN)) {
        txc_tx_roll_back (self, tx);
        return;
    }
    if (tx->n_branches == 0) {
        txc_tx_end (self, tx, TXC_OK, NULL);
        return;
    }
    bool one_phase =
        (tx->n_branches == 1 || TXC_MUTANT (SHARED_ONE_PHASE)) && !tx->branches[0].last && !tx->exported;
    txc_tx_move (tx, one_phase ? TXC_TX_ONE_PHASE : TXC_TX_COMMITTING);
    txc_tx_owner_want (tx, one_phase ? TXC_WORK_COMMIT_ONE_PHASE : TXC_WORK_PREPARE);
    txc_tx_owner_wake (self, tx);
    txc_tx_pump (self, tx);
}

/* --- rollback ---------------------------------------------------------------------------- */

void txc_tx_roll_back (txc_session_t *self, txc_tx_record_t *tx)
{
    txc_error_t error;
    txc_error_set (&error, TXC_EBRANCH, "the transaction is being rolled back");
    txc_tx_statements_fail (self, tx, TXC_EBRANCH, &error);
    /* A branch that may be prepared, or that another process may work in, is ended by the log only. */
    tx->by_leader = tx->exported;
    for (uint32_t i = 0; i < tx->n_branches; i++) {
        tx->by_leader = tx->by_leader || tx->branches[i].last;
        tx->branches[i].done = tx->branches[i].route == 0;
    }
    txc_tx_move (tx, TXC_TX_ROLLING_BACK);
    txc_tx_owner_want (tx, TXC_WORK_ROLLBACK);
    if (tx->forgotten)
        txc_tx_owner_give_up (self, tx);
    txc_tx_owner_wake (self, tx);
    bool done = !tx->by_leader;
    for (uint32_t i = 0; i < tx->n_branches; i++)
        done = done && tx->branches[i].done;
    if (done)
        txc_tx_end (self, tx, TXC_ROLLED_BACK, NULL);
    else
        txc_tx_pump (self, tx);
}

void txc_tx_rollback (txc_session_t *self, const txc_session_event_t *event)
{
    txc_tx_record_t *tx = txc_tx_by_handle (self, event->tx);
    txc_error_t error;
    if (tx && txc_tx_is_over (tx) && tx->state != TXC_TX_DETACHED) {
        txc_session_complete (self, event->operation, tx->code, &tx->error);
        return;
    }
    if (!tx || tx->joined || tx->operation ||
        (tx->state != TXC_TX_ACTIVE && tx->state != TXC_TX_ROLLING_BACK)) {
        txc_error_set (&error, TXC_EPROTO,
                       tx && tx->joined ? "only the process that began a transaction rolls it back"
                                        : "commit was called: only its outcome can be asked for");
        txc_session_complete (self, event->operation, TXC_EPROTO, &error);
        return;
    }
    tx->operation = event->operation;
    tx->wait_ms = self->now_ms + (event->timeout_ms ? event->timeout_ms : ROLLBACK_WAIT_MS);
    if (tx->state == TXC_TX_ACTIVE)
        txc_tx_roll_back (self, tx);
    else {
        txc_tx_owner_wake (self, tx);
        txc_tx_pump (self, tx);
    }
}

void txc_tx_forget (txc_session_t *self, const txc_session_event_t *event)
{
    txc_tx_record_t *tx = txc_tx_by_handle (self, event->tx);
    txc_session_complete (self, event->operation, tx ? TXC_OK : TXC_EPROTO, NULL);
    if (!tx)
        return;
    tx->forgotten = true;
    if (tx->joined &&
        tx->state == TXC_TX_ACTIVE) { /* without a word to its owner, who can then only roll back */
        txc_tx_statements_fail (self, tx, TXC_EBRANCH, NULL);
        txc_tx_move (tx, TXC_TX_DETACHED);
    } else if (tx->state == TXC_TX_ACTIVE) {
        txc_tx_roll_back (self, tx);
        return;
    }
    if (txc_tx_owner_give_up (self, tx))
        return;
    txc_tx_release (self, tx);
}

/* --- answers ------------------------------------------------------------------------------- */

static bool s_is_final (int code)
{
    return code == TXC_OK || code == TXC_ROLLED_BACK || code == TXC_MIXED || code == TXC_HAZARD ||
           code == TXC_FORGOTTEN;
}

static void s_answer_queries (txc_session_t *self, const txc_msg_t *message)
{
    TXC_LIST_EACH (&self->queries, link)
    {
        txc_query_t *query = TXC_CONTAINER (link, txc_query_t, link);
        if (!txc_gtrid_equal (&query->gtrid, &message->gtrid))
            continue;
        /* "Pending" is true of the moment when it was said only: not for whoever has asked since. */
        if (message->code != TXC_PENDING || message->stamp >= query->stamp)
            query->code = message->code;
        if (message->code == TXC_PENDING || message->code == TXC_EOVERLOAD || message->code == TXC_ENOSPACE)
            continue; /* asked again until the caller has waited long enough */
        txc_session_complete (self, query->operation, message->code, message->error);
        txc_list_remove (&query->link);
        free (query);
    }
}

void txc_tx_outcome (txc_session_t *self, const txc_msg_t *message)
{
    txc_tx_record_t *tx = txc_tx_by_gtrid (self, &message->gtrid);
    if (!tx) {
        s_answer_queries (self, message);
        return;
    }
    bool rolls_back = tx->state == TXC_TX_ROLLING_BACK && tx->by_leader;
    if (tx->state != TXC_TX_COMMITTING && !rolls_back)
        return;
    int code = message->code;
    if (rolls_back && code == TXC_EFOREIGN)
        code = TXC_ROLLED_BACK; /* the group never heard of it */
    if (rolls_back && code == TXC_FORGOTTEN)
        return;
    if (tx->decided != TXC_PENDING || txc_tx_owner_decide (self, tx, code, message->error))
        return;
    if (s_is_final (code) || code == TXC_EINVAL || code == TXC_EFOREIGN || code == TXC_UNKNOWN) {
        txc_tx_end (self, tx, code, message->error);
        return;
    }
    /* Refused for now (overload, no space): asked again; if it stays so the caller is told why. */
    if (message->error)
        tx->error = *message->error;
}

/* The only branch of a one-phase commit has ended, or its agent cannot tell. */
static void s_one_phase_ended (txc_session_t *self, txc_tx_record_t *tx, const txc_msg_t *message)
{
    if (s_is_final (message->code) || message->code == TXC_UNKNOWN)
        txc_tx_end (self, tx, message->code, message->error);
    else if (message->code == TXC_EPROTO)
        txc_tx_end (self, tx, TXC_UNKNOWN, message->error);
}

void txc_tx_branch_ended (txc_session_t *self, const txc_msg_t *message)
{
    txc_tx_record_t *tx = txc_tx_by_gtrid (self, &message->gtrid);
    txc_tx_branch_t *branch = tx ? txc_tx_branch (tx, message->rm) : NULL;
    if (!branch || message->token != branch->ref.token)
        return;
    if (tx->state == TXC_TX_ONE_PHASE) {
        s_one_phase_ended (self, tx, message);
        return;
    }
    if (tx->state != TXC_TX_ROLLING_BACK || tx->by_leader)
        return;
    branch->done = true; /* ended, or unknown there: either way it was never prepared */
    for (uint32_t i = 0; i < tx->n_branches; i++)
        if (!tx->branches[i].done)
            return;
    txc_tx_end (self, tx, TXC_ROLLED_BACK, NULL);
}

/* --- what became of it? ----------------------------------------------------------------------- */

void txc_session_query_hurry (txc_session_t *self, uint64_t after_ms)
{
    TXC_LIST_EACH (&self->queries, link)
    {
        txc_query_t *query = TXC_CONTAINER (link, txc_query_t, link);
        if (query->due_ms > self->now_ms + after_ms)
            query->due_ms = self->now_ms + after_ms;
    }
}

static void s_ask (txc_session_t *self, txc_query_t *query)
{
    if (query->tries > 0)
        txc_session_doubt (self);
    query->due_ms = self->now_ms + txc_session_backoff (self, query->tries++);
    const txc_tx_record_t *tx = txc_tx_by_gtrid (self, &query->gtrid);
    if (tx)
        return; /* this process is asking already */
    txc_msg_t *message = txc_update_message (self->update, TXC_MSG_OUTCOME_QUERY, 0);
    message->gtrid = query->gtrid;
    message->stamp = query->stamp;
}

void txc_session_ask (txc_session_t *self, const txc_session_event_t *event)
{
    txc_tx_record_t *tx = txc_tx_by_gtrid (self, &event->gtrid);
    if (tx && txc_tx_is_over (tx)) {
        txc_session_complete (self, event->operation, tx->code, NULL);
        return;
    }
    if (tx && tx->state == TXC_TX_ACTIVE) {
        txc_session_complete (self, event->operation, TXC_PENDING, NULL);
        return;
    }
    for (uint32_t i = 0; i < self->n_remembered && i < TXC_REMEMBERED; i++)
        if (!tx && txc_gtrid_equal (&self->remembered[i].gtrid, &event->gtrid)) {
            txc_session_complete (self, event->operation, self->remembered[i].code, NULL);
            return;
        }
    txc_query_t *query = txc_calloc (1, sizeof *query);
    query->gtrid = event->gtrid;
    query->operation = event->operation;
    query->stamp = ++self->asked;
    query->wait_ms = self->now_ms + (event->timeout_ms ? event->timeout_ms : OUTCOME_WAIT_MS);
    query->code = TXC_UNKNOWN;
    txc_list_append (&self->queries, &query->link);
    s_ask (self, query);
}

void txc_session_query_tick (txc_session_t *self)
{
    TXC_LIST_EACH (&self->queries, link)
    {
        txc_query_t *query = TXC_CONTAINER (link, txc_query_t, link);
        if (query->wait_ms <= self->now_ms) {
            txc_session_complete (self, query->operation,
                                  query->code == TXC_PENDING ? TXC_PENDING : TXC_UNKNOWN, NULL);
            txc_list_remove (&query->link);
            free (query);
        } else if (query->due_ms <= self->now_ms)
            s_ask (self, query);
    }
}

uint64_t txc_session_query_next (const txc_session_t *self)
{
    uint64_t next = TXC_NEVER_MS;
    for (const txc_list_t *link = self->queries.next; link != &self->queries; link = link->next) {
        const txc_query_t *query = TXC_CONTAINER (link, const txc_query_t, link);
        uint64_t due = query->due_ms < query->wait_ms ? query->due_ms : query->wait_ms;
        if (due < next)
            next = due;
    }
    return next;
}
