/*
 * txc_agent.h - an agent: the branches of its resource managers.
 *
 * The participant side of two-phase commit as a deterministic state machine.
 * Statements, votes and phase 2 become work items for worker threads; what
 * must outlive a crash becomes journal entries.
 *
 * Life: new -> replay* (journal) -> step (START) -> step*.  One thread at a time.
 */
#ifndef TXC_AGENT_H
#define TXC_AGENT_H

#include "core/txc_journal.h"
#include "core/txc_update.h"

typedef struct txc_agent txc_agent_t;

typedef struct txc_agent_rm {
    char name[TXC_RM_NAME_MAX + 1];
    bool journal_committing; /* the RM cannot prove a commit by itself (MariaDB): journal before phase 2 */
    bool detaches;      /* a prepared branch belongs to no connection (PostgreSQL): it is unpinned at once */
    bool forgets;       /* the RM keeps heuristic ends, and lists them, until it is told to forget */
    bool last_resource; /* it cannot prepare: its commit, with a marker, is its vote */
    uint32_t max_branches; /* [100] */
} txc_agent_rm_t;

typedef struct txc_agent_config {
    char name[TXC_AGENT_NAME_MAX + 1];
    char endpoint[TXC_ENDPOINT_MAX + 1]; /* where clients reach it */
    uint64_t incarnation;                /* random, not 0, new at every start */
    uint64_t seed;
    uint32_t n_coordinators; /* replicas of the coordinator; 0: the shell knows one */
    char coordinators[TXC_REPLICAS_MAX][TXC_ENDPOINT_MAX + 1];
    const txc_journal_codec_t *codec;
    uint32_t n_rms;
    txc_agent_rm_t rms[TXC_RMS_MAX];
    /* 0: the default, in brackets */
    uint32_t hello_ms;   /* heartbeat to the leader [1,000] */
    uint32_t inquiry_ms; /* an in-doubt branch asks after this [2,000], doubling up to 30,000 */
    uint32_t scan_ms;    /* recovery scan of each RM [10,000] */
    uint32_t retry_ms;   /* first repetition of work that the RM refused for now [50], doubling up to 2,000 */
    uint32_t timeout_ms; /* of a branch that does not say [60,000] */
    uint32_t owner_ms;   /* how long the owner of an enlisted branch may take to answer [3,000] */
    uint32_t
        terminate_ms; /* 3pc: without a word of a leader for so long a member ends it with others [5,000] */
    bool timers_end;  /* 3pc: then a timer ends it, by the textbook's rule, which is unsafe */
    uint32_t max_queued; /* statements waiting at one branch [64] */
    uint32_t max_ended;  /* finished branches remembered [100,000] */
} txc_agent_config_t;

typedef enum txc_agent_event_type {
    TXC_AGENT_START,      /* the journal was replayed */
    TXC_AGENT_MESSAGE,    /* message */
    TXC_AGENT_WORK_DONE,  /* done */
    TXC_AGENT_JOURNALED,  /* forced entries up to slot are durable */
    TXC_AGENT_TICK,       /* the time of txc_agent_next_ms has come */
    TXC_AGENT_OPERATOR,   /* gtrid rm token vote (YES: commit, NO: roll back): a heuristic */
    TXC_AGENT_ACCEPT_LOG, /* the operator accepts the coordinator's log as it is: releases the latch */
    TXC_AGENT_DRAIN       /* refuse new branches */
} txc_agent_event_type_t;

typedef struct txc_agent_event {
    uint8_t type;
    uint8_t vote;
    uint64_t now_ms;
    const txc_msg_t *message;
    const char *from;      /* MESSAGE: the coordinator's endpoint through which it came; NULL: not known */
    txc_work_done_t *done; /* core takes done->body */
    uint64_t slot;
    txc_gtrid_t gtrid;
    uint64_t token;
    char rm[TXC_RM_NAME_MAX + 1];
} txc_agent_event_t;

txc_agent_t *txc_agent_new (const txc_agent_config_t *config);
void txc_agent_destroy (txc_agent_t **self_p);

/* One entry of the journal, in order.  TXC_ECORRUPT if it cannot be read. */
int txc_agent_replay (txc_agent_t *self, const void *bytes, size_t size);

/* One step.  TXC_OK, or an error for a message that was dropped (the shell counts it). */
int txc_agent_step (txc_agent_t *self, const txc_agent_event_t *event, txc_update_t *update);

/* Where messages with TXC_ROUTE_LEADER go; NULL: to the only one.  TXC_ROUTE_ALL: to all that _nth gives,
 * until NULL. Valid until the next step. */
const char *txc_agent_leader (const txc_agent_t *self);
const char *txc_agent_coordinator_nth (const txc_agent_t *self, uint32_t i);

/* The endpoint behind TXC_ROUTE_PEER (i), that of another agent; NULL: this is no such route.  Likewise.  (i
 * from 0 up, until NULL: all that are called at present.) */
const char *txc_agent_peer (const txc_agent_t *self, uint64_t route);

uint64_t txc_agent_next_ms (const txc_agent_t *self);

/* Writes the journal's live entries into update->entries, so that the shell can cut what lies before them. */
void txc_agent_checkpoint (txc_agent_t *self, txc_update_t *update);

/* txc_agent_status_t.told_by_peers. */
uint64_t txc_agent_told_by_peers (const txc_agent_t *self);

/* For operators and tests. */
typedef struct txc_branch_view {
    txc_gtrid_t gtrid;
    uint64_t token, age_ms;
    const char *rm;    /* valid until the next step */
    const char *state; /* static */
    const char *waits; /* static */
    uint32_t statements;
    uint8_t vote;
    bool quarantined, owner;
} txc_branch_view_t;
void txc_agent_each (const txc_agent_t *self, bool (*visit) (void *arg, const txc_branch_view_t *view),
                     void *arg);

typedef struct txc_agent_status {
    uint64_t cluster, incarnation;
    txc_epoch_t epoch;
    bool registered, latched, draining;
    uint32_t active, prepared, ended, quarantined;
    uint64_t commits, rollbacks, inquiries, heuristics, dropped;
    uint64_t terminations;  /* how often it stood as the terminator of a three-phase commit, or asked a
                               participant of a two-phase commit */
    uint64_t told_by_peers; /* branches in doubt of two-phase commits that another participant ended */
} txc_agent_status_t;
void txc_agent_status (const txc_agent_t *self, txc_agent_status_t *status);
bool txc_agent_is_latched (const txc_agent_t *self); /* it refuses its leader's log until an operator acts */
bool txc_agent_rm_is_up (const txc_agent_t *self, uint32_t rm);

#endif
