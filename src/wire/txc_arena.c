#include "wire/txc_arena.h"

#include <stdlib.h>

#include "base/txc_codes.h"

struct txc_arena_chunk {
    txc_arena_chunk_t *next;
    _Alignas(max_align_t) uint8_t bytes[];
};

enum { ALIGN = _Alignof(max_align_t), CHUNK = 64 << 10 };

static void *s_alloc (void *arena, size_t size)
{
    return txc_arena_alloc (arena, size);
}

/* Everything goes at once. */
static void s_free (void *arena, void *memory)
{
    (void) arena;
    (void) memory;
}

void txc_arena_init (txc_arena_t *self, void *first, size_t first_size)
{
    *self = (txc_arena_t){
        .first = first,
        .first_size = first_size,
        .at = first,
        .end = (uint8_t *) first + first_size,
        .allocator = {.alloc = s_alloc, .free = s_free, .allocator_data = self},
    };
}

void txc_arena_reset (txc_arena_t *self, size_t budget)
{
    txc_arena_fini (self);
    self->at = self->first;
    self->end = self->first + self->first_size;
    self->budget = budget;
    self->refused = 0;
}

void txc_arena_fini (txc_arena_t *self)
{
    while (self->chunks) {
        txc_arena_chunk_t *chunk = self->chunks;
        self->chunks = chunk->next;
        free (chunk);
    }
    self->at = self->end = NULL;
}

/* A piece of the heap, within the budget. */
static uint8_t *s_chunk (txc_arena_t *self, size_t size)
{
    if (size > self->budget) {
        self->refused = TXC_ELIMIT;
        return NULL;
    }
    txc_arena_chunk_t *chunk = malloc (sizeof *chunk + size);
    if (!chunk) {
        self->refused = TXC_ENOMEM;
        return NULL;
    }
    chunk->next = self->chunks;
    self->chunks = chunk;
    self->budget -= size;
    return chunk->bytes;
}

void *txc_arena_alloc (txc_arena_t *self, size_t size)
{
    if (size > SIZE_MAX / 2) {
        self->refused = TXC_ELIMIT;
        return NULL;
    }
    size = (size + ALIGN - 1) & ~(size_t) (ALIGN - 1);
    if (size > (size_t) (self->end - self->at)) {
        /* What is large gets a chunk to itself, so that the rest of the current one is not given up for it.
         */
        if (size > CHUNK / 4)
            return s_chunk (self, size);
        uint8_t *bytes = s_chunk (self, CHUNK);
        if (!bytes)
            return NULL;
        self->at = bytes;
        self->end = bytes + CHUNK;
    }
    uint8_t *memory = self->at;
    self->at += size;
    return memory;
}

int txc_arena_why (const txc_arena_t *self)
{
    return self->refused ? self->refused : TXC_EPROTO;
}

size_t txc_arena_budget (size_t size)
{
    enum { FIXED = 256 << 10, RATIO = 64, RATIO_ENDS = 256 << 10 };
    return FIXED + RATIO * (size < RATIO_ENDS ? size : RATIO_ENDS) + 2 * size;
}
