/*
 * txc_routes.h - the peers that can be answered, by number and by identity.
 *
 * A route leads either to a peer of the listening socket, known by the
 * identity that ZeroMQ gave it, or through a socket of its own to an endpoint
 * that was called.  Of the first kind at most `max` are kept: a new one then
 * takes the place of the one that was used least lately.
 */
#ifndef TXC_ROUTES_H
#define TXC_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/txc_hash.h"
#include "base/txc_list.h"

enum { TXC_IDENTITY_MAX = 255 }; /* ZeroMQ's */

typedef struct txc_route {
    txc_hash_node_t by_number, by_identity;
    txc_list_t used;    /* listening side: on the list of peers, the last used at its end */
    txc_list_t pending; /* on the owner's list of routes with a frame to send */
    uint64_t number;
    void *socket; /* calling side: its own, a txc_socket_t of the owner; NULL: the listening socket */
    void *frame;  /* the owner's */
    uint8_t identity_size;
    uint8_t identity[TXC_IDENTITY_MAX];
} txc_route_t;

typedef struct txc_routes {
    txc_hash_t by_number, by_identity;
    txc_list_t peers;
    uint32_t n_peers, max;
    uint64_t last; /* number given out */
    uint64_t seed; /* peers may choose their identities, but not where they hash to */
} txc_routes_t;

void txc_routes_init (txc_routes_t *self, uint32_t max, uint64_t seed);

/* Frees every route; the owner has taken frames and sockets out of them. */
void txc_routes_fini (txc_routes_t *self);

/* The route of the peer with this identity (at most TXC_IDENTITY_MAX bytes), or NULL. */
txc_route_t *txc_routes_find_peer (const txc_routes_t *self, const void *identity, size_t size);

/* A route for a peer that has none.  There has to be room, see txc_routes_victim. */
txc_route_t *txc_routes_add_peer (txc_routes_t *self, const void *identity, size_t size);

/* The peer that has to go before another is taken in; NULL as long as there is room. */
txc_route_t *txc_routes_victim (const txc_routes_t *self);

/* A route through a socket of its own; these are not counted against max. */
txc_route_t *txc_routes_call (txc_routes_t *self, void *socket);

txc_route_t *txc_routes_find (const txc_routes_t *self, uint64_t number);

/* It was used: it goes last. */
void txc_routes_touch (txc_routes_t *self, txc_route_t *route);

/* Takes a route out and frees it; its frame and socket are the owner's business. */
void txc_routes_remove (txc_routes_t *self, txc_route_t *route);

#endif
