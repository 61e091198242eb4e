/* Finding the replica that leads, as a client and as an agent: where each sends what, and to whom it turns.
 */
#include "txc_test.h"

#include "core/txc_agent.h"
#include "core/txc_leader.h"
#include "core/txc_session.h"
#include "wire/txc_codec.h"

static const char s_configured[3][TXC_ENDPOINT_MAX + 1] = {"tcp://a:1", "tcp://b:1", "tcp://alias:1"};

/* a, b and c, numbered from 1; c is not configured. */
static const txc_member_t s_members[3] = {{.id = 1, .endpoint = "tcp://a:1"},
                                          {.id = 2, .endpoint = "tcp://b:1"},
                                          {.id = 3, .endpoint = "tcp://c:1"}};

static txc_msg_t s_not_leader (uint32_t replica)
{
    return (txc_msg_t){.type = TXC_MSG_NOT_LEADER, .replica = replica, .members = s_members, .n_members = 3};
}

/* --- the list -------------------------------------------------------------------------- */

static void members_come_first_and_what_was_configured_is_not_forgotten (void **state)
{
    (void) state;
    txc_leader_t leader;
    txc_leader_init (&leader, s_configured, 3);
    assert_string_equal (txc_leader_endpoint (&leader), "tcp://a:1");
    txc_leader_next (&leader);
    txc_msg_t told = s_not_leader (3);
    txc_leader_learn (&leader, &told);
    assert_string_equal (txc_leader_endpoint (&leader), "tcp://b:1"); /* still the one that was asked */
    static const char *const all[] = {"tcp://a:1", "tcp://b:1", "tcp://c:1", "tcp://alias:1"};
    for (uint32_t i = 0; i < 4; i++)
        assert_string_equal (txc_leader_nth (&leader, i), all[i]);
    assert_null (txc_leader_nth (&leader, 4));
    assert_true (txc_leader_is (&leader, 3));
    assert_false (txc_leader_is (&leader, 3));
    assert_string_equal (txc_leader_endpoint (&leader), "tcp://c:1");
    assert_false (txc_leader_is (&leader, 4));
    assert_false (txc_leader_is (&leader, 0));
    txc_leader_next (&leader);
    assert_string_equal (txc_leader_endpoint (&leader), "tcp://alias:1");
    txc_leader_learn (&leader, &told); /* whoever answers under another name is still asked there */
    assert_string_equal (txc_leader_endpoint (&leader), "tcp://alias:1");
    txc_leader_next (&leader);
    assert_string_equal (txc_leader_endpoint (&leader), "tcp://a:1");
}

static void member_that_left_is_called_no_more (void **state)
{
    (void) state;
    txc_leader_t leader;
    txc_leader_init (&leader, s_configured, 1);
    txc_msg_t told = s_not_leader (3);
    txc_leader_learn (&leader, &told);
    assert_true (txc_leader_is (&leader, 3));
    told.n_members = 2;
    txc_leader_learn (&leader, &told);
    assert_string_equal (txc_leader_endpoint (&leader), "tcp://a:1");
    assert_null (txc_leader_nth (&leader, 2));
}

static void members_without_endpoints_teach_nothing (void **state)
{
    (void) state;
    txc_leader_t leader;
    txc_leader_init (&leader, s_configured, 2);
    txc_msg_t told = {.type = TXC_MSG_NOT_LEADER, .members = &(txc_member_t){.id = 1}, .n_members = 1};
    txc_leader_learn (&leader, &told);
    told.n_members = 0;
    txc_leader_learn (&leader, &told);
    assert_string_equal (txc_leader_endpoint (&leader), "tcp://a:1");
    assert_string_equal (txc_leader_nth (&leader, 1), "tcp://b:1");
    assert_null (txc_leader_nth (&leader, 2));
}

/* --- the client ------------------------------------------------------------------------- */

typedef struct s_client {
    txc_session_t *session;
    uint64_t now_ms;
    unsigned asked;                  /* messages to the leader in the last step */
    char whom[TXC_ENDPOINT_MAX + 1]; /* where the last one went */
    int opened;                      /* what the opening came to; TXC_PENDING: nothing yet */
} s_client_t;

static void s_client_step (s_client_t *self, txc_session_event_t event)
{
    txc_update_t update;
    txc_update_init (&update);
    event.now_ms = self->now_ms;
    txc_session_step (self->session, &event, NULL, &update);
    self->asked = update.n_messages;
    if (update.n_messages)
        strcpy (self->whom, txc_session_leader (self->session));
    for (uint32_t i = 0; i < update.n_completions; i++)
        self->opened = update.completions[i].code;
    txc_update_fini (&update);
}

static void s_client_hears (s_client_t *self, txc_msg_t message)
{
    s_client_step (self, (txc_session_event_t){.op = TXC_OP_MESSAGE, .message = &message});
}

/* Lets time pass until the client asks somebody again; whom. */
static const char *s_client_asks (s_client_t *self)
{
    do {
        self->now_ms = txc_session_next_ms (self->session);
        s_client_step (self, (txc_session_event_t){.op = TXC_OP_TICK});
    } while (!self->asked);
    return self->whom;
}

static void s_client_new (s_client_t *self, uint32_t n_configured)
{
    txc_session_config_t config = {.nonce = 5, .seed = 6, .n_coordinators = n_configured};
    memcpy (config.coordinators, s_configured, sizeof s_configured);
    *self = (s_client_t){.now_ms = 1000, .opened = TXC_PENDING};
    self->session = txc_session_new (&config);
    s_client_step (self, (txc_session_event_t){.op = TXC_OP_OPEN, .operation = 1, .timeout_ms = 1000 * 1000});
    assert_string_equal (self->whom, "tcp://a:1");
}

static txc_msg_t s_opened (uint32_t n_members)
{
    return (txc_msg_t){.type = TXC_MSG_SESSION_OPENED,
                       .nonce = 5,
                       .session = 9,
                       .cluster = 8,
                       .lease_ms = 3000,
                       .epoch = {1, 1},
                       .members = s_members,
                       .n_members = n_members};
}

static void s_client_open (s_client_t *self, uint32_t n_members)
{
    s_client_hears (self, s_opened (n_members));
    s_client_hears (self, (txc_msg_t){.type = TXC_MSG_DIRECTORY_REPLY});
    assert_int_equal (self->opened, TXC_OK);
}

static void client_goes_on_to_the_next_when_one_is_silent (void **state)
{
    (void) state;
    s_client_t c;
    s_client_new (&c, 3);
    assert_string_equal (s_client_asks (&c), "tcp://b:1");
    assert_string_equal (s_client_asks (&c), "tcp://alias:1");
    assert_string_equal (s_client_asks (&c), "tcp://a:1");
    txc_session_destroy (&c.session);
}

static void client_follows_who_is_named_at_once (void **state)
{
    (void) state;
    s_client_t c;
    s_client_new (&c, 2);
    s_client_hears (&c, s_not_leader (3));
    uint64_t before_ms = c.now_ms;
    assert_string_equal (s_client_asks (&c), "tcp://c:1");
    assert_true (c.now_ms - before_ms < 100);
    s_client_open (&c, 3);
    txc_session_destroy (&c.session);
}

/* A replica that was taken out of the group knows no leader, and never will. */
static void client_does_not_stay_with_one_who_knows_no_leader (void **state)
{
    (void) state;
    s_client_t c;
    bool third = false;
    s_client_new (&c, 3);
    for (int i = 0; i < 100 && !third; i++) {
        s_client_hears (&c, s_not_leader (0)); /* wherever it asks */
        third = strcmp (s_client_asks (&c), "tcp://c:1") == 0;
    }
    assert_true (third);
    txc_session_destroy (&c.session);
}

/* It knows one endpoint, that of the leader, and learns the others while all is well. */
static void client_survives_the_only_replica_that_it_was_told_of (void **state)
{
    (void) state;
    s_client_t c;
    s_client_new (&c, 1);
    s_client_open (&c, 3);
    assert_string_equal (txc_session_coordinator_nth (c.session, 2), "tcp://c:1");
    assert_null (txc_session_coordinator_nth (c.session, 3));
    assert_string_equal (s_client_asks (&c),
                         "tcp://a:1"); /* the first keepalive is owed to whoever was asked */
    bool b = false;
    for (int i = 0; i < 8 && !b; i++)
        b = strcmp (s_client_asks (&c), "tcp://b:1") == 0;
    assert_true (b);
    txc_session_destroy (&c.session);
}

/* A group of one grew: the next keepalive's answer says so. */
static void client_learns_of_members_that_came_later (void **state)
{
    (void) state;
    s_client_t c;
    s_client_new (&c, 1);
    s_client_open (&c, 0);
    assert_null (txc_session_coordinator_nth (c.session, 1));
    s_client_asks (&c);
    s_client_hears (
        &c,
        (txc_msg_t){
            .type = TXC_MSG_SESSION_ALIVE, .session = 9, .cluster = 8, .members = s_members, .n_members = 3});
    assert_string_equal (txc_session_coordinator_nth (c.session, 1), "tcp://b:1");
    assert_string_equal (txc_session_leader (c.session), "tcp://a:1");
    txc_session_destroy (&c.session);
}

/* --- the agent --------------------------------------------------------------------------- */

typedef struct s_agent {
    txc_agent_t *agent;
    uint64_t now_ms, journaled;
    uint64_t hello_route; /* of the last hello */
    unsigned hellos;
} s_agent_t;

static void s_agent_step (s_agent_t *self, txc_agent_event_t event)
{
    txc_update_t update;
    uint64_t journaled = 0;
    txc_update_init (&update);
    event.now_ms = self->now_ms;
    txc_agent_step (self->agent, &event, &update);
    for (uint32_t i = 0; i < update.n_messages; i++)
        if (update.messages[i].type == TXC_MSG_AGENT_HELLO) {
            self->hello_route = update.messages[i].route;
            self->hellos++;
        }
    for (uint32_t i = 0; i < update.n_entries; i++)
        journaled = update.entries[i].slot;
    txc_update_fini (&update);
    if (journaled)
        s_agent_step (self, (txc_agent_event_t){.type = TXC_AGENT_JOURNALED, .slot = journaled});
}

static void s_agent_hears (s_agent_t *self, txc_msg_t message)
{
    s_agent_step (self,
                  (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .message = &message, .from = "tcp://b:1"});
}

static void s_agent_welcome (s_agent_t *self, uint64_t round, uint32_t leader, uint32_t n_members)
{
    for (int i = 0; i < 2; i++) /* the first one's epoch goes to the journal, the second one registers */
        s_agent_hears (self, (txc_msg_t){.type = TXC_MSG_AGENT_WELCOME,
                                         .epoch = {round, leader},
                                         .cluster = 8,
                                         .high_slot = round,
                                         .members = s_members,
                                         .n_members = n_members});
    txc_agent_status_t status;
    txc_agent_status (self->agent, &status);
    assert_true (status.registered);
}

static void s_agent_new (s_agent_t *self, uint32_t n_configured)
{
    txc_agent_config_t config = {.name = "agent",
                                 .endpoint = "tcp://agent:1",
                                 .incarnation = 3,
                                 .seed = 4,
                                 .codec = &txc_journal_codec,
                                 .hello_ms = 1000,
                                 .n_coordinators = n_configured};
    memcpy (config.coordinators, s_configured, sizeof s_configured);
    *self = (s_agent_t){.now_ms = 1000};
    self->agent = txc_agent_new (&config);
    s_agent_step (self, (txc_agent_event_t){.type = TXC_AGENT_START});
    assert_int_equal (self->hellos, 1);
}

static unsigned s_agent_calls (const s_agent_t *self)
{
    unsigned n = 0;
    while (txc_agent_coordinator_nth (self->agent, n))
        n++;
    return n;
}

static void agent_registers_everywhere_and_answers_the_leader (void **state)
{
    (void) state;
    s_agent_t a;
    s_agent_new (&a, 3);
    assert_true (a.hello_route == TXC_ROUTE_ALL);
    assert_int_equal (s_agent_calls (&a), 3);
    s_agent_hears (&a, s_not_leader (2));
    assert_string_equal (txc_agent_leader (a.agent), "tcp://b:1");
    assert_int_equal (s_agent_calls (&a), 4);
    s_agent_welcome (&a, 1, 3, 3); /* who welcomes leads, whatever others say */
    assert_string_equal (txc_agent_leader (a.agent), "tcp://c:1");
    s_agent_hears (&a, s_not_leader (2));
    assert_string_equal (txc_agent_leader (a.agent), "tcp://c:1");
    txc_agent_destroy (&a.agent);
}

static void agent_with_one_endpoint_learns_the_others (void **state)
{
    (void) state;
    s_agent_t a;
    s_agent_new (&a, 1);
    assert_true (a.hello_route == TXC_ROUTE_LEADER);
    s_agent_welcome (&a, 1, 1, 3);
    a.now_ms = txc_agent_next_ms (a.agent);
    s_agent_step (&a, (txc_agent_event_t){.type = TXC_AGENT_TICK});
    assert_true (a.hello_route == TXC_ROUTE_ALL);
    assert_int_equal (s_agent_calls (&a), 3);
    txc_agent_destroy (&a.agent);
}

/* A group of one tells no members: it is where it answers. */
static void agent_stays_where_it_was_welcomed (void **state)
{
    (void) state;
    s_agent_t a;
    s_agent_new (&a, 3);
    assert_string_equal (txc_agent_leader (a.agent), "tcp://a:1");
    s_agent_welcome (&a, 1, 1, 0);
    assert_string_equal (txc_agent_leader (a.agent), "tcp://b:1");
    assert_int_equal (s_agent_calls (&a), 3);
    txc_agent_destroy (&a.agent);
}

/* Another name of a member is not called beside it, but it is where the agent looks when all are silent. */
static void agent_calls_members_only_as_long_as_they_answer (void **state)
{
    (void) state;
    s_agent_t a;
    s_agent_new (&a, 3);
    s_agent_welcome (&a, 1, 1, 3);
    assert_int_equal (s_agent_calls (&a), 3);
    a.now_ms += 60000;
    s_agent_step (&a, (txc_agent_event_t){.type = TXC_AGENT_TICK});
    assert_int_equal (s_agent_calls (&a), 4);
    assert_string_equal (txc_agent_coordinator_nth (a.agent, 3), "tcp://alias:1");
    s_agent_welcome (&a, 1, 1, 3);
    assert_int_equal (s_agent_calls (&a), 3);
    txc_agent_destroy (&a.agent);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (members_come_first_and_what_was_configured_is_not_forgotten),
        cmocka_unit_test (member_that_left_is_called_no_more),
        cmocka_unit_test (members_without_endpoints_teach_nothing),
        cmocka_unit_test (client_goes_on_to_the_next_when_one_is_silent),
        cmocka_unit_test (client_follows_who_is_named_at_once),
        cmocka_unit_test (client_does_not_stay_with_one_who_knows_no_leader),
        cmocka_unit_test (client_survives_the_only_replica_that_it_was_told_of),
        cmocka_unit_test (client_learns_of_members_that_came_later),
        cmocka_unit_test (agent_registers_everywhere_and_answers_the_leader),
        cmocka_unit_test (agent_with_one_endpoint_learns_the_others),
        cmocka_unit_test (agent_stays_where_it_was_welcomed),
        cmocka_unit_test (agent_calls_members_only_as_long_as_they_answer),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
