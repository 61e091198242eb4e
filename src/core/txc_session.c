#include "core/txc_session_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#define SESSION_MAGIC 0x7c05e551u

enum { CLOSE_TRIES = 5 };

txc_session_t *txc_session_new (const txc_session_config_t *config)
{
    TXC_ASSERT (config->nonce != 0);
    txc_session_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, SESSION_MAGIC);
    self->config = *config;
    txc_session_config_t *c = &self->config;
    c->retry_ms = c->retry_ms ? c->retry_ms : 200;
    c->retry_max_ms = c->retry_max_ms ? c->retry_max_ms : 5000;
    c->timeout_ms = c->timeout_ms ? c->timeout_ms : 60000;
    c->max_transactions = c->max_transactions ? c->max_transactions : 10000;
    self->random = config->seed ^ config->nonce;
    self->nonce = config->nonce;
    self->next_n = self->mark = 1;
    self->request_ms = self->directory_ms = TXC_NEVER_MS;
    txc_hash_init (&self->by_handle);
    txc_hash_init (&self->by_gtrid);
    txc_list_init (&self->transactions);
    txc_heap_init (&self->timers);
    txc_list_init (&self->queries);
    txc_leader_init (&self->leader, (const char (*)[TXC_ENDPOINT_MAX + 1]) c->coordinators,
                     c->n_coordinators);
    return self;
}

void txc_session_destroy (txc_session_t **self_p)
{
    txc_session_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    TXC_CHECK (self, SESSION_MAGIC);
    TXC_LIST_EACH (&self->transactions, link)
    txc_tx_remove (self, TXC_CONTAINER (link, txc_tx_record_t, link));
    TXC_LIST_EACH (&self->queries, link)
    free (TXC_CONTAINER (link, txc_query_t, link));
    txc_hash_fini (&self->by_handle);
    txc_hash_fini (&self->by_gtrid);
    txc_heap_fini (&self->timers);
    free (self->entries);
    free (self->endpoints);
    TXC_UNMAGIC (self, SESSION_MAGIC);
    free (self);
}

uint64_t txc_session_backoff (const txc_session_t *self, uint32_t tries)
{
    uint64_t wait = (uint64_t) self->config.retry_ms << (tries < 16 ? tries : 16);
    return wait < self->config.retry_max_ms ? wait : self->config.retry_max_ms;
}

void txc_session_complete (txc_session_t *self, uint64_t operation, int code, const txc_error_t *error)
{
    if (!operation)
        return;
    txc_completion_t *completion = txc_update_complete (self->update, operation, code);
    if (error)
        completion->error = *error;
}

uint64_t txc_session_low (const txc_session_t *self)
{
    for (const txc_list_t *link = self->transactions.next; link != &self->transactions; link = link->next) {
        const txc_tx_record_t *tx = TXC_CONTAINER (link, const txc_tx_record_t, link);
        if (!tx->joined && tx->gtrid.session == self->number && !txc_tx_is_over (tx))
            return tx->gtrid.n;
    }
    return self->next_n;
}

/* --- the leader ------------------------------------------------------------------- */

const char *txc_session_leader (const txc_session_t *self)
{
    return txc_leader_endpoint (&self->leader);
}

const char *txc_session_coordinator_nth (const txc_session_t *self, uint32_t i)
{
    return txc_leader_nth (&self->leader, i);
}

void txc_session_doubt (txc_session_t *self)
{
    uint64_t patience = self->config.retry_ms;
    if (self->now_ms < self->leader_heard_ms + patience || self->now_ms < self->doubted_ms + patience)
        return;
    self->doubted_ms = self->now_ms;
    txc_leader_next (&self->leader);
}

static void s_not_leader (txc_session_t *self, const txc_msg_t *message)
{
    uint64_t after_ms = 0;
    txc_leader_learn (&self->leader, message);
    self->refusal = message->replica == 0 ? TXC_ENOTLEADER : TXC_OK;
    if (message->replica == 0) { /* an election is under way */
        after_ms = self->config.retry_ms / 4 + 1;
        txc_session_doubt (self);
    } else if (!txc_leader_is (&self->leader, message->replica))
        return; /* asked already */
    else if (self->now_ms < self->redirected_ms + self->config.retry_ms)
        after_ms = self->config.retry_ms / 4 + 1; /* two that point at each other */
    self->redirected_ms = self->now_ms;
    if (message->replica != 0)
        self->doubted_ms = self->now_ms; /* whoever was named gets its chance first */
    if (self->tries > 0 && self->request_ms > self->now_ms + after_ms)
        self->request_ms = self->now_ms + after_ms;
    if (self->directory_wanted && self->directory_ms > self->now_ms + after_ms)
        self->directory_ms = self->now_ms + after_ms;
    txc_tx_hurry (self, after_ms);
    txc_session_query_hurry (self, after_ms);
}

/* --- the session ----------------------------------------------------------------- */

/* SESSION_OPEN until it is open, KEEPALIVE while it is, CLOSE until it is closed. */
static void s_request (txc_session_t *self)
{
    txc_msg_type_t type = !self->open     ? TXC_MSG_SESSION_OPEN
                          : self->closing ? TXC_MSG_SESSION_CLOSE
                                          : TXC_MSG_SESSION_KEEPALIVE;
    if (self->tries > 0)
        txc_session_doubt (self);
    txc_msg_t *message = txc_update_message (self->update, type, 0);
    message->nonce = self->nonce;
    message->session = self->number;
    message->cluster = self->cluster;
    message->low = txc_session_low (self);
    uint64_t wait = txc_session_backoff (self, self->tries++);
    if (self->open && !self->closing && wait > self->lease_ms / 4)
        wait = self->lease_ms / 4;
    self->request_ms = self->now_ms + wait;
}

static void s_close_completed (txc_session_t *self)
{
    self->open = self->closing = false;
    self->wanted = false;
    self->request_ms = TXC_NEVER_MS;
    txc_session_complete (self, self->closing_op.operation, TXC_OK, NULL);
    self->closing_op.operation = 0;
}

/* The leader closed it.  Transactions of it that were not decided are rolled back; a new one takes new
 * transactions. */
static void s_lost (txc_session_t *self)
{
    if (self->closing) {
        s_close_completed (self);
        return;
    }
    uint64_t lost = self->number;
    self->open = false;
    self->number = 0;
    self->nonce = txc_random_next (&self->random);
    self->next_n = self->mark = 1;
    self->tries = 0;
    txc_error_t error;
    txc_error_set (&error, TXC_ESESSION, "the coordinator closed the session: its lease lapsed");
    TXC_LIST_EACH (&self->transactions, link)
    {
        txc_tx_record_t *tx = TXC_CONTAINER (link, txc_tx_record_t, link);
        if (tx->joined || tx->gtrid.session != lost || tx->state != TXC_TX_ACTIVE)
            continue;
        txc_tx_blame (tx, TXC_ESESSION, &error, NULL);
        txc_tx_statements_fail (self, tx, TXC_ESESSION, &error);
    }
    s_request (self);
}

static void s_opened (txc_session_t *self, const txc_msg_t *message)
{
    if (message->nonce != self->nonce || self->open || !self->wanted)
        return;
    if (message->code == TXC_ESESSION) {
        s_lost (self);
        return;
    }
    self->refusal = message->code;
    if (message->code != TXC_OK || !message->session || !message->cluster)
        return; /* refused for now: asked again */
    txc_leader_learn (&self->leader, message);
    self->open = true;
    self->number = message->session;
    self->cluster = message->cluster;
    self->lease_ms = message->lease_ms ? message->lease_ms : 10000;
    self->next_n = self->mark = 1;
    self->tries = 0;
    self->heard_ms = self->now_ms;
    self->request_ms = self->now_ms + self->lease_ms / 3;
    txc_session_want_directory (self);
    if (self->directory_known) {
        txc_session_complete (self, self->opening.operation, TXC_OK, NULL);
        self->opening.operation = 0;
    }
}

static void s_alive (txc_session_t *self, const txc_msg_t *message)
{
    if (!self->open || message->session != self->number || message->cluster != self->cluster)
        return;
    if (message->code == TXC_ESESSION) {
        s_lost (self);
        return;
    }
    txc_leader_learn (&self->leader, message);
    if (message->low > self->mark)
        self->mark = message->low;
    if (self->closing)
        return;
    self->tries = 0;
    self->heard_ms = self->now_ms;
    self->request_ms = self->now_ms + self->lease_ms / 3;
}

static void s_open (txc_session_t *self, const txc_session_event_t *event)
{
    if (self->open && self->directory_known) {
        txc_session_complete (self, event->operation, TXC_OK, NULL);
        return;
    }
    if (self->opening.operation) { /* one at a time: the library shares it */
        txc_session_complete (self, event->operation, TXC_EPROTO, NULL);
        return;
    }
    self->opening.operation = event->operation;
    self->opening.wait_ms = self->now_ms + (event->timeout_ms ? event->timeout_ms : 5000);
    if (self->wanted)
        return;
    self->wanted = true;
    self->tries = 0;
    s_request (self);
}

static void s_close (txc_session_t *self, const txc_session_event_t *event)
{
    TXC_LIST_EACH (&self->transactions, link)
    {
        txc_tx_record_t *tx = TXC_CONTAINER (link, txc_tx_record_t, link);
        if (tx->state == TXC_TX_ACTIVE)
            txc_tx_roll_back (self, tx);
    }
    self->closing_op.operation = event->operation;
    self->closing_op.wait_ms = self->now_ms + (event->timeout_ms ? event->timeout_ms : 2000);
    self->wanted = false;
    if (!self->open) {
        s_close_completed (self);
        return;
    }
    self->closing = true;
    self->tries = 0;
    s_request (self);
}

/* --- the directory ------------------------------------------------------------------ */

void txc_session_want_directory (txc_session_t *self)
{
    if (self->directory_wanted)
        return;
    self->directory_wanted = true;
    self->directory_ms = self->now_ms + self->config.retry_ms;
    txc_update_message (self->update, TXC_MSG_DIRECTORY, 0);
}

const txc_rm_entry_t *txc_session_entry (const txc_session_t *self, const char *rm)
{
    for (uint32_t i = 0; i < self->n_entries; i++)
        if (strcmp (self->entries[i].rm, rm) == 0)
            return &self->entries[i];
    return NULL;
}

uint64_t txc_session_route (txc_session_t *self, const char *endpoint)
{
    for (uint32_t i = 0; i < self->n_endpoints; i++)
        if (strcmp (self->endpoints[i], endpoint) == 0)
            return i + 1;
    if (self->n_endpoints == TXC_AGENTS_MAX * 4)
        return 0;
    self->endpoints = txc_realloc (self->endpoints, (self->n_endpoints + 1) * sizeof *self->endpoints);
    txc_copy_text (self->endpoints[self->n_endpoints], sizeof *self->endpoints, endpoint);
    return ++self->n_endpoints;
}

const char *txc_session_endpoint (const txc_session_t *self, uint64_t route)
{
    return route >= 1 && route <= self->n_endpoints ? self->endpoints[route - 1] : NULL;
}

static void s_directory (txc_session_t *self, const txc_msg_t *message)
{
    if (!self->directory_wanted)
        return;
    self->directory_wanted = false;
    self->directory_known = true;
    self->directory_ms = TXC_NEVER_MS;
    free (self->entries);
    self->n_entries = message->n_entries;
    self->entries = txc_malloc ((message->n_entries + 1) * sizeof *self->entries);
    if (message->n_entries)
        memcpy (self->entries, message->entries, message->n_entries * sizeof *self->entries);
    txc_tx_directory (self);
    if (self->open) {
        txc_session_complete (self, self->opening.operation, TXC_OK, NULL);
        self->opening.operation = 0;
    }
}

/* --- events ------------------------------------------------------------------------- */

static int s_message (txc_session_t *self, const txc_msg_t *message)
{
    if (message->type == TXC_MSG_SESSION_OPENED || message->type == TXC_MSG_SESSION_ALIVE ||
        message->type == TXC_MSG_DIRECTORY_REPLY || message->type == TXC_MSG_OUTCOME) {
        self->leader_heard_ms = self->now_ms;
        self->refusal = TXC_OK;
    }
    switch (message->type) {
    case TXC_MSG_NOT_LEADER:
        s_not_leader (self, message);
        return TXC_OK;
    case TXC_MSG_SESSION_OPENED:
        s_opened (self, message);
        return TXC_OK;
    case TXC_MSG_SESSION_ALIVE:
        s_alive (self, message);
        return TXC_OK;
    case TXC_MSG_DIRECTORY_REPLY:
        s_directory (self, message);
        return TXC_OK;
    case TXC_MSG_EXEC_REPLY:
        txc_tx_exec_reply (self, message);
        return TXC_OK;
    case TXC_MSG_OUTCOME:
        if (message->gtrid.session == self->number && message->low > self->mark)
            self->mark = message->low;
        txc_tx_outcome (self, message);
        return TXC_OK;
    case TXC_MSG_OWNER_WORK:
        txc_tx_owner_work (self, message);
        return TXC_OK;
    case TXC_MSG_BRANCH_ENDED:
        txc_tx_branch_ended (self, message);
        return TXC_OK;
    default:
        return TXC_EPROTO;
    }
}

static int s_why_not_open (const txc_session_t *self, txc_error_t *error)
{
    if (self->refusal == TXC_OK)
        return txc_error_set (error, TXC_ETIMEDOUT, "no coordinator answered in time");
    if (self->refusal == TXC_ENOTLEADER)
        return txc_error_set (error, TXC_ENOTLEADER,
                              "the replicas of the coordinator that answer have no leader; do most of them "
                              "run, and reach each other?");
    return txc_error_set (error, self->refusal, "the coordinator opens no session: %s",
                          txc_strerror (self->refusal));
}

static void s_expire (txc_session_t *self)
{
    if (self->opening.operation && self->opening.wait_ms <= self->now_ms) {
        txc_error_t error;
        int code = s_why_not_open (self, &error);
        txc_session_complete (self, self->opening.operation, code, &error);
        self->opening.operation = 0;
    }
    if (self->closing_op.operation && self->closing_op.wait_ms <= self->now_ms) {
        txc_session_complete (self, self->closing_op.operation, TXC_ETIMEDOUT, NULL);
        self->closing_op.operation = 0;
    }
}

static void s_tick (txc_session_t *self)
{
    s_expire (self);
    if (self->request_ms <= self->now_ms) {
        if (self->closing && self->tries > CLOSE_TRIES)
            s_close_completed (self); /* its lease will lapse */
        else
            s_request (self);
    }
    if (self->directory_ms <= self->now_ms) {
        self->directory_wanted = false;
        txc_session_doubt (self);
        txc_session_want_directory (self);
    }
    for (txc_heap_node_t *node; (node = txc_heap_pop (&self->timers, self->now_ms)) != NULL;)
        txc_tx_timer (self, TXC_CONTAINER (node, txc_tx_record_t, timer));
    txc_session_query_tick (self);
}

int txc_session_step (txc_session_t *self, const txc_session_event_t *event, uint64_t *tx,
                      txc_update_t *update)
{
    TXC_CHECK (self, SESSION_MAGIC);
    int rc = TXC_OK;
    uint64_t handle = 0;
    self->update = update;
    if (event->now_ms > self->now_ms)
        self->now_ms = event->now_ms;
    uint64_t seen = event->message ? event->message->clock : 0;
    self->clock = update->clock = txc_hlc_next (txc_hlc_seen (self->clock, seen, 0), 0);
    switch (event->op) {
    case TXC_OP_OPEN:
        s_open (self, event);
        break;
    case TXC_OP_CLOSE:
        s_close (self, event);
        break;
    case TXC_OP_BEGIN:
        handle = txc_tx_begin (self, event);
        break;
    case TXC_OP_EXEC:
    case TXC_OP_ENLIST:
        txc_tx_exec (self, event);
        break;
    case TXC_OP_OWNED:
        txc_tx_owned (self, event);
        break;
    case TXC_OP_COMMIT:
        txc_tx_commit (self, event);
        break;
    case TXC_OP_ROLLBACK:
        txc_tx_rollback (self, event);
        break;
    case TXC_OP_OUTCOME:
        txc_session_ask (self, event);
        break;
    case TXC_OP_FORGET:
        txc_tx_forget (self, event);
        break;
    case TXC_OP_EXPORT:
        txc_tx_export (self, event);
        break;
    case TXC_OP_JOIN:
        handle = txc_tx_join (self, event);
        break;
    case TXC_OP_DETACH:
        txc_tx_detach (self, event);
        break;
    case TXC_OP_REATTACH:
        txc_tx_reattach (self, event);
        break;
    case TXC_OP_MESSAGE:
        rc = s_message (self, event->message);
        break;
    case TXC_OP_TICK:
        s_tick (self);
        break;
    default:
        rc = TXC_EINVAL;
    }
    if (tx)
        *tx = handle;
    self->update = NULL;
    return rc;
}

static uint64_t s_min (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t txc_session_next_ms (const txc_session_t *self)
{
    uint64_t next = txc_heap_next_ms (&self->timers);
    next = s_min (next, self->request_ms);
    next = s_min (next, self->directory_ms);
    next = s_min (next, txc_session_query_next (self));
    if (self->opening.operation)
        next = s_min (next, self->opening.wait_ms);
    if (self->closing_op.operation)
        next = s_min (next, self->closing_op.wait_ms);
    return next;
}

void txc_session_status (const txc_session_t *self, txc_session_status_t *status)
{
    *status = (txc_session_status_t){
        .session = self->number,
        .cluster = self->cluster,
        .low = txc_session_low (self),
        .open = self->open,
        .closed = !self->open && !self->wanted,
        .transactions = (uint32_t) self->by_handle.count,
    };
}

txc_gtrid_t txc_session_gtrid (const txc_session_t *self, uint64_t handle)
{
    const txc_tx_record_t *tx = txc_tx_by_handle (self, handle);
    return tx ? tx->gtrid : (txc_gtrid_t){0, 0, 0, 0};
}

bool txc_session_rollback_only (const txc_session_t *self, uint64_t handle)
{
    const txc_tx_record_t *tx = txc_tx_by_handle (self, handle);
    return tx && (tx->rollback_only || tx->state == TXC_TX_ROLLED_BACK || tx->state == TXC_TX_ROLLING_BACK);
}
