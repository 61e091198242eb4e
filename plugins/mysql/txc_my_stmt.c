/*
 * txc_my_stmt.c - prepared statements, cached by text.
 *
 * A list, most recently used first; the last one makes room.  Each costs the
 * server memory and one of max_prepared_stmt_count, hence the bound.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_id.h"
#include "base/txc_list.h"
#include "base/txc_mem.h"

#include "txc_my.h"

typedef struct s_entry {
    txc_list_t node;
    MYSQL_STMT *stmt;
    uint64_t hash;
    size_t size;
    char text[];
} s_entry_t;

struct txc_my_cache {
    txc_list_t entries;
    uint32_t count, capacity;
};

static s_entry_t *s_entry (txc_list_t *node)
{
    return TXC_CONTAINER (node, s_entry_t, node);
}

static void s_remove (txc_my_cache_t *self, s_entry_t *entry)
{
    TXC_ASSERT (self->count > 0);
    txc_list_remove (&entry->node);
    self->count--;
    mysql_stmt_close (entry->stmt);
    free (entry);
}

txc_my_cache_t *txc_my_cache_new (uint32_t capacity)
{
    TXC_ASSERT (capacity > 0);
    txc_my_cache_t *self = txc_calloc (1, sizeof *self);
    txc_list_init (&self->entries);
    self->capacity = capacity;
    return self;
}

void txc_my_cache_clear (txc_my_cache_t *self)
{
    TXC_LIST_EACH (&self->entries, node)
    s_remove (self, s_entry (node));
    TXC_ASSERT (self->count == 0);
}

void txc_my_cache_destroy (txc_my_cache_t **self_p)
{
    txc_my_cache_t *self = *self_p;
    if (!self)
        return;
    txc_my_cache_clear (self);
    free (self);
    *self_p = NULL;
}

void txc_my_cache_drop (txc_my_cache_t *self, MYSQL_STMT *stmt)
{
    TXC_LIST_EACH (&self->entries, node)
    if (s_entry (node)->stmt == stmt) {
        s_remove (self, s_entry (node));
        return;
    }
    TXC_NEVER();
}

static s_entry_t *s_find (txc_my_cache_t *self, uint64_t hash, const char *sql, size_t size)
{
    TXC_LIST_EACH (&self->entries, node)
    {
        s_entry_t *entry = s_entry (node);
        if (entry->hash == hash && entry->size == size && memcmp (entry->text, sql, size) == 0)
            return entry;
    }
    return NULL;
}

/* The head of the list is the node behind the anchor. */
static void s_push (txc_my_cache_t *self, s_entry_t *entry)
{
    entry->node.next = self->entries.next;
    entry->node.prev = &self->entries;
    self->entries.next->prev = &entry->node;
    self->entries.next = &entry->node;
}

MYSQL_STMT *txc_my_cache_get (txc_rm_conn_t *conn, const char *sql, size_t size, int *rc,
                              txc_rm_error_t *error)
{
    txc_my_cache_t *self = conn->cache;
    uint64_t hash = txc_digest64 (0, sql, size);
    s_entry_t *entry = s_find (self, hash, sql, size);
    *rc = 0;
    if (entry) {
        txc_list_remove (&entry->node);
        s_push (self, entry);
        return entry->stmt;
    }
    MYSQL_STMT *stmt = mysql_stmt_init (conn->my);
    if (!stmt) {
        *rc = txc_my_error (conn, "prepare", error);
        return NULL;
    }
    if (mysql_stmt_prepare (stmt, sql, (unsigned long) size) != 0) {
        *rc = txc_my_take_error (conn, mysql_stmt_errno (stmt), mysql_stmt_sqlstate (stmt),
                                 mysql_stmt_error (stmt), "", error);
        mysql_stmt_close (stmt);
        return NULL;
    }
    if (self->count == self->capacity)
        s_remove (self, s_entry (self->entries.prev));
    entry = txc_malloc (sizeof *entry + size);
    entry->stmt = stmt;
    entry->hash = hash;
    entry->size = size;
    memcpy (entry->text, sql, size);
    s_push (self, entry);
    self->count++;
    return stmt;
}
