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
 *               "not a member" | "starting", "leading", "lease", "voter", "leader": {"replica", "endpoint"}
 * or null, "epoch": {"round", "replica"}, "promised": likewise, "proposed_slot", "applied_slot", "members":
 * as below, and more. member-list:  "members": [{"replica", "endpoint", "leader": BOOL, "self": BOOL, "disk":
 * HEX or null, "heard_ms": how long ago this replica heard of it, or null}], "joining": [the same, of
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
#include "daemon/txc_system.h"
#include "txcoord/coord_answer.h"

enum { REQUEST_MAX = 4096, TRANSACTIONS_SHOWN = 10000 };

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
                                          coord_answer_hex (entries[i].incarnation), "up", entries[i].up));
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
    json_t *answer =
        json_pack ("{s:b, s:s, s:s, s:i, s:i, s:o, s:b, s:b, s:b, s:{s:o, s:i}}", "ok", 1, "role", "txcoord",
                   "version", PACKAGE_VERSION, "pid", (int) getpid(), "replica", (int) status.id, "cluster",
                   coord_answer_hex (status.cluster), "leading", status.leading, "draining", status.draining,
                   "space_low", status.space_low, "epoch", "round", coord_answer_u64 (status.epoch.round),
                   "replica", (int) status.epoch.replica);
    json_object_set_new (answer, "state", json_string (coord_group_state (&status)));
    json_object_set_new (answer, "lease", json_boolean (status.has_lease));
    json_object_set_new (answer, "voter", json_boolean (status.voter));
    json_object_set_new (answer, "disk", coord_answer_hex (status.disk));
    json_object_set_new (answer, "leader", coord_group_leader (&status));
    json_object_set_new (answer, "members", coord_group_members (self, &status));
    json_object_set_new (answer, "promised",
                         json_pack ("{s:o, s:i}", "round", coord_answer_u64 (status.promised.round),
                                    "replica", (int) status.promised.replica));
    json_object_set_new (answer, "proposed_slot", coord_answer_u64 (status.proposed_slot));
    json_object_set_new (answer, "applied_slot", coord_answer_u64 (status.applied_slot));
    json_object_set_new (answer, "sessions", coord_answer_u64 (status.sessions));
    json_object_set_new (answer, "transactions", coord_answer_u64 (status.transactions));
    json_object_set_new (answer, "outcomes", coord_answer_u64 (status.outcomes));
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
            branches,
            json_pack ("{s:s, s:o, s:s, s:s, s:b, s:s}", "rm", view->branches[i].rm, "token",
                       coord_answer_hex (view->branches[i].token), "state", view->branches[i].state, "waits",
                       view->branches[i].waits, "reachable", view->branches[i].reachable, "heur",
                       view->branches[i].heur ? txc_heur_name (view->branches[i].heur) : ""));
    return json_pack ("{s:s, s:s, s:i, s:s, s:s, s:o, s:o}", "gtrid", txc_gtrid_format (&view->gtrid, gtrid),
                      "mode", txc_mode_name (view->gtrid.mode), "majority", (int) view->majority, "state",
                      view->state, "outcome", s_outcome_name (view->outcome), "age_ms",
                      coord_answer_u64 (view->age_ms), "branches", branches);
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
        return coord_answer_error (TXC_EINVAL,
                                   "gtrid is missing or not of the form txc-CLUSTER.SESSION.NMODE");
    if (!txc_replica_find (self->replica, &gtrid, &view))
        return coord_answer_error (TXC_ENOTA, "the transaction is neither in flight nor on record here");
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
            return coord_answer_error (message->code, text);
        return json_pack ("{s:b, s:s}", "ok", 1, "text", text);
    }
    return coord_answer_error (TXC_EINVAL, "there was no answer");
}

static void s_resolve (coord_t *self, uint64_t route, const json_t *request)
{
    txc_event_t event = {.type = TXC_EVENT_RESOLVE, .route = route};
    const char *verdict = json_string_value (json_object_get (request, "verdict"));
    const char *who = json_string_value (json_object_get (request, "operator"));
    bool commit = verdict && strcmp (verdict, "commit") == 0;
    json_t *answer = NULL;
    if (!s_gtrid (request, &event.gtrid))
        answer =
            coord_answer_error (TXC_EINVAL, "gtrid is missing or not of the form txc-CLUSTER.SESSION.NMODE");
    else if (!commit && !(verdict && strcmp (verdict, "rollback") == 0))
        answer = coord_answer_error (TXC_EINVAL, "verdict is commit or rollback");
    else if (!coord_answer_may_hold (self))
        answer = coord_answer_busy();
    if (answer) {
        coord_answer (self, route, answer);
        return;
    }
    event.vote = commit ? TXC_VOTE_YES : TXC_VOTE_NO;
    event.text = who ? who : "operator";
    txc_report (TXC_REPORT_WARNING, &event.gtrid, "%.60s resolves it: %s", event.text, verdict);
    coord_feed (self, &event);
    answer = s_take_answer (self, route);
    coord_carry_out (self);
    coord_answer_hold (self, route, 0, answer);
}

/* --- requests --------------------------------------------------------------------------- */

static json_t *s_request (const txc_msg_t *message)
{
    size_t size = txc_blob_size (message->body);
    if (size == 0 || size > REQUEST_MAX)
        return NULL;
    return json_loadb ((const char *) txc_blob_data (message->body), size, JSON_REJECT_DUPLICATES, NULL);
}

/* What any replica knows.  NULL: another command. */
static json_t *s_answer (const coord_t *self, const char *command)
{
    if (strcmp (command, "status") == 0)
        return s_status (self);
    if (strcmp (command, "member-list") == 0)
        return coord_group_list (self);
    if (strcmp (command, "directory") == 0)
        return json_pack ("{s:b, s:o}", "ok", 1, "rms", s_directory (self));
    return NULL;
}

/* What only the leader knows or does. */
static void s_answer_as_leader (coord_t *self, uint64_t route, const char *command, const json_t *request)
{
    static const struct {
        const char *command;
        uint8_t event;
    } changes[] = {{"leader-transfer", TXC_EVENT_TRANSFER},
                   {"member-add", TXC_EVENT_MEMBER_ADD},
                   {"member-remove", TXC_EVENT_MEMBER_REMOVE},
                   {"member-move", TXC_EVENT_MEMBER_MOVE}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (strcmp (command, changes[i].command) == 0) {
            coord_group_change (self, route, request, changes[i].event);
            return;
        }
    if (strcmp (command, "resolve") == 0)
        s_resolve (self, route, request);
    else if (strcmp (command, "list") == 0)
        coord_answer (self, route, s_list (self, false));
    else if (strcmp (command, "in-doubt") == 0)
        coord_answer (self, route, s_list (self, true));
    else if (strcmp (command, "show") == 0)
        coord_answer (self, route, s_show (self, request));
    else
        coord_answer (
            self, route,
            coord_answer_error (TXC_EINVAL,
                                "the commands are status, list, in-doubt, show, directory, resolve, "
                                "leader-transfer, member-list, member-add, member-remove, member-move"));
}

void coord_admin (coord_t *self, const txc_msg_t *message)
{
    json_t *request = s_request (message);
    const char *command = json_string_value (json_object_get (request, "command"));
    json_t *answer =
        command ? s_answer (self, command)
                : coord_answer_error (TXC_EINVAL, "the request is not of the form {\"command\": ...}");
    txc_replica_status_t status;
    txc_replica_status (self->replica, &status);
    if (!answer && !status.leading && status.n_members != 1)
        answer = coord_answer_not_leader (&status);
    if (answer)
        coord_answer (self, message->route, answer);
    else
        s_answer_as_leader (self, message->route, command, request);
    json_decref (request);
}
