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
    txc_engine_t *engine; /* NULL: there is none yet, or it is being made */
    bool opening; /* a thread of the process of this generation makes an engine or opens its session */
    unsigned opening_generation;
    txc_error_t opened; /* what came of the last opening */
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

static txc_engine_t *s_make_engine (const txc_client_t *self, txc_error_t *error)
{
    return txc_engine_new (self->endpoints, self->options.max_transactions, self->options.connect_timeout_ms,
                           error);
}

/* True while another thread opens.  One of the parent's never will. */
static bool s_is_opening (const txc_client_t *self)
{
    return self->opening && self->opening_generation == txc_fork_generation();
}

/* Makes an engine, or opens its session again.  With the lock, which is given back meanwhile: of several
 * threads one does it, and what comes of it is everybody's result. */
static int s_open (txc_client_t *self, txc_error_t *error)
{
    if (s_is_opening (self)) {
        while (s_is_opening (self))
            txc_fork_wait();
        *error = self->opened;
        return error->code;
    }
    self->opening = true;
    self->opening_generation = txc_fork_generation();
    txc_engine_t *engine = self->engine ? txc_engine_ref (self->engine) : NULL;
    txc_fork_unlock();

    memset (error, 0, sizeof *error);
    if (engine)
        txc_engine_open (engine, self->endpoints, self->options.connect_timeout_ms, error);
    else
        engine = s_make_engine (self, error);

    txc_fork_lock();
    self->opening = false;
    self->opened = *error;
    if (!self->engine)
        self->engine = engine;
    else
        txc_engine_unref (&engine);
    txc_fork_wake_all();
    return error->code;
}

/* The engine of the moment, made if there is none; one reference is the caller's.  NULL, with *error. */
static txc_engine_t *s_acquire (txc_client_t *self, txc_error_t *error)
{
    txc_fork_lock();
    txc_engine_t *foreign = NULL, *engine = NULL;
    if (self->engine && txc_engine_is_foreign (self->engine)) {
        foreign = self->engine;
        self->engine = NULL;
    }
    if (self->engine || s_open (self, error) == TXC_OK)
        engine = txc_engine_ref (self->engine);
    txc_fork_unlock();
    txc_engine_unref (&foreign);
    return engine;
}

static int s_reopen (txc_client_t *self, txc_error_t *error)
{
    txc_fork_lock();
    int rc = s_open (self, error);
    txc_fork_unlock();
    return rc;
}

static int s_run (txc_engine_t *engine, txc_session_event_t *event, uint64_t *tx, txc_error_t *error)
{
    txc_call_t call;
    txc_call_init (&call);
    txc_crew_run (&engine->crew, event, &call, tx);
    int rc = call.code;
    *error = call.error;
    error->code = rc;
    txc_call_fini (&call);
    return rc;
}

int txc_client_run (txc_client_t *self, txc_session_event_t *event, uint64_t *tx, txc_engine_t **engine_p,
                    txc_error_t *error)
{
    TXC_CHECK (self, CLIENT_MAGIC);
    if (engine_p)
        *engine_p = NULL;
    txc_engine_t *engine = s_acquire (self, error);
    if (!engine)
        return error->code;
    int rc = s_run (engine, event, tx, error);
    /* The session was closed while the application was away: once more, in a new one. */
    if (rc == TXC_ESESSION && (rc = s_reopen (self, error)) == TXC_OK)
        rc = s_run (engine, event, tx, error);
    if (rc == TXC_OK && engine_p)
        *engine_p = engine;
    else
        txc_engine_unref (&engine);
    return rc;
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
    return txc_client_run (self, &event, NULL, NULL, &error);
}
