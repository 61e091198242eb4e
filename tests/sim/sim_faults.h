/*
 * sim_faults.h - which faults a seed has, and those that come at a time of their own.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "sim.h"

/* Draws the seed's subset of faults with their rates. */
void sim_faults_draw (sim_t *sim);

/* Puts the faults that are not drawn at chances on the time line, up to until_us. */
void sim_faults_plan (sim_t *sim, uint64_t until_us);

/* No faults from now on: everything is up, connected and has space. */
void sim_faults_heal (sim_t *sim);

/* Starts again what is down, and what went down by an earlier fault (before healing: after a while). */
void sim_faults_watch (sim_t *sim);

#endif
