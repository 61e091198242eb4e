/*
 * txc_record.h - the values of the coordinator's log.
 *
 * A record's slot is its position in the log; a session's number is the slot
 * of its SessionOpen.  Records are encoded once (txc_codec_t) and kept,
 * replicated and digested as opaque bytes.
 */
#ifndef TXC_RECORD_H
#define TXC_RECORD_H

#include "base/txc_id.h"
#include "core/txc_message.h"

/* clang-format off */
#define TXC_RECORD_MAP(X)                                                                                           \
    /* cluster                      the group's first record                                              */        \
    X (FORMAT, 1)                                                                                                   \
    /* epoch                        a leadership begins; values of older epochs behind it are void        */        \
    X (BARRIER, 2)                                                                                                  \
    /* nonce                        session number = slot                                                 */        \
    X (SESSION_OPEN, 3)                                                                                             \
    /* session                                                                                            */        \
    X (SESSION_CLOSE, 4)                                                                                            \
    /* gtrid branches(yes votes only, with evidence)                                                      */        \
    X (COMMIT, 5)                                                                                                   \
    /* gtrid branches(may be none)  n_branches of the transaction as far as it is known, in count         */        \
    X (ABORT, 6)                                                                                                    \
    /* gtrid                        every branch acknowledged                                             */        \
    X (END, 7)                                                                                                      \
    /* session low                  low-water mark                                                        */        \
    X (MARK, 8)                                                                                                     \
    /* gtrid rm token heur text     a heuristic outcome of one branch; text: evidence, or who resolved it  */       \
    X (HEURISTIC, 9)                                                                                                \
    /* agent guard                  the next pair of the log-loss guard offered to this agent             */        \
    X (GUARD, 10)                                                                                                   \
    /* members                      who votes on the slots behind it                                      */        \
    X (MEMBERS, 11)                                                                                                 \
    /* -                            nothing: fills a gap that an earlier leader left                      */        \
    X (NOOP, 12)                                                                                                    \
    /* gtrid rm token branches(all participants; this one's with vote and evidence)   no value of the log: what an */ \
    /*                              acceptor of Paxos Commit keeps of a vote                                */      \
    X (VOTE, 13)                                                                                                    \
    /* gtrid number                 3pc: the group grants this number; its own terminators are elected so  */       \
    X (ELECTED, 14)                                                                                                 \
    /* gtrid number vote            3pc: the group takes PreCommit (YES) or PreAbort (NO) under this number */      \
    X (PRE_DECIDED, 15)                                                                                             \
    /* gtrid rm token branches(yes votes, and the one that rm and token name)   the last resource may have been  */ \
    /*                              asked to commit: only its own word makes this transaction roll back       */   \
    X (INTENT, 16)
/* clang-format on */

#define TXC_RECORD_ENUM(name, value) TXC_REC_##name = (value),
typedef enum txc_rec_type { TXC_REC_NONE, TXC_RECORD_MAP (TXC_RECORD_ENUM) TXC_REC_TYPES } txc_rec_type_t;
#undef TXC_RECORD_ENUM

const char *txc_rec_name (txc_rec_type_t type);

typedef struct txc_rec {
    uint8_t type; /* txc_rec_type_t */
    uint8_t heur; /* txc_heur_t */
    uint8_t vote; /* txc_vote_t */
    uint32_t count;
    uint32_t n_branches, n_members;
    txc_epoch_t epoch; /* the origin epoch: under which leadership the value was first proposed */
    uint64_t
        time_ms; /* wall clock of the proposer, for operators and the horizon: no rule of safety reads it */
    uint64_t clock; /* hybrid stamp (txc_hlc.h): higher than that of every value before it, those that are
                       void and those of type NOOP (which have none) aside */
    uint64_t cluster, nonce, session, low, token;
    uint64_t number; /* of a terminator (txc_quorum.h) */
    txc_gtrid_t gtrid;
    txc_guard_t guard;
    char rm[TXC_RM_NAME_MAX + 1];
    char agent[TXC_AGENT_NAME_MAX + 1];
    char text[TXC_TEXT_MAX + 1];
    txc_branch_ref_t branches[TXC_BRANCHES_MAX];
    txc_member_t members[TXC_REPLICAS_MAX];
} txc_rec_t;

/* How records become bytes.  Core is given one at birth (src/wire/txc_record_codec.h has it); both are pure.
 */
typedef struct txc_codec {
    /* Encodes into bytes (room for TXC_RECORD_MAX).  Returns the size; a record of core always fits. */
    size_t (*encode) (const txc_rec_t *record, uint8_t *bytes);
    /* False if the bytes are no record.  Behind the elements that they hold the lists are left as they were:
     * they are most of a record. */
    bool (*decode) (const uint8_t *bytes, size_t size, txc_rec_t *record);
} txc_codec_t;

#endif
