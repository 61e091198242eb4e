/* Statements, one-phase commit, and the AP's own rollback. */
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_agent_private.h"

void txc_agent_statement_destroy (txc_statement_t *statement)
{
    txc_list_remove (&statement->link);
    txc_blob_destroy (&statement->body);
    free (statement->error);
    free (statement);
}

/* --- answers ------------------------------------------------------------------- */

static void s_reply (txc_agent_t *self, const txc_branch_t *branch, const txc_statement_t *statement)
{
    txc_msg_t *reply = txc_agent_branch_message (self, branch, TXC_MSG_EXEC_REPLY, statement->route);
    reply->origin = statement->origin;
    reply->seq = statement->seq;
    reply->count = statement->count;
    reply->incarnation = self->config.incarnation;
    reply->code = statement->code;
    reply->vote = statement->vote;
    reply->error = txc_agent_lend_error (self, statement->error);
    if (statement->code == TXC_OK && statement->body) {
        reply->flags = TXC_FLAG_RESULT;
        reply->body = txc_blob_ref (statement->body);
    }
}

/* A statement that reaches no branch. */
static void s_refuse (txc_agent_t *self, const txc_msg_t *message, int code, const char *text)
{
    txc_error_t error;
    txc_error_set (&error, code, "%s", text);
    txc_copy_text (error.rm, sizeof error.rm, message->rm);
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_EXEC_REPLY, message->route);
    reply->gtrid = message->gtrid;
    reply->token = message->token;
    reply->origin = message->origin;
    reply->seq = message->seq;
    reply->incarnation = self->config.incarnation;
    reply->code = code;
    memcpy (reply->rm, message->rm, sizeof reply->rm);
    reply->error = txc_agent_lend_error (self, &error);
}

static void s_finish (txc_agent_t *self, txc_branch_t *branch, txc_statement_t *statement, int code,
                      const txc_error_t *error, txc_blob_t *result)
{
    statement->state = TXC_STATEMENT_DONE;
    statement->code = code;
    statement->count = branch->count;
    txc_blob_destroy (&statement->body);
    statement->body = result;
    if (error) {
        statement->error = txc_malloc (sizeof *error);
        *statement->error = *error;
        txc_copy_text (statement->error->rm, sizeof statement->error->rm, self->config.rms[branch->rm].name);
    }
    s_reply (self, branch, statement);
}

void txc_agent_statements_fail (txc_agent_t *self, txc_branch_t *branch, int code)
{
    TXC_LIST_EACH (&branch->statements, link)
    {
        txc_statement_t *statement = TXC_CONTAINER (link, txc_statement_t, link);
        if (statement->state != TXC_STATEMENT_DONE)
            s_finish (self, branch, statement, code, branch->error, NULL);
    }
}

/* --- a statement comes --------------------------------------------------------------- */

static txc_statement_t *s_find (txc_branch_t *branch, uint64_t origin, uint32_t seq)
{
    TXC_LIST_EACH (&branch->statements, link)
    {
        txc_statement_t *statement = TXC_CONTAINER (link, txc_statement_t, link);
        if (statement->origin == origin && statement->seq == seq)
            return statement;
    }
    return NULL;
}

/* Answers that the origin has are dropped. */
static void s_acknowledge (txc_branch_t *branch, uint64_t origin, uint32_t acked)
{
    TXC_LIST_EACH (&branch->statements, link)
    {
        txc_statement_t *statement = TXC_CONTAINER (link, txc_statement_t, link);
        if (statement->state == TXC_STATEMENT_DONE && statement->origin == origin && statement->seq <= acked)
            txc_agent_statement_destroy (statement);
    }
}

/* The number of the last statement that this origin sent to the branch; NULL: too many origins. */
static uint32_t *s_last_seq (txc_branch_t *branch, uint64_t origin)
{
    for (uint32_t i = 0; i < branch->n_origins; i++)
        if (branch->origins[i].origin == origin)
            return &branch->origins[i].seq;
    if (branch->n_origins == TXC_ORIGINS_MAX)
        return NULL;
    branch->origins[branch->n_origins].origin = origin;
    branch->origins[branch->n_origins].seq = 0;
    return &branch->origins[branch->n_origins++].seq;
}

/* A connection that leads elsewhere would prepare its branch where nobody looks for it. */
static bool s_leads_elsewhere (const txc_agent_t *self, const txc_msg_t *message, int rm)
{
    const char *here = self->rms[rm].scanned;
    return message->flags & TXC_FLAG_ENLIST && message->identity[0] && here[0] &&
           strcmp (message->identity, here) != 0;
}

static void s_refuse_elsewhere (txc_agent_t *self, const txc_msg_t *message, int rm)
{
    txc_error_t error;
    txc_error_set (&error, TXC_EINVAL,
                   "the connection leads to another database (%.55s) than resource manager %s is (%.55s): "
                   "enlist it under its own resource manager's name",
                   message->identity, message->rm, self->rms[rm].scanned);
    s_refuse (self, message, error.code, error.text);
}

/* May a branch begin with this statement?  Refuses it if not. */
static bool s_may_begin (txc_agent_t *self, const txc_msg_t *message, int rm)
{
    const txc_agent_session_t *session = txc_agent_session_of (self, message->gtrid.session);
    if (message->token != 0)
        s_refuse (self, message, TXC_ENOTA, "the branch is not known here: it was lost, or it ended");
    else if (message->incarnation != self->config.incarnation && !TXC_MUTANT (OTHER_INCARNATION_ACCEPTED))
        s_refuse (self, message, TXC_ENOTA, "the agent was started anew");
    else if (message->seq != 1 || message->gtrid.n < session->floor)
        s_refuse (self, message, TXC_ENOTA, "the branch ended before");
    else if (self->latched)
        s_refuse (self, message, TXC_ELOGLOSS,
                  "the agent does not accept the coordinator's log: see txctl accept-log");
    else if (!self->registered)
        s_refuse (self, message, TXC_ENOTREADY, "the agent has not reached its coordinator yet");
    else if (message->gtrid.cluster != self->cluster)
        s_refuse (self, message, TXC_EFOREIGN, "the transaction belongs to another cluster");
    else if (!txc_mode_is_served (message->gtrid.mode))
        s_refuse (self, message, TXC_EMODE, "this agent ends no transactions in that mode");
    else if (message->gtrid.mode == TXC_MODE_3PC && message->flags & TXC_FLAG_ENLIST)
        s_refuse (self, message, TXC_EMODE, "no connection is enlisted in a three-phase commit");
    else if (self->config.rms[rm].last_resource && message->flags & TXC_FLAG_ENLIST)
        s_refuse (self, message, TXC_EMODE, "no connection is enlisted at a last resource");
    else if (self->config.rms[rm].last_resource && message->gtrid.mode != TXC_MODE_2PC)
        s_refuse (self, message, TXC_EMODE, "a last resource takes part in transactions of mode 2pc only");
    else if (!self->rms[rm].ready)
        s_refuse (self, message, TXC_ENOTREADY, "the resource manager's recovery is not over yet");
    else if (s_leads_elsewhere (self, message, rm))
        s_refuse_elsewhere (self, message, rm);
    else if (message->gtrid.mode == TXC_MODE_3PC && !txc_agent_is_born (self))
        s_refuse (self, message, TXC_ENOTREADY, "the agent's journal is being given its number");
    else if (self->draining)
        s_refuse (self, message, TXC_EOVERLOAD, "the agent is stopping");
    else if (self->rms[rm].branches >= self->config.rms[rm].max_branches)
        s_refuse (self, message, TXC_EOVERLOAD, "as many branches are open as the agent has connections");
    else
        return true;
    return false;
}

static txc_branch_t *s_begin (txc_agent_t *self, const txc_msg_t *message, uint8_t rm)
{
    uint64_t token = txc_agent_token (self, message->gtrid.mode);
    txc_branch_t *branch = txc_agent_branch_add (self, &message->gtrid, rm, token);
    if (message->timeout_ms)
        branch->timeout_ms = message->timeout_ms;
    branch->deadline_ms = self->now_ms + branch->timeout_ms;
    txc_agent_session_t *session = txc_agent_session_of (self, message->gtrid.session);
    txc_list_append (&session->branches, &branch->session_link);
    txc_agent_branch_move (self, branch, TXC_BRANCH_ACTIVE);
    return branch;
}

static void s_enqueue (txc_agent_t *self, txc_branch_t *branch, const txc_msg_t *message)
{
    uint32_t waiting = 0;
    TXC_LIST_EACH (&branch->statements, link)
    waiting++;
    uint32_t *last = s_last_seq (branch, message->origin);
    if (!last || waiting >= self->config.max_queued) {
        s_refuse (self, message, TXC_EOVERLOAD, "too many statements wait at this branch");
        return;
    }
    if (message->seq != *last + 1 && !TXC_MUTANT (REPEATED_RUNS_AGAIN))
        return; /* overtaken by a later one, or answered and acknowledged: the origin repeats what it misses
                 */
    *last = message->seq;
    txc_statement_t *statement = txc_calloc (1, sizeof *statement);
    statement->origin = message->origin;
    statement->seq = message->seq;
    statement->route = message->route;
    statement->flags = message->flags;
    /* The members of 3pc are named by the leader's prepare only; a last resource is asked behind all others.
     */
    if (txc_branch_is_3pc (branch) || self->config.rms[branch->rm].last_resource)
        statement->flags &= ~(uint32_t) TXC_FLAG_LAST;
    statement->isolation = message->isolation;
    statement->body = txc_blob_ref (message->body);
    txc_list_append (&branch->statements, &statement->link);
    if (message->flags & TXC_FLAG_ENLIST) {
        txc_agent_enlist (self, branch, message);
        s_finish (self, branch, statement, TXC_OK, NULL, NULL);
    } else
        txc_agent_exec_next (self, branch);
}

void txc_agent_exec (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    if (rm < 0) {
        s_refuse (self, message, TXC_ENORM, "this agent does not serve that resource manager");
        return;
    }
    txc_agent_session_low (self, message->gtrid.session, message->low);
    txc_branch_t *branch = message->token
                               ? txc_agent_branch_find (self, &message->gtrid, (uint8_t) rm, message->token)
                               : txc_agent_branch_begun (self, &message->gtrid, (uint8_t) rm);
    if (!branch) {
        if (s_may_begin (self, message, rm))
            s_enqueue (self, s_begin (self, message, (uint8_t) rm), message);
        return;
    }
    txc_statement_t *statement =
        TXC_MUTANT (REPEATED_RUNS_AGAIN) ? NULL : s_find (branch, message->origin, message->seq);
    if (statement) { /* repeated: answered, not run twice */
        statement->route = message->route;
        if (statement->state == TXC_STATEMENT_DONE)
            s_reply (self, branch, statement);
        return;
    }
    s_acknowledge (branch, message->origin, message->acked);
    if (!message->token && !TXC_MUTANT (REPEATED_RUNS_AGAIN))
        s_refuse (self, message, TXC_ENOTA, "another branch of this transaction was begun or ended here");
    else if (txc_branch_is_ended (branch) || branch->state == TXC_BRANCH_ROLLING_BACK)
        s_refuse (self, message, TXC_EBRANCH, "the branch was rolled back");
    else if (branch->state != TXC_BRANCH_ACTIVE)
        s_refuse (self, message, TXC_EPROTO, "the branch is being committed");
    else if (branch->enlisted || message->flags & TXC_FLAG_ENLIST)
        s_refuse (self, message, TXC_EPROTO,
                  "an enlisted branch runs statements on the application's own connection only");
    else
        s_enqueue (self, branch, message);
}

/* --- running it ---------------------------------------------------------------------- */

void txc_agent_exec_next (txc_agent_t *self, txc_branch_t *branch)
{
    if (branch->busy || branch->state != TXC_BRANCH_ACTIVE)
        return;
    TXC_LIST_EACH (&branch->statements, link)
    {
        txc_statement_t *statement = TXC_CONTAINER (link, txc_statement_t, link);
        if (statement->state != TXC_STATEMENT_QUEUED)
            continue;
        bool first = !branch->owner;
        branch->owner = true;
        statement->state = TXC_STATEMENT_RUNNING;
        if (statement->flags & TXC_FLAG_LAST) /* PREPARE may leave with it */
            txc_agent_branch_move (self, branch, TXC_BRANCH_PREPARING);
        txc_work_t *work = txc_agent_branch_work (self, branch, TXC_WORK_EXEC);
        work->first = first;
        work->flags = statement->flags & TXC_FLAG_LAST;
        work->isolation = statement->isolation;
        work->body = txc_blob_ref (statement->body);
        work->timeout_ms =
            branch->deadline_ms > self->now_ms ? (uint32_t) (branch->deadline_ms - self->now_ms) : 1;
        return;
    }
}

static txc_statement_t *s_running (txc_branch_t *branch)
{
    TXC_LIST_EACH (&branch->statements, link)
    {
        txc_statement_t *statement = TXC_CONTAINER (link, txc_statement_t, link);
        if (statement->state == TXC_STATEMENT_RUNNING)
            return statement;
    }
    return NULL;
}

/* The last statement ran and PREPARE behind it: the vote travels with the answer. */
static void s_last_done (txc_agent_t *self, txc_branch_t *branch, txc_statement_t *statement,
                         txc_work_done_t *done)
{
    txc_blob_t *result = txc_blob_ref (done->body);
    uint8_t vote = done->prepare_status == TXC_WORK_OK          ? TXC_VOTE_YES
                   : done->prepare_status == TXC_WORK_READ_ONLY ? TXC_VOTE_READ_ONLY
                                                                : TXC_VOTE_NONE;
    branch->expected = branch->count;
    if (vote != TXC_VOTE_NONE && self->registered && !branch->want_rollback)
        statement->vote = vote;
    if (done->prepare_status == TXC_WORK_ROLLED_BACK) {
        txc_agent_branch_blame (branch, &done->error);
        s_finish (self, branch, statement, TXC_EBRANCH, &done->error, NULL);
        txc_blob_destroy (&result);
        txc_agent_prepare_done (self, branch, done->prepare_status, done);
        return;
    }
    memcpy (branch->evidence, done->evidence, sizeof branch->evidence);
    s_finish (self, branch, statement, TXC_OK, NULL, result);
    txc_agent_prepare_done (self, branch, done->prepare_status, done);
}

static void s_failed (txc_agent_t *self, txc_branch_t *branch, txc_statement_t *statement,
                      const txc_work_done_t *done)
{
    txc_error_t error = done->error;
    if (error.code == TXC_OK)
        error.code = done->status == TXC_WORK_LOST ? TXC_ERMFAIL : TXC_ERM;
    branch->rollback_only = true;
    txc_agent_branch_blame (branch, &error);
    s_finish (self, branch, statement, error.code, &error, NULL);
    if (TXC_MUTANT (FAILED_STATEMENT_FORGIVEN) && done->status == TXC_WORK_ERROR &&
        branch->state == TXC_BRANCH_ACTIVE) {
        branch->rollback_only = false;
        return;
    }
    if (done->status != TXC_WORK_LOST && !done->connection_lost) {
        txc_agent_roll_back (self,
                             branch); /* a failed statement is a no, for good: let go of the locks now */
        return;
    }
    branch->owner = false;
    if (branch->state == TXC_BRANCH_PREPARING) {
        txc_agent_prepare_done (self, branch, TXC_WORK_LOST,
                                done); /* PREPARE may have left with the statement */
        return;
    }
    branch->final_no = true;
    txc_agent_branch_end (self, branch, TXC_BRANCH_ROLLED_BACK);
}

void txc_agent_exec_done (txc_agent_t *self, txc_branch_t *branch, txc_work_done_t *done)
{
    txc_statement_t *statement = s_running (branch);
    TXC_ASSERT (statement != NULL);
    if (done->connection_lost)
        branch->owner = false;
    if (done->status != TXC_WORK_OK) {
        s_failed (self, branch, statement, done);
        return;
    }
    branch->count++;
    if (statement->flags & TXC_FLAG_LAST) {
        s_last_done (self, branch, statement, done);
        return;
    }
    memcpy (branch->evidence, done->evidence, sizeof branch->evidence);
    s_finish (self, branch, statement, TXC_OK, NULL, txc_blob_ref (done->body));
    if (branch->want_rollback || branch->rollback_only)
        txc_agent_roll_back (self, branch);
    else if (!branch->owner) {
        branch->final_no = true;
        txc_agent_branch_end (self, branch, TXC_BRANCH_ROLLED_BACK);
    } else
        txc_agent_exec_next (self, branch);
}

/* --- the AP ends the branch itself ------------------------------------------------------- */

static void s_say_ended (txc_agent_t *self, const txc_msg_t *message, int code, const txc_error_t *error)
{
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_BRANCH_ENDED, message->route);
    reply->gtrid = message->gtrid;
    reply->token = message->token;
    reply->code = code;
    memcpy (reply->rm, message->rm, sizeof reply->rm);
    reply->error = txc_agent_lend_error (self, error);
}

static int s_ended_code (const txc_branch_t *branch)
{
    switch (branch->state) {
    case TXC_BRANCH_COMMITTED:
        return TXC_OK;
    case TXC_BRANCH_ROLLED_BACK:
        return TXC_ROLLED_BACK;
    case TXC_BRANCH_HEURISTIC:
        return TXC_HAZARD;
    default:
        return TXC_UNKNOWN;
    }
}

void txc_agent_branch_rollback (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    txc_branch_t *branch = rm < 0 ? NULL
                           : message->token
                               ? txc_agent_branch_find (self, &message->gtrid, (uint8_t) rm, message->token)
                               : txc_agent_branch_begun (self, &message->gtrid, (uint8_t) rm);
    if (!branch)
        s_say_ended (self, message, TXC_ENOTA, NULL);
    else if (txc_branch_is_ended (branch))
        s_say_ended (self, message, s_ended_code (branch), branch->error);
    else if (branch->state == TXC_BRANCH_ACTIVE || branch->state == TXC_BRANCH_ROLLING_BACK) {
        branch->client_route = message->route;
        if (branch->state == TXC_BRANCH_ACTIVE)
            txc_agent_roll_back (self, branch);
    } else
        s_say_ended (self, message, TXC_EPROTO, NULL); /* it may have voted: only the TM decides */
}

/* A one-phase commit of a branch that is not known here: answered from evidence only. */
static void s_commit_unknown (txc_agent_t *self, const txc_msg_t *message, int rm)
{
    const txc_proof_t *proof =
        rm < 0 ? NULL : txc_agent_proof (self, &message->gtrid, (uint8_t) rm, message->token);
    if (proof && proof->kind == TXC_JOURNAL_ONE_PHASE) {
        s_say_ended (self, message, TXC_OK, NULL);
        return;
    }
    if (rm < 0 || !message->evidence[0] || !message->token) {
        s_say_ended (self, message, TXC_UNKNOWN, NULL);
        return;
    }
    if (!self->rms[rm].ready || self->rms[rm].branches >= self->config.rms[rm].max_branches)
        return; /* the client asks again */
    txc_branch_t *branch = txc_agent_branch_add (self, &message->gtrid, (uint8_t) rm, message->token);
    branch->recovered = true;
    branch->one_phase = true;
    branch->client_route = message->route;
    memcpy (branch->evidence, message->evidence, sizeof branch->evidence);
    txc_agent_branch_move (self, branch, TXC_BRANCH_PROVING);
    txc_agent_prove (self, branch);
}

void txc_agent_branch_commit (txc_agent_t *self, const txc_msg_t *message)
{
    int rm = txc_agent_rm_index (self, message->rm);
    txc_branch_t *branch =
        rm < 0 ? NULL : txc_agent_branch_find (self, &message->gtrid, (uint8_t) rm, message->token);
    if (!branch) {
        s_commit_unknown (self, message, rm);
        return;
    }
    /* Its owner was silent, and the RM lists no such branch: the owner may have committed it in one phase. */
    if (branch->enlisted && branch->state == TXC_BRANCH_ROLLED_BACK && !branch->final_no) {
        txc_agent_branch_remove (self, branch);
        s_commit_unknown (self, message, rm);
        return;
    }
    if (txc_branch_is_ended (branch)) {
        s_say_ended (self, message, s_ended_code (branch), branch->error);
        return;
    }
    if (branch->state != TXC_BRANCH_ACTIVE && branch->state != TXC_BRANCH_ONE_PHASE &&
        branch->state != TXC_BRANCH_ROLLING_BACK && branch->state != TXC_BRANCH_PROVING) {
        s_say_ended (self, message, TXC_EPROTO, NULL);
        return;
    }
    /* Nor is its end, which is under way, an answer: the application asks again. */
    if (branch->enlisted && branch->state == TXC_BRANCH_ROLLING_BACK && !branch->final_no)
        return;
    branch->client_route = message->route;
    if (branch->state != TXC_BRANCH_ACTIVE)
        return;
    if (branch->enlisted) { /* its owner committed it, and lost the connection before the answer */
        txc_work_done_t lost = {.status = TXC_WORK_LOST, .connection_lost = true};
        memcpy (branch->evidence, message->evidence, sizeof branch->evidence);
        txc_agent_branch_move (self, branch, TXC_BRANCH_ONE_PHASE);
        txc_agent_one_phase_done (self, branch, &lost);
        return;
    }
    if (branch->busy || branch->count != message->count || branch->rollback_only) {
        txc_error_t error;
        txc_error_set (&error, TXC_ECOUNT, "the branch ran %u statements, the commit names %u", branch->count,
                       message->count);
        txc_agent_branch_blame (branch, &error);
        txc_agent_roll_back (self, branch);
        return;
    }
    txc_agent_branch_move (self, branch, TXC_BRANCH_ONE_PHASE);
    txc_agent_branch_work (self, branch, TXC_WORK_COMMIT_ONE_PHASE);
}

void txc_agent_one_phase_done (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done)
{
    if (done->connection_lost)
        branch->owner = false;
    txc_agent_branch_blame (branch, &done->error);
    switch (done->status) {
    case TXC_WORK_OK:
        txc_agent_proof_add (self, TXC_JOURNAL_ONE_PHASE, &branch->gtrid, branch->rm, branch->token,
                             TXC_HEUR_NONE, true);
        txc_agent_branch_end (self, branch, TXC_BRANCH_COMMITTED);
        break;
    case TXC_WORK_ROLLED_BACK:
    case TXC_WORK_ERROR:
        branch->final_no = true;
        txc_agent_branch_end (self, branch, TXC_BRANCH_ROLLED_BACK);
        break;
    case TXC_WORK_HEURISTIC: /* its owner was told what the RM did, and has let it forget that */
        txc_agent_branch_move (self, branch, TXC_BRANCH_PROVING);
        txc_agent_branch_end (self, branch, TXC_BRANCH_UNKNOWN);
        break;
    default: /* the answer was lost: the RM is asked what it did, once its session is gone */
        branch->owner = false;
        branch->one_phase = true;
        branch->fence_first = true;
        txc_agent_branch_move (self, branch, TXC_BRANCH_PROVING);
        txc_agent_prove (self, branch);
    }
}
