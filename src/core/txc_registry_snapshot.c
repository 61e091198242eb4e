/*
 * txc_registry_snapshot.c - the applied state as bytes, and back.
 *
 * A snapshot is a list of records, each with its slot and size, in an order in
 * which applying them gives the same state: a session, its outcomes, its mark,
 * its end.  What records do not hold stands in the header.
 */
#include "core/txc_registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "core/txc_mutant.h"

typedef struct snapshot_header {
    uint64_t magic, size, cluster, applied_slot, digest, clock_ms, clock, floor, barrier_round;
    uint64_t counters[5];
    uint32_t barrier_replica, reserved;
} snapshot_header_t;

#define SNAPSHOT_MAGIC 0x3130706e73637874u /* "txcsnp01" */

typedef struct snapshot {
    const txc_codec_t *codec;
    uint8_t *bytes;
    size_t size, room;
} snapshot_t;

static void s_save (snapshot_t *self, uint64_t slot, const txc_rec_t *record)
{
    uint8_t bytes[TXC_RECORD_MAX];
    uint32_t size = (uint32_t) self->codec->encode (record, bytes);
    size_t need = self->size + sizeof slot + sizeof size + size;
    if (need > self->room) {
        self->room = need * 2;
        self->bytes = txc_realloc (self->bytes, self->room);
    }
    memcpy (self->bytes + self->size, &slot, sizeof slot);
    memcpy (self->bytes + self->size + sizeof slot, &size, sizeof size);
    memcpy (self->bytes + self->size + sizeof slot + sizeof size, bytes, size);
    self->size = need;
}

static void s_save_outcome (snapshot_t *to, const txc_outcome_t *outcome, txc_rec_t *record)
{
    memset (record, 0, sizeof *record);
    record->type = outcome->commit ? TXC_REC_COMMIT : TXC_REC_ABORT;
    record->gtrid = outcome->gtrid;
    record->time_ms = outcome->time_ms;
    record->count = outcome->several ? 2 : 1;
    record->n_branches = outcome->n_branches;
    memcpy (record->branches, outcome->branches, outcome->n_branches * sizeof *outcome->branches);
    s_save (to, 0, record);
    for (uint32_t i = 0; i < outcome->n_branches; i++) {
        if (outcome->heur[i] == TXC_HEUR_NONE)
            continue;
        memset (record, 0, sizeof *record);
        record->type = TXC_REC_HEURISTIC;
        record->gtrid = outcome->gtrid;
        record->heur = outcome->heur[i];
        record->token = outcome->branches[i].token;
        txc_copy_text (record->rm, sizeof record->rm, outcome->branches[i].rm);
        s_save (to, 0, record);
    }
    if (outcome->commit && outcome->ended) {
        memset (record, 0, sizeof *record);
        record->type = TXC_REC_END;
        record->gtrid = outcome->gtrid;
        s_save (to, 0, record);
    }
}

static void s_save_session (snapshot_t *to, const txc_reg_session_t *session, txc_rec_t *record)
{
    memset (record, 0, sizeof *record);
    record->type = TXC_REC_SESSION_OPEN;
    record->nonce = session->nonce;
    s_save (to, session->number, record);
    for (const txc_list_t *link = session->intents.next; link != &session->intents; link = link->next) {
        txc_registry_intent_record (TXC_CONTAINER (link, const txc_intent_t, link), record);
        s_save (to, 0, record);
    }
    memset (record, 0, sizeof *record);
    record->type = TXC_REC_MARK;
    record->session = session->number;
    record->low = session->low;
    s_save (to, 0, record);
    /* Behind the mark, which would take those along that the log learned below it. */
    for (const txc_list_t *link = session->outcomes.next; link != &session->outcomes; link = link->next)
        s_save_outcome (to, TXC_CONTAINER (link, const txc_outcome_t, link), record);
}

static void s_save_closed (snapshot_t *to, const txc_reg_session_t *session, txc_rec_t *record)
{
    memset (record, 0, sizeof *record);
    record->type = TXC_REC_SESSION_CLOSE;
    record->session = session->number;
    record->time_ms = session->closed_ms;
    s_save (to, 0, record);
}

void *txc_registry_snapshot (const txc_registry_t *self, size_t *size)
{
    snapshot_t to = {.codec = self->codec};
    snapshot_header_t header = {
        .magic = SNAPSHOT_MAGIC,
        .cluster = self->cluster,
        .applied_slot = self->applied_slot,
        .digest = self->digest,
        .clock_ms = self->clock_ms,
        .clock = self->clock,
        .floor = self->floor,
        .barrier_round = self->barrier.round,
        .counters = {self->commits, self->aborts, self->ends, self->heuristics, self->voids},
        .barrier_replica = self->barrier.replica,
    };
    to.room = sizeof header + 65536;
    to.bytes = txc_malloc (to.room);
    to.size = sizeof header;
    txc_rec_t *record = txc_malloc (sizeof *record);
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->sessions, &cursor); node;
         node = txc_hash_step (&self->sessions, &cursor))
        s_save_session (&to, TXC_CONTAINER (node, txc_reg_session_t, node), record);
    for (const txc_list_t *link = self->closed.next; link != &self->closed; link = link->next)
        s_save_closed (&to, TXC_CONTAINER (link, const txc_reg_session_t, link), record);
    for (uint32_t i = 0; i < self->n_agents; i++)
        for (int k = 1; k >= 0; k--) {
            memset (record, 0, sizeof *record);
            record->type = TXC_REC_GUARD;
            record->guard = self->agents[i].guards[k];
            txc_copy_text (record->agent, sizeof record->agent, self->agents[i].name);
            s_save (&to, 0, record);
        }
    for (txc_hash_node_t *node = txc_hash_begin (&self->members, &cursor); node;
         node = txc_hash_step (&self->members, &cursor))
        for (int i = 0; i < 3; i++)
            if (txc_reg_member_record (TXC_CONTAINER (node, txc_reg_member_t, node), i, record))
                s_save (&to, 0, record);
    free (record);
    header.size = to.size;
    memcpy (to.bytes, &header, sizeof header);
    *size = to.size;
    return to.bytes;
}

int txc_registry_restore (txc_registry_t *self, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    snapshot_header_t header;
    if (size < sizeof header)
        return TXC_ECORRUPT;
    memcpy (&header, bytes, sizeof header);
    if (header.magic != SNAPSHOT_MAGIC || header.size != size)
        return TXC_ECORRUPT;
    txc_rec_t *record = txc_malloc (sizeof *record);
    txc_reg_session_t *session;
    txc_outcome_t *outcome;
    int rc = TXC_OK;
    for (size_t at = sizeof header; at < size && rc == TXC_OK;) {
        uint64_t slot;
        uint32_t length;
        if (size - at < sizeof slot + sizeof length) {
            rc = TXC_ECORRUPT;
            break;
        }
        memcpy (&slot, bytes + at, sizeof slot);
        memcpy (&length, bytes + at + sizeof slot, sizeof length);
        at += sizeof slot + sizeof length;
        if (length > size - at || !self->codec->decode (bytes + at, length, record))
            rc = TXC_ECORRUPT;
        else
            txc_registry_take (self, slot, record, &session, &outcome);
        at += length;
    }
    free (record);
    self->cluster = header.cluster;
    self->applied_slot = header.applied_slot;
    self->digest = header.digest;
    self->clock_ms = header.clock_ms;
    self->clock = header.clock;
    self->floor = header.floor;
    if (!TXC_MUTANT (SNAPSHOT_WITHOUT_BARRIER))
        self->barrier = (txc_epoch_t){header.barrier_round, header.barrier_replica};
    self->commits = header.counters[0];
    self->aborts = header.counters[1];
    self->ends = header.counters[2];
    self->heuristics = header.counters[3];
    self->voids = header.counters[4];
    return rc;
}
