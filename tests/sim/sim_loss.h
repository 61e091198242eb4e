/*
 * sim_loss.h - an agent that loses its journal at the worst time (mode 3pc).
 */
#ifndef SIM_LOSS_H
#define SIM_LOSS_H

#include "sim.h"

/* Places the losses of a seed on its time line. */
void sim_loss_plan (sim_t *sim, uint64_t until_us);

#endif
