/* Members of three-phase commits: what an agent may say of a branch, and how long it remembers that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/txc_quorum.h"
#include "core/txc_registry.h"
#include "core_world.h"
#include "wire/txc_codec.h"

enum { SOME_NUMBER = 3 * TXC_NUMBER_MEMBERS };

/* A transaction with a branch at each resource manager, as its members see it. */
typedef struct s_tx {
    uint64_t number;
    txc_gtrid_t gtrid;
    txc_branch_ref_t branches[WORLD_RMS];
} s_tx_t;

static s_tx_t s_begin (world_t *world)
{
    static const char *const rms[WORLD_RMS] = {"bank_pg", "bank_my"};
    s_tx_t tx = {.number = world_do (world, (txc_session_event_t){.op = TXC_OP_BEGIN,
                                                                  .mode = TXC_MODE_3PC,
                                                                  .timeout_ms = 5000,
                                                                  .flags = TXC_FLAG_DECISION_LOGGED})};
    tx.gtrid = world_gtrid (world, tx.number);
    for (int i = 0; i < WORLD_RMS; i++) {
        assert_int_equal (world_exec (world, tx.number, rms[i], 0), TXC_OK);
        strcpy (tx.branches[i].rm, rms[i]);
        strcpy (tx.branches[i].endpoint, "ipc:///agent");
        tx.branches[i].token = world->last[TXC_MSG_EXEC_REPLY].token;
    }
    return tx;
}

/* What a terminator (in the place of the application) asks of the first branch; its answer is in last. */
static unsigned s_terminate (world_t *world, s_tx_t *tx)
{
    txc_msg_t message = {.type = TXC_MSG_TERMINATE, .gtrid = tx->gtrid, .stamp = SOME_NUMBER};
    message.token = tx->branches[0].token;
    message.branches = tx->branches;
    message.n_branches = WORLD_RMS;
    memcpy (message.rm, tx->branches[0].rm, sizeof message.rm);
    world->trace[0] = '\0';
    world_forge (world, 'A', message);
    return world_count (world, "MEMBER_STATE");
}

static bool s_refused (const world_t *world)
{
    const txc_msg_t *state = &world->last[TXC_MSG_MEMBER_STATE];
    return state->flags & TXC_FLAG_FINAL && state->vote == TXC_VOTE_NO;
}

/* Entries of members that a checkpoint of the journal would keep. */
static unsigned s_remembered (world_t *world)
{
    unsigned count = 0;
    txc_update_t update;
    txc_update_init (&update);
    txc_agent_checkpoint (world->agent, &update);
    for (uint32_t i = 0; i < update.n_entries; i++)
        count += update.entries[i].kind == TXC_JOURNAL_MEMBER;
    txc_update_fini (&update);
    return count;
}

/* Both branches have voted, the leader's PreCommits are lost. */
static s_tx_t s_vote (world_t *world)
{
    s_tx_t tx = s_begin (world);
    world->drop = TXC_MSG_PRE_DECIDE;
    assert_int_equal (world_commit (world, tx.number), TXC_PENDING);
    assert_int_equal (s_remembered (world), 2);
    return tx;
}

static void s_a_member_tells_its_state (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_vote (world);
    assert_int_equal (s_terminate (world, &tx), 1);
    assert_int_equal (world_count (world, "!MEMBER"), 1); /* the grant, before it is said */
    assert_false (s_refused (world));
    assert_int_equal (world->last[TXC_MSG_MEMBER_STATE].slot, SOME_NUMBER);
}

/* The branch wrote nothing, so that its resource manager lists nothing: only the journal knows the vote. */
static void s_a_member_that_lost_its_journal_abstains (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_PREPARE][0] = TXC_WORK_READ_ONLY;
    s_tx_t tx = s_vote (world);
    world_restart_agent (world, true);
    assert_int_equal (s_terminate (world, &tx), 0);
    assert_int_equal (world_count (world, "!MEMBER"), 0);
    s_tx_t later = s_begin (world); /* under the new journal */
    assert_true (later.branches[0].token >> 32 != tx.branches[0].token >> 32);
    assert_int_equal (s_terminate (world, &tx), 0);
    assert_int_equal (s_terminate (world, &later), 1);
    assert_true (s_refused (world));
}

/* A token of a number that is lost in a crash would be taken for one of a lost journal: its branch would
 * abstain for ever. */
static void s_no_token_is_drawn_before_the_journal_has_its_number (void **state)
{
    world_t *world = *state;
    world->slow_disk = true;
    uint64_t tx =
        world_do (world, (txc_session_event_t){.op = TXC_OP_BEGIN, .mode = TXC_MODE_3PC, .timeout_ms = 5000});
    assert_int_equal (world_exec (world, tx, "bank_pg", 0), TXC_PENDING);
    assert_int_equal (world_count (world, "!BIRTH"), 1);
    assert_int_equal (world_count (world, "*EXEC"), 0);
    assert_int_equal (world->last[TXC_MSG_EXEC_REPLY].code, TXC_ENOTREADY);
    world->slow_disk = false;
    world_sync (world);
    world_pass (world, 1000); /* the library asks again */
    assert_int_equal (world_count (world, "*EXEC"), 1);
    assert_int_equal (world_count (world, "!BIRTH"), 1);
    assert_int_equal (world->last[TXC_MSG_EXEC_REPLY].code, TXC_OK);
}

static void s_a_member_that_kept_its_journal_does_not (void **state)
{
    world_t *world = *state;
    world->status[TXC_WORK_PREPARE][0] = TXC_WORK_READ_ONLY;
    s_tx_t tx = s_vote (world);
    world_restart_agent (world, false);
    assert_int_equal (s_terminate (world, &tx), 1);
    assert_false (s_refused (world));
}

/* Phase 2 of a branch that nobody here knows is done only if the journal is the one that would know it. */
static void s_a_lost_journal_proves_no_commit (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    world->drop = TXC_MSG_PHASE2_COMMIT;
    assert_int_equal (world_commit (world, tx.number), TXC_OK);
    world_restart_agent (world, true);
    world->drop = 0;
    world->trace[0] = '\0';
    world_pass (world, 5000);
    assert_true (world_count (world, "*EVIDENCE") >= 1);
    assert_int_equal (world->last[TXC_MSG_PHASE2_DONE].heur, TXC_HEUR_HAZARD); /* of which there is none */
}

static void s_a_refusal_is_journaled_first_and_stays (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    world->drop = TXC_MSG_DECIDED; /* the group does not hear of it */
    assert_int_equal (s_terminate (world, &tx), 1);
    assert_true (s_refused (world));
    assert_true (strstr (world->trace, "!MEMBER") < strstr (world->trace, "MEMBER_STATE"));
    for (int life = 0; life < 2; life++) {
        assert_int_equal (s_terminate (world, &tx), 1);
        assert_true (s_refused (world));
        assert_int_equal (world_count (world, "!MEMBER"), 0);
        world_restart_agent (world, false);
    }
    world->trace[0] = '\0';
    world_commit (world, tx.number);                   /* a leader asks it for its vote */
    assert_int_equal (world_count (world, "VOTE"), 1); /* of the other branch, which was lost */
    assert_int_not_equal (world->last[TXC_MSG_VOTE].vote, TXC_VOTE_YES);
    assert_int_equal (world_count (world, "+COMMIT"), 0);
}

static void s_a_member_that_was_told_before_it_voted_says_so (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    world->status[TXC_WORK_PREPARE][0] = WORLD_HOLD;
    world->drop = TXC_MSG_PHASE2_ROLLBACK;
    assert_int_equal (world_commit (world, tx.number), TXC_PENDING);
    txc_msg_t told = {.type = TXC_MSG_DECIDED, .gtrid = tx.gtrid, .token = tx.branches[0].token};
    told.vote = TXC_VOTE_NO;
    memcpy (told.rm, tx.branches[0].rm, sizeof told.rm);
    world_forge (world, 'A', told);
    assert_int_equal (s_terminate (world, &tx), 1);
    assert_true (s_refused (world));
    world_answer (world, TXC_WORK_OK); /* it was prepared meanwhile */
    assert_true (world_count (world, "*ROLLBACK") >= 1);
}

/* Even of a branch that was never heard of, if it could only have begun under this journal. */
static void s_an_unknown_branch_of_this_journal_is_refused (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    tx.branches[0].token ^= 1;
    assert_int_equal (s_terminate (world, &tx), 1);
    assert_true (s_refused (world));
    assert_int_equal (world_count (world, "!MEMBER"), 1);
    tx.branches[0].token ^= UINT64_C (1) << 40;
    assert_int_equal (s_terminate (world, &tx), 0);
    tx.branches[0].token ^= UINT64_C (1) << 40;
    tx.branches[0].token++;
    s_tx_t unlisted = tx;
    unlisted.branches[1] = unlisted.branches[0];
    unlisted.branches[0].token++;
    txc_msg_t message = {.type = TXC_MSG_TERMINATE, .gtrid = tx.gtrid, .stamp = SOME_NUMBER};
    message.token = tx.branches[0].token + 2; /* the message does not list what it asks for */
    message.branches = unlisted.branches;
    message.n_branches = WORLD_RMS;
    memcpy (message.rm, tx.branches[0].rm, sizeof message.rm);
    world->trace[0] = '\0';
    world_forge (world, 'A', message);
    assert_int_equal (world_count (world, "MEMBER_STATE"), 0);
}

static void s_a_refusal_goes_when_the_abort_is_on_record (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    assert_int_equal (s_terminate (world, &tx), 1);
    world_pass (world, 10000);
    assert_int_equal (world_count (world, "+ABORT"), 1);
    assert_int_equal (s_remembered (world), 0);
}

/* A terminator that was overtaken had it pre-abort; the next one decided COMMIT without it, and says so while
 * the grant to a third one is on its way to the disk.  Then the journal is cut. */
static void s_a_checkpoint_keeps_an_outcome_that_came_meanwhile (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_vote (world);
    txc_msg_t message = {.type = TXC_MSG_TERMINATE, .gtrid = tx.gtrid, .token = tx.branches[0].token};
    memcpy (message.rm, tx.branches[0].rm, sizeof message.rm);
    message.branches = tx.branches;
    message.n_branches = WORLD_RMS;
    message.stamp = SOME_NUMBER;
    world_forge (world, 'A', message);
    message.type = TXC_MSG_PRE_DECIDE;
    message.vote = TXC_VOTE_NO;
    world_forge (world, 'A', message);
    assert_int_equal (world->last[TXC_MSG_PRE_DECIDED].slot, SOME_NUMBER);
    world->slow_disk = true;
    message.type = TXC_MSG_TERMINATE;
    message.stamp = 2 * SOME_NUMBER;
    world_forge (world, 'A', message);
    message.type = TXC_MSG_DECIDED;
    message.vote = TXC_VOTE_YES;
    world->trace[0] = '\0';
    world_forge (world, 'A', message);
    assert_int_equal (world_count (world, "*COMMIT"), 1);
    world_tidy (world);
    world->slow_disk = false;
    world_sync (world);
    world_restart_agent (world, false);
    world->drop = 0;
    world_pass (world, 10000);
    assert_int_equal (world_count (world, "+ABORT"), 0);
    assert_int_equal (world_count (world, "+COMMIT"), 1);
}

/* What the leader, whom the agent obeys, says of a branch. */
static txc_msg_t s_word (const world_t *world, const s_tx_t *tx, int place, txc_msg_type_t type)
{
    txc_agent_status_t status;
    txc_agent_status (world->agent, &status);
    txc_msg_t message = {.type = (uint8_t) type, .gtrid = tx->gtrid, .epoch = status.epoch};
    message.token = tx->branches[place].token;
    memcpy (message.rm, tx->branches[place].rm, sizeof message.rm);
    return message;
}

/* What a lost journal held is an operator's to end, and the coordinator is to hear of it, however often the
 * agent was started anew meanwhile. */
static void s_an_operators_end_outlives_the_member_that_abstained (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_vote (world);
    world->drop = TXC_MSG_PREPARE;
    world->listed = (txc_found_t){.gtrid = tx.gtrid, .token = tx.branches[0].token};
    world->listed_at = 0;
    world->status[TXC_WORK_FENCE_AND_LOOK][0] = TXC_WORK_OK;
    world_restart_agent (world, true);
    txc_agent_event_t end = {.type = TXC_AGENT_OPERATOR, .gtrid = tx.gtrid, .vote = TXC_VOTE_YES};
    end.token = tx.branches[0].token;
    memcpy (end.rm, tx.branches[0].rm, sizeof end.rm);
    world_agent_event (world, end);
    assert_true (world_count (world, "!HEURISTIC") >= 1);
    world->listed_at = -1;
    for (int tidied = 0; tidied < 2; tidied++) {
        if (tidied)
            world_tidy (world);
        world_restart_agent (world, false);
        txc_msg_t message = s_word (world, &tx, 0, TXC_MSG_PHASE2_ROLLBACK);
        world->last[TXC_MSG_PHASE2_DONE] = (txc_msg_t){0};
        world_forge (world, 'A', message);
        assert_int_equal (world->last[TXC_MSG_PHASE2_DONE].heur, TXC_HEUR_COMMITTED);
    }
}

/* A branch that is in doubt, stands as the terminator and asks the group. */
static void s_ask_group (world_t *world, const s_tx_t *tx)
{
    txc_msg_t message = {.type = TXC_MSG_TERMINATE, .gtrid = tx->gtrid, .token = tx->branches[0].token};
    memcpy (message.rm, tx->branches[0].rm, sizeof message.rm);
    message.branches = tx->branches;
    message.n_branches = WORLD_RMS;
    message.stamp = SOME_NUMBER;
    for (int i = 0; i < 3; i++)
        world_forge (world, 'L', message);
}

/* One branch may be pre-committed, and its agent down, while the others abort; when it comes back the group
 * must not stand beside it as a member that has seen nothing. */
static void s_the_group_grants_nothing_that_it_has_forgotten (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    world->drop = TXC_MSG_PREPARE;
    assert_int_equal (world_commit (world, tx.number), TXC_PENDING);
    world_pass (world, 8000);
    assert_int_equal (world_count (world, "+ABORT"), 1);
    assert_int_equal (world_code (world, (txc_session_event_t){.op = TXC_OP_FORGET, .tx = tx.number}),
                      TXC_OK);
    world_pass (world, 10000);
    assert_true (world_count (world, "+MARK") >= 1);
    world->trace[0] = '\0';
    s_ask_group (world, &tx);
    assert_int_equal (world_count (world, "+ELECTED"), 0);
    assert_int_equal (world_count (world, "MEMBER_STATE"), 0);
    assert_int_equal (world_count (world, "DECIDED"), 0);
}

/* What the leader answers a branch in doubt. */
static txc_msg_type_t s_inquire (world_t *world, const s_tx_t *tx, uint32_t flags)
{
    txc_msg_t question = {.type = TXC_MSG_INQUIRY,
                          .gtrid = tx->gtrid,
                          .rm = "bank_my",
                          .token = tx->branches[1].token,
                          .flags = flags,
                          .age_ms = 60000};
    world->trace[0] = '\0';
    world_forge (world, 'L', question);
    return world_count (world, "PHASE2_ROLLBACK")   ? TXC_MSG_PHASE2_ROLLBACK
           : world_count (world, "INQUIRY_PENDING") ? TXC_MSG_INQUIRY_PENDING
           : world_count (world, "ENDED")           ? TXC_MSG_ENDED
                                                    : TXC_MSG_NONE;
}

/* Its session was closed so long ago that the outcome is off the record: the group abstains. */
static void s_behind_the_horizon_the_group_abstains (void **state)
{
    world_t *world = *state;
    world_close (world);
    world_open_with (world, &(txc_replica_config_t){.horizon_ms = 20000});
    s_tx_t tx = s_begin (world), open = s_begin (world), late = s_begin (world);
    world->drop = TXC_MSG_PREPARE;
    assert_int_equal (world_commit (world, tx.number), TXC_PENDING);
    world_pass (world, 8000);
    assert_int_equal (world_count (world, "+ABORT"), 1);
    txc_msg_t close = {
        .type = TXC_MSG_SESSION_CLOSE, .session = tx.gtrid.session, .cluster = tx.gtrid.cluster};
    world_forge (world, 'L', close);
    world->trace[0] = '\0';
    s_ask_group (world, &open); /* of which nothing was ever on record */
    assert_int_equal (world_count (world, "+ELECTED"), 1);
    world_pass (world, 30000);
    txc_msg_t another = {.type = TXC_MSG_SESSION_OPEN, .nonce = 0x77};
    world_forge (world, 'L', another); /* old outcomes go when a session is closed */
    another = world->last[TXC_MSG_SESSION_OPENED];
    another.type = TXC_MSG_SESSION_CLOSE;
    world_forge (world, 'L', another);
    world->trace[0] = '\0';
    s_ask_group (world, &late);
    assert_int_equal (world_count (world, "+ELECTED") + world_count (world, "MEMBER_STATE"), 0);
    assert_int_equal (world_count (world, "DECIDED"), 0);
    s_ask_group (world, &open); /* it stands by what it has granted */
    assert_true (world_count (world, "MEMBER_STATE") >= 1);
    /* The only branch of a transaction was not committed without the group, which would know. */
    assert_int_equal (s_inquire (world, &late, TXC_FLAG_ONLY | TXC_FLAG_RECORD_ONLY),
                      TXC_MSG_INQUIRY_PENDING);
    assert_int_equal (s_inquire (world, &late, 0), TXC_MSG_INQUIRY_PENDING);
    assert_int_equal (s_inquire (world, &open, TXC_FLAG_ONLY), TXC_MSG_INQUIRY_PENDING);
    assert_int_equal (s_inquire (world, &late, TXC_FLAG_ONLY), TXC_MSG_PHASE2_ROLLBACK);
    /* What wrote nothing may let its locks go; of what the group stands by it may still hear. */
    assert_int_equal (s_inquire (world, &late, TXC_FLAG_READ_ONLY), TXC_MSG_ENDED);
    assert_int_equal (world->last[TXC_MSG_ENDED].code, TXC_FORGOTTEN);
}

/* Both have voted, the first one that it only read; nobody hears of a decision. */
static s_tx_t s_vote_and_read (world_t *world)
{
    world->status[TXC_WORK_PREPARE][0] = TXC_WORK_READ_ONLY;
    s_tx_t tx = s_vote (world);
    world->trace[0] = '\0';
    return tx;
}

/* Another member lost its journal, the group has forgotten the transaction: no majority is left, and the
 * branch would hold its locks for ever. */
static void s_what_only_read_goes_when_the_group_has_forgotten (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_vote_and_read (world);
    for (int i = 1; i >= 0; i--) { /* what is prepared stays */
        txc_msg_t ended = s_word (world, &tx, i, TXC_MSG_ENDED);
        ended.code = TXC_FORGOTTEN;
        assert_int_equal (world_count (world, "*ROLLBACK"), 0);
        world_forge (world, 'A', ended);
    }
    assert_int_equal (world_count (world, "*ROLLBACK"), 1);
    assert_int_equal (world_count (world, "*COMMIT"), 0);
    assert_int_equal (s_remembered (world), 2); /* whom others may ask */
    world->drop = 0;
    world_pass (world, 30000); /* and a majority there is, in this case */
    assert_int_equal (world_count (world, "*COMMIT"), 1);
}

/* Somebody ended the branch at the database by hand, and the group knows nothing of the transaction any more:
 * that is no acknowledgement of long ago. */
static void s_what_is_forgotten_proves_no_commit (void **state)
{
    world_t *world = *state;
    for (int forgotten = 0; forgotten < 2; forgotten++) {
        s_tx_t tx = s_begin (world);
        world->drop = TXC_MSG_PRE_DECIDE;
        assert_int_equal (world_commit (world, tx.number), TXC_PENDING);
        world->drop = TXC_MSG_INQUIRY;
        world->status[TXC_WORK_COMMIT][0] = TXC_WORK_ABSENT;
        world->status[TXC_WORK_EVIDENCE][0] = TXC_WORK_UNKNOWN;
        txc_msg_t message = s_word (world, &tx, 0, TXC_MSG_DECIDED);
        message.vote = TXC_VOTE_YES;
        world->trace[0] = '\0';
        world_forge (world, 'A', message);
        assert_int_equal (world_count (world, "*EVIDENCE"), 1);
        assert_int_equal (world_count (world, "!HEURISTIC"), 0);
        message.type = TXC_MSG_ENDED;
        message.code = forgotten ? TXC_FORGOTTEN : TXC_OK;
        world_forge (world, 'A', message);
        assert_int_equal (world_count (world, "!HEURISTIC"), forgotten);
        world->status[TXC_WORK_COMMIT][0] = TXC_WORK_OK;
        world->drop = 0;
        world_pass (world, 60000);
    }
}

static void s_an_operator_ends_what_only_read_without_a_heuristic (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_vote_and_read (world);
    txc_agent_event_t end = {.type = TXC_AGENT_OPERATOR, .gtrid = tx.gtrid, .vote = TXC_VOTE_NO};
    end.token = tx.branches[0].token;
    memcpy (end.rm, tx.branches[0].rm, sizeof end.rm);
    world_agent_event (world, end);
    assert_int_equal (world_count (world, "*ROLLBACK"), 1);
    assert_int_equal (world_count (world, "!HEURISTIC"), 0);
    world->drop = 0;
    world_pass (world, 30000);
    assert_int_equal (world_count (world, "*COMMIT"), 1); /* of the other branch: nobody was misled */
}

/* Members decided while the group was away, and then its session left the list: the log takes no record of
 * it. That is no rollback. */
static void s_what_the_log_does_not_take_is_not_rolled_back (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_vote (world);
    txc_msg_t close = {
        .type = TXC_MSG_SESSION_CLOSE, .session = tx.gtrid.session, .cluster = tx.gtrid.cluster};
    world_forge (world, 'L', close);
    for (uint64_t i = 0; i < 16390; i++) { /* closed ones that the log remembers, and some */
        txc_msg_t another = {.type = TXC_MSG_SESSION_OPEN, .nonce = 0x10000 + i};
        world->trace[0] = '\0';
        world_forge (world, 'L', another);
        another = world->last[TXC_MSG_SESSION_OPENED];
        another.type = TXC_MSG_SESSION_CLOSE;
        world_forge (world, 'L', another);
    }
    txc_msg_t message = s_word (world, &tx, 0, TXC_MSG_DECIDED);
    message.vote = TXC_VOTE_YES;
    world->trace[0] = '\0';
    world_forge (world, 'A', message);
    world_pass (world, 3000);
    assert_int_equal (world->last[TXC_MSG_OUTCOME].code, TXC_FORGOTTEN);
    assert_int_equal (world_count (world, "PHASE2_ROLLBACK"), 0);
    assert_int_equal (world_count (world, "*ROLLBACK"), 0);
}

/* It has committed; its journal did not keep the final state, which is not forced.  What the leader says it
 * takes as the end, so that it never stands as one that has only voted among those who have forgotten. */
static void s_who_is_told_the_outcome_again_is_final (void **state)
{
    world_t *world = *state;
    s_tx_t tx = s_begin (world);
    world->drop = TXC_MSG_PHASE2_COMMIT;
    assert_int_equal (world_commit (world, tx.number), TXC_OK);
    world->drop = TXC_MSG_ENDED;
    world_restart_agent (world, false); /* nothing is listed */
    world_pass (world, 1500);
    assert_true (s_terminate (world, &tx) >= 1);
    assert_true (world->last[TXC_MSG_MEMBER_STATE].flags & TXC_FLAG_FINAL);
    assert_int_equal (world->last[TXC_MSG_MEMBER_STATE].vote, TXC_VOTE_YES);
}

static bool s_apply (txc_registry_t *registry, txc_rec_t record)
{
    return txc_registry_apply (registry, registry->applied_slot + 1, &record, "", 0, NULL, NULL);
}

/* A grant is on its way in the log while the group learns what its members decided, behind the horizon; and
 * between the two another session is closed, which sweeps away what is old. */
static void s_what_is_learned_behind_the_horizon_stays_as_long (void **state)
{
    (void) state;
    txc_registry_t registry;
    txc_gtrid_t gtrid = {.cluster = 7, .session = 2, .n = 1, .mode = TXC_MODE_3PC};
    txc_registry_init (&registry, &txc_record_codec, 1000);
    assert_true (s_apply (&registry, (txc_rec_t){.type = TXC_REC_FORMAT, .cluster = 7}));
    for (uint64_t nonce = 1; nonce <= 3; nonce++)
        assert_true (s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_OPEN, .nonce = nonce}));
    assert_true (
        s_apply (&registry, (txc_rec_t){.type = TXC_REC_ELECTED, .gtrid = gtrid, .number = SOME_NUMBER}));
    assert_true (
        s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = 2, .time_ms = 100}));
    assert_true (s_apply (&registry, (txc_rec_t){.type = TXC_REC_ABORT, .gtrid = gtrid, .time_ms = 2000}));
    assert_true (
        s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = 3, .time_ms = 2001}));
    assert_false (s_apply (
        &registry, (txc_rec_t){.type = TXC_REC_ELECTED, .gtrid = gtrid, .number = SOME_NUMBER + 100}));
    assert_true (
        s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = 4, .time_ms = 3001}));
    assert_null (txc_registry_outcome (&registry, &gtrid));
    txc_registry_fini (&registry);
}

/* A leader's wall clock was ahead by more than the horizon; by the next one's, which is right, everything
 * that it closes would be old at once. */
static void s_a_clock_that_was_ahead_does_not_end_the_horizon (void **state)
{
    (void) state;
    txc_registry_t registry;
    txc_gtrid_t gtrid = {.cluster = 7, .session = 2, .n = 1, .mode = TXC_MODE_2PC};
    txc_registry_init (&registry, &txc_record_codec, 1000);
    assert_true (s_apply (&registry, (txc_rec_t){.type = TXC_REC_FORMAT, .cluster = 7}));
    for (uint64_t nonce = 1; nonce <= 3; nonce++)
        assert_true (s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_OPEN, .nonce = nonce}));
    s_apply (&registry, (txc_rec_t){.type = TXC_REC_NOOP, .time_ms = 1000000});
    assert_true (s_apply (&registry, (txc_rec_t){.type = TXC_REC_ABORT, .gtrid = gtrid, .time_ms = 100}));
    assert_true (
        s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = 2, .time_ms = 110}));
    assert_true (
        s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = 3, .time_ms = 120}));
    assert_non_null (txc_registry_outcome (&registry, &gtrid));
    size_t size;
    void *snapshot = txc_registry_snapshot (&registry, &size);
    txc_registry_fini (&registry);
    txc_registry_init (&registry, &txc_record_codec, 1000);
    assert_int_equal (txc_registry_restore (&registry, snapshot, size), TXC_OK);
    free (snapshot);
    assert_int_equal (txc_registry_session (&registry, 2)->closed_ms, 1000000);
    assert_int_equal (txc_registry_outcome (&registry, &gtrid)->time_ms, 1000000);
    assert_true (
        s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = 4, .time_ms = 1001000}));
    assert_null (txc_registry_outcome (&registry, &gtrid));
    txc_registry_fini (&registry);
}

/* What the group has granted goes with its session: a replica that restores a snapshot has not got it either.
 */
static void s_what_was_granted_goes_with_its_session (void **state)
{
    enum { MANY = 16384 };
    (void) state;
    txc_registry_t registry;
    txc_gtrid_t gtrid = {.cluster = 7, .session = 2, .n = 1, .mode = TXC_MODE_3PC};
    txc_registry_init (&registry, &txc_record_codec, 1000);
    s_apply (&registry, (txc_rec_t){.type = TXC_REC_FORMAT, .cluster = 7});
    s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_OPEN, .nonce = 1});
    s_apply (&registry, (txc_rec_t){.type = TXC_REC_ELECTED, .gtrid = gtrid, .number = SOME_NUMBER});
    s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = 2});
    for (uint64_t nonce = 2; nonce <= MANY; nonce++) {
        s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_OPEN, .nonce = nonce});
        s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = registry.applied_slot});
    }
    assert_true (txc_registry_is_member (&registry, &gtrid));
    s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_OPEN, .nonce = MANY + 1});
    s_apply (&registry, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = registry.applied_slot});
    assert_null (txc_registry_session (&registry, 2));
    assert_false (txc_registry_is_member (&registry, &gtrid));
    txc_registry_fini (&registry);
}

/* Its attempt gets nowhere: a member that has nothing to attempt answers nothing, but refuses when it is
 * asked anew. */
static void s_a_terminator_is_elected_again (void **state)
{
    world_t *world = *state;
    s_vote (world);
    world_pass (world, 30000);
    assert_true (world_count (world, "PRE_DECIDE") >= 1);
    uint64_t number = world->last[TXC_MSG_TERMINATE].stamp;
    assert_true (number > TXC_NUMBER_FIRST);
    world_pass (world, 60000);
    assert_true (world->last[TXC_MSG_TERMINATE].stamp > number);
}

static void s_the_journal_of_members_is_bounded (void **state)
{
    world_t *world = *state;
    for (int i = 0; i < 40; i++) {
        s_tx_t tx = s_begin (world);
        assert_int_equal (world_commit (world, tx.number), TXC_OK);
        assert_int_equal (world_code (world, (txc_session_event_t){.op = TXC_OP_FORGET, .tx = tx.number}),
                          TXC_OK);
        world_pass (world, 500);
        world->trace[0] = '\0';
    }
    world_pass (world, 60000);
    assert_int_equal (s_remembered (world), 0);
    world_restart_agent (world, false);
    assert_int_equal (s_remembered (world), 0); /* FORGET was written, too */
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (s_a_member_tells_its_state, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (s_a_member_that_lost_its_journal_abstains, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_no_token_is_drawn_before_the_journal_has_its_number, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_a_member_that_kept_its_journal_does_not, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_a_lost_journal_proves_no_commit, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (s_a_refusal_is_journaled_first_and_stays, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_a_member_that_was_told_before_it_voted_says_so, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_an_unknown_branch_of_this_journal_is_refused, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_a_refusal_goes_when_the_abort_is_on_record, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_a_checkpoint_keeps_an_outcome_that_came_meanwhile, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_an_operators_end_outlives_the_member_that_abstained, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_the_group_grants_nothing_that_it_has_forgotten, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_behind_the_horizon_the_group_abstains, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_what_only_read_goes_when_the_group_has_forgotten, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_what_is_forgotten_proves_no_commit, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (s_an_operator_ends_what_only_read_without_a_heuristic, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_what_the_log_does_not_take_is_not_rolled_back, world_setup,
                                         world_teardown),
        cmocka_unit_test_setup_teardown (s_who_is_told_the_outcome_again_is_final, world_setup,
                                         world_teardown),
        cmocka_unit_test (s_what_is_learned_behind_the_horizon_stays_as_long),
        cmocka_unit_test (s_a_clock_that_was_ahead_does_not_end_the_horizon),
        cmocka_unit_test (s_what_was_granted_goes_with_its_session),
        cmocka_unit_test_setup_teardown (s_a_terminator_is_elected_again, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown (s_the_journal_of_members_is_bounded, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name ("core member", tests, NULL, NULL);
}
