/*
 * Who works with the agent: the loop, or a worker that has finished an item.
 *
 * One at a time, under the lock, which the loop gives up only to wait.  A worker that finds it free takes the
 * queue in itself, so that no thread has to be woken for an item that is done; one that finds it taken leaves
 * its item to the loop.  Workers never wait for the lock.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "daemon/txc_notify.h"
#include "daemon/txc_report.h"
#include "daemon/txc_system.h"
#include "txagent/txc_agentd.h"

enum {
    FRAMES_A_TURN = 256,
    TURNS_MAX = 4, /* a worker's own next item may wait meanwhile */
    POLL_MS = 60000
};

void txc_agentd_init_turns (txc_agentd_t *self)
{
    int rc = pthread_mutex_init (&self->lock, NULL);
    rc = rc ? rc : pthread_mutex_lock (&self->lock);
    TXC_ASSERT (rc == 0);
}

void txc_agentd_fini_turns (txc_agentd_t *self)
{
    pthread_mutex_unlock (&self->lock);
    pthread_mutex_destroy (&self->lock);
}

/* --- a turn ----------------------------------------------------------------------------------------- */

/* What an RM's scan told about the RM itself. */
static void s_scanned (txc_agentd_t *self, const txc_work_done_t *done)
{
    char *last = self->last_errors[done->rm];
    bool good = done->status == TXC_WORK_OK;
    txc_copy_text (last, TXC_TEXT_MAX + 1, good ? "" : done->error.text);
    bool refused = done->status == TXC_WORK_ERROR || (!good && done->error.code == TXC_ECONFIG);
    if (refused && done->op == TXC_WORK_RECOVER && txc_config_bool (self->config, "agent/strict")) {
        txc_report (TXC_REPORT_ERROR, NULL, "rm %s is refused and strict = 1: %s",
                    self->served.items[done->rm].name, last);
        self->stop = self->refused = true;
    }
}

static void s_results (txc_agentd_t *self)
{
    for (txc_item_t *item = txc_done_queue_take (&self->queue), *next; item; item = next) {
        next = item->next;
        if (txc_pool_finished (item->pool, item)) {
            if (item->done.op == TXC_WORK_RECOVER || item->done.op == TXC_WORK_SCAN)
                s_scanned (self, &item->done);
            txc_agent_event_t event = {.type = TXC_AGENT_WORK_DONE, .done = &item->done};
            txc_agentd_step (self, &event);
        }
        txc_item_destroy (&item);
    }
}

/* Only an operator ends this. */
static void s_tell_latch (const txc_agentd_t *self)
{
    if (self->latched)
        txc_report (
            TXC_REPORT_ERROR, NULL,
            "the coordinator's log is older than what this agent has seen of it, as after a restore from "
            "a backup: refused.  Compare the databases, resolve what is in doubt, then: txctl --agent %s "
            "accept-log",
            txc_net_endpoint (self->net, 0));
    else
        txc_report (TXC_REPORT_NOTICE, NULL, "the coordinator's log is accepted");
}

static void s_tell_manager (txc_agentd_t *self)
{
    bool latched = txc_agent_is_latched (self->agent);
    uint32_t up = 0;
    for (uint32_t i = 0; i < self->served.n; i++)
        up += txc_agent_rm_is_up (self->agent, i);
    if (up == self->n_up && latched == self->latched)
        return;
    if (latched != self->latched) {
        self->latched = latched;
        s_tell_latch (self);
    }
    self->n_up = up;
    txc_report (TXC_REPORT_INFO, NULL, "serves %u of %u resource managers", up, self->served.n);
    txc_notify ("STATUS=%sserves %u of %u resource managers",
                latched ? "refuses the coordinator's log (see accept-log in txctl(8)); " : "", up,
                self->served.n);
}

/* Lets everything leave and takes in what there is, until nothing comes any more: behind the last sending
 * comes receiving, else the poll may miss what is there already (net/txc_net.h).  True if it was given up
 * before that. */
static bool s_turn (txc_agentd_t *self)
{
    bool any = true;
    for (int i = 0; any && i < TURNS_MAX; i++) {
        s_results (self);
        txc_jfile_flush (self->journal);
        txc_net_flush (self->net);
        txc_crash_sent();
        any = txc_net_receive (self->net, txc_agentd_take, self, FRAMES_A_TURN) > 0;
    }
    s_tell_manager (self);
    return any;
}

/* --- the loop's turn --------------------------------------------------------------------------- */

static void s_sooner (uint64_t *next, uint64_t due)
{
    if (due < *next)
        *next = due;
}

/* When the loop has to look at the clock again. */
static uint64_t s_next_ms (const txc_agentd_t *self)
{
    uint64_t next = txc_agent_next_ms (self->agent);
    for (uint32_t i = 0; i < self->served.n; i++)
        s_sooner (&next, txc_pool_next_ms (self->served.items[i].pool));
    if (self->watchdog_ms)
        s_sooner (&next, self->watchdog_due_ms);
    if (self->drain_until_ms)
        s_sooner (&next, self->drain_until_ms);
    return next;
}

static int s_timeout_ms (const txc_agentd_t *self)
{
    uint64_t now = txc_clock_ms(), until = self->poll_until_ms;
    if (self->unfinished || until <= now)
        return 0;
    return until - now < POLL_MS ? (int) (until - now) : POLL_MS;
}

void txc_agentd_turn (txc_agentd_t *self)
{
    self->unfinished = s_turn (self);
}

/* Room for so many descriptors: the agent calls as many peers as there are participants of what it is in
 * doubt about. */
static struct pollfd *s_polled (txc_agentd_t *self, size_t n)
{
    if (n > self->polled_room) {
        self->polled_room = 2 * n;
        self->polled = txc_realloc (self->polled, self->polled_room * sizeof *self->polled);
    }
    return self->polled;
}

void txc_agentd_poll (txc_agentd_t *self, const int *fds, bool *readable, size_t n)
{
    struct pollfd *polled = s_polled (self, 1 + n + txc_net_n_fds (self->net));
    polled[0] = (struct pollfd){.fd = self->queue.fd, .events = POLLIN};
    for (size_t i = 0; i < n; i++)
        polled[1 + i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    size_t n_all = 1 + n + txc_net_fds (self->net, polled + 1 + n, self->polled_room - 1 - n);
    self->poll_until_ms = s_next_ms (self);
    self->poll_version = txc_agentd_calls_version (self);
    int timeout_ms = s_timeout_ms (self);
    pthread_mutex_unlock (&self->lock);
    bool failed = poll (polled, (nfds_t) n_all, timeout_ms) < 0; /* a signal: nothing is ready */
    pthread_mutex_lock (&self->lock);
    self->now_ms = txc_clock_ms();
    for (size_t i = 0; i < n; i++)
        readable[i] = !failed && polled[1 + i].revents;
    if (failed)
        return;
    txc_net_polled (self->net, polled + 1 + n, n_all - 1 - n);
    if (polled[0].revents)
        txc_done_queue_clear (&self->queue);
}

/* --- a worker's turn ----------------------------------------------------------------------------- */

/* What was done may concern the loop, which polls meanwhile. */
static bool s_concerns_loop (const txc_agentd_t *self)
{
    return self->stop || self->drain_until_ms || self->poll_version != txc_agentd_calls_version (self) ||
           s_next_ms (self) < self->poll_until_ms;
}

bool txc_agentd_take_in (void *arg)
{
    txc_agentd_t *self = arg;
    if (pthread_mutex_trylock (&self->lock) != 0)
        return false;
    self->now_ms = txc_clock_ms();
    bool unfinished = s_turn (self);
    bool wake = unfinished || s_concerns_loop (self);
    pthread_mutex_unlock (&self->lock);
    if (wake)
        txc_done_queue_wake (&self->queue);
    return true;
}
