/* What operators ask about the group, and how they change it. */
#include "config.h"

#include <string.h>

#include "base/txc_mem.h"
#include "daemon/txc_report.h"
#include "daemon/txc_system.h"
#include "txcoord/coord_answer.h"

/* --- the group ---------------------------------------------------------------------------- */

const char *coord_group_state (const txc_replica_status_t *status)
{
    if (status->leading)
        return "leading";
    if (!status->voter)
        return "not a member";
    if (status->leader == status->id)
        return "starting";
    return status->leader ? "following" : "looking for a leader";
}

static const txc_member_t *s_member (const txc_replica_status_t *status, uint32_t id)
{
    for (uint32_t i = 0; i < status->n_members; i++)
        if (status->members[i].id == id)
            return &status->members[i];
    return NULL;
}

json_t *coord_group_leader (const txc_replica_status_t *status)
{
    const txc_member_t *leader = s_member (status, status->leader);
    if (!leader)
        return json_null();
    return json_pack ("{s:i, s:s}", "replica", (int) leader->id, "endpoint", leader->endpoint);
}

static json_t *s_replica (const coord_t *self, const txc_replica_status_t *status, uint32_t id,
                          const char *endpoint, uint64_t disk)
{
    const coord_peer_t *peer = coord_peers_find (self, id);
    uint64_t now_ms = txc_clock_ms();
    bool heard = peer && peer->heard_ms;
    return json_pack ("{s:i, s:s, s:b, s:b, s:o, s:o}", "replica", (int) id, "endpoint", endpoint, "leader",
                      id == status->leader, "self", id == status->id, "disk",
                      disk ? coord_answer_hex (disk) : json_null(), "heard_ms",
                      heard ? coord_answer_u64 (now_ms - peer->heard_ms) : json_null());
}

json_t *coord_group_members (const coord_t *self, const txc_replica_status_t *status)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < status->n_members; i++) {
        const txc_member_t *member = &status->members[i];
        json_array_append_new (list, s_replica (self, status, member->id, member->endpoint, member->disk));
    }
    return list;
}

json_t *coord_group_list (const coord_t *self)
{
    txc_replica_status_t status;
    txc_replica_status (self->replica, &status);
    json_t *joining = json_array();
    for (size_t i = 0; i < self->n_peers; i++) {
        const coord_peer_t *peer = &self->peers[i];
        if (peer->disk && !s_member (&status, peer->id))
            json_array_append_new (joining, s_replica (self, &status, peer->id, peer->endpoint, peer->disk));
    }
    return json_pack ("{s:b, s:i, s:o, s:o, s:o}", "ok", 1, "replica", (int) status.id, "leader",
                      coord_group_leader (&status), "members", coord_group_members (self, &status), "joining",
                      joining);
}

/* --- changing the group ------------------------------------------------------------------------- */

static const char *s_why_not (const txc_event_t *event, int rc)
{
    bool transfer = event->type == TXC_EVENT_TRANSFER;
    if (rc == TXC_ENOTREADY && event->type == TXC_EVENT_MEMBER_ADD)
        return "it has not asked to be a member, or has not caught up yet, or another change is under way: "
               "start "
               "it with group/join = 1 and ask again";
    if (rc == TXC_ENOTREADY)
        return transfer ? "no other replica is up and has caught up"
                        : "another change is under way: ask again";
    if (rc == TXC_EINVAL && event->type == TXC_EVENT_MEMBER_ADD)
        return "there is such a member, its number is not higher than any that was ever used, or the group "
               "is "
               "full";
    if (rc == TXC_EINVAL && event->type == TXC_EVENT_MEMBER_REMOVE)
        return "there is no such member, or it leads (hand leadership over first), or it is the last one";
    if (rc == TXC_EINVAL)
        return transfer ? "there is no such other member" : "there is no such member";
    return txc_strerror (rc);
}

static const char *s_done (const txc_event_t *event)
{
    switch (event->type) {
    case TXC_EVENT_TRANSFER:
        return "leadership was handed over";
    case TXC_EVENT_MEMBER_ADD:
        return "the replica is a member now";
    case TXC_EVENT_MEMBER_REMOVE:
        return "the replica is no member any more";
    default:
        return "the member is reached there now";
    }
}

/* The number and the endpoint of a request.  NULL, or what is wrong with them. */
static const char *s_take_member (const json_t *request, const txc_event_t *event, txc_member_t *member)
{
    const json_t *id = json_object_get (request, "replica"), *where = json_object_get (request, "endpoint");
    bool optional = event->type == TXC_EVENT_TRANSFER;
    if (id ? !json_is_integer (id) || json_integer_value (id) < !optional || json_integer_value (id) > 255
           : !optional)
        return "replica is a number from 1 to 255";
    member->id = (uint32_t) json_integer_value (id);
    if (event->type == TXC_EVENT_MEMBER_MOVE && !where)
        return "endpoint is missing";
    if (!where)
        return NULL;
    const char *endpoint = json_string_value (where);
    if (!endpoint || txc_net_check_endpoint (endpoint, false, NULL))
        return "endpoint is not of the form tcp://HOST:PORT or ipc:///PATH";
    txc_copy_text (member->endpoint, sizeof member->endpoint, endpoint);
    return NULL;
}

/* A mistyped endpoint is noticed here: the replica itself has said where it is. */
static bool s_is_elsewhere (const coord_t *self, const txc_event_t *event)
{
    const coord_peer_t *peer = coord_peers_find (self, event->member->id);
    return event->type == TXC_EVENT_MEMBER_ADD && peer && peer->disk && event->member->endpoint[0] &&
           strcmp (peer->endpoint, event->member->endpoint) != 0;
}

void coord_group_change (coord_t *self, uint64_t route, const json_t *request, uint8_t type)
{
    txc_member_t member = {0};
    txc_event_t event = {.type = type, .member = &member};
    const char *wrong = s_take_member (request, &event, &member);
    event.replica = member.id;
    if (!wrong && s_is_elsewhere (self, &event))
        wrong = "the replica itself says that it is reached elsewhere: see member-list";
    if (wrong || !coord_answer_may_hold (self)) {
        coord_answer (self, route, wrong ? coord_answer_error (TXC_EINVAL, wrong) : coord_answer_busy());
        return;
    }
    int rc = coord_step (self, &event);
    if (rc) {
        coord_answer (self, route, coord_answer_error (rc, s_why_not (&event, rc)));
        return;
    }
    txc_report (TXC_REPORT_NOTICE, NULL, "an operator asks for %s, replica %u",
                json_string_value (json_object_get (request, "command")), event.replica);
    bool transfer = type == TXC_EVENT_TRANSFER;
    coord_answer_hold (self, route, transfer ? txc_clock_ms() + 3 * (uint64_t) self->group.election_ms : 0,
                       json_pack ("{s:b, s:s}", "ok", 1, "text", s_done (&event)));
}
