/*
 * test_daemon.c - the rest of what daemons share: the service manager, signals, reports, crash points,
 * options.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/txc_crash.h"
#include "daemon/txc_notify.h"
#include "daemon/txc_report.h"
#include "daemon/txc_system.h"

/* --- the service manager -------------------------------------------------------- */

/* A socket as systemd has one; name as in NOTIFY_SOCKET. */
static int s_manager (const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + strlen (name));
    strcpy (address.sun_path, name);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket (AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal (bind (fd, (struct sockaddr *) &address, size), 0);
    setenv ("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void s_expect (int fd, const char *text)
{
    char buffer[1024] = "";
    assert_true (recv (fd, buffer, sizeof buffer - 1, 0) > 0);
    assert_string_equal (buffer, text);
}

static void test_notify (void **state)
{
    (void) state;
    char folder[] = "/tmp/txc-daemon-XXXXXX", path[64], abstract[64];
    assert_non_null (mkdtemp (folder));
    snprintf (path, sizeof path, "%s/notify", folder);
    snprintf (abstract, sizeof abstract, "@txc-test-%d", (int) getpid());
    const char *const names[] = {path, abstract};
    for (size_t i = 0; i < 2; i++) {
        int fd = s_manager (names[i]);
        assert_true (txc_notify ("READY=1\nSTATUS=%d of %s", 3, "them"));
        s_expect (fd, "READY=1\nSTATUS=3 of them");
        assert_true (txc_notify_reloading());
        char buffer[128] = "";
        assert_true (recv (fd, buffer, sizeof buffer - 1, 0) > 0);
        assert_int_equal (strncmp (buffer, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
        close (fd);
    }
    unlink (path);
    rmdir (folder);
    assert_false (txc_notify ("READY=1")); /* nobody listens there any more */
    setenv ("NOTIFY_SOCKET", "relative", 1);
    assert_false (txc_notify ("READY=1"));
    unsetenv ("NOTIFY_SOCKET");
    assert_true (txc_notify ("READY=1"));
}

/* A manager that does not read must not stop the daemon. */
static void test_notify_never_waits (void **state)
{
    (void) state;
    char name[64];
    snprintf (name, sizeof name, "@txc-deaf-%d", (int) getpid());
    int fd = s_manager (name);
    bool refused = false;
    for (int i = 0; i < 10000 && !refused; i++)
        refused = !txc_notify ("WATCHDOG=1");
    assert_true (refused);
    close (fd);
    unsetenv ("NOTIFY_SOCKET");
}

static void test_watchdog (void **state)
{
    (void) state;
    char pid[16];
    unsetenv ("WATCHDOG_USEC");
    unsetenv ("WATCHDOG_PID");
    assert_int_equal (txc_notify_watchdog_ms(), 0);
    setenv ("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal (txc_notify_watchdog_ms(), 15000);
    snprintf (pid, sizeof pid, "%d", (int) getpid());
    setenv ("WATCHDOG_PID", pid, 1);
    assert_int_equal (txc_notify_watchdog_ms(), 15000);
    setenv ("WATCHDOG_PID", "1", 1);
    assert_int_equal (txc_notify_watchdog_ms(), 0);
    unsetenv ("WATCHDOG_USEC");
    unsetenv ("WATCHDOG_PID");
}

/* --- signals, clocks ---------------------------------------------------------------- */

static void test_signals (void **state)
{
    (void) state;
    pid_t child = fork();
    if (child == 0) {
        int fd = txc_signals_open();
        bool right = fd >= 0 && txc_signals_next (fd) == 0;
        raise (SIGHUP);
        raise (SIGPIPE); /* ignored */
        struct pollfd item = {.fd = fd, .events = POLLIN};
        right = right && poll (&item, 1, 5000) == 1 && txc_signals_next (fd) == SIGHUP &&
                txc_signals_next (fd) == 0;
        raise (SIGTERM);
        right = right && txc_signals_next (fd) == SIGTERM;
        _exit (right ? 0 : 1);
    }
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

static void test_clocks_and_random (void **state)
{
    (void) state;
    uint64_t us = txc_clock_us(), ms = txc_clock_ms();
    assert_in_range (ms, us / 1000, us / 1000 + 10000);
    assert_true (txc_clock_wall_ms() > UINT64_C (1600000000000));
    uint64_t a = txc_random64(), b = txc_random64();
    assert_true (a != 0 && b != 0 && a != b);
}

/* --- reports -------------------------------------------------------------------------- */

/* What report writes to stderr; in a child, since it may say where it is started. */
static char *s_capture (bool journal, void (*report) (void))
{
    static char text[65536];
    int pipes[2];
    assert_int_equal (pipe (pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        if (journal)
            setenv ("JOURNAL_STREAM", "1:2", 1);
        else
            unsetenv ("JOURNAL_STREAM");
        dup2 (pipes[1], STDERR_FILENO);
        txc_report_init ("daemon");
        report();
        _exit (0);
    }
    close (pipes[1]);
    size_t size = 0;
    ssize_t part;
    while ((part = read (pipes[0], text + size, sizeof text - 1 - size)) > 0)
        size += (size_t) part;
    text[size] = 0;
    close (pipes[0]);
    waitpid (child, NULL, 0);
    return text;
}

static void s_report_some (void)
{
    txc_gtrid_t gtrid = {.cluster = 0x1f, .session = 0x2e, .n = 3, .mode = 'p'};
    txc_report (TXC_REPORT_WARNING, &gtrid, "two\nlines of %d", 7);
    txc_report (TXC_REPORT_DEBUG, NULL, "not shown");
}

static void test_report_for_the_journal (void **state)
{
    (void) state;
    assert_string_equal (s_capture (true, s_report_some),
                         "<4>two lines of 7 gtrid=txc-000000000000001f.2e.3p\n");
}

static void test_report_for_a_terminal (void **state)
{
    (void) state;
    char *text = s_capture (false, s_report_some);
    assert_int_equal (text[10], 'T');
    assert_int_equal (text[23], 'Z');
    assert_string_equal (text + 24, " daemon warning: two lines of 7 gtrid=txc-000000000000001f.2e.3p\n");
}

static void s_report_long (void)
{
    txc_gtrid_t gtrid = {.cluster = 0x1f, .session = 0x2e, .n = 3, .mode = 'p'};
    txc_report (TXC_REPORT_ERROR, &gtrid, "%05000d", 1);
}

static void test_a_long_report_is_cut_before_its_gtrid (void **state)
{
    (void) state;
    char *text = s_capture (true, s_report_long);
    assert_in_range (strlen (text), 1000, 2048);
    assert_non_null (strstr (text, "000 gtrid=txc-000000000000001f.2e.3p\n"));
}

static void s_report_often (void)
{
    txc_report_limit_t limit = {0};
    for (int i = 0; i < 100; i++)
        txc_report_limited (&limit, TXC_REPORT_INFO, NULL, "line %d", i);
    limit.window_ms = 1; /* long ago */
    txc_report_limited (&limit, TXC_REPORT_INFO, NULL, "again");
}

static void test_reports_are_limited (void **state)
{
    (void) state;
    assert_string_equal (s_capture (true, s_report_often),
                         "<6>line 0\n<6>line 1\n<6>line 2\n<6>line 3\n<6>line 4\n"
                         "<6>95 lines like the next one were not shown\n<6>again\n");
}

static void test_levels (void **state)
{
    (void) state;
    txc_report_level_t level;
    assert_true (txc_report_level_parse ("debug", &level) && level == TXC_REPORT_DEBUG);
    assert_false (txc_report_level_parse ("Debug", &level));
    assert_false (txc_report_level_parse ("", &level));
}

/* --- crash points -------------------------------------------------------------------------- */

static const char *const s_whats[] = {"ONE", "TWO", NULL};
static const txc_crash_set_t s_sets[] = {
    {"append.before", s_whats}, {"send.before", s_whats}, {"send.after", s_whats}, {NULL, NULL}};

static void test_crash_points_that_do_not_exist (void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "append.before.THREE", "append.before",       "", "append.before.ONE:0", "append.before.ONE:x",
        "append.before.ONE:",  "append.before.ONE:-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        pid_t child = fork();
        if (child == 0) {
            txc_error_t error;
            _exit (txc_crash_init (s_sets, wrong[i], NULL, &error) == TXC_ECONFIG && error.text[0] ? 0 : 1);
        }
        int status;
        waitpid (child, &status, 0);
        if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
            fail_msg ("'%s' was taken", wrong[i]);
    }
}

/* Runs pass in a child that is armed; returns how it ended. */
static int s_run_armed (const char *kill_at, const char *stop_at, const char *hits, void (*pass) (void),
                        pid_t *child_p)
{
    pid_t child = fork();
    if (child == 0) {
        if (hits)
            setenv ("TXC_CRASH_HITS", hits, 1);
        if (txc_crash_init (s_sets, kill_at, stop_at, NULL))
            _exit (99);
        pass();
        _exit (0);
    }
    int status;
    assert_int_equal (waitpid (child, &status, WUNTRACED), child);
    if (child_p)
        *child_p = child;
    return status;
}

static void s_pass (void)
{
    for (int i = 0; i < 3; i++) {
        txc_crash_point ("append.before", "ONE");
        txc_crash_send ("TWO");
        txc_crash_send ("TWO");
        txc_crash_sent();
    }
}

static void test_crash_at_the_nth_visit (void **state)
{
    (void) state;
    static const struct {
        const char *at;
        bool killed;
    } cases[] = {{"append.before.ONE", true}, {"append.before.ONE:3", true}, {"append.before.ONE:4", false},
                 {"send.before.TWO:6", true}, {"send.before.TWO:7", false},  {"send.after.TWO:3", true},
                 {"send.after.TWO:4", false}, {"send.before.ONE", false},    {NULL, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = s_run_armed (cases[i].at, NULL, NULL, s_pass, NULL);
        bool killed = WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL;
        if (killed != cases[i].killed || (!killed && (!WIFEXITED (status) || WEXITSTATUS (status) != 0)))
            fail_msg ("%s: status %x", cases[i].at ? cases[i].at : "none", (unsigned) status);
    }
}

static void test_stop_instead_of_kill (void **state)
{
    (void) state;
    pid_t child;
    int status = s_run_armed (NULL, "append.before.ONE:2", NULL, s_pass, &child);
    assert_true (WIFSTOPPED (status));
    kill (child, SIGCONT);
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

/* The test makes something happen while it sleeps: what it had passed before does not count. */
static void test_stop_first_and_then_kill (void **state)
{
    (void) state;
    static const struct {
        const char *kill_at, *stop_at;
        bool killed;
    } cases[] = {{"append.before.ONE:1", "append.before.ONE:2", true},
                 {"append.before.ONE:2", "append.before.ONE:2", false},
                 {"send.before.TWO:4", "append.before.ONE:2", true},
                 {"send.before.TWO:5", "append.before.ONE:2", false},
                 {"send.before.TWO:1", "send.after.TWO:3", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pid_t child;
        int status = s_run_armed (cases[i].kill_at, cases[i].stop_at, NULL, s_pass, &child);
        if (!WIFSTOPPED (status))
            fail_msg ("%s: status %x", cases[i].kill_at, (unsigned) status);
        kill (child, SIGCONT);
        assert_int_equal (waitpid (child, &status, 0), child);
        bool killed = WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL;
        if (killed != cases[i].killed || (!killed && (!WIFEXITED (status) || WEXITSTATUS (status) != 0)))
            fail_msg ("%s behind %s: status %x", cases[i].kill_at, cases[i].stop_at, (unsigned) status);
    }
}

static void test_hits_are_written_once_each (void **state)
{
    (void) state;
    char file[] = "/tmp/txc-hits-XXXXXX", text[256] = "";
    int fd = mkstemp (file);
    assert_int_equal (s_run_armed (NULL, NULL, file, s_pass, NULL), 0);
    assert_true (read (fd, text, sizeof text - 1) > 0);
    assert_string_equal (text, "append.before.ONE\nsend.before.TWO\nsend.after.TWO\n");
    close (fd);
    unlink (file);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_notify),
        cmocka_unit_test (test_notify_never_waits),
        cmocka_unit_test (test_watchdog),
        cmocka_unit_test (test_signals),
        cmocka_unit_test (test_clocks_and_random),
        cmocka_unit_test (test_report_for_the_journal),
        cmocka_unit_test (test_report_for_a_terminal),
        cmocka_unit_test (test_a_long_report_is_cut_before_its_gtrid),
        cmocka_unit_test (test_reports_are_limited),
        cmocka_unit_test (test_levels),
        cmocka_unit_test (test_crash_points_that_do_not_exist),
        cmocka_unit_test (test_crash_at_the_nth_visit),
        cmocka_unit_test (test_stop_instead_of_kill),
        cmocka_unit_test (test_stop_first_and_then_kill),
        cmocka_unit_test (test_hits_are_written_once_each),
    };
    return cmocka_run_group_tests_name ("daemon", tests, NULL, NULL);
}
