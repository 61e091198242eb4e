/*
 * txc_report.h - what a daemon tells its operators: one line per event on stderr.
 *
 * Under systemd (JOURNAL_STREAM) a line starts with "<N>", the priority that
 * the journal understands; elsewhere with time, daemon and level.  A line that
 * concerns a transaction ends with gtrid=...  Thread-safe; never fails.
 */
#ifndef TXC_REPORT_H
#define TXC_REPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/txc_id.h"

/* The numbers are syslog's. */
typedef enum txc_report_level {
    TXC_REPORT_ERROR = 3,
    TXC_REPORT_WARNING = 4,
    TXC_REPORT_NOTICE = 5,
    TXC_REPORT_INFO = 6,
    TXC_REPORT_DEBUG = 7
} txc_report_level_t;

/* The daemon's name; called once, first. */
void txc_report_init (const char *name);

void txc_report_set_level (txc_report_level_t level);
bool txc_report_is_on (txc_report_level_t level);

/* "error", "warning", "notice", "info", "debug".  False if text is none of them. */
bool txc_report_level_parse (const char *text, txc_report_level_t *level);

/* One line; gtrid may be NULL or none.  Line breaks and control characters in it are replaced. */
void txc_report (txc_report_level_t level, const txc_gtrid_t *gtrid, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* Lets through 5 lines in 10 seconds; the next one that passes tells how many did not.  Start with {0}; one
 * per place that a peer can make speak. */
typedef struct txc_report_limit {
    _Atomic uint64_t window_ms;
    _Atomic uint32_t used, hidden;
} txc_report_limit_t;

void txc_report_limited (txc_report_limit_t *limit, txc_report_level_t level, const txc_gtrid_t *gtrid,
                         const char *format, ...) __attribute__ ((format (printf, 4, 5)));

#endif
