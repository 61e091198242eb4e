/* Transactions of the application: their table, their transitions, their statements. */
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_session_private.h"

static _Thread_local uint64_t s_reached[TXC_STATES_MAX][TXC_STATES_MAX];

#define STATE_NAME(name, text) text,

const txc_transitions_t *txc_tx_transitions (void)
{
    static _Thread_local txc_transitions_t table = {
        .machine = "transaction",
        .n_states = TXC_TX_STATES,
        .names = {TXC_TX_MAP (STATE_NAME)},
        .allowed =
            {
                [TXC_TX_NEW] = {[TXC_TX_ACTIVE] = true},
                [TXC_TX_ACTIVE] = {[TXC_TX_COMMITTING] = true,
                                   [TXC_TX_ONE_PHASE] = true,
                                   [TXC_TX_ROLLING_BACK] = true,
                                   [TXC_TX_COMMITTED] = true, /* it had no branch */
                                   [TXC_TX_DETACHED] = true},
                [TXC_TX_COMMITTING] = {[TXC_TX_COMMITTED] = true,
                                       [TXC_TX_ROLLED_BACK] = true,
                                       [TXC_TX_HEURISTIC] = true,
                                       [TXC_TX_LOST] = true},
                [TXC_TX_ONE_PHASE] = {[TXC_TX_COMMITTED] = true,
                                      [TXC_TX_ROLLED_BACK] = true,
                                      [TXC_TX_HEURISTIC] = true,
                                      [TXC_TX_LOST] = true},
                [TXC_TX_ROLLING_BACK] = {[TXC_TX_ROLLED_BACK] = true, [TXC_TX_HEURISTIC] = true},
                [TXC_TX_COMMITTED] = {[TXC_TX_GONE] = true},
                [TXC_TX_ROLLED_BACK] = {[TXC_TX_GONE] = true},
                [TXC_TX_HEURISTIC] = {[TXC_TX_GONE] = true},
                [TXC_TX_LOST] = {[TXC_TX_GONE] = true},
                [TXC_TX_DETACHED] = {[TXC_TX_GONE] = true},
            },
    };
    table.reached = &s_reached;
    return &table;
}

bool txc_tx_is_over (const txc_tx_record_t *tx)
{
    return tx->state >= TXC_TX_COMMITTED;
}

void txc_tx_move (txc_tx_record_t *tx, txc_tx_state_t to)
{
    txc_transitions_check (txc_tx_transitions(), tx->state, to);
    tx->state = (uint8_t) to;
    tx->tries = 0;
    tx->due_ms = 0;
    for (uint32_t i = 0; i < tx->n_branches; i++) {
        tx->branches[i].tries = 0;
        tx->branches[i].due_ms = 0;
    }
    /* Once a commit was sent the application's own rollback can no longer be right. */
    TXC_INVARIANT (to != TXC_TX_COMMITTING ||
                   (!tx->rollback_only && (tx->attached == 0 || TXC_MUTANT (ATTACHED_IGNORED))));
}

/* --- the table -------------------------------------------------------------------- */

txc_tx_record_t *txc_tx_add (txc_session_t *self, const txc_gtrid_t *gtrid)
{
    txc_tx_record_t *tx = txc_calloc (1, sizeof *tx);
    tx->handle = ++self->handles;
    tx->gtrid = *gtrid;
    tx->origin = txc_random_next (&self->random);
    tx->began_ms = self->now_ms;
    tx->code = tx->decided = TXC_PENDING;
    txc_hash_add (&self->by_handle, &tx->node, txc_mix64 (tx->handle));
    txc_hash_add (&self->by_gtrid, &tx->gtrid_node, txc_gtrid_hash (gtrid));
    txc_list_append (&self->transactions, &tx->link);
    txc_tx_move (tx, TXC_TX_ACTIVE);
    return tx;
}

txc_tx_record_t *txc_tx_by_handle (const txc_session_t *self, uint64_t handle)
{
    txc_hash_node_t *node = txc_hash_first (&self->by_handle, txc_mix64 (handle));
    return node ? TXC_CONTAINER (node, txc_tx_record_t, node) : NULL;
}

txc_tx_record_t *txc_tx_by_gtrid (const txc_session_t *self, const txc_gtrid_t *gtrid)
{
    txc_hash_node_t *node = txc_hash_first (&self->by_gtrid, txc_gtrid_hash (gtrid));
    for (; node; node = txc_hash_next (node)) {
        txc_tx_record_t *tx = TXC_CONTAINER (node, txc_tx_record_t, gtrid_node);
        if (txc_gtrid_equal (&tx->gtrid, gtrid) && tx->state != TXC_TX_DETACHED)
            return tx;
    }
    return NULL;
}

static void s_statement_destroy (txc_tx_statement_t *statement)
{
    txc_list_remove (&statement->link);
    txc_blob_destroy (&statement->body);
    free (statement);
}

void txc_tx_remove (txc_session_t *self, txc_tx_record_t *tx)
{
    for (uint32_t i = 0; i < tx->n_branches; i++) {
        TXC_LIST_EACH (&tx->branches[i].statements, link)
        s_statement_destroy (TXC_CONTAINER (link, txc_tx_statement_t, link));
        free (tx->branches[i].why);
    }
    txc_heap_set (&self->timers, &tx->timer, TXC_NEVER_MS);
    txc_hash_remove (&self->by_handle, &tx->node);
    txc_hash_remove (&self->by_gtrid, &tx->gtrid_node);
    txc_list_remove (&tx->link);
    free (tx->branches);
    free (tx);
}

void txc_tx_release (txc_session_t *self, txc_tx_record_t *tx)
{
    if (!tx->forgotten || !txc_tx_is_over (tx))
        return;
    txc_session_remember (self, tx);
    txc_tx_move (tx, TXC_TX_GONE);
    txc_tx_remove (self, tx);
}

txc_tx_branch_t *txc_tx_branch (txc_tx_record_t *tx, const char *rm)
{
    for (uint32_t i = 0; i < tx->n_branches; i++)
        if (strcmp (tx->branches[i].ref.rm, rm) == 0)
            return &tx->branches[i];
    return NULL;
}

/* Lists point to their own heads, so they move with care when the array grows. */
static void s_move_list (txc_list_t *to, txc_list_t *from)
{
    txc_list_init (to);
    for (txc_list_t *link; (link = txc_list_pop (from)) != NULL;)
        txc_list_append (to, link);
}

txc_tx_branch_t *txc_tx_branch_add (txc_tx_record_t *tx, const char *rm)
{
    if (tx->n_branches == TXC_BRANCHES_MAX)
        return NULL;
    txc_tx_branch_t *grown = txc_calloc (tx->n_branches + 1, sizeof *grown);
    for (uint32_t i = 0; i < tx->n_branches; i++) {
        grown[i] = tx->branches[i];
        s_move_list (&grown[i].statements, &tx->branches[i].statements);
    }
    free (tx->branches);
    tx->branches = grown;
    txc_tx_branch_t *branch = &grown[tx->n_branches++];
    txc_copy_text (branch->ref.rm, sizeof branch->ref.rm, rm);
    txc_list_init (&branch->statements);
    return branch;
}

void txc_tx_blame (txc_tx_record_t *tx, int code, const txc_error_t *error, const char *text)
{
    tx->rollback_only = !TXC_MUTANT (FAILED_STATEMENT_FORGIVEN) && !TXC_MUTANT (COUNT_IGNORED);
    if (tx->error.code != TXC_OK)
        return;
    if (error)
        tx->error = *error;
    else
        txc_error_set (&tx->error, code, "%s", text ? text : txc_strerror (code));
    if (tx->error.code == TXC_OK)
        tx->error.code = code;
}

bool txc_tx_is_busy (const txc_tx_record_t *tx)
{
    for (uint32_t i = 0; i < tx->n_branches; i++)
        if (!txc_list_is_empty (&tx->branches[i].statements))
            return true;
    return false;
}

uint64_t txc_tx_begin (txc_session_t *self, const txc_session_event_t *event)
{
    txc_error_t error;
    unsigned mode = event->mode ? event->mode : TXC_MODE_2PC;
    int code = TXC_OK;
    if (!txc_mode_is_served (mode))
        code = txc_error_set (&error, TXC_EMODE, "this version ends no transactions in mode %s",
                              txc_mode_name (mode));
    else if (!self->open || self->closing)
        code = txc_error_set (&error, TXC_ESESSION, "no session is open");
    else if (self->by_handle.count >= self->config.max_transactions)
        code = txc_error_set (&error, TXC_ELIMIT, "%u transactions are open: more than max_transactions",
                              self->config.max_transactions);
    else if (self->next_n >= self->mark + TXC_WINDOW) {
        code = txc_error_set (&error, TXC_EOVERLOAD,
                              "too many transactions beyond the low-water mark on record");
        self->request_ms = self->now_ms; /* tell the leader where we are */
    }
    if (code != TXC_OK) {
        txc_session_complete (self, event->operation, code, &error);
        return 0;
    }
    txc_gtrid_t gtrid = {self->cluster, self->number, self->next_n++, (uint8_t) mode};
    txc_tx_record_t *tx = txc_tx_add (self, &gtrid);
    tx->isolation = event->isolation;
    tx->flags = event->flags & TXC_FLAG_DECISION_LOGGED;
    tx->deadline_ms = self->now_ms + (event->timeout_ms ? event->timeout_ms : self->config.timeout_ms);
    txc_session_complete (self, event->operation, TXC_OK, NULL);
    return tx->handle;
}

/* --- statements ----------------------------------------------------------------------- */

void txc_tx_exec (txc_session_t *self, const txc_session_event_t *event)
{
    txc_tx_record_t *tx = txc_tx_by_handle (self, event->tx);
    txc_tx_branch_t *branch = tx ? txc_tx_branch (tx, event->rm) : NULL;
    txc_error_t error;
    int code = TXC_OK;
    if (!tx || tx->state != TXC_TX_ACTIVE)
        code = txc_error_set (&error, TXC_EPROTO, "the transaction is over, or being ended");
    else if (tx->rollback_only) {
        error = tx->error;
        code = TXC_EBRANCH;
    } else if (tx->deadline_ms <= self->now_ms)
        code = txc_error_set (&error, TXC_ETIMEDOUT, "the transaction's time-out passed");
    else if (!txc_name_is_valid (event->rm))
        code = txc_error_set (&error, TXC_ENORM, "not the name of a resource manager");
    else if (event->op == TXC_OP_ENLIST && tx->joined)
        code = txc_error_set (
            &error, TXC_EPROTO,
            "a connection is enlisted by the process that began the transaction: it prepares it");
    else if (event->op == TXC_OP_ENLIST && tx->gtrid.mode == TXC_MODE_3PC)
        code = txc_error_set (&error, TXC_EMODE,
                              "no connection is enlisted in a three-phase commit, which agents end by "
                              "themselves: begin it as 2pc or paxos, or run the statement with txc_exec");
    else if (event->op == TXC_OP_ENLIST && branch)
        code = txc_error_set (&error, TXC_EPROTO,
                              "the transaction has a branch at this resource manager already");
    else if (branch && branch->enlisted)
        code = txc_error_set (&error, TXC_EPROTO,
                              "a connection is enlisted for this resource manager: run the statement on it");
    else if (branch && branch->last)
        code = txc_error_set (&error, TXC_EPROTO, "the last statement of this branch was sent already");
    else if (!branch && !(branch = txc_tx_branch_add (tx, event->rm)))
        code = txc_error_set (&error, TXC_ELIMIT, "a transaction has at most %d branches", TXC_BRANCHES_MAX);
    if (code != TXC_OK) {
        if (code == TXC_ETIMEDOUT || code == TXC_ELIMIT) /* a part of the work is missing, for good */
            txc_tx_blame (tx, code, &error, error.text);
        txc_session_complete (self, event->operation, code, &error);
        return;
    }
    txc_tx_statement_t *statement = txc_calloc (1, sizeof *statement);
    statement->operation = event->operation;
    statement->seq = ++branch->seq;
    /* In 3pc the members are named by the prepare: it cannot travel with a statement. */
    statement->flags = tx->gtrid.mode == TXC_MODE_3PC ? 0 : event->flags & TXC_FLAG_LAST;
    if (event->op == TXC_OP_ENLIST) {
        statement->flags = TXC_FLAG_ENLIST;
        txc_copy_text (branch->ref.evidence, sizeof branch->ref.evidence, event->evidence);
        txc_copy_text (statement->identity, sizeof statement->identity, event->identity);
    }
    statement->isolation = tx->isolation;
    statement->body = txc_blob_ref (event->body);
    branch->last = branch->last || statement->flags & TXC_FLAG_LAST;
    txc_list_append (&branch->statements, &statement->link);
    txc_tx_pump (self, tx);
}

/* Finds the branch's agent; false while the directory does not know it. */
static bool s_locate (txc_session_t *self, txc_tx_branch_t *branch)
{
    if (branch->route)
        return true;
    const txc_rm_entry_t *entry = txc_session_entry (self, branch->ref.rm);
    if (!entry) {
        txc_session_want_directory (self);
        return false;
    }
    branch->route = txc_session_route (self, entry->endpoint);
    branch->incarnation = entry->incarnation;
    return branch->route != 0;
}

static void s_send_statement (txc_session_t *self, txc_tx_record_t *tx, txc_tx_branch_t *branch)
{
    const txc_tx_statement_t *statement = TXC_CONTAINER (branch->statements.next, txc_tx_statement_t, link);
    branch->due_ms = self->now_ms + txc_session_backoff (self, branch->tries);
    if (!s_locate (self, branch))
        return;
    /* A statement may well take longer than a lost message: repetitions begin late, and cost the agent
     * little. */
    branch->due_ms = self->now_ms + 2 * txc_session_backoff (self, branch->tries++);
    branch->sent = true;
    txc_msg_t *message = txc_update_message (self->update, TXC_MSG_EXEC, branch->route);
    message->gtrid = tx->gtrid;
    message->token = branch->ref.token;
    message->origin = TXC_MUTANT (ORIGIN_IS_SESSION) ? self->number : tx->origin;
    message->seq = statement->seq;
    message->acked = branch->acked;
    message->incarnation = branch->incarnation;
    message->isolation = statement->isolation;
    message->flags = statement->flags;
    message->timeout_ms = tx->deadline_ms > self->now_ms ? (uint32_t) (tx->deadline_ms - self->now_ms) : 1;
    message->low = tx->joined ? 0 : txc_session_low (self);
    message->body = txc_blob_ref (statement->body);
    if (statement->flags & TXC_FLAG_ENLIST) {
        memcpy (message->evidence, branch->ref.evidence, sizeof message->evidence);
        memcpy (message->identity, statement->identity, sizeof message->identity);
    }
    memcpy (message->rm, branch->ref.rm, sizeof message->rm);
}

void txc_tx_pump (txc_session_t *self, txc_tx_record_t *tx)
{
    uint64_t next = TXC_NEVER_MS;
    if (tx->state == TXC_TX_ACTIVE) {
        for (uint32_t i = 0; i < tx->n_branches; i++) {
            txc_tx_branch_t *branch = &tx->branches[i];
            if (txc_list_is_empty (&branch->statements))
                continue;
            if (branch->due_ms <= self->now_ms)
                s_send_statement (self, tx, branch);
            if (branch->due_ms < next)
                next = branch->due_ms;
            if (tx->deadline_ms < next)
                next = tx->deadline_ms;
        }
    } else if (!txc_tx_is_over (tx))
        next = txc_tx_end_pump (self, tx);
    txc_heap_set (&self->timers, &tx->timer, next);
}

/* The first statement of the queue has its answer. */
static void s_answer (txc_session_t *self, txc_tx_branch_t *branch, int code, const txc_error_t *error,
                      txc_blob_t *body)
{
    txc_tx_statement_t *statement = TXC_CONTAINER (branch->statements.next, txc_tx_statement_t, link);
    uint64_t operation = statement->operation;
    branch->acked = statement->seq;
    branch->tries = 0;
    branch->due_ms = 0;
    branch->sent = false;
    s_statement_destroy (statement);
    txc_completion_t *completion = txc_update_complete (self->update, operation, code);
    if (error) {
        completion->error = *error;
        completion->error.code = code;
    }
    completion->body = txc_blob_ref (body);
}

void txc_tx_statements_fail (txc_session_t *self, txc_tx_record_t *tx, int code, const txc_error_t *error)
{
    for (uint32_t i = 0; i < tx->n_branches; i++)
        while (!txc_list_is_empty (&tx->branches[i].statements))
            s_answer (self, &tx->branches[i], code, error, NULL);
}

/* Nothing was begun at this agent yet, and the one that the directory knew was started anew: ask the new one.
 */
static bool s_is_renewed (txc_tx_branch_t *branch, const txc_msg_t *message)
{
    if (message->code != TXC_ENOTA || branch->ref.token || !message->incarnation ||
        message->incarnation == branch->incarnation)
        return false;
    branch->incarnation = message->incarnation;
    branch->due_ms = 0;
    return true;
}

void txc_tx_exec_reply (txc_session_t *self, const txc_msg_t *message)
{
    txc_tx_record_t *tx = txc_tx_by_gtrid (self, &message->gtrid);
    txc_tx_branch_t *branch = tx ? txc_tx_branch (tx, message->rm) : NULL;
    if (!branch || tx->state != TXC_TX_ACTIVE || txc_list_is_empty (&branch->statements) ||
        message->origin != (TXC_MUTANT (ORIGIN_IS_SESSION) ? self->number : tx->origin))
        return;
    const txc_tx_statement_t *statement = TXC_CONTAINER (branch->statements.next, txc_tx_statement_t, link);
    if (message->seq != statement->seq || !branch->sent)
        return;
    if (message->code == TXC_ENOTREADY || s_is_renewed (branch, message)) {
        txc_tx_pump (self, tx); /* again, at once or a little later */
        return;
    }
    if (branch->ref.token && message->token != branch->ref.token)
        return;
    if (message->code == TXC_OK) {
        branch->ref.token = message->token;
        branch->enlisted = branch->enlisted || statement->flags & TXC_FLAG_ENLIST;
        branch->incarnation = message->incarnation;
        branch->ref.count++;
        branch->ref.vote = message->vote;
        branch->ref.vote_epoch = message->epoch;
        if (!branch->enlisted)
            memcpy (branch->ref.evidence, message->evidence, sizeof branch->ref.evidence);
        s_answer (self, branch, TXC_OK, NULL, message->flags & TXC_FLAG_RESULT ? message->body : NULL);
    } else {
        if (!branch->ref.token)
            branch->ref.token = message->token;
        int code = message->code == TXC_ENOTA ? TXC_EBRANCH : message->code;
        txc_tx_blame (tx, code, message->error, NULL);
        s_answer (self, branch, code, message->error ? message->error : &tx->error, NULL);
        txc_tx_statements_fail (self, tx, TXC_EBRANCH, &tx->error);
    }
    txc_tx_pump (self, tx);
}

void txc_tx_directory (txc_session_t *self)
{
    TXC_LIST_EACH (&self->transactions, link)
    {
        txc_tx_record_t *tx = TXC_CONTAINER (link, txc_tx_record_t, link);
        if (tx->state != TXC_TX_ACTIVE)
            continue;
        for (uint32_t i = 0; i < tx->n_branches; i++) {
            txc_tx_branch_t *branch = &tx->branches[i];
            if (txc_list_is_empty (&branch->statements) || branch->route)
                continue;
            branch->due_ms = 0;
            if (txc_session_entry (self, branch->ref.rm))
                continue;
            txc_error_t error;
            txc_error_set (
                &error, TXC_ENORM,
                "no agent serves the resource manager \"%s\": it never registered, or it refuses this "
                "coordinator's log; \"txctl status\" lists those that serve",
                branch->ref.rm);
            txc_copy_text (error.rm, sizeof error.rm, branch->ref.rm);
            txc_tx_blame (tx, TXC_ENORM, &error, NULL);
            txc_tx_statements_fail (self, tx, TXC_ENORM, &error);
        }
        txc_tx_pump (self, tx);
    }
}

/* Whom the first statement that has no answer waited for, as far as can be told from here. */
static void s_too_late (const txc_session_t *self, const txc_tx_record_t *tx, txc_error_t *error)
{
    const txc_tx_branch_t *branch = tx->branches;
    while (txc_list_is_empty (&branch->statements))
        branch++;
    const char *endpoint = txc_session_endpoint (self, branch->route);
    if (!endpoint)
        txc_error_set (
            error, TXC_ETIMEDOUT,
            "the transaction's time-out passed before a coordinator said which agent serves the resource "
            "manager \"%s\"",
            branch->ref.rm);
    else if (branch->ref.token)
        txc_error_set (error, TXC_ETIMEDOUT,
                       "the transaction's time-out passed while a statement was running");
    else
        txc_error_set (
            error, TXC_ETIMEDOUT,
            "the transaction's time-out passed, and the agent at %s has not answered its first statement: "
            "it still runs there, or the agent is not to be reached (\"txctl status\")",
            endpoint);
    txc_copy_text (error->rm, sizeof error->rm, branch->ref.rm);
}

void txc_tx_timer (txc_session_t *self, txc_tx_record_t *tx)
{
    if (tx->state == TXC_TX_ACTIVE && tx->deadline_ms <= self->now_ms && txc_tx_is_busy (tx)) {
        txc_error_t error;
        s_too_late (self, tx, &error);
        txc_tx_blame (tx, TXC_ETIMEDOUT, &error, NULL);
        txc_tx_statements_fail (self, tx, TXC_ETIMEDOUT, &error);
    }
    txc_tx_pump (self, tx);
}
