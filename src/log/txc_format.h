/*
 * txc_format.h - how the log lies on the disk, in version 1 (base/txc_version.h).
 *
 * A log is a folder of segment files NNN.seg of a fixed size, filled with
 * zeros before they are used and used again and again, so that a forced write
 * never has to change the file system's own structures.  NNN is the file's
 * slot; the order of segments is given by their laps: whenever a file is put
 * to use (again) it gets the next lap, in its header.
 *
 * A segment begins with a block of 4,096 bytes that holds its header.  Groups
 * follow, each at a multiple of 4,096 and padded to one, so that no block
 * that was acknowledged is ever written again.  A group is what was written
 * at once: a header, then records.  A record is an entry, or a piece of a
 * checkpoint.  All numbers are little-endian.
 *
 * What an earlier lap left in the file is never taken for new: the lap is in
 * each group and in each record, under a checksum.  Groups are numbered from
 * 1 without gaps; each carries the number up to which all groups were known
 * durable when it was written (txc_recover.h says what for).
 *
 * Checksums are CRC-32C and begin with the log's random id, so that bytes
 * which a client made us store cannot pass for a group.
 */
#ifndef TXC_FORMAT_H
#define TXC_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TXC_BLOCK = 4096,        /* the unit of alignment and padding */
    TXC_SEGMENT_HEADER = 64, /* bytes of the headers; the first two must fit one sector of 512 */
    TXC_GROUP_HEADER = 64,
    TXC_RECORD_HEADER = 32,
    TXC_CHUNK_HEADER = 32,
    TXC_SEGMENT_MIN = 131072
};

/*   0 magic "TXCLOG\r\n" | 8 version u32 | 12 crc u32 of the other 60 bytes | 16 id | 24 lap | 32 size | 40
 * zero */
typedef struct txc_segment_header {
    uint32_t version;
    uint64_t id;   /* of the log */
    uint64_t lap;  /* from 1 */
    uint64_t size; /* of the file */
} txc_segment_header_t;

/*   0 magic "TXCG" | 4 crc u32 of the other 60 bytes | 8 bytes u32 | 12 records u32 | 16 lap | 24 number | 32
 * first_lsn | 40 durable | 48 live | 56 zero */
typedef struct txc_group_header {
    uint32_t bytes;   /* of header and records, without padding */
    uint32_t records; /* may be 0: a group that only vouches for those before it */
    uint64_t lap;
    uint64_t number;
    uint64_t first_lsn; /* of its first entry, or of the next one to come */
    uint64_t durable;   /* groups up to this number were durable */
    uint64_t live;      /* segments of lower laps were free: nothing in them is needed */
} txc_group_header_t;

enum { TXC_RECORD_CHUNK = 1 }; /* flags: a piece of a checkpoint, its bytes begin with a chunk header */

/*   0 crc u32 of the rest and the bytes | 4 size u32 | 8 lsn | 16 lap | 24 kind u32 | 28 flags u32 */
typedef struct txc_record_header {
    uint32_t size; /* of the bytes that follow */
    uint64_t lsn;  /* of the entry; of a chunk: of the next entry to come */
    uint64_t lap;
    uint32_t kind;
    uint32_t flags;
} txc_record_header_t;

/*   0 checkpoint | 8 total | 16 offset | 24 keep */
typedef struct txc_chunk_header {
    uint64_t checkpoint; /* number of the checkpoint, rising */
    uint64_t total;      /* bytes of it */
    uint64_t offset;     /* of this piece */
    uint64_t keep;       /* entries from this LSN on are not covered by it */
} txc_chunk_header_t;

void txc_segment_header_encode (const txc_segment_header_t *header, uint8_t *bytes);

/* TXC_OK; TXC_EVERSION (header->version is set); TXC_ECORRUPT. */
int txc_segment_header_decode (const uint8_t *bytes, txc_segment_header_t *header);

void txc_group_header_encode (const txc_group_header_t *header, uint64_t id, uint8_t *bytes);

/* False if the bytes are no group header of this log and lap. */
bool txc_group_header_decode (const uint8_t *bytes, uint64_t id, uint64_t lap, txc_group_header_t *header);

/* True if the bytes look like a group header of this lap, intact or not. */
bool txc_group_header_resembles (const uint8_t *bytes, uint64_t lap);

/* bytes has the record's bytes behind the room for its header. */
void txc_record_header_encode (const txc_record_header_t *header, uint64_t id, uint8_t *bytes);

/* False if there is no intact record of this log and lap within the given room. */
bool txc_record_header_decode (const uint8_t *bytes, size_t room, uint64_t id, uint64_t lap,
                               txc_record_header_t *header);

void txc_chunk_header_encode (const txc_chunk_header_t *header, uint8_t *bytes);
void txc_chunk_header_decode (const uint8_t *bytes, txc_chunk_header_t *header);

static inline uint64_t txc_block_round (uint64_t bytes)
{
    return (bytes + TXC_BLOCK - 1) & ~(uint64_t) (TXC_BLOCK - 1);
}

#endif
