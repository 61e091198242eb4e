/*
 * txc_agent_private.h - the inside of an agent, shared by its files.
 *
 *   txc_agent.c         life, dispatch, recovery scans
 *   txc_agent_branch.c  branches: table, transitions, what remains of ended ones
 *   txc_agent_exec.c    statements, one-phase commit, the AP's own rollback
 *   txc_agent_vote.c    prepare and votes
 *   txc_agent_owner.c   enlisted branches: asking the application that has the connection
 *   txc_agent_phase2.c  outcomes, evidence, heuristics, inquiry
 *   txc_agent_leader.c  registration, epochs, the log-loss guard
 *   txc_agent_proof.c   the journal's proofs
 *   txc_agent_member.c  members of three-phase commits: their state
 *   txc_agent_answer.c  their answers to a terminator
 *   txc_agent_peer.c    participants of two-phase commits that ask each other
 *   txc_agent_calls.c   the other agents that are called
 *   txc_agent_terminate.c   an agent as the terminator of one
 *   txc_agent_view.c    what operators see
 */
#ifndef TXC_AGENT_PRIVATE_H
#define TXC_AGENT_PRIVATE_H

#include "base/txc_hash.h"
#include "base/txc_heap.h"
#include "base/txc_list.h"
#include "core/txc_hlc.h"
#include "core/txc_leader.h"
#include "core/txc_agent.h"
#include "core/txc_mutant.h"
#include "core/txc_transitions.h"

/* clang-format off */
#define TXC_BRANCH_MAP(X)                                                                                           \
    X (NEW, "new")                                                                                                  \
    X (ACTIVE, "active")              /* statements run; PREPARE was never sent                           */        \
    X (PREPARING, "preparing")        /* PREPARE is at the RM                                             */        \
    X (LOOKING, "looking")            /* the connection was lost during PREPARE: fence, then look          */       \
    X (PREPARED, "prepared")          /* in doubt until an outcome comes                                  */        \
    X (READ_ONLY, "read-only")        /* voted read-only; still open until all votes are in               */        \
    X (COMMITTING, "committing")      /* phase 2: commit                                                  */        \
    X (PROVING, "proving")            /* the RM does not list it: evidence is looked for                  */        \
    X (ONE_PHASE, "one-phase commit") /* commit without prepare                                           */        \
    X (ROLLING_BACK, "rolling back")                                                                                \
    X (COMMITTED, "committed")                                                                                      \
    X (ROLLED_BACK, "rolled back")                                                                                  \
    X (HEURISTIC, "heuristic")        /* ended otherwise than the TM said, or nobody can tell              */       \
    X (UNKNOWN, "unknown")            /* one-phase commit without evidence                                */        \
    X (GONE, "gone")
/* clang-format on */

#define TXC_BRANCH_ENUM(name, text) TXC_BRANCH_##name,
typedef enum txc_branch_state { TXC_BRANCH_MAP (TXC_BRANCH_ENUM) TXC_BRANCH_STATES } txc_branch_state_t;
#undef TXC_BRANCH_ENUM

/* A statement: waiting, running, or answered and kept for a repeated request. */
typedef struct txc_statement {
    txc_list_t link;
    uint64_t origin, route;
    uint32_t seq, flags;
    enum { TXC_STATEMENT_QUEUED, TXC_STATEMENT_RUNNING, TXC_STATEMENT_DONE } state;
    uint8_t isolation;
    uint8_t vote;   /* that travels with the answer */
    uint32_t count; /* of the branch, when it was answered */
    int code;
    txc_error_t *error;
    txc_blob_t *body; /* the statement, then its result */
} txc_statement_t;

enum { TXC_ORIGINS_MAX = 16 }; /* processes that share one branch */

typedef struct txc_branch {
    uint32_t magic;
    uint8_t state; /* txc_branch_state_t */
    uint8_t rm;
    uint8_t vote; /* cast by this incarnation; YES also for one found prepared */
    uint8_t told; /* the outcome, from the coordinator or a peer that has it from there: YES, NO */
    uint8_t heur;
    bool busy;          /* a work item is out */
    bool owner;         /* it has its connection: a worker's, or if it is enlisted, the application's */
    bool enlisted;      /* the application runs its SQL, and ends it while it can */
    bool rollback_only; /* a statement failed */
    bool told_rollback; /* a leader said so, and waits for the acknowledgement */
    bool want_rollback; /* roll back as soon as the item that is out comes back */
    bool recovered;     /* found by a scan, not begun by this incarnation */
    bool final_no;  /* ended without PREPARE ever being sent, or refused by the RM: can never be prepared */
    bool one_phase; /* in PROVING: of a one-phase commit */
    bool asked;     /* the leader waits for a vote */
    bool maybe_committed; /* a commit was sent and its answer lost: absence proves it for an RM that journals
                           */
    bool fence_first;     /* the session that may still hold it must be ended before the next try */
    bool quarantined;     /* of a session that the log never opened */
    bool record_only;     /* the RM's identity changed: only recorded outcomes count */
    bool unproved;        /* in PROVING: nothing proves its end; does the leader still want to know? */
    bool by_operator;     /* the end under way is an operator's heuristic */
    bool by_timer;        /* ... or a timer's (3pc, timers_end) */
    bool outcome;         /* it rests on an outcome: the owner obeys even if the branch is prepared */
    bool owner_kept;      /* the journal names the owner's session */
    uint64_t number;      /* txc_work_t.branch */
    uint64_t token;
    txc_gtrid_t gtrid;
    txc_hash_node_t node, number_node;
    txc_list_t link; /* ended ones, oldest first */
    txc_list_t session_link;
    txc_heap_node_t timer;
    uint64_t began_ms, deadline_ms, timeout_ms;
    uint64_t inquire_ms, retry_ms; /* when next; TXC_NEVER_MS: not at all */
    uint32_t inquiries, retries;
    uint32_t count, expected; /* statements run; what the leader expects */
    uint64_t ended_scan;      /* the latest scan given out when it ended */
    uint64_t client_route;    /* who waits for BRANCH_ENDED */
    /* Two-phase commit: who may be asked.  Paxos Commit: whom the vote names, and under which epoch it is
     * cast: that of the last prepare */
    txc_branch_ref_t *participants;
    uint32_t n_participants;
    txc_epoch_t ballot;
    char evidence[TXC_EVIDENCE_MAX + 1];
    txc_error_t *error; /* why it can only be rolled back */
    uint8_t owner_op;   /* enlisted: what its owner was asked to do, txc_work_op_t */
    uint32_t owner_asks;
    uint64_t owner_route, owner_ask_ms, owner_due_ms; /* when it is asked again, and when no more */
    txc_list_t statements;
    uint32_t n_origins;
    struct {
        uint64_t origin;
        uint32_t seq;
    } origins[TXC_ORIGINS_MAX];
} txc_branch_t;

/* What the journal proves of a branch. */
typedef struct txc_proof {
    txc_hash_node_t node;
    txc_heap_node_t timer;
    txc_gtrid_t gtrid;
    uint64_t token;
    uint8_t rm;
    uint8_t kind; /* TXC_JOURNAL_OWNER, COMMITTING, ONE_PHASE, HEURISTIC */
    uint8_t heur;
    bool told_commit; /* HEURISTIC: the TM said commit, and was told of it: it is on record before End is */
    uint32_t inquiries;
    char evidence[TXC_EVIDENCE_MAX + 1]; /* OWNER, COMMITTING: the application's session that holds it */
} txc_proof_t;

typedef struct txc_agent_member txc_agent_member_t; /* txc_agent_member.h */

/* A session as far as its branches here go. */
typedef struct txc_agent_session {
    txc_hash_node_t node;
    uint64_t number, floor; /* first statements of n below it are refused */
    txc_list_t branches;
} txc_agent_session_t;

typedef struct txc_agent_rm_state {
    bool ready; /* sessions of earlier incarnations are fenced and the first scan is in */
    bool up;
    bool busy; /* RECOVER or SCAN is out */
    bool record_only;
    uint32_t branches, failures;
    uint64_t due_ms;
    char identity[TXC_EVIDENCE_MAX + 1]; /* journaled: of the copy that presumptions hold for */
    char scanned[TXC_EVIDENCE_MAX + 1];  /* of the copy that the last scan went through */
} txc_agent_rm_state_t;

/* Another agent that this one calls. */
typedef struct txc_agent_peer {
    char endpoint[TXC_ENDPOINT_MAX + 1];
    uint64_t step, used_ms; /* when it was called last */
} txc_agent_peer_t;

struct txc_agent {
    uint32_t magic;
    txc_agent_config_t config;
    uint64_t now_ms, random;
    uint64_t cluster;
    txc_epoch_t epoch;   /* journaled */
    txc_epoch_t offered; /* being journaled */
    uint64_t offered_cluster, epoch_slot;
    txc_guard_t guard, guard_offered;
    uint64_t guard_slot, high_slot;
    txc_leader_t leader;
    uint64_t welcomed_ms, started_ms;
    uint64_t clock;   /* hybrid; it goes with those of others */
    const char *from; /* of the message under way */
    bool registered, latched, draining;
    uint64_t hello_due_ms;
    uint64_t numbers, scans, journal_slot;
    uint32_t birth; /* drawn with the journal, which has it: the upper half of tokens of 3pc; 0: not yet */
    uint64_t birth_slot; /* of its entry, until that is durable; 0 */
    txc_agent_rm_state_t rms[TXC_RMS_MAX];
    txc_hash_t branches, numbers_table, sessions, proofs;
    txc_list_t ended;
    uint32_t n_ended, n_active, n_prepared;
    txc_heap_t timers, proof_timers;
    txc_hash_t members; /* of three-phase commits */
    txc_list_t writing; /* those that are being journaled, in order */
    txc_heap_t member_timers;
    uint32_t n_refusals;
    txc_agent_peer_t *peers; /* agents that were called, TXC_ROUTE_PEER */
    uint32_t n_peers, max_peers;
    uint64_t steps;
    uint64_t commits, rollbacks, inquiries, heuristics, dropped, terminations, told_by_peers;
    txc_work_t asked; /* stands for an item that an owner carries out */
    txc_update_t *update;
};

/* --- branches */
txc_branch_t *txc_agent_branch_find (const txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm,
                                     uint64_t token);
/* The one that this incarnation began for the gtrid, whatever its token. */
txc_branch_t *txc_agent_branch_begun (const txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm);
txc_branch_t *txc_agent_branch_numbered (const txc_agent_t *self, uint64_t number);
txc_branch_t *txc_agent_branch_add (txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token);
void txc_agent_branch_move (txc_agent_t *self, txc_branch_t *branch, txc_branch_state_t to);
/* Gives its connection back, if it has one. */
void txc_agent_branch_unpin (txc_agent_t *self, txc_branch_t *branch);
/* Moves to an ended state: answers what waits, gives the connection back, remembers it. */
void txc_agent_branch_end (txc_agent_t *self, txc_branch_t *branch, txc_branch_state_t to);
void txc_agent_branch_remove (txc_agent_t *self, txc_branch_t *branch);
void txc_agent_branch_blame (txc_branch_t *branch, const txc_error_t *error);
bool txc_branch_is_ended (const txc_branch_t *branch);
/* Sets the heap's timer from the branch's due times. */
void txc_agent_branch_timer (txc_agent_t *self, txc_branch_t *branch);
txc_work_t *txc_agent_branch_work (txc_agent_t *self, txc_branch_t *branch, txc_work_op_t op);
/* A message about the branch: gtrid, rm, token, epoch are filled in. */
txc_msg_t *txc_agent_branch_message (txc_agent_t *self, const txc_branch_t *branch, txc_msg_type_t type,
                                     uint64_t route);
/* The error as a message may borrow it; NULL for none. */
const txc_error_t *txc_agent_lend_error (txc_agent_t *self, const txc_error_t *error);
int txc_agent_rm_index (const txc_agent_t *self, const char *name);
txc_agent_session_t *txc_agent_session_of (txc_agent_t *self, uint64_t number);
/* Takes the client's low-water mark: ended branches below it are forgotten. */
void txc_agent_session_low (txc_agent_t *self, uint64_t number, uint64_t low);

/* --- statements */
void txc_agent_exec (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_exec_done (txc_agent_t *self, txc_branch_t *branch, txc_work_done_t *done);
void txc_agent_exec_next (txc_agent_t *self, txc_branch_t *branch);
void txc_agent_branch_rollback (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_branch_commit (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_one_phase_done (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done);
void txc_agent_statements_fail (txc_agent_t *self, txc_branch_t *branch, int code);
void txc_agent_statement_destroy (txc_statement_t *statement);

/* --- votes */
void txc_agent_prepare (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_prepare_done (txc_agent_t *self, txc_branch_t *branch, uint8_t status,
                             const txc_work_done_t *done);
void txc_agent_look_done (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done);
void txc_agent_vote (txc_agent_t *self, txc_branch_t *branch);
/* The branch is prepared at the RM: a yes, unless an outcome came meanwhile. */
void txc_agent_prepared (txc_agent_t *self, txc_branch_t *branch);
/* Ends the branch without an outcome from the TM, or as one said: never one that voted yes on its own. */
void txc_agent_roll_back (txc_agent_t *self, txc_branch_t *branch);

/* --- enlisted branches */
/* True if the owner of the branch is to carry out this item. */
bool txc_agent_owner_does (const txc_branch_t *branch, txc_work_op_t op);
void txc_agent_enlist (txc_agent_t *self, txc_branch_t *branch, const txc_msg_t *message);
/* The item is out at the owner. */
void txc_agent_owner_ask (txc_agent_t *self, txc_branch_t *branch, txc_work_op_t op);
/* There is an outcome, rollback: no longer wait for a prepare as long as it likes; a rollback that its owner
 * was asked for before it asks for again, with better reason. */
void txc_agent_owner_outcome (txc_agent_t *self, txc_branch_t *branch);
/* A branch that was to be rolled back without an outcome turns out to be prepared: in doubt. */
void txc_agent_owner_in_doubt (txc_agent_t *self, txc_branch_t *branch);
void txc_agent_owner_due (txc_agent_t *self, txc_branch_t *branch);
/* A scan found the branch, which is open here, prepared. */
void txc_agent_owner_found (txc_agent_t *self, txc_branch_t *branch);
void txc_agent_owner_word (txc_agent_t *self, const txc_msg_t *message);

/* --- phase 2 */
void txc_agent_phase2 (txc_agent_t *self, const txc_msg_t *message, bool commit);
void txc_agent_pending (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_ended (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_commit_done (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done);
void txc_agent_rollback_done (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done);
void txc_agent_evidence_done (txc_agent_t *self, txc_branch_t *branch, const txc_work_done_t *done);
void txc_agent_prove (txc_agent_t *self, txc_branch_t *branch);
void txc_agent_phase2_try (txc_agent_t *self, txc_branch_t *branch);
void txc_agent_phase2_later (txc_agent_t *self, txc_branch_t *branch);
void txc_agent_acknowledge (txc_agent_t *self, txc_branch_t *branch, bool commit);
void txc_agent_inquire (txc_agent_t *self, txc_branch_t *branch);
/* The question alone: what became of the branch? */
void txc_agent_ask_leader (txc_agent_t *self, txc_branch_t *branch);
void txc_agent_operator (txc_agent_t *self, const txc_agent_event_t *event);
/* A timer ends a branch in doubt, whatever others do: a heuristic, too, unless the branch wrote nothing. */
void txc_agent_end_by_timer (txc_agent_t *self, txc_branch_t *branch, bool commit);
/* The outcome of a branch that is known here. */
void txc_agent_outcome (txc_agent_t *self, txc_branch_t *branch, bool commit);
/* A work item of a branch came back. */
void txc_agent_branch_done (txc_agent_t *self, txc_branch_t *branch, txc_work_done_t *done);

/* --- leader */
void txc_agent_hello (txc_agent_t *self);
void txc_agent_not_leader (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_welcome (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_journaled (txc_agent_t *self, uint64_t slot);
void txc_agent_accept_log (txc_agent_t *self);
/* True if the message comes from the leader that this agent obeys. */
bool txc_agent_obeys (txc_agent_t *self, const txc_msg_t *message);

/* --- members of three-phase commits, as the other files see them */
static inline bool txc_branch_is_3pc (const txc_branch_t *branch)
{
    return branch->gtrid.mode == TXC_MODE_3PC;
}
int txc_agent_member_replay (txc_agent_t *self, const txc_jrec_t *record);
void txc_agent_members_checkpoint (txc_agent_t *self);
/* Everybody knows the outcome. */
void txc_agent_member_forget (txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token,
                              bool write);
void txc_agent_member_branch_ended (txc_agent_t *self, const txc_branch_t *branch);
void txc_agent_member_list (txc_agent_t *self, const txc_agent_member_t *member, txc_msg_t *message);

/* --- other agents, txc_agent_calls.c */
/* A route to the agent at that endpoint, for this step; 0: there is none. */
uint64_t txc_agent_peer_route (txc_agent_t *self, const char *endpoint);
/* Forgets those that were not called for a while: before the step gives out routes, since places change. */
void txc_agent_peers_tick (txc_agent_t *self);

/* --- cooperative termination of two-phase commits */
void txc_agent_ask_peers (txc_agent_t *self, const txc_branch_t *branch);
/* What a branch in doubt waits for, of a mode in which its agent does not end it: static text. */
const char *txc_agent_in_doubt_waits (const txc_agent_t *self, const txc_branch_t *branch);
void txc_agent_peer_asked (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_peer_answered (txc_agent_t *self, const txc_msg_t *message);

/* --- journal */
uint64_t txc_agent_journal (txc_agent_t *self, const txc_jrec_t *record, bool forced);
/* A token for a new branch. */
/* Whether the journal has its number, which tokens of 3pc begin with: one that was lost in a crash would make
 * the branches drawn under it look like those of a lost journal.  It is written the first time. */
bool txc_agent_is_born (txc_agent_t *self);
uint64_t txc_agent_token (txc_agent_t *self, txc_mode_t mode);
/* Was the token of this branch of a three-phase commit drawn under this journal?  Then the journal has
 * whatever was ever said for it. */
bool txc_agent_token_is_own (const txc_agent_t *self, uint64_t token);
txc_proof_t *txc_agent_proof (const txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token);
void txc_agent_proof_add (txc_agent_t *self, txc_journal_kind_t kind, const txc_gtrid_t *gtrid, uint8_t rm,
                          uint64_t token, txc_heur_t heur, bool write);
/* The session of an enlisted branch's owner: written if it holds what it prepares, so that a later
 * incarnation knows whom to fence.  Gone with the branch. */
/* Journals what there is of the branch once more, behind an entry that would take it along. */
void txc_agent_proof_again (txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token);
void txc_agent_proof_owner (txc_agent_t *self, txc_branch_t *branch);
void txc_agent_proof_owner_gone (txc_agent_t *self, txc_branch_t *branch);
/* Phase 2 begins: written, with the session of the owner if the branch is enlisted. */
void txc_agent_proof_committing (txc_agent_t *self, txc_branch_t *branch);
/* The branch ended otherwise than the TM said, or without its word. */
void txc_agent_proof_heuristic (txc_agent_t *self, const txc_branch_t *branch, txc_heur_t heur,
                                bool told_commit);
/* The branch of a heuristic is in doubt again: nobody is told of it any more. */
void txc_agent_proof_void (txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token);
/* Of a heuristic: the TM said commit and hears now how it ended instead, or that it did. */
void txc_agent_proof_told_commit (txc_agent_t *self, txc_proof_t *proof);
void txc_agent_proof_forget (txc_agent_t *self, txc_proof_t *proof, bool write);
void txc_agent_proof_ask (txc_agent_t *self, txc_proof_t *proof);

#endif
