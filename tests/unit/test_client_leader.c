/* A client of a group of replicas: it finds the one that leads, and follows when that changes. */
#include "config.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <txcoord/txcoord.h>

#include "net/txc_calls.h"
#include "txc_fake_peer.h"
#include "txc_patience.h"

enum { REPLICAS = 3, SOON_MS = 300, PATIENCE_MS = 10000, LATE_MS = 60000 };

static char s_folder[] = "/tmp/txc-leader-XXXXXX";
static char s_paths[REPLICAS][64];
static const char *s_endpoints[REPLICAS];
static txc_fake_peer_t *s_peers[REPLICAS];
static txc_client_t *s_client;

/* --- the group ------------------------------------------------------------------- */

/* Number leader leads the first n; whoever runs knows. */
static void s_lead (uint32_t leader, uint32_t n)
{
    for (int i = 0; i < REPLICAS; i++)
        if (s_peers[i])
            txc_fake_peer_set_group (s_peers[i], leader, s_endpoints, n);
}

static txc_fake_counts_t s_counts (int index)
{
    txc_fake_counts_t counts;
    txc_fake_peer_counts (s_peers[index], &counts);
    return counts;
}

static int s_setup (void **state)
{
    (void) state;
    for (int i = 0; i < REPLICAS; i++)
        s_peers[i] = txc_fake_peer_new (s_endpoints[i]);
    s_lead (1, REPLICAS);
    return 0;
}

static int s_teardown (void **state)
{
    (void) state;
    txc_client_destroy (&s_client);
    for (int i = 0; i < REPLICAS; i++)
        if (s_peers[i])
            txc_fake_peer_destroy (&s_peers[i]);
    return 0;
}

/* The client is told of the replicas with these indices only, first to last.  It soon doubts who does not
 * answer. */
static void s_connect (int first, int last)
{
    char list[256] = "";
    for (int i = first; i <= last; i++) {
        strcat (list, i > first ? "," : "");
        strcat (list, s_endpoints[i]);
    }
    s_client = txc_client_new (list, &(txc_client_options_t){.connect_timeout_ms = LATE_MS});
    assert_non_null (s_client);
}

/* It doubts nobody, and asks for everything once. */
static void s_connect_patiently (int first, int last)
{
    txc_patience_ms = PATIENCE_MS;
    s_connect (first, last);
    txc_patience_ms = 0;
}

static txc_tx_t *s_begin_two (void)
{
    txc_tx_t *tx = txc_begin (s_client, NULL);
    assert_non_null (tx);
    assert_int_equal (txc_exec (tx, "a", "x", 0, NULL, NULL), TXC_OK);
    assert_int_equal (txc_exec (tx, "b", "y", 0, NULL, NULL), TXC_OK);
    return tx;
}

static void s_transfer (void)
{
    txc_tx_t *tx = s_begin_two();
    assert_int_equal (txc_commit (tx, NULL), TXC_OK);
    txc_tx_destroy (&tx);
}

/* --- finding it ------------------------------------------------------------------- */

static void dead_endpoint_in_the_list_does_no_harm (void **state)
{
    (void) state;
    txc_fake_peer_destroy (&s_peers[0]);
    s_lead (2, REPLICAS);
    s_connect (0, 1);
    s_transfer();
    assert_true (s_counts (1).commits >= 1);
}

static void replica_that_follows_sends_the_client_on (void **state)
{
    (void) state;
    s_lead (3, REPLICAS); /* where the client was never told to look */
    s_connect_patiently (0, 1);
    s_transfer();
    s_transfer();
    assert_int_equal (s_counts (2).commits, 2);
    assert_int_equal (s_counts (0).opened + s_counts (1).opened, 0);
    assert_int_equal (s_counts (0).redirected, 1); /* it remembers */
    assert_int_equal (s_counts (1).frames, 0);
}

static void group_without_leader_is_told_from_silence (void **state)
{
    (void) state;
    s_lead (0, REPLICAS);
    txc_client_options_t options = {.connect_timeout_ms = SOON_MS};
    do { /* until it has answered in time */
        assert_null (txc_client_new (s_endpoints[0], &options));
        options.connect_timeout_ms *= 2;
    } while (txc_last_error().code == TXC_ECONN && options.connect_timeout_ms < LATE_MS);
    assert_int_equal (txc_last_error().code, TXC_ENOTLEADER);
    assert_non_null (strstr (txc_last_error().text, "no leader"));
    assert_non_null (strstr (txc_last_error().text, s_endpoints[0]));
    txc_fake_peer_set_silent (s_peers[0], true);
    options.connect_timeout_ms = SOON_MS;
    assert_null (txc_client_new (s_endpoints[0], &options));
    assert_int_equal (txc_last_error().code, TXC_ECONN);
}

/* --- following it -------------------------------------------------------------------- */

/* A commit that is under way when its leader dies is taken over, in the same session. */
static void s_fail_over (int next)
{
    txc_fake_peer_set_outcome (s_peers[0], TXC_PENDING, "");
    txc_tx_t *tx = s_begin_two();
    assert_int_equal (txc_commit_async (tx), TXC_OK);
    while (s_counts (0).commits == 0)
        assert_int_equal (txc_commit_poll (tx), TXC_PENDING);
    s_lead ((uint32_t) next + 1, REPLICAS);
    txc_fake_peer_set_silent (s_peers[0], true);
    assert_int_equal (txc_commit (tx, NULL), TXC_OK);
    txc_tx_destroy (&tx);
    assert_true (s_counts (next).commits >= 1);
    assert_int_equal (s_counts (next).opened, 0);
    assert_int_equal (s_counts (0).opened, 1);
}

static void commit_outlives_its_leader (void **state)
{
    (void) state;
    s_connect (0, 2);
    s_fail_over (2);
}

/* It was told of one replica, and learnt of the others from it. */
static void members_are_learnt_from_a_leader_that_is_well (void **state)
{
    (void) state;
    s_connect (0, 0);
    s_fail_over (1);
}

/* The keepalive's answer tells of a group that has grown. */
static void members_that_came_later_are_learnt (void **state)
{
    (void) state;
    s_lead (1, 1);
    s_connect (0, 0);
    s_transfer();
    s_lead (1, 2);
    unsigned keepalives = s_counts (0).keepalives;
    while (s_counts (0).keepalives == keepalives) /* the keeper sends one soon */
        poll (NULL, 0, 5);
    s_fail_over (1);
}

/* A leader that only handed over is alive, and says so: nothing waits for a time-out. */
static void leader_that_hands_over_is_left_at_once (void **state)
{
    (void) state;
    s_connect_patiently (0, 0);
    s_transfer();
    s_lead (2, REPLICAS);
    s_transfer();
    assert_int_equal (s_counts (0).commits, 1);
    assert_in_range (s_counts (0).redirected, 1, 2); /* a keepalive, too */
    assert_int_equal (s_counts (1).commits, 1);
    s_lead (1, REPLICAS);
    s_transfer();
    assert_int_equal (s_counts (0).commits, 2);
}

/* All replicas moved: the two that the client knew are none any more, and only the last place answers. */
static void endpoint_that_changed_is_followed (void **state)
{
    (void) state;
    s_lead (1, 1);
    s_connect_patiently (0, 0);
    const char *moved[] = {s_endpoints[2]};
    txc_fake_peer_set_group (s_peers[0], 1, moved, 1);
    txc_fake_peer_set_group (s_peers[2], 1, moved, 1);
    s_transfer();
    s_transfer();
    assert_in_range (s_counts (0).redirected, 1, 2);
    assert_int_equal (s_counts (2).commits, 2);
}

/* --- the calls themselves --------------------------------------------------------------- */

static const char *s_nth (const void *arg, uint32_t i)
{
    return ((const char *const *) arg)[i];
}

static uint32_t s_routes (const txc_net_t *net)
{
    txc_net_counters_t counters;
    txc_net_counters (net, &counters);
    return counters.routes;
}

static void calls_are_made_when_needed_and_given_up_when_not (void **state)
{
    (void) state;
    txc_net_t *net = txc_net_new (NULL);
    txc_calls_t calls = {0};
    uint64_t a = txc_calls_route (&calls, net, "ipc:///nowhere/a"), b;
    assert_true (a != 0);
    assert_true (txc_calls_route (&calls, net, "ipc:///nowhere/a") == a);
    unsigned version = calls.version;
    b = txc_calls_route (&calls, net, "ipc:///nowhere/b");
    assert_true (b != 0 && b != a && calls.version != version);
    assert_int_equal (s_routes (net), 2);
    assert_true (txc_calls_route (&calls, net, "nonsense") == 0);
    static const char *const both[] = {"ipc:///nowhere/b", "ipc:///nowhere/a", NULL};
    version = calls.version;
    txc_calls_keep (&calls, net, s_nth, both);
    assert_int_equal (calls.version, version);
    txc_calls_keep (&calls, net, s_nth, both + 1);
    assert_int_equal (s_routes (net), 1);
    assert_string_equal (txc_calls_endpoint (&calls, a), "ipc:///nowhere/a");
    assert_null (txc_calls_endpoint (&calls, b));
    assert_int_not_equal (calls.version, version);
    assert_true (txc_calls_route (&calls, net, "ipc:///nowhere/b") != b);
    char endpoint[64];
    for (int i = 0; i < TXC_CALLS_MAX - 2; i++) {
        snprintf (endpoint, sizeof endpoint, "ipc:///nowhere/%d", i);
        assert_true (txc_calls_route (&calls, net, endpoint) != 0);
    }
    assert_true (txc_calls_route (&calls, net, "ipc:///nowhere/more") == 0);
    txc_net_destroy (&net);
}

static void lists_are_taken_apart (void **state)
{
    (void) state;
    static char endpoints[TXC_REPLICAS_MAX][TXC_ENDPOINT_MAX + 1];
    uint32_t n;
    txc_error_t error;
    assert_int_equal (txc_calls_parse (" tcp://a:1 ,tcp://b:2", endpoints, &n, &error), TXC_OK);
    assert_int_equal (n, 2);
    assert_string_equal (endpoints[0], "tcp://a:1");
    assert_string_equal (endpoints[1], "tcp://b:2");
    static const char *const wrong[] = {
        "",
        ",",
        "tcp://a:1,",
        "tcp://a:1 tcp://b:2",
        "tcp://a:1,b",
        "ipc:///1,ipc:///2,ipc:///3,ipc:///4,ipc:///5,ipc:///6,ipc:///7,ipc:///8"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        error.text[0] = '\0';
        assert_true (txc_calls_parse (wrong[i], endpoints, &n, &error) < 0);
        assert_true (error.text[0] != '\0');
    }
}

int main (void)
{
    if (!mkdtemp (s_folder))
        return 1;
    for (int i = 0; i < REPLICAS; i++) {
        snprintf (s_paths[i], sizeof s_paths[i], "ipc://%s/%d", s_folder, i + 1);
        s_endpoints[i] = s_paths[i];
    }
#define TEST(function) cmocka_unit_test_setup_teardown (function, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        TEST (dead_endpoint_in_the_list_does_no_harm),
        TEST (replica_that_follows_sends_the_client_on),
        TEST (group_without_leader_is_told_from_silence),
        TEST (commit_outlives_its_leader),
        TEST (members_are_learnt_from_a_leader_that_is_well),
        TEST (members_that_came_later_are_learnt),
        TEST (leader_that_hands_over_is_left_at_once),
        TEST (endpoint_that_changed_is_followed),
        cmocka_unit_test (calls_are_made_when_needed_and_given_up_when_not),
        cmocka_unit_test (lists_are_taken_apart),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    for (int i = 0; i < REPLICAS; i++)
        unlink (s_paths[i] + strlen ("ipc://"));
    rmdir (s_folder);
    return failed;
}
