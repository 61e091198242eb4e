/* Two-phase commit with presumed abort, the coordinator's side; what three-phase commit does otherwise is in
 * txc_replica_terminate.c, what Paxos Commit does in txc_replica_votes.c. */
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_replica_private.h"

enum {
    ROLLBACK_TRIES = 5 /* presumed abort: after so many the branches learn it by asking */
};

txc_gtx_t *txc_replica_transaction (const txc_replica_t *self, const txc_gtrid_t *gtrid)
{
    txc_hash_node_t *node = txc_hash_first (&self->transactions, txc_gtrid_hash (gtrid));
    for (; node; node = txc_hash_next (node)) {
        txc_gtx_t *gtx = TXC_CONTAINER (node, txc_gtx_t, node);
        if (txc_gtrid_equal (&gtx->gtrid, gtrid))
            return gtx;
    }
    return NULL;
}

txc_gtx_t *txc_replica_transaction_add (txc_replica_t *self, txc_reg_session_t *session, txc_gtx_t *gtx)
{
    txc_hash_add (&self->transactions, &gtx->node, txc_gtrid_hash (&gtx->gtrid));
    txc_list_append (&session->transactions, &gtx->link);
    return gtx;
}

void txc_replica_transaction_remove (txc_replica_t *self, txc_gtx_t *gtx)
{
    txc_gtx_move (gtx, TXC_GTX_GONE);
    txc_heap_set (&self->timers, &gtx->timer, TXC_NEVER_MS);
    txc_hash_remove (&self->transactions, &gtx->node);
    txc_list_remove (&gtx->link);
    txc_gtx_destroy (&gtx);
}

txc_msg_t *txc_replica_answer (txc_replica_t *self, uint64_t route, const txc_gtrid_t *gtrid, int code,
                               const txc_error_t *error)
{
    if (!route)
        return NULL;
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_OUTCOME, route);
    reply->gtrid = *gtrid;
    reply->code = code;
    const txc_reg_session_t *session = txc_registry_session (&self->registry, gtrid->session);
    reply->low = session ? session->low : 0;
    if (error) {
        txc_error_t *copy = txc_update_alloc (self->update, sizeof *copy);
        *copy = *error;
        reply->error = copy;
    }
    return reply;
}

/* Tells the client that waits, and keeps the answer for a repeated request. */
static void s_answer (txc_replica_t *self, txc_gtx_t *gtx, int code)
{
    gtx->answer = code;
    txc_replica_answer (self, gtx->route, &gtx->gtrid, code, code == TXC_OK ? NULL : gtx->error);
    gtx->route = 0;
}

/* --- what is sent, and sent again ------------------------------------------------ */

/* Whose votes a vote is one of. */
static void s_list (txc_replica_t *self, const txc_gtx_t *gtx, txc_msg_t *message)
{
    txc_branch_ref_t *branches = txc_update_alloc (self->update, gtx->n_branches * sizeof *branches);
    for (uint32_t i = 0; i < gtx->n_branches; i++) {
        memcpy (branches[i].rm, gtx->branches[i].ref.rm, sizeof branches[i].rm);
        branches[i].token = gtx->branches[i].ref.token;
        branches[i].count = gtx->branches[i].ref.count;
    }
    message->branches = branches;
    message->n_branches = gtx->n_branches;
}

static void s_send (txc_replica_t *self, txc_gtx_t *gtx, txc_gtx_branch_t *branch, txc_msg_type_t type)
{
    const txc_replica_agent_t *agent = txc_replica_agent_of (self, branch->ref.rm);
    uint64_t wait = (uint64_t) self->config.retry_ms << (branch->tries < 16 ? branch->tries : 16);
    branch->due_ms = self->now_ms + (wait < self->config.retry_max_ms ? wait : self->config.retry_max_ms);
    branch->tries++;
    if (!agent || !agent->route)
        return;
    if (type == TXC_MSG_PREPARE && txc_gtx_is_3pc (gtx) && !txc_replica_knows_members (self, gtx))
        return; /* members who cannot reach each other could not end it without this leader */
    txc_msg_t *message = txc_update_message (self->update, type, agent->route);
    message->gtrid = gtx->gtrid;
    message->epoch = self->epoch;
    memcpy (message->rm, branch->ref.rm, sizeof message->rm);
    memcpy (message->evidence, branch->ref.evidence, sizeof message->evidence);
    message->token = branch->ref.token;
    message->count = branch->ref.count;
    message->high_slot = self->registry.applied_slot;
    if (branch->vote == TXC_VOTE_READ_ONLY)
        message->flags = TXC_FLAG_READ_ONLY;
    if (type == TXC_MSG_PREPARE && gtx->state == TXC_GTX_LAST_ASKED)
        message->flags = TXC_FLAG_LAST_RESOURCE;
    if (type == TXC_MSG_PREPARE && gtx->gtrid.mode == TXC_MODE_PAXOS)
        s_list (self, gtx, message);
    if (txc_gtx_is_3pc (gtx) || (type == TXC_MSG_PREPARE && gtx->gtrid.mode == TXC_MODE_2PC))
        txc_replica_member_fill (self, gtx, message);
    if (gtx->deadline_ms != TXC_NEVER_MS && gtx->deadline_ms > self->now_ms)
        message->timeout_ms = (uint32_t) (gtx->deadline_ms - self->now_ms);
}

/* What a branch is to be told in this state of the transaction; NONE: nothing. */
static txc_msg_type_t s_message_of (const txc_replica_t *self, const txc_gtx_t *gtx,
                                    const txc_gtx_branch_t *branch)
{
    switch (gtx->state) {
    case TXC_GTX_PREPARING:
        return branch->vote == TXC_VOTE_NONE &&
                       (!txc_replica_is_last (self, branch) || TXC_MUTANT (LAST_NOT_LAST))
                   ? TXC_MSG_PREPARE
                   : TXC_MSG_NONE;
    case TXC_GTX_LAST_ASKED:
        return branch - gtx->branches == gtx->last ? TXC_MSG_PREPARE : TXC_MSG_NONE;
    case TXC_GTX_COMMITTING:
        return branch->done || branch->heur ? TXC_MSG_NONE : TXC_MSG_PHASE2_COMMIT;
    case TXC_GTX_ABORTING:
        return branch->done || branch->heur || branch->vote == TXC_VOTE_NO ? TXC_MSG_NONE
                                                                           : TXC_MSG_PHASE2_ROLLBACK;
    case TXC_GTX_TOLD: /* all read-only: the branches may end now, all votes are in */
        return branch->tries == 0 && gtx->answer == TXC_OK ? TXC_MSG_PHASE2_COMMIT : TXC_MSG_NONE;
    default:
        return txc_replica_member_message (gtx, (uint32_t) (branch - gtx->branches));
    }
}

/* Sends what is due and sets the timer to whatever is due next. */
void txc_replica_pump (txc_replica_t *self, txc_gtx_t *gtx)
{
    uint64_t next = gtx->state == TXC_GTX_PREPARING ? gtx->deadline_ms : gtx->elect_ms;
    for (uint32_t i = 0; i < gtx->n_branches; i++) {
        txc_gtx_branch_t *branch = &gtx->branches[i];
        txc_msg_type_t type = s_message_of (self, gtx, branch);
        if (type == TXC_MSG_NONE)
            continue;
        if (branch->due_ms <= self->now_ms)
            s_send (self, gtx, branch, type);
        if (branch->due_ms < next && gtx->state != TXC_GTX_TOLD)
            next = branch->due_ms;
    }
    txc_heap_set (&self->timers, &gtx->timer, next);
}

void txc_replica_transaction_wake (txc_replica_t *self, txc_gtx_t *gtx, const txc_replica_agent_t *agent)
{
    bool any = false;
    if (txc_replica_last_try (self, gtx))
        return;
    for (uint32_t i = 0; i < gtx->n_branches; i++)
        if (txc_replica_agent_of (self, gtx->branches[i].ref.rm) == agent &&
            s_message_of (self, gtx, &gtx->branches[i]) != TXC_MSG_NONE) {
            gtx->branches[i].due_ms = 0;
            gtx->branches[i].tries = 0;
            any = true;
        }
    if (any)
        txc_replica_pump (self, gtx);
}

/* --- decisions --------------------------------------------------------------------- */

int txc_replica_result (const txc_replica_t *self, const txc_gtx_t *gtx, bool commit)
{
    const txc_outcome_t *outcome = txc_registry_outcome (&self->registry, &gtx->gtrid);
    return outcome ? txc_outcome_code (outcome) : commit ? TXC_OK : TXC_ROLLED_BACK;
}

static void s_aborting_done (txc_replica_t *self, txc_gtx_t *gtx)
{
    if (txc_registry_outcome (&self->registry, &gtx->gtrid) ||
        txc_registry_session_state (&self->registry, gtx->gtrid.session) != TXC_SESSION_OPEN)
        txc_replica_transaction_remove (self, gtx);
    else
        txc_gtx_move (gtx, TXC_GTX_TOLD);
}

static bool s_aborting_is_over (const txc_replica_t *self, const txc_gtx_t *gtx)
{
    for (uint32_t i = 0; i < gtx->n_branches; i++)
        if (s_message_of (self, gtx, &gtx->branches[i]) != TXC_MSG_NONE &&
            gtx->branches[i].tries < ROLLBACK_TRIES)
            return false;
    return true;
}

void txc_replica_rolled_back (txc_replica_t *self, txc_gtx_t *gtx)
{
    txc_gtx_move (gtx, TXC_GTX_ABORTING);
    s_answer (self, gtx, txc_replica_result (self, gtx, false));
    txc_replica_pump (self, gtx);
    if (s_aborting_is_over (self, gtx)) {
        txc_heap_set (&self->timers, &gtx->timer, TXC_NEVER_MS);
        s_aborting_done (self, gtx);
    }
}

void txc_replica_forgotten (txc_replica_t *self, txc_gtx_t *gtx)
{
    txc_error_t error;
    txc_error_set (&error, TXC_FORGOTTEN,
                   "its session was closed so long ago that the log takes nothing of it any more");
    txc_gtx_blame (gtx, &error);
    s_answer (self, gtx, TXC_FORGOTTEN);
    txc_replica_transaction_remove (self, gtx);
}

void txc_replica_abort (txc_replica_t *self, txc_gtx_t *gtx)
{
    if (TXC_MUTANT (VOTES_OVERRULE_ABORT) && gtx->state == TXC_GTX_PREPARING)
        gtx->deadline_ms = TXC_NEVER_MS;
    else
        txc_gtx_move (gtx, TXC_GTX_ABORT_LOGGING);
    txc_heap_set (&self->timers, &gtx->timer, TXC_NEVER_MS);
    txc_rec_t *record = txc_replica_record (self, TXC_REC_ABORT);
    record->gtrid = gtx->gtrid;
    record->count = gtx->several ? 2 : 1;
    if (TXC_MUTANT (TIMEOUT_WITHOUT_RECORD))
        txc_replica_rolled_back (self, gtx);
    else
        txc_replica_propose (self, record, true);
}

static void s_record_commit (txc_replica_t *self, const txc_gtx_t *gtx, bool forced)
{
    txc_rec_t *record = txc_replica_record (self, TXC_REC_COMMIT);
    record->gtrid = gtx->gtrid;
    record->count = gtx->n_branches;
    for (uint32_t i = 0; i < gtx->n_branches; i++)
        if (gtx->branches[i].vote == TXC_VOTE_YES)
            record->branches[record->n_branches++] = gtx->branches[i].ref;
    txc_replica_propose (self, record, forced);
}

void txc_replica_propose_commit (txc_replica_t *self, txc_gtx_t *gtx)
{
    txc_gtx_move (gtx, TXC_GTX_COMMIT_LOGGING);
    txc_heap_set (&self->timers, &gtx->timer, TXC_NEVER_MS);
    s_record_commit (self, gtx, true);
    if (TXC_MUTANT (DECISION_TOLD_EARLY) && gtx->flags & TXC_FLAG_DECISION_LOGGED)
        s_answer (self, gtx, TXC_OK);
    if (TXC_MUTANT (COMMIT_BEFORE_DURABLE))
        txc_replica_committed (self, gtx);
}

void txc_replica_commit_lazily (txc_replica_t *self, txc_gtx_t *gtx)
{
    s_record_commit (self, gtx, false);
    txc_replica_committed (self, gtx);
}

/* All votes are in. */
static void s_agreed (txc_replica_t *self, txc_gtx_t *gtx)
{
    if (txc_gtx_is_3pc (gtx)) {
        txc_replica_precommit (self, gtx);
        return;
    }
    if (!txc_gtx_is_read_only (gtx)) {
        txc_replica_propose_commit (self, gtx);
        return;
    }
    s_answer (self, gtx, TXC_OK);
    txc_gtx_move (gtx, TXC_GTX_TOLD);
    txc_replica_pump (self, gtx);
}

/* Every branch is done.  End follows the record that it ends. */
static void s_propose_end (txc_replica_t *self, txc_gtx_t *gtx)
{
    if (gtx->answer == TXC_PENDING)
        s_answer (self, gtx, txc_replica_result (self, gtx, true));
    if (!gtx->recorded)
        return;
    txc_gtx_move (gtx, TXC_GTX_ENDING);
    txc_heap_set (&self->timers, &gtx->timer, TXC_NEVER_MS);
    txc_rec_t *record = txc_replica_record (self, TXC_REC_END);
    record->gtrid = gtx->gtrid;
    txc_replica_propose (self, record, false);
    if (TXC_MUTANT (ENDED_TOLD_EARLY))
        txc_replica_ended (self, &gtx->gtrid);
}

void txc_replica_committed (txc_replica_t *self, txc_gtx_t *gtx)
{
    txc_gtx_move (gtx, TXC_GTX_COMMITTING);
    if (gtx->flags & TXC_FLAG_DECISION_LOGGED || TXC_MUTANT (COMPLETED_TOLD_EARLY))
        s_answer (self, gtx, TXC_OK);
    txc_replica_pump (self, gtx);
    if (txc_gtx_is_acknowledged (gtx))
        s_propose_end (self, gtx);
}

/* An outcome record was applied: what is on record now decides, whichever record it was (the first one
 * counts). */
void txc_replica_outcome_applied (txc_replica_t *self, const txc_rec_t *record, txc_outcome_t *outcome)
{
    txc_gtx_t *gtx = txc_replica_transaction (self, &record->gtrid);
    if (gtx && gtx->state == TXC_GTX_COMMITTING && !gtx->recorded) { /* the votes decided */
        TXC_INVARIANT (outcome && outcome->commit);
        gtx->recorded = true;
        if (txc_gtx_is_acknowledged (gtx))
            s_propose_end (self, gtx);
        return;
    }
    bool overruled = gtx && gtx->state == TXC_GTX_PREPARING && TXC_MUTANT (VOTES_OVERRULE_ABORT);
    if (!gtx || (gtx->state != TXC_GTX_COMMIT_LOGGING && gtx->state != TXC_GTX_ABORT_LOGGING && !overruled))
        return;
    if (outcome && outcome->commit) {
        gtx->recorded = true;
        txc_replica_committed (self, gtx);
        return;
    }
    if (!outcome && record->type == TXC_REC_COMMIT && txc_gtx_is_3pc (gtx)) {
        txc_replica_forgotten (self, gtx);
        return;
    }
    if (!outcome) {
        txc_error_t error;
        txc_error_set (&error, TXC_ESESSION, "the session was closed before the transaction was decided");
        txc_gtx_blame (gtx, &error);
    }
    txc_replica_rolled_back (self, gtx);
}

void txc_replica_resume (txc_replica_t *self, txc_outcome_t *outcome)
{
    txc_reg_session_t *session = txc_registry_session (&self->registry, outcome->gtrid.session);
    TXC_ASSERT (session != NULL);
    txc_gtx_t *gtx = txc_gtx_new (&outcome->gtrid, outcome->n_branches, outcome->branches, self->now_ms);
    for (uint32_t i = 0; i < gtx->n_branches; i++) {
        gtx->branches[i].vote = TXC_VOTE_YES;
        gtx->branches[i].heur = outcome->heur[i];
        gtx->branches[i].done = outcome->heur[i] != TXC_HEUR_NONE;
    }
    gtx->recorded = true;
    txc_replica_transaction_add (self, session, gtx);
    txc_replica_committed (self, gtx);
}

void txc_replica_resume_all (txc_replica_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->registry.outcomes, &cursor); node;
         node = txc_hash_step (&self->registry.outcomes, &cursor)) {
        txc_outcome_t *outcome = TXC_CONTAINER (node, txc_outcome_t, node);
        if (outcome->commit && !outcome->ended)
            txc_replica_resume (self, outcome);
    }
}

void txc_replica_transactions_forget (txc_replica_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->transactions, &cursor); node;
         node = txc_hash_step (&self->transactions, &cursor)) {
        txc_gtx_t *gtx = TXC_CONTAINER (node, txc_gtx_t, node);
        txc_heap_set (&self->timers, &gtx->timer, TXC_NEVER_MS);
        txc_hash_remove (&self->transactions, node);
        txc_list_remove (&gtx->link);
        txc_gtx_destroy (&gtx);
    }
}

void txc_replica_tell_ended (txc_replica_t *self, const txc_gtrid_t *gtrid, const char *rm, uint64_t token,
                             txc_heur_t heur)
{
    const txc_replica_agent_t *agent = txc_replica_agent_of (self, rm);
    if (!agent || !agent->route)
        return;
    txc_msg_t *message = txc_update_message (self->update, TXC_MSG_ENDED, agent->route);
    message->gtrid = *gtrid;
    message->epoch = self->epoch;
    message->token = token;
    message->heur = (uint8_t) heur;
    txc_copy_text (message->rm, sizeof message->rm, rm);
}

void txc_replica_ended (txc_replica_t *self, const txc_gtrid_t *gtrid)
{
    txc_gtx_t *gtx = txc_replica_transaction (self, gtrid);
    if (!gtx || gtx->state != TXC_GTX_ENDING)
        return;
    for (uint32_t i = 0; i < gtx->n_branches; i++)
        if (gtx->branches[i].vote == TXC_VOTE_YES)
            txc_replica_tell_ended (self, gtrid, gtx->branches[i].ref.rm, gtx->branches[i].ref.token,
                                    TXC_HEUR_NONE);
    txc_replica_transaction_remove (self, gtx);
}

/* --- the commit request --------------------------------------------------------------- */

/* What is on record, or kept, answers a repeated request.  True if it was answered. */
static bool s_repeated (txc_replica_t *self, const txc_msg_t *message)
{
    txc_gtx_t *gtx = txc_replica_transaction (self, &message->gtrid);
    if (gtx) {
        gtx->flags |= message->flags & TXC_FLAG_DECISION_LOGGED;
        bool logged = gtx->state == TXC_GTX_COMMITTING && gtx->flags & TXC_FLAG_DECISION_LOGGED;
        if (gtx->answer != TXC_PENDING || logged)
            txc_replica_answer (self, message->route, &gtx->gtrid,
                                gtx->answer != TXC_PENDING ? gtx->answer : TXC_OK, gtx->error);
        else
            gtx->route = message->route;
        return true;
    }
    const txc_outcome_t *outcome = txc_registry_outcome (&self->registry, &message->gtrid);
    if (outcome)
        txc_replica_answer (self, message->route, &message->gtrid, txc_outcome_code (outcome), NULL);
    return outcome != NULL;
}

static void s_refuse (txc_replica_t *self, const txc_msg_t *message, int code, const char *why)
{
    txc_error_t error;
    self->refused++;
    txc_error_set (&error, code, "%s", why);
    txc_replica_answer (self, message->route, &message->gtrid, code, &error);
}

/* Whether a commit request may start; answers it if not. */
static txc_reg_session_t *s_admit (txc_replica_t *self, const txc_msg_t *message)
{
    const txc_gtrid_t *gtrid = &message->gtrid;
    txc_reg_session_t *session = txc_registry_session (&self->registry, gtrid->session);
    if (gtrid->cluster != self->registry.cluster ||
        txc_registry_session_state (&self->registry, gtrid->session) == TXC_SESSION_NEVER)
        s_refuse (self, message, TXC_EFOREIGN, "this group never opened that session");
    else if (txc_registry_is_forgotten (&self->registry, session, gtrid->n))
        s_refuse (self, message, TXC_FORGOTTEN, "whatever became of this transaction is no longer on record");
    else if (session->closed && gtrid->mode != TXC_MODE_3PC)
        s_refuse (self, message, message->n_branches >= 2 ? TXC_ROLLED_BACK : TXC_UNKNOWN,
                  "the session was closed before the transaction was decided");
    else if (gtrid->n < session->told_low)
        s_refuse (self, message, TXC_FORGOTTEN, "the client's low-water mark has passed this transaction");
    else if (gtrid->n >= session->low + TXC_WINDOW)
        s_refuse (self, message, TXC_EOVERLOAD, "too many transactions beyond the low-water mark");
    else if (!txc_mode_is_served (gtrid->mode))
        s_refuse (self, message, TXC_EMODE, "this coordinator ends no transactions in that mode");
    else if (message->n_branches == 0 || message->n_branches > TXC_BRANCHES_MAX)
        s_refuse (self, message, TXC_EINVAL, "a commit names 1 to 32 branches");
    else if (self->space_low)
        s_refuse (self, message, TXC_ENOSPACE, "the coordinator's log is full: free space on its disk");
    else if (self->draining)
        s_refuse (self, message, TXC_EOVERLOAD, "the coordinator is stopping");
    else if (gtrid->mode == TXC_MODE_PAXOS && txc_paxos_votes_are_full (self->paxos))
        s_refuse (self, message, TXC_EOVERLOAD, "the coordinator holds as many votes as it may");
    else if (self->transactions.count >= self->config.max_transactions ||
             self->registry.outcomes.count >= self->config.max_outcomes)
        s_refuse (self, message, TXC_EOVERLOAD, "the coordinator holds as many transactions as it may");
    else
        return session;
    return NULL;
}

static bool s_has_twins (const txc_msg_t *message)
{
    for (uint32_t i = 0; i < message->n_branches; i++)
        for (uint32_t k = 0; k < i; k++)
            if (strcmp (message->branches[i].rm, message->branches[k].rm) == 0)
                return true;
    return false;
}

void txc_replica_commit (txc_replica_t *self, const txc_msg_t *message)
{
    if (s_repeated (self, message))
        return;
    txc_reg_session_t *session = s_admit (self, message);
    if (!session)
        return;
    if (s_has_twins (message)) {
        s_refuse (self, message, TXC_EINVAL, "a commit names each resource manager once");
        return;
    }
    bool paxos = message->gtrid.mode == TXC_MODE_PAXOS;
    if (paxos && txc_replica_votes_are_held_back (self, session)) {
        self->dropped++; /* the application asks again */
        return;
    }
    session->lease_ms = self->now_ms + self->config.lease_ms;
    txc_replica_session_low (self, session, message->low, false);
    txc_gtx_t *gtx = txc_gtx_new (&message->gtrid, message->n_branches, message->branches, self->now_ms);
    txc_replica_transaction_add (self, session, gtx);
    gtx->route = message->route;
    gtx->flags = message->flags & TXC_FLAG_DECISION_LOGGED;
    gtx->deadline_ms = self->now_ms + (message->timeout_ms ? message->timeout_ms : self->config.timeout_ms);
    for (uint32_t i = 0; i < gtx->n_branches; i++) {
        /* A vote that travelled with the last statement counts if it was cast in this very epoch; in Paxos
         * Commit only what the acceptors hold does. */
        const txc_branch_ref_t *ref = &gtx->branches[i].ref;
        if ((ref->vote == TXC_VOTE_YES || ref->vote == TXC_VOTE_READ_ONLY) &&
            txc_epoch_compare (ref->vote_epoch, self->epoch) == 0 && !paxos && !txc_gtx_is_3pc (gtx))
            gtx->branches[i].vote = ref->vote;
    }
    if (session->closed) { /* 3pc: whoever led before may have sent PreCommit */
        txc_replica_terminate (self, gtx);
        return;
    }
    txc_gtx_move (gtx, TXC_GTX_PREPARING);
    if (txc_gtx_is_agreed (gtx))
        s_agreed (self, gtx);
    else if (!txc_replica_last_try (self, gtx))
        txc_replica_pump (self, gtx);
}

/* --- votes and acknowledgements ---------------------------------------------------------- */

/* In Paxos Commit the others' votes may be held by acceptors: a record closes them, later. */
static void s_final_no (txc_replica_t *self, txc_gtx_t *gtx)
{
    txc_reg_session_t *session = txc_registry_session (&self->registry, gtx->gtrid.session);
    if (gtx->gtrid.mode == TXC_MODE_PAXOS) {
        txc_rec_t *record = txc_replica_record (self, TXC_REC_ABORT);
        record->gtrid = gtx->gtrid;
        record->count = gtx->several ? 2 : 1;
        txc_replica_propose (self, record, false);
    }
    txc_replica_rolled_back (self, gtx);
    if (session)
        txc_replica_session_released (self, session);
}

void txc_replica_vote (txc_replica_t *self, const txc_msg_t *message)
{
    txc_gtx_t *gtx = txc_replica_transaction (self, &message->gtrid);
    int place = gtx ? txc_gtx_find (gtx, message->rm, message->token) : -1;
    bool mine = txc_epoch_compare (message->epoch, self->epoch) == 0;
    if (place >= 0 && mine && gtx->state == TXC_GTX_LAST_ASKED && place == gtx->last) {
        txc_replica_last_vote (self, gtx, message);
        return;
    }
    if (place < 0 || !mine || gtx->state != TXC_GTX_PREPARING) {
        self->dropped++;
        return;
    }
    txc_gtx_branch_t *branch = &gtx->branches[place];
    if (txc_gtx_is_3pc (gtx) && message->vote == TXC_VOTE_YES &&
        txc_epoch_compare (message->prior, self->epoch) != 0) {
        txc_replica_terminate (self, gtx); /* it voted for an earlier leader, who may have sent PreCommit */
        return;
    }
    branch->vote = message->vote;
    switch (message->vote) {
    case TXC_VOTE_YES:
    case TXC_VOTE_READ_ONLY:
        memcpy (branch->ref.evidence, message->evidence, sizeof branch->ref.evidence);
        if (txc_gtx_is_agreed (gtx))
            s_agreed (self, gtx);
        else
            txc_replica_last_try (self, gtx);
        break;
    case TXC_VOTE_NO: /* it can never be prepared: nothing needs to be logged, but for other members to ask */
        txc_gtx_blame (gtx, message->error);
        if (txc_gtx_is_3pc (gtx))
            txc_replica_abort (self, gtx);
        else
            s_final_no (self, gtx);
        break;
    case TXC_VOTE_NO_NOT_FINAL: /* it may still appear: first make it irrevocable */
        txc_gtx_blame (gtx, message->error);
        if (txc_gtx_is_3pc (gtx))
            txc_replica_give_up (self, gtx);
        else
            (TXC_MUTANT (ANY_NO_IS_FINAL) ? txc_replica_rolled_back : txc_replica_abort) (self, gtx);
        break;
    default:
        branch->vote = TXC_VOTE_NONE;
        self->dropped++;
    }
}

void txc_replica_phase2_done (txc_replica_t *self, const txc_msg_t *message)
{
    txc_gtx_t *gtx = txc_replica_transaction (self, &message->gtrid);
    int place = gtx ? txc_gtx_find (gtx, message->rm, message->token) : -1;
    bool told = place >= 0 && gtx->state == TXC_GTX_TOLD && gtx->answer != TXC_OK; /* rolled back */
    if (place < 0 || txc_epoch_compare (message->epoch, self->epoch) != 0 ||
        (gtx->state != TXC_GTX_COMMITTING && gtx->state != TXC_GTX_ABORTING &&
         !(told && message->heur != TXC_HEUR_NONE)))
        return;
    txc_gtx_branch_t *branch = &gtx->branches[place];
    if (branch->done || branch->heur)
        return;
    if (message->heur != TXC_HEUR_NONE && branch->vote != TXC_VOTE_READ_ONLY)
        txc_replica_heuristic (self, gtx, branch, message);
    else
        txc_replica_branch_done (self, gtx, branch);
}

void txc_replica_branch_done (txc_replica_t *self, txc_gtx_t *gtx, txc_gtx_branch_t *branch)
{
    branch->done = true;
    if (gtx->state == TXC_GTX_COMMITTING && txc_gtx_is_acknowledged (gtx))
        s_propose_end (self, gtx);
    else
        txc_replica_timer (self, gtx);
}

/* --- time ---------------------------------------------------------------------------------- */

void txc_replica_timer (txc_replica_t *self, txc_gtx_t *gtx)
{
    if (txc_gtx_is_3pc (gtx) && gtx->state != TXC_GTX_PREPARING && txc_gtx_is_open (gtx)) {
        txc_replica_member_timer (self, gtx);
        return;
    }
    bool waits =
        gtx->state == TXC_GTX_PREPARING || (gtx->state == TXC_GTX_LAST_ASKED && TXC_MUTANT (LAST_TIMES_OUT));
    if (waits && gtx->deadline_ms <= self->now_ms) {
        txc_error_t error;
        txc_error_set (&error, TXC_ETIMEDOUT, "the time-out passed before every branch had voted");
        txc_gtx_blame (gtx, &error);
        if (txc_gtx_is_3pc (gtx))
            txc_replica_give_up (self, gtx);
        else
            txc_replica_abort (self, gtx);
        return;
    }
    txc_replica_pump (self, gtx);
    if (gtx->state == TXC_GTX_ABORTING && s_aborting_is_over (self, gtx)) {
        txc_heap_set (&self->timers, &gtx->timer, TXC_NEVER_MS);
        s_aborting_done (self, gtx);
    }
}
