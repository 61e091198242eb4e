#include "core_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_heap.h"
#include "base/txc_mem.h"
#include "wire/txc_codec.h"

/* The durable log: everything that was ever handed to it, as far as it is ever read again. */
enum { LOG_MAX = 512 };
typedef struct s_log_entry {
    txc_entry_t entry;
    uint8_t bytes[TXC_RECORD_MAX];
} s_log_entry_t;
static s_log_entry_t s_log[LOG_MAX];
static unsigned s_log_size;

/* The agent's journal, likewise. */
static struct {
    uint8_t *bytes;
    size_t size;
} s_journal[4096];
static unsigned s_journal_size;

static const char *const s_rms[WORLD_RMS] = {"bank_pg", "bank_my"};

static void s_trace (world_t *self, const char *what, const char *name)
{
    size_t at = strlen (self->trace);
    snprintf (self->trace + at, sizeof self->trace - at, "%s%s ", what, name);
}

static void s_post (world_t *self, int to, const txc_msg_t *message)
{
    s_trace (self, "", txc_msg_name (message->type));
    self->last[message->type] = *message;
    self->last[message->type].body = NULL;
    self->last[message->type].error = NULL;
    self->last[message->type].n_branches = self->last[message->type].n_entries = 0;
    if (message->type == self->drop) {
        self->dropped++;
        return;
    }
    world_mail_t *mail = txc_calloc (1, sizeof *mail);
    mail->to = to;
    mail->message = *message;
    mail->message.body = txc_blob_ref (message->body);
    if (message->n_branches)
        memcpy (mail->branches, message->branches, message->n_branches * sizeof *mail->branches);
    if (message->n_entries)
        memcpy (mail->entries, message->entries, message->n_entries * sizeof *mail->entries);
    if (message->n_members)
        memcpy (mail->members, message->members, message->n_members * sizeof *mail->members);
    if (message->error)
        mail->error = *message->error;
    mail->message.branches = mail->branches;
    mail->message.entries = mail->entries;
    mail->message.members = mail->members;
    mail->message.error = message->error ? &mail->error : NULL;
    TXC_ASSERT ((self->tail + 1) % WORLD_QUEUE != self->head);
    self->queue[self->tail] = mail;
    self->tail = (self->tail + 1) % WORLD_QUEUE;
}

/* --- the coordinator: route 1 is the application, 2 the agent --------------------- */

static void s_replica_step (world_t *self, txc_event_t event)
{
    txc_update_t update;
    txc_update_init (&update);
    event.now_ms = event.wall_ms = self->now_ms;
    txc_replica_step (self->replica, &event, &update);
    uint64_t number = 0;
    for (uint32_t i = 0; i < update.n_entries; i++) {
        const txc_entry_t *entry = &update.entries[i];
        s_trace (self, "+", txc_rec_name (entry->kind));
        number = entry->number;
        if (s_log_size++ >= LOG_MAX)
            continue; /* nothing starts from so long a log */
        s_log_entry_t *kept = &s_log[s_log_size - 1];
        kept->entry = *entry;
        memcpy (kept->bytes, entry->bytes, entry->size);
        kept->entry.bytes = kept->bytes;
    }
    for (uint32_t i = 0; i < update.n_messages; i++)
        s_post (self, update.messages[i].route == 1 ? 'C' : 'A', &update.messages[i]);
    txc_update_fini (&update);
    if (number)
        s_replica_step (self, (txc_event_t){.type = TXC_EVENT_DURABLE, .number = number});
}

static void s_replica_new (world_t *self)
{
    txc_replica_config_t config = self->limits;
    config.id = 1;
    config.seed = 7;
    config.new_cluster = 0xc1u;
    config.new_disk = 0xd1u;
    config.codec = &txc_record_codec;
    self->replica = txc_replica_new (&config);
    TXC_ASSERT (s_log_size <= LOG_MAX);
    for (unsigned i = 0; i < s_log_size; i++) {
        int rc = txc_replica_replay (self->replica, &s_log[i].entry);
        TXC_ASSERT (rc == TXC_OK);
    }
    s_replica_step (self, (txc_event_t){.type = TXC_EVENT_START});
}

void world_restart_replica (world_t *self)
{
    txc_replica_destroy (&self->replica);
    s_replica_new (self);
}

/* --- the agent ------------------------------------------------------------------------ */

static void s_agent_step (world_t *self, txc_agent_event_t event);

static void s_finish (world_t *self, const txc_work_t *work, uint8_t status)
{
    txc_work_done_t done = {.op = work->op, .rm = work->rm, .branch = work->branch, .scan = work->scan};
    done.status = status;
    done.connection_lost = done.status == TXC_WORK_LOST;
    done.prepare_status = self->last_status[work->rm];
    if ((work->op == TXC_WORK_RECOVER || work->op == TXC_WORK_SCAN) && work->rm == self->listed_at) {
        done.found = &self->listed;
        done.n_found = 1;
    }
    if (done.status == TXC_WORK_ERROR || done.status == TXC_WORK_ROLLED_BACK)
        txc_error_set (&done.error, TXC_ERM, "as the script says");
    s_agent_step (self, (txc_agent_event_t){.type = TXC_AGENT_WORK_DONE, .done = &done});
}

static void s_work (world_t *self, const txc_work_t *work)
{
    uint8_t status = self->status[work->op][work->rm];
    s_trace (self, "*", txc_work_name (work->op));
    if (work->refuse)
        s_trace (self, "*", "refuse");
    if (work->op == TXC_WORK_UNPIN || work->op == TXC_WORK_CANCEL)
        return;
    if (status == WORLD_HOLD)
        self->held = *work;
    else
        s_finish (self, work, status);
}

void world_answer (world_t *self, uint8_t status)
{
    txc_work_t work = self->held;
    s_finish (self, &work, status);
    world_run (self);
}

static void s_journal_put (const txc_entry_t *entry)
{
    TXC_ASSERT (s_journal_size < sizeof s_journal / sizeof *s_journal);
    s_journal[s_journal_size].bytes = txc_malloc (entry->size);
    s_journal[s_journal_size].size = entry->size;
    memcpy (s_journal[s_journal_size++].bytes, entry->bytes, entry->size);
}

static void s_agent_step (world_t *self, txc_agent_event_t event)
{
    txc_update_t update;
    txc_update_init (&update);
    event.now_ms = self->now_ms;
    txc_agent_step (self->agent, &event, &update);
    uint64_t forced = 0;
    for (uint32_t i = 0; i < update.n_entries; i++) {
        s_trace (self, "!", txc_journal_name (update.entries[i].kind));
        s_journal_put (&update.entries[i]);
        if (update.entries[i].forced)
            forced = update.entries[i].slot;
    }
    for (uint32_t i = 0; i < update.n_messages; i++)
        s_post (self, update.messages[i].route == 1 ? 'C' : 'L', &update.messages[i]);
    for (uint32_t i = 0; i < update.n_work; i++)
        s_work (self, &update.work[i]);
    txc_update_fini (&update);
    if (forced)
        self->unsynced = forced;
    if (!self->slow_disk)
        world_sync (self);
}

void world_sync (world_t *self)
{
    uint64_t slot = self->unsynced;
    self->unsynced = 0;
    if (slot)
        s_agent_step (self, (txc_agent_event_t){.type = TXC_AGENT_JOURNALED, .slot = slot});
}

/* --- the application ------------------------------------------------------------------ */

static uint64_t s_session_step (world_t *self, txc_session_event_t event)
{
    txc_update_t update;
    uint64_t tx = 0;
    txc_update_init (&update);
    event.now_ms = self->now_ms;
    txc_session_step (self->session, &event, &tx, &update);
    for (uint32_t i = 0; i < update.n_messages; i++)
        s_post (self, update.messages[i].route == 0 ? 'L' : 'A', &update.messages[i]);
    for (uint32_t i = 0; i < update.n_completions; i++) {
        txc_completion_t *completion = &update.completions[i];
        TXC_ASSERT (self->codes[completion->operation] == TXC_PENDING);
        self->codes[completion->operation] = completion->code;
        self->errors[completion->operation] = completion->error;
        self->bodies[completion->operation] = completion->body;
        completion->body = NULL;
    }
    txc_update_fini (&update);
    return tx;
}

uint64_t world_do (world_t *self, txc_session_event_t event)
{
    event.operation = ++self->operation;
    self->codes[event.operation] = TXC_PENDING;
    uint64_t tx = s_session_step (self, event);
    world_run (self);
    return event.op == TXC_OP_BEGIN || event.op == TXC_OP_JOIN ? tx : event.operation;
}

uint64_t world_begin (world_t *self)
{
    return world_do (self, (txc_session_event_t){.op = TXC_OP_BEGIN, .timeout_ms = 5000});
}

int world_exec (world_t *self, uint64_t tx, const char *rm, uint32_t flags)
{
    txc_blob_t *body = txc_blob_new ("x", 1);
    uint64_t operation = world_do (
        self, (txc_session_event_t){.op = TXC_OP_EXEC, .tx = tx, .rm = rm, .flags = flags, .body = body});
    txc_blob_destroy (&body);
    if (self->codes[operation] == TXC_PENDING && !self->slow_disk)
        world_pass (self, 1000); /* the first of a three-phase commit is asked to come again */
    return self->codes[operation];
}

int world_commit (world_t *self, uint64_t tx)
{
    return self->codes[world_do (self, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx})];
}

int world_code (world_t *self, txc_session_event_t event)
{
    return self->codes[world_do (self, event)];
}

txc_gtrid_t world_gtrid (const world_t *self, uint64_t tx)
{
    return txc_session_gtrid (self->session, tx);
}

/* --- the world ---------------------------------------------------------------------------- */

static void s_deliver (world_t *self, world_mail_t *mail)
{
    mail->message.route = mail->to == 'C' ? 0 : 1;
    if (mail->to == 'L') {
        unsigned type = mail->message.type;
        bool from_agent = type == TXC_MSG_AGENT_HELLO || type == TXC_MSG_VOTE ||
                          type == TXC_MSG_PHASE2_DONE || type == TXC_MSG_INQUIRY ||
                          (type >= TXC_MSG_TERMINATE && type <= TXC_MSG_DECIDED);
        mail->message.route = from_agent ? 2 : 1;
        s_replica_step (self, (txc_event_t){.type = TXC_EVENT_MESSAGE, .message = &mail->message});
    } else if (mail->to == 'A')
        s_agent_step (self, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .message = &mail->message});
    else
        s_session_step (self, (txc_session_event_t){.op = TXC_OP_MESSAGE, .message = &mail->message});
    txc_blob_destroy (&mail->message.body);
    free (mail);
}

void world_run (world_t *self)
{
    while (self->head != self->tail) {
        world_mail_t *mail = self->queue[self->head];
        self->head = (self->head + 1) % WORLD_QUEUE;
        s_deliver (self, mail);
    }
}

void world_forge (world_t *self, int to, txc_msg_t message)
{
    int drop = self->drop;
    self->drop = 0;
    s_post (self, to, &message);
    self->drop = drop;
    world_run (self);
}

void world_replica_event (world_t *self, txc_event_t event)
{
    s_replica_step (self, event);
    world_run (self);
}

void world_agent_event (world_t *self, txc_agent_event_t event)
{
    s_agent_step (self, event);
    world_run (self);
}

void world_pass (world_t *self, uint64_t ms)
{
    uint64_t until = self->now_ms + ms;
    while (self->now_ms < until) {
        uint64_t next = until, due[3] = {txc_replica_next_ms (self->replica), txc_agent_next_ms (self->agent),
                                         txc_session_next_ms (self->session)};
        for (int i = 0; i < 3; i++)
            if (due[i] < next)
                next = due[i];
        self->now_ms = next > self->now_ms ? next : self->now_ms + 1;
        s_replica_step (self, (txc_event_t){.type = TXC_EVENT_TICK});
        s_agent_step (self, (txc_agent_event_t){.type = TXC_AGENT_TICK});
        s_session_step (self, (txc_session_event_t){.op = TXC_OP_TICK});
        world_run (self);
    }
}

static void s_agent_new (world_t *self, uint64_t incarnation)
{
    txc_agent_config_t agent = {.name = "agent",
                                .endpoint = "ipc:///agent",
                                .incarnation = incarnation,
                                .seed = 3,
                                .codec = &txc_journal_codec,
                                .n_rms = WORLD_RMS};
    for (int i = 0; i < WORLD_RMS; i++) {
        txc_copy_text (agent.rms[i].name, sizeof agent.rms[i].name, s_rms[i]);
        agent.rms[i].last_resource = self->last_resources >> i & 1;
    }
    agent.rms[0].detaches = true;
    agent.rms[1].journal_committing = true;
    self->agent = txc_agent_new (&agent);
}

static void s_journal_clear (void)
{
    while (s_journal_size > 0)
        free (s_journal[--s_journal_size].bytes);
}

void world_tidy (world_t *self)
{
    txc_update_t update;
    txc_update_init (&update);
    txc_agent_checkpoint (self->agent, &update);
    s_journal_clear();
    for (uint32_t i = 0; i < update.n_entries; i++)
        s_journal_put (&update.entries[i]);
    txc_update_fini (&update);
}

void world_restart_agent (world_t *self, bool lost)
{
    txc_agent_status_t status;
    txc_agent_status (self->agent, &status);
    txc_agent_destroy (&self->agent);
    s_agent_new (self, status.incarnation + 1);
    if (lost)
        s_journal_clear();
    for (unsigned i = 0; i < s_journal_size; i++) {
        int rc = txc_agent_replay (self->agent, s_journal[i].bytes, s_journal[i].size);
        TXC_ASSERT (rc == TXC_OK);
    }
    s_agent_step (self, (txc_agent_event_t){.type = TXC_AGENT_START});
    world_run (self);
    world_pass (self, 1500);
}

static void s_open (world_t *self, const txc_replica_config_t *limits, unsigned last)
{
    memset (self, 0, sizeof *self);
    if (limits)
        self->limits = *limits;
    s_log_size = 0;
    self->now_ms = 1000;
    for (int i = 0; i < WORLD_RMS; i++) {
        self->status[TXC_WORK_FENCE_AND_LOOK][i] = TXC_WORK_ABSENT;
        self->status[TXC_WORK_EVIDENCE][i] = TXC_WORK_UNKNOWN;
    }
    self->last_resources = last;
    self->listed_at = -1;
    s_agent_new (self, 0xabcd);
    txc_session_config_t session = {.nonce = 0x5e55, .seed = 5};
    self->session = txc_session_new (&session);
    s_replica_new (self);
    s_agent_step (self, (txc_agent_event_t){.type = TXC_AGENT_START});
    world_run (self);
    world_pass (self, 1500);
    uint64_t operation = world_do (self, (txc_session_event_t){.op = TXC_OP_OPEN});
    TXC_ASSERT (self->codes[operation] == TXC_OK);
    self->trace[0] = '\0';
}

void world_open (world_t *self)
{
    s_open (self, NULL, 0);
}

void world_open_with (world_t *self, const txc_replica_config_t *limits)
{
    s_open (self, limits, 0);
}

void world_open_last (world_t *self, unsigned last)
{
    s_open (self, NULL, last);
}

void world_close (world_t *self)
{
    txc_session_destroy (&self->session);
    txc_agent_destroy (&self->agent);
    s_journal_clear();
    txc_replica_destroy (&self->replica);
    while (self->head != self->tail) {
        txc_blob_destroy (&self->queue[self->head]->message.body);
        free (self->queue[self->head]);
        self->head = (self->head + 1) % WORLD_QUEUE;
    }
    for (unsigned i = 0; i < sizeof self->bodies / sizeof *self->bodies; i++)
        txc_blob_destroy (&self->bodies[i]);
}

/* --- what the tests share ---------------------------------------------------------- */

int world_setup (void **state)
{
    static world_t world;
    *state = &world;
    world_open (&world);
    return 0;
}

int world_teardown (void **state)
{
    world_close (*state);
    return 0;
}

uint64_t world_transfer (world_t *self)
{
    uint64_t tx = world_begin (self);
    TXC_ASSERT (tx != 0);
    int rc = world_exec (self, tx, "bank_pg", 0);
    TXC_ASSERT (rc == TXC_OK);
    rc = world_exec (self, tx, "bank_my", 0);
    TXC_ASSERT (rc == TXC_OK);
    return tx;
}

unsigned world_count (const world_t *self, const char *word)
{
    unsigned count = 0;
    size_t size = strlen (word);
    for (const char *at = self->trace; (at = strstr (at, word)) != NULL; at += size)
        count += (at == self->trace || at[-1] == ' ') && at[size] == ' ';
    return count;
}
