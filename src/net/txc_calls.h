/*
 * txc_calls.h - the calls of a client or an agent to the replicas of a coordinator, by endpoint.
 *
 * Which replicas there are changes while it runs, and core knows them
 * (core/txc_leader.h): an endpoint is called when something is first to be sent
 * there, and given up once it is none of theirs any more.
 *
 * Threads: as the net's.
 */
#ifndef TXC_CALLS_H
#define TXC_CALLS_H

#include "net/txc_net.h"

enum { TXC_CALLS_MAX = 2 * TXC_REPLICAS_MAX }; /* as many as core remembers */

typedef struct txc_calls {
    uint32_t n;
    unsigned version; /* changes whenever a call is made or given up */
    struct {
        uint64_t route;
        char endpoint[TXC_ENDPOINT_MAX + 1];
    } items[TXC_CALLS_MAX];
} txc_calls_t;

/* The route to endpoint, called now if it was not yet.  0: it is no endpoint, or there are too many. */
uint64_t txc_calls_route (txc_calls_t *self, txc_net_t *net, const char *endpoint);

/* The endpoint behind a route; NULL if it is none of theirs.  Valid until the next keep. */
const char *txc_calls_endpoint (const txc_calls_t *self, uint64_t route);

/* Gives up what nth does not name: it gives endpoints from 0 up, then NULL.  Not from within
 * txc_net_receive. */
typedef const char *(txc_calls_nth_fn) (const void *arg, uint32_t i);
void txc_calls_keep (txc_calls_t *self, txc_net_t *net, txc_calls_nth_fn *nth, const void *arg);

/* Takes a list apart: endpoints separated by commas, with spaces around them if need be.  *n becomes how
 * many. TXC_OK, or TXC_EINVAL / TXC_ECONFIG with error set. */
int txc_calls_parse (const char *list, char endpoints[TXC_REPLICAS_MAX][TXC_ENDPOINT_MAX + 1], uint32_t *n,
                     txc_error_t *error);

#endif
