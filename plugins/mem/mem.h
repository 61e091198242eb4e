/*
 * mem.h - the in-memory resource manager: what its files share.
 *
 * A store of keys and values with row locks, prepared branches and faults on
 * demand, for tests and benchmarks.  One mutex guards a store; everything here
 * that takes a txc_rm_t runs under it unless it says otherwise.
 */
#ifndef MEM_H
#define MEM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include <txcoord/txc_rm.h>

#include "base/txc_hash.h"
#include "base/txc_list.h"

/* --- faults --------------------------------------------------------------- */

typedef enum mem_point {
    MEM_POINT_EXECUTE,
    MEM_POINT_PREPARE,
    MEM_POINT_COMMIT,
    MEM_POINT_ROLLBACK,
    MEM_POINT_RECOVER,
    MEM_POINTS
} mem_point_t;

typedef enum mem_action {
    MEM_NO_FAULT,
    MEM_ERROR,
    MEM_ROLLED_BACK,
    MEM_LOST,       /* the connection is lost before anything happened */
    MEM_LOST_AFTER, /* it happens, then the connection is lost */
    MEM_LATE, /* prepare: the connection is lost, and it happens MS later unless the session is fenced */
    MEM_RETRY,
    MEM_HEURISTIC_COMMIT,
    MEM_HEURISTIC_ROLLBACK,
    MEM_SLOW /* MS of delay, then all goes well */
} mem_action_t;

typedef struct mem_fault {
    mem_action_t action;
    uint32_t ms;
    uint32_t count; /* times it is still to happen; 0: for ever */
} mem_fault_t;

/* The name of a point; NULL past the last. */
const char *mem_point_name (mem_point_t point);

/* Sets a fault from words: POINT ACTION [MS] [COUNT].  False, with what is wrong in text (room for 256), if
 * they make no fault. */
bool mem_fault_set (mem_fault_t faults[MEM_POINTS], int n_words, char *const *words, char *text);

/* The fault that is due at this point, counted down. */
mem_fault_t mem_fault_take (mem_fault_t faults[MEM_POINTS], mem_point_t point);

/* --- the store ------------------------------------------------------------ */

typedef enum mem_state {
    MEM_ACTIVE,
    MEM_FAILED,    /* a statement failed: it can only be rolled back */
    MEM_PREPARING, /* its prepare runs late, in a session that nobody is connected to */
    MEM_PREPARED,
    MEM_HEURISTIC /* ended by itself; remembered until it is forgotten */
} mem_state_t;

typedef struct mem_branch mem_branch_t;

typedef struct mem_row {
    txc_hash_node_t node;
    char *key;
    char *value;          /* NULL: there is no such key */
    mem_branch_t *holder; /* of its lock */
} mem_row_t;

typedef struct mem_write {
    mem_row_t *row;
    char *value;
} mem_write_t;

struct mem_branch {
    txc_hash_node_t node;
    int32_t format_id;
    char gtrid[65], bqual[65];
    uint64_t serial;
    uint64_t since_ms; /* prepared (or, if its prepare is late, due) at this time */
    mem_state_t state;
    int heuristic; /* XA_HEURCOM or XA_HEURRB */
    mem_write_t *writes;
    uint32_t n_writes;
    uint64_t session; /* that works on it; 0 once it is prepared */
};

enum { MEM_OUTCOMES = 65536, XA_HEURRB = 6, XA_HEURCOM = 7 };

struct txc_rm {
    uint32_t magic;
    char *name;
    char *path; /* of the file behind the store; NULL: memory only */
    FILE *file;
    int lock_fd;
    bool opened;
    uint64_t id; /* drawn when the store is made */
    uint64_t last_serial, last_session;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a lock was freed, a session ended, a call was cancelled */
    uint32_t waiters;
    txc_hash_t rows, branches;
    mem_fault_t faults[MEM_POINTS];
    txc_list_t connections;
    const txc_rm_conn_t *checker; /* holds the lock that keeps a second agent away */
    /* Outcomes of the last MEM_OUTCOMES branches, by serial: 'c', 'r', or 0. */
    struct {
        uint64_t serial;
        char outcome;
    } outcomes[MEM_OUTCOMES];
};

struct txc_rm_conn {
    uint32_t magic;
    txc_list_t node;
    txc_rm_t *rm;
    uint64_t session;
    mem_branch_t *branch; /* not prepared yet */
    uint32_t lock_timeout_ms;
    bool alive, canceled;
};

uint64_t mem_now_ms (void);

mem_branch_t *mem_branch_new (txc_rm_t *rm, const txc_rm_xid_t *xid);
mem_branch_t *mem_branch_find (txc_rm_t *rm, const txc_rm_xid_t *xid);

/* Ends a branch: applies its writes or drops them, frees its locks, remembers the outcome.  *branch_p becomes
 * NULL. */
void mem_branch_end (txc_rm_t *rm, mem_branch_t **branch_p, bool commit);
void mem_branch_write (mem_branch_t *branch, mem_row_t *row, const char *value);

/* What the branch reads: its own write, or the committed value; NULL: no such key. */
const char *mem_branch_read (const mem_branch_t *branch, const mem_row_t *row);

/* The row of a key, made if it was not there. */
mem_row_t *mem_row (txc_rm_t *rm, const char *key);

/* Prepares what is due of the branches whose prepare is late. */
void mem_store_settle (txc_rm_t *rm);

void mem_outcome_put (txc_rm_t *rm, uint64_t serial, char outcome);
char mem_outcome_get (const txc_rm_t *rm, uint64_t serial);

/* Ends a session: its branch is rolled back, whoever waits in it is told. */
void mem_session_end (txc_rm_conn_t *conn);

/* Waits until woken or until deadline_ms.  OK, ERROR (cancelled: 57014), LOST.  Gives up the mutex meanwhile.
 */
txc_rm_status_t mem_wait (txc_rm_conn_t *conn, uint64_t deadline_ms, txc_rm_error_t *error);

/* Fills error and returns status. */
txc_rm_status_t mem_fail (txc_rm_error_t *error, txc_rm_status_t status, int code, const char *sqlstate,
                          const char *format, ...) __attribute__ ((format (printf, 5, 6)));

/* --- the file behind it ---------------------------------------------------- */

/* Opens (and first makes, or reads and compacts) the store's file and locks it against a second process.
 * Nothing to do for a store in memory.  TXC_OK, TXC_ELOCKED, TXC_EIO or TXC_ECORRUPT with the reason in
 * error. */
int mem_file_open (txc_rm_t *rm, txc_rm_error_t *error);
void mem_file_close (txc_rm_t *rm);

/* Write to the file, so that they survive the process (not the machine).  False: the file cannot be written.
 */
bool mem_file_prepared (txc_rm_t *rm, const mem_branch_t *branch);
bool mem_file_committed_now (txc_rm_t *rm, const mem_branch_t *branch);
bool mem_file_ended (txc_rm_t *rm, uint64_t serial, bool commit);

/* --- statements ------------------------------------------------------------- */

txc_rm_status_t mem_statement_run (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                   const txc_rm_sink_t *sink, txc_rm_error_t *error);

#endif
