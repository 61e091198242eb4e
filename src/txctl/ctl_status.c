/* ctl_status.c - status: of an agent, of a coordinator, of the whole group. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "txctl/ctl.h"
#include "txctl/tool_admin.h"

enum { OTHERS_MS = 1000 }; /* for which the other replicas are waited for */

/* --- one daemon ------------------------------------------------------------------- */

/* The members of an object that are plain values, one a line; those of objects in it behind "name.". */
static void s_print_members (const json_t *object, const char *prefix)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *) (uintptr_t) object, key, value)
    {
        char name[64];
        snprintf (name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_is_string (value))
            printf ("%-28s %s\n", name, json_string_value (value));
        else if (json_is_integer (value))
            printf ("%-28s %lld\n", name, json_integer_value (value));
        else if (json_is_null (value))
            printf ("%-28s none\n", name);
        else if (json_is_boolean (value) && (*prefix || strcmp (key, "ok") != 0))
            printf ("%-28s %s\n", name, json_is_true (value) ? "yes" : "no");
        else if (json_is_object (value) && !*prefix)
            s_print_members (value, key);
    }
}

/* --- the group ----------------------------------------------------------------------- */

/* What one replica says of itself, in a line; answer NULL: it says nothing. */
static json_t *s_replica (const json_t *member, const json_t *answer)
{
    const json_t *epoch = json_object_get (answer, "epoch");
    json_t *line = json_pack ("{s:I, s:s, s:s}", "replica", tool_admin_int (member, "replica"), "endpoint",
                              tool_admin_text (member, "endpoint"), "state",
                              answer ? tool_admin_text (answer, "state") : "does not answer");
    if (!answer)
        return line;
    json_object_set_new (line, "leading", json_boolean (tool_admin_bool (answer, "leading")));
    json_object_set_new (
        line, "epoch",
        json_sprintf ("%lld.%lld", tool_admin_int (epoch, "round"), tool_admin_int (epoch, "replica")));
    json_object_set_new (line, "applied_slot", json_integer (tool_admin_int (answer, "applied_slot")));
    json_object_set_new (line, "version", json_string (tool_admin_text (answer, "version")));
    return line;
}

/* How far each that answered is behind the one that has come furthest. */
static void s_set_lags (json_t *replicas)
{
    size_t index;
    json_t *replica;
    long long furthest = 0;
    json_array_foreach (replicas, index, replica)
    {
        long long slot = tool_admin_int (replica, "applied_slot");
        furthest = slot > furthest ? slot : furthest;
    }
    json_array_foreach (replicas, index, replica)
    {
        if (json_object_get (replica, "applied_slot"))
            json_object_set_new (replica, "lag",
                                 json_integer (furthest - tool_admin_int (replica, "applied_slot")));
    }
}

/* Every member of answer, which one of them gave. */
static json_t *s_replicas (const ctl_options_t *options, const json_t *answer)
{
    const char *endpoints[TXC_REPLICAS_MAX];
    json_t *answers[TXC_REPLICAS_MAX];
    const json_t *members = tool_admin_list (answer, "members");
    uint32_t n = (uint32_t) json_array_size (members);
    n = n < TXC_REPLICAS_MAX ? n : TXC_REPLICAS_MAX;
    for (uint32_t i = 0; i < n; i++)
        endpoints[i] = tool_admin_text (json_array_get (members, i), "endpoint");
    json_t *request = json_pack ("{s:s}", "command", "status");
    tool_admin_ask_all (endpoints, n, request,
                        options->timeout_ms < OTHERS_MS ? options->timeout_ms : OTHERS_MS, answers);
    json_decref (request);
    json_t *replicas = json_array();
    for (uint32_t i = 0; i < n; i++) {
        json_array_append_new (replicas, s_replica (json_array_get (members, i), answers[i]));
        json_decref (answers[i]);
    }
    s_set_lags (replicas);
    return replicas;
}

/* A group that nobody leads is worth an exit status of its own. */
static ctl_status_t s_judge (const json_t *replicas)
{
    size_t index, n = json_array_size (replicas), answer = 0, lead = 0;
    json_t *replica;
    json_array_foreach (replicas, index, replica)
    {
        answer += json_object_get (replica, "applied_slot") != NULL;
        lead += tool_admin_bool (replica, "leading");
    }
    if (lead > 0)
        return CTL_OK;
    fprintf (stderr,
             "txctl: no replica leads: %zu of %zu answer; at least %zu have to run and reach each other\n",
             answer, n, n / 2 + 1);
    return CTL_FOUND;
}

static void s_print (const json_t *answer)
{
    static const ctl_column_t rms[] = {{"rm", "rm"},
                                       {"agent", "agent"},
                                       {"endpoint", "endpoint"},
                                       {"incarnation", "incarnation"},
                                       {"up", "up"}};
    static const ctl_column_t replicas[] = {
        {"replica", "replica"},   {"endpoint", "endpoint"}, {"state", "state"},    {"epoch", "epoch"},
        {"slot", "applied_slot"}, {"lag", "lag"},           {"version", "version"}};
    s_print_members (answer, "");
    if (json_array_size (tool_admin_list (answer, "replicas")) > 0) {
        putchar ('\n');
        ctl_print_list (tool_admin_list (answer, "replicas"), replicas, sizeof replicas / sizeof *replicas);
    }
    if (json_array_size (tool_admin_list (answer, "rms")) > 0) {
        putchar ('\n');
        ctl_print_list (tool_admin_list (answer, "rms"), rms, sizeof rms / sizeof *rms);
    }
}

ctl_status_t ctl_status_show (const ctl_options_t *options, int n, char **words)
{
    (void) n, (void) words;
    json_t *answer, *request = json_pack ("{s:s}", "command", "status");
    ctl_status_t status = ctl_ask (options, request, &answer);
    json_decref (request);
    if (status != CTL_OK)
        return status;
    if (json_array_size (tool_admin_list (answer, "members")) > 1) {
        json_object_set_new (answer, "replicas", s_replicas (options, answer));
        status = s_judge (tool_admin_list (answer, "replicas"));
    }
    if (options->json)
        ctl_print_json (answer);
    else
        s_print (answer);
    json_decref (answer);
    return status;
}
