/*
 * txc_reader.h - reads the groups of a log, one after the other.
 *
 * The reader judges groups by themselves only; whether they follow each other,
 * and what a bad place between them means, is for txc_recover.
 */
#ifndef TXC_READER_H
#define TXC_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/txc_message.h"
#include "log/txc_disk.h"
#include "log/txc_format.h"
#include "log/txc_segment.h"

/* A place that should have been a group and is none. */
typedef struct txc_bad_place {
    bool found;
    bool certain;   /* there are remains of a group's header: not just the unused end of a segment */
    size_t segment; /* index */
    uint64_t offset;
    const char *reason; /* static */
} txc_bad_place_t;

typedef struct txc_reader {
    txc_disk_t *disk;
    const txc_segments_t *segments;
    size_t segment; /* index of the one being read */
    uint64_t offset;
    uint8_t *bytes; /* the whole segment */
    uint64_t room;
    bool loaded;
    txc_bad_place_t bad; /* the first since the group before; it tells most after the call that skipped it */
} txc_reader_t;

typedef struct txc_group {
    txc_group_header_t header;
    const uint8_t *bytes; /* the records; valid until the next call */
    size_t size;          /* of the records */
    size_t segment;       /* index */
    uint64_t offset, end; /* in the segment, with header and padding */
} txc_group_t;

/* Begins with the segment of that index. */
void txc_reader_init (txc_reader_t *self, txc_disk_t *disk, const txc_segments_t *segments, size_t first);
void txc_reader_fini (txc_reader_t *self);

/* The next intact group: 1; the end: 0; or a negative code and *error.  Bad places are skipped and noted. */
int txc_reader_next (txc_reader_t *self, txc_group_t *group, txc_error_t *error);

/* The next record of a group, which the reader found intact; *at begins at 0.  False at the end. */
bool txc_group_record (const txc_group_t *self, size_t *at, txc_record_header_t *header,
                       const uint8_t **bytes, uint64_t id);

#endif
