#include "core/txc_leader.h"

#include <string.h>

#include "base/txc_mem.h"

static uint32_t s_find (const txc_leader_t *self, const char *endpoint)
{
    uint32_t i = 0;
    while (i < self->n && strcmp (self->places[i].endpoint, endpoint) != 0)
        i++;
    return i;
}

/* Behind the members. */
static void s_add_configured (txc_leader_t *self)
{
    for (uint32_t i = 0; i < self->n_configured; i++) {
        if (s_find (self, self->configured[i]) < self->n)
            continue;
        txc_member_t *place = &self->places[self->n++];
        *place = (txc_member_t){.id = 0};
        memcpy (place->endpoint, self->configured[i], sizeof place->endpoint);
    }
}

void txc_leader_init (txc_leader_t *self, const char endpoints[][TXC_ENDPOINT_MAX + 1], uint32_t n)
{
    memset (self, 0, sizeof *self);
    self->n_configured = n < TXC_REPLICAS_MAX ? n : TXC_REPLICAS_MAX;
    for (uint32_t i = 0; i < self->n_configured; i++)
        txc_copy_text (self->configured[i], sizeof self->configured[i], endpoints[i]);
    s_add_configured (self);
}

const char *txc_leader_nth (const txc_leader_t *self, uint32_t i)
{
    return i < self->n ? self->places[i].endpoint : NULL;
}

const char *txc_leader_endpoint (const txc_leader_t *self)
{
    return txc_leader_nth (self, self->current);
}

/* A group of one need not say where it is. */
static bool s_is_complete (const txc_msg_t *message)
{
    for (uint32_t i = 0; i < message->n_members; i++)
        if (!message->members[i].endpoint[0])
            return false;
    return message->n_members > 0 && message->n_members <= TXC_REPLICAS_MAX;
}

void txc_leader_learn (txc_leader_t *self, const txc_msg_t *message)
{
    char asked[TXC_ENDPOINT_MAX + 1];
    if (!s_is_complete (message))
        return;
    txc_copy_text (asked, sizeof asked, txc_leader_endpoint (self));
    self->n = self->n_members = message->n_members;
    memcpy (self->places, message->members, self->n * sizeof *self->places);
    s_add_configured (self);
    self->current = s_find (self, asked);
    if (self->current == self->n)
        self->current = 0; /* it was a member, and is none any more */
}

bool txc_leader_is (txc_leader_t *self, uint32_t id)
{
    for (uint32_t i = 0; i < self->n_members; i++)
        if (self->places[i].id == id) {
            bool news = self->current != i;
            self->current = i;
            return news;
        }
    return false;
}

void txc_leader_is_at (txc_leader_t *self, const char *endpoint)
{
    uint32_t i = s_find (self, endpoint);
    if (i < self->n)
        self->current = i;
}

void txc_leader_next (txc_leader_t *self)
{
    if (self->n)
        self->current = (self->current + 1) % self->n;
}
