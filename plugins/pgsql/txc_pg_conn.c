/*
 * txc_pg_conn.c - connections: connect, greet, ping, cancel.
 */
#include <config.h>

#include "txc_pg.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum { S_PASSWORD_MAX = 1024 };

static char s_application[32];
static pthread_once_t s_application_once = PTHREAD_ONCE_INIT;

static void s_draw_application (void)
{
    uint64_t number;
    if (getrandom (&number, sizeof number, 0) != (ssize_t) sizeof number)
        TXC_NEVER();
    snprintf (s_application, sizeof s_application, "txagent/%016llx", (unsigned long long) number);
}

const char *txc_pg_application (void)
{
    TXC_ASSERT (pthread_once (&s_application_once, s_draw_application) == 0);
    return s_application;
}

/* --- connecting -------------------------------------------------------------- */

/* The first line of a file that nobody but its owner may read. */
static bool s_read_password (const char *path, char *password, size_t size, txc_rm_error_t *error)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat (fd, &status) != 0) {
        txc_pg_fail (error, TXC_RM_ERROR, TXC_ECONFIG, "password_file %s: %s", path, strerror (errno));
        if (fd >= 0)
            close (fd);
        return false;
    }
    if (!S_ISREG (status.st_mode) || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        close (fd);
        txc_pg_fail (error, TXC_RM_ERROR, TXC_ECONFIG,
                     "password_file %s: others may read it; run chmod 600 on it", path);
        return false;
    }
    ssize_t got = read (fd, password, size - 1);
    close (fd);
    if (got <= 0) {
        txc_pg_fail (error, TXC_RM_ERROR, TXC_ECONFIG, "password_file %s holds no password", path);
        return false;
    }
    password[got] = '\0';
    password[strcspn (password, "\r\n")] = '\0';
    return true;
}

/* Ours lie in front of the conninfo, which may override them, and behind it what it may not change.  The
 * server is to read statements as our parser does: in UTF-8, with standard strings. */
static PGconn *s_open (txc_rm_t *rm, txc_rm_error_t *error)
{
    char password[S_PASSWORD_MAX] = "";
    if (rm->password_file && !s_read_password (rm->password_file, password, sizeof password, error))
        return NULL;
    const char *keys[] = {"connect_timeout",
                          "keepalives_idle",
                          "keepalives_interval",
                          "keepalives_count",
                          "tcp_user_timeout",
                          "dbname",
                          "application_name",
                          "client_encoding",
                          password[0] ? "password" : NULL,
                          NULL};
    const char *values[] = {"10",   "30",     "10", "3", "30000", rm->conninfo, txc_pg_application(),
                            "UTF8", password, NULL};
    PGconn *pg = PQconnectdbParams (keys, values, 1);
    explicit_bzero (password, sizeof password);
    if (pg == NULL)
        txc_pg_fail (error, TXC_RM_LOST, TXC_ENOMEM, "out of memory for a connection");
    return pg;
}

/* A cancelled wait for synchronous replication is the one notice that matters: the command is done here, but
 * its standby may not have it. */
static void s_notice (void *arg, const PGresult *notice)
{
    txc_rm_conn_t *conn = arg;
    const char *file = PQresultErrorField (notice, PG_DIAG_SOURCE_FILE);
    const char *severity = PQresultErrorField (notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity && strcmp (severity, "WARNING") == 0 && (file == NULL || strcmp (file, "syncrep.c") == 0))
        conn->warned = true;
}

#define S_GREETING                                                                                           \
    "SELECT pg_is_in_recovery(),"                                                                            \
    " CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_walfile_name(pg_current_wal_insert_lsn()) END,"        \
    " (SELECT system_identifier FROM pg_control_system()),"                                                  \
    " pg_backend_pid(), session_user,"                                                                       \
    " (SELECT (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity"                   \
    "   WHERE pid = pg_backend_pid()),"                                                                      \
    " (SELECT oid FROM pg_database WHERE datname = current_database())"

static txc_rm_status_t s_greet (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    conn->version = PQserverVersion (conn->pg);
    if (conn->version < 140000)
        return txc_pg_fail (error, TXC_RM_LOST, TXC_EVERSION,
                            "PostgreSQL %d is too old: 14 or newer is needed", conn->version / 10000);
    PGresult *result = txc_pg_run (conn, S_GREETING, 0, NULL);
    if (result == NULL)
        return txc_pg_fail_lost (conn, error);
    if (PQresultStatus (result) != PGRES_TUPLES_OK || PQntuples (result) != 1) {
        txc_pg_fail_result (error, TXC_RM_LOST, TXC_ERMFAIL, result);
        PQclear (result);
        return TXC_RM_LOST;
    }
    bool standby = PQgetvalue (result, 0, 0)[0] == 't';
    char timeline[9];
    txc_copy_text (timeline, sizeof timeline, PQgetvalue (result, 0, 1));
    conn->identity = (txc_pg_identity_t){.system = strtoull (PQgetvalue (result, 0, 2), NULL, 10),
                                         .timeline = (uint32_t) strtoul (timeline, NULL, 16),
                                         .pid = atoi (PQgetvalue (result, 0, 3)),
                                         .started_us = strtoll (PQgetvalue (result, 0, 5), NULL, 10)};
    txc_copy_text (conn->user, sizeof conn->user, PQgetvalue (result, 0, 4));
    conn->database = (uint32_t) strtoul (PQgetvalue (result, 0, 6), NULL, 10);
    conn->pooled = conn->identity.pid != PQbackendPID (conn->pg);
    PQclear (result);
    if (standby)
        return txc_pg_fail (
            error, TXC_RM_LOST, TXC_ERMFAIL,
            "the server is a standby (in recovery): branches live on the primary only; name the "
            "primary in conninfo, or all hosts with target_session_attrs=primary");
    return TXC_RM_OK;
}

txc_rm_status_t txc_pg_connect (txc_rm_t *rm, txc_rm_conn_t **conn_p, txc_rm_error_t *error)
{
    TXC_CHECK (rm, TXC_PG_RM_MAGIC);
    *conn_p = NULL;
    txc_rm_error_t local;
    error = error ? error : &local;
    PGconn *pg = s_open (rm, error);
    if (pg == NULL)
        return TXC_RM_LOST;
    txc_rm_conn_t *conn = txc_calloc (1, sizeof *conn);
    TXC_MAGIC (conn, TXC_PG_CONN_MAGIC);
    conn->rm = rm;
    conn->pg = pg;
    conn->cache = txc_pg_cache_new (rm->statement_cache);
    PQsetNoticeReceiver (pg, s_notice, conn);
    txc_rm_status_t status;
    if (PQstatus (pg) != CONNECTION_OK || !PQenterPipelineMode (pg)) {
        const char *text = PQerrorMessage (pg);
        status = txc_pg_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "cannot connect: %.*s",
                              (int) strcspn (text, "\n"), text);
    } else
        status = s_greet (conn, error);
    if (status == TXC_RM_OK && (conn->cancel = PQgetCancel (pg)) == NULL)
        status = txc_pg_fail (error, TXC_RM_LOST, TXC_ENOMEM, "out of memory for a connection");
    if (status != TXC_RM_OK) {
        txc_pg_disconnect (&conn);
        return status;
    }
    *conn_p = conn;
    return TXC_RM_OK;
}

void txc_pg_disconnect (txc_rm_conn_t **conn_p)
{
    txc_rm_conn_t *conn = *conn_p;
    if (conn == NULL)
        return;
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    TXC_UNMAGIC (conn, TXC_PG_CONN_MAGIC);
    PQfreeCancel (conn->cancel);
    PQfinish (conn->pg);
    txc_pg_cache_destroy (&conn->cache);
    free (conn);
    *conn_p = NULL;
}

/* --- health -------------------------------------------------------------- */

txc_rm_status_t txc_pg_ping (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    txc_pg_send_sync (conn); /* answered by ReadyForQuery alone: nothing is parsed or run */
    return txc_pg_read_sync (conn) ? TXC_RM_OK : txc_pg_fail_lost (conn, error);
}

void txc_pg_cancel (txc_rm_conn_t *conn)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    char text[256];
    PQcancel (conn->cancel, text, (int) sizeof text);
}

int txc_pg_is_alive (const txc_rm_conn_t *conn)
{
    TXC_CHECK (conn, TXC_PG_CONN_MAGIC);
    return !conn->lost && PQstatus (conn->pg) == CONNECTION_OK;
}
