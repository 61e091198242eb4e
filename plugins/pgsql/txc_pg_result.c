/*
 * txc_pg_result.c - a statement's result into the agent's sink, row by row.
 *
 * Rows are handed on as libpq reads them, so that a large result is never held
 * here.  When the sink takes no more, the statement is cancelled and what is
 * already under way is read over.
 */
#include "txc_pg.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum { S_COLUMNS_MAX = 1664 }; /* PostgreSQL's MaxTupleAttributeNumber */

/* Types that every server has under the same OID (pg_type.dat); a type made by a user is told by its OID,
 * since to look it up would cost a round trip. */
static const struct {
    Oid oid;
    const char *name;
} s_types[] = {
    {16, "bool"},
    {17, "bytea"},
    {18, "char"},
    {19, "name"},
    {20, "int8"},
    {21, "int2"},
    {23, "int4"},
    {24, "regproc"},
    {25, "text"},
    {26, "oid"},
    {27, "tid"},
    {28, "xid"},
    {29, "cid"},
    {114, "json"},
    {142, "xml"},
    {600, "point"},
    {601, "lseg"},
    {602, "path"},
    {603, "box"},
    {604, "polygon"},
    {628, "line"},
    {650, "cidr"},
    {700, "float4"},
    {701, "float8"},
    {705, "unknown"},
    {718, "circle"},
    {774, "macaddr8"},
    {790, "money"},
    {829, "macaddr"},
    {869, "inet"},
    {1000, "_bool"},
    {1001, "_bytea"},
    {1005, "_int2"},
    {1007, "_int4"},
    {1009, "_text"},
    {1014, "_bpchar"},
    {1015, "_varchar"},
    {1016, "_int8"},
    {1021, "_float4"},
    {1022, "_float8"},
    {1042, "bpchar"},
    {1043, "varchar"},
    {1082, "date"},
    {1083, "time"},
    {1114, "timestamp"},
    {1115, "_timestamp"},
    {1182, "_date"},
    {1184, "timestamptz"},
    {1185, "_timestamptz"},
    {1186, "interval"},
    {1231, "_numeric"},
    {1266, "timetz"},
    {1560, "bit"},
    {1562, "varbit"},
    {1700, "numeric"},
    {2205, "regclass"},
    {2206, "regtype"},
    {2249, "record"},
    {2278, "void"},
    {2950, "uuid"},
    {2951, "_uuid"},
    {3220, "pg_lsn"},
    {3614, "tsvector"},
    {3615, "tsquery"},
    {3802, "jsonb"},
    {3904, "int4range"},
    {3906, "numrange"},
    {3908, "tsrange"},
    {3910, "tstzrange"},
    {3912, "daterange"},
    {3926, "int8range"},
    {5069, "xid8"},
};

/* Its name, or its OID as digits in buffer. */
static const char *s_type_name (Oid oid, char buffer[16])
{
    size_t low = 0, high = sizeof s_types / sizeof s_types[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s_types[middle].oid == oid)
            return s_types[middle].name;
        if (s_types[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    char *at = buffer + 15;
    *at = '\0';
    for (; oid > 0; oid /= 10)
        *--at = (char) ('0' + oid % 10);
    return at;
}

static int s_columns (const PGresult *result, const txc_rm_sink_t *sink)
{
    const char *names[S_COLUMNS_MAX], *types[S_COLUMNS_MAX];
    int n = PQnfields (result);
    TXC_ASSERT (n <= S_COLUMNS_MAX);
    char (*buffers)[16] = txc_malloc ((size_t) n * sizeof *buffers + 1);
    for (int i = 0; i < n; i++) {
        names[i] = PQfname (result, i);
        types[i] = s_type_name (PQftype (result, i), buffers[i]);
    }
    int rc = sink->columns (sink->arg, n, names, types);
    free (buffers);
    return rc;
}

static int s_rows (const PGresult *result, const txc_rm_sink_t *sink)
{
    const char *values[S_COLUMNS_MAX];
    size_t sizes[S_COLUMNS_MAX];
    int n = PQnfields (result), rows = PQntuples (result), rc = 0;
    for (int row = 0; row < rows && rc == 0; row++) {
        for (int i = 0; i < n; i++) {
            bool null = PQgetisnull (result, row, i);
            values[i] = null ? NULL : PQgetvalue (result, row, i);
            sizes[i] = null ? 0 : (size_t) PQgetlength (result, row, i);
        }
        rc = sink->row (sink->arg, n, values, sizes);
    }
    return rc;
}

/* Rows changed, by the command tag; -1 for a tag that counts what was read. */
static int64_t s_affected (PGresult *result)
{
    static const char *const changing[] = {"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"};
    const char *tag = PQcmdStatus (result), *count = PQcmdTuples (result);
    for (size_t i = 0; i < sizeof changing / sizeof changing[0]; i++)
        if (strncmp (tag, changing[i], strlen (changing[i])) == 0 && count[0])
            return strtoll (count, NULL, 10);
    return -1;
}

/* Hands one of the statement's results on. */
static void s_hand_on (txc_rm_conn_t *conn, PGresult *result, const txc_rm_sink_t *sink, bool *has_columns,
                       txc_pg_streamed_t *streamed)
{
    ExecStatusType status = PQresultStatus (result);
    bool rows = status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK;
    int rc = 0;
    streamed->started = true;
    if (rows && !*has_columns) {
        *has_columns = true;
        rc = s_columns (result, sink);
    }
    if (rows && rc == 0)
        rc = s_rows (result, sink);
    if (rc != 0) {
        streamed->refused = true;
        txc_pg_cancel (conn);
    } else if (status != PGRES_SINGLE_TUPLE)
        sink->done (sink->arg, s_affected (result), PQcmdStatus (result));
}

txc_rm_status_t txc_pg_stream (txc_rm_conn_t *conn, const txc_rm_sink_t *sink, txc_pg_streamed_t *streamed,
                               PGresult **failed, txc_rm_error_t *error)
{
    bool has_columns = false;
    *failed = txc_pg_read_parse (conn);
    if (*failed == NULL && !conn->lost) {
        txc_pg_read_done (conn);
        PQsetSingleRowMode (conn->pg);
        PGresult *result;
        while (!conn->lost && (result = PQgetResult (conn->pg)) != NULL) {
            ExecStatusType status = PQresultStatus (result);
            bool good = status == PGRES_SINGLE_TUPLE || txc_pg_ok (result);
            if (good && !streamed->refused && sink)
                s_hand_on (conn, result, sink, &has_columns, streamed);
            if (good) {
                PQclear (result);
                continue;
            }
            txc_pg_is_lost (conn, result);
            PQclear (*failed);
            *failed = result;
        }
        if (PQstatus (conn->pg) != CONNECTION_OK)
            conn->lost = true;
    }
    if (conn->lost)
        return txc_pg_fail_lost (conn, error);
    if (streamed->refused)
        return txc_pg_fail (error, TXC_RM_ERROR, TXC_ELIMIT,
                            "the result is larger than the agent takes (result_size): ask for fewer rows");
    if (*failed)
        return txc_pg_fail_result (error, TXC_RM_ERROR, TXC_ERM, *failed);
    return TXC_RM_OK;
}
