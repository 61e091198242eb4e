/*
 * txc_log.c - the thread on top of the store.
 *
 *   producer    append: into `pending`                   no lock
 *               flush:  `pending` joins `queue`          queue_lock
 *               write:  all of it into the store         store_lock (and queue_lock inside)
 *   log thread  `queue` into the store, write the group  store_lock (and queue_lock inside)
 *               fdatasync                                no lock
 *               note what is durable, recycle, prepare   store_lock
 *
 * An entry gets its LSN in append; entries enter the store in that order,
 * since both threads empty the queue under store_lock.  The producer waits for
 * the log thread at most while that builds and writes a group, never for a
 * forced write of one; only while the log still grows, a new segment is filled
 * with zeros under the lock, a slice at a time.
 *
 * Space: the producer claims it before an entry gets its LSN, so that the
 * thread never finds the log full.  The thread publishes how much there is
 * after it took a batch and before it gives the batch's claim back.
 */
#include "config.h"

#include "log/txc_log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "log/txc_batch.h"
#include "log/txc_format.h"
#include "log/txc_log_impl.h"
#include "log/txc_store.h"

#define LOG_MAGIC 0x7c010601u
#define NEVER     UINT64_MAX

enum {
    CLAIMED_MAX = 64 << 20,     /* bytes that wait for the disk */
    BATCH_COST = 2 * TXC_BLOCK, /* the header of a batch's group and its padding */
    RETRY_MS = 1000             /* how often a full disk is tried again */
};

typedef struct s_request {
    bool waiting; /* handed over, not yet given to the store */
    uint32_t kind;
    void *bytes;
    size_t size;
    uint64_t keep;
} s_request_t;

struct txc_log {
    uint32_t magic;
    txc_disk_t *disk;
    txc_log_options_t options;
    int fd;
    pthread_t thread;
    bool running;
    uint64_t retry_ms; /* the thread's own: when a full disk is tried again, by CLOCK_MONOTONIC */

    /* the producer's own */
    txc_batch_t pending;
    uint64_t next_lsn, keep, checkpoints;

    pthread_mutex_t queue_lock; /* for what the producer hands over: */
    pthread_cond_t wake;
    txc_batch_t queue;
    s_request_t request;
    bool urgent; /* something has to be forced at once */
    bool lazy;   /* something has to be forced within lazy_ms */
    bool stop;

    pthread_mutex_t store_lock; /* for these: */
    txc_store_t *store;
    txc_batch_t draining;   /* the queue's other half, so that its memory is used again */
    void *checkpoint_bytes; /* borrowed by the store */

    atomic_uint_least64_t durable, free_bytes, claimed, size, checkpointed;
    atomic_bool low, can_shrink;
    atomic_int failed; /* code */
};

/* --- small things ------------------------------------------------------------- */

static void s_lock (pthread_mutex_t *mutex)
{
    int rc = pthread_mutex_lock (mutex);
    TXC_ASSERT (rc == 0);
}

static void s_unlock (pthread_mutex_t *mutex)
{
    int rc = pthread_mutex_unlock (mutex);
    TXC_ASSERT (rc == 0);
}

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

/* Tells the producer how things are, and wakes it if there is news. */
static void s_publish (txc_log_t *self)
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

/* Puts a batch into the store and empties it.  After a failure it is dropped. */
static void s_store_batch (txc_log_t *self, txc_batch_t *batch)
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

/* Takes what the producer handed over.  True if some of it is to be forced at once. */
static bool s_drain (txc_log_t *self)
{
    s_lock (&self->queue_lock);
    txc_batch_swap (&self->queue, &self->draining);
    s_request_t request = self->request;
    self->request.waiting = false;
    s_unlock (&self->queue_lock);
    bool forced = self->draining.forced;
    s_store_batch (self, &self->draining);
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
    s_lock (&self->store_lock);
    s_drain (self);
    bool more = s_step_checkpoint (self);
    int rc = txc_store_sync_begin (self->store, &ticket);
    s_unlock (&self->store_lock);

    int forced = rc == TXC_OK ? txc_store_force (self->disk, &ticket) : 0;

    s_lock (&self->store_lock);
    if (rc == TXC_OK)
        rc = txc_store_sync_end (self->store, &ticket, forced);
    if (rc == TXC_OK)
        more |= txc_store_prepare (self->store, retry) == TXC_PENDING;
    s_end_checkpoint (self);
    s_publish (self);
    s_unlock (&self->store_lock);
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
    s_lock (&self->queue_lock);
    while (!more && !self->urgent && !self->stop) {
        if (self->lazy && lazy_ms == NEVER)
            lazy_ms = s_now_ms() + self->options.lazy_ms;
        uint64_t retry_ms = atomic_load (&self->low) ? self->retry_ms : NEVER;
        if (!s_wait_until (self, retry_ms < lazy_ms ? retry_ms : lazy_ms))
            break;
    }
    self->urgent = self->lazy = false;
    bool stop = self->stop;
    s_unlock (&self->queue_lock);
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

static void *s_run (void *arg)
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

/* --- the producer -------------------------------------------------------------------- */

/* Hands pending over; the queue's lock is held. */
static void s_hand_over (txc_log_t *self)
{
    bool urgent = self->pending.forced;
    if (self->pending.used == 0)
        return;
    txc_batch_move (&self->queue, &self->pending);
    bool wake = urgent ? !self->urgent : !self->urgent && !self->lazy;
    self->urgent |= urgent;
    self->lazy = true;
    if (wake)
        pthread_cond_signal (&self->wake);
}

void txc_log_flush (txc_log_t *self)
{
    TXC_CHECK (self, LOG_MAGIC);
    if (self->pending.used == 0)
        return;
    s_lock (&self->queue_lock);
    s_hand_over (self);
    s_unlock (&self->queue_lock);
}

/* Claims space for an entry.  Groups are padded: by less than 1/32 for a full one. */
static int s_claim (txc_log_t *self, size_t size)
{
    int failed = atomic_load (&self->failed);
    if (failed != TXC_OK)
        return failed;
    if (size > TXC_LOG_ENTRY_MAX)
        return TXC_EINVAL;
    uint64_t cost = TXC_RECORD_HEADER + size;
    cost += cost / 32 + 1;
    if (self->pending.used == 0)
        cost += BATCH_COST;
    uint64_t claimed = atomic_fetch_add (&self->claimed, cost) + cost;
    if (claimed > atomic_load (&self->free_bytes) || claimed > CLAIMED_MAX) {
        atomic_fetch_sub (&self->claimed, cost);
        return atomic_load (&self->low) ? TXC_ENOSPACE : TXC_EOVERLOAD;
    }
    self->pending.cost += cost;
    return TXC_OK;
}

int txc_log_append (txc_log_t *self, uint32_t kind, const void *bytes, size_t size, bool forced,
                    uint64_t *lsn)
{
    TXC_CHECK (self, LOG_MAGIC);
    int rc = s_claim (self, size);
    if (rc != TXC_OK)
        return rc;
    txc_batch_item_t item = {.lsn = self->next_lsn++, .kind = kind, .size = (uint32_t) size};
    txc_batch_add (&self->pending, &item, bytes);
    self->pending.forced |= forced;
    if (lsn)
        *lsn = item.lsn;
    return TXC_OK;
}

int txc_log_write (txc_log_t *self, uint32_t kind, const void *bytes, size_t size, uint64_t *lsn)
{
    TXC_CHECK (self, LOG_MAGIC);
    int rc = txc_log_append (self, kind, bytes, size, false, lsn);
    if (rc != TXC_OK)
        return rc;
    s_lock (&self->store_lock);
    bool urgent = s_drain (self) || self->pending.forced;
    s_store_batch (self, &self->pending);
    rc = txc_store_write (self->store);
    if (rc != TXC_OK)
        s_publish (self);
    urgent |= txc_store_wants_reserve (self->store); /* before what is left is used up */
    s_unlock (&self->store_lock);

    s_lock (&self->queue_lock);
    bool wake = urgent ? !self->urgent : !self->urgent && !self->lazy;
    self->urgent |= urgent;
    self->lazy = true;
    if (wake)
        pthread_cond_signal (&self->wake);
    s_unlock (&self->queue_lock);
    return rc;
}

int txc_log_checkpoint (txc_log_t *self, uint32_t kind, void *bytes, size_t size, uint64_t keep)
{
    TXC_CHECK (self, LOG_MAGIC);
    int failed = atomic_load (&self->failed);
    if (failed != TXC_OK)
        return failed;
    if (txc_log_is_checkpointing (self))
        return TXC_PENDING;
    if (keep > self->next_lsn || keep < self->keep)
        return TXC_EINVAL;
    self->keep = keep;
    self->checkpoints++;
    s_lock (&self->queue_lock);
    s_hand_over (self);
    self->request = (s_request_t){.waiting = true, .kind = kind, .bytes = bytes, .size = size, .keep = keep};
    self->urgent = true;
    pthread_cond_signal (&self->wake);
    s_unlock (&self->queue_lock);
    return TXC_OK;
}

bool txc_log_is_checkpointing (const txc_log_t *self)
{
    TXC_CHECK (self, LOG_MAGIC);
    return self->checkpoints != atomic_load (&self->checkpointed);
}

uint64_t txc_log_next (const txc_log_t *self)
{
    TXC_CHECK (self, LOG_MAGIC);
    return self->next_lsn;
}

uint64_t txc_log_size (const txc_log_t *self)
{
    TXC_CHECK (self, LOG_MAGIC);
    return atomic_load (&self->size);
}

bool txc_log_is_low (const txc_log_t *self)
{
    TXC_CHECK (self, LOG_MAGIC);
    return atomic_load (&self->low);
}

bool txc_log_can_shrink (const txc_log_t *self)
{
    TXC_CHECK (self, LOG_MAGIC);
    return atomic_load (&self->can_shrink);
}

uint64_t txc_log_room (const txc_log_t *self)
{
    TXC_CHECK (self, LOG_MAGIC);
    uint64_t bytes = atomic_load (&self->free_bytes), claimed = atomic_load (&self->claimed) + BATCH_COST;
    return bytes > claimed ? bytes - claimed : 0;
}

int txc_log_fd (const txc_log_t *self)
{
    TXC_CHECK (self, LOG_MAGIC);
    return self->fd;
}

uint64_t txc_log_durable (txc_log_t *self)
{
    TXC_CHECK (self, LOG_MAGIC);
    uint64_t count;
    ssize_t n;
    do
        n = read (self->fd, &count, sizeof count);
    while (n < 0 && errno == EINTR);
    return atomic_load (&self->durable);
}

int txc_log_error (txc_log_t *self, txc_error_t *error)
{
    TXC_CHECK (self, LOG_MAGIC);
    if (error)
        *error = (txc_error_t){.code = TXC_OK};
    if (atomic_load (&self->failed) == TXC_OK)
        return TXC_OK; /* asked in every round: not to wait for a segment that is being filled */
    s_lock (&self->store_lock);
    int code = txc_store_error (self->store, error);
    s_unlock (&self->store_lock);
    return code;
}

void txc_log_stats (txc_log_t *self, txc_log_stats_t *stats)
{
    TXC_CHECK (self, LOG_MAGIC);
    s_lock (&self->store_lock);
    txc_store_stats (self->store, stats);
    s_unlock (&self->store_lock);
}

int txc_log_replay (txc_log_t *self, txc_log_visit_t *visit, void *arg, txc_error_t *error)
{
    TXC_CHECK (self, LOG_MAGIC);
    s_lock (&self->store_lock);
    int rc = txc_store_replay (self->store, visit, arg, error);
    s_unlock (&self->store_lock);
    return rc;
}

/* --- opening and closing ---------------------------------------------------------------- */

static void s_init_sync (txc_log_t *self)
{
    pthread_condattr_t attributes;
    int rc = pthread_mutex_init (&self->queue_lock, NULL);
    TXC_ASSERT (rc == 0);
    rc = pthread_mutex_init (&self->store_lock, NULL);
    TXC_ASSERT (rc == 0);
    rc = pthread_condattr_init (&attributes);
    TXC_ASSERT (rc == 0);
    rc = pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
    TXC_ASSERT (rc == 0);
    rc = pthread_cond_init (&self->wake, &attributes);
    TXC_ASSERT (rc == 0);
    pthread_condattr_destroy (&attributes);
}

static int s_open_store (txc_log_t *self, txc_error_t *error)
{
    uint64_t id = 0;
    if (getrandom (&id, sizeof id, 0) != sizeof id || id == 0)
        return txc_error_set (error, TXC_EIO, "the system gives no random number");
    txc_store_options_t options = {
        .segment_size = self->options.segment_size, .max_segments = self->options.max_segments, .new_id = id};
    self->store = txc_store_open (self->disk, &options, error);
    if (!self->store)
        return error ? error->code : TXC_EIO;
    int rc;
    do
        rc = txc_store_prepare (self->store, false);
    while (rc == TXC_PENDING);
    if (rc != TXC_OK)
        return txc_store_error (self->store, error);
    self->next_lsn = txc_store_next (self->store);
    self->keep = txc_store_keep (self->store);
    return TXC_OK;
}

/* The thread gets no signals: they are the daemon's. */
static int s_start (txc_log_t *self, txc_error_t *error)
{
    sigset_t all, old;
    self->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->fd < 0)
        return txc_error_set (error, TXC_EIO, "cannot make an eventfd: %s", strerror (errno));
    s_publish (self);
    (void) txc_log_durable (self);
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &old);
    int rc = pthread_create (&self->thread, NULL, s_run, self);
    pthread_sigmask (SIG_SETMASK, &old, NULL);
    if (rc != 0)
        return txc_error_set (error, TXC_ENOMEM, "cannot start the log's thread: %s", strerror (rc));
    self->running = true;
    return TXC_OK;
}

txc_log_t *txc_log_open_on (txc_disk_t *disk, const txc_log_options_t *options, txc_error_t *error)
{
    txc_error_t ignored;
    txc_log_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, LOG_MAGIC);
    self->disk = disk;
    self->fd = -1;
    if (options)
        self->options = *options;
    if (self->options.segment_size == 0)
        self->options.segment_size = 16 << 20;
    self->options.segment_size = txc_block_round (self->options.segment_size);
    if (self->options.max_segments == 0)
        self->options.max_segments = 64;
    if (self->options.lazy_ms == 0)
        self->options.lazy_ms = 50;
    s_init_sync (self);
    int rc = s_open_store (self, error ? error : &ignored);
    if (rc == TXC_OK)
        rc = s_start (self, error);
    if (rc != TXC_OK)
        txc_log_close (&self);
    return self;
}

txc_log_t *txc_log_open (const char *folder, const txc_log_options_t *options, txc_error_t *error)
{
    int error_number;
    txc_disk_t *disk = txc_disk_posix_new (folder, 1, &error_number);
    if (!disk) {
        txc_disk_t named = {.folder = folder};
        txc_disk_error (&named, "open the log's folder", "", -error_number, error);
        return NULL;
    }
    return txc_log_open_on (disk, options, error);
}

static void s_stop (txc_log_t *self)
{
    s_lock (&self->queue_lock);
    s_hand_over (self);
    self->stop = true;
    pthread_cond_signal (&self->wake);
    s_unlock (&self->queue_lock);
    int rc = pthread_join (self->thread, NULL);
    TXC_ASSERT (rc == 0);
}

int txc_log_close (txc_log_t **self_p)
{
    txc_log_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return TXC_OK;
    TXC_CHECK (self, LOG_MAGIC);
    if (self->running)
        s_stop (self);
    int rc = txc_store_close (&self->store);
    TXC_UNMAGIC (self, LOG_MAGIC);
    free (self->checkpoint_bytes);
    free (self->request.waiting ? self->request.bytes : NULL);
    txc_batch_fini (&self->pending);
    txc_batch_fini (&self->queue);
    txc_batch_fini (&self->draining);
    pthread_cond_destroy (&self->wake);
    pthread_mutex_destroy (&self->queue_lock);
    pthread_mutex_destroy (&self->store_lock);
    if (self->fd >= 0)
        close (self->fd);
    self->disk->destroy (&self->disk);
    free (self);
    return rc;
}
