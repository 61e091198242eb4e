#include "sim_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "sim_agent.h"
#include "sim_check.h"
#include "sim_coordinator.h"
#include "sim_net.h"
#include "sim_trace.h"

static void s_on_tick (sim_t *sim, sim_event_t *event);

static const char *s_op_name (txc_op_t op)
{
    static const char *const names[] = {"none",     "open",    "close",  "begin",   "exec", "commit",
                                        "rollback", "outcome", "forget", "export",  "join", "detach",
                                        "reattach", "enlist",  "owned",  "message", "tick"};
    return names[op];
}

/* --- carrying out an update ------------------------------------------------------ */

static void s_remember_statement (sim_t *sim, const txc_msg_t *message)
{
    if (message->type != TXC_MSG_EXEC || txc_blob_size (message->body) != sizeof (sim_statement_t))
        return;
    sim_statement_t statement;
    memcpy (&statement, txc_blob_data (message->body), sizeof statement);
    sim_tx_t *tx = sim_tx_get (sim, &message->gtrid);
    for (uint32_t i = 0; i < tx->n_issued; i++)
        if (tx->issued[i].statement.id == statement.id)
            tx->issued[i].incarnation = message->incarnation;
}

static void s_send (sim_t *sim, sim_client_t *self, const txc_msg_t *message)
{
    sim_check_from_client (sim, message);
    s_remember_statement (sim, message);
    sim_proc_t *to = sim_coordinator_at (sim, txc_session_leader (self->core));
    if (message->route) {
        unsigned agent;
        const char *endpoint = txc_session_endpoint (self->core, message->route);
        if (!endpoint || sscanf (endpoint, "sim://%u", &agent) != 1 || agent >= sim->n_agents) {
            sim_violation (sim, "no-endpoint", "%s sends to a route without an endpoint", self->proc.name);
            return;
        }
        to = &sim->agents[agent]->proc;
    }
    sim_net_send (sim, &self->proc, to, message);
}

static void s_complete (sim_t *sim, sim_client_t *self, const txc_completion_t *completion)
{
    for (uint32_t i = 0; i < self->n_pending; i++) {
        if (self->pending[i].operation != completion->operation)
            continue;
        sim_pending_t pending = self->pending[i];
        self->pending[i] = self->pending[--self->n_pending];
        if (sim->trace && pending.op != TXC_OP_BEGIN) {
            char gtrid[TXC_GTRID_MAX + 1] = "";
            if (!txc_gtrid_is_none (&pending.gtrid))
                txc_gtrid_format (&pending.gtrid, gtrid);
            sim_trace (sim, self->proc.name, "is told: %s %s -> %s %s", s_op_name (pending.op), gtrid,
                       txc_code_name (completion->code), completion->error.text);
        }
        sim_client_completed (sim, self, &pending, completion);
        return;
    }
    sim_violation (sim, "completion-unknown",
                   "%s: operation %" PRIu64 " completes twice or was never asked for", self->proc.name,
                   completion->operation);
}

static bool s_dies (sim_t *sim, sim_client_t *self)
{
    if (!self->auditor && sim_strikes (sim, SIM_FAULT_CRASH_BEFORE_SEND))
        sim_client_crash (sim, self);
    return !self->proc.up;
}

static void s_carry_out (sim_t *sim, sim_client_t *self, txc_update_t *update)
{
    for (uint32_t i = 0; i < update->n_messages && !s_dies (sim, self); i++)
        s_send (sim, self, &update->messages[i]);
    for (uint32_t i = 0; i < update->n_completions && self->proc.up; i++)
        s_complete (sim, self, &update->completions[i]);
}

static void s_step (sim_t *sim, sim_client_t *self, txc_session_event_t *event, uint64_t *tx)
{
    event->now_ms = sim_proc_ms (sim, &self->proc);
    txc_update_t update = self->spare; /* a completion can lead to another step */
    txc_update_init (&self->spare);
    txc_session_step (self->core, event, tx, &update);
    s_carry_out (sim, self, &update);
    txc_update_clear (&update);
    txc_update_fini (&self->spare);
    self->spare = update;
    if (self->proc.up)
        sim_proc_tick_at (sim, &self->proc, txc_session_next_ms (self->core), s_on_tick);
}

static void s_on_tick (sim_t *sim, sim_event_t *event)
{
    sim_client_t *self = sim->clients[event->owner->index];
    if (self->proc.tick_at != event->a)
        return;
    self->proc.tick_at = UINT64_MAX;
    txc_session_event_t tick = {.op = TXC_OP_TICK};
    s_step (sim, self, &tick, NULL);
}

void sim_client_receive (sim_t *sim, sim_client_t *self, const txc_msg_t *message)
{
    txc_session_event_t event = {.op = TXC_OP_MESSAGE, .message = message};
    s_step (sim, self, &event, NULL);
}

void sim_client_do (sim_t *sim, sim_client_t *self, txc_session_event_t *event, uint32_t slot,
                    uint32_t statement, uint64_t *tx)
{
    TXC_ASSERT (self->n_pending < SIM_PENDING_MAX);
    event->operation = ++self->operations;
    sim_pending_t *pending = &self->pending[self->n_pending++];
    *pending = (sim_pending_t){.operation = event->operation,
                               .op = event->op,
                               .slot = slot,
                               .statement = statement,
                               .since = sim->now};
    pending->gtrid = event->op == TXC_OP_OUTCOME ? event->gtrid
                     : event->tx                 ? txc_session_gtrid (self->core, event->tx)
                                                 : (txc_gtrid_t){0, 0, 0, 0};
    if (sim->trace) {
        char gtrid[TXC_GTRID_MAX + 1] = "";
        if (!txc_gtrid_is_none (&pending->gtrid))
            txc_gtrid_format (&pending->gtrid, gtrid);
        sim_trace (sim, self->proc.name, "asks: %s %s %s", s_op_name (event->op), gtrid,
                   event->rm ? event->rm : "");
    }
    s_step (sim, self, event, tx);
}

sim_slot_t *sim_client_slot (sim_client_t *self, uint32_t slot)
{
    return slot < SIM_SLOTS ? &self->slots[slot] : &self->guest;
}

/* --- life ------------------------------------------------------------------------------ */

void sim_client_new (sim_t *sim, uint32_t index, bool auditor)
{
    sim_client_t *self = txc_calloc (1, sizeof *self);
    self->proc = (sim_proc_t){.kind = SIM_CLIENT, .index = (uint8_t) index, .number = (uint8_t) sim->n_procs};
    snprintf (self->proc.name, sizeof self->proc.name, auditor ? "auditor" : "client-%u", index);
    sim->procs[sim->n_procs++] = &self->proc;
    sim->clients[index] = self;
    self->auditor = auditor;
    txc_update_init (&self->spare);
    self->config.retry_ms = (uint32_t) sim_between (sim, 20, 300);
    self->config.retry_max_ms = (uint32_t) sim_between (sim, 500, 3000);
    self->config.timeout_ms = (uint32_t) sim_between (sim, 2000, 15000);
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        self->slots[i].left = auditor ? 0 : (uint32_t) sim_between (sim, 1, 8);
    self->guest.state = SIM_SLOT_OVER;
}

static void s_clear_slot (sim_slot_t *slot)
{
    txc_blob_destroy (&slot->ticket);
    slot->generation++;
    slot->waiting = 0;
    slot->tx = 0;
    slot->state = slot->left ? SIM_SLOT_IDLE : SIM_SLOT_OVER;
}

static void s_forget (sim_client_t *self)
{
    txc_session_destroy (&self->core);
    self->n_pending = 0;
    self->open = self->closing = false;
    for (uint32_t i = 0; i <= SIM_SLOTS; i++)
        s_clear_slot (sim_client_slot (self, i));
}

void sim_client_destroy (sim_t *sim, uint32_t index)
{
    sim_client_t *self = sim->clients[index];
    if (self->core)
        s_forget (self);
    for (uint32_t i = 0; i <= SIM_SLOTS; i++)
        txc_blob_destroy (&sim_client_slot (self, i)->ticket);
    txc_update_fini (&self->spare);
    free (self);
}

static void s_open (sim_t *sim, sim_client_t *self)
{
    self->config.nonce = sim_random (sim) | 1;
    self->config.seed = sim_random (sim);
    sim_coordinator_endpoints (sim, self->config.coordinators, &self->config.n_coordinators);
    self->core = txc_session_new (&self->config);
    txc_session_event_t event = {.op = TXC_OP_OPEN};
    sim_client_do (sim, self, &event, SIM_SLOTS, 0, NULL);
}

void sim_client_start (sim_t *sim, sim_client_t *self)
{
    if (self->proc.up || self->gone)
        return;
    sim_proc_begin (sim, &self->proc);
    sim_trace (sim, self->proc.name, "starts");
    s_open (sim, self);
}

static void s_on_renew (sim_t *sim, sim_event_t *event)
{
    sim_client_t *self = sim->clients[event->owner->index];
    sim_owner_lose (sim, self, NULL);
    self->proc.up = false;
    s_forget (self);
    sim_client_start (sim, self);
}

void sim_client_renew (sim_t *sim, sim_client_t *self)
{
    if (self->closing)
        return;
    self->closing = true;
    sim_after (sim, sim_between (sim, 1, 100) * SIM_MS, &self->proc, self->proc.life, s_on_renew);
}

void sim_client_crash (sim_t *sim, sim_client_t *self)
{
    if (!self->proc.up)
        return;
    sim_trace (sim, self->proc.name, "crashes");
    sim_owner_lose (sim, self, NULL);
    sim_count (sim, SIM_FAULT_CLIENT_CRASH);
    self->proc.up = false;
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        if (self->slots[i].state != SIM_SLOT_IDLE && self->slots[i].left)
            self->slots[i].left--;
    s_forget (self);
}

void sim_client_outrun (sim_t *sim, sim_client_t *self)
{
    const sim_slot_t *slot = &self->slots[sim_below (sim, SIM_SLOTS)];
    sim_coordinator_t *leader = sim_coordinator_leader (sim);
    if (!self->open || !slot->tx || !leader)
        return;
    txc_branch_ref_t branches[2] = {{.token = sim_random (sim)}, {.token = sim_random (sim)}};
    for (uint32_t i = 0; i < 2; i++)
        memcpy (branches[i].rm, sim->rms[i]->proc.name, sizeof sim->rms[i]->proc.name);
    txc_msg_t message = {.type = sim_percent (sim, 50) ? TXC_MSG_ROLLBACK : TXC_MSG_OUTCOME_QUERY,
                         .gtrid = slot->gtrid,
                         .branches = branches,
                         .n_branches = 2,
                         .flags = TXC_FLAG_SETTLE};
    message.gtrid.n += TXC_WINDOW + sim_below (sim, 1000);
    sim_tx_get (sim, &message.gtrid)->planted = true;
    sim_count (sim, SIM_FAULT_WINDOW_OUTRUN);
    sim_net_send (sim, &self->proc, &leader->proc, &message);
}

bool sim_client_is_over (const sim_client_t *self)
{
    if (!self->proc.up)
        return self->gone;
    if (self->auditor)
        return self->open && self->audits_left == 0;
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        if (self->slots[i].state != SIM_SLOT_OVER)
            return false;
    return self->n_pending == 0 && self->guest.state == SIM_SLOT_OVER;
}
