#include "sim_group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "core/txc_paxos_values.h"
#include "sim_reflog.h"
#include "sim_trace.h"
#include "sim_votes.h"
#include "wire/txc_codec.h"

/* What was accepted in a slot under one ballot, by whom. */
typedef struct s_vote {
    struct s_vote *next;
    txc_epoch_t ballot;
    uint64_t hash;
    uint32_t replicas; /* ever, a bit each */
} s_vote_t;

typedef struct s_slot {
    s_vote_t *votes;
    bool chosen;
    uint64_t hash;
    uint64_t digest; /* of all values up to it */
    size_t size;
    uint8_t *bytes;
} s_slot_t;

/* What all replicas come to that have applied the same values. */
typedef struct s_state {
    uint64_t slot, members, commits, aborts, ends, heuristics, voids, outcomes, cluster;
} s_state_t;

enum { STATES = 1024, MEMBERSHIPS = 256 };

struct sim_group {
    s_slot_t *slots; /* by slot */
    uint64_t room;
    txc_epoch_t promised[SIM_REPLICAS_MAX];
    struct {
        uint64_t slot; /* behind which they vote */
        uint32_t replicas;
    } members[MEMBERSHIPS]; /* by what is chosen so far */
    uint32_t n_members, ever;
    struct {
        txc_epoch_t ballot;
        uint64_t slot;
    } proposed[SIM_REPLICAS_MAX]; /* the last membership that a leader sent */
    s_state_t states[STATES];     /* by slot, the latest ones */
    bool applied;                 /* anything, by anybody */
};

sim_group_t *sim_group_new (uint32_t founders)
{
    sim_group_t *self = txc_calloc (1, sizeof *self);
    self->n_members = 1;
    self->members[0].replicas = self->ever = (1u << founders) - 1;
    return self;
}

uint32_t sim_group_members (const sim_t *sim)
{
    return sim->group->members[sim->group->n_members - 1].replicas;
}

uint64_t sim_group_members_slot (const sim_t *sim)
{
    return sim->group->members[sim->group->n_members - 1].slot;
}

uint32_t sim_group_ever_members (const sim_t *sim)
{
    return sim->group->ever;
}

static void s_forget (s_slot_t *slot)
{
    for (s_vote_t *vote = slot->votes, *next; vote; vote = next) {
        next = vote->next;
        free (vote);
    }
    free (slot->bytes);
    memset (slot, 0, sizeof *slot);
}

void sim_group_destroy (sim_group_t **self_p)
{
    sim_group_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (uint64_t i = 0; i < self->room; i++)
        s_forget (&self->slots[i]);
    free (self->slots);
    free (self);
}

static s_slot_t *s_slot (sim_group_t *self, uint64_t slot)
{
    if (slot >= self->room) {
        uint64_t room = self->room ? self->room : 256;
        while (room <= slot)
            room *= 2;
        self->slots = txc_realloc (self->slots, room * sizeof *self->slots);
        memset (self->slots + self->room, 0, (room - self->room) * sizeof *self->slots);
        self->room = room;
    }
    return &self->slots[slot];
}

/* --- what is chosen ------------------------------------------------------------------ */

/* From the next slot on others vote. */
static void s_members_chosen (sim_t *sim, uint64_t number, const txc_rec_t *record)
{
    sim_group_t *self = sim->group;
    uint32_t replicas = 0;
    for (uint32_t i = 0; i < record->n_members; i++)
        if (record->members[i].id >= 1 && record->members[i].id <= SIM_REPLICAS_MAX)
            replicas |= 1u << (record->members[i].id - 1);
    self->ever |= replicas;
    if (self->n_members == MEMBERSHIPS)
        sim_violation (sim, "too-many-memberships", "the simulator has no room for more");
    else {
        self->members[self->n_members].slot = number;
        self->members[self->n_members++].replicas = replicas;
    }
    for (uint64_t behind = number + 1; behind < self->room; behind++)
        if (self->slots[behind].chosen)
            sim_violation (sim, "chosen-behind-membership",
                           "slot %" PRIu64 " is chosen before the membership in slot %" PRIu64, behind,
                           number);
}

/* The chosen values that follow each other go to the reader of the log. */
static void s_read_on (sim_t *sim)
{
    sim_group_t *self = sim->group;
    for (;;) {
        uint64_t next = sim->reflog->last_slot + 1;
        s_slot_t *slot = s_slot (self, next);
        if (!slot->chosen)
            return;
        txc_rec_t record;
        if (!txc_record_codec.decode (slot->bytes, slot->size, &record)) {
            sim_violation (sim, "record-damaged", "slot %" PRIu64 " cannot be read", next);
            return;
        }
        slot = s_slot (self, next);
        slot->digest = txc_digest64 (s_slot (self, next - 1)->digest, slot->bytes, slot->size);
        sim->stats->records++;
        sim_reflog_add (sim->reflog, sim, next, &record);
        if (record.type == TXC_REC_MEMBERS && txc_epoch_compare (record.epoch, sim->reflog->barrier) >= 0)
            s_members_chosen (sim, next, &record);
    }
}

static void s_chosen (sim_t *sim, uint64_t number, uint64_t hash, const uint8_t *bytes, size_t size)
{
    s_slot_t *slot = s_slot (sim->group, number);
    if (slot->chosen) {
        if (slot->hash != hash)
            sim_violation (sim, "chosen-twice", "two values are chosen in slot %" PRIu64, number);
        return;
    }
    if (sim->n_replicas > 1)
        sim_trace (sim, "group", "slot %" PRIu64 " is chosen", number);
    slot->chosen = true;
    slot->hash = hash;
    slot->size = size;
    slot->bytes = memcpy (txc_malloc (size), bytes, size);
    s_read_on (sim);
}

static s_vote_t *s_vote (sim_group_t *self, uint64_t number, txc_epoch_t ballot)
{
    for (s_vote_t *vote = s_slot (self, number)->votes; vote; vote = vote->next)
        if (txc_epoch_compare (vote->ballot, ballot) == 0)
            return vote;
    return NULL;
}

static uint32_t s_governing (const sim_group_t *self, uint64_t slot)
{
    uint32_t i = self->n_members - 1;
    while (self->members[i].slot >= slot)
        i--;
    return self->members[i].replicas;
}

static bool s_is_majority (const sim_group_t *self, uint64_t slot, uint32_t replicas)
{
    uint32_t members = s_governing (self, slot);
    return __builtin_popcount (replicas & members) > __builtin_popcount (members) / 2;
}

static void s_accepted (sim_t *sim, const sim_coordinator_t *replica, const txc_entry_t *entry)
{
    sim_group_t *self = sim->group;
    uint64_t hash = txc_digest64 (0, entry->bytes, entry->size);
    s_vote_t *vote = s_vote (self, entry->slot, entry->epoch);
    if (!vote) {
        s_slot_t *slot = s_slot (self, entry->slot);
        vote = txc_calloc (1, sizeof *vote);
        *vote = (s_vote_t){.next = slot->votes, .ballot = entry->epoch, .hash = hash};
        slot->votes = vote;
    }
    if (vote->hash != hash)
        sim_violation (sim, "ballot-twice", "two values are accepted in slot %" PRIu64 " under one ballot",
                       entry->slot);
    if (replica->disk_lost)
        return; /* its votes count for nothing */
    vote->replicas |= 1u << replica->proc.index;
    if (s_is_majority (self, entry->slot, vote->replicas))
        s_chosen (sim, entry->slot, hash, entry->bytes, entry->size);
}

/* --- what becomes durable -------------------------------------------------------------- */

void sim_group_durable (sim_t *sim, const sim_coordinator_t *replica, const txc_entry_t *entry)
{
    sim_group_t *self = sim->group;
    txc_epoch_t *promised = &self->promised[replica->proc.index];
    int order = txc_epoch_compare (entry->epoch, *promised);
    switch (entry->form) {
    case TXC_ENTRY_ACCEPTED:
        if (order < 0 && !replica->opening)
            sim_violation (sim, "accepted-below-promise",
                           "%s accepts slot %" PRIu64 " under round %" PRIu64 ", it promised %" PRIu64,
                           replica->proc.name, entry->slot, entry->epoch.round, promised->round);
        s_accepted (sim, replica, entry);
        break;
    case TXC_ENTRY_LEARNED: {
        const s_slot_t *slot = s_slot (self, entry->slot);
        if (!slot->chosen || slot->hash != txc_digest64 (0, entry->bytes, entry->size))
            sim_violation (sim, "learned-not-chosen",
                           "%s learns a value in slot %" PRIu64 " that is not chosen", replica->proc.name,
                           entry->slot);
        return;
    }
    case TXC_ENTRY_VOTED:
        sim_votes_durable (sim, replica, entry, *promised);
        return;
    case TXC_ENTRY_PROMISED:
        if (order < 0 && !replica->opening)
            sim_violation (sim, "promise-lowered", "%s promises round %" PRIu64 " after %" PRIu64,
                           replica->proc.name, entry->epoch.round, promised->round);
        break;
    default:
        return;
    }
    if (order > 0)
        *promised = entry->epoch;
}

/* What this disk once held is there again, unless something chosen took its place. */
static void s_check_remembered (sim_t *sim, const sim_coordinator_t *replica, uint64_t applied)
{
    sim_group_t *self = sim->group;
    for (uint64_t number = applied + 1; number < self->room && !replica->disk_lost; number++) {
        if (self->slots[number].chosen)
            continue; /* it may have been learned instead */
        for (const s_vote_t *vote = self->slots[number].votes; vote; vote = vote->next) {
            txc_entry_t entry = {.slot = number};
            if (vote->replicas & 1u << replica->proc.index &&
                (!txc_replica_accepted (replica->core, &entry) ||
                 txc_epoch_compare (entry.epoch, vote->ballot) < 0))
                sim_violation (sim, "acceptance-forgotten", "%s does not know that it accepted slot %" PRIu64,
                               replica->proc.name, number);
        }
    }
}

void sim_group_opened (sim_t *sim, const sim_coordinator_t *replica)
{
    txc_replica_status_t status;
    txc_replica_status (replica->core, &status);
    txc_epoch_t *promised = &sim->group->promised[replica->proc.index];
    int order = txc_epoch_compare (status.promised, *promised);
    if (order < 0 && !replica->disk_lost && !sim->restored)
        sim_violation (sim, "promise-forgotten",
                       "%s starts with the promise %" PRIu64 ", it had made %" PRIu64, replica->proc.name,
                       status.promised.round, promised->round);
    if (order > 0)
        *promised = status.promised;
    if (status.voter && !status.cluster && sim->group->applied && !replica->disk_lost)
        sim_violation (sim, "group-unknown", "%s has a vote and starts without knowing in which group",
                       replica->proc.name);
    s_check_remembered (sim, replica, status.applied_slot);
    sim_votes_check_remembered (sim, replica);
    txc_entry_t entry = {.form = TXC_ENTRY_ACCEPTED};
    for (entry.slot = status.applied_slot + 1; entry.slot <= status.proposed_slot; entry.slot++)
        if (txc_replica_accepted (replica->core, &entry))
            s_accepted (sim, replica, &entry);
}

/* --- what replicas say and do ------------------------------------------------------------ */

static void s_check_accepted (sim_t *sim, const sim_coordinator_t *replica, const txc_msg_t *message)
{
    for (uint64_t slot = message->slot; slot <= message->high_slot; slot++) {
        const s_vote_t *vote = s_vote (sim->group, slot, message->epoch);
        bool durable = vote && vote->replicas & 1u << replica->proc.index;
        if (!durable && !s_slot (sim->group, slot)->chosen) {
            sim_violation (sim, "accepted-not-durable",
                           "%s says that it accepted slot %" PRIu64 ", its disk does not", replica->proc.name,
                           slot);
            return;
        }
    }
}

/* Nothing is proposed behind a membership that is not chosen. */
static void s_check_proposed (sim_t *sim, const sim_coordinator_t *replica, const txc_msg_t *message)
{
    sim_group_t *self = sim->group;
    uint32_t index = replica->proc.index;
    txc_paxos_value_t value;
    size_t at = 0;
    while (message->body && txc_paxos_value_next (message->body, &at, &value)) {
        bool open = txc_epoch_compare (self->proposed[index].ballot, message->epoch) == 0 &&
                    value.slot > self->proposed[index].slot;
        if (open && !s_slot (self, self->proposed[index].slot)->chosen)
            sim_violation (sim, "proposed-behind-membership",
                           "%s proposes slot %" PRIu64 ", the membership in slot %" PRIu64 " is not chosen",
                           replica->proc.name, value.slot, self->proposed[index].slot);
        if (value.kind == TXC_REC_MEMBERS) {
            self->proposed[index].ballot = message->epoch;
            self->proposed[index].slot = value.slot;
        }
    }
}

void sim_group_sent (sim_t *sim, const sim_coordinator_t *replica, const txc_msg_t *message)
{
    bool votes = message->type == TXC_MSG_PAXOS_ACCEPTED || message->type == TXC_MSG_PAXOS_VOTED ||
                 message->type == TXC_MSG_PAXOS_PROMISE || message->type == TXC_MSG_PAXOS_GRANT ||
                 message->type == TXC_MSG_PAXOS_PREPARE;
    if (votes && replica->disk_lost && !replica->formatted_again)
        sim_violation (sim, "amnesia-votes", "%s has lost its disk and sends %s", replica->proc.name,
                       txc_msg_name (message->type));
    if (votes && !(sim->group->ever & 1u << replica->proc.index))
        sim_violation (sim, "stranger-votes", "%s was never a member and sends %s", replica->proc.name,
                       txc_msg_name (message->type));
    if (message->type == TXC_MSG_PAXOS_ACCEPT)
        s_check_proposed (sim, replica, message);
    if (message->type == TXC_MSG_PAXOS_ACCEPTED && !replica->disk_lost)
        s_check_accepted (sim, replica, message);
    if (message->type == TXC_MSG_PAXOS_VOTED)
        sim_votes_check_told (sim, replica, message);
    if (message->type == TXC_MSG_PAXOS_PROMISE)
        sim_votes_check_remembered (sim, replica);
    if (message->type == TXC_MSG_PAXOS_PROMISE &&
        txc_epoch_compare (message->epoch, sim->group->promised[replica->proc.index]) > 0)
        sim_violation (sim, "promise-not-durable", "%s sends a promise that its disk does not hold",
                       replica->proc.name);
}

/* Two that would both answer now. */
static void s_check_leases (sim_t *sim, const sim_coordinator_t *replica)
{
    txc_epoch_t mine, other;
    if (!txc_replica_serves (replica->core, sim_proc_ms (sim, &replica->proc), &mine))
        return;
    for (uint32_t i = 0; i < sim->n_replicas; i++) {
        const sim_coordinator_t *peer = sim->coordinators[i];
        if (peer != replica && peer->proc.up &&
            txc_replica_serves (peer->core, sim_proc_ms (sim, &peer->proc), &other))
            sim_violation (sim, "leases-overlap", "%s and %s both have the lease", replica->proc.name,
                           peer->proc.name);
    }
}

/* The same values make the same state. */
static void s_check_state (sim_t *sim, const sim_coordinator_t *replica)
{
    txc_replica_status_t status;
    txc_replica_status (replica->core, &status);
    s_state_t now = {.slot = status.applied_slot,
                     .commits = status.commits,
                     .aborts = status.aborts,
                     .ends = status.ends,
                     .heuristics = status.heuristics,
                     .voids = status.voids,
                     .outcomes = status.outcomes,
                     .cluster = status.cluster};
    for (uint32_t i = 0; i < status.n_members; i++)
        now.members |= 1u << (status.members[i].id - 1);
    if (now.members != s_governing (sim->group, now.slot + 1))
        sim_violation (sim, "members-differ", "%s goes by other members behind slot %" PRIu64,
                       replica->proc.name, now.slot);
    sim->group->applied = true;
    s_state_t *known = &sim->group->states[now.slot % STATES];
    if (known->slot < now.slot)
        *known = now;
    else if (known->slot == now.slot && memcmp (known, &now, sizeof now) != 0)
        sim_violation (sim, "states-differ", "%s has come to another state at slot %" PRIu64,
                       replica->proc.name, now.slot);
}

void sim_group_stepped (sim_t *sim, sim_coordinator_t *replica)
{
    uint64_t digest, slot = txc_replica_applied (replica->core, &digest);
    if (slot > sim->reflog->last_slot)
        sim_violation (sim, "applied-not-chosen",
                       "%s has applied slot %" PRIu64 ", only %" PRIu64 " are chosen", replica->proc.name,
                       slot, sim->reflog->last_slot);
    else if (s_slot (sim->group, slot)->digest != digest)
        sim_violation (sim, "states-differ", "%s has applied something else up to slot %" PRIu64,
                       replica->proc.name, slot);
    if (sim->n_replicas == 1)
        return;
    s_check_leases (sim, replica);
    if (slot && slot != replica->applied)
        s_check_state (sim, replica);
    replica->applied = slot;
}

/* --- disks ---------------------------------------------------------------------------------- */

void sim_group_restored (sim_t *sim, uint64_t slot)
{
    sim_group_t *self = sim->group;
    for (uint64_t i = slot + 1; i < self->room; i++)
        s_forget (&self->slots[i]);
    memset (self->promised, 0, sizeof self->promised);
    sim_reflog_init (sim->reflog);
    sim->reflog->last_slot = slot;
}

void sim_group_disk_lost (sim_t *sim, const sim_coordinator_t *replica)
{
    sim->group->promised[replica->proc.index] = (txc_epoch_t){0, 0};
}
