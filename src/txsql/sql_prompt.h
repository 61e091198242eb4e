/*
 * sql_prompt.h - lines from a terminal, with editing, history and completion of commands.
 */
#ifndef SQL_PROMPT_H
#define SQL_PROMPT_H

#include <stdbool.h>

typedef struct sql_prompt sql_prompt_t;

/* The history is kept in ~/.txsql_history. */
sql_prompt_t *sql_prompt_new (void);
void sql_prompt_destroy (sql_prompt_t **self_p);

/* The next line, without its line break; valid until the next call.  NULL at the end of input, or
 * (*interrupted) because of SIGINT, which ends the process at any other time. */
const char *sql_prompt_read (sql_prompt_t *self, const char *prompt, bool *interrupted);

#endif
