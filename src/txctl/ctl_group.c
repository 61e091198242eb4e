/* ctl_group.c - leader, member: the replicas of the coordinator. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "txctl/ctl.h"
#include "txctl/tool_admin.h"

enum { REPLICA_MAX = 255 };

/* A replica's number; 0 if it is none. */
static int s_number (const char *word)
{
    char *end;
    unsigned long number = strtoul (word, &end, 10);
    if (*word < '0' || *word > '9' || *end || number > REPLICA_MAX)
        return 0;
    return (int) number;
}

static ctl_status_t s_usage (const char *text)
{
    fprintf (stderr, "txctl: it is: %s\n", text);
    return CTL_USAGE;
}

/* replica 0: none is named.  endpoint may be NULL. */
static ctl_status_t s_change (const ctl_options_t *options, const char *command, int replica,
                              const char *endpoint)
{
    if (options->agent) {
        fprintf (stderr, "txctl: that is said to the coordinator, not to an agent\n");
        return CTL_USAGE;
    }
    json_t *request = json_pack ("{s:s, s:s*}", "command", command, "endpoint", endpoint);
    if (replica)
        json_object_set_new (request, "replica", json_integer (replica));
    ctl_status_t status = ctl_do (options, request);
    json_decref (request);
    return status;
}

ctl_status_t ctl_leader (const ctl_options_t *options, int n, char **words)
{
    int replica = n == 2 ? s_number (words[1]) : 0;
    if (strcmp (words[0], "transfer") != 0 || (n == 2 && !replica))
        return s_usage ("leader transfer [REPLICA]");
    return s_change (options, "leader-transfer", replica, NULL);
}

/* --- members ---------------------------------------------------------------------------- */

static void s_append (json_t *list, const json_t *replicas, bool joining)
{
    size_t index;
    json_t *replica;
    json_array_foreach (replicas, index, replica)
    {
        const char *role = joining                               ? "asks to join"
                           : tool_admin_bool (replica, "leader") ? "leader"
                                                                 : "member";
        json_object_set_new (replica, "role", json_string (role));
        if (tool_admin_bool (replica, "self"))
            json_object_set_new (replica, "heard_ms", json_integer (0));
        json_array_append (list, replica);
    }
}

static ctl_status_t s_list (const ctl_options_t *options)
{
    static const ctl_column_t columns[] = {{"replica", "replica"},
                                           {"endpoint", "endpoint"},
                                           {"role", "role"},
                                           {"heard ago", "heard_ms"},
                                           {"disk", "disk"}};
    json_t *answer;
    ctl_status_t status = ctl_look (options, "member-list", NULL, &answer);
    if (status != CTL_OK)
        return status;
    if (!options->json) {
        json_t *list = json_array();
        s_append (list, tool_admin_list (answer, "members"), false);
        s_append (list, tool_admin_list (answer, "joining"), true);
        ctl_print_list (list, columns, sizeof columns / sizeof *columns);
        printf ("as replica %lld sees it\n", tool_admin_int (answer, "replica"));
        json_decref (list);
    }
    json_decref (answer);
    return CTL_OK;
}

ctl_status_t ctl_member (const ctl_options_t *options, int n, char **words)
{
    static const struct {
        const char *name, *command;
        int min, max; /* words, with the name */
    } changes[] = {
        {"add", "member-add", 2, 3}, {"remove", "member-remove", 2, 2}, {"move", "member-move", 3, 3}};
    if (n == 1 && strcmp (words[0], "list") == 0)
        return s_list (options);
    int replica = n > 1 ? s_number (words[1]) : 0;
    for (size_t i = 0; replica && i < sizeof changes / sizeof *changes; i++)
        if (strcmp (words[0], changes[i].name) == 0 && n >= changes[i].min && n <= changes[i].max)
            return s_change (options, changes[i].command, replica, n == 3 ? words[2] : NULL);
    return s_usage (
        "member list, member add REPLICA [ENDPOINT], member remove REPLICA, or member move REPLICA "
        "ENDPOINT");
}
