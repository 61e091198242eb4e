#include "config.h"

#include "txagent/txc_jfile.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "daemon/txc_crash.h"
#include "daemon/txc_report.h"

#define JFILE_MAGIC 0x6a66696cu

enum {
    EXIT_IO = 74,            /* EX_IOERR of sysexits.h */
    OVERLOAD_WAIT_MS = 10000 /* how long the disk may take to make room for an entry */
};

/* A forced entry on its way to the disk. */
typedef struct waiting {
    uint64_t lsn, slot;
    const char *name;
} waiting_t;

struct txc_jfile {
    uint32_t magic;
    txc_log_t *log;
    uint64_t grow;  /* bytes after which it is tidied */
    uint64_t limit; /* tidy when its size is beyond that */
    bool crowded;   /* its disk is full, and what is live has no room beside the rest */
    waiting_t *waiting;
    uint32_t n_waiting, max_waiting;
};

/* Ends the process here: the caller is about to do what rests on the entry. */
static _Noreturn void s_die (const char *what, const char *why)
{
    txc_report (
        TXC_REPORT_ERROR, NULL,
        "the journal cannot be %s: %s; the agent stops, branches stay as the databases have them and are "
        "recovered at the next start",
        what, why);
    _exit (EXIT_IO);
}

/* The journal's own text for a failure, if it has one. */
static _Noreturn void s_die_of (txc_jfile_t *self, const char *what, int code)
{
    txc_error_t error = {0};
    if (txc_log_error (self->log, &error) == TXC_OK)
        txc_error_set (&error, code, "%s%s", txc_strerror (code),
                       code == TXC_ENOSPACE ? " (raise journal/max_segments)" : "");
    s_die (what, error.text);
}

txc_jfile_t *txc_jfile_open (const char *folder, const txc_log_options_t *options, txc_error_t *error)
{
    txc_log_t *log = txc_log_open (folder, options, error);
    return log ? txc_jfile_new (log, options) : NULL;
}

txc_jfile_t *txc_jfile_new (txc_log_t *log, const txc_log_options_t *options)
{
    txc_jfile_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, JFILE_MAGIC);
    self->log = log;
    self->grow = options->segment_size * options->max_segments / 4;
    self->limit = self->grow;
    return self;
}

void txc_jfile_close (txc_jfile_t **self_p)
{
    txc_jfile_t *self = *self_p;
    *self_p = NULL;
    TXC_CHECK (self, JFILE_MAGIC);
    int rc = txc_log_close (&self->log);
    if (rc != TXC_OK)
        s_die ("closed", txc_strerror (rc));
    TXC_UNMAGIC (self, JFILE_MAGIC);
    free (self->waiting);
    free (self);
}

static int s_visit (void *arg, uint64_t lsn, uint32_t kind, const void *bytes, size_t size)
{
    (void) lsn;
    (void) kind;
    return txc_agent_replay (arg, bytes, size);
}

int txc_jfile_replay (txc_jfile_t *self, txc_agent_t *agent, txc_error_t *error)
{
    TXC_CHECK (self, JFILE_MAGIC);
    txc_error_set (error, TXC_ECORRUPT, "the journal holds an entry that this version cannot read");
    return txc_log_replay (self->log, s_visit, agent, error);
}

static void s_remember (txc_jfile_t *self, uint64_t lsn, const txc_entry_t *entry)
{
    if (self->n_waiting == self->max_waiting) {
        self->max_waiting = self->max_waiting ? self->max_waiting * 2 : 16;
        self->waiting = txc_realloc (self->waiting, self->max_waiting * sizeof *self->waiting);
    }
    self->waiting[self->n_waiting++] =
        (waiting_t){lsn, entry->slot, txc_journal_name ((txc_journal_kind_t) entry->kind)};
}

/* Appends; waits a while for a disk that does not keep up, since nothing may go on without the entry. */
static uint64_t s_append (txc_jfile_t *self, const txc_entry_t *entry, bool written)
{
    uint64_t lsn = 0;
    for (int waited = 0;; waited++) {
        int rc =
            written ? txc_log_write (self->log, entry->kind, entry->bytes, entry->size, &lsn)
                    : txc_log_append (self->log, entry->kind, entry->bytes, entry->size, entry->forced, &lsn);
        if (rc == TXC_OK)
            return lsn;
        if (rc != TXC_EOVERLOAD || waited == OVERLOAD_WAIT_MS)
            s_die_of (self, "written", rc);
        txc_log_flush (self->log);
        nanosleep (&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

void txc_jfile_put (txc_jfile_t *self, const txc_entry_t *entry)
{
    TXC_CHECK (self, JFILE_MAGIC);
    const char *name = txc_journal_name ((txc_journal_kind_t) entry->kind);
    txc_crash_point ("journal.before", name);
    /* Nothing rests on a FORGET: it travels with the next entry that is written. */
    uint64_t lsn = s_append (self, entry, !entry->forced && entry->kind != TXC_JOURNAL_FORGET);
    if (entry->forced)
        s_remember (self, lsn, entry);
    else
        txc_crash_point ("journal.after", name);
}

void txc_jfile_flush (txc_jfile_t *self)
{
    TXC_CHECK (self, JFILE_MAGIC);
    txc_log_flush (self->log);
}

int txc_jfile_fd (const txc_jfile_t *self)
{
    TXC_CHECK (self, JFILE_MAGIC);
    return txc_log_fd (self->log);
}

uint64_t txc_jfile_durable (txc_jfile_t *self)
{
    TXC_CHECK (self, JFILE_MAGIC);
    uint64_t lsn = txc_log_durable (self->log), slot = 0;
    if (txc_log_error (self->log, NULL) != TXC_OK)
        s_die_of (self, "made durable", TXC_EIO);
    uint32_t done = 0;
    for (; done < self->n_waiting && self->waiting[done].lsn <= lsn; done++) {
        txc_crash_point ("journal.after", self->waiting[done].name);
        slot = self->waiting[done].slot;
    }
    self->n_waiting -= done;
    if (done)
        memmove (self->waiting, self->waiting + done, self->n_waiting * sizeof *self->waiting);
    return slot;
}

/* Without room for a further segment it need not grow any more: it is tidied while there is most of one left.
 */
static bool s_is_due (txc_jfile_t *self)
{
    bool low = txc_log_is_low (self->log);
    self->crowded = self->crowded && low;
    return txc_log_size (self->log) >= self->limit ||
           (low && !self->crowded && txc_log_can_shrink (self->log));
}

/* Whether all of it can be appended. */
static bool s_has_room (const txc_jfile_t *self, const txc_update_t *update)
{
    enum { OVERHEAD = 40 }; /* txc_log_room */
    uint64_t size = 0;
    for (uint32_t i = 0; i < update->n_entries; i++)
        size += update->entries[i].size + update->entries[i].size / 32 + OVERHEAD;
    return size <= txc_log_room (self->log);
}

void txc_jfile_tidy (txc_jfile_t *self, txc_agent_t *agent, txc_update_t *update)
{
    TXC_CHECK (self, JFILE_MAGIC);
    if (txc_log_is_checkpointing (self->log) || !s_is_due (self))
        return;
    uint64_t keep = txc_log_next (self->log), live = 0;
    txc_agent_checkpoint (agent, update);
    if (txc_log_is_low (self->log) && !s_has_room (self, update)) {
        self->crowded = true; /* it goes on as long as it can */
        txc_update_clear (update);
        return;
    }
    for (uint32_t i = 0; i < update->n_entries; i++) {
        s_append (self, &update->entries[i], false);
        live += update->entries[i].size;
    }
    txc_update_clear (update);
    int rc = txc_log_checkpoint (self->log, TXC_JOURNAL_NONE, NULL, 0, keep);
    if (rc != TXC_OK)
        s_die_of (self, "cut", rc);
    self->limit = live + self->grow;
}

void txc_jfile_stats (txc_jfile_t *self, txc_log_stats_t *stats)
{
    TXC_CHECK (self, JFILE_MAGIC);
    txc_log_stats (self->log, stats);
}
