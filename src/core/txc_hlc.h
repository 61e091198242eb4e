/*
 * txc_hlc.h - hybrid logical clocks: stamps in causal order, close to the time of day.
 *
 * After Kulkarni, Demirbas et al., "Logical Physical Clocks": what a process
 * does after it has received a message has a higher stamp than what its
 * sender did before it left, whatever their wall clocks say.  So records of
 * one leader have higher stamps than all that it had heard of, those of the
 * leaders before it among them.
 *
 * A stamp is 48 bits of milliseconds since 1970 and a counter of 16 bits,
 * which carries over into the milliseconds.  0: none.  Nothing rests on
 * stamps; they put in order what is shown to people.
 */
#ifndef TXC_HLC_H
#define TXC_HLC_H

#include <stdint.h>

/* A stamp above all that this process has given out or seen.  wall_ms: the time of day, 0 if it is not known.
 */
uint64_t txc_hlc_next (uint64_t clock, uint64_t wall_ms);

/* The clock after a stamp was seen that somebody outside sent.  One that is more than an hour ahead of the
 * time of day is not believed: it would spoil the clocks of all. */
uint64_t txc_hlc_seen (uint64_t clock, uint64_t stamp, uint64_t wall_ms);

/* The milliseconds of a stamp. */
uint64_t txc_hlc_ms (uint64_t stamp);

#endif
