/*
 * coordinator.c - the real coordinator daemon: start and stop, bad input, kill -9, what operators ask.
 *
 * The test itself plays application and agent.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/integration/coordinator_harness.h"

enum { EXIT_IO = 74, EXIT_CONFIG = 78 };

static world_t w;

static int s_set_up (void **state)
{
    (void) state;
    world_init (&w);
    return 0;
}

static int s_tear_down (void **state)
{
    (void) state;
    world_fini (&w);
    return 0;
}

/* --- application and agent ----------------------------------------------------------- */

static uint64_t s_open_session (peer_t *peer, uint64_t nonce)
{
    peer_call (peer, &(txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = nonce}, TXC_MSG_SESSION_OPENED);
    assert_int_equal (peer->reply.code, TXC_OK);
    return peer->reply.session;
}

static const txc_branch_ref_t s_branches[] = {{.rm = "bank_a", .token = 11, .count = 1},
                                              {.rm = "bank_b", .token = 12, .count = 1}};

static txc_msg_t s_commit (const peer_t *client, uint64_t n)
{
    return (txc_msg_t){.type = TXC_MSG_COMMIT,
                       .gtrid = {.cluster = client->reply.cluster,
                                 .session = client->reply.session,
                                 .n = n,
                                 .mode = TXC_MODE_2PC},
                       .n_branches = 2,
                       .branches = s_branches,
                       .low = 1};
}

static void s_register (peer_t *agent)
{
    txc_rm_entry_t entries[] = {
        {.rm = "bank_a", .agent = "agent1", .endpoint = "tcp://127.0.0.1:7411", .incarnation = 5, .up = true},
        {.rm = "bank_b",
         .agent = "agent1",
         .endpoint = "tcp://127.0.0.1:7411",
         .incarnation = 5,
         .up = true}};
    txc_msg_t hello = {
        .type = TXC_MSG_AGENT_HELLO, .agent = "agent1", .incarnation = 5, .n_entries = 2, .entries = entries};
    peer_call (agent, &hello, TXC_MSG_AGENT_WELCOME);
}

/* Answers the PREPARE or PHASE2 message in agent->reply. */
static void s_answer (peer_t *agent, txc_msg_type_t type)
{
    txc_msg_t answer = agent->reply;
    answer.type = (uint8_t) type;
    answer.route = 0;
    answer.high_slot = 0;
    answer.timeout_ms = answer.count = 0;
    answer.n_branches = 0; /* of the prepare, which had lent them */
    if (type == TXC_MSG_VOTE)
        answer.vote = TXC_VOTE_YES;
    peer_send (agent, &answer);
}

/* Waits for a message of this type for each of both branches and answers it. */
static void s_answer_both (peer_t *agent, txc_msg_type_t request, txc_msg_type_t answer)
{
    uint64_t first = 0;
    for (int n = 0; n < 2;) {
        peer_await (agent, request);
        s_answer (agent, answer);
        if (agent->reply.token != first)
            n++;
        first = agent->reply.token;
    }
}

/* --- start and stop ---------------------------------------------------------------------- */

static void test_an_empty_log_is_no_group (void **state)
{
    (void) state;
    world_expect_failure (&w, NULL, EXIT_CONFIG, "txcoord --init");
    world_expect_failure (&w, "--init", 0, "formatted");
    world_expect_failure (&w, "--init", EXIT_CONFIG, "holds a group already");
    world_start (&w, NULL, NULL, NULL);
    world_await_ready (&w);
}

static void test_an_empty_log_with_the_key (void **state)
{
    (void) state;
    strcpy (w.options, "group\n    init = 1\n");
    world_start (&w, NULL, NULL, NULL);
    world_await_ready (&w);
    world_signal (&w, SIGTERM);
    assert_int_equal (world_await_exit (&w), 0);
    world_start (&w, NULL, NULL, NULL);
    world_await_ready (&w);
}

static void test_a_second_daemon_on_the_log (void **state)
{
    (void) state;
    world_serve (&w);
    pid_t first = w.pid;
    w.pid = 0;
    strcat (w.endpoint, "2");
    world_expect_failure (&w, NULL, EXIT_IO, "in use by process");
    w.pid = first;
}

static void test_a_second_daemon_on_the_endpoint (void **state)
{
    (void) state;
    world_serve (&w);
    pid_t first = w.pid;
    w.pid = 0;
    strcat (w.log, "2");
    strcpy (w.options, "group\n    init = 1\n");
    world_expect_failure (&w, NULL, EXIT_IO, "another process listens there");
    w.pid = first;
    peer_t peer;
    peer_init (&peer, &w);
    assert_true (json_is_true (json_object_get (peer_admin (&peer, "{\"command\":\"status\"}"), "ok")));
    peer_fini (&peer);
}

static void test_a_folder_that_cannot_be_written (void **state)
{
    (void) state;
    if (getuid() == 0)
        w.uid = 65534; /* root may write everywhere */
    else
        chmod (w.folder, 0555);
    world_expect_failure (&w, "--init", EXIT_IO, "Permission denied");
    chmod (w.folder, 0755);
}

static void test_wrong_configurations (void **state)
{
    (void) state;
    static const struct {
        const char *options, *says;
    } cases[] = {
        {"session\n    leese = 5s\n", "session/leese: there is no such key"},
        {"session\n    lease = 5\n", "session/lease = 5"},
        {"session\n    lease = 5s\n    lease = 6s\n", "in line 9"},
        {"agent\n    retry = 10s\n    retry_max = 1s\n", "agent/retry is longer"},
        {"report\n    level = loud\n", "error|warning|notice|info|debug"},
        {"group\n    init = yes\n", "group/init = yes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        strcpy (w.options, cases[i].options);
        world_expect_failure (&w, NULL, EXIT_CONFIG, cases[i].says);
        world_expect_failure (&w, "--check-config", EXIT_CONFIG, cases[i].says);
    }
    w.options[0] = 0;
    world_expect_failure (&w, "--check-config", 0, "");
    strcpy (w.endpoint, "tcp://0.0.0.0:0");
    world_expect_failure (&w, "--check-config", EXIT_CONFIG, "port from 1 to 65535");
    strcpy (w.endpoint, "tcp://0.0.0.0:*");
    strcpy (w.options, "group\n    init = 1\n");
    world_expect_failure (&w, NULL, EXIT_CONFIG, "insecure = 1");
    world_expect_failure (&w, "--nonsense", 2, "");
    world_expect_failure (&w, "--crash-at=append.before.NOTHING", 2, "not a crash point");
}

/* A disk with no room for one segment, then one with no room for the second. */
static void test_a_full_disk (void **state)
{
    (void) state;
    char command[256];
    if (getuid() != 0)
        skip(); /* needs a mount */
    w.prepare = command;
    snprintf (command, sizeof command, "mkdir -p %s && mount -t tmpfs -o size=512k tmpfs %s", w.log, w.log);
    world_expect_failure (&w, "--init", EXIT_IO, "space");

    snprintf (command, sizeof command, "mkdir -p %s && mount -t tmpfs -o size=1536k tmpfs %s", w.log, w.log);
    strcpy (w.options, "group\n    init = 1\n");
    world_start (&w, NULL, NULL, NULL);
    world_await_ready (&w);
    world_await_said (&w, "nearly full");
    peer_t peer;
    peer_init (&peer, &w);
    peer_call (&peer, &(txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = 1}, TXC_MSG_SESSION_OPENED);
    assert_int_equal (peer.reply.code, TXC_ENOSPACE);
    const json_t *answer = peer_admin (&peer, "{\"command\":\"status\"}");
    assert_true (json_is_true (json_object_get (answer, "space_low")));
    /* snapshots that free nothing would use up what is left for those under way */
    for (int i = 0; i < 200; i++)
        answer = peer_admin (&peer, "{\"command\":\"status\"}");
    assert_int_equal (json_integer_value (json_object_get (json_object_get (answer, "log"), "checkpoints")),
                      0);
    peer_fini (&peer);
}

static void test_sigterm_and_sighup (void **state)
{
    (void) state;
    world_serve (&w);
    strcpy (w.options, "session\n    lease = 20s\nreport\n    level = debug\n");
    FILE *file = fopen (w.config, "a");
    fputs (w.options, file);
    fclose (file);
    world_signal (&w, SIGHUP);
    world_await_notice (&w, "RELOADING=1\nMONOTONIC_USEC=");
    world_await_said (&w, "report/level has changed");
    world_await_said (&w, "session/lease has changed in the file, but counts only after a restart");

    file = fopen (w.config, "a");
    fputs ("nonsense = 1\n", file);
    fclose (file);
    world_signal (&w, SIGHUP);
    world_await_said (&w, "the configuration stays as it was");
    world_await_said (&w, "nonsense: there is no such key");

    world_signal (&w, SIGTERM);
    world_await_notice (&w, "STOPPING=1");
    assert_int_equal (world_await_exit (&w), 0);
}

/* A transaction that cannot end keeps the daemon only for drain_timeout; new ones are refused meanwhile. */
static void test_drain_is_bounded (void **state)
{
    (void) state;
    w.drain = "4s"; /* within which it is asked for another one */
    world_serve (&w);
    peer_t client;
    peer_init (&client, &w);
    s_open_session (&client, 7);
    txc_msg_t commit = s_commit (&client, 1), another = s_commit (&client, 2);
    peer_send (&client, &commit);
    uint64_t transactions = 0;
    while (transactions == 0) {
        const json_t *answer = peer_admin (&client, "{\"command\":\"status\"}");
        transactions = (uint64_t) json_integer_value (json_object_get (answer, "transactions"));
    }
    world_signal (&w, SIGTERM);
    world_await_notice (&w, "STOPPING=1");
    peer_call (&client, &another, TXC_MSG_OUTCOME);
    assert_int_equal (client.reply.code, TXC_EOVERLOAD);
    assert_int_equal (world_await_exit (&w), 0);
    world_await_said (&w, "1 transactions are left");
    peer_fini (&client);
}

/* --- kill -9 ----------------------------------------------------------------------------- */

static const char s_long_lease[] = "session\n    lease = 1h\n";

static void s_kill_and_restart (void)
{
    world_signal (&w, SIGKILL);
    assert_int_equal (world_await_exit (&w), -SIGKILL);
    world_start (&w, NULL, NULL, NULL);
    world_await_ready (&w);
}

static void test_sessions_survive_kill_9 (void **state)
{
    (void) state;
    strcpy (w.options, s_long_lease);
    world_serve (&w);
    peer_t client;
    peer_init (&client, &w);
    uint64_t a = s_open_session (&client, 7), b = s_open_session (&client, 8);
    uint64_t cluster = client.reply.cluster;
    assert_int_not_equal (a, b);
    s_kill_and_restart();
    assert_int_equal (s_open_session (&client, 7), a);
    assert_int_equal (client.reply.cluster, cluster);
    txc_msg_t close = {.type = TXC_MSG_SESSION_CLOSE, .session = b, .cluster = cluster};
    peer_call (&client, &close, TXC_MSG_SESSION_ALIVE);
    assert_int_equal (client.reply.code, TXC_ESESSION);
    s_kill_and_restart();
    txc_msg_t keep = {.type = TXC_MSG_SESSION_KEEPALIVE, .session = b, .cluster = cluster};
    peer_call (&client, &keep, TXC_MSG_SESSION_ALIVE);
    assert_int_equal (client.reply.code, TXC_ESESSION);
    keep.session = a;
    peer_call (&client, &keep, TXC_MSG_SESSION_ALIVE);
    assert_int_equal (client.reply.code, TXC_OK);
    peer_fini (&client);
}

/* Committed, told to one branch, killed: the next start tells the agent again, and the client hears the same.
 */
static void test_an_outcome_survives_kill_9 (void **state)
{
    (void) state;
    strcpy (w.options, s_long_lease);
    world_serve (&w);
    peer_t client, agent;
    peer_init (&client, &w);
    peer_init (&agent, &w);
    s_register (&agent);
    s_open_session (&client, 7);
    txc_msg_t commit = s_commit (&client, 1);
    commit.flags = TXC_FLAG_DECISION_LOGGED;
    peer_send (&client, &commit);
    s_answer_both (&agent, TXC_MSG_PREPARE, TXC_MSG_VOTE);
    peer_await (&client, TXC_MSG_OUTCOME);
    assert_int_equal (client.reply.code, TXC_OK);
    s_kill_and_restart();

    txc_msg_t query = {.type = TXC_MSG_OUTCOME_QUERY, .gtrid = commit.gtrid};
    peer_call (&client, &query, TXC_MSG_OUTCOME);
    assert_int_equal (client.reply.code, TXC_OK);
    s_register (&agent);
    s_answer_both (&agent, TXC_MSG_PHASE2_COMMIT, TXC_MSG_PHASE2_DONE);
    int64_t open = 1;
    while (open) {
        const json_t *answer = peer_admin (&client, "{\"command\":\"in-doubt\"}");
        open = (int64_t) json_array_size (json_object_get (answer, "transactions"));
    }
    world_signal (&w, SIGTERM);
    assert_int_equal (world_await_exit (&w), 0);
    world_start (&w, NULL, NULL, NULL); /* from the snapshot now */
    world_await_ready (&w);
    peer_call (&client, &query, TXC_MSG_OUTCOME);
    assert_int_equal (client.reply.code, TXC_OK);
    peer_fini (&agent);
    peer_fini (&client);
}

/* Nothing is told before it is durable; what is durable is told after the restart. */
static void test_crash_points_around_a_session (void **state)
{
    (void) state;
    static const struct {
        const char *point;
        bool durable;
    } cases[] = {{"--crash-at=append.before.SESSION_OPEN", false},
                 {"--crash-at=append.after.SESSION_OPEN", true},
                 {"--crash-at=send.before.SESSION_OPENED", true},
                 {"--crash-at=send.after.SESSION_OPENED", true}};
    strcpy (w.options, s_long_lease);
    world_start (&w, "--init", NULL, NULL);
    assert_int_equal (world_await_exit (&w), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peer_t client;
        world_start (&w, cases[i].point, NULL, NULL);
        world_await_ready (&w);
        peer_init (&client, &w);
        peer_send (&client, &(txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = 100 + i});
        assert_int_equal (world_await_exit (&w), -SIGKILL);
        world_start (&w, NULL, NULL, NULL);
        world_await_ready (&w);
        const json_t *answer = peer_admin (&client, "{\"command\":\"status\"}");
        uint64_t before = (uint64_t) json_integer_value (json_object_get (answer, "applied_slot"));
        uint64_t session = s_open_session (&client, 100 + i);
        assert_true (cases[i].durable ? session <= before : session > before);
        world_signal (&w, SIGTERM);
        assert_int_equal (world_await_exit (&w), 0);
        peer_fini (&client);
    }
}

/* --- what peers send ------------------------------------------------------------------------ */

static void test_random_bytes_do_not_kill_it (void **state)
{
    (void) state;
    world_serve (&w);
    void *context = zmq_ctx_new(), *socket = zmq_socket (context, ZMQ_DEALER);
    int linger = 0;
    zmq_setsockopt (socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal (zmq_connect (socket, w.endpoint), 0);
    unsigned random = 4711;
    for (int i = 0; i < 5000; i++) {
        uint8_t bytes[300];
        size_t size = (random >> 8) % sizeof bytes + 1;
        for (size_t k = 0; k < size; k++)
            bytes[k] = (uint8_t) ((random = random * 1103515245 + 12345) >> 16);
        if (i % 3 == 0)
            memcpy (bytes, (uint8_t[]){8, 1, 18}, size < 3 ? size : 3); /* begins as a frame does */
        zmq_send (socket, bytes, size, i % 50 == 0 ? ZMQ_SNDMORE : 0);
    }
    peer_t peer;
    peer_init (&peer, &w);
    const json_t *answer = peer_admin (&peer, "{\"command\":\"status\"}");
    assert_true (json_is_true (json_object_get (answer, "ok")));
    world_await_said (&w, "thrown away");
    zmq_close (socket);
    zmq_ctx_term (context);
    world_signal (&w, SIGTERM);
    assert_int_equal (world_await_exit (&w), 0);
    peer_fini (&peer);
}

/* --- operators ------------------------------------------------------------------------------- */

static void s_expect_error (peer_t *peer, const char *request, int code)
{
    const json_t *answer = peer_admin (peer, request);
    assert_true (json_is_false (json_object_get (answer, "ok")));
    assert_int_equal (json_integer_value (json_object_get (answer, "code")), code);
    assert_true (json_string_length (json_object_get (answer, "error")) > 0);
}

static void test_what_operators_ask (void **state)
{
    (void) state;
    strcpy (w.options, s_long_lease);
    world_serve (&w);
    peer_t client, agent;
    peer_init (&client, &w);
    peer_init (&agent, &w);
    s_register (&agent);
    s_open_session (&client, 7);
    txc_msg_t commit = s_commit (&client, 1);
    peer_send (&client, &commit);
    peer_await (&agent, TXC_MSG_PREPARE);
    char gtrid[TXC_GTRID_MAX + 1], request[256];
    txc_gtrid_format (&commit.gtrid, gtrid);

    const json_t *answer = peer_admin (&client, "{\"command\":\"status\"}");
    const char *role;
    int leading, up;
    json_int_t sessions, transactions, pid;
    const char *rm;
    assert_int_equal (json_unpack ((json_t *) (uintptr_t) answer,
                                   "{s:s, s:b, s:I, s:I, s:I, s:[{s:s, s:b}, {}]}", "role", &role, "leading",
                                   &leading, "sessions", &sessions, "transactions", &transactions, "pid",
                                   &pid, "rms", "rm", &rm, "up", &up),
                      0);
    assert_string_equal (role, "txcoord");
    assert_true (leading && up && sessions == 1 && transactions == 1 && pid == w.pid);

    snprintf (request, sizeof request, "{\"command\":\"show\",\"gtrid\":\"%s\"}", gtrid);
    const char *state_name, *branch, *waits;
    answer = peer_admin (&client, request);
    assert_int_equal (json_unpack ((json_t *) (uintptr_t) answer, "{s:[{s:s, s:[{s:s, s:s}, {}]}]}",
                                   "transactions", "state", &state_name, "branches", "rm", &branch, "waits",
                                   &waits),
                      0);
    assert_string_equal (state_name, "preparing");
    assert_string_equal (branch, "bank_a");
    assert_string_equal (waits, "its vote");
    answer = peer_admin (&client, "{\"command\":\"list\"}");
    assert_int_equal (json_array_size (json_object_get (answer, "transactions")), 1);

    snprintf (request, sizeof request,
              "{\"command\":\"resolve\",\"gtrid\":\"%s\",\"verdict\":\"commit\",\"operator\":\"ann\"}",
              gtrid);
    s_expect_error (&client, request, TXC_EPROTO); /* it never voted: nobody may commit it */
    snprintf (request, sizeof request,
              "{\"command\":\"resolve\",\"gtrid\":\"%s\",\"verdict\":\"rollback\",\"operator\":\"ann\"}",
              gtrid);
    answer = peer_admin (&client, request);
    assert_true (json_is_true (json_object_get (answer, "ok")));
    s_kill_and_restart(); /* the answer was given: so it is on record */
    txc_msg_t query = {
        .type = TXC_MSG_OUTCOME_QUERY, .gtrid = commit.gtrid, .n_branches = 2, .branches = s_branches};
    peer_call (&client, &query, TXC_MSG_OUTCOME);
    assert_int_equal (client.reply.code, TXC_ROLLED_BACK);
    peer_fini (&agent);
    peer_fini (&client);
}

static void test_requests_that_make_no_sense (void **state)
{
    (void) state;
    world_serve (&w);
    peer_t peer;
    peer_init (&peer, &w);
    s_expect_error (&peer, "status", TXC_EINVAL);
    s_expect_error (&peer, "", TXC_EINVAL);
    s_expect_error (&peer, "[]", TXC_EINVAL);
    s_expect_error (&peer, "{\"command\":7}", TXC_EINVAL);
    s_expect_error (&peer, "{\"command\":\"dance\"}", TXC_EINVAL);
    s_expect_error (&peer, "{\"command\":\"show\"}", TXC_EINVAL);
    s_expect_error (&peer, "{\"command\":\"show\",\"gtrid\":\"x\"}", TXC_EINVAL);
    s_expect_error (&peer, "{\"command\":\"show\",\"gtrid\":\"txc-00000000000000aa.1.1p\"}", TXC_ENOTA);
    s_expect_error (&peer, "{\"command\":\"resolve\",\"gtrid\":\"txc-00000000000000aa.1.1p\"}", TXC_EINVAL);
    s_expect_error (
        &peer, "{\"command\":\"resolve\",\"gtrid\":\"txc-00000000000000aa.1.1p\",\"verdict\":\"rollback\"}",
        TXC_ENOTA);
    char large[8192] = "{\"command\":\"";
    memset (large + 12, 'x', 8000);
    strcpy (large + 8012, "\"}");
    s_expect_error (&peer, large, TXC_EINVAL);
    peer_fini (&peer);
}

#define DAEMON_TEST(test) cmocka_unit_test_setup_teardown (test, s_set_up, s_tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        DAEMON_TEST (test_an_empty_log_is_no_group),
        DAEMON_TEST (test_an_empty_log_with_the_key),
        DAEMON_TEST (test_a_second_daemon_on_the_log),
        DAEMON_TEST (test_a_second_daemon_on_the_endpoint),
        DAEMON_TEST (test_a_folder_that_cannot_be_written),
        DAEMON_TEST (test_wrong_configurations),
        DAEMON_TEST (test_a_full_disk),
        DAEMON_TEST (test_sigterm_and_sighup),
        DAEMON_TEST (test_drain_is_bounded),
        DAEMON_TEST (test_sessions_survive_kill_9),
        DAEMON_TEST (test_an_outcome_survives_kill_9),
        DAEMON_TEST (test_crash_points_around_a_session),
        DAEMON_TEST (test_random_bytes_do_not_kill_it),
        DAEMON_TEST (test_what_operators_ask),
        DAEMON_TEST (test_requests_that_make_no_sense),
    };
    return cmocka_run_group_tests_name ("coordinator", tests, NULL, NULL);
}
