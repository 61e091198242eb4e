#include "log/txc_segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "base/txc_version.h"
#include "log/txc_format.h"

void txc_segment_set_name (txc_segment_t *self, uint32_t slot)
{
    TXC_ASSERT (slot < TXC_SEGMENTS_MAX);
    self->slot = slot;
    snprintf (self->name, sizeof self->name, "%03" PRIu32 ".seg", slot % TXC_SEGMENTS_MAX);
}

void txc_segment_temporary_name (uint32_t slot, char *name)
{
    snprintf (name, TXC_SEGMENT_NAME, "%03" PRIu32 ".tmp", slot % TXC_SEGMENTS_MAX);
}

void txc_segment_destroy (txc_segment_t **self_p, txc_disk_t *disk)
{
    txc_segment_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    disk->close (disk, self->file);
    free (self);
}

int txc_segment_write_header (const txc_segment_t *self, txc_disk_t *disk, uint64_t id)
{
    uint8_t bytes[TXC_SEGMENT_HEADER];
    txc_segment_header_t header = {
        .version = TXC_VERSION_WRITES, .id = id, .lap = self->lap, .size = self->size};
    txc_segment_header_encode (&header, bytes);
    int rc = disk->write (disk, self->file, bytes, sizeof bytes, 0);
    return rc == 0 ? disk->sync (disk, self->file) : rc;
}

void txc_segments_add (txc_segments_t *self, txc_segment_t *segment)
{
    TXC_ASSERT (self->count < TXC_SEGMENTS_MAX);
    TXC_ASSERT (self->count == 0 || self->at[self->count - 1]->lap < segment->lap);
    self->at[self->count++] = segment;
}

txc_segment_t *txc_segments_shift (txc_segments_t *self)
{
    TXC_ASSERT (self->count > 0);
    txc_segment_t *segment = self->at[0];
    memmove (self->at, self->at + 1, --self->count * sizeof *self->at);
    return segment;
}

uint32_t txc_segments_free_slot (const txc_segments_t *self)
{
    bool used[TXC_SEGMENTS_MAX] = {false};
    for (size_t i = 0; i < self->count; i++)
        used[self->at[i]->slot] = true;
    uint32_t slot = 0;
    while (slot < TXC_SEGMENTS_MAX && used[slot])
        slot++;
    return slot;
}

size_t txc_segments_find_lsn (const txc_segments_t *self, uint64_t lsn)
{
    size_t found = 0;
    for (size_t i = 0; i < self->count; i++)
        if (self->at[i]->first_lsn != 0 && self->at[i]->first_lsn <= lsn)
            found = i;
    return found;
}

void txc_segments_close (txc_segments_t *self, txc_disk_t *disk)
{
    for (size_t i = 0; i < self->count; i++)
        txc_segment_destroy (&self->at[i], disk);
    self->count = 0;
}

/* --- loading ----------------------------------------------------------------- */

typedef struct s_names {
    bool segment[TXC_SEGMENTS_MAX];
    bool temporary[TXC_SEGMENTS_MAX];
} s_names_t;

static void s_visit_name (void *arg, const char *name)
{
    s_names_t *names = arg;
    if (strlen (name) != 7 || strspn (name, "0123456789") != 3)
        return;
    unsigned long slot = strtoul (name, NULL, 10);
    if (strcmp (name + 3, ".seg") == 0)
        names->segment[slot] = true;
    else if (strcmp (name + 3, ".tmp") == 0)
        names->temporary[slot] = true;
}

static int s_check_header (txc_segments_t *self, txc_segment_t *segment, txc_disk_t *disk,
                           const uint8_t *bytes, txc_error_t *error)
{
    txc_segment_header_t header;
    int rc = txc_segment_header_decode (bytes, &header);
    if (rc == TXC_EVERSION)
        return txc_error_set (error, rc, "%s/%s has log format %" PRIu32 ", this program reads %d",
                              disk->folder, segment->name, header.version, TXC_VERSION_READS);
    if (rc != TXC_OK)
        return txc_error_set (error, rc, "%s/%s is damaged at offset 0: no valid segment header",
                              disk->folder, segment->name);
    if (self->id != 0 && header.id != self->id)
        return txc_error_set (error, TXC_ECORRUPT, "%s/%s belongs to another log than its neighbours",
                              disk->folder, segment->name);
    self->id = header.id;
    segment->lap = header.lap;
    segment->size = header.size;
    return TXC_OK;
}

static int s_load_one (txc_segments_t *self, txc_segment_t *segment, txc_disk_t *disk, txc_disk_mode_t mode,
                       txc_error_t *error)
{
    int rc = disk->open (disk, segment->name, mode, &segment->file);
    if (rc < 0)
        return txc_disk_error (disk, "open", segment->name, rc, error);
    if (mode == TXC_DISK_WRITE) {
        rc = disk->sync (disk, segment->file);
        if (rc == 0)
            rc = disk->forget (disk, segment->file);
        if (rc < 0)
            return txc_disk_error (disk, "force", segment->name, rc, error);
    }
    uint8_t bytes[TXC_SEGMENT_HEADER] = {0};
    uint64_t size = 0;
    ssize_t n = disk->read (disk, segment->file, bytes, sizeof bytes, 0);
    rc = n < 0 ? (int) n : disk->size (disk, segment->file, &size);
    if (rc < 0)
        return txc_disk_error (disk, "read", segment->name, rc, error);
    rc = s_check_header (self, segment, disk, bytes, error);
    if (rc == TXC_OK && size < segment->size)
        rc = txc_error_set (error, TXC_ECORRUPT,
                            "%s/%s is damaged at offset %" PRIu64 ": truncated, was %" PRIu64 " bytes",
                            disk->folder, segment->name, size, segment->size);
    return rc;
}

static int s_compare (const void *a, const void *b)
{
    const txc_segment_t *x = *(txc_segment_t *const *) a, *y = *(txc_segment_t *const *) b;
    return x->lap < y->lap ? -1 : x->lap > y->lap;
}

static int s_load_all (txc_segments_t *self, const s_names_t *names, txc_disk_t *disk, txc_disk_mode_t mode,
                       txc_error_t *error)
{
    for (uint32_t slot = 0; slot < TXC_SEGMENTS_MAX; slot++) {
        if (!names->segment[slot])
            continue;
        txc_segment_t *segment = txc_calloc (1, sizeof *segment);
        txc_segment_set_name (segment, slot);
        self->at[self->count++] = segment;
        int rc = s_load_one (self, segment, disk, mode, error);
        if (rc != TXC_OK)
            return rc;
    }
    if (self->count > 0)
        qsort (self->at, self->count, sizeof *self->at, s_compare);
    for (size_t i = 1; i < self->count; i++)
        if (self->at[i]->lap == self->at[i - 1]->lap)
            return txc_error_set (error, TXC_ECORRUPT,
                                  "%s/%s and %s have the same lap %" PRIu64 ": one is a copy", disk->folder,
                                  self->at[i - 1]->name, self->at[i]->name, self->at[i]->lap);
    return TXC_OK;
}

static int s_remove_temporary (const s_names_t *names, txc_disk_t *disk, txc_error_t *error)
{
    for (uint32_t slot = 0; slot < TXC_SEGMENTS_MAX; slot++) {
        char name[TXC_SEGMENT_NAME];
        if (!names->temporary[slot])
            continue;
        txc_segment_temporary_name (slot, name);
        int rc = disk->remove (disk, name);
        if (rc < 0)
            return txc_disk_error (disk, "remove", name, rc, error);
    }
    return TXC_OK;
}

int txc_segments_load (txc_segments_t *self, txc_disk_t *disk, txc_disk_mode_t mode, txc_error_t *error)
{
    s_names_t names = {0};
    memset (self, 0, sizeof *self);
    int rc = disk->list (disk, s_visit_name, &names);
    if (rc < 0)
        return txc_disk_error (disk, "list", "", rc, error);
    rc = s_load_all (self, &names, disk, mode, error);
    if (rc == TXC_OK && mode == TXC_DISK_WRITE)
        rc = s_remove_temporary (&names, disk, error);
    if (rc == TXC_OK && mode == TXC_DISK_WRITE) {
        /* whoever renamed one of them may have been killed before it forced that */
        int forced = disk->sync_folder (disk);
        rc = forced < 0 ? txc_disk_error (disk, "force", "", forced, error) : TXC_OK;
    }
    if (rc != TXC_OK)
        txc_segments_close (self, disk);
    return rc;
}
