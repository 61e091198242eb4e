/* Invariants of what resource managers do to branches. */
#include <inttypes.h>
#include <string.h>

#include "sim_check.h"
#include "sim_check_private.h"
#include "sim_rm.h"

static const char *s_name (const sim_branch_t *branch)
{
    static char text[TXC_GTRID_MAX + TXC_RM_NAME_MAX + 16];
    char gtrid[TXC_GTRID_MAX + 1], *end = text;
    txc_copy_text (text, sizeof text, txc_gtrid_format (&branch->tx->gtrid, gtrid));
    end += strlen (text);
    *end++ = ':';
    txc_copy_text (end, sizeof text - (size_t) (end - text), branch->rm->proc.name);
    return text;
}

static sim_issued_t *s_issued (sim_tx_t *tx, uint64_t id)
{
    for (uint32_t i = 0; i < tx->n_issued; i++)
        if (tx->issued[i].statement.id == id)
            return &tx->issued[i];
    return NULL;
}

void sim_check_statement (sim_t *sim, const sim_branch_t *branch, const sim_statement_t *statement,
                          uint64_t incarnation)
{
    sim_issued_t *issued = s_issued (branch->tx, statement->id);
    if (!issued) {
        sim_violation (sim, "statement-unknown", "%s runs a statement that nobody issued", s_name (branch));
        return;
    }
    if (issued->incarnation != incarnation)
        sim_violation (sim, "statement-other-incarnation",
                       "%s runs a statement addressed to another incarnation", s_name (branch));
    /* It may run again in another branch if the first one went down with its agent: that one can never
     * commit. */
    if (issued->branch_token == branch->token)
        sim_violation (sim, "statement-twice", "%s runs statement %" PRIu64 " again", s_name (branch),
                       statement->id);
    /* Behind the decision a copy that was long on its way may open a branch of its own, which rolls back. */
    if (branch->tx->logged != SIM_OUTCOME_COMMIT && !branch->tx->decided)
        issued->branch_token = branch->token;
    if (branch->voted_no || branch->voted_yes || branch->voted_read_only)
        sim_violation (sim, "statement-after-vote", "%s runs a statement after its vote", s_name (branch));
}

void sim_check_prepared (sim_t *sim, const sim_branch_t *branch)
{
    if (branch->voted_no && !branch->reappeared)
        sim_violation (sim, "prepared-after-final-no", "%s becomes prepared after a final no",
                       s_name (branch));
}

void sim_check_last (sim_t *sim, const sim_branch_t *branch)
{
    const sim_tx_t *tx = branch->tx;
    if (sim->restored)
        return;
    if (!tx->n_intended)
        sim_violation (sim, "last-before-intent", "%s commits as the last resource, no Intent is durable",
                       s_name (branch));
    if (tx->logged == SIM_OUTCOME_ABORT && !tx->operated)
        sim_violation (sim, "torn", "%s commits as the last resource, Abort is on record", s_name (branch));
    for (uint32_t i = 0; i < tx->n_intended; i++) {
        bool alive = false;
        TXC_LIST_EACH (&tx->branches, link)
        {
            const sim_branch_t *other = TXC_CONTAINER (link, sim_branch_t, node);
            alive |= other->token == tx->intended[i] &&
                     (other == branch || other->state == SIM_BRANCH_PREPARED || other->operated);
        }
        if (!alive)
            sim_violation (sim, "torn",
                           "%s commits as the last resource, another branch of it is not prepared",
                           s_name (branch));
    }
}

/* A committed branch holds exactly the statements whose replies the AP has. */
static void s_statements (sim_t *sim, const sim_branch_t *branch)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < branch->tx->n_issued; i++) {
        const sim_issued_t *issued = &branch->tx->issued[i];
        if (strcmp (issued->rm, branch->rm->proc.name) != 0 || !issued->ok)
            continue;
        known++;
        bool found = false;
        for (uint32_t j = 0; j < branch->n_statements && !found; j++)
            found = branch->statements[j].id == issued->statement.id;
        if (!found)
            sim_violation (sim, "statement-lost", "%s commits without a statement that the AP was told of",
                           s_name (branch));
    }
    if (known < branch->n_statements)
        sim_violation (sim, "statement-unacknowledged", "%s commits with %u statements, the AP knows %u",
                       s_name (branch), branch->n_statements, known);
}

/* Two-phase: nothing of the transaction commits unless every branch that the decision lists can, and no
 * branch's locks went before the last branch had voted. */
static void s_atomic (sim_t *sim, const sim_branch_t *branch)
{
    const sim_tx_t *tx = branch->tx;
    for (uint32_t i = 0; i < tx->n_listed; i++) {
        bool alive = false;
        TXC_LIST_EACH (&tx->branches, link)
        {
            const sim_branch_t *other = TXC_CONTAINER (link, sim_branch_t, node);
            bool idle =
                tx->gtrid.mode == TXC_MODE_3PC && !other->wrote; /* a member with nothing to prepare */
            alive |= other->token == tx->listed[i] && idle;
            alive |= other->token == tx->listed[i] && other->state != SIM_BRANCH_ACTIVE &&
                     (other->state != SIM_BRANCH_ROLLED_BACK || other->operated);
        }
        if (!alive)
            sim_violation (sim, "torn", "%s commits, another branch of it is not prepared", s_name (branch));
    }
    for (uint32_t i = 0; i < tx->n_issued; i++) {
        const sim_issued_t *issued = &tx->issued[i];
        /* A restored copy gives session numbers again, and so the name of a transaction that had committed.
         */
        if (issued->ok && issued->statement.writes && !sim_check_is_listed (tx, issued->branch_token) &&
            !sim->restored)
            sim_violation (sim, "update-lost", "%s commits, a write at %s is not in the decision",
                           s_name (branch), issued->rm);
    }
    TXC_LIST_EACH (&tx->branches, link)
    {
        const sim_branch_t *other = TXC_CONTAINER (link, sim_branch_t, node);
        if (other->voted_read_only && other->ended_by_op && other->ended_at < branch->prepared_at &&
            !branch->reappeared)
            sim_violation (sim, "locks-released-early", "%s was read-only and ended before %s had prepared",
                           other->rm->proc.name, s_name (branch));
    }
}

void sim_check_committed (sim_t *sim, sim_branch_t *branch)
{
    const sim_tx_t *tx = branch->tx;
    if (!branch->wrote || branch->operated)
        return;
    uint8_t decided = sim_check_decided (tx);
    if (tx->n_members && !branch->one_phase && decided != TXC_VOTE_YES)
        sim_violation (sim, "commit-undecided", "%s commits, no majority has pre-committed", s_name (branch));
    if (!branch->told_commit && !branch->ap_commit && decided != TXC_VOTE_YES)
        sim_violation (sim, "commit-unasked", "%s commits, nobody decided so", s_name (branch));
    if (tx->told_rolled_back && !tx->operated)
        sim_violation (sim, "commit-after-rolled-back", "%s commits, it was told rolled back",
                       s_name (branch));
    if (branch->failed)
        sim_violation (sim, "failed-branch-committed", "%s commits, a statement of it had failed",
                       s_name (branch));
    if (branch->voted_no)
        sim_violation (sim, "commit-after-final-no", "%s commits after a final no", s_name (branch));
    s_statements (sim, branch);
    if (!branch->one_phase && !tx->operated)
        s_atomic (sim, branch);
    if (branch->one_phase && tx->commit_sent)
        sim_violation (sim, "one-phase-of-several",
                       "%s commits in one phase, the transaction has more branches", s_name (branch));
}

void sim_check_rolled_back (sim_t *sim, sim_branch_t *branch, bool by_op)
{
    const sim_tx_t *tx = branch->tx;
    if (branch->operated || !branch->wrote)
        return;
    bool decided = tx->logged == SIM_OUTCOME_COMMIT || tx->decided;
    if (decided && sim_check_is_listed (tx, branch->token))
        sim_violation (sim, "torn", "%s rolls back, its transaction is committed", s_name (branch));
    if (sim_check_decided (tx) == TXC_VOTE_YES && sim_check_is_listed (tx, branch->token))
        sim_violation (sim, "torn", "%s rolls back, a majority of its members has decided to commit",
                       s_name (branch));
    bool stray = decided ? !sim_check_is_listed (tx, branch->token) : !branch->ap_commit;
    if (tx->told_committed && !stray)
        sim_violation (sim, "rollback-after-committed", "%s rolls back, it was told committed",
                       s_name (branch));
    bool asked = branch->told_rollback || branch->ap_rollback || tx->final_no ||
                 sim_check_decided (tx) == TXC_VOTE_NO ||
                 (tx->n_members && tx->logged == SIM_OUTCOME_ABORT); /* members tell each other */
    if (by_op && branch->owned && branch->prepared_at && !asked)
        sim_violation (sim, "prepared-without-outcome",
                       "%s was prepared by its owner and rolls back, nobody decided so", s_name (branch));
    if (by_op && branch->voted_yes && !asked)
        sim_violation (sim, "yes-without-outcome", "%s rolls back after its yes, nobody decided so",
                       s_name (branch));
}

void sim_check_foreign (sim_t *sim, const sim_branch_t *branch, const char *op)
{
    if (!branch->operated)
        sim_violation (sim, "foreign-touched", "%s of %s, which is not ours", op, s_name (branch));
}
