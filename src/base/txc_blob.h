/*
 * txc_blob.h - immutable bytes with a reference count.
 *
 * The count is atomic, so that a blob may be handed to another thread; its
 * bytes are written before it is shared and never after.
 */
#ifndef TXC_BLOB_H
#define TXC_BLOB_H

#include <stddef.h>
#include <stdint.h>

typedef struct txc_blob txc_blob_t;

/* A copy of data (or size bytes to fill in, if data is NULL), with one reference.  NULL if there is no
 * memory. */
txc_blob_t *txc_blob_new (const void *data, size_t size);

/* One more reference; returns self.  NULL stays NULL. */
txc_blob_t *txc_blob_ref (txc_blob_t *self);

/* Gives up one reference and nulls the caller's pointer. */
void txc_blob_destroy (txc_blob_t **self_p);

const uint8_t *txc_blob_data (const txc_blob_t *self);
uint8_t *txc_blob_edit (txc_blob_t *self);     /* only by the one holder of a fresh blob */
size_t txc_blob_size (const txc_blob_t *self); /* 0 for NULL */

#endif
