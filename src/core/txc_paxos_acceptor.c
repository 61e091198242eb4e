/*
 * The acceptor: what it promised, what it accepted, and both only once they
 * are durable.
 *
 *   - a ballot below the promise is refused;
 *   - a promise is forced to the log before it is sent, with it everything
 *     that was accepted before;
 *   - "accepted" is sent when the value is durable here, not before.
 */
#include "core/txc_paxos_private.h"

#include <stdlib.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

/* --- entries ---------------------------------------------------------------------- */

void txc_paxos_expect (txc_paxos_t *self, const txc_paxos_pending_t *pending)
{
    if (self->n_pending == self->pending_room) {
        size_t room = self->pending_room ? self->pending_room * 2 : 64;
        txc_paxos_pending_t *ring = txc_malloc (room * sizeof *ring);
        for (size_t i = 0; i < self->n_pending; i++)
            ring[i] = self->pending[(self->pending_head + i) & (self->pending_room - 1)];
        free (self->pending);
        self->pending = ring;
        self->pending_head = 0;
        self->pending_room = room;
    }
    self->pending[(self->pending_head + self->n_pending++) & (self->pending_room - 1)] = *pending;
}

txc_entry_t *txc_paxos_log (txc_paxos_t *self, txc_entry_form_t form, bool forced, uint8_t kind,
                            const void *bytes, size_t size)
{
    txc_entry_t *entry = txc_update_entry (self->update, ++self->entries, forced, kind, bytes, size);
    entry->form = (uint8_t) form;
    entry->slot = 0;
    return entry;
}

void txc_paxos_accept (txc_paxos_t *self, uint64_t slot, txc_epoch_t ballot, uint8_t kind,
                       const uint8_t *bytes, uint32_t size, bool forced)
{
    TXC_INVARIANT (slot > self->chosen);
    TXC_INVARIANT (txc_epoch_compare (ballot, self->promised) >= 0 || TXC_MUTANT (ACCEPT_BELOW_PROMISE));
    txc_entry_t *entry = txc_paxos_log (self, TXC_ENTRY_ACCEPTED, forced, kind, bytes, size);
    entry->slot = slot;
    entry->epoch = ballot;
    txc_paxos_slot_t *at = txc_paxos_slot_set (self, slot, kind, bytes, size);
    at->ballot = ballot;
    at->number = entry->number;
    at->acks = 0;
    at->forced = forced;
    txc_paxos_expect (self, &(txc_paxos_pending_t){entry->number, slot, ballot, TXC_ENTRY_ACCEPTED});
    if (ballot.replica == self->config.id && !txc_paxos_is_alone (self))
        txc_paxos_unsent (self, forced);
    if (TXC_MUTANT (LEADER_COUNTS_EARLY))
        at->acks = 1;
}

void txc_paxos_promise (txc_paxos_t *self, txc_epoch_t ballot)
{
    TXC_INVARIANT (txc_epoch_compare (ballot, self->promised) > 0);
    txc_entry_t *entry =
        txc_paxos_log (self, TXC_ENTRY_PROMISED, !TXC_MUTANT (PROMISE_NOT_FORCED), 0, NULL, 0);
    entry->epoch = ballot;
    self->promised = ballot;
    self->promised_number = entry->number;
    txc_paxos_expect (self, &(txc_paxos_pending_t){entry->number, 0, ballot, TXC_ENTRY_PROMISED});
}

static void s_reject (txc_paxos_t *self, const txc_paxos_peer_t *to)
{
    txc_paxos_send (self, to, TXC_MSG_PAXOS_REJECT)->epoch = self->promised;
}

/* --- phase 1b ------------------------------------------------------------------------ */

static void s_send_promise (txc_paxos_t *self, txc_paxos_peer_t *to)
{
    uint64_t from = self->promise_from, high;
    if (from < self->first)
        from = self->first;
    txc_blob_t *body = txc_paxos_pack (self, from, self->last, true, &high);
    if (high >= self->last) /* the promise's last part */
        body = txc_paxos_votes_append (self, body);
    txc_msg_t *message = txc_paxos_send (self, to, TXC_MSG_PAXOS_PROMISE);
    message->epoch = self->promised;
    message->slot = from;
    message->high_slot = high;
    message->stamp = self->last;
    message->low = self->first;
    if (TXC_MUTANT (SNAPSHOT_SLOT_HIDDEN))
        message->slot = message->low = self->promise_from;
    message->body = body;
}

int txc_paxos_on_prepare (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    if (message->epoch.replica != from->id || message->slot == 0)
        return TXC_EPROTO;
    txc_paxos_hear_of (self, from, message->chosen_slot);
    if (!self->voter)
        return TXC_ENOTREADY; /* its disk has never been a member's: it would vote with amnesia */
    int order = txc_epoch_compare (message->epoch, self->promised);
    if (order < 0) {
        s_reject (self, from);
        return TXC_ESTALE;
    }
    if (order > 0) {
        if (!txc_paxos_lease_allows (self, message))
            return TXC_ELOCKED;
        txc_paxos_follow (self, 0);
        txc_paxos_promise (self, message->epoch);
    }
    self->promise_from = message->slot;
    if (self->promised_number <= self->durable || TXC_MUTANT (PROMISE_NOT_FORCED))
        s_send_promise (self, from); /* a repeated request, or one for the next part of the promise */
    return TXC_OK;
}

static void s_promise_durable (txc_paxos_t *self, txc_epoch_t ballot)
{
    if (txc_epoch_compare (ballot, self->promised) != 0)
        return; /* overtaken by a higher one */
    if (ballot.replica == self->config.id) {
        txc_paxos_prepare (self);
        return;
    }
    txc_paxos_peer_t *candidate = txc_paxos_peer (self, ballot.replica);
    if (candidate && self->promise_from)
        s_send_promise (self, candidate);
}

/* --- phase 2b -------------------------------------------------------------------------- */

/* Slots accepted under one ballot that are told in one message. */
typedef struct s_run {
    txc_epoch_t ballot;
    uint64_t from, to; /* from > to: none */
} s_run_t;

static void s_tell (txc_paxos_t *self, const s_run_t *run)
{
    if (run->from > run->to)
        return;
    for (uint32_t i = 1; i < self->n_peers; i++) {
        const txc_paxos_peer_t *peer = &self->peers[i];
        bool learner = self->config.learn_direct && self->voters & txc_paxos_bit (self, peer);
        if (peer->id != run->ballot.replica && !learner)
            continue;
        txc_msg_t *message = txc_paxos_send (self, peer, TXC_MSG_PAXOS_ACCEPTED);
        message->epoch = run->ballot;
        message->slot = run->from;
        message->high_slot = run->to;
    }
}

static void s_run_add (txc_paxos_t *self, s_run_t *run, uint64_t slot, txc_epoch_t ballot)
{
    if (run->from <= run->to && slot == run->to + 1 && txc_epoch_compare (run->ballot, ballot) == 0) {
        run->to = slot;
        return;
    }
    s_tell (self, run);
    *run = (s_run_t){ballot, slot, slot};
}

/* A value of this leader's is accepted, unless it is already.  True: it is durable here. */
static bool s_take (txc_paxos_t *self, const txc_paxos_value_t *value, txc_epoch_t ballot)
{
    /* What is chosen is known and cannot change: to accept it once more would only take space.  The leader
     * may still count this replica, which tells whoever asks that the slot is chosen. */
    if (value->slot <= self->chosen)
        return true;
    const txc_paxos_slot_t *at = txc_paxos_slot (self, value->slot);
    if (at && txc_epoch_compare (at->ballot, ballot) == 0)
        return at->number <= self->durable;
    txc_paxos_accept (self, value->slot, ballot, value->kind, value->bytes, value->size, value->forced);
    txc_paxos_mark_chosen (self, value->slot); /* it was overtaken by the commit index */
    return false;
}

int txc_paxos_on_accept (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    if (message->epoch.replica != from->id || !txc_paxos_values_are_read (self, message->body))
        return TXC_EPROTO;
    if (!self->voter)
        return TXC_ENOTREADY;
    int order = txc_epoch_compare (message->epoch, self->promised);
    if (order < 0 && !TXC_MUTANT (ACCEPT_BELOW_PROMISE)) {
        s_reject (self, from);
        return TXC_ESTALE;
    }
    if (order > 0 && !txc_paxos_lease_allows (self, message))
        return TXC_ELOCKED; /* to accept is to promise */
    txc_paxos_follow (self, from->id);
    if (order > 0)
        txc_paxos_promise (self, message->epoch);
    s_run_t run = {.from = 1};
    txc_paxos_value_t value;
    size_t at = 0;
    while (message->body && txc_paxos_value_next (message->body, &at, &value))
        if (value.slot <= self->chosen + TXC_PAXOS_WINDOW && s_take (self, &value, message->epoch))
            s_run_add (self, &run, value.slot, message->epoch);
    s_tell (self, &run);
    txc_paxos_note_chosen (self, from, message->epoch, message->chosen_slot);
    return TXC_OK;
}

/* --- what became durable ------------------------------------------------------------------ */

void txc_paxos_durable (txc_paxos_t *self, uint64_t number)
{
    s_run_t run = {.from = 1};
    if (number > self->entries)
        number = self->entries;
    if (number > self->durable)
        self->durable = number;
    while (self->n_pending && self->pending[self->pending_head].number <= number) {
        txc_paxos_pending_t done = self->pending[self->pending_head];
        self->pending_head = (self->pending_head + 1) & (self->pending_room - 1);
        self->n_pending--;
        if (done.form == TXC_ENTRY_PROMISED) {
            s_promise_durable (self, done.ballot);
            continue;
        }
        if (done.form == TXC_ENTRY_VOTED) {
            txc_paxos_vote_durable (self, done.number);
            continue;
        }
        const txc_paxos_slot_t *at = txc_paxos_slot (self, done.slot);
        if (at && at->number == done.number)
            txc_paxos_acknowledge (self, &self->peers[0], done.slot, done.ballot);
        if (!txc_paxos_is_alone (self))
            s_run_add (self, &run, done.slot, done.ballot);
    }
    s_tell (self, &run);
    txc_paxos_advance (self);
    txc_paxos_mark (self);
}
