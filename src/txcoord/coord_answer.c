/* Answers to operators: at once, or when what they tell of is chosen. */
#include "config.h"

#include "txcoord/coord_answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
void coord_answer (coord_t *self, uint64_t route, json_t *answer)
{
    txc_blob_t *body = s_encode (answer);
    if (body)
        s_send (self, route, body);
    txc_blob_destroy (&body);
}

json_t *coord_answer_error (int code, const char *text)
{
    return json_pack ("{s:b, s:s, s:i}", "ok", 0, "error", text, "code", code);
}

json_t *coord_answer_hex (uint64_t number)
{
    return json_sprintf ("%016" PRIx64, number);
}

json_t *coord_answer_u64 (uint64_t number)
{
    return json_integer ((json_int_t) number);
}

json_t *coord_answer_not_leader (const txc_replica_status_t *status)
{
    json_t *answer = coord_answer_error (TXC_ENOTLEADER, txc_strerror (TXC_ENOTLEADER));
    json_object_set_new (answer, "leader",
                         status->leader == status->id ? json_null() : coord_group_leader (status));
    return answer;
}

json_t *coord_answer_busy (void)
{
    return coord_answer_error (TXC_EOVERLOAD, "too many operators at once");
}

/* --- answers that wait ---------------------------------------------------------------------- */

bool coord_answer_may_hold (const coord_t *self)
{
    return self->n_held < COORD_HELD_MAX;
}

void coord_answer_hold (coord_t *self, uint64_t route, uint64_t until_ms, json_t *answer)
{
    txc_replica_status_t status;
    txc_replica_status (self->replica, &status);
    txc_blob_t *body = s_encode (answer);
    if (body)
        self->held[self->n_held++] = (coord_held_t){.route = route,
                                                    .slot = status.proposed_slot,
                                                    .epoch = status.epoch,
                                                    .until_ms = until_ms,
                                                    .body = body};
    coord_admin_held (self);
}

/* What waits until another replica leads.  False: it goes on waiting. */
static bool s_answer_transfer (coord_t *self, const coord_held_t *held, bool leads)
{
    if (leads && self->now_ms < held->until_ms)
        return false;
    if (leads)
        coord_answer (self, held->route,
                      coord_answer_error (TXC_ENOTREADY,
                                          "the other replica did not come up in time: this one still leads"));
    else
        s_send (self, held->route, held->body);
    return true;
}

/* What waits until its values are applied.  False: it goes on waiting. */
static bool s_answer_applied (coord_t *self, const coord_held_t *held, bool leads,
                              const txc_replica_status_t *status)
{
    if (leads && held->slot > status->applied_slot)
        return false;
    if (leads)
        s_send (self, held->route, held->body);
    else /* the next leader may choose it or not */
        coord_answer (self, held->route, coord_answer_not_leader (status));
    return true;
}

void coord_admin_held (coord_t *self)
{
    if (self->n_held == 0)
        return;
    txc_replica_status_t status;
    txc_replica_status (self->replica, &status);
    size_t kept = 0;
    for (size_t i = 0; i < self->n_held; i++) {
        coord_held_t held = self->held[i];
        bool leads = status.leading && txc_epoch_compare (status.epoch, held.epoch) == 0;
        bool answered = held.until_ms ? s_answer_transfer (self, &held, leads)
                                      : s_answer_applied (self, &held, leads, &status);
        if (answered)
            txc_blob_destroy (&held.body);
        else
            self->held[kept++] = held;
    }
    self->n_held = kept;
}

void coord_admin_fini (coord_t *self)
{
    while (self->n_held)
        txc_blob_destroy (&self->held[--self->n_held].body);
}
