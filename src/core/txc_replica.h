/*
 * txc_replica.h - a replica of the coordinator: sessions, decisions, phase 2.
 *
 * A deterministic state machine (doc/protocols.md): an event goes in, an
 * update comes out.  It never reads a clock, a file or a socket.  It holds a
 * part in the replicated log (txc_paxos.h); a value that was chosen there is
 * applied, in the order of slots, and only then told to anybody.
 *
 * Life: new -> [restore] -> replay* -> step (START) -> step*.
 * One thread at a time.
 *
 * What the shell owes it:
 *   - every entry of an update reaches the log, in order; DURABLE tells of them
 *     by number, in order, and never earlier than the disk has them;
 *   - now_ms counts from any point, never goes back, is read no earlier than
 *     the event happened (a message: was received), and goes at most
 *     clock_skew permille faster or slower than real time;
 *   - a log that is lost or damaged is never replaced by an older copy of
 *     itself: the replica starts on an empty one, as a new member (join).
 */
#ifndef TXC_REPLICA_H
#define TXC_REPLICA_H

#include "core/txc_update.h"

typedef struct txc_replica txc_replica_t;

typedef struct txc_replica_config {
    uint32_t id;          /* of this replica, from 1; 0: whose log it is, to read one only */
    uint64_t seed;        /* for drawn numbers */
    uint64_t new_cluster; /* a random id: an empty log becomes a new group's.  0: an empty log is that of a
                             replica which has yet to join: it votes only once it was made a member */
    uint64_t new_disk;    /* a random id, used if the log is empty */
    char endpoint[TXC_ENDPOINT_MAX + 1]; /* where it is reached by everybody */
    uint32_t n_members;                  /* of a new group, the same at each; 0: a group of one */
    txc_member_t members[TXC_REPLICAS_MAX];
    const txc_codec_t *codec;
    /* Optional: called for each value as it is applied, in the order of slots, also by restore and replay.
     * Void values are not applied. */
    void (*applied) (void *arg, uint64_t slot, const txc_rec_t *record);
    void *applied_arg;
    /* 0: the default, in brackets */
    uint32_t lease_ms; /* of a session [10,000] */
    uint32_t
        retry_ms; /* first repetition of a message to an agent [100]; doubles up to retry_max_ms [5,000] */
    uint32_t retry_max_ms;
    uint32_t horizon_ms;       /* how long outcomes of a closed session stay answerable [600,000] */
    uint32_t timeout_ms;       /* of a transaction that does not say [60,000] */
    uint32_t guard_ms;         /* how often agents are offered a new log-loss guard [10,000] */
    uint32_t max_transactions; /* in flight [20,000] */
    uint32_t max_sessions;     /* open [10,000] */
    uint32_t max_outcomes;     /* on record [1,000,000] */
    /* of the replicated log */
    uint32_t heartbeat_ms; /* [50] */
    uint32_t
        election_ms; /* silence of a leader before another stands for election, and up to twice it [300] */
    uint32_t group_lease_ms; /* for which a replica promises nobody else after a heartbeat [election_ms] */
    uint32_t clock_skew;     /* permille by which a clock may be fast or slow [50] */
    uint64_t keep_bytes;     /* of applied values, for replicas that are a little behind [64 MiB] */
    uint32_t snapshot_chunk; /* bytes of a snapshot in one message [262,144] */
    bool learn_direct;       /* acceptors tell every learner, instead of the leader only */
    bool no_lease;           /* for clocks without a bound: a majority confirms the leader for each answer */
} txc_replica_config_t;

typedef enum txc_event_type {
    TXC_EVENT_START,   /* everything was replayed; lead */
    TXC_EVENT_MESSAGE, /* message */
    TXC_EVENT_DURABLE, /* entries up to number are durable here */
    TXC_EVENT_TICK,    /* the time of txc_replica_next_ms has come */
    TXC_EVENT_SPACE,   /* low: the log is nearly full; refuse new commits until it is not */
    TXC_EVENT_RESOLVE, /* gtrid, vote (YES: commit, NO: roll back), text: who; answered through `route` */
    TXC_EVENT_DRAIN,   /* take no new transactions; end what is under way */
    TXC_EVENT_CHECKPOINTED,  /* the snapshot at slot is durable */
    TXC_EVENT_TRANSFER,      /* hand leadership over to replica (0: to any); TXC_ENOTLEADER, TXC_ENOTREADY */
    TXC_EVENT_MEMBER_ADD,    /* member: a replica that is up, with an empty log of its own */
    TXC_EVENT_MEMBER_REMOVE, /* replica */
    TXC_EVENT_MEMBER_MOVE    /* member: id and its new endpoint */
} txc_event_type_t;

typedef struct txc_event {
    uint8_t type;
    bool low;
    uint8_t vote;
    uint64_t now_ms;  /* monotonic */
    uint64_t wall_ms; /* time of day: for records and hybrid stamps, no rule of safety reads it */
    const txc_msg_t *message;
    uint64_t number, slot;
    uint32_t replica;
    const txc_member_t *member;
    uint64_t route;
    txc_gtrid_t gtrid;
    const char *text;
} txc_event_t;

txc_replica_t *txc_replica_new (const txc_replica_config_t *config);
void txc_replica_destroy (txc_replica_t **self_p);

/* Takes what txc_replica_snapshot gave.  TXC_ECORRUPT if it cannot be read. */
int txc_replica_restore (txc_replica_t *self, const void *bytes, size_t size);

/* One entry of the log, in the order in which they were appended, behind the snapshot.  (Entries that the
 * snapshot holds do no harm.)  TXC_ECORRUPT: not an entry; TXC_ECONFIG: the disk of another replica. */
int txc_replica_replay (txc_replica_t *self, const txc_entry_t *entry);

/* A majority of its group is lost for good: what is here becomes a new group of one, with a cluster of its
 * own (config->new_cluster), since slots, hence names of transactions, would come again.  It may lack
 * decisions that were told to somebody, and have some that were replaced: only an operator may want this.
 * After replay, before START; it counts once a snapshot is durable.  TXC_ENOTREADY: the log holds no group.
 */
int txc_replica_force_new_group (txc_replica_t *self, uint64_t *cluster);

/* One step.  TXC_OK, or an error code for a message that was dropped (the shell counts it). */
int txc_replica_step (txc_replica_t *self, const txc_event_t *event, txc_update_t *update);

/* When the next TICK is due; UINT64_MAX: never. */
uint64_t txc_replica_next_ms (const txc_replica_t *self);

/* The state, as bytes that restore takes; the caller frees them.  It stands for every entry that any update
 * gave out so far, durable or not: the log may forget those.  *slot is the last slot that is applied in it.
 */
void *txc_replica_snapshot (const txc_replica_t *self, size_t *size, uint64_t *slot);

/* For operators and tests. */
typedef struct txc_replica_status {
    uint32_t id;
    bool leading, draining, space_low;
    bool voter;      /* its disk belongs to a member: it may promise and accept */
    bool has_lease;  /* as the leader */
    uint32_t leader; /* that it knows of; 0: none */
    uint32_t n_members;
    txc_member_t members[TXC_REPLICAS_MAX];
    uint64_t cluster, disk;
    txc_epoch_t epoch; /* of the leadership that it has, or knows of */
    txc_epoch_t promised;
    uint64_t proposed_slot, applied_slot, digest;
    uint32_t sessions, transactions, outcomes, agents;
    uint32_t votes;     /* of Paxos Commit, that its acceptor holds */
    uint32_t questions; /* that wait until a majority has confirmed this leader */
    uint64_t commits, aborts, ends, heuristics, voids, dropped, refused;
} txc_replica_status_t;
void txc_replica_status (const txc_replica_t *self, txc_replica_status_t *status);

/* Who the members are, as far as this replica knows; n: how many.  Valid until the next step. */
const txc_member_t *txc_replica_members (const txc_replica_t *self, uint32_t *n);

/* The applied slot, with the digest of all values up to it. */
uint64_t txc_replica_applied (const txc_replica_t *self, uint64_t *digest);
/* Whether it would answer at this time of its clock, and under which epoch. */
bool txc_replica_serves (const txc_replica_t *self, uint64_t now_ms, txc_epoch_t *epoch);

/* For tests: what its acceptor holds of entry->slot; fills in epoch, kind, size and bytes (borrowed). */
bool txc_replica_accepted (const txc_replica_t *self, txc_entry_t *entry);

/* Likewise, whether its acceptor holds this resource manager's vote of Paxos Commit, and under which ballot.
 */
bool txc_replica_vote_held (const txc_replica_t *self, const txc_gtrid_t *gtrid, const char *rm,
                            txc_epoch_t *ballot);

/* A transaction as operators see it. */
typedef struct txc_tx_view {
    txc_gtrid_t gtrid;
    const char *state; /* static */
    uint64_t age_ms;
    int outcome; /* TXC_PENDING, TXC_OK, TXC_ROLLED_BACK, TXC_MIXED, TXC_HAZARD */
    uint32_t n_branches;
    struct {
        char rm[TXC_RM_NAME_MAX + 1];
        uint64_t token;
        const char *state; /* static: "preparing", "prepared", "committing", "done", ... */
        const char *waits; /* static: what it waits for, "" if for nothing */
        uint8_t heur;
        bool reachable; /* its agent was heard of lately */
    } branches[TXC_BRANCHES_MAX];
    uint32_t
        majority; /* 3pc: so many of its branches and the group end it; 0: another mode, or it is decided */
} txc_tx_view_t;
/* Calls visit for every transaction in flight or on record until it returns false. */
void txc_replica_each (const txc_replica_t *self, bool (*visit) (void *arg, const txc_tx_view_t *view),
                       void *arg);
/* One of them; false: neither in flight nor on record. */
bool txc_replica_find (const txc_replica_t *self, const txc_gtrid_t *gtrid, txc_tx_view_t *view);
/* Every registered resource manager, for status and directory; up to max entries.  Returns how many. */
uint32_t txc_replica_directory (const txc_replica_t *self, txc_rm_entry_t *entries, uint32_t max);

#endif
