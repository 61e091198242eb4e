/* Groups of replicas without faults of the network: growing, shrinking, handing over, a lost disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/txc_mem.h"
#include "core/txc_paxos_private.h"
#include "core/txc_replica_private.h"
#include "wire/txc_codec.h"

enum { REPLICAS = 5, MAIL = 4096, CLIENT = 1 };

typedef struct mail {
    uint32_t to;
    txc_msg_t message;
    txc_member_t members[TXC_REPLICAS_MAX];
} mail_t;

/* Replicas by number; entries are durable as soon as they are given out, unless the disks are slow. */
static struct {
    uint64_t now_ms;
    txc_replica_t *replicas[REPLICAS + 1];
    bool cut[REPLICAS + 1];
    uint8_t lost[REPLICAS + 1]; /* the type of message that does not come to it; 0: none */
    mail_t *queue[MAIL];
    unsigned head, tail;
    bool slow, no_lease, no_checkpoints, learn_direct;
    bool lazy;                    /* an entry that is not forced waits for the next one that is */
    uint32_t accepted, beats;     /* messages that were sent: PAXOS_ACCEPTED, PAXOS_HEARTBEAT */
    uint32_t hints[REPLICAS + 1]; /* entries that say what is chosen */
    uint64_t number;              /* of the last entry that was given out */
    txc_entry_t *log[REPLICAS + 1];
    unsigned logged[REPLICAS + 1];
    uint64_t session; /* of the last SESSION_OPENED */
    uint32_t told;    /* members in it */
    uint32_t news;    /* members in the last SESSION_ALIVE */
    uint32_t heard;   /* messages to the client */
    uint32_t redirected;
} s_world;

static int s_step (uint32_t id, txc_event_t event);

static void s_post (uint32_t to, const txc_msg_t *message)
{
    mail_t *mail = txc_calloc (1, sizeof *mail);
    s_world.accepted += message->type == TXC_MSG_PAXOS_ACCEPTED;
    s_world.beats += message->type == TXC_MSG_PAXOS_HEARTBEAT;
    mail->to = to;
    mail->message = *message;
    mail->message.body = txc_blob_ref (message->body);
    for (uint32_t i = 0; i < message->n_members; i++)
        mail->members[i] = message->members[i];
    mail->message.members = mail->members;
    assert_int_not_equal ((s_world.tail + 1) % MAIL, s_world.head);
    s_world.queue[s_world.tail] = mail;
    s_world.tail = (s_world.tail + 1) % MAIL;
}

static void s_told (const txc_msg_t *message)
{
    s_world.heard++;
    if (message->type == TXC_MSG_SESSION_OPENED && message->code == TXC_OK) {
        s_world.session = message->session;
        s_world.told = message->n_members;
    }
    if (message->type == TXC_MSG_SESSION_ALIVE)
        s_world.news = message->n_members;
    if (message->type == TXC_MSG_NOT_LEADER)
        s_world.redirected = message->replica;
}

static void s_log (uint32_t id, const txc_entry_t *entry)
{
    unsigned n = s_world.logged[id]++;
    s_world.log[id] = txc_realloc (s_world.log[id], (n + 1) * sizeof *entry);
    s_world.log[id][n] = *entry;
    s_world.log[id][n].bytes = txc_malloc (entry->size + 1);
    memcpy (s_world.log[id][n].bytes, entry->bytes, entry->size);
}

static void s_clear_log (uint32_t id)
{
    while (s_world.logged[id])
        free (s_world.log[id][--s_world.logged[id]].bytes);
    free (s_world.log[id]);
    s_world.log[id] = NULL;
}

static int s_step (uint32_t id, txc_event_t event)
{
    txc_update_t update;
    uint64_t number = 0, slot = 0;
    txc_update_init (&update);
    event.now_ms = event.wall_ms = s_world.now_ms;
    int rc = txc_replica_step (s_world.replicas[id], &event, &update);
    for (uint32_t i = 0; i < update.n_entries; i++)
        if (update.entries[i].forced || !s_world.lazy)
            number = update.entries[i].number;
    for (uint32_t i = 0; i < update.n_messages; i++) {
        const txc_msg_t *message = &update.messages[i];
        if (message->route == CLIENT)
            s_told (message);
        else
            s_post ((uint32_t) message->route, message);
    }
    for (uint32_t i = 0; i < update.n_entries; i++) {
        s_world.hints[id] += update.entries[i].form == TXC_ENTRY_CHOSEN;
        s_log (id, &update.entries[i]);
    }
    bool checkpoint = update.checkpoint && !s_world.no_checkpoints;
    txc_update_fini (&update);
    if (number)
        s_world.number = number;
    if (number && !s_world.slow)
        s_step (id, (txc_event_t){.type = TXC_EVENT_DURABLE, .number = number});
    if (checkpoint) {
        size_t size;
        free (txc_replica_snapshot (s_world.replicas[id], &size, &slot));
        s_step (id, (txc_event_t){.type = TXC_EVENT_CHECKPOINTED, .slot = slot});
    }
    return rc;
}

static bool s_deliver_one (void)
{
    if (s_world.head == s_world.tail)
        return false;
    mail_t *mail = s_world.queue[s_world.head];
    s_world.head = (s_world.head + 1) % MAIL;
    uint32_t from = mail->message.replica, to = mail->to;
    bool known = to <= REPLICAS && from <= REPLICAS && s_world.replicas[to];
    if (known && !s_world.cut[to] && !s_world.cut[from] && s_world.lost[to] != mail->message.type)
        s_step (to, (txc_event_t){.type = TXC_EVENT_MESSAGE, .message = &mail->message});
    txc_blob_destroy (&mail->message.body);
    free (mail);
    return true;
}

static void s_deliver (void)
{
    while (s_deliver_one()) {}
}

static void s_tick (void)
{
    for (uint32_t id = 1; id <= REPLICAS; id++)
        if (s_world.replicas[id] && txc_replica_next_ms (s_world.replicas[id]) <= s_world.now_ms)
            s_step (id, (txc_event_t){.type = TXC_EVENT_TICK});
}

static void s_pass (uint64_t ms)
{
    for (uint64_t until = s_world.now_ms + ms; s_world.now_ms < until; s_world.now_ms += 5) {
        s_tick();
        s_deliver();
    }
}

static txc_replica_t *s_new (uint32_t id, uint32_t members)
{
    txc_replica_config_t config = {.id = id,
                                   .seed = 77 + id,
                                   .new_cluster = members ? 0xc1u : 0,
                                   .new_disk = (uint64_t) rand() << 8 | id,
                                   .n_members = members ? members : 3,
                                   .keep_bytes = 1000,
                                   .snapshot_chunk = 200,
                                   .no_lease = s_world.no_lease,
                                   .learn_direct = s_world.learn_direct,
                                   .codec = &txc_record_codec};
    snprintf (config.endpoint, sizeof config.endpoint, "tcp://replica:%u", id);
    for (uint32_t i = 0; i < config.n_members; i++) {
        config.members[i].id = i + 1;
        snprintf (config.members[i].endpoint, sizeof config.members[i].endpoint, "tcp://replica:%u", i + 1);
    }
    return txc_replica_new (&config);
}

/* members: of a new group; 0: it begins on an empty disk and asks to join those of the first three numbers.
 */
static void s_start (uint32_t id, uint32_t members)
{
    txc_replica_destroy (&s_world.replicas[id]);
    s_clear_log (id);
    s_world.replicas[id] = s_new (id, members);
    s_step (id, (txc_event_t){.type = TXC_EVENT_START});
    s_deliver();
}

/* It comes back with all that it had written down; it must have had no snapshot of another. */
static void s_restart (uint32_t id, uint32_t members)
{
    assert_int_equal (s_world.replicas[id]->paxos->installed, 0);
    txc_replica_destroy (&s_world.replicas[id]);
    s_world.replicas[id] = s_new (id, members);
    for (unsigned i = 0; i < s_world.logged[id]; i++)
        assert_int_equal (txc_replica_replay (s_world.replicas[id], &s_world.log[id][i]), TXC_OK);
    s_step (id, (txc_event_t){.type = TXC_EVENT_START});
}

static txc_replica_status_t s_status (uint32_t id)
{
    txc_replica_status_t status;
    txc_replica_status (s_world.replicas[id], &status);
    return status;
}

static uint32_t s_leader (void)
{
    uint32_t leader = 0;
    for (uint32_t id = 1; id <= REPLICAS; id++)
        if (s_world.replicas[id] && s_status (id).leading && (s_status (id).has_lease || s_world.no_lease)) {
            assert_int_equal (leader, 0);
            leader = id;
        }
    return leader;
}

/* A session opened through this replica; 0: it did not answer. */
static uint64_t s_open (uint32_t id)
{
    static uint64_t nonce = 1;
    s_world.session = 0;
    s_step (id, (txc_event_t){.type = TXC_EVENT_MESSAGE,
                              .message = &(txc_msg_t){
                                  .type = TXC_MSG_SESSION_OPEN, .nonce = nonce++, .route = CLIENT}});
    s_deliver();
    s_pass (100);
    return s_world.session;
}

static void s_assert_equal_states (uint32_t a, uint32_t b)
{
    txc_replica_status_t x = s_status (a), y = s_status (b);
    assert_true (x.applied_slot == y.applied_slot);
    assert_true (x.digest == y.digest && x.cluster == y.cluster && x.sessions == y.sessions);
}

static int s_setup (void **state)
{
    (void) state;
    memset (&s_world, 0, sizeof s_world);
    s_world.now_ms = 1000;
    return 0;
}

static int s_teardown (void **state)
{
    (void) state;
    s_deliver();
    for (uint32_t id = 1; id <= REPLICAS; id++) {
        txc_replica_destroy (&s_world.replicas[id]);
        s_clear_log (id);
    }
    return 0;
}

/* A new group of three; its leader. */
static uint32_t s_three (void)
{
    for (uint32_t id = 1; id <= 3; id++)
        s_start (id, 3);
    s_pass (2000);
    uint32_t leader = s_leader();
    assert_int_not_equal (leader, 0);
    return leader;
}

static void three_replicas_elect_one_leader_and_agree (void **state)
{
    (void) state;
    uint32_t leader = s_three(), other = leader % 3 + 1;
    assert_true (s_open (leader) != 0);
    assert_true (s_open (other) == 0);
    assert_int_equal (s_world.redirected, leader);
    s_pass (200);
    s_assert_equal_states (leader, other);
    s_assert_equal_states (leader, other % 3 + 1);
}

static void leader_that_is_cut_off_answers_nobody_and_is_followed (void **state)
{
    (void) state;
    uint32_t old = s_three();
    s_world.cut[old] = true;
    s_pass (400);
    assert_true (s_open (old) == 0);
    s_pass (2000);
    uint32_t leader = s_leader();
    assert_true (leader != 0 && leader != old);
    assert_true (s_open (leader) != 0);
    s_world.cut[old] = false;
    s_pass (1000);
    assert_int_equal (s_leader(), leader);
    s_assert_equal_states (leader, old);
}

static void leadership_is_handed_over_without_an_election_pause (void **state)
{
    (void) state;
    uint32_t old = s_three(), next = old % 3 + 1;
    assert_int_equal (s_step (next, (txc_event_t){.type = TXC_EVENT_TRANSFER}), TXC_ENOTLEADER);
    assert_int_equal (s_step (old, (txc_event_t){.type = TXC_EVENT_TRANSFER, .replica = next}), TXC_OK);
    s_deliver();
    s_pass (100);
    assert_int_equal (s_leader(), next);
    assert_true (s_open (next) != 0);
}

static int s_add (uint32_t leader, uint32_t id)
{
    int rc =
        s_step (leader, (txc_event_t){.type = TXC_EVENT_MEMBER_ADD, .member = &(txc_member_t){.id = id}});
    s_deliver();
    s_pass (500);
    return rc;
}

/* The log of whoever took a snapshot over may hold other values for its slots, which were accepted and never
 * chosen: until the snapshot is durable an entry that says "chosen so far" would be read as speaking of
 * those. */
static void nothing_is_noted_as_chosen_before_the_snapshot_below_it_is_durable (void **state)
{
    (void) state;
    uint32_t leader = s_three(), other = leader % 3 + 1;
    s_world.cut[other] = true;
    for (int i = 0; i < 40; i++)
        assert_true (s_open (leader) != 0);
    s_world.cut[other] = false;
    s_world.no_checkpoints = true;
    uint32_t hints = s_world.hints[other];
    s_pass (3000);
    s_assert_equal_states (leader, other); /* by a snapshot */
    txc_member_t moved = {.id = other, .endpoint = "tcp://elsewhere:1"};
    assert_int_equal (s_step (leader, (txc_event_t){.type = TXC_EVENT_MEMBER_MOVE, .member = &moved}),
                      TXC_OK);
    s_deliver();
    s_pass (500);
    s_assert_equal_states (leader, other);
    assert_int_equal (s_world.hints[other], hints);
    s_step (other, (txc_event_t){.type = TXC_EVENT_CHECKPOINTED, .slot = s_status (other).applied_slot});
    assert_int_equal (s_world.hints[other], hints + 1); /* of the membership that was chosen meanwhile */
}

/* Anybody can claim to be a replica: more of them than there are places, while the open slots have a hole of
 * more than a block. */
static void strangers_beyond_number_do_no_harm (void **state)
{
    (void) state;
    uint32_t follower = s_three() % 3 + 1;
    txc_paxos_t *paxos = s_world.replicas[follower]->paxos;
    txc_paxos_slot_set (paxos, paxos->chosen + 3 * TXC_PAXOS_BLOCK, TXC_REC_NOOP, (const uint8_t *) "x", 1);
    for (uint32_t id = 100; id < 100 + 2 * TXC_PAXOS_PEERS_MAX; id++)
        s_step (follower,
                (txc_event_t){.type = TXC_EVENT_MESSAGE,
                              .message = &(txc_msg_t){.type = TXC_MSG_PAXOS_PREVOTE, .replica = id}});
    assert_int_equal (paxos->n_peers, TXC_PAXOS_PEERS_MAX);
}

/* It would refuse every commit, while others need not. */
static void leader_without_space_hands_over (void **state)
{
    (void) state;
    uint32_t full = s_three(), other = full % 3 + 1, free = other % 3 + 1;
    const txc_event_t low = {.type = TXC_EVENT_SPACE, .low = true};
    s_step (other, low);
    s_pass (100);
    assert_int_equal (s_leader(), full); /* a follower may be full */
    s_step (full, low);
    s_pass (200);
    assert_int_equal (s_leader(), free);
    assert_true (s_open (free) != 0);
    /* elected without space: it does not keep it */
    s_step (free, (txc_event_t){.type = TXC_EVENT_TRANSFER, .replica = full});
    s_pass (300);
    assert_int_equal (s_leader(), free);
    /* nobody has any: leadership does not wander about */
    s_step (free, low);
    s_pass (1000);
    assert_int_equal (s_leader(), free);
}

/* The members that it knows may be members no more, and be all who know who is. */
static void candidate_that_is_behind_learns_from_whom_it_asks (void **state)
{
    (void) state;
    uint32_t leader = s_three(), behind = leader % 3 + 1, other = behind % 3 + 1;
    uint64_t known = s_status (behind).applied_slot;
    s_step (behind, (txc_event_t){.type = TXC_EVENT_MESSAGE,
                                  .message = &(txc_msg_t){.type = TXC_MSG_PAXOS_PREVOTED,
                                                          .replica = other,
                                                          .disk = s_world.replicas[other]->paxos->disk,
                                                          .code = TXC_ENOTREADY,
                                                          .chosen_slot = known + 5}});
    assert_int_equal (s_world.replicas[behind]->paxos->behind, known + 5);
    assert_int_equal (s_world.replicas[behind]->paxos->fetch_from, other);
}

/* Or, restarted, it would listen to another group that has members of the same numbers. */
static void each_member_knows_its_group_before_anything_is_chosen (void **state)
{
    (void) state;
    for (uint32_t id = 1; id <= 3; id++)
        s_start (id, 3);
    for (int i = 0;
         i < 100000 && !s_status (1).applied_slot && !s_status (2).applied_slot && !s_status (3).applied_slot;
         i++)
        if (!s_deliver_one()) {
            s_world.now_ms += 5;
            s_tick();
        }
    assert_true (s_status (1).applied_slot + s_status (2).applied_slot + s_status (3).applied_slot != 0);
    for (uint32_t id = 1; id <= 3; id++)
        assert_int_equal (s_status (id).cluster, 0xc1);
}

/* By a snapshot, too: values that tell of it one by one may not be kept any more. */
static void candidate_whose_snapshot_tells_of_its_removal_does_not_go_on (void **state)
{
    (void) state;
    uint32_t leader = s_three(), gone = leader % 3 + 1, other = gone % 3 + 1;
    const txc_paxos_t *paxos = s_world.replicas[gone]->paxos;
    s_world.cut[gone] = true;
    assert_int_equal (s_step (leader, (txc_event_t){.type = TXC_EVENT_MEMBER_REMOVE, .replica = gone}),
                      TXC_OK);
    s_deliver();
    for (int i = 0; i < 40; i++)
        assert_true (s_open (leader) != 0);
    assert_int_equal (paxos->role, TXC_PAXOS_PREVOTING);
    s_step (gone, (txc_event_t){.type = TXC_EVENT_MESSAGE,
                                .message = &(txc_msg_t){.type = TXC_MSG_PAXOS_PREVOTED,
                                                        .replica = other,
                                                        .disk = s_world.replicas[other]->paxos->disk,
                                                        .code = TXC_OK,
                                                        .chosen_slot = s_status (leader).applied_slot}});
    assert_int_equal (paxos->role, TXC_PAXOS_PREPARING);
    s_world.cut[gone] = false;
    s_pass (1000);
    s_assert_equal_states (leader, gone);
    assert_false (s_status (gone).voter);
    assert_int_equal (paxos->role, TXC_PAXOS_FOLLOWER);
}

static void group_of_one_grows_to_three_and_survives_the_first (void **state)
{
    (void) state;
    s_start (1, 1);
    s_pass (100);
    for (int i = 0; i < 40; i++)
        assert_true (s_open (1) != 0);
    assert_int_equal (s_world.told, 0);             /* a group of one is where it was found */
    assert_int_equal (s_add (1, 2), TXC_ENOTREADY); /* a mistyped number: nobody is there */
    s_start (2, 0);
    s_start (3, 0);
    assert_false (s_status (2).voter);
    s_pass (3000);
    s_assert_equal_states (1, 2); /* by a snapshot in chunks */
    assert_int_equal (s_add (1, 2), TXC_OK);
    assert_true (s_status (2).voter);
    assert_int_equal (s_world.news, 2);
    assert_int_equal (s_add (1, 3), TXC_OK);
    assert_int_equal (s_world.news, 3); /* told, not asked for: the first one may be gone before they ask */
    assert_int_equal (s_status (3).n_members, 3);
    assert_true (s_open (1) != 0);
    assert_int_equal (s_world.told, 3);
    s_world.cut[1] = true;
    s_pass (3000);
    uint32_t leader = s_leader();
    assert_true (leader == 2 || leader == 3);
    assert_true (s_open (leader) != 0);
}

/* Whoever was removed last has gone, and only the log can say so. */
static void group_that_shrank_to_one_leads_itself_after_a_restart (void **state)
{
    (void) state;
    s_start (1, 1);
    s_pass (100);
    s_start (2, 0);
    s_pass (1000);
    assert_int_equal (s_add (1, 2), TXC_OK);
    assert_int_equal (s_step (1, (txc_event_t){.type = TXC_EVENT_MEMBER_REMOVE, .replica = 2}), TXC_OK);
    s_deliver();
    s_pass (100);
    assert_int_equal (s_status (1).n_members, 1);
    s_world.cut[2] = true;
    for (int i = 0; i < 2; i++) {
        uint64_t session = s_open (1);
        assert_true (session != 0 && s_status (1).applied_slot >= session);
        s_restart (1, 1);
        s_pass (1000);
        assert_int_equal (s_status (1).n_members, 1);
        assert_true (s_status (1).applied_slot >= session);
    }
    assert_true (s_open (1) != 0);
}

static void lost_disk_never_votes_and_comes_back_under_a_new_number (void **state)
{
    (void) state;
    uint32_t leader = s_three(), lost = leader % 3 + 1;
    s_start (lost, 0);
    s_pass (3000);
    s_assert_equal_states (leader, lost);
    assert_false (s_status (lost).voter);
    assert_int_equal (s_add (leader, lost), TXC_EINVAL); /* its number is used up */
    s_start (4, 0);
    s_pass (3000);
    leader = s_leader();
    assert_int_equal (s_step (leader, (txc_event_t){.type = TXC_EVENT_MEMBER_REMOVE, .replica = lost}),
                      TXC_OK);
    s_deliver();
    s_pass (500);
    assert_int_equal (s_add (leader, 4), TXC_OK);
    assert_true (s_status (4).voter);
    assert_false (s_status (lost).voter);
    assert_int_equal (s_status (4).n_members, 3);
    s_world.cut[leader] = true; /* the new one counts */
    s_pass (3000);
    assert_int_not_equal (s_leader(), 0);
    assert_true (s_open (s_leader()) != 0 || s_status (leader).leading);
}

static void s_forge (uint32_t to, txc_msg_t message)
{
    s_step (to, (txc_event_t){.type = TXC_EVENT_MESSAGE, .message = &message});
}

static void candidate_that_learns_of_a_higher_barrier_gives_up (void **state)
{
    (void) state;
    uint8_t bytes[TXC_RECORD_MAX];
    txc_rec_t barrier = {.type = TXC_REC_BARRIER, .epoch = {1u << 30, 2}};
    s_start (1, 3); /* the others are not there: what they say is forged */
    s_pass (2000);
    s_forge (1, (txc_msg_t){.type = TXC_MSG_PAXOS_PREVOTED, .replica = 2, .code = TXC_OK});
    s_forge (1, (txc_msg_t){.type = TXC_MSG_PAXOS_PREVOTED, .replica = 3, .code = TXC_OK});
    txc_epoch_t ballot = s_status (1).promised;
    assert_int_equal (ballot.replica, 1);
    txc_paxos_value_t value = {.slot = 1,
                               .ballot = barrier.epoch,
                               .kind = TXC_REC_BARRIER,
                               .chosen = true,
                               .size = (uint32_t) txc_record_codec.encode (&barrier, bytes),
                               .bytes = bytes};
    txc_blob_t *body = txc_blob_new (NULL, txc_paxos_value_size (&value));
    txc_paxos_value_pack (&value, txc_blob_edit (body));
    txc_msg_t promise = {.type = TXC_MSG_PAXOS_PROMISE, .replica = 2, .epoch = ballot, .body = body};
    promise.slot = promise.high_slot = promise.stamp = promise.low = 1;
    s_forge (1, promise);
    txc_blob_destroy (&body);
    s_forge (1,
             (txc_msg_t){.type = TXC_MSG_PAXOS_PROMISE, .replica = 3, .epoch = ballot, .slot = 1, .low = 1});
    assert_int_equal (s_status (1).applied_slot, 1);
    assert_int_equal (s_status (1).leader, 0);
}

/* Tells a replica of one value, as chosen (PAXOS_CHOSEN) or proposed (PAXOS_ACCEPT), in the leader's name. */
static int s_tell_value (uint32_t to, uint32_t leader, txc_msg_type_t type, uint8_t kind, const void *bytes,
                         size_t size)
{
    txc_replica_status_t status = s_status (to);
    txc_paxos_value_t value = {.slot = status.applied_slot + 1,
                               .kind = kind,
                               .chosen = type == TXC_MSG_PAXOS_CHOSEN,
                               .size = (uint32_t) size,
                               .bytes = bytes};
    txc_blob_t *body = txc_blob_new (NULL, txc_paxos_value_size (&value));
    txc_paxos_value_pack (&value, txc_blob_edit (body));
    txc_msg_t message = {.type = (uint8_t) type,
                         .replica = leader,
                         .disk = s_status (leader).disk,
                         .epoch = s_status (leader).epoch,
                         .slot = value.slot,
                         .chosen_slot = value.slot,
                         .body = body};
    int rc = s_step (to, (txc_event_t){.type = TXC_EVENT_MESSAGE, .message = &message});
    txc_blob_destroy (&body);
    assert_int_equal (s_status (to).applied_slot, status.applied_slot);
    return rc;
}

/* One that is of another version, say: what it cannot apply a replica must not take, still less log. */
static void value_that_cannot_be_read_is_refused (void **state)
{
    (void) state;
    uint32_t leader = s_three(), other = leader % 3 + 1;
    static const uint8_t garbage[] = {0xff, 0xff, 0xff};
    uint8_t bytes[TXC_RECORD_MAX];
    txc_rec_t noop = {.type = TXC_REC_NOOP};
    size_t size = txc_record_codec.encode (&noop, bytes);
    static const txc_msg_type_t types[] = {TXC_MSG_PAXOS_CHOSEN, TXC_MSG_PAXOS_ACCEPT};
    for (int i = 0; i < 2; i++) {
        assert_int_equal (s_tell_value (other, leader, types[i], TXC_REC_COMMIT, garbage, sizeof garbage),
                          TXC_EPROTO);
        /* it would be applied as the one, and as a member's list as the other */
        assert_int_equal (s_tell_value (other, leader, types[i], TXC_REC_MEMBERS, bytes, size), TXC_EPROTO);
    }
    assert_true (s_open (leader) != 0);
    s_pass (100);
    s_assert_equal_states (leader, other);
}

/* A snapshot that is not of the slot which the message names, or not as large as it says. */
static void snapshot_of_another_slot_is_refused (void **state)
{
    (void) state;
    uint32_t leader = s_three(), other = leader % 3 + 1;
    size_t size;
    void *bytes = txc_paxos_state_save (s_world.replicas[leader]->paxos, &size);
    txc_blob_t *body = txc_blob_new (bytes, size);
    txc_replica_status_t before = s_status (other);
    txc_msg_t message = {.type = TXC_MSG_PAXOS_SNAPSHOT,
                         .replica = leader,
                         .disk = s_status (leader).disk,
                         .epoch = s_status (leader).epoch,
                         .slot = before.applied_slot + 100,
                         .high_slot = size,
                         .stamp = txc_digest64 (0, bytes, size),
                         .body = body};
    assert_int_equal (s_step (other, (txc_event_t){.type = TXC_EVENT_MESSAGE, .message = &message}),
                      TXC_ECORRUPT);
    assert_true (s_status (other).applied_slot == before.applied_slot);
    assert_true (s_status (other).digest == before.digest);
    /* the same with the slot within, but not that of the sessions' state */
    uint64_t slot = message.slot;
    memcpy (txc_blob_edit (body) + sizeof slot, &slot, sizeof slot); /* behind the magic */
    message.stamp = txc_digest64 (0, txc_blob_data (body), size);
    assert_int_equal (s_step (other, (txc_event_t){.type = TXC_EVENT_MESSAGE, .message = &message}),
                      TXC_ECORRUPT);
    assert_true (s_status (other).applied_slot == before.applied_slot);
    txc_blob_destroy (&body);
    free (bytes);
    assert_true (s_open (leader) != 0);
    s_pass (100);
    s_assert_equal_states (leader, other);
}

/* The commit of a transaction of two branches, whose votes came with their last statements. */
static void s_commit (uint32_t id, uint64_t session)
{
    txc_replica_status_t status = s_status (id);
    txc_branch_ref_t branches[2] = {{.rm = "a", .token = 1}, {.rm = "b", .token = 2}};
    for (int i = 0; i < 2; i++) {
        branches[i].vote = TXC_VOTE_YES;
        branches[i].vote_epoch = status.epoch;
    }
    s_forge (id, (txc_msg_t){
                     .type = TXC_MSG_COMMIT,
                     .route = CLIENT,
                     .gtrid = {.cluster = status.cluster, .session = session, .n = 1, .mode = TXC_MODE_2PC},
                     .branches = branches,
                     .n_branches = 2,
                     .low = 1});
}

static void outcome_of_an_earlier_leadership_tells_nobody_anything (void **state)
{
    (void) state;
    uint8_t bytes[TXC_RECORD_MAX];
    s_start (1, 1);
    s_pass (100);
    uint64_t session = s_open (1);
    txc_replica_t *replica = s_world.replicas[1];
    s_world.slow = true;
    s_commit (1, session);
    uint32_t heard = s_world.heard;
    uint64_t slot = s_status (1).proposed_slot;
    assert_int_equal (slot, s_status (1).applied_slot + 1);
    /* What is chosen there is an Abort that a leader before this one proposed. */
    txc_rec_t abort = {.type = TXC_REC_ABORT, .epoch = {1, 1}, .count = 2};
    abort.gtrid =
        (txc_gtrid_t){.cluster = s_status (1).cluster, .session = session, .n = 1, .mode = TXC_MODE_2PC};
    txc_paxos_slot_set (replica->paxos, slot, TXC_REC_ABORT, bytes,
                        (uint32_t) txc_record_codec.encode (&abort, bytes));
    s_step (1, (txc_event_t){.type = TXC_EVENT_DURABLE, .number = s_world.number});
    assert_int_equal (s_status (1).applied_slot, slot);
    assert_int_equal (s_status (1).voids, 1);
    assert_int_equal (s_world.heard, heard);
}

/* Its folder was emptied, and somebody gave --init once more: it takes itself for a member. */
static void disk_that_was_formatted_again_does_not_vote (void **state)
{
    (void) state;
    uint32_t leader = s_three(), lost = leader % 3 + 1;
    s_world.cut[leader] = true;
    s_start (lost, 3);
    assert_true (s_status (lost).voter);
    s_pass (5000);
    assert_int_equal (s_leader(), 0); /* it would be led by one that knows and one that has forgotten */
    s_world.cut[leader] = false;
    s_pass (3000);
    assert_int_not_equal (s_leader(), 0);
    assert_false (s_status (lost).voter);
}

/* The same before the group's first value has come to everybody: nobody would know the difference. */
static void new_group_is_not_led_before_all_its_members_are_there (void **state)
{
    (void) state;
    s_start (1, 3);
    s_start (2, 3);
    s_pass (5000);
    assert_int_equal (s_leader(), 0);
    s_start (3, 3);
    s_pass (2000);
    uint32_t leader = s_leader();
    assert_int_not_equal (leader, 0);
    s_world.cut[leader % 3 + 1] = true;
    assert_true (s_open (leader) != 0);
    for (uint32_t id = 1; id <= 3; id++)
        assert_true (s_status (leader).members[id - 1].disk == s_status (id).disk);
}

static void leader_without_a_lease_answers_when_a_majority_has_confirmed_it (void **state)
{
    (void) state;
    s_world.no_lease = true;
    uint32_t old = s_three();
    assert_false (s_status (old).has_lease);
    assert_true (s_open (old) != 0);
    txc_msg_t directory = {.type = TXC_MSG_DIRECTORY, .route = CLIENT};
    /* A heartbeat that left before the question came confirms nothing. */
    uint32_t heard = s_world.heard;
    s_world.now_ms = txc_replica_next_ms (s_world.replicas[old]);
    s_step (old, (txc_event_t){.type = TXC_EVENT_TICK});
    s_forge (old, directory);
    assert_int_equal (s_status (old).questions, 1);
    assert_int_equal (s_world.heard, heard);
    s_deliver();
    assert_int_equal (s_status (old).questions, 0);
    assert_int_equal (s_world.heard, heard + 1);
    /* Nobody confirms it any more. */
    s_world.cut[old] = true;
    s_forge (old, directory);
    s_deliver();
    s_pass (200);
    assert_int_equal (s_status (old).questions, 1);
    s_pass (3000);
    assert_false (s_status (old).leading);
    assert_int_equal (s_status (old).questions, 0);
    assert_int_equal (s_world.heard, heard + 1);
}

static void stamps_follow_causes_not_clocks (void **state)
{
    (void) state;
    uint64_t noon = txc_hlc_next (0, 43200000);
    assert_int_equal (txc_hlc_ms (noon), 43200000);
    assert_true (txc_hlc_next (noon, 43200000) == noon + 1);
    assert_true (txc_hlc_next (noon, 43100000) == noon + 1); /* the clock was set back */
    assert_true (txc_hlc_next (noon, 43200001) == noon + 65536);
    assert_true (txc_hlc_seen (5, noon, 43100000) == noon); /* from somebody whose clock is ahead */
    assert_true (txc_hlc_seen (noon, 5, 43100000) == noon);
    assert_true (txc_hlc_seen (5, noon, 43200000 - 3600000) == noon);
    assert_true (txc_hlc_seen (5, noon, 43200000 - 3600001) == 5); /* too far to be believed */
    assert_true (txc_hlc_seen (5, noon, 0) == noon);
}

/* Only the one that is to go has heard of it: it sees to its own removal, and leads nobody behind it. */
static void candidate_that_finds_its_own_removal_does_not_lead (void **state)
{
    (void) state;
    uint32_t old = s_three(), gone = old % 3 + 1, other = gone % 3 + 1;
    s_world.cut[other] = true;
    s_step (old, (txc_event_t){.type = TXC_EVENT_MEMBER_REMOVE, .replica = gone});
    s_deliver();
    s_world.cut[other] = false;
    s_world.cut[old] = true;
    s_pass (1000); /* the leases have lapsed */
    for (int i = 0; i < 20 && s_status (gone).voter; i++)
        s_pass (500);
    assert_false (s_status (gone).voter);
    assert_int_equal (s_leader(), 0);
    s_world.cut[old] = false;
    s_pass (3000);
    assert_int_equal (s_status (other).n_members, 2);
    assert_true (s_leader() == old || s_leader() == other);
    assert_true (s_open (s_leader()) != 0);
}

/* Nobody can be elected without it, and it does not know that it votes. */
static void member_that_does_not_know_it_learns_from_who_stands_for_election (void **state)
{
    (void) state;
    s_start (1, 1);
    s_pass (100);
    assert_true (s_open (1) != 0);
    s_start (2, 0);
    s_pass (3000);
    s_world.cut[2] = true;
    assert_int_equal (s_add (1, 2), TXC_OK);
    s_pass (3000);
    assert_int_equal (s_leader(), 0);
    s_world.cut[2] = false;
    s_pass (3000);
    assert_true (s_status (2).voter);
    assert_int_not_equal (s_leader(), 0);
    assert_true (s_open (s_leader()) != 0);
}

/* Members of an earlier membership may have elected somebody whom this one has not promised anything. */
static void lease_that_was_granted_is_not_granted_to_another (void **state)
{
    (void) state;
    uint32_t leader = s_three(), grantor = leader % 3 + 1, other = grantor % 3 + 1;
    txc_msg_t message = {.type = TXC_MSG_PAXOS_HEARTBEAT, .replica = other, .stamp = 1, .slot = 1};
    message.disk = s_status (other).disk;
    message.epoch = (txc_epoch_t){s_status (leader).epoch.round + 1, other};
    s_world.cut[leader] = true;
    for (int i = 0; i < 2; i++) {
        s_forge (grantor, message);
        assert_int_equal (s_status (grantor).leader, leader);
        assert_true (s_status (grantor).promised.replica == leader);
        message.type = TXC_MSG_PAXOS_ACCEPT;
    }
    message.type = TXC_MSG_PAXOS_HEARTBEAT;
    s_world.now_ms += 1000; /* it has lapsed */
    s_forge (grantor, message);
    assert_int_equal (s_status (grantor).leader, other);
    message.epoch = s_status (leader).epoch; /* whom it had promised: an old word of an earlier leader */
    message.replica = leader;
    message.disk = s_status (leader).disk;
    s_forge (grantor, message);
    assert_int_equal (s_status (grantor).leader, other);
}

/* The one that leads now was elected without the grantor, whose promise is the earlier leader's: what it
 * proposes does not come to the grantor, its heartbeats do.  To the earlier one it is the other way round. */
static uint32_t s_leads_by_heartbeats (uint32_t old, uint32_t grantor)
{
    s_world.cut[grantor] = true;
    s_step (old, (txc_event_t){.type = TXC_EVENT_TRANSFER, .replica = 6 - old - grantor});
    s_pass (400);
    s_world.cut[grantor] = false;
    s_world.lost[grantor] = TXC_MSG_PAXOS_ACCEPT;
    s_world.lost[old] = TXC_MSG_PAXOS_HEARTBEAT;
    s_pass (1000);
    uint32_t leader = s_leader();
    assert_int_equal (leader, 6 - old - grantor);
    assert_int_equal (s_status (grantor).leader, leader);
    s_world.lost[grantor] = s_world.lost[old] = 0;
    s_world.cut[leader] = true; /* it has its lease, and hears nothing any more */
    return leader;
}

/* It leads alone while its lease runs, and another one does later: nobody hears it. */
static void s_expect_no_other_before (uint32_t leader)
{
    for (int i = 0; i < 20; i++) {
        assert_int_equal (s_leader(), leader);
        s_pass (10);
    }
    s_pass (3000);
    assert_int_not_equal (s_leader(), leader);
    assert_int_not_equal (s_leader(), 0);
}

/* It does not know to whom, but it has promised that one not less than any earlier one. */
static void lease_that_was_granted_before_a_restart_is_not_granted_to_an_earlier_leader (void **state)
{
    (void) state;
    uint32_t old = s_three(), grantor = old % 3 + 1;
    txc_msg_t late = {.type = TXC_MSG_PAXOS_HEARTBEAT, .replica = old, .stamp = 1, .slot = 1};
    late.disk = s_status (old).disk;
    late.epoch = s_status (old).epoch;
    uint32_t leader = s_leads_by_heartbeats (old, grantor);
    s_restart (grantor, 3);
    s_forge (grantor, late);
    s_world.replicas[old]->paxos->election_due_ms = s_world.now_ms; /* it has waited long enough */
    s_expect_no_other_before (leader);
}

/* Restarted before, it would know of neither. */
static void lease_is_not_granted_before_the_promise_is_durable (void **state)
{
    (void) state;
    uint32_t old = s_three(), grantor = old % 3 + 1, other = grantor % 3 + 1;
    const txc_paxos_t *paxos = s_world.replicas[grantor]->paxos;
    txc_msg_t message = {.type = TXC_MSG_PAXOS_PREPARE, .replica = other, .stamp = 1, .slot = 1};
    message.disk = s_status (other).disk;
    message.epoch = (txc_epoch_t){s_status (old).epoch.round + 1, other};
    s_world.now_ms += 1000; /* the lease has lapsed */
    s_world.slow = true;
    s_forge (grantor, message);
    message.type = TXC_MSG_PAXOS_HEARTBEAT;
    s_forge (grantor, message); /* others have elected it */
    assert_int_equal (s_status (grantor).leader, other);
    assert_int_equal (paxos->granted_to.replica, old);
    s_step (grantor, (txc_event_t){.type = TXC_EVENT_DURABLE, .number = s_world.number});
    s_forge (grantor, message);
    assert_int_equal (paxos->granted_to.replica, other);
}

/* What the earlier leader had given up it had given up to everybody. */
static void handing_over_that_comes_late_ends_no_later_lease (void **state)
{
    (void) state;
    uint32_t old = s_three(), heir = old % 3 + 1;
    txc_msg_t late = {.type = TXC_MSG_PAXOS_TRANSFER, .replica = old, .disk = s_status (old).disk};
    late.epoch = s_status (old).epoch;
    uint32_t leader = s_leads_by_heartbeats (old, heir);
    s_forge (heir, late);
    s_expect_no_other_before (leader);
}

/* A membership that the leader before it had only on its own disk may come back in front of its barrier. */
static void leader_changes_no_members_before_its_barrier_is_chosen (void **state)
{
    (void) state;
    uint32_t old = s_three(), tried = 0;
    s_world.cut[old] = true;
    while (s_leader() == 0 || s_leader() == old) {
        for (uint32_t id = 1; id <= 3; id++)
            if (id != old && !s_status (id).leading && s_status (id).leader == id) {
                int rc = s_step (id, (txc_event_t){.type = TXC_EVENT_MEMBER_REMOVE, .replica = old});
                assert_int_not_equal (rc, TXC_OK);
                tried++;
            }
        if (!s_deliver_one()) {
            s_world.now_ms += 5;
            s_tick();
        }
    }
    assert_int_not_equal (tried, 0);
    assert_int_equal (s_status (old).n_members, 3);
    int rc = s_step (s_leader(), (txc_event_t){.type = TXC_EVENT_MEMBER_REMOVE, .replica = old});
    assert_int_equal (rc, TXC_OK);
}

/* Two changes of members that a majority has chosen, and whoever is elected has never heard of: it learns the
 * second one when the first is applied, and then nothing is under way any more that would lead on.  (Its
 * snapshot is not durable: nothing is noted as chosen, either.) */
static void leader_that_finds_two_changes_of_members_goes_on_behind_both (void **state)
{
    (void) state;
    uint32_t old = s_three(), behind = old % 3 + 1, other = behind % 3 + 1;
    s_world.cut[behind] = true;
    for (int i = 0; i < 40; i++)
        assert_true (s_open (old) != 0);
    s_world.cut[behind] = false;
    s_world.no_checkpoints = true;
    s_pass (3000);
    s_assert_equal_states (old, behind);
    s_world.cut[behind] = true;
    txc_replica_status_t before = s_status (behind);
    for (uint32_t i = 0; i < 2; i++) {
        txc_member_t moved = {.id = behind};
        snprintf (moved.endpoint, sizeof moved.endpoint, "tcp://elsewhere:%u", i);
        assert_int_equal (s_step (old, (txc_event_t){.type = TXC_EVENT_MEMBER_MOVE, .member = &moved}),
                          TXC_OK);
        s_deliver();
    }
    s_pass (100);
    assert_true (s_status (other).applied_slot == before.applied_slot + 2);
    s_world.cut[old] = true;
    s_world.cut[behind] = false;
    s_world.lazy = true;
    s_world.now_ms += 1000; /* the leases have lapsed */
    s_forge (behind, (txc_msg_t){.type = TXC_MSG_PAXOS_TRANSFER,
                                 .replica = old,
                                 .disk = s_status (old).disk,
                                 .epoch = before.promised});
    assert_true (s_status (behind).applied_slot == before.applied_slot);
    s_pass (3000);
    assert_int_equal (s_leader(), behind);
    assert_string_equal (s_status (behind).members[behind - 1].endpoint, "tcp://elsewhere:1");
    assert_true (s_open (behind) != 0);
}

/* A value that a leader of n members proposes, and what it costs until all of them have applied it.  Lamport
 * counts m + n - 1 messages with a distinguished learner and m n without; here m = n, and what a process
 * would send itself is no message. */
static void s_learn (uint32_t n, bool direct)
{
    s_setup (NULL);
    s_world.learn_direct = direct;
    for (uint32_t id = 1; id <= n; id++)
        s_start (id, n);
    s_pass (2000);
    uint32_t leader = s_leader();
    assert_int_not_equal (leader, 0);
    uint64_t before = s_status (leader).applied_slot;
    s_world.accepted = s_world.beats = 0;
    s_step (leader, (txc_event_t){
                        .type = TXC_EVENT_MESSAGE,
                        .message = &(txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = 1, .route = CLIENT}});
    s_deliver();
    assert_int_equal (s_world.accepted, direct ? n * (n - 1) : n - 1);
    assert_true (s_status (leader).applied_slot == before + 1);
    assert_int_equal (s_world.beats, 0);
    if (!direct) { /* the distinguished learner tells the others with what it sends next, at the latest a beat
                    */
        s_world.now_ms = txc_replica_next_ms (s_world.replicas[leader]);
        s_step (leader, (txc_event_t){.type = TXC_EVENT_TICK});
        s_deliver();
        assert_int_equal (s_world.beats, n - 1);
    }
    for (uint32_t id = 1; id <= n; id++)
        assert_true (s_status (id).applied_slot == before + 1);
    s_teardown (NULL);
}

static void learning_costs_as_many_messages_as_the_formulas_say (void **state)
{
    (void) state;
    for (uint32_t n = 3; n <= 5; n += 2)
        for (int direct = 0; direct < 2; direct++)
            s_learn (n, direct);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)

int main (void)
{
    static const struct CMUnitTest tests[] = {
        TEST (three_replicas_elect_one_leader_and_agree),
        TEST (leader_that_is_cut_off_answers_nobody_and_is_followed),
        TEST (leadership_is_handed_over_without_an_election_pause),
        TEST (nothing_is_noted_as_chosen_before_the_snapshot_below_it_is_durable),
        TEST (strangers_beyond_number_do_no_harm),
        TEST (leader_without_space_hands_over),
        TEST (candidate_that_is_behind_learns_from_whom_it_asks),
        TEST (each_member_knows_its_group_before_anything_is_chosen),
        TEST (candidate_whose_snapshot_tells_of_its_removal_does_not_go_on),
        TEST (group_of_one_grows_to_three_and_survives_the_first),
        TEST (group_that_shrank_to_one_leads_itself_after_a_restart),
        TEST (lost_disk_never_votes_and_comes_back_under_a_new_number),
        TEST (candidate_that_learns_of_a_higher_barrier_gives_up),
        TEST (value_that_cannot_be_read_is_refused),
        TEST (snapshot_of_another_slot_is_refused),
        TEST (leader_without_a_lease_answers_when_a_majority_has_confirmed_it),
        TEST (candidate_that_finds_its_own_removal_does_not_lead),
        TEST (member_that_does_not_know_it_learns_from_who_stands_for_election),
        TEST (learning_costs_as_many_messages_as_the_formulas_say),
        TEST (leader_changes_no_members_before_its_barrier_is_chosen),
        TEST (leader_that_finds_two_changes_of_members_goes_on_behind_both),
        TEST (lease_that_was_granted_is_not_granted_to_another),
        TEST (lease_that_was_granted_before_a_restart_is_not_granted_to_an_earlier_leader),
        TEST (lease_is_not_granted_before_the_promise_is_durable),
        TEST (handing_over_that_comes_late_ends_no_later_lease),
        TEST (stamps_follow_causes_not_clocks),
        TEST (outcome_of_an_earlier_leadership_tells_nobody_anything),
        TEST (disk_that_was_formatted_again_does_not_vote),
        TEST (new_group_is_not_led_before_all_its_members_are_there),
    };
    return cmocka_run_group_tests_name ("groups of replicas", tests, NULL, NULL);
}
