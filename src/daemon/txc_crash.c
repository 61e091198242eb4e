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

enum { NAME_MAX_SIZE = 96, POINTS_MAX = 256, SENT_MAX = 64 };

typedef struct s_point {
    const char *where, *what;
    bool seen;
} s_point_t;

bool txc_crash_armed;

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static s_point_t s_points[POINTS_MAX];
static size_t s_n_points;
static char s_target[NAME_MAX_SIZE]; /* the point that strikes, "" for none */
static unsigned long s_count;        /* hits of it that are still to go */
static int s_signal;
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
static int s_arm (const char *text, int signal_number, txc_error_t *error)
{
    const char *colon = strchr (text, ':');
    size_t size = colon ? (size_t) (colon - text) : strlen (text);
    char *end = NULL;
    unsigned long count = colon ? strtoul (colon + 1, &end, 10) : 1;
    if (colon && (*end || end == colon + 1 || count == 0 || colon[1] == '-'))
        return txc_error_set (error, TXC_ECONFIG, "'%s': the count behind ':' is a number from 1", text);
    if (size >= sizeof s_target)
        return txc_error_set (error, TXC_ECONFIG, "'%s' is not a crash point", text);
    memcpy (s_target, text, size);
    s_target[size] = 0;
    if (!s_knows (s_target))
        return txc_error_set (error, TXC_ECONFIG, "'%s' is not a crash point; --list-crash-points names them",
                              s_target);
    s_count = count;
    s_signal = signal_number;
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
    if (kill_at && stop_at)
        return txc_error_set (error, TXC_ECONFIG, "--crash-at and --stop-at exclude each other");
    int rc = kill_at ? s_arm (kill_at, SIGKILL, error) : stop_at ? s_arm (stop_at, SIGSTOP, error) : TXC_OK;
    if (rc)
        return rc;
    const char *file = getenv ("TXC_CRASH_HITS");
    if (file && file[0]) {
        s_hits_fd = open (file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (s_hits_fd < 0)
            return txc_error_set (error, TXC_ECONFIG, "TXC_CRASH_HITS: %s: %s", file, strerror (errno));
    }
    txc_crash_armed = s_signal || s_hits_fd >= 0;
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

/* True if this visit is the one that strikes. */
static bool s_is_due (const char *where, const char *what)
{
    char name[NAME_MAX_SIZE];
    s_format (where, what, name);
    pthread_mutex_lock (&s_lock);
    s_note (where, what, name);
    bool due = s_signal && s_count > 0 && strcmp (name, s_target) == 0 && --s_count == 0;
    pthread_mutex_unlock (&s_lock);
    return due;
}

void txc_crash_hit (const char *where, const char *what)
{
    if (s_is_due (where, what))
        kill (getpid(), s_signal);
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
    for (size_t i = 0; i < s_n_sent; i++) {
        if (!s_is_due ("send.after", s_sent[i]))
            continue;
        nanosleep (&(struct timespec){.tv_nsec = 100000000}, NULL);
        kill (getpid(), s_signal);
    }
    s_n_sent = 0;
}
