/*
 * txc_disk.h - the file operations that the log uses, as a table.
 *
 * The log does all of its I/O through one of these: the real one
 * (txc_disk_posix_new), or a fake one of the tests that loses and tears what
 * was not forced.  Names are those of files in one folder, without a slash.
 *
 * Operations return 0 (or a count) or a negative errno.  They are called by
 * one thread at a time, except that write and sync of different calls may
 * overlap: a group may be written while an earlier one is being forced.
 */
#ifndef TXC_DISK_H
#define TXC_DISK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/txc_message.h"

typedef struct txc_disk txc_disk_t;
typedef struct txc_disk_file txc_disk_file_t; /* an open file; each disk has its own kind */

typedef enum txc_disk_mode {
    TXC_DISK_READ,  /* must exist */
    TXC_DISK_WRITE, /* must exist; for reading too */
    TXC_DISK_CREATE /* made or emptied; for reading too */
} txc_disk_mode_t;

struct txc_disk {
    const char *folder; /* for error texts */

    int (*open) (txc_disk_t *self, const char *name, txc_disk_mode_t mode, txc_disk_file_t **file);
    void (*close) (txc_disk_t *self, txc_disk_file_t *file);

    /* The whole of size, or an error; read returns less only at the end of the file. */
    ssize_t (*read) (txc_disk_t *self, txc_disk_file_t *file, void *bytes, size_t size, uint64_t offset);
    int (*write) (txc_disk_t *self, txc_disk_file_t *file, const void *bytes, size_t size, uint64_t offset);

    /* What was written before the call is durable after it (fdatasync). */
    int (*sync) (txc_disk_t *self, txc_disk_file_t *file);

    /* What is read afterwards comes from the disk.  (After a failed sync the kernel may go on to show data
     * that it never wrote; a later process must not take that for durable.)  To be called after a sync. */
    int (*forget) (txc_disk_t *self, txc_disk_file_t *file);

    int (*size) (txc_disk_t *self, txc_disk_file_t *file, uint64_t *size);

    /* Durable after sync_folder, like the creation of a file. */
    int (*rename) (txc_disk_t *self, const char *from, const char *to);
    int (*remove) (txc_disk_t *self, const char *name);
    int (*sync_folder) (txc_disk_t *self);

    /* Calls visit with every name, in no order. */
    int (*list) (txc_disk_t *self, void (*visit) (void *arg, const char *name), void *arg);

    /* Locks the folder, and a file of that name in it, until the lock's file is closed or the process ends.
     * -EWOULDBLOCK: another one has it, and *pid is its process (0: not known). */
    int (*lock) (txc_disk_t *self, const char *name, txc_disk_file_t **file, long *pid);

    void (*destroy) (txc_disk_t **self_p);
};

/* The real disk: one folder of the file system, created (mode 0700) if create is set and its parent exists.
 * NULL and *error_number on failure. */
txc_disk_t *txc_disk_posix_new (const char *folder, int create, int *error_number);

/* Sets *error for a failed operation: "cannot <what> <folder>/<name>: <errno's text>".  rc is the negative
 * errno. Returns the code: TXC_ENOSPACE, TXC_EPERM, TXC_ENOMEM or TXC_EIO. */
int txc_disk_error (const txc_disk_t *self, const char *what, const char *name, int rc, txc_error_t *error);

#endif
