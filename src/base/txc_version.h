/*
 * txc_version.h - versions of what is sent and of what is kept.
 *
 * One number for all of it: frames on the wire, results of statements, segments
 * of logs, and with them whatever they carry (kinds of messages, of records, of
 * entries).  A program writes one version and reads every one up to another,
 * which may be the next already.  What a version adds comes in two steps:
 *
 *   release 1   writes 1, reads 1
 *   release 2   writes 1, reads up to 2
 *   release 3   writes 2, reads up to 2
 *
 * so that any release works beside the one before it and the one after it, in
 * the same group too, and may be taken back by one.  (The first release that
 * writes another version than before has to begin a new segment when it opens a
 * log: a segment is of one version.)
 */
#ifndef TXC_VERSION_H
#define TXC_VERSION_H

/* Tests build a release that is not there yet. */
#ifndef TXC_VERSION_WRITES
#define TXC_VERSION_WRITES 1
#endif
#ifndef TXC_VERSION_READS
#define TXC_VERSION_READS 1
#endif

_Static_assert(TXC_VERSION_WRITES <= TXC_VERSION_READS && TXC_VERSION_READS < 128,
               "a program reads what it writes; a frame's version is one byte");

/* True if this program can read it. */
#define TXC_VERSION_IS_READ(version) ((version) >= 1 && (version) <= TXC_VERSION_READS)

#endif
