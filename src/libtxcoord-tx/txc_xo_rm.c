#include "config.h"

#include "libtxcoord-tx/txc_xo_rm.h"

#include <stdio.h>
#include <string.h>

#include <tx.h>

#include "base/txc_assert.h"
#include "libtxcoord-tx/txc_xo_state.h"
#include "libtxcoord-tx/txc_xo_xa.h"

/* Of MariaDB and MySQL: ER_XAER_OUTSIDE, and ER_CANT_CHANGE_TX_CHARACTERISTICS while a transaction is open.
 */
enum { XAER_OUTSIDE_OF_SERVERS = 1400, CHARACTERISTICS_OF_SERVERS = 1568 };

/* --- opening, closing --------------------------------------------------------------- */

static void s_append (txc_xo_rms_t *self, const txc_tx_rm_t *rm, const txc_tx_driver_t *driver, void *conn)
{
    TXC_ASSERT (self->n < TXC_BRANCHES_MAX); /* the configuration has no more, and each is here once */
    self->items[self->n++] = (txc_xo_rm_t){rm, driver, conn};
}

int txc_xo_rms_open_switches (txc_xo_rms_t *self, const txc_xo_config_t *config, char *why)
{
    for (size_t i = 0; i < config->n_rms; i++) {
        const txc_tx_rm_t *rm = &config->rms[i];
        if (strcmp (rm->kind, TXC_XO_KIND_XA) != 0)
            continue;
        void *conn;
        int rc = txc_xo_xa_open (rm, (int) i + 1, &conn, why);
        if (rc != TX_OK) {
            txc_xo_rms_close (self);
            return rc;
        }
        s_append (self, rm, &txc_xo_xa_driver, conn);
    }
    return TX_OK;
}

void *txc_xo_rms_find (const txc_xo_rms_t *self, const char *name)
{
    for (size_t i = 0; i < self->n; i++)
        if (strcmp (self->items[i].rm->name, name) == 0)
            return self->items[i].conn;
    return NULL;
}

void *txc_xo_rms_add (txc_xo_rms_t *self, const txc_tx_rm_t *rm, const txc_tx_driver_t *driver, txc_tx_t *tx,
                      char *why)
{
    why[0] = '\0';
    void *conn = driver->open (rm, why);
    if (!conn)
        return NULL;
    if (tx && driver->enlist (tx, rm->name, conn) != TXC_OK) {
        snprintf (why, TXC_TX_ERROR_SIZE, "%s: %s", rm->name, txc_tx_error (tx).text);
        driver->close (conn);
        return NULL;
    }
    s_append (self, rm, driver, conn);
    return conn;
}

void txc_xo_rms_close (txc_xo_rms_t *self)
{
    while (self->n > 0) {
        const txc_xo_rm_t *one = &self->items[--self->n];
        one->driver->close (one->conn);
    }
}

void txc_xo_rms_abandon (txc_xo_rms_t *self)
{
    while (self->n > 0) {
        const txc_xo_rm_t *one = &self->items[--self->n];
        if (one->driver->abandon)
            one->driver->abandon (one->conn);
    }
}

/* --- transactions ---------------------------------------------------------------------- */

static bool s_is_lost (const txc_xo_rm_t *one)
{
    return one->driver->lost && one->driver->reopen && one->driver->lost (one->conn);
}

int txc_xo_rms_ready (txc_xo_rms_t *self, char *why)
{
    for (size_t i = 0; i < self->n; i++) {
        const txc_xo_rm_t *one = &self->items[i];
        char text[TXC_TX_ERROR_SIZE] = "";
        if (s_is_lost (one) && one->driver->reopen (one->conn, one->rm, text) != TXC_OK) {
            snprintf (why, TXC_TX_ERROR_SIZE, "the connection was lost: %.200s", text);
            return TX_ERROR;
        }
        const char *outside = one->driver->outside ? one->driver->outside (one->conn) : NULL;
        if (outside) {
            snprintf (why, TXC_TX_ERROR_SIZE, "%s: %.200s", one->rm->name, outside);
            return TX_OUTSIDE;
        }
    }
    return TX_OK;
}

/* What tx_begin gives for a branch that did not begin. */
static int s_of_enlist (const txc_error_info_t *error)
{
    if (error->code == TXC_EPROTO || error->native == XAER_OUTSIDE_OF_SERVERS ||
        error->native == CHARACTERISTICS_OF_SERVERS)
        return TX_OUTSIDE;
    bool refused = error->code == TXC_ERM || error->code == TXC_EBRANCH || error->code == TXC_ENORM;
    return refused ? TX_ERROR : txc_xo_of_error (error->code);
}

int txc_xo_rms_enlist (txc_xo_rms_t *self, txc_tx_t *tx, bool *lost, char *why)
{
    *lost = false;
    for (size_t i = 0; i < self->n; i++) {
        const txc_xo_rm_t *one = &self->items[i];
        if (one->driver->enlist (tx, one->rm->name, one->conn) == TXC_OK)
            continue;
        txc_error_info_t error = txc_tx_error (tx);
        snprintf (why, TXC_TX_ERROR_SIZE, "%s: %s", one->rm->name, error.text);
        *lost = s_is_lost (one);
        return s_of_enlist (&error);
    }
    return TX_OK;
}

bool txc_xo_rms_spoiled (const txc_xo_rms_t *self)
{
    for (size_t i = 0; i < self->n; i++)
        if (self->items[i].driver->spoiled && self->items[i].driver->spoiled (self->items[i].conn))
            return true;
    return false;
}
