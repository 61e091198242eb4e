#include "config.h"

#include "txagent/txc_worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "daemon/txc_report.h"
#include "daemon/txc_system.h"

#define WORKER_MAGIC 0x77726b72u

enum {
    IDLE_MS = 10000,  /* a connection that was idle for so long is pinged before it is used */
    BACKOFF_MS = 100, /* after a first failure to connect, doubling up to */
    BACKOFF_DOUBLINGS = 6,
    STACK = 1024 * 1024
};

/* --- what workers share --------------------------------------------------------- */

void txc_crew_init (txc_crew_t *self, const txc_target_t *target, txc_done_queue_t *queue)
{
    self->target = *target;
    self->queue = queue;
    atomic_init (&self->connections, 0);
    atomic_init (&self->losses, 0);
    atomic_init (&self->retry_ms, 0);
    atomic_init (&self->failures, 0);
    atomic_init (&self->copies, 0);
    atomic_init (&self->astray, false);
    self->identity[0] = '\0';
    int rc = pthread_mutex_init (&self->mutex, NULL);
    TXC_ASSERT (rc == 0);
    self->last_error[0] = '\0';
}

void txc_crew_fini (txc_crew_t *self)
{
    pthread_mutex_destroy (&self->mutex);
}

void txc_crew_error (txc_crew_t *self, char text[TXC_TEXT_MAX + 1])
{
    pthread_mutex_lock (&self->mutex);
    txc_copy_text (text, TXC_TEXT_MAX + 1, self->last_error);
    pthread_mutex_unlock (&self->mutex);
}

void txc_crew_scanned (txc_crew_t *self, const char *identity)
{
    pthread_mutex_lock (&self->mutex);
    bool another = strcmp (self->identity, identity) != 0;
    txc_copy_text (self->identity, sizeof self->identity, identity);
    pthread_mutex_unlock (&self->mutex);
    if (another)
        atomic_fetch_add (&self->copies, 1);
}

/* Remembers what went wrong ("": nothing any more), and says it once. */
static void s_set_error (txc_crew_t *crew, const char *what, const char *text)
{
    char line[TXC_TEXT_MAX + 1];
    snprintf (line, sizeof line, "%s%.*s", what, (int) (sizeof line - 64), text);
    pthread_mutex_lock (&crew->mutex);
    bool news = strcmp (crew->last_error, line) != 0;
    txc_copy_text (crew->last_error, sizeof crew->last_error, line);
    pthread_mutex_unlock (&crew->mutex);
    if (news && line[0])
        txc_report (TXC_REPORT_ERROR, NULL, "rm %s: %s", crew->target.name, line);
    else if (news)
        txc_report (TXC_REPORT_NOTICE, NULL, "rm %s: reachable again", crew->target.name);
}

static void s_warn (void *arg, const char *text)
{
    const txc_crew_t *crew = arg;
    txc_report (TXC_REPORT_WARNING, NULL, "rm %s: %s", crew->target.name, text);
}

/* --- connections ------------------------------------------------------------------- */

static void s_set_connection (txc_worker_t *self, txc_rm_conn_t *conn)
{
    pthread_mutex_lock (&self->mutex);
    self->conn = conn;
    pthread_mutex_unlock (&self->mutex);
    atomic_fetch_add (&self->crew->connections, conn ? 1u : (uint32_t) -1);
}

/* Takes the connection away from the worker, so that nobody cancels on it any more. */
static txc_rm_conn_t *s_take_connection (txc_worker_t *self)
{
    txc_rm_conn_t *conn = self->conn;
    if (conn)
        s_set_connection (self, NULL);
    self->checked = false;
    return conn;
}

static void s_drop_connection (txc_worker_t *self)
{
    txc_rm_conn_t *conn = s_take_connection (self);
    if (conn)
        self->crew->target.plugin->disconnect (&conn);
}

/* Notes that connecting failed: new branches are refused at once until some time has passed. */
static void s_back_off (txc_crew_t *crew, const txc_rm_error_t *error)
{
    uint32_t failures = atomic_fetch_add (&crew->failures, 1);
    uint32_t doublings = failures < BACKOFF_DOUBLINGS ? failures : BACKOFF_DOUBLINGS;
    atomic_store (&crew->retry_ms, txc_clock_ms() + ((uint64_t) BACKOFF_MS << doublings));
    s_set_error (crew, "", error->text[0] ? error->text : "cannot connect");
}

/* Core knows of the copy that was scanned: what it is told of branches has to come from there.  Behind an
 * address that moved there is another server, which may never have had them. */
static bool s_is_scanned_copy (txc_worker_t *self, txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    txc_crew_t *crew = self->crew;
    char scanned[sizeof crew->identity], here[TXC_RM_EVIDENCE_SIZE] = "";
    pthread_mutex_lock (&crew->mutex);
    memcpy (scanned, crew->identity, sizeof scanned);
    pthread_mutex_unlock (&crew->mutex);
    if (!scanned[0])
        return true;
    if (crew->target.plugin->identity (conn, here, error) != TXC_RM_OK)
        return false;
    if (strcmp (here, scanned) == 0)
        return true;
    atomic_store (&crew->astray, true);
    error->code = TXC_ERMFAIL;
    snprintf (error->text, sizeof error->text,
              "the connection leads to another database (%.60s) than the one that was looked through last "
              "(%.60s): it is used when a scan has looked through it",
              here, scanned);
    return false;
}

static bool s_connect (txc_worker_t *self, const txc_item_t *item, txc_rm_error_t *error)
{
    txc_crew_t *crew = self->crew;
    if (item->work.op == TXC_WORK_EXEC && txc_clock_ms() < atomic_load (&crew->retry_ms)) {
        error->code = TXC_ERMFAIL;
        txc_crew_error (crew, error->text);
        return false;
    }
    uint32_t losses = atomic_load (&crew->losses), copy = atomic_load (&crew->copies);
    txc_rm_conn_t *conn = NULL;
    bool good = crew->target.plugin->connect (crew->target.rm, &conn, error) == TXC_RM_OK;
    if (good && self->kind != TXC_WORKER_KEEPER && !(good = s_is_scanned_copy (self, conn, error)))
        crew->target.plugin->disconnect (&conn);
    if (!good) {
        s_back_off (crew, error);
        return false;
    }
    atomic_store (&crew->retry_ms, 0);
    if (atomic_exchange (&crew->failures, 0) && self->kind != TXC_WORKER_KEEPER)
        s_set_error (crew, "", ""); /* the keeper says so when its scan went well */
    self->seen_losses = losses;
    self->copy = copy;
    s_set_connection (self, conn);
    return true;
}

/* It led to where others led no more, or scans do not lead any more. */
static bool s_is_astray (txc_worker_t *self)
{
    txc_crew_t *crew = self->crew;
    return self->kind == TXC_WORKER_KEEPER ? atomic_exchange (&crew->astray, false)
                                           : self->copy != atomic_load (&crew->copies);
}

/* A connection for an item that may use any: the worker's own if it is alive, or a new one. */
static bool s_have_connection (txc_worker_t *self, const txc_item_t *item, txc_rm_error_t *error)
{
    const txc_rm_switch_t *plugin = self->crew->target.plugin;
    if (self->conn) {
        uint32_t losses = atomic_load (&self->crew->losses);
        bool doubtful = losses != self->seen_losses || txc_clock_ms() - self->used_ms > IDLE_MS;
        if (!s_is_astray (self) && plugin->is_alive (self->conn) &&
            (!doubtful || plugin->ping (self->conn, error) == TXC_RM_OK)) {
            self->seen_losses = losses;
            return true;
        }
        s_drop_connection (self);
    }
    return s_connect (self, item, error);
}

/* --- items ----------------------------------------------------------------------------- */

static bool s_is_canceled (txc_worker_t *self)
{
    pthread_mutex_lock (&self->mutex);
    bool canceled = self->canceled;
    pthread_mutex_unlock (&self->mutex);
    return canceled;
}

static void s_scan (txc_worker_t *self, txc_item_t *item)
{
    txc_crew_t *crew = self->crew;
    txc_perform_scan (&crew->target, self->conn, !self->checked, item, s_warn, crew);
    self->checked = item->done.status == TXC_WORK_OK;
    if (self->checked)
        s_set_error (crew, "", "");
    else {
        s_set_error (crew, item->done.status == TXC_WORK_LOST ? "" : "not served: ", item->done.error.text);
        s_drop_connection (self);
    }
}

static void s_run (txc_worker_t *self, txc_item_t *item)
{
    txc_crew_t *crew = self->crew;
    txc_rm_error_t error = {0};
    bool pinned = item->pinned && !item->work.first;
    if (!pinned && !s_have_connection (self, item, &error)) {
        txc_perform_lost (&crew->target, item, &error);
        return;
    }
    TXC_ASSERT (self->conn != NULL);
    if (item->work.op == TXC_WORK_EXEC && s_is_canceled (self))
        txc_perform_fail (&crew->target, item, TXC_WORK_ERROR, TXC_ECANCELED, txc_strerror (TXC_ECANCELED));
    else if (self->kind == TXC_WORKER_KEEPER)
        s_scan (self, item);
    else
        txc_perform (&crew->target, self->conn, item);
    self->used_ms = txc_clock_ms();
    if (!item->done.connection_lost || !self->conn)
        return;
    static txc_report_limit_t limit;
    txc_report_limited (&limit, TXC_REPORT_WARNING, &item->work.gtrid, "rm %s: connection lost in %s: %s",
                        crew->target.name, txc_work_name (item->work.op), item->done.error.text);
    atomic_fetch_add (&crew->losses, 1);
    /* What only looked works on no branch, and is not to be fenced in place of the session that did. */
    bool looks = item->work.op == TXC_WORK_FENCE_AND_LOOK || item->work.op == TXC_WORK_EVIDENCE;
    if (item->work.branch && !looks && !item->dead)
        item->dead = s_take_connection (self); /* the session may still work on the branch: to be fenced */
    else
        s_drop_connection (self);
}

/* The item that was posted; NULL: stop. */
static txc_item_t *s_next (txc_worker_t *self)
{
    while (sem_wait (&self->wake) != 0)
        TXC_ASSERT (errno == EINTR);
    pthread_mutex_lock (&self->mutex);
    txc_item_t *item = self->item;
    pthread_mutex_unlock (&self->mutex);
    return item;
}

static void *s_thread (void *arg)
{
    txc_worker_t *self = arg;
    for (txc_item_t *item; (item = s_next (self)) != NULL;) {
        s_run (self, item);
        pthread_mutex_lock (&self->mutex);
        self->item = NULL; /* from here on nothing can be cancelled */
        self->canceled = false;
        pthread_mutex_unlock (&self->mutex);
        txc_done_queue_hand_in (self->crew->queue, item);
    }
    s_drop_connection (self);
    return NULL;
}

/* --- the loop's side ----------------------------------------------------------------------- */

txc_worker_t *txc_worker_new (txc_crew_t *crew, txc_worker_kind_t kind)
{
    txc_worker_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, WORKER_MAGIC);
    self->kind = kind;
    self->crew = crew;
    txc_list_init (&self->node);
    int rc = pthread_mutex_init (&self->mutex, NULL);
    rc = rc ? rc : sem_init (&self->wake, 0, 0);
    TXC_ASSERT (rc == 0);
    pthread_attr_t attributes;
    rc = pthread_attr_init (&attributes);
    rc = rc ? rc : pthread_attr_setstacksize (&attributes, STACK);
    TXC_ASSERT (rc == 0);
    rc = pthread_create (&self->thread, &attributes, s_thread, self);
    pthread_attr_destroy (&attributes);
    if (rc == 0)
        return self;
    sem_destroy (&self->wake);
    pthread_mutex_destroy (&self->mutex);
    free (self);
    return NULL;
}

void txc_worker_post (txc_worker_t *self, txc_item_t *item)
{
    TXC_CHECK (self, WORKER_MAGIC);
    TXC_ASSERT (!self->stop);
    item->worker = self;
    pthread_mutex_lock (&self->mutex);
    TXC_ASSERT (self->item == NULL);
    self->item = item;
    pthread_mutex_unlock (&self->mutex);
    sem_post (&self->wake); /* not under the lock, which the worker wants first */
}

void txc_worker_cancel (txc_worker_t *self, uint64_t branch)
{
    TXC_CHECK (self, WORKER_MAGIC);
    pthread_mutex_lock (&self->mutex);
    if (self->item && self->item->work.branch == branch) {
        self->canceled = true;
        if (self->conn)
            self->crew->target.plugin->cancel (self->conn);
    }
    pthread_mutex_unlock (&self->mutex);
}

void txc_worker_stop (txc_worker_t *self)
{
    TXC_CHECK (self, WORKER_MAGIC);
    self->stop = true;
    sem_post (&self->wake);
}

bool txc_worker_join (txc_worker_t *self, uint32_t timeout_ms)
{
    TXC_CHECK (self, WORKER_MAGIC);
    struct timespec until;
    clock_gettime (CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long) (timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    if (!self->joined)
        self->joined = pthread_timedjoin_np (self->thread, NULL, &until) == 0;
    return self->joined;
}

void txc_worker_destroy (txc_worker_t **self_p)
{
    txc_worker_t *self = *self_p;
    *self_p = NULL;
    TXC_CHECK (self, WORKER_MAGIC);
    TXC_ASSERT (self->joined);
    sem_destroy (&self->wake);
    pthread_mutex_destroy (&self->mutex);
    TXC_UNMAGIC (self, WORKER_MAGIC);
    free (self);
}
