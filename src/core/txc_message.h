/*
 * txc_message.h - the messages of the protocols, as values.
 *
 * One flat structure serves all of them: a message uses the fields that its
 * line in the map below names, the others are zero.  Every request is
 * idempotent: it may be lost, repeated and overtaken.  The wire's encoding of
 * them is src/wire/txcoord.proto.
 *
 * C client (the library), L leader (txcoord), A agent (txagent), R any replica
 * of the coordinator.
 */
#ifndef TXC_MESSAGE_H
#define TXC_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/txc_blob.h"
#include "base/txc_codes.h"
#include "base/txc_id.h"
#include "base/txc_limits.h"

/* clang-format off */
#define TXC_MESSAGE_MAP(X)                                                                                          \
    /* C -> L  nonce                                open a session; the same nonce gives the same session */        \
    X (SESSION_OPEN, 1)                                                                                             \
    /* L -> C  nonce session cluster lease_ms code epoch members                                          */        \
    X (SESSION_OPENED, 2)                                                                                           \
    /* C -> L  session cluster low                  renews the lease; low: see gtrid low-water mark        */       \
    X (SESSION_KEEPALIVE, 3)                                                                                        \
    /* L -> C  session cluster low lease_ms code members    code TXC_ESESSION: it is closed; low: the mark on record */ \
    X (SESSION_ALIVE, 4)                                                                                            \
    /* C -> L  session cluster                      close it; answered by SESSION_ALIVE with TXC_ESESSION  */       \
    X (SESSION_CLOSE, 5)                                                                                            \
    /* C -> L  -                                    which agent serves which RM                           */        \
    X (DIRECTORY, 6)                                                                                                \
    /* L -> C  entries                                                                                    */        \
    X (DIRECTORY_REPLY, 7)                                                                                          \
    /* C -> L  gtrid branches low timeout_ms flags(DECISION_LOGGED)   commit; two or more branches        */        \
    X (COMMIT, 8)                                                                                                   \
    /* C -> L  gtrid branches timeout_ms            roll back through the log (exported transactions)     */        \
    X (ROLLBACK, 9)                                                                                                 \
    /* C -> L  gtrid branches(may be none) flags(SETTLE) stamp        what became of it                    */       \
    X (OUTCOME_QUERY, 10)                                                                                           \
    /* L -> C  gtrid code error low stamp(of the query)   answers COMMIT, ROLLBACK, OUTCOME_QUERY         */        \
    X (OUTCOME, 11)                                                                                                 \
                                                                                                                    \
    /* C -> A  gtrid rm token origin seq acked timeout_ms isolation flags(LAST, ENLIST) incarnation low body evidence \
     *         identity */                                                                                          \
    X (EXEC, 12)                                                                                                    \
    /* A -> C  gtrid rm token origin seq count incarnation code error evidence vote epoch body            */        \
    X (EXEC_REPLY, 13)                                                                                              \
    /* C -> A  gtrid rm token                       the AP's own rollback, no commit was ever sent        */        \
    X (BRANCH_ROLLBACK, 14)                                                                                         \
    /* C -> A  gtrid rm token count evidence        one-phase commit of a transaction with one branch     */        \
    X (BRANCH_COMMIT, 15)                                                                                           \
    /* A -> C  gtrid rm token code error            answers both of the above                             */        \
    X (BRANCH_ENDED, 16)                                                                                            \
                                                                                                                    \
    /* A -> L  agent incarnation entries epoch guards[0] high_slot code   registers; repeated as heartbeat */       \
    X (AGENT_HELLO, 17)                                                                                             \
    /* L -> A  epoch cluster guards[2] high_slot code members   guards: the pairs on record for this agent */        \
    X (AGENT_WELCOME, 18)                                                                                           \
    /* L -> A  epoch gtrid rm token count timeout_ms flags(LAST_RESOURCE)                                    */    \
    /*                                              branches(all participants)                              */      \
    X (PREPARE, 19)                                                                                                 \
    /* A -> L  epoch gtrid rm token vote error evidence prior(3pc: the epoch in which it was cast)         */       \
    /*                                              branches(of Paxos Commit: as the prepare had them;     */       \
    /*                                              votes that are no no go to every replica)               */      \
    X (VOTE, 20)                                                                                                    \
    /* L -> A  epoch gtrid rm token evidence high_slot flags(READ_ONLY, RECORD_ONLY: as the question had it)  */    \
    /*                                              phase 2; the answer to INQUIRY                         */       \
    X (PHASE2_COMMIT, 21)                                                                                           \
    X (PHASE2_ROLLBACK, 22)                                                                                         \
    /* A -> L  epoch gtrid rm token code(TXC_OK, or heuristic kind in heur) error                         */        \
    X (PHASE2_DONE, 23)                                                                                             \
    /* A -> L  epoch gtrid rm token age_ms timeout_ms flags(READ_ONLY, FINISHED, RECORD_ONLY, ONLY)  in doubt; \
     *                                              heur: how it ended, of which the leader may not have heard */    \
    X (INQUIRY, 24)                                                                                                 \
    /* L -> A  epoch gtrid rm token code flags(FINISHED: so it had asked)                                    */    \
    /*                                              TXC_PENDING: still open; TXC_EFOREIGN: unknown session */       \
    X (INQUIRY_PENDING, 25)                                                                                         \
    /* L -> A  epoch gtrid rm token heur code       End, or that heuristic, is on record: the agent may forget it; code \
     *                                              TXC_FORGOTTEN, 3pc: nobody here knows any more          */       \
    X (ENDED, 26)                                                                                                   \
                                                                                                                    \
    /* tools -> L, A  body (text)                   a command of txctl; answered by ADMIN_REPLY, body JSON */       \
    X (ADMIN, 27)                                                                                                   \
    X (ADMIN_REPLY, 28)                                                                                             \
                                                                                                                    \
    /* R -> C, A  replica members                   replica leads (0: not known), the receiver asked another one */  \
    X (NOT_LEADER, 29)                                                                                              \
                                                                                                                    \
    /* Replicas among themselves.  Each has replica and disk: its sender, and epoch: a ballot; cluster and settings are*/ \
    /* the shell's, so that no other group's messages are taken in.  chosen_slot is the sender's                    */ \
    /* commit index wherever it is given.  Values and entries are packed by core/txc_paxos_values.h.           */    \
    /* R -> R  epoch slot                           would you promise this ballot?  (pre-vote)             */       \
    X (PAXOS_PREVOTE, 30)                                                                                           \
    /* R -> R  epoch code prior(what the sender promised)                                                  */       \
    X (PAXOS_PREVOTED, 31)                                                                                          \
    /* R -> R  epoch slot prior flags(HANDED_OVER)  phase 1a: promise, and say what you accepted from slot on  */    \
    X (PAXOS_PREPARE, 32)                                                                                           \
    /* R -> R  epoch slot high_slot stamp low chosen_slot body   phase 1b: values from slot to high_slot; stamp: the */ \
    /*                                              last that there are; low: the first that can be had value by value */ \
    X (PAXOS_PROMISE, 33)                                                                                           \
    /* R -> R  epoch chosen_slot body               phase 2a: accept these values                          */       \
    X (PAXOS_ACCEPT, 34)                                                                                            \
    /* R -> R  epoch slot high_slot chosen_slot     phase 2b: accepted, durably, from slot to high_slot    */       \
    X (PAXOS_ACCEPTED, 35)                                                                                          \
    /* R -> R  epoch(the one promised) chosen_slot  a ballot was refused                                   */       \
    X (PAXOS_REJECT, 36)                                                                                            \
    /* L -> R  epoch chosen_slot stamp slot(a number)   leads; asks for its lease, and whether it still leads  */    \
    X (PAXOS_HEARTBEAT, 37)                                                                                         \
    /* R -> L  epoch chosen_slot stamp slot (the same) flags  yes; nobody else is promised anything for a lease */  \
    X (PAXOS_GRANT, 38)                                                                                             \
    /* R -> R  slot                                 what was chosen from slot on?                          */       \
    X (PAXOS_FETCH, 39)                                                                                             \
    /* R -> R  chosen_slot body                     chosen values                                          */       \
    X (PAXOS_CHOSEN, 40)                                                                                            \
    /* R -> R  slot age_ms(offset)                  the next chunk of the snapshot at slot                 */       \
    X (PAXOS_SNAPSHOT_FETCH, 41)                                                                                    \
    /* R -> R  slot age_ms(offset) high_slot(size) stamp(digest of the whole) body   a chunk of a snapshot */       \
    X (PAXOS_SNAPSHOT, 42)                                                                                          \
    /* L -> R  epoch                                lead now: I have given up my lease                     */       \
    X (PAXOS_TRANSFER, 43)                                                                                          \
    /* R -> L  members[0](itself) slot              a replica that wants to be a member, or has a new address */    \
    X (PAXOS_JOIN, 44)                                                                                              \
    /* R -> L  epoch gtrid rm token vote evidence   Paxos Commit: this vote is held here, durably           */      \
    X (PAXOS_VOTED, 45)                                                                                             \
                                                                                                                    \
    /* A -> C  gtrid rm token work flags(OUTCOME)   the owner of an enlisted branch is asked to do this with it */  \
    X (OWNER_WORK, 46)                                                                                              \
    /* C -> A  gtrid rm token work status evidence error   the owner's word: what it did, asked or not    */        \
    X (OWNER_WORD, 47)                                                                                              \
                                                                                                                    \
    /* Members of a three-phase commit among themselves: agents, for their branches, and L, for the group (rm is empty). \
     * 2pc: agents only, TERMINATE (without number and branches) and a final MEMBER_STATE. */                     \
    /* epoch: L's own, of all that it sends; number in stamp (core/txc_quorum.h); branches: all members but the group.  */ \
    /* M -> M  epoch gtrid rm token stamp branches   elect me as the terminator; answered by MEMBER_STATE  */       \
    X (TERMINATE, 48)                                                                                               \
    /* M -> M  epoch gtrid rm token stamp slot(last_elected) high_slot(last_attempt) vote(of that attempt)  */      \
    X (MEMBER_STATE, 49)                                                                                            \
    /* M -> M  epoch gtrid rm token stamp vote(YES: PreCommit, NO: PreAbort)                              */        \
    X (PRE_DECIDE, 50)                                                                                              \
    /* M -> M  epoch gtrid rm token stamp vote slot(last_elected: not stamp if it was refused)            */        \
    X (PRE_DECIDED, 51)                                                                                             \
    /* M -> M  epoch gtrid rm token vote branches    the final state: YES: COMMIT, NO: ABORT               */       \
    X (DECIDED, 52)
/* clang-format on */

#define TXC_MESSAGE_ENUM(name, value) TXC_MSG_##name = (value),
typedef enum txc_msg_type { TXC_MSG_NONE, TXC_MESSAGE_MAP (TXC_MESSAGE_ENUM) TXC_MSG_TYPES } txc_msg_type_t;
#undef TXC_MESSAGE_ENUM

const char *txc_msg_name (txc_msg_type_t type);

/* A branch's vote.  NO is final: the branch can never be prepared.  NO_NOT_FINAL says only "absent here,
 * now": the leader chooses an Abort record before it tells anybody. */
typedef enum txc_vote {
    TXC_VOTE_NONE,
    TXC_VOTE_YES,
    TXC_VOTE_READ_ONLY,
    TXC_VOTE_NO,
    TXC_VOTE_NO_NOT_FINAL
} txc_vote_t;

/* X/Open's heuristic kinds, at a branch. */
typedef enum txc_heur {
    TXC_HEUR_NONE,
    TXC_HEUR_COMMITTED,   /* XA_HEURCOM */
    TXC_HEUR_ROLLED_BACK, /* XA_HEURRB */
    TXC_HEUR_MIXED,       /* XA_HEURMIX */
    TXC_HEUR_HAZARD       /* XA_HEURHAZ */
} txc_heur_t;

const char *txc_vote_name (txc_vote_t vote);
const char *txc_heur_name (txc_heur_t heur);

enum {
    TXC_FLAG_DECISION_LOGGED = 1, /* COMMIT: reply when the decision is durable */
    TXC_FLAG_SETTLE = 2,          /* OUTCOME_QUERY: decide Abort if nothing is on record or open */
    TXC_FLAG_LAST = 4,            /* EXEC: the branch's last statement; prepare travels with it */
    TXC_FLAG_READ_ONLY = 8,       /* INQUIRY, PHASE2_COMMIT: the vote was read-only */
    TXC_FLAG_FINISHED = 16,       /* INQUIRY: phase 2 is done here; may it be forgotten? */
    TXC_FLAG_RESULT = 32,         /* EXEC_REPLY: the body holds a result */
    TXC_FLAG_RECORD_ONLY = 64,    /* INQUIRY: the RM is another copy of itself: nothing may be presumed */
    TXC_FLAG_HANDED_OVER = 128,   /* PAXOS_PREPARE: the leader of epoch prior has given up its lease */
    TXC_FLAG_SPACE_LOW = 256,     /* PAXOS_GRANT: its log's disk is nearly full */
    TXC_FLAG_FINAL = 512,         /* MEMBER_STATE: vote is the final state */
    TXC_FLAG_ENLIST =
        1024, /* EXEC: begins a branch on the application's own connection, which evidence names */
    TXC_FLAG_OUTCOME = 2048, /* OWNER_WORK: it rests on an outcome: it is to be done though it is prepared */
    TXC_FLAG_LAST_RESOURCE = 4096, /* PREPARE: all others voted yes: commit, or never */
    TXC_FLAG_ONLY = 8192 /* INQUIRY: the only branch of its transaction, as it was told for its vote */
};

/* What went wrong at a resource manager (or in a daemon), passed through to the AP. */
typedef struct txc_error {
    int code;   /* txc_code_t */
    int native; /* the RM's own error number, 0 if it has none */
    char sqlstate[TXC_SQLSTATE_MAX + 1];
    char rm[TXC_RM_NAME_MAX + 1];
    char text[TXC_TEXT_MAX + 1];
} txc_error_t;

/* Sets code and text (printf's format); the other fields become empty.  self may be NULL.  Returns code. */
int txc_error_set (txc_error_t *self, int code, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* A branch as the commit request lists it. */
typedef struct txc_branch_ref {
    char rm[TXC_RM_NAME_MAX + 1];
    uint64_t token;
    uint32_t count;         /* statements whose replies the AP has */
    uint8_t vote;           /* txc_vote_t that came with the last statement's reply, or NONE */
    txc_epoch_t vote_epoch; /* the epoch that vote was cast in */
    char evidence[TXC_EVIDENCE_MAX + 1];
    char
        endpoint[TXC_ENDPOINT_MAX + 1]; /* of its agent, where members of a transaction talk; "": not known */
} txc_branch_ref_t;

/* A line of the directory, and of an agent's registration. */
typedef struct txc_rm_entry {
    char rm[TXC_RM_NAME_MAX + 1];
    char agent[TXC_AGENT_NAME_MAX + 1];
    char endpoint[TXC_ENDPOINT_MAX + 1];
    uint64_t incarnation;
    bool up;            /* recovery is over and the RM is reachable */
    bool last_resource; /* it cannot prepare: asked last, it commits */
} txc_rm_entry_t;

/* A position of the log with the running digest of all values applied up to it (the log-loss guard). */
typedef struct txc_guard {
    uint64_t slot; /* 0: none */
    uint64_t digest;
} txc_guard_t;

/* A replica of the coordinator's group. */
typedef struct txc_member {
    uint32_t id;   /* from 1; never used again once it was removed */
    uint64_t disk; /* drawn with its log: a member that lost its disk is no longer this one; 0: of the first
                      members */
    char endpoint[TXC_ENDPOINT_MAX + 1];
} txc_member_t;

/* Routes that mean something to every shell; all others are numbers that the shell gave. */
#define TXC_ROUTE_LEADER      UINT64_C (0) /* clients and agents: the replica believed to lead */
#define TXC_ROUTE_ALL         UINT64_MAX   /* clients and agents: every replica that is known */
#define TXC_ROUTE_PEER(i)     (UINT64_C (1) << 62 | (uint64_t) (i))  /* an agent: txc_agent_peer (i) */
#define TXC_ROUTE_REPLICA(id) (UINT64_C (1) << 63 | (uint64_t) (id)) /* replicas among themselves */

typedef struct txc_msg {
    uint8_t type;      /* txc_msg_type_t */
    uint8_t vote;      /* txc_vote_t */
    uint8_t heur;      /* txc_heur_t */
    uint8_t isolation; /* txc_isolation_t of txcoord.h; 0: the RM's default */
    uint8_t work;      /* OWNER_WORK, OWNER_WORD: txc_work_op_t */
    uint8_t status;    /* OWNER_WORD: txc_work_status_t */
    uint32_t flags;
    int32_t code;
    uint32_t timeout_ms;
    uint32_t lease_ms;
    uint32_t count;
    uint32_t seq;
    uint32_t acked; /* EXEC: replies up to this seq of this origin may be dropped */
    uint32_t n_branches, n_entries, n_members;
    uint32_t replica;
    uint64_t route; /* where it came from or goes to, given by the shell; 0: the leader (for C and A) */
    uint64_t age_ms;
    uint64_t nonce, session, cluster;
    uint64_t low; /* every n of the session below it is over and its outcome known to the AP */
    uint64_t token, incarnation;
    uint64_t
        origin; /* who sends a statement: drawn by each process for each transaction that it takes part in */
    uint64_t high_slot, slot, chosen_slot;
    uint64_t clock; /* of every message: when it left, by its sender's hybrid clock (txc_hlc.h) */
    uint64_t stamp;
    uint64_t settings; /* digest of the configuration that all replicas must have alike */
    uint64_t disk;     /* of the replica that sends it */
    txc_epoch_t epoch, prior;
    txc_gtrid_t gtrid;
    txc_guard_t guards[2];
    char rm[TXC_RM_NAME_MAX + 1];
    char agent[TXC_AGENT_NAME_MAX + 1];
    char evidence[TXC_EVIDENCE_MAX + 1];
    char identity[TXC_EVIDENCE_MAX + 1]; /* EXEC with ENLIST: of the copy of the data; "": not known */
    const txc_error_t *error;            /* borrowed; NULL: none */
    const txc_branch_ref_t *branches;    /* borrowed */
    const txc_rm_entry_t *entries;       /* borrowed */
    const txc_member_t *members;         /* borrowed */
    txc_blob_t
        *body; /* incoming: borrowed, whoever keeps it takes a reference; in an update: one reference */
} txc_msg_t;

#endif
