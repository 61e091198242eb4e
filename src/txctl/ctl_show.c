/* ctl_show.c - list, show, in-doubt, branches. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "txctl/ctl.h"
#include "txctl/tool_admin.h"
#include "txctl/tool_table.h"

/* A value of any type as text. */
static void s_add_value (tool_table_t *table, const json_t *value)
{
    if (json_is_string (value))
        tool_table_add (table, json_string_value (value));
    else if (json_is_integer (value))
        tool_table_addf (table, "%lld", json_integer_value (value));
    else if (json_is_boolean (value))
        tool_table_add (table, json_is_true (value) ? "yes" : "no");
    else
        tool_table_add (table, "");
}

/* 1 ms, 2.0 s, 3 min, 4 h: as exact as an operator needs. */
static void s_add_age (tool_table_t *table, const json_t *value)
{
    long long ms = json_integer_value (value);
    if (ms < 1000)
        tool_table_addf (table, "%lld ms", ms);
    else if (ms < 120 * 1000)
        tool_table_addf (table, "%.1f s", (double) ms / 1000);
    else if (ms < 7200 * 1000)
        tool_table_addf (table, "%lld min", ms / 60000);
    else
        tool_table_addf (table, "%lld h", ms / 3600000);
}

static void s_add (tool_table_t *table, const json_t *object, const char *key)
{
    const json_t *value = json_object_get (object, key);
    bool is_time = strcmp (key, "age_ms") == 0 || strcmp (key, "heard_ms") == 0;
    if (is_time && json_is_integer (value))
        s_add_age (table, value);
    else
        s_add_value (table, value);
}

static tool_table_t *s_table (const ctl_column_t *columns, int n)
{
    tool_table_t *table = tool_table_new (n);
    for (int i = 0; i < n; i++)
        tool_table_add (table, columns[i].heading);
    return table;
}

static void s_print (tool_table_t **table_p)
{
    tool_table_print (*table_p, TOOL_ALIGNED, "", stdout);
    tool_table_destroy (table_p);
}

void ctl_print_list (const json_t *list, const ctl_column_t *columns, int n)
{
    tool_table_t *table = s_table (columns, n);
    size_t index;
    json_t *element;
    json_array_foreach (list, index, element)
    {
        for (int i = 0; i < n; i++)
            s_add (table, element, columns[i].key);
    }
    s_print (&table);
}

ctl_status_t ctl_look (const ctl_options_t *options, const char *command, const char *gtrid, json_t **answer)
{
    json_t *request = json_pack ("{s:s, s:s*}", "command", command, "gtrid", gtrid);
    ctl_status_t status = ctl_ask (options, request, answer);
    json_decref (request);
    if (status == CTL_OK && options->json)
        ctl_print_json (*answer);
    return status;
}

/* --- transactions ------------------------------------------------------------------- */

static const ctl_column_t s_branch_columns[] = {
    {"rm", "rm"}, {"token", "token"}, {"state", "state"}, {"waits for", "waits"}, {"heuristic", "heur"}};

enum { BRANCH_COLUMNS = sizeof s_branch_columns / sizeof *s_branch_columns };

/* What the branches of a transaction wait for, the same reason once. */
static void s_add_waits (tool_table_t *table, const json_t *transaction)
{
    char text[256] = "";
    size_t index, size = 0;
    json_t *branch;
    json_array_foreach (tool_admin_list (transaction, "branches"), index, branch)
    {
        const char *waits = tool_admin_text (branch, "waits");
        if (!*waits || size >= sizeof text)
            continue;
        size += (size_t) snprintf (text + size, sizeof text - size, "%s%s: %s", size ? "; " : "",
                                   tool_admin_text (branch, "rm"), waits);
    }
    tool_table_add (table, text);
}

static void s_print_transactions (const json_t *answer)
{
    static const ctl_column_t columns[] = {{"gtrid", "gtrid"},
                                           {"state", "state"},
                                           {"outcome", "outcome"},
                                           {"age", "age_ms"},
                                           {"waits for", NULL}};
    enum { N = sizeof columns / sizeof *columns };
    tool_table_t *table = s_table (columns, N);
    size_t index;
    json_t *transaction;
    json_array_foreach (tool_admin_list (answer, "transactions"), index, transaction)
    {
        for (int i = 0; i < N - 1; i++)
            s_add (table, transaction, columns[i].key);
        s_add_waits (table, transaction);
    }
    s_print (&table);
}

static size_t s_count (const json_t *answer, const char *key)
{
    return json_array_size (tool_admin_list (answer, key));
}

ctl_status_t ctl_list (const ctl_options_t *options, int n, char **words)
{
    (void) n, (void) words;
    json_t *answer;
    ctl_status_t status = ctl_look (options, "list", NULL, &answer);
    if (status != CTL_OK)
        return status;
    if (!options->json) {
        s_print_transactions (answer);
        printf ("%zu transactions in flight or on record\n", s_count (answer, "transactions"));
    }
    json_decref (answer);
    return CTL_OK;
}

ctl_status_t ctl_in_doubt (const ctl_options_t *options, int n, char **words)
{
    (void) n, (void) words;
    json_t *answer;
    ctl_status_t status = ctl_look (options, "in-doubt", NULL, &answer);
    if (status != CTL_OK)
        return status;
    size_t found = s_count (answer, "transactions");
    if (!options->json && found > 0)
        s_print_transactions (answer);
    else if (!options->json)
        puts ("nothing is in doubt");
    json_decref (answer);
    return found > 0 ? CTL_FOUND : CTL_OK;
}

/* Three-phase commit, not decided yet: who can end it. */
static void s_print_terminators (const json_t *transaction)
{
    long long majority = tool_admin_int (transaction, "majority");
    size_t index;
    json_t *branch;
    if (majority <= 0)
        return;
    printf ("\nany %lld of its members end it; connected: the coordinator's group", majority);
    json_array_foreach (tool_admin_list (transaction, "branches"), index, branch)
    {
        if (json_is_true (json_object_get (branch, "reachable")))
            printf (", %s", tool_admin_text (branch, "rm"));
    }
    putchar ('\n');
}

ctl_status_t ctl_show (const ctl_options_t *options, int n, char **words)
{
    (void) n;
    json_t *answer;
    ctl_status_t status = ctl_look (options, "show", words[0], &answer);
    if (status != CTL_OK)
        return status;
    const json_t *transaction = json_array_get (tool_admin_list (answer, "transactions"), 0);
    if (!transaction) {
        fprintf (stderr, "txctl: %s is neither in flight nor on record\n", words[0]);
        status = CTL_REFUSED;
    } else if (!options->json) {
        printf ("gtrid    %s\n", tool_admin_text (transaction, "gtrid"));
        printf ("mode     %s\n", tool_admin_text (transaction, "mode"));
        printf ("state    %s\n", tool_admin_text (transaction, "state"));
        printf ("outcome  %s\n", tool_admin_text (transaction, "outcome"));
        printf ("age      %lld ms\n\n", tool_admin_int (transaction, "age_ms"));
        ctl_print_list (tool_admin_list (transaction, "branches"), s_branch_columns, BRANCH_COLUMNS);
        s_print_terminators (transaction);
    }
    json_decref (answer);
    return status;
}

/* --- an agent's branches --------------------------------------------------------------- */

ctl_status_t ctl_branches (const ctl_options_t *options, int n, char **words)
{
    (void) n, (void) words;
    static const ctl_column_t columns[] = {
        {"gtrid", "gtrid"},      {"rm", "rm"},           {"token", "token"},
        {"state", "state"},      {"waits for", "waits"}, {"age", "age_ms"},
        {"stmts", "statements"}, {"vote", "vote"},       {"quarantined", "quarantined"}};
    json_t *answer;
    ctl_status_t status = ctl_look (options, "branches", NULL, &answer);
    if (status != CTL_OK)
        return status;
    if (!options->json) {
        ctl_print_list (tool_admin_list (answer, "branches"), columns, sizeof columns / sizeof *columns);
        printf ("%zu branches\n", s_count (answer, "branches"));
    }
    json_decref (answer);
    return CTL_OK;
}
