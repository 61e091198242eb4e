/* Invariants of what leaves a process. */
#include "sim_check.h"

#include <inttypes.h>
#include <string.h>

#include "sim_agent.h"
#include "sim_check_private.h"
#include "sim_coordinator.h"
#include "sim_reflog.h"
#include "sim_rm.h"
#include "sim_votes.h"

static const char *s_gtrid (const txc_gtrid_t *gtrid)
{
    static char text[TXC_GTRID_MAX + 1];
    return txc_gtrid_format (gtrid, text);
}

bool sim_check_is_listed (const sim_tx_t *tx, uint64_t token)
{
    for (uint32_t i = 0; i < tx->n_listed; i++)
        if (tx->listed[i] == token)
            return true;
    for (uint32_t i = 0; i < tx->n_votes && tx->chosen && tx->logged == SIM_OUTCOME_NONE; i++)
        if (tx->votes[i].token == token && tx->votes[i].vote == TXC_VOTE_YES)
            return true;
    return false;
}

/* The only branch of a three-phase commit: the group is of every majority, and it has attempted nothing; it
 * cannot any more, since it has forgotten the session. */
static bool s_is_only_and_forgotten (const sim_t *sim, const sim_tx_t *tx)
{
    uint64_t horizon_ms = sim->coordinators[0]->config.horizon_ms;
    for (uint32_t i = 0; i < tx->n_attempts; i++)
        if (tx->attempts[i].members & 1)
            return false;
    return tx->n_members == 2 &&
           sim_reflog_lapsed (sim->reflog, tx->gtrid.session, horizon_ms ? horizon_ms : 600000);
}

/* Rolled back may be said only if nothing can make the transaction commit any more: an Abort or the session's
 * end is durable, a branch cast a final no, the AP itself rolled back what only it could commit, or the mark
 * has passed it. */
static bool s_is_irrevocably_rolled_back (const sim_t *sim, const sim_tx_t *tx)
{
    if (tx->gtrid.mode == TXC_MODE_3PC) /* neither a session's end nor a mark decides for its members */
        return tx->logged == SIM_OUTCOME_ABORT || tx->final_no || sim_check_decided (tx) == TXC_VOTE_NO ||
               !tx->commit_sent /* the AP itself rolls back what nobody has asked to commit */ ||
               s_is_only_and_forgotten (sim, tx);
    return tx->logged == SIM_OUTCOME_ABORT || tx->final_no ||
           sim_reflog_session (sim->reflog, tx->gtrid.session) == SIM_REF_CLOSED ||
           sim_reflog_passed (sim->reflog, &tx->gtrid);
}

/* By a record, or by votes; somebody is told so now. */
static bool s_is_committed (const sim_t *sim, sim_tx_t *tx)
{
    bool is = sim_votes_is_committed (sim, tx);
    tx->decided = tx->decided || (is && tx->logged == SIM_OUTCOME_NONE);
    return is;
}

/* --- the coordinator ----------------------------------------------------------- */

static void s_phase2_commit (sim_t *sim, const txc_msg_t *message, sim_tx_t *tx)
{
    sim_branch_t *branch = sim_branch_find (sim, &message->gtrid, message->rm, message->token);
    uint32_t wrote, committed, rolled_back;
    sim_tx_count (tx, &wrote, &committed, &rolled_back);
    bool is_committed = s_is_committed (sim, tx);
    if (branch && branch->voted_read_only && (wrote == 0 || is_committed))
        return; /* its locks may go */
    if (!is_committed)
        sim_violation (sim, "commit-sent-not-durable",
                       "PHASE2_COMMIT of %s leaves, no valid Commit is durable", s_gtrid (&message->gtrid));
    else if (!sim_check_is_listed (tx, message->token))
        sim_violation (sim, "commit-sent-unlisted", "PHASE2_COMMIT of %s for a branch that did not vote yes",
                       s_gtrid (&message->gtrid));
    if (branch)
        branch->told_commit = true;
}

static void s_phase2_rollback (sim_t *sim, const txc_msg_t *message, sim_tx_t *tx)
{
    sim_branch_t *branch = sim_branch_find (sim, &message->gtrid, message->rm, message->token);
    uint32_t wrote, committed, rolled_back;
    sim_tx_count (tx, &wrote, &committed, &rolled_back);
    if (branch)
        branch->told_rollback = true;
    if (branch && branch->voted_read_only && wrote == 0 && !sim_check_is_listed (tx, message->token))
        return; /* a stray branch of a transaction that only reads */
    if (tx->logged == SIM_OUTCOME_COMMIT || tx->decided) {
        /* Once it has ended and is off the record an old question may be answered so: nothing is left to roll
         * back.  (Or again what an operator had rolled back, and what a crash of its RM brought back.) */
        bool over = tx->logged_end && branch && (branch->state != SIM_BRANCH_PREPARED || branch->operated);
        /* In another copy of its RM it may be prepared again, but there the agent does not believe an answer
         * that could have been presumed; if it does, the branch is torn. */
        if (branch && branch->identity_lost && branch->reappeared && !(message->flags & TXC_FLAG_RECORD_ONLY))
            over = tx->logged_end;
        if (sim_check_is_listed (tx, message->token) && !over)
            sim_violation (sim, "rollback-sent-of-committed", "PHASE2_ROLLBACK of %s, a Commit is durable",
                           s_gtrid (&message->gtrid));
        return; /* a stray branch of a committed transaction */
    }
    if (!s_is_irrevocably_rolled_back (sim, tx))
        sim_violation (sim, "rollback-sent-revocable", "PHASE2_ROLLBACK of %s, which could still commit",
                       s_gtrid (&message->gtrid));
    tx->told_rolled_back = true;
}

static void s_outcome (sim_t *sim, const txc_msg_t *message, sim_tx_t *tx)
{
    uint32_t wrote, committed, rolled_back;
    sim_tx_count (tx, &wrote, &committed, &rolled_back);
    if (message->code == TXC_OK && wrote > 0 && sim_tx_is_global (tx) && !s_is_committed (sim, tx))
        sim_violation (sim, "committed-told-not-durable", "%s is told committed, no valid Commit is durable",
                       s_gtrid (&message->gtrid));
    if (message->code != TXC_ROLLED_BACK)
        return;
    if (tx->logged == SIM_OUTCOME_COMMIT || tx->decided)
        sim_violation (sim, "rolled-back-told-of-committed", "%s is told rolled back, a Commit is durable",
                       s_gtrid (&message->gtrid));
    else if (!s_is_irrevocably_rolled_back (sim, tx))
        sim_violation (sim, "rolled-back-told-revocable", "%s is told rolled back, it could still commit",
                       s_gtrid (&message->gtrid));
    tx->told_rolled_back = true;
}

/* Outcomes are linearizable: once one is told, whoever asks afterwards is not told "pending". */
static void s_pending (sim_t *sim, const sim_coordinator_t *replica, const txc_msg_t *message,
                       const sim_tx_t *tx)
{
    const sim_branch_t *branch =
        message->rm[0] ? sim_branch_find (sim, &message->gtrid, message->rm, message->token) : NULL;
    /* An agent that has done its part, or for which an operator has, and waits for the others; or whose
     * resource manager is another copy. */
    bool of_course = branch && (branch->told_commit || tx->operated || message->flags & TXC_FLAG_RECORD_ONLY);
    of_course |= (message->flags & TXC_FLAG_FINISHED) != 0; /* that may not be forgotten yet */
    /* Behind the horizon members find out by themselves what an Abort had said. */
    of_course |= tx->gtrid.mode == TXC_MODE_3PC && tx->logged == SIM_OUTCOME_ABORT &&
                 sim_reflog_session (sim->reflog, tx->gtrid.session) == SIM_REF_CLOSED;
    /* There too a COMMIT that was forgotten may be learned once more, from a member that had not heard of its
     * End. */
    uint64_t horizon_ms = replica->config.horizon_ms ? replica->config.horizon_ms : 600000;
    of_course |=
        tx->gtrid.mode == TXC_MODE_3PC && sim_reflog_lapsed (sim->reflog, tx->gtrid.session, horizon_ms);
    if (message->code == TXC_PENDING && tx->told_at && tx->told_at < replica->asked && !of_course)
        sim_violation (sim, "stale-read",
                       "%s says that %s is pending, its outcome was told %" PRIu64 " us before it was asked",
                       replica->proc.name, s_gtrid (&message->gtrid), replica->asked - tx->told_at);
}

/* An outcome on record leaves for the first time. */
static void s_note_told (sim_t *sim, const sim_coordinator_t *replica, const txc_msg_t *message, sim_tx_t *tx)
{
    bool tells =
        message->type == TXC_MSG_PHASE2_COMMIT || message->type == TXC_MSG_PHASE2_ROLLBACK ||
        (message->type == TXC_MSG_OUTCOME && (message->code == TXC_OK || message->code == TXC_ROLLED_BACK));
    if (!tells || (tx->logged == SIM_OUTCOME_NONE && !tx->decided) || tx->told_at)
        return;
    /* After a final no "rolled back" rests on no record: the Abort that follows in Paxos Commit is for the
     * votes. */
    if (tx->final_no && tx->gtrid.mode == TXC_MODE_PAXOS)
        return;
    tx->told_at = sim->now;
    sim_coordinator_ask_others (sim, replica, &tx->gtrid);
}

/* The group is a member like the others: what it says of itself is on record. */
static void s_group_speaks (sim_t *sim, const txc_msg_t *message, const sim_tx_t *tx)
{
    bool found = tx->n_attempts == SIM_ATTEMPTS_MAX;
    for (uint32_t i = 0; i < tx->n_attempts; i++)
        found |= tx->attempts[i].number == message->stamp && tx->attempts[i].kind == message->vote &&
                 tx->attempts[i].members & 1;
    bool own = message->type == TXC_MSG_TERMINATE || message->slot == message->stamp;
    if (message->type == TXC_MSG_PRE_DECIDED && own && !found)
        sim_violation (sim, "pre-decided-not-durable", "the group says that it has pre-decided %s",
                       s_gtrid (&message->gtrid));
    else if (message->type != TXC_MSG_PRE_DECIDED && own && tx->group_elected < message->stamp)
        sim_violation (sim, "grant-not-durable", "the group grants a number for %s that its log does not",
                       s_gtrid (&message->gtrid));
}

bool sim_check_is_restored_epoch (const sim_t *sim, txc_epoch_t epoch)
{
    for (uint32_t i = 0; i < sim->n_restored_epochs; i++)
        if (txc_epoch_compare (sim->restored_epochs[i], epoch) == 0)
            return true;
    return false;
}

/* What a leader of an older epoch says changes nothing. */
void sim_check_obeyed (sim_t *sim, const sim_agent_t *agent, const txc_msg_t *message)
{
    bool order = message->type == TXC_MSG_PREPARE || message->type == TXC_MSG_PHASE2_COMMIT ||
                 message->type == TXC_MSG_PHASE2_ROLLBACK;
    if (order && txc_epoch_compare (message->epoch, agent->epoch) < 0 &&
        agent->update.n_work + agent->update.n_entries + agent->update.n_messages > 0)
        sim_violation (sim, "stale-leader-obeyed", "%s obeys %s of epoch %" PRIu64 ", it knows %" PRIu64,
                       agent->proc.name, txc_msg_name (message->type), message->epoch.round,
                       agent->epoch.round);
}

/* The agent may forget the branch now. */
static void s_ended (sim_t *sim, const txc_msg_t *message, const sim_tx_t *tx)
{
    const sim_branch_t *branch = sim_branch_find (sim, &message->gtrid, message->rm, message->token);
    bool commit = tx->logged == SIM_OUTCOME_COMMIT && sim_check_is_listed (tx, message->token);
    if (tx->logged == SIM_OUTCOME_COMMIT && !tx->logged_end)
        sim_violation (sim, "ended-not-durable", "ENDED of %s, no End is durable", s_gtrid (&message->gtrid));
    bool kept = branch && branch->by_hand && !sim->journals_lost && !sim->journal_gone;
    if (!commit && message->code != TXC_FORGOTTEN && message->heur && kept && !tx->logged_heuristic)
        sim_violation (sim, "heuristic-lost", "%s was committed by hand at %s, which is not on record",
                       s_gtrid (&message->gtrid), message->rm);
}

void sim_check_from_coordinator (sim_t *sim, const sim_coordinator_t *replica, const txc_msg_t *message)
{
    if (sim->restored && message->epoch.round && sim->n_restored_epochs < SIM_EPOCHS_MAX &&
        !sim_check_is_restored_epoch (sim, message->epoch))
        sim->restored_epochs[sim->n_restored_epochs++] = message->epoch;
    if (sim->restored)
        return; /* what an old copy of the log says is wrong by itself: it is up to the agents to refuse it */
    sim_tx_t *tx = txc_gtrid_is_none (&message->gtrid) ? NULL : sim_tx_get (sim, &message->gtrid);
    switch (message->type) {
    case TXC_MSG_PHASE2_COMMIT:
        s_phase2_commit (sim, message, tx);
        break;
    case TXC_MSG_PHASE2_ROLLBACK:
        s_phase2_rollback (sim, message, tx);
        break;
    case TXC_MSG_DECIDED:
        if (tx->logged != (message->vote == TXC_VOTE_YES ? SIM_OUTCOME_COMMIT : SIM_OUTCOME_ABORT))
            sim_violation (sim, "decided-not-on-record", "%s is told decided, the log does not say so",
                           s_gtrid (&message->gtrid));
        break;
    case TXC_MSG_TERMINATE:
    case TXC_MSG_MEMBER_STATE:
    case TXC_MSG_PRE_DECIDED:
        s_group_speaks (sim, message, tx);
        break;
    case TXC_MSG_OUTCOME:
        s_outcome (sim, message, tx);
        s_pending (sim, replica, message, tx);
        break;
    case TXC_MSG_INQUIRY_PENDING:
        s_pending (sim, replica, message, tx);
        break;
    case TXC_MSG_ENDED:
        s_ended (sim, message, tx);
        break;
    case TXC_MSG_SESSION_OPENED:
        if (message->code == TXC_OK && sim_reflog_session (sim->reflog, message->session) == SIM_REF_NEVER)
            sim_violation (sim, "session-not-durable",
                           "session %" PRIx64 " is told, no SessionOpen is durable", message->session);
        break;
    case TXC_MSG_SESSION_ALIVE:
        if (message->code == TXC_ESESSION && message->cluster == sim->cluster &&
            sim_reflog_session (sim->reflog, message->session) == SIM_REF_OPEN)
            sim_violation (sim, "close-not-durable",
                           "session %" PRIx64 " is told closed, no SessionClose is durable",
                           message->session);
        break;
    default:
        break;
    }
    if (tx)
        s_note_told (sim, replica, message, tx);
}

/* --- agents --------------------------------------------------------------------- */

/* What a vote claims must be true in the RM when it leaves. */
static void s_vote (sim_t *sim, const txc_msg_t *message, sim_tx_t *tx)
{
    sim_branch_t *branch = sim_branch_find (sim, &message->gtrid, message->rm, message->token);
    bool over = branch && (branch->told_rollback || branch->ap_rollback || branch->operated);
    switch (message->vote) {
    case TXC_VOTE_YES:
        if (branch && tx->gtrid.mode == TXC_MODE_3PC && !branch->wrote)
            break; /* a member like the others, with nothing to prepare */
        if (!branch || branch->state == SIM_BRANCH_ACTIVE ||
            (branch->state == SIM_BRANCH_ROLLED_BACK && !over))
            sim_violation (sim, "yes-not-prepared", "yes for %s at %s, which is not prepared",
                           s_gtrid (&message->gtrid), message->rm);
        else
            branch->voted_yes = true;
        if (branch && tx->gtrid.mode == TXC_MODE_3PC && !branch->member_durable)
            sim_violation (sim, "vote-not-durable", "yes for %s at %s, the journal does not say so",
                           s_gtrid (&message->gtrid), message->rm);
        break;
    case TXC_VOTE_READ_ONLY:
        if (!branch || branch->wrote)
            sim_violation (sim, "read-only-wrote", "read-only for %s at %s, which wrote",
                           s_gtrid (&message->gtrid), message->rm);
        else
            branch->voted_read_only = true;
        break;
    case TXC_VOTE_NO:
        /* A question that comes when all is over finds no marker any more: nobody counts the answer. */
        if (branch && branch->rm->last && tx->logged == SIM_OUTCOME_COMMIT)
            break;
        tx->final_no = true;
        if (!branch || over)
            break;
        /* A last resource that wrote nothing may have been lost meanwhile; its word counts when it is on
         * record. */
        if (branch->voted_yes || (branch->voted_read_only && !branch->rm->last))
            sim_violation (sim, "no-after-yes", "final no for %s at %s, which had voted",
                           s_gtrid (&message->gtrid), message->rm);
        /* A member whose yes is in no journal is rolled back, whatever happens to its agent. */
        if (branch->state == SIM_BRANCH_PREPARED &&
            (tx->gtrid.mode != TXC_MODE_3PC || branch->member_durable))
            sim_violation (sim, "final-no-prepared", "final no for %s at %s, which is prepared",
                           s_gtrid (&message->gtrid), message->rm);
        branch->voted_no = true;
        break;
    default:
        break;
    }
}

static void s_phase2_done (sim_t *sim, const sim_agent_t *agent, const txc_msg_t *message, sim_tx_t *tx)
{
    const sim_branch_t *branch = sim_branch_find (sim, &message->gtrid, message->rm, message->token);
    if (message->heur != TXC_HEUR_NONE) {
        tx->hazard = true;
        const sim_rm_t *rm = sim_rm_named (sim, message->rm);
        bool excused = tx->operated || (branch && branch->identity_lost) || !branch ||
                       (rm && rm->kind == SIM_RM_MYSQL && sim->journals_lost) ||
                       (sim->journal_gone && branch->rm->agent == sim->loser); /* the proof was in it */
        if (!excused)
            sim_violation (sim, "needless-heuristic",
                           "%s at %s is reported %s, its end could have been proved",
                           s_gtrid (&message->gtrid), message->rm, txc_heur_name (message->heur));
        return;
    }
    if (message->code != TXC_OK || !branch || sim->restored)
        return;
    bool commit = sim_votes_is_committed (sim, tx) && sim_check_is_listed (tx, message->token) &&
                  (branch->wrote || tx->gtrid.mode != TXC_MODE_3PC);
    /* Where only the journal can tell, a commit that was tried before counts; but what was tried in an
     * earlier life did not come about if this one has found the branch prepared. */
    uint64_t life = agent->proc.life;
    bool earlier = branch->session_life != life && branch->listed_life != life;
    bool tried = branch->rm->kind == SIM_RM_MYSQL && branch->operated &&
                 (branch->tried_life == life || earlier || branch->owned);
    /* Once it has ended, an old question about what an operator had rolled back may be answered by "roll
     * back", which is acknowledged; nobody counts that any more. */
    bool over = branch->operated && tx->logged_end;
    /* It was committed, then the server fell back to a standby that had not seen it.  Nobody was wrong; the
     * scan will find the branch, and in-doubt-for-ever sees to it that it ends. */
    bool fell_back = branch->identity_lost && branch->reappeared;
    if (commit && branch->state != SIM_BRANCH_COMMITTED && !tried && !over && !fell_back)
        sim_violation (sim, "done-not-committed", "%s at %s is acknowledged, it is not committed",
                       s_gtrid (&message->gtrid), message->rm);
    /* An enlisted one of which a restarted agent knows nothing yet: the scan will find it. */
    if (!commit && branch->state == SIM_BRANCH_PREPARED && !branch->reappeared && !branch->op_pending &&
        !branch->owned)
        sim_violation (sim, "done-not-rolled-back", "%s at %s is acknowledged, it is still prepared",
                       s_gtrid (&message->gtrid), message->rm);
}

static void s_branch_ended (sim_t *sim, const txc_msg_t *message, sim_tx_t *tx)
{
    const sim_branch_t *branch = sim_branch_find (sim, &message->gtrid, message->rm, message->token);
    if (message->code == TXC_OK && branch && branch->ap_commit && branch->state != SIM_BRANCH_COMMITTED)
        sim_violation (sim, "one-phase-not-committed", "%s at %s is told committed, it is not",
                       s_gtrid (&message->gtrid), message->rm);
    if (message->code == TXC_ROLLED_BACK && branch && branch->state == SIM_BRANCH_COMMITTED && branch->wrote)
        sim_violation (sim, "rolled-back-told-of-committed", "%s at %s is told rolled back, it is committed",
                       s_gtrid (&message->gtrid), message->rm);
    if (message->code == TXC_ROLLED_BACK && tx->one_phase_sent)
        tx->told_rolled_back = true;
}

/* What a member says was decided is what a majority holds. */
static void s_decided (sim_t *sim, const txc_msg_t *message, sim_tx_t *tx)
{
    if (message->vote == TXC_VOTE_YES && sim_check_decided (tx) != TXC_VOTE_YES)
        sim_violation (sim, "commit-sent-undecided", "COMMIT of %s leaves, no majority has pre-committed",
                       s_gtrid (&message->gtrid));
    if (message->vote == TXC_VOTE_NO && !tx->logged_end && !s_is_irrevocably_rolled_back (sim, tx))
        sim_violation (sim, "abort-sent-undecided", "ABORT of %s leaves, it could still commit",
                       s_gtrid (&message->gtrid));
}

/* "ABORT" of a single member: it is decided, or this member never voted and never will. */
static void s_refused (sim_t *sim, const txc_msg_t *message, sim_tx_t *tx)
{
    const sim_branch_t *branch = sim_branch_find (sim, &message->gtrid, message->rm, message->token);
    if (tx->gtrid.mode == TXC_MODE_2PC) /* to its peers it is as if the coordinator said so */
        TXC_LIST_EACH (&tx->branches, link)
    TXC_CONTAINER (link, sim_branch_t, node)->told_rollback = true;
    if (s_is_irrevocably_rolled_back (sim, tx) || tx->logged_end || sim->restored)
        return; /* after End nobody is in doubt any more: whoever asks, asked long ago */
    bool voted = branch && tx->gtrid.mode == TXC_MODE_2PC && (branch->voted_yes || branch->voted_read_only);
    if (voted || !branch)
        sim_violation (sim, "abort-unproved", "%s at %s tells a peer of an abort that could still commit",
                       s_gtrid (&message->gtrid), message->rm);
    if (branch && branch->member_durable && !branch->operated)
        sim_violation (sim, "no-after-yes", "%s at %s refuses, a journal had its yes-vote",
                       s_gtrid (&message->gtrid), message->rm);
    tx->final_no = true;
}

/* One participant of a two-phase commit tells another one: to that one it is as if the coordinator had. */
static void s_peer_commits (sim_t *sim, const txc_msg_t *message, sim_tx_t *tx)
{
    if (!s_is_committed (sim, tx) && !sim->restored)
        sim_violation (sim, "commit-unproved", "%s at %s tells a peer of a commit, no Commit is durable",
                       s_gtrid (&message->gtrid), message->rm);
    TXC_LIST_EACH (&tx->branches, link)
    {
        sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, node);
        branch->told_commit |= sim_check_is_listed (tx, branch->token);
    }
}

static void s_granted (sim_t *sim, const txc_msg_t *message)
{
    const sim_branch_t *branch = sim_branch_find (sim, &message->gtrid, message->rm, message->token);
    if (branch && branch->granted < message->stamp)
        sim_violation (sim, "grant-not-durable", "%s at %s grants a number that is in no journal",
                       s_gtrid (&message->gtrid), message->rm);
}

/* An acknowledgement rests on what is durable. */
static void s_pre_decided (sim_t *sim, const txc_msg_t *message, sim_tx_t *tx)
{
    bool found = false;
    for (uint32_t i = 0; i < tx->n_attempts; i++)
        found |= tx->attempts[i].number == message->stamp && tx->attempts[i].kind == message->vote;
    if (message->slot == message->stamp && !found)
        sim_violation (sim, "pre-decided-not-durable",
                       "%s is acknowledged as pre-decided, no journal says so", s_gtrid (&message->gtrid));
}

void sim_check_from_agent (sim_t *sim, const sim_agent_t *agent, const txc_msg_t *message)
{
    sim_tx_t *tx = txc_gtrid_is_none (&message->gtrid) ? NULL : sim_tx_get (sim, &message->gtrid);
    switch (message->type) {
    case TXC_MSG_VOTE:
        s_vote (sim, message, tx);
        break;
    case TXC_MSG_EXEC_REPLY:
        if (message->code == TXC_OK && message->token && message->gtrid.mode == TXC_MODE_3PC &&
            message->token >> 32 != agent->birth)
            sim_violation (sim, "token-not-durable",
                           "%s is given a token of a journal that has no number yet",
                           s_gtrid (&message->gtrid));
        if (message->vote != TXC_VOTE_NONE)
            s_vote (sim, message, tx);
        break;
    case TXC_MSG_PHASE2_DONE:
        s_phase2_done (sim, agent, message, tx);
        break;
    case TXC_MSG_DECIDED:
        s_decided (sim, message, tx);
        break;
    case TXC_MSG_PRE_DECIDED:
        s_pre_decided (sim, message, tx);
        break;
    case TXC_MSG_MEMBER_STATE:
        if (message->flags & TXC_FLAG_FINAL && message->vote == TXC_VOTE_NO)
            s_refused (sim, message, tx);
        if (message->flags & TXC_FLAG_FINAL && message->vote == TXC_VOTE_YES &&
            tx->gtrid.mode == TXC_MODE_2PC)
            s_peer_commits (sim, message, tx);
        if (!(message->flags & TXC_FLAG_FINAL) && message->slot == message->stamp)
            s_granted (sim, message);
        break;
    case TXC_MSG_BRANCH_ENDED:
        s_branch_ended (sim, message, tx);
        break;
    default:
        break;
    }
}

/* --- clients ---------------------------------------------------------------------- */

void sim_check_from_client (sim_t *sim, const txc_msg_t *message)
{
    if (txc_gtrid_is_none (&message->gtrid))
        return;
    sim_tx_t *tx = sim_tx_get (sim, &message->gtrid);
    sim_branch_t *branch =
        message->rm[0] ? sim_branch_find (sim, &message->gtrid, message->rm, message->token) : NULL;
    switch (message->type) {
    case TXC_MSG_COMMIT:
        if (tx->ap_rollback && !sim->restored) /* a restored copy gives session numbers again */
            sim_violation (sim, "commit-after-own-rollback", "%s is sent for commit after it was rolled back",
                           s_gtrid (&message->gtrid));
        if (!tx->commit_sent)
            tx->commit_clock = message->clock;
        tx->commit_sent = true;
        break;
    case TXC_MSG_BRANCH_COMMIT:
        tx->one_phase_sent = true;
        if (branch)
            branch->ap_commit = true;
        break;
    case TXC_MSG_BRANCH_ROLLBACK:
        if (tx->commit_sent && tx->logged != SIM_OUTCOME_ABORT && !tx->told_rolled_back && !sim->restored)
            sim_violation (sim, "own-rollback-after-commit",
                           "%s is rolled back by the AP after a commit was sent", s_gtrid (&message->gtrid));
        if (branch)
            branch->ap_rollback = true;
        break;
    default:
        break;
    }
}

void sim_check_told (sim_t *sim, const char *who, sim_tx_t *tx, int code, bool completed)
{
    uint32_t wrote, committed, rolled_back;
    sim_tx_count (tx, &wrote, &committed, &rolled_back);
    const char *gtrid = s_gtrid (&tx->gtrid);
    if (sim->restored)
        return;
    if (code == TXC_OK) {
        if (tx->told_rolled_back && wrote > 0)
            sim_violation (sim, "told-twice", "%s is told committed to %s, it was told rolled back before",
                           gtrid, who);
        if (wrote > 0 && !sim_votes_is_committed (sim, tx) && committed == 0 && tx->n_members == 0)
            sim_violation (sim, "committed-told-not-durable", "%s is told committed to %s, nothing says so",
                           gtrid, who);
        if (completed && !tx->operated && !tx->hazard && tx->logged == SIM_OUTCOME_COMMIT)
            TXC_LIST_EACH (&tx->branches, link)
            {
                const sim_branch_t *branch = TXC_CONTAINER (link, sim_branch_t, node);
                bool idle = tx->gtrid.mode == TXC_MODE_3PC && !branch->wrote;
                if (sim_check_is_listed (tx, branch->token) && branch->state != SIM_BRANCH_COMMITTED &&
                    !branch->reappeared && !idle)
                    sim_violation (sim, "completed-not-applied", "%s is told completed to %s, not at %s",
                                   gtrid, who, branch->rm->proc.name);
            }
        tx->told_committed = true;
    } else if (code == TXC_ROLLED_BACK) {
        if (tx->told_committed && wrote > 0)
            sim_violation (sim, "told-twice", "%s is told rolled back to %s, it was told committed before",
                           gtrid, who);
        if (committed > 0 && !tx->operated)
            sim_violation (sim, "rolled-back-told-of-committed",
                           "%s is told rolled back to %s, a branch is committed", gtrid, who);
        tx->told_rolled_back = true;
    } else if ((code == TXC_MIXED || code == TXC_HAZARD) && !tx->operated && !tx->hazard) {
        sim_violation (sim, "needless-heuristic", "%s is told %s to %s, no heuristic happened", gtrid,
                       txc_code_name (code), who);
    }
}

void sim_check_answer (sim_t *sim, const char *who, const sim_tx_t *tx, int code, uint64_t since)
{
    uint64_t horizon_ms = sim->coordinators[0]->config.horizon_ms;
    bool lapsed = tx->gtrid.mode == TXC_MODE_3PC &&
                  sim_reflog_lapsed (sim->reflog, tx->gtrid.session, horizon_ms ? horizon_ms : 600000);
    if (code == TXC_PENDING && tx->told_at && tx->told_at < since && !sim->restored && !lapsed)
        sim_violation (sim, "stale-read",
                       "%s is told that %s is pending, its outcome was told %" PRIu64 " us before it asked",
                       who, s_gtrid (&tx->gtrid), since - tx->told_at);
}
