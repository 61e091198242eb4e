/*
 * txc_enlist.h - the application's own database connections in a transaction.
 *
 * An enlisted connection is a branch of the transaction: between enlisting and
 * txc_commit or txc_rollback the application runs on it whatever SQL it likes,
 * with its own driver.  The library begins the branch on it, prepares it at
 * txc_commit beside all others, and ends it there; the agent of that resource
 * manager ends it if the application dies, stops or loses the connection.
 *
 * For libpq and MariaDB's or MySQL's C library there are txc_pg.h and
 * txc_mysql.h.  Here is the form for any other driver: the library hands out
 * SQL, one statement at a time, and the caller runs it on the connection.
 *
 * What the application must not do on an enlisted connection: COMMIT, ROLLBACK,
 * PREPARE TRANSACTION, XA.  It is noticed when the branch is to be prepared:
 * txc_commit tells TXC_ROLLED_BACK, with the reason in txc_tx_error; what such
 * a statement committed by itself stays committed, so that the error (TXC_EREFUSED)
 * is not retryable.
 *
 * The connection is to stay open until txc_commit or txc_rollback has told an
 * outcome, or the transaction was destroyed; then it may be used for anything.
 * After TXC_UNKNOWN, too, it belongs to the transaction still.  Should it take
 * the application longer than the transaction's time-out to commit, the agent
 * ends the session at the server.
 *
 * Threads: as for the transaction.  Everything runs in the calls of the thread
 * that uses the transaction, never behind its back.
 */
#ifndef TXC_ENLIST_H
#define TXC_ENLIST_H

#include <txcoord/txcoord.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

enum { TXC_SQL_VALUES = 8, TXC_SQL_VALUE_SIZE = 96 };

/* What a statement came to; zeroed before the driver fills it in. */
typedef struct txc_sql_reply {
    int lost;         /* 1: the connection is gone, or its answer was lost */
    int native;       /* the server's error number (MariaDB, MySQL); 0: it succeeded */
    char sqlstate[8]; /* of the error; "": it succeeded */
    char tag[64];     /* PostgreSQL's command tag, "PREPARE TRANSACTION" */
    char text[256];   /* of the error */
    int warned;       /* 1: PostgreSQL warned (severity WARNING) while it ran */
    int n_values;     /* of the result's first row, at most TXC_SQL_VALUES */
    char values[TXC_SQL_VALUES][TXC_SQL_VALUE_SIZE]; /* as text; SQL's NULL: "" */
} txc_sql_reply_t;

typedef enum txc_dialect {
    TXC_DIALECT_POSTGRESQL = 1,
    TXC_DIALECT_MARIADB = 2,
    TXC_DIALECT_CALLS = 3 /* no SQL: the driver's call does it, as for an XA switch (txc_xa.h) */
} txc_dialect_t;

/* What a driver with calls is asked to do with its branch, and what it answers. */
typedef enum txc_driver_call {
    TXC_CALL_BEGIN = 1,        /* begin it: DONE, NEVER, OUTSIDE, UNKNOWN (it is not to be reached) */
    TXC_CALL_PREPARE = 2,      /* DONE, READ_ONLY (it is over then), NEVER, UNKNOWN */
    TXC_CALL_COMMIT = 3,       /* commit what is prepared: DONE, ABSENT, REFUSED, UNKNOWN */
    TXC_CALL_ONE_PHASE = 4,    /* commit what is not prepared: DONE, NEVER, MIXED, HAZARD, UNKNOWN */
    TXC_CALL_ROLLBACK = 5,     /* roll back what is prepared: DONE, ABSENT, REFUSED, UNKNOWN */
    TXC_CALL_ROLLBACK_OPEN = 6 /* roll back what is not prepared: DONE, UNKNOWN */
} txc_driver_call_t;

typedef enum txc_driver_called {
    TXC_CALLED_DONE = 0,
    TXC_CALLED_READ_ONLY = 1, /* it wrote nothing */
    TXC_CALLED_NEVER = 2,     /* rolled back for sure: it can never be prepared, nor committed */
    TXC_CALLED_ABSENT = 3,    /* no such branch is prepared */
    TXC_CALLED_UNKNOWN = 4,   /* it cannot be told: the agent sees to the branch */
    TXC_CALLED_OUTSIDE =
        5, /* nothing has begun: there is work outside of global transactions that is not over */
    TXC_CALLED_REFUSED = 6, /* it was answered, and not with success: this call has not done it; the agent
                             * looks what becomes, or has become, of the branch */
    TXC_CALLED_MIXED = 7, /* the resource manager ended it by itself: partly committed, partly rolled back */
    TXC_CALLED_HAZARD = 8 /* likewise, and it may be so: the resource manager does not know */
} txc_driver_called_t;

typedef struct txc_branch_name {
    long format_id;
    char gtrid[65], bqual[65]; /* printable, each ended by NUL */
} txc_branch_name_t;

typedef struct txc_enlist_driver {
    txc_dialect_t dialect;
    /* Runs one statement, without parameters, and waits for its end.  The driver must add nothing to it: no
     * transaction of its own (autocommit is on), no prepared statement. */
    void (*run) (void *arg, const char *sql, txc_sql_reply_t *reply);
    /* The same in two steps, so that several connections work at once.  NULL: run is used. */
    void (*send) (void *arg, const char *sql);
    void (*receive) (void *arg, txc_sql_reply_t *reply);
    /* The library needs arg no more.  NULL: nothing is to be done. */
    void (*release) (void *arg);
    /* True if a statement of the application has failed, so that the branch must not commit, as far as the
     * driver can tell.  NULL: it cannot. */
    int (*failed) (void *arg);
    /* The rows that the application's last statement changed; -1: not known, or it was no such statement.
     * NULL: never known. */
    long long (*affected) (void *arg);
    /* 1: a text of several statements with semicolons between them is run up to the first that fails, as
     * libpq does it; the reply is that one's, or else the last one's.  0: the library hands out one at a
     * time. */
    int several;
    /* A number of the session at the server, another one after every reconnection: what the library asks each
     * new session for it then asks once in a while only.  NULL, or 0: it is not known. */
    unsigned long long (*session) (void *arg);
    /* TXC_DIALECT_CALLS, which uses none of the above but release: a txc_driver_call_t, of this branch;
     * returns txc_driver_called_t.  error (256 bytes, empty) takes why it is not DONE. */
    int (*call) (void *arg, int what, const txc_branch_name_t *name, char *error);
} txc_enlist_driver_t;

/* Makes the connection behind driver and arg a branch of tx at resource manager rm, and begins it there, at
 * the isolation level that txc_begin was told (a driver of calls: at its own): one round trip to the agent,
 * one to five to the database.  The connection must be in no transaction.  driver
 * is copied; arg is borrowed until release is called (also when this fails).  TXC_OK, or an error: TXC_EINVAL
 * (the connection leads to another database than rm is, or cannot be used), TXC_EPROTO
 * (there is such a branch already; the transaction was joined; the connection is in a transaction), TXC_EMODE
 * (a three-phase commit has no enlisted branches), TXC_EPERM
 * (the agent's role could not finish what this role prepares, see sql/), TXC_ERM, TXC_ERMFAIL, and those of
 * txc_exec.
 */
int txc_enlist_cb (txc_tx_t *tx, const char *rm, const txc_enlist_driver_t *driver, void *arg);

/* The application says that a statement of the enlisted branch failed and that the branch must not commit:
 * its vote is no.  (In PostgreSQL the server knows that by itself.)  TXC_OK; TXC_ENORM: no such branch is
 * enlisted.
 */
int txc_enlist_failed (txc_tx_t *tx, const char *rm);

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
