#include "config.h"

#include "tx_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <txcoord/txc_xa.h>
#include <txcoord/txc_xopen.h>

#include "txc_test.h"

/* --- a client library that does what it is told ---------------------------------------- */

struct txc_client {
    int unused;
};
tx_world_script_t tx_script;
tx_world_seen_t tx_seen;
tx_world_xa_t tx_xa;

txc_client_t *txc_client_new (const char *endpoints, const txc_client_options_t *options)
{
    assert_string_equal (endpoints, "ipc:///test");
    assert_int_equal (options->connect_timeout_ms, 700);
    if (tx_script.connect != TXC_OK)
        return NULL;
    tx_seen.clients++;
    return calloc (1, sizeof (txc_client_t));
}

void txc_client_destroy (txc_client_t **self_p)
{
    if (!*self_p)
        return;
    tx_seen.clients--;
    free (*self_p);
    *self_p = NULL;
}

txc_error_info_t txc_last_error (void)
{
    int code = tx_script.connect != TXC_OK ? tx_script.connect : tx_script.begin;
    return (txc_error_info_t){.code = code, .text = "as told"};
}

txc_tx_t *txc_begin (txc_client_t *client, const txc_tx_options_t *options)
{
    assert_non_null (client);
    assert_string_equal (options->mode, "2pc");
    assert_int_equal (options->isolation, TXC_ISOLATION_SERIALIZABLE);
    tx_seen.timeout_ms = options->timeout_ms;
    if (tx_script.begin != TXC_OK)
        return NULL;
    tx_seen.transactions++;
    txc_tx_t *self = calloc (1, sizeof *self);
    snprintf (self->gtrid, sizeof self->gtrid, "txc-1.2.%xp", ++tx_seen.begun);
    return self;
}

void txc_tx_destroy (txc_tx_t **self_p)
{
    if (!*self_p)
        return;
    tx_seen.transactions--;
    free (*self_p);
    *self_p = NULL;
}

const char *txc_tx_gtrid (const txc_tx_t *self)
{
    return self->gtrid;
}

txc_error_info_t txc_tx_error (const txc_tx_t *self)
{
    txc_error_info_t error = self->error;
    if (!error.text)
        error.text = "as told";
    return error;
}

int txc_tx_is_rollback_only (const txc_tx_t *self)
{
    return self->spoiled;
}

int txc_tx_set_commit_return (txc_tx_t *self, txc_commit_return_t commit_return)
{
    assert_non_null (self);
    tx_seen.commit_return = commit_return;
    return TXC_OK;
}

int txc_commit_within (txc_tx_t *self, uint32_t wait_ms, int *outcome)
{
    assert_non_null (self);
    assert_null (outcome);
    tx_seen.commit_wait_ms = wait_ms;
    return tx_script.commit;
}

int txc_rollback (txc_tx_t *self)
{
    assert_non_null (self);
    return tx_script.rollback;
}

int txc_outcome (txc_client_t *client, const char *gtrid, uint32_t timeout_ms)
{
    assert_non_null (client);
    assert_int_equal (strncmp (gtrid, "txc-", 4), 0);
    assert_int_equal (timeout_ms, 20);
    return tx_script.outcome;
}

const struct xa_switch_t *txc_xa_load (const char *file, const char *symbol, char *error, size_t size)
{
    assert_string_equal (file, "/some/where.so");
    assert_string_equal (symbol, "vendor_xa");
    if (!tx_xa.xa)
        snprintf (error, size, "there is none");
    return tx_xa.xa;
}

int txc_enlist_xa (txc_tx_t *tx, const char *rm, const struct xa_switch_t *xa, int rmid)
{
    assert_ptr_equal (xa, tx_xa.xa);
    assert_string_equal (rm, "vendor");
    int code = tx_xa.enlist;
    if (code == TXC_ERMFAIL)
        tx_xa.enlist = TXC_OK;
    tx_xa.enlisted += code == TXC_OK;
    tx_xa.rmid = rmid;
    tx->error.code = code;
    return code;
}

/* --- states: reached, and told, by the interface alone ------------------------------------ */

int tx_world_state (void)
{
    TXINFO info;
    int rc = tx_info (&info);
    if (rc == TX_PROTOCOL_ERROR)
        return 0;
    assert_true (rc == 0 || rc == 1);
    assert_int_equal (rc == 1, info.xid.formatID != NULLXID);
    assert_int_equal (rc == 1, txc_tx_current() != NULL);
    return 1 + 2 * rc + (info.transaction_control == TX_CHAINED);
}

void tx_world_all_well (void)
{
    memset (&tx_script, 0, sizeof tx_script);
}

/* From whatever state. */
void tx_world_reach (int state)
{
    tx_world_all_well();
    if (tx_world_state() != 0)
        assert_int_equal (tx_set_transaction_control (TX_UNCHAINED), TX_OK);
    if (tx_world_state() >= 3)
        assert_int_equal (tx_rollback(), TX_OK);
    assert_int_equal (tx_close(), TX_OK);
    assert_int_equal (tx_seen.transactions, 0);
    assert_int_equal (tx_seen.clients, 0);
    if (state == 0)
        return;
    assert_int_equal (tx_open(), TX_OK);
    assert_int_equal (tx_set_commit_return (TX_COMMIT_COMPLETED), TX_OK);
    assert_int_equal (tx_set_transaction_timeout (0), TX_OK);
    if (state == 2 || state == 4)
        assert_int_equal (tx_set_transaction_control (TX_CHAINED), TX_OK);
    if (state >= 3)
        assert_int_equal (tx_begin(), TX_OK);
    assert_int_equal (tx_world_state(), state);
}

/* --- its configuration -------------------------------------------------------------------- */

char tx_world_file[64];

void tx_world_configure (const char *text)
{
    FILE *file = fopen (tx_world_file, "w");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
}

void tx_world_begin (void)
{
    snprintf (tx_world_file, sizeof tx_world_file, "/tmp/txc-tx.XXXXXX");
    int fd = mkstemp (tx_world_file);
    assert_true (fd >= 0);
    close (fd);
    unsetenv ("TXCOORD");
    setenv ("TXCOORD_TX_CONFIG", tx_world_file, 1);
    tx_world_configure (TX_WORLD_CONFIG);
}

void tx_world_end (void)
{
    tx_world_reach (0);
    unlink (tx_world_file);
}
