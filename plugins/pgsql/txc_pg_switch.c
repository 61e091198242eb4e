/*
 * txc_pg_switch.c - the plugin's table, and the configuration of a resource manager.
 */
#include "txc_pg.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

static const char *const s_keys[] = {
    "conninfo",         /* libpq's connection string or URI, without a password */
    "password_file",    /* a file with the password in its first line, readable by its owner only */
    "statement_cache",  /* texts kept for each connection [256], 0: none */
    "fence_timeout_ms", /* how long to wait until a session that is to end is gone [5000] */
    NULL,
};

static bool s_number (txc_rm_config_fn *config, void *arg, const char *key, uint32_t usual, uint32_t max,
                      uint32_t *value, txc_rm_error_t *error)
{
    const char *text = config (arg, key);
    *value = usual;
    if (text == NULL)
        return true;
    char *end;
    unsigned long number = strtoul (text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || number > max) {
        txc_pg_fail (error, TXC_RM_ERROR, TXC_ECONFIG, "%s = %.40s: a number from 0 to %u is needed", key,
                     text, max);
        return false;
    }
    *value = (uint32_t) number;
    return true;
}

static bool s_check_conninfo (const char *conninfo, txc_rm_error_t *error)
{
    if (conninfo == NULL) {
        txc_pg_fail (error, TXC_RM_ERROR, TXC_ECONFIG,
                     "conninfo is missing: libpq's connection string, for example \"host=/run/postgresql "
                     "dbname=bank\"");
        return false;
    }
    char *problem = NULL;
    PQconninfoOption *options = PQconninfoParse (conninfo, &problem);
    bool password = false;
    for (const PQconninfoOption *at = options; at && at->keyword; at++)
        password |= strcmp (at->keyword, "password") == 0 && at->val != NULL;
    /* What libpq says of a bad string may repeat a part of it. */
    if (options == NULL)
        txc_pg_fail (error, TXC_RM_ERROR, TXC_ECONFIG, "conninfo is not a connection string of libpq: %.*s",
                     problem ? (int) strcspn (problem, "\n") : 0, problem ? problem : "");
    else if (password)
        txc_pg_fail (
            error, TXC_RM_ERROR, TXC_ECONFIG,
            "conninfo contains a password: put it into password_file, or use libpq's passfile or service");
    bool ok = options && !password;
    PQfreemem (problem);
    PQconninfoFree (options);
    return ok;
}

static txc_rm_status_t s_open (const char *name, txc_rm_config_fn *config, void *arg, txc_rm_t **rm_p,
                               txc_rm_error_t *error)
{
    *rm_p = NULL;
    txc_rm_t rm = {.magic = TXC_PG_RM_MAGIC};
    if (!PQisthreadsafe())
        return txc_pg_fail (error, TXC_RM_ERROR, TXC_ECONFIG, "this libpq is not thread-safe");
    if (!s_check_conninfo (config (arg, "conninfo"), error) ||
        !s_number (config, arg, "statement_cache", 256, 100000, &rm.statement_cache, error) ||
        !s_number (config, arg, "fence_timeout_ms", 5000, 600000, &rm.fence_timeout_ms, error) ||
        /* the agent's own keys: compared with max_prepared_transactions */
        !s_number (config, arg, "connections", 0, UINT32_MAX, &rm.max_branches, error) ||
        !s_number (config, arg, "max_branches", rm.max_branches, UINT32_MAX, &rm.max_branches, error))
        return TXC_RM_ERROR;
    const char *last = config (arg, "last_resource"); /* the agent's own key, a checked one */
    rm.last_resource = last && strcmp (last, "1") == 0;
    if (rm.fence_timeout_ms == 0)
        return txc_pg_fail (error, TXC_RM_ERROR, TXC_ECONFIG, "fence_timeout_ms = 0: at least 1 is needed");
    txc_copy_text (rm.name, sizeof rm.name, name);
    rm.conninfo = txc_strdup (config (arg, "conninfo"));
    const char *password_file = config (arg, "password_file");
    rm.password_file = password_file ? txc_strdup (password_file) : NULL;
    *rm_p = txc_malloc (sizeof **rm_p);
    **rm_p = rm;
    return TXC_RM_OK;
}

static void s_close (txc_rm_t **rm_p)
{
    txc_rm_t *rm = *rm_p;
    if (rm == NULL)
        return;
    TXC_CHECK (rm, TXC_PG_RM_MAGIC);
    TXC_UNMAGIC (rm, TXC_PG_RM_MAGIC);
    free (rm->conninfo);
    free (rm->password_file);
    free (rm);
    *rm_p = NULL;
}

__attribute__ ((visibility ("default"))) const txc_rm_switch_t *txc_rm_switch (void)
{
    static const txc_rm_switch_t table = {
        .abi = TXC_RM_ABI,
        .name = "pgsql",
        .needs_journal = 0,
        .detaches = 1,
        .keys = s_keys,
        .open = s_open,
        .close = s_close,
        .connect = txc_pg_connect,
        .disconnect = txc_pg_disconnect,
        .ping = txc_pg_ping,
        .cancel = txc_pg_cancel,
        .check = txc_pg_check,
        .identity = txc_pg_identity,
        .start = txc_pg_start,
        .execute = txc_pg_execute,
        .prepare = txc_pg_prepare,
        .commit_one_phase = txc_pg_commit_one_phase,
        .commit_read_only = txc_pg_commit_read_only,
        .rollback_active = txc_pg_rollback_active,
        .commit = txc_pg_commit,
        .rollback = txc_pg_rollback,
        .forget = txc_pg_forget,
        .recover = txc_pg_recover,
        .fence = txc_pg_fence,
        .fence_all = txc_pg_fence_all,
        .evidence = txc_pg_evidence,
        .refuse = txc_pg_refuse,
        .is_alive = txc_pg_is_alive,
    };
    return &table;
}
