/*
 * txc_rm.h - the interface between txagent and a resource manager's plugin.
 *
 * Shaped like X/Open's XA switch, with execute, fence and evidence beside it.
 * A plugin is a shared object that exports `const txc_rm_switch_t *txc_rm_switch (void)`.
 *
 * Threads: everything may block.  A connection is used by one thread at a
 * time, except `cancel`, which any thread may call while the connection is in
 * use.  open, close and the functions on `txc_rm_t` are called by any thread.
 *
 * Truth: a plugin never turns a lost connection into an outcome.  What it does
 * not know it answers with TXC_RM_LOST.
 */
#ifndef TXC_RM_H
#define TXC_RM_H

#include <stddef.h>
#include <stdint.h>

#include <txcoord/txc_codes.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TXC_RM_ABI 2

typedef struct txc_rm txc_rm_t;           /* a resource manager as configured; the plugin's own */
typedef struct txc_rm_conn txc_rm_conn_t; /* a connection; the plugin's own */

typedef enum txc_rm_status {
    TXC_RM_OK = 0,
    TXC_RM_READ_ONLY =
        1, /* prepare: the branch wrote nothing; it is still open and ends with commit or rollback */
    TXC_RM_ERROR = 2,       /* execute: refused or failed; the branch is still there, to be rolled back */
    TXC_RM_ROLLED_BACK = 3, /* the RM said, on a live connection, that the branch is rolled back */
    TXC_RM_LOST = 4,        /* the connection was lost (or cannot be made): nothing is known */
    TXC_RM_ABSENT = 5,      /* the RM does not list the branch */
    TXC_RM_RETRY = 6,       /* listed, but held, busy or not writable now: try again */
    TXC_RM_UNKNOWN = 7,     /* evidence: it cannot be told */
    TXC_RM_HEURISTIC = 8    /* the RM ended the branch by itself; error.native has its XA_HEUR* code */
} txc_rm_status_t;

/* Filled by the plugin; text says what happened and, for checks, what to do. */
typedef struct txc_rm_error {
    int code;   /* TXC_ERM, TXC_ERMFAIL, TXC_EREFUSED, TXC_EBRANCH, TXC_ELIMIT, TXC_ECONFIG, ... */
    int native; /* the RM's number, 0: none */
    char sqlstate[6];
    char text[256];
} txc_rm_error_t;

/* A branch.  gtrid and bqual are printable, at most 64 bytes each, without quotes or backslashes. */
typedef struct txc_rm_xid {
    int32_t format_id;
    const char *gtrid, *bqual;
} txc_rm_xid_t;

/* Evidence: printable text by which the plugin can later tell what became of a branch, and end its session.
 */
#define TXC_RM_EVIDENCE_SIZE 96

typedef struct txc_rm_param {
    const char *value; /* NULL: SQL's NULL */
    size_t size;
} txc_rm_param_t;

typedef struct txc_rm_statement {
    const char *sql; /* ends with NUL */
    size_t size;     /* without the NUL */
    int n_params;
    const txc_rm_param_t *params;
} txc_rm_statement_t;

/* Takes a statement's result as it is read.  The agent implements it; values are borrowed during the call.
 * A sink that returns non-zero (result too large) makes execute stop and answer TXC_RM_ERROR with TXC_ELIMIT.
 */
typedef struct txc_rm_sink {
    void *arg;
    int (*columns) (void *arg, int n, const char *const *names, const char *const *types);
    int (*row) (void *arg, int n, const char *const *values,
                const size_t *sizes);                            /* values[i] NULL: SQL's NULL */
    void (*done) (void *arg, int64_t affected, const char *tag); /* affected -1: not known */
} txc_rm_sink_t;

typedef struct txc_rm_branch_options {
    int isolation;            /* txc_isolation_t of txcoord.h */
    uint32_t lock_timeout_ms; /* 0: the RM's own */
} txc_rm_branch_options_t;

/* One branch that the RM lists as prepared. */
typedef struct txc_rm_found {
    int32_t format_id;
    char gtrid[65], bqual[65];
    uint64_t age_ms; /* 0: not known */
    char evidence[TXC_RM_EVIDENCE_SIZE];
} txc_rm_found_t;

/* A configuration value of the RM's section.  NULL: not set. */
typedef const char *(txc_rm_config_fn) (void *arg, const char *key);

typedef struct txc_rm_switch {
    uint32_t abi;           /* TXC_RM_ABI */
    const char *name;       /* "pgsql" */
    uint32_t needs_journal; /* non-zero: the RM cannot prove that a branch committed; the agent journals it */
    uint32_t detaches;      /* non-zero: a prepared branch belongs to no connection, and evidence of it names
                             * no session; the agent gives its connection to other branches at once */
    uint32_t forgets; /* non-zero: a branch that it ended heuristically is listed until forget is called */
    const char *const
        *keys; /* the configuration keys it knows, ended by NULL; others are refused by the agent */

    /* Takes the configuration; connects to nothing.  name: the RM's name. */
    txc_rm_status_t (*open) (const char *name, txc_rm_config_fn *config, void *arg, txc_rm_t **rm,
                             txc_rm_error_t *error);
    void (*close) (txc_rm_t **rm_p);

    /* A connection, ready for a branch.  TXC_RM_LOST: could not connect (error.code TXC_ERMFAIL: later it
     * may). */
    txc_rm_status_t (*connect) (txc_rm_t *rm, txc_rm_conn_t **conn, txc_rm_error_t *error);
    void (*disconnect) (txc_rm_conn_t **conn_p);
    /* Is it alive?  Costs a round trip. */
    txc_rm_status_t (*ping) (txc_rm_conn_t *conn, txc_rm_error_t *error);
    /* Cancels what runs on conn; from any thread. */
    void (*cancel) (txc_rm_conn_t *conn);

    /* What would lose data later: privileges, settings, versions, engines, being a replica.  TXC_RM_ERROR
     * refuses the RM with error.text; warnings (never fatal) go to warn, one line each.  Takes also the lock
     * that refuses a second agent of the same RM, held by conn until it is disconnected; instance tells
     * agents apart. */
    txc_rm_status_t (*check) (txc_rm_conn_t *conn, const char *instance,
                              void (*warn) (void *arg, const char *text), void *arg, txc_rm_error_t *error);
    /* What tells this copy of the data from another, and this resource manager from its neighbours: system
     * id, timeline, database.  Printable.  A later version may append "/" and more.  The agent compares it
     * with every new connection's, and with what applications find at connections that they enlist. */
    txc_rm_status_t (*identity) (txc_rm_conn_t *conn, char identity[TXC_RM_EVIDENCE_SIZE],
                                 txc_rm_error_t *error);

    /* Starts a branch.  May cost no round trip: the plugin may send it with the first statement. */
    txc_rm_status_t (*start) (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                              const txc_rm_branch_options_t *options, txc_rm_error_t *error);
    /* Runs a statement in the branch.  If prepare_status is not NULL it is the branch's last one: when it
     * succeeded the branch is prepared behind it, as by prepare, in as few round trips as the RM allows.
     * evidence takes what is known so far. */
    txc_rm_status_t (*execute) (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                const txc_rm_sink_t *sink, char evidence[TXC_RM_EVIDENCE_SIZE],
                                txc_rm_status_t *prepare_status, txc_rm_error_t *error);
    /* Ends and prepares the branch: OK, READ_ONLY, ROLLED_BACK, LOST. */
    txc_rm_status_t (*prepare) (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                char evidence[TXC_RM_EVIDENCE_SIZE], txc_rm_error_t *error);
    /* Commits the unprepared branch of this connection: OK, ROLLED_BACK, LOST. */
    txc_rm_status_t (*commit_one_phase) (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);
    /* Ends the branch of this connection that is not prepared (active, failed or read-only): OK, LOST. */
    txc_rm_status_t (*commit_read_only) (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);
    txc_rm_status_t (*rollback_active) (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);

    /* Ends a prepared branch, from its own connection or any other: OK, ABSENT, RETRY, LOST, HEURISTIC.
     * evidence: as prepare or recover gave it, may be "". */
    txc_rm_status_t (*commit) (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                               txc_rm_error_t *error);
    txc_rm_status_t (*rollback) (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error);
    txc_rm_status_t (*forget) (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);

    /* Everything that is listed as prepared, of any cluster; found is called for each. */
    txc_rm_status_t (*recover) (txc_rm_conn_t *conn, void (*found) (void *arg, const txc_rm_found_t *branch),
                                void *arg, txc_rm_error_t *error);
    /* Ends the session that evidence names (or that this lost connection `dead` was, if not NULL), unless it
     * is gone, and sees it gone: OK, or RETRY / LOST. */
    txc_rm_status_t (*fence) (txc_rm_conn_t *conn, txc_rm_conn_t *dead, const char *evidence,
                              txc_rm_error_t *error);
    /* Ends every session of the agent's own account on this RM but those of this process: OK, RETRY, LOST. */
    txc_rm_status_t (*fence_all) (txc_rm_conn_t *conn, txc_rm_error_t *error);
    /* Did the branch commit?  OK: yes.  ROLLED_BACK: no.  RETRY: not ended yet.  UNKNOWN.  LOST.  Never a
     * guess. */
    txc_rm_status_t (*evidence) (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error);
    /* Of a last resource (NULL: this plugin has none): rules out for good that the branch commits later,
     * unless it has.  OK: it has committed, evidence as recover would give it; ABSENT: it never will; RETRY,
     * LOST. */
    txc_rm_status_t (*refuse) (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                               char evidence[TXC_RM_EVIDENCE_SIZE], txc_rm_error_t *error);
    /* True (non-zero) while the connection is usable; no round trip. */
    int (*is_alive) (const txc_rm_conn_t *conn);
} txc_rm_switch_t;

/* What a plugin exports; static. */
const txc_rm_switch_t *txc_rm_switch (void);

#ifdef __cplusplus
}
#endif

#endif
