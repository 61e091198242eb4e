/*
 * The learner: which values are chosen, and when they are applied.
 *
 * A value is chosen when a majority has accepted it under one ballot.  The
 * leader, as the distinguished learner, counts acceptances and tells the
 * others its commit index, which is a pair: under this ballot, up to this
 * slot.  It says something only about values that were accepted here under
 * that very ballot; what was accepted under an older one may be another value,
 * and is fetched.
 */
#include "core/txc_paxos_private.h"

#include <string.h>

#include "base/txc_assert.h"

/* Whoever cannot read a value must not accept it, nor write down that it was chosen: it could not apply it,
 * nor start again. */
bool txc_paxos_values_are_read (txc_paxos_t *self, const txc_blob_t *body)
{
    txc_paxos_value_t value;
    size_t at = 0;
    if (!body)
        return true;
    while (txc_paxos_value_next (body, &at, &value))
        if (!self->config.codec->decode (value.bytes, value.size, &self->scratch) ||
            self->scratch.type != value.kind)
            return false;
    return at != SIZE_MAX;
}

void txc_paxos_acknowledge (txc_paxos_t *self, txc_paxos_peer_t *peer, uint64_t slot, txc_epoch_t ballot)
{
    txc_paxos_slot_t *at = slot > self->chosen ? txc_paxos_slot (self, slot) : NULL;
    if (at && txc_epoch_compare (at->ballot, ballot) == 0)
        at->acks |= txc_paxos_bit (self, peer);
}

int txc_paxos_on_accepted (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    uint64_t slot = message->slot > self->chosen ? message->slot : self->chosen + 1;
    if (message->chosen_slot > from->chosen)
        from->chosen = message->chosen_slot;
    for (; slot <= message->high_slot && slot <= self->last; slot++)
        txc_paxos_acknowledge (self, from, slot, message->epoch);
    txc_paxos_advance (self);
    return TXC_OK;
}

void txc_paxos_mark_chosen (txc_paxos_t *self, uint64_t slot)
{
    txc_paxos_slot_t *at = txc_paxos_slot (self, slot);
    if (at && slot <= self->noted &&
        (txc_epoch_compare (at->ballot, self->noted_ballot) == 0 ||
         (TXC_MUTANT (LEARNER_IGNORES_BALLOT) && at->ballot.round)))
        at->chosen = true;
}

void txc_paxos_note_chosen (txc_paxos_t *self, txc_paxos_peer_t *from, txc_epoch_t ballot, uint64_t slot)
{
    int order = txc_epoch_compare (ballot, self->noted_ballot);
    if (order < 0)
        return;
    uint64_t seen = order == 0 ? self->noted : 0; /* each slot is looked at once, however many there are */
    if (order > 0 || slot > seen) {
        self->noted_ballot = ballot;
        self->noted = slot;
    }
    for (uint64_t s = (seen > self->chosen ? seen : self->chosen) + 1; s <= self->noted && s <= self->last;
         s++)
        txc_paxos_mark_chosen (self, s);
    txc_paxos_advance (self);
    if (self->chosen >= self->noted)
        return;
    if (self->noted > self->behind)
        self->behind = self->noted;
    self->fetch_from = from->id;
    if (self->fetch_due_ms == TXC_NEVER_MS) /* it may be on its way */
        self->fetch_due_ms = self->now_ms + self->config.heartbeat_ms;
}

void txc_paxos_learn (txc_paxos_t *self, uint64_t slot, uint8_t kind, const uint8_t *bytes, uint32_t size)
{
    if (slot <= self->chosen || slot > self->chosen + TXC_PAXOS_WINDOW)
        return;
    txc_paxos_slot_t *at = txc_paxos_slot (self, slot);
    if (at && (at->chosen || (at->size == size && memcmp (at->bytes, bytes, size) == 0))) {
        at->chosen = true;
        return;
    }
    txc_entry_t *entry = txc_paxos_log (self, TXC_ENTRY_LEARNED, false, kind, bytes, size);
    entry->slot = slot;
    at = txc_paxos_slot_set (self, slot, kind, bytes, size);
    at->ballot = (txc_epoch_t){0, 0};
    at->number = entry->number;
    at->acks = 0;
    at->chosen = true;
}

static bool s_is_chosen (const txc_paxos_t *self, const txc_paxos_slot_t *at)
{
    return at->chosen || txc_paxos_is_quorum (self, at->acks);
}

/* Applied values are kept for those who are a little behind. */
static void s_trim (txc_paxos_t *self)
{
    if (self->n_members == 1) {
        txc_paxos_slots_drop (self, self->chosen);
        return;
    }
    while (self->kept_bytes > self->config.keep_bytes && self->first <= self->chosen)
        txc_paxos_slots_drop (self, self->first);
}

static void s_apply (txc_paxos_t *self, txc_paxos_slot_t *at)
{
    uint64_t slot = self->chosen + 1;
    uint8_t kind = at->kind;
    const uint8_t *bytes = at->bytes; /* stays where it is, even if the slots move */
    uint32_t size = at->size;
    at->chosen = true;
    self->chosen = slot;
    self->kept_bytes += sizeof *at + size;
    bool valid = self->hooks.chosen (self->hooks.arg, slot, kind, bytes, size);
    if (kind == TXC_REC_MEMBERS)
        txc_paxos_members_chosen (self, slot, valid, bytes, size);
    s_trim (self);
}

/* So that a restart need not ask anybody what was chosen before it.  As long as a snapshot of another replica
 * is not durable, the log holds other values for the slots that it covers, or none: nothing is said of them.
 */
void txc_paxos_hint (txc_paxos_t *self, bool forced)
{
    /* In a group of one what is durable is chosen; but that it is one has been chosen by two. */
    bool known = txc_paxos_is_alone (self) && !forced;
    if (!self->update || known || self->installed > self->checkpointed)
        return;
    self->hinted = self->chosen;
    txc_paxos_log (self, TXC_ENTRY_CHOSEN, forced, 0, NULL, 0)->slot = self->chosen;
}

static void s_apply_chosen (txc_paxos_t *self)
{
    self->applying = true;
    for (txc_paxos_slot_t *at;
         (at = txc_paxos_slot (self, self->chosen + 1)) != NULL && s_is_chosen (self, at);)
        s_apply (self, at);
    self->applying = false;
    if (self->chosen >= self->behind)
        self->fetch_due_ms = TXC_NEVER_MS;
    if (self->chosen >= self->hinted + TXC_PAXOS_HINT)
        txc_paxos_hint (self, false);
}

void txc_paxos_advance (txc_paxos_t *self)
{
    if (self->applying)
        return;
    s_apply_chosen (self);
    while (self->members_open && self->members_open <= self->chosen) {
        self->members_open = 0;
        if (self->role == TXC_PAXOS_LEADING)
            txc_paxos_release (self);
        else
            txc_paxos_recover (self);
        s_apply_chosen (self); /* what lies behind it may have been found chosen, too */
    }
}
