#include "config.h"

#include "libtxcoord/txc_fork.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

typedef struct s_abandoned {
    struct s_abandoned *next;
    void *memory;
} s_abandoned_t;

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t s_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_chosen = PTHREAD_COND_INITIALIZER;
static atomic_uint s_generation;
static s_abandoned_t *s_abandoned; /* under s_mutex */

void txc_fork_lock (void)
{
    int rc = pthread_mutex_lock (&s_mutex);
    TXC_ASSERT (rc == 0);
}

void txc_fork_unlock (void)
{
    int rc = pthread_mutex_unlock (&s_mutex);
    TXC_ASSERT (rc == 0);
}

void txc_fork_wait (void)
{
    pthread_cond_wait (&s_chosen, &s_mutex);
}

void txc_fork_wake_all (void)
{
    pthread_cond_broadcast (&s_chosen);
}

/* Who waited in the parent does not exist here: the condition begins anew. */
static void s_in_child (void)
{
    atomic_fetch_add_explicit (&s_generation, 1, memory_order_relaxed);
    s_chosen = (pthread_cond_t) PTHREAD_COND_INITIALIZER;
    txc_fork_unlock();
}

static void s_install (void)
{
    int rc = pthread_atfork (txc_fork_lock, txc_fork_unlock, s_in_child);
    TXC_ASSERT (rc == 0);
}

void txc_fork_init (void)
{
    pthread_once (&s_once, s_install);
}

unsigned txc_fork_generation (void)
{
    return atomic_load_explicit (&s_generation, memory_order_relaxed);
}

void txc_fork_abandon (void *memory)
{
    s_abandoned_t *entry = txc_malloc (sizeof *entry);
    entry->memory = memory;
    txc_fork_lock();
    entry->next = s_abandoned;
    s_abandoned = entry;
    txc_fork_unlock();
}
