#include "sim_count.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_agent.h"
#include "core/txc_paxos_values.h"
#include "core/txc_replica.h"
#include "core/txc_session.h"
#include "wire/txc_codec.h"

enum { REPLICAS = 5, AGENTS = 16, MAIL = 4096, CLIENT = 0, OF_REPLICA = 1, OF_AGENT = 100 };

/* Time, in units: of a message, of a forced write, of a millisecond of the machines' clocks. */
static const uint64_t DELAY = 1000000, WRITE = 1000, MS = 100000, LAZY = 5000000;

typedef struct mail {
    uint64_t at;
    uint32_t from, to;
    txc_msg_t message;
    txc_branch_ref_t branches[TXC_BRANCHES_MAX];
    txc_rm_entry_t entries[TXC_RMS_MAX];
    txc_member_t members[TXC_REPLICAS_MAX];
    txc_error_t error;
} mail_t;

/* A disk: what is handed over while no write runs leaves together, a moment later. */
typedef struct disk {
    uint64_t number; /* of the last entry handed over */
    uint64_t sync_at, lazy_at;
    bool forced;
} disk_t;

typedef struct item {
    uint64_t at;
    uint32_t agent;
    txc_work_t work;
} item_t;

static struct {
    uint64_t now;
    uint32_t n, f;
    txc_replica_t *replicas[REPLICAS];
    disk_t disks[REPLICAS];
    txc_agent_t *agents[AGENTS];
    txc_session_t *session;
    mail_t *mail[MAIL];
    uint32_t n_mail;
    item_t items[AGENTS * 4];
    uint32_t n_items;
    int codes[64];
    uint64_t operation;
    /* the counting */
    bool counting;
    uint64_t began, told_at, commit_at;
    uint32_t committing;
    uint32_t received, frames, writes;
    uint64_t frame_at[256];
    uint32_t frame_from[256], frame_to[256];
    sim_count_t *count;
} s;

static uint64_t s_ms (void)
{
    return 1000 + s.now / MS;
}

/* --- counting ---------------------------------------------------------------------------- */

static bool s_is_background (unsigned type)
{
    return type == TXC_MSG_AGENT_HELLO || type == TXC_MSG_AGENT_WELCOME || type == TXC_MSG_PAXOS_HEARTBEAT ||
           type == TXC_MSG_PAXOS_GRANT || type == TXC_MSG_SESSION_KEEPALIVE ||
           type == TXC_MSG_SESSION_ALIVE || type == TXC_MSG_NOT_LEADER;
}

/* Values that nobody waits for. */
static bool s_is_put_off (const txc_msg_t *message)
{
    txc_paxos_value_t value;
    size_t at = 0;
    bool forced = false;
    while (message->body && txc_paxos_value_next (message->body, &at, &value))
        forced = forced || value.forced;
    return message->type == TXC_MSG_PAXOS_ACCEPT && !forced;
}

static bool s_is_decided (void)
{
    return s.commit_at != 0;
}

static void s_received (const mail_t *mail)
{
    if (!s.counting || s_is_background (mail->message.type))
        return;
    s.count->all_messages++;
    if (s_is_decided() || s_is_put_off (&mail->message))
        return;
    s.received++;
    for (uint32_t i = 0; i < s.frames; i++)
        if (s.frame_at[i] == mail->at && s.frame_from[i] == mail->from && s.frame_to[i] == mail->to)
            return;
    TXC_ASSERT (s.frames < 256);
    s.frame_at[s.frames] = mail->at;
    s.frame_from[s.frames] = mail->from;
    s.frame_to[s.frames++] = mail->to;
}

static void s_written (bool commits)
{
    if (!s.counting)
        return;
    s.count->all_writes++;
    if (!s_is_decided() && !commits)
        s.writes++;
}

/* --- messages ------------------------------------------------------------------------------ */

static void s_post (uint32_t from, uint32_t to, const txc_msg_t *message)
{
    mail_t *mail = txc_calloc (1, sizeof *mail);
    TXC_ASSERT (s.n_mail < MAIL);
    mail->at = s.now + DELAY;
    mail->from = from;
    mail->to = to;
    mail->message = *message;
    mail->message.body = txc_blob_ref (message->body);
    for (uint32_t i = 0; i < message->n_branches; i++)
        mail->branches[i] = message->branches[i];
    for (uint32_t i = 0; i < message->n_entries; i++)
        mail->entries[i] = message->entries[i];
    for (uint32_t i = 0; i < message->n_members; i++)
        mail->members[i] = message->members[i];
    if (message->error)
        mail->error = *message->error;
    mail->message.branches = mail->branches;
    mail->message.entries = mail->entries;
    mail->message.members = mail->members;
    mail->message.error = message->error ? &mail->error : NULL;
    s.mail[s.n_mail++] = mail;
}

/* "r3" is a replica, "a2" an agent; NULL is the first replica. */
static uint32_t s_place (const char *endpoint)
{
    if (!endpoint)
        return OF_REPLICA;
    return (uint32_t) atoi (endpoint + 1) + (endpoint[0] == 'a' ? OF_AGENT : OF_REPLICA);
}

static const char *s_name (char kind, uint32_t i, char *text, size_t size)
{
    snprintf (text, size, "%c%u", kind, i);
    return text;
}

/* --- replicas ------------------------------------------------------------------------------- */

static void s_replica_step (uint32_t i, txc_event_t event)
{
    txc_update_t update;
    disk_t *disk = &s.disks[i];
    txc_update_init (&update);
    event.now_ms = event.wall_ms = s_ms();
    txc_replica_step (s.replicas[i], &event, &update);
    for (uint32_t k = 0; k < update.n_entries; k++) {
        disk->number = update.entries[k].number;
        disk->forced = disk->forced || update.entries[k].forced;
        if (update.entries[k].forced && !disk->sync_at)
            disk->sync_at = s.now + 1 + WRITE;
        else if (!disk->sync_at && !disk->lazy_at)
            disk->lazy_at = s.now + LAZY;
    }
    for (uint32_t k = 0; k < update.n_messages; k++) {
        const txc_msg_t *message = &update.messages[k];
        bool group = message->route >> 63;
        s_post (OF_REPLICA + i,
                group ? OF_REPLICA + (uint32_t) message->route - 1 : (uint32_t) message->route - 1, message);
    }
    txc_update_fini (&update);
}

static void s_disk_due (uint32_t i)
{
    disk_t *disk = &s.disks[i];
    txc_event_t event = {.type = TXC_EVENT_DURABLE, .number = disk->number};
    if (disk->forced)
        s_written (false);
    disk->sync_at = disk->lazy_at = 0;
    disk->forced = false;
    s_replica_step (i, event);
}

/* --- agents ----------------------------------------------------------------------------------- */

static void s_agent_step (uint32_t i, txc_agent_event_t event);

static void s_agent_send (uint32_t i, const txc_msg_t *message)
{
    const char *endpoint;
    if (message->route == TXC_ROUTE_LEADER)
        s_post (OF_AGENT + i, s_place (txc_agent_leader (s.agents[i])), message);
    else if (message->route == TXC_ROUTE_ALL)
        for (uint32_t k = 0; (endpoint = txc_agent_coordinator_nth (s.agents[i], k)) != NULL; k++)
            s_post (OF_AGENT + i, s_place (endpoint), message);
    else
        s_post (OF_AGENT + i, (uint32_t) message->route - 1, message);
}

static void s_agent_work (uint32_t i, const txc_work_t *work)
{
    if (work->op == TXC_WORK_UNPIN || work->op == TXC_WORK_CANCEL)
        return;
    bool writes = work->op == TXC_WORK_PREPARE || work->op == TXC_WORK_COMMIT;
    if (work->op == TXC_WORK_COMMIT && s.counting && ++s.committing == s.n)
        s.commit_at = s.now;
    if (writes)
        s_written (work->op == TXC_WORK_COMMIT);
    TXC_ASSERT (s.n_items < sizeof s.items / sizeof *s.items);
    s.items[s.n_items++] = (item_t){.at = s.now + (writes ? WRITE : 0), .agent = i, .work = *work};
}

static void s_agent_step (uint32_t i, txc_agent_event_t event)
{
    txc_update_t update;
    uint64_t forced = 0;
    txc_update_init (&update);
    event.now_ms = s_ms();
    txc_agent_step (s.agents[i], &event, &update);
    for (uint32_t k = 0; k < update.n_entries; k++)
        if (update.entries[k].forced)
            forced = update.entries[k].slot;
    for (uint32_t k = 0; k < update.n_messages; k++)
        s_agent_send (i, &update.messages[k]);
    for (uint32_t k = 0; k < update.n_work; k++)
        s_agent_work (i, &update.work[k]);
    txc_update_fini (&update);
    if (!forced)
        return;
    s_written (false);
    TXC_ASSERT (s.n_items < sizeof s.items / sizeof *s.items);
    s.items[s.n_items++] =
        (item_t){.at = s.now + WRITE, .agent = i, .work = {.op = TXC_WORK_NONE, .scan = forced}};
}

static void s_item_due (const item_t *item)
{
    if (item->work.op == TXC_WORK_NONE) {
        s_agent_step (item->agent, (txc_agent_event_t){.type = TXC_AGENT_JOURNALED, .slot = item->work.scan});
        return;
    }
    txc_work_done_t done = {
        .op = item->work.op, .rm = item->work.rm, .branch = item->work.branch, .scan = item->work.scan};
    s_agent_step (item->agent, (txc_agent_event_t){.type = TXC_AGENT_WORK_DONE, .done = &done});
}

/* --- the application ---------------------------------------------------------------------------- */

static uint64_t s_session_step (txc_session_event_t event)
{
    txc_update_t update;
    uint64_t tx = 0;
    txc_update_init (&update);
    event.now_ms = s_ms();
    txc_session_step (s.session, &event, &tx, &update);
    for (uint32_t k = 0; k < update.n_messages; k++) {
        const txc_msg_t *message = &update.messages[k];
        const char *endpoint = message->route == TXC_ROUTE_LEADER
                                   ? txc_session_leader (s.session)
                                   : txc_session_endpoint (s.session, message->route);
        if (message->route == TXC_ROUTE_ALL)
            for (uint32_t i = 0; (endpoint = txc_session_coordinator_nth (s.session, i)) != NULL; i++)
                s_post (CLIENT, s_place (endpoint), message);
        else
            s_post (CLIENT, s_place (endpoint), message);
    }
    for (uint32_t k = 0; k < update.n_completions; k++)
        s.codes[update.completions[k].operation] = update.completions[k].code;
    txc_update_fini (&update);
    return tx;
}

/* --- time ------------------------------------------------------------------------------------------ */

static void s_deliver (mail_t *mail)
{
    s_received (mail);
    char from[16];
    mail->message.route = mail->from + 1;
    if (mail->to == CLIENT) {
        mail->message.route = 0;
        s_session_step ((txc_session_event_t){.op = TXC_OP_MESSAGE, .message = &mail->message});
    } else if (mail->to >= OF_AGENT) {
        bool coordinator = mail->from >= OF_REPLICA && mail->from < OF_AGENT;
        if (coordinator)
            mail->message.route = TXC_ROUTE_LEADER;
        s_agent_step (
            mail->to - OF_AGENT,
            (txc_agent_event_t){.type = TXC_AGENT_MESSAGE,
                                .message = &mail->message,
                                .from = coordinator ? s_name ('r', mail->from - OF_REPLICA, from, sizeof from)
                                                    : NULL});
    } else
        s_replica_step (mail->to - OF_REPLICA,
                        (txc_event_t){.type = TXC_EVENT_MESSAGE, .message = &mail->message});
    txc_blob_destroy (&mail->message.body);
    free (mail);
}

static uint64_t s_min (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When that reading of the machines' clocks is reached. */
static uint64_t s_at_ms (uint64_t ms)
{
    if (ms == UINT64_MAX)
        return UINT64_MAX;
    return ms <= s_ms() ? s.now : (ms - 1000) * MS;
}

static uint64_t s_next (void)
{
    uint64_t next = s_at_ms (txc_session_next_ms (s.session));
    for (uint32_t i = 0; i <= 2 * s.f; i++) {
        next = s_min (next, s_at_ms (txc_replica_next_ms (s.replicas[i])));
        next = s.disks[i].sync_at ? s_min (next, s.disks[i].sync_at) : next;
        next = s.disks[i].lazy_at ? s_min (next, s.disks[i].lazy_at) : next;
    }
    for (uint32_t i = 0; i < s.n; i++)
        next = s_min (next, s_at_ms (txc_agent_next_ms (s.agents[i])));
    for (uint32_t i = 0; i < s.n_items; i++)
        next = s_min (next, s.items[i].at);
    for (uint32_t i = 0; i < s.n_mail; i++)
        next = s_min (next, s.mail[i]->at);
    return next;
}

static void s_work_through (void)
{
    for (uint32_t i = 0; i < s.n_items; i++)
        if (s.items[i].at <= s.now) {
            item_t item = s.items[i];
            memmove (&s.items[i], &s.items[i + 1], (--s.n_items - i) * sizeof item);
            i--;
            s_item_due (&item);
        }
}

static void s_tick (void)
{
    for (uint32_t i = 0; i <= 2 * s.f; i++)
        if (txc_replica_next_ms (s.replicas[i]) <= s_ms())
            s_replica_step (i, (txc_event_t){.type = TXC_EVENT_TICK});
    for (uint32_t i = 0; i < s.n; i++)
        if (txc_agent_next_ms (s.agents[i]) <= s_ms())
            s_agent_step (i, (txc_agent_event_t){.type = TXC_AGENT_TICK});
    if (txc_session_next_ms (s.session) <= s_ms())
        s_session_step ((txc_session_event_t){.op = TXC_OP_TICK});
}

/* Everything that is due at the next moment; what arrives first, then disks, then what waits for a round. */
static void s_turn (void)
{
    s.now = s_next();
    for (uint32_t i = 0; i < s.n_mail; i++)
        if (s.mail[i]->at <= s.now) {
            mail_t *mail = s.mail[i];
            memmove (&s.mail[i], &s.mail[i + 1], (--s.n_mail - i) * sizeof mail);
            i--;
            s_deliver (mail);
        }
    s_work_through();
    for (uint32_t i = 0; i <= 2 * s.f; i++)
        if ((s.disks[i].sync_at && s.disks[i].sync_at <= s.now) ||
            (s.disks[i].lazy_at && s.disks[i].lazy_at <= s.now))
            s_disk_due (i);
    s_tick();
}

static void s_pass (uint64_t ms)
{
    uint64_t until = s.now + ms * MS;
    while (s_next() <= until)
        s_turn();
    s.now = until;
}

/* An operation of the application, run to its end (or ten seconds). */
static int s_do (txc_session_event_t event, uint64_t *tx)
{
    event.operation = ++s.operation;
    s.codes[event.operation] = TXC_PENDING;
    uint64_t until = s.now + 10000 * MS, handle = s_session_step (event);
    if (tx)
        *tx = handle;
    while (s.codes[event.operation] == TXC_PENDING && s.now < until)
        s_turn();
    return s.codes[event.operation];
}

/* --- a run --------------------------------------------------------------------------------------------- */

static void s_open (uint32_t n, uint32_t f)
{
    memset (&s, 0, sizeof s);
    s.n = n;
    s.f = f;
    txc_replica_config_t replica = {.new_cluster = 0xc1,
                                    .codec = &txc_record_codec,
                                    .n_members = 2 * f + 1,
                                    .guard_ms = UINT32_MAX,
                                    .retry_ms = 2000,
                                    .retry_max_ms = 5000,
                                    .election_ms = 1000,
                                    .heartbeat_ms = 200};
    txc_agent_config_t agent = {.codec = &txc_journal_codec, .n_rms = 1, .n_coordinators = 2 * f + 1};
    txc_session_config_t session = {
        .nonce = 0x5e55, .seed = 5, .retry_ms = 2000, .n_coordinators = 2 * f + 1};
    for (uint32_t i = 0; i <= 2 * f; i++) {
        replica.members[i].id = i + 1;
        s_name ('r', i, replica.members[i].endpoint, sizeof replica.members[i].endpoint);
        memcpy (agent.coordinators[i], replica.members[i].endpoint, sizeof agent.coordinators[i]);
        memcpy (session.coordinators[i], replica.members[i].endpoint, sizeof session.coordinators[i]);
    }
    s.session = txc_session_new (&session);
    for (uint32_t i = 0; i <= 2 * f; i++) {
        replica.id = i + 1;
        replica.seed = 7 + i;
        replica.new_disk = 0xd1 + i;
        memcpy (replica.endpoint, replica.members[i].endpoint, sizeof replica.endpoint);
        s.replicas[i] = txc_replica_new (&replica);
    }
    for (uint32_t i = 0; i < n; i++) {
        s_name ('a', i, agent.name, sizeof agent.name);
        s_name ('a', i, agent.endpoint, sizeof agent.endpoint);
        s_name ('b', i, agent.rms[0].name, sizeof agent.rms[0].name);
        agent.rms[0].detaches = true;
        agent.incarnation = 0xa0 + i;
        agent.seed = 3 + i;
        s.agents[i] = txc_agent_new (&agent);
    }
    for (uint32_t i = 0; i <= 2 * f; i++)
        s_replica_step (i, (txc_event_t){.type = TXC_EVENT_START});
    for (uint32_t i = 0; i < n; i++)
        s_agent_step (i, (txc_agent_event_t){.type = TXC_AGENT_START});
    s_pass (20000);
}

static void s_close (void)
{
    txc_session_destroy (&s.session);
    for (uint32_t i = 0; i <= 2 * s.f; i++)
        txc_replica_destroy (&s.replicas[i]);
    for (uint32_t i = 0; i < s.n; i++)
        txc_agent_destroy (&s.agents[i]);
    for (uint32_t i = 0; i < s.n_mail; i++) {
        txc_blob_destroy (&s.mail[i]->message.body);
        free (s.mail[i]);
    }
}

static bool s_prepare (unsigned mode, uint64_t *tx)
{
    char rm[16];
    txc_blob_t *body = txc_blob_new ("x", 1);
    bool good = s_do ((txc_session_event_t){.op = TXC_OP_OPEN}, NULL) == TXC_OK;
    good = good && s_do ((txc_session_event_t){.op = TXC_OP_BEGIN,
                                               .mode = (uint8_t) mode,
                                               .timeout_ms = 60000,
                                               .flags = TXC_FLAG_DECISION_LOGGED},
                         tx) == TXC_OK;
    for (uint32_t i = 0; i < s.n && good; i++)
        good = s_do (
                   (txc_session_event_t){
                       .op = TXC_OP_EXEC, .tx = *tx, .rm = s_name ('b', i, rm, sizeof rm), .body = body},
                   NULL) == TXC_OK;
    txc_blob_destroy (&body);
    s_pass (1000); /* guards and the like are on record, and on every disk */
    return good;
}

static void s_split (uint64_t elapsed, uint32_t *delays, uint32_t *writes)
{
    *delays = (uint32_t) (elapsed / DELAY);
    *writes = (uint32_t) (elapsed % DELAY / WRITE);
}

bool sim_count_run (unsigned mode, uint32_t n, uint32_t f, sim_count_t *count)
{
    uint64_t tx = 0;
    memset (count, 0, sizeof *count);
    s_open (n, f);
    s.count = count;
    bool good = s_prepare (mode, &tx);
    s.counting = true;
    s.began = s.now;
    good = good && s_do ((txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx}, NULL) == TXC_OK;
    s.told_at = s.now;
    s_pass (5000);
    good = good && s.commit_at;
    s_split (s.told_at - s.began, &count->told_delays, &count->told_writes);
    s_split (s.commit_at - s.began, &count->commit_delays, &count->commit_writes);
    count->messages = s.received;
    count->frames = s.frames;
    count->writes = s.writes;
    s_close();
    return good;
}

int sim_count_print (void)
{
    static const unsigned modes[] = {TXC_MODE_2PC, TXC_MODE_3PC, TXC_MODE_PAXOS};
    static const uint32_t branches[] = {2, 5, 10};
    bool good = true;
    printf ("%-6s %3s %2s | %9s %6s | %9s %6s | %8s %6s %6s | %8s %6s\n", "mode", "N", "F", "to client",
            "writes", "to commit", "writes", "messages", "frames", "writes", "in all", "writes");
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++)
        for (size_t b = 0; b < sizeof branches / sizeof *branches && txc_mode_is_served (modes[m]); b++)
            for (uint32_t f = 0; f <= 2; f++) {
                sim_count_t c;
                bool ok = sim_count_run (modes[m], branches[b], f, &c);
                good = good && ok;
                printf ("%-6s %3u %2u | %9u %6u | %9u %6u | %8u %6u %6u | %8u %6u%s\n",
                        txc_mode_name (modes[m]), branches[b], f, c.told_delays, c.told_writes,
                        c.commit_delays, c.commit_writes, c.messages, c.frames, c.writes, c.all_messages,
                        c.all_writes, ok ? "" : "  DID NOT COMMIT");
            }
    return good ? 0 : 1;
}
