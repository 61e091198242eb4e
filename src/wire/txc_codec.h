/*
 * txc_codec.h - how records of the log and entries of the journal become bytes.
 *
 * Both are encoded as `Record` and `JournalEntry` of txcoord.proto.  Decoding
 * checks as reading a frame does: bytes that pass the log's checksum may still
 * be of another version.  All of it is pure and may be used by any thread.
 */
#ifndef TXC_CODEC_H
#define TXC_CODEC_H

#include "core/txc_journal.h"
#include "core/txc_record.h"

extern const txc_codec_t txc_record_codec;
extern const txc_journal_codec_t txc_journal_codec;

/* What a replica's log holds for one slot: a header of fixed size, then the value as opaque bytes. */
enum { TXC_ENTRY_HEADER = 20, TXC_ENTRY_MAX = TXC_ENTRY_HEADER + TXC_RECORD_MAX };

/* Writes header and value; bytes has room for TXC_ENTRY_HEADER + size.  Returns the size written. */
size_t txc_entry_pack (uint64_t slot, txc_epoch_t epoch, const void *value, size_t size, uint8_t *bytes);

/* Reads it back; *value borrows from bytes.  False if it is too short or too long. */
bool txc_entry_unpack (const uint8_t *bytes, size_t size, uint64_t *slot, txc_epoch_t *epoch,
                       const uint8_t **value, size_t *value_size);

#endif
