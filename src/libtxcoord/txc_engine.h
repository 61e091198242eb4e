/*
 * txc_engine.h - an open session with what carries it, shared by a client and its transactions.
 *
 * It is counted: a transaction keeps its engine alive.  In a forked child an
 * engine of the parent is never touched: its sockets, threads and locks are
 * the parent's.
 */
#ifndef TXC_ENGINE_H
#define TXC_ENGINE_H

#include <stdatomic.h>

#include "libtxcoord/txc_crew.h"

typedef struct txc_engine {
    unsigned magic;
    atomic_uint references;
    unsigned generation; /* of the process, see txc_fork.h */
    txc_crew_t crew;
} txc_engine_t;

/* Connects to the coordinators at endpoints and opens a session; waits at most timeout_ms.  One reference is
 * the caller's.  NULL on failure, told in *error. */
txc_engine_t *txc_engine_new (const char *endpoints, uint32_t max_transactions, uint32_t timeout_ms,
                              txc_error_t *error);

txc_engine_t *txc_engine_ref (txc_engine_t *self);

/* Gives up one reference and nulls the caller's pointer; the last one frees it. */
void txc_engine_unref (txc_engine_t **self_p);

/* Opens the session; TXC_OK at once if it is open.  Otherwise waits at most timeout_ms; *error tells why not
 * (TXC_ECONN: nobody answered; the text names the endpoints).  One thread at a time. */
int txc_engine_open (txc_engine_t *self, const char *endpoints, uint32_t timeout_ms, txc_error_t *error);

/* Rolls back what is open and closes the session; waits at most timeout_ms.  What is begun later fails. */
void txc_engine_close (txc_engine_t *self, uint32_t timeout_ms);

/* True if it belongs to a process of which this one is a fork. */
bool txc_engine_is_foreign (const txc_engine_t *self);

#endif
