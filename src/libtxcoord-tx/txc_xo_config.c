#include "config.h"

#include "libtxcoord-tx/txc_xo_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/txc_mem.h"

#define DEFAULT_FILE TXC_SYSCONF_DIR "/tx.cfg"
#define ISOLATIONS   "default|read_committed|repeatable_read|serializable"

static const txc_key_t s_keys[] = {
    {.path = "coordinator", .type = TXC_KEY_STRING, .fallback = "tcp://127.0.0.1:7400"},
    {.path = "mode", .type = TXC_KEY_CHOICE, .fallback = "2pc", .help = "2pc|3pc|paxos"},
    {.path = "isolation", .type = TXC_KEY_CHOICE, .fallback = "default", .help = ISOLATIONS},
    {.path = "connect_timeout", .type = TXC_KEY_DURATION, .fallback = "5s", .min = 1, .max = 3600000},
    {.path = "outcome_wait", .type = TXC_KEY_DURATION, .fallback = "60s", .min = 1, .max = 86400000},
    {.path = "rm/?/kind",
     .type = TXC_KEY_NAME,
     .flags = TXC_KEY_REQUIRED,
     .help = "pgsql, mysql, xa, or a driver's own"},
    {.path = "rm/?/conninfo", .type = TXC_KEY_STRING},
    {.path = "rm/?/host", .type = TXC_KEY_STRING},
    {.path = "rm/?/port", .type = TXC_KEY_INT, .min = 1, .max = 65535},
    {.path = "rm/?/socket", .type = TXC_KEY_STRING},
    {.path = "rm/?/user", .type = TXC_KEY_STRING},
    {.path = "rm/?/password_file", .type = TXC_KEY_STRING},
    {.path = "rm/?/database", .type = TXC_KEY_STRING},
    {.path = "rm/?/default_file", .type = TXC_KEY_STRING},
    {.path = "rm/?/default_group", .type = TXC_KEY_STRING},
    {.path = "rm/?/switch", .type = TXC_KEY_STRING},
    {.path = "rm/?/symbol", .type = TXC_KEY_STRING},
    {.path = "rm/?/open_info", .type = TXC_KEY_STRING},
    {.path = "rm/?/close_info", .type = TXC_KEY_STRING},
    {.path = "rm/?/info", .type = TXC_KEY_STRING},
    {0}};

/* Which of them a kind has, and which of those it cannot do without. */
static const struct {
    const char *kind;
    const char *keys[9], *required[3];
} s_kinds[] = {
    {"pgsql", {"conninfo"}, {"conninfo"}},
    {"mysql",
     {"host", "port", "socket", "user", "password_file", "database", "default_file", "default_group"},
     {NULL}},
    {TXC_XO_KIND_XA, {"switch", "symbol", "open_info", "close_info"}, {"switch", "symbol"}},
    {NULL, {"info"}, {NULL}}, /* any other */
};

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

/* --- resource managers ---------------------------------------------------------------- */

static bool s_has (const char *const *list, const char *key)
{
    while (*list && strcmp (*list, key) != 0)
        list++;
    return *list != NULL;
}

static const char *s_path (const char *rm, const char *key, char path[128])
{
    snprintf (path, 128, "rm/%.31s/%.64s", rm, key);
    return path;
}

static const char *s_text (const txc_config_t *config, const char *rm, const char *key)
{
    char path[128];
    return txc_config_string (config, s_path (rm, key, path));
}

/* Every key of the section is one of its kind, and none is missing. */
static int s_check (const txc_config_t *config, const char *rm, const char *kind, txc_error_t *error)
{
    char section[64], path[128];
    const char *key;
    unsigned k = 0;
    while (s_kinds[k].kind && strcmp (s_kinds[k].kind, kind) != 0)
        k++;
    snprintf (section, sizeof section, "rm/%.31s", rm);
    for (size_t i = 0; (key = txc_config_child (config, section, i)) != NULL; i++)
        if (strcmp (key, "kind") != 0 && !s_has (s_kinds[k].keys, key))
            return txc_error_set (error, TXC_ECONFIG,
                                  "rm/%.31s/%.31s (line %u): the kind '%.31s' has no such key", rm, key,
                                  txc_config_line (config, s_path (rm, key, path)), kind);
    for (const char *const *one = s_kinds[k].required; *one; one++)
        if (!s_text (config, rm, *one))
            return txc_error_set (error, TXC_ECONFIG,
                                  "rm/%.31s (line %u): the kind '%.31s' needs the key '%s'", rm,
                                  txc_config_line (config, section), kind, *one);
    return TXC_OK;
}

static void s_fill (txc_tx_rm_t *rm, const txc_config_t *config, const txc_xo_config_t *self)
{
    char path[128];
    rm->isolation = self->isolation;
    rm->connect_timeout_ms = self->connect_timeout_ms;
    rm->conninfo = s_text (config, rm->name, "conninfo");
    rm->host = s_text (config, rm->name, "host");
    rm->port = (uint32_t) txc_config_int (config, s_path (rm->name, "port", path));
    rm->socket = s_text (config, rm->name, "socket");
    rm->user = s_text (config, rm->name, "user");
    rm->password_file = s_text (config, rm->name, "password_file");
    rm->database = s_text (config, rm->name, "database");
    rm->default_file = s_text (config, rm->name, "default_file");
    rm->default_group = s_text (config, rm->name, "default_group");
    rm->shared_object = s_text (config, rm->name, "switch");
    rm->symbol = s_text (config, rm->name, "symbol");
    rm->open_info = s_text (config, rm->name, "open_info");
    rm->close_info = s_text (config, rm->name, "close_info");
    rm->info = s_text (config, rm->name, "info");
}

static int s_rms (txc_xo_config_t *self, txc_error_t *error)
{
    const char *name;
    for (; (name = txc_config_child (self->file, "rm", self->n_rms)) != NULL; self->n_rms++) {
        if (self->n_rms == TXC_BRANCHES_MAX)
            return txc_error_set (error, TXC_ECONFIG, "rm: a transaction has at most %d branches",
                                  TXC_BRANCHES_MAX);
        txc_tx_rm_t *rm = &self->rms[self->n_rms];
        rm->name = name;
        rm->kind = s_text (self->file, name, "kind");
        int rc = s_check (self->file, name, rm->kind, error);
        if (rc != TXC_OK)
            return rc;
        s_fill (rm, self->file, self);
    }
    if (self->n_rms > 0 && strcmp (self->mode, "3pc") == 0)
        return txc_error_set (
            error, TXC_ECONFIG,
            "mode = 3pc: agents alone end such transactions, so that the program can have no "
            "resource managers of its own (section rm)");
    return TXC_OK;
}

/* --- the file ---------------------------------------------------------------------------- */

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
        self->file = txc_config_load (named ? file : DEFAULT_FILE, s_keys, error);
        if (!self->file)
            return error->code;
        s_take (self, self->file);
        int rc = s_rms (self, error);
        if (rc != TXC_OK) {
            txc_xo_config_fini (self);
            return rc;
        }
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
    if (self->file)
        txc_config_destroy (&self->file);
    memset (self, 0, sizeof *self);
}

const txc_tx_rm_t *txc_xo_config_rm (const txc_xo_config_t *self, const char *name)
{
    for (size_t i = 0; name && i < self->n_rms; i++)
        if (strcmp (self->rms[i].name, name) == 0)
            return &self->rms[i];
    return NULL;
}
