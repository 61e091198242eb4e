#include "tests/integration/enlist_driver.h"

#include <stdio.h>

#include <libpq-fe.h>
#include <mysql.h>

void enlist_driver_run_pg (void *arg, const char *sql, txc_sql_reply_t *reply)
{
    PGresult *result = PQexec (arg, sql);
    ExecStatusType status = PQresultStatus (result);
    reply->lost = PQstatus (arg) != CONNECTION_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
        snprintf (reply->sqlstate, sizeof reply->sqlstate, "%s", state ? state : "XX000");
        snprintf (reply->text, sizeof reply->text, "%s", PQresultErrorMessage (result));
    }
    snprintf (reply->tag, sizeof reply->tag, "%s", PQcmdStatus (result));
    int n = PQntuples (result) > 0 ? PQnfields (result) : 0;
    reply->n_values = n < TXC_SQL_VALUES ? n : TXC_SQL_VALUES;
    for (int i = 0; i < reply->n_values; i++)
        snprintf (reply->values[i], sizeof reply->values[i], "%s", PQgetvalue (result, 0, i));
    PQclear (result);
}

void enlist_driver_run_my (void *arg, const char *sql, txc_sql_reply_t *reply)
{
    if (mysql_query (arg, sql)) {
        reply->native = (int) mysql_errno (arg);
        reply->lost = reply->native >= 2000;
        snprintf (reply->sqlstate, sizeof reply->sqlstate, "%s", mysql_sqlstate (arg));
        snprintf (reply->text, sizeof reply->text, "%s", mysql_error (arg));
        return;
    }
    MYSQL_RES *result = mysql_store_result (arg);
    if (!result)
        return;
    MYSQL_ROW row = mysql_fetch_row (result);
    unsigned n = row ? mysql_num_fields (result) : 0;
    reply->n_values = n < TXC_SQL_VALUES ? (int) n : TXC_SQL_VALUES;
    for (int i = 0; i < reply->n_values; i++)
        snprintf (reply->values[i], sizeof reply->values[i], "%s", row[i] ? row[i] : "");
    mysql_free_result (result);
}
