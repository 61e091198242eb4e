#include "config.h"

#include "daemon/txc_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/txc_assert.h"
#include "daemon/txc_report.h"

/* The exit codes of sysexits.h, which systemd prints by name. */
enum { STATUS_USAGE = 2, STATUS_CONFIG = 78 };

enum { OPT_CONFIG = 256, OPT_CHECK, OPT_CRASH, OPT_STOP, OPT_LIST, OPT_LEVEL, OPT_FLAG };

enum { FLAGS_MAX = 8 };

static const struct option s_common[] = {{"config", required_argument, NULL, OPT_CONFIG},
                                         {"check-config", no_argument, NULL, OPT_CHECK},
                                         {"log-level", required_argument, NULL, OPT_LEVEL},
                                         {"crash-at", required_argument, NULL, OPT_CRASH},
                                         {"stop-at", required_argument, NULL, OPT_STOP},
                                         {"list-crash-points", no_argument, NULL, OPT_LIST},
                                         {"help", no_argument, NULL, 'h'},
                                         {"version", no_argument, NULL, 'V'}};
enum { N_COMMON = sizeof s_common / sizeof *s_common };

static void s_help (const txc_daemon_t *daemon)
{
    printf ("%s - %s\n\n"
            "  -c, --config FILE           configuration [%s]\n"
            "      --check-config          check the configuration and exit\n"
            "      --log-level LEVEL       error, warning, notice, info or debug\n",
            daemon->name, daemon->summary, daemon->file);
    for (const txc_flag_t *flag = daemon->flags; flag && flag->name; flag++)
        printf ("      --%-21s %s\n", flag->name, flag->help);
    printf ("      --version               print the version and exit\n"
            "  -h, --help                  print this and exit\n\n"
            "For tests:\n"
            "      --crash-at NAME[:COUNT] kill the own process at a crash point\n"
            "      --stop-at NAME[:COUNT]  stop it there (SIGSTOP); with both it stops first\n"
            "      --list-crash-points     print the names of all of them and exit\n");
}

typedef struct s_command_line {
    const char *file, *crash_at, *stop_at;
} s_command_line_t;

/* Fills in getopt's table: what every daemon has, then this one's own. */
static void s_table (const txc_daemon_t *daemon, struct option table[N_COMMON + FLAGS_MAX + 1])
{
    memcpy (table, s_common, sizeof s_common);
    size_t n = N_COMMON;
    for (const txc_flag_t *flag = daemon->flags; flag && flag->name; flag++, n++) {
        TXC_ASSERT (n < N_COMMON + FLAGS_MAX);
        table[n] = (struct option){flag->name, flag->argument ? required_argument : no_argument, NULL,
                                   OPT_FLAG + (int) (n - N_COMMON)};
    }
    table[n] = (struct option){0};
}

/* -1: go on; otherwise the exit status. */
static int s_parse (const txc_daemon_t *daemon, int argc, char **argv, txc_options_t *options,
                    s_command_line_t *line)
{
    struct option table[N_COMMON + FLAGS_MAX + 1];
    s_table (daemon, table);
    int option;
    while ((option = getopt_long (argc, argv, "c:hV", table, NULL)) != -1) {
        switch (option) {
        case 'c':
        case OPT_CONFIG:
            line->file = optarg;
            break;
        case OPT_CHECK:
            options->check_config = true;
            break;
        case OPT_LEVEL:
            options->log_level = optarg;
            break;
        case OPT_CRASH:
            line->crash_at = optarg;
            break;
        case OPT_STOP:
            line->stop_at = optarg;
            break;
        case OPT_LIST:
            txc_crash_list (daemon->points);
            return 0;
        case 'h':
            s_help (daemon);
            return 0;
        case 'V':
            printf ("%s %s\n", daemon->name, PACKAGE_VERSION);
            return 0;
        case '?':
            return STATUS_USAGE;
        default:
            if (daemon->flags[option - OPT_FLAG].argument)
                *daemon->flags[option - OPT_FLAG].argument = optarg;
            else
                *daemon->flags[option - OPT_FLAG].value = true;
        }
    }
    if (optind < argc) {
        fprintf (stderr, "%s: '%s' is too much; see --help\n", daemon->name, argv[optind]);
        return STATUS_USAGE;
    }
    return -1;
}

txc_config_t *txc_options_start (const txc_daemon_t *daemon, int argc, char **argv, txc_options_t *options,
                                 int *status)
{
    s_command_line_t line = {.file = daemon->file};
    memset (options, 0, sizeof *options);
    txc_report_init (daemon->name);
    *status = s_parse (daemon, argc, argv, options, &line);
    if (*status >= 0)
        return NULL;

    txc_error_t error;
    txc_report_level_t level = TXC_REPORT_INFO;
    *status = STATUS_USAGE;
    if (options->log_level && !txc_report_level_parse (options->log_level, &level)) {
        fprintf (stderr, "%s: --log-level is error, warning, notice, info or debug, not '%s'\n", daemon->name,
                 options->log_level);
        return NULL;
    }
    txc_report_set_level (level);
    if (txc_crash_init (daemon->points, line.crash_at, line.stop_at, &error)) {
        fprintf (stderr, "%s: %s\n", daemon->name, error.text);
        return NULL;
    }
    txc_config_t *config = txc_config_load (line.file, daemon->keys, &error);
    if (!config) {
        txc_report (TXC_REPORT_ERROR, NULL, "%s", error.text);
        *status = STATUS_CONFIG;
    }
    return config;
}
