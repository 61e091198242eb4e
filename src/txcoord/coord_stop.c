/*
 * How the daemon stops when it is asked to.
 *
 * A leader of several hands leadership over first, so that nobody has to notice
 * its silence; what is under way goes on under its successor.  Without one, and
 * in a group of one, it takes nothing new and lets end what is under way.
 */
#include "config.h"

#include <inttypes.h>

#include "daemon/txc_notify.h"
#include "daemon/txc_report.h"
#include "daemon/txc_system.h"
#include "txcoord/coord.h"

enum { TRANSFER_MS = 1000 /* between attempts */ };

void coord_stop_begin (coord_t *self)
{
    uint64_t limit_ms = (uint64_t) txc_config_int (self->config, "coordinator/drain_timeout");
    txc_replica_status_t status;
    txc_replica_status (self->replica, &status);
    self->stop_until_ms = txc_clock_ms() + limit_ms;
    self->led = status.leading ? status.epoch : (txc_epoch_t){0, 0};
    txc_notify ("STOPPING=1");
    if (status.n_members > 1)
        txc_report (TXC_REPORT_NOTICE, NULL,
                    status.leading ? "stopping: leadership is handed over" : "stopping");
    else {
        txc_report (TXC_REPORT_NOTICE, NULL,
                    "stopping: no new transactions; those under way have %" PRIu64 " ms", limit_ms);
        coord_step (self, &(txc_event_t){.type = TXC_EVENT_DRAIN});
    }
}

/* Another one leads, or this one never did.  The successor may need this one's promise. */
static bool s_is_handed_over (coord_t *self, const txc_replica_status_t *status)
{
    if (status->leading && self->now_ms >= self->transfer_due_ms) {
        self->transfer_due_ms = self->now_ms + TRANSFER_MS;
        int rc = coord_step (self, &(txc_event_t){.type = TXC_EVENT_TRANSFER});
        if (rc) {
            txc_report (TXC_REPORT_NOTICE, NULL,
                        "no other replica can take over: no new transactions, those under way end");
            coord_step (self, &(txc_event_t){.type = TXC_EVENT_DRAIN});
        }
        txc_net_flush (self->net);
        return false;
    }
    if (status->leading)
        return status->draining && status->transactions == 0;
    return self->led.round == 0 || (status->leader && status->leader != status->id &&
                                    txc_epoch_compare (status->epoch, self->led) > 0);
}

bool coord_stop_is_over (coord_t *self, const txc_replica_status_t *status)
{
    if (!self->stop_until_ms)
        return false;
    bool over = status->n_members > 1 ? s_is_handed_over (self, status) : status->transactions == 0;
    if (!over && !self->hurry && self->now_ms < self->stop_until_ms)
        return false;
    if (status->transactions)
        txc_report (
            TXC_REPORT_WARNING, NULL, "%u transactions are left as they are; %s", status->transactions,
            status->n_members > 1 ? "the next leader goes on with them" : "the next start goes on with them");
    return true;
}
