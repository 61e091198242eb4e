#include "core/txc_leader.h"

#include <string.h>

#include "base/txc_mem.h"

void txc_leader_init (txc_leader_t *self, const char endpoints[][TXC_ENDPOINT_MAX + 1], uint32_t n)
{
    memset (self, 0, sizeof *self);
    self->n = n < TXC_REPLICAS_MAX ? n : TXC_REPLICAS_MAX;
    for (uint32_t i = 0; i < self->n; i++)
        txc_copy_text (self->members[i].endpoint, sizeof self->members[i].endpoint, endpoints[i]);
}

const char *txc_leader_nth (const txc_leader_t *self, uint32_t i)
{
    return i < self->n ? self->members[i].endpoint : NULL;
}

const char *txc_leader_endpoint (const txc_leader_t *self)
{
    return txc_leader_nth (self, self->current);
}

void txc_leader_learn (txc_leader_t *self, const txc_msg_t *message)
{
    char before[TXC_ENDPOINT_MAX + 1];
    if (message->n_members == 0 || message->n_members > TXC_REPLICAS_MAX)
        return;
    for (uint32_t i = 0; i < message->n_members; i++)
        if (!message->members[i].endpoint[0])
            return; /* a group of one need not say where it is */
    txc_copy_text (before, sizeof before, txc_leader_endpoint (self));
    self->n = message->n_members;
    self->current = 0;
    memcpy (self->members, message->members, self->n * sizeof *self->members);
    for (uint32_t i = 0; i < self->n; i++)
        if (strcmp (self->members[i].endpoint, before) == 0)
            self->current = i;
}

bool txc_leader_is (txc_leader_t *self, uint32_t id)
{
    for (uint32_t i = 0; id && i < self->n; i++)
        if (self->members[i].id == id) {
            bool news = self->current != i;
            self->current = i;
            return news;
        }
    return false;
}

void txc_leader_next (txc_leader_t *self)
{
    if (self->n)
        self->current = (self->current + 1) % self->n;
}
