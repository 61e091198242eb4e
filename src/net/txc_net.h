/*
 * txc_net.h - messages to and from other processes, over ZeroMQ.
 *
 * A txc_net_t may listen (a ROUTER on any number of endpoints) and call (a
 * DEALER per endpoint called).  Whoever can be answered has a route: a number
 * that is never 0 and never used again.  Messages are gathered per route and
 * leave together with txc_net_flush.  Nothing here waits except txc_net_poll
 * and, if asked for, the last moment of txc_net_destroy; a message that cannot
 * leave is dropped and counted, since every protocol repeats its requests.
 *
 * Threads: none inside (but ZeroMQ's own); one thread at a time, its users lock.
 */
#ifndef TXC_NET_H
#define TXC_NET_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/txc_message.h"

typedef struct txc_net txc_net_t;

typedef struct txc_net_config {
    /* 0: the default, in brackets */
    uint32_t max_routes; /* peers of the listening side that are remembered [4,096]; the least lately used
                            goes first */
    uint32_t max_frame;  /* bytes of one incoming frame; a peer that sends more is cut off [TXC_FRAME_MAX] */
    uint32_t queue;      /* frames that may wait for one peer, and from one peer [256] */
    uint32_t linger_ms;  /* txc_net_destroy: how long what was flushed may take to leave [0: not at all] */
    /* Told in one line about what a peer did wrong; at a bounded rate.  May be NULL. */
    void (*report) (void *arg, const char *text);
    void *arg;
} txc_net_config_t;

/* config may be NULL.  NULL if ZeroMQ gives no context (out of file descriptors). */
txc_net_t *txc_net_new (const txc_net_config_t *config);

/* Flushes, closes every socket, nulls the caller's pointer.  Takes up to linger_ms. */
void txc_net_destroy (txc_net_t **self_p);

/* For a forked child that holds its parent's object: gives up the memory without touching ZeroMQ. */
void txc_net_abandon (txc_net_t **self_p);

/* Listens.  endpoint: "tcp://127.0.0.1:7400", "tcp://127.0.0.1:*", "ipc:///run/x"; may be called for several.
 * Anything but loopback and ipc is refused unless insecure.  TXC_OK, TXC_ECONFIG (not an endpoint, or
 * refused), TXC_ELOCKED (in use), TXC_EIO; error (may be NULL) says what to do. */
int txc_net_bind (txc_net_t *self, const char *endpoint, bool insecure, txc_error_t *error);

/* The endpoint behind the index-th bind, with its real port; NULL behind the last.  Valid as long as self. */
const char *txc_net_endpoint (const txc_net_t *self, size_t index);

/* Checks an endpoint's form.  TXC_OK, or TXC_ECONFIG with error set.  to_bind: wildcards are allowed. */
int txc_net_check_endpoint (const char *endpoint, bool to_bind, txc_error_t *error);

/* Calls a listening peer; comes back at once, and ZeroMQ reconnects for ever.  The route, or 0 with error
 * set. */
uint64_t txc_net_connect (txc_net_t *self, const char *endpoint, txc_error_t *error);

/* Likewise, for a peer to which only what is fresh means anything: what is sent while there is no connection
 * is dropped instead of kept for later, and a connection that TCP gets nothing through is given up within
 * seconds. */
uint64_t txc_net_connect_fresh (txc_net_t *self, const char *endpoint, txc_error_t *error);

/* Forgets a route of txc_net_connect and closes its socket.  Unknown routes are ignored. */
void txc_net_disconnect (txc_net_t *self, uint64_t route);

/* Appends a copy of message to its route's frame.  TXC_OK; TXC_ECONN if the route is not known (counted as
 * dropped); TXC_ELIMIT if the message is too large. */
int txc_net_send (txc_net_t *self, uint64_t route, const txc_msg_t *message);

/* Hands every pending frame to ZeroMQ.  Never waits: what does not fit is dropped and counted. */
void txc_net_flush (txc_net_t *self);

/* Takes in up to budget frames and calls visit for each message, with message->route set; what it borrows is
 * valid during the call.  visit may send and connect, but not disconnect or destroy.  Returns the number of
 * frames read. */
typedef void (txc_net_visit_fn) (void *arg, const txc_msg_t *message);
int txc_net_receive (txc_net_t *self, txc_net_visit_fn *visit, void *arg, int budget);

/* Waits until a frame may have come, one of fds is readable, or timeout_ms passed (-1: for ever).
 * readable[i], if readable is not NULL, tells about fds[i].  True if txc_net_receive is worth a call; a
 * signal ends the wait too. */
bool txc_net_poll (txc_net_t *self, const int *fds, bool *readable, size_t n_fds, int timeout_ms);

/* In place of txc_net_poll, for whoever shares the net with other threads: fills fds with what to poll (2),
 * at most max; returns how many.  Another thread may poll them while the net is in use.  They are edge
 * triggered: one becomes readable when something happens to its socket, and sending or receiving may take
 * that away.  So whoever flushed has to receive, until txc_net_receive comes back with less than its budget,
 * before it relies on them again; and whoever polled has to tell, before it receives, what came out
 * (txc_net_polled).  They change with bind, connect and disconnect. */
size_t txc_net_fds (const txc_net_t *self, struct pollfd *fds, size_t max);
/* How many there are at present. */
size_t txc_net_n_fds (const txc_net_t *self);

/* Takes in what poll (2) said about descriptors of txc_net_fds; others among them do no harm.  True as in
 * txc_net_poll. */
bool txc_net_polled (txc_net_t *self, const struct pollfd *fds, size_t n);

typedef struct txc_net_counters {
    uint64_t frames_in, messages_in, bytes_in;
    uint64_t frames_out, messages_out, bytes_out;
    uint64_t malformed; /* frames thrown away */
    uint64_t dropped;   /* messages that could not leave: peer gone or not reading */
    uint64_t evicted;   /* routes forgotten because the table was full */
    uint32_t routes;    /* known now */
} txc_net_counters_t;
void txc_net_counters (const txc_net_t *self, txc_net_counters_t *counters);

#endif
