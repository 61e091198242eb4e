/* Branches: their table, their transitions, and what remains of those that ended. */
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_agent_private.h"

#define BRANCH_MAGIC 0x7c0b4a9cu

static _Thread_local uint64_t s_reached[TXC_STATES_MAX][TXC_STATES_MAX];

#define STATE_NAME(name, text) text,

const txc_transitions_t *txc_branch_transitions (void)
{
    static _Thread_local txc_transitions_t table = {
        .machine = "branch",
        .n_states = TXC_BRANCH_STATES,
        .names = {TXC_BRANCH_MAP (STATE_NAME)},
        .allowed =
            {
                [TXC_BRANCH_NEW] = {[TXC_BRANCH_ACTIVE] = true,
                                    [TXC_BRANCH_PREPARED] = true, /* found by a scan */
                                    [TXC_BRANCH_LOOKING] = true,  /* a last resource's, not known here */
                                    [TXC_BRANCH_PROVING] = true}, /* asked about one that is not known here */
                [TXC_BRANCH_ACTIVE] = {[TXC_BRANCH_PREPARING] = true,
                                       [TXC_BRANCH_ONE_PHASE] = true,
                                       [TXC_BRANCH_ROLLING_BACK] = true,
                                       [TXC_BRANCH_ROLLED_BACK] = true}, /* connection lost */
                [TXC_BRANCH_PREPARING] = {[TXC_BRANCH_PREPARED] = true,
                                          [TXC_BRANCH_READ_ONLY] = true,
                                          [TXC_BRANCH_LOOKING] = true,
                                          [TXC_BRANCH_ROLLED_BACK] = true,
                                          [TXC_BRANCH_ROLLING_BACK] = true}, /* the last statement failed */
                [TXC_BRANCH_LOOKING] = {[TXC_BRANCH_PREPARED] = true, [TXC_BRANCH_ROLLED_BACK] = true},
                [TXC_BRANCH_PREPARED] = {[TXC_BRANCH_COMMITTING] = true, [TXC_BRANCH_ROLLING_BACK] = true},
                [TXC_BRANCH_READ_ONLY] = {[TXC_BRANCH_COMMITTING] = true,
                                          [TXC_BRANCH_ROLLING_BACK] = true,
                                          [TXC_BRANCH_ROLLED_BACK] = true},
                [TXC_BRANCH_COMMITTING] = {[TXC_BRANCH_COMMITTED] = true,
                                           [TXC_BRANCH_PROVING] = true,
                                           [TXC_BRANCH_HEURISTIC] = true},
                [TXC_BRANCH_PROVING] = {[TXC_BRANCH_COMMITTED] = true,
                                        [TXC_BRANCH_ROLLED_BACK] = true,
                                        [TXC_BRANCH_HEURISTIC] = true,
                                        [TXC_BRANCH_PREPARED] = true, /* by an owner that broke its word */
                                        [TXC_BRANCH_UNKNOWN] = true},
                [TXC_BRANCH_ONE_PHASE] = {[TXC_BRANCH_COMMITTED] = true,
                                          [TXC_BRANCH_ROLLED_BACK] = true,
                                          [TXC_BRANCH_PROVING] = true},
                [TXC_BRANCH_ROLLING_BACK] = {[TXC_BRANCH_ROLLED_BACK] = true,
                                             [TXC_BRANCH_HEURISTIC] = true,
                                             [TXC_BRANCH_PREPARED] = true}, /* as its owner says */
                [TXC_BRANCH_COMMITTED] = {[TXC_BRANCH_GONE] = true},
                [TXC_BRANCH_ROLLED_BACK] = {[TXC_BRANCH_GONE] = true},
                [TXC_BRANCH_HEURISTIC] = {[TXC_BRANCH_GONE] = true},
                [TXC_BRANCH_UNKNOWN] = {[TXC_BRANCH_GONE] = true},
            },
    };
    table.reached = &s_reached;
    return &table;
}

bool txc_branch_is_ended (const txc_branch_t *branch)
{
    return branch->state >= TXC_BRANCH_COMMITTED;
}

static bool s_is_prepared (unsigned state)
{
    return state == TXC_BRANCH_PREPARED || state == TXC_BRANCH_READ_ONLY || state == TXC_BRANCH_LOOKING ||
           state == TXC_BRANCH_COMMITTING || state == TXC_BRANCH_PROVING;
}

static bool s_is_active (unsigned state)
{
    return state != TXC_BRANCH_NEW && state < TXC_BRANCH_COMMITTED && !s_is_prepared (state);
}

int txc_agent_rm_index (const txc_agent_t *self, const char *name)
{
    for (uint32_t i = 0; i < self->config.n_rms; i++)
        if (strcmp (self->config.rms[i].name, name) == 0)
            return (int) i;
    return -1;
}

txc_branch_t *txc_agent_branch_find (const txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm,
                                     uint64_t token)
{
    txc_hash_node_t *node = txc_hash_first (&self->branches, txc_gtrid_hash (gtrid));
    for (; node; node = txc_hash_next (node)) {
        txc_branch_t *branch = TXC_CONTAINER (node, txc_branch_t, node);
        if (branch->rm == rm && branch->token == token && txc_gtrid_equal (&branch->gtrid, gtrid))
            return branch;
    }
    return NULL;
}

txc_branch_t *txc_agent_branch_begun (const txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm)
{
    txc_hash_node_t *node = txc_hash_first (&self->branches, txc_gtrid_hash (gtrid));
    for (; node; node = txc_hash_next (node)) {
        txc_branch_t *branch = TXC_CONTAINER (node, txc_branch_t, node);
        if (branch->rm == rm && !branch->recovered && txc_gtrid_equal (&branch->gtrid, gtrid))
            return branch;
    }
    return NULL;
}

txc_branch_t *txc_agent_branch_numbered (const txc_agent_t *self, uint64_t number)
{
    txc_hash_node_t *node = txc_hash_first (&self->numbers_table, txc_mix64 (number));
    return node ? TXC_CONTAINER (node, txc_branch_t, number_node) : NULL;
}

txc_branch_t *txc_agent_branch_add (txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token)
{
    txc_branch_t *branch = txc_calloc (1, sizeof *branch);
    TXC_MAGIC (branch, BRANCH_MAGIC);
    branch->rm = rm;
    branch->gtrid = *gtrid;
    branch->token = token;
    branch->number = ++self->numbers;
    branch->began_ms = self->now_ms;
    branch->deadline_ms = branch->inquire_ms = branch->retry_ms = TXC_NEVER_MS;
    branch->timeout_ms = self->config.timeout_ms;
    txc_list_init (&branch->link);
    txc_list_init (&branch->session_link);
    txc_list_init (&branch->statements);
    txc_hash_add (&self->branches, &branch->node, txc_gtrid_hash (gtrid));
    txc_hash_add (&self->numbers_table, &branch->number_node, txc_mix64 (branch->number));
    self->rms[rm].branches++;
    return branch;
}

static void s_check (const txc_branch_t *branch)
{
    switch (branch->state) {
    case TXC_BRANCH_ACTIVE:
        TXC_INVARIANT (branch->vote == TXC_VOTE_NONE && !branch->recovered);
        break;
    case TXC_BRANCH_READ_ONLY:
        TXC_INVARIANT (branch->vote == TXC_VOTE_READ_ONLY);
        break;
    case TXC_BRANCH_PREPARED:
        TXC_INVARIANT (branch->vote == TXC_VOTE_YES);
        break;
    default:
        break;
    }
}

void txc_agent_branch_move (txc_agent_t *self, txc_branch_t *branch, txc_branch_state_t to)
{
    TXC_CHECK (branch, BRANCH_MAGIC);
    txc_transitions_check (txc_branch_transitions(), branch->state, to);
    self->n_active -= s_is_active (branch->state);
    self->n_prepared -= s_is_prepared (branch->state);
    branch->state = (uint8_t) to;
    self->n_active += s_is_active (to);
    self->n_prepared += s_is_prepared (to);
    branch->retries = 0;
    branch->retry_ms = TXC_NEVER_MS;
    s_check (branch);
    txc_agent_branch_timer (self, branch);
}

void txc_agent_branch_timer (txc_agent_t *self, txc_branch_t *branch)
{
    uint64_t due = branch->state == TXC_BRANCH_ACTIVE ? branch->deadline_ms : TXC_NEVER_MS;
    bool in_doubt = branch->state == TXC_BRANCH_PREPARED || branch->state == TXC_BRANCH_READ_ONLY;
    in_doubt |= branch->state == TXC_BRANCH_PROVING && branch->unproved;
    if (in_doubt && branch->inquire_ms < due)
        due = branch->inquire_ms;
    if (branch->retry_ms < due)
        due = branch->retry_ms;
    if (branch->owner_op != TXC_WORK_NONE && branch->owner_ask_ms < due)
        due = branch->owner_ask_ms;
    if (branch->owner_op != TXC_WORK_NONE && branch->owner_due_ms < due)
        due = branch->owner_due_ms;
    txc_heap_set (&self->timers, &branch->timer, due);
}

static void s_forget_oldest (txc_agent_t *self)
{
    while (self->n_ended > self->config.max_ended) {
        txc_branch_t *oldest = TXC_CONTAINER (self->ended.next, txc_branch_t, link);
        txc_agent_session_t *session = txc_agent_session_of (self, oldest->gtrid.session);
        if (oldest->gtrid.n >= session->floor)
            session->floor = oldest->gtrid.n + 1;
        txc_agent_branch_remove (self, oldest);
    }
}

void txc_agent_branch_unpin (txc_agent_t *self, txc_branch_t *branch)
{
    if (branch->owner && !branch->enlisted)
        txc_agent_branch_work (self, branch, TXC_WORK_UNPIN);
    branch->owner = false;
}

void txc_agent_branch_end (txc_agent_t *self, txc_branch_t *branch, txc_branch_state_t to)
{
    txc_agent_branch_move (self, branch, to);
    TXC_ASSERT (txc_branch_is_ended (branch));
    *(to == TXC_BRANCH_COMMITTED ? &self->commits : &self->rollbacks) +=
        to == TXC_BRANCH_COMMITTED || to == TXC_BRANCH_ROLLED_BACK;
    branch->ended_scan = self->scans;
    txc_agent_statements_fail (self, branch, TXC_EBRANCH);
    txc_agent_branch_unpin (self, branch);
    txc_agent_proof_owner_gone (self, branch);
    branch->busy = false;
    self->rms[branch->rm].branches--;
    if (branch->client_route) {
        txc_msg_t *reply =
            txc_agent_branch_message (self, branch, TXC_MSG_BRANCH_ENDED, branch->client_route);
        reply->code = to == TXC_BRANCH_COMMITTED     ? TXC_OK
                      : to == TXC_BRANCH_ROLLED_BACK ? TXC_ROLLED_BACK
                      : to == TXC_BRANCH_HEURISTIC   ? TXC_HAZARD
                                                     : TXC_UNKNOWN;
        reply->error = txc_agent_lend_error (self, branch->error);
        branch->client_route = 0;
    }
    if (branch->asked)
        txc_agent_vote (self, branch);
    if (txc_branch_is_3pc (branch))
        txc_agent_member_branch_ended (self, branch);
    txc_list_append (&self->ended, &branch->link);
    self->n_ended++;
    s_forget_oldest (self);
}

void txc_agent_branch_remove (txc_agent_t *self, txc_branch_t *branch)
{
    TXC_ASSERT (txc_branch_is_ended (branch));
    txc_agent_branch_move (self, branch, TXC_BRANCH_GONE);
    txc_heap_set (&self->timers, &branch->timer, TXC_NEVER_MS);
    txc_hash_remove (&self->branches, &branch->node);
    txc_hash_remove (&self->numbers_table, &branch->number_node);
    txc_list_remove (&branch->session_link);
    txc_list_remove (&branch->link);
    self->n_ended--;
    TXC_LIST_EACH (&branch->statements, link)
    txc_agent_statement_destroy (TXC_CONTAINER (link, txc_statement_t, link));
    TXC_UNMAGIC (branch, BRANCH_MAGIC);
    free (branch->error);
    free (branch->participants);
    free (branch);
}

void txc_agent_branch_blame (txc_branch_t *branch, const txc_error_t *error)
{
    if (branch->error || !error || (error->code == TXC_OK && !error->text[0]))
        return;
    branch->error = txc_malloc (sizeof *error);
    *branch->error = *error;
}

txc_work_t *txc_agent_branch_work (txc_agent_t *self, txc_branch_t *branch, txc_work_op_t op)
{
    if (txc_agent_owner_does (branch, op)) {
        TXC_INVARIANT (!branch->busy);
        branch->busy = true;
        txc_agent_owner_ask (self, branch, op);
        return &self->asked;
    }
    txc_work_t *work = txc_update_work (self->update, op);
    if (op != TXC_WORK_UNPIN && op != TXC_WORK_CANCEL) {
        TXC_INVARIANT (!branch->busy);
        branch->busy = true;
    }
    work->rm = branch->rm;
    work->branch = branch->number;
    work->gtrid = branch->gtrid;
    work->token = branch->token;
    work->owner = branch->owner;
    memcpy (work->evidence, branch->evidence, sizeof work->evidence);
    return work;
}

txc_msg_t *txc_agent_branch_message (txc_agent_t *self, const txc_branch_t *branch, txc_msg_type_t type,
                                     uint64_t route)
{
    txc_msg_t *message = txc_update_message (self->update, type, route);
    message->gtrid = branch->gtrid;
    message->token = branch->token;
    message->epoch = self->epoch;
    memcpy (message->rm, self->config.rms[branch->rm].name, sizeof message->rm);
    memcpy (message->evidence, branch->evidence, sizeof message->evidence);
    return message;
}

const txc_error_t *txc_agent_lend_error (txc_agent_t *self, const txc_error_t *error)
{
    if (!error)
        return NULL;
    txc_error_t *copy = txc_update_alloc (self->update, sizeof *copy);
    *copy = *error;
    return copy;
}

/* --- sessions ------------------------------------------------------------------- */

txc_agent_session_t *txc_agent_session_of (txc_agent_t *self, uint64_t number)
{
    txc_hash_node_t *node = txc_hash_first (&self->sessions, txc_mix64 (number));
    if (node)
        return TXC_CONTAINER (node, txc_agent_session_t, node);
    txc_agent_session_t *session = txc_calloc (1, sizeof *session);
    session->number = number;
    txc_list_init (&session->branches);
    txc_hash_add (&self->sessions, &session->node, txc_mix64 (number));
    return session;
}

void txc_agent_session_low (txc_agent_t *self, uint64_t number, uint64_t low)
{
    txc_agent_session_t *session = txc_agent_session_of (self, number);
    if (low <= session->floor)
        return;
    session->floor = low;
    TXC_LIST_EACH (&session->branches, link)
    {
        txc_branch_t *branch = TXC_CONTAINER (link, txc_branch_t, session_link);
        if (txc_branch_is_ended (branch) && branch->gtrid.n < low)
            txc_agent_branch_remove (self, branch);
    }
}
