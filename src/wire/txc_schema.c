/* The correspondence of core's structures and txcoord.proto, field by field, with the bounds of each. */
#include "wire/txc_shape.h"

#include "core/txc_work.h"
#include "wire/txc_frame.h"
#include "wire/txcoord.pb-c.h"

/* Offsets; a member whose size is not the expected one does not compile. */
#define OFFSET(type, member, size)                                                                           \
    (uint16_t) (offsetof (type, member) +                                                                    \
                0 * sizeof (char[sizeof (((type *) NULL)->member) == (size) ? 1 : -1]))
#define BYTES sizeof (ProtobufCBinaryData)

/* clang-format off */
/* A field that both sides call the same.  WIRE and CORE name the two structures, see below. */
#define U32(name)       {.kind = TXC_FIELD_U32, .wire = OFFSET (WIRE, name, 4), .core = OFFSET (CORE, name, 4)}
#define I32(name)       {.kind = TXC_FIELD_I32, .wire = OFFSET (WIRE, name, 4), .core = OFFSET (CORE, name, 4)}
#define U64(name)       {.kind = TXC_FIELD_U64, .wire = OFFSET (WIRE, name, 8), .core = OFFSET (CORE, name, 8)}
#define ID(name)        {.kind = TXC_FIELD_U64, .wire = OFFSET (WIRE, name, 8), .core = OFFSET (CORE, name, 8),   \
                         .required = true}
#define BOOL(name)      {.kind = TXC_FIELD_BOOL, .wire = OFFSET (WIRE, name, sizeof (protobuf_c_boolean)),        \
                         .core = OFFSET (CORE, name, 1)}
#define ENUM(name, from, to)                                                                                      \
                        {.kind = TXC_FIELD_ENUM, .wire = OFFSET (WIRE, name, sizeof (int)),                       \
                         .core = OFFSET (CORE, name, 1), .min = (from), .max = (to)}
#define CHARS(name, most, letters, needed)                                                                        \
                        {.kind = TXC_FIELD_TEXT, .wire = OFFSET (WIRE, name, BYTES),                              \
                         .core = OFFSET (CORE, name, (most) + 1), .max = (most), .alphabet = TXC_ALPHABET_##letters, \
                         .required = (needed)}
#define NAME(name)      CHARS (name, TXC_RM_NAME_MAX, NAME, true)
#define NO_NAME(name)   CHARS (name, TXC_RM_NAME_MAX, NAME, false) /* may be empty */
#define SUB(name, member, type, needed)                                                                           \
                        {.kind = TXC_FIELD_SUB, .wire = OFFSET (WIRE, name, sizeof (void *)),                     \
                         .core = OFFSET (CORE, member, sizeof (type)), .shape = &s_##type, .required = (needed)}
#define EPOCH           SUB (epoch, epoch, txc_epoch_t, false)
#define GTRID           SUB (gtrid, gtrid, txc_gtrid_t, true)
#define ERROR           {.kind = TXC_FIELD_LOAN, .wire = OFFSET (WIRE, error, sizeof (void *)),                   \
                         .core = OFFSET (CORE, error, sizeof (void *)), .shape = &s_txc_error_t}
#define LIST(name, most, type, loan, size)                                                                        \
                        {.kind = TXC_FIELD_LIST, .wire = OFFSET (WIRE, n_##name, sizeof (size_t)),                \
                         .core = OFFSET (CORE, name, size), .count = OFFSET (CORE, n_##name, 4), .max = (most),   \
                         .shape = &s_##type, .borrowed = (loan)}
#define BRANCHES        LIST (branches, TXC_BRANCHES_MAX, txc_branch_ref_t, true, sizeof (void *))
#define ENTRIES         LIST (entries, TXC_AGENTS_MAX * TXC_RMS_MAX, txc_rm_entry_t, true, sizeof (void *))
#define REPLICA         {.kind = TXC_FIELD_U32, .wire = OFFSET (WIRE, replica, 4),                                \
                         .core = OFFSET (CORE, replica, 4), .required = true}
#define MEMBERS         LIST (members, TXC_REPLICAS_MAX, txc_member_t, true, sizeof (void *))
#define BODY(most)      {.kind = TXC_FIELD_BODY, .wire = OFFSET (WIRE, body, BYTES),                              \
                         .core = OFFSET (CORE, body, sizeof (void *)), .max = (most)}
#define EVIDENCE        CHARS (evidence, TXC_EVIDENCE_MAX, PRINTABLE, false)
#define VOTE(name)      ENUM (name, 0, TXC_VOTE_NO_NOT_FINAL)
#define HEUR            ENUM (heur, 0, TXC_HEUR_HAZARD)
#define TEXT(name, most) CHARS (name, most, TEXT, false)
#define BRANCH          GTRID, NAME (rm), U64 (token) /* what names a branch */
/* clang-format on */

/* Defines a shape: its name, the names of the structure on the wire, then its fields. */
#define SHAPE(name, message, ...)                                                                            \
    static const txc_field_t name##_fields[] = {__VA_ARGS__};                                                \
    static const txc_shape_t name = {                                                                        \
        .descriptor = &txcoord__##message##__descriptor,                                                     \
        .fields = name##_fields,                                                                             \
        .n_fields = sizeof name##_fields / sizeof *name##_fields,                                            \
        .core_size = sizeof (CORE),                                                                          \
    };

/* --- values ---------------------------------------------------------------- */

#define WIRE Txcoord__Gtrid
#define CORE txc_gtrid_t
SHAPE (s_txc_gtrid_t, gtrid, ID (cluster), ID (session), ID (n), ENUM (mode, TXC_MODE_2PC, TXC_MODE_PAXOS))
#undef WIRE
#undef CORE

#define WIRE Txcoord__Epoch
#define CORE txc_epoch_t
SHAPE (s_txc_epoch_t, epoch, U64 (round), U32 (replica))
#undef WIRE
#undef CORE

#define WIRE Txcoord__Guard
#define CORE txc_guard_t
SHAPE (s_txc_guard_t, guard, U64 (slot), U64 (digest))
#undef WIRE
#undef CORE

#define WIRE Txcoord__Error
#define CORE txc_error_t
SHAPE (s_txc_error_t, error, I32 (code), I32 (native), CHARS (sqlstate, TXC_SQLSTATE_MAX, SQLSTATE, false),
       NO_NAME (rm), TEXT (text, TXC_TEXT_MAX))
#undef WIRE
#undef CORE

#define WIRE Txcoord__BranchRef
#define CORE txc_branch_ref_t
SHAPE (s_txc_branch_ref_t, branch_ref, NAME (rm), U64 (token), U32 (count), VOTE (vote), EVIDENCE,
       SUB (vote_epoch, vote_epoch, txc_epoch_t, false), CHARS (endpoint, TXC_ENDPOINT_MAX, ENDPOINT, false))
#undef WIRE
#undef CORE

#define WIRE Txcoord__RmEntry
#define CORE txc_rm_entry_t
SHAPE (s_txc_rm_entry_t, rm_entry, NAME (rm), NO_NAME (agent),
       CHARS (endpoint, TXC_ENDPOINT_MAX, ENDPOINT, false), U64 (incarnation), BOOL (up),
       BOOL (last_resource))
#undef WIRE
#undef CORE

#define WIRE Txcoord__Member
#define CORE txc_member_t
SHAPE (s_txc_member_t, member,
       {.kind = TXC_FIELD_U32, .wire = OFFSET (WIRE, id, 4), .core = OFFSET (CORE, id, 4), .required = true},
       U64 (disk), CHARS (endpoint, TXC_ENDPOINT_MAX, ENDPOINT, false))
#undef WIRE
#undef CORE

/* --- messages -------------------------------------------------------------- */

#define CORE txc_msg_t

#define WIRE Txcoord__SessionOpen
SHAPE (s_session_open, session_open, U64 (nonce))
#undef WIRE
#define WIRE Txcoord__SessionOpened
SHAPE (s_session_opened, session_opened, U64 (nonce), U64 (session), U64 (cluster), U32 (lease_ms),
       I32 (code), EPOCH, MEMBERS)
#undef WIRE
#define WIRE Txcoord__SessionKeepalive
SHAPE (s_session_keepalive, session_keepalive, U64 (session), U64 (cluster), U64 (low))
#undef WIRE
#define WIRE Txcoord__SessionAlive
SHAPE (s_session_alive, session_alive, U64 (session), U64 (cluster), U64 (low), U32 (lease_ms), I32 (code),
       MEMBERS)
#undef WIRE
#define WIRE Txcoord__SessionClose
SHAPE (s_session_close, session_close, U64 (session), U64 (cluster))
#undef WIRE
#define WIRE Txcoord__DirectoryReply
SHAPE (s_directory_reply, directory_reply, ENTRIES)
#undef WIRE
static const txc_shape_t s_directory = {.descriptor = &txcoord__directory__descriptor};

#define WIRE Txcoord__Commit
SHAPE (s_commit, commit, GTRID, BRANCHES, U64 (low), U32 (timeout_ms), U32 (flags))
#undef WIRE
#define WIRE Txcoord__Rollback
SHAPE (s_rollback, rollback, GTRID, BRANCHES, U32 (timeout_ms))
#undef WIRE
#define WIRE Txcoord__OutcomeQuery
SHAPE (s_outcome_query, outcome_query, GTRID, BRANCHES, U32 (flags), U64 (stamp))
#undef WIRE
#define WIRE Txcoord__Outcome
SHAPE (s_outcome, outcome, GTRID, I32 (code), ERROR, U64 (low), U64 (stamp))
#undef WIRE

#define WIRE Txcoord__Exec
SHAPE (s_exec, exec, BRANCH, U64 (origin), U32 (seq), U32 (acked), U32 (timeout_ms),
       ENUM (isolation, 0, TXCOORD__ISOLATION__ISOLATION_SERIALIZABLE), U32 (flags), U64 (incarnation),
       U64 (low), BODY (TXC_STATEMENT_MAX), EVIDENCE, CHARS (identity, TXC_EVIDENCE_MAX, PRINTABLE, false))
#undef WIRE
#define WIRE Txcoord__OwnerWork
SHAPE (s_owner_work, owner_work, BRANCH, U32 (flags), ENUM (work, TXC_WORK_PREPARE, TXC_WORK_ROLLBACK))
#undef WIRE
#define WIRE Txcoord__OwnerWord
SHAPE (s_owner_word, owner_word, BRANCH, ENUM (work, TXC_WORK_PREPARE, TXC_WORK_ROLLBACK),
       ENUM (status, 0, TXC_WORK_HEURISTIC), ERROR, EVIDENCE)
#undef WIRE
#define WIRE Txcoord__ExecReply
SHAPE (s_exec_reply, exec_reply, BRANCH, U64 (origin), U32 (seq), U32 (count), U64 (incarnation), I32 (code),
       ERROR, EVIDENCE, VOTE (vote), EPOCH, U32 (flags), BODY (TXC_BODY_MAX))
#undef WIRE
#define WIRE Txcoord__BranchRollback
SHAPE (s_branch_rollback, branch_rollback, BRANCH)
#undef WIRE
#define WIRE Txcoord__BranchCommit
SHAPE (s_branch_commit, branch_commit, BRANCH, U32 (count), EVIDENCE)
#undef WIRE
#define WIRE Txcoord__BranchEnded
SHAPE (s_branch_ended, branch_ended, BRANCH, I32 (code), ERROR)
#undef WIRE

#define WIRE Txcoord__AgentHello
SHAPE (s_agent_hello, agent_hello, NAME (agent), U64 (incarnation), ENTRIES, EPOCH,
       SUB (first_guard, guards[0], txc_guard_t, false), U64 (high_slot), I32 (code))
#undef WIRE
#define WIRE Txcoord__AgentWelcome
SHAPE (s_agent_welcome, agent_welcome, EPOCH, I32 (code), U64 (cluster),
       SUB (first_guard, guards[0], txc_guard_t, false), SUB (second_guard, guards[1], txc_guard_t, false),
       U64 (high_slot), MEMBERS)
#undef WIRE
#define WIRE Txcoord__Prepare
SHAPE (s_prepare, prepare, EPOCH, BRANCH, U32 (count), U32 (timeout_ms), U32 (flags), BRANCHES)
#undef WIRE
#define WIRE Txcoord__VoteCast
SHAPE (s_vote, vote_cast, EPOCH, BRANCH, VOTE (vote), ERROR, EVIDENCE, BRANCHES,
       SUB (prior, prior, txc_epoch_t, false))
#undef WIRE
#define WIRE Txcoord__Phase2
SHAPE (s_phase2_commit, phase2, EPOCH, BRANCH, EVIDENCE, U32 (flags), U64 (high_slot))
#define s_phase2_rollback s_phase2_commit
#undef WIRE
#define WIRE Txcoord__Phase2Done
SHAPE (s_phase2_done, phase2_done, EPOCH, BRANCH, I32 (code), HEUR, ERROR)
#undef WIRE
#define WIRE Txcoord__Inquiry
SHAPE (s_inquiry, inquiry, EPOCH, BRANCH, U64 (age_ms), U32 (timeout_ms), U32 (flags), HEUR)
#undef WIRE
#define WIRE Txcoord__InquiryPending
SHAPE (s_inquiry_pending, inquiry_pending, EPOCH, BRANCH, I32 (code), U32 (flags))
#undef WIRE
#define WIRE Txcoord__Ended
SHAPE (s_ended, ended, EPOCH, BRANCH, I32 (code), HEUR)
#undef WIRE

/* One structure for all of a three-phase commit's members. */
#define WIRE Txcoord__Termination
SHAPE (s_termination, termination, EPOCH, GTRID, NO_NAME (rm), U64 (token), VOTE (vote), U32 (flags),
       BRANCHES, U64 (high_slot), U64 (slot), U64 (stamp))
#undef WIRE

#define WIRE Txcoord__Admin
SHAPE (s_admin, admin, BODY (TXC_STATEMENT_MAX))
#undef WIRE
#define WIRE Txcoord__AdminReply
SHAPE (s_admin_reply, admin_reply, I32 (code), ERROR, BODY (TXC_BODY_MAX))
#undef WIRE

#define WIRE Txcoord__NotLeader
SHAPE (s_not_leader, not_leader, U32 (replica), MEMBERS)
#undef WIRE
#define WIRE Txcoord__Paxos
SHAPE (s_paxos, paxos, REPLICA, EPOCH, I32 (code), U64 (cluster), U64 (settings), U64 (disk), U64 (low),
       U32 (flags), BODY (TXC_BODY_MAX), U64 (age_ms), U64 (high_slot), U64 (slot), U64 (chosen_slot),
       U64 (stamp), SUB (prior, prior, txc_epoch_t, false))
#undef WIRE
#define WIRE Txcoord__PaxosVoted
SHAPE (s_paxos_voted, paxos_voted, EPOCH, BRANCH, VOTE (vote), EVIDENCE, REPLICA, U64 (cluster),
       U64 (settings), U64 (disk), U64 (chosen_slot))
#undef WIRE
#define WIRE Txcoord__Join
SHAPE (s_paxos_join, join, REPLICA, U64 (cluster), U64 (settings), U64 (disk), U64 (slot), MEMBERS)
#undef WIRE
#undef CORE

static const txc_shape_t *const s_messages[] = {
    [TXC_MSG_SESSION_OPEN] = &s_session_open,
    [TXC_MSG_SESSION_OPENED] = &s_session_opened,
    [TXC_MSG_SESSION_KEEPALIVE] = &s_session_keepalive,
    [TXC_MSG_SESSION_ALIVE] = &s_session_alive,
    [TXC_MSG_SESSION_CLOSE] = &s_session_close,
    [TXC_MSG_DIRECTORY] = &s_directory,
    [TXC_MSG_DIRECTORY_REPLY] = &s_directory_reply,
    [TXC_MSG_COMMIT] = &s_commit,
    [TXC_MSG_ROLLBACK] = &s_rollback,
    [TXC_MSG_OUTCOME_QUERY] = &s_outcome_query,
    [TXC_MSG_OUTCOME] = &s_outcome,
    [TXC_MSG_EXEC] = &s_exec,
    [TXC_MSG_EXEC_REPLY] = &s_exec_reply,
    [TXC_MSG_BRANCH_ROLLBACK] = &s_branch_rollback,
    [TXC_MSG_BRANCH_COMMIT] = &s_branch_commit,
    [TXC_MSG_BRANCH_ENDED] = &s_branch_ended,
    [TXC_MSG_AGENT_HELLO] = &s_agent_hello,
    [TXC_MSG_AGENT_WELCOME] = &s_agent_welcome,
    [TXC_MSG_PREPARE] = &s_prepare,
    [TXC_MSG_VOTE] = &s_vote,
    [TXC_MSG_PHASE2_COMMIT] = &s_phase2_commit,
    [TXC_MSG_PHASE2_ROLLBACK] = &s_phase2_rollback,
    [TXC_MSG_PHASE2_DONE] = &s_phase2_done,
    [TXC_MSG_INQUIRY] = &s_inquiry,
    [TXC_MSG_INQUIRY_PENDING] = &s_inquiry_pending,
    [TXC_MSG_ENDED] = &s_ended,
    [TXC_MSG_ADMIN] = &s_admin,
    [TXC_MSG_ADMIN_REPLY] = &s_admin_reply,
    [TXC_MSG_NOT_LEADER] = &s_not_leader,
    [TXC_MSG_PAXOS_PREVOTE] = &s_paxos,
    [TXC_MSG_PAXOS_PREVOTED] = &s_paxos,
    [TXC_MSG_PAXOS_PREPARE] = &s_paxos,
    [TXC_MSG_PAXOS_PROMISE] = &s_paxos,
    [TXC_MSG_PAXOS_ACCEPT] = &s_paxos,
    [TXC_MSG_PAXOS_ACCEPTED] = &s_paxos,
    [TXC_MSG_PAXOS_REJECT] = &s_paxos,
    [TXC_MSG_PAXOS_HEARTBEAT] = &s_paxos,
    [TXC_MSG_PAXOS_GRANT] = &s_paxos,
    [TXC_MSG_PAXOS_FETCH] = &s_paxos,
    [TXC_MSG_PAXOS_CHOSEN] = &s_paxos,
    [TXC_MSG_PAXOS_SNAPSHOT_FETCH] = &s_paxos,
    [TXC_MSG_PAXOS_SNAPSHOT] = &s_paxos,
    [TXC_MSG_PAXOS_TRANSFER] = &s_paxos,
    [TXC_MSG_PAXOS_JOIN] = &s_paxos_join,
    [TXC_MSG_PAXOS_VOTED] = &s_paxos_voted,
    [TXC_MSG_OWNER_WORK] = &s_owner_work,
    [TXC_MSG_OWNER_WORD] = &s_owner_word,
    [TXC_MSG_TERMINATE] = &s_termination,
    [TXC_MSG_MEMBER_STATE] = &s_termination,
    [TXC_MSG_PRE_DECIDE] = &s_termination,
    [TXC_MSG_PRE_DECIDED] = &s_termination,
    [TXC_MSG_DECIDED] = &s_termination,
};
_Static_assert(sizeof s_messages / sizeof *s_messages == TXC_MSG_TYPES,
               "every message of the map has its shape");

const txc_shape_t *txc_shape_of_message (unsigned type)
{
    return type < TXC_MSG_TYPES ? s_messages[type] : NULL;
}

/* --- files ------------------------------------------------------------------- */

#define WIRE Txcoord__Record
#define CORE txc_rec_t
SHAPE (s_record, record, ENUM (type, 1, TXC_REC_TYPES - 1), HEUR, VOTE (vote), U32 (count), U64 (time_ms),
       U64 (clock), EPOCH, U64 (cluster), U64 (nonce), U64 (session), U64 (low), U64 (token), U64 (number),
       SUB (gtrid, gtrid, txc_gtrid_t, false), SUB (guard, guard, txc_guard_t, false), NO_NAME (rm),
       NO_NAME (agent), TEXT (text, TXC_TEXT_MAX),
       LIST (branches, TXC_BRANCHES_MAX, txc_branch_ref_t, false,
             sizeof (txc_branch_ref_t[TXC_BRANCHES_MAX])),
       LIST (members, TXC_REPLICAS_MAX, txc_member_t, false, sizeof (txc_member_t[TXC_REPLICAS_MAX])))
#undef WIRE
#undef CORE

#define WIRE Txcoord__JournalEntry
#define CORE txc_jrec_t
SHAPE (s_journal, journal_entry, ENUM (kind, 1, TXC_JOURNAL_KINDS - 1), HEUR, I32 (code), U64 (cluster),
       U64 (token), EPOCH, SUB (gtrid, gtrid, txc_gtrid_t, false), SUB (guard, guard, txc_guard_t, false),
       NO_NAME (rm), TEXT (text, TXC_EVIDENCE_MAX), VOTE (vote), U32 (flags), U64 (number), U64 (attempt),
       LIST (branches, TXC_BRANCHES_MAX, txc_branch_ref_t, false,
             sizeof (txc_branch_ref_t[TXC_BRANCHES_MAX])))
#undef WIRE
#undef CORE

const txc_shape_t *const txc_shape_record = &s_record;
const txc_shape_t *const txc_shape_journal = &s_journal;
