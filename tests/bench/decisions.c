/*
 * decisions - how many decisions a second a coordinator makes durable, and nothing else.
 *
 * Speaks the protocol itself: a session commits transactions of two branches whose votes came with their
 * last statements, and is answered when the decision is chosen (DECISION_LOGGED); a second process plays the
 * agent of both branches and acknowledges them, so that each transaction ends and is forgotten.  No statement
 * is run and no database is there.  A decision's value in the log has about the size of etcd_puts's.
 *
 * usage: decisions ENDPOINTS IN_FLIGHT SECONDS [DECISIONS]
 *    ENDPOINTS  of the replicas, separated by commas; whichever leads is talked to
 *    IN_FLIGHT  decisions, 1 to 4096
 *    DECISIONS  ends after so many, if that is earlier
 * output: one CSV line, decisions_per_s,p50_us,p99_us
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "net/txc_net.h"

enum {
    IN_FLIGHT_MAX = 4096,
    REPLICAS_MAX = 7,
    BRANCHES = 2,
    HELLO_MS = 300,
    RESEND_MS = 1000,
    PATIENCE_MS = 30000,
    WARM_UP_MS = 400,
    LATENCY_MAX_US = 1 << 20 /* longer ones count as this */
};

static const char *const s_rms[BRANCHES] = {"bench_a", "bench_b"};

static uint64_t s_now_us (void)
{
    struct timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return (uint64_t) time.tv_sec * 1000000u + (uint64_t) time.tv_nsec / 1000u;
}

static uint64_t s_now_ms (void)
{
    return s_now_us() / 1000u;
}

static void s_fail (const char *what)
{
    fprintf (stderr, "decisions: %s\n", what);
    exit (1);
}

/* --- the replicas -------------------------------------------------------------------------- */

typedef struct group {
    txc_net_t *net;
    uint64_t routes[REPLICAS_MAX];
    int n;
} group_t;

static void s_connect (group_t *self, const char *endpoints)
{
    txc_net_config_t config = {.queue = 10000};
    char *list = strdup (endpoints), *rest = list, *endpoint;
    self->net = txc_net_new (&config);
    if (!self->net || !list)
        s_fail ("no ZeroMQ");
    while ((endpoint = strsep (&rest, ",")) && self->n < REPLICAS_MAX) {
        txc_error_t error;
        self->routes[self->n] = txc_net_connect (self->net, endpoint, &error);
        if (!self->routes[self->n++])
            s_fail (error.text);
    }
    free (list);
}

static void s_send_all (group_t *self, const txc_msg_t *message)
{
    for (int i = 0; i < self->n; i++)
        txc_net_send (self->net, self->routes[i], message);
    txc_net_flush (self->net);
}

/* Takes in what comes within wait_ms, and sends what that led to. */
static void s_turn (group_t *self, txc_net_visit_fn *visit, void *arg, int wait_ms)
{
    if (txc_net_poll (self->net, NULL, NULL, 0, wait_ms))
        while (txc_net_receive (self->net, visit, arg, 64) == 64) {}
    txc_net_flush (self->net);
}

/* --- the agent ------------------------------------------------------------------------------ */

static void s_obey (void *arg, const txc_msg_t *message)
{
    group_t *group = arg;
    if (message->type != TXC_MSG_PHASE2_COMMIT)
        return;
    txc_msg_t done = {.type = TXC_MSG_PHASE2_DONE,
                      .gtrid = message->gtrid,
                      .epoch = message->epoch,
                      .token = message->token,
                      .code = TXC_OK};
    memcpy (done.rm, message->rm, sizeof done.rm);
    txc_net_send (group->net, message->route, &done);
}

static void s_run_agent (const char *endpoints)
{
    group_t group = {0};
    txc_rm_entry_t entries[BRANCHES] = {0};
    txc_msg_t hello = {.type = TXC_MSG_AGENT_HELLO,
                       .agent = "bench",
                       .incarnation = (uint64_t) getpid(),
                       .n_entries = BRANCHES,
                       .entries = entries};
    for (int i = 0; i < BRANCHES; i++) {
        strcpy (entries[i].rm, s_rms[i]);
        strcpy (entries[i].agent, "bench");
        strcpy (entries[i].endpoint, "ipc:///nowhere"); /* no statement is sent there */
        entries[i].incarnation = hello.incarnation;
        entries[i].up = true;
    }
    s_connect (&group, endpoints);
    for (uint64_t due_ms = 0;;) {
        if (s_now_ms() >= due_ms) {
            s_send_all (&group, &hello);
            due_ms = s_now_ms() + HELLO_MS;
        }
        s_turn (&group, s_obey, &group, HELLO_MS);
    }
}

static void s_start_agent (const char *endpoints)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        s_fail ("no process for the agent");
    if (pid > 0)
        return;
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        s_run_agent (endpoints);
    _exit (1);
}

/* --- the application ---------------------------------------------------------------------------- */

typedef struct client {
    group_t group;
    uint64_t leader; /* its route; 0: not found yet */
    bool agent_is_there;
    txc_epoch_t epoch;
    uint64_t cluster, session;
    uint64_t next, low;              /* n of the next transaction; all below low are over */
    uint64_t sent_us[IN_FLIGHT_MAX]; /* by n; 0: it is over */
    uint64_t flying, target, wanted; /* transactions in flight, to be kept in flight, to be begun in all */
    uint64_t counted;                /* latencies */
    uint32_t by_us[LATENCY_MAX_US + 1];
} client_t;

static void s_commit (client_t *self, uint64_t n)
{
    txc_branch_ref_t branches[BRANCHES] = {0};
    for (uint32_t i = 0; i < BRANCHES; i++) {
        strcpy (branches[i].rm, s_rms[i]);
        strcpy (branches[i].evidence, "pg:7312345678901234567:1:1234567");
        branches[i].token = n * BRANCHES + i + 1;
        branches[i].count = 1;
        branches[i].vote = TXC_VOTE_YES;
        branches[i].vote_epoch = self->epoch;
    }
    txc_msg_t commit = {
        .type = TXC_MSG_COMMIT,
        .gtrid = {.cluster = self->cluster, .session = self->session, .n = n, .mode = TXC_MODE_2PC},
        .flags = TXC_FLAG_DECISION_LOGGED,
        .low = self->low,
        .n_branches = BRANCHES,
        .branches = branches};
    txc_net_send (self->group.net, self->leader, &commit);
}

/* A slow one holds the mark back, and a place in the ring is free only below the mark. */
static void s_begin (client_t *self)
{
    while (self->flying < self->target && self->next < self->wanted &&
           self->next < self->low + IN_FLIGHT_MAX) {
        self->sent_us[self->next % IN_FLIGHT_MAX] = s_now_us();
        s_commit (self, self->next++);
        self->flying++;
    }
}

static void s_end (client_t *self, const txc_msg_t *message)
{
    uint64_t *sent_us = &self->sent_us[message->gtrid.n % IN_FLIGHT_MAX];
    if (message->gtrid.session != self->session || message->gtrid.n < self->low || !*sent_us)
        return; /* an answer to a repeated request */
    if (message->code != TXC_OK)
        s_fail (message->error ? message->error->text : "a transaction was not committed");
    uint64_t us = s_now_us() - *sent_us;
    self->by_us[us < LATENCY_MAX_US ? us : LATENCY_MAX_US]++;
    self->counted++;
    self->flying--;
    *sent_us = 0;
    while (self->low < self->next && !self->sent_us[self->low % IN_FLIGHT_MAX])
        self->low++;
    s_begin (self);
}

static void s_hear (void *arg, const txc_msg_t *message)
{
    client_t *self = arg;
    switch (message->type) {
    case TXC_MSG_SESSION_OPENED:
        if (message->code == TXC_OK) {
            self->leader = message->route;
            self->session = message->session;
            self->cluster = message->cluster;
            self->epoch = message->epoch;
        }
        break;
    case TXC_MSG_DIRECTORY_REPLY:
        self->agent_is_there = message->n_entries >= BRANCHES;
        break;
    case TXC_MSG_OUTCOME:
        s_end (self, message);
        break;
    default:
        break;
    }
}

static void s_open (client_t *self)
{
    uint64_t end_ms = s_now_ms() + PATIENCE_MS;
    txc_msg_t open = {.type = TXC_MSG_SESSION_OPEN, .nonce = s_now_us() << 16 | (uint64_t) getpid()};
    while (!self->leader || !self->agent_is_there) {
        if (s_now_ms() > end_ms)
            s_fail (self->leader ? "the agent does not get through" : "no replica opens a session");
        s_send_all (&self->group, self->leader ? &(txc_msg_t){.type = TXC_MSG_DIRECTORY} : &open);
        s_turn (&self->group, s_hear, self, 100);
    }
}

static void s_resend (client_t *self)
{
    uint64_t old_us = s_now_us() - RESEND_MS * 1000u;
    for (uint64_t n = self->low; n < self->next; n++)
        if (self->sent_us[n % IN_FLIGHT_MAX] && self->sent_us[n % IN_FLIGHT_MAX] < old_us)
            s_commit (self, n);
}

/* Keeps so many in flight for a while, then waits for the last of them; returns the seconds it took. */
static double s_load (client_t *self, uint64_t in_flight, uint64_t ms, uint64_t limit)
{
    uint64_t begin_us = s_now_us(), end_ms = s_now_ms() + ms, resend_ms = s_now_ms() + RESEND_MS;
    self->wanted = limit ? self->next + limit : UINT64_MAX;
    memset (self->by_us, 0, sizeof self->by_us);
    self->counted = 0;
    self->target = in_flight;
    s_begin (self);
    txc_net_flush (self->group.net);
    while (self->low < self->next) {
        if (s_now_ms() >= end_ms)
            self->wanted = self->next;
        if (s_now_ms() > end_ms + PATIENCE_MS)
            s_fail ("the coordinator answers no more");
        if (s_now_ms() >= resend_ms) {
            s_resend (self);
            resend_ms = s_now_ms() + RESEND_MS;
        }
        s_turn (&self->group, s_hear, self, 100);
    }
    return (double) (s_now_us() - begin_us) * 1e-6;
}

static uint32_t s_percentile (const client_t *self, uint64_t percent)
{
    uint64_t below = 0;
    uint32_t us = 0;
    while ((below += self->by_us[us]) <= self->counted * percent / 100 && us < LATENCY_MAX_US)
        us++;
    return us;
}

int main (int argc, char **argv)
{
    static client_t client;
    int in_flight = argc > 3 ? atoi (argv[2]) : 0;
    if (in_flight < 1 || in_flight > IN_FLIGHT_MAX) {
        fprintf (stderr, "usage: decisions ENDPOINTS IN_FLIGHT SECONDS [DECISIONS]\n");
        return 2;
    }
    s_start_agent (argv[1]);
    s_connect (&client.group, argv[1]);
    client.next = client.low = 1;
    s_open (&client);
    uint64_t limit = argc > 4 ? strtoull (argv[4], NULL, 10) : 0;
    if (!limit)
        s_load (&client, (uint64_t) in_flight, WARM_UP_MS, 0);
    double seconds = s_load (&client, (uint64_t) in_flight, (uint64_t) (atof (argv[3]) * 1000), limit);
    printf ("%.0f,%u,%u\n", (double) client.counted / seconds, s_percentile (&client, 50),
            s_percentile (&client, 99));
    s_send_all (
        &client.group,
        &(txc_msg_t){.type = TXC_MSG_SESSION_CLOSE, .session = client.session, .cluster = client.cluster});
    txc_net_destroy (&client.group.net);
    return 0;
}
