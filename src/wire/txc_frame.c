#include "wire/txc_frame.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "base/txc_version.h"
#include "wire/txc_arena.h"
#include "wire/txc_shape.h"
#include "wire/txcoord.pb-c.h"

#define FRAME_MAGIC  0x7c0f4a3eu
#define READER_MAGIC 0x7c04ead5u

enum {
    ROOM_FIRST = 4096,        /* bytes of a new frame */
    ROOM_KEPT = 256 << 10,    /* bytes that a reset frame keeps */
    SCRATCH = 16 << 10,       /* bytes in which most messages are encoded without the heap */
    READER_FIRST = 32 << 10,  /* likewise decoded */
    TAG_VERSION = 1 << 3,     /* Frame.version: field 1, a varint */
    TAG_MESSAGE = 2 << 3 | 2, /* Frame.messages: field 2, with its length in front */
    VARINT_MAX = 5            /* bytes of a length */
};

/* --- writing ----------------------------------------------------------------- */

struct txc_frame {
    uint32_t magic;
    size_t count;   /* messages */
    uint8_t *bytes; /* an encoded Frame: its fields one after the other */
    size_t size, room;
    txc_arena_t arena; /* the structures of the message that is being encoded */
    _Alignas(max_align_t) uint8_t scratch[SCRATCH];
};

txc_frame_t *txc_frame_new (void)
{
    txc_frame_t *self = txc_malloc (sizeof *self);
    TXC_MAGIC (self, FRAME_MAGIC);
    self->room = ROOM_FIRST;
    self->bytes = txc_malloc (self->room);
    txc_arena_init (&self->arena, self->scratch, sizeof self->scratch);
    txc_frame_reset (self);
    return self;
}

void txc_frame_destroy (txc_frame_t **self_p)
{
    txc_frame_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, FRAME_MAGIC);
    TXC_UNMAGIC (self, FRAME_MAGIC);
    txc_arena_fini (&self->arena);
    free (self->bytes);
    free (self);
}

void txc_frame_reset (txc_frame_t *self)
{
    TXC_CHECK (self, FRAME_MAGIC);
    if (self->room > ROOM_KEPT) {
        self->room = ROOM_KEPT;
        self->bytes = txc_realloc (self->bytes, self->room);
    }
    self->bytes[0] = TAG_VERSION;
    self->bytes[1] = TXC_VERSION_WRITES;
    self->size = 2;
    self->count = 0;
}

size_t txc_frame_count (const txc_frame_t *self)
{
    TXC_CHECK (self, FRAME_MAGIC);
    return self->count;
}

const void *txc_frame_data (txc_frame_t *self, size_t *size)
{
    TXC_CHECK (self, FRAME_MAGIC);
    *size = self->size;
    return self->bytes;
}

/* Room for size more bytes, at most doubling.  TXC_OK, TXC_ELIMIT, TXC_ENOMEM. */
static int s_room (txc_frame_t *self, size_t size)
{
    size_t limit = self->count ? TXC_FRAME_BATCH_MAX : TXC_FRAME_MAX;
    if (self->count == TXC_FRAME_MESSAGES_MAX || size > limit || self->size > limit - size)
        return TXC_ELIMIT;
    size_t need = self->size + size, room = self->room;
    if (need <= room)
        return TXC_OK;
    while (room < need)
        room *= 2;
    uint8_t *bytes = realloc (self->bytes, room);
    if (!bytes)
        return TXC_ENOMEM;
    self->bytes = bytes;
    self->room = room;
    return TXC_OK;
}

static size_t s_put_varint (uint8_t *bytes, size_t value)
{
    size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = (uint8_t) (value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (uint8_t) value;
    return size;
}

/* Core's message as a Message of protobuf-c.  TXC_OK, TXC_EINVAL, TXC_ENOMEM. */
static int s_store (txc_arena_t *arena, const txc_msg_t *message, Txcoord__Message *wire)
{
    const txc_shape_t *shape = txc_shape_of_message (message->type);
    size_t list_size = 0;
    if (!shape)
        return TXC_EINVAL;
    ProtobufCMessage *kind = txc_shape_store (shape, message, arena);
    if (!kind)
        return TXC_ENOMEM;
    if (!txc_shape_check (shape, kind, &list_size))
        return TXC_EINVAL;
    /* The number of a kind is the message's type, and its pointer stands where all kinds have theirs. */
    wire->kind_case = (Txcoord__Message__KindCase) message->type;
    wire->session_open = (Txcoord__SessionOpen *) kind;
    wire->clock = message->clock;
    return TXC_OK;
}

int txc_frame_add (txc_frame_t *self, const txc_msg_t *message)
{
    TXC_CHECK (self, FRAME_MAGIC);
    Txcoord__Message wire = TXCOORD__MESSAGE__INIT;
    txc_arena_reset (&self->arena, TXC_FRAME_MAX); /* what core itself sends is no threat */
    int rc = s_store (&self->arena, message, &wire);
    if (rc)
        return rc;
    size_t size = txcoord__message__get_packed_size (&wire);
    rc = s_room (self, 1 + VARINT_MAX + size);
    if (rc)
        return rc;
    self->bytes[self->size++] = TAG_MESSAGE;
    self->size += s_put_varint (self->bytes + self->size, size);
    self->size += txcoord__message__pack (&wire, self->bytes + self->size);
    self->count++;
    return TXC_OK;
}

/* --- reading ----------------------------------------------------------------- */

struct txc_frame_reader {
    uint32_t magic;
    bool busy;
    txc_arena_t arena;
    txc_error_t error;
    txc_msg_t message;
    _Alignas(max_align_t) uint8_t first[READER_FIRST];
};

txc_frame_reader_t *txc_frame_reader_new (void)
{
    txc_frame_reader_t *self = txc_malloc (sizeof *self);
    TXC_MAGIC (self, READER_MAGIC);
    self->busy = false;
    txc_arena_init (&self->arena, self->first, sizeof self->first);
    return self;
}

void txc_frame_reader_destroy (txc_frame_reader_t **self_p)
{
    txc_frame_reader_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, READER_MAGIC);
    TXC_ASSERT (!self->busy);
    TXC_UNMAGIC (self, READER_MAGIC);
    txc_arena_fini (&self->arena);
    free (self);
}

/* Holds every message against its bounds.  *list_size becomes what the largest borrowed list needs. */
static int s_check (const Txcoord__Frame *frame, size_t *list_size)
{
    if (!TXC_VERSION_IS_READ (frame->version))
        return TXC_EVERSION;
    if (frame->n_messages > TXC_FRAME_MESSAGES_MAX)
        return TXC_ELIMIT;
    for (size_t i = 0; i < frame->n_messages; i++) {
        const Txcoord__Message *message = frame->messages[i];
        const txc_shape_t *shape = txc_shape_of_message ((unsigned) message->kind_case);
        if (!shape || !txc_shape_check (shape, (ProtobufCMessage *) message->session_open, list_size))
            return TXC_EPROTO;
    }
    return TXC_OK;
}

static int s_visit (txc_frame_reader_t *self, const Txcoord__Message *wire, const txc_loan_t *loan,
                    txc_frame_visit_fn *visit, void *arg)
{
    txc_msg_t *message = &self->message;
    memset (message, 0, sizeof *message);
    message->type = (uint8_t) wire->kind_case;
    message->clock = wire->clock;
    if (!txc_shape_load (txc_shape_of_message (message->type), (ProtobufCMessage *) wire->session_open,
                         message, loan))
        return TXC_ENOMEM;
    visit (arg, message);
    txc_blob_destroy (&message->body);
    return TXC_OK;
}

static int s_visit_all (txc_frame_reader_t *self, const Txcoord__Frame *frame, txc_frame_visit_fn *visit,
                        void *arg)
{
    size_t list_size = 0;
    int rc = s_check (frame, &list_size);
    if (rc)
        return rc;
    txc_loan_t loan = {.list = txc_arena_alloc (&self->arena, list_size), .error = &self->error};
    if (!loan.list)
        return txc_arena_why (&self->arena);
    for (size_t i = 0; i < frame->n_messages && rc == TXC_OK; i++)
        rc = s_visit (self, frame->messages[i], &loan, visit, arg);
    return rc;
}

int txc_frame_reader_read (txc_frame_reader_t *self, const void *bytes, size_t size,
                           txc_frame_visit_fn *visit, void *arg)
{
    TXC_CHECK (self, READER_MAGIC);
    TXC_ASSERT (!self->busy);
    if (size > TXC_FRAME_MAX)
        return TXC_ELIMIT;
    self->busy = true;
    txc_arena_reset (&self->arena, txc_arena_budget (size));
    const Txcoord__Frame *frame = txcoord__frame__unpack (&self->arena.allocator, size, bytes);
    int rc = frame ? s_visit_all (self, frame, visit, arg) : txc_arena_why (&self->arena);
    txc_arena_reset (&self->arena, 0); /* not to keep what one large frame needed */
    self->busy = false;
    return rc;
}

int txc_frame_read (const void *bytes, size_t size, txc_frame_visit_fn *visit, void *arg)
{
    txc_frame_reader_t *reader = txc_frame_reader_new();
    int rc = txc_frame_reader_read (reader, bytes, size, visit, arg);
    txc_frame_reader_destroy (&reader);
    return rc;
}
