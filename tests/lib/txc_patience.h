/*
 * txc_patience.h - how long the library waits before it repeats a request, for tests that count requests.
 *
 * On a busy machine an answer may well come later than that, and be asked for twice.  To be linked with
 * -Wl,--wrap=txc_session_new.
 */
#ifndef TXC_PATIENCE_H
#define TXC_PATIENCE_H

#include <stdint.h>

/* Of the sessions of clients that are made from now on; 0: as usual. */
extern uint32_t txc_patience_ms;

#endif
