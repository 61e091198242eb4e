#include "sim_reflog.h"

#include <inttypes.h>
#include <string.h>

#include "core/txc_quorum.h"
#include "sim_check.h"
#include "sim_coordinator.h"
#include "sim_trace.h"
#include "sim_truth.h"
#include "sim_votes.h"

void sim_reflog_init (sim_reflog_t *self)
{
    memset (self, 0, sizeof *self);
}

static int s_find (const sim_reflog_t *self, uint64_t number)
{
    for (uint32_t i = 0; i < self->n_sessions; i++)
        if (self->sessions[i].number == number)
            return (int) i;
    return -1;
}

sim_ref_session_t sim_reflog_session (const sim_reflog_t *self, uint64_t number)
{
    int i = s_find (self, number);
    return i < 0 ? SIM_REF_NEVER : self->sessions[i].closed ? SIM_REF_CLOSED : SIM_REF_OPEN;
}

bool sim_reflog_passed (const sim_reflog_t *self, const txc_gtrid_t *gtrid)
{
    int i = s_find (self, gtrid->session);
    return i >= 0 && gtrid->n < self->sessions[i].low;
}

bool sim_reflog_lapsed (const sim_reflog_t *self, uint64_t number, uint64_t horizon_ms)
{
    int i = s_find (self, number);
    return i >= 0 && self->sessions[i].closed && self->sessions[i].closed_ms + horizon_ms <= self->clock_ms;
}

static void s_commit (sim_reflog_t *self, sim_t *sim, sim_tx_t *tx, const txc_rec_t *record)
{
    bool learned = tx->gtrid.mode == TXC_MODE_3PC; /* its members decided, whatever became of its session */
    if (tx->logged != SIM_OUTCOME_NONE || (!learned && !tx->n_intended &&
                                           (sim_reflog_session (self, tx->gtrid.session) != SIM_REF_OPEN ||
                                            sim_reflog_passed (self, &tx->gtrid))))
        return; /* void */
    tx->logged = SIM_OUTCOME_COMMIT;
    if (learned && sim_check_decided (tx) != TXC_VOTE_YES)
        sim_violation (sim, "learned-not-decided", "a COMMIT is on record that no majority has decided");
    tx->n_listed = record->n_branches;
    for (uint32_t i = 0; i < record->n_branches; i++)
        tx->listed[i] = record->branches[i].token;
}

/* A mark may pass ended and rolled-back transactions only; what it passes while committed and not ended is a
 * fault of the leader that proposed it, unless the log's readers hold it back. */
static void s_mark (sim_reflog_t *self, sim_t *sim, const txc_rec_t *record)
{
    int i = s_find (self, record->session);
    if (i < 0)
        return;
    uint64_t low = record->low;
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        const sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        if (tx->gtrid.session == record->session && tx->gtrid.n < low && tx->logged == SIM_OUTCOME_COMMIT &&
            !tx->logged_end)
            low = tx->gtrid.n;
    }
    TXC_LIST_EACH (&sim->tx_list, node)
    {
        const sim_tx_t *tx = TXC_CONTAINER (node, sim_tx_t, list_node);
        if (tx->gtrid.session == record->session && tx->gtrid.n < low)
            sim_votes_check_kept (sim, tx, "a mark passes it");
    }
    if (low > self->sessions[i].low)
        self->sessions[i].low = low;
}

static void s_close (sim_reflog_t *self, sim_t *sim, int session)
{
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        const sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        if (tx->gtrid.session == self->sessions[session].number)
            sim_votes_check_kept (sim, tx, "its session is closed");
    }
    if (!self->sessions[session].closed)
        self->sessions[session].closed_ms = self->clock_ms;
    self->sessions[session].closed = true;
}

/* Stamps are in causal order: behind those of the slots before, and of the commit request. */
static void s_check_clock (sim_reflog_t *self, sim_t *sim, const txc_rec_t *record, const sim_tx_t *tx)
{
    bool asked = record->type == TXC_REC_COMMIT && tx->commit_clock;
    if (record->type == TXC_REC_NOOP || sim->restored)
        return;
    if (record->clock <= self->clock || (asked && record->clock <= tx->commit_clock))
        sim_violation (sim, "stamp-backwards",
                       "slot %" PRIu64 " has stamp %" PRIx64 ", it comes after %" PRIx64, self->last_slot,
                       record->clock, asked ? tx->commit_clock : self->clock);
    self->clock = record->clock;
}

/* No mark would ever pass an outcome so far beyond the last one. */
static void s_check_window (const sim_reflog_t *self, sim_t *sim, const txc_gtrid_t *gtrid)
{
    char text[TXC_GTRID_MAX + 1];
    int i = s_find (self, gtrid->session);
    if (i >= 0 && gtrid->n >= self->sessions[i].low + TXC_WINDOW)
        sim_violation (sim, "beyond-window", "%s is decided, its session's mark is at %" PRIu64,
                       txc_gtrid_format (gtrid, text), self->sessions[i].low);
}

void sim_reflog_add (sim_reflog_t *self, sim_t *sim, uint64_t slot, const txc_rec_t *record)
{
    if (slot != self->last_slot + 1)
        sim_violation (sim, "log-gap", "slot %" PRIu64 " became durable behind slot %" PRIu64, slot,
                       self->last_slot);
    self->last_slot = slot;
    if (record->time_ms > self->clock_ms)
        self->clock_ms = record->time_ms;
    if (txc_epoch_compare (record->epoch, self->barrier) < 0)
        return;
    sim_tx_t *tx = txc_gtrid_is_none (&record->gtrid) ? NULL : sim_tx_get (sim, &record->gtrid);
    s_check_clock (self, sim, record, tx);
    if (record->type == TXC_REC_COMMIT || record->type == TXC_REC_ABORT)
        s_check_window (self, sim, &record->gtrid);
    int session;
    switch (record->type) {
    case TXC_REC_FORMAT:
        sim->cluster = record->cluster;
        break;
    case TXC_REC_BARRIER:
        self->barrier = record->epoch;
        break;
    case TXC_REC_SESSION_OPEN:
        if (self->n_sessions < SIM_SESSIONS_MAX) {
            self->sessions[self->n_sessions].number = slot;
            self->sessions[self->n_sessions].low = 1;
            self->sessions[self->n_sessions++].closed = false;
        }
        break;
    case TXC_REC_SESSION_CLOSE:
        session = s_find (self, record->session);
        if (session >= 0)
            s_close (self, sim, session);
        break;
    case TXC_REC_COMMIT:
        s_commit (self, sim, tx, record);
        break;
    case TXC_REC_PRE_DECIDED: /* taken only under the number that was granted last */
        if (tx->logged == SIM_OUTCOME_NONE &&
            record->number == (tx->group_elected ? tx->group_elected : TXC_NUMBER_FIRST))
            sim_check_attempt (sim, tx, 0, record->number, record->vote);
        break;
    case TXC_REC_ELECTED: /* behind an outcome, forgotten or not, the group grants nothing: is it so? */
        if (tx->logged != SIM_OUTCOME_NONE)
            sim_coordinator_ask_again (sim, &tx->gtrid, record->number);
        else if (record->number > tx->group_elected)
            tx->group_elected = record->number;
        break;
    case TXC_REC_INTENT:
        session = s_find (self, record->gtrid.session);
        if (tx->logged != SIM_OUTCOME_NONE || tx->n_intended || session < 0 ||
            self->sessions[session].closed || record->gtrid.n < self->sessions[session].low)
            break;
        tx->n_intended = record->n_branches;
        for (uint32_t i = 0; i < record->n_branches; i++)
            tx->intended[i] = record->branches[i].token;
        break;
    case TXC_REC_ABORT:
        sim_votes_check_kept (sim, tx, "Abort is on record");
        if (tx->logged == SIM_OUTCOME_NONE)
            tx->logged = SIM_OUTCOME_ABORT;
        break;
    case TXC_REC_END:
        tx->logged_end = true;
        break;
    case TXC_REC_MARK:
        s_mark (self, sim, record);
        break;
    case TXC_REC_HEURISTIC:
        tx->logged_heuristic = true;
        break;
    default:
        break;
    }
}
