#include "config.h"

#include "libtxcoord/txc_tx.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "libtxcoord/txc_client.h"

enum { TX_MAGIC = 0x7c07a5ac };

/* --- life -------------------------------------------------------------------- */

txc_tx_t *txc_tx_new (txc_engine_t *engine, uint64_t handle)
{
    txc_tx_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, TX_MAGIC);
    self->state = TXC_TX_OPEN;
    self->engine = engine;
    self->handle = handle;
    self->fd = -1;
    self->commit_code = TXC_PENDING;
    txc_list_init (&self->statements);
    const txc_session_t *session = txc_crew_lock (&engine->crew);
    txc_gtrid_t gtrid = txc_session_gtrid (session, handle);
    txc_crew_unlock (&engine->crew);
    txc_gtrid_format (&gtrid, self->gtrid);
    return self;
}

static bool s_options_are_valid (const txc_tx_options_t *options, txc_error_t *error)
{
    if (!txc_mode_of_name (options->mode))
        txc_error_set (error, TXC_EINVAL,
                       "mode \"%.20s\" is not known; give \"2pc\", \"3pc\", \"paxos\" or NULL (2pc)",
                       options->mode);
    else if ((unsigned) options->isolation > TXC_ISOLATION_SERIALIZABLE)
        txc_error_set (error, TXC_EINVAL, "isolation %d is not one of txc_isolation_t",
                       (int) options->isolation);
    else if ((unsigned) options->commit_return > TXC_DECISION_LOGGED)
        txc_error_set (error, TXC_EINVAL, "commit_return %d is not one of txc_commit_return_t",
                       (int) options->commit_return);
    else
        return true;
    return false;
}

static txc_tx_t *s_begin (txc_client_t *client, const txc_tx_options_t *options, txc_error_t *error)
{
    txc_session_event_t event = {.op = TXC_OP_BEGIN,
                                 .isolation = (uint8_t) options->isolation,
                                 .mode = (uint8_t) txc_mode_of_name (options->mode),
                                 .timeout_ms = options->timeout_ms};
    txc_engine_t *engine;
    uint64_t handle = 0;
    if (txc_client_run (client, &event, &handle, &engine, error) != TXC_OK)
        return NULL;
    txc_tx_t *self = txc_tx_new (engine, handle);
    self->commit_return = options->commit_return;
    self->isolation = (uint8_t) options->isolation;
    return self;
}

txc_tx_t *txc_begin (txc_client_t *client, const txc_tx_options_t *options)
{
    static const txc_tx_options_t defaults;
    txc_error_t error;
    txc_tx_t *self = NULL;
    if (!options)
        options = &defaults;
    if (!client)
        txc_error_set (&error, TXC_EINVAL, "there is no client");
    else if (s_options_are_valid (options, &error))
        self = s_begin (client, options, &error);
    if (!self)
        txc_client_set_last_error (&error);
    return self;
}

/* Leaves what is under way to the engine. */
static void s_orphan_calls (txc_tx_t *self)
{
    txc_list_t *node;
    while ((node = txc_list_pop (&self->statements)) != NULL) {
        txc_call_t *call = TXC_CONTAINER (node, txc_call_t, owner);
        txc_crew_orphan (&self->engine->crew, &call);
    }
    if (self->commit)
        txc_crew_orphan (&self->engine->crew, &self->commit);
}

static void s_forget (txc_tx_t *self)
{
    txc_call_t call;
    txc_call_init (&call);
    txc_session_event_t event = {.op = TXC_OP_FORGET, .tx = self->handle};
    txc_crew_run (&self->engine->crew, &event, &call, NULL);
    txc_call_fini (&call);
}

/* What is open on the application's connections is rolled back there; it is the last chance. */
static void s_roll_back_enlisted (txc_tx_t *self)
{
    txc_session_event_t event = {.op = TXC_OP_ROLLBACK};
    txc_tx_run_end (self, &event);
}

void txc_tx_destroy (txc_tx_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    txc_tx_t *self = *self_p;
    *self_p = NULL;
    TXC_UNMAGIC (self, TX_MAGIC);
    /* In a forked child the calls under way are the parent's memory, as the engine is. */
    if (!txc_engine_is_foreign (self->engine)) {
        s_orphan_calls (self);
        if (self->enlisted && self->state == TXC_TX_OPEN)
            s_roll_back_enlisted (self);
        s_forget (self);
    }
    txc_enlist_release (self);
    if (self->fd >= 0)
        close (self->fd);
    txc_engine_unref (&self->engine);
    free (self);
}

/* --- errors ------------------------------------------------------------------------ */

const char *txc_tx_gtrid (const txc_tx_t *self)
{
    if (!self)
        return "";
    TXC_CHECK (self, TX_MAGIC);
    return self->gtrid;
}

txc_error_info_t txc_tx_error (const txc_tx_t *self)
{
    static const txc_error_t none = {.code = TXC_EINVAL};
    if (!self)
        return txc_client_error_info (&none);
    TXC_CHECK (self, TX_MAGIC);
    return txc_client_error_info (&self->error);
}

int txc_tx_is_rollback_only (const txc_tx_t *self)
{
    if (!self)
        return 0;
    TXC_CHECK (self, TX_MAGIC);
    if (txc_engine_is_foreign (self->engine))
        return 0;
    const txc_session_t *session = txc_crew_lock (&self->engine->crew);
    bool is = txc_session_rollback_only (session, self->handle);
    txc_crew_unlock (&self->engine->crew);
    return is;
}

int txc_tx_fail (txc_tx_t *self, int code, const char *text)
{
    return txc_error_set (&self->error, code, "%s", text);
}

int txc_tx_enter (txc_tx_t *self)
{
    if (!self)
        return TXC_EINVAL;
    TXC_CHECK (self, TX_MAGIC);
    memset (&self->error, 0, sizeof self->error);
    if (txc_engine_is_foreign (self->engine))
        return txc_tx_fail (self, TXC_EFORKED, "the transaction belongs to the parent process");
    if (self->state == TXC_TX_OVER)
        return txc_tx_fail (self, TXC_EPROTO, "the transaction is over");
    if (self->state == TXC_TX_COMMITTING)
        return txc_tx_fail (self, TXC_EPROTO, "the transaction is being committed");
    return TXC_OK;
}

/* --- calls --------------------------------------------------------------------------- */

int txc_tx_take (txc_tx_t *self, const txc_call_t *call)
{
    self->error = call->error;
    /* A rollback is told with its cause.  Of any other outcome no cause may say that it is worth another try.
     */
    if (self->error.code == TXC_OK || (call->code > 0 && call->code != TXC_ROLLED_BACK))
        self->error.code = call->code;
    return call->code;
}

int txc_tx_run (txc_tx_t *self, txc_session_event_t *event, txc_blob_t **body)
{
    txc_call_t call;
    txc_call_init (&call);
    event->tx = self->handle;
    txc_crew_run (&self->engine->crew, event, &call, NULL);
    int rc = txc_tx_take (self, &call);
    if (body)
        *body = txc_call_take_body (&call);
    txc_call_fini (&call);
    return rc;
}

int txc_tx_run_end (txc_tx_t *self, txc_session_event_t *event)
{
    int rc;
    while ((rc = txc_tx_run (self, event, NULL)) == TXC_SESSION_WORK)
        txc_enlist_work (self);
    return rc;
}

/* What a rollback that was not confirmed comes to: never TXC_OK. */
static int s_not_rolled_back (txc_tx_t *self, int rc)
{
    if (rc < 0)
        return rc;
    if (rc == TXC_UNKNOWN || rc == TXC_PENDING)
        return txc_tx_fail (self, TXC_ETIMEDOUT, "the rollback is not confirmed yet; it goes on by itself");
    self->state = TXC_TX_OVER;
    return txc_error_set (&self->error, TXC_EPROTO, "it is too late to roll back: %s",
                          rc == TXC_OK ? "the transaction was committed" : txc_strerror (rc));
}

int txc_rollback (txc_tx_t *self)
{
    int rc = txc_tx_enter (self);
    if (rc != TXC_OK)
        return rc;
    txc_tx_settle (self);
    txc_session_event_t event = {.op = TXC_OP_ROLLBACK};
    rc = txc_tx_run_end (self, &event);
    if (rc != TXC_ROLLED_BACK)
        return s_not_rolled_back (self, rc);
    self->state = TXC_TX_OVER;
    txc_enlist_release (self);
    memset (&self->error, 0, sizeof self->error);
    return TXC_OK;
}
