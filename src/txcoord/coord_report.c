/* What operators see without asking: the journal, the service manager. */
#include "config.h"

#include <inttypes.h>

#include "daemon/txc_notify.h"
#include "daemon/txc_report.h"
#include "txcoord/coord.h"
#include "wire/txc_codec.h"

enum { STATUS_MS = 5000 };

void coord_report_entry (const txc_entry_t *entry)
{
    txc_rec_t record;
    if (entry->kind != TXC_REC_HEURISTIC && !txc_report_is_on (TXC_REPORT_DEBUG))
        return;
    if (!entry->size || !txc_record_codec.decode (entry->bytes, entry->size, &record))
        return;
    if (record.type == TXC_REC_HEURISTIC)
        txc_report (TXC_REPORT_WARNING, &record.gtrid, "heuristic outcome of the branch at %s: %s, %s",
                    record.rm, txc_heur_name (record.heur), record.text);
    else
        txc_report (TXC_REPORT_DEBUG, &record.gtrid, "slot %" PRIu64 ": %s %s", entry->slot,
                    txc_entry_form_name (entry->form), txc_rec_name (record.type));
}

void coord_report_message (const txc_msg_t *message)
{
    static txc_report_limit_t refused, foreign, heuristic;
    if (message->type == TXC_MSG_AGENT_WELCOME && message->code != TXC_OK)
        txc_report_limited (&refused, TXC_REPORT_WARNING, NULL, "agent %s is refused: %s", message->agent,
                            txc_strerror (message->code));
    if (message->type == TXC_MSG_INQUIRY_PENDING && message->code == TXC_EFOREIGN)
        txc_report_limited (
            &foreign, TXC_REPORT_WARNING, &message->gtrid,
            "a branch at %s is prepared for a session that this log never opened: it is left alone",
            message->rm);
    if (message->type == TXC_MSG_OUTCOME && (message->code == TXC_MIXED || message->code == TXC_HAZARD))
        txc_report_limited (&heuristic, TXC_REPORT_WARNING, &message->gtrid, "%s",
                            txc_strerror (message->code));
}

/* Who leads, whenever that changes. */
static void s_report_leader (coord_t *self, const txc_replica_status_t *status)
{
    uint32_t leader = status->leading ? status->id : status->leader == status->id ? 0 : status->leader;
    bool same_epoch = txc_epoch_compare (self->told_epoch, status->epoch) == 0;
    if (leader == self->told_leader && (same_epoch || !leader))
        return;
    self->told_leader = leader;
    self->told_epoch = status->epoch;
    if (status->leading)
        txc_report (TXC_REPORT_NOTICE, NULL,
                    "replica %u leads cluster %016" PRIx64 " in epoch %" PRIu64
                    ".%u: %u sessions, %u outcomes on record",
                    status->id, status->cluster, status->epoch.round, status->epoch.replica, status->sessions,
                    status->outcomes);
    else if (leader)
        txc_report (TXC_REPORT_NOTICE, NULL, "replica %u follows replica %u", status->id, leader);
    else
        txc_report (TXC_REPORT_NOTICE, NULL, "replica %u knows of no leader", status->id);
}

void coord_report_state (coord_t *self, const txc_replica_status_t *status)
{
    s_report_leader (self, status);
    /* A replica of several is up without the others: they may be waiting for it. */
    if (!self->ready && (status->leading || self->group.n_members > 0 || status->n_members > 1)) {
        self->ready = true;
        txc_notify ("READY=1");
    }
    if (self->now_ms >= self->status_due_ms) {
        self->status_due_ms = self->now_ms + STATUS_MS;
        txc_notify ("STATUS=%s; %u agents, %u sessions, %u transactions",
                    self->stop_until_ms      ? "stopping"
                    : status->leading        ? "leading"
                    : status->n_members == 1 ? "starting"
                    : !status->voter         ? "not a member"
                    : self->told_leader      ? "following"
                                             : "looking for a leader",
                    status->agents, status->sessions, status->transactions);
    }
    if (self->watchdog_ms && self->now_ms >= self->watchdog_due_ms) {
        self->watchdog_due_ms = self->now_ms + self->watchdog_ms;
        txc_notify ("WATCHDOG=1");
    }
}
