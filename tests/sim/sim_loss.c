/*
 * An agent that loses its journal, in mode 3pc, when it matters most: a branch
 * of it has committed, or voted although nothing is prepared, and another
 * member of the transaction is in doubt and cut off from the group.
 *
 * What must hold then: of the branches that the lost journal knew the agent
 * says nothing.  It is always the same agent, and never more than a minority
 * of a transaction's members: of them E3PC can spare no more.
 */
#include "sim_loss.h"

#include "sim_agent.h"
#include "sim_coordinator.h"
#include "sim_rm.h"
#include "sim_trace.h"

enum { LOOKED_AT = 40 /* of the latest transactions */, HUNTS_MAX = 4000 };

static bool s_is_held_by (const sim_branch_t *branch, const sim_agent_t *agent)
{
    return branch->rm->agent == agent->proc.index;
}

/* Would a majority of the members go on without what this agent's journal says of them? */
static bool s_can_spare (const sim_tx_t *tx, const sim_agent_t *agent)
{
    uint32_t lost = 0, all = 1; /* the group */
    if (tx->gtrid.mode != TXC_MODE_3PC || tx->logged != SIM_OUTCOME_NONE)
        return true;
    TXC_LIST_EACH ((txc_list_t *) &tx->branches, link)
    {
        const sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, node);
        lost += s_is_held_by (branch, agent); /* those that have not voted yet are lost, too */
        all++;
    }
    return 2 * lost < (tx->n_members ? tx->n_members : all) || lost == 0;
}

static bool s_may_lose (const sim_t *sim, const sim_agent_t *agent)
{
    TXC_LIST_EACH ((txc_list_t *) &sim->tx_list, link)
    if (!s_can_spare (TXC_CONTAINER (link, sim_tx_t, list_node), agent))
        return false;
    return agent->proc.up;
}

/* A branch that is in doubt while another one at agent has committed, or voted with nothing prepared. */
static const sim_branch_t *s_in_doubt (const sim_t *sim, const sim_agent_t *agent)
{
    const txc_list_t *link = sim->tx_list.prev;
    for (uint32_t i = 0; i < LOOKED_AT && link != &sim->tx_list; i++, link = link->prev) {
        const sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        const sim_branch_t *in_doubt = NULL;
        bool told = false;
        if (tx->gtrid.mode != TXC_MODE_3PC || tx->planted || tx->operated)
            continue;
        TXC_LIST_EACH ((txc_list_t *) &tx->branches, node)
        {
            const sim_branch_t *branch = TXC_CONTAINER (node, sim_branch_t, node);
            bool idle = branch->member_durable && !branch->wrote;
            if (s_is_held_by (branch, agent))
                told |= idle || (branch->member_durable && branch->state == SIM_BRANCH_COMMITTED);
            else if (branch->state == SIM_BRANCH_PREPARED && branch->member_durable)
                in_doubt = branch;
        }
        if (told && in_doubt)
            return in_doubt;
    }
    return NULL;
}

static void s_on_mend (sim_t *sim, sim_event_t *event)
{
    sim->cut[event->a][event->b] = 0;
}

static void s_cut_off (sim_t *sim, const sim_agent_t *agent, uint64_t duration)
{
    sim_trace (sim, "network", "cuts %s off from the group", agent->proc.name);
    for (uint32_t i = 0; i < sim->n_replicas; i++) {
        const sim_proc_t *ends[2] = {&agent->proc, &sim->coordinators[i]->proc};
        for (int way = 0; way < 2; way++) {
            sim->cut[ends[way]->number][ends[!way]->number] = 1;
            sim_event_t *event = sim_after (sim, duration, NULL, 0, s_on_mend);
            event->a = ends[way]->number;
            event->b = ends[!way]->number;
        }
    }
}

/* a: tries so far. */
static void s_on_hunt (sim_t *sim, sim_event_t *event)
{
    sim_agent_t *agent = sim->agents[sim->loser];
    const sim_branch_t *in_doubt = agent->proc.up ? s_in_doubt (sim, agent) : NULL;
    if (sim->healed || event->a >= HUNTS_MAX)
        return;
    if (!in_doubt || !s_may_lose (sim, agent)) {
        sim_after (sim, 500 + sim_below (sim, 4000), NULL, 0, s_on_hunt)->a = event->a + 1;
        return;
    }
    s_cut_off (sim, sim->agents[in_doubt->rm->agent], sim_between (sim, 500, 12000) * SIM_MS);
    sim_count (sim, SIM_FAULT_JOURNAL_LOST);
    sim_agent_lose_journal (sim, agent);
    if (sim_percent (sim, 70))
        sim_agent_start (sim, agent);
}

/* The agent's machine is lost, and with it the databases beside it: standbys take their place.  What would
 * tell that they are other copies was in the journal.  a: tries so far. */
static void s_on_disaster (sim_t *sim, sim_event_t *event)
{
    sim_agent_t *agent = sim->agents[sim->loser];
    if (sim->healed || event->a >= HUNTS_MAX)
        return;
    if (!s_may_lose (sim, agent)) {
        sim_after (sim, 500 + sim_below (sim, 4000), NULL, 0, s_on_disaster)->a = event->a + 1;
        return;
    }
    sim_count (sim, SIM_FAULT_JOURNAL_LOST);
    sim_agent_lose_journal (sim, agent);
    for (uint32_t i = 0; i < agent->config.n_rms; i++)
        sim_rm_fail_over (sim, agent->rms[i]);
    sim_agent_start (sim, agent);
}

void sim_loss_plan (sim_t *sim, uint64_t until_us)
{
    if (!sim->enabled[SIM_FAULT_JOURNAL_LOST])
        return;
    sim->loser = sim_below (sim, sim->n_agents);
    uint32_t times = 1 + sim_below (sim, 4);
    for (uint32_t i = 0; i < times; i++)
        sim_after (sim, sim_between (sim, 0, until_us / 4), NULL, 0, s_on_hunt);
    if (sim->enabled[SIM_FAULT_RM_IDENTITY_CHANGED])
        sim_after (sim, sim_between (sim, 0, until_us), NULL, 0, s_on_disaster);
}
