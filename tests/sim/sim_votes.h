/*
 * sim_votes.h - the votes of Paxos Commit, as all disks of replicas together hold them.
 *
 * The harness's own count: which replica's disk holds which vote under which
 * ballot, fed with entries at the moment when they are durable.  A transaction
 * is decided by its votes when a majority holds every participant's under one
 * ballot; until a record says so, that is what stands behind "committed".
 */
#ifndef SIM_VOTES_H
#define SIM_VOTES_H

#include "sim_coordinator.h"
#include "sim_truth.h"

/* A vote is on this replica's disk. */
void sim_votes_durable (sim_t *sim, const sim_coordinator_t *replica, const txc_entry_t *entry,
                        txc_epoch_t promised);

/* A replica still knows what its disk holds: asked when it begins a life, and when it promises. */
void sim_votes_check_remembered (sim_t *sim, const sim_coordinator_t *replica);

/* It says that it holds this vote. */
void sim_votes_check_told (sim_t *sim, const sim_coordinator_t *replica, const txc_msg_t *message);

/* Whether the transaction is committed, as far as anybody may say so: by a record, or by its votes. */
bool sim_votes_is_committed (const sim_t *sim, const sim_tx_t *tx);

/* A record closes what its votes have decided, and somebody was told: it must not say otherwise. */
void sim_votes_check_kept (sim_t *sim, const sim_tx_t *tx, const char *why);

#endif
