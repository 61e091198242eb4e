/*
 * MariaDB and MySQL.  The server refuses COMMIT, DDL and the like inside a
 * branch by itself (1399); XA END fails unless the branch that the library
 * began is the one that is active.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/txc_id.h"
#include "libtxcoord/txc_enlist.h"

enum {
    TRIES = 3,
    PIECE = 94, /* hexadecimal digits of the folder's name in an answer */
    ANSWER_SERVER = 2,
    ANSWER_FOLDER = 3,
    ANSWERS = 8,
    XA_NOTA = 1397,       /* ER_XAER_NOTA */
    XA_RMFAIL = 1399,     /* ER_XAER_RMFAIL */
    XA_RBROLLBACK = 1402, /* ER_XA_RBROLLBACK */
    XA_RBTIMEOUT = 1613,  /* ER_XA_RBTIMEOUT */
    XA_RBDEADLOCK = 1614, /* ER_XA_RBDEADLOCK */
    STEP_ROLLBACK = 8,
    STEP_SWEEP = 9
};

static bool s_ok (const txc_sql_reply_t *reply)
{
    return reply->native == 0 && reply->sqlstate[0] == '\0';
}

static bool s_is_rollback (const txc_sql_reply_t *reply)
{
    return reply->native == XA_RBROLLBACK || reply->native == XA_RBTIMEOUT || reply->native == XA_RBDEADLOCK;
}

/* As the agent's plugin reads it.  Only what is sure counts as written: a branch that changed nothing may
 * vanish with its session. */
static void s_evidence (txc_enlisted_t *self)
{
    snprintf (self->done.evidence, sizeof self->done.evidence, "mysql %s %s %s", self->where, self->session,
              self->wrote ? "wrote" : "-");
}

/* Which server, and which folder of data, as the agent's plugin spells it.  The folder's name comes in
 * hexadecimal digits, in pieces; with one that is longer than that there is none. */
static void s_identity (txc_enlisted_t *self, const char *family, const txc_sql_reply_t *reply)
{
    char folder[(ANSWERS - ANSWER_FOLDER) * PIECE / 2];
    size_t size = 0;
    self->identity[0] = '\0';
    for (int i = ANSWER_FOLDER; i < ANSWERS; i++) {
        const char *digits = reply->values[i];
        unsigned byte;
        for (; sscanf (digits, "%2x", &byte) == 1; digits += 2)
            folder[size++] = (char) byte;
    }
    if (size == 0 || size == sizeof folder)
        return;
    snprintf (self->identity, sizeof self->identity, "%s %.63s %016" PRIx64, family,
              reply->values[ANSWER_SERVER], txc_digest64 (0, folder, size));
}

static void s_greet (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    /* Each knows some of it only: MariaDB, before 10.5.26, 10.6.19, 10.11.9, and MySQL.  The second in which
     * the server was started is computed as the agent's plugin does. */
    static const struct {
        const char *family, *server, *table;
    } servers[] = {{"mariadb", "@@server_uid", "information_schema.GLOBAL_STATUS"},
                   {"mariadb", "CONCAT(@@hostname,':',@@port)", "information_schema.GLOBAL_STATUS"},
                   {"mysql", "@@server_uuid", "performance_schema.global_status"}};
    enum { SERVERS = sizeof servers / sizeof *servers };
    if (self->step == 0 || (self->step < SERVERS && !s_ok (reply)))
        txc_script_sql (self, self->step + 1,
                        "SELECT CONNECTION_ID(), CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS UNSIGNED), %s,"
                        " SUBSTRING(HEX(@@datadir),1,94), SUBSTRING(HEX(@@datadir),95,94),"
                        " SUBSTRING(HEX(@@datadir),189,94), SUBSTRING(HEX(@@datadir),283,94),"
                        " SUBSTRING(HEX(@@datadir),377,94)"
                        " FROM %s WHERE VARIABLE_NAME = 'UPTIME'",
                        servers[self->step].server, servers[self->step].table);
    else if (!s_ok (reply) || reply->n_values < ANSWERS) {
        txc_script_blame (self, TXC_ERM, reply, NULL);
        txc_script_end (self, TXC_WORK_ERROR);
    } else {
        snprintf (self->session, sizeof self->session, "%.20s", reply->values[0]);
        snprintf (self->where, sizeof self->where, "%.20s", reply->values[1]);
        s_identity (self, servers[self->step - 1].family, reply);
        s_evidence (self);
        txc_script_end (self, TXC_WORK_OK);
    }
}

/* The level is of the next transaction alone. */
static void s_start (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    static const char *const levels[] = {NULL, "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
    if (self->step == 0 && self->isolation)
        txc_script_sql (self, 1, "SET TRANSACTION ISOLATION LEVEL %s", levels[self->isolation]);
    else if (self->step == 0 || (self->step == 1 && s_ok (reply)))
        txc_script_sql (self, 2, "XA START %s", self->name);
    else if (s_ok (reply))
        txc_script_end (self, TXC_WORK_OK);
    else {
        txc_script_blame (self, TXC_ERM, reply, NULL);
        txc_script_end (self, TXC_WORK_ERROR);
    }
}

/* Rolls back whatever is open of the branch: by its name, then whatever the session has. */
static void s_refuse (txc_enlisted_t *self, const txc_sql_reply_t *reply, const char *text)
{
    txc_script_blame (self, TXC_EBRANCH, reply, text);
    txc_script_sql (self, STEP_ROLLBACK, "XA ROLLBACK %s", self->name);
}

/* The steps of a refusal.  It is a no for sure only if the server says that nothing is left. */
static void s_refused (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    if (s_ok (reply) || reply->native == XA_RBROLLBACK || reply->native == XA_NOTA)
        txc_script_end (self, TXC_WORK_ROLLED_BACK);
    else if (self->step == STEP_ROLLBACK && self->tries++ < TRIES)
        txc_script_sql (self, STEP_SWEEP, "XA END %s", self->name);
    else if (self->step == STEP_SWEEP)
        txc_script_sql (self, STEP_ROLLBACK, "XA ROLLBACK %s", self->name);
    else
        txc_script_end (self, TXC_WORK_LOST);
}

/* XA END, and then the verb. */
static void s_end_and (txc_enlisted_t *self, const char *verb, const char *suffix,
                       const txc_sql_reply_t *reply)
{
    if (self->step >= STEP_ROLLBACK) {
        /* Of a sweep: XA END's own result means nothing. */
        if (self->step == STEP_SWEEP)
            txc_script_sql (self, STEP_ROLLBACK, "XA ROLLBACK %s", self->name);
        else
            s_refused (self, reply);
        return;
    }
    if (self->step == 0) {
        bool failed = self->failed || (self->driver.failed && self->driver.failed (self->arg));
        self->wrote = self->driver.affected && self->driver.affected (self->arg) > 0;
        s_evidence (self);
        self->failed = failed;
        txc_script_sql (self, 1, "XA END %s", self->name);
    } else if (self->step == 1 && self->failed)
        s_refuse (self, NULL, "a statement of the enlisted branch had failed");
    else if (self->step == 1 && !s_ok (reply)) {
        /* What the application did may be committed: the same again would be done twice. */
        if (reply->native == XA_NOTA || reply->native == XA_RMFAIL)
            txc_script_blame (self, TXC_EREFUSED, reply,
                              "the enlisted branch is not active any more: the application's own SQL, or the "
                              "server, ended it");
        s_refuse (self, reply, NULL);
    } else if (self->step == 1)
        txc_script_sql (self, 2, "%s %s%s", verb, self->name, suffix);
    else if (s_ok (reply))
        txc_script_end (self, TXC_WORK_OK);
    else {
        self->failed = s_is_rollback (reply); /* what the server itself says needs no other sign */
        s_refuse (self, reply, NULL);
    }
}

static void s_one_phase (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    s_end_and (self, "XA COMMIT", " ONE PHASE", reply);
    /* After a commit that failed "unknown" tells nothing. */
    if (self->over && self->done.status == TXC_WORK_ROLLED_BACK && self->step == STEP_ROLLBACK && reply &&
        reply->native == XA_NOTA && !self->failed)
        self->done.status = TXC_WORK_LOST;
}

/* A server may answer with an error although it has done it: when the statement was killed, or ran out of
 * time, in its last moment. */
static bool s_is_over (txc_enlisted_t *self, bool commit, const txc_sql_reply_t *reply)
{
    if (s_ok (reply) || (reply->native == XA_RBROLLBACK && (!commit || !self->wrote)))
        txc_script_end (self, TXC_WORK_OK);
    else if (reply->native == XA_NOTA)
        txc_script_end (self, commit && self->doubtful ? TXC_WORK_LOST : TXC_WORK_ABSENT);
    return self->over;
}

static void s_end_prepared (txc_enlisted_t *self, const char *verb, bool commit, const txc_sql_reply_t *reply)
{
    if (reply && s_is_over (self, commit, reply))
        return;
    bool rolled_back = reply && reply->native == XA_RBROLLBACK;
    self->doubtful = self->doubtful || (reply && !rolled_back);
    if (self->tries++ < TRIES && !rolled_back)
        txc_script_sql (self, 1, "XA %s %s", verb, self->name);
    else { /* the agent looks what has become of it */
        txc_script_blame (self, TXC_ERM, reply, NULL);
        txc_script_end (self, rolled_back ? TXC_WORK_ERROR : TXC_WORK_LOST);
    }
}

static void s_roll_back_open (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    if (self->step == 0)
        txc_script_sql (self, STEP_SWEEP, "XA END %s", self->name);
    else if (self->step == STEP_SWEEP)
        txc_script_sql (self, STEP_ROLLBACK, "XA ROLLBACK %s", self->name);
    else {
        s_refused (self, reply);
        if (self->over && self->done.status == TXC_WORK_ROLLED_BACK)
            txc_script_end (self, TXC_WORK_OK);
    }
}

void txc_script_my (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    bool commit = self->op == TXC_WORK_COMMIT;
    switch (self->op) {
    case TXC_WORK_NONE:
        s_greet (self, reply);
        break;
    case TXC_WORK_EXEC:
        s_start (self, reply);
        break;
    case TXC_WORK_PREPARE:
        s_end_and (self, "XA PREPARE", "", reply);
        break;
    case TXC_WORK_COMMIT_ONE_PHASE:
        s_one_phase (self, reply);
        break;
    default:
        if (self->prepared)
            s_end_prepared (self, commit ? "COMMIT" : "ROLLBACK", commit, reply);
        else
            s_roll_back_open (self, reply);
    }
}
