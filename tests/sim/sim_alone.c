/*
 * The members of one three-phase commit among themselves.
 *
 * The whole simulation (sim_run.c) has so much else to do that few seeds have
 * two terminators overtake each other.  Here nothing else happens: four or
 * five agents have voted, the leader has sent PreCommit to some and is gone
 * with its group; then agents are cut off, stopped, killed and restarted while
 * they terminate.  Their cores are the real ones.  What must hold: no two
 * branches end differently, and once everything is healed all of them end.
 */
#include "sim_alone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "core/txc_agent.h"
#include "core/txc_mutant.h"
#include "core/txc_quorum.h"
#include "sim_trace.h"
#include "wire/txc_codec.h"

enum {
    PEERS_MAX = 5,
    MAILS_MAX = 128,
    STEPS = 600, /* at least, and three times as many at most */
    HEALED_STEPS = 30000,
    ROUTE = 1000, /* and the index of the peer that asks */
    CLUSTER = 7,
    SESSION = 5
};

typedef struct s_mail {
    txc_msg_t message;
    txc_branch_ref_t branches[PEERS_MAX];
    uint32_t from, to;
} s_mail_t;

typedef struct s_entry {
    txc_jrec_t record;
    uint64_t slot;
} s_entry_t;

typedef struct s_peer {
    txc_agent_t *core;
    txc_agent_config_t config;
    uint64_t now_ms, token;
    bool cut, prepared;
    uint8_t ended; /* TXC_VOTE_YES: committed; TXC_VOTE_NO: rolled back */
    s_entry_t *journal;
    size_t n_journal, n_durable, max_journal;
    size_t cut_at; /* what lies before goes once all is durable; 0: no checkpoint is under way */
} s_peer_t;

typedef struct s_alone {
    uint64_t random;
    bool trace, healed, restarting;
    bool hunting; /* whoever knows the end is cut off, always, and few messages are lost otherwise */
    bool holding; /* who attempts something may be cut off, and what it said comes late instead of never */
    uint32_t slowness; /* of disks */
    uint32_t n;
    txc_gtrid_t gtrid;
    s_peer_t peers[PEERS_MAX];
    s_mail_t mails[MAILS_MAX];
    uint32_t n_mails;
    char *text; /* of the first violation */
    size_t size;
} s_alone_t;

static uint32_t s_below (s_alone_t *self, uint32_t n)
{
    return (uint32_t) (txc_random_next (&self->random) % n);
}

static void s_violation (s_alone_t *self, const char *text)
{
    if (!self->text[0])
        snprintf (self->text, self->size, "%s", text);
}

/* --- what an agent's step brings about --------------------------------------------------- */

static void s_step (s_alone_t *self, s_peer_t *peer, txc_agent_event_t event);

/* What a member says is final is how every member ends. */
static void s_check_word (s_alone_t *self, const txc_msg_t *message)
{
    bool final = message->type == TXC_MSG_DECIDED ||
                 (message->type == TXC_MSG_MEMBER_STATE && message->flags & TXC_FLAG_FINAL);
    for (uint32_t i = 0; final && i < self->n; i++)
        if (self->peers[i].ended && self->peers[i].ended != message->vote)
            s_violation (self, "torn: one member has ended, another one tells the contrary");
}

/* It is cut off, and everybody else is back. */
static void s_isolate (s_alone_t *self, const s_peer_t *peer)
{
    for (uint32_t i = 0; i < self->n; i++)
        self->peers[i].cut = &self->peers[i] == peer;
}

static void s_mail (s_alone_t *self, s_peer_t *peer, const txc_msg_t *message)
{
    s_check_word (self, message);
    const char *endpoint = txc_agent_peer (peer->core, message->route);
    uint32_t from = (uint32_t) (peer - self->peers), to = PEERS_MAX;
    if (endpoint)
        to = (uint32_t) strtoul (endpoint, NULL, 10);
    else if (message->route >= ROUTE && message->route < ROUTE + PEERS_MAX)
        to = (uint32_t) (message->route - ROUTE);
    if (to >= self->n || self->n_mails == MAILS_MAX || message->n_branches > PEERS_MAX)
        return; /* to the group; or one more is lost */
    if (self->holding && message->type == TXC_MSG_PRE_DECIDE && !self->healed && s_below (self, 8) == 0)
        s_isolate (self, peer);
    s_mail_t *mail = &self->mails[self->n_mails++];
    mail->message = *message;
    mail->message.error = NULL;
    mail->message.body = NULL;
    mail->message.entries = NULL;
    mail->message.n_entries = 0;
    if (message->n_branches > 0)
        memcpy (mail->branches, message->branches, message->n_branches * sizeof mail->branches[0]);
    mail->from = from;
    mail->to = to;
}

static void s_end (s_alone_t *self, s_peer_t *peer, uint8_t how)
{
    peer->ended = how;
    if (!self->healed && (self->hunting || s_below (self, 2)))
        s_isolate (self, peer);
    if (self->trace)
        printf ("peer %u %s\n", (unsigned) (peer - self->peers),
                how == TXC_VOTE_YES ? "COMMITS" : "ROLLS BACK");
    for (uint32_t i = 0; i < self->n; i++)
        if (self->peers[i].ended && self->peers[i].ended != how)
            s_violation (self, "torn: one member commits, another one rolls back");
}

static void s_work (s_alone_t *self, s_peer_t *peer, const txc_work_t *work)
{
    txc_work_done_t done = {.op = work->op, .rm = work->rm, .branch = work->branch, .scan = work->scan};
    txc_found_t found = {.gtrid = self->gtrid, .token = peer->token};
    switch (work->op) {
    case TXC_WORK_UNPIN:
    case TXC_WORK_CANCEL:
        return;
    case TXC_WORK_PREPARE:
        peer->prepared = true;
        break;
    case TXC_WORK_RECOVER:
    case TXC_WORK_SCAN:
        strcpy (done.identity, "1 1");
        done.found = &found;
        done.n_found = peer->prepared && !peer->ended;
        break;
    case TXC_WORK_COMMIT:
    case TXC_WORK_ROLLBACK:
        if (!peer->ended)
            s_end (self, peer, work->op == TXC_WORK_COMMIT ? TXC_VOTE_YES : TXC_VOTE_NO);
        break;
    case TXC_WORK_FENCE_AND_LOOK:
        done.status = peer->prepared && !peer->ended ? TXC_WORK_OK : TXC_WORK_ABSENT;
        break;
    case TXC_WORK_EVIDENCE:
        done.status = peer->ended == TXC_VOTE_YES ? TXC_WORK_OK : TXC_WORK_ROLLED_BACK;
        break;
    default:
        break;
    }
    s_step (self, peer, (txc_agent_event_t){.type = TXC_AGENT_WORK_DONE, .done = &done});
}

static void s_write (s_alone_t *self, s_peer_t *peer, const txc_entry_t *entry)
{
    if (peer->n_journal == peer->max_journal) {
        peer->max_journal = peer->max_journal ? 2 * peer->max_journal : 16;
        peer->journal = txc_realloc (peer->journal, peer->max_journal * sizeof *peer->journal);
    }
    s_entry_t *place = &peer->journal[peer->n_journal++];
    txc_journal_codec.decode (entry->bytes, entry->size, &place->record);
    place->slot = entry->number;
    for (uint32_t i = 0; i < self->n; i++)
        if (place->record.kind == TXC_JOURNAL_MEMBER && place->record.flags & TXC_MEMBER_FINAL &&
            self->peers[i].ended && self->peers[i].ended != place->record.vote)
            s_violation (self, "torn: one member has ended, the journal of another one says the contrary");
}

static void s_step (s_alone_t *self, s_peer_t *peer, txc_agent_event_t event)
{
    txc_update_t update;
    txc_update_init (&update);
    event.now_ms = peer->now_ms;
    txc_agent_step (peer->core, &event, &update);
    for (uint32_t i = 0; i < update.n_entries; i++)
        s_write (self, peer, &update.entries[i]);
    for (uint32_t i = 0; i < update.n_messages; i++) {
        if (update.messages[i].type == TXC_MSG_EXEC_REPLY)
            peer->token = update.messages[i].token;
        s_mail (self, peer, &update.messages[i]);
    }
    for (uint32_t i = 0; i < update.n_work; i++) {
        s_work (self, peer, &update.work[i]);
        txc_blob_destroy (&update.work[i].body);
    }
    update.n_work = 0;
    txc_update_clear (&update);
    txc_update_fini (&update);
}

/* --- what happens to an agent ---------------------------------------------------------------- */

static void s_sync (s_alone_t *self, s_peer_t *peer)
{
    if (peer->n_durable == peer->n_journal)
        return;
    if (peer->cut_at) {
        peer->n_journal -= peer->cut_at;
        memmove (peer->journal, peer->journal + peer->cut_at, peer->n_journal * sizeof *peer->journal);
        peer->cut_at = 0;
    }
    peer->n_durable = peer->n_journal;
    s_step (
        self, peer,
        (txc_agent_event_t){.type = TXC_AGENT_JOURNALED, .slot = peer->journal[peer->n_journal - 1].slot});
}

/* The journal is written anew, and what lies before goes with the next sync. */
static void s_checkpoint (s_alone_t *self, s_peer_t *peer)
{
    txc_update_t update;
    if (peer->cut_at || peer->n_journal == 0)
        return;
    if (self->trace)
        printf ("peer %u writes its journal anew\n", (unsigned) (peer - self->peers));
    txc_update_init (&update);
    peer->cut_at = peer->n_journal;
    txc_agent_checkpoint (peer->core, &update);
    for (uint32_t i = 0; i < update.n_entries; i++)
        s_write (self, peer, &update.entries[i]);
    txc_update_clear (&update);
    txc_update_fini (&update);
}

static void s_tell (s_alone_t *self, s_peer_t *peer, txc_msg_t message)
{
    message.epoch = (txc_epoch_t){1, 1};
    s_step (self, peer, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .message = &message});
}

static void s_tick (s_alone_t *self, s_peer_t *peer, uint64_t at_most_ms)
{
    uint64_t next = txc_agent_next_ms (peer->core);
    if (next > peer->now_ms)
        peer->now_ms = next < peer->now_ms + at_most_ms ? next : peer->now_ms + at_most_ms;
    s_step (self, peer, (txc_agent_event_t){.type = TXC_AGENT_TICK});
}

static void s_start (s_alone_t *self, s_peer_t *peer)
{
    peer->config.incarnation = txc_random_next (&self->random) | 1;
    peer->config.seed = txc_random_next (&self->random);
    peer->core = txc_agent_new (&peer->config);
    uint64_t slot = 0;
    for (size_t i = 0; i < peer->n_journal; i++) {
        uint8_t bytes[TXC_RECORD_MAX];
        size_t size = txc_journal_codec.encode (&peer->journal[i].record, bytes);
        txc_agent_replay (peer->core, bytes, size);
        peer->journal[i].slot = ++slot; /* as the core counts them */
    }
    s_step (self, peer, (txc_agent_event_t){.type = TXC_AGENT_START});
}

/* What was not synced may be lost. */
static void s_restart (s_alone_t *self, s_peer_t *peer)
{
    if (self->trace)
        printf ("peer %u is killed\n", (unsigned) (peer - self->peers));
    txc_agent_destroy (&peer->core);
    if (s_below (self, 2))
        peer->n_journal = peer->n_durable;
    peer->n_durable = peer->n_journal;
    peer->cut_at = 0;
    s_start (self, peer);
}

/* Registers at a leader, runs a statement, prepares and votes. */
static void s_take_part (s_alone_t *self, s_peer_t *peer)
{
    txc_msg_t welcome = {.type = TXC_MSG_AGENT_WELCOME, .cluster = CLUSTER, .high_slot = 10};
    s_start (self, peer);
    for (int i = 0; i < 2; i++) {
        s_tell (self, peer, welcome);
        s_sync (self, peer);
    }
    s_tick (self, peer, 0);
    txc_msg_t exec = {.type = TXC_MSG_EXEC, .gtrid = self->gtrid, .origin = 1, .seq = 1};
    exec.incarnation = peer->config.incarnation;
    exec.timeout_ms = 1000;
    memcpy (exec.rm, peer->config.rms[0].name, sizeof exec.rm);
    exec.body = txc_blob_new ("x", 1);
    for (int i = 0; i < 2; i++) { /* the first time the journal has no number yet */
        s_tell (self, peer, exec);
        s_sync (self, peer);
    }
    txc_blob_destroy (&exec.body);
}

static void s_vote (s_alone_t *self, s_peer_t *peer)
{
    txc_branch_ref_t members[PEERS_MAX] = {0};
    for (uint32_t i = 0; i < self->n; i++) {
        const s_peer_t *other = &self->peers[i];
        memcpy (members[i].rm, other->config.rms[0].name, sizeof members[i].rm);
        memcpy (members[i].endpoint, other->config.endpoint, sizeof members[i].endpoint);
        members[i].token = other->token;
    }
    txc_msg_t prepare = {.type = TXC_MSG_PREPARE, .gtrid = self->gtrid, .token = peer->token, .count = 1};
    prepare.branches = members;
    prepare.n_branches = self->n;
    memcpy (prepare.rm, peer->config.rms[0].name, sizeof prepare.rm);
    s_tell (self, peer, prepare);
    s_sync (self, peer);
}

static void s_precommit (s_alone_t *self, s_peer_t *peer)
{
    txc_msg_t message = {.type = TXC_MSG_PRE_DECIDE, .gtrid = self->gtrid, .token = peer->token};
    message.stamp = TXC_NUMBER_FIRST;
    message.vote = TXC_VOTE_YES;
    memcpy (message.rm, peer->config.rms[0].name, sizeof message.rm);
    if (self->trace)
        printf ("peer %u hears PreCommit\n", (unsigned) (peer - self->peers));
    s_tell (self, peer, message);
    s_sync (self, peer);
}

/* --- the run ------------------------------------------------------------------------------------ */

static bool s_is_cut (const s_alone_t *self, const s_mail_t *mail)
{
    return self->peers[mail->from].cut || self->peers[mail->to].cut;
}

static void s_hand_over (s_alone_t *self, s_mail_t *mail)
{
    if (self->trace) {
        char text[SIM_TEXT_MAX];
        printf ("peer %u <- %u %s\n", mail->to, mail->from, sim_show_message (&mail->message, text));
    }
    mail->message.branches = mail->branches;
    mail->message.route = ROUTE + mail->from;
    s_peer_t *peer = &self->peers[mail->to];
    s_step (self, peer, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .message = &mail->message});
    /* The worst moment for a checkpoint: something is on its way to the disk, and was overtaken. */
    bool overtaken = mail->message.type == TXC_MSG_DECIDED && peer->n_durable < peer->n_journal;
    if (overtaken && s_below (self, 2))
        s_checkpoint (self, peer);
}

static void s_take_out (s_alone_t *self, uint32_t i)
{
    memmove (&self->mails[i], &self->mails[i + 1], (--self->n_mails - i) * sizeof self->mails[0]);
}

/* One message that is under way: delivered, delivered twice, or lost; most come early, some very late. */
static void s_deliver (s_alone_t *self)
{
    if (self->n_mails == 0)
        return;
    uint32_t i = s_below (self, 3) ? 0 : s_below (self, self->n_mails);
    while (self->holding && i + 1 < self->n_mails && s_is_cut (self, &self->mails[i]))
        i++;
    s_mail_t mail = self->mails[i];
    bool lost = s_is_cut (self, &mail);
    if (lost && (self->holding ? s_below (self, 8) != 0 : s_below (self, 4) == 0))
        return; /* it is held back */
    bool sure = self->healed || self->hunting;
    if (sure || s_below (self, 10) != 0)
        s_take_out (self, i);
    if (!lost && (sure || s_below (self, 12) != 0))
        s_hand_over (self, &mail);
}

static void s_something (s_alone_t *self)
{
    s_peer_t *peer = &self->peers[s_below (self, self->n)];
    uint32_t dice = s_below (self, 100);
    if (dice < 50)
        s_deliver (self);
    else if (dice < 75) {
        if (self->healed || s_below (self, self->slowness) == 0)
            s_sync (self, peer);
    } else if (dice < 93 || self->healed)
        s_tick (self, peer, 400);
    else if (dice < 95)
        s_checkpoint (self, peer);
    else if (dice < 96 && self->restarting && (!self->hunting || s_below (self, 4) == 0))
        s_restart (self, peer);
    else if (dice < 98)
        peer->cut = self->hunting ? peer->cut : s_below (self, 2);
    else
        peer->now_ms += 2000;
}

static void s_join (s_alone_t *self, uint32_t i, bool timers)
{
    s_peer_t *peer = &self->peers[i];
    peer->config = (txc_agent_config_t){.codec = &txc_journal_codec, .n_rms = 1, .terminate_ms = 500};
    peer->config.inquiry_ms = 200;
    peer->config.timers_end = timers;
    snprintf (peer->config.name, sizeof peer->config.name, "agent-%u", i);
    snprintf (peer->config.endpoint, sizeof peer->config.endpoint, "%u", i);
    snprintf (peer->config.rms[0].name, sizeof peer->config.rms[0].name, "pg%u", i);
    peer->config.rms[0].detaches = true;
    s_take_part (self, peer);
}

static void s_build (s_alone_t *self)
{
    self->n = 4 + s_below (self, 2); /* so that with the group gone one more can be spared */
    self->restarting = s_below (self, 2);
    self->hunting = s_below (self, 2);
    self->holding = s_below (self, 3) == 0;
    self->slowness = s_below (self, 3) ? 1 : 5;
    self->gtrid = (txc_gtrid_t){CLUSTER, SESSION, 1, TXC_MODE_3PC};
    for (uint32_t i = 0; i < self->n; i++)
        s_join (self, i, false);
    for (uint32_t i = 0; i < self->n; i++)
        s_vote (self, &self->peers[i]);
    uint32_t told = self->hunting ? 1 : s_below (self, self->n + 1);
    for (uint32_t i = 0; i < told; i++)
        s_precommit (self, &self->peers[i]);
    self->n_mails = 0;
    if (self->hunting ? !self->holding : s_below (self, 2))
        s_isolate (self, &self->peers[0]);
}

static bool s_is_over (const s_alone_t *self)
{
    for (uint32_t i = 0; i < self->n; i++)
        if (!self->peers[i].ended)
            return false;
    return true;
}

static void s_close (s_alone_t *self)
{
    for (uint32_t i = 0; i < self->n; i++) {
        txc_agent_destroy (&self->peers[i].core);
        free (self->peers[i].journal);
    }
    free (self);
}

bool sim_alone_run (uint64_t seed, bool trace, char *text, size_t size)
{
    s_alone_t *self = txc_calloc (1, sizeof *self);
    self->random = txc_mix64 (seed);
    self->trace = trace;
    self->text = text;
    self->size = size;
    text[0] = '\0';
    s_build (self);
    for (uint32_t i = 0, n = STEPS + s_below (self, 2 * STEPS); i < n && !text[0] && !s_is_over (self); i++)
        s_something (self);
    if (trace)
        printf ("everybody is connected\n");
    self->healed = true;
    for (uint32_t i = 0; i < self->n; i++)
        self->peers[i].cut = false;
    for (int i = 0; i < HEALED_STEPS && !text[0] && !s_is_over (self); i++)
        s_something (self);
    if (!text[0] && !s_is_over (self))
        s_violation (self, "in-doubt-for-ever: all members are connected, not all of them end");
    s_close (self);
    return !text[0];
}

/* --- schedules by name ------------------------------------------------------------------------- */

/* Time passes for everybody at once; what is sent arrives, unless one of the two is cut off. */
static void s_pass (s_alone_t *self, uint64_t ms)
{
    for (uint64_t until = self->peers[0].now_ms + ms; self->peers[0].now_ms < until;)
        for (uint32_t i = 0; i < self->n; i++) {
            self->peers[i].now_ms += 50;
            s_step (self, &self->peers[i], (txc_agent_event_t){.type = TXC_AGENT_TICK});
            s_sync (self, &self->peers[i]);
            while (self->n_mails > 0) {
                s_mail_t mail = self->mails[0];
                s_take_out (self, 0);
                if (!s_is_cut (self, &mail))
                    s_hand_over (self, &mail);
            }
        }
}

static void s_decided (s_alone_t *self, s_peer_t *peer)
{
    txc_msg_t message = {.type = TXC_MSG_PHASE2_COMMIT, .gtrid = self->gtrid, .token = peer->token};
    memcpy (message.rm, peer->config.rms[0].name, sizeof message.rm);
    s_tell (self, peer, message);
}

int sim_alone_schedule (const char *name, bool timers, bool trace, char *text, size_t size)
{
    bool partition = strcmp (name, "partition") == 0;
    if (!partition && strcmp (name, "leader-dies") != 0)
        return -1;
    s_alone_t *self = txc_calloc (1, sizeof *self);
    *self = (s_alone_t){.n = 2, .trace = trace, .text = text, .size = size, .healed = true};
    self->gtrid = (txc_gtrid_t){CLUSTER, SESSION, 1, TXC_MODE_3PC};
    text[0] = '\0';
    for (uint32_t i = 0; i < self->n; i++)
        s_join (self, i, timers);
    for (uint32_t i = 0; i < self->n; i++)
        s_vote (self, &self->peers[i]);
    s_precommit (self, &self->peers[0]); /* the other one's does not come */
    if (partition) {                     /* with the group it is a majority: it is decided */
        self->peers[1].cut = true;
        s_decided (self, &self->peers[0]);
    }
    s_pass (self, 20000);
    self->peers[1].cut = false;
    s_pass (self, 120000);
    if (!text[0] && !s_is_over (self))
        s_violation (self, "in-doubt-for-ever: all members are connected, not all of them end");
    s_close (self);
    return text[0] != '\0';
}
