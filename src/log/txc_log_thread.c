#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "log/txc_log_private.h"

#define NEVER UINT64_MAX

enum { RETRY_MS = 1000 /* how often a full disk is tried again */ };

/* Makes the eventfd readable. */
static void s_notify (txc_log_t *self)
{
    uint64_t one = 1;
    ssize_t n;
    do
        n = write (self->fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    TXC_ASSERT (n == sizeof one || errno == EAGAIN);
}

static uint64_t s_now_ms (void)
{
    struct timespec now;
    int rc = clock_gettime (CLOCK_MONOTONIC, &now);
    TXC_ASSERT (rc == 0);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* --- with store_lock held -------------------------------------------------------- */

static void s_publish_space (txc_log_t *self)
{
    uint64_t bytes = txc_store_free_bytes (self->store), spare = txc_store_spare (self->store);
    /* the spare holds a slice, too: a step of a checkpoint may take one after the producer has looked */
    atomic_store (&self->free_bytes, bytes > spare ? bytes - spare : 0);
}

void txc_log_publish (txc_log_t *self)
{
    txc_log_stats_t stats;
    txc_store_stats (self->store, &stats);
    uint64_t durable = txc_store_durable (self->store);
    bool low = txc_store_is_low (self->store);
    int failed = txc_store_error (self->store, NULL);
    s_publish_space (self);
    atomic_store (&self->size, txc_store_size (self->store));
    atomic_store (&self->can_shrink, txc_store_can_shrink (self->store));
    bool news = atomic_exchange (&self->durable, durable) != durable;
    news |= atomic_exchange (&self->low, low) != low;
    news |= atomic_exchange (&self->failed, failed) != failed;
    news |= atomic_exchange (&self->checkpointed, stats.checkpoints) != stats.checkpoints;
    if (news)
        s_notify (self);
}

void txc_log_store_batch (txc_log_t *self, txc_batch_t *batch)
{
    txc_batch_item_t item;
    const uint8_t *bytes;
    size_t at = 0;
    int rc = TXC_OK;
    while (rc == TXC_OK && (bytes = txc_batch_next (batch, &at, &item)) != NULL) {
        uint64_t lsn = item.lsn;
        rc = txc_store_append (self->store, item.kind, bytes, item.size, &lsn);
        TXC_ASSERT (lsn == item.lsn);
        /* size and space were checked before the entry got its LSN */
        TXC_ASSERT (rc == TXC_OK || txc_store_error (self->store, NULL) != TXC_OK);
    }
    s_publish_space (self);
    atomic_fetch_sub (&self->claimed, batch->cost);
    txc_batch_clear (batch);
}

bool txc_log_drain (txc_log_t *self)
{
    txc_log_lock (&self->queue_lock);
    txc_batch_swap (&self->queue, &self->draining);
    txc_log_request_t request = self->request;
    self->request.waiting = false;
    txc_log_unlock (&self->queue_lock);
    bool forced = self->draining.forced;
    txc_log_store_batch (self, &self->draining);
    if (request.waiting) {
        int rc = txc_store_checkpoint (self->store, request.kind, request.bytes, request.size, request.keep);
        TXC_ASSERT (rc == TXC_OK || txc_store_error (self->store, NULL) != TXC_OK);
        self->checkpoint_bytes = request.bytes;
    }
    return forced;
}

/* Appends the next slice of a checkpoint, if it leaves enough for what the producer has claimed. */
static bool s_step_checkpoint (txc_log_t *self)
{
    if (!txc_store_is_stepping (self->store))
        return false;
    s_publish_space (self);
    if (atomic_load (&self->claimed) > atomic_load (&self->free_bytes))
        return false; /* a round will come for what was claimed */
    return txc_store_checkpoint_step (self->store) == TXC_OK && txc_store_is_stepping (self->store);
}

static void s_end_checkpoint (txc_log_t *self)
{
    if (self->checkpoint_bytes && !txc_store_is_checkpointing (self->store)) {
        free (self->checkpoint_bytes);
        self->checkpoint_bytes = NULL;
    }
}

/* --- the log thread ---------------------------------------------------------------- */

/* Makes all that is ready durable.  True if there is more to do in the background. */
static bool s_round (txc_log_t *self, bool retry)
{
    txc_store_ticket_t ticket;
    txc_log_lock (&self->store_lock);
    txc_log_drain (self);
    bool more = s_step_checkpoint (self);
    int rc = txc_store_sync_begin (self->store, &ticket);
    txc_log_unlock (&self->store_lock);

    int forced = rc == TXC_OK ? txc_store_force (self->disk, &ticket) : 0;

    txc_log_lock (&self->store_lock);
    if (rc == TXC_OK)
        rc = txc_store_sync_end (self->store, &ticket, forced);
    if (rc == TXC_OK)
        more |= txc_store_prepare (self->store, retry) == TXC_PENDING;
    s_end_checkpoint (self);
    txc_log_publish (self);
    txc_log_unlock (&self->store_lock);
    return more;
}

/* Waits for news until then, or NEVER; the queue's lock is held.  False if it was in vain. */
static bool s_wait_until (txc_log_t *self, uint64_t due_ms)
{
    if (due_ms == NEVER)
        return pthread_cond_wait (&self->wake, &self->queue_lock) == 0;
    struct timespec due = {.tv_sec = (time_t) (due_ms / 1000), .tv_nsec = (long) (due_ms % 1000) * 1000000};
    return pthread_cond_timedwait (&self->wake, &self->queue_lock, &due) != ETIMEDOUT;
}

/* Waits until there is something to do. */
static bool s_wait (txc_log_t *self, bool more)
{
    uint64_t lazy_ms = NEVER;
    txc_log_lock (&self->queue_lock);
    while (!more && !self->urgent && !self->stop) {
        if (self->lazy && lazy_ms == NEVER)
            lazy_ms = s_now_ms() + self->options.lazy_ms;
        uint64_t retry_ms = atomic_load (&self->low) ? self->retry_ms : NEVER;
        if (!s_wait_until (self, retry_ms < lazy_ms ? retry_ms : lazy_ms))
            break;
    }
    self->urgent = self->lazy = false;
    bool stop = self->stop;
    txc_log_unlock (&self->queue_lock);
    return !stop;
}

/* Whether a full disk is to be tried again: now and then, whatever else goes on. */
static bool s_retries (txc_log_t *self)
{
    uint64_t now_ms = s_now_ms();
    if (!atomic_load (&self->low) || now_ms < self->retry_ms)
        return false;
    self->retry_ms = now_ms + RETRY_MS;
    return true;
}

void *txc_log_run (void *arg)
{
    txc_log_t *self = arg;
    bool more = false, go_on = true;
    while (go_on) {
        go_on = s_wait (self, more);
        more = s_round (self, s_retries (self));
        if (atomic_load (&self->failed) != TXC_OK)
            break;
    }
    return NULL;
}
