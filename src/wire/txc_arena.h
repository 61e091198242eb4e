/*
 * txc_arena.h - memory with a budget, for decoding what a peer sent.
 *
 * Allocations come one after the other from a first piece of memory that its
 * owner provides, then from chunks of the heap, and go all at once.  When the
 * budget is spent, or the heap is, the answer is NULL: protobuf-c takes that
 * for "out of memory" and gives up in good order.
 */
#ifndef TXC_ARENA_H
#define TXC_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

typedef struct txc_arena_chunk txc_arena_chunk_t;

typedef struct txc_arena {
    uint8_t *first; /* borrowed; aligned as for malloc */
    size_t first_size;
    uint8_t *at, *end;         /* what is left of the current piece */
    txc_arena_chunk_t *chunks; /* on the heap */
    size_t budget;             /* bytes that the heap may still give */
    int refused;               /* TXC_ELIMIT, TXC_ENOMEM: why an allocation was refused; 0: none was */
    ProtobufCAllocator allocator;
} txc_arena_t;

/* Begins with first_size bytes at first; the heap gives nothing until reset grants a budget. */
void txc_arena_init (txc_arena_t *self, void *first, size_t first_size);

/* Takes back everything that was given out; from now on the heap may give budget bytes. */
void txc_arena_reset (txc_arena_t *self, size_t budget);

/* Gives the chunks back to the heap. */
void txc_arena_fini (txc_arena_t *self);

/* size bytes, not zeroed, aligned for anything; NULL if that is not to be had. */
void *txc_arena_alloc (txc_arena_t *self, size_t size);

/* Why decoding into this arena failed: TXC_ELIMIT, TXC_ENOMEM, or TXC_EPROTO if it gave all that it was asked
 * for. */
int txc_arena_why (const txc_arena_t *self);

/* The heap that decoding size bytes may use.  A short message takes many times its encoded size in
 * structures, a large one is mostly text and body: so what goes beyond twice the size is in proportion at
 * first, then bounded (16 MiB). */
size_t txc_arena_budget (size_t size);

#endif
