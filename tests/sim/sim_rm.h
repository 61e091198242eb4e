/*
 * sim_rm.h - a simulated resource manager.
 *
 * Two kinds, after what the databases were seen to do:
 *
 *   pgsql-like   a prepared branch belongs to nobody and survives everything; a rollback is durable; evidence
 * tells the truth; after a failed statement PREPARE rolls back. mysql-like   a prepared branch stays attached
 * to its session: another one that wants to end it is told to try again although the branch is listed; a
 * rollback is not forced and comes back prepared after a crash; no evidence; PREPARE goes through after a
 * failed statement.
 *
 * A last resource (pgsql-like) commits where others prepare, with a marker: that is a prepared branch here,
 * too, which cannot be rolled back any more.
 *
 * In both a request whose connection was lost may still run, until its session is fenced.
 */
#ifndef SIM_RM_H
#define SIM_RM_H

#include "core/txc_work.h"
#include "sim.h"
#include "sim_truth.h"

typedef enum sim_rm_kind { SIM_RM_PGSQL, SIM_RM_MYSQL } sim_rm_kind_t;

enum { SIM_FOUND_MAX = 256, SIM_BALANCE = 1000 };

struct sim_rm {
    sim_proc_t proc;
    sim_rm_kind_t kind;
    bool last;            /* pgsql-like, but it cannot prepare: a last resource */
    uint32_t agent;       /* index of the agent that serves it */
    uint32_t place;       /* its index in that agent's configuration */
    uint64_t numbers;     /* of branches */
    uint64_t sessions;    /* of sessions */
    uint32_t timeline;    /* changes with a promoted standby */
    uint64_t fenced_life; /* requests of the agent's lives up to this one never run any more */
    txc_list_t live;      /* branches that are active or prepared */
    txc_list_t reverted;  /* mysql-like: rolled back, not forced yet (rm_node of the branch) */
    int64_t accounts[SIM_ACCOUNTS];
    uint32_t ledger; /* committed branches that wrote */
    bool cut;        /* unreachable for now */
};

/* A request on its way: what the agent asked, and for whom. */
typedef struct sim_request {
    txc_work_t work;
    sim_agent_t *agent;
    const sim_proc_t *owner; /* an application's own connection, instead of an agent's; NULL: none */
    uint64_t agent_life, incarnation;
    uint64_t session; /* of the pinned connection; 0: any */
    bool done;        /* it ran */
    bool cancelled;
    bool late;        /* it was reported lost already, */
    uint64_t lost_at; /* then */
    /* its answer */
    txc_work_done_t result;
    txc_found_t *found;
} sim_request_t;

sim_rm_t *sim_rm_named (const sim_t *sim, const char *name);

/* Runs the request; fills in result. */
void sim_rm_run (sim_t *sim, sim_rm_t *self, sim_request_t *request);

/* The request of a lost connection will run later, unless the session is fenced first. */
void sim_rm_expect_late (sim_t *sim, sim_rm_t *self, const sim_request_t *request);

/* The server notices that a session's client is gone: what was active rolls back, what was prepared is
 * nobody's. */
void sim_rm_close_session (sim_t *sim, sim_rm_t *self, sim_branch_t *branch);

/* The client's end of a branch's session went away; the server notices some time later. */
void sim_rm_lose_client (sim_t *sim, sim_rm_t *self, sim_branch_t *branch);

/* The branch that this request's connection is pinned to. */
sim_branch_t *sim_rm_branch (const sim_t *sim, const sim_rm_t *self, const txc_work_t *work);

/* Ends a branch; by_op: a request did it. */
void sim_rm_commit (sim_t *sim, sim_branch_t *branch);
void sim_rm_roll_back (sim_t *sim, sim_branch_t *branch, bool by_op);

void sim_rm_crash (sim_t *sim, sim_rm_t *self);
void sim_rm_start (sim_t *sim, sim_rm_t *self);
/* Its machine is gone; if it has a standby, that is promoted. */
void sim_rm_fail_over (sim_t *sim, sim_rm_t *self);

/* Somebody with the privileges will end this prepared branch by hand, if it still is prepared then. */
void sim_rm_expect_meddling (sim_t *sim, sim_branch_t *branch, uint64_t within_us);

/* Puts a prepared branch there that no agent of this cluster may touch. */
void sim_rm_plant (sim_t *sim, sim_rm_t *self);

#endif
