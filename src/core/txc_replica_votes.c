/*
 * Paxos Commit (Gray & Lamport): votes that are replicated, and what they
 * decide.
 *
 * As an acceptor, every replica takes votes of resource managers, unless their
 * transaction is decided, closed or forgotten by what it has applied.
 *
 * As the leader of the epoch in which the votes were cast, a replica decides
 * when a majority holds the vote of every participant under that epoch, and
 * may say so at once; the Commit record follows lazily.  It is the only one
 * that may, and only until it has proposed Abort or the session's end.  A
 * new leader goes by outcome records first; then by the votes that phase 1
 * found: where there is one of every participant, they may have been chosen,
 * so Commit is proposed; a participant without one is asked again, or the
 * transaction is aborted, since there nothing was chosen.  Either way only the
 * applied record decides, before anybody is told.
 */
#include <string.h>

#include "base/txc_assert.h"
#include "core/txc_replica_private.h"

enum { HOLD_MS = 2000 /* no new votes are asked for, so that a change of members finds none open */ };

/* --- the acceptor -------------------------------------------------------------------- */

/* No vote of this transaction can matter any more, by what is applied here. */
static bool s_is_closed (void *arg, const txc_gtrid_t *gtrid)
{
    const txc_replica_t *self = arg;
    const txc_reg_session_t *session = txc_registry_session (&self->registry, gtrid->session);
    if (txc_registry_outcome (&self->registry, gtrid))
        return true;
    switch (txc_registry_session_state (&self->registry, gtrid->session)) {
    case TXC_SESSION_CLOSED:
        return true;
    case TXC_SESSION_OPEN:
        return gtrid->n < session->low;
    default: /* a session that this replica has not come to yet, or that never was */
        return gtrid->session <= self->registry.applied_slot;
    }
}

static bool s_is_of_group (const txc_replica_t *self, const txc_gtrid_t *gtrid)
{
    bool known = txc_registry_session_state (&self->registry, gtrid->session) != TXC_SESSION_NEVER;
    return gtrid->cluster == self->registry.cluster &&
           (known || txc_paxos_expects (self->paxos, gtrid->session, TXC_REC_SESSION_OPEN));
}

static bool s_is_listed (const txc_msg_t *message)
{
    for (uint32_t i = 0; i < message->n_branches; i++)
        if (message->branches[i].token == message->token &&
            strcmp (message->branches[i].rm, message->rm) == 0)
            return true;
    return false;
}

bool txc_replica_is_cast (const txc_msg_t *message)
{
    return message->type == TXC_MSG_VOTE && message->gtrid.mode == TXC_MODE_PAXOS &&
           (message->vote == TXC_VOTE_YES || message->vote == TXC_VOTE_READ_ONLY);
}

int txc_replica_vote_cast (txc_replica_t *self, const txc_msg_t *message)
{
    int rc = TXC_OK;
    if (!s_is_listed (message))
        rc = TXC_EPROTO;
    else if (!s_is_of_group (self, &message->gtrid))
        rc = TXC_EFOREIGN;
    else if (s_is_closed (self, &message->gtrid) && !TXC_MUTANT (CLOSED_VOTES_TAKEN))
        rc = TXC_ESTALE;
    else
        rc = txc_paxos_vote (self->paxos, message);
    if (rc)
        self->dropped++;
    return rc;
}

void txc_replica_votes_applied (txc_replica_t *self, const txc_rec_t *record)
{
    switch (record->type) {
    case TXC_REC_COMMIT:
    case TXC_REC_ABORT:
        if (record->gtrid.mode == TXC_MODE_PAXOS && s_is_closed (self, &record->gtrid))
            txc_paxos_votes_close (self->paxos, &record->gtrid);
        break;
    case TXC_REC_SESSION_CLOSE:
    case TXC_REC_MARK:
        txc_replica_votes_sweep (self);
        break;
    default:
        break;
    }
}

void txc_replica_votes_sweep (txc_replica_t *self)
{
    if (txc_paxos_votes_count (self->paxos) > 0)
        txc_paxos_votes_sweep (self->paxos, s_is_closed, self);
}

/* --- the leader ------------------------------------------------------------------------ */

/* A majority may hold votes of it that decide, and no record says so yet. */
static bool s_is_open (const txc_gtx_t *gtx)
{
    return gtx->gtrid.mode == TXC_MODE_PAXOS &&
           (gtx->state == TXC_GTX_PREPARING || gtx->state == TXC_GTX_COMMIT_LOGGING ||
            (gtx->state == TXC_GTX_COMMITTING && !gtx->recorded));
}

bool txc_replica_votes_are_open (const txc_replica_t *self, const txc_reg_session_t *session)
{
    (void) self;
    TXC_LIST_EACH ((txc_list_t *) &session->transactions, link)
    if (s_is_open (TXC_CONTAINER (link, txc_gtx_t, link)))
        return true;
    return false;
}

bool txc_replica_votes_let_change (txc_replica_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->transactions, &cursor); node;
         node = txc_hash_step (&self->transactions, &cursor))
        if (s_is_open (TXC_CONTAINER (node, txc_gtx_t, node)) && !TXC_MUTANT (MEMBERS_CHANGE_OPEN_VOTES)) {
            self->votes_held_ms = self->now_ms + HOLD_MS;
            return false;
        }
    return true;
}

bool txc_replica_votes_are_held_back (const txc_replica_t *self, const txc_reg_session_t *session)
{
    return session->closing || self->now_ms < self->votes_held_ms ||
           (txc_paxos_is_changing (self->paxos) && !TXC_MUTANT (MEMBERS_CHANGE_OPEN_VOTES));
}

void txc_replica_votes_agreed (txc_replica_t *self, txc_gtx_t *gtx)
{
    bool decides = !gtx->recovered || TXC_MUTANT (FOUND_VOTES_DECIDE);
    if (decides)
        txc_replica_commit_lazily (self, gtx);
    else
        txc_replica_propose_commit (self, gtx);
}

void txc_replica_voted (void *arg, uint32_t bit, const txc_msg_t *message)
{
    txc_replica_t *self = arg;
    txc_gtx_t *gtx = self->leading ? txc_replica_transaction (self, &message->gtrid) : NULL;
    int place = gtx ? txc_gtx_find (gtx, message->rm, message->token) : -1;
    bool mine = txc_epoch_compare (message->epoch, self->epoch) == 0;
    if (place < 0 || !mine || gtx->state != TXC_GTX_PREPARING) {
        self->dropped += place < 0; /* others are late: a majority was enough */
        return;
    }
    txc_gtx_branch_t *branch = &gtx->branches[place];
    branch->holders |= bit;
    bool held = txc_paxos_is_majority (self->paxos, branch->holders) || TXC_MUTANT (ONE_ACCEPTOR_IS_ENOUGH) ||
                (message->vote == TXC_VOTE_READ_ONLY && TXC_MUTANT (READ_ONLY_NOT_HELD));
    if (!held || branch->vote != TXC_VOTE_NONE)
        return;
    branch->vote = message->vote;
    memcpy (branch->ref.evidence, message->evidence, sizeof branch->ref.evidence);
    if (txc_gtx_is_agreed (gtx))
        txc_replica_votes_agreed (self, gtx);
}

/* --- a new leader ------------------------------------------------------------------------ */

/* A vote that phase 1 found, or that this replica holds itself: it may have been chosen, so it stands. */
static void s_found (void *arg, const txc_rec_t *record)
{
    txc_replica_t *self = arg;
    txc_reg_session_t *session = txc_registry_session (&self->registry, record->gtrid.session);
    txc_gtx_t *gtx = txc_replica_transaction (self, &record->gtrid);
    if (record->clock > self->update->clock)
        self->update->clock = record->clock; /* what is decided because of it comes behind it */
    if (!session || record->gtrid.cluster != self->registry.cluster || s_is_closed (self, &record->gtrid))
        return;
    if (!gtx) {
        gtx = txc_gtx_new (&record->gtrid, record->n_branches, record->branches, self->now_ms);
        gtx->recovered = true;
        gtx->deadline_ms = self->now_ms + self->config.timeout_ms;
        txc_replica_transaction_add (self, session, gtx);
        txc_gtx_move (gtx, TXC_GTX_PREPARING);
    }
    int place = txc_gtx_find (gtx, record->rm, record->token), listed = txc_vote_place (record);
    if (place < 0 || listed < 0 || gtx->state != TXC_GTX_PREPARING)
        return;
    gtx->branches[place].ref = record->branches[listed];
    gtx->branches[place].vote = record->branches[listed].vote;
}

void txc_replica_votes_recover (txc_replica_t *self)
{
    if (TXC_MUTANT (FOUND_VOTES_IGNORED))
        return;
    txc_paxos_votes_found (self->paxos, s_found);
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->transactions, &cursor); node;
         node = txc_hash_step (&self->transactions, &cursor)) {
        txc_gtx_t *gtx = TXC_CONTAINER (node, txc_gtx_t, node);
        if (!gtx->recovered || gtx->state != TXC_GTX_PREPARING)
            continue;
        if (txc_gtx_is_agreed (gtx))
            txc_replica_votes_agreed (self, gtx);
        else
            txc_replica_timer (self, gtx);
    }
}
