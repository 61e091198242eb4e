/*
 * xa_rm.h - a vendor's XA switch as a resource manager of an agent: what the plugin's files share.
 *
 * The agent's side alone: recover, commit, rollback, forget.  Work is done in
 * the application's process, where the switch is loaded a second time.
 *
 * Switches bind what they do to the calling thread, and agents move
 * connections between threads: so every connection has a thread of its own,
 * which opens the switch and makes all its calls.
 */
#ifndef XA_RM_H
#define XA_RM_H

#include <pthread.h>
#include <stdbool.h>
#include <xa.h>

#include <txcoord/txc_rm.h>

#include "xa_code.h"

struct txc_rm {
    unsigned magic;
    int rmid; /* of every call; another for each resource manager of the process */
    char *name;
    void *library;
    const struct xa_switch_t *xa;
    char open_info[MAXINFOSIZE], close_info[MAXINFOSIZE];
};

/* A call of the switch, made by the connection's thread. */
typedef struct xa_call {
    xa_function_t function;
    XID xid;
    XID *found; /* recover: room */
    long n_found, flags;
    int rc; /* what it gave */
} xa_call_t;

struct txc_rm_conn {
    unsigned magic;
    txc_rm_t *rm;
    bool alive; /* no XAER_RMFAIL yet */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    xa_call_t *call; /* to be made; NULL: none, or done */
    bool stopping;
    int opened; /* what xa_open gave */
};

/* Starts the connection's thread and opens the switch in it.  NULL: no thread, or no memory. */
txc_rm_conn_t *xa_conn_new (txc_rm_t *rm);

/* Closes the switch and ends the thread. */
void xa_conn_destroy (txc_rm_conn_t **self_p);

/* Has the call made; its rc is what the switch gave. */
void xa_conn_call (txc_rm_conn_t *self, xa_call_t *call);

#endif
