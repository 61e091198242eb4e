#include "core/txc_paxos_values.h"

#include <string.h>

enum { FLAG_FORCED = 1, FLAG_CHOSEN = 2, FLAGS = 3 };

static uint8_t *s_put (uint8_t *bytes, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        *bytes++ = (uint8_t) (value >> 8 * i);
    return bytes;
}

static uint64_t s_get (const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t) bytes[i] << 8 * i;
    return value;
}

size_t txc_paxos_value_size (const txc_paxos_value_t *value)
{
    return TXC_PAXOS_VALUE_HEADER + (size_t) value->size;
}

uint8_t *txc_paxos_value_pack (const txc_paxos_value_t *value, uint8_t *bytes)
{
    bytes = s_put (bytes, value->slot, 8);
    bytes = s_put (bytes, value->ballot.round, 8);
    bytes = s_put (bytes, value->ballot.replica, 4);
    *bytes++ = value->kind;
    *bytes++ = (uint8_t) ((value->forced ? FLAG_FORCED : 0) | (value->chosen ? FLAG_CHOSEN : 0));
    bytes = s_put (bytes, value->size, 4);
    memcpy (bytes, value->bytes, value->size);
    return bytes + value->size;
}

bool txc_paxos_value_next (const txc_blob_t *body, size_t *at, txc_paxos_value_t *value)
{
    const uint8_t *bytes = txc_blob_data (body) + *at;
    size_t left = txc_blob_size (body) - *at;
    if (left == 0)
        return false;
    *value = (txc_paxos_value_t){0};
    if (left >= TXC_PAXOS_VALUE_HEADER) {
        value->slot = s_get (bytes, 8);
        value->ballot = (txc_epoch_t){s_get (bytes + 8, 8), (uint32_t) s_get (bytes + 16, 4)};
        value->kind = bytes[20];
        value->forced = bytes[21] & FLAG_FORCED;
        value->chosen = bytes[21] & FLAG_CHOSEN;
        value->size = (uint32_t) s_get (bytes + 22, 4);
        value->bytes = bytes + TXC_PAXOS_VALUE_HEADER;
    }
    if (left < TXC_PAXOS_VALUE_HEADER || bytes[21] > FLAGS || value->slot == 0 || value->size == 0 ||
        value->size > TXC_RECORD_MAX || value->size > left - TXC_PAXOS_VALUE_HEADER) {
        *at = SIZE_MAX;
        return false;
    }
    *at += txc_paxos_value_size (value);
    return true;
}

bool txc_paxos_values_check (const txc_blob_t *body)
{
    txc_paxos_value_t value;
    size_t at = 0;
    if (!body)
        return true;
    while (txc_paxos_value_next (body, &at, &value))
        ;
    return at != SIZE_MAX;
}
