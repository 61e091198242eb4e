#include "core/txc_replica_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#define REPLICA_MAGIC 0x7c03e911u

static txc_paxos_t *s_paxos_new (txc_replica_t *self);
static void s_forget_openings (txc_replica_t *self);

static uint32_t s_or (uint32_t value, uint32_t otherwise)
{
    return value ? value : otherwise;
}

txc_replica_t *txc_replica_new (const txc_replica_config_t *config)
{
    TXC_ASSERT (config->codec != NULL);
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
    txc_list_init (&self->openings);
    txc_list_init (&self->questions);
    txc_hash_init (&self->transactions);
    txc_heap_init (&self->timers);
    txc_list_init (&self->agents);
    self->lease_due_ms = TXC_NEVER_MS;
    self->paxos = s_paxos_new (self);
    return self;
}

void txc_replica_destroy (txc_replica_t **self_p)
{
    txc_replica_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, REPLICA_MAGIC);
    txc_replica_transactions_forget (self);
    txc_hash_fini (&self->transactions);
    txc_heap_fini (&self->timers);
    s_forget_openings (self);
    txc_replica_questions_forget (self);
    TXC_LIST_EACH (&self->agents, agent)
    free (TXC_CONTAINER (agent, txc_replica_agent_t, link));
    txc_registry_fini (&self->registry);
    txc_paxos_destroy (&self->paxos);
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

uint64_t txc_replica_propose (txc_replica_t *self, const txc_rec_t *record, bool forced)
{
    TXC_ASSERT (record == &self->scratch);
    self->scratch.epoch = self->epoch;
    self->scratch.time_ms = self->wall_ms;
    self->scratch.clock = ++self->update->clock;
    return txc_paxos_propose (self->paxos, record, forced);
}

int txc_replica_restore (txc_replica_t *self, const void *bytes, size_t size)
{
    TXC_CHECK (self, REPLICA_MAGIC);
    return txc_paxos_restore (self->paxos, bytes, size);
}

int txc_replica_replay (txc_replica_t *self, const txc_entry_t *entry)
{
    TXC_CHECK (self, REPLICA_MAGIC);
    return txc_paxos_replay (self->paxos, entry);
}

int txc_replica_force_new_group (txc_replica_t *self, uint64_t *cluster)
{
    TXC_CHECK (self, REPLICA_MAGIC);
    TXC_ASSERT (self->config.new_cluster);
    if (!txc_paxos_disk (self->paxos))
        return TXC_ENOTREADY;
    txc_paxos_force_alone (self->paxos);
    *cluster = self->registry.cluster;
    if (!*cluster)
        return TXC_ENOTREADY;
    self->registry.cluster = self->config.new_cluster;
    return TXC_OK;
}

static uint64_t s_opening_route (txc_replica_t *self, uint64_t slot)
{
    uint64_t route = 0;
    while (!txc_list_is_empty (&self->openings)) {
        txc_opening_t *opening = TXC_CONTAINER (self->openings.next, txc_opening_t, link);
        if (opening->slot > slot)
            break;
        if (opening->slot == slot)
            route = opening->route;
        txc_list_remove (&opening->link);
        free (opening);
    }
    return route;
}

/* The barrier of this replica's own leadership is applied: everything that any earlier leader told anybody is
 * applied before it. */
static void s_lead (txc_replica_t *self)
{
    self->leading = true;
    self->lead_slot = self->registry.applied_slot;
    txc_replica_session_renew_all (self);
    txc_replica_agents_welcome (self);
    if (!TXC_MUTANT (NOT_RESUMED))
        txc_replica_resume_all (self);
    if (!TXC_MUTANT (INTENT_NOT_RESUMED))
        txc_replica_resume_intents (self);
    txc_replica_votes_recover (self);
}

/* What an applied value sets off.  Nothing that rests on a value happens anywhere else. */
static void s_applied (txc_replica_t *self, uint64_t slot, const txc_rec_t *record, bool valid,
                       txc_reg_session_t *session, txc_outcome_t *outcome)
{
    /* Void by its origin, a record says nothing, not even that its session is closed: what this leader has in
     * flight is decided by its own records. */
    if (txc_epoch_compare (record->epoch, self->registry.barrier) < 0)
        return;
    switch (record->type) {
    case TXC_REC_BARRIER:
        txc_paxos_superseded (self->paxos, record->epoch);
        if (valid && !self->leading && txc_paxos_leads (self->paxos) &&
            txc_epoch_compare (record->epoch, self->epoch) == 0)
            s_lead (self);
        break;
    case TXC_REC_SESSION_OPEN:
        if (valid)
            txc_replica_session_opened (self, session, s_opening_route (self, slot));
        break;
    case TXC_REC_SESSION_CLOSE:
        if (valid)
            txc_replica_session_closed (self, session);
        break;
    case TXC_REC_COMMIT:
    case TXC_REC_ABORT:
        txc_replica_outcome_applied (self, record, outcome);
        if (session)
            txc_replica_session_released (self, session);
        break;
    case TXC_REC_INTENT:
        txc_replica_intent_applied (self, record, valid);
        if (session)
            txc_replica_session_released (self, session);
        break;
    case TXC_REC_END:
        txc_replica_ended (self, &record->gtrid);
        break;
    case TXC_REC_ELECTED:
    case TXC_REC_PRE_DECIDED:
        txc_replica_elected_applied (self, record, valid);
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

/* --- what the log says -------------------------------------------------------- */

/* Whatever this replica does from now on has a higher stamp. */
static void s_see (txc_replica_t *self, uint64_t stamp)
{
    uint64_t *clock = self->update ? &self->update->clock : &self->clock;
    if (stamp > *clock)
        *clock = stamp;
}

static bool s_on_chosen (void *arg, uint64_t slot, uint8_t kind, const uint8_t *bytes, size_t size)
{
    txc_replica_t *self = arg;
    txc_rec_t record;
    (void) kind;
    bool decoded = self->config.codec->decode (bytes, size, &record);
    TXC_ASSERT (decoded);
    txc_reg_session_t *session;
    txc_outcome_t *outcome;
    bool valid = txc_registry_apply (&self->registry, slot, &record, bytes, size, &session, &outcome);
    s_see (self, record.clock);
    txc_replica_votes_applied (self, &record);
    if (valid && self->config.applied)
        self->config.applied (self->config.applied_arg, slot, &record);
    if (self->update) /* replaying sets nothing off */
        s_applied (self, slot, &record, valid, session, outcome);
    return valid;
}

static void s_on_elected (void *arg, txc_epoch_t ballot)
{
    txc_replica_t *self = arg;
    self->epoch = ballot;
    if (!self->registry.cluster) {
        txc_rec_t *format = txc_replica_record (self, TXC_REC_FORMAT);
        format->cluster = self->config.new_cluster;
        if (!format->cluster)
            format->cluster = txc_mix64 (self->config.seed) | 1;
        txc_replica_propose (self, format, true);
    }
    txc_replica_propose (self, txc_replica_record (self, TXC_REC_BARRIER), true);
    if (TXC_MUTANT (SERVES_BEFORE_BARRIER))
        s_lead (self);
}

static void s_forget_openings (txc_replica_t *self)
{
    for (txc_list_t *link; (link = txc_list_pop (&self->openings)) != NULL;)
        free (TXC_CONTAINER (link, txc_opening_t, link));
}

/* Whoever is served learns it at once: should this replica die next, they know whom to ask. */
static void s_on_members (void *arg)
{
    txc_replica_t *self = arg;
    if (!self->leading || !self->update)
        return;
    txc_replica_session_tell_all (self);
    txc_replica_agents_welcome (self);
}

/* What a leader knows beside the log means nothing any more. */
static void s_on_deposed (void *arg)
{
    txc_replica_t *self = arg;
    self->leading = false;
    self->lease_due_ms = TXC_NEVER_MS;
    txc_replica_transactions_forget (self);
    txc_replica_session_reset_all (self);
    txc_replica_agents_reset (self);
    s_forget_openings (self);
    txc_replica_questions_forget (self);
}

static void *s_on_save (void *arg, size_t *size)
{
    const txc_replica_t *self = arg;
    return txc_registry_snapshot (&self->registry, size);
}

/* First beside the state that is there: bytes that cannot be read must not cost it. */
static int s_on_load (void *arg, uint64_t slot, const void *bytes, size_t size)
{
    txc_replica_t *self = arg;
    txc_registry_t *trial = txc_malloc (sizeof *trial);
    txc_registry_init (trial, self->config.codec, self->config.horizon_ms);
    int rc = txc_registry_restore (trial, bytes, size);
    if (rc == TXC_OK && trial->applied_slot != slot)
        rc = TXC_ECORRUPT;
    txc_registry_fini (trial);
    free (trial);
    if (rc)
        return rc;
    txc_registry_fini (&self->registry);
    txc_registry_init (&self->registry, self->config.codec, self->config.horizon_ms);
    rc = txc_registry_restore (&self->registry, bytes, size);
    s_see (self, self->registry.clock);
    txc_replica_votes_sweep (self); /* of what it decides; all others stay */
    return rc;
}

static txc_paxos_t *s_paxos_new (txc_replica_t *self)
{
    const txc_replica_config_t *c = &self->config;
    txc_paxos_config_t config = {
        .id = c->id,
        .seed = c->seed,
        .new_disk = c->new_disk ? c->new_disk : txc_mix64 (c->seed) | 1,
        .format = c->new_cluster != 0,
        .n_members = c->n_members,
        .heartbeat_ms = s_or (c->heartbeat_ms, 50),
        .election_ms = s_or (c->election_ms, 300),
        .clock_skew = s_or (c->clock_skew, 50),
        .keep_bytes = c->keep_bytes ? c->keep_bytes : 64 << 20,
        .snapshot_chunk = s_or (c->snapshot_chunk, 256 << 10),
        .learn_direct = c->learn_direct,
        .no_lease = c->no_lease,
        .codec = c->codec,
    };
    config.lease_ms = s_or (c->group_lease_ms, config.election_ms);
    memcpy (config.members, c->members, sizeof config.members);
    memcpy (config.endpoint, c->endpoint, sizeof config.endpoint);
    txc_paxos_hooks_t hooks = {
        .arg = self,
        .chosen = s_on_chosen,
        .elected = s_on_elected,
        .deposed = s_on_deposed,
        .voted = txc_replica_voted,
        .members = s_on_members,
        .save = s_on_save,
        .load = s_on_load,
    };
    return txc_paxos_new (&config, &hooks);
}

/* --- events ------------------------------------------------------------------- */

void txc_replica_tell_members (txc_replica_t *self, txc_msg_t *reply)
{
    const txc_member_t *members = txc_paxos_members (self->paxos, &reply->n_members);
    if (reply->n_members < 2)
        reply->n_members = 0;
    txc_member_t *copy = txc_update_alloc (self->update, (reply->n_members + 1) * sizeof *copy);
    memcpy (copy, members, reply->n_members * sizeof *copy);
    reply->members = copy;
}

/* Somebody who asks the wrong replica is told the right one, if it is known. */
static void s_redirect (txc_replica_t *self, const txc_msg_t *message)
{
    uint32_t leader = txc_paxos_leader (self->paxos);
    if (leader == self->config.id)
        return; /* it will lead in a moment */
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_NOT_LEADER, message->route);
    txc_replica_tell_members (self, reply);
    reply->replica = leader;
}

/* Rounds are counted up from 1: whoever names one beyond any of ours would leave none for the next leader. */
static bool s_is_beyond (txc_epoch_t epoch)
{
    return epoch.round >= TXC_ROUND_MAX;
}

static int s_message (txc_replica_t *self, const txc_msg_t *message)
{
    if (s_is_beyond (message->epoch) || s_is_beyond (message->prior)) {
        self->dropped++;
        return TXC_EPROTO;
    }
    if (txc_paxos_is_message (message->type))
        return txc_paxos_message (self->paxos, message);
    if (txc_replica_is_cast (message))
        return txc_replica_vote_cast (self, message); /* as an acceptor, whoever leads */
    if (!self->leading && !txc_paxos_leads (self->paxos)) {
        if (message->type == TXC_MSG_AGENT_HELLO)
            txc_replica_agent_noted (self, message);
        s_redirect (self, message);
        return TXC_ENOTLEADER;
    }
    if (!self->leading)
        return TXC_ENOTREADY; /* the barrier is not applied: nobody is served; they ask again */
    /* Whether or not this replica still leads, its proposals are safe.  Its answers rest on nobody else
     * leading. */
    bool answer = message->type != TXC_MSG_VOTE && message->type != TXC_MSG_PHASE2_DONE &&
                  message->type != TXC_MSG_MEMBER_STATE && message->type != TXC_MSG_PRE_DECIDED;
    if (answer && !txc_paxos_has_lease (self->paxos))
        return txc_replica_question_keep (self, message);
    return txc_replica_serve (self, message);
}

int txc_replica_serve (txc_replica_t *self, const txc_msg_t *message)
{
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
    case TXC_MSG_TERMINATE:
    case TXC_MSG_MEMBER_STATE:
    case TXC_MSG_PRE_DECIDE:
    case TXC_MSG_PRE_DECIDED:
    case TXC_MSG_DECIDED:
        txc_replica_from_member (self, message);
        return TXC_OK;
    default:
        self->dropped++;
        return TXC_EPROTO;
    }
}

static void s_tick (txc_replica_t *self)
{
    txc_paxos_tick (self->paxos);
    if (!self->leading)
        return;
    for (txc_heap_node_t *node; (node = txc_heap_pop (&self->timers, self->now_ms)) != NULL;)
        txc_replica_timer (self, TXC_CONTAINER (node, txc_gtx_t, timer));
    if (self->lease_due_ms <= self->now_ms)
        txc_replica_session_leases (self);
}

/* The stamp of a step.  Other replicas are believed whatever they say: their stamps are in the log. */
static uint64_t s_clock (const txc_replica_t *self, const txc_msg_t *message)
{
    uint64_t clock = self->clock;
    if (message && !TXC_MUTANT (STAMPS_NOT_MERGED))
        clock =
            txc_hlc_seen (clock, message->clock, txc_paxos_is_message (message->type) ? 0 : self->wall_ms);
    return txc_hlc_next (clock, self->wall_ms);
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
    update->clock = s_clock (self, event->message);
    txc_paxos_begin (self->paxos, update, self->now_ms);
    switch (event->type) {
    case TXC_EVENT_START:
        txc_replica_votes_sweep (self); /* of what was replayed */
        txc_paxos_start (self->paxos);
        break;
    case TXC_EVENT_MESSAGE:
        rc = s_message (self, event->message);
        break;
    case TXC_EVENT_DURABLE:
        txc_paxos_durable (self->paxos, event->number);
        break;
    case TXC_EVENT_TICK:
        s_tick (self);
        break;
    case TXC_EVENT_SPACE:
        self->space_low = event->low;
        txc_paxos_space (self->paxos, event->low);
        break;
    case TXC_EVENT_RESOLVE:
        txc_replica_resolve (self, event);
        break;
    case TXC_EVENT_DRAIN:
        self->draining = true;
        break;
    case TXC_EVENT_CHECKPOINTED:
        txc_paxos_checkpointed (self->paxos, event->slot);
        break;
    case TXC_EVENT_TRANSFER:
        rc = txc_paxos_transfer (self->paxos, event->replica);
        break;
    case TXC_EVENT_MEMBER_ADD:
        rc =
            !txc_replica_votes_let_change (self) ? TXC_ENOTREADY : txc_paxos_add (self->paxos, event->member);
        break;
    case TXC_EVENT_MEMBER_REMOVE:
        rc = !txc_replica_votes_let_change (self) ? TXC_ENOTREADY
                                                  : txc_paxos_remove (self->paxos, event->replica);
        break;
    case TXC_EVENT_MEMBER_MOVE:
        rc = txc_paxos_move (self->paxos, event->member);
        break;
    default:
        rc = TXC_EINVAL;
    }
    txc_replica_questions_answer (self);
    txc_paxos_end (self->paxos, event->type == TXC_EVENT_MESSAGE);
    TXC_INVARIANT (self->registry.applied_slot == txc_paxos_chosen (self->paxos));
    TXC_INVARIANT (!self->leading || txc_paxos_leads (self->paxos));
    self->clock = update->clock;
    self->update = NULL;
    return rc;
}

uint64_t txc_replica_next_ms (const txc_replica_t *self)
{
    uint64_t next = txc_paxos_next_ms (self->paxos), due = txc_heap_next_ms (&self->timers);
    if (!self->leading)
        return next;
    next = due < next ? due : next;
    return next < self->lease_due_ms ? next : self->lease_due_ms;
}

void *txc_replica_snapshot (const txc_replica_t *self, size_t *size, uint64_t *slot)
{
    TXC_CHECK (self, REPLICA_MAGIC);
    *slot = self->registry.applied_slot;
    return txc_paxos_snapshot (self->paxos, size);
}
