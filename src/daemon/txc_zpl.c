#include "config.h"

#include "daemon/txc_zpl.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

enum { FILE_SIZE_MAX = 1 << 20, LINE_SIZE_MAX = 1000, DEPTH_MAX = 8, FILE_NAME_SHOWN = 80 };

int txc_zpl_error (txc_error_t *error, int code, const char *file, unsigned line, const char *format, ...)
{
    char text[TXC_TEXT_MAX + 1], where[16] = "";
    va_list args;
    va_start (args, format);
    vsnprintf (text, sizeof text, format, args);
    va_end (args);
    if (line)
        snprintf (where, sizeof where, ":%u", line);
    size_t size = strlen (file);
    bool cut = size > FILE_NAME_SHOWN;
    return txc_error_set (error, code, "%s%s%s: %s", cut ? "..." : "",
                          cut ? file + size - FILE_NAME_SHOWN : file, where, text);
}

/* --- the lines -------------------------------------------------------------- */

typedef struct s_lint {
    const char *file;
    txc_error_t *error;
    unsigned line;
    unsigned depth;        /* of the last line with a name */
    bool any;              /* there was one */
    unsigned *named_lines; /* the numbers of lines with a name */
    size_t n_named;
} s_lint_t;

static int s_wrong (const s_lint_t *self, const char *what)
{
    return txc_zpl_error (self->error, TXC_ECONFIG, self->file, self->line, "%s", what);
}

static const char *s_skip_blanks (const char *text)
{
    return text + strspn (text, " \t\r");
}

static bool s_is_over (const char *text)
{
    text = s_skip_blanks (text);
    return *text == 0 || *text == '#';
}

static int s_check_value (const s_lint_t *self, const char *value)
{
    if (s_is_over (value))
        return s_wrong (self, "there is no value behind '='");
    if (*value == '"' || *value == '\'') {
        const char *end = strchr (value + 1, *value);
        if (!end)
            return s_wrong (self, "the closing quote is missing");
        if (!s_is_over (end + 1))
            return s_wrong (self, "there is something behind the closing quote");
        return TXC_OK;
    }
    size_t size = strcspn (value, "#");
    if (value[size] == '#' && value[size - 1] != ' ' && value[size - 1] != '\t')
        return s_wrong (self, "'#' begins a comment: put the value in quotes, or a blank before the comment");
    if (strcspn (value, "\"'") < size)
        return s_wrong (self, "a quote inside of a value: put the whole value in the other kind of quotes");
    return TXC_OK;
}

static int s_check_line (s_lint_t *self, const char *text)
{
    if (strlen (text) > LINE_SIZE_MAX)
        return s_wrong (self, "the line is longer than 1000 bytes");
    for (const char *p = text; *p; p++)
        if ((unsigned char) *p < ' ' && *p != '\t' && !(*p == '\r' && p[1] == 0))
            return s_wrong (self, "there is a control character in the line");
    if (*s_skip_blanks (text) == 0)
        return TXC_OK;
    size_t blanks = strspn (text, " ");
    if (text[blanks] == '\t')
        return s_wrong (self, "indent with blanks, not with tabs");
    if (blanks % 4)
        return s_wrong (self, "indent by 4 blanks a level");
    if (text[blanks] == '#')
        return TXC_OK;

    unsigned depth = (unsigned) blanks / 4;
    if (depth > (self->any ? self->depth + 1 : 0) || depth >= DEPTH_MAX)
        return s_wrong (self, "it is indented too far");
    const char *name = text + blanks;
    size_t size = strspn (name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    if (size == 0)
        return s_wrong (self,
                        "a line is 'section' or 'key = value'; names are of letters, digits, '_' and '-'");
    self->depth = depth;
    self->any = true;
    self->named_lines = txc_realloc (self->named_lines, (self->n_named + 1) * sizeof *self->named_lines);
    self->named_lines[self->n_named++] = self->line;

    const char *rest = s_skip_blanks (name + size);
    if (s_is_over (rest))
        return TXC_OK;
    if (*rest != '=')
        return s_wrong (self,
                        "a line is 'section' or 'key = value'; names are of letters, digits, '_' and '-'");
    return s_check_value (self, s_skip_blanks (rest + 1));
}

static int s_check_text (s_lint_t *self, char *text)
{
    int rc = TXC_OK;
    for (char *line = text; line && !rc;) {
        char *end = strchr (line, '\n');
        if (end)
            *end = 0;
        self->line++;
        rc = s_check_line (self, line);
        if (end)
            *end++ = '\n';
        line = end;
    }
    return rc;
}

/* --- the tree --------------------------------------------------------------- */

typedef struct s_walk {
    txc_zpl_t *zpl;
    const s_lint_t *lint;
    size_t parents[DEPTH_MAX + 1]; /* the last item at each depth */
    bool failed;
} s_walk_t;

static int s_visit (zconfig_t *node, void *arg, int level)
{
    s_walk_t *walk = arg;
    if (level == 0)
        return 0; /* the root */
    txc_zpl_t *zpl = walk->zpl;
    size_t index = zpl->n_items;
    if (level > DEPTH_MAX || index >= walk->lint->n_named) {
        walk->failed = true;
        return -1;
    }
    const char *parent = "";
    if (level > 1) {
        zpl->items[walk->parents[level - 1]].children++;
        parent = zpl->items[walk->parents[level - 1]].path;
    }
    char path[DEPTH_MAX * (LINE_SIZE_MAX + 1) + 1];
    snprintf (path, sizeof path, "%s%s%s", parent, level > 1 ? "/" : "", zconfig_name (node));
    txc_zpl_append (zpl, &(txc_zpl_item_t){path, zconfig_value (node), walk->lint->named_lines[index], 0});
    walk->parents[level] = index;
    return 0;
}

static int s_build (txc_zpl_t *self, const s_lint_t *lint, const char *text)
{
    zconfig_t *root = zconfig_str_load (text);
    s_walk_t walk = {.zpl = self, .lint = lint, .failed = !root};
    if (root)
        zconfig_execute (root, s_visit, &walk);
    zconfig_destroy (&root);
    if (walk.failed || self->n_items != lint->n_named)
        return txc_zpl_error (lint->error, TXC_ECONFIG, lint->file, 0, "the file cannot be read as ZPL");
    return TXC_OK;
}

void txc_zpl_append (txc_zpl_t *self, const txc_zpl_item_t *item)
{
    self->items = txc_realloc (self->items, (self->n_items + 1) * sizeof *self->items);
    self->items[self->n_items++] =
        (txc_zpl_item_t){txc_strdup (item->path), txc_strdup (item->value), item->line, item->children};
}

/* --- the file --------------------------------------------------------------- */

/* The file's text; NULL with error set. */
static char *s_load (const char *file, txc_error_t *error)
{
    struct stat status;
    int fd = open (file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat (fd, &status) != 0) {
        txc_zpl_error (error, TXC_EIO, file, 0, "%s", strerror (errno));
        if (fd >= 0)
            close (fd);
        return NULL;
    }
    char *text = NULL;
    if (!S_ISREG (status.st_mode) || status.st_size > FILE_SIZE_MAX) {
        txc_zpl_error (error, TXC_ECONFIG, file, 0, "this is no file of at most 1 MiB");
    } else {
        text = txc_malloc (FILE_SIZE_MAX + 1);
        size_t size = 0;
        ssize_t part;
        while (size < FILE_SIZE_MAX && (part = read (fd, text + size, FILE_SIZE_MAX - size)) > 0)
            size += (size_t) part;
        text[size] = 0;
        if (strlen (text) != size) {
            txc_zpl_error (error, TXC_ECONFIG, file, 0, "this is no text file: it has a NUL byte");
            free (text);
            text = NULL;
        }
    }
    close (fd);
    return text;
}

int txc_zpl_read (txc_zpl_t *self, const char *file, txc_error_t *error)
{
    memset (self, 0, sizeof *self);
    txc_error_t ignored;
    if (!error)
        error = &ignored;
    char *text = s_load (file, error);
    if (!text)
        return error->code;
    s_lint_t lint = {.file = file, .error = error};
    int rc = s_check_text (&lint, text);
    if (rc == TXC_OK)
        rc = s_build (self, &lint, text);
    if (rc)
        txc_zpl_fini (self);
    free (lint.named_lines);
    free (text);
    return rc;
}

void txc_zpl_fini (txc_zpl_t *self)
{
    for (size_t i = 0; i < self->n_items; i++) {
        free (self->items[i].path);
        free (self->items[i].value);
    }
    free (self->items);
    memset (self, 0, sizeof *self);
}
