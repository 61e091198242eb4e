/*
 * log_model.h - what a log has to hold, kept beside it by the tests.
 *
 * Entries are made from their LSN and a generation, so that the model needs no
 * copy of them: after a crash the entries behind the end are made anew under
 * another generation, and an old one that comes back is seen.
 */
#ifndef LOG_MODEL_H
#define LOG_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/txc_store.h"

enum { MODEL_ENTRIES = 20000, MODEL_SNAPSHOT = 99 };

typedef struct model {
    uint64_t seed;
    uint32_t generation[MODEL_ENTRIES]; /* by LSN */
    uint64_t next;                      /* LSN of the next entry */
    uint64_t durable;                   /* acknowledged up to here */
    uint64_t readable;                  /* written, so that a killed process leaves them behind */
    uint64_t keep, keep_wanted;         /* of the last durable checkpoint, and of the one under way */
    uint32_t now;                       /* the generation of entries made now */
    uint32_t entry_max;                 /* bytes of an entry at most */
} model_t;

/* The bytes of an entry; returns their number. */
size_t model_entry (const model_t *self, uint64_t lsn, uint8_t *bytes);

/* The bytes of a checkpoint with this keep: from malloc. */
uint8_t *model_snapshot (const model_t *self, uint64_t keep, size_t size);

/* Notes that an entry was appended. */
void model_appended (model_t *self, uint64_t lsn);

/* Replays the store and compares; then goes on from what the log holds.  floor: all entries up to it have to
 * be there. */
void model_check (model_t *self, txc_store_t *store, uint64_t floor);

#endif
