#include "txsql/sql_split.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"

struct sql_split {
    char *text; /* what was fed and not yet taken, lines ended by '\n' */
    size_t size, room;
    bool finished;
};

sql_split_t *sql_split_new (void)
{
    sql_split_t *self = txc_calloc (1, sizeof *self);
    self->text = txc_strdup ("");
    self->room = 1;
    return self;
}

void sql_split_destroy (sql_split_t **self_p)
{
    if (!*self_p)
        return;
    free ((*self_p)->text);
    free (*self_p);
    *self_p = NULL;
}

void sql_split_feed (sql_split_t *self, const char *line)
{
    size_t length = strlen (line);
    if (self->size + length + 2 > self->room) {
        self->room = (self->size + length + 2) * 2;
        self->text = txc_realloc (self->text, self->room);
    }
    memcpy (self->text + self->size, line, length);
    memcpy (self->text + self->size + length, "\n", 2);
    self->size += length + 1;
}

void sql_split_finish (sql_split_t *self)
{
    self->finished = true;
}

/* --- scanning: each takes the place behind an opening and returns the place behind the end, NULL if there is
 * none --- */

static const char *s_skip_quoted (const char *text, char quote)
{
    const char *end = strchr (text, quote);
    return end ? end + 1 : NULL;
}

static const char *s_skip_line (const char *text)
{
    const char *end = strchr (text, '\n');
    return end ? end + 1 : NULL;
}

static const char *s_skip_comment (const char *text)
{
    int depth = 1;
    while (*text) {
        if (text[0] == '/' && text[1] == '*') {
            depth++;
            text += 2;
        } else if (text[0] == '*' && text[1] == '/') {
            text += 2;
            if (--depth == 0)
                return text;
        } else {
            text++;
        }
    }
    return NULL;
}

static bool s_is_word (char c)
{
    return isalnum ((unsigned char) c) || c == '_' || (unsigned char) c >= 128;
}

/* text is at a '$'.  If it begins a dollar quote, returns the place behind its end, or NULL; if not, behind
 * the '$'. */
static const char *s_skip_dollar (const char *text)
{
    size_t tag = 1;
    while (s_is_word (text[tag]))
        tag++;
    if (text[tag] != '$' || isdigit ((unsigned char) text[1]))
        return text + 1;
    tag++;
    for (const char *end = text + tag; (end = strchr (end, '$')) != NULL; end++)
        if (strncmp (end, text, tag) == 0)
            return end + tag;
    return NULL;
}

/* The semicolon that ends a statement; NULL: it is not there yet. */
static const char *s_find_end (const char *text)
{
    char before = ' ';
    while (text && *text && *text != ';') {
        char c = *text;
        if (c == '\'' || c == '"' || c == '`')
            text = s_skip_quoted (text + 1, c);
        else if (c == '-' && text[1] == '-')
            text = s_skip_line (text + 2);
        else if (c == '/' && text[1] == '*')
            text = s_skip_comment (text + 2);
        else if (c == '$' && !s_is_word (before))
            text = s_skip_dollar (text);
        else
            text++;
        before = c;
    }
    return text && *text == ';' ? text : NULL;
}

/* --- taking -------------------------------------------------------------------------- */

static size_t s_blank (const char *text)
{
    return strspn (text, " \t\r\n");
}

/* Where what comes next begins: behind blanks and stray semicolons, and behind comments between statements.
 */
static size_t s_start (const char *text)
{
    const char *at = text;
    for (;;) {
        at += s_blank (at);
        const char *behind = at;
        if (*at == ';')
            behind = at + 1;
        else if (at[0] == '-' && at[1] == '-')
            behind = s_skip_line (at + 2);
        else if (at[0] == '/' && at[1] == '*')
            behind = s_skip_comment (at + 2);
        if (!behind || behind == at)
            return (size_t) (at - text);
        at = behind;
    }
}

/* Copies what lies between start and end, without blanks at its end, and drops everything up to `next`. */
static char *s_take (sql_split_t *self, size_t start, size_t end, size_t next)
{
    while (end > start && isspace ((unsigned char) self->text[end - 1]))
        end--;
    char *taken = txc_malloc (end - start + 1);
    memcpy (taken, self->text + start, end - start);
    taken[end - start] = '\0';
    memmove (self->text, self->text + next, self->size - next + 1);
    self->size -= next;
    return taken;
}

char *sql_split_next (sql_split_t *self)
{
    size_t start = s_start (self->text);
    const char *text = self->text + start;
    if (!*text)
        return NULL;
    if (*text == '\\') {
        size_t end = start + strcspn (text, "\n");
        return s_take (self, start, end, end);
    }
    const char *semicolon = s_find_end (text);
    if (semicolon) {
        size_t end = (size_t) (semicolon - self->text);
        return s_take (self, start, end, end + 1);
    }
    return self->finished ? s_take (self, start, self->size, self->size) : NULL;
}

bool sql_split_is_open (const sql_split_t *self)
{
    return self->text[s_start (self->text)] != '\0';
}

void sql_split_reset (sql_split_t *self)
{
    self->size = 0;
    self->text[0] = '\0';
}
