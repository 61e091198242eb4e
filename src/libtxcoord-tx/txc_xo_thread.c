#include "config.h"

#include "libtxcoord-tx/txc_xo_thread.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_limits.h"
#include "libtxcoord-tx/txc_xo_process.h"

enum { THREAD_MAGIC = 0x7c07c0de };

int txc_xo_thread_say (txc_xo_thread_t *self, int rc, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    vsnprintf (self->reason, sizeof self->reason, format, args);
    va_end (args);
    return rc;
}

/* --- life ----------------------------------------------------------------------- */

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static pthread_key_t s_key;

static void s_destroy (void *arg)
{
    txc_xo_thread_t *self = arg;
    TXC_UNMAGIC (self, THREAD_MAGIC);
    txc_tx_destroy (&self->tx);
    if (self->pid != getpid())
        txc_xo_rms_abandon (&self->rms);
    else if (self->state != TXC_XO_S0) {
        txc_xo_rms_close (&self->rms);
        txc_xo_process_close();
    }
    free (self);
}

static void s_make_key (void)
{
    int rc = pthread_key_create (&s_key, s_destroy);
    TXC_ASSERT (rc == 0);
}

static void s_reset (txc_xo_thread_t *self)
{
    txc_tx_destroy (&self->tx); /* of a parent's: its memory alone */
    txc_xo_rms_abandon (&self->rms);
    memset (self, 0, sizeof *self);
    TXC_MAGIC (self, THREAD_MAGIC);
    self->pid = getpid();
    self->state = TXC_XO_S0;
    self->when_return = TX_COMMIT_COMPLETED;
}

txc_xo_thread_t *txc_xo_thread_self (void)
{
    pthread_once (&s_once, s_make_key);
    txc_xo_thread_t *self = pthread_getspecific (s_key);
    if (!self) {
        self = calloc (1, sizeof *self);
        if (!self)
            return NULL;
        if (pthread_setspecific (s_key, self) != 0) {
            free (self);
            return NULL;
        }
        s_reset (self);
    }
    TXC_CHECK (self, THREAD_MAGIC);
    if (self->pid != getpid())
        s_reset (self);
    return self;
}

int txc_xo_thread_open (txc_xo_thread_t *self)
{
    txc_error_t error;
    if (txc_xo_process_open (&error) != TXC_OK)
        return txc_xo_thread_say (self, txc_xo_of_error (error.code), "%s", error.text);
    char why[TXC_TX_ERROR_SIZE] = "";
    int rc = txc_xo_rms_open_switches (&self->rms, txc_xo_process_config(), why);
    if (rc == TX_OK)
        return TX_OK;
    txc_xo_process_close();
    return txc_xo_thread_say (self, rc, "%s", why);
}

int txc_xo_thread_close (txc_xo_thread_t *self)
{
    TXC_ASSERT (!self->tx);
    txc_xo_rms_close (&self->rms);
    txc_xo_process_close();
    return TX_OK;
}

/* --- transactions ------------------------------------------------------------------ */

static uint64_t s_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_BOOTTIME, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* Begins one, with a branch on each of the thread's connections.  *lost as in txc_xo_rms_enlist. */
static int s_begin (txc_xo_thread_t *self, bool *lost, char *why)
{
    TXC_ASSERT (!self->tx);
    *lost = false;
    const txc_xo_config_t *config = txc_xo_process_config();
    bool bounded = self->timeout > 0 && self->timeout < TXC_XO_TIMEOUT_MAX;
    uint32_t timeout_ms = (bounded ? (uint32_t) self->timeout : (uint32_t) TXC_XO_TIMEOUT_MAX) * 1000;
    txc_tx_options_t options = {
        .timeout_ms = timeout_ms, .isolation = config->isolation, .mode = config->mode};
    self->tx = txc_begin (txc_xo_process_client(), &options);
    if (!self->tx) {
        txc_error_info_t error = txc_last_error();
        snprintf (why, TXC_TX_ERROR_SIZE, "no transaction could begin: %s", error.text);
        return txc_xo_of_error (error.code);
    }
    self->deadline_ms = s_now_ms() + timeout_ms;
    self->bounded = bounded;
    self->doubtful = false;
    int rc = txc_xo_rms_enlist (&self->rms, self->tx, lost, why);
    if (rc != TX_OK)
        txc_tx_destroy (&self->tx); /* which rolls back what had begun */
    return rc;
}

int txc_xo_thread_begin (txc_xo_thread_t *self)
{
    char why[TXC_TX_ERROR_SIZE] = "";
    int rc;
    bool lost;
    size_t tries = 0;
    do {
        lost = false;
        rc = txc_xo_rms_ready (&self->rms, why);
        if (rc == TX_OK)
            rc = s_begin (self, &lost, why);
        /* That a session was lost shows when it is used: each is given one more chance. */
    } while (lost && tries++ < self->rms.n);
    return rc == TX_OK ? rc : txc_xo_thread_say (self, rc, "%s", why);
}

/* The end of the thread's transaction, of which rc tells; TX_FAIL is none. */
static int s_ended (txc_xo_thread_t *self, int rc)
{
    if (txc_xo_is_end (rc))
        txc_tx_destroy (&self->tx);
    return rc;
}

/* What the coordinator has on record of the thread's transaction. */
static int s_ask (txc_xo_thread_t *self)
{
    int outcome = txc_outcome (txc_xo_process_client(), txc_tx_gtrid (self->tx),
                               txc_xo_process_config()->outcome_wait_ms);
    if (txc_xo_of_commit (outcome) == TX_FAIL)
        txc_xo_thread_say (self, TX_FAIL, "the outcome of %s is not known: %s; call again, or txc_outcome",
                           txc_tx_gtrid (self->tx), txc_strerror (outcome));
    else
        txc_xo_thread_say (self, TX_OK, "%s: %s", txc_tx_gtrid (self->tx),
                           outcome == TXC_OK ? "the transaction was committed" : txc_strerror (outcome));
    return outcome;
}

static int s_roll_back (txc_xo_thread_t *self)
{
    int rc = txc_rollback (self->tx);
    if (rc == TXC_OK)
        return TX_OK;
    txc_xo_thread_say (self, TX_FAIL, "%s", txc_tx_error (self->tx).text);
    /* Over already: that is on record.  A rollback that nobody confirmed, of what was never to be committed,
     * is one all the same: presumed abort. */
    if (self->doubtful || rc == TXC_EPROTO)
        return txc_xo_of_rollback (s_ask (self));
    return rc == TXC_EFORKED || rc == TXC_EINVAL ? TX_FAIL : TX_OK;
}

int txc_xo_thread_rollback (txc_xo_thread_t *self)
{
    return s_ended (self, s_roll_back (self));
}

/* Waits for what is left of the time-out, which is none if the program has set none, and for the configured
 * time beyond: a coordinator that never answers does not keep the program for ever. */
static int s_commit (txc_xo_thread_t *self)
{
    uint64_t now_ms = s_now_ms(), wait_ms = txc_xo_process_config()->outcome_wait_ms;
    if (self->bounded && self->deadline_ms > now_ms)
        wait_ms += self->deadline_ms - now_ms;
    return txc_commit_within (self->tx, (uint32_t) wait_ms, NULL);
}

static int s_commit_failed (txc_xo_thread_t *self, int code)
{
    if (code == TXC_EATTACHED)
        return TX_PROTOCOL_ERROR;
    if (code == TXC_EPROTO)
        return txc_xo_of_commit (s_ask (self));
    if (code == TXC_EFORKED || code == TXC_EINVAL)
        return TX_FAIL;
    /* Nothing happened, and nothing will: the function is to end the transaction. */
    int rc = s_roll_back (self);
    return rc == TX_OK ? TX_ROLLBACK : rc == TX_COMMITTED ? TX_OK : rc;
}

int txc_xo_thread_commit (txc_xo_thread_t *self)
{
    txc_tx_set_commit_return (self->tx, self->when_return == TX_COMMIT_DECISION_LOGGED ? TXC_DECISION_LOGGED
                                                                                       : TXC_COMPLETED);
    int rc = s_commit (self);
    if (rc != TXC_OK)
        txc_xo_thread_say (self, rc, "%s: %s", txc_tx_gtrid (self->tx), txc_tx_error (self->tx).text);
    self->doubtful = self->doubtful || rc == TXC_UNKNOWN || rc == TXC_PENDING;
    return s_ended (self, rc < 0 ? s_commit_failed (self, rc) : txc_xo_of_commit (rc));
}

/* --- connections --------------------------------------------------------------------- */

/* The resource manager's section in the configuration, if the driver is one for it. */
static const txc_tx_rm_t *s_configured (txc_xo_thread_t *self, const char *rm, const txc_tx_driver_t *driver)
{
    const txc_tx_rm_t *found = txc_xo_config_rm (txc_xo_process_config(), rm);
    if (!rm || !driver || !driver->kind || !driver->open || !driver->enlist || !driver->close)
        txc_xo_thread_say (self, 0, "a name is needed, and a driver with kind, open, enlist and close");
    else if (!found)
        txc_xo_thread_say (self, 0, "the configuration has no resource manager '%.40s': see rm in tx.cfg(5)",
                           rm);
    else if (strcmp (found->kind, TXC_XO_KIND_XA) == 0)
        txc_xo_thread_say (
            self, 0, "%s: its kind is xa: it has no connection to hand out, tx_open opens its switch", rm);
    else if (strcmp (found->kind, driver->kind) != 0)
        txc_xo_thread_say (self, 0, "%s: the configuration says that its kind is '%s', not '%.40s'", rm,
                           found->kind, driver->kind);
    else
        return found;
    return NULL;
}

void *txc_xo_thread_connection (txc_xo_thread_t *self, const char *rm, const txc_tx_driver_t *driver)
{
    if (self->state == TXC_XO_S0) {
        txc_xo_thread_say (self, 0, "tx_open was not called");
        return NULL;
    }
    const txc_tx_rm_t *configured = s_configured (self, rm, driver);
    if (!configured)
        return NULL;
    void *conn = txc_xo_rms_find (&self->rms, rm);
    if (conn)
        return conn;
    char why[TXC_TX_ERROR_SIZE] = "";
    conn = txc_xo_rms_add (&self->rms, configured, driver, self->tx, why);
    if (!conn)
        txc_xo_thread_say (self, 0, "%s", why);
    return conn;
}

/* --- information -------------------------------------------------------------------- */

static TRANSACTION_STATE s_transaction_state (const txc_xo_thread_t *self)
{
    if (s_now_ms() >= self->deadline_ms)
        return TX_TIMEOUT_ROLLBACK_ONLY;
    bool spoiled = txc_tx_is_rollback_only (self->tx) || txc_xo_rms_spoiled (&self->rms);
    return spoiled ? TX_ROLLBACK_ONLY : TX_ACTIVE;
}

void txc_xo_thread_describe (const txc_xo_thread_t *self, TXINFO *info)
{
    memset (info, 0, sizeof *info);
    info->xid.formatID = NULLXID;
    info->when_return = self->when_return;
    info->transaction_control = txc_xo_is_chained (self->state) ? TX_CHAINED : TX_UNCHAINED;
    info->transaction_timeout = self->timeout;
    info->transaction_state = TX_ACTIVE;
    if (!self->tx)
        return;
    const char *gtrid = txc_tx_gtrid (self->tx);
    size_t size = strlen (gtrid);
    TXC_ASSERT (size > 0 && size <= TXC_GTRID_MAX);
    info->xid.formatID = TXC_FORMAT_ID;
    info->xid.gtrid_length = (long) size;
    /* The thread's transaction is more than any branch of it; but an XID has a qualifier of at least a byte.
     */
    info->xid.bqual_length = 1;
    memcpy (info->xid.data, gtrid, size);
    info->xid.data[size] = '0';
    info->transaction_state = s_transaction_state (self);
}
