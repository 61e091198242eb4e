#include "config.h"

#include "libtxcoord/txc_crew.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/txc_assert.h"

enum {
    POLL_FDS = 1 + 16 + TXC_AGENTS_MAX * 4, /* the eventfd, the coordinators, the agents */
    BATCH_MAX = 16                          /* messages that may be left for an arriving thread to send */
};

/* --- waking ---------------------------------------------------------------- */

static void s_signal (int fd)
{
    uint64_t one = 1;
    ssize_t rc = write (fd, &one, sizeof one);
    TXC_ASSERT (rc == (ssize_t) sizeof one || errno == EAGAIN);
}

static void s_unsignal (int fd)
{
    uint64_t count;
    ssize_t rc = read (fd, &count, sizeof count);
    TXC_ASSERT (rc == (ssize_t) sizeof count || errno == EAGAIN);
}

static void s_end_poll (txc_poller_t *poller)
{
    if (poller->polls)
        s_signal (poller->fd);
    poller->polls = false;
}

/* Tells one call that is done to whoever wants to know. */
static void s_tell (txc_crew_t *self, txc_call_t *call)
{
    if (call->background) {
        TXC_ASSERT (self->background > 0);
        self->background--;
    }
    if (call->notify_fd >= 0)
        s_signal (call->notify_fd);
    switch (call->wait) {
    case TXC_CALL_FOLLOWS:
        call->wait = TXC_CALL_RELEASED;
        txc_list_remove (&call->node);
        txc_list_append (&self->wakes, &call->node);
        break;
    case TXC_CALL_LEADS:
        s_end_poll (&self->lead);
        break;
    case TXC_CALL_IDLE:
        if (call->orphaned) {
            txc_list_remove (&call->node);
            txc_call_destroy (&call);
        }
        break;
    case TXC_CALL_PROMOTED: /* its thread is on its way */
        break;
    case TXC_CALL_RELEASED:
        TXC_NEVER();
    }
}

/* What was done under the lock may concern the one that polls, or give the keeper a reason to. */
static void s_check_poller (txc_crew_t *self)
{
    uint64_t next_ms = txc_pump_next_ms (&self->pump);
    txc_poller_t *poller = self->leader ? &self->lead : &self->keep;
    if (poller->polls && (poller->version != txc_link_version (self->pump.link) || next_ms < poller->until))
        s_end_poll (poller);
    if (!self->leader && self->keeper_sleeps && (self->background > 0 || next_ms < self->keeper_until)) {
        pthread_cond_signal (&self->keeper_wake);
        self->keeper_sleeps = false;
    }
}

static void s_enter (txc_crew_t *self)
{
    int rc = pthread_mutex_lock (&self->lock);
    TXC_ASSERT (rc == 0);
}

/* Gives the lock back and wakes whom the work under it concerns. */
static void s_leave (txc_crew_t *self)
{
    txc_list_t *node;
    while ((node = txc_list_pop (&self->pump.done)) != NULL)
        s_tell (self, TXC_CONTAINER (node, txc_call_t, completed));
    TXC_ASSERT (self->leader || txc_list_is_empty (&self->followers)); /* who sleeps is looked after */
    s_check_poller (self);
    txc_list_t wakes;
    txc_list_init (&wakes);
    while ((node = txc_list_pop (&self->wakes)) != NULL)
        txc_list_append (&wakes, node);
    int rc = pthread_mutex_unlock (&self->lock);
    TXC_ASSERT (rc == 0);
    /* A call is its thread's again as soon as it is posted. */
    while ((node = txc_list_pop (&wakes)) != NULL)
        sem_post (&TXC_CONTAINER (node, txc_call_t, node)->wake);
}

/* --- leading --------------------------------------------------------------- */

/* One poll, without the lock. */
static void s_poll (txc_crew_t *self, txc_poller_t *poller)
{
    struct pollfd fds[POLL_FDS];
    fds[0] = (struct pollfd){.fd = poller->fd, .events = POLLIN};
    int n = 1 + txc_link_fds (self->pump.link, fds + 1, POLL_FDS - 1);
    uint64_t now_ms = txc_pump_now_ms();
    poller->version = txc_link_version (self->pump.link);
    poller->until = txc_pump_next_ms (&self->pump);
    int timeout = -1;
    if (poller->until <= now_ms)
        timeout = 0;
    else if (poller->until - now_ms < INT32_MAX)
        timeout = (int) (poller->until - now_ms);
    poller->polls = true;
    s_leave (self);
    int rc = poll (fds, (nfds_t) n, timeout); /* EINTR is as good as a message */
    s_enter (self);
    poller->polls = false;
    if (rc < 0)
        return;
    txc_link_polled (self->pump.link, fds + 1, n - 1);
    if (fds[0].revents)
        s_unsignal (poller->fd);
}

/* Gives up the leader's role, to the follower that has waited longest. */
static void s_hand_over (txc_crew_t *self)
{
    self->leader = NULL;
    txc_list_t *node = txc_list_pop (&self->followers);
    if (node) {
        self->leader = TXC_CONTAINER (node, txc_call_t, node);
        self->leader->wait = TXC_CALL_PROMOTED;
        txc_list_append (&self->wakes, node);
    }
}

/* Polls for everybody until the call is done; keeps the role. */
static void s_lead (txc_crew_t *self, txc_call_t *call)
{
    self->leader = call;
    call->wait = TXC_CALL_LEADS;
    s_end_poll (&self->keep);
    while (!call->done) {
        s_poll (self, &self->lead);
        txc_pump_turn (&self->pump);
    }
    call->wait = TXC_CALL_IDLE;
}

/* Sleeps until the call is done or its thread is to lead.  The lock is given back; it is held again only if
 * the result is TXC_CALL_PROMOTED. */
static txc_call_wait_t s_follow (txc_crew_t *self, txc_call_t *call)
{
    call->wait = TXC_CALL_FOLLOWS;
    txc_list_append (&self->followers, &call->node);
    s_leave (self);
    while (sem_wait (&call->wake) != 0)
        TXC_ASSERT (errno == EINTR);
    if (call->wait == TXC_CALL_RELEASED)
        return TXC_CALL_RELEASED;
    s_enter (self);
    TXC_ASSERT (call->wait == TXC_CALL_PROMOTED);
    call->wait = TXC_CALL_IDLE;
    return TXC_CALL_PROMOTED;
}

/* With the lock, which it gives back. */
static void s_wait (txc_crew_t *self, txc_call_t *call)
{
    while (!call->done) {
        /* A leader that was promoted and is not awake yet gives way to a thread that is. */
        if (!self->leader || self->leader == call || self->leader->wait == TXC_CALL_PROMOTED) {
            s_lead (self, call);
        } else if (s_follow (self, call) == TXC_CALL_RELEASED) {
            call->wait = TXC_CALL_IDLE;
            return;
        }
    }
    if (self->leader == call)
        s_hand_over (self);
    s_leave (self);
}

/* --- calls ------------------------------------------------------------------- */

/* Takes the lock, begins the call.  When threads queue at the lock, the last of them sends for all. */
static void s_begin (txc_crew_t *self, txc_session_event_t *event, txc_call_t *call, uint64_t *tx)
{
    atomic_fetch_add_explicit (&self->arriving, 1, memory_order_relaxed);
    s_enter (self);
    int others = atomic_fetch_sub_explicit (&self->arriving, 1, memory_order_relaxed) - 1;
    if (call->background)
        self->background++;
    txc_pump_begin (&self->pump, event, call, tx);
    if (others == 0 || self->pump.unsent >= BATCH_MAX)
        txc_pump_turn (&self->pump);
}

void txc_crew_begin (txc_crew_t *self, txc_session_event_t *event, txc_call_t *call, uint64_t *tx)
{
    s_begin (self, event, call, tx);
    s_leave (self);
}

void txc_crew_run (txc_crew_t *self, txc_session_event_t *event, txc_call_t *call, uint64_t *tx)
{
    s_begin (self, event, call, tx);
    s_wait (self, call);
}

void txc_crew_wait (txc_crew_t *self, txc_call_t *call)
{
    s_enter (self);
    s_wait (self, call);
}

bool txc_crew_is_done (txc_crew_t *self, const txc_call_t *call)
{
    s_enter (self);
    bool done = call->done;
    s_leave (self);
    return done;
}

void txc_crew_notify (txc_crew_t *self, txc_call_t *call, int fd)
{
    s_enter (self);
    call->notify_fd = fd;
    if (call->done)
        s_signal (fd);
    s_leave (self);
}

void txc_crew_orphan (txc_crew_t *self, txc_call_t **call_p)
{
    txc_call_t *call = *call_p;
    *call_p = NULL;
    s_enter (self);
    call->notify_fd = -1;
    call->orphaned = true;
    if (call->done)
        txc_call_destroy (&call);
    else
        txc_list_append (&self->orphans, &call->node);
    s_leave (self);
}

const txc_session_t *txc_crew_lock (txc_crew_t *self)
{
    s_enter (self);
    return self->pump.session;
}

void txc_crew_unlock (txc_crew_t *self)
{
    s_leave (self);
}

/* --- the keeper ---------------------------------------------------------------- */

static void s_keeper_lead (txc_crew_t *self)
{
    txc_pump_turn (&self->pump);
    while (!self->leader && !self->stopping) {
        s_poll (self, &self->keep);
        if (!self->leader)
            txc_pump_turn (&self->pump);
    }
}

static void s_keeper_sleep (txc_crew_t *self)
{
    TXC_ASSERT (txc_list_is_empty (&self->pump.done) && txc_list_is_empty (&self->wakes));
    self->keeper_until = txc_pump_next_ms (&self->pump);
    self->keeper_sleeps = true;
    if (self->keeper_until == UINT64_MAX) {
        pthread_cond_wait (&self->keeper_wake, &self->lock);
    } else {
        struct timespec until = {.tv_sec = (time_t) (self->keeper_until / 1000),
                                 .tv_nsec = (long) (self->keeper_until % 1000) * 1000000};
        pthread_cond_timedwait (&self->keeper_wake, &self->lock, &until);
    }
    self->keeper_sleeps = false;
}

static void *s_keeper (void *arg)
{
    txc_crew_t *self = arg;
    s_enter (self);
    while (!self->stopping) {
        if (self->leader)
            s_keeper_sleep (self);
        else
            s_keeper_lead (self);
    }
    s_leave (self);
    return NULL;
}

/* The keeper takes no signal: handlers run on the application's threads. */
static int s_keeper_start (txc_crew_t *self)
{
    sigset_t all, before;
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    int rc = pthread_create (&self->keeper, NULL, s_keeper, self);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    return rc;
}

static void s_keeper_stop (txc_crew_t *self)
{
    s_enter (self);
    self->stopping = true;
    s_end_poll (&self->keep);
    pthread_cond_signal (&self->keeper_wake);
    s_leave (self);
    pthread_join (self->keeper, NULL);
}

/* --- life ------------------------------------------------------------------------ */

static void s_free (txc_crew_t *self)
{
    txc_pump_fini (&self->pump);
    if (self->lead.fd >= 0)
        close (self->lead.fd);
    if (self->keep.fd >= 0)
        close (self->keep.fd);
    pthread_cond_destroy (&self->keeper_wake);
    pthread_mutex_destroy (&self->lock);
}

int txc_crew_init (txc_crew_t *self, txc_session_t *session, txc_link_t *link, txc_error_t *error)
{
    memset (self, 0, sizeof *self);
    pthread_condattr_t monotonic;
    int rc = pthread_condattr_init (&monotonic);
    TXC_ASSERT (rc == 0);
    rc = pthread_condattr_setclock (&monotonic, CLOCK_MONOTONIC);
    TXC_ASSERT (rc == 0);
    rc = pthread_cond_init (&self->keeper_wake, &monotonic);
    TXC_ASSERT (rc == 0);
    pthread_condattr_destroy (&monotonic);
    rc = pthread_mutex_init (&self->lock, NULL);
    TXC_ASSERT (rc == 0);
    txc_list_init (&self->followers);
    txc_list_init (&self->wakes);
    txc_list_init (&self->orphans);
    txc_pump_init (&self->pump, session, link);
    self->lead.fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->keep.fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->lead.fd < 0 || self->keep.fd < 0) {
        txc_error_set (error, TXC_EIO, "cannot make an eventfd: %s", strerror (errno));
        s_free (self);
        return TXC_EIO;
    }
    rc = s_keeper_start (self);
    if (rc != 0) {
        txc_error_set (error, TXC_EIO, "cannot start a thread: %s", strerror (rc));
        s_free (self);
        return TXC_EIO;
    }
    return TXC_OK;
}

void txc_crew_fini (txc_crew_t *self)
{
    s_keeper_stop (self);
    TXC_ASSERT (!self->leader && txc_list_is_empty (&self->followers));
    txc_list_t *node;
    while ((node = txc_list_pop (&self->orphans)) != NULL) {
        txc_call_t *call = TXC_CONTAINER (node, txc_call_t, node);
        txc_call_destroy (&call);
    }
    s_free (self);
}
