/*
 * Phase 2: outcomes, evidence, heuristics; and the question what became of a
 * branch in doubt.
 *
 * A branch that the RM no longer lists was committed only if there is evidence
 * for it.  A connection error is never an outcome: phase 2 is tried for ever.
 */
#include <string.h>

#include "base/txc_assert.h"
#include "core/txc_agent_member.h"

enum { RETRY_MAX_MS = 2000, INQUIRY_MAX_MS = 30000 };

static uint64_t s_backoff (uint64_t first_ms, uint32_t times, uint64_t max_ms)
{
    uint64_t wait = first_ms << (times < 16 ? times : 16);
    return wait < max_ms ? wait : max_ms;
}

/* --- trying --------------------------------------------------------------------- */

void txc_agent_phase2_later (txc_agent_t *self, txc_branch_t *branch)
{
    branch->retry_ms = self->now_ms + s_backoff (self->config.retry_ms, branch->retries++, RETRY_MAX_MS);
    if (TXC_MUTANT (PHASE2_NOT_REPEATED))
        branch->retry_ms = TXC_NEVER_MS;
    txc_agent_branch_timer (self, branch);
}

/* Gives out the next work item of a branch that is being ended, or looked for. */
void txc_agent_phase2_try (txc_agent_t *self, txc_branch_t *branch)
{
    branch->retry_ms = TXC_NEVER_MS;
    txc_agent_branch_timer (self, branch);
    if (branch->busy)
        return;
    if (branch->fence_first || branch->state == TXC_BRANCH_LOOKING) {
        txc_work_t *work = txc_agent_branch_work (self, branch, TXC_WORK_FENCE_AND_LOOK);
        work->refuse = branch->state == TXC_BRANCH_LOOKING && self->config.rms[branch->rm].last_resource;
        return;
    }
    if (branch->state == TXC_BRANCH_PROVING) {
        txc_agent_branch_work (self, branch, TXC_WORK_EVIDENCE);
        return;
    }
    bool commit = branch->state == TXC_BRANCH_COMMITTING;
    TXC_ASSERT (commit || branch->state == TXC_BRANCH_ROLLING_BACK);
    txc_work_t *work = txc_agent_branch_work (self, branch, commit ? TXC_WORK_COMMIT : TXC_WORK_ROLLBACK);
    /* One whose owner is gone may be prepared in spite of everything. */
    work->read_only = branch->vote != TXC_VOTE_YES && !branch->enlisted;
}

void txc_agent_prove (txc_agent_t *self, txc_branch_t *branch)
{
    txc_agent_phase2_try (self, branch);
}

/* --- outcomes come ------------------------------------------------------------------ */

static void s_done (txc_agent_t *self, const txc_msg_t *question, txc_heur_t heur, const txc_error_t *error)
{
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_PHASE2_DONE, 0);
    reply->gtrid = question->gtrid;
    reply->token = question->token;
    reply->epoch = self->epoch;
    reply->heur = (uint8_t) heur;
    memcpy (reply->rm, question->rm, sizeof reply->rm);
    reply->error = txc_agent_lend_error (self, error);
}

/* Tells the leader how a branch ended; a heuristic only where it is not what the leader said. */
void txc_agent_acknowledge (txc_agent_t *self, txc_branch_t *branch, bool commit)
{
    txc_msg_t question = {.gtrid = branch->gtrid, .token = branch->token};
    memcpy (question.rm, self->config.rms[branch->rm].name, sizeof question.rm);
    txc_heur_t heur = TXC_HEUR_NONE;
    if (branch->state == TXC_BRANCH_HEURISTIC) {
        txc_proof_t *proof = txc_agent_proof (self, &branch->gtrid, branch->rm, branch->token);
        bool as_said = branch->heur == (commit ? TXC_HEUR_COMMITTED : TXC_HEUR_ROLLED_BACK);
        if (commit && proof)
            txc_agent_proof_told_commit (self, proof);
        heur = as_said ? TXC_HEUR_NONE : (txc_heur_t) branch->heur;
    } else if (commit && branch->state == TXC_BRANCH_ROLLED_BACK && branch->vote != TXC_VOTE_READ_ONLY)
        heur = TXC_HEUR_ROLLED_BACK;
    else if (!commit && branch->state == TXC_BRANCH_COMMITTED && branch->vote != TXC_VOTE_READ_ONLY) {
        self->dropped++; /* the TM itself said commit: this answers a question from long ago */
        return;
    }
    s_done (self, &question, heur, heur ? branch->error : NULL);
}

/* The journal must say "committing" before the RM hears of it: it is the only proof that an RM without memory
 * of ended branches leaves. */
static void s_commit (txc_agent_t *self, txc_branch_t *branch)
{
    if (self->config.rms[branch->rm].journal_committing && branch->vote == TXC_VOTE_YES &&
        !TXC_MUTANT (COMMITTING_NOT_JOURNALED))
        txc_agent_proof_committing (self, branch);
    txc_agent_branch_move (self, branch, TXC_BRANCH_COMMITTING);
    txc_agent_phase2_try (self, branch);
}

/* Phase 2 for a branch that is not known here and that recovery did not find. */
static void s_phase2_unknown (txc_agent_t *self, const txc_msg_t *message, uint8_t rm, bool commit)
{
    txc_proof_t *proof = txc_agent_proof (self, &message->gtrid, rm, message->token);
    if (proof && proof->kind == TXC_JOURNAL_HEURISTIC) {
        bool as_said = proof->heur == (commit ? TXC_HEUR_COMMITTED : TXC_HEUR_ROLLED_BACK);
        if (commit)
            txc_agent_proof_told_commit (self, proof);
        s_done (self, message, as_said ? TXC_HEUR_NONE : (txc_heur_t) proof->heur, NULL);
        return;
    }
    if (!commit || message->flags & TXC_FLAG_READ_ONLY) { /* nothing is there to be ended */
        s_done (self, message, TXC_HEUR_NONE, NULL);
        return;
    }
    /* What a member said is forgotten when End is on record, and no sooner. */
    if (message->gtrid.mode == TXC_MODE_3PC && txc_agent_token_is_own (self, message->token) &&
        !txc_agent_member (self, &message->gtrid, rm, message->token)) {
        s_done (self, message, TXC_HEUR_NONE, NULL);
        return;
    }
    txc_agent_member_t *member = txc_agent_member (self, &message->gtrid, rm, message->token);
    if (member) /* whom the others may ask when the group has forgotten it */
        txc_agent_member_recorded (self, member, true);
    txc_branch_t *branch = txc_agent_branch_add (self, &message->gtrid, rm, message->token);
    branch->recovered = true;
    branch->maybe_committed = proof && proof->kind == TXC_JOURNAL_COMMITTING;
    memcpy (branch->evidence, message->evidence, sizeof branch->evidence);
    if (member && !branch->evidence[0]) /* the log learned it from members, who know their own only */
        memcpy (branch->evidence, member->evidence, sizeof branch->evidence);
    txc_agent_branch_move (self, branch, TXC_BRANCH_PROVING);
    txc_agent_prove (self, branch);
}

void txc_agent_outcome (txc_agent_t *self, txc_branch_t *branch, bool commit)
{
    branch->quarantined = false;
    if (!commit)
        txc_agent_owner_outcome (self, branch);
    switch (branch->state) {
    case TXC_BRANCH_PREPARED:
        if (commit)
            s_commit (self, branch);
        else
            txc_agent_roll_back (self, branch);
        break;
    case TXC_BRANCH_READ_ONLY:
        if (commit && branch->owner)
            s_commit (self, branch);
        else
            txc_agent_roll_back (self, branch);
        break;
    case TXC_BRANCH_ACTIVE:
        if (!commit)
            txc_agent_roll_back (self, branch);
        else
            self->dropped++; /* nobody commits what never voted */
        break;
    case TXC_BRANCH_PREPARING:
    case TXC_BRANCH_LOOKING:
        branch->want_rollback |= !commit;
        break;
    default:
        if (txc_branch_is_ended (branch))
            txc_agent_acknowledge (self, branch, commit);
    }
}

void txc_agent_phase2 (txc_agent_t *self, const txc_msg_t *message, bool commit)
{
    int rm = txc_agent_rm_index (self, message->rm);
    if (rm < 0 || !self->rms[rm].ready)
        return;
    if (message->high_slot > self->high_slot)
        self->high_slot = message->high_slot;
    txc_branch_t *branch = txc_agent_branch_find (self, &message->gtrid, (uint8_t) rm, message->token);
    txc_agent_member_t *member = txc_agent_member (self, &message->gtrid, (uint8_t) rm, message->token);
    if (branch && !commit)
        branch->told_rollback = true;
    if (!branch && member && member->read_only) {
        txc_agent_member_decided (self, member, commit);
        s_done (self, message, TXC_HEUR_NONE, NULL); /* it wrote nothing, and its session is gone */
        return;
    }
    if (branch && branch->record_only && !commit && !(message->flags & TXC_FLAG_RECORD_ONLY))
        self->dropped++; /* it may rest on presumption, and answer a question from before: it is asked anew */
    else if (member && branch)
        txc_agent_member_recorded (self, member, commit);
    else if (branch) {
        branch->told = commit ? TXC_VOTE_YES : TXC_VOTE_NO;
        txc_agent_outcome (self, branch, commit);
    } else
        s_phase2_unknown (self, message, (uint8_t) rm, commit);
}

/* --- what the RM answered ------------------------------------------------------------- */

static void s_heuristic (txc_agent_t *self, txc_branch_t *branch, txc_heur_t heur, const char *why)
{
    txc_error_t error;
    txc_error_set (&error, TXC_HAZARD, "%s", why);
    txc_agent_branch_blame (branch, &error);
    branch->heur = (uint8_t) heur;
    self->heuristics++;
    bool commit = branch->state != TXC_BRANCH_ROLLING_BACK;
    bool tell = !branch->by_operator && !branch->one_phase;
    txc_agent_proof_heuristic (self, branch, heur, tell && commit);
    txc_agent_branch_end (self, branch, TXC_BRANCH_HEURISTIC);
    if (tell)
        txc_agent_acknowledge (self, branch, commit);
}

static void s_committed (txc_agent_t *self, txc_branch_t *branch)
{
    bool tell = !branch->one_phase;
    if (branch->by_operator) {
        s_heuristic (self, branch, TXC_HEUR_COMMITTED,
                     branch->by_timer ? "committed by a timer (termination = timeout)"
                                      : "committed by an operator");
        return;
    }
    if (TXC_MUTANT (PROOF_FORGOTTEN_AT_ACK)) {
        txc_proof_t *proof = txc_agent_proof (self, &branch->gtrid, branch->rm, branch->token);
        if (proof)
            txc_agent_proof_forget (self, proof, true);
    }
    txc_agent_branch_end (self, branch, TXC_BRANCH_COMMITTED);
    if (tell)
        txc_agent_acknowledge (self, branch, true);
}

void txc_agent_commit_done (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done)
{
    if (done->connection_lost)
        branch->owner = false;
    switch (done->status) {
    case TXC_WORK_OK:
        s_committed (self, branch);
        break;
    case TXC_WORK_ABSENT:
        txc_agent_branch_move (self, branch, TXC_BRANCH_PROVING);
        txc_agent_prove (self, branch);
        break;
    case TXC_WORK_HEURISTIC:
        s_heuristic (self, branch, (txc_heur_t) done->heur,
                     "the resource manager ended the branch by itself");
        break;
    case TXC_WORK_LOST:
        if (branch->vote == TXC_VOTE_READ_ONLY ||
            TXC_MUTANT (LOST_COMMIT_IS_DONE)) { /* its session is gone, and it wrote nothing */
            s_committed (self, branch);
            break;
        }
        /* The answer was lost, or the server was not reached.  Only a session of ours that is seen gone makes
         * "not listed" mean something. */
        branch->maybe_committed = true;
        branch->fence_first = true;
        branch->owner = false;
        txc_agent_phase2_later (self, branch);
        break;
    case TXC_WORK_ERROR: /* an owner gave up what was refused: only its session can be in the way */
        branch->fence_first = branch->fence_first || done->connection_lost;
        txc_agent_phase2_later (self, branch);
        break;
    default:
        txc_agent_phase2_later (self, branch);
    }
}

void txc_agent_rollback_done (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done)
{
    if (done->connection_lost)
        branch->owner = false;
    bool never_prepared =
        branch->vote == TXC_VOTE_READ_ONLY ||
        (branch->vote != TXC_VOTE_YES && (!branch->enlisted || TXC_MUTANT (SILENT_OWNER_IS_NO)));
    switch (done->status) {
    case TXC_WORK_LOST:
        if (!never_prepared && !TXC_MUTANT (LOST_ROLLBACK_IS_DONE)) {
            branch->fence_first = true;
            branch->owner = false;
            txc_agent_phase2_later (self, branch);
            return;
        }
        branch->owner = false;
        break;
    case TXC_WORK_RETRY:
    case TXC_WORK_ERROR:
        branch->fence_first = branch->fence_first || done->connection_lost;
        txc_agent_phase2_later (self, branch);
        return;
    case TXC_WORK_HEURISTIC:
        s_heuristic (self, branch, (txc_heur_t) done->heur,
                     "the resource manager ended the branch by itself");
        return;
    default:
        if (done->status != TXC_WORK_OK && done->status != TXC_WORK_ABSENT &&
            done->status != TXC_WORK_ROLLED_BACK) {
            txc_agent_phase2_later (self, branch);
            return;
        }
    }
    if (branch->by_operator) {
        s_heuristic (self, branch, TXC_HEUR_ROLLED_BACK,
                     branch->by_timer ? "rolled back by a timer (termination = timeout)"
                                      : "rolled back by an operator");
        return;
    }
    /* Nothing that ended by itself is acknowledged unasked: it may be a commit that is waited for. */
    bool tell = branch->vote == TXC_VOTE_YES || branch->vote == TXC_VOTE_READ_ONLY ||
                (branch->final_no && branch->told_rollback);
    txc_agent_branch_end (self, branch, TXC_BRANCH_ROLLED_BACK);
    if (tell)
        txc_agent_acknowledge (self, branch, false);
}

/* The old session was ended and the RM looked through, on the way to an outcome. */
static void s_fenced (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done)
{
    if (done->status != TXC_WORK_OK && done->status != TXC_WORK_ABSENT) {
        txc_agent_phase2_later (self, branch);
        return;
    }
    branch->fence_first = false;
    bool listed = done->status == TXC_WORK_OK;
    /* The session that may have committed it is gone, and it is listed: what was tried did not come about. */
    if (listed && (branch->evidence[0] || !branch->enlisted) && !TXC_MUTANT (LISTED_MAY_BE_COMMITTED))
        branch->maybe_committed = false;
    bool in_doubt = listed && branch->enlisted && branch->vote == TXC_VOTE_NONE && !branch->outcome;
    if (in_doubt && !TXC_MUTANT (SILENT_OWNER_OVERRULED)) {
        if (done->evidence[0])
            memcpy (branch->evidence, done->evidence, sizeof branch->evidence);
        txc_agent_owner_in_doubt (self, branch);
    } else if (listed || branch->state == TXC_BRANCH_PROVING)
        txc_agent_phase2_try (self, branch);
    else if (branch->state == TXC_BRANCH_COMMITTING) {
        txc_agent_branch_move (self, branch, TXC_BRANCH_PROVING);
        txc_agent_prove (self, branch);
    } else {
        txc_work_done_t absent = {.status = TXC_WORK_ABSENT};
        txc_agent_rollback_done (self, branch, &absent);
    }
}

static void s_prove_one_phase (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done)
{
    switch (done->status) {
    case TXC_WORK_OK:
        txc_agent_proof_add (self, TXC_JOURNAL_ONE_PHASE, &branch->gtrid, branch->rm, branch->token,
                             TXC_HEUR_NONE, true);
        txc_agent_branch_end (self, branch, TXC_BRANCH_COMMITTED);
        break;
    case TXC_WORK_ROLLED_BACK:
        txc_agent_branch_end (self, branch, TXC_BRANCH_ROLLED_BACK);
        break;
    case TXC_WORK_UNKNOWN:
        txc_agent_branch_end (self, branch,
                              TXC_MUTANT (ONE_PHASE_INTENT_IS_PROOF) ? TXC_BRANCH_COMMITTED
                              : TXC_MUTANT (ONE_PHASE_UNKNOWN_IS_NO) ? TXC_BRANCH_ROLLED_BACK
                                                                     : TXC_BRANCH_UNKNOWN);
        break;
    default:
        txc_agent_phase2_later (self, branch);
    }
}

void txc_agent_evidence_done (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done)
{
    TXC_ASSERT (branch->state == TXC_BRANCH_PROVING);
    if (branch->one_phase) {
        s_prove_one_phase (self, branch, done);
        return;
    }
    /* What was begun at one copy of the data proves nothing of another one. */
    bool journaled = self->config.rms[branch->rm].journal_committing && branch->maybe_committed &&
                     !self->rms[branch->rm].record_only;
    switch (done->status) {
    case TXC_WORK_OK:
        s_committed (self, branch);
        break;
    case TXC_WORK_ROLLED_BACK:
        if (TXC_MUTANT (EVIDENCE_IGNORED)) {
            s_committed (self, branch);
            break;
        }
        s_heuristic (self, branch, TXC_HEUR_ROLLED_BACK,
                     "decided commit, but the resource manager says that it rolled the branch back");
        break;
    case TXC_WORK_UNKNOWN:
        if (journaled || TXC_MUTANT (UNPROVED_IS_DONE))
            s_committed (self, branch);
        else { /* or the question was an old one, about a branch that ended, was acknowledged and forgotten */
            branch->unproved = true;
            txc_agent_inquire (self, branch);
        }
        break;
    default:
        txc_agent_phase2_later (self, branch);
    }
}

/* FENCE_AND_LOOK came back: on the way to a vote, or to an outcome. */
static void s_look (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done)
{
    if (branch->state == TXC_BRANCH_LOOKING)
        txc_agent_look_done (self, branch, done);
    else
        s_fenced (self, branch, done);
}

void txc_agent_branch_done (txc_agent_t *self, txc_branch_t *branch, txc_work_done_t *done)
{
    branch->busy = false;
    switch (done->op) {
    case TXC_WORK_EXEC:
        txc_agent_exec_done (self, branch, done);
        break;
    case TXC_WORK_PREPARE:
        if (done->connection_lost)
            branch->owner = false;
        txc_agent_prepare_done (self, branch, done->status, done);
        break;
    case TXC_WORK_COMMIT:
        txc_agent_commit_done (self, branch, done);
        break;
    case TXC_WORK_COMMIT_ONE_PHASE:
        txc_agent_one_phase_done (self, branch, done);
        break;
    case TXC_WORK_ROLLBACK:
        txc_agent_rollback_done (self, branch, done);
        break;
    case TXC_WORK_FENCE_AND_LOOK:
        s_look (self, branch, done);
        break;
    case TXC_WORK_EVIDENCE:
        txc_agent_evidence_done (self, branch, done);
        break;
    default:
        TXC_NEVER();
    }
}

/* --- in doubt ---------------------------------------------------------------------------- */

static bool s_is_only (const txc_agent_t *self, const txc_branch_t *branch)
{
    const txc_agent_member_t *member = txc_agent_member (self, &branch->gtrid, branch->rm, branch->token);
    return member && !member->abstains && member->n_peers == 1;
}

void txc_agent_ask_leader (txc_agent_t *self, txc_branch_t *branch)
{
    if (!self->registered || TXC_MUTANT (NEVER_ASKS))
        return;
    self->inquiries++;
    txc_msg_t *message = txc_agent_branch_message (self, branch, TXC_MSG_INQUIRY, 0);
    message->age_ms = self->now_ms - branch->began_ms;
    message->timeout_ms = (uint32_t) branch->timeout_ms;
    message->flags = (branch->vote == TXC_VOTE_READ_ONLY ? TXC_FLAG_READ_ONLY : 0u) |
                     (branch->unproved ? TXC_FLAG_FINISHED : 0u) |
                     (branch->record_only ? TXC_FLAG_RECORD_ONLY : 0u) |
                     (s_is_only (self, branch) ? TXC_FLAG_ONLY : 0u);
}

void txc_agent_inquire (txc_agent_t *self, txc_branch_t *branch)
{
    if (txc_branch_is_3pc (branch) && txc_agent_terminate_is_due (self, branch)) {
        if (self->config.timers_end && !branch->busy) {
            txc_agent_terminate_by_timer (self, branch);
            return;
        }
        txc_agent_terminate (self, txc_agent_member (self, &branch->gtrid, branch->rm, branch->token));
    }
    branch->inquire_ms =
        self->now_ms + s_backoff (self->config.inquiry_ms, branch->inquiries++, INQUIRY_MAX_MS);
    txc_agent_branch_timer (self, branch);
    txc_agent_ask_peers (self, branch);
    if (!branch->busy)
        txc_agent_ask_leader (self, branch);
}

static void s_hazard (txc_agent_t *self, txc_branch_t *branch)
{
    s_heuristic (
        self, branch, TXC_HEUR_HAZARD,
        "decided commit, but the resource manager does not list the branch and nothing proves that it "
        "committed");
}

void txc_agent_pending (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    txc_branch_t *branch =
        rm < 0 ? NULL : txc_agent_branch_find (self, &message->gtrid, (uint8_t) rm, message->token);
    if (branch && branch->state == TXC_BRANCH_PREPARED)
        branch->quarantined = message->code == TXC_EFOREIGN;
    else if (branch && branch->state == TXC_BRANCH_PROVING && branch->unproved &&
             message->flags & TXC_FLAG_FINISHED) /* else it answers a question from before */
        s_hazard (self, branch);
}

static void s_forget_heuristic (txc_agent_t *self, const txc_msg_t *message, uint8_t rm)
{
    txc_work_t *work = txc_update_work (self->update, TXC_WORK_FORGET);
    work->rm = rm;
    work->gtrid = message->gtrid;
    work->token = message->token;
}

/* End is on record: nobody will ask for this branch again. */
void txc_agent_ended (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    if (rm < 0)
        return;
    txc_branch_t *branch = txc_agent_branch_find (self, &message->gtrid, (uint8_t) rm, message->token);
    txc_proof_t *proof = txc_agent_proof (self, &message->gtrid, (uint8_t) rm, message->token);
    if (branch && branch->state == TXC_BRANCH_PROVING && branch->unproved) {
        /* Which is no End, or not of what an operator did: that was never acknowledged. */
        if (message->code == TXC_FORGOTTEN || branch->by_operator) {
            s_hazard (self, branch);
            return;
        }
        txc_agent_branch_end (self, branch, TXC_BRANCH_COMMITTED); /* acknowledged long ago */
    }
    if (branch && branch->state == TXC_BRANCH_READ_ONLY) { /* it may go, and is a member all the same */
        if (message->code == TXC_FORGOTTEN && !branch->busy)
            txc_agent_outcome (self, branch, false);
        return;
    }
    const txc_agent_member_t *member = txc_agent_member (self, &message->gtrid, (uint8_t) rm, message->token);
    /* The group does not know how the transaction ended: other members may still ask for it. */
    if (member && message->code == TXC_FORGOTTEN && member->final != TXC_VOTE_NO && !member->abstains)
        return;
    /* Nobody has said that it is on record how it ended: it is asked for again. */
    bool untold =
        proof && proof->kind == TXC_JOURNAL_HEURISTIC && !proof->told_commit && message->heur != proof->heur;
    if (proof && !untold && (!branch || txc_branch_is_ended (branch))) {
        if (proof->kind == TXC_JOURNAL_HEURISTIC && self->config.rms[rm].forgets)
            s_forget_heuristic (self, message, (uint8_t) rm);
        txc_agent_proof_forget (self, proof, true);
    }
    if (!branch || txc_branch_is_ended (branch))
        txc_agent_member_forget (self, &message->gtrid, (uint8_t) rm, message->token, true);
}

/* Against, or without, the TM: a heuristic, unless it wrote nothing. */
static void s_end_by_hand (txc_agent_t *self, txc_branch_t *branch, bool commit, bool by_timer)
{
    if (branch->state == TXC_BRANCH_READ_ONLY) {
        txc_agent_outcome (self, branch, commit);
        return;
    }
    if (branch->state != TXC_BRANCH_PREPARED)
        return;
    branch->by_operator = branch->outcome = true;
    branch->by_timer = by_timer;
    if (commit)
        s_commit (self, branch);
    else
        txc_agent_roll_back (self, branch);
}

/* An operator ends a branch in doubt. */
void txc_agent_operator (txc_agent_t *self, const txc_agent_event_t *event)
{
    int rm = txc_agent_rm_index (self, event->rm);
    txc_branch_t *branch =
        rm < 0 ? NULL : txc_agent_branch_find (self, &event->gtrid, (uint8_t) rm, event->token);
    if (branch && !branch->busy)
        s_end_by_hand (self, branch, event->vote == TXC_VOTE_YES, false);
}

void txc_agent_end_by_timer (txc_agent_t *self, txc_branch_t *branch, bool commit)
{
    s_end_by_hand (self, branch, commit, true);
}
