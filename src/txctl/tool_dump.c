#include "config.h"

#include "txctl/tool_dump.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "core/txc_hlc.h"
#include "wire/txc_codec.h"

/* --- members: what is zero was not set, and is left out ------------------------------- */

static void s_set_hex (json_t *line, const char *key, uint64_t number)
{
    if (number != 0)
        json_object_set_new (line, key, json_sprintf ("%016" PRIx64, number));
}

static void s_set_number (json_t *line, const char *key, uint64_t number)
{
    if (number != 0)
        json_object_set_new (line, key, json_integer ((json_int_t) number));
}

static void s_set_text (json_t *line, const char *key, const char *text)
{
    if (*text)
        json_object_set_new (line, key, json_string (text));
}

static void s_set_epoch (json_t *line, const char *key, txc_epoch_t epoch)
{
    if (epoch.round != 0 || epoch.replica != 0)
        json_object_set_new (line, key, json_sprintf ("%" PRIu64 ".%" PRIu32, epoch.round, epoch.replica));
}

static void s_set_gtrid (json_t *line, const txc_gtrid_t *gtrid)
{
    char text[TXC_GTRID_MAX + 1];
    if (!txc_gtrid_is_none (gtrid))
        json_object_set_new (line, "gtrid", json_string (txc_gtrid_format (gtrid, text)));
}

static void s_set_guard (json_t *line, const txc_guard_t *guard)
{
    if (guard->slot != 0)
        json_object_set_new (line, "guard",
                             json_sprintf ("%" PRIu64 ":%016" PRIx64, guard->slot, guard->digest));
}

/* Milliseconds, and the counter of what was stamped within one. */
static void s_set_stamp (json_t *line, uint64_t stamp)
{
    char text[32];
    time_t seconds = (time_t) (txc_hlc_ms (stamp) / 1000);
    struct tm utc;
    if (stamp != 0 && gmtime_r (&seconds, &utc) &&
        strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc) > 0)
        json_object_set_new (line, "stamp",
                             json_sprintf ("%s.%03" PRIu64 "Z+%05" PRIu64, text, txc_hlc_ms (stamp) % 1000,
                                           stamp & UINT16_MAX));
}

static void s_set_time (json_t *line, uint64_t wall_ms)
{
    char text[32];
    time_t seconds = (time_t) (wall_ms / 1000);
    struct tm utc;
    if (wall_ms != 0 && gmtime_r (&seconds, &utc) &&
        strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0)
        json_object_set_new (line, "time", json_string (text));
}

static void s_set_branches (json_t *line, const txc_branch_ref_t *branches, uint32_t n)
{
    if (n == 0)
        return;
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++) {
        json_t *branch = json_object();
        s_set_text (branch, "rm", branches[i].rm);
        s_set_hex (branch, "token", branches[i].token);
        s_set_text (branch, "evidence", branches[i].evidence);
        json_array_append_new (list, branch);
    }
    json_object_set_new (line, "branches", list);
}

static void s_set_members (json_t *line, const txc_member_t *members, uint32_t n)
{
    if (n == 0)
        return;
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++) {
        json_t *member = json_object();
        s_set_number (member, "replica", members[i].id);
        s_set_text (member, "endpoint", members[i].endpoint);
        s_set_hex (member, "disk", members[i].disk);
        json_array_append_new (list, member);
    }
    json_object_set_new (line, "members", list);
}

/* disk: it says whose disk this is. */
static void s_set_record (json_t *line, const txc_rec_t *record, bool disk)
{
    s_set_text (line, "type", txc_rec_name (record->type));
    s_set_epoch (line, "origin", record->epoch);
    s_set_stamp (line, record->clock);
    s_set_time (line, record->time_ms);
    s_set_hex (line, "cluster", record->cluster);
    s_set_hex (line, disk ? "disk" : "nonce", record->nonce);
    s_set_number (line, disk ? "replica" : "count", record->count);
    s_set_gtrid (line, &record->gtrid);
    s_set_number (line, "session", record->session);
    s_set_number (line, "low", record->low);
    s_set_text (line, "rm", record->rm);
    s_set_hex (line, "token", record->token);
    s_set_text (line, "agent", record->agent);
    s_set_guard (line, &record->guard);
    s_set_text (line, "heur", record->heur ? txc_heur_name (record->heur) : "");
    s_set_text (line, "text", record->text);
    s_set_branches (line, record->branches, record->n_branches);
    s_set_members (line, record->members, record->n_members);
}

/* --- entries -------------------------------------------------------------------------------- */

json_t *tool_dump_record (const void *bytes, size_t size)
{
    static txc_rec_t record; /* too large for a stack; the tools have one thread */
    txc_entry_t entry;
    bool whole = txc_entry_unpack (bytes, size, &entry);
    memset (&record, 0, offsetof (txc_rec_t, branches));
    if (!whole || (entry.size && !txc_record_codec.decode (entry.bytes, entry.size, &record)))
        return NULL;
    json_t *line = json_object();
    s_set_number (line, "slot", entry.slot);
    s_set_epoch (line, "epoch", entry.epoch);
    s_set_text (line, "form", txc_entry_form_name (entry.form));
    if (!entry.size)
        return line;
    s_set_record (line, &record, entry.form == TXC_ENTRY_DISK);
    return line;
}

json_t *tool_dump_value (uint64_t slot, const txc_rec_t *record)
{
    json_t *line = json_object();
    s_set_number (line, "slot", slot);
    s_set_record (line, record, false);
    return line;
}

json_t *tool_dump_journal (const void *bytes, size_t size)
{
    txc_jrec_t entry;
    if (!txc_journal_codec.decode (bytes, size, &entry))
        return NULL;
    json_t *line = json_object();
    s_set_text (line, "type", txc_journal_name (entry.kind));
    s_set_hex (line, "cluster", entry.cluster);
    s_set_epoch (line, "epoch", entry.epoch);
    s_set_gtrid (line, &entry.gtrid);
    s_set_text (line, "rm", entry.rm);
    s_set_hex (line, "token", entry.token);
    s_set_guard (line, &entry.guard);
    s_set_text (line, "code", entry.code != TXC_OK ? txc_code_name (entry.code) : "");
    s_set_text (line, "heur", entry.heur ? txc_heur_name (entry.heur) : "");
    s_set_text (line, "text", entry.text);
    return line;
}
