/* txc_xo_tx.c - the functions of tx.h: the table of states around what a thread of control does. */
#include "config.h"

#include <tx.h>

#include <txcoord/txc_tx_driver.h>

#include "base/txc_assert.h"
#include "libtxcoord-tx/txc_xo_process.h"
#include "libtxcoord-tx/txc_xo_thread.h"

/* Begins a call: TX_OK, TX_PROTOCOL_ERROR in a state that does not have it, TX_FAIL without memory. */
static int s_enter (txc_xo_call_t call, const char *name, txc_xo_thread_t **self)
{
    *self = txc_xo_thread_self();
    if (!*self)
        return TX_FAIL;
    (*self)->reason[0] = 0;
    txc_xo_state_t state = (*self)->state;
    if (txc_xo_allows (state, call))
        return TX_OK;
    return txc_xo_thread_say (*self, TX_PROTOCOL_ERROR, "%s: %s", name,
                              state == TXC_XO_S0                 ? "tx_open was not called"
                              : txc_xo_is_in_transaction (state) ? "the thread is in a transaction"
                                                                 : "the thread is in no transaction");
}

/* Ends a call with rc: the table says which state follows. */
static int s_leave (txc_xo_thread_t *self, txc_xo_call_t call, int rc)
{
    self->state = txc_xo_next (self->state, call, rc);
    if (rc >= TX_OK)
        self->reason[0] = 0;
    TXC_INVARIANT (txc_xo_is_in_transaction (self->state) == (self->tx != NULL));
    return rc;
}

int tx_open (void)
{
    txc_xo_thread_t *self;
    int rc = s_enter (TXC_XO_OPEN, "tx_open", &self);
    if (rc != TX_OK)
        return rc;
    return s_leave (self, TXC_XO_OPEN, self->state == TXC_XO_S0 ? txc_xo_thread_open (self) : TX_OK);
}

int tx_close (void)
{
    txc_xo_thread_t *self;
    int rc = s_enter (TXC_XO_CLOSE, "tx_close", &self);
    if (rc != TX_OK)
        return rc;
    return s_leave (self, TXC_XO_CLOSE, self->state == TXC_XO_S0 ? TX_OK : txc_xo_thread_close (self));
}

int tx_begin (void)
{
    txc_xo_thread_t *self;
    int rc = s_enter (TXC_XO_BEGIN, "tx_begin", &self);
    return rc == TX_OK ? s_leave (self, TXC_XO_BEGIN, txc_xo_thread_begin (self)) : rc;
}

/* The next transaction of a chain, after the end of one. */
static int s_chain (txc_xo_thread_t *self, int rc)
{
    if (!txc_xo_is_end (rc) || !txc_xo_is_chained (self->state))
        return rc;
    return txc_xo_thread_begin (self) == TX_OK ? rc : rc + TX_NO_BEGIN;
}

int tx_commit (void)
{
    txc_xo_thread_t *self;
    int rc = s_enter (TXC_XO_COMMIT, "tx_commit", &self);
    return rc == TX_OK ? s_leave (self, TXC_XO_COMMIT, s_chain (self, txc_xo_thread_commit (self))) : rc;
}

int tx_rollback (void)
{
    txc_xo_thread_t *self;
    int rc = s_enter (TXC_XO_ROLLBACK, "tx_rollback", &self);
    return rc == TX_OK ? s_leave (self, TXC_XO_ROLLBACK, s_chain (self, txc_xo_thread_rollback (self))) : rc;
}

int tx_info (TXINFO *info)
{
    txc_xo_thread_t *self;
    int rc = s_enter (TXC_XO_INFO, "tx_info", &self);
    if (rc != TX_OK)
        return rc;
    if (info)
        txc_xo_thread_describe (self, info);
    return s_leave (self, TXC_XO_INFO, txc_xo_is_in_transaction (self->state));
}

/* --- characteristics ------------------------------------------------------------------- */

int tx_set_commit_return (COMMIT_RETURN when_return)
{
    txc_xo_thread_t *self;
    int rc = s_enter (TXC_XO_SET_COMMIT_RETURN, "tx_set_commit_return", &self);
    if (rc != TX_OK)
        return rc;
    if (when_return != TX_COMMIT_COMPLETED && when_return != TX_COMMIT_DECISION_LOGGED)
        return txc_xo_thread_say (self, TX_EINVAL, "tx_set_commit_return: %ld is not one of its values",
                                  when_return);
    self->when_return = when_return;
    return s_leave (self, TXC_XO_SET_COMMIT_RETURN, TX_OK);
}

int tx_set_transaction_control (TRANSACTION_CONTROL control)
{
    txc_xo_thread_t *self;
    txc_xo_call_t call = control == TX_CHAINED ? TXC_XO_SET_CHAINED : TXC_XO_SET_UNCHAINED;
    int rc = s_enter (call, "tx_set_transaction_control", &self);
    if (rc != TX_OK)
        return rc;
    if (control != TX_CHAINED && control != TX_UNCHAINED)
        return txc_xo_thread_say (self, TX_EINVAL, "tx_set_transaction_control: %ld is not one of its values",
                                  control);
    return s_leave (self, call, TX_OK);
}

int tx_set_transaction_timeout (TRANSACTION_TIMEOUT timeout)
{
    txc_xo_thread_t *self;
    int rc = s_enter (TXC_XO_SET_TIMEOUT, "tx_set_transaction_timeout", &self);
    if (rc != TX_OK)
        return rc;
    if (timeout < 0)
        return txc_xo_thread_say (self, TX_EINVAL, "tx_set_transaction_timeout: %ld seconds", timeout);
    self->timeout = timeout;
    return s_leave (self, TXC_XO_SET_TIMEOUT, TX_OK);
}

/* --- beside the specification -------------------------------------------------------------- */

txc_tx_t *txc_tx_current (void)
{
    const txc_xo_thread_t *self = txc_xo_thread_self();
    return self ? self->tx : NULL;
}

txc_client_t *txc_tx_client (void)
{
    const txc_xo_thread_t *self = txc_xo_thread_self();
    return self && self->state != TXC_XO_S0 ? txc_xo_process_client() : NULL;
}

const char *txc_tx_reason (void)
{
    const txc_xo_thread_t *self = txc_xo_thread_self();
    return self ? self->reason : "out of memory";
}

void *txc_tx_connection (const char *rm, const txc_tx_driver_t *driver)
{
    txc_xo_thread_t *self = txc_xo_thread_self();
    if (!self)
        return NULL;
    self->reason[0] = 0;
    return txc_xo_thread_connection (self, rm, driver);
}
