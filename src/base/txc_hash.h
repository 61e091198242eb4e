/*
 * txc_hash.h - an intrusive hash table with chains; keys are 64-bit hashes.
 *
 * The node lies inside its object.  The table grows by doubling; it never
 * shrinks and owns no object.  Order of iteration depends on the history of
 * the table only, so that equal inputs give equal outputs.
 */
#ifndef TXC_HASH_H
#define TXC_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct txc_hash_node {
    struct txc_hash_node *next;
    uint64_t hash;
} txc_hash_node_t;

typedef struct txc_hash {
    txc_hash_node_t **buckets;
    size_t mask; /* buckets - 1 */
    size_t count;
} txc_hash_t;

void txc_hash_init (txc_hash_t *self);

/* Frees the table's own memory; the objects stay. */
void txc_hash_fini (txc_hash_t *self);

/* Adds a node; the caller has made sure that its key is new. */
void txc_hash_add (txc_hash_t *self, txc_hash_node_t *node, uint64_t hash);

void txc_hash_remove (txc_hash_t *self, txc_hash_node_t *node);

/* The first node with this hash, and the next one after it; NULL at the end. */
txc_hash_node_t *txc_hash_first (const txc_hash_t *self, uint64_t hash);
txc_hash_node_t *txc_hash_next (const txc_hash_node_t *node);

/* All nodes, in table order.  Between two steps the node returned last may be removed and freed; nothing may
 * be added. */
typedef struct txc_hash_cursor {
    size_t bucket;
    txc_hash_node_t *next;
} txc_hash_cursor_t;
txc_hash_node_t *txc_hash_begin (const txc_hash_t *self, txc_hash_cursor_t *cursor);
txc_hash_node_t *txc_hash_step (const txc_hash_t *self, txc_hash_cursor_t *cursor);

#endif
