/*
 * txc_pump.h - steps of the session and their effects on the sockets.
 *
 * Not locked: the crew (txc_crew.h) calls it under its lock.
 */
#ifndef TXC_PUMP_H
#define TXC_PUMP_H

#include "core/txc_session.h"
#include "libtxcoord/txc_call.h"
#include "libtxcoord/txc_link.h"

typedef struct txc_pump {
    txc_session_t *session;
    txc_link_t *link;
    txc_update_t update;
    txc_list_t done; /* calls that were completed and are still to be told */
    unsigned unsent; /* messages queued since the last flush */
} txc_pump_t;

/* Takes session and link. */
void txc_pump_init (txc_pump_t *self, txc_session_t *session, txc_link_t *link);
void txc_pump_fini (txc_pump_t *self);

/* Begins a call.  Its messages are queued; txc_pump_turn sends them. */
void txc_pump_begin (txc_pump_t *self, txc_session_event_t *event, txc_call_t *call, uint64_t *tx);

/* Sends, receives and ticks until there is nothing more to do now. */
void txc_pump_turn (txc_pump_t *self);

uint64_t txc_pump_next_ms (const txc_pump_t *self);

/* The monotonic clock, in milliseconds. */
uint64_t txc_pump_now_ms (void);

#endif
