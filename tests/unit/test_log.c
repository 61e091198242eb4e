/*
 * test_log.c - the log with its thread, on the real disk and on a fake one.  Runs under ThreadSanitizer, too.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/txc_log.h"
#include "log/txc_log_dump.h"
#include "log/txc_log_impl.h"
#include "txc_fake_disk.h"

enum { WAIT_MS = 30000 };

static const txc_log_options_t s_small = {.segment_size = 262144, .max_segments = 4, .lazy_ms = 20};

/* --- helpers ------------------------------------------------------------------ */

static char *s_folder_new (void)
{
    char *folder = strdup ("/tmp/txc-log-XXXXXX");
    assert_non_null (folder);
    assert_non_null (mkdtemp (folder));
    return folder;
}

static void s_folder_destroy (char *folder)
{
    char command[128];
    snprintf (command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal (system (command), 0);
    free (folder);
}

static txc_log_t *s_open (const char *folder, const txc_log_options_t *options)
{
    txc_error_t error;
    txc_log_t *log = txc_log_open (folder, options, &error);
    if (!log)
        fail_msg ("open: %s", error.text);
    return log;
}

/* Waits until entries up to lsn are durable; false if the log failed. */
static bool s_wait_durable (txc_log_t *log, uint64_t lsn)
{
    struct pollfd poll_fd = {.fd = txc_log_fd (log), .events = POLLIN};
    while (txc_log_durable (log) < lsn) {
        if (txc_log_error (log, NULL) != TXC_OK)
            return false;
        assert_int_equal (poll (&poll_fd, 1, WAIT_MS), 1);
    }
    return true;
}

static void s_wait_checkpoint (txc_log_t *log)
{
    struct pollfd poll_fd = {.fd = txc_log_fd (log), .events = POLLIN};
    while (txc_log_is_checkpointing (log)) {
        assert_int_equal (poll (&poll_fd, 1, WAIT_MS), 1);
        (void) txc_log_durable (log);
    }
}

static uint64_t s_append (txc_log_t *log, uint32_t kind, const char *text, bool forced)
{
    uint64_t lsn;
    assert_int_equal (txc_log_append (log, kind, text, strlen (text), forced, &lsn), TXC_OK);
    return lsn;
}

/* What a replay shows, as text: "lsn:kind:bytes " for each. */
typedef struct s_seen {
    char text[4096];
    size_t used;
    uint64_t count, last_size;
} s_seen_t;

static int s_visit (void *arg, uint64_t lsn, uint32_t kind, const void *bytes, size_t size)
{
    s_seen_t *seen = arg;
    seen->count++;
    seen->last_size = size;
    if (seen->used + size + 64 < sizeof seen->text)
        seen->used += (size_t) sprintf (seen->text + seen->used, "%d:%d:%.*s ", (int) lsn, (int) kind,
                                        (int) size, (const char *) bytes);
    return 0;
}

static s_seen_t s_replay (txc_log_t *log)
{
    s_seen_t seen = {.used = 0};
    txc_error_t error;
    if (txc_log_replay (log, s_visit, &seen, &error) != TXC_OK)
        fail_msg ("replay: %s", error.text);
    return seen;
}

/* --- tests -------------------------------------------------------------------- */

static void test_append_force_replay (void **state)
{
    (void) state;
    char *folder = s_folder_new();
    txc_log_t *log = s_open (folder, &s_small);
    assert_int_equal (s_replay (log).count, 0);
    assert_int_equal (s_append (log, 1, "one", false), 1);
    assert_int_equal (s_append (log, 2, "two", true), 2);
    txc_log_flush (log);
    assert_true (s_wait_durable (log, 2));
    uint64_t lsn;
    assert_int_equal (txc_log_write (log, 3, "three", 5, &lsn), TXC_OK);
    assert_int_equal (lsn, 3);
    assert_int_equal (txc_log_write (log, 4, NULL, 0, NULL), TXC_OK);
    assert_int_equal (txc_log_next (log), 5);
    assert_int_equal (txc_log_close (&log), TXC_OK);
    assert_null (log);
    log = s_open (folder, NULL); /* other options: the files stay as they are */
    assert_string_equal (s_replay (log).text, "1:1:one 2:2:two 3:3:three 4:4: ");
    assert_int_equal (txc_log_close (&log), TXC_OK);
    s_folder_destroy (folder);
}

/* An entry that is not forced becomes durable by itself, and so does one that was only written. */
static void test_lazy (void **state)
{
    (void) state;
    char *folder = s_folder_new();
    txc_log_t *log = s_open (folder, &s_small);
    uint64_t lsn = s_append (log, 1, "lazy", false);
    txc_log_flush (log);
    assert_true (s_wait_durable (log, lsn));
    assert_int_equal (txc_log_write (log, 1, "x", 1, &lsn), TXC_OK);
    assert_true (s_wait_durable (log, lsn));
    txc_log_close (&log);
    s_folder_destroy (folder);
}

/* Many entries from append and write, mixed: all are there, in order, and groups were shared. */
static void test_mixed_order (void **state)
{
    (void) state;
    char *folder = s_folder_new();
    txc_log_options_t options = {.segment_size = 1 << 20, .max_segments = 64, .lazy_ms = 5};
    txc_log_t *log = s_open (folder, &options);
    uint64_t lsn = 0;
    for (int i = 1; i <= 4000; i++) {
        char text[32];
        snprintf (text, sizeof text, "entry %d", i);
        if (i % 10 == 0)
            assert_int_equal (txc_log_write (log, 1, text, strlen (text), &lsn), TXC_OK);
        else
            lsn = s_append (log, 1, text, i % 3 == 0);
        if (i % 7 == 0)
            txc_log_flush (log);
        assert_int_equal (lsn, i);
    }
    txc_log_flush (log);
    assert_true (s_wait_durable (log, lsn));
    txc_log_stats_t stats;
    txc_log_stats (log, &stats);
    assert_int_equal (stats.entries, 4000);
    assert_true (stats.groups < 4000 && stats.forced < stats.groups);
    txc_log_close (&log);
    log = s_open (folder, &options);
    assert_int_equal (s_replay (log).count, 4000);
    txc_log_close (&log);
    s_folder_destroy (folder);
}

static void s_append_until (txc_log_t *log, uint64_t count, bool may_be_full)
{
    char bytes[200] = {0};
    for (uint64_t i = 0; i < count; i++) {
        uint64_t lsn;
        int rc = txc_log_append (log, 7, bytes, sizeof bytes, true, &lsn);
        if (may_be_full && (rc == TXC_ENOSPACE || rc == TXC_EOVERLOAD))
            return;
        assert_int_equal (rc, TXC_OK);
        txc_log_flush (log);
        assert_true (s_wait_durable (log, lsn));
    }
}

/* Checkpoints keep the log small however much passes through it; the files are used again. */
static void test_checkpoint_bounds_size (void **state)
{
    (void) state;
    char *folder = s_folder_new();
    txc_log_t *log = s_open (folder, &s_small);
    for (int round = 0; round < 40; round++) {
        s_append_until (log, 20, false);
        uint64_t before = txc_log_size (log);
        char *bytes = strdup ("state");
        assert_int_equal (txc_log_checkpoint (log, 50, bytes, 5, txc_log_next (log)), TXC_OK);
        s_wait_checkpoint (log);
        assert_true (txc_log_size (log) < before);
        assert_false (txc_log_is_low (log));
    }
    uint64_t next = txc_log_next (log);
    uint64_t lsn = s_append (log, 1, "behind", true);
    assert_int_equal (lsn, next);
    txc_log_stats_t stats;
    txc_log_stats (log, &stats);
    assert_true (stats.segments <= 3 && stats.group_bytes > 10 * s_small.segment_size);
    txc_log_close (&log);
    log = s_open (folder, &s_small);
    s_seen_t seen = s_replay (log);
    char expected[64];
    snprintf (expected, sizeof expected, "%d:50:state %d:1:behind ", (int) next, (int) next);
    assert_string_equal (seen.text, expected);
    txc_log_close (&log);
    s_folder_destroy (folder);
}

/* keep: entries before the checkpoint that it does not cover are replayed behind it. */
static void test_checkpoint_keeps (void **state)
{
    (void) state;
    char *folder = s_folder_new();
    txc_log_t *log = s_open (folder, &s_small);
    s_append (log, 1, "a", false);
    s_append (log, 1, "b", false);
    s_append (log, 1, "c", true);
    char *bytes = strdup ("s");
    assert_int_equal (txc_log_checkpoint (log, 9, bytes, 1, 99), TXC_EINVAL);
    assert_int_equal (txc_log_checkpoint (log, 9, bytes, 1, 2), TXC_OK);
    s_append (log, 1, "d", true);
    s_wait_checkpoint (log);
    txc_log_close (&log);
    log = s_open (folder, &s_small);
    assert_string_equal (s_replay (log).text, "2:9:s 2:1:b 3:1:c 4:1:d ");
    assert_int_equal (txc_log_checkpoint (log, 9, NULL, 0, 1), TXC_EINVAL); /* lower than the last one */
    assert_int_equal (txc_log_checkpoint (log, 9, NULL, 0, 4), TXC_OK);     /* a mere cut */
    s_wait_checkpoint (log);
    txc_log_close (&log);
    log = s_open (folder, &s_small);
    assert_string_equal (s_replay (log).text, "4:1:d ");
    txc_log_close (&log);
    s_folder_destroy (folder);
}

static sem_t s_may_sync;
static int (*s_usual_sync) (txc_disk_t *disk, txc_disk_file_t *file);

static int s_sync_when_it_may (txc_disk_t *disk, txc_disk_file_t *file)
{
    while (sem_wait (&s_may_sync) != 0)
        continue;
    sem_post (&s_may_sync);
    return s_usual_sync (disk, file);
}

/* One at a time; the second one's bytes stay the caller's.  (The first would be over at once, if its disk did
 * not hang.) */
static void test_checkpoint_while_another_is_taken (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_disk_t *table = txc_fake_disk_table (disk);
    s_usual_sync = table->sync;
    table->sync = s_sync_when_it_may;
    assert_int_equal (sem_init (&s_may_sync, 0, 1), 0);
    txc_error_t error;
    txc_log_t *log = txc_log_open_on (table, &s_small, &error);
    assert_non_null (log);
    s_append_until (log, 3, false);
    char *bytes = strdup ("s");
    assert_int_equal (sem_wait (&s_may_sync), 0);
    assert_int_equal (txc_log_checkpoint (log, 9, bytes, 1, 2), TXC_OK);
    assert_int_equal (txc_log_checkpoint (log, 9, bytes, 1, 2), TXC_PENDING);
    sem_post (&s_may_sync);
    s_wait_checkpoint (log);
    assert_int_equal (txc_log_close (&log), TXC_OK);
    sem_destroy (&s_may_sync);
    txc_fake_disk_destroy (&disk);
}

/* A checkpoint much larger than a segment, and than all segments that there may be; commits go on meanwhile.
 */
static void test_big_checkpoint (void **state)
{
    (void) state;
    char *folder = s_folder_new();
    txc_log_t *log = s_open (folder, &s_small);
    size_t size = 8 << 20;
    s_append_until (log, 10, false);
    char *bytes = malloc (size);
    assert_non_null (bytes);
    memset (bytes, 'x', size);
    assert_int_equal (txc_log_checkpoint (log, 50, bytes, size, txc_log_next (log)), TXC_OK);
    s_append_until (log, 10, false);
    s_wait_checkpoint (log);
    s_append_until (log, 10, false);
    txc_log_close (&log);
    log = s_open (folder, &s_small);
    s_seen_t seen = {.used = 0};
    txc_error_t error;
    assert_int_equal (txc_log_replay (log, s_visit, &seen, &error), TXC_OK);
    assert_int_equal (seen.count, 21);
    /* the next one frees the space, and the files beyond the limit are removed */
    assert_int_equal (txc_log_checkpoint (log, 50, NULL, 0, txc_log_next (log)), TXC_OK);
    s_wait_checkpoint (log);
    txc_log_stats_t stats;
    for (int i = 0; i < 60; i++)
        s_append_until (log, 1, false);
    txc_log_stats (log, &stats);
    assert_int_equal (stats.segments, 4);
    txc_log_close (&log);
    s_folder_destroy (folder);
}

/* At the limit the log says low while there is room to finish, refuses cleanly when full, and a checkpoint
 * saves it. */
static void test_full (void **state)
{
    (void) state;
    char *folder = s_folder_new();
    txc_log_t *log = s_open (folder, &s_small);
    uint64_t count = 0;
    while (!txc_log_is_low (log)) {
        s_append_until (log, 1, false);
        count++;
    }
    uint64_t at_low = count;
    char bytes[200] = {0};
    uint64_t lsn = 0;
    int rc;
    while ((rc = txc_log_append (log, 7, bytes, sizeof bytes, true, &lsn)) == TXC_OK) {
        txc_log_flush (log);
        assert_true (s_wait_durable (log, lsn));
        count++;
    }
    assert_int_equal (rc, TXC_ENOSPACE);
    assert_int_equal (txc_log_next (log), lsn + 1);
    assert_true (at_low > 100 && count > at_low);
    assert_int_equal (txc_log_checkpoint (log, 50, NULL, 0, txc_log_next (log)), TXC_OK);
    s_wait_checkpoint (log);
    struct pollfd poll_fd = {.fd = txc_log_fd (log), .events = POLLIN};
    while (txc_log_is_low (log)) {
        assert_int_equal (poll (&poll_fd, 1, WAIT_MS), 1);
        (void) txc_log_durable (log);
    }
    s_append_until (log, 20, false);
    txc_log_close (&log);
    s_folder_destroy (folder);
}

/* The file system is full: low, then TXC_ENOSPACE, nothing lost; it recovers by itself once there is space.
 */
static void test_disk_full (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_fake_disk_faults (disk)->capacity = 3 * 262144 + 1000;
    txc_error_t error;
    txc_log_options_t options = s_small;
    options.max_segments = 64;
    txc_log_t *log = txc_log_open_on (txc_fake_disk_table (disk), &options, &error);
    assert_non_null (log);
    s_append_until (log, 1000, true);
    assert_true (txc_log_is_low (log));
    assert_int_equal (txc_log_error (log, NULL), TXC_OK);
    uint64_t next = txc_log_next (log);
    assert_true (next > 100);
    assert_int_equal (txc_log_close (&log), TXC_OK);
    log = txc_log_open_on (txc_fake_disk_table (disk), &options, &error);
    assert_non_null (log);
    assert_int_equal (s_replay (log).count, next - 1);
    assert_int_equal (txc_log_checkpoint (log, 50, strdup ("s"), 1, next), TXC_OK);
    s_wait_checkpoint (log);
    s_append_until (log, 20, false);
    txc_log_close (&log);
    txc_fake_disk_destroy (&disk);
}

/* There is space again; entries that are never urgent arrive all the while, oftener than a full disk is
 * tried. */
static void test_space_is_found_however_busy_the_log_is (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_log_options_t options = s_small;
    options.segment_size = 4 << 20; /* so that it is not full before */
    txc_fake_disk_faults (disk)->capacity = 2 * options.segment_size - 1000;
    txc_error_t error;
    txc_log_t *log = txc_log_open_on (txc_fake_disk_table (disk), &options, &error);
    assert_non_null (log);
    assert_true (txc_log_is_low (log));
    assert_false (txc_log_can_shrink (log)); /* there is one segment */
    txc_fake_disk_set_capacity (disk, 0);
    struct pollfd poll_fd = {.fd = txc_log_fd (log), .events = POLLIN};
    for (int i = 0; i < 1000 && txc_log_is_low (log); i++) {
        assert_int_equal (txc_log_append (log, 1, "lazy", 4, false, NULL), TXC_OK);
        txc_log_flush (log);
        (void) poll (&poll_fd, 1, 10);
        (void) txc_log_durable (log);
    }
    assert_false (txc_log_is_low (log));
    txc_log_close (&log);
    txc_fake_disk_destroy (&disk);
}

/* Peers have taken every descriptor when the log needs a further segment: it goes on with those it has, and
 * gets one later. */
static void test_no_descriptor_is_left (void **state)
{
    (void) state;
    char *folder = s_folder_new();
    txc_log_t *log = s_open (folder, &s_small);
    int taken[4096], n = 0;
    struct rlimit limit, low;
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 256;
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &low), 0);
    while ((taken[n] = dup (0)) >= 0)
        n++;
    assert_int_equal (errno, EMFILE);
    char bytes[200] = {0};
    for (int i = 0; i < 1000 && !txc_log_is_low (log); i++) {
        uint64_t lsn;
        assert_int_equal (txc_log_append (log, 7, bytes, sizeof bytes, true, &lsn), TXC_OK);
        txc_log_flush (log);
        assert_true (s_wait_durable (log, lsn));
    }
    assert_true (txc_log_is_low (log));
    assert_int_equal (txc_log_error (log, NULL), TXC_OK);
    while (n > 0)
        close (taken[--n]);
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
    struct pollfd poll_fd = {.fd = txc_log_fd (log), .events = POLLIN};
    while (txc_log_is_low (log)) {
        assert_int_equal (poll (&poll_fd, 1, WAIT_MS), 1);
        (void) txc_log_durable (log);
    }
    assert_int_equal (txc_log_close (&log), TXC_OK);
    s_folder_destroy (folder);
}

/* No space for a new log at all. */
static void test_disk_full_at_first (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_fake_disk_faults (disk)->capacity = 1000;
    txc_error_t error;
    assert_null (txc_log_open_on (txc_fake_disk_table (disk), &s_small, &error));
    assert_int_equal (error.code, TXC_ENOSPACE);
    txc_fake_disk_faults (disk)->capacity = 0;
    txc_log_t *log = txc_log_open_on (txc_fake_disk_table (disk), &s_small, &error);
    assert_non_null (log);
    txc_log_close (&log);
    txc_fake_disk_destroy (&disk);
}

static void s_fail (bool in_sync)
{
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_error_t error;
    txc_log_t *log = txc_log_open_on (txc_fake_disk_table (disk), &s_small, &error);
    assert_non_null (log);
    s_append_until (log, 5, false);
    *(in_sync ? &txc_fake_disk_faults (disk)->sync_in : &txc_fake_disk_faults (disk)->write_in) = 1;
    uint64_t lsn = s_append (log, 1, "lost", true);
    txc_log_flush (log);
    assert_false (s_wait_durable (log, lsn));
    assert_int_equal (txc_log_durable (log), 5);
    assert_int_equal (txc_log_error (log, &error), TXC_EIO);
    assert_int_equal (error.native, EIO);
    assert_non_null (strstr (error.text, "000.seg"));
    assert_non_null (strstr (error.text, in_sync ? "force" : "write"));
    /* never retried as if it had worked */
    assert_int_equal (txc_log_append (log, 1, "x", 1, true, &lsn), TXC_EIO);
    assert_int_equal (txc_log_write (log, 1, "x", 1, &lsn), TXC_EIO);
    assert_int_equal (txc_log_checkpoint (log, 1, NULL, 0, 1), TXC_EIO);
    assert_int_equal (txc_log_durable (log), 5);
    assert_int_equal (txc_log_close (&log), TXC_EIO);
    /* the page cache still shows what fdatasync has dropped: the next process must not take it for durable */
    log = txc_log_open_on (txc_fake_disk_table (disk), &s_small, &error);
    assert_non_null (log);
    assert_int_equal (s_replay (log).count, 5);
    txc_log_close (&log);
    txc_fake_disk_destroy (&disk);
}

static void test_failed_sync_is_final (void **state)
{
    (void) state;
    s_fail (true);
}

static void test_failed_write_is_final (void **state)
{
    (void) state;
    s_fail (false);
}

/* A second process is refused, and told who has the log. */
static void test_lock (void **state)
{
    (void) state;
    char *folder = s_folder_new();
    int ready[2], done[2];
    char byte = 0;
    assert_int_equal (pipe (ready), 0);
    assert_int_equal (pipe (done), 0);
    pid_t child = fork();
    assert_true (child >= 0);
    if (child == 0) {
        txc_log_t *log = txc_log_open (folder, &s_small, NULL);
        close (done[1]);
        if (!log || write (ready[1], &byte, 1) != 1 || read (done[0], &byte, 1) != 0)
            _exit (1);
        _exit (0); /* without closing: the lock goes with the process */
    }
    txc_error_t error;
    char pid[32];
    assert_int_equal (read (ready[0], &byte, 1), 1);
    assert_null (txc_log_open (folder, &s_small, &error));
    assert_int_equal (error.code, TXC_ELOCKED);
    snprintf (pid, sizeof pid, "process %ld", (long) child);
    assert_non_null (strstr (error.text, pid));
    close (done[1]);
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_int_equal (status, 0);
    txc_log_t *log = s_open (folder, &s_small);
    txc_log_close (&log);
    close (done[0]);
    close (ready[0]);
    close (ready[1]);
    s_folder_destroy (folder);
}

/* Somebody removed the lock's file, as one does with what a dead process may have left: the log is in use all
 * the same. */
static void test_lock_outlives_its_file (void **state)
{
    (void) state;
    char *folder = s_folder_new(), path[128];
    txc_log_t *log = s_open (folder, &s_small);
    snprintf (path, sizeof path, "%s/lock", folder);
    assert_int_equal (unlink (path), 0);
    txc_error_t error;
    assert_null (txc_log_open (folder, &s_small, &error));
    assert_int_equal (error.code, TXC_ELOCKED);
    txc_log_close (&log);
    log = s_open (folder, &s_small);
    txc_log_close (&log);
    s_folder_destroy (folder);
}

static void test_bad_folders (void **state)
{
    (void) state;
    char *folder = s_folder_new(), path[128];
    txc_error_t error;
    snprintf (path, sizeof path, "%s/no/where", folder);
    assert_null (txc_log_open (path, NULL, &error));
    assert_int_equal (error.code, TXC_EIO);
    assert_non_null (strstr (error.text, path));
    snprintf (path, sizeof path, "%s/new", folder);
    txc_log_t *log = s_open (path, &s_small);
    txc_log_close (&log);
    struct stat status;
    assert_int_equal (stat (path, &status), 0);
    assert_int_equal (status.st_mode & 0777, 0700);
    txc_log_options_t odd = {.segment_size = 5000};
    assert_null (txc_log_open (path, &odd, &error));
    assert_int_equal (error.code, TXC_EINVAL);
    s_folder_destroy (folder);
}

/* What an operator may well write: a million bytes. */
static void test_a_size_of_any_number_of_bytes (void **state)
{
    (void) state;
    char *folder = s_folder_new(), path[128];
    txc_log_options_t options = s_small;
    options.segment_size = 1000000;
    options.max_segments = TXC_LOG_SEGMENTS_MAX;
    txc_log_t *log = s_open (folder, &options);
    s_append_until (log, 5, false);
    txc_log_close (&log);
    snprintf (path, sizeof path, "%s/000.seg", folder);
    struct stat status;
    assert_int_equal (stat (path, &status), 0);
    assert_int_equal (status.st_size, 1003520);
    s_folder_destroy (folder);
}

static void test_read_only_folder (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_error_t error;
    txc_log_t *log = txc_log_open_on (txc_fake_disk_table (disk), &s_small, &error);
    assert_non_null (log);
    txc_log_close (&log);
    txc_fake_disk_faults (disk)->read_only = true;
    assert_null (txc_log_open_on (txc_fake_disk_table (disk), &s_small, &error));
    assert_int_equal (error.code, TXC_EPERM);
    txc_fake_disk_destroy (&disk);
}

static void test_too_large (void **state)
{
    (void) state;
    char *folder = s_folder_new();
    static char bytes[TXC_LOG_ENTRY_MAX + 1];
    txc_log_t *log = s_open (folder, &s_small);
    assert_int_equal (txc_log_append (log, 1, bytes, sizeof bytes, true, NULL), TXC_EINVAL);
    assert_int_equal (txc_log_append (log, 1, bytes, sizeof bytes - 1, true, NULL), TXC_OK);
    assert_int_equal (txc_log_next (log), 2);
    txc_log_close (&log);
    log = s_open (folder, &s_small);
    assert_int_equal (s_replay (log).last_size, TXC_LOG_ENTRY_MAX);
    txc_log_close (&log);
    s_folder_destroy (folder);
}

/* --- dump ----------------------------------------------------------------------- */

typedef struct s_dumped {
    uint64_t entries, checkpoints, notes;
    char note[256];
} s_dumped_t;

static int s_dump_entry (void *arg, const txc_log_dump_entry_t *entry)
{
    s_dumped_t *dumped = arg;
    dumped->checkpoints += entry->is_checkpoint;
    dumped->entries += !entry->is_checkpoint;
    return 0;
}

static void s_dump_note (void *arg, const char *text)
{
    s_dumped_t *dumped = arg;
    dumped->notes++;
    snprintf (dumped->note, sizeof dumped->note, "%s", text);
}

/* A log in use can be dumped; a damaged one, too, with what is behind the damage. */
static void test_dump (void **state)
{
    (void) state;
    static const txc_log_dump_visitor_t visitor = {.entry = s_dump_entry, .note = s_dump_note};
    char *folder = s_folder_new(), path[128];
    txc_error_t error;
    txc_log_t *log = s_open (folder, &s_small);
    s_append_until (log, 5, false);
    assert_int_equal (txc_log_checkpoint (log, 50, strdup ("state"), 5, 3), TXC_OK);
    s_wait_checkpoint (log);
    s_append_until (log, 5, false);
    s_dumped_t dumped = {.entries = 0};
    assert_int_equal (txc_log_dump (folder, &visitor, &dumped, &error), TXC_OK);
    assert_int_equal (dumped.entries, 10);
    assert_int_equal (dumped.checkpoints, 1);
    assert_int_equal (dumped.notes, 0);
    txc_log_close (&log);
    snprintf (path, sizeof path, "%s/000.seg", folder);
    FILE *file = fopen (path, "r+");
    assert_non_null (file);
    assert_int_equal (fseek (file, 4096 * 3 + 150, SEEK_SET), 0);
    assert_int_equal (fputc ('!', file), '!');
    assert_int_equal (fclose (file), 0);
    dumped = (s_dumped_t){.entries = 0};
    assert_int_equal (txc_log_dump (folder, &visitor, &dumped, &error), TXC_ECORRUPT);
    assert_int_equal (dumped.entries, 9);
    assert_int_equal (dumped.notes, 1);
    assert_non_null (strstr (error.text, "000.seg, offset 12352"));
    assert_non_null (strstr (dumped.note, "damaged"));
    s_folder_destroy (folder);
    assert_int_equal (txc_log_dump ("/nonexistent", &visitor, &dumped, &error), TXC_EIO);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_append_force_replay),
        cmocka_unit_test (test_lazy),
        cmocka_unit_test (test_mixed_order),
        cmocka_unit_test (test_checkpoint_bounds_size),
        cmocka_unit_test (test_checkpoint_keeps),
        cmocka_unit_test (test_checkpoint_while_another_is_taken),
        cmocka_unit_test (test_big_checkpoint),
        cmocka_unit_test (test_full),
        cmocka_unit_test (test_disk_full),
        cmocka_unit_test (test_space_is_found_however_busy_the_log_is),
        cmocka_unit_test (test_no_descriptor_is_left),
        cmocka_unit_test (test_disk_full_at_first),
        cmocka_unit_test (test_failed_sync_is_final),
        cmocka_unit_test (test_failed_write_is_final),
        cmocka_unit_test (test_lock),
        cmocka_unit_test (test_lock_outlives_its_file),
        cmocka_unit_test (test_bad_folders),
        cmocka_unit_test (test_a_size_of_any_number_of_bytes),
        cmocka_unit_test (test_read_only_folder),
        cmocka_unit_test (test_too_large),
        cmocka_unit_test (test_dump),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
