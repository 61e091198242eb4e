#define _GNU_SOURCE
#include "tests/integration/bank_crash.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>
#include <mysql.h>

static struct {
    int signal; /* 0: none */
    char where[8], verb[64];
    atomic_int count;
} s_crash;

void bank_crash_arm (void)
{
    const char *text = getenv ("BANK_ENLIST_CRASH");
    char how[8];
    int count;
    if (!text || sscanf (text, "%7s %7s %d %63[^\n]", how, s_crash.where, &count, s_crash.verb) != 4)
        return;
    atomic_init (&s_crash.count, count);
    s_crash.signal = strcmp (how, "kill") == 0 ? SIGKILL : SIGSTOP;
}

static void s_pass (const char *where, const char *sql)
{
    if (s_crash.signal && strcmp (where, s_crash.where) == 0 &&
        strncmp (sql, s_crash.verb, strlen (s_crash.verb)) == 0 && atomic_fetch_sub (&s_crash.count, 1) == 1)
        kill (getpid(), s_crash.signal);
}

static _Thread_local char s_last[64]; /* what was sent last; its answer is not read yet */

static void s_sent (const char *sql)
{
    snprintf (s_last, sizeof s_last, "%s", sql);
    s_pass ("sent", sql);
}

static void s_answered (void)
{
    if (s_last[0])
        s_pass ("after", s_last);
    s_last[0] = '\0';
}

__attribute__ ((visibility ("default"))) int PQsendQuery (PGconn *conn, const char *query)
{
    static int (*real) (PGconn * conn, const char *query);
    if (!real)
        *(void **) &real = dlsym (RTLD_NEXT, "PQsendQuery");
    s_pass ("before", query);
    int ok = real (conn, query);
    s_sent (query);
    return ok;
}

__attribute__ ((visibility ("default"))) PGresult *PQgetResult (PGconn *conn)
{
    static PGresult *(*real) (PGconn * conn);
    if (!real)
        *(void **) &real = dlsym (RTLD_NEXT, "PQgetResult");
    PGresult *result = real (conn);
    if (result)
        s_answered();
    return result;
}

__attribute__ ((visibility ("default"))) int mysql_send_query (MYSQL *conn, const char *query,
                                                               unsigned long size)
{
    static int (*real) (MYSQL * conn, const char *query, unsigned long size);
    if (!real)
        *(void **) &real = dlsym (RTLD_NEXT, "mysql_send_query");
    s_pass ("before", query);
    int rc = real (conn, query, size);
    s_sent (query);
    return rc;
}

__attribute__ ((visibility ("default"))) my_bool mysql_read_query_result (MYSQL *conn)
{
    static my_bool (*real) (MYSQL * conn);
    if (!real)
        *(void **) &real = dlsym (RTLD_NEXT, "mysql_read_query_result");
    my_bool rc = real (conn);
    s_answered();
    return rc;
}
