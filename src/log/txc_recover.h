/*
 * txc_recover.h - finds out what a log holds after a stop of any kind.
 *
 * After a crash, groups that were written but not forced may be lost or torn,
 * any of them and any sector of each; those that were forced are there.  So a
 * bad place is a torn tail if nothing at or behind it was ever durable, and
 * damage if something was.  To tell them apart, each group carries the number
 * up to which all groups were durable when it was written.  Let D be the
 * highest such number in any intact group.  Then
 *
 *   - a missing group with a number <= D was durable: the log is damaged, and
 *     is refused, unless the group lies before what the last durable
 *     checkpoint needs;
 *   - the first missing group with a number > D ends the log.  Nobody was
 *     told that it, or anything behind it, is durable: a sync forces all that
 *     was written before it, so what was acknowledged has no gap before it.
 *     What is left behind it is wiped, so that it can never come back.
 *
 * The last groups before a crash have no later one to vouch for them: damage
 * to those looks like a torn tail.  A store that is closed in order writes one
 * group more that vouches for everything.
 */
#ifndef TXC_RECOVER_H
#define TXC_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/txc_message.h"
#include "log/txc_disk.h"
#include "log/txc_segment.h"
#include "log/txc_store.h"

/* A checkpoint whose pieces are all there. */
typedef struct txc_checkpoint_place {
    uint64_t number;  /* of the checkpoint; 0: there is none */
    uint64_t total;   /* bytes */
    uint64_t keep;    /* the entries from this LSN on are not covered */
    uint64_t group;   /* that has its first piece */
    size_t segment;   /* index of the segment that has it */
    uint64_t written; /* bytes of groups that were read before it */
    uint32_t kind;
} txc_checkpoint_place_t;

typedef struct txc_recovery {
    uint64_t durable;         /* D */
    uint64_t first, last;     /* numbers of the groups that count; last 0: there is none */
    uint64_t first_lsn;       /* of the first of them */
    uint64_t next_lsn;        /* of the entry to come */
    uint64_t last_checkpoint; /* the highest number of a checkpoint, complete or not */
    uint64_t written;         /* bytes of groups that count */
    size_t segment;           /* the end: index and offset of the group to come */
    uint64_t offset;
    txc_checkpoint_place_t checkpoint; /* the last complete one */
    size_t needed;                     /* index of the first segment that is needed */
} txc_recovery_t;

/* Reads the segments, of which there is at least one, and sets their first_lsn.  Changes nothing on the disk.
 * TXC_OK, TXC_ECORRUPT, TXC_EIO, TXC_ENOMEM. */
int txc_recover (txc_disk_t *disk, txc_segments_t *segments, txc_recovery_t *recovery, txc_error_t *error);

/* Wipes what lies behind the end, durably; *cut is the number of bytes that held any of it. */
int txc_recover_wipe (txc_disk_t *disk, const txc_segments_t *segments, const txc_recovery_t *recovery,
                      uint64_t *cut, txc_error_t *error);

/* Visits the checkpoint and the entries as txc_log_replay; *entries counts the entries. */
int txc_recover_replay (txc_disk_t *disk, const txc_segments_t *segments, const txc_recovery_t *recovery,
                        txc_log_visit_t *visit, void *arg, uint64_t *entries, txc_error_t *error);

/* The segment from which on groups have to be read: all before it were free when a later group was written.
 */
int txc_recover_first (txc_disk_t *disk, const txc_segments_t *segments, size_t *first, txc_error_t *error);

/* D: the highest number of a group that some group, from that segment on, says is durable. */
int txc_recover_durable (txc_disk_t *disk, const txc_segments_t *segments, size_t first, uint64_t *durable,
                         txc_error_t *error);

#endif
