#include "config.h"

#include "daemon/txc_crash.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/txc_assert.h"

enum { NAME_MAX_SIZE = 96, POINTS_MAX = 256, SENT_MAX = 64, FLUSH_NS = 100000000 };

typedef struct s_point {
    const char *where, *what;
    bool seen;
} s_point_t;

/* A point that strikes. */
typedef struct s_target {
    char name[NAME_MAX_SIZE];
    unsigned long count; /* visits of it that are still to go; 0: it does not strike, or not any more */
    int signal;
} s_target_t;

bool txc_crash_armed;

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static s_point_t s_points[POINTS_MAX];
static size_t s_n_points;
static s_target_t s_stop = {.signal = SIGSTOP}, s_kill = {.signal = SIGKILL};
static int s_hits_fd = -1;

static _Thread_local const char *s_sent[SENT_MAX]; /* types handed to the network and not flushed yet */
static _Thread_local size_t s_n_sent;

void txc_crash_list (const txc_crash_set_t *sets)
{
    for (; sets->where; sets++)
        for (const char *const *what = sets->whats; *what; what++)
            printf ("%s.%s\n", sets->where, *what);
}

static char *s_format (const char *where, const char *what, char *name)
{
    int size = snprintf (name, NAME_MAX_SIZE, "%s.%s", where, what);
    TXC_ASSERT (size > 0 && size < NAME_MAX_SIZE);
    return name;
}

static bool s_knows (const char *wanted)
{
    char name[NAME_MAX_SIZE];
    for (size_t i = 0; i < s_n_points; i++)
        if (strcmp (s_format (s_points[i].where, s_points[i].what, name), wanted) == 0)
            return true;
    return false;
}

/* Takes in "NAME" or "NAME:COUNT". */
static int s_arm (s_target_t *target, const char *text, txc_error_t *error)
{
    if (!text)
        return TXC_OK;
    const char *colon = strchr (text, ':');
    size_t size = colon ? (size_t) (colon - text) : strlen (text);
    char *end = NULL;
    unsigned long count = colon ? strtoul (colon + 1, &end, 10) : 1;
    if (colon && (*end || end == colon + 1 || count == 0 || colon[1] == '-'))
        return txc_error_set (error, TXC_ECONFIG, "'%s': the count behind ':' is a number from 1", text);
    if (size >= sizeof target->name)
        return txc_error_set (error, TXC_ECONFIG, "'%s' is not a crash point", text);
    memcpy (target->name, text, size);
    target->name[size] = 0;
    if (!s_knows (target->name))
        return txc_error_set (error, TXC_ECONFIG, "'%s' is not a crash point; --list-crash-points names them",
                              target->name);
    target->count = count;
    return TXC_OK;
}

int txc_crash_init (const txc_crash_set_t *sets, const char *kill_at, const char *stop_at, txc_error_t *error)
{
    for (; sets->where; sets++) {
        for (const char *const *what = sets->whats; *what; what++) {
            TXC_ASSERT (s_n_points < POINTS_MAX);
            s_points[s_n_points++] = (s_point_t){sets->where, *what, false};
        }
    }
    int rc = s_arm (&s_kill, kill_at, error);
    if (rc == TXC_OK)
        rc = s_arm (&s_stop, stop_at, error);
    if (rc)
        return rc;
    const char *file = getenv ("TXC_CRASH_HITS");
    if (file && file[0]) {
        s_hits_fd = open (file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (s_hits_fd < 0)
            return txc_error_set (error, TXC_ECONFIG, "TXC_CRASH_HITS: %s: %s", file, strerror (errno));
    }
    txc_crash_armed = s_kill.count || s_stop.count || s_hits_fd >= 0;
    return TXC_OK;
}

/* Notes the first visit of a point in the file of hits.  The lock is held. */
static void s_note (const char *where, const char *what, const char *name)
{
    for (size_t i = 0; i < s_n_points; i++) {
        s_point_t *point = &s_points[i];
        if (point->seen || strcmp (point->where, where) != 0 || strcmp (point->what, what) != 0)
            continue;
        point->seen = true;
        if (s_hits_fd < 0)
            return;
        char line[NAME_MAX_SIZE + 1];
        int size = snprintf (line, sizeof line, "%s\n", name);
        ssize_t written = write (s_hits_fd, line, (size_t) size);
        (void) written; /* a test that misses the line fails by itself */
        return;
    }
}

/* One visit.  Who is to stop first dies of nothing before that.  It stops while it holds the lock, so that no
 * other thread comes to the other point before the process sleeps.  delay_ns: before it strikes. */
static void s_visit (const char *where, const char *what, long delay_ns)
{
    char name[NAME_MAX_SIZE];
    s_format (where, what, name);
    pthread_mutex_lock (&s_lock);
    s_note (where, what, name);
    s_target_t *target = s_stop.count ? &s_stop : &s_kill;
    if (target->count && strcmp (name, target->name) == 0 && --target->count == 0) {
        nanosleep (&(struct timespec){.tv_nsec = delay_ns}, NULL);
        kill (getpid(), target->signal);
    }
    pthread_mutex_unlock (&s_lock);
}

void txc_crash_hit (const char *where, const char *what)
{
    s_visit (where, what, 0);
}

void txc_crash_hit_send (const char *type)
{
    txc_crash_hit ("send.before", type);
    for (size_t i = 0; i < s_n_sent; i++)
        if (strcmp (s_sent[i], type) == 0)
            return;
    TXC_ASSERT (s_n_sent < SENT_MAX);
    s_sent[s_n_sent++] = type;
}

void txc_crash_hit_sent (void)
{
    for (size_t i = 0; i < s_n_sent; i++)
        s_visit ("send.after", s_sent[i], FLUSH_NS);
    s_n_sent = 0;
}
