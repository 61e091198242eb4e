/*
 * txc_store.h - the engine of the log: segments, groups, recovery.
 *
 * Synchronous, single-threaded and deterministic: it does its I/O through a
 * txc_disk_t and reads no clock.  txc_log.h puts a thread on top of it.  How
 * it lies on the disk, and what is a torn tail, is told in txc_format.h and
 * txc_recover.h.
 *
 * append puts an entry into the group that is being built; write seals the
 * group and gives it to the operating system; sync makes everything durable.
 * After an error other than TXC_ENOSPACE the store has failed for good.
 */
#ifndef TXC_STORE_H
#define TXC_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/txc_message.h"
#include "log/txc_disk.h"
#include "log/txc_log.h"

typedef struct txc_store txc_store_t;

typedef struct txc_store_options {
    uint64_t segment_size; /* as in txc_log_options_t */
    uint32_t max_segments;
    uint64_t new_id; /* a random number, for a log that is made now */
} txc_store_options_t;

/* Opens (or makes) the log on disk, which must outlive the store.  Errors as txc_log_open. */
txc_store_t *txc_store_open (txc_disk_t *disk, const txc_store_options_t *options, txc_error_t *error);

/* Syncs what was appended, notes that all of it is durable (so that later damage to it is found), and frees
 * the store.  Without the sync if it has failed. */
int txc_store_close (txc_store_t **self_p);

/* Frees the store as if the process had been killed: writes nothing. */
void txc_store_abandon (txc_store_t **self_p);

/* As txc_log_replay. */
int txc_store_replay (txc_store_t *self, txc_log_visit_t *visit, void *arg, txc_error_t *error);

/* TXC_OK, TXC_EINVAL, TXC_ENOSPACE (nothing was appended), or the failure. */
int txc_store_append (txc_store_t *self, uint32_t kind, const void *bytes, size_t size, uint64_t *lsn);

/* Seals the group and writes it.  Nothing to do is TXC_OK. */
int txc_store_write (txc_store_t *self);

/* write, then fdatasync. */
int txc_store_sync (txc_store_t *self);

/* The three parts of sync, for a caller with a lock: begin writes and says what to force; force may run while
 * other calls go on, except sync_begin, sync_end, prepare and close; end takes its result. */
struct txc_segment;
typedef struct txc_store_ticket {
    struct txc_segment **segments; /* owned by the store */
    size_t count;
    uint64_t number, lsn; /* groups and entries up to these are durable after it */
    size_t failed;        /* which of the segments force failed on */
} txc_store_ticket_t;
int txc_store_sync_begin (txc_store_t *self, txc_store_ticket_t *ticket);
int txc_store_force (txc_disk_t *disk, txc_store_ticket_t *ticket); /* 0 or a negative errno */
int txc_store_sync_end (txc_store_t *self, const txc_store_ticket_t *ticket, int forced);

/* Begins a checkpoint as txc_log_checkpoint, but bytes are only borrowed, until is_checkpointing is false.
 * Each step appends a slice of it; after the last one and a sync the space before it is free.  step returns
 * TXC_OK, TXC_ENOSPACE (the rest has to wait for space), or the failure. */
int txc_store_checkpoint (txc_store_t *self, uint32_t kind, const void *bytes, size_t size, uint64_t keep);
int txc_store_checkpoint_step (txc_store_t *self);
bool txc_store_is_checkpointing (const txc_store_t *self); /* until it is durable */
bool txc_store_is_stepping (const txc_store_t *self);      /* while slices are left to append */

/* Bytes that one step appends at most, with headers and padding: small against a segment. */
uint64_t txc_store_slice (const txc_store_t *self);

/* Free bytes that entries should leave: a checkpoint of about that size, which frees the rest, still fits a
 * full log. */
uint64_t txc_store_spare (const txc_store_t *self);

/* One step towards a reserve segment, ready before it is needed: TXC_PENDING if more steps are left, TXC_OK
 * if there is nothing (more) to do, or the failure.  retry: try again although the disk was full the last
 * time. */
int txc_store_prepare (txc_store_t *self, bool retry);

/* True while there is no reserve segment, and it is not known yet whether one can be had. */
bool txc_store_wants_reserve (const txc_store_t *self);

/* True while there is no reserve segment and none could be made. */
bool txc_store_is_low (const txc_store_t *self);

/* True if a checkpoint that began now would free a segment. */
bool txc_store_can_shrink (const txc_store_t *self);

uint64_t txc_store_next (const txc_store_t *self);    /* the LSN of the next entry */
uint64_t txc_store_durable (const txc_store_t *self); /* entries up to this LSN are durable */
uint64_t txc_store_keep (const txc_store_t *self);    /* keep of the last durable checkpoint, or 1 */
uint64_t txc_store_size (const txc_store_t *self);    /* as txc_log_size */
uint64_t txc_store_free_bytes (
    const txc_store_t *self); /* that can be appended for certain, with headers and padding */
bool txc_store_is_dirty (const txc_store_t *self); /* something was appended that is not durable */

/* TXC_OK or why the store failed. */
int txc_store_error (const txc_store_t *self, txc_error_t *error);

void txc_store_stats (const txc_store_t *self, txc_log_stats_t *stats);

#endif
