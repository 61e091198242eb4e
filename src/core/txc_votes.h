/*
 * txc_votes.h - the votes of Paxos Commit that an acceptor holds.
 *
 * Each resource manager's vote is an instance of Paxos of its own (Gray &
 * Lamport, "Consensus on Transaction Commit"), named by gtrid and RM.  An
 * instance has one value ever, prepared or read-only, and is taken again under
 * a higher ballot only.  A vote is kept as the record that says so
 * (TXC_REC_VOTE), with the list of all participants.
 *
 * A table only: what may be taken, and when it is durable, is the acceptor's
 * business (txc_paxos_votes.c).  It is bounded in bytes, so that all of it
 * fits into one message of phase 1.
 */
#ifndef TXC_VOTES_H
#define TXC_VOTES_H

#include "base/txc_hash.h"
#include "base/txc_list.h"
#include "core/txc_record.h"

enum { TXC_VOTES_BYTES = 4 << 20 /* of all votes in a table, packed */ };

typedef struct txc_held_vote {
    txc_hash_node_t node;        /* by gtrid */
    txc_hash_node_t number_node; /* by the entry's number */
    txc_list_t link;
    txc_gtrid_t gtrid;
    char rm[TXC_RM_NAME_MAX + 1];
    uint64_t token;
    uint8_t vote;       /* TXC_VOTE_YES, TXC_VOTE_READ_ONLY */
    txc_epoch_t ballot; /* under which it was taken */
    uint64_t number;    /* of the log's entry that says so; 0: it was there at the start */
    uint32_t size;
    uint8_t *bytes; /* the record, encoded */
} txc_held_vote_t;

typedef struct txc_votes {
    txc_hash_t by_gtrid, by_number;
    txc_list_t list; /* in the order in which they were taken */
    size_t bytes;    /* packed */
} txc_votes_t;

void txc_votes_init (txc_votes_t *self);
void txc_votes_fini (txc_votes_t *self);
void txc_votes_clear (txc_votes_t *self);

/* The vote of this resource manager; NULL: none is held. */
txc_held_vote_t *txc_votes_find (const txc_votes_t *self, const txc_gtrid_t *gtrid, const char *rm);
txc_held_vote_t *txc_votes_numbered (const txc_votes_t *self, uint64_t number);

/* Takes a vote (copies), in place of the one of the same instance if its ballot is lower; one of a higher or
 * the same ballot stays.  NULL: it stayed. */
txc_held_vote_t *txc_votes_put (txc_votes_t *self, const txc_rec_t *record, txc_epoch_t ballot,
                                uint64_t number, const uint8_t *bytes, uint32_t size);
void txc_votes_remove (txc_votes_t *self, txc_held_vote_t *vote);
/* Those of a transaction; how many there were. */
uint32_t txc_votes_close (txc_votes_t *self, const txc_gtrid_t *gtrid);

/* True if a vote of that size has no room. */
bool txc_votes_is_full (const txc_votes_t *self, size_t size);

/* The participant that a vote's record is about: its place in record->branches; -1: it is not listed. */
int txc_vote_place (const txc_rec_t *record);

#endif
