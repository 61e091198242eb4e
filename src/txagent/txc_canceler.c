#include "config.h"

#include "txagent/txc_canceler.h"

#include <stdlib.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#define CANCELER_MAGIC 0x63616e63u

enum { ORDERS = 1024 };

struct txc_canceler {
    uint32_t magic;
    bool running; /* the loop's */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop;
    uint32_t n_orders;
    struct {
        txc_worker_t *worker;
        uint64_t branch;
    } orders[ORDERS];
};

static void *s_thread (void *arg)
{
    txc_canceler_t *self = arg;
    pthread_mutex_lock (&self->mutex);
    for (;;) {
        while (!self->n_orders && !self->stop)
            pthread_cond_wait (&self->wake, &self->mutex);
        if (!self->n_orders)
            break;
        self->n_orders--;
        txc_worker_t *worker = self->orders[self->n_orders].worker;
        uint64_t branch = self->orders[self->n_orders].branch;
        pthread_mutex_unlock (&self->mutex);
        txc_worker_cancel (worker, branch);
        pthread_mutex_lock (&self->mutex);
    }
    pthread_mutex_unlock (&self->mutex);
    return NULL;
}

txc_canceler_t *txc_canceler_new (void)
{
    txc_canceler_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, CANCELER_MAGIC);
    int rc = pthread_mutex_init (&self->mutex, NULL);
    rc = rc ? rc : pthread_cond_init (&self->wake, NULL);
    TXC_ASSERT (rc == 0);
    return self;
}

void txc_canceler_destroy (txc_canceler_t **self_p)
{
    txc_canceler_t *self = *self_p;
    *self_p = NULL;
    TXC_CHECK (self, CANCELER_MAGIC);
    pthread_mutex_lock (&self->mutex);
    self->stop = true;
    pthread_cond_signal (&self->wake);
    pthread_mutex_unlock (&self->mutex);
    if (self->running)
        pthread_join (self->thread, NULL);
    pthread_cond_destroy (&self->wake);
    pthread_mutex_destroy (&self->mutex);
    TXC_UNMAGIC (self, CANCELER_MAGIC);
    free (self);
}

void txc_canceler_order (txc_canceler_t *self, txc_worker_t *worker, uint64_t branch)
{
    TXC_CHECK (self, CANCELER_MAGIC);
    if (!self->running && pthread_create (&self->thread, NULL, s_thread, self) != 0)
        return;
    self->running = true;
    pthread_mutex_lock (&self->mutex);
    if (self->n_orders < ORDERS) {
        self->orders[self->n_orders].worker = worker;
        self->orders[self->n_orders].branch = branch;
        self->n_orders++;
        pthread_cond_signal (&self->wake);
    }
    pthread_mutex_unlock (&self->mutex);
}
