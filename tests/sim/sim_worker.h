/*
 * sim_worker.h - an agent's worker threads and their connections.
 *
 * A work item travels to its resource manager and back; a connection can be
 * lost at every point of the way.
 */
#ifndef SIM_WORKER_H
#define SIM_WORKER_H

#include "sim_agent.h"

void sim_worker_init (sim_agent_t *agent);
void sim_worker_fini (sim_agent_t *agent);

/* The agent died: what is on its way may still run; servers notice sooner or later. */
void sim_worker_abandon (sim_t *sim, sim_agent_t *agent);

#endif
