/*
 * One transaction in several processes.
 *
 * A ticket is a line of text:
 *   txc-ticket-1 GTRID MS FLAGS N { RM INCARNATION TOKEN COUNT LAST ENDPOINT }*N
 * It carries everything with which another process takes part, and back again
 * what that process did: its statements count, or the branch cannot be
 * prepared.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "core/txc_session_private.h"

enum { TICKET_MAX = 8192, TICKET_ROLLBACK_ONLY = 1 };

static const char s_magic[] = "txc-ticket-1";

static txc_blob_t *s_write (const txc_session_t *self, const txc_tx_record_t *tx, bool counts)
{
    char text[TICKET_MAX], gtrid[TXC_GTRID_MAX + 1];
    uint64_t left = tx->deadline_ms > self->now_ms ? tx->deadline_ms - self->now_ms : 0;
    int at =
        snprintf (text, sizeof text, "%s %s %" PRIu64 " %d %u", s_magic, txc_gtrid_format (&tx->gtrid, gtrid),
                  left, tx->rollback_only ? TICKET_ROLLBACK_ONLY : 0, tx->n_branches);
    for (uint32_t i = 0; i < tx->n_branches && at > 0 && at < TICKET_MAX; i++) {
        const txc_tx_branch_t *branch = &tx->branches[i];
        const char *endpoint = txc_session_endpoint (self, branch->route);
        at += snprintf (text + at, (size_t) (TICKET_MAX - at), " %s %" PRIx64 " %" PRIx64 " %u %d %s",
                        branch->ref.rm, branch->incarnation, branch->ref.token,
                        counts ? branch->ref.count : 0, branch->last, endpoint ? endpoint : "-");
    }
    return at > 0 && at < TICKET_MAX ? txc_blob_new (text, (size_t) at) : NULL;
}

typedef struct ticket {
    txc_gtrid_t gtrid;
    uint64_t left_ms, flags;
    uint32_t n_branches;
    struct {
        char rm[TXC_RM_NAME_MAX + 1];
        uint64_t incarnation, token, count, last;
        char endpoint[TXC_ENDPOINT_MAX + 1];
    } branches[TXC_BRANCHES_MAX];
} ticket_t;

/* The next word, at most size - 1 bytes; false if there is none or it is longer. */
static bool s_word (const char **at, char *word, size_t size)
{
    size_t length = strcspn (*at, " ");
    if (length == 0 || length >= size)
        return false;
    memcpy (word, *at, length);
    word[length] = '\0';
    *at += length + ((*at)[length] == ' ');
    return true;
}

static bool s_number (const char **at, int base, uint64_t max, uint64_t *value)
{
    char word[32], *end;
    if (!s_word (at, word, sizeof word) || word[0] == '-' || word[0] == '+' || strlen (word) > 16)
        return false;
    *value = strtoull (word, &end, base);
    return *end == '\0' && *value <= max;
}

static bool s_parse (const char *at, ticket_t *ticket)
{
    char word[TXC_ENDPOINT_MAX + 1];
    uint64_t n;
    if (!s_word (&at, word, sizeof word) || strcmp (word, s_magic) != 0)
        return false;
    if (!s_word (&at, word, sizeof word) || !txc_gtrid_parse (word, strlen (word), &ticket->gtrid))
        return false;
    if (!s_number (&at, 10, UINT32_MAX, &ticket->left_ms) || !s_number (&at, 10, 1, &ticket->flags) ||
        !s_number (&at, 10, TXC_BRANCHES_MAX, &n))
        return false;
    ticket->n_branches = (uint32_t) n;
    for (uint32_t i = 0; i < n; i++)
        if (!s_word (&at, ticket->branches[i].rm, sizeof ticket->branches[i].rm) ||
            !txc_name_is_valid (ticket->branches[i].rm) ||
            !s_number (&at, 16, UINT64_MAX, &ticket->branches[i].incarnation) ||
            !s_number (&at, 16, UINT64_MAX, &ticket->branches[i].token) ||
            !s_number (&at, 10, UINT32_MAX, &ticket->branches[i].count) ||
            !s_number (&at, 10, 1, &ticket->branches[i].last) ||
            !s_word (&at, ticket->branches[i].endpoint, sizeof ticket->branches[i].endpoint))
            return false;
    return *at == '\0';
}

static ticket_t *s_read (const txc_blob_t *body)
{
    size_t size = txc_blob_size (body);
    if (size == 0 || size >= TICKET_MAX)
        return NULL;
    char text[TICKET_MAX];
    memcpy (text, txc_blob_data (body), size);
    text[size] = '\0';
    ticket_t *ticket = txc_calloc (1, sizeof *ticket);
    if (strlen (text) == size && s_parse (text, ticket))
        return ticket;
    free (ticket);
    return NULL;
}

static void s_refuse (txc_session_t *self, const txc_session_event_t *event, int code, const char *text)
{
    txc_error_t error;
    txc_error_set (&error, code, "%s", text);
    txc_session_complete (self, event->operation, code, &error);
}

static void s_give (txc_session_t *self, const txc_session_event_t *event, txc_blob_t *ticket)
{
    txc_completion_t *completion = txc_update_complete (self->update, event->operation, TXC_OK);
    completion->body = ticket;
}

void txc_tx_export (txc_session_t *self, const txc_session_event_t *event)
{
    txc_tx_record_t *tx = txc_tx_by_handle (self, event->tx);
    if (!tx || tx->state != TXC_TX_ACTIVE || tx->rollback_only || tx->joined) {
        s_refuse (self, event, TXC_EPROTO, "only the owner of an open transaction exports it");
        return;
    }
    if (txc_tx_is_busy (tx)) {
        s_refuse (self, event, TXC_EPROTO, "a statement is still running: wait for it first");
        return;
    }
    txc_blob_t *ticket = s_write (self, tx, false);
    if (!ticket) {
        s_refuse (self, event, TXC_ELIMIT, "the ticket would be too long");
        return;
    }
    tx->exported = true;
    tx->attached++;
    s_give (self, event, ticket);
}

static void s_join_branch (txc_session_t *self, txc_tx_record_t *tx, const ticket_t *ticket, uint32_t i)
{
    txc_tx_branch_t *branch = txc_tx_branch_add (tx, ticket->branches[i].rm);
    branch->ref.token = ticket->branches[i].token;
    branch->incarnation = ticket->branches[i].incarnation;
    branch->last = ticket->branches[i].last != 0;
    if (strcmp (ticket->branches[i].endpoint, "-") != 0)
        branch->route = txc_session_route (self, ticket->branches[i].endpoint);
}

static bool s_has_twins (const ticket_t *ticket)
{
    for (uint32_t i = 0; i < ticket->n_branches; i++)
        for (uint32_t k = 0; k < i; k++)
            if (strcmp (ticket->branches[i].rm, ticket->branches[k].rm) == 0)
                return true;
    return false;
}

uint64_t txc_tx_join (txc_session_t *self, const txc_session_event_t *event)
{
    ticket_t *ticket = s_read (event->body);
    uint64_t handle = 0;
    if (!self->open)
        s_refuse (self, event, TXC_ESESSION, "no session is open");
    else if (!ticket || s_has_twins (ticket))
        s_refuse (self, event, TXC_EINVAL, "this is not a ticket");
    else if (ticket->gtrid.cluster != self->cluster)
        s_refuse (self, event, TXC_EFOREIGN, "the ticket belongs to another cluster");
    else if (txc_tx_by_gtrid (self, &ticket->gtrid))
        s_refuse (self, event, TXC_EPROTO, "this process takes part in the transaction already");
    else {
        txc_tx_record_t *tx = txc_tx_add (self, &ticket->gtrid);
        tx->joined = true;
        tx->deadline_ms = self->now_ms + ticket->left_ms;
        for (uint32_t i = 0; i < ticket->n_branches; i++)
            s_join_branch (self, tx, ticket, i);
        handle = tx->handle;
        txc_session_complete (self, event->operation, TXC_OK, NULL);
    }
    free (ticket);
    return handle;
}

void txc_tx_detach (txc_session_t *self, const txc_session_event_t *event)
{
    txc_tx_record_t *tx = txc_tx_by_handle (self, event->tx);
    if (!tx || !tx->joined || tx->state != TXC_TX_ACTIVE) {
        s_refuse (self, event, TXC_EPROTO, "only a joined transaction is detached");
        return;
    }
    if (txc_tx_is_busy (tx)) {
        s_refuse (self, event, TXC_EPROTO, "a statement is still running: wait for it first");
        return;
    }
    txc_blob_t *ticket = s_write (self, tx, true);
    if (!ticket) {
        s_refuse (self, event, TXC_ELIMIT, "the ticket would be too long");
        return;
    }
    txc_tx_move (tx, TXC_TX_DETACHED);
    txc_heap_set (&self->timers, &tx->timer, TXC_NEVER_MS);
    s_give (self, event, ticket);
}

/* What the other process did in a branch becomes part of the owner's list. */
static void s_merge (txc_session_t *self, txc_tx_record_t *tx, const ticket_t *ticket, uint32_t i)
{
    txc_tx_branch_t *branch = txc_tx_branch (tx, ticket->branches[i].rm);
    if (!branch) {
        if (tx->n_branches == TXC_BRANCHES_MAX) {
            txc_tx_blame (tx, TXC_ELIMIT, NULL, "too many branches came back with the ticket");
            return;
        }
        s_join_branch (self, tx, ticket, i);
        branch = &tx->branches[tx->n_branches - 1];
    } else if (branch->ref.token == 0) {
        branch->ref.token = ticket->branches[i].token;
        branch->incarnation = ticket->branches[i].incarnation;
    }
    if (branch->ref.token != ticket->branches[i].token)
        txc_tx_blame (tx, TXC_EBRANCH, NULL,
                      "two processes worked in different branches of one resource manager");
    branch->ref.count += (uint32_t) ticket->branches[i].count;
    branch->last = branch->last || ticket->branches[i].last;
}

void txc_tx_reattach (txc_session_t *self, const txc_session_event_t *event)
{
    txc_tx_record_t *tx = txc_tx_by_handle (self, event->tx);
    ticket_t *ticket = s_read (event->body);
    if (!tx || tx->joined || tx->state != TXC_TX_ACTIVE || tx->attached == 0)
        s_refuse (self, event, TXC_EPROTO, "no ticket of this transaction is out");
    else if (!ticket || !txc_gtrid_equal (&ticket->gtrid, &tx->gtrid))
        s_refuse (self, event, TXC_EINVAL, "this is not a ticket of this transaction");
    else {
        tx->attached--;
        if (ticket->flags & TICKET_ROLLBACK_ONLY)
            txc_tx_blame (tx, TXC_EBRANCH, NULL, "a statement failed in another process");
        for (uint32_t i = 0; i < ticket->n_branches; i++)
            s_merge (self, tx, ticket, i);
        txc_session_complete (self, event->operation, TXC_OK, NULL);
    }
    free (ticket);
}
