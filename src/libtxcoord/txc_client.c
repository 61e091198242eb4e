#include "config.h"

#include "libtxcoord/txc_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "libtxcoord/txc_fork.h"

enum { CLIENT_MAGIC = 0x7c0c11e7 };

struct txc_client {
    unsigned magic;
    char *endpoints;
    txc_client_options_t options;
    /* Under txc_fork_lock: */
    txc_engine_t *engine; /* NULL: the next one is still to be made */
    bool choosing;        /* a thread of this process makes it */
    unsigned choosing_generation;
};

static _Thread_local txc_error_t s_last_error;

void txc_client_set_last_error (const txc_error_t *error)
{
    s_last_error = *error;
}

txc_error_info_t txc_client_error_info (const txc_error_t *error)
{
    return (txc_error_info_t){.code = error->code,
                              .native = error->native,
                              .sqlstate = error->sqlstate,
                              .rm = error->rm,
                              .text = error->text[0] ? error->text : txc_strerror (error->code)};
}

txc_error_info_t txc_last_error (void)
{
    return txc_client_error_info (&s_last_error);
}

/* --- the engine of the moment --------------------------------------------------- */

/* Takes the client's reference away from an engine of the parent.  With the lock. */
static txc_engine_t *s_take_foreign (txc_client_t *self)
{
    txc_engine_t *engine = self->engine;
    if (!engine || !txc_engine_is_foreign (engine))
        return NULL;
    self->engine = NULL;
    return engine;
}

/* With the lock: sleeps while another thread of this process makes an engine.  A parent's thread never will.
 */
static void s_wait_for_choice (txc_client_t *self)
{
    while (self->choosing && self->choosing_generation == txc_fork_generation())
        txc_fork_wait();
}

static txc_engine_t *s_make_engine (const txc_client_t *self, txc_error_t *error)
{
    return txc_engine_new (self->endpoints, self->options.max_transactions, self->options.connect_timeout_ms,
                           error);
}

txc_engine_t *txc_client_engine (txc_client_t *self, txc_error_t *error)
{
    TXC_CHECK (self, CLIENT_MAGIC);
    txc_fork_lock();
    txc_engine_t *foreign = s_take_foreign (self);
    s_wait_for_choice (self);
    if (self->engine) {
        txc_engine_t *engine = txc_engine_ref (self->engine);
        txc_fork_unlock();
        return engine;
    }
    self->choosing = true;
    self->choosing_generation = txc_fork_generation();
    txc_fork_unlock();

    txc_engine_unref (&foreign);
    txc_engine_t *engine = s_make_engine (self, error);

    txc_fork_lock();
    self->engine = engine;
    self->choosing = false;
    if (engine)
        txc_engine_ref (engine);
    txc_fork_wake_all();
    txc_fork_unlock();
    return engine;
}

void txc_client_retire (txc_client_t *self, txc_engine_t *engine)
{
    TXC_CHECK (self, CLIENT_MAGIC);
    txc_engine_t *retired = NULL;
    txc_fork_lock();
    if (self->engine == engine) {
        retired = engine;
        self->engine = NULL;
    }
    txc_fork_unlock();
    txc_engine_unref (&retired);
}

/* --- life ---------------------------------------------------------------------------- */

txc_client_t *txc_client_new (const char *endpoints, const txc_client_options_t *options)
{
    txc_error_t error;
    if (!endpoints || !*endpoints) {
        txc_error_set (&error, TXC_EINVAL, "no coordinator was named; give \"tcp://host:port\"");
        txc_client_set_last_error (&error);
        return NULL;
    }
    txc_fork_init();
    txc_client_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, CLIENT_MAGIC);
    self->endpoints = txc_strdup (endpoints);
    if (options)
        self->options = *options;
    if (self->options.connect_timeout_ms == 0)
        self->options.connect_timeout_ms = TXC_CONNECT_TIMEOUT_MS;
    self->engine = s_make_engine (self, &error);
    if (!self->engine) {
        txc_client_set_last_error (&error);
        txc_client_destroy (&self);
    }
    return self;
}

void txc_client_destroy (txc_client_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    txc_client_t *self = *self_p;
    *self_p = NULL;
    TXC_UNMAGIC (self, CLIENT_MAGIC);
    if (self->engine && !txc_engine_is_foreign (self->engine))
        txc_engine_close (self->engine, self->options.connect_timeout_ms);
    txc_engine_unref (&self->engine);
    free (self->endpoints);
    free (self);
}

/* --- outcomes ---------------------------------------------------------------------- */

int txc_outcome (txc_client_t *self, const char *gtrid, uint32_t timeout_ms)
{
    if (!self || !gtrid)
        return TXC_EINVAL;
    TXC_CHECK (self, CLIENT_MAGIC);
    txc_session_event_t event = {.op = TXC_OP_OUTCOME,
                                 .timeout_ms = timeout_ms ? timeout_ms : TXC_OUTCOME_TIMEOUT_MS};
    if (!txc_gtrid_parse (gtrid, strlen (gtrid), &event.gtrid))
        return TXC_EINVAL;
    txc_error_t error;
    txc_engine_t *engine = txc_client_engine (self, &error);
    if (!engine)
        return error.code;
    txc_call_t call;
    txc_call_init (&call);
    txc_crew_run (&engine->crew, &event, &call, NULL);
    int rc = call.code;
    txc_call_fini (&call);
    if (rc == TXC_ESESSION)
        txc_client_retire (self, engine);
    txc_engine_unref (&engine);
    return rc;
}
