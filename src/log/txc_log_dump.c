#include "log/txc_log_dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_codes.h"
#include "log/txc_disk.h"
#include "log/txc_reader.h"
#include "log/txc_recover.h"

typedef struct s_dump {
    txc_disk_t *disk;
    txc_segments_t segments;
    const txc_log_dump_visitor_t *visitor;
    void *arg;
    txc_error_t *error;
    uint64_t durable; /* D, see txc_recover.h */
    uint64_t last;    /* number of the group before */
    bool damaged;
    uint64_t checkpoint, got, total; /* pieces seen of this one */
    uint8_t *bytes;
} s_dump_t;

/* True if the log is in use and the segment was given a new lap since it was opened. */
static bool s_was_recycled (s_dump_t *self, const txc_segment_t *segment)
{
    uint8_t bytes[TXC_SEGMENT_HEADER] = {0};
    txc_segment_header_t header;
    ssize_t n = self->disk->read (self->disk, segment->file, bytes, sizeof bytes, 0);
    return n == sizeof bytes && txc_segment_header_decode (bytes, &header) == TXC_OK &&
           header.lap != segment->lap;
}

/* A place that is no group, before a group or at the end. */
static void s_note_gap (s_dump_t *self, const txc_bad_place_t *bad, const char *before)
{
    char text[256];
    const txc_segment_t *segment = self->segments.at[bad->segment];
    bool recycled = s_was_recycled (self, segment);
    bool torn = !recycled && self->last >= self->durable;
    const char *what = recycled ? "was recycled meanwhile" : torn ? "torn tail, not durable" : "damaged";
    snprintf (text, sizeof text, "%s/%s, offset %" PRIu64 ": %s: %s%s", self->disk->folder, segment->name,
              bad->offset, what, bad->reason, before);
    self->visitor->note (self->arg, text);
    if (recycled || torn || self->damaged)
        return;
    self->damaged = true;
    txc_error_set (self->error, TXC_ECORRUPT, "%s", text);
}

static int s_entry (s_dump_t *self, const txc_group_t *group, txc_log_dump_entry_t *entry)
{
    entry->file = self->segments.at[group->segment]->name;
    entry->offset = group->offset;
    return self->visitor->entry (self->arg, entry);
}

/* Collects the pieces of a checkpoint; those of one that is not complete are never shown. */
static int s_chunk (s_dump_t *self, const txc_group_t *group, const txc_record_header_t *record,
                    const uint8_t *bytes)
{
    txc_chunk_header_t chunk;
    txc_chunk_header_decode (bytes, &chunk);
    size_t size = record->size - TXC_CHUNK_HEADER;
    if (chunk.offset == 0) {
        free (self->bytes);
        self->bytes = malloc (chunk.total + 1);
        if (!self->bytes)
            return txc_error_set (self->error, TXC_ENOMEM, "no memory for a checkpoint of %" PRIu64 " bytes",
                                  chunk.total);
        self->checkpoint = chunk.checkpoint;
        self->total = chunk.total;
        self->got = 0;
    }
    if (!self->bytes || chunk.checkpoint != self->checkpoint || chunk.offset != self->got ||
        size > self->total - self->got)
        return TXC_OK;
    memcpy (self->bytes + self->got, bytes + TXC_CHUNK_HEADER, size);
    self->got += size;
    if (self->got < self->total)
        return TXC_OK;
    txc_log_dump_entry_t entry = {.lsn = chunk.keep,
                                  .kind = record->kind,
                                  .is_checkpoint = true,
                                  .bytes = self->bytes,
                                  .size = self->total};
    return s_entry (self, group, &entry);
}

static int s_group (s_dump_t *self, const txc_group_t *group)
{
    txc_record_header_t record;
    const uint8_t *bytes;
    size_t at = 0;
    int rc = TXC_OK;
    while (rc == TXC_OK && txc_group_record (group, &at, &record, &bytes, self->segments.id)) {
        if (record.flags & TXC_RECORD_CHUNK) {
            rc = s_chunk (self, group, &record, bytes);
            continue;
        }
        txc_log_dump_entry_t entry = {
            .lsn = record.lsn, .kind = record.kind, .bytes = bytes, .size = record.size};
        rc = s_entry (self, group, &entry);
    }
    return rc;
}

static int s_groups (s_dump_t *self, size_t first)
{
    txc_reader_t reader;
    txc_group_t group;
    int rc;
    txc_reader_init (&reader, self->disk, &self->segments, first);
    while ((rc = txc_reader_next (&reader, &group, self->error)) == 1) {
        if (self->last != 0 && group.header.number != self->last + 1 && reader.bad.found) {
            char before[64];
            snprintf (before, sizeof before, "; group %" PRIu64 " follows %" PRIu64, group.header.number,
                      self->last);
            s_note_gap (self, &reader.bad, before);
        }
        self->last = group.header.number;
        rc = s_group (self, &group);
        if (rc != TXC_OK)
            break;
    }
    if (rc == 0 && reader.bad.found && reader.bad.certain)
        s_note_gap (self, &reader.bad, "; nothing follows");
    txc_reader_fini (&reader);
    return rc;
}

static int s_dump (s_dump_t *self)
{
    size_t first = 0;
    int rc = txc_segments_load (&self->segments, self->disk, TXC_DISK_READ, self->error);
    if (rc == TXC_OK && self->segments.count == 0)
        rc = txc_error_set (self->error, TXC_EINVAL, "%s holds no log", self->disk->folder);
    if (rc == TXC_OK)
        rc = txc_recover_first (self->disk, &self->segments, &first, self->error);
    if (rc == TXC_OK)
        rc = txc_recover_durable (self->disk, &self->segments, first, &self->durable, self->error);
    if (rc == TXC_OK)
        rc = s_groups (self, first);
    return rc == TXC_OK && self->damaged ? TXC_ECORRUPT : rc;
}

int txc_log_dump (const char *folder, const txc_log_dump_visitor_t *visitor, void *arg, txc_error_t *error)
{
    int error_number;
    txc_disk_t *disk = txc_disk_posix_new (folder, 0, &error_number);
    if (!disk) {
        txc_disk_t named = {.folder = folder};
        return txc_disk_error (&named, "open the log's folder", "", -error_number, error);
    }
    s_dump_t self = {.disk = disk, .visitor = visitor, .arg = arg, .error = error};
    int rc = s_dump (&self);
    free (self.bytes);
    txc_segments_close (&self.segments, disk);
    disk->destroy (&disk);
    return rc;
}
