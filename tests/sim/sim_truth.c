#include "sim_truth.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "sim_rm.h"

void sim_truth_init (sim_t *sim)
{
    txc_hash_init (&sim->txs);
    txc_list_init (&sim->tx_list);
}

void sim_truth_fini (sim_t *sim)
{
    TXC_LIST_EACH (&sim->tx_list, link)
    {
        sim_tx_t *tx = TXC_CONTAINER (link, sim_tx_t, list_node);
        TXC_LIST_EACH (&tx->branches, node)
        free (TXC_CONTAINER (node, sim_branch_t, node));
        free (tx);
    }
    txc_hash_fini (&sim->txs);
}

sim_tx_t *sim_tx_find (const sim_t *sim, const txc_gtrid_t *gtrid)
{
    txc_hash_node_t *node = txc_hash_first (&sim->txs, txc_gtrid_hash (gtrid));
    for (; node; node = txc_hash_next (node)) {
        sim_tx_t *tx = TXC_CONTAINER (node, sim_tx_t, hash_node);
        if (txc_gtrid_equal (&tx->gtrid, gtrid))
            return tx;
    }
    return NULL;
}

sim_tx_t *sim_tx_get (sim_t *sim, const txc_gtrid_t *gtrid)
{
    sim_tx_t *tx = sim_tx_find (sim, gtrid);
    if (tx)
        return tx;
    tx = txc_calloc (1, sizeof *tx);
    tx->gtrid = *gtrid;
    txc_list_init (&tx->branches);
    txc_hash_add (&sim->txs, &tx->hash_node, txc_gtrid_hash (gtrid));
    txc_list_append (&sim->tx_list, &tx->list_node);
    return tx;
}

sim_branch_t *sim_branch_find (const sim_t *sim, const txc_gtrid_t *gtrid, const char *rm, uint64_t token)
{
    const sim_tx_t *tx = sim_tx_find (sim, gtrid);
    if (!tx)
        return NULL;
    TXC_LIST_EACH (&tx->branches, link)
    {
        sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, node);
        if (branch->token == token && strcmp (branch->rm->proc.name, rm) == 0)
            return branch;
    }
    return NULL;
}

bool sim_tx_is_global (const sim_tx_t *tx)
{
    return tx->commit_sent;
}

void sim_tx_count (const sim_tx_t *tx, uint32_t *wrote, uint32_t *committed, uint32_t *rolled_back)
{
    *wrote = *committed = *rolled_back = 0;
    TXC_LIST_EACH (&tx->branches, link)
    {
        const sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, node);
        if (!branch->wrote)
            continue;
        ++*wrote;
        *committed += branch->state == SIM_BRANCH_COMMITTED;
        *rolled_back += branch->state == SIM_BRANCH_ROLLED_BACK;
    }
}
