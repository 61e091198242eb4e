/*
 * txc_my_screen.c - which SQL a branch may run.
 *
 * A statement of MariaDB or MySQL is what its first words say, and the client
 * runs without multi-statements, so that nothing hides behind them.  What may
 * run is a list of first words; whatever is not on it is refused: XA, BEGIN,
 * COMMIT, LOCK, DDL, compound statements, KILL, USE, HANDLER, LOAD DATA,
 * PREPARE and EXECUTE, and what a later server may add.
 *
 * The words are read as the server reads them: plain comments count as space.
 * What is inside an executable comment (slash, star, exclamation mark) runs or
 * not depending on the server's version, so among the deciding words it is
 * refused, like any byte that no word begins with (a byte order mark, NUL).
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "txc_my.h"

/* --- tokens ----------------------------------------------------------------------- */

typedef struct s_token {
    char type; /* 'w' a word, 0 the end, '?' what nobody may decide on, else the character itself */
    const char *text;
    size_t size;
} s_token_t;

typedef struct s_scan {
    const char *at, *end;
} s_scan_t;

static bool s_is_space (char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool s_is_word (char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char) c >= 0x80;
}

static bool s_begins (const s_scan_t *scan, const char *text)
{
    size_t size = strlen (text);
    return (size_t) (scan->end - scan->at) >= size && memcmp (scan->at, text, size) == 0;
}

/* Two dashes open a comment only in front of white space or at the end. */
static bool s_at_dash_comment (const s_scan_t *scan)
{
    return s_begins (scan, "--") &&
           (scan->at + 2 == scan->end || s_is_space (scan->at[2]) || (scan->at[2] > 0 && scan->at[2] < ' '));
}

/* Skips space and plain comments.  False at an executable or unfinished comment. */
static bool s_skip (s_scan_t *scan)
{
    while (scan->at < scan->end) {
        if (s_is_space (*scan->at)) {
            scan->at++;
        } else if (*scan->at == '#' || s_at_dash_comment (scan)) {
            while (scan->at < scan->end && *scan->at != '\n')
                scan->at++;
        } else if (s_begins (scan, "/*")) {
            if (s_begins (scan, "/*!") || s_begins (scan, "/*M!"))
                return false;
            const char *close = memmem (scan->at + 2, (size_t) (scan->end - scan->at) - 2, "*/", 2);
            if (!close)
                return false;
            scan->at = close + 2;
        } else {
            return true;
        }
    }
    return true;
}

/* Steps over a quoted text; scan is at its quote.  False if it does not end.  Backslashes escape; under
 * NO_BACKSLASH_ESCAPES they do not, so that who decides by what follows refuses texts with one. */
static bool s_skip_quoted (s_scan_t *scan)
{
    char quote = *scan->at++;
    while (scan->at < scan->end) {
        if (*scan->at == '\\' && quote != '`' && scan->at + 1 < scan->end)
            scan->at++;
        else if (*scan->at == quote) {
            scan->at++;
            return true;
        }
        scan->at++;
    }
    return false;
}

static s_token_t s_next (s_scan_t *scan)
{
    s_token_t token = {'?', scan->at, 0};
    if (!s_skip (scan))
        return token;
    token.text = scan->at;
    if (scan->at == scan->end) {
        token.type = '\0';
        return token;
    }
    char c = *scan->at;
    if (s_is_word (c)) {
        token.type = 'w';
        while (scan->at < scan->end && s_is_word (*scan->at))
            scan->at++;
    } else if (c == '\'' || c == '"' || c == '`') {
        token.type = s_skip_quoted (scan) ? c : '?';
    } else {
        token.type = c > ' ' ? c : '?';
        scan->at++;
    }
    token.size = (size_t) (scan->at - token.text);
    return token;
}

static bool s_is (const s_token_t *token, const char *word)
{
    return token->type == 'w' && strlen (word) == token->size &&
           strncasecmp (token->text, word, token->size) == 0;
}

static bool s_is_one_of (const s_token_t *token, const char *const *words)
{
    while (*words)
        if (s_is (token, *words++))
            return true;
    return false;
}

/* The word anywhere in a text, also as part of another one. */
static bool s_contains (const char *text, size_t size, const char *word)
{
    size_t length = strlen (word);
    for (size_t i = 0; i + length <= size; i++)
        if (strncasecmp (text + i, word, length) == 0)
            return true;
    return false;
}

/* --- verdicts --------------------------------------------------------------------------- */

static const char s_why_unknown[] =
    "it is not one of the statements that a branch can run: transactions are begun and "
    "ended by the coordinator; DDL, LOCK, USE, LOAD, PREPARE, EXECUTE, KILL and "
    "compound statements run outside";
static const char s_why_comment[] =
    "an executable or unfinished comment, or a byte that is no SQL, stands before the "
    "words that tell what the statement is";
static const char s_why_set[] =
    "SET of autocommit, of a global or replicating variable, of a password, role or "
    "transaction, or of what the branch itself relies on";
static const char s_why_rollback[] =
    "ROLLBACK without TO SAVEPOINT ends the branch: that is the coordinator's part";
static const char s_why_temporary[] = "only temporary tables can be created and dropped in a branch";

static txc_my_verdict_t s_refuse (const s_token_t *token, const char *why)
{
    return (txc_my_verdict_t){TXC_MY_REFUSED, false, token->type == '?' ? s_why_comment : why};
}

static txc_my_verdict_t s_allow (txc_my_kind_t kind, bool dirties)
{
    return (txc_my_verdict_t){kind, dirties, NULL};
}

static txc_my_verdict_t s_screen (s_scan_t scan, int depth);

/* SET STATEMENT variable=value, ... FOR statement: what counts is the statement. */
static txc_my_verdict_t s_set_statement (s_scan_t scan, int depth)
{
    int parentheses = 0;
    for (;;) {
        s_token_t token = s_next (&scan);
        if (token.type == '(')
            parentheses++;
        else if (token.type == ')')
            parentheses--;
        else if (token.type == '?' || token.type == '\0' || memchr (token.text, '\\', token.size))
            return s_refuse (&token,
                             s_why_unknown); /* where a text with a backslash ends depends on sql_mode */
        else if (parentheses == 0 && s_is (&token, "FOR"))
            return s_screen (scan, depth + 1);
    }
}

/* Variables whose change would let the branch end, escape the binary log or blind us.  They are looked for in
 * the whole text, as parts of words, so that no spelling (@@session., quoted names, several assignments)
 * hides one. */
static const char *const s_forbidden_variables[] = {
    "autocommit", "global",        "persist",      "session_track", "completion_type", "sql_log_bin",
    "gtid_",      "pseudo_",       "wsrep",        "skip_repl",     "server_id",       "binlog_",
    "xa_detach",  "character_set", "max_prepared", "proxy_",        "resource group",  NULL};

static txc_my_verdict_t s_set (s_scan_t scan, int depth)
{
    static const char *const seconds[] = {"PASSWORD", "ROLE",    "DEFAULT", "TRANSACTION",
                                          "GLOBAL",   "PERSIST", NULL};
    static const char *const charsets[] = {"NAMES", "CHARACTER", "CHARSET", "CHAR", NULL};
    for (const char *const *name = s_forbidden_variables; *name; name++)
        if (s_contains (scan.at, (size_t) (scan.end - scan.at), *name))
            return (txc_my_verdict_t){TXC_MY_REFUSED, false, s_why_set};
    s_token_t token = s_next (&scan);
    if (s_is (&token, "STATEMENT"))
        return s_set_statement (scan, depth);
    if (token.type == '?' || s_is_one_of (&token, seconds) || s_is_one_of (&token, charsets))
        return s_refuse (&token, s_why_set);
    return s_allow (TXC_MY_CONTROLS, true);
}

/* ROLLBACK [WORK] TO [SAVEPOINT] name */
static txc_my_verdict_t s_rollback (s_scan_t scan)
{
    s_token_t token = s_next (&scan);
    if (s_is (&token, "WORK"))
        token = s_next (&scan);
    return s_is (&token, "TO") ? s_allow (TXC_MY_CONTROLS, false) : s_refuse (&token, s_why_rollback);
}

/* CREATE [OR REPLACE] TEMPORARY, DROP TEMPORARY: no implicit commit goes with these. */
static txc_my_verdict_t s_create_or_drop (s_scan_t scan)
{
    s_token_t token = s_next (&scan);
    if (s_is (&token, "OR")) {
        token = s_next (&scan);
        if (!s_is (&token, "REPLACE"))
            return s_refuse (&token, s_why_temporary);
        token = s_next (&scan);
    }
    return s_is (&token, "TEMPORARY") ? s_allow (TXC_MY_CONTROLS, true) : s_refuse (&token, s_why_temporary);
}

/* ANALYZE runs the statement behind it and reports; ANALYZE TABLE commits. */
static txc_my_verdict_t s_analyze (s_scan_t scan)
{
    static const char *const tables[] = {"TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG", NULL};
    s_token_t token = s_next (&scan);
    if (token.type != 'w' || s_is_one_of (&token, tables))
        return s_refuse (&token, s_why_unknown);
    return s_allow (TXC_MY_CONTROLS, false);
}

static txc_my_verdict_t s_screen (s_scan_t scan, int depth)
{
    static const char *const reads[] = {"SELECT",   "WITH", "VALUES", "SHOW", "EXPLAIN",
                                        "DESCRIBE", "DESC", "HELP",   NULL};
    static const char *const writes[] = {"INSERT", "UPDATE", "DELETE", "REPLACE", NULL};
    s_token_t token = s_next (&scan);
    while (token.type == '(' || (token.type == ';' && depth == 0))
        token = s_next (&scan);
    if (s_is_one_of (&token, reads))
        return s_allow (TXC_MY_READS, false);
    if (s_is_one_of (&token, writes))
        return s_allow (TXC_MY_WRITES, false);
    if (s_is (&token, "CALL"))
        return s_allow (TXC_MY_CALLS, true);
    if (s_is (&token, "DO"))
        return s_allow (TXC_MY_READS, false);
    if (s_is (&token, "SAVEPOINT") || s_is (&token, "RELEASE"))
        return s_allow (TXC_MY_CONTROLS, false);
    if (s_is (&token, "ROLLBACK"))
        return s_rollback (scan);
    if (s_is (&token, "CREATE") || s_is (&token, "DROP"))
        return s_create_or_drop (scan);
    if (s_is (&token, "ANALYZE"))
        return s_analyze (scan);
    if (s_is (&token, "SET") && depth == 0)
        return s_set (scan, depth);
    return s_refuse (&token, s_why_unknown);
}

txc_my_verdict_t txc_my_screen (const char *sql, size_t size)
{
    txc_my_verdict_t verdict = s_screen ((s_scan_t){sql, sql + size}, 0);
    /* User variables and user locks (GET_LOCK) outlive the branch, too. */
    if (verdict.kind != TXC_MY_REFUSED && !verdict.dirties)
        verdict.dirties = memchr (sql, '@', size) != NULL || s_contains (sql, size, "_lock");
    return verdict;
}
