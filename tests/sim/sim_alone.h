/*
 * sim_alone.h - the members of one three-phase commit among themselves.
 */
#ifndef SIM_ALONE_H
#define SIM_ALONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One seed: agents that have all voted, whose group is gone for good in the middle of its PreCommits.  True:
 * no invariant was broken; else text says which. */
/* A schedule by its name ("partition", "leader-dies"), under the rule of a majority or of timers.  -1: there
 * is no such schedule; 0: it ended, all alike; 1: it did not, text says how. */
int sim_alone_schedule (const char *name, bool timers, bool trace, char *text, size_t size);

bool sim_alone_run (uint64_t seed, bool trace, char *text, size_t size);

#endif
