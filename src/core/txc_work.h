/*
 * txc_work.h - what an agent's core asks of a resource manager.
 *
 * The shell runs an item on a worker thread through the RM's plugin and hands
 * the result back as TXC_EVENT_WORK_DONE.  Items of one branch are given out
 * one at a time, except CANCEL.
 *
 * A branch is pinned to the connection of its first item until the shell is
 * told UNPIN, or the connection is lost.  An item of a branch without a
 * connection (prepared, recovered, or lost) runs on any connection of that RM.
 */
#ifndef TXC_WORK_H
#define TXC_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/txc_blob.h"
#include "core/txc_message.h"

/* clang-format off */
#define TXC_WORK_MAP(X)                                                                                             \
    /* branch body isolation flags  start the branch on the first one; run a statement; with TXC_FLAG_LAST prepare  \
     *                              behind it.  -> status, reply, evidence; with LAST also prepare_status */        \
    X (EXEC, 1)                                                                                                     \
    /* branch                       end + prepare -> OK, READ_ONLY, ROLLED_BACK, LOST                     */        \
    X (PREPARE, 2)                                                                                                  \
    /* branch                       commit a prepared branch, or end a read-only one                      */        \
    X (COMMIT, 3)                                                                                                   \
    /* branch                       commit an active branch in one phase                                  */        \
    X (COMMIT_ONE_PHASE, 4)                                                                                         \
    /* branch                       roll back, prepared or not                                            */        \
    X (ROLLBACK, 5)                                                                                                 \
    /* branch                       give its connection back; no result                                   */        \
    X (UNPIN, 6)                                                                                                    \
    /* branch                       cancel what its connection is doing; runs at once, no result          */        \
    X (CANCEL, 7)                                                                                                   \
    /* branch refuse                end the branch's lost session, see it gone, then look it up: OK: listed as      \
     *                              prepared; ABSENT: not; LOST, RETRY: could not tell.  With refuse, at a last     \
     *                              resource, ABSENT means that it never will be                          */        \
    X (FENCE_AND_LOOK, 8)                                                                                           \
    /* branch evidence              did it commit? OK: yes; ROLLED_BACK: no; UNKNOWN: cannot be told; LOST */       \
    X (EVIDENCE, 9)                                                                                                 \
    /* rm                           fence every session of an earlier incarnation, then scan -> found[]   */        \
    X (RECOVER, 10)                                                                                                 \
    /* rm                           scan -> found[]                                                       */        \
    X (SCAN, 11)                                                                                                    \
    /* rm gtrid token               its heuristic end is on record everywhere: the RM may forget it; what  \
     *                              comes of it is not looked at: a scan lists it again otherwise         */        \
    X (FORGET, 12)
/* clang-format on */

#define TXC_WORK_ENUM(name, value) TXC_WORK_##name = (value),
typedef enum txc_work_op { TXC_WORK_NONE, TXC_WORK_MAP (TXC_WORK_ENUM) TXC_WORK_OPS } txc_work_op_t;
#undef TXC_WORK_ENUM

const char *txc_work_name (txc_work_op_t op);

typedef enum txc_work_status {
    TXC_WORK_OK,
    TXC_WORK_READ_ONLY,   /* PREPARE: it wrote nothing; the branch is still open */
    TXC_WORK_ERROR,       /* EXEC: the statement failed, the branch can still be rolled back; of an owner's
                           * COMMIT, ROLLBACK: refused, and given up */
    TXC_WORK_ROLLED_BACK, /* the RM itself rolled the branch back, for sure */
    TXC_WORK_LOST,        /* the connection was lost, or there is none: nothing is known */
    TXC_WORK_ABSENT,      /* the RM does not list the branch */
    TXC_WORK_RETRY,       /* listed, but it cannot be ended now (held, busy, read-only server): try again */
    TXC_WORK_UNKNOWN,     /* EVIDENCE: it cannot be told */
    TXC_WORK_HEURISTIC    /* the RM reports a heuristic outcome, in heur */
} txc_work_status_t;

/* What an RM lists as prepared; only branches with our formatID and the right spelling. */
typedef struct txc_found {
    txc_gtrid_t gtrid;
    uint64_t token;
    uint64_t age_ms; /* 0: not known */
    char evidence[TXC_EVIDENCE_MAX + 1];
} txc_found_t;

typedef struct txc_work {
    uint8_t op; /* txc_work_op_t */
    uint8_t rm; /* index in the agent's configuration */
    uint8_t isolation;
    bool first;     /* EXEC: starts the branch */
    bool refuse;    /* FENCE_AND_LOOK: it may not commit later either */
    bool read_only; /* COMMIT, ROLLBACK: the branch was not prepared */
    bool owner;     /* the branch still has its connection */
    uint32_t flags;
    uint32_t timeout_ms; /* EXEC: cancel it after this; 0: none */
    uint64_t branch; /* the agent core's number for it, unique in this incarnation; 0: an item of the RM */
    uint64_t scan;   /* RECOVER, SCAN: handed back */
    txc_gtrid_t gtrid;
    uint64_t token;
    char evidence[TXC_EVIDENCE_MAX + 1];
    txc_blob_t *body; /* EXEC: the encoded statement; one reference, given to the shell */
} txc_work_t;

typedef struct txc_work_done {
    uint8_t op, rm;
    uint8_t status;         /* txc_work_status_t */
    uint8_t prepare_status; /* EXEC with LAST */
    uint8_t heur;
    bool connection_lost; /* the branch has no connection any more, whatever the status */
    uint64_t branch, scan;
    char evidence[TXC_EVIDENCE_MAX + 1];
    txc_error_t error;
    txc_blob_t *body;         /* EXEC: the encoded result; one reference, given to core */
    const txc_found_t *found; /* RECOVER, SCAN: borrowed */
    uint32_t n_found;
    char identity[TXC_EVIDENCE_MAX + 1]; /* RECOVER, SCAN: of this copy of the data */
} txc_work_done_t;

#endif
