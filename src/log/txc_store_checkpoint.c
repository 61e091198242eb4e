/*
 * txc_store_checkpoint.c - a checkpoint, written in pieces between the entries.
 *
 * Pieces do not count as entries.  All of them have the number of their
 * checkpoint, its size, their place in it, and the LSN from which on entries
 * are still needed; the checkpoint counts once its last piece is durable.
 */
#include "log/txc_store_impl.h"

enum {
    PIECE_MAX = TXC_LOG_ENTRY_MAX - TXC_CHUNK_HEADER,
    PIECES_A_STEP = 8,
    /* groups are padded, and end where a piece does not fit: at most one more for each */
    STEP_BYTES = PIECES_A_STEP * (TXC_LOG_ENTRY_MAX + TXC_RECORD_HEADER) + 2 * TXC_BLOCK
};
_Static_assert((int)STEP_BYTES <= (int)TXC_STORE_SLICE, "a step has to keep its promise");

bool txc_store_is_checkpointing (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return self->checkpoint.active;
}

static bool s_is_complete (const txc_checkpointing_t *checkpoint)
{
    return checkpoint->started && checkpoint->done == checkpoint->size;
}

bool txc_store_is_stepping (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return self->checkpoint.active && !s_is_complete (&self->checkpoint);
}

int txc_store_checkpoint (txc_store_t *self, uint32_t kind, const void *bytes, size_t size, uint64_t keep)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    if (self->error.code != TXC_OK)
        return self->error.code;
    if (self->checkpoint.active)
        return TXC_PENDING;
    if (keep > self->next_lsn || keep < self->keep)
        return TXC_EINVAL;
    self->checkpoint = (txc_checkpointing_t){.active = true,
                                             .number = ++self->last_checkpoint,
                                             .keep = keep,
                                             .kind = kind,
                                             .bytes = bytes,
                                             .size = size};
    return TXC_OK;
}

/* Bytes that have to stay for entries, so that a checkpoint on a full disk does not take the last of them. */
static uint64_t s_spare (const txc_store_t *self)
{
    return txc_store_segment (self)->size / 8;
}

static int s_put_piece (txc_store_t *self)
{
    txc_checkpointing_t *checkpoint = &self->checkpoint;
    size_t left = checkpoint->size - checkpoint->done;
    size_t size = left < PIECE_MAX ? left : PIECE_MAX;
    uint8_t head[TXC_CHUNK_HEADER];
    txc_chunk_header_t chunk = {.checkpoint = checkpoint->number,
                                .total = checkpoint->size,
                                .offset = checkpoint->done,
                                .keep = checkpoint->keep};
    /* a new segment first: a piece needs room for entries behind it */
    while (txc_store_free_bytes (self) < s_spare (self) + size + TXC_RECORD_HEADER + 2 * TXC_BLOCK) {
        int rc = txc_store_prepare (self, false);
        if (rc == TXC_OK && self->low)
            return TXC_ENOSPACE;
        if (rc != TXC_OK && rc != TXC_PENDING)
            return rc;
    }
    txc_chunk_header_encode (&chunk, head);
    const uint8_t *bytes = size > 0 ? checkpoint->bytes + checkpoint->done : NULL;
    int rc = txc_store_put (self, checkpoint->kind, TXC_RECORD_CHUNK, head, sizeof head, bytes, size);
    if (rc != TXC_OK)
        return rc;
    if (!checkpoint->started) {
        checkpoint->lap = txc_store_segment (self)->lap;
        checkpoint->written = self->written;
        checkpoint->started = true;
    }
    checkpoint->done += size;
    return TXC_OK;
}

int txc_store_checkpoint_step (txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    if (self->error.code != TXC_OK)
        return self->error.code;
    int rc = TXC_OK;
    for (int i = 0; i < PIECES_A_STEP && rc == TXC_OK && txc_store_is_stepping (self); i++)
        rc = s_put_piece (self);
    return rc;
}

void txc_store_checkpoint_sealed (txc_store_t *self)
{
    txc_checkpointing_t *checkpoint = &self->checkpoint;
    if (!checkpoint->active || checkpoint->sealed || !s_is_complete (checkpoint))
        return;
    checkpoint->sealed = true;
    checkpoint->last_group = self->number - 1;
}

/* The index of the segment with this lap, which is in use. */
static size_t s_find_lap (const txc_store_t *self, uint64_t lap)
{
    size_t i = self->live;
    while (self->segments.at[i]->lap != lap) {
        TXC_ASSERT (i < self->current);
        i++;
    }
    return i;
}

void txc_store_checkpoint_synced (txc_store_t *self)
{
    txc_checkpointing_t *checkpoint = &self->checkpoint;
    if (!checkpoint->sealed || checkpoint->last_group > self->durable_number)
        return;
    size_t first = s_find_lap (self, checkpoint->lap);
    size_t keep = txc_segments_find_lsn (&self->segments, checkpoint->keep);
    txc_store_cut (self, first < keep ? first : keep);
    self->keep = checkpoint->keep;
    self->checkpoint_written = checkpoint->written;
    self->stats.checkpoints++;
    *checkpoint = (txc_checkpointing_t){.active = false};
}
