/*
 * txc_rows.h - the result of a statement: columns, rows, affected count, tag.
 *
 * The agent builds it from what a plugin's sink is fed; the library reads it.
 * Encoded as `Result` of txcoord.proto.
 *
 * Threads: one at a time.
 */
#ifndef TXC_ROWS_H
#define TXC_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/txc_blob.h"

enum {
    TXC_COLUMNS_MAX = 4096,
    TXC_TAG_MAX = 127 /* bytes of a command tag; a longer one is cut */
};

/* --- building ------------------------------------------------------------ */

typedef struct txc_rows_builder txc_rows_builder_t;

/* limit: bytes that the encoded result may take, at most TXC_BODY_MAX (wire/txc_frame.h). */
txc_rows_builder_t *txc_rows_builder_new (size_t limit);
void txc_rows_builder_destroy (txc_rows_builder_t **self_p);

/* These three have the form of txc_rm_sink_t's members, with the builder as arg; everything is borrowed
 * during the call.  A new call of columns begins a new result in place of the old one.  columns and row
 * return 0, or an error that stays: TXC_ELIMIT (too large), TXC_ENOMEM, TXC_EINVAL (a row of another width).
 */
int txc_rows_builder_columns (void *self, int n, const char *const *names, const char *const *types);
int txc_rows_builder_row (void *self, int n, const char *const *values, const size_t *sizes);
void txc_rows_builder_done (void *self, int64_t affected, const char *tag);

/* Encodes the result; *blob_p becomes the caller's.  The builder is empty again after it.  TXC_OK or the
 * error that a call before met. */
int txc_rows_builder_finish (txc_rows_builder_t *self, txc_blob_t **blob_p);

/* --- reading --------------------------------------------------------------- */

typedef struct txc_rows txc_rows_t;

/* Decodes and checks; *self_p becomes the caller's, and is NULL after an error.  The bytes may go afterwards.
 * TXC_OK; TXC_EPROTO; TXC_EVERSION; TXC_ELIMIT; TXC_ENOMEM. */
int txc_rows_read (const void *bytes, size_t size, txc_rows_t **self_p);
void txc_rows_destroy (txc_rows_t **self_p);

int txc_rows_count (const txc_rows_t *self);
int txc_rows_columns (const txc_rows_t *self);
int64_t txc_rows_affected (const txc_rows_t *self);             /* -1: not known */
const char *txc_rows_tag (const txc_rows_t *self);              /* "": none */
const char *txc_rows_name (const txc_rows_t *self, int column); /* "" out of range */
const char *txc_rows_type (const txc_rows_t *self, int column); /* "" out of range */
/* Valid as long as the object, with a NUL behind it; NULL for SQL's NULL and out of range.  size may be NULL.
 */
const char *txc_rows_value (const txc_rows_t *self, int row, int column, size_t *size);

#endif
