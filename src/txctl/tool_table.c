#include "config.h"

#include "txctl/tool_table.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

struct tool_table {
    size_t n_columns, n_cells, max_cells;
    char **cells; /* NULL: SQL's NULL */
};

tool_table_t *tool_table_new (int n_columns)
{
    TXC_ASSERT (n_columns > 0);
    tool_table_t *self = txc_calloc (1, sizeof *self);
    self->n_columns = (size_t) n_columns;
    return self;
}

void tool_table_destroy (tool_table_t **self_p)
{
    tool_table_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_cells; i++)
        free (self->cells[i]);
    free (self->cells);
    free (self);
    *self_p = NULL;
}

void tool_table_add (tool_table_t *self, const char *text)
{
    if (self->n_cells == self->max_cells) {
        self->max_cells = self->max_cells ? self->max_cells * 2 : 64;
        self->cells = txc_realloc (self->cells, self->max_cells * sizeof *self->cells);
    }
    self->cells[self->n_cells++] = text ? txc_strdup (text) : NULL;
}

void tool_table_addf (tool_table_t *self, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start (args, format);
    vsnprintf (text, sizeof text, format, args);
    va_end (args);
    tool_table_add (self, text);
}

/* --- aligned ------------------------------------------------------------------- */

/* The first character of text, as it is to be shown; what would break the line or the terminal is escaped.
 * Returns its bytes; *width is what it takes on a terminal. */
static size_t s_character (const char *text, mbstate_t *state, char shown[MB_LEN_MAX + 1], size_t *width)
{
    wchar_t wide;
    size_t size = mbrtowc (&wide, text, strnlen (text, MB_LEN_MAX), state);
    bool broken = size == (size_t) -1 || size == (size_t) -2;
    int columns = broken ? -1 : wcwidth (wide);
    if (columns >= 0) {
        memcpy (shown, text, size);
        shown[size] = '\0';
        *width = (size_t) columns;
        return size;
    }
    if (broken) {
        memset (state, 0, sizeof *state);
        size = 1;
    }
    if (*text == '\n' || *text == '\t' || *text == '\r')
        snprintf (shown, MB_LEN_MAX, "\\%c", *text == '\n' ? 'n' : *text == '\t' ? 't' : 'r');
    else
        snprintf (shown, MB_LEN_MAX, "\\x%02x", (unsigned char) *text);
    *width = strlen (shown);
    return size;
}

/* Prints text, or only measures it if out is NULL.  Returns its width. */
static size_t s_put (const char *text, FILE *out)
{
    mbstate_t state = {0};
    size_t total = 0;
    while (*text) {
        char shown[MB_LEN_MAX + 1];
        size_t width;
        text += s_character (text, &state, shown, &width);
        total += width;
        if (out)
            fputs (shown, out);
    }
    return total;
}

static void s_pad (size_t width, char with, FILE *out)
{
    while (width-- > 0)
        putc (with, out);
}

/* True if every value of the column is a number: it is aligned to the right then. */
static bool s_is_numeric (const tool_table_t *self, size_t column)
{
    bool any = false;
    for (size_t i = self->n_columns + column; i < self->n_cells; i += self->n_columns) {
        const char *text = self->cells[i];
        if (!text)
            continue;
        if (!*text || strspn (text, "+-.0123456789eE") != strlen (text) || !strpbrk (text, "0123456789"))
            return false;
        any = true;
    }
    return any;
}

static void s_print_cell (const char *text, size_t width, bool right, bool last, FILE *out)
{
    size_t pad = width - s_put (text, NULL);
    putc (' ', out);
    if (right)
        s_pad (pad, ' ', out);
    s_put (text, out);
    if (!right && !last)
        s_pad (pad, ' ', out);
    fputs (last ? "\n" : " |", out);
}

static void s_print_rule (const size_t *widths, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        s_pad (widths[i] + 2, '-', out);
        putc (i + 1 < n ? '+' : '\n', out);
    }
}

static void s_print_aligned (const tool_table_t *self, const char *null, FILE *out)
{
    size_t n = self->n_columns;
    size_t *widths = txc_calloc (n, sizeof *widths);
    bool *right = txc_calloc (n, sizeof *right);
    for (size_t i = 0; i < self->n_cells; i++) {
        size_t width = s_put (self->cells[i] ? self->cells[i] : null, NULL);
        if (width > widths[i % n])
            widths[i % n] = width;
    }
    for (size_t i = 0; i < n; i++)
        right[i] = s_is_numeric (self, i);
    for (size_t i = 0; i < self->n_cells; i++) {
        const char *text = self->cells[i] ? self->cells[i] : null;
        s_print_cell (text, widths[i % n], i >= n && right[i % n], i % n == n - 1, out);
        if (i == n - 1)
            s_print_rule (widths, n, out);
    }
    free (widths);
    free (right);
}

/* --- for programs ------------------------------------------------------------------ */

static void s_print_csv_cell (const char *text, FILE *out)
{
    if (!text)
        return;
    if (*text && !strpbrk (text, ",\"\r\n")) {
        fputs (text, out);
        return;
    }
    putc ('"', out);
    for (; *text; text++) {
        if (*text == '"')
            putc ('"', out);
        putc (*text, out);
    }
    putc ('"', out);
}

static void s_print_tuple_cell (const char *text, FILE *out)
{
    if (!text)
        fputs ("\\N", out);
    for (; text && *text; text++) {
        static const char from[] = "\t\n\r\\", to[] = "tnr\\";
        const char *found = strchr (from, *text);
        if (found)
            putc ('\\', out);
        putc (found ? to[found - from] : *text, out);
    }
}

static void s_print_plain (const tool_table_t *self, tool_format_t format, FILE *out)
{
    size_t n = self->n_columns;
    for (size_t i = format == TOOL_CSV ? 0 : n; i < self->n_cells; i++) {
        if (format == TOOL_CSV)
            s_print_csv_cell (self->cells[i], out);
        else
            s_print_tuple_cell (self->cells[i], out);
        putc (i % n == n - 1 ? '\n' : format == TOOL_CSV ? ',' : '\t', out);
    }
}

void tool_table_print (const tool_table_t *self, tool_format_t format, const char *null, FILE *out)
{
    TXC_ASSERT (self->n_cells % self->n_columns == 0);
    if (format == TOOL_ALIGNED)
        s_print_aligned (self, null, out);
    else
        s_print_plain (self, format, out);
}
