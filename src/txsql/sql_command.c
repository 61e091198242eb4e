#include "config.h"

#include "txsql/sql_command.h"

#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "txctl/tool_admin.h"

enum { WORDS_MAX = 4, ADMIN_TIMEOUT_MS = 5000 };

typedef struct s_words {
    int n; /* with the command itself */
    char *words[WORDS_MAX];
} s_words_t;

static sql_status_t s_wrong (sql_shell_t *shell, const char *text)
{
    fprintf (shell->errors, "error: %s\n", text);
    return SQL_FAILED;
}

/* --- the end of a transaction ------------------------------------------------------- */

static const char *s_outcome_text (int outcome)
{
    switch (outcome) {
    case TXC_OK:
        return "committed";
    case TXC_ROLLED_BACK:
        return "rolled back";
    case TXC_MIXED:
        return "heuristic: some branches committed, some rolled back";
    case TXC_HAZARD:
        return "heuristic: some branches may not have ended as decided";
    case TXC_FORGOTTEN:
        return "older than the horizon, no longer on record";
    case TXC_PENDING:
        return "still under way";
    default:
        return "unknown; ask again with \\outcome";
    }
}

static sql_status_t s_outcome_status (int outcome)
{
    return outcome == TXC_OK ? SQL_OK : outcome == TXC_ROLLED_BACK ? SQL_ROLLED_BACK : SQL_UNKNOWN;
}

sql_status_t sql_command_commit (sql_shell_t *shell)
{
    int rc = txc_commit (shell->tx, NULL);
    if (rc < 0) {
        txc_error_info_t error = txc_tx_error (shell->tx);
        sql_shell_tell (shell, &error);
        return SQL_FAILED;
    }
    if (rc != TXC_OK || !shell->quiet)
        fprintf (rc == TXC_OK ? shell->out : shell->errors, "%s %s\n", txc_tx_gtrid (shell->tx),
                 s_outcome_text (rc));
    txc_error_info_t error = txc_tx_error (shell->tx);
    if (rc != TXC_OK && error.code < 0)
        sql_shell_tell (shell, &error);
    return s_outcome_status (rc);
}

static sql_status_t s_commit (sql_shell_t *shell, const s_words_t *words)
{
    (void) words;
    if (!shell->tx)
        return s_wrong (shell, "no transaction is open");
    sql_status_t status = sql_command_commit (shell);
    if (status == SQL_FAILED)
        return status; /* nothing happened: it is still open */
    txc_tx_destroy (&shell->tx);
    shell->doomed = false;
    return status;
}

static sql_status_t s_rollback (sql_shell_t *shell, const s_words_t *words)
{
    (void) words;
    if (!shell->tx)
        return s_wrong (shell, "no transaction is open");
    int rc = txc_rollback (shell->tx);
    if (rc != TXC_OK) {
        txc_error_info_t error = txc_tx_error (shell->tx);
        sql_shell_tell (shell, &error);
    } else if (!shell->quiet) {
        fprintf (shell->out, "%s rolled back\n", txc_tx_gtrid (shell->tx));
    }
    txc_tx_destroy (&shell->tx);
    shell->doomed = false;
    return rc == TXC_OK ? SQL_OK : SQL_FAILED;
}

/* --- begin -------------------------------------------------------------------------------- */

/* Takes one argument of \begin.  False if it is none. */
static bool s_begin_option (const char *word, txc_tx_options_t *options)
{
    static const char *const levels[] = {NULL, "read-committed", "repeatable-read", "serializable"};
    for (int i = TXC_ISOLATION_READ_COMMITTED; i <= TXC_ISOLATION_SERIALIZABLE; i++) {
        if (strcmp (word, levels[i]) == 0) {
            options->isolation = (txc_isolation_t) i;
            return true;
        }
    }
    if (strcmp (word, "2pc") == 0 || strcmp (word, "3pc") == 0 || strcmp (word, "paxos") == 0) {
        options->mode = word;
        return true;
    }
    char *end;
    unsigned long timeout = strtoul (word, &end, 10);
    if (*word < '0' || *word > '9' || *end || timeout == 0 || timeout > 24ul * 3600 * 1000)
        return false;
    options->timeout_ms = (uint32_t) timeout;
    return true;
}

static sql_status_t s_begin (sql_shell_t *shell, const s_words_t *words)
{
    txc_tx_options_t options = {0};
    if (shell->tx)
        return s_wrong (shell, "a transaction is open already; \\commit or \\rollback ends it");
    for (int i = 1; i < words->n; i++)
        if (!s_begin_option (words->words[i], &options))
            return s_wrong (shell, "\\begin takes a time-out in ms (at most a day), read-committed, "
                                   "repeatable-read or serializable, and 2pc, 3pc or paxos");
    shell->tx = txc_begin (shell->client, &options);
    if (!shell->tx) {
        txc_error_info_t error = txc_last_error();
        sql_shell_tell (shell, &error);
        return SQL_FAILED;
    }
    if (!shell->quiet)
        fprintf (shell->out, "%s\n", txc_tx_gtrid (shell->tx));
    return SQL_OK;
}

/* --- savepoints ------------------------------------------------------------------------------ */

typedef int (s_savepoint_fn) (txc_tx_t *tx, const char *rm, const char *name);

static sql_status_t s_savepoint_do (sql_shell_t *shell, const s_words_t *words, s_savepoint_fn *function)
{
    if (!shell->tx)
        return s_wrong (shell, "no transaction is open");
    if (words->n != 3)
        return s_wrong (shell, "a resource manager and the savepoint's name are wanted");
    const char *rm = words->words[1];
    if (function (shell->tx, *rm == '@' ? rm + 1 : rm, words->words[2]) == TXC_OK)
        return SQL_OK;
    txc_error_info_t error = txc_tx_error (shell->tx);
    sql_shell_tell (shell, &error);
    return SQL_FAILED;
}

static sql_status_t s_savepoint (sql_shell_t *shell, const s_words_t *words)
{
    return s_savepoint_do (shell, words, txc_savepoint);
}

static sql_status_t s_rollback_to (sql_shell_t *shell, const s_words_t *words)
{
    return s_savepoint_do (shell, words, txc_rollback_to);
}

static sql_status_t s_release (sql_shell_t *shell, const s_words_t *words)
{
    return s_savepoint_do (shell, words, txc_release);
}

/* --- questions -------------------------------------------------------------------------------- */

static sql_status_t s_outcome (sql_shell_t *shell, const s_words_t *words)
{
    if (words->n != 2)
        return s_wrong (shell, "\\outcome takes a gtrid");
    int rc = txc_outcome (shell->client, words->words[1], 0);
    if (rc < 0) {
        fprintf (shell->errors, "error: %s: %s [%s]\n", words->words[1], txc_strerror (rc),
                 txc_code_name (rc));
        return SQL_FAILED;
    }
    fprintf (shell->out, "%s %s\n", words->words[1], s_outcome_text (rc));
    return s_outcome_status (rc);
}

/* Asks the coordinator; the answer is the caller's.  NULL: it was told why. */
static json_t *s_ask (sql_shell_t *shell, const char *command)
{
    txc_error_t error;
    json_t *request = json_pack ("{s:s}", "command", command);
    json_t *answer = tool_admin_ask (shell->endpoints, request, ADMIN_TIMEOUT_MS, &error);
    json_decref (request);
    if (!answer)
        fprintf (shell->errors, "error: %s [%s]\n", error.text, txc_code_name (error.code));
    return answer;
}

static sql_status_t s_rms (sql_shell_t *shell, const s_words_t *words)
{
    (void) words;
    json_t *answer = s_ask (shell, "directory");
    if (!answer)
        return SQL_FAILED;
    static const char *const columns[] = {"rm", "agent", "endpoint"};
    tool_table_t *table = tool_table_new (4);
    for (size_t i = 0; i < 3; i++)
        tool_table_add (table, columns[i]);
    tool_table_add (table, "state");
    size_t index;
    json_t *rm;
    json_array_foreach (tool_admin_list (answer, "rms"), index, rm)
    {
        for (size_t i = 0; i < 3; i++)
            tool_table_add (table, tool_admin_text (rm, columns[i]));
        tool_table_add (table, tool_admin_bool (rm, "up") ? "up" : "down");
    }
    tool_table_print (table, shell->format, shell->null, shell->out);
    tool_table_destroy (&table);
    json_decref (answer);
    return SQL_OK;
}

static sql_status_t s_status (sql_shell_t *shell, const s_words_t *words)
{
    (void) words;
    fprintf (shell->out, "coordinator  %s\n", shell->endpoints);
    if (shell->tx)
        fprintf (shell->out, "transaction  %s, %s\n", txc_tx_gtrid (shell->tx),
                 shell->doomed ? "can only be rolled back" : "open");
    else
        fprintf (shell->out, "transaction  none\n");
    json_t *answer = s_ask (shell, "status");
    if (!answer)
        return SQL_FAILED;
    fprintf (shell->out, "cluster      %s\n", tool_admin_text (answer, "cluster"));
    fprintf (shell->out, "leading      %s\n", tool_admin_bool (answer, "leading") ? "yes" : "no");
    fprintf (shell->out, "in flight    %lld\n", tool_admin_int (answer, "transactions"));
    json_decref (answer);
    return SQL_OK;
}

static sql_status_t s_quit (sql_shell_t *shell, const s_words_t *words)
{
    (void) words;
    shell->quit = true;
    return SQL_OK;
}

/* --- the table of commands ------------------------------------------------------------------------ */

static sql_status_t s_help (sql_shell_t *shell, const s_words_t *words);

static const struct {
    const char *name, *arguments, *help;
    sql_status_t (*run) (sql_shell_t *shell, const s_words_t *words);
} s_commands[] = {
    {"\\begin", "[TIMEOUT_MS] [ISOLATION] [MODE]", "begin a transaction", s_begin},
    {"\\commit", "", "commit it", s_commit},
    {"\\rollback", "", "roll it back", s_rollback},
    {"\\savepoint", "RM NAME", "set a savepoint at one resource manager", s_savepoint},
    {"\\rollback_to", "RM NAME", "go back to a savepoint", s_rollback_to},
    {"\\release", "RM NAME", "drop a savepoint", s_release},
    {"\\outcome", "GTRID", "what became of a transaction", s_outcome},
    {"\\rms", "", "list the resource managers", s_rms},
    {"\\status", "", "this session and the coordinator", s_status},
    {"\\help", "", "this list", s_help},
    {"\\quit", "", "leave; an open transaction is rolled back", s_quit},
};

enum { COMMANDS = sizeof s_commands / sizeof *s_commands };

static sql_status_t s_help (sql_shell_t *shell, const s_words_t *words)
{
    (void) words;
    fprintf (shell->out,
             "@RM SQL;                                   run a statement; outside a transaction in one "
             "of its own\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf (shell->out, "%-14s%-29s%s\n", s_commands[i].name, s_commands[i].arguments,
                 s_commands[i].help);
    return SQL_OK;
}

const char *sql_command_name (size_t index)
{
    return index < COMMANDS ? s_commands[index].name : NULL;
}

sql_status_t sql_command_run (sql_shell_t *shell, const char *text)
{
    char *copy = txc_strdup (text), *save = NULL;
    s_words_t words = {0};
    bool too_many = false;
    for (char *word = strtok_r (copy, " \t;", &save); word; word = strtok_r (NULL, " \t;", &save)) {
        if (words.n < WORDS_MAX)
            words.words[words.n++] = word;
        else
            too_many = true;
    }
    sql_status_t status = SQL_FAILED;
    size_t i = 0;
    while (i < COMMANDS && (words.n == 0 || strcmp (words.words[0], s_commands[i].name) != 0))
        i++;
    if (i == COMMANDS)
        s_wrong (shell, "no such command; \\help lists them");
    else if (too_many || (words.n > 1 && !*s_commands[i].arguments))
        s_wrong (shell, "too many arguments; \\help tells which are taken");
    else
        status = s_commands[i].run (shell, &words);
    free (copy);
    return status;
}
