#include "base/txc_blob.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"

#define BLOB_MAGIC 0x7c0b10b5u

struct txc_blob {
    uint32_t magic;
    atomic_uint references;
    size_t size;
    uint8_t bytes[];
};

txc_blob_t *txc_blob_new (const void *data, size_t size)
{
    if (size > SIZE_MAX - sizeof (txc_blob_t))
        return NULL;
    txc_blob_t *self = malloc (sizeof *self + size);
    if (!self)
        return NULL;
    TXC_MAGIC (self, BLOB_MAGIC);
    atomic_init (&self->references, 1);
    self->size = size;
    if (data && size)
        memcpy (self->bytes, data, size);
    return self;
}

txc_blob_t *txc_blob_ref (txc_blob_t *self)
{
    if (!self)
        return NULL;
    TXC_CHECK (self, BLOB_MAGIC);
    atomic_fetch_add_explicit (&self->references, 1, memory_order_relaxed);
    return self;
}

void txc_blob_destroy (txc_blob_t **self_p)
{
    txc_blob_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, BLOB_MAGIC);
    if (atomic_fetch_sub_explicit (&self->references, 1, memory_order_acq_rel) == 1) {
        TXC_UNMAGIC (self, BLOB_MAGIC);
        free (self);
    }
}

const uint8_t *txc_blob_data (const txc_blob_t *self)
{
    TXC_CHECK (self, BLOB_MAGIC);
    return self->bytes;
}

uint8_t *txc_blob_edit (txc_blob_t *self)
{
    TXC_CHECK (self, BLOB_MAGIC);
    TXC_ASSERT (atomic_load_explicit (&self->references, memory_order_relaxed) == 1);
    return self->bytes;
}

size_t txc_blob_size (const txc_blob_t *self)
{
    return self ? self->size : 0;
}
