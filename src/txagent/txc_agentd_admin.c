#include "config.h"

#include "txagent/txc_agentd.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/txc_mem.h"
#include "daemon/txc_report.h"

/* As many branches are listed at most, and so long is a command: what an answer may hold, and what reading
 * takes, is bounded. */
enum { BRANCHES_MAX = 20000, REQUEST_MAX = 4096 };

static json_t *s_no (int code, const char *text)
{
    return json_pack ("{s:b, s:i, s:s}", "ok", 0, "code", code, "error", text);
}

static json_t *s_hex (uint64_t number)
{
    char text[17];
    snprintf (text, sizeof text, "%016" PRIx64, number);
    return json_string (text);
}

/* A database's text: JSON takes UTF-8 only, and this may be in any encoding, or cut within a character. */
static json_t *s_foreign (const char *text)
{
    json_t *string = json_string (text);
    if (string)
        return string;
    char copy[TXC_TEXT_MAX + 1];
    txc_copy_text (copy, sizeof copy, text);
    for (char *c = copy; *c; c++)
        if ((unsigned char) *c >= 0x80)
            *c = '?';
    return json_string (copy);
}

/* --- status ------------------------------------------------------------------------ */

static json_t *s_rm (txc_agentd_t *self, uint32_t index, uint64_t incarnation)
{
    const txc_served_t *rm = &self->served.items[index];
    txc_pool_status_t pool;
    txc_pool_status (rm->pool, &pool);
    return json_pack ("{s:s, s:s, s:s, s:o, s:b, s:i, s:i, s:i, s:i, s:o}", "rm", rm->name, "plugin",
                      rm->module.plugin->name, "agent", self->name, "incarnation", s_hex (incarnation), "up",
                      txc_agent_rm_is_up (self->agent, index), "connections", (int) pool.connections,
                      "pinned", (int) pool.pinned, "waiting", (int) pool.waiting, "max_branches",
                      (int) rm->max_branches, "last_error",
                      s_foreign (pool.last_error[0] ? pool.last_error : self->last_errors[index]));
}

static json_t *s_counters (txc_agentd_t *self, const txc_agent_status_t *status)
{
    txc_net_counters_t net;
    txc_log_stats_t journal;
    txc_net_counters (self->net, &net);
    txc_jfile_stats (self->journal, &journal);
    return json_pack (
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "commits",
        (json_int_t) status->commits, "rollbacks", (json_int_t) status->rollbacks, "inquiries",
        (json_int_t) status->inquiries, "heuristics", (json_int_t) status->heuristics, "terminations",
        (json_int_t) status->terminations, "told_by_peers", (json_int_t) status->told_by_peers, "refused",
        (json_int_t) (status->dropped + self->misplaced), "messages_in", (json_int_t) net.messages_in,
        "messages_out", (json_int_t) net.messages_out, "malformed", (json_int_t) net.malformed, "dropped",
        (json_int_t) net.dropped, "peers", (json_int_t) net.routes, "journal_entries",
        (json_int_t) journal.entries, "journal_forced", (json_int_t) journal.forced, "journal_segments",
        (json_int_t) journal.segments, "active", (json_int_t) status->active, "prepared",
        (json_int_t) status->prepared);
}

static json_t *s_status (txc_agentd_t *self, const json_t *request)
{
    (void) request;
    txc_agent_status_t status;
    txc_agent_status (self->agent, &status);
    json_t *rms = json_array();
    for (uint32_t i = 0; i < self->served.n; i++)
        json_array_append_new (rms, s_rm (self, i, status.incarnation));
    return json_pack (
        "{s:b, s:s, s:s, s:s, s:i, s:o, s:o, s:s, s:{s:I, s:i}, s:b, s:b, s:b, s:i, s:i, s:o, s:o}", "ok", 1,
        "role", "txagent", "name", self->name, "version", PACKAGE_VERSION, "pid", (int) getpid(),
        "incarnation", s_hex (status.incarnation), "cluster", s_hex (status.cluster), "coordinator",
        txc_agent_leader (self->agent), "epoch", "round", (json_int_t) status.epoch.round, "replica",
        (int) status.epoch.replica, "registered", status.registered, "latched", status.latched, "draining",
        status.draining, "quarantined", (int) status.quarantined, "ended", (int) status.ended, "rms", rms,
        "counters", s_counters (self, &status));
}

/* --- branches ----------------------------------------------------------------------- */

static bool s_is_live (const txc_branch_view_t *view)
{
    return view->waits[0] != '\0';
}

static bool s_list (void *arg, const txc_branch_view_t *view)
{
    json_t *list = arg;
    char gtrid[TXC_GTRID_MAX + 1];
    if (s_is_live (view))
        json_array_append_new (list, json_pack ("{s:s, s:s, s:o, s:s, s:s, s:I, s:i, s:s, s:b, s:b}", "gtrid",
                                                txc_gtrid_format (&view->gtrid, gtrid), "rm", view->rm,
                                                "token", s_hex (view->token), "state", view->state, "waits",
                                                view->waits, "age_ms", (json_int_t) view->age_ms,
                                                "statements", (int) view->statements, "vote",
                                                txc_vote_name ((txc_vote_t) view->vote), "quarantined",
                                                view->quarantined, "owner", view->owner));
    return json_array_size (list) < BRANCHES_MAX;
}

static json_t *s_branches (txc_agentd_t *self, const json_t *request)
{
    (void) request;
    json_t *list = json_array();
    txc_agent_each (self->agent, s_list, list);
    bool all = json_array_size (list) < BRANCHES_MAX;
    return json_pack ("{s:b, s:o, s:b}", "ok", 1, "branches", list, "complete", all);
}

/* --- what operators decide -------------------------------------------------------------- */

typedef struct wanted {
    txc_gtrid_t gtrid;
    uint64_t token;
    const char *rm;
    const char *state; /* NULL: there is no such branch */
    const char *waits;
} wanted_t;

static bool s_match (void *arg, const txc_branch_view_t *view)
{
    wanted_t *wanted = arg;
    bool found = view->token == wanted->token && txc_gtrid_equal (&view->gtrid, &wanted->gtrid) &&
                 strcmp (view->rm, wanted->rm) == 0;
    if (found) {
        wanted->state = view->state;
        wanted->waits = view->waits;
    }
    return !found;
}

static const char *s_text (const json_t *request, const char *key)
{
    const char *text = json_string_value (json_object_get (request, key));
    return text ? text : "";
}

static bool s_read_token (const char *text, uint64_t *token)
{
    char *end;
    errno = 0;
    *token = strtoull (text, &end, 16);
    return *text && !*end && !errno && strlen (text) <= 16;
}

static json_t *s_resolve (txc_agentd_t *self, const json_t *request)
{
    const char *gtrid = s_text (request, "gtrid"), *verdict = s_text (request, "verdict");
    wanted_t wanted = {.rm = s_text (request, "rm")};
    bool commit = strcmp (verdict, "commit") == 0;
    if (!txc_gtrid_parse (gtrid, strlen (gtrid), &wanted.gtrid) || !txc_name_is_valid (wanted.rm) ||
        !s_read_token (s_text (request, "token"), &wanted.token) ||
        (!commit && strcmp (verdict, "rollback") != 0))
        return s_no (TXC_EINVAL,
                     "resolve takes gtrid, rm, token (hexadecimal) and verdict (commit or rollback)");
    txc_agent_each (self->agent, s_match, &wanted);
    if (!wanted.state)
        return s_no (TXC_ENOTA, "there is no such branch here; \"branches\" lists them");
    if (strcmp (wanted.state, "prepared") != 0 && strcmp (wanted.state, "read-only") != 0)
        return s_no (TXC_EPROTO,
                     "the branch is not in doubt: only one that has voted can be resolved by hand");
    txc_agent_event_t event = {.type = TXC_AGENT_OPERATOR,
                               .vote = commit ? TXC_VOTE_YES : TXC_VOTE_NO,
                               .gtrid = wanted.gtrid,
                               .token = wanted.token};
    txc_copy_text (event.rm, sizeof event.rm, wanted.rm);
    txc_report (TXC_REPORT_WARNING, &wanted.gtrid, "rm %s: an operator (%.64s) decides %s", wanted.rm,
                s_text (request, "operator"), verdict);
    txc_agentd_step (self, &event);
    return json_pack ("{s:b}", "ok", 1);
}

static json_t *s_accept_log (txc_agentd_t *self, const json_t *request)
{
    txc_report (TXC_REPORT_WARNING, NULL,
                "an operator (%.64s) accepts the coordinator's log and every database as "
                "they are",
                s_text (request, "operator"));
    txc_agent_event_t event = {.type = TXC_AGENT_ACCEPT_LOG};
    txc_agentd_step (self, &event);
    return json_pack ("{s:b}", "ok", 1);
}

/* --- dispatch ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    json_t *(*answer) (txc_agentd_t *self, const json_t *request);
} s_commands[] = {
    {"status", s_status}, {"branches", s_branches}, {"resolve", s_resolve}, {"accept-log", s_accept_log}};

static json_t *s_answer (txc_agentd_t *self, const txc_msg_t *message)
{
    size_t size = txc_blob_size (message->body);
    if (size > REQUEST_MAX)
        return s_no (TXC_ELIMIT, "the command is longer than 4096 bytes");
    json_t *request =
        json_loadb ((const char *) txc_blob_data (message->body), size, JSON_REJECT_DUPLICATES, NULL);
    const char *command = s_text (request, "command");
    json_t *answer = NULL;
    for (size_t i = 0; i < sizeof s_commands / sizeof *s_commands; i++)
        if (strcmp (s_commands[i].name, command) == 0)
            answer = s_commands[i].answer (self, request);
    if (!answer)
        answer = s_no (TXC_EINVAL, "an agent knows the commands status, branches, resolve and accept-log");
    json_decref (request);
    return answer;
}

void txc_agentd_admin (txc_agentd_t *self, const txc_msg_t *message)
{
    if (!message->body)
        return;
    json_t *answer = s_answer (self, message);
    char *text = json_dumps (answer, JSON_COMPACT);
    json_decref (answer);
    txc_msg_t reply = {.type = TXC_MSG_ADMIN_REPLY, .nonce = message->nonce};
    reply.body = text ? txc_blob_new (text, strlen (text)) : NULL;
    free (text);
    if (reply.body)
        txc_net_send (self->net, message->route, &reply);
    txc_blob_destroy (&reply.body);
}
