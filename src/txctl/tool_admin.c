#include "config.h"

#include "txctl/tool_admin.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/txc_assert.h"
#include "net/txc_net.h"

typedef struct s_answer {
    uint64_t route;
    json_t *json;
    bool arrived;
} s_answer_t;

static uint64_t s_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

static void s_visit (void *arg, const txc_msg_t *message)
{
    s_answer_t *answer = arg;
    if (message->type != TXC_MSG_ADMIN_REPLY || message->route != answer->route || answer->arrived)
        return;
    answer->arrived = true;
    if (message->body)
        answer->json = json_loadb ((const char *) txc_blob_data (message->body),
                                   txc_blob_size (message->body), JSON_REJECT_DUPLICATES, NULL);
}

/* One request to one endpoint. */
static int s_exchange (txc_net_t *net, const char *endpoint, txc_blob_t *body, uint32_t timeout_ms,
                       s_answer_t *answer, txc_error_t *error)
{
    answer->route = txc_net_connect (net, endpoint, error);
    if (answer->route == 0)
        return error->code;
    txc_msg_t message = {.type = TXC_MSG_ADMIN, .body = body};
    int rc = txc_net_send (net, answer->route, &message);
    if (rc != TXC_OK)
        return txc_error_set (error, rc, "%s: %s", endpoint, txc_strerror (rc));
    txc_net_flush (net);
    uint64_t until = s_now_ms() + timeout_ms;
    for (uint64_t now = s_now_ms(); !answer->arrived && now < until; now = s_now_ms()) {
        txc_net_poll (net, NULL, NULL, 0, (int) (until - now));
        txc_net_receive (net, s_visit, answer, 16);
    }
    txc_net_disconnect (net, answer->route);
    if (!answer->arrived)
        return txc_error_set (error, TXC_ECONN, "%s does not answer; is the daemon running?", endpoint);
    return TXC_OK;
}

/* Asks one after the other until one answers. */
static int s_ask_each (const char *endpoints, txc_blob_t *body, uint32_t timeout_ms, s_answer_t *answer,
                       txc_error_t *error)
{
    txc_net_t *net = txc_net_new (NULL);
    if (!net)
        return txc_error_set (error, TXC_EIO, "ZeroMQ gives no context: too many open files");
    char *list = strdup (endpoints), *save = NULL;
    int rc = txc_error_set (error, TXC_ECONFIG, "no endpoint was given");
    for (char *one = list ? strtok_r (list, ", ", &save) : NULL; one; one = strtok_r (NULL, ", ", &save)) {
        rc = s_exchange (net, one, body, timeout_ms, answer, error);
        if (rc == TXC_OK)
            break;
    }
    free (list);
    txc_net_destroy (&net);
    return rc;
}

/* Turns an answer that says no into an error. */
static int s_check (const json_t *answer, txc_error_t *error)
{
    if (!json_is_object (answer))
        return txc_error_set (error, TXC_EPROTO,
                              "the answer is not JSON: another version, or no daemon of txcoord");
    if (tool_admin_bool (answer, "ok"))
        return TXC_OK;
    const char *text = tool_admin_text (answer, "error");
    int code = (int) tool_admin_int (answer, "code");
    return txc_error_set (error, code < 0 ? code : TXC_EINVAL, "%s", *text ? text : "the daemon refused");
}

json_t *tool_admin_ask (const char *endpoints, const json_t *request, uint32_t timeout_ms, txc_error_t *error)
{
    char *text = json_dumps (request, JSON_COMPACT);
    txc_blob_t *body = text ? txc_blob_new (text, strlen (text)) : NULL;
    free (text);
    s_answer_t answer = {0};
    int rc = body ? s_ask_each (endpoints, body, timeout_ms, &answer, error)
                  : txc_error_set (error, TXC_ENOMEM, "%s", txc_strerror (TXC_ENOMEM));
    txc_blob_destroy (&body);
    if (rc == TXC_OK && s_check (answer.json, error) == TXC_OK)
        return answer.json;
    json_decref (answer.json);
    return NULL;
}

const char *tool_admin_text (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));
    return text ? text : "";
}

long long tool_admin_int (const json_t *object, const char *key)
{
    return json_integer_value (json_object_get (object, key));
}

bool tool_admin_bool (const json_t *object, const char *key)
{
    return json_is_true (json_object_get (object, key));
}

const json_t *tool_admin_list (const json_t *object, const char *key)
{
    const json_t *list = json_object_get (object, key);
    return json_is_array (list) ? list : NULL;
}
