/* Invariants of three-phase commits: who may have decided what, by what is durable where. */
#include <inttypes.h>
#include <string.h>

#include "core/txc_quorum.h"
#include "sim_check.h"
#include "sim_check_private.h"

static bool s_is_majority (const sim_tx_t *tx, uint64_t members)
{
    uint32_t count = 0;
    for (; members; members &= members - 1)
        count++;
    return tx->n_members && count > tx->n_members / 2;
}

uint8_t sim_check_decided (const sim_tx_t *tx)
{
    for (uint32_t i = 0; i < tx->n_attempts; i++)
        if (s_is_majority (tx, tx->attempts[i].members))
            return tx->attempts[i].kind;
    return TXC_VOTE_NONE;
}

void sim_check_attempt (sim_t *sim, sim_tx_t *tx, uint32_t place, uint64_t number, uint8_t kind)
{
    char text[TXC_GTRID_MAX + 1];
    uint32_t i = 0;
    while (i < tx->n_attempts && (tx->attempts[i].number != number || tx->attempts[i].kind != kind))
        i++;
    if (i == SIM_ATTEMPTS_MAX)
        return;
    if (i == tx->n_attempts) {
        tx->attempts[i].number = number;
        tx->attempts[i].kind = kind;
        tx->n_attempts++;
    }
    tx->attempts[i].members |= UINT64_C (1) << place;
    for (uint32_t k = 0; k < tx->n_attempts; k++)
        if (tx->attempts[k].kind != kind && s_is_majority (tx, tx->attempts[k].members) &&
            s_is_majority (tx, tx->attempts[i].members))
            sim_violation (sim, "decided-twice", "a majority pre-committed and one pre-aborted %s",
                           txc_gtrid_format (&tx->gtrid, text));
}

void sim_check_member (sim_t *sim, const txc_jrec_t *record)
{
    if (record->flags & TXC_MEMBER_ABSTAINS)
        return;
    sim_tx_t *tx = sim_tx_get (sim, &record->gtrid);
    tx->n_members = record->n_branches + 1;
    for (uint32_t i = 0; i < record->n_branches; i++) {
        const txc_branch_ref_t *member = &record->branches[i];
        if (!sim_check_is_listed (tx, member->token) && tx->logged != SIM_OUTCOME_COMMIT)
            tx->listed[tx->n_listed++] = member->token;
        if (member->token == record->token && strcmp (member->rm, record->rm) == 0 && record->attempt &&
            !(record->flags & TXC_MEMBER_FINAL))
            sim_check_attempt (sim, tx, i + 1, record->attempt, record->vote);
    }
    sim_branch_t *branch = sim_branch_find (sim, &record->gtrid, record->rm, record->token);
    if (!branch)
        return;
    char text[TXC_GTRID_MAX + 1];
    bool contradicts = (record->vote == TXC_VOTE_YES) != (sim_check_decided (tx) == TXC_VOTE_YES);
    /* An old question, of nobody in doubt; or of a member that had lost its own end, has nothing prepared any
     * more, and takes the others' refusals for an abort, since they have forgotten theirs. */
    bool over =
        tx->logged_end && (record->flags & TXC_MEMBER_REFUSED || branch->state != SIM_BRANCH_PREPARED);
    if (record->flags & TXC_MEMBER_FINAL && contradicts && !over)
        sim_violation (sim, "final-not-decided", "the journal of %s says %s of %s, its members did not",
                       record->rm, record->vote == TXC_VOTE_YES ? "COMMIT" : "ABORT",
                       txc_gtrid_format (&tx->gtrid, text));
    if (record->flags & TXC_MEMBER_REFUSED)
        tx->final_no = tx->final_no || !branch->member_durable;
    else
        branch->member_durable = true;
    if (record->number > branch->granted)
        branch->granted = record->number;
}
