/*
 * Branches that ended otherwise than their transaction: by an operator's hand,
 * or by the resource manager's own.
 *
 * As X/Open has it, whoever knows of such an end remembers it until the TM has
 * it on record.  A transaction that is over, or that was presumed to be rolled
 * back, may have nothing on record any more; its heuristic is recorded all the
 * same, for operators, and the agent may forget it then.
 */
#include <string.h>

#include "base/txc_mem.h"
#include "core/txc_replica_private.h"

void txc_replica_propose_heuristic (txc_replica_t *self, const txc_gtrid_t *gtrid,
                                    const txc_branch_ref_t *branch, txc_heur_t heur, const char *text)
{
    txc_rec_t *record = txc_replica_record (self, TXC_REC_HEURISTIC);
    record->gtrid = *gtrid;
    record->heur = (uint8_t) heur;
    record->token = branch->token;
    memcpy (record->rm, branch->rm, sizeof record->rm);
    txc_copy_text (record->text, sizeof record->text, text);
    txc_replica_propose (self, record, true);
}

/* It counts as the acknowledgement once it is on record; a presumed abort needs an outcome to hang it on. */
void txc_replica_heuristic (txc_replica_t *self, const txc_gtx_t *gtx, txc_gtx_branch_t *branch,
                            const txc_msg_t *message)
{
    branch->heur = message->heur;
    if (gtx->state != TXC_GTX_COMMITTING && !txc_registry_outcome (&self->registry, &gtx->gtrid)) {
        txc_rec_t *record = txc_replica_record (self, TXC_REC_ABORT);
        record->gtrid = gtx->gtrid;
        record->count = gtx->several ? 2 : 1;
        txc_replica_propose (self, record, true);
    }
    txc_replica_propose_heuristic (self, &gtx->gtrid, &branch->ref, (txc_heur_t) branch->heur,
                                   message->error ? message->error->text : "");
}

/* The branch ended otherwise than its transaction (by an operator's hand, or by the RM's own), and that is
 * not on record. */
static bool s_heuristic_is_news (const txc_msg_t *question, const txc_outcome_t *outcome)
{
    int place = outcome ? txc_outcome_find (outcome, question->rm, question->token) : -1;
    bool commit = outcome && outcome->commit && place >= 0;
    if (question->heur == (commit ? TXC_HEUR_COMMITTED : TXC_HEUR_ROLLED_BACK))
        return false;
    return place < 0 || outcome->heur[place] != question->heur;
}

bool txc_replica_inquiry_heuristic (txc_replica_t *self, const txc_msg_t *question,
                                    const txc_reg_session_t *session, const txc_outcome_t *outcome)
{
    if (question->heur == TXC_HEUR_NONE || TXC_MUTANT (HEURISTIC_LET_GO))
        return false;
    if (!outcome && session && !session->closed && question->gtrid.n >= session->low) {
        txc_replica_inquiry_pending (self, question); /* it may be decided yet */
        return true;
    }
    if (!s_heuristic_is_news (question, outcome))
        return false;
    txc_branch_ref_t branch = {.token = question->token};
    txc_copy_text (branch.rm, sizeof branch.rm, question->rm);
    txc_replica_propose_heuristic (self, &question->gtrid, &branch, (txc_heur_t) question->heur,
                                   outcome ? "told after the transaction was over"
                                           : "how its transaction ended is off the record");
    return true; /* applied, it is the answer */
}

void txc_replica_heuristic_applied (txc_replica_t *self, const txc_rec_t *record)
{
    if (!self->leading)
        return;
    txc_gtx_t *gtx = txc_replica_transaction (self, &record->gtrid);
    int place = gtx ? txc_gtx_find (gtx, record->rm, record->token) : -1;
    if (!gtx || gtx->state == TXC_GTX_ABORTING || gtx->state == TXC_GTX_TOLD) /* else End will say so */
        txc_replica_tell_ended (self, &record->gtrid, record->rm, record->token, (txc_heur_t) record->heur);
    if (place < 0)
        return;
    gtx->branches[place].heur = record->heur;
    txc_replica_branch_done (self, gtx, &gtx->branches[place]);
}
