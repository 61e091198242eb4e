/*
 * txc_worker.h - a thread with one connection to a resource manager.
 *
 * Whoever works with the agent (txc_agentd.h; "the loop" below) gives a worker
 * one item at a time and gets it back through the queue, unless the worker can
 * take it in itself; a worker that is not pinned to a branch may get any item.
 * It connects when it first has to.
 */
#ifndef TXC_WORKER_H
#define TXC_WORKER_H

#include <pthread.h>
#include <semaphore.h>

#include "txagent/txc_perform.h"

/* What the workers of one RM share. */
typedef struct txc_crew {
    txc_target_t target;
    txc_done_queue_t *queue;
    _Atomic uint32_t connections; /* open now */
    _Atomic uint32_t losses;   /* of connections: after one the others are looked at before they are used */
    _Atomic uint64_t retry_ms; /* no new connection for a new branch before then (clock_ms) */
    _Atomic uint32_t failures; /* of connecting, in a row */
    _Atomic uint32_t copies;   /* how often the scans came to another copy of the data than before */
    _Atomic bool astray;       /* a connection led to another copy than the one that was scanned */
    pthread_mutex_t mutex;     /* of what follows */
    char last_error[TXC_TEXT_MAX + 1];
    char identity[TXC_EVIDENCE_MAX + 1]; /* of the copy that was scanned last; "": none yet */
} txc_crew_t;

typedef enum txc_worker_kind {
    TXC_WORKER_BRANCH,  /* new branches, and anything else */
    TXC_WORKER_SERVICE, /* kept free of new branches, so that phase 2 and recovery never wait behind them */
    TXC_WORKER_KEEPER   /* recovery scans; its connection holds the lock against other agents */
} txc_worker_kind_t;

typedef struct txc_worker {
    uint32_t magic;
    txc_worker_kind_t kind;
    txc_crew_t *crew;
    pthread_t thread;
    sem_t wake; /* posted for every item, and to stop */

    /* The loop's. */
    txc_list_t node; /* in the pool's list of idle ones */
    bool stop, joined;

    /* Under the mutex. */
    pthread_mutex_t mutex;
    txc_item_t *item;    /* the one being worked on */
    txc_rm_conn_t *conn; /* changed by the worker only */
    bool canceled;       /* item is to end soon */

    /* The worker's. */
    bool checked;         /* keeper: the RM was checked on this connection */
    uint32_t seen_losses; /* of the crew, when conn was last found alive */
    uint32_t copy;        /* of the crew's copies, the one that conn leads to */
    uint64_t used_ms;     /* when conn was last used */
} txc_worker_t;

void txc_crew_init (txc_crew_t *self, const txc_target_t *target, txc_done_queue_t *queue);
void txc_crew_fini (txc_crew_t *self);

/* The text of the last failure, "" if all is well.  Any thread. */
void txc_crew_error (txc_crew_t *self, char text[TXC_TEXT_MAX + 1]);

/* A scan went through this copy of the data: whatever runs from now on is to run there.  The loop, before it
 * tells core. */
void txc_crew_scanned (txc_crew_t *self, const char *identity);

/* NULL if the system gives no thread. */
txc_worker_t *txc_worker_new (txc_crew_t *crew, txc_worker_kind_t kind);

/* Gives it an item; it has none.  The loop. */
void txc_worker_post (txc_worker_t *self, txc_item_t *item);

/* Cancels what it does for this branch, if it still does.  May block for as long as the plugin's cancel does:
 * not for the loop. */
void txc_worker_cancel (txc_worker_t *self, uint64_t branch);

/* Tells it to end after its item; does not wait for a cancel that is under way.  The loop. */
void txc_worker_stop (txc_worker_t *self);

/* Waits up to timeout_ms for its thread to end, which closes its connection; false if it did not in time.
 * The worker can still be cancelled (in vain).  The loop. */
bool txc_worker_join (txc_worker_t *self, uint32_t timeout_ms);

/* Frees it; its thread was joined. */
void txc_worker_destroy (txc_worker_t **self_p);

#endif
