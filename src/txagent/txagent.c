/*
 * txagent.c - the agent daemon's program.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/txc_options.h"
#include "daemon/txc_report.h"
#include "daemon/txc_system.h"
#include "txagent/txc_agentd.h"

enum { EXIT_CONFIG = 78 };

static const txc_daemon_t s_daemon = {.name = "txagent",
                                      .summary =
                                          "runs the branches of distributed transactions on its databases",
                                      .file = TXC_SYSCONF_DIR "/txagent.cfg",
                                      .keys = txc_agent_keys,
                                      .points = txc_agent_crash_points};

static int s_fail (const txc_error_t *error)
{
    txc_report (TXC_REPORT_ERROR, NULL, "%s", error->text);
    return error->code == TXC_ECONFIG || error->code == TXC_EVERSION ? EXIT_CONFIG : EXIT_FAILURE;
}

static void s_set_level (const txc_config_t *config, const txc_options_t *options)
{
    txc_report_level_t level;
    if (!options->log_level && txc_report_level_parse (txc_config_string (config, "report/level"), &level))
        txc_report_set_level (level);
}

static int s_serve (txc_config_t *config, txc_served_list_t *served)
{
    int signals = txc_signals_open();
    txc_error_t error = {0};
    if (signals < 0) {
        txc_error_set (&error, TXC_EIO, "no descriptor for signals: raise the limit of open files");
        return s_fail (&error);
    }
    txc_agentd_t *agentd = txc_agentd_new (config, served, signals, &error);
    if (!agentd)
        return s_fail (&error);
    int status = txc_agentd_run (agentd);
    if (!txc_agentd_destroy (&agentd))
        _exit (status); /* a thread hangs in a database's library: nothing may be torn down under it */
    return status;
}

int main (int argc, char **argv)
{
    txc_options_t options;
    int status;
    txc_config_t *config = txc_options_start (&s_daemon, argc, argv, &options, &status);
    if (!config)
        return status;
    s_set_level (config, &options);
    static txc_served_list_t served;
    txc_error_t error;
    if (txc_served_open (&served, config, &error) != TXC_OK) {
        txc_config_destroy (&config);
        return s_fail (&error);
    }
    if (!options.check_config)
        return s_serve (config, &served);
    printf ("the configuration is good\n");
    txc_served_close (&served);
    txc_config_destroy (&config);
    return EXIT_SUCCESS;
}
