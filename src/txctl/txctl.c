/*
 * txctl.c - what operators ask and tell the daemons.
 */
#include "config.h"

#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "txctl/ctl.h"
#include "txctl/tool_admin.h"
#include "txctl/tool_endpoint.h"
#include "txctl/tool_output.h"

enum { TIMEOUT_MS = 5000, TIMEOUT_MAX_MS = 600000 };

static const struct {
    const char *name;
    int min, max; /* words that follow */
    bool offline;
    ctl_status_t (*run) (const ctl_options_t *options, int n, char **words);
} s_commands[] = {
    {"status", 0, 0, false, ctl_status_show},
    {"list", 0, 0, false, ctl_list},
    {"show", 1, 1, false, ctl_show},
    {"in-doubt", 0, 0, false, ctl_in_doubt},
    {"resolve", 2, 2, false, ctl_resolve},
    {"leader", 1, 2, false, ctl_leader},
    {"member", 1, 3, false, ctl_member},
    {"branches", 0, 0, false, ctl_branches},
    {"accept-log", 0, 0, false, ctl_accept_log},
    {"log", 2, 2, true, ctl_log},
    {"history", 1, CTL_FOLDERS_MAX, true, ctl_history},
};

enum { COMMANDS = sizeof s_commands / sizeof *s_commands };

static const char s_usage[] =
    "usage: txctl [OPTION]... COMMAND\n"
    "\n"
    "  status                          of the coordinator and its replicas, or of an agent; exit status 3 "
    "if\n"
    "                                  no replica of a group leads\n"
    "  list                            transactions in flight or on record\n"
    "  show GTRID                      one of them, branch by branch, with what each waits for\n"
    "  in-doubt                        those whose branches wait; exit status 3 if there are any\n"
    "  resolve GTRID commit|rollback   decide by hand; recorded as a heuristic decision\n"
    "  leader transfer [REPLICA]       hand leadership over, to this one or to any\n"
    "  member list                     the replicas of the coordinator\n"
    "  member add REPLICA [ENDPOINT]   make a replica a member that asks for it and has caught up\n"
    "  member remove REPLICA           take a replica out of the group; its number is never used again\n"
    "  member move REPLICA ENDPOINT    say where a replica that is down will be reached\n"
    "  branches --agent ENDPOINT       the branches that an agent has\n"
    "  accept-log --agent ENDPOINT     let an agent accept a coordinator whose log is older than it has "
    "seen\n"
    "  log dump FOLDER                 print a coordinator's log, or with --journal an agent's journal\n"
    "  history FOLDER...               print the decisions that the logs of a group's replicas hold, in "
    "their "
    "order\n"
    "\n"
    "  -C, --coordinator ENDPOINTS     where the replicas of the coordinator listen, separated by commas; "
    "the\n"
    "                                  one that leads is found from any of them [$TXCOORD, client.cfg,\n"
    "                                  " TOOL_DEFAULT_ENDPOINT "]\n"
    "  -a, --agent ENDPOINT            ask this agent instead\n"
    "      --rm RM, --token TOKEN      resolve at an agent: the branch\n"
    "      --journal                   log dump: it is an agent's journal\n"
    "  -j, --json                      print the answer as JSON\n"
    "  -y, --yes                       do not ask before deciding\n"
    "      --timeout MS                how long to wait for an answer [5000]\n"
    "  -h, --help                      this text\n"
    "  -V, --version                   the version\n"
    "\n"
    "Exit status: 0 done; 1 wrong usage, or nobody answered; 2 the daemon refused, or there is no such "
    "transaction;\n"
    "3 in-doubt found something; no replica leads (status).\n";

ctl_status_t ctl_ask (const ctl_options_t *options, json_t *request, json_t **answer)
{
    txc_error_t error;
    *answer = tool_admin_ask (options->endpoints, request, options->timeout_ms, &error);
    if (*answer)
        return CTL_OK;
    fprintf (stderr, "txctl: %s [%s]\n", error.text, txc_code_name (error.code));
    return error.code == TXC_ECONN || error.code == TXC_ECONFIG ? CTL_USAGE : CTL_REFUSED;
}

void ctl_print_json (const json_t *answer)
{
    json_dumpf (answer, stdout, JSON_INDENT (2));
    putchar ('\n');
}

/* --- the command line --------------------------------------------------------------- */

enum { OPTION_RM = 256, OPTION_TOKEN, OPTION_JOURNAL, OPTION_TIMEOUT };

static const struct option s_options[] = {{"coordinator", required_argument, NULL, 'C'},
                                          {"agent", required_argument, NULL, 'a'},
                                          {"rm", required_argument, NULL, OPTION_RM},
                                          {"token", required_argument, NULL, OPTION_TOKEN},
                                          {"journal", no_argument, NULL, OPTION_JOURNAL},
                                          {"json", no_argument, NULL, 'j'},
                                          {"yes", no_argument, NULL, 'y'},
                                          {"timeout", required_argument, NULL, OPTION_TIMEOUT},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {0}};

static bool s_take_timeout (ctl_options_t *options)
{
    char *end;
    unsigned long ms = strtoul (optarg, &end, 10);
    options->timeout_ms = (uint32_t) ms;
    return *optarg >= '0' && *optarg <= '9' && !*end && ms > 0 && ms <= TIMEOUT_MAX_MS;
}

static bool s_take_option (int option, ctl_options_t *options, const char **endpoints)
{
    switch (option) {
    case 'a':
        options->agent = true;
        *endpoints = optarg;
        return true;
    case 'C':
        *endpoints = optarg;
        return true;
    case OPTION_RM:
        options->rm = optarg;
        return true;
    case OPTION_TOKEN:
        options->token = optarg;
        return true;
    case OPTION_JOURNAL:
        options->journal = true;
        return true;
    case 'j':
        options->json = true;
        return true;
    case 'y':
        options->yes = true;
        return true;
    case OPTION_TIMEOUT:
        return s_take_timeout (options);
    default:
        return false;
    }
}

static ctl_status_t s_run (ctl_options_t *options, const char *endpoints, int n, char **words)
{
    int i = 0;
    while (i < COMMANDS && (n == 0 || strcmp (words[0], s_commands[i].name) != 0))
        i++;
    if (i == COMMANDS || n - 1 < s_commands[i].min || n - 1 > s_commands[i].max) {
        fprintf (stderr, "txctl: %s; --help tells more\n",
                 n == 0          ? "a command is wanted"
                 : i == COMMANDS ? "no such command"
                                 : "wrong number of arguments");
        return CTL_USAGE;
    }
    txc_error_t error;
    options->endpoints = s_commands[i].offline ? NULL : tool_endpoint_choose (endpoints, &error);
    if (!options->endpoints && !s_commands[i].offline) {
        fprintf (stderr, "txctl: %s\n", error.text);
        return CTL_USAGE;
    }
    ctl_status_t status = s_commands[i].run (options, n - 1, words + 1);
    free (options->endpoints);
    return status;
}

int main (int argc, char **argv)
{
    setlocale (LC_ALL, "");
    ctl_options_t options = {.timeout_ms = TIMEOUT_MS};
    const char *endpoints = NULL;
    int option;
    while ((option = getopt_long (argc, argv, "C:a:jyhV", s_options, NULL)) >= 0) {
        if (option == 'h') {
            fputs (s_usage, stdout);
            return CTL_OK;
        }
        if (option == 'V') {
            puts ("txctl " PACKAGE_VERSION);
            return CTL_OK;
        }
        if (!s_take_option (option, &options, &endpoints)) {
            fputs ("txctl: wrong usage; --help tells more\n", stderr);
            return CTL_USAGE;
        }
    }
    ctl_status_t status = s_run (&options, endpoints, argc - optind, argv + optind);
    return tool_output_end ("txctl") ? (int) status : CTL_USAGE;
}
