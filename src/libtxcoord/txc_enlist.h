/*
 * txc_enlist.h - enlisted connections, as the library's files share them.
 *
 *   txc_enlist.c      the connections of a transaction, and what the session asks to be done with them
 *   txc_greeting.c    what sessions were asked for before
 *   txc_script.c      a piece of work as SQL, one statement after the other: which comes next
 *   txc_script_pg.c   PostgreSQL's
 *   txc_script_my.c   MariaDB's and MySQL's
 *   txc_script_call.c what is no SQL: over at once
 */
#ifndef TXC_LIB_ENLIST_H
#define TXC_LIB_ENLIST_H

#include <stdbool.h>

#include <txcoord/txc_enlist.h>

#include "core/txc_work.h"

enum { TXC_SQL_SIZE = 512, TXC_BRANCH_NAME_SIZE = 300 };

/* An enlisted connection with the branch on it. */
typedef struct txc_enlisted {
    struct txc_enlisted *next;
    char rm[TXC_RM_NAME_MAX + 1];
    txc_enlist_driver_t driver;
    void *arg;
    uint8_t isolation;               /* txc_isolation_t that the branch is to have */
    bool failed;                     /* the application said so */
    bool wrote;                      /* as far as is known */
    bool read_only;                  /* a driver with calls: it voted so, and is over */
    char name[TXC_BRANCH_NAME_SIZE]; /* of the branch as SQL wants it: a gid, an XID */
    char gid[TXC_BRANCH_NAME_SIZE];
    char user[64];     /* PostgreSQL: as whom the session worked when it was greeted */
    char role[64];     /* whom the prepared branch is to belong to; "": to whoever the session is */
    char own_role[96]; /* the session's, to go back to; "": it was not left */
    char where[40];    /* PostgreSQL: system identifier and timeline; MariaDB: start of the server */
    char session[32];
    char identity[TXC_EVIDENCE_MAX + 1]; /* of the copy of the data, as its agent's plugin spells it; "": not
                                            known */
    char xid[24];
    /* the script that runs */
    uint8_t op; /* txc_work_op_t; TXC_WORK_NONE: greeting; TXC_WORK_EXEC: begin */
    bool prepared;
    bool doubtful; /* a try of this script may have done it, whatever it answered */
    bool over;
    int step, tries;
    uint8_t finished; /* what it came to, while the session goes back to its role */
    char sql[TXC_SQL_SIZE];
    txc_work_done_t done;
} txc_enlisted_t;

/* What this thread learnt of the session when a branch was enlisted on it a moment ago; false: nothing. */
bool txc_greeting_recall (txc_enlisted_t *self);
void txc_greeting_keep (const txc_enlisted_t *self);

/* Begins a script; self->sql is its first statement, unless it is over at once. */
void txc_script_begin (txc_enlisted_t *self, uint8_t op, bool prepared);
/* The statement's reply: self->sql is the next one, or self->over is set and self->done tells the result. */
void txc_script_next (txc_enlisted_t *self, const txc_sql_reply_t *reply);

/* The dialects: step 0 has no reply. */
void txc_script_pg (txc_enlisted_t *self, const txc_sql_reply_t *reply);
void txc_script_my (txc_enlisted_t *self, const txc_sql_reply_t *reply);
void txc_script_call (txc_enlisted_t *self);

/* For dialects. */
void txc_script_sql (txc_enlisted_t *self, int step, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
void txc_script_end (txc_enlisted_t *self, txc_work_status_t status);
/* Keeps why, once: the reply's error, or a text. */
void txc_script_blame (txc_enlisted_t *self, int code, const txc_sql_reply_t *reply, const char *text);

/* What a transaction's handle does with its enlisted connections. */
struct txc_tx;
/* Carries out everything that the session asks for. */
void txc_enlist_work (struct txc_tx *tx);
/* Gives all of them back. */
void txc_enlist_release (struct txc_tx *tx);

#endif
