/* Core's entries in the durable log: every entry is one of core's, a checkpoint is one snapshot. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "daemon/txc_report.h"
#include "txcoord/coord.h"
#include "wire/txc_codec.h"

/* 1 and 2 were the values and snapshots of a coordinator that had no replicas. */
enum { KIND_LAST_OLD = 2, KIND_ENTRY = 3, KIND_SNAPSHOT = 4 };

/* --- what the log holds and core does not know to be durable ------------------------- */

static coord_entry_t *s_at (const coord_queue_t *queue, size_t index)
{
    return &queue->entries[(queue->head + index) & (queue->room - 1)];
}

static coord_entry_t *s_push (coord_queue_t *queue)
{
    if (queue->count == queue->room) {
        size_t room = queue->room ? queue->room * 2 : 1024; /* a power of two */
        coord_entry_t *entries = txc_malloc (room * sizeof *entries);
        for (size_t i = 0; i < queue->count; i++)
            entries[i] = *s_at (queue, i);
        free (queue->entries);
        queue->entries = entries;
        queue->head = 0;
        queue->room = room;
    }
    return s_at (queue, queue->count++);
}

/* An entry's name at crash points: of the record, or of what else it is. */
static const char *s_name (uint8_t form, uint8_t kind)
{
    switch (form) {
    case TXC_ENTRY_PROMISED:
        return "PROMISED";
    case TXC_ENTRY_LEARNED:
        return "LEARNED";
    case TXC_ENTRY_CHOSEN:
        return "CHOSEN";
    default:
        return txc_rec_name (kind);
    }
}

/* Offers the log an entry.  False if it has no room for it now. */
static bool s_offer (coord_t *self, coord_entry_t *entry, const uint8_t *bytes, size_t size)
{
    static txc_report_limit_t limit;
    int rc = txc_log_append (self->log, KIND_ENTRY, bytes, size, entry->forced, &entry->lsn);
    if (rc == TXC_ENOSPACE)
        txc_report_limited (
            &limit, TXC_REPORT_ERROR, NULL,
            "the log is full: nothing is decided until its disk has room, or log/max_segments is raised");
    if (rc)
        entry->lsn = 0;
    return rc == TXC_OK;
}

void coord_log_append (coord_t *self, const txc_entry_t *entry)
{
    uint8_t bytes[TXC_ENTRY_MAX];
    size_t size = txc_entry_pack (entry, bytes);
    coord_queue_t *queue = &self->queue;
    coord_entry_t *queued = s_push (queue);
    *queued = (coord_entry_t){
        .number = entry->number, .name = s_name (entry->form, entry->kind), .forced = entry->forced};
    txc_crash_point ("append.before", queued->name);
    if (!queue->waiting && s_offer (self, queued, bytes, size))
        return;
    queued->bytes = memcpy (txc_malloc (size), bytes, size);
    queued->size = (uint32_t) size;
    queue->waiting++;
}

bool coord_log_retry (coord_t *self)
{
    coord_queue_t *queue = &self->queue;
    while (queue->waiting) {
        coord_entry_t *entry = s_at (queue, queue->count - queue->waiting);
        if (!s_offer (self, entry, entry->bytes, entry->size))
            return false;
        free (entry->bytes);
        entry->bytes = NULL;
        queue->waiting--;
    }
    return true;
}

bool coord_log_next_durable (coord_t *self, uint64_t durable, uint64_t *number)
{
    coord_queue_t *queue = &self->queue;
    bool any = false;
    while (queue->count) {
        coord_entry_t *entry = s_at (queue, 0);
        if (entry->lsn == 0 || entry->lsn > durable)
            break;
        txc_crash_point ("append.after", entry->name);
        any = true;
        *number = entry->number;
        queue->head = (queue->head + 1) & (queue->room - 1);
        queue->count--;
    }
    return any;
}

/* --- snapshots --------------------------------------------------------------------- */

int coord_log_checkpoint (coord_t *self)
{
    if (txc_log_is_checkpointing (self->log))
        return TXC_PENDING;
    size_t size;
    uint64_t slot;
    void *bytes = txc_replica_snapshot (self->replica, &size, &slot);
    /* The snapshot stands for everything that core gave out, also for what waits for room here.  But until it
     * is durable itself the entries that are queued are all there is, and core still has to be told of them:
     * they are kept, since replaying them once more does no harm. */
    const coord_entry_t *first = self->queue.count ? s_at (&self->queue, 0) : NULL;
    uint64_t keep = first && first->lsn ? first->lsn : txc_log_next (self->log);
    txc_crash_point ("checkpoint.before", "SNAPSHOT");
    int rc = txc_log_checkpoint (self->log, KIND_SNAPSHOT, bytes, size, keep);
    if (rc) {
        free (bytes);
        return rc;
    }
    self->checkpointing = true;
    self->checkpoint_wanted = false;
    self->snapshot_slot = slot;
    txc_crash_point ("checkpoint.after", "SNAPSHOT");
    txc_report (TXC_REPORT_DEBUG, NULL, "snapshot of %zu bytes at slot %llu", size,
                (unsigned long long) slot);
    return TXC_OK;
}

bool coord_log_checkpointed (coord_t *self, uint64_t *slot)
{
    if (!self->checkpointing || txc_log_is_checkpointing (self->log) || txc_log_error (self->log, NULL))
        return false;
    self->checkpointing = false;
    *slot = self->snapshot_slot;
    return true;
}

/* --- start -------------------------------------------------------------------------- */

typedef struct s_replay {
    txc_replica_t *replica;
    uint64_t entries;
    uint64_t slot; /* the last one read */
} s_replay_t;

static int s_replay_entry (void *arg, uint64_t lsn, uint32_t kind, const void *bytes, size_t size)
{
    (void) lsn;
    s_replay_t *replay = arg;
    txc_entry_t entry;
    replay->entries++;
    if (kind <= KIND_LAST_OLD)
        return TXC_EVERSION;
    if (kind == KIND_SNAPSHOT)
        return txc_replica_restore (replay->replica, bytes, size);
    if (kind != KIND_ENTRY || !txc_entry_unpack (bytes, size, &entry))
        return TXC_ECORRUPT;
    replay->slot = entry.slot;
    return txc_replica_replay (replay->replica, &entry);
}

/* An empty log where a group is expected is a lost disk or a wrong path.  A group of one would answer "rolled
 * back" for what the old one committed, a replica would vote although it has forgotten what it promised.  So
 * it takes the operator's word. */
static int s_check_group (const coord_t *self, const char *folder, uint64_t entries, bool init,
                          txc_error_t *error)
{
    bool join = txc_config_bool (self->config, "group/join");
    if (init && join)
        return txc_error_set (error, TXC_ECONFIG,
                              "group/join = 1: this replica is to be added to a group; start without --init");
    if (entries > 0 && init)
        return txc_error_set (error, TXC_ECONFIG, "%.120s: holds a group already; start without --init",
                              folder);
    if (entries > 0 || init || join || txc_config_bool (self->config, "group/init"))
        return TXC_OK;
    if (self->group.n_members > 1)
        return txc_error_set (
            error, TXC_ECONFIG,
            "%.60s: the log is empty. Run txcoord --init once at each replica of a group that never ran; "
            "otherwise this one's disk is lost and must not vote: txctl member remove %u, then add it "
            "with group/join = 1 under a new number",
            folder, self->group.id);
    return txc_error_set (error, TXC_ECONFIG,
                          "%.100s: the log is empty. For a new group run txcoord --init once; if there was a "
                          "group, its disk is not mounted or lost",
                          folder);
}

int coord_log_open (coord_t *self, bool init, txc_error_t *error)
{
    const char *folder = txc_config_string (self->config, "log/folder");
    txc_log_options_t options = {
        .segment_size = (uint64_t) txc_config_int (self->config, "log/segment_size"),
        .max_segments = (uint32_t) txc_config_int (self->config, "log/max_segments"),
    };
    self->log = txc_log_open (folder, &options, error);
    if (!self->log)
        return error->code;
    s_replay_t replay = {.replica = self->replica};
    txc_error_set (error, TXC_OK, "%s", "");
    int rc = txc_log_replay (self->log, s_replay_entry, &replay, error);
    if (rc == TXC_ECONFIG && !error->text[0])
        txc_error_set (error, rc, "%.120s: holds the log of another replica than number %u", folder,
                       self->group.id);
    if (rc == TXC_EVERSION && !error->text[0])
        txc_error_set (
            error, rc,
            "%.120s: written by a version without replicas: let that one end all transactions, then "
            "format a new group in an empty folder",
            folder);
    if (rc && !error->text[0])
        txc_error_set (error, rc, "%.120s: cannot be replayed behind slot %llu: %s", folder,
                       (unsigned long long) replay.slot, txc_strerror (rc));
    if (rc == TXC_OK)
        rc = s_check_group (self, folder, replay.entries, init, error);
    if (rc)
        return rc;
    txc_log_stats_t stats;
    txc_log_stats (self->log, &stats);
    if (stats.cut_bytes)
        txc_report (TXC_REPORT_NOTICE, NULL,
                    "%s: a torn tail of %llu bytes was cut: it had never been acknowledged", folder,
                    (unsigned long long) stats.cut_bytes);
    return TXC_OK;
}

void coord_log_fini (coord_t *self)
{
    coord_queue_t *queue = &self->queue;
    for (size_t i = 0; i < queue->count; i++)
        free (s_at (queue, i)->bytes);
    free (queue->entries);
    memset (queue, 0, sizeof *queue);
}
