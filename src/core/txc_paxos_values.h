/*
 * txc_paxos_values.h - values of the log as the body of a message.
 *
 * One after the other: slot (8 bytes, the least significant first), ballot
 * (round 8, replica 4), kind (1), flags (1), size (4), the value's own bytes.
 * Used by PAXOS_PROMISE, PAXOS_ACCEPT and PAXOS_CHOSEN.
 */
#ifndef TXC_PAXOS_VALUES_H
#define TXC_PAXOS_VALUES_H

#include "core/txc_message.h"

typedef struct txc_paxos_value {
    uint64_t slot;
    txc_epoch_t ballot; /* under which it was accepted; PAXOS_ACCEPT: that of the message, zero here */
    uint8_t kind;       /* txc_rec_type_t */
    bool forced;        /* whoever accepts it makes it durable at once */
    bool chosen;        /* PAXOS_PROMISE: the sender knows so */
    uint32_t size;
    const uint8_t *bytes; /* borrowed */
} txc_paxos_value_t;

enum { TXC_PAXOS_VALUE_HEADER = 26 };

/* Bytes that a value takes. */
size_t txc_paxos_value_size (const txc_paxos_value_t *value);

/* Writes it; returns where the next one goes. */
uint8_t *txc_paxos_value_pack (const txc_paxos_value_t *value, uint8_t *bytes);

/* Reads the value at *at and moves *at behind it.  False at the end of the body, and (with *at set to
 * SIZE_MAX) where it is malformed. */
bool txc_paxos_value_next (const txc_blob_t *body, size_t *at, txc_paxos_value_t *value);

/* True if the whole body is well formed. */
bool txc_paxos_values_check (const txc_blob_t *body);

#endif
