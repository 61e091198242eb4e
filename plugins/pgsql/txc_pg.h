/*
 * txc_pg.h - the PostgreSQL resource manager: what its files share.
 *
 *     txc_pg_switch.c   the ABI's table, configuration
 *     txc_pg_conn.c     connections: connect, greet, ping, cancel
 *     txc_pg_pipe.c     commands through libpq's pipeline, errors
 *     txc_pg_sql.c      which SQL a branch may run, by PostgreSQL's own parser
 *     txc_pg_cache.c    verdicts and prepared statements by text
 *     txc_pg_result.c   a statement's result into the agent's sink
 *     txc_pg_branch.c   start and execute
 *     txc_pg_prepare.c  the vote, and the ends of a branch that is not prepared
 *     txc_pg_finish.c   the ends of a prepared branch
 *     txc_pg_last.c     a database that takes part as the last resource
 *     txc_pg_recover.c  recover, fence, evidence
 *     txc_pg_check.c    what would lose data later
 *
 * A connection stays in libpq's pipeline mode.  Everything of a branch's first
 * statement (BEGIN, the branch's mark, the statement, and with the last-
 * statement hint the guard and PREPARE TRANSACTION) leaves in one flush under
 * one Sync: when one command fails the server skips the rest up to the Sync,
 * so that PREPARE runs only behind a guard that held.
 */
#ifndef TXC_PG_H
#define TXC_PG_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "base/txc_limits.h"
#include <txcoord/txc_rm.h>

#define TXC_PG_RM_MAGIC   0x74786331u
#define TXC_PG_CONN_MAGIC 0x74786332u

enum {
    TXC_PG_GID_SIZE = TXC_GTRID_MAX + 1 + TXC_BQUAL_MAX + 1, /* gtrid ":" bqual; PostgreSQL takes 199 bytes */
    TXC_PG_USER_SIZE = 64,                                   /* NAMEDATALEN */
    TXC_PG_XID_SIZE = 24,
    TXC_PG_CLOSING_MAX = 32,
    TXC_PG_EXPECT_MAX = 2 * TXC_PG_CLOSING_MAX + 32
};

typedef struct txc_pg_cache txc_pg_cache_t;
typedef struct txc_pg_entry txc_pg_entry_t;

struct txc_rm {
    uint32_t magic;
    char name[TXC_RM_NAME_MAX + 1];
    char *conninfo;
    char *password_file; /* NULL: libpq's own mechanisms */
    uint32_t statement_cache;
    uint32_t fence_timeout_ms;
    uint32_t max_branches; /* 0: not told */
    bool last_resource;    /* branches commit with a marker instead of preparing */
};

/* What tells this server, and this session of it, from any other. */
typedef struct txc_pg_identity {
    uint64_t system;
    uint32_t timeline;
    int pid;
    int64_t started_us; /* of the backend, Unix time: a pid may be given again */
} txc_pg_identity_t;

/* Statements of our own, prepared once a connection. */
typedef enum txc_pg_own {
    TXC_PG_BEGIN,                   /* + txc_isolation_t */
    TXC_PG_OPEN = TXC_PG_BEGIN + 4, /* + TXC_PG_WITH_LOCK_TIMEOUT + TXC_PG_WITH_XID */
    TXC_PG_ASK = TXC_PG_OPEN + 4,   /* xid or NULL, isolation; fails outside of our branch */
    TXC_PG_GUARD,                   /* xid; likewise */
    TXC_PG_OWNS
} txc_pg_own_t;

enum { TXC_PG_WITH_LOCK_TIMEOUT = 1, TXC_PG_WITH_XID = 2 };

typedef enum txc_pg_phase {
    TXC_PG_IDLE,    /* no branch, or a prepared one that is no longer this connection's */
    TXC_PG_STARTED, /* BEGIN goes out with the first statement */
    TXC_PG_ACTIVE
} txc_pg_phase_t;

/* A message whose answer has not been read yet. */
typedef struct txc_pg_expected {
    uint8_t what;
    uint8_t own;           /* of a Parse: which statement of ours, */
    txc_pg_entry_t *entry; /* or, not NULL, which of the cache; borrowed until it is read */
} txc_pg_expected_t;

struct txc_rm_conn {
    uint32_t magic;
    txc_rm_t *rm;
    PGconn *pg;
    PGcancel *cancel; /* fixed while connected, so that any thread may use it */
    txc_pg_identity_t identity;
    uint32_t database; /* its oid */
    int version;
    char user[TXC_PG_USER_SIZE];
    bool lost;       /* nothing more can be learnt through it */
    bool holds_lock; /* the agent's lock: see check */
    bool pooled;     /* something between us and the server changes backends */

    /* the branch */
    txc_pg_phase_t phase;
    int isolation;
    uint32_t lock_timeout_ms;
    bool doomed; /* a result was cut off: may only be rolled back */
    char gid[TXC_PG_GID_SIZE];
    char xid[TXC_PG_XID_SIZE]; /* its xid8, "" while none is known */

    /* statements prepared on the server */
    uint32_t own_prepared; /* bits by txc_pg_own_t */
    txc_pg_cache_t *cache;
    bool dirty; /* the session carries what an earlier branch set: DISCARD ALL before the next one */
    uint32_t closing[TXC_PG_CLOSING_MAX], n_closing; /* statements that the cache gave up */

    /* results to come, oldest first */
    txc_pg_expected_t expect[TXC_PG_EXPECT_MAX];
    uint32_t n_expect, expect_head;
    bool warned; /* a wait for synchronous replication was given up, since last cleared */
};

/* --- txc_pg_conn.c --------------------------------------------------------- */

/* "txagent/<16 digits>", drawn once a process: tells our sessions from those of an earlier agent. */
const char *txc_pg_application (void);

txc_rm_status_t txc_pg_connect (txc_rm_t *rm, txc_rm_conn_t **conn, txc_rm_error_t *error);
void txc_pg_disconnect (txc_rm_conn_t **conn_p);
txc_rm_status_t txc_pg_ping (txc_rm_conn_t *conn, txc_rm_error_t *error);
void txc_pg_cancel (txc_rm_conn_t *conn);
int txc_pg_is_alive (const txc_rm_conn_t *conn);

/* --- txc_pg_pipe.c --------------------------------------------------------- */

/* Each puts one command into the pipeline.  A failure marks the connection as lost; it shows when results are
 * read. */
void txc_pg_send_sql (txc_rm_conn_t *conn, const char *sql, int n, const char *const *params);
void txc_pg_send_own (txc_rm_conn_t *conn, unsigned own, int n, const char *const *params);
void txc_pg_send_entry (txc_rm_conn_t *conn, txc_pg_entry_t *entry, const char *sql, int n,
                        const char *const *params);
void txc_pg_send_sync (txc_rm_conn_t *conn);

/* The result of the oldest command; NULL once the connection is lost.  The caller clears it. */
PGresult *txc_pg_read (txc_rm_conn_t *conn);
/* Reads over the Parse in front of the oldest command.  If it failed its result is returned (the caller
 * clears it), and the command itself, which the server skipped, is read over too. */
PGresult *txc_pg_read_parse (txc_rm_conn_t *conn);
/* Counts the oldest command as read; its results were taken from libpq directly. */
void txc_pg_read_done (txc_rm_conn_t *conn);
/* Reads over the oldest Sync.  False: the connection is lost. */
bool txc_pg_read_sync (txc_rm_conn_t *conn);

/* One command in a Sync of its own.  NULL if the connection is lost. */
PGresult *txc_pg_run (txc_rm_conn_t *conn, const char *sql, int n, const char *const *params);

bool txc_pg_ok (const PGresult *result);
bool txc_pg_has_state (const PGresult *result, const char *sqlstate);
/* True if result (may be NULL) means that the connection is gone or going; marks it. */
bool txc_pg_is_lost (txc_rm_conn_t *conn, const PGresult *result);

/* True if result says that the server no longer has a statement as we prepared it; the session is then
 * cleaned before its next branch. */
bool txc_pg_is_stale (txc_rm_conn_t *conn, const PGresult *result);

/* Fill error (may be NULL); each returns status. */
txc_rm_status_t txc_pg_fail (txc_rm_error_t *error, txc_rm_status_t status, int code, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));
txc_rm_status_t txc_pg_fail_result (txc_rm_error_t *error, txc_rm_status_t status, int code,
                                    const PGresult *result);
txc_rm_status_t txc_pg_fail_lost (txc_rm_conn_t *conn, txc_rm_error_t *error);

/* --- txc_pg_sql.c ---------------------------------------------------------- */

typedef enum txc_pg_kind {
    TXC_PG_READS, /* surely writes nothing that it shows in its text */
    TXC_PG_MAY_WRITE,
    TXC_PG_WRITES
} txc_pg_kind_t;

typedef struct txc_pg_verdict {
    txc_pg_kind_t kind;
    bool dirties;        /* changes the session beyond the branch */
    const char *refused; /* why it may not run, static; NULL: it may */
} txc_pg_verdict_t;

/* Judges a statement (sql ends with NUL).  Any thread; bounded stack whatever the text is. */
txc_pg_verdict_t txc_pg_judge (const char *sql, size_t size);

/* --- txc_pg_cache.c -------------------------------------------------------- */

struct txc_pg_entry {
    txc_pg_verdict_t verdict;
    uint32_t number; /* its name on the server is txc_s<number> */
    uint32_t uses;
    bool prepared;
};

txc_pg_cache_t *txc_pg_cache_new (uint32_t limit);
void txc_pg_cache_destroy (txc_pg_cache_t **self_p);
/* The entry of a text, judged; it may push out the one used longest ago.  Valid until the next call. dropped:
 * the number of a prepared statement that was pushed out, 0: none. */
txc_pg_entry_t *txc_pg_cache_find (txc_pg_cache_t *self, const char *sql, size_t size, uint32_t *dropped);
/* The server has forgotten every prepared statement. */
void txc_pg_cache_unprepare (txc_pg_cache_t *self);

/* --- txc_pg_result.c ------------------------------------------------------- */

typedef struct txc_pg_streamed {
    bool started; /* the sink was given something */
    bool refused; /* the sink took no more */
} txc_pg_streamed_t;

/* Reads the oldest command's result into sink.  OK, ERROR (error is filled), LOST.  *failed takes a result
 * that the caller clears, or NULL. */
txc_rm_status_t txc_pg_stream (txc_rm_conn_t *conn, const txc_rm_sink_t *sink, txc_pg_streamed_t *streamed,
                               PGresult **failed, txc_rm_error_t *error);

/* --- txc_pg_branch.c ------------------------------------------------------- */

txc_rm_status_t txc_pg_start (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                              const txc_rm_branch_options_t *options, txc_rm_error_t *error);
txc_rm_status_t txc_pg_execute (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                const txc_rm_sink_t *sink, char evidence[TXC_RM_EVIDENCE_SIZE],
                                txc_rm_status_t *prepare_status, txc_rm_error_t *error);
/* gtrid ":" bqual.  False if they are not as the ABI says. */
bool txc_pg_gid (const txc_rm_xid_t *xid, char gid[TXC_PG_GID_SIZE]);
/* Keeps the xid of a branch from a result's column; a NULL leaves it. */
void txc_pg_keep_xid (txc_rm_conn_t *conn, const PGresult *result, int column);
/* Marks what the server prepared for us as forgotten. */
void txc_pg_forget_statements (txc_rm_conn_t *conn);

/* --- txc_pg_prepare.c ------------------------------------------------------ */

txc_rm_status_t txc_pg_prepare (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                                char evidence[TXC_RM_EVIDENCE_SIZE], txc_rm_error_t *error);
/* The guard and PREPARE TRANSACTION, into the pipeline; then, with the results of both and of the Sync behind
 * them, the vote: OK, ROLLED_BACK, LOST, or ERROR if an earlier command failed, so that the branch waits for
 * its rollback. */
void txc_pg_send_prepare (txc_rm_conn_t *conn);
txc_rm_status_t txc_pg_read_vote (txc_rm_conn_t *conn, txc_rm_error_t *error);
/* Rolls back the branch that this connection has just prepared: OK, LOST. */
txc_rm_status_t txc_pg_undo_prepared (txc_rm_conn_t *conn, txc_rm_error_t *error);
/* From the result of TXC_PG_ASK: true if the branch needs no PREPARE. */
bool txc_pg_wrote_nothing (const PGresult *asked);
txc_rm_status_t txc_pg_commit_one_phase (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);
txc_rm_status_t txc_pg_commit_read_only (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);
txc_rm_status_t txc_pg_rollback_active (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);

/* --- txc_pg_finish.c ------------------------------------------------------- */

txc_rm_status_t txc_pg_commit (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                               txc_rm_error_t *error);
txc_rm_status_t txc_pg_rollback (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error);
txc_rm_status_t txc_pg_forget (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error);

/* --- txc_pg_recover.c ------------------------------------------------------ */

txc_rm_status_t txc_pg_recover (txc_rm_conn_t *conn, void (*found) (void *arg, const txc_rm_found_t *branch),
                                void *arg, txc_rm_error_t *error);
/* gtrid ":" bqual into both; false: any other gid, nobody's that we know. */
bool txc_pg_split (const char *gid, txc_rm_found_t *found);
txc_rm_status_t txc_pg_fence (txc_rm_conn_t *conn, txc_rm_conn_t *dead, const char *evidence,
                              txc_rm_error_t *error);
txc_rm_status_t txc_pg_fence_all (txc_rm_conn_t *conn, txc_rm_error_t *error);

/* --- txc_pg_last.c --------------------------------------------------------- */

/* The marker and COMMIT, into the pipeline. */
void txc_pg_send_last (txc_rm_conn_t *conn);
/* From the results of both: the branch has committed. */
bool txc_pg_is_last_yes (txc_rm_conn_t *conn, PGresult *marked, PGresult *committed);
txc_rm_status_t txc_pg_refuse (txc_rm_conn_t *conn, const txc_rm_xid_t *xid,
                               char evidence[TXC_RM_EVIDENCE_SIZE], txc_rm_error_t *error);
/* Phase 2: commit takes the marker away; a rollback comes too late (HEURISTIC), or finds nothing (ABSENT). */
txc_rm_status_t txc_pg_end_last (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, bool commit,
                                 txc_rm_error_t *error);
/* What recover asks for: those that have committed, with the columns that it wants. */
extern const char txc_pg_last_branches[];
/* The table of markers is there and may be used; old aborted ones go. */
txc_rm_status_t txc_pg_check_last (txc_rm_conn_t *conn, txc_rm_error_t *error);

/* --- txc_pg_evidence.c ----------------------------------------------------- */

/* xid8 "/" system identifier "/" timeline "/" pid "/" start of the backend; xid8 is "-" while none is known.
 * A prepared branch is no session's any more: 0 for both, since that session serves others by then. */
void txc_pg_evidence_format (const txc_rm_conn_t *conn, bool prepared, char evidence[TXC_RM_EVIDENCE_SIZE]);
/* Reads it; *xid is 0 if none is known.  False if it is none of ours. */
bool txc_pg_evidence_parse (const char *evidence, uint64_t *xid, txc_pg_identity_t *identity);
txc_rm_status_t txc_pg_evidence (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error);
txc_rm_status_t txc_pg_identity (txc_rm_conn_t *conn, char identity[TXC_RM_EVIDENCE_SIZE],
                                 txc_rm_error_t *error);

/* --- txc_pg_check.c -------------------------------------------------------- */

txc_rm_status_t txc_pg_check (txc_rm_conn_t *conn, const char *instance,
                              void (*warn) (void *arg, const char *text), void *arg, txc_rm_error_t *error);

#endif
