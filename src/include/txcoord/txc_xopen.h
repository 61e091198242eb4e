/*
 * txc_xopen.h - what a program that uses tx.h gets from txcoord beside it.
 *
 *     tx_open ();
 *     tx_begin ();
 *     txc_exec (txc_tx_current (), "bank_pg", "UPDATE acct SET bal = bal - 5 WHERE id = 1", 0, NULL, NULL);
 *     txc_exec (txc_tx_current (), "bank_my", "UPDATE acct SET bal = bal + 5 WHERE id = 1", 0, NULL, NULL);
 *     if (tx_commit () != TX_OK)
 *         fprintf (stderr, "%s\n", txc_tx_reason ());
 *     tx_close ();
 *
 * Or on connections of the thread's own that the configuration names: txc_tx_pg.h,
 * txc_tx_mysql.h.
 *
 * Everything here is of the calling thread.
 */
#ifndef TXC_XOPEN_H
#define TXC_XOPEN_H

#include <tx.h>

#include <txcoord/txcoord.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

/* The thread's transaction, to run statements in; NULL outside of one.  Valid until the next tx_commit or
 * tx_rollback, which end it: txc_commit, txc_rollback and txc_tx_destroy are not for it. */
txc_tx_t *txc_tx_current (void);

/* The client that the threads between tx_open and tx_close share, for txc_outcome; NULL before tx_open. */
txc_client_t *txc_tx_client (void);

/* Why the thread's last call of tx.h gave anything but TX_OK, or the last one of txc_tx_pg and the like gave
 * NULL, in words; "" if it did not.  Valid until the next. */
const char *txc_tx_reason (void);

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
