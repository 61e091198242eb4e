#include "log/txc_recover.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "log/txc_format.h"
#include "log/txc_reader.h"

/* The second pass: follows the groups and remembers the last gap. */
typedef struct s_walk {
    txc_disk_t *disk;
    txc_segments_t *segments;
    txc_recovery_t *recovery;
    txc_checkpoint_place_t pending; /* pieces of it were seen, up to got */
    uint64_t got;
    txc_bad_place_t gap; /* before recovery->first */
} s_walk_t;

int txc_recover_first (txc_disk_t *disk, const txc_segments_t *segments, size_t *first, txc_error_t *error)
{
    *first = 0;
    for (size_t i = segments->count; i-- > 0;) {
        const txc_segment_t *segment = segments->at[i];
        uint8_t bytes[TXC_GROUP_HEADER] = {0};
        txc_group_header_t header;
        ssize_t n = disk->read (disk, segment->file, bytes, sizeof bytes, TXC_BLOCK);
        if (n < 0)
            return txc_disk_error (disk, "read", segment->name, (int) n, error);
        if (!txc_group_header_decode (bytes, segments->id, segment->lap, &header))
            continue;
        while (*first < i && segments->at[*first]->lap < header.live)
            (*first)++;
        return TXC_OK;
    }
    return TXC_OK;
}

int txc_recover_durable (txc_disk_t *disk, const txc_segments_t *segments, size_t first, uint64_t *durable,
                         txc_error_t *error)
{
    txc_reader_t reader;
    txc_group_t group;
    int rc;
    *durable = 0;
    txc_reader_init (&reader, disk, segments, first);
    while ((rc = txc_reader_next (&reader, &group, error)) == 1)
        if (group.header.durable > *durable)
            *durable = group.header.durable;
    txc_reader_fini (&reader);
    return rc;
}

static int s_damaged (const s_walk_t *self, const char *reason, size_t segment, uint64_t offset,
                      txc_error_t *error)
{
    return txc_error_set (
        error, TXC_ECORRUPT,
        "%s/%s is damaged at offset %" PRIu64 ": %s, in a part that was durable (group %" PRIu64
        "); restore it, do not delete it",
        self->disk->folder, self->segments->at[segment]->name, offset, reason, self->recovery->durable);
}

/* A piece of a checkpoint.  Pieces follow each other; one that begins anew drops what was there before. */
static void s_walk_chunk (s_walk_t *self, const txc_group_t *group, const txc_record_header_t *record,
                          const uint8_t *bytes)
{
    txc_recovery_t *recovery = self->recovery;
    txc_chunk_header_t chunk;
    txc_chunk_header_decode (bytes, &chunk);
    if (chunk.offset == 0) {
        self->pending = (txc_checkpoint_place_t){.number = chunk.checkpoint,
                                                 .total = chunk.total,
                                                 .keep = chunk.keep,
                                                 .group = group->header.number,
                                                 .segment = group->segment,
                                                 .written = recovery->written,
                                                 .kind = record->kind};
        self->got = 0;
    }
    if (chunk.checkpoint > recovery->last_checkpoint)
        recovery->last_checkpoint = chunk.checkpoint;
    if (chunk.checkpoint != self->pending.number || chunk.offset != self->got)
        return;
    self->got += record->size - TXC_CHUNK_HEADER;
    if (self->got == chunk.total)
        recovery->checkpoint = self->pending;
}

static int s_walk_group (s_walk_t *self, const txc_group_t *group, txc_error_t *error)
{
    txc_recovery_t *recovery = self->recovery;
    txc_segment_t *segment = self->segments->at[group->segment];
    if (segment->first_lsn == 0)
        segment->first_lsn = group->header.first_lsn;
    if (group->header.first_lsn != recovery->next_lsn)
        return s_damaged (self, "entries out of order", group->segment, group->offset, error);
    txc_record_header_t record;
    const uint8_t *bytes;
    size_t at = 0;
    while (txc_group_record (group, &at, &record, &bytes, self->segments->id)) {
        if (record.lsn != recovery->next_lsn)
            return s_damaged (self, "entries out of order", group->segment, group->offset, error);
        if (record.flags & TXC_RECORD_CHUNK)
            s_walk_chunk (self, group, &record, bytes);
        else
            recovery->next_lsn++;
    }
    recovery->last = group->header.number;
    recovery->segment = group->segment;
    recovery->offset = group->end;
    recovery->written += group->end - group->offset;
    return TXC_OK;
}

/* Groups are missing before this one: what counts begins anew with it. */
static void s_walk_gap (s_walk_t *self, const txc_group_t *group, const txc_bad_place_t *bad)
{
    txc_recovery_t *recovery = self->recovery;
    self->gap = *bad;
    if (!bad->found)
        self->gap = (txc_bad_place_t){
            .segment = group->segment, .offset = group->offset, .reason = "what comes before it is missing"};
    self->pending.number = 0;
    recovery->first = group->header.number;
    recovery->first_lsn = recovery->next_lsn = group->header.first_lsn;
    recovery->written = 0;
    recovery->checkpoint.number = 0;
}

static int s_walk (s_walk_t *self, size_t first, txc_error_t *error)
{
    txc_recovery_t *recovery = self->recovery;
    txc_reader_t reader;
    txc_group_t group;
    int rc;
    txc_reader_init (&reader, self->disk, self->segments, first);
    while ((rc = txc_reader_next (&reader, &group, error)) == 1) {
        if (group.header.number != recovery->last + 1) {
            if (recovery->last >= recovery->durable) {
                rc = 0; /* a torn tail: the log ends before it */
                break;
            }
            s_walk_gap (self, &group, &reader.bad);
        }
        rc = s_walk_group (self, &group, error);
        if (rc != TXC_OK)
            break;
    }
    txc_reader_fini (&reader);
    return rc;
}

/* Laps follow each other without a gap.  (Where segments are free there may be one: a file that was removed
 * can come back in a crash.)  One whose last groups nobody vouches for would otherwise look like a torn tail.
 */
static int s_check_laps (const s_walk_t *self, txc_error_t *error)
{
    const txc_segments_t *segments = self->segments;
    for (size_t i = self->recovery->needed + 1; i < segments->count; i++)
        if (segments->at[i]->lap != segments->at[i - 1]->lap + 1)
            return txc_error_set (error, TXC_ECORRUPT,
                                  "a segment is missing between %s/%s and %s, whose laps are %" PRIu64
                                  " and %" PRIu64 ": bring its file back",
                                  self->disk->folder, segments->at[i - 1]->name, segments->at[i]->name,
                                  segments->at[i - 1]->lap, segments->at[i]->lap);
    return TXC_OK;
}

/* What counts has to hold the last checkpoint and every entry that it does not cover. */
static int s_check (s_walk_t *self, txc_error_t *error)
{
    txc_recovery_t *recovery = self->recovery;
    const txc_checkpoint_place_t *checkpoint = &recovery->checkpoint;
    if (recovery->last == 0) {
        if (self->segments->at[0]->lap != 1)
            return s_damaged (self, "no group is left of a log that was in use", 0, TXC_BLOCK, error);
        return TXC_OK;
    }
    bool whole = checkpoint->number ? checkpoint->keep >= recovery->first_lsn : recovery->first == 1;
    if (!whole)
        return s_damaged (self, self->gap.reason, self->gap.segment, self->gap.offset, error);
    if (checkpoint->number) {
        size_t keep = txc_segments_find_lsn (self->segments, checkpoint->keep);
        recovery->needed = keep < checkpoint->segment ? keep : checkpoint->segment;
    }
    return s_check_laps (self, error);
}

int txc_recover (txc_disk_t *disk, txc_segments_t *segments, txc_recovery_t *recovery, txc_error_t *error)
{
    TXC_ASSERT (segments->count > 0);
    size_t first;
    memset (recovery, 0, sizeof *recovery);
    recovery->first = recovery->first_lsn = recovery->next_lsn = 1;
    recovery->offset = TXC_BLOCK;
    int rc = txc_recover_first (disk, segments, &first, error);
    if (rc == TXC_OK)
        rc = txc_recover_durable (disk, segments, first, &recovery->durable, error);
    if (rc != TXC_OK)
        return rc;
    recovery->needed = recovery->segment = first;
    s_walk_t walk = {.disk = disk, .segments = segments, .recovery = recovery};
    rc = s_walk (&walk, first, error);
    return rc == TXC_OK ? s_check (&walk, error) : rc;
}

/* --- wiping -------------------------------------------------------------------- */

/* Zeroes each block from offset on that could be taken for a group of this lap. */
static int s_wipe_segment (txc_disk_t *disk, const txc_segment_t *segment, uint64_t offset, uint64_t *cut)
{
    static const uint8_t zeros[TXC_BLOCK];
    bool changed = false;
    for (; offset < segment->size; offset += TXC_BLOCK) {
        uint8_t bytes[TXC_GROUP_HEADER] = {0};
        ssize_t n = disk->read (disk, segment->file, bytes, sizeof bytes, offset);
        if (n < 0)
            return (int) n;
        if (!txc_group_header_resembles (bytes, segment->lap))
            continue;
        int rc = disk->write (disk, segment->file, zeros, sizeof zeros, offset);
        if (rc < 0)
            return rc;
        changed = true;
        *cut += TXC_BLOCK;
    }
    return changed ? disk->sync (disk, segment->file) : 0;
}

int txc_recover_wipe (txc_disk_t *disk, const txc_segments_t *segments, const txc_recovery_t *recovery,
                      uint64_t *cut, txc_error_t *error)
{
    *cut = 0;
    for (size_t i = recovery->segment; i < segments->count; i++) {
        uint64_t offset = i == recovery->segment ? recovery->offset : TXC_BLOCK;
        int rc = s_wipe_segment (disk, segments->at[i], offset, cut);
        if (rc < 0)
            return txc_disk_error (disk, "cut the torn tail of", segments->at[i]->name, rc, error);
        if (i > recovery->segment)
            segments->at[i]->first_lsn = 0;
    }
    return TXC_OK;
}
