#include "wire/txc_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_codes.h"
#include "base/txc_mem.h"
#include "base/txc_version.h"
#include "wire/txc_arena.h"
#include "wire/txc_frame.h"
#include "wire/txc_values.h"
#include "wire/txcoord.pb-c.h"

#define BUILDER_MAGIC 0x7c0b0a25u
#define ROWS_MAGIC    0x7c040a55u

enum {
    OVERHEAD = 256,       /* bytes of a Result around its columns and values, tag included */
    COLUMN_OVERHEAD = 24, /* bytes of a Column around its texts */
    EMPTY_ROW = 6,        /* what a row without columns counts for: there may not be any number of them */
    BUDGET =
        1 << 20 /* bytes for decoding as many columns as there may be; values take up to 5 times their own */
};

/* --- building ---------------------------------------------------------------- */

struct txc_rows_builder {
    uint32_t magic;
    int error; /* the first one met; stays until finish */
    int n_columns;
    uint32_t empty_rows; /* without columns */
    size_t limit, used;  /* bytes; used is never less than the encoded size */
    int64_t affected;
    char tag[TXC_TAG_MAX + 1];
    txc_values_buffer_t names;  /* name and type of each column, in turn */
    txc_values_buffer_t values; /* row by row */
};

static void s_clear (txc_rows_builder_t *self)
{
    self->error = TXC_OK;
    self->n_columns = 0;
    self->empty_rows = 0;
    self->used = OVERHEAD;
    self->affected = -1;
    self->tag[0] = '\0';
    txc_values_fini (&self->names);
    txc_values_fini (&self->values);
}

txc_rows_builder_t *txc_rows_builder_new (size_t limit)
{
    txc_rows_builder_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, BUILDER_MAGIC);
    self->limit = limit < TXC_BODY_MAX ? limit : TXC_BODY_MAX;
    s_clear (self);
    return self;
}

void txc_rows_builder_destroy (txc_rows_builder_t **self_p)
{
    txc_rows_builder_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, BUILDER_MAGIC);
    TXC_UNMAGIC (self, BUILDER_MAGIC);
    s_clear (self);
    free (self);
}

/* Adds a value with what it takes beside its bytes, within the limit. */
static int s_add (txc_rows_builder_t *self, txc_values_buffer_t *values, const char *data, size_t size,
                  size_t overhead)
{
    if (!data)
        size = 0;
    if (size > self->limit || self->used + overhead > self->limit - size)
        return TXC_ELIMIT;
    self->used += overhead + size;
    return txc_values_add (values, data, size);
}

int txc_rows_builder_columns (void *arg, int n, const char *const *names, const char *const *types)
{
    txc_rows_builder_t *self = arg;
    TXC_CHECK (self, BUILDER_MAGIC);
    s_clear (self);
    if (n < 0 || n > TXC_COLUMNS_MAX)
        return self->error = TXC_ELIMIT;
    self->n_columns = n;
    for (int i = 0; i < n && self->error == TXC_OK; i++) {
        self->error = s_add (self, &self->names, names[i], strlen (names[i]), COLUMN_OVERHEAD);
        if (self->error == TXC_OK)
            self->error = s_add (self, &self->names, types[i], strlen (types[i]), COLUMN_OVERHEAD);
    }
    return self->error;
}

int txc_rows_builder_row (void *arg, int n, const char *const *values, const size_t *sizes)
{
    txc_rows_builder_t *self = arg;
    TXC_CHECK (self, BUILDER_MAGIC);
    if (self->error)
        return self->error;
    if (n != self->n_columns)
        return self->error = TXC_EINVAL;
    if (n == 0) {
        if (self->used + EMPTY_ROW > self->limit)
            return self->error = TXC_ELIMIT;
        self->used += EMPTY_ROW;
        self->empty_rows++;
    }
    for (int i = 0; i < n && self->error == TXC_OK; i++)
        self->error =
            s_add (self, &self->values, values[i], sizes[i], 5 + 1); /* its size as a varint, its NUL */
    return self->error;
}

void txc_rows_builder_done (void *arg, int64_t affected, const char *tag)
{
    txc_rows_builder_t *self = arg;
    TXC_CHECK (self, BUILDER_MAGIC);
    self->affected = affected;
    txc_copy_text (self->tag, sizeof self->tag, tag);
}

/* The columns as protobuf-c has them; one allocation, the caller's. */
static Txcoord__Column **s_columns (const txc_rows_builder_t *self)
{
    size_t n = (size_t) self->n_columns;
    Txcoord__Column **columns = malloc (n * (sizeof *columns + sizeof **columns) + 1);
    if (!columns)
        return NULL;
    Txcoord__Column *column = (Txcoord__Column *) (void *) (columns + n);
    uint8_t *at = self->names.data;
    for (size_t i = 0; i < n; i++, column++) {
        txcoord__column__init (column);
        column->name.data = at;
        column->name.len = self->names.sizes[2 * i] - 1;
        at += self->names.sizes[2 * i];
        column->type.data = at;
        column->type.len = self->names.sizes[2 * i + 1] - 1;
        at += self->names.sizes[2 * i + 1];
        columns[i] = column;
    }
    return columns;
}

static int s_finish (txc_rows_builder_t *self, txc_blob_t **blob_p)
{
    if (self->error)
        return self->error;
    Txcoord__Column **columns = s_columns (self);
    if (!columns)
        return TXC_ENOMEM;
    Txcoord__Result wire = TXCOORD__RESULT__INIT;
    Txcoord__Values values = txc_values_wire (&self->values);
    wire.version = TXC_VERSION_WRITES;
    wire.n_columns = (size_t) self->n_columns;
    wire.columns = columns;
    wire.affected = self->affected;
    wire.tag.data = (uint8_t *) self->tag;
    wire.tag.len = strlen (self->tag);
    if (values.n_sizes)
        wire.values = &values;
    wire.rows = self->empty_rows;
    txc_blob_t *blob = txc_blob_new (NULL, txcoord__result__get_packed_size (&wire));
    if (blob)
        txcoord__result__pack (&wire, txc_blob_edit (blob));
    free (columns);
    TXC_ASSERT (txc_blob_size (blob) <= self->used);
    *blob_p = blob;
    return blob ? TXC_OK : TXC_ENOMEM;
}

int txc_rows_builder_finish (txc_rows_builder_t *self, txc_blob_t **blob_p)
{
    TXC_CHECK (self, BUILDER_MAGIC);
    *blob_p = NULL;
    int rc = s_finish (self, blob_p);
    s_clear (self);
    return rc;
}

/* --- reading ------------------------------------------------------------------- */

struct txc_rows {
    uint32_t magic;
    int n_rows, n_columns;
    int64_t affected;
    const char *tag;
    const char **names;            /* name and type of each column, in turn */
    const Txcoord__Values *values; /* indexed */
    txc_arena_t arena;
    _Alignas(max_align_t) uint8_t first[2048];
};

/* A text of the wire with a NUL behind it, in the arena.  NULL if it holds one itself, or there is no room.
 */
static const char *s_text (const ProtobufCBinaryData *bytes, txc_arena_t *arena)
{
    if (bytes->len && memchr (bytes->data, '\0', bytes->len))
        return NULL;
    char *text = txc_arena_alloc (arena, bytes->len + 1);
    if (!text)
        return NULL;
    if (bytes->len)
        memcpy (text, bytes->data, bytes->len);
    text[bytes->len] = '\0';
    return text;
}

static int s_read_columns (txc_rows_t *self, const Txcoord__Result *wire)
{
    if (wire->n_columns > TXC_COLUMNS_MAX)
        return TXC_ELIMIT;
    self->names = txc_arena_alloc (&self->arena, 2 * wire->n_columns * sizeof *self->names);
    if (!self->names)
        return txc_arena_why (&self->arena);
    for (size_t i = 0; i < wire->n_columns; i++) {
        self->names[2 * i] = s_text (&wire->columns[i]->name, &self->arena);
        self->names[2 * i + 1] = s_text (&wire->columns[i]->type, &self->arena);
        if (!self->names[2 * i] || !self->names[2 * i + 1])
            return txc_arena_why (&self->arena);
    }
    self->n_columns = (int) wire->n_columns;
    return TXC_OK;
}

static int s_read_values (txc_rows_t *self, const Txcoord__Result *wire)
{
    size_t count = wire->values ? wire->values->n_sizes : 0;
    if (wire->rows) {
        self->n_rows = (int) wire->rows;
        return count || self->n_columns || wire->rows > TXC_BODY_MAX / EMPTY_ROW ? TXC_EPROTO : TXC_OK;
    }
    if (count == 0)
        return wire->values && wire->values->data.len ? TXC_EPROTO : TXC_OK;
    if (self->n_columns == 0 || count % (size_t) self->n_columns || !txc_values_index (wire->values))
        return TXC_EPROTO;
    self->values = wire->values;
    self->n_rows = (int) (count / (size_t) self->n_columns);
    return TXC_OK;
}

static int s_read (txc_rows_t *self, const void *bytes, size_t size)
{
    const Txcoord__Result *wire = txcoord__result__unpack (&self->arena.allocator, size, bytes);
    if (!wire)
        return txc_arena_why (&self->arena);
    if (!TXC_VERSION_IS_READ (wire->version))
        return TXC_EVERSION;
    if (wire->tag.len > TXC_TAG_MAX)
        return TXC_ELIMIT;
    self->affected = wire->affected;
    self->tag = s_text (&wire->tag, &self->arena);
    if (!self->tag)
        return txc_arena_why (&self->arena);
    int rc = s_read_columns (self, wire);
    return rc ? rc : s_read_values (self, wire);
}

int txc_rows_read (const void *bytes, size_t size, txc_rows_t **self_p)
{
    *self_p = NULL;
    if (size > TXC_BODY_MAX)
        return TXC_ELIMIT;
    txc_rows_t *self = malloc (sizeof *self);
    if (!self)
        return TXC_ENOMEM;
    memset (self, 0, offsetof (txc_rows_t, first));
    TXC_MAGIC (self, ROWS_MAGIC);
    txc_arena_init (&self->arena, self->first, sizeof self->first);
    txc_arena_reset (&self->arena, BUDGET + 6 * size);
    int rc = s_read (self, bytes, size);
    *self_p = self;
    if (rc)
        txc_rows_destroy (self_p);
    return rc;
}

void txc_rows_destroy (txc_rows_t **self_p)
{
    txc_rows_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, ROWS_MAGIC);
    TXC_UNMAGIC (self, ROWS_MAGIC);
    txc_arena_fini (&self->arena);
    free (self);
}

int txc_rows_count (const txc_rows_t *self)
{
    TXC_CHECK (self, ROWS_MAGIC);
    return self->n_rows;
}

int txc_rows_columns (const txc_rows_t *self)
{
    TXC_CHECK (self, ROWS_MAGIC);
    return self->n_columns;
}

int64_t txc_rows_affected (const txc_rows_t *self)
{
    TXC_CHECK (self, ROWS_MAGIC);
    return self->affected;
}

const char *txc_rows_tag (const txc_rows_t *self)
{
    TXC_CHECK (self, ROWS_MAGIC);
    return self->tag;
}

const char *txc_rows_name (const txc_rows_t *self, int column)
{
    TXC_CHECK (self, ROWS_MAGIC);
    return column >= 0 && column < self->n_columns ? self->names[2 * column] : "";
}

const char *txc_rows_type (const txc_rows_t *self, int column)
{
    TXC_CHECK (self, ROWS_MAGIC);
    return column >= 0 && column < self->n_columns ? self->names[2 * column + 1] : "";
}

const char *txc_rows_value (const txc_rows_t *self, int row, int column, size_t *size)
{
    TXC_CHECK (self, ROWS_MAGIC);
    txc_value_t value = {0};
    if (row >= 0 && row < self->n_rows && column >= 0 && column < self->n_columns)
        value = txc_values_at (self->values, (size_t) row * (size_t) self->n_columns + (size_t) column);
    if (size)
        *size = value.size;
    return value.data;
}
