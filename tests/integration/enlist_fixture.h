/*
 * enlist_fixture - connections to both banks, of one's own, and what there is to see of them from outside.
 */
#ifndef ENLIST_FIXTURE_H
#define ENLIST_FIXTURE_H

#include <stdbool.h>

#include <txcoord/txc_mysql.h>
#include <txcoord/txc_pg.h>

typedef struct enlist_fixture {
    const char *endpoint, *conninfo, *stranger, *socket, *user;
    txc_client_t *client;
    PGconn *pg, *pg2; /* pg2: looks on */
    MYSQL *my, *my2;
    long balance_pg, balance_my; /* when they were remembered */
} enlist_fixture_t;

extern enlist_fixture_t fixture;

/* Of main's arguments: ENDPOINT CONNINFO STRANGER SOCKET USER.  False: it has said why. */
bool fixture_open (int argc, char **argv);

/* The exit status of the program, after a line that says how many checks failed. */
int fixture_close (void);

/* A connection of the application's to MariaDB; NULL: there is none. */
MYSQL *fixture_connect_my (void);

/* Statements of the application.  True if they succeeded. */
bool fixture_pg (PGconn *conn, const char *sql);
bool fixture_my (const char *sql);

/* What another session sees; -1: no number. */
long fixture_pg_number (const char *sql);
long fixture_my_number (const char *sql);

/* Both balances of account 1 now. */
void fixture_remember (void);

/* Both moved by this much since then, and nothing is left prepared. */
bool fixture_moved (long amount);
bool fixture_moved_each (long pg, long my);

/* Neither connection is in a transaction; both can be used. */
bool fixture_is_idle (void);

/* One line for a case.  tx, which may be NULL: its error is shown if it failed. */
void fixture_check (const char *name, bool ok, const txc_tx_t *tx);

#endif
