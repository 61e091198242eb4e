/*
 * txc_replay.c - the last step of recovery: hands out what the log holds.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "log/txc_format.h"
#include "log/txc_reader.h"
#include "log/txc_recover.h"

typedef struct s_replay {
    txc_disk_t *disk;
    const txc_segments_t *segments;
    const txc_recovery_t *recovery;
    txc_log_visit_t *visit;
    void *arg;
    uint64_t *entries;
    uint8_t *checkpoint; /* its bytes, collected */
    uint64_t got;
} s_replay_t;

/* One record; a result that is not 0 ends the pass. */
typedef int (s_record_t) (s_replay_t *self, const txc_record_header_t *record, const uint8_t *bytes);

static int s_collect (s_replay_t *self, const txc_record_header_t *record, const uint8_t *bytes)
{
    const txc_checkpoint_place_t *place = &self->recovery->checkpoint;
    txc_chunk_header_t chunk;
    if (!(record->flags & TXC_RECORD_CHUNK))
        return TXC_OK;
    txc_chunk_header_decode (bytes, &chunk);
    size_t size = record->size - TXC_CHUNK_HEADER;
    if (chunk.checkpoint != place->number || chunk.offset != self->got || size > place->total - self->got)
        return TXC_OK;
    memcpy (self->checkpoint + self->got, bytes + TXC_CHUNK_HEADER, size);
    self->got += size;
    return TXC_OK;
}

static int s_visit_entry (s_replay_t *self, const txc_record_header_t *record, const uint8_t *bytes)
{
    if (record->flags & TXC_RECORD_CHUNK || record->lsn < self->recovery->checkpoint.keep)
        return TXC_OK;
    (*self->entries)++;
    return self->visit (self->arg, record->lsn, record->kind, bytes, record->size);
}

static int s_visit_group (s_replay_t *self, const txc_group_t *group, s_record_t *visit_record)
{
    txc_record_header_t record;
    const uint8_t *bytes;
    size_t at = 0;
    int rc = TXC_OK;
    while (rc == TXC_OK && txc_group_record (group, &at, &record, &bytes, self->segments->id))
        rc = visit_record (self, &record, bytes);
    return rc;
}

/* Visits the records of all groups that count. */
static int s_pass (s_replay_t *self, s_record_t *visit_record, txc_error_t *error)
{
    txc_reader_t reader;
    txc_group_t group;
    uint64_t last = 0;
    int rc;
    txc_reader_init (&reader, self->disk, self->segments, self->recovery->needed);
    while ((rc = txc_reader_next (&reader, &group, error)) == 1) {
        rc = TXC_OK;
        if (group.header.number < self->recovery->first)
            continue;
        if (group.header.number > self->recovery->last)
            break;
        if (last != 0 && group.header.number != last + 1)
            rc = txc_error_set (error, TXC_ECORRUPT, "%s/%s changed while it was read", self->disk->folder,
                                self->segments->at[group.segment]->name);
        last = group.header.number;
        if (rc == TXC_OK)
            rc = s_visit_group (self, &group, visit_record);
        if (rc != TXC_OK)
            break;
    }
    txc_reader_fini (&reader);
    return rc;
}

static int s_replay_checkpoint (s_replay_t *self, txc_error_t *error)
{
    const txc_checkpoint_place_t *place = &self->recovery->checkpoint;
    self->checkpoint = malloc (place->total);
    if (!self->checkpoint)
        return txc_error_set (error, TXC_ENOMEM, "no memory for a checkpoint of %" PRIu64 " bytes",
                              place->total);
    int rc = s_pass (self, s_collect, error);
    if (rc == TXC_OK && self->got != place->total)
        rc = txc_error_set (error, TXC_ECORRUPT, "%s: the checkpoint changed while it was read",
                            self->disk->folder);
    if (rc == TXC_OK)
        rc = self->visit (self->arg, place->keep, place->kind, self->checkpoint, place->total);
    free (self->checkpoint);
    self->checkpoint = NULL;
    return rc;
}

int txc_recover_replay (txc_disk_t *disk, const txc_segments_t *segments, const txc_recovery_t *recovery,
                        txc_log_visit_t *visit, void *arg, uint64_t *entries, txc_error_t *error)
{
    s_replay_t self = {.disk = disk,
                       .segments = segments,
                       .recovery = recovery,
                       .visit = visit,
                       .arg = arg,
                       .entries = entries};
    *entries = 0;
    int rc = TXC_OK;
    if (recovery->checkpoint.number != 0 && recovery->checkpoint.total > 0)
        rc = s_replay_checkpoint (&self, error);
    if (rc == TXC_OK && recovery->last != 0)
        rc = s_pass (&self, s_visit_entry, error);
    return rc;
}
