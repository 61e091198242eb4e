/*
 * txc_session_private.h - the inside of the application's side, shared by its files.
 *
 *   txc_session.c         life, session, directory, dispatch
 *   txc_session_tx.c      transactions: table, transitions, statements
 *   txc_session_commit.c  commit, rollback, outcomes
 *   txc_session_join.c    one transaction in several processes
 *   txc_session_owner.c   enlisted branches: what the application does with them
 */
#ifndef TXC_SESSION_PRIVATE_H
#define TXC_SESSION_PRIVATE_H

#include "base/txc_hash.h"
#include "base/txc_heap.h"
#include "base/txc_list.h"
#include "core/txc_hlc.h"
#include "core/txc_leader.h"
#include "core/txc_session.h"
#include "core/txc_mutant.h"
#include "core/txc_transitions.h"

/* clang-format off */
#define TXC_TX_MAP(X)                                                                                               \
    X (NEW, "new")                                                                                                  \
    X (ACTIVE, "active")              /* no commit was ever sent                                          */        \
    X (COMMITTING, "committing")      /* the leader was asked to commit                                   */        \
    X (ONE_PHASE, "one-phase commit") /* the only branch's agent was asked to commit                      */        \
    X (ROLLING_BACK, "rolling back")  /* no commit was ever sent, none ever will be                       */        \
    X (COMMITTED, "committed")                                                                                      \
    X (ROLLED_BACK, "rolled back")                                                                                  \
    X (HEURISTIC, "heuristic")                                                                                      \
    X (LOST, "lost")                  /* nobody can tell any more                                         */        \
    X (DETACHED, "detached")          /* a joined part that went back to its owner                        */        \
    X (GONE, "gone")
/* clang-format on */

#define TXC_TX_ENUM(name, text) TXC_TX_##name,
typedef enum txc_tx_state { TXC_TX_MAP (TXC_TX_ENUM) TXC_TX_STATES } txc_tx_state_t;
#undef TXC_TX_ENUM

typedef struct txc_tx_statement {
    txc_list_t link;
    uint64_t operation;
    uint32_t seq, flags;
    uint8_t isolation;
    char identity[TXC_EVIDENCE_MAX + 1]; /* ENLIST */
    txc_blob_t *body;
} txc_tx_statement_t;

typedef struct txc_tx_branch {
    txc_branch_ref_t ref;
    uint64_t route, incarnation;
    uint32_t seq;   /* of the last statement begun here by this process */
    uint32_t acked; /* whose reply came */
    bool last;      /* a statement with the last-statement hint was sent: it may be prepared */
    bool done;      /* acknowledged the end */
    bool sent;      /* the first statement in the queue was sent at least once */
    uint32_t tries;
    uint64_t due_ms;
    txc_list_t statements; /* the first is under way, the others wait */
    bool enlisted;         /* on a connection of the application's */
    bool ended;            /* committed or rolled back there */
    bool lost;             /* that connection is of no use any more: its agent ends the branch */
    uint8_t want;          /* txc_work_op_t: the application is to do this */
    uint8_t next;          /* and then this */
    bool taken;            /* it was told so, */
    uint64_t taken_ms;     /* then, and is at it */
    uint8_t end_op;        /* by which it ended, */
    uint8_t end_status;    /* and how */
    bool prepare_told;
    uint8_t prepared; /* txc_work_status_t that PREPARE came to, once prepare_told */
    txc_error_t *why; /* it could not be prepared */
} txc_tx_branch_t;

typedef struct txc_tx_record {
    txc_hash_node_t node; /* by handle */
    txc_hash_node_t gtrid_node;
    txc_list_t link; /* of the session, in the order of n */
    txc_heap_node_t timer;
    uint64_t handle;
    txc_gtrid_t gtrid;
    uint64_t origin; /* of its statements: drawn, since the session's number can change meanwhile */
    uint8_t state, isolation;
    bool joined; /* begun by another process */
    bool exported;
    bool rollback_only;
    bool forgotten;    /* the application gave up its handle */
    bool by_leader;    /* rolls back through the log */
    uint32_t attached; /* tickets that did not come back */
    uint32_t flags;
    uint64_t began_ms, deadline_ms;
    uint64_t operation, wait_ms; /* who waits for the end, and until when; 0: nobody */
    uint32_t tries;
    uint64_t due_ms;   /* of the request to the leader */
    int code;          /* the outcome, once it ended */
    int decided;       /* the outcome, while enlisted branches are still to be ended; TXC_PENDING: none */
    txc_error_t error; /* why it can only be rolled back, or was */
    uint32_t n_branches;
    txc_tx_branch_t *branches;
} txc_tx_record_t;

/* Somebody waits for an outcome that this process does not know. */
typedef struct txc_query {
    txc_list_t link;
    txc_gtrid_t gtrid;
    uint64_t operation, wait_ms, due_ms;
    uint64_t stamp; /* higher than those of all that were asked before */
    uint32_t tries;
    int code; /* the latest answer */
} txc_query_t;

enum { TXC_REMEMBERED = 1024 }; /* outcomes kept for txc_outcome after their handle went */

struct txc_session {
    uint32_t magic;
    txc_session_config_t config;
    uint64_t now_ms, random;
    uint64_t clock; /* hybrid; it goes with those of others */
    txc_leader_t leader;
    uint64_t leader_heard_ms; /* of any replica that leads */
    uint64_t doubted_ms;      /* when another one was tried last */
    uint64_t redirected_ms;   /* when a replica pointed at another one */
    int refusal; /* why there is no session yet: TXC_OK, nobody answers; TXC_ENOTLEADER, nobody leads; ... */
    /* the session */
    uint64_t nonce, number, cluster;
    uint32_t lease_ms;
    bool open, closing, wanted;
    uint64_t next_n, mark; /* mark: the low-water mark on record */
    uint64_t request_ms;   /* when SESSION_OPEN, KEEPALIVE or CLOSE is due */
    uint64_t heard_ms;
    uint32_t tries;
    /* the directory */
    txc_rm_entry_t *entries;
    uint32_t n_entries;
    bool directory_wanted, directory_known;
    uint64_t directory_ms;
    char (*endpoints)[TXC_ENDPOINT_MAX + 1];
    uint32_t n_endpoints;
    /* operations that wait for the session */
    struct {
        uint64_t operation, wait_ms;
    } opening, closing_op;
    /* transactions */
    uint64_t handles;
    txc_hash_t by_handle, by_gtrid;
    txc_list_t transactions;
    txc_heap_t timers;
    txc_list_t queries;
    uint64_t asked; /* the latest query's stamp */
    struct {
        txc_gtrid_t gtrid;
        int code;
    } remembered[TXC_REMEMBERED];
    uint32_t n_remembered;
    txc_update_t *update;
};

/* A request to the leader is about to be repeated: perhaps it is not there any more. */
void txc_session_doubt (txc_session_t *self);
/* Whatever waits for the leader goes again after so long, if it was not sooner. */
void txc_tx_hurry (txc_session_t *self, uint64_t after_ms);
void txc_session_query_hurry (txc_session_t *self, uint64_t after_ms);

/* The wait before the next repetition. */
uint64_t txc_session_backoff (const txc_session_t *self, uint32_t tries);
void txc_session_complete (txc_session_t *self, uint64_t operation, int code, const txc_error_t *error);
void txc_session_want_directory (txc_session_t *self);
const txc_rm_entry_t *txc_session_entry (const txc_session_t *self, const char *rm);
uint64_t txc_session_route (txc_session_t *self, const char *endpoint);
/* The lowest n of this session whose transaction is not over. */
uint64_t txc_session_low (const txc_session_t *self);

/* --- transactions */
txc_tx_record_t *txc_tx_add (txc_session_t *self, const txc_gtrid_t *gtrid);
txc_tx_record_t *txc_tx_by_handle (const txc_session_t *self, uint64_t handle);
txc_tx_record_t *txc_tx_by_gtrid (const txc_session_t *self, const txc_gtrid_t *gtrid);
void txc_tx_move (txc_tx_record_t *tx, txc_tx_state_t to);
/* Over, with this outcome: completes whoever waits, lets the mark pass. */
void txc_tx_end (txc_session_t *self, txc_tx_record_t *tx, int code, const txc_error_t *error);
bool txc_tx_is_over (const txc_tx_record_t *tx);
void txc_tx_remove (txc_session_t *self, txc_tx_record_t *tx);
/* Its end may go if the application gave up the handle. */
void txc_tx_release (txc_session_t *self, txc_tx_record_t *tx);
txc_tx_branch_t *txc_tx_branch (txc_tx_record_t *tx, const char *rm);
txc_tx_branch_t *txc_tx_branch_add (txc_tx_record_t *tx, const char *rm);
void txc_tx_blame (txc_tx_record_t *tx, int code, const txc_error_t *error, const char *text);
bool txc_tx_is_busy (const txc_tx_record_t *tx); /* a statement is under way */
uint64_t txc_tx_begin (txc_session_t *self, const txc_session_event_t *event);
void txc_tx_exec (txc_session_t *self, const txc_session_event_t *event);
void txc_tx_exec_reply (txc_session_t *self, const txc_msg_t *message);
/* Sends what is due; sets the timer. */
void txc_tx_pump (txc_session_t *self, txc_tx_record_t *tx);
void txc_tx_timer (txc_session_t *self, txc_tx_record_t *tx);
/* The directory came: statements that waited for it go, or fail. */
void txc_tx_directory (txc_session_t *self);
void txc_tx_statements_fail (txc_session_t *self, txc_tx_record_t *tx, int code, const txc_error_t *error);

/* --- ends */
void txc_tx_commit (txc_session_t *self, const txc_session_event_t *event);
void txc_tx_rollback (txc_session_t *self, const txc_session_event_t *event);
void txc_tx_forget (txc_session_t *self, const txc_session_event_t *event);
void txc_tx_roll_back (txc_session_t *self, txc_tx_record_t *tx);
void txc_tx_outcome (txc_session_t *self, const txc_msg_t *message);
void txc_tx_branch_ended (txc_session_t *self, const txc_msg_t *message);
/* Sends the requests of the end that are due; the next due time. */
uint64_t txc_tx_end_pump (txc_session_t *self, txc_tx_record_t *tx);
void txc_session_ask (txc_session_t *self, const txc_session_event_t *event);
void txc_session_query_tick (txc_session_t *self);
uint64_t txc_session_query_next (const txc_session_t *self);
void txc_session_remember (txc_session_t *self, const txc_tx_record_t *tx);

/* --- enlisted branches */
bool txc_tx_has_enlisted (const txc_tx_record_t *tx);
/* The application is to do this with each of its branches that has not ended. */
void txc_tx_owner_want (txc_tx_record_t *tx, txc_work_op_t op);
/* Completes the operation that waits if there is work for the application. */
void txc_tx_owner_wake (txc_session_t *self, txc_tx_record_t *tx);
/* An outcome came.  True: enlisted branches are still to be ended. */
bool txc_tx_owner_decide (txc_session_t *self, txc_tx_record_t *tx, int code, const txc_error_t *error);
/* The application gives up its connections.  True: tx has ended with that, and is gone if nobody wants it. */
bool txc_tx_owner_give_up (txc_session_t *self, txc_tx_record_t *tx);
/* Says again that branches are prepared; the next due time. */
uint64_t txc_tx_owner_pump (txc_session_t *self, txc_tx_record_t *tx);
void txc_tx_owned (txc_session_t *self, const txc_session_event_t *event);
void txc_tx_owner_work (txc_session_t *self, const txc_msg_t *message);

/* --- joining */
void txc_tx_export (txc_session_t *self, const txc_session_event_t *event);
uint64_t txc_tx_join (txc_session_t *self, const txc_session_event_t *event);
void txc_tx_detach (txc_session_t *self, const txc_session_event_t *event);
void txc_tx_reattach (txc_session_t *self, const txc_session_event_t *event);

#endif
