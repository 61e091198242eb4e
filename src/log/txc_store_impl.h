/*
 * txc_store_impl.h - the inside of the store, shared by its files only.
 *
 * txc_store.c          entries and groups: append, write, sync
 * txc_store_open.c     open, replay, close
 * txc_store_space.c    segments: reserve, switch, recycle, how much is free
 * txc_store_checkpoint.c
 */
#ifndef TXC_STORE_IMPL_H
#define TXC_STORE_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/txc_assert.h"
#include "log/txc_format.h"
#include "log/txc_recover.h"
#include "log/txc_segment.h"
#include "log/txc_store.h"

#define TXC_STORE_MAGIC 0x7c05704eu

enum {
    TXC_GROUP_MAX = 256 << 10 /* bytes of a group */
};

/* The segment that is being made. */
typedef struct txc_making {
    txc_segment_t *segment; /* NULL: none */
    uint64_t filled;        /* with zeros up to here */
} txc_making_t;

typedef struct txc_checkpointing {
    bool active;
    bool sealed; /* its last piece is in a group that was written, the one with last_group */
    uint64_t number, keep, written;
    uint32_t kind;
    const uint8_t *bytes;
    size_t size, done;
    bool started; /* done can be 0 after a piece, if size is 0 */
    uint64_t lap; /* of the segment with the first piece; 0: not written yet */
    uint64_t last_group;
} txc_checkpointing_t;

struct txc_store {
    uint32_t magic;
    txc_disk_t *disk;
    txc_disk_file_t *lock;
    txc_store_options_t options;
    txc_segments_t segments; /* [0, live) free, [live, current] in use, then reserves */
    size_t live, current;
    uint64_t offset; /* in the current segment, of the next group */
    uint64_t number; /* of the next group */
    uint64_t next_lsn;
    uint64_t durable_number, durable_lsn;
    uint64_t written; /* bytes of groups, ever since the first that recovery found */
    uint8_t *group;   /* the one that is being built */
    size_t used;      /* bytes of it; 0: nothing */
    uint32_t records;
    uint64_t first_lsn;               /* of the group */
    txc_segment_t **dirty, **forcing; /* segments to force; those of the ticket under way */
    size_t n_dirty;
    txc_making_t making;
    bool no_space; /* the disk was full when a segment was to be made */
    bool low;
    txc_checkpointing_t checkpoint;
    uint64_t last_checkpoint, keep, checkpoint_written; /* number, keep and place of the last durable one */
    txc_recovery_t *recovery;                           /* until the first append */
    txc_error_t error;                                  /* code 0: none */
    txc_log_stats_t stats;
};

/* Marks the store as failed for good, for a failed operation on a file; returns the code. */
int txc_store_fail (txc_store_t *self, const char *what, const char *name, int rc);

/* Moves on to the reserve segment; makes one if there is none yet.  TXC_ENOSPACE: nothing changed. */
int txc_store_switch (txc_store_t *self);

/* Frees what lies before the last durable checkpoint. */
void txc_store_cut (txc_store_t *self, size_t live);

/* Drops the segment that is being made. */
void txc_store_drop_making (txc_store_t *self);

/* Puts a record, head and tail one after the other, into the group.  TXC_OK, TXC_ENOSPACE or the failure. */
int txc_store_put (txc_store_t *self, uint32_t kind, uint32_t flags, const void *head, size_t head_size,
                   const void *tail, size_t tail_size);

/* Seals the group, whether it has records or not, and writes it. */
int txc_store_seal (txc_store_t *self);

/* After a sync: the checkpoint under way may have become durable. */
void txc_store_checkpoint_synced (txc_store_t *self);

/* After a group was written. */
void txc_store_checkpoint_sealed (txc_store_t *self);

static inline txc_segment_t *txc_store_segment (const txc_store_t *self)
{
    return self->segments.at[self->current];
}

static inline uint64_t txc_store_room (const txc_store_t *self)
{
    return txc_store_segment (self)->size - self->offset;
}

static inline bool txc_store_has_reserve (const txc_store_t *self)
{
    return self->current + 1 < self->segments.count;
}

#endif
