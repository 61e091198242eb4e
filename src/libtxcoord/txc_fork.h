/*
 * txc_fork.h - what the library does about fork.
 *
 * A handler of pthread_atfork counts generations, so that whatever belongs to
 * the parent is recognised without a system call.
 */
#ifndef TXC_FORK_H
#define TXC_FORK_H

/* Installs the handlers, once; before the first object is made. */
void txc_fork_init (void);

/* 0 in the first process, one more in each child. */
unsigned txc_fork_generation (void);

/* The lock of every client's choice of its engine.  It is held across fork, so that a child never sees it
 * taken, nor a choice half made.  Never held while waiting for anything. */
void txc_fork_lock (void);
void txc_fork_unlock (void);

/* Sleeps until txc_fork_wake_all; gives the lock back meanwhile. */
void txc_fork_wait (void);
void txc_fork_wake_all (void);

/* Takes note of memory of the parent's that this child can never free: it stays reachable for leak checkers.
 */
void txc_fork_abandon (void *memory);

#endif
