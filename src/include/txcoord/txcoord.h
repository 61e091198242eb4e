/*
 * txcoord.h - distributed transactions over several databases: the C API.
 *
 *     txc_client_t *client = txc_client_new ("tcp://127.0.0.1:7400", NULL);
 *     txc_tx_t *tx = txc_begin (client, NULL);
 *     txc_exec (tx, "bank_pg", "UPDATE acct SET bal = bal - 5 WHERE id = 1", 0, NULL, NULL);
 *     txc_exec (tx, "bank_my", "UPDATE acct SET bal = bal + 5 WHERE id = 1", 0, NULL, NULL);
 *     int rc = txc_commit (tx, NULL);
 *     txc_tx_destroy (&tx);
 *     txc_client_destroy (&client);
 *
 * Results: 0 is success, a positive value is an outcome other than "committed",
 * a negative value an error (txc_codes.h).  Nothing here installs a signal
 * handler, raises SIGPIPE or calls exit.
 *
 * Threads: a client may be used by any number of threads at once; a transaction
 * and its results by one thread at a time.  After fork a child's use of its
 * parent's client opens a session of its own; transactions stay the parent's
 * (TXC_EFORKED).
 */
#ifndef TXCOORD_H
#define TXCOORD_H

#include <stddef.h>
#include <stdint.h>

#include <txcoord/txc_codes.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

#define TXC_VERSION_MAJOR 0
#define TXC_VERSION_MINOR 1

typedef struct txc_client txc_client_t; /* a session with the coordinator */
typedef struct txc_tx txc_tx_t;         /* a transaction */
typedef struct txc_result txc_result_t; /* of a statement */

/* Options start zeroed; zero means the default.  They may grow at their end. */
typedef struct txc_client_options {
    uint32_t connect_timeout_ms; /* how long txc_client_new waits for a coordinator [5,000] */
    uint32_t max_transactions;   /* open at once [10,000] */
} txc_client_options_t;

typedef enum txc_isolation {
    TXC_ISOLATION_DEFAULT = 0, /* the resource manager's own */
    TXC_ISOLATION_READ_COMMITTED = 1,
    TXC_ISOLATION_REPEATABLE_READ = 2,
    TXC_ISOLATION_SERIALIZABLE = 3
} txc_isolation_t;

typedef enum txc_commit_return {
    TXC_COMPLETED = 0,      /* commit returns when every branch has applied the decision */
    TXC_DECISION_LOGGED = 1 /* commit returns when the decision is durable */
} txc_commit_return_t;

typedef struct txc_tx_options {
    uint32_t timeout_ms; /* from begin to the decision [60,000] */
    txc_isolation_t isolation;
    txc_commit_return_t commit_return;
    const char *mode; /* how it is ended: "2pc" [NULL], "3pc", "paxos"; one that is not served: TXC_EMODE */
} txc_tx_options_t;

/* A statement's parameter: text, or NULL for SQL's NULL.  In PostgreSQL $1, $2, ...; in MariaDB and MySQL ?.
 */
typedef struct txc_param {
    const char *value; /* borrowed during the call */
    size_t size;       /* bytes; 0 with a value: strlen */
} txc_param_t;

/* The error of the last call on a client or transaction, as the resource manager gave it. */
typedef struct txc_error_info {
    int code;
    int native;           /* the RM's own number, 0: none */
    const char *sqlstate; /* "" if there is none */
    const char *rm;       /* "" if it is none of an RM's */
    const char *text;
} txc_error_info_t;

/* --- clients ------------------------------------------------------------ */

/* Connects to the group at endpoints ("tcp://a:7400,tcp://b:7400") and opens a session.  options may be NULL.
 * NULL on failure, then txc_last_error tells why (of this thread's last failed txc_client_new). */
txc_client_t *txc_client_new (const char *endpoints, const txc_client_options_t *options);

/* Rolls back what is open, closes the session, frees the client.  Its transactions are to be destroyed first.
 */
void txc_client_destroy (txc_client_t **self_p);

/* The error of this thread's last failed txc_client_new, txc_begin or txc_join. */
txc_error_info_t txc_last_error (void);

/* True if the same transaction, run again from its start, may succeed: serialization failures, deadlocks,
 * lock time-outs, lost connections and branches, overload. */
int txc_error_is_retryable (const txc_error_info_t *error);

/* --- transactions ------------------------------------------------------- */

/* Begins a transaction; costs no round trip.  NULL on failure (txc_last_error). */
txc_tx_t *txc_begin (txc_client_t *client, const txc_tx_options_t *options);

/* Frees the handle.  A transaction still open is rolled back. */
void txc_tx_destroy (txc_tx_t **self_p);

/* Its gtrid; valid as long as tx. */
const char *txc_tx_gtrid (const txc_tx_t *tx);

/* The last error of this transaction; its strings are valid until the next call on it. */
txc_error_info_t txc_tx_error (const txc_tx_t *tx);

/* 1 if only rollback is left, after a statement that failed or a time-out that a call met; 0 if not, and in a
 * forked child. */
int txc_tx_is_rollback_only (const txc_tx_t *tx);

/* Changes what txc_begin was told of it; before commit. */
int txc_tx_set_commit_return (txc_tx_t *tx, txc_commit_return_t commit_return);

/* Runs a statement in the transaction's branch at a resource manager.  *result, if result is not NULL,
 * becomes the caller's.  TXC_OK, or an error; after TXC_ERM or TXC_EBRANCH only rollback is left. */
int txc_exec (txc_tx_t *tx, const char *rm, const char *sql, int n_params, const txc_param_t *params,
              txc_result_t **result);

/* The same; says also that it is the last statement at this resource manager, so that its prepare can travel
 * with it. */
int txc_exec_last (txc_tx_t *tx, const char *rm, const char *sql, int n_params, const txc_param_t *params,
                   txc_result_t **result);

/* Starts a statement without waiting for it; last as in txc_exec_last.  Statements for one resource manager
 * run in order; those for several at the same time.  Results come through txc_wait. */
int txc_exec_async (txc_tx_t *tx, const char *rm, const char *sql, int n_params, const txc_param_t *params,
                    int last);

/* Waits for every statement begun with txc_exec_async.  TXC_OK, or the first error. */
int txc_wait (txc_tx_t *tx);

/* Sets a savepoint at one resource manager.  name: 1 to 63 of A-Z a-z 0-9 _, no digit first. */
int txc_savepoint (txc_tx_t *tx, const char *rm, const char *name);
/* Undoes what was done there since. */
int txc_rollback_to (txc_tx_t *tx, const char *rm, const char *name);
/* Forgets a savepoint. */
int txc_release (txc_tx_t *tx, const char *rm, const char *name);

/* Commits.  TXC_OK, TXC_ROLLED_BACK, TXC_MIXED, TXC_HAZARD; TXC_UNKNOWN when the outcome is not known yet
 * (ask txc_outcome with its gtrid); TXC_EATTACHED while another process is attached (nothing happened).
 * outcome, if not NULL, takes the same value. */
int txc_commit (txc_tx_t *tx, int *outcome);

/* The same, and waits for the outcome for wait_ms at most, whatever the transaction's time-out is: then it is
 * TXC_UNKNOWN, and the commit goes on.  0: as txc_commit, which waits for the rest of the time-out and ten
 * seconds.  TXC_EPROTO after txc_commit_async. */
int txc_commit_within (txc_tx_t *tx, uint32_t wait_ms, int *outcome);

/* Rolls back.  TXC_OK, or an error; the transaction is never committed then, unless commit was called before.
 */
int txc_rollback (txc_tx_t *tx);

/* Begins to commit, and does not wait. */
int txc_commit_async (txc_tx_t *tx);
/* TXC_PENDING, or what txc_commit would have told. */
int txc_commit_poll (txc_tx_t *tx);
/* A file descriptor, owned by tx, that becomes readable when txc_commit_poll would no longer tell
 * TXC_PENDING. */
int txc_tx_fd (txc_tx_t *tx);

/* What became of a transaction: TXC_OK, TXC_ROLLED_BACK, TXC_MIXED, TXC_HAZARD; TXC_UNKNOWN or TXC_PENDING
 * when it cannot be told yet; TXC_FORGOTTEN; or an error.  timeout_ms 0: 10,000. */
int txc_outcome (txc_client_t *client, const char *gtrid, uint32_t timeout_ms);

/* --- one transaction in several processes -------------------------------- */

/* A ticket (text, the caller frees it with free) with which another process joins. */
int txc_export (txc_tx_t *tx, char **ticket);
/* Joins.  NULL on failure (txc_last_error). */
txc_tx_t *txc_join (txc_client_t *client, const char *ticket);
/* Ends the part of a joined process; *ticket goes back to the owner, who calls txc_reattach before commit. */
int txc_detach (txc_tx_t *tx, char **ticket);
/* Takes in what the other process did. */
int txc_reattach (txc_tx_t *tx, const char *ticket);

/* --- results ------------------------------------------------------------ */

/* Frees it; NULL, or a pointer to NULL, does nothing. */
void txc_result_destroy (txc_result_t **self_p);
int txc_result_rows (const txc_result_t *self);                     /* how many */
int txc_result_columns (const txc_result_t *self);                  /* how many */
int64_t txc_result_affected (const txc_result_t *self);             /* rows changed, -1: not known */
const char *txc_result_name (const txc_result_t *self, int column); /* column name, "" if out of range */
const char *txc_result_type (const txc_result_t *self, int column); /* the RM's type name */
/* A value as text with a NUL behind it; NULL for SQL's NULL or out of range.  size may be NULL. */
const char *txc_result_value (const txc_result_t *self, int row, int column, size_t *size);
int txc_result_is_null (const txc_result_t *self, int row, int column); /* as txc_result_value gives NULL */
const char *txc_result_tag (const txc_result_t *self); /* the RM's command tag, "" if it has none */

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
