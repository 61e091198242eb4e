/*
 * txc_segment.h - a segment file, and the table of all of them.
 */
#ifndef TXC_SEGMENT_H
#define TXC_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/txc_message.h"
#include "log/txc_disk.h"
#include "log/txc_format.h"
#include "log/txc_log.h"

enum {
    TXC_SEGMENTS_MAX = TXC_LOG_SEGMENTS_MAX, /* slots 000 to 999 */
    TXC_SEGMENT_NAME = 16,
    /* the most that is left unused at the end of a segment: a group with an entry of the largest size did not
       fit */
    TXC_LEFT_OVER_MAX = TXC_LOG_ENTRY_MAX + 2 * TXC_BLOCK
};

typedef struct txc_segment {
    uint64_t lap;
    uint64_t size;
    uint64_t first_lsn; /* the LSN of its first entry, or of the next one to come; 0: it has no group */
    uint32_t slot;
    bool dirty; /* written since the last sync */
    txc_disk_file_t *file;
    char name[TXC_SEGMENT_NAME];
} txc_segment_t;

/* The segments in the order of their laps. */
typedef struct txc_segments {
    txc_segment_t *at[TXC_SEGMENTS_MAX];
    size_t count;
    uint64_t id; /* of the log; 0: not known, since there is no segment yet */
} txc_segments_t;

/* Opens all segment files and checks their headers.  With mode TXC_DISK_WRITE it also removes files that were
 * still being made, and makes sure that what will be read, and the names of the files, are on the disk.
 * TXC_OK, or a code and *error; then nothing stays open. */
int txc_segments_load (txc_segments_t *self, txc_disk_t *disk, txc_disk_mode_t mode, txc_error_t *error);

void txc_segments_close (txc_segments_t *self, txc_disk_t *disk);

/* The lowest slot that no segment has; TXC_SEGMENTS_MAX if there is none. */
uint32_t txc_segments_free_slot (const txc_segments_t *self);

/* Takes a new segment to its end. */
void txc_segments_add (txc_segments_t *self, txc_segment_t *segment);

/* Takes the first segment out; the caller owns it. */
txc_segment_t *txc_segments_shift (txc_segments_t *self);

/* The index of the segment that holds the entry: the last one that begins at or before it. */
size_t txc_segments_find_lsn (const txc_segments_t *self, uint64_t lsn);

/* Writes the header and makes it durable.  0 or a negative errno. */
int txc_segment_write_header (const txc_segment_t *self, txc_disk_t *disk, uint64_t id);

/* Closes the file and frees the object. */
void txc_segment_destroy (txc_segment_t **self_p, txc_disk_t *disk);

/* "007.seg", and the name that it has while it is being made. */
void txc_segment_set_name (txc_segment_t *self, uint32_t slot);
void txc_segment_temporary_name (uint32_t slot, char *name);

#endif
