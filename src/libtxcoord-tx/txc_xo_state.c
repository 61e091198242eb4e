#include "config.h"

#include "libtxcoord-tx/txc_xo_state.h"

#include <tx.h>

#include <txcoord/txc_codes.h>

#include "base/txc_assert.h"

/* The specification's table of states: where each function leads when it succeeds; of tx_commit and
 * tx_rollback, where the end of the transaction does if a new one began as the control characteristic wants
 * it.  NONE: not allowed. */
enum { NONE = -1, S0 = TXC_XO_S0, S1 = TXC_XO_S1, S2 = TXC_XO_S2, S3 = TXC_XO_S3, S4 = TXC_XO_S4 };

static const signed char s_table[TXC_XO_CALLS][TXC_XO_STATES] = {
    [TXC_XO_BEGIN] = {NONE, S3, S4, NONE, NONE},
    [TXC_XO_CLOSE] = {S0, S0, S0, NONE, NONE},
    [TXC_XO_COMMIT] = {NONE, NONE, NONE, S1, S4},
    [TXC_XO_INFO] = {NONE, S1, S2, S3, S4},
    [TXC_XO_OPEN] = {S1, S1, S2, S3, S4},
    [TXC_XO_ROLLBACK] = {NONE, NONE, NONE, S1, S4},
    [TXC_XO_SET_COMMIT_RETURN] = {NONE, S1, S2, S3, S4},
    [TXC_XO_SET_CHAINED] = {NONE, S2, S2, S4, S4},
    [TXC_XO_SET_UNCHAINED] = {NONE, S1, S1, S3, S3},
    [TXC_XO_SET_TIMEOUT] = {NONE, S1, S2, S3, S4},
};

static int s_cell (txc_xo_state_t state, txc_xo_call_t call)
{
    TXC_ASSERT (state < TXC_XO_STATES && call < TXC_XO_CALLS);
    return s_table[call][state];
}

bool txc_xo_allows (txc_xo_state_t state, txc_xo_call_t call)
{
    return s_cell (state, call) != NONE;
}

/* TX_SET1 of the specification. */
bool txc_xo_is_end (int rc)
{
    return rc == TX_OK || rc == TX_ROLLBACK || rc == TX_MIXED || rc == TX_HAZARD || rc == TX_COMMITTED;
}

/* TX_SET2: it has ended, and the next of the chain has not begun. */
static bool s_is_end_of_chain (int rc)
{
    return rc <= TX_NO_BEGIN && txc_xo_is_end (rc - TX_NO_BEGIN);
}

txc_xo_state_t txc_xo_next (txc_xo_state_t state, txc_xo_call_t call, int rc)
{
    int to = s_cell (state, call);
    if (to == NONE)
        return state;
    if (call == TXC_XO_COMMIT || call == TXC_XO_ROLLBACK) {
        if (s_is_end_of_chain (rc)) {
            TXC_ASSERT (state == TXC_XO_S4);
            return TXC_XO_S2;
        }
        return txc_xo_is_end (rc) ? (txc_xo_state_t) to : state;
    }
    return rc >= TX_OK ? (txc_xo_state_t) to : state;
}

bool txc_xo_is_chained (txc_xo_state_t state)
{
    return state == TXC_XO_S2 || state == TXC_XO_S4;
}

bool txc_xo_is_in_transaction (txc_xo_state_t state)
{
    return state == TXC_XO_S3 || state == TXC_XO_S4;
}

int txc_xo_of_commit (int outcome)
{
    switch (outcome) {
    case TXC_OK:
        return TX_OK;
    case TXC_ROLLED_BACK:
        return TX_ROLLBACK;
    case TXC_MIXED:
        return TX_MIXED;
    case TXC_HAZARD:
        return TX_HAZARD;
    default:
        return TX_FAIL;
    }
}

int txc_xo_of_rollback (int outcome)
{
    int rc = txc_xo_of_commit (outcome);
    return rc == TX_OK ? TX_COMMITTED : rc == TX_ROLLBACK ? TX_OK : rc;
}

int txc_xo_of_error (int code)
{
    switch (code) {
    case TXC_ETIMEDOUT:
    case TXC_ECONN:
    case TXC_EOVERLOAD:
    case TXC_ELIMIT:
    case TXC_ERMFAIL:
    case TXC_ESESSION:
    case TXC_ENOSPACE:
    case TXC_ENOTLEADER:
    case TXC_ENOTREADY:
        return TX_ERROR;
    default:
        return TX_FAIL;
    }
}
