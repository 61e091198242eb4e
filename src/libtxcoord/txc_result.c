#include "config.h"

#include <stdlib.h>

#include <txcoord/txcoord.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "libtxcoord/txc_tx.h"
#include "wire/txc_rows.h"

enum { RESULT_MAGIC = 0x7c04e501 };

struct txc_result {
    unsigned magic;
    txc_rows_t *rows; /* NULL: the statement gave no result */
};

int txc_result_new (txc_blob_t *body, txc_result_t **result)
{
    txc_rows_t *rows = NULL;
    int rc = body ? txc_rows_read (txc_blob_data (body), txc_blob_size (body), &rows) : TXC_OK;
    txc_blob_destroy (&body);
    if (rc != TXC_OK)
        return rc;
    txc_result_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, RESULT_MAGIC);
    self->rows = rows;
    *result = self;
    return TXC_OK;
}

void txc_result_destroy (txc_result_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    txc_result_t *self = *self_p;
    *self_p = NULL;
    TXC_UNMAGIC (self, RESULT_MAGIC);
    txc_rows_destroy (&self->rows);
    free (self);
}

/* NULL, for the accessors: no rows. */
static const txc_rows_t *s_rows (const txc_result_t *self)
{
    if (!self)
        return NULL;
    TXC_CHECK (self, RESULT_MAGIC);
    return self->rows;
}

int txc_result_rows (const txc_result_t *self)
{
    const txc_rows_t *rows = s_rows (self);
    return rows ? txc_rows_count (rows) : 0;
}

int txc_result_columns (const txc_result_t *self)
{
    const txc_rows_t *rows = s_rows (self);
    return rows ? txc_rows_columns (rows) : 0;
}

int64_t txc_result_affected (const txc_result_t *self)
{
    const txc_rows_t *rows = s_rows (self);
    return rows ? txc_rows_affected (rows) : -1;
}

const char *txc_result_name (const txc_result_t *self, int column)
{
    const txc_rows_t *rows = s_rows (self);
    return rows ? txc_rows_name (rows, column) : "";
}

const char *txc_result_type (const txc_result_t *self, int column)
{
    const txc_rows_t *rows = s_rows (self);
    return rows ? txc_rows_type (rows, column) : "";
}

const char *txc_result_value (const txc_result_t *self, int row, int column, size_t *size)
{
    const txc_rows_t *rows = s_rows (self);
    if (!rows && size)
        *size = 0;
    return rows ? txc_rows_value (rows, row, column, size) : NULL;
}

int txc_result_is_null (const txc_result_t *self, int row, int column)
{
    return txc_result_value (self, row, column, NULL) == NULL;
}

const char *txc_result_tag (const txc_result_t *self)
{
    const txc_rows_t *rows = s_rows (self);
    return rows ? txc_rows_tag (rows) : "";
}
