#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "libtxcoord/txc_tx.h"

/* --- running scripts ------------------------------------------------------------ */

static void s_send (txc_enlisted_t *self)
{
    if (self->driver.send)
        self->driver.send (self->arg, self->sql);
}

/* The reply of what was sent, and the next statement. */
static void s_receive (txc_enlisted_t *self)
{
    txc_sql_reply_t reply = {0};
    if (self->driver.send)
        self->driver.receive (self->arg, &reply);
    else
        self->driver.run (self->arg, self->sql, &reply);
    txc_script_next (self, &reply);
    if (!self->over)
        s_send (self);
}

static void s_run (txc_enlisted_t *self, uint8_t op)
{
    txc_script_begin (self, op, false);
    if (!self->over)
        s_send (self);
    while (!self->over)
        s_receive (self);
}

/* --- enlisting -------------------------------------------------------------------- */

static txc_enlisted_t *s_find (const txc_tx_t *tx, const char *rm)
{
    txc_enlisted_t *one = tx->enlisted;
    while (one && strcmp (one->rm, rm) != 0)
        one = one->next;
    return one;
}

static void s_free (txc_enlisted_t *self)
{
    if (self->driver.release)
        self->driver.release (self->arg);
    free (self);
}

static char *s_hex (char *to, const char *text)
{
    to += sprintf (to, "X'");
    for (; *text; text++)
        to += sprintf (to, "%02x", (unsigned) (unsigned char) *text);
    return to + sprintf (to, "'");
}

/* The branch's name, as PostgreSQL and as MariaDB spell it. */
static void s_name (txc_enlisted_t *self, const char *gtrid, uint64_t token)
{
    char bqual[TXC_BQUAL_MAX + 1];
    txc_bqual_format (self->rm, token, bqual);
    snprintf (self->gid, sizeof self->gid, "%s:%s", gtrid, bqual);
    char *end = s_hex (self->name, gtrid);
    *end++ = ',';
    end = s_hex (end, bqual);
    sprintf (end, ",%d", TXC_FORMAT_ID);
}

static int s_report (txc_tx_t *tx, txc_enlisted_t *self)
{
    txc_session_event_t event = {.op = TXC_OP_OWNED, .rm = self->rm, .done = &self->done};
    txc_error_t kept = tx->error;
    int rc = txc_tx_run (tx, &event, NULL);
    tx->error = kept;
    return rc;
}

/* Asks the agent for the branch. */
static int s_ask_agent (txc_tx_t *tx, txc_enlisted_t *self)
{
    txc_session_event_t event = {
        .op = TXC_OP_ENLIST, .rm = self->rm, .evidence = self->done.evidence, .identity = self->identity};
    int rc = txc_tx_run (tx, &event, NULL);
    if (rc != TXC_OK)
        return rc;
    const txc_session_t *session = txc_crew_lock (&tx->engine->crew);
    uint64_t token = txc_session_token (session, tx->handle, self->rm);
    txc_crew_unlock (&tx->engine->crew);
    s_name (self, tx->gtrid, token);
    return TXC_OK;
}

static int s_enlist (txc_tx_t *tx, txc_enlisted_t *self)
{
    if (!txc_greeting_recall (self)) {
        s_run (self, TXC_WORK_NONE);
        if (self->done.status != TXC_WORK_OK) {
            tx->error = self->done.error;
            return tx->error.code;
        }
        txc_greeting_keep (self);
    }
    int rc = s_ask_agent (tx, self);
    if (rc != TXC_OK)
        return rc;
    s_run (self, TXC_WORK_EXEC);
    if (self->done.status == TXC_WORK_OK)
        return TXC_OK;
    tx->error = self->done.error;
    /* The agent knows a branch that is not there: it is rolled back, and so is the transaction. */
    self->done.op = TXC_WORK_ROLLBACK;
    self->done.status = self->done.status == TXC_WORK_LOST ? TXC_WORK_LOST : TXC_WORK_OK;
    s_report (tx, self);
    return tx->error.code;
}

int txc_enlist_cb (txc_tx_t *tx, const char *rm, const txc_enlist_driver_t *driver, void *arg)
{
    int rc = txc_tx_enter (tx);
    if (rc == TXC_OK && (!rm || !txc_name_is_valid (rm)))
        rc = txc_tx_fail (tx, TXC_EINVAL, "the resource manager's name is to be 1 to 31 of [a-z0-9_-]");
    if (rc == TXC_OK && s_find (tx, rm)) /* nothing is said on the connection, which may be that one's */
        rc = txc_tx_fail (
            tx, TXC_EPROTO,
            "a connection is enlisted for this resource manager already: run the statements on it");
    bool whole = driver && (driver->run || (driver->send && driver->receive)) &&
                 (driver->dialect == TXC_DIALECT_POSTGRESQL || driver->dialect == TXC_DIALECT_MARIADB);
    whole = whole || (driver && driver->dialect == TXC_DIALECT_CALLS && driver->call);
    if (rc == TXC_OK && !driver)
        rc = txc_tx_fail (
            tx, TXC_EINVAL,
            "the connection cannot be enlisted: it is missing or lost, in a transaction already, "
            "non-blocking, or in pipeline mode");
    if (rc == TXC_OK && !whole)
        rc = txc_tx_fail (tx, TXC_EINVAL,
                          "the driver is to have a dialect, and run, or send and receive, or call");
    if (rc != TXC_OK) {
        if (driver && driver->release)
            driver->release (arg);
        return rc;
    }
    txc_enlisted_t *self = txc_calloc (1, sizeof *self);
    txc_copy_text (self->rm, sizeof self->rm, rm);
    self->driver = *driver;
    self->arg = arg;
    self->isolation = tx->isolation;
    rc = s_enlist (tx, self);
    if (rc != TXC_OK) {
        s_free (self);
        return rc;
    }
    self->next = tx->enlisted;
    tx->enlisted = self;
    return TXC_OK;
}

int txc_enlist_failed (txc_tx_t *tx, const char *rm)
{
    int rc = txc_tx_enter (tx);
    if (rc != TXC_OK)
        return rc;
    txc_enlisted_t *self = rm ? s_find (tx, rm) : NULL;
    if (!self)
        return txc_tx_fail (tx, TXC_ENORM, "no connection is enlisted for that resource manager");
    self->failed = true;
    return TXC_OK;
}

/* --- what the session asks for ------------------------------------------------------- */

/* All of them go on at the same time: each has one statement at its server. */
static void s_run_all (txc_enlisted_t *const *all, uint32_t n)
{
    for (bool any = true; any;) {
        any = false;
        for (uint32_t i = 0; i < n; i++) {
            if (all[i]->over)
                continue;
            s_receive (all[i]);
            any = true;
        }
    }
}

void txc_enlist_work (txc_tx_t *tx)
{
    txc_session_work_t work[TXC_BRANCHES_MAX];
    txc_enlisted_t *all[TXC_BRANCHES_MAX];
    const txc_session_t *session = txc_crew_lock (&tx->engine->crew);
    uint32_t n = txc_session_work (session, tx->handle, work);
    txc_crew_unlock (&tx->engine->crew);
    for (uint32_t i = 0; i < n; i++) {
        all[i] = s_find (tx, work[i].rm);
        TXC_ASSERT (all[i] != NULL);
        txc_script_begin (all[i], work[i].op, work[i].prepared);
        if (!all[i]->over)
            s_send (all[i]);
    }
    s_run_all (all, n);
    for (uint32_t i = 0; i < n; i++)
        s_report (tx, all[i]);
}

void txc_enlist_release (txc_tx_t *tx)
{
    while (tx->enlisted) {
        txc_enlisted_t *self = tx->enlisted;
        tx->enlisted = self->next;
        s_free (self);
    }
}
