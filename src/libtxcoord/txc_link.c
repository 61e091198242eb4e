#include "config.h"

#include "libtxcoord/txc_link.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "net/txc_calls.h"

enum {
    LINK_MAGIC = 0x7c0117c5,
    AGENTS_MAX = TXC_AGENTS_MAX * 4, /* as core remembers endpoints: agents may have moved */
    RECEIVE_BUDGET = 64,
    LINGER_MS = 200
};

typedef struct s_agent {
    uint64_t number; /* the session's */
    uint64_t route;  /* the net's */
    char endpoint[TXC_ENDPOINT_MAX + 1];
} s_agent_t;

struct txc_link {
    unsigned magic;
    txc_net_t *net;
    txc_calls_t coordinators;
    s_agent_t *agents;
    int n_agents, max_agents;
    unsigned version;
    txc_link_visit_fn *visit; /* of the txc_link_receive under way */
    void *visit_arg;
};

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

static const char *s_nth (const void *session, uint32_t i)
{
    return txc_session_coordinator_nth (session, i);
}

/* --- messages -------------------------------------------------------------------- */

void txc_link_send (txc_link_t *self, const char *endpoint, const txc_msg_t *message)
{
    TXC_CHECK (self, LINK_MAGIC);
    uint64_t route = message->route == TXC_ROUTE_LEADER
                         ? txc_calls_route (&self->coordinators, self->net, endpoint)
                         : s_agent_route (self, message->route, endpoint);
    if (route != 0)
        txc_net_send (self->net, route, message);
}

void txc_link_keep (txc_link_t *self, const txc_session_t *session)
{
    TXC_CHECK (self, LINK_MAGIC);
    txc_calls_keep (&self->coordinators, self->net, s_nth, session);
}

void txc_link_flush (txc_link_t *self)
{
    TXC_CHECK (self, LINK_MAGIC);
    txc_net_flush (self->net);
}

/* From whichever replica it comes: core knows what it is worth.  An agent does not speak for the coordinator.
 */
static void s_visit (void *arg, const txc_msg_t *received)
{
    txc_link_t *self = arg;
    txc_msg_t message = *received;
    bool of_agent = message.type == TXC_MSG_EXEC_REPLY || message.type == TXC_MSG_BRANCH_ENDED ||
                    message.type == TXC_MSG_OWNER_WORK;
    message.route = s_agent_number (self, received->route);
    bool of_coordinator = txc_calls_endpoint (&self->coordinators, received->route) != NULL;
    if (message.route ? of_agent : of_coordinator && !of_agent)
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
    TXC_ASSERT (max >= TXC_CALLS_MAX + AGENTS_MAX);
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
    return self->version + self->coordinators.version;
}

/* --- life -------------------------------------------------------------------------- */

txc_link_t *txc_link_new (txc_error_t *error)
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
