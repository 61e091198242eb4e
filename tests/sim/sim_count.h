/*
 * sim_count.h - what one faultless transaction costs: messages, message delays, stable writes.
 *
 * The product's own state machines, with a message taking exactly one delay
 * and a forced write exactly one write delay, and nothing else any time at
 * all; so that what passes between the commit request and its effects is a
 * number of each.  doc/protocols.md has the table beside Gray & Lamport's
 * formulas.
 */
#ifndef SIM_COUNT_H
#define SIM_COUNT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_count {
    uint32_t told_delays, told_writes; /* until the application is told, which asked for decision_logged */
    uint32_t commit_delays, commit_writes; /* until the last resource manager begins to commit */
    uint32_t messages; /* that were received until then, and what they lead to is not put off */
    uint32_t frames;   /* the same, where what leaves one process for another at one moment is one */
    uint32_t writes;   /* forced, of resource managers, agents and replicas together, until then */
    uint32_t all_messages, all_writes; /* until nothing of the transaction is left to be done */
} sim_count_t;

/* Counts a transaction of n branches in that mode (txc_mode_t), with 2f+1 replicas.  False: it did not
 * commit. */
bool sim_count_run (unsigned mode, uint32_t n, uint32_t f, sim_count_t *count);

/* Prints the table for all modes that are served.  0: every one of them committed. */
int sim_count_print (void);

#endif
