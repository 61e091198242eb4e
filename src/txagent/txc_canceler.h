/*
 * txc_canceler.h - a thread that cancels statements, since that may block.
 */
#ifndef TXC_CANCELER_H
#define TXC_CANCELER_H

#include "txagent/txc_worker.h"

typedef struct txc_canceler txc_canceler_t;

/* Its thread starts with the first order. */
txc_canceler_t *txc_canceler_new (void);

/* Carries out what was ordered, then ends the thread. */
void txc_canceler_destroy (txc_canceler_t **self_p);

/* Cancels what worker does for this branch; worker outlives the canceler.  An order that does not fit (there
 * are as many as there can be workers) is dropped: whoever cancels repeats it until the item came back. */
void txc_canceler_order (txc_canceler_t *self, txc_worker_t *worker, uint64_t branch);

#endif
