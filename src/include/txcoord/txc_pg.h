/*
 * txc_pg.h - connections of libpq in a transaction: link with -ltxcoord-pg.  txc_enlist.h explains the rest.
 */
#ifndef TXC_PG_ENLIST_H
#define TXC_PG_ENLIST_H

#include <libpq-fe.h>

#include <txcoord/txc_enlist.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

/* Makes conn a branch of tx at the resource manager rm.  conn is in no transaction, not in pipeline mode, and
 * blocking; it stays the caller's, who closes it, at the earliest when tx has an outcome or is destroyed.
 * Results as of txc_enlist_cb. */
int txc_enlist_pg (txc_tx_t *tx, const char *rm, PGconn *conn);

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
