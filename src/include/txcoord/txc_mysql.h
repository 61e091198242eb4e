/*
 * txc_mysql.h - connections of MariaDB's and MySQL's C library in a transaction: link with -ltxcoord-mysql.
 * txc_enlist.h explains the rest.
 */
#ifndef TXC_MYSQL_ENLIST_H
#define TXC_MYSQL_ENLIST_H

#include <mysql.h>

#include <txcoord/txc_enlist.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

/* Makes conn a branch of tx at the resource manager rm.  conn is in no transaction; it stays the caller's,
 * who closes it, at the earliest when tx has an outcome or is destroyed.  Results as of txc_enlist_cb.
 *
 * The server prepares a branch in which a statement failed.  The library sees that only of the last statement
 * on conn; of others the application tells it with txc_enlist_failed, or rolls back. */
int txc_enlist_mysql (txc_tx_t *tx, const char *rm, MYSQL *conn);

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
