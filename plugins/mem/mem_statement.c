#include "config.h"

#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"

/*
 * The language, one statement a call; $1, $2, ... stand for parameters:
 *
 *     set KEY VALUE   add KEY DELTA   get KEY   nop   sleep MS   fail [SQLSTATE]
 *     fault POINT ACTION [MS] [COUNT]
 */
enum { MAX_WORDS = 8 };

typedef struct call {
    txc_rm_conn_t *conn;
    const txc_rm_statement_t *statement;
    const txc_rm_sink_t *sink;
    txc_rm_error_t *error;
    int n_words;
    char *words[MAX_WORDS];
} call_t;

static txc_rm_status_t s_syntax (call_t *call, const char *what)
{
    return mem_fail (call->error, TXC_RM_ERROR, TXC_ERM, "42601", "syntax error: %s", what);
}

/* Gives the branch the row's lock, waiting for its holder up to the lock time-out. */
static txc_rm_status_t s_lock (call_t *call, mem_row_t *row)
{
    txc_rm_conn_t *conn = call->conn;
    uint64_t deadline = mem_now_ms() + conn->lock_timeout_ms;
    while (row->holder && row->holder != conn->branch) {
        if (mem_now_ms() >= deadline)
            return mem_fail (call->error, TXC_RM_ERROR, TXC_ERM, "55P03",
                             "canceling statement due to lock timeout on %s", row->key);
        txc_rm_status_t status = mem_wait (conn, deadline, call->error);
        if (status != TXC_RM_OK)
            return status;
        mem_store_settle (conn->rm);
    }
    row->holder = conn->branch; /* a write follows at once: the branch frees the locks of what it wrote */
    return TXC_RM_OK;
}

static txc_rm_status_t s_done (call_t *call, int64_t affected, const char *tag)
{
    if (call->sink && call->sink->done)
        call->sink->done (call->sink->arg, affected, tag);
    return TXC_RM_OK;
}

static txc_rm_status_t s_write (call_t *call, mem_row_t *row, const char *value, const char *tag)
{
    mem_branch_write (call->conn->branch, row, value);
    return s_done (call, 1, tag);
}

static txc_rm_status_t s_set (call_t *call)
{
    if (call->n_words != 3)
        return s_syntax (call, "set KEY VALUE");
    mem_row_t *row = mem_row (call->conn->rm, call->words[1]);
    txc_rm_status_t status = s_lock (call, row);
    return status == TXC_RM_OK ? s_write (call, row, call->words[2], "SET") : status;
}

static bool s_integer (const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll (text, &end, 10);
    if (end == text || *end || errno)
        return false;
    *value = number;
    return true;
}

static txc_rm_status_t s_add (call_t *call)
{
    int64_t delta, old = 0, sum;
    if (call->n_words != 3 || !s_integer (call->words[2], &delta))
        return s_syntax (call, "add KEY DELTA, a whole number");
    mem_row_t *row = mem_row (call->conn->rm, call->words[1]);
    txc_rm_status_t status = s_lock (call, row);
    if (status != TXC_RM_OK)
        return status;
    const char *value = mem_branch_read (call->conn->branch, row);
    bool number = !value || s_integer (value, &old);
    char text[32];
    bool good = number && !__builtin_add_overflow (old, delta, &sum);
    snprintf (text, sizeof text, "%" PRId64, good ? sum : 0);
    /* Written even if it failed, so that the lock goes with the branch, which can only be rolled back now. */
    status = s_write (call, row, text, "ADD");
    if (!good)
        return mem_fail (call->error, TXC_RM_ERROR, TXC_ERM, "22003", "%s: out of range or not a number",
                         row->key);
    return status;
}

static txc_rm_status_t s_get (call_t *call)
{
    if (call->n_words != 2)
        return s_syntax (call, "get KEY");
    const char *value = mem_branch_read (call->conn->branch, mem_row (call->conn->rm, call->words[1]));
    const txc_rm_sink_t *sink = call->sink;
    if (!sink)
        return TXC_RM_OK;
    static const char *const names[] = {"key", "value"}, *const types[] = {"text", "text"};
    int stop = sink->columns ? sink->columns (sink->arg, 2, names, types) : 0;
    if (value && !stop && sink->row) {
        const char *values[] = {call->words[1], value};
        size_t sizes[] = {strlen (call->words[1]), strlen (value)};
        stop = sink->row (sink->arg, 2, values, sizes);
    }
    if (stop)
        return mem_fail (call->error, TXC_RM_ERROR, TXC_ELIMIT, "54000", "the result is too large");
    return s_done (call, value ? 1 : 0, "GET");
}

static txc_rm_status_t s_nop (call_t *call)
{
    return call->n_words == 1 ? s_done (call, 0, "NOP") : s_syntax (call, "nop");
}

static txc_rm_status_t s_sleep (call_t *call)
{
    int64_t ms;
    if (call->n_words != 2 || !s_integer (call->words[1], &ms) || ms < 0 || ms > 3600000)
        return s_syntax (call, "sleep MS");
    uint64_t deadline = mem_now_ms() + (uint64_t) ms;
    while (mem_now_ms() < deadline) {
        txc_rm_status_t status = mem_wait (call->conn, deadline, call->error);
        if (status != TXC_RM_OK)
            return status;
    }
    return s_done (call, 0, "SLEEP");
}

static txc_rm_status_t s_fail (call_t *call)
{
    const char *state = call->n_words == 2 ? call->words[1] : "23514";
    if (call->n_words > 2 || strlen (state) != 5)
        return s_syntax (call, "fail [SQLSTATE]");
    return mem_fail (call->error, TXC_RM_ERROR, TXC_ERM, state, "failed on demand");
}

static txc_rm_status_t s_fault (call_t *call)
{
    char text[256];
    if (!mem_fault_set (call->conn->rm->faults, call->n_words - 1, call->words + 1, text))
        return mem_fail (call->error, TXC_RM_ERROR, TXC_ERM, "42601", "%.200s", text);
    return s_done (call, 0, "FAULT");
}

static const struct {
    const char *verb;
    txc_rm_status_t (*run) (call_t *call);
} s_verbs[] = {{"set", s_set},     {"add", s_add},   {"get", s_get},    {"nop", s_nop},
               {"sleep", s_sleep}, {"fail", s_fail}, {"fault", s_fault}};

/* The value of parameter $N, if it is one that can be a word. */
static bool s_param (const txc_rm_statement_t *statement, const char *word, char **value)
{
    char *end;
    unsigned long n = strtoul (word + 1, &end, 10);
    if (*end || n < 1 || n > (unsigned long) statement->n_params || !statement->params[n - 1].value)
        return false;
    const txc_rm_param_t *param = &statement->params[n - 1];
    if (!param->size)
        return false;
    for (size_t i = 0; i < param->size; i++)
        if (!isgraph ((unsigned char) param->value[i]))
            return false;
    *value = txc_malloc (param->size + 1);
    memcpy (*value, param->value, param->size);
    (*value)[param->size] = '\0';
    return true;
}

/* Splits the statement into words, copies all.  False if it cannot be. */
static bool s_split (call_t *call)
{
    char *copy = txc_strdup (call->statement->sql), *rest = copy;
    bool good = true;
    for (char *word = strtok_r (copy, " \t\r\n;", &rest); word && good;
         word = strtok_r (NULL, " \t\r\n;", &rest)) {
        char *value = NULL;
        good = call->n_words < MAX_WORDS && (*word != '$' || s_param (call->statement, word, &value));
        for (const char *at = word; *at && good; at++)
            good = isgraph ((unsigned char) *at) != 0;
        if (good)
            call->words[call->n_words++] = value ? value : txc_strdup (word);
        else
            free (value);
    }
    free (copy);
    return good && call->n_words > 0;
}

txc_rm_status_t mem_statement_run (txc_rm_conn_t *conn, const txc_rm_statement_t *statement,
                                   const txc_rm_sink_t *sink, txc_rm_error_t *error)
{
    call_t call = {.conn = conn, .statement = statement, .sink = sink, .error = error};
    txc_rm_status_t status;
    if (s_split (&call)) {
        status = s_syntax (&call, "no such verb; they are set, add, get, nop, sleep, fail, fault");
        for (size_t i = 0; i < sizeof s_verbs / sizeof *s_verbs; i++)
            if (strcmp (s_verbs[i].verb, call.words[0]) == 0)
                status = s_verbs[i].run (&call);
    } else
        status = s_syntax (&call, "words are printable ASCII, at most 8; parameters are $1, $2, ...");
    for (int i = 0; i < call.n_words; i++)
        free (call.words[i]);
    return status;
}
