/* Sessions: opened and closed through the log, kept alive by volatile leases. */
#include "core/txc_replica_private.h"

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum {
    MARK_STEP = 1024, /* a Mark is worth a record when it passes so many, or at a keepalive */
    SWEEP_PART = 8    /* the mark has to pass this part of a session's transactions before they are swept */
};

static void s_say_opened (txc_replica_t *self, const txc_reg_session_t *session, uint64_t route)
{
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_SESSION_OPENED, route);
    reply->nonce = session->nonce;
    reply->session = session->number;
    reply->cluster = self->registry.cluster;
    reply->lease_ms = self->config.lease_ms;
    reply->epoch = self->epoch;
    reply->low = session->low;
    reply->code = session->closed ? TXC_ESESSION : TXC_OK;
    txc_replica_tell_members (self, reply);
}

static void s_refuse (txc_replica_t *self, const txc_msg_t *message, int code)
{
    self->refused++;
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_SESSION_OPENED, message->route);
    reply->nonce = message->nonce;
    reply->code = code;
}

static void s_say_alive (txc_replica_t *self, const txc_reg_session_t *session, uint64_t number,
                         uint64_t route)
{
    if (!route)
        return;
    txc_msg_t *reply = txc_update_message (self->update, TXC_MSG_SESSION_ALIVE, route);
    reply->session = number;
    reply->cluster = self->registry.cluster;
    reply->lease_ms = self->config.lease_ms;
    reply->code = session && !session->closed ? TXC_OK : TXC_ESESSION;
    reply->low = session ? session->low : 0;
    txc_replica_tell_members (self, reply);
}

static void s_renew (txc_replica_t *self, txc_reg_session_t *session)
{
    session->lease_ms = self->now_ms + self->config.lease_ms;
    if (session->lease_ms < self->lease_due_ms)
        self->lease_due_ms = session->lease_ms;
}

void txc_replica_session_open (txc_replica_t *self, const txc_msg_t *message)
{
    txc_reg_session_t *session = txc_registry_nonce (&self->registry, message->nonce);
    if (!message->nonce) {
        s_refuse (self, message, TXC_EINVAL);
        return;
    }
    if (session) {
        session->route = message->route;
        s_say_opened (self, session, message->route);
        return;
    }
    uint32_t pending = 0;
    TXC_LIST_EACH (&self->openings, link)
    {
        txc_opening_t *opening = TXC_CONTAINER (link, txc_opening_t, link);
        pending++;
        if (opening->nonce == message->nonce) {
            opening->route = message->route;
            return;
        }
    }
    if (self->space_low || self->draining || self->registry.n_open + pending >= self->config.max_sessions) {
        s_refuse (self, message, self->space_low ? TXC_ENOSPACE : TXC_EOVERLOAD);
        return;
    }
    txc_rec_t *record = txc_replica_record (self, TXC_REC_SESSION_OPEN);
    record->nonce = message->nonce;
    txc_opening_t *opening = txc_calloc (1, sizeof *opening);
    opening->slot = txc_replica_propose (self, record, true);
    opening->nonce = message->nonce;
    opening->route = message->route;
    txc_list_append (&self->openings, &opening->link);
    if (TXC_MUTANT (SESSION_NOT_LOGGED)) {
        txc_reg_session_t early = {.number = opening->slot, .nonce = message->nonce, .low = 1};
        s_say_opened (self, &early, message->route);
    }
}

void txc_replica_session_opened (txc_replica_t *self, txc_reg_session_t *session, uint64_t route)
{
    session->route = route;
    s_renew (self, session);
    if (route)
        s_say_opened (self, session, route);
}

void txc_replica_session_keepalive (txc_replica_t *self, const txc_msg_t *message)
{
    txc_reg_session_t *session = txc_registry_session (&self->registry, message->session);
    if (message->cluster != self->registry.cluster)
        session = NULL;
    if (session && !session->closed) {
        session->route = message->route;
        if (!session->closing)
            s_renew (self, session);
        txc_replica_session_low (self, session, message->low, true);
    }
    s_say_alive (self, session, message->session, message->route);
}

static void s_close (txc_replica_t *self, txc_reg_session_t *session)
{
    if (session->closing && !session->close_waits)
        return;
    session->closing = true;
    session->close_waits =
        (txc_replica_votes_are_open (self, session) || txc_replica_last_is_open (session)) &&
        !TXC_MUTANT (CLOSE_NOT_AWAITED);
    if (session->close_waits)
        return;
    txc_rec_t *record = txc_replica_record (self, TXC_REC_SESSION_CLOSE);
    record->session = session->number;
    txc_replica_propose (self, record, true);
}

void txc_replica_session_released (txc_replica_t *self, txc_reg_session_t *session)
{
    if (self->leading && session->close_waits)
        s_close (self, session);
}

void txc_replica_session_close (txc_replica_t *self, const txc_msg_t *message)
{
    txc_reg_session_t *session = txc_registry_session (&self->registry, message->session);
    if (!session || session->closed || message->cluster != self->registry.cluster) {
        s_say_alive (self, NULL, message->session, message->route);
        return;
    }
    session->route = message->route;
    s_close (self, session);
    if (TXC_MUTANT (CLOSE_NOT_LOGGED))
        s_say_alive (self, NULL, session->number, session->route);
}

/* SessionClose is applied: no Commit of the session can become valid any more, so whatever was not decided is
 * rolled back for ever. */
void txc_replica_session_closed (txc_replica_t *self, txc_reg_session_t *session)
{
    TXC_LIST_EACH (&session->transactions, link)
    {
        txc_gtx_t *gtx = TXC_CONTAINER (link, txc_gtx_t, link);
        if (txc_gtx_is_3pc (gtx) && !TXC_MUTANT (CLOSE_ENDS_3PC)) {
            if (gtx->state == TXC_GTX_PREPARING)
                txc_replica_give_up (self, gtx);
        } else if (gtx->state == TXC_GTX_PREPARING) {
            txc_error_t error;
            txc_error_set (&error, TXC_ESESSION, "the session was closed before the transaction was decided");
            txc_gtx_blame (gtx, &error);
            txc_replica_rolled_back (self, gtx);
        } else if (gtx->state == TXC_GTX_TOLD) {
            txc_replica_transaction_remove (self, gtx);
        }
    }
    s_say_alive (self, session, session->number, session->route);
}

void txc_replica_session_leases (txc_replica_t *self)
{
    uint64_t next = TXC_NEVER_MS;
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->registry.sessions, &cursor); node;
         node = txc_hash_step (&self->registry.sessions, &cursor)) {
        txc_reg_session_t *session = TXC_CONTAINER (node, txc_reg_session_t, node);
        if (session->closed || session->closing)
            continue;
        if (session->lease_ms <= self->now_ms)
            s_close (self, session);
        else if (session->lease_ms < next)
            next = session->lease_ms;
    }
    self->lease_due_ms = next;
}

void txc_replica_session_renew_all (txc_replica_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->registry.sessions, &cursor); node;
         node = txc_hash_step (&self->registry.sessions, &cursor)) {
        txc_reg_session_t *session = TXC_CONTAINER (node, txc_reg_session_t, node);
        if (!session->closed)
            s_renew (self, session);
    }
}

void txc_replica_session_tell_all (txc_replica_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->registry.sessions, &cursor); node;
         node = txc_hash_step (&self->registry.sessions, &cursor)) {
        txc_reg_session_t *session = TXC_CONTAINER (node, txc_reg_session_t, node);
        if (session->closed || session->closing || !session->route)
            continue;
        s_renew (self, session);
        s_say_alive (self, session, session->number, session->route);
    }
}

void txc_replica_session_reset_all (txc_replica_t *self)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&self->registry.sessions, &cursor); node;
         node = txc_hash_step (&self->registry.sessions, &cursor)) {
        txc_reg_session_t *session = TXC_CONTAINER (node, txc_reg_session_t, node);
        session->closing = session->close_waits = false;
        session->told_low = session->swept_low = session->low;
        session->proposed_low = 0;
        session->route = 0;
    }
}

/* Forgets the transactions below the mark whose outcome was told.  That looks at all of the session's: a
 * client with many in flight shall not pay for all of them at each commit. */
static void s_sweep (txc_replica_t *self, txc_reg_session_t *session)
{
    session->swept_low = session->told_low;
    session->swept_left = 0;
    TXC_LIST_EACH (&session->transactions, link)
    {
        txc_gtx_t *gtx = TXC_CONTAINER (link, txc_gtx_t, link);
        if (gtx->state == TXC_GTX_TOLD && gtx->gtrid.n < session->told_low)
            txc_replica_transaction_remove (self, gtx);
        else
            session->swept_left++;
    }
}

void txc_replica_session_low (txc_replica_t *self, txc_reg_session_t *session, uint64_t low, bool eager)
{
    if (low > session->low + 2 * (uint64_t) TXC_WINDOW)
        return; /* beyond any window: not a client of ours speaking */
    if (low > session->told_low)
        session->told_low = low;
    uint64_t passed = session->told_low - session->swept_low;
    if (!eager && (passed == 0 || passed < session->swept_left / SWEEP_PART))
        return;
    s_sweep (self, session);
    if (session->told_low < session->low + (eager ? 1 : MARK_STEP))
        return;
    low = txc_registry_clamp_low (session, session->told_low);
    TXC_LIST_EACH (&session->transactions, link)
    {
        const txc_gtx_t *gtx = TXC_CONTAINER (link, txc_gtx_t, link);
        if (gtx->state != TXC_GTX_TOLD && gtx->gtrid.n < low && !TXC_MUTANT (MARK_PASSES_UNENDED))
            low = gtx->gtrid.n;
    }
    if (low <= session->low || low <= session->proposed_low)
        return;
    session->proposed_low = low;
    txc_rec_t *record = txc_replica_record (self, TXC_REC_MARK);
    record->session = session->number;
    record->low = low;
    txc_replica_propose (self, record, false);
}
