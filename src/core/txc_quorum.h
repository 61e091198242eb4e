/*
 * txc_quorum.h - the rule by which members end a three-phase commit.
 *
 * E3PC (Keidar and Dolev, "Increasing the resilience of distributed and
 * replicated database systems").  Members are the branches of the commit
 * request and the coordinator's group; a majority of them is the only
 * authority.  A terminator is elected under a number by a majority, whose
 * states it learns by that; it may then attempt one thing, pre-commit or
 * pre-abort; once a majority has taken the attempt, its end is decided.
 *
 * A member keeps, forced before it says so: last_elected, the highest number
 * that it granted; last_attempt, the number under which it pre-committed or
 * pre-aborted last.  An attempt is taken only under last_elected.
 *
 * Pure arithmetic: it holds no member's state, sends nothing, and is used by
 * agents (txc_agent_terminate.c) and by the leader (txc_replica_terminate.c).
 */
#ifndef TXC_QUORUM_H
#define TXC_QUORUM_H

#include "core/txc_message.h"

/* A number is (round, member): unique, since a member draws it only above what it granted itself.  Member 0
 * is the group, 1 to n are the branches in the order of the commit request. */
enum {
    TXC_NUMBER_MEMBERS = 256,
    TXC_NUMBER_FIRST = TXC_NUMBER_MEMBERS /* (1, group): the leader in whose epoch all of them voted */
};
#define TXC_NUMBER_MAX (UINT64_C (1) << 48) /* nobody of ours comes that far */

/* The lowest number of this member above highest. */
uint64_t txc_number_above (uint64_t highest, uint32_t member);
uint32_t txc_number_member (uint64_t number);

typedef enum txc_quorum_phase {
    TXC_QUORUM_NONE,      /* not a terminator */
    TXC_QUORUM_ELECTING,  /* states come in */
    TXC_QUORUM_ATTEMPTING /* PreCommit or PreAbort is out */
} txc_quorum_phase_t;

/* What a terminator knows. */
typedef struct txc_quorum {
    uint8_t phase; /* txc_quorum_phase_t */
    uint8_t kind;  /* of the attempt: TXC_VOTE_YES, TXC_VOTE_NO */
    uint32_t n_members;
    uint64_t number;
    uint64_t heard, acked; /* bit i: member i */
    uint64_t attempt;      /* the highest last_attempt heard of */
    bool committing;       /* a member is pre-committed under it */
    bool any_committing;   /* a member is pre-committed under any number */
} txc_quorum_t;

/* Members are n branches and the group. */
void txc_quorum_elect (txc_quorum_t *self, uint64_t number, uint32_t n_branches);
/* A member granted the number and told its state. */
void txc_quorum_heard (txc_quorum_t *self, uint32_t member, uint64_t attempt, uint8_t kind);
bool txc_quorum_is_elected (const txc_quorum_t *self);

/* What an elected terminator attempts: pre-commit iff the members at the highest last_attempt > 0 are
 * pre-committed, else pre-abort. */
uint8_t txc_quorum_choice (const txc_quorum_t *self);
/* The attempt begins; a leader in whose epoch all members voted begins here, under TXC_NUMBER_FIRST. */
void txc_quorum_attempt (txc_quorum_t *self, uint64_t number, uint8_t kind, uint32_t n_branches);
void txc_quorum_acked (txc_quorum_t *self, uint32_t member);
/* A majority took the attempt: its kind is the outcome, for ever. */
bool txc_quorum_is_decided (const txc_quorum_t *self);

#endif
