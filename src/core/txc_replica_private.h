/*
 * txc_replica_private.h - the inside of a replica, shared by its files.
 *
 *   txc_replica.c           life, leadership, dispatch
 *   txc_replica_session.c   sessions and their leases
 *   txc_replica_commit.c    commit requests, votes, phase 2
 *   txc_replica_terminate.c three-phase commit: the leader as the first terminator, the group as a member
 *   txc_replica_inquiry.c   what became of it: agents, applications, operators
 *   txc_replica_heuristic.c branches that ended otherwise than their transaction
 *   txc_replica_agent.c     registration, directory, log-loss guard
 *   txc_replica_read.c      questions to a leader that has no lease
 *   txc_replica_last.c      the last resource
 *   txc_replica_votes.c     Paxos Commit: what is held of votes, and what they decide
 *   txc_replica_view.c      what operators see
 */
#ifndef TXC_REPLICA_PRIVATE_H
#define TXC_REPLICA_PRIVATE_H

#include "core/txc_gtx.h"
#include "core/txc_hlc.h"
#include "core/txc_mutant.h"
#include "core/txc_paxos.h"
#include "core/txc_registry.h"
#include "core/txc_replica.h"
#include "core/txc_votes.h"

/* A SessionOpen that was proposed and is not applied yet. */
typedef struct txc_opening {
    txc_list_t link;
    uint64_t slot;
    uint64_t route; /* of the client that waits for it */
    uint64_t nonce;
} txc_opening_t;

/* An agent that has registered; volatile. */
typedef struct txc_replica_agent {
    txc_list_t link;
    char name[TXC_AGENT_NAME_MAX + 1];
    uint64_t incarnation, route, heard_ms, guard_due_ms;
    txc_guard_t shown; /* the guard that its journal holds */
    bool guard_proposed;
    bool refuses; /* it does not accept this log */
    uint32_t n_rms;
    txc_rm_entry_t rms[];
} txc_replica_agent_t;

struct txc_replica {
    uint32_t magic;
    txc_replica_config_t config;
    uint64_t now_ms, wall_ms;
    uint64_t clock; /* hybrid */
    txc_paxos_t *paxos;
    bool leading; /* the barrier is applied: clients and agents are served */
    bool draining, space_low;
    txc_epoch_t epoch; /* of its leadership */
    txc_registry_t registry;
    txc_list_t openings;
    txc_list_t questions; /* that wait until a majority has confirmed this leader */
    uint32_t n_questions;
    txc_hash_t transactions;
    txc_heap_t timers;
    txc_list_t agents;
    uint64_t lease_due_ms; /* when leases are looked at next */
    uint64_t
        votes_held_ms;  /* until then no new transaction of Paxos Commit begins: the members are to change */
    uint64_t lead_slot; /* of the barrier of its leadership: what began behind it, it began */
    uint64_t dropped, refused;
    txc_rec_t scratch;    /* a record being built or read */
    txc_update_t *update; /* of the step under way */
};

/* The record to fill in before s_propose; zeroed. */
txc_rec_t *txc_replica_record (txc_replica_t *self, txc_rec_type_t type);
/* Proposes the record; what rests on it happens when it is applied.  Returns its slot. */
uint64_t txc_replica_propose (txc_replica_t *self, const txc_rec_t *record, bool forced);

/* --- questions */
/* Answers a message from outside the group, or does what it says. */
int txc_replica_serve (txc_replica_t *self, const txc_msg_t *message);
/* Keeps a copy until it may be answered.  TXC_ENOTREADY: too many are kept. */
int txc_replica_question_keep (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_questions_answer (txc_replica_t *self); /* those that may be by now */
void txc_replica_questions_forget (txc_replica_t *self);

/* --- sessions */
void txc_replica_session_open (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_session_keepalive (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_session_close (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_session_opened (txc_replica_t *self, txc_reg_session_t *session, uint64_t route);
void txc_replica_session_closed (txc_replica_t *self, txc_reg_session_t *session);
void txc_replica_session_leases (txc_replica_t *self); /* closes those that lapsed */
/* A new leader gives every open session one fresh lease. */
void txc_replica_session_renew_all (txc_replica_t *self);
/* Tells all that were heard who the members are, and renews their leases: they count from this answer. */
void txc_replica_session_tell_all (txc_replica_t *self);
/* Forgets what only a leader knows of them. */
void txc_replica_session_reset_all (txc_replica_t *self);
/* Takes the client's word on its mark; forgets answers below it and proposes a Mark when it is worth one. */
void txc_replica_session_low (txc_replica_t *self, txc_reg_session_t *session, uint64_t low, bool eager);

/* --- transactions */
txc_gtx_t *txc_replica_transaction (const txc_replica_t *self, const txc_gtrid_t *gtrid);
txc_gtx_t *txc_replica_transaction_add (txc_replica_t *self, txc_reg_session_t *session, txc_gtx_t *gtx);
void txc_replica_transaction_remove (txc_replica_t *self, txc_gtx_t *gtx);
void txc_replica_commit (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_vote (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_phase2_done (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_timer (txc_replica_t *self, txc_gtx_t *gtx);
/* Proposes Abort for it; the answer waits until it is applied. */
void txc_replica_abort (txc_replica_t *self, txc_gtx_t *gtx);
/* Its members decided, or will, and the log takes no record of it: it answers so, and leaves the rest to
 * them. */
void txc_replica_forgotten (txc_replica_t *self, txc_gtx_t *gtx);
/* The transaction can never commit any more: answers, tells the branches. */
void txc_replica_rolled_back (txc_replica_t *self, txc_gtx_t *gtx);
/* Commit is applied and valid. */
void txc_replica_committed (txc_replica_t *self, txc_gtx_t *gtx);
void txc_replica_outcome_applied (txc_replica_t *self, const txc_rec_t *record, txc_outcome_t *outcome);
/* A branch has acknowledged phase 2, or what it did instead is on record. */
void txc_replica_branch_done (txc_replica_t *self, txc_gtx_t *gtx, txc_gtx_branch_t *branch);
void txc_replica_ended (txc_replica_t *self, const txc_gtrid_t *gtrid);
/* heur: that of a heuristic that is on record. */
void txc_replica_tell_ended (txc_replica_t *self, const txc_gtrid_t *gtrid, const char *rm, uint64_t token,
                             txc_heur_t heur);
/* Phase 2 goes on for every transaction that is committed on record and has not ended. */
void txc_replica_resume_all (txc_replica_t *self);
/* Forgets all of them: a new leader knows what the log says, and asks for the rest. */
void txc_replica_transactions_forget (txc_replica_t *self);
/* Sends what is due again at once, e.g. when its agent has come. */
void txc_replica_transaction_wake (txc_replica_t *self, txc_gtx_t *gtx, const txc_replica_agent_t *agent);
/* Adds who the members are, so that whoever is answered finds the others when this replica is gone.  A group
 * of one has none: whoever found it knows a better name of it than its own. */
void txc_replica_tell_members (txc_replica_t *self, txc_msg_t *reply);
/* Tells an application a code.  The message, for more to be said in it; NULL: nobody asked (no route). */
txc_msg_t *txc_replica_answer (txc_replica_t *self, uint64_t route, const txc_gtrid_t *gtrid, int code,
                               const txc_error_t *error);
/* What the whole of a gtx comes to, heuristics included. */
int txc_replica_result (const txc_replica_t *self, const txc_gtx_t *gtx, bool commit);

/* --- heuristics */
void txc_replica_propose_heuristic (txc_replica_t *self, const txc_gtrid_t *gtrid,
                                    const txc_branch_ref_t *branch, txc_heur_t heur, const char *text);
/* A branch reports that it did not end as it was told. */
void txc_replica_heuristic (txc_replica_t *self, const txc_gtx_t *gtx, txc_gtx_branch_t *branch,
                            const txc_msg_t *message);
/* May the agent forget a branch that ended heuristically?  True: not yet. */
bool txc_replica_inquiry_heuristic (txc_replica_t *self, const txc_msg_t *question,
                                    const txc_reg_session_t *session, const txc_outcome_t *outcome);
void txc_replica_heuristic_applied (txc_replica_t *self, const txc_rec_t *record);

/* --- Paxos Commit */
/* A vote that goes to every acceptor. */
bool txc_replica_is_cast (const txc_msg_t *message);
int txc_replica_vote_cast (txc_replica_t *self, const txc_msg_t *message);
/* A record is applied: the votes that it decides go. */
void txc_replica_votes_applied (txc_replica_t *self, const txc_rec_t *record);
void txc_replica_votes_sweep (txc_replica_t *self); /* those of anything that is decided */
/* An acceptor holds a vote; the log's hook. */
void txc_replica_voted (void *arg, uint32_t bit, const txc_msg_t *message);
/* Every vote is in. */
void txc_replica_votes_agreed (txc_replica_t *self, txc_gtx_t *gtx);
/* A new leader: goes on with what the votes found say. */
void txc_replica_votes_recover (txc_replica_t *self);
/* Votes may decide a transaction of this session, of which no record speaks yet: its end has to wait. */
bool txc_replica_votes_are_open (const txc_replica_t *self, const txc_reg_session_t *session);
/* The end of the session, or a change of members, waits: nothing new is prepared. */
bool txc_replica_votes_are_held_back (const txc_replica_t *self, const txc_reg_session_t *session);
/* No votes are open: the members may change.  Else no new ones are asked for, for a while. */
bool txc_replica_votes_let_change (txc_replica_t *self);
/* The votes decide by themselves; the record follows. */
void txc_replica_commit_lazily (txc_replica_t *self, txc_gtx_t *gtx);
/* Its record decides. */
void txc_replica_propose_commit (txc_replica_t *self, txc_gtx_t *gtx);
/* What the session's end waited for may be over. */
void txc_replica_session_released (txc_replica_t *self, txc_reg_session_t *session);
/* Sends what is due; sets the timer. */
void txc_replica_pump (txc_replica_t *self, txc_gtx_t *gtx);
/* Commit is on record: a transaction that is not in flight goes on with phase 2. */
void txc_replica_resume (txc_replica_t *self, txc_outcome_t *outcome);

/* --- the last resource */
/* Its agent says that the resource manager cannot prepare. */
bool txc_replica_is_last (const txc_replica_t *self, const txc_gtx_branch_t *branch);
/* Goes on if only the last resource's vote is missing; refuses two of them.  True if something was done. */
bool txc_replica_last_try (txc_replica_t *self, txc_gtx_t *gtx);
void txc_replica_intent_applied (txc_replica_t *self, const txc_rec_t *record, bool valid);
/* A new leader: asks every last resource that may have been asked. */
void txc_replica_resume_intents (txc_replica_t *self);
void txc_replica_last_vote (txc_replica_t *self, txc_gtx_t *gtx, const txc_msg_t *message);
/* An operator says what the last resource did, since nobody else will. */
void txc_replica_last_resolve (txc_replica_t *self, txc_gtx_t *gtx, bool committed);
/* One may have committed in this session, and no record says so: its end has to wait. */
bool txc_replica_last_is_open (const txc_reg_session_t *session);

/* --- three-phase commit */
static inline bool txc_gtx_is_3pc (const txc_gtx_t *gtx)
{
    return gtx->gtrid.mode == TXC_MODE_3PC;
}
void txc_replica_precommit (txc_replica_t *self, txc_gtx_t *gtx);
/* It is not going to be agreed: ends it, alone if nobody can have sent PreCommit, else as an elected
 * terminator. */
void txc_replica_give_up (txc_replica_t *self, txc_gtx_t *gtx);
/* A transaction of which only the branches are known. */
void txc_replica_terminate (txc_replica_t *self, txc_gtx_t *gtx);
/* What a branch is sent in this state; NONE: nothing. */
txc_msg_type_t txc_replica_member_message (const txc_gtx_t *gtx, uint32_t place);
/* The agents of all branches have registered. */
bool txc_replica_knows_members (const txc_replica_t *self, const txc_gtx_t *gtx);
/* What the message needs beside what all have. */
void txc_replica_member_fill (txc_replica_t *self, txc_gtx_t *gtx, txc_msg_t *message);
void txc_replica_member_timer (txc_replica_t *self, txc_gtx_t *gtx);
void txc_replica_from_member (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_elected_applied (txc_replica_t *self, const txc_rec_t *record, bool valid);

/* --- inquiries */
void txc_replica_inquiry (txc_replica_t *self, const txc_msg_t *message);
/* Answers an agent that it may be decided yet. */
void txc_replica_inquiry_pending (txc_replica_t *self, const txc_msg_t *question);
void txc_replica_outcome_query (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_rollback (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_resolve (txc_replica_t *self, const txc_event_t *event);

/* --- agents */
void txc_replica_agent_hello (txc_replica_t *self, const txc_msg_t *message);
/* This replica follows: it remembers the agent, so that it could lead it at once. */
void txc_replica_agent_noted (txc_replica_t *self, const txc_msg_t *message);
void txc_replica_agents_welcome (txc_replica_t *self); /* it leads now, or the members are others */
void txc_replica_agents_reset (txc_replica_t *self);
void txc_replica_agent_guard_applied (txc_replica_t *self, const char *name);
void txc_replica_send_directory (txc_replica_t *self, uint64_t route);
const txc_replica_agent_t *txc_replica_agent_of (const txc_replica_t *self, const char *rm);

#endif
