/*
 * sim_check_private.h - shared by the files of the invariants.
 */
#ifndef SIM_CHECK_PRIVATE_H
#define SIM_CHECK_PRIVATE_H

#include "base/txc_mem.h"
#include "sim_truth.h"

/* True if the Commit record on the durable log names this branch. */
bool sim_check_is_listed (const sim_tx_t *tx, uint64_t token);

#endif
