/*
 * txc_item.h - a work item on its way to a worker thread and back.
 *
 * Whoever has the item has all of it: whoever works with the agent makes it,
 * a worker fills in `done`, the queue brings it back, whoever takes it frees it.
 */
#ifndef TXC_ITEM_H
#define TXC_ITEM_H

#include <stdatomic.h>
#include <stdbool.h>

#include <txcoord/txc_rm.h>

#include "base/txc_list.h"
#include "core/txc_work.h"

typedef struct txc_item {
    txc_list_t node;       /* in a queue of the loop */
    struct txc_item *next; /* in the queue back */
    txc_work_t work;       /* its body is the item's */
    txc_work_done_t done;  /* its body is the item's until core took it; found points to `found` */
    /* In: the lost connection of this branch, if there is one, to be fenced.  Out: NULL if it was; or the
     * connection that was lost now. */
    txc_rm_conn_t *dead;
    bool pinned;     /* runs on the connection of its branch */
    bool fence_only; /* the pool's own: fences `dead`, core knows nothing of it */
    bool canceled;   /* by core */
    bool timed_out;  /* by the pool, since its time was up */
    txc_found_t *found;
    uint32_t n_found, max_found;
    struct txc_worker *worker; /* that runs it */
    struct txc_pool *pool;
} txc_item_t;

/* A zeroed item; work's body moves into it.  work may be NULL. */
txc_item_t *txc_item_new (struct txc_pool *pool, txc_work_t *work);

/* Its dead connection must have been taken out. */
void txc_item_destroy (txc_item_t **self_p);

/* --- the queue back: many threads push, the loop takes ---------------------- */

typedef struct txc_done_queue {
    _Atomic (txc_item_t *) top; /* last pushed first */
    int fd;                     /* an eventfd: readable when the loop is to take */
    /* Takes in the queue on the thread that pushed, and sees to what follows from it.  False if it cannot
     * now: then the loop is woken.  NULL: it always is. */
    bool (*take_in) (void *arg);
    void *arg;
} txc_done_queue_t;

/* False if there is no descriptor for it. */
bool txc_done_queue_init (txc_done_queue_t *self);
void txc_done_queue_fini (txc_done_queue_t *self);

/* For the loop.  Any thread. */
void txc_done_queue_push (txc_done_queue_t *self, txc_item_t *item);

/* Likewise, but the thread takes it in itself if it can, so that nobody has to be woken.  It holds no lock.
 */
void txc_done_queue_hand_in (txc_done_queue_t *self, txc_item_t *item);

/* Takes all, in the order in which they were pushed, linked through next.  One thread at a time. */
txc_item_t *txc_done_queue_take (txc_done_queue_t *self);

/* Wakes the loop.  Any thread. */
void txc_done_queue_wake (const txc_done_queue_t *self);

/* Takes back the sign that something is there.  Before the queue is taken: a push after that gives it anew.
 */
void txc_done_queue_clear (txc_done_queue_t *self);

#endif
