/*
 * txc_link.h - the library's connections: to the coordinators and to each agent, made when first needed.
 *
 * Used under the crew's lock only.  What another thread may do without the
 * lock is to poll (2) the descriptors that txc_link_fds gave.  They are edge
 * triggered: they become readable when something happens to a socket, and any
 * use of a socket may take that signal away, whoever makes it.  Hence the
 * rule: whoever flushed calls txc_link_receive until it returns false before
 * giving the lock back.
 */
#ifndef TXC_LINK_H
#define TXC_LINK_H

#include <poll.h>
#include <stdbool.h>

#include "core/txc_session.h"

typedef struct txc_link txc_link_t;

/* NULL on failure, told in *error. */
txc_link_t *txc_link_new (txc_error_t *error);

/* What was flushed has a moment to leave. */
void txc_link_destroy (txc_link_t **self_p);

/* Queues a message for the coordinator at endpoint (route TXC_ROUTE_LEADER), or for the agent there, whose
 * number is message->route.  Connects if it is not yet, without waiting.  A message that cannot be queued is
 * dropped: requests are repeated. */
void txc_link_send (txc_link_t *self, const char *endpoint, const txc_msg_t *message);

/* Forgets the coordinators that are none any more for the session.  Not while receiving. */
void txc_link_keep (txc_link_t *self, const txc_session_t *session);

/* Sends what is queued. */
void txc_link_flush (txc_link_t *self);

/* Calls visit for each message that has arrived, with message->route 0 for a coordinator, else the agent's
 * number; what it borrows is valid during the call.  visit may send.  True if there may be more. */
typedef void (txc_link_visit_fn) (void *arg, const txc_msg_t *message);
bool txc_link_receive (txc_link_t *self, txc_link_visit_fn *visit, void *arg);

/* Fills fds with what to poll, at most max, which is enough for all; returns how many. */
int txc_link_fds (const txc_link_t *self, struct pollfd *fds, int max);

/* Takes in what poll (2) said about them: before receiving, by whoever polled. */
void txc_link_polled (txc_link_t *self, const struct pollfd *fds, int n);

/* A number that changes whenever those descriptors do. */
unsigned txc_link_version (const txc_link_t *self);

#endif
