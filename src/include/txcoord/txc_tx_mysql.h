/*
 * txc_tx_mysql.h - a thread's connection of MariaDB's and MySQL's C library in programs of tx.h: link with
 * -ltxcoord-tx-mysql.  txc_tx_driver.h explains the rest.
 */
#ifndef TXC_TX_MYSQL_H
#define TXC_TX_MYSQL_H

#include <mysql.h>

#include <txcoord/txc_tx_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

/* The calling thread's connection to the resource manager rm, of kind mysql in tx.cfg; enlisted in its
 * transaction if it is in one.  The same until tx_close, which closes it.  The program runs any SQL on it but
 * COMMIT, ROLLBACK, XA and the like, and never calls mysql_close.  NULL: txc_tx_reason tells why.
 *
 * The server prepares a branch in which a statement failed.  The library sees that only of the last statement
 * on the connection: a program that goes on after an error rolls back, or says it with txc_enlist_failed
 * (txc_tx_current (), rm). */
MYSQL *txc_tx_mysql (const char *rm);

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
