/* txcoord - the coordinator daemon: command line, life, exit codes. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "daemon/txc_notify.h"
#include "daemon/txc_report.h"
#include "daemon/txc_system.h"
#include "txcoord/coord.h"
#include "wire/txc_codec.h"

/* Those of sysexits.h; the systemd unit does not restart after the last two. */
enum { EXIT_IO = 74, EXIT_CONFIG = 78 };

enum { CHECKPOINT_MS = 10000, LINGER_MS = 300, FRAME_MAX = 2 << 20 };

static void s_malformed (void *arg, const char *text)
{
    (void) arg;
    txc_report (TXC_REPORT_WARNING, NULL, "%s", text);
}

static int s_listen (coord_t *self, bool quiet, txc_error_t *error)
{
    txc_net_config_t config = {
        .max_routes = (uint32_t) txc_config_int (self->config, "coordinator/max_peers"),
        .max_frame = FRAME_MAX,
        .linger_ms = LINGER_MS,
        .report = s_malformed,
    };
    bool insecure = txc_config_bool (self->config, "coordinator/insecure");
    self->net = txc_net_new (&config);
    if (!self->net)
        return txc_error_set (error, TXC_EIO, "no ZeroMQ context: %s", strerror (errno));
    const char *endpoint; /* quiet: whoever formats a group serves nobody yet */
    for (size_t i = 0; !quiet && (endpoint = txc_config_nth (self->config, "coordinator/listen", i)); i++) {
        int rc = txc_net_bind (self->net, endpoint, insecure, error);
        if (rc)
            return rc;
        txc_report (TXC_REPORT_NOTICE, NULL, "listens on %s", txc_net_endpoint (self->net, i));
    }
    return TXC_OK;
}

/* Everything that has to be there before the first event. */
static int s_open (coord_t *self, bool init, bool force, txc_error_t *error)
{
    self->signal_fd = txc_signals_open();
    if (self->signal_fd < 0)
        return txc_error_set (error, TXC_EIO, "signalfd: %s", strerror (errno));
    bool join = txc_config_bool (self->config, "group/join") && !force;
    self->group = (txc_replica_config_t){.seed = txc_random64(),
                                         .new_cluster = join ? 0 : txc_random64() | 1,
                                         .new_disk = txc_random64() | 1,
                                         .codec = &txc_record_codec};
    coord_config_replica (self->config, &self->group);
    self->settings = coord_config_settings (&self->group);
    self->replica = txc_replica_new (&self->group);
    int rc = coord_log_open (self, init, error);
    return rc ? rc : s_listen (self, init || force, error);
}

/* A snapshot at the end makes the next start short; without it nothing is lost. */
static void s_checkpoint (coord_t *self)
{
    uint64_t end_ms = txc_clock_ms() + CHECKPOINT_MS;
    int fd = txc_log_fd (self->log), rc;
    do {
        rc = coord_log_checkpoint (self); /* pending: an earlier one is under way */
        while (txc_log_is_checkpointing (self->log) && txc_clock_ms() < end_ms) {
            txc_net_poll (self->net, &fd, NULL, 1, 10);
            txc_log_durable (self->log);
        }
    } while (rc == TXC_PENDING && txc_clock_ms() < end_ms);
    if (rc)
        txc_report (TXC_REPORT_WARNING, NULL, "no snapshot at the end: %s", txc_strerror (rc));
}

static void s_close (coord_t *self)
{
    txc_net_destroy (&self->net);
    if (self->log)
        txc_log_close (&self->log);
    coord_admin_fini (self);
    coord_log_fini (self);
    txc_update_fini (&self->update);
    txc_replica_destroy (&self->replica);
    txc_config_destroy (&self->config);
}

static int s_exit_status (int rc)
{
    if (rc == TXC_OK)
        return EXIT_SUCCESS;
    return rc == TXC_ECONFIG ? EXIT_CONFIG : EXIT_IO;
}

/* --- when a majority is lost for good ------------------------------------------------------ */

/* Makes a new group of one of what this log holds.  The operator's word is the cluster's name, which has to
 * be looked up: nobody types it by habit. */
static int s_force (coord_t *self, const char *word, txc_error_t *error)
{
    txc_replica_status_t status;
    char name[17];
    uint64_t cluster, slot;
    txc_replica_status (self->replica, &status);
    uint32_t n_members = status.n_members;
    int rc = txc_replica_force_new_group (self->replica, &cluster); /* in memory only */
    if (rc)
        return txc_error_set (error, TXC_ECONFIG, "--force-new-group: the log holds no group");
    snprintf (name, sizeof name, "%016" PRIx64, cluster);
    txc_replica_status (self->replica, &status);
    if (strcmp (word, name) != 0)
        return txc_error_set (
            error, TXC_ECONFIG,
            "--force-new-group: this is replica %u of %u of cluster %s, at slot %" PRIu64
            ". Decisions that only the others hold are lost for ever. If they are never to run again, say "
            "--force-new-group=%s",
            status.id, n_members, name, status.applied_slot, name);
    rc = coord_log_checkpoint (self);
    int fd = txc_log_fd (self->log);
    while (rc == TXC_OK && !coord_log_checkpointed (self, &slot)) {
        txc_net_poll (self->net, &fd, NULL, 1, 10);
        txc_log_durable (self->log);
        rc = txc_log_error (self->log, error);
    }
    if (rc)
        return txc_error_set (error, rc, "--force-new-group: nothing has changed: %s", txc_strerror (rc));
    txc_report (TXC_REPORT_WARNING, NULL,
                "replica %u is a group of one now: cluster %016" PRIx64 " instead of %s, at slot %" PRIu64
                ", %u outcomes on record. Agents refuse it until txctl accept-log; what is in doubt and not "
                "on record waits for txctl resolve",
                status.id, status.cluster, word, status.applied_slot, status.outcomes);
    return TXC_OK;
}

static int s_run (coord_t *self, bool init, const char *force)
{
    txc_error_t error;
    int rc = coord_config_check (self->config, &error);
    if (rc == TXC_OK && self->options.check_config) {
        puts ("the configuration is valid");
        return rc;
    }
    if (rc == TXC_OK)
        rc = s_open (self, init, force != NULL, &error);
    if (rc == TXC_OK)
        rc = force ? s_force (self, force, &error) : coord_loop_run (self, init, &error);
    if (rc) {
        txc_report (TXC_REPORT_ERROR, NULL, "%s", error.text);
        txc_notify ("STATUS=%.200s", error.text);
        return rc;
    }
    if (!force)
        s_checkpoint (self);
    rc = txc_log_close (&self->log);
    if (rc)
        txc_report (TXC_REPORT_ERROR, NULL, "the log could not be closed: %s", txc_strerror (rc));
    else
        txc_report (TXC_REPORT_NOTICE, NULL,
                    force   ? "start txcoord without --force-new-group now"
                    : !init ? "stopped"
                    : self->group.n_members > 1
                        ? "the log of a new group's replica was formatted; start txcoord "
                          "without --init now"
                        : "a new group was formatted; start txcoord without --init now");
    return rc;
}

int main (int argc, char **argv)
{
    bool init = false;
    const char *force = NULL;
    const txc_flag_t flags[] = {
        {"init", "format an empty log as that of a new group, then exit", &init, NULL},
        {"force-new-group", "=CLUSTER: a majority is lost for good; see the manual", NULL, &force},
        {NULL, NULL, NULL, NULL}};
    const txc_daemon_t daemon = {
        .name = "txcoord",
        .summary = "coordinator of distributed transactions",
        .file = TXC_SYSCONF_DIR "/txcoord.cfg",
        .keys = coord_keys,
        .points = coord_crash_points,
        .flags = flags,
    };
    coord_t self = {.signal_fd = -1};
    int status;
    self.config = txc_options_start (&daemon, argc, argv, &self.options, &status);
    if (!self.config)
        return status;
    self.watchdog_ms = txc_notify_watchdog_ms();
    txc_update_init (&self.update);
    status = s_exit_status (s_run (&self, init, force));
    s_close (&self);
    return status;
}
