/*
 * txc_tx_pg.h - a thread's connection of libpq in programs of tx.h: link with -ltxcoord-tx-pg.
 * txc_tx_driver.h explains the rest.
 */
#ifndef TXC_TX_PG_H
#define TXC_TX_PG_H

#include <libpq-fe.h>

#include <txcoord/txc_tx_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

/* The calling thread's connection to the resource manager rm, of kind pgsql in tx.cfg; enlisted in its
 * transaction if it is in one.  The same until tx_close, which closes it.  The program runs any SQL on it but
 * COMMIT, ROLLBACK and the like, and never calls PQfinish.  NULL: txc_tx_reason tells why. */
PGconn *txc_tx_pg (const char *rm);

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
