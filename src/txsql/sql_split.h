/*
 * sql_split.h - lines of input become commands and statements.
 *
 * A command begins with a backslash at the start of a line and ends with it.
 * A statement, "@rm SQL;", may span lines; its semicolon does not lie within
 * quotes ('...', "...", `...`, $tag$...$tag$) or comments (-- to the end of
 * the line, nested slash-star).  A quote within quotes is written twice, as the SQL
 * standard has it; backslashes mean nothing to this splitter.
 */
#ifndef SQL_SPLIT_H
#define SQL_SPLIT_H

#include <stdbool.h>

typedef struct sql_split sql_split_t;

sql_split_t *sql_split_new (void);
void sql_split_destroy (sql_split_t **self_p);

/* One more line, without its line break. */
void sql_split_feed (sql_split_t *self, const char *line);

/* The input is over: what was begun counts as ended. */
void sql_split_finish (sql_split_t *self);

/* The next command (with its backslash) or statement (without its semicolon), from malloc; NULL: more lines
 * are needed. */
char *sql_split_next (sql_split_t *self);

/* True if a statement has begun and is not ended. */
bool sql_split_is_open (const sql_split_t *self);

/* Throws away what has begun. */
void sql_split_reset (sql_split_t *self);

#endif
