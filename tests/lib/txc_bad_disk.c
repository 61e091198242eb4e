/*
 * txc_bad_disk - a disk that is slow or fails, for a process under test.
 *
 * Preloaded (LD_PRELOAD), it stands before fsync and fdatasync.  The environment's TXC_BAD_DISK names a file
 * that says what happens to them; it is read anew each time, so that a fault begins and ends while the
 * process runs.  The file is empty, or has one line:
 *
 *   slow MS FOLDER    what is forced below the folder takes so much longer
 *   fail 0 FOLDER     it fails with EIO, and is not forced
 *
 * Each such call adds a byte to the file TXC_BAD_DISK.hits.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default"))) /* everything else is hidden by default here */

typedef int (s_force_t) (int fd);

typedef struct s_fault {
    char kind[8];
    unsigned ms;
    char folder[PATH_MAX];
} s_fault_t;

static bool s_read_fault (const char *control, s_fault_t *fault)
{
    char line[PATH_MAX + 32];
    int fd = open (control, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read (fd, line, sizeof line - 1);
    close (fd);
    if (size <= 0)
        return false;
    line[size] = '\0';
    return sscanf (line, "%7s %u %4095s", fault->kind, &fault->ms, fault->folder) == 3;
}

/* Whether the file, or folder, lies there. */
static bool s_is_below (int fd, const char *folder)
{
    char link[32], path[PATH_MAX];
    snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink (link, path, sizeof path - 1);
    if (size < 0)
        return false;
    path[size] = '\0';
    size_t length = strlen (folder);
    return strncmp (path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static void s_note_hit (const char *control)
{
    char path[PATH_MAX];
    snprintf (path, sizeof path, "%s.hits", control);
    int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write (fd, ".", 1) != 1)
        abort(); /* the test would wait for it */
    close (fd);
}

static void s_sleep (unsigned ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long) (ms % 1000) * 1000000};
    while (nanosleep (&rest, &rest) != 0 && errno == EINTR)
        continue;
}

static int s_force (int fd, const char *name)
{
    s_fault_t fault;
    const char *control = getenv ("TXC_BAD_DISK");
    if (control && s_read_fault (control, &fault) && s_is_below (fd, fault.folder)) {
        s_note_hit (control);
        if (strcmp (fault.kind, "fail") == 0) {
            errno = EIO;
            return -1;
        }
        s_sleep (fault.ms);
    }
    void *found = dlsym (RTLD_NEXT, name);
    s_force_t *force;
    memcpy (&force, &found, sizeof force); /* ISO C has no cast from the one to the other */
    return force (fd);
}

EXPORT int fsync (int fd)
{
    return s_force (fd, "fsync");
}

EXPORT int fdatasync (int fd)
{
    return s_force (fd, "fdatasync");
}
