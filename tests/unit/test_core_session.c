/*
 * The application's side: calls that make no sense, tickets that are none, and answers that fit nothing.
 * Each is refused with its own code, and the transaction goes on as if nothing had been.
 */
#include "txc_test.h"

#include "core_world.h"

static int s_op (world_t *w, txc_op_t op, uint64_t tx)
{
    return world_code (w, (txc_session_event_t){.op = (uint8_t) op, .tx = tx});
}

/* --- calls out of order ---------------------------------------------------------- */

static void a_handle_that_is_none_is_refused (void **state)
{
    world_t *w = *state;
    static const txc_op_t ops[] = {TXC_OP_COMMIT, TXC_OP_ROLLBACK, TXC_OP_EXPORT,
                                   TXC_OP_DETACH, TXC_OP_REATTACH, TXC_OP_FORGET};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        assert_int_equal (s_op (w, ops[i], 99), TXC_EPROTO);
    assert_int_equal (world_exec (w, 99, "bank_pg", 0), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_EXPORT, 0), TXC_EPROTO);
}

static void an_open_transaction_is_not_detached_nor_reattached (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    assert_int_equal (s_op (w, TXC_OP_DETACH, tx), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_REATTACH, tx), TXC_EPROTO);
    assert_int_equal (world_commit (w, tx), TXC_OK);
}

static void names_and_hints_are_checked (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_begin (w);
    assert_int_equal (world_exec (w, tx, "Bank PG", 0), TXC_ENORM);
    assert_int_equal (world_exec (w, tx, "bank_pg", TXC_FLAG_LAST), TXC_OK);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_EPROTO); /* that was the last one */
    assert_int_equal (world_exec (w, tx, "bank_my", 0), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_OK);
}

static void an_ended_transaction_answers_with_its_outcome (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, tx), TXC_OK);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_EXPORT, tx), TXC_EPROTO);
    tx = world_transfer (w);
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, tx), TXC_ROLLED_BACK);
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, tx), TXC_ROLLED_BACK);
    assert_int_equal (world_commit (w, tx), TXC_ROLLED_BACK);
    assert_int_equal (s_op (w, TXC_OP_FORGET, tx), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_EPROTO); /* given up */
}

/* Begin need not know it yet. */
static void a_commit_says_when_it_is_to_return (void **state)
{
    world_t *w = *state;
    w->drop = TXC_MSG_PHASE2_DONE;
    uint64_t tx = world_transfer (w);
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t completed = w->operation;
    tx = world_transfer (w);
    txc_session_event_t logged = {.op = TXC_OP_COMMIT, .tx = tx, .flags = TXC_FLAG_DECISION_LOGGED};
    assert_int_equal (world_code (w, logged), TXC_OK);
    assert_int_equal (w->codes[completed], TXC_PENDING);
    w->drop = 0;
    world_pass (w, 1000);
    assert_int_equal (w->codes[completed], TXC_OK);
}

static void only_the_outcome_is_left_once_commit_was_called (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    assert_int_equal (world_commit (w, tx), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, tx), TXC_EPROTO);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_EXPORT, tx), TXC_EPROTO);
    w->drop = 0;
    world_pass (w, 1000);
    assert_int_equal (w->codes[commit], TXC_OK);
}

static void a_rollback_under_way_is_not_begun_again_nor_committed (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_BRANCH_ENDED;
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, tx), TXC_PENDING);
    uint64_t rollback = w->operation;
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, tx), TXC_EPROTO);
    assert_int_equal (world_commit (w, tx), TXC_EPROTO);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_EPROTO);
    world_pass (w, 60000); /* no branch confirms it, but it was never to be prepared */
    assert_int_equal (w->codes[rollback], TXC_ROLLED_BACK);
}

static void a_rollback_in_the_background_can_be_waited_for_but_not_committed (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    uint64_t ticket = world_do (w, (txc_session_event_t){.op = TXC_OP_EXPORT, .tx = tx});
    assert_int_equal (w->codes[ticket], TXC_OK);
    w->drop = TXC_MSG_OUTCOME; /* an exported one is rolled back by the coordinator */
    assert_int_equal (
        world_code (w, (txc_session_event_t){.op = TXC_OP_ROLLBACK, .tx = tx, .timeout_ms = 100}),
        TXC_PENDING);
    uint64_t rollback = w->operation;
    world_pass (w, 200);
    assert_int_equal (w->codes[rollback], TXC_UNKNOWN);
    assert_int_equal (world_commit (w, tx), TXC_EPROTO);
    w->drop = 0;
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, tx), TXC_PENDING); /* waits on */
    rollback = w->operation;
    world_pass (w, 6000);
    assert_int_equal (w->codes[rollback], TXC_ROLLED_BACK);
}

static void nothing_begins_while_the_session_closes (void **state)
{
    world_t *w = *state;
    w->drop = TXC_MSG_SESSION_ALIVE;
    assert_int_equal (s_op (w, TXC_OP_CLOSE, 0), TXC_PENDING);
    assert_int_equal (world_begin (w), 0);
    assert_int_equal (w->codes[w->operation], TXC_ESESSION);
    w->drop = 0;
    world_pass (w, 3000);
    assert_int_equal (world_begin (w), 0);
    assert_int_equal (w->codes[w->operation], TXC_ESESSION);
}

static void a_statement_under_way_holds_up_commit_and_export (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_EXEC_REPLY;
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_PENDING);
    uint64_t statement = w->operation;
    assert_int_equal (world_commit (w, tx), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_EXPORT, tx), TXC_EPROTO);
    w->drop = 0;
    world_pass (w, 2000);
    assert_int_equal (w->codes[statement], TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_OK);
}

static void a_branch_whose_first_statement_failed_is_rolled_back_by_its_token (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_begin (w);
    w->status[TXC_WORK_EXEC][0] = TXC_WORK_ERROR;
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_ERM);
    assert_int_not_equal (w->last[TXC_MSG_EXEC_REPLY].token, 0);
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, tx), TXC_ROLLED_BACK);
    assert_int_equal (w->last[TXC_MSG_BRANCH_ROLLBACK].token, w->last[TXC_MSG_EXEC_REPLY].token);
}

static void a_statement_that_nobody_answers_names_whom_it_waited_for (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_begin (w);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_OK);
    w->drop = TXC_MSG_EXEC;
    assert_int_equal (world_exec (w, tx, "bank_my", 0), TXC_PENDING);
    uint64_t statement = w->operation;
    world_pass (w, 120000);
    assert_int_equal (w->codes[statement], TXC_ETIMEDOUT);
    assert_string_equal (w->errors[statement].rm, "bank_my");
    assert_non_null (strstr (w->errors[statement].text, "has not answered"));
    w->drop = 0;
    assert_int_equal (world_commit (w, tx), TXC_ROLLED_BACK);
}

/* --- answers that fit nothing ------------------------------------------------------ */

static void a_reply_of_another_statement_branch_or_process_is_dropped (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_EXEC_REPLY;
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_PENDING);
    uint64_t statement = w->operation;
    txc_msg_t real = w->last[TXC_MSG_EXEC_REPLY], forged = real;
    forged.token++;
    world_forge (w, 'C', forged);
    forged = real;
    forged.seq++;
    world_forge (w, 'C', forged);
    forged = real;
    forged.origin++;
    world_forge (w, 'C', forged);
    forged = real;
    forged.gtrid.n++;
    world_forge (w, 'C', forged);
    forged = real;
    strcpy (forged.rm, "bank_xy");
    world_forge (w, 'C', forged);
    assert_int_equal (w->codes[statement], TXC_PENDING);
    world_forge (w, 'C', real);
    assert_int_equal (w->codes[statement], TXC_OK);
    world_forge (w, 'C', real); /* once more: nothing waits for it */
    w->drop = 0;
    assert_int_equal (world_commit (w, tx), TXC_OK);
}

static void an_agent_that_cannot_tell_leaves_a_one_phase_commit_unknown (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_begin (w);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_OK);
    w->drop = TXC_MSG_BRANCH_ENDED;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    txc_msg_t forged = w->last[TXC_MSG_BRANCH_ENDED];
    forged.token++;
    world_forge (w, 'C', forged);
    forged.token--;
    forged.code = TXC_EOVERLOAD; /* no answer: asked again */
    world_forge (w, 'C', forged);
    assert_int_equal (w->codes[commit], TXC_PENDING);
    forged.code = TXC_EPROTO;
    world_forge (w, 'C', forged);
    assert_int_equal (w->codes[commit], TXC_UNKNOWN);
}

static void an_outcome_that_is_none_is_not_believed (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    txc_msg_t outcome = {.type = TXC_MSG_OUTCOME, .gtrid = world_gtrid (w, tx), .code = TXC_ROLLED_BACK};
    world_forge (w, 'C', outcome); /* nobody asked */
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    static const int codes[] = {TXC_PENDING, TXC_EOVERLOAD, TXC_ENOSPACE, TXC_EPROTO, TXC_ENOTREADY};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        outcome.code = codes[i];
        world_forge (w, 'C', outcome);
        assert_int_equal (w->codes[commit], TXC_PENDING);
    }
    w->drop = 0;
    world_pass (w, 6000);
    assert_int_equal (w->codes[commit], TXC_OK);
}

static void a_commit_that_the_group_refuses_ends_with_its_code (void **state)
{
    world_t *w = *state;
    static const int codes[] = {TXC_MIXED, TXC_HAZARD, TXC_FORGOTTEN, TXC_EINVAL, TXC_EFOREIGN, TXC_UNKNOWN};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        uint64_t tx = world_transfer (w);
        w->drop = TXC_MSG_COMMIT;
        assert_int_equal (world_commit (w, tx), TXC_PENDING);
        uint64_t commit = w->operation;
        world_forge (w, 'C',
                     (txc_msg_t){.type = TXC_MSG_OUTCOME, .gtrid = world_gtrid (w, tx), .code = codes[i]});
        assert_int_equal (w->codes[commit], codes[i]);
        w->drop = 0;
        world_pass (w, 6000); /* the branches end by themselves */
    }
}

static void the_groups_rollback_of_what_it_never_heard_of_is_a_rollback (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    world_do (w, (txc_session_event_t){.op = TXC_OP_EXPORT, .tx = tx});
    w->drop = TXC_MSG_ROLLBACK;
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, tx), TXC_PENDING);
    uint64_t rollback = w->operation;
    txc_msg_t outcome = {.type = TXC_MSG_OUTCOME, .gtrid = world_gtrid (w, tx), .code = TXC_FORGOTTEN};
    world_forge (w, 'C', outcome); /* tells nothing */
    assert_int_equal (w->codes[rollback], TXC_PENDING);
    outcome.code = TXC_EFOREIGN;
    world_forge (w, 'C', outcome);
    assert_int_equal (w->codes[rollback], TXC_ROLLED_BACK);
}

/* --- the session --------------------------------------------------------------------- */

static void only_the_own_session_can_be_lost (void **state)
{
    world_t *w = *state;
    txc_session_status_t status;
    txc_session_status (w->session, &status);
    txc_msg_t lost = {.type = TXC_MSG_SESSION_ALIVE,
                      .code = TXC_ESESSION,
                      .session = status.session,
                      .cluster = status.cluster};
    txc_msg_t forged = lost;
    forged.session++;
    world_forge (w, 'C', forged);
    forged = lost;
    forged.cluster++;
    world_forge (w, 'C', forged);
    uint64_t tx = world_transfer (w);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    tx = world_transfer (w);
    w->drop = TXC_MSG_SESSION_OPENED;
    world_forge (w, 'C', lost);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_EBRANCH);
    assert_int_equal (world_begin (w), 0);
    assert_int_equal (w->codes[w->operation], TXC_ESESSION);
}

static void a_session_opens_by_a_whole_answer_to_its_own_request (void **state)
{
    world_t *w = *state;
    txc_session_status_t status;
    txc_session_status (w->session, &status);
    w->drop = TXC_MSG_SESSION_OPENED;
    world_forge (w, 'C',
                 (txc_msg_t){.type = TXC_MSG_SESSION_ALIVE,
                             .code = TXC_ESESSION,
                             .session = status.session,
                             .cluster = status.cluster});
    txc_msg_t real = w->last[TXC_MSG_SESSION_OPENED];
    assert_int_equal (real.code, TXC_OK);
    txc_msg_t forged[5] = {real, real, real, real, real};
    forged[0].nonce++;
    forged[1].session = 0;
    forged[2].cluster = 0;
    forged[3].code = TXC_EOVERLOAD;
    forged[4].session = 0, forged[4].cluster = 0;
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        world_forge (w, 'C', forged[i]);
        assert_int_equal (world_begin (w), 0);
    }
    world_forge (w, 'C', real);
    w->drop = 0;
    assert_int_equal (world_commit (w, world_transfer (w)), TXC_OK);
    uint64_t tx = world_transfer (w);
    forged[0] = real;
    forged[0].session++;
    world_forge (w, 'C', forged[0]); /* it is open: nothing to be opened */
    assert_int_equal (world_commit (w, tx), TXC_OK);
}

static void requests_are_repeated_less_and_less_often (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_COMMIT;
    assert_int_equal (
        world_code (w, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx, .timeout_ms = 100000}),
        TXC_PENDING);
    w->trace[0] = '\0';
    world_pass (w, 1000);
    unsigned first = world_count (w, "COMMIT");
    assert_in_range (first, 2, 5);
    w->trace[0] = '\0';
    world_pass (w, 30000);
    assert_in_range (world_count (w, "COMMIT"), 5, 15);
}

static void only_so_many_transactions_are_open_at_once (void **state)
{
    world_t *w = *state;
    txc_session_destroy (&w->session);
    txc_session_config_t config = {.nonce = 0x77, .seed = 6, .max_transactions = 2};
    w->session = txc_session_new (&config);
    assert_int_equal (s_op (w, TXC_OP_OPEN, 0), TXC_OK);
    uint64_t first = world_begin (w), second = world_begin (w);
    assert_true (first && second);
    assert_int_equal (world_begin (w), 0);
    assert_int_equal (w->codes[w->operation], TXC_ELIMIT);
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, first), TXC_ROLLED_BACK);
    assert_int_equal (s_op (w, TXC_OP_FORGET, first), TXC_OK);
    assert_int_not_equal (world_begin (w), 0);
}

/* --- questions ------------------------------------------------------------------------- */

static int s_ask (world_t *w, txc_gtrid_t gtrid)
{
    return world_code (w, (txc_session_event_t){.op = TXC_OP_OUTCOME, .gtrid = gtrid});
}

static void outcomes_are_told_as_far_as_they_are_known (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    txc_gtrid_t gtrid = world_gtrid (w, tx), other = gtrid;
    assert_int_equal (s_ask (w, gtrid), TXC_PENDING);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (s_ask (w, gtrid), TXC_OK);
    assert_int_equal (s_op (w, TXC_OP_FORGET, tx), TXC_OK);
    assert_int_equal (s_ask (w, gtrid), TXC_OK);
    other.cluster++;
    assert_int_equal (s_ask (w, other), TXC_EFOREIGN);
    other = gtrid;
    other.session += 1000;
    assert_int_equal (s_ask (w, other), TXC_EFOREIGN);
    other = gtrid;
    other.n += 5; /* not begun, or in a process that has not asked to commit */
    uint64_t query =
        world_do (w, (txc_session_event_t){.op = TXC_OP_OUTCOME, .gtrid = other, .timeout_ms = 500});
    assert_int_equal (w->codes[query], TXC_PENDING);
    world_pass (w, 1000);
    assert_int_equal (w->codes[query], TXC_PENDING);
}

/* An answer to a question that was given up is late; meanwhile an outcome may have been told to somebody. */
static void pending_is_no_answer_to_a_later_question (void **state)
{
    world_t *w = *state;
    txc_gtrid_t gtrid = world_gtrid (w, world_transfer (w));
    gtrid.n += 5;
    txc_session_event_t ask = {.op = TXC_OP_OUTCOME, .gtrid = gtrid, .timeout_ms = 500};
    txc_msg_t late = {.type = TXC_MSG_OUTCOME, .gtrid = gtrid, .code = TXC_PENDING, .stamp = 1};
    w->drop = TXC_MSG_OUTCOME_QUERY;
    uint64_t first = world_do (w, ask);
    world_pass (w, 1000);
    assert_int_equal (w->codes[first], TXC_UNKNOWN);
    uint64_t second = world_do (w, ask);
    world_forge (w, 'C', late);
    world_pass (w, 1000);
    assert_int_equal (w->codes[second], TXC_UNKNOWN);
    uint64_t third = world_do (w, ask);
    late.stamp = 3;
    world_forge (w, 'C', late);
    world_pass (w, 1000);
    assert_int_equal (w->codes[third], TXC_PENDING);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, world_setup, world_teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (a_handle_that_is_none_is_refused),
        TEST (an_open_transaction_is_not_detached_nor_reattached),
        TEST (names_and_hints_are_checked),
        TEST (an_ended_transaction_answers_with_its_outcome),
        TEST (a_commit_says_when_it_is_to_return),
        TEST (only_the_outcome_is_left_once_commit_was_called),
        TEST (a_rollback_under_way_is_not_begun_again_nor_committed),
        TEST (a_rollback_in_the_background_can_be_waited_for_but_not_committed),
        TEST (nothing_begins_while_the_session_closes),
        TEST (a_statement_under_way_holds_up_commit_and_export),
        TEST (a_branch_whose_first_statement_failed_is_rolled_back_by_its_token),
        TEST (a_statement_that_nobody_answers_names_whom_it_waited_for),
        TEST (a_reply_of_another_statement_branch_or_process_is_dropped),
        TEST (an_agent_that_cannot_tell_leaves_a_one_phase_commit_unknown),
        TEST (an_outcome_that_is_none_is_not_believed),
        TEST (a_commit_that_the_group_refuses_ends_with_its_code),
        TEST (the_groups_rollback_of_what_it_never_heard_of_is_a_rollback),
        TEST (only_the_own_session_can_be_lost),
        TEST (a_session_opens_by_a_whole_answer_to_its_own_request),
        TEST (requests_are_repeated_less_and_less_often),
        TEST (only_so_many_transactions_are_open_at_once),
        TEST (outcomes_are_told_as_far_as_they_are_known),
        TEST (pending_is_no_answer_to_a_later_question),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
