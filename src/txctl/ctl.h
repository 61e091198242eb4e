/*
 * ctl.h - what the parts of txctl share.
 */
#ifndef CTL_H
#define CTL_H

#include <jansson.h>

#include "core/txc_message.h"

typedef enum ctl_status {
    CTL_OK = 0,
    CTL_USAGE = 1,   /* wrong usage, or nobody answered */
    CTL_REFUSED = 2, /* the daemon refused, or there is no such transaction */
    CTL_FOUND = 3    /* in-doubt: there is something in doubt */
} ctl_status_t;

typedef struct ctl_options {
    char *endpoints; /* of the coordinators, or of the agent */
    bool agent, json, yes;
    bool journal;           /* log dump: of an agent's journal */
    const char *rm, *token; /* resolve at an agent */
    uint32_t timeout_ms;
} ctl_options_t;

/* Asks the daemon and gives *answer to the caller; otherwise tells on stderr why there is none. */
ctl_status_t ctl_ask (const ctl_options_t *options, json_t *request, json_t **answer);

/* Prints an answer as it came. */
void ctl_print_json (const json_t *answer);

/* ctl_show.c: the commands that look.  Each takes what stands behind its name. */
ctl_status_t ctl_status_show (const ctl_options_t *options, int n, char **words);
ctl_status_t ctl_list (const ctl_options_t *options, int n, char **words);
ctl_status_t ctl_show (const ctl_options_t *options, int n, char **words);
ctl_status_t ctl_in_doubt (const ctl_options_t *options, int n, char **words);
ctl_status_t ctl_branches (const ctl_options_t *options, int n, char **words);

/* ctl_resolve.c: the commands that change something. */
ctl_status_t ctl_resolve (const ctl_options_t *options, int n, char **words);
ctl_status_t ctl_accept_log (const ctl_options_t *options, int n, char **words);

/* ctl_dump.c */
ctl_status_t ctl_log (const ctl_options_t *options, int n, char **words);

#endif
