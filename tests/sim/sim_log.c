#include "sim_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "log/txc_store.h"
#include "sim_trace.h"
#include "tests/lib/txc_fake_disk.h"
#include "wire/txc_codec.h"

enum { SIM_KIND_CHECKPOINT = 99, SEGMENT = 131072, SEGMENTS_FEW = 4, SEGMENTS_MANY = 64 };

/* An entry on its way, or on the disk behind the last checkpoint. */
typedef struct s_place {
    txc_entry_t entry; /* its bytes are owned here */
    uint64_t lsn;      /* 0: not handed to the engine yet */
    bool durable;
} s_place_t;

struct sim_log {
    sim_t *sim;
    sim_proc_t *owner;
    bool write_through;
    sim_log_hooks_t hooks;
    txc_fake_disk_t *disk;
    txc_store_t *store;
    uint32_t max_segments;
    uint64_t formats;  /* folders that were made */
    s_place_t *places; /* in the order of numbers */
    size_t n_places, max_places;
    size_t n_appended; /* handed to the engine */
    size_t n_durable;  /* known to be durable */
    size_t n_told;     /* the owner knows */
    bool forcing;      /* the log's thread is at it */
    bool lazy;         /* a write of what is not forced is scheduled */
    txc_store_ticket_t ticket;
    uint8_t *checkpoint;
    uint64_t checkpoint_slot; /* of the one that the owner has not heard of; 0: none */
    uint64_t durable_slot;
    bool blank; /* a new disk that was not opened yet */
    bool cuts;  /* a journal's checkpoint waits for the end of a sync, to cut before cut_at */
    size_t cut_at;
};

static void s_on_write (sim_t *sim, sim_event_t *event);

sim_log_t *sim_log_new (sim_t *sim, sim_proc_t *owner, bool write_through, const sim_log_hooks_t *hooks)
{
    sim_log_t *self = txc_calloc (1, sizeof *self);
    self->sim = sim;
    self->owner = owner;
    self->write_through = write_through;
    self->hooks = *hooks;
    self->disk = txc_fake_disk_new();
    self->max_segments =
        sim_percent (sim, 30) && !sim->enabled[SIM_FAULT_RESTORED_BACKUP] ? SEGMENTS_FEW : SEGMENTS_MANY;
    return self;
}

static void s_forget_places (sim_log_t *self, size_t from)
{
    for (size_t i = from; i < self->n_places; i++)
        free (self->places[i].entry.bytes);
    self->n_places = from;
}

void sim_log_destroy (sim_log_t **self_p)
{
    sim_log_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    if (self->store)
        txc_store_abandon (&self->store);
    txc_fake_disk_destroy (&self->disk);
    s_forget_places (self, 0);
    free (self->places);
    free (self->checkpoint);
    free (self);
}

static s_place_t *s_add_place (sim_log_t *self, const txc_entry_t *entry)
{
    if (self->n_places == self->max_places) {
        self->max_places = self->max_places ? self->max_places * 2 : 64;
        self->places = txc_realloc (self->places, self->max_places * sizeof *self->places);
    }
    s_place_t *place = &self->places[self->n_places++];
    *place = (s_place_t){.entry = *entry};
    place->entry.bytes = txc_malloc (entry->size + 1u);
    if (entry->size)
        memcpy (place->entry.bytes, entry->bytes, entry->size);
    return place;
}

/* --- opening ------------------------------------------------------------------- */

typedef struct s_replay {
    sim_log_t *log;
    sim_log_replay_t *visit;
    void *arg;
} s_replay_t;

static void s_durable_now (sim_log_t *self, s_place_t *place)
{
    if (place->durable)
        return;
    place->durable = true;
    if (place->entry.slot > self->durable_slot)
        self->durable_slot = place->entry.slot;
    if (self->hooks.seen)
        self->hooks.seen (self->sim, self->owner, &place->entry);
}

static int s_on_replay (void *arg, uint64_t lsn, uint32_t kind, const void *bytes, size_t size)
{
    s_replay_t *replay = arg;
    sim_log_t *self = replay->log;
    if (kind == SIM_KIND_CHECKPOINT)
        return replay->visit (
            replay->arg, true,
            &(txc_entry_t){.bytes = (uint8_t *) (uintptr_t) bytes, .size = (uint32_t) size});
    txc_entry_t entry;
    if (!txc_entry_unpack (bytes, size, &entry))
        return TXC_ECORRUPT;
    s_place_t *place = s_add_place (self, &entry);
    place->lsn = lsn;
    s_durable_now (self, place);
    return replay->visit (replay->arg, false, &entry);
}

static bool s_open_store (sim_log_t *self)
{
    txc_error_t error;
    txc_store_options_t options = {.segment_size = SEGMENT, .max_segments = self->max_segments};
    options.new_id = txc_mix64 (self->sim->seed * 64 + self->owner->number * 4u + self->formats++);
    self->store = txc_store_open (txc_fake_disk_table (self->disk), &options, &error);
    if (!self->store)
        sim_violation (self->sim, "log-refused", "%s cannot open its log: %s", self->owner->name, error.text);
    return self->store != NULL;
}

void sim_log_make_room (sim_log_t *self)
{
    while (self->store && txc_store_prepare (self->store, true) == TXC_PENDING)
        ;
}

bool sim_log_open (sim_log_t *self, sim_log_replay_t *replay, void *arg)
{
    uint64_t expected = self->durable_slot;
    s_forget_places (self, 0);
    if (!s_open_store (self))
        return false;
    sim_log_make_room (self); /* as the log's thread does it: before anything is replayed */
    s_replay_t context = {self, replay, arg};
    txc_error_t error;
    int rc = txc_store_replay (self->store, s_on_replay, &context, &error);
    if (rc != TXC_OK) {
        sim_violation (self->sim, "log-refused", "%s cannot replay its log: %s", self->owner->name,
                       txc_strerror (rc));
        return false;
    }
    self->n_appended = self->n_durable = self->n_told = self->n_places;
    self->blank = false;
    uint64_t last = 0;
    for (size_t i = 0; i < self->n_places; i++)
        if (self->places[i].entry.slot > last)
            last = self->places[i].entry.slot;
    if (last && last < expected && !self->write_through && self->sim->n_replicas == 1)
        sim_violation (self->sim, "durable-record-lost", "%s finds slot %u, slot %u was durable",
                       self->owner->name, (unsigned) last, (unsigned) expected);
    return true;
}

/* --- the log's thread --------------------------------------------------------------- */

static bool s_append (sim_log_t *self)
{
    uint8_t packed[TXC_ENTRY_MAX];
    for (; self->n_appended < self->n_places; self->n_appended++) {
        s_place_t *place = &self->places[self->n_appended];
        size_t size = txc_entry_pack (&place->entry, packed);
        if (txc_store_append (self->store, 1, packed, size, &place->lsn) != TXC_OK)
            return false; /* no space: it stays in the queue */
    }
    return true;
}

static bool s_has_forced (const sim_log_t *self)
{
    for (size_t i = self->n_durable; i < self->n_places; i++)
        if (self->places[i].entry.forced)
            return true;
    return false;
}

static void s_on_told (sim_t *sim, sim_event_t *event)
{
    (void) sim;
    sim_log_t *self = event->data;
    if (sim_strikes (self->sim, SIM_FAULT_CRASH_BEFORE_TOLD)) {
        self->hooks.die (self->sim, self->owner);
        return;
    }
    if (self->n_told == self->n_durable)
        return;
    self->n_told = self->n_durable;
    self->hooks.told (self->sim, self->owner, self->places[self->n_told - 1].entry.number);
}

static void s_note_durable (sim_log_t *self)
{
    while (self->n_durable < self->n_appended &&
           self->places[self->n_durable].lsn <= txc_store_durable (self->store))
        s_durable_now (self, &self->places[self->n_durable++]);
    sim_after (self->sim, sim_between (self->sim, 1, 20), self->owner, self->owner->life, s_on_told)->data =
        self;
}

static void s_wake (sim_log_t *self, uint64_t delay_us)
{
    sim_after (self->sim, delay_us, self->owner, self->owner->life, s_on_write)->data = self;
}

static void s_wake_lazily (sim_log_t *self)
{
    self->lazy = true;
    s_wake (self, sim_between (self->sim, 10 * SIM_MS, 50 * SIM_MS));
}

static void s_cut (sim_log_t *self);

static void s_on_forced (sim_t *sim, sim_event_t *event)
{
    sim_log_t *self = event->data;
    if (sim_strikes (sim, SIM_FAULT_CRASH_BEFORE_DURABLE)) {
        self->hooks.die (sim, self->owner);
        return;
    }
    int forced =
        TXC_MUTANT (SYNC_SKIPPED) ? 0 : txc_store_force (txc_fake_disk_table (self->disk), &self->ticket);
    txc_store_sync_end (self->store, &self->ticket, forced);
    self->forcing = false;
    s_cut (self);
    s_note_durable (self);
    if (s_has_forced (self))
        s_wake (self, 1);
    else if (self->n_durable < self->n_places && !self->lazy) /* put meanwhile */
        s_wake_lazily (self);
}

static void s_on_write (sim_t *sim, sim_event_t *event)
{
    sim_log_t *self = event->data;
    self->lazy = false;
    if (self->forcing)
        return; /* what is forced will go with the next write */
    self->forcing = true;
    sim_log_make_room (self);
    bool all = s_append (self);
    if (!all)
        sim_trace (sim, self->owner->name, "has no space in its log");
    if (txc_store_sync_begin (self->store, &self->ticket) != TXC_OK) {
        sim_violation (sim, "log-failed", "%s's log failed", self->owner->name);
        return;
    }
    if (TXC_MUTANT (DURABLE_TOLD_EARLY) && self->n_told < self->n_appended) {
        const s_place_t *last = &self->places[self->n_appended - 1];
        self->n_told = self->n_appended;
        self->hooks.told (sim, self->owner, last->entry.number);
        if (!self->store)
            return;
    }
    sim_after (sim, sim_between (sim, 50, sim_percent (sim, 90) ? 400 : 20 * SIM_MS), self->owner,
               self->owner->life, s_on_forced)
        ->data = self;
}

static void s_put (sim_log_t *self, const txc_entry_t *entry, bool write_through)
{
    s_place_t *place = s_add_place (self, entry);
    if (!place->entry.form)
        place->entry.form = TXC_ENTRY_ACCEPTED; /* a journal knows no forms */
    if (entry->forced)
        s_wake (self, sim_between (self->sim, 1, 50));
    else if (write_through && s_append (self))
        txc_store_write (self->store);
    if (!entry->forced && !self->lazy)
        s_wake_lazily (self);
}

void sim_log_put (sim_log_t *self, const txc_entry_t *entry)
{
    s_put (self, entry, self->write_through);
}

void sim_log_put_along (sim_log_t *self, const txc_entry_t *entry)
{
    s_put (self, entry, false);
}

/* --- checkpoints -------------------------------------------------------------------- */

size_t sim_log_count (const sim_log_t *self)
{
    return self->n_places;
}

/* Goes on with a checkpoint that is under way, as far as there is space. */
static void s_checkpoint_on (sim_log_t *self)
{
    while (txc_store_is_stepping (self->store) && txc_store_checkpoint_step (self->store) == TXC_OK)
        ;
    txc_store_sync (self->store);
    sim_log_make_room (self);
    s_note_durable (self);
}

static bool s_checkpoint (sim_log_t *self, void *bytes, size_t size, size_t place)
{
    bool can_begin = s_append (self) && !self->forcing && !txc_store_is_checkpointing (self->store);
    uint64_t keep = place < self->n_appended ? self->places[place].lsn : txc_store_next (self->store);
    bool begins =
        can_begin && txc_store_checkpoint (self->store, SIM_KIND_CHECKPOINT, bytes, size, keep) == TXC_OK;
    if (begins) {
        sim_count (self->sim, SIM_FAULT_CHECKPOINT);
        sim_trace (self->sim, self->owner->name, "takes a checkpoint up to entry %u", (unsigned) keep);
        free (self->checkpoint);
        self->checkpoint = bytes; /* the engine borrows it */
    } else {
        free (bytes);
    }
    if (!self->forcing)
        s_checkpoint_on (self);
    return begins;
}

bool sim_log_checkpoint (sim_log_t *self, void *bytes, size_t size, uint64_t slot)
{
    if (!s_checkpoint (self, bytes, size, self->n_told < self->n_places ? self->n_told : self->n_places))
        return false;
    self->checkpoint_slot = slot;
    return true;
}

bool sim_log_checkpointed (sim_log_t *self, uint64_t *slot)
{
    if (!self->checkpoint_slot || txc_store_is_checkpointing (self->store))
        return false;
    *slot = self->checkpoint_slot;
    self->checkpoint_slot = 0;
    return true;
}

/* Cuts the journal as soon as its thread is free to: what was written for that must not be in vain. */
static void s_cut (sim_log_t *self)
{
    if (!self->cuts || self->forcing)
        return;
    self->cuts = false;
    s_checkpoint (self, NULL, 0, self->cut_at);
}

bool sim_log_is_cutting (const sim_log_t *self)
{
    return self->cuts || (self->store && txc_store_is_checkpointing (self->store));
}

void sim_log_cut (sim_log_t *self, size_t place)
{
    self->cuts = true;
    self->cut_at = place;
    s_cut (self);
}

/* --- space, crashes --------------------------------------------------------------------- */

bool sim_log_wants_checkpoint (const sim_log_t *self)
{
    uint32_t share = self->write_through ? 4 : 2; /* txc_jfile.c; the coordinator's */
    return self->store && txc_store_size (self->store) > (uint64_t) SEGMENT * self->max_segments / share;
}

bool sim_log_is_low (const sim_log_t *self)
{
    return self->store && txc_store_is_low (self->store);
}

void sim_log_set_full (sim_log_t *self, bool full)
{
    txc_fake_disk_faults (self->disk)->capacity = full && !self->blank ? 1 : 0;
    sim_log_make_room (self);
}

bool sim_log_crash (sim_log_t *self, bool machine)
{
    if (!self->store)
        return false;
    bool dirty = txc_store_is_dirty (self->store);
    txc_store_abandon (&self->store);
    self->forcing = self->lazy = self->cuts = false;
    self->checkpoint_slot = 0;
    s_forget_places (self, 0);
    self->n_appended = self->n_durable = self->n_told = 0;
    if (!machine) {
        txc_fake_disk_kill (self->disk);
        return false;
    }
    uint64_t before = txc_fake_disk_counts (self->disk).lost_sectors;
    txc_fake_disk_crash (self->disk, sim_random (self->sim));
    uint64_t lost = txc_fake_disk_counts (self->disk).lost_sectors - before;
    if (lost) {
        sim_count (self->sim, SIM_FAULT_WRITES_LOST);
        if (dirty && lost > 1)
            sim_count (self->sim, SIM_FAULT_WRITE_TORN);
    }
    return dirty;
}

void sim_log_restore (sim_log_t *self, uint64_t slot)
{
    /* The copy was taken when the log ended at slot. */
    txc_fake_disk_t *old = self->disk;
    s_place_t *places = self->places;
    size_t n_places = self->n_places;
    self->places = NULL;
    self->n_places = self->max_places = 0;
    if (self->store)
        txc_store_abandon (&self->store);
    self->disk = txc_fake_disk_new();
    self->forcing = self->lazy = self->cuts = false;
    self->checkpoint_slot = 0;
    self->n_appended = self->n_durable = self->n_told = 0;
    self->durable_slot = slot;
    if (s_open_store (self)) {
        uint8_t packed[TXC_ENTRY_MAX];
        for (size_t i = 0; i < n_places; i++)
            if (places[i].entry.slot <= slot)
                txc_store_append (self->store, 1, packed, txc_entry_pack (&places[i].entry, packed), NULL);
        txc_store_close (&self->store);
    }
    txc_fake_disk_destroy (&old);
    for (size_t i = 0; i < n_places; i++)
        free (places[i].entry.bytes);
    free (places);
}

void sim_log_format (sim_log_t *self)
{
    if (self->store)
        txc_store_abandon (&self->store);
    txc_fake_disk_destroy (&self->disk);
    self->disk = txc_fake_disk_new();
    self->forcing = self->lazy = self->cuts = false;
    self->checkpoint_slot = 0;
    s_forget_places (self, 0);
    self->n_appended = self->n_durable = self->n_told = 0;
    self->durable_slot = 0;
    self->blank = true;
}

uint64_t sim_log_durable (const sim_log_t *self)
{
    return self->durable_slot;
}
