/*
 * txc_log_private.h - the inside of the log, shared by its files.
 *
 *   txc_log.c          the producer's side; opening and closing
 *   txc_log_thread.c   the thread; what either does with the store
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
#ifndef TXC_LOG_PRIVATE_H
#define TXC_LOG_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/txc_assert.h"
#include "log/txc_batch.h"
#include "log/txc_log.h"
#include "log/txc_store.h"

typedef struct txc_log_request {
    bool waiting; /* handed over, not yet given to the store */
    uint32_t kind;
    void *bytes;
    size_t size;
    uint64_t keep;
} txc_log_request_t;

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
    txc_log_request_t request;
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

static inline void txc_log_lock (pthread_mutex_t *mutex)
{
    int rc = pthread_mutex_lock (mutex);
    TXC_ASSERT (rc == 0);
}

static inline void txc_log_unlock (pthread_mutex_t *mutex)
{
    int rc = pthread_mutex_unlock (mutex);
    TXC_ASSERT (rc == 0);
}

/* --- with store_lock held */
/* Tells the producer how things are, and wakes it if there is news. */
void txc_log_publish (txc_log_t *self);
/* Puts a batch into the store and empties it.  After a failure it is dropped. */
void txc_log_store_batch (txc_log_t *self, txc_batch_t *batch);
/* Takes what the producer handed over.  True if some of it is to be forced at once. */
bool txc_log_drain (txc_log_t *self);

/* The thread's life; arg is the log. */
void *txc_log_run (void *arg);

#endif
