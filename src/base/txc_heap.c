#include "base/txc_heap.h"

#include <stdlib.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

void txc_heap_init (txc_heap_t *self)
{
    self->nodes = NULL;
    self->count = self->room = 0;
}

void txc_heap_fini (txc_heap_t *self)
{
    free (self->nodes);
    txc_heap_init (self);
}

static void s_put (txc_heap_t *self, size_t index, txc_heap_node_t *node)
{
    self->nodes[index] = node;
    node->place = index + 1;
}

static void s_up (txc_heap_t *self, size_t index)
{
    txc_heap_node_t *node = self->nodes[index];
    while (index > 0 && self->nodes[(index - 1) / 2]->due_ms > node->due_ms) {
        s_put (self, index, self->nodes[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    s_put (self, index, node);
}

static void s_down (txc_heap_t *self, size_t index)
{
    txc_heap_node_t *node = self->nodes[index];
    for (size_t child; (child = index * 2 + 1) < self->count; index = child) {
        if (child + 1 < self->count && self->nodes[child + 1]->due_ms < self->nodes[child]->due_ms)
            child++;
        if (self->nodes[child]->due_ms >= node->due_ms)
            break;
        s_put (self, index, self->nodes[child]);
    }
    s_put (self, index, node);
}

static void s_take (txc_heap_t *self, txc_heap_node_t *node)
{
    size_t index = node->place - 1;
    TXC_ASSERT (index < self->count && self->nodes[index] == node);
    txc_heap_node_t *last = self->nodes[--self->count];
    node->place = 0;
    if (last == node)
        return;
    s_put (self, index, last);
    s_up (self, index);
    s_down (self, last->place - 1);
}

void txc_heap_set (txc_heap_t *self, txc_heap_node_t *node, uint64_t due_ms)
{
    if (node->place)
        s_take (self, node);
    node->due_ms = due_ms;
    if (due_ms == TXC_NEVER_MS)
        return;
    if (self->count == self->room) {
        self->room = self->room ? self->room * 2 : 16;
        self->nodes = txc_realloc (self->nodes, self->room * sizeof *self->nodes);
    }
    s_put (self, self->count++, node);
    s_up (self, node->place - 1);
}

uint64_t txc_heap_next_ms (const txc_heap_t *self)
{
    return self->count ? self->nodes[0]->due_ms : TXC_NEVER_MS;
}

txc_heap_node_t *txc_heap_pop (txc_heap_t *self, uint64_t now_ms)
{
    if (!self->count || self->nodes[0]->due_ms > now_ms)
        return NULL;
    txc_heap_node_t *node = self->nodes[0];
    s_take (self, node);
    return node;
}
