/* Invariants of the end, when everything was healed and has come to rest. */
#include <inttypes.h>
#include <string.h>

#include "sim_check.h"
#include "sim_check_private.h"
#include "sim_coordinator.h"
#include "sim_rm.h"

/* A member of a three-phase commit may have written nothing. */
static uint32_t s_listed_that_wrote (const sim_tx_t *tx)
{
    uint32_t count = 0;
    TXC_LIST_EACH (&tx->branches, link)
    {
        const sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, node);
        count += branch->wrote && sim_check_is_listed (tx, branch->token);
    }
    return count;
}

static void s_transaction (sim_t *sim, const sim_tx_t *tx, int64_t *excused)
{
    char gtrid[TXC_GTRID_MAX + 1];
    uint32_t wrote, committed, rolled_back;
    txc_gtrid_format (&tx->gtrid, gtrid);
    sim_tx_count (tx, &wrote, &committed, &rolled_back);
    TXC_LIST_EACH (&tx->branches, link)
    {
        const sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, node);
        for (uint32_t i = 0; i < branch->n_statements; i++)
            if (tx->operated && branch->state == SIM_BRANCH_COMMITTED && branch->statements[i].writes)
                *excused += branch->statements[i].amount;
        if (branch->state == SIM_BRANCH_PREPARED && !branch->foreign)
            sim_violation (sim, "in-doubt-for-ever", "%s is still prepared at %s", gtrid,
                           branch->rm->proc.name);
        if (branch->state == SIM_BRANCH_ACTIVE)
            sim_violation (sim, "left-open", "%s is still active at %s", gtrid, branch->rm->proc.name);
        if (branch->foreign && branch->state != SIM_BRANCH_PREPARED)
            sim_violation (sim, "foreign-touched", "%s is not prepared at %s any more", gtrid,
                           branch->rm->proc.name);
    }
    if (tx->operated || tx->planted)
        return;
    if (tx->told_committed && wrote && !committed)
        sim_violation (sim, "committed-told-not-committed", "%s was told committed, nothing is", gtrid);
    if (tx->told_rolled_back && committed)
        sim_violation (sim, "rolled-back-told-not-rolled-back",
                       "%s was told rolled back, %u branches are committed", gtrid, committed);
    uint32_t expected = tx->gtrid.mode == TXC_MODE_3PC ? s_listed_that_wrote (tx) : tx->n_listed;
    if (tx->gtrid.mode == TXC_MODE_3PC && tx->commit_sent && committed && committed != expected)
        sim_violation (sim, "torn", "%s: %u of %u branches are committed", gtrid, committed, expected);
    if (tx->logged == SIM_OUTCOME_COMMIT && expected != committed)
        sim_violation (sim, "ledger-differs", "%s: %u branches voted yes, %u are committed", gtrid, expected,
                       committed);
    if (tx->logged == SIM_OUTCOME_COMMIT && !tx->logged_end)
        sim_violation (sim, "never-ended", "%s is committed, its End is not on record", gtrid);
    if (committed)
        sim->stats->commits++;
    else if (wrote)
        sim->stats->aborts++;
    else
        sim->stats->read_only++;
    sim->stats->one_phase += committed && tx->one_phase_sent;
    sim->stats->heuristic += tx->hazard;
}

void sim_check_end (sim_t *sim)
{
    int64_t total = 0, excused = 0;
    TXC_LIST_EACH (&sim->tx_list, link)
    s_transaction (sim, TXC_CONTAINER (link, sim_tx_t, list_node), &excused);
    for (uint32_t i = 0; i < sim->n_rms; i++)
        for (uint32_t k = 0; k < SIM_ACCOUNTS; k++)
            total += sim->rms[i]->accounts[k];
    const sim_coordinator_t *leader = sim_coordinator_leader (sim);
    txc_replica_status_t status = {0};
    if (leader)
        txc_replica_status (leader->core, &status);
    if (status.votes)
        sim_violation (sim, "votes-left", "%s holds %u votes, everything has ended", leader->proc.name,
                       status.votes);
    int64_t expected = (int64_t) sim->n_rms * SIM_ACCOUNTS * SIM_BALANCE + excused;
    if (total != expected)
        sim_violation (sim, "money", "%" PRId64 " in all accounts, %" PRId64 " expected", total, expected);
}
