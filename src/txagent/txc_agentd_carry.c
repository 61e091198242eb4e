#include "config.h"

#include "txagent/txc_agentd.h"

#include "base/txc_assert.h"
#include "daemon/txc_report.h"

enum { SILENCE_MS = 3000 };

/* --- crash points ------------------------------------------------------------------ */

#define NAME(name, value) #name,
static const char *const s_entries[] = {TXC_JOURNAL_MAP (NAME) NULL};
static const char *const s_work[] = {
    "EXEC",    "PREPARE", "COMMIT", "COMMIT_ONE_PHASE", "ROLLBACK", "FENCE_AND_LOOK", "EVIDENCE",
    "RECOVER", "SCAN",    NULL};
static const char *const s_sent[] = {"EXEC_REPLY",  "BRANCH_ENDED", "AGENT_HELLO", "VOTE",
                                     "PHASE2_DONE", "INQUIRY",      NULL};

const txc_crash_set_t txc_agent_crash_points[] = {{"journal.before", s_entries},
                                                  {"journal.after", s_entries},
                                                  {"work.before", s_work},
                                                  {"work.after", s_work},
                                                  {"send.before", s_sent},
                                                  {"send.after", s_sent},
                                                  {NULL, NULL}};

/* --- updates ------------------------------------------------------------------------- */

static void s_send (txc_agentd_t *self, const txc_msg_t *message)
{
    uint64_t route = message->route ? message->route : self->coordinators[self->current];
    txc_crash_send (txc_msg_name ((txc_msg_type_t) message->type));
    int rc = txc_net_send (self->net, route, message);
    static txc_report_limit_t limit;
    if (rc != TXC_OK && rc != TXC_ECONN) /* a peer that went away asks again when it is back */
        txc_report_limited (&limit, TXC_REPORT_WARNING, &message->gtrid, "cannot send %s: %s",
                            txc_msg_name ((txc_msg_type_t) message->type), txc_strerror (rc));
}

/* In the order of core/txc_update.h: what need not be forced is in the journal's file before anything that it
 * speaks of begins. */
static void s_carry_out (txc_agentd_t *self)
{
    txc_update_t *update = &self->update;
    for (uint32_t i = 0; i < update->n_entries; i++)
        if (!update->entries[i].forced)
            txc_jfile_put (self->journal, &update->entries[i]);
    for (uint32_t i = 0; i < update->n_entries; i++)
        if (update->entries[i].forced)
            txc_jfile_put (self->journal, &update->entries[i]);
    for (uint32_t i = 0; i < update->n_work; i++)
        txc_pool_submit (self->served.items[update->work[i].rm].pool, &update->work[i]);
    for (uint32_t i = 0; i < update->n_messages; i++)
        s_send (self, &update->messages[i]);
    TXC_ASSERT (update->n_completions == 0);
    txc_update_clear (update);
}

int txc_agentd_step (txc_agentd_t *self, txc_agent_event_t *event)
{
    event->now_ms = self->now_ms;
    int rc = txc_agent_step (self->agent, event, &self->update);
    s_carry_out (self);
    return rc;
}

/* --- coordinators ----------------------------------------------------------------------- */

int txc_agentd_call_coordinators (txc_agentd_t *self, txc_error_t *error)
{
    const char *endpoint;
    for (size_t i = 0; (endpoint = txc_config_nth (self->config, "agent/coordinator", i)); i++) {
        if (i == TXC_COORDINATORS_MAX)
            return txc_error_set (error, TXC_ECONFIG, "agent/coordinator: at most %d", TXC_COORDINATORS_MAX);
        self->coordinators[i] = txc_net_connect (self->net, endpoint, error);
        if (!self->coordinators[i])
            return error->code;
        self->n_coordinators++;
    }
    return TXC_OK;
}

static bool s_is_coordinator (const txc_agentd_t *self, uint64_t route, uint32_t *index)
{
    for (*index = 0; *index < self->n_coordinators; ++*index)
        if (self->coordinators[*index] == route)
            return true;
    return false;
}

void txc_agentd_turn (txc_agentd_t *self)
{
    if (self->n_coordinators < 2 || self->now_ms - self->heard_ms < SILENCE_MS)
        return;
    self->current = (self->current + 1) % self->n_coordinators;
    self->heard_ms = self->now_ms;
}

/* --- messages that come in ---------------------------------------------------------------- */

/* What only the coordinators say, through the sockets on which this agent called them. */
static bool s_is_of_leader (txc_msg_type_t type)
{
    return type == TXC_MSG_AGENT_WELCOME || type == TXC_MSG_PREPARE || type == TXC_MSG_PHASE2_COMMIT ||
           type == TXC_MSG_PHASE2_ROLLBACK || type == TXC_MSG_INQUIRY_PENDING || type == TXC_MSG_ENDED;
}

static void s_refuse (txc_agentd_t *self, const txc_msg_t *message)
{
    static txc_report_limit_t limit;
    self->misplaced++;
    txc_report_limited (&limit, TXC_REPORT_WARNING, &message->gtrid,
                        "a peer sent %s, which is not its business",
                        txc_msg_name ((txc_msg_type_t) message->type));
}

void txc_agentd_take (void *arg, const txc_msg_t *message)
{
    txc_agentd_t *self = arg;
    uint32_t index;
    bool leader = s_is_coordinator (self, message->route, &index);
    if (leader != s_is_of_leader ((txc_msg_type_t) message->type)) {
        s_refuse (self, message);
        return;
    }
    if (message->type == TXC_MSG_ADMIN) {
        txc_agentd_admin (self, message);
        return;
    }
    txc_msg_t copy;
    if (leader) {
        self->current = index;
        self->heard_ms = self->now_ms;
        copy = *message;
        copy.route = 0; /* core's name for the leader */
        message = &copy;
    }
    txc_agent_event_t event = {.type = TXC_AGENT_MESSAGE, .message = message};
    int rc = txc_agentd_step (self, &event);
    if (rc != TXC_OK)
        s_refuse (self, message);
}
