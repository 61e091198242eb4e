/* Cooperative termination of two-phase commits: what a participant tells its peers, and what it believes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"

typedef struct s_tx {
    uint64_t number;
    txc_gtrid_t gtrid;
    txc_branch_ref_t branches[WORLD_RMS];
} s_tx_t;

static s_tx_t s_begin_for (world_t *world, uint32_t timeout_ms)
{
    static const char *const rms[WORLD_RMS] = {"bank_pg", "bank_my"};
    s_tx_t tx = {.number = world_do (world, (txc_session_event_t){.op = TXC_OP_BEGIN,
                                                                  .timeout_ms = timeout_ms,
                                                                  .flags = TXC_FLAG_DECISION_LOGGED})};
    tx.gtrid = world_gtrid (world, tx.number);
    for (int i = 0; i < WORLD_RMS; i++) {
        assert_int_equal (world_exec (world, tx.number, rms[i], 0), TXC_OK);
        strcpy (tx.branches[i].rm, rms[i]);
        tx.branches[i].token = world->last[TXC_MSG_EXEC_REPLY].token;
    }
    return tx;
}

static s_tx_t s_begin (world_t *world)
{
    return s_begin_for (world, 60000);
}

static txc_msg_t s_about (const s_tx_t *tx, int branch, txc_msg_type_t type)
{
    txc_msg_t message = {.type = (uint8_t) type, .gtrid = tx->gtrid, .token = tx->branches[branch].token};
    memcpy (message.rm, tx->branches[branch].rm, sizeof message.rm);
    return message;
}

/* What the agent tells a peer that asks about the first branch: YES, NO; NONE: nothing. */
static uint8_t s_ask (world_t *world, const s_tx_t *tx)
{
    world->trace[0] = '\0';
    world_forge (world, 'A', s_about (tx, 0, TXC_MSG_TERMINATE));
    if (world_count (world, "MEMBER_STATE") == 0)
        return TXC_VOTE_NONE;
    assert_int_equal (world->last[TXC_MSG_MEMBER_STATE].flags, TXC_FLAG_FINAL);
    return world->last[TXC_MSG_MEMBER_STATE].vote;
}

/* A peer (or somebody else) tells how it ended; is anything done about the branches? */
static bool s_tell (world_t *world, const s_tx_t *tx, uint8_t outcome, const char *work)
{
    txc_msg_t message = s_about (tx, 0, TXC_MSG_MEMBER_STATE);
    message.flags = TXC_FLAG_FINAL;
    message.vote = outcome;
    world->trace[0] = '\0';
    world_forge (world, 'A', message);
    return world_count (world, work) > 0;
}

/* What the agent says that its branch of a transaction waits for. */
typedef struct s_looked {
    const s_tx_t *tx;
    int branch;
    const char *waits;
} s_looked_t;

static bool s_look (void *arg, const txc_branch_view_t *view)
{
    s_looked_t *looked = arg;
    if (txc_gtrid_equal (&view->gtrid, &looked->tx->gtrid) &&
        strcmp (view->rm, looked->tx->branches[looked->branch].rm) == 0)
        looked->waits = view->waits;
    return true;
}

static const char *s_waits (world_t *world, const s_tx_t *tx, int branch)
{
    s_looked_t looked = {.tx = tx, .branch = branch};
    txc_agent_each (world->agent, s_look, &looked);
    assert_non_null (looked.waits);
    return looked.waits;
}

static void s_one_that_never_voted_refuses_and_says_so (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    assert_int_equal (s_ask (world, &tx), TXC_VOTE_NO);
    assert_int_equal (world_count (world, "*ROLLBACK"), 1);
    assert_int_equal (s_ask (world, &tx), TXC_VOTE_NO); /* for good */
    assert_int_equal (world_commit (world, tx.number), TXC_ROLLED_BACK);
}

static void s_one_that_voted_does_not_guess (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    world->status[TXC_WORK_PREPARE][1] = WORLD_HOLD;
    assert_int_equal (world_commit (world, tx.number), TXC_PENDING);
    assert_int_equal (s_ask (world, &tx), TXC_VOTE_NONE);
}

static void s_one_that_voted_read_only_does_not_guess (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    world->status[TXC_WORK_PREPARE][0] = TXC_WORK_READ_ONLY;
    assert_int_equal (world_commit (world, tx.number), TXC_OK);
    assert_int_equal (s_ask (world, &tx), TXC_VOTE_NONE);
}

static void s_what_is_not_known_is_no_abort (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    tx.branches[0].token++;
    assert_int_equal (s_ask (world, &tx), TXC_VOTE_NONE);
    tx.branches[0].token--;
    world_restart_agent (world, false);
    assert_int_equal (s_ask (world, &tx), TXC_VOTE_NONE);
}

static void s_what_the_coordinator_said_is_passed_on (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    assert_int_equal (world_commit (world, tx.number), TXC_OK);
    assert_int_equal (s_ask (world, &tx), TXC_VOTE_YES);
    tx = s_begin (world);
    world->status[TXC_WORK_PREPARE][1] = TXC_WORK_ROLLED_BACK;
    assert_int_equal (world_commit (world, tx.number), TXC_ROLLED_BACK);
    assert_int_equal (s_ask (world, &tx), TXC_VOTE_NO);
}

static void s_what_an_operator_did_is_no_answer (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    world->drop = TXC_MSG_PHASE2_COMMIT;
    assert_int_equal (world_commit (world, tx.number), TXC_OK);
    txc_agent_event_t event = {.type = TXC_AGENT_OPERATOR, .vote = TXC_VOTE_NO, .gtrid = tx.gtrid};
    event.token = tx.branches[0].token;
    memcpy (event.rm, tx.branches[0].rm, sizeof event.rm);
    world_agent_event (world, event);
    assert_int_equal (s_ask (world, &tx), TXC_VOTE_NONE);
    world->drop = 0;
    world_pass (world, 10000); /* the coordinator says commit, too late */
    assert_int_equal (s_ask (world, &tx), TXC_VOTE_NONE);
}

/* In doubt, with a coordinator that is not heard of any more, it asks whom its prepare named. */
static void s_who_hears_nothing_asks_and_believes_its_peers (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    world->drop = TXC_MSG_PHASE2_COMMIT;
    assert_int_equal (world_commit (world, tx.number), TXC_OK);
    world->trace[0] = '\0';
    world_pass (world, 4000); /* it hears of the coordinator: nobody is asked */
    assert_int_equal (world_count (world, "TERMINATE"), 0);
    assert_string_equal (s_waits (world, &tx, 1), "the coordinator");
    world->drop = TXC_MSG_AGENT_WELCOME;
    txc_msg_t later = s_about (&tx, 0, TXC_MSG_PREPARE); /* another leader, of which it hears no more */
    later.epoch = (txc_epoch_t){UINT32_MAX, 1};
    world_forge (world, 'A', later);
    world->trace[0] = '\0';
    txc_agent_event_t tick = {.type = TXC_AGENT_TICK};
    for (int i = 0; i < 300 && world_count (world, "TERMINATE") == 0; i++) {
        world->now_ms += 100;
        world_agent_event (world, tick);
    }
    assert_true (world_count (world, "TERMINATE") >= 1);
    assert_string_equal (s_waits (world, &tx, 1),
                         "the coordinator, which is silent, or a participant that knows the outcome");
    assert_false (s_tell (world, &tx, TXC_VOTE_NONE, "*COMMIT"));
    s_tx_t other = tx;
    other.branches[0].token++; /* no participant */
    assert_false (s_tell (world, &other, TXC_VOTE_NO, "*ROLLBACK"));
    assert_true (s_tell (world, &tx, TXC_VOTE_YES, "*COMMIT"));
    assert_int_equal (txc_agent_told_by_peers (world->agent), WORLD_RMS);
}

/* The vote travelled with the last statement, before anybody could say who takes part. */
static void s_one_that_no_prepare_came_to_knows_nobody_to_ask (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    assert_int_equal (world_exec (world, tx.number, "bank_my", TXC_FLAG_LAST), TXC_OK);
    assert_string_equal (s_waits (world, &tx, 1), "the coordinator");
    world->drop = TXC_MSG_AGENT_WELCOME;
    world->trace[0] = '\0';
    for (int i = 0; i < 300; i++) {
        world->now_ms += 100;
        world_agent_event (world, (txc_agent_event_t){.type = TXC_AGENT_TICK});
    }
    assert_int_equal (world_count (world, "TERMINATE"), 0);
    assert_string_equal (s_waits (world, &tx, 1),
                         "the coordinator, which is silent; it knows nobody else to ask");
}

static bool s_is_called (const world_t *world, const char *endpoint)
{
    const char *peer;
    for (uint32_t i = 0; (peer = txc_agent_peer (world->agent, TXC_ROUTE_PEER (i))) != NULL; i++) {
        assert_true (i < TXC_AGENTS_MAX);
        if (strcmp (peer, endpoint) == 0)
            return true;
    }
    return false;
}

/* The first branch has voted, the other one is still at it, and their leader does not welcome the agent any
 * more. */
static s_tx_t s_begin_and_hear_no_more (world_t *world)
{
    s_tx_t tx = s_begin_for (world, 100000000);
    world->status[TXC_WORK_PREPARE][1] = WORLD_HOLD;
    assert_int_equal (world_commit (world, tx.number), TXC_PENDING);
    world->drop = TXC_MSG_AGENT_WELCOME;
    return tx;
}

/* Prepare names other participants, with ports that begin at that number; the agent comes to ask them. */
static void s_ask_others (world_t *world, const s_tx_t *tx, unsigned port)
{
    enum { OTHERS = 30 };
    txc_branch_ref_t others[OTHERS] = {{.token = 1}};
    for (unsigned i = 0; i < OTHERS; i++) {
        others[i].token = i + 1;
        strcpy (others[i].rm, "bank_else");
        snprintf (others[i].endpoint, sizeof others[i].endpoint, "tcp://10.0.0.1:%u", port + i);
    }
    txc_msg_t prepare = s_about (tx, 0, TXC_MSG_PREPARE);
    prepare.epoch = world->last[TXC_MSG_PREPARE].epoch;
    prepare.count = 1;
    prepare.branches = others;
    prepare.n_branches = OTHERS;
    world_forge (world, 'A', prepare);
    world->trace[0] = '\0';
    for (int i = 0; i < 300 && world_count (world, "TERMINATE") < OTHERS; i++) {
        world->now_ms += 100;
        world_agent_event (world, (txc_agent_event_t){.type = TXC_AGENT_TICK});
    }
    for (unsigned i = 0; i < OTHERS; i++)
        if (!s_is_called (world, others[i].endpoint))
            fail_msg ("%s was not asked", others[i].endpoint);
}

/* Agents listen elsewhere after each start: more endpoints than there can be agents are named in the end. */
static void s_peers_that_move_are_asked_all_the_same (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin_and_hear_no_more (world);
    for (unsigned port = 1000; port < 1000 + 2 * TXC_AGENTS_MAX; port += 30)
        s_ask_others (world, &tx, port);
}

static void s_whom_nobody_asks_any_more_is_forgotten (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin_and_hear_no_more (world);
    s_ask_others (world, &tx, 1000);
    world->drop = 0;
    world_pass (world, 10000); /* its leader is back */
    assert_true (s_is_called (world, "tcp://10.0.0.1:1000"));
    world_pass (world, 70000);
    assert_null (txc_agent_peer (world->agent, TXC_ROUTE_PEER (0)));
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (s_one_that_never_voted_refuses_and_says_so, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_one_that_voted_does_not_guess, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (s_one_that_voted_read_only_does_not_guess, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_what_is_not_known_is_no_abort, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (s_what_the_coordinator_said_is_passed_on, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_what_an_operator_did_is_no_answer, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (s_who_hears_nothing_asks_and_believes_its_peers, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_one_that_no_prepare_came_to_knows_nobody_to_ask, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_peers_that_move_are_asked_all_the_same, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_whom_nobody_asks_any_more_is_forgotten, world_setup,
                                         world_teardown),
    };
    return cmocka_run_group_tests_name ("core peer", tests, NULL, NULL);
}
