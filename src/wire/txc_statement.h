/*
 * txc_statement.h - statements on their way to a resource manager.
 *
 * The body of an EXEC message: SQL and its parameters, encoded as `Statement`
 * of txcoord.proto.  What comes back is a result, see wire/txc_rows.h.
 */
#ifndef TXC_STATEMENT_H
#define TXC_STATEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/txc_blob.h"
#include "base/txc_limits.h"

enum { TXC_PARAMS_MAX = 65535 };

/* A value as text, with a NUL behind its size bytes when it was unpacked; data NULL is SQL's NULL. */
typedef struct txc_value {
    const char *data;
    size_t size;
} txc_value_t;

/* Encodes a statement; *blob_p becomes the caller's.  sql need not end with NUL.  TXC_OK; TXC_EINVAL: no SQL,
 * or a NUL within it; TXC_ELIMIT: more than TXC_STATEMENT_MAX bytes or TXC_PARAMS_MAX parameters; TXC_ENOMEM.
 */
int txc_statement_pack (const char *sql, size_t size, uint32_t n_params, const txc_value_t *params,
                        txc_blob_t **blob_p);

/* A statement unpacked; owns what it points to. */
typedef struct txc_statement {
    const char *sql; /* ends with NUL, holds none */
    size_t size;     /* without that NUL */
    uint32_t n_params;
    const txc_value_t *params;
} txc_statement_t;

/* Decodes and checks; *self_p becomes the caller's, and is NULL after an error.  TXC_OK; TXC_EPROTO;
 * TXC_ELIMIT; TXC_ENOMEM. */
int txc_statement_unpack (const void *bytes, size_t size, txc_statement_t **self_p);
void txc_statement_destroy (txc_statement_t **self_p);

#endif
