/*
 * coordinator_group.c - real coordinator daemons as replicas of a group: election, kill -9, catching up, lost
 * disks, handing over, members that come and go.
 *
 * The values of the log are sessions: the same nonce gives the same session, whoever leads.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/coordinator_harness.h"

enum { EXIT_CONFIG = 78, REPLICAS = 5, NOT_LEADER = -18, NOT_READY = -27 };

static world_t w[REPLICAS]; /* replica i + 1; three of them are the group, the others may join it */
static peer_t peers[REPLICAS];

static void s_configure (int i, bool alone, const char *group)
{
    snprintf (w[i].coordinator, sizeof w[i].coordinator, "    replica = %d\n", i + 1);
    char members[3 * (sizeof w[i].endpoint + 32)] = "";
    for (int k = 0, size = 0; k < 3 && !alone; k++)
        size += snprintf (members + size, sizeof members - (size_t) size, "    member = \"%d %s\"\n", k + 1,
                          w[k].endpoint);
    snprintf (w[i].options, sizeof w[i].options, "group\n%s%ssession\n    lease = 1h\n", group, members);
}

static int s_set_up (void **state)
{
    (void) state;
    for (int i = 0; i < REPLICAS; i++)
        world_init (&w[i]);
    for (int i = 0; i < REPLICAS; i++) {
        s_configure (i, false, i < 3 ? "" : "    join = 1\n");
        peer_init (&peers[i], &w[i]);
    }
    return 0;
}

static int s_tear_down (void **state)
{
    (void) state;
    for (int i = 0; i < REPLICAS; i++) {
        peer_fini (&peers[i]);
        world_fini (&w[i]);
    }
    return 0;
}

/* --- asking ---------------------------------------------------------------------------- */

static bool s_is (const json_t *answer, const char *key, const char *text)
{
    const char *value = json_string_value (json_object_get (answer, key));
    return value && strcmp (value, text) == 0;
}

static json_int_t s_number (const json_t *answer, const char *key)
{
    return json_integer_value (json_object_get (answer, key));
}

/* Which replica leads with a lease; -1: none that runs. */
static int s_find_leader (void)
{
    for (int i = 0; i < REPLICAS; i++) {
        if (!w[i].pid)
            continue;
        const json_t *answer = peer_admin (&peers[i], "{\"command\":\"status\"}");
        if (json_is_true (json_object_get (answer, "lease")) && s_is (answer, "state", "leading"))
            return i;
    }
    return -1;
}

static int s_leader (void)
{
    for (int tries = 0; tries < PATIENCE_MS / 20; tries++, poll (NULL, 0, 20)) {
        int leader = s_find_leader();
        if (leader >= 0)
            return leader;
    }
    fail_msg ("nobody leads");
    return -1;
}

/* The session that belongs to the nonce, at whoever leads. */
static uint64_t s_session (uint64_t nonce)
{
    peer_t *peer = &peers[s_leader()];
    peer_call (peer, &(txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = nonce}, TXC_MSG_SESSION_OPENED);
    assert_int_equal (peer->reply.code, TXC_OK);
    return peer->reply.session;
}

static void s_await_state (int i, const char *state)
{
    for (int tries = 0; tries < PATIENCE_MS / 20; tries++, poll (NULL, 0, 20))
        if (s_is (peer_admin (&peers[i], "{\"command\":\"status\"}"), "state", state))
            return;
    fail_msg ("replica %d is not %s", i + 1, state);
}

/* It takes part: most likely it follows, but on a busy machine it may have been elected meanwhile. */
static void s_await_member (int i)
{
    for (int tries = 0; tries < PATIENCE_MS / 20; tries++, poll (NULL, 0, 20)) {
        const json_t *answer = peer_admin (&peers[i], "{\"command\":\"status\"}");
        if (s_is (answer, "state", "following") || s_is (answer, "state", "leading"))
            return;
    }
    fail_msg ("replica %d takes no part", i + 1);
}

/* Waits until it has applied as much as the leader has by now. */
static void s_await_caught_up (int i)
{
    json_int_t slot = s_number (peer_admin (&peers[s_leader()], "{\"command\":\"status\"}"), "applied_slot");
    for (int tries = 0; tries < PATIENCE_MS / 20; tries++, poll (NULL, 0, 20))
        if (s_number (peer_admin (&peers[i], "{\"command\":\"status\"}"), "applied_slot") >= slot)
            return;
    fail_msg ("replica %d does not come to slot %d", i + 1, (int) slot);
}

/* Repeats a command to whoever leads until it is done; fails on an answer other than "ask again". */
static void s_command (const char *format, int replica)
{
    char request[128];
    snprintf (request, sizeof request, format, replica);
    for (int tries = 0; tries < PATIENCE_MS / 50; tries++, poll (NULL, 0, 50)) {
        const json_t *answer = peer_admin (&peers[s_leader()], request);
        json_int_t code = s_number (answer, "code");
        if (json_is_true (json_object_get (answer, "ok")))
            return;
        if (code != NOT_READY && code != NOT_LEADER)
            fail_msg ("%s: %s", request, json_string_value (json_object_get (answer, "error")));
    }
    fail_msg ("%s: never", request);
}

static size_t s_count_members (int i)
{
    return json_array_size (
        json_object_get (peer_admin (&peers[i], "{\"command\":\"member-list\"}"), "members"));
}

/* --- starting and ending ------------------------------------------------------------------ */

static void s_start_three (void)
{
    for (int i = 0; i < 3; i++)
        world_serve (&w[i]);
}

static void s_kill (int i)
{
    world_signal (&w[i], SIGKILL);
    assert_int_equal (world_await_exit (&w[i]), -SIGKILL);
}

static void s_start (int i)
{
    world_start (&w[i], NULL, NULL, NULL);
    world_await_ready (&w[i]);
}

static void test_a_leader_is_replaced (void **state)
{
    (void) state;
    s_start_three();
    uint64_t session = s_session (7);
    int first = s_leader();
    s_kill (first);
    assert_int_equal (s_session (7), session);
    int second = s_leader();
    assert_int_not_equal (second, first);
    uint64_t later = s_session (8);
    assert_true (later > session);
    s_start (first);
    s_await_caught_up (first);
    s_kill (second);
    assert_int_equal (s_session (8), later);
    assert_int_equal (s_session (7), session);
}

static void test_all_at_once (void **state)
{
    (void) state;
    s_start_three();
    uint64_t session = s_session (7);
    for (int i = 0; i < 3; i++)
        s_kill (i);
    for (int i = 0; i < 3; i++)
        s_start (i);
    assert_int_equal (s_session (7), session);
}

static void test_a_minority_decides_nothing (void **state)
{
    (void) state;
    s_start_three();
    s_session (7);
    int leader = s_leader();
    s_kill ((leader + 1) % 3);
    s_kill ((leader + 2) % 3);
    s_await_state (leader, "looking for a leader");
    peer_call (&peers[leader], &(txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = 9}, TXC_MSG_NOT_LEADER);
    assert_int_equal (peers[leader].reply.replica, 0);
    s_start ((leader + 1) % 3);
    assert_true (s_session (9) > s_session (7));
}

/* --- catching up ------------------------------------------------------------------------------ */

/* said: what the one that was behind has to say. */
static void s_catch_up (const char *group, const char *said)
{
    for (int i = 0; i < 3; i++)
        s_configure (i, false, group);
    s_start_three();
    s_session (1);
    int behind = (s_leader() + 1) % 3;
    s_kill (behind);
    uint64_t last = 0;
    for (uint64_t nonce = 2; nonce < 60; nonce++)
        last = s_session (nonce);
    s_start (behind);
    s_await_caught_up (behind);
    if (said) {
        world_await_said (&w[behind], said);
        s_kill (behind); /* the snapshot that it was sent has to be on its disk before it counts */
        s_start (behind);
        s_await_caught_up (behind);
    }
    s_await_member (behind); /* in this life, not in the one that the leader remembers */
    if (s_leader() != behind)
        s_command ("{\"command\":\"leader-transfer\",\"replica\":%d}", behind + 1);
    s_await_state (behind, "leading");
    assert_int_equal (s_session (59), last);
}

static void test_catching_up_value_by_value (void **state)
{
    (void) state;
    s_catch_up ("", NULL);
}

static void test_catching_up_by_a_snapshot (void **state)
{
    (void) state;
    s_catch_up ("    keep = 1K\n", "a snapshot of another replica");
}

static void test_learning_directly (void **state)
{
    (void) state;
    s_catch_up ("    learn = direct\n", NULL);
}

/* --- disks --------------------------------------------------------------------------------------- */

static void test_a_lost_disk_is_refused_and_replaced (void **state)
{
    (void) state;
    s_start_three();
    uint64_t session = s_session (7);
    int lost = (s_leader() + 1) % 3;
    s_kill (lost);
    char command[160];
    snprintf (command, sizeof command, "rm -r %s", w[lost].log);
    assert_int_equal (system (command), 0);
    world_expect_failure (&w[lost], NULL, EXIT_CONFIG, "txctl member remove");
    s_command ("{\"command\":\"member-remove\",\"replica\":%d}", lost + 1);
    world_start (&w[3], NULL, NULL, NULL);
    s_command ("{\"command\":\"member-add\",\"replica\":%d}", 4);
    s_await_member (3);
    assert_int_equal (s_count_members (3), 3);
    s_kill (s_leader()); /* the new one's vote is needed */
    assert_int_equal (s_session (7), session);
}

static void test_a_lost_disk_that_is_formatted_again (void **state)
{
    (void) state;
    s_start_three();
    uint64_t session = s_session (7);
    int leader = s_leader(), lost = (leader + 1) % 3, other = (leader + 2) % 3;
    s_await_caught_up (other);
    s_kill (lost);
    char command[160];
    snprintf (command, sizeof command, "rm -r %s", w[lost].log);
    assert_int_equal (system (command), 0);
    world_serve (&w[lost]); /* what nobody should do */
    s_await_state (lost, "not a member");
    s_kill (other);
    s_await_state (leader, "looking for a leader"); /* it makes no majority with one that has forgotten */
    s_start (other);
    assert_int_equal (s_session (7), session);
}

static void test_the_log_of_another_replica (void **state)
{
    (void) state;
    s_start_three();
    s_kill (0);
    s_kill (1);
    memcpy (w[0].log, w[1].log, sizeof w[0].log);
    world_expect_failure (&w[0], NULL, EXIT_CONFIG, "another replica");
}

static void test_a_majority_is_lost_for_good (void **state)
{
    (void) state;
    s_start_three();
    s_session (7);
    int leader = s_leader(), left = (leader + 1) % 3;
    s_await_caught_up (left);
    char word[64] = "--force-new-group=";
    strcat (word, json_string_value (
                      json_object_get (peer_admin (&peers[left], "{\"command\":\"status\"}"), "cluster")));
    for (int i = 0; i < 3; i++)
        s_kill (i);
    world_expect_failure (&w[left], "--force-new-group=yes", EXIT_CONFIG, "lost for ever");
    world_expect_failure (&w[left], word, 0, "is a group of one now");
    s_start (left); /* its configuration still names the others */
    assert_int_equal (s_leader(), left);
    assert_int_equal (s_count_members (left), 1);
    const json_t *status = peer_admin (&peers[left], "{\"command\":\"status\"}");
    assert_null (strstr (word, json_string_value (json_object_get (status, "cluster"))));
    uint64_t later = s_session (8);
    s_kill (left);
    s_start (left);
    assert_int_equal (s_session (8), later);
    /* Those who were lost are not: they are another group, and nobody here listens to them. */
    for (int i = 0; i < 3; i++)
        if (i != left)
            s_start (i);
    world_await_said (&w[left], "of another group");
    peer_call (&peers[left], &(txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = 8}, TXC_MSG_SESSION_OPENED);
    assert_int_equal (peers[left].reply.session, later);
}

/* --- handing over ------------------------------------------------------------------------------------ */

static void test_a_planned_stop_hands_over (void **state)
{
    (void) state;
    for (int i = 0; i < 3; i++)
        w[i].drain = "20s";
    s_start_three();
    s_session (7);
    int first = s_leader();
    world_signal (&w[first], SIGTERM);
    assert_int_equal (world_await_exit (&w[first]), 0);
    world_await_said (&w[first], "leadership is handed over");
    world_await_said (&w[first], "follows replica");
    assert_int_not_equal (s_leader(), first);
    s_start (first);
    s_await_member (first);
    world_signal (&w[first], SIGTERM); /* a follower has nothing to hand over */
    assert_int_equal (world_await_exit (&w[first]), 0);
}

static void test_the_last_one_stops_too (void **state)
{
    (void) state;
    s_start_three();
    int leader = s_leader();
    for (int i = 0; i < 3; i++)
        if (i != leader)
            s_kill (i);
    world_signal (&w[leader], SIGTERM);
    assert_int_equal (world_await_exit (&w[leader]), 0);
}

/* --- who does not lead --------------------------------------------------------------------------------- */

static void test_others_tell_who_leads (void **state)
{
    (void) state;
    for (int i = 0; i < 3; i++) /* nobody else is elected meanwhile */
        s_configure (i, false, "    election = 3s\n");
    s_start_three();
    s_session (7);
    int leader = s_leader(), other = (leader + 1) % 3;
    s_await_state (other, "following");
    peer_call (&peers[other], &(txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = 9}, TXC_MSG_NOT_LEADER);
    assert_int_equal (peers[other].reply.replica, leader + 1);
    assert_int_equal (peers[other].reply.n_members, 3);
    const json_t *answer = peer_admin (&peers[other], "{\"command\":\"list\"}");
    assert_int_equal (s_number (answer, "code"), NOT_LEADER);
    const json_t *told = json_object_get (answer, "leader");
    assert_int_equal (s_number (told, "replica"), leader + 1);
    assert_true (s_is (told, "endpoint", w[leader].endpoint));
    answer = peer_admin (&peers[other], "{\"command\":\"member-list\"}");
    assert_int_equal (json_array_size (json_object_get (answer, "members")), 3);
    assert_true (
        json_is_true (json_object_get (peer_admin (&peers[leader], "{\"command\":\"list\"}"), "ok")));
}

static void test_changes_that_make_no_sense (void **state)
{
    (void) state;
    static const struct {
        const char *request;
        int code;
    } cases[] = {
        {"{\"command\":\"member-add\",\"replica\":4}", TXC_ENOTREADY}, /* nobody is there */
        {"{\"command\":\"member-add\",\"replica\":2}", TXC_EINVAL},
        {"{\"command\":\"member-add\"}", TXC_EINVAL},
        {"{\"command\":\"member-remove\",\"replica\":9}", TXC_EINVAL},
        {"{\"command\":\"member-remove\",\"replica\":\"2\"}", TXC_EINVAL},
        {"{\"command\":\"member-move\",\"replica\":2}", TXC_EINVAL},
        {"{\"command\":\"member-move\",\"replica\":2,\"endpoint\":\"nowhere\"}", TXC_EINVAL},
        {"{\"command\":\"member-move\",\"replica\":9,\"endpoint\":\"ipc:///tmp/x\"}", TXC_EINVAL},
        {"{\"command\":\"leader-transfer\",\"replica\":9}", TXC_EINVAL},
        {"{\"command\":\"leader-transfer\",\"replica\":-1}", TXC_EINVAL},
        {"{\"command\":\"rejoice\"}", TXC_EINVAL},
    };
    s_start_three();
    s_session (7);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_int_t code;
        int tries = 0;
        do /* who led when it was looked for may have been replaced */
            code = s_number (peer_admin (&peers[s_leader()], cases[i].request), "code");
        while (code == NOT_LEADER && ++tries < 20);
        if (code != cases[i].code)
            fail_msg ("%s: %d", cases[i].request, (int) code);
    }
}

/* --- members -----------------------------------------------------------------------------------------------
 */

static void test_a_group_of_one_grows_to_three (void **state)
{
    (void) state;
    s_configure (0, true, "");
    world_serve (&w[0]);
    uint64_t session = s_session (7);
    for (int i = 1; i < 3; i++) {
        char group[512];
        size_t size = (size_t) snprintf (group, sizeof group, "    join = 1\n");
        for (int k = 0; k < i; k++)
            size += (size_t) snprintf (group + size, sizeof group - size, "    member = \"%d %s\"\n", k + 1,
                                       w[k].endpoint);
        s_configure (i, true, group);
        world_start (&w[i], NULL, NULL, NULL);
        world_await_ready (&w[i]);
        s_command ("{\"command\":\"member-add\",\"replica\":%d}", i + 1);
        s_await_member (i);
    }
    s_kill (0);
    assert_int_equal (s_session (7), session);
    assert_int_equal (s_count_members (s_leader()), 3);
}

static void s_move (int i)
{
    s_kill (i);
    peer_fini (&peers[i]);
    strcat (w[i].endpoint, ".new");
    peer_init (&peers[i], &w[i]);
}

static void test_a_group_of_one_moves (void **state)
{
    (void) state;
    s_configure (0, true, "");
    world_serve (&w[0]);
    s_session (7);
    s_move (0);
    s_start (0);
    for (int tries = 0; tries < PATIENCE_MS / 20; tries++, poll (NULL, 0, 20)) {
        const json_t *list = peer_admin (&peers[0], "{\"command\":\"member-list\"}");
        if (s_is (json_array_get (json_object_get (list, "members"), 0), "endpoint", w[0].endpoint))
            return;
    }
    fail_msg ("the log does not learn the new endpoint");
}

static void test_a_replica_moves (void **state)
{
    (void) state;
    s_start_three();
    s_session (7);
    int moved = (s_leader() + 1) % 3;
    s_move (moved);
    strcat (w[moved].coordinator, "    advertise = ");
    strcat (strcat (w[moved].coordinator, w[moved].endpoint), "\n");
    s_start (moved);
    s_await_member (moved);
    int third = (moved + 1) % 3;
    if (third == s_leader())
        third = (moved + 2) % 3;
    s_kill (third);
    s_session (8); /* chosen with the one that has moved */
}

int main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_set_up, s_tear_down)
    const struct CMUnitTest tests[] = {
        CASE (test_a_leader_is_replaced),
        CASE (test_all_at_once),
        CASE (test_a_minority_decides_nothing),
        CASE (test_catching_up_value_by_value),
        CASE (test_catching_up_by_a_snapshot),
        CASE (test_learning_directly),
        CASE (test_a_lost_disk_is_refused_and_replaced),
        CASE (test_a_lost_disk_that_is_formatted_again),
        CASE (test_the_log_of_another_replica),
        CASE (test_a_majority_is_lost_for_good),
        CASE (test_a_planned_stop_hands_over),
        CASE (test_the_last_one_stops_too),
        CASE (test_others_tell_who_leads),
        CASE (test_changes_that_make_no_sense),
        CASE (test_a_group_of_one_grows_to_three),
        CASE (test_a_group_of_one_moves),
        CASE (test_a_replica_moves),
    };
#undef CASE
    return cmocka_run_group_tests_name ("coordinator_group", tests, NULL, NULL);
}
