/*
 * txc_log.h - the durable log of a replica, and the journal of an agent.
 *
 * A log is a folder of segment files; its entries are opaque bytes with a
 * small number, their kind, given by the caller.  Entries are numbered from 1
 * without gaps: that number is the LSN.  A thread of the log's own takes what
 * was appended and forces all that is ready with one write (group commit).
 *
 * One thread, the producer, calls everything here.  The rest of the daemon
 * learns of progress through txc_log_fd, which becomes readable when entries
 * became durable, when the log became low on space or is no longer, and when
 * it failed.
 *
 * Life of a log:  open, replay once, then append, write, checkpoint, close.
 *
 * A failed write or fdatasync is final: the kernel may have dropped the data,
 * so nothing is ever retried.  From then on append and write return the
 * error, nothing more becomes durable, and the daemon has to exit.
 */
#ifndef TXC_LOG_H
#define TXC_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/txc_message.h"

enum {
    TXC_LOG_ENTRY_MAX = 32768,  /* bytes of one entry; a checkpoint may have any size */
    TXC_LOG_SEGMENTS_MAX = 1000 /* files of one log */
};

typedef struct txc_log txc_log_t;

typedef struct txc_log_options {
    uint64_t
        segment_size; /* bytes of a new segment file, from 131,072 to 1 GiB; rounded up to 4,096 [16 MiB] */
    uint32_t max_segments; /* files at most, 3 to 1,000; a checkpoint in progress may use more [64] */
    uint32_t lazy_ms;      /* an entry that is not forced is durable after that time at the latest [50] */
} txc_log_options_t;

typedef struct txc_log_stats {
    uint64_t entries, bytes;      /* appended, without headers and padding */
    uint64_t groups;              /* written to the file */
    uint64_t group_bytes;         /* with headers and padding */
    uint64_t forced;              /* calls of fdatasync for groups */
    uint64_t checkpoints;         /* that became durable */
    uint64_t segments;            /* files at present */
    uint64_t free_bytes;          /* in files that exist already */
    uint64_t replayed, cut_bytes; /* at open: entries found, bytes of a torn tail that was cut */
} txc_log_stats_t;

/* Opens the log in folder, which is created (mode 0700) if its parent exists.  options may be NULL or hold
 * zeros: the defaults.  Locks it against other processes, finds the end, cuts a torn tail, makes sure that
 * what will be replayed is durable.  NULL and *error: TXC_ELOCKED (the text names the pid), TXC_ECORRUPT (a
 * durable part is damaged; the text names file and offset), TXC_EVERSION, TXC_ENOSPACE, TXC_EPERM,
 * TXC_EINVAL, TXC_EIO. */
txc_log_t *txc_log_open (const char *folder, const txc_log_options_t *options, txc_error_t *error);

/* Stops the thread after everything appended was forced, and nulls the caller's pointer.  Returns TXC_OK, or
 * the code of txc_log_error. */
int txc_log_close (txc_log_t **self_p);

/* bytes are valid during the call only.  A result that is not 0 ends the replay, which returns it. */
typedef int (txc_log_visit_t) (void *arg, uint64_t lsn, uint32_t kind, const void *bytes, size_t size);

/* Visits the last checkpoint, unless it is empty (its lsn is that of the first entry behind it), and then, in
 * order, every entry that it does not cover.  Once, before the first append; not calling it is the same as
 * visiting nothing. TXC_OK, TXC_ENOMEM, TXC_EIO, TXC_ECORRUPT or what visit returned. */
int txc_log_replay (txc_log_t *self, txc_log_visit_t *visit, void *arg, txc_error_t *error);

/* The LSN that the next entry gets. */
uint64_t txc_log_next (const txc_log_t *self);

/* Appends an entry; the bytes are copied; *lsn (may be NULL) is its number.  The thread sees it after
 * txc_log_flush. forced: it is made durable at once, with everything before it; otherwise with the next one
 * that is, or after lazy_ms.  TXC_OK; TXC_EINVAL: larger than TXC_LOG_ENTRY_MAX; TXC_ENOSPACE: the log is
 * full; TXC_EOVERLOAD: the disk does not keep up; or the code of txc_log_error.  If it is not TXC_OK nothing
 * was appended. */
int txc_log_append (txc_log_t *self, uint32_t kind, const void *bytes, size_t size, bool forced,
                    uint64_t *lsn);

/* Hands what was appended to the thread: once per round of the daemon's loop. */
void txc_log_flush (txc_log_t *self);

/* Appends an entry and writes it, with everything appended before it, to the file: when it returns the entry
 * survives a crash of the process, though not of the machine; it becomes durable like an append that is not
 * forced.  Does not wait for a forced write that is under way.  Results as txc_log_append. */
int txc_log_write (txc_log_t *self, uint32_t kind, const void *bytes, size_t size, uint64_t *lsn);

/* Begins a checkpoint: the state that results from all entries before LSN keep, so that they can go.  Entries
 * from keep on, up to now or later, are replayed after it; keep is at most txc_log_next.  bytes is from
 * malloc and is given to the log, which frees it; it may be large: it is written a slice at a time between
 * the entries.  Space is recycled once the checkpoint is durable; until then an older one counts.  With bytes
 * = NULL and size = 0 it is a mere cut (for a caller who has appended its whole state, from LSN keep on, as
 * entries).  Implies txc_log_flush. TXC_OK; TXC_PENDING: one is under way (bytes stay the caller's);
 * TXC_EINVAL: keep is too high or lower than that of the last one (likewise); or the code of txc_log_error
 * (likewise). */
int txc_log_checkpoint (txc_log_t *self, uint32_t kind, void *bytes, size_t size, uint64_t keep);

/* True while a checkpoint is under way. */
bool txc_log_is_checkpointing (const txc_log_t *self);

/* Bytes of the log behind the start of the last durable checkpoint: when it is large, it is time for a new
 * one. */
uint64_t txc_log_size (const txc_log_t *self);

/* True while no further segment can be had: begin nothing new, finish what is open, take a checkpoint if the
 * log can shrink.  At least most of one segment is left when it becomes true. */
bool txc_log_is_low (const txc_log_t *self);

/* Bytes that can be appended now: each entry takes at most its size and a thirty-second of that, and 40. */
uint64_t txc_log_room (const txc_log_t *self);

/* True if a checkpoint that began now would free a segment; otherwise it would only use up what is left. */
bool txc_log_can_shrink (const txc_log_t *self);

/* An eventfd for poll; owned by the log.  Cleared by txc_log_durable. */
int txc_log_fd (const txc_log_t *self);

/* Clears the eventfd.  Returns the LSN up to which every entry is durable. */
uint64_t txc_log_durable (txc_log_t *self);

/* TXC_OK, or why the log failed (*error, may be NULL, names file and errno).  It never recovers: the daemon
 * exits. */
int txc_log_error (txc_log_t *self, txc_error_t *error);

void txc_log_stats (txc_log_t *self, txc_log_stats_t *stats);

#endif
