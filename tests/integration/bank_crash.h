/*
 * bank_crash - the application's own crash points: the steps of the library, seen from outside of it.
 *
 * A program with these functions has those of libpq, libmariadb and ZeroMQ that the library calls under its
 * own name, in front of theirs, and so passes by at
 *
 *     before, sent, after   each statement of the library on an enlisted connection (sent: unanswered)
 *     before, after         each message that the library sends:      "send COMMIT"
 *     after                 each message that it has received, before it acts on it: "receive OUTCOME"
 *
 * BANK_ENLIST_CRASH="kill|stop WHERE COUNT WHAT" is what happens there when it is passed for the COUNT-th
 * time. WHAT: the first words of a statement, with $ behind them all of it; or send or receive and a
 * message's name, that of EXEC with ENLIST behind it when it enlists, those of OWNER_WORD and OWNER_WORK with
 * their work (PREPARE, COMMIT, ...).  BANK_ENLIST_VICTIMS: pids to whom it happens, one after the other; this
 * process's own is 0, which is also what is meant without it.
 *
 * Threads: any.
 */
#ifndef BANK_CRASH_H
#define BANK_CRASH_H

/* Reads the environment. */
void bank_crash_arm (void);

/* A statement that the program itself runs for the library. */
void bank_crash_pass (const char *where, const char *sql);

#endif
