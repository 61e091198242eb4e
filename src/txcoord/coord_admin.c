/*
 * What operators ask: JSON in the body of an ADMIN message, JSON in the reply's.
 *
 *   request                                                            answered by
 *   {"command": "status"}                                              any replica
 *   {"command": "directory"}                                           any replica
 *   {"command": "member-list"}                                         any replica
 *   {"command": "list"}, {"command": "in-doubt"}                       the leader
 *   {"command": "show", "gtrid": TEXT}                                 the leader
 *   {"command": "resolve", "gtrid": TEXT, "verdict": "commit" or "rollback", "operator": TEXT}   the leader
 *   {"command": "leader-transfer", "replica": ID}                      the leader; no replica, or 0: to any
 *   {"command": "member-add", "replica": ID, "endpoint": TEXT}         the leader; endpoint may be missing
 *   {"command": "member-remove", "replica": ID}                        the leader
 *   {"command": "member-move", "replica": ID, "endpoint": TEXT}        the leader
 *
 * Success is {"ok": true, ...}; what changes something adds "text": what was done.  A failure is
 *   {"ok": false, "code": NUMBER, "error": TEXT}
 * and a replica that cannot answer since it does not lead adds where to ask, if it knows:
 *   {"ok": false, "code": -18, "error": ..., "leader": {"replica": ID, "endpoint": TEXT} or null}
 * -27 (TXC_ENOTREADY) means: ask again later.  Changes are answered once they are chosen and applied.
 *
 * status:       "role": "txcoord", "replica", "state": "leading" | "following" | "looking for a leader" |
 *               "not a member" | "starting", "leading", "lease", "voter", "leader": {"replica", "endpoint"} or
 *               null, "epoch": {"round", "replica"}, "promised": likewise, "proposed_slot", "applied_slot",
 *               "members": as below, and more.
 * member-list:  "members": [{"replica", "endpoint", "leader": BOOL, "self": BOOL, "disk": HEX or null,
 *               "heard_ms": how long ago this replica heard of it, or null}], "joining": [the same, of
 *               replicas that ask to be made members].
 */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/txc_mem.h"
#include "daemon/txc_report.h"
#include "txcoord/coord.h"

enum { REQUEST_MAX = 4096, TRANSACTIONS_SHOWN = 10000 };

/* --- answers --------------------------------------------------------------------------- */

static void s_send (coord_t *self, uint64_t route, txc_blob_t *body)
{
    txc_msg_t reply = {.type = TXC_MSG_ADMIN_REPLY, .body = body};
    txc_crash_send (txc_msg_name (reply.type));
    txc_net_send (self->net, route, &reply);
}

/* Takes answer over. */
static txc_blob_t *s_encode (json_t *answer)
{
    char *text = json_dumps (answer, JSON_COMPACT);
    json_decref (answer);
    txc_blob_t *body = text ? txc_blob_new (text, strlen (text)) : NULL;
    free (text);
    return body;
}

/* Takes answer over. */
static void s_reply (coord_t *self, uint64_t route, json_t *answer)
{
    txc_blob_t *body = s_encode (answer);
    if (body)
        s_send (self, route, body);
    txc_blob_destroy (&body);
}

static json_t *s_error (int code, const char *text)
{
    return json_pack ("{s:b, s:s, s:i}", "ok", 0, "error", text, "code", code);
}

static json_t *s_hex (uint64_t number)
{
    return json_sprintf ("%016" PRIx64, number);
}

static json_t *s_u64 (uint64_t number)
{
    return json_integer ((json_int_t) number);
}

/* --- status ----------------------------------------------------------------------------- */

static json_t *s_directory (const coord_t *self)
{
    json_t *list = json_array();
    enum { MAX = TXC_AGENTS_MAX * TXC_RMS_MAX };
    txc_rm_entry_t *entries = txc_malloc (MAX * sizeof *entries);
    uint32_t count = txc_replica_directory (self->replica, entries, MAX);
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new (list,
                               json_pack ("{s:s, s:s, s:s, s:o, s:b}", "rm", entries[i].rm, "agent",
                                          entries[i].agent, "endpoint", entries[i].endpoint, "incarnation",
                                          s_hex (entries[i].incarnation), "up", entries[i].up));
    free (entries);
    return list;
}

static json_t *s_counters (const coord_t *self, const txc_replica_status_t *status)
{
    txc_net_counters_t net;
    txc_net_counters (self->net, &net);
    return json_pack ("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "commits",
                      (json_int_t) status->commits, "aborts", (json_int_t) status->aborts, "ends",
                      (json_int_t) status->ends, "heuristics", (json_int_t) status->heuristics, "voids",
                      (json_int_t) status->voids, "refused", (json_int_t) status->refused, "dropped",
                      (json_int_t) self->refused, "messages_in", (json_int_t) net.messages_in, "messages_out",
                      (json_int_t) net.messages_out, "frames_in", (json_int_t) net.frames_in, "frames_out",
                      (json_int_t) net.frames_out, "frames_malformed", (json_int_t) net.malformed,
                      "messages_undelivered", (json_int_t) net.dropped);
}

static json_t *s_log (const coord_t *self)
{
    txc_log_stats_t stats;
    txc_log_stats (self->log, &stats);
    return json_pack ("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "entries", (json_int_t) stats.entries, "bytes",
                      (json_int_t) stats.bytes, "groups", (json_int_t) stats.groups, "forced",
                      (json_int_t) stats.forced, "checkpoints", (json_int_t) stats.checkpoints, "segments",
                      (json_int_t) stats.segments, "free_bytes", (json_int_t) stats.free_bytes);
}

static json_t *s_status (const coord_t *self)
{
    txc_replica_status_t status;
    txc_replica_status (self->replica, &status);
    json_t *answer = json_pack (
        "{s:b, s:s, s:s, s:i, s:i, s:o, s:b, s:b, s:b, s:{s:o, s:i}}", "ok", 1, "role", "txcoord", "version",
        PACKAGE_VERSION, "pid", (int) getpid(), "replica", (int) status.id, "cluster", s_hex (status.cluster),
        "leading", status.leading, "draining", status.draining, "space_low", status.space_low, "epoch",
        "round", s_u64 (status.epoch.round), "replica", (int) status.epoch.replica);
    json_object_set_new (answer, "proposed_slot", s_u64 (status.proposed_slot));
    json_object_set_new (answer, "applied_slot", s_u64 (status.applied_slot));
    json_object_set_new (answer, "sessions", s_u64 (status.sessions));
    json_object_set_new (answer, "transactions", s_u64 (status.transactions));
    json_object_set_new (answer, "outcomes", s_u64 (status.outcomes));
    json_object_set_new (answer, "counters", s_counters (self, &status));
    json_object_set_new (answer, "log", s_log (self));
    json_object_set_new (answer, "rms", s_directory (self));
    return answer;
}

/* --- transactions ------------------------------------------------------------------------- */

static const char *s_outcome_name (int outcome)
{
    switch (outcome) {
    case TXC_OK:
        return "committed";
    case TXC_ROLLED_BACK:
        return "rolled back";
    case TXC_MIXED:
        return "mixed";
    case TXC_HAZARD:
        return "hazard";
    case TXC_PENDING:
        return "pending";
    default:
        return txc_code_name (outcome);
    }
}

static json_t *s_transaction (const txc_tx_view_t *view)
{
    char gtrid[TXC_GTRID_MAX + 1];
    json_t *branches = json_array();
    for (uint32_t i = 0; i < view->n_branches; i++)
        json_array_append_new (
            branches, json_pack ("{s:s, s:o, s:s, s:s, s:s}", "rm", view->branches[i].rm, "token",
                                 s_hex (view->branches[i].token), "state", view->branches[i].state, "waits",
                                 view->branches[i].waits, "heur",
                                 view->branches[i].heur ? txc_heur_name (view->branches[i].heur) : ""));
    return json_pack ("{s:s, s:s, s:s, s:o, s:o}", "gtrid", txc_gtrid_format (&view->gtrid, gtrid), "state",
                      view->state, "outcome", s_outcome_name (view->outcome), "age_ms", s_u64 (view->age_ms),
                      "branches", branches);
}

typedef struct s_list {
    json_t *transactions;
    bool only_waiting;
    bool cut;
} s_list_t;

static bool s_waits (const txc_tx_view_t *view)
{
    for (uint32_t i = 0; i < view->n_branches; i++)
        if (view->branches[i].waits[0])
            return true;
    return false;
}

static bool s_add (void *arg, const txc_tx_view_t *view)
{
    s_list_t *list = arg;
    if (list->only_waiting && !s_waits (view))
        return true;
    list->cut = json_array_size (list->transactions) >= TRANSACTIONS_SHOWN;
    if (!list->cut)
        json_array_append_new (list->transactions, s_transaction (view));
    return !list->cut;
}

static json_t *s_list (const coord_t *self, bool only_waiting)
{
    s_list_t list = {.transactions = json_array(), .only_waiting = only_waiting};
    txc_replica_each (self->replica, s_add, &list);
    return json_pack ("{s:b, s:o, s:b}", "ok", 1, "transactions", list.transactions, "truncated", list.cut);
}

/* The gtrid of a request.  False if it has none. */
static bool s_gtrid (const json_t *request, txc_gtrid_t *gtrid)
{
    const json_t *text = json_object_get (request, "gtrid");
    return text && json_is_string (text) &&
           txc_gtrid_parse (json_string_value (text), json_string_length (text), gtrid);
}

static json_t *s_show (const coord_t *self, const json_t *request)
{
    txc_gtrid_t gtrid;
    txc_tx_view_t view;
    if (!s_gtrid (request, &gtrid))
        return s_error (TXC_EINVAL, "gtrid is missing or not of the form txc-CLUSTER.SESSION.NMODE");
    if (!txc_replica_find (self->replica, &gtrid, &view))
        return s_error (TXC_ENOTA, "the transaction is neither in flight nor on record here");
    return json_pack ("{s:b, s:[o]}", "ok", 1, "transactions", s_transaction (&view));
}

/* --- resolve ------------------------------------------------------------------------------- */

/* Core answers in the same step with an OUTCOME; what it says waits until everything proposed so far is
 * durable. */
static json_t *s_take_answer (coord_t *self, uint64_t route)
{
    for (uint32_t i = 0; i < self->update.n_messages; i++) {
        txc_msg_t *message = &self->update.messages[i];
        if (message->type != TXC_MSG_OUTCOME || message->route != route)
            continue;
        message->type = TXC_MSG_NONE;
        const char *text = message->error ? message->error->text : txc_strerror (message->code);
        if (message->code < 0)
            return s_error (message->code, text);
        return json_pack ("{s:b, s:s}", "ok", 1, "text", text);
    }
    return s_error (TXC_EINVAL, "there was no answer");
}

static void s_hold (coord_t *self, uint64_t route, uint64_t slot, json_t *answer)
{
    txc_blob_t *body = s_encode (answer);
    if (body)
        self->held[self->n_held++] = (coord_held_t){.route = route, .slot = slot, .body = body};
}

static void s_resolve (coord_t *self, uint64_t route, const json_t *request)
{
    txc_event_t event = {.type = TXC_EVENT_RESOLVE, .route = route};
    const char *verdict = json_string_value (json_object_get (request, "verdict"));
    const char *who = json_string_value (json_object_get (request, "operator"));
    bool commit = verdict && strcmp (verdict, "commit") == 0;
    json_t *answer = NULL;
    if (!s_gtrid (request, &event.gtrid))
        answer = s_error (TXC_EINVAL, "gtrid is missing or not of the form txc-CLUSTER.SESSION.NMODE");
    else if (!commit && !(verdict && strcmp (verdict, "rollback") == 0))
        answer = s_error (TXC_EINVAL, "verdict is commit or rollback");
    else if (self->n_held == COORD_HELD_MAX)
        answer = s_error (TXC_EOVERLOAD, "too many operators at once");
    if (answer) {
        s_reply (self, route, answer);
        return;
    }
    event.vote = commit ? TXC_VOTE_YES : TXC_VOTE_NO;
    event.text = who ? who : "operator";
    txc_report (TXC_REPORT_WARNING, &event.gtrid, "%.60s resolves it: %s", event.text, verdict);
    coord_feed (self, &event);
    answer = s_take_answer (self, route);
    coord_carry_out (self);
    txc_replica_status_t status;
    txc_replica_status (self->replica, &status);
    s_hold (self, route, status.proposed_slot, answer);
    coord_admin_applied (self);
}

/* --- requests --------------------------------------------------------------------------- */

static json_t *s_request (const txc_msg_t *message)
{
    size_t size = txc_blob_size (message->body);
    if (size == 0 || size > REQUEST_MAX)
        return NULL;
    return json_loadb ((const char *) txc_blob_data (message->body), size, JSON_REJECT_DUPLICATES, NULL);
}

static json_t *s_answer (const coord_t *self, const char *command, const json_t *request)
{
    if (strcmp (command, "status") == 0)
        return s_status (self);
    if (strcmp (command, "list") == 0)
        return s_list (self, false);
    if (strcmp (command, "in-doubt") == 0)
        return s_list (self, true);
    if (strcmp (command, "show") == 0)
        return s_show (self, request);
    if (strcmp (command, "directory") == 0)
        return json_pack ("{s:b, s:o}", "ok", 1, "rms", s_directory (self));
    return s_error (TXC_EINVAL, "the commands are status, list, in-doubt, show, directory and resolve");
}

void coord_admin (coord_t *self, const txc_msg_t *message)
{
    json_t *request = s_request (message);
    const char *command = json_string_value (json_object_get (request, "command"));
    if (!command)
        s_reply (self, message->route,
                 s_error (TXC_EINVAL, "the request is not of the form {\"command\": ...}"));
    else if (strcmp (command, "resolve") == 0)
        s_resolve (self, message->route, request);
    else
        s_reply (self, message->route, s_answer (self, command, request));
    json_decref (request);
}

void coord_admin_applied (coord_t *self)
{
    if (self->n_held == 0)
        return;
    txc_replica_status_t status;
    txc_replica_status (self->replica, &status);
    size_t kept = 0;
    for (size_t i = 0; i < self->n_held; i++) {
        coord_held_t held = self->held[i];
        if (held.slot > status.applied_slot) {
            self->held[kept++] = held;
            continue;
        }
        s_send (self, held.route, held.body);
        txc_blob_destroy (&held.body);
    }
    self->n_held = kept;
}

void coord_admin_fini (coord_t *self)
{
    while (self->n_held)
        txc_blob_destroy (&self->held[--self->n_held].body);
}
