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
#include "core/txc_update.h"

extern const txc_codec_t txc_record_codec;
extern const txc_journal_codec_t txc_journal_codec;

/* An entry of a replica's log: a header of fixed size, then the value as opaque bytes. */
enum { TXC_ENTRY_HEADER = 22, TXC_ENTRY_MAX = TXC_ENTRY_HEADER + TXC_RECORD_MAX };

/* Writes form, slot, epoch, kind and value; bytes has room for TXC_ENTRY_HEADER + entry->size.  Returns the
 * size written. */
size_t txc_entry_pack (const txc_entry_t *entry, uint8_t *bytes);

/* Reads it back, the other fields zero; entry->bytes borrows from bytes.  False if it is too short or too
 * long, or of no known form. */
bool txc_entry_unpack (const uint8_t *bytes, size_t size, txc_entry_t *entry);

#endif
