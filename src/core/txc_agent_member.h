/*
 * txc_agent_member.h - a branch as a member of a three-phase commit.
 *
 * Its state is in the journal and outlives the branch: members tell it to each
 * other until every branch has ended.  What it says is durable first; while an
 * entry is on its way to the disk nothing else is taken, whoever asks repeats.
 */
#ifndef TXC_AGENT_MEMBER_H
#define TXC_AGENT_MEMBER_H

#include "core/txc_agent_private.h"
#include "core/txc_quorum.h"

/* What rests on the entry that is being journaled. */
typedef enum txc_member_writing {
    TXC_MEMBER_IDLE,
    TXC_MEMBER_VOTING,     /* the yes-vote */
    TXC_MEMBER_GRANTING,   /* a terminator's number */
    TXC_MEMBER_ATTEMPTING, /* PreCommit, PreAbort */
    TXC_MEMBER_REFUSING    /* that it will never vote */
} txc_member_writing_t;

struct txc_agent_member {
    txc_hash_node_t node;
    txc_list_t link; /* of those that are being journaled, in order */
    txc_heap_node_t timer;
    txc_gtrid_t gtrid;
    uint64_t token;
    uint8_t rm;
    bool voted;     /* it is in the journal: its yes-vote, or that there will be none */
    bool abstains;  /* what it had said is lost with an earlier journal */
    bool read_only; /* nothing is prepared */
    bool refused;   /* it never voted, and never will */
    uint8_t kind;   /* of last_attempt: TXC_VOTE_YES, TXC_VOTE_NO; NONE: there was none */
    uint8_t final;  /* TXC_VOTE_YES: COMMIT, TXC_VOTE_NO: ABORT */
    char evidence[TXC_EVIDENCE_MAX + 1]; /* what proves the branch's end */
    txc_epoch_t epoch;                   /* of the prepare that it answered */
    uint64_t elected, attempt;           /* last_elected, last_attempt */
    /* being journaled */
    uint8_t writing; /* txc_member_writing_t */
    uint8_t next_kind;
    uint64_t next_elected, next_attempt, slot;
    uint64_t route; /* who waits for it; TXC_ROUTE_LEADER: the leader */
    bool own;       /* its own terminator waits for it */
    /* as a terminator */
    txc_quorum_t quorum;
    uint64_t highest;      /* number that it heard of */
    uint32_t tries, place; /* place: of itself, from 1 */
    uint32_t n_peers;
    txc_branch_ref_t peers[];
};

/* --- txc_agent_member.c */
txc_agent_member_t *txc_agent_member (const txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm,
                                      uint64_t token);
void txc_agent_member_free (txc_agent_t *self, txc_agent_member_t *member);
/* The prepare named the members.  NULL: it did not name this branch. */
txc_agent_member_t *txc_agent_member_add (txc_agent_t *self, const txc_msg_t *prepare, uint8_t rm);
/* A new member, the one that the message names among those that it lists.  NULL: it is not among them. */
txc_agent_member_t *txc_agent_member_named (txc_agent_t *self, const txc_msg_t *message, uint8_t rm);
/* The RM has prepared the branch (or it wrote nothing): forces the yes-vote. */
void txc_agent_member_vote (txc_agent_t *self, txc_agent_member_t *member, const txc_branch_t *branch);
/* Forces `next_`; what rests on it happens when it is durable. */
void txc_agent_member_write (txc_agent_t *self, txc_agent_member_t *member, txc_member_writing_t what,
                             uint64_t elected, uint64_t attempt, uint8_t kind);
void txc_agent_members_journaled (txc_agent_t *self, uint64_t slot);
/* The outcome: notes it, stops terminating, ends the branch. */
void txc_agent_member_decided (txc_agent_t *self, txc_agent_member_t *member, bool commit);
/* Likewise, and the log knows it: the leader says so. */
void txc_agent_member_recorded (txc_agent_t *self, txc_agent_member_t *member, bool commit);
/* Found by a scan and not known here: whether it never voted, so that it may be rolled back. */
bool txc_agent_member_found (txc_agent_t *self, txc_branch_t *branch);
void txc_agent_member_timer (txc_agent_t *self, txc_agent_member_t *member);
/* A message from one member to another; NULL member: as the branch that message names. */
txc_msg_t *txc_agent_member_message (txc_agent_t *self, const txc_agent_member_t *member, txc_msg_type_t type,
                                     uint64_t route);

/* --- txc_agent_answer.c */
void txc_agent_member_terminate (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_member_pre_decide (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_member_told (txc_agent_t *self, const txc_msg_t *message); /* DECIDED */
/* Its refusal is durable. */
void txc_agent_member_refused (txc_agent_t *self, txc_agent_member_t *member);

/* --- txc_agent_terminate.c */
/* In doubt for long enough, without a leader that would end it: becomes a terminator. */
void txc_agent_terminate (txc_agent_t *self, txc_agent_member_t *member);
/* The textbook's rule instead (termination = timeout): commits what is pre-committed, rolls everything else
 * back, and asks nobody. */
void txc_agent_terminate_by_timer (txc_agent_t *self, txc_branch_t *branch);
bool txc_agent_terminate_is_due (const txc_agent_t *self, const txc_branch_t *branch);
/* Its own grant or attempt is durable. */
void txc_agent_terminate_granted (txc_agent_t *self, txc_agent_member_t *member);
void txc_agent_terminate_attempted (txc_agent_t *self, txc_agent_member_t *member);
void txc_agent_terminate_later (txc_agent_t *self, txc_agent_member_t *member);
void txc_agent_terminate_timer (txc_agent_t *self, txc_agent_member_t *member);
void txc_agent_terminate_state (txc_agent_t *self, const txc_msg_t *message);
void txc_agent_terminate_acked (txc_agent_t *self, const txc_msg_t *message);

#endif
