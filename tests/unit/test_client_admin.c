/* How txctl finds a daemon that answers, and the replica that leads. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "txc_fake_peer.h"
#include "txctl/tool_admin.h"

enum { REPLICAS = 3, SOON_MS = 1000, LATE_MS = 20000 };

#define DONE    "{\"ok\": true, \"text\": \"done\"}"
#define NOBODY  "{\"ok\": false, \"code\": -18, \"error\": \"not me\", \"leader\": null}"
#define PATIENT "{\"ok\": false, \"code\": -27, \"error\": \"in a moment\"}"

static char s_folder[] = "/tmp/txc-admin-XXXXXX";
static char s_endpoints[REPLICAS][64];
static char s_named[REPLICAS][320]; /* what a replica answers that names this one as the leader */
static txc_fake_peer_t *s_peers[REPLICAS];
static txc_error_t s_error;

static int s_setup (void **state)
{
    (void) state;
    for (int i = 0; i < REPLICAS; i++)
        s_peers[i] = txc_fake_peer_new (s_endpoints[i]);
    return 0;
}

static int s_teardown (void **state)
{
    (void) state;
    for (int i = 0; i < REPLICAS; i++)
        if (s_peers[i])
            txc_fake_peer_destroy (&s_peers[i]);
    return 0;
}

static unsigned s_asked (int index)
{
    txc_fake_counts_t counts;
    txc_fake_peer_counts (s_peers[index], &counts);
    return counts.admin;
}

/* Asks the first n; the code. */
static int s_ask (int n, uint32_t timeout_ms)
{
    char list[256] = "";
    for (int i = 0; i < n; i++) {
        strcat (list, i ? "," : "");
        strcat (list, s_endpoints[i]);
    }
    json_t *request = json_pack ("{s:s}", "command", "leader-transfer");
    json_t *answer = tool_admin_ask (list, request, timeout_ms, &s_error);
    json_decref (request);
    if (!answer)
        return s_error.code;
    assert_string_equal (tool_admin_text (answer, "text"), "done");
    json_decref (answer);
    return TXC_OK;
}

/* The same, for answers that come when the time is over: with more of it until a busy machine has given them.
 */
static unsigned s_rounds; /* that it took */

static int s_ask_soon (int n, int expected)
{
    uint32_t timeout_ms = SOON_MS;
    int code;
    s_rounds = 0;
    do {
        code = s_ask (n, timeout_ms);
        timeout_ms *= 2;
        s_rounds++;
    } while (code != expected && timeout_ms <= LATE_MS);
    return code;
}

static void dead_endpoint_is_passed_over (void **state)
{
    (void) state;
    txc_fake_peer_destroy (&s_peers[0]);
    txc_fake_peer_set_admin (s_peers[1], DONE);
    assert_int_equal (s_ask (2, LATE_MS), TXC_OK);
}

static void leader_is_followed_wherever_it_is (void **state)
{
    (void) state;
    txc_fake_peer_set_admin (s_peers[0], s_named[2]);
    txc_fake_peer_set_admin (s_peers[2], DONE);
    assert_int_equal (s_ask (2, LATE_MS), TXC_OK);
    assert_int_equal (s_asked (0), 1);
    assert_int_equal (s_asked (1), 0);
    assert_int_equal (s_asked (2), 1);
}

static void group_without_leader_is_told (void **state)
{
    (void) state;
    txc_fake_peer_destroy (&s_peers[0]);
    txc_fake_peer_set_admin (s_peers[1], NOBODY);
    assert_int_equal (s_ask_soon (2, TXC_ENOTLEADER), TXC_ENOTLEADER);
    assert_non_null (strstr (s_error.text, "most of its replicas"));
}

/* The followers have not noticed yet that their leader is dead. */
static void leader_that_is_dead_is_named (void **state)
{
    (void) state;
    txc_fake_peer_destroy (&s_peers[2]);
    txc_fake_peer_set_admin (s_peers[0], s_named[2]);
    assert_int_equal (s_ask_soon (1, TXC_ENOTLEADER), TXC_ENOTLEADER);
    assert_non_null (strstr (s_error.text, s_endpoints[2]));
}

static void two_that_point_at_each_other_are_not_flooded (void **state)
{
    (void) state;
    txc_fake_peer_set_admin (s_peers[0], s_named[1]);
    txc_fake_peer_set_admin (s_peers[1], s_named[0]);
    assert_int_equal (s_ask_soon (2, TXC_ENOTLEADER), TXC_ENOTLEADER);
    assert_true (s_asked (0) > 1 && s_asked (0) + s_asked (1) < 200 * ((1u << s_rounds) - 1));
}

/* A command that takes its time is not given twice. */
static void slow_leader_is_asked_once (void **state)
{
    (void) state;
    txc_fake_peer_set_admin (s_peers[1], s_named[0]);
    txc_fake_peer_set_admin (s_peers[2], s_named[0]);
    assert_int_equal (s_ask_soon (3, TXC_ENOTLEADER), TXC_ENOTLEADER);
    assert_int_equal (s_asked (0), s_rounds);
    assert_true (s_asked (1) > 0);
}

static void who_is_not_ready_is_asked_again (void **state)
{
    (void) state;
    txc_fake_peer_set_admin (s_peers[0], PATIENT);
    txc_fake_peer_set_admin (s_peers[1], s_named[0]);
    unsigned others;
    uint32_t timeout_ms = SOON_MS;
    int code;
    do { /* who is silent for half of the time is passed over */
        others = s_asked (1);
        code = s_ask (2, timeout_ms);
        timeout_ms *= 2;
    } while ((code != TXC_ENOTREADY || s_asked (1) > others) && timeout_ms <= LATE_MS);
    assert_int_equal (code, TXC_ENOTREADY);
    assert_string_equal (s_error.text, "in a moment");
    assert_true (s_asked (0) > 1);
    assert_int_equal (s_asked (1), others);
}

static void other_refusals_are_final (void **state)
{
    (void) state;
    txc_fake_peer_set_admin (s_peers[0], "{\"ok\": false, \"code\": -2, \"error\": \"never\"}");
    txc_fake_peer_set_admin (s_peers[1], DONE);
    assert_int_equal (s_ask (2, LATE_MS), -2);
    assert_string_equal (s_error.text, "never");
    txc_fake_peer_set_admin (s_peers[0], "nonsense");
    assert_int_equal (s_ask (2, LATE_MS), TXC_EPROTO);
    assert_int_equal (s_asked (1), 0);
}

static void silence_is_told (void **state)
{
    (void) state;
    assert_int_equal (s_ask (2, SOON_MS), TXC_ECONN);
    assert_non_null (strstr (s_error.text, s_endpoints[0]));
    json_t *request = json_pack ("{s:s}", "command", "status");
    assert_null (tool_admin_ask ("nonsense", request, SOON_MS, &s_error));
    assert_int_equal (s_error.code, TXC_ECONFIG);
    json_decref (request);
}

static void all_are_asked_at_once (void **state)
{
    (void) state;
    const char *endpoints[] = {s_endpoints[0], s_endpoints[1], "nonsense", s_endpoints[2]};
    json_t *answers[4], *request = json_pack ("{s:s}", "command", "status");
    txc_fake_peer_set_admin (s_peers[1], DONE);
    txc_fake_peer_set_admin (s_peers[2], NOBODY);
    uint32_t timeout_ms = SOON_MS;
    do {
        tool_admin_ask_all (endpoints, 4, request, timeout_ms, answers);
        timeout_ms *= 2;
    } while (!answers[1] && timeout_ms <= LATE_MS);
    assert_null (answers[0]);
    assert_non_null (answers[1]);
    assert_null (answers[2]);
    assert_null (answers[3]);
    json_decref (answers[1]);
    json_decref (request);
}

int main (void)
{
    if (!mkdtemp (s_folder))
        return 1;
    for (int i = 0; i < REPLICAS; i++) {
        snprintf (s_endpoints[i], sizeof s_endpoints[i], "ipc://%s/%d", s_folder, i + 1);
        snprintf (s_named[i], sizeof s_named[i],
                  "{\"ok\": false, \"code\": -18, \"error\": \"not me\", \"leader\": {\"replica\": %d, "
                  "\"endpoint\": \"%s\"}}",
                  i + 1, s_endpoints[i]);
    }
#define TEST(function) cmocka_unit_test_setup_teardown (function, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        TEST (dead_endpoint_is_passed_over),
        TEST (leader_is_followed_wherever_it_is),
        TEST (group_without_leader_is_told),
        TEST (leader_that_is_dead_is_named),
        TEST (two_that_point_at_each_other_are_not_flooded),
        TEST (slow_leader_is_asked_once),
        TEST (who_is_not_ready_is_asked_again),
        TEST (other_refusals_are_final),
        TEST (silence_is_told),
        TEST (all_are_asked_at_once),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    for (int i = 0; i < REPLICAS; i++)
        unlink (s_endpoints[i] + strlen ("ipc://"));
    rmdir (s_folder);
    return failed;
}
