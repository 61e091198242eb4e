/*
 * txc_heap.h - an intrusive binary heap of due times: the timers of a state machine.
 *
 * The node lies inside its object.  Equal times come out in a fixed order that
 * depends on the history of the heap only.
 */
#ifndef TXC_HEAP_H
#define TXC_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define TXC_NEVER_MS UINT64_MAX

typedef struct txc_heap_node {
    uint64_t due_ms;
    size_t place; /* 1 + index; 0: not in a heap */
} txc_heap_node_t;

typedef struct txc_heap {
    txc_heap_node_t **nodes;
    size_t count, room;
} txc_heap_t;

void txc_heap_init (txc_heap_t *self);
void txc_heap_fini (txc_heap_t *self); /* the nodes stay */

/* Sets the node's due time, entering or moving it; TXC_NEVER_MS takes it out. */
void txc_heap_set (txc_heap_t *self, txc_heap_node_t *node, uint64_t due_ms);

/* The earliest due time; TXC_NEVER_MS if there is none. */
uint64_t txc_heap_next_ms (const txc_heap_t *self);

/* Takes out and returns the earliest node that is due; NULL if none is. */
txc_heap_node_t *txc_heap_pop (txc_heap_t *self, uint64_t now_ms);

#endif
