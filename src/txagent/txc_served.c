#include "config.h"

#include "txagent/txc_served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "log/txc_log.h"

#define KILO 1024
#define MEGA (1024 * 1024)

/* clang-format off */
const txc_key_t txc_agent_keys[] = {
    {"agent/name", TXC_KEY_NAME, TXC_KEY_REQUIRED, NULL, 0, 0, "tells this agent from the others of the cluster"},
    {"agent/bind", TXC_KEY_ENDPOINT, TXC_KEY_REPEATABLE, NULL, 0, 0, NULL},
    {"agent/advertise", TXC_KEY_ENDPOINT, 0, NULL, 0, 0, "where clients reach the agent"},
    {"agent/coordinator", TXC_KEY_ENDPOINT, TXC_KEY_REQUIRED | TXC_KEY_REPEATABLE, NULL, 0, 0, NULL},
    {"agent/insecure", TXC_KEY_BOOL, 0, "0", 0, 0, NULL},
    {"agent/plugins", TXC_KEY_STRING, 0, TXC_PLUGIN_DIR, 0, 0, "folders, separated by ':'"},
    {"agent/strict", TXC_KEY_BOOL, 0, "0", 0, 0, NULL},
    {"agent/drain_timeout", TXC_KEY_DURATION, TXC_KEY_RELOADABLE, "10s", 0, 3600000, NULL},
    {"agent/branch_timeout", TXC_KEY_DURATION, 0, "60s", 100, 86400000, NULL},
    {"agent/scan", TXC_KEY_DURATION, 0, "10s", 100, 3600000, NULL},
    {"agent/inquiry", TXC_KEY_DURATION, 0, "2s", 50, 30000, NULL},
    {"agent/termination", TXC_KEY_CHOICE, 0, "quorum", 0, 0, "quorum|timeout"},
    {"agent/terminate", TXC_KEY_DURATION, 0, "5s", 100, 600000, NULL},
    {"agent/heartbeat", TXC_KEY_DURATION, 0, "1s", 50, 60000, NULL},
    {"agent/max_ended", TXC_KEY_INT, 0, "100000", 100, 10000000, NULL},
    {"report/level", TXC_KEY_CHOICE, TXC_KEY_RELOADABLE, "info", 0, 0, "error|warning|notice|info|debug"},
    {"journal/folder", TXC_KEY_STRING, TXC_KEY_REQUIRED, NULL, 0, 0, NULL},
    {"journal/segment_size", TXC_KEY_SIZE, 0, "1M", 128 * KILO, 1024 * MEGA, NULL},
    {"journal/max_segments", TXC_KEY_INT, 0, "64", 3, TXC_LOG_SEGMENTS_MAX, NULL},
    {"rm/?/plugin", TXC_KEY_NAME, TXC_KEY_REQUIRED, NULL, 0, 0, NULL},
    {"rm/?/connections", TXC_KEY_INT, 0, "64", 1, 5000, NULL},
    {"rm/?/service_connections", TXC_KEY_INT, 0, "4", 1, 100, NULL},
    {"rm/?/max_branches", TXC_KEY_INT, 0, NULL, 1, 100000, NULL},
    {"rm/?/last_resource", TXC_KEY_BOOL, 0, "0", 0, 0, "it takes part without prepare, as the last one"},
    {"rm/?/lock_timeout", TXC_KEY_DURATION, 0, "10s", 0, 3600000, NULL},
    {"rm/?/statement_size", TXC_KEY_SIZE, 0, "1M", KILO, TXC_STATEMENT_MAX + KILO, NULL},
    {"rm/?/result_size", TXC_KEY_SIZE, 0, "16M", KILO, 63 * MEGA, NULL},
    {"rm/?/?", TXC_KEY_FREE, 0, NULL, 0, 0, NULL}, /* the plugin's own; checked here against its list */
    {NULL, TXC_KEY_STRING, 0, NULL, 0, 0, NULL}};
/* clang-format on */

/* --- values of one section ---------------------------------------------------- */

typedef struct section {
    const txc_config_t *config;
    const char *rm;
} section_t;

static const char *s_path (const section_t *section, const char *key, char path[128])
{
    snprintf (path, 128, "rm/%.31s/%.64s", section->rm, key);
    return path;
}

static int64_t s_int (const section_t *section, const char *key)
{
    char path[128];
    return txc_config_int (section->config, s_path (section, key, path));
}

static bool s_is_common (const char *key)
{
    char path[128];
    snprintf (path, sizeof path, "rm/?/%.64s", key);
    for (const txc_key_t *one = txc_agent_keys; one->path; one++)
        if (one->type != TXC_KEY_FREE && strcmp (one->path, path) == 0)
            return true;
    return false;
}

static bool s_is_plugins (const txc_rm_switch_t *plugin, const char *key)
{
    const char *const *at = plugin->keys;
    while (*at && strcmp (*at, key) != 0)
        at++;
    return *at != NULL;
}

/* What plugins are given: their own keys, and those that all sections have. */
static const char *s_value (void *arg, const char *key)
{
    const section_t *section = arg;
    char path[128];
    return txc_config_string (section->config, s_path (section, key, path));
}

/* Every key of the section belongs to the agent or to its plugin. */
static int s_check_keys (const section_t *section, const txc_rm_switch_t *plugin, txc_error_t *error)
{
    char path[128];
    snprintf (path, sizeof path, "rm/%.31s", section->rm);
    const char *key;
    for (size_t i = 0; (key = txc_config_child (section->config, path, i)); i++)
        if (!s_is_common (key) && !s_is_plugins (plugin, key)) {
            char full[128];
            return txc_error_set (
                error, TXC_ECONFIG, "rm/%.31s/%.64s (line %u): the plugin '%s' has no such key", section->rm,
                key, txc_config_line (section->config, s_path (section, key, full)), plugin->name);
        }
    return TXC_OK;
}

/* --- opening -------------------------------------------------------------------- */

static void s_limits (txc_served_t *self, const section_t *section, const char *agent)
{
    char path[128];
    self->options.connections = (uint32_t) s_int (section, "connections");
    self->options.service = (uint32_t) s_int (section, "service_connections");
    bool given = txc_config_line (section->config, s_path (section, "max_branches", path)) > 0;
    self->max_branches = given ? (uint32_t) s_int (section, "max_branches") : self->options.connections;
    self->target.plugin = self->module.plugin;
    self->target.rm = self->rm;
    txc_copy_text (self->target.name, sizeof self->target.name, self->name);
    txc_copy_text (self->target.instance, sizeof self->target.instance, agent);
    self->target.lock_timeout_ms = (uint32_t) s_int (section, "lock_timeout");
    self->target.statement_size = (size_t) s_int (section, "statement_size");
    self->target.result_size = (size_t) s_int (section, "result_size");
}

static void s_close (txc_served_t *self)
{
    TXC_ASSERT (self->pool == NULL);
    if (self->rm)
        self->module.plugin->close (&self->rm);
    txc_module_unload (&self->module);
}

static int s_open (txc_served_t *self, const txc_config_t *config, const char *name, txc_error_t *error)
{
    section_t section = {config, name};
    char path[128];
    /* The environment's folders come first, for a build that is not installed. */
    const char *folders = getenv ("TXC_PLUGIN_PATH");
    folders = folders && *folders ? folders : txc_config_string (config, "agent/plugins");
    txc_copy_text (self->name, sizeof self->name, name);
    const char *plugin = txc_config_string (config, s_path (&section, "plugin", path));
    int rc = txc_module_load (&self->module, folders, plugin, error);
    if (rc == TXC_OK)
        rc = s_check_keys (&section, self->module.plugin, error);
    self->last_resource = txc_config_bool (config, s_path (&section, "last_resource", path));
    if (rc == TXC_OK && self->last_resource && !self->module.plugin->refuse)
        rc = txc_error_set (error, TXC_ECONFIG, "rm/%s/last_resource: the plugin '%s' cannot be one", name,
                            self->module.plugin->name);
    if (rc == TXC_OK) {
        txc_rm_error_t rm_error = {0};
        txc_rm_status_t status = self->module.plugin->open (name, s_value, &section, &self->rm, &rm_error);
        if (status != TXC_RM_OK)
            rc = txc_error_set (error, TXC_ECONFIG, "rm/%s: %.200s", name, rm_error.text);
    }
    if (rc == TXC_OK)
        s_limits (self, &section, txc_config_string (config, "agent/name"));
    else
        s_close (self);
    return rc;
}

int txc_served_open (txc_served_list_t *self, const txc_config_t *config, txc_error_t *error)
{
    memset (self, 0, sizeof *self);
    int rc = TXC_OK;
    const char *name;
    for (size_t i = 0; rc == TXC_OK && (name = txc_config_child (config, "rm", i)); i++) {
        if (self->n == TXC_RMS_MAX)
            rc = txc_error_set (error, TXC_ECONFIG, "an agent serves at most %d resource managers",
                                TXC_RMS_MAX);
        else if (!txc_name_is_valid (name))
            rc = txc_error_set (error, TXC_ECONFIG, "rm/%.64s: a name has 1 to %d of a-z 0-9 _ -", name,
                                TXC_RM_NAME_MAX);
        else
            rc = s_open (&self->items[self->n], config, name, error);
        self->n += rc == TXC_OK;
    }
    if (rc == TXC_OK && self->n == 0)
        rc = txc_error_set (error, TXC_ECONFIG, "there is no resource manager: add a section below 'rm'");
    if (rc != TXC_OK)
        txc_served_close (self);
    return rc;
}

void txc_served_close (txc_served_list_t *self)
{
    while (self->n > 0)
        s_close (&self->items[--self->n]);
}
