#include "core/txc_paxos_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#define PAXOS_MAGIC 0x7c09a405u

/* --- life --------------------------------------------------------------------- */

txc_paxos_t *txc_paxos_new (const txc_paxos_config_t *config, const txc_paxos_hooks_t *hooks)
{
    txc_paxos_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, PAXOS_MAGIC);
    self->config = *config;
    self->hooks = *hooks;
    self->random = config->seed ^ config->id;
    self->first = self->next_slot = 1;
    self->n_blocks = 1;
    self->blocks = txc_calloc (self->n_blocks, sizeof (*self->blocks));
    self->election_due_ms = self->heartbeat_due_ms = TXC_NEVER_MS;
    self->fetch_due_ms = self->join_due_ms = self->transfer_due_ms = TXC_NEVER_MS;
    txc_list_init (&self->held);
    txc_votes_init (&self->votes);
    txc_votes_init (&self->found_votes);
    txc_paxos_peer_add (self, config->id);
    return self;
}

void txc_paxos_destroy (txc_paxos_t **self_p)
{
    txc_paxos_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, PAXOS_MAGIC);
    txc_paxos_forget_found (self);
    txc_paxos_forget_held (self);
    txc_votes_fini (&self->votes);
    txc_votes_fini (&self->found_votes);
    txc_paxos_slots_drop (self, self->last | (TXC_PAXOS_BLOCK - 1));
    free (self->blocks);
    free (self->pending);
    free (self->incoming.bytes);
    free (self->outgoing.bytes);
    TXC_UNMAGIC (self, PAXOS_MAGIC);
    free (self);
}

void txc_paxos_begin (txc_paxos_t *self, txc_update_t *update, uint64_t now_ms)
{
    TXC_CHECK (self, PAXOS_MAGIC);
    self->update = update;
    self->now_ms = now_ms;
}

void txc_paxos_end (txc_paxos_t *self, bool more)
{
    txc_paxos_ask (self);
    /* Values that are proposed in one go travel together: what a message leads to waits for the tick that
     * follows.  But the others can begin to work before this replica has done with everything. */
    if (self->role >= TXC_PAXOS_RECOVERING &&
        (more ? self->unsent >= TXC_PAXOS_BATCH : txc_paxos_flush_is_due (self)))
        txc_paxos_flush (self);
    TXC_INVARIANT (self->first <= self->chosen + 1);
    TXC_INVARIANT (self->role < TXC_PAXOS_PREPARING || TXC_MUTANT (SNAPSHOT_LOWERS_PROMISE) ||
                   txc_epoch_compare (self->ballot, self->promised) <= 0);
    self->update = NULL;
}

/* --- slots ---------------------------------------------------------------------- */

/* They lie in blocks: with all that is kept for those who are behind in one array, to make it larger once
 * would take longer than an election. */
static txc_paxos_slot_t **s_block (const txc_paxos_t *self, uint64_t slot)
{
    return &self->blocks[slot / TXC_PAXOS_BLOCK & (self->n_blocks - 1)];
}

/* NULL: nothing was ever there. */
static txc_paxos_slot_t *s_at (const txc_paxos_t *self, uint64_t slot)
{
    txc_paxos_slot_t *block = *s_block (self, slot);
    return block ? &block[slot % TXC_PAXOS_BLOCK] : NULL;
}

txc_paxos_slot_t *txc_paxos_slot (const txc_paxos_t *self, uint64_t slot)
{
    if (slot < self->first || slot > self->last)
        return NULL;
    txc_paxos_slot_t *at = s_at (self, slot);
    return at && at->size ? at : NULL;
}

static void s_make_room (txc_paxos_t *self, uint64_t slot)
{
    uint64_t n = self->n_blocks, from = self->first / TXC_PAXOS_BLOCK, to = self->last / TXC_PAXOS_BLOCK;
    while (slot / TXC_PAXOS_BLOCK - from >= n)
        n *= 2;
    if (n > self->n_blocks) {
        txc_paxos_slot_t **blocks = txc_calloc (n, sizeof (*blocks));
        for (uint64_t i = from; i <= to; i++)
            blocks[i & (n - 1)] = self->blocks[i & (self->n_blocks - 1)];
        free (self->blocks);
        self->blocks = blocks;
        self->n_blocks = n;
    }
    txc_paxos_slot_t **block = s_block (self, slot);
    if (!*block)
        *block = txc_calloc (TXC_PAXOS_BLOCK, sizeof **block);
}

txc_paxos_slot_t *txc_paxos_slot_set (txc_paxos_t *self, uint64_t slot, uint8_t kind, const uint8_t *bytes,
                                      uint32_t size)
{
    TXC_ASSERT (slot >= self->first && size > 0);
    s_make_room (self, slot);
    txc_paxos_slot_t *at = s_at (self, slot);
    if (slot > self->last)
        self->last = slot;
    if (at->size != size || memcmp (at->bytes, bytes, size) != 0) {
        uint8_t *copy = memcpy (txc_malloc (size), bytes, size);
        free (at->bytes);
        at->bytes = copy;
        at->size = size;
    }
    at->kind = kind;
    if (kind == TXC_REC_FORMAT && self->config.codec->decode (bytes, size, &self->scratch))
        self->cluster = self->scratch.cluster;
    return at;
}

static void s_clear (txc_paxos_slot_t *at)
{
    if (!at)
        return;
    free (at->bytes);
    memset (at, 0, sizeof *at);
}

static void s_free_block (txc_paxos_t *self, uint64_t slot)
{
    txc_paxos_slot_t **block = s_block (self, slot);
    free (*block);
    *block = NULL;
}

void txc_paxos_slots_drop (txc_paxos_t *self, uint64_t slot)
{
    for (; self->first <= slot; self->first++) {
        txc_paxos_slot_t *at = s_at (self, self->first);
        uint64_t kept = at && at->size ? sizeof *at + at->size : 0;
        if (self->first <= self->chosen)
            self->kept_bytes -= kept < self->kept_bytes ? kept : self->kept_bytes;
        s_clear (at);
        if ((self->first + 1) % TXC_PAXOS_BLOCK == 0)
            s_free_block (self, self->first);
    }
    if (self->last < slot)
        self->last = slot;
}

void txc_paxos_slots_cut (txc_paxos_t *self)
{
    for (; self->last > self->chosen; self->last--) {
        s_clear (s_at (self, self->last));
        if (self->last % TXC_PAXOS_BLOCK == 0)
            s_free_block (self, self->last);
    }
}

/* --- peers ------------------------------------------------------------------------ */

uint32_t txc_paxos_bit (const txc_paxos_t *self, const txc_paxos_peer_t *peer)
{
    return UINT32_C (1) << (peer - self->peers);
}

txc_paxos_peer_t *txc_paxos_peer (txc_paxos_t *self, uint32_t id)
{
    for (uint32_t i = 0; i < self->n_peers; i++)
        if (self->peers[i].id == id)
            return &self->peers[i];
    return NULL;
}

/* A place that no member needs any more is used again; what it acknowledged is forgotten with it. */
static txc_paxos_peer_t *s_reuse (txc_paxos_t *self)
{
    for (uint32_t i = 1; i < self->n_peers; i++) {
        if (self->voters & UINT32_C (1) << i)
            continue;
        for (uint64_t slot = self->chosen + 1; slot <= self->last; slot++) {
            txc_paxos_slot_t *at = txc_paxos_slot (self, slot);
            if (at)
                at->acks &= ~(UINT32_C (1) << i);
        }
        return &self->peers[i];
    }
    return NULL;
}

txc_paxos_peer_t *txc_paxos_peer_add (txc_paxos_t *self, uint32_t id)
{
    txc_paxos_peer_t *peer = txc_paxos_peer (self, id);
    if (peer)
        return peer;
    peer = self->n_peers < TXC_PAXOS_PEERS_MAX ? &self->peers[self->n_peers++] : s_reuse (self);
    if (!peer)
        return NULL;
    memset (peer, 0, sizeof *peer);
    peer->id = id;
    peer->next = peer->promise_next = self->chosen + 1;
    return peer;
}

bool txc_paxos_is_quorum (const txc_paxos_t *self, uint32_t bits)
{
    uint32_t count = 0;
    for (bits &= self->voters; bits; bits &= bits - 1)
        count++;
    if (!self->bound)
        return count == self->n_members;
    return count > self->n_members / 2;
}

bool txc_paxos_is_majority (const txc_paxos_t *self, uint32_t bits)
{
    return txc_paxos_is_quorum (self, bits);
}

bool txc_paxos_is_alone (const txc_paxos_t *self)
{
    return self->n_members == 1 && self->voter;
}

txc_msg_t *txc_paxos_send (txc_paxos_t *self, const txc_paxos_peer_t *to, txc_msg_type_t type)
{
    TXC_ASSERT (to != self->peers);
    txc_msg_t *message = txc_update_message (self->update, type, TXC_ROUTE_REPLICA (to->id));
    message->replica = self->config.id;
    message->disk = self->disk;
    message->chosen_slot = self->chosen;
    return message;
}

/* --- events --------------------------------------------------------------------------- */

/* What it accepted before it was restarted it has seen. */
static void s_see_accepted (txc_paxos_t *self)
{
    for (uint64_t number = self->chosen + 1; number <= self->last; number++) {
        const txc_paxos_slot_t *at = txc_paxos_slot (self, number);
        if (at && self->config.codec->decode (at->bytes, at->size, &self->scratch) &&
            self->scratch.clock > self->update->clock)
            self->update->clock = self->scratch.clock;
    }
}

void txc_paxos_start (txc_paxos_t *self)
{
    self->started = true;
    s_see_accepted (self);
    if (!self->disk)
        txc_paxos_disk_entry (self);
    txc_paxos_advance (self);
    if (txc_paxos_is_alone (self)) {
        txc_paxos_campaign (self, 0);
        return;
    }
    /* What it granted in an earlier life it does not know: it waits as long as the longest grant. */
    if (!TXC_MUTANT (LEASE_RESTART_SKIPPED))
        self->granted_until_ms = self->now_ms + self->config.lease_ms;
    txc_paxos_election_reset (self);
    self->join_due_ms = self->now_ms;
}

void txc_paxos_tick (txc_paxos_t *self)
{
    txc_paxos_election_tick (self);
    txc_paxos_catchup_tick (self);
    txc_paxos_join_tick (self);
}

static uint64_t s_min (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t txc_paxos_next_ms (const txc_paxos_t *self)
{
    if (!self->started)
        return TXC_NEVER_MS;
    uint64_t next = s_min (self->election_due_ms, self->heartbeat_due_ms);
    if (self->unsent && self->role >= TXC_PAXOS_RECOVERING)
        next = self->unsent_forced ? self->now_ms : s_min (next, self->unsent_due_ms);
    next = s_min (next, self->fetch_due_ms);
    next = s_min (next, self->join_due_ms);
    return s_min (next, self->transfer_due_ms);
}

bool txc_paxos_is_message (unsigned type)
{
    return (type >= TXC_MSG_PAXOS_PREVOTE && type <= TXC_MSG_PAXOS_JOIN) || type == TXC_MSG_PAXOS_VOTED;
}

/* Whose messages count: those of members, and of replicas that want to join. */
static txc_paxos_peer_t *s_sender (txc_paxos_t *self, const txc_msg_t *message)
{
    if (message->replica == 0 || message->replica == self->config.id)
        return NULL;
    txc_paxos_peer_t *peer = txc_paxos_peer_add (self, message->replica);
    if (peer) {
        peer->heard_ms = self->now_ms;
        peer->disk = message->disk;
    }
    return peer;
}

/* What a replica may ask that has forgotten what it promised: nothing of it counts as a vote. */
static bool s_is_question (unsigned type)
{
    return type == TXC_MSG_PAXOS_FETCH || type == TXC_MSG_PAXOS_SNAPSHOT_FETCH || type == TXC_MSG_PAXOS_JOIN;
}

int txc_paxos_message (txc_paxos_t *self, const txc_msg_t *message)
{
    txc_paxos_peer_t *from = s_sender (self, message);
    if (!from || !self->started)
        return TXC_EPROTO;
    if (txc_paxos_is_impostor (self, from) && !s_is_question (message->type))
        return TXC_EFOREIGN;
    if (message->epoch.round > self->max_round && message->epoch.round < TXC_ROUND_MAX / 2)
        self->max_round = message->epoch.round;
    switch (message->type) {
    case TXC_MSG_PAXOS_PREVOTE:
        return txc_paxos_on_prevote (self, from, message);
    case TXC_MSG_PAXOS_PREVOTED:
        return txc_paxos_on_prevoted (self, from, message);
    case TXC_MSG_PAXOS_PREPARE:
        return txc_paxos_on_prepare (self, from, message);
    case TXC_MSG_PAXOS_PROMISE:
        return txc_paxos_on_promise (self, from, message);
    case TXC_MSG_PAXOS_ACCEPT:
        return txc_paxos_on_accept (self, from, message);
    case TXC_MSG_PAXOS_ACCEPTED:
        return txc_paxos_on_accepted (self, from, message);
    case TXC_MSG_PAXOS_REJECT:
        return txc_paxos_on_reject (self, from, message);
    case TXC_MSG_PAXOS_HEARTBEAT:
        return txc_paxos_on_heartbeat (self, from, message);
    case TXC_MSG_PAXOS_GRANT:
        return txc_paxos_on_grant (self, from, message);
    case TXC_MSG_PAXOS_FETCH:
        return txc_paxos_on_fetch (self, from, message);
    case TXC_MSG_PAXOS_CHOSEN:
        return txc_paxos_on_chosen (self, from, message);
    case TXC_MSG_PAXOS_SNAPSHOT_FETCH:
        return txc_paxos_on_snapshot_fetch (self, from, message);
    case TXC_MSG_PAXOS_SNAPSHOT:
        return txc_paxos_on_snapshot (self, from, message);
    case TXC_MSG_PAXOS_TRANSFER:
        return txc_paxos_on_transfer (self, from, message);
    case TXC_MSG_PAXOS_JOIN:
        return txc_paxos_on_join (self, from, message);
    case TXC_MSG_PAXOS_VOTED:
        return txc_paxos_on_voted (self, from, message);
    default:
        return TXC_EPROTO;
    }
}

/* --- what is known ---------------------------------------------------------------------- */

bool txc_paxos_leads (const txc_paxos_t *self)
{
    return self->role == TXC_PAXOS_LEADING;
}

bool txc_paxos_is_voter (const txc_paxos_t *self)
{
    return self->voter;
}

txc_epoch_t txc_paxos_ballot (const txc_paxos_t *self)
{
    return self->role >= TXC_PAXOS_RECOVERING ? self->ballot : self->noted_ballot;
}

txc_epoch_t txc_paxos_promised (const txc_paxos_t *self)
{
    return self->promised;
}

uint32_t txc_paxos_leader (const txc_paxos_t *self)
{
    return self->leader;
}

uint64_t txc_paxos_disk (const txc_paxos_t *self)
{
    return self->disk;
}

uint64_t txc_paxos_cluster (const txc_paxos_t *self)
{
    return self->cluster;
}

uint64_t txc_paxos_chosen (const txc_paxos_t *self)
{
    return self->chosen;
}

uint64_t txc_paxos_last (const txc_paxos_t *self)
{
    return self->role >= TXC_PAXOS_RECOVERING ? self->next_slot - 1 : self->last;
}

bool txc_paxos_accepted (const txc_paxos_t *self, txc_entry_t *entry)
{
    const txc_paxos_slot_t *at = txc_paxos_slot (self, entry->slot);
    if (!at || !at->ballot.round)
        return false;
    entry->epoch = at->ballot;
    entry->kind = at->kind;
    entry->size = at->size;
    entry->bytes = at->bytes;
    return true;
}

bool txc_paxos_expects (const txc_paxos_t *self, uint64_t slot, uint8_t kind)
{
    const txc_paxos_slot_t *at = slot > self->chosen ? txc_paxos_slot (self, slot) : NULL;
    return at && at->kind == kind;
}

bool txc_paxos_is_changing (const txc_paxos_t *self)
{
    return self->members_open || !txc_list_is_empty (&self->held);
}

const txc_member_t *txc_paxos_members (const txc_paxos_t *self, uint32_t *n)
{
    *n = self->n_members;
    return self->members;
}
