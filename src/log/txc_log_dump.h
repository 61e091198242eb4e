/*
 * txc_log_dump.h - reads a log without changing it, for operators.
 *
 * Needs no lock: the log may be in use.  What is written meanwhile may or may
 * not be seen, and may look like a torn tail.
 */
#ifndef TXC_LOG_DUMP_H
#define TXC_LOG_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/txc_message.h"

/* Valid during the visit only. */
typedef struct txc_log_dump_entry {
    uint64_t lsn; /* of a checkpoint: of the first entry that it does not cover */
    uint32_t kind;
    bool is_checkpoint; /* a complete one, given where its last piece lies; an empty one has size 0 */
    const void *bytes;
    size_t size;
    const char *file; /* name of the segment, and offset of the group */
    uint64_t offset;
} txc_log_dump_entry_t;

typedef struct txc_log_dump_visitor {
    /* A result that is not 0 ends the dump, which returns it. */
    int (*entry) (void *arg, const txc_log_dump_entry_t *entry);
    /* A remark: a torn tail, damage, ...  One line without an end of line. */
    void (*note) (void *arg, const char *text);
} txc_log_dump_visitor_t;

/* Visits every entry that is intact, in order, those before the last checkpoint (as far as they have not been
 * recycled) included.  A damaged place is noted, and the dump goes on behind it.  TXC_OK; TXC_ECORRUPT: there
 * was one (*error tells of the first), or a segment's header is damaged; TXC_EVERSION, TXC_EPERM, TXC_EIO,
 * TXC_ENOMEM. */
int txc_log_dump (const char *folder, const txc_log_dump_visitor_t *visitor, void *arg, txc_error_t *error);

#endif
