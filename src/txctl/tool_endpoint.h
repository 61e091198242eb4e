/*
 * tool_endpoint.h - where the coordinators are, as far as a tool knows.
 */
#ifndef TOOL_ENDPOINT_H
#define TOOL_ENDPOINT_H

#include "core/txc_message.h"

#define TOOL_CONFIG_FILE      "client.cfg"
#define TOOL_DEFAULT_ENDPOINT "tcp://127.0.0.1:7400"

/* The list of endpoints from, in this order: option (--coordinator, may be NULL), $TXCOORD, the key
 * "coordinator" of client.cfg in the system's configuration folder, the default.  The caller frees it.  NULL
 * on failure, told in *error. */
char *tool_endpoint_choose (const char *option, txc_error_t *error);

#endif
