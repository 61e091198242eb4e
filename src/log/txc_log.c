#include "config.h"

#include "log/txc_log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/txc_mem.h"
#include "log/txc_format.h"
#include "log/txc_log_impl.h"
#include "log/txc_log_private.h"

#define LOG_MAGIC 0x7c010601u

enum {
    CLAIMED_MAX = 64 << 20,    /* bytes that wait for the disk */
    BATCH_COST = 2 * TXC_BLOCK /* the header of a batch's group and its padding */
};

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
    txc_log_lock (&self->queue_lock);
    s_hand_over (self);
    txc_log_unlock (&self->queue_lock);
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
    txc_log_lock (&self->store_lock);
    bool urgent = txc_log_drain (self) || self->pending.forced;
    txc_log_store_batch (self, &self->pending);
    rc = txc_store_write (self->store);
    if (rc != TXC_OK)
        txc_log_publish (self);
    urgent |= txc_store_wants_reserve (self->store); /* before what is left is used up */
    txc_log_unlock (&self->store_lock);

    txc_log_lock (&self->queue_lock);
    bool wake = urgent ? !self->urgent : !self->urgent && !self->lazy;
    self->urgent |= urgent;
    self->lazy = true;
    if (wake)
        pthread_cond_signal (&self->wake);
    txc_log_unlock (&self->queue_lock);
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
    txc_log_lock (&self->queue_lock);
    s_hand_over (self);
    self->request =
        (txc_log_request_t){.waiting = true, .kind = kind, .bytes = bytes, .size = size, .keep = keep};
    self->urgent = true;
    pthread_cond_signal (&self->wake);
    txc_log_unlock (&self->queue_lock);
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
    txc_log_lock (&self->store_lock);
    int code = txc_store_error (self->store, error);
    txc_log_unlock (&self->store_lock);
    return code;
}

void txc_log_stats (txc_log_t *self, txc_log_stats_t *stats)
{
    TXC_CHECK (self, LOG_MAGIC);
    txc_log_lock (&self->store_lock);
    txc_store_stats (self->store, stats);
    txc_log_unlock (&self->store_lock);
}

int txc_log_replay (txc_log_t *self, txc_log_visit_t *visit, void *arg, txc_error_t *error)
{
    TXC_CHECK (self, LOG_MAGIC);
    txc_log_lock (&self->store_lock);
    int rc = txc_store_replay (self->store, visit, arg, error);
    txc_log_unlock (&self->store_lock);
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
    txc_log_publish (self);
    (void) txc_log_durable (self);
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &old);
    int rc = pthread_create (&self->thread, NULL, txc_log_run, self);
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
    txc_log_lock (&self->queue_lock);
    s_hand_over (self);
    self->stop = true;
    pthread_cond_signal (&self->wake);
    txc_log_unlock (&self->queue_lock);
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
