#include "config.h"

#include "libtxcoord-tx/txc_xo_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/txc_mem.h"
#include "daemon/txc_config.h"

#define DEFAULT_FILE TXC_SYSCONF_DIR "/tx.cfg"
#define ISOLATIONS   "default|read_committed|repeatable_read|serializable"

static const txc_key_t s_keys[] = {
    {.path = "coordinator", .type = TXC_KEY_STRING, .fallback = "tcp://127.0.0.1:7400"},
    {.path = "mode", .type = TXC_KEY_CHOICE, .fallback = "2pc", .help = "2pc|3pc|paxos"},
    {.path = "isolation", .type = TXC_KEY_CHOICE, .fallback = "default", .help = ISOLATIONS},
    {.path = "connect_timeout", .type = TXC_KEY_DURATION, .fallback = "5s", .min = 1, .max = 3600000},
    {.path = "outcome_wait", .type = TXC_KEY_DURATION, .fallback = "60s", .min = 1, .max = 86400000},
    {0}};

/* The place of a word in ISOLATIONS is its value. */
static txc_isolation_t s_isolation (const char *word)
{
    if (strcmp (word, "read_committed") == 0)
        return TXC_ISOLATION_READ_COMMITTED;
    if (strcmp (word, "repeatable_read") == 0)
        return TXC_ISOLATION_REPEATABLE_READ;
    if (strcmp (word, "serializable") == 0)
        return TXC_ISOLATION_SERIALIZABLE;
    return TXC_ISOLATION_DEFAULT;
}

static void s_take (txc_xo_config_t *self, const txc_config_t *config)
{
    self->coordinator = txc_strdup (txc_config_string (config, "coordinator"));
    snprintf (self->mode, sizeof self->mode, "%s", txc_config_string (config, "mode"));
    self->isolation = s_isolation (txc_config_string (config, "isolation"));
    self->connect_timeout_ms = (uint32_t) txc_config_int (config, "connect_timeout");
    self->outcome_wait_ms = (uint32_t) txc_config_int (config, "outcome_wait");
}

static void s_defaults (txc_xo_config_t *self)
{
    self->coordinator = txc_strdup (s_keys[0].fallback);
    snprintf (self->mode, sizeof self->mode, "2pc");
    self->connect_timeout_ms = 5000;
    self->outcome_wait_ms = 60000;
}

int txc_xo_config_load (txc_xo_config_t *self, txc_error_t *error)
{
    memset (self, 0, sizeof *self);
    const char *file = getenv (TXC_XO_CONFIG_VARIABLE), *endpoints = getenv ("TXCOORD");
    bool named = file && *file;
    if (!named && access (DEFAULT_FILE, F_OK) != 0)
        s_defaults (self);
    else {
        txc_config_t *config = txc_config_load (named ? file : DEFAULT_FILE, s_keys, error);
        if (!config)
            return error->code;
        s_take (self, config);
        txc_config_destroy (&config);
    }
    if (endpoints && *endpoints) {
        free (self->coordinator);
        self->coordinator = txc_strdup (endpoints);
    }
    return TXC_OK;
}

void txc_xo_config_fini (txc_xo_config_t *self)
{
    free (self->coordinator);
    memset (self, 0, sizeof *self);
}
