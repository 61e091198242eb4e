/* txagent as a process, with a group of two replicas: it registers at both, and follows the one that leads.
 */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "agent_world.h"
#include "base/txc_mem.h"
#include "daemon/txc_system.h"

/* The second replica; the first one is the world's. */
typedef struct other {
    world_t *w;
    txc_net_t *net;
    bool leads; /* hellos are answered by a welcome of this epoch */
    txc_epoch_t epoch;
    uint64_t route; /* to the agent */
    uint32_t count[TXC_MSG_TYPES];
    txc_msg_t got[TXC_MSG_TYPES];
} other_t;

static void s_to_agent (other_t *self, const txc_msg_t *message)
{
    txc_net_send (self->net, self->route, message);
    txc_net_flush (self->net);
}

static void s_take (void *arg, const txc_msg_t *message)
{
    other_t *self = arg;
    self->count[message->type]++;
    self->got[message->type] = *message;
    if (message->type != TXC_MSG_AGENT_HELLO)
        return;
    self->route = message->route;
    txc_msg_t reply = {.type = TXC_MSG_NOT_LEADER, .replica = 1};
    if (self->leads)
        reply = (txc_msg_t){
            .type = TXC_MSG_AGENT_WELCOME, .epoch = self->epoch, .cluster = WORLD_CLUSTER, .high_slot = 1};
    reply.members = self->w->members;
    reply.n_members = self->w->n_members;
    s_to_agent (self, &reply);
}

static void s_turn (other_t *self)
{
    assert_true (world_turn (self->w));
    txc_net_poll (self->net, NULL, NULL, 0, 0);
    txc_net_receive (self->net, s_take, self, 16);
}

/* Rounds of both until the other one has heard a message of this type. */
static const txc_msg_t *s_wait (other_t *self, txc_msg_type_t type)
{
    uint64_t until = txc_clock_ms() + WORLD_WAIT_MS;
    while (!self->count[type]) {
        s_turn (self);
        if (txc_clock_ms() > until)
            fail_msg ("%s never came", txc_msg_name (type));
    }
    return &self->got[type];
}

/* Rounds until the one that leads has heard that the agent journaled its epoch, and has welcomed it again. */
static void s_ready (other_t *self)
{
    uint64_t until = txc_clock_ms() + WORLD_WAIT_MS;
    txc_epoch_t epoch = self->leads ? self->epoch : self->w->epoch;
    const txc_msg_t *hello =
        self->leads ? &self->got[TXC_MSG_AGENT_HELLO] : &self->w->got[TXC_MSG_AGENT_HELLO];
    while (txc_epoch_compare (hello->epoch, epoch) != 0 || !self->route) {
        s_turn (self);
        if (txc_clock_ms() > until)
            fail_msg ("the agent does not follow");
    }
    if (!self->w->client_route)
        self->w->client_route = txc_net_connect (self->w->net, self->w->entry.endpoint, NULL);
}

static void s_open (world_t *w, other_t *self, bool configured)
{
    *self = (other_t){.w = w, .net = txc_net_new (NULL), .epoch = {1, 2}};
    txc_error_t error;
    assert_int_equal (txc_net_bind (self->net, "tcp://127.0.0.1:*", false, &error), TXC_OK);
    world_open_group (w, configured ? txc_net_endpoint (self->net, 0) : NULL);
    w->n_members = 2;
    for (uint32_t i = 0; i < 2; i++) {
        w->members[i].id = i + 1;
        txc_copy_text (w->members[i].endpoint, sizeof w->members[i].endpoint,
                       txc_net_endpoint (i ? self->net : w->net, 0));
    }
}

static void s_close (other_t *self)
{
    world_close (self->w);
    txc_net_destroy (&self->net);
}

static uint64_t s_begin (other_t *self, uint64_t n)
{
    const txc_msg_t *reply = world_begin (self->w, n, "add x 1");
    assert_int_equal (reply->code, TXC_OK);
    return reply->token;
}

static void s_prepare (other_t *self, uint64_t n, uint64_t token)
{
    txc_msg_t prepare = world_message (self->w, TXC_MSG_PREPARE, n, token);
    prepare.count = 1;
    if (!self->leads) {
        world_to_agent (self->w, &prepare);
        return;
    }
    prepare.epoch = self->epoch;
    s_to_agent (self, &prepare);
}

/* Both are configured; the second leads.  Votes and questions go to it, and after a change of leader to the
 * first. */
static void votes_and_inquiries_go_to_the_leader_of_the_day (void **state)
{
    (void) state;
    world_t w;
    other_t other;
    s_open (&w, &other, true);
    w.leader = 2;
    other.leads = true;
    world_start (&w, NULL);
    s_ready (&other);
    assert_true (w.count[TXC_MSG_AGENT_HELLO] > 0); /* who does not lead hears it too */
    uint64_t token = s_begin (&other, 1);
    s_prepare (&other, 1, token);
    assert_int_equal (s_wait (&other, TXC_MSG_VOTE)->vote, TXC_VOTE_YES);
    s_wait (&other, TXC_MSG_INQUIRY);
    assert_int_equal (w.count[TXC_MSG_VOTE] + w.count[TXC_MSG_INQUIRY], 0);

    other.leads = false; /* and is silent about it: another one is elected */
    w.leader = 0;
    w.epoch = (txc_epoch_t){2, 1};
    s_ready (&other);
    world_wait (&w, TXC_MSG_INQUIRY);
    s_prepare (&other, 1, token);
    assert_int_equal (world_wait (&w, TXC_MSG_VOTE)->vote, TXC_VOTE_YES); /* again, in the new epoch */
    memset (other.count, 0, sizeof other.count);
    w.count[TXC_MSG_PHASE2_DONE] = 0;
    txc_msg_t stale = world_message (&w, TXC_MSG_PHASE2_ROLLBACK, 1, token);
    stale.epoch = other.epoch;
    s_to_agent (&other, &stale); /* who led before has no say any more */
    world_decide (&w, TXC_MSG_PHASE2_COMMIT, 1, token);
    world_wait (&w, TXC_MSG_PHASE2_DONE);
    assert_string_equal (world_value (&w, 2, "x"), "1");
    assert_int_equal (other.count[TXC_MSG_PHASE2_DONE] + other.count[TXC_MSG_VOTE], 0);
    s_close (&other);
}

/* It was told of one replica only, and learns the other one from its welcome. */
static void replica_that_was_not_configured_is_found (void **state)
{
    (void) state;
    world_t w;
    other_t other;
    s_open (&w, &other, false);
    world_start (&w, NULL);
    s_wait (&other, TXC_MSG_AGENT_HELLO);
    w.silent = true;
    other.leads = true;
    other.epoch = (txc_epoch_t){2, 2};
    s_ready (&other);
    uint64_t token = s_begin (&other, 1);
    s_prepare (&other, 1, token);
    assert_int_equal (s_wait (&other, TXC_MSG_VOTE)->vote, TXC_VOTE_YES);
    s_close (&other);
}

/* A replica that is no member any more is not called any more: its socket sees the agent go. */
static void replica_that_left_is_called_no_more (void **state)
{
    (void) state;
    world_t w;
    other_t other;
    s_open (&w, &other, true);
    world_start (&w, NULL);
    s_wait (&other, TXC_MSG_AGENT_HELLO);
    s_ready (&other);
    strcpy (w.members[1].endpoint, w.members[0].endpoint); /* all there is, is here */
    while (txc_net_send (other.net, other.route,
                         &(txc_msg_t){.type = TXC_MSG_NOT_LEADER, .replica = 1, .n_members = 0}) == TXC_OK) {
        txc_net_flush (other.net); /* which forgets the route once the peer is gone */
        assert_true (world_turn (&w));
    }
    s_close (&other);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (votes_and_inquiries_go_to_the_leader_of_the_day),
        cmocka_unit_test (replica_that_was_not_configured_is_found),
        cmocka_unit_test (replica_that_left_is_called_no_more),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
