#include "txc_fake_disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_id.h"
#include "base/txc_mem.h"

enum { SECTOR = 512, NAME_MAX_ = 31, FILES_MAX = 512 };

/* A file's contents; it lives while a name, visible or durable, or an open file refers to it. */
typedef struct s_inode {
    uint8_t *visible, *durable;
    uint64_t visible_size, durable_size, room; /* room: bytes of both buffers */
    uint8_t *dirty;                            /* one byte a sector */
    uint64_t dirty_from, dirty_to;             /* the dirty sectors lie in [from, to) */
    int references;
} s_inode_t;

typedef struct s_name {
    char name[NAME_MAX_ + 1];
    s_inode_t *visible, *durable; /* NULL: the name is not there */
} s_name_t;

struct txc_disk_file {
    s_inode_t *inode;
    bool is_lock;
    struct txc_disk_file *next; /* in the list of open files */
};

struct txc_fake_disk {
    txc_disk_t table; /* first */
    pthread_mutex_t mutex;
    s_name_t names[FILES_MAX];
    int n_names;
    txc_disk_file_t *open;
    bool locked;
    txc_fake_faults_t faults;
    txc_fake_counts_t counts;
};

/* --- inodes ---------------------------------------------------------------- */

static void s_release (s_inode_t *inode)
{
    if (!inode || --inode->references > 0)
        return;
    free (inode->visible);
    free (inode->durable);
    free (inode->dirty);
    free (inode);
}

static s_inode_t *s_retain (s_inode_t *inode)
{
    if (inode)
        inode->references++;
    return inode;
}

static void s_make_room (s_inode_t *inode, uint64_t size)
{
    if (size <= inode->room)
        return;
    uint64_t room = inode->room ? inode->room : 65536;
    while (room < size)
        room *= 2;
    inode->visible = txc_realloc (inode->visible, room);
    inode->durable = txc_realloc (inode->durable, room);
    inode->dirty = txc_realloc (inode->dirty, room / SECTOR);
    memset (inode->visible + inode->room, 0, room - inode->room);
    memset (inode->durable + inode->room, 0, room - inode->room);
    memset (inode->dirty + inode->room / SECTOR, 0, (room - inode->room) / SECTOR);
    inode->room = room;
}

static void s_mark_dirty (s_inode_t *inode, uint64_t offset, uint64_t size)
{
    uint64_t from = offset / SECTOR, to = (offset + size + SECTOR - 1) / SECTOR;
    memset (inode->dirty + from, 1, to - from);
    if (inode->dirty_from == inode->dirty_to) {
        inode->dirty_from = from;
        inode->dirty_to = to;
    }
    inode->dirty_from = from < inode->dirty_from ? from : inode->dirty_from;
    inode->dirty_to = to > inode->dirty_to ? to : inode->dirty_to;
}

/* Ends the life of dirty sectors: each that keep says yes to becomes durable. */
static void s_clean (s_inode_t *inode, bool (*keep) (uint64_t *state), uint64_t *state, uint64_t *lost)
{
    for (uint64_t i = inode->dirty_from; i < inode->dirty_to; i++) {
        if (!inode->dirty[i])
            continue;
        inode->dirty[i] = 0;
        if (keep (state))
            memcpy (inode->durable + i * SECTOR, inode->visible + i * SECTOR, SECTOR);
        else
            (*lost)++;
    }
    inode->dirty_from = inode->dirty_to = 0;
}

static bool s_keep_all (uint64_t *state)
{
    (void) state;
    return true;
}

static bool s_keep_none (uint64_t *state)
{
    (void) state;
    return false;
}

static bool s_keep_half (uint64_t *state)
{
    return txc_random_next (state) & 1;
}

static bool s_keep_most (uint64_t *state)
{
    return txc_random_next (state) % 8 != 0;
}

static void s_sync_inode (s_inode_t *inode)
{
    uint64_t lost = 0;
    s_clean (inode, s_keep_all, NULL, &lost);
    inode->durable_size = inode->visible_size;
}

/* --- names ----------------------------------------------------------------- */

static txc_fake_disk_t *s_self (txc_disk_t *table)
{
    return (txc_fake_disk_t *) (void *) table;
}

static s_name_t *s_find (txc_fake_disk_t *self, const char *name)
{
    for (int i = 0; i < self->n_names; i++)
        if (strcmp (self->names[i].name, name) == 0)
            return &self->names[i];
    return NULL;
}

static s_name_t *s_find_or_add (txc_fake_disk_t *self, const char *name)
{
    s_name_t *found = s_find (self, name);
    if (found)
        return found;
    TXC_ASSERT (self->n_names < FILES_MAX && strlen (name) <= NAME_MAX_);
    s_name_t *entry = &self->names[self->n_names++];
    memset (entry, 0, sizeof *entry);
    memcpy (entry->name, name, strlen (name) + 1);
    return entry;
}

static void s_point (s_inode_t **at, s_inode_t *inode)
{
    s_inode_t *old = *at;
    *at = s_retain (inode);
    s_release (old);
}

/* --- the table -------------------------------------------------------------- */

static void s_enter (txc_fake_disk_t *self)
{
    pthread_mutex_lock (&self->mutex);
}

static int s_leave (txc_fake_disk_t *self, int rc)
{
    pthread_mutex_unlock (&self->mutex);
    return rc;
}

/* True if this call is the one that has to fail. */
static bool s_fails (txc_fake_disk_t *self, uint32_t *countdown)
{
    if (*countdown == 0 || --*countdown > 0)
        return false;
    self->counts.failed++;
    return true;
}

static int s_error (const txc_fake_disk_t *self)
{
    return self->faults.error ? -self->faults.error : -EIO;
}

static txc_disk_file_t *s_open_inode (txc_fake_disk_t *self, s_inode_t *inode)
{
    txc_disk_file_t *file = txc_calloc (1, sizeof *file);
    file->inode = s_retain (inode);
    file->next = self->open;
    self->open = file;
    return file;
}

static int s_open (txc_disk_t *table, const char *name, txc_disk_mode_t mode, txc_disk_file_t **file)
{
    txc_fake_disk_t *self = s_self (table);
    s_enter (self);
    s_name_t *entry = s_find (self, name);
    bool there = entry && entry->visible;
    if (!there && mode != TXC_DISK_CREATE)
        return s_leave (self, -ENOENT);
    if (mode != TXC_DISK_READ && self->faults.read_only)
        return s_leave (self, -EROFS);
    if (mode == TXC_DISK_CREATE) {
        entry = s_find_or_add (self, name);
        s_inode_t *inode = txc_calloc (1, sizeof *inode);
        inode->references = 1;
        s_point (&entry->visible, inode);
        s_release (inode);
    }
    *file = s_open_inode (self, entry->visible);
    return s_leave (self, 0);
}

static void s_close (txc_disk_t *table, txc_disk_file_t *file)
{
    txc_fake_disk_t *self = s_self (table);
    if (!file)
        return;
    s_enter (self);
    txc_disk_file_t **at = &self->open;
    while (*at != file) {
        TXC_ASSERT (*at != NULL);
        at = &(*at)->next;
    }
    *at = file->next;
    if (file->is_lock)
        self->locked = false;
    s_release (file->inode);
    free (file);
    s_leave (self, 0);
}

static ssize_t s_read (txc_disk_t *table, txc_disk_file_t *file, void *bytes, size_t size, uint64_t offset)
{
    txc_fake_disk_t *self = s_self (table);
    s_enter (self);
    if (s_fails (self, &self->faults.read_in))
        return s_leave (self, s_error (self));
    s_inode_t *inode = file->inode;
    size_t n = 0;
    if (offset < inode->visible_size)
        n = inode->visible_size - offset < size ? (size_t) (inode->visible_size - offset) : size;
    if (n > 0)
        memcpy (bytes, inode->visible + offset, n);
    s_leave (self, 0);
    return (ssize_t) n;
}

static uint64_t s_used (const txc_fake_disk_t *self)
{
    uint64_t used = 0;
    for (int i = 0; i < self->n_names; i++)
        if (self->names[i].visible)
            used += self->names[i].visible->visible_size;
    return used;
}

static int s_write (txc_disk_t *table, txc_disk_file_t *file, const void *bytes, size_t size, uint64_t offset)
{
    txc_fake_disk_t *self = s_self (table);
    s_enter (self);
    s_inode_t *inode = file->inode;
    if (self->faults.read_only)
        return s_leave (self, -EROFS);
    if (s_fails (self, &self->faults.write_in))
        return s_leave (self, s_error (self));
    uint64_t end = offset + size;
    if (self->faults.capacity && end > inode->visible_size &&
        s_used (self) + end - inode->visible_size > self->faults.capacity) {
        self->counts.failed++;
        return s_leave (self, -ENOSPC);
    }
    s_make_room (inode, end);
    memcpy (inode->visible + offset, bytes, size);
    s_mark_dirty (inode, offset, size);
    inode->visible_size = end > inode->visible_size ? end : inode->visible_size;
    self->counts.writes++;
    return s_leave (self, 0);
}

static int s_sync (txc_disk_t *table, txc_disk_file_t *file)
{
    txc_fake_disk_t *self = s_self (table);
    s_enter (self);
    self->counts.syncs++;
    if (s_fails (self, &self->faults.sync_in)) {
        s_clean (file->inode, s_keep_none, NULL, &self->counts.lost_sectors);
        return s_leave (self, s_error (self));
    }
    s_sync_inode (file->inode);
    return s_leave (self, 0);
}

static int s_forget (txc_disk_t *table, txc_disk_file_t *file)
{
    txc_fake_disk_t *self = s_self (table);
    s_enter (self);
    s_inode_t *inode = file->inode;
    for (uint64_t i = 0; i < inode->visible_size / SECTOR; i++)
        if (!inode->dirty[i])
            memcpy (inode->visible + i * SECTOR, inode->durable + i * SECTOR, SECTOR);
    return s_leave (self, 0);
}

static int s_size (txc_disk_t *table, txc_disk_file_t *file, uint64_t *size)
{
    txc_fake_disk_t *self = s_self (table);
    s_enter (self);
    *size = file->inode->visible_size;
    return s_leave (self, 0);
}

static int s_rename (txc_disk_t *table, const char *from, const char *to)
{
    txc_fake_disk_t *self = s_self (table);
    s_enter (self);
    if (self->faults.read_only)
        return s_leave (self, -EROFS);
    s_name_t *source = s_find (self, from);
    if (!source || !source->visible)
        return s_leave (self, -ENOENT);
    s_name_t *target = s_find_or_add (self, to);
    s_point (&target->visible, source->visible);
    s_point (&source->visible, NULL);
    return s_leave (self, 0);
}

static int s_remove (txc_disk_t *table, const char *name)
{
    txc_fake_disk_t *self = s_self (table);
    s_enter (self);
    if (self->faults.read_only)
        return s_leave (self, -EROFS);
    s_name_t *entry = s_find (self, name);
    if (!entry || !entry->visible)
        return s_leave (self, -ENOENT);
    s_point (&entry->visible, NULL);
    return s_leave (self, 0);
}

static int s_sync_folder (txc_disk_t *table)
{
    txc_fake_disk_t *self = s_self (table);
    s_enter (self);
    self->counts.syncs++;
    if (s_fails (self, &self->faults.sync_in))
        return s_leave (self, s_error (self));
    for (int i = 0; i < self->n_names; i++)
        s_point (&self->names[i].durable, self->names[i].visible);
    return s_leave (self, 0);
}

static int s_list (txc_disk_t *table, void (*visit) (void *arg, const char *name), void *arg)
{
    txc_fake_disk_t *self = s_self (table);
    s_enter (self);
    for (int i = 0; i < self->n_names; i++)
        if (self->names[i].visible)
            visit (arg, self->names[i].name);
    return s_leave (self, 0);
}

static int s_lock (txc_disk_t *table, const char *name, txc_disk_file_t **file, long *pid)
{
    txc_fake_disk_t *self = s_self (table);
    *pid = 0;
    if (self->locked)
        return -EWOULDBLOCK;
    int rc = s_open (table, name, TXC_DISK_CREATE, file);
    if (rc == 0)
        self->locked = (*file)->is_lock = true;
    return rc;
}

static void s_destroy (txc_disk_t **table_p)
{
    *table_p = NULL;
}

/* --- for the tests ------------------------------------------------------------ */

txc_fake_disk_t *txc_fake_disk_new (void)
{
    txc_fake_disk_t *self = txc_calloc (1, sizeof *self);
    TXC_ASSERT (pthread_mutex_init (&self->mutex, NULL) == 0);
    self->table = (txc_disk_t){.folder = "fake",
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
    return self;
}

/* Open files stay allocated until they are closed; a log that was abandoned closes its own. */
static void s_drop_open (txc_fake_disk_t *self)
{
    while (self->open) {
        txc_disk_file_t *file = self->open;
        self->open = file->next;
        s_release (file->inode);
        free (file);
    }
    self->locked = false;
}

void txc_fake_disk_destroy (txc_fake_disk_t **self_p)
{
    txc_fake_disk_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    s_drop_open (self);
    for (int i = 0; i < self->n_names; i++) {
        s_point (&self->names[i].visible, NULL);
        s_point (&self->names[i].durable, NULL);
    }
    pthread_mutex_destroy (&self->mutex);
    free (self);
}

txc_disk_t *txc_fake_disk_table (txc_fake_disk_t *self)
{
    return &self->table;
}

txc_fake_faults_t *txc_fake_disk_faults (txc_fake_disk_t *self)
{
    return &self->faults;
}

void txc_fake_disk_set_capacity (txc_fake_disk_t *self, uint64_t bytes)
{
    s_enter (self);
    self->faults.capacity = bytes;
    s_leave (self, 0);
}

void txc_fake_disk_kill (txc_fake_disk_t *self)
{
    s_enter (self);
    s_drop_open (self);
    s_leave (self, 0);
}

/* What is on the disk is all that there is now. */
static void s_reload (s_inode_t *inode)
{
    inode->visible_size = inode->durable_size;
    if (inode->room > 0)
        memcpy (inode->visible, inode->durable, inode->room);
}

void txc_fake_disk_crash (txc_fake_disk_t *self, uint64_t seed)
{
    static bool (*const keeps[]) (uint64_t *) = {s_keep_half, s_keep_none, s_keep_all, s_keep_most};
    uint64_t state = txc_mix64 (seed);
    s_enter (self);
    s_drop_open (self);
    self->counts.crashes++;
    for (int i = 0; i < self->n_names; i++) {
        s_name_t *entry = &self->names[i];
        if (entry->visible != entry->durable && s_keep_half (&state))
            s_point (&entry->durable, entry->visible);
    }
    for (int i = 0; i < self->n_names; i++) {
        s_inode_t *inode = self->names[i].durable;
        if (inode && (inode->dirty_to > 0 || inode->visible_size != inode->durable_size)) {
            if (s_keep_half (&state))
                inode->durable_size = inode->visible_size;
            s_clean (inode, keeps[txc_random_next (&state) % 4], &state, &self->counts.lost_sectors);
        }
        s_point (&self->names[i].visible, inode);
    }
    /* only now: a file with two names is cleaned once */
    for (int i = 0; i < self->n_names; i++)
        if (self->names[i].visible)
            s_reload (self->names[i].visible);
    s_leave (self, 0);
}

uint8_t *txc_fake_disk_bytes (txc_fake_disk_t *self, const char *name, uint64_t *size)
{
    s_name_t *entry = s_find (self, name);
    if (!entry || !entry->visible)
        return NULL;
    s_mark_dirty (entry->visible, 0, entry->visible->visible_size);
    if (size)
        *size = entry->visible->visible_size;
    return entry->visible->visible;
}

void txc_fake_disk_truncate (txc_fake_disk_t *self, const char *name, uint64_t size)
{
    s_name_t *entry = s_find (self, name);
    TXC_ASSERT (entry && entry->visible);
    s_sync_inode (entry->visible);
    entry->visible->visible_size = entry->visible->durable_size = size;
}

void txc_fake_disk_settle (txc_fake_disk_t *self)
{
    for (int i = 0; i < self->n_names; i++) {
        s_point (&self->names[i].durable, self->names[i].visible);
        if (self->names[i].visible)
            s_sync_inode (self->names[i].visible);
    }
}

txc_fake_counts_t txc_fake_disk_counts (const txc_fake_disk_t *self)
{
    return self->counts;
}
