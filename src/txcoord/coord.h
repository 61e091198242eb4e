/*
 * coord.h - the coordinator daemon: a thin shell around core's replica.
 *
 *   txcoord.c         command line, life, exit codes
 *   coord_config.c    the configuration's keys, the crash points
 *   coord_log.c       core's slots in the durable log; snapshots
 *   coord_loop.c      events in, updates out
 *   coord_admin.c     what operators ask
 *
 * One thread does all of it, but for the log's own and ZeroMQ's.
 */
#ifndef COORD_H
#define COORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/txc_replica.h"
#include "daemon/txc_options.h"
#include "log/txc_log.h"
#include "net/txc_net.h"

/* An entry that was given to the log and of which core has not been told that it is durable. */
typedef struct coord_entry {
    uint64_t lsn; /* 0: the log has not taken it yet */
    uint64_t number;
    uint8_t kind;
    bool forced;
    uint32_t size;  /* of bytes, while lsn is 0 */
    uint8_t *bytes; /* packed; NULL once the log has it */
} coord_entry_t;

/* Entries in the order of their numbers: a ring that grows. */
typedef struct coord_queue {
    coord_entry_t *entries;
    size_t head, count, room;
    size_t waiting; /* of the last ones: those that the log has not taken yet */
} coord_queue_t;

/* An answer to an operator that rests on what is not durable yet. */
typedef struct coord_held {
    uint64_t route, slot;
    txc_blob_t *body;
} coord_held_t;

enum { COORD_HELD_MAX = 16 };

typedef struct coord {
    txc_config_t *config;
    txc_options_t options;
    txc_replica_t *replica;
    txc_log_t *log;
    txc_net_t *net;
    txc_update_t update;
    coord_queue_t queue;
    coord_held_t held[COORD_HELD_MAX];
    size_t n_held;
    int signal_fd;
    uint64_t now_ms;
    uint64_t refused;     /* messages that core dropped */
    uint64_t watchdog_ms; /* 0: none; else how often the service manager wants to hear */
    uint64_t watchdog_due_ms;
    uint64_t drain_until_ms; /* 0: not draining */
    uint64_t status_due_ms;
    bool space_low;
    bool ready; /* it has led: the service manager was told */
    bool hurry; /* a second SIGTERM: do not wait any more */
} coord_t;

/* --- coord_config.c */
extern const txc_key_t coord_keys[];
extern const txc_crash_set_t coord_crash_points[];

/* What only several keys together tell.  TXC_OK, or TXC_ECONFIG with error set. */
int coord_config_check (const txc_config_t *config, txc_error_t *error);
void coord_config_replica (const txc_config_t *config, txc_replica_config_t *replica);

/* --- coord_log.c */

/* Opens the log and replays it into self->replica.  TXC_OK, or an error with a text for the operator. */
int coord_log_open (coord_t *self, bool init, txc_error_t *error);

/* Appends an entry of core's; keeps it for later if the log is full or the disk does not keep up.  What is
 * wrong with the log for good is told by txc_log_error. */
void coord_log_append (coord_t *self, const txc_entry_t *entry);

/* Gives the log what it could not take before.  True if all of it was taken. */
bool coord_log_retry (coord_t *self);

/* Takes what became durable off the queue: *number is the last one.  False: nothing did. */
bool coord_log_next_durable (coord_t *self, uint64_t durable, uint64_t *number);

/* Takes a snapshot of the applied state, so that the log before it can go.  TXC_PENDING: one is under way. */
int coord_log_checkpoint (coord_t *self);

void coord_log_fini (coord_t *self);

/* --- coord_loop.c */

/* Leads and serves until a signal or an error ends it.  once: only until the first leadership is durable.
 * TXC_OK, or an error with its text. */
int coord_loop_run (coord_t *self, bool once, txc_error_t *error);

/* A step of core; what it asks for is in self->update until coord_carry_out has done it. */
int coord_feed (coord_t *self, txc_event_t *event);
void coord_carry_out (coord_t *self);

/* Both.  The result is core's. */
int coord_step (coord_t *self, txc_event_t *event);

/* --- coord_admin.c */

/* Answers an operator's command. */
void coord_admin (coord_t *self, const txc_msg_t *message);

/* Sends the answers that rest on nothing but what is applied by now. */
void coord_admin_applied (coord_t *self);
void coord_admin_fini (coord_t *self);

#endif
