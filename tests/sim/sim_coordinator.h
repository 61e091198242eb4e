/*
 * sim_coordinator.h - the shell around txc_replica: carries out its updates, crashes at every step of doing
 * so.
 */
#ifndef SIM_COORDINATOR_H
#define SIM_COORDINATOR_H

#include "core/txc_replica.h"
#include "sim.h"
#include "sim_log.h"

struct sim_coordinator {
    sim_proc_t proc;
    txc_replica_t *core;
    sim_log_t *log;
    txc_replica_config_t config;
    txc_update_t update;
    uint32_t wall_ahead_ms; /* of the time of day */
    bool low;               /* what core was told of the log's space */
    bool opening;           /* its log is being replayed */
    bool checkpoint_wanted; /* and its log was not free for it */
    bool disk_lost;         /* it will never vote again */
    bool formatted_again;   /* by an operator who did not know better: it believes that it votes */
    uint64_t applied;       /* the last slot, after its last step */
    uint64_t asked; /* us; when the first of the questions came that it keeps, or the one it answers now */
};

/* The replica with this endpoint (its name); NULL: the first one. */
sim_proc_t *sim_coordinator_at (const sim_t *sim, const char *endpoint);
/* One that leads, or any that is up; NULL: none is up. */
sim_coordinator_t *sim_coordinator_leader (const sim_t *sim);
void sim_coordinator_transfer (sim_t *sim);
/* An operator's command.  Core's answer. */
int sim_coordinator_command (sim_t *sim, sim_coordinator_t *self, txc_event_t *event);
/* Its disk is gone; it is down afterwards. */
void sim_coordinator_lose_disk (sim_t *sim, sim_coordinator_t *self);

/* Where an application or agent that starts now is told to find the group. */
void sim_coordinator_endpoints (const sim_t *sim, char endpoints[][TXC_ENDPOINT_MAX + 1], uint32_t *n);

void sim_coordinator_new (sim_t *sim, uint32_t index);
void sim_coordinator_destroy (sim_t *sim, uint32_t index);
void sim_coordinator_start (sim_t *sim, sim_coordinator_t *self);
void sim_coordinator_crash (sim_t *sim, sim_coordinator_t *self, bool machine);
/* Whoever else takes itself for the leader is asked what became of this transaction. */
void sim_coordinator_ask_others (sim_t *sim, const sim_coordinator_t *self, const txc_gtrid_t *gtrid);
/* A terminator's request for this number comes to the leader once more, some time later. */
void sim_coordinator_ask_again (sim_t *sim, const txc_gtrid_t *gtrid, uint64_t number);
void sim_coordinator_receive (sim_t *sim, sim_coordinator_t *self, const txc_msg_t *message);
void sim_coordinator_checkpoint (sim_t *sim, sim_coordinator_t *self);
void sim_coordinator_resolve (sim_t *sim, sim_coordinator_t *self, const txc_gtrid_t *gtrid, bool commit);
/* Looks at the log's space now and then: tells core, takes a checkpoint. */
void sim_coordinator_watch_space (sim_t *sim, sim_coordinator_t *self);
/* The disk fills up, or has room again. */
void sim_coordinator_full (sim_t *sim, sim_coordinator_t *self, bool full);
/* Crashes it and puts an old copy of its log in place. */
void sim_coordinator_restore (sim_t *sim, sim_coordinator_t *self, uint64_t slot);

#endif
