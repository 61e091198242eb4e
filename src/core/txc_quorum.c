#include "core/txc_quorum.h"

#include <string.h>

#include "base/txc_assert.h"
#include "core/txc_mutant.h"

uint64_t txc_number_above (uint64_t highest, uint32_t member)
{
    TXC_ASSERT (member < TXC_NUMBER_MEMBERS);
    return (highest / TXC_NUMBER_MEMBERS + 1) * TXC_NUMBER_MEMBERS + member;
}

uint32_t txc_number_member (uint64_t number)
{
    return (uint32_t) (number % TXC_NUMBER_MEMBERS);
}

static uint32_t s_count (uint64_t mask)
{
    uint32_t count = 0;
    for (; mask; mask &= mask - 1)
        count++;
    return count;
}

static bool s_is_majority (const txc_quorum_t *self, uint64_t mask)
{
    return s_count (mask) > self->n_members / 2;
}

void txc_quorum_elect (txc_quorum_t *self, uint64_t number, uint32_t n_branches)
{
    TXC_ASSERT (n_branches >= 1 && n_branches <= TXC_BRANCHES_MAX && number > TXC_NUMBER_FIRST);
    memset (self, 0, sizeof *self);
    self->phase = TXC_QUORUM_ELECTING;
    self->number = number;
    self->n_members = n_branches + 1;
}

void txc_quorum_heard (txc_quorum_t *self, uint32_t member, uint64_t attempt, uint8_t kind)
{
    TXC_ASSERT (self->phase == TXC_QUORUM_ELECTING && member < self->n_members);
    self->heard |= UINT64_C (1) << member;
    self->any_committing = self->any_committing || kind == TXC_VOTE_YES;
    if (attempt < self->attempt || attempt == 0)
        return;
    /* "All of those are pre-committed" */
    self->committing = kind == TXC_VOTE_YES && (attempt > self->attempt || self->committing);
    self->attempt = attempt;
}

bool txc_quorum_is_elected (const txc_quorum_t *self)
{
    return self->phase == TXC_QUORUM_ELECTING && s_is_majority (self, self->heard);
}

uint8_t txc_quorum_choice (const txc_quorum_t *self)
{
    TXC_ASSERT (txc_quorum_is_elected (self));
    bool commit = TXC_MUTANT (LAST_ATTEMPT_IGNORED) ? self->any_committing : self->committing;
    return commit ? TXC_VOTE_YES : TXC_VOTE_NO;
}

void txc_quorum_attempt (txc_quorum_t *self, uint64_t number, uint8_t kind, uint32_t n_branches)
{
    TXC_ASSERT (n_branches >= 1 && n_branches <= TXC_BRANCHES_MAX);
    TXC_ASSERT (kind == TXC_VOTE_YES || (kind == TXC_VOTE_NO && number > TXC_NUMBER_FIRST));
    memset (self, 0, sizeof *self);
    self->phase = TXC_QUORUM_ATTEMPTING;
    self->number = number;
    self->kind = kind;
    self->n_members = n_branches + 1;
}

void txc_quorum_acked (txc_quorum_t *self, uint32_t member)
{
    TXC_ASSERT (self->phase == TXC_QUORUM_ATTEMPTING && member < self->n_members);
    self->acked |= UINT64_C (1) << member;
}

bool txc_quorum_is_decided (const txc_quorum_t *self)
{
    bool any = TXC_MUTANT (ONE_ACK_DECIDES) && self->acked;
    return self->phase == TXC_QUORUM_ATTEMPTING && (any || s_is_majority (self, self->acked));
}
