/*
 * txc_store_space.c - the segments of a store.
 *
 * A reserve segment is made ready before it is needed: one that is free gets
 * a new lap (one small write), otherwise a new file is filled with zeros, a
 * slice at a time.  A file has a temporary name until it is complete.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "log/txc_store_impl.h"

enum { ZERO_SLICE = 1 << 20 };

void txc_store_drop_making (txc_store_t *self)
{
    char name[TXC_SEGMENT_NAME];
    if (!self->making.segment)
        return;
    txc_segment_temporary_name (self->making.segment->slot, name);
    txc_segment_destroy (&self->making.segment, self->disk);
    /* if it stays, the next open removes it */
    (void) self->disk->remove (self->disk, name);
}

/* The disk is full, or there is no descriptor left (peers may hold them all): that is no failure, the log
 * goes on with what it has. */
static int s_make_failed (txc_store_t *self, const char *what, const char *name, int rc)
{
    if (rc != -ENOSPC && rc != -EDQUOT && rc != -EMFILE && rc != -ENFILE)
        return txc_store_fail (self, what, name, rc);
    txc_store_drop_making (self);
    self->no_space = self->low = true;
    return TXC_OK;
}

static int s_make_begin (txc_store_t *self)
{
    char name[TXC_SEGMENT_NAME];
    txc_segment_t *segment = txc_calloc (1, sizeof *segment);
    txc_segment_set_name (segment, txc_segments_free_slot (&self->segments));
    txc_segment_temporary_name (segment->slot, name);
    int rc = self->disk->open (self->disk, name, TXC_DISK_CREATE, &segment->file);
    if (rc < 0) {
        free (segment);
        return s_make_failed (self, "create", name, rc);
    }
    segment->size = self->options.segment_size;
    self->making = (txc_making_t){.segment = segment};
    return TXC_PENDING;
}

/* Fills the next slice.  Forced at once, so that no later fdatasync has all of it to do. */
static int s_make_fill (txc_store_t *self)
{
    static const uint8_t zeros[ZERO_SLICE];
    txc_making_t *making = &self->making;
    txc_segment_t *segment = making->segment;
    uint64_t left = segment->size - making->filled;
    size_t size = left < ZERO_SLICE ? (size_t) left : ZERO_SLICE;
    int rc = self->disk->write (self->disk, segment->file, zeros, size, making->filled);
    if (rc == 0)
        rc = self->disk->sync (self->disk, segment->file);
    if (rc < 0)
        return s_make_failed (self, "fill", segment->name, rc);
    making->filled += size;
    return TXC_PENDING;
}

static uint64_t s_next_lap (const txc_store_t *self)
{
    return self->segments.count > 0 ? self->segments.at[self->segments.count - 1]->lap + 1 : 1;
}

static int s_make_end (txc_store_t *self)
{
    char name[TXC_SEGMENT_NAME];
    txc_segment_t *segment = self->making.segment;
    txc_segment_temporary_name (segment->slot, name);
    segment->lap = s_next_lap (self);
    int rc = txc_segment_write_header (segment, self->disk, self->segments.id);
    if (rc < 0)
        return s_make_failed (self, "fill", segment->name, rc);
    rc = self->disk->rename (self->disk, name, segment->name);
    if (rc == 0)
        rc = self->disk->sync_folder (self->disk);
    if (rc < 0) /* not even for want of space: which name it has now is not known */
        return txc_store_fail (self, "rename", segment->name, rc);
    self->making.segment = NULL;
    txc_segments_add (&self->segments, segment);
    self->low = false;
    return TXC_OK;
}

/* Gives a free segment the next lap. */
static int s_recycle (txc_store_t *self)
{
    txc_segment_t *segment = txc_segments_shift (&self->segments);
    self->live--;
    self->current--;
    segment->lap = s_next_lap (self);
    segment->first_lsn = 0;
    txc_segments_add (&self->segments, segment);
    int rc = txc_segment_write_header (segment, self->disk, self->segments.id);
    if (rc < 0)
        return txc_store_fail (self, "recycle", segment->name, rc);
    self->low = false;
    return TXC_OK;
}

/* A checkpoint may have taken more files than there should be. */
static int s_remove_surplus (txc_store_t *self)
{
    txc_segment_t *segment = txc_segments_shift (&self->segments);
    self->live--;
    self->current--;
    int rc = self->disk->remove (self->disk, segment->name);
    if (rc < 0)
        txc_store_fail (self, "remove", segment->name, rc);
    txc_segment_destroy (&segment, self->disk);
    return rc < 0 ? self->error.code : TXC_PENDING;
}

int txc_store_prepare (txc_store_t *self, bool retry)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    if (self->error.code != TXC_OK)
        return self->error.code;
    if (self->making.segment)
        return self->making.filled < self->making.segment->size ? s_make_fill (self) : s_make_end (self);
    if (self->segments.count > 0 && txc_store_has_reserve (self)) {
        bool surplus = self->segments.count > self->options.max_segments && self->live > 0;
        return surplus ? s_remove_surplus (self) : TXC_OK;
    }
    if (self->live > 0)
        return s_recycle (self);
    bool full = self->segments.count >= self->options.max_segments && !self->checkpoint.active;
    if (full || self->segments.count >= TXC_SEGMENTS_MAX || (self->no_space && !retry)) {
        self->low = true;
        return TXC_OK;
    }
    self->no_space = false;
    return s_make_begin (self);
}

int txc_store_switch (txc_store_t *self)
{
    while (!txc_store_has_reserve (self)) {
        int rc = txc_store_prepare (self, false);
        if (rc != TXC_OK && rc != TXC_PENDING)
            return rc;
        if (rc == TXC_OK && !txc_store_has_reserve (self))
            return TXC_ENOSPACE;
    }
    self->current++;
    self->offset = TXC_BLOCK;
    return TXC_OK;
}

void txc_store_cut (txc_store_t *self, size_t live)
{
    TXC_ASSERT (live >= self->live && live <= self->current);
    self->live = live;
}

bool txc_store_wants_reserve (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return !self->low && !txc_store_has_reserve (self);
}

bool txc_store_is_low (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return self->low;
}

bool txc_store_can_shrink (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return self->live < self->current;
}

uint64_t txc_store_free_bytes (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    uint64_t room = txc_store_room (self), pending = txc_block_round (self->used) + TXC_LEFT_OVER_MAX;
    uint64_t bytes = room > pending ? room - pending : 0;
    for (size_t i = 0; i < self->segments.count; i++)
        if (i < self->live || i > self->current)
            bytes += self->segments.at[i]->size - TXC_BLOCK - TXC_LEFT_OVER_MAX;
    return bytes;
}
