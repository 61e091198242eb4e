#include "log/txc_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum { ROOM_FIRST = 64 << 10, ROOM_KEPT = 4 << 20 };

static size_t s_padded (uint32_t size)
{
    return ((size_t) size + 7) & ~(size_t) 7;
}

static void s_make_room (txc_batch_t *self, size_t size)
{
    if (self->room - self->used >= size)
        return;
    size_t room = self->room ? self->room : ROOM_FIRST;
    while (room - self->used < size)
        room *= 2;
    self->bytes = txc_realloc (self->bytes, room);
    self->room = room;
}

void txc_batch_add (txc_batch_t *self, const txc_batch_item_t *item, const void *bytes)
{
    size_t size = sizeof *item + s_padded (item->size);
    s_make_room (self, size);
    memcpy (self->bytes + self->used, item, sizeof *item);
    if (item->size > 0)
        memcpy (self->bytes + self->used + sizeof *item, bytes, item->size);
    self->used += size;
}

void txc_batch_move (txc_batch_t *self, txc_batch_t *from)
{
    if (from->used == 0)
        return;
    if (self->used == 0) {
        txc_batch_swap (self, from);
        return;
    }
    s_make_room (self, from->used);
    memcpy (self->bytes + self->used, from->bytes, from->used);
    self->used += from->used;
    self->cost += from->cost;
    self->forced = self->forced || from->forced;
    txc_batch_clear (from);
}

const uint8_t *txc_batch_next (const txc_batch_t *self, size_t *at, txc_batch_item_t *item)
{
    if (*at == self->used)
        return NULL;
    TXC_ASSERT (self->used - *at >= sizeof *item);
    memcpy (item, self->bytes + *at, sizeof *item);
    const uint8_t *bytes = self->bytes + *at + sizeof *item;
    *at += sizeof *item + s_padded (item->size);
    return bytes;
}

void txc_batch_clear (txc_batch_t *self)
{
    self->used = 0;
    self->cost = 0;
    self->forced = false;
    if (self->room > ROOM_KEPT)
        txc_batch_fini (self);
}

void txc_batch_fini (txc_batch_t *self)
{
    free (self->bytes);
    *self = (txc_batch_t){.bytes = NULL};
}
