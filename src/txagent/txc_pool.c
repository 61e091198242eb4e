#include "config.h"

#include "txagent/txc_pool.h"

#include <stdlib.h>

#include "base/txc_assert.h"
#include "base/txc_hash.h"
#include "base/txc_mem.h"
#include "daemon/txc_report.h"
#include "daemon/txc_system.h"

#define POOL_MAGIC 0x706f6f6cu

enum {
    CANCEL_AGAIN_MS = 1000, /* a cancel may come before its statement does: it is repeated */
    CANCEL_LAST_MS = 100,   /* the same while the pool is destroyed */
    FENCE_AFTER_MS = 200,   /* core usually asks for it first */
    FENCE_AGAIN_MS = 2000
};

/* A branch that has a worker, or a lost connection that is still to be fenced.  Gone with the last of both.
 */
typedef struct pin {
    txc_hash_node_t node;
    uint64_t branch;
    txc_worker_t *worker; /* NULL: its connection was lost */
    txc_rm_conn_t *dead;  /* that lost connection, unless an item has it */
    txc_item_t *item;     /* the one that runs (or waits for a worker) */
    txc_item_t *next;     /* core's, while a fence of the pool's own runs */
    uint64_t due_ms;      /* cancel the item, or fence the lost connection; UINT64_MAX: nothing to do */
} pin_t;

struct txc_pool {
    uint32_t magic;
    txc_crew_t crew;
    txc_pool_options_t options;
    txc_canceler_t *canceler;
    txc_worker_t **workers; /* all, the keeper included */
    uint32_t n_workers, n_branch, n_service;
    txc_worker_t *keeper;
    bool keeper_busy;
    txc_list_t idle_branch, idle_service; /* most lately used first */
    txc_list_t urgent;                    /* items for any worker */
    txc_list_t fresh;                     /* first statements, for branch workers */
    txc_list_t keeping;                   /* scans */
    txc_hash_t pins;
    uint32_t n_busy, n_waiting;
    uint64_t next_ms; /* at or before the earliest due_ms of all pins */
};

/* --- pins ----------------------------------------------------------------------- */

static pin_t *s_pin_find (const txc_pool_t *self, uint64_t branch)
{
    txc_hash_node_t *node = branch ? txc_hash_first (&self->pins, branch) : NULL;
    for (; node; node = txc_hash_next (node)) {
        pin_t *pin = TXC_CONTAINER (node, pin_t, node);
        if (pin->branch == branch)
            return pin;
    }
    return NULL;
}

static pin_t *s_pin_new (txc_pool_t *self, uint64_t branch)
{
    pin_t *pin = txc_calloc (1, sizeof *pin);
    pin->branch = branch;
    pin->due_ms = UINT64_MAX;
    txc_hash_add (&self->pins, &pin->node, branch);
    return pin;
}

static void s_pin_due (txc_pool_t *self, pin_t *pin, uint64_t due_ms)
{
    pin->due_ms = due_ms;
    if (due_ms < self->next_ms)
        self->next_ms = due_ms;
}

static void s_pin_drop_if_empty (txc_pool_t *self, pin_t *pin)
{
    if (pin->worker || pin->dead || pin->item || pin->next)
        return;
    txc_hash_remove (&self->pins, &pin->node);
    free (pin);
}

/* --- giving items to workers -------------------------------------------------------- */

static txc_worker_t *s_worker_new (txc_pool_t *self, txc_worker_kind_t kind)
{
    txc_worker_t *worker = txc_worker_new (&self->crew, kind);
    if (!worker)
        return NULL;
    self->workers = txc_realloc (self->workers, (self->n_workers + 1) * sizeof *self->workers);
    self->workers[self->n_workers++] = worker;
    return worker;
}

static txc_worker_t *s_idle (txc_list_t *list)
{
    txc_list_t *node = txc_list_pop (list);
    return node ? TXC_CONTAINER (node, txc_worker_t, node) : NULL;
}

static txc_worker_t *s_branch_worker (txc_pool_t *self)
{
    txc_worker_t *worker = s_idle (&self->idle_branch);
    if (worker || self->n_branch == self->options.connections)
        return worker;
    worker = s_worker_new (self, TXC_WORKER_BRANCH);
    self->n_branch += worker ? 1 : 0;
    return worker;
}

static txc_worker_t *s_any_worker (txc_pool_t *self)
{
    txc_worker_t *worker = s_idle (&self->idle_branch);
    worker = worker ? worker : s_idle (&self->idle_service);
    if (worker || self->n_service == self->options.service)
        return worker;
    worker = s_worker_new (self, TXC_WORKER_SERVICE);
    self->n_service += worker ? 1 : 0;
    return worker;
}

static void s_wait (txc_pool_t *self, txc_list_t *queue, txc_item_t *item)
{
    txc_list_append (queue, &item->node);
    self->n_waiting++;
}

static txc_item_t *s_waiting (txc_pool_t *self, txc_list_t *queue)
{
    txc_list_t *node = txc_list_pop (queue);
    if (!node)
        return NULL;
    self->n_waiting--;
    return TXC_CONTAINER (node, txc_item_t, node);
}

/* The first statement of a branch gets the worker that the branch will keep. */
static void s_begin (txc_pool_t *self, txc_worker_t *worker, txc_item_t *item)
{
    pin_t *pin = s_pin_find (self, item->work.branch);
    TXC_ASSERT (pin && !pin->worker && pin->item == item);
    pin->worker = worker;
    txc_worker_post (worker, item);
}

/* A worker has nothing to do: it takes what waits. */
static void s_release (txc_pool_t *self, txc_worker_t *worker)
{
    txc_item_t *item;
    if ((item = s_waiting (self, &self->urgent)))
        txc_worker_post (worker, item);
    else if (worker->kind == TXC_WORKER_BRANCH && (item = s_waiting (self, &self->fresh)))
        s_begin (self, worker, item);
    else {
        txc_list_t *idle = worker->kind == TXC_WORKER_BRANCH ? &self->idle_branch : &self->idle_service;
        txc_list_append (idle->next, &worker->node); /* at the front */
    }
}

static void s_to_any (txc_pool_t *self, txc_item_t *item)
{
    txc_worker_t *worker = s_any_worker (self);
    if (worker)
        txc_worker_post (worker, item);
    else
        s_wait (self, &self->urgent, item);
}

static void s_to_new (txc_pool_t *self, txc_item_t *item)
{
    txc_worker_t *worker = s_branch_worker (self);
    if (worker)
        s_begin (self, worker, item);
    else
        s_wait (self, &self->fresh, item);
}

static void s_to_keeper (txc_pool_t *self, txc_item_t *item)
{
    if (!self->keeper)
        self->keeper = s_worker_new (self, TXC_WORKER_KEEPER);
    if (self->keeper && !self->keeper_busy) {
        self->keeper_busy = true;
        txc_worker_post (self->keeper, item);
    } else if (self->keeper)
        s_wait (self, &self->keeping, item);
    else {
        txc_perform_fail (&self->crew.target, item, TXC_WORK_LOST, TXC_ERMFAIL, "the system gives no thread");
        txc_done_queue_push (self->crew.queue, item);
    }
}

/* --- items ----------------------------------------------------------------------------- */

/* What a branch without a connection can no longer do.  True: answered. */
static bool s_answer_at_once (txc_pool_t *self, txc_item_t *item)
{
    const txc_work_t *work = &item->work;
    bool open_end = (work->op == TXC_WORK_COMMIT || work->op == TXC_WORK_ROLLBACK) && work->read_only;
    bool lost =
        work->op == TXC_WORK_EXEC || work->op == TXC_WORK_PREPARE || work->op == TXC_WORK_COMMIT_ONE_PHASE;
    if (!open_end && !lost)
        return false;
    /* A branch that was never prepared ended with its connection (which the pool fences by itself). */
    if (open_end)
        item->done.status = TXC_WORK_OK;
    else
        txc_perform_fail (&self->crew.target, item, TXC_WORK_LOST, TXC_ERMFAIL,
                          "the connection of this branch was lost");
    item->done.connection_lost = true;
    txc_done_queue_push (self->crew.queue, item);
    return true;
}

/* Starts an item of a branch that is known to the pool. */
static void s_run_pinned (txc_pool_t *self, pin_t *pin, txc_item_t *item)
{
    TXC_ASSERT (pin->item == NULL);
    pin->item = item;
    if (pin->worker) {
        item->pinned = true;
        bool timed = item->work.op == TXC_WORK_EXEC && item->work.timeout_ms;
        s_pin_due (self, pin, timed ? txc_clock_ms() + item->work.timeout_ms : UINT64_MAX);
        txc_worker_post (pin->worker, item);
    } else if (!s_answer_at_once (self, item)) {
        item->dead = pin->dead;
        pin->dead = NULL;
        pin->due_ms = UINT64_MAX;
        s_to_any (self, item);
    }
}

static void s_run_first (txc_pool_t *self, txc_item_t *item)
{
    pin_t *pin = s_pin_new (self, item->work.branch);
    pin->item = item;
    item->pinned = true;
    if (item->work.timeout_ms)
        s_pin_due (self, pin, txc_clock_ms() + item->work.timeout_ms);
    s_to_new (self, item);
}

/* Fences a lost connection of which core has asked nothing (yet): its session may hold locks. */
static void s_fence (txc_pool_t *self, pin_t *pin)
{
    txc_item_t *item = txc_item_new (self, NULL);
    item->fence_only = true;
    item->work.branch = pin->branch;
    self->n_busy++;
    s_run_pinned (self, pin, item);
}

static void s_unpin (txc_pool_t *self, uint64_t branch)
{
    pin_t *pin = s_pin_find (self, branch);
    if (!pin || !pin->worker)
        return;
    TXC_ASSERT (pin->item == NULL);
    txc_worker_t *worker = pin->worker;
    pin->worker = NULL;
    s_pin_drop_if_empty (self, pin);
    s_release (self, worker);
}

/* Cancels what a branch does.  A statement that still waits for a connection is answered here. */
static void s_end_early (txc_pool_t *self, pin_t *pin, uint64_t now_ms)
{
    txc_item_t *item = pin->item;
    if (pin->worker) {
        txc_canceler_order (self->canceler, pin->worker, pin->branch);
        s_pin_due (self, pin, now_ms + CANCEL_AGAIN_MS);
        return;
    }
    pin->due_ms = UINT64_MAX;
    if (!item->pinned || txc_list_is_empty (&item->node))
        return; /* on its way back */
    txc_list_remove (&item->node);
    self->n_waiting--;
    txc_perform_fail (&self->crew.target, item, TXC_WORK_ERROR, TXC_ECANCELED,
                      "no connection was free for it");
    txc_done_queue_push (self->crew.queue, item);
}

static void s_cancel (txc_pool_t *self, uint64_t branch)
{
    pin_t *pin = s_pin_find (self, branch);
    if (!pin || !pin->item || (pin->item->work.op != TXC_WORK_EXEC && pin->item->work.op != TXC_WORK_PREPARE))
        return;
    pin->item->canceled = true;
    s_end_early (self, pin, txc_clock_ms());
}

void txc_pool_submit (txc_pool_t *self, txc_work_t *work)
{
    TXC_CHECK (self, POOL_MAGIC);
    if (work->op == TXC_WORK_UNPIN) {
        s_unpin (self, work->branch);
        return;
    }
    if (work->op == TXC_WORK_CANCEL) {
        s_cancel (self, work->branch);
        return;
    }
    self->n_busy++;
    txc_item_t *item = txc_item_new (self, work);
    pin_t *pin = s_pin_find (self, item->work.branch);
    if (item->work.op == TXC_WORK_RECOVER || item->work.op == TXC_WORK_SCAN)
        s_to_keeper (self, item);
    else if (item->work.op == TXC_WORK_EXEC && item->work.first)
        s_run_first (self, item);
    else if (pin && pin->item) {
        TXC_ASSERT (pin->item->fence_only && !pin->next); /* core gives out one at a time */
        pin->next = item;
    } else if (pin)
        s_run_pinned (self, pin, item);
    else if (!s_answer_at_once (self, item))
        s_to_any (self, item);
}

/* --- items that came back ------------------------------------------------------------------ */

/* The branch's own connection answered, or was lost. */
static void s_finished_pinned (txc_pool_t *self, pin_t *pin, txc_item_t *item)
{
    if (!item->done.connection_lost || !pin->worker)
        return;
    txc_worker_t *worker = pin->worker;
    pin->worker = NULL;
    s_release (self, worker);
}

bool txc_pool_finished (txc_pool_t *self, txc_item_t *item)
{
    TXC_CHECK (self, POOL_MAGIC);
    TXC_ASSERT (self->n_busy > 0);
    self->n_busy--;
    pin_t *pin = s_pin_find (self, item->work.branch);
    if (item->timed_out && item->done.status == TXC_WORK_ERROR)
        item->done.error.code = TXC_ETIMEDOUT;
    if (item->worker && item->worker == self->keeper) {
        if (item->done.status == TXC_WORK_OK && item->done.identity[0])
            txc_crew_scanned (&self->crew, item->done.identity);
        txc_item_t *next = s_waiting (self, &self->keeping);
        self->keeper_busy = next != NULL;
        if (next)
            txc_worker_post (self->keeper, next);
    } else if (item->worker && !item->pinned)
        s_release (self, item->worker);
    if (!pin && !item->dead)
        return true;
    if (!pin)
        pin = s_pin_new (self, item->work.branch);
    TXC_ASSERT (pin->item == NULL || pin->item == item);
    pin->item = NULL;
    pin->due_ms = UINT64_MAX;
    s_finished_pinned (self, pin, item);
    if (item->dead) {
        pin->dead = item->dead;
        item->dead = NULL;
        s_pin_due (self, pin, txc_clock_ms() + (item->fence_only ? FENCE_AGAIN_MS : FENCE_AFTER_MS));
    } else if (pin->dead)
        s_pin_due (self, pin, txc_clock_ms() + FENCE_AGAIN_MS);
    txc_item_t *next = pin->next;
    pin->next = NULL;
    if (next)
        s_run_pinned (self, pin, next);
    else
        s_pin_drop_if_empty (self, pin);
    return !item->fence_only;
}

/* --- time ------------------------------------------------------------------------------------ */

uint64_t txc_pool_next_ms (const txc_pool_t *self)
{
    TXC_CHECK (self, POOL_MAGIC);
    return self->next_ms;
}

void txc_pool_tick (txc_pool_t *self, uint64_t now_ms)
{
    TXC_CHECK (self, POOL_MAGIC);
    if (now_ms < self->next_ms)
        return;
    self->next_ms = UINT64_MAX;
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->pins, &cursor); node;
         node = txc_hash_step (&self->pins, &cursor)) {
        pin_t *pin = TXC_CONTAINER (node, pin_t, node);
        if (pin->due_ms <= now_ms && pin->item) {
            pin->item->timed_out = !pin->item->canceled;
            s_end_early (self, pin, now_ms);
        } else if (pin->due_ms <= now_ms)
            s_fence (self, pin);
        else if (pin->due_ms < self->next_ms)
            self->next_ms = pin->due_ms;
    }
}

/* --- life -------------------------------------------------------------------------------------- */

txc_pool_t *txc_pool_new (const txc_target_t *target, const txc_pool_options_t *options,
                          txc_done_queue_t *queue)
{
    TXC_ASSERT (options->connections > 0 && options->service > 0);
    txc_pool_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, POOL_MAGIC);
    txc_crew_init (&self->crew, target, queue);
    self->options = *options;
    self->canceler = txc_canceler_new();
    txc_list_init (&self->idle_branch);
    txc_list_init (&self->idle_service);
    txc_list_init (&self->urgent);
    txc_list_init (&self->fresh);
    txc_list_init (&self->keeping);
    txc_hash_init (&self->pins);
    self->next_ms = UINT64_MAX;
    return self;
}

static void s_discard (txc_pool_t *self, txc_item_t **item_p)
{
    if ((*item_p)->dead)
        self->crew.target.plugin->disconnect (&(*item_p)->dead);
    txc_item_destroy (item_p);
}

static void s_discard_all (txc_pool_t *self, txc_list_t *queue)
{
    txc_item_t *item;
    while ((item = s_waiting (self, queue)))
        s_discard (self, &item);
}

/* What the workers pushed last is still in the queue; items of other pools go back into it. */
static void s_discard_finished (txc_pool_t *self)
{
    for (txc_item_t *item = txc_done_queue_take (self->crew.queue), *next; item; item = next) {
        next = item->next;
        if (item->pool == self)
            s_discard (self, &item);
        else
            txc_done_queue_push (self->crew.queue, item);
    }
}

static void s_discard_pins (txc_pool_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->pins, &cursor); node;
         node = txc_hash_step (&self->pins, &cursor)) {
        pin_t *pin = TXC_CONTAINER (node, pin_t, node);
        if (pin->dead)
            self->crew.target.plugin->disconnect (&pin->dead);
        if (pin->next)
            s_discard (self, &pin->next);
        txc_hash_remove (&self->pins, node);
        free (pin);
    }
}

static void s_cancel_all (txc_pool_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->pins, &cursor); node;
         node = txc_hash_step (&self->pins, &cursor)) {
        pin_t *pin = TXC_CONTAINER (node, pin_t, node);
        if (pin->worker && pin->item)
            txc_canceler_order (self->canceler, pin->worker, pin->branch);
    }
    if (self->keeper_busy)
        txc_canceler_order (self->canceler, self->keeper, 0);
}

static bool s_join_all (txc_pool_t *self, uint64_t until_ms)
{
    bool all = true;
    for (uint32_t i = 0; i < self->n_workers; i++) {
        uint64_t now = txc_clock_ms();
        all = txc_worker_join (self->workers[i], now < until_ms ? (uint32_t) (until_ms - now) : 0) && all;
    }
    return all;
}

/* True once all have ended. */
static bool s_stop_workers (txc_pool_t *self, uint64_t deadline_ms)
{
    for (uint32_t i = 0; i < self->n_workers; i++)
        txc_worker_stop (self->workers[i]);
    for (;;) {
        uint64_t now = txc_clock_ms();
        s_cancel_all (self);
        if (s_join_all (self, now + CANCEL_LAST_MS < deadline_ms ? now + CANCEL_LAST_MS : deadline_ms))
            return true;
        if (txc_clock_ms() >= deadline_ms)
            return false;
    }
}

bool txc_pool_destroy (txc_pool_t **self_p, uint32_t timeout_ms)
{
    txc_pool_t *self = *self_p;
    TXC_CHECK (self, POOL_MAGIC);
    if (!s_stop_workers (self, txc_clock_ms() + timeout_ms))
        return false;
    txc_canceler_destroy (&self->canceler);
    for (uint32_t i = 0; i < self->n_workers; i++)
        txc_worker_destroy (&self->workers[i]);
    *self_p = NULL;
    s_discard_all (self, &self->urgent);
    s_discard_all (self, &self->fresh);
    s_discard_all (self, &self->keeping);
    s_discard_finished (self);
    s_discard_pins (self);
    txc_hash_fini (&self->pins);
    txc_crew_fini (&self->crew);
    free (self->workers);
    TXC_UNMAGIC (self, POOL_MAGIC);
    free (self);
    return true;
}

uint32_t txc_pool_busy (const txc_pool_t *self)
{
    TXC_CHECK (self, POOL_MAGIC);
    return self->n_busy;
}

void txc_pool_status (txc_pool_t *self, txc_pool_status_t *status)
{
    TXC_CHECK (self, POOL_MAGIC);
    *status = (txc_pool_status_t){.workers = self->n_workers, .waiting = self->n_waiting};
    status->connections = atomic_load (&self->crew.connections);
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->pins, &cursor); node;
         node = txc_hash_step (&self->pins, &cursor))
        status->pinned += TXC_CONTAINER (node, pin_t, node)->worker ? 1 : 0;
    txc_crew_error (&self->crew, status->last_error);
}
