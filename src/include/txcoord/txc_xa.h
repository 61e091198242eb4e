/*
 * txc_xa.h - resource managers with an XA switch in a transaction: link with -ltxcoord-xa.
 *
 * The switch is a `struct xa_switch_t` as the XA specification (X/Open C193)
 * has it, linked into the program or loaded from its vendor's shared object.
 * The agent of that resource manager loads the same one (plugin = xa), and
 * ends what the application leaves behind.
 *
 * XA binds work to the calling thread: the thread that enlisted does the work,
 * with the resource manager's own interface, and calls txc_commit or
 * txc_rollback.  xa_open and xa_close stay the application's, in every thread
 * that works with the resource manager.
 *
 * A resource manager that registers by itself (TMREGISTER) finds ax_reg and
 * ax_unreg here.  If it never calls ax_reg before the transaction ends it took
 * no part.
 *
 * Heuristic ends and XA_RETRY are left to the agent, which reports them and
 * lets the resource manager forget them (xa_forget) when they are on record.
 */
#ifndef TXC_XA_H
#define TXC_XA_H

#include <xa.h>

#include <txcoord/txc_enlist.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

/* Loads the shared object file and finds the switch of that name in it.  NULL: error, of size bytes (may be
 * none), takes why.  It stays loaded.  Any thread. */
const struct xa_switch_t *txc_xa_load (const char *file, const char *symbol, char *error, size_t size);

/* Makes what this thread does with the resource manager rmid, which it has opened, a branch of tx at rm:
 * xa_start, or what ax_reg is given.  The switch is borrowed until the branch is over.  Results as of
 * txc_enlist_cb; TXC_EINVAL: it is no whole switch of version 0; TXC_EPROTO, too: the thread is in a
 * local transaction there (XAER_OUTSIDE); TXC_ERMFAIL: it is not available (XAER_RMFAIL); TXC_EBRANCH: the
 * switch refused to start a branch for another reason. */
int txc_enlist_xa (txc_tx_t *tx, const char *rm, const struct xa_switch_t *xa, int rmid);

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
