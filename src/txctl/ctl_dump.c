/* ctl_dump.c - log dump: what lies in a coordinator's log, or in an agent's journal. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log/txc_log_dump.h"
#include "txctl/ctl.h"
#include "txctl/tool_dump.h"

typedef struct s_dump {
    const ctl_options_t *options;
    uint64_t entries, unreadable;
} s_dump_t;

static void s_print_json (const txc_log_dump_entry_t *entry, json_t *line)
{
    json_object_set_new (line, "lsn", json_integer ((json_int_t) entry->lsn));
    json_object_set_new (line, "file", json_string (entry->file));
    json_object_set_new (line, "offset", json_integer ((json_int_t) entry->offset));
    json_dumpf (line, stdout, JSON_COMPACT);
    putchar ('\n');
}

/* "lsn 12  slot 12  epoch 1.1  COMMIT  gtrid=...": the members in the order in which they were put in. */
static void s_print_text (const txc_log_dump_entry_t *entry, const json_t *line)
{
    const char *key;
    json_t *value;
    printf ("lsn %" PRIu64, entry->lsn);
    json_object_foreach ((json_t *) (uintptr_t) line, key, value)
    {
        bool named = strcmp (key, "type") != 0;
        printf ("  %s%s", named ? key : "", named ? " " : "");
        if (json_is_string (value))
            fputs (json_string_value (value), stdout);
        else
            json_dumpf (value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    }
    putchar ('\n');
}

static int s_entry (void *arg, const txc_log_dump_entry_t *entry)
{
    s_dump_t *dump = arg;
    json_t *line;
    if (entry->is_checkpoint)
        line = json_pack ("{s:s, s:I}", "type", "CHECKPOINT", "bytes", (json_int_t) entry->size);
    else if (dump->options->journal)
        line = tool_dump_journal (entry->bytes, entry->size);
    else
        line = tool_dump_record (entry->bytes, entry->size);
    if (!line) {
        dump->unreadable++;
        line = json_pack ("{s:s, s:I}", "type", "UNREADABLE", "bytes", (json_int_t) entry->size);
    }
    dump->entries++;
    if (dump->options->json)
        s_print_json (entry, line);
    else
        s_print_text (entry, line);
    json_decref (line);
    return 0;
}

static void s_note (void *arg, const char *text)
{
    (void) arg;
    fprintf (stderr, "txctl: %s\n", text);
}

ctl_status_t ctl_log (const ctl_options_t *options, int n, char **words)
{
    (void) n;
    static const txc_log_dump_visitor_t visitor = {.entry = s_entry, .note = s_note};
    s_dump_t dump = {.options = options};
    txc_error_t error;
    if (strcmp (words[0], "dump") != 0) {
        fprintf (stderr, "txctl: it is: log dump FOLDER\n");
        return CTL_USAGE;
    }
    int rc = txc_log_dump (words[1], &visitor, &dump, &error);
    if (rc != TXC_OK) {
        fprintf (stderr, "txctl: %s [%s]\n", error.text, txc_code_name (rc));
        return rc == TXC_ECORRUPT ? CTL_REFUSED : CTL_USAGE;
    }
    if (dump.unreadable > 0)
        fprintf (stderr, "txctl: %" PRIu64 " of %" PRIu64 " entries cannot be read%s\n", dump.unreadable,
                 dump.entries, options->journal ? "" : "; an agent's journal needs --journal");
    return dump.unreadable > 0 ? CTL_REFUSED : CTL_OK;
}
