/*
 * sim_agent.h - the shell around txc_agent, with its worker threads.
 */
#ifndef SIM_AGENT_H
#define SIM_AGENT_H

#include "core/txc_agent.h"
#include "sim.h"
#include "sim_log.h"
#include "sim_rm.h"

struct sim_agent {
    sim_proc_t proc;
    txc_agent_t *core;
    sim_log_t *log;
    txc_agent_config_t config;
    txc_update_t update;
    txc_epoch_t epoch;   /* the highest that its journal holds durably */
    uint64_t guard_slot; /* of the log-loss guard that its journal holds durably */
    uint32_t birth;      /* the number of its journal, once that is durable */
    struct {
        txc_epoch_t epoch;
        uint64_t guard_slot;
    } kept; /* the highest that its journal ever held durably; an operator may have reset the guard */
    txc_list_t jobs; /* requests of its workers that are under way */
    sim_rm_t *rms[SIM_RMS_MAX];
};

void sim_agent_new (sim_t *sim, uint32_t index);
void sim_agent_destroy (sim_t *sim, uint32_t index);
void sim_agent_start (sim_t *sim, sim_agent_t *self);
void sim_agent_crash (sim_t *sim, sim_agent_t *self, bool machine);
/* Its machine goes down, and its disk with it. */
void sim_agent_lose_journal (sim_t *sim, sim_agent_t *self);
void sim_agent_receive (sim_t *sim, sim_agent_t *self, const txc_msg_t *message);
void sim_agent_checkpoint (sim_t *sim, sim_agent_t *self);
/* An operator ends a branch by hand, or accepts the coordinator's log as it is. */
void sim_agent_resolve (sim_t *sim, sim_agent_t *self, const sim_branch_t *branch, bool commit);
void sim_agent_accept_log (sim_t *sim, sim_agent_t *self);

/* --- for its worker threads (sim_worker.c) */
void sim_worker_start (sim_t *sim, sim_agent_t *self, const txc_work_t *work);
void sim_agent_work_done (sim_t *sim, sim_agent_t *self, txc_work_done_t *done);

#endif
