#include "config.h"

#include "txc_file_xa.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))

enum { PATH = 1024, NAME = 2 * XIDDATASIZE + 32 };

static _Thread_local struct {
    pid_t pid; /* a forked child has nothing of its parent's */
    bool open, active;
    char folder[MAXINFOSIZE];
    XID xid;
    long delta;
    bool wrote;
} s_self;

/* kill -9 of this process at a moment that the environment names. */
static void s_moment (const char *name)
{
    const char *wanted = getenv ("FILE_XA_DIE");
    if (wanted && strcmp (wanted, name) == 0)
        kill (getpid(), SIGKILL);
}

static void s_name (const XID *xid, char name[NAME])
{
    int at = snprintf (name, NAME, "%ld-%ld-%ld-", xid->formatID, xid->gtrid_length, xid->bqual_length);
    for (long i = 0; i < xid->gtrid_length + xid->bqual_length; i++)
        at += snprintf (name + at, (size_t) (NAME - at), "%02x", (unsigned) (unsigned char) xid->data[i]);
}

static bool s_parse (const char *name, XID *xid)
{
    int at = 0;
    memset (xid, 0, sizeof *xid);
    if (sscanf (name, "%ld-%ld-%ld-%n", &xid->formatID, &xid->gtrid_length, &xid->bqual_length, &at) != 3 ||
        !at || xid->gtrid_length + xid->bqual_length > XIDDATASIZE)
        return false;
    for (long i = 0; i < xid->gtrid_length + xid->bqual_length; i++) {
        unsigned byte;
        if (sscanf (name + at + 2 * i, "%2x", &byte) != 1)
            return false;
        xid->data[i] = (char) byte;
    }
    return true;
}

static void s_path (char path[PATH], const char *kind, const XID *xid)
{
    char name[NAME];
    s_name (xid, name);
    snprintf (path, PATH, "%s/%s.%s", s_self.folder, kind, name);
}

static bool s_write (const char *path, int flags, const char *text)
{
    int fd = open (path, flags | O_WRONLY | O_CREAT, 0600);
    bool good = fd >= 0 && write (fd, text, strlen (text)) == (ssize_t) strlen (text) && fsync (fd) == 0;
    if (fd >= 0)
        close (fd);
    return good;
}

/* Holds the folder against others. */
static int s_lock (void)
{
    char path[PATH];
    snprintf (path, sizeof path, "%s/lock", s_self.folder);
    int fd = open (path, O_RDWR | O_CREAT, 0600);
    if (fd >= 0)
        flock (fd, LOCK_EX);
    return fd;
}

static bool s_is_mine (const XID *xid)
{
    return s_self.active && memcmp (xid, &s_self.xid, sizeof *xid) == 0;
}

static bool s_commit_line (const XID *xid, long delta)
{
    char path[PATH], line[NAME + 32], name[NAME];
    s_name (xid, name);
    snprintf (path, sizeof path, "%s/committed", s_self.folder);
    snprintf (line, sizeof line, "%s %ld\n", name, delta);
    return s_write (path, O_APPEND, line);
}

static bool s_is_committed (const XID *xid)
{
    char path[PATH], line[NAME + 32], name[NAME];
    bool found = false;
    s_name (xid, name);
    snprintf (path, sizeof path, "%s/committed", s_self.folder);
    FILE *file = fopen (path, "r");
    while (file && fgets (line, sizeof line, file))
        found |= strncmp (line, name, strlen (name)) == 0 && line[strlen (name)] == ' ';
    if (file)
        fclose (file);
    return found;
}

/* --- the switch ------------------------------------------------------------------- */

static int s_open (char *info, int rmid, long flags)
{
    (void) rmid;
    (void) flags;
    if (s_self.pid != getpid())
        memset (&s_self, 0, sizeof s_self);
    s_self.pid = getpid();
    snprintf (s_self.folder, sizeof s_self.folder, "%s", info);
    s_self.open = access (s_self.folder, W_OK) == 0;
    return s_self.open ? XA_OK : XAER_RMERR;
}

static int s_close (char *info, int rmid, long flags)
{
    (void) info;
    (void) rmid;
    (void) flags;
    s_self.open = false;
    return XA_OK;
}

static int s_start (XID *xid, int rmid, long flags)
{
    (void) rmid;
    if (!s_self.open || s_self.active || flags != TMNOFLAGS)
        return XAER_PROTO;
    s_self.active = true;
    s_self.xid = *xid;
    s_self.delta = 0;
    s_self.wrote = false;
    return XA_OK;
}

static int s_end (XID *xid, int rmid, long flags)
{
    (void) rmid;
    (void) flags;
    return s_is_mine (xid) ? XA_OK : XAER_NOTA;
}

static int s_prepare (XID *xid, int rmid, long flags)
{
    (void) rmid;
    (void) flags;
    char path[PATH], text[32];
    if (!s_is_mine (xid))
        return XAER_NOTA;
    s_self.active = false;
    if (!s_self.wrote)
        return XA_RDONLY;
    if (getenv ("FILE_XA_REFUSE"))
        return XA_RBINTEGRITY;
    s_moment ("before.prepare");
    s_path (path, "prepared", xid);
    snprintf (text, sizeof text, "%ld\n", s_self.delta);
    if (!s_write (path, O_EXCL, text))
        return XAER_RMERR;
    s_moment ("after.prepare");
    return XA_OK;
}

static int s_commit_prepared (XID *xid)
{
    char path[PATH], text[32] = "";
    s_path (path, "prepared", xid);
    FILE *file = fopen (path, "r");
    if (!file)
        return XAER_NOTA;
    bool read = fgets (text, sizeof text, file) != NULL;
    fclose (file);
    if (!read)
        return XAER_RMFAIL;
    if (!s_is_committed (xid) && !s_commit_line (xid, atol (text)))
        return XAER_RMFAIL;
    s_moment ("in.commit");
    return unlink (path) == 0 ? XA_OK : XAER_RMFAIL;
}

/* It loses the branch's work, and says so, once. */
static int s_break (XID *xid)
{
    char path[PATH];
    s_path (path, "prepared", xid);
    return unlink (path) == 0 ? XAER_RMERR : XAER_NOTA;
}

/* It keeps half of the branch's work, and remembers that until it may forget it. */
static int s_mix (XID *xid)
{
    char path[PATH];
    s_path (path, "mixed", xid);
    return s_write (path, O_EXCL, "") && s_commit_line (xid, s_self.delta / 2) ? XA_HEURMIX : XAER_RMFAIL;
}

static int s_commit (XID *xid, int rmid, long flags)
{
    (void) rmid;
    if (flags & TMONEPHASE) {
        if (!s_is_mine (xid))
            return XAER_NOTA;
        s_self.active = false;
        if (getenv ("FILE_XA_MIX"))
            return s_mix (xid);
        return s_commit_line (xid, s_self.delta) ? XA_OK : XAER_RMFAIL;
    }
    s_moment ("before.commit");
    int lock = s_lock();
    int rc = getenv ("FILE_XA_BREAK") ? s_break (xid) : s_commit_prepared (xid);
    close (lock);
    return rc;
}

static int s_rollback (XID *xid, int rmid, long flags)
{
    (void) rmid;
    (void) flags;
    char path[PATH];
    if (s_is_mine (xid)) {
        s_self.active = false;
        return XA_OK;
    }
    s_path (path, "prepared", xid);
    int lock = s_lock();
    int rc = s_is_committed (xid) ? XAER_NOTA : unlink (path) == 0 ? XA_OK : XAER_NOTA;
    close (lock);
    return rc;
}

static int s_recover (XID *found, long count, int rmid, long flags)
{
    (void) rmid;
    static _Thread_local DIR *folder;
    if (flags & TMSTARTRSCAN) {
        if (folder)
            closedir (folder);
        folder = opendir (s_self.folder);
    }
    int n = 0;
    struct dirent *entry;
    while (folder && n < count && (entry = readdir (folder)) != NULL)
        if (strncmp (entry->d_name, "prepared.", 9) == 0 && s_parse (entry->d_name + 9, &found[n]))
            n++;
    if (flags & TMENDRSCAN && folder) {
        closedir (folder);
        folder = NULL;
    }
    return n;
}

static int s_forget (XID *xid, int rmid, long flags)
{
    (void) rmid;
    (void) flags;
    char path[PATH];
    s_path (path, "mixed", xid);
    return unlink (path) == 0 ? XA_OK : XAER_NOTA;
}

static int s_complete (int *handle, int *rc, int rmid, long flags)
{
    (void) handle;
    (void) rc;
    (void) rmid;
    (void) flags;
    return XAER_PROTO;
}

extern const struct xa_switch_t file_xa;

EXPORT const struct xa_switch_t file_xa = {
    .name = "file",
    .xa_open_entry = s_open,
    .xa_close_entry = s_close,
    .xa_start_entry = s_start,
    .xa_end_entry = s_end,
    .xa_rollback_entry = s_rollback,
    .xa_prepare_entry = s_prepare,
    .xa_commit_entry = s_commit,
    .xa_recover_entry = s_recover,
    .xa_forget_entry = s_forget,
    .xa_complete_entry = s_complete,
};

/* --- its own interface ----------------------------------------------------------------- */

EXPORT int file_xa_add (int rmid, long delta)
{
    (void) rmid;
    if (!s_self.active)
        return -1;
    s_self.delta += delta;
    s_self.wrote = true;
    return 0;
}

EXPORT long file_xa_sum (const char *folder)
{
    char path[PATH], line[NAME + 32];
    long sum = 0;
    snprintf (path, sizeof path, "%s/committed", folder);
    FILE *file = fopen (path, "r");
    while (file && fgets (line, sizeof line, file))
        sum += atol (strchr (line, ' '));
    if (file)
        fclose (file);
    return sum;
}
