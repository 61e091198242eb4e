#include "config.h"

#include "libtxcoord/txc_pump.h"

#include <time.h>

#include "base/txc_assert.h"

uint64_t txc_pump_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

void txc_pump_init (txc_pump_t *self, txc_session_t *session, txc_link_t *link)
{
    self->session = session;
    self->link = link;
    self->unsent = 0;
    txc_update_init (&self->update);
    txc_list_init (&self->done);
}

void txc_pump_fini (txc_pump_t *self)
{
    TXC_ASSERT (txc_list_is_empty (&self->done));
    txc_update_fini (&self->update);
    txc_session_destroy (&self->session);
    txc_link_destroy (&self->link);
}

/* The call takes what its completion holds.  Core's operation number is the call's address. */
static void s_complete (txc_pump_t *self, txc_completion_t *completion)
{
    txc_call_t *call = (txc_call_t *) (uintptr_t) completion->operation;
    TXC_ASSERT (!call->done);
    call->done = true;
    call->code = completion->code;
    call->error = completion->error;
    call->body = completion->body;
    completion->body = NULL;
    txc_list_append (&self->done, &call->completed);
}

static void s_carry_out (txc_pump_t *self)
{
    txc_update_t *update = &self->update;
    for (uint32_t i = 0; i < update->n_messages; i++) {
        const txc_msg_t *message = &update->messages[i];
        const char *endpoint = message->route == TXC_ROUTE_LEADER
                                   ? txc_session_leader (self->session)
                                   : txc_session_endpoint (self->session, message->route);
        TXC_ASSERT (endpoint != NULL);
        txc_link_send (self->link, endpoint, message);
        self->unsent++;
    }
    for (uint32_t i = 0; i < update->n_completions; i++)
        s_complete (self, &update->completions[i]);
    txc_update_clear (update);
}

void txc_pump_begin (txc_pump_t *self, txc_session_event_t *event, txc_call_t *call, uint64_t *tx)
{
    event->now_ms = txc_pump_now_ms();
    event->operation = (uint64_t) (uintptr_t) call;
    txc_session_step (self->session, event, tx, &self->update);
    s_carry_out (self);
}

static void s_take_message (void *arg, const txc_msg_t *message)
{
    txc_pump_t *self = arg;
    txc_session_event_t event = {.op = TXC_OP_MESSAGE, .now_ms = txc_pump_now_ms(), .message = message};
    txc_session_step (self->session, &event, NULL, &self->update);
    s_carry_out (self);
}

static void s_tick (txc_pump_t *self)
{
    uint64_t now_ms = txc_pump_now_ms();
    if (now_ms < txc_session_next_ms (self->session))
        return;
    txc_session_event_t event = {.op = TXC_OP_TICK, .now_ms = now_ms};
    txc_session_step (self->session, &event, NULL, &self->update);
    s_carry_out (self);
    txc_link_keep (self->link, self->session); /* every keepalive is a tick */
}

void txc_pump_turn (txc_pump_t *self)
{
    /* Receiving comes behind sending, since that may take away the signal of a socket that has something; and
     * before the tick, so that an answer that is already here is not asked for again. */
    do {
        self->unsent = 0;
        txc_link_flush (self->link);
        while (txc_link_receive (self->link, s_take_message, self))
            continue;
        s_tick (self);
    } while (self->unsent > 0);
}

uint64_t txc_pump_next_ms (const txc_pump_t *self)
{
    return txc_session_next_ms (self->session);
}
