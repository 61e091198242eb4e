#include "log/txc_format.h"

#include <string.h>

#include "base/txc_codes.h"
#include "base/txc_version.h"
#include "log/txc_crc32c.h"

static const char s_segment_magic[8] = {'T', 'X', 'C', 'L', 'O', 'G', '\r', '\n'};
static const char s_group_magic[4] = {'T', 'X', 'C', 'G'};

static void s_put32 (uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t) (value >> 8 * i);
}

static void s_put64 (uint8_t *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t) (value >> 8 * i);
}

static uint32_t s_get32 (const uint8_t *bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t) bytes[i] << 8 * i;
    return value;
}

static uint64_t s_get64 (const uint8_t *bytes)
{
    return s_get32 (bytes) | (uint64_t) s_get32 (bytes + 4) << 32;
}

/* The CRC of size bytes without the four at skip, begun with the log's id. */
static uint32_t s_crc (uint64_t id, const uint8_t *bytes, size_t skip, size_t size)
{
    uint8_t seed[8];
    s_put64 (seed, id);
    uint32_t crc = txc_crc32c (0, seed, sizeof seed);
    crc = txc_crc32c (crc, bytes, skip);
    return txc_crc32c (crc, bytes + skip + 4, size - skip - 4);
}

void txc_segment_header_encode (const txc_segment_header_t *header, uint8_t *bytes)
{
    memset (bytes, 0, TXC_SEGMENT_HEADER);
    memcpy (bytes, s_segment_magic, sizeof s_segment_magic);
    s_put32 (bytes + 8, header->version);
    s_put64 (bytes + 16, header->id);
    s_put64 (bytes + 24, header->lap);
    s_put64 (bytes + 32, header->size);
    s_put32 (bytes + 12, s_crc (0, bytes, 12, TXC_SEGMENT_HEADER));
}

int txc_segment_header_decode (const uint8_t *bytes, txc_segment_header_t *header)
{
    memset (header, 0, sizeof *header);
    if (memcmp (bytes, s_segment_magic, sizeof s_segment_magic) != 0)
        return TXC_ECORRUPT;
    /* before the checksum: another version may place it elsewhere */
    header->version = s_get32 (bytes + 8);
    if (!TXC_VERSION_IS_READ (header->version))
        return TXC_EVERSION;
    if (s_get32 (bytes + 12) != s_crc (0, bytes, 12, TXC_SEGMENT_HEADER))
        return TXC_ECORRUPT;
    header->id = s_get64 (bytes + 16);
    header->lap = s_get64 (bytes + 24);
    header->size = s_get64 (bytes + 32);
    if (header->lap == 0 || header->size < TXC_SEGMENT_MIN || header->size % TXC_BLOCK != 0)
        return TXC_ECORRUPT;
    return TXC_OK;
}

void txc_group_header_encode (const txc_group_header_t *header, uint64_t id, uint8_t *bytes)
{
    memset (bytes, 0, TXC_GROUP_HEADER);
    memcpy (bytes, s_group_magic, sizeof s_group_magic);
    s_put32 (bytes + 8, header->bytes);
    s_put32 (bytes + 12, header->records);
    s_put64 (bytes + 16, header->lap);
    s_put64 (bytes + 24, header->number);
    s_put64 (bytes + 32, header->first_lsn);
    s_put64 (bytes + 40, header->durable);
    s_put64 (bytes + 48, header->live);
    s_put32 (bytes + 4, s_crc (id, bytes, 4, TXC_GROUP_HEADER));
}

bool txc_group_header_resembles (const uint8_t *bytes, uint64_t lap)
{
    return memcmp (bytes, s_group_magic, sizeof s_group_magic) == 0 && s_get64 (bytes + 16) == lap;
}

bool txc_group_header_decode (const uint8_t *bytes, uint64_t id, uint64_t lap, txc_group_header_t *header)
{
    if (!txc_group_header_resembles (bytes, lap))
        return false;
    if (s_get32 (bytes + 4) != s_crc (id, bytes, 4, TXC_GROUP_HEADER))
        return false;
    header->bytes = s_get32 (bytes + 8);
    header->records = s_get32 (bytes + 12);
    header->lap = lap;
    header->number = s_get64 (bytes + 24);
    header->first_lsn = s_get64 (bytes + 32);
    header->durable = s_get64 (bytes + 40);
    header->live = s_get64 (bytes + 48);
    return header->bytes >= TXC_GROUP_HEADER && header->number > header->durable && header->first_lsn > 0;
}

void txc_record_header_encode (const txc_record_header_t *header, uint64_t id, uint8_t *bytes)
{
    s_put32 (bytes + 4, header->size);
    s_put64 (bytes + 8, header->lsn);
    s_put64 (bytes + 16, header->lap);
    s_put32 (bytes + 24, header->kind);
    s_put32 (bytes + 28, header->flags);
    s_put32 (bytes, s_crc (id, bytes, 0, (size_t) TXC_RECORD_HEADER + header->size));
}

bool txc_record_header_decode (const uint8_t *bytes, size_t room, uint64_t id, uint64_t lap,
                               txc_record_header_t *header)
{
    if (room < TXC_RECORD_HEADER)
        return false;
    header->size = s_get32 (bytes + 4);
    header->lsn = s_get64 (bytes + 8);
    header->lap = s_get64 (bytes + 16);
    header->kind = s_get32 (bytes + 24);
    header->flags = s_get32 (bytes + 28);
    if (header->lap != lap || header->size > room - TXC_RECORD_HEADER)
        return false;
    if (header->flags & TXC_RECORD_CHUNK && header->size < TXC_CHUNK_HEADER)
        return false;
    return s_get32 (bytes) == s_crc (id, bytes, 0, (size_t) TXC_RECORD_HEADER + header->size);
}

void txc_chunk_header_encode (const txc_chunk_header_t *header, uint8_t *bytes)
{
    s_put64 (bytes, header->checkpoint);
    s_put64 (bytes + 8, header->total);
    s_put64 (bytes + 16, header->offset);
    s_put64 (bytes + 24, header->keep);
}

void txc_chunk_header_decode (const uint8_t *bytes, txc_chunk_header_t *header)
{
    header->checkpoint = s_get64 (bytes);
    header->total = s_get64 (bytes + 8);
    header->offset = s_get64 (bytes + 16);
    header->keep = s_get64 (bytes + 24);
}
