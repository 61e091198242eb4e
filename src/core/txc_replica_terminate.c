/*
 * Three-phase commit, the coordinator's side (E3PC, txc_quorum.h).
 *
 * The leader in whose epoch every branch voted is the first terminator.  Any
 * other acts as the group, a member like the branches: it is elected under a
 * number that the log grants, and takes part in the attempts of others, its
 * state being in the log.  Neither the log nor a leader decides anything alone,
 * but for one case: who knows that nobody can have sent PreCommit may abort.
 */
#include <string.h>

#include "base/txc_assert.h"
#include "core/txc_replica_private.h"

/* --- records --------------------------------------------------------------------------- */

static void s_propose (txc_replica_t *self, const txc_gtrid_t *gtrid, txc_rec_type_t type, uint64_t number,
                       uint8_t kind)
{
    txc_rec_t *record = txc_replica_record (self, type);
    record->gtrid = *gtrid;
    record->number = number;
    record->vote = kind;
    txc_replica_propose (self, record, true);
}

/* It is decided: the log learns it. */
static void s_learn (txc_replica_t *self, txc_gtx_t *gtx, uint8_t kind)
{
    gtx->elect_ms = TXC_NEVER_MS;
    if (kind == TXC_VOTE_NO) {
        txc_error_t error;
        txc_error_set (&error, TXC_ETIMEDOUT,
                       "the transaction's members ended it before it was pre-committed");
        txc_gtx_blame (gtx, &error);
        txc_replica_abort (self, gtx);
        return;
    }
    for (uint32_t i = 0; i < gtx->n_branches; i++)
        gtx->branches[i].vote = TXC_VOTE_YES;
    txc_replica_propose_commit (self, gtx);
}

/* --- what is sent ---------------------------------------------------------------------------- */

txc_msg_type_t txc_replica_member_message (const txc_gtx_t *gtx, uint32_t place)
{
    uint64_t bit = UINT64_C (1) << (place + 1);
    switch (gtx->state) {
    case TXC_GTX_PRECOMMITTING:
    case TXC_GTX_TERMINATING:
        return gtx->quorum.acked & bit ? TXC_MSG_NONE : TXC_MSG_PRE_DECIDE;
    case TXC_GTX_ELECTING: /* nobody hears of a number before it is on record */
        return gtx->quorum.heard & bit || !(gtx->quorum.heard & 1) ? TXC_MSG_NONE : TXC_MSG_TERMINATE;
    default:
        return TXC_MSG_NONE;
    }
}

bool txc_replica_knows_members (const txc_replica_t *self, const txc_gtx_t *gtx)
{
    for (uint32_t i = 0; i < gtx->n_branches; i++)
        if (!txc_replica_agent_of (self, gtx->branches[i].ref.rm))
            return false;
    return true;
}

void txc_replica_member_fill (txc_replica_t *self, txc_gtx_t *gtx, txc_msg_t *message)
{
    if (message->type == TXC_MSG_PRE_DECIDE || message->type == TXC_MSG_TERMINATE) {
        message->stamp = gtx->quorum.number;
        message->vote = gtx->quorum.kind;
    }
    if (message->type != TXC_MSG_PREPARE && message->type != TXC_MSG_TERMINATE)
        return;
    txc_branch_ref_t *members = txc_update_alloc (self->update, gtx->n_branches * sizeof *members);
    for (uint32_t i = 0; i < gtx->n_branches; i++) {
        const txc_replica_agent_t *agent = txc_replica_agent_of (self, gtx->branches[i].ref.rm);
        memcpy (members[i].rm, gtx->branches[i].ref.rm, sizeof members[i].rm);
        members[i].token = gtx->branches[i].ref.token;
        for (uint32_t k = 0; agent && k < agent->n_rms; k++)
            if (strcmp (agent->rms[k].rm, members[i].rm) == 0)
                memcpy (members[i].endpoint, agent->rms[k].endpoint, sizeof members[i].endpoint);
    }
    message->branches = members;
    message->n_branches = gtx->n_branches;
}

/* --- the first terminator -------------------------------------------------------------------- */

static void s_acked (txc_replica_t *self, txc_gtx_t *gtx, uint32_t member)
{
    txc_quorum_acked (&gtx->quorum, member);
    if (txc_quorum_is_decided (&gtx->quorum))
        s_learn (self, gtx, gtx->quorum.kind);
}

void txc_replica_precommit (txc_replica_t *self, txc_gtx_t *gtx)
{
    txc_quorum_attempt (&gtx->quorum, TXC_NUMBER_FIRST, TXC_VOTE_YES, gtx->n_branches);
    txc_gtx_move (gtx, TXC_GTX_PRECOMMITTING);
    if (gtx->n_branches == 1) /* with one branch the group has to be of the majority */
        s_propose (self, &gtx->gtrid, TXC_REC_PRE_DECIDED, TXC_NUMBER_FIRST, TXC_VOTE_YES);
    txc_replica_pump (self, gtx);
}

/* No leader but this one can have all votes: the session was opened under it, or a branch voted for it, and
 * votes once.  (It has not sent PreCommit itself: it is still preparing.) */
static bool s_is_the_first (const txc_replica_t *self, const txc_gtx_t *gtx)
{
    if (gtx->gtrid.session > self->lead_slot || TXC_MUTANT (LOG_ALONE_ABORTS))
        return true;
    for (uint32_t i = 0; i < gtx->n_branches; i++)
        if (gtx->branches[i].vote == TXC_VOTE_YES)
            return true;
    return false;
}

void txc_replica_give_up (txc_replica_t *self, txc_gtx_t *gtx)
{
    TXC_ASSERT (gtx->state == TXC_GTX_PREPARING);
    if (s_is_the_first (self, gtx))
        txc_replica_abort (self, gtx);
    else
        txc_replica_terminate (self, gtx);
}

/* --- the group as a terminator ------------------------------------------------------------------ */

static void s_again (const txc_replica_t *self, txc_gtx_t *gtx)
{
    uint64_t wait = (uint64_t) self->config.retry_ms << (2 + (gtx->elections < 6 ? gtx->elections : 6));
    gtx->elect_ms =
        self->now_ms +
        (wait < 4 * (uint64_t) self->config.retry_max_ms ? wait : 4 * (uint64_t) self->config.retry_max_ms);
}

void txc_replica_terminate (txc_replica_t *self, txc_gtx_t *gtx)
{
    uint64_t elected = txc_registry_member (&self->registry, &gtx->gtrid).elected;
    gtx->highest = txc_number_above (gtx->highest > elected ? gtx->highest : elected, 0);
    txc_gtx_move (gtx, TXC_GTX_ELECTING);
    txc_quorum_elect (&gtx->quorum, gtx->highest, gtx->n_branches);
    gtx->elections++;
    s_again (self, gtx);
    s_propose (self, &gtx->gtrid, TXC_REC_ELECTED, gtx->highest, TXC_VOTE_NONE);
    txc_replica_pump (self, gtx);
}

static void s_attempt (txc_replica_t *self, txc_gtx_t *gtx)
{
    uint64_t number = gtx->quorum.number;
    uint8_t kind = txc_quorum_choice (&gtx->quorum);
    txc_gtx_move (gtx, TXC_GTX_TERMINATING);
    txc_quorum_attempt (&gtx->quorum, number, kind, gtx->n_branches);
    s_again (self, gtx);
    s_propose (self, &gtx->gtrid, TXC_REC_PRE_DECIDED, number, kind);
    txc_replica_pump (self, gtx);
}

void txc_replica_elected_applied (txc_replica_t *self, const txc_rec_t *record, bool valid)
{
    txc_gtx_t *gtx = txc_replica_transaction (self, &record->gtrid);
    if (!gtx || !txc_gtx_is_open (gtx))
        return;
    if (!valid) {
        if (!txc_registry_session (&self->registry, record->gtrid.session))
            txc_replica_forgotten (self, gtx);
        return;
    }
    if (record->number > gtx->highest)
        gtx->highest = record->number;
    if (record->number != gtx->quorum.number)
        return;
    if (record->type == TXC_REC_PRE_DECIDED && gtx->quorum.phase == TXC_QUORUM_ATTEMPTING &&
        record->vote == gtx->quorum.kind)
        s_acked (self, gtx, 0);
    else if (record->type == TXC_REC_ELECTED && gtx->state == TXC_GTX_ELECTING) {
        txc_reg_member_t own = txc_registry_member (&self->registry, &gtx->gtrid);
        txc_quorum_heard (&gtx->quorum, 0, own.attempt, own.kind);
        txc_replica_pump (self, gtx);
    }
}

void txc_replica_member_timer (txc_replica_t *self, txc_gtx_t *gtx)
{
    if (gtx->elect_ms <= self->now_ms) {
        txc_replica_terminate (self, gtx);
        return;
    }
    bool late = false;
    for (uint32_t i = 0; i < gtx->n_branches; i++)
        late |= gtx->branches[i].tries >= 2;
    /* A branch is missing: the group joins the majority. */
    if (gtx->state == TXC_GTX_PRECOMMITTING && late && !(gtx->quorum.acked & 1) &&
        txc_registry_member (&self->registry, &gtx->gtrid).elected == TXC_NUMBER_FIRST)
        s_propose (self, &gtx->gtrid, TXC_REC_PRE_DECIDED, TXC_NUMBER_FIRST, TXC_VOTE_YES);
    txc_replica_pump (self, gtx);
}

/* --- members speak ------------------------------------------------------------------------------- */

static txc_msg_t *s_reply (txc_replica_t *self, const txc_msg_t *message, txc_msg_type_t type)
{
    txc_msg_t *reply = txc_update_message (self->update, type, message->route);
    reply->gtrid = message->gtrid;
    reply->stamp = message->stamp;
    reply->epoch = self->epoch;
    return reply;
}

/* To the branch that message names: what is on record. */
static void s_say_outcome (txc_replica_t *self, const txc_msg_t *message, const txc_outcome_t *outcome)
{
    txc_msg_t *reply = s_reply (self, message, TXC_MSG_DECIDED);
    reply->token = message->token;
    memcpy (reply->rm, message->rm, sizeof reply->rm);
    reply->vote = outcome->commit ? TXC_VOTE_YES : TXC_VOTE_NO;
}

/* What the log held of the transaction may be gone, below its session's mark or behind the horizon: an
 * outcome, or what the group had granted.  It must not stand there as a member that has seen nothing.  (A
 * branch below the mark learns its end by its inquiry.) */
static bool s_abstains (const txc_replica_t *self, const txc_gtrid_t *gtrid)
{
    const txc_reg_session_t *session = txc_registry_session (&self->registry, gtrid->session);
    return txc_registry_is_forgotten (&self->registry, session, gtrid->n) &&
           !txc_registry_is_member (&self->registry, gtrid) && !TXC_MUTANT (FORGOTTEN_IS_GRANTED);
}

/* A branch stands as the terminator: the log grants the number first, the answer comes when it asks again. */
static void s_asked (txc_replica_t *self, const txc_msg_t *message)
{
    txc_reg_member_t own = txc_registry_member (&self->registry, &message->gtrid);
    if (message->stamp <= TXC_NUMBER_FIRST || message->stamp > TXC_NUMBER_MAX)
        return;
    if (message->stamp > own.elected) {
        s_propose (self, &message->gtrid, TXC_REC_ELECTED, message->stamp, TXC_VOTE_NONE);
        return;
    }
    txc_msg_t *reply = s_reply (self, message, TXC_MSG_MEMBER_STATE);
    reply->slot = own.elected;
    reply->high_slot = own.attempt;
    reply->vote = own.kind;
}

static void s_pre_decide (txc_replica_t *self, const txc_msg_t *message)
{
    txc_reg_member_t own = txc_registry_member (&self->registry, &message->gtrid);
    bool done = own.attempt == message->stamp && own.kind == message->vote;
    if (message->stamp <= TXC_NUMBER_FIRST || message->stamp > TXC_NUMBER_MAX)
        return;
    if (message->stamp == own.elected && !done) {
        s_propose (self, &message->gtrid, TXC_REC_PRE_DECIDED, message->stamp, message->vote);
        return;
    }
    txc_msg_t *reply = s_reply (self, message, TXC_MSG_PRE_DECIDED);
    reply->slot = own.elected;
    reply->vote = message->vote;
}

static void s_answered (txc_replica_t *self, txc_gtx_t *gtx, const txc_msg_t *message)
{
    int place = txc_gtx_find (gtx, message->rm, message->token);
    if (place < 0)
        return;
    if (message->flags & TXC_FLAG_FINAL && message->type == TXC_MSG_MEMBER_STATE) {
        if (message->vote == TXC_VOTE_NO)
            gtx->branches[place].vote = TXC_VOTE_NO;
        s_learn (self, gtx, message->vote);
        return;
    }
    if (message->stamp != gtx->quorum.number)
        return;
    uint32_t member = (uint32_t) place + 1;
    if (message->slot > message->stamp) { /* another terminator is at work: it goes first */
        gtx->highest =
            message->slot > gtx->highest && message->slot <= TXC_NUMBER_MAX ? message->slot : gtx->highest;
        if (gtx->elect_ms == TXC_NEVER_MS) {
            s_again (self, gtx);
            txc_replica_pump (self, gtx);
        }
    } else if (message->slot != message->stamp)
        return;
    else if (message->type == TXC_MSG_PRE_DECIDED && gtx->quorum.phase == TXC_QUORUM_ATTEMPTING &&
             message->vote == gtx->quorum.kind)
        s_acked (self, gtx, member);
    else if (message->type == TXC_MSG_MEMBER_STATE && gtx->state == TXC_GTX_ELECTING) {
        txc_quorum_heard (&gtx->quorum, member, message->high_slot, message->vote);
        if (txc_quorum_is_elected (&gtx->quorum))
            s_attempt (self, gtx);
    }
}

/* A branch reports the final state until End is on record. */
static void s_reported (txc_replica_t *self, const txc_msg_t *message, txc_gtx_t *gtx,
                        const txc_outcome_t *outcome)
{
    txc_reg_session_t *session = txc_registry_session (&self->registry, message->gtrid.session);
    /* Below the mark everything has ended: an application knew the outcome, so it was on record. */
    bool passed = !outcome && session && message->gtrid.n < session->low;
    /* Behind the horizon nobody learns it from here any more.  Who says ABORT would say so without its entry,
     * too; who says COMMIT may be the last that knows.  (What the group has granted goes with a record.) */
    bool granted = message->n_branches > 0 && txc_registry_is_member (&self->registry, &message->gtrid);
    bool forgotten = !outcome && !gtx && message->vote == TXC_VOTE_NO && !granted &&
                     txc_registry_is_forgotten (&self->registry, session, message->gtrid.n);
    if (outcome || passed || forgotten) {
        if (outcome && !outcome->ended)
            return;
        txc_msg_t *reply = s_reply (self, message, TXC_MSG_ENDED);
        reply->token = message->token;
        memcpy (reply->rm, message->rm, sizeof reply->rm);
    } else if (gtx) {
        if (txc_gtx_is_open (gtx))
            s_learn (self, gtx, message->vote);
    } else if (session && message->n_branches > 0 &&
               self->transactions.count < self->config.max_transactions) {
        gtx = txc_gtx_new (&message->gtrid, message->n_branches, message->branches, self->now_ms);
        txc_replica_transaction_add (self, session, gtx);
        s_learn (self, gtx, message->vote);
    }
}

void txc_replica_from_member (txc_replica_t *self, const txc_msg_t *message)
{
    const txc_gtrid_t *gtrid = &message->gtrid;
    bool has_kind = message->vote == TXC_VOTE_YES || message->vote == TXC_VOTE_NO;
    if (gtrid->mode != TXC_MODE_3PC || gtrid->cluster != self->registry.cluster ||
        txc_registry_session_state (&self->registry, gtrid->session) == TXC_SESSION_NEVER ||
        (!has_kind && (message->type == TXC_MSG_PRE_DECIDE || message->type == TXC_MSG_DECIDED ||
                       message->flags & TXC_FLAG_FINAL))) {
        self->dropped++;
        return;
    }
    txc_gtx_t *gtx = txc_replica_transaction (self, gtrid);
    const txc_outcome_t *outcome = txc_registry_outcome (&self->registry, gtrid);
    switch (message->type) {
    case TXC_MSG_TERMINATE:
    case TXC_MSG_PRE_DECIDE:
        if (outcome)
            s_say_outcome (self, message, outcome);
        else if (s_abstains (self, gtrid))
            break;
        else if (message->type == TXC_MSG_TERMINATE)
            s_asked (self, message);
        else
            s_pre_decide (self, message);
        break;
    case TXC_MSG_DECIDED:
        s_reported (self, message, gtx, outcome);
        break;
    default:
        if (gtx && txc_gtx_is_open (gtx))
            s_answered (self, gtx, message);
    }
}
