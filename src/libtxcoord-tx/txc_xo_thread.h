/*
 * txc_xo_thread.h - a thread of control: its state, its characteristics, its transaction.
 *
 * It ends with the thread: what is open then is rolled back, and closed.
 */
#ifndef TXC_XO_THREAD_H
#define TXC_XO_THREAD_H

#include <stdint.h>
#include <sys/types.h>

#include <tx.h>

#include <txcoord/txcoord.h>

#include "core/txc_message.h"
#include "libtxcoord-tx/txc_xo_rm.h"
#include "libtxcoord-tx/txc_xo_state.h"

typedef struct txc_xo_thread {
    unsigned magic;
    pid_t pid; /* the process that it is of */
    txc_xo_state_t state;
    COMMIT_RETURN when_return;
    TRANSACTION_TIMEOUT timeout; /* of the next transaction */
    txc_tx_t *tx;                /* not NULL in S3 and S4 alone */
    uint64_t deadline_ms;        /* of tx */
    bool bounded;                /* that is a time-out which the program has set */
    bool doubtful;               /* tx_commit was called, and what came of it is not known */
    txc_xo_rms_t rms;            /* in S0 it has none */
    char reason[TXC_TEXT_MAX + 1];
} txc_xo_thread_t;

/* The calling thread's; made at its first call.  After fork a child's begins in S0.  NULL: no memory. */
txc_xo_thread_t *txc_xo_thread_self (void);

/* The longest time-out that the protocols take, in seconds; 0, no time-out, is this one too. */
enum { TXC_XO_TIMEOUT_MAX = INT32_MAX / 1000 };

/* Each does the work of a TX function, in a state in which it is allowed, and gives the function's result.
 * Commit and rollback leave the transaction in place unless it has ended (txc_xo_is_end). */
int txc_xo_thread_open (txc_xo_thread_t *self);
int txc_xo_thread_close (txc_xo_thread_t *self);
int txc_xo_thread_begin (txc_xo_thread_t *self);
int txc_xo_thread_commit (txc_xo_thread_t *self);
int txc_xo_thread_rollback (txc_xo_thread_t *self);
void txc_xo_thread_describe (const txc_xo_thread_t *self, TXINFO *info);

/* As txc_tx_connection. */
void *txc_xo_thread_connection (txc_xo_thread_t *self, const char *rm, const txc_tx_driver_t *driver);

/* Keeps a text as the reason; returns rc. */
int txc_xo_thread_say (txc_xo_thread_t *self, int rc, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

#endif
