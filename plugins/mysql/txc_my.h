/*
 * txc_my.h - the MariaDB and MySQL resource manager: what its files share.
 *
 *     txc_my_switch.c   the ABI's table, configuration
 *     txc_my_conn.c     connections: connect, ping, cancel, the session's state
 *     txc_my_query.c    statements of our own, pipelined; errors
 *     txc_my_screen.c   which SQL a branch may run
 *     txc_my_stmt.c     prepared statements, cached by text
 *     txc_my_result.c   a statement's result into the agent's sink
 *     txc_my_branch.c   start and execute
 *     txc_my_prepare.c  the vote, and the ends of a branch that is not prepared
 *     txc_my_finish.c   the ends of a prepared branch
 *     txc_my_recover.c  recover, fence, evidence
 *     txc_my_check.c    what would lose data later
 *
 * A branch runs with autocommit off.  XA START travels in front of the first
 * statement without waiting for its answer; should it fail, the statement has
 * run in an ordinary transaction that only ROLLBACK follows, and nothing was
 * committed.
 */
#ifndef TXC_MY_H
#define TXC_MY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <mysql.h>

#include "base/txc_limits.h"
#include <txcoord/txc_rm.h>

/* MariaDB's client sends a statement while the answers to earlier ones are still to come; MySQL's own does
 * not. */
#ifndef TXC_MY_PIPELINE
#ifdef MARIADB_PACKAGE_VERSION
#define TXC_MY_PIPELINE 1
#else
#define TXC_MY_PIPELINE 0
#endif
#endif

/* MySQL 8 dropped my_bool. */
#if defined(MARIADB_PACKAGE_VERSION) || MYSQL_VERSION_ID < 80000
typedef my_bool txc_my_bool_t;
#else
typedef bool txc_my_bool_t;
#endif

#define TXC_MY_RM_MAGIC   0x74786d31u
#define TXC_MY_CONN_MAGIC 0x74786d32u

enum {
    TXC_MY_XID_SIZE = 4 * TXC_GTRID_MAX + 32, /* X'..',X'..',format: two digits a byte of both parts */
    TXC_MY_SQL_SIZE = TXC_MY_XID_SIZE + 64,
    TXC_MY_GUARD_SIZE = 24,
    TXC_MY_LOCK_TIMEOUT_UNSET = 0
};

/* The server's error numbers that are told apart; mysqld_error.h differs between the two families. */
enum {
    TXC_MY_NO_SUCH_THREAD = 1094,
    TXC_MY_KILL_DENIED = 1095,
    TXC_MY_UNKNOWN_VARIABLE = 1193,
    TXC_MY_LOCK_WAIT_TIMEOUT = 1205,
    TXC_MY_XA_NOTA = 1397,
    TXC_MY_XA_OUTSIDE = 1400,
    TXC_MY_XA_RBROLLBACK = 1402,
    TXC_MY_XA_RBTIMEOUT = 1613,
    TXC_MY_XA_RBDEADLOCK = 1614
};

/* Answers of a statement of our own: 0, the server's error number, or this. */
enum { TXC_MY_LOST = -1 };

struct txc_rm {
    uint32_t magic;
    char name[TXC_RM_NAME_MAX + 1];
    char *host, *socket, *user, *password_file, *database; /* NULL: the client library's own */
    char *default_file, *default_group;
    char *ssl_ca, *ssl_cert, *ssl_key;
    bool ssl_verify;
    uint32_t port;
    uint32_t connect_timeout_ms, read_timeout_ms, fence_timeout_ms;
    uint32_t statement_cache;

    pthread_mutex_t lock;
    unsigned long *sessions; /* of this process, so that fence_all spares them; under lock */
    size_t n_sessions, max_sessions;
};

typedef enum txc_my_phase {
    TXC_MY_IDLE,    /* no branch */
    TXC_MY_STARTED, /* XA START goes out with the first statement */
    TXC_MY_ACTIVE,
    TXC_MY_PREPARED, /* attached to this connection until it ends */
    TXC_MY_BROKEN    /* XA START failed: only the session is to be cleaned */
} txc_my_phase_t;

typedef struct txc_my_cache txc_my_cache_t;

struct txc_rm_conn {
    uint32_t magic;
    txc_rm_t *rm;
    MYSQL *my;
    unsigned long session; /* the server's number for it, fixed: cancel reads it from other threads */
    uint64_t server_start; /* when the server was started, by its own clock: numbers repeat after a restart */
    bool mariadb;          /* else MySQL */
    bool lost;             /* nothing more can be learnt through it */
    char guard[TXC_MY_GUARD_SIZE]; /* name of the savepoint around a CALL */

    /* the session */
    bool autocommit;
    uint32_t lock_timeout_s; /* as set; TXC_MY_LOCK_TIMEOUT_UNSET: the server's own */
    bool holds_lock;         /* the agent's lock: see check */
    bool dirty;              /* a statement may have changed its state: reset behind the branch */
    txc_my_cache_t *cache;

    /* the branch */
    txc_my_phase_t phase;
    char xid[TXC_MY_XID_SIZE];
    int isolation;
    uint32_t wanted_lock_timeout_s;
    bool failed;                /* its vote is no: a statement of it failed */
    bool wrote;                 /* the server reported changed rows */
    bool opened_to_write;       /* the server reported a table opened for writing */
    bool wrote_untransactional; /* ... whose engine cannot roll back */
    bool state_seen;            /* the server reports these two */
    bool unreported;            /* rows were returned since it last did: it tells nothing beside rows */
};

/* --- txc_my_query.c ---------------------------------------------------------- */

/* Fills error; code may be one of TXC_E*.  Returns status, so that a failure is one line. */
txc_rm_status_t txc_my_fail (txc_rm_error_t *error, txc_rm_status_t status, int code, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));

/* Takes over the client library's last error (context: what was tried) and notes a lost connection.  Returns
 * the server's error number, or TXC_MY_LOST. */
int txc_my_take_error (txc_rm_conn_t *conn, unsigned int number, const char *sqlstate, const char *text,
                       const char *context, txc_rm_error_t *error);
int txc_my_error (txc_rm_conn_t *conn, const char *context, txc_rm_error_t *error);

/* Sends a statement without waiting; its answer is read by txc_my_read, or by the result code.  0 or
 * TXC_MY_LOST. */
int txc_my_send (txc_rm_conn_t *conn, const char *sql, size_t size, txc_rm_error_t *error);
/* Reads the answer to the oldest statement that was sent, rows and all.  0, an error number, TXC_MY_LOST. */
int txc_my_read (txc_rm_conn_t *conn, const char *context, txc_rm_error_t *error);
/* Both. */
int txc_my_run (txc_rm_conn_t *conn, txc_rm_error_t *error, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* Runs several, in one round trip if the client library can.  rcs[i] is what the i-th answered; one that was
 * not sent because an earlier one failed repeats that number.  error is the first failure's.  TXC_MY_LOST if
 * the connection was lost, else 0. */
int txc_my_batch (txc_rm_conn_t *conn, int n, const char *const *sqls, int *rcs, txc_rm_error_t *error);

/* Runs a query and hands each row to row.  0, an error number, TXC_MY_LOST. */
typedef void (txc_my_row_fn) (void *arg, char **values, const unsigned long *sizes);
int txc_my_query (txc_rm_conn_t *conn, const char *sql, txc_my_row_fn *row, void *arg, txc_rm_error_t *error);
/* The first column of the first row; "" for NULL or no row. */
int txc_my_value (txc_rm_conn_t *conn, const char *sql, char *value, size_t size, txc_rm_error_t *error);

/* Takes in what the server reported about the transaction along with an answer. */
void txc_my_note_state (txc_rm_conn_t *conn);

/* --- txc_my_conn.c ----------------------------------------------------------- */

/* Before the client library is used: tells it of a thread that is new to it. */
void txc_my_thread_begin (void);

txc_rm_status_t txc_my_connect (txc_rm_t *rm, txc_rm_conn_t **conn, txc_rm_error_t *error);
void txc_my_disconnect (txc_rm_conn_t **conn_p);
txc_rm_status_t txc_my_ping (txc_rm_conn_t *conn, txc_rm_error_t *error);
void txc_my_cancel (txc_rm_conn_t *conn);
int txc_my_is_alive (const txc_rm_conn_t *conn);

/* Sets autocommit and the lock time-out where they differ from what the session has.  0, number, TXC_MY_LOST.
 */
int txc_my_session_set (txc_rm_conn_t *conn, bool autocommit, uint32_t lock_timeout_s, txc_rm_error_t *error);
/* Behind a branch: undoes what its statements changed in the session, if any may have. */
void txc_my_session_clean (txc_rm_conn_t *conn);
/* The session's numbers of this process but conn's own, to be freed; *n of them. */
unsigned long *txc_my_sessions (txc_rm_t *rm, size_t *n);

/* --- txc_my_screen.c ---------------------------------------------------------- */

typedef enum txc_my_kind {
    TXC_MY_REFUSED,
    TXC_MY_READS,    /* only a stored function in it could write */
    TXC_MY_WRITES,   /* changes rows, and may return them */
    TXC_MY_CONTROLS, /* all else: savepoints, session state, temporary tables, ANALYZE */
    TXC_MY_CALLS     /* runs a stored procedure, which may try to end the branch */
} txc_my_kind_t;

typedef struct txc_my_verdict {
    txc_my_kind_t kind;
    bool dirties;    /* may change the session's state */
    const char *why; /* refused: static text */
} txc_my_verdict_t;

/* What a statement is; pure.  Whatever it does not know it refuses. */
txc_my_verdict_t txc_my_screen (const char *sql, size_t size);

/* --- txc_my_stmt.c ------------------------------------------------------------ */

txc_my_cache_t *txc_my_cache_new (uint32_t capacity);
/* Closes every statement. */
void txc_my_cache_clear (txc_my_cache_t *self);
void txc_my_cache_destroy (txc_my_cache_t **self_p);
/* The statement prepared from this text, from the cache or fresh; NULL if the server refused it (*rc, error).
 * It belongs to the cache. */
MYSQL_STMT *txc_my_cache_get (txc_rm_conn_t *conn, const char *sql, size_t size, int *rc,
                              txc_rm_error_t *error);
/* Gives up a statement that failed. */
void txc_my_cache_drop (txc_my_cache_t *self, MYSQL_STMT *stmt);

/* --- txc_my_result.c ----------------------------------------------------------- */

typedef struct txc_my_outcome {
    int rc;       /* 0, the server's error number, TXC_MY_LOST */
    bool refused; /* by the sink, or more than one set of rows: error is filled */
    bool rows;    /* it returned rows: so many */
    int64_t returned;
    int64_t changed; /* rows that were changed, as far as the server told */
} txc_my_outcome_t;

/* Reads the answer to the statement that was sent (one that sets rows apart: a procedure's too) into the
 * sink. */
txc_my_outcome_t txc_my_result_text (txc_rm_conn_t *conn, txc_my_kind_t kind, const txc_rm_sink_t *sink,
                                     txc_rm_error_t *error);
/* Executes a prepared statement with these parameters and reads its answer into the sink. */
txc_my_outcome_t txc_my_result_prepared (txc_rm_conn_t *conn, MYSQL_STMT *stmt, txc_my_kind_t kind,
                                         const txc_rm_statement_t *statement, const txc_rm_sink_t *sink,
                                         txc_rm_error_t *error);
/* --- txc_my_branch.c ------------------------------------------------------------ */

/* X'gtrid',X'bqual',format; xid has room for TXC_MY_XID_SIZE. */
void txc_my_xid_format (const txc_rm_xid_t *xid, char *text);
/* Fills evidence: the server's start, the session, whether rows were changed. */
void txc_my_evidence_format (const txc_rm_conn_t *conn, char evidence[TXC_RM_EVIDENCE_SIZE]);
/* Reads it back.  False if it is anything else. */
bool txc_my_evidence_parse (const char *evidence, uint64_t *server_start, unsigned long *session,
                            bool *wrote);

txc_rm_status_t txc_my_start (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                              const txc_rm_branch_options_t *options, txc_rm_error_t *error);
txc_rm_status_t txc_my_execute (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                const txc_rm_sink_t *sink, char evidence[TXC_RM_EVIDENCE_SIZE],
                                txc_rm_status_t *prepare_status, txc_rm_error_t *error);

/* --- txc_my_prepare.c ------------------------------------------------------------ */

txc_rm_status_t txc_my_prepare (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                char evidence[TXC_RM_EVIDENCE_SIZE], txc_rm_error_t *error);
txc_rm_status_t txc_my_commit_one_phase (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);
txc_rm_status_t txc_my_commit_read_only (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);
txc_rm_status_t txc_my_rollback_active (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);

/* --- txc_my_finish.c ------------------------------------------------------------- */

txc_rm_status_t txc_my_commit (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                               txc_rm_error_t *error);
txc_rm_status_t txc_my_rollback (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error);
txc_rm_status_t txc_my_forget (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);

/* --- txc_my_recover.c ------------------------------------------------------------- */

/* Does XA RECOVER list it?  OK, ABSENT; or LOST, RETRY with error: the server did not tell. */
txc_rm_status_t txc_my_is_listed (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);

txc_rm_status_t txc_my_recover (txc_rm_conn_t *conn, void (*found) (void *arg, const txc_rm_found_t *branch),
                                void *arg, txc_rm_error_t *error);
txc_rm_status_t txc_my_fence (txc_rm_conn_t *conn, txc_rm_conn_t *dead, const char *evidence,
                              txc_rm_error_t *error);
txc_rm_status_t txc_my_fence_all (txc_rm_conn_t *conn, txc_rm_error_t *error);
txc_rm_status_t txc_my_evidence (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error);

/* --- txc_my_check.c ---------------------------------------------------------------- */

txc_rm_status_t txc_my_check (txc_rm_conn_t *conn, const char *instance,
                              void (*warn) (void *arg, const char *text), void *arg, txc_rm_error_t *error);
txc_rm_status_t txc_my_identity (txc_rm_conn_t *conn, char identity[TXC_RM_EVIDENCE_SIZE],
                                 txc_rm_error_t *error);

#endif
