/*
 * The agent's worker pool over the in-memory resource manager.
 */
#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/txc_report.h"
#include "daemon/txc_system.h"
#include "txagent/txc_module.h"
#include "txagent/txc_pool.h"
#include "wire/txc_rows.h"
#include "wire/txc_statement.h"

static txc_module_t module;

/* --- a pool with its resource manager ---------------------------------------------- */

typedef struct fixture {
    txc_rm_t *rm;
    txc_done_queue_t queue;
    txc_pool_t *pool;
} fixture_t;

static const char *s_no_value (void *arg, const char *key)
{
    (void) arg;
    (void) key;
    return NULL;
}

static void s_open_with (fixture_t *f, const txc_rm_switch_t *plugin, uint32_t connections)
{
    txc_rm_error_t error = {0};
    assert_int_equal (module.plugin->open ("mem1", s_no_value, NULL, &f->rm, &error), TXC_RM_OK);
    assert_true (txc_done_queue_init (&f->queue));
    txc_target_t target = {.plugin = plugin,
                           .rm = f->rm,
                           .name = "mem1",
                           .instance = "agent1",
                           .lock_timeout_ms = 60000,
                           .result_size = 1 << 16,
                           .statement_size = 1 << 20};
    txc_pool_options_t options = {.connections = connections, .service = 1};
    f->pool = txc_pool_new (&target, &options, &f->queue);
}

static void s_open (fixture_t *f, uint32_t connections)
{
    s_open_with (f, module.plugin, connections);
}

static void s_close (fixture_t *f)
{
    assert_true (txc_pool_destroy (&f->pool, 60000));
    txc_done_queue_fini (&f->queue);
    module.plugin->close (&f->rm);
}

/* --- work ---------------------------------------------------------------------------- */

static txc_work_t s_work (txc_work_op_t op, uint64_t branch)
{
    return (txc_work_t){
        .op = (uint8_t) op,
        .branch = branch,
        .token = 1000 + branch,
        .owner = true,
        .gtrid = {.cluster = 7, .session = 1, .n = branch ? branch : 1, .mode = TXC_MODE_2PC}};
}

static void s_submit (fixture_t *f, txc_work_op_t op, uint64_t branch)
{
    txc_work_t work = s_work (op, branch);
    txc_pool_submit (f->pool, &work);
}

static txc_work_t s_statement (uint64_t branch, const char *sql, bool first)
{
    txc_work_t work = s_work (TXC_WORK_EXEC, branch);
    work.first = first;
    assert_int_equal (txc_statement_pack (sql, strlen (sql), 0, NULL, &work.body), TXC_OK);
    return work;
}

static void s_exec (fixture_t *f, uint64_t branch, const char *sql, bool first)
{
    txc_work_t work = s_statement (branch, sql, first);
    txc_pool_submit (f->pool, &work);
}

/* One result, with its body and what was found kept until the next one. */
static txc_item_t *s_last;
static txc_item_t *s_pending; /* taken from the queue together with others */

static void s_forget (void)
{
    if (s_last)
        txc_item_destroy (&s_last);
}

/* Waits for the next item that core would be told of, as the loop does. */
static const txc_work_done_t *s_next (fixture_t *f)
{
    s_forget();
    for (;;) {
        while (!s_pending) {
            txc_pool_tick (f->pool, txc_clock_ms());
            uint64_t now = txc_clock_ms(), next = txc_pool_next_ms (f->pool);
            struct pollfd fd = {.fd = f->queue.fd, .events = POLLIN};
            int wait = next == UINT64_MAX ? 60000 : next > now ? (int) (next - now) : 0;
            assert_true (poll (&fd, 1, wait) >= 0);
            if (next == UINT64_MAX && !(fd.revents & POLLIN))
                fail_msg ("nothing came back in a minute");
            txc_done_queue_clear (&f->queue);
            s_pending = txc_done_queue_take (&f->queue);
        }
        s_last = s_pending;
        s_pending = s_pending->next;
        if (txc_pool_finished (f->pool, s_last))
            return &s_last->done;
        s_forget();
    }
}

static int s_run (fixture_t *f, txc_work_op_t op, uint64_t branch)
{
    s_submit (f, op, branch);
    return s_next (f)->status;
}

static int s_run_sql (fixture_t *f, uint64_t branch, const char *sql, bool first)
{
    s_exec (f, branch, sql, first);
    return s_next (f)->status;
}

/* --- tests ----------------------------------------------------------------------------- */

static void test_a_branch_from_first_statement_to_commit (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 2);
    assert_int_equal (s_run (&f, TXC_WORK_RECOVER, 0), TXC_WORK_OK);
    assert_int_equal (s_last->done.n_found, 0);
    assert_string_not_equal (s_last->done.identity, "");
    assert_int_equal (s_run_sql (&f, 1, "set x 5", true), TXC_WORK_OK);
    assert_int_equal (s_run_sql (&f, 1, "get x", false), TXC_WORK_OK);
    txc_rows_t *rows = NULL;
    const txc_blob_t *body = s_last->done.body;
    assert_int_equal (txc_rows_read (txc_blob_data (body), txc_blob_size (body), &rows), TXC_OK);
    assert_string_equal (txc_rows_value (rows, 0, 1, NULL), "5");
    txc_rows_destroy (&rows);
    assert_int_equal (s_run (&f, TXC_WORK_PREPARE, 1), TXC_WORK_OK);
    assert_string_not_equal (s_last->done.evidence, "");
    assert_int_equal (s_run (&f, TXC_WORK_SCAN, 0), TXC_WORK_OK);
    assert_int_equal (s_last->done.n_found, 1);
    assert_int_equal (s_last->done.found[0].token, 1001);
    assert_int_equal (s_run (&f, TXC_WORK_COMMIT, 1), TXC_WORK_OK);
    s_submit (&f, TXC_WORK_UNPIN, 1);
    txc_pool_status_t status;
    txc_pool_status (f.pool, &status);
    assert_int_equal (status.pinned, 0);
    assert_int_equal (s_run (&f, TXC_WORK_COMMIT, 1), TXC_WORK_ABSENT);
    s_close (&f);
}

static void test_last_statement_brings_its_prepare (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 1);
    txc_work_t work = s_statement (1, "set x 5", true);
    work.flags = TXC_FLAG_LAST;
    txc_pool_submit (f.pool, &work);
    assert_int_equal (s_next (&f)->status, TXC_WORK_OK);
    assert_int_equal (s_last->done.prepare_status, TXC_WORK_OK);
    work = s_statement (2, "get x", true);
    s_submit (&f, TXC_WORK_UNPIN, 1);
    work.flags = TXC_FLAG_LAST;
    txc_pool_submit (f.pool, &work);
    assert_int_equal (s_next (&f)->prepare_status, TXC_WORK_READ_ONLY);
    work = s_work (TXC_WORK_COMMIT, 2);
    work.read_only = true;
    txc_pool_submit (f.pool, &work);
    assert_int_equal (s_next (&f)->status, TXC_WORK_OK);
    s_close (&f);
}

/* All connections are taken by open branches; phase 2 of another one goes on all the same. */
static void test_full_pool_does_not_block_phase_2 (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 2);
    assert_int_equal (s_run_sql (&f, 1, "set x 5", true), TXC_WORK_OK);
    assert_int_equal (s_run (&f, TXC_WORK_PREPARE, 1), TXC_WORK_OK);
    s_submit (&f, TXC_WORK_UNPIN, 1); /* prepared, without a connection */
    assert_int_equal (s_run_sql (&f, 2, "set y 1", true), TXC_WORK_OK);
    assert_int_equal (s_run_sql (&f, 3, "set z 1", true), TXC_WORK_OK);
    s_exec (&f, 4, "set w 1", true); /* waits for a connection */
    assert_int_equal (s_run (&f, TXC_WORK_COMMIT, 1), TXC_WORK_OK);
    assert_int_equal (s_last->done.branch, 1);
    txc_work_t work = s_work (TXC_WORK_ROLLBACK, 2);
    work.read_only = true;
    txc_pool_submit (f.pool, &work);
    assert_int_equal (s_next (&f)->status, TXC_WORK_OK);
    s_submit (&f, TXC_WORK_UNPIN, 2);
    assert_int_equal (s_next (&f)->branch, 4);
    assert_int_equal (s_last->done.status, TXC_WORK_OK);
    s_close (&f);
}

static void test_time_out_cancels_a_statement (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 1);
    txc_work_t work = s_statement (1, "sleep 3600000", true);
    work.timeout_ms = 1;
    txc_pool_submit (f.pool, &work);
    assert_int_equal (s_next (&f)->status, TXC_WORK_ERROR);
    assert_int_equal (s_last->done.error.code, TXC_ETIMEDOUT);
    work = s_statement (2, "nop", true); /* the one connection stays with branch 1 */
    work.timeout_ms = 1;
    txc_pool_submit (f.pool, &work);
    assert_int_equal (s_next (&f)->branch, 2);
    assert_int_equal (s_last->done.status, TXC_WORK_ERROR);
    s_close (&f);
}

static void test_cancel_on_demand (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 1);
    s_exec (&f, 1, "sleep 3600000", true);
    s_submit (&f, TXC_WORK_CANCEL, 1);
    assert_int_equal (s_next (&f)->status, TXC_WORK_ERROR);
    assert_int_not_equal (s_last->done.error.code, TXC_ETIMEDOUT);
    s_close (&f);
}

/* The connection is lost while PREPARE is under way, which would take place later: fenced first, it cannot.
 */
static void test_lost_in_prepare_is_fenced (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 1);
    assert_int_equal (s_run_sql (&f, 1, "set x 5", true), TXC_WORK_OK);
    assert_int_equal (s_run_sql (&f, 1, "fault prepare late 3600000", false), TXC_WORK_OK);
    assert_int_equal (s_run (&f, TXC_WORK_PREPARE, 1), TXC_WORK_LOST);
    assert_true (s_last->done.connection_lost);
    assert_int_equal (s_run (&f, TXC_WORK_FENCE_AND_LOOK, 1), TXC_WORK_ABSENT);
    assert_int_equal (s_run_sql (&f, 2, "set x 6", true), TXC_WORK_OK); /* its locks are gone too */
    s_close (&f);
}

static void test_lost_after_prepare_is_found (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 1);
    assert_int_equal (s_run_sql (&f, 1, "set x 5", true), TXC_WORK_OK);
    assert_int_equal (s_run_sql (&f, 1, "fault prepare lost_after", false), TXC_WORK_OK);
    assert_int_equal (s_run (&f, TXC_WORK_PREPARE, 1), TXC_WORK_LOST);
    assert_int_equal (s_run (&f, TXC_WORK_FENCE_AND_LOOK, 1), TXC_WORK_OK);
    assert_int_equal (s_run (&f, TXC_WORK_ROLLBACK, 1), TXC_WORK_OK);
    s_close (&f);
}

/* Core forgets a branch whose connection was lost before PREPARE; the pool sees to its session all the same.
 */
static void test_lost_statement_needs_nothing_more (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 1);
    assert_int_equal (s_run_sql (&f, 1, "set x 5", true), TXC_WORK_OK);
    assert_int_equal (s_run_sql (&f, 1, "fault execute lost", false), TXC_WORK_OK);
    assert_int_equal (s_run_sql (&f, 1, "set x 6", false), TXC_WORK_LOST);
    assert_int_equal (s_run_sql (&f, 2, "set x 7", true), TXC_WORK_OK);
    assert_int_equal (s_run_sql (&f, 1, "set x 6", false), TXC_WORK_LOST);
    assert_int_equal (s_run (&f, TXC_WORK_COMMIT_ONE_PHASE, 1), TXC_WORK_LOST);
    txc_work_t work = s_work (TXC_WORK_ROLLBACK, 1);
    work.read_only = true;
    txc_pool_submit (f.pool, &work);
    assert_int_equal (s_next (&f)->status, TXC_WORK_OK);
    while (txc_pool_next_ms (f.pool) != UINT64_MAX || txc_pool_busy (f.pool)) /* until it was fenced */
        if (txc_pool_busy (f.pool)) {
            for (txc_item_t *item = txc_done_queue_take (&f.queue), *next; item; item = next) {
                next = item->next;
                assert_false (txc_pool_finished (f.pool, item));
                txc_item_destroy (&item);
            }
        } else
            txc_pool_tick (f.pool, txc_pool_next_ms (f.pool));
    s_close (&f);
}

static void test_lost_commit_leaves_the_branch (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 1);
    assert_int_equal (s_run_sql (&f, 1, "set x 5", true), TXC_WORK_OK);
    assert_int_equal (s_run_sql (&f, 1, "fault commit lost", false), TXC_WORK_OK);
    assert_int_equal (s_run (&f, TXC_WORK_PREPARE, 1), TXC_WORK_OK);
    assert_int_equal (s_run (&f, TXC_WORK_COMMIT, 1), TXC_WORK_LOST);
    assert_int_equal (s_run (&f, TXC_WORK_FENCE_AND_LOOK, 1), TXC_WORK_OK);
    char evidence[TXC_EVIDENCE_MAX + 1];
    memcpy (evidence, s_last->done.evidence, sizeof evidence);
    assert_int_equal (s_run (&f, TXC_WORK_COMMIT, 1), TXC_WORK_OK);
    txc_work_t work = s_work (TXC_WORK_EVIDENCE, 1);
    memcpy (work.evidence, evidence, sizeof evidence);
    txc_pool_submit (f.pool, &work);
    assert_int_equal (s_next (&f)->status, TXC_WORK_OK);
    s_close (&f);
}

static void test_heuristic_and_retry (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 1);
    assert_int_equal (s_run_sql (&f, 1, "set x 5", true), TXC_WORK_OK);
    assert_int_equal (s_run_sql (&f, 1, "fault commit retry", false), TXC_WORK_OK);
    assert_int_equal (s_run_sql (&f, 1, "fault rollback heuristic_commit", false), TXC_WORK_OK);
    assert_int_equal (s_run (&f, TXC_WORK_PREPARE, 1), TXC_WORK_OK);
    assert_int_equal (s_run (&f, TXC_WORK_COMMIT, 1), TXC_WORK_RETRY);
    assert_int_equal (s_run (&f, TXC_WORK_ROLLBACK, 1), TXC_WORK_HEURISTIC);
    assert_int_equal (s_last->done.heur, TXC_HEUR_COMMITTED);
    s_close (&f);
}

static void test_oversized_statement_and_result (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 1);
    size_t size = (1 << 20) - 64;
    char *sql = malloc (size + 1);
    memset (sql, 'x', size);
    memcpy (sql, "set x ", 6);
    sql[size] = '\0';
    assert_int_equal (s_run_sql (&f, 1, sql, true), TXC_WORK_OK);
    free (sql);
    assert_int_equal (s_run_sql (&f, 1, "get x", false),
                      TXC_WORK_ERROR); /* its value is larger than a result may be */
    assert_int_equal (s_last->done.error.code, TXC_ELIMIT);
    txc_work_t work = s_work (TXC_WORK_EXEC, 1);
    work.body = txc_blob_new (NULL, (1 << 20) + 1);
    memset (txc_blob_edit (work.body), 0, (1 << 20) + 1);
    txc_pool_submit (f.pool, &work);
    assert_int_equal (s_next (&f)->status, TXC_WORK_ERROR);
    assert_int_equal (s_last->done.error.code, TXC_ELIMIT);
    work = s_work (TXC_WORK_EXEC, 1);
    work.body = txc_blob_new ("\xff\xff", 2);
    txc_pool_submit (f.pool, &work);
    assert_int_equal (s_next (&f)->status, TXC_WORK_ERROR);
    assert_int_equal (s_last->done.error.code, TXC_EPROTO);
    s_close (&f);
}

/* Many branches at once over few connections, with what goes wrong in between: nothing is lost or answered
 * twice. */
static void test_many_branches (void **state)
{
    (void) state;
    enum { BRANCHES = 400, LOST = 40 };
    fixture_t f;
    s_open (&f, 8);
    int stage[BRANCHES + 1] = {0};
    int committed = 0, lost = 0, left = BRANCHES;
    for (uint64_t b = 1; b <= BRANCHES; b++) {
        char sql[64];
        if (b == 1) /* one order for all: a second one would replace what is left of the first */
            snprintf (sql, sizeof sql, "fault prepare lost %d", LOST);
        else
            snprintf (sql, sizeof sql, "add k%d 1", (int) (b % 97));
        s_exec (&f, b, sql, true);
    }
    while (left > 0) {
        const txc_work_done_t *done = s_next (&f);
        uint64_t b = done->branch;
        txc_work_status_t status = done->status;
        switch (stage[b]++) {
        case 0:
            assert_int_equal (status, TXC_WORK_OK);
            s_submit (&f, TXC_WORK_PREPARE, b);
            break;
        case 1:
            if (status == TXC_WORK_LOST)
                s_submit (&f, TXC_WORK_FENCE_AND_LOOK, b);
            else {
                assert_true (status == TXC_WORK_OK || status == TXC_WORK_READ_ONLY);
                txc_work_t work = s_work (TXC_WORK_COMMIT, b);
                work.read_only = status == TXC_WORK_READ_ONLY;
                txc_pool_submit (f.pool, &work);
                stage[b]++;
            }
            break;
        case 2:
            assert_int_equal (status, TXC_WORK_ABSENT);
            lost++;
            left--;
            break;
        default:
            assert_int_equal (status, TXC_WORK_OK);
            s_submit (&f, TXC_WORK_UNPIN, b);
            committed++;
            left--;
        }
    }
    assert_int_equal (committed + lost, BRANCHES);
    assert_int_equal (lost, LOST);
    s_close (&f);
}

/* Whose session it is the evidence says; the connection on which it was to be fenced is lost. */
static int fences;
static bool in_its_place;

static txc_rm_status_t s_fence_is_lost_once (txc_rm_conn_t *conn, txc_rm_conn_t *dead, const char *evidence,
                                             txc_rm_error_t *error)
{
    in_its_place |= dead != NULL;
    return fences++ == 0 ? TXC_RM_LOST : module.plugin->fence (conn, dead, evidence, error);
}

static void test_lost_fence_is_not_fenced_itself (void **state)
{
    (void) state;
    fixture_t f;
    txc_rm_switch_t plugin = *module.plugin;
    plugin.fence = s_fence_is_lost_once;
    fences = 0;
    in_its_place = false;
    s_open_with (&f, &plugin, 1);
    assert_int_equal (s_run (&f, TXC_WORK_FENCE_AND_LOOK, 1), TXC_WORK_LOST);
    assert_int_equal (s_run (&f, TXC_WORK_FENCE_AND_LOOK, 1), TXC_WORK_ABSENT);
    assert_int_equal (fences, 2);
    assert_false (in_its_place);
    s_close (&f);
}

/* The agent ends while statements run and branches wait. */
static void test_destroy_in_the_middle (void **state)
{
    (void) state;
    fixture_t f;
    s_open (&f, 2);
    for (uint64_t b = 1; b <= 4; b++)
        s_exec (&f, b, "sleep 3600000", true);
    s_submit (&f, TXC_WORK_RECOVER, 0);
    s_submit (&f, TXC_WORK_SCAN, 0);
    s_close (&f);
}

/* The first cancel comes when its statement has not yet reached the database, and so hits nothing. */
static sem_t started, too_early;

static void s_cancel_too_early (txc_rm_conn_t *conn)
{
    module.plugin->cancel (conn);
    sem_post (&too_early);
}

static txc_rm_status_t s_execute_late (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                       const txc_rm_sink_t *sink, char evidence[TXC_RM_EVIDENCE_SIZE],
                                       txc_rm_status_t *prepare_status, txc_rm_error_t *error)
{
    sem_post (&started);
    assert_int_equal (sem_wait (&too_early), 0);
    return module.plugin->execute (conn, statement, sink, evidence, prepare_status, error);
}

static void test_destroy_cancels_again_what_it_missed (void **state)
{
    (void) state;
    fixture_t f;
    assert_int_equal (sem_init (&started, 0, 0), 0);
    assert_int_equal (sem_init (&too_early, 0, 0), 0);
    txc_rm_switch_t plugin = *module.plugin;
    plugin.cancel = s_cancel_too_early;
    plugin.execute = s_execute_late;
    s_open_with (&f, &plugin, 1);
    s_exec (&f, 1, "sleep 3600000", true);
    assert_int_equal (sem_wait (&started), 0);
    s_close (&f);
    sem_destroy (&too_early);
    sem_destroy (&started);
}

/* A cancel that does not come back: the database's host does not answer, say. */
static sem_t hangs, let_go;

static void s_cancel_that_hangs (txc_rm_conn_t *conn)
{
    sem_post (&hangs);
    while (sem_wait (&let_go) != 0)
        continue;
    module.plugin->cancel (conn);
}

static txc_rm_status_t s_execute_and_say (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                          const txc_rm_sink_t *sink, char evidence[TXC_RM_EVIDENCE_SIZE],
                                          txc_rm_status_t *prepare_status, txc_rm_error_t *error)
{
    sem_post (&started);
    return module.plugin->execute (conn, statement, sink, evidence, prepare_status, error);
}

static void test_destroy_does_not_wait_for_a_cancel_that_hangs (void **state)
{
    (void) state;
    fixture_t f;
    assert_int_equal (sem_init (&started, 0, 0), 0);
    assert_int_equal (sem_init (&hangs, 0, 0), 0);
    assert_int_equal (sem_init (&let_go, 0, 0), 0);
    txc_rm_switch_t plugin = *module.plugin;
    plugin.cancel = s_cancel_that_hangs;
    plugin.execute = s_execute_and_say;
    alarm (60); /* it would wait for ever */
    s_open_with (&f, &plugin, 1);
    s_exec (&f, 1, "sleep 3600000", true);
    assert_int_equal (sem_wait (&started), 0); /* a cancel before it has a connection reaches no database */
    s_submit (&f, TXC_WORK_CANCEL, 1);
    assert_int_equal (sem_wait (&hangs), 0);
    assert_false (txc_pool_destroy (&f.pool, 200));
    for (int i = 0; i < 1000; i++)
        sem_post (&let_go);
    s_close (&f);
    alarm (0);
    sem_destroy (&started);
    sem_destroy (&hangs);
    sem_destroy (&let_go);
}

static int s_teardown (void **state)
{
    (void) state;
    s_forget();
    assert_null (s_pending);
    return 0;
}

/* --- the queue back -------------------------------------------------------------------- */

enum { HANDS = 3, ITEMS_A_HAND = 5, RACES = 500 };

/* Who works with the agent holds the lock: a hand that finds it free, or the loop. */
typedef struct turns {
    txc_done_queue_t queue;
    pthread_mutex_t lock;
    uint32_t taken, by_hands; /* under the lock */
    atomic_int running;       /* hands */
} turns_t;

static uint32_t s_take_all (turns_t *turns)
{
    uint32_t n = 0;
    for (txc_item_t *item = txc_done_queue_take (&turns->queue), *next; item; item = next, n++) {
        next = item->next;
        txc_item_destroy (&item);
    }
    turns->taken += n;
    return n;
}

static bool s_take_in (void *arg)
{
    turns_t *turns = arg;
    if (pthread_mutex_trylock (&turns->lock) != 0)
        return false;
    turns->by_hands += s_take_all (turns);
    pthread_mutex_unlock (&turns->lock);
    return true;
}

static void *s_hand (void *arg)
{
    turns_t *turns = arg;
    for (int i = 0; i < ITEMS_A_HAND; i++)
        txc_done_queue_hand_in (&turns->queue, txc_item_new (NULL, NULL));
    atomic_fetch_sub (&turns->running, 1);
    return NULL;
}

static bool s_is_readable (const txc_done_queue_t *queue, int timeout_ms)
{
    struct pollfd fd = {.fd = queue->fd, .events = POLLIN};
    return poll (&fd, 1, timeout_ms) > 0;
}

static void test_handing_in_wakes_the_loop_only_if_nobody_takes (void **state)
{
    (void) state;
    turns_t turns = {.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_true (txc_done_queue_init (&turns.queue));
    txc_done_queue_hand_in (&turns.queue, txc_item_new (NULL, NULL)); /* nobody can take it in */
    assert_true (s_is_readable (&turns.queue, 0));
    txc_done_queue_clear (&turns.queue);
    assert_int_equal (s_take_all (&turns), 1);
    turns.queue.take_in = s_take_in;
    turns.queue.arg = &turns;
    txc_done_queue_hand_in (&turns.queue, txc_item_new (NULL, NULL));
    assert_int_equal (turns.by_hands, 1);
    assert_false (s_is_readable (&turns.queue, 0));
    pthread_mutex_lock (&turns.lock); /* somebody is at it */
    txc_done_queue_hand_in (&turns.queue, txc_item_new (NULL, NULL));
    assert_true (s_is_readable (&turns.queue, 0));
    assert_int_equal (s_take_all (&turns), 1);
    pthread_mutex_unlock (&turns.lock);
    pthread_mutex_destroy (&turns.lock);
    txc_done_queue_fini (&turns.queue);
}

/* Three threads hand in, this one takes when it is woken, and is in their way in between.  When all is over
 * nothing is left, or the loop has been woken for it. */
static void s_race (turns_t *turns)
{
    pthread_t hands[HANDS];
    atomic_store (&turns->running, HANDS);
    for (int i = 0; i < HANDS; i++)
        assert_int_equal (pthread_create (&hands[i], NULL, s_hand, turns), 0);
    for (bool more = true; more;) {
        more = atomic_load (&turns->running) > 0; /* and once more behind the last */
        bool readable = s_is_readable (&turns->queue, 0);
        pthread_mutex_lock (&turns->lock);
        if (readable) {
            txc_done_queue_clear (&turns->queue);
            s_take_all (turns);
        }
        pthread_mutex_unlock (&turns->lock);
    }
    for (int i = 0; i < HANDS; i++)
        pthread_join (hands[i], NULL);
}

static void test_no_item_that_is_handed_in_is_overlooked (void **state)
{
    (void) state;
    turns_t turns = {.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_true (txc_done_queue_init (&turns.queue));
    turns.queue.take_in = s_take_in;
    turns.queue.arg = &turns;
    for (uint32_t race = 1; race <= RACES; race++) {
        s_race (&turns);
        assert_int_equal (turns.taken, race * HANDS * ITEMS_A_HAND);
    }
    assert_true (turns.by_hands > 0);
    pthread_mutex_destroy (&turns.lock);
    txc_done_queue_fini (&turns.queue);
}

int main (void)
{
    txc_error_t error;
    txc_report_init ("test");
    txc_report_set_level (TXC_REPORT_ERROR);
    if (txc_module_load (&module, "/nowhere:" TXC_TEST_PLUGINS "/mem/.libs", "mem", &error) != TXC_OK) {
        fprintf (stderr, "%s\n", error.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown (test_a_branch_from_first_statement_to_commit, s_teardown),
        cmocka_unit_test_teardown (test_last_statement_brings_its_prepare, s_teardown),
        cmocka_unit_test_teardown (test_full_pool_does_not_block_phase_2, s_teardown),
        cmocka_unit_test_teardown (test_time_out_cancels_a_statement, s_teardown),
        cmocka_unit_test_teardown (test_cancel_on_demand, s_teardown),
        cmocka_unit_test_teardown (test_lost_in_prepare_is_fenced, s_teardown),
        cmocka_unit_test_teardown (test_lost_after_prepare_is_found, s_teardown),
        cmocka_unit_test_teardown (test_lost_statement_needs_nothing_more, s_teardown),
        cmocka_unit_test_teardown (test_lost_commit_leaves_the_branch, s_teardown),
        cmocka_unit_test_teardown (test_heuristic_and_retry, s_teardown),
        cmocka_unit_test_teardown (test_oversized_statement_and_result, s_teardown),
        cmocka_unit_test_teardown (test_many_branches, s_teardown),
        cmocka_unit_test_teardown (test_destroy_in_the_middle, s_teardown),
        cmocka_unit_test_teardown (test_destroy_cancels_again_what_it_missed, s_teardown),
        cmocka_unit_test_teardown (test_destroy_does_not_wait_for_a_cancel_that_hangs, s_teardown),
        cmocka_unit_test (test_lost_fence_is_not_fenced_itself),
        cmocka_unit_test (test_handing_in_wakes_the_loop_only_if_nobody_takes),
        cmocka_unit_test (test_no_item_that_is_handed_in_is_overlooked),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    txc_module_unload (&module);
    return failed;
}
