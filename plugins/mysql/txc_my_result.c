/*
 * txc_my_result.c - a statement's result into the agent's sink, row by row as
 * the server sends it.
 *
 * A procedure may return several sets of rows; the sink takes one.  A second
 * one is an error rather than lost in silence.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#include "txc_my.h"

enum { S_COLUMN_FIRST = 128 }; /* bytes that a column's buffer starts with */

/* --- columns -------------------------------------------------------------------------- */

enum { S_BINARY_CHARSET = 63 };

/* The server's name of a column's type. */
static const char *s_type (const MYSQL_FIELD *field)
{
    bool is_unsigned = (field->flags & UNSIGNED_FLAG) != 0, binary = field->charsetnr == S_BINARY_CHARSET;
    switch (field->type) {
    case MYSQL_TYPE_TINY:
        return is_unsigned ? "TINYINT UNSIGNED" : "TINYINT";
    case MYSQL_TYPE_SHORT:
        return is_unsigned ? "SMALLINT UNSIGNED" : "SMALLINT";
    case MYSQL_TYPE_INT24:
        return is_unsigned ? "MEDIUMINT UNSIGNED" : "MEDIUMINT";
    case MYSQL_TYPE_LONG:
        return is_unsigned ? "INT UNSIGNED" : "INT";
    case MYSQL_TYPE_LONGLONG:
        return is_unsigned ? "BIGINT UNSIGNED" : "BIGINT";
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        return "DECIMAL";
    case MYSQL_TYPE_FLOAT:
        return "FLOAT";
    case MYSQL_TYPE_DOUBLE:
        return "DOUBLE";
    case MYSQL_TYPE_BIT:
        return "BIT";
    case MYSQL_TYPE_YEAR:
        return "YEAR";
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
        return "DATE";
    case MYSQL_TYPE_TIME:
        return "TIME";
    case MYSQL_TYPE_DATETIME:
        return "DATETIME";
    case MYSQL_TYPE_TIMESTAMP:
        return "TIMESTAMP";
    case MYSQL_TYPE_STRING:
        return (field->flags & ENUM_FLAG)  ? "ENUM"
               : (field->flags & SET_FLAG) ? "SET"
               : binary                    ? "BINARY"
                                           : "CHAR";
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
        return binary ? "VARBINARY" : "VARCHAR";
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
        return binary ? "BLOB" : "TEXT";
    case MYSQL_TYPE_JSON:
        return "JSON";
    case MYSQL_TYPE_GEOMETRY:
        return "GEOMETRY";
    case MYSQL_TYPE_NULL:
        return "NULL";
    default:
        return "UNKNOWN";
    }
}

static int s_columns (const txc_rm_sink_t *sink, const MYSQL_FIELD *fields, unsigned int n)
{
    const char **names = txc_calloc (2 * (size_t) n, sizeof *names), **types = names + n;
    for (unsigned int i = 0; i < n; i++) {
        names[i] = fields[i].name;
        types[i] = s_type (&fields[i]);
    }
    int refused = sink->columns (sink->arg, (int) n, names, types);
    free (names);
    return refused;
}

/* --- what both forms share ------------------------------------------------------------------ */

static void s_refuse (txc_my_outcome_t *outcome, txc_rm_error_t *error, int code, const char *text)
{
    outcome->refused = true;
    txc_my_fail (error, TXC_RM_ERROR, code, "%s", text);
}

static void s_refuse_large (txc_rm_conn_t *conn, txc_my_outcome_t *outcome, txc_rm_error_t *error)
{
    s_refuse (outcome, error, TXC_ELIMIT,
              "the result is larger than the agent takes (result_size): ask for fewer rows");
    txc_my_cancel (conn); /* what the server has not sent yet it need not send */
}

static void s_refuse_second (txc_my_outcome_t *outcome, txc_rm_error_t *error)
{
    s_refuse (outcome, error, TXC_ERM,
              "the procedure returned more than one set of rows; a statement has one");
}

static void s_done (const txc_rm_sink_t *sink, txc_my_kind_t kind, const txc_my_outcome_t *outcome,
                    const char *tag)
{
    if (outcome->rc != 0 || outcome->refused)
        return;
    int64_t affected = outcome->changed;
    if (outcome->rows && kind == TXC_MY_WRITES)
        affected = outcome->returned; /* RETURNING: a row for each that was changed */
    sink->done (sink->arg, affected, tag ? tag : "");
}

/* --- as text -------------------------------------------------------------------------------------- */

static void s_text_rows (txc_rm_conn_t *conn, MYSQL_RES *rows, const txc_rm_sink_t *sink,
                         txc_my_outcome_t *outcome, txc_rm_error_t *error)
{
    unsigned int n = mysql_num_fields (rows);
    size_t *sizes = txc_calloc (n, sizeof *sizes);
    if (!outcome->refused && s_columns (sink, mysql_fetch_fields (rows), n) != 0)
        s_refuse_large (conn, outcome, error);
    MYSQL_ROW values;
    while ((values = mysql_fetch_row (rows)) != NULL) {
        outcome->returned++;
        if (outcome->refused)
            continue; /* the stream is read to its end */
        const unsigned long *lengths = mysql_fetch_lengths (rows);
        for (unsigned int i = 0; i < n; i++)
            sizes[i] = lengths[i];
        if (sink->row (sink->arg, (int) n, (const char *const *) values, sizes) != 0)
            s_refuse_large (conn, outcome, error);
    }
    free (sizes);
}

/* One of the results of a statement. */
static void s_text_result (txc_rm_conn_t *conn, const txc_rm_sink_t *sink, txc_my_outcome_t *outcome,
                           txc_rm_error_t *error)
{
    txc_my_note_state (conn);
    txc_rm_error_t late;
    MYSQL_RES *rows = mysql_use_result (conn->my);
    if (rows) {
        if (outcome->rows && !outcome->refused)
            s_refuse_second (outcome, error);
        outcome->rows = true;
        s_text_rows (conn, rows, sink, outcome, error);
    }
    if (mysql_errno (conn->my) != 0)
        outcome->rc = txc_my_error (conn, "", outcome->refused ? &late : error);
    else if (!rows && mysql_affected_rows (conn->my) != UINT64_MAX)
        outcome->changed += (int64_t) mysql_affected_rows (conn->my);
    if (rows)
        mysql_free_result (rows);
}

txc_my_outcome_t txc_my_result_text (txc_rm_conn_t *conn, txc_my_kind_t kind, const txc_rm_sink_t *sink,
                                     txc_rm_error_t *error)
{
    txc_my_outcome_t outcome = {0};
    txc_rm_error_t late;
    if (mysql_read_query_result (conn->my) != 0) {
        outcome.rc = txc_my_error (conn, "", error);
        return outcome;
    }
    char tag[128];
    int next;
    do {
        s_text_result (conn, sink, &outcome, error);
        txc_copy_text (tag, sizeof tag, mysql_info (conn->my));
        next = outcome.rc == 0 ? mysql_next_result (conn->my) : -1;
    } while (next == 0);
    if (next > 0)
        outcome.rc = txc_my_error (conn, "", outcome.refused ? &late : error);
    s_done (sink, kind, &outcome, tag);
    return outcome;
}

/* --- prepared --------------------------------------------------------------------------------------- */

/* Buffers for the columns of a prepared statement's rows; every value is fetched as text. */
typedef struct s_row {
    unsigned int n;
    MYSQL_BIND *binds;
    unsigned long *lengths;
    txc_my_bool_t *nulls;
    const char **values;
    size_t *sizes;
} s_row_t;

static void s_row_init (s_row_t *row, unsigned int n)
{
    *row = (s_row_t){.n = n};
    row->binds = txc_calloc (n, sizeof *row->binds);
    row->lengths = txc_calloc (n, sizeof *row->lengths);
    row->nulls = txc_calloc (n, sizeof *row->nulls);
    row->values = txc_calloc (n, sizeof *row->values);
    row->sizes = txc_calloc (n, sizeof *row->sizes);
    for (unsigned int i = 0; i < n; i++) {
        MYSQL_BIND *bind = &row->binds[i];
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->buffer = txc_malloc (S_COLUMN_FIRST);
        bind->buffer_length = S_COLUMN_FIRST;
        bind->length = &row->lengths[i];
        bind->is_null = &row->nulls[i];
    }
}

static void s_row_fini (s_row_t *row)
{
    for (unsigned int i = 0; i < row->n; i++)
        free (row->binds[i].buffer);
    free (row->binds);
    free (row->lengths);
    free (row->nulls);
    free (row->values);
    free (row->sizes);
}

/* Fetches again what did not fit, into larger buffers.  False if there is no memory for a value. */
static bool s_row_complete (s_row_t *row, MYSQL_STMT *stmt)
{
    bool grown = false;
    for (unsigned int i = 0; i < row->n; i++) {
        MYSQL_BIND *bind = &row->binds[i];
        if (!row->nulls[i] && row->lengths[i] > bind->buffer_length) {
            char *buffer = malloc (row->lengths[i]);
            if (!buffer)
                return false;
            free (bind->buffer);
            bind->buffer = buffer;
            bind->buffer_length = row->lengths[i];
            if (mysql_stmt_fetch_column (stmt, bind, i, 0) != 0)
                return false;
            grown = true;
        }
        row->values[i] = row->nulls[i] ? NULL : bind->buffer;
        row->sizes[i] = row->nulls[i] ? 0 : row->lengths[i];
    }
    return !grown || mysql_stmt_bind_result (stmt, row->binds) == 0;
}

static int s_stmt_error (txc_rm_conn_t *conn, MYSQL_STMT *stmt, txc_rm_error_t *error)
{
    return txc_my_take_error (conn, mysql_stmt_errno (stmt), mysql_stmt_sqlstate (stmt),
                              mysql_stmt_error (stmt), "", error);
}

static void s_prepared_rows (txc_rm_conn_t *conn, MYSQL_STMT *stmt, MYSQL_RES *columns,
                             const txc_rm_sink_t *sink, txc_my_outcome_t *outcome, txc_rm_error_t *error)
{
    txc_rm_error_t late;
    s_row_t row;
    s_row_init (&row, mysql_num_fields (columns));
    if (!outcome->refused && s_columns (sink, mysql_fetch_fields (columns), row.n) != 0)
        s_refuse_large (conn, outcome, error);
    int rc = mysql_stmt_bind_result (stmt, row.binds) ? 1 : 0;
    while (rc == 0 && ((rc = mysql_stmt_fetch (stmt)) == 0 || rc == MYSQL_DATA_TRUNCATED)) {
        rc = 0;
        outcome->returned++;
        if (outcome->refused)
            continue;
        if (!s_row_complete (&row, stmt))
            s_refuse (outcome, error, TXC_ENOMEM, "out of memory for a value of the result");
        else if (sink->row (sink->arg, (int) row.n, row.values, row.sizes) != 0)
            s_refuse_large (conn, outcome, error);
    }
    if (rc != MYSQL_NO_DATA)
        outcome->rc = s_stmt_error (conn, stmt, outcome->refused ? &late : error);
    s_row_fini (&row);
}

static void s_prepared_result (txc_rm_conn_t *conn, MYSQL_STMT *stmt, const txc_rm_sink_t *sink,
                               txc_my_outcome_t *outcome, txc_rm_error_t *error)
{
    txc_my_note_state (conn);
    MYSQL_RES *columns = mysql_stmt_result_metadata (stmt);
    if (columns) {
        if (outcome->rows && !outcome->refused)
            s_refuse_second (outcome, error);
        outcome->rows = true;
        s_prepared_rows (conn, stmt, columns, sink, outcome, error);
        mysql_free_result (columns);
        mysql_stmt_free_result (stmt);
    } else if (mysql_stmt_affected_rows (stmt) != UINT64_MAX) {
        outcome->changed += (int64_t) mysql_stmt_affected_rows (stmt);
    }
}

static int s_bind_params (txc_rm_conn_t *conn, MYSQL_STMT *stmt, const txc_rm_statement_t *statement,
                          MYSQL_BIND *binds, txc_rm_error_t *error)
{
    for (int i = 0; i < statement->n_params; i++) {
        const txc_rm_param_t *param = &statement->params[i];
        binds[i].buffer_type = param->value ? MYSQL_TYPE_STRING : MYSQL_TYPE_NULL;
        binds[i].buffer = (void *) (uintptr_t) param->value; /* only read */
        binds[i].buffer_length = param->size;
        binds[i].length = &binds[i].buffer_length;
    }
    return mysql_stmt_bind_param (stmt, binds) ? s_stmt_error (conn, stmt, error) : 0;
}

txc_my_outcome_t txc_my_result_prepared (txc_rm_conn_t *conn, MYSQL_STMT *stmt, txc_my_kind_t kind,
                                         const txc_rm_statement_t *statement, const txc_rm_sink_t *sink,
                                         txc_rm_error_t *error)
{
    txc_my_outcome_t outcome = {0};
    txc_rm_error_t late;
    MYSQL_BIND *binds = txc_calloc ((size_t) statement->n_params, sizeof *binds);
    outcome.rc = s_bind_params (conn, stmt, statement, binds, error);
    if (outcome.rc == 0 && mysql_stmt_execute (stmt) != 0)
        outcome.rc = s_stmt_error (conn, stmt, error);
    free (binds);
    int next = outcome.rc == 0 ? 0 : -1;
    while (next == 0) {
        s_prepared_result (conn, stmt, sink, &outcome, error);
        next = outcome.rc == 0 ? mysql_stmt_next_result (stmt) : -1;
    }
    if (next > 0)
        outcome.rc = s_stmt_error (conn, stmt, outcome.refused ? &late : error);
    s_done (sink, kind, &outcome, "");
    return outcome;
}
