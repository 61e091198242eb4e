#include "core/txc_gtx.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_mutant.h"
#include "core/txc_transitions.h"

#define GTX_MAGIC 0x7c067801u

static _Thread_local uint64_t s_reached[TXC_STATES_MAX][TXC_STATES_MAX];

#define STATE_NAME(name, text) text,

const txc_transitions_t *txc_gtx_transitions (void)
{
    static _Thread_local txc_transitions_t table = {
        .machine = "global transaction",
        .n_states = TXC_GTX_STATES,
        .names = {TXC_GTX_MAP (STATE_NAME)},
        .allowed =
            {
                [TXC_GTX_NEW] = {[TXC_GTX_PREPARING] = true,      /* a commit request */
                                 [TXC_GTX_ABORT_LOGGING] = true,  /* roll back, an old inquiry, settle */
                                 [TXC_GTX_ELECTING] = true,       /* 3pc, its session is closed */
                                 [TXC_GTX_COMMIT_LOGGING] = true, /* 3pc: its members decided */
                                 [TXC_GTX_LAST_ASKED] = true,     /* found on record at start, */
                                 [TXC_GTX_COMMITTING] = true},    /* likewise */
                [TXC_GTX_PREPARING] = {[TXC_GTX_COMMIT_LOGGING] = true,
                                       [TXC_GTX_COMMITTING] = true,     /* Paxos Commit: the votes decide */
                                       [TXC_GTX_ABORT_LOGGING] = true,  /* time-out, a no that is not final */
                                       [TXC_GTX_ABORTING] = true,       /* a final no, the session's end */
                                       [TXC_GTX_PRECOMMITTING] = true,  /* 3pc */
                                       [TXC_GTX_ELECTING] = true,       /* 3pc: time-out of a later leader */
                                       [TXC_GTX_INTENT_LOGGING] = true, /* it has a last resource */
                                       [TXC_GTX_TOLD] = true},          /* all read-only */
                [TXC_GTX_PRECOMMITTING] = {[TXC_GTX_COMMIT_LOGGING] = true,
                                           [TXC_GTX_ABORT_LOGGING] = true, /* another terminator's end */
                                           [TXC_GTX_ELECTING] = true,
                                           [TXC_GTX_GONE] = true}, /* its session is off the list */
                [TXC_GTX_ELECTING] = {[TXC_GTX_TERMINATING] = true,
                                      [TXC_GTX_ELECTING] = true, /* again, under another number */
                                      [TXC_GTX_COMMIT_LOGGING] = true,
                                      [TXC_GTX_ABORT_LOGGING] = true,
                                      [TXC_GTX_GONE] = true}, /* likewise */
                [TXC_GTX_TERMINATING] = {[TXC_GTX_COMMIT_LOGGING] = true,
                                         [TXC_GTX_ABORT_LOGGING] = true,
                                         [TXC_GTX_ELECTING] = true,
                                         [TXC_GTX_GONE] = true}, /* likewise */
                [TXC_GTX_INTENT_LOGGING] =
                    {[TXC_GTX_LAST_ASKED] = true, [TXC_GTX_ABORTING] = true}, /* void */
                [TXC_GTX_LAST_ASKED] = {[TXC_GTX_COMMIT_LOGGING] = true, [TXC_GTX_ABORT_LOGGING] = true},
                [TXC_GTX_COMMIT_LOGGING] = {[TXC_GTX_COMMITTING] = true,
                                            [TXC_GTX_ABORTING] = true, /* void */
                                            [TXC_GTX_GONE] = true},    /* 3pc: likewise; its members know */
                [TXC_GTX_ABORT_LOGGING] = {[TXC_GTX_ABORTING] = true},
                [TXC_GTX_COMMITTING] = {[TXC_GTX_ENDING] = true},
                [TXC_GTX_ABORTING] = {[TXC_GTX_TOLD] = true, [TXC_GTX_GONE] = true},
                [TXC_GTX_ENDING] = {[TXC_GTX_GONE] = true},
                [TXC_GTX_TOLD] = {[TXC_GTX_GONE] = true},
            },
    };
    table.reached = &s_reached;
    return &table;
}

const char *txc_gtx_state_name (txc_gtx_state_t state)
{
    return txc_gtx_transitions()->names[state];
}

txc_gtx_t *txc_gtx_new (const txc_gtrid_t *gtrid, uint32_t n_branches, const txc_branch_ref_t *branches,
                        uint64_t now_ms)
{
    TXC_ASSERT (n_branches <= TXC_BRANCHES_MAX);
    txc_gtx_t *self = txc_calloc (1, sizeof *self + n_branches * sizeof self->branches[0]);
    TXC_MAGIC (self, GTX_MAGIC);
    self->gtrid = *gtrid;
    self->began_ms = now_ms;
    self->deadline_ms = self->elect_ms = TXC_NEVER_MS;
    self->answer = TXC_PENDING;
    self->n_branches = n_branches;
    self->several = n_branches >= 2;
    self->last = -1;
    txc_list_init (&self->link);
    for (uint32_t i = 0; i < n_branches; i++) {
        self->branches[i].ref = branches[i];
        self->branches[i].ref.endpoint[0] = '\0'; /* no record has it */
    }
    return self;
}

void txc_gtx_destroy (txc_gtx_t **self_p)
{
    txc_gtx_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, GTX_MAGIC);
    TXC_ASSERT (self->timer.place == 0);
    TXC_UNMAGIC (self, GTX_MAGIC);
    free (self->error);
    free (self);
}

static void s_check (const txc_gtx_t *self)
{
    switch (self->state) {
    case TXC_GTX_INTENT_LOGGING:
    case TXC_GTX_LAST_ASKED:
        TXC_INVARIANT (self->answer == TXC_PENDING && self->last >= 0 &&
                       txc_gtx_is_agreed_but (self, self->last));
        break;
    case TXC_GTX_PRECOMMITTING:
        TXC_INVARIANT (txc_gtx_is_agreed (self));
        /* fall through */
    case TXC_GTX_PREPARING:
    case TXC_GTX_ELECTING:
    case TXC_GTX_TERMINATING:
    case TXC_GTX_ABORT_LOGGING:
        TXC_INVARIANT (self->answer == TXC_PENDING);
        break;
    case TXC_GTX_COMMIT_LOGGING:
        TXC_INVARIANT (
            self->answer == TXC_PENDING && txc_gtx_is_agreed (self) &&
            (!txc_gtx_is_read_only (self) || self->gtrid.mode == TXC_MODE_PAXOS || self->last >= 0));
        break;
    case TXC_GTX_COMMITTING:
        TXC_INVARIANT (self->recorded || txc_gtx_is_agreed (self));
        break;
    case TXC_GTX_ENDING:
        TXC_INVARIANT (txc_gtx_is_acknowledged (self) && self->recorded);
        break;
    case TXC_GTX_TOLD:
        TXC_INVARIANT (self->answer != TXC_PENDING);
        break;
    default:
        break;
    }
}

void txc_gtx_move (txc_gtx_t *self, txc_gtx_state_t to)
{
    TXC_CHECK (self, GTX_MAGIC);
    txc_transitions_check (txc_gtx_transitions(), self->state, to);
    self->state = (uint8_t) to;
    for (uint32_t i = 0; i < self->n_branches; i++) {
        self->branches[i].tries = 0;
        self->branches[i].due_ms = 0;
    }
    s_check (self);
}

void txc_gtx_blame (txc_gtx_t *self, const txc_error_t *error)
{
    if (self->error || !error || (error->code == TXC_OK && !error->text[0]))
        return;
    self->error = txc_malloc (sizeof *error);
    *self->error = *error;
}

int txc_gtx_find (const txc_gtx_t *self, const char *rm, uint64_t token)
{
    for (uint32_t i = 0; i < self->n_branches; i++)
        if (self->branches[i].ref.token == token && strcmp (self->branches[i].ref.rm, rm) == 0)
            return (int) i;
    return -1;
}

bool txc_gtx_is_agreed (const txc_gtx_t *self)
{
    for (uint32_t i = 0; i < self->n_branches && TXC_MUTANT (ONE_YES_IS_ENOUGH); i++)
        if (self->branches[i].vote == TXC_VOTE_YES)
            return true;
    for (uint32_t i = 0; i < self->n_branches; i++)
        if (self->branches[i].vote != TXC_VOTE_YES && self->branches[i].vote != TXC_VOTE_READ_ONLY)
            return false;
    return self->n_branches > 0;
}

bool txc_gtx_is_open (const txc_gtx_t *self)
{
    return self->state == TXC_GTX_PREPARING || self->state == TXC_GTX_PRECOMMITTING ||
           self->state == TXC_GTX_ELECTING || self->state == TXC_GTX_TERMINATING;
}

bool txc_gtx_is_agreed_but (const txc_gtx_t *self, int place)
{
    for (uint32_t i = 0; i < self->n_branches; i++)
        if ((int) i != place && self->branches[i].vote != TXC_VOTE_YES &&
            self->branches[i].vote != TXC_VOTE_READ_ONLY)
            return false;
    return true;
}

bool txc_gtx_is_read_only (const txc_gtx_t *self)
{
    for (uint32_t i = 0; i < self->n_branches; i++)
        if (self->branches[i].vote != TXC_VOTE_READ_ONLY)
            return false;
    return true;
}

bool txc_gtx_is_acknowledged (const txc_gtx_t *self)
{
    for (uint32_t i = 0; i < self->n_branches && TXC_MUTANT (END_BEFORE_ACKS); i++)
        if (self->branches[i].done)
            return true;
    for (uint32_t i = 0; i < self->n_branches; i++)
        if (!self->branches[i].done && self->branches[i].vote != TXC_VOTE_READ_ONLY)
            return false;
    return true;
}
