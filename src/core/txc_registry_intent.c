/* Transactions whose last resource may have been asked to commit, and that are not decided on record. */
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "core/txc_registry.h"

txc_intent_t *txc_registry_intent (const txc_registry_t *self, const txc_gtrid_t *gtrid)
{
    txc_hash_node_t *node = txc_hash_first (&self->intents, txc_gtrid_hash (gtrid));
    for (; node; node = txc_hash_next (node)) {
        txc_intent_t *intent = TXC_CONTAINER (node, txc_intent_t, node);
        if (txc_gtrid_equal (&intent->gtrid, gtrid))
            return intent;
    }
    return NULL;
}

static bool s_names_its_last (const txc_rec_t *record)
{
    for (uint32_t i = 0; i < record->n_branches; i++)
        if (record->branches[i].token == record->token && strcmp (record->branches[i].rm, record->rm) == 0)
            return true;
    return false;
}

bool txc_registry_intent_apply (txc_registry_t *self, txc_reg_session_t *session, const txc_rec_t *record)
{
    if (session->closed || record->gtrid.n < session->low || !s_names_its_last (record) ||
        txc_registry_intent (self, &record->gtrid))
        return false;
    txc_intent_t *intent = txc_calloc (1, sizeof *intent);
    intent->gtrid = record->gtrid;
    intent->token = record->token;
    memcpy (intent->rm, record->rm, sizeof intent->rm);
    intent->n_branches = record->n_branches;
    intent->branches = txc_calloc (record->n_branches, sizeof *intent->branches);
    memcpy (intent->branches, record->branches, record->n_branches * sizeof *intent->branches);
    txc_hash_add (&self->intents, &intent->node, txc_gtrid_hash (&intent->gtrid));
    txc_list_append (&session->intents, &intent->link);
    return true;
}

void txc_registry_intent_remove (txc_registry_t *self, txc_intent_t *intent)
{
    if (!intent)
        return;
    txc_hash_remove (&self->intents, &intent->node);
    txc_list_remove (&intent->link);
    free (intent->branches);
    free (intent);
}

void txc_registry_intent_record (const txc_intent_t *intent, txc_rec_t *record)
{
    memset (record, 0, sizeof *record);
    record->type = TXC_REC_INTENT;
    record->gtrid = intent->gtrid;
    record->token = intent->token;
    memcpy (record->rm, intent->rm, sizeof record->rm);
    record->n_branches = intent->n_branches;
    memcpy (record->branches, intent->branches, intent->n_branches * sizeof *intent->branches);
}
