/*
 * sim_trace.h - what a replayed seed prints.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "core/txc_journal.h"
#include "core/txc_update.h"
#include "sim.h"

/* One line: virtual time, who, what.  Nothing unless sim->trace. */
#define sim_trace(sim, who, ...)                                                                             \
    do {                                                                                                     \
        if ((sim)->trace)                                                                                    \
            sim_trace_print (sim, who, __VA_ARGS__);                                                         \
    } while (0)

void sim_trace_print (const sim_t *sim, const char *who, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* A message, record, journal entry or work item in one line; text has room for SIM_TEXT_MAX.  Returns text.
 */
char *sim_show_message (const txc_msg_t *message, char *text);
char *sim_show_record (const txc_rec_t *record, uint64_t slot, char *text);
char *sim_show_journal (const txc_jrec_t *record, char *text);
char *sim_show_work (const txc_work_t *work, const char *rm, char *text);
char *sim_show_done (const txc_work_done_t *done, const char *rm, char *text);

#endif
