/*
 * The acceptor of Paxos Commit: votes of resource managers, each an instance
 * of its own.
 *
 *   - the ballot of a vote is (epoch, 0), the epoch that of the prepare which
 *     it answers; it is taken iff the promise is not above it.  The log's
 *     promise covers all instances, those that were never heard of too;
 *   - a vote is told to whoever leads under its ballot once it is durable here;
 *   - a promise carries every vote that is held;
 *   - a vote goes when its transaction is decided, closed or forgotten by what
 *     is applied, and for no other reason: installing a snapshot adds none, and
 *     removes none but those that the state in it decides.
 *
 * A vote raises no promise.  It need not: whoever leads under a lower ballot
 * has nothing chosen any more once a majority has promised this one.
 */
#include "core/txc_paxos_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

/* --- telling ------------------------------------------------------------------------- */

static void s_fill (txc_msg_t *message, const txc_held_vote_t *vote, const txc_rec_t *record)
{
    message->gtrid = vote->gtrid;
    message->epoch = vote->ballot;
    message->token = vote->token;
    message->vote = vote->vote;
    memcpy (message->rm, vote->rm, sizeof message->rm);
    const txc_branch_ref_t *branch = &record->branches[txc_vote_place (record)];
    memcpy (message->evidence, branch->evidence, sizeof message->evidence);
}

/* It is durable here: whoever leads under its ballot learns so. */
static void s_tell (txc_paxos_t *self, const txc_held_vote_t *vote)
{
    bool decoded = self->config.codec->decode (vote->bytes, vote->size, &self->scratch);
    TXC_ASSERT (decoded);
    if (vote->ballot.replica == self->config.id) {
        txc_msg_t message = {.type = TXC_MSG_PAXOS_VOTED};
        s_fill (&message, vote, &self->scratch);
        self->hooks.voted (self->hooks.arg, txc_paxos_bit (self, self->peers), &message);
        return;
    }
    const txc_paxos_peer_t *leader = txc_paxos_peer (self, vote->ballot.replica);
    if (leader)
        s_fill (txc_paxos_send (self, leader, TXC_MSG_PAXOS_VOTED), vote, &self->scratch);
}

void txc_paxos_vote_durable (txc_paxos_t *self, uint64_t number)
{
    const txc_held_vote_t *vote = txc_votes_numbered (&self->votes, number);
    if (vote && !TXC_MUTANT (VOTE_TOLD_EARLY))
        s_tell (self, vote);
}

int txc_paxos_on_voted (txc_paxos_t *self, txc_paxos_peer_t *from, const txc_msg_t *message)
{
    self->hooks.voted (self->hooks.arg, txc_paxos_bit (self, from), message);
    return TXC_OK;
}

/* --- taking -------------------------------------------------------------------------- */

/* The record that is kept of a vote: what the participants are, and what this one's vote rests on. */
static void s_record (txc_rec_t *record, const txc_msg_t *message)
{
    memset (record, 0, sizeof *record);
    record->type = TXC_REC_VOTE;
    record->gtrid = message->gtrid;
    record->epoch = message->epoch;
    record->token = message->token;
    memcpy (record->rm, message->rm, sizeof record->rm);
    record->n_branches = message->n_branches;
    for (uint32_t i = 0; i < message->n_branches; i++) {
        const txc_branch_ref_t *from = &message->branches[i];
        txc_branch_ref_t *to = &record->branches[i];
        txc_copy_text (to->rm, sizeof to->rm, from->rm);
        to->token = from->token;
        to->count = from->count;
    }
    int place = txc_vote_place (record);
    TXC_ASSERT (place >= 0);
    record->branches[place].vote = message->vote;
    memcpy (record->branches[place].evidence, message->evidence, sizeof message->evidence);
}

static void s_take (txc_paxos_t *self, const txc_msg_t *message)
{
    uint8_t bytes[TXC_RECORD_MAX];
    s_record (&self->scratch, message);
    self->scratch.clock = self->update->clock; /* above what the vote was caused by */
    uint32_t size = (uint32_t) self->config.codec->encode (&self->scratch, bytes);
    txc_entry_t *entry = txc_paxos_log (self, TXC_ENTRY_VOTED, true, TXC_REC_VOTE, bytes, size);
    entry->epoch = message->epoch;
    const txc_held_vote_t *vote =
        txc_votes_put (&self->votes, &self->scratch, message->epoch, entry->number, bytes, size);
    TXC_ASSERT (vote != NULL);
    txc_paxos_expect (self, &(txc_paxos_pending_t){
                                .number = entry->number, .ballot = vote->ballot, .form = TXC_ENTRY_VOTED});
    if (TXC_MUTANT (VOTE_TOLD_EARLY))
        s_tell (self, vote);
}

int txc_paxos_vote (txc_paxos_t *self, const txc_msg_t *message)
{
    if (!self->started || !self->voter)
        return TXC_ENOTREADY;
    if (txc_epoch_compare (message->epoch, self->promised) < 0 && !TXC_MUTANT (VOTE_BELOW_PROMISE))
        return TXC_ESTALE;
    const txc_held_vote_t *held = txc_votes_find (&self->votes, &message->gtrid, message->rm);
    if (held) {
        int order = txc_epoch_compare (message->epoch, held->ballot);
        if (order < 0 || held->token != message->token || held->vote != message->vote)
            return TXC_ESTALE; /* one value ever */
        if (order == 0) {
            if (held->number <= self->durable)
                s_tell (self, held);
            return TXC_OK;
        }
    } else if (txc_paxos_votes_are_full (self))
        return TXC_EOVERLOAD;
    s_take (self, message);
    return TXC_OK;
}

bool txc_paxos_votes_are_full (const txc_paxos_t *self)
{
    return txc_votes_is_full (&self->votes, TXC_RECORD_MAX);
}

uint32_t txc_paxos_votes_count (const txc_paxos_t *self)
{
    return (uint32_t) self->votes.by_gtrid.count;
}

bool txc_paxos_vote_held (const txc_paxos_t *self, const txc_gtrid_t *gtrid, const char *rm,
                          txc_epoch_t *ballot)
{
    const txc_held_vote_t *vote = txc_votes_find (&self->votes, gtrid, rm);
    if (vote)
        *ballot = vote->ballot;
    return vote != NULL;
}

/* --- closing ------------------------------------------------------------------------- */

void txc_paxos_votes_close (txc_paxos_t *self, const txc_gtrid_t *gtrid)
{
    txc_votes_close (&self->votes, gtrid);
}

void txc_paxos_votes_sweep (txc_paxos_t *self, bool (*is_closed) (void *arg, const txc_gtrid_t *gtrid),
                            void *arg)
{
    TXC_LIST_EACH (&self->votes.list, link)
    {
        txc_held_vote_t *vote = TXC_CONTAINER (link, txc_held_vote_t, link);
        if (is_closed (arg, &vote->gtrid))
            txc_votes_remove (&self->votes, vote);
    }
}

/* --- as bytes ------------------------------------------------------------------------ */

/* Among values a vote is told by its kind; its slot means nothing. */
uint8_t *txc_paxos_votes_pack (const txc_paxos_t *self, uint8_t *bytes)
{
    TXC_LIST_EACH ((txc_list_t *) &self->votes.list, link)
    {
        const txc_held_vote_t *vote = TXC_CONTAINER (link, txc_held_vote_t, link);
        bytes = txc_paxos_value_pack (&(txc_paxos_value_t){.slot = 1,
                                                           .ballot = vote->ballot,
                                                           .kind = TXC_REC_VOTE,
                                                           .size = vote->size,
                                                           .bytes = vote->bytes},
                                      bytes);
    }
    return bytes;
}

txc_blob_t *txc_paxos_votes_append (const txc_paxos_t *self, txc_blob_t *body)
{
    size_t size = txc_blob_size (body);
    if (self->votes.bytes == 0 || TXC_MUTANT (VOTES_NOT_PROMISED))
        return body;
    txc_blob_t *both = txc_blob_new (NULL, size + self->votes.bytes);
    TXC_ASSERT (both != NULL);
    uint8_t *bytes = txc_blob_edit (both);
    if (size)
        memcpy (bytes, txc_blob_data (body), size);
    txc_paxos_votes_pack (self, bytes + size);
    txc_blob_destroy (&body);
    return both;
}

/* A vote that was packed, or an entry that says so; false: it is none. */
static bool s_keep (txc_paxos_t *self, txc_votes_t *votes, txc_epoch_t ballot, const uint8_t *bytes,
                    uint32_t size)
{
    const txc_rec_t *record = &self->scratch;
    if (!self->config.codec->decode (bytes, size, &self->scratch) || record->type != TXC_REC_VOTE ||
        txc_vote_place (record) < 0)
        return false;
    txc_votes_put (votes, record, ballot, 0, bytes, size);
    return true;
}

int txc_paxos_vote_replay (txc_paxos_t *self, txc_epoch_t ballot, const uint8_t *bytes, uint32_t size)
{
    return s_keep (self, &self->votes, ballot, bytes, size) ? TXC_OK : TXC_ECORRUPT;
}

/* --- what phase 1 found ------------------------------------------------------------------ */

void txc_paxos_vote_found (txc_paxos_t *self, const txc_paxos_value_t *value)
{
    if (self->found_votes.bytes <= (size_t) TXC_VOTES_BYTES * TXC_REPLICAS_MAX)
        s_keep (self, &self->found_votes, value->ballot, value->bytes, value->size);
}

static void s_visit (txc_paxos_t *self, const txc_votes_t *votes, txc_paxos_vote_visit_t *visit)
{
    txc_rec_t *record = txc_malloc (sizeof *record);
    TXC_LIST_EACH ((txc_list_t *) &votes->list, link)
    {
        const txc_held_vote_t *vote = TXC_CONTAINER (link, txc_held_vote_t, link);
        bool decoded = self->config.codec->decode (vote->bytes, vote->size, record);
        TXC_ASSERT (decoded);
        visit (self->hooks.arg, record);
    }
    free (record);
}

void txc_paxos_votes_found (txc_paxos_t *self, txc_paxos_vote_visit_t *visit)
{
    s_visit (self, &self->votes, visit);
    s_visit (self, &self->found_votes, visit);
    txc_votes_clear (&self->found_votes);
}
