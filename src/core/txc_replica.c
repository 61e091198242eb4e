#include "core/txc_replica_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#define REPLICA_MAGIC 0x7c03e911u

static uint32_t s_or (uint32_t value, uint32_t otherwise)
{
    return value ? value : otherwise;
}

txc_replica_t *txc_replica_new (const txc_replica_config_t *config)
{
    TXC_ASSERT (config->id > 0 && config->codec != NULL);
    txc_replica_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, REPLICA_MAGIC);
    self->config = *config;
    txc_replica_config_t *c = &self->config;
    c->lease_ms = s_or (c->lease_ms, 10000);
    c->retry_ms = s_or (c->retry_ms, 100);
    c->retry_max_ms = s_or (c->retry_max_ms, 5000);
    c->horizon_ms = s_or (c->horizon_ms, 600000);
    c->timeout_ms = s_or (c->timeout_ms, 60000);
    c->guard_ms = s_or (c->guard_ms, 10000);
    c->max_transactions = s_or (c->max_transactions, 20000);
    c->max_sessions = s_or (c->max_sessions, 10000);
    c->max_outcomes = s_or (c->max_outcomes, 1000000);
    txc_registry_init (&self->registry, c->codec, c->horizon_ms);
    txc_list_init (&self->proposals);
    txc_hash_init (&self->transactions);
    txc_heap_init (&self->timers);
    txc_list_init (&self->agents);
    self->lease_due_ms = TXC_NEVER_MS;
    return self;
}

void txc_replica_destroy (txc_replica_t **self_p)
{
    txc_replica_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, REPLICA_MAGIC);
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->transactions, &cursor); node;
         node = txc_hash_step (&self->transactions, &cursor)) {
        txc_gtx_t *gtx = TXC_CONTAINER (node, txc_gtx_t, node);
        txc_heap_set (&self->timers, &gtx->timer, TXC_NEVER_MS);
        txc_list_remove (&gtx->link);
        txc_gtx_destroy (&gtx);
    }
    txc_hash_fini (&self->transactions);
    txc_heap_fini (&self->timers);
    TXC_LIST_EACH (&self->proposals, proposal)
    free (TXC_CONTAINER (proposal, txc_proposal_t, link));
    TXC_LIST_EACH (&self->agents, agent)
    free (TXC_CONTAINER (agent, txc_replica_agent_t, link));
    txc_registry_fini (&self->registry);
    TXC_UNMAGIC (self, REPLICA_MAGIC);
    free (self);
}

/* --- the log ----------------------------------------------------------------- */

txc_rec_t *txc_replica_record (txc_replica_t *self, txc_rec_type_t type)
{
    txc_rec_t *record = &self->scratch;
    memset (record, 0, offsetof (txc_rec_t, branches));
    record->type = (uint8_t) type;
    return record;
}

txc_proposal_t *txc_replica_propose (txc_replica_t *self, const txc_rec_t *record, bool forced)
{
    uint8_t bytes[TXC_RECORD_MAX];
    self->scratch.epoch = self->epoch;
    self->scratch.time_ms = self->wall_ms;
    TXC_ASSERT (record == &self->scratch);
    size_t size = self->config.codec->encode (record, bytes);
    txc_proposal_t *proposal = txc_malloc (sizeof *proposal + size);
    *proposal =
        (txc_proposal_t){.slot = ++self->proposed_slot, .epoch = self->epoch, .size = (uint32_t) size};
    memcpy (proposal->bytes, bytes, size);
    txc_list_append (&self->proposals, &proposal->link);
    txc_entry_t *entry = txc_update_entry (self->update, ++self->entries, forced, record->type, bytes, size);
    entry->form = TXC_ENTRY_ACCEPTED;
    entry->slot = proposal->slot;
    entry->epoch = proposal->epoch;
    proposal->number = entry->number;
    return proposal;
}

int txc_replica_restore (txc_replica_t *self, const void *bytes, size_t size)
{
    TXC_CHECK (self, REPLICA_MAGIC);
    TXC_ASSERT (self->proposed_slot == 0);
    int rc = txc_registry_restore (&self->registry, bytes, size);
    self->proposed_slot = self->registry.applied_slot;
    return rc;
}

int txc_replica_replay (txc_replica_t *self, const txc_entry_t *entry)
{
    TXC_CHECK (self, REPLICA_MAGIC);
    txc_rec_t *record = &self->scratch;
    if (entry->slot <= self->registry.applied_slot)
        return TXC_OK; /* the snapshot holds it */
    if (entry->slot != self->registry.applied_slot + 1 ||
        !self->config.codec->decode (entry->bytes, entry->size, record) ||
        txc_epoch_compare (entry->epoch, record->epoch) < 0)
        return TXC_ECORRUPT;
    txc_registry_apply (&self->registry, entry->slot, record, entry->bytes, entry->size, NULL, NULL);
    self->proposed_slot = entry->slot;
    return TXC_OK;
}

/* What an applied value sets off.  Nothing that rests on a value happens anywhere else. */
static void s_applied (txc_replica_t *self, const txc_rec_t *record, bool valid, txc_reg_session_t *session,
                       txc_outcome_t *outcome, const txc_proposal_t *proposal)
{
    switch (record->type) {
    case TXC_REC_BARRIER:
        if (valid && txc_epoch_compare (record->epoch, self->epoch) == 0) {
            self->leading = true;
            txc_replica_session_renew_all (self);
            txc_replica_votes_anew (self);
        }
        break;
    case TXC_REC_SESSION_OPEN:
        if (valid)
            txc_replica_session_opened (self, session, proposal->route);
        break;
    case TXC_REC_SESSION_CLOSE:
        if (valid)
            txc_replica_session_closed (self, session);
        break;
    case TXC_REC_COMMIT:
    case TXC_REC_ABORT:
        txc_replica_outcome_applied (self, record, outcome);
        break;
    case TXC_REC_END:
        txc_replica_ended (self, &record->gtrid);
        break;
    case TXC_REC_HEURISTIC:
        txc_replica_heuristic_applied (self, record);
        break;
    case TXC_REC_GUARD:
        txc_replica_agent_guard_applied (self, record->agent);
        break;
    default:
        break;
    }
}

/* In a group of one a value is chosen when this replica holds it durably; values are applied in the order of
 * slots. */
static void s_durable (txc_replica_t *self, uint64_t number)
{
    while (!txc_list_is_empty (&self->proposals)) {
        txc_proposal_t *proposal = TXC_CONTAINER (self->proposals.next, txc_proposal_t, link);
        if (proposal->number > number)
            break;
        txc_list_remove (&proposal->link);
        txc_rec_t *record = txc_malloc (sizeof *record);
        bool decoded = self->config.codec->decode (proposal->bytes, proposal->size, record);
        TXC_ASSERT (decoded);
        txc_reg_session_t *session;
        txc_outcome_t *outcome;
        bool valid = txc_registry_apply (&self->registry, proposal->slot, record, proposal->bytes,
                                         proposal->size, &session, &outcome);
        s_applied (self, record, valid, session, outcome, proposal);
        free (record);
        free (proposal);
    }
}

void txc_replica_lead (txc_replica_t *self, uint64_t round)
{
    if (round < self->registry.barrier.round)
        round = self->registry.barrier.round;
    if (round < self->epoch.round)
        round = self->epoch.round;
    /* A drawn step: a group that was restored from an old copy must not come to lead under an epoch that its
     * agents obey already. */
    round += 1 + (txc_mix64 (self->config.seed ^ round) & 0xffff);
    self->epoch = (txc_epoch_t){round, self->config.id};
    self->leading = false;
    if (!self->registry.cluster && self->proposed_slot == 0) {
        txc_rec_t *format = txc_replica_record (self, TXC_REC_FORMAT);
        format->cluster = self->config.new_cluster;
        txc_replica_propose (self, format, true);
    }
    txc_replica_propose (self, txc_replica_record (self, TXC_REC_BARRIER), true);
}

/* Every committed transaction that has not ended goes on with phase 2. */
static void s_start (txc_replica_t *self)
{
    txc_replica_lead (self, 0);
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->registry.outcomes, &cursor); node;
         node = txc_hash_step (&self->registry.outcomes, &cursor)) {
        txc_outcome_t *outcome = TXC_CONTAINER (node, txc_outcome_t, node);
        if (outcome->commit && !outcome->ended && !TXC_MUTANT (NOT_RESUMED))
            txc_replica_resume (self, outcome);
    }
}

/* --- events ------------------------------------------------------------------- */

static int s_message (txc_replica_t *self, const txc_msg_t *message)
{
    if (!self->leading)
        return TXC_ENOTREADY; /* the barrier is not applied: nobody is served; they ask again */
    switch (message->type) {
    case TXC_MSG_SESSION_OPEN:
        txc_replica_session_open (self, message);
        return TXC_OK;
    case TXC_MSG_SESSION_KEEPALIVE:
        txc_replica_session_keepalive (self, message);
        return TXC_OK;
    case TXC_MSG_SESSION_CLOSE:
        txc_replica_session_close (self, message);
        return TXC_OK;
    case TXC_MSG_DIRECTORY:
        txc_replica_send_directory (self, message->route);
        return TXC_OK;
    case TXC_MSG_COMMIT:
        txc_replica_commit (self, message);
        return TXC_OK;
    case TXC_MSG_ROLLBACK:
        txc_replica_rollback (self, message);
        return TXC_OK;
    case TXC_MSG_OUTCOME_QUERY:
        txc_replica_outcome_query (self, message);
        return TXC_OK;
    case TXC_MSG_AGENT_HELLO:
        txc_replica_agent_hello (self, message);
        return TXC_OK;
    case TXC_MSG_VOTE:
        txc_replica_vote (self, message);
        return TXC_OK;
    case TXC_MSG_PHASE2_DONE:
        txc_replica_phase2_done (self, message);
        return TXC_OK;
    case TXC_MSG_INQUIRY:
        txc_replica_inquiry (self, message);
        return TXC_OK;
    default:
        self->dropped++;
        return TXC_EPROTO;
    }
}

static void s_tick (txc_replica_t *self)
{
    if (!self->leading)
        return;
    for (txc_heap_node_t *node; (node = txc_heap_pop (&self->timers, self->now_ms)) != NULL;)
        txc_replica_timer (self, TXC_CONTAINER (node, txc_gtx_t, timer));
    if (self->lease_due_ms <= self->now_ms)
        txc_replica_session_leases (self);
}

int txc_replica_step (txc_replica_t *self, const txc_event_t *event, txc_update_t *update)
{
    TXC_CHECK (self, REPLICA_MAGIC);
    int rc = TXC_OK;
    self->update = update;
    if (event->now_ms > self->now_ms)
        self->now_ms = event->now_ms;
    if (event->wall_ms > self->wall_ms)
        self->wall_ms = event->wall_ms;
    switch (event->type) {
    case TXC_EVENT_START:
        s_start (self);
        break;
    case TXC_EVENT_MESSAGE:
        rc = s_message (self, event->message);
        break;
    case TXC_EVENT_DURABLE:
        s_durable (self, event->number);
        break;
    case TXC_EVENT_TICK:
        s_tick (self);
        break;
    case TXC_EVENT_SPACE:
        self->space_low = event->low;
        break;
    case TXC_EVENT_RESOLVE:
        txc_replica_resolve (self, event);
        break;
    case TXC_EVENT_DRAIN:
        self->draining = true;
        break;
    default:
        rc = TXC_EINVAL;
    }
    TXC_INVARIANT (self->registry.applied_slot <= self->proposed_slot);
    self->update = NULL;
    return rc;
}

uint64_t txc_replica_next_ms (const txc_replica_t *self)
{
    uint64_t next = txc_heap_next_ms (&self->timers);
    if (!self->leading)
        return TXC_NEVER_MS;
    return next < self->lease_due_ms ? next : self->lease_due_ms;
}

void *txc_replica_snapshot (const txc_replica_t *self, size_t *size, uint64_t *slot)
{
    TXC_CHECK (self, REPLICA_MAGIC);
    *slot = self->registry.applied_slot;
    return txc_registry_snapshot (&self->registry, size);
}
