#include "config.h"

#include "txagent/txc_agentd.h"

#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "daemon/txc_report.h"

/* --- crash points ------------------------------------------------------------------ */

#define NAME(name, value) #name,
static const char *const s_entries[] = {TXC_JOURNAL_MAP (NAME) NULL};
static const char *const s_work[] = {
    "EXEC",    "PREPARE", "COMMIT", "COMMIT_ONE_PHASE", "ROLLBACK", "FENCE_AND_LOOK", "EVIDENCE",
    "RECOVER", "SCAN",    NULL};
static const char *const s_sent[] = {"EXEC_REPLY",  "BRANCH_ENDED", "AGENT_HELLO", "VOTE",
                                     "PHASE2_DONE", "INQUIRY",      "TERMINATE",   "MEMBER_STATE",
                                     "PRE_DECIDE",  "PRE_DECIDED",  "DECIDED",     NULL};

const txc_crash_set_t txc_agent_crash_points[] = {{"journal.before", s_entries},
                                                  {"journal.after", s_entries},
                                                  {"work.before", s_work},
                                                  {"work.after", s_work},
                                                  {"send.before", s_sent},
                                                  {"send.after", s_sent},
                                                  {NULL, NULL}};

/* --- updates ------------------------------------------------------------------------- */

static void s_send_to (txc_agentd_t *self, uint64_t route, const txc_msg_t *message)
{
    txc_crash_send (txc_msg_name ((txc_msg_type_t) message->type));
    int rc = txc_net_send (self->net, route, message);
    static txc_report_limit_t limit;
    if (rc != TXC_OK && rc != TXC_ECONN) /* a peer that went away asks again when it is back */
        txc_report_limited (&limit, TXC_REPORT_WARNING, &message->gtrid, "cannot send %s: %s",
                            txc_msg_name ((txc_msg_type_t) message->type), txc_strerror (rc));
}

/* 0: there is no route, the message is lost and sent again. */
static uint64_t s_peer_route (txc_agentd_t *self, const char *endpoint)
{
    txc_agentd_peers_t *peers = &self->peers;
    for (uint32_t i = 0; i < peers->n; i++)
        if (strcmp (peers->items[i].endpoint, endpoint) == 0)
            return peers->items[i].route;
    uint64_t route = txc_net_connect_fresh (self->net, endpoint, NULL);
    if (!route)
        return 0;
    if (peers->n == peers->max) {
        peers->max = peers->max ? 2 * peers->max : 4;
        peers->items = txc_realloc (peers->items, peers->max * sizeof *peers->items);
    }
    peers->items[peers->n].route = route;
    txc_copy_text (peers->items[peers->n].endpoint, sizeof peers->items[peers->n].endpoint, endpoint);
    peers->n++;
    peers->version++;
    return route;
}

static bool s_is_peer (const txc_agentd_t *self, uint64_t route)
{
    for (uint32_t i = 0; i < self->peers.n; i++)
        if (self->peers.items[i].route == route)
            return true;
    return false;
}

static void s_send (txc_agentd_t *self, const txc_msg_t *message)
{
    const char *endpoint = txc_agent_peer (self->agent, message->route);
    if (endpoint) {
        static txc_report_limit_t limit;
        uint64_t route = s_peer_route (self, endpoint);
        if (message->type == TXC_MSG_TERMINATE) /* an operator should know that nobody leads */
            txc_report_limited (
                &limit, TXC_REPORT_WARNING, &message->gtrid,
                message->gtrid.mode == TXC_MODE_2PC
                    ? "no word of the coordinator: asks the other participants what they know"
                    : "no word of the coordinator: stands as the terminator, and asks the other members");
        else if (message->type == TXC_MSG_DECIDED)
            txc_report (TXC_REPORT_WARNING, &message->gtrid,
                        "the members end the transaction by themselves: %s",
                        message->vote == TXC_VOTE_YES ? "COMMIT" : "ABORT");
        if (route)
            s_send_to (self, route, message);
    } else if (message->route == TXC_ROUTE_LEADER)
        s_send_to (self, txc_calls_route (&self->coordinators, self->net, txc_agent_leader (self->agent)),
                   message);
    else if (message->route == TXC_ROUTE_ALL)
        for (uint32_t i = 0; (endpoint = txc_agent_coordinator_nth (self->agent, i)) != NULL; i++)
            s_send_to (self, txc_calls_route (&self->coordinators, self->net, endpoint), message);
    else
        s_send_to (self, message->route, message);
}

/* In the order of core/txc_update.h: what need not be forced is in the journal's file before anything that it
 * speaks of begins. */
static void s_carry_out (txc_agentd_t *self)
{
    txc_update_t *update = &self->update;
    for (uint32_t i = 0; i < update->n_entries; i++)
        if (!update->entries[i].forced)
            txc_jfile_put (self->journal, &update->entries[i]);
    for (uint32_t i = 0; i < update->n_entries; i++)
        if (update->entries[i].forced)
            txc_jfile_put (self->journal, &update->entries[i]);
    for (uint32_t i = 0; i < update->n_work; i++)
        txc_pool_submit (self->served.items[update->work[i].rm].pool, &update->work[i]);
    for (uint32_t i = 0; i < update->n_messages; i++)
        s_send (self, &update->messages[i]);
    TXC_ASSERT (update->n_completions == 0);
    txc_update_clear (update);
}

int txc_agentd_step (txc_agentd_t *self, txc_agent_event_t *event)
{
    event->now_ms = self->now_ms;
    int rc = txc_agent_step (self->agent, event, &self->update);
    s_carry_out (self);
    return rc;
}

/* --- who is called ----------------------------------------------------------------------- */

static const char *s_nth (const void *agent, uint32_t i)
{
    return txc_agent_coordinator_nth (agent, i);
}

static bool s_core_calls (const txc_agentd_t *self, const char *endpoint)
{
    const char *peer;
    for (uint32_t i = 0; (peer = txc_agent_peer (self->agent, TXC_ROUTE_PEER (i))) != NULL; i++)
        if (strcmp (peer, endpoint) == 0)
            return true;
    return false;
}

void txc_agentd_keep (txc_agentd_t *self)
{
    txc_agentd_peers_t *peers = &self->peers;
    txc_calls_keep (&self->coordinators, self->net, s_nth, self->agent);
    for (uint32_t i = peers->n; i-- > 0;) {
        if (s_core_calls (self, peers->items[i].endpoint))
            continue;
        txc_net_disconnect (self->net, peers->items[i].route);
        peers->items[i] = peers->items[--peers->n];
        peers->version++;
    }
}

unsigned txc_agentd_calls_version (const txc_agentd_t *self)
{
    return self->coordinators.version + self->peers.version;
}

/* --- messages that come in ---------------------------------------------------------------- */

/* What only the coordinators say, through the sockets on which this agent called them. */
static bool s_is_of_coordinator (txc_msg_type_t type)
{
    return type == TXC_MSG_AGENT_WELCOME || type == TXC_MSG_PREPARE || type == TXC_MSG_PHASE2_COMMIT ||
           type == TXC_MSG_PHASE2_ROLLBACK || type == TXC_MSG_INQUIRY_PENDING || type == TXC_MSG_ENDED ||
           type == TXC_MSG_NOT_LEADER;
}

/* What members of a three-phase commit say to each other: the group through its leader, branches through
 * their agents. */
static bool s_is_of_member (txc_msg_type_t type)
{
    return type == TXC_MSG_TERMINATE || type == TXC_MSG_MEMBER_STATE || type == TXC_MSG_PRE_DECIDE ||
           type == TXC_MSG_PRE_DECIDED || type == TXC_MSG_DECIDED;
}

/* True if whoever sent it may send such a message.  Only a leader has an epoch; agents that this one called
 * answer what members answer, and nothing else. */
static bool s_is_in_place (const txc_agentd_t *self, const txc_msg_t *message, bool coordinator)
{
    txc_msg_type_t type = (txc_msg_type_t) message->type;
    if (s_is_of_member (type))
        return coordinator == (message->epoch.round != 0);
    return coordinator == s_is_of_coordinator (type) && !s_is_peer (self, message->route);
}

static void s_refuse (txc_agentd_t *self, const txc_msg_t *message)
{
    static txc_report_limit_t limit;
    self->misplaced++;
    txc_report_limited (&limit, TXC_REPORT_WARNING, &message->gtrid,
                        "a peer sent %s, which is not its business",
                        txc_msg_name ((txc_msg_type_t) message->type));
}

void txc_agentd_take (void *arg, const txc_msg_t *message)
{
    txc_agentd_t *self = arg;
    const char *coordinator = txc_calls_endpoint (&self->coordinators, message->route);
    if (!s_is_in_place (self, message, coordinator != NULL)) {
        s_refuse (self, message);
        return;
    }
    if (message->type == TXC_MSG_ADMIN) {
        txc_agentd_admin (self, message);
        return;
    }
    txc_msg_t copy;
    if (coordinator) { /* whichever it is: core knows by the epoch whom it obeys */
        copy = *message;
        copy.route = TXC_ROUTE_LEADER;
        message = &copy;
    }
    txc_agent_event_t event = {.type = TXC_AGENT_MESSAGE, .message = message, .from = coordinator};
    uint64_t told = txc_agent_told_by_peers (self->agent);
    int rc = txc_agentd_step (self, &event);
    if (rc != TXC_OK)
        s_refuse (self, message);
    if (told != txc_agent_told_by_peers (self->agent))
        txc_report (TXC_REPORT_WARNING, &message->gtrid,
                    "without the coordinator: the participant %s knows the outcome: %s", message->rm,
                    message->vote == TXC_VOTE_YES ? "COMMIT" : "ABORT");
}
