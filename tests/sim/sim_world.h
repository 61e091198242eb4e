/*
 * sim_world.h - the event loop, for the runner only.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "sim.h"

/* Runs the next event.  False: there is none. */
bool sim_world_step (sim_t *sim);

/* Drops every event that is left. */
void sim_world_fini (sim_t *sim);

#endif
