#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include <txcoord/txc_pg.h>
#include <txcoord/txc_tx_pg.h>

/* libpq's messages end with a line feed, and may have several lines. */
static void s_say (char *error, const char *rm, const char *text)
{
    snprintf (error, TXC_TX_ERROR_SIZE, "%s: %s", rm, text);
    for (char *at = error; *at; at++)
        if (*at == '\n')
            *at = at[1] ? ' ' : '\0';
}

/* What each new session is to be. */
static int s_settle (PGconn *conn, const txc_tx_rm_t *rm, char *error)
{
    static const char *const levels[] = {NULL, "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
    if (PQstatus (conn) != CONNECTION_OK) {
        s_say (error, rm->name, PQerrorMessage (conn));
        return TXC_ERMFAIL;
    }
    if (rm->isolation == TXC_ISOLATION_DEFAULT)
        return TXC_OK;
    char sql[100];
    snprintf (sql, sizeof sql, "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL %s",
              levels[rm->isolation]);
    PGresult *result = PQexec (conn, sql);
    bool done = PQresultStatus (result) == PGRES_COMMAND_OK;
    PQclear (result);
    if (!done)
        s_say (error, rm->name, PQerrorMessage (conn));
    return done ? TXC_OK : TXC_ERMFAIL;
}

static void *s_open (const txc_tx_rm_t *rm, char *error)
{
    char seconds[16];
    snprintf (seconds, sizeof seconds, "%u", (rm->connect_timeout_ms + 999) / 1000);
    /* What conninfo says of the same stands above it. */
    const char *keys[] = {"connect_timeout", "dbname", NULL}, *values[] = {seconds, rm->conninfo, NULL};
    PGconn *conn = PQconnectdbParams (keys, values, 1);
    if (!conn)
        snprintf (error, TXC_TX_ERROR_SIZE, "%s: out of memory", rm->name);
    else if (s_settle (conn, rm, error) != TXC_OK) {
        PQfinish (conn);
        conn = NULL;
    }
    return conn;
}

static int s_lost (void *conn)
{
    return PQstatus (conn) != CONNECTION_OK;
}

static int s_reopen (void *conn, const txc_tx_rm_t *rm, char *error)
{
    PQreset (conn);
    return s_settle (conn, rm, error);
}

static const char *s_outside (void *conn)
{
    if (PQpipelineStatus (conn) != PQ_PIPELINE_OFF)
        return "its connection is in pipeline mode";
    if (PQisnonblocking (conn))
        return "its connection is non-blocking";
    if (PQtransactionStatus (conn) == PQTRANS_ACTIVE)
        return "a statement is under way on its connection, or its results were not read";
    return PQtransactionStatus (conn) == PQTRANS_IDLE ? NULL
                                                      : "a transaction of its own is open on its connection";
}

static int s_spoiled (void *conn)
{
    PGTransactionStatusType status = PQtransactionStatus (conn);
    return status != PQTRANS_INTRANS && status != PQTRANS_ACTIVE;
}

static int s_enlist (txc_tx_t *tx, const char *rm, void *conn)
{
    return txc_enlist_pg (tx, rm, conn);
}

static void s_close (void *conn)
{
    PQfinish (conn);
}

/* PQfinish says good-bye to the server, but here to nobody. */
static void s_abandon (void *conn)
{
    int socket = PQsocket (conn), nobody = open ("/dev/null", O_RDWR | O_CLOEXEC);
    if (socket >= 0 && (nobody < 0 || dup2 (nobody, socket) < 0))
        close (socket);
    if (nobody >= 0)
        close (nobody);
    PQfinish (conn);
}

PGconn *txc_tx_pg (const char *rm)
{
    static const txc_tx_driver_t driver = {.kind = "pgsql",
                                           .open = s_open,
                                           .lost = s_lost,
                                           .reopen = s_reopen,
                                           .outside = s_outside,
                                           .spoiled = s_spoiled,
                                           .enlist = s_enlist,
                                           .close = s_close,
                                           .abandon = s_abandon};
    return txc_tx_connection (rm, &driver);
}
