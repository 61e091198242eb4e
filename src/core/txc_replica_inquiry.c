/*
 * What became of it?  Agents ask about branches in doubt, applications about
 * transactions, operators resolve what nobody else can.  "I cannot tell" is
 * never "rolled back".
 */
#include <stdio.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_replica_private.h"

/* --- agents ------------------------------------------------------------------- */

static void s_tell (txc_replica_t *self, const txc_msg_t *question, txc_msg_type_t type, int code)
{
    txc_msg_t *reply = txc_update_message (self->update, type, question->route);
    reply->gtrid = question->gtrid;
    reply->token = question->token;
    memcpy (reply->rm, question->rm, sizeof reply->rm);
    memcpy (reply->evidence, question->evidence, sizeof reply->evidence);
    reply->epoch = self->epoch;
    reply->code = code;
    if (type == TXC_MSG_ENDED)
        reply->heur = question->heur;
    reply->flags = question->flags & (TXC_FLAG_READ_ONLY | TXC_FLAG_RECORD_ONLY);
    if (type == TXC_MSG_INQUIRY_PENDING) /* which of its questions this answers */
        reply->flags |= question->flags & TXC_FLAG_FINISHED;
    reply->high_slot = self->registry.applied_slot;
}

void txc_replica_inquiry_pending (txc_replica_t *self, const txc_msg_t *question)
{
    s_tell (self, question, TXC_MSG_INQUIRY_PENDING, TXC_PENDING);
}

static void s_tell_outcome (txc_replica_t *self, const txc_msg_t *question, bool commit)
{
    s_tell (self, question, commit ? TXC_MSG_PHASE2_COMMIT : TXC_MSG_PHASE2_ROLLBACK, TXC_OK);
}

/* The transaction is in flight here.  A branch with a token that its transaction does not list is a stray one
 * (its first statement's reply was lost with the agent): it goes as soon as the transaction is decided. */
static void s_inquiry_in_flight (txc_replica_t *self, const txc_msg_t *question, const txc_gtx_t *gtx)
{
    int place = txc_gtx_find (gtx, question->rm, question->token);
    switch (gtx->state) {
    case TXC_GTX_COMMITTING:
    case TXC_GTX_ENDING:
        if (!(question->flags & TXC_FLAG_FINISHED) || place < 0)
            s_tell_outcome (self, question, place >= 0);
        else if (gtx->branches[place].vote == TXC_VOTE_READ_ONLY)
            s_tell (self, question, TXC_MSG_ENDED, TXC_OK);
        else if (gtx->state == TXC_GTX_COMMITTING && !gtx->branches[place].done)
            txc_replica_inquiry_pending (self, question);
        break; /* acknowledged: End will answer it */
    case TXC_GTX_ABORTING:
    case TXC_GTX_TOLD:
        if (question->heur && place >= 0 && gtx->branches[place].heur == question->heur &&
            gtx->branches[place].done) /* what it did instead is on record */
            s_tell (self, question, TXC_MSG_ENDED, TXC_OK);
        else
            s_tell_outcome (self, question,
                            gtx->state == TXC_GTX_TOLD && gtx->answer == TXC_OK && place >= 0);
        break;
    default:
        txc_replica_inquiry_pending (self, question);
    }
}

/* A prepared branch that is older than its transaction's time-out, and nobody asked to commit: it is decided
 * now. */
static void s_decide_abort (txc_replica_t *self, txc_reg_session_t *session, const txc_gtrid_t *gtrid,
                            uint32_t n_branches, const txc_branch_ref_t *branches, uint64_t route)
{
    txc_gtx_t *gtx = txc_gtx_new (gtrid, n_branches, branches, self->now_ms);
    txc_replica_transaction_add (self, session, gtx);
    gtx->several = true;
    gtx->route = route;
    txc_replica_abort (self, gtx);
}

/* The group is of every majority of a three-phase commit with one branch: that was not committed of which
 * nothing is on record, since a commit stays there until its branch has acknowledged it.  While an outcome
 * may still come the group has something on record, or is asked by its application. */
static bool s_is_only (const txc_replica_t *self, const txc_msg_t *question)
{
    const txc_gtrid_t *gtrid = &question->gtrid;
    return gtrid->mode == TXC_MODE_3PC && question->flags & TXC_FLAG_ONLY &&
           !(question->flags & TXC_FLAG_RECORD_ONLY) &&
           txc_registry_is_forgotten (&self->registry, txc_registry_session (&self->registry, gtrid->session),
                                      gtrid->n) &&
           !txc_registry_is_member (&self->registry, gtrid);
}

/* An earlier leader may have told what these votes say: "pending" would be news from yesterday.  They ask
 * again, and find the record. */
static bool s_is_about_to_be_known (const txc_gtx_t *gtx)
{
    return gtx->recovered && gtx->state == TXC_GTX_COMMIT_LOGGING;
}

void txc_replica_inquiry (txc_replica_t *self, const txc_msg_t *message)
{
    const txc_gtrid_t *gtrid = &message->gtrid;
    txc_session_state_t state = txc_registry_session_state (&self->registry, gtrid->session);
    bool finished = message->flags & TXC_FLAG_FINISHED;
    if (gtrid->cluster != self->registry.cluster || state == TXC_SESSION_NEVER) {
        s_tell (self, message,
                TXC_MUTANT (UNKNOWN_SESSION_PRESUMED) || TXC_MUTANT (FOREIGN_CLUSTER_TOUCHED)
                    ? TXC_MSG_PHASE2_ROLLBACK
                    : TXC_MSG_INQUIRY_PENDING,
                TXC_EFOREIGN);
        return;
    }
    const txc_gtx_t *gtx = txc_replica_transaction (self, gtrid);
    if (gtx && s_is_about_to_be_known (gtx))
        return;
    if (gtx) {
        s_inquiry_in_flight (self, message, gtx);
        return;
    }
    const txc_outcome_t *outcome = txc_registry_outcome (&self->registry, gtrid);
    bool is_3pc = gtrid->mode == TXC_MODE_3PC;
    const txc_reg_session_t *its = txc_registry_session (&self->registry, gtrid->session);
    /* Below the mark it was on record: its application knew it, and what was committed has ended. */
    bool passed = its && gtrid->n < its->low && !(message->flags & TXC_FLAG_RECORD_ONLY);
    /* Of a three-phase commit the log may not have learned yet what became of it, and never will behind the
     * horizon: what members know of it they keep then. */
    bool only = !outcome && s_is_only (self, message);
    bool unlearned = is_3pc && !outcome && !passed && !only;
    bool forgotten = txc_registry_is_forgotten (&self->registry, its, gtrid->n);
    /* Nor will anybody else learn it for a branch that wrote nothing, and holds its locks until somebody says
     * that it may go. */
    bool released = unlearned && forgotten && message->flags & TXC_FLAG_READ_ONLY;
    if (released || (finished && (!unlearned || forgotten) && (!outcome || outcome->ended))) {
        if (!unlearned && txc_replica_inquiry_heuristic (self, message, its, outcome))
            return;
        s_tell (self, message, TXC_MSG_ENDED, unlearned ? TXC_FORGOTTEN : TXC_OK);
        return;
    }
    if (outcome) {
        bool listed = txc_outcome_find (outcome, message->rm, message->token) >= 0;
        s_tell_outcome (self, message, outcome->commit && listed);
        return;
    }
    if (is_3pc && !passed && !only &&
        !TXC_MUTANT (PENDING_3PC_IS_ROLLBACK)) { /* its members decide, not a presumption */
        txc_replica_inquiry_pending (self, message);
        return;
    }
    if (message->flags & TXC_FLAG_RECORD_ONLY && !TXC_MUTANT (RECORD_ONLY_IGNORED)) {
        txc_replica_inquiry_pending (self, message);
        return;
    }
    txc_reg_session_t *session = txc_registry_session (&self->registry, gtrid->session);
    if (only || state == TXC_SESSION_CLOSED || gtrid->n < session->low) {
        s_tell_outcome (self, message, false);
        return;
    }
    uint64_t timeout_ms = message->timeout_ms ? message->timeout_ms : self->config.timeout_ms;
    if (message->age_ms > timeout_ms && self->transactions.count < self->config.max_transactions) {
        if (TXC_MUTANT (OLD_BRANCH_PRESUMED)) {
            s_tell_outcome (self, message, false);
            return;
        }
        txc_branch_ref_t branch = {.token = message->token};
        txc_copy_text (branch.rm, sizeof branch.rm, message->rm);
        s_decide_abort (self, session, gtrid, 1, &branch, 0);
        return;
    }
    s_tell (self, message,
            TXC_MUTANT (PENDING_IS_ROLLBACK) ? TXC_MSG_PHASE2_ROLLBACK : TXC_MSG_INQUIRY_PENDING,
            TXC_PENDING);
}

/* --- applications ---------------------------------------------------------------- */

/* To decide it would leave an outcome on record that no mark of its session passes. */
static bool s_is_beyond_window (const txc_reg_session_t *session, uint64_t n)
{
    return n >= session->low + TXC_WINDOW && !TXC_MUTANT (WINDOW_PASSED);
}

/* What may be told when nothing is on record and nothing is in flight. */
static int s_unrecorded (txc_replica_t *self, const txc_msg_t *message)
{
    const txc_gtrid_t *gtrid = &message->gtrid;
    txc_session_state_t state = txc_registry_session_state (&self->registry, gtrid->session);
    bool several = message->n_branches >= 2;
    if (gtrid->cluster != self->registry.cluster || state == TXC_SESSION_NEVER)
        return TXC_EFOREIGN;
    txc_reg_session_t *session = txc_registry_session (&self->registry, gtrid->session);
    if (txc_registry_is_forgotten (&self->registry, session, gtrid->n))
        return TXC_FORGOTTEN;
    if (message->flags & TXC_FLAG_SETTLE && s_is_beyond_window (session, gtrid->n))
        return TXC_EOVERLOAD;
    if (gtrid->mode == TXC_MODE_3PC) {
        if (several && message->flags & TXC_FLAG_SETTLE &&
            self->transactions.count < self->config.max_transactions) {
            txc_gtx_t *gtx = txc_gtx_new (gtrid, message->n_branches, message->branches, self->now_ms);
            txc_replica_transaction_add (self, session, gtx);
            gtx->route = message->route;
            txc_replica_terminate (self, gtx);
        }
        /* Members that decide without the group report it; until then nobody here can tell. */
        return state == TXC_SESSION_CLOSED ? TXC_UNKNOWN : TXC_PENDING;
    }
    if (state == TXC_SESSION_CLOSED)
        return several || TXC_MUTANT (ONE_BRANCH_PRESUMED) ? TXC_ROLLED_BACK : TXC_UNKNOWN;
    if (!(message->flags & TXC_FLAG_SETTLE))
        return TXC_PENDING;
    if (!several)
        return TXC_UNKNOWN; /* it may have been committed in one phase, of which the log knows nothing */
    s_decide_abort (self, session, gtrid, message->n_branches, message->branches, message->route);
    return TXC_PENDING;
}

void txc_replica_outcome_query (txc_replica_t *self, const txc_msg_t *message)
{
    txc_gtx_t *gtx = txc_replica_transaction (self, &message->gtrid);
    const txc_outcome_t *outcome = txc_registry_outcome (&self->registry, &message->gtrid);
    int code;
    if (!outcome && gtx && s_is_about_to_be_known (gtx))
        return;
    if (outcome) {
        code = txc_outcome_code (outcome);
        if (code == TXC_ROLLED_BACK && !outcome->several && message->n_branches < 2)
            code = TXC_UNKNOWN;
    } else if (gtx && gtx->answer != TXC_PENDING)
        code = gtx->answer;
    else if (gtx)
        code = gtx->state == TXC_GTX_COMMITTING ? TXC_OK : TXC_PENDING;
    else
        code = s_unrecorded (self, message);
    txc_msg_t *reply = txc_replica_answer (self, message->route, &message->gtrid, code,
                                           gtx && code != TXC_OK ? gtx->error : NULL);
    if (reply)
        reply->stamp = message->stamp;
}

/* The AP's rollback of a transaction that other processes may have joined: only an applied Abort makes it
 * irrevocable. */
void txc_replica_rollback (txc_replica_t *self, const txc_msg_t *message)
{
    txc_gtx_t *gtx = txc_replica_transaction (self, &message->gtrid);
    const txc_outcome_t *outcome = txc_registry_outcome (&self->registry, &message->gtrid);
    txc_reg_session_t *session = txc_registry_session (&self->registry, message->gtrid.session);
    if (gtx) {
        if (gtx->answer != TXC_PENDING)
            txc_replica_answer (self, message->route, &gtx->gtrid, gtx->answer, gtx->error);
        else
            gtx->route = message->route;
        if (gtx->state == TXC_GTX_PREPARING)
            (gtx->gtrid.mode == TXC_MODE_3PC ? txc_replica_give_up : txc_replica_abort) (self, gtx);
        return;
    }
    if (outcome)
        txc_replica_answer (self, message->route, &message->gtrid, txc_outcome_code (outcome), NULL);
    else if (message->gtrid.cluster != self->registry.cluster || !session)
        txc_replica_answer (self, message->route, &message->gtrid, TXC_EFOREIGN, NULL);
    else if (session->closed || message->gtrid.n < session->low)
        txc_replica_answer (self, message->route, &message->gtrid, TXC_ROLLED_BACK, NULL);
    else if (self->transactions.count >= self->config.max_transactions ||
             s_is_beyond_window (session, message->gtrid.n))
        txc_replica_answer (self, message->route, &message->gtrid, TXC_EOVERLOAD, NULL);
    else
        s_decide_abort (self, session, &message->gtrid, message->n_branches, message->branches,
                        message->route);
}

/* --- operators ----------------------------------------------------------------------- */

static void s_resolved (txc_replica_t *self, const txc_event_t *event, int code, const char *text)
{
    txc_error_t error;
    txc_error_set (&error, code, "%s", text);
    txc_replica_answer (self, event->route, &event->gtrid, code, &error);
}

/* A decided transaction that waits for branches which will not come back: what the operator says of them is
 * recorded and counts as their acknowledgement. */
static void s_resolve_waiting (txc_replica_t *self, txc_gtx_t *gtx, const txc_event_t *event)
{
    for (uint32_t i = 0; i < gtx->n_branches; i++) {
        txc_gtx_branch_t *branch = &gtx->branches[i];
        if (branch->done || branch->heur || branch->vote != TXC_VOTE_YES)
            continue;
        branch->heur = event->vote == TXC_VOTE_YES ? TXC_HEUR_COMMITTED : TXC_HEUR_ROLLED_BACK;
        char text[TXC_TEXT_MAX + 1];
        snprintf (text, sizeof text, "resolved by %s", event->text ? event->text : "operator");
        txc_replica_propose_heuristic (self, &gtx->gtrid, &branch->ref, (txc_heur_t) branch->heur, text);
    }
    s_resolved (self, event, TXC_OK,
                "the heuristic is being recorded for every branch that had not acknowledged");
}

void txc_replica_resolve (txc_replica_t *self, const txc_event_t *event)
{
    static const char members_decide[] =
        "a majority of the transaction's members decides, not the log; resolve "
        "single branches at their agents";
    txc_gtx_t *gtx = txc_replica_transaction (self, &event->gtrid);
    const txc_outcome_t *outcome = txc_registry_outcome (&self->registry, &event->gtrid);
    txc_reg_session_t *session = txc_registry_session (&self->registry, event->gtrid.session);
    bool commit = event->vote == TXC_VOTE_YES;
    if (!self->leading)
        s_resolved (self, event, TXC_ENOTREADY, "this replica does not lead yet");
    else if (gtx && gtx->state == TXC_GTX_COMMITTING)
        s_resolve_waiting (self, gtx, event);
    else if (gtx && gtx->state == TXC_GTX_LAST_ASKED) {
        txc_replica_last_resolve (self, gtx, commit);
        s_resolved (self, event, TXC_OK, "what the last resource did is being recorded");
    } else if (outcome || (gtx && !txc_gtx_is_open (gtx)))
        s_resolved (self, event, TXC_EPROTO,
                    "nothing is in doubt: the outcome is on record or being recorded");
    else if (gtx && gtx->state != TXC_GTX_PREPARING)
        s_resolved (self, event, TXC_EPROTO, members_decide);
    else if (event->gtrid.cluster != self->registry.cluster || !session || session->closed ||
             event->gtrid.n < session->low)
        s_resolved (
            self, event, TXC_ENOTA,
            "no open transaction of this group; a branch that is still prepared is resolved at its agent");
    else if (commit)
        s_resolved (self, event, TXC_EPROTO,
                    "it cannot be committed: not every branch has voted yes; roll it back, or resolve single "
                    "branches at their agents");
    else if (!gtx && event->gtrid.mode == TXC_MODE_3PC)
        s_resolved (self, event, TXC_EPROTO, members_decide);
    else {
        if (gtx && txc_gtx_is_3pc (gtx))
            txc_replica_give_up (self, gtx);
        else if (gtx)
            txc_replica_abort (self, gtx);
        else
            s_decide_abort (self, session, &event->gtrid, 0, NULL, 0);
        s_resolved (self, event, TXC_OK, "the Abort record is being written");
    }
}
