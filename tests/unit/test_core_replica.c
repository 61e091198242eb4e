/*
 * The coordinator: requests that it refuses, messages that it must not believe, what an operator may decide.
 */
#include "txc_test.h"

#include "base/txc_mem.h"
#include "core_world.h"
#include "wire/txc_codec.h"

static txc_session_status_t s_session (const world_t *w)
{
    txc_session_status_t status;
    txc_session_status (w->session, &status);
    return status;
}

static txc_replica_status_t s_status (const world_t *w)
{
    txc_replica_status_t status;
    txc_replica_status (w->replica, &status);
    return status;
}

/* A gtrid of the open session that nobody uses. */
static txc_gtrid_t s_free_gtrid (const world_t *w, uint64_t n)
{
    txc_session_status_t session = s_session (w);
    return (txc_gtrid_t){session.cluster, session.session, n, TXC_MODE_2PC};
}

static const txc_branch_ref_t s_branches[] = {{.rm = "bank_pg", .token = 1, .count = 1},
                                              {.rm = "bank_my", .token = 2, .count = 1},
                                              {.rm = "bank_pg", .token = 3, .count = 1}};

/* What a request of a client is answered; TXC_ENOTA if it is not. */
static int s_request (world_t *w, txc_msg_type_t type, txc_gtrid_t gtrid, uint32_t first, uint32_t n)
{
    w->last[TXC_MSG_OUTCOME] = (txc_msg_t){.code = TXC_ENOTA};
    txc_msg_t message = {
        .type = (uint8_t) type, .gtrid = gtrid, .branches = s_branches + first, .n_branches = n};
    world_forge (w, 'L', message);
    return w->last[TXC_MSG_OUTCOME].code;
}

static int s_commit (world_t *w, txc_gtrid_t gtrid)
{
    return s_request (w, TXC_MSG_COMMIT, gtrid, 0, 2);
}

/* What an operator's decision is answered. */
static int s_resolve (world_t *w, txc_gtrid_t gtrid, txc_vote_t verdict)
{
    w->last[TXC_MSG_OUTCOME] = (txc_msg_t){.code = TXC_ENOTA + 1000};
    world_replica_event (w, (txc_event_t){.type = TXC_EVENT_RESOLVE,
                                          .gtrid = gtrid,
                                          .vote = (uint8_t) verdict,
                                          .route = 5,
                                          .text = "test"});
    return w->last[TXC_MSG_OUTCOME].code;
}

/* --- commit ---------------------------------------------------------------------------- */

static void commits_that_cannot_be_are_refused (void **state)
{
    world_t *w = *state;
    txc_gtrid_t good = s_free_gtrid (w, 5), bad = good;
    bad.cluster++;
    assert_int_equal (s_commit (w, bad), TXC_EFOREIGN);
    bad = good;
    bad.session += 1000;
    assert_int_equal (s_commit (w, bad), TXC_EFOREIGN);
    assert_int_equal (s_request (w, TXC_MSG_COMMIT, good, 0, 0), TXC_EINVAL);
    assert_int_equal (s_request (w, TXC_MSG_COMMIT, good, 0, 3), TXC_EINVAL); /* one RM twice */
    bad = good;
    bad.n = TXC_WINDOW + 1;
    assert_int_equal (s_commit (w, bad), TXC_EOVERLOAD);
    bad.n = TXC_WINDOW;
    assert_int_not_equal (s_commit (w, bad), TXC_EOVERLOAD);
    assert_true (s_status (w).refused >= 5);
    assert_int_equal (s_status (w).commits, 0);
}

static void a_full_log_and_a_drain_refuse_new_commits_only (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    world_replica_event (w, (txc_event_t){.type = TXC_EVENT_SPACE, .low = true});
    assert_int_equal (s_commit (w, s_free_gtrid (w, 50)), TXC_ENOSPACE);
    txc_msg_t open = {.type = TXC_MSG_SESSION_OPEN, .nonce = 0x99};
    world_forge (w, 'L', open);
    assert_int_equal (w->last[TXC_MSG_SESSION_OPENED].code, TXC_ENOSPACE);
    world_replica_event (w, (txc_event_t){.type = TXC_EVENT_SPACE, .low = false});
    assert_int_equal (world_commit (w, tx), TXC_OK);
    tx = world_transfer (w);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    w->drop = 0;
    world_replica_event (w, (txc_event_t){.type = TXC_EVENT_DRAIN});
    assert_int_equal (s_commit (w, s_free_gtrid (w, 51)), TXC_EOVERLOAD);
    world_forge (w, 'L', open);
    assert_int_equal (w->last[TXC_MSG_SESSION_OPENED].code, TXC_EOVERLOAD);
    world_pass (w, 1000);
    assert_int_equal (w->codes[w->operation], TXC_OK); /* what was under way ends */
}

static void limits_are_kept (void **state)
{
    world_t *w = *state;
    world_close (w);
    world_open_with (w,
                     &(txc_replica_config_t){.max_transactions = 2, .max_sessions = 2, .max_outcomes = 1000});
    w->drop = TXC_MSG_PREPARE;
    assert_int_equal (s_commit (w, s_free_gtrid (w, 11)), TXC_ENOTA); /* no answer yet */
    assert_int_equal (s_commit (w, s_free_gtrid (w, 12)), TXC_ENOTA);
    assert_int_equal (s_commit (w, s_free_gtrid (w, 13)), TXC_EOVERLOAD);
    assert_int_equal (s_commit (w, s_free_gtrid (w, 11)), TXC_ENOTA); /* repeated */
    assert_int_equal (s_request (w, TXC_MSG_ROLLBACK, s_free_gtrid (w, 13), 0, 2), TXC_EOVERLOAD);
    assert_int_equal (s_status (w).transactions, 2);
    for (uint64_t nonce = 1; nonce <= 2; nonce++) {
        world_forge (w, 'L', (txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = nonce});
        assert_int_equal (w->last[TXC_MSG_SESSION_OPENED].code, nonce == 1 ? TXC_OK : TXC_EOVERLOAD);
    }
    world_forge (w, 'L', (txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = 1}); /* repeated */
    assert_int_equal (w->last[TXC_MSG_SESSION_OPENED].code, TXC_OK);
    world_forge (w, 'L', (txc_msg_t){.type = TXC_MSG_SESSION_OPEN});
    assert_int_equal (w->last[TXC_MSG_SESSION_OPENED].code, TXC_EINVAL);
    assert_int_equal (s_status (w).sessions, 2);
}

static void outcomes_on_record_are_limited_too (void **state)
{
    world_t *w = *state;
    world_close (w);
    world_open_with (w, &(txc_replica_config_t){.max_outcomes = 1});
    assert_int_equal (world_commit (w, world_transfer (w)), TXC_OK);
    assert_int_equal (s_commit (w, s_free_gtrid (w, 50)), TXC_EOVERLOAD);
}

/* --- sessions --------------------------------------------------------------------------- */

static void a_session_of_another_group_is_not_touched (void **state)
{
    world_t *w = *state;
    txc_session_status_t session = s_session (w);
    txc_msg_t close = {
        .type = TXC_MSG_SESSION_CLOSE, .session = session.session, .cluster = session.cluster + 1};
    w->trace[0] = '\0';
    world_forge (w, 'L', close);
    assert_int_equal (world_count (w, "+SESSION_CLOSE"), 0);
    close.type = TXC_MSG_SESSION_KEEPALIVE;
    w->drop = TXC_MSG_SESSION_ALIVE;
    world_forge (w, 'L', close);
    assert_int_equal (w->last[TXC_MSG_SESSION_ALIVE].code, TXC_ESESSION);
    w->drop = 0;
    assert_int_equal (world_commit (w, world_transfer (w)), TXC_OK);
}

static void the_low_water_mark_passes_only_what_is_over (void **state)
{
    world_t *w = *state;
    txc_session_status_t session = s_session (w);
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    w->trace[0] = '\0';
    txc_msg_t alive = {.type = TXC_MSG_SESSION_KEEPALIVE,
                       .session = session.session,
                       .cluster = session.cluster,
                       .low = world_gtrid (w, tx).n + 10};
    world_forge (w, 'L', alive);
    assert_int_equal (world_count (w, "+MARK"), 0); /* that one is still in flight */
    alive.low = 3 * (uint64_t) TXC_WINDOW;
    world_forge (w, 'L', alive); /* beyond any window: not a client of ours */
    assert_int_equal (world_count (w, "+MARK"), 0);
    w->drop = 0;
    world_pass (w, 1000);
    assert_int_equal (w->codes[w->operation], TXC_OK);
}

static void a_mark_is_logged_once (void **state)
{
    world_t *w = *state;
    txc_session_status_t session = s_session (w);
    assert_int_equal (world_commit (w, world_transfer (w)), TXC_OK);
    txc_msg_t alive = {
        .type = TXC_MSG_SESSION_KEEPALIVE, .session = session.session, .cluster = session.cluster, .low = 2};
    w->trace[0] = '\0';
    for (int i = 0; i < 3; i++)
        world_forge (w, 'L', alive);
    assert_int_equal (world_count (w, "+MARK"), 1);
    alive.low = 1; /* overtaken */
    world_forge (w, 'L', alive);
    assert_int_equal (world_count (w, "+MARK"), 1);
    assert_int_equal (s_commit (w, s_free_gtrid (w, 1)), TXC_FORGOTTEN);
}

/* --- agents -------------------------------------------------------------------------------- */

static int s_hello (world_t *w, const char *name, const char *rm, uint32_t n_entries)
{
    static txc_rm_entry_t entries[WORLD_RMS];
    txc_msg_t hello = {
        .type = TXC_MSG_AGENT_HELLO, .entries = entries, .n_entries = n_entries, .incarnation = 9};
    txc_copy_text (entries[0].rm, sizeof entries[0].rm, rm);
    txc_copy_text (hello.agent, sizeof hello.agent, name);
    w->last[TXC_MSG_AGENT_WELCOME] = (txc_msg_t){.code = TXC_ENOTA};
    w->drop = TXC_MSG_AGENT_WELCOME;
    txc_event_t event = {.type = TXC_EVENT_MESSAGE, .message = &hello};
    hello.route = 7;
    world_replica_event (w, event);
    w->drop = 0;
    return w->last[TXC_MSG_AGENT_WELCOME].code;
}

static void registrations_are_checked (void **state)
{
    world_t *w = *state;
    uint64_t dropped = s_status (w).dropped;
    assert_int_equal (s_hello (w, "", "bank_xy", 1), TXC_ENOTA);
    assert_int_equal (s_status (w).dropped, dropped + 1);
    txc_msg_t huge = {.type = TXC_MSG_AGENT_HELLO, .agent = "huge", .n_entries = TXC_RMS_MAX + 1, .route = 7};
    world_replica_event (w, (txc_event_t){.type = TXC_EVENT_MESSAGE, .message = &huge});
    assert_int_equal (s_status (w).dropped, dropped + 2);
    assert_int_equal (s_hello (w, "other", "bank_xy", 1), TXC_OK);
    assert_int_equal (s_hello (w, "thief", "bank_pg", 1), TXC_ELOCKED);
    assert_int_equal (s_status (w).agents, 2);
    for (int i = 2; i < TXC_AGENTS_MAX + 5; i++) {
        char name[32];
        snprintf (name, sizeof name, "more-%d", i);
        assert_int_equal (s_hello (w, name, "bank_zz", 0), i < TXC_AGENTS_MAX ? TXC_OK : TXC_ENOTA);
    }
    assert_int_equal (s_hello (w, "other", "bank_xy", 1), TXC_OK); /* it is known already */
    assert_int_equal (s_status (w).agents, TXC_AGENTS_MAX);
}

static void a_silent_agent_loses_its_resource_managers_to_another (void **state)
{
    world_t *w = *state;
    assert_int_equal (s_hello (w, "first", "bank_xy", 1), TXC_OK);
    assert_int_equal (s_hello (w, "second", "bank_xy", 1), TXC_ELOCKED);
    world_pass (w, 6000);
    assert_int_equal (s_hello (w, "second", "bank_xy", 1), TXC_OK);
}

static void whoever_comes_back_is_told_at_once (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_PREPARE;
    assert_int_equal (
        world_code (w, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx, .timeout_ms = 60000}),
        TXC_PENDING);
    world_pass (w, 3000); /* repeated ever more rarely */
    txc_msg_t hello = w->last[TXC_MSG_AGENT_HELLO];
    static const txc_rm_entry_t entries[] = {{.rm = "bank_pg", .up = true}, {.rm = "bank_my", .up = true}};
    hello.entries = entries;
    hello.n_entries = 2;
    hello.route = 2;
    txc_event_t event = {.type = TXC_EVENT_MESSAGE, .message = &hello};
    static const struct {
        uint64_t route, incarnation;
        int code;
        unsigned prepares;
    } steps[] = {
        {2, 0, TXC_OK, 0},       /* as before */
        {3, 0, TXC_OK, 2},       /* over another connection */
        {3, 1, TXC_OK, 2},       /* started anew */
        {3, 1, TXC_ELOGLOSS, 0}, /* it refuses this log */
        {3, 1, TXC_OK, 2},       /* and accepts it */
        {3, 1, TXC_OK, 0},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        hello.route = steps[i].route;
        hello.incarnation = w->last[TXC_MSG_AGENT_HELLO].incarnation + steps[i].incarnation;
        hello.code = steps[i].code;
        w->trace[0] = '\0';
        world_replica_event (w, event);
        assert_int_equal (world_count (w, "PREPARE"), steps[i].prepares);
    }
}

/* --- votes and acknowledgements ----------------------------------------------------------------- */

static void only_votes_of_this_epoch_and_branch_count (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    txc_msg_t vote = w->last[TXC_MSG_VOTE], forged = vote;
    assert_int_equal (vote.vote, TXC_VOTE_YES);
    forged.vote = TXC_VOTE_NO;
    forged.epoch.round++;
    world_forge (w, 'L', forged);
    forged.epoch = vote.epoch;
    forged.token++;
    world_forge (w, 'L', forged);
    forged.token = vote.token;
    forged.gtrid.n++;
    world_forge (w, 'L', forged);
    forged.gtrid = vote.gtrid;
    forged.vote = TXC_VOTE_NONE;
    world_forge (w, 'L', forged);
    assert_int_equal (w->codes[commit], TXC_PENDING);
    w->drop = 0;
    world_pass (w, 1000);
    assert_int_equal (w->codes[commit], TXC_OK);
}

static void an_acknowledgement_of_another_epoch_or_state_is_none (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    txc_msg_t done = w->last[TXC_MSG_VOTE];
    done.type = TXC_MSG_PHASE2_DONE;
    done.heur = TXC_HEUR_ROLLED_BACK;
    w->trace[0] = '\0';
    world_forge (w, 'L', done); /* nothing is decided yet */
    assert_int_equal (world_count (w, "+HEURISTIC") + world_count (w, "+ABORT"), 0);
    w->drop = TXC_MSG_PHASE2_COMMIT;
    world_pass (w, 1000); /* decided */
    assert_int_equal (world_count (w, "+COMMIT"), 1);
    done.epoch.round--;
    world_forge (w, 'L', done);
    assert_int_equal (world_count (w, "+HEURISTIC"), 0);
    done.epoch.round++;
    world_forge (w, 'L', done);
    world_forge (w, 'L', done); /* repeated */
    assert_int_equal (world_count (w, "+HEURISTIC"), 1);
    w->drop = 0;
    world_pass (w, 6000);
    assert_int_equal (w->codes[w->operation], TXC_MIXED);
}

/* A presumed abort has no record; a heuristic against it needs one. */
static void a_heuristic_against_a_presumed_abort_is_recorded_with_it (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_PREPARE][1] = TXC_WORK_ROLLED_BACK;
    w->drop = TXC_MSG_PHASE2_ROLLBACK;
    w->trace[0] = '\0';
    assert_int_equal (world_commit (w, tx), TXC_ROLLED_BACK);
    txc_msg_t done = w->last[TXC_MSG_PHASE2_ROLLBACK];
    assert_string_equal (done.rm, "bank_pg");
    done.type = TXC_MSG_PHASE2_DONE;
    done.heur = TXC_HEUR_COMMITTED;
    world_forge (w, 'L', done);
    assert_int_equal (world_count (w, "+ABORT"), 1);
    assert_int_equal (world_count (w, "+HEURISTIC"), 1);
}

static void messages_say_how_much_time_is_left (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    world_pass (w, 1000);
    w->drop = TXC_MSG_PHASE2_COMMIT;
    assert_int_equal (
        world_code (w, (txc_session_event_t){.op = TXC_OP_COMMIT, .tx = tx, .timeout_ms = 60000}),
        TXC_PENDING);
    assert_in_range (w->last[TXC_MSG_PREPARE].timeout_ms, 3000, 4000);
    world_pass (w, 20000);
    assert_int_equal (w->last[TXC_MSG_PHASE2_COMMIT].timeout_ms, 0); /* decided: for ever */
    w->drop = 0;
    world_pass (w, 6000);
    s_request (w, TXC_MSG_ROLLBACK, s_free_gtrid (w, 40), 0, 2); /* there was never a time-out */
    assert_int_equal (w->last[TXC_MSG_PHASE2_ROLLBACK].timeout_ms, 0);
}

/* --- what may be told, and what the application may still end -------------------------------------- */

static void rollbacks_through_the_group_are_answered_by_what_is_on_record (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    txc_gtrid_t committed = world_gtrid (w, tx), foreign = committed;
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (s_request (w, TXC_MSG_ROLLBACK, committed, 0, 2), TXC_OK);
    foreign.cluster++;
    assert_int_equal (s_request (w, TXC_MSG_ROLLBACK, foreign, 0, 2), TXC_EFOREIGN);
    foreign = committed;
    foreign.session += 1000;
    assert_int_equal (s_request (w, TXC_MSG_ROLLBACK, foreign, 0, 2), TXC_EFOREIGN);
    w->trace[0] = '\0';
    txc_gtrid_t fresh = s_free_gtrid (w, 40);
    assert_int_equal (s_request (w, TXC_MSG_ROLLBACK, fresh, 0, 2), TXC_ROLLED_BACK);
    assert_int_equal (world_count (w, "+ABORT"), 1);
    assert_int_equal (s_request (w, TXC_MSG_ROLLBACK, fresh, 0, 2), TXC_ROLLED_BACK);
    assert_int_equal (s_commit (w, fresh), TXC_ROLLED_BACK); /* for ever */
    assert_int_equal (world_count (w, "+ABORT"), 1);
}

static int s_query (world_t *w, txc_gtrid_t gtrid, uint32_t n_branches, uint32_t flags)
{
    txc_msg_t query = {.type = TXC_MSG_OUTCOME_QUERY,
                       .gtrid = gtrid,
                       .flags = flags,
                       .branches = s_branches,
                       .n_branches = n_branches};
    w->last[TXC_MSG_OUTCOME] = (txc_msg_t){.code = TXC_ENOTA};
    world_forge (w, 'L', query);
    return w->last[TXC_MSG_OUTCOME].code;
}

static void a_question_settles_only_what_it_may (void **state)
{
    world_t *w = *state;
    assert_int_equal (s_query (w, s_free_gtrid (w, 30), 2, 0), TXC_PENDING);
    assert_int_equal (s_query (w, s_free_gtrid (w, 30), 1, TXC_FLAG_SETTLE), TXC_UNKNOWN); /* one phase */
    assert_int_equal (s_query (w, s_free_gtrid (w, 30), 2, TXC_FLAG_SETTLE), TXC_ROLLED_BACK);
    assert_int_equal (s_query (w, s_free_gtrid (w, 30), 2, 0), TXC_ROLLED_BACK);
    txc_session_status_t session = s_session (w);
    world_forge (
        w, 'L',
        (txc_msg_t){.type = TXC_MSG_SESSION_CLOSE, .session = session.session, .cluster = session.cluster});
    txc_gtrid_t gtrid = {session.cluster, session.session, 31, TXC_MODE_2PC};
    assert_int_equal (s_query (w, gtrid, 2, 0), TXC_ROLLED_BACK);
    assert_int_equal (s_query (w, gtrid, 1, 0), TXC_UNKNOWN);
    assert_int_equal (s_commit (w, gtrid), TXC_ROLLED_BACK);
    assert_int_equal (s_request (w, TXC_MSG_COMMIT, gtrid, 0, 1), TXC_UNKNOWN);
    assert_int_equal (s_request (w, TXC_MSG_ROLLBACK, gtrid, 0, 2), TXC_ROLLED_BACK);
}

/* Old outcomes go when a session is closed. */
static void s_close_another (world_t *w, uint64_t nonce)
{
    world_forge (w, 'L', (txc_msg_t){.type = TXC_MSG_SESSION_OPEN, .nonce = nonce});
    txc_msg_t close = w->last[TXC_MSG_SESSION_OPENED];
    close.type = TXC_MSG_SESSION_CLOSE;
    world_forge (w, 'L', close);
}

static void outcomes_of_a_closed_session_stay_until_the_horizon (void **state)
{
    world_t *w = *state;
    world_close (w);
    world_open_with (w, &(txc_replica_config_t){.horizon_ms = 60000});
    uint64_t tx = world_transfer (w), waits = world_transfer (w);
    txc_gtrid_t ended = world_gtrid (w, tx), open = world_gtrid (w, waits);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    w->drop = TXC_MSG_PHASE2_COMMIT;
    assert_int_equal (world_commit (w, waits), TXC_PENDING);
    txc_session_status_t session = s_session (w);
    world_forge (
        w, 'L',
        (txc_msg_t){.type = TXC_MSG_SESSION_CLOSE, .session = session.session, .cluster = session.cluster});
    world_pass (w, 30000);
    assert_int_equal (s_query (w, ended, 2, 0), TXC_OK);
    world_pass (w, 90000);
    s_close_another (w, 0x123);
    assert_int_equal (s_query (w, open, 2, 0), TXC_OK); /* not ended: it stays */
    w->drop = 0;
    world_pass (w, 90000);
    s_close_another (w, 0x124);
    assert_int_not_equal (s_query (w, ended, 2, 0), TXC_OK);
}

/* What is on record is a function of the log alone: other replicas know nothing of this one's transactions.
 */
static void outcomes_go_with_the_horizon_whatever_their_leader_has_in_flight (void **state)
{
    world_t *w = *state;
    world_close (w);
    world_open_with (w, &(txc_replica_config_t){.horizon_ms = 10});
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    w->drop = TXC_MSG_PHASE2_ROLLBACK;
    s_resolve (w, world_gtrid (w, tx), TXC_VOTE_NO);
    txc_session_status_t session = s_session (w);
    txc_msg_t close = {.type = TXC_MSG_SESSION_CLOSE, .session = session.session, .cluster = session.cluster};
    world_forge (w, 'L', close);
    world_pass (w, 50);
    s_close_another (w, 0x123);
    assert_int_equal (s_status (w).transactions, 1);
    assert_int_equal (s_status (w).outcomes, 0);
    w->drop = 0;
    world_pass (w, 10000);
    s_close_another (w, 0x124);
    assert_int_equal (s_status (w).transactions, 0);
    assert_int_equal (s_status (w).outcomes, 0);
}

/* --- operators ----------------------------------------------------------------------------------- */

static void an_operator_rolls_back_what_is_not_decided (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_VOTE;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    txc_gtrid_t gtrid = world_gtrid (w, tx), foreign = gtrid;
    assert_int_equal (s_resolve (w, gtrid, TXC_VOTE_YES), TXC_EPROTO);
    foreign.cluster++;
    assert_int_equal (s_resolve (w, foreign, TXC_VOTE_NO), TXC_ENOTA);
    foreign = gtrid;
    foreign.session += 1000;
    assert_int_equal (s_resolve (w, foreign, TXC_VOTE_NO), TXC_ENOTA);
    w->trace[0] = '\0';
    s_resolve (w, gtrid, TXC_VOTE_NO);
    assert_int_equal (world_count (w, "+ABORT"), 1);
    assert_int_equal (w->codes[commit], TXC_ROLLED_BACK);
    assert_int_equal (s_resolve (w, gtrid, TXC_VOTE_NO), TXC_EPROTO); /* decided */
    s_resolve (w, s_free_gtrid (w, 60), TXC_VOTE_NO); /* nothing in flight: decided all the same */
    assert_int_equal (world_count (w, "+ABORT"), 2);
    assert_int_equal (s_commit (w, s_free_gtrid (w, 60)), TXC_ROLLED_BACK);
}

static void an_operator_speaks_for_branches_that_do_not_come_back (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->drop = TXC_MSG_PHASE2_COMMIT;
    assert_int_equal (world_commit (w, tx), TXC_PENDING);
    uint64_t commit = w->operation;
    w->trace[0] = '\0';
    s_resolve (w, world_gtrid (w, tx), TXC_VOTE_YES);
    assert_int_equal (world_count (w, "+HEURISTIC"), 2);
    assert_int_equal (world_count (w, "+END"), 1);
    assert_int_equal (w->codes[commit], TXC_OK); /* as decided: no damage */
    assert_int_equal (s_resolve (w, world_gtrid (w, tx), TXC_VOTE_YES), TXC_EPROTO);
}

/* One that is the highest there is leaves none for the next leader. */
static void an_epoch_that_nobody_can_follow_is_not_believed (void **state)
{
    world_t *w = *state;
    txc_msg_t hello = {.type = TXC_MSG_AGENT_HELLO, .agent = "other", .epoch = {UINT64_MAX, 1}};
    uint64_t dropped = s_status (w).dropped;
    world_forge (w, 'L', hello);
    hello.epoch.round = UINT64_MAX - 70000;
    world_forge (w, 'L', hello);
    assert_int_equal (s_status (w).dropped, dropped + 2);
    hello.epoch.round = TXC_ROUND_MAX - 1; /* the next one has to be above it, and all after that */
    world_forge (w, 'L', hello);
    assert_int_equal (s_status (w).dropped, dropped + 3);
    world_pass (w, 3000);
    txc_msg_t prevote = {.type = TXC_MSG_PAXOS_PREVOTE, .replica = 2, .epoch = {UINT64_MAX, 2}, .slot = 1};
    world_forge (w, 'L', prevote);
    prevote.epoch.round = TXC_ROUND_MAX - 1;
    world_forge (w, 'L', prevote);
    prevote.type = TXC_MSG_PAXOS_PREVOTED;
    prevote.epoch = (txc_epoch_t){1, 2};
    prevote.prior = (txc_epoch_t){UINT64_MAX, 2};
    world_forge (w, 'L', prevote);
    assert_int_equal (world_commit (w, world_transfer (w)), TXC_OK);
    hello.epoch.round = s_status (w).epoch.round + 5; /* of a leadership that this log does not know */
    world_forge (w, 'L', hello);
    assert_true (s_status (w).epoch.round > hello.epoch.round);
    world_pass (w, 3000);
    assert_int_equal (world_commit (w, world_transfer (w)), TXC_OK);
    world_restart_replica (w);
    world_pass (w, 3000);
    assert_int_equal (world_commit (w, world_transfer (w)), TXC_OK);
}

/* Each rollback, or question that settles, would leave an outcome on record. */
static void what_lies_beyond_the_window_is_not_settled (void **state)
{
    world_t *w = *state;
    txc_gtrid_t near = s_free_gtrid (w, 70), far = s_free_gtrid (w, 70 + TXC_WINDOW);
    w->trace[0] = '\0';
    assert_int_equal (s_request (w, TXC_MSG_ROLLBACK, far, 0, 2), TXC_EOVERLOAD);
    assert_int_equal (s_query (w, far, 2, TXC_FLAG_SETTLE), TXC_EOVERLOAD);
    far.mode = TXC_MODE_3PC;
    assert_int_equal (s_query (w, far, 2, TXC_FLAG_SETTLE), TXC_EOVERLOAD);
    assert_int_equal (world_count (w, "+ABORT") + world_count (w, "+ELECTED"), 0);
    assert_int_equal (s_request (w, TXC_MSG_ROLLBACK, near, 0, 2), TXC_ROLLED_BACK);
}

static void a_replica_that_does_not_lead_decides_nothing (void **state)
{
    world_t *w = *state;
    txc_replica_config_t config = {.id = 1, .seed = 7, .new_cluster = 0xc1u, .codec = &txc_record_codec};
    txc_replica_t *replica = txc_replica_new (&config);
    txc_update_t update;
    txc_update_init (&update);
    txc_event_t event = {
        .type = TXC_EVENT_RESOLVE, .gtrid = s_free_gtrid (w, 1), .vote = TXC_VOTE_NO, .route = 1};
    assert_int_equal (txc_replica_step (replica, &event, &update), TXC_OK);
    assert_int_equal (update.n_messages, 1);
    assert_int_equal (update.messages[0].code, TXC_ENOTREADY);
    assert_int_equal (update.n_entries, 0);
    assert_true (txc_replica_next_ms (replica) == UINT64_MAX);
    txc_update_fini (&update);
    txc_replica_destroy (&replica);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, world_setup, world_teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (commits_that_cannot_be_are_refused),
        TEST (a_full_log_and_a_drain_refuse_new_commits_only),
        TEST (limits_are_kept),
        TEST (outcomes_on_record_are_limited_too),
        TEST (a_session_of_another_group_is_not_touched),
        TEST (the_low_water_mark_passes_only_what_is_over),
        TEST (a_mark_is_logged_once),
        TEST (registrations_are_checked),
        TEST (a_silent_agent_loses_its_resource_managers_to_another),
        TEST (whoever_comes_back_is_told_at_once),
        TEST (only_votes_of_this_epoch_and_branch_count),
        TEST (an_acknowledgement_of_another_epoch_or_state_is_none),
        TEST (a_heuristic_against_a_presumed_abort_is_recorded_with_it),
        TEST (messages_say_how_much_time_is_left),
        TEST (rollbacks_through_the_group_are_answered_by_what_is_on_record),
        TEST (a_question_settles_only_what_it_may),
        TEST (outcomes_of_a_closed_session_stay_until_the_horizon),
        TEST (outcomes_go_with_the_horizon_whatever_their_leader_has_in_flight),
        TEST (an_operator_rolls_back_what_is_not_decided),
        TEST (an_operator_speaks_for_branches_that_do_not_come_back),
        TEST (an_epoch_that_nobody_can_follow_is_not_believed),
        TEST (what_lies_beyond_the_window_is_not_settled),
        TEST (a_replica_that_does_not_lead_decides_nothing),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
