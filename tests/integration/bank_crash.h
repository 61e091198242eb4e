/*
 * bank_crash - kills or stops the program around a statement that the library runs on a connection of its
 * own.
 *
 * BANK_ENLIST_CRASH="kill|stop WHERE COUNT VERB", WHERE before, sent (to the server, unanswered) or after,
 * VERB the first words of the statement, COUNT how often it is passed.  For that the program has libpq's and
 * libmariadb's functions under its own name, in front of theirs: it is linked with -export-dynamic.
 */
#ifndef BANK_CRASH_H
#define BANK_CRASH_H

/* Reads the environment; before any connection is used.  Without the variable nothing ever happens. */
void bank_crash_arm (void);

#endif
