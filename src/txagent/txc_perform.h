/*
 * txc_perform.h - work items as calls of a plugin.
 *
 * What core asks for (core/txc_work.h) becomes calls of the plugin's switch,
 * and their answers become the item's result.  Nothing here knows of threads.
 */
#ifndef TXC_PERFORM_H
#define TXC_PERFORM_H

#include "txagent/txc_item.h"

/* A resource manager as the workers see it; read only once they run. */
typedef struct txc_target {
    const txc_rm_switch_t *plugin;
    txc_rm_t *rm;
    char name[TXC_RM_NAME_MAX + 1];
    char instance[TXC_AGENT_NAME_MAX + 32]; /* tells this agent from others, for the lock in the RM */
    uint32_t lock_timeout_ms;               /* of a branch */
    size_t result_size;                     /* limits, in bytes */
    size_t statement_size;
} txc_target_t;

/* Performs an item of a branch on conn; fills in item->done.  done.connection_lost says whether conn can be
 * used no longer; the caller disposes of it.  An item with a dead connection has that fenced where the
 * operation needs it, disconnects it then and sets item->dead to NULL. */
void txc_perform (const txc_target_t *target, txc_rm_conn_t *conn, txc_item_t *item);

/* RECOVER and SCAN, on the connection that holds the lock against other agents.  fresh: the connection is a
 * new one, on which the RM has to be checked first.  warn takes what the check finds questionable. */
void txc_perform_scan (const txc_target_t *target, txc_rm_conn_t *conn, bool fresh, txc_item_t *item,
                       void (*warn) (void *arg, const char *text), void *arg);

/* The item fails for want of a connection. */
void txc_perform_lost (const txc_target_t *target, txc_item_t *item, const txc_rm_error_t *error);

/* The same with an error of the agent's own. */
void txc_perform_fail (const txc_target_t *target, txc_item_t *item, txc_work_status_t status, int code,
                       const char *text);

#endif
