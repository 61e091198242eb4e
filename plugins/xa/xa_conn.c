/* xa_conn.c - a connection: the thread that makes the switch's calls. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "xa_rm.h"

enum { CONN_MAGIC = 0x78610c0e };

static void s_make (const txc_rm_t *rm, xa_call_t *call)
{
    const struct xa_switch_t *xa = rm->xa;
    switch (call->function) {
    case XA_FN_COMMIT:
        call->rc = xa->xa_commit_entry (&call->xid, rm->rmid, TMNOFLAGS);
        break;
    case XA_FN_ROLLBACK:
        call->rc = xa->xa_rollback_entry (&call->xid, rm->rmid, TMNOFLAGS);
        break;
    case XA_FN_FORGET:
        call->rc = xa->xa_forget_entry (&call->xid, rm->rmid, TMNOFLAGS);
        break;
    case XA_FN_RECOVER:
        call->rc = xa->xa_recover_entry (call->found, call->n_found, rm->rmid, call->flags);
        break;
    case XA_FN_OPEN:
    case XA_FN_START:
    case XA_FN_END:
    case XA_FN_PREPARE:
    case XA_FN_COMMIT_ONE_PHASE:
    case XA_FNS:
        TXC_NEVER();
    }
}

static void *s_run (void *arg)
{
    txc_rm_conn_t *self = arg;
    char info[MAXINFOSIZE]; /* switches take it without const */
    memcpy (info, self->rm->open_info, sizeof info);
    int opened = self->rm->xa->xa_open_entry (info, self->rm->rmid, TMNOFLAGS);
    pthread_mutex_lock (&self->mutex);
    self->opened = opened;
    self->call = NULL; /* the one that waits for xa_open */
    pthread_cond_broadcast (&self->changed);
    while (!self->stopping) {
        xa_call_t *call = self->call;
        if (!call) {
            pthread_cond_wait (&self->changed, &self->mutex);
            continue;
        }
        pthread_mutex_unlock (&self->mutex);
        s_make (self->rm, call);
        pthread_mutex_lock (&self->mutex);
        self->call = NULL;
        pthread_cond_broadcast (&self->changed);
    }
    pthread_mutex_unlock (&self->mutex);
    memcpy (info, self->rm->close_info, sizeof info);
    if (opened == XA_OK)
        self->rm->xa->xa_close_entry (info, self->rm->rmid, TMNOFLAGS);
    return NULL;
}

/* With the mutex: waits until the thread has made the call. */
static void s_await (txc_rm_conn_t *self)
{
    while (self->call)
        pthread_cond_wait (&self->changed, &self->mutex);
}

txc_rm_conn_t *xa_conn_new (txc_rm_t *rm)
{
    txc_rm_conn_t *self = calloc (1, sizeof *self);
    if (!self)
        return NULL;
    TXC_MAGIC (self, CONN_MAGIC);
    self->rm = rm;
    xa_call_t open = {.function = XA_FN_OPEN};
    self->call = &open;
    int rc = pthread_mutex_init (&self->mutex, NULL);
    rc = rc ? rc : pthread_cond_init (&self->changed, NULL);
    TXC_ASSERT (rc == 0);
    if (pthread_create (&self->thread, NULL, s_run, self) != 0) {
        pthread_cond_destroy (&self->changed);
        pthread_mutex_destroy (&self->mutex);
        free (self);
        return NULL;
    }
    pthread_mutex_lock (&self->mutex);
    s_await (self);
    pthread_mutex_unlock (&self->mutex);
    self->alive = self->opened == XA_OK;
    return self;
}

void xa_conn_destroy (txc_rm_conn_t **self_p)
{
    txc_rm_conn_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, CONN_MAGIC);
    pthread_mutex_lock (&self->mutex);
    self->stopping = true;
    pthread_cond_broadcast (&self->changed);
    pthread_mutex_unlock (&self->mutex);
    int rc = pthread_join (self->thread, NULL);
    TXC_ASSERT (rc == 0);
    pthread_cond_destroy (&self->changed);
    pthread_mutex_destroy (&self->mutex);
    TXC_UNMAGIC (self, CONN_MAGIC);
    free (self);
}

void xa_conn_call (txc_rm_conn_t *self, xa_call_t *call)
{
    TXC_CHECK (self, CONN_MAGIC);
    pthread_mutex_lock (&self->mutex);
    TXC_ASSERT (!self->call && !self->stopping);
    self->call = call;
    pthread_cond_broadcast (&self->changed);
    s_await (self);
    pthread_mutex_unlock (&self->mutex);
}
