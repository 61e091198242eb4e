#include "config.h"

#include "txagent/txc_item.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

txc_item_t *txc_item_new (struct txc_pool *pool, txc_work_t *work)
{
    txc_item_t *self = txc_calloc (1, sizeof *self);
    txc_list_init (&self->node);
    self->pool = pool;
    if (work) {
        self->work = *work;
        work->body = NULL;
        self->done.op = work->op;
        self->done.rm = work->rm;
        self->done.branch = work->branch;
        self->done.scan = work->scan;
    }
    return self;
}

void txc_item_destroy (txc_item_t **self_p)
{
    txc_item_t *self = *self_p;
    *self_p = NULL;
    TXC_ASSERT (self->dead == NULL);
    txc_blob_destroy (&self->work.body);
    txc_blob_destroy (&self->done.body);
    free (self->found);
    free (self);
}

bool txc_done_queue_init (txc_done_queue_t *self)
{
    atomic_init (&self->top, NULL);
    self->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    return self->fd >= 0;
}

void txc_done_queue_fini (txc_done_queue_t *self)
{
    TXC_ASSERT (atomic_load (&self->top) == NULL);
    close (self->fd);
    self->fd = -1;
}

void txc_done_queue_push (txc_done_queue_t *self, txc_item_t *item)
{
    txc_item_t *top = atomic_load_explicit (&self->top, memory_order_relaxed);
    do
        item->next = top;
    while (!atomic_compare_exchange_weak_explicit (&self->top, &top, item, memory_order_release,
                                                   memory_order_relaxed));
    /* Whoever found the queue empty wakes the loop; the others know that it was woken. */
    uint64_t one = 1;
    if (!top)
        while (write (self->fd, &one, sizeof one) < 0 && errno == EINTR)
            ;
}

txc_item_t *txc_done_queue_take (txc_done_queue_t *self)
{
    /* The descriptor is cleared before the queue is: a push after that writes to it again. */
    uint64_t count;
    while (read (self->fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    txc_item_t *item = atomic_exchange_explicit (&self->top, NULL, memory_order_acquire), *ordered = NULL;
    while (item) {
        txc_item_t *next = item->next;
        item->next = ordered;
        ordered = item;
        item = next;
    }
    return ordered;
}
