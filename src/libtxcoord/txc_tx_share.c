#include "config.h"

#include <stdlib.h>

#include "base/txc_assert.h"
#include "libtxcoord/txc_client.h"
#include "libtxcoord/txc_ticket.h"
#include "libtxcoord/txc_tx.h"

/* Runs an operation whose body is a ticket for somebody else. */
static int s_issue (txc_tx_t *self, txc_op_t op, char **ticket)
{
    if (ticket)
        *ticket = NULL;
    int rc = txc_tx_enter (self);
    if (rc != TXC_OK)
        return rc;
    if (!ticket)
        return txc_tx_fail (self, TXC_EINVAL, "there is no place for the ticket");
    txc_tx_settle (self);
    txc_blob_t *body = NULL;
    txc_session_event_t event = {.op = (uint8_t) op};
    rc = txc_tx_run (self, &event, &body);
    if (rc == TXC_OK && !(*ticket = txc_ticket_format (body)))
        rc = txc_tx_fail (self, TXC_ENOMEM, txc_strerror (TXC_ENOMEM));
    txc_blob_destroy (&body);
    return rc;
}

int txc_export (txc_tx_t *self, char **ticket)
{
    return s_issue (self, TXC_OP_EXPORT, ticket);
}

int txc_detach (txc_tx_t *self, char **ticket)
{
    int rc = s_issue (self, TXC_OP_DETACH, ticket);
    if (rc == TXC_OK)
        self->state = TXC_TX_OVER;
    return rc;
}

int txc_reattach (txc_tx_t *self, const char *ticket)
{
    int rc = txc_tx_enter (self);
    if (rc != TXC_OK)
        return rc;
    txc_session_event_t event = {.op = TXC_OP_REATTACH, .body = ticket ? txc_ticket_parse (ticket) : NULL};
    if (!event.body)
        return txc_tx_fail (self, TXC_EINVAL, "this is not a ticket of txc_detach");
    rc = txc_tx_run (self, &event, NULL);
    txc_blob_destroy (&event.body);
    return rc;
}

txc_tx_t *txc_join (txc_client_t *client, const char *ticket)
{
    txc_error_t error;
    txc_tx_t *self = NULL;
    txc_blob_t *body = ticket ? txc_ticket_parse (ticket) : NULL;
    if (!client)
        txc_error_set (&error, TXC_EINVAL, "there is no client");
    else if (!body)
        txc_error_set (&error, TXC_EINVAL, "this is not a ticket of txc_export");
    else {
        txc_session_event_t event = {.op = TXC_OP_JOIN, .body = body};
        txc_engine_t *engine;
        uint64_t handle = 0;
        if (txc_client_run (client, &event, &handle, &engine, &error) == TXC_OK)
            self = txc_tx_new (engine, handle);
    }
    txc_blob_destroy (&body);
    if (!self)
        txc_client_set_last_error (&error);
    return self;
}
