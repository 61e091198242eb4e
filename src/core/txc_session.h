/*
 * txc_session.h - the application's side of the protocols: a session and its transactions.
 *
 * The library's state machine: it opens and keeps the session, numbers
 * transactions, pairs statements with replies, repeats what got none, and
 * knows which outcome may be told to the application.  Deterministic, like
 * the other roles; the library calls it under a lock.
 *
 * Every operation carries a number of the caller's; it ends with exactly one
 * completion of that number.
 */
#ifndef TXC_SESSION_H
#define TXC_SESSION_H

#include "core/txc_update.h"
#include "core/txc_work.h"

typedef struct txc_session txc_session_t;

typedef struct txc_session_config {
    uint64_t nonce; /* random, not 0 */
    uint64_t seed;
    uint32_t n_coordinators; /* replicas of the coordinator; 0: the shell knows one */
    char coordinators[TXC_REPLICAS_MAX][TXC_ENDPOINT_MAX + 1];
    /* 0: the default, in brackets */
    uint32_t retry_ms; /* first repetition of a request [200], doubling up to retry_max_ms [5,000] */
    uint32_t retry_max_ms;
    uint32_t timeout_ms;       /* of a transaction that does not say [60,000] */
    uint32_t max_transactions; /* open at once [10,000] */
} txc_session_config_t;

/* Routes of messages: 0 is the leader (txc_session_leader); a number from 1 is an agent, see
 * txc_session_endpoint.
 */

typedef enum txc_op {
    TXC_OP_NONE,
    TXC_OP_OPEN,   /* completes when the session is open and a directory is known */
    TXC_OP_CLOSE,  /* rolls back what is open, closes the session */
    TXC_OP_BEGIN,  /* timeout_ms isolation mode flags(DECISION_LOGGED) -> tx; no message; completes at once */
    TXC_OP_EXEC,   /* tx rm flags(LAST) body -> body: the encoded result; statements of one branch are ordered
                    */
    TXC_OP_COMMIT, /* tx flags(DECISION_LOGGED, or as BEGIN said) -> TXC_OK, ROLLED_BACK, MIXED, HAZARD,
                      UNKNOWN, or EATTACHED / EPROTO (nothing happened) */
    TXC_OP_ROLLBACK, /* tx -> TXC_ROLLED_BACK; error if a commit was sent */
    TXC_OP_OUTCOME,  /* gtrid -> TXC_OK, ROLLED_BACK, MIXED, HAZARD, UNKNOWN, FORGOTTEN, PENDING */
    TXC_OP_FORGET,   /* tx: the application gives up its handle; completes at once */
    TXC_OP_EXPORT,   /* tx -> body: a ticket for another process */
    TXC_OP_JOIN,     /* body: a ticket -> tx */
    TXC_OP_DETACH,   /* tx -> body: the joined process's branch list, for REATTACH; its tx is over */
    TXC_OP_REATTACH, /* tx body */
    TXC_OP_ENLIST, /* tx rm evidence identity: begins a branch on a connection of the caller's; then its token
                    * is known
                    */
    TXC_OP_OWNED,  /* tx rm done: what the caller did with an enlisted branch (txc_session_work); completes at
                      once */
    TXC_OP_MESSAGE, /* message */
    TXC_OP_TICK
} txc_op_t;

typedef struct txc_session_event {
    uint8_t op; /* txc_op_t */
    uint8_t isolation;
    uint8_t mode; /* BEGIN: txc_mode_t; 0: 2pc */
    uint32_t flags;
    uint32_t timeout_ms; /* BEGIN: of the transaction; COMMIT, OUTCOME, ...: how long the caller waits, 0:
                            default */
    uint64_t now_ms;
    uint64_t operation;
    uint64_t tx; /* the handle that BEGIN or JOIN gave, never 0 */
    const char *rm;
    txc_blob_t *body; /* borrowed */
    txc_gtrid_t gtrid;
    const txc_msg_t *message;
    const char *evidence;        /* ENLIST: names the session that the connection is of */
    const char *identity;        /* ENLIST: of the copy of the data that it leads to; NULL: not known */
    const txc_work_done_t *done; /* OWNED: op status evidence error */
} txc_session_event_t;

/* COMMIT and ROLLBACK complete with this code while enlisted branches wait for the caller: it carries out
 * what txc_session_work lists, says so with OWNED, and asks for COMMIT (or ROLLBACK) again. */
enum { TXC_SESSION_WORK = 100 };

/* Something to be done with an enlisted branch on the connection that it is on. */
typedef struct txc_session_work {
    char rm[TXC_RM_NAME_MAX + 1];
    uint8_t op;    /* TXC_WORK_PREPARE, COMMIT, COMMIT_ONE_PHASE, ROLLBACK */
    bool prepared; /* ROLLBACK: it was prepared */
} txc_session_work_t;

txc_session_t *txc_session_new (const txc_session_config_t *config);
void txc_session_destroy (txc_session_t **self_p);

/* One step.  For BEGIN and JOIN, *tx becomes the handle (tx may be NULL otherwise).  Errors of operations
 * come as completions; the result is an error only for a message that was dropped. */
int txc_session_step (txc_session_t *self, const txc_session_event_t *event, uint64_t *tx,
                      txc_update_t *update);

uint64_t txc_session_next_ms (const txc_session_t *self);

/* Where messages with TXC_ROUTE_LEADER go; NULL: to the only replica.  Valid until the next step. */
const char *txc_session_leader (const txc_session_t *self);

/* All replicas that are known, until NULL; who is not among them any more need not be called.  Likewise. */
const char *txc_session_coordinator_nth (const txc_session_t *self, uint32_t i);

/* The endpoint behind a route >= 1; NULL if there is none.  Valid until the next step. */
const char *txc_session_endpoint (const txc_session_t *self, uint64_t route);

/* The gtrid of an open transaction; none if tx is unknown. */
txc_gtrid_t txc_session_gtrid (const txc_session_t *self, uint64_t tx);

/* What the caller is to do with its enlisted branches, at most TXC_BRANCHES_MAX; each until OWNED tells. */
uint32_t txc_session_work (const txc_session_t *self, uint64_t tx, txc_session_work_t *work);

/* The token of an open transaction's branch, 0: none yet. */
uint64_t txc_session_token (const txc_session_t *self, uint64_t tx, const char *rm);

/* True once a statement failed in a way that leaves only rollback. */
bool txc_session_rollback_only (const txc_session_t *self, uint64_t tx);

typedef struct txc_session_status {
    uint64_t session, cluster, low;
    bool open, closed;
    uint32_t transactions;
} txc_session_status_t;
void txc_session_status (const txc_session_t *self, txc_session_status_t *status);

#endif
