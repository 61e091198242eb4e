#include "sim_members.h"

#include "base/txc_mem.h"
#include "sim_agent.h"
#include "sim_client.h"
#include "sim_coordinator.h"
#include "sim_group.h"
#include "sim_reflog.h"
#include "sim_trace.h"

static void s_on_insist (sim_t *sim, sim_event_t *event);

static uint32_t s_count (uint32_t bits)
{
    return (uint32_t) __builtin_popcount (bits);
}

static uint32_t s_lost (const sim_t *sim)
{
    uint32_t lost = 0;
    for (uint32_t i = 0; i < sim->n_replicas; i++)
        lost |= sim->coordinators[i]->disk_lost ? 1u << i : 0;
    return lost;
}

bool sim_members_is_over (const sim_t *sim)
{
    return sim->wish.change == SIM_CHANGE_NONE;
}

/* Every other member that has its disk knows who the members are, and has it on its disk by now. */
static bool s_are_known (const sim_t *sim, uint32_t but)
{
    uint32_t members = sim_group_members (sim);
    for (uint32_t i = 0; i < sim->n_replicas; i++) {
        const sim_coordinator_t *replica = sim->coordinators[i];
        if (!(members & 1u << i) || i == but || replica->disk_lost)
            continue;
        if (!replica->proc.up || replica->applied < sim_group_members_slot (sim))
            return false;
    }
    return sim->now > sim->wish.done_at + SIM_S;
}

/* Nobody is left with the address of one replica only, whose group has grown meanwhile: whoever slept all
 * along would have to be told by the operator where the others are. */
static bool s_knows_others (const sim_t *sim)
{
    for (uint32_t i = 0; i < sim->n_agents; i++)
        if (sim->agents[i]->proc.up && !txc_agent_coordinator_nth (sim->agents[i]->core, 1))
            return false;
    for (uint32_t i = 0; i < sim->n_clients; i++)
        if (sim->clients[i]->proc.up && !txc_session_coordinator_nth (sim->clients[i]->core, 1))
            return false;
    return true;
}

bool sim_members_can_spare (const sim_t *sim, uint32_t index)
{
    uint32_t members = sim_group_members (sim), lost = s_lost (sim) & members;
    return members & 1u << index && !(lost & 1u << index) && sim_members_is_over (sim) &&
           s_are_known (sim, index) && s_knows_others (sim) &&
           s_count (lost) + 1 <= (s_count (members) - 1) / 2;
}

/* --- what to do ---------------------------------------------------------------------------- */

/* It has asked to join by now, and what it drew at its start may be durable or not. */
static void s_on_first_moments (sim_t *sim, sim_event_t *event)
{
    if (!sim->healed)
        sim_coordinator_crash (sim, sim->coordinators[event->a], true);
}

/* A replica that is there and was never a member, or a new one; n_replicas: there is no place for more. */
static uint32_t s_joiner (sim_t *sim)
{
    uint32_t ever = sim_group_ever_members (sim), highest = 31u - (uint32_t) __builtin_clz (ever);
    if (highest + 1 < sim->n_replicas)
        return highest + 1;
    if (sim->n_replicas < SIM_REPLICAS_MAX) {
        uint32_t index = sim->n_replicas++;
        sim_coordinator_new (sim, index);
        sim_coordinator_start (sim, sim->coordinators[index]);
        if (sim_percent (sim, 25))
            sim_after (sim, sim_between (sim, 200, 4000), NULL, 0, s_on_first_moments)->a = index;
        return index;
    }
    return sim->n_replicas;
}

static void s_wish (sim_t *sim, sim_change_t change, uint32_t index)
{
    sim_trace (sim, "operator", "wants %s %s", sim->coordinators[index]->proc.name,
               change == SIM_CHANGE_ADD ? "as a member" : "to leave");
    sim_count (sim, SIM_FAULT_MEMBERS_CHANGED);
    sim->wish.change = (uint8_t) change;
    sim->wish.index = index;
    sim_after (sim, sim_between (sim, 1, 100) * SIM_MS, NULL, 0, s_on_insist);
}

static void s_add (sim_t *sim)
{
    uint32_t joiner = s_joiner (sim);
    if (joiner < sim->n_replicas)
        s_wish (sim, SIM_CHANGE_ADD, joiner);
}

static void s_remove (sim_t *sim, uint32_t candidates)
{
    uint32_t index = sim_below (sim, sim->n_replicas);
    while (!(candidates & 1u << index))
        index = (index + 1) % sim->n_replicas;
    s_wish (sim, SIM_CHANGE_REMOVE, index);
}

void sim_members_change (sim_t *sim)
{
    uint32_t members = sim_group_members (sim), n = s_count (members), lost = s_lost (sim) & members;
    uint32_t usual = sim->n_founders < 3 ? 3 : sim->n_founders;
    if (!sim->grows || !sim_members_is_over (sim) || sim->reflog->last_slot < 2)
        return;
    if (lost)
        s_remove (sim, lost);
    else if (n < usual || (n < 5 && sim_percent (sim, 30)))
        s_add (sim);
    else
        s_remove (sim, members);
}

/* --- getting it done ------------------------------------------------------------------------- */

static bool s_is_done (const sim_t *sim)
{
    bool member = sim_group_members (sim) & 1u << sim->wish.index;
    return member == (sim->wish.change == SIM_CHANGE_ADD);
}

static void s_ask (sim_t *sim, sim_coordinator_t *leader)
{
    sim_coordinator_t *replica = sim->coordinators[sim->wish.index];
    txc_member_t member = {.id = sim->wish.index + 1};
    txc_copy_text (member.endpoint, sizeof member.endpoint, replica->proc.name);
    if (sim->wish.change == SIM_CHANGE_ADD)
        sim_coordinator_command (sim, leader,
                                 &(txc_event_t){.type = TXC_EVENT_MEMBER_ADD, .member = &member});
    else if (leader == replica)
        sim_coordinator_command (sim, leader, &(txc_event_t){.type = TXC_EVENT_TRANSFER});
    else
        sim_coordinator_command (
            sim, leader, &(txc_event_t){.type = TXC_EVENT_MEMBER_REMOVE, .replica = sim->wish.index + 1});
    if (!leader->proc.up || !sim_percent (sim, 20))
        return;
    /* A second change on the heels of the first, one that changes nothing if it is taken. */
    member = (txc_member_t){.id = leader->config.id};
    txc_copy_text (member.endpoint, sizeof member.endpoint, leader->proc.name);
    sim_coordinator_command (sim, leader, &(txc_event_t){.type = TXC_EVENT_MEMBER_MOVE, .member = &member});
}

void sim_members_press (sim_t *sim, sim_coordinator_t *leader)
{
    if (!sim_members_is_over (sim) && leader->proc.up && !sim_proc_stopped (sim, &leader->proc))
        s_ask (sim, leader);
}

static void s_on_insist (sim_t *sim, sim_event_t *event)
{
    (void) event;
    sim_coordinator_t *leader = sim_coordinator_leader (sim);
    if (s_is_done (sim)) {
        sim_trace (sim, "operator", "has it done");
        sim->wish.change = SIM_CHANGE_NONE;
        sim->wish.done_at = sim->now;
        if (!sim->healed && sim_percent (sim, 60))
            sim_members_change (sim); /* for the one that went another one comes */
        return;
    }
    if (leader && !sim_proc_stopped (sim, &leader->proc))
        s_ask (sim, leader);
    sim_after (sim, sim_between (sim, 50, 800) * SIM_MS, NULL, 0, s_on_insist);
}

void sim_members_mistype (sim_t *sim)
{
    sim_coordinator_t *leader = sim_coordinator_leader (sim);
    txc_member_t member = {.id = SIM_REPLICAS_MAX + 1, .disk = 1, .endpoint = "nowhere"};
    if (!sim->grows || !leader || sim_proc_stopped (sim, &leader->proc))
        return;
    sim_count (sim, SIM_FAULT_MEMBER_MISTYPED);
    int rc = sim_coordinator_command (sim, leader,
                                      &(txc_event_t){.type = TXC_EVENT_MEMBER_ADD, .member = &member});
    if (rc == TXC_OK)
        sim_violation (sim, "mistyped-member", "%s takes a replica as a member that nobody has heard of",
                       leader->proc.name);
}
