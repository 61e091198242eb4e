/*
 * txc_pg_cache.c - verdicts and prepared statements by text, one cache a connection.
 *
 * Bounded by a number of entries, the one used longest ago goes first; a long
 * text is judged each time, so that the memory is bounded too.
 */
#include "txc_pg.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_hash.h"
#include "base/txc_id.h"
#include "base/txc_list.h"
#include "base/txc_mem.h"

#define S_MAGIC 0x74786333u

enum { S_TEXT_MAX = 8192 }; /* bytes of a text that is kept */

typedef struct s_node {
    txc_hash_node_t hash; /* in cache->texts */
    txc_list_t list;      /* in cache->used */
    txc_pg_entry_t entry;
    size_t size;
    char text[];
} s_node_t;

struct txc_pg_cache {
    uint32_t magic;
    uint32_t limit;
    uint32_t next_number;
    txc_hash_t texts;
    txc_list_t used;      /* longest ago first */
    txc_pg_entry_t loose; /* of a text that is not kept */
};

txc_pg_cache_t *txc_pg_cache_new (uint32_t limit)
{
    txc_pg_cache_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, S_MAGIC);
    self->limit = limit;
    txc_hash_init (&self->texts);
    txc_list_init (&self->used);
    return self;
}

static void s_drop (txc_pg_cache_t *self, s_node_t *node)
{
    txc_hash_remove (&self->texts, &node->hash);
    txc_list_remove (&node->list);
    free (node);
}

void txc_pg_cache_destroy (txc_pg_cache_t **self_p)
{
    txc_pg_cache_t *self = *self_p;
    if (self == NULL)
        return;
    TXC_CHECK (self, S_MAGIC);
    TXC_LIST_EACH (&self->used, node)
    s_drop (self, TXC_CONTAINER (node, s_node_t, list));
    txc_hash_fini (&self->texts);
    TXC_UNMAGIC (self, S_MAGIC);
    free (self);
    *self_p = NULL;
}

static s_node_t *s_find (const txc_pg_cache_t *self, uint64_t hash, const char *sql, size_t size)
{
    for (txc_hash_node_t *at = txc_hash_first (&self->texts, hash); at; at = txc_hash_next (at)) {
        s_node_t *node = TXC_CONTAINER (at, s_node_t, hash);
        if (node->size == size && memcmp (node->text, sql, size) == 0)
            return node;
    }
    return NULL;
}

static s_node_t *s_add (txc_pg_cache_t *self, uint64_t hash, const char *sql, size_t size, uint32_t *dropped)
{
    if (self->texts.count >= self->limit) {
        s_node_t *oldest = TXC_CONTAINER (self->used.next, s_node_t, list);
        if (oldest->entry.prepared)
            *dropped = oldest->entry.number;
        s_drop (self, oldest);
    }
    s_node_t *node = txc_calloc (1, sizeof *node + size);
    memcpy (node->text, sql, size);
    node->size = size;
    node->entry = (txc_pg_entry_t){.verdict = txc_pg_judge (sql, size), .number = ++self->next_number};
    txc_list_init (&node->list);
    txc_hash_add (&self->texts, &node->hash, hash);
    return node;
}

txc_pg_entry_t *txc_pg_cache_find (txc_pg_cache_t *self, const char *sql, size_t size, uint32_t *dropped)
{
    TXC_CHECK (self, S_MAGIC);
    *dropped = 0;
    if (size > S_TEXT_MAX || self->limit == 0) {
        self->loose = (txc_pg_entry_t){.verdict = txc_pg_judge (sql, size)};
        return &self->loose;
    }
    uint64_t hash = txc_digest64 (0, sql, size);
    s_node_t *node = s_find (self, hash, sql, size);
    if (node == NULL)
        node = s_add (self, hash, sql, size, dropped);
    txc_list_remove (&node->list);
    txc_list_append (&self->used, &node->list);
    if (node->entry.uses < UINT32_MAX)
        node->entry.uses++;
    return &node->entry;
}

void txc_pg_cache_unprepare (txc_pg_cache_t *self)
{
    TXC_CHECK (self, S_MAGIC);
    TXC_LIST_EACH (&self->used, node)
    TXC_CONTAINER (node, s_node_t, list)->entry.prepared = false;
}
