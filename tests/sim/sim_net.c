#include "sim_net.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "sim_agent.h"
#include "sim_client.h"
#include "sim_coordinator.h"
#include "sim_trace.h"

/* --- copies ----------------------------------------------------------------- */

static void *s_copy_array (const void *array, size_t count, size_t size)
{
    if (!count)
        return NULL;
    void *copy = txc_malloc (count * size);
    return memcpy (copy, array, count * size);
}

static txc_msg_t *s_copy (const txc_msg_t *message)
{
    txc_msg_t *copy = txc_malloc (sizeof *copy);
    *copy = *message;
    copy->error = message->error ? s_copy_array (message->error, 1, sizeof *message->error) : NULL;
    copy->branches = s_copy_array (message->branches, message->n_branches, sizeof *message->branches);
    copy->entries = s_copy_array (message->entries, message->n_entries, sizeof *message->entries);
    copy->members = s_copy_array (message->members, message->n_members, sizeof *message->members);
    copy->body = txc_blob_ref (message->body);
    return copy;
}

static void s_free_message (sim_event_t *event)
{
    txc_msg_t *message = event->data;
    free ((void *) (uintptr_t) message->error);
    free ((void *) (uintptr_t) message->branches);
    free ((void *) (uintptr_t) message->entries);
    free ((void *) (uintptr_t) message->members);
    txc_blob_destroy (&message->body);
    free (message);
}

/* --- routes -------------------------------------------------------------------- */

enum { ROUTE_SHIFT = 8 };

uint64_t sim_net_route (const sim_t *sim, const sim_proc_t *proc)
{
    uint64_t life = sim->stable_routes && proc->kind == SIM_AGENT ? 0 : proc->life;
    return life << ROUTE_SHIFT | (uint64_t) (proc->number + 1);
}

static sim_proc_t *s_at_route (const sim_t *sim, uint64_t route)
{
    uint64_t number = route & ((1u << ROUTE_SHIFT) - 1);
    return number >= 1 && number <= sim->n_procs ? sim->procs[number - 1] : NULL;
}

/* --- delivery --------------------------------------------------------------------- */

static void s_deliver (sim_t *sim, sim_event_t *event)
{
    const txc_msg_t *message = event->data;
    sim_proc_t *to = sim->procs[event->a];
    if (!to->up || (event->b && event->b != sim_net_route (sim, to)))
        return; /* nobody is there, or not who was meant */
    if (sim->trace) {
        char text[SIM_TEXT_MAX];
        sim_trace (sim, to->name, "<- %s", sim_show_message (message, text));
    }
    sim->stats->messages++;
    switch (to->kind) {
    case SIM_COORDINATOR:
        sim_coordinator_receive (sim, sim->coordinators[to->index], message);
        break;
    case SIM_AGENT:
        sim_agent_receive (sim, sim->agents[to->index], message);
        break;
    case SIM_CLIENT:
        sim_client_receive (sim, sim->clients[to->index], message);
        break;
    case SIM_RM:
        break;
    }
}

/* A process that was stopped finds its messages when it wakes up. */
static void s_arrive (sim_t *sim, sim_event_t *event)
{
    sim_proc_t *to = sim->procs[event->a];
    if (sim_proc_stopped (sim, to)) {
        uint64_t delay = sim_proc_stopped (sim, to) + sim_below (sim, 100); /* in any order */
        sim_event_t *again = sim_after (sim, delay, NULL, 0, s_arrive);
        again->data = event->data;
        again->drop = s_free_message;
        again->a = event->a;
        again->b = event->b;
        event->drop = NULL;
        return;
    }
    s_deliver (sim, event);
}

static void s_launch (sim_t *sim, sim_proc_t *from, sim_proc_t *to, uint64_t route, const txc_msg_t *message)
{
    uint64_t delay = sim_between (sim, sim->delay_us / 4 + 1, sim->delay_us);
    if (sim_strikes (sim, SIM_FAULT_MESSAGE_DELAYED))
        delay += sim_percent (sim, 80) ? sim_between (sim, SIM_MS, 200 * SIM_MS)
                                       : sim_between (sim, SIM_S, 20 * SIM_S);
    uint64_t clogged = sim->clogged[from->number][to->number];
    if (clogged > sim->now + delay)
        delay = clogged - sim->now; /* what was held back arrives at once, in its order */
    sim_event_t *event = sim_after (sim, delay, NULL, 0, s_arrive);
    event->data = s_copy (message);
    event->drop = s_free_message;
    event->a = to->number;
    event->b = route;
    ((txc_msg_t *) event->data)->route = sim_net_route (sim, from);
}

static void s_send (sim_t *sim, sim_proc_t *from, sim_proc_t *to, uint64_t route, const txc_msg_t *message)
{
    if (sim->trace) {
        char text[SIM_TEXT_MAX];
        sim_trace (sim, from->name, "-> %s: %s", to->name, sim_show_message (message, text));
    }
    if (sim->cut[from->number][to->number] || sim_strikes (sim, SIM_FAULT_MESSAGE_LOST)) {
        sim_trace (sim, "network", "loses it");
        return;
    }
    s_launch (sim, from, to, route, message);
    if (sim_strikes (sim, SIM_FAULT_MESSAGE_DUPLICATED))
        s_launch (sim, from, to, route, message);
}

void sim_net_send (sim_t *sim, sim_proc_t *from, sim_proc_t *to, const txc_msg_t *message)
{
    s_send (sim, from, to, 0, message);
}

void sim_net_answer (sim_t *sim, sim_proc_t *from, uint64_t to_route, const txc_msg_t *message)
{
    sim_proc_t *to = s_at_route (sim, to_route);
    if (to)
        s_send (sim, from, to, to_route, message);
}
