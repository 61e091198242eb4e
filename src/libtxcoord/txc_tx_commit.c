#include "config.h"

#include <sys/eventfd.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "libtxcoord/txc_tx.h"

/* What commit came to.  After errors by which nothing happened the transaction is still open; while the
 * outcome is unknown commit may be called again, to wait on. */
static int s_ended (txc_tx_t *self, int rc)
{
    self->state = rc < 0 || rc == TXC_UNKNOWN || rc == TXC_PENDING ? TXC_TX_OPEN : TXC_TX_OVER;
    if (rc == TXC_OK)
        memset (&self->error, 0, sizeof self->error);
    if (self->state == TXC_TX_OVER)
        txc_enlist_release (self);
    return rc;
}

static void s_begin (txc_tx_t *self)
{
    self->commit = txc_call_new();
    self->commit->background = true;
    self->commit->notify_fd = self->fd;
    txc_session_event_t event = {
        .op = TXC_OP_COMMIT, .tx = self->handle, .flags = txc_tx_commit_flags (self)};
    txc_crew_begin (&self->engine->crew, &event, self->commit, NULL);
}

/* The asynchronous commit needs this thread: enlisted branches are ended on their connections.  Then it goes
 * on. */
static void s_do_work (txc_tx_t *self)
{
    uint64_t count;
    txc_call_destroy (&self->commit);
    if (self->fd >= 0 && read (self->fd, &count, sizeof count) < 0)
        TXC_ASSERT (errno == EAGAIN || errno == EINTR);
    txc_enlist_work (self);
    s_begin (self);
}

/* Takes the outcome of the asynchronous commit, which is done; TXC_PENDING: it goes on. */
static int s_collect (txc_tx_t *self)
{
    int rc = txc_tx_take (self, self->commit);
    if (rc == TXC_SESSION_WORK) {
        s_do_work (self);
        return TXC_PENDING;
    }
    txc_call_destroy (&self->commit);
    self->commit_code = s_ended (self, rc);
    return rc;
}

/* True if commit has begun and is not answered yet, here or in an earlier call. */
static bool s_is_committing (const txc_tx_t *self)
{
    return self && !txc_engine_is_foreign (self->engine) && self->state == TXC_TX_COMMITTING;
}

uint32_t txc_tx_commit_flags (const txc_tx_t *self)
{
    return self->commit_return == TXC_DECISION_LOGGED ? TXC_FLAG_DECISION_LOGGED : 0;
}

int txc_tx_set_commit_return (txc_tx_t *self, txc_commit_return_t commit_return)
{
    int rc = txc_tx_enter (self);
    if (rc != TXC_OK)
        return rc;
    if ((unsigned) commit_return > TXC_DECISION_LOGGED)
        return txc_tx_fail (self, TXC_EINVAL, "commit_return is not one of txc_commit_return_t");
    self->commit_return = commit_return;
    return TXC_OK;
}

int txc_commit_within (txc_tx_t *self, uint32_t wait_ms, int *outcome)
{
    int rc = txc_tx_enter (self);
    if (rc == TXC_OK) {
        txc_tx_settle (self); /* a statement that failed shows in the outcome */
        txc_session_event_t event = {
            .op = TXC_OP_COMMIT, .flags = txc_tx_commit_flags (self), .timeout_ms = wait_ms};
        rc = s_ended (self, txc_tx_run_end (self, &event));
    }
    if (outcome)
        *outcome = rc;
    return rc;
}

int txc_commit (txc_tx_t *self, int *outcome)
{
    int rc;
    if (!s_is_committing (self))
        return txc_commit_within (self, 0, outcome);
    do
        txc_crew_wait (&self->engine->crew, self->commit);
    while ((rc = s_collect (self)) == TXC_PENDING && self->commit);
    if (outcome)
        *outcome = rc;
    return rc;
}

int txc_commit_async (txc_tx_t *self)
{
    int rc = txc_tx_enter (self);
    if (rc != TXC_OK)
        return rc;
    if (!txc_list_is_empty (&self->statements))
        return txc_tx_fail (self, TXC_EPROTO, "statements are under way; call txc_wait first");
    self->commit_code = TXC_PENDING;
    self->state = TXC_TX_COMMITTING;
    s_begin (self);
    return TXC_OK;
}

int txc_commit_poll (txc_tx_t *self)
{
    if (s_is_committing (self))
        return txc_crew_is_done (&self->engine->crew, self->commit) ? s_collect (self) : TXC_PENDING;
    if (self && !txc_engine_is_foreign (self->engine) && self->commit_code != TXC_PENDING)
        return self->commit_code;
    int rc = txc_tx_enter (self);
    return rc == TXC_OK ? txc_tx_fail (self, TXC_EPROTO, "txc_commit_async was not called") : rc;
}

int txc_tx_fd (txc_tx_t *self)
{
    if (!self)
        return TXC_EINVAL;
    if (txc_engine_is_foreign (self->engine))
        return txc_tx_enter (self);
    if (self->fd >= 0)
        return self->fd;
    self->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->fd < 0)
        return txc_error_set (&self->error, TXC_EIO, "cannot make an eventfd: %s", strerror (errno));
    if (self->commit)
        txc_crew_notify (&self->engine->crew, self->commit, self->fd);
    return self->fd;
}
