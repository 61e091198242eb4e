/*
 * Enlisted branches: what an agent and an application's session make of each other's words.  The rule is that
 * a branch which its owner has prepared has voted yes, and is ended by an outcome only.
 */
#include "txc_test.h"

#include "base/txc_mem.h"
#include "core_world.h"
#include "wire/txc_codec.h"

enum { PG, MY };
static const char *const s_rms[] = {"bank_pg", "bank_my"};

static void s_enlist (world_t *w, uint64_t tx, int rm)
{
    txc_session_event_t event = {
        .op = TXC_OP_ENLIST, .tx = tx, .rm = s_rms[rm], .evidence = rm == PG ? "pg session" : "my session"};
    assert_int_equal (world_code (w, event), TXC_OK);
}

static uint64_t s_transfer (world_t *w)
{
    uint64_t tx = world_begin (w);
    s_enlist (w, tx, PG);
    s_enlist (w, tx, MY);
    assert_int_equal (world_count (w, "!OWNER"), 1); /* only MariaDB's session holds what it prepares */
    w->trace[0] = '\0';
    return tx;
}

/* What is to be done at rm; TXC_WORK_NONE: nothing. */
static unsigned s_work (const world_t *w, uint64_t tx, int rm)
{
    txc_session_work_t work[TXC_BRANCHES_MAX];
    uint32_t n = txc_session_work (w->session, tx, work);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp (work[i].rm, s_rms[rm]) == 0)
            return work[i].op;
    return TXC_WORK_NONE;
}

static int s_owned (world_t *w, uint64_t tx, int rm, txc_work_op_t op, uint8_t status)
{
    txc_work_done_t done = {.op = (uint8_t) op, .status = status};
    if (status == TXC_WORK_LOST || status == TXC_WORK_ROLLED_BACK)
        txc_error_set (&done.error, TXC_ERMFAIL, "as the test says");
    return world_code (w,
                       (txc_session_event_t){.op = TXC_OP_OWNED, .tx = tx, .rm = s_rms[rm], .done = &done});
}

/* Asks for the commit and prepares both branches, as they come to. */
static void s_prepare (world_t *w, uint64_t tx, uint8_t pg, uint8_t my)
{
    assert_int_equal (world_commit (w, tx), TXC_SESSION_WORK);
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_PREPARE);
    assert_int_equal (s_work (w, tx, MY), TXC_WORK_PREPARE);
    assert_int_equal (s_owned (w, tx, PG, TXC_WORK_PREPARE, pg), TXC_OK);
    assert_int_equal (s_owned (w, tx, MY, TXC_WORK_PREPARE, my), TXC_OK);
}

static txc_agent_status_t s_status (const world_t *w)
{
    txc_agent_status_t status;
    txc_agent_status (w->agent, &status);
    return status;
}

/* The agent's question, as if its first copy had come late. */
static void s_ask (world_t *w, uint64_t tx, int rm, txc_work_op_t op, uint32_t flags)
{
    txc_msg_t message = {.type = TXC_MSG_OWNER_WORK,
                         .gtrid = world_gtrid (w, tx),
                         .token = txc_session_token (w->session, tx, s_rms[rm]),
                         .work = (uint8_t) op,
                         .flags = flags};
    txc_copy_text (message.rm, sizeof message.rm, s_rms[rm]);
    world_forge (w, 'C', message);
}

/* --- the usual way --------------------------------------------------------------------- */

static void both_are_prepared_and_committed_by_their_owner (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    s_prepare (w, tx, TXC_WORK_OK, TXC_WORK_OK);
    assert_int_equal (world_count (w, "VOTE"), 2);
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_COMMIT);
    assert_int_equal (s_work (w, tx, MY), TXC_WORK_COMMIT);
    assert_int_equal (world_count (w, "!COMMITTING"), 1);
    assert_int_equal (world_commit (w, tx), TXC_SESSION_WORK);
    assert_int_equal (s_owned (w, tx, PG, TXC_WORK_COMMIT, TXC_WORK_OK), TXC_OK);
    assert_int_equal (s_owned (w, tx, MY, TXC_WORK_COMMIT, TXC_WORK_OK), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (world_count (w, "*PREPARE") + world_count (w, "*COMMIT"), 0);
    assert_int_equal (world_count (w, "+COMMIT"), 1);
}

static void a_branch_that_cannot_be_prepared_is_a_no (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    s_prepare (w, tx, TXC_WORK_ROLLED_BACK, TXC_WORK_OK);
    assert_int_equal (world_count (w, "+COMMIT") + world_count (w, "+ABORT"),
                      0); /* a final no logs nothing */
    assert_int_equal (world_commit (w, tx), TXC_SESSION_WORK);
    assert_int_equal (s_work (w, tx, MY), TXC_WORK_ROLLBACK);
    assert_int_equal (s_owned (w, tx, MY, TXC_WORK_ROLLBACK, TXC_WORK_OK), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_ROLLED_BACK);
    assert_int_equal (world_count (w, "!FORGET"), 1); /* of the session that held it */
    assert_int_equal (s_status (w).prepared, 0);
}

static void one_alone_is_committed_in_one_phase (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_begin (w);
    s_enlist (w, tx, PG);
    w->trace[0] = '\0';
    assert_int_equal (world_commit (w, tx), TXC_SESSION_WORK);
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_COMMIT_ONE_PHASE);
    s_ask (w, tx, PG, TXC_WORK_ROLLBACK, 0); /* a timer's, while the commit is under way */
    assert_int_equal (s_owned (w, tx, PG, TXC_WORK_COMMIT_ONE_PHASE, TXC_WORK_OK), TXC_OK);
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_NONE);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (world_count (w, "COMMIT"), 0);
    assert_int_equal (s_status (w).commits, 1);
}

/* As an XA switch may answer; its agent has nothing to look for. */
static void one_alone_may_end_mixed (void **state)
{
    world_t *w = *state;
    for (int mixed = 0; mixed < 2; mixed++) {
        uint64_t tx = world_begin (w);
        s_enlist (w, tx, PG);
        assert_int_equal (world_commit (w, tx), TXC_SESSION_WORK);
        txc_work_done_t done = {.op = TXC_WORK_COMMIT_ONE_PHASE,
                                .status = TXC_WORK_HEURISTIC,
                                .heur = mixed ? TXC_HEUR_MIXED : TXC_HEUR_HAZARD};
        txc_session_event_t owned = {.op = TXC_OP_OWNED, .tx = tx, .rm = s_rms[PG], .done = &done};
        w->trace[0] = '\0';
        assert_int_equal (world_code (w, owned), TXC_OK);
        assert_int_equal (world_commit (w, tx), mixed ? TXC_MIXED : TXC_HAZARD);
        assert_int_equal (s_status (w).active, 0);
        assert_int_equal (world_count (w, "*"), 0);
        assert_int_equal (s_status (w).commits + s_status (w).rollbacks, 0);
    }
}

static void a_branch_has_one_way_to_run_statements (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_begin (w);
    s_enlist (w, tx, PG);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_EPROTO);
    assert_int_equal (world_exec (w, tx, "bank_my", 0), TXC_OK);
    txc_session_event_t event = {.op = TXC_OP_ENLIST, .tx = tx, .rm = "bank_my", .evidence = "x"};
    assert_int_equal (world_code (w, event), TXC_EPROTO);
    event.rm = "bank_pg";
    assert_int_equal (world_code (w, event), TXC_EPROTO);
    /* What was not asked for is not taken. */
    assert_int_equal (s_owned (w, tx, PG, TXC_WORK_PREPARE, TXC_WORK_OK), TXC_EPROTO);
    assert_int_equal (s_owned (w, tx, MY, TXC_WORK_ROLLBACK, TXC_WORK_OK), TXC_EPROTO);
}

/* Its members end it by themselves; whoever has no agent's word to give is none. */
static void no_branch_is_enlisted_in_three_phases (void **state)
{
    world_t *w = *state;
    uint64_t tx =
        world_do (w, (txc_session_event_t){.op = TXC_OP_BEGIN, .timeout_ms = 5000, .mode = TXC_MODE_3PC});
    txc_session_event_t event = {.op = TXC_OP_ENLIST, .tx = tx, .rm = "bank_pg", .evidence = "x"};
    assert_int_equal (world_code (w, event), TXC_EMODE);
    txc_msg_t message = {.type = TXC_MSG_EXEC,
                         .gtrid = world_gtrid (w, tx),
                         .origin = 77,
                         .seq = 1,
                         .incarnation = s_status (w).incarnation,
                         .flags = TXC_FLAG_ENLIST,
                         .rm = "bank_my"};
    world_forge (w, 'A', message);
    assert_int_equal (w->last[TXC_MSG_EXEC_REPLY].code, TXC_EMODE);
    assert_int_equal (s_status (w).active, 0);
}

/* Prepared there, nobody would ever look for it. */
static void a_connection_that_leads_elsewhere_is_not_enlisted (void **state)
{
    world_t *w = *state;
    static const char *const told[] = {"7000/1/5", "7000/1/6", "", NULL};
    static const int codes[] = {TXC_OK, TXC_EINVAL, TXC_OK, TXC_OK};
    txc_work_done_t scanned = {
        .op = TXC_WORK_SCAN, .rm = PG, .status = TXC_WORK_OK, .scan = UINT64_MAX, .identity = "7000/1/5"};
    for (int seen = 0; seen < 2; seen++)
        for (int i = 0; i < 4; i++) {
            txc_session_event_t event = {.op = TXC_OP_ENLIST,
                                         .tx = world_begin (w),
                                         .rm = s_rms[PG],
                                         .evidence = "x",
                                         .identity = told[i]};
            if (seen && i == 0)
                world_agent_event (w, (txc_agent_event_t){.type = TXC_AGENT_WORK_DONE, .done = &scanned});
            assert_int_equal (world_code (w, event), seen ? codes[i] : TXC_OK);
        }
}

/* Its resource manager answered, and did not commit: that it is absent later is no sign that it did. */
static void what_an_owner_was_refused_is_no_proof_of_a_commit (void **state)
{
    world_t *w = *state;
    static const uint8_t answers[] = {TXC_WORK_LOST, TXC_WORK_ERROR};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t tx = s_transfer (w);
        s_prepare (w, tx, TXC_WORK_OK, TXC_WORK_OK);
        assert_int_equal (s_owned (w, tx, PG, TXC_WORK_COMMIT, TXC_WORK_OK), TXC_OK);
        assert_int_equal (s_owned (w, tx, MY, TXC_WORK_COMMIT, answers[i]), TXC_OK);
        world_pass (w, 10000);
        assert_int_equal (world_count (w, "*FENCE_AND_LOOK"), 1); /* whose session may hold it */
        assert_int_equal (world_count (w, "!HEURISTIC"), i);
        assert_int_equal (s_status (w).prepared, 0);
    }
}

/* --- what is prepared is ended by an outcome only ------------------------------------------ */

/* The coordinator never hears of the commit: the agent asks what became of the branches, and Abort is chosen.
 */
static void a_branch_that_its_owner_prepared_is_in_doubt (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    w->drop = TXC_MSG_COMMIT;
    s_prepare (w, tx, TXC_WORK_OK, TXC_WORK_OK);
    assert_int_equal (s_status (w).prepared, 2);
    world_pass (w, 4000); /* the transaction's time-out is 5 s */
    assert_true (world_count (w, "INQUIRY") >= 2);
    assert_int_equal (world_count (w, "OWNER_WORK"), 0);
    world_pass (w, 40000);
    assert_int_equal (world_count (w, "+ABORT"), 1);
    assert_true (w->last[TXC_MSG_OWNER_WORK].flags & TXC_FLAG_OUTCOME);
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_ROLLBACK);
    assert_int_equal (s_work (w, tx, MY), TXC_WORK_ROLLBACK);
}

/* Its word is lost, the timer passes, the agent asks for the rollback: that is no reason to end it. */
static void an_owner_does_not_obey_a_timer_once_it_has_prepared (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    w->drop = TXC_MSG_OWNER_WORD;
    assert_int_equal (world_commit (w, tx), TXC_SESSION_WORK);
    s_ask (w, tx, PG, TXC_WORK_ROLLBACK, 0); /* PREPARE is under way */
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_PREPARE);
    assert_int_equal (w->dropped, 0);
    assert_int_equal (s_owned (w, tx, PG, TXC_WORK_PREPARE, TXC_WORK_OK), TXC_OK);
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_NONE);
    w->last[TXC_MSG_OWNER_WORD] = (txc_msg_t){0};
    s_ask (w, tx, PG, TXC_WORK_ROLLBACK, 0);
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_NONE);
    assert_int_equal (w->last[TXC_MSG_OWNER_WORD].work, TXC_WORK_PREPARE);
    assert_int_equal (w->last[TXC_MSG_OWNER_WORD].status, TXC_WORK_OK);
    s_ask (w, tx, PG, TXC_WORK_ROLLBACK, TXC_FLAG_OUTCOME);
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_ROLLBACK);
}

/* The other side of it: an agent that was about to roll back hears that the branch is prepared. */
static void an_agent_that_is_contradicted_is_in_doubt (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    txc_msg_t word = {.type = TXC_MSG_OWNER_WORD,
                      .gtrid = world_gtrid (w, tx),
                      .token = txc_session_token (w->session, tx, "bank_my"),
                      .work = TXC_WORK_PREPARE,
                      .rm = "bank_my"};
    w->drop = TXC_MSG_OWNER_WORK; /* the owner sleeps */
    world_pass (w, 5200);
    assert_int_equal (w->last[TXC_MSG_OWNER_WORK].work, TXC_WORK_ROLLBACK);
    assert_int_equal (w->last[TXC_MSG_OWNER_WORK].flags & TXC_FLAG_OUTCOME, 0);
    assert_int_equal (s_status (w).prepared, 0);
    world_forge (w, 'A', word);
    assert_int_equal (s_status (w).prepared, 1);
    w->trace[0] = '\0';
    world_pass (w, 20000);
    assert_true (world_count (w, "INQUIRY") >= 1);
    assert_int_equal (world_count (w, "+ABORT"), 1); /* it is older than its transaction may be */
    assert_true (w->last[TXC_MSG_OWNER_WORK].flags & TXC_FLAG_OUTCOME);
}

/* The owner is silent; its session is ended, and the branch turns out to be prepared. */
static void a_silent_owners_prepared_branch_waits_for_an_outcome (void **state)
{
    world_t *w = *state;
    s_transfer (w);
    w->drop = TXC_MSG_OWNER_WORK;
    w->status[TXC_WORK_FENCE_AND_LOOK][MY] = TXC_WORK_OK;
    world_pass (w, 8500); /* 5 s for the transaction, 3 s for the owner */
    assert_int_equal (world_count (w, "*FENCE_AND_LOOK"), 2);
    assert_int_equal (world_count (w, "*ROLLBACK"), 0);
    assert_int_equal (s_status (w).prepared, 1);
    assert_int_equal (world_count (w, "+ABORT"), 0);
    world_pass (w, 10000);
    assert_int_equal (world_count (w, "+ABORT"), 1);
    assert_int_equal (world_count (w, "*ROLLBACK"), 1);
    assert_int_equal (s_status (w).prepared, 0);
}

/* Its database is slow, and the application lives: its session is left alone, for a while. */
static void an_owner_that_is_at_it_keeps_its_session (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    s_prepare (w, tx, TXC_WORK_OK, TXC_WORK_OK);
    assert_int_equal (world_commit (w, tx), TXC_SESSION_WORK);
    w->status[TXC_WORK_FENCE_AND_LOOK][MY] = TXC_WORK_OK;
    world_pass (w, 19000);
    assert_int_equal (world_count (w, "*FENCE_AND_LOOK"), 0);
    assert_int_equal (w->last[TXC_MSG_OWNER_WORD].status, TXC_WORK_RETRY);
    assert_int_equal (s_owned (w, tx, PG, TXC_WORK_COMMIT, TXC_WORK_OK), TXC_OK);
    world_pass (w, 12000);
    assert_int_equal (world_count (w, "*FENCE_AND_LOOK"), 1); /* of MariaDB's, which hangs */
    assert_int_equal (world_count (w, "*COMMIT"), 1);
    assert_int_equal (s_status (w).prepared, 0);
}

static void an_owner_obeys_a_timer_while_no_commit_was_asked_for (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    world_pass (w, 5200);
    assert_int_equal (w->last[TXC_MSG_OWNER_WORK].flags & TXC_FLAG_OUTCOME, 0);
    assert_int_equal (s_work (w, tx, MY), TXC_WORK_ROLLBACK);
    assert_true (txc_session_rollback_only (w->session, tx));
    assert_int_equal (world_commit (w, tx), TXC_SESSION_WORK);
    assert_int_equal (s_owned (w, tx, PG, TXC_WORK_ROLLBACK, TXC_WORK_OK), TXC_OK);
    assert_int_equal (s_owned (w, tx, MY, TXC_WORK_ROLLBACK, TXC_WORK_OK), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_ROLLED_BACK);
    assert_int_equal (world_count (w, "COMMIT"), 0);
}

/* The log may be an old copy, which only agents notice. */
static void the_leaders_word_alone_ends_nothing_that_is_prepared (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    w->drop = TXC_MSG_COMMIT;
    s_prepare (w, tx, TXC_WORK_OK, TXC_WORK_READ_ONLY);
    uint64_t operation =
        world_do (w, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx, .timeout_ms = 60000});
    world_forge (w, 'C',
                 (txc_msg_t){.type = TXC_MSG_OUTCOME, .gtrid = world_gtrid (w, tx), .code = TXC_ROLLED_BACK});
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_NONE);
    assert_int_equal (s_work (w, tx, MY), TXC_WORK_ROLLBACK); /* it wrote nothing, and lets its locks go */
    assert_int_equal (w->codes[operation], TXC_SESSION_WORK);
    assert_int_equal (s_owned (w, tx, MY, TXC_WORK_ROLLBACK, TXC_WORK_OK), TXC_OK);
    w->drop = TXC_MSG_OWNER_WORK; /* the agent does not ask */
    operation = world_do (w, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx, .timeout_ms = 60000});
    world_pass (w, 4500);
    assert_int_equal (w->codes[operation], TXC_PENDING);
    world_pass (w, 60000);
    assert_int_equal (w->codes[operation], TXC_ROLLED_BACK); /* known, whatever the branch waits for */
}

/* Its agent ended the branch without it, and the owner waits to be asked. */
static void an_owner_of_an_ended_branch_is_told (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    s_prepare (w, tx, TXC_WORK_OK, TXC_WORK_OK);
    w->status[TXC_WORK_FENCE_AND_LOOK][PG] = w->status[TXC_WORK_FENCE_AND_LOOK][MY] = TXC_WORK_OK;
    w->drop = TXC_MSG_OWNER_WORK; /* it sleeps with the question in its socket */
    world_pass (w, 8000);
    assert_int_equal (world_count (w, "*COMMIT"), 2);
    assert_int_equal (s_status (w).commits, 2);
    w->drop = 0;
    w->last[TXC_MSG_OWNER_WORK] = (txc_msg_t){0};
    world_forge (w, 'A',
                 (txc_msg_t){.type = TXC_MSG_OWNER_WORD,
                             .gtrid = world_gtrid (w, tx),
                             .token = txc_session_token (w->session, tx, "bank_my"),
                             .work = TXC_WORK_PREPARE,
                             .rm = "bank_my"});
    assert_int_equal (w->last[TXC_MSG_OWNER_WORK].work, TXC_WORK_COMMIT);
    assert_true (w->last[TXC_MSG_OWNER_WORK].flags & TXC_FLAG_OUTCOME);
}

static void a_connection_that_was_lost_is_its_agents_to_end (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    w->status[TXC_WORK_FENCE_AND_LOOK][MY] = TXC_WORK_OK; /* PREPARE had run */
    s_prepare (w, tx, TXC_WORK_OK, TXC_WORK_LOST);
    assert_int_equal (world_count (w, "*FENCE_AND_LOOK"), 1);
    assert_int_equal (world_count (w, "*COMMIT"), 1); /* bank_my's, by the agent itself */
    assert_int_equal (s_work (w, tx, PG), TXC_WORK_COMMIT);
    assert_int_equal (s_work (w, tx, MY), TXC_WORK_NONE);
    assert_int_equal (s_owned (w, tx, PG, TXC_WORK_COMMIT, TXC_WORK_OK), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_OK);
}

/* A scan lists what the owner prepared at bank_my, of which nobody has told the agent. */
static void s_scanned (world_t *w, uint64_t tx)
{
    txc_found_t found = {.gtrid = world_gtrid (w, tx),
                         .token = txc_session_token (w->session, tx, "bank_my")};
    txc_work_done_t done = {.op = TXC_WORK_SCAN,
                            .rm = MY,
                            .status = TXC_WORK_OK,
                            .found = &found,
                            .n_found = 1,
                            .scan = UINT64_MAX};
    world_agent_event (w, (txc_agent_event_t){.type = TXC_AGENT_WORK_DONE, .done = &done});
}

/* The application died with its word unsaid, and the leader that it had asked for the commit died, too:
 * nobody asks for the vote, and only the time-out would have ended what is prepared. */
static void what_a_scan_finds_prepared_is_asked_about (void **state)
{
    world_t *w = *state;
    uint64_t tx = s_transfer (w);
    txc_gtrid_t gtrid = world_gtrid (w, tx);
    s_scanned (w, tx);
    assert_int_equal (world_count (w, "INQUIRY"), 1);
    assert_int_equal (w->last[TXC_MSG_OWNER_WORK].work, TXC_WORK_NONE); /* pending: nothing changes */
    txc_msg_t prepare = {.type = TXC_MSG_PREPARE,
                         .gtrid = gtrid,
                         .token = txc_session_token (w->session, tx, "bank_my"),
                         .epoch = w->last[TXC_MSG_AGENT_WELCOME].epoch,
                         .count = 1,
                         .timeout_ms = 60000,
                         .rm = "bank_my"};
    world_forge (w, 'A', prepare); /* the leader's, before it died */
    assert_int_equal (w->last[TXC_MSG_OWNER_WORK].work, TXC_WORK_PREPARE);
    w->drop = TXC_MSG_OWNER_WORD;
    world_forge (
        w, 'L',
        (txc_msg_t){.type = TXC_MSG_SESSION_CLOSE, .session = gtrid.session, .cluster = gtrid.cluster});
    w->status[TXC_WORK_FENCE_AND_LOOK][MY] = TXC_WORK_OK;
    s_scanned (w, tx);
    world_pass (w, 3100); /* what any silent owner is given */
    assert_int_equal (world_count (w, "*FENCE_AND_LOOK"), 1);
    assert_int_equal (world_count (w, "*ROLLBACK"), 1);
}

/* It says that it committed its only branch in one phase, and had prepared it behind everybody's back. */
/* Its answer was lost, and the branch's time is over before the agent is asked: that it is rolled back says
 * nothing then, the evidence does. */
static void a_one_phase_commit_is_proved_though_its_time_is_over (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_begin (w);
    s_enlist (w, tx, PG);
    w->status[TXC_WORK_EVIDENCE][PG] = TXC_WORK_OK;
    w->drop = TXC_MSG_OWNER_WORK;
    world_pass (w, 5200);
    assert_int_equal (w->last[TXC_MSG_OWNER_WORK].work, TXC_WORK_ROLLBACK);
    assert_int_equal (world_commit (w, tx), TXC_SESSION_WORK);
    assert_int_equal (s_owned (w, tx, PG, TXC_WORK_COMMIT_ONE_PHASE, TXC_WORK_LOST), TXC_OK);
    assert_true (world_count (w, "BRANCH_COMMIT") >= 1);
    assert_int_equal (world_count (w, "*FENCE_AND_LOOK"), 0);
    uint64_t commit = world_do (w, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx});
    world_pass (w, 10000);
    assert_int_equal (world_count (w, "*FENCE_AND_LOOK"), 1);
    assert_int_equal (world_count (w, "*EVIDENCE"), 1);
    assert_int_equal (w->codes[commit], TXC_OK);
}

static void a_one_phase_commit_of_what_is_prepared_ends_no_agent (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_begin (w);
    s_enlist (w, tx, PG);
    w->status[TXC_WORK_FENCE_AND_LOOK][PG] = TXC_WORK_OK;
    assert_int_equal (world_commit (w, tx), TXC_SESSION_WORK);
    assert_int_equal (s_owned (w, tx, PG, TXC_WORK_COMMIT_ONE_PHASE, TXC_WORK_LOST), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    assert_int_equal (s_status (w).prepared, 1); /* in doubt: ended by an outcome only */
    w->trace[0] = '\0';
    world_pass (w, 90000);
    assert_int_equal (world_count (w, "*ROLLBACK"), 1);
    assert_int_equal (s_status (w).prepared, 0);
}

/* --- the journal ------------------------------------------------------------------------------ */

static void s_replay (txc_agent_t *agent, const txc_jrec_t *record)
{
    uint8_t bytes[TXC_RECORD_MAX];
    size_t size = txc_journal_codec.encode (record, bytes);
    assert_int_equal (txc_agent_replay (agent, bytes, size), TXC_OK);
}

static void s_step (txc_agent_t *agent, txc_agent_event_t event, txc_update_t *update)
{
    txc_update_clear (update);
    assert_int_equal (txc_agent_step (agent, &event, update), TXC_OK);
}

/* The owner says "prepared" again to an agent that was started anew while it committed the branch. */
static void an_owners_word_does_not_replace_what_is_proved (void **state)
{
    (void) state;
    txc_agent_config_t config = {.name = "agent",
                                 .endpoint = "ipc:///agent",
                                 .incarnation = 2,
                                 .seed = 3,
                                 .codec = &txc_journal_codec,
                                 .n_rms = 1};
    txc_copy_text (config.rms[0].name, sizeof config.rms[0].name, "bank_my");
    config.rms[0].journal_committing = true;
    txc_agent_t *agent = txc_agent_new (&config);
    txc_gtrid_t gtrid = {0xc1, 2, 3, TXC_MODE_2PC};
    s_replay (agent, &(txc_jrec_t){.kind = TXC_JOURNAL_EPOCH, .cluster = 0xc1, .epoch = {7, 1}});
    s_replay (agent,
              &(txc_jrec_t){.kind = TXC_JOURNAL_COMMITTING, .gtrid = gtrid, .token = 9, .rm = "bank_my"});
    txc_update_t update;
    txc_update_init (&update);
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_START, .now_ms = 1000}, &update);
    txc_found_t found = {.gtrid = gtrid, .token = 9};
    txc_work_done_t done = {
        .op = TXC_WORK_RECOVER, .scan = update.work[0].scan, .found = &found, .n_found = 1};
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_WORK_DONE, .now_ms = 1001, .done = &done}, &update);
    txc_msg_t word = {.type = TXC_MSG_OWNER_WORD,
                      .gtrid = gtrid,
                      .token = 9,
                      .rm = "bank_my",
                      .work = TXC_WORK_PREPARE,
                      .status = TXC_WORK_OK,
                      .route = 3,
                      .evidence = "mysql 1 55 wrote"};
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .now_ms = 1002, .message = &word}, &update);
    txc_update_clear (&update);
    txc_agent_checkpoint (agent, &update);
    bool committing = false, owner = false;
    for (uint32_t i = 0; i < update.n_entries; i++) {
        committing |= update.entries[i].kind == TXC_JOURNAL_COMMITTING;
        owner |= update.entries[i].kind == TXC_JOURNAL_OWNER;
    }
    assert_true (committing);
    assert_false (owner);
    txc_update_fini (&update);
    txc_agent_destroy (&agent);
}

/* Between vote and commit the agent is started anew, and the application sleeps. */
static void a_later_incarnation_knows_whose_session_holds_a_branch (void **state)
{
    (void) state;
    txc_agent_config_t config = {.name = "agent",
                                 .endpoint = "ipc:///agent",
                                 .incarnation = 2,
                                 .seed = 3,
                                 .codec = &txc_journal_codec,
                                 .n_rms = 1};
    txc_copy_text (config.rms[0].name, sizeof config.rms[0].name, "bank_my");
    config.rms[0].journal_committing = true;
    txc_agent_t *agent = txc_agent_new (&config);
    txc_gtrid_t gtrid = {0xc1, 2, 3, TXC_MODE_2PC};
    txc_epoch_t epoch = {7, 1};
    s_replay (agent, &(txc_jrec_t){.kind = TXC_JOURNAL_EPOCH, .cluster = 0xc1, .epoch = epoch});
    s_replay (agent, &(txc_jrec_t){.kind = TXC_JOURNAL_OWNER,
                                   .gtrid = gtrid,
                                   .token = 9,
                                   .rm = "bank_my",
                                   .text = "mysql 1 55 wrote"});
    txc_update_t update;
    txc_update_init (&update);
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_START, .now_ms = 1000}, &update);
    assert_int_equal (update.work[0].op, TXC_WORK_RECOVER);
    txc_found_t found = {.gtrid = gtrid, .token = 9};
    txc_work_done_t done = {
        .op = TXC_WORK_RECOVER, .scan = update.work[0].scan, .found = &found, .n_found = 1};
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_WORK_DONE, .now_ms = 1001, .done = &done}, &update);
    /* A checkpoint of the journal keeps it. */
    txc_update_clear (&update);
    txc_agent_checkpoint (agent, &update);
    bool kept = false;
    for (uint32_t i = 0; i < update.n_entries; i++)
        kept |= update.entries[i].kind == TXC_JOURNAL_OWNER;
    assert_true (kept);
    txc_msg_t commit = {
        .type = TXC_MSG_PHASE2_COMMIT, .epoch = epoch, .gtrid = gtrid, .token = 9, .rm = "bank_my"};
    s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .now_ms = 1002, .message = &commit},
            &update);
    if (update.n_work == 0) { /* its leader welcomes it first */
        txc_msg_t welcome = {.type = TXC_MSG_AGENT_WELCOME, .epoch = epoch, .cluster = 0xc1};
        s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .now_ms = 1003, .message = &welcome},
                &update);
        s_step (agent, (txc_agent_event_t){.type = TXC_AGENT_MESSAGE, .now_ms = 1004, .message = &commit},
                &update);
    }
    assert_int_equal (update.n_work, 1);
    assert_int_equal (update.work[0].op, TXC_WORK_FENCE_AND_LOOK);
    assert_string_equal (update.work[0].evidence, "mysql 1 55 wrote");
    txc_update_fini (&update);
    txc_agent_destroy (&agent);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, world_setup, world_teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (both_are_prepared_and_committed_by_their_owner),
        TEST (a_branch_that_cannot_be_prepared_is_a_no),
        TEST (one_alone_is_committed_in_one_phase),
        TEST (one_alone_may_end_mixed),
        TEST (a_branch_has_one_way_to_run_statements),
        TEST (no_branch_is_enlisted_in_three_phases),
        TEST (a_connection_that_leads_elsewhere_is_not_enlisted),
        TEST (what_an_owner_was_refused_is_no_proof_of_a_commit),
        TEST (a_branch_that_its_owner_prepared_is_in_doubt),
        TEST (an_owner_does_not_obey_a_timer_once_it_has_prepared),
        TEST (an_agent_that_is_contradicted_is_in_doubt),
        TEST (a_silent_owners_prepared_branch_waits_for_an_outcome),
        TEST (an_owner_that_is_at_it_keeps_its_session),
        TEST (an_owner_obeys_a_timer_while_no_commit_was_asked_for),
        TEST (the_leaders_word_alone_ends_nothing_that_is_prepared),
        TEST (an_owner_of_an_ended_branch_is_told),
        TEST (a_connection_that_was_lost_is_its_agents_to_end),
        TEST (what_a_scan_finds_prepared_is_asked_about),
        TEST (a_one_phase_commit_is_proved_though_its_time_is_over),
        TEST (a_one_phase_commit_of_what_is_prepared_ends_no_agent),
        cmocka_unit_test (a_later_incarnation_knows_whose_session_holds_a_branch),
        cmocka_unit_test (an_owners_word_does_not_replace_what_is_proved),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
