/*
 * tool_admin.h - asking a daemon, as the tools do: ADMIN messages with JSON bodies.
 */
#ifndef TOOL_ADMIN_H
#define TOOL_ADMIN_H

#include <jansson.h>

#include "core/txc_message.h"

/* Asks the daemons at endpoints (a list with commas) until one answers, and follows a replica that does not
 * lead to the one that does; all within timeout_ms.  The answer is the caller's.  NULL on failure, told in
 * *error: TXC_ECONFIG, no such endpoint; TXC_ECONN, nobody answered; TXC_ENOTLEADER, TXC_ENOTREADY, nobody
 * leads; TXC_EPROTO, no JSON; otherwise what the daemon said when its answer had no "ok":true. */
json_t *tool_admin_ask (const char *endpoints, const json_t *request, uint32_t timeout_ms,
                        txc_error_t *error);

/* Asks all n at once.  answers[i]: the caller's; NULL: no good one came from endpoints[i] within timeout_ms.
 */
void tool_admin_ask_all (const char *const *endpoints, uint32_t n, const json_t *request, uint32_t timeout_ms,
                         json_t **answers);

/* A member of an answer, with what it is when it is missing or of another type. */
const char *tool_admin_text (const json_t *object, const char *key);   /* "" */
long long tool_admin_int (const json_t *object, const char *key);      /* 0 */
bool tool_admin_bool (const json_t *object, const char *key);          /* false */
const json_t *tool_admin_list (const json_t *object, const char *key); /* NULL, an array of no elements */

#endif
