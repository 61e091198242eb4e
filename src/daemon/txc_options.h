/*
 * txc_options.h - a daemon's command line.
 */
#ifndef TXC_OPTIONS_H
#define TXC_OPTIONS_H

#include <stdbool.h>

#include "daemon/txc_config.h"
#include "daemon/txc_crash.h"

/* A switch of one daemon's own. */
typedef struct txc_flag {
    const char *name; /* "init" for --init; NULL ends the list */
    const char *help;
    bool *value;           /* set to true; NULL if it takes an argument */
    const char **argument; /* set to it; NULL if it takes none */
} txc_flag_t;

typedef struct txc_daemon {
    const char *name;    /* "txcoord" */
    const char *summary; /* one line */
    const char *file;    /* the configuration file if --config is not given */
    const txc_key_t *keys;
    const txc_crash_set_t *points;
    const txc_flag_t *flags; /* may be NULL */
} txc_daemon_t;

typedef struct txc_options {
    bool check_config;     /* read and check the configuration, then exit */
    const char *log_level; /* --log-level, or NULL: overrides the configuration */
} txc_options_t;

/* Parses the command line, sets up reporting, arms crash points, reads the configuration.  Everything that is
 * wrong is told on stderr. Returns the configuration; or NULL, when the daemon is to exit with *status (0
 * after --help and the like; 2: wrong usage; 78: wrong configuration). */
txc_config_t *txc_options_start (const txc_daemon_t *daemon, int argc, char **argv, txc_options_t *options,
                                 int *status);

#endif
