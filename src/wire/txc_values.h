/*
 * txc_values.h - values of SQL as `Values` of txcoord.proto has them.
 *
 * For txc_statement.c and txc_rows.c: parameters and rows travel alike.
 */
#ifndef TXC_VALUES_H
#define TXC_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/txc_statement.h"
#include "wire/txcoord.pb-c.h"

/* Values that are being collected; zeroed to begin with. */
typedef struct txc_values_buffer {
    uint32_t *sizes;
    size_t n_sizes, max_sizes;
    uint8_t *data;
    size_t size, room;
} txc_values_buffer_t;

/* Adds a value (data NULL: SQL's NULL).  TXC_OK, TXC_ENOMEM; TXC_ELIMIT: it would take 2^32 bytes. */
int txc_values_add (txc_values_buffer_t *self, const char *data, size_t size);
void txc_values_fini (txc_values_buffer_t *self);

/* The collected values as a protobuf-c structure that borrows them. */
Txcoord__Values txc_values_wire (const txc_values_buffer_t *self);

/* Checks decoded values and makes them ready for txc_values_at.  False: sizes and data do not agree. */
bool txc_values_index (Txcoord__Values *wire);

/* Value i of indexed ones; borrows from wire. */
txc_value_t txc_values_at (const Txcoord__Values *wire, size_t i);

#endif
