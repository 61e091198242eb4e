/*
 * sim.h - the simulated world: virtual time, processes, one seed.
 *
 * Everything that happens is an event of one queue, ordered by virtual time
 * and then by age; every choice comes from one random stream.  So a seed
 * replays exactly.  doc/simulator.md explains the whole.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/txc_hash.h"
#include "base/txc_id.h"
#include "base/txc_list.h"
#include "core/txc_message.h"
#include "core/txc_mutant.h"

typedef struct sim sim_t;
typedef struct sim_proc sim_proc_t;
typedef struct sim_event sim_event_t;
typedef struct sim_coordinator sim_coordinator_t;
typedef struct sim_agent sim_agent_t;
typedef struct sim_client sim_client_t;
typedef struct sim_rm sim_rm_t;
typedef struct sim_tx sim_tx_t;
typedef struct sim_branch sim_branch_t;

enum {
    SIM_REPLICAS_MAX = 9, /* with those that join */
    SIM_AGENTS_MAX = 3,
    SIM_RMS_MAX = 4,
    SIM_CLIENTS_MAX = 5,
    SIM_PROCS_MAX = SIM_REPLICAS_MAX + SIM_AGENTS_MAX + SIM_RMS_MAX + SIM_CLIENTS_MAX,
    SIM_EPOCHS_MAX = 32,
    SIM_MS = 1000, /* virtual time runs in microseconds */
    SIM_S = 1000 * 1000,
    SIM_TEXT_MAX = 400
};

/* Every kind of fault, with the rate (per million chances) that a seed which enables it draws at most.  0:
 * the fault is not drawn at chances but placed on the seed's time line. */
/* clang-format off */
#define SIM_FAULT_MAP(X)                                                                  \
    X (MESSAGE_LOST, 100000, "messages lost")                                             \
    X (MESSAGE_DUPLICATED, 100000, "messages duplicated")                                 \
    X (MESSAGE_DELAYED, 100000, "messages delayed, overtaken by others")                  \
    X (PARTITION, 0, "two processes cut off from each other for a while")                 \
    X (LINK_CLOGGED, 0, "link that held everything back for a while, then let it all go")  \
    X (CRASH_BEFORE_LOG, 8000, "crash before an update's entries reach the log")          \
    X (CRASH_BEFORE_DURABLE, 12000, "crash between handing over an entry and its sync")   \
    X (CRASH_BEFORE_TOLD, 12000, "crash when entries are durable but nobody was told")    \
    X (CRASH_BEFORE_SEND, 8000, "crash before a message or work item of an update leaves") \
    X (CRASH_AT_TIME, 0, "crash of a process at any time")                                \
    X (MACHINE_CRASH, 500000, "crashes that took the machine and its page cache")         \
    X (WRITES_LOST, 0, "crashes that lost writes that were not forced")                   \
    X (WRITE_TORN, 0, "crashes that tore a write")                                        \
    X (PROCESS_PAUSED, 0, "process stopped, woken up late")                               \
    X (CLOCK_JUMPED, 0, "clock jumped forward")                                           \
    X (CLOCK_DRIFT, 0, "clock ran fast or slow")                                          \
    X (DISK_LOST, 0, "replica came back with an empty disk")                              \
    X (GROUP_SPLIT, 0, "replicas split into two parts")                                   \
    X (LEADER_CRASH, 0, "leader killed")                                                  \
    X (LEADER_PAUSED, 0, "leader stopped until another one leads")                        \
    X (LEADER_ISOLATED, 0, "leader cut off from the group, its successor killed")         \
    X (GRANTOR_RESTARTED, 0, "replica restarted within the lease that it had granted")    \
    X (TRANSFER, 0, "leadership handed over")                                             \
    X (MEMBERS_CHANGED, 0, "operator began to add or remove a replica")                   \
    X (MEMBER_MISTYPED, 0, "operator tried to add a replica that is not there")           \
    X (DISK_FULL, 0, "log nearly full for a while")                                       \
    X (CHECKPOINT, 0, "log or journal checkpointed and cut")                              \
    X (RESTORED_BACKUP, 0, "coordinator restored from an old copy of its disk")           \
    X (CLIENT_CRASH, 0, "application process killed")                                     \
    X (CLIENT_ABANDON, 60000, "application forgot a transaction")                         \
    X (SESSION_LAPSE, 0, "client silent beyond its lease")                                \
    X (RM_CRASH, 0, "resource manager killed and restarted")                              \
    X (RM_IDENTITY_CHANGED, 0, "resource manager came back as a promoted standby")        \
    X (STATEMENT_ERROR, 30000, "statement failed")                                        \
    X (STATEMENT_ROLLED_BACK, 20000, "statement failed and took its branch along")        \
    X (STATEMENT_SLOW, 30000, "statement waited long for a lock")                         \
    X (PREPARE_REFUSED, 40000, "resource manager refused to prepare")                     \
    X (RM_RETRY, 60000, "resource manager was busy: try again")                           \
    X (CONNECTION_LOST_BEFORE, 30000, "connection lost before the request arrived")       \
    X (CONNECTION_LOST_AFTER, 30000, "connection lost after it was done")                 \
    X (CONNECTION_LOST_LATE, 30000, "connection lost, and it was done later")             \
    X (LATE_PREPARE, 0, "prepare that ran after its connection was reported lost")        \
    X (ROLLBACK_REAPPEARED, 0, "rolled back branch prepared again after a crash")         \
    X (STRANGER, 20000, "prepared branch ended by somebody else, behind our back")            \
    X (FOREIGN_BRANCH, 0, "branch of somebody else planted in a resource manager")        \
    X (WINDOW_OUTRUN, 0, "transaction far beyond its session's window settled")          \
    X (OPERATOR_TRANSACTION, 0, "operator resolved a transaction")                        \
    X (OPERATOR_BRANCH, 0, "operator resolved a branch at its agent")                     \
    X (JOURNAL_LOST, 0, "agent lost its journal while others were in doubt (mode 3pc)")
/* clang-format on */

#define SIM_FAULT_ENUM(name, rate, text) SIM_FAULT_##name,
typedef enum sim_fault { SIM_FAULT_MAP (SIM_FAULT_ENUM) SIM_FAULTS } sim_fault_t;
#undef SIM_FAULT_ENUM

const char *sim_fault_name (sim_fault_t fault);
const char *sim_fault_text (sim_fault_t fault);

typedef enum sim_kind { SIM_COORDINATOR, SIM_AGENT, SIM_RM, SIM_CLIENT } sim_kind_t;

/* A process.  Its life counts from 1; what was meant for an earlier life never reaches a later one by
 * accident. */
struct sim_proc {
    sim_kind_t kind;
    uint8_t index;  /* within its kind */
    uint8_t number; /* among all processes: position in sim->procs */
    bool up;
    char name[16];
    uint64_t life;
    uint64_t paused_until; /* us; 0: runs */
    uint64_t clock_ms;     /* its monotonic clock shows virtual time plus this */
    int32_t drift;         /* and is so many permille fast */
    uint64_t drift_since;  /* us, from then on */
    uint64_t tick_at;      /* us of the tick that is scheduled; UINT64_MAX: none */
};

/* Something that will happen.  run is called unless its owner has entered another life; drop frees data. */
struct sim_event {
    uint64_t at, order;
    sim_proc_t *owner; /* NULL: the world */
    uint64_t life;     /* 0: any life */
    void (*run) (sim_t *sim, sim_event_t *event);
    void (*drop) (sim_event_t *event); /* may be NULL */
    void *data;
    uint64_t a, b;
};

/* What all seeds of a run add up to. */
typedef struct sim_stats {
    uint64_t seeds, violations, commits, aborts, one_phase, read_only, heuristic, unknown, steps, messages,
        records;
    uint64_t faults[SIM_FAULTS];
} sim_stats_t;

struct sim {
    uint64_t seed, random;
    uint64_t now;   /* us */
    uint64_t order; /* of the next event */
    sim_event_t **heap;
    size_t n_heap, max_heap;

    bool trace;  /* print as it happens */
    bool calm;   /* a seed without faults: everything must succeed */
    bool healed; /* faults are over: everything must end */
    bool finished;
    uint32_t rate[SIM_FAULTS]; /* this seed's, per million; 0: not enabled */
    bool enabled[SIM_FAULTS];
    uint32_t delay_us;      /* of a message, typically */
    bool stable_routes;     /* a restarted agent is reached under its old route */
    bool journals_lost;     /* an agent lost entries that it had not forced: a hazard can be honest */
    bool journal_gone;      /* an agent lost all of its journal */
    bool rm_history_lost;   /* a promoted standby: branches of that RM end by an operator */
    bool restored;          /* an old backup is in place: only agents are protected from it */
    uint64_t restored_slot; /* where the copy ends */
    uint32_t n_restored_epochs;
    txc_epoch_t restored_epochs[SIM_EPOCHS_MAX];    /* under which it led */
    uint8_t cut[SIM_PROCS_MAX][SIM_PROCS_MAX];      /* partitions that separate two processes */
    uint64_t clogged[SIM_PROCS_MAX][SIM_PROCS_MAX]; /* us: nothing from one arrives at the other before */

    uint32_t loser; /* the agent that loses its journal */
    uint32_t n_procs, n_agents, n_rms, n_clients;
    sim_proc_t *procs[SIM_PROCS_MAX];
    uint32_t n_founders; /* replicas of the new group */
    uint32_t n_replicas; /* with those that have joined, or want to */
    bool grows;          /* the operator changes the members */
    struct {
        uint8_t change; /* sim_change_t: what the operator wants, until it is done */
        uint32_t index; /* of the replica */
        uint64_t done_at;
    } wish;
    sim_coordinator_t *coordinators[SIM_REPLICAS_MAX];
    sim_agent_t *agents[SIM_AGENTS_MAX];
    sim_rm_t *rms[SIM_RMS_MAX];
    sim_client_t *clients[SIM_CLIENTS_MAX];

    txc_hash_t txs;            /* sim_tx_t: everything known about each gtrid (sim_truth.h) */
    txc_list_t tx_list;        /* the same, in order of birth */
    struct sim_group *group;   /* what the replicas' disks say together (sim_group.h) */
    struct sim_reflog *reflog; /* the harness's reading of the chosen log */
    uint64_t cluster;          /* what the coordinator's log says; 0: not formatted yet */
    uint64_t statements;       /* numbers of statements, unique in the world */

    const char *violation; /* name of the first broken invariant; NULL: none */
    char violation_text[SIM_TEXT_MAX];
    sim_stats_t *stats;
};

/* --- chance --------------------------------------------------------------- */

uint64_t sim_random (sim_t *sim);
/* 0 to n - 1; n > 0. */
uint32_t sim_below (sim_t *sim, uint32_t n);
/* from..to, both included. */
uint64_t sim_between (sim_t *sim, uint64_t from, uint64_t to);
bool sim_percent (sim_t *sim, uint32_t percent);
/* Whether this fault strikes now; counted if so.  Never after healing. */
bool sim_strikes (sim_t *sim, sim_fault_t fault);
void sim_count (sim_t *sim, sim_fault_t fault);

/* --- time ------------------------------------------------------------------ */

/* Schedules run in delay_us; the caller may fill in drop, data, a, b. */
sim_event_t *sim_after (sim_t *sim, uint64_t delay_us, sim_proc_t *owner, uint64_t life,
                        void (*run) (sim_t *sim, sim_event_t *event));

/* How long proc goes on being stopped, as far as one need not look again; 0: it runs. */
uint64_t sim_proc_stopped (const sim_t *sim, const sim_proc_t *proc);

/* What a process's own clock shows. */
uint64_t sim_proc_ms (const sim_t *sim, const sim_proc_t *proc);

/* Makes sure that a tick of proc comes when its own clock shows at_ms (UINT64_MAX: never). */
void sim_proc_tick_at (sim_t *sim, sim_proc_t *proc, uint64_t at_ms,
                       void (*run) (sim_t *sim, sim_event_t *event));

/* Begins a life: up, a fresh clock. */
void sim_proc_begin (sim_t *sim, sim_proc_t *proc);

/* --- a run ------------------------------------------------------------------ */

/* Runs one seed to its end.  True: no invariant was broken. */
extern uint32_t sim_replicas; /* of every seed's group; 0: drawn */
extern bool sim_gone;         /* every replica is killed in the middle of each seed, for good */
extern unsigned sim_mode;     /* of every transaction, txc_mode_t; 0: drawn from those that are served */
bool sim_run (uint64_t seed, bool trace, sim_stats_t *stats, char *text, size_t size);

/* Records the first broken invariant and ends the run after this event. */
void sim_violation (sim_t *sim, const char *name, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

#endif
