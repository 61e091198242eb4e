/*
 * txc_pg_sql.c - which SQL a branch may run, by PostgreSQL's own parser (libpg_query).
 *
 * Refused is what would end the branch, hand it to another role, outlive it in
 * a way that its rollback cannot undo, or change the protocol under us.  What
 * only makes the vote a "no" (temporary objects, WITH HOLD) is left to the
 * server, and so is a syntax error: a statement travels in a Parse message, of
 * which the server accepts only a single one.
 *
 * libpg_query's tree builder recurses without a limit (8,000 nested operators
 * overflow a stack of 8 MiB), so the flat scanner goes first and only a text
 * of few tokens is parsed.  A longer one, or one that this version of the
 * parser does not know, is judged by its first word, and by the guard in front
 * of PREPARE TRANSACTION as everything is.
 */
#include "txc_pg.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "base/txc_assert.h"

enum {
    S_SCAN_MAX = 64 * 1024, /* bytes of a text that is scanned: 50 bytes of memory for each */
    S_TOKENS_MAX = 1000,    /* of a text that is parsed: 1 MiB of stack, at worst */
    S_CURSOR_HOLD = 0x20    /* CURSOR_OPT_HOLD of parsenodes.h */
};

#define S_ENDS                                                                                               \
    "the statement would end the branch or begin another transaction; use txc_commit and txc_rollback"
#define S_CHANNEL                                                                                            \
    "LISTEN, NOTIFY and UNLISTEN cannot be part of a global transaction: they cannot be prepared"
#define S_SETTING                                                                                            \
    "this setting belongs to the agent: the branch's mark, its role, encoding, name and durability cannot "  \
    "be changed"
#define S_LOCK                                                                                               \
    "a session's advisory lock would outlive the branch; use pg_advisory_xact_lock or "                      \
    "pg_try_advisory_xact_lock"
#define S_UNICODE                                                                                            \
    "identifiers with unicode escapes (U&\"...\") are not accepted: write the letters themselves"

static const char *s_guarded_settings[] = {"role",
                                           "session_authorization",
                                           "client_encoding",
                                           "application_name",
                                           "synchronous_commit",
                                           "standard_conforming_strings",
                                           NULL};

static bool s_is_guarded (const char *name, size_t size)
{
    if (size >= 8 && strncasecmp (name, "txcoord.", 8) == 0)
        return true;
    for (const char **at = s_guarded_settings; *at; at++)
        if (strlen (*at) == size && strncasecmp (name, *at, size) == 0)
            return true;
    return false;
}

/* --- tokens -------------------------------------------------------------- */

typedef struct s_token {
    const char *text;
    size_t size;
    int type;    /* PG_QUERY__TOKEN__... */
    int keyword; /* PG_QUERY__KEYWORD_KIND__... */
} s_token_t;

typedef struct s_findings {
    bool calls;   /* a function that may be anybody's */
    bool changes; /* a word that can make SELECT write or lock: INTO, FOR, UPDATE, ... */
    bool temporary;
    bool sets;
} s_findings_t;

/* Is it this word, unquoted in any case, or quoted in lower case? */
static bool s_is_word (const s_token_t *token, const char *word)
{
    size_t size = strlen (word);
    if (token->size == size + 2 && token->text[0] == '"')
        return memcmp (token->text + 1, word, size) == 0;
    return token->size == size && strncasecmp (token->text, word, size) == 0;
}

static bool s_is_one_of (const s_token_t *token, const char *const *words)
{
    for (; *words; words++)
        if (s_is_word (token, *words))
            return true;
    return false;
}

/* set_config ('name', ...: the name must be there to be read, plainly quoted. */
static const char *s_judge_set_config (const s_token_t *argument)
{
    if (argument == NULL || argument->type != PG_QUERY__TOKEN__SCONST || argument->size < 2 ||
        argument->text[0] != '\'')
        return "set_config needs its setting's name as a plain string in a branch";
    return s_is_guarded (argument->text + 1, argument->size - 2) ? S_SETTING : NULL;
}

static const char *s_judge_call (const s_token_t *name, const s_token_t *argument, s_findings_t *findings)
{
    static const char *const locks[] = {"pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock",
                                        "pg_try_advisory_lock_shared", NULL};
    if (s_is_word (name, "pg_notify"))
        return S_CHANNEL;
    if (s_is_one_of (name, locks))
        return S_LOCK;
    if (s_is_word (name, "set_config")) {
        findings->sets = true;
        return s_judge_set_config (argument);
    }
    return NULL;
}

static const char *s_judge_tokens (const s_token_t *tokens, size_t n, s_findings_t *findings)
{
    static const char *const changing[] = {"into", "for", "insert", "update", "delete", "merge", NULL};
    static const char *const temporary[] = {"temp", "temporary", "pg_temp", NULL};
    for (size_t i = 0; i < n; i++) {
        const s_token_t *token = &tokens[i];
        if (token->type == PG_QUERY__TOKEN__UIDENT)
            return S_UNICODE;
        findings->changes |= s_is_one_of (token, changing);
        findings->temporary |= s_is_one_of (token, temporary);
        if (i + 1 == n || tokens[i + 1].type != PG_QUERY__TOKEN__ASCII_40)
            continue;
        if (token->type == PG_QUERY__TOKEN__IDENT ||
            token->keyword == PG_QUERY__KEYWORD_KIND__UNRESERVED_KEYWORD) {
            findings->calls = true;
            const char *refused = s_judge_call (token, i + 2 < n ? &tokens[i + 2] : NULL, findings);
            if (refused)
                return refused;
        }
    }
    return NULL;
}

/* The tokens without comments; the caller frees them.  NULL: the text cannot be scanned. */
static s_token_t *s_scan (const char *sql, size_t *n)
{
    PgQueryScanResult scanned = pg_query_scan (sql);
    PgQuery__ScanResult *list = NULL;
    s_token_t *tokens = NULL;
    *n = 0;
    if (scanned.error == NULL)
        list = pg_query__scan_result__unpack (NULL, scanned.pbuf.len, (const uint8_t *) scanned.pbuf.data);
    if (list)
        tokens = malloc (list->n_tokens * sizeof *tokens + 1);
    for (size_t i = 0; tokens && i < list->n_tokens; i++) {
        const PgQuery__ScanToken *token = list->tokens[i];
        if (token->token != PG_QUERY__TOKEN__SQL_COMMENT && token->token != PG_QUERY__TOKEN__C_COMMENT)
            tokens[(*n)++] = (s_token_t){sql + token->start, (size_t) (token->end - token->start),
                                         (int) token->token, (int) token->keyword_kind};
    }
    if (list)
        pg_query__scan_result__free_unpacked (list, NULL);
    pg_query_free_scan_result (scanned);
    return tokens;
}

/* --- the tree ---------------------------------------------------------------- */

static txc_pg_verdict_t s_refuse (const char *why)
{
    return (txc_pg_verdict_t){.kind = TXC_PG_WRITES, .refused = why};
}

static txc_pg_verdict_t s_judge_transaction (const PgQuery__TransactionStmt *statement)
{
    switch (statement->kind) {
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_SAVEPOINT:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_RELEASE:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_TO:
        return (txc_pg_verdict_t){.kind = TXC_PG_READS};
    default:
        return s_refuse (S_ENDS);
    }
}

static txc_pg_verdict_t s_judge_set (const PgQuery__VariableSetStmt *statement)
{
    if (statement->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL)
        return s_refuse (S_SETTING);
    if (statement->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI) {
        if (strcmp (statement->name, "SESSION CHARACTERISTICS") == 0)
            return s_refuse (
                "SET SESSION CHARACTERISTICS would outlive the branch; use the transaction's options");
        return (txc_pg_verdict_t){.kind = TXC_PG_READS};
    }
    if (s_is_guarded (statement->name, strlen (statement->name)))
        return s_refuse (S_SETTING);
    return (txc_pg_verdict_t){.kind = TXC_PG_READS, .dirties = !statement->is_local};
}

/* Names of prepared statements: those of the agent are not the branch's to use. */
static txc_pg_verdict_t s_judge_prepared (const char *name, bool creates)
{
    if (name == NULL || name[0] == '\0' || strncmp (name, "txc_", 4) == 0)
        return s_refuse (
            "prepared statements named txc_... are the agent's, and DEALLOCATE ALL would drop them");
    return (txc_pg_verdict_t){.kind = TXC_PG_READS, .dirties = creates};
}

static txc_pg_verdict_t s_judge_copy (const PgQuery__CopyStmt *copy)
{
    if (copy->filename == NULL || copy->filename[0] == '\0')
        return s_refuse ("COPY from or to the client is not supported in a branch; use INSERT or SELECT");
    return (txc_pg_verdict_t){.kind = copy->is_from ? TXC_PG_WRITES : TXC_PG_MAY_WRITE};
}

static txc_pg_verdict_t s_judge_node (const PgQuery__Node *node, const s_findings_t *findings)
{
    bool plain = !findings->calls && !findings->changes;
    txc_pg_verdict_t reads = {.kind = TXC_PG_READS};
    txc_pg_verdict_t may_write = {.kind = TXC_PG_MAY_WRITE};
    txc_pg_verdict_t creates = {.kind = TXC_PG_WRITES, .dirties = findings->temporary};

    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
        return s_judge_transaction (node->transaction_stmt);
    case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
        return s_judge_set (node->variable_set_stmt);
    case PG_QUERY__NODE__NODE_PREPARE_STMT:
        return s_judge_prepared (node->prepare_stmt->name, true);
    case PG_QUERY__NODE__NODE_DEALLOCATE_STMT:
        return s_judge_prepared (node->deallocate_stmt->name, false);
    case PG_QUERY__NODE__NODE_COPY_STMT:
        return s_judge_copy (node->copy_stmt);
    case PG_QUERY__NODE__NODE_NOTIFY_STMT:
    case PG_QUERY__NODE__NODE_LISTEN_STMT:
    case PG_QUERY__NODE__NODE_UNLISTEN_STMT:
        return s_refuse (S_CHANNEL);
    case PG_QUERY__NODE__NODE_LOAD_STMT:
        return s_refuse ("LOAD would stay in the agent's session");
    case PG_QUERY__NODE__NODE_DISCARD_STMT:
        if (node->discard_stmt->target == PG_QUERY__DISCARD_MODE__DISCARD_ALL)
            return s_refuse ("DISCARD ALL would drop what the agent keeps in the session");
        reads.dirties = true;
        return reads;
    case PG_QUERY__NODE__NODE_SELECT_STMT:
        if (findings->changes)
            may_write.dirties = findings->temporary;
        return plain ? reads : may_write;
    case PG_QUERY__NODE__NODE_VARIABLE_SHOW_STMT:
    case PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT:
        return reads;
    case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
        may_write.dirties = (node->declare_cursor_stmt->options & S_CURSOR_HOLD) != 0;
        return may_write;
    case PG_QUERY__NODE__NODE_FETCH_STMT:
    case PG_QUERY__NODE__NODE_EXPLAIN_STMT:
    case PG_QUERY__NODE__NODE_CONSTRAINTS_SET_STMT:
    case PG_QUERY__NODE__NODE_LOCK_STMT:
    case PG_QUERY__NODE__NODE_CALL_STMT:
    case PG_QUERY__NODE__NODE_DO_STMT:
    case PG_QUERY__NODE__NODE_EXECUTE_STMT:
        return may_write;
    case PG_QUERY__NODE__NODE_CREATE_STMT:
    case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT:
    case PG_QUERY__NODE__NODE_CREATE_SEQ_STMT:
    case PG_QUERY__NODE__NODE_VIEW_STMT:
        return creates;
    default:
        return (txc_pg_verdict_t){.kind = TXC_PG_WRITES};
    }
}

/* False if the text cannot be parsed. */
static bool s_judge_tree (const char *sql, const s_findings_t *findings, txc_pg_verdict_t *verdict)
{
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf (sql);
    PgQuery__ParseResult *tree = NULL;
    if (parsed.error == NULL)
        tree = pg_query__parse_result__unpack (NULL, parsed.parse_tree.len,
                                               (const uint8_t *) parsed.parse_tree.data);
    if (tree && tree->n_stmts > 1)
        *verdict = s_refuse ("one statement at a time: send each in a call of its own");
    else if (tree && tree->n_stmts == 1)
        *verdict = s_judge_node (tree->stmts[0]->stmt, findings);
    else if (tree)
        *verdict = (txc_pg_verdict_t){.kind = TXC_PG_READS}; /* empty */
    bool done = tree != NULL;
    if (tree)
        pg_query__parse_result__free_unpacked (tree, NULL);
    pg_query_free_protobuf_parse_result (parsed);
    return done;
}

/* --- the first word ------------------------------------------------------------ */

/* Behind a comment that begins at sql (they nest), or at the end of the text. */
static const char *s_skip_comment (const char *sql)
{
    int depth = 0;
    do {
        if (sql[0] == '/' && sql[1] == '*') {
            depth++;
            sql += 2;
        } else if (sql[0] == '*' && sql[1] == '/') {
            depth--;
            sql += 2;
        } else
            sql++;
    } while (depth > 0 && *sql);
    return sql;
}

static const char *s_first_word (const char *sql)
{
    for (;;) {
        sql += strspn (sql, " \t\n\r\f\v;");
        if (sql[0] == '-' && sql[1] == '-')
            sql += strcspn (sql, "\n\r");
        else if (sql[0] == '/' && sql[1] == '*')
            sql = s_skip_comment (sql);
        else
            return sql;
    }
}

static txc_pg_verdict_t s_judge_first_word (const char *sql)
{
    static const char *const leaving[] = {"abort",      "begin",     "commit",  "end",     "rollback",
                                          "start",      "prepare",   "set",     "reset",   "load",
                                          "listen",     "notify",    "copy",    "discard", "unlisten",
                                          "deallocate", "savepoint", "release", NULL};
    static const char *const writing[] = {"insert", "update", "delete", "merge", NULL};
    const char *word = s_first_word (sql);
    s_token_t token = {word, 0, 0, 0};
    while ((word[token.size] | 0x20) >= 'a' && (word[token.size] | 0x20) <= 'z')
        token.size++;
    if (s_is_one_of (&token, leaving))
        return s_refuse (
            "the statement begins like one that could leave the branch, and is too long or not understood");
    return (txc_pg_verdict_t){.kind = s_is_one_of (&token, writing) ? TXC_PG_WRITES : TXC_PG_MAY_WRITE,
                              .dirties = !s_is_one_of (&token, writing)};
}

txc_pg_verdict_t txc_pg_judge (const char *sql, size_t size)
{
    TXC_ASSERT (sql[size] == '\0');
    if (strlen (sql) != size)
        return s_refuse ("the statement contains a NUL byte");
    if (size > S_SCAN_MAX)
        return s_judge_first_word (sql);
    size_t n;
    s_token_t *tokens = s_scan (sql, &n);
    if (tokens == NULL)
        return s_refuse ("the statement cannot be read: an unfinished string or comment, or no valid UTF-8");
    s_findings_t findings = {0};
    txc_pg_verdict_t verdict = {.refused = s_judge_tokens (tokens, n, &findings)};
    free (tokens);
    if (verdict.refused)
        return verdict;
    if (n > S_TOKENS_MAX || !s_judge_tree (sql, &findings, &verdict))
        verdict = s_judge_first_word (sql);
    verdict.dirties |= findings.sets;
    return verdict;
}
