/*
 * txc_crew.h - the threads at one session: who polls, who sleeps, who wakes whom.
 *
 * Leader and followers (Schmidt et al., "Leader/Followers", 2000): of the
 * threads that wait for a call, one polls the sockets; the others sleep, each
 * on a semaphore of its own.  The leader completes the calls of all.  When its
 * own is done it hands the role to one follower.
 *
 * The keeper is a thread that polls while no application thread does: it keeps
 * the session alive, repeats requests, and completes what nobody waits for.  A
 * thread that comes to wait takes the role from it; then the keeper sleeps
 * until the session's next timer, so that a busy application wakes it a few
 * times a second at most.
 *
 * All functions take the crew's lock themselves.  Semaphores are posted after
 * it was given back, so that no thread wakes up only to wait for the lock.
 */
#ifndef TXC_CREW_H
#define TXC_CREW_H

#include <pthread.h>
#include <stdatomic.h>

#include "libtxcoord/txc_pump.h"

/* A role that polls: the leading call's, or the keeper's. */
typedef struct txc_poller {
    int fd;           /* an eventfd that ends its poll */
    bool polls;       /* it is in poll (2) and nobody has ended it yet */
    uint64_t until;   /* when it returns by itself */
    unsigned version; /* of the descriptors that it polls */
} txc_poller_t;

typedef struct txc_crew {
    pthread_mutex_t lock;
    atomic_int arriving; /* threads about to take the lock in order to send */
    txc_pump_t pump;
    txc_list_t followers; /* calls with TXC_CALL_FOLLOWS, the longest waiting first */
    txc_list_t wakes;     /* calls whose threads are to be woken when the lock is given back */
    txc_list_t orphans;   /* calls that nobody will wait for */
    txc_call_t *leader;   /* with TXC_CALL_LEADS or TXC_CALL_PROMOTED; NULL: the keeper, or nobody */
    txc_poller_t lead, keep;
    unsigned background; /* calls under way whose completion no thread waits for */
    bool keeper_sleeps, stopping;
    uint64_t keeper_until; /* how long it sleeps */
    pthread_cond_t keeper_wake;
    pthread_t keeper;
} txc_crew_t;

/* Takes session and link, whatever it returns, and starts the keeper.  TXC_EIO if the system has no thread or
 * descriptor left. */
int txc_crew_init (txc_crew_t *self, txc_session_t *session, txc_link_t *link, txc_error_t *error);

/* Stops the keeper and frees everything.  No other thread may be inside. */
void txc_crew_fini (txc_crew_t *self);

/* Begins a call and returns; event->operation and event->now_ms are filled in.  *tx as in txc_session_step.
 */
void txc_crew_begin (txc_crew_t *self, txc_session_event_t *event, txc_call_t *call, uint64_t *tx);

/* Begins a call and waits until it is done. */
void txc_crew_run (txc_crew_t *self, txc_session_event_t *event, txc_call_t *call, uint64_t *tx);

/* Waits until a call that was begun is done. */
void txc_crew_wait (txc_crew_t *self, txc_call_t *call);

bool txc_crew_is_done (txc_crew_t *self, const txc_call_t *call);

/* Lets fd, an eventfd that is not owned, become readable when the call is done. */
void txc_crew_notify (txc_crew_t *self, txc_call_t *call, int fd);

/* Takes a call from txc_call_new that nobody will wait for. */
void txc_crew_orphan (txc_crew_t *self, txc_call_t **call_p);

/* To look at the session; the lock is held until txc_crew_unlock. */
const txc_session_t *txc_crew_lock (txc_crew_t *self);
void txc_crew_unlock (txc_crew_t *self);

#endif
