/*
 * txc_xo_rm.h - the resource managers that a thread of control works with: its connections, and the XA
 * switches that it has opened.
 *
 * What is in this list has a branch in each of the thread's transactions: a
 * program keeps the handle, and what it does with it after tx_begin must not be
 * outside of the transaction.
 */
#ifndef TXC_XO_RM_H
#define TXC_XO_RM_H

#include <stdbool.h>

#include "libtxcoord-tx/txc_xo_config.h"

typedef struct txc_xo_rm {
    const txc_tx_rm_t *rm;
    const txc_tx_driver_t *driver;
    void *conn;
} txc_xo_rm_t;

typedef struct txc_xo_rms {
    size_t n;
    txc_xo_rm_t items[TXC_BRANCHES_MAX];
} txc_xo_rms_t;

/* Opens the XA switches of the configuration, in the calling thread.  TX_OK, TX_ERROR, TX_FAIL; after an
 * error none is open.  Here and below why has TXC_TX_ERROR_SIZE bytes, and takes the reason. */
int txc_xo_rms_open_switches (txc_xo_rms_t *self, const txc_xo_config_t *config, char *why);

/* The connection to the resource manager of that name; NULL: it was not opened. */
void *txc_xo_rms_find (const txc_xo_rms_t *self, const char *name);

/* Opens a connection, which find did not find, and enlists it in tx if that is not NULL.  NULL: nothing was
 * opened. */
void *txc_xo_rms_add (txc_xo_rms_t *self, const txc_tx_rm_t *rm, const txc_tx_driver_t *driver, txc_tx_t *tx,
                      char *why);

/* Before a transaction begins: sessions that were lost are opened anew.  TX_OK; TX_ERROR: one could not be;
 * TX_OUTSIDE: what is done on one of them outside of transactions is not over. */
int txc_xo_rms_ready (txc_xo_rms_t *self, char *why);

/* Enlists all of them.  What tx_begin is to give; *lost: a session turned out to be lost, and after _ready it
 * can be tried again, in another transaction. */
int txc_xo_rms_enlist (txc_xo_rms_t *self, txc_tx_t *tx, bool *lost, char *why);

/* True if a branch on one of them can only be rolled back, as far as is known without asking. */
bool txc_xo_rms_spoiled (const txc_xo_rms_t *self);

/* Closes all of them. */
void txc_xo_rms_close (txc_xo_rms_t *self);

/* The same in a forked child: they are the parent's, and go on. */
void txc_xo_rms_abandon (txc_xo_rms_t *self);

#endif
