#include "config.h"

#include "agent_world.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/txc_mem.h"
#include "daemon/txc_system.h"
#include "wire/txc_rows.h"
#include "wire/txc_statement.h"

enum { LAST_WORDS_MS = 2000 };

static void s_open (world_t *self, const char *extra, const char *coordinator)
{
    memset (self, 0, sizeof *self);
    strcpy (self->folder, "/tmp/txc-agent-XXXXXX");
    assert_non_null (mkdtemp (self->folder));
    self->epoch = (txc_epoch_t){1, 1};
    self->net = txc_net_new (NULL);
    txc_error_t error;
    assert_int_equal (txc_net_bind (self->net, "tcp://127.0.0.1:*", false, &error), TXC_OK);
    char path[96];
    snprintf (path, sizeof path, "%s/cfg", self->folder);
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fprintf (
        file,
        "agent\n    name = agent1\n    bind = tcp://127.0.0.1:*\n    coordinator = %s\n    %s%s\n    plugins "
        "= %s\n"
        "    heartbeat = 50ms\n    inquiry = 50ms\n    scan = 200ms\n    terminate = 300ms\n    "
        "drain_timeout = "
        "5s\nreport\n    "
        "level = error\n"
        "journal\n    folder = %s/journal\n"
        "rm\n    mem1\n        plugin = mem\n        file = %s/store\n        connections = 4\n%s",
        txc_net_endpoint (self->net, 0), coordinator ? "coordinator = " : "", coordinator ? coordinator : "",
        TXC_TEST_PLUGINS "/mem/.libs", self->folder, self->folder, extra);
    assert_int_equal (fclose (file), 0);
}

void world_open (world_t *self, const char *extra)
{
    s_open (self, extra, NULL);
}

void world_open_group (world_t *self, const char *coordinator)
{
    s_open (self, "", coordinator);
}

void world_close (world_t *self)
{
    if (self->pid)
        world_kill (self, SIGKILL);
    txc_net_destroy (&self->net);
    char command[128];
    snprintf (command, sizeof command, "rm -rf '%s'", self->folder);
    assert_int_equal (system (command), 0);
}

void world_start (world_t *self, const char *crash_at)
{
    char path[96];
    snprintf (path, sizeof path, "%s/cfg", self->folder);
    const char *program = TXC_TEST_BUILD "/src/txagent/txagent";
    self->pid = fork();
    assert_true (self->pid >= 0);
    if (self->pid == 0) {
        prctl (PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive a test that failed */
        if (crash_at)
            execl (program, "txagent", "-c", path, "--crash-at", crash_at, (char *) NULL);
        else
            execl (program, "txagent", "-c", path, (char *) NULL);
        _exit (127);
    }
    if (self->client_route)
        txc_net_disconnect (self->net, self->client_route);
    self->client_route = 0;
    self->ended = self->entry.incarnation ? self->entry.incarnation : self->ended;
    self->entry = (txc_rm_entry_t){.up = false};
    world_forget (self);
}

void world_kill (world_t *self, int signal_number)
{
    kill (self->pid, signal_number);
    assert_int_equal (waitpid (self->pid, &self->status, 0), self->pid);
    self->pid = 0;
}

void world_forget (world_t *self)
{
    memset (self->count, 0, sizeof self->count);
}

/* --- messages --------------------------------------------------------------------- */

txc_msg_t world_message (world_t *self, txc_msg_type_t type, uint64_t n, uint64_t token)
{
    txc_msg_t message = {.type = (uint8_t) type,
                         .epoch = self->epoch,
                         .cluster = WORLD_CLUSTER,
                         .token = token,
                         .gtrid = {WORLD_CLUSTER, WORLD_SESSION, n, TXC_MODE_2PC}};
    strcpy (message.rm, "mem1");
    return message;
}

void world_to_client_side (world_t *self, const txc_msg_t *message)
{
    assert_int_equal (txc_net_send (self->net, self->client_route, message), TXC_OK);
    txc_net_flush (self->net);
}

void world_to_agent (world_t *self, const txc_msg_t *message)
{
    txc_net_send (self->net, self->agent_route, message);
    txc_net_flush (self->net);
}

void world_exec (world_t *self, uint64_t n, uint64_t token, uint32_t seq, const char *sql)
{
    txc_msg_t message = world_message (self, TXC_MSG_EXEC, n, token);
    message.origin = WORLD_SESSION;
    message.seq = seq;
    message.timeout_ms = WORLD_WAIT_MS;
    message.incarnation = self->entry.incarnation;
    assert_int_equal (txc_statement_pack (sql, strlen (sql), 0, NULL, &message.body), TXC_OK);
    world_to_client_side (self, &message);
    txc_blob_destroy (&message.body);
}

void world_decide (world_t *self, txc_msg_type_t type, uint64_t n, uint64_t token)
{
    txc_msg_t outcome = world_message (self, type, n, token);
    outcome.high_slot = 1;
    memcpy (outcome.evidence, self->evidence, sizeof outcome.evidence);
    world_to_agent (self, &outcome);
}

/* The coordinator welcomes whoever registers, and tells its decision to whoever votes or asks. */
static void s_answer (world_t *self, const txc_msg_t *message)
{
    if (message->type == TXC_MSG_AGENT_HELLO && !self->silent) {
        self->agent_route = message->route;
        txc_msg_t reply = {
            .type = TXC_MSG_AGENT_WELCOME, .epoch = self->epoch, .cluster = WORLD_CLUSTER, .high_slot = 1};
        if (self->leader)
            reply = (txc_msg_t){.type = TXC_MSG_NOT_LEADER, .replica = self->leader};
        reply.members = self->members;
        reply.n_members = self->n_members;
        world_to_agent (self, &reply);
    }
    bool yes = message->type == TXC_MSG_VOTE && message->vote == TXC_VOTE_YES;
    if (yes)
        memcpy (self->evidence, message->evidence, sizeof self->evidence);
    if (self->outcome && (yes || message->type == TXC_MSG_INQUIRY))
        world_decide (self, self->outcome, message->gtrid.n, message->token);
}

static void s_take (void *arg, const txc_msg_t *message)
{
    world_t *self = arg;
    if (message->type == TXC_MSG_AGENT_HELLO && message->incarnation == self->ended)
        return;
    self->got[message->type] = *message;
    self->count[message->type]++;
    if (message->error)
        self->error = *message->error;
    if (message->body && txc_blob_size (message->body) < sizeof self->body) {
        self->body_size = txc_blob_size (message->body);
        memcpy (self->body, txc_blob_data (message->body), self->body_size);
        self->body[self->body_size] = '\0';
    }
    for (uint32_t i = 0; message->type == TXC_MSG_AGENT_HELLO && i < message->n_entries; i++)
        if (strcmp (message->entries[i].rm, "mem1") == 0) {
            self->entry = message->entries[i];
            self->entry.up = self->entry.up && txc_epoch_compare (message->epoch, self->epoch) == 0;
        }
    s_answer (self, message);
}

bool world_turn (world_t *self)
{
    txc_net_poll (self->net, NULL, NULL, 0, 20);
    txc_net_receive (self->net, s_take, self, 16);
    if (!self->pid || waitpid (self->pid, &self->status, WNOHANG) != self->pid)
        return self->pid != 0;
    self->pid = 0;
    return false;
}

const txc_msg_t *world_wait (world_t *self, txc_msg_type_t type)
{
    uint64_t until = txc_clock_ms() + WORLD_WAIT_MS;
    while (!self->count[type]) {
        if (!world_turn (self) && until > txc_clock_ms() + LAST_WORDS_MS)
            until = txc_clock_ms() + LAST_WORDS_MS; /* what it said last may still be on its way */
        if (txc_clock_ms() > until && !self->pid)
            fail_msg ("the agent ended before %s came", txc_msg_name (type));
        if (txc_clock_ms() > until)
            fail_msg ("%s never came", txc_msg_name (type));
    }
    return &self->got[type];
}

bool world_ready (world_t *self)
{
    uint64_t until = txc_clock_ms() + WORLD_WAIT_MS;
    while (!self->entry.up) {
        if (!world_turn (self))
            return false;
        if (txc_clock_ms() > until)
            fail_msg ("the agent never served");
    }
    if (!self->client_route)
        self->client_route = txc_net_connect (self->net, self->entry.endpoint, NULL);
    return true;
}

/* --- shortcuts ----------------------------------------------------------------------- */

const char *world_admin (world_t *self, const char *json)
{
    txc_msg_t message = {.type = TXC_MSG_ADMIN, .body = txc_blob_new (json, strlen (json))};
    self->count[TXC_MSG_ADMIN_REPLY] = 0;
    world_to_client_side (self, &message);
    txc_blob_destroy (&message.body);
    world_wait (self, TXC_MSG_ADMIN_REPLY);
    return self->body;
}

const txc_msg_t *world_begin (world_t *self, uint64_t n, const char *sql)
{
    const txc_msg_t *reply;
    do { /* it serves its RM, but may have to be welcomed first */
        self->count[TXC_MSG_EXEC_REPLY] = 0;
        world_exec (self, n, 0, 1, sql);
        reply = world_wait (self, TXC_MSG_EXEC_REPLY);
    } while (reply->code == TXC_ENOTREADY);
    return reply;
}

const char *world_value (world_t *self, uint64_t n, const char *key)
{
    static char value[64];
    char sql[64];
    snprintf (sql, sizeof sql, "get %s", key);
    const txc_msg_t *reply = world_begin (self, n, sql);
    assert_int_equal (reply->code, TXC_OK);
    txc_rows_t *rows = NULL;
    assert_int_equal (txc_rows_read (self->body, self->body_size, &rows), TXC_OK);
    const char *text = txc_rows_count (rows) ? txc_rows_value (rows, 0, 1, NULL) : "";
    snprintf (value, sizeof value, "%s", text);
    txc_rows_destroy (&rows);
    txc_msg_t message = world_message (self, TXC_MSG_BRANCH_ROLLBACK, n, reply->token);
    self->count[TXC_MSG_BRANCH_ENDED] = 0;
    world_to_client_side (self, &message);
    world_wait (self, TXC_MSG_BRANCH_ENDED);
    return value;
}
