#include "wire/txc_statement.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_codes.h"
#include "wire/txc_arena.h"
#include "wire/txc_values.h"
#include "wire/txcoord.pb-c.h"

/* --- packing ----------------------------------------------------------------- */

static int s_pack (const char *sql, size_t size, const txc_values_buffer_t *params, txc_blob_t **blob_p)
{
    Txcoord__Statement wire = TXCOORD__STATEMENT__INIT;
    Txcoord__Values values = txc_values_wire (params);
    wire.sql.data = (uint8_t *) (uintptr_t) sql; /* only read: protobuf-c has no const */
    wire.sql.len = size;
    if (values.n_sizes)
        wire.params = &values;
    size_t packed = txcoord__statement__get_packed_size (&wire);
    if (packed > TXC_STATEMENT_MAX)
        return TXC_ELIMIT;
    txc_blob_t *blob = txc_blob_new (NULL, packed);
    if (!blob)
        return TXC_ENOMEM;
    txcoord__statement__pack (&wire, txc_blob_edit (blob));
    *blob_p = blob;
    return TXC_OK;
}

int txc_statement_pack (const char *sql, size_t size, uint32_t n_params, const txc_value_t *params,
                        txc_blob_t **blob_p)
{
    *blob_p = NULL;
    if (size == 0 || memchr (sql, '\0', size))
        return TXC_EINVAL;
    size_t left = TXC_STATEMENT_MAX;
    if (n_params > TXC_PARAMS_MAX || size > left)
        return TXC_ELIMIT;
    left -= size;
    txc_values_buffer_t buffer = {0};
    int rc = TXC_OK;
    for (uint32_t i = 0; i < n_params && rc == TXC_OK; i++) {
        if (params[i].data && params[i].size >= left)
            rc = TXC_ELIMIT;
        else
            rc = txc_values_add (&buffer, params[i].data, params[i].size);
        if (params[i].data && rc == TXC_OK)
            left -= params[i].size + 1;
    }
    if (rc == TXC_OK)
        rc = s_pack (sql, size, &buffer, blob_p);
    txc_values_fini (&buffer);
    return rc;
}

/* --- unpacking ----------------------------------------------------------------- */

/* The statement that the caller sees, first, with the memory that it points to. */
typedef struct statement {
    txc_statement_t public;
    txc_arena_t arena;
    _Alignas(max_align_t) uint8_t first[2048];
} statement_t;

static int s_unpack (statement_t *self, const void *bytes, size_t size)
{
    txc_arena_t *arena = &self->arena;
    const Txcoord__Statement *wire = txcoord__statement__unpack (&arena->allocator, size, bytes);
    if (!wire)
        return txc_arena_why (arena);
    size_t length = wire->sql.len;
    if (length == 0 || memchr (wire->sql.data, '\0', length))
        return TXC_EPROTO;
    char *sql = txc_arena_alloc (arena, length + 1);
    if (!sql)
        return txc_arena_why (arena);
    memcpy (sql, wire->sql.data, length);
    sql[length] = '\0';

    size_t n_params = wire->params ? wire->params->n_sizes : 0;
    if (n_params > TXC_PARAMS_MAX)
        return TXC_ELIMIT;
    if (wire->params && !txc_values_index (wire->params))
        return TXC_EPROTO;
    txc_value_t *params = txc_arena_alloc (arena, n_params * sizeof *params);
    if (!params)
        return txc_arena_why (arena);
    for (size_t i = 0; i < n_params; i++)
        params[i] = txc_values_at (wire->params, i);
    self->public =
        (txc_statement_t){.sql = sql, .size = length, .n_params = (uint32_t) n_params, .params = params};
    return TXC_OK;
}

int txc_statement_unpack (const void *bytes, size_t size, txc_statement_t **self_p)
{
    *self_p = NULL;
    if (size > TXC_STATEMENT_MAX)
        return TXC_ELIMIT;
    statement_t *self = malloc (sizeof *self);
    if (!self)
        return TXC_ENOMEM;
    txc_arena_init (&self->arena, self->first, sizeof self->first);
    txc_arena_reset (&self->arena, txc_arena_budget (size));
    int rc = s_unpack (self, bytes, size);
    *self_p = &self->public;
    if (rc)
        txc_statement_destroy (self_p);
    return rc;
}

void txc_statement_destroy (txc_statement_t **self_p)
{
    statement_t *self = (statement_t *) *self_p;
    *self_p = NULL;
    if (!self)
        return;
    txc_arena_fini (&self->arena);
    free (self);
}
