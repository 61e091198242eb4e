#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/coordinator_harness.h"

static uint64_t s_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* --- the daemon --------------------------------------------------------------- */

static void s_listen_as_manager (world_t *self)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf (address.sun_path, sizeof address.sun_path, "%s/notify", self->folder);
    self->notify_fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal (bind (self->notify_fd, (struct sockaddr *) &address, sizeof address), 0);
    chmod (address.sun_path, 0777);
}

void world_init (world_t *self)
{
    memset (self, 0, sizeof *self);
    self->drain = "500ms";
    strcpy (self->folder, "/tmp/txc-coordinator-XXXXXX");
    assert_non_null (mkdtemp (self->folder));
    chmod (self->folder, 0755);
    snprintf (self->config, sizeof self->config, "%s/txcoord.cfg", self->folder);
    snprintf (self->log, sizeof self->log, "%s/log", self->folder);
    snprintf (self->said, sizeof self->said, "%s/stderr", self->folder);
    snprintf (self->endpoint, sizeof self->endpoint, "ipc://%s/socket", self->folder);
    s_listen_as_manager (self);
}

static int s_remove (const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void) status, (void) type, (void) walk;
    return remove (path);
}

void world_fini (world_t *self)
{
    if (self->pid) {
        kill (self->pid, SIGKILL);
        waitpid (self->pid, NULL, 0);
    }
    close (self->notify_fd);
    nftw (self->folder, s_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void s_write_config (const world_t *self)
{
    FILE *file = fopen (self->config, "w");
    assert_non_null (file);
    fprintf (file,
             "coordinator\n    listen = %s\n    drain_timeout = %s\n%s"
             "log\n    folder = %s\n    segment_size = 1M\n    checkpoint_size = 1M\n%s",
             self->endpoint, self->drain, self->coordinator, self->log, self->options);
    assert_int_equal (fclose (file), 0);
}

/* In the child: never comes back. */
static void s_become_daemon (const world_t *self, char *const arguments[])
{
    char notify[96];
    snprintf (notify, sizeof notify, "%s/notify", self->folder);
    setenv ("NOTIFY_SOCKET", notify, 1);
    unsetenv ("JOURNAL_STREAM");
    int fd = open (self->said, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2 (fd, STDERR_FILENO);
    if (self->prepare && (unshare (CLONE_NEWNS) || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
                          system (self->prepare) != 0))
        _exit (127);
    int program = open (arguments[0], O_RDONLY | O_CLOEXEC); /* the other user may not reach its folder */
    if (self->uid && setuid (self->uid))
        _exit (127);
    fexecve (program, arguments, environ);
    _exit (127);
}

void world_start (world_t *self, const char *a, const char *b, const char *c)
{
    assert_int_equal (self->pid, 0);
    s_write_config (self);
    unlink (self->said);
    for (char drop[512]; recv (self->notify_fd, drop, sizeof drop, MSG_DONTWAIT) > 0;)
        continue;
    const char *arguments[] = {TXC_TEST_DAEMON, "--config", self->config, a, b, c, NULL};
    self->pid = fork();
    assert_true (self->pid >= 0);
    if (self->pid == 0)
        s_become_daemon (self, (char *const *) (uintptr_t) arguments);
}

static const char *s_read_said (const world_t *self)
{
    static char text[65536];
    FILE *file = fopen (self->said, "r");
    size_t size = file ? fread (text, 1, sizeof text - 1, file) : 0;
    text[size] = 0;
    if (file)
        fclose (file);
    return text;
}

bool world_await_said (const world_t *self, const char *text)
{
    for (uint64_t end_ms = s_now_ms() + PATIENCE_MS; s_now_ms() < end_ms; poll (NULL, 0, 10))
        if (strstr (s_read_said (self), text))
            return true;
    fail_msg ("the daemon did not say '%s' but: %s", text, s_read_said (self));
    return false;
}

void world_await_notice (world_t *self, const char *text)
{
    for (uint64_t end_ms = s_now_ms() + PATIENCE_MS; s_now_ms() < end_ms;) {
        char datagram[512] = "";
        struct pollfd item = {.fd = self->notify_fd, .events = POLLIN};
        if (poll (&item, 1, 20) == 1 && recv (self->notify_fd, datagram, sizeof datagram - 1, 0) > 0 &&
            strstr (datagram, text))
            return;
        int status;
        if (!item.revents && waitpid (self->pid, &status, WNOHANG) == self->pid) {
            self->pid = 0;
            fail_msg ("the daemon ended (%x): %s", (unsigned) status, s_read_said (self));
        }
    }
    fail_msg ("no '%s' from the daemon; it said: %s", text, s_read_said (self));
}

void world_await_ready (world_t *self)
{
    world_await_notice (self, "READY=1");
}

int world_await_exit (world_t *self)
{
    int status;
    for (uint64_t end_ms = s_now_ms() + PATIENCE_MS; s_now_ms() < end_ms; poll (NULL, 0, 5)) {
        if (waitpid (self->pid, &status, WNOHANG) != self->pid)
            continue;
        self->pid = 0;
        return WIFSIGNALED (status) ? -WTERMSIG (status) : WEXITSTATUS (status);
    }
    fail_msg ("the daemon does not end; it said: %s", s_read_said (self));
    return -1;
}

void world_signal (const world_t *self, int number)
{
    assert_int_equal (kill (self->pid, number), 0);
}

void world_serve (world_t *self)
{
    world_start (self, "--init", NULL, NULL);
    int status = world_await_exit (self);
    if (status)
        fail_msg ("--init: %d: %s", status, s_read_said (self));
    world_start (self, NULL, NULL, NULL);
    world_await_ready (self);
}

void world_expect_failure (world_t *self, const char *argument, int status, const char *text)
{
    world_start (self, argument, NULL, NULL);
    int found = world_await_exit (self);
    if (found != status || !strstr (s_read_said (self), text))
        fail_msg ("status %d and '%s' were expected, not %d and: %s", status, text, found,
                  s_read_said (self));
}

/* --- peers ------------------------------------------------------------------------ */

void peer_init (peer_t *self, const world_t *world)
{
    memset (self, 0, sizeof *self);
    self->net = txc_net_new (NULL);
    self->route = txc_net_connect (self->net, world->endpoint, NULL);
    assert_int_not_equal (self->route, 0);
}

void peer_fini (peer_t *self)
{
    json_decref (self->json);
    txc_net_destroy (&self->net);
}

static void s_visit (void *arg, const txc_msg_t *message)
{
    peer_t *self = arg;
    if (self->arrived || message->type != self->wanted)
        return;
    self->arrived = true;
    self->reply = *message;
    memset (&self->error, 0, sizeof self->error);
    if (message->error)
        self->error = *message->error;
    if (message->type == TXC_MSG_ADMIN_REPLY) {
        json_decref (self->json);
        self->json =
            json_loadb ((const char *) txc_blob_data (message->body), txc_blob_size (message->body), 0, NULL);
        assert_non_null (self->json);
    }
    self->reply.error = NULL;
    self->reply.branches = NULL;
    self->reply.entries = NULL;
    self->reply.body = NULL;
}

void peer_send (peer_t *self, const txc_msg_t *message)
{
    assert_int_equal (txc_net_send (self->net, self->route, message), TXC_OK);
    txc_net_flush (self->net);
}

static void s_exchange (peer_t *self, const txc_msg_t *message, txc_msg_type_t wanted)
{
    uint64_t end_ms = s_now_ms() + PATIENCE_MS, again_ms = 0;
    self->wanted = wanted;
    self->arrived = false;
    while (!self->arrived && s_now_ms() < end_ms) {
        if (message && s_now_ms() >= again_ms) {
            peer_send (self, message);
            again_ms = s_now_ms() + 300;
        }
        txc_net_poll (self->net, NULL, NULL, 0, 50);
        txc_net_receive (self->net, s_visit, self, 64);
    }
    if (!self->arrived)
        fail_msg ("no %s came", txc_msg_name (wanted));
}

void peer_await (peer_t *self, txc_msg_type_t type)
{
    s_exchange (self, NULL, type);
}

void peer_call (peer_t *self, const txc_msg_t *message, txc_msg_type_t wanted)
{
    s_exchange (self, message, wanted);
}

const json_t *peer_admin (peer_t *self, const char *request)
{
    txc_msg_t message = {.type = TXC_MSG_ADMIN, .body = txc_blob_new (request, strlen (request))};
    peer_send (self, &message);
    s_exchange (self, NULL, TXC_MSG_ADMIN_REPLY);
    txc_blob_destroy (&message.body);
    return self->json;
}
