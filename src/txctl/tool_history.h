/*
 * tool_history.h - the decisions that the logs of a group's replicas hold, in the order in which they were
 * made.
 *
 * A log holds what its replica accepted, which need not have been chosen, and
 * what it learned.  Which of it is chosen and valid only the replica's own
 * rules tell: each log is replayed through them (core/txc_replica.h).
 */
#ifndef TOOL_HISTORY_H
#define TOOL_HISTORY_H

#include <jansson.h>
#include <stddef.h>

#include "core/txc_message.h"

typedef struct tool_history tool_history_t;

tool_history_t *tool_history_new (void);
void tool_history_destroy (tool_history_t **self_p);

/* Adds what the log in folder holds: commits, aborts, heuristic outcomes, new leaders and new members.  The
 * log may be in use.  note (its text: one line) tells of slots that the log does not hold any more.  TXC_OK;
 * TXC_EFOREIGN: it is another group's, or says something else of a slot than those before; TXC_ENOTREADY: it
 * was recycled meanwhile; errors of txc_log_dump. */
int tool_history_add (tool_history_t *self, const char *folder, void (*note) (void *arg, const char *text),
                      void *arg, txc_error_t *error);

/* The n-th decision by slot, an object as tool_dump_value makes it; NULL: there are no more.  Lent until the
 * next add. */
const json_t *tool_history_nth (tool_history_t *self, size_t n);

#endif
