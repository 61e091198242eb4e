/*
 * txc_shape.h - how structures of core and of txcoord.proto correspond.
 *
 * A shape lists the fields that both sides of one message have in common, as
 * offsets with their bounds.  Three functions walk it: check holds a decoded
 * structure against the bounds, load copies it into core's structure, store
 * goes the other way.  So each bound stands in one place and holds for what is
 * sent as well as for what is received.
 */
#ifndef TXC_SHAPE_H
#define TXC_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "core/txc_journal.h"
#include "core/txc_message.h"
#include "core/txc_record.h"
#include "wire/txc_arena.h"

typedef enum txc_field_kind {
    TXC_FIELD_U32,
    TXC_FIELD_I32,
    TXC_FIELD_U64,
    TXC_FIELD_BOOL,
    TXC_FIELD_ENUM, /* an int there, a uint8_t here; min <= value <= max */
    TXC_FIELD_TEXT, /* bytes there, a char array with a NUL at its end here; at most max bytes, alphabet */
    TXC_FIELD_SUB,  /* a pointer there, a structure here */
    TXC_FIELD_LOAN, /* a pointer on both sides: core's structure is borrowed, NULL if absent */
    TXC_FIELD_LIST, /* an array of pointers there, of structures here (inline or borrowed); at most max */
    TXC_FIELD_BODY  /* bytes there, a blob here; at most max bytes, none: NULL */
} txc_field_kind_t;

/* What a text may hold. */
typedef enum txc_alphabet {
    TXC_ALPHABET_TEXT,      /* anything but NUL */
    TXC_ALPHABET_PRINTABLE, /* ASCII from space to tilde */
    TXC_ALPHABET_ENDPOINT,  /* the same without space */
    TXC_ALPHABET_SQLSTATE,  /* [0-9A-Z] */
    TXC_ALPHABET_NAME       /* [a-z0-9_-] */
} txc_alphabet_t;

typedef struct txc_shape txc_shape_t;

typedef struct txc_field {
    uint8_t kind;             /* txc_field_kind_t */
    uint8_t alphabet;         /* TEXT */
    bool required;            /* not zero, not empty, not absent */
    bool borrowed;            /* LIST: core's side is a pointer to the elements */
    uint16_t wire;            /* offset in protobuf-c's structure */
    uint16_t core;            /* offset in core's */
    uint16_t count;           /* LIST: offset of core's number of elements */
    uint8_t min;              /* ENUM */
    uint32_t max;             /* ENUM, TEXT, LIST, BODY */
    const txc_shape_t *shape; /* SUB, LOAN, LIST: of the element */
} txc_field_t;

struct txc_shape {
    const ProtobufCMessageDescriptor *descriptor;
    const txc_field_t *fields;
    uint16_t n_fields;
    uint16_t core_size; /* of core's structure, for SUB, LOAN and LIST */
};

/* Memory for what a loaded structure borrows; the check before it has made sure of the size. */
typedef struct txc_loan {
    void *list;
    txc_error_t *error;
} txc_loan_t;

/* True if every field is within its bounds.  *list_size becomes the larger of itself and the bytes that a
 * borrowed list needs. */
bool txc_shape_check (const txc_shape_t *self, const ProtobufCMessage *wire, size_t *list_size);

/* Copies what was checked; core is zeroed beforehand, elements of lists need not be.  False: no memory for a
 * body. */
bool txc_shape_load (const txc_shape_t *self, const ProtobufCMessage *wire, void *core,
                     const txc_loan_t *loan);

/* A protobuf-c structure in the arena, which borrows texts and bodies from core.  NULL: the arena has no
 * room. */
ProtobufCMessage *txc_shape_store (const txc_shape_t *self, const void *core, txc_arena_t *arena);

/* The shapes of txcoord.proto (txc_schema.c). */
const txc_shape_t *txc_shape_of_message (unsigned type); /* NULL: no such type */
extern const txc_shape_t *const txc_shape_record;
extern const txc_shape_t *const txc_shape_journal;

#endif
