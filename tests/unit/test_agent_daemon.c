/*
 * txagent as a process: recovery after kill -9 at every crash point of a
 * transaction, limits, operators' commands, its end.
 */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "agent_world.h"
#include "daemon/txc_system.h"

/* --- a transaction ------------------------------------------------------------------ */

/* Runs "add x 1" in a new transaction; the token of its branch. */
static uint64_t s_begin (world_t *w, uint64_t n)
{
    const txc_msg_t *reply = world_begin (w, n, "add x 1");
    assert_int_equal (reply->code, TXC_OK);
    assert_int_not_equal (reply->token, 0);
    return reply->token;
}

static void s_ask_prepare (world_t *w, uint64_t n, uint64_t token)
{
    txc_msg_t prepare = world_message (w, TXC_MSG_PREPARE, n, token);
    prepare.count = 1;
    world_to_agent (w, &prepare);
}

static uint8_t s_prepare (world_t *w, uint64_t n, uint64_t token)
{
    w->count[TXC_MSG_VOTE] = 0;
    s_ask_prepare (w, n, token);
    return world_wait (w, TXC_MSG_VOTE)->vote;
}

static void s_phase2 (world_t *w, txc_msg_type_t type, uint64_t n, uint64_t token)
{
    w->count[TXC_MSG_PHASE2_DONE] = 0;
    world_decide (w, type, n, token);
    assert_int_equal (world_wait (w, TXC_MSG_PHASE2_DONE)->heur, TXC_HEUR_NONE);
}

static void test_commit_and_rollback (void **state)
{
    (void) state;
    world_t w;
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    uint64_t token = s_begin (&w, 1);
    assert_int_equal (s_prepare (&w, 1, token), TXC_VOTE_YES);
    s_phase2 (&w, TXC_MSG_PHASE2_COMMIT, 1, token);
    assert_string_equal (world_value (&w, 2, "x"), "1");
    token = s_begin (&w, 3);
    assert_int_equal (s_prepare (&w, 3, token), TXC_VOTE_YES);
    s_phase2 (&w, TXC_MSG_PHASE2_ROLLBACK, 3, token);
    assert_string_equal (world_value (&w, 4, "x"), "1");
    world_close (&w);
}

/* --- crashes ------------------------------------------------------------------------- */

/* A coordinator's part of one transaction, whatever happens to the agent: begins again until a statement was
 * answered, asks for the vote, decides commit exactly if it is yes, and repeats the decision until it is
 * done. */
typedef enum step { STEP_BEGIN, STEP_EXEC, STEP_VOTE, STEP_OUTCOME, STEP_DONE } step_t;

typedef struct drive {
    step_t step;
    uint64_t n, token, incarnation;
    bool commit;
} drive_t;

static void s_decide (world_t *w, drive_t *d, bool commit)
{
    d->commit = commit;
    d->step = STEP_OUTCOME;
    w->outcome = commit ? TXC_MSG_PHASE2_COMMIT : TXC_MSG_PHASE2_ROLLBACK;
    w->count[TXC_MSG_PHASE2_DONE] = 0;
}

static void s_advance (world_t *w, drive_t *d)
{
    const txc_msg_t *reply = &w->got[TXC_MSG_EXEC_REPLY], *vote = &w->got[TXC_MSG_VOTE];
    switch (d->step) {
    case STEP_BEGIN:
        d->n++;
        d->incarnation = w->entry.incarnation;
        w->count[TXC_MSG_EXEC_REPLY] = 0;
        world_exec (w, d->n, 0, 1, "add x 1");
        d->step = STEP_EXEC;
        break;
    case STEP_EXEC:
        if (d->incarnation != w->entry.incarnation || (w->count[TXC_MSG_EXEC_REPLY] && reply->code != TXC_OK))
            d->step = STEP_BEGIN; /* it ran on an agent that is no more */
        else if (w->count[TXC_MSG_EXEC_REPLY]) {
            d->token = reply->token;
            d->step = STEP_VOTE;
            w->count[TXC_MSG_VOTE] = 0;
        }
        break;
    case STEP_VOTE:
        if (w->count[TXC_MSG_VOTE])
            s_decide (w, d, vote->vote == TXC_VOTE_YES);
        else
            s_ask_prepare (w, d->n, d->token);
        break;
    default:
        if (w->count[TXC_MSG_PHASE2_DONE])
            d->step = STEP_DONE;
        else
            world_decide (w, w->outcome, d->n, d->token);
    }
}

/* True if the agent crashed on the way. */
static bool s_drive (world_t *w, drive_t *d)
{
    bool crashed = false;
    for (uint64_t until = txc_clock_ms() + WORLD_WAIT_MS; d->step != STEP_DONE;) {
        if (txc_clock_ms() > until)
            fail_msg ("the transaction never ended (step %d)", d->step);
        if (!w->pid) {
            assert_true (WIFSIGNALED (w->status) && WTERMSIG (w->status) == SIGKILL);
            crashed = true;
            world_start (w, NULL);
        }
        if (world_ready (w)) {
            s_advance (w, d);
            world_turn (w);
        }
    }
    return crashed;
}

static void s_crash_once (const char *point)
{
    world_t w;
    drive_t d = {.step = STEP_BEGIN};
    world_open (&w, "");
    world_start (&w, point);
    if (!s_drive (&w, &d)) { /* a point that the agent comes to by itself */
        for (uint64_t until = txc_clock_ms() + WORLD_WAIT_MS; world_turn (&w);)
            if (txc_clock_ms() > until)
                fail_msg ("the crash point %s was not reached", point);
        assert_true (WIFSIGNALED (w.status) && WTERMSIG (w.status) == SIGKILL);
        world_start (&w, NULL);
        assert_true (world_ready (&w));
    }
    assert_int_equal (w.got[TXC_MSG_PHASE2_DONE].heur, TXC_HEUR_NONE);
    assert_string_equal (world_value (&w, d.n + 1, "x"), d.commit ? "1" : "");
    assert_non_null (strstr (world_admin (&w, "{\"command\":\"branches\"}"), "\"branches\":[]"));
    world_close (&w);
}

static void test_crash_at_every_point (void **state)
{
    (void) state;
    static const char *const points[] = {
        "journal.before.EPOCH",   "journal.after.EPOCH",    "journal.before.IDENTITY",
        "journal.after.IDENTITY", "work.before.RECOVER",    "work.after.RECOVER",
        "work.before.EXEC",       "work.after.EXEC",        "work.before.PREPARE",
        "work.after.PREPARE",     "work.before.COMMIT",     "work.after.COMMIT",
        "work.before.SCAN",       "work.after.SCAN",        "send.before.AGENT_HELLO",
        "send.after.AGENT_HELLO", "send.before.EXEC_REPLY", "send.after.EXEC_REPLY",
        "send.before.VOTE",       "send.after.VOTE",        "send.before.PHASE2_DONE",
        "send.after.PHASE2_DONE"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        s_crash_once (points[i]);
}

/* The agent is killed while a branch is in doubt, and asks for the outcome when it is back. */
static void test_in_doubt_after_kill (void **state)
{
    (void) state;
    world_t w;
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    uint64_t token = s_begin (&w, 1);
    assert_int_equal (s_prepare (&w, 1, token), TXC_VOTE_YES);
    world_kill (&w, SIGKILL);
    world_start (&w, NULL);
    const txc_msg_t *inquiry = world_wait (&w, TXC_MSG_INQUIRY);
    assert_true (inquiry->token == token && inquiry->gtrid.n == 1);
    assert_true (world_ready (&w));
    assert_non_null (strstr (world_admin (&w, "{\"command\":\"branches\"}"), "\"state\":\"prepared\""));
    w.outcome = TXC_MSG_PHASE2_COMMIT;
    w.count[TXC_MSG_PHASE2_DONE] = 0;
    world_wait (&w, TXC_MSG_PHASE2_DONE);
    assert_string_equal (world_value (&w, 2, "x"), "1");
    world_close (&w);
}

/* --- peers that do what they should not ------------------------------------------------------ */

/* A client cannot play the coordinator: what only the leader says is taken from the sockets that call it. */
static void test_client_cannot_lead (void **state)
{
    (void) state;
    world_t w;
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    uint64_t token = s_begin (&w, 1);
    assert_int_equal (s_prepare (&w, 1, token), TXC_VOTE_YES);
    w.count[TXC_MSG_PHASE2_DONE] = 0;
    txc_msg_t forged = world_message (&w, TXC_MSG_PHASE2_ROLLBACK, 1, token);
    world_to_client_side (&w, &forged);
    assert_non_null (strstr (world_admin (&w, "{\"command\":\"branches\"}"), "\"state\":\"prepared\""));
    assert_int_equal (w.count[TXC_MSG_PHASE2_DONE], 0);
    s_phase2 (&w, TXC_MSG_PHASE2_COMMIT, 1, token);
    assert_string_equal (world_value (&w, 2, "x"), "1");
    world_close (&w);
}

static void test_more_branches_than_connections (void **state)
{
    (void) state;
    world_t w;
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    for (uint64_t n = 1; n <= 4; n++) {
        assert_int_equal (world_begin (&w, n, "nop")->code, TXC_OK);
    }
    assert_int_equal (world_begin (&w, 5, "nop")->code, TXC_EOVERLOAD);
    world_close (&w);
}

/* --- operators --------------------------------------------------------------------------------- */

enum { COMMAND = 256 };

/* What an operator says of the first branch. */
static void s_resolve (char command[COMMAND], uint64_t token, const char *verdict)
{
    snprintf (command, COMMAND,
              "{\"command\":\"resolve\",\"gtrid\":\"txc-00000000000007ab.5.1p\",\"rm\":\"mem1\","
              "\"token\":\"%016lx\",\"verdict\":\"%s\"}",
              (unsigned long) token, verdict);
}

static void test_admin (void **state)
{
    (void) state;
    world_t w;
    char command[COMMAND];
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    const char *answer = world_admin (&w, "{\"command\":\"status\"}");
    assert_non_null (strstr (answer, "\"ok\":true"));
    assert_non_null (strstr (answer, "\"role\":\"txagent\""));
    assert_non_null (strstr (answer, "\"rm\":\"mem1\""));
    assert_non_null (strstr (answer, "\"registered\":true"));
    static const char *const bad[] = {
        "", "x", "[]", "{\"command\":\"format-disk\"}", "{\"command\":\"resolve\"}",
        // the parentheses tell the compiler that no comma is missing
        ("{\"command\":\"resolve\",\"gtrid\":\"txc-00000000000007ab.5.1p\",\"rm\":\"mem1\","
         "\"token\":\"1\",\"verdict\":\"commit\"}")};
    for (size_t i = 1; i < sizeof bad / sizeof *bad; i++)
        assert_non_null (strstr (world_admin (&w, bad[i]), "\"ok\":false"));

    uint64_t token = s_begin (&w, 1);
    s_resolve (command, token, "commit");
    assert_non_null (strstr (world_admin (&w, command), "\"ok\":false")); /* not in doubt */
    assert_int_equal (s_prepare (&w, 1, token), TXC_VOTE_YES);
    assert_non_null (strstr (world_admin (&w, command), "\"ok\":true"));
    while (!w.count[TXC_MSG_PHASE2_DONE]) { /* the leader decides otherwise: a heuristic, told to it */
        world_decide (&w, TXC_MSG_PHASE2_ROLLBACK, 1, token);
        assert_true (world_turn (&w));
    }
    assert_int_equal (w.got[TXC_MSG_PHASE2_DONE].heur, TXC_HEUR_COMMITTED);
    assert_string_equal (world_value (&w, 2, "x"), "1");
    world_close (&w);
}

/* What only read holds its locks: an operator may end that, too, and nobody was misled by it. */
static void test_an_operator_ends_what_only_read (void **state)
{
    (void) state;
    world_t w;
    char command[COMMAND];
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    uint64_t token = world_begin (&w, 1, "get x")->token;
    assert_int_equal (s_prepare (&w, 1, token), TXC_VOTE_READ_ONLY);
    assert_non_null (strstr (world_admin (&w, "{\"command\":\"branches\"}"), "\"read-only\""));
    s_resolve (command, token, "rollback");
    assert_non_null (strstr (world_admin (&w, command), "\"ok\":true"));
    while (strstr (world_admin (&w, "{\"command\":\"branches\"}"), "\"mem1\""))
        assert_true (world_turn (&w));
    s_phase2 (&w, TXC_MSG_PHASE2_COMMIT, 1, token);
    assert_int_equal (w.got[TXC_MSG_PHASE2_DONE].heur, TXC_HEUR_NONE);
    world_close (&w);
}

/* A leader whose log is older than what the agent has seen is refused until an operator accepts it. */
static void test_log_loss_latches (void **state)
{
    (void) state;
    world_t w;
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    w.silent = true; /* no more answers of the right cluster */
    txc_msg_t welcome = {
        .type = TXC_MSG_AGENT_WELCOME, .epoch = {2, 1}, .cluster = WORLD_CLUSTER + 1, .high_slot = 1};
    world_to_agent (&w, &welcome);
    while (w.got[TXC_MSG_AGENT_HELLO].code != TXC_ELOGLOSS)
        assert_true (world_turn (&w));
    assert_int_equal (world_begin (&w, 1, "nop")->code, TXC_ELOGLOSS);
    world_kill (&w, SIGTERM);
    w.silent = false;
    world_start (&w, NULL); /* and it remembers */
    world_wait (&w, TXC_MSG_AGENT_HELLO);
    assert_int_equal (w.got[TXC_MSG_AGENT_HELLO].code, TXC_ELOGLOSS);
    w.client_route = txc_net_connect (w.net, w.entry.endpoint, NULL);
    assert_non_null (strstr (world_admin (&w, "{\"command\":\"accept-log\"}"), "\"ok\":true"));
    w.entry.up = false;
    assert_true (world_ready (&w));
    s_begin (&w, 2);
    world_close (&w);
}

/* --- start and end -------------------------------------------------------------------------------- */

static void s_wait_end (world_t *w)
{
    while (world_turn (w))
        ;
}

static void test_sigterm_drains (void **state)
{
    (void) state;
    world_t w;
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    uint64_t token = s_begin (&w, 1);
    kill (w.pid, SIGTERM);
    for (uint64_t n = 2;; n++) { /* until the signal arrived, new branches are taken */
        const txc_msg_t *reply = world_begin (&w, n, "nop");
        if (reply->code == TXC_EOVERLOAD)
            break;
        txc_msg_t undo = world_message (&w, TXC_MSG_BRANCH_ROLLBACK, n, reply->token);
        w.count[TXC_MSG_BRANCH_ENDED] = 0;
        world_to_client_side (&w, &undo);
        world_wait (&w, TXC_MSG_BRANCH_ENDED);
    }
    assert_int_equal (s_prepare (&w, 1, token), TXC_VOTE_YES); /* the open one may end */
    s_wait_end (&w);
    assert_true (WIFEXITED (w.status) && WEXITSTATUS (w.status) == 0);
    world_start (&w, NULL);
    w.outcome = TXC_MSG_PHASE2_COMMIT;
    world_wait (&w, TXC_MSG_PHASE2_DONE);
    assert_true (world_ready (&w));
    assert_string_equal (world_value (&w, 100, "x"), "1");
    world_close (&w);
}

static void test_second_agent_on_one_journal (void **state)
{
    (void) state;
    world_t w;
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    pid_t first = w.pid;
    world_start (&w, NULL);
    s_wait_end (&w);
    assert_true (WIFEXITED (w.status) && WEXITSTATUS (w.status) == 1);
    w.pid = first;
    w.ended = 0; /* it is the first one that goes on */
    assert_true (world_ready (&w));
    s_begin (&w, 1);
    world_close (&w);
}

/* A database that cannot be had at start is told about, and served as soon as it can be had. */
static void test_unreachable_rm_is_tried_again (void **state)
{
    (void) state;
    world_t w;
    char path[96];
    world_open (&w, "");
    snprintf (path, sizeof path, "%s/store.lock", w.folder);
    int lock = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true (lock >= 0 && flock (lock, LOCK_EX | LOCK_NB) == 0);
    world_start (&w, NULL);
    world_wait (&w, TXC_MSG_AGENT_HELLO);
    w.client_route = txc_net_connect (w.net, w.entry.endpoint, NULL);
    while (!strstr (world_admin (&w, "{\"command\":\"status\"}"), "in use by another agent"))
        assert_true (world_turn (&w));
    assert_non_null (strstr (w.body, "\"up\":false"));
    assert_false (w.entry.up);
    close (lock);
    assert_true (world_ready (&w));
    s_begin (&w, 1);
    world_close (&w);
}

/* In doubt, with more participants than an agent has coordinators, and none of those says a word: it calls
 * all of them, and hears its applications nevertheless. */
static void test_who_calls_many_peers_hears_its_clients (void **state)
{
    (void) state;
    enum { PEERS = 24 };
    world_t w;
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    uint64_t token = s_begin (&w, 1);
    txc_branch_ref_t peers[PEERS + 1] = {{.token = token, .rm = "mem1"}};
    for (unsigned i = 1; i <= PEERS; i++) {
        peers[i].token = i;
        snprintf (peers[i].rm, sizeof peers[i].rm, "other%u", i);
        snprintf (peers[i].endpoint, sizeof peers[i].endpoint, "ipc://%s/nobody-%u", w.folder, i);
    }
    snprintf (peers[PEERS].endpoint, sizeof peers[PEERS].endpoint, "%s", txc_net_endpoint (w.net, 0));
    txc_msg_t prepare = world_message (&w, TXC_MSG_PREPARE, 1, token);
    prepare.count = 1;
    prepare.branches = peers;
    prepare.n_branches = PEERS + 1;
    world_to_agent (&w, &prepare);
    assert_int_equal (world_wait (&w, TXC_MSG_VOTE)->vote, TXC_VOTE_YES);
    w.silent = true;
    world_wait (&w, TXC_MSG_TERMINATE); /* the last one is called, too */
    assert_non_null (strstr (world_admin (&w, "{\"command\":\"status\"}"), "\"ok\":true"));
    world_close (&w);
}

/* Databases have texts in any encoding, and may be cut anywhere; whoever asks is to see them all the same. */
static void test_an_error_in_any_encoding_is_shown (void **state)
{
    (void) state;
    world_t w;
    world_open (&w, "    mem2\n        plugin = mem\n        file = /nowhere/\xe4\xf6/store\n");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    uint64_t until = txc_clock_ms() + 20000;
    while (!strstr (world_admin (&w, "{\"command\":\"status\"}"), "store file /nowhere/?\?/store"))
        if (txc_clock_ms() > until)
            fail_msg ("the status lacks it: %s", w.body);
    assert_non_null (strstr (w.body, "\"rm\":\"mem2\""));
    world_close (&w);
}

/* What nobody has to send is not read: neither a long command, nor a frame that is larger than any message to
 * an agent. */
static void test_what_is_too_long_is_not_read (void **state)
{
    (void) state;
    enum { LONG = 5000, HUGE = 3 << 20 };
    world_t w;
    world_open (&w, "");
    world_start (&w, NULL);
    assert_true (world_ready (&w));
    char *text = calloc (1, LONG + 1);
    memset (text, ' ', LONG);
    memcpy (text, "{\"command\":\"status\"}", 20);
    assert_non_null (strstr (world_admin (&w, text), "longer than"));
    free (text);
    void *context = zmq_ctx_new(), *socket = zmq_socket (context, ZMQ_DEALER),
         *monitor = zmq_socket (context, ZMQ_PAIR);
    assert_true (socket && monitor);
    assert_int_equal (zmq_socket_monitor (socket, "inproc://monitor", ZMQ_EVENT_DISCONNECTED), 0);
    assert_int_equal (zmq_connect (monitor, "inproc://monitor"), 0);
    assert_int_equal (zmq_connect (socket, w.entry.endpoint), 0);
    char *frame = calloc (1, HUGE);
    assert_int_equal (zmq_send (socket, frame, HUGE, 0), HUGE);
    free (frame);
    zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
    assert_int_equal (zmq_poll (&item, 1, 20000), 1); /* it is cut off */
    assert_non_null (strstr (world_admin (&w, "{\"command\":\"status\"}"), "\"malformed\":0"));
    int linger = 0;
    zmq_setsockopt (socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close (socket);
    zmq_close (monitor);
    zmq_ctx_term (context);
    world_close (&w);
}

static void test_bad_configuration (void **state)
{
    (void) state;
    static const char *const bad[] = {"        fiel = x\n", "        fault_commit = explode\n",
                                      "        connections = 0\n", "    other\n        plugin = nosuch\n",
                                      "    other\n        file = x\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        world_t w;
        world_open (&w, bad[i]);
        world_start (&w, NULL);
        s_wait_end (&w);
        assert_true (WIFEXITED (w.status) && WEXITSTATUS (w.status) == 78);
        world_close (&w);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_commit_and_rollback),
        cmocka_unit_test (test_crash_at_every_point),
        cmocka_unit_test (test_in_doubt_after_kill),
        cmocka_unit_test (test_client_cannot_lead),
        cmocka_unit_test (test_more_branches_than_connections),
        cmocka_unit_test (test_admin),
        cmocka_unit_test (test_an_operator_ends_what_only_read),
        cmocka_unit_test (test_log_loss_latches),
        cmocka_unit_test (test_sigterm_drains),
        cmocka_unit_test (test_second_agent_on_one_journal),
        cmocka_unit_test (test_unreachable_rm_is_tried_again),
        cmocka_unit_test (test_who_calls_many_peers_hears_its_clients),
        cmocka_unit_test (test_an_error_in_any_encoding_is_shown),
        cmocka_unit_test (test_what_is_too_long_is_not_read),
        cmocka_unit_test (test_bad_configuration),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
