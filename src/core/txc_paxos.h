/*
 * txc_paxos.h - a replica's part in the replicated log: Multi-Paxos.
 *
 * After Lamport, "Paxos Made Simple": a proposer, an acceptor and a learner in
 * one deterministic machine.  Phase 1 (prepare, promise) runs once for each
 * leadership, over every slot that is not known to be chosen; phase 2 (accept,
 * accepted) runs for each batch of values, pipelined.  doc/protocols.md has
 * the rules, and why each is there.
 *
 * It belongs to a txc_replica_t, which gives it events and gets chosen values
 * through the hooks, in the order of slots.
 */
#ifndef TXC_PAXOS_H
#define TXC_PAXOS_H

#include "core/txc_record.h"
#include "core/txc_update.h"

typedef struct txc_paxos txc_paxos_t;

typedef struct txc_paxos_config {
    uint32_t id;
    uint64_t seed;
    uint64_t new_disk; /* for an empty log */
    bool format;       /* an empty log is that of a new group's member */
    char endpoint[TXC_ENDPOINT_MAX + 1];
    uint32_t n_members; /* of a new group */
    txc_member_t members[TXC_REPLICAS_MAX];
    uint32_t heartbeat_ms, election_ms, lease_ms, clock_skew;
    uint64_t keep_bytes;
    uint32_t snapshot_chunk;
    bool learn_direct, no_lease;
    const txc_codec_t *codec;
} txc_paxos_config_t;

/* What the log does to its owner.  arg is the owner. */
typedef struct txc_paxos_hooks {
    void *arg;
    /* The value of the next slot is chosen.  Returns whether it is valid (not void). */
    bool (*chosen) (void *arg, uint64_t slot, uint8_t kind, const uint8_t *bytes, size_t size);
    /* This replica leads under ballot; everything that an earlier leader may have had chosen is proposed
     * again: time for the barrier. */
    void (*elected) (void *arg, txc_epoch_t ballot);
    /* It does not lead any more. */
    void (*deposed) (void *arg);
    /* A vote of Paxos Commit is durable at the acceptor that bit stands for (txc_paxos_is_majority): epoch,
     * the ballot under which it was taken, gtrid, rm, token, vote, evidence. */
    void (*voted) (void *arg, uint32_t bit, const txc_msg_t *vote);
    /* Others are members from here on: a change was chosen, and is in force. */
    void (*members) (void *arg);
    /* The applied state as bytes (the caller frees them), and the other way round. */
    void *(*save) (void *arg, size_t *size);
    int (*load) (void *arg, uint64_t slot, const void *bytes, size_t size); /* slot: that it is of */
} txc_paxos_hooks_t;

txc_paxos_t *txc_paxos_new (const txc_paxos_config_t *config, const txc_paxos_hooks_t *hooks);
void txc_paxos_destroy (txc_paxos_t **self_p);

/* --- life: restore, replay, start; then every step of the owner is between begin and end. */
void *txc_paxos_snapshot (const txc_paxos_t *self, size_t *size);
int txc_paxos_restore (txc_paxos_t *self, const void *bytes, size_t size);
int txc_paxos_replay (txc_paxos_t *self, const txc_entry_t *entry);
/* Instead of the members that are lost: from here on this replica is a group of one.  Whatever it accepted
 * without a gap counts as chosen, the rest is given up.  After replay; nothing of it is durable before the
 * next snapshot is. */
void txc_paxos_force_alone (txc_paxos_t *self);
void txc_paxos_begin (txc_paxos_t *self, txc_update_t *update, uint64_t now_ms);
/* more: further events of this moment may follow, and then a tick as soon as txc_paxos_next_ms says. */
void txc_paxos_end (txc_paxos_t *self, bool more);

/* --- events */
void txc_paxos_start (txc_paxos_t *self);
void txc_paxos_durable (txc_paxos_t *self, uint64_t number);
void txc_paxos_tick (txc_paxos_t *self);
uint64_t txc_paxos_next_ms (const txc_paxos_t *self);
void txc_paxos_checkpointed (txc_paxos_t *self, uint64_t slot);

/* A message of another replica.  TXC_OK, or why it was dropped. */
int txc_paxos_message (txc_paxos_t *self, const txc_msg_t *message);
bool txc_paxos_is_message (unsigned type);

/* --- votes of Paxos Commit (txc_paxos_votes.c) */

/* A vote, prepared or read-only, of a participant that its list names.  TXC_OK: it is taken, and told to the
 * leader of its epoch as soon as it is durable; TXC_ESTALE: the promise is above its epoch, or another one
 * was cast; TXC_EOVERLOAD: too many are held. */
int txc_paxos_vote (txc_paxos_t *self, const txc_msg_t *message);
bool txc_paxos_votes_are_full (const txc_paxos_t *self);
uint32_t txc_paxos_votes_count (const txc_paxos_t *self);
bool txc_paxos_vote_held (const txc_paxos_t *self, const txc_gtrid_t *gtrid, const char *rm,
                          txc_epoch_t *ballot);
/* The transaction is decided, by what is applied. */
void txc_paxos_votes_close (txc_paxos_t *self, const txc_gtrid_t *gtrid);
/* Likewise for all that is_closed says so of. */
void txc_paxos_votes_sweep (txc_paxos_t *self, bool (*is_closed) (void *arg, const txc_gtrid_t *gtrid),
                            void *arg);
/* A new leader: visits (with the owner) every vote that it holds or that phase 1 found; the latter are
 * forgotten then.  One vote may be visited more than once. */
typedef void txc_paxos_vote_visit_t (void *arg, const txc_rec_t *record);
void txc_paxos_votes_found (txc_paxos_t *self, txc_paxos_vote_visit_t *visit);
/* A majority of the members? */
bool txc_paxos_is_majority (const txc_paxos_t *self, uint32_t bits);
/* A membership was proposed and is not in force yet. */
bool txc_paxos_is_changing (const txc_paxos_t *self);
/* A value of that kind was accepted in the slot, which is not applied yet. */
bool txc_paxos_expects (const txc_paxos_t *self, uint64_t slot, uint8_t kind);

/* --- the leader */

/* Proposes a value for the next slot, which is returned.  Only between elected and deposed. */
uint64_t txc_paxos_propose (txc_paxos_t *self, const txc_rec_t *record, bool forced);

/* Stands for election with a ballot above round, whoever leads now. */
void txc_paxos_campaign (txc_paxos_t *self, uint64_t round);

/* A leadership under this ballot has begun: whoever leads, or strives to, below it gives up. */
void txc_paxos_superseded (txc_paxos_t *self, txc_epoch_t ballot);

/* This replica's log has no room for more than what is under way, or has again.  While it leads so, and
 * another has room, it hands over. */
void txc_paxos_space (txc_paxos_t *self, bool low);

/* Hands leadership over; 0: to whom has come furthest.  TXC_OK: under way. */
int txc_paxos_transfer (txc_paxos_t *self, uint32_t to);

/* Proposes other members.  TXC_OK; TXC_ENOTLEADER; TXC_ENOTREADY: a change is under way, or the new member
 * has not caught up; TXC_EINVAL: no such change. */
int txc_paxos_add (txc_paxos_t *self, const txc_member_t *member);
int txc_paxos_remove (txc_paxos_t *self, uint32_t id);
int txc_paxos_move (txc_paxos_t *self, const txc_member_t *member);

/* --- what is known */
bool txc_paxos_leads (const txc_paxos_t *self);
/* Nobody else can have been elected by now: what this leader has applied is everything that anybody was told.
 */
bool txc_paxos_has_lease (const txc_paxos_t *self);
bool txc_paxos_has_lease_at (const txc_paxos_t *self, uint64_t now_ms);
/* Without a lease: asks the members whether this leader still leads.  Whatever is applied by the time when
 * txc_paxos_confirmed has reached the number returned holds everything that anybody was told before the call.
 */
uint64_t txc_paxos_confirm (txc_paxos_t *self);
uint64_t txc_paxos_confirmed (const txc_paxos_t *self);
bool txc_paxos_is_voter (const txc_paxos_t *self);
txc_epoch_t txc_paxos_ballot (const txc_paxos_t *self); /* of the leader that is known, or its own */
txc_epoch_t txc_paxos_promised (const txc_paxos_t *self);
uint32_t txc_paxos_leader (const txc_paxos_t *self); /* 0: not known */
uint64_t txc_paxos_disk (const txc_paxos_t *self);
/* The group's name as far as it was accepted here, chosen or not; 0: none was, or it is applied by now. */
uint64_t txc_paxos_cluster (const txc_paxos_t *self);
uint64_t txc_paxos_chosen (const txc_paxos_t *self);                   /* every slot up to it is applied */
uint64_t txc_paxos_last (const txc_paxos_t *self);                     /* the highest slot in use */
bool txc_paxos_accepted (const txc_paxos_t *self, txc_entry_t *entry); /* see txc_replica_accepted */
const txc_member_t *txc_paxos_members (const txc_paxos_t *self, uint32_t *n);

#endif
