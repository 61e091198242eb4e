#include "base/txc_hash.h"

#include <stdlib.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum { BUCKETS_MIN = 16 };

void txc_hash_init (txc_hash_t *self)
{
    self->buckets = txc_calloc (BUCKETS_MIN, sizeof *self->buckets);
    self->mask = BUCKETS_MIN - 1;
    self->count = 0;
}

void txc_hash_fini (txc_hash_t *self)
{
    free (self->buckets);
    self->buckets = NULL;
    self->count = 0;
}

static void s_grow (txc_hash_t *self)
{
    size_t buckets = (self->mask + 1) * 2;
    txc_hash_node_t **grown = txc_calloc (buckets, sizeof *grown);
    for (size_t i = 0; i <= self->mask; i++) {
        txc_hash_node_t *node = self->buckets[i];
        while (node) {
            txc_hash_node_t *next = node->next;
            txc_hash_node_t **head = &grown[node->hash & (buckets - 1)];
            node->next = *head;
            *head = node;
            node = next;
        }
    }
    free (self->buckets);
    self->buckets = grown;
    self->mask = buckets - 1;
}

void txc_hash_add (txc_hash_t *self, txc_hash_node_t *node, uint64_t hash)
{
    if (self->count > self->mask)
        s_grow (self);
    txc_hash_node_t **head = &self->buckets[hash & self->mask];
    node->hash = hash;
    node->next = *head;
    *head = node;
    self->count++;
}

void txc_hash_remove (txc_hash_t *self, txc_hash_node_t *node)
{
    txc_hash_node_t **at = &self->buckets[node->hash & self->mask];
    while (*at != node) {
        TXC_ASSERT (*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    node->next = NULL;
    self->count--;
}

static txc_hash_node_t *s_match (txc_hash_node_t *node, uint64_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

txc_hash_node_t *txc_hash_first (const txc_hash_t *self, uint64_t hash)
{
    return s_match (self->buckets[hash & self->mask], hash);
}

txc_hash_node_t *txc_hash_next (const txc_hash_node_t *node)
{
    return s_match (node->next, node->hash);
}

txc_hash_node_t *txc_hash_begin (const txc_hash_t *self, txc_hash_cursor_t *cursor)
{
    cursor->bucket = 0;
    cursor->next = self->buckets[0];
    return txc_hash_step (self, cursor);
}

txc_hash_node_t *txc_hash_step (const txc_hash_t *self, txc_hash_cursor_t *cursor)
{
    while (!cursor->next) {
        if (cursor->bucket == self->mask)
            return NULL;
        cursor->next = self->buckets[++cursor->bucket];
    }
    txc_hash_node_t *node = cursor->next;
    cursor->next = node->next;
    return node;
}
