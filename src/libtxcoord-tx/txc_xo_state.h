/*
 * txc_xo_state.h - the state table of the TX interface (CAE specification C504), pure.
 *
 * A thread of control is in one of five states; the table says which function
 * may be called in which, and where its result leads.  A function that is not
 * in the table for a state gives TX_PROTOCOL_ERROR and changes nothing.
 */
#ifndef TXC_XO_STATE_H
#define TXC_XO_STATE_H

#include <stdbool.h>

typedef enum txc_xo_state {
    TXC_XO_S0, /* no resource manager is open */
    TXC_XO_S1, /* open, not in a transaction; unchained */
    TXC_XO_S2, /* open, not in a transaction; chained */
    TXC_XO_S3, /* in a transaction; unchained */
    TXC_XO_S4, /* in a transaction; chained */
    TXC_XO_STATES
} txc_xo_state_t;

typedef enum txc_xo_call {
    TXC_XO_BEGIN,
    TXC_XO_CLOSE,
    TXC_XO_COMMIT,
    TXC_XO_INFO,
    TXC_XO_OPEN,
    TXC_XO_ROLLBACK,
    TXC_XO_SET_COMMIT_RETURN,
    TXC_XO_SET_CHAINED,
    TXC_XO_SET_UNCHAINED,
    TXC_XO_SET_TIMEOUT,
    TXC_XO_CALLS
} txc_xo_call_t;

/* Whether the table has the function in that state. */
bool txc_xo_allows (txc_xo_state_t state, txc_xo_call_t call);

/* The state after the function gave rc in that state.  What is no success, and no end of a transaction,
 * changes nothing. */
txc_xo_state_t txc_xo_next (txc_xo_state_t state, txc_xo_call_t call, int rc);

/* Whether rc says that the transaction has ended. */
bool txc_xo_is_end (int rc);

bool txc_xo_is_chained (txc_xo_state_t state);
bool txc_xo_is_in_transaction (txc_xo_state_t state);

/* What tx_commit gives for an outcome of txcoord (TXC_OK, TXC_ROLLED_BACK, ...); TX_FAIL: not known. */
int txc_xo_of_commit (int outcome);

/* The same for tx_rollback. */
int txc_xo_of_rollback (int outcome);

/* What tx_open and tx_begin give for an error of txcoord: TX_ERROR if it may pass, or TX_FAIL. */
int txc_xo_of_error (int code);

#endif
