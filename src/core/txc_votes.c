#include "core/txc_votes.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_paxos_values.h"

void txc_votes_init (txc_votes_t *self)
{
    memset (self, 0, sizeof *self);
    txc_hash_init (&self->by_gtrid);
    txc_hash_init (&self->by_number);
    txc_list_init (&self->list);
}

void txc_votes_clear (txc_votes_t *self)
{
    TXC_LIST_EACH (&self->list, link)
    txc_votes_remove (self, TXC_CONTAINER (link, txc_held_vote_t, link));
}

void txc_votes_fini (txc_votes_t *self)
{
    txc_votes_clear (self);
    txc_hash_fini (&self->by_gtrid);
    txc_hash_fini (&self->by_number);
}

txc_held_vote_t *txc_votes_find (const txc_votes_t *self, const txc_gtrid_t *gtrid, const char *rm)
{
    txc_hash_node_t *node = txc_hash_first (&self->by_gtrid, txc_gtrid_hash (gtrid));
    for (; node; node = txc_hash_next (node)) {
        txc_held_vote_t *vote = TXC_CONTAINER (node, txc_held_vote_t, node);
        if (txc_gtrid_equal (&vote->gtrid, gtrid) && strcmp (vote->rm, rm) == 0)
            return vote;
    }
    return NULL;
}

txc_held_vote_t *txc_votes_numbered (const txc_votes_t *self, uint64_t number)
{
    txc_hash_node_t *node = txc_hash_first (&self->by_number, txc_mix64 (number));
    return node ? TXC_CONTAINER (node, txc_held_vote_t, number_node) : NULL;
}

int txc_vote_place (const txc_rec_t *record)
{
    for (uint32_t i = 0; i < record->n_branches; i++)
        if (record->branches[i].token == record->token && strcmp (record->branches[i].rm, record->rm) == 0)
            return (int) i;
    return -1;
}

txc_held_vote_t *txc_votes_put (txc_votes_t *self, const txc_rec_t *record, txc_epoch_t ballot,
                                uint64_t number, const uint8_t *bytes, uint32_t size)
{
    int place = txc_vote_place (record);
    TXC_ASSERT (place >= 0 && size > 0);
    txc_held_vote_t *old = txc_votes_find (self, &record->gtrid, record->rm);
    if (old && txc_epoch_compare (old->ballot, ballot) >= 0)
        return NULL;
    if (old)
        txc_votes_remove (self, old);
    txc_held_vote_t *vote = txc_calloc (1, sizeof *vote);
    vote->gtrid = record->gtrid;
    txc_copy_text (vote->rm, sizeof vote->rm, record->rm);
    vote->token = record->token;
    vote->vote = record->branches[place].vote;
    vote->ballot = ballot;
    vote->number = number;
    vote->size = size;
    vote->bytes = memcpy (txc_malloc (size), bytes, size);
    txc_hash_add (&self->by_gtrid, &vote->node, txc_gtrid_hash (&vote->gtrid));
    if (number)
        txc_hash_add (&self->by_number, &vote->number_node, txc_mix64 (number));
    txc_list_append (&self->list, &vote->link);
    self->bytes += TXC_PAXOS_VALUE_HEADER + (size_t) size;
    return vote;
}

void txc_votes_remove (txc_votes_t *self, txc_held_vote_t *vote)
{
    txc_hash_remove (&self->by_gtrid, &vote->node);
    if (vote->number)
        txc_hash_remove (&self->by_number, &vote->number_node);
    txc_list_remove (&vote->link);
    self->bytes -= TXC_PAXOS_VALUE_HEADER + (size_t) vote->size;
    free (vote->bytes);
    free (vote);
}

uint32_t txc_votes_close (txc_votes_t *self, const txc_gtrid_t *gtrid)
{
    uint32_t count = 0;
    txc_hash_node_t *node = txc_hash_first (&self->by_gtrid, txc_gtrid_hash (gtrid));
    while (node) {
        txc_held_vote_t *vote = TXC_CONTAINER (node, txc_held_vote_t, node);
        node = txc_hash_next (node);
        if (!txc_gtrid_equal (&vote->gtrid, gtrid))
            continue;
        txc_votes_remove (self, vote);
        count++;
    }
    return count;
}

bool txc_votes_is_full (const txc_votes_t *self, size_t size)
{
    return self->bytes + TXC_PAXOS_VALUE_HEADER + size > TXC_VOTES_BYTES;
}
