#include "net/txc_routes.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_id.h"
#include "base/txc_mem.h"

void txc_routes_init (txc_routes_t *self, uint32_t max, uint64_t seed)
{
    TXC_ASSERT (max > 0);
    memset (self, 0, sizeof *self);
    txc_hash_init (&self->by_number);
    txc_hash_init (&self->by_identity);
    txc_list_init (&self->peers);
    self->max = max;
    self->seed = seed;
}

void txc_routes_fini (txc_routes_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->by_number, &cursor); node;
         node = txc_hash_step (&self->by_number, &cursor))
        txc_routes_remove (self, TXC_CONTAINER (node, txc_route_t, by_number));
    TXC_ASSERT (self->n_peers == 0);
    txc_hash_fini (&self->by_number);
    txc_hash_fini (&self->by_identity);
}

static uint64_t s_identity_hash (const txc_routes_t *self, const void *identity, size_t size)
{
    return txc_mix64 (txc_digest64 (self->seed, identity, size));
}

txc_route_t *txc_routes_find_peer (const txc_routes_t *self, const void *identity, size_t size)
{
    uint64_t hash = s_identity_hash (self, identity, size);
    for (txc_hash_node_t *node = txc_hash_first (&self->by_identity, hash); node;
         node = txc_hash_next (node)) {
        txc_route_t *route = TXC_CONTAINER (node, txc_route_t, by_identity);
        if (route->identity_size == size && memcmp (route->identity, identity, size) == 0)
            return route;
    }
    return NULL;
}

static txc_route_t *s_new (txc_routes_t *self)
{
    txc_route_t *route = txc_calloc (1, sizeof *route);
    txc_list_init (&route->used);
    txc_list_init (&route->pending);
    route->number = ++self->last;
    txc_hash_add (&self->by_number, &route->by_number, txc_mix64 (route->number));
    return route;
}

txc_route_t *txc_routes_add_peer (txc_routes_t *self, const void *identity, size_t size)
{
    TXC_ASSERT (self->n_peers < self->max && size <= TXC_IDENTITY_MAX);
    txc_route_t *route = s_new (self);
    memcpy (route->identity, identity, size);
    route->identity_size = (uint8_t) size;
    txc_hash_add (&self->by_identity, &route->by_identity, s_identity_hash (self, identity, size));
    txc_list_append (&self->peers, &route->used);
    self->n_peers++;
    return route;
}

txc_route_t *txc_routes_victim (const txc_routes_t *self)
{
    if (self->n_peers < self->max)
        return NULL;
    return TXC_CONTAINER (self->peers.next, txc_route_t, used);
}

txc_route_t *txc_routes_call (txc_routes_t *self, void *socket)
{
    TXC_ASSERT (socket);
    txc_route_t *route = s_new (self);
    route->socket = socket;
    return route;
}

txc_route_t *txc_routes_find (const txc_routes_t *self, uint64_t number)
{
    for (txc_hash_node_t *node = txc_hash_first (&self->by_number, txc_mix64 (number)); node;
         node = txc_hash_next (node)) {
        txc_route_t *route = TXC_CONTAINER (node, txc_route_t, by_number);
        if (route->number == number)
            return route;
    }
    return NULL;
}

void txc_routes_touch (txc_routes_t *self, txc_route_t *route)
{
    if (route->socket)
        return;
    txc_list_remove (&route->used);
    txc_list_append (&self->peers, &route->used);
}

void txc_routes_remove (txc_routes_t *self, txc_route_t *route)
{
    txc_hash_remove (&self->by_number, &route->by_number);
    if (!route->socket) {
        txc_hash_remove (&self->by_identity, &route->by_identity);
        self->n_peers--;
    }
    txc_list_remove (&route->used);
    txc_list_remove (&route->pending);
    free (route);
}
