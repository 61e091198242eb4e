/* Agents: registration, the directory, the log-loss guard. */
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_replica_private.h"

enum {
    AGENT_SILENT_MS = 5000 /* after so long another agent may take a resource manager over */
};

static txc_replica_agent_t *s_find (const txc_replica_t *self, const char *name)
{
    TXC_LIST_EACH ((txc_list_t *) &self->agents, link)
    {
        txc_replica_agent_t *agent = TXC_CONTAINER (link, txc_replica_agent_t, link);
        if (strcmp (agent->name, name) == 0)
            return agent;
    }
    return NULL;
}

static bool s_serves (const txc_replica_agent_t *agent, const char *rm)
{
    for (uint32_t i = 0; i < agent->n_rms; i++)
        if (strcmp (agent->rms[i].rm, rm) == 0)
            return true;
    return false;
}

const txc_replica_agent_t *txc_replica_agent_of (const txc_replica_t *self, const char *rm)
{
    const txc_replica_agent_t *best = NULL;
    TXC_LIST_EACH ((txc_list_t *) &self->agents, link)
    {
        const txc_replica_agent_t *agent = TXC_CONTAINER (link, txc_replica_agent_t, link);
        if (s_serves (agent, rm) && !agent->refuses && (!best || agent->heard_ms > best->heard_ms))
            best = agent;
    }
    return best;
}

/* Another agent that is alive serves one of these resource managers already. */
static bool s_is_taken (const txc_replica_t *self, const txc_msg_t *message)
{
    for (uint32_t i = 0; i < message->n_entries; i++) {
        const txc_replica_agent_t *other = txc_replica_agent_of (self, message->entries[i].rm);
        if (other && strcmp (other->name, message->agent) != 0 &&
            other->heard_ms + AGENT_SILENT_MS > self->now_ms)
            return true;
    }
    return false;
}

static uint32_t s_count (const txc_replica_t *self)
{
    uint32_t count = 0;
    TXC_LIST_EACH ((txc_list_t *) &self->agents, link)
    count++;
    return count;
}

static void s_welcome (txc_replica_t *self, const char *name, uint64_t route, int code)
{
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_AGENT_WELCOME, route);
    const txc_reg_agent_t *known = txc_registry_agent (&self->registry, name);
    reply->epoch = self->epoch;
    reply->cluster = self->registry.cluster;
    reply->high_slot = self->registry.applied_slot;
    reply->code = code;
    txc_copy_text (reply->agent, sizeof reply->agent, name);
    if (known)
        memcpy (reply->guards, known->guards, sizeof reply->guards);
    txc_replica_tell_members (self, reply);
}

/* The next guard is logged only when the agent is known to hold the latest: then one of the last two is
 * always the one in its journal, whatever is lost on the way. */
static void s_offer_guard (txc_replica_t *self, txc_replica_agent_t *agent)
{
    const txc_reg_agent_t *known = txc_registry_agent (&self->registry, agent->name);
    if (agent->guard_proposed || agent->refuses || self->now_ms < agent->guard_due_ms)
        return;
    if (known && !TXC_MUTANT (GUARD_NOT_AWAITED) &&
        (agent->shown.slot != known->guards[0].slot || agent->shown.digest != known->guards[0].digest ||
         known->guards[0].slot + 1 >= self->registry.applied_slot))
        return;
    agent->guard_proposed = true;
    agent->guard_due_ms = self->now_ms + self->config.guard_ms;
    txc_rec_t *record = txc_replica_record (self, TXC_REC_GUARD);
    txc_copy_text (record->agent, sizeof record->agent, agent->name);
    record->guard = (txc_guard_t){self->registry.applied_slot, self->registry.digest};
    txc_replica_propose (self, record, false);
}

void txc_replica_agent_guard_applied (txc_replica_t *self, const char *name)
{
    txc_replica_agent_t *agent = s_find (self, name);
    if (!agent)
        return;
    agent->guard_proposed = false;
    if (self->leading)
        s_welcome (self, name, agent->route, TXC_OK);
}

/* Whatever waits for this agent goes out now. */
static void s_wake (txc_replica_t *self, const txc_replica_agent_t *agent)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->transactions, &cursor); node;
         node = txc_hash_step (&self->transactions, &cursor))
        txc_replica_transaction_wake (self, TXC_CONTAINER (node, txc_gtx_t, node), agent);
}

static txc_replica_agent_t *s_register (txc_replica_t *self, txc_replica_agent_t *old,
                                        const txc_msg_t *message)
{
    txc_replica_agent_t *agent = txc_calloc (1, sizeof *agent + message->n_entries * sizeof agent->rms[0]);
    if (old) {
        agent->guard_proposed = old->guard_proposed;
        agent->guard_due_ms = old->guard_due_ms;
        txc_list_remove (&old->link);
        free (old);
    }
    txc_copy_text (agent->name, sizeof agent->name, message->agent);
    agent->n_rms = message->n_entries;
    memcpy (agent->rms, message->entries, message->n_entries * sizeof agent->rms[0]);
    txc_list_append (&self->agents, &agent->link);
    return agent;
}

static void s_take (txc_replica_t *self, txc_replica_agent_t *agent, const txc_msg_t *message)
{
    agent->incarnation = message->incarnation;
    agent->route = message->route;
    agent->heard_ms = self->now_ms;
    agent->shown = message->guards[0];
    agent->refuses = message->code == TXC_ELOGLOSS;
}

void txc_replica_agent_noted (txc_replica_t *self, const txc_msg_t *message)
{
    txc_replica_agent_t *agent = s_find (self, message->agent);
    if (message->agent[0] && message->n_entries <= TXC_RMS_MAX && (agent || s_count (self) < TXC_AGENTS_MAX))
        s_take (self, s_register (self, agent, message), message);
}

void txc_replica_agents_welcome (txc_replica_t *self)
{
    TXC_LIST_EACH (&self->agents, link)
    {
        const txc_replica_agent_t *agent = TXC_CONTAINER (link, txc_replica_agent_t, link);
        s_welcome (self, agent->name, agent->route, TXC_OK);
    }
}

void txc_replica_agents_reset (txc_replica_t *self)
{
    TXC_LIST_EACH (&self->agents, link)
    TXC_CONTAINER (link, txc_replica_agent_t, link)->guard_proposed = false;
}

void txc_replica_agent_hello (txc_replica_t *self, const txc_msg_t *message)
{
    txc_replica_agent_t *agent = s_find (self, message->agent);
    if (!message->agent[0] || message->n_entries > TXC_RMS_MAX ||
        (!agent && s_count (self) >= TXC_AGENTS_MAX)) {
        self->dropped++;
        return;
    }
    if (s_is_taken (self, message)) {
        self->refused++;
        s_welcome (self, message->agent, message->route, TXC_ELOCKED);
        return;
    }
    /* An agent that obeys a higher epoch has seen a leadership that this log does not know: lead above it.
     * (Whether this log may lead at all is the guard's question, and the agent's to answer.) */
    if (txc_epoch_compare (message->epoch, self->epoch) > 0) {
        if (message->epoch.round >=
            TXC_ROUND_MAX / 2) { /* leadership above it would be the last, or nearly */
            self->dropped++;
            return;
        }
        txc_paxos_campaign (self->paxos, message->epoch.round);
        return;
    }
    bool anew = !agent || agent->incarnation != message->incarnation || agent->route != message->route;
    bool back = agent && agent->refuses && message->code == TXC_OK;
    agent = s_register (self, agent, message);
    s_take (self, agent, message);
    s_welcome (self, agent->name, agent->route, TXC_OK);
    s_offer_guard (self, agent);
    if (anew || back)
        s_wake (self, agent);
}

uint32_t txc_replica_directory (const txc_replica_t *self, txc_rm_entry_t *entries, uint32_t max)
{
    uint32_t count = 0;
    TXC_LIST_EACH ((txc_list_t *) &self->agents, link)
    {
        const txc_replica_agent_t *agent = TXC_CONTAINER (link, txc_replica_agent_t, link);
        for (uint32_t i = 0; i < agent->n_rms && count < max; i++) {
            if (txc_replica_agent_of (self, agent->rms[i].rm) != agent)
                continue;
            entries[count] = agent->rms[i];
            entries[count].incarnation = agent->incarnation;
            txc_copy_text (entries[count].agent, sizeof entries[count].agent, agent->name);
            count++;
        }
    }
    return count;
}

void txc_replica_send_directory (txc_replica_t *self, uint64_t route)
{
    uint32_t max = 0;
    TXC_LIST_EACH (&self->agents, link)
    max += TXC_CONTAINER (link, txc_replica_agent_t, link)->n_rms;
    txc_rm_entry_t *entries = txc_update_alloc (self->update, (max + 1) * sizeof *entries);
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_DIRECTORY_REPLY, route);
    reply->n_entries = txc_replica_directory (self, entries, max);
    reply->entries = entries;
}
