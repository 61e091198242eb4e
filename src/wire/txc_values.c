#include "wire/txc_values.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_codes.h"

/* Grows an array to at least need elements.  NULL, with the old one as it was: no memory. */
static void *s_grow (void *array, size_t need, size_t *max, size_t element)
{
    if (need <= *max)
        return array;
    size_t grown = *max ? *max : 64;
    while (grown < need)
        grown *= 2;
    void *memory = realloc (array, grown * element);
    if (memory)
        *max = grown;
    return memory;
}

int txc_values_add (txc_values_buffer_t *self, const char *data, size_t size)
{
    if (size >= UINT32_MAX)
        return TXC_ELIMIT;
    uint32_t *sizes = s_grow (self->sizes, self->n_sizes + 1, &self->max_sizes, sizeof *sizes);
    if (!sizes)
        return TXC_ENOMEM;
    self->sizes = sizes;
    if (!data) {
        self->sizes[self->n_sizes++] = 0;
        return TXC_OK;
    }
    uint8_t *bytes = s_grow (self->data, self->size + size + 1, &self->room, 1);
    if (!bytes)
        return TXC_ENOMEM;
    self->data = bytes;
    memcpy (bytes + self->size, data, size);
    bytes[self->size + size] = '\0';
    self->size += size + 1;
    self->sizes[self->n_sizes++] = (uint32_t) size + 1;
    return TXC_OK;
}

void txc_values_fini (txc_values_buffer_t *self)
{
    free (self->sizes);
    free (self->data);
    *self = (txc_values_buffer_t){0};
}

Txcoord__Values txc_values_wire (const txc_values_buffer_t *self)
{
    Txcoord__Values wire = TXCOORD__VALUES__INIT;
    wire.n_sizes = self->n_sizes;
    wire.sizes = self->sizes;
    wire.data.len = self->size;
    wire.data.data = self->data;
    return wire;
}

bool txc_values_index (Txcoord__Values *wire)
{
    /* Each size becomes the position at which its value ends, so that any of them is found in one step. */
    const uint8_t *data = wire->data.data;
    size_t end = 0;
    for (size_t i = 0; i < wire->n_sizes; i++) {
        size_t size = wire->sizes[i];
        if (size > wire->data.len - end)
            return false;
        end += size;
        if (size && data[end - 1] != '\0')
            return false;
        wire->sizes[i] = (uint32_t) end;
    }
    return end == wire->data.len;
}

txc_value_t txc_values_at (const Txcoord__Values *wire, size_t i)
{
    size_t begin = i ? wire->sizes[i - 1] : 0, end = wire->sizes[i];
    if (begin == end)
        return (txc_value_t){0};
    return (txc_value_t){.data = (const char *) wire->data.data + begin, .size = end - begin - 1};
}
