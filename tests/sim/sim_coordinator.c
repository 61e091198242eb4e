#include "sim_coordinator.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "sim_check.h"
#include "sim_group.h"
#include "sim_net.h"
#include "sim_trace.h"
#include "wire/txc_codec.h"

static void s_on_tick (sim_t *sim, sim_event_t *event);

/* --- carrying out an update ------------------------------------------------------ */

static bool s_dies (sim_t *sim, sim_coordinator_t *self, sim_fault_t fault)
{
    if (!sim_strikes (sim, fault))
        return false;
    sim_coordinator_crash (sim, self, sim_strikes (sim, SIM_FAULT_MACHINE_CRASH));
    return true;
}

/* Entries are put in the order of their numbers, whether forced or not: the order is part of what they say.
 */
static void s_put (sim_t *sim, sim_coordinator_t *self)
{
    for (uint32_t i = 1; i < self->update.n_entries; i++)
        TXC_ASSERT (self->update.entries[i].number == self->update.entries[i - 1].number + 1);
    for (uint32_t i = 0; i < self->update.n_entries; i++) {
        const txc_entry_t *entry = &self->update.entries[i];
        if (sim->trace) {
            char text[SIM_TEXT_MAX];
            txc_rec_t record;
            text[0] = '\0';
            if (entry->size && txc_record_codec.decode (entry->bytes, entry->size, &record))
                sim_show_record (&record, entry->slot, text);
            sim_trace (sim, self->proc.name, "logs %s %" PRIu64 " %" PRIu64 ".%u %s%s",
                       txc_entry_form_name (entry->form), entry->slot, entry->epoch.round,
                       entry->epoch.replica, text, entry->forced ? "" : " (lazily)");
        }
        sim_log_put (self->log, entry);
    }
}

static void s_carry_out (sim_t *sim, sim_coordinator_t *self)
{
    if (self->update.n_entries) {
        if (s_dies (sim, self, SIM_FAULT_CRASH_BEFORE_LOG))
            return;
        s_put (sim, self);
    }
    for (uint32_t i = 0; i < self->update.n_messages; i++) {
        const txc_msg_t *message = &self->update.messages[i];
        if (s_dies (sim, self, SIM_FAULT_CRASH_BEFORE_SEND))
            return;
        sim_check_from_coordinator (sim, self, message);
        sim_group_sent (sim, self, message);
        if (message->route >> 63 && message->route != TXC_ROUTE_ALL) {
            uint32_t id = (uint32_t) message->route;
            if (id >= 1 && id <= sim->n_replicas)
                sim_net_send (sim, &self->proc, &sim->coordinators[id - 1]->proc, message);
        } else
            sim_net_answer (sim, &self->proc, message->route, message);
    }
}

static int s_step (sim_t *sim, sim_coordinator_t *self, txc_event_t *event)
{
    event->now_ms = sim_proc_ms (sim, &self->proc);
    event->wall_ms = 1700000000000 + sim->now / SIM_MS + self->wall_ahead_ms;
    int rc = txc_replica_step (self->core, event, &self->update);
    sim_group_stepped (sim, self);
    self->checkpoint_wanted |= self->update.checkpoint;
    s_carry_out (sim, self);
    txc_update_clear (&self->update);
    if (self->proc.up && self->checkpoint_wanted)
        sim_coordinator_checkpoint (sim, self);
    uint64_t slot;
    if (self->proc.up && sim_log_checkpointed (self->log, &slot))
        s_step (sim, self, &(txc_event_t){.type = TXC_EVENT_CHECKPOINTED, .slot = slot});
    if (self->proc.up)
        sim_proc_tick_at (sim, &self->proc, txc_replica_next_ms (self->core), s_on_tick);
    return rc;
}

int sim_coordinator_command (sim_t *sim, sim_coordinator_t *self, txc_event_t *event)
{
    return s_step (sim, self, event);
}

sim_proc_t *sim_coordinator_at (const sim_t *sim, const char *endpoint)
{
    for (uint32_t i = 0; endpoint && i < sim->n_replicas; i++)
        if (strcmp (sim->coordinators[i]->proc.name, endpoint) == 0)
            return &sim->coordinators[i]->proc;
    return &sim->coordinators[0]->proc;
}

sim_coordinator_t *sim_coordinator_leader (const sim_t *sim)
{
    sim_coordinator_t *any = NULL;
    txc_epoch_t best = {0, 0};
    for (uint32_t i = 0; i < sim->n_replicas; i++) {
        sim_coordinator_t *self = sim->coordinators[i];
        txc_replica_status_t status;
        if (!self->proc.up)
            continue;
        any = any ? any : self;
        txc_replica_status (self->core, &status);
        if (status.leading && txc_epoch_compare (status.epoch, best) > 0) {
            any = self;
            best = status.epoch;
        }
    }
    return any;
}

void sim_coordinator_transfer (sim_t *sim)
{
    sim_coordinator_t *self = sim_coordinator_leader (sim);
    if (!self || sim->n_replicas == 1)
        return;
    txc_event_t event = {.type = TXC_EVENT_TRANSFER};
    if (sim_percent (sim, 50)) /* else to whom has come furthest */
        event.replica = 1 + sim_below (sim, sim->n_replicas);
    sim_count (sim, SIM_FAULT_TRANSFER);
    s_step (sim, self, &event);
}

void sim_coordinator_watch_space (sim_t *sim, sim_coordinator_t *self)
{
    sim_log_make_room (self->log);
    if (sim_log_wants_checkpoint (self->log) || sim_log_is_low (self->log))
        sim_coordinator_checkpoint (sim, self);
    bool low = sim_log_is_low (self->log);
    if (low == self->low)
        return;
    self->low = low;
    txc_event_t event = {.type = TXC_EVENT_SPACE, .low = low};
    s_step (sim, self, &event);
}

static void s_on_tick (sim_t *sim, sim_event_t *event)
{
    sim_coordinator_t *self = sim->coordinators[event->owner->index];
    if (self->proc.tick_at != event->a)
        return;
    self->proc.tick_at = UINT64_MAX;
    txc_event_t tick = {.type = TXC_EVENT_TICK};
    s_step (sim, self, &tick);
}

void sim_coordinator_receive (sim_t *sim, sim_coordinator_t *self, const txc_msg_t *message)
{
    txc_event_t event = {.type = TXC_EVENT_MESSAGE, .message = message};
    txc_replica_status_t status;
    txc_replica_status (self->core, &status);
    if (status.questions == 0)
        self->asked = sim->now;
    s_step (sim, self, &event);
}

static void s_free_question (sim_event_t *event)
{
    free (event->data);
}

static void s_on_question (sim_t *sim, sim_event_t *event)
{
    sim_coordinator_t *self = sim->coordinators[event->owner->index];
    const txc_gtrid_t *gtrid = event->data;
    sim_trace (sim, self->proc.name, "is asked by somebody");
    sim_coordinator_receive (
        sim, self, &(txc_msg_t){.type = TXC_MSG_OUTCOME_QUERY, .gtrid = *gtrid, .route = UINT8_MAX});
}

static void s_ask (sim_t *sim, sim_coordinator_t *self, const txc_gtrid_t *gtrid)
{
    sim_event_t *event =
        sim_after (sim, sim_between (sim, 1, 200), &self->proc, self->proc.life, s_on_question);
    event->data = memcpy (txc_malloc (sizeof *gtrid), gtrid, sizeof *gtrid);
    event->drop = s_free_question;
}

static void s_on_again (sim_t *sim, sim_event_t *event)
{
    sim_coordinator_t *leader = sim_coordinator_leader (sim);
    const txc_gtrid_t *gtrid = event->data;
    if (!leader || sim_proc_stopped (sim, &leader->proc))
        return;
    sim_trace (sim, leader->proc.name, "is asked for a number once more");
    sim_coordinator_receive (
        sim, leader,
        &(txc_msg_t){.type = TXC_MSG_TERMINATE, .gtrid = *gtrid, .stamp = event->a, .route = UINT8_MAX});
}

void sim_coordinator_ask_again (sim_t *sim, const txc_gtrid_t *gtrid, uint64_t number)
{
    for (uint32_t i = 0; i < 2; i++) {
        sim_event_t *event = sim_after (sim, sim_between (sim, 1, 50 * SIM_MS), NULL, 0, s_on_again);
        event->data = memcpy (txc_malloc (sizeof *gtrid), gtrid, sizeof *gtrid);
        event->drop = s_free_question;
        event->a = number;
    }
}

void sim_coordinator_ask_others (sim_t *sim, const sim_coordinator_t *self, const txc_gtrid_t *gtrid)
{
    for (uint32_t i = 0; i < sim->n_replicas; i++) {
        txc_replica_status_t status;
        if (sim->coordinators[i] == self || !sim->coordinators[i]->proc.up)
            continue;
        txc_replica_status (sim->coordinators[i]->core, &status);
        if (status.leading)
            s_ask (sim, sim->coordinators[i], gtrid);
    }
}

/* --- the log ------------------------------------------------------------------------ */

static void s_told (sim_t *sim, sim_proc_t *owner, uint64_t number)
{
    sim_coordinator_t *self = sim->coordinators[owner->index];
    sim_trace (sim, owner->name, "has entry %" PRIu64 " durable", number);
    txc_event_t event = {.type = TXC_EVENT_DURABLE, .number = number};
    s_step (sim, self, &event);
    if (owner->up)
        sim_coordinator_watch_space (sim, self);
}

static void s_seen (sim_t *sim, sim_proc_t *owner, const txc_entry_t *entry)
{
    sim_group_durable (sim, sim->coordinators[owner->index], entry);
}

static void s_die (sim_t *sim, sim_proc_t *owner)
{
    sim_coordinator_crash (sim, sim->coordinators[owner->index], sim_strikes (sim, SIM_FAULT_MACHINE_CRASH));
}

/* --- life ------------------------------------------------------------------------------ */

void sim_coordinator_endpoints (const sim_t *sim, char endpoints[][TXC_ENDPOINT_MAX + 1], uint32_t *n)
{
    uint32_t members = sim_group_members (sim);
    *n = 0;
    for (uint32_t i = 0; i < sim->n_replicas; i++)
        if (members & 1u << i)
            txc_copy_text (endpoints[(*n)++], TXC_ENDPOINT_MAX + 1, sim->coordinators[i]->proc.name);
}

void sim_coordinator_new (sim_t *sim, uint32_t index)
{
    static const sim_log_hooks_t hooks = {s_told, s_seen, s_die};
    sim_coordinator_t *self = txc_calloc (1, sizeof *self);
    self->proc =
        (sim_proc_t){.kind = SIM_COORDINATOR, .index = (uint8_t) index, .number = (uint8_t) sim->n_procs};
    snprintf (self->proc.name, sizeof self->proc.name, "replica-%u", index + 1);
    sim->procs[sim->n_procs++] = &self->proc;
    sim->coordinators[index] = self;
    self->log = sim_log_new (sim, &self->proc, false, &hooks);
    self->wall_ahead_ms = sim_below (sim, 1000);
    txc_update_init (&self->update);
    if (index > 0) { /* one configuration for all */
        self->config = sim->coordinators[0]->config;
        self->config.id = index + 1;
        memcpy (self->config.endpoint, self->proc.name, sizeof self->proc.name);
        return;
    }
    self->config = (txc_replica_config_t){
        .id = 1,
        .codec = &txc_record_codec,
        .lease_ms = (uint32_t) sim_between (sim, 600, 8000),
        .retry_ms = (uint32_t) sim_between (sim, 20, 200),
        .retry_max_ms = (uint32_t) sim_between (sim, 500, 3000),
        /* In mode 3pc members may still be at it behind the horizon. */
        .horizon_ms = sim_percent (sim, sim_mode == TXC_MODE_3PC ? 60 : 30)
                          ? (uint32_t) sim_between (sim, 300, 30000 >> sim_below (sim, 5))
                          : 0,
        .guard_ms = (uint32_t) sim_between (sim, 200, 3000),
        .heartbeat_ms = (uint32_t) sim_between (sim, 40, 150),
        .keep_bytes = sim_percent (sim, 60) ? sim_between (sim, 200, 4000) : 0,
        .snapshot_chunk = (uint32_t) sim_between (sim, 300, 5000),
        .learn_direct = sim_percent (sim, 30),
        .no_lease = sim_percent (sim, 33),
        .n_members = sim->n_founders,
    };
    self->config.election_ms = self->config.heartbeat_ms * (uint32_t) sim_between (sim, 4, 8);
    memcpy (self->config.endpoint, self->proc.name, sizeof self->proc.name);
    for (uint32_t i = 0; i < sim->n_founders; i++) {
        self->config.members[i].id = i + 1;
        snprintf (self->config.members[i].endpoint, sizeof self->config.members[i].endpoint, "replica-%u",
                  i + 1);
    }
}

void sim_coordinator_destroy (sim_t *sim, uint32_t index)
{
    sim_coordinator_t *self = sim->coordinators[index];
    txc_replica_destroy (&self->core);
    sim_log_destroy (&self->log);
    txc_update_fini (&self->update);
    free (self);
}

static int s_replay (void *arg, bool checkpoint, const txc_entry_t *entry)
{
    sim_coordinator_t *self = arg;
    return checkpoint ? txc_replica_restore (self->core, entry->bytes, entry->size)
                      : txc_replica_replay (self->core, entry);
}

/* Whoever wants to join is told whom to ask. */
static void s_configure_joiner (const sim_t *sim, txc_replica_config_t *config)
{
    uint32_t members = sim_group_members (sim);
    config->n_members = 0;
    for (uint32_t i = 0; i < sim->n_replicas; i++) {
        if (!(members & 1u << i))
            continue;
        txc_member_t *member = &config->members[config->n_members++];
        member->id = i + 1;
        txc_copy_text (member->endpoint, sizeof member->endpoint, sim->coordinators[i]->proc.name);
    }
}

void sim_coordinator_start (sim_t *sim, sim_coordinator_t *self)
{
    if (self->proc.up)
        return;
    if (self->proc.index >= sim->n_founders)
        s_configure_joiner (sim, &self->config);
    sim_proc_begin (sim, &self->proc);
    sim_trace (sim, self->proc.name, "starts");
    self->config.seed = sim_random (sim);
    /* Whoever has lost its disk should not claim to be a new group's member. */
    bool founds = self->proc.index < sim->n_founders && (!self->disk_lost || self->formatted_again);
    self->config.new_cluster = founds ? sim_random (sim) | 1 : 0;
    self->config.new_disk = sim_random (sim) | 1;
    self->core = txc_replica_new (&self->config);
    self->low = false;
    self->opening = true;
    bool opened = sim_log_open (self->log, s_replay, self);
    self->opening = false;
    if (!opened)
        return;
    sim_group_opened (sim, self);
    txc_event_t event = {.type = TXC_EVENT_START};
    s_step (sim, self, &event);
    if (self->proc.up)
        sim_coordinator_watch_space (sim, self);
}

void sim_coordinator_crash (sim_t *sim, sim_coordinator_t *self, bool machine)
{
    if (!self->proc.up)
        return;
    sim_trace (sim, self->proc.name, machine ? "crashes with its machine" : "crashes");
    self->proc.up = self->checkpoint_wanted = false;
    txc_replica_destroy (&self->core);
    sim_log_crash (self->log, machine);
}

void sim_coordinator_lose_disk (sim_t *sim, sim_coordinator_t *self)
{
    sim_coordinator_crash (sim, self, true);
    sim_trace (sim, self->proc.name, "has lost its disk");
    sim_count (sim, SIM_FAULT_DISK_LOST);
    self->disk_lost = true;
    self->formatted_again = sim_percent (sim, 50) && sim->n_founders > 1; /* else it would be another group */
    sim_log_format (self->log);
    sim_group_disk_lost (sim, self);
}

void sim_coordinator_checkpoint (sim_t *sim, sim_coordinator_t *self)
{
    if (sim->enabled[SIM_FAULT_RESTORED_BACKUP])
        return; /* the copy is made from the entries themselves */
    size_t size;
    uint64_t slot;
    void *bytes = txc_replica_snapshot (self->core, &size, &slot);
    if (sim_log_checkpoint (self->log, bytes, size, slot))
        self->checkpoint_wanted = false;
}

void sim_coordinator_resolve (sim_t *sim, sim_coordinator_t *self, const txc_gtrid_t *gtrid, bool commit)
{
    txc_event_t event = {.type = TXC_EVENT_RESOLVE,
                         .gtrid = *gtrid,
                         .vote = commit ? TXC_VOTE_YES : TXC_VOTE_NO,
                         .text = "the simulator's operator"};
    s_step (sim, self, &event);
}

void sim_coordinator_full (sim_t *sim, sim_coordinator_t *self, bool full)
{
    sim_log_set_full (self->log, full);
    if (self->proc.up)
        sim_coordinator_watch_space (sim, self);
}

void sim_coordinator_restore (sim_t *sim, sim_coordinator_t *self, uint64_t slot)
{
    sim_trace (sim, self->proc.name, "is restored from a copy that ends at slot %" PRIu64, slot);
    sim_count (sim, SIM_FAULT_RESTORED_BACKUP);
    if (self->proc.up) {
        self->proc.up = false;
        txc_replica_destroy (&self->core);
    }
    sim_log_restore (self->log, slot);
    sim->restored = true;
    sim->restored_slot = slot;
    sim_group_restored (sim, slot);
}
