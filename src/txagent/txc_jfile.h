/*
 * txc_jfile.h - an agent's journal in its folder.
 *
 * Entries that core does not force are in the file before txc_jfile_put
 * returns (they survive the process), but for FORGET, on which nothing rests;
 * forced ones are durable when txc_jfile_durable says so.  A journal that
 * cannot be written ends the process at once: nothing that rests on it may
 * happen.
 *
 * Threads: one at a time, whoever works with the agent.
 */
#ifndef TXC_JFILE_H
#define TXC_JFILE_H

#include "core/txc_agent.h"
#include "log/txc_log.h"

typedef struct txc_jfile txc_jfile_t;

/* Opens the journal in folder, or makes it, and locks it: an agent has a journal of its own.  NULL with error
 * set as txc_log_open does. */
txc_jfile_t *txc_jfile_open (const char *folder, const txc_log_options_t *options, txc_error_t *error);

/* Over a log that is open already, which it takes over; for tests. */
txc_jfile_t *txc_jfile_new (txc_log_t *log, const txc_log_options_t *options);

/* Forces what was put, and closes. */
void txc_jfile_close (txc_jfile_t **self_p);

/* Gives core every entry, once, before the first put.  TXC_OK, or an error with its text. */
int txc_jfile_replay (txc_jfile_t *self, txc_agent_t *agent, txc_error_t *error);

void txc_jfile_put (txc_jfile_t *self, const txc_entry_t *entry);

/* Hands forced entries to the disk; once per round of the loop. */
void txc_jfile_flush (txc_jfile_t *self);

/* Readable when something became durable; for poll. */
int txc_jfile_fd (const txc_jfile_t *self);

/* The slot of the last forced entry that became durable since the last call; 0: none. */
uint64_t txc_jfile_durable (txc_jfile_t *self);

/* Writes core's live entries anew and cuts what lies before them, if the journal has grown enough, or if its
 * disk has no room for more and that would free some.  update is used and left empty. */
void txc_jfile_tidy (txc_jfile_t *self, txc_agent_t *agent, txc_update_t *update);

void txc_jfile_stats (txc_jfile_t *self, txc_log_stats_t *stats);

#endif
