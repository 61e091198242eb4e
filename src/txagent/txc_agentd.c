#include "config.h"

#include "txagent/txc_agentd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "daemon/txc_notify.h"
#include "daemon/txc_report.h"
#include "daemon/txc_system.h"
#include "wire/txc_codec.h"

#define AGENTD_MAGIC 0x61676e74u

enum {
    EXIT_CONFIG = 78,   /* EX_CONFIG of sysexits.h */
    JOIN_MS = 5000,     /* how long workers may take to end */
    LINGER_MS = 500,    /* and the last messages to leave */
    FRAME_MAX = 2 << 20 /* bytes: a statement, or a batch of messages, with what lies around them */
};

#define DEFAULT_BIND "tcp://127.0.0.1:7410"

/* --- setting up ------------------------------------------------------------------------ */

static void s_report_net (void *arg, const char *text)
{
    (void) arg;
    txc_report (TXC_REPORT_WARNING, NULL, "%s", text);
}

static int s_listen (txc_agentd_t *self, txc_error_t *error)
{
    txc_net_config_t config = {.report = s_report_net, .max_frame = FRAME_MAX, .linger_ms = LINGER_MS};
    self->net = txc_net_new (&config);
    if (!self->net)
        return txc_error_set (error, TXC_EIO, "ZeroMQ gives no context: raise the limit of open files");
    bool insecure = txc_config_bool (self->config, "agent/insecure");
    const char *endpoint = txc_config_nth (self->config, "agent/bind", 0);
    if (!endpoint)
        return txc_net_bind (self->net, DEFAULT_BIND, insecure, error);
    int rc = TXC_OK;
    for (size_t i = 0; rc == TXC_OK && (endpoint = txc_config_nth (self->config, "agent/bind", i)); i++)
        rc = txc_net_bind (self->net, endpoint, insecure, error);
    return rc;
}

/* Where clients reach the agent: what the configuration says, or its first endpoint if that names a host. */
static int s_advertised (txc_agentd_t *self, char endpoint[TXC_ENDPOINT_MAX + 1], txc_error_t *error)
{
    const char *text = txc_config_string (self->config, "agent/advertise");
    if (!text) {
        text = txc_net_endpoint (self->net, 0);
        if (strstr (text, "//0.0.0.0:") || strstr (text, "//*:") || strstr (text, "//[::]:"))
            return txc_error_set (
                error, TXC_ECONFIG,
                "agent/bind %s is every address of this host: say in agent/advertise which one "
                "clients are to use",
                text);
    }
    txc_copy_text (endpoint, TXC_ENDPOINT_MAX + 1, text);
    return TXC_OK;
}

static int s_coordinators (const txc_agentd_t *self, txc_agent_config_t *config, txc_error_t *error)
{
    const char *endpoint;
    for (size_t i = 0; (endpoint = txc_config_nth (self->config, "agent/coordinator", i)); i++) {
        if (i == TXC_REPLICAS_MAX)
            return txc_error_set (error, TXC_ECONFIG, "agent/coordinator: at most %d", TXC_REPLICAS_MAX);
        txc_error_t form;
        if (txc_net_check_endpoint (endpoint, false, &form))
            return txc_error_set (error, TXC_ECONFIG, "agent/coordinator: %.200s", form.text);
        txc_copy_text (config->coordinators[i], sizeof config->coordinators[i], endpoint);
        config->n_coordinators++;
    }
    return TXC_OK;
}

/* Whoever chose it shall know what it loses, at each start. */
static bool s_timers_end (const txc_config_t *config)
{
    bool timers = strcmp (txc_config_string (config, "agent/termination"), "timeout") == 0;
    if (timers)
        txc_report (
            TXC_REPORT_WARNING, NULL,
            "agent/termination = timeout: THREE-PHASE COMMITS ARE NOT ATOMIC. A link that is cut, a "
            "message that is late, or a coordinator that dies between two PreCommits makes one branch "
            "commit and another one roll back; use quorum");
    return timers;
}

static int s_make_agent (txc_agentd_t *self, txc_error_t *error)
{
    txc_agent_config_t config = {.incarnation = txc_random64(),
                                 .seed = txc_random64(),
                                 .codec = &txc_journal_codec,
                                 .n_rms = self->served.n,
                                 .hello_ms = (uint32_t) txc_config_int (self->config, "agent/heartbeat"),
                                 .inquiry_ms = (uint32_t) txc_config_int (self->config, "agent/inquiry"),
                                 .timers_end = s_timers_end (self->config),
                                 .terminate_ms = (uint32_t) txc_config_int (self->config, "agent/terminate"),
                                 .scan_ms = (uint32_t) txc_config_int (self->config, "agent/scan"),
                                 .timeout_ms =
                                     (uint32_t) txc_config_int (self->config, "agent/branch_timeout"),
                                 .max_ended = (uint32_t) txc_config_int (self->config, "agent/max_ended")};
    txc_copy_text (config.name, sizeof config.name, self->name);
    int rc = s_advertised (self, config.endpoint, error);
    rc = rc ? rc : s_coordinators (self, &config, error);
    if (rc != TXC_OK)
        return rc;
    for (uint32_t i = 0; i < self->served.n; i++) {
        const txc_served_t *rm = &self->served.items[i];
        txc_copy_text (config.rms[i].name, sizeof config.rms[i].name, rm->name);
        config.rms[i].journal_committing = rm->module.plugin->needs_journal != 0;
        config.rms[i].detaches = rm->module.plugin->detaches != 0;
        config.rms[i].forgets = rm->module.plugin->forgets != 0;
        config.rms[i].last_resource = rm->last_resource;
        config.rms[i].max_branches = rm->max_branches;
    }
    self->agent = txc_agent_new (&config);
    return TXC_OK;
}

static int s_open_journal (txc_agentd_t *self, txc_error_t *error)
{
    txc_log_options_t options = {
        .segment_size = (uint64_t) txc_config_int (self->config, "journal/segment_size"),
        .max_segments = (uint32_t) txc_config_int (self->config, "journal/max_segments")};
    self->journal = txc_jfile_open (txc_config_string (self->config, "journal/folder"), &options, error);
    return self->journal ? TXC_OK : error->code;
}

static int s_start_pools (txc_agentd_t *self, txc_error_t *error)
{
    if (!txc_done_queue_init (&self->queue))
        return txc_error_set (error, TXC_EIO, "no eventfd: raise the limit of open files");
    self->queue.take_in = txc_agentd_take_in;
    self->queue.arg = self;
    for (uint32_t i = 0; i < self->served.n; i++) {
        txc_served_t *rm = &self->served.items[i];
        rm->pool = txc_pool_new (&rm->target, &rm->options, &self->queue);
    }
    return TXC_OK;
}

txc_agentd_t *txc_agentd_new (txc_config_t *config, txc_served_list_t *served, int signals,
                              txc_error_t *error)
{
    txc_agentd_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, AGENTD_MAGIC);
    self->config = config;
    self->name = txc_config_string (config, "agent/name");
    self->served = *served;
    served->n = 0;
    self->signals = signals;
    self->queue.fd = -1;
    txc_agentd_init_turns (self);
    txc_update_init (&self->update);
    int rc = s_open_journal (self, error); /* first: its lock keeps a second agent away */
    rc = rc ? rc : s_listen (self, error);
    rc = rc ? rc : s_make_agent (self, error);
    rc = rc ? rc : txc_jfile_replay (self->journal, self->agent, error);
    rc = rc ? rc : s_start_pools (self, error);
    if (rc != TXC_OK)
        txc_agentd_destroy (&self);
    return self;
}

bool txc_agentd_destroy (txc_agentd_t **self_p)
{
    txc_agentd_t *self = *self_p;
    *self_p = NULL;
    TXC_CHECK (self, AGENTD_MAGIC);
    bool clean = true;
    for (uint32_t i = 0; i < self->served.n; i++)
        if (self->served.items[i].pool && !txc_pool_destroy (&self->served.items[i].pool, JOIN_MS)) {
            txc_report (TXC_REPORT_WARNING, NULL, "rm %s: a call to the database does not come back",
                        self->served.items[i].name);
            clean = false;
        }
    if (self->journal)
        txc_jfile_close (&self->journal);
    if (self->net)
        txc_net_destroy (&self->net);
    if (!clean)
        return false; /* threads still use the rest */
    if (self->queue.fd >= 0)
        txc_done_queue_fini (&self->queue);
    free (self->peers.items);
    free (self->polled);
    txc_served_close (&self->served);
    txc_agent_destroy (&self->agent);
    txc_update_fini (&self->update);
    txc_config_destroy (&self->config);
    txc_agentd_fini_turns (self);
    TXC_UNMAGIC (self, AGENTD_MAGIC);
    free (self);
    return true;
}

/* --- signals --------------------------------------------------------------------------------- */

static void s_changed (void *arg, const char *path, bool applied)
{
    (void) arg;
    txc_report (TXC_REPORT_NOTICE, NULL, "%s: %s", path,
                applied ? "changed" : "changed, but only a restart takes it over");
}

static void s_set_level (txc_agentd_t *self)
{
    txc_report_level_t level;
    if (txc_report_level_parse (txc_config_string (self->config, "report/level"), &level))
        txc_report_set_level (level);
}

static void s_reload (txc_agentd_t *self)
{
    txc_error_t error;
    txc_notify_reloading();
    if (txc_config_reload (self->config, s_changed, NULL, &error) == TXC_OK)
        s_set_level (self);
    else
        txc_report (TXC_REPORT_ERROR, NULL, "the configuration stays as it was: %s", error.text);
    self->name = txc_config_string (self->config, "agent/name");
    txc_notify ("READY=1");
}

/* The first time: no new branches, end those that run.  The second time: enough. */
static void s_drain (txc_agentd_t *self)
{
    if (self->drain_until_ms) {
        self->stop = true;
        return;
    }
    txc_notify ("STOPPING=1");
    txc_report (TXC_REPORT_NOTICE, NULL, "stopping: new branches are refused, open ones may end");
    self->drain_until_ms = self->now_ms + (uint64_t) txc_config_int (self->config, "agent/drain_timeout");
    txc_agent_event_t event = {.type = TXC_AGENT_DRAIN};
    txc_agentd_step (self, &event);
}

static void s_signals (txc_agentd_t *self)
{
    for (int signal; (signal = txc_signals_next (self->signals)) != 0;) {
        if (signal == SIGHUP)
            s_reload (self);
        else
            s_drain (self);
    }
}

/* Ended: nothing runs, or the time for it passed. */
static bool s_is_drained (txc_agentd_t *self)
{
    if (!self->drain_until_ms)
        return false;
    txc_agent_status_t status;
    txc_agent_status (self->agent, &status);
    uint32_t busy = status.active;
    for (uint32_t i = 0; i < self->served.n; i++)
        busy += txc_pool_busy (self->served.items[i].pool);
    if (busy && self->now_ms < self->drain_until_ms)
        return false;
    if (status.active || status.prepared)
        txc_report (TXC_REPORT_NOTICE, NULL,
                    "stopped with %u branches active and %u in doubt; the next start recovers them",
                    status.active, status.prepared);
    return true;
}

/* --- the loop -------------------------------------------------------------------------------------- */

static void s_durable (txc_agentd_t *self)
{
    uint64_t slot = txc_jfile_durable (self->journal);
    txc_agent_event_t event = {.type = TXC_AGENT_JOURNALED, .slot = slot};
    if (slot)
        txc_agentd_step (self, &event);
}

static void s_ticks (txc_agentd_t *self)
{
    if (txc_agent_next_ms (self->agent) <= self->now_ms) {
        txc_agent_event_t event = {.type = TXC_AGENT_TICK};
        txc_agentd_step (self, &event);
        txc_agentd_keep (self); /* every heartbeat is a tick */
    }
    for (uint32_t i = 0; i < self->served.n; i++)
        txc_pool_tick (self->served.items[i].pool, self->now_ms);
    if (self->watchdog_ms && self->watchdog_due_ms <= self->now_ms) {
        self->watchdog_due_ms = self->now_ms + self->watchdog_ms;
        txc_notify ("WATCHDOG=1");
    }
}

static void s_round (txc_agentd_t *self)
{
    enum { SIGNALS, JOURNAL, FDS };
    int fds[FDS] = {self->signals, txc_jfile_fd (self->journal)};
    bool readable[FDS];
    txc_agentd_poll (self, fds, readable, FDS);
    if (readable[SIGNALS])
        s_signals (self);
    if (readable[JOURNAL])
        s_durable (self);
    txc_agentd_turn (self);
    s_ticks (self); /* behind what has come: it may be what was waited for */
    txc_jfile_tidy (self->journal, self->agent, &self->update);
    txc_agentd_turn (self);
}

int txc_agentd_run (txc_agentd_t *self)
{
    TXC_CHECK (self, AGENTD_MAGIC);
    self->now_ms = txc_clock_ms();
    self->watchdog_ms = txc_notify_watchdog_ms();
    self->watchdog_due_ms = self->now_ms;
    txc_agent_event_t event = {.type = TXC_AGENT_START};
    txc_agentd_step (self, &event);
    txc_agentd_turn (self);
    txc_report (TXC_REPORT_NOTICE, NULL, "agent %s listens on %s", self->name,
                txc_net_endpoint (self->net, 0));
    txc_notify ("READY=1");
    while (!self->stop && !s_is_drained (self))
        s_round (self);
    return self->refused ? EXIT_CONFIG : EXIT_SUCCESS;
}
