#include "core/txc_agent_member.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#define AGENT_MAGIC 0x7c0a6e27u

enum { RM_RETRY_MS = 200, RM_RETRY_MAX_MS = 5000, SESSIONS_MAX = 16384 };

static uint32_t s_or (uint32_t value, uint32_t otherwise)
{
    return value ? value : otherwise;
}

txc_agent_t *txc_agent_new (const txc_agent_config_t *config)
{
    TXC_ASSERT (config->incarnation != 0 && config->codec != NULL && config->n_rms <= TXC_RMS_MAX);
    txc_agent_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, AGENT_MAGIC);
    self->config = *config;
    txc_agent_config_t *c = &self->config;
    c->hello_ms = s_or (c->hello_ms, 1000);
    c->inquiry_ms = s_or (c->inquiry_ms, 2000);
    c->scan_ms = s_or (c->scan_ms, 10000);
    c->retry_ms = s_or (c->retry_ms, 50);
    c->timeout_ms = s_or (c->timeout_ms, 60000);
    c->owner_ms = s_or (c->owner_ms, 3000);
    c->terminate_ms = s_or (c->terminate_ms, 5000);
    c->max_queued = s_or (c->max_queued, 64);
    c->max_ended = s_or (c->max_ended, 100000);
    for (uint32_t i = 0; i < c->n_rms; i++)
        c->rms[i].max_branches = s_or (c->rms[i].max_branches, 100);
    self->random = config->seed ^ config->incarnation;
    txc_hash_init (&self->branches);
    txc_hash_init (&self->numbers_table);
    txc_hash_init (&self->sessions);
    txc_hash_init (&self->proofs);
    txc_hash_init (&self->members);
    txc_list_init (&self->writing);
    txc_heap_init (&self->member_timers);
    txc_list_init (&self->ended);
    txc_heap_init (&self->timers);
    txc_heap_init (&self->proof_timers);
    self->hello_due_ms = TXC_NEVER_MS;
    txc_leader_init (&self->leader, (const char (*)[TXC_ENDPOINT_MAX + 1]) c->coordinators,
                     c->n_coordinators);
    for (uint32_t i = 0; i < TXC_RMS_MAX; i++)
        self->rms[i].due_ms = TXC_NEVER_MS;
    return self;
}

static void s_branch_free (txc_agent_t *self, txc_branch_t *branch)
{
    txc_heap_set (&self->timers, &branch->timer, TXC_NEVER_MS);
    TXC_LIST_EACH (&branch->statements, link)
    txc_agent_statement_destroy (TXC_CONTAINER (link, txc_statement_t, link));
    free (branch->error);
    free (branch->participants);
    free (branch);
}

void txc_agent_destroy (txc_agent_t **self_p)
{
    txc_agent_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, AGENT_MAGIC);
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->branches, &cursor); node;
         node = txc_hash_step (&self->branches, &cursor))
        s_branch_free (self, TXC_CONTAINER (node, txc_branch_t, node));
    for (txc_hash_node_t *node = txc_hash_begin (&self->sessions, &cursor); node;
         node = txc_hash_step (&self->sessions, &cursor))
        free (TXC_CONTAINER (node, txc_agent_session_t, node));
    for (txc_hash_node_t *node = txc_hash_begin (&self->proofs, &cursor); node;
         node = txc_hash_step (&self->proofs, &cursor))
        free (TXC_CONTAINER (node, txc_proof_t, node));
    for (txc_hash_node_t *node = txc_hash_begin (&self->members, &cursor); node;
         node = txc_hash_step (&self->members, &cursor))
        txc_agent_member_free (self, TXC_CONTAINER (node, txc_agent_member_t, node));
    txc_hash_fini (&self->members);
    txc_heap_fini (&self->member_timers);
    free (self->peers);
    txc_hash_fini (&self->branches);
    txc_hash_fini (&self->numbers_table);
    txc_hash_fini (&self->sessions);
    txc_hash_fini (&self->proofs);
    txc_heap_fini (&self->timers);
    txc_heap_fini (&self->proof_timers);
    TXC_UNMAGIC (self, AGENT_MAGIC);
    free (self);
}

/* --- recovery scans ------------------------------------------------------------- */

static void s_scan (txc_agent_t *self, uint8_t rm)
{
    txc_agent_rm_state_t *state = &self->rms[rm];
    txc_work_t *work = txc_update_work (self->update, state->ready ? TXC_WORK_SCAN : TXC_WORK_RECOVER);
    work->rm = rm;
    work->scan = ++self->scans;
    state->busy = true;
    state->due_ms = TXC_NEVER_MS;
}

/* A prepared branch that this incarnation does not know: it voted yes in an earlier one (or its statement's
 * answer was lost with the agent).  Whatever it is, only the TM decides. */
static void s_found (txc_agent_t *self, uint8_t rm, uint64_t scan, const txc_found_t *found)
{
    if ((found->gtrid.cluster != self->cluster && !TXC_MUTANT (FOREIGN_CLUSTER_TOUCHED)) || !self->cluster)
        return; /* never touched */
    txc_branch_t *branch = txc_agent_branch_find (self, &found->gtrid, rm, found->token);
    if (branch && !txc_branch_is_ended (branch)) {
        txc_agent_owner_found (self, branch);
        return;
    }
    if (branch && branch->ended_scan >= scan)
        return;
    bool maybe_committed = false;
    const txc_proof_t *proof = txc_agent_proof (self, &found->gtrid, rm, found->token);
    if (proof && proof->kind == TXC_JOURNAL_HEURISTIC && self->config.rms[rm].forgets)
        return; /* it waits to be forgotten */
    if (branch) /* it ended, and is listed again: the RM had not forced its rollback */
        txc_agent_branch_remove (self, branch);
    if (proof && proof->kind == TXC_JOURNAL_HEURISTIC) { /* so that was not its end */
        txc_agent_proof_void (self, &found->gtrid, rm, found->token);
        proof = NULL;
    }
    /* No session of this agent is left that could still commit it, and it is listed: what was begun before
     * did not come about.  An application's session may yet obey what it was asked for then. */
    if (proof && proof->kind == TXC_JOURNAL_COMMITTING)
        maybe_committed = proof->evidence[0] != '\0' || TXC_MUTANT (LISTED_MAY_BE_COMMITTED);
    branch = txc_agent_branch_add (self, &found->gtrid, rm, found->token);
    const char *evidence = proof && proof->evidence[0] ? proof->evidence : found->evidence;
    branch->recovered = true;
    branch->maybe_committed = maybe_committed;
    branch->owner_kept = proof && proof->kind == TXC_JOURNAL_OWNER;
    branch->record_only = self->rms[rm].record_only;
    branch->vote = TXC_VOTE_YES;
    branch->fence_first = true; /* a session of an earlier life may still hold it */
    branch->began_ms = self->now_ms > found->age_ms ? self->now_ms - found->age_ms : 0;
    branch->inquire_ms = self->now_ms;
    memcpy (branch->evidence, evidence, sizeof branch->evidence);
    txc_agent_branch_move (self, branch, TXC_BRANCH_PREPARED);
    if (txc_branch_is_3pc (branch) && txc_agent_member_found (self, branch)) {
        branch->final_no = true; /* its yes-vote was never forced, so it was never cast */
        txc_agent_roll_back (self, branch);
    }
}

/* A later version of its plugin may tell more of the same copy. */
static bool s_tells_more (const char *before, const char *now)
{
    size_t size = strlen (before);
    return strncmp (before, now, size) == 0 && now[size] == '/';
}

static void s_take_identity (txc_agent_t *self, uint8_t rm, const char *identity)
{
    txc_agent_rm_state_t *state = &self->rms[rm];
    if (!identity[0])
        return;
    memcpy (state->scanned, identity, sizeof state->scanned);
    if (strcmp (state->identity, identity) == 0)
        return;
    if (state->identity[0] && !s_tells_more (state->identity, identity)) {
        state->record_only = true;
        return;
    }
    memcpy (state->identity, identity, sizeof state->identity);
    txc_jrec_t record = {.kind = TXC_JOURNAL_IDENTITY};
    memcpy (record.rm, self->config.rms[rm].name, sizeof record.rm);
    memcpy (record.text, identity, sizeof record.text);
    txc_agent_journal (self, &record, true);
}

static void s_scan_done (txc_agent_t *self, const txc_work_done_t *done)
{
    txc_agent_rm_state_t *state = &self->rms[done->rm];
    state->busy = false;
    bool was_up = state->up && state->ready;
    if (done->status != TXC_WORK_OK) {
        uint64_t wait = (uint64_t) RM_RETRY_MS << (state->failures < 8 ? state->failures : 8);
        state->failures++;
        state->up = false;
        state->due_ms = self->now_ms + (wait < RM_RETRY_MAX_MS ? wait : RM_RETRY_MAX_MS);
    } else {
        s_take_identity (self, done->rm, done->identity);
        state->failures = 0;
        state->up = true;
        for (uint32_t i = 0; i < done->n_found; i++)
            s_found (self, done->rm, done->scan, &done->found[i]);
        /* Before the cluster is known nothing that was listed could be told from foreign branches. */
        state->ready = state->ready || self->cluster != 0;
        state->due_ms = TXC_MUTANT (SCAN_ONCE) ? TXC_NEVER_MS : self->now_ms + self->config.scan_ms;
    }
    if (was_up != (state->up && state->ready))
        txc_agent_hello (self);
}

/* --- events ------------------------------------------------------------------------- */

static void s_from_leader (txc_agent_t *self, const txc_msg_t *message)
{
    if (!txc_agent_obeys (self, message))
        return;
    switch (message->type) {
    case TXC_MSG_PREPARE:
        txc_agent_prepare (self, message);
        break;
    case TXC_MSG_PHASE2_COMMIT:
        txc_agent_phase2 (self, message, true);
        break;
    case TXC_MSG_PHASE2_ROLLBACK:
        txc_agent_phase2 (self, message, false);
        break;
    case TXC_MSG_INQUIRY_PENDING:
        txc_agent_pending (self, message);
        break;
    default:
        txc_agent_ended (self, message);
    }
}

/* Participants of two-phase commits only ask each other, and answer. */
static int s_from_peer (txc_agent_t *self, const txc_msg_t *message)
{
    if (message->epoch.round) /* a leader has other words for it */
        return TXC_EPROTO;
    switch (message->type) {
    case TXC_MSG_TERMINATE:
        txc_agent_peer_asked (self, message);
        return TXC_OK;
    case TXC_MSG_MEMBER_STATE:
        txc_agent_peer_answered (self, message);
        return TXC_OK;
    default:
        return TXC_EPROTO;
    }
}

static int s_from_member (txc_agent_t *self, const txc_msg_t *message)
{
    if (message->gtrid.mode == TXC_MODE_2PC)
        return s_from_peer (self, message);
    if (message->gtrid.mode != TXC_MODE_3PC)
        return TXC_EPROTO;
    if (message->epoch.round && !txc_agent_obeys (self, message))
        return TXC_OK; /* the group speaks through its leader only */
    switch (message->type) {
    case TXC_MSG_TERMINATE:
        txc_agent_member_terminate (self, message);
        break;
    case TXC_MSG_PRE_DECIDE:
        txc_agent_member_pre_decide (self, message);
        break;
    case TXC_MSG_DECIDED:
        txc_agent_member_told (self, message);
        break;
    case TXC_MSG_MEMBER_STATE:
        txc_agent_terminate_state (self, message);
        break;
    default:
        txc_agent_terminate_acked (self, message);
    }
    return TXC_OK;
}

static int s_message (txc_agent_t *self, const txc_msg_t *message)
{
    switch (message->type) {
    case TXC_MSG_EXEC:
        txc_agent_exec (self, message);
        return TXC_OK;
    case TXC_MSG_BRANCH_ROLLBACK:
        txc_agent_branch_rollback (self, message);
        return TXC_OK;
    case TXC_MSG_OWNER_WORD:
        txc_agent_owner_word (self, message);
        return TXC_OK;
    case TXC_MSG_BRANCH_COMMIT:
        txc_agent_branch_commit (self, message);
        return TXC_OK;
    case TXC_MSG_AGENT_WELCOME:
        txc_agent_welcome (self, message);
        return TXC_OK;
    case TXC_MSG_NOT_LEADER:
        txc_agent_not_leader (self, message);
        return TXC_OK;
    case TXC_MSG_PREPARE:
    case TXC_MSG_PHASE2_COMMIT:
    case TXC_MSG_PHASE2_ROLLBACK:
    case TXC_MSG_INQUIRY_PENDING:
    case TXC_MSG_ENDED:
        s_from_leader (self, message);
        return TXC_OK;
    case TXC_MSG_TERMINATE:
    case TXC_MSG_MEMBER_STATE:
    case TXC_MSG_PRE_DECIDE:
    case TXC_MSG_PRE_DECIDED:
    case TXC_MSG_DECIDED:
        return s_from_member (self, message);
    default:
        self->dropped++;
        return TXC_EPROTO;
    }
}

static void s_work_done (txc_agent_t *self, txc_work_done_t *done)
{
    if (done->op == TXC_WORK_RECOVER || done->op == TXC_WORK_SCAN)
        s_scan_done (self, done);
    else if (done->op != TXC_WORK_FORGET) {
        txc_branch_t *branch = txc_agent_branch_numbered (self, done->branch);
        TXC_ASSERT (branch != NULL && branch->busy);
        txc_agent_branch_done (self, branch, done);
    }
    txc_blob_destroy (&done->body);
}

static void s_branch_due (txc_agent_t *self, txc_branch_t *branch)
{
    if (branch->owner_op != TXC_WORK_NONE &&
        (branch->owner_ask_ms <= self->now_ms || branch->owner_due_ms <= self->now_ms))
        txc_agent_owner_due (self, branch);
    else if (branch->state == TXC_BRANCH_ACTIVE && branch->deadline_ms <= self->now_ms) {
        /* PREPARE was never sent: the agent may end it by itself, for good. */
        branch->deadline_ms = TXC_NEVER_MS;
        txc_error_t error;
        txc_error_set (&error, TXC_ETIMEDOUT, "the transaction's time-out passed before it was committed");
        txc_agent_branch_blame (branch, &error);
        txc_agent_roll_back (self, branch);
    } else if (branch->retry_ms <= self->now_ms)
        txc_agent_phase2_try (self, branch);
    else if (branch->inquire_ms <= self->now_ms && TXC_MUTANT (TIMER_ENDS_PREPARED) && !branch->busy)
        txc_agent_roll_back (self, branch);
    else if (branch->inquire_ms <= self->now_ms)
        txc_agent_inquire (self, branch);
    else
        txc_agent_branch_timer (self, branch);
}

/* Sessions without branches go when there are many: what they protect against, a first statement delivered
 * twice, is caught by the branch's token as well. */
static void s_sweep_sessions (txc_agent_t *self)
{
    if (self->sessions.count <= SESSIONS_MAX)
        return;
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->sessions, &cursor); node;
         node = txc_hash_step (&self->sessions, &cursor)) {
        txc_agent_session_t *session = TXC_CONTAINER (node, txc_agent_session_t, node);
        if (!txc_list_is_empty (&session->branches))
            continue;
        txc_hash_remove (&self->sessions, &session->node);
        free (session);
    }
}

static void s_tick (txc_agent_t *self)
{
    txc_agent_peers_tick (self);
    for (txc_heap_node_t *node; (node = txc_heap_pop (&self->timers, self->now_ms)) != NULL;)
        s_branch_due (self, TXC_CONTAINER (node, txc_branch_t, timer));
    for (txc_heap_node_t *node; (node = txc_heap_pop (&self->proof_timers, self->now_ms)) != NULL;)
        txc_agent_proof_ask (self, TXC_CONTAINER (node, txc_proof_t, timer));
    for (txc_heap_node_t *node; (node = txc_heap_pop (&self->member_timers, self->now_ms)) != NULL;)
        txc_agent_member_timer (self, TXC_CONTAINER (node, txc_agent_member_t, timer));
    for (uint32_t i = 0; i < self->config.n_rms; i++)
        if (self->rms[i].due_ms <= self->now_ms)
            s_scan (self, (uint8_t) i);
    if (self->hello_due_ms <= self->now_ms)
        txc_agent_hello (self);
    s_sweep_sessions (self);
}

static void s_start (txc_agent_t *self)
{
    self->started_ms = self->now_ms;
    for (uint32_t i = 0; i < self->config.n_rms; i++)
        s_scan (self, (uint8_t) i);
    txc_agent_hello (self);
}

int txc_agent_step (txc_agent_t *self, const txc_agent_event_t *event, txc_update_t *update)
{
    TXC_CHECK (self, AGENT_MAGIC);
    int rc = TXC_OK;
    self->update = update;
    self->steps++;
    if (event->now_ms > self->now_ms)
        self->now_ms = event->now_ms;
    uint64_t seen = event->message ? event->message->clock : 0;
    self->clock = update->clock = txc_hlc_next (txc_hlc_seen (self->clock, seen, 0), 0);
    switch (event->type) {
    case TXC_AGENT_START:
        s_start (self);
        break;
    case TXC_AGENT_MESSAGE:
        self->from = event->from;
        rc = s_message (self, event->message);
        self->from = NULL;
        break;
    case TXC_AGENT_WORK_DONE:
        s_work_done (self, event->done);
        break;
    case TXC_AGENT_JOURNALED:
        txc_agent_journaled (self, event->slot);
        txc_agent_members_journaled (self, event->slot);
        break;
    case TXC_AGENT_TICK:
        s_tick (self);
        break;
    case TXC_AGENT_OPERATOR:
        txc_agent_operator (self, event);
        break;
    case TXC_AGENT_ACCEPT_LOG:
        txc_agent_accept_log (self);
        break;
    case TXC_AGENT_DRAIN:
        self->draining = true;
        txc_agent_hello (self);
        break;
    default:
        rc = TXC_EINVAL;
    }
    self->update = NULL;
    return rc;
}

uint64_t txc_agent_next_ms (const txc_agent_t *self)
{
    uint64_t next = txc_heap_next_ms (&self->timers);
    uint64_t proofs = txc_heap_next_ms (&self->proof_timers);
    if (proofs < next)
        next = proofs;
    if (self->hello_due_ms < next)
        next = self->hello_due_ms;
    uint64_t members = txc_heap_next_ms (&self->member_timers);
    if (members < next)
        next = members;
    for (uint32_t i = 0; i < self->config.n_rms; i++)
        if (self->rms[i].due_ms < next)
            next = self->rms[i].due_ms;
    return next;
}

/* --- views ------------------------------------------------------------------------------ */

static const char *s_waits (const txc_agent_t *self, const txc_branch_t *branch)
{
    const txc_agent_member_t *member = txc_agent_member (self, &branch->gtrid, branch->rm, branch->token);
    if (member && (branch->state == TXC_BRANCH_PREPARED || branch->state == TXC_BRANCH_READ_ONLY))
        return member->abstains               ? "an outcome on record (its journal was lost)"
               : member->quorum.phase         ? "a majority of the members that it asks"
               : member->kind == TXC_VOTE_YES ? "the outcome; it is pre-committed"
               : member->kind == TXC_VOTE_NO  ? "the outcome; it is pre-aborted"
                                              : "the coordinator, or a majority of its members";
    switch (branch->state) {
    case TXC_BRANCH_ACTIVE:
        return branch->busy ? "a statement" : "the application";
    case TXC_BRANCH_PREPARED:
    case TXC_BRANCH_READ_ONLY:
        return txc_agent_in_doubt_waits (self, branch);
    case TXC_BRANCH_COMMITTED:
    case TXC_BRANCH_ROLLED_BACK:
    case TXC_BRANCH_HEURISTIC:
    case TXC_BRANCH_UNKNOWN:
        return "";
    default:
        return "the resource manager";
    }
}

void txc_agent_each (const txc_agent_t *self, bool (*visit) (void *arg, const txc_branch_view_t *view),
                     void *arg)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->branches, &cursor); node;
         node = txc_hash_step (&self->branches, &cursor)) {
        const txc_branch_t *branch = TXC_CONTAINER (node, txc_branch_t, node);
        txc_branch_view_t view = {
            .gtrid = branch->gtrid,
            .token = branch->token,
            .age_ms = self->now_ms - branch->began_ms,
            .rm = self->config.rms[branch->rm].name,
            .state = txc_branch_transitions()->names[branch->state],
            .waits = s_waits (self, branch),
            .statements = branch->count,
            .vote = branch->vote,
            .quarantined = branch->quarantined,
            .owner = branch->owner,
        };
        if (!visit (arg, &view))
            return;
    }
}

void txc_agent_status (const txc_agent_t *self, txc_agent_status_t *status)
{
    *status = (txc_agent_status_t){
        .cluster = self->cluster,
        .incarnation = self->config.incarnation,
        .epoch = self->epoch,
        .registered = self->registered,
        .latched = self->latched,
        .draining = self->draining,
        .active = self->n_active,
        .prepared = self->n_prepared,
        .ended = self->n_ended,
        .commits = self->commits,
        .rollbacks = self->rollbacks,
        .inquiries = self->inquiries,
        .heuristics = self->heuristics,
        .dropped = self->dropped,
        .terminations = self->terminations,
        .told_by_peers = self->told_by_peers,
    };
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->branches, &cursor); node;
         node = txc_hash_step (&self->branches, &cursor))
        status->quarantined += TXC_CONTAINER (node, txc_branch_t, node)->quarantined;
}

bool txc_agent_is_latched (const txc_agent_t *self)
{
    return self->latched;
}

bool txc_agent_rm_is_up (const txc_agent_t *self, uint32_t rm)
{
    return rm < self->config.n_rms && self->rms[rm].up && self->rms[rm].ready;
}
