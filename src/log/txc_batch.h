/*
 * txc_batch.h - entries on their way from the producer to the log thread.
 */
#ifndef TXC_BATCH_H
#define TXC_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Items one after the other: txc_batch_item_t, then its bytes, padded to 8.  All zero is empty. */
typedef struct txc_batch {
    uint8_t *bytes;
    size_t used, room;
    uint64_t cost; /* space of the log that was claimed for them */
    bool forced;   /* one of them is to be forced */
} txc_batch_t;

typedef struct txc_batch_item {
    uint64_t lsn;
    uint32_t kind, size;
} txc_batch_item_t;

/* Copies the bytes. */
void txc_batch_add (txc_batch_t *self, const txc_batch_item_t *item, const void *bytes);

/* All of from, to the end; from is empty then. */
void txc_batch_move (txc_batch_t *self, txc_batch_t *from);

/* The next item; *at begins at 0.  NULL at the end.  The bytes are valid until the batch changes. */
const uint8_t *txc_batch_next (const txc_batch_t *self, size_t *at, txc_batch_item_t *item);

/* Keeps the memory for the next round, unless it has grown out of proportion. */
void txc_batch_clear (txc_batch_t *self);
void txc_batch_fini (txc_batch_t *self);

static inline void txc_batch_swap (txc_batch_t *a, txc_batch_t *b)
{
    txc_batch_t swap = *a;
    *a = *b;
    *b = swap;
}

#endif
