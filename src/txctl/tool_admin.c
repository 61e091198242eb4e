#include "config.h"

#include "txctl/tool_admin.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "net/txc_calls.h"

enum {
    PAUSE_MS = 50, /* before somebody is asked again who had no answer */
    BUDGET = 16
};

typedef struct s_place {
    char endpoint[TXC_ENDPOINT_MAX + 1];
    uint64_t route; /* 0: not called yet */
    bool waiting;   /* for its answer */
    bool arrived;   /* and nobody has looked at it */
    bool refused;   /* it sent us elsewhere, or asked for patience */
    json_t *answer; /* the last one; NULL: none, or no JSON */
} s_place_t;

/* One request, and everybody who was asked. */
typedef struct s_asking {
    txc_net_t *net;
    txc_blob_t *body;
    uint64_t until_ms;
    uint32_t n;
    s_place_t places[TXC_CALLS_MAX];
} s_asking_t;

static uint64_t s_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* --- asking ------------------------------------------------------------------------- */

static int s_begin (s_asking_t *self, const json_t *request, uint32_t timeout_ms, txc_error_t *error)
{
    memset (self, 0, sizeof *self);
    self->until_ms = s_now_ms() + timeout_ms;
    char *text = json_dumps (request, JSON_COMPACT);
    self->body = text ? txc_blob_new (text, strlen (text)) : NULL;
    free (text);
    if (!self->body)
        return txc_error_set (error, TXC_EINVAL, "a word of the command, or the user's name, is not UTF-8");
    self->net = txc_net_new (NULL);
    if (!self->net)
        return txc_error_set (error, TXC_EIO, "ZeroMQ gives no context: too many open files");
    return TXC_OK;
}

static void s_end (s_asking_t *self)
{
    txc_net_destroy (&self->net);
    txc_blob_destroy (&self->body);
    for (uint32_t i = 0; i < self->n; i++)
        json_decref (self->places[i].answer);
}

/* The place with this endpoint, made if there is none; NULL if there are too many. */
static s_place_t *s_place (s_asking_t *self, const char *endpoint)
{
    for (uint32_t i = 0; i < self->n; i++)
        if (strcmp (self->places[i].endpoint, endpoint) == 0)
            return &self->places[i];
    if (self->n == TXC_CALLS_MAX)
        return NULL;
    s_place_t *place = &self->places[self->n++];
    txc_copy_text (place->endpoint, sizeof place->endpoint, endpoint);
    return place;
}

/* Sends the request, unless the answer to it is still to come: nothing is done twice. */
static int s_ask (s_asking_t *self, s_place_t *place, txc_error_t *error)
{
    if (place->waiting)
        return TXC_OK;
    if (!place->route)
        place->route = txc_net_connect (self->net, place->endpoint, error);
    if (!place->route)
        return error->code;
    txc_msg_t message = {.type = TXC_MSG_ADMIN, .body = self->body};
    int rc = txc_net_send (self->net, place->route, &message);
    if (rc != TXC_OK)
        return txc_error_set (error, rc, "%s: %s", place->endpoint, txc_strerror (rc));
    txc_net_flush (self->net);
    place->waiting = true;
    return TXC_OK;
}

static void s_visit (void *arg, const txc_msg_t *message)
{
    s_asking_t *self = arg;
    for (uint32_t i = 0; i < self->n; i++) {
        s_place_t *place = &self->places[i];
        if (message->type != TXC_MSG_ADMIN_REPLY || message->route != place->route || !place->waiting)
            continue;
        place->waiting = false;
        place->arrived = true;
        json_decref (place->answer);
        place->answer = NULL;
        if (message->body)
            place->answer = json_loadb ((const char *) txc_blob_data (message->body),
                                        txc_blob_size (message->body), JSON_REJECT_DUPLICATES, NULL);
    }
}

/* Takes in what comes until until_ms, or only up to the first answer.  Whose answer; NULL: none came. */
static s_place_t *s_wait (s_asking_t *self, uint64_t until_ms, bool first)
{
    for (;;) {
        for (uint32_t i = 0; first && i < self->n; i++)
            if (self->places[i].arrived) {
                self->places[i].arrived = false;
                return &self->places[i];
            }
        uint64_t now_ms = s_now_ms();
        if (now_ms >= until_ms)
            return NULL;
        txc_net_poll (self->net, NULL, NULL, 0, (int) (until_ms - now_ms));
        txc_net_receive (self->net, s_visit, self, BUDGET);
    }
}

/* --- following the leader ------------------------------------------------------------- */

static uint64_t s_sooner (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* True if somebody else is to be asked, or the same one later. */
static bool s_is_elsewhere (const json_t *answer)
{
    long long code = tool_admin_int (answer, "code");
    return answer && !tool_admin_bool (answer, "ok") && (code == TXC_ENOTLEADER || code == TXC_ENOTREADY);
}

/* Whom to ask after place, which had no answer: who leads as far as it knows, or it again if it is not ready.
 */
static s_place_t *s_next (s_asking_t *self, s_place_t *place)
{
    const char *endpoint = tool_admin_text (json_object_get (place->answer, "leader"), "endpoint");
    s_place_t *next = *endpoint ? s_place (self, endpoint) : NULL;
    if (tool_admin_int (place->answer, "code") == TXC_ENOTREADY)
        next = place;
    else if (!next || next == place)
        next = &self->places[(uint32_t) (place - self->places + 1) % self->n];
    place->refused = true;
    if (next->refused) /* all were asked, or two point at each other: an election is under way */
        s_wait (self, s_sooner (self->until_ms, s_now_ms() + PAUSE_MS), false);
    return next;
}

/* Asks one after the other until one answers what was asked; whose answer, or the last refusal's, or NULL.
 * Who is silent has its share of the time before another is asked, and may still answer. */
static s_place_t *s_follow (s_asking_t *self, uint32_t timeout_ms, txc_error_t *error)
{
    s_place_t *place = &self->places[0], *refusal = NULL, *who;
    while (s_now_ms() < self->until_ms) {
        if (s_ask (self, place, error) != TXC_OK)
            return NULL;
        who = s_wait (self, s_sooner (self->until_ms, s_now_ms() + timeout_ms / self->n + 1), true);
        if (who && !s_is_elsewhere (who->answer))
            return who;
        if (who)
            refusal = who;
        place = who ? s_next (self, who) : &self->places[(uint32_t) (place - self->places + 1) % self->n];
    }
    if (!refusal)
        txc_error_set (error, TXC_ECONN, "%s does not answer; is the daemon running?",
                       self->places[0].endpoint);
    return refusal;
}

/* Nobody answered what was asked: why, as far as the last one that said anything knows. */
static int s_explain (const json_t *refusal, txc_error_t *error)
{
    const json_t *leader = json_object_get (refusal, "leader");
    const char *endpoint = tool_admin_text (leader, "endpoint");
    if (tool_admin_int (refusal, "code") == TXC_ENOTREADY)
        return txc_error_set (error, TXC_ENOTREADY, "%s", tool_admin_text (refusal, "error"));
    if (*endpoint)
        return txc_error_set (error, TXC_ENOTLEADER, "replica %lld leads, and does not answer at %s",
                              tool_admin_int (leader, "replica"), endpoint);
    return txc_error_set (
        error, TXC_ENOTLEADER,
        "the group has no leader: most of its replicas have to run and to reach each other; "
        "\"txctl status\" shows which answer");
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
    static char list[TXC_REPLICAS_MAX][TXC_ENDPOINT_MAX + 1];
    static s_asking_t asking; /* the tools have one thread */
    uint32_t n;
    if (txc_calls_parse (endpoints, list, &n, error) != TXC_OK) {
        error->code = TXC_ECONFIG;
        return NULL;
    }
    json_t *answer = NULL;
    int rc = s_begin (&asking, request, timeout_ms, error);
    for (uint32_t i = 0; i < n; i++)
        s_place (&asking, list[i]);
    s_place_t *place = rc == TXC_OK ? s_follow (&asking, timeout_ms, error) : NULL;
    if (place && s_is_elsewhere (place->answer))
        s_explain (place->answer, error);
    else if (place && s_check (place->answer, error) == TXC_OK)
        answer = json_incref (place->answer);
    s_end (&asking);
    return answer;
}

void tool_admin_ask_all (const char *const *endpoints, uint32_t n, const json_t *request, uint32_t timeout_ms,
                         json_t **answers)
{
    static s_asking_t asking;
    txc_error_t error;
    TXC_ASSERT (n <= TXC_CALLS_MAX);
    int rc = s_begin (&asking, request, timeout_ms, &error);
    uint32_t waiting = 0;
    for (uint32_t i = 0; rc == TXC_OK && i < n; i++)
        waiting += s_ask (&asking, s_place (&asking, endpoints[i]), &error) == TXC_OK;
    while (waiting > 0 && s_wait (&asking, asking.until_ms, true))
        waiting--;
    for (uint32_t i = 0; i < n; i++) {
        const s_place_t *place = rc == TXC_OK ? s_place (&asking, endpoints[i]) : NULL;
        answers[i] = place && tool_admin_bool (place->answer, "ok") ? json_incref (place->answer) : NULL;
    }
    s_end (&asking);
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
