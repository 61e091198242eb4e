#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "log/txc_store_impl.h"

static int s_check_options (const txc_store_options_t *options, txc_error_t *error)
{
    if (options->segment_size < TXC_SEGMENT_MIN || options->segment_size > 1u << 30 ||
        options->segment_size % TXC_BLOCK != 0)
        return txc_error_set (error, TXC_EINVAL,
                              "a segment of %" PRIu64 " bytes: give a multiple of %d from %d to 1 GiB",
                              options->segment_size, TXC_BLOCK, TXC_SEGMENT_MIN);
    if (options->max_segments < 3 || options->max_segments > TXC_SEGMENTS_MAX)
        return txc_error_set (error, TXC_EINVAL, "at most %" PRIu32 " segments: give 3 to %d",
                              options->max_segments, TXC_SEGMENTS_MAX);
    return TXC_OK;
}

static int s_lock (txc_store_t *self, txc_error_t *error)
{
    long pid;
    int rc = self->disk->lock (self->disk, "lock", &self->lock, &pid);
    if (rc == -EWOULDBLOCK && pid != 0)
        return txc_error_set (error, TXC_ELOCKED, "the log %s is in use by process %ld", self->disk->folder,
                              pid);
    if (rc == -EWOULDBLOCK)
        return txc_error_set (error, TXC_ELOCKED, "the log %s is in use by another process",
                              self->disk->folder);
    return rc < 0 ? txc_disk_error (self->disk, "lock", "lock", rc, error) : TXC_OK;
}

/* A log that is made now: its first segment. */
static int s_format (txc_store_t *self, txc_error_t *error)
{
    self->segments.id = self->options.new_id ? self->options.new_id : 1;
    int rc = TXC_PENDING;
    while (rc == TXC_PENDING)
        rc = txc_store_prepare (self, false);
    if (rc == TXC_OK && self->segments.count == 0)
        rc = txc_error_set (&self->error, TXC_ENOSPACE,
                            "no space for the first segment of the log %s, %" PRIu64 " bytes",
                            self->disk->folder, self->options.segment_size);
    if (rc != TXC_OK && error)
        *error = self->error;
    return rc;
}

/* Finds the end, wipes what lies behind it, and goes on from there. */
static int s_recover (txc_store_t *self, txc_error_t *error)
{
    txc_recovery_t *recovery = self->recovery = txc_calloc (1, sizeof *recovery);
    int rc = txc_recover (self->disk, &self->segments, recovery, error);
    if (rc == TXC_OK)
        rc = txc_recover_wipe (self->disk, &self->segments, recovery, &self->stats.cut_bytes, error);
    if (rc != TXC_OK)
        return rc;
    self->live = recovery->needed;
    self->current = recovery->segment;
    self->offset = recovery->offset;
    self->number = recovery->last + 1;
    self->next_lsn = recovery->next_lsn;
    /* loading forced all files before it read them */
    self->durable_number = recovery->last;
    self->durable_lsn = recovery->next_lsn - 1;
    self->written = recovery->written;
    self->last_checkpoint = recovery->last_checkpoint;
    self->keep = recovery->checkpoint.number ? recovery->checkpoint.keep : 1;
    self->checkpoint_written = recovery->checkpoint.written;
    return TXC_OK;
}

static int s_open (txc_store_t *self, txc_error_t *error)
{
    int rc = s_check_options (&self->options, error);
    if (rc == TXC_OK)
        rc = s_lock (self, error);
    if (rc == TXC_OK)
        rc = txc_segments_load (&self->segments, self->disk, TXC_DISK_WRITE, error);
    if (rc == TXC_OK && self->segments.count == 0)
        rc = s_format (self, error);
    return rc == TXC_OK ? s_recover (self, error) : rc;
}

txc_store_t *txc_store_open (txc_disk_t *disk, const txc_store_options_t *options, txc_error_t *error)
{
    txc_store_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, TXC_STORE_MAGIC);
    self->disk = disk;
    self->options = *options;
    self->group = txc_malloc (TXC_GROUP_MAX);
    self->dirty = txc_calloc (TXC_SEGMENTS_MAX, sizeof (txc_segment_t *));
    self->forcing = txc_calloc (TXC_SEGMENTS_MAX, sizeof (txc_segment_t *));
    if (s_open (self, error) != TXC_OK)
        txc_store_abandon (&self);
    return self;
}

int txc_store_replay (txc_store_t *self, txc_log_visit_t *visit, void *arg, txc_error_t *error)
{
    TXC_CHECK (self, TXC_STORE_MAGIC);
    TXC_ASSERT (self->recovery->next_lsn == self->next_lsn); /* before the first append */
    /* Segments that are not needed may have been used for others since: then all have moved up. */
    self->recovery->needed = self->live;
    return txc_recover_replay (self->disk, &self->segments, self->recovery, visit, arg, &self->stats.replayed,
                               error);
}

void txc_store_abandon (txc_store_t **self_p)
{
    txc_store_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_UNMAGIC (self, TXC_STORE_MAGIC);
    txc_segment_destroy (&self->making.segment, self->disk);
    txc_segments_close (&self->segments, self->disk);
    if (self->lock)
        self->disk->close (self->disk, self->lock);
    free (self->recovery);
    free (self->group);
    free (self->dirty);
    free (self->forcing);
    free (self);
}

/* A group without records: it vouches for all before it.  Not if there is no room, or nothing new to vouch
 * for. */
static int s_vouch (txc_store_t *self)
{
    if (self->number == self->recovery->last + 1 || txc_store_room (self) == 0)
        return TXC_OK;
    self->used = TXC_GROUP_HEADER;
    self->records = 0;
    self->first_lsn = self->next_lsn;
    int rc = txc_store_seal (self);
    return rc == TXC_OK ? txc_store_sync (self) : rc;
}

int txc_store_close (txc_store_t **self_p)
{
    txc_store_t *self = *self_p;
    if (!self)
        return TXC_OK;
    TXC_CHECK (self, TXC_STORE_MAGIC);
    int rc = txc_store_sync (self);
    if (rc == TXC_OK)
        rc = s_vouch (self);
    txc_store_drop_making (self);
    txc_store_abandon (self_p);
    return rc;
}
