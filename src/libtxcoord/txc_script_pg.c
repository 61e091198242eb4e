/*
 * PostgreSQL.  PREPARE TRANSACTION in a failed transaction, or outside of one,
 * answers OK with the tag ROLLBACK; only its own tag is a yes.  And only the
 * transaction that the library began carries the mark, whatever the
 * application's SQL did meanwhile.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/txc_mem.h"
#include "libtxcoord/txc_enlist.h"

enum { TRIES = 3 };

static bool s_ok (const txc_sql_reply_t *reply)
{
    return reply->sqlstate[0] == '\0' && !reply->native;
}

/* xid8 "/" system identifier "/" timeline "/" pid "/" start of the session, as the agent's plugin reads it; a
 * prepared branch is no session's any more. */
static void s_evidence (txc_enlisted_t *self, bool prepared)
{
    snprintf (self->done.evidence, sizeof self->done.evidence, "%.20s/%s/%s", self->xid[0] ? self->xid : "-",
              self->where, prepared ? "0/0" : self->session);
}

/* --- greeting, beginning ----------------------------------------------------------- */

/* A transaction's first statement sees the time of its beginning. */
#define GREETING                                                                                             \
    "SELECT (SELECT system_identifier FROM pg_control_system()),"                                            \
    " pg_walfile_name(pg_current_wal_insert_lsn()), pg_backend_pid(),"                                       \
    " (SELECT (extract(epoch FROM backend_start) * 1000000)::int8 FROM pg_stat_activity"                     \
    " WHERE pid = pg_backend_pid()),"                                                                        \
    " now() = statement_timestamp(), current_user,"                                                          \
    " (SELECT oid FROM pg_database WHERE datname = current_database())"

#define AGENT                                                                                                \
    "SELECT a.usename, a.usename = current_user OR pg_has_role(a.usename, current_user, 'MEMBER'),"          \
    " pg_has_role(current_user, a.usename, 'MEMBER')"                                                        \
    " FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name LIKE 'txagent/%%'" \
    " ORDER BY a.usename = current_user DESC LIMIT 1"

static void s_greeted (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    if (!s_ok (reply) || reply->n_values < 7) {
        txc_script_blame (self, TXC_ERM, reply, NULL);
        txc_script_end (self, TXC_WORK_ERROR);
        return;
    }
    if (reply->values[4][0] != 't') {
        txc_script_blame (self, TXC_EPROTO, NULL, "the connection is in a transaction already: end it first");
        txc_script_end (self, TXC_WORK_ERROR);
        return;
    }
    unsigned timeline = 0;
    sscanf (reply->values[1], "%8x", &timeline);
    snprintf (self->where, sizeof self->where, "%.20s/%u", reply->values[0], timeline);
    snprintf (self->session, sizeof self->session, "%.11s/%.18s", reply->values[2], reply->values[3]);
    txc_copy_text (self->user, sizeof self->user, reply->values[5]);
    snprintf (self->identity, sizeof self->identity, "%s/%.10s", self->where, reply->values[6]);
    s_evidence (self, false);
    txc_script_sql (self, 2, AGENT);
}

/* A role that can be named without a thought about quotes. */
static bool s_is_plain (const char *role)
{
    return !strpbrk (role, "\"'\\");
}

/* The agent must be able to finish what this session prepares. */
static void s_agent (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    if (!s_ok (reply)) {
        txc_script_blame (self, TXC_ERM, reply, NULL);
        txc_script_end (self, TXC_WORK_ERROR);
    } else if (reply->n_values < 3) {
        txc_script_blame (
            self, TXC_ERMFAIL, NULL,
            "no agent is connected to this database, so that nobody could finish the branch: it "
            "is another one than the resource manager's, or the agent does not reach it just now");
        txc_script_end (self, TXC_WORK_ERROR);
    } else if (reply->values[1][0] == 't')
        txc_script_end (self, TXC_WORK_OK);
    else if (reply->values[2][0] == 't' && s_is_plain (reply->values[0])) {
        txc_copy_text (self->role, sizeof self->role, reply->values[0]);
        txc_script_end (self, TXC_WORK_OK);
    } else {
        char text[256];
        snprintf (text, sizeof text,
                  "the agent works as role \"%.60s\" and could not finish a branch of this role: GRANT this "
                  "role to "
                  "\"%.60s\", or that one to this",
                  reply->values[0], reply->values[0]);
        txc_script_blame (self, TXC_EPERM, NULL, text);
        txc_script_end (self, TXC_WORK_ERROR);
    }
}

static void s_greet (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    if (self->step == 0)
        txc_script_sql (self, 1, GREETING);
    else if (self->step == 1)
        s_greeted (self, reply);
    else
        s_agent (self, reply);
}

static void s_start (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    static const char *const begin[] = {"BEGIN", "BEGIN ISOLATION LEVEL READ COMMITTED",
                                        "BEGIN ISOLATION LEVEL REPEATABLE READ",
                                        "BEGIN ISOLATION LEVEL SERIALIZABLE"};
    if (self->step == 0 && self->driver.several)
        txc_script_sql (self, 2, "%s; SELECT pg_catalog.set_config('txcoord.branch', '%s', true)",
                        begin[self->isolation], self->gid);
    else if (self->step == 0)
        txc_script_sql (self, 1, "%s", begin[self->isolation]);
    else if (self->step == 3)
        txc_script_end (self, TXC_WORK_ERROR);
    else if (self->step == 1 && s_ok (reply))
        txc_script_sql (self, 2, "SELECT pg_catalog.set_config('txcoord.branch', '%s', true)", self->gid);
    else if (s_ok (reply))
        txc_script_end (self, TXC_WORK_OK);
    else { /* the connection is in no transaction afterwards, as it was before */
        txc_script_blame (self, TXC_ERM, reply, NULL);
        txc_script_sql (self, 3, "ROLLBACK");
    }
}

/* --- the guard ------------------------------------------------------------------------ */

static void s_ask_guard (txc_enlisted_t *self)
{
    txc_script_sql (self, 1,
                    "SELECT pg_catalog.current_setting('txcoord.branch', true),"
                    " pg_catalog.pg_current_xact_id_if_assigned()::text,"
                    " pg_catalog.current_setting('transaction_isolation'), current_user");
}

/* The branch cannot be prepared; whatever is open of it is rolled back. */
static void s_refuse (txc_enlisted_t *self, const txc_sql_reply_t *reply, const char *text)
{
    txc_script_blame (self, TXC_EBRANCH, reply, text);
    txc_script_sql (self, 9, "ROLLBACK");
}

/* True: the branch is the one that was begun, and good. */
static bool s_guarded (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    if (!s_ok (reply)) {
        bool failed = strcmp (reply->sqlstate, "25P02") == 0;
        s_refuse (self, reply, failed ? "a statement of the enlisted branch had failed" : NULL);
        return false;
    }
    if (reply->n_values < 4 || strcmp (reply->values[0], self->gid) != 0) {
        txc_script_blame (
            self, TXC_EREFUSED, NULL,
            "the enlisted branch was ended by the application's own SQL (COMMIT, ROLLBACK, ...): "
            "what that did by itself stays as it is");
        s_refuse (self, NULL, NULL);
        return false;
    }
    txc_copy_text (self->xid, sizeof self->xid, reply->values[1]);
    s_evidence (self, false);
    if (!self->failed)
        return true;
    s_refuse (self, NULL, "the application said that a statement of the enlisted branch failed");
    return false;
}

/* --- prepare ----------------------------------------------------------------------------- */

/* The application may work as another role by now (SET ROLE), whose branches the agent could not finish: they
 * are to belong to whom it was found that it can.  False: that cannot be had. */
static bool s_settle_owner (txc_enlisted_t *self, const char *user)
{
    if (self->role[0] || strcmp (user, self->user) == 0)
        return true;
    if (s_is_plain (self->user))
        txc_copy_text (self->role, sizeof self->role, self->user);
    return self->role[0];
}

static void s_send_prepare (txc_enlisted_t *self)
{
    txc_script_sql (self, 4, "PREPARE TRANSACTION '%s'", self->gid);
}

static void s_answered (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    if (!s_ok (reply))
        s_refuse (self, reply, NULL);
    else if (strcmp (reply->tag, "PREPARE TRANSACTION") != 0)
        s_refuse (self, NULL, "PostgreSQL rolled the enlisted branch back instead of preparing it");
    else if (reply->warned) {
        txc_script_blame (
            self, TXC_EBRANCH, NULL,
            "the wait for the synchronous standby was given up, so the branch may not survive a failover");
        txc_script_sql (self, 8, "ROLLBACK PREPARED '%s'", self->gid);
    } else {
        s_evidence (self, true);
        txc_script_end (self, TXC_WORK_OK);
    }
}

static void s_prepare (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    switch (self->step) {
    case 0:
        s_ask_guard (self);
        break;
    case 1:
        if (!s_guarded (self, reply))
            break;
        if (!self->xid[0] && strcmp (reply->values[2], "serializable") != 0)
            txc_script_end (self, TXC_WORK_READ_ONLY);
        else if (!s_settle_owner (self, reply->values[3]))
            s_refuse (self, NULL,
                      "the branch would belong to a role that the application took meanwhile (SET ROLE)");
        else if (self->role[0] && self->driver.several)
            txc_script_sql (self, 4,
                            "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL ROLE \"%s\"; PREPARE TRANSACTION '%s'",
                            self->role, self->gid);
        else if (self->role[0]) /* deferred triggers run as the application's role, not as the agent's */
            txc_script_sql (self, 2, "SET CONSTRAINTS ALL IMMEDIATE");
        else
            s_send_prepare (self);
        break;
    case 2:
        if (s_ok (reply))
            txc_script_sql (self, 3, "SET LOCAL ROLE \"%s\"", self->role);
        else
            s_refuse (self, reply, NULL);
        break;
    case 3:
        if (s_ok (reply))
            s_send_prepare (self);
        else
            s_refuse (self, reply, NULL);
        break;
    case 4:
        s_answered (self, reply);
        break;
    case 8: /* ROLLBACK PREPARED: if it was not, the branch is listed, and whoever looks finds it */
        txc_script_end (self, s_ok (reply) ? TXC_WORK_ROLLED_BACK : TXC_WORK_LOST);
        break;
    default: /* else whatever is open there holds its locks: its agent ends the session */
        txc_script_end (self, s_ok (reply) ? TXC_WORK_ROLLED_BACK : TXC_WORK_LOST);
    }
}

/* --- ends ----------------------------------------------------------------------------------- */

static void s_one_phase (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    if (self->step == 0)
        s_ask_guard (self);
    else if (self->step == 1) {
        if (s_guarded (self, reply))
            txc_script_sql (self, 2, "COMMIT");
    } else if (self->step == 2 && s_ok (reply) && strcmp (reply->tag, "COMMIT") == 0)
        txc_script_end (self, TXC_WORK_OK);
    else if (self->step == 2 && !s_ok (reply))
        s_refuse (self, reply, NULL);
    else if (self->step == 2)
        s_refuse (self, NULL, "PostgreSQL rolled the enlisted branch back instead of committing it");
    else
        txc_script_end (self, TXC_WORK_ROLLED_BACK);
}

enum { STEP_ROLE = 5, STEP_FINISH = 1, STEP_OWN_ROLE = 6, STEP_NO_ROLE = 7 };

/* Only its owner ends a prepared branch; then the session is whose it was.  Neither can be in one transaction
 * with it, so that these are statements of their own.  A role that was the transaction's alone (SET LOCAL)
 * went when it was prepared: whose the session is is known only now. */
static void s_take_role (txc_enlisted_t *self)
{
    txc_script_sql (self, STEP_ROLE,
                    "SELECT pg_catalog.quote_ident(pg_catalog.current_setting('role')),"
                    " pg_catalog.set_config('role', '%s', false)",
                    self->role);
}

static void s_finished (txc_enlisted_t *self, txc_work_status_t status)
{
    self->finished = (uint8_t) status;
    if (self->role[0] && self->own_role[0])
        txc_script_sql (self, STEP_OWN_ROLE, "SET ROLE %s", self->own_role);
    else
        txc_script_end (self, status);
}

static void s_end_prepared (txc_enlisted_t *self, const char *verb, const txc_sql_reply_t *reply)
{
    if (reply && self->step == STEP_ROLE)
        txc_copy_text (self->own_role, sizeof self->own_role,
                       s_ok (reply) && reply->n_values > 0 ? reply->values[0] : "");
    if (self->step == STEP_OWN_ROLE && !s_ok (reply)) /* taken from it meanwhile */
        txc_script_sql (self, STEP_NO_ROLE, "RESET ROLE");
    else if (self->step == STEP_OWN_ROLE || self->step == STEP_NO_ROLE)
        txc_script_end (self, (txc_work_status_t) self->finished);
    else if (!reply && self->role[0])
        s_take_role (self);
    else if (self->step == STEP_FINISH && s_ok (reply))
        s_finished (self, TXC_WORK_OK);
    else if (self->step == STEP_FINISH && strcmp (reply->sqlstate, "42704") == 0)
        s_finished (self, TXC_WORK_ABSENT);
    else if (self->tries++ < TRIES)
        txc_script_sql (self, STEP_FINISH, "%s PREPARED '%s'", verb, self->gid);
    else { /* its agent goes on trying */
        txc_script_blame (self, TXC_ERM, reply, NULL);
        s_finished (self, TXC_WORK_LOST);
    }
}

static void s_end_open (txc_enlisted_t *self, const char *verb, const txc_sql_reply_t *reply)
{
    if (!reply)
        txc_script_sql (self, 1, "%s", verb);
    else
        txc_script_end (self, s_ok (reply) ? TXC_WORK_OK : TXC_WORK_LOST);
}

void txc_script_pg (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    switch (self->op) {
    case TXC_WORK_NONE:
        s_greet (self, reply);
        break;
    case TXC_WORK_EXEC:
        s_start (self, reply);
        break;
    case TXC_WORK_PREPARE:
        s_prepare (self, reply);
        break;
    case TXC_WORK_COMMIT_ONE_PHASE:
        s_one_phase (self, reply);
        break;
    default: {
        const char *verb = self->op == TXC_WORK_COMMIT ? "COMMIT" : "ROLLBACK";
        (self->prepared ? s_end_prepared : s_end_open) (self, verb, reply);
    }
    }
}
