#include "wire/txc_codec.h"

#include <string.h>

#include "base/txc_assert.h"
#include "wire/txc_arena.h"
#include "wire/txc_shape.h"

/* On the stack: records are small and bounded, so decoding one never asks the heap. */
enum { SCRATCH = 32 << 10 };

static size_t s_encode (const txc_shape_t *shape, const void *core, uint8_t *bytes)
{
    _Alignas(max_align_t) uint8_t scratch[SCRATCH];
    txc_arena_t arena;
    size_t list_size = 0;
    txc_arena_init (&arena, scratch, sizeof scratch);
    ProtobufCMessage *wire = txc_shape_store (shape, core, &arena);
    TXC_ASSERT (wire != NULL);
    /* What could not be read back must never reach the log. */
    TXC_ASSERT (txc_shape_check (shape, wire, &list_size));
    TXC_ASSERT (protobuf_c_message_get_packed_size (wire) <= TXC_RECORD_MAX);
    return protobuf_c_message_pack (wire, bytes);
}

/* head: bytes of core in front of its lists, whose elements are zeroed one by one: the lists are most of it.
 */
static bool s_decode (const txc_shape_t *shape, size_t head, const uint8_t *bytes, size_t size, void *core)
{
    _Alignas(max_align_t) uint8_t scratch[SCRATCH];
    txc_arena_t arena;
    size_t list_size = 0;
    if (size == 0 || size > TXC_RECORD_MAX)
        return false;
    txc_arena_init (&arena, scratch, sizeof scratch);
    const ProtobufCMessage *wire =
        protobuf_c_message_unpack (shape->descriptor, &arena.allocator, size, bytes);
    memset (core, 0, head);
    return wire && txc_shape_check (shape, wire, &list_size) && txc_shape_load (shape, wire, core, NULL);
}

/* --- records of the log -------------------------------------------------------- */

/* What a record of each type cannot be without. */
static bool s_record_is_whole (const txc_rec_t *record)
{
    switch ((txc_rec_type_t) record->type) {
    case TXC_REC_FORMAT:
        return record->cluster != 0;
    case TXC_REC_SESSION_CLOSE:
    case TXC_REC_MARK:
        return record->session != 0;
    case TXC_REC_COMMIT:
    case TXC_REC_ABORT:
    case TXC_REC_END:
        return !txc_gtrid_is_none (&record->gtrid);
    case TXC_REC_ELECTED:
    case TXC_REC_PRE_DECIDED:
        return !txc_gtrid_is_none (&record->gtrid) && record->number != 0;
    case TXC_REC_HEURISTIC:
        return !txc_gtrid_is_none (&record->gtrid) && record->rm[0];
    case TXC_REC_INTENT:
    case TXC_REC_VOTE:
        return !txc_gtrid_is_none (&record->gtrid) && record->rm[0] && record->n_branches > 0;
    case TXC_REC_GUARD:
        return record->agent[0];
    case TXC_REC_MEMBERS:
        return record->n_members > 0 || record->nonce != 0;
    case TXC_REC_BARRIER:
    case TXC_REC_SESSION_OPEN:
    case TXC_REC_NOOP:
        return true;
    case TXC_REC_NONE:
    case TXC_REC_TYPES:
        break;
    }
    return false;
}

static size_t s_record_encode (const txc_rec_t *record, uint8_t *bytes)
{
    TXC_ASSERT (s_record_is_whole (record));
    return s_encode (txc_shape_record, record, bytes);
}

static bool s_record_decode (const uint8_t *bytes, size_t size, txc_rec_t *record)
{
    return s_decode (txc_shape_record, offsetof (txc_rec_t, branches), bytes, size, record) &&
           s_record_is_whole (record);
}

const txc_codec_t txc_record_codec = {.encode = s_record_encode, .decode = s_record_decode};

/* --- entries of the journal ------------------------------------------------------ */

static bool s_journal_is_whole (const txc_jrec_t *record)
{
    switch ((txc_journal_kind_t) record->kind) {
    case TXC_JOURNAL_IDENTITY:
        return record->rm[0];
    case TXC_JOURNAL_COMMITTING:
    case TXC_JOURNAL_ONE_PHASE:
    case TXC_JOURNAL_HEURISTIC:
    case TXC_JOURNAL_FORGET:
    case TXC_JOURNAL_OWNER:
    case TXC_JOURNAL_MEMBER:
        return !txc_gtrid_is_none (&record->gtrid) && record->rm[0];
    case TXC_JOURNAL_EPOCH:
    case TXC_JOURNAL_GUARD:
    case TXC_JOURNAL_LATCH:
    case TXC_JOURNAL_BIRTH:
        return true;
    case TXC_JOURNAL_NONE:
    case TXC_JOURNAL_KINDS:
        break;
    }
    return false;
}

static size_t s_journal_encode (const txc_jrec_t *record, uint8_t *bytes)
{
    TXC_ASSERT (s_journal_is_whole (record));
    return s_encode (txc_shape_journal, record, bytes);
}

static bool s_journal_decode (const uint8_t *bytes, size_t size, txc_jrec_t *record)
{
    return s_decode (txc_shape_journal, offsetof (txc_jrec_t, branches), bytes, size, record) &&
           s_journal_is_whole (record);
}

const txc_journal_codec_t txc_journal_codec = {.encode = s_journal_encode, .decode = s_journal_decode};

/* --- what a log holds for a slot --------------------------------------------------- */

static void s_put (uint8_t *bytes, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t) (value >> 8 * i);
}

static uint64_t s_get (const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t) bytes[i] << 8 * i;
    return value;
}

size_t txc_entry_pack (const txc_entry_t *entry, uint8_t *bytes)
{
    TXC_ASSERT (entry->size <= TXC_RECORD_MAX);
    s_put (bytes, entry->form, 1);
    s_put (bytes + 1, entry->kind, 1);
    s_put (bytes + 2, entry->slot, 8);
    s_put (bytes + 10, entry->epoch.round, 8);
    s_put (bytes + 18, entry->epoch.replica, 4);
    if (entry->size)
        memcpy (bytes + TXC_ENTRY_HEADER, entry->bytes, entry->size);
    return TXC_ENTRY_HEADER + entry->size;
}

bool txc_entry_unpack (const uint8_t *bytes, size_t size, txc_entry_t *entry)
{
    if (size < TXC_ENTRY_HEADER || size > TXC_ENTRY_MAX || bytes[0] == 0 || bytes[0] >= TXC_ENTRY_FORMS)
        return false;
    *entry = (txc_entry_t){
        .form = bytes[0],
        .kind = bytes[1],
        .slot = s_get (bytes + 2, 8),
        .epoch = {s_get (bytes + 10, 8), (uint32_t) s_get (bytes + 18, 4)},
        .size = (uint32_t) (size - TXC_ENTRY_HEADER),
        .bytes = (uint8_t *) (uintptr_t) (bytes + TXC_ENTRY_HEADER), /* only read */
    };
    return true;
}
