/*
 * test_net.c - messages over real sockets: batching, bad peers, lost peers, bounds.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "net/txc_endpoint.h"
#include "net/txc_net.h"
#include "net/txc_routes.h"
#include "wire/txc_frame.h"

enum { PATIENCE_MS = 60000 };

/* What a visit saw. */
typedef struct s_seen {
    txc_net_t *net;
    unsigned messages;
    uint64_t last_route, last_nonce;
    bool echo;
    unsigned reports;
} s_seen_t;

static void s_visit (void *arg, const txc_msg_t *message)
{
    s_seen_t *seen = arg;
    seen->messages++;
    seen->last_route = message->route;
    seen->last_nonce = message->nonce;
    if (seen->echo)
        txc_net_send (seen->net, message->route, message);
}

static void s_report (void *arg, const char *text)
{
    ((s_seen_t *) arg)->reports++;
    assert_non_null (strstr (text, "thrown away"));
}

static uint64_t s_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* Receives until `messages` were seen in all; fails when that takes too long. */
static void s_await (s_seen_t *seen, unsigned messages)
{
    uint64_t end_ms = s_now_ms() + PATIENCE_MS;
    while (seen->messages < messages && s_now_ms() < end_ms) {
        txc_net_poll (seen->net, NULL, NULL, 0, 100);
        txc_net_receive (seen->net, s_visit, seen, 100);
        txc_net_flush (seen->net);
    }
    assert_int_equal (seen->messages, messages);
}

static void s_send (txc_net_t *net, uint64_t route, uint64_t nonce)
{
    txc_msg_t message = {.type = TXC_MSG_SESSION_OPEN, .nonce = nonce};
    assert_int_equal (txc_net_send (net, route, &message), TXC_OK);
}

static txc_net_t *s_listen (const char *endpoint, const txc_net_config_t *config)
{
    txc_net_t *net = txc_net_new (config);
    assert_non_null (net);
    txc_error_t error;
    if (txc_net_bind (net, endpoint, false, &error))
        fail_msg ("%s", error.text);
    return net;
}

static txc_net_counters_t s_counters (const txc_net_t *net)
{
    txc_net_counters_t counters;
    txc_net_counters (net, &counters);
    return counters;
}

/* --- both ways, batched ------------------------------------------------------- */

static void s_check_both_ways (const char *endpoint)
{
    txc_net_t *server = s_listen (endpoint, NULL), *client = txc_net_new (NULL);
    uint64_t route = txc_net_connect (client, txc_net_endpoint (server, 0), NULL);
    assert_int_not_equal (route, 0);
    for (unsigned i = 1; i <= 300; i++)
        s_send (client, route, i);
    txc_net_flush (client);
    assert_int_equal (s_counters (client).frames_out, 1);
    assert_int_equal (s_counters (client).messages_out, 300);

    s_seen_t at_server = {.net = server, .echo = true}, at_client = {.net = client};
    s_await (&at_server, 300);
    assert_int_equal (s_counters (server).frames_in, 1);
    s_await (&at_client, 300);
    assert_int_equal (at_client.last_route, route);
    assert_int_equal (at_client.last_nonce, 300);
    assert_int_equal (s_counters (client).frames_in, 1);
    txc_net_destroy (&client);
    txc_net_destroy (&server);
    assert_null (server);
}

static void test_both_ways_over_tcp (void **state)
{
    (void) state;
    s_check_both_ways ("tcp://127.0.0.1:*");
}

/* A folder with the socket that was bound in it, which ZeroMQ may leave there. */
static void s_remove (const char *folder)
{
    char path[64];
    snprintf (path, sizeof path, "%s/socket", folder);
    unlink (path);
    assert_int_equal (rmdir (folder), 0);
}

static void test_both_ways_over_ipc (void **state)
{
    (void) state;
    char folder[] = "/tmp/txc-net-XXXXXX", endpoint[64];
    assert_non_null (mkdtemp (folder));
    snprintf (endpoint, sizeof endpoint, "ipc://%s/socket", folder);
    s_check_both_ways (endpoint);
    s_remove (folder);
}

/* More than one frame can hold leaves in several. */
static void test_a_full_frame_leaves_by_itself (void **state)
{
    (void) state;
    txc_net_t *server = s_listen ("tcp://127.0.0.1:*", NULL), *client = txc_net_new (NULL);
    uint64_t route = txc_net_connect (client, txc_net_endpoint (server, 0), NULL);
    unsigned count = TXC_FRAME_MESSAGES_MAX * 2 + 10;
    for (unsigned i = 1; i <= count; i++)
        s_send (client, route, i);
    txc_net_flush (client);
    assert_int_equal (s_counters (client).frames_out, 3);
    s_seen_t seen = {.net = server};
    s_await (&seen, count);
    assert_int_equal (seen.last_nonce, count);
    txc_net_destroy (&client);
    txc_net_destroy (&server);
}

static void test_a_message_that_no_frame_holds_is_refused (void **state)
{
    (void) state;
    txc_net_t *server = s_listen ("tcp://127.0.0.1:*", NULL), *client = txc_net_new (NULL);
    uint64_t route = txc_net_connect (client, txc_net_endpoint (server, 0), NULL);
    txc_msg_t large = {.type = TXC_MSG_ADMIN, .body = txc_blob_new (NULL, TXC_FRAME_MAX + 1)};
    assert_non_null (large.body);
    memset (txc_blob_edit (large.body), 'x', TXC_FRAME_MAX + 1);
    assert_int_not_equal (txc_net_send (client, route, &large), TXC_OK);
    txc_blob_destroy (&large.body);
    s_send (client, route, 7);
    txc_net_flush (client);
    s_seen_t seen = {.net = server};
    s_await (&seen, 1);
    assert_int_equal (seen.last_nonce, 7);
    txc_net_destroy (&client);
    txc_net_destroy (&server);
}

static void test_several_endpoints_and_callers (void **state)
{
    (void) state;
    txc_net_t *server = s_listen ("tcp://127.0.0.1:*", NULL), *client = txc_net_new (NULL);
    assert_int_equal (txc_net_bind (server, "tcp://127.0.0.1:*", false, NULL), TXC_OK);
    assert_null (txc_net_endpoint (server, 2));
    assert_string_not_equal (txc_net_endpoint (server, 0), txc_net_endpoint (server, 1));
    uint64_t first = txc_net_connect (client, txc_net_endpoint (server, 0), NULL);
    uint64_t second = txc_net_connect (client, txc_net_endpoint (server, 1), NULL);
    assert_int_not_equal (first, second);
    s_send (client, first, 1);
    s_send (client, second, 2);
    txc_net_flush (client);
    s_seen_t at_server = {.net = server, .echo = true}, at_client = {.net = client};
    s_await (&at_server, 2);
    s_await (&at_client, 2);
    assert_int_equal (s_counters (server).routes, 2);
    txc_net_disconnect (client, first);
    txc_msg_t message = {.type = TXC_MSG_SESSION_OPEN, .nonce = 1};
    assert_int_equal (txc_net_send (client, first, &message), TXC_ECONN);
    s_send (client, second, 3);
    txc_net_flush (client);
    s_await (&at_server, 3);
    txc_net_destroy (&client);
    txc_net_destroy (&server);
}

static void test_budget_bounds_a_round (void **state)
{
    (void) state;
    txc_net_t *server = s_listen ("tcp://127.0.0.1:*", NULL), *client = txc_net_new (NULL);
    uint64_t route = txc_net_connect (client, txc_net_endpoint (server, 0), NULL);
    for (unsigned i = 1; i <= 5; i++) {
        s_send (client, route, i);
        txc_net_flush (client);
    }
    s_seen_t seen = {.net = server};
    s_await (&seen, 5);
    assert_int_equal (s_counters (client).frames_out, 5);
    for (unsigned i = 1; i <= 5; i++) {
        s_send (client, route, i);
        txc_net_flush (client);
    }
    seen.messages = 0;
    uint64_t end_ms = s_now_ms() + PATIENCE_MS;
    while (seen.messages < 5 && s_now_ms() < end_ms) {
        txc_net_poll (server, NULL, NULL, 0, 100);
        unsigned before = seen.messages;
        assert_in_range (txc_net_receive (server, s_visit, &seen, 2), 0, 2);
        assert_in_range (seen.messages - before, 0, 2);
    }
    assert_int_equal (seen.messages, 5);
    txc_net_destroy (&client);
    txc_net_destroy (&server);
}

/* --- bad peers ------------------------------------------------------------------- */

/* A raw peer, with ZeroMQ but without txc_net. */
typedef struct s_raw {
    void *context, *socket;
} s_raw_t;

static s_raw_t s_raw_open (const char *endpoint)
{
    s_raw_t raw = {.context = zmq_ctx_new()};
    raw.socket = zmq_socket (raw.context, ZMQ_DEALER);
    int linger = 1000;
    zmq_setsockopt (raw.socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal (zmq_connect (raw.socket, endpoint), 0);
    return raw;
}

static void s_raw_close (s_raw_t *raw)
{
    zmq_close (raw->socket);
    zmq_ctx_term (raw->context);
}

static void s_await_malformed (s_seen_t *seen, uint64_t count)
{
    uint64_t end_ms = s_now_ms() + PATIENCE_MS;
    while (s_counters (seen->net).malformed < count && s_now_ms() < end_ms) {
        txc_net_poll (seen->net, NULL, NULL, 0, 100);
        txc_net_receive (seen->net, s_visit, seen, 1000);
    }
    assert_int_equal (s_counters (seen->net).malformed, count);
}

/* Frames of random bytes, empty ones, cut ones, several parts: all are counted, none is visited, few are
 * told. */
static void test_malformed_frames_are_dropped (void **state)
{
    (void) state;
    s_seen_t seen = {0};
    uint64_t began_ms = s_now_ms();
    txc_net_config_t config = {.report = s_report, .arg = &seen};
    seen.net = s_listen ("tcp://127.0.0.1:*", &config);
    s_raw_t raw = s_raw_open (txc_net_endpoint (seen.net, 0));

    unsigned random = 12345;
    for (unsigned i = 0; i < 200; i++) {
        uint8_t bytes[512];
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t) ((random = random * 1103515245 + 12345) >> 16);
        bytes[0] = 0xff; /* a varint without an end is never a frame, whatever follows */
        memset (bytes, 0xff, 12);
        assert_true (zmq_send (raw.socket, bytes, 12 + i * 2, 0) >= 0);
    }
    zmq_send (raw.socket, "a", 1, ZMQ_SNDMORE);
    zmq_send (raw.socket, "b", 1, ZMQ_SNDMORE);
    zmq_send (raw.socket, "c", 1, 0);
    s_await_malformed (&seen, 201);

    /* A right frame, cut at each length, and of another version. */
    txc_frame_t *frame = txc_frame_new();
    txc_msg_t message = {.type = TXC_MSG_SESSION_OPEN, .nonce = 99};
    assert_int_equal (txc_frame_add (frame, &message), TXC_OK);
    size_t size;
    const void *bytes = txc_frame_data (frame, &size);
    s_seen_t cut = {0};
    uint64_t expected = 201;
    for (size_t i = 1; i < size; i++) {
        zmq_send (raw.socket, bytes, i, 0);
        expected += txc_frame_read (bytes, i, s_visit, &cut) != TXC_OK;
    }
    assert_int_equal (cut.messages, 0); /* one cut behind the version is a right frame without messages */
    zmq_send (raw.socket, bytes, size, 0);
    txc_frame_destroy (&frame);
    s_await (&seen, 1);
    assert_int_equal (seen.last_nonce, 99);
    assert_int_equal (s_counters (seen.net).malformed, expected);
    assert_in_range (seen.reports, 1, 5 * ((s_now_ms() - began_ms) / 10000 + 2)); /* five in ten seconds */
    s_raw_close (&raw);
    txc_net_destroy (&seen.net);
}

/* A frame above max_frame cuts the peer off; others are served. */
static void test_a_frame_that_is_too_large_cuts_its_sender_off (void **state)
{
    (void) state;
    txc_net_config_t config = {.max_frame = 1 << 16};
    s_seen_t seen = {.net = s_listen ("tcp://127.0.0.1:*", &config)};
    s_raw_t raw = s_raw_open (txc_net_endpoint (seen.net, 0));
    void *large = calloc (1, 1 << 17);
    zmq_send (raw.socket, large, 1 << 17, 0);
    free (large);
    txc_net_t *client = txc_net_new (NULL);
    uint64_t route = txc_net_connect (client, txc_net_endpoint (seen.net, 0), NULL);
    s_send (client, route, 5);
    txc_net_flush (client);
    s_await (&seen, 1);
    assert_int_equal (s_counters (seen.net).frames_in, 1);
    txc_net_destroy (&client);
    s_raw_close (&raw);
    txc_net_destroy (&seen.net);
}

/* Bytes that are not even ZeroMQ's protocol. */
static void test_a_peer_that_does_not_speak_zeromq (void **state)
{
    (void) state;
    char folder[] = "/tmp/txc-net-XXXXXX", endpoint[64];
    assert_non_null (mkdtemp (folder));
    snprintf (endpoint, sizeof endpoint, "ipc://%s/socket", folder);
    s_seen_t seen = {.net = s_listen (endpoint, NULL)};
    for (int i = 0; i < 20; i++) {
        struct {
            unsigned short family;
            char path[108];
        } address = {.family = AF_UNIX};
        snprintf (address.path, sizeof address.path, "%s/socket", folder);
        int fd = socket (AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal (connect (fd, (struct sockaddr *) &address, sizeof address), 0);
        char junk[256];
        memset (junk, i * 13, sizeof junk);
        (void) !write (fd, junk, sizeof junk);
        close (fd);
    }
    txc_net_t *client = txc_net_new (NULL);
    uint64_t route = txc_net_connect (client, endpoint, NULL);
    s_send (client, route, 5);
    txc_net_flush (client);
    s_await (&seen, 1);
    txc_net_destroy (&client);
    txc_net_destroy (&seen.net);
    s_remove (folder);
}

/* --- lost peers, bounds ------------------------------------------------------------ */

/* A peer that went away: messages to it are dropped and counted, its route is forgotten. */
static void test_a_peer_that_is_gone (void **state)
{
    (void) state;
    s_seen_t seen = {.net = s_listen ("tcp://127.0.0.1:*", NULL)};
    txc_net_t *client = txc_net_new (NULL);
    uint64_t route = txc_net_connect (client, txc_net_endpoint (seen.net, 0), NULL);
    s_send (client, route, 5);
    txc_net_flush (client);
    s_await (&seen, 1);
    txc_net_destroy (&client);
    uint64_t end_ms = s_now_ms() + PATIENCE_MS;
    txc_msg_t message = {.type = TXC_MSG_SESSION_OPEN, .nonce = 1};
    while (txc_net_send (seen.net, seen.last_route, &message) == TXC_OK && s_now_ms() < end_ms) {
        txc_net_flush (seen.net);
        txc_net_poll (seen.net, NULL, NULL, 0, 1);
    }
    assert_int_equal (txc_net_send (seen.net, seen.last_route, &message), TXC_ECONN);
    assert_true (s_counters (seen.net).dropped >= 2);
    assert_int_equal (s_counters (seen.net).routes, 0);
    txc_net_destroy (&seen.net);
}

/* Nobody reads: what waits is bounded, and sending never blocks. */
static void test_a_peer_that_does_not_read (void **state)
{
    (void) state;
    txc_net_config_t config = {.queue = 4};
    txc_net_t *client = txc_net_new (&config);
    uint64_t route = txc_net_connect (client, "tcp://127.0.0.1:1", NULL); /* nobody listens on port 1 */
    for (unsigned i = 0; i < 100; i++) {
        s_send (client, route, i + 1);
        txc_net_flush (client);
    }
    assert_int_equal (s_counters (client).messages_out, 4);
    assert_int_equal (s_counters (client).dropped, 96);
    txc_net_destroy (&client);
}

/* What waits from a peer is bounded, and the peer hangs up meanwhile.  ZeroMQ's heartbeats ended the process.
 */
static void test_a_peer_that_fills_the_queue_and_leaves (void **state)
{
    (void) state;
    enum { QUEUE = 4, FRAMES = 100, HEARTBEATS_MS = 1200 };
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "ipc:///tmp/txc-net-%d", (int) getpid());
    txc_net_config_t config = {.queue = QUEUE};
    s_seen_t server = {.net = s_listen (endpoint, NULL)}, client = {.net = txc_net_new (&config)};
    uint64_t route = txc_net_connect_fresh (client.net, endpoint, NULL);
    while (server.messages == 0) { /* what is sent before there is a connection is dropped */
        s_send (client.net, route, 1);
        txc_net_flush (client.net);
        txc_net_poll (server.net, NULL, NULL, 0, 20);
        txc_net_receive (server.net, s_visit, &server, 1);
    }
    for (unsigned i = 0; i < FRAMES; i++) {
        s_send (server.net, server.last_route, i + 1);
        txc_net_flush (server.net);
    }
    txc_net_poll (client.net, NULL, NULL, 0, PATIENCE_MS);
    txc_net_destroy (&server.net);
    poll (NULL, 0, HEARTBEATS_MS);
    assert_in_range (txc_net_receive (client.net, s_visit, &client, FRAMES), 1, FRAMES);
    txc_net_destroy (&client.net);
    unlink (endpoint + strlen ("ipc://"));
}

/* Peers that come again and again push out the least lately used route, never more than max are kept. */
static void test_the_table_of_routes_is_bounded (void **state)
{
    (void) state;
    txc_net_config_t config = {.max_routes = 4};
    s_seen_t seen = {.net = s_listen ("tcp://127.0.0.1:*", &config)};
    txc_net_t *faithful = txc_net_new (NULL);
    uint64_t up = txc_net_connect (faithful, txc_net_endpoint (seen.net, 0), NULL), kept = 0;
    for (unsigned i = 0; i < 20; i++) {
        s_send (faithful, up, 1);
        txc_net_flush (faithful);
        s_await (&seen, 2 * i + 1);
        assert_true (kept == 0 || kept == seen.last_route);
        kept = seen.last_route;
        txc_net_t *passing = txc_net_new (&(txc_net_config_t){.linger_ms = PATIENCE_MS});
        s_send (passing, txc_net_connect (passing, txc_net_endpoint (seen.net, 0), NULL), 2);
        txc_net_destroy (&passing);
        s_await (&seen, 2 * i + 2);
        assert_true (seen.last_route > kept);
        assert_in_range (s_counters (seen.net).routes, 1, 4);
    }
    assert_int_equal (s_counters (seen.net).evicted, 20 + 1 - 4);
    txc_net_destroy (&faithful);
    txc_net_destroy (&seen.net);
}

static void test_routes_by_identity (void **state)
{
    (void) state;
    txc_routes_t routes;
    txc_routes_init (&routes, 2, 42);
    txc_route_t *a = txc_routes_add_peer (&routes, "a", 1), *b = txc_routes_add_peer (&routes, "b", 1);
    uint64_t a_number = a->number;
    assert_ptr_equal (txc_routes_find_peer (&routes, "b", 1), b);
    assert_null (txc_routes_find_peer (&routes, "ba", 2));
    assert_ptr_equal (txc_routes_victim (&routes), a);
    txc_routes_touch (&routes, a);
    assert_ptr_equal (txc_routes_victim (&routes), b);
    txc_routes_remove (&routes, a);
    assert_null (txc_routes_victim (&routes));
    assert_null (txc_routes_find (&routes, a_number));
    assert_true (txc_routes_add_peer (&routes, "a", 1)->number > b->number);
    txc_routes_fini (&routes);
}

static void test_poll_tells_about_other_descriptors (void **state)
{
    (void) state;
    txc_net_t *net = s_listen ("tcp://127.0.0.1:*", NULL);
    int pipes[2];
    bool readable[1];
    assert_int_equal (pipe (pipes), 0);
    assert_false (txc_net_poll (net, pipes, readable, 1, 0));
    assert_false (readable[0]);
    assert_int_equal (write (pipes[1], "x", 1), 1);
    assert_false (txc_net_poll (net, pipes, readable, 1, PATIENCE_MS));
    assert_true (readable[0]);
    close (pipes[0]);
    close (pipes[1]);
    txc_net_destroy (&net);
}

/* A forked child gives its parent's object up; the parent's goes on. */
static void test_abandon_in_a_forked_child (void **state)
{
    (void) state;
    txc_net_t *server = s_listen ("tcp://127.0.0.1:*", NULL), *client = txc_net_new (NULL);
    uint64_t route = txc_net_connect (client, txc_net_endpoint (server, 0), NULL);
    s_send (client, route, 1);
    pid_t child = fork();
    if (child == 0) {
        txc_net_abandon (&client);
        _exit (client == NULL ? 0 : 1);
    }
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    txc_net_flush (client);
    s_seen_t seen = {.net = server};
    s_await (&seen, 1);
    txc_net_destroy (&client);
    txc_net_destroy (&server);
}

/* --- endpoints ------------------------------------------------------------------------ */

static void test_only_local_endpoints_without_insecure (void **state)
{
    (void) state;
    static const char *const open[] = {"tcp://0.0.0.0:*", "tcp://*:*", "tcp://192.0.2.1:7400",
                                       "tcp://[::]:7400"};
    txc_net_t *net = txc_net_new (NULL);
    txc_error_t error;
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        assert_int_equal (txc_net_bind (net, open[i], false, &error), TXC_ECONFIG);
        assert_non_null (strstr (error.text, "insecure = 1"));
    }
    assert_null (txc_net_endpoint (net, 0));
    assert_int_equal (txc_net_bind (net, "tcp://0.0.0.0:*", true, &error), TXC_OK);
    assert_int_equal (txc_net_bind (net, "tcp://192.0.2.1:7400", true, &error), TXC_ECONFIG);
    assert_non_null (strstr (error.text, "no such address"));
    txc_net_destroy (&net);
}

static void test_endpoints_that_are_none (void **state)
{
    (void) state;
    static const char *const wrong[] = {"",
                                        "127.0.0.1:7400",
                                        "tcp://127.0.0.1",
                                        "tcp://127.0.0.1:0",
                                        "tcp://127.0.0.1:65536",
                                        "tcp://127.0.0.1:74x",
                                        "tcp://localhost:7400",
                                        "tcp://::1:7400",
                                        "tcp://[::1:7400",
                                        "ipc://relative",
                                        "ipc:///",
                                        "ipc:///a,ipc:///b",
                                        "ipc:///a b",
                                        "inproc://x",
                                        "pgm://127.0.0.1:7400"};
    txc_error_t error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (txc_net_check_endpoint (wrong[i], true, &error) != TXC_ECONFIG)
            fail_msg ("'%s' was taken", wrong[i]);
    assert_int_equal (txc_net_check_endpoint ("tcp://localhost:7400", false, &error), TXC_OK);
    assert_int_equal (txc_net_check_endpoint ("tcp://db.example.org:7400", false, &error), TXC_OK);
    assert_int_equal (txc_net_check_endpoint ("tcp://[::1]:7400", true, &error), TXC_OK);
    assert_int_equal (txc_net_check_endpoint ("tcp://127.0.0.1:*", false, &error), TXC_ECONFIG);
    char large[200] = "ipc:///";
    memset (large + 7, 'x', 120);
    assert_int_equal (txc_net_check_endpoint (large, true, &error), TXC_ECONFIG);
}

/* ZeroMQ alone would remove the socket of a daemon that runs, or any file that is in the way. */
static void test_ipc_path_in_use_is_not_taken_over (void **state)
{
    (void) state;
    char folder[] = "/tmp/txc-net-XXXXXX", endpoint[80], file[64];
    assert_non_null (mkdtemp (folder));
    snprintf (endpoint, sizeof endpoint, "ipc://%s/socket", folder);
    txc_net_t *first = s_listen (endpoint, NULL), *second = txc_net_new (NULL);
    txc_error_t error;
    assert_int_equal (txc_net_bind (second, endpoint, false, &error), TXC_ELOCKED);
    assert_int_equal (txc_net_bind (second, txc_net_endpoint (first, 0), false, &error), TXC_ELOCKED);
    txc_net_destroy (&first);

    snprintf (file, sizeof file, "%s/precious", folder);
    FILE *handle = fopen (file, "w");
    fclose (handle);
    snprintf (endpoint, sizeof endpoint, "ipc://%s", file);
    assert_int_equal (txc_net_bind (second, endpoint, false, &error), TXC_ECONFIG);
    assert_int_equal (access (file, F_OK), 0);
    txc_net_destroy (&second);
    unlink (file);
    s_remove (folder);
}

static void test_tcp_port_in_use (void **state)
{
    (void) state;
    txc_net_t *first = s_listen ("tcp://127.0.0.1:*", NULL), *second = txc_net_new (NULL);
    txc_error_t error;
    assert_int_equal (txc_net_bind (second, txc_net_endpoint (first, 0), false, &error), TXC_ELOCKED);
    assert_non_null (strstr (error.text, "another process"));
    txc_net_destroy (&second);
    txc_net_destroy (&first);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_both_ways_over_tcp),
        cmocka_unit_test (test_both_ways_over_ipc),
        cmocka_unit_test (test_a_full_frame_leaves_by_itself),
        cmocka_unit_test (test_a_message_that_no_frame_holds_is_refused),
        cmocka_unit_test (test_several_endpoints_and_callers),
        cmocka_unit_test (test_budget_bounds_a_round),
        cmocka_unit_test (test_malformed_frames_are_dropped),
        cmocka_unit_test (test_a_frame_that_is_too_large_cuts_its_sender_off),
        cmocka_unit_test (test_a_peer_that_does_not_speak_zeromq),
        cmocka_unit_test (test_a_peer_that_is_gone),
        cmocka_unit_test (test_a_peer_that_does_not_read),
        cmocka_unit_test (test_a_peer_that_fills_the_queue_and_leaves),
        cmocka_unit_test (test_the_table_of_routes_is_bounded),
        cmocka_unit_test (test_routes_by_identity),
        cmocka_unit_test (test_poll_tells_about_other_descriptors),
        cmocka_unit_test (test_abandon_in_a_forked_child),
        cmocka_unit_test (test_only_local_endpoints_without_insecure),
        cmocka_unit_test (test_endpoints_that_are_none),
        cmocka_unit_test (test_ipc_path_in_use_is_not_taken_over),
        cmocka_unit_test (test_tcp_port_in_use),
    };
    return cmocka_run_group_tests_name ("net", tests, NULL, NULL);
}
