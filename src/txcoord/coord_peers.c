/*
 * The other replicas of the group: who they are, and how they are reached.
 *
 * Every replica calls every other one: what it sends leaves through a socket of
 * its own, what it gets comes in where it listens, with the sender's number in
 * the message.  Who is no member yet (it asks to be one) is answered on the
 * route on which it came.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/txc_mem.h"
#include "daemon/txc_report.h"
#include "txcoord/coord.h"

enum { ADVERTISE_MS = 1000 /* between attempts */ };

/* --- the table ---------------------------------------------------------------------------- */

static coord_peer_t *s_find (coord_t *self, uint32_t id)
{
    for (size_t i = 0; i < self->n_peers; i++)
        if (self->peers[i].id == id)
            return &self->peers[i];
    return NULL;
}

const coord_peer_t *coord_peers_find (const coord_t *self, uint32_t id)
{
    return s_find ((coord_t *) (uintptr_t) self, id);
}

/* The place of the stranger who was silent for longest; there are more places than members. */
static coord_peer_t *s_reuse (coord_t *self)
{
    coord_peer_t *oldest = NULL;
    for (size_t i = 0; i < self->n_peers; i++) {
        coord_peer_t *peer = &self->peers[i];
        if (!peer->wanted && (!oldest || peer->heard_ms < oldest->heard_ms))
            oldest = peer;
    }
    return oldest;
}

static coord_peer_t *s_add (coord_t *self, uint32_t id)
{
    coord_peer_t *peer = s_find (self, id);
    if (peer)
        return peer;
    peer = self->n_peers < COORD_PEERS_MAX ? &self->peers[self->n_peers++] : s_reuse (self);
    *peer = (coord_peer_t){.id = id};
    return peer;
}

/* --- connections ----------------------------------------------------------------------------- */

static void s_disconnect (coord_t *self, coord_peer_t *peer)
{
    if (peer->route)
        txc_net_disconnect (self->net, peer->route);
    peer->route = 0;
}

/* Makes sure that there is a connection to this endpoint. */
static void s_connect (coord_t *self, uint32_t id, const char *endpoint)
{
    if (id == self->group.id)
        return;
    coord_peer_t *peer = s_add (self, id);
    peer->wanted = true;
    if (peer->route && strcmp (peer->endpoint, endpoint) == 0)
        return;
    s_disconnect (self, peer);
    txc_copy_text (peer->endpoint, sizeof peer->endpoint, endpoint);
    if (!endpoint[0])
        return;
    txc_error_t error;
    peer->route = txc_net_connect_fresh (self->net, endpoint, &error);
    if (peer->route)
        txc_report (TXC_REPORT_INFO, NULL, "replica %u is at %s", id, endpoint);
    else
        txc_report (TXC_REPORT_ERROR, NULL, "replica %u cannot be reached: %s", id, error.text);
}

static bool s_is_known (const coord_t *self, const txc_replica_status_t *status)
{
    return self->called && self->cluster == status->cluster && self->n_members == status->n_members &&
           memcmp (self->members, status->members, status->n_members * sizeof *status->members) == 0;
}

void coord_peers_update (coord_t *self, const txc_replica_status_t *status)
{
    if (s_is_known (self, status))
        return;
    self->called = true;
    self->cluster = status->cluster;
    self->n_members = status->n_members;
    memcpy (self->members, status->members, sizeof self->members);
    for (size_t i = 0; i < self->n_peers; i++)
        self->peers[i].wanted = false;
    /* The log knows better than a configuration that was written once; but a replica that is not a member has
     * nobody else to ask. */
    for (uint32_t i = 0; !status->voter && i < self->group.n_members; i++)
        s_connect (self, self->group.members[i].id, self->group.members[i].endpoint);
    for (uint32_t i = 0; i < self->n_members; i++)
        s_connect (self, self->members[i].id, self->members[i].endpoint);
    for (size_t i = 0; i < self->n_peers; i++)
        if (!self->peers[i].wanted)
            s_disconnect (self, &self->peers[i]);
}

/* A follower that comes up elsewhere asks its leader to write that down; a leader does it itself. */
void coord_peers_advertise (coord_t *self, const txc_replica_status_t *status)
{
    if (!status->leading || !self->group.endpoint[0] || self->now_ms < self->advertise_due_ms)
        return;
    for (uint32_t i = 0; i < status->n_members; i++) {
        txc_member_t me = status->members[i];
        if (me.id != self->group.id || strcmp (me.endpoint, self->group.endpoint) == 0)
            continue;
        self->advertise_due_ms = self->now_ms + ADVERTISE_MS;
        txc_copy_text (me.endpoint, sizeof me.endpoint, self->group.endpoint);
        coord_step (self, &(txc_event_t){.type = TXC_EVENT_MEMBER_MOVE, .member = &me});
    }
}

/* --- messages ---------------------------------------------------------------------------------- */

/* An endpoint that is listed wrongly would mix the logs of two groups; leases and horizons that differ would
 * not hold what they promise. */
static bool s_counts (const coord_t *self, const txc_msg_t *message)
{
    static txc_report_limit_t stranger, otherwise;
    if (message->cluster && self->cluster && message->cluster != self->cluster) {
        txc_report_limited (&stranger, TXC_REPORT_ERROR, NULL,
                            "replica %u of another group (%016" PRIx64
                            ") sends here: one of the groups has a wrong endpoint on its list",
                            message->replica, message->cluster);
        return false;
    }
    if (message->settings != self->settings) {
        txc_report_limited (&otherwise, TXC_REPORT_ERROR, NULL,
                            "replica %u is not listened to: group/election, group/clock_skew or "
                            "session/horizon are not the same there as here",
                            message->replica);
        return false;
    }
    return true;
}

bool coord_peers_heard (coord_t *self, const txc_msg_t *message)
{
    if (message->replica == 0 || message->replica == self->group.id || !s_counts (self, message))
        return false;
    coord_peer_t *peer = s_add (self, message->replica);
    peer->answers = message->route;
    peer->heard_ms = self->now_ms;
    if (message->type == TXC_MSG_PAXOS_JOIN && message->n_members == 1 && !peer->route) {
        peer->disk = message->members[0].disk;
        txc_copy_text (peer->endpoint, sizeof peer->endpoint, message->members[0].endpoint);
    }
    return true;
}

void coord_peers_send (coord_t *self, const txc_msg_t *message)
{
    const coord_peer_t *peer = s_find (self, (uint32_t) message->route);
    txc_msg_t sent = *message;
    sent.cluster = self->cluster;
    sent.settings = self->settings;
    txc_net_send (self->net, !peer ? 0 : peer->route ? peer->route : peer->answers, &sent);
}
