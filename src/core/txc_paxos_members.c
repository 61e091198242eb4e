/*
 * Who votes.  A membership is a value of the log: chosen at slot i, it governs
 * the slots behind i, and nothing behind i is proposed before it is chosen.
 * Members come and go one at a time.
 *
 * A member is a number and a disk.  A replica whose disk is not the one that
 * was made a member has forgotten what it promised, and never votes; it comes
 * back under a new number, higher than any that was ever used.
 *
 * The members of a new group know each other's numbers only.  So its first
 * leader needs all of them, for its election and for the first values, which
 * name the group and their disks.  From then on a majority is enough, and a
 * disk that is formatted once more is nobody's.
 */
#include "core/txc_paxos_private.h"

#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum { NEARLY = 4096 /* a new member has caught up when its disk is so close behind */ };

static const txc_member_t *s_find (const txc_member_t *members, uint32_t n, uint32_t id)
{
    for (uint32_t i = 0; i < n; i++)
        if (members[i].id == id)
            return &members[i];
    return NULL;
}

static bool s_is_mine (const txc_paxos_t *self, const txc_member_t *member)
{
    if (TXC_MUTANT (AMNESIA_VOTES))
        return member != NULL;
    return member && member->disk == self->disk;
}

bool txc_paxos_is_impostor (const txc_paxos_t *self, const txc_paxos_peer_t *peer)
{
    const txc_member_t *member = s_find (self->members, self->n_members, peer->id);
    return member && member->disk && member->disk != peer->disk && !TXC_MUTANT (AMNESIA_VOTES);
}

/* The members' disks are known now.  Who had said "accepted" by the number alone may have had another disk;
 * whoever has the right one is heard again, or its leader tells what is chosen. */
static void s_forget_acks (txc_paxos_t *self)
{
    uint32_t own = self->voters & UINT32_C (1);
    for (uint64_t slot = self->chosen + 1; slot <= self->last; slot++) {
        txc_paxos_slot_t *at = txc_paxos_slot (self, slot);
        if (at)
            at->acks &= own;
    }
}

void txc_paxos_members_set (txc_paxos_t *self, uint64_t slot, const txc_rec_t *record)
{
    bool was_bound = self->bound;
    self->n_members = record->n_members;
    memcpy (self->members, record->members, record->n_members * sizeof *record->members);
    self->members_slot = slot;
    bool voter = s_is_mine (self, s_find (self->members, self->n_members, self->config.id));
    self->voters = 0;
    self->bound = true;
    for (uint32_t i = 0; i < self->n_members; i++)
        if (self->members[i].id > self->max_member)
            self->max_member = self->members[i].id;
    for (uint32_t i = 0; i < self->n_members; i++) {
        txc_paxos_peer_t *peer = txc_paxos_peer_add (self, self->members[i].id);
        TXC_ASSERT (peer != NULL);
        peer->member = self->members[i];
        if (peer != self->peers || voter) /* what an impostor accepted itself counts as little */
            self->voters |= txc_paxos_bit (self, peer);
        self->bound = self->bound && self->members[i].disk;
    }
    if (self->bound && !was_bound && !TXC_MUTANT (AMNESIA_VOTES))
        s_forget_acks (self);
    if (voter == self->voter)
        return;
    self->voter = voter;
    if (self->started)
        txc_paxos_election_reset (self);
}

void txc_paxos_members_chosen (txc_paxos_t *self, uint64_t slot, bool valid, const uint8_t *bytes,
                               size_t size)
{
    txc_rec_t *record = &self->scratch;
    bool decoded = self->config.codec->decode (bytes, size, record);
    TXC_ASSERT (decoded);
    if (!valid && !TXC_MUTANT (VOID_MEMBERS_GOVERN))
        return; /* a void membership governs nothing */
    bool leads = self->role == TXC_PAXOS_LEADING;
    bool alone = txc_paxos_is_alone (self);
    txc_paxos_members_set (self, slot, record);
    /* After a restart it must know who votes without having to ask those who may not be there any more. */
    if (!alone || !txc_paxos_is_alone (self))
        txc_paxos_hint (self, true);
    if (!self->voter && self->role >= TXC_PAXOS_PREPARING) {
        txc_paxos_follow (self, 0); /* it found its own removal, and saw to it: others lead from here */
        return;
    }
    if (leads && self->n_members > 1 && self->heartbeat_due_ms == TXC_NEVER_MS) {
        self->won_ms = self->now_ms; /* it was alone until now */
        self->heartbeat_due_ms = self->now_ms;
    }
    self->hooks.members (self->hooks.arg);
}

/* --- changes -------------------------------------------------------------------------------- */

/* Not before the barrier is chosen: until then a membership of an earlier leader, of which a majority knows
 * nothing, may still take effect in front of this one, and majorities of the two need not meet. */
static int s_may_change (const txc_paxos_t *self)
{
    if (self->role != TXC_PAXOS_LEADING)
        return TXC_ENOTLEADER;
    if (self->chosen < self->barrier_slot)
        return TXC_ENOTREADY;
    if ((self->members_open || !txc_list_is_empty (&self->held)) && !TXC_MUTANT (MEMBERS_NOT_AWAITED))
        return TXC_ENOTREADY;
    return TXC_OK;
}

static int s_propose (txc_paxos_t *self, const txc_member_t *members, uint32_t n)
{
    txc_rec_t *record = &self->scratch;
    memset (record, 0, offsetof (txc_rec_t, branches));
    record->type = TXC_REC_MEMBERS;
    record->epoch = self->ballot;
    record->clock = ++self->update->clock;
    record->n_members = n;
    memcpy (record->members, members, n * sizeof *members);
    txc_paxos_propose (self, record, true);
    return TXC_OK;
}

int txc_paxos_add (txc_paxos_t *self, const txc_member_t *member)
{
    txc_member_t members[TXC_REPLICAS_MAX];
    int rc = s_may_change (self);
    if (rc)
        return rc;
    const txc_paxos_peer_t *peer = txc_paxos_peer (self, member->id);
    if (s_find (self->members, self->n_members, member->id) || member->id <= self->max_member ||
        self->n_members == TXC_REPLICAS_MAX)
        return TXC_EINVAL;
    /* One mistyped address must not cost the majority: it has to be there, and to have caught up. */
    bool ready = peer && peer->member.disk && peer->durable + NEARLY >= self->chosen;
    if (!ready && !TXC_MUTANT (JOINER_NOT_CAUGHT_UP))
        return TXC_ENOTREADY;
    memcpy (members, self->members, sizeof members);
    members[self->n_members] = ready ? peer->member : *member;
    return s_propose (self, members, self->n_members + 1);
}

int txc_paxos_remove (txc_paxos_t *self, uint32_t id)
{
    txc_member_t members[TXC_REPLICAS_MAX];
    uint32_t n = 0;
    int rc = s_may_change (self);
    if (rc)
        return rc;
    if (id == self->config.id || !s_find (self->members, self->n_members, id) || self->n_members == 1)
        return TXC_EINVAL; /* a leader hands over first */
    for (uint32_t i = 0; i < self->n_members; i++)
        if (self->members[i].id != id)
            members[n++] = self->members[i];
    return s_propose (self, members, n);
}

int txc_paxos_move (txc_paxos_t *self, const txc_member_t *member)
{
    txc_member_t members[TXC_REPLICAS_MAX];
    int rc = s_may_change (self);
    if (rc)
        return rc;
    const txc_member_t *old = s_find (self->members, self->n_members, member->id);
    if (!old)
        return TXC_EINVAL;
    memcpy (members, self->members, sizeof members);
    txc_copy_text (members[old - self->members].endpoint, sizeof old->endpoint, member->endpoint);
    return s_propose (self, members, self->n_members);
}

void txc_paxos_bind (txc_paxos_t *self)
{
    txc_member_t members[TXC_REPLICAS_MAX];
    if (self->bound)
        return;
    memcpy (members, self->members, sizeof members);
    for (uint32_t i = 0; i < self->n_members; i++) {
        const txc_paxos_peer_t *peer = txc_paxos_peer (self, members[i].id);
        members[i].disk = peer == self->peers ? self->disk : peer->disk;
    }
    s_propose (self, members, self->n_members);
}

/* A majority is lost for good.  What was accepted here may have been chosen, and is taken as if it were. */
void txc_paxos_force_alone (txc_paxos_t *self)
{
    TXC_ASSERT (!self->started && self->disk);
    for (txc_paxos_slot_t *at; (at = txc_paxos_slot (self, self->chosen + 1)) != NULL;) {
        at->chosen = true;
        txc_paxos_advance (self);
    }
    txc_paxos_slots_cut (self);
    self->next_slot = self->chosen + 1;
    txc_rec_t *record = &self->scratch;
    memset (record, 0, offsetof (txc_rec_t, branches));
    record->type = TXC_REC_MEMBERS;
    record->n_members = 1;
    record->members[0] = (txc_member_t){.id = self->config.id, .disk = self->disk};
    txc_copy_text (record->members[0].endpoint, sizeof record->members[0].endpoint, self->config.endpoint);
    txc_paxos_members_set (self, self->chosen, record);
    TXC_INVARIANT (txc_paxos_is_alone (self));
}

/* --- asking to be one -------------------------------------------------------------------------- */

void txc_paxos_mark (txc_paxos_t *self)
{
    if (self->durable < self->mark_number)
        return;
    self->durable_slot = self->mark_slot;
    self->mark_number = self->entries;
    self->mark_slot = self->chosen;
}

/* How far this replica would come with its disk alone: there is always something on its way to the disk. */
static uint64_t s_durable_slot (const txc_paxos_t *self)
{
    bool based = self->installed <= self->checkpointed && self->durable_slot > self->checkpointed;
    return based ? self->durable_slot : self->checkpointed;
}

static void s_ask (txc_paxos_t *self, uint32_t id)
{
    if (id == self->config.id)
        return;
    const txc_paxos_peer_t *to = txc_paxos_peer_add (self, id);
    if (!to)
        return;
    txc_member_t *me = txc_update_alloc (self->update, sizeof *me);
    me->id = self->config.id;
    me->disk = self->disk;
    txc_copy_text (me->endpoint, sizeof me->endpoint, self->config.endpoint);
    txc_msg_t *message = txc_paxos_send (self, to, TXC_MSG_PAXOS_JOIN);
    message->slot = s_durable_slot (self);
    message->members = me;
    message->n_members = 1;
}

/* A replica that is no member asks to become one; a member says so if it has moved. */
void txc_paxos_join_tick (txc_paxos_t *self)
{
    if (self->join_due_ms > self->now_ms)
        return;
    if (self->disk_number > self->durable && !TXC_MUTANT (JOINS_WITHOUT_DISK)) {
        self->join_due_ms = self->now_ms + self->config.heartbeat_ms; /* it may yet forget who it is */
        return;
    }
    self->join_due_ms = TXC_NEVER_MS;
    txc_paxos_mark (self);
    const txc_member_t *me = s_find (self->members, self->n_members, self->config.id);
    if (self->voter && me && strcmp (me->endpoint, self->config.endpoint) == 0)
        return;
    self->join_due_ms = self->now_ms + self->config.heartbeat_ms;
    for (uint32_t i = 0; i < self->config.n_members; i++)
        s_ask (self, self->config.members[i].id);
    for (uint32_t i = 0; i < self->n_members; i++)
        if (!s_find (self->config.members, self->config.n_members, self->members[i].id))
            s_ask (self, self->members[i].id);
}

int txc_paxos_on_join (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    if (message->n_members != 1 || message->members[0].id != from->id || !message->members[0].disk)
        return TXC_EPROTO;
    if (self->role != TXC_PAXOS_LEADING)
        return TXC_ENOTLEADER;
    const txc_member_t *known = s_find (self->members, self->n_members, from->id);
    from->durable = message->slot;
    if (!known)
        from->member = message->members[0];
    else if ((known->disk == 0 || known->disk == message->members[0].disk) &&
             strcmp (known->endpoint, message->members[0].endpoint) != 0)
        txc_paxos_move (self, &message->members[0]);
    txc_msg_t *reply =
        txc_paxos_send (self, from, TXC_MSG_PAXOS_HEARTBEAT); /* it learns how far the log is */
    reply->epoch = self->ballot;
    reply->stamp = self->now_ms;
    return TXC_OK;
}

/* --- whose disk this is -------------------------------------------------------------------------- */

static void s_disk_take (txc_paxos_t *self, const txc_rec_t *record)
{
    self->disk = record->nonce;
    if (record->n_members)
        txc_paxos_members_set (self, 0, record);
}

void txc_paxos_disk_entry (txc_paxos_t *self)
{
    uint8_t bytes[TXC_RECORD_MAX];
    txc_rec_t *record = &self->scratch;
    memset (record, 0, offsetof (txc_rec_t, branches));
    record->type = TXC_REC_MEMBERS;
    record->nonce = self->config.new_disk;
    record->count = self->config.id;
    if (self->config.format) {
        record->n_members = self->config.n_members;
        memcpy (record->members, self->config.members, record->n_members * sizeof *record->members);
        if (record->n_members == 0) {
            txc_member_t *me = &record->members[record->n_members++];
            me->id = self->config.id;
            txc_copy_text (me->endpoint, sizeof me->endpoint, self->config.endpoint);
        }
        for (uint32_t i = 0; i < record->n_members; i++)
            if (record->members[i].id == self->config.id)
                record->members[i].disk = self->config.new_disk; /* the others' it does not know */
    }
    size_t size = self->config.codec->encode (record, bytes);
    self->disk_number = txc_paxos_log (self, TXC_ENTRY_DISK, true, TXC_REC_MEMBERS, bytes, size)->number;
    s_disk_take (self, record);
}

/* The log that is replayed is this replica's. */
bool txc_paxos_is_of (txc_paxos_t *self, uint32_t id)
{
    if (self->config.id == 0) /* it is read only: whoever's it is */
        self->config.id = self->peers[0].id = id;
    return self->config.id == id;
}

int txc_paxos_disk_replay (txc_paxos_t *self, const txc_entry_t *entry)
{
    txc_rec_t *record = &self->scratch;
    if (!self->config.codec->decode (entry->bytes, entry->size, record) || !record->nonce)
        return TXC_ECORRUPT;
    if (!txc_paxos_is_of (self, record->count))
        return TXC_ECONFIG;
    if (!self->disk) /* else the snapshot knows better */
        s_disk_take (self, record);
    return TXC_OK;
}
