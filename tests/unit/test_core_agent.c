/*
 * An agent: statements and requests that it refuses, answers that come late, what an operator may decide
 * there.
 */
#include "txc_test.h"

#include "base/txc_blob.h"
#include "base/txc_mem.h"
#include "core_world.h"
#include "wire/txc_codec.h"

static txc_agent_status_t s_status (const world_t *w)
{
    txc_agent_status_t status;
    txc_agent_status (w->agent, &status);
    return status;
}

/* A first statement as a client of this group would send it, in a transaction that nobody else uses. */
static txc_msg_t s_statement (world_t *w, uint64_t n)
{
    txc_session_status_t session;
    txc_session_status (w->session, &session);
    txc_msg_t message = {.type = TXC_MSG_EXEC,
                         .gtrid = {session.cluster, session.session, n, TXC_MODE_2PC},
                         .origin = 77,
                         .seq = 1,
                         .incarnation = s_status (w).incarnation,
                         .rm = "bank_pg"};
    return message;
}

/* What a statement is answered; TXC_PENDING: nothing (yet). */
static int s_exec (world_t *w, txc_msg_t message)
{
    message.body = txc_blob_new ("x", 1);
    w->last[TXC_MSG_EXEC_REPLY] = (txc_msg_t){.code = TXC_PENDING};
    world_forge (w, 'A', message);
    txc_blob_destroy (&message.body);
    return w->last[TXC_MSG_EXEC_REPLY].code;
}

static int s_end (world_t *w, txc_msg_type_t type, txc_msg_t statement, uint64_t token, uint32_t count)
{
    txc_msg_t message = {.type = (uint8_t) type, .gtrid = statement.gtrid, .token = token, .count = count};
    memcpy (message.rm, statement.rm, sizeof message.rm);
    w->last[TXC_MSG_BRANCH_ENDED] = (txc_msg_t){.code = TXC_PENDING};
    world_forge (w, 'A', message);
    return w->last[TXC_MSG_BRANCH_ENDED].code;
}

/* --- statements --------------------------------------------------------------------- */

static void first_statements_that_may_not_begin_are_refused (void **state)
{
    world_t *w = *state;
    txc_msg_t good = s_statement (w, 100), bad = good;
    bad.token = 5;
    assert_int_equal (s_exec (w, bad), TXC_ENOTA);
    bad = good;
    bad.incarnation++;
    assert_int_equal (s_exec (w, bad), TXC_ENOTA);
    bad = good;
    bad.seq = 2;
    assert_int_equal (s_exec (w, bad), TXC_ENOTA);
    bad = good;
    bad.gtrid.cluster++;
    assert_int_equal (s_exec (w, bad), TXC_EFOREIGN);
    bad = good;
    strcpy (bad.rm, "bank_xy");
    assert_int_equal (s_exec (w, bad), TXC_ENORM);
    assert_int_equal (s_status (w).active, 0);
    assert_int_equal (s_exec (w, good), TXC_OK);
    assert_int_equal (s_status (w).active, 1);
    assert_int_equal (s_exec (w, good), TXC_OK); /* repeated: answered, not run again */
    assert_int_equal (w->last[TXC_MSG_EXEC_REPLY].count, 1);
    bad = good;
    bad.origin++;
    assert_int_equal (s_exec (w, bad), TXC_ENOTA); /* another one's first statement for the same branch */
    world_agent_event (w, (txc_agent_event_t){.type = TXC_AGENT_DRAIN});
    assert_int_equal (s_exec (w, s_statement (w, 101)), TXC_EOVERLOAD);
}

static void a_window_that_was_passed_begins_no_branch (void **state)
{
    world_t *w = *state;
    txc_msg_t later = s_statement (w, 120);
    later.low = 110;
    assert_int_equal (s_exec (w, later), TXC_OK);
    assert_int_equal (s_exec (w, s_statement (w, 109)), TXC_ENOTA);
    assert_int_equal (s_exec (w, s_statement (w, 110)), TXC_OK);
}

static void branches_are_limited_for_each_resource_manager (void **state)
{
    world_t *w = *state;
    for (uint64_t n = 0; n < 100; n++) /* the default */
        assert_int_equal (s_exec (w, s_statement (w, 200 + n)), TXC_OK);
    txc_msg_t more = s_statement (w, 300);
    assert_int_equal (s_exec (w, more), TXC_EOVERLOAD);
    assert_int_equal (s_status (w).active, 100);
    txc_msg_t other = more;
    strcpy (other.rm, "bank_my");
    assert_int_equal (s_exec (w, other), TXC_OK);
    txc_msg_t first = s_statement (w, 200);
    assert_int_equal (s_exec (w, first), TXC_OK); /* repeated */
    assert_int_equal (s_end (w, TXC_MSG_BRANCH_ROLLBACK, first, w->last[TXC_MSG_EXEC_REPLY].token, 0),
                      TXC_ROLLED_BACK);
    assert_int_equal (s_exec (w, more), TXC_OK);
}

static void statements_at_one_branch_wait_up_to_a_limit (void **state)
{
    world_t *w = *state;
    txc_msg_t statement = s_statement (w, 100);
    assert_int_equal (s_exec (w, statement), TXC_OK);
    statement.token = w->last[TXC_MSG_EXEC_REPLY].token;
    statement.acked = 1;
    w->status[TXC_WORK_EXEC][0] = WORLD_HOLD;
    for (statement.seq = 2; statement.seq < 2 + 64; statement.seq++)
        assert_int_equal (s_exec (w, statement), TXC_PENDING);
    assert_int_equal (s_exec (w, statement), TXC_EOVERLOAD);
    w->status[TXC_WORK_EXEC][0] = TXC_WORK_OK;
    w->trace[0] = '\0';
    world_answer (w, TXC_WORK_OK);
    assert_int_equal (world_count (w, "EXEC_REPLY"), 64); /* in order, one after the other */
    assert_int_equal (w->last[TXC_MSG_EXEC_REPLY].count, 65);
    statement.acked = 64;
    assert_int_equal (s_exec (w, statement), TXC_OK);
    statement.seq = 65;
    assert_int_equal (s_exec (w, statement), TXC_OK); /* its answer is still kept */
    statement.seq = 64;
    assert_int_equal (s_exec (w, statement), TXC_PENDING); /* this one was acknowledged: overtaken */
    statement.origin++;
    statement.seq = 1;
    assert_int_equal (s_exec (w, statement), TXC_OK); /* of another process: numbered by itself */
    statement.seq = 3;
    assert_int_equal (s_exec (w, statement), TXC_PENDING); /* its second one is missing */
}

static void answers_of_other_processes_are_not_acknowledged (void **state)
{
    world_t *w = *state;
    txc_msg_t mine = s_statement (w, 100);
    assert_int_equal (s_exec (w, mine), TXC_OK);
    mine.token = w->last[TXC_MSG_EXEC_REPLY].token;
    txc_msg_t other = mine;
    other.origin++;
    other.acked = 5;
    assert_int_equal (s_exec (w, other), TXC_OK);
    assert_int_equal (s_exec (w, mine), TXC_OK);
    assert_int_equal (w->last[TXC_MSG_EXEC_REPLY].count, 1); /* the answer that was kept */
}

static void a_branch_that_ends_takes_no_statement (void **state)
{
    world_t *w = *state;
    txc_msg_t statement = s_statement (w, 100);
    assert_int_equal (s_exec (w, statement), TXC_OK);
    uint64_t token = w->last[TXC_MSG_EXEC_REPLY].token;
    w->status[TXC_WORK_ROLLBACK][0] = WORLD_HOLD;
    assert_int_equal (s_end (w, TXC_MSG_BRANCH_ROLLBACK, statement, token, 1), TXC_PENDING);
    statement.token = token;
    statement.seq = 2;
    assert_int_equal (s_exec (w, statement), TXC_EBRANCH);
    assert_int_equal (s_end (w, TXC_MSG_BRANCH_ROLLBACK, statement, token, 1), TXC_PENDING); /* repeated */
    world_answer (w, TXC_WORK_OK);
    assert_int_equal (w->last[TXC_MSG_BRANCH_ENDED].code, TXC_ROLLED_BACK);
    assert_int_equal (s_exec (w, statement), TXC_EBRANCH);
    assert_int_equal (s_end (w, TXC_MSG_BRANCH_ROLLBACK, statement, token, 1), TXC_ROLLED_BACK);
    assert_int_equal (s_end (w, TXC_MSG_BRANCH_ROLLBACK, statement, token + 1, 1), TXC_ENOTA);
}

/* --- one phase -------------------------------------------------------------------------- */

static void a_one_phase_commit_names_what_the_branch_ran (void **state)
{
    world_t *w = *state;
    txc_msg_t statement = s_statement (w, 100);
    assert_int_equal (s_exec (w, statement), TXC_OK);
    assert_int_equal (s_end (w, TXC_MSG_BRANCH_COMMIT, statement, w->last[TXC_MSG_EXEC_REPLY].token, 2),
                      TXC_ROLLED_BACK);
    statement = s_statement (w, 101);
    assert_int_equal (s_exec (w, statement), TXC_OK);
    uint64_t token = w->last[TXC_MSG_EXEC_REPLY].token;
    assert_int_equal (s_end (w, TXC_MSG_BRANCH_COMMIT, statement, token, 1), TXC_OK);
    assert_int_equal (s_end (w, TXC_MSG_BRANCH_COMMIT, statement, token, 1), TXC_OK);
    assert_int_equal (s_end (w, TXC_MSG_BRANCH_ROLLBACK, statement, token, 1), TXC_OK); /* too late */
}

static void a_one_phase_commit_of_an_unknown_branch_rests_on_evidence_only (void **state)
{
    world_t *w = *state;
    txc_msg_t statement = s_statement (w, 100);
    assert_int_equal (s_end (w, TXC_MSG_BRANCH_COMMIT, statement, 5, 1), TXC_UNKNOWN); /* it has none */
    txc_msg_t commit = {.type = TXC_MSG_BRANCH_COMMIT,
                        .gtrid = statement.gtrid,
                        .rm = "bank_pg",
                        .count = 1,
                        .evidence = "seen"};
    world_forge (w, 'A', commit); /* without a token */
    assert_int_equal (w->last[TXC_MSG_BRANCH_ENDED].code, TXC_UNKNOWN);
    commit.token = 6;
    w->status[TXC_WORK_EVIDENCE][0] = TXC_WORK_OK;
    world_forge (w, 'A', commit);
    assert_int_equal (w->last[TXC_MSG_BRANCH_ENDED].code, TXC_OK);
    commit.token = 7;
    w->status[TXC_WORK_EVIDENCE][0] = TXC_WORK_ROLLED_BACK;
    world_forge (w, 'A', commit);
    assert_int_equal (w->last[TXC_MSG_BRANCH_ENDED].code, TXC_ROLLED_BACK);
    for (uint64_t n = 0; n < 100; n++)
        assert_int_equal (s_exec (w, s_statement (w, 200 + n)), TXC_OK);
    commit.token = 8;
    w->last[TXC_MSG_BRANCH_ENDED] = (txc_msg_t){.code = TXC_PENDING};
    world_forge (w, 'A', commit); /* no room to look: asked again later */
    assert_int_equal (w->last[TXC_MSG_BRANCH_ENDED].code, TXC_PENDING);
}

/* --- prepare --------------------------------------------------------------------------------- */

static void a_failed_branch_votes_no_even_if_asked_at_once (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_EXEC_REPLY;
    w->status[TXC_WORK_EXEC][0] = WORLD_HOLD;
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_PENDING);
    txc_msg_t prepare = {.type = TXC_MSG_PREPARE,
                         .gtrid = w->held.gtrid,
                         .token = w->held.token,
                         .rm = "bank_pg",
                         .epoch = s_status (w).epoch,
                         .count = 1};
    world_forge (w, 'A', prepare); /* while a statement runs */
    w->trace[0] = '\0';
    world_answer (w, TXC_WORK_OK);
    assert_int_equal (w->last[TXC_MSG_VOTE].vote, TXC_VOTE_NO);
    assert_int_equal (world_count (w, "*PREPARE"), 0);
    assert_int_equal (world_count (w, "*ROLLBACK"), 1);
}

static void numbers_of_branches_are_told_by_their_state (void **state)
{
    world_t *w = *state;
    assert_int_equal (s_status (w).active + s_status (w).prepared, 0);
    uint64_t tx = world_transfer (w);
    assert_int_equal (s_status (w).active, 2);
    w->status[TXC_WORK_PREPARE][0] = TXC_WORK_READ_ONLY;
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    assert_int_equal (s_status (w).active, 0);
    assert_int_equal (s_status (w).prepared, 2);
    w->drop = 0;
    w->status[TXC_WORK_COMMIT][1] = TXC_WORK_RETRY;
    world_pass (w, 1000);
    assert_int_equal (s_status (w).prepared, 1); /* committing */
    w->status[TXC_WORK_COMMIT][1] = TXC_WORK_OK;
    world_pass (w, 3000);
    assert_int_equal (s_status (w).active + s_status (w).prepared, 0);
    w->status[TXC_WORK_PREPARE][1] = TXC_WORK_LOST;
    w->status[TXC_WORK_FENCE_AND_LOOK][1] = TXC_WORK_RETRY;
    world_commit (w, world_transfer (w));
    assert_int_equal (s_status (w).prepared, 2); /* one is being looked for */
}

/* Lists a prepared branch, in a database that says it is this copy. */
static void s_scanned_at (world_t *w, uint8_t rm, const char *identity, const txc_found_t *found,
                          uint32_t n_found)
{
    txc_work_done_t done = {.op = TXC_WORK_SCAN,
                            .rm = rm,
                            .status = TXC_WORK_OK,
                            .found = found,
                            .n_found = n_found,
                            .scan = UINT64_MAX};
    strcpy (done.identity, identity);
    world_agent_event (w, (txc_agent_event_t){.type = TXC_AGENT_WORK_DONE, .done = &done});
}

static void s_scanned (world_t *w, const char *identity, const txc_found_t *found, uint32_t n_found)
{
    s_scanned_at (w, 0, identity, found, n_found);
}

/* A standby took over that had not seen the commit, and its agent asks.  The answer to a question from before
 * may come only now, when the transaction is off the record and its rollback is presumed. */
static void in_another_copy_no_presumed_rollback_counts (void **state)
{
    world_t *w = *state;
    txc_found_t found = {.gtrid = s_statement (w, 200).gtrid, .token = 9};
    txc_msg_t rollback = {.type = TXC_MSG_PHASE2_ROLLBACK,
                          .gtrid = found.gtrid,
                          .token = found.token,
                          .epoch = w->last[TXC_MSG_AGENT_WELCOME].epoch,
                          .rm = "bank_pg"};
    s_scanned (w, "before", NULL, 0);
    w->drop = TXC_MSG_INQUIRY;
    s_scanned (w, "after", &found, 1);
    world_pass (w, 1000);
    assert_int_equal (s_status (w).prepared, 1);
    assert_true (w->last[TXC_MSG_INQUIRY].flags & TXC_FLAG_RECORD_ONLY);
    world_forge (w, 'A', rollback);
    assert_int_equal (s_status (w).prepared, 1);
    rollback.flags = TXC_FLAG_RECORD_ONLY;
    world_forge (w, 'A', rollback);
    assert_int_equal (s_status (w).prepared, 0);
}

/* Phase 2 was begun at a server that another one has replaced meanwhile, which lists nothing: perhaps since
 * it never had the branch. */
static void a_commit_that_was_begun_at_another_copy_is_no_proof (void **state)
{
    world_t *w = *state;
    for (int replaced = 0; replaced < 2; replaced++) {
        s_scanned_at (w, 1, "one", NULL, 0);
        uint64_t tx = world_transfer (w);
        w->status[TXC_WORK_COMMIT][1] = WORLD_HOLD;
        assert_int_equal (world_commit (w, tx), TXC_PENDING);
        assert_int_equal (world_count (w, "!COMMITTING"), replaced + 1);
        if (replaced)
            s_scanned_at (w, 1, "another", NULL, 0);
        world_answer (w, TXC_WORK_LOST);
        world_pass (w, 10000);
        assert_int_equal (world_count (w, "!HEURISTIC"), replaced);
        assert_int_equal (s_status (w).prepared, 0);
    }
}

/* A later plugin may tell more of the same copy. */
static void an_identity_may_become_more_exact (void **state)
{
    world_t *w = *state;
    txc_found_t found = {.gtrid = s_statement (w, 200).gtrid, .token = 9};
    s_scanned (w, "7000/1", NULL, 0);
    s_scanned (w, "7000/1/16384", NULL, 0);
    w->drop = TXC_MSG_INQUIRY;
    s_scanned (w, "7000/1/16384", &found, 1);
    world_pass (w, 1000);
    assert_false (w->last[TXC_MSG_INQUIRY].flags & TXC_FLAG_RECORD_ONLY);
    s_scanned (w, "7000/1/16385", NULL, 0);
    found.token = 10;
    s_scanned (w, "7000/1/16385", &found, 1);
    world_pass (w, 1000);
    assert_true (w->last[TXC_MSG_INQUIRY].flags & TXC_FLAG_RECORD_ONLY);
}

/* The journal says that it was about to be committed; but after a restart it is still listed, so that it was
 * not.  If then it is gone, somebody else ended it. */
static void what_is_listed_was_not_committed_before (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_COMMIT][1] = WORLD_HOLD; /* the agent is killed before the resource manager hears it */
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    assert_int_equal (world_count (w, "!COMMITTING"), 1);
    w->listed = (txc_found_t){.gtrid = world_gtrid (w, tx), .token = w->held.token};
    w->listed_at = 1;
    w->drop = TXC_MSG_PHASE2_COMMIT;
    world_restart_agent (w, false);
    txc_agent_status_t status;
    txc_agent_status (w->agent, &status);
    assert_int_equal (status.prepared, 1);
    w->listed_at = -1; /* by hand */
    w->status[TXC_WORK_COMMIT][1] = TXC_WORK_ABSENT;
    w->drop = 0;
    world_pass (w, 10000);
    assert_int_equal (world_count (w, "!HEURISTIC"), 1);
    assert_int_equal (world_count (w, "+HEURISTIC"), 1);
}

static txc_agent_event_t s_by_hand (const txc_gtrid_t *gtrid, const char *rm, uint64_t token, uint8_t vote)
{
    txc_agent_event_t end = {.type = TXC_AGENT_OPERATOR, .gtrid = *gtrid, .token = token, .vote = vote};
    txc_copy_text (end.rm, sizeof end.rm, rm);
    return end;
}

static txc_agent_event_t s_commit_by_hand (const txc_gtrid_t *gtrid, const txc_msg_t *branch)
{
    return s_by_hand (gtrid, branch->rm, branch->token, TXC_VOTE_YES);
}

/* The agent, or its leader, was away while the transaction was rolled back: nobody told the branch so before
 * everything was over, but that an operator had committed it is remembered until it is on record. */
static void an_operators_commit_is_kept_until_it_is_on_record (void **state)
{
    world_t *w = *state;
    for (int restarted = 0; restarted < 2; restarted++) {
        uint64_t tx = world_transfer (w);
        txc_gtrid_t gtrid = world_gtrid (w, tx);
        w->drop = TXC_MSG_VOTE;
        assert_int_equal (world_commit (w, tx), TXC_PENDING);
        world_agent_event (w, s_commit_by_hand (&gtrid, &w->last[TXC_MSG_VOTE]));
        w->trace[0] = '\0';
        w->drop = TXC_MSG_PHASE2_ROLLBACK;
        world_replica_event (
            w, (txc_event_t){.type = TXC_EVENT_RESOLVE, .gtrid = gtrid, .vote = TXC_VOTE_NO, .route = 77});
        world_pass (w, 8000);
        assert_int_equal (world_count (w, "+HEURISTIC"), 0);
        w->drop = 0;
        if (restarted)
            world_restart_agent (w, false);
        world_pass (w, 120000);
        assert_int_equal (w->last[TXC_MSG_INQUIRY].heur, TXC_HEUR_COMMITTED);
        assert_int_equal (world_count (w, "+HEURISTIC"), 1);
        assert_int_equal (world_count (w, "!FORGET"), 1);
    }
}

/* Its vote was lost, or its leader: that it was committed by hand meanwhile is no reason to say no. */
static void what_an_operator_committed_votes_yes (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    txc_gtrid_t gtrid = world_gtrid (w, tx);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    world_agent_event (w, s_commit_by_hand (&gtrid, &w->last[TXC_MSG_VOTE]));
    txc_msg_t prepare = w->last[TXC_MSG_PREPARE];
    prepare.token = w->last[TXC_MSG_VOTE].token;
    memcpy (prepare.rm, w->last[TXC_MSG_VOTE].rm, sizeof prepare.rm);
    prepare.count++; /* a statement that this branch does not know */
    world_forge (w, 'A', prepare);
    assert_int_equal (w->last[TXC_MSG_VOTE].vote, TXC_VOTE_NO_NOT_FINAL);
    prepare.count--;
    w->drop = TXC_MSG_ENDED;
    world_pass (w, 3000);
    assert_int_equal (w->codes[commit], TXC_OK);
    world_restart_agent (w, false);
    world_forge (w, 'A', prepare);
    assert_int_equal (w->last[TXC_MSG_VOTE].vote, TXC_VOTE_YES);
}

/* While its transaction may still be decided, nothing of it is forgotten; and what ended as the TM says in
 * the end is no heuristic, whoever asks when it is off the record. */
static void an_operators_commit_may_turn_out_right (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    txc_gtrid_t gtrid = world_gtrid (w, tx);
    w->drop = TXC_MSG_PHASE2_COMMIT;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    world_agent_event (w, s_commit_by_hand (&gtrid, &w->last[TXC_MSG_VOTE]));
    assert_int_equal (world_count (w, "!HEURISTIC"), 1);
    w->drop = TXC_MSG_ENDED;
    world_pass (w, 10000);
    assert_int_equal (w->codes[commit], TXC_OK);
    assert_int_equal (world_count (w, "!HEURISTIC"), 2); /* it was told */
    world_restart_agent (w, false);
    w->drop = 0;
    w->trace[0] = '\0';
    world_pass (w, 120000);
    assert_true (world_count (w, "INQUIRY") > 0);
    assert_int_equal (w->last[TXC_MSG_INQUIRY].heur, TXC_HEUR_NONE);
    assert_int_equal (world_count (w, "+HEURISTIC"), 0);
    assert_true (world_count (w, "!FORGET") > 0);
}

/* Nobody has decided yet: by which hand it ended may matter, whichever it was. */
static void a_heuristic_is_kept_while_nothing_is_decided (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    static const uint8_t heurs[] = {TXC_HEUR_COMMITTED, TXC_HEUR_ROLLED_BACK, TXC_HEUR_HAZARD};
    for (uint32_t i = 0; i < sizeof heurs / sizeof *heurs; i++) {
        txc_msg_t question = w->last[TXC_MSG_EXEC_REPLY];
        question.type = TXC_MSG_INQUIRY;
        question.gtrid = world_gtrid (w, tx);
        question.flags = TXC_FLAG_FINISHED;
        question.heur = heurs[i];
        w->trace[0] = '\0';
        world_forge (w, 'L', question);
        assert_int_equal (world_count (w, "INQUIRY_PENDING"), 1);
        assert_int_equal (world_count (w, "ENDED") + world_count (w, "+HEURISTIC"), 0);
    }
}

/* --- time ------------------------------------------------------------------------------------- */

static void what_does_not_work_is_tried_less_and_less_often (void **state)
{
    world_t *w = *state;
    w->status[TXC_WORK_SCAN][0] = TXC_WORK_LOST;
    world_pass (w, 11000);
    w->trace[0] = '\0';
    world_pass (w, 60000);
    unsigned scans = world_count (w, "*SCAN");
    assert_in_range (scans, 12, 100); /* six of them are those of the other one, which goes well */
    w->status[TXC_WORK_SCAN][0] = TXC_WORK_OK;
    world_pass (w, 30000);

    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_COMMIT][1] = TXC_WORK_RETRY;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    w->trace[0] = '\0';
    world_pass (w, 1000);
    assert_in_range (world_count (w, "*COMMIT"), 3, 8);
    w->trace[0] = '\0';
    world_pass (w, 60000);
    assert_in_range (world_count (w, "*COMMIT"), 25, 40);
}

static void a_branch_in_doubt_asks_less_and_less_often (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (
        world_code (w, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx, .timeout_ms = 1000}),
        TXC_PENDING);
    w->trace[0] = '\0';
    world_pass (w, 4500);
    assert_in_range (world_count (w, "INQUIRY"), 2, 4);
}

/* --- operators ----------------------------------------------------------------------------------- */

static void s_operate (world_t *w, txc_gtrid_t gtrid, const char *rm, uint64_t token, txc_vote_t verdict)
{
    txc_agent_event_t event = {
        .type = TXC_AGENT_OPERATOR, .vote = (uint8_t) verdict, .gtrid = gtrid, .token = token};
    txc_copy_text (event.rm, sizeof event.rm, rm);
    world_agent_event (w, event);
}

static void an_operator_ends_only_what_is_in_doubt (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    txc_gtrid_t gtrid = world_gtrid (w, tx);
    w->drop = TXC_MSG_VOTE;
    w->trace[0] = '\0';
    s_operate (w, gtrid, "bank_pg", w->last[TXC_MSG_EXEC_REPLY].token, TXC_VOTE_NO); /* of the other branch */
    assert_int_equal (world_count (w, "*ROLLBACK"), 0);
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation, token = w->last[TXC_MSG_VOTE].token; /* bank_my's */
    assert_string_equal (w->last[TXC_MSG_VOTE].rm, "bank_my");
    s_operate (w, gtrid, "bank_xy", token, TXC_VOTE_NO);
    s_operate (w, gtrid, "bank_my", token + 1, TXC_VOTE_NO);
    assert_int_equal (world_count (w, "*ROLLBACK"), 0);
    w->status[TXC_WORK_ROLLBACK][1] = WORLD_HOLD;
    s_operate (w, gtrid, "bank_my", token, TXC_VOTE_NO);
    s_operate (w, gtrid, "bank_my", token, TXC_VOTE_YES); /* it is being ended already */
    assert_int_equal (world_count (w, "*ROLLBACK") + world_count (w, "*COMMIT"), 1);
    w->status[TXC_WORK_ROLLBACK][1] = TXC_WORK_OK;
    world_answer (w, TXC_WORK_OK);
    assert_int_equal (s_status (w).heuristics, 1);
    w->drop = 0;
    world_pass (w, 8000);
    assert_int_equal (w->codes[commit], TXC_ROLLED_BACK); /* it never voted: no damage */
}

static void an_operators_commit_against_a_rollback_is_mixed (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    s_operate (w, world_gtrid (w, tx), "bank_my", w->last[TXC_MSG_VOTE].token, TXC_VOTE_YES);
    assert_int_equal (s_status (w).heuristics, 1);
    w->trace[0] = '\0';
    world_pass (w, 8000);
    w->drop = 0;
    world_pass (w, 8000);
    assert_int_equal (world_count (w, "+ABORT"), 1);
    assert_int_equal (world_count (w, "+HEURISTIC"), 1);
    assert_true (w->codes[commit] == TXC_ROLLED_BACK || w->codes[commit] == TXC_MIXED);
    assert_int_equal (
        world_code (w, (txc_session_event_t){.op = TXC_OP_OUTCOME, .gtrid = world_gtrid (w, tx)}),
        w->codes[commit]);
}

/* --- leaders --------------------------------------------------------------------------------------- */

static void a_welcome_that_tells_nothing_is_dropped (void **state)
{
    world_t *w = *state;
    txc_agent_status_t status = s_status (w);
    txc_msg_t welcome = {
        .type = TXC_MSG_AGENT_WELCOME, .epoch = status.epoch, .cluster = status.cluster, .high_slot = 1000};
    txc_msg_t bad = welcome;
    bad.code = TXC_ELOCKED;
    bad.epoch.round++;
    world_forge (w, 'A', bad);
    bad = welcome;
    bad.cluster = 0;
    bad.epoch.round++;
    world_forge (w, 'A', bad);
    bad = welcome;
    bad.epoch.round--;
    bad.cluster++;
    world_forge (w, 'A', bad);
    assert_int_equal (s_status (w).dropped, status.dropped + 3);
    assert_false (s_status (w).latched);
    assert_true (s_status (w).registered);
    bad = welcome;
    bad.cluster++; /* another group, in the same epoch */
    world_forge (w, 'A', bad);
    assert_true (s_status (w).latched && txc_agent_is_latched (w->agent));
    assert_int_equal (s_exec (w, s_statement (w, 100)), TXC_ELOGLOSS);
    world_agent_event (w, (txc_agent_event_t){.type = TXC_AGENT_ACCEPT_LOG});
    world_pass (w, 3000);
    assert_false (s_status (w).latched);
    assert_int_equal (world_commit (w, world_transfer (w)), TXC_OK);
}

static void how_far_the_log_goes_is_remembered (void **state)
{
    world_t *w = *state;
    txc_agent_status_t status = s_status (w);
    txc_msg_t welcome = {
        .type = TXC_MSG_AGENT_WELCOME, .epoch = status.epoch, .cluster = status.cluster, .high_slot = 1000};
    w->drop = TXC_MSG_AGENT_WELCOME; /* the real ones */
    world_forge (w, 'A', welcome);
    world_pass (w, 1500);
    assert_int_equal (w->last[TXC_MSG_AGENT_HELLO].high_slot, 1000);
    welcome.high_slot = 500; /* overtaken */
    world_forge (w, 'A', welcome);
    world_pass (w, 1500);
    assert_int_equal (w->last[TXC_MSG_AGENT_HELLO].high_slot, 1000);
    assert_false (s_status (w).latched);
}

static void a_newer_leader_is_obeyed_only_once_it_welcomed (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_PREPARE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    w->drop = TXC_MSG_AGENT_HELLO;
    txc_msg_t prepare = w->last[TXC_MSG_PREPARE];
    prepare.epoch.round++;
    prepare.count = 1;
    w->trace[0] = '\0';
    world_forge (w, 'A', prepare);
    prepare.epoch.round -= 2;
    world_forge (w, 'A', prepare);
    assert_int_equal (world_count (w, "*PREPARE"), 0);
    assert_false (s_status (w).registered);
    assert_int_equal (s_exec (w, s_statement (w, 100)), TXC_ENOTREADY);
    w->drop = 0;
    world_pass (w, 6000);
    assert_true (s_status (w).registered);
}

/* --- the journal --------------------------------------------------------------------- */

static const txc_agent_config_t s_alone = {.name = "alone",
                                           .endpoint = "ipc:///alone",
                                           .incarnation = 1,
                                           .seed = 3,
                                           .codec = &txc_journal_codec,
                                           .n_rms = 1,
                                           .rms = {{.name = "bank_pg"}}};

static void s_step (txc_agent_t *agent, txc_agent_event_t event, txc_update_t *update)
{
    txc_update_clear (update);
    txc_agent_step (agent, &event, update);
}

/* The number of the forced entry of this kind; 0: there is none. */
static uint64_t s_forced (const txc_update_t *update, txc_journal_kind_t kind)
{
    for (uint32_t i = 0; i < update->n_entries; i++)
        if (update->entries[i].kind == kind && update->entries[i].forced)
            return update->entries[i].slot;
    return 0;
}

/* A checkpoint while an entry is on its way to the disk: what it keeps is all that is left of that entry. */
static void a_checkpoint_keeps_what_is_on_its_way (void **state)
{
    (void) state;
    txc_agent_t *agent = txc_agent_new (&s_alone), *next = txc_agent_new (&s_alone);
    txc_msg_t welcome = {.type = TXC_MSG_AGENT_WELCOME, .cluster = 7, .epoch = {5, 1}, .high_slot = 40};
    welcome.guards[0] = (txc_guard_t){30, 99};
    txc_agent_event_t event = {.type = TXC_AGENT_MESSAGE, .message = &welcome, .now_ms = 10};
    txc_update_t update, kept;
    txc_update_init (&update);
    txc_update_init (&kept);
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_START, .now_ms = 10}, &update);
    s_step (agent, event, &update);
    uint64_t slot = s_forced (&update, TXC_JOURNAL_EPOCH);
    assert_int_not_equal (slot, 0);
    txc_agent_checkpoint (agent, &kept); /* the epoch is on its way */
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_JOURNALED, .slot = slot, .now_ms = 10}, &update);
    s_step (agent, event, &update);
    assert_int_not_equal (s_forced (&update, TXC_JOURNAL_GUARD), 0);
    bool epoch = false;
    for (uint32_t i = 0; i < kept.n_entries; i++) {
        txc_jrec_t record;
        assert_true (txc_journal_codec.decode (kept.entries[i].bytes, kept.entries[i].size, &record));
        epoch |= record.kind == TXC_JOURNAL_EPOCH && record.epoch.round == 5 && record.cluster == 7;
    }
    assert_true (epoch);
    txc_update_clear (&kept);
    txc_agent_checkpoint (agent, &kept); /* and now the guard */
    for (uint32_t i = 0; i < kept.n_entries; i++)
        assert_int_equal (txc_agent_replay (next, kept.entries[i].bytes, kept.entries[i].size), TXC_OK);
    s_step (next, (txc_agent_event_t){.type = TXC_AGENT_START, .now_ms = 10}, &update);
    const txc_msg_t *hello = NULL;
    for (uint32_t i = 0; i < update.n_messages; i++)
        if (update.messages[i].type == TXC_MSG_AGENT_HELLO)
            hello = &update.messages[i];
    assert_non_null (hello);
    assert_int_equal (hello->guards[0].slot, 30);
    assert_int_equal (hello->epoch.round, 5);
    txc_update_fini (&update);
    txc_update_fini (&kept);
    txc_agent_destroy (&agent);
    txc_agent_destroy (&next);
}

/* Its journal says that an operator rolled the branch 9 back. */
static void s_replay_heuristic (txc_agent_t *agent, const txc_gtrid_t *gtrid)
{
    txc_jrec_t records[] = {{.kind = TXC_JOURNAL_EPOCH, .cluster = 7, .epoch = {5, 1}},
                            {.kind = TXC_JOURNAL_HEURISTIC,
                             .gtrid = *gtrid,
                             .token = 9,
                             .rm = "bank_pg",
                             .heur = TXC_HEUR_ROLLED_BACK}};
    uint8_t bytes[TXC_RECORD_MAX];
    for (int i = 0; i < 2; i++) {
        size_t size = txc_journal_codec.encode (&records[i], bytes);
        assert_int_equal (txc_agent_replay (agent, bytes, size), TXC_OK);
    }
}

/* An XA switch keeps a heuristic end, and lists it, until it is told to forget: when it is on record. */
static void a_heuristic_end_is_forgotten_once_it_is_on_record (void **state)
{
    (void) state;
    txc_agent_config_t config = s_alone;
    config.rms[0].forgets = true;
    txc_agent_t *agent = txc_agent_new (&config);
    txc_gtrid_t gtrid = {7, 2, 3, TXC_MODE_2PC};
    s_replay_heuristic (agent, &gtrid);
    txc_update_t update;
    txc_update_init (&update);
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_START, .now_ms = 10}, &update);
    txc_found_t found = {.gtrid = gtrid, .token = 9};
    txc_work_done_t done = {
        .op = TXC_WORK_RECOVER, .scan = update.work[0].scan, .found = &found, .n_found = 1};
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_WORK_DONE, .now_ms = 11, .done = &done}, &update);
    txc_agent_status_t status;
    txc_agent_status (agent, &status);
    assert_int_equal (status.prepared, 0); /* listed, and known to be over */
    txc_msg_t welcome = {.type = TXC_MSG_AGENT_WELCOME, .cluster = 7, .epoch = {5, 1}, .high_slot = 40};
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .now_ms = 12, .message = &welcome},
            &update);
    txc_msg_t ended = {.type = TXC_MSG_ENDED, .epoch = {5, 1}, .gtrid = gtrid, .token = 9, .rm = "bank_pg"};
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .now_ms = 13, .message = &ended}, &update);
    assert_int_equal (update.n_work, 0); /* of this end nobody spoke */
    ended.heur = TXC_HEUR_ROLLED_BACK;
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .now_ms = 13, .message = &ended}, &update);
    assert_int_equal (update.n_work, 1);
    assert_int_equal (update.work[0].op, TXC_WORK_FORGET);
    assert_int_equal (update.work[0].token, 9);
    txc_work_done_t forgotten = {.op = TXC_WORK_FORGET, .status = TXC_WORK_LOST};
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_WORK_DONE, .now_ms = 14, .done = &forgotten},
            &update);
    txc_update_fini (&update);
    txc_agent_destroy (&agent);
}

/* "Still open", in answer to a question from before the branch committed and ended, says nothing of whether
 * its end can be proved. */
static void an_old_pending_makes_no_hazard (void **state)
{
    world_t *w = *state;
    w->status[TXC_WORK_EVIDENCE][0] = TXC_WORK_UNKNOWN;
    uint64_t tx = world_transfer (w);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    txc_msg_t message = w->last[TXC_MSG_PHASE2_COMMIT];
    message.type = TXC_MSG_PHASE2_COMMIT;
    message.token += 5; /* one that it does not remember */
    txc_copy_text (message.rm, sizeof message.rm, "bank_pg");
    w->drop = TXC_MSG_INQUIRY;
    world_forge (w, 'A', message);
    message.type = TXC_MSG_INQUIRY_PENDING;
    message.code = TXC_PENDING;
    message.flags = 0;
    world_forge (w, 'A', message);
    assert_int_equal (world_count (w, "!HEURISTIC"), 0);
    message.flags = TXC_FLAG_FINISHED;
    world_forge (w, 'A', message);
    assert_int_equal (world_count (w, "!HEURISTIC"), 1);
}

/* COMMIT's answer was lost, its session is gone, and the branch is listed: that commit did not come about.
 * What is not listed any more at the next try somebody else has ended. */
static void what_is_listed_was_not_committed_by_this_life (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_COMMIT][1] = WORLD_HOLD;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    w->trace[0] = '\0';
    w->status[TXC_WORK_COMMIT][1] = TXC_WORK_ABSENT;
    w->status[TXC_WORK_FENCE_AND_LOOK][1] = TXC_WORK_OK;
    w->status[TXC_WORK_EVIDENCE][1] = TXC_WORK_UNKNOWN;
    world_answer (w, TXC_WORK_LOST);
    world_pass (w, 5000);
    assert_int_equal (world_count (w, "*FENCE_AND_LOOK"), 1);
    assert_int_equal (s_status (w).heuristics, 1);
    assert_int_equal (w->last[TXC_MSG_PHASE2_DONE].heur, TXC_HEUR_HAZARD);
}

/* --- what operators did --------------------------------------------------------------------------------- */

static uint64_t s_two (world_t *w, uint8_t mode, uint64_t token[2])
{
    uint64_t tx = world_do (w, (txc_session_event_t){.op = TXC_OP_BEGIN, .timeout_ms = 5000, .mode = mode});
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_OK);
    token[0] = w->last[TXC_MSG_EXEC_REPLY].token;
    assert_int_equal (world_exec (w, tx, "bank_my", 0), TXC_OK);
    token[1] = w->last[TXC_MSG_EXEC_REPLY].token;
    return tx;
}

/* Committed by hand at a copy of the database that is gone; its successor lists it, and it is rolled back
 * there as the leader says: nothing ended otherwise. */
static void what_is_listed_again_was_not_committed_by_hand (void **state)
{
    world_t *w = *state;
    uint64_t token[2], tx = s_two (w, TXC_MODE_2PC, token);
    txc_gtrid_t gtrid = world_gtrid (w, tx);
    s_scanned_at (w, 0, "one", NULL, 0);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    world_agent_event (w, s_by_hand (&gtrid, "bank_pg", token[0], TXC_VOTE_YES));
    txc_found_t found = {.gtrid = gtrid, .token = token[0]};
    w->status[TXC_WORK_FENCE_AND_LOOK][0] = TXC_WORK_OK;
    s_scanned_at (w, 0, "another", &found, 1);
    assert_int_equal (s_status (w).prepared, 2);
    w->trace[0] = '\0';
    world_replica_event (
        w, (txc_event_t){.type = TXC_EVENT_RESOLVE, .gtrid = gtrid, .vote = TXC_VOTE_NO, .route = 77});
    w->drop = 0;
    world_pass (w, 120000);
    assert_int_equal (s_status (w).prepared, 0);
    assert_int_equal (world_count (w, "+HEURISTIC"), 0);
}

/* Rolled back by hand there; listed again, asked, and committed like all others. */
static void what_is_listed_again_was_not_rolled_back_by_hand (void **state)
{
    world_t *w = *state;
    assert_int_not_equal (world_begin (w), 0); /* an older one stays open: the mark does not pass */
    uint64_t token[2], tx = s_two (w, TXC_MODE_2PC, token);
    txc_gtrid_t gtrid = world_gtrid (w, tx);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    world_agent_event (w, s_by_hand (&gtrid, "bank_pg", token[0], TXC_VOTE_NO));
    txc_found_t found = {.gtrid = gtrid, .token = token[0]};
    w->status[TXC_WORK_FENCE_AND_LOOK][0] = TXC_WORK_OK;
    s_scanned_at (w, 0, "", &found, 1);
    w->trace[0] = '\0';
    w->drop = 0;
    world_pass (w, 3000);
    assert_int_equal (w->codes[commit], TXC_OK);
    world_pass (w, 120000);
    assert_int_equal (world_count (w, "+HEURISTIC"), 0);
}

/* The answer to a heuristic of a transaction that was told "rolled back" is lost once. */
static void a_lost_answer_of_a_told_transaction_comes_again (void **state)
{
    world_t *w = *state;
    assert_int_not_equal (world_begin (w), 0); /* an older one stays open: the mark does not pass */
    uint64_t token[2], tx = s_two (w, TXC_MODE_2PC, token);
    txc_gtrid_t gtrid = world_gtrid (w, tx);
    w->status[TXC_WORK_PREPARE][0] = WORLD_HOLD; /* it says no, later */
    world_pass (w, 1);
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    world_agent_event (w, s_by_hand (&gtrid, "bank_my", token[1], TXC_VOTE_YES));
    w->drop = TXC_MSG_PHASE2_ROLLBACK;
    world_answer (w, TXC_WORK_ROLLED_BACK); /* a final no */
    world_pass (w, 10000);
    assert_int_equal (w->codes[commit], TXC_ROLLED_BACK);
    w->status[TXC_WORK_PREPARE][0] = TXC_WORK_OK;
    w->drop = TXC_MSG_ENDED;
    w->trace[0] = '\0';
    world_pass (w, 30000); /* asks; heuristic on record; the answer is lost */
    w->drop = 0;
    w->trace[0] = '\0';
    world_pass (w, 3600000);
    assert_int_equal (world_count (w, "!FORGET"), 1);
}

/* Its commit by hand was lost with a copy; the yes rests on it all the same. */
static void a_commit_by_hand_at_another_copy_is_no_yes (void **state)
{
    world_t *w = *state;
    uint64_t token[2], tx = s_two (w, TXC_MODE_2PC, token);
    txc_gtrid_t gtrid = world_gtrid (w, tx);
    s_scanned_at (w, 0, "one", NULL, 0);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    world_agent_event (w, s_by_hand (&gtrid, "bank_pg", token[0], TXC_VOTE_YES));
    s_scanned_at (w, 0, "another", NULL, 0); /* which lists nothing */
    w->drop = 0;
    world_pass (w, 3000);
    assert_int_not_equal (w->codes[commit], TXC_OK);
}

/* An operator's commit whose answer was lost, at a resource manager without evidence; the transaction was
 * rolled back. */
static void an_operators_commit_in_doubt_is_not_let_go (void **state)
{
    world_t *w = *state;
    uint64_t token[2], tx = s_two (w, TXC_MODE_2PC, token);
    txc_gtrid_t gtrid = world_gtrid (w, tx);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    w->status[TXC_WORK_COMMIT][0] = TXC_WORK_LOST;
    w->drop = TXC_MSG_PHASE2_ROLLBACK;
    world_replica_event (
        w, (txc_event_t){.type = TXC_EVENT_RESOLVE, .gtrid = gtrid, .vote = TXC_VOTE_NO, .route = 77});
    world_agent_event (w, s_by_hand (&gtrid, "bank_pg", token[0], TXC_VOTE_YES));
    world_pass (w, 20000);
    w->drop = 0;
    world_pass (w, 120000);
    assert_true (world_count (w, "+HEURISTIC") > 0);
}

/* The answer names another end than the one that is kept. */
static void an_answer_lets_go_only_what_it_names (void **state)
{
    (void) state;
    txc_agent_t *agent = txc_agent_new (&s_alone);
    txc_gtrid_t gtrid = {7, 2, 3, TXC_MODE_2PC};
    s_replay_heuristic (agent, &gtrid);
    txc_update_t update;
    txc_update_init (&update);
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_START, .now_ms = 10}, &update);
    txc_msg_t welcome = {.type = TXC_MSG_AGENT_WELCOME, .epoch = {5, 1}, .cluster = 7, .high_slot = 1};
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .now_ms = 12, .message = &welcome},
            &update);
    txc_msg_t ended = {.type = TXC_MSG_ENDED,
                       .epoch = {5, 1},
                       .gtrid = gtrid,
                       .token = 9,
                       .rm = "bank_pg",
                       .heur = TXC_HEUR_COMMITTED};
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .now_ms = 13, .message = &ended}, &update);
    assert_int_equal (update.n_entries, 0); /* no FORGET */
    txc_update_fini (&update);
    txc_agent_destroy (&agent);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, world_setup, world_teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (first_statements_that_may_not_begin_are_refused),
        TEST (a_window_that_was_passed_begins_no_branch),
        TEST (branches_are_limited_for_each_resource_manager),
        TEST (statements_at_one_branch_wait_up_to_a_limit),
        TEST (answers_of_other_processes_are_not_acknowledged),
        TEST (a_branch_that_ends_takes_no_statement),
        TEST (a_one_phase_commit_names_what_the_branch_ran),
        TEST (a_one_phase_commit_of_an_unknown_branch_rests_on_evidence_only),
        TEST (a_failed_branch_votes_no_even_if_asked_at_once),
        TEST (numbers_of_branches_are_told_by_their_state),
        TEST (in_another_copy_no_presumed_rollback_counts),
        TEST (a_commit_that_was_begun_at_another_copy_is_no_proof),
        TEST (an_identity_may_become_more_exact),
        TEST (what_is_listed_again_was_not_committed_by_hand),
        TEST (what_is_listed_again_was_not_rolled_back_by_hand),
        TEST (a_lost_answer_of_a_told_transaction_comes_again),
        TEST (a_commit_by_hand_at_another_copy_is_no_yes),
        TEST (an_operators_commit_in_doubt_is_not_let_go),
        TEST (an_answer_lets_go_only_what_it_names),
        TEST (an_operators_commit_is_kept_until_it_is_on_record),
        TEST (what_an_operator_committed_votes_yes),
        TEST (an_operators_commit_may_turn_out_right),
        TEST (a_heuristic_is_kept_while_nothing_is_decided),
        TEST (what_is_listed_was_not_committed_before),
        TEST (what_is_listed_was_not_committed_by_this_life),
        TEST (what_does_not_work_is_tried_less_and_less_often),
        TEST (a_branch_in_doubt_asks_less_and_less_often),
        TEST (an_operator_ends_only_what_is_in_doubt),
        TEST (an_operators_commit_against_a_rollback_is_mixed),
        TEST (a_welcome_that_tells_nothing_is_dropped),
        TEST (how_far_the_log_goes_is_remembered),
        TEST (a_newer_leader_is_obeyed_only_once_it_welcomed),
        TEST (an_old_pending_makes_no_hazard),
        cmocka_unit_test (a_checkpoint_keeps_what_is_on_its_way),
        cmocka_unit_test (a_heuristic_end_is_forgotten_once_it_is_on_record),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
