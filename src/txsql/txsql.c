/*
 * txsql.c - a shell for global transactions.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/txc_mem.h"
#include "txctl/tool_endpoint.h"
#include "txctl/tool_output.h"
#include "txsql/sql_prompt.h"
#include "txsql/sql_shell.h"
#include "txsql/sql_split.h"

enum { COMMANDS_MAX = 64 };

typedef struct s_arguments {
    const char *coordinator, *file;
    const char *commands[COMMANDS_MAX];
    int n_commands;
    bool keep_going;
} s_arguments_t;

static const char s_usage[] =
    "usage: txsql [OPTION]...\n"
    "Runs statements and commands from standard input, as a shell if that is a terminal.\n"
    "\n"
    "  -C, --coordinator ENDPOINTS  where the coordinators listen [$TXCOORD, "
    "client.cfg, " TOOL_DEFAULT_ENDPOINT "]\n"
    "  -c, --command TEXT           run this instead (may be repeated)\n"
    "  -f, --file FILE              run this file instead\n"
    "      --csv                    results as comma-separated values, with a header\n"
    "  -t, --tuples-only            results as values separated by tabs, without a header\n"
    "      --null TEXT              how NULL looks in a table [(null)]\n"
    "  -q, --quiet                  tell only results and errors\n"
    "  -k, --keep-going             go on after an error; otherwise a script ends there\n"
    "  -h, --help                   this text\n"
    "  -V, --version                the version\n"
    "\n"
    "Exit status: 0 all went well; 1 wrong usage, or no connection; 2 a statement or command failed;\n"
    "3 a transaction was rolled back that was to be committed; 4 an outcome is unknown or heuristic.\n"
    "\\help tells about the commands.\n";

/* --- running ------------------------------------------------------------------- */

/* Runs all that is complete.  False: it is time to stop. */
static bool s_run_ready (sql_shell_t *shell, sql_split_t *split, bool keep_going)
{
    char *text;
    while ((text = sql_split_next (split)) != NULL) {
        sql_status_t status = sql_shell_run (shell, text);
        free (text);
        fflush (shell->out);
        if (shell->quit || (status != SQL_OK && !keep_going))
            return false;
    }
    return true;
}

static void s_run_commands (sql_shell_t *shell, const s_arguments_t *arguments)
{
    for (int i = 0; i < arguments->n_commands; i++) {
        sql_split_t *split = sql_split_new();
        sql_split_feed (split, arguments->commands[i]);
        sql_split_finish (split);
        bool go_on = s_run_ready (shell, split, arguments->keep_going);
        sql_split_destroy (&split);
        if (!go_on)
            return;
    }
}

static void s_run_file (sql_shell_t *shell, FILE *file, bool keep_going)
{
    sql_split_t *split = sql_split_new();
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    bool go_on = true;
    while (go_on && (size = getline (&line, &room, file)) >= 0) {
        if (size > 0 && line[size - 1] == '\n')
            line[size - 1] = '\0';
        sql_split_feed (split, line);
        go_on = s_run_ready (shell, split, keep_going);
    }
    if (go_on) {
        sql_split_finish (split);
        s_run_ready (shell, split, keep_going);
    }
    free (line);
    sql_split_destroy (&split);
}

static void s_run_terminal (sql_shell_t *shell)
{
    sql_prompt_t *prompt = sql_prompt_new();
    sql_split_t *split = sql_split_new();
    fprintf (shell->out, "txsql " PACKAGE_VERSION ", connected to %s; \\help helps\n", shell->endpoints);
    while (!shell->quit) {
        const char *text = !shell->tx ? "txsql> " : shell->doomed ? "txsql!> " : "txsql*> ";
        bool interrupted;
        const char *line =
            sql_prompt_read (prompt, sql_split_is_open (split) ? "   ...> " : text, &interrupted);
        if (interrupted) { /* of what was typed; the transaction stays */
            sql_split_reset (split);
            continue;
        }
        if (!line)
            break;
        sql_split_feed (split, line);
        s_run_ready (shell, split, true);
    }
    sql_split_destroy (&split);
    sql_prompt_destroy (&prompt);
}

static sql_status_t s_run (sql_shell_t *shell, const s_arguments_t *arguments)
{
    bool interactive = false;
    if (arguments->n_commands > 0) {
        s_run_commands (shell, arguments);
    } else if (arguments->file && strcmp (arguments->file, "-") != 0) {
        FILE *file = fopen (arguments->file, "r");
        if (!file) {
            fprintf (stderr, "txsql: %s: %s\n", arguments->file, strerror (errno));
            return SQL_USAGE;
        }
        s_run_file (shell, file, arguments->keep_going);
        fclose (file);
    } else if (!arguments->file && isatty (STDIN_FILENO)) {
        s_run_terminal (shell);
        interactive = true;
    } else {
        s_run_file (shell, stdin, arguments->keep_going);
    }
    sql_shell_end (shell);
    return interactive ? SQL_OK : shell->status;
}

/* --- the command line ------------------------------------------------------------ */

enum { OPTION_CSV = 256, OPTION_NULL };

static const struct option s_options[] = {{"coordinator", required_argument, NULL, 'C'},
                                          {"command", required_argument, NULL, 'c'},
                                          {"file", required_argument, NULL, 'f'},
                                          {"csv", no_argument, NULL, OPTION_CSV},
                                          {"tuples-only", no_argument, NULL, 't'},
                                          {"null", required_argument, NULL, OPTION_NULL},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {"keep-going", no_argument, NULL, 'k'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {0}};

static bool s_take_option (int option, s_arguments_t *arguments, sql_shell_t *shell)
{
    switch (option) {
    case 'C':
        arguments->coordinator = optarg;
        return true;
    case 'c':
        if (arguments->n_commands == COMMANDS_MAX)
            return false;
        arguments->commands[arguments->n_commands++] = optarg;
        return true;
    case 'f':
        arguments->file = optarg;
        return true;
    case OPTION_CSV:
        shell->format = TOOL_CSV;
        return true;
    case 't':
        shell->format = TOOL_TUPLES;
        return true;
    case OPTION_NULL:
        shell->null = optarg;
        return true;
    case 'q':
        shell->quiet = true;
        return true;
    case 'k':
        arguments->keep_going = true;
        return true;
    default:
        return false;
    }
}

/* True: go on; false: exit with *status. */
static bool s_parse (int argc, char **argv, s_arguments_t *arguments, sql_shell_t *shell, int *status)
{
    int option;
    while ((option = getopt_long (argc, argv, "C:c:f:tqkhV", s_options, NULL)) >= 0) {
        *status = SQL_OK;
        if (option == 'h') {
            fputs (s_usage, stdout);
            return false;
        }
        if (option == 'V') {
            puts ("txsql " PACKAGE_VERSION);
            return false;
        }
        *status = SQL_USAGE;
        if (!s_take_option (option, arguments, shell)) {
            fputs ("txsql: wrong usage; --help tells more\n", stderr);
            return false;
        }
    }
    *status = SQL_USAGE;
    if (optind < argc) {
        fprintf (stderr, "txsql: unexpected argument %s; --help tells more\n", argv[optind]);
        return false;
    }
    return true;
}

int main (int argc, char **argv)
{
    setlocale (LC_ALL, "");
    int status;
    s_arguments_t arguments = {0};
    sql_shell_t shell = {.null = "(null)", .out = stdout, .errors = stderr};
    if (!s_parse (argc, argv, &arguments, &shell, &status))
        return status;
    txc_error_t error;
    char *endpoints = tool_endpoint_choose (arguments.coordinator, &error);
    if (!endpoints) {
        fprintf (stderr, "txsql: %s\n", error.text);
        return SQL_USAGE;
    }
    shell.endpoints = endpoints;
    shell.client = txc_client_new (endpoints, NULL);
    if (!shell.client)
        fprintf (stderr, "txsql: %s\n", txc_last_error().text);
    status = shell.client ? (int) s_run (&shell, &arguments) : SQL_USAGE;
    if (!tool_output_end ("txsql") && status < SQL_FAILED)
        status = SQL_FAILED;
    txc_client_destroy (&shell.client);
    free (endpoints);
    return status;
}
