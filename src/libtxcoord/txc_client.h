/*
 * txc_client.h - a client: where the coordinators are, and the engine of the moment.
 *
 * A client outlives its engines: after fork the next transaction gets a new
 * one, with a session of the child's own.
 */
#ifndef TXC_CLIENT_H
#define TXC_CLIENT_H

#include <txcoord/txcoord.h>

#include "libtxcoord/txc_engine.h"

enum { TXC_CONNECT_TIMEOUT_MS = 5000, TXC_OUTCOME_TIMEOUT_MS = 10000 };

/* Runs an operation that begins something new, on the engine of the moment; opens a session first if there is
 * none. Returns its code.  *engine_p, if it is TXC_OK, becomes the caller's reference; otherwise NULL. *error
 * tells why it failed.  *tx as in txc_session_step, may be NULL. */
int txc_client_run (txc_client_t *self, txc_session_event_t *event, uint64_t *tx, txc_engine_t **engine_p,
                    txc_error_t *error);

/* Keeps error as this thread's last one, see txc_last_error. */
void txc_client_set_last_error (const txc_error_t *error);

/* A view of an error for the application. */
txc_error_info_t txc_client_error_info (const txc_error_t *error);

#endif
