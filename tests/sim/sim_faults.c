#include "sim_faults.h"

#include <string.h>

#include "sim_agent.h"
#include "sim_check.h"
#include "sim_client.h"
#include "sim_coordinator.h"
#include "sim_log.h"
#include "sim_loss.h"
#include "sim_members.h"
#include "sim_reflog.h"
#include "sim_rm.h"
#include "sim_trace.h"

#define FAULT_RATE(name, rate, text) rate,

void sim_faults_draw (sim_t *sim)
{
    static const uint32_t most[] = {SIM_FAULT_MAP (FAULT_RATE)};
    uint32_t share = sim_below (sim, 5) * 20; /* of the kinds that are enabled; some seeds have none */
    sim->calm = share == 0;
    for (int i = 0; i < SIM_FAULTS; i++) {
        if (i == SIM_FAULT_JOURNAL_LOST && (sim_mode != TXC_MODE_3PC || sim_gone))
            continue; /* only its members do without */
        sim->enabled[i] = sim_percent (sim, share);
        uint32_t rate = most[i] >> sim_below (sim, 4);
        sim->rate[i] = sim->enabled[i] ? rate : 0;
    }
    /* What changes the rules for everything else comes seldom. */
    static const sim_fault_t seldom[] = {SIM_FAULT_RESTORED_BACKUP, SIM_FAULT_RM_IDENTITY_CHANGED,
                                         SIM_FAULT_OPERATOR_TRANSACTION, SIM_FAULT_OPERATOR_BRANCH};
    for (uint32_t i = 0; i < sizeof seldom / sizeof *seldom; i++)
        sim->enabled[seldom[i]] &= sim_percent (sim, 30);
    if (sim->enabled[SIM_FAULT_JOURNAL_LOST]) /* often the database went with it */
        sim->enabled[SIM_FAULT_RM_IDENTITY_CHANGED] |= sim_percent (sim, 30);
    sim->grows = sim->enabled[SIM_FAULT_MEMBERS_CHANGED] && sim_replicas != 1;
    if (sim->enabled[SIM_FAULT_RM_IDENTITY_CHANGED] || sim->n_replicas > 1 || sim->grows ||
        sim->enabled[SIM_FAULT_JOURNAL_LOST])
        sim->enabled[SIM_FAULT_RESTORED_BACKUP] = false;
}

/* --- processes ------------------------------------------------------------------- */

static void s_start (sim_t *sim, sim_proc_t *proc)
{
    switch (proc->kind) {
    case SIM_COORDINATOR:
        sim_coordinator_start (sim, sim->coordinators[proc->index]);
        break;
    case SIM_AGENT:
        sim_agent_start (sim, sim->agents[proc->index]);
        break;
    case SIM_RM:
        sim_rm_start (sim, sim->rms[proc->index]);
        break;
    case SIM_CLIENT:
        sim_client_start (sim, sim->clients[proc->index]);
        break;
    }
}

static void s_crash (sim_t *sim, sim_proc_t *proc)
{
    bool machine = sim_strikes (sim, SIM_FAULT_MACHINE_CRASH);
    if (!proc->up)
        return;
    switch (proc->kind) {
    case SIM_COORDINATOR:
        sim_coordinator_crash (sim, sim->coordinators[proc->index], machine);
        break;
    case SIM_AGENT:
        sim_agent_crash (sim, sim->agents[proc->index], machine);
        break;
    case SIM_RM:
        sim_rm_crash (sim, sim->rms[proc->index]);
        break;
    case SIM_CLIENT:
        sim_client_crash (sim, sim->clients[proc->index]);
        break;
    }
}

static void s_on_watch (sim_t *sim, sim_event_t *event)
{
    (void) event;
    sim_faults_watch (sim);
}

void sim_faults_watch (sim_t *sim)
{
    for (uint32_t i = 0; i < sim->n_procs; i++) {
        sim_proc_t *proc = sim->procs[i];
        if (sim_gone && sim->healed && proc->kind == SIM_COORDINATOR)
            continue;
        if (!proc->up && (sim->healed || sim_percent (sim, 30)) &&
            !(proc->kind == SIM_CLIENT && sim->clients[proc->index]->auditor))
            s_start (sim, proc);
    }
    for (uint32_t i = 0; i < sim->n_replicas; i++)
        if (sim->coordinators[i]->proc.up)
            sim_coordinator_watch_space (sim, sim->coordinators[i]);
    sim_after (sim, sim_between (sim, 20, 600) * SIM_MS, NULL, 0, s_on_watch);
}

/* --- faults with a time of their own -------------------------------------------------- */

static sim_proc_t *s_any (sim_t *sim)
{
    return sim->procs[sim_below (sim, sim->n_procs)];
}

static void s_on_mend (sim_t *sim, sim_event_t *event)
{
    sim->cut[event->a][event->b] = 0;
}

static void s_partition (sim_t *sim)
{
    const sim_proc_t *a = s_any (sim), *b = s_any (sim);
    if (a == b)
        return;
    sim_count (sim, SIM_FAULT_PARTITION);
    sim_trace (sim, "network", "cuts %s off from %s", a->name, b->name);
    bool both = sim_percent (sim, 70);
    for (int way = 0; way < (both ? 2 : 1); way++) {
        sim->cut[a->number][b->number] = 1;
        sim_event_t *event = sim_after (sim, sim_between (sim, 50, 8000) * SIM_MS, NULL, 0, s_on_mend);
        event->a = a->number;
        event->b = b->number;
        const sim_proc_t *other = a;
        a = b;
        b = other;
    }
}

/* Nothing is lost, but all of it comes late: half of the time between two replicas. */
static void s_clog (sim_t *sim)
{
    const sim_proc_t *from = s_any (sim), *to = s_any (sim);
    if (sim_percent (sim, 50)) {
        from = &sim->coordinators[sim_below (sim, sim->n_replicas)]->proc;
        to = &sim->coordinators[sim_below (sim, sim->n_replicas)]->proc;
    }
    if (from == to)
        return;
    sim_count (sim, SIM_FAULT_LINK_CLOGGED);
    uint64_t us = sim_between (sim, 50, 8000) * SIM_MS;
    sim_trace (sim, "network", "holds back what %s says to %s for %u ms", from->name, to->name,
               (unsigned) (us / SIM_MS));
    sim->clogged[from->number][to->number] = sim->now + us;
}

static void s_pause (sim_t *sim, sim_proc_t *proc, uint64_t us)
{
    if (!proc->up || proc->kind == SIM_RM)
        return;
    sim_trace (sim, proc->name, "is stopped for %u ms", (unsigned) (us / SIM_MS));
    proc->paused_until = sim->now + us;
}

static void s_on_room (sim_t *sim, sim_event_t *event)
{
    sim_coordinator_t *replica = sim->coordinators[event->a];
    sim_trace (sim, replica->proc.name, "its disk has room again");
    sim_coordinator_full (sim, replica, false);
}

static void s_disk_full (sim_t *sim)
{
    sim_count (sim, SIM_FAULT_DISK_FULL);
    sim_coordinator_t *replica = sim->coordinators[sim_below (sim, sim->n_replicas)];
    sim_trace (sim, replica->proc.name, "its disk is full");
    sim_coordinator_full (sim, replica, true);
    sim_after (sim, sim_between (sim, 100, 3000) * SIM_MS, NULL, 0, s_on_room)->a = replica->proc.index;
}

static void s_checkpoint (sim_t *sim)
{
    uint32_t i = sim_below (sim, sim->n_agents + sim->n_replicas);
    sim_coordinator_t *replica = i >= sim->n_agents ? sim->coordinators[i - sim->n_agents] : NULL;
    if (replica && replica->proc.up && !sim->enabled[SIM_FAULT_RESTORED_BACKUP])
        sim_coordinator_checkpoint (sim, replica);
    else if (i < sim->n_agents && sim->agents[i]->proc.up)
        sim_agent_checkpoint (sim, sim->agents[i]);
}

static void s_restore (sim_t *sim)
{
    sim_coordinator_t *replica = sim->coordinators[0];
    if (sim->restored || sim->n_replicas > 1 || sim_log_durable (replica->log) < 6 || !replica->proc.up)
        return;
    /* An agent that has journaled a guard behind the copy's end will know. */
    uint64_t known = UINT64_MAX;
    for (uint32_t i = 0; i < sim->n_agents; i++)
        if (sim->agents[i]->guard_slot < known)
            known = sim->agents[i]->guard_slot;
    if (known < 4)
        return;
    sim_coordinator_restore (sim, replica, sim_between (sim, 2, known - 1));
}

static void s_resolve_transaction (sim_t *sim)
{
    sim_coordinator_t *leader = sim_coordinator_leader (sim);
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        if (tx->planted || tx->logged != SIM_OUTCOME_NONE || !sim_percent (sim, 20) || !leader)
            continue;
        bool any = false;
        TXC_LIST_EACH (&tx->branches, node)
        {
            sim_branch_t *branch = TXC_CONTAINER (node, sim_branch_t, node);
            any |= branch->state == SIM_BRANCH_PREPARED;
        }
        if (!any)
            continue;
        sim_count (sim, SIM_FAULT_OPERATOR_TRANSACTION);
        tx->operated = true;
        TXC_LIST_EACH (&tx->branches, node)
        TXC_CONTAINER (node, sim_branch_t, node)->operated = true;
        sim_coordinator_resolve (sim, leader, &tx->gtrid, sim_percent (sim, 50));
        return;
    }
}

/* Ends prepared branches of one agent by hand.  all: every one that waits for an operator. */
static void s_resolve_branch (sim_t *sim, sim_agent_t *agent, bool all)
{
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        TXC_LIST_EACH (&tx->branches, node)
        {
            sim_branch_t *branch = TXC_CONTAINER (node, sim_branch_t, node);
            if (branch->state != SIM_BRANCH_PREPARED || tx->planted || branch->foreign || !agent->proc.up ||
                sim->agents[branch->rm->agent] != agent || (!all && !sim_percent (sim, 20)))
                continue;
            bool commit = all ? tx->logged == SIM_OUTCOME_COMMIT || tx->told_committed ||
                                    sim_check_decided (tx) == TXC_VOTE_YES
                              : sim_percent (sim, 50);
            commit |= branch->rm->last; /* it has committed */
            if (!all)
                sim_count (sim, SIM_FAULT_OPERATOR_BRANCH);
            tx->operated = true;
            tx->given_up |= all && tx->gtrid.mode == TXC_MODE_3PC;
            branch->operated = true;
            sim_agent_resolve (sim, agent, branch, commit);
            if (!all)
                return;
        }
    }
}

/* --- faults of a group ------------------------------------------------------------------ */

/* Within the bound that the group was told of; without leases there is none. */
static void s_drift (sim_t *sim, sim_proc_t *proc)
{
    if (sim->n_replicas == 1 || proc->drift)
        return;
    sim_count (sim, SIM_FAULT_CLOCK_DRIFT);
    int32_t most = sim->coordinators[0]->config.no_lease ? 400 : 45;
    proc->drift = (int32_t) sim_below (sim, (uint32_t) (2 * most + 1)) - most;
    proc->drift_since = sim->now;
    sim_trace (sim, proc->name, "its clock runs %d permille fast", proc->drift);
}

static void s_lose_disk (sim_t *sim)
{
    if (sim->reflog->last_slot < 2)
        return; /* a new group needs all of its members until their disks are on record */
    sim_coordinator_t *replica = sim->coordinators[sim_below (sim, sim->n_replicas)];
    if (sim_members_can_spare (sim, replica->proc.index))
        sim_coordinator_lose_disk (sim, replica);
}

static void s_crash_leader (sim_t *sim)
{
    sim_coordinator_t *leader = sim_coordinator_leader (sim);
    if (!leader || sim->n_replicas == 1)
        return;
    sim_count (sim, SIM_FAULT_LEADER_CRASH);
    sim_coordinator_crash (sim, leader, sim_strikes (sim, SIM_FAULT_MACHINE_CRASH));
}

static void s_cut (sim_t *sim, const sim_proc_t *a, const sim_proc_t *b, uint64_t duration)
{
    sim->cut[a->number][b->number] = 1;
    sim_event_t *event = sim_after (sim, duration, NULL, 0, s_on_mend);
    event->a = a->number;
    event->b = b->number;
}

static void s_on_restart (sim_t *sim, sim_event_t *event);

/* Everybody but the former leader has a snapshot that ends shortly behind the successor's barrier, and
 * nothing else once it is restarted. */
static void s_fall_back_on_snapshots (sim_t *sim, const sim_coordinator_t *former)
{
    for (uint32_t i = 0; i < sim->n_replicas; i++) {
        sim_coordinator_t *replica = sim->coordinators[i];
        if (replica == former || !replica->proc.up)
            continue;
        sim_coordinator_checkpoint (sim, replica);
        sim_after (sim, sim_below (sim, 20 * SIM_MS), NULL, 0, s_on_restart)->a = i;
    }
}

/* It dies in its first moments, and whoever comes next finds what the former leader had proposed meanwhile
 * behind its barrier.  b: when nobody waits for it any more. */
static void s_on_successor (sim_t *sim, sim_event_t *event)
{
    const sim_coordinator_t *former = sim->coordinators[event->a];
    sim_coordinator_t *leader = sim_coordinator_leader (sim);
    txc_replica_status_t status = {0};
    if (leader)
        txc_replica_status (leader->core, &status);
    if (sim->healed || sim->now > event->b)
        return;
    if (!status.leading || leader == former) {
        sim_event_t *next = sim_after (sim, sim_between (sim, 1, 8) * SIM_MS, NULL, 0, s_on_successor);
        next->a = event->a;
        next->b = event->b;
        return;
    }
    sim_trace (sim, "network", "lets %s be heard again", former->proc.name);
    for (uint32_t i = 0; i < sim->n_procs; i++)
        sim->cut[former->proc.number][i] = sim->cut[i][former->proc.number] = 0;
    if (sim_percent (sim, 40))
        s_fall_back_on_snapshots (sim, former);
    if (leader->proc.up)
        sim_coordinator_crash (sim, leader, sim_percent (sim, 50));
}

/* What the leader goes on proposing is on its own disk only; others lead meanwhile, and may be followed by
 * it. */
static void s_isolate_leader (sim_t *sim)
{
    sim_coordinator_t *leader = sim_coordinator_leader (sim);
    if (!leader || sim->n_replicas == 1)
        return;
    uint64_t election = leader->config.election_ms * (uint64_t) SIM_MS;
    uint64_t duration = election + sim_below (sim, (uint32_t) (2 * election));
    sim_count (sim, SIM_FAULT_LEADER_ISOLATED);
    sim_trace (sim, "network", "cuts %s off from the other replicas", leader->proc.name);
    for (uint32_t i = 0; i < sim->n_replicas; i++)
        if (sim->coordinators[i] != leader) {
            s_cut (sim, &leader->proc, &sim->coordinators[i]->proc, duration);
            s_cut (sim, &sim->coordinators[i]->proc, &leader->proc, duration);
        }
    if (sim_percent (sim, 50))
        sim_members_change (sim);
    sim_members_press (sim, leader);
    if (sim_percent (sim, 70)) {
        sim_event_t *event =
            sim_after (sim, election + sim_below (sim, (uint32_t) election), NULL, 0, s_on_successor);
        event->a = leader->proc.index;
        event->b = sim->now + duration + 4 * election;
    }
}

/* It wakes up and takes itself for the leader. */
static void s_pause_leader (sim_t *sim)
{
    sim_coordinator_t *leader = sim_coordinator_leader (sim);
    if (!leader || sim->n_replicas == 1)
        return;
    sim_count (sim, SIM_FAULT_LEADER_PAUSED);
    uint64_t election = leader->config.election_ms * (uint64_t) SIM_MS;
    s_pause (sim, &leader->proc, election + sim_below (sim, (uint32_t) (8 * election)));
}

static void s_on_restart (sim_t *sim, sim_event_t *event)
{
    sim_coordinator_t *replica = sim->coordinators[event->a];
    if (sim->healed || !replica->proc.up)
        return;
    sim_coordinator_crash (sim, replica, false);
    sim_coordinator_start (sim, replica);
}

/* One replica cannot hear the leader and stands for election; the others, which had granted the leader its
 * lease, are restarted and know nothing of it. */
static void s_restart_grantor (sim_t *sim)
{
    const sim_coordinator_t *leader = sim_coordinator_leader (sim);
    uint32_t deaf = sim_below (sim, sim->n_replicas);
    if (!leader || sim->n_replicas == 1 || sim->coordinators[deaf] == leader)
        return;
    uint64_t election = leader->config.election_ms * (uint64_t) SIM_MS;
    sim_count (sim, SIM_FAULT_GRANTOR_RESTARTED);
    s_cut (sim, &leader->proc, &sim->coordinators[deaf]->proc, 6 * election);
    s_cut (sim, &sim->coordinators[deaf]->proc, &leader->proc, 6 * election);
    uint64_t when = 2 * election + sim_below (sim, (uint32_t) (3 * election));
    for (uint32_t i = 0; i < sim->n_replicas; i++)
        if (i != deaf && sim->coordinators[i] != leader)
            sim_after (sim, when + sim_below (sim, SIM_MS), NULL, 0, s_on_restart)->a = i;
}

/* Some replicas on one side, some on the other; everybody else reaches both, or only one. */
static void s_split (sim_t *sim)
{
    if (sim->n_replicas == 1)
        return;
    sim_count (sim, SIM_FAULT_GROUP_SPLIT);
    uint32_t side = 1 + sim_below (sim, (1u << sim->n_replicas) - 2);
    bool others = sim_percent (sim, 50), both_ways = sim_percent (sim, 70);
    uint64_t duration = sim_between (sim, 100, 8000) * SIM_MS;
    sim_trace (sim, "network", "splits the group: %x%s", side, others ? ", also from everybody else" : "");
    for (uint32_t a = 0; a < sim->n_procs; a++)
        for (uint32_t b = 0; b < sim->n_procs; b++) {
            const sim_proc_t *from = sim->procs[a], *to = sim->procs[b];
            bool from_side = from->kind == SIM_COORDINATOR && side & 1u << from->index;
            bool to_side = to->kind == SIM_COORDINATOR && side & 1u << to->index;
            bool within = from->kind == SIM_COORDINATOR && to->kind == SIM_COORDINATOR;
            if (from_side == to_side || (!within && !others) || (!both_ways && to_side))
                continue;
            sim->cut[from->number][to->number] = 1;
            sim_event_t *event = sim_after (sim, duration, NULL, 0, s_on_mend);
            event->a = from->number;
            event->b = to->number;
        }
}

static void s_on_fault (sim_t *sim, sim_event_t *event)
{
    if (sim->healed)
        return;
    sim_proc_t *proc = s_any (sim);
    switch ((sim_fault_t) event->a) {
    case SIM_FAULT_PARTITION:
        s_partition (sim);
        break;
    case SIM_FAULT_LINK_CLOGGED:
        s_clog (sim);
        break;
    case SIM_FAULT_CRASH_AT_TIME:
        if (proc->kind == SIM_RM)
            break;
        sim_count (sim, SIM_FAULT_CRASH_AT_TIME);
        s_crash (sim, proc);
        break;
    case SIM_FAULT_RM_CRASH:
        proc = &sim->rms[sim_below (sim, sim->n_rms)]->proc;
        if (proc->up)
            sim_count (sim, SIM_FAULT_RM_CRASH);
        s_crash (sim, proc);
        break;
    case SIM_FAULT_CLIENT_CRASH:
        s_crash (sim, &sim->clients[sim_below (sim, sim->n_clients)]->proc);
        break;
    case SIM_FAULT_PROCESS_PAUSED:
        sim_count (sim, SIM_FAULT_PROCESS_PAUSED);
        s_pause (sim, proc, sim_between (sim, 100, 15000) * SIM_MS);
        break;
    case SIM_FAULT_SESSION_LAPSE:
        sim_count (sim, SIM_FAULT_SESSION_LAPSE);
        s_pause (sim, &sim->clients[sim_below (sim, sim->n_clients)]->proc,
                 (sim->coordinators[0]->config.lease_ms + sim_between (sim, 0, 2000)) * SIM_MS);
        break;
    case SIM_FAULT_CLOCK_JUMPED: /* a lease rests on clocks that do not jump */
        if (proc->kind == SIM_COORDINATOR && sim->n_replicas > 1 && !sim->coordinators[0]->config.no_lease)
            break;
        sim_count (sim, SIM_FAULT_CLOCK_JUMPED);
        proc->clock_ms += sim_between (sim, 1, 30000);
        sim_trace (sim, proc->name, "its clock jumps forward");
        break;
    case SIM_FAULT_CLOCK_DRIFT:
        s_drift (sim, &sim->coordinators[sim_below (sim, sim->n_replicas)]->proc);
        break;
    case SIM_FAULT_DISK_LOST:
        s_lose_disk (sim);
        break;
    case SIM_FAULT_GROUP_SPLIT:
        s_split (sim);
        break;
    case SIM_FAULT_LEADER_CRASH:
        s_crash_leader (sim);
        break;
    case SIM_FAULT_LEADER_PAUSED:
        s_pause_leader (sim);
        break;
    case SIM_FAULT_LEADER_ISOLATED:
        s_isolate_leader (sim);
        break;
    case SIM_FAULT_GRANTOR_RESTARTED:
        s_restart_grantor (sim);
        break;
    case SIM_FAULT_TRANSFER:
        sim_coordinator_transfer (sim);
        break;
    case SIM_FAULT_MEMBERS_CHANGED:
        sim_members_change (sim);
        break;
    case SIM_FAULT_MEMBER_MISTYPED:
        sim_members_mistype (sim);
        break;
    case SIM_FAULT_DISK_FULL:
        s_disk_full (sim);
        break;
    case SIM_FAULT_CHECKPOINT:
        s_checkpoint (sim);
        break;
    case SIM_FAULT_RESTORED_BACKUP:
        s_restore (sim);
        break;
    case SIM_FAULT_WINDOW_OUTRUN:
        sim_client_outrun (sim, sim->clients[sim_below (sim, sim->n_clients)]);
        break;
    case SIM_FAULT_FOREIGN_BRANCH:
        sim_rm_plant (sim, sim->rms[sim_below (sim, sim->n_rms)]);
        break;
    case SIM_FAULT_OPERATOR_TRANSACTION:
        s_resolve_transaction (sim);
        break;
    case SIM_FAULT_OPERATOR_BRANCH:
        s_resolve_branch (sim, sim->agents[sim_below (sim, sim->n_agents)], false);
        break;
    default:
        break;
    }
}

void sim_faults_plan (sim_t *sim, uint64_t until_us)
{
    static const sim_fault_t timed[] = {
        SIM_FAULT_PARTITION,       SIM_FAULT_CRASH_AT_TIME,     SIM_FAULT_RM_CRASH,
        SIM_FAULT_CLIENT_CRASH,    SIM_FAULT_PROCESS_PAUSED,    SIM_FAULT_SESSION_LAPSE,
        SIM_FAULT_CLOCK_JUMPED,    SIM_FAULT_DISK_FULL,         SIM_FAULT_CHECKPOINT,
        SIM_FAULT_RESTORED_BACKUP, SIM_FAULT_FOREIGN_BRANCH,    SIM_FAULT_OPERATOR_TRANSACTION,
        SIM_FAULT_OPERATOR_BRANCH, SIM_FAULT_CLOCK_DRIFT,       SIM_FAULT_DISK_LOST,
        SIM_FAULT_GROUP_SPLIT,     SIM_FAULT_LEADER_CRASH,      SIM_FAULT_TRANSFER,
        SIM_FAULT_LEADER_ISOLATED, SIM_FAULT_GRANTOR_RESTARTED, SIM_FAULT_LEADER_PAUSED,
        SIM_FAULT_MEMBERS_CHANGED, SIM_FAULT_MEMBER_MISTYPED,   SIM_FAULT_LINK_CLOGGED,
        SIM_FAULT_WINDOW_OUTRUN};
    for (uint32_t i = 0; i < sizeof timed / sizeof *timed; i++) {
        if (!sim->enabled[timed[i]])
            continue;
        uint32_t times = 1 + sim_below (sim, 10);
        for (uint32_t k = 0; k < times; k++) /* early ones meet more transactions */
            sim_after (sim,
                       sim_below (sim, 2) ? sim_between (sim, 0, until_us)
                                          : sim_between (sim, 0, until_us / 20),
                       NULL, 0, s_on_fault)
                ->a = timed[i];
    }
    sim_loss_plan (sim, until_us);
}

static void s_on_operator (sim_t *sim, sim_event_t *event)
{
    (void) event;
    for (uint32_t i = 0; i < sim->n_agents; i++)
        s_resolve_branch (sim, sim->agents[i], true);
}

void sim_faults_heal (sim_t *sim)
{
    sim_trace (sim, "world", "is healed");
    sim->healed = true;
    memset (sim->cut, 0, sizeof sim->cut);
    memset (sim->clogged, 0, sizeof sim->clogged);
    for (uint32_t i = 0; i < sim->n_replicas; i++)
        sim_coordinator_full (sim, sim->coordinators[i], false);
    for (uint32_t i = 0; i < sim->n_procs; i++)
        if (sim->procs[i]->paused_until > sim->now)
            sim->procs[i]->paused_until = sim->now;
    sim_faults_watch (sim);
    /* What a promoted standby shows is for an operator; and what an agent has voted for in a journal that it
     * lost, if none but that journal knew who the other members were, or if the group has forgotten what it
     * knew. */
    if (sim->rm_history_lost || sim->journal_gone)
        sim_after (sim, 100 * SIM_S, NULL, 0, s_on_operator);
}
