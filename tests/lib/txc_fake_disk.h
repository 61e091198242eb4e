/*
 * txc_fake_disk.h - a disk in memory that forgets and tears what was not forced.
 *
 * What was written is visible at once, as in a page cache; it is durable after
 * sync.  A crash of the machine keeps, of what was not forced, a random subset
 * of sectors of 512 bytes, and of created, renamed and removed names that were
 * not forced with sync_folder a random subset.  A failed sync drops what it
 * should have forced, as Linux does: it stays visible, is taken for clean, and is
 * gone after a crash.
 *
 * Deterministic: the seeds come from the caller.  A lock inside makes it fit
 * for the threaded log.
 */
#ifndef TXC_FAKE_DISK_H
#define TXC_FAKE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/txc_disk.h"

typedef struct txc_fake_disk txc_fake_disk_t;

/* Faults to come; all zero is none.  A countdown of n lets n - 1 calls pass and makes the n-th one fail. */
typedef struct txc_fake_faults {
    uint32_t write_in, read_in, sync_in; /* countdowns; the call fails with -error */
    int error;                           /* a positive errno [EIO] */
    uint64_t capacity;                   /* bytes of all files together; beyond: -ENOSPC.  0: no limit */
    bool read_only;                      /* what changes anything fails with -EROFS */
} txc_fake_faults_t;

txc_fake_disk_t *txc_fake_disk_new (void);
void txc_fake_disk_destroy (txc_fake_disk_t **self_p);

/* The table to give to the log; owned by the disk, its destroy does nothing. */
txc_disk_t *txc_fake_disk_table (txc_fake_disk_t *self);

/* The faults, to be changed by the test at any time when no other thread uses the disk. */
txc_fake_faults_t *txc_fake_disk_faults (txc_fake_disk_t *self);
/* The fault of that name, also while one does. */
void txc_fake_disk_set_capacity (txc_fake_disk_t *self, uint64_t bytes);

/* The machine loses power: open files and the lock go, and what was not forced, at random. */
void txc_fake_disk_crash (txc_fake_disk_t *self, uint64_t seed);

/* The process is killed: open files and the lock go, all that was written stays visible, forced or not. */
void txc_fake_disk_kill (txc_fake_disk_t *self);

/* The visible bytes of a file, for tests that damage it (they change what is durable, too: call
 * txc_fake_disk_settle afterwards).  NULL if there is no such file. */
uint8_t *txc_fake_disk_bytes (txc_fake_disk_t *self, const char *name, uint64_t *size);

/* Cuts a file to size, visibly and durably. */
void txc_fake_disk_truncate (txc_fake_disk_t *self, const char *name, uint64_t size);

/* Makes everything visible durable. */
void txc_fake_disk_settle (txc_fake_disk_t *self);

typedef struct txc_fake_counts {
    uint64_t writes, syncs, lost_sectors, crashes, failed;
} txc_fake_counts_t;
txc_fake_counts_t txc_fake_disk_counts (const txc_fake_disk_t *self);

#endif
