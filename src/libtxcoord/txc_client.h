/*
 * txc_client.h - a client: where the coordinators are, and the engine of the moment.
 *
 * A client outlives its engines: after fork, and after its session was closed,
 * the next transaction gets a new one.
 */
#ifndef TXC_CLIENT_H
#define TXC_CLIENT_H

#include <txcoord/txcoord.h>

#include "libtxcoord/txc_engine.h"

enum { TXC_CONNECT_TIMEOUT_MS = 5000, TXC_OUTCOME_TIMEOUT_MS = 10000 };

/* The engine for something new; one reference is the caller's.  NULL on failure, told in *error. */
txc_engine_t *txc_client_engine (txc_client_t *self, txc_error_t *error);

/* Says that an engine is of no more use for something new: its session is closed. */
void txc_client_retire (txc_client_t *self, txc_engine_t *engine);

/* Keeps error as this thread's last one, see txc_last_error. */
void txc_client_set_last_error (const txc_error_t *error);

/* A view of an error for the application. */
txc_error_info_t txc_client_error_info (const txc_error_t *error);

#endif
