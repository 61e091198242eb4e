/*
 * txc_tx_driver.h - the connections that a program of tx.h works with, one for each thread and resource
 * manager.
 *
 * A section `rm` of tx.cfg(5) says where a resource manager is.  txc_tx_pg.h and
 * txc_tx_mysql.h hand out a thread's connection to one with libpq and with
 * MariaDB's or MySQL's library; here is what they are made of, for a driver of
 * any other database library.
 *
 * A thread's connection is opened when it is asked for first, stays the same
 * handle until tx_close or the end of the thread, and is then closed.  In all
 * that time every transaction of the thread has a branch there: tx_begin, and a
 * tx_commit or tx_rollback that begins the next transaction of a chain, enlist
 * it (txc_enlist.h), whether or not it is asked for again.  A session that was
 * lost is opened anew there, under the same handle.
 *
 * Everything here is of the calling thread.
 */
#ifndef TXC_TX_DRIVER_H
#define TXC_TX_DRIVER_H

#include <txcoord/txc_enlist.h>
#include <txcoord/txc_xopen.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

enum { TXC_TX_ERROR_SIZE = 256 };

/* A resource manager as the configuration has it.  Strings are NULL where it says nothing; all of them are
 * valid until the process's last tx_close. */
typedef struct txc_tx_rm {
    const char *name;          /* "bank_pg" */
    const char *kind;          /* "pgsql", "mysql", "xa", or a driver's own */
    txc_isolation_t isolation; /* that sessions are to have */
    uint32_t connect_timeout_ms;
    const char *conninfo;                                                                       /* pgsql */
    const char *host, *socket, *user, *password_file, *database, *default_file, *default_group; /* mysql */
    uint32_t port;                                               /* mysql; 0: the library's */
    const char *shared_object, *symbol, *open_info, *close_info; /* xa */
    const char *info;                                            /* any other kind */
} txc_tx_rm_t;

/* What a driver does with connections of its kind.  Every function is called by the connection's thread. */
typedef struct txc_tx_driver {
    const char *kind;
    /* Opens a session.  NULL: error (TXC_TX_ERROR_SIZE bytes, empty) takes why. */
    void *(*open) (const txc_tx_rm_t *rm, char *error);
    /* True if the session is gone, as far as is known without asking the server. */
    int (*lost) (void *conn);
    /* Opens a new session under the same handle.  TXC_OK, or an error (txc_codes.h) with its text. */
    int (*reopen) (void *conn, const txc_tx_rm_t *rm, char *error);
    /* Why no branch can begin on it now: what it does outside of global transactions is not over.  NULL:
     * nothing is in the way. */
    const char *(*outside) (void *conn);
    /* True if the branch on it can only be rolled back, as far as is known without asking the server. */
    int (*spoiled) (void *conn);
    /* Makes it a branch: as txc_enlist_cb. */
    int (*enlist) (txc_tx_t *tx, const char *rm, void *conn);
    /* Ends the session and frees the handle. */
    void (*close) (void *conn);
    /* In a forked child: frees the handle, and says nothing to the server, whose session is the parent's. */
    void (*abandon) (void *conn);
} txc_tx_driver_t;

/* The thread's connection to the resource manager rm, enlisted in its transaction if it is in one.  It is
 * valid until tx_close; it is not to be closed, and its transactions are not to be ended, by the program.
 * driver is borrowed for ever.  NULL: txc_tx_reason tells why. */
void *txc_tx_connection (const char *rm, const txc_tx_driver_t *driver);

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
