/*
 * bank_history - what each client of the bank called, and what it was told, line by line in a file.
 *
 *     THREAD NS begin GTRID KIND FROM TO AMOUNT
 *     THREAD NS call OPERATION GTRID DETAIL
 *     THREAD NS ret OPERATION GTRID CODE
 *
 * OPERATION: commit, rollback, query or read.  CODE: what the library returned, the number of rows for read,
 * and 1 (rolled back) where a rollback succeeded.
 *
 * NS: CLOCK_MONOTONIC, the same for all processes of the machine; taken before the call, and after it
 * returned.  A call's line is written before the call is made, and a return's before anybody acts on it, each
 * in one write: whoever is killed has left everything behind that it did.  tests/lib/history.py reads it, and
 * says what the words mean.
 *
 * Threads: any.
 */
#ifndef BANK_HISTORY_H
#define BANK_HISTORY_H

#include <stdbool.h>

/* Further lines go to the end of this file, which need not exist.  False: errno says why not. */
bool bank_history_open (const char *path);

/* One line; the caller's own number, and the time now, are put in front.  A history that cannot be written
 * ends the process. */
void bank_history_note (unsigned thread, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

#endif
