/*
 * sim_truth.h - what really happened to every transaction and branch.
 *
 * The harness's own book: what resource managers did, what was told to whom,
 * what the durable log says.  The invariants (sim_check.h) are about this
 * book; nothing in it comes from inside a state machine.
 */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include "sim.h"

enum { SIM_STATEMENTS_MAX = 16, SIM_ACCOUNTS = 4, SIM_BALLOTS_MAX = 16, SIM_ATTEMPTS_MAX = 64 };

/* What a statement of the workload does; its encoded form is these bytes. */
typedef struct sim_statement {
    uint64_t id; /* unique in the world; the reply echoes it */
    uint8_t account;
    bool writes;
    int32_t amount;
} sim_statement_t;

typedef enum sim_branch_state {
    SIM_BRANCH_ACTIVE,
    SIM_BRANCH_PREPARED,
    SIM_BRANCH_COMMITTED,
    SIM_BRANCH_ROLLED_BACK
} sim_branch_state_t;

/* A branch as its resource manager holds it. */
struct sim_branch {
    txc_list_t node;    /* of its transaction */
    txc_list_t rm_node; /* of its RM, while active or prepared; else alone */
    sim_tx_t *tx;
    sim_rm_t *rm;
    uint64_t token, number; /* number: the RM's own transaction id */
    sim_branch_state_t state;
    bool foreign;        /* planted: nobody may touch it */
    bool other_rm;       /* listed by the same server under the name of another RM, or another formatID */
    bool failed;         /* a statement of it failed */
    bool reappeared;     /* came back prepared after the RM had rolled it back (or was promoted) */
    bool identity_lost;  /* shown by another copy of the data than the one that prepared it */
    uint64_t tried_life; /* its agent's, in which it was last asked to commit the branch */
    uint64_t fenced_life, fenced_at; /* whose connections to it were seen gone, and when */
    uint64_t listed_life;            /* and in which that found it prepared when it was started */
    bool operated;                   /* an operator decided it */
    bool by_hand;                    /* the agent remembers durably that he committed it */
    bool marked;                     /* at a last resource: it has committed, or (while active) never will */
    bool one_phase;                  /* it was committed in one phase */
    bool ended_by_op;                /* by a request, not by a crash or a lost session */
    bool owned;                      /* enlisted: on an application's own connection */
    bool server_attached;            /* its session lives in the server and holds it */
    bool client_attached;            /* ... and the agent still has the other end */
    uint64_t session_agent, session_life; /* whose session: agent's process number, life */
    uint64_t session;                     /* its number, counts up in the RM */
    bool op_pending;                      /* a request of its session that was reported lost may still run */
    uint64_t prepared_at, ended_at;
    sim_statement_t statements[SIM_STATEMENTS_MAX];
    uint32_t n_statements;
    bool wrote;
    /* what left its agent and the coordinator about it */
    bool voted_yes, voted_read_only, voted_no;
    uint64_t granted;                /* 3pc: the highest number that its journal grants */
    bool member_durable;             /* 3pc: its yes-vote is in the journal */
    bool told_commit, told_rollback; /* PHASE2_* left the coordinator */
    bool ap_rollback, ap_commit;     /* BRANCH_ROLLBACK, BRANCH_COMMIT left a client */
};

typedef enum sim_outcome { SIM_OUTCOME_NONE, SIM_OUTCOME_COMMIT, SIM_OUTCOME_ABORT } sim_outcome_t;

/* What a client knows about a statement that it issued. */
typedef struct sim_issued {
    sim_statement_t statement;
    char rm[TXC_RM_NAME_MAX + 1];
    bool done;             /* its operation completed */
    bool ok;               /* ... with success */
    uint64_t incarnation;  /* of the agent that it was addressed to */
    uint64_t branch_token; /* where it ran; 0: nowhere yet */
} sim_issued_t;

/* A participant's vote of Paxos Commit, as the disks of acceptors hold it (sim_votes.h). */
typedef struct sim_vote {
    char rm[TXC_RM_NAME_MAX + 1];
    uint64_t token;
    uint8_t vote; /* txc_vote_t; NONE: nobody holds it yet */
    uint32_t n_held;
    struct {
        txc_epoch_t ballot;
        uint32_t replicas; /* ever, a bit each: whoever loses its disk never promises anybody again */
    } held[SIM_BALLOTS_MAX];
} sim_vote_t;

struct sim_tx {
    txc_hash_node_t hash_node;
    txc_list_t list_node;
    txc_gtrid_t gtrid;
    txc_list_t branches;
    sim_issued_t issued[SIM_STATEMENTS_MAX];
    uint32_t n_issued;
    bool planted;          /* not made by a client: foreign or forged */
    bool operated;         /* an operator decided it, or a part of it */
    bool hazard;           /* a heuristic was reported: the RM lost what would prove its end */
    bool commit_sent;      /* a COMMIT message left a client */
    uint64_t commit_clock; /* the first one's stamp */
    bool one_phase_sent;   /* a BRANCH_COMMIT left a client */
    bool ap_rollback;      /* the AP rolled back */
    bool final_no;         /* an agent's final no is out */
    bool given_up;         /* an operator ended branches at the end: no majority of its members was left */
    bool told_committed;   /* to any client */
    bool told_rolled_back; /* to anyone */
    uint64_t told_at;      /* us; when a replica first told its outcome on record; 0: not yet */
    /* of a three-phase commit, by what is durable: its members and their attempts */
    uint32_t n_members; /* with the group; 0: not known yet */
    uint32_t n_attempts;
    uint64_t group_elected;
    struct {
        uint64_t number, members; /* bit i: member i has taken it; 0: the group */
        uint8_t kind;
    } attempts[SIM_ATTEMPTS_MAX];
    /* the log's verdict, by the harness's own reading of what is durable (sim_reflog.h) */
    sim_outcome_t logged;
    bool logged_end, logged_heuristic;
    uint32_t n_intended; /* branches of the Intent record, its last resource's among them */
    uint64_t intended[TXC_BRANCHES_MAX];
    uint32_t n_listed; /* branches of the Commit record */
    uint64_t listed[TXC_BRANCHES_MAX];
    /* Paxos Commit: */
    uint32_t n_votes; /* participants */
    sim_vote_t votes[SIM_RMS_MAX];
    bool chosen;  /* a majority came to hold every vote under one ballot before any record decided */
    bool decided; /* and somebody was told that it is committed */
};

/* The book's page of a gtrid; made if it is new. */
sim_tx_t *sim_tx_get (sim_t *sim, const txc_gtrid_t *gtrid);
sim_tx_t *sim_tx_find (const sim_t *sim, const txc_gtrid_t *gtrid);

/* A branch with this token at this RM; NULL: it never existed. */
sim_branch_t *sim_branch_find (const sim_t *sim, const txc_gtrid_t *gtrid, const char *rm, uint64_t token);

/* True for every gtrid that took the way of two or more branches. */
bool sim_tx_is_global (const sim_tx_t *tx);

/* How many branches have written, and how many of these are committed, rolled back. */
void sim_tx_count (const sim_tx_t *tx, uint32_t *wrote, uint32_t *committed, uint32_t *rolled_back);

void sim_truth_init (sim_t *sim);
void sim_truth_fini (sim_t *sim);

#endif
