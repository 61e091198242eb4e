/* The group's own state as a member of three-phase commits, as far as the log holds it. */
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "core/txc_mutant.h"
#include "core/txc_quorum.h"
#include "core/txc_registry.h"

static txc_reg_member_t *s_find (const txc_registry_t *self, const txc_gtrid_t *gtrid)
{
    txc_hash_node_t *node = txc_hash_first (&self->members, txc_gtrid_hash (gtrid));
    for (; node; node = txc_hash_next (node)) {
        txc_reg_member_t *member = TXC_CONTAINER (node, txc_reg_member_t, node);
        if (txc_gtrid_equal (&member->gtrid, gtrid))
            return member;
    }
    return NULL;
}

txc_reg_member_t txc_registry_member (const txc_registry_t *self, const txc_gtrid_t *gtrid)
{
    const txc_reg_member_t *member = s_find (self, gtrid);
    return member ? *member : (txc_reg_member_t){.gtrid = *gtrid, .elected = TXC_NUMBER_FIRST};
}

bool txc_registry_is_member (const txc_registry_t *self, const txc_gtrid_t *gtrid)
{
    return s_find (self, gtrid) != NULL;
}

bool txc_registry_member_apply (txc_registry_t *self, const txc_rec_t *record)
{
    txc_reg_member_t *member = s_find (self, &record->gtrid);
    uint64_t elected = member ? member->elected : TXC_NUMBER_FIRST;
    bool elects = record->type == TXC_REC_ELECTED;
    bool right = elects ? record->number > elected || TXC_MUTANT (LOWER_NUMBER_GRANTED)
                        : record->number == elected || TXC_MUTANT (ANY_NUMBER_ATTEMPTS);
    if (!right || (!elects && record->vote != TXC_VOTE_YES && record->vote != TXC_VOTE_NO))
        return false;
    if (!member) {
        member = txc_calloc (1, sizeof *member);
        member->gtrid = record->gtrid;
        member->elected = TXC_NUMBER_FIRST;
        txc_hash_add (&self->members, &member->node, txc_gtrid_hash (&record->gtrid));
    }
    if (elects)
        member->elected = record->number;
    else {
        member->attempt = record->number;
        member->kind = record->vote;
    }
    return true;
}

void txc_registry_member_remove (txc_registry_t *self, const txc_gtrid_t *gtrid)
{
    txc_reg_member_t *member = s_find (self, gtrid);
    if (!member)
        return;
    txc_hash_remove (&self->members, &member->node);
    free (member);
}

void txc_registry_members_remove (txc_registry_t *self, uint64_t session)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->members, &cursor); node;
         node = txc_hash_step (&self->members, &cursor)) {
        txc_reg_member_t *member = TXC_CONTAINER (node, txc_reg_member_t, node);
        if (member->gtrid.session != session)
            continue;
        txc_hash_remove (&self->members, node);
        free (member);
    }
}

void txc_registry_members_fini (txc_registry_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->members, &cursor); node;
         node = txc_hash_step (&self->members, &cursor))
        free (TXC_CONTAINER (node, txc_reg_member_t, node));
    txc_hash_fini (&self->members);
}

bool txc_reg_member_record (const txc_reg_member_t *self, int i, txc_rec_t *record)
{
    bool attempted = self->attempt != 0;
    memset (record, 0, sizeof *record);
    record->gtrid = self->gtrid;
    record->type = i == 1 ? TXC_REC_PRE_DECIDED : TXC_REC_ELECTED;
    record->number = i < 2 ? self->attempt : self->elected;
    record->vote = i == 1 ? self->kind : TXC_VOTE_NONE;
    return i == 0 ? self->attempt > TXC_NUMBER_FIRST : i == 1 ? attempted : self->elected > self->attempt;
}
