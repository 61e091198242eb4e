/* ctl_resolve.c - resolve, accept-log: what an operator decides. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "txctl/ctl.h"
#include "txctl/tool_admin.h"

/* Who decides, as the record shows it: user@host. */
static void s_operator (char *text, size_t size)
{
    const char *user = getenv ("SUDO_USER");
    if (!user || !*user)
        user = getenv ("USER");
    char host[65] = "";
    if (gethostname (host, sizeof host - 1) != 0)
        strcpy (host, "?");
    if (user && *user)
        snprintf (text, size, "%.64s@%s", user, host);
    else
        snprintf (text, size, "uid %lu@%s", (unsigned long) getuid(), host);
}

/* True if the operator agrees.  Without a terminal nobody can: --yes is needed. */
static bool s_confirm (const ctl_options_t *options, const char *question)
{
    if (options->yes)
        return true;
    if (!isatty (STDIN_FILENO)) {
        fprintf (stderr, "txctl: %s\ntxctl: standard input is no terminal; --yes says that you are sure\n",
                 question);
        return false;
    }
    char answer[16];
    fprintf (stderr, "%s\nType \"yes\" to go on: ", question);
    return fgets (answer, sizeof answer, stdin) && strcmp (answer, "yes\n") == 0;
}

ctl_status_t ctl_do (const ctl_options_t *options, json_t *request)
{
    json_t *answer;
    ctl_status_t status = ctl_ask (options, request, &answer);
    if (status != CTL_OK)
        return status;
    if (options->json)
        ctl_print_json (answer);
    else
        puts (*tool_admin_text (answer, "text") ? tool_admin_text (answer, "text") : "done");
    json_decref (answer);
    return CTL_OK;
}

ctl_status_t ctl_resolve (const ctl_options_t *options, int n, char **words)
{
    (void) n;
    const char *gtrid = words[0], *verdict = words[1];
    if (strcmp (verdict, "commit") != 0 && strcmp (verdict, "rollback") != 0) {
        fprintf (stderr, "txctl: the verdict is commit or rollback, not %s\n", verdict);
        return CTL_USAGE;
    }
    if (options->agent && (!options->rm || !options->token)) {
        fprintf (stderr, "txctl: at an agent --rm and --token name the branch; \"branches\" lists them\n");
        return CTL_USAGE;
    }
    char question[512], who[160];
    snprintf (
        question, sizeof question,
        "This makes %s %s by hand.  It is recorded as a heuristic decision: if the coordinator decides, or\n"
        "decided, otherwise, the transaction ends mixed.  \"show\" tells whether the outcome is on record.",
        gtrid, verdict);
    if (!s_confirm (options, question))
        return CTL_USAGE;
    s_operator (who, sizeof who);
    json_t *request =
        json_pack ("{s:s, s:s, s:s, s:s, s:s*, s:s*}", "command", "resolve", "gtrid", gtrid, "verdict",
                   verdict, "operator", who, "rm", options->rm, "token", options->token);
    ctl_status_t status = ctl_do (options, request);
    json_decref (request);
    return status;
}

ctl_status_t ctl_accept_log (const ctl_options_t *options, int n, char **words)
{
    (void) n, (void) words;
    if (!options->agent) {
        fprintf (stderr, "txctl: accept-log is said to an agent: --agent ENDPOINT\n");
        return CTL_USAGE;
    }
    if (!s_confirm (
            options,
            "The agent refuses this coordinator because its log is older than what the agent has seen, "
            "as after a\nrestore from a backup.  Accepting it can roll back what was committed.  "
            "Look at \"branches\" first."))
        return CTL_USAGE;
    char who[160];
    s_operator (who, sizeof who);
    json_t *request = json_pack ("{s:s, s:s}", "command", "accept-log", "operator", who);
    ctl_status_t status = ctl_do (options, request);
    json_decref (request);
    return status;
}
