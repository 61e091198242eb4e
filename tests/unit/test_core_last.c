/*
 * The last resource: Intent, its word, and whoever asks for it again.  bank_pg is one here.
 */
#include "txc_test.h"

#include "base/txc_mem.h"
#include "core/txc_registry.h"
#include "core_world.h"
#include "wire/txc_codec.h"

enum { PG, MY };

static int s_setup (void **state)
{
    static world_t world;
    *state = &world;
    world_open_last (&world, 1u << PG);
    return 0;
}

/* True if the first of a word stands before the first of another. */
static bool s_is_before (const world_t *w, const char *first, const char *second)
{
    const char *a = strstr (w->trace, first), *b = strstr (w->trace, second);
    return a && b && a < b;
}

static int s_code (const world_t *w, uint64_t operation)
{
    return w->codes[operation];
}

/* A transfer whose last resource was asked and has not answered; returns the operation of its commit. */
static uint64_t s_asked (world_t *w)
{
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_PREPARE][PG] = WORLD_HOLD;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    assert_int_equal (world_count (w, "+INTENT"), 1);
    return w->operation;
}

/* --- its word ------------------------------------------------------------------- */

static void it_is_asked_behind_its_intent (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (world_count (w, "*PREPARE"), 2);
    assert_int_equal (world_count (w, "+INTENT"), 1);
    assert_true (s_is_before (w, "*PREPARE", "+INTENT"));
    assert_non_null (strstr (strstr (w->trace, "+INTENT"), "*PREPARE"));
    assert_true (s_is_before (w, "+INTENT", "+COMMIT"));
    assert_int_equal (world_count (w, "*COMMIT"), 2); /* its marker goes */
}

static void its_no_rolls_back_by_a_record (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_PREPARE][PG] = TXC_WORK_ROLLED_BACK;
    assert_int_equal (world_commit (w, tx), TXC_ROLLED_BACK);
    assert_int_equal (world_count (w, "+ABORT"), 1); /* an Intent is on record: a presumption is not enough */
    assert_int_equal (world_count (w, "*ROLLBACK"), 1);
}

static void it_is_not_asked_if_another_says_no (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_PREPARE][MY] = TXC_WORK_ROLLED_BACK;
    assert_int_equal (world_commit (w, tx), TXC_ROLLED_BACK);
    assert_int_equal (world_count (w, "+INTENT"), 0);
    assert_int_equal (world_count (w, "*PREPARE"), 1);
}

static void it_may_have_written_nothing (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_PREPARE][PG] = TXC_WORK_READ_ONLY;
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (world_count (w, "+COMMIT"), 1);
}

static void nobody_may_have_written_anything (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_PREPARE][PG] = w->status[TXC_WORK_PREPARE][MY] = TXC_WORK_READ_ONLY;
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (world_count (w, "+COMMIT"), 1); /* which closes the Intent */
}

static void alone_it_commits_in_one_phase (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_begin (w);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (world_count (w, "+INTENT"), 0);
}

static void the_hint_does_not_commit_it (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_begin (w);
    w->last_status[PG] = TXC_WORK_OK;
    assert_int_equal (world_exec (w, tx, "bank_pg", TXC_FLAG_LAST), TXC_OK);
    assert_int_equal (w->last[TXC_MSG_EXEC_REPLY].vote, TXC_VOTE_NONE);
    assert_int_equal (world_exec (w, tx, "bank_my", 0), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (world_count (w, "+INTENT"), 1);
}

/* --- without its word ------------------------------------------------------------- */

static void a_lost_answer_is_looked_for (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_PREPARE][PG] = TXC_WORK_LOST;
    w->status[TXC_WORK_FENCE_AND_LOOK][PG] = TXC_WORK_OK;
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (world_count (w, "*refuse"), 1);
}

static void a_commit_that_did_not_happen_never_will (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_PREPARE][PG] = TXC_WORK_LOST;
    assert_int_equal (world_commit (w, tx), TXC_ROLLED_BACK);
    assert_int_equal (world_count (w, "*refuse"), 1);
    assert_int_equal (world_count (w, "+ABORT"), 1);
}

static void a_time_out_is_no_reason (void **state)
{
    world_t *w = *state;
    uint64_t commit = s_asked (w);
    world_pass (w, 20000);
    assert_int_equal (world_count (w, "+ABORT"), 0);
    world_answer (w, TXC_WORK_OK);
    world_pass (w, 20000);
    assert_int_equal (world_count (w, "+COMMIT"), 1);
    assert_int_not_equal (s_code (w, commit), TXC_ROLLED_BACK);
}

static void a_rollback_comes_too_late (void **state)
{
    world_t *w = *state;
    s_asked (w);
    txc_msg_t rollback = {.type = TXC_MSG_ROLLBACK, .gtrid = w->last[TXC_MSG_PREPARE].gtrid};
    world_forge (w, 'L', rollback);
    assert_int_equal (world_count (w, "+ABORT"), 0);
    world_answer (w, TXC_WORK_OK);
    assert_int_equal (world_count (w, "+COMMIT"), 1);
}

/* A vote that is no final no: the agent could not tell. */
static void doubt_is_no_reason (void **state)
{
    world_t *w = *state;
    s_asked (w);
    txc_msg_t vote = w->last[TXC_MSG_PREPARE];
    vote.type = TXC_MSG_VOTE;
    vote.vote = TXC_VOTE_NO_NOT_FINAL;
    world_forge (w, 'L', vote);
    assert_int_equal (world_count (w, "+ABORT"), 0);
    world_answer (w, TXC_WORK_OK);
    assert_int_equal (world_count (w, "+COMMIT"), 1);
}

static void the_end_of_its_session_waits (void **state)
{
    world_t *w = *state;
    s_asked (w);
    txc_session_status_t session;
    txc_session_status (w->session, &session);
    world_forge (
        w, 'L',
        (txc_msg_t){.type = TXC_MSG_SESSION_CLOSE, .session = session.session, .cluster = session.cluster});
    assert_int_equal (world_count (w, "+SESSION_CLOSE"), 0);
    world_answer (w, TXC_WORK_OK);
    world_pass (w, 1000);
    assert_true (s_is_before (w, "+COMMIT", "+SESSION_CLOSE"));
}

static void a_new_leader_asks_again (void **state)
{
    world_t *w = *state;
    uint64_t commit = s_asked (w);
    w->status[TXC_WORK_PREPARE][PG] = TXC_WORK_OK;
    world_restart_replica (w);
    world_answer (w, TXC_WORK_OK);
    world_pass (w, 4000);
    assert_int_equal (s_code (w, commit), TXC_OK);
    assert_int_equal (world_count (w, "+INTENT"), 1);
    assert_int_equal (world_count (w, "+COMMIT"), 1);
}

static void an_operator_may_say_what_it_did (void **state)
{
    world_t *w = *state;
    s_asked (w);
    world_replica_event (w, (txc_event_t){.type = TXC_EVENT_RESOLVE,
                                          .gtrid = w->last[TXC_MSG_PREPARE].gtrid,
                                          .vote = TXC_VOTE_NO,
                                          .route = 5,
                                          .text = "test"});
    assert_int_equal (world_count (w, "+ABORT"), 1);
}

/* An operator's word was wrong: nothing that rolled back is acknowledged as a commit. */
static void a_wrong_word_of_an_operator_is_reported (void **state)
{
    world_t *w = *state;
    uint64_t commit = s_asked (w);
    world_replica_event (w, (txc_event_t){.type = TXC_EVENT_RESOLVE,
                                          .gtrid = w->last[TXC_MSG_PREPARE].gtrid,
                                          .vote = TXC_VOTE_YES,
                                          .route = 5,
                                          .text = "test"});
    assert_int_equal (world_count (w, "+COMMIT"), 1);
    world_answer (w, TXC_WORK_ROLLED_BACK);
    world_pass (w, 4000);
    assert_int_equal (world_count (w, "+HEURISTIC"), 1);
    assert_int_equal (s_code (w, commit), TXC_MIXED);
}

/* --- the agent ------------------------------------------------------------------------ */

/* Asked about a branch that nobody here remembers: the RM rules it out, and the agent does not go by that
 * when it hears that the branch, of long ago, had committed. */
static void what_is_not_known_is_ruled_out (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    txc_msg_t prepare = w->last[TXC_MSG_PREPARE];
    prepare.type = TXC_MSG_PREPARE;
    prepare.flags = TXC_FLAG_LAST_RESOURCE;
    prepare.token += 5; /* not one of those that it remembers */
    txc_copy_text (prepare.rm, sizeof prepare.rm, "bank_pg");
    world_forge (w, 'A', prepare);
    assert_int_equal (world_count (w, "*refuse"), 1);
    assert_int_equal (w->last[TXC_MSG_VOTE].vote, TXC_VOTE_NO);
    w->status[TXC_WORK_EVIDENCE][PG] = TXC_WORK_OK;
    prepare.type = TXC_MSG_PHASE2_COMMIT;
    prepare.flags = 0;
    w->last[TXC_MSG_PHASE2_DONE] = (txc_msg_t){0};
    world_forge (w, 'A', prepare);
    assert_int_equal (world_count (w, "*EVIDENCE"), 1);
    assert_int_equal (w->last[TXC_MSG_PHASE2_DONE].token, prepare.token);
    assert_int_equal (w->last[TXC_MSG_PHASE2_DONE].heur, TXC_HEUR_NONE);
}

static void a_coordinator_that_does_not_know_it_is_told (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_PREPARE][MY] = WORLD_HOLD;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    txc_msg_t prepare = w->last[TXC_MSG_PREPARE];
    prepare.type = TXC_MSG_PREPARE;
    prepare.flags = 0;
    txc_copy_text (prepare.rm, sizeof prepare.rm, "bank_pg");
    world_forge (w, 'A', prepare);
    assert_int_equal (w->last[TXC_MSG_VOTE].vote, TXC_VOTE_NO_NOT_FINAL);
    assert_int_equal (world_count (w, "*PREPARE"), 1); /* that of bank_my */
}

static void other_modes_are_refused (void **state)
{
    world_t *w = *state;
    const uint8_t modes[] = {TXC_MODE_3PC, TXC_MODE_PAXOS};
    txc_session_status_t session;
    txc_session_status (w->session, &session);
    for (uint64_t i = 0; i < 2; i++) {
        txc_msg_t exec = {.type = TXC_MSG_EXEC,
                          .gtrid = {session.cluster, session.session, 100 + i, modes[i]},
                          .origin = 77,
                          .seq = 1,
                          .incarnation = 0xabcd,
                          .rm = "bank_pg"};
        exec.body = txc_blob_new ("x", 1);
        world_forge (w, 'A', exec);
        txc_blob_destroy (&exec.body);
        assert_int_equal (w->last[TXC_MSG_EXEC_REPLY].code, TXC_EMODE);
    }
}

static void two_of_them_are_refused (void **state)
{
    static world_t world;
    (void) state;
    world_open_last (&world, 1u << PG | 1u << MY);
    uint64_t tx = world_transfer (&world);
    assert_int_equal (world_commit (&world, tx), TXC_ROLLED_BACK);
    assert_non_null (strstr (world.errors[world.operation].text, "two of its resource managers"));
    assert_int_equal (world_count (&world, "*PREPARE"), 0);
    world_close (&world);
}

/* --- the record ------------------------------------------------------------------------- */

typedef struct book {
    txc_registry_t registry;
    uint64_t slot;
} book_t;

static bool s_apply (book_t *book, txc_rec_t record)
{
    uint8_t bytes[TXC_RECORD_MAX];
    size_t size = txc_record_codec.encode (&record, bytes);
    return txc_registry_apply (&book->registry, ++book->slot, &record, bytes, size, NULL, NULL);
}

static void s_book_open (book_t *book)
{
    *book = (book_t){.slot = 0};
    txc_registry_init (&book->registry, &txc_record_codec, 60000);
    assert_true (s_apply (book, (txc_rec_t){.type = TXC_REC_FORMAT, .cluster = 7}));
    assert_true (s_apply (book, (txc_rec_t){.type = TXC_REC_SESSION_OPEN, .nonce = 9}));
}

static txc_rec_t s_intent (const book_t *book, uint64_t n)
{
    (void) book;
    txc_rec_t record = {.type = TXC_REC_INTENT,
                        .gtrid = {7, 2, n, TXC_MODE_2PC},
                        .rm = "bank_pg",
                        .token = 5,
                        .n_branches = 2};
    record.branches[0] = (txc_branch_ref_t){.rm = "bank_my", .token = 4, .vote = TXC_VOTE_YES};
    record.branches[1] = (txc_branch_ref_t){.rm = "bank_pg", .token = 5};
    return record;
}

static void an_intent_survives_a_snapshot (void **state)
{
    (void) state;
    book_t book;
    txc_registry_t other;
    size_t size;
    s_book_open (&book);
    assert_true (s_apply (&book, s_intent (&book, 3)));
    assert_false (s_apply (&book, s_intent (&book, 3)));
    void *bytes = txc_registry_snapshot (&book.registry, &size);
    txc_registry_init (&other, &txc_record_codec, 60000);
    assert_int_equal (txc_registry_restore (&other, bytes, size), TXC_OK);
    txc_gtrid_t gtrid = {7, 2, 3, TXC_MODE_2PC};
    const txc_intent_t *intent = txc_registry_intent (&other, &gtrid);
    assert_non_null (intent);
    assert_int_equal (intent->n_branches, 2);
    assert_int_equal (intent->token, 5);
    assert_string_equal (intent->rm, "bank_pg");
    free (bytes);
    txc_registry_fini (&other);
    txc_registry_fini (&book.registry);
}

static void its_outcome_is_never_void (void **state)
{
    (void) state;
    book_t book;
    s_book_open (&book);
    assert_true (s_apply (&book, s_intent (&book, 3)));
    txc_rec_t mark = {.type = TXC_REC_MARK, .session = 2, .low = 100};
    assert_true (s_apply (&book, mark));
    assert_int_equal (txc_registry_session (&book.registry, 2)->low, 3); /* no further */
    assert_true (s_apply (&book, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = 2}));
    txc_rec_t commit = s_intent (&book, 3);
    commit.type = TXC_REC_COMMIT;
    commit.rm[0] = '\0';
    assert_true (s_apply (&book, commit));
    assert_null (txc_registry_intent (&book.registry, &commit.gtrid));
    txc_registry_fini (&book.registry);
}

static void a_late_intent_is_void (void **state)
{
    (void) state;
    book_t book;
    s_book_open (&book);
    assert_true (s_apply (&book, (txc_rec_t){.type = TXC_REC_MARK, .session = 2, .low = 4}));
    assert_false (s_apply (&book, s_intent (&book, 3)));
    assert_true (s_apply (&book, (txc_rec_t){.type = TXC_REC_SESSION_CLOSE, .session = 2}));
    assert_false (s_apply (&book, s_intent (&book, 8)));
    txc_registry_fini (&book.registry);
}

int main (void)
{
#define TEST(name) cmocka_unit_test_setup_teardown (name, s_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST (it_is_asked_behind_its_intent),
        TEST (its_no_rolls_back_by_a_record),
        TEST (it_is_not_asked_if_another_says_no),
        TEST (it_may_have_written_nothing),
        TEST (nobody_may_have_written_anything),
        TEST (alone_it_commits_in_one_phase),
        TEST (the_hint_does_not_commit_it),
        TEST (a_lost_answer_is_looked_for),
        TEST (a_commit_that_did_not_happen_never_will),
        TEST (a_time_out_is_no_reason),
        TEST (a_rollback_comes_too_late),
        TEST (doubt_is_no_reason),
        TEST (the_end_of_its_session_waits),
        TEST (a_new_leader_asks_again),
        TEST (an_operator_may_say_what_it_did),
        TEST (a_wrong_word_of_an_operator_is_reported),
        TEST (what_is_not_known_is_ruled_out),
        TEST (a_coordinator_that_does_not_know_it_is_told),
        TEST (other_modes_are_refused),
        cmocka_unit_test (two_of_them_are_refused),
        cmocka_unit_test (an_intent_survives_a_snapshot),
        cmocka_unit_test (its_outcome_is_never_void),
        cmocka_unit_test (a_late_intent_is_void),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
