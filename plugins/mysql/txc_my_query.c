/*
 * txc_my_query.c - statements of our own, pipelined; the server's errors.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#include "txc_my.h"

enum {
    S_CLIENT_FIRST = 2000,
    S_CLIENT_LAST = 2999,
    S_MARIADB_CLIENT_FIRST = 5000,
    S_MARIADB_CLIENT_LAST = 5999,
    S_NEW_COLUMNS = 2057 /* CR_NEW_STMT_METADATA: the client library has lost its place in the answer */
};

static const char s_new_columns[] =
    "the columns of its result are others than when the statement was prepared (ALTER TABLE?): run the "
    "transaction again, which prepares it anew";

/* --- errors -------------------------------------------------------------------- */

txc_rm_status_t txc_my_fail (txc_rm_error_t *error, txc_rm_status_t status, int code, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    *error = (txc_rm_error_t){.code = code};
    vsnprintf (error->text, sizeof error->text, format, args);
    va_end (args);
    return status;
}

/* Errors after which nothing more can be learnt through the connection: those of the client library (a lost
 * server, a protocol that got out of step), and those with which the server takes leave. */
static bool s_is_lost (unsigned int number)
{
    switch (number) {
    case 1053: /* shutdown in progress */
    case 1152: /* aborted connection */
    case 1153: /* packet too large: the server closes */
    case 1154:
    case 1155:
    case 1156:
    case 1157:
    case 1158:
    case 1159:
    case 1160:
    case 1161: /* reading and writing the network */
    case 1184: /* new aborted connection */
    case 1927: /* MariaDB: connection was killed */
    case 3169: /* MySQL: session was killed */
    case 4031: /* MySQL: disconnected for inactivity */
        return true;
    default:
        return (number >= S_CLIENT_FIRST && number <= S_CLIENT_LAST) ||
               (number >= S_MARIADB_CLIENT_FIRST && number <= S_MARIADB_CLIENT_LAST);
    }
}

int txc_my_take_error (txc_rm_conn_t *conn, unsigned int number, const char *sqlstate, const char *text,
                       const char *context, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    bool lost = number == 0 || s_is_lost (number);
    *error = (txc_rm_error_t){.code = lost ? TXC_ERMFAIL : TXC_ERM, .native = (int) number};
    txc_copy_text (error->sqlstate, sizeof error->sqlstate, sqlstate);
    /* Of a statement of ours its first words are enough: behind them lies an XID that would leave no room. */
    const char *id = strstr (context, " X'");
    snprintf (error->text, sizeof error->text, "%.*s%s%s", id ? (int) (id - context) : 160, context,
              *context ? ": " : "", number == S_NEW_COLUMNS ? s_new_columns : text);
    if (!lost)
        return (int) number;
    conn->lost = true;
    return TXC_MY_LOST;
}

int txc_my_error (txc_rm_conn_t *conn, const char *context, txc_rm_error_t *error)
{
    return txc_my_take_error (conn, mysql_errno (conn->my), mysql_sqlstate (conn->my), mysql_error (conn->my),
                              context, error);
}

/* --- what the server reports beside its answers ----------------------------------- */

/* The transaction's state is eight letters: 'T' an explicit transaction; 'w' and 'W' at the fourth and fifth
 * place: a table was opened for writing whose engine cannot, can roll back. */
void txc_my_note_state (txc_rm_conn_t *conn)
{
    const char *state;
    size_t size;
    if (mysql_session_track_get_first (conn->my, SESSION_TRACK_TRANSACTION_STATE, &state, &size) != 0 ||
        size != 8)
        return;
    conn->state_seen = state[0] == 'T';
    conn->unreported = false;
    conn->wrote_untransactional |= state[3] == 'w';
    conn->opened_to_write |= state[4] == 'W';
}

/* --- one statement ------------------------------------------------------------------ */

int txc_my_send (txc_rm_conn_t *conn, const char *sql, size_t size, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    if (conn->lost) {
        txc_my_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "the connection to the server was lost before");
        return TXC_MY_LOST;
    }
    txc_my_thread_begin();
    if (mysql_send_query (conn->my, sql, (unsigned long) size) == 0)
        return 0;
    txc_my_error (conn, "", error);
    conn->lost = true; /* part of it may have left: whatever the number says, the stream is not usable */
    return TXC_MY_LOST;
}

int txc_my_read (txc_rm_conn_t *conn, const char *context, txc_rm_error_t *error)
{
    if (mysql_read_query_result (conn->my) != 0)
        return txc_my_error (conn, context, error);
    txc_my_note_state (conn);
    for (;;) {
        MYSQL_RES *rows = mysql_use_result (conn->my);
        while (rows && mysql_fetch_row (rows) != NULL)
            continue;
        int rc = mysql_errno (conn->my) ? txc_my_error (conn, context, error) : 0;
        if (rows)
            mysql_free_result (rows);
        if (rc != 0)
            return rc;
        int next = mysql_next_result (conn->my);
        if (next != 0)
            return next > 0 ? txc_my_error (conn, context, error) : 0;
    }
}

int txc_my_run (txc_rm_conn_t *conn, txc_rm_error_t *error, const char *format, ...)
{
    char sql[TXC_MY_SQL_SIZE + 256];
    va_list args;
    va_start (args, format);
    int size = vsnprintf (sql, sizeof sql, format, args);
    va_end (args);
    TXC_ASSERT (size > 0 && (size_t) size < sizeof sql);
    int rc = txc_my_send (conn, sql, (size_t) size, error);
    return rc ? rc : txc_my_read (conn, sql, error);
}

/* --- several -------------------------------------------------------------------------- */

#if TXC_MY_PIPELINE
int txc_my_batch (txc_rm_conn_t *conn, int n, const char *const *sqls, int *rcs, txc_rm_error_t *error)
{
    for (int i = 0; i < n; i++)
        if (txc_my_send (conn, sqls[i], strlen (sqls[i]), error) != 0)
            return TXC_MY_LOST;
    bool failed = false;
    for (int i = 0; i < n; i++) {
        txc_rm_error_t one;
        rcs[i] = txc_my_read (conn, sqls[i], &one);
        if (rcs[i] != 0 && !failed)
            *error = one;
        failed |= rcs[i] != 0;
        if (rcs[i] == TXC_MY_LOST)
            return TXC_MY_LOST;
    }
    return 0;
}
#else
int txc_my_batch (txc_rm_conn_t *conn, int n, const char *const *sqls, int *rcs, txc_rm_error_t *error)
{
    int failed = 0;
    for (int i = 0; i < n; i++) {
        rcs[i] = failed ? failed : txc_my_run (conn, error, "%s", sqls[i]);
        failed = rcs[i];
        if (failed == TXC_MY_LOST)
            return TXC_MY_LOST;
    }
    return 0;
}
#endif

/* --- queries ---------------------------------------------------------------------------- */

int txc_my_query (txc_rm_conn_t *conn, const char *sql, txc_my_row_fn *row, void *arg, txc_rm_error_t *error)
{
    int rc = txc_my_send (conn, sql, strlen (sql), error);
    if (rc != 0)
        return rc;
    if (mysql_read_query_result (conn->my) != 0)
        return txc_my_error (conn, sql, error);
    MYSQL_RES *rows = mysql_store_result (conn->my);
    if (!rows) {
        txc_my_error (conn, sql, error);
        conn->lost = true; /* no rows where there are always some: the stream is not what it should be */
        return TXC_MY_LOST;
    }
    MYSQL_ROW values;
    while ((values = mysql_fetch_row (rows)) != NULL)
        row (arg, values, mysql_fetch_lengths (rows));
    mysql_free_result (rows);
    return 0;
}

typedef struct s_first {
    char *value;
    size_t size;
    bool seen;
} s_first_t;

static void s_first_row (void *arg, char **values, const unsigned long *sizes)
{
    s_first_t *first = arg;
    (void) sizes;
    if (!first->seen)
        txc_copy_text (first->value, first->size, values[0]);
    first->seen = true;
}

int txc_my_value (txc_rm_conn_t *conn, const char *sql, char *value, size_t size, txc_rm_error_t *error)
{
    s_first_t first = {value, size, false};
    value[0] = '\0';
    return txc_my_query (conn, sql, s_first_row, &first, error);
}
