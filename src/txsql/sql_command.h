/*
 * sql_command.h - the commands that begin with a backslash.
 */
#ifndef SQL_COMMAND_H
#define SQL_COMMAND_H

#include "txsql/sql_shell.h"

/* Runs one; text begins with the backslash. */
sql_status_t sql_command_run (sql_shell_t *shell, const char *text);

/* Ends the open transaction and tells what became of it. */
sql_status_t sql_command_commit (sql_shell_t *shell);

/* The index-th command's name with its backslash, for completion; NULL behind the last. */
const char *sql_command_name (size_t index);

#endif
