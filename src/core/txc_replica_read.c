/*
 * Questions to a leader that has no lease: it may have been followed without noticing.
 *
 * They wait until a majority has said, to a heartbeat that left after the
 * question came, that it promised nobody else.  Then nobody else can have
 * been elected before the question, and what is applied here holds all that
 * anybody had been told.
 */
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "core/txc_replica_private.h"

enum { QUESTIONS_MAX = 4096 };

typedef struct s_question {
    txc_list_t link;
    uint64_t beat; /* the heartbeat that has to be confirmed */
    txc_msg_t message;
    _Alignas(max_align_t) uint8_t loans[]; /* what the message borrows */
} s_question_t;

static size_t s_padded (size_t size)
{
    return (size + sizeof (max_align_t) - 1) / sizeof (max_align_t) * sizeof (max_align_t);
}

static const void *s_lend (uint8_t **to, const void *bytes, size_t size)
{
    if (!bytes)
        return NULL;
    void *loan = memcpy (*to, bytes, size);
    *to += s_padded (size);
    return loan;
}

static s_question_t *s_copy (const txc_msg_t *message)
{
    size_t branches = message->n_branches * sizeof *message->branches;
    size_t entries = message->n_entries * sizeof *message->entries;
    size_t members = message->n_members * sizeof *message->members;
    size_t error = message->error ? sizeof *message->error : 0;
    s_question_t *self = txc_malloc (sizeof *self + s_padded (branches) + s_padded (entries) +
                                     s_padded (members) + s_padded (error));
    uint8_t *loans = self->loans;
    self->message = *message;
    self->message.branches = s_lend (&loans, message->branches, branches);
    self->message.entries = s_lend (&loans, message->entries, entries);
    self->message.members = s_lend (&loans, message->members, members);
    self->message.error = s_lend (&loans, message->error, error);
    self->message.body = txc_blob_ref (message->body);
    return self;
}

static void s_free (s_question_t *self)
{
    txc_blob_destroy (&self->message.body);
    free (self);
}

static s_question_t *s_next (txc_replica_t *self)
{
    txc_list_t *link = txc_list_pop (&self->questions);
    if (!link)
        return NULL;
    self->n_questions--;
    return TXC_CONTAINER (link, s_question_t, link);
}

int txc_replica_question_keep (txc_replica_t *self, const txc_msg_t *message)
{
    if (self->n_questions == QUESTIONS_MAX) {
        self->dropped++;
        return TXC_ENOTREADY; /* they will ask again */
    }
    s_question_t *question = s_copy (message);
    question->beat = txc_paxos_confirm (self->paxos);
    txc_list_append (&self->questions, &question->link);
    self->n_questions++;
    return TXC_OK;
}

static bool s_may_be_answered (const txc_replica_t *self)
{
    const s_question_t *first = TXC_CONTAINER (self->questions.next, s_question_t, link);
    return txc_paxos_has_lease (self->paxos) || first->beat <= txc_paxos_confirmed (self->paxos);
}

void txc_replica_questions_answer (txc_replica_t *self)
{
    while (self->leading && self->n_questions && s_may_be_answered (self)) {
        s_question_t *question = s_next (self);
        txc_replica_serve (self, &question->message);
        s_free (question);
    }
}

void txc_replica_questions_forget (txc_replica_t *self)
{
    for (s_question_t *question; (question = s_next (self)) != NULL;)
        s_free (question);
}
