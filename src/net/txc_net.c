#include "config.h"

#include "net/txc_net.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "net/txc_endpoint.h"
#include "net/txc_routes.h"
#include "net/txc_socket.h"
#include "wire/txc_frame.h"

enum {
    MAGIC = 0x6e65742e,
    SPARE_FRAMES = 64,         /* kept for the next messages */
    REPORTS_IN_WINDOW = 5,     /* lines about bad peers ... */
    REPORT_WINDOW_SECONDS = 10 /* ... in this time */
};

struct txc_net {
    uint32_t magic;
    txc_net_config_t config;
    txc_net_counters_t counters;
    void *context;
    txc_socket_t *listener; /* ROUTER; NULL as long as nothing was bound */
    txc_routes_t routes;
    txc_list_t pending;   /* routes with a frame to send */
    txc_route_t **calls;  /* routes with a socket of their own */
    size_t n_calls, next; /* next: whose turn it is to be read first */
    char **endpoints;
    size_t n_endpoints;
    txc_frame_t *spare[SPARE_FRAMES];
    size_t n_spare;
    txc_frame_reader_t *reader;
    struct pollfd *fds; /* for txc_net_poll */
    size_t max_fds;
    time_t report_window;
    unsigned reports;
};

/* --- life ------------------------------------------------------------------ */

txc_net_t *txc_net_new (const txc_net_config_t *config)
{
    void *context = zmq_ctx_new();
    if (!context)
        return NULL;
    txc_net_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, MAGIC);
    if (config)
        self->config = *config;
    if (!self->config.max_routes)
        self->config.max_routes = 4096;
    if (!self->config.max_frame)
        self->config.max_frame = TXC_FRAME_MAX;
    if (!self->config.queue)
        self->config.queue = 256;
    self->context = context;
    uint64_t seed;
    if (getrandom (&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t) (uintptr_t) self ^ (uint64_t) time (NULL);
    txc_routes_init (&self->routes, self->config.max_routes, seed);
    txc_list_init (&self->pending);
    self->reader = txc_frame_reader_new();
    return self;
}

static void s_free (txc_net_t *self)
{
    TXC_LIST_EACH (&self->pending, node)
    {
        txc_frame_t *frame = TXC_CONTAINER (node, txc_route_t, pending)->frame;
        txc_frame_destroy (&frame);
    }
    txc_routes_fini (&self->routes);
    while (self->n_spare)
        txc_frame_destroy (&self->spare[--self->n_spare]);
    txc_frame_reader_destroy (&self->reader);
    for (size_t i = 0; i < self->n_endpoints; i++)
        free (self->endpoints[i]);
    free (self->endpoints);
    free (self->calls);
    free (self->fds);
    TXC_UNMAGIC (self, MAGIC);
    free (self);
}

static void s_close_call (const txc_net_t *self, txc_route_t *route)
{
    txc_socket_t *socket = route->socket;
    txc_socket_destroy (&socket, self->config.linger_ms);
}

void txc_net_destroy (txc_net_t **self_p)
{
    txc_net_t *self = *self_p;
    if (!self)
        return;
    TXC_CHECK (self, MAGIC);
    txc_net_flush (self);
    txc_socket_destroy (&self->listener, self->config.linger_ms);
    for (size_t i = 0; i < self->n_calls; i++)
        s_close_call (self, self->calls[i]);
    while (zmq_ctx_term (self->context) != 0 && errno == EINTR)
        continue;
    s_free (self);
    *self_p = NULL;
}

void txc_net_abandon (txc_net_t **self_p)
{
    if (!*self_p)
        return;
    TXC_CHECK (*self_p, MAGIC);
    s_free (*self_p);
    *self_p = NULL;
}

/* --- endpoints -------------------------------------------------------------- */

static int s_bind_error (const char *endpoint, txc_error_t *error)
{
    switch (errno) {
    case EADDRINUSE:
        return txc_error_set (error, TXC_ELOCKED, "%s: another process listens there", endpoint);
    case EADDRNOTAVAIL:
    case ENODEV:
        return txc_error_set (error, TXC_ECONFIG, "%s: this machine has no such address", endpoint);
    case EACCES:
        return txc_error_set (error, TXC_EIO, "%s: no permission to listen there", endpoint);
    case ENOENT:
        return txc_error_set (error, TXC_EIO, "%s: the folder does not exist", endpoint);
    default:
        return txc_error_set (error, TXC_EIO, "%s: %s", endpoint, zmq_strerror (errno));
    }
}

int txc_net_check_endpoint (const char *endpoint, bool to_bind, txc_error_t *error)
{
    return txc_endpoint_parse (endpoint, to_bind, NULL, error);
}

int txc_net_bind (txc_net_t *self, const char *endpoint, bool insecure, txc_error_t *error)
{
    TXC_CHECK (self, MAGIC);
    txc_endpoint_t parsed;
    int rc = txc_endpoint_parse (endpoint, true, &parsed, error);
    if (rc)
        return rc;
    if (!parsed.local && !insecure)
        return txc_error_set (
            error, TXC_ECONFIG,
            "%s: anybody who reaches this address could end transactions; listen on 127.0.0.1 or "
            "ipc://, or write insecure = 1 if the network is trusted",
            endpoint);
    rc = txc_endpoint_check_free (&parsed, error);
    if (rc)
        return rc;
    if (!self->listener)
        self->listener = txc_socket_new (self->context, ZMQ_ROUTER, &self->config, error);
    if (!self->listener)
        return TXC_EIO;
    txc_socket_set_int (self->listener, ZMQ_IPV6, parsed.ipv6);
    if (zmq_bind (self->listener->zmq, endpoint) != 0)
        return s_bind_error (endpoint, error);

    char real[TXC_ENDPOINT_MAX + 64];
    size_t size = sizeof real;
    rc = zmq_getsockopt (self->listener->zmq, ZMQ_LAST_ENDPOINT, real, &size);
    TXC_ASSERT (rc == 0);
    self->endpoints = txc_realloc (self->endpoints, (self->n_endpoints + 1) * sizeof *self->endpoints);
    self->endpoints[self->n_endpoints++] = txc_strdup (real);
    return TXC_OK;
}

const char *txc_net_endpoint (const txc_net_t *self, size_t index)
{
    TXC_CHECK (self, MAGIC);
    return index < self->n_endpoints ? self->endpoints[index] : NULL;
}

static void s_set_fresh (txc_socket_t *socket)
{
    txc_socket_set_int (socket, ZMQ_IMMEDIATE, 1);
    txc_socket_set_int (socket, ZMQ_TCP_MAXRT, 2000);
    txc_socket_set_int (socket, ZMQ_RECONNECT_IVL_MAX, 100);
    txc_socket_set_int (socket, ZMQ_CONNECT_TIMEOUT, 1000);
}

static uint64_t s_connect (txc_net_t *self, const char *endpoint, bool fresh, txc_error_t *error)
{
    TXC_CHECK (self, MAGIC);
    txc_endpoint_t parsed;
    if (txc_endpoint_parse (endpoint, false, &parsed, error))
        return 0;
    txc_socket_t *socket = txc_socket_new (self->context, ZMQ_DEALER, &self->config, error);
    if (!socket)
        return 0;
    txc_socket_set_int (socket, ZMQ_IPV6, parsed.ipv6);
    if (fresh)
        s_set_fresh (socket);
    if (zmq_connect (socket->zmq, endpoint) != 0) {
        txc_error_set (error, TXC_ECONFIG, "%s: %s", endpoint, zmq_strerror (errno));
        txc_socket_destroy (&socket, 0);
        return 0;
    }
    txc_route_t *route = txc_routes_call (&self->routes, socket);
    self->calls = txc_realloc (self->calls, (self->n_calls + 1) * sizeof *self->calls);
    self->calls[self->n_calls++] = route;
    return route->number;
}

uint64_t txc_net_connect (txc_net_t *self, const char *endpoint, txc_error_t *error)
{
    return s_connect (self, endpoint, false, error);
}

uint64_t txc_net_connect_fresh (txc_net_t *self, const char *endpoint, txc_error_t *error)
{
    return s_connect (self, endpoint, true, error);
}

/* --- routes ---------------------------------------------------------------- */

/* Takes the frame off a route; it may be used for another. */
static void s_give_frame_back (txc_net_t *self, txc_route_t *route)
{
    txc_frame_t *frame = route->frame;
    route->frame = NULL;
    txc_list_remove (&route->pending);
    txc_frame_reset (frame);
    if (self->n_spare < SPARE_FRAMES)
        self->spare[self->n_spare++] = frame;
    else
        txc_frame_destroy (&frame);
}

static void s_forget (txc_net_t *self, txc_route_t *route)
{
    if (route->frame) {
        self->counters.dropped += txc_frame_count (route->frame);
        s_give_frame_back (self, route);
    }
    txc_routes_remove (&self->routes, route);
}

void txc_net_disconnect (txc_net_t *self, uint64_t number)
{
    TXC_CHECK (self, MAGIC);
    for (size_t i = 0; i < self->n_calls; i++) {
        txc_route_t *route = self->calls[i];
        if (route->number != number)
            continue;
        self->calls[i] = self->calls[--self->n_calls];
        s_close_call (self, route);
        s_forget (self, route);
        return;
    }
}

/* The route of whoever sent the message with this identity. */
static txc_route_t *s_peer (txc_net_t *self, zmq_msg_t *identity)
{
    const void *data = zmq_msg_data (identity);
    size_t size = zmq_msg_size (identity);
    txc_route_t *route = txc_routes_find_peer (&self->routes, data, size);
    if (route) {
        txc_routes_touch (&self->routes, route);
        return route;
    }
    txc_route_t *victim = txc_routes_victim (&self->routes);
    if (victim) {
        self->counters.evicted++;
        s_forget (self, victim);
    }
    return txc_routes_add_peer (&self->routes, data, size);
}

/* --- sending --------------------------------------------------------------- */

/* Hands a route's frame to ZeroMQ or drops it.  True if the peer is gone: the route leads nowhere. */
static bool s_send_frame (txc_net_t *self, txc_route_t *route)
{
    size_t size, count = txc_frame_count (route->frame);
    const void *bytes = txc_frame_data (route->frame, &size);
    txc_socket_t *socket = route->socket ? route->socket : self->listener;
    bool sent = route->socket || txc_socket_send (socket, route->identity, route->identity_size, true);
    sent = sent && txc_socket_send (socket, bytes, size, false);
    bool gone = !sent && errno == EHOSTUNREACH;
    if (!sent) {
        self->counters.dropped += count;
    } else {
        self->counters.frames_out++;
        self->counters.messages_out += count;
        self->counters.bytes_out += size;
    }
    s_give_frame_back (self, route);
    return gone;
}

int txc_net_send (txc_net_t *self, uint64_t number, const txc_msg_t *message)
{
    TXC_CHECK (self, MAGIC);
    txc_route_t *route = txc_routes_find (&self->routes, number);
    if (!route) {
        self->counters.dropped++;
        return TXC_ECONN;
    }
    for (int attempt = 0;; attempt++) {
        if (!route->frame) {
            route->frame = self->n_spare ? self->spare[--self->n_spare] : txc_frame_new();
            txc_list_append (&self->pending, &route->pending);
        }
        int rc = txc_frame_add (route->frame, message);
        if (rc == TXC_OK)
            return TXC_OK;
        /* A full frame leaves first; what does not fit into an empty one never will. */
        bool was_empty = txc_frame_count (route->frame) == 0;
        if (was_empty)
            s_give_frame_back (self, route);
        if (was_empty || rc != TXC_ELIMIT || attempt > 0) {
            self->counters.dropped++;
            return rc;
        }
        if (s_send_frame (self, route)) {
            s_forget (self, route);
            self->counters.dropped++;
            return TXC_ECONN;
        }
    }
}

void txc_net_flush (txc_net_t *self)
{
    TXC_CHECK (self, MAGIC);
    TXC_LIST_EACH (&self->pending, node)
    {
        txc_route_t *route = TXC_CONTAINER (node, txc_route_t, pending);
        if (s_send_frame (self, route))
            s_forget (self, route);
    }
}

/* --- receiving ------------------------------------------------------------- */

static void s_malformed (txc_net_t *self, uint64_t route, size_t size, const char *why)
{
    self->counters.malformed++;
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    if (now.tv_sec - self->report_window >= REPORT_WINDOW_SECONDS) {
        self->report_window = now.tv_sec;
        self->reports = 0;
    }
    if (!self->config.report || ++self->reports > REPORTS_IN_WINDOW)
        return;
    txc_error_t line;
    txc_error_set (&line, TXC_EPROTO,
                   "peer %llu sent a frame of %zu bytes that is thrown away: %s (%llu so far)",
                   (unsigned long long) route, size, why, (unsigned long long) self->counters.malformed);
    self->config.report (self->config.arg, line.text);
}

typedef struct s_visit {
    txc_net_t *net;
    uint64_t route;
    txc_net_visit_fn *visit;
    void *arg;
} s_visit_t;

static void s_visit_message (void *arg, const txc_msg_t *message)
{
    s_visit_t *self = arg;
    txc_msg_t routed = *message;
    routed.route = self->route;
    self->net->counters.messages_in++;
    self->visit (self->arg, &routed);
}

/* What is left of a message after its last expected part.  True if there was anything. */
static bool s_skip_rest (txc_socket_t *socket, zmq_msg_t *part)
{
    bool any = false;
    while (zmq_msg_more (part) && txc_socket_receive (socket, part))
        any = true;
    return any;
}

static void s_take_frame (txc_net_t *self, uint64_t route, zmq_msg_t *part, txc_net_visit_fn *visit,
                          void *arg)
{
    self->counters.frames_in++;
    self->counters.bytes_in += zmq_msg_size (part);
    s_visit_t context = {self, route, visit, arg};
    int rc = txc_frame_reader_read (self->reader, zmq_msg_data (part), zmq_msg_size (part), s_visit_message,
                                    &context);
    if (rc)
        s_malformed (self, route, zmq_msg_size (part), txc_strerror (rc));
}

/* Reads one frame from a socket.  call: its route; NULL for the listener.  False if there was nothing. */
static bool s_receive_one (txc_net_t *self, const txc_route_t *call, txc_net_visit_fn *visit, void *arg)
{
    txc_socket_t *socket = call ? call->socket : self->listener;
    if (!socket || !socket->alert)
        return false;
    zmq_msg_t part;
    zmq_msg_init (&part);
    bool any = txc_socket_receive (socket, &part);
    if (any) {
        uint64_t route = call ? call->number : s_peer (self, &part)->number;
        bool whole = call || (zmq_msg_more (&part) && txc_socket_receive (socket, &part));
        if (whole && !zmq_msg_more (&part))
            s_take_frame (self, route, &part, visit, arg);
        else {
            s_skip_rest (socket, &part);
            s_malformed (self, route, zmq_msg_size (&part), "it is not in one part");
        }
    }
    zmq_msg_close (&part);
    return any;
}

int txc_net_receive (txc_net_t *self, txc_net_visit_fn *visit, void *arg, int budget)
{
    TXC_CHECK (self, MAGIC);
    int frames = 0;
    /* Round robin over the sockets, one frame each, so that a talkative peer does not shut out the others. */
    for (size_t idle = 0; frames < budget && idle <= self->n_calls; self->next++) {
        size_t turn = self->next % (self->n_calls + 1);
        const txc_route_t *call = turn < self->n_calls ? self->calls[turn] : NULL;
        if (s_receive_one (self, call, visit, arg)) {
            frames++;
            idle = 0;
        } else {
            idle++;
        }
    }
    return frames;
}

/* --- waiting ---------------------------------------------------------------- */

static txc_socket_t *s_nth_socket (const txc_net_t *self, size_t i)
{
    return i < self->n_calls ? self->calls[i]->socket : self->listener;
}

static size_t s_n_sockets (const txc_net_t *self)
{
    return self->n_calls + (self->listener ? 1 : 0);
}

size_t txc_net_n_fds (const txc_net_t *self)
{
    TXC_CHECK (self, MAGIC);
    return s_n_sockets (self);
}

size_t txc_net_fds (const txc_net_t *self, struct pollfd *fds, size_t max)
{
    TXC_CHECK (self, MAGIC);
    size_t n = 0;
    for (; n < s_n_sockets (self) && n < max; n++)
        fds[n] = (struct pollfd){.fd = s_nth_socket (self, n)->fd, .events = POLLIN};
    return n;
}

bool txc_net_polled (txc_net_t *self, const struct pollfd *fds, size_t n)
{
    TXC_CHECK (self, MAGIC);
    bool any = false;
    for (size_t i = 0; i < s_n_sockets (self); i++) {
        txc_socket_t *socket = s_nth_socket (self, i);
        for (size_t k = 0; k < n && !socket->alert; k++)
            socket->alert = fds[k].fd == socket->fd && fds[k].revents;
        any |= socket->alert;
    }
    return any;
}

bool txc_net_poll (txc_net_t *self, const int *fds, bool *readable, size_t n_fds, int timeout_ms)
{
    TXC_CHECK (self, MAGIC);
    size_t n = s_n_sockets (self);
    if (n + n_fds > self->max_fds) {
        self->max_fds = (n + n_fds) * 2;
        self->fds = txc_realloc (self->fds, self->max_fds * sizeof *self->fds);
    }
    txc_net_fds (self, self->fds, n);
    for (size_t i = 0; i < n_fds; i++)
        self->fds[n + i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    for (size_t i = 0; i < n; i++)
        if (txc_socket_look (s_nth_socket (self, i)))
            timeout_ms = 0; /* only to learn about fds */
    /* After an error (a signal) nothing is ready, and revents is not to be trusted. */
    bool failed = poll (self->fds, (nfds_t) (n + n_fds), timeout_ms) < 0;
    for (size_t i = 0; readable && i < n_fds; i++)
        readable[i] = !failed && self->fds[n + i].revents;
    return txc_net_polled (self, self->fds, failed ? 0 : n);
}

void txc_net_counters (const txc_net_t *self, txc_net_counters_t *counters)
{
    TXC_CHECK (self, MAGIC);
    *counters = self->counters;
    counters->routes = self->routes.n_peers + (uint32_t) self->n_calls;
}
