#include "config.h"

#include "txctl/tool_history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "core/txc_replica.h"
#include "log/txc_log_dump.h"
#include "txctl/tool_dump.h"
#include "wire/txc_codec.h"

enum { TRIES = 10 /* a log that is in use goes on while it is read */ };

typedef struct s_decision {
    uint64_t slot;
    json_t *line;
} s_decision_t;

struct tool_history {
    s_decision_t *decisions;
    size_t count, room;
    uint64_t cluster; /* 0: not known yet */
};

/* --- a log's snapshots ------------------------------------------------------------------- */

/* The state at slot; the entries from LSN keep on follow it. */
typedef struct s_snapshot {
    uint64_t keep, slot, digest, cluster;
    void *bytes;
    size_t size;
} s_snapshot_t;

typedef struct s_read {
    tool_history_t *history;
    void (*note) (void *arg, const char *text);
    void *note_arg;
    s_snapshot_t *snapshots;
    size_t count;
    uint64_t first; /* LSN of the first entry that is left; 0: none */
    /* while it is replayed */
    txc_replica_t *replica;
    uint64_t next; /* LSN of the next entry */
    size_t base;   /* snapshots up to this one are behind us */
    uint64_t from; /* the first slot that is not known from here */
    bool again;    /* it has to go on at a snapshot, read->base */
    char gap[160]; /* where it could not go on */
} s_read_t;

static void s_applied (void *arg, uint64_t slot, const txc_rec_t *record)
{
    tool_history_t *self = ((s_read_t *) arg)->history;
    switch ((txc_rec_type_t) record->type) {
    case TXC_REC_BARRIER:
    case TXC_REC_MEMBERS:
    case TXC_REC_COMMIT:
    case TXC_REC_ABORT:
    case TXC_REC_HEURISTIC:
        break;
    default:
        return;
    }
    if (self->count == self->room) {
        self->room = self->room ? self->room * 2 : 256;
        self->decisions = txc_realloc (self->decisions, self->room * sizeof *self->decisions);
    }
    self->decisions[self->count++] = (s_decision_t){slot, tool_dump_value (slot, record)};
}

static txc_replica_t *s_replica_new (s_read_t *read)
{
    return txc_replica_new (
        &(txc_replica_config_t){.codec = &txc_record_codec, .applied = s_applied, .applied_arg = read});
}

static uint64_t s_slot (const txc_replica_t *replica)
{
    uint64_t digest;
    return txc_replica_applied (replica, &digest);
}

static uint64_t s_digest (const txc_replica_t *replica)
{
    uint64_t digest;
    txc_replica_applied (replica, &digest);
    return digest;
}

static uint64_t s_cluster (const txc_replica_t *replica)
{
    txc_replica_status_t status;
    txc_replica_status (replica, &status);
    return status.cluster;
}

static int s_collect (void *arg, const txc_log_dump_entry_t *entry)
{
    s_read_t *read = arg;
    if (!entry->is_checkpoint) {
        read->first = read->first ? read->first : entry->lsn;
        return TXC_OK;
    }
    txc_replica_t *replica = txc_replica_new (&(txc_replica_config_t){.codec = &txc_record_codec});
    int rc = txc_replica_restore (replica, entry->bytes, entry->size);
    if (rc == TXC_OK) {
        read->snapshots = txc_realloc (read->snapshots, (read->count + 1) * sizeof *read->snapshots);
        void *bytes = memcpy (txc_malloc (entry->size), entry->bytes, entry->size);
        read->snapshots[read->count++] = (s_snapshot_t){
            entry->lsn, s_slot (replica), s_digest (replica), s_cluster (replica), bytes, entry->size};
    }
    txc_replica_destroy (&replica);
    return rc;
}

/* --- replaying it -------------------------------------------------------------------------- */

/* Begins, or goes on, at a snapshot: what lies between is not in this log. */
static int s_begin_at (s_read_t *read, size_t base)
{
    const s_snapshot_t *snapshot = &read->snapshots[base];
    char text[128];
    snprintf (text, sizeof text, "slots %" PRIu64 " to %" PRIu64 " are only known as a snapshot", read->from,
              snapshot->slot);
    if (read->from <= snapshot->slot)
        read->note (read->note_arg, text);
    txc_replica_destroy (&read->replica);
    read->replica = s_replica_new (read);
    read->base = base + 1;
    read->next = snapshot->keep;
    return txc_replica_restore (read->replica, snapshot->bytes, snapshot->size);
}

static void s_forget (tool_history_t *self, size_t count)
{
    while (self->count > count)
        json_decref (self->decisions[--self->count].line);
}

/* Whether what hint says is chosen is known by another replica's snapshot only: this log has never got the
 * values of its slots, or holds others there, of ballots that led to nothing.  A snapshot of its own has the
 * digest of what is left here. */
static bool s_is_told_by_snapshot (s_read_t *read, uint64_t lsn, const txc_entry_t *hint)
{
    for (size_t i = read->base; i < read->count; i++) {
        const s_snapshot_t *snapshot = &read->snapshots[i];
        if (snapshot->keep > lsn)
            return false;
        if (snapshot->slot <= s_slot (read->replica) || snapshot->slot > hint->slot ||
            snapshot->cluster != s_cluster (read->replica))
            continue;
        size_t count = read->history->count;
        read->from = s_slot (read->replica) + 1;
        txc_entry_t up_to = *hint;
        up_to.slot = snapshot->slot;
        if (txc_replica_replay (read->replica, &up_to) == TXC_OK &&
            s_slot (read->replica) == snapshot->slot && s_digest (read->replica) == snapshot->digest)
            continue;
        s_forget (read->history, count);
        read->base = i;
        return true;
    }
    return false;
}

static int s_replay (void *arg, const txc_log_dump_entry_t *entry)
{
    s_read_t *read = arg;
    txc_entry_t value;
    if (entry->is_checkpoint || entry->lsn < read->next)
        return TXC_OK;
    if (entry->lsn != read->next) {
        snprintf (read->gap, sizeof read->gap, "entry %" PRIu64 " is followed by %" PRIu64 " in %.60s",
                  read->next - 1, entry->lsn, entry->file);
        return TXC_ENOTREADY;
    }
    read->next++;
    if (!txc_entry_unpack (entry->bytes, entry->size, &value))
        return TXC_ECORRUPT;
    if (value.form == TXC_ENTRY_CHOSEN && s_is_told_by_snapshot (read, entry->lsn, &value)) {
        read->again = true;
        return TXC_ENOTREADY;
    }
    return txc_replica_replay (read->replica, &value);
}

static void s_ignore (void *arg, const char *text)
{
    (void) arg;
    (void) text;
}

/* The next snapshot that is not what the entries before it led to: it came from another replica, or an
 * operator made a new group of this one. */
static bool s_jump (s_read_t *read)
{
    for (; read->base < read->count; read->base++) {
        const s_snapshot_t *snapshot = &read->snapshots[read->base];
        if (snapshot->slot > s_slot (read->replica) || snapshot->cluster != s_cluster (read->replica)) {
            read->from = s_slot (read->replica) + 1;
            return true;
        }
    }
    return false;
}

static int s_replay_all (s_read_t *read, const char *folder, txc_error_t *error)
{
    static const txc_log_dump_visitor_t visitor = {.entry = s_replay, .note = s_ignore};
    int rc = TXC_OK;
    size_t base = 0;
    /* What an older snapshot needs behind it may have been recycled already. */
    while (base < read->count && read->snapshots[base].keep < read->first)
        base++;
    if (read->first == 1) {
        read->replica = s_replica_new (read);
        read->next = 1;
    } else if (base < read->count)
        rc = s_begin_at (read, base);
    else { /* they were recycled while it was read; or it is damaged */
        snprintf (read->gap, sizeof read->gap,
                  "neither the log's beginning nor a snapshot with all that follows it was there (if no "
                  "replica runs on it, it is damaged)");
        return TXC_ENOTREADY;
    }
    while (rc == TXC_OK) {
        read->again = false;
        rc = txc_log_dump (folder, &visitor, read, error);
        if (!read->again && (rc || !s_jump (read)))
            break;
        rc = s_begin_at (read, read->base);
    }
    return rc;
}

/* --- the decisions -------------------------------------------------------------------------- */

tool_history_t *tool_history_new (void)
{
    return txc_calloc (1, sizeof (tool_history_t));
}

void tool_history_destroy (tool_history_t **self_p)
{
    tool_history_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        json_decref (self->decisions[i].line);
    free (self->decisions);
    free (self);
}

static int s_compare (const void *a, const void *b)
{
    uint64_t x = ((const s_decision_t *) a)->slot, y = ((const s_decision_t *) b)->slot;
    return x < y ? -1 : x > y;
}

/* In the order of slots, each once. */
static int s_arrange (tool_history_t *self, const char *folder, txc_error_t *error)
{
    size_t kept = 0;
    int rc = TXC_OK;
    if (self->count)
        qsort (self->decisions, self->count, sizeof *self->decisions, s_compare);
    for (size_t i = 0; i < self->count; i++) {
        s_decision_t *last = kept ? &self->decisions[kept - 1] : NULL;
        if (!last || last->slot != self->decisions[i].slot) {
            self->decisions[kept++] = self->decisions[i];
            continue;
        }
        if (rc == TXC_OK && !json_equal (last->line, self->decisions[i].line))
            rc = txc_error_set (error, TXC_EFOREIGN,
                                "%.120s: holds another value in slot %" PRIu64
                                " than a log before it; two logs of one group never do",
                                folder, last->slot);
        json_decref (self->decisions[i].line);
    }
    self->count = kept;
    return rc;
}

static int s_check_cluster (tool_history_t *self, const txc_replica_t *replica, const char *folder,
                            txc_error_t *error)
{
    uint64_t cluster = s_cluster (replica);
    if (self->cluster && cluster && cluster != self->cluster)
        return txc_error_set (error, TXC_EFOREIGN, "%.120s: the log of another group (%016" PRIx64 ")",
                              folder, cluster);
    if (cluster)
        self->cluster = cluster;
    return TXC_OK;
}

static int s_add (tool_history_t *self, const char *folder, void (*note) (void *arg, const char *text),
                  void *arg, txc_error_t *error)
{
    txc_log_dump_visitor_t visitor = {.entry = s_collect, .note = s_ignore};
    s_read_t read = {.history = self, .note = note, .note_arg = arg, .from = 1};
    txc_error_set (error, TXC_OK, "%s", "");
    int rc = txc_log_dump (folder, &visitor, &read, error);
    if (rc == TXC_OK && (read.first || read.count))
        rc = s_replay_all (&read, folder, error);
    if (rc == TXC_OK && read.replica)
        rc = s_check_cluster (self, read.replica, folder, error);
    if (rc == TXC_ENOTREADY)
        txc_error_set (error, rc, "%.200s: %s: it is in use and goes on too fast to be read; run this again",
                       folder, read.gap);
    int arranged = s_arrange (self, folder, rc ? &(txc_error_t){0} : error);
    for (size_t i = 0; i < read.count; i++)
        free (read.snapshots[i].bytes);
    free (read.snapshots);
    txc_replica_destroy (&read.replica);
    return rc ? rc : arranged;
}

int tool_history_add (tool_history_t *self, const char *folder, void (*note) (void *arg, const char *text),
                      void *arg, txc_error_t *error)
{
    int rc = TXC_ENOTREADY;
    /* Its replica may have recycled a segment between two looks at it; what was read already is kept once. */
    for (int tries = 0; rc == TXC_ENOTREADY && tries < TRIES; tries++)
        rc = s_add (self, folder, note, arg, error);
    if (rc && !error->text[0])
        txc_error_set (error, rc, "%.200s: no log of a replica, or it cannot be replayed: %s", folder,
                       txc_strerror (rc));
    return rc;
}

const json_t *tool_history_nth (tool_history_t *self, size_t n)
{
    return n < self->count ? self->decisions[n].line : NULL;
}
