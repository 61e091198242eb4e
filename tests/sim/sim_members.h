/*
 * sim_members.h - the operator who changes the members of the group.
 */
#ifndef SIM_MEMBERS_H
#define SIM_MEMBERS_H

#include "sim.h"

typedef enum sim_change { SIM_CHANGE_NONE, SIM_CHANGE_ADD, SIM_CHANGE_REMOVE } sim_change_t;

/* Begins a change, unless one is under way: a member without its disk goes first, then others come and go.
 * The operator insists until it is done. */
void sim_members_change (sim_t *sim);

/* Asks this replica at once for what the operator wants, whether it still leads or not. */
void sim_members_press (sim_t *sim, sim_coordinator_t *leader);

/* Names a replica that does not exist. */
void sim_members_mistype (sim_t *sim);

/* What the operator wanted is done. */
bool sim_members_is_over (const sim_t *sim);

/* Its disk may be lost: a majority of the members is left, and knows that it is one. */
bool sim_members_can_spare (const sim_t *sim, uint32_t index);

#endif
