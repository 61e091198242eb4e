/*
 * txc_xo_process.h - what the threads of a process share: one client, between the first tx_open and the last
 * tx_close.
 *
 * Safe for any number of threads.  A forked child begins with nothing: it is a
 * new thread of control, its parent's sessions and transactions stay the
 * parent's.
 */
#ifndef TXC_XO_PROCESS_H
#define TXC_XO_PROCESS_H

#include "libtxcoord-tx/txc_xo_config.h"

/* One more thread has opened: reads the configuration and connects, if it is the first.  TXC_OK, or an error
 * with its text. */
int txc_xo_process_open (txc_error_t *error);

/* A thread that had opened has closed; the last one closes the session. */
void txc_xo_process_close (void);

/* Valid between the two. */
txc_client_t *txc_xo_process_client (void);
const txc_xo_config_t *txc_xo_process_config (void);

#endif
