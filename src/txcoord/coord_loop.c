/* The loop: events go into core, updates are carried out, everything that piled up leaves at once. */
#include "config.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/txc_assert.h"
#include "core/txc_paxos.h"
#include "daemon/txc_notify.h"
#include "daemon/txc_report.h"
#include "daemon/txc_system.h"
#include "txcoord/coord.h"
#include "wire/txc_codec.h"

enum { FRAMES_A_ROUND = 256, IDLE_MS = 1000, RETRY_MS = 5 };

/* --- carrying out an update ---------------------------------------------------------- */

static bool s_is_for_replica (uint64_t route)
{
    return route >> 63 && route != TXC_ROUTE_ALL;
}

/* In the order of core/txc_update.h: entries, then messages.  What is sent here does not rest on what is
 * appended here. */
void coord_carry_out (coord_t *self)
{
    const txc_update_t *update = &self->update;
    for (uint32_t i = 0; i < update->n_entries; i++) {
        coord_report_entry (&update->entries[i]);
        coord_log_append (self, &update->entries[i]);
    }
    for (uint32_t i = 0; i < update->n_messages; i++) {
        const txc_msg_t *message = &update->messages[i];
        if (message->type == TXC_MSG_NONE)
            continue; /* coord_admin took it */
        coord_report_message (message);
        txc_crash_send (txc_msg_name (message->type));
        if (s_is_for_replica (message->route))
            coord_peers_send (self, message);
        else
            txc_net_send (self->net, message->route, message);
    }
    if (update->checkpoint) {
        self->checkpoint_wanted = true;
        txc_report (TXC_REPORT_NOTICE, NULL,
                    "it was too far behind for single values: a snapshot of another replica was taken over");
    }
    txc_update_clear (&self->update);
}

int coord_feed (coord_t *self, txc_event_t *event)
{
    /* Not the round's time: what a message says must not seem to have been known before it came. */
    self->now_ms = txc_clock_ms();
    event->now_ms = self->now_ms;
    event->wall_ms = txc_clock_wall_ms();
    return txc_replica_step (self->replica, event, &self->update);
}

int coord_step (coord_t *self, txc_event_t *event)
{
    int rc = coord_feed (self, event);
    coord_carry_out (self);
    return rc;
}

/* --- events ----------------------------------------------------------------------------- */

static void s_message (void *arg, const txc_msg_t *message)
{
    static txc_report_limit_t limit;
    coord_t *self = arg;
    if (message->type == TXC_MSG_ADMIN) {
        coord_admin (self, message);
        return;
    }
    if (txc_paxos_is_message (message->type) && !coord_peers_heard (self, message)) {
        self->refused++;
        return;
    }
    int rc = coord_step (self, &(txc_event_t){.type = TXC_EVENT_MESSAGE, .message = message});
    if (rc == TXC_OK)
        return;
    self->refused++;
    txc_report_limited (&limit, TXC_REPORT_DEBUG, &message->gtrid, "%s dropped: %s",
                        txc_msg_name (message->type), txc_strerror (rc));
}

/* Tells core what became durable. */
static void s_durable (coord_t *self)
{
    uint64_t durable = txc_log_durable (self->log), number;
    if (coord_log_next_durable (self, durable, &number))
        coord_step (self, &(txc_event_t){.type = TXC_EVENT_DURABLE, .number = number});
}

static void s_set_level (const coord_t *self)
{
    txc_report_level_t level = TXC_REPORT_INFO;
    const char *text =
        self->options.log_level ? self->options.log_level : txc_config_string (self->config, "report/level");
    bool valid = txc_report_level_parse (text, &level);
    TXC_ASSERT (valid); /* both were checked */
    txc_report_set_level (level);
}

static void s_changed (void *arg, const char *path, bool applied)
{
    (void) arg;
    if (applied)
        txc_report (TXC_REPORT_NOTICE, NULL, "%s has changed", path);
    else
        txc_report (TXC_REPORT_WARNING, NULL, "%s has changed in the file, but counts only after a restart",
                    path);
}

static void s_reload (coord_t *self)
{
    txc_error_t error;
    txc_notify_reloading();
    if (txc_config_reload (self->config, s_changed, NULL, &error))
        txc_report (TXC_REPORT_ERROR, NULL, "the configuration stays as it was: %s", error.text);
    else
        txc_report (TXC_REPORT_NOTICE, NULL, "the configuration was read again");
    s_set_level (self);
    txc_notify ("READY=1");
}

static void s_signals (coord_t *self)
{
    for (int number; (number = txc_signals_next (self->signal_fd)) != 0;) {
        if (number == SIGHUP)
            s_reload (self);
        else if (self->stop_until_ms)
            self->hurry = true;
        else
            coord_stop_begin (self);
    }
}

/* --- the rounds -------------------------------------------------------------------------- */

/* Space, size, failure.  A failed log is final: nothing more was promised, and nothing that was promised is
 * lost. */
static int s_check_log (coord_t *self, txc_error_t *error)
{
    int rc = txc_log_error (self->log, error);
    if (rc)
        return rc;
    coord_log_retry (self);
    bool low = txc_log_is_low (self->log);
    if (low != self->space_low) {
        self->space_low = low;
        txc_report (
            low ? TXC_REPORT_ERROR : TXC_REPORT_NOTICE, NULL,
            low ? "the log's disk or its max_segments is nearly full: new sessions and commits are refused"
                : "the log has room again");
        coord_step (self, &(txc_event_t){.type = TXC_EVENT_SPACE, .low = low});
    }
    uint64_t slot, limit = (uint64_t) txc_config_int (self->config, "log/checkpoint_size");
    if (coord_log_checkpointed (self, &slot))
        coord_step (self, &(txc_event_t){.type = TXC_EVENT_CHECKPOINTED, .slot = slot});
    bool due = (low && txc_log_can_shrink (self->log)) || self->checkpoint_wanted ||
               txc_log_size (self->log) > limit;
    if (due && !txc_log_is_checkpointing (self->log))
        rc = coord_log_checkpoint (self);
    if (rc == TXC_OK || rc == TXC_PENDING)
        return TXC_OK;
    int failed = txc_log_error (self->log, error); /* meanwhile: it names the file */
    return failed ? failed : txc_error_set (error, rc, "no snapshot: %s", txc_strerror (rc));
}

/* How long there is nothing to do unless something comes in. */
static int s_timeout_ms (const coord_t *self)
{
    uint64_t due_ms = txc_replica_next_ms (self->replica), now_ms = txc_clock_ms();
    if (self->queue.waiting)
        due_ms = now_ms + RETRY_MS; /* the log has no room; nothing else is taken in meanwhile */
    if (self->watchdog_ms && self->watchdog_due_ms < due_ms)
        due_ms = self->watchdog_due_ms;
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms > IDLE_MS ? IDLE_MS : (int) (due_ms - now_ms);
}

/* Waits for messages, the log and signals.  While the log has no room messages stay where they are, and must
 * not end the wait. */
static void s_wait (coord_t *self, bool *log, bool *signals)
{
    int fds[] = {txc_log_fd (self->log), self->signal_fd};
    bool readable[2] = {false, false};
    if (self->queue.waiting) {
        struct pollfd polled[] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
        bool any = poll (polled, 2, s_timeout_ms (self)) > 0;
        for (int i = 0; i < 2; i++)
            readable[i] = any && polled[i].revents;
    } else
        txc_net_poll (self->net, fds, readable, 2, s_timeout_ms (self));
    *log = readable[0];
    *signals = readable[1];
}

static int s_round (coord_t *self, txc_error_t *error)
{
    bool log, signals;
    s_wait (self, &log, &signals);
    self->now_ms = txc_clock_ms();
    if (signals)
        s_signals (self);
    if (log)
        s_durable (self);
    if (!self->queue.waiting)
        txc_net_receive (self->net, s_message, self, FRAMES_A_ROUND);
    if (txc_replica_next_ms (self->replica) <= self->now_ms)
        coord_step (self, &(txc_event_t){.type = TXC_EVENT_TICK});
    coord_admin_held (self);
    int rc = s_check_log (self, error);
    if (rc)
        return rc;
    /* What others have to force leaves first: waking the log's thread takes as long as their way there. */
    txc_net_flush (self->net);
    txc_log_flush (self->log);
    txc_crash_sent();
    return TXC_OK;
}

/* A new log is formatted: a group of one leads it; a replica of several says whose disk it is. */
static bool s_is_formatted (const coord_t *self, const txc_replica_status_t *status)
{
    return status->leading || (status->n_members > 1 && self->queue.count == 0);
}

int coord_loop_run (coord_t *self, bool once, txc_error_t *error)
{
    txc_replica_status_t status;
    s_set_level (self);
    txc_replica_status (self->replica, &status);
    if (!once)
        coord_peers_update (self, &status);
    coord_step (self, &(txc_event_t){.type = TXC_EVENT_START});
    txc_log_flush (self->log);
    for (;;) {
        int rc = s_round (self, error);
        if (rc)
            return rc;
        txc_replica_status (self->replica, &status);
        if (once && s_is_formatted (self, &status))
            return TXC_OK;
        if (!once) {
            coord_peers_update (self, &status);
            coord_peers_advertise (self, &status);
        }
        coord_report_state (self, &status);
        if (coord_stop_is_over (self, &status))
            return TXC_OK;
    }
}
