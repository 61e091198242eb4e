#include "core/txc_update.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

/* The arena: blocks chained through their first word; only the first is kept from step to step. */
typedef struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(max_align_t) uint8_t bytes[];
} arena_block_t;

enum { ARENA_BLOCK = 16384 };

const char *txc_entry_form_name (txc_entry_form_t form)
{
    static const char *const names[TXC_ENTRY_FORMS] = {"?",      "accepted", "promised", "learned",
                                                       "chosen", "disk",     "voted"};
    return form < TXC_ENTRY_FORMS ? names[form] : "?";
}

void txc_update_init (txc_update_t *self)
{
    memset (self, 0, sizeof *self);
}

void *txc_update_alloc (txc_update_t *self, size_t size)
{
    size = (size + 15) & ~(size_t) 15;
    arena_block_t *block = self->arena;
    if (!block || block->size - block->used < size) {
        size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
        block = txc_malloc (sizeof *block + room);
        block->next = self->arena;
        block->used = 0;
        block->size = room;
        self->arena = block;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memset (memory, 0, size);
}

void txc_update_clear (txc_update_t *self)
{
    for (uint32_t i = 0; i < self->n_messages; i++)
        txc_blob_destroy (&self->messages[i].body);
    for (uint32_t i = 0; i < self->n_work; i++)
        txc_blob_destroy (&self->work[i].body);
    for (uint32_t i = 0; i < self->n_completions; i++)
        txc_blob_destroy (&self->completions[i].body);
    self->n_entries = self->n_messages = self->n_work = self->n_completions = 0;
    self->checkpoint = false;
    arena_block_t *block = self->arena;
    while (block && block->next) {
        arena_block_t *next = block->next;
        free (block);
        block = next;
    }
    if (block)
        block->used = 0;
    self->arena = block;
}

void txc_update_fini (txc_update_t *self)
{
    txc_update_clear (self);
    free (self->arena);
    free (self->entries);
    free (self->messages);
    free (self->work);
    free (self->completions);
    memset (self, 0, sizeof *self);
}

/* Room for one more element; returns the array, perhaps moved. */
static void *s_room (void *array, uint32_t count, uint32_t *max, size_t size)
{
    if (count < *max)
        return array;
    *max = *max ? *max * 2 : 8;
    return txc_realloc (array, *max * size);
}

txc_msg_t *txc_update_message (txc_update_t *self, txc_msg_type_t type, uint64_t route)
{
    self->messages = s_room (self->messages, self->n_messages, &self->max_messages, sizeof *self->messages);
    txc_msg_t *message = &self->messages[self->n_messages++];
    memset (message, 0, sizeof *message);
    message->type = (uint8_t) type;
    message->route = route;
    message->clock = self->clock;
    return message;
}

txc_work_t *txc_update_work (txc_update_t *self, txc_work_op_t op)
{
    self->work = s_room (self->work, self->n_work, &self->max_work, sizeof *self->work);
    txc_work_t *work = &self->work[self->n_work++];
    memset (work, 0, sizeof *work);
    work->op = (uint8_t) op;
    return work;
}

txc_completion_t *txc_update_complete (txc_update_t *self, uint64_t operation, int code)
{
    self->completions =
        s_room (self->completions, self->n_completions, &self->max_completions, sizeof *self->completions);
    txc_completion_t *completion = &self->completions[self->n_completions++];
    memset (completion, 0, sizeof *completion);
    completion->operation = operation;
    completion->code = code;
    completion->error.code = code;
    return completion;
}

txc_entry_t *txc_update_entry (txc_update_t *self, uint64_t number, bool forced, uint8_t kind,
                               const void *bytes, size_t size)
{
    TXC_ASSERT (size <= TXC_RECORD_MAX);
    self->entries = s_room (self->entries, self->n_entries, &self->max_entries, sizeof *self->entries);
    uint8_t *copy = txc_update_alloc (self, size);
    if (size)
        memcpy (copy, bytes, size);
    txc_entry_t *entry = &self->entries[self->n_entries++];
    *entry = (txc_entry_t){.number = number,
                           .slot = number,
                           .forced = forced,
                           .kind = kind,
                           .size = (uint32_t) size,
                           .bytes = copy};
    return entry;
}
