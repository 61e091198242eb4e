/*
 * The threads at one session, over a session and a link of the test's own: every
 * call comes back once, whoever receives its answer.
 *
 * The link is as mean as ZeroMQ's descriptors: sending takes the signal of what
 * has arrived away.
 */
#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "libtxcoord/txc_crew.h"

enum { QUEUE_MAX = 1024, THREADS = 16, CALLS = 300 };

/* --- a link to a peer that answers from a thread of its own ------------------------ */

typedef struct queue {
    uint64_t tokens[QUEUE_MAX];
    int n;
} queue_t;

struct txc_link {
    queue_t unsent; /* under the crew's lock */
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    queue_t there, back;
    int fd;
    bool stop, silent;
    bool alert;  /* as a socket of ZeroMQ's: there may be something that fd does not tell */
    bool sudden; /* answers arrive while a request is being sent, and that takes their signal away */
    pthread_t peer;
};

static void s_move (queue_t *from, queue_t *to)
{
    TXC_ASSERT (from->n + to->n <= QUEUE_MAX);
    memcpy (to->tokens + to->n, from->tokens, (size_t) from->n * sizeof *from->tokens);
    to->n += from->n;
    from->n = 0;
}

static void *s_peer (void *arg)
{
    txc_link_t *self = arg;
    pthread_mutex_lock (&self->lock);
    while (!self->stop) {
        if (self->there.n > 0 && !self->silent) {
            s_move (&self->there, &self->back);
            uint64_t one = 1;
            TXC_ASSERT (write (self->fd, &one, sizeof one) == sizeof one);
        }
        pthread_cond_wait (&self->arrived, &self->lock);
    }
    pthread_mutex_unlock (&self->lock);
    return NULL;
}

static txc_link_t *s_link_new (void)
{
    txc_link_t *self = txc_calloc (1, sizeof *self);
    pthread_mutex_init (&self->lock, NULL);
    pthread_cond_init (&self->arrived, NULL);
    self->fd = eventfd (0, EFD_NONBLOCK);
    pthread_create (&self->peer, NULL, s_peer, self);
    return self;
}

static void s_link_set_silent (txc_link_t *self, bool silent)
{
    pthread_mutex_lock (&self->lock);
    self->silent = silent;
    pthread_cond_signal (&self->arrived);
    pthread_mutex_unlock (&self->lock);
}

void txc_link_destroy (txc_link_t **self_p)
{
    txc_link_t *self = *self_p;
    *self_p = NULL;
    pthread_mutex_lock (&self->lock);
    self->stop = true;
    pthread_cond_signal (&self->arrived);
    pthread_mutex_unlock (&self->lock);
    pthread_join (self->peer, NULL);
    pthread_cond_destroy (&self->arrived);
    pthread_mutex_destroy (&self->lock);
    close (self->fd);
    free (self);
}

void txc_link_send (txc_link_t *self, const char *endpoint, const txc_msg_t *message)
{
    (void) endpoint;
    TXC_ASSERT (self->unsent.n < QUEUE_MAX);
    self->unsent.tokens[self->unsent.n++] = message->token;
}

void txc_link_keep (txc_link_t *self, const txc_session_t *session)
{
    (void) self, (void) session;
}

static void s_take_signal_away (txc_link_t *self)
{
    uint64_t count;
    TXC_ASSERT (read (self->fd, &count, sizeof count) == sizeof count || true);
}

void txc_link_flush (txc_link_t *self)
{
    if (self->unsent.n == 0)
        return;
    pthread_mutex_lock (&self->lock);
    s_take_signal_away (self);
    self->alert = true;
    s_move (&self->unsent, &self->there);
    if (self->sudden)
        s_move (&self->there, &self->back);
    pthread_cond_signal (&self->arrived);
    pthread_mutex_unlock (&self->lock);
}

bool txc_link_receive (txc_link_t *self, txc_link_visit_fn *visit, void *arg)
{
    queue_t got = {.n = 0};
    if (!self->alert)
        return false;
    self->alert = false;
    pthread_mutex_lock (&self->lock);
    s_take_signal_away (self);
    s_move (&self->back, &got);
    pthread_mutex_unlock (&self->lock);
    for (int i = 0; i < got.n; i++) {
        txc_msg_t message = {.type = TXC_MSG_EXEC_REPLY, .token = got.tokens[i]};
        visit (arg, &message);
    }
    return got.n > 0;
}

int txc_link_fds (const txc_link_t *self, struct pollfd *fds, int max)
{
    TXC_ASSERT (max > 0);
    fds[0] = (struct pollfd){.fd = self->fd, .events = POLLIN};
    return 1;
}

void txc_link_polled (txc_link_t *self, const struct pollfd *fds, int n)
{
    TXC_ASSERT (n == 1);
    self->alert |= fds[0].revents != 0;
}

unsigned txc_link_version (const txc_link_t *self)
{
    (void) self;
    return 1;
}

/* --- a session that asks the peer once for every call --------------------------------- */

struct txc_session {
    uint64_t tick_ms, next_ms;
    uint64_t timed; /* a call that the next tick completes */
    int ticks;
};

void txc_session_destroy (txc_session_t **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

int txc_session_step (txc_session_t *self, const txc_session_event_t *event, uint64_t *tx,
                      txc_update_t *update)
{
    (void) tx;
    switch (event->op) {
    case TXC_OP_EXEC:
        txc_update_message (update, TXC_MSG_EXEC, 0)->token = event->operation;
        break;
    case TXC_OP_BEGIN:
        txc_update_complete (update, event->operation, TXC_OK);
        break;
    case TXC_OP_MESSAGE:
        txc_update_complete (update, event->message->token, TXC_OK);
        break;
    case TXC_OP_COMMIT: /* a timer, earlier than any other */
        self->timed = event->operation;
        self->next_ms = event->now_ms + 2;
        break;
    case TXC_OP_TICK:
        self->ticks++;
        self->next_ms = self->tick_ms ? event->now_ms + self->tick_ms : UINT64_MAX;
        if (self->timed)
            txc_update_complete (update, self->timed, TXC_OK);
        self->timed = 0;
        break;
    default:
        TXC_NEVER();
    }
    return TXC_OK;
}

uint64_t txc_session_next_ms (const txc_session_t *self)
{
    return self->next_ms;
}

const char *txc_session_endpoint (const txc_session_t *self, uint64_t route)
{
    (void) self, (void) route;
    return NULL;
}

const char *txc_session_leader (const txc_session_t *self)
{
    (void) self;
    return "";
}

/* --- tests -------------------------------------------------------------------------------- */

static txc_crew_t s_crew;
static txc_link_t *s_link;
static txc_session_t *s_session;

static void s_start (uint64_t tick_ms)
{
    s_link = s_link_new();
    s_session = txc_calloc (1, sizeof *s_session);
    s_session->tick_ms = tick_ms;
    s_session->next_ms = tick_ms ? txc_pump_now_ms() + tick_ms : UINT64_MAX;
    txc_error_t error;
    assert_int_equal (txc_crew_init (&s_crew, s_session, s_link, &error), TXC_OK);
}

static void s_stop (void)
{
    txc_crew_fini (&s_crew);
}

static int s_run (txc_op_t op)
{
    txc_call_t call;
    txc_call_init (&call);
    txc_session_event_t event = {.op = (uint8_t) op};
    txc_crew_run (&s_crew, &event, &call, NULL);
    int rc = call.done ? call.code : TXC_PENDING;
    txc_call_fini (&call);
    return rc;
}

static void test_one_thread (void **state)
{
    (void) state;
    s_start (0);
    assert_int_equal (s_run (TXC_OP_BEGIN), TXC_OK); /* no message at all */
    for (int i = 0; i < 200; i++)
        assert_int_equal (s_run (TXC_OP_EXEC), TXC_OK);
    s_stop();
}

static void *s_many (void *arg)
{
    int *done = arg;
    for (int i = 0; i < CALLS; i++)
        if (s_run (i % 3 ? TXC_OP_EXEC : TXC_OP_BEGIN) == TXC_OK)
            ++*done;
    return NULL;
}

/* Without a timer nothing but answers, and the other threads, wakes the one that polls. */
static void s_check_many_threads (uint64_t tick_ms)
{
    pthread_t threads[THREADS];
    int done[THREADS] = {0};
    s_start (tick_ms);
    for (int i = 0; i < THREADS; i++)
        pthread_create (&threads[i], NULL, s_many, &done[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join (threads[i], NULL);
        assert_int_equal (done[i], CALLS);
    }
    assert_null (s_crew.leader);
    assert_int_equal (s_crew.background, 0);
    s_stop();
}

static void test_many_threads (void **state)
{
    (void) state;
    for (int i = 0; i < 5; i++)
        s_check_many_threads (i == 0 ? 5 : 0);
}

/* Sending consumed the signal of what arrived: whoever sends has to look. */
static void test_signal_taken_away (void **state)
{
    (void) state;
    s_start (0);
    s_link->sudden = true;
    for (int i = 0; i < 10; i++)
        assert_int_equal (s_run (TXC_OP_EXEC), TXC_OK);
    s_stop();
}

static void *s_one (void *arg)
{
    *(int *) arg = s_run (TXC_OP_EXEC);
    return NULL;
}

/* A timer that comes up while the leader, or the keeper, is in a poll without end. */
static void test_earlier_timer (void **state)
{
    (void) state;
    s_start (0);
    assert_int_equal (s_run (TXC_OP_COMMIT), TXC_OK);
    s_link_set_silent (s_link, true);
    pthread_t thread;
    int rc = TXC_PENDING;
    pthread_create (&thread, NULL, s_one, &rc);
    for (bool polls = false; !polls;) {
        txc_crew_lock (&s_crew);
        polls = s_crew.leader && s_crew.lead.polls;
        txc_crew_unlock (&s_crew);
    }
    assert_int_equal (s_run (TXC_OP_COMMIT), TXC_OK); /* its thread follows */
    s_link_set_silent (s_link, false);
    pthread_join (thread, NULL);
    assert_int_equal (rc, TXC_OK);
    txc_call_t call; /* nobody leads: the keeper has to look */
    txc_call_init (&call);
    int fd = eventfd (0, EFD_NONBLOCK);
    call.notify_fd = fd;
    txc_session_event_t event = {.op = TXC_OP_COMMIT};
    txc_crew_begin (&s_crew, &event, &call, NULL);
    struct pollfd item = {.fd = fd, .events = POLLIN};
    assert_int_equal (poll (&item, 1, 10000), 1);
    txc_crew_wait (&s_crew, &call);
    txc_call_fini (&call);
    close (fd);
    s_stop();
}

/* Calls begun together and waited for in another order. */
static void test_begin_then_wait (void **state)
{
    (void) state;
    s_start (0);
    txc_call_t calls[8];
    for (int i = 0; i < 8; i++) {
        txc_call_init (&calls[i]);
        txc_session_event_t event = {.op = TXC_OP_EXEC};
        txc_crew_begin (&s_crew, &event, &calls[i], NULL);
    }
    for (int i = 7; i >= 0; i--) {
        txc_crew_wait (&s_crew, &calls[i]);
        assert_true (calls[i].done);
        txc_call_fini (&calls[i]);
    }
    s_stop();
}

static void s_wait_readable (int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    assert_int_equal (poll (&item, 1, 10000), 1);
}

/* Nobody waits: the keeper completes the call and says so. */
static void test_background (void **state)
{
    (void) state;
    s_start (0);
    for (int i = 0; i < 50; i++) {
        int fd = eventfd (0, EFD_NONBLOCK);
        txc_call_t *call = txc_call_new();
        call->background = true;
        call->notify_fd = fd;
        txc_session_event_t event = {.op = TXC_OP_EXEC};
        txc_crew_begin (&s_crew, &event, call, NULL);
        if (i % 2)
            assert_int_equal (s_run (TXC_OP_EXEC),
                              TXC_OK); /* takes the role from the keeper and gives it back */
        s_wait_readable (fd);
        assert_true (txc_crew_is_done (&s_crew, call));
        txc_call_destroy (&call);
        close (fd);
    }
    s_stop();
}

/* A call that was given up while under way is freed, done or not. */
static void test_orphans (void **state)
{
    (void) state;
    s_start (0);
    for (int i = 0; i < 20; i++) {
        s_link_set_silent (s_link, i == 19);
        txc_call_t *call = txc_call_new();
        txc_session_event_t event = {.op = TXC_OP_EXEC};
        txc_crew_begin (&s_crew, &event, call, NULL);
        txc_crew_orphan (&s_crew, &call);
        assert_null (call);
        if (i < 19)
            assert_int_equal (s_run (TXC_OP_EXEC), TXC_OK);
    }
    s_stop();
}

static int s_ticks (void)
{
    const txc_session_t *session = txc_crew_lock (&s_crew);
    int ticks = session->ticks;
    txc_crew_unlock (&s_crew);
    return ticks;
}

/* Timers run while nobody is inside, and while everybody waits for an answer that does not come. */
static void test_timers (void **state)
{
    (void) state;
    s_start (2);
    while (s_ticks() < 5)
        poll (NULL, 0, 1);
    s_link_set_silent (s_link, true);
    pthread_t thread;
    int done = 0;
    pthread_create (&thread, NULL, s_many, &done);
    for (int before = s_ticks(); s_ticks() < before + 5;)
        poll (NULL, 0, 1);
    s_link_set_silent (s_link, false);
    pthread_join (thread, NULL);
    assert_int_equal (done, CALLS);
    s_stop();
}

/* The keeper leaves signals to the application's threads. */
static volatile sig_atomic_t s_handled;
static pthread_t s_handled_by;

static void s_handler (int number)
{
    (void) number;
    s_handled = 1;
    s_handled_by = pthread_self();
}

static void test_signals (void **state)
{
    (void) state;
    s_start (0);
    struct sigaction action = {.sa_handler = s_handler}, before;
    sigaction (SIGUSR1, &action, &before);
    kill (getpid(), SIGUSR1);
    while (!s_handled)
        poll (NULL, 0, 1);
    assert_true (pthread_equal (s_handled_by, pthread_self()));
    sigaction (SIGUSR1, &before, NULL);
    s_stop();
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_one_thread),      cmocka_unit_test (test_many_threads),
        cmocka_unit_test (test_begin_then_wait), cmocka_unit_test (test_background),
        cmocka_unit_test (test_orphans),         cmocka_unit_test (test_signal_taken_away),
        cmocka_unit_test (test_earlier_timer),   cmocka_unit_test (test_timers),
        cmocka_unit_test (test_signals),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
