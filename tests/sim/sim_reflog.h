/*
 * sim_reflog.h - the harness's own reading of the coordinator's durable log.
 *
 * Fed with every record at the moment when it is durable, in the order of
 * slots.  It decides by the written rules (first outcome wins; void behind a
 * SessionClose, a mark or a newer barrier), independently of src/core, and
 * writes its verdicts into the book (sim_truth.h).
 */
#ifndef SIM_REFLOG_H
#define SIM_REFLOG_H

#include "core/txc_record.h"
#include "sim.h"

enum { SIM_SESSIONS_MAX = 256 };

typedef struct sim_reflog {
    uint64_t last_slot;
    txc_epoch_t barrier;
    uint64_t clock;    /* the highest stamp */
    uint64_t clock_ms; /* the latest time of day */
    uint32_t n_sessions;
    struct {
        uint64_t number, low, closed_ms;
        bool closed;
    } sessions[SIM_SESSIONS_MAX];
} sim_reflog_t;

void sim_reflog_init (sim_reflog_t *self);

/* The next durable record; checks that slots have no gap. */
void sim_reflog_add (sim_reflog_t *self, sim_t *sim, uint64_t slot, const txc_rec_t *record);

typedef enum sim_ref_session { SIM_REF_NEVER, SIM_REF_OPEN, SIM_REF_CLOSED } sim_ref_session_t;
sim_ref_session_t sim_reflog_session (const sim_reflog_t *self, uint64_t number);

/* True if the session's durable low-water mark has passed this gtrid. */
bool sim_reflog_passed (const sim_reflog_t *self, const txc_gtrid_t *gtrid);
/* True if the session was closed longer ago than outcomes are kept. */
bool sim_reflog_lapsed (const sim_reflog_t *self, uint64_t number, uint64_t horizon_ms);

#endif
