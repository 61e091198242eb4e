#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "libtxcoord/txc_tx.h"
#include "wire/txc_statement.h"

enum { FEW_PARAMS = 16, SAVEPOINT_NAME_MAX = 63 };

/* --- statements -------------------------------------------------------------------- */

/* The wire's form of the parameters; in few if they fit, else from malloc.  NULL: no memory. */
static txc_value_t *s_values (int n_params, const txc_param_t *params, txc_value_t *few)
{
    txc_value_t *values = few;
    if (n_params > FEW_PARAMS && !(values = malloc ((size_t) n_params * sizeof *values)))
        return NULL;
    for (int i = 0; i < n_params; i++) {
        const txc_param_t *param = &params[i];
        values[i].data = param->value;
        values[i].size = param->value && param->size == 0 ? strlen (param->value) : param->size;
    }
    return values;
}

static int s_pack_failed (txc_tx_t *self, int rc)
{
    if (rc == TXC_ELIMIT)
        return txc_error_set (
            &self->error, rc,
            "the statement with its parameters is larger than %d bytes, or has more than %d "
            "parameters; it was not sent",
            TXC_STATEMENT_MAX, TXC_PARAMS_MAX);
    if (rc == TXC_EINVAL)
        return txc_tx_fail (self, rc, "the statement is empty");
    return txc_tx_fail (self, rc, txc_strerror (rc));
}

/* The encoded statement. */
static int s_pack (txc_tx_t *self, const char *sql, int n_params, const txc_param_t *params,
                   txc_blob_t **body)
{
    if (!sql || n_params < 0 || (n_params > 0 && !params))
        return txc_tx_fail (self, TXC_EINVAL, "the statement, or its list of parameters, is missing");
    if (n_params > TXC_PARAMS_MAX)
        return s_pack_failed (self, TXC_ELIMIT);
    txc_value_t few[FEW_PARAMS];
    txc_value_t *values = s_values (n_params, params, few);
    if (!values)
        return s_pack_failed (self, TXC_ENOMEM);
    int rc = txc_statement_pack (sql, strlen (sql), (uint32_t) n_params, values, body);
    if (values != few)
        free (values);
    return rc == TXC_OK ? TXC_OK : s_pack_failed (self, rc);
}

/* Checks and encodes; on success event is ready, with a body that the caller gives up afterwards. */
static int s_prepare (txc_tx_t *self, const char *rm, const char *sql, int n_params,
                      const txc_param_t *params, bool last, txc_session_event_t *event)
{
    int rc = txc_tx_enter (self);
    if (rc != TXC_OK)
        return rc;
    if (!rm || !txc_name_is_valid (rm))
        return txc_tx_fail (self, TXC_EINVAL, "the resource manager's name is to be 1 to 31 of [a-z0-9_-]");
    *event = (txc_session_event_t){
        .op = TXC_OP_EXEC, .tx = self->handle, .rm = rm, .flags = last ? TXC_FLAG_LAST : 0};
    return s_pack (self, sql, n_params, params, &event->body);
}

static int s_exec (txc_tx_t *self, const char *rm, const char *sql, int n_params, const txc_param_t *params,
                   bool last, txc_result_t **result)
{
    if (result)
        *result = NULL;
    txc_session_event_t event;
    int rc = s_prepare (self, rm, sql, n_params, params, last, &event);
    if (rc != TXC_OK)
        return rc;
    txc_call_t call;
    txc_call_init (&call);
    txc_crew_run (&self->engine->crew, &event, &call, NULL);
    txc_blob_destroy (&event.body);
    rc = txc_tx_take (self, &call);
    if (rc == TXC_OK && result && (rc = txc_result_new (txc_call_take_body (&call), result)) != TXC_OK)
        txc_tx_fail (self, rc, "the statement ran, but its result cannot be read");
    txc_call_fini (&call);
    return rc;
}

int txc_exec (txc_tx_t *self, const char *rm, const char *sql, int n_params, const txc_param_t *params,
              txc_result_t **result)
{
    return s_exec (self, rm, sql, n_params, params, false, result);
}

int txc_exec_last (txc_tx_t *self, const char *rm, const char *sql, int n_params, const txc_param_t *params,
                   txc_result_t **result)
{
    return s_exec (self, rm, sql, n_params, params, true, result);
}

int txc_exec_async (txc_tx_t *self, const char *rm, const char *sql, int n_params, const txc_param_t *params,
                    int last)
{
    txc_session_event_t event;
    int rc = s_prepare (self, rm, sql, n_params, params, last != 0, &event);
    if (rc != TXC_OK)
        return rc;
    txc_call_t *call = txc_call_new();
    txc_list_append (&self->statements, &call->owner);
    txc_crew_begin (&self->engine->crew, &event, call, NULL);
    txc_blob_destroy (&event.body);
    return TXC_OK;
}

int txc_tx_settle (txc_tx_t *self)
{
    int first = TXC_OK;
    txc_error_t error = {0};
    txc_list_t *node;
    while ((node = txc_list_pop (&self->statements)) != NULL) {
        txc_call_t *call = TXC_CONTAINER (node, txc_call_t, owner);
        txc_crew_wait (&self->engine->crew, call);
        int rc = txc_tx_take (self, call);
        if (first == TXC_OK && rc != TXC_OK) {
            first = rc;
            error = self->error;
        }
        txc_call_destroy (&call);
    }
    self->error = error;
    return first;
}

int txc_wait (txc_tx_t *self)
{
    int rc = txc_tx_enter (self);
    return rc == TXC_OK ? txc_tx_settle (self) : rc;
}

/* --- savepoints: plain SQL, the same in every database that has them --------------------- */

static bool s_is_savepoint_name (const char *name)
{
    size_t size = name ? strlen (name) : 0;
    if (size == 0 || size > SAVEPOINT_NAME_MAX || isdigit ((unsigned char) name[0]))
        return false;
    return strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

static int s_savepoint (txc_tx_t *self, const char *rm, const char *verb, const char *name)
{
    if (!s_is_savepoint_name (name)) {
        int rc = txc_tx_enter (self);
        return rc == TXC_OK ? txc_tx_fail (self, TXC_EINVAL,
                                           "a savepoint's name is [A-Za-z_][A-Za-z0-9_]*, at most 63 bytes")
                            : rc;
    }
    char sql[sizeof "ROLLBACK TO SAVEPOINT " + SAVEPOINT_NAME_MAX];
    snprintf (sql, sizeof sql, "%s %s", verb, name);
    return s_exec (self, rm, sql, 0, NULL, false, NULL);
}

int txc_savepoint (txc_tx_t *self, const char *rm, const char *name)
{
    return s_savepoint (self, rm, "SAVEPOINT", name);
}

int txc_rollback_to (txc_tx_t *self, const char *rm, const char *name)
{
    return s_savepoint (self, rm, "ROLLBACK TO SAVEPOINT", name);
}

int txc_release (txc_tx_t *self, const char *rm, const char *name)
{
    return s_savepoint (self, rm, "RELEASE SAVEPOINT", name);
}
