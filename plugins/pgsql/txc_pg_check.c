/*
 * txc_pg_check.c - what would lose data, or stop everything, later.
 */
#include "txc_pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"

/* Columns of the settings query. */
enum {
    S_MAX_PREPARED,
    S_RECOVERY,
    S_READ_ONLY,
    S_SYNC_COMMIT,
    S_FSYNC,
    S_FULL_PAGES,
    S_SUPERUSER,
    S_IDLE_TIMEOUT,
    S_ENCODING
};

#define S_SETTINGS                                                                                           \
    "SELECT current_setting('max_prepared_transactions'), pg_is_in_recovery(),"                              \
    " current_setting('default_transaction_read_only'), current_setting('synchronous_commit'),"              \
    " current_setting('fsync'), current_setting('full_page_writes'),"                                        \
    " (SELECT rolsuper FROM pg_roles WHERE rolname = session_user),"                                         \
    " (SELECT setting::int8 > 0 FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'),"       \
    " current_setting('server_encoding')"

typedef struct s_warn {
    void (*warn) (void *arg, const char *text);
    void *arg;
} s_warn_t;

static void s_warn (const s_warn_t *to, const char *text)
{
    if (to->warn)
        to->warn (to->arg, text);
}

static txc_rm_status_t s_refuse_settings (const txc_rm_conn_t *conn, const PGresult *r, txc_rm_error_t *error)
{
    const char *text = NULL;
    if (conn->pooled)
        text = "a connection pooler stands between the agent and PostgreSQL: connect to the server itself";
    else if (PQgetvalue (r, 0, S_RECOVERY)[0] == 't')
        text = "the server is a standby: connect to the primary";
    else if (atoi (PQgetvalue (r, 0, S_MAX_PREPARED)) == 0 && !conn->rm->last_resource)
        text = "max_prepared_transactions is 0: set it to the number of branches at once and restart "
               "PostgreSQL; "
               "or let this database take part as the last resource (last_resource = 1)";
    else if (strcmp (PQgetvalue (r, 0, S_READ_ONLY), "on") == 0)
        text = "default_transaction_read_only is on: set it to off for the agent's role (ALTER ROLE ... SET "
               "...)";
    else if (strcmp (PQgetvalue (r, 0, S_SYNC_COMMIT), "off") == 0)
        text = "synchronous_commit is off: a branch committed in one phase could be lost; set it to on for "
               "the agent's "
               "role (ALTER ROLE ... SET synchronous_commit = on)";
    return text ? txc_pg_fail (error, TXC_RM_ERROR, TXC_ECONFIG, "%s", text) : TXC_RM_OK;
}

static void s_warn_settings (const txc_rm_conn_t *conn, const PGresult *r, const s_warn_t *to)
{
    char text[256];
    uint32_t slots = (uint32_t) atoi (PQgetvalue (r, 0, S_MAX_PREPARED));
    if (conn->rm->max_branches > slots && !conn->rm->last_resource) {
        snprintf (text, sizeof text,
                  "max_prepared_transactions (%" PRIu32
                  ") is less than the agent's branches at once (%" PRIu32
                  "): branches will be rolled back when the slots are taken",
                  slots, conn->rm->max_branches);
        s_warn (to, text);
    }
    if (strcmp (PQgetvalue (r, 0, S_FSYNC), "off") == 0)
        s_warn (to, "fsync is off: a crash of the machine loses or damages prepared and committed branches");
    if (strcmp (PQgetvalue (r, 0, S_FULL_PAGES), "off") == 0)
        s_warn (to, "full_page_writes is off: a crash of the machine may damage the database");
    if (PQgetvalue (r, 0, S_SUPERUSER)[0] == 't')
        s_warn (to, "the agent's role is a superuser: a role as in sql/postgresql/roles.sql is enough");
    if (PQgetvalue (r, 0, S_IDLE_TIMEOUT)[0] == 't')
        s_warn (to, "idle_in_transaction_session_timeout is set: it ends branches that wait for their next "
                    "statement");
    if (strcmp (PQgetvalue (r, 0, S_ENCODING), "SQL_ASCII") == 0)
        s_warn (to,
                "the database's encoding is SQL_ASCII: text that is not UTF-8 cannot be read by the agent");
}

/* Advisory locks are per database, as the RM is.  One of an agent that has just died goes with its session,
 * so the lock is waited for. */
static txc_rm_status_t s_lock (txc_rm_conn_t *conn, const char *instance, txc_rm_error_t *error)
{
    char wait[16];
    snprintf (wait, sizeof wait, "%" PRIu32, conn->rm->fence_timeout_ms);
    const char *params[] = {wait};
    PQclear (txc_pg_run (conn, "SELECT pg_catalog.set_config('lock_timeout', $1, false)", 1, params));
    PGresult *locked =
        txc_pg_run (conn, "SELECT pg_catalog.pg_advisory_lock(hashtextextended('txcoord', 0))", 0, NULL);
    PQclear (txc_pg_run (conn, "RESET lock_timeout", 0, NULL));
    txc_rm_status_t status = TXC_RM_OK;
    if (conn->lost)
        status = txc_pg_fail_lost (conn, error);
    else if (txc_pg_has_state (locked, "55P03"))
        status = txc_pg_fail (
            error, TXC_RM_ERROR, TXC_ELOCKED,
            "another agent works on this database (agent %s was refused): one agent a database; stop "
            "the other one",
            instance);
    else if (!txc_pg_ok (locked))
        status = txc_pg_fail_result (error, TXC_RM_ERROR, TXC_ERM, locked);
    else
        conn->holds_lock = true;
    PQclear (locked);
    return status;
}

txc_rm_status_t txc_pg_check (txc_rm_conn_t *conn, const char *instance,
                              void (*warn) (void *arg, const char *text), void *arg, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    if (!txc_pg_is_alive (conn))
        return txc_pg_fail_lost (conn, error);
    PGresult *result = txc_pg_run (conn, S_SETTINGS, 0, NULL);
    if (result == NULL)
        return txc_pg_fail_lost (conn, error);
    txc_rm_status_t status;
    if (PQresultStatus (result) != PGRES_TUPLES_OK)
        status = txc_pg_fail_result (error, TXC_RM_ERROR, TXC_ERM, result);
    else
        status = s_refuse_settings (conn, result, error);
    if (status == TXC_RM_OK) {
        s_warn_settings (conn, result, &(s_warn_t){warn, arg});
        if (conn->rm->last_resource)
            status = txc_pg_check_last (conn, error);
        if (status == TXC_RM_OK && !conn->holds_lock)
            status = s_lock (conn, instance, error);
    }
    PQclear (result);
    return status;
}
