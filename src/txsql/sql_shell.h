/*
 * sql_shell.h - what commands and statements do: a client and its transaction of the moment.
 */
#ifndef SQL_SHELL_H
#define SQL_SHELL_H

#include <stdbool.h>
#include <stdio.h>

#include <txcoord/txcoord.h>

#include "txctl/tool_table.h"

/* Exit statuses; of several that apply the highest counts. */
typedef enum sql_status {
    SQL_OK = 0,
    SQL_USAGE = 1,  /* wrong usage, or no connection */
    SQL_FAILED = 2, /* a statement or command failed */
    SQL_ROLLED_BACK =
        3,          /* a transaction that was to be committed was rolled back, or was still open at the end */
    SQL_UNKNOWN = 4 /* an outcome is unknown, or heuristic */
} sql_status_t;

typedef struct sql_shell {
    const char *endpoints;
    txc_client_t *client;
    txc_tx_t *tx; /* NULL: none is open */
    bool doomed;  /* a statement of it failed: only \rollback is left */
    bool quit;
    bool quiet; /* tells nothing but results and errors */
    tool_format_t format;
    const char *null; /* what NULL looks like in a table */
    FILE *out, *errors;
    sql_status_t status; /* the highest so far */
} sql_shell_t;

/* Runs one command or statement, as sql_split_next gives it; tells the result on out, what went wrong on
 * errors. */
sql_status_t sql_shell_run (sql_shell_t *self, const char *text);

/* Rolls back what is open, and says so. */
void sql_shell_end (sql_shell_t *self);

/* Keeps the highest status; returns the one given. */
sql_status_t sql_shell_note (sql_shell_t *self, sql_status_t status);

/* Tells an error of the library. */
void sql_shell_tell (sql_shell_t *self, const txc_error_info_t *error);

#endif
