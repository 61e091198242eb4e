/*
 * The other agents that this one calls, in order to end transactions with them.
 *
 * An agent that is started anew may listen elsewhere, and what is named by old
 * prepares is called for nothing; so whoever was not called for a while goes, and
 * at the limit the one that was called least lately.  A route is good for the step
 * that gave it out: what this step calls keeps its place until the next one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "core/txc_agent_private.h"

enum { IDLE_MS = 60000 /* longer than anybody waits before he asks again */ };

static txc_agent_peer_t *s_find (const txc_agent_t *self, const char *endpoint)
{
    for (uint32_t i = 0; i < self->n_peers; i++)
        if (strcmp (self->peers[i].endpoint, endpoint) == 0)
            return &self->peers[i];
    return NULL;
}

/* The place of the one that was called least lately; NULL: this step calls them all. */
static txc_agent_peer_t *s_reuse (const txc_agent_t *self)
{
    txc_agent_peer_t *oldest = self->peers;
    for (uint32_t i = 1; i < self->n_peers; i++)
        if (self->peers[i].step < oldest->step)
            oldest = &self->peers[i];
    return oldest->step < self->steps ? oldest : NULL;
}

static txc_agent_peer_t *s_add (txc_agent_t *self, const char *endpoint)
{
    txc_agent_peer_t *peer;
    if (self->n_peers == self->max_peers && self->n_peers < TXC_AGENTS_MAX) {
        self->max_peers = self->max_peers ? self->max_peers * 2 : 4;
        self->peers = txc_realloc (self->peers, self->max_peers * sizeof *self->peers);
    }
    peer = self->n_peers < TXC_AGENTS_MAX ? &self->peers[self->n_peers++] : s_reuse (self);
    if (peer)
        txc_copy_text (peer->endpoint, sizeof peer->endpoint, endpoint);
    return peer;
}

uint64_t txc_agent_peer_route (txc_agent_t *self, const char *endpoint)
{
    if (!endpoint[0])
        return 0;
    txc_agent_peer_t *peer = s_find (self, endpoint);
    peer = peer ? peer : s_add (self, endpoint);
    if (!peer)
        return 0; /* so many at once: they are asked again */
    peer->step = self->steps;
    peer->used_ms = self->now_ms;
    return TXC_ROUTE_PEER (peer - self->peers);
}

void txc_agent_peers_tick (txc_agent_t *self)
{
    for (uint32_t i = self->n_peers; i-- > 0;)
        if (self->now_ms >= self->peers[i].used_ms + IDLE_MS)
            self->peers[i] = self->peers[--self->n_peers];
}

const char *txc_agent_peer (const txc_agent_t *self, uint64_t route)
{
    uint64_t i = route ^ TXC_ROUTE_PEER (0);
    return i < self->n_peers ? self->peers[i].endpoint : NULL;
}
