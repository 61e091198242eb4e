/*
 * txc_paxos_private.h - the inside of the replicated log, shared by its files.
 *
 *   txc_paxos.c            life, dispatch, the slots
 *   txc_paxos_acceptor.c   promises and acceptances: what is durable
 *   txc_paxos_proposer.c   phase 1, what it found, phase 2
 *   txc_paxos_votes.c      votes of Paxos Commit: instances of their own
 *   txc_paxos_learner.c    what is chosen, and when it is applied
 *   txc_paxos_election.c   who stands for election, heartbeats, the lease
 *   txc_paxos_catchup.c    chosen values and snapshots for whoever is behind
 *   txc_paxos_members.c    who votes
 *   txc_paxos_snapshot.c   the acceptor's and learner's state as bytes
 */
#ifndef TXC_PAXOS_PRIVATE_H
#define TXC_PAXOS_PRIVATE_H

#include "base/txc_heap.h"
#include "base/txc_list.h"
#include "core/txc_mutant.h"
#include "core/txc_paxos.h"
#include "core/txc_paxos_values.h"
#include "core/txc_votes.h"

enum {
    TXC_PAXOS_PEERS_MAX = 32,
    TXC_PAXOS_BLOCK = 256,      /* slots */
    TXC_PAXOS_BODY = 256 << 10, /* bytes of values in one message of phase 2, about */
    TXC_PAXOS_BATCH = 32,       /* values that leave before a round of messages is over */
    TXC_PAXOS_BULK = 1 << 20,   /* the same of one who catches up: a round trip is a forced write */
    TXC_PAXOS_WINDOW = 1 << 20, /* slots beyond the commit index that are accepted */
    TXC_PAXOS_HINT = 256        /* so many chosen slots are worth an entry that says so */
};

/* What this replica has of a slot. */
typedef struct txc_paxos_slot {
    txc_epoch_t ballot; /* under which the value was accepted here; none: it was not, or only learned */
    uint64_t number;    /* of the log's entry that says so */
    uint32_t acks;      /* peers that are known to have accepted under this ballot, a bit each */
    uint32_t size;      /* 0: nothing is known of this slot */
    uint8_t kind;
    bool forced;
    bool chosen;
    uint8_t *bytes;
} txc_paxos_slot_t;

/* The log's entries whose completion means something. */
typedef struct txc_paxos_pending {
    uint64_t number, slot;
    txc_epoch_t ballot;
    uint8_t form;
} txc_paxos_pending_t;

/* Another replica (place 0: this one). */
typedef struct txc_paxos_peer {
    uint32_t id;
    txc_member_t member; /* as it was last seen in a configuration, or in its own request to join */
    uint64_t heard_ms;
    /* for the candidate */
    bool prevoted;
    bool promised;         /* its promise is complete */
    uint64_t promise_next; /* the slot from which its promise goes on */
    /* for the leader */
    uint64_t next;      /* the next slot to send */
    uint64_t looked[2]; /* the last slots at the last two heartbeats */
    uint64_t granted;   /* the stamp of the last heartbeat that it granted; 0: none */
    uint64_t beat;      /* and its number */
    uint64_t chosen;    /* its commit index */
    bool low;           /* its log has no room */
    uint64_t durable;   /* of a replica that wants to join: how far its disk has come */
    uint64_t disk;      /* that it last named */
} txc_paxos_peer_t;

typedef enum txc_paxos_role {
    TXC_PAXOS_FOLLOWER,
    TXC_PAXOS_PREVOTING,  /* would a majority promise? */
    TXC_PAXOS_PREPARING,  /* phase 1 */
    TXC_PAXOS_RECOVERING, /* proposes again what phase 1 found */
    TXC_PAXOS_LEADING
} txc_paxos_role_t;

/* A value that waits until the membership before it is chosen. */
typedef struct txc_paxos_held {
    txc_list_t link;
    uint64_t slot;
    bool forced;
    uint8_t kind;
    uint32_t size;
    uint8_t bytes[];
} txc_paxos_held_t;

/* A value that a promise told of. */
typedef struct txc_paxos_found {
    txc_epoch_t ballot;
    uint32_t size; /* 0: none */
    uint8_t kind;
    bool chosen;
    uint8_t *bytes;
} txc_paxos_found_t;

struct txc_paxos {
    uint32_t magic;
    txc_paxos_config_t config;
    txc_paxos_hooks_t hooks;
    txc_update_t *update;
    uint64_t now_ms, random;
    bool started;
    txc_rec_t scratch;

    /* the slots: those from first on are in memory, up to last */
    txc_paxos_slot_t **blocks;
    uint64_t n_blocks; /* a power of two */
    uint64_t first, last;
    uint64_t kept_bytes;

    /* the acceptor */
    uint64_t disk;
    uint64_t disk_number; /* of the entry that says so; 0: it was there at the start */
    uint64_t cluster;     /* that an accepted FORMAT names; 0: none was */
    bool voter;
    txc_epoch_t promised;
    uint64_t entries, durable; /* numbers: of the last entry given out, of the last durable one */
    txc_paxos_pending_t *pending;
    size_t pending_head, n_pending, pending_room;
    uint64_t promised_number; /* of the entry that made the promise durable */
    uint64_t promise_from;    /* the slot that the promised candidate asked about */
    txc_votes_t votes;        /* of Paxos Commit, that are held here */

    /* the learner */
    uint64_t chosen;          /* every slot up to it is chosen and applied */
    txc_epoch_t noted_ballot; /* the leader's commit index: what was accepted under this ballot ... */
    uint64_t noted;           /* ... up to this slot is chosen */
    uint64_t hinted;          /* the last slot that the log's hint covers */
    bool applying;

    /* members */
    uint32_t n_members;
    txc_member_t members[TXC_REPLICAS_MAX];
    uint64_t members_slot;
    uint32_t max_member; /* the highest number that a member ever had */
    uint32_t voters;     /* the members' bits */
    bool bound;          /* every member's disk is on record */
    txc_paxos_peer_t peers[TXC_PAXOS_PEERS_MAX];
    uint32_t n_peers;

    /* the proposer */
    uint8_t role; /* txc_paxos_role_t */
    txc_epoch_t ballot;
    uint64_t max_round;
    uint64_t open_at;       /* RECOVERING: the next slot to propose again */
    uint64_t barrier_slot;  /* LEADING: of the first value of this leadership */
    uint64_t unsent;        /* values proposed since the last time they were sent */
    uint64_t unsent_due_ms; /* when they are to leave at the latest */
    bool unsent_forced;     /* at once: somebody waits for one of them */
    uint64_t members_open;  /* the slot of a membership that is proposed and not chosen yet; 0: none */
    txc_paxos_found_t *found;
    uint64_t found_first, n_found, found_room;
    txc_votes_t found_votes;
    txc_list_t held;
    uint64_t next_slot; /* for the next value */
    txc_epoch_t prior;  /* of the leader that handed over to us; none */

    /* election */
    uint32_t leader;
    uint64_t election_due_ms, heartbeat_due_ms;
    uint64_t granted_until_ms; /* nobody but granted_to is promised anything before */
    txc_epoch_t granted_to;
    uint64_t won_ms;
    uint64_t beats;           /* the number of the last heartbeat that left */
    uint64_t wanted;          /* of the heartbeat that somebody waits for; not more than one ahead */
    bool low;                 /* this log has no room */
    uint32_t transfer_to;     /* leadership goes to it as soon as it has everything */
    uint64_t transfer_due_ms; /* or is kept after that time */

    /* catching up */
    uint64_t fetch_due_ms;
    uint32_t fetch_from;
    uint64_t behind; /* a commit index that was heard of */
    struct {
        uint8_t *bytes;
        uint64_t slot, size, have, digest;
    } incoming, outgoing;
    uint64_t installed;    /* the slot of the last snapshot that came from another replica */
    uint64_t checkpointed; /* of the last one that is durable */
    uint64_t join_due_ms;
    uint64_t mark_number, mark_slot; /* when that entry is durable, everything up to that slot is */
    uint64_t durable_slot;           /* everything up to it is */
};

/* --- slots (txc_paxos.c) */
txc_paxos_slot_t *txc_paxos_slot (const txc_paxos_t *self, uint64_t slot); /* NULL: nothing is known */
/* Puts a value in place of what is known of the slot. */
txc_paxos_slot_t *txc_paxos_slot_set (txc_paxos_t *self, uint64_t slot, uint8_t kind, const uint8_t *bytes,
                                      uint32_t size);
/* Forgets every slot up to this one. */
void txc_paxos_slots_drop (txc_paxos_t *self, uint64_t slot);
/* Forgets everything behind the slots that are chosen. */
void txc_paxos_slots_cut (txc_paxos_t *self);
txc_msg_t *txc_paxos_send (txc_paxos_t *self, const txc_paxos_peer_t *to, txc_msg_type_t type);
txc_paxos_peer_t *txc_paxos_peer (txc_paxos_t *self, uint32_t id);     /* NULL: none */
txc_paxos_peer_t *txc_paxos_peer_add (txc_paxos_t *self, uint32_t id); /* NULL: too many */
uint32_t txc_paxos_bit (const txc_paxos_t *self, const txc_paxos_peer_t *peer);
/* A majority of the members?  While their disks are not on record: all of them. */
bool txc_paxos_is_quorum (const txc_paxos_t *self, uint32_t bits);
bool txc_paxos_is_alone (const txc_paxos_t *self); /* a group of one, and it is this replica */

/* --- acceptor */
txc_entry_t *txc_paxos_log (txc_paxos_t *self, txc_entry_form_t form, bool forced, uint8_t kind,
                            const void *bytes, size_t size);
void txc_paxos_expect (txc_paxos_t *self, const txc_paxos_pending_t *pending); /* its completion */
/* Accepts a value, here: entry and slot. */
void txc_paxos_accept (txc_paxos_t *self, uint64_t slot, txc_epoch_t ballot, uint8_t kind,
                       const uint8_t *bytes, uint32_t size, bool forced);
void txc_paxos_promise (txc_paxos_t *self, txc_epoch_t ballot);
int txc_paxos_on_prepare (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
int txc_paxos_on_accept (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);

/* --- votes */
void txc_paxos_vote_durable (txc_paxos_t *self, uint64_t number); /* of the entry */
int txc_paxos_on_voted (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
/* All that are held, behind the values of a body, which is given up; in votes.bytes bytes. */
txc_blob_t *txc_paxos_votes_append (const txc_paxos_t *self, txc_blob_t *body);
uint8_t *txc_paxos_votes_pack (const txc_paxos_t *self, uint8_t *bytes);
/* TXC_ECORRUPT: it is none. */
int txc_paxos_vote_replay (txc_paxos_t *self, txc_epoch_t ballot, const uint8_t *bytes, uint32_t size);
void txc_paxos_vote_found (txc_paxos_t *self, const txc_paxos_value_t *value);

/* --- proposer */
void txc_paxos_prepare (txc_paxos_t *self); /* its own promise is durable: phase 1a */
int txc_paxos_on_promise (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
int txc_paxos_on_reject (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
/* Goes on proposing what phase 1 found, as far as it may. */
void txc_paxos_recover (txc_paxos_t *self);
void txc_paxos_release (txc_paxos_t *self); /* values that were held */
void txc_paxos_flush (txc_paxos_t *self);
void txc_paxos_unsent (txc_paxos_t *self, bool forced); /* a value was proposed, and is to be sent */
bool txc_paxos_flush_is_due (const txc_paxos_t *self);
void txc_paxos_resend (txc_paxos_t *self);
void txc_paxos_forget_found (txc_paxos_t *self);
void txc_paxos_forget_held (txc_paxos_t *self);

/* --- learner */
int txc_paxos_on_accepted (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
void txc_paxos_acknowledge (txc_paxos_t *self, txc_paxos_peer_t *peer, uint64_t slot, txc_epoch_t ballot);
/* A slot that was accepted just now, perhaps below the commit index. */
void txc_paxos_mark_chosen (txc_paxos_t *self, uint64_t slot);
/* A leader's commit index. */
void txc_paxos_note_chosen (txc_paxos_t *self, txc_paxos_peer_t *from, txc_epoch_t ballot, uint64_t slot);
/* A value that is known to be chosen. */
void txc_paxos_learn (txc_paxos_t *self, uint64_t slot, uint8_t kind, const uint8_t *bytes, uint32_t size);
/* Puts on record how far values are known to be chosen. */
void txc_paxos_hint (txc_paxos_t *self, bool forced);
/* Applies what is chosen, in order. */
void txc_paxos_advance (txc_paxos_t *self);

/* --- election */
void txc_paxos_follow (txc_paxos_t *self, uint32_t leader); /* gives up whatever it strove for */
void txc_paxos_election_reset (txc_paxos_t *self);
void txc_paxos_ask (txc_paxos_t *self); /* for whoever waits to be told that this leader still leads */
/* May this candidate be promised its ballot, as far as leases go? */
bool txc_paxos_lease_allows (const txc_paxos_t *self, const txc_msg_t *message);
void txc_paxos_won (txc_paxos_t *self);
int txc_paxos_on_prevote (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
int txc_paxos_on_prevoted (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
int txc_paxos_on_heartbeat (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
int txc_paxos_on_grant (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
int txc_paxos_on_transfer (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
void txc_paxos_election_tick (txc_paxos_t *self);
void txc_paxos_transfer_on (txc_paxos_t *self);

/* --- catching up */
/* A replica that may not lead has come so far.  What it knows to be chosen is fetched from it: perhaps that
 * this one is a member by now, without which nobody can be elected. */
void txc_paxos_hear_of (txc_paxos_t *self, const txc_paxos_peer_t *from, uint64_t slot);
void txc_paxos_fetch (txc_paxos_t *self, uint32_t from);
int txc_paxos_on_fetch (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
int txc_paxos_on_chosen (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
int txc_paxos_on_snapshot_fetch (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
int txc_paxos_on_snapshot (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
void txc_paxos_catchup_tick (txc_paxos_t *self);
/* Values from slot on as a body; *high: the last one in it (slot - 1: none).  accepted: also what is only
 * accepted. */
txc_blob_t *txc_paxos_pack (const txc_paxos_t *self, uint64_t slot, uint64_t to, bool accepted,
                            uint64_t *high);

/* --- members */
void txc_paxos_members_set (txc_paxos_t *self, uint64_t slot, const txc_rec_t *record);
void txc_paxos_members_chosen (txc_paxos_t *self, uint64_t slot, bool valid, const uint8_t *bytes,
                               size_t size);
int txc_paxos_on_join (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message);
void txc_paxos_join_tick (txc_paxos_t *self);
/* Something became durable: notes how far the log would be replayed. */
void txc_paxos_mark (txc_paxos_t *self);
/* The new leader of a new group puts on record whose disks are its members'. */
void txc_paxos_bind (txc_paxos_t *self);
/* This replica goes by a member's number, but its disk is another one. */
bool txc_paxos_is_impostor (const txc_paxos_t *self, const txc_paxos_peer_t *peer);
void txc_paxos_disk_entry (txc_paxos_t *self); /* the first entry of an empty log */
int txc_paxos_disk_replay (txc_paxos_t *self, const txc_entry_t *entry);
bool txc_paxos_is_of (txc_paxos_t *self, uint32_t id); /* this replica's number? */

/* --- state as bytes */
void *txc_paxos_state_save (const txc_paxos_t *self, size_t *size); /* what may go to another replica */
/* slot: that the state has to be of; NULL: any.  TXC_ECORRUPT, with nothing changed, if it cannot be read. */
int txc_paxos_state_load (txc_paxos_t *self, const uint64_t *slot, const void *bytes, size_t size);

/* True if a peer's values can be applied here, once they are chosen: each is a record that this version
 * reads, of the kind that it says. */
bool txc_paxos_values_are_read (txc_paxos_t *self, const txc_blob_t *body);

#endif
