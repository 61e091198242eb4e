/* One seed from its birth to its end. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_quorum.h"
#include "sim.h"
#include "sim_agent.h"
#include "sim_check.h"
#include "sim_client.h"
#include "sim_coordinator.h"
#include "sim_faults.h"
#include "sim_group.h"
#include "sim_members.h"
#include "sim_reflog.h"
#include "sim_rm.h"
#include "sim_trace.h"
#include "sim_truth.h"
#include "sim_world.h"

enum { BOUND_S = 240 /* after healing everything ends within this virtual time */ };

uint32_t sim_replicas;
bool sim_gone;
unsigned sim_mode = TXC_MODE_2PC;

static jmp_buf s_escape;
static char s_assertion[512];

/* A failed assertion in the code under test ends the seed, not the simulator. */
static void s_on_assertion (const char *message)
{
    txc_copy_text (s_assertion, sizeof s_assertion, message);
    longjmp (s_escape, 1);
}

/* --- the world ------------------------------------------------------------------- */

static void s_rm_new (sim_t *sim, uint32_t index)
{
    sim_rm_t *self = txc_calloc (1, sizeof *self);
    self->proc = (sim_proc_t){.kind = SIM_RM, .index = (uint8_t) index, .number = (uint8_t) sim->n_procs};
    self->kind = sim_percent (sim, 50) ? SIM_RM_PGSQL : SIM_RM_MYSQL;
    bool may_be_last = self->kind == SIM_RM_PGSQL && sim_mode == TXC_MODE_2PC; /* other modes refuse it */
    for (uint32_t i = 0; i < index; i++)
        may_be_last = may_be_last && !sim->rms[i]->last; /* no transaction can have two */
    self->last = may_be_last && sim_percent (sim, 20);
    snprintf (self->proc.name, sizeof self->proc.name, "%s%u", self->kind == SIM_RM_PGSQL ? "pg" : "my",
              index);
    self->agent = index < sim->n_agents ? index : sim_below (sim, sim->n_agents);
    self->timeline = 1;
    txc_list_init (&self->live);
    txc_list_init (&self->reverted);
    for (uint32_t i = 0; i < SIM_ACCOUNTS; i++)
        self->accounts[i] = SIM_BALANCE;
    sim_proc_begin (sim, &self->proc);
    sim->procs[sim->n_procs++] = &self->proc;
    sim->rms[index] = self;
}

static void s_build (sim_t *sim)
{
    uint32_t size = sim_below (sim, 10);
    sim->n_founders = sim->n_replicas = sim_replicas ? sim_replicas : size < 4 ? 1 : size < 8 ? 3 : 5;
    sim->n_agents = 1 + sim_below (sim, SIM_AGENTS_MAX);
    sim->n_rms = sim->n_agents + sim_below (sim, SIM_RMS_MAX - sim->n_agents + 1);
    if (sim->n_rms == 1)
        sim->n_rms = 2;
    sim->n_clients = 1 + sim_below (sim, SIM_CLIENTS_MAX - 1); /* and the auditor */
    sim->delay_us = (uint32_t) sim_between (sim, 100, sim_percent (sim, 80) ? 2000 : 50000);
    sim->stable_routes = sim_percent (sim, 50);
    sim_faults_draw (sim);
    sim->group = sim_group_new (sim->n_founders);
    sim->reflog = txc_calloc (1, sizeof *sim->reflog);
    for (uint32_t i = 0; i < sim->n_replicas; i++)
        sim_coordinator_new (sim, i);
    for (uint32_t i = 0; i < sim->n_rms; i++)
        s_rm_new (sim, i);
    for (uint32_t i = 0; i < sim->n_agents; i++)
        sim_agent_new (sim, i);
    for (uint32_t i = 0; i <= sim->n_clients; i++)
        sim_client_new (sim, i, i == sim->n_clients);
    for (uint32_t i = 0; i < sim->n_replicas; i++)
        sim_coordinator_start (sim, sim->coordinators[i]);
    for (uint32_t i = 0; i < sim->n_agents; i++)
        sim_agent_start (sim, sim->agents[i]);
    for (uint32_t i = 0; i < sim->n_clients; i++)
        sim_client_start (sim, sim->clients[i]);
    sim_faults_watch (sim);
}

static void s_demolish (sim_t *sim)
{
    sim_world_fini (sim);
    for (uint32_t i = 0; i <= sim->n_clients; i++)
        sim_client_destroy (sim, i);
    for (uint32_t i = 0; i < sim->n_agents; i++)
        sim_agent_destroy (sim, i);
    for (uint32_t i = 0; i < sim->n_replicas; i++)
        sim_coordinator_destroy (sim, i);
    sim_group_destroy (&sim->group);
    free (sim->reflog);
    sim_truth_fini (sim);
    for (uint32_t i = 0; i < sim->n_rms; i++)
        free (sim->rms[i]);
}

/* --- rest ---------------------------------------------------------------------------- */

static bool s_clients_are_over (const sim_t *sim)
{
    for (uint32_t i = 0; i < sim->n_clients; i++)
        if (!sim_client_is_over (sim->clients[i]))
            return false;
    return true;
}

static const sim_branch_t *s_unfinished (const sim_t *sim)
{
    for (uint32_t i = 0; i < sim->n_rms; i++)
        TXC_LIST_EACH (&sim->rms[i]->live, link)
        {
            const sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, rm_node);
            if (!branch->foreign)
                return branch;
        }
    return NULL;
}

static const sim_tx_t *s_unended (const sim_t *sim)
{
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        const sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        if (tx->logged == SIM_OUTCOME_COMMIT && !tx->logged_end && !tx->operated)
            return tx;
    }
    return NULL;
}

static void s_explain_stuck (sim_t *sim)
{
    char text[TXC_GTRID_MAX + 1];
    const sim_branch_t *branch = s_unfinished (sim);
    const sim_tx_t *tx = s_unended (sim);
    for (uint32_t i = 0; i <= sim->n_clients; i++) {
        const sim_client_t *client = sim->clients[i];
        if (i == sim->n_clients ? client->audits_left > 0 : !sim_client_is_over (client))
            sim_violation (
                sim, "stuck-client", "%s waits for %u operations, the first of kind %u for %u s",
                client->proc.name, client->n_pending, client->n_pending ? client->pending[0].op : 0,
                client->n_pending ? (unsigned) ((sim->now - client->pending[0].since) / SIM_S) : 0);
    }
    if (branch)
        sim_violation (sim, branch->state == SIM_BRANCH_PREPARED ? "in-doubt-for-ever" : "left-open",
                       "%s at %s is open %u s after healing", txc_gtrid_format (&branch->tx->gtrid, text),
                       branch->rm->proc.name, (unsigned) BOUND_S);
    if (tx)
        sim_violation (sim, "never-ended", "%s is committed, its End is not on record",
                       txc_gtrid_format (&tx->gtrid, text));
    if (!sim_members_is_over (sim))
        sim_violation (sim, "members-stuck", "the operator waits for a change of members %u s after healing",
                       (unsigned) BOUND_S);
    sim_violation (sim, "stuck", "not at rest %u s after healing", (unsigned) BOUND_S);
}

/* Runs until is_done says so, looking every every_us, at most for_us of virtual time.  True if it is done. */
static bool s_run_until_at (sim_t *sim, uint64_t for_us, uint64_t every_us,
                            bool (*is_done) (const sim_t *sim))
{
    uint64_t until = sim->now + for_us, look = sim->now;
    while (!sim->violation && sim->now < until && sim_world_step (sim)) {
        if (sim->now < look)
            continue;
        if (is_done (sim))
            return true;
        look = sim->now + every_us;
    }
    return false;
}

static bool s_run_until (sim_t *sim, uint64_t for_us, bool (*is_done) (const sim_t *sim))
{
    return s_run_until_at (sim, for_us, 200 * SIM_MS, is_done);
}

static bool s_is_at_rest (const sim_t *sim)
{
    return s_clients_are_over (sim) && !s_unfinished (sim) && !s_unended (sim) && sim_members_is_over (sim);
}

static bool s_is_audited (const sim_t *sim)
{
    return sim_client_is_over (sim->clients[sim->n_clients]);
}

static bool s_never (const sim_t *sim)
{
    (void) sim;
    return false;
}

/* A branch that a majority of connected members could have ended, or any of a two-phase commit. */
static const sim_branch_t *s_abandoned (const sim_t *sim)
{
    for (uint32_t i = 0; i < sim->n_rms; i++)
        TXC_LIST_EACH (&sim->rms[i]->live, link)
        {
            const sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, rm_node);
            bool alone =
                branch->tx->gtrid.mode == TXC_MODE_3PC && branch->tx->n_members == 2; /* it and the group */
            if (!branch->foreign && !branch->tx->operated && !alone && branch->state == SIM_BRANCH_PREPARED)
                return branch;
        }
    return NULL;
}

static bool s_is_abandoned (const sim_t *sim)
{
    return !s_abandoned (sim);
}

/* A member attempts what the group has granted it the number for, and nothing is decided yet. */
static bool s_is_attempting (const sim_t *sim)
{
    TXC_LIST_EACH ((txc_list_t *) &sim->tx_list, link)
    {
        const sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        const uint32_t last = tx->n_attempts - 1;
        if (tx->n_attempts && tx->logged == SIM_OUTCOME_NONE &&
            tx->attempts[last].number == tx->group_elected && tx->attempts[last].number > TXC_NUMBER_FIRST &&
            !(tx->attempts[last].members & 1) && sim_check_decided (tx) == TXC_VOTE_NONE)
            return true;
    }
    return false;
}

/* The whole group is gone for good: the agents are left to themselves. */
static void s_live_on (sim_t *sim)
{
    char text[TXC_GTRID_MAX + 1];
    for (uint32_t i = 0; i < sim->n_replicas; i++)
        sim_coordinator_crash (sim, sim->coordinators[i], true);
    sim_faults_heal (sim);
    if (s_run_until (sim, BOUND_S * SIM_S, s_is_abandoned) || sim->violation || sim->rm_history_lost)
        return;
    const sim_branch_t *branch = s_abandoned (sim);
    sim_violation (sim, "blocked", "%s at %s waits for a group that is gone",
                   txc_gtrid_format (&branch->tx->gtrid, text), branch->rm->proc.name);
}

static void s_live (sim_t *sim)
{
    s_build (sim);
    uint64_t active = sim_between (sim, 5, 40) * SIM_S;
    if (sim_gone) {
        active = sim_between (sim, 100, 10000) * SIM_MS;
        sim->enabled[SIM_FAULT_RESTORED_BACKUP] = false;
        sim_faults_plan (sim, active);
        if (sim_percent (sim, 50))
            s_run_until (sim, active, s_never);
        else
            s_run_until_at (sim, 4 * active, 1, s_is_attempting);
        if (!sim->violation)
            s_live_on (sim);
        return;
    }
    sim_faults_plan (sim, active);
    s_run_until (sim, active, s_clients_are_over);
    if (sim->restored) { /* nothing ends by itself any more; what must hold was checked at every step */
        s_run_until (sim, 20 * SIM_S, s_never);
        return;
    }
    if (sim->violation)
        return;
    sim_faults_heal (sim);
    if (!s_run_until (sim, BOUND_S * SIM_S, s_is_at_rest)) {
        if (!sim->violation)
            s_explain_stuck (sim);
        return;
    }
    s_run_until (sim, 5 * SIM_S, s_never); /* nothing comes back */
    sim_client_start (sim, sim->clients[sim->n_clients]);
    if (!sim->violation && !s_run_until (sim, BOUND_S * SIM_S, s_is_audited) && !sim->violation)
        s_explain_stuck (sim);
    /* A message that was very late may have begun something once more. */
    if (!sim->violation && !s_run_until (sim, BOUND_S * SIM_S, s_is_at_rest) && !sim->violation)
        s_explain_stuck (sim);
    if (!sim->violation)
        sim_check_end (sim);
}

bool sim_run (uint64_t seed, bool trace, sim_stats_t *stats, char *text, size_t size)
{
    sim_t *sim = txc_calloc (1, sizeof *sim);
    sim->seed = seed;
    sim->random = txc_mix64 (seed);
    sim->trace = trace;
    sim->stats = stats;
    sim_truth_init (sim);
    txc_assert_set_handler (s_on_assertion);
    bool escaped = setjmp (s_escape) != 0;
    if (!escaped)
        s_live (sim);
    else
        sim_violation (sim, "assertion", "%s", s_assertion);
    stats->seeds++;
    bool good = !sim->violation;
    if (!good) {
        stats->violations++;
        snprintf (text, size, "%s: %s", sim->violation, sim->violation_text);
    }
    if (!escaped) { /* after an assertion nothing can be trusted, not even to be freed */
        s_demolish (sim);
        free (sim);
    }
    return good;
}
