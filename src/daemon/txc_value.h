/*
 * txc_value.h - a configuration value: its text checked and turned into a number.
 */
#ifndef TXC_VALUE_H
#define TXC_VALUE_H

#include <stdint.h>

#include "daemon/txc_config.h"

/* Checks text as a value of key.  number, if not NULL, takes what it means (0 for text).  NULL if it is
 * valid, otherwise what is allowed; room is for that text. */
const char *txc_value_check (const txc_key_t *key, const char *text, int64_t *number, char room[160]);

#endif
