/*
 * txc_agentd.h - the agent daemon: a thin shell around core's txc_agent.
 *
 * One thread at a time, under the lock, feeds core with messages, results of
 * work, durable journal entries and ticks, and carries out what each step asks
 * for, in the order that core/txc_update.h demands: the loop, or a worker that
 * has just finished an item.  Nobody calls a database meanwhile: that is for
 * the pools' workers, without the lock.
 *
 *   txc_agentd.c        life and loop
 *   txc_agentd_turn.c   who works with the agent
 *   txc_agentd_carry.c  carrying out updates, the coordinators
 *   txc_agentd_admin.c  what operators ask
 */
#ifndef TXC_AGENTD_H
#define TXC_AGENTD_H

#include <pthread.h>

#include "core/txc_agent.h"
#include "daemon/txc_crash.h"
#include "net/txc_calls.h"
#include "txagent/txc_jfile.h"
#include "txagent/txc_served.h"

/* The calls to other agents: an endpoint is called when something is first to be sent there, and given up
 * once core has forgotten it. */
typedef struct txc_agentd_peers {
    uint32_t n, max;
    unsigned version; /* changes whenever a call is made or given up */
    struct {
        uint64_t route;
        char endpoint[TXC_ENDPOINT_MAX + 1];
    } * items;
} txc_agentd_peers_t;

typedef struct txc_agentd {
    uint32_t magic;
    pthread_mutex_t lock; /* of all this; the loop gives it up only to poll */
    txc_config_t *config;
    const char *name; /* the agent's */
    txc_served_list_t served;
    txc_net_t *net;
    txc_calls_t coordinators;
    txc_agentd_peers_t peers; /* other agents, with whom three-phase commits are ended */
    txc_jfile_t *journal;
    txc_agent_t *agent;
    txc_update_t update;
    txc_done_queue_t queue;
    int signals;
    uint64_t now_ms; /* of this turn */
    bool unfinished; /* the loop's last turn: it is to go on at once */

    /* What the loop polls for, so that a worker can tell when it is to be woken. */
    struct pollfd *polled;
    size_t polled_room;
    uint64_t poll_until_ms;
    unsigned poll_version; /* of coordinators and peers */

    uint64_t drain_until_ms; /* 0: it serves */
    bool stop;
    bool refused; /* strict: a resource manager was refused */
    uint64_t watchdog_ms, watchdog_due_ms;
    uint32_t n_up; /* RMs, as last told to the service manager */
    bool latched;  /* as last told */
    char last_errors[TXC_RMS_MAX][TXC_TEXT_MAX + 1];
    uint64_t misplaced; /* messages that came from where they have no business */
} txc_agentd_t;

/* The places at which tests can kill or stop the daemon. */
extern const txc_crash_set_t txc_agent_crash_points[];

/* Takes both over.  NULL with error set: the journal or an endpoint cannot be had. */
txc_agentd_t *txc_agentd_new (txc_config_t *config, txc_served_list_t *served, int signals,
                              txc_error_t *error);

/* Serves until a signal ends it.  The process's exit status. */
int txc_agentd_run (txc_agentd_t *self);

/* True if all threads ended, so that the process may end in the ordinary way. */
bool txc_agentd_destroy (txc_agentd_t **self_p);

/* --- shared by its files ------------------------------------------------------- */

/* One step of core, carried out.  type and what it needs are set in event. */
int txc_agentd_step (txc_agentd_t *self, txc_agent_event_t *event);

/* The lock is the caller's. */
void txc_agentd_init_turns (txc_agentd_t *self);
void txc_agentd_fini_turns (txc_agentd_t *self);

/* The loop: lets everything leave, takes in results and messages. */
void txc_agentd_turn (txc_agentd_t *self);

/* The loop: waits, without the lock, for something to come, a timer, or one of the n descriptors; readable
 * says which. */
void txc_agentd_poll (txc_agentd_t *self, const int *fds, bool *readable, size_t n);

/* A worker: a turn, if nobody else has one (of txc_done_queue_t). */
bool txc_agentd_take_in (void *self);

/* A message came in. */
void txc_agentd_take (void *arg, const txc_msg_t *message);

/* Gives up the coordinators, and other agents, that are none any more for core.  Not while receiving. */
void txc_agentd_keep (txc_agentd_t *self);

/* Changes with the descriptors to poll. */
unsigned txc_agentd_calls_version (const txc_agentd_t *self);

/* Answers an ADMIN message. */
void txc_agentd_admin (txc_agentd_t *self, const txc_msg_t *message);

#endif
