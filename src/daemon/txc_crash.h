/*
 * txc_crash.h - named places at which a test can kill or stop the daemon.
 *
 * A point's name is WHERE.WHAT: "append.before.COMMIT", "send.after.VOTE".
 * --crash-at NAME[:COUNT] ends the process with SIGKILL when it comes there
 * for the COUNT-th time; --stop-at stops it with SIGSTOP.  With both it stops first,
 * and visits of the other point count when it has gone on.  Where the environment
 * names a file in TXC_CRASH_HITS, the name of every point is appended to it
 * when it is passed first.  A daemon that runs without these pays one branch.
 *
 * Thread-safe.
 */
#ifndef TXC_CRASH_H
#define TXC_CRASH_H

#include <stdbool.h>

#include "core/txc_message.h"

/* All points with one WHERE; whats ends with NULL.  A list of sets ends with where NULL.  Both are static. */
typedef struct txc_crash_set {
    const char *where;
    const char *const *whats;
} txc_crash_set_t;

/* Arms what the command line and the environment ask for; kill_at and stop_at ("NAME" or "NAME:COUNT") may be
 * NULL. TXC_ECONFIG with error set if there is no such point.  To be called once, before there are threads.
 */
int txc_crash_init (const txc_crash_set_t *sets, const char *kill_at, const char *stop_at,
                    txc_error_t *error);

/* Prints every name, one a line, to stdout. */
void txc_crash_list (const txc_crash_set_t *sets);

extern bool txc_crash_armed;
void txc_crash_hit (const char *where, const char *what);
void txc_crash_hit_send (const char *type);
void txc_crash_hit_sent (void);

static inline void txc_crash_point (const char *where, const char *what)
{
    if (__builtin_expect (txc_crash_armed, 0))
        txc_crash_hit (where, what);
}

/* The point "send.before.TYPE"; to be called before a message is handed to the network.  type is static. */
static inline void txc_crash_send (const char *type)
{
    if (__builtin_expect (txc_crash_armed, 0))
        txc_crash_hit_send (type);
}

/* The points "send.after.TYPE" of everything handed over since the last call, by the same thread; to be
 * called after the flush.  A point that strikes first gives the network's own thread 100 ms to write the
 * bytes out. */
static inline void txc_crash_sent (void)
{
    if (__builtin_expect (txc_crash_armed, 0))
        txc_crash_hit_sent();
}

#endif
