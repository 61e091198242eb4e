/*
 * sim_group.h - what the disks of all replicas say together.
 *
 * The harness's own acceptors: fed with every entry at the moment when it is
 * durable on one replica's disk, it knows which value is chosen in which slot
 * without asking any replica, and compares whatever they say, apply and answer
 * with that.  Chosen values go on to the reader of the log (sim_reflog.h).
 */
#ifndef SIM_GROUP_H
#define SIM_GROUP_H

#include "sim_coordinator.h"

typedef struct sim_group sim_group_t;

sim_group_t *sim_group_new (uint32_t founders);
void sim_group_destroy (sim_group_t **self_p);

/* An entry is on this replica's disk (again, if it is replayed). */
void sim_group_durable (sim_t *sim, const sim_coordinator_t *replica, const txc_entry_t *entry);

/* A replica has begun a life: what its snapshot holds counts as durable. */
void sim_group_opened (sim_t *sim, const sim_coordinator_t *replica);

/* A message leaves a replica. */
void sim_group_sent (sim_t *sim, const sim_coordinator_t *replica, const txc_msg_t *message);

/* A replica made a step: what it applied, whether it would answer. */
void sim_group_stepped (sim_t *sim, sim_coordinator_t *replica);

/* Who the members are by what is chosen, and who ever was one: a bit for each replica. */
uint32_t sim_group_members (const sim_t *sim);
uint32_t sim_group_ever_members (const sim_t *sim);
uint64_t sim_group_members_slot (const sim_t *sim);

/* The disk of a group of one was replaced by a copy that ends at slot; that of a replica is empty. */
void sim_group_restored (sim_t *sim, uint64_t slot);
void sim_group_disk_lost (sim_t *sim, const sim_coordinator_t *replica);

#endif
