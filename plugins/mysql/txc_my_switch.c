/*
 * txc_my_switch.c - the table that the agent loads; configuration.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#include "txc_my.h"

/* Passwords have no key: they come from password_file, or from default_file. */
static const char *const s_keys[] = {"socket",
                                     "host",
                                     "port",
                                     "user",
                                     "password_file",
                                     "database",
                                     "default_file",
                                     "default_group",
                                     "ssl_ca",
                                     "ssl_cert",
                                     "ssl_key",
                                     "ssl_verify",
                                     "connect_timeout_ms",
                                     "read_timeout_ms",
                                     "fence_timeout_ms",
                                     "statement_cache",
                                     NULL};

/* --- values ------------------------------------------------------------------------ */

static char *s_text (txc_rm_config_fn *config, void *arg, const char *key)
{
    const char *value = config (arg, key);
    return value && *value ? txc_strdup (value) : NULL;
}

/* A whole number from low to high; unset: the value stays.  False, with error, if it is anything else. */
static bool s_number (const char *name, txc_rm_config_fn *config, void *arg, const char *key, uint32_t low,
                      uint32_t high, uint32_t *value, txc_rm_error_t *error)
{
    const char *text = config (arg, key);
    if (!text)
        return true;
    char *end;
    errno = 0;
    unsigned long long number = strtoull (text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number >= low && number <= high) {
        *value = (uint32_t) number;
        return true;
    }
    txc_my_fail (error, TXC_RM_ERROR, TXC_ECONFIG, "%s: %s = '%.64s': a whole number from %u to %u is wanted",
                 name, key, text, low, high);
    return false;
}

static bool s_numbers (txc_rm_t *rm, txc_rm_config_fn *config, void *arg, txc_rm_error_t *error)
{
    uint32_t verify = rm->ssl_ca != NULL;
    bool good =
        s_number (rm->name, config, arg, "port", 1, 65535, &rm->port, error) &&
        s_number (rm->name, config, arg, "ssl_verify", 0, 1, &verify, error) &&
        s_number (rm->name, config, arg, "connect_timeout_ms", 100, 600000, &rm->connect_timeout_ms, error) &&
        s_number (rm->name, config, arg, "read_timeout_ms", 1000, 86400000, &rm->read_timeout_ms, error) &&
        s_number (rm->name, config, arg, "fence_timeout_ms", 100, 600000, &rm->fence_timeout_ms, error) &&
        s_number (rm->name, config, arg, "statement_cache", 1, 10000, &rm->statement_cache, error);
    rm->ssl_verify = verify != 0;
    return good;
}

/* --- open, close ----------------------------------------------------------------------- */

static pthread_once_t s_library_once = PTHREAD_ONCE_INIT;
static int s_library_rc;

static void s_library_init (void)
{
    s_library_rc = mysql_library_init (0, NULL, NULL);
}

static void s_close (txc_rm_t **rm_p)
{
    txc_rm_t *rm = *rm_p;
    if (!rm)
        return;
    TXC_CHECK (rm, TXC_MY_RM_MAGIC);
    TXC_ASSERT (rm->n_sessions == 0);
    TXC_UNMAGIC (rm, TXC_MY_RM_MAGIC);
    char **texts[] = {&rm->host,         &rm->socket,        &rm->user,   &rm->password_file, &rm->database,
                      &rm->default_file, &rm->default_group, &rm->ssl_ca, &rm->ssl_cert,      &rm->ssl_key};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free (*texts[i]);
    free (rm->sessions);
    int rc = pthread_mutex_destroy (&rm->lock);
    TXC_ASSERT (rc == 0);
    free (rm);
    *rm_p = NULL;
}

static txc_rm_status_t s_open (const char *name, txc_rm_config_fn *config, void *arg, txc_rm_t **rm_p,
                               txc_rm_error_t *error)
{
    *rm_p = NULL;
    pthread_once (&s_library_once, s_library_init);
    if (s_library_rc != 0)
        return txc_my_fail (error, TXC_RM_ERROR, TXC_ENOMEM, "%s: the MySQL client library cannot be set up",
                            name);
    txc_rm_t *rm = txc_calloc (1, sizeof *rm);
    TXC_MAGIC (rm, TXC_MY_RM_MAGIC);
    int rc = pthread_mutex_init (&rm->lock, NULL);
    TXC_ASSERT (rc == 0);
    txc_copy_text (rm->name, sizeof rm->name, name);
    rm->host = s_text (config, arg, "host");
    rm->socket = s_text (config, arg, "socket");
    rm->user = s_text (config, arg, "user");
    rm->password_file = s_text (config, arg, "password_file");
    rm->database = s_text (config, arg, "database");
    rm->default_file = s_text (config, arg, "default_file");
    rm->default_group = s_text (config, arg, "default_group");
    rm->ssl_ca = s_text (config, arg, "ssl_ca");
    rm->ssl_cert = s_text (config, arg, "ssl_cert");
    rm->ssl_key = s_text (config, arg, "ssl_key");
    rm->connect_timeout_ms = 5000;
    rm->read_timeout_ms = 3600000; /* longer than any lock wait: a wait must not look like a lost server */
    rm->fence_timeout_ms = 5000;
    rm->statement_cache = 64;
    bool good = s_numbers (rm, config, arg, error);
    if (good && rm->host && rm->socket) {
        txc_my_fail (error, TXC_RM_ERROR, TXC_ECONFIG, "%s: host and socket are both set: remove one of them",
                     name);
        good = false;
    }
    if (!good) {
        s_close (&rm);
        return TXC_RM_ERROR;
    }
    *rm_p = rm;
    return TXC_RM_OK;
}

/* --- the table --------------------------------------------------------------------------- */

static const txc_rm_switch_t s_switch = {
    .abi = TXC_RM_ABI,
    .name = "mysql",
    .needs_journal = 1, /* the server keeps no record of a branch that ended */
    .detaches = 0,      /* MariaDB lets only the branch's own session end it while that lives */
    .keys = s_keys,
    .open = s_open,
    .close = s_close,
    .connect = txc_my_connect,
    .disconnect = txc_my_disconnect,
    .ping = txc_my_ping,
    .cancel = txc_my_cancel,
    .check = txc_my_check,
    .identity = txc_my_identity,
    .start = txc_my_start,
    .execute = txc_my_execute,
    .prepare = txc_my_prepare,
    .commit_one_phase = txc_my_commit_one_phase,
    .commit_read_only = txc_my_commit_read_only,
    .rollback_active = txc_my_rollback_active,
    .commit = txc_my_commit,
    .rollback = txc_my_rollback,
    .forget = txc_my_forget,
    .recover = txc_my_recover,
    .fence = txc_my_fence,
    .fence_all = txc_my_fence_all,
    .evidence = txc_my_evidence,
    .is_alive = txc_my_is_alive,
};

__attribute__ ((visibility ("default"))) const txc_rm_switch_t *txc_rm_switch (void)
{
    return &s_switch;
}
