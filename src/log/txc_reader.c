#include "log/txc_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_codes.h"

void txc_reader_init (txc_reader_t *self, txc_disk_t *disk, const txc_segments_t *segments, size_t first)
{
    memset (self, 0, sizeof *self);
    self->disk = disk;
    self->segments = segments;
    self->segment = first;
}

void txc_reader_fini (txc_reader_t *self)
{
    free (self->bytes);
    self->bytes = NULL;
}

static int s_load (txc_reader_t *self, txc_error_t *error)
{
    const txc_segment_t *segment = self->segments->at[self->segment];
    if (self->room < segment->size) {
        free (self->bytes);
        self->room = 0;
        self->bytes = malloc (segment->size);
        if (!self->bytes)
            return txc_error_set (error, TXC_ENOMEM, "no memory to read %s/%s", self->disk->folder,
                                  segment->name);
        self->room = segment->size;
    }
    ssize_t n = self->disk->read (self->disk, segment->file, self->bytes, segment->size, 0);
    if (n < 0)
        return txc_disk_error (self->disk, "read", segment->name, (int) n, error);
    memset (self->bytes + n, 0, segment->size - (uint64_t) n);
    self->loaded = true;
    self->offset = TXC_BLOCK;
    return TXC_OK;
}

/* Notes a bad place unless a better one is known: one with remains of a header is better than one without,
 * and the begin of a segment better than the unused end of the one before. */
static void s_note_bad (txc_reader_t *self, uint64_t offset, bool certain, const char *reason)
{
    txc_bad_place_t *bad = &self->bad;
    bool left_over = bad->found && bad->segment < self->segment &&
                     self->segments->at[bad->segment]->size - bad->offset <= TXC_LEFT_OVER_MAX;
    if (bad->found && (bad->certain || !(certain || left_over)))
        return;
    *bad = (txc_bad_place_t){
        .found = true, .certain = certain, .segment = self->segment, .offset = offset, .reason = reason};
}

/* The group at the reader's offset; false if there is none that is intact. */
static bool s_parse (txc_reader_t *self, txc_group_t *group)
{
    const txc_segment_t *segment = self->segments->at[self->segment];
    const uint8_t *bytes = self->bytes + self->offset;
    uint64_t id = self->segments->id, room = segment->size - self->offset;
    txc_group_header_t *header = &group->header;
    if (!txc_group_header_decode (bytes, id, segment->lap, header)) {
        bool certain = txc_group_header_resembles (bytes, segment->lap);
        s_note_bad (self, self->offset, certain, certain ? "group header checksum" : "no group header");
        return false;
    }
    if (header->bytes > room) {
        s_note_bad (self, self->offset, true, "group larger than its segment");
        return false;
    }
    size_t at = TXC_GROUP_HEADER;
    for (uint32_t i = 0; i < header->records; i++) {
        txc_record_header_t record;
        if (!txc_record_header_decode (bytes + at, header->bytes - at, id, segment->lap, &record)) {
            s_note_bad (self, self->offset + at, true, "record checksum");
            return false;
        }
        at += (size_t) TXC_RECORD_HEADER + record.size;
    }
    if (at != header->bytes) {
        s_note_bad (self, self->offset, true, "group length");
        return false;
    }
    group->bytes = bytes + TXC_GROUP_HEADER;
    group->size = header->bytes - TXC_GROUP_HEADER;
    group->segment = self->segment;
    group->offset = self->offset;
    group->end = self->offset + txc_block_round (header->bytes);
    return true;
}

int txc_reader_next (txc_reader_t *self, txc_group_t *group, txc_error_t *error)
{
    self->bad.found = false;
    for (; self->segment < self->segments->count; self->segment++, self->loaded = false) {
        int rc = self->loaded ? TXC_OK : s_load (self, error);
        if (rc != TXC_OK)
            return rc;
        for (; self->offset < self->segments->at[self->segment]->size; self->offset += TXC_BLOCK) {
            if (s_parse (self, group)) {
                self->offset = group->end;
                return 1;
            }
        }
    }
    return 0;
}

bool txc_group_record (const txc_group_t *self, size_t *at, txc_record_header_t *header,
                       const uint8_t **bytes, uint64_t id)
{
    if (*at == self->size)
        return false;
    bool intact =
        txc_record_header_decode (self->bytes + *at, self->size - *at, id, self->header.lap, header);
    TXC_ASSERT (intact);
    *bytes = self->bytes + *at + TXC_RECORD_HEADER;
    *at += (size_t) TXC_RECORD_HEADER + header->size;
    return true;
}
