/*
 * The last resource: one branch whose resource manager cannot prepare, as the
 * coordinator sees it ("last agent", in the literature).
 *
 * Its commit is the decision, so it is asked when all others have voted, and
 * never before it is on record that it may have been asked (Intent).  From then
 * on nobody decides Abort for any other reason than its word: it answers for
 * good, since it commits a marker together with its own work, or puts an
 * aborted one in that one's place.  Whoever leads asks it, until it answers.
 */
#include <string.h>

#include "base/txc_assert.h"
#include "core/txc_replica_private.h"

bool txc_replica_is_last (const txc_replica_t *self, const txc_gtx_branch_t *branch)
{
    const txc_replica_agent_t *agent = txc_replica_agent_of (self, branch->ref.rm);
    for (uint32_t i = 0; agent && i < agent->n_rms; i++)
        if (strcmp (agent->rms[i].rm, branch->ref.rm) == 0)
            return agent->rms[i].last_resource;
    return false;
}

bool txc_replica_last_is_open (const txc_reg_session_t *session)
{
    TXC_LIST_EACH ((txc_list_t *) &session->transactions, link)
    {
        const txc_gtx_t *gtx = TXC_CONTAINER (link, txc_gtx_t, link);
        if (gtx->state == TXC_GTX_INTENT_LOGGING || gtx->state == TXC_GTX_LAST_ASKED)
            return true;
    }
    return false;
}

/* --- intent ---------------------------------------------------------------------- */

static void s_propose_intent (txc_replica_t *self, txc_gtx_t *gtx, int place)
{
    gtx->last = place;
    gtx->several = true;
    txc_gtx_move (gtx, TXC_GTX_INTENT_LOGGING);
    txc_heap_set (&self->timers, &gtx->timer, TXC_NEVER_MS);
    txc_rec_t *record = txc_replica_record (self, TXC_REC_INTENT);
    record->gtrid = gtx->gtrid;
    record->token = gtx->branches[place].ref.token;
    memcpy (record->rm, gtx->branches[place].ref.rm, sizeof record->rm);
    for (uint32_t i = 0; i < gtx->n_branches; i++)
        if (gtx->branches[i].vote == TXC_VOTE_YES || (int) i == place)
            record->branches[record->n_branches++] = gtx->branches[i].ref;
    txc_replica_propose (self, record, true);
    if (TXC_MUTANT (LAST_ASKED_BEFORE_INTENT)) {
        txc_gtx_move (gtx, TXC_GTX_LAST_ASKED);
        txc_replica_pump (self, gtx);
    }
}

bool txc_replica_last_try (txc_replica_t *self, txc_gtx_t *gtx)
{
    int last = -1;
    bool two = false;
    if (gtx->state != TXC_GTX_PREPARING || gtx->gtrid.mode != TXC_MODE_2PC)
        return false;
    for (uint32_t i = 0; i < gtx->n_branches; i++)
        if (txc_replica_is_last (self, &gtx->branches[i])) {
            two = two || last >= 0;
            last = (int) i;
        }
    if (two) {
        txc_error_t error;
        txc_error_set (&error, TXC_EINVAL,
                       "two of its resource managers are last resources: a transaction can have one");
        txc_gtx_blame (gtx, &error);
        txc_replica_abort (self, gtx);
        return true;
    }
    if (last < 0 || !txc_gtx_is_agreed_but (gtx, last))
        return false;
    gtx->branches[last].vote = TXC_VOTE_NONE;
    s_propose_intent (self, gtx, last);
    return true;
}

void txc_replica_intent_applied (txc_replica_t *self, const txc_rec_t *record, bool valid)
{
    txc_gtx_t *gtx = txc_replica_transaction (self, &record->gtrid);
    if (!gtx || gtx->state != TXC_GTX_INTENT_LOGGING)
        return;
    if (valid) {
        txc_gtx_move (gtx, TXC_GTX_LAST_ASKED);
        txc_replica_pump (self, gtx);
        return;
    }
    /* Void: it was never asked. */
    txc_error_t error;
    txc_error_set (&error, TXC_ESESSION, "the session was closed before the transaction was decided");
    txc_gtx_blame (gtx, &error);
    txc_replica_rolled_back (self, gtx);
}

void txc_replica_resume_intents (txc_replica_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->registry.intents, &cursor); node;
         node = txc_hash_step (&self->registry.intents, &cursor)) {
        const txc_intent_t *intent = TXC_CONTAINER (node, txc_intent_t, node);
        txc_reg_session_t *session = txc_registry_session (&self->registry, intent->gtrid.session);
        TXC_ASSERT (session != NULL);
        txc_gtx_t *gtx = txc_gtx_new (&intent->gtrid, intent->n_branches, intent->branches, self->now_ms);
        gtx->several = true;
        gtx->last = txc_gtx_find (gtx, intent->rm, intent->token);
        TXC_ASSERT (gtx->last >= 0);
        for (uint32_t i = 0; i < gtx->n_branches; i++)
            gtx->branches[i].vote = (int) i == gtx->last ? TXC_VOTE_NONE : TXC_VOTE_YES;
        txc_replica_transaction_add (self, session, gtx);
        txc_gtx_move (gtx, TXC_GTX_LAST_ASKED);
        txc_replica_pump (self, gtx);
    }
}

/* --- its word ---------------------------------------------------------------------- */

void txc_replica_last_vote (txc_replica_t *self, txc_gtx_t *gtx, const txc_msg_t *message)
{
    txc_gtx_branch_t *branch = &gtx->branches[gtx->last];
    switch (message->vote) {
    case TXC_VOTE_YES:
    case TXC_VOTE_READ_ONLY:
        branch->vote = message->vote;
        memcpy (branch->ref.evidence, message->evidence, sizeof branch->ref.evidence);
        txc_replica_propose_commit (self, gtx);
        break;
    case TXC_VOTE_NO:
        branch->vote = TXC_VOTE_NO;
        txc_gtx_blame (gtx, message->error);
        txc_replica_abort (self, gtx);
        break;
    default: /* it cannot tell (yet): it may have committed; it is asked again */
        break;
    }
}

void txc_replica_last_resolve (txc_replica_t *self, txc_gtx_t *gtx, bool committed)
{
    gtx->branches[gtx->last].vote = committed ? TXC_VOTE_YES : TXC_VOTE_NO;
    (committed ? txc_replica_propose_commit : txc_replica_abort) (self, gtx);
}
