/*
 * txc_replica.h - a replica of the coordinator: sessions, decisions, phase 2.
 *
 * A deterministic state machine (doc/protocols.md): an event goes in, an
 * update comes out.  It never reads a clock, a file or a socket.  A group of
 * one replica chooses a value when its own log holds it durably; everything
 * behind that (applied in order, valid or void, then told) is the same for
 * larger groups.
 *
 * Life: new -> [restore] -> replay* -> step (START) -> step*.
 * One thread at a time.
 */
#ifndef TXC_REPLICA_H
#define TXC_REPLICA_H

#include "core/txc_update.h"

typedef struct txc_replica txc_replica_t;

typedef struct txc_replica_config {
    uint32_t id;          /* of this replica, from 1 */
    uint64_t seed;        /* for drawn numbers */
    uint64_t new_cluster; /* a random id, used if the log is empty: the group is formatted */
    const txc_codec_t *codec;
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
} txc_replica_config_t;

typedef enum txc_event_type {
    TXC_EVENT_START,   /* everything was replayed; lead */
    TXC_EVENT_MESSAGE, /* message */
    TXC_EVENT_DURABLE, /* entries up to slot, proposed under epoch, are durable here */
    TXC_EVENT_TICK,    /* the time of txc_replica_next_ms has come */
    TXC_EVENT_SPACE,   /* low: the log is nearly full; refuse new commits until it is not */
    TXC_EVENT_RESOLVE, /* gtrid, vote (YES: commit, NO: roll back), text: who; answered through `route` */
    TXC_EVENT_DRAIN    /* take no new transactions; end what is under way */
} txc_event_type_t;

typedef struct txc_event {
    uint8_t type;
    bool low;
    uint8_t vote;
    uint64_t now_ms;  /* monotonic */
    uint64_t wall_ms; /* wall clock, only written into records for operators */
    const txc_msg_t *message;
    txc_epoch_t epoch;
    uint64_t slot;
    uint64_t route;
    txc_gtrid_t gtrid;
    const char *text;
} txc_event_t;

txc_replica_t *txc_replica_new (const txc_replica_config_t *config);
void txc_replica_destroy (txc_replica_t **self_p);

/* Takes what txc_replica_snapshot gave.  TXC_ECORRUPT if it cannot be read. */
int txc_replica_restore (txc_replica_t *self, const void *bytes, size_t size);

/* One value of the log, in the order of slots, behind the snapshot.  TXC_ECORRUPT: a gap, or no record. */
int txc_replica_replay (txc_replica_t *self, uint64_t slot, txc_epoch_t epoch, const void *bytes,
                        size_t size);

/* One step.  TXC_OK, or an error code for a message that was dropped (the shell counts it). */
int txc_replica_step (txc_replica_t *self, const txc_event_t *event, txc_update_t *update);

/* When the next TICK is due; UINT64_MAX: never. */
uint64_t txc_replica_next_ms (const txc_replica_t *self);

/* The applied state, as bytes that restore takes; the caller frees them. *slot is the last slot they hold. */
void *txc_replica_snapshot (const txc_replica_t *self, size_t *size, uint64_t *slot);

/* For operators and tests. */
typedef struct txc_replica_status {
    uint32_t id;
    bool leading, draining, space_low;
    uint64_t cluster;
    txc_epoch_t epoch;
    uint64_t proposed_slot, applied_slot, digest;
    uint32_t sessions, transactions, outcomes, agents;
    uint64_t commits, aborts, ends, heuristics, voids, dropped, refused;
} txc_replica_status_t;
void txc_replica_status (const txc_replica_t *self, txc_replica_status_t *status);

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
    } branches[TXC_BRANCHES_MAX];
} txc_tx_view_t;
/* Calls visit for every transaction in flight or on record until it returns false. */
void txc_replica_each (const txc_replica_t *self, bool (*visit) (void *arg, const txc_tx_view_t *view),
                       void *arg);
/* One of them; false: neither in flight nor on record. */
bool txc_replica_find (const txc_replica_t *self, const txc_gtrid_t *gtrid, txc_tx_view_t *view);
/* Every registered resource manager, for status and directory; up to max entries.  Returns how many. */
uint32_t txc_replica_directory (const txc_replica_t *self, txc_rm_entry_t *entries, uint32_t max);

#endif
