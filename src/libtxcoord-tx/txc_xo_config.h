/*
 * txc_xo_config.h - the configuration of programs that use the TX interface: tx.cfg(5).
 */
#ifndef TXC_XO_CONFIG_H
#define TXC_XO_CONFIG_H

#include <stdint.h>

#include <txcoord/txc_tx_driver.h>

#include "base/txc_limits.h"
#include "core/txc_message.h"
#include "daemon/txc_config.h"

#define TXC_XO_CONFIG_VARIABLE "TXCOORD_TX_CONFIG"
#define TXC_XO_KIND_XA         "xa"

typedef struct txc_xo_config {
    char *coordinator; /* owned */
    char mode[8];
    txc_isolation_t isolation;
    uint32_t connect_timeout_ms;
    uint32_t outcome_wait_ms;
    txc_config_t *file; /* owned; NULL: there is none.  The strings of rms are in it. */
    size_t n_rms;
    txc_tx_rm_t rms[TXC_BRANCHES_MAX]; /* in the file's order */
} txc_xo_config_t;

/* Reads the file that $TXCOORD_TX_CONFIG names, or /etc/txcoord/tx.cfg; if there is no such file, everything
 * is at its default.  $TXCOORD stands above the file's coordinator, as with the tools.  TXC_OK, TXC_ECONFIG,
 * TXC_EIO; after an error self is empty. */
int txc_xo_config_load (txc_xo_config_t *self, txc_error_t *error);

void txc_xo_config_fini (txc_xo_config_t *self);

/* The resource manager of that name; NULL: the file has no such section. */
const txc_tx_rm_t *txc_xo_config_rm (const txc_xo_config_t *self, const char *name);

#endif
