/*
 * txc_registry.h - the applied state of the coordinator's log.
 *
 * A pure function of the values applied, in order: sessions with their
 * low-water marks, outcomes, heuristics, the log-loss guards of agents.  The
 * rules that make an outcome valid or void live here and nowhere else:
 *
 *   - of several outcome records of one gtrid the first applied counts;
 *   - a Commit applied after its session's SessionClose, or below the
 *     session's low-water mark, is void;
 *   - a final state of a three-phase commit is never void for these reasons: its
 *     members decided, the log learns it; nor is the outcome of a transaction with an
 *     Intent: its last resource decided;
 *   - a value of an epoch below the last barrier is void;
 *   - a mark never passes a committed gtrid that has not ended, nor one with an Intent.
 */
#ifndef TXC_REGISTRY_H
#define TXC_REGISTRY_H

#include "base/txc_hash.h"
#include "base/txc_list.h"
#include "core/txc_record.h"

typedef struct txc_outcome {
    txc_hash_node_t node;
    txc_list_t link; /* of its session */
    txc_gtrid_t gtrid;
    bool commit;
    bool ended;
    bool several; /* the transaction is known to have two or more branches */
    uint64_t time_ms;
    uint32_t n_branches; /* a commit's yes votes */
    uint32_t heuristics; /* how many branches have one */
    txc_branch_ref_t *branches;
    uint8_t heur[TXC_BRANCHES_MAX];
} txc_outcome_t;

/* What the group said as a member of a three-phase commit that has no final state on record. */
typedef struct txc_reg_member {
    txc_hash_node_t node;
    txc_gtrid_t gtrid;
    uint64_t elected, attempt; /* last_elected, last_attempt (txc_quorum.h) */
    uint8_t kind;              /* of the attempt: TXC_VOTE_YES, TXC_VOTE_NO */
} txc_reg_member_t;

/* An Intent without an outcome: the last resource may have committed. */
typedef struct txc_intent {
    txc_hash_node_t node;
    txc_list_t link; /* of its session */
    txc_gtrid_t gtrid;
    uint64_t token; /* of the last resource, with rm */
    char rm[TXC_RM_NAME_MAX + 1];
    uint32_t n_branches; /* the yes votes and the last resource */
    txc_branch_ref_t *branches;
} txc_intent_t;

typedef struct txc_reg_session {
    txc_hash_node_t node; /* by number */
    txc_hash_node_t nonce_node;
    txc_list_t link; /* closed ones, in the order of closing */
    txc_list_t outcomes, intents;
    uint64_t number, nonce, low;
    uint64_t closed_ms; /* the registry's clock at SessionClose */
    bool closed;
    /* The leader's own, volatile: */
    uint64_t lease_ms;     /* until when */
    uint64_t told_low;     /* the client's latest word on its mark */
    uint64_t swept_low;    /* that for which ended transactions were looked for last ... */
    uint64_t swept_left;   /* ... and how many were left then */
    uint64_t proposed_low; /* of the last Mark proposed */
    uint64_t route;
    bool closing;     /* SessionClose is proposed, or will be */
    bool close_waits; /* for votes of Paxos Commit that are open, or the word of a last resource */
    txc_list_t transactions;
} txc_reg_session_t;

typedef struct txc_reg_agent {
    char name[TXC_AGENT_NAME_MAX + 1];
    txc_guard_t guards[2]; /* [0] the latest offered, [1] the one before it */
} txc_reg_agent_t;

typedef struct txc_registry {
    const txc_codec_t *codec;
    uint64_t cluster;
    uint64_t applied_slot, digest;
    uint64_t clock_ms; /* the latest time_ms of any value applied */
    uint64_t clock;    /* and the highest hybrid stamp */
    uint64_t horizon_ms;
    uint64_t floor; /* closed sessions up to this number are no longer listed one by one */
    txc_epoch_t barrier;
    txc_hash_t sessions, nonces, outcomes, members, intents;
    txc_list_t closed;
    uint32_t n_open, n_closed;
    txc_reg_agent_t *agents;
    uint32_t n_agents, max_agents;
    uint64_t commits, aborts, ends, heuristics, voids;
} txc_registry_t;

void txc_registry_init (txc_registry_t *self, const txc_codec_t *codec, uint64_t horizon_ms);
void txc_registry_fini (txc_registry_t *self);

/* Applies the value at the next slot.  True if it was valid, false if void.  session and outcome, if not
 * NULL, take what the record concerns (NULL if there is none, or it is gone). */
bool txc_registry_apply (txc_registry_t *self, uint64_t slot, const txc_rec_t *record, const void *bytes,
                         size_t size, txc_reg_session_t **session, txc_outcome_t **outcome);

txc_reg_session_t *txc_registry_session (const txc_registry_t *self, uint64_t number);
txc_reg_session_t *txc_registry_nonce (const txc_registry_t *self, uint64_t nonce);
txc_outcome_t *txc_registry_outcome (const txc_registry_t *self, const txc_gtrid_t *gtrid);
txc_reg_agent_t *txc_registry_agent (const txc_registry_t *self, const char *name);

/* What the log says about a session's number. */
typedef enum txc_session_state {
    TXC_SESSION_NEVER, /* the log never opened it */
    TXC_SESSION_OPEN,
    TXC_SESSION_CLOSED /* closed, perhaps long ago */
} txc_session_state_t;
txc_session_state_t txc_registry_session_state (const txc_registry_t *self, uint64_t number);

/* True if an outcome of this gtrid, had there been one, may be off the record by now: the mark has passed it,
 * or its session (NULL: gone) was closed a horizon ago.  Nothing on record then means nothing. */
bool txc_registry_is_forgotten (const txc_registry_t *self, const txc_reg_session_t *session, uint64_t n);

/* The mark that a session may have at most: the lowest committed gtrid that has not ended, or that has an
 * Intent and no outcome, bounds it. */
uint64_t txc_registry_clamp_low (const txc_reg_session_t *session, uint64_t low);

/* TXC_OK, TXC_ROLLED_BACK, TXC_MIXED, TXC_HAZARD: what an outcome on record means for the whole. */
int txc_outcome_code (const txc_outcome_t *outcome);

/* The place of a branch in a commit's list, or -1. */
int txc_outcome_find (const txc_outcome_t *outcome, const char *rm, uint64_t token);

/* The group's state as a member; if the log holds none, what every member's is at first. */
txc_reg_member_t txc_registry_member (const txc_registry_t *self, const txc_gtrid_t *gtrid);
bool txc_registry_is_member (const txc_registry_t *self, const txc_gtrid_t *gtrid);
/* For the registry itself.  What the record alone changes, whatever its origin. */
bool txc_registry_take (txc_registry_t *self, uint64_t slot, const txc_rec_t *record,
                        txc_reg_session_t **session, txc_outcome_t **outcome);
/* For the registry itself.  ELECTED or PRE_DECIDED: true if it is valid. */
bool txc_registry_member_apply (txc_registry_t *self, const txc_rec_t *record);
void txc_registry_member_remove (txc_registry_t *self, const txc_gtrid_t *gtrid);
/* All of one session, which leaves the list. */
void txc_registry_members_remove (txc_registry_t *self, uint64_t session);
void txc_registry_members_fini (txc_registry_t *self);
/* The i-th of the records (0 to 2) that give this state again; false: that one is not needed. */
bool txc_reg_member_record (const txc_reg_member_t *self, int i, txc_rec_t *record);

/* NULL: none, or it has an outcome. */
txc_intent_t *txc_registry_intent (const txc_registry_t *self, const txc_gtrid_t *gtrid);
/* For the registry itself; true if the record is valid.  _remove takes NULL. */
bool txc_registry_intent_apply (txc_registry_t *self, txc_reg_session_t *session, const txc_rec_t *record);
void txc_registry_intent_remove (txc_registry_t *self, txc_intent_t *intent);
/* The record that gives it again. */
void txc_registry_intent_record (const txc_intent_t *intent, txc_rec_t *record);

/* Snapshots; see txc_replica.h. */
void *txc_registry_snapshot (const txc_registry_t *self, size_t *size);
int txc_registry_restore (txc_registry_t *self, const void *bytes, size_t size);

#endif
