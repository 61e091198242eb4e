/*
 * txc_transitions.h - the transition tables of the protocols, for inspection.
 *
 * A table says which state may follow which.  Each machine asserts it on every
 * change and counts the changes, so that tests can tell which were reached.
 */
#ifndef TXC_TRANSITIONS_H
#define TXC_TRANSITIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { TXC_STATES_MAX = 16 };

typedef struct txc_transitions {
    const char *machine;
    unsigned n_states;
    const char *names[TXC_STATES_MAX];
    bool allowed[TXC_STATES_MAX][TXC_STATES_MAX];        /* [from][to] */
    uint64_t (*reached)[TXC_STATES_MAX][TXC_STATES_MAX]; /* of this thread */
} txc_transitions_t;

const txc_transitions_t *txc_gtx_transitions (void);    /* global transaction, coordinator's side */
const txc_transitions_t *txc_branch_transitions (void); /* branch, agent's side */
const txc_transitions_t *txc_tx_transitions (void);     /* transaction, application's side */

/* Asserts that from -> to is allowed and counts it. */
void txc_transitions_check (const txc_transitions_t *self, unsigned from, unsigned to);

#endif
