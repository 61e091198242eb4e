/*
 * txc_system.h - clocks, random numbers and signals of a daemon.
 */
#ifndef TXC_SYSTEM_H
#define TXC_SYSTEM_H

#include <stdint.h>

uint64_t txc_clock_ms (void);      /* monotonic, and goes on while the machine is suspended */
uint64_t txc_clock_us (void);      /* monotonic */
uint64_t txc_clock_wall_ms (void); /* since 1970, UTC */

/* A random number from the kernel, never 0. */
uint64_t txc_random64 (void);

/* Blocks SIGTERM, SIGINT and SIGHUP in this thread, hence in those that it creates, and gives a descriptor
 * that becomes readable when one arrives; ignores SIGPIPE.  To be called before any thread exists.  -1:
 * errno. */
int txc_signals_open (void);

/* The next signal that has arrived (SIGTERM, SIGINT, SIGHUP), or 0. */
int txc_signals_next (int fd);

#endif
