#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "log/txc_store_impl.h"

int txc_store_fail (txc_store_t *self, const char *what, const char *name, int rc)
{
    if (self->error.code == TXC_OK)
        txc_disk_error (self->disk, what, name, rc, &self->error);
    return self->error.code;
}

int txc_store_error (const txc_store_t *self, txc_error_t *error)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    if (error)
        *error = self->error;
    return self->error.code;
}

/* --- groups ------------------------------------------------------------------- */

/* A segment is forced once however many groups were written to it. */
static void s_mark_dirty (txc_store_t *self, txc_segment_t *segment)
{
    if (segment->dirty)
        return;
    segment->dirty = true;
    self->dirty[self->n_dirty++] = segment;
}

static void s_begin_group (txc_store_t *self)
{
    self->used = TXC_GROUP_HEADER;
    self->records = 0;
    self->first_lsn = self->next_lsn;
}

int txc_store_seal (txc_store_t *self)
{
    txc_segment_t *segment = txc_store_segment (self);
    size_t padded = (size_t) txc_block_round (self->used);
    TXC_ASSERT (self->used >= TXC_GROUP_HEADER && padded <= TXC_GROUP_MAX && padded <= txc_store_room (self));
    memset (self->group + self->used, 0, padded - self->used);
    txc_group_header_t header = {.bytes = (uint32_t) self->used,
                                 .records = self->records,
                                 .lap = segment->lap,
                                 .number = self->number,
                                 .first_lsn = self->first_lsn,
                                 .durable = self->durable_number,
                                 .live = self->segments.at[self->live]->lap};
    txc_group_header_encode (&header, self->segments.id, self->group);
    int rc = self->disk->write (self->disk, segment->file, self->group, padded, self->offset);
    if (rc < 0)
        return txc_store_fail (self, "write", segment->name, rc);
    if (segment->first_lsn == 0)
        segment->first_lsn = self->first_lsn;
    s_mark_dirty (self, segment);
    self->offset += padded;
    self->number++;
    self->used = 0;
    self->written += padded;
    self->stats.groups++;
    self->stats.group_bytes += padded;
    txc_store_checkpoint_sealed (self);
    return TXC_OK;
}

/* Makes sure that a record of this size fits the group; the group that is full, and the segment, are left
 * behind. */
static int s_make_room (txc_store_t *self, size_t size)
{
    if (self->used > 0) {
        uint64_t room = txc_store_room (self);
        if (self->used + size <= (room < TXC_GROUP_MAX ? room : TXC_GROUP_MAX))
            return TXC_OK;
        int rc = txc_store_seal (self);
        if (rc != TXC_OK)
            return rc;
    }
    if (TXC_GROUP_HEADER + size > txc_store_room (self)) {
        int rc = txc_store_switch (self);
        if (rc != TXC_OK)
            return rc;
    }
    s_begin_group (self);
    return TXC_OK;
}

int txc_store_put (txc_store_t *self, uint32_t kind, uint32_t flags, const void *head, size_t head_size,
                   const void *tail, size_t tail_size)
{
    size_t size = head_size + tail_size;
    TXC_ASSERT (size <= TXC_LOG_ENTRY_MAX);
    int rc = s_make_room (self, TXC_RECORD_HEADER + size);
    if (rc != TXC_OK)
        return rc;
    uint8_t *bytes = self->group + self->used;
    if (head_size > 0)
        memcpy (bytes + TXC_RECORD_HEADER, head, head_size);
    if (tail_size > 0)
        memcpy (bytes + TXC_RECORD_HEADER + head_size, tail, tail_size);
    txc_record_header_t header = {.size = (uint32_t) size,
                                  .lsn = self->next_lsn,
                                  .lap = txc_store_segment (self)->lap,
                                  .kind = kind,
                                  .flags = flags};
    txc_record_header_encode (&header, self->segments.id, bytes);
    self->used += TXC_RECORD_HEADER + size;
    self->records++;
    return TXC_OK;
}

/* --- entries ------------------------------------------------------------------- */

int txc_store_append (txc_store_t *self, uint32_t kind, const void *bytes, size_t size, uint64_t *lsn)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    if (self->error.code != TXC_OK)
        return self->error.code;
    if (size > TXC_LOG_ENTRY_MAX)
        return TXC_EINVAL;
    int rc = txc_store_put (self, kind, 0, NULL, 0, bytes, size);
    if (rc != TXC_OK)
        return rc;
    if (lsn)
        *lsn = self->next_lsn;
    self->next_lsn++;
    self->stats.entries++;
    self->stats.bytes += size;
    return TXC_OK;
}

int txc_store_write (txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    if (self->error.code != TXC_OK)
        return self->error.code;
    return self->used > 0 ? txc_store_seal (self) : TXC_OK;
}

int txc_store_sync_begin (txc_store_t *self, txc_store_ticket_t *ticket)
{
    int rc = txc_store_write (self);
    if (rc != TXC_OK)
        return rc;
    txc_segment_t **swap = self->forcing;
    self->forcing = self->dirty;
    self->dirty = swap;
    *ticket = (txc_store_ticket_t){.segments = self->forcing,
                                   .count = self->n_dirty,
                                   .number = self->number - 1,
                                   .lsn = self->next_lsn - 1};
    for (size_t i = 0; i < ticket->count; i++)
        ticket->segments[i]->dirty = false;
    self->n_dirty = 0;
    return TXC_OK;
}

int txc_store_force (txc_disk_t *disk, txc_store_ticket_t *ticket)
{
    for (size_t i = 0; i < ticket->count; i++) {
        int rc = disk->sync (disk, ticket->segments[i]->file);
        if (rc < 0) {
            ticket->failed = i;
            return rc;
        }
    }
    return 0;
}

int txc_store_sync_end (txc_store_t *self, const txc_store_ticket_t *ticket, int forced)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    if (forced < 0)
        return txc_store_fail (self, "force", ticket->segments[ticket->failed]->name, forced);
    if (self->error.code != TXC_OK)
        return self->error.code;
    TXC_ASSERT (ticket->number >= self->durable_number && ticket->lsn >= self->durable_lsn);
    self->durable_number = ticket->number;
    self->durable_lsn = ticket->lsn;
    self->stats.forced += ticket->count;
    txc_store_checkpoint_synced (self);
    return TXC_OK;
}

int txc_store_sync (txc_store_t *self)
{
    txc_store_ticket_t ticket;
    int rc = txc_store_sync_begin (self, &ticket);
    if (rc != TXC_OK)
        return rc;
    return txc_store_sync_end (self, &ticket, txc_store_force (self->disk, &ticket));
}

/* --- what it knows ---------------------------------------------------------------- */

uint64_t txc_store_next (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return self->next_lsn;
}

uint64_t txc_store_durable (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return self->durable_lsn;
}

uint64_t txc_store_keep (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return self->keep;
}

uint64_t txc_store_size (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return self->written - self->checkpoint_written;
}

bool txc_store_is_dirty (const txc_store_t *self)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    return self->used > 0 || self->durable_number + 1 < self->number;
}

void txc_store_stats (const txc_store_t *self, txc_log_stats_t *stats)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    *stats = self->stats;
    stats->segments = self->segments.count;
    stats->free_bytes = txc_store_free_bytes (self);
}
