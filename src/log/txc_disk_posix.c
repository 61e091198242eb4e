#include "config.h"

#include "log/txc_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#define DISK_MAGIC 0x7c0d15c0u

struct txc_disk_file {
    int fd;
    bool locks; /* the folder */
};

typedef struct s_posix {
    txc_disk_t table; /* first, so that a pointer to one is a pointer to the other */
    uint32_t magic;
    int folder_fd;
    char *folder;
} s_posix_t;

static s_posix_t *s_self (txc_disk_t *disk)
{
    s_posix_t *self = (s_posix_t *) (void *) disk;
    TXC_CHECK (self, DISK_MAGIC);
    return self;
}

static txc_disk_file_t *s_file_new (int fd)
{
    txc_disk_file_t *file = txc_calloc (1, sizeof *file);
    file->fd = fd;
    return file;
}

static int s_open (txc_disk_t *disk, const char *name, txc_disk_mode_t mode, txc_disk_file_t **file)
{
    int flags = O_CLOEXEC;
    flags |= mode == TXC_DISK_READ ? O_RDONLY : O_RDWR;
    flags |= mode == TXC_DISK_CREATE ? O_CREAT | O_TRUNC : 0;
    int fd = openat (s_self (disk)->folder_fd, name, flags, 0600);
    if (fd < 0)
        return -errno;
    *file = s_file_new (fd);
    return 0;
}

static void s_close (txc_disk_t *disk, txc_disk_file_t *file)
{
    if (!file)
        return;
    if (file->locks)
        flock (s_self (disk)->folder_fd, LOCK_UN);
    close (file->fd);
    free (file);
}

static ssize_t s_read (txc_disk_t *disk, txc_disk_file_t *file, void *bytes, size_t size, uint64_t offset)
{
    (void) disk;
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread (file->fd, (char *) bytes + done, size - done, (off_t) (offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t) n;
    }
    return (ssize_t) done;
}

static int s_write (txc_disk_t *disk, txc_disk_file_t *file, const void *bytes, size_t size, uint64_t offset)
{
    (void) disk;
    size_t done = 0;
    while (done < size) {
        ssize_t n = pwrite (file->fd, (const char *) bytes + done, size - done, (off_t) (offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO;
        done += (size_t) n;
    }
    return 0;
}

static int s_sync (txc_disk_t *disk, txc_disk_file_t *file)
{
    (void) disk;
    return fdatasync (file->fd) == 0 ? 0 : -errno;
}

static int s_forget (txc_disk_t *disk, txc_disk_file_t *file)
{
    (void) disk;
    return -posix_fadvise (file->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int s_size (txc_disk_t *disk, txc_disk_file_t *file, uint64_t *size)
{
    (void) disk;
    struct stat status;
    if (fstat (file->fd, &status) != 0)
        return -errno;
    *size = (uint64_t) status.st_size;
    return 0;
}

static int s_rename (txc_disk_t *disk, const char *from, const char *to)
{
    int folder = s_self (disk)->folder_fd;
    return renameat (folder, from, folder, to) == 0 ? 0 : -errno;
}

static int s_remove (txc_disk_t *disk, const char *name)
{
    return unlinkat (s_self (disk)->folder_fd, name, 0) == 0 ? 0 : -errno;
}

static int s_sync_folder (txc_disk_t *disk)
{
    return fsync (s_self (disk)->folder_fd) == 0 ? 0 : -errno;
}

static int s_list (txc_disk_t *disk, void (*visit) (void *arg, const char *name), void *arg)
{
    /* opened anew: a copy of the descriptor would share its position */
    int fd = openat (s_self (disk)->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *folder = fdopendir (fd);
    if (!folder) {
        int rc = -errno;
        close (fd);
        return rc;
    }
    struct dirent *entry;
    errno = 0;
    while ((entry = readdir (folder)) != NULL) {
        if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
            visit (arg, entry->d_name);
        errno = 0;
    }
    int rc = -errno;
    closedir (folder);
    return rc;
}

/* The pid that the holder of the lock wrote into it; 0 if it cannot be read (it may be writing it just now).
 */
static long s_read_pid (int fd)
{
    char text[32];
    ssize_t n = pread (fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    return strtol (text, NULL, 10);
}

/* flock: the lock goes with the last descriptor, so that a killed process leaves none behind.  The folder is
 * locked too, since the file, which says who has it, can be removed; not where a file system cannot. */
static int s_lock (txc_disk_t *disk, const char *name, txc_disk_file_t **file, long *pid)
{
    *pid = 0;
    int folder = s_self (disk)->folder_fd;
    int fd = openat (folder, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (flock (fd, LOCK_EX | LOCK_NB) != 0) {
        int rc = -errno;
        *pid = s_read_pid (fd);
        close (fd);
        return rc;
    }
    bool locks = flock (folder, LOCK_EX | LOCK_NB) == 0;
    if (!locks && errno == EWOULDBLOCK) {
        close (fd);
        return -EWOULDBLOCK;
    }
    /* only a courtesy to whoever is refused: a full disk must not keep the log from being opened */
    char text[32];
    int size = snprintf (text, sizeof text, "%ld\n", (long) getpid());
    if (ftruncate (fd, 0) == 0 && pwrite (fd, text, (size_t) size, 0) != size)
        (void) !ftruncate (fd, 0);
    *file = s_file_new (fd);
    (*file)->locks = locks;
    return 0;
}

static void s_destroy (txc_disk_t **disk_p)
{
    if (!*disk_p)
        return;
    s_posix_t *self = s_self (*disk_p);
    *disk_p = NULL;
    TXC_UNMAGIC (self, DISK_MAGIC);
    close (self->folder_fd);
    free (self->folder);
    free (self);
}

/* Makes the folder if it is not there.  Its name has to be durable before anything in it is: also if it is
 * there, since whoever made it may have been killed before that (if its parent can be read at all). */
static int s_make_folder (const char *folder)
{
    bool made = mkdir (folder, 0700) == 0;
    if (!made && errno != EEXIST)
        return errno;
    char *copy = txc_strdup (folder);
    int fd = open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free (copy);
    if (fd < 0)
        return made ? errno : 0;
    int rc = fsync (fd) == 0 ? 0 : errno;
    close (fd);
    return made || rc == EIO ? rc : 0;
}

txc_disk_t *txc_disk_posix_new (const char *folder, int create, int *error_number)
{
    *error_number = create ? s_make_folder (folder) : 0;
    if (*error_number != 0)
        return NULL;
    int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        *error_number = errno;
        return NULL;
    }
    s_posix_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, DISK_MAGIC);
    self->folder_fd = fd;
    self->folder = txc_strdup (folder);
    self->table = (txc_disk_t){.folder = self->folder,
                               .open = s_open,
                               .close = s_close,
                               .read = s_read,
                               .write = s_write,
                               .sync = s_sync,
                               .forget = s_forget,
                               .size = s_size,
                               .rename = s_rename,
                               .remove = s_remove,
                               .sync_folder = s_sync_folder,
                               .list = s_list,
                               .lock = s_lock,
                               .destroy = s_destroy};
    return &self->table;
}
