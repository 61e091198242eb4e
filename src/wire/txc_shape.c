#include "wire/txc_shape.h"

#include <string.h>

#include "base/txc_assert.h"

/* A member of a structure that is known by its offset. */
#define AT(type, object, offset)   (*(type *) (void *) ((char *) (object) + (offset)))
#define PEEK(type, object, offset) (*(type const *) (const void *) ((const char *) (object) + (offset)))

/* --- bounds -------------------------------------------------------------- */

/* The characters of each alphabet, a bit each. */
static const uint64_t s_alphabets[][4] = {
    [TXC_ALPHABET_TEXT] = {~UINT64_C (1), UINT64_MAX, UINT64_MAX, UINT64_MAX},
    [TXC_ALPHABET_PRINTABLE] = {0xffffffff00000000, 0x7fffffffffffffff},
    [TXC_ALPHABET_ENDPOINT] = {0xfffffffe00000000, 0x7fffffffffffffff},
    [TXC_ALPHABET_SQLSTATE] = {0x03ff000000000000, 0x0000000007fffffe},
    [TXC_ALPHABET_NAME] = {0x03ff200000000000, 0x07fffffe80000000},
};

static bool s_is_allowed (const uint64_t alphabet[4], uint8_t c)
{
    return (alphabet[c >> 6] >> (c & 63) & 1) != 0;
}

static bool s_check_text (const txc_field_t *field, const ProtobufCBinaryData *text)
{
    if (text->len > field->max || (field->required && text->len == 0))
        return false;
    for (size_t i = 0; i < text->len; i++)
        if (!s_is_allowed (s_alphabets[field->alphabet], text->data[i]))
            return false;
    return true;
}

static bool s_check_list (const txc_field_t *field, const ProtobufCMessage *wire, size_t *list_size)
{
    /* protobuf-c lays a repeated field out as its number and, behind it, the pointer to its elements. */
    size_t count = PEEK (size_t, wire, field->wire);
    ProtobufCMessage **elements = PEEK (ProtobufCMessage **, wire, field->wire + sizeof (size_t));
    if (count > field->max)
        return false;
    if (field->borrowed && count * field->shape->core_size > *list_size)
        *list_size = count * field->shape->core_size;
    for (size_t i = 0; i < count; i++)
        if (!txc_shape_check (field->shape, elements[i], list_size))
            return false;
    return true;
}

static bool s_check_field (const txc_field_t *field, const ProtobufCMessage *wire, size_t *list_size)
{
    switch ((txc_field_kind_t) field->kind) {
    case TXC_FIELD_U32:
    case TXC_FIELD_I32:
    case TXC_FIELD_BOOL:
        return !field->required || PEEK (uint32_t, wire, field->wire) != 0;
    case TXC_FIELD_U64:
        return !field->required || PEEK (uint64_t, wire, field->wire) != 0;
    case TXC_FIELD_ENUM: {
        int value = PEEK (int, wire, field->wire);
        return value >= field->min && value <= (int) field->max;
    }
    case TXC_FIELD_TEXT:
        return s_check_text (field, &PEEK (ProtobufCBinaryData, wire, field->wire));
    case TXC_FIELD_SUB:
    case TXC_FIELD_LOAN: {
        const ProtobufCMessage *sub = PEEK (ProtobufCMessage *, wire, field->wire);
        return sub ? txc_shape_check (field->shape, sub, list_size) : !field->required;
    }
    case TXC_FIELD_LIST:
        return s_check_list (field, wire, list_size);
    case TXC_FIELD_BODY:
        return PEEK (ProtobufCBinaryData, wire, field->wire).len <= field->max;
    }
    TXC_NEVER();
}

bool txc_shape_check (const txc_shape_t *self, const ProtobufCMessage *wire, size_t *list_size)
{
    TXC_ASSERT (wire->descriptor == self->descriptor);
    for (unsigned i = 0; i < self->n_fields; i++)
        if (!s_check_field (&self->fields[i], wire, list_size))
            return false;
    return true;
}

/* --- from the wire to core ------------------------------------------------- */

static bool s_load_list (const txc_field_t *field, const ProtobufCMessage *wire, void *core,
                         const txc_loan_t *loan)
{
    size_t count = PEEK (size_t, wire, field->wire);
    ProtobufCMessage **elements = PEEK (ProtobufCMessage **, wire, field->wire + sizeof (size_t));
    size_t size = field->shape->core_size;
    char *target = (char *) core + field->core;
    AT (uint32_t, core, field->count) = (uint32_t) count;
    if (count == 0)
        return true;
    if (field->borrowed) {
        target = loan->list;
        AT (const void *, core, field->core) = target;
    }
    memset (target, 0, count * size);
    for (size_t i = 0; i < count; i++)
        if (!txc_shape_load (field->shape, elements[i], target + i * size, loan))
            return false;
    return true;
}

static bool s_load_body (const ProtobufCBinaryData *bytes, txc_blob_t **blob)
{
    if (bytes->len == 0)
        return true;
    *blob = txc_blob_new (bytes->data, bytes->len);
    return *blob != NULL;
}

static bool s_load_field (const txc_field_t *field, const ProtobufCMessage *wire, void *core,
                          const txc_loan_t *loan)
{
    switch ((txc_field_kind_t) field->kind) {
    case TXC_FIELD_U32:
    case TXC_FIELD_I32:
        AT (uint32_t, core, field->core) = PEEK (uint32_t, wire, field->wire);
        return true;
    case TXC_FIELD_U64:
        AT (uint64_t, core, field->core) = PEEK (uint64_t, wire, field->wire);
        return true;
    case TXC_FIELD_BOOL:
        AT (bool, core, field->core) = PEEK (protobuf_c_boolean, wire, field->wire) != 0;
        return true;
    case TXC_FIELD_ENUM:
        AT (uint8_t, core, field->core) = (uint8_t) PEEK (int, wire, field->wire);
        return true;
    case TXC_FIELD_TEXT: {
        const ProtobufCBinaryData *text = &PEEK (ProtobufCBinaryData, wire, field->wire);
        if (text->len)
            memcpy ((char *) core + field->core, text->data, text->len);
        AT (char, core, field->core + text->len) = '\0';
        return true;
    }
    case TXC_FIELD_SUB: {
        const ProtobufCMessage *sub = PEEK (ProtobufCMessage *, wire, field->wire);
        return !sub || txc_shape_load (field->shape, sub, (char *) core + field->core, loan);
    }
    case TXC_FIELD_LOAN: {
        const ProtobufCMessage *sub = PEEK (ProtobufCMessage *, wire, field->wire);
        if (!sub)
            return true;
        AT (const void *, core, field->core) = loan->error;
        return txc_shape_load (field->shape, sub, loan->error, loan);
    }
    case TXC_FIELD_LIST:
        return s_load_list (field, wire, core, loan);
    case TXC_FIELD_BODY:
        return s_load_body (&PEEK (ProtobufCBinaryData, wire, field->wire),
                            &AT (txc_blob_t *, core, field->core));
    }
    TXC_NEVER();
}

bool txc_shape_load (const txc_shape_t *self, const ProtobufCMessage *wire, void *core,
                     const txc_loan_t *loan)
{
    for (unsigned i = 0; i < self->n_fields; i++)
        if (!s_load_field (&self->fields[i], wire, core, loan))
            return false;
    return true;
}

/* --- from core to the wire ------------------------------------------------- */

/* Whether a structure of plain numbers is all zero; its padding does not count. */
static bool s_is_zero (const txc_shape_t *shape, const void *core)
{
    for (unsigned i = 0; i < shape->n_fields; i++) {
        const txc_field_t *field = &shape->fields[i];
        bool zero = field->kind == TXC_FIELD_U64    ? PEEK (uint64_t, core, field->core) == 0
                    : field->kind == TXC_FIELD_ENUM ? PEEK (uint8_t, core, field->core) == 0
                                                    : PEEK (uint32_t, core, field->core) == 0;
        if (!zero)
            return false;
    }
    return true;
}

static bool s_store_list (const txc_field_t *field, const void *core, ProtobufCMessage *wire,
                          txc_arena_t *arena)
{
    size_t count = PEEK (uint32_t, core, field->count), size = field->shape->core_size;
    if (count == 0)
        return true;
    /* The check comes later; here it is enough not to follow a number that cannot be right. */
    TXC_ASSERT (count <= field->max);
    const char *source =
        field->borrowed ? PEEK (char *, core, field->core) : (const char *) core + field->core;
    ProtobufCMessage **elements = txc_arena_alloc (arena, count * sizeof *elements);
    if (!elements)
        return false;
    for (size_t i = 0; i < count; i++) {
        elements[i] = txc_shape_store (field->shape, source + i * size, arena);
        if (!elements[i])
            return false;
    }
    AT (size_t, wire, field->wire) = count;
    AT (ProtobufCMessage **, wire, field->wire + sizeof (size_t)) = elements;
    return true;
}

static void s_store_text (const txc_field_t *field, const void *core, ProtobufCBinaryData *text)
{
    const char *source = (const char *) core + field->core;
    const char *end = memchr (source, '\0', field->max + 1);
    TXC_ASSERT (end != NULL);
    text->data = (uint8_t *) (uintptr_t) source; /* only read: protobuf-c has no const */
    text->len = (size_t) (end - source);
}

static bool s_store_sub (const txc_field_t *field, const void *core, ProtobufCMessage *wire,
                         txc_arena_t *arena)
{
    ProtobufCMessage *sub = txc_shape_store (field->shape, core, arena);
    AT (ProtobufCMessage *, wire, field->wire) = sub;
    return sub != NULL;
}

static bool s_store_field (const txc_field_t *field, const void *core, ProtobufCMessage *wire,
                           txc_arena_t *arena)
{
    switch ((txc_field_kind_t) field->kind) {
    case TXC_FIELD_U32:
    case TXC_FIELD_I32:
        AT (uint32_t, wire, field->wire) = PEEK (uint32_t, core, field->core);
        return true;
    case TXC_FIELD_U64:
        AT (uint64_t, wire, field->wire) = PEEK (uint64_t, core, field->core);
        return true;
    case TXC_FIELD_BOOL:
        AT (protobuf_c_boolean, wire, field->wire) = PEEK (bool, core, field->core);
        return true;
    case TXC_FIELD_ENUM:
        AT (int, wire, field->wire) = PEEK (uint8_t, core, field->core);
        return true;
    case TXC_FIELD_TEXT:
        s_store_text (field, core, &AT (ProtobufCBinaryData, wire, field->wire));
        return true;
    case TXC_FIELD_SUB: {
        const char *sub = (const char *) core + field->core;
        return (!field->required && s_is_zero (field->shape, sub)) || s_store_sub (field, sub, wire, arena);
    }
    case TXC_FIELD_LOAN: {
        const void *loan = PEEK (void *, core, field->core);
        return !loan || s_store_sub (field, loan, wire, arena);
    }
    case TXC_FIELD_LIST:
        return s_store_list (field, core, wire, arena);
    case TXC_FIELD_BODY: {
        txc_blob_t *blob = PEEK (txc_blob_t *, core, field->core);
        if (blob)
            AT (ProtobufCBinaryData, wire, field->wire) = (ProtobufCBinaryData){
                .len = txc_blob_size (blob), .data = (uint8_t *) (uintptr_t) txc_blob_data (blob)};
        return true;
    }
    }
    TXC_NEVER();
}

ProtobufCMessage *txc_shape_store (const txc_shape_t *self, const void *core, txc_arena_t *arena)
{
    ProtobufCMessage *wire = txc_arena_alloc (arena, self->descriptor->sizeof_message);
    if (!wire)
        return NULL;
    protobuf_c_message_init (self->descriptor, wire);
    for (unsigned i = 0; i < self->n_fields; i++)
        if (!s_store_field (&self->fields[i], core, wire, arena))
            return NULL;
    return wire;
}
