/* ctl_history.c - history: the decisions of a group in their order, whoever led it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "txctl/ctl.h"
#include "txctl/tool_history.h"

static void s_note (void *arg, const char *text)
{
    fprintf (stderr, "txctl: %s: %s\n", (const char *) arg, text);
}

static const char *s_text (const json_t *line, const char *key)
{
    const char *text = json_string_value (json_object_get (line, key));
    return text ? text : "";
}

/* Whom it is about: resource managers, or replicas. */
static void s_print_parties (const json_t *line)
{
    size_t i;
    json_t *party;
    const json_t *parties = json_object_get (line, "branches");
    const json_t *members = json_object_get (line, "members");
    json_array_foreach ((json_t *) (uintptr_t) parties, i, party) printf (" %s", s_text (party, "rm"));
    json_array_foreach ((json_t *) (uintptr_t) members, i, party)
        printf (" %lld", (long long) json_integer_value (json_object_get (party, "replica")));
    if (*s_text (line, "rm"))
        printf (" %s %s", s_text (line, "rm"), s_text (line, "heur"));
}

static void s_print (const ctl_options_t *options, const json_t *line)
{
    if (options->json) {
        json_dumpf (line, stdout, JSON_COMPACT);
        putchar ('\n');
        return;
    }
    printf ("%-30s %10lld  %-8s  %-9s  %s", s_text (line, "stamp"),
            (long long) json_integer_value (json_object_get (line, "slot")), s_text (line, "origin"),
            s_text (line, "type"), s_text (line, "gtrid"));
    s_print_parties (line);
    putchar ('\n');
}

ctl_status_t ctl_history (const ctl_options_t *options, int n, char **words)
{
    tool_history_t *history = tool_history_new();
    txc_error_t error;
    int rc = TXC_OK;
    for (int i = 0; i < n && rc == TXC_OK; i++)
        rc = tool_history_add (history, words[i], s_note, words[i], &error);
    const json_t *line;
    for (size_t i = 0; rc == TXC_OK && (line = tool_history_nth (history, i)) != NULL; i++)
        s_print (options, line);
    tool_history_destroy (&history);
    if (rc == TXC_OK)
        return CTL_OK;
    fprintf (stderr, "txctl: %s [%s]\n", error.text, txc_code_name (rc));
    return rc == TXC_ECORRUPT || rc == TXC_EFOREIGN || rc == TXC_ENOTREADY ? CTL_REFUSED : CTL_USAGE;
}
