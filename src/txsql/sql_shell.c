#include "config.h"

#include "txsql/sql_shell.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_limits.h"
#include "base/txc_mem.h"
#include "txsql/sql_command.h"

sql_status_t sql_shell_note (sql_shell_t *self, sql_status_t status)
{
    if (status > self->status)
        self->status = status;
    return status;
}

void sql_shell_tell (sql_shell_t *self, const txc_error_info_t *error)
{
    fputs ("error: ", self->errors);
    if (*error->rm)
        fprintf (self->errors, "@%s: ", error->rm);
    fputs (error->text, self->errors);
    if (*error->sqlstate || error->native)
        fprintf (self->errors, " (");
    if (*error->sqlstate)
        fprintf (self->errors, "SQLSTATE %s%s", error->sqlstate, error->native ? ", " : "");
    if (error->native)
        fprintf (self->errors, "error %d", error->native);
    if (*error->sqlstate || error->native)
        fprintf (self->errors, ")");
    fprintf (self->errors, " [%s]\n", txc_code_name (error->code));
}

/* --- results ----------------------------------------------------------------- */

/* Cells are text: what has a NUL in it is shown as PostgreSQL shows bytes, "\\x00ff". */
static void s_add_value (tool_table_t *table, const txc_result_t *result, int row, int column)
{
    size_t size;
    const char *value = txc_result_value (result, row, column, &size);
    if (!value || !memchr (value, 0, size)) {
        tool_table_add (table, value);
        return;
    }
    char *hex = txc_malloc (2 * size + 3), *at = hex + sprintf (hex, "\\x");
    for (size_t i = 0; i < size; i++)
        at += sprintf (at, "%02x", (unsigned) (unsigned char) value[i]);
    tool_table_add (table, hex);
    free (hex);
}

static void s_print_rows (const sql_shell_t *self, const txc_result_t *result)
{
    int n_columns = txc_result_columns (result), n_rows = txc_result_rows (result);
    tool_table_t *table = tool_table_new (n_columns);
    for (int column = 0; column < n_columns; column++)
        tool_table_add (table, txc_result_name (result, column));
    for (int row = 0; row < n_rows; row++)
        for (int column = 0; column < n_columns; column++)
            s_add_value (table, result, row, column);
    tool_table_print (table, self->format, self->null, self->out);
    tool_table_destroy (&table);
    if (self->format == TOOL_ALIGNED)
        fprintf (self->out, "(%d row%s)\n", n_rows, n_rows == 1 ? "" : "s");
}

static void s_print_result (const sql_shell_t *self, const txc_result_t *result)
{
    if (txc_result_columns (result) > 0) {
        s_print_rows (self, result);
        return;
    }
    if (self->format != TOOL_ALIGNED || self->quiet)
        return;
    const char *tag = txc_result_tag (result);
    int64_t affected = txc_result_affected (result);
    if (*tag)
        fprintf (self->out, "%s\n", tag);
    else if (affected >= 0)
        fprintf (self->out, "OK, %" PRId64 " row%s affected\n", affected, affected == 1 ? "" : "s");
    else
        fprintf (self->out, "OK\n");
}

/* --- statements ------------------------------------------------------------------ */

/* Splits "@rm SQL"; *sql becomes the SQL.  False if it is not of that form. */
static bool s_split (const char *text, char rm[TXC_RM_NAME_MAX + 1], const char **sql)
{
    size_t size = *text == '@' ? strcspn (text + 1, " \t\r\n") : 0;
    if (size == 0 || size > TXC_RM_NAME_MAX)
        return false;
    memcpy (rm, text + 1, size);
    rm[size] = '\0';
    *sql = text + 1 + size;
    *sql += strspn (*sql, " \t\r\n");
    return **sql != '\0';
}

/* In the open transaction. */
static sql_status_t s_execute (sql_shell_t *self, const char *rm, const char *sql)
{
    txc_result_t *result = NULL;
    int rc = txc_exec (self->tx, rm, sql, 0, NULL, &result);
    if (rc == TXC_OK) {
        s_print_result (self, result);
        txc_result_destroy (&result);
        return SQL_OK;
    }
    txc_error_info_t error = txc_tx_error (self->tx);
    sql_shell_tell (self, &error);
    self->doomed = txc_tx_is_rollback_only (self->tx);
    return SQL_FAILED;
}

/* A transaction of this one statement. */
static sql_status_t s_execute_alone (sql_shell_t *self, const char *rm, const char *sql)
{
    self->tx = txc_begin (self->client, NULL);
    if (!self->tx) {
        txc_error_info_t error = txc_last_error();
        sql_shell_tell (self, &error);
        return SQL_FAILED;
    }
    sql_status_t status = s_execute (self, rm, sql);
    if (status == SQL_OK) {
        bool quiet = self->quiet;
        self->quiet = true; /* that it was committed goes without saying */
        status = sql_command_commit (self);
        self->quiet = quiet;
    }
    txc_tx_destroy (&self->tx);
    self->doomed = false;
    return status;
}

sql_status_t sql_shell_run (sql_shell_t *self, const char *text)
{
    if (*text == '\\')
        return sql_shell_note (self, sql_command_run (self, text));
    char rm[TXC_RM_NAME_MAX + 1];
    const char *sql;
    sql_status_t status = SQL_FAILED;
    if (!s_split (text, rm, &sql))
        fprintf (self->errors,
                 "error: a statement begins with the name of its resource manager: @bank_pg SELECT "
                 "...; (\\rms lists them, \\help helps)\n");
    else if (self->tx)
        status = s_execute (self, rm, sql);
    else
        status = s_execute_alone (self, rm, sql);
    return sql_shell_note (self, status);
}

void sql_shell_end (sql_shell_t *self)
{
    if (!self->tx)
        return;
    fprintf (self->errors, "the transaction %s was still open and is rolled back\n", txc_tx_gtrid (self->tx));
    txc_rollback (self->tx);
    txc_tx_destroy (&self->tx);
    sql_shell_note (self, SQL_ROLLED_BACK);
}
