#include "sim_votes.h"

#include <inttypes.h>
#include <string.h>

#include "base/txc_mem.h"
#include "sim_check.h"
#include "sim_group.h"
#include "sim_reflog.h"
#include "wire/txc_codec.h"

static sim_vote_t *s_vote (sim_tx_t *tx, const char *rm)
{
    for (uint32_t i = 0; i < tx->n_votes; i++)
        if (strcmp (tx->votes[i].rm, rm) == 0)
            return &tx->votes[i];
    return NULL;
}

static uint32_t *s_holders (sim_vote_t *vote, txc_epoch_t ballot)
{
    for (uint32_t i = 0; i < vote->n_held; i++)
        if (txc_epoch_compare (vote->held[i].ballot, ballot) == 0)
            return &vote->held[i].replicas;
    if (vote->n_held == SIM_BALLOTS_MAX)
        return NULL;
    vote->held[vote->n_held].ballot = ballot;
    return &vote->held[vote->n_held++].replicas;
}

/* No record decides about it yet. */
static bool s_is_open (const sim_t *sim, const sim_tx_t *tx)
{
    return tx->logged == SIM_OUTCOME_NONE &&
           sim_reflog_session (sim->reflog, tx->gtrid.session) == SIM_REF_OPEN &&
           !sim_reflog_passed (sim->reflog, &tx->gtrid);
}

static bool s_is_chosen (const sim_t *sim, sim_tx_t *tx, txc_epoch_t ballot)
{
    uint32_t members = sim_group_members (sim);
    for (uint32_t i = 0; i < tx->n_votes; i++) {
        const uint32_t *replicas = s_holders (&tx->votes[i], ballot);
        if (!replicas || __builtin_popcount (*replicas & members) <= __builtin_popcount (members) / 2)
            return false;
    }
    return true;
}

static void s_begin (sim_tx_t *tx, const txc_rec_t *record)
{
    if (tx->n_votes)
        return;
    tx->n_votes = record->n_branches;
    for (uint32_t i = 0; i < record->n_branches; i++) {
        memcpy (tx->votes[i].rm, record->branches[i].rm, sizeof tx->votes[i].rm);
        tx->votes[i].token = record->branches[i].token;
    }
}

static uint8_t s_value (const txc_rec_t *record)
{
    for (uint32_t i = 0; i < record->n_branches; i++)
        if (strcmp (record->branches[i].rm, record->rm) == 0)
            return record->branches[i].vote;
    return TXC_VOTE_NONE;
}

void sim_votes_durable (sim_t *sim, const sim_coordinator_t *replica, const txc_entry_t *entry,
                        txc_epoch_t promised)
{
    txc_rec_t record;
    if (!txc_record_codec.decode (entry->bytes, entry->size, &record)) {
        sim_violation (sim, "record-damaged", "a vote cannot be read");
        return;
    }
    char gtrid[TXC_GTRID_MAX + 1];
    txc_gtrid_format (&record.gtrid, gtrid);
    if (txc_epoch_compare (entry->epoch, promised) < 0 && !replica->opening)
        sim_violation (sim, "vote-below-promise",
                       "%s takes a vote of %s under round %" PRIu64 ", it promised %" PRIu64,
                       replica->proc.name, gtrid, entry->epoch.round, promised.round);
    sim_tx_t *tx = sim_tx_get (sim, &record.gtrid);
    s_begin (tx, &record);
    sim_vote_t *vote = s_vote (tx, record.rm);
    if (!vote || vote->token != record.token || (vote->vote && vote->vote != s_value (&record))) {
        sim_violation (sim, "vote-changed", "%s has cast two votes for %s", record.rm, gtrid);
        return;
    }
    vote->vote = s_value (&record);
    uint32_t *replicas = s_holders (vote, entry->epoch);
    if (!replicas || replica->disk_lost)
        return; /* what it holds counts for nothing */
    *replicas |= 1u << replica->proc.index;
    if (s_is_open (sim, tx) && s_is_chosen (sim, tx, entry->epoch))
        tx->chosen = true;
}

void sim_votes_check_remembered (sim_t *sim, const sim_coordinator_t *replica)
{
    if (replica->disk_lost || sim->restored)
        return;
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        if (tx->n_votes == 0 || !s_is_open (sim, tx))
            continue;
        for (uint32_t i = 0; i < tx->n_votes; i++)
            for (uint32_t k = 0; k < tx->votes[i].n_held; k++) {
                txc_epoch_t held;
                if (!(tx->votes[i].held[k].replicas & 1u << replica->proc.index))
                    continue;
                if (!txc_replica_vote_held (replica->core, &tx->gtrid, tx->votes[i].rm, &held) ||
                    txc_epoch_compare (held, tx->votes[i].held[k].ballot) < 0) {
                    char gtrid[TXC_GTRID_MAX + 1];
                    sim_violation (sim, "vote-forgotten",
                                   "%s does not know that it holds the vote of %s for %s", replica->proc.name,
                                   tx->votes[i].rm, txc_gtrid_format (&tx->gtrid, gtrid));
                    return;
                }
            }
    }
}

void sim_votes_check_told (sim_t *sim, const sim_coordinator_t *replica, const txc_msg_t *message)
{
    sim_tx_t *tx = sim_tx_get (sim, &message->gtrid);
    sim_vote_t *vote = s_vote (tx, message->rm);
    const uint32_t *replicas = vote ? s_holders (vote, message->epoch) : NULL;
    if (!replicas || (!(*replicas & 1u << replica->proc.index) && !replica->disk_lost))
        sim_violation (sim, "vote-not-durable", "%s says that it holds a vote of %s, its disk does not",
                       replica->proc.name, message->rm);
}

bool sim_votes_is_committed (const sim_t *sim, const sim_tx_t *tx)
{
    return tx->logged == SIM_OUTCOME_COMMIT || (tx->chosen && s_is_open (sim, tx));
}

void sim_votes_check_kept (sim_t *sim, const sim_tx_t *tx, const char *why)
{
    char gtrid[TXC_GTRID_MAX + 1];
    if (tx->decided && tx->logged == SIM_OUTCOME_NONE && !sim->restored)
        sim_violation (sim, "decided-not-kept", "the votes of %s had decided, and it was told; now %s",
                       txc_gtrid_format (&tx->gtrid, gtrid), why);
}
