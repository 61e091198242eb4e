/*
 * core_world.h - one coordinator, one agent and one application in one process,
 * with messages that always arrive and a resource manager that obeys a script.
 * For unit tests of single flows; the faults belong to tests/sim.
 */
#ifndef CORE_WORLD_H
#define CORE_WORLD_H

#include "core/txc_agent.h"
#include "core/txc_replica.h"
#include "core/txc_session.h"

enum { WORLD_QUEUE = 256, WORLD_RMS = 2, WORLD_TRACE = 65536, WORLD_HOLD = 255 };

typedef struct world_mail {
    int to; /* 'C', 'L' or 'A' */
    txc_msg_t message;
    txc_branch_ref_t branches[TXC_BRANCHES_MAX];
    txc_rm_entry_t entries[WORLD_RMS];
    txc_member_t members[TXC_REPLICAS_MAX];
    txc_error_t error;
} world_mail_t;

typedef struct world {
    uint64_t now_ms;
    txc_replica_t *replica;
    txc_agent_t *agent;
    txc_session_t *session;
    world_mail_t *queue[WORLD_QUEUE];
    unsigned head, tail;
    uint64_t operation;
    int codes[256]; /* by operation; TXC_PENDING until it completes */
    txc_error_t errors[256];
    txc_blob_t *bodies[256];
    uint8_t status[TXC_WORK_OPS]
                  [WORLD_RMS];      /* the script: what each operation answers; WORLD_HOLD: nothing yet */
    txc_work_t held;                /* the one that waits for world_answer */
    uint8_t last_status[WORLD_RMS]; /* of the prepare that travels with a statement */
    uint8_t work_error;
    int drop; /* a message type that is lost; 0: none */
    int dropped;
    bool slow_disk;              /* what the agent forces is durable with world_sync only */
    uint64_t unsynced;           /* the last of it; 0: none */
    txc_found_t listed;          /* what the resource manager with that number lists, at each scan */
    int listed_at;               /* -1: nothing is listed */
    unsigned last_resources;     /* a bit for each resource manager */
    txc_replica_config_t limits; /* of the replica; 0: the defaults */
    txc_msg_t
        last[TXC_MSG_TYPES]; /* the latest message of each type, lost ones too, without what it borrowed */
    char trace[WORLD_TRACE]; /* messages, records and work, a word each */
} world_t;

/* Fixtures for cmocka: a world of its own for each test, as *state. */
int world_setup (void **state);
int world_teardown (void **state);

/* limits may be NULL. */
void world_open_with (world_t *self, const txc_replica_config_t *limits);
void world_open (world_t *self);
/* last: a bit for each resource manager that is a last resource. */
void world_open_last (world_t *self, unsigned last);
void world_close (world_t *self);

/* Delivers everything until nothing moves. */
void world_run (world_t *self);
/* Lets time pass in steps to the next timers. */
void world_pass (world_t *self, uint64_t ms);

/* An operation of the application; runs the world and returns the operation's number. */
uint64_t world_do (world_t *self, txc_session_event_t event);
uint64_t world_begin (world_t *self);
int world_exec (world_t *self, uint64_t tx, const char *rm, uint32_t flags);
int world_commit (world_t *self, uint64_t tx);

/* A transaction with a statement at each resource manager. */
uint64_t world_transfer (world_t *self);

/* How often the trace has this word. */
unsigned world_count (const world_t *self, const char *word);

/* The code with which an operation completed, TXC_PENDING if it has not. */
int world_code (world_t *self, txc_session_event_t event);

/* A message that nobody of this world sent.  to: 'C' the application, 'L' the coordinator, 'A' the agent. */
void world_forge (world_t *self, int to, txc_msg_t message);

/* An event of the coordinator's, or the agent's, shell. */
void world_replica_event (world_t *self, txc_event_t event);
void world_agent_event (world_t *self, txc_agent_event_t event);

/* The held item of work comes back. */
void world_answer (world_t *self, uint8_t status);

/* The gtrid of an open transaction. */
txc_gtrid_t world_gtrid (const world_t *self, uint64_t tx);

/* A second life of the coordinator, from the values that were durable. */
void world_restart_replica (world_t *self);

/* The agent's disk has everything. */
void world_sync (world_t *self);

/* The agent's journal is cut: what a checkpoint keeps is all that is left of it. */
void world_tidy (world_t *self);

/* A second life of the agent, from its journal; lost: from an empty one.  Its resource managers list nothing
 * as prepared, but for `listed`. */
void world_restart_agent (world_t *self, bool lost);

#endif
