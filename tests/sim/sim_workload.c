/* What applications do: transfers, shared transactions, questions about outcomes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "sim_check.h"
#include "sim_client.h"
#include "sim_rm.h"
#include "sim_trace.h"

static void s_on_advance (sim_t *sim, sim_event_t *event);

/* The slot goes on after a moment's thought. */
static void s_advance_in (sim_t *sim, sim_client_t *self, uint32_t slot, uint64_t delay_us)
{
    sim_event_t *event = sim_after (sim, delay_us, &self->proc, self->proc.life, s_on_advance);
    event->a = slot;
    event->b = sim_client_slot (self, slot)->generation;
}

static void s_advance (sim_t *sim, sim_client_t *self, uint32_t slot)
{
    s_advance_in (sim, self, slot,
                  sim_percent (sim, 90) ? sim_between (sim, 1, 500) : sim_between (sim, SIM_MS, SIM_S));
}

/* --- the plan of a transaction ------------------------------------------------------- */

static void s_add (sim_t *sim, sim_slot_t *slot, uint32_t rm, bool writes, int32_t amount)
{
    slot->plan[slot->n_statements].rm = (uint8_t) rm;
    slot->plan[slot->n_statements++].statement =
        (sim_statement_t){.id = ++sim->statements,
                          .account = (uint8_t) sim_below (sim, SIM_ACCOUNTS),
                          .writes = writes,
                          .amount = amount};
}

/* Money goes from one account to others: what all statements write adds up to nothing. */
static void s_plan (sim_t *sim, sim_slot_t *slot)
{
    uint32_t n = 1 + sim_below (sim, sim->n_rms < 3 ? sim->n_rms : 3);
    if (n == 1 && sim->n_rms > 1 && sim_percent (sim, 60))
        n = 2;
    uint32_t first = sim_below (sim, sim->n_rms);
    bool reads_only = sim_percent (sim, 10);
    uint32_t readers = n > 1 && sim_percent (sim, 25) ? 1 : 0;
    uint32_t writers = n - readers;
    int32_t amount = (int32_t) sim_between (sim, 1, 50);
    slot->n_statements = slot->next = 0;
    if (sim_percent (sim, 2))
        return; /* nothing at all */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t rm = (first + i) % sim->n_rms;
        bool writes = i < writers && !reads_only;
        if (sim_percent (sim, 30))
            s_add (sim, slot, rm, false, 0);
        if (writers == 1 && writes) {
            s_add (sim, slot, rm, true, -amount);
            s_add (sim, slot, rm, true, amount);
        } else {
            int32_t share = i + 1 < writers ? -amount : amount * (int32_t) (writers - 1);
            s_add (sim, slot, rm, writes, writes ? share : 0);
        }
    }
}

/* Draws nothing where there is no choice, so that a seed of one mode is what it always was. */
static uint8_t s_mode (sim_t *sim)
{
    static const unsigned all[] = {TXC_MODE_2PC, TXC_MODE_3PC, TXC_MODE_PAXOS};
    unsigned served[sizeof all / sizeof *all];
    uint32_t n = 0;
    if (sim_mode)
        return (uint8_t) sim_mode;
    for (uint32_t i = 0; i < sizeof all / sizeof *all; i++)
        if (txc_mode_is_served (all[i]))
            served[n++] = all[i];
    return (uint8_t) served[sim_below (sim, n)];
}

static void s_begin (sim_t *sim, sim_client_t *self, uint32_t index)
{
    sim_slot_t *slot = &self->slots[index];
    if (sim_percent (sim, sim_mode == TXC_MODE_3PC ? 6 : 3) && !self->closing &&
        !sim->healed) { /* with whatever else is open */
        txc_session_event_t close = {.op = TXC_OP_CLOSE};
        self->closing = true;
        sim_client_do (sim, self, &close, SIM_SLOTS, 0, NULL);
        return;
    }
    if (slot->left == 0 || sim->healed) {
        slot->left = 0;
        slot->state = SIM_SLOT_OVER;
        return;
    }
    s_plan (sim, slot);
    slot->failed = slot->borrowed = false;
    slot->asked = 0;
    slot->async = sim_percent (sim, 20);
    slot->last_hint = sim_percent (sim, 30);
    slot->decision_logged = sim_percent (sim, 35);
    memset (slot->own, 0, sizeof slot->own);
    slot->works = 0;
    bool enlists = sim_percent (sim, 35);
    uint8_t mode = s_mode (sim);
    enlists = enlists && mode != TXC_MODE_3PC; /* refused there */
    for (uint32_t i = 0; i < sim->n_rms; i++)
        slot->own[i].wanted = enlists && sim_percent (sim, 70) && !sim->rms[i]->last; /* likewise */
    slot->async = slot->async && !enlists;
    slot->shared =
        !slot->async && !enlists && sim->n_clients > 1 && slot->n_statements > 1 && sim_percent (sim, 15);
    txc_session_event_t event = {.op = TXC_OP_BEGIN,
                                 .mode = mode,
                                 .timeout_ms = sim->calm ? 60000 : (uint32_t) sim_between (sim, 500, 8000),
                                 .flags = slot->decision_logged ? TXC_FLAG_DECISION_LOGGED : 0};
    slot->tx = 0;
    sim_client_do (sim, self, &event, index, 0, &slot->tx);
    if (!self->proc.up)
        return;
    if (!slot->tx) { /* too many are open: later */
        s_advance_in (sim, self, index, SIM_S);
        return;
    }
    slot->gtrid = txc_session_gtrid (self->core, slot->tx);
    sim_tx_get (sim, &slot->gtrid);
    slot->state = SIM_SLOT_EXECUTING;
    s_advance (sim, self, index);
}

/* --- statements -------------------------------------------------------------------------- */

static bool s_is_last_of_branch (const sim_slot_t *slot, uint32_t statement)
{
    for (uint32_t i = statement + 1; i < slot->n_statements; i++)
        if (slot->plan[i].rm == slot->plan[statement].rm)
            return false;
    return true;
}

/* On a connection of the application's own, which is enlisted first. */
static void s_exec_own (sim_t *sim, sim_client_t *self, uint32_t index, sim_rm_t *rm, uint32_t issued)
{
    sim_slot_t *slot = &self->slots[index];
    slot->waiting++;
    if (slot->own[rm->proc.index].enlisted) {
        sim_owner_exec (sim, self, index, rm, issued);
        return;
    }
    char evidence[TXC_EVIDENCE_MAX + 1];
    slot->own[rm->proc.index].session = ++rm->sessions;
    snprintf (evidence, sizeof evidence, "0 %" PRIu32 " %" PRIu64, rm->timeline, rm->sessions);
    txc_session_event_t event = {
        .op = TXC_OP_ENLIST, .tx = slot->tx, .rm = rm->proc.name, .evidence = evidence};
    sim_client_do (sim, self, &event, index, issued, NULL);
}

void sim_client_ran (sim_t *sim, sim_client_t *self, uint32_t index, uint32_t issued, bool ok)
{
    sim_slot_t *slot = sim_client_slot (self, index);
    sim_issued_t *statement = &sim_tx_get (sim, &slot->gtrid)->issued[issued];
    statement->done = true;
    statement->ok = ok;
    slot->failed |= !ok;
    slot->waiting--;
    s_advance (sim, self, index);
}

static void s_enlisted (sim_t *sim, sim_client_t *self, const sim_pending_t *pending,
                        const txc_completion_t *completion)
{
    sim_slot_t *slot = &self->slots[pending->slot];
    sim_tx_t *tx = sim_tx_get (sim, &pending->gtrid);
    sim_rm_t *rm = sim_rm_named (sim, tx->issued[pending->statement].rm);
    if (completion->code != TXC_OK) {
        if (sim->calm && !self->closing && (completion->code != TXC_ENORM || sim->now > 3 * SIM_S))
            sim_violation (sim, "needless-failure", "%s: enlisting fails with %s although nothing went wrong",
                           self->proc.name, txc_code_name (completion->code));
        slot->waiting++;
        sim_client_ran (sim, self, pending->slot, pending->statement, false);
        return;
    }
    slot->own[rm->proc.index].enlisted = true;
    slot->waiting++;
    sim_owner_exec (sim, self, pending->slot, rm, pending->statement);
}

static void s_exec (sim_t *sim, sim_client_t *self, uint32_t index)
{
    sim_slot_t *slot = sim_client_slot (self, index);
    uint32_t i = slot->next++;
    const char *rm = sim->rms[slot->plan[i].rm]->proc.name;
    sim_tx_t *tx = sim_tx_get (sim, &slot->gtrid);
    TXC_ASSERT (tx->n_issued < SIM_STATEMENTS_MAX);
    uint32_t issued = tx->n_issued++;
    tx->issued[issued].statement = slot->plan[i].statement;
    txc_copy_text (tx->issued[issued].rm, sizeof tx->issued[issued].rm, rm);
    sim_rm_t *own =
        index < SIM_SLOTS && slot->own[slot->plan[i].rm].wanted ? sim->rms[slot->plan[i].rm] : NULL;
    if (own) {
        s_exec_own (sim, self, index, own, issued);
        return;
    }
    txc_blob_t *body = txc_blob_new (&slot->plan[i].statement, sizeof slot->plan[i].statement);
    bool last = slot->last_hint && !slot->shared && !slot->guest_of && s_is_last_of_branch (slot, i);
    txc_session_event_t event = {
        .op = TXC_OP_EXEC, .tx = slot->tx, .rm = rm, .body = body, .flags = last ? TXC_FLAG_LAST : 0};
    slot->waiting++;
    sim_client_do (sim, self, &event, index, issued, NULL);
    txc_blob_destroy (&body);
}

static void s_exec_done (sim_t *sim, sim_client_t *self, sim_slot_t *slot, const sim_pending_t *pending,
                         const txc_completion_t *completion)
{
    sim_tx_t *tx = sim_tx_get (sim, &pending->gtrid);
    sim_issued_t *issued = &tx->issued[pending->statement];
    issued->done = true;
    issued->ok = completion->code == TXC_OK;
    if (!issued->ok) {
        slot->failed = true;
        /* (Right after the start no agent may have registered yet.) */
        if (sim->calm && !self->closing && pending->slot < SIM_SLOTS && !slot->borrowed &&
            (completion->code != TXC_ENORM || sim->now > 3 * SIM_S))
            sim_violation (sim, "needless-failure",
                           "%s: a statement fails with %s although nothing went wrong", self->proc.name,
                           txc_code_name (completion->code));
        return;
    }
    uint64_t id = 0;
    if (txc_blob_size (completion->body) == sizeof id)
        memcpy (&id, txc_blob_data (completion->body), sizeof id);
    if (id != issued->statement.id)
        sim_violation (sim, "wrong-result", "%s gets the result of another statement", self->proc.name);
}

/* --- lending a transaction to another process ------------------------------------------------ */

/* What travels between the two processes, by means of their own. */
typedef struct s_parcel {
    txc_blob_t *body;
    uint64_t host_life;
    uint32_t host, slot, generation;
    bool ok;
} s_parcel_t;

static void s_free_parcel (sim_event_t *event)
{
    s_parcel_t *parcel = event->data;
    txc_blob_destroy (&parcel->body);
    free (parcel);
}

static void s_on_join (sim_t *sim, sim_event_t *event)
{
    s_parcel_t *parcel = event->data;
    sim_client_t *self = sim->clients[event->owner->index], *host = sim->clients[parcel->host];
    sim_slot_t *guest = &self->guest, *slot = &host->slots[parcel->slot];
    if (!self->open || guest->state != SIM_SLOT_OVER || host->proc.life != parcel->host_life ||
        slot->generation != parcel->generation)
        return;
    uint64_t tx = 0;
    txc_session_event_t join = {.op = TXC_OP_JOIN, .body = parcel->body};
    sim_client_do (sim, self, &join, SIM_SLOTS, 0, &tx);
    if (!self->proc.up || !tx)
        return;
    guest->generation++;
    guest->guest_of = host;
    guest->host_slot = parcel->slot;
    guest->host_generation = parcel->generation;
    guest->host_life = parcel->host_life;
    guest->tx = tx;
    guest->gtrid = slot->gtrid;
    guest->failed = false;
    memcpy (guest->plan, slot->plan, sizeof guest->plan);
    guest->n_statements = slot->n_statements;
    guest->next = slot->next;
    guest->state = SIM_SLOT_EXECUTING;
    s_advance (sim, self, SIM_SLOTS);
}

static void s_on_return (sim_t *sim, sim_event_t *event)
{
    s_parcel_t *parcel = event->data;
    sim_client_t *self = sim->clients[event->owner->index];
    sim_slot_t *slot = &self->slots[parcel->slot];
    if (slot->generation != parcel->generation || slot->state != SIM_SLOT_LENT)
        return;
    slot->failed |= !parcel->ok;
    slot->state = SIM_SLOT_EXECUTING;
    slot->shared = false;
    slot->next = slot->n_statements;
    txc_session_event_t reattach = {.op = TXC_OP_REATTACH, .tx = slot->tx, .body = parcel->body};
    slot->waiting++;
    sim_client_do (sim, self, &reattach, parcel->slot, 0, NULL);
}

static void s_post (sim_t *sim, sim_client_t *to, uint64_t life, txc_blob_t *body, sim_client_t *host,
                    uint32_t slot, uint32_t generation, bool ok, void (*run) (sim_t *sim, sim_event_t *event))
{
    s_parcel_t *parcel = txc_malloc (sizeof *parcel);
    *parcel =
        (s_parcel_t){.body = txc_blob_ref (body), .host_life = host->proc.life, .host = host->proc.index};
    parcel->slot = slot;
    parcel->generation = generation;
    parcel->ok = ok;
    sim_event_t *event = sim_after (sim, sim_between (sim, 100, 2000), &to->proc, life, run);
    event->data = parcel;
    event->drop = s_free_parcel;
}

static void s_lending_done (sim_t *sim, const sim_client_t *self, const txc_completion_t *completion)
{
    if (sim->calm && !self->closing && completion->code != TXC_OK)
        sim_violation (sim, "needless-failure",
                       "%s: lending a transaction fails with %s although nothing went wrong", self->proc.name,
                       txc_code_name (completion->code));
}

static void s_lend (sim_t *sim, sim_client_t *self, uint32_t index)
{
    sim_slot_t *slot = &self->slots[index];
    txc_session_event_t event = {.op = TXC_OP_EXPORT, .tx = slot->tx};
    slot->state = SIM_SLOT_LENT;
    slot->borrowed = true;
    sim_client_do (sim, self, &event, index, 0, NULL);
    if (self->proc.up) /* if nothing comes back it goes on alone */
        s_advance_in (sim, self, index, sim_between (sim, 2, 8) * SIM_S);
}

static void s_exported (sim_t *sim, sim_client_t *self, uint32_t index, const txc_completion_t *completion)
{
    sim_client_t *to =
        sim->clients[(self->proc.index + 1 + sim_below (sim, sim->n_clients - 1)) % sim->n_clients];
    if (completion->code != TXC_OK || to->auditor || to == self || !to->proc.up)
        return;
    s_post (sim, to, to->proc.life, completion->body, self, index, self->slots[index].generation, true,
            s_on_join);
}

static void s_detached (sim_t *sim, sim_client_t *self, const txc_completion_t *completion)
{
    sim_slot_t *guest = &self->guest;
    guest->state = SIM_SLOT_OVER;
    if (completion->code == TXC_OK && guest->guest_of)
        s_post (sim, guest->guest_of, guest->host_life, completion->body, guest->guest_of, guest->host_slot,
                guest->host_generation, !guest->failed, s_on_return);
    txc_session_event_t event = {.op = TXC_OP_FORGET, .tx = guest->tx};
    sim_client_do (sim, self, &event, SIM_SLOTS, 0, NULL);
}

static void s_advance_guest (sim_t *sim, sim_client_t *self)
{
    sim_slot_t *guest = &self->guest;
    if (guest->state != SIM_SLOT_EXECUTING || guest->waiting)
        return;
    if (guest->next < guest->n_statements && !guest->failed) {
        s_exec (sim, self, SIM_SLOTS);
        return;
    }
    txc_session_event_t event = {.op = TXC_OP_DETACH, .tx = guest->tx};
    guest->state = SIM_SLOT_ENDING;
    sim_client_do (sim, self, &event, SIM_SLOTS, 0, NULL);
}

/* --- ends ---------------------------------------------------------------------------------- */

static void s_over (sim_t *sim, sim_client_t *self, uint32_t index)
{
    sim_slot_t *slot = &self->slots[index];
    sim_owner_lose (sim, self, slot); /* what is open of it; else the connections are as good as new */
    if (slot->tx) {
        txc_session_event_t event = {.op = TXC_OP_FORGET, .tx = slot->tx};
        slot->tx = 0;
        sim_client_do (sim, self, &event, index, 0, NULL);
        if (!self->proc.up)
            return;
    }
    slot->generation++;
    slot->waiting = 0;
    slot->left -= slot->left > 0;
    slot->state = SIM_SLOT_IDLE;
    s_advance (sim, self, index);
}

static void s_ask (sim_t *sim, sim_client_t *self, uint32_t index)
{
    sim_slot_t *slot = &self->slots[index];
    txc_session_event_t event = {.op = TXC_OP_OUTCOME, .gtrid = slot->gtrid, .timeout_ms = 5000};
    slot->state = SIM_SLOT_ASKING;
    slot->asked++;
    slot->waiting++;
    sim_client_do (sim, self, &event, index, 0, NULL);
}

static void s_roll_back (sim_t *sim, sim_client_t *self, uint32_t index)
{
    sim_slot_t *slot = &self->slots[index];
    txc_session_event_t event = {.op = TXC_OP_ROLLBACK, .tx = slot->tx};
    slot->state = SIM_SLOT_ENDING;
    slot->waiting++;
    slot->end_op = TXC_OP_ROLLBACK;
    slot->end_timeout = 0;
    sim_tx_get (sim, &slot->gtrid)->ap_rollback = true;
    sim_client_do (sim, self, &event, index, 0, NULL);
}

static void s_end (sim_t *sim, sim_client_t *self, uint32_t index)
{
    sim_slot_t *slot = &self->slots[index];
    if (sim_strikes (sim, SIM_FAULT_CLIENT_ABANDON)) {
        s_over (sim, self, index);
        return;
    }
    if ((slot->failed && !sim_percent (sim, 15)) || sim_percent (sim, 5)) {
        s_roll_back (sim, self, index);
        return;
    }
    txc_session_event_t event = {.op = TXC_OP_COMMIT,
                                 .tx = slot->tx,
                                 .timeout_ms =
                                     sim_percent (sim, 20) ? (uint32_t) sim_between (sim, 50, 1000) : 0};
    slot->state = SIM_SLOT_ENDING;
    slot->waiting++;
    slot->end_op = TXC_OP_COMMIT;
    slot->end_timeout = event.timeout_ms;
    sim_client_do (sim, self, &event, index, 0, NULL);
}

void sim_client_end_again (sim_t *sim, sim_client_t *self, uint32_t index)
{
    sim_slot_t *slot = &self->slots[index];
    txc_session_event_t event = {
        .op = (uint8_t) slot->end_op, .tx = slot->tx, .timeout_ms = slot->end_timeout};
    slot->waiting++;
    sim_client_do (sim, self, &event, index, 0, NULL);
}

static bool s_is_outcome (int code)
{
    return code == TXC_OK || code == TXC_ROLLED_BACK || code == TXC_MIXED || code == TXC_HAZARD;
}

static void s_ended (sim_t *sim, sim_client_t *self, uint32_t index, const sim_pending_t *pending,
                     const txc_completion_t *completion)
{
    sim_slot_t *slot = &self->slots[index];
    sim_tx_t *tx = sim_tx_get (sim, &pending->gtrid);
    bool completed = pending->op == TXC_OP_COMMIT && !slot->decision_logged;
    if (completion->code == TXC_SESSION_WORK) {
        sim_owner_work (sim, self, index);
        return;
    }
    if (slot->failed && completion->code == TXC_OK && pending->op == TXC_OP_COMMIT)
        sim_violation (sim, "failed-committed", "%s commits a transaction of which a statement failed",
                       self->proc.name);
    if (s_is_outcome (completion->code))
        sim_check_told (sim, self->proc.name, tx, completion->code, completed);
    if (sim->calm && !self->closing && pending->op == TXC_OP_COMMIT && !slot->failed && !slot->borrowed &&
        completion->code != TXC_OK && completion->code != TXC_UNKNOWN)
        sim_violation (sim, "needless-abort", "%s: commit answers %s although nothing went wrong",
                       self->proc.name, txc_code_name (completion->code));
    if (completion->code == TXC_EATTACHED && slot->asked == 0) {
        slot->asked++;
        s_roll_back (sim, self, index);
        return;
    }
    bool unknown = completion->code == TXC_UNKNOWN || completion->code == TXC_ETIMEDOUT ||
                   completion->code == TXC_PENDING || completion->code == TXC_EOVERLOAD;
    bool ask = unknown ? slot->asked < 3 : sim_percent (sim, 10) && slot->asked == 0;
    sim->stats->unknown += unknown;
    if (ask)
        s_ask (sim, self, index);
    else
        s_over (sim, self, index);
}

/* --- what comes next ------------------------------------------------------------------------- */

static void s_advance_slot (sim_t *sim, sim_client_t *self, uint32_t index)
{
    sim_slot_t *slot = &self->slots[index];
    switch (slot->state) {
    case SIM_SLOT_IDLE:
        s_begin (sim, self, index);
        break;
    case SIM_SLOT_EXECUTING:
        if (slot->next == slot->n_statements || slot->failed) {
            if (slot->waiting == 0)
                s_end (sim, self, index);
        } else if (slot->shared && slot->next == slot->n_statements / 2 && slot->waiting == 0) {
            s_lend (sim, self, index);
        } else if (slot->async || slot->waiting == 0) {
            s_exec (sim, self, index);
            if (slot->async && self->proc.up)
                s_advance_in (sim, self, index, sim_between (sim, 1, 50));
        }
        break;
    case SIM_SLOT_LENT:
        slot->failed |= sim_percent (sim, 50);
        s_end (sim, self, index);
        break;
    default:
        break;
    }
}

static void s_on_advance (sim_t *sim, sim_event_t *event)
{
    sim_client_t *self = sim->clients[event->owner->index];
    if (sim_client_slot (self, (uint32_t) event->a)->generation != event->b || !self->open)
        return;
    if (event->a == SIM_SLOTS)
        s_advance_guest (sim, self);
    else
        s_advance_slot (sim, self, (uint32_t) event->a);
}

/* Everything that was ever begun is asked about, by a process that has not taken part. */
static void s_audit (sim_t *sim, sim_client_t *self)
{
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        const sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        if (tx->planted || self->audits_left + 2 >= SIM_PENDING_MAX)
            continue;
        txc_session_event_t event = {
            .op = TXC_OP_OUTCOME, .gtrid = tx->gtrid, .timeout_ms = 60000, .flags = TXC_FLAG_SETTLE};
        self->audits_left++;
        sim_client_do (sim, self, &event, SIM_SLOTS, 1, NULL);
    }
}

void sim_client_opened (sim_t *sim, sim_client_t *self)
{
    self->open = true;
    if (self->auditor) {
        s_audit (sim, self);
        return;
    }
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        s_advance (sim, self, i);
    /* A process that was killed comes back and asks what became of its work. */
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        const sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        if (tx->planted || self->proc.life < 2 || !sim_percent (sim, 20) || self->n_pending > 8)
            continue;
        txc_session_event_t event = {.op = TXC_OP_OUTCOME, .gtrid = tx->gtrid, .timeout_ms = 3000};
        sim_client_do (sim, self, &event, SIM_SLOTS, 1, NULL);
        if (!self->proc.up)
            return;
    }
}

/* Whoever waits for that outcome keeps its session, and so what comes behind in it. */
static bool s_is_given_up (sim_t *sim, uint64_t session)
{
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        const sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        if (tx->given_up && tx->logged == SIM_OUTCOME_NONE && tx->gtrid.session == session)
            return true;
    }
    return false;
}

static void s_asked (sim_t *sim, sim_client_t *self, const sim_pending_t *pending,
                     const txc_completion_t *completion)
{
    sim_tx_t *tx = sim_tx_get (sim, &pending->gtrid);
    if (s_is_outcome (completion->code))
        sim_check_told (sim, self->proc.name, tx, completion->code, false);
    sim_check_answer (sim, self->proc.name, tx, completion->code, pending->since);
    if (!self->auditor)
        return;
    self->audits_left--;
    /* Whoever does not know how many branches there were cannot be told "rolled back": it may have been a
     * commit in one phase, of which the log knows nothing.  Nor is there an answer where most members of a
     * three-phase commit have lost what they had said. */
    bool answered = s_is_outcome (completion->code) || completion->code == TXC_FORGOTTEN ||
                    (completion->code == TXC_UNKNOWN && tx->logged != SIM_OUTCOME_COMMIT) ||
                    (completion->code == TXC_PENDING && tx->gtrid.mode == TXC_MODE_3PC &&
                     tx->logged == SIM_OUTCOME_NONE && s_is_given_up (sim, tx->gtrid.session));
    char gtrid[TXC_GTRID_MAX + 1];
    if (!answered)
        sim_violation (sim, "outcome-not-answered", "%s: the auditor is told %s at the end",
                       txc_gtrid_format (&tx->gtrid, gtrid), txc_code_name (completion->code));
}

void sim_client_completed (sim_t *sim, sim_client_t *self, const sim_pending_t *pending,
                           const txc_completion_t *completion)
{
    sim_slot_t *slot = pending->slot < SIM_SLOTS || pending->op == TXC_OP_EXEC
                           ? sim_client_slot (self, pending->slot)
                           : NULL;
    if (slot && slot->waiting && pending->op != TXC_OP_BEGIN && pending->op != TXC_OP_FORGET &&
        pending->op != TXC_OP_EXPORT && pending->op != TXC_OP_OWNED)
        slot->waiting--;
    if (completion->code == TXC_ESESSION && !self->auditor)
        sim_client_renew (sim, self);
    switch (pending->op) {
    case TXC_OP_OPEN:
        if (completion->code != TXC_OK)
            sim_client_renew (sim, self);
        else
            sim_client_opened (sim, self);
        break;
    case TXC_OP_CLOSE:
        self->closing = false;
        sim_client_renew (sim, self);
        break;
    case TXC_OP_EXEC:
        s_exec_done (sim, self, slot, pending, completion);
        s_advance (sim, self, pending->slot);
        break;
    case TXC_OP_ENLIST:
        s_enlisted (sim, self, pending, completion);
        break;
    case TXC_OP_EXPORT:
        s_lending_done (sim, self, completion);
        s_exported (sim, self, pending->slot, completion);
        break;
    case TXC_OP_JOIN:
        s_lending_done (sim, self, completion);
        break;
    case TXC_OP_DETACH:
        s_lending_done (sim, self, completion);
        s_detached (sim, self, completion);
        break;
    case TXC_OP_REATTACH:
        s_lending_done (sim, self, completion);
        slot->failed |= completion->code != TXC_OK;
        s_advance (sim, self, pending->slot);
        break;
    case TXC_OP_COMMIT:
    case TXC_OP_ROLLBACK:
        s_ended (sim, self, pending->slot, pending, completion);
        break;
    case TXC_OP_OUTCOME:
        if (slot)
            s_ended (sim, self, pending->slot, pending, completion);
        else
            s_asked (sim, self, pending, completion);
        break;
    default:
        break;
    }
}
