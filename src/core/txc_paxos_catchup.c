/*
 * Catching up: chosen values, one after the other, from whoever has them; the
 * whole applied state in chunks, where the values are not kept any more.
 *
 * What is learned here is chosen: it needs no ballot, and changes no promise.
 */
#include "core/txc_paxos_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum { SNAPSHOT_MAX = 1 << 30 };

static bool s_is_told (const txc_paxos_t *self, const txc_paxos_slot_t *at, uint64_t slot, bool accepted)
{
    return at && (slot <= self->chosen || at->chosen || (accepted && at->ballot.round));
}

txc_blob_t *txc_paxos_pack (const txc_paxos_t *self, uint64_t slot, uint64_t to, bool accepted,
                            uint64_t *high)
{
    uint64_t end = slot;
    size_t size = 0;
    for (; end <= to && size < TXC_PAXOS_BULK; end++) {
        const txc_paxos_slot_t *at = txc_paxos_slot (self, end);
        if (s_is_told (self, at, end, accepted))
            size += TXC_PAXOS_VALUE_HEADER + (size_t) at->size;
    }
    *high = end - 1;
    if (size == 0)
        return NULL;
    txc_blob_t *body = txc_blob_new (NULL, size);
    TXC_ASSERT (body != NULL);
    uint8_t *bytes = txc_blob_edit (body);
    for (; slot < end; slot++) {
        const txc_paxos_slot_t *at = txc_paxos_slot (self, slot);
        if (s_is_told (self, at, slot, accepted))
            bytes = txc_paxos_value_pack (&(txc_paxos_value_t){.slot = slot,
                                                               .ballot = at->ballot,
                                                               .kind = at->kind,
                                                               .forced = at->forced,
                                                               .chosen = slot <= self->chosen || at->chosen,
                                                               .size = at->size,
                                                               .bytes = at->bytes},
                                          bytes);
    }
    return body;
}

/* --- values --------------------------------------------------------------------------------- */

void txc_paxos_fetch (txc_paxos_t *self, uint32_t from)
{
    const txc_paxos_peer_t *peer = txc_paxos_peer (self, from);
    self->fetch_due_ms = self->now_ms + 4 * (uint64_t) self->config.heartbeat_ms;
    self->fetch_from = from;
    if (!peer || peer == self->peers)
        return;
    if (self->incoming.bytes) {
        txc_msg_t *message = txc_paxos_send (self, peer, TXC_MSG_PAXOS_SNAPSHOT_FETCH);
        message->slot = self->incoming.slot;
        message->age_ms = self->incoming.have;
    } else
        txc_paxos_send (self, peer, TXC_MSG_PAXOS_FETCH)->slot = self->chosen + 1;
}

void txc_paxos_hear_of (txc_paxos_t *self, const txc_paxos_peer_t *from, uint64_t slot)
{
    if (slot <= self->chosen || self->role >= TXC_PAXOS_RECOVERING)
        return;
    if (slot > self->behind)
        self->behind = slot;
    self->fetch_from = from->id;
    if (self->fetch_due_ms == TXC_NEVER_MS)
        self->fetch_due_ms = self->now_ms;
}

static void s_send_chunk (txc_paxos_t *self, const txc_paxos_peer_t *to, uint64_t offset)
{
    uint64_t size = self->outgoing.size - offset;
    if (size > self->config.snapshot_chunk)
        size = self->config.snapshot_chunk;
    txc_msg_t *message = txc_paxos_send (self, to, TXC_MSG_PAXOS_SNAPSHOT);
    message->slot = self->outgoing.slot;
    message->age_ms = offset;
    message->high_slot = self->outgoing.size;
    message->stamp = self->outgoing.digest;
    message->body = txc_blob_new (self->outgoing.bytes + offset, (size_t) size);
    TXC_ASSERT (message->body != NULL);
}

/* One snapshot is kept for all who need one, as long as what follows it is kept, too. */
static void s_send_snapshot (txc_paxos_t *self, const txc_paxos_peer_t *to)
{
    if (!self->outgoing.bytes || self->outgoing.slot + 1 < self->first) {
        size_t size;
        free (self->outgoing.bytes);
        self->outgoing.bytes = txc_paxos_state_save (self, &size);
        self->outgoing.size = size;
        self->outgoing.slot = self->chosen;
        self->outgoing.digest = txc_digest64 (0, self->outgoing.bytes, size);
    }
    s_send_chunk (self, to, 0);
}

int txc_paxos_on_fetch (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    uint64_t slot = message->slot, high;
    if (slot == 0 || slot > self->chosen)
        return TXC_ENOTREADY;
    if (slot < self->first) {
        s_send_snapshot (self, from);
        return TXC_OK;
    }
    txc_blob_t *body = txc_paxos_pack (self, slot, self->chosen, false, &high);
    txc_paxos_send (self, from, TXC_MSG_PAXOS_CHOSEN)->body = body;
    return TXC_OK;
}

int txc_paxos_on_chosen (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    if (!txc_paxos_values_are_read (self, message->body))
        return TXC_EPROTO;
    /* A leader's commit index speaks for the values under its ballot; it is not mixed with hearsay. */
    if (self->role >= TXC_PAXOS_RECOVERING)
        return TXC_ESTALE;
    uint64_t before = self->chosen;
    txc_paxos_value_t value;
    size_t at = 0;
    while (message->body && txc_paxos_value_next (message->body, &at, &value))
        if (value.chosen)
            txc_paxos_learn (self, value.slot, value.kind, value.bytes, value.size);
    if (message->chosen_slot > self->behind)
        self->behind = message->chosen_slot;
    txc_paxos_advance (self);
    if (self->chosen > before && self->chosen < message->chosen_slot)
        txc_paxos_fetch (self, from->id);
    return TXC_OK;
}

/* --- snapshots --------------------------------------------------------------------------------- */

int txc_paxos_on_snapshot_fetch (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    if (!self->outgoing.bytes || message->slot != self->outgoing.slot ||
        message->age_ms >= self->outgoing.size)
        s_send_snapshot (self, from); /* another one by now: from its start */
    else
        s_send_chunk (self, from, message->age_ms);
    return TXC_OK;
}

static void s_forget_incoming (txc_paxos_t *self)
{
    free (self->incoming.bytes);
    memset (&self->incoming, 0, sizeof self->incoming);
}

/* The snapshot is whole: it takes the place of everything up to its slot.  Promises and what was accepted
 * behind it stay as they are. */
static int s_install (txc_paxos_t *self)
{
    int rc = TXC_ECORRUPT;
    if (txc_digest64 (0, self->incoming.bytes, (size_t) self->incoming.size) == self->incoming.digest)
        rc = txc_paxos_state_load (self, &self->incoming.slot, self->incoming.bytes,
                                   (size_t) self->incoming.size);
    if (rc == TXC_OK) {
        TXC_INVARIANT (self->chosen == self->incoming.slot);
        if (TXC_MUTANT (SNAPSHOT_LOWERS_PROMISE))
            self->promised = (txc_epoch_t){0, 0};
        self->update->checkpoint = true;
        if (!self->voter && self->role > TXC_PAXOS_FOLLOWER)
            txc_paxos_follow (self, 0); /* a candidate that found its own removal */
    }
    s_forget_incoming (self);
    return rc;
}

int txc_paxos_on_snapshot (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    size_t size = txc_blob_size (message->body);
    if (size == 0 || message->high_slot > SNAPSHOT_MAX || message->age_ms > message->high_slot ||
        size > message->high_slot - message->age_ms)
        return TXC_EPROTO;
    if (self->role >= TXC_PAXOS_RECOVERING || message->slot <= self->chosen)
        return TXC_ESTALE;
    bool same = self->incoming.bytes && self->incoming.slot == message->slot &&
                self->incoming.size == message->high_slot && self->incoming.digest == message->stamp;
    if (!same) {
        if (message->age_ms != 0)
            return TXC_ESTALE;
        s_forget_incoming (self);
        self->incoming.bytes = malloc ((size_t) message->high_slot);
        if (!self->incoming.bytes)
            return TXC_ENOMEM; /* a peer says how large it is */
        self->incoming.slot = message->slot;
        self->incoming.size = message->high_slot;
        self->incoming.digest = message->stamp;
    }
    if (message->age_ms != self->incoming.have)
        return TXC_ESTALE;
    memcpy (self->incoming.bytes + message->age_ms, txc_blob_data (message->body), size);
    self->incoming.have += size;
    if (self->incoming.have == self->incoming.size) {
        int rc = s_install (self);
        if (rc)
            return rc;
        txc_paxos_advance (self);
    }
    txc_paxos_fetch (self, from->id);
    return TXC_OK;
}

void txc_paxos_checkpointed (txc_paxos_t *self, uint64_t slot)
{
    bool waited = self->installed > self->checkpointed;
    if (slot > self->checkpointed)
        self->checkpointed = slot;
    if (waited && self->hinted < self->members_slot)
        txc_paxos_hint (self, true); /* of a membership that was chosen meanwhile */
}

void txc_paxos_catchup_tick (txc_paxos_t *self)
{
    if (self->fetch_due_ms > self->now_ms)
        return;
    self->fetch_due_ms = TXC_NEVER_MS;
    if (self->role >= TXC_PAXOS_RECOVERING || (self->behind <= self->chosen && !self->incoming.bytes))
        return;
    txc_paxos_fetch (self, self->leader ? self->leader : self->fetch_from);
}
