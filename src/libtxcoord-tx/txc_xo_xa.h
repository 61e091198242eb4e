/*
 * txc_xo_xa.h - resource managers of kind xa: a thread opens the switch in tx_open, and closes it in
 * tx_close.
 */
#ifndef TXC_XO_XA_H
#define TXC_XO_XA_H

#include <txcoord/txc_tx_driver.h>

/* Loads the switch and calls its xa_open, in the calling thread.  rmid tells it from the process's others.
 * TX_OK; TX_ERROR: it does not open now; TX_FAIL: it is none, or does not take its open_info.  why as in
 * txc_xo_rm.h. */
int txc_xo_xa_open (const txc_tx_rm_t *rm, int rmid, void **conn_p, char *why);

/* For what was opened.  It has no open of its own. */
extern const txc_tx_driver_t txc_xo_xa_driver;

#endif
