/*
 * Who leads: silence, pre-vote, candidacy; heartbeats and the lease; handing
 * over.
 *
 * A distinguished proposer against livelock: a replica stands for election
 * only after it has not heard of a leader for a random time, and only if a
 * majority would promise.  Safety never rests on any of this, but for the
 * lease: whoever grants it promises nobody else until it lapses by its own
 * clock, and the leader counts on it for a little less, by the bound on how
 * far two clocks may drift apart.
 */
#include "core/txc_paxos_private.h"

#include "base/txc_assert.h"

static uint64_t s_draw (txc_paxos_t *self)
{
    return txc_random_next (&self->random) % (self->config.election_ms + 1u);
}

void txc_paxos_election_reset (txc_paxos_t *self)
{
    self->election_due_ms =
        self->voter ? self->now_ms + self->config.election_ms + s_draw (self) : TXC_NEVER_MS;
}

void txc_paxos_follow (txc_paxos_t *self, uint32_t leader)
{
    bool led = self->role == TXC_PAXOS_LEADING;
    if (self->role != TXC_PAXOS_FOLLOWER) {
        self->role = TXC_PAXOS_FOLLOWER;
        self->members_open = 0;
        self->transfer_to = 0;
        self->transfer_due_ms = self->heartbeat_due_ms = TXC_NEVER_MS;
        self->prior = (txc_epoch_t){0, 0};
        txc_paxos_forget_found (self);
        txc_paxos_forget_held (self);
    }
    self->leader = leader;
    txc_paxos_election_reset (self);
    if (led)
        self->hooks.deposed (self->hooks.arg);
}

void txc_paxos_superseded (txc_paxos_t *self, txc_epoch_t ballot)
{
    if (self->role >= TXC_PAXOS_PREPARING && txc_epoch_compare (ballot, self->ballot) > 0)
        txc_paxos_follow (self, 0);
}

/* --- the lease --------------------------------------------------------------------------- */

static uint64_t s_granted (const txc_paxos_peer_t *peer)
{
    return peer->granted;
}

static uint64_t s_beat_of (const txc_paxos_peer_t *peer)
{
    return peer->beat;
}

/* The highest value that a majority has reached.  own: what this replica has. */
static uint64_t s_of_majority (const txc_paxos_t *self, uint64_t own,
                               uint64_t (*of) (const txc_paxos_peer_t *peer))
{
    uint64_t values[TXC_PAXOS_PEERS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < self->n_peers; i++) {
        if (!(self->voters & UINT32_C (1) << i))
            continue;
        uint64_t value = i == 0 ? own : of (&self->peers[i]);
        uint32_t k = n++;
        for (; k > 0 && values[k - 1] < value; k--)
            values[k] = values[k - 1];
        values[k] = value;
    }
    uint32_t majority = self->n_members / 2;
    return majority < n ? values[majority] : 0;
}

/* The latest time such that a majority has granted what was asked for then. */
static uint64_t s_granted_by_majority (const txc_paxos_t *self, uint64_t now_ms)
{
    return s_of_majority (self, now_ms, s_granted);
}

bool txc_paxos_has_lease_at (const txc_paxos_t *self, uint64_t now_ms)
{
    if (self->role != TXC_PAXOS_LEADING)
        return false;
    if (txc_paxos_is_alone (self) || TXC_MUTANT (LEASE_PRESUMED))
        return true;
    if (self->config.no_lease)
        return false;
    uint64_t stamp = s_granted_by_majority (self, now_ms);
    uint64_t skew = self->config.clock_skew;
    uint64_t lease_ms = (uint64_t) self->config.lease_ms * (1000 - skew) / (1000 + skew);
    if (TXC_MUTANT (LEASE_WITHOUT_MARGIN))
        lease_ms = (uint64_t) self->config.lease_ms * 2;
    return stamp && stamp + lease_ms > now_ms + 2; /* 2: what rounding to milliseconds may hide */
}

bool txc_paxos_has_lease (const txc_paxos_t *self)
{
    return txc_paxos_has_lease_at (self, self->now_ms);
}

bool txc_paxos_lease_allows (const txc_paxos_t *self, const txc_msg_t *message)
{
    if (TXC_MUTANT (LEASE_NOT_KEPT))
        return true;
    if (self->role == TXC_PAXOS_LEADING && txc_paxos_has_lease (self))
        return false;
    if (self->granted_until_ms <= self->now_ms)
        return true;
    if (!self->granted_to.round)
        return false; /* whom it granted something before it was restarted, it does not know */
    bool handed_over =
        message->flags & TXC_FLAG_HANDED_OVER && txc_epoch_compare (message->prior, self->granted_to) == 0;
    return handed_over || self->granted_to.replica == message->replica;
}

static void s_heartbeats (txc_paxos_t *self)
{
    self->beats++;
    for (uint32_t i = 1; i < self->n_peers; i++) {
        if (!(self->voters & UINT32_C (1) << i))
            continue;
        txc_msg_t *message = txc_paxos_send (self, &self->peers[i], TXC_MSG_PAXOS_HEARTBEAT);
        message->epoch = self->ballot;
        message->stamp = self->now_ms;
        message->slot = self->beats;
    }
}

uint64_t txc_paxos_confirm (txc_paxos_t *self)
{
    self->wanted = self->beats + (TXC_MUTANT (CONFIRMED_BEFORE_ASKED) ? 0 : 1);
    return self->wanted;
}

uint64_t txc_paxos_confirmed (const txc_paxos_t *self)
{
    if (self->role != TXC_PAXOS_LEADING)
        return 0;
    return txc_paxos_is_alone (self) ? UINT64_MAX : s_of_majority (self, self->beats, s_beat_of);
}

/* One heartbeat serves everybody who has asked while the one before it was under way. */
void txc_paxos_ask (txc_paxos_t *self)
{
    if (self->role == TXC_PAXOS_LEADING && self->wanted > self->beats &&
        txc_paxos_confirmed (self) >= self->beats)
        s_heartbeats (self);
}

int txc_paxos_on_heartbeat (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    if (message->epoch.replica != from->id)
        return TXC_EPROTO;
    int order = txc_epoch_compare (message->epoch, self->promised);
    if (order < 0) {
        txc_paxos_send (self, from, TXC_MSG_PAXOS_REJECT)->epoch = self->promised;
        return TXC_ESTALE;
    }
    /* Whom others have elected this one has not promised: perhaps those of an earlier membership did. */
    if (order > 0 && self->voter && !txc_paxos_lease_allows (self, message))
        return TXC_ELOCKED;
    txc_paxos_follow (self, from->id);
    if (order > 0 && self->voter)
        txc_paxos_promise (self, message->epoch);
    /* To grant is to promise, and the promise is durable first: so an old word of an earlier leader, its
     * heartbeat or its handing over, is known as one, also by who was restarted and forgot what it granted.
     */
    if (self->voter && self->promised_number <= self->durable) {
        self->granted_until_ms = self->now_ms + self->config.lease_ms;
        self->granted_to = message->epoch;
        txc_msg_t *reply = txc_paxos_send (self, from, TXC_MSG_PAXOS_GRANT);
        reply->epoch = message->epoch;
        reply->stamp = message->stamp;
        reply->slot = message->slot;
        reply->flags = self->low ? TXC_FLAG_SPACE_LOW : 0;
    }
    txc_paxos_note_chosen (self, from, message->epoch, message->chosen_slot);
    if (self->chosen > self->hinted)
        txc_paxos_hint (self, false); /* at rest, too, the log says what is chosen */
    return TXC_OK;
}

int txc_paxos_on_grant (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    if (self->role < TXC_PAXOS_RECOVERING || txc_epoch_compare (message->epoch, self->ballot) != 0)
        return TXC_ESTALE;
    if (message->stamp > from->granted && message->stamp <= self->now_ms)
        from->granted = message->stamp;
    if (message->slot > from->beat && message->slot <= self->beats)
        from->beat = message->slot;
    if (message->chosen_slot > from->chosen)
        from->chosen = message->chosen_slot;
    from->low = message->flags & TXC_FLAG_SPACE_LOW;
    if (self->low && !from->low && !self->transfer_to)
        txc_paxos_transfer (self, from->id); /* it would refuse every commit, this one need not */
    txc_paxos_transfer_on (self);
    return TXC_OK;
}

/* --- election ---------------------------------------------------------------------------- */

static void s_prevote (txc_paxos_t *self)
{
    self->role = TXC_PAXOS_PREVOTING;
    self->leader = 0;
    self->election_due_ms = self->now_ms + self->config.election_ms / 2 + s_draw (self);
    txc_epoch_t ballot = {self->promised.round > self->max_round ? self->promised.round : self->max_round,
                          self->config.id};
    ballot.round++;
    for (uint32_t i = 0; i < self->n_peers; i++)
        self->peers[i].prevoted = i == 0;
    for (uint32_t i = 1; i < self->n_peers; i++) {
        if (!(self->voters & UINT32_C (1) << i))
            continue;
        txc_msg_t *message = txc_paxos_send (self, &self->peers[i], TXC_MSG_PAXOS_PREVOTE);
        message->epoch = ballot;
        message->slot = self->chosen + 1;
    }
}

int txc_paxos_on_prevote (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    txc_paxos_hear_of (self, from, message->chosen_slot);
    /* A candidate that would first have to install a snapshot had better not win. */
    bool would = self->voter && message->slot >= self->first && txc_paxos_lease_allows (self, message);
    txc_msg_t *reply = txc_paxos_send (self, from, TXC_MSG_PAXOS_PREVOTED);
    reply->epoch = message->epoch;
    reply->prior = self->promised;
    reply->code = would ? TXC_OK : TXC_ENOTREADY;
    return TXC_OK;
}

int txc_paxos_on_prevoted (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    if (message->prior.round > self->max_round && message->prior.round < TXC_ROUND_MAX / 2)
        self->max_round = message->prior.round;
    /* Perhaps it asks those who are no members any more, and they are all who know. */
    txc_paxos_hear_of (self, from, message->chosen_slot);
    /* It may have found its own removal since it asked. */
    if (self->role != TXC_PAXOS_PREVOTING || message->code != TXC_OK || !self->voter)
        return TXC_OK;
    from->prevoted = true;
    uint32_t bits = 0;
    for (uint32_t i = 0; i < self->n_peers; i++)
        bits |= self->peers[i].prevoted ? UINT32_C (1) << i : 0;
    if (txc_paxos_is_quorum (self, bits))
        txc_paxos_campaign (self, 0);
    return TXC_OK;
}

/* A leader that hears of no majority for so long is none: it makes room. */
static bool s_has_majority (const txc_paxos_t *self)
{
    uint64_t heard_ms = s_granted_by_majority (self, self->now_ms);
    if (heard_ms < self->won_ms)
        heard_ms = self->won_ms;
    return heard_ms + 2 * (uint64_t) self->config.election_ms > self->now_ms;
}

static void s_beat (txc_paxos_t *self)
{
    self->heartbeat_due_ms = self->now_ms + self->config.heartbeat_ms;
    if (self->role == TXC_PAXOS_PREPARING) {
        txc_paxos_prepare (self);
        return;
    }
    if (txc_paxos_is_alone (self)) {
        self->heartbeat_due_ms = TXC_NEVER_MS;
        return;
    }
    if (!s_has_majority (self)) {
        txc_paxos_follow (self, 0);
        return;
    }
    s_heartbeats (self);
    if (self->chosen > self->hinted)
        txc_paxos_hint (self, false);
    txc_paxos_resend (self);
}

void txc_paxos_election_tick (txc_paxos_t *self)
{
    if (self->heartbeat_due_ms <= self->now_ms)
        s_beat (self);
    if (self->transfer_due_ms <= self->now_ms) {
        self->transfer_to = 0; /* it did not come up in time: leadership stays */
        self->transfer_due_ms = TXC_NEVER_MS;
    }
    if (self->election_due_ms > self->now_ms || !self->voter || self->role >= TXC_PAXOS_RECOVERING)
        return;
    if (self->role == TXC_PAXOS_PREPARING)
        txc_paxos_follow (self, 0);
    if (txc_paxos_is_alone (self))
        txc_paxos_campaign (self, 0);
    else
        s_prevote (self);
}

/* --- handing over -------------------------------------------------------------------------- */

enum { NEARLY = 1024 /* slots that a new leader's phase 1 may well have to fetch */ };

static bool s_is_alive (const txc_paxos_t *self, const txc_paxos_peer_t *peer)
{
    return peer->granted + self->config.election_ms > self->now_ms;
}

/* Of those with room, if there are any. */
static txc_paxos_peer_t *s_furthest (txc_paxos_t *self)
{
    txc_paxos_peer_t *best = NULL;
    for (uint32_t i = 1; i < self->n_peers; i++) {
        txc_paxos_peer_t *peer = &self->peers[i];
        if (self->voters & UINT32_C (1) << i && s_is_alive (self, peer) &&
            (!best || (best->low && !peer->low) || (best->low == peer->low && peer->chosen > best->chosen)))
            best = peer;
    }
    return best;
}

void txc_paxos_space (txc_paxos_t *self, bool low)
{
    self->low = low;
}

int txc_paxos_transfer (txc_paxos_t *self, uint32_t to)
{
    if (self->role != TXC_PAXOS_LEADING)
        return TXC_ENOTLEADER;
    const txc_paxos_peer_t *peer = to ? txc_paxos_peer (self, to) : s_furthest (self);
    if (to == self->config.id || (to && (!peer || !(self->voters & txc_paxos_bit (self, peer)))))
        return TXC_EINVAL;
    if (!peer)
        return TXC_ENOTREADY;
    self->transfer_to = peer->id;
    self->transfer_due_ms = self->now_ms + 2 * (uint64_t) self->config.election_ms;
    txc_paxos_transfer_on (self);
    return TXC_OK;
}

/* The lease is given up first: from here on this replica answers nobody. */
void txc_paxos_transfer_on (txc_paxos_t *self)
{
    if (!self->transfer_to || self->role != TXC_PAXOS_LEADING)
        return;
    txc_paxos_peer_t *peer = txc_paxos_peer (self, self->transfer_to);
    if (!peer || !s_is_alive (self, peer) || peer->chosen + NEARLY < self->chosen)
        return; /* it may come up */
    txc_epoch_t ballot = self->ballot;
    txc_paxos_follow (self, peer->id);
    txc_paxos_send (self, peer, TXC_MSG_PAXOS_TRANSFER)->epoch = ballot;
}

int txc_paxos_on_transfer (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    if (!self->voter || message->epoch.replica != from->id ||
        txc_epoch_compare (message->epoch, self->promised) < 0)
        return TXC_ESTALE;
    self->prior = message->epoch;
    txc_paxos_campaign (self, 0);
    return TXC_OK;
}
