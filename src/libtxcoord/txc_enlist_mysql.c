#include "config.h"

#include <stdio.h>
#include <string.h>

#include <txcoord/txc_mysql.h>

/* Of mysqlclient's errors: the server is not there any more. */
enum { GONE_FIRST = 2000, GONE_LAST = 2999 };

static void s_error (MYSQL *conn, txc_sql_reply_t *reply)
{
    unsigned number = mysql_errno (conn);
    reply->native = (int) number;
    reply->lost = (number >= GONE_FIRST && number <= GONE_LAST) || number == 1927 || number == 1053;
    snprintf (reply->sqlstate, sizeof reply->sqlstate, "%s", mysql_sqlstate (conn));
    snprintf (reply->text, sizeof reply->text, "%s", mysql_error (conn));
}

static void s_row (MYSQL_RES *result, txc_sql_reply_t *reply)
{
    MYSQL_ROW row = mysql_fetch_row (result);
    unsigned n = row ? mysql_num_fields (result) : 0;
    reply->n_values = n < TXC_SQL_VALUES ? (int) n : TXC_SQL_VALUES;
    for (int i = 0; i < reply->n_values; i++)
        snprintf (reply->values[i], sizeof reply->values[i], "%s", row[i] ? row[i] : "");
}

/* A failure shows again when the answer is read. */
static void s_send (void *arg, const char *sql)
{
    MYSQL *conn = arg;
    (void) mysql_send_query (conn, sql, (unsigned long) strlen (sql));
}

static void s_receive (void *arg, txc_sql_reply_t *reply)
{
    MYSQL *conn = arg;
    if (mysql_errno (conn) != 0 || mysql_read_query_result (conn) != 0) {
        s_error (conn, reply);
        return;
    }
    MYSQL_RES *result = mysql_store_result (conn);
    if (result) {
        s_row (result, reply);
        mysql_free_result (result);
    } else if (mysql_errno (conn) != 0)
        s_error (conn, reply);
}

static int s_failed (void *arg)
{
    return mysql_errno (arg) != 0;
}

static long long s_affected (void *arg)
{
    my_ulonglong rows = mysql_affected_rows (arg);
    return mysql_field_count (arg) != 0 || rows == (my_ulonglong) -1 ? -1 : (long long) rows;
}

/* Servers count sessions from 1 again when they are started anew; what a server drew for this one's handshake
 * tells them apart.  0 where the library does not show it: not known. */
static unsigned long long s_session (void *arg)
{
#ifdef MARIADB_BASE_VERSION
    const MYSQL *conn = arg;
    unsigned long long number = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < sizeof conn->scramble_buff; i++)
        number = (number ^ (unsigned char) conn->scramble_buff[i]) * 1099511628211u;
    number = (number ^ mysql_thread_id (arg)) * 1099511628211u;
    return number ? number : 1;
#else
    (void) arg;
    return 0;
#endif
}

int txc_enlist_mysql (txc_tx_t *tx, const char *rm, MYSQL *conn)
{
    static const txc_enlist_driver_t driver = {.dialect = TXC_DIALECT_MARIADB,
                                               .send = s_send,
                                               .receive = s_receive,
                                               .failed = s_failed,
                                               .affected = s_affected,
                                               .session = s_session};
    return txc_enlist_cb (tx, rm, conn ? &driver : NULL, conn);
}
