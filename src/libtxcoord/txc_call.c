#include "config.h"

#include "libtxcoord/txc_call.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum { CALL_MAGIC = 0x7c0a11ed };

void txc_call_init (txc_call_t *self)
{
    memset (self, 0, sizeof *self);
    TXC_MAGIC (self, CALL_MAGIC);
    self->notify_fd = -1;
    txc_list_init (&self->node);
    txc_list_init (&self->completed);
    txc_list_init (&self->owner);
    int rc = sem_init (&self->wake, 0, 0);
    TXC_ASSERT (rc == 0);
}

void txc_call_fini (txc_call_t *self)
{
    TXC_CHECK (self, CALL_MAGIC);
    TXC_ASSERT (txc_list_is_empty (&self->node) && txc_list_is_empty (&self->completed));
    TXC_ASSERT (txc_list_is_empty (&self->owner));
    txc_blob_destroy (&self->body);
    sem_destroy (&self->wake);
    TXC_UNMAGIC (self, CALL_MAGIC);
}

txc_call_t *txc_call_new (void)
{
    txc_call_t *self = txc_malloc (sizeof *self);
    txc_call_init (self);
    return self;
}

void txc_call_destroy (txc_call_t **self_p)
{
    if (!*self_p)
        return;
    txc_call_fini (*self_p);
    free (*self_p);
    *self_p = NULL;
}

txc_blob_t *txc_call_take_body (txc_call_t *self)
{
    TXC_CHECK (self, CALL_MAGIC);
    txc_blob_t *body = self->body;
    self->body = NULL;
    return body;
}
