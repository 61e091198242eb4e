#include "core/txc_registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_mutant.h"

/* Closed sessions that are listed one by one; older ones are known by the floor only. */
enum { CLOSED_MAX = 16384 };

void txc_registry_init (txc_registry_t *self, const txc_codec_t *codec, uint64_t horizon_ms)
{
    memset (self, 0, sizeof *self);
    self->codec = codec;
    self->horizon_ms = horizon_ms;
    txc_hash_init (&self->sessions);
    txc_hash_init (&self->nonces);
    txc_hash_init (&self->outcomes);
    txc_hash_init (&self->members);
    txc_hash_init (&self->intents);
    txc_list_init (&self->closed);
}

static void s_outcome_remove (txc_registry_t *self, txc_outcome_t *outcome)
{
    txc_hash_remove (&self->outcomes, &outcome->node);
    txc_list_remove (&outcome->link);
    free (outcome->branches);
    free (outcome);
}

static void s_session_remove (txc_registry_t *self, txc_reg_session_t *session)
{
    TXC_LIST_EACH (&session->outcomes, link)
    s_outcome_remove (self, TXC_CONTAINER (link, txc_outcome_t, link));
    TXC_LIST_EACH (&session->intents, intent)
    txc_registry_intent_remove (self, TXC_CONTAINER (intent, txc_intent_t, link));
    TXC_LIST_EACH (&session->transactions, gtx) /* they live on without it, until they are over */
    txc_list_remove (gtx);
    txc_hash_remove (&self->sessions, &session->node);
    txc_hash_remove (&self->nonces, &session->nonce_node);
    if (session->closed) {
        txc_list_remove (&session->link);
        self->n_closed--;
    } else {
        self->n_open--;
    }
    free (session);
}

void txc_registry_fini (txc_registry_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->sessions, &cursor); node;
         node = txc_hash_step (&self->sessions, &cursor)) {
        txc_reg_session_t *session = TXC_CONTAINER (node, txc_reg_session_t, node);
        txc_list_init (&session->transactions);
        s_session_remove (self, session);
    }
    txc_registry_members_fini (self);
    txc_hash_fini (&self->sessions);
    txc_hash_fini (&self->nonces);
    txc_hash_fini (&self->outcomes);
    txc_hash_fini (&self->intents);
    free (self->agents);
}

txc_reg_session_t *txc_registry_session (const txc_registry_t *self, uint64_t number)
{
    txc_hash_node_t *node = txc_hash_first (&self->sessions, txc_mix64 (number));
    return node ? TXC_CONTAINER (node, txc_reg_session_t, node) : NULL; /* mix64 is a bijection */
}

txc_reg_session_t *txc_registry_nonce (const txc_registry_t *self, uint64_t nonce)
{
    txc_hash_node_t *node = txc_hash_first (&self->nonces, txc_mix64 (nonce));
    return node ? TXC_CONTAINER (node, txc_reg_session_t, nonce_node) : NULL;
}

txc_outcome_t *txc_registry_outcome (const txc_registry_t *self, const txc_gtrid_t *gtrid)
{
    txc_hash_node_t *node = txc_hash_first (&self->outcomes, txc_gtrid_hash (gtrid));
    for (; node; node = txc_hash_next (node)) {
        txc_outcome_t *outcome = TXC_CONTAINER (node, txc_outcome_t, node);
        if (txc_gtrid_equal (&outcome->gtrid, gtrid))
            return outcome;
    }
    return NULL;
}

txc_reg_agent_t *txc_registry_agent (const txc_registry_t *self, const char *name)
{
    for (uint32_t i = 0; i < self->n_agents; i++)
        if (strcmp (self->agents[i].name, name) == 0)
            return &self->agents[i];
    return NULL;
}

txc_session_state_t txc_registry_session_state (const txc_registry_t *self, uint64_t number)
{
    const txc_reg_session_t *session = txc_registry_session (self, number);
    if (session)
        return session->closed ? TXC_SESSION_CLOSED : TXC_SESSION_OPEN;
    return number <= self->floor ? TXC_SESSION_CLOSED : TXC_SESSION_NEVER;
}

bool txc_registry_is_forgotten (const txc_registry_t *self, const txc_reg_session_t *session, uint64_t n)
{
    if (TXC_MUTANT (FORGOTTEN_IS_ROLLED_BACK) && session && session->closed)
        return false;
    return !session || n < session->low ||
           (session->closed && session->closed_ms + self->horizon_ms <= self->clock_ms);
}

uint64_t txc_registry_clamp_low (const txc_reg_session_t *session, uint64_t low)
{
    for (const txc_list_t *link = session->outcomes.next; link != &session->outcomes; link = link->next) {
        const txc_outcome_t *outcome = TXC_CONTAINER (link, const txc_outcome_t, link);
        if (outcome->commit && !outcome->ended && outcome->gtrid.n < low && !TXC_MUTANT (MARK_PASSES_UNENDED))
            low = outcome->gtrid.n;
    }
    for (const txc_list_t *link = session->intents.next; link != &session->intents; link = link->next) {
        const txc_intent_t *intent = TXC_CONTAINER (link, const txc_intent_t, link);
        if (intent->gtrid.n < low)
            low = intent->gtrid.n;
    }
    return low;
}

int txc_outcome_code (const txc_outcome_t *outcome)
{
    bool mixed = false;
    for (uint32_t i = 0; outcome->heuristics && i < TXC_BRANCHES_MAX; i++) {
        txc_heur_t agreed = outcome->commit ? TXC_HEUR_COMMITTED : TXC_HEUR_ROLLED_BACK;
        if (outcome->heur[i] == TXC_HEUR_HAZARD)
            return TXC_HAZARD;
        if (outcome->heur[i] != TXC_HEUR_NONE && outcome->heur[i] != agreed)
            mixed = true;
    }
    return mixed ? TXC_MIXED : outcome->commit ? TXC_OK : TXC_ROLLED_BACK;
}

int txc_outcome_find (const txc_outcome_t *outcome, const char *rm, uint64_t token)
{
    for (uint32_t i = 0; i < outcome->n_branches; i++)
        if (outcome->branches[i].token == token && strcmp (outcome->branches[i].rm, rm) == 0)
            return (int) i;
    return -1;
}

/* --- applying ------------------------------------------------------------- */

static txc_reg_session_t *s_apply_open (txc_registry_t *self, uint64_t slot, const txc_rec_t *record)
{
    txc_reg_session_t *session = txc_calloc (1, sizeof *session);
    session->number = slot;
    session->nonce = record->nonce;
    session->low = session->told_low = session->swept_low = 1;
    txc_list_init (&session->link);
    txc_list_init (&session->outcomes);
    txc_list_init (&session->intents);
    txc_list_init (&session->transactions);
    txc_hash_add (&self->sessions, &session->node, txc_mix64 (slot));
    txc_hash_add (&self->nonces, &session->nonce_node, txc_mix64 (record->nonce));
    self->n_open++;
    return session;
}

/* The registry's own time of a record, which never goes back: by the wall clock of a leader that is behind
 * the one before, what it closes would be old at once.  (A snapshot is restored before there is a clock.) */
static uint64_t s_time (const txc_registry_t *self, const txc_rec_t *record)
{
    return record->time_ms > self->clock_ms ? record->time_ms : self->clock_ms;
}

static void s_apply_close (txc_registry_t *self, txc_reg_session_t *session, const txc_rec_t *record)
{
    session->closed = true;
    session->closed_ms = s_time (self, record);
    txc_list_append (&self->closed, &session->link);
    self->n_open--;
    self->n_closed++;
}

static txc_outcome_t *s_apply_outcome (txc_registry_t *self, txc_reg_session_t *session,
                                       const txc_rec_t *record)
{
    txc_outcome_t *outcome = txc_calloc (1, sizeof *outcome);
    outcome->gtrid = record->gtrid;
    outcome->commit = record->type == TXC_REC_COMMIT;
    outcome->ended = !outcome->commit;
    outcome->several = outcome->commit || record->count >= 2;
    outcome->time_ms = s_time (self, record);
    outcome->n_branches = record->n_branches;
    outcome->branches = txc_calloc (record->n_branches, sizeof *outcome->branches);
    memcpy (outcome->branches, record->branches, record->n_branches * sizeof *outcome->branches);
    txc_hash_add (&self->outcomes, &outcome->node, txc_gtrid_hash (&outcome->gtrid));
    txc_list_append (&session->outcomes, &outcome->link);
    *(outcome->commit ? &self->commits : &self->aborts) += 1;
    return outcome;
}

static void s_apply_end (txc_registry_t *self, txc_outcome_t *outcome)
{
    /* The list of branches stays: a stray branch of the same gtrid, with another token, must still be told
     * apart. */
    outcome->ended = true;
    self->ends++;
}

/* An Abort lists no branches: one that ended otherwise gets the next free place.  One that a Commit does not
 * list is a stray one, and stays so. */
static void s_apply_heuristic (txc_outcome_t *outcome, const txc_rec_t *record)
{
    int place = txc_outcome_find (outcome, record->rm, record->token);
    if (place < 0 && !outcome->commit && outcome->n_branches < TXC_BRANCHES_MAX) {
        outcome->branches =
            txc_realloc (outcome->branches, (outcome->n_branches + 1) * sizeof *outcome->branches);
        txc_branch_ref_t *branch = &outcome->branches[outcome->n_branches];
        memset (branch, 0, sizeof *branch);
        txc_copy_text (branch->rm, sizeof branch->rm, record->rm);
        branch->token = record->token;
        place = (int) outcome->n_branches++;
    }
    if (place < 0)
        return;
    if (outcome->heur[place] == TXC_HEUR_NONE)
        outcome->heuristics++;
    outcome->heur[place] = record->heur;
}

static void s_apply_mark (txc_registry_t *self, txc_reg_session_t *session, const txc_rec_t *record)
{
    uint64_t low = txc_registry_clamp_low (session, record->low);
    if (low <= session->low)
        return;
    session->low = low;
    if (session->told_low < low)
        session->told_low = low; /* swept_low follows at the next sweep */
    TXC_LIST_EACH (&session->outcomes, link)
    {
        txc_outcome_t *outcome = TXC_CONTAINER (link, txc_outcome_t, link);
        if (outcome->gtrid.n < low)
            s_outcome_remove (self, outcome);
    }
}

static void s_apply_guard (txc_registry_t *self, const txc_rec_t *record)
{
    txc_reg_agent_t *agent = txc_registry_agent (self, record->agent);
    if (!agent) {
        if (self->n_agents == TXC_AGENTS_MAX)
            return;
        if (self->n_agents == self->max_agents) {
            self->max_agents = self->max_agents ? self->max_agents * 2 : 4;
            self->agents = txc_realloc (self->agents, self->max_agents * sizeof *self->agents);
        }
        agent = &self->agents[self->n_agents++];
        memset (agent, 0, sizeof *agent);
        txc_copy_text (agent->name, sizeof agent->name, record->agent);
    }
    agent->guards[1] = agent->guards[0];
    agent->guards[0] = record->guard;
}

/* Outcomes of closed sessions go after the horizon, by the clock that the values themselves carry; what has
 * not ended stays.  The list is in the order of closing, so the first one that must stay ends the round. */
static void s_purge (txc_registry_t *self)
{
    TXC_LIST_EACH (&self->closed, link)
    {
        txc_reg_session_t *session = TXC_CONTAINER (link, txc_reg_session_t, link);
        bool many = self->n_closed > CLOSED_MAX;
        if (!many && session->closed_ms + self->horizon_ms > self->clock_ms)
            break;
        if (txc_registry_clamp_low (session, UINT64_MAX) != UINT64_MAX)
            continue;
        TXC_LIST_EACH (&session->outcomes, old)
        {
            /* What was decided behind the horizon stays as long: a grant for it may be on its way in the log,
             * and must not find nothing. */
            txc_outcome_t *outcome = TXC_CONTAINER (old, txc_outcome_t, link);
            if (many || outcome->time_ms + self->horizon_ms <= self->clock_ms)
                s_outcome_remove (self, outcome);
        }
        if (!many)
            continue;
        if (session->number > self->floor)
            self->floor = session->number;
        txc_registry_members_remove (self, session->number);
        s_session_remove (self, session);
    }
}

/* Behind its session's end, or below its mark, nothing is decided any more.  A three-phase commit was: by its
 * members; and so was one whose last resource may have committed. */
static bool s_is_late (const txc_registry_t *self, const txc_reg_session_t *session, const txc_rec_t *record)
{
    if (record->gtrid.mode == TXC_MODE_3PC && !TXC_MUTANT (LEARNED_IS_VOID))
        return false;
    if (txc_registry_intent (self, &record->gtrid))
        return false;
    return (session->closed && !TXC_MUTANT (COMMIT_AFTER_CLOSE)) || record->gtrid.n < session->low;
}

bool txc_registry_take (txc_registry_t *self, uint64_t slot, const txc_rec_t *record,
                        txc_reg_session_t **session, txc_outcome_t **outcome)
{
    bool of_gtrid = !txc_gtrid_is_none (&record->gtrid);
    *session = txc_registry_session (self, of_gtrid ? record->gtrid.session : record->session);
    *outcome = of_gtrid ? txc_registry_outcome (self, &record->gtrid) : NULL;
    switch (record->type) {
    case TXC_REC_FORMAT:
        if (self->cluster)
            return false;
        self->cluster = record->cluster;
        return true;
    case TXC_REC_BARRIER:
        self->barrier = record->epoch;
        return true;
    case TXC_REC_SESSION_OPEN:
        if (txc_registry_nonce (self, record->nonce))
            return false;
        *session = s_apply_open (self, slot, record);
        return true;
    case TXC_REC_SESSION_CLOSE:
        if (!*session || (*session)->closed)
            return false;
        s_apply_close (self, *session, record);
        return true;
    case TXC_REC_COMMIT:
    case TXC_REC_ABORT:
        if (*outcome || !*session || s_is_late (self, *session, record))
            return false;
        *outcome = s_apply_outcome (self, *session, record);
        txc_registry_member_remove (self, &record->gtrid);
        txc_registry_intent_remove (self, txc_registry_intent (self, &record->gtrid));
        return true;
    case TXC_REC_ELECTED:
    case TXC_REC_PRE_DECIDED:
        return *session && !*outcome && txc_registry_member_apply (self, record);
    case TXC_REC_INTENT:
        return *session && !*outcome && txc_registry_intent_apply (self, *session, record);
    case TXC_REC_END:
        if (!*outcome || (*outcome)->ended)
            return false;
        s_apply_end (self, *outcome);
        return true;
    case TXC_REC_MARK:
        if (!*session)
            return false;
        s_apply_mark (self, *session, record);
        return true;
    case TXC_REC_HEURISTIC:
        /* What was presumed to be rolled back, or is off the record, has no outcome: then this one stands
         * alone. */
        if (*outcome)
            s_apply_heuristic (*outcome, record);
        self->heuristics++;
        return true;
    case TXC_REC_GUARD:
        s_apply_guard (self, record);
        return true;
    case TXC_REC_MEMBERS: /* the log's own (txc_paxos_members.c) */
    case TXC_REC_NOOP:
        return true;
    default:
        return false;
    }
}

bool txc_registry_apply (txc_registry_t *self, uint64_t slot, const txc_rec_t *record, const void *bytes,
                         size_t size, txc_reg_session_t **session, txc_outcome_t **outcome)
{
    txc_reg_session_t *unused_session;
    txc_outcome_t *unused_outcome;
    TXC_INVARIANT (slot == self->applied_slot + 1);
    self->applied_slot = slot;
    self->digest = txc_digest64 (self->digest, bytes, size);
    if (record->time_ms > self->clock_ms)
        self->clock_ms = record->time_ms;
    if (record->clock > self->clock)
        self->clock = record->clock;
    bool valid = txc_epoch_compare (record->epoch, self->barrier) >= 0 || TXC_MUTANT (OLD_ORIGIN_VALID);
    if (!session)
        session = &unused_session;
    if (!outcome)
        outcome = &unused_outcome;
    *session = NULL;
    *outcome = NULL;
    valid = valid && txc_registry_take (self, slot, record, session, outcome);
    if (!valid)
        self->voids++;
    if (record->type == TXC_REC_SESSION_CLOSE)
        s_purge (self);
    return valid;
}
