#include "config.h"

#include "daemon/txc_report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "daemon/txc_system.h"

enum { LINE_SIZE = 2048, LINES_IN_WINDOW = 5, WINDOW_MS = 10000 };

static const char *s_name = "txcoord";
static bool s_to_journal;
static _Atomic int s_level = TXC_REPORT_INFO;

static const struct {
    const char *text;
    txc_report_level_t level;
} s_levels[] = {{"error", TXC_REPORT_ERROR},
                {"warning", TXC_REPORT_WARNING},
                {"notice", TXC_REPORT_NOTICE},
                {"info", TXC_REPORT_INFO},
                {"debug", TXC_REPORT_DEBUG}};

static const char *s_level_name (txc_report_level_t level)
{
    for (size_t i = 0; i < sizeof s_levels / sizeof *s_levels; i++)
        if (s_levels[i].level == level)
            return s_levels[i].text;
    return "?";
}

void txc_report_init (const char *name)
{
    s_name = name;
    s_to_journal = getenv ("JOURNAL_STREAM") != NULL;
}

void txc_report_set_level (txc_report_level_t level)
{
    s_level = (int) level;
}

bool txc_report_is_on (txc_report_level_t level)
{
    return (int) level <= s_level;
}

bool txc_report_level_parse (const char *text, txc_report_level_t *level)
{
    for (size_t i = 0; i < sizeof s_levels / sizeof *s_levels; i++) {
        if (strcmp (s_levels[i].text, text) == 0) {
            *level = s_levels[i].level;
            return true;
        }
    }
    return false;
}

/* "<6>" for the journal, which has the time and the name itself; else "2026-01-31T12:00:00.123Z txcoord info:
 * ". */
static size_t s_prefix (char *line, size_t size, txc_report_level_t level)
{
    if (s_to_journal)
        return (size_t) snprintf (line, size, "<%d>", (int) level);
    struct timespec now;
    struct tm utc;
    clock_gettime (CLOCK_REALTIME, &now);
    gmtime_r (&now.tv_sec, &utc);
    size_t used = strftime (line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return used + (size_t) snprintf (line + used, size - used,
                                     ".%03dZ %s %s: ", (int) (now.tv_nsec / 1000000), s_name,
                                     s_level_name (level));
}

static void s_write (txc_report_level_t level, const txc_gtrid_t *gtrid, const char *format, va_list args)
{
    int saved = errno; /* a report must not change what its caller is about to look at */
    char line[LINE_SIZE], suffix[sizeof " gtrid=" + TXC_GTRID_MAX + 1], text[TXC_GTRID_MAX + 1];
    int suffix_size = 0;
    if (gtrid && !txc_gtrid_is_none (gtrid))
        suffix_size = snprintf (suffix, sizeof suffix, " gtrid=%s", txc_gtrid_format (gtrid, text));

    size_t used = s_prefix (line, sizeof line, level);
    size_t room = sizeof line - used - (size_t) suffix_size - 1; /* 1 for the line break */
    int size = vsnprintf (line + used, room, format, args);
    size_t end = used + (size < 0 ? 0 : (size_t) size < room ? (size_t) size : room - 1);
    for (size_t i = used; i < end; i++)
        if ((unsigned char) line[i] < ' ' || line[i] == 0x7f)
            line[i] = ' ';
    memcpy (line + end, suffix, (size_t) suffix_size);
    end += (size_t) suffix_size;
    line[end++] = '\n';

    /* One write a line, so that the lines of several threads do not mix.  Nobody to tell if stderr is closed.
     */
    ssize_t written = write (STDERR_FILENO, line, end);
    (void) written;
    errno = saved;
}

void txc_report (txc_report_level_t level, const txc_gtrid_t *gtrid, const char *format, ...)
{
    if (!txc_report_is_on (level))
        return;
    va_list args;
    va_start (args, format);
    s_write (level, gtrid, format, args);
    va_end (args);
}

void txc_report_limited (txc_report_limit_t *limit, txc_report_level_t level, const txc_gtrid_t *gtrid,
                         const char *format, ...)
{
    if (!txc_report_is_on (level))
        return;
    uint64_t now_ms = txc_clock_ms(), window_ms = limit->window_ms;
    if ((window_ms == 0 || now_ms - window_ms >= WINDOW_MS) &&
        atomic_compare_exchange_strong (&limit->window_ms, &window_ms, now_ms)) {
        limit->used = 0;
        uint32_t hidden = atomic_exchange (&limit->hidden, 0);
        if (hidden)
            txc_report (level, NULL, "%u lines like the next one were not shown", hidden);
    }
    if (atomic_fetch_add (&limit->used, 1) >= LINES_IN_WINDOW) {
        limit->hidden++;
        return;
    }
    va_list args;
    va_start (args, format);
    s_write (level, gtrid, format, args);
    va_end (args);
}
