/*
 * sim_net.h - the network: loses, repeats, delays, cuts off.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "sim.h"

/* The route under which a process in its present life is answered. */
uint64_t sim_net_route (const sim_t *sim, const sim_proc_t *proc);

/* Sends a copy of message.  to_route: only to the life that this route names; otherwise to whoever holds the
 * endpoint when it arrives. */
void sim_net_send (sim_t *sim, sim_proc_t *from, sim_proc_t *to, const txc_msg_t *message);
void sim_net_answer (sim_t *sim, sim_proc_t *from, uint64_t to_route, const txc_msg_t *message);

#endif
