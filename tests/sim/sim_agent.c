#include "sim_agent.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "sim_check.h"
#include "sim_coordinator.h"
#include "sim_net.h"
#include "sim_trace.h"
#include "sim_worker.h"
#include "wire/txc_codec.h"

static void s_on_tick (sim_t *sim, sim_event_t *event);

/* --- carrying out an update ------------------------------------------------------ */

static bool s_dies (sim_t *sim, sim_agent_t *self, sim_fault_t fault)
{
    if (!sim_strikes (sim, fault))
        return false;
    sim_agent_crash (sim, self, sim_strikes (sim, SIM_FAULT_MACHINE_CRASH));
    return true;
}

static void s_put (sim_t *sim, sim_agent_t *self, bool forced)
{
    for (uint32_t i = 0; i < self->update.n_entries; i++) {
        const txc_entry_t *entry = &self->update.entries[i];
        if (entry->forced != forced)
            continue;
        if (sim->trace) {
            char text[SIM_TEXT_MAX];
            txc_jrec_t record;
            txc_journal_codec.decode (entry->bytes, entry->size, &record);
            sim_trace (sim, self->proc.name, "journals %s %s", sim_show_journal (&record, text),
                       forced ? "forced" : "written");
        }
        if (entry->kind == TXC_JOURNAL_FORGET) /* as the daemon does it: nothing rests on it */
            sim_log_put_along (self->log, entry);
        else
            sim_log_put (self->log, entry);
    }
}

static void s_send_to_all (sim_t *sim, sim_agent_t *self, const txc_msg_t *message)
{
    const char *endpoint;
    for (uint32_t i = 0; (endpoint = txc_agent_coordinator_nth (self->core, i)) != NULL; i++)
        sim_net_send (sim, &self->proc, sim_coordinator_at (sim, endpoint), message);
}

static void s_send_to_peer (sim_t *sim, sim_agent_t *self, const char *endpoint, const txc_msg_t *message)
{
    for (uint32_t i = 0; i < sim->n_agents; i++)
        if (strcmp (sim->agents[i]->config.endpoint, endpoint) == 0)
            sim_net_send (sim, &self->proc, &sim->agents[i]->proc, message);
}

/* The order that txc_update.h prescribes: what is written, what is forced, then work and messages. */
static void s_carry_out (sim_t *sim, sim_agent_t *self)
{
    if (self->update.n_entries) {
        if (s_dies (sim, self, SIM_FAULT_CRASH_BEFORE_LOG))
            return;
        if (!TXC_MUTANT (WORK_BEFORE_JOURNAL))
            s_put (sim, self, false);
        s_put (sim, self, true);
    }
    for (uint32_t i = 0; i < self->update.n_work; i++) {
        /* Between the journal's "committing" and the commit it matters most. */
        uint32_t chances = self->update.work[i].op == TXC_WORK_COMMIT ? 4 : 1;
        for (uint32_t k = 0; k < chances; k++)
            if (s_dies (sim, self, SIM_FAULT_CRASH_BEFORE_SEND))
                return;
        sim_worker_start (sim, self, &self->update.work[i]);
    }
    if (TXC_MUTANT (WORK_BEFORE_JOURNAL) && self->update.n_entries) {
        if (s_dies (sim, self, SIM_FAULT_CRASH_BEFORE_SEND))
            return;
        s_put (sim, self, false);
    }
    for (uint32_t i = 0; i < self->update.n_messages; i++) {
        const txc_msg_t *message = &self->update.messages[i];
        if (s_dies (sim, self, SIM_FAULT_CRASH_BEFORE_SEND))
            return;
        sim_check_from_agent (sim, self, message);
        const char *peer = txc_agent_peer (self->core, message->route);
        if (peer)
            s_send_to_peer (sim, self, peer, message);
        else if (message->route == TXC_ROUTE_ALL)
            s_send_to_all (sim, self, message);
        else if (message->route)
            sim_net_answer (sim, &self->proc, message->route, message);
        else
            sim_net_send (sim, &self->proc, sim_coordinator_at (sim, txc_agent_leader (self->core)), message);
    }
}

static void s_step (sim_t *sim, sim_agent_t *self, txc_agent_event_t *event)
{
    event->now_ms = sim_proc_ms (sim, &self->proc);
    txc_agent_step (self->core, event, &self->update);
    if (event->type == TXC_AGENT_MESSAGE)
        sim_check_obeyed (sim, self, event->message);
    s_carry_out (sim, self);
    txc_update_clear (&self->update);
    if (self->proc.up && sim_log_wants_checkpoint (self->log)) /* as the daemon at the end of each turn */
        sim_agent_checkpoint (sim, self);
    if (self->proc.up)
        sim_proc_tick_at (sim, &self->proc, txc_agent_next_ms (self->core), s_on_tick);
}

static void s_on_tick (sim_t *sim, sim_event_t *event)
{
    sim_agent_t *self = sim->agents[event->owner->index];
    if (self->proc.tick_at != event->a)
        return;
    self->proc.tick_at = UINT64_MAX;
    txc_agent_event_t tick = {.type = TXC_AGENT_TICK};
    s_step (sim, self, &tick);
}

void sim_agent_receive (sim_t *sim, sim_agent_t *self, const txc_msg_t *message)
{
    txc_agent_event_t event = {.type = TXC_AGENT_MESSAGE, .message = message};
    s_step (sim, self, &event);
}

void sim_agent_work_done (sim_t *sim, sim_agent_t *self, txc_work_done_t *done)
{
    if (sim->trace) {
        char text[SIM_TEXT_MAX];
        sim_trace (sim, self->proc.name, "work done: %s",
                   sim_show_done (done, self->config.rms[done->rm].name, text));
    }
    txc_agent_event_t event = {.type = TXC_AGENT_WORK_DONE, .done = done};
    s_step (sim, self, &event);
}

/* --- the journal -------------------------------------------------------------------- */

static void s_told (sim_t *sim, sim_proc_t *owner, uint64_t number)
{
    sim_agent_t *self = sim->agents[owner->index];
    txc_agent_event_t event = {.type = TXC_AGENT_JOURNALED, .slot = number};
    s_step (sim, self, &event);
}

static void s_seen (sim_t *sim, sim_proc_t *owner, const txc_entry_t *entry)
{
    txc_jrec_t record;
    sim_agent_t *self = sim->agents[owner->index];
    if (!txc_journal_codec.decode (entry->bytes, entry->size, &record))
        return;
    if (record.kind == TXC_JOURNAL_MEMBER)
        sim_check_member (sim, &record);
    if (record.kind == TXC_JOURNAL_HEURISTIC && record.heur == TXC_HEUR_COMMITTED) {
        sim_branch_t *branch = sim_branch_find (sim, &record.gtrid, record.rm, record.token);
        if (branch)
            branch->by_hand = true;
    }
    if (record.kind == TXC_JOURNAL_BIRTH)
        self->birth = (uint32_t) record.number;
    if (record.kind == TXC_JOURNAL_GUARD) {
        self->guard_slot = record.guard.slot;
        if (record.guard.slot > self->kept.guard_slot || record.guard.slot == 0)
            self->kept.guard_slot = record.guard.slot;
    }
    if (record.kind != TXC_JOURNAL_EPOCH)
        return;
    if (txc_epoch_compare (record.epoch, self->kept.epoch) > 0)
        self->kept.epoch = record.epoch;
    if (self->guard_slot > sim->restored_slot && sim_check_is_restored_epoch (sim, record.epoch))
        sim_violation (sim, "lost-log-accepted", "%s takes a leader whose log ends before its guard",
                       owner->name);
    self->epoch = record.epoch;
}

static void s_die (sim_t *sim, sim_proc_t *owner)
{
    sim_agent_crash (sim, sim->agents[owner->index], sim_strikes (sim, SIM_FAULT_MACHINE_CRASH));
}

void sim_agent_checkpoint (sim_t *sim, sim_agent_t *self)
{
    if (sim_log_is_cutting (self->log))
        return;
    txc_agent_checkpoint (self->core, &self->update);
    size_t place = sim_log_count (self->log);
    for (uint32_t i = 0; i < self->update.n_entries; i++)
        sim_log_put_along (self->log, &self->update.entries[i]);
    txc_update_clear (&self->update);
    sim_log_cut (self->log, place);
    (void) sim;
}

/* --- life -------------------------------------------------------------------------------- */

void sim_agent_new (sim_t *sim, uint32_t index)
{
    static const sim_log_hooks_t hooks = {s_told, s_seen, s_die};
    sim_agent_t *self = txc_calloc (1, sizeof *self);
    self->proc = (sim_proc_t){.kind = SIM_AGENT, .index = (uint8_t) index, .number = (uint8_t) sim->n_procs};
    snprintf (self->proc.name, sizeof self->proc.name, "agent-%u", index);
    sim->procs[sim->n_procs++] = &self->proc;
    sim->agents[index] = self;
    sim_worker_init (self);
    self->log = sim_log_new (sim, &self->proc, true, &hooks);
    txc_update_init (&self->update);
    self->config = (txc_agent_config_t){
        .codec = &txc_journal_codec,
        .hello_ms = (uint32_t) sim_between (sim, 200, 1000),
        .inquiry_ms = (uint32_t) sim_between (sim, 200, 2000),
        .scan_ms = (uint32_t) sim_between (sim, 500, 5000),
        .retry_ms = (uint32_t) sim_between (sim, 10, 100),
        .timeout_ms = (uint32_t) sim_between (sim, 3000, 20000),
        .terminate_ms = (uint32_t) sim_between (sim, 200, 3000),
        .max_ended = sim_percent (sim, 20) && !sim->calm ? 3 : 0,
    };
    txc_copy_text (self->config.name, sizeof self->config.name, self->proc.name);
    snprintf (self->config.endpoint, sizeof self->config.endpoint, "sim://%u", index);
    for (uint32_t i = 0; i < sim->n_rms; i++) {
        sim_rm_t *rm = sim->rms[i];
        if (rm->agent != index)
            continue;
        rm->place = self->config.n_rms++;
        self->rms[rm->place] = rm;
        txc_copy_text (self->config.rms[rm->place].name, sizeof self->config.rms[rm->place].name,
                       rm->proc.name);
        self->config.rms[rm->place].journal_committing = rm->kind == SIM_RM_MYSQL;
        self->config.rms[rm->place].detaches = rm->kind == SIM_RM_PGSQL;
        self->config.rms[rm->place].last_resource = rm->last;
    }
}

void sim_agent_destroy (sim_t *sim, uint32_t index)
{
    sim_agent_t *self = sim->agents[index];
    txc_agent_destroy (&self->core);
    sim_worker_fini (self);
    sim_log_destroy (&self->log);
    txc_update_fini (&self->update);
    free (self);
}

static int s_replay (void *arg, bool checkpoint, const txc_entry_t *entry)
{
    sim_agent_t *self = arg;
    txc_jrec_t record;
    (void) checkpoint;
    if (txc_journal_codec.decode (entry->bytes, entry->size, &record)) {
        if (record.kind == TXC_JOURNAL_EPOCH)
            self->epoch = record.epoch;
        if (record.kind == TXC_JOURNAL_GUARD)
            self->guard_slot = record.guard.slot;
    }
    return txc_agent_replay (self->core, entry->bytes, entry->size);
}

/* What the journal once held durably no checkpoint takes away. */
static void s_check_kept (sim_t *sim, const sim_agent_t *self)
{
    if (txc_epoch_compare (self->epoch, self->kept.epoch) < 0)
        sim_violation (sim, "epoch-forgotten", "%s finds epoch %" PRIu64 " in its journal, it had %" PRIu64,
                       self->proc.name, self->epoch.round, self->kept.epoch.round);
    if (self->guard_slot < self->kept.guard_slot)
        sim_violation (sim, "guard-forgotten",
                       "%s finds the guard of slot %" PRIu64 " in its journal, it had %" PRIu64,
                       self->proc.name, self->guard_slot, self->kept.guard_slot);
}

void sim_agent_start (sim_t *sim, sim_agent_t *self)
{
    if (self->proc.up)
        return;
    sim_proc_begin (sim, &self->proc);
    self->config.incarnation = sim_random (sim) | 1;
    self->config.seed = sim_random (sim);
    sim_trace (sim, self->proc.name, "starts as incarnation %04x",
               (unsigned) (self->config.incarnation & 0xffff));
    sim_coordinator_endpoints (sim, self->config.coordinators, &self->config.n_coordinators);
    self->core = txc_agent_new (&self->config);
    if (!sim_log_open (self->log, s_replay, self))
        return;
    s_check_kept (sim, self);
    txc_agent_event_t event = {.type = TXC_AGENT_START};
    s_step (sim, self, &event);
}

void sim_agent_crash (sim_t *sim, sim_agent_t *self, bool machine)
{
    if (!self->proc.up)
        return;
    sim_trace (sim, self->proc.name, machine ? "crashes with its machine" : "crashes");
    self->proc.up = false;
    txc_agent_destroy (&self->core);
    if (sim_log_crash (self->log, machine))
        sim->journals_lost = true;
    sim_worker_abandon (sim, self);
}

void sim_agent_lose_journal (sim_t *sim, sim_agent_t *self)
{
    sim_agent_crash (sim, self, true);
    sim_trace (sim, self->proc.name, "has lost its journal");
    sim->journals_lost = sim->journal_gone = true;
    sim_log_format (self->log);
    self->epoch = self->kept.epoch = (txc_epoch_t){0, 0};
    self->guard_slot = self->kept.guard_slot = 0;
    self->birth = 0;
}

/* --- operators -------------------------------------------------------------------------------- */

void sim_agent_resolve (sim_t *sim, sim_agent_t *self, const sim_branch_t *branch, bool commit)
{
    char gtrid[TXC_GTRID_MAX + 1];
    sim_trace (sim, self->proc.name, "operator %s %s at %s", commit ? "commits" : "rolls back",
               txc_gtrid_format (&branch->tx->gtrid, gtrid), branch->rm->proc.name);
    txc_agent_event_t event = {.type = TXC_AGENT_OPERATOR,
                               .vote = commit ? TXC_VOTE_YES : TXC_VOTE_NO,
                               .gtrid = branch->tx->gtrid,
                               .token = branch->token};
    txc_copy_text (event.rm, sizeof event.rm, branch->rm->proc.name);
    s_step (sim, self, &event);
}

void sim_agent_accept_log (sim_t *sim, sim_agent_t *self)
{
    txc_agent_event_t event = {.type = TXC_AGENT_ACCEPT_LOG};
    s_step (sim, self, &event);
}
