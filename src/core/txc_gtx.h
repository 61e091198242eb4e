/*
 * txc_gtx.h - a global transaction on the coordinator's side.
 *
 * Two-phase commit with presumed abort, three-phase commit and Paxos Commit: one machine.  The states, and
 * who may follow whom, are a table; every change goes through txc_gtx_move.
 */
#ifndef TXC_GTX_H
#define TXC_GTX_H

#include "base/txc_hash.h"
#include "base/txc_heap.h"
#include "base/txc_list.h"
#include "core/txc_message.h"
#include "core/txc_quorum.h"

/* clang-format off */
#define TXC_GTX_MAP(X)                                                                                              \
    X (NEW, "new")                                                                                                  \
    X (PREPARING, "preparing")            /* prepare is out; votes come in                                */        \
    X (PRECOMMITTING, "pre-committing")   /* 3pc: all voted yes; PreCommit is out                         */        \
    X (ELECTING, "electing")              /* 3pc: the group stands as the terminator; states come in      */        \
    X (TERMINATING, "terminating")        /* 3pc: elected; PreCommit or PreAbort is out                   */        \
    X (INTENT_LOGGING, "intent logging")  /* all but the last resource voted yes; Intent is proposed       */        \
    X (LAST_ASKED, "last resource asked") /* Intent is applied; the last resource commits, or says no      */        \
    X (COMMIT_LOGGING, "commit logging")  /* all voted yes (or read-only); Commit is proposed             */        \
    X (ABORT_LOGGING, "abort logging")    /* Abort is proposed; nobody is told before it is applied       */        \
    X (COMMITTING, "committing")          /* Commit is applied and valid; phase 2 until all acknowledged  */        \
    X (ABORTING, "aborting")              /* rolled back for ever; the branches are told                  */        \
    X (ENDING, "ending")                  /* all acknowledged; End is proposed                            */        \
    X (TOLD, "told")                      /* nothing is on record; the answer is kept for a repeated request */     \
    X (GONE, "gone")
/* clang-format on */

#define TXC_GTX_ENUM(name, text) TXC_GTX_##name,
typedef enum txc_gtx_state { TXC_GTX_MAP (TXC_GTX_ENUM) TXC_GTX_STATES } txc_gtx_state_t;
#undef TXC_GTX_ENUM

typedef struct txc_gtx_branch {
    txc_branch_ref_t ref;
    uint8_t vote;     /* txc_vote_t, cast in the leader's own epoch */
    uint8_t heur;     /* reported; counts as the acknowledgement once it is on record */
    bool done;        /* acknowledged phase 2 */
    uint32_t holders; /* Paxos Commit: acceptors that hold its vote under the leader's epoch, a bit each */
    uint32_t tries;   /* of the message that is out */
    uint64_t due_ms;  /* when it is repeated */
} txc_gtx_branch_t;

typedef struct txc_gtx {
    uint32_t magic;
    uint8_t state; /* txc_gtx_state_t */
    txc_hash_node_t node;
    txc_list_t link; /* of its session */
    txc_heap_node_t timer;
    txc_gtrid_t gtrid;
    uint32_t flags; /* of the commit request */
    bool recovered; /* Paxos Commit: a new leader knows it by its votes; only a record decides */
    bool recorded;  /* its Commit is applied */
    bool several;   /* it is known to have two or more branches: a rollback may be told to the application */
    uint64_t route; /* the client that waits, 0: none */
    uint64_t began_ms, deadline_ms;
    int answer;          /* TXC_PENDING until it may be told */
    txc_error_t *error;  /* why it rolls back; NULL: not known */
    txc_quorum_t quorum; /* 3pc: the leader as the first terminator, or the group as an elected one */
    uint64_t highest;    /* 3pc: the highest number heard of */
    uint64_t elect_ms;   /* 3pc: when it stands (again) */
    uint32_t elections;
    int last; /* the place of the last resource, once Intent is proposed; -1 */
    uint32_t n_branches;
    txc_gtx_branch_t branches[];
} txc_gtx_t;

txc_gtx_t *txc_gtx_new (const txc_gtrid_t *gtrid, uint32_t n_branches, const txc_branch_ref_t *branches,
                        uint64_t now_ms);
void txc_gtx_destroy (txc_gtx_t **self_p);

/* Changes the state: asserts that the table allows it and that the new state's invariant holds. */
void txc_gtx_move (txc_gtx_t *self, txc_gtx_state_t to);

/* Keeps why it failed; the first reason stays. */
void txc_gtx_blame (txc_gtx_t *self, const txc_error_t *error);

/* The place of a branch, or -1. */
int txc_gtx_find (const txc_gtx_t *self, const char *rm, uint64_t token);

/* True if every branch has a vote that lets the transaction commit. */
bool txc_gtx_is_agreed (const txc_gtx_t *self);
/* True if every branch but this one has. */
bool txc_gtx_is_agreed_but (const txc_gtx_t *self, int place);
/* True if no branch wrote anything. */
bool txc_gtx_is_read_only (const txc_gtx_t *self);
/* True if nobody's acknowledgement is missing. */
bool txc_gtx_is_acknowledged (const txc_gtx_t *self);
/* 3pc: not decided yet, as far as the leader knows. */
bool txc_gtx_is_open (const txc_gtx_t *self);

const char *txc_gtx_state_name (txc_gtx_state_t state);

#endif
