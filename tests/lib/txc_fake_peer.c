#include "config.h"

#include "txc_fake_peer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "net/txc_net.h"
#include "wire/txc_frame.h"
#include "wire/txc_rows.h"
#include "wire/txc_statement.h"

enum { CLUSTER = 0xfa4e, INCARNATION = 7, LEASE_MS = 3000 };

struct txc_fake_peer {
    txc_net_t *net;
    char endpoint[TXC_ENDPOINT_MAX + 1];
    pthread_t thread;
    int wake;
    pthread_mutex_t lock; /* of what follows */
    bool stop, silent;
    bool follows;    /* another one leads, or none */
    uint32_t leader; /* which one */
    txc_member_t members[TXC_REPLICAS_MAX];
    uint32_t n_members;
    const char *admin;
    int outcome;
    char text[64];
    uint64_t *sessions; /* their nonces; a session's number is its place, from 1 */
    uint64_t n_sessions, closed, tokens;
    txc_fake_counts_t counts;
};

static void s_send (txc_fake_peer_t *self, const txc_msg_t *request, txc_msg_t *reply)
{
    reply->gtrid = request->gtrid;
    memcpy (reply->rm, request->rm, sizeof reply->rm);
    txc_net_send (self->net, request->route, reply);
}

/* --- the coordinator ------------------------------------------------------------ */

/* The same nonce gives the same session, however often a client asks. */
static uint64_t s_session (txc_fake_peer_t *self, uint64_t nonce)
{
    for (uint64_t i = 0; i < self->n_sessions; i++)
        if (self->sessions[i] == nonce)
            return i + 1;
    self->counts.opened++;
    self->sessions = txc_realloc (self->sessions, (self->n_sessions + 1) * sizeof *self->sessions);
    self->sessions[self->n_sessions++] = nonce;
    return self->n_sessions;
}

static void s_session_open (txc_fake_peer_t *self, const txc_msg_t *request)
{
    txc_msg_t reply = {.type = TXC_MSG_SESSION_OPENED,
                       .nonce = request->nonce,
                       .session = s_session (self, request->nonce),
                       .cluster = CLUSTER,
                       .lease_ms = LEASE_MS,
                       .epoch = {1, 1},
                       .members = self->members,
                       .n_members = self->n_members};
    s_send (self, request, &reply);
}

static void s_session_alive (txc_fake_peer_t *self, const txc_msg_t *request)
{
    bool close = request->type == TXC_MSG_SESSION_CLOSE;
    self->counts.closed += close;
    self->counts.keepalives += !close;
    txc_msg_t reply = {.type = TXC_MSG_SESSION_ALIVE,
                       .session = request->session,
                       .cluster = CLUSTER,
                       .low = request->low,
                       .lease_ms = LEASE_MS,
                       .members = self->members,
                       .n_members = self->n_members,
                       .code = close || request->session <= self->closed ? TXC_ESESSION : TXC_OK};
    s_send (self, request, &reply);
}

static void s_directory (txc_fake_peer_t *self, const txc_msg_t *request)
{
    txc_rm_entry_t entries[2] = {{.rm = "a", .agent = "fake", .incarnation = INCARNATION, .up = true},
                                 {.rm = "b", .agent = "fake", .incarnation = INCARNATION, .up = true}};
    for (int i = 0; i < 2; i++)
        txc_copy_text (entries[i].endpoint, sizeof entries[i].endpoint, self->endpoint);
    txc_msg_t reply = {.type = TXC_MSG_DIRECTORY_REPLY, .entries = entries, .n_entries = 2};
    s_send (self, request, &reply);
}

static void s_outcome (txc_fake_peer_t *self, const txc_msg_t *request, txc_msg_type_t type)
{
    if (self->outcome == TXC_PENDING)
        return;
    txc_error_t error;
    txc_error_set (&error, TXC_ETIMEDOUT, "%s", self->text);
    txc_msg_t reply = {.type = (uint8_t) type,
                       .code = self->outcome,
                       .token = request->token,
                       .low = request->low,
                       .error = self->text[0] ? &error : NULL};
    s_send (self, request, &reply);
}

/* --- the agent -------------------------------------------------------------------- */

static txc_blob_t *s_result (const char *sql)
{
    const char *name = "sql", *type = "text";
    txc_rows_builder_t *builder = txc_rows_builder_new (TXC_BODY_MAX);
    txc_rows_builder_columns (builder, 1, &name, &type);
    size_t size = strlen (sql);
    txc_rows_builder_row (builder, 1, &sql, &size);
    txc_rows_builder_done (builder, 1, "FAKE 1");
    txc_blob_t *body = NULL;
    int rc = txc_rows_builder_finish (builder, &body);
    TXC_ASSERT (rc == TXC_OK);
    txc_rows_builder_destroy (&builder);
    return body;
}

static void s_exec (txc_fake_peer_t *self, const txc_msg_t *request)
{
    self->counts.statements++;
    txc_statement_t *statement;
    int rc = txc_statement_unpack (txc_blob_data (request->body), txc_blob_size (request->body), &statement);
    TXC_ASSERT (rc == TXC_OK);
    txc_error_t error = {.text = "as it was asked to"};
    txc_msg_t reply = {.type = TXC_MSG_EXEC_REPLY,
                       .token = request->token ? request->token : ++self->tokens,
                       .origin = request->origin,
                       .seq = request->seq,
                       .count = request->seq,
                       .incarnation = INCARNATION,
                       .flags = TXC_FLAG_RESULT};
    if (sscanf (statement->sql, "FAIL %d %5s %d", &error.code, error.sqlstate, &error.native) == 3) {
        reply.code = error.code;
        reply.error = &error;
        reply.flags = 0;
    } else {
        reply.body = s_result (statement->sql);
    }
    if (strcmp (statement->sql, "SILENT") != 0)
        s_send (self, request, &reply);
    txc_blob_destroy (&reply.body);
    txc_statement_destroy (&statement);
}

static void s_branch_rolled_back (txc_fake_peer_t *self, const txc_msg_t *request)
{
    self->counts.rollbacks++;
    txc_msg_t reply = {.type = TXC_MSG_BRANCH_ENDED, .token = request->token, .code = TXC_ROLLED_BACK};
    s_send (self, request, &reply);
}

/* --- operators ------------------------------------------------------------------------ */

static void s_admin (txc_fake_peer_t *self, const txc_msg_t *request)
{
    self->counts.admin++;
    if (!self->admin)
        return;
    txc_msg_t reply = {.type = TXC_MSG_ADMIN_REPLY, .body = txc_blob_new (self->admin, strlen (self->admin))};
    txc_net_send (self->net, request->route, &reply);
    txc_blob_destroy (&reply.body);
}

/* --- the loop ------------------------------------------------------------------------ */

static void s_answer (txc_fake_peer_t *self, const txc_msg_t *message)
{
    switch (message->type) {
    case TXC_MSG_SESSION_OPEN:
        s_session_open (self, message);
        break;
    case TXC_MSG_SESSION_KEEPALIVE:
    case TXC_MSG_SESSION_CLOSE:
        s_session_alive (self, message);
        break;
    case TXC_MSG_DIRECTORY:
        s_directory (self, message);
        break;
    case TXC_MSG_COMMIT:
        self->counts.commits++;
        s_outcome (self, message, TXC_MSG_OUTCOME);
        break;
    case TXC_MSG_OUTCOME_QUERY:
        self->counts.queries++;
        s_outcome (self, message, TXC_MSG_OUTCOME);
        break;
    case TXC_MSG_ROLLBACK:
        self->counts.rollbacks++;
        s_outcome (self, message, TXC_MSG_OUTCOME);
        break;
    case TXC_MSG_BRANCH_COMMIT:
        self->counts.one_phase++;
        s_outcome (self, message, TXC_MSG_BRANCH_ENDED);
        break;
    case TXC_MSG_BRANCH_ROLLBACK:
        s_branch_rolled_back (self, message);
        break;
    case TXC_MSG_EXEC:
        s_exec (self, message);
        break;
    case TXC_MSG_ADMIN:
        s_admin (self, message);
        break;
    default:
        TXC_NEVER();
    }
}

static bool s_is_of_agent (const txc_msg_t *message)
{
    return message->type == TXC_MSG_EXEC || message->type == TXC_MSG_BRANCH_COMMIT ||
           message->type == TXC_MSG_BRANCH_ROLLBACK;
}

static void s_redirect (txc_fake_peer_t *self, const txc_msg_t *request)
{
    self->counts.redirected++;
    txc_msg_t reply = {.type = TXC_MSG_NOT_LEADER,
                       .replica = self->leader,
                       .members = self->members,
                       .n_members = self->n_members};
    txc_net_send (self->net, request->route, &reply);
}

static void s_visit (void *arg, const txc_msg_t *message)
{
    txc_fake_peer_t *self = arg;
    if (self->silent)
        return;
    if (self->follows && !s_is_of_agent (message) && message->type != TXC_MSG_ADMIN)
        s_redirect (self, message);
    else
        s_answer (self, message);
}

static void *s_loop (void *arg)
{
    txc_fake_peer_t *self = arg;
    for (;;) {
        txc_net_poll (self->net, &self->wake, NULL, 1, -1);
        pthread_mutex_lock (&self->lock);
        while (txc_net_receive (self->net, s_visit, self, 64) > 0)
            continue;
        txc_net_flush (self->net);
        txc_net_counters_t counters;
        txc_net_counters (self->net, &counters);
        self->counts.frames = counters.frames_in;
        bool stop = self->stop;
        pthread_mutex_unlock (&self->lock);
        if (stop)
            return NULL;
    }
}

txc_fake_peer_t *txc_fake_peer_new (const char *endpoint)
{
    txc_fake_peer_t *self = txc_calloc (1, sizeof *self);
    txc_error_t error;
    self->net = txc_net_new (NULL);
    int rc = txc_net_bind (self->net, endpoint, false, &error);
    TXC_ASSERT (rc == TXC_OK);
    txc_copy_text (self->endpoint, sizeof self->endpoint, endpoint);
    self->wake = eventfd (0, EFD_CLOEXEC);
    pthread_mutex_init (&self->lock, NULL);
    pthread_create (&self->thread, NULL, s_loop, self);
    return self;
}

void txc_fake_peer_destroy (txc_fake_peer_t **self_p)
{
    txc_fake_peer_t *self = *self_p;
    *self_p = NULL;
    pthread_mutex_lock (&self->lock);
    self->stop = true;
    pthread_mutex_unlock (&self->lock);
    uint64_t one = 1;
    ssize_t size = write (self->wake, &one, sizeof one);
    TXC_ASSERT (size == (ssize_t) sizeof one);
    pthread_join (self->thread, NULL);
    pthread_mutex_destroy (&self->lock);
    txc_net_destroy (&self->net);
    close (self->wake);
    free (self->sessions);
    free (self);
}

void txc_fake_peer_counts (txc_fake_peer_t *self, txc_fake_counts_t *counts)
{
    pthread_mutex_lock (&self->lock);
    *counts = self->counts;
    pthread_mutex_unlock (&self->lock);
}

void txc_fake_peer_set_outcome (txc_fake_peer_t *self, int code, const char *text)
{
    pthread_mutex_lock (&self->lock);
    self->outcome = code;
    txc_copy_text (self->text, sizeof self->text, text);
    pthread_mutex_unlock (&self->lock);
}

void txc_fake_peer_set_silent (txc_fake_peer_t *self, bool silent)
{
    pthread_mutex_lock (&self->lock);
    self->silent = silent;
    pthread_mutex_unlock (&self->lock);
}

void txc_fake_peer_set_group (txc_fake_peer_t *self, uint32_t leader, const char *const *endpoints,
                              uint32_t n)
{
    pthread_mutex_lock (&self->lock);
    self->follows = true;
    self->leader = leader;
    self->n_members = n;
    for (uint32_t i = 0; i < n; i++) {
        self->members[i].id = i + 1;
        txc_copy_text (self->members[i].endpoint, sizeof self->members[i].endpoint, endpoints[i]);
        if (leader == i + 1 && strcmp (endpoints[i], self->endpoint) == 0)
            self->follows = false;
    }
    pthread_mutex_unlock (&self->lock);
}

void txc_fake_peer_set_admin (txc_fake_peer_t *self, const char *json)
{
    pthread_mutex_lock (&self->lock);
    self->admin = json;
    pthread_mutex_unlock (&self->lock);
}

void txc_fake_peer_close_sessions (txc_fake_peer_t *self)
{
    pthread_mutex_lock (&self->lock);
    self->closed = self->n_sessions;
    pthread_mutex_unlock (&self->lock);
}
