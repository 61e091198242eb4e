/*
 * The proposer: phase 1 once for each leadership, over every slot that is not
 * known to be chosen; then phase 2 for whatever it found, and for what is new.
 *
 * For each open slot it proposes the value of the highest ballot that any
 * acceptor of a majority told of; where none told of any, nothing.
 */
#include "core/txc_paxos_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum {
    SILENT_HEARTBEATS = 8, /* after so many a peer gets no values until it is heard of again */
    LAZY_MS = 5            /* how long a value that need not be forced may wait for one that must be */
};

/* --- what phase 1 found --------------------------------------------------------------- */

void txc_paxos_forget_found (txc_paxos_t *self)
{
    for (uint64_t i = 0; i < self->n_found; i++)
        free (self->found[i].bytes);
    free (self->found);
    self->found = NULL;
    self->n_found = self->found_room = 0;
}

static void s_found_add (txc_paxos_t *self, const txc_paxos_value_t *value)
{
    if (value->slot < self->found_first || value->slot - self->found_first >= TXC_PAXOS_WINDOW)
        return;
    uint64_t place = value->slot - self->found_first;
    if (place >= self->found_room) {
        uint64_t room = (place + 1) * 2;
        self->found = txc_realloc (self->found, room * sizeof *self->found);
        memset (self->found + self->found_room, 0, (room - self->found_room) * sizeof *self->found);
        self->found_room = room;
    }
    if (place >= self->n_found)
        self->n_found = place + 1;
    txc_paxos_found_t *found = &self->found[place];
    bool higher = txc_epoch_compare (value->ballot, found->ballot) > 0;
    if (TXC_MUTANT (LOWEST_BALLOT_WINS))
        higher = txc_epoch_compare (value->ballot, found->ballot) < 0;
    if (found->size && (found->chosen || (!value->chosen && !higher)))
        return;
    free (found->bytes);
    *found = (txc_paxos_found_t){.ballot = value->ballot,
                                 .size = value->size,
                                 .kind = value->kind,
                                 .chosen = value->chosen,
                                 .bytes = memcpy (txc_malloc (value->size), value->bytes, value->size)};
}

static const txc_paxos_found_t *s_found (const txc_paxos_t *self, uint64_t slot)
{
    if (slot < self->found_first || slot - self->found_first >= self->n_found)
        return NULL;
    const txc_paxos_found_t *found = &self->found[slot - self->found_first];
    return found->size ? found : NULL;
}

/* --- phase 1 ------------------------------------------------------------------------------ */

void txc_paxos_campaign (txc_paxos_t *self, uint64_t round)
{
    if (!self->voter)
        return;
    txc_epoch_t prior = self->prior;
    txc_paxos_follow (self, 0);
    self->prior = prior;
    if (round < self->promised.round)
        round = self->promised.round;
    if (round < self->max_round)
        round = self->max_round;
    /* A drawn step: a group that was restored from an old copy must not come to lead under an epoch that its
     * agents obey already. */
    round += 1 + (txc_random_next (&self->random) & 0xffff);
    self->ballot = (txc_epoch_t){round, self->config.id};
    self->role = TXC_PAXOS_PREPARING;
    self->found_first = self->chosen + 1;
    txc_votes_clear (&self->found_votes);
    for (uint32_t i = 0; i < self->n_peers; i++) {
        self->peers[i].promised = false;
        self->peers[i].promise_next = self->found_first;
    }
    if (txc_paxos_is_alone (self)) {
        /* Its first acceptance under the ballot is the promise, and durable before anybody hears of it. */
        self->promised = self->ballot;
        self->promised_number = 0;
        txc_paxos_prepare (self);
    } else
        txc_paxos_promise (self, self->ballot);
}

static void s_send_prepare (txc_paxos_t *self, const txc_paxos_peer_t *to)
{
    txc_msg_t *message = txc_paxos_send (self, to, TXC_MSG_PAXOS_PREPARE);
    message->epoch = self->ballot;
    message->slot = to->promise_next;
    message->prior = self->prior;
    message->flags = self->prior.round ? TXC_FLAG_HANDED_OVER : 0;
}

void txc_paxos_prepare (txc_paxos_t *self)
{
    if (self->role != TXC_PAXOS_PREPARING && self->role != TXC_PAXOS_RECOVERING)
        return;
    self->peers[0].promised = true;
    self->heartbeat_due_ms = self->now_ms + self->config.heartbeat_ms;
    for (uint32_t i = 1; i < self->n_peers; i++)
        if (self->voters & UINT32_C (1) << i && !self->peers[i].promised)
            s_send_prepare (self, &self->peers[i]);
    txc_paxos_recover (self);
}

int txc_paxos_on_promise (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    bool wanted = (self->role == TXC_PAXOS_PREPARING || self->role == TXC_PAXOS_RECOVERING) &&
                  txc_epoch_compare (message->epoch, self->ballot) == 0 && !from->promised;
    if (!wanted)
        return TXC_ESTALE;
    if (!txc_paxos_values_are_read (self, message->body) || message->low == 0)
        return TXC_EPROTO;
    if (message->low > self->chosen + 1) {
        /* What it does not keep any more is chosen, and this candidate does not have it. */
        txc_paxos_follow (self, 0);
        txc_paxos_fetch (self, from->id);
        return TXC_OK;
    }
    if (message->slot > from->promise_next && message->slot > self->chosen + 1)
        return TXC_ESTALE; /* a part before it was lost */
    txc_paxos_value_t value;
    size_t at = 0;
    while (message->body && txc_paxos_value_next (message->body, &at, &value))
        (value.kind == TXC_REC_VOTE ? txc_paxos_vote_found : s_found_add) (self, &value);
    if (message->high_slot >= message->stamp) {
        from->promised = true;
        txc_paxos_recover (self);
        txc_paxos_advance (self);
        return TXC_OK;
    }
    from->promise_next = message->high_slot + 1;
    s_send_prepare (self, from);
    return TXC_OK;
}

int txc_paxos_on_reject (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    (void) from;
    if (self->role >= TXC_PAXOS_PREPARING && txc_epoch_compare (message->epoch, self->ballot) > 0) {
        txc_paxos_follow (self, 0);
        self->election_due_ms =
            self->now_ms + txc_random_next (&self->random) % (self->config.election_ms + 1);
    }
    return TXC_OK;
}

/* --- phase 2 of what was found -------------------------------------------------------------- */

static void s_propose_nothing (txc_paxos_t *self, uint64_t slot)
{
    uint8_t bytes[TXC_RECORD_MAX];
    txc_rec_t *record = &self->scratch;
    memset (record, 0, offsetof (txc_rec_t, branches));
    record->type = TXC_REC_NOOP;
    record->epoch = self->ballot;
    size_t size = self->config.codec->encode (record, bytes);
    txc_paxos_accept (self, slot, self->ballot, TXC_REC_NOOP, bytes, (uint32_t) size, true);
}

static void s_propose_found (txc_paxos_t *self, uint64_t slot)
{
    const txc_paxos_found_t *found = s_found (self, slot);
    const txc_paxos_slot_t *own = txc_paxos_slot (self, slot);
    bool chosen = own && own->chosen;
    if (chosen || (found && found->chosen)) {
        if ((chosen ? own->kind : found->kind) == TXC_REC_MEMBERS && !TXC_MUTANT (FOUND_MEMBERS_NOT_ASKED))
            self->members_open = slot; /* until it is applied nobody knows who has to be asked behind it */
        if (!chosen)
            txc_paxos_learn (self, slot, found->kind, found->bytes, found->size);
        return;
    }
    bool mine = own && (!found || txc_epoch_compare (own->ballot, found->ballot) >= 0);
    if (TXC_MUTANT (LOWEST_BALLOT_WINS))
        mine = own && (!found || txc_epoch_compare (own->ballot, found->ballot) <= 0);
    if (TXC_MUTANT (FOUND_IGNORED))
        found = NULL;
    uint8_t kind = mine ? own->kind : found ? found->kind : (uint8_t) TXC_REC_NOOP;
    if (mine)
        txc_paxos_accept (self, slot, self->ballot, kind, own->bytes, own->size, true);
    else if (found)
        txc_paxos_accept (self, slot, self->ballot, kind, found->bytes, found->size, true);
    else
        s_propose_nothing (self, slot);
    if (kind == TXC_REC_MEMBERS && !TXC_MUTANT (FOUND_MEMBERS_NOT_ASKED))
        self->members_open = slot;
}

static bool s_is_promised (const txc_paxos_t *self)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < self->n_peers; i++)
        bits |= self->peers[i].promised ? UINT32_C (1) << i : 0;
    return txc_paxos_is_quorum (self, bits);
}

static void s_begin_recovery (txc_paxos_t *self)
{
    self->role = TXC_PAXOS_RECOVERING;
    self->leader = self->config.id;
    self->won_ms = self->now_ms;
    self->heartbeat_due_ms = txc_paxos_is_alone (self) ? TXC_NEVER_MS : self->now_ms;
    self->election_due_ms = TXC_NEVER_MS;
    self->open_at = self->next_slot = self->chosen + 1;
    for (uint32_t i = 0; i < self->n_peers; i++) {
        self->peers[i].next = self->open_at;
        self->peers[i].granted = self->peers[i].beat = 0;
        self->peers[i].looked[0] = self->peers[i].looked[1] = 0;
    }
}

void txc_paxos_recover (txc_paxos_t *self)
{
    if (self->role != TXC_PAXOS_PREPARING && self->role != TXC_PAXOS_RECOVERING)
        return;
    /* Behind a membership that is not chosen yet nobody knows who has to be asked.  Once it is, a majority of
     * its members must have promised, too. */
    while (!self->members_open && s_is_promised (self)) {
        if (self->role == TXC_PAXOS_PREPARING)
            s_begin_recovery (self);
        uint64_t end = self->last, found_end = self->found_first + self->n_found;
        if (found_end && found_end - 1 > end)
            end = found_end - 1;
        if (self->open_at <= self->chosen)
            self->open_at = self->chosen + 1;
        self->next_slot = self->open_at;
        if (self->open_at > end) {
            self->role = TXC_PAXOS_LEADING;
            self->prior = (txc_epoch_t){0, 0};
            self->barrier_slot = self->next_slot;
            txc_paxos_forget_found (self);
            /* The group's name first: until the members are bound each of them must accept a value, so each
             * knows whose log it holds before anything else is chosen. */
            if (TXC_MUTANT (BOUND_BEFORE_NAMED))
                txc_paxos_bind (self);
            self->hooks.elected (self->hooks.arg, self->ballot);
            if (!TXC_MUTANT (BOUND_BEFORE_NAMED))
                txc_paxos_bind (self);
            return;
        }
        s_propose_found (self, self->open_at++);
        self->next_slot = self->open_at;
    }
}

/* --- phase 2 of what is new ------------------------------------------------------------------- */

void txc_paxos_forget_held (txc_paxos_t *self)
{
    for (txc_list_t *link; (link = txc_list_pop (&self->held)) != NULL;)
        free (TXC_CONTAINER (link, txc_paxos_held_t, link));
}

/* Nothing behind a membership is proposed before it is chosen. */
static void s_hold (txc_paxos_t *self, uint64_t slot, uint8_t kind, const uint8_t *bytes, uint32_t size,
                    bool forced)
{
    txc_paxos_held_t *held = txc_malloc (sizeof *held + size);
    *held = (txc_paxos_held_t){.slot = slot, .forced = forced, .kind = kind, .size = size};
    memcpy (held->bytes, bytes, size);
    txc_list_append (&self->held, &held->link);
}

void txc_paxos_release (txc_paxos_t *self)
{
    while (!self->members_open && !txc_list_is_empty (&self->held)) {
        txc_paxos_held_t *held = TXC_CONTAINER (txc_list_pop (&self->held), txc_paxos_held_t, link);
        txc_paxos_accept (self, held->slot, self->ballot, held->kind, held->bytes, held->size, held->forced);
        if (held->kind == TXC_REC_MEMBERS)
            self->members_open = held->slot;
        free (held);
    }
}

uint64_t txc_paxos_propose (txc_paxos_t *self, const txc_rec_t *record, bool forced)
{
    uint8_t bytes[TXC_RECORD_MAX];
    TXC_INVARIANT (self->role == TXC_PAXOS_LEADING);
    uint32_t size = (uint32_t) self->config.codec->encode (record, bytes);
    uint64_t slot = self->next_slot++;
    if (self->members_open && !TXC_MUTANT (MEMBERS_NOT_AWAITED))
        s_hold (self, slot, record->type, bytes, size, forced);
    else {
        txc_paxos_accept (self, slot, self->ballot, record->type, bytes, size, forced);
        if (record->type == TXC_REC_MEMBERS)
            self->members_open = slot;
    }
    return slot;
}

/* The next values for this peer, in one message; *next moves behind them. */
static txc_blob_t *s_pack_accept (const txc_paxos_t *self, uint64_t *next)
{
    uint64_t from = *next, to = from;
    size_t size = 0;
    for (; to <= self->last && size < TXC_PAXOS_BODY; to++) {
        const txc_paxos_slot_t *at = txc_paxos_slot (self, to);
        if (at && txc_epoch_compare (at->ballot, self->ballot) == 0)
            size += TXC_PAXOS_VALUE_HEADER + (size_t) at->size;
    }
    *next = to;
    if (size == 0)
        return NULL;
    txc_blob_t *body = txc_blob_new (NULL, size);
    TXC_ASSERT (body != NULL);
    uint8_t *bytes = txc_blob_edit (body);
    for (uint64_t slot = from; slot < to; slot++) {
        const txc_paxos_slot_t *at = txc_paxos_slot (self, slot);
        if (at && txc_epoch_compare (at->ballot, self->ballot) == 0)
            bytes = txc_paxos_value_pack (&(txc_paxos_value_t){.slot = slot,
                                                               .kind = at->kind,
                                                               .forced = at->forced,
                                                               .size = at->size,
                                                               .bytes = at->bytes},
                                          bytes);
    }
    return body;
}

static bool s_is_silent (const txc_paxos_t *self, const txc_paxos_peer_t *peer)
{
    return peer->heard_ms + SILENT_HEARTBEATS * (uint64_t) self->config.heartbeat_ms < self->now_ms;
}

/* Nobody waits for a value that need not be forced (an End, a Mark): it travels with the next one that must
 * be, and wakes the other replicas by itself only if there is none for a while. */
void txc_paxos_unsent (txc_paxos_t *self, bool forced)
{
    if (self->unsent++ == 0)
        self->unsent_due_ms = self->now_ms + LAZY_MS;
    self->unsent_forced |= forced;
}

bool txc_paxos_flush_is_due (const txc_paxos_t *self)
{
    return self->unsent == 0 || self->unsent_forced || self->unsent >= TXC_PAXOS_BATCH ||
           self->unsent_due_ms <= self->now_ms;
}

/* What was proposed since the last time leaves for every member, packed once for those who have come equally
 * far. */
void txc_paxos_flush (txc_paxos_t *self)
{
    self->unsent = 0;
    self->unsent_forced = false;
    for (uint32_t i = 1; i < self->n_peers; i++) {
        txc_paxos_peer_t *peer = &self->peers[i];
        if (!(self->voters & UINT32_C (1) << i))
            continue;
        if (peer->next <= self->chosen)
            peer->next = self->chosen + 1; /* it is chosen without this one, who will fetch it */
        if (s_is_silent (self, peer))
            continue;
        while (peer->next <= self->last) {
            uint64_t from = peer->next, next = from;
            txc_blob_t *body = s_pack_accept (self, &next);
            for (uint32_t k = i; k < self->n_peers; k++) {
                txc_paxos_peer_t *other = &self->peers[k];
                if (other->next != from || !(self->voters & UINT32_C (1) << k) || s_is_silent (self, other))
                    continue;
                other->next = next;
                if (!body)
                    continue;
                txc_msg_t *message = txc_paxos_send (self, other, TXC_MSG_PAXOS_ACCEPT);
                message->epoch = self->ballot;
                message->body = txc_blob_ref (body);
            }
            txc_blob_destroy (&body);
        }
    }
}

/* A slot that was sent two looks ago and is not acknowledged goes again, with what follows. */
void txc_paxos_resend (txc_paxos_t *self)
{
    for (uint32_t i = 1; i < self->n_peers; i++) {
        txc_paxos_peer_t *peer = &self->peers[i];
        if (!(self->voters & UINT32_C (1) << i))
            continue;
        for (uint64_t slot = self->chosen + 1; slot <= peer->looked[1] && slot <= self->last; slot++) {
            const txc_paxos_slot_t *at = txc_paxos_slot (self, slot);
            if (!at || at->acks & UINT32_C (1) << i)
                continue;
            if (slot < peer->next)
                peer->next = slot;
            break;
        }
        peer->looked[1] = peer->looked[0];
        peer->looked[0] = peer->next - 1;
        if (self->role == TXC_PAXOS_RECOVERING && !peer->promised)
            s_send_prepare (self, peer); /* a member that came with a membership found in phase 1 */
    }
}
