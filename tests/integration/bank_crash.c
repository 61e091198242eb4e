#define _GNU_SOURCE
#include "tests/integration/bank_crash.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>
#include <mysql.h>
#include <zmq.h>

#include "core/txc_work.h"
#include "wire/txc_frame.h"

#define VISIBLE __attribute__ ((visibility ("default")))

enum { VICTIMS_MAX = 4 };

static struct {
    int signal; /* 0: nothing happens */
    bool of_messages;
    char where[8], what[64];
    atomic_int count;
    pid_t victims[VICTIMS_MAX];
    int n_victims;
} s_crash;

void bank_crash_arm (void)
{
    const char *text = getenv ("BANK_ENLIST_CRASH"), *victims = getenv ("BANK_ENLIST_VICTIMS");
    char how[8];
    int count;
    if (!text || sscanf (text, "%7s %7s %d %63[^\n]", how, s_crash.where, &count, s_crash.what) != 4)
        return;
    s_crash.of_messages =
        strncmp (s_crash.what, "send ", 5) == 0 || strncmp (s_crash.what, "receive ", 8) == 0;
    for (char *end; victims && *victims && s_crash.n_victims < VICTIMS_MAX; victims = end) {
        s_crash.victims[s_crash.n_victims++] = (pid_t) strtol (victims, &end, 10);
        if (end == victims)
            return;
    }
    if (s_crash.n_victims == 0)
        s_crash.n_victims = 1;
    atomic_init (&s_crash.count, count);
    s_crash.signal = strcmp (how, "kill") == 0 ? SIGKILL : SIGSTOP;
}

/* Others first: it is the last thing that this process does. */
static void s_strike (void)
{
    bool own = false;
    for (int i = 0; i < s_crash.n_victims; i++) {
        if (s_crash.victims[i] != 0)
            kill (s_crash.victims[i], s_crash.signal);
        else
            own = true;
    }
    if (own)
        kill (getpid(), s_crash.signal);
}

static bool s_is_due (const char *where)
{
    return s_crash.signal && strcmp (where, s_crash.where) == 0 && atomic_fetch_sub (&s_crash.count, 1) == 1;
}

/* --- statements --------------------------------------------------------------------- */

static bool s_is_meant (const char *sql)
{
    size_t size = strlen (s_crash.what);
    if (size > 0 && s_crash.what[size - 1] == '$')
        return strncmp (sql, s_crash.what, size - 1) == 0 && sql[size - 1] == '\0';
    return strncmp (sql, s_crash.what, size) == 0;
}

void bank_crash_pass (const char *where, const char *sql)
{
    if (s_crash.signal && !s_crash.of_messages && s_is_meant (sql) && s_is_due (where))
        s_strike();
}

static _Thread_local char s_last[64]; /* what was sent last; its answer is not read yet */

static void s_sent (const char *sql)
{
    snprintf (s_last, sizeof s_last, "%s", sql);
    bank_crash_pass ("sent", sql);
}

static void s_answered (void)
{
    if (s_last[0])
        bank_crash_pass ("after", s_last);
    s_last[0] = '\0';
}

VISIBLE int PQsendQuery (PGconn *conn, const char *query)
{
    static int (*real) (PGconn * conn, const char *query);
    if (!real)
        *(void **) &real = dlsym (RTLD_NEXT, "PQsendQuery");
    bank_crash_pass ("before", query);
    int ok = real (conn, query);
    s_sent (query);
    return ok;
}

VISIBLE PGresult *PQgetResult (PGconn *conn)
{
    static PGresult *(*real) (PGconn * conn);
    if (!real)
        *(void **) &real = dlsym (RTLD_NEXT, "PQgetResult");
    PGresult *result = real (conn);
    if (result)
        s_answered();
    return result;
}

VISIBLE int mysql_send_query (MYSQL *conn, const char *query, unsigned long size)
{
    static int (*real) (MYSQL * conn, const char *query, unsigned long size);
    if (!real)
        *(void **) &real = dlsym (RTLD_NEXT, "mysql_send_query");
    bank_crash_pass ("before", query);
    int rc = real (conn, query, size);
    s_sent (query);
    return rc;
}

VISIBLE my_bool mysql_read_query_result (MYSQL *conn)
{
    static my_bool (*real) (MYSQL * conn);
    if (!real)
        *(void **) &real = dlsym (RTLD_NEXT, "mysql_read_query_result");
    my_bool rc = real (conn);
    s_answered();
    return rc;
}

/* --- messages ------------------------------------------------------------------------ */

/* Of a frame: whether one of its messages is the one that is meant. */
typedef struct s_search {
    const char *verb;
    bool found;
} s_search_t;

static void s_look (void *arg, const txc_msg_t *message)
{
    s_search_t *search = arg;
    const char *more = "";
    if (message->type == TXC_MSG_EXEC && message->flags & TXC_FLAG_ENLIST)
        more = "ENLIST";
    else if (message->type == TXC_MSG_OWNER_WORD || message->type == TXC_MSG_OWNER_WORK)
        more = txc_work_name ((txc_work_op_t) message->work);
    char name[64];
    snprintf (name, sizeof name, "%s %s%s%s", search->verb, txc_msg_name (message->type), *more ? " " : "",
              more);
    search->found = search->found || strcmp (name, s_crash.what) == 0;
}

static bool s_has (const char *verb, const void *bytes, size_t size)
{
    s_search_t search = {.verb = verb};
    return s_crash.signal && s_crash.of_messages && strncmp (s_crash.what, verb, strlen (verb)) == 0 &&
           txc_frame_read (bytes, size, s_look, &search) == TXC_OK && search.found;
}

VISIBLE int zmq_send (void *socket, const void *bytes, size_t size, int flags)
{
    static int (*real) (void *socket, const void *bytes, size_t size, int flags);
    if (!real)
        *(void **) &real = dlsym (RTLD_NEXT, "zmq_send");
    bool is_meant = s_has ("send", bytes, size);
    if (is_meant && s_is_due ("before"))
        s_strike();
    int rc = real (socket, bytes, size, flags);
    if (is_meant && s_is_due ("after")) {
        nanosleep (&(struct timespec){.tv_nsec = 100000000}, NULL); /* ZeroMQ's own thread sends it */
        s_strike();
    }
    return rc;
}

VISIBLE int zmq_msg_recv (zmq_msg_t *part, void *socket, int flags)
{
    static int (*real) (zmq_msg_t * part, void *socket, int flags);
    if (!real)
        *(void **) &real = dlsym (RTLD_NEXT, "zmq_msg_recv");
    int rc = real (part, socket, flags);
    if (rc >= 0 && s_has ("receive", zmq_msg_data (part), zmq_msg_size (part)) && s_is_due ("after"))
        s_strike();
    return rc;
}
