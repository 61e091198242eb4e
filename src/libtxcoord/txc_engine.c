#include "config.h"

#include "libtxcoord/txc_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "libtxcoord/txc_fork.h"
#include "net/txc_calls.h"

enum { ENGINE_MAGIC = 0x7c0e9619 };

/* A random number from the kernel, never 0. */
static uint64_t s_random (void)
{
    uint64_t number = 0;
    while (number == 0) {
        ssize_t rc = getrandom (&number, sizeof number, 0);
        TXC_ASSERT (rc == (ssize_t) sizeof number || (rc < 0 && errno == EINTR));
    }
    return number;
}

int txc_engine_open (txc_engine_t *self, const char *endpoints, uint32_t timeout_ms, txc_error_t *error)
{
    TXC_CHECK (self, ENGINE_MAGIC);
    txc_call_t call;
    txc_call_init (&call);
    txc_session_event_t event = {.op = TXC_OP_OPEN, .timeout_ms = timeout_ms};
    txc_crew_run (&self->crew, &event, &call, NULL);
    int rc = call.code;
    if (rc == TXC_ETIMEDOUT)
        txc_error_set (
            error, TXC_ECONN,
            "no coordinator answered at %s within %u ms; is txcoord running, and is this where it listens?",
            endpoints, timeout_ms);
    else if (rc != TXC_OK)
        rc = txc_error_set (error, rc, "%s (%s)", call.error.text[0] ? call.error.text : txc_strerror (rc),
                            endpoints);
    txc_call_fini (&call);
    return rc;
}

txc_engine_t *txc_engine_new (const char *endpoints, uint32_t max_transactions, uint32_t timeout_ms,
                              txc_error_t *error)
{
    txc_session_config_t config = {
        .nonce = s_random(), .seed = s_random(), .max_transactions = max_transactions};
    if (txc_calls_parse (endpoints, config.coordinators, &config.n_coordinators, error) != TXC_OK)
        return NULL;
    txc_link_t *link = txc_link_new (error);
    if (!link)
        return NULL;
    txc_engine_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, ENGINE_MAGIC);
    self->generation = txc_fork_generation();
    atomic_init (&self->references, 1);
    if (txc_crew_init (&self->crew, txc_session_new (&config), link, error) != TXC_OK) {
        free (self);
        return NULL;
    }
    if (txc_engine_open (self, endpoints, timeout_ms, error) != TXC_OK)
        txc_engine_unref (&self);
    return self;
}

txc_engine_t *txc_engine_ref (txc_engine_t *self)
{
    TXC_CHECK (self, ENGINE_MAGIC);
    atomic_fetch_add_explicit (&self->references, 1, memory_order_relaxed);
    return self;
}

void txc_engine_unref (txc_engine_t **self_p)
{
    txc_engine_t *self = *self_p;
    if (!self)
        return;
    TXC_CHECK (self, ENGINE_MAGIC);
    *self_p = NULL;
    if (txc_engine_is_foreign (self)) {
        txc_fork_abandon (self);
        return;
    }
    if (atomic_fetch_sub_explicit (&self->references, 1, memory_order_acq_rel) > 1)
        return;
    txc_crew_fini (&self->crew);
    TXC_UNMAGIC (self, ENGINE_MAGIC);
    free (self);
}

void txc_engine_close (txc_engine_t *self, uint32_t timeout_ms)
{
    TXC_CHECK (self, ENGINE_MAGIC);
    txc_call_t call;
    txc_call_init (&call);
    txc_session_event_t event = {.op = TXC_OP_CLOSE, .timeout_ms = timeout_ms};
    txc_crew_run (&self->crew, &event, &call, NULL);
    txc_call_fini (&call);
}

bool txc_engine_is_foreign (const txc_engine_t *self)
{
    TXC_CHECK (self, ENGINE_MAGIC);
    return self->generation != txc_fork_generation();
}
