/*
 * The state of acceptor and learner as bytes, and back; replaying the log.
 *
 * A snapshot of this replica's own holds its promise, whose disk it is, what
 * it accepted behind the applied state, and the votes that it holds.  What may go to another replica
 * is only the inner part: members and the applied state.
 */
#include "core/txc_paxos_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#define STATE_MAGIC 0x3130747370637874u /* "txcpst01" */
#define OWN_MAGIC   0x31306e7770637874u /* "txcpwn01" */

typedef struct state_header {
    uint64_t magic, slot, members_slot, app_size;
    uint32_t max_member, members_size;
} state_header_t;

typedef struct own_header {
    uint64_t magic, disk, promised_round, state_size, values_size;
    uint32_t promised_replica, id;
} own_header_t;

static uint8_t *s_put (uint8_t *to, const void *bytes, size_t size)
{
    if (size)
        memcpy (to, bytes, size);
    return to + size;
}

/* --- what may go to another replica ----------------------------------------------------------- */

void *txc_paxos_state_save (const txc_paxos_t *self, size_t *size)
{
    uint8_t members[TXC_RECORD_MAX];
    size_t app_size;
    void *app = self->hooks.save (self->hooks.arg, &app_size);
    state_header_t header = {.magic = STATE_MAGIC,
                             .slot = self->chosen,
                             .members_slot = self->members_slot,
                             .app_size = app_size,
                             .max_member = self->max_member};
    if (self->n_members) {
        txc_rec_t *record = txc_calloc (1, sizeof *record);
        record->type = TXC_REC_MEMBERS;
        record->n_members = self->n_members;
        memcpy (record->members, self->members, self->n_members * sizeof *self->members);
        header.members_size = (uint32_t) self->config.codec->encode (record, members);
        free (record);
    }
    *size = sizeof header + header.members_size + app_size;
    uint8_t *bytes = txc_malloc (*size);
    s_put (s_put (s_put (bytes, &header, sizeof header), members, header.members_size), app, app_size);
    free (app);
    return bytes;
}

int txc_paxos_state_load (txc_paxos_t *self, const uint64_t *slot, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    state_header_t header;
    if (size < sizeof header)
        return TXC_ECORRUPT;
    memcpy (&header, bytes, sizeof header);
    if (header.magic != STATE_MAGIC || header.members_size > size - sizeof header ||
        header.app_size != size - sizeof header - header.members_size || (slot && header.slot != *slot))
        return TXC_ECORRUPT;
    txc_rec_t *record = &self->scratch;
    const uint8_t *members = bytes + sizeof header;
    if (header.members_size && !self->config.codec->decode (members, header.members_size, record))
        return TXC_ECORRUPT;
    txc_rec_t *copy = txc_malloc (sizeof *copy);
    *copy = *record;
    int rc = self->hooks.load (self->hooks.arg, header.slot, members + header.members_size,
                               (size_t) header.app_size);
    if (rc == TXC_OK) {
        self->chosen = self->hinted = self->installed = header.slot;
        if (TXC_MUTANT (SNAPSHOT_DROPS_VOTES))
            txc_votes_clear (&self->votes);
        txc_paxos_slots_drop (self, header.slot);
        if (self->next_slot <= header.slot)
            self->next_slot = header.slot + 1;
        if (header.max_member > self->max_member)
            self->max_member = header.max_member;
        if (header.members_size)
            txc_paxos_members_set (self, header.members_slot, copy);
    }
    free (copy);
    return rc;
}

/* --- this replica's own ------------------------------------------------------------------------- */

static size_t s_values_size (const txc_paxos_t *self)
{
    size_t size = 0;
    for (uint64_t slot = self->chosen + 1; slot <= self->last; slot++) {
        const txc_paxos_slot_t *at = txc_paxos_slot (self, slot);
        size += at ? TXC_PAXOS_VALUE_HEADER + (size_t) at->size : 0;
    }
    return size;
}

void *txc_paxos_snapshot (const txc_paxos_t *self, size_t *size)
{
    size_t state_size;
    void *state = txc_paxos_state_save (self, &state_size);
    own_header_t header = {.magic = OWN_MAGIC,
                           .disk = self->disk,
                           .promised_round = self->promised.round,
                           .state_size = state_size,
                           .values_size = s_values_size (self) + self->votes.bytes,
                           .promised_replica = self->promised.replica,
                           .id = self->config.id};
    *size = sizeof header + state_size + header.values_size;
    uint8_t *bytes = txc_malloc (*size), *at = s_put (bytes, &header, sizeof header);
    at = s_put (at, state, state_size);
    free (state);
    for (uint64_t slot = self->chosen + 1; slot <= self->last; slot++) {
        const txc_paxos_slot_t *value = txc_paxos_slot (self, slot);
        if (value)
            at = txc_paxos_value_pack (&(txc_paxos_value_t){.slot = slot,
                                                            .ballot = value->ballot,
                                                            .kind = value->kind,
                                                            .forced = value->forced,
                                                            .chosen = value->chosen,
                                                            .size = value->size,
                                                            .bytes = value->bytes},
                                       at);
    }
    txc_paxos_votes_pack (self, at);
    return bytes;
}

static void s_keep (txc_paxos_t *self, const txc_paxos_value_t *value)
{
    txc_paxos_slot_t *at = txc_paxos_slot_set (self, value->slot, value->kind, value->bytes, value->size);
    at->ballot = value->ballot;
    at->number = 0;
    at->acks = value->ballot.round ? 1 : 0;
    at->forced = value->forced;
    at->chosen = at->chosen || value->chosen;
}

int txc_paxos_restore (txc_paxos_t *self, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    own_header_t header;
    if (size < sizeof header)
        return TXC_ECORRUPT;
    memcpy (&header, bytes, sizeof header);
    if (header.magic != OWN_MAGIC || header.state_size > size - sizeof header ||
        header.values_size != size - sizeof header - header.state_size)
        return TXC_ECORRUPT;
    if (!txc_paxos_is_of (self, header.id))
        return TXC_ECONFIG;
    self->disk = header.disk;
    self->promised = (txc_epoch_t){header.promised_round, header.promised_replica};
    bytes += sizeof header;
    int rc = txc_paxos_state_load (self, NULL, bytes, (size_t) header.state_size);
    if (rc)
        return rc;
    self->checkpointed = self->installed = self->chosen;
    if (header.values_size == 0)
        return TXC_OK;
    txc_blob_t *body = txc_blob_new (bytes + header.state_size, (size_t) header.values_size);
    if (!body)
        return TXC_ENOMEM;
    rc = txc_paxos_values_check (body) ? TXC_OK : TXC_ECORRUPT;
    txc_paxos_value_t value;
    size_t at = 0;
    while (rc == TXC_OK && txc_paxos_value_next (body, &at, &value))
        if (value.kind == TXC_REC_VOTE)
            rc = txc_paxos_vote_replay (self, value.ballot, value.bytes, value.size);
        else if (value.slot > self->chosen)
            s_keep (self, &value);
    txc_blob_destroy (&body);
    txc_paxos_advance (self);
    return rc;
}

/* --- the log behind it ---------------------------------------------------------------------------- */

static int s_replay_value (txc_paxos_t *self, const txc_entry_t *entry)
{
    txc_paxos_value_t value = {.slot = entry->slot,
                               .ballot = entry->epoch,
                               .kind = entry->kind,
                               .forced = true,
                               .chosen = entry->form == TXC_ENTRY_LEARNED,
                               .size = entry->size,
                               .bytes = entry->bytes};
    if (entry->slot <= self->chosen)
        return TXC_OK; /* the snapshot holds it */
    if (!self->config.codec->decode (entry->bytes, entry->size, &self->scratch) ||
        (txc_paxos_is_alone (self) && entry->slot != self->last + 1 && entry->slot > self->last))
        return TXC_ECORRUPT;
    const txc_paxos_slot_t *at = txc_paxos_slot (self, entry->slot);
    bool older = at && txc_epoch_compare (entry->epoch, at->ballot) < 0;
    if (value.chosen || !older)
        s_keep (self, &value);
    txc_paxos_advance (self);
    return TXC_OK;
}

int txc_paxos_replay (txc_paxos_t *self, const txc_entry_t *entry)
{
    if (entry->form != TXC_ENTRY_DISK && !self->disk)
        return TXC_ECORRUPT; /* the log begins with whose disk it is */
    switch ((txc_entry_form_t) entry->form) {
    case TXC_ENTRY_DISK:
        return txc_paxos_disk_replay (self, entry);
    case TXC_ENTRY_PROMISED:
        if (txc_epoch_compare (entry->epoch, self->promised) > 0)
            self->promised = entry->epoch;
        return TXC_OK;
    case TXC_ENTRY_ACCEPTED:
        if (txc_epoch_compare (entry->epoch, self->promised) > 0)
            self->promised = entry->epoch;
        return s_replay_value (self, entry);
    case TXC_ENTRY_LEARNED:
        return s_replay_value (self, entry);
    case TXC_ENTRY_VOTED:
        return txc_paxos_vote_replay (self, entry->epoch, entry->bytes, entry->size);
    case TXC_ENTRY_CHOSEN:
        for (uint64_t slot = self->chosen + 1; slot <= entry->slot && slot <= self->last; slot++) {
            txc_paxos_slot_t *at = txc_paxos_slot (self, slot);
            if (at)
                at->chosen = true;
        }
        self->hinted = entry->slot;
        txc_paxos_advance (self);
        return TXC_OK;
    case TXC_ENTRY_FORMS:
        break;
    }
    return TXC_ECORRUPT;
}
