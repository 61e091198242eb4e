/*
 * txc_tx.h - a transaction's handle, as the library's files share it.
 *
 *   txc_tx.c        life, errors, rollback
 *   txc_tx_exec.c   statements and savepoints
 *   txc_tx_commit.c commit, at once and asynchronous
 *   txc_tx_share.c  one transaction in several processes
 */
#ifndef TXC_TX_H
#define TXC_TX_H

#include <txcoord/txcoord.h>

#include "libtxcoord/txc_engine.h"
#include "libtxcoord/txc_enlist.h"

typedef enum txc_tx_state {
    TXC_TX_OPEN,
    TXC_TX_COMMITTING, /* txc_commit_async was called, its outcome was not yet asked for */
    TXC_TX_OVER        /* committed, rolled back, or detached */
} txc_tx_state_t;

struct txc_tx {
    unsigned magic;
    txc_tx_state_t state;
    txc_engine_t *engine;
    txc_commit_return_t commit_return;
    uint8_t isolation;        /* txc_isolation_t */
    uint64_t handle;          /* the session's */
    txc_list_t statements;    /* calls of txc_exec_async, in order */
    txc_call_t *commit;       /* the call of txc_commit_async */
    int commit_code;          /* what it came to, once it was asked for; TXC_PENDING before */
    int fd;                   /* of txc_tx_fd, -1: not asked for */
    txc_error_t error;        /* of the last call */
    txc_enlisted_t *enlisted; /* the application's connections in it */
    char gtrid[TXC_GTRID_MAX + 1];
};

/* A handle for what BEGIN or JOIN gave; takes the reference to engine. */
txc_tx_t *txc_tx_new (txc_engine_t *engine, uint64_t handle);

/* The flags of its COMMIT. */
uint32_t txc_tx_commit_flags (const txc_tx_t *self);

/* Begins a function on the transaction: clears the last error.  TXC_OK; TXC_EINVAL, TXC_EFORKED, or
 * TXC_EPROTO if it is not open. */
int txc_tx_enter (txc_tx_t *self);

/* Sets the last error and returns its code. */
int txc_tx_fail (txc_tx_t *self, int code, const char *text);

/* Takes the result of a call of this transaction as its last error; returns its code. */
int txc_tx_take (txc_tx_t *self, const txc_call_t *call);

/* Runs an operation of this transaction; returns its code.  *body, if not NULL, becomes the caller's. */
int txc_tx_run (txc_tx_t *self, txc_session_event_t *event, txc_blob_t **body);

/* The same for an operation that ends the transaction: enlisted branches are ended on their connections
 * meanwhile. */
int txc_tx_run_end (txc_tx_t *self, txc_session_event_t *event);

/* Waits for the statements under way; returns the first error. */
int txc_tx_settle (txc_tx_t *self);

/* A result handle for an encoded result; takes body, which may be NULL. */
int txc_result_new (txc_blob_t *body, txc_result_t **result);

#endif
