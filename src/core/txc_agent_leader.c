/*
 * The agent and its leader: registration, fencing by epoch, the log-loss guard.
 *
 * A leader may lead this agent only if its log holds what the agent's journal
 * remembers of it: one of the last two guards that were offered, and no less
 * than the highest slot that was seen.  Otherwise the group was restored from
 * an old copy, and would roll back what was committed: the agent latches until
 * an operator accepts that log.
 */
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_agent_private.h"

enum {
    SILENCE_HELLOS = 5 /* unanswered ones, after which every endpoint that was ever known is tried */
};

void txc_agent_hello (txc_agent_t *self)
{
    self->hello_due_ms = self->now_ms + self->config.hello_ms;
    txc_rm_entry_t *entries = txc_update_alloc (self->update, self->config.n_rms * sizeof *entries);
    for (uint32_t i = 0; i < self->config.n_rms; i++) {
        memcpy (entries[i].rm, self->config.rms[i].name, sizeof entries[i].rm);
        memcpy (entries[i].agent, self->config.name, sizeof entries[i].agent);
        memcpy (entries[i].endpoint, self->config.endpoint, sizeof entries[i].endpoint);
        entries[i].incarnation = self->config.incarnation;
        entries[i].up = txc_agent_rm_is_up (self, i) && !self->draining;
        entries[i].last_resource = self->config.rms[i].last_resource;
    }
    /* Every replica hears it, so that whichever comes to lead knows its agents at once. */
    txc_msg_t *message = txc_update_message (self->update, TXC_MSG_AGENT_HELLO,
                                             self->leader.n > 1 ? TXC_ROUTE_ALL : TXC_ROUTE_LEADER);
    memcpy (message->agent, self->config.name, sizeof message->agent);
    message->incarnation = self->config.incarnation;
    message->entries = entries;
    message->n_entries = self->config.n_rms;
    message->epoch = self->epoch;
    message->guards[0] = self->guard;
    message->high_slot = self->high_slot;
    message->code = self->latched ? TXC_ELOGLOSS : TXC_OK;
}

/* A replica that does not lead names the one that does.  Who has been welcomed knows better. */
void txc_agent_not_leader (txc_agent_t *self, const txc_msg_t *message)
{
    txc_leader_learn (&self->leader, message);
    if (self->registered)
        txc_leader_is (&self->leader, self->epoch.replica);
    else {
        txc_leader_is (&self->leader, message->replica);
        /* The leader heard the last hello, too, unless it was lost, or came before it led.  Nothing is sent
         * here: every hello gets one such answer from each replica. */
        uint64_t soon_ms = self->now_ms + self->config.hello_ms / 4 + 1;
        if (self->hello_due_ms > soon_ms)
            self->hello_due_ms = soon_ms;
    }
}

const char *txc_agent_leader (const txc_agent_t *self)
{
    return txc_leader_endpoint (&self->leader);
}

/* As long as a leader answers, the members are all there is to call: what else was configured may be other
 * names of them, and a leader that hears an agent in two places takes it for one that came back. */
const char *txc_agent_coordinator_nth (const txc_agent_t *self, uint32_t i)
{
    bool answered =
        self->registered && self->now_ms < self->welcomed_ms + SILENCE_HELLOS * self->config.hello_ms;
    if (answered && self->leader.n_members > 0 && i >= self->leader.n_members)
        return NULL;
    return txc_leader_nth (&self->leader, i);
}

bool txc_agent_obeys (txc_agent_t *self, const txc_msg_t *message)
{
    int order = txc_epoch_compare (message->epoch, self->epoch);
    if (order > 0 && self->registered) {
        self->registered = false;
        txc_agent_hello (self); /* a new leader: first it must be welcomed, and its epoch journaled */
    }
    if (order < 0 && TXC_MUTANT (STALE_LEADER_OBEYED))
        return true;
    if (order != 0 || self->latched || !self->registered) {
        self->dropped++;
        return false;
    }
    return true;
}

static bool s_guard_equal (const txc_guard_t *a, const txc_guard_t *b)
{
    return a->slot == b->slot && a->digest == b->digest;
}

/* Does that log hold what this journal remembers? */
static bool s_log_is_whole (const txc_agent_t *self, const txc_msg_t *message)
{
    if (self->cluster && message->cluster != self->cluster)
        return false;
    if (TXC_MUTANT (LOG_LOSS_IGNORED))
        return true;
    if (message->high_slot < self->high_slot)
        return false;
    return self->guard.slot == 0 || s_guard_equal (&self->guard, &message->guards[0]) ||
           s_guard_equal (&self->guard, &message->guards[1]);
}

static void s_latch (txc_agent_t *self)
{
    if (self->latched)
        return;
    self->latched = true;
    self->registered = false;
    txc_jrec_t record = {.kind = TXC_JOURNAL_LATCH, .code = TXC_ELOGLOSS};
    txc_agent_journal (self, &record, true);
    txc_agent_hello (self);
}

static void s_take_epoch (txc_agent_t *self, const txc_msg_t *message)
{
    if (self->epoch_slot && txc_epoch_compare (message->epoch, self->offered) <= 0)
        return; /* on its way to the disk */
    self->offered = message->epoch;
    self->offered_cluster = message->cluster;
    self->registered = false;
    txc_jrec_t record = {.kind = TXC_JOURNAL_EPOCH, .cluster = message->cluster, .epoch = message->epoch};
    self->epoch_slot = txc_agent_journal (self, &record, true);
}

static void s_take_guard (txc_agent_t *self, const txc_msg_t *message)
{
    const txc_guard_t *latest = &message->guards[0];
    if (latest->slot <= self->guard.slot || self->guard_slot)
        return;
    self->guard_offered = *latest;
    txc_jrec_t record = {.kind = TXC_JOURNAL_GUARD, .guard = *latest};
    self->guard_slot = txc_agent_journal (self, &record, true);
}

void txc_agent_welcome (txc_agent_t *self, const txc_msg_t *message)
{
    if (message->code != TXC_OK || !message->cluster) {
        self->dropped++;
        return;
    }
    int order = txc_epoch_compare (message->epoch, self->epoch);
    if (order < 0) {
        self->dropped++; /* an older leadership */
        return;
    }
    /* Within one leadership its log only grows: a welcome that was overtaken says less, and means nothing. No
     * two leaderships share an epoch (txc_replica_lead), not even that of a restored copy. */
    bool other = order > 0 || TXC_MUTANT (OVERTAKEN_WELCOME_LATCHES) || message->cluster != self->cluster;
    if (self->latched || (other && !s_log_is_whole (self, message))) {
        s_latch (self);
        return;
    }
    self->welcomed_ms = self->now_ms;
    txc_leader_learn (&self->leader, message);
    if (self->leader.n_members > 0)
        txc_leader_is (&self->leader, message->epoch.replica);
    else if (self->from)
        txc_leader_is_at (&self->leader, self->from);
    if (order > 0)
        s_take_epoch (self, message);
    else if (!self->epoch_slot) {
        bool anew = !self->registered;
        self->registered = true;
        if (message->high_slot > self->high_slot)
            self->high_slot = message->high_slot;
        s_take_guard (self, message);
        for (uint32_t i = 0; anew && i < self->config.n_rms; i++)
            if (!self->rms[i].busy)
                self->rms[i].due_ms = self->now_ms; /* the cluster is known now: what is listed may be ours */
    }
}

void txc_agent_journaled (txc_agent_t *self, uint64_t slot)
{
    bool tell = false;
    if (self->birth_slot <= slot)
        self->birth_slot = 0;
    if (self->epoch_slot && self->epoch_slot <= slot) {
        self->epoch_slot = 0;
        self->epoch = self->offered;
        self->cluster = self->offered_cluster;
        tell = true;
    }
    if (self->guard_slot && self->guard_slot <= slot) {
        self->guard_slot = 0;
        self->guard = self->guard_offered;
        tell = true;
    }
    if (tell)
        txc_agent_hello (self);
}

/* The operator takes the coordinator's log as it is, and every RM's copy of its data as it is. */
void txc_agent_accept_log (txc_agent_t *self)
{
    self->latched = self->registered = false;
    self->cluster = 0;
    self->epoch = (txc_epoch_t){0, 0};
    self->guard = (txc_guard_t){0, 0};
    self->high_slot = 0;
    txc_jrec_t record = {.kind = TXC_JOURNAL_EPOCH};
    txc_agent_journal (self, &record, true);
    record = (txc_jrec_t){.kind = TXC_JOURNAL_GUARD};
    txc_agent_journal (self, &record, true);
    record = (txc_jrec_t){.kind = TXC_JOURNAL_LATCH, .code = TXC_OK};
    txc_agent_journal (self, &record, true);
    for (uint32_t i = 0; i < self->config.n_rms; i++) {
        self->rms[i].record_only = false;
        self->rms[i].identity[0] = '\0';
    }
    txc_agent_hello (self);
}
