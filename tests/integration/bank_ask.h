/*
 * bank_ask - threads that ask what became of transactions of others, while these are being ended and
 * afterwards.
 *
 * They have a session of their own, so that nothing is answered from the memory of those who ran the
 * transactions. They ask for outcomes (txc_outcome), read the ledgers, and ask about transactions that never
 * were.
 */
#ifndef BANK_ASK_H
#define BANK_ASK_H

#include <stdbool.h>
#include <stdint.h>

/* Connects to endpoints and starts the threads; they are numbered from first_thread on in the history. False:
 * why not is on stderr. */
bool bank_ask_start (const char *endpoints, unsigned threads, unsigned first_thread, uint64_t seed);

/* Somebody shall ask about this one now; never waits.  Threads: any. */
void bank_ask_about (const char *gtrid);

/* Lets the threads end, and closes the session. */
void bank_ask_stop (void);

/* Asks about every gtrid that stdin names, one a line, and ends.  False: there is no session. */
bool bank_ask_lines (const char *endpoints, unsigned thread);

#endif
