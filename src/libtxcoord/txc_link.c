#include "config.h"

#include "libtxcoord/txc_link.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "net/txc_net.h"

enum {
    LINK_MAGIC = 0x7c0117c5,
    LEADERS_MAX = 9,
    AGENTS_MAX = TXC_AGENTS_MAX * 4, /* as core remembers endpoints: agents may have moved */
    RECEIVE_BUDGET = 64,
    LINGER_MS = 200,
    ANSWERS_MISSING = 4 /* messages without any answer after which the next coordinator is asked */
};

typedef struct s_agent {
    uint64_t number; /* the session's */
    uint64_t route;  /* the net's */
    char endpoint[TXC_ENDPOINT_MAX + 1];
} s_agent_t;

struct txc_link {
    unsigned magic;
    txc_net_t *net;
    uint64_t leaders[LEADERS_MAX]; /* routes of the coordinators, in the order of the list */
    int n_leaders, leader;         /* the one that is asked */
    int unanswered;                /* messages sent to it since it said something */
    s_agent_t *agents;
    int n_agents, max_agents;
    unsigned version;
    txc_link_visit_fn *visit; /* of the txc_link_receive under way */
    void *visit_arg;
};

/* --- coordinators ------------------------------------------------------------ */

/* Connects to one of the list, text up to size bytes. */
static int s_add_leader (txc_link_t *self, const char *text, size_t size, txc_error_t *error)
{
    char endpoint[TXC_ENDPOINT_MAX + 1];
    if (size == 0 || size > TXC_ENDPOINT_MAX)
        return txc_error_set (error, TXC_EINVAL,
                              "the list of coordinators has an empty or overlong endpoint; give "
                              "\"tcp://host:port\", several separated by commas");
    if (self->n_leaders == LEADERS_MAX)
        return txc_error_set (error, TXC_EINVAL, "more than %d coordinators are listed", LEADERS_MAX);
    memcpy (endpoint, text, size);
    endpoint[size] = '\0';
    uint64_t route = txc_net_connect (self->net, endpoint, error);
    if (route == 0)
        return error->code;
    self->leaders[self->n_leaders++] = route;
    return TXC_OK;
}

static int s_add_leaders (txc_link_t *self, const char *endpoints, txc_error_t *error)
{
    for (;;) {
        endpoints += strspn (endpoints, " ");
        size_t size = strcspn (endpoints, ", ");
        int rc = s_add_leader (self, endpoints, size, error);
        if (rc != TXC_OK)
            return rc;
        endpoints += size;
        endpoints += strspn (endpoints, " ");
        if (*endpoints == '\0')
            return TXC_OK;
        if (*endpoints++ != ',')
            return txc_error_set (error, TXC_EINVAL, "separate the coordinators' endpoints by commas");
    }
}

/* A coordinator that does not answer may be down, or cut off: the next one is asked in turn. */
static uint64_t s_leader_route (txc_link_t *self)
{
    if (self->unanswered++ >= ANSWERS_MISSING) {
        self->leader = (self->leader + 1) % self->n_leaders;
        self->unanswered = 1;
    }
    return self->leaders[self->leader];
}

static bool s_is_leader (txc_link_t *self, uint64_t route)
{
    for (int i = 0; i < self->n_leaders; i++) {
        if (self->leaders[i] == route) {
            if (i == self->leader)
                self->unanswered = 0;
            return true;
        }
    }
    return false;
}

/* --- agents -------------------------------------------------------------------- */

/* The net's route to an agent, connected if it is not yet; 0 if it cannot be. */
static uint64_t s_agent_route (txc_link_t *self, uint64_t number, const char *endpoint)
{
    for (int i = 0; i < self->n_agents; i++)
        if (self->agents[i].number == number && strcmp (self->agents[i].endpoint, endpoint) == 0)
            return self->agents[i].route;
    if (self->n_agents == AGENTS_MAX)
        return 0;
    uint64_t route = txc_net_connect (self->net, endpoint, NULL);
    if (route == 0)
        return 0;
    if (self->n_agents == self->max_agents) {
        self->max_agents = self->max_agents ? self->max_agents * 2 : 8;
        self->agents = txc_realloc (self->agents, (size_t) self->max_agents * sizeof *self->agents);
    }
    s_agent_t *agent = &self->agents[self->n_agents++];
    agent->number = number;
    agent->route = route;
    txc_copy_text (agent->endpoint, sizeof agent->endpoint, endpoint);
    self->version++;
    return route;
}

/* The session's number of an agent; 0 if the route is none. */
static uint64_t s_agent_number (const txc_link_t *self, uint64_t route)
{
    for (int i = 0; i < self->n_agents; i++)
        if (self->agents[i].route == route)
            return self->agents[i].number;
    return 0;
}

/* --- messages -------------------------------------------------------------------- */

void txc_link_send (txc_link_t *self, const char *endpoint, const txc_msg_t *message)
{
    TXC_CHECK (self, LINK_MAGIC);
    uint64_t route = endpoint ? s_agent_route (self, message->route, endpoint) : s_leader_route (self);
    if (route != 0)
        txc_net_send (self->net, route, message);
}

void txc_link_flush (txc_link_t *self)
{
    TXC_CHECK (self, LINK_MAGIC);
    txc_net_flush (self->net);
}

static void s_visit (void *arg, const txc_msg_t *received)
{
    txc_link_t *self = arg;
    txc_msg_t message = *received;
    message.route = 0;
    if (!s_is_leader (self, received->route)) {
        message.route = s_agent_number (self, received->route);
        if (message.route == 0)
            return;
    }
    self->visit (self->visit_arg, &message);
}

bool txc_link_receive (txc_link_t *self, txc_link_visit_fn *visit, void *arg)
{
    TXC_CHECK (self, LINK_MAGIC);
    self->visit = visit;
    self->visit_arg = arg;
    return txc_net_receive (self->net, s_visit, self, RECEIVE_BUDGET) == RECEIVE_BUDGET;
}

int txc_link_fds (const txc_link_t *self, struct pollfd *fds, int max)
{
    TXC_CHECK (self, LINK_MAGIC);
    TXC_ASSERT (max >= LEADERS_MAX + AGENTS_MAX);
    return (int) txc_net_fds (self->net, fds, (size_t) max);
}

void txc_link_polled (txc_link_t *self, const struct pollfd *fds, int n)
{
    TXC_CHECK (self, LINK_MAGIC);
    txc_net_polled (self->net, fds, (size_t) n);
}

unsigned txc_link_version (const txc_link_t *self)
{
    TXC_CHECK (self, LINK_MAGIC);
    return self->version;
}

/* --- life -------------------------------------------------------------------------- */

txc_link_t *txc_link_new (const char *endpoints, txc_error_t *error)
{
    txc_net_config_t config = {.linger_ms = LINGER_MS};
    txc_net_t *net = txc_net_new (&config);
    if (!net) {
        txc_error_set (error, TXC_EIO, "ZeroMQ gives no context: too many open files");
        return NULL;
    }
    txc_link_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, LINK_MAGIC);
    self->net = net;
    if (s_add_leaders (self, endpoints, error) != TXC_OK)
        txc_link_destroy (&self);
    return self;
}

void txc_link_destroy (txc_link_t **self_p)
{
    txc_link_t *self = *self_p;
    if (!self)
        return;
    TXC_UNMAGIC (self, LINK_MAGIC);
    *self_p = NULL;
    txc_net_destroy (&self->net);
    free (self->agents);
    free (self);
}
