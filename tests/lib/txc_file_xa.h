/*
 * txc_file_xa.h - a small resource manager with an XA switch, for tests: counters in a folder, which
 * application and agent share as they would a server.
 *
 * Each committed branch is a line of `committed`; a prepared one is a file of its own, so that both survive
 * kill -9. What a branch does before it is prepared is in its thread's memory.  The string of xa_open is the
 * folder.
 */
#ifndef TXC_FILE_XA_H
#define TXC_FILE_XA_H

#include <xa.h>

/* The resource manager's own interface: adds to a counter in the branch that this thread has at rmid.  0, or
 * -1: it has none. */
int file_xa_add (int rmid, long delta);

/* The sum of all that is committed in the folder. */
long file_xa_sum (const char *folder);

#endif
