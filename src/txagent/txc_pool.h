/*
 * txc_pool.h - the workers of one resource manager, and who works on what.
 *
 * Takes the work items of the agent's core and gives them to worker threads:
 * a new branch gets a worker of its own until it is unpinned or its connection
 * is lost; what needs no particular connection goes to any idle worker, some of
 * which are never given new branches.  Finished items come back through the
 * queue; whoever takes it hands each to txc_pool_finished before it tells core.
 *
 * Threads: one at a time, whoever works with the agent.
 */
#ifndef TXC_POOL_H
#define TXC_POOL_H

#include "txagent/txc_canceler.h"

typedef struct txc_pool txc_pool_t;

typedef struct txc_pool_options {
    uint32_t connections; /* for branches */
    uint32_t service;     /* beside them, for what must not wait behind new branches; at least 1 */
} txc_pool_options_t;

/* target is copied; its plugin and rm stay the caller's and outlive the pool. */
txc_pool_t *txc_pool_new (const txc_target_t *target, const txc_pool_options_t *options,
                          txc_done_queue_t *queue);

/* Ends the workers; what they still do is cancelled first.  Waits up to timeout_ms for them; false, with
 * nothing freed, if one did not end: the process is to exit without more ado. */
bool txc_pool_destroy (txc_pool_t **self_p, uint32_t timeout_ms);

/* Starts an item of core's; takes work->body. */
void txc_pool_submit (txc_pool_t *self, txc_work_t *work);

/* An item came back through the queue: sees to its worker and connection.  True if core is to be told of
 * item->done; either way the caller destroys the item then. */
bool txc_pool_finished (txc_pool_t *self, txc_item_t *item);

/* When txc_pool_tick is to be called at the latest; UINT64_MAX: never. */
uint64_t txc_pool_next_ms (const txc_pool_t *self);

/* Cancels statements whose time is up, fences lost connections again. */
void txc_pool_tick (txc_pool_t *self, uint64_t now_ms);

/* The items that are not back yet. */
uint32_t txc_pool_busy (const txc_pool_t *self);

typedef struct txc_pool_status {
    uint32_t connections; /* open */
    uint32_t workers, pinned, waiting;
    char last_error[TXC_TEXT_MAX + 1]; /* "": none */
} txc_pool_status_t;
void txc_pool_status (txc_pool_t *self, txc_pool_status_t *status);

#endif
