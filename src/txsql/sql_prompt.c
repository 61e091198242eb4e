#include "config.h"

#include "txsql/sql_prompt.h"

#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_mem.h"
#include "txsql/sql_command.h"

enum { HISTORY_LINES = 1000 };

struct sql_prompt {
    EditLine *editor;
    History *history;
    char *history_file; /* NULL: no home */
    char *line;
    const char *prompt;
};

static char *s_prompt (EditLine *editor)
{
    sql_prompt_t *self;
    el_get (editor, EL_CLIENTDATA, &self);
    return (char *) (uintptr_t) self->prompt;
}

/* Completes the command before the cursor, if exactly one begins like that. */
static unsigned char s_complete (EditLine *editor, int key)
{
    (void) key;
    const LineInfo *line = el_line (editor);
    size_t typed = (size_t) (line->cursor - line->buffer);
    const char *found = NULL, *name;
    for (size_t i = 0; (name = sql_command_name (i)) != NULL; i++) {
        if (typed == 0 || strncmp (name, line->buffer, typed) != 0)
            continue;
        if (found)
            return CC_REFRESH_BEEP;
        found = name;
    }
    return found && el_insertstr (editor, found + typed) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
}

static char *s_history_file (void)
{
    const char *home = getenv ("HOME");
    if (!home || !*home)
        return NULL;
    size_t size = strlen (home) + sizeof "/.txsql_history";
    char *file = txc_malloc (size);
    snprintf (file, size, "%s/.txsql_history", home);
    return file;
}

sql_prompt_t *sql_prompt_new (void)
{
    sql_prompt_t *self = txc_calloc (1, sizeof *self);
    HistEvent event;
    self->history_file = s_history_file();
    self->history = history_init();
    history (self->history, &event, H_SETSIZE, HISTORY_LINES);
    history (self->history, &event, H_SETUNIQUE, 1);
    if (self->history_file)
        history (self->history, &event, H_LOAD, self->history_file);
    self->editor = el_init ("txsql", stdin, stdout, stderr);
    el_set (self->editor, EL_CLIENTDATA, self);
    el_set (self->editor, EL_PROMPT, s_prompt);
    el_set (self->editor, EL_EDITOR, "emacs");
    el_set (self->editor, EL_SIGNAL, 1);
    el_set (self->editor, EL_HIST, history, self->history);
    el_set (self->editor, EL_ADDFN, "complete-command", "Complete a command", s_complete);
    el_set (self->editor, EL_BIND, "^I", "complete-command", NULL);
    el_source (self->editor, NULL);
    return self;
}

void sql_prompt_destroy (sql_prompt_t **self_p)
{
    sql_prompt_t *self = *self_p;
    if (!self)
        return;
    HistEvent event;
    if (self->history_file)
        history (self->history, &event, H_SAVE, self->history_file);
    el_end (self->editor);
    history_end (self->history);
    free (self->history_file);
    free (self->line);
    free (self);
    *self_p = NULL;
}

static volatile sig_atomic_t s_interrupted;

static void s_on_interrupt (int number)
{
    (void) number;
    s_interrupted = 1;
}

/* The editor's next line.  SIGINT ends its read, which is not taken up again. */
static const char *s_gets (sql_prompt_t *self, int *size)
{
    struct sigaction action = {.sa_handler = s_on_interrupt}, before;
    sigemptyset (&action.sa_mask);
    s_interrupted = 0;
    sigaction (SIGINT, &action, &before);
    const char *line = el_gets (self->editor, size);
    sigaction (SIGINT, &before, NULL);
    return line;
}

const char *sql_prompt_read (sql_prompt_t *self, const char *prompt, bool *interrupted)
{
    int size = 0;
    HistEvent event;
    self->prompt = prompt;
    const char *line = s_gets (self, &size);
    *interrupted = s_interrupted && (!line || size <= 0); /* else it came before anything was read */
    if (*interrupted) {
        el_reset (self->editor);
        putchar ('\n');
    }
    if (!line || size <= 0)
        return NULL;
    if (strspn (line, " \t\r\n") < (size_t) size)
        history (self->history, &event, H_ENTER, line);
    free (self->line);
    self->line = txc_strdup (line);
    self->line[strcspn (self->line, "\n")] = '\0';
    return self->line;
}
