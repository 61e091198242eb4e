/* Single flows through the three machines, without faults of the network. */
#include "txc_test.h"

#include "core_world.h"

/* The golden trace: what leaves, and in which order. */
static void commit_takes_one_record_and_two_rounds (void **state)
{
    world_t *world = *state;
    uint64_t tx = world_transfer (world);
    world->trace[0] = '\0';
    assert_int_equal (world_commit (world, tx), TXC_OK);
    assert_string_equal (world->trace, "COMMIT PREPARE PREPARE *PREPARE VOTE *UNPIN *PREPARE VOTE +COMMIT "
                                       "PHASE2_COMMIT PHASE2_COMMIT *COMMIT PHASE2_DONE !COMMITTING "
                                       "*COMMIT PHASE2_DONE *UNPIN +END OUTCOME ENDED ENDED !FORGET ");
}

static void last_statement_hint_saves_the_prepare_round (void **state)
{
    world_t *world = *state;
    uint64_t tx = world_begin (world);
    assert_int_equal (world_exec (world, tx, "bank_pg", TXC_FLAG_LAST), TXC_OK);
    assert_int_equal (world_exec (world, tx, "bank_my", TXC_FLAG_LAST), TXC_OK);
    world->trace[0] = '\0';
    assert_int_equal (world_commit (world, tx), TXC_OK);
    assert_int_equal (world_count (world, "PREPARE"), 0);
    assert_int_equal (world_count (world, "+COMMIT"), 1);
}

static void one_branch_commits_in_one_phase_without_the_coordinator (void **state)
{
    world_t *world = *state;
    uint64_t tx = world_begin (world);
    assert_int_equal (world_exec (world, tx, "bank_pg", 0), TXC_OK);
    world->trace[0] = '\0';
    assert_int_equal (world_commit (world, tx), TXC_OK);
    assert_string_equal (world->trace, "BRANCH_COMMIT *COMMIT_ONE_PHASE !ONE_PHASE BRANCH_ENDED *UNPIN ");
}

static void read_only_transaction_logs_nothing (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_PREPARE][0] = world->status[TXC_WORK_PREPARE][1] = TXC_WORK_READ_ONLY;
    uint64_t tx = world_transfer (world);
    world->trace[0] = '\0';
    assert_int_equal (world_commit (world, tx), TXC_OK);
    assert_null (strchr (world->trace, '+'));
    assert_int_equal (world_count (world, "*COMMIT"), 2); /* ended, after all votes were in */
}

static void read_only_branch_of_a_rollback_is_rolled_back (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_PREPARE][0] = TXC_WORK_READ_ONLY;
    world->status[TXC_WORK_PREPARE][1] = TXC_WORK_ROLLED_BACK;
    uint64_t tx = world_transfer (world);
    assert_int_equal (world_commit (world, tx), TXC_ROLLED_BACK);
    assert_int_equal (world_count (world, "*ROLLBACK"), 1);
    assert_int_equal (world_count (world, "*COMMIT"), 0);
}

static void final_no_rolls_back_without_a_record (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_PREPARE][1] = TXC_WORK_ROLLED_BACK;
    uint64_t tx = world_transfer (world);
    world->trace[0] = '\0';
    assert_int_equal (world_commit (world, tx), TXC_ROLLED_BACK);
    assert_int_equal (world->errors[world->operation].code, TXC_ERM); /* the resource manager's own */
    assert_null (strchr (world->trace, '+'));
    assert_int_equal (world_count (world, "*ROLLBACK"), 1);
}

static void absence_after_a_lost_prepare_is_no_final_no (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_PREPARE][1] = TXC_WORK_LOST;
    uint64_t tx = world_transfer (world);
    world->trace[0] = '\0';
    assert_int_equal (world_commit (world, tx), TXC_ROLLED_BACK);
    assert_int_equal (world_count (world, "*FENCE_AND_LOOK"), 1);
    assert_int_equal (world_count (world, "+ABORT"), 1);
}

static void prepared_behind_a_lost_connection_still_commits (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_PREPARE][1] = TXC_WORK_LOST;
    world->status[TXC_WORK_FENCE_AND_LOOK][1] = TXC_WORK_OK;
    uint64_t tx = world_transfer (world);
    assert_int_equal (world_commit (world, tx), TXC_OK);
}

static void failed_statement_leaves_only_rollback (void **state)
{
    world_t *world = *state;
    uint64_t tx = world_begin (world);
    assert_int_equal (world_exec (world, tx, "bank_pg", 0), TXC_OK);
    world->status[TXC_WORK_EXEC][1] = TXC_WORK_ERROR;
    assert_int_equal (world_exec (world, tx, "bank_my", 0), TXC_ERM);
    world->status[TXC_WORK_EXEC][1] = TXC_WORK_OK;
    assert_int_equal (world_exec (world, tx, "bank_my", 0), TXC_EBRANCH);
    assert_int_equal (world->errors[world->operation].code, TXC_ERM); /* the cause */
    assert_int_equal (world_commit (world, tx), TXC_ROLLED_BACK);
    assert_int_equal (world_count (world, "COMMIT"), 0);
}

static void unknown_resource_manager_is_an_error_of_its_own (void **state)
{
    world_t *world = *state;
    uint64_t tx = world_begin (world);
    assert_int_equal (world_exec (world, tx, "nowhere", 0), TXC_ENORM);
}

static void coordinator_that_dies_after_the_record_commits (void **state)
{
    world_t *world = *state;
    uint64_t tx = world_transfer (world);
    world->drop = TXC_MSG_PHASE2_COMMIT;
    assert_int_equal (world_commit (world, tx), TXC_PENDING);
    world->drop = 0;
    world_restart_replica (world);
    world_pass (world, 6000);
    assert_int_equal (world->codes[world->operation], TXC_OK);
}

static void coordinator_that_dies_before_the_record_asks_again (void **state)
{
    world_t *world = *state;
    uint64_t tx = world_transfer (world);
    world->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (world, tx), TXC_PENDING);
    world->drop = 0;
    world_restart_replica (world);
    world_pass (world, 6000);
    assert_int_equal (world->codes[world->operation], TXC_OK);
}

static void votes_that_never_come_are_timed_out_by_a_record (void **state)
{
    world_t *world = *state;
    uint64_t tx = world_transfer (world);
    world->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (world, tx), TXC_PENDING);
    world_pass (world, 6000);
    assert_int_equal (world->codes[world->operation], TXC_ROLLED_BACK);
    assert_true (world_count (world, "+ABORT") == 1);
    assert_int_equal (world_count (world, "*ROLLBACK"), 2);
}

static void lost_commit_answer_is_proved_by_the_journal (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_COMMIT][1] = TXC_WORK_LOST;
    uint64_t tx = world_transfer (world);
    assert_int_equal (world_commit (world, tx), TXC_PENDING);
    world->status[TXC_WORK_COMMIT][1] = TXC_WORK_OK;
    world_pass (world, 1000);
    assert_int_equal (world->codes[world->operation], TXC_OK);
}

static void vanished_branch_without_proof_is_a_hazard (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_COMMIT][0] = TXC_WORK_ABSENT;
    uint64_t tx = world_transfer (world);
    world_commit (world, tx);
    world_pass (world, 1000);
    assert_int_equal (world->codes[world->operation], TXC_HAZARD);
    assert_int_equal (world_count (world, "+HEURISTIC"), 1);
}

static void abandoned_transaction_is_rolled_back_by_the_agent (void **state)
{
    world_t *world = *state;
    world_transfer (world);
    world->trace[0] = '\0';
    world_pass (world, 6000);
    assert_int_equal (world_count (world, "*ROLLBACK"), 2);
}

static void joined_process_must_come_back_before_commit (void **state)
{
    world_t *world = *state;
    uint64_t tx = world_transfer (world);
    uint64_t export = world_do (world, (txc_session_event_t){.op = TXC_OP_EXPORT, .tx = tx});
    assert_int_equal (world->codes[export], TXC_OK);
    assert_int_equal (world_commit (world, tx), TXC_EATTACHED);
    uint64_t back = world_do (
        world, (txc_session_event_t){.op = TXC_OP_REATTACH, .tx = tx, .body = world->bodies[export]});
    assert_int_equal (world->codes[back], TXC_OK);
    assert_int_equal (world_commit (world, tx), TXC_OK);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (commit_takes_one_record_and_two_rounds, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (last_statement_hint_saves_the_prepare_round, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (one_branch_commits_in_one_phase_without_the_coordinator, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (read_only_transaction_logs_nothing, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (read_only_branch_of_a_rollback_is_rolled_back, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (final_no_rolls_back_without_a_record, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (absence_after_a_lost_prepare_is_no_final_no, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (prepared_behind_a_lost_connection_still_commits, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (failed_statement_leaves_only_rollback, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (unknown_resource_manager_is_an_error_of_its_own, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (coordinator_that_dies_after_the_record_commits, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (coordinator_that_dies_before_the_record_asks_again, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (votes_that_never_come_are_timed_out_by_a_record, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (lost_commit_answer_is_proved_by_the_journal, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (vanished_branch_without_proof_is_a_hazard, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (abandoned_transaction_is_rolled_back_by_the_agent, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (joined_process_must_come_back_before_commit, world_setup,
                                         world_teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
