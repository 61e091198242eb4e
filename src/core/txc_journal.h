/*
 * txc_journal.h - the entries of an agent's journal.
 */
#ifndef TXC_JOURNAL_H
#define TXC_JOURNAL_H

#include "core/txc_message.h"

/* clang-format off */
#define TXC_JOURNAL_MAP(X)                                                                                          \
    /* cluster epoch      forced: the highest epoch obeyed                                                */        \
    X (EPOCH, 1)                                                                                                    \
    /* guard              forced: the log-loss guard that the leader has shown                            */        \
    X (GUARD, 2)                                                                                                    \
    /* code               forced: TXC_ELOGLOSS: refuses its leader until an operator acts; TXC_OK: released */      \
    X (LATCH, 3)                                                                                                    \
    /* rm text            forced: the RM's identity (system, timeline)                                    */        \
    X (IDENTITY, 4)                                                                                                 \
    /* gtrid rm token guard.slot text   written, not forced, before phase 2 of an RM that cannot prove a commit; */ \
    /*                    text names the session that holds it, if it is the application's        */        \
    X (COMMITTING, 5)                                                                                               \
    /* gtrid rm token     written: a one-phase commit succeeded                                           */        \
    X (ONE_PHASE, 6)                                                                                                \
    /* gtrid rm token heur vote   written: a heuristic outcome, until the leader has it on record; vote YES: the   \
     *                    leader said commit, and was told                                        */        \
    X (HEURISTIC, 7)                                                                                                \
    /* gtrid rm token     the entries of this branch may go                                               */        \
    X (FORGET, 8)                                                                                                   \
    /* gtrid rm token text   written: a branch is enlisted, and the application's session that text names will hold it \
     *                    when it is prepared: whoever wants to end it without that session ends that first */      \
    X (OWNER, 9)                                                                                                    \
    /* gtrid rm token epoch number attempt vote flags text(evidence) branches   3pc: the state of a member.  Forced, but for the   \
     *                    final state.  number: last_elected; attempt: last_attempt, vote: YES: PreCommit, NO: PreAbort; \
     *                    with FINAL: COMMIT, ABORT; epoch: of the prepare that it answered; branches: the members */ \
    X (MEMBER, 10)                                                                                                   \
    /* number             forced, before the first branch of 3pc: this journal's own, which their tokens begin with */ \
    X (BIRTH, 11)
/* clang-format on */

#define TXC_JOURNAL_ENUM(name, value) TXC_JOURNAL_##name = (value),
typedef enum txc_journal_kind {
    TXC_JOURNAL_NONE,
    TXC_JOURNAL_MAP (TXC_JOURNAL_ENUM) TXC_JOURNAL_KINDS
} txc_journal_kind_t;
#undef TXC_JOURNAL_ENUM

const char *txc_journal_name (txc_journal_kind_t kind);

enum {
    TXC_MEMBER_FINAL = 1,     /* vote is the outcome */
    TXC_MEMBER_READ_ONLY = 2, /* the branch wrote nothing: nothing is prepared */
    TXC_MEMBER_ABSTAINS = 4,  /* what it had said is lost with an earlier journal */
    TXC_MEMBER_REFUSED = 8    /* it never voted, and never will */
};

typedef struct txc_jrec {
    uint8_t kind; /* txc_journal_kind_t */
    uint8_t heur;
    uint8_t vote;
    uint32_t flags;
    uint32_t n_branches;
    uint64_t number, attempt;
    int32_t code;
    uint64_t cluster, token;
    txc_epoch_t epoch;
    txc_gtrid_t gtrid;
    txc_guard_t guard;
    char rm[TXC_RM_NAME_MAX + 1];
    char text[TXC_EVIDENCE_MAX + 1];
    txc_branch_ref_t branches[TXC_BRANCHES_MAX];
} txc_jrec_t;

typedef struct txc_journal_codec {
    size_t (*encode) (const txc_jrec_t *record, uint8_t *bytes);            /* room for TXC_RECORD_MAX */
    bool (*decode) (const uint8_t *bytes, size_t size, txc_jrec_t *record); /* as txc_codec_t */
} txc_journal_codec_t;

#endif
