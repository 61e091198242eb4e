/*
 * The journal, and what it proves of branches.
 *
 * Entries that are written but not forced survive the end of the process, not
 * that of the machine: enough, since a machine that goes down takes the
 * agent's sessions with it, and the RM's own recovery lists what is prepared.
 */
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "core/txc_agent_private.h"

enum {
    ASK_COMMITTING_MS = 30000, /* then the leader is asked whether End is on record */
    ASK_ONE_PHASE_MS = 600000, /* how long a client may come back for the outcome */
    ASK_OWNER_MS = 600000,     /* how long an earlier incarnation's branch may yet be prepared by its owner */
    ASK_MAX_MS = 600000
};

uint64_t txc_agent_journal (txc_agent_t *self, const txc_jrec_t *record, bool forced)
{
    uint8_t bytes[TXC_RECORD_MAX];
    size_t size = self->config.codec->encode (record, bytes);
    txc_update_entry (self->update, ++self->journal_slot, forced, record->kind, bytes, size);
    return self->journal_slot;
}

/* An agent that lost its journal does not know what it said for its older branches.  So that it can tell
 * which these are, a journal has a number of its own, which the tokens drawn under it begin with. */
static void s_bear (txc_agent_t *self)
{
    do
        self->birth = (uint32_t) (txc_random_next (&self->random) >> 32);
    while (self->birth == 0);
    txc_jrec_t record = {.kind = TXC_JOURNAL_BIRTH, .number = self->birth};
    self->birth_slot = txc_agent_journal (self, &record, true);
}

bool txc_agent_is_born (txc_agent_t *self)
{
    if (!self->birth)
        s_bear (self);
    return self->birth_slot == 0 || TXC_MUTANT (TOKEN_BEFORE_BIRTH);
}

uint64_t txc_agent_token (txc_agent_t *self, txc_mode_t mode)
{
    uint64_t token;
    do
        token = txc_random_next (&self->random);
    while (token == 0);
    return mode == TXC_MODE_3PC ? (uint64_t) self->birth << 32 | token >> 32 : token;
}

bool txc_agent_token_is_own (const txc_agent_t *self, uint64_t token)
{
    return (self->birth && token >> 32 == self->birth) || TXC_MUTANT (LOST_JOURNAL_IS_NO);
}

static void s_fill (const txc_agent_t *self, const txc_proof_t *proof, txc_jrec_t *record)
{
    memset (record, 0, sizeof *record);
    record->kind = proof->kind;
    record->gtrid = proof->gtrid;
    record->token = proof->token;
    record->heur = proof->heur;
    record->vote = proof->told_commit ? TXC_VOTE_YES : TXC_VOTE_NONE;
    record->guard.slot = self->high_slot;
    memcpy (record->text, proof->evidence, sizeof record->text);
    memcpy (record->rm, self->config.rms[proof->rm].name, sizeof record->rm);
}

txc_proof_t *txc_agent_proof (const txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token)
{
    txc_hash_node_t *node = txc_hash_first (&self->proofs, txc_mix64 (token));
    for (; node; node = txc_hash_next (node)) {
        txc_proof_t *proof = TXC_CONTAINER (node, txc_proof_t, node);
        if (proof->rm == rm && txc_gtrid_equal (&proof->gtrid, gtrid))
            return proof;
    }
    return NULL;
}

void txc_agent_proof_add (txc_agent_t *self, txc_journal_kind_t kind, const txc_gtrid_t *gtrid, uint8_t rm,
                          uint64_t token, txc_heur_t heur, bool write)
{
    txc_proof_t *proof = txc_agent_proof (self, gtrid, rm, token);
    if (!proof) {
        proof = txc_calloc (1, sizeof *proof);
        proof->gtrid = *gtrid;
        proof->rm = rm;
        proof->token = token;
        txc_hash_add (&self->proofs, &proof->node, txc_mix64 (token));
    }
    proof->kind = (uint8_t) kind;
    proof->heur = (uint8_t) heur;
    uint64_t wait = kind == TXC_JOURNAL_ONE_PHASE ? ASK_ONE_PHASE_MS
                    : kind == TXC_JOURNAL_OWNER   ? ASK_OWNER_MS
                                                  : ASK_COMMITTING_MS;
    txc_heap_set (&self->proof_timers, &proof->timer, self->now_ms + wait);
    if (write) {
        txc_jrec_t record;
        s_fill (self, proof, &record);
        txc_agent_journal (self, &record, false);
    }
}

void txc_agent_proof_again (txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token)
{
    const txc_proof_t *proof = txc_agent_proof (self, gtrid, rm, token);
    if (!proof)
        return;
    txc_jrec_t record;
    s_fill (self, proof, &record);
    txc_agent_journal (self, &record, false);
}

void txc_agent_proof_heuristic (txc_agent_t *self, const txc_branch_t *branch, txc_heur_t heur,
                                bool told_commit)
{
    txc_agent_proof_add (self, TXC_JOURNAL_HEURISTIC, &branch->gtrid, branch->rm, branch->token, heur, false);
    txc_agent_proof (self, &branch->gtrid, branch->rm, branch->token)->told_commit = told_commit;
    txc_agent_proof_again (self, &branch->gtrid, branch->rm, branch->token);
}

void txc_agent_proof_void (txc_agent_t *self, const txc_gtrid_t *gtrid, uint8_t rm, uint64_t token)
{
    txc_proof_t *proof = txc_agent_proof (self, gtrid, rm, token);
    if (gtrid->mode != TXC_MODE_3PC)
        txc_agent_proof_forget (self, proof, true);
    else /* FORGET would take its member along */
        txc_agent_proof_told_commit (self, proof);
}

void txc_agent_proof_told_commit (txc_agent_t *self, txc_proof_t *proof)
{
    if (proof->told_commit)
        return;
    proof->told_commit = true;
    txc_agent_proof_again (self, &proof->gtrid, proof->rm, proof->token);
}

void txc_agent_proof_owner (txc_agent_t *self, txc_branch_t *branch)
{
    if (!branch->enlisted || !branch->owner || self->config.rms[branch->rm].detaches || branch->owner_kept ||
        !branch->evidence[0])
        return;
    if (txc_agent_proof (self, &branch->gtrid, branch->rm, branch->token))
        return; /* it says more: that the branch was being committed */
    branch->owner_kept = true;
    txc_agent_proof_add (self, TXC_JOURNAL_OWNER, &branch->gtrid, branch->rm, branch->token, TXC_HEUR_NONE,
                         false);
    txc_proof_t *proof = txc_agent_proof (self, &branch->gtrid, branch->rm, branch->token);
    memcpy (proof->evidence, branch->evidence, sizeof proof->evidence);
    txc_jrec_t record;
    s_fill (self, proof, &record);
    txc_agent_journal (self, &record, false);
}

void txc_agent_proof_owner_gone (txc_agent_t *self, txc_branch_t *branch)
{
    if (!branch->owner_kept)
        return;
    branch->owner_kept = false;
    txc_proof_t *proof = txc_agent_proof (self, &branch->gtrid, branch->rm, branch->token);
    if (proof && proof->kind == TXC_JOURNAL_OWNER)
        txc_agent_proof_forget (self, proof, true);
}

void txc_agent_proof_committing (txc_agent_t *self, txc_branch_t *branch)
{
    txc_agent_proof_add (self, TXC_JOURNAL_COMMITTING, &branch->gtrid, branch->rm, branch->token,
                         TXC_HEUR_NONE, false);
    txc_proof_t *proof = txc_agent_proof (self, &branch->gtrid, branch->rm, branch->token);
    if (branch->enlisted)
        memcpy (proof->evidence, branch->evidence, sizeof proof->evidence);
    txc_jrec_t record;
    s_fill (self, proof, &record);
    txc_agent_journal (self, &record, false);
}

void txc_agent_proof_forget (txc_agent_t *self, txc_proof_t *proof, bool write)
{
    if (write) {
        txc_jrec_t record;
        s_fill (self, proof, &record);
        record.kind = TXC_JOURNAL_FORGET;
        txc_agent_journal (self, &record, false);
    }
    txc_heap_set (&self->proof_timers, &proof->timer, TXC_NEVER_MS);
    txc_hash_remove (&self->proofs, &proof->node);
    free (proof);
}

/* The proof is old: may it go?  A branch that has not ended keeps its proof without asking. */
void txc_agent_proof_ask (txc_agent_t *self, txc_proof_t *proof)
{
    const txc_branch_t *branch = txc_agent_branch_find (self, &proof->gtrid, proof->rm, proof->token);
    uint64_t wait = (uint64_t) ASK_COMMITTING_MS << (proof->inquiries < 5 ? proof->inquiries : 5);
    proof->inquiries++;
    txc_heap_set (&self->proof_timers, &proof->timer, self->now_ms + (wait < ASK_MAX_MS ? wait : ASK_MAX_MS));
    if ((branch && !txc_branch_is_ended (branch)) || !self->registered)
        return;
    /* An earlier incarnation's, and no scan has found it: it is not prepared. */
    if (proof->kind == TXC_JOURNAL_OWNER && self->rms[proof->rm].ready) {
        txc_agent_proof_forget (self, proof, true);
        return;
    }
    txc_msg_t *message = txc_update_message (self->update, TXC_MSG_INQUIRY, 0);
    message->gtrid = proof->gtrid;
    message->token = proof->token;
    message->epoch = self->epoch;
    message->flags = TXC_FLAG_FINISHED;
    if (proof->kind == TXC_JOURNAL_HEURISTIC && !proof->told_commit) /* the TM may not have heard of it */
        message->heur = proof->heur;
    memcpy (message->rm, self->config.rms[proof->rm].name, sizeof message->rm);
}

/* --- replay and checkpoint ----------------------------------------------------------- */

static int s_replay_proof (txc_agent_t *self, const txc_jrec_t *record)
{
    int rm = txc_agent_rm_index (self, record->rm);
    if (rm < 0)
        return TXC_OK; /* of an RM that is no longer configured */
    if (record->guard.slot > self->high_slot)
        self->high_slot = record->guard.slot;
    txc_proof_t *proof = txc_agent_proof (self, &record->gtrid, (uint8_t) rm, record->token);
    if (record->kind != TXC_JOURNAL_FORGET)
        txc_agent_proof_add (self, (txc_journal_kind_t) record->kind, &record->gtrid, (uint8_t) rm,
                             record->token, (txc_heur_t) record->heur, false);
    else if (proof)
        txc_agent_proof_forget (self, proof, false);
    if (record->kind == TXC_JOURNAL_HEURISTIC)
        txc_agent_proof (self, &record->gtrid, (uint8_t) rm, record->token)->told_commit =
            record->vote == TXC_VOTE_YES;
    if (record->kind == TXC_JOURNAL_COMMITTING || record->kind == TXC_JOURNAL_OWNER) {
        txc_proof_t *kept = txc_agent_proof (self, &record->gtrid, (uint8_t) rm, record->token);
        memcpy (kept->evidence, record->text, sizeof kept->evidence);
    }
    if (record->kind == TXC_JOURNAL_FORGET)
        txc_agent_member_forget (self, &record->gtrid, (uint8_t) rm, record->token, false);
    return TXC_OK;
}

int txc_agent_replay (txc_agent_t *self, const void *bytes, size_t size)
{
    txc_jrec_t record;
    if (!self->config.codec->decode (bytes, size, &record))
        return TXC_ECORRUPT;
    self->journal_slot++;
    switch (record.kind) {
    case TXC_JOURNAL_EPOCH:
        self->cluster = record.cluster;
        self->epoch = record.epoch;
        return TXC_OK;
    case TXC_JOURNAL_GUARD:
        self->guard = record.guard;
        if (record.guard.slot > self->high_slot || record.guard.slot == 0)
            self->high_slot = record.guard.slot;
        return TXC_OK;
    case TXC_JOURNAL_LATCH:
        self->latched = record.code != TXC_OK;
        return TXC_OK;
    case TXC_JOURNAL_IDENTITY: {
        int rm = txc_agent_rm_index (self, record.rm);
        if (rm >= 0)
            memcpy (self->rms[rm].identity, record.text, sizeof self->rms[rm].identity);
        return TXC_OK;
    }
    case TXC_JOURNAL_BIRTH:
        self->birth = (uint32_t) record.number;
        return TXC_OK;
    case TXC_JOURNAL_MEMBER:
        return txc_agent_member_replay (self, &record);
    default:
        return s_replay_proof (self, &record);
    }
}

void txc_agent_checkpoint (txc_agent_t *self, txc_update_t *update)
{
    /* What is on its way to the disk counts: its entry goes with all that lies before these ones. */
    bool offered = self->epoch_slot != 0 && !TXC_MUTANT (CHECKPOINT_KEEPS_OLD_GUARD);
    bool guarded = self->guard_slot != 0 && !TXC_MUTANT (CHECKPOINT_KEEPS_OLD_GUARD);
    txc_jrec_t record = {.kind = TXC_JOURNAL_EPOCH,
                         .cluster = offered ? self->offered_cluster : self->cluster,
                         .epoch = offered ? self->offered : self->epoch};
    self->update = update;
    if (record.cluster)
        txc_agent_journal (self, &record, false);
    record = (txc_jrec_t){.kind = TXC_JOURNAL_BIRTH, .number = self->birth};
    if (self->birth)
        txc_agent_journal (self, &record, false);
    record = (txc_jrec_t){.kind = TXC_JOURNAL_GUARD, .guard = guarded ? self->guard_offered : self->guard};
    txc_agent_journal (self, &record, false);
    record = (txc_jrec_t){.kind = TXC_JOURNAL_LATCH, .code = self->latched ? TXC_ELOGLOSS : TXC_OK};
    txc_agent_journal (self, &record, false);
    for (uint32_t i = 0; i < self->config.n_rms; i++) {
        if (!self->rms[i].identity[0])
            continue;
        record = (txc_jrec_t){.kind = TXC_JOURNAL_IDENTITY};
        memcpy (record.rm, self->config.rms[i].name, sizeof record.rm);
        memcpy (record.text, self->rms[i].identity, sizeof record.text);
        txc_agent_journal (self, &record, false);
    }
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->proofs, &cursor); node;
         node = txc_hash_step (&self->proofs, &cursor)) {
        s_fill (self, TXC_CONTAINER (node, txc_proof_t, node), &record);
        txc_agent_journal (self, &record, false);
    }
    txc_agent_members_checkpoint (self);
    self->update = NULL;
}
