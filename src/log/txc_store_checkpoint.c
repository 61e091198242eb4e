/*
 * txc_store_checkpoint.c - a checkpoint, written in pieces between the entries.
 *
 * Pieces do not count as entries.  All of them have the number of their
 * checkpoint, its size, their place in it, and the LSN from which on entries
 * are still needed; the checkpoint counts once its last piece is durable.
 */
#include "log/txc_store_impl.h"

enum {
    SLICE_MIN = 32 << 10,
    SLICE_MAX = 320 << 10,
    PIECE_HEADERS = TXC_RECORD_HEADER + TXC_CHUNK_HEADER,
    STEP_COST = 3 * TXC_BLOCK /* groups are padded: those that the step ends, and the one that it begins */
};

uint64_t txc_store_slice (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    uint64_t slice = self->options.segment_size / 32;
    slice = slice < SLICE_MIN ? SLICE_MIN : slice;
    return slice > SLICE_MAX ? SLICE_MAX : slice;
}

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

uint64_t txc_store_spare (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return txc_store_slice (self) + txc_store_segment (self)->size / 8;
}

/* Space for what is left of the checkpoint; groups are padded, by less than 1/4 even in the smallest slices.
 */
static uint64_t s_rest_cost (const txc_checkpointing_t *checkpoint)
{
    uint64_t rest = checkpoint->size - checkpoint->done;
    return rest + rest / 4 + 2 * STEP_COST;
}

/* Sees to space for a piece: what is free is enough for all that is left, or for the piece with the spare
 * behind it. Otherwise it could use up the last of a full disk and still not be complete. */
static int s_find_space (txc_store_t *self, size_t size)
{
    uint64_t rest = s_rest_cost (&self->checkpoint),
             piece = txc_store_spare (self) + size + PIECE_HEADERS + STEP_COST;
    while (txc_store_free_bytes (self) < (rest < piece ? rest : piece)) {
        int rc = txc_store_prepare (self, false);
        if (rc == TXC_OK)
            return txc_store_has_reserve (self) ? TXC_OK : TXC_ENOSPACE;
        if (rc != TXC_PENDING)
            return rc;
    }
    return TXC_OK;
}

/* Puts a piece of at most that many bytes, headers included, and takes them off *left. */
static int s_put_piece (txc_store_t *self, uint64_t *left)
{
    txc_checkpointing_t *checkpoint = &self->checkpoint;
    uint64_t most = *left - PIECE_HEADERS, rest = checkpoint->size - checkpoint->done;
    most = most < TXC_LOG_ENTRY_MAX - TXC_CHUNK_HEADER ? most : TXC_LOG_ENTRY_MAX - TXC_CHUNK_HEADER;
    size_t size = (size_t) (rest < most ? rest : most);
    uint8_t head[TXC_CHUNK_HEADER];
    txc_chunk_header_t chunk = {.checkpoint = checkpoint->number,
                                .total = checkpoint->size,
                                .offset = checkpoint->done,
                                .keep = checkpoint->keep};
    int rc = s_find_space (self, size);
    if (rc != TXC_OK)
        return rc;
    txc_chunk_header_encode (&chunk, head);
    const uint8_t *bytes = size > 0 ? checkpoint->bytes + checkpoint->done : NULL;
    rc = txc_store_put (self, checkpoint->kind, TXC_RECORD_CHUNK, head, sizeof head, bytes, size);
    if (rc != TXC_OK)
        return rc;
    if (!checkpoint->started) {
        checkpoint->lap = txc_store_segment (self)->lap;
        checkpoint->written = self->written;
        checkpoint->started = true;
    }
    checkpoint->done += size;
    *left -= size + PIECE_HEADERS;
    return TXC_OK;
}

int txc_store_checkpoint_step (txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    if (self->error.code != TXC_OK)
        return self->error.code;
    int rc = TXC_OK;
    uint64_t left = txc_store_slice (self) - STEP_COST;
    while (left > PIECE_HEADERS && rc == TXC_OK && txc_store_is_stepping (self))
        rc = s_put_piece (self, &left);
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
