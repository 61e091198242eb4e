#include "config.h"

#include "txctl/tool_endpoint.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/txc_mem.h"
#include "daemon/txc_config.h"

static const txc_key_t s_keys[] = {
    {.path = "coordinator", .type = TXC_KEY_STRING, .fallback = TOOL_DEFAULT_ENDPOINT}, {0}};

char *tool_endpoint_choose (const char *option, txc_error_t *error)
{
    static const char file[] = TXC_SYSCONF_DIR "/" TOOL_CONFIG_FILE;
    if (option && *option)
        return txc_strdup (option);
    const char *variable = getenv ("TXCOORD");
    if (variable && *variable)
        return txc_strdup (variable);
    if (access (file, F_OK) != 0)
        return txc_strdup (TOOL_DEFAULT_ENDPOINT);
    txc_config_t *config = txc_config_load (file, s_keys, error);
    if (!config)
        return NULL;
    char *endpoints = txc_strdup (txc_config_string (config, "coordinator"));
    txc_config_destroy (&config);
    return endpoints;
}
