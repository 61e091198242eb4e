/*
 * coord.h - the coordinator daemon: a thin shell around core's replica.
 *
 *   txcoord.c         command line, life, exit codes
 *   coord_config.c    the configuration's keys, the crash points
 *   coord_log.c       core's entries in the durable log; snapshots
 *   coord_peers.c     the other replicas: who they are, where they are reached
 *   coord_loop.c      events in, updates out
 *   coord_report.c    what goes to the journal and to the service manager
 *   coord_stop.c      handing over and draining, before the end
 *   coord_admin.c     what operators ask
 *   coord_group.c     ... about the group
 *   coord_answer.c    how they are answered
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
    const char *name; /* at crash points; static */
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

/* An answer to an operator that rests on what has yet to happen. */
typedef struct coord_held {
    uint64_t route, slot;
    txc_epoch_t epoch; /* under which it was proposed */
    uint64_t until_ms; /* not 0: it waits until leadership was handed over, for so long */
    txc_blob_t *body;
} coord_held_t;

/* Another replica: a member, one that the configuration names, or one that asks to be made a member. */
typedef struct coord_peer {
    uint32_t id;
    bool wanted;       /* a member, or named by the configuration: it has a route of its own */
    uint64_t route;    /* through a socket of this replica's own; 0: none */
    uint64_t answers;  /* on which its last message came; used as long as there is no other */
    uint64_t heard_ms; /* 0: never */
    uint64_t disk;     /* from its request to join; 0: it sent none */
    char endpoint[TXC_ENDPOINT_MAX + 1];
} coord_peer_t;

enum { COORD_HELD_MAX = 16, COORD_PEERS_MAX = 24 };

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
    coord_peer_t peers[COORD_PEERS_MAX];
    size_t n_peers;
    txc_replica_config_t group; /* what core was given */
    uint64_t settings;          /* digest of what every replica must be configured with alike */
    uint64_t cluster;           /* 0: not known yet */
    bool called;                /* the members below, and whom the configuration names */
    txc_member_t members[TXC_REPLICAS_MAX];
    uint32_t n_members;
    uint64_t advertise_due_ms;
    uint64_t snapshot_slot; /* of the checkpoint that is under way */
    bool checkpointing;     /* core has yet to be told that it is durable */
    bool checkpoint_wanted; /* by core */
    int signal_fd;
    uint64_t now_ms;
    uint64_t refused;     /* messages that core dropped */
    uint64_t watchdog_ms; /* 0: none; else how often the service manager wants to hear */
    uint64_t watchdog_due_ms;
    uint64_t stop_until_ms;   /* 0: not stopping */
    uint64_t transfer_due_ms; /* stopping: when leadership is to be handed over (again) */
    txc_epoch_t led;          /* stopping: the epoch in which it led */
    uint64_t status_due_ms;
    uint32_t told_leader; /* what the journal was told last */
    txc_epoch_t told_epoch;
    bool space_low;
    bool ready; /* the service manager was told */
    bool hurry; /* a second SIGTERM: do not wait any more */
} coord_t;

/* --- coord_config.c */
extern const txc_key_t coord_keys[];
extern const txc_crash_set_t coord_crash_points[];

/* What only several keys together tell.  TXC_OK, or TXC_ECONFIG with error set. */
int coord_config_check (const txc_config_t *config, txc_error_t *error);

/* Everything but the random numbers.  The configuration was checked. */
void coord_config_replica (const txc_config_t *config, txc_replica_config_t *replica);

/* Digest of what all replicas of a group must have alike. */
uint64_t coord_config_settings (const txc_replica_config_t *replica);

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

/* Takes a snapshot, so that the log before it can go.  TXC_PENDING: one is under way. */
int coord_log_checkpoint (coord_t *self);

/* True once after a snapshot became durable; *slot: up to which it is applied. */
bool coord_log_checkpointed (coord_t *self, uint64_t *slot);

void coord_log_fini (coord_t *self);

/* --- coord_peers.c */

/* Opens and closes connections as members come, go and move.  Not while messages are received. */
void coord_peers_update (coord_t *self, const txc_replica_status_t *status);

/* Lets a leader tell the group where it is reached, if that has changed. */
void coord_peers_advertise (coord_t *self, const txc_replica_status_t *status);

/* Notes that a message of another replica came.  False: it is of another group, or of one that is configured
 * otherwise, and does not count. */
bool coord_peers_heard (coord_t *self, const txc_msg_t *message);

/* Sends a message of core's to the replica that its route names. */
void coord_peers_send (coord_t *self, const txc_msg_t *message);

/* What is known of a replica, NULL: nothing. */
const coord_peer_t *coord_peers_find (const coord_t *self, uint32_t id);

/* --- coord_report.c */

/* What an operator should see of an entry, or a message, without asking. */
void coord_report_entry (const txc_entry_t *entry);
void coord_report_message (const txc_msg_t *message);

/* Tells the journal who leads, when that changes, and the service manager how it goes. */
void coord_report_state (coord_t *self, const txc_replica_status_t *status);

/* Leads, follows and serves until a signal or an error ends it.  once: only until a new log is formatted.
 * TXC_OK, or an error with its text. */
int coord_loop_run (coord_t *self, bool once, txc_error_t *error);

/* A step of core; what it asks for is in self->update until coord_carry_out has done it. */
int coord_feed (coord_t *self, txc_event_t *event);
void coord_carry_out (coord_t *self);

/* Both.  The result is core's. */
int coord_step (coord_t *self, txc_event_t *event);

/* --- coord_stop.c */

/* SIGTERM came. */
void coord_stop_begin (coord_t *self);

/* True once the daemon may exit. */
bool coord_stop_is_over (coord_t *self, const txc_replica_status_t *status);

/* --- coord_admin.c, coord_answer.c */

/* Answers an operator's command. */
void coord_admin (coord_t *self, const txc_msg_t *message);

/* Sends the answers whose time has come. */
void coord_admin_held (coord_t *self);
void coord_admin_fini (coord_t *self);

#endif
