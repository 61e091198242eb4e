/*
 * txc_log_impl.h - for tests: a log over a disk of their own.
 */
#ifndef TXC_LOG_IMPL_H
#define TXC_LOG_IMPL_H

#include "log/txc_disk.h"
#include "log/txc_log.h"

/* As txc_log_open.  The disk is given to the log, in any case. */
txc_log_t *txc_log_open_on (txc_disk_t *disk, const txc_log_options_t *options, txc_error_t *error);

#endif
