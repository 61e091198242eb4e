/*
 * txc_leader.h - which replica of the coordinator leads, as a client or an agent sees it.
 *
 * It begins with the endpoints that were configured, in their order, and
 * learns the members from whichever replica answers.  Those that were
 * configured and are no member's are asked last, never forgotten: the members
 * may have moved while nobody told.
 */
#ifndef TXC_LEADER_H
#define TXC_LEADER_H

#include "core/txc_message.h"

typedef struct txc_leader {
    uint32_t n, n_members, current;
    txc_member_t places[2 * TXC_REPLICAS_MAX]; /* first the members; behind them, with id 0, the others */
    uint32_t n_configured;
    char configured[TXC_REPLICAS_MAX][TXC_ENDPOINT_MAX + 1];
} txc_leader_t;

/* endpoints may be none: then the shell knows where route 0 leads. */
void txc_leader_init (txc_leader_t *self, const char endpoints[][TXC_ENDPOINT_MAX + 1], uint32_t n);

/* Where messages with TXC_ROUTE_LEADER go; NULL: the shell knows. */
const char *txc_leader_endpoint (const txc_leader_t *self);

/* All that are known; NULL behind the last one.  The members come first. */
const char *txc_leader_nth (const txc_leader_t *self, uint32_t i);

/* Takes the members that a replica told of.  Whoever was asked is still asked. */
void txc_leader_learn (txc_leader_t *self, const txc_msg_t *message);

/* This replica leads.  True if that is news. */
bool txc_leader_is (txc_leader_t *self, uint32_t id);

/* The only replica, which tells no endpoint of its own, was found here. */
void txc_leader_is_at (txc_leader_t *self, const char *endpoint);

/* The one that was asked is silent: asks the next one. */
void txc_leader_next (txc_leader_t *self);

#endif
