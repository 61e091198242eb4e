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
    CTL_FOUND = 3    /* in-doubt: there is something in doubt; status: the group has no leader */
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

/* Asks the daemon to do something and prints what it says about it. */
ctl_status_t ctl_do (const ctl_options_t *options, json_t *request);

/* A column of a table: its heading, and the member that it shows; of "age_ms" and "heard_ms" as a time. */
typedef struct ctl_column {
    const char *heading, *key;
} ctl_column_t;

/* Prints every element of a list of objects, a line each. */
void ctl_print_list (const json_t *list, const ctl_column_t *columns, int n);

/* Asks a command that takes nothing, or a gtrid; with --json prints the answer as well.  The answer is the
 * caller's. */
ctl_status_t ctl_look (const ctl_options_t *options, const char *command, const char *gtrid, json_t **answer);

/* ctl_show.c: the commands that look at transactions.  Each takes what stands behind its name. */
ctl_status_t ctl_list (const ctl_options_t *options, int n, char **words);
ctl_status_t ctl_show (const ctl_options_t *options, int n, char **words);
ctl_status_t ctl_in_doubt (const ctl_options_t *options, int n, char **words);
ctl_status_t ctl_branches (const ctl_options_t *options, int n, char **words);

/* ctl_resolve.c: the commands that change something. */
ctl_status_t ctl_resolve (const ctl_options_t *options, int n, char **words);
ctl_status_t ctl_accept_log (const ctl_options_t *options, int n, char **words);

/* ctl_status.c */
ctl_status_t ctl_status_show (const ctl_options_t *options, int n, char **words);

/* ctl_group.c: the replicas of the coordinator. */
ctl_status_t ctl_leader (const ctl_options_t *options, int n, char **words);
ctl_status_t ctl_member (const ctl_options_t *options, int n, char **words);

/* ctl_dump.c */
ctl_status_t ctl_log (const ctl_options_t *options, int n, char **words);

/* ctl_history.c */
enum { CTL_FOLDERS_MAX = 16 };
ctl_status_t ctl_history (const ctl_options_t *options, int n, char **words);

#endif
