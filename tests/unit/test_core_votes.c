/* Paxos Commit: which votes an acceptor takes and keeps, and what they decide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"
#include "core/txc_replica_private.h"

static uint64_t s_transfer (world_t *world)
{
    uint64_t tx = world_do (world, (txc_session_event_t){.op = TXC_OP_BEGIN,
                                                         .mode = TXC_MODE_PAXOS,
                                                         .timeout_ms = 5000,
                                                         .flags = TXC_FLAG_DECISION_LOGGED});
    assert_int_equal (world_exec (world, tx, "bank_pg", 0), TXC_OK);
    assert_int_equal (world_exec (world, tx, "bank_my", 0), TXC_OK);
    return tx;
}

static uint32_t s_held (const world_t *world)
{
    txc_replica_status_t status;
    txc_replica_status (world->replica, &status);
    return status.votes;
}

/* Where a word stands in the trace. */
static size_t s_at (const world_t *world, const char *word)
{
    const char *at = strstr (world->trace, word);
    assert_non_null (at);
    return (size_t) (at - world->trace);
}

static void s_votes_decide_before_the_record (void **state)
{
    world_t *world = *state;
    assert_int_equal (world_commit (world, s_transfer (world)), TXC_OK);
    assert_int_equal (world_count (world, "+VOTE"), 2);
    assert_int_equal (world_count (world, "+COMMIT"), 1);
    assert_int_equal (world_count (world, "+END"), 1);
    assert_true (s_at (world, "+VOTE") < s_at (world, "PHASE2_COMMIT"));
    assert_int_equal (s_held (world), 0); /* the record closed them */
}

static void s_read_only_is_a_vote_too (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_PREPARE][0] = world->status[TXC_WORK_PREPARE][1] = TXC_WORK_READ_ONLY;
    assert_int_equal (world_commit (world, s_transfer (world)), TXC_OK);
    assert_int_equal (world_count (world, "+VOTE"), 2);
    world_pass (world, 1000);
    assert_int_equal (world_count (world, "+END"), 1);
    assert_int_equal (s_held (world), 0);
}

static void s_a_final_no_closes_the_other_votes (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_PREPARE][1] = TXC_WORK_ROLLED_BACK;
    assert_int_equal (world_commit (world, s_transfer (world)), TXC_ROLLED_BACK);
    assert_int_equal (world_count (world, "+VOTE"), 1);
    assert_int_equal (world_count (world, "+ABORT"), 1);
    assert_int_equal (s_held (world), 0);
}

/* A vote as bank_pg's agent would cast it for a transaction that nobody commits. */
static txc_msg_t s_cast (world_t *world, txc_branch_ref_t *branches, uint64_t n)
{
    txc_replica_status_t status;
    txc_session_status_t session;
    txc_replica_status (world->replica, &status);
    txc_session_status (world->session, &session);
    memset (branches, 0, 2 * sizeof *branches);
    strcpy (branches[0].rm, "bank_pg");
    strcpy (branches[1].rm, "bank_my");
    branches[0].token = 0x70;
    branches[1].token = 0x71;
    txc_msg_t message = {.type = TXC_MSG_VOTE,
                         .gtrid = {session.cluster, session.session, n, TXC_MODE_PAXOS},
                         .epoch = status.epoch,
                         .token = 0x70,
                         .vote = TXC_VOTE_YES,
                         .n_branches = 2,
                         .branches = branches,
                         .route = 2};
    strcpy (message.rm, "bank_pg");
    return message;
}

static int s_take (world_t *world, const txc_msg_t *message)
{
    txc_update_t update;
    txc_update_init (&update);
    txc_event_t event = {
        .type = TXC_EVENT_MESSAGE, .message = message, .now_ms = world->now_ms, .wall_ms = world->now_ms};
    int rc = txc_replica_step (world->replica, &event, &update);
    uint64_t number = update.n_entries ? update.entries[update.n_entries - 1].number : 0;
    for (uint32_t i = 0; i < update.n_entries; i++)
        assert_true (update.entries[i].forced);
    txc_update_fini (&update);
    if (number)
        world_replica_event (world, (txc_event_t){.type = TXC_EVENT_DURABLE, .number = number});
    return rc;
}

static void s_what_an_acceptor_takes (void **state)
{
    world_t *world = *state;
    txc_branch_ref_t branches[2];
    txc_msg_t vote = s_cast (world, branches, 7);
    assert_int_equal (s_take (world, &vote), TXC_OK);
    assert_int_equal (s_held (world), 1);
    assert_int_equal (s_take (world, &vote), TXC_OK); /* once more: the same */
    assert_int_equal (s_held (world), 1);
    vote.vote = TXC_VOTE_READ_ONLY; /* one value ever */
    assert_int_equal (s_take (world, &vote), TXC_ESTALE);
    vote = s_cast (world, branches, 8);
    vote.epoch.round--; /* below the promise, of an instance that was never heard of */
    assert_int_equal (s_take (world, &vote), TXC_ESTALE);
    vote = s_cast (world, branches, 9);
    vote.epoch.round++; /* above it */
    assert_int_equal (s_take (world, &vote), TXC_OK);
    vote = s_cast (world, branches, 10);
    vote.token = 0x72; /* the list does not name it */
    assert_int_equal (s_take (world, &vote), TXC_EPROTO);
    vote = s_cast (world, branches, 11);
    vote.n_branches = 0;
    assert_int_equal (s_take (world, &vote), TXC_EPROTO);
    vote = s_cast (world, branches, 12);
    vote.gtrid.session += 1000; /* a session that the log did not open */
    assert_int_equal (s_take (world, &vote), TXC_EFOREIGN);
    vote = s_cast (world, branches, 13);
    vote.gtrid.cluster++;
    assert_int_equal (s_take (world, &vote), TXC_EFOREIGN);
    assert_int_equal (s_held (world), 2);
}

static void s_closed_transactions_get_no_votes (void **state)
{
    world_t *world = *state;
    txc_branch_ref_t branches[2];
    uint64_t tx = s_transfer (world);
    txc_gtrid_t gtrid = world_gtrid (world, tx);
    assert_int_equal (world_commit (world, tx), TXC_OK);
    txc_msg_t vote = s_cast (world, branches, gtrid.n);
    assert_int_equal (s_take (world, &vote), TXC_ESTALE);
    vote = s_cast (world, branches, gtrid.n + 1);
    assert_int_equal (s_take (world, &vote), TXC_OK);
    assert_int_equal (s_held (world), 1);
    assert_int_equal (world_code (world, (txc_session_event_t){.op = TXC_OP_CLOSE}), TXC_OK);
    assert_int_equal (s_held (world), 0); /* nobody asked to commit it: the session's end decides */
}

static void s_votes_are_bounded (void **state)
{
    world_t *world = *state;
    txc_branch_ref_t branches[2];
    int rc = TXC_OK;
    uint64_t n = 0;
    for (; rc == TXC_OK && n < 100000; n++) {
        txc_msg_t vote = s_cast (world, branches, n + 1);
        txc_update_t update;
        txc_update_init (&update);
        txc_event_t event = {
            .type = TXC_EVENT_MESSAGE, .message = &vote, .now_ms = world->now_ms, .wall_ms = world->now_ms};
        rc = txc_replica_step (world->replica, &event, &update);
        txc_update_fini (&update);
    }
    assert_int_equal (rc, TXC_EOVERLOAD);
    assert_int_equal (s_held (world), n - 1);
}

/* A second life finds both votes, and only its record decides. */
static void s_found_votes_are_committed_by_the_record (void **state)
{
    world_t *world = *state;
    txc_branch_ref_t branches[2];
    txc_msg_t vote = s_cast (world, branches, 1);
    size_t size;
    uint64_t slot;
    assert_int_equal (s_take (world, &vote), TXC_OK);
    vote.token = 0x71;
    strcpy (vote.rm, "bank_my");
    assert_int_equal (s_take (world, &vote), TXC_OK);
    void *bytes = txc_replica_snapshot (world->replica, &size, &slot);
    txc_replica_t *again = txc_replica_new (&(txc_replica_config_t){
        .id = 1, .seed = 9, .new_cluster = 0xc1, .codec = world->replica->config.codec});
    assert_int_equal (txc_replica_restore (again, bytes, size), TXC_OK);
    txc_update_t update;
    txc_update_init (&update);
    txc_event_t event = {.type = TXC_EVENT_START, .now_ms = world->now_ms, .wall_ms = world->now_ms};
    txc_replica_step (again, &event, &update);
    uint64_t number = update.entries[update.n_entries - 1].number;
    txc_update_clear (&update);
    event = (txc_event_t){.type = TXC_EVENT_DURABLE, .number = number, .now_ms = world->now_ms};
    txc_replica_step (again, &event, &update); /* its barrier is applied: it leads */
    assert_int_equal (update.n_entries, 1);
    assert_int_equal (update.entries[0].kind, TXC_REC_COMMIT);
    assert_true (update.entries[0].forced);
    for (uint32_t i = 0; i < update.n_messages; i++)
        assert_true (txc_gtrid_is_none (&update.messages[i].gtrid)); /* nobody is told anything yet */
    txc_replica_status_t status;
    txc_replica_status (again, &status);
    assert_int_equal (status.commits, 0);
    assert_int_equal (status.votes, 2);
    number = update.entries[0].number;
    txc_update_clear (&update);
    event = (txc_event_t){.type = TXC_EVENT_DURABLE, .number = number, .now_ms = world->now_ms};
    txc_replica_step (again, &event, &update);
    txc_replica_status (again, &status);
    assert_int_equal (status.commits, 1);
    assert_int_equal (status.votes, 0);
    txc_update_fini (&update);
    txc_replica_destroy (&again);
    free (bytes);
}

/* One vote is missing: nothing was chosen, so the transaction may be aborted; it is, at its time-out. */
static void s_a_missing_vote_is_asked_for_again (void **state)
{
    world_t *world = *state;
    uint64_t tx = s_transfer (world);
    world->status[TXC_WORK_PREPARE][1] = WORLD_HOLD;
    world_do (world, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx});
    assert_int_equal (s_held (world), 1);
    world_restart_replica (world);
    world_pass (world, 3000);
    assert_int_equal (s_held (world), 1);
    world->trace[0] = '\0';
    world_answer (world, TXC_WORK_OK); /* now it votes, in the epoch in which it was asked again */
    world_pass (world, 3000);
    assert_int_equal (world_count (world, "+VOTE"), 1);
    assert_int_equal (world_count (world, "+COMMIT"), 1);
    assert_true (s_at (world, "+COMMIT") < s_at (world, "PHASE2_COMMIT"));
    assert_int_equal (s_held (world), 0);
}

static void s_an_end_of_the_session_waits_for_open_votes (void **state)
{
    world_t *world = *state;
    txc_session_status_t session;
    txc_session_status (world->session, &session);
    uint64_t tx = s_transfer (world);
    world->status[TXC_WORK_PREPARE][1] = WORLD_HOLD;
    world_do (world, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx});
    world_forge (
        world, 'L',
        (txc_msg_t){.type = TXC_MSG_SESSION_CLOSE, .session = session.session, .cluster = session.cluster});
    assert_int_equal (world_count (world, "+SESSION_CLOSE"), 0);
    world_answer (world, TXC_WORK_OK);
    assert_true (s_at (world, "+COMMIT") < s_at (world, "+SESSION_CLOSE"));
}

static void s_members_do_not_change_while_votes_are_open (void **state)
{
    world_t *world = *state;
    txc_update_t update;
    txc_member_t member = {.id = 2, .endpoint = "ipc:///two"};
    uint64_t tx = s_transfer (world);
    world->status[TXC_WORK_PREPARE][1] = WORLD_HOLD;
    world_do (world, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx});
    txc_update_init (&update);
    txc_event_t event = {.type = TXC_EVENT_MEMBER_REMOVE, .replica = 1, .now_ms = world->now_ms};
    assert_int_equal (txc_replica_step (world->replica, &event, &update), TXC_ENOTREADY);
    event = (txc_event_t){.type = TXC_EVENT_MEMBER_ADD, .member = &member, .now_ms = world->now_ms};
    assert_int_equal (txc_replica_step (world->replica, &event, &update), TXC_ENOTREADY);
    txc_update_fini (&update);
    world_answer (world, TXC_WORK_OK);
    world_pass (world, 100);
    txc_update_init (&update);
    event = (txc_event_t){.type = TXC_EVENT_MEMBER_REMOVE, .replica = 1, .now_ms = world->now_ms};
    assert_int_equal (txc_replica_step (world->replica, &event, &update),
                      TXC_EINVAL); /* asked for what it was */
    txc_update_fini (&update);
}

int main (void)
{
#define TEST(function) cmocka_unit_test_setup_teardown (function, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST (s_votes_decide_before_the_record),
        TEST (s_read_only_is_a_vote_too),
        TEST (s_a_final_no_closes_the_other_votes),
        TEST (s_what_an_acceptor_takes),
        TEST (s_closed_transactions_get_no_votes),
        TEST (s_votes_are_bounded),
        TEST (s_found_votes_are_committed_by_the_record),
        TEST (s_a_missing_vote_is_asked_for_again),
        TEST (s_an_end_of_the_session_waits_for_open_votes),
        TEST (s_members_do_not_change_while_votes_are_open),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
