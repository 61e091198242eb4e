/*
 * replicated_log_floor - the practical limit of a log replicated over ZeroMQ on three nodes of one machine.
 *
 *    client -- 200-byte record --> leader -- batch --------> 2 followers
 *    client <-- its number ------- leader <-- last index --- 2 followers
 *
 * What it leaves out makes it a limit and no competitor: no elections, no reads, no recovery, no flow
 * control, no sessions, one client.
 *
 * Four processes over tcp on loopback.  Each node has a main thread for its sockets and a log thread for its
 * disk.  A node with no write in flight takes all that waits and hands it to its log thread as one write and
 * one fdatasync; what comes meanwhile is for the next (group commit).  The leader sends a batch before it
 * writes it, so that the nodes write at the same time, and answers a record once two of the three have it on
 * disk.
 *
 * usage: replicated_log_floor DIR CONCURRENCY SECONDS [batch] [nosync]
 *    DIR          for the segments, on the disk to be measured; the first run fills them with zeros, later
 *                 runs reuse them
 *    CONCURRENCY  records in flight, 1 to 4096
 *    batch        replies that are ready together share one message, and so do the requests that follow them;
 *                 otherwise a message each
 *    nosync       no fdatasync: the limit without a disk
 * output: one CSV line, records_per_s,p50_us,p99_us,mean_batch
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <zmq.h>

#include "log/txc_crc32c.h"

enum {
    NODES = 3,
    LEADER = 0,           /* nodes 1 and 2 follow */
    MAX_IN_FLIGHT = 4096, /* records; no batch is larger */
    FOLLOWER_BUFFER = 4 * MAX_IN_FLIGHT,
    SEGMENTS = 2,
    SEGMENT_SIZE = 32 << 20,
    CLIENT_ID_SIZE = 5, /* as a ROUTER socket makes them */
    ENDPOINT_SIZE = 64,
    MAX_LATENCY_US = 1 << 20, /* longer ones count as this */
};

struct payload {
    uint64_t number; /* the client's; the reply returns it */
    uint8_t text[192];
};

struct record { /* the same on the wire and on disk */
    uint32_t size;
    uint32_t crc; /* of all that follows */
    uint64_t index;
    struct payload payload;
};
static_assert (sizeof (struct record) == 16 + 200, "no padding in a record");

struct options {
    const char *dir;
    int concurrency;
    double seconds;
    bool batch, sync;
};

struct node {
    pid_t pid;
    char endpoint[ENDPOINT_SIZE];
};

struct counters {                  /* in memory shared by all processes */
    atomic_ulong records, batches; /* written by the leader */
};

/* Ends this process if what was tried has failed. */
static void s_check (bool ok, const char *what)
{
    if (ok)
        return;
    fprintf (stderr, "replicated_log_floor: %s: %s\n", what, zmq_strerror (errno));
    _exit (1);
}

static double s_now_us (void)
{
    struct timespec ts;
    clock_gettime (CLOCK_MONOTONIC, &ts);
    return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec * 1e-3;
}

/* Of the index and the payload. */
static uint32_t s_record_crc (const struct record *r)
{
    return txc_crc32c (0, &r->index, sizeof *r - offsetof (struct record, index));
}

/* ---- the log of one node ---- */

struct log {
    int segment[SEGMENTS], current; /* files, and which of them is next */
    off_t offset;                   /* where in it */
    bool sync, busy;                /* busy: a write is in flight */
    int start_fd, done_fd;          /* eventfds to and from the log thread */
    const void *data;               /* what to write; set before start_fd */
    size_t size;                    /* is signalled */
};

/*
 * A write over blocks that are there already changes no metadata, so fdatasync
 * need not commit the file system's journal: that is why segments are filled.
 */
static int s_open_segment (const char *dir, int node, int number)
{
    static const uint8_t zeros[1 << 20];
    char path[4096];
    struct stat st;
    snprintf (path, sizeof path, "%s/node%d.segment%d", dir, node, number);
    int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    s_check (fd >= 0 && fstat (fd, &st) == 0, path);
    for (off_t at = st.st_size; at < SEGMENT_SIZE; at += (off_t) sizeof zeros)
        s_check (pwrite (fd, zeros, sizeof zeros, at) == sizeof zeros, path);
    s_check (fsync (fd) == 0, path);
    return fd;
}

static void s_log_write (struct log *log)
{
    if (log->offset + (off_t) log->size > SEGMENT_SIZE) {
        log->current = (log->current + 1) % SEGMENTS;
        log->offset = 0;
    }
    int fd = log->segment[log->current];
    ssize_t written = pwrite (fd, log->data, log->size, log->offset);
    s_check (written == (ssize_t) log->size, "write to the log");
    s_check (!log->sync || fdatasync (fd) == 0, "fdatasync of the log");
    log->offset += written;
}

static void *s_log_thread (void *arg)
{
    struct log *log = arg;
    eventfd_t count;
    while (eventfd_read (log->start_fd, &count) == 0) {
        s_log_write (log);
        eventfd_write (log->done_fd, 1);
    }
    s_check (false, "log thread");
    return NULL;
}

static void s_log_open (struct log *log, const struct options *o, int node)
{
    pthread_t thread;
    for (int i = 0; i < SEGMENTS; i++)
        log->segment[i] = s_open_segment (o->dir, node, i);
    log->sync = o->sync;
    log->start_fd = eventfd (0, EFD_CLOEXEC);
    log->done_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    s_check (log->start_fd >= 0 && log->done_fd >= 0, "eventfd");
    errno = pthread_create (&thread, NULL, s_log_thread, log);
    s_check (errno == 0, "log thread");
}

/* The records must stay as they are until log_finished returns true. */
static void s_log_start (struct log *log, const struct record *records, size_t count)
{
    assert (!log->busy && count > 0);
    log->data = records;
    log->size = count * sizeof *records;
    log->busy = true;
    eventfd_write (log->start_fd, 1);
}

/* True once for each write that was started, when it is durable. */
static bool s_log_finished (struct log *log)
{
    eventfd_t count;
    if (!log->busy || eventfd_read (log->done_fd, &count) != 0)
        return false;
    log->busy = false;
    return true;
}

/* ---- sockets ---- */

static void *s_open_socket (void *context, int type)
{
    const int queued = 100000, linger = 0, timeout_ms = 10000;
    void *s = zmq_socket (context, type);
    s_check (s != NULL, "socket");
    zmq_setsockopt (s, ZMQ_SNDHWM, &queued, sizeof queued);
    zmq_setsockopt (s, ZMQ_RCVHWM, &queued, sizeof queued);
    zmq_setsockopt (s, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt (s, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
    return s;
}

/* Listens on a port that the system picks, and tells the parent which. */
static void *s_listen_and_report (void *context, int type, int ready_fd)
{
    char endpoint[ENDPOINT_SIZE] = "";
    size_t size = sizeof endpoint;
    void *s = s_open_socket (context, type);
    s_check (zmq_bind (s, "tcp://127.0.0.1:*") == 0, "bind");
    s_check (zmq_getsockopt (s, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "endpoint");
    s_check (write (ready_fd, endpoint, sizeof endpoint) == sizeof endpoint, "pipe");
    close (ready_fd);
    return s;
}

static void s_send_all (void *socket, const void *data, size_t size, int flags)
{
    s_check (zmq_send (socket, data, size, flags) == (int) size, "send");
}

/* ---- follower ---- */

/* Collects the batches that wait and checks each record; returns how many. */
static size_t s_take_batches (void *leader, struct record *records)
{
    size_t count = 0;
    while (count + MAX_IN_FLIGHT <= FOLLOWER_BUFFER) {
        int size = zmq_recv (leader, records + count, MAX_IN_FLIGHT * sizeof *records, ZMQ_DONTWAIT);
        if (size < 0)
            break;
        size_t end = count + (size_t) size / sizeof *records;
        for (; count < end; count++)
            s_check (records[count].crc == s_record_crc (&records[count]), "bad record");
    }
    return count;
}

static void s_run_follower (int id, const struct options *o, int ready_fd)
{
    static struct record records[FOLLOWER_BUFFER];
    static struct log log;
    uint64_t last = 0;
    s_log_open (&log, o, id);
    void *leader = s_listen_and_report (zmq_ctx_new(), ZMQ_DEALER, ready_fd);
    zmq_pollitem_t events[] = {{.fd = log.done_fd, .events = ZMQ_POLLIN},
                               {.socket = leader, .events = ZMQ_POLLIN}};
    for (;;) {
        zmq_poll (events, log.busy ? 1 : 2, -1);
        if (s_log_finished (&log))
            s_send_all (leader, &last, sizeof last, 0);
        size_t count = log.busy ? 0 : s_take_batches (leader, records);
        if (count > 0) {
            last = records[count - 1].index;
            s_log_start (&log, records, count);
        }
    }
}

/* ---- leader ---- */

struct leader {
    void *clients, *followers[NODES]; /* followers[LEADER] is not used */
    struct log log;
    uint64_t last, answered; /* indexes of the newest such records */
    uint64_t durable[NODES]; /* up to which index, by node */
    struct record batch[MAX_IN_FLIGHT];
    uint64_t number[MAX_IN_FLIGHT]; /* to answer, by index % MAX_IN_FLIGHT */
    uint8_t client[CLIENT_ID_SIZE]; /* whom to answer: there is only one */
};

static void s_take_acknowledgements (struct leader *self)
{
    for (int i = 1; i < NODES; i++)
        while (zmq_recv (self->followers[i], &self->durable[i], sizeof self->durable[i], ZMQ_DONTWAIT) > 0)
            continue;
}

/* Puts the requests that wait into the batch; returns how many. */
static size_t s_take_requests (struct leader *self)
{
    static struct payload payloads[MAX_IN_FLIGHT];
    size_t count = 0;
    while (zmq_recv (self->clients, self->client, CLIENT_ID_SIZE, ZMQ_DONTWAIT) > 0) {
        int size = zmq_recv (self->clients, payloads, sizeof payloads, 0);
        s_check (size > 0, "receive a request");
        size_t received = (size_t) size / sizeof *payloads;
        assert (count + received <= MAX_IN_FLIGHT); /* the client sees to it */
        for (size_t i = 0; i < received; i++) {
            struct record *r = &self->batch[count++];
            *r = (struct record){.size = sizeof r->payload, .index = ++self->last, .payload = payloads[i]};
            r->crc = s_record_crc (r);
            self->number[r->index % MAX_IN_FLIGHT] = r->payload.number;
        }
    }
    return count;
}

static void s_replicate (struct leader *self, size_t count, struct counters *counters)
{
    for (int i = 1; i < NODES; i++)
        s_send_all (self->followers[i], self->batch, count * sizeof *self->batch, 0);
    s_log_start (&self->log, self->batch, count);
    atomic_fetch_add (&counters->records, count);
    atomic_fetch_add (&counters->batches, 1);
}

/* The middle one of the three: two nodes have at least that much. */
static uint64_t s_majority (const uint64_t d[NODES])
{
    uint64_t low = d[0] < d[1] ? d[0] : d[1];
    uint64_t high = d[0] < d[1] ? d[1] : d[0];
    return d[2] < low ? low : d[2] > high ? high : d[2];
}

static void s_answer (struct leader *self, bool batch)
{
    uint64_t numbers[MAX_IN_FLIGHT];
    const uint64_t durable = s_majority (self->durable);
    while (self->answered < durable) {
        size_t count = 0;
        do
            numbers[count++] = self->number[++self->answered % MAX_IN_FLIGHT];
        while (batch && self->answered < durable);
        s_send_all (self->clients, self->client, CLIENT_ID_SIZE, ZMQ_SNDMORE);
        s_send_all (self->clients, numbers, count * sizeof *numbers, 0);
    }
}

static void s_run_leader (const struct node *nodes, const struct options *o, struct counters *counters,
                          int ready_fd)
{
    static struct leader self;
    void *context = zmq_ctx_new();
    s_log_open (&self.log, o, LEADER);
    for (int i = 1; i < NODES; i++) {
        self.followers[i] = s_open_socket (context, ZMQ_DEALER);
        s_check (zmq_connect (self.followers[i], nodes[i].endpoint) == 0, "connect");
    }
    self.clients = s_listen_and_report (context, ZMQ_ROUTER, ready_fd);
    zmq_pollitem_t events[] = {{.socket = self.followers[1], .events = ZMQ_POLLIN},
                               {.socket = self.followers[2], .events = ZMQ_POLLIN},
                               {.fd = self.log.done_fd, .events = ZMQ_POLLIN},
                               {.socket = self.clients, .events = ZMQ_POLLIN}};
    for (;;) {
        zmq_poll (events, self.log.busy ? 3 : 4, -1);
        s_take_acknowledgements (&self);
        if (s_log_finished (&self.log))
            self.durable[LEADER] = self.last; /* nothing was taken meanwhile */
        size_t count = self.log.busy ? 0 : s_take_requests (&self);
        if (count > 0)
            s_replicate (&self, count, counters);
        s_answer (&self, o->batch); /* while the next write runs */
    }
}

/* ---- starting and stopping nodes ---- */

/* Returns when the node has its segments and listens. */
static void s_start_node (struct node *nodes, int id, const struct options *o, struct counters *counters)
{
    int ready[2];
    pid_t parent = getpid();
    s_check (pipe2 (ready, O_CLOEXEC) == 0, "pipe");
    nodes[id].pid = fork();
    s_check (nodes[id].pid >= 0, "fork");
    if (nodes[id].pid == 0) {
        prctl (PR_SET_PDEATHSIG, SIGKILL); /* no node outlives the client */
        if (getppid() != parent)
            _exit (1);
        if (id == LEADER)
            s_run_leader (nodes, o, counters, ready[1]);
        else
            s_run_follower (id, o, ready[1]);
    }
    close (ready[1]);
    s_check (read (ready[0], nodes[id].endpoint, ENDPOINT_SIZE) > 0, "start of a node");
    close (ready[0]);
}

static void s_stop_node (pid_t pid)
{
    /* Figures of fewer than three nodes would be worthless. */
    bool alive = waitpid (pid, NULL, WNOHANG) == 0;
    errno = ECHILD;
    s_check (alive, "a node died early");
    kill (pid, SIGTERM);
    waitpid (pid, NULL, 0);
}

/* ---- client ---- */

struct latencies {
    unsigned long count, by_us[MAX_LATENCY_US + 1];
};

static void s_add_latency (struct latencies *l, double us)
{
    l->by_us[us < MAX_LATENCY_US ? (int) us : MAX_LATENCY_US]++;
    l->count++;
}

static int s_percentile (const struct latencies *l, unsigned long percent)
{
    unsigned long below = 0;
    int us = 0;
    while ((below += l->by_us[us]) <= l->count * percent / 100)
        us++;
    return us;
}

/*
 * Keeps `concurrency` records in flight for `seconds`, then waits for the last
 * of them; returns the seconds it took in all.  A reply message is followed by
 * one request message, so it is the leader that decides how both are batched.
 */
static double s_keep_in_flight (void *leader, int concurrency, double seconds, struct latencies *latencies)
{
    static struct payload requests[MAX_IN_FLIGHT];
    static uint64_t numbers[MAX_IN_FLIGHT];
    static double sent[MAX_IN_FLIGHT]; /* when, by number */
    const double begin = s_now_us(), end = begin + seconds * 1e6;
    double now = begin;
    memset (requests, 'y', sizeof requests);
    for (int i = 0; i < concurrency; i++) {
        requests[0].number = (uint64_t) i;
        sent[i] = s_now_us();
        s_send_all (leader, requests, sizeof *requests, 0);
    }
    for (int in_flight = concurrency; in_flight > 0;) {
        int size = zmq_recv (leader, numbers, sizeof numbers, 0);
        s_check (size > 0, "no reply from the leader");
        size_t again = 0;
        now = s_now_us();
        for (size_t i = 0; i < (size_t) size / sizeof *numbers; i++) {
            s_add_latency (latencies, now - sent[numbers[i]]);
            sent[numbers[i]] = now;
            if (now < end)
                requests[again++].number = numbers[i];
            else
                in_flight--;
        }
        if (again > 0)
            s_send_all (leader, requests, again * sizeof *requests, 0);
    }
    return (now - begin) * 1e-6;
}

/* Warms up, measures, and prints the line. */
static void s_run_client (const char *endpoint, const struct options *o, struct counters *counters)
{
    static struct latencies warm_up, measured;
    void *leader = s_open_socket (zmq_ctx_new(), ZMQ_DEALER);
    s_check (zmq_connect (leader, endpoint) == 0, "connect");
    s_keep_in_flight (leader, o->concurrency, 0.4, &warm_up);
    const unsigned long records = counters->records, batches = counters->batches;
    double elapsed = s_keep_in_flight (leader, o->concurrency, o->seconds, &measured);
    printf ("%.0f,%d,%d,%.1f\n", (double) measured.count / elapsed, s_percentile (&measured, 50),
            s_percentile (&measured, 99),
            (double) (counters->records - records) / (double) (counters->batches - batches));
}

static bool s_parse_options (int argc, char **argv, struct options *o)
{
    if (argc < 4)
        return false;
    *o = (struct options){
        .dir = argv[1], .concurrency = atoi (argv[2]), .seconds = atof (argv[3]), .sync = true};
    for (int i = 4; i < argc; i++)
        if (strcmp (argv[i], "batch") == 0)
            o->batch = true;
        else if (strcmp (argv[i], "nosync") == 0)
            o->sync = false;
        else
            return false;
    return o->concurrency >= 1 && o->concurrency <= MAX_IN_FLIGHT && o->seconds > 0;
}

int main (int argc, char **argv)
{
    static struct node nodes[NODES];
    struct options o;
    if (!s_parse_options (argc, argv, &o)) {
        fprintf (stderr,
                 "usage: %s DIR CONCURRENCY SECONDS [batch] [nosync]\n"
                 "CONCURRENCY is 1 to %d\n",
                 argv[0], MAX_IN_FLIGHT);
        return 2;
    }
    s_check (mkdir (o.dir, 0755) == 0 || errno == EEXIST, o.dir);
    struct counters *counters =
        mmap (NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    s_check (counters != MAP_FAILED, "mmap");
    for (int i = NODES - 1; i >= 0; i--) /* the leader connects to the rest */
        s_start_node (nodes, i, &o, counters);
    s_run_client (nodes[LEADER].endpoint, &o, counters);
    for (int i = 0; i < NODES; i++)
        s_stop_node (nodes[i].pid);
    return 0;
}
