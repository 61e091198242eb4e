/*
 * sim_log.h - a process's log: the real engine (src/log) on a fake disk.
 *
 * What the log's thread does in the daemons happens here in events: entries
 * wait in memory, are written to the file, are forced, are told.  A crash can
 * come between any two of them.
 */
#ifndef SIM_LOG_H
#define SIM_LOG_H

#include "core/txc_update.h"
#include "sim.h"

typedef struct sim_log sim_log_t;

/* Entries up to number are durable; the owner is alive. */
typedef void (sim_log_told_t) (sim_t *sim, sim_proc_t *owner, uint64_t number);

/* An entry has become durable, whether or not anybody lives to hear it. */
typedef void (sim_log_seen_t) (sim_t *sim, sim_proc_t *owner, const txc_entry_t *entry);

/* The process dies at this point of its log's work. */
typedef void (sim_log_die_t) (sim_t *sim, sim_proc_t *owner);

typedef struct sim_log_hooks {
    sim_log_told_t *told;
    sim_log_seen_t *seen; /* may be NULL */
    sim_log_die_t *die;
} sim_log_hooks_t;

/* write_through: entries that are not forced go to the file at once (an agent's journal). */
sim_log_t *sim_log_new (sim_t *sim, sim_proc_t *owner, bool write_through, const sim_log_hooks_t *hooks);
void sim_log_destroy (sim_log_t **self_p);

/* Opens the engine on what the disk holds and replays it: first a checkpoint (its bytes only), then entries.
 * False: the engine refused its disk, which is a violation. */
typedef int (sim_log_replay_t) (void *arg, bool checkpoint, const txc_entry_t *entry);
bool sim_log_open (sim_log_t *self, sim_log_replay_t *replay, void *arg);

/* Takes an entry of an update. */
void sim_log_put (sim_log_t *self, const txc_entry_t *entry);
/* Likewise, but it goes to the file with the next entry that does (of a journal). */
void sim_log_put_along (sim_log_t *self, const txc_entry_t *entry);

/* Entries put or replayed in this life. */
size_t sim_log_count (const sim_log_t *self);

/* A checkpoint: bytes (freed by the log) hold everything up to slot, and everything that was put so far; or a
 * cut: what was put from the entry at place on (counted as by sim_log_count) is the whole state.  False: it
 * could not begin now. */
bool sim_log_checkpoint (sim_log_t *self, void *bytes, size_t size, uint64_t slot);
/* Whether one is durable that was not told yet. */
bool sim_log_checkpointed (sim_log_t *self, uint64_t *slot);
void sim_log_cut (sim_log_t *self, size_t place);

/* A checkpoint of a journal is under way: the next one would only take more space. */
bool sim_log_is_cutting (const sim_log_t *self);

/* True when it is time for a checkpoint, as the daemons see it. */
bool sim_log_wants_checkpoint (const sim_log_t *self);

/* Gets the next segment ready, as the log's thread does while it has nothing else to do. */
void sim_log_make_room (sim_log_t *self);

/* True while the engine can get no more space. */
bool sim_log_is_low (const sim_log_t *self);
/* The disk takes no new files until it is told so again. */
void sim_log_set_full (sim_log_t *self, bool full);

/* The process is gone; machine: and the page cache with it.  True if something that was written is lost. */
bool sim_log_crash (sim_log_t *self, bool machine);

/* Replaces the disk by a copy that holds the entries up to slot. */
void sim_log_restore (sim_log_t *self, uint64_t slot);

/* An empty disk, in place of the one that was. */
void sim_log_format (sim_log_t *self);

/* The last slot known to be durable. */
uint64_t sim_log_durable (const sim_log_t *self);

#endif
