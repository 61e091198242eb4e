/*
 * sim_check.h - the invariants, seen from outside.
 *
 * Each function is told of one observable event (a message that leaves, an
 * answer that an application gets, what a resource manager does to a branch)
 * and compares it with the book (sim_truth.h).
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "core/txc_journal.h"
#include "sim.h"
#include "sim_truth.h"

/* A message leaves its process (before the network has its way with it). */
void sim_check_from_coordinator (sim_t *sim, const sim_coordinator_t *replica, const txc_msg_t *message);
void sim_check_from_agent (sim_t *sim, const sim_agent_t *agent, const txc_msg_t *message);
void sim_check_from_client (sim_t *sim, const txc_msg_t *message);

/* True if the coordinator led under this epoch from an old copy of its disk. */
bool sim_check_is_restored_epoch (const sim_t *sim, txc_epoch_t epoch);

/* A message of a leader has reached an agent, which asked for this. */
void sim_check_obeyed (sim_t *sim, const sim_agent_t *agent, const txc_msg_t *message);

/* A member's state has become durable: in an agent's journal, or (place 0) in the group's log. */
void sim_check_member (sim_t *sim, const txc_jrec_t *record);
void sim_check_attempt (sim_t *sim, sim_tx_t *tx, uint32_t place, uint64_t number, uint8_t kind);
/* What a three-phase commit's members have decided: TXC_VOTE_YES, TXC_VOTE_NO, or NONE so far. */
uint8_t sim_check_decided (const sim_tx_t *tx);

/* An application was told what became of its transaction. */
void sim_check_told (sim_t *sim, const char *who, sim_tx_t *tx, int code, bool completed);

/* Whoever asked for an outcome since then is given this answer. */
void sim_check_answer (sim_t *sim, const char *who, const sim_tx_t *tx, int code, uint64_t since);

/* A resource manager starts, prepares or ends a branch.  by_op: by a request, not by a crash or a lost
 * session. */
void sim_check_statement (sim_t *sim, const sim_branch_t *branch, const sim_statement_t *statement,
                          uint64_t incarnation);
void sim_check_prepared (sim_t *sim, const sim_branch_t *branch);
/* A last resource has committed, with its marker. */
void sim_check_last (sim_t *sim, const sim_branch_t *branch);
void sim_check_committed (sim_t *sim, sim_branch_t *branch);
void sim_check_rolled_back (sim_t *sim, sim_branch_t *branch, bool by_op);
void sim_check_foreign (sim_t *sim, const sim_branch_t *branch, const char *op);

/* Everything was healed and has come to rest. */
void sim_check_end (sim_t *sim);

#endif
