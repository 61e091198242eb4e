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
    self->take_in = NULL;
    self->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    return self->fd >= 0;
}

void txc_done_queue_fini (txc_done_queue_t *self)
{
    TXC_ASSERT (atomic_load (&self->top) == NULL);
    close (self->fd);
    self->fd = -1;
}

/* True if the queue was empty. */
static bool s_push (txc_done_queue_t *self, txc_item_t *item)
{
    txc_item_t *top = atomic_load_explicit (&self->top, memory_order_relaxed);
    do
        item->next = top;
    while (!atomic_compare_exchange_weak_explicit (&self->top, &top, item, memory_order_release,
                                                   memory_order_relaxed));
    return !top;
}

void txc_done_queue_wake (const txc_done_queue_t *self)
{
    uint64_t one = 1;
    while (write (self->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* Whoever found the queue empty sees that it is taken; the others know that somebody does. */
void txc_done_queue_push (txc_done_queue_t *self, txc_item_t *item)
{
    if (s_push (self, item))
        txc_done_queue_wake (self);
}

void txc_done_queue_hand_in (txc_done_queue_t *self, txc_item_t *item)
{
    bool first = s_push (self, item);
    bool taken = self->take_in && self->take_in (self->arg);
    if (first && !taken)
        txc_done_queue_wake (self);
}

txc_item_t *txc_done_queue_take (txc_done_queue_t *self)
{
    txc_item_t *item = atomic_exchange_explicit (&self->top, NULL, memory_order_acquire), *ordered = NULL;
    while (item) {
        txc_item_t *next = item->next;
        item->next = ordered;
        ordered = item;
        item = next;
    }
    return ordered;
}

void txc_done_queue_clear (txc_done_queue_t *self)
{
    uint64_t count;
    while (read (self->fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}
