#include "config.h"

#include "libtxcoord-tx/txc_xo_xa.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tx.h>

#include <txcoord/txc_xa.h>

#include "xa/xa_code.h"

typedef struct opened {
    const struct xa_switch_t *xa;
    int rmid;
    bool lost; /* it said that it is not to be had any more: XAER_RMFAIL */
    char open_info[MAXINFOSIZE], close_info[MAXINFOSIZE];
} opened_t;

static int s_call_open (const opened_t *self)
{
    char info[MAXINFOSIZE]; /* switches take it without const */
    memcpy (info, self->open_info, sizeof info);
    return self->xa->xa_open_entry (info, self->rmid, TMNOFLAGS);
}

static void s_call_close (const opened_t *self)
{
    char info[MAXINFOSIZE];
    memcpy (info, self->close_info, sizeof info);
    self->xa->xa_close_entry (info, self->rmid, TMNOFLAGS);
}

static bool s_info (char to[MAXINFOSIZE], const char *from)
{
    return snprintf (to, MAXINFOSIZE, "%s", from ? from : "") < MAXINFOSIZE;
}

/* A switch that is whole enough to be opened and closed; txc_enlist_xa looks at the rest. */
static const struct xa_switch_t *s_load (const txc_tx_rm_t *rm, char *why)
{
    char text[200];
    const struct xa_switch_t *xa = txc_xa_load (rm->shared_object, rm->symbol, text, sizeof text);
    if (!xa)
        snprintf (why, TXC_TX_ERROR_SIZE, "%s: %s", rm->name, text);
    else if (xa->version != 0 || !xa->xa_open_entry || !xa->xa_close_entry) {
        snprintf (why, TXC_TX_ERROR_SIZE, "%s: '%.60s' is no XA switch of version 0", rm->name, rm->symbol);
        xa = NULL;
    }
    return xa;
}

int txc_xo_xa_open (const txc_tx_rm_t *rm, int rmid, void **conn_p, char *why)
{
    opened_t *self = calloc (1, sizeof *self);
    if (!self) {
        snprintf (why, TXC_TX_ERROR_SIZE, "%s: out of memory", rm->name);
        return TX_FAIL;
    }
    self->rmid = rmid;
    self->xa = s_load (rm, why);
    int rc = TX_FAIL;
    if (self->xa && (!s_info (self->open_info, rm->open_info) || !s_info (self->close_info, rm->close_info)))
        snprintf (why, TXC_TX_ERROR_SIZE, "%s: open_info and close_info have at most %d bytes", rm->name,
                  MAXINFOSIZE - 1);
    else if (self->xa) {
        int code = s_call_open (self);
        rc = code == XA_OK ? TX_OK : code == XAER_RMERR || code == XAER_RMFAIL ? TX_ERROR : TX_FAIL;
        snprintf (why, TXC_TX_ERROR_SIZE, "%s: xa_open of %.32s: %s (%d)", rm->name, self->xa->name,
                  xa_code_name (code), code);
    }
    if (rc == TX_OK)
        *conn_p = self;
    else
        free (self);
    return rc;
}

/* --- the driver ------------------------------------------------------------------------ */

static int s_lost (void *conn)
{
    return ((const opened_t *) conn)->lost;
}

static int s_reopen (void *conn, const txc_tx_rm_t *rm, char *error)
{
    opened_t *self = conn;
    s_call_close (self);
    int code = s_call_open (self);
    self->lost = code != XA_OK;
    if (self->lost)
        snprintf (error, TXC_TX_ERROR_SIZE, "xa_open of %s: %s (%d)", rm->name, xa_code_name (code), code);
    return self->lost ? TXC_ERMFAIL : TXC_OK;
}

static int s_enlist (txc_tx_t *tx, const char *rm, void *conn)
{
    opened_t *self = conn;
    int rc = txc_enlist_xa (tx, rm, self->xa, self->rmid);
    self->lost = rc == TXC_ERMFAIL;
    return rc;
}

static void s_close (void *conn)
{
    s_call_close (conn);
    free (conn);
}

const txc_tx_driver_t txc_xo_xa_driver = {
    .kind = "xa", .lost = s_lost, .reopen = s_reopen, .enlist = s_enlist, .close = s_close, .abandon = free};
