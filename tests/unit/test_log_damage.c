/*
 * test_log_damage.c - what is refused, and what is cut: damage in every place of a log.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log/txc_crc32c.h"
#include "log/txc_format.h"
#include "log/txc_store.h"
#include "txc_fake_disk.h"

static const txc_store_options_t s_options = {.segment_size = 131072, .max_segments = 6, .new_id = 0x1234};

static txc_store_t *s_open (txc_fake_disk_t *disk, txc_error_t *error)
{
    return txc_store_open (txc_fake_disk_table (disk), &s_options, error);
}

static txc_store_t *s_must_open (txc_fake_disk_t *disk)
{
    txc_error_t error;
    txc_store_t *store = s_open (disk, &error);
    if (!store)
        fail_msg ("open: %s", error.text);
    return store;
}

/* Appends entries whose bytes are their LSN, each a group of its own of one block. */
static void s_append (txc_store_t *store, int count, bool sync)
{
    for (int i = 0; i < count; i++) {
        uint64_t lsn = txc_store_next (store);
        assert_int_equal (txc_store_append (store, 1, &lsn, sizeof lsn, NULL), TXC_OK);
        assert_int_equal (sync ? txc_store_sync (store) : txc_store_write (store), TXC_OK);
    }
}

typedef struct s_range {
    uint64_t first, last, count;
} s_range_t;

static int s_visit (void *arg, uint64_t lsn, uint32_t kind, const void *bytes, size_t size)
{
    s_range_t *range = arg;
    assert_int_equal (kind, 1);
    assert_int_equal (size, 8);
    assert_memory_equal (bytes, &lsn, 8);
    range->first = range->count++ == 0 ? lsn : range->first;
    range->last = lsn;
    return 0;
}

static s_range_t s_replay (txc_store_t *store)
{
    s_range_t range = {.count = 0};
    txc_error_t error;
    assert_int_equal (txc_store_replay (store, s_visit, &range, &error), TXC_OK);
    return range;
}

static void s_flip (txc_fake_disk_t *disk, const char *name, uint64_t offset)
{
    uint64_t size;
    uint8_t *bytes = txc_fake_disk_bytes (disk, name, &size);
    assert_non_null (bytes);
    assert_true (offset < size);
    bytes[offset] ^= 0x10;
    txc_fake_disk_settle (disk);
}

static void s_expect_refused (txc_fake_disk_t *disk, int code, const char *text)
{
    txc_error_t error;
    assert_null (s_open (disk, &error));
    assert_int_equal (error.code, code);
    if (!strstr (error.text, text))
        fail_msg ("\"%s\" does not say \"%s\"", error.text, text);
    /* and still refused the next time: nothing was changed */
    assert_null (s_open (disk, &error));
    assert_int_equal (error.code, code);
}

/* Ten groups of a block each, at 4096, 8192, ...; then the process is killed. */
static txc_fake_disk_t *s_ten (void)
{
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_store_t *store = s_must_open (disk);
    s_append (store, 10, true);
    txc_store_abandon (&store);
    txc_fake_disk_crash (disk, 1);
    return disk;
}

static void test_crc (void **state)
{
    (void) state;
    uint8_t bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) (i * 7);
    assert_int_equal (txc_crc32c (0, "123456789", 9), 0xe3069283);
    assert_int_equal (txc_crc32c_portable (0, "123456789", 9), 0xe3069283);
    for (size_t i = 0; i < 300; i++) {
        uint32_t crc = txc_crc32c (0, bytes + i % 9, 3 * i);
        assert_int_equal (crc, txc_crc32c_portable (0, bytes + i % 9, 3 * i));
        assert_int_equal (crc, txc_crc32c (txc_crc32c (0, bytes + i % 9, i), bytes + i % 9 + i, 2 * i));
    }
}

/* A flipped bit anywhere in a durable group that another one vouches for. */
static void test_flipped_bit_in_the_middle (void **state)
{
    (void) state;
    char text[64];
    for (uint64_t offset = 0; offset < TXC_GROUP_HEADER + TXC_RECORD_HEADER + 8; offset++) {
        txc_fake_disk_t *disk = s_ten();
        uint64_t place = offset < TXC_GROUP_HEADER ? 12288 : 12288 + TXC_GROUP_HEADER;
        s_flip (disk, "000.seg", 12288 + offset);
        snprintf (text, sizeof text, "fake/000.seg is damaged at offset %d", (int) place);
        s_expect_refused (disk, TXC_ECORRUPT, text);
        txc_fake_disk_destroy (&disk);
    }
}

/* The last group has nobody to vouch for it after a crash: it is cut.  After an orderly end it is refused. */
static void test_flipped_bit_at_the_end (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = s_ten();
    s_flip (disk, "000.seg", 10 * 4096 + 100);
    txc_store_t *store = s_must_open (disk);
    assert_int_equal (s_replay (store).last, 9);
    txc_log_stats_t stats;
    txc_store_stats (store, &stats);
    assert_int_equal (stats.cut_bytes, 4096);
    s_append (store, 1, true);
    assert_int_equal (txc_store_close (&store), TXC_OK);
    s_flip (disk, "000.seg", 10 * 4096 + 100);
    s_expect_refused (disk, TXC_ECORRUPT, "fake/000.seg is damaged at offset 41024");
    txc_fake_disk_destroy (&disk);
}

/* Groups that were only written: a hole among them ends the log there, and what is behind it never comes
 * back. */
static void test_hole_in_unforced_groups (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_store_t *store = s_must_open (disk);
    s_append (store, 3, true);
    s_append (store, 5, false);
    txc_store_abandon (&store);
    txc_fake_disk_kill (disk);
    s_flip (disk, "000.seg", 5 * 4096 + 70); /* the group of LSN 5 */
    store = s_must_open (disk);
    assert_int_equal (s_replay (store).last, 4);
    s_append (store, 1, true);
    txc_store_abandon (&store);
    txc_fake_disk_crash (disk, 1);
    store = s_must_open (disk);
    assert_int_equal (s_replay (store).last, 5);
    txc_store_abandon (&store);
    txc_fake_disk_destroy (&disk);
}

/* The same over the end of a segment: what is wiped in the next one is wiped for good, though nothing else is
 * written there before the next crash. */
static void test_wiped_is_durable (void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= 16; seed++) {
        txc_fake_disk_t *disk = txc_fake_disk_new();
        txc_store_t *store = s_must_open (disk);
        s_append (store, 25, true);
        s_append (store, 10, false); /* 31 groups fit a segment */
        txc_store_abandon (&store);
        txc_fake_disk_kill (disk);
        s_flip (disk, "000.seg", 26 * 4096 + 70);
        store = s_must_open (disk);
        assert_int_equal (s_replay (store).last, 25);
        s_append (store, 6, true);
        txc_store_abandon (&store);
        txc_fake_disk_crash (disk, seed);
        store = s_must_open (disk);
        assert_int_equal (s_replay (store).last, 31);
        txc_store_abandon (&store);
        txc_fake_disk_destroy (&disk);
    }
}

static int s_visit_size (void *arg, uint64_t lsn, uint32_t kind, const void *bytes, size_t size)
{
    (void) lsn;
    (void) kind;
    (void) bytes;
    *(size_t *) arg += size;
    return 0;
}

/* A checkpoint over several segments without an entry between its pieces: its first segment may not go. */
static void test_checkpoint_over_segments (void **state)
{
    (void) state;
    enum { SIZE = 300000 };
    static uint8_t bytes[SIZE];
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_store_t *store = s_must_open (disk);
    s_append (store, 50, true);
    assert_int_equal (txc_store_checkpoint (store, 2, bytes, SIZE, txc_store_next (store)), TXC_OK);
    while (txc_store_is_checkpointing (store)) {
        assert_int_equal (txc_store_checkpoint_step (store), TXC_OK);
        assert_int_equal (txc_store_sync (store), TXC_OK);
    }
    s_append (store, 40, true); /* takes what was freed */
    txc_store_abandon (&store);
    txc_fake_disk_crash (disk, 1);
    store = s_must_open (disk);
    size_t total = 0;
    txc_error_t error;
    assert_int_equal (txc_store_replay (store, s_visit_size, &total, &error), TXC_OK);
    assert_int_equal (total, SIZE + 40 * 8);
    txc_store_abandon (&store);
    txc_fake_disk_destroy (&disk);
}

/* What a killed process only wrote is forced before it is shown: a crash afterwards does not take it back. */
static void test_replayed_is_durable (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_store_t *store = s_must_open (disk);
    s_append (store, 5, false);
    txc_store_abandon (&store);
    txc_fake_disk_kill (disk);
    store = s_must_open (disk);
    assert_int_equal (s_replay (store).last, 5);
    assert_int_equal (txc_store_durable (store), 5);
    txc_store_abandon (&store);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        txc_fake_disk_crash (disk, seed);
        store = s_must_open (disk);
        assert_int_equal (s_replay (store).last, 5);
        txc_store_abandon (&store);
    }
    txc_fake_disk_destroy (&disk);
}

/* Opens the log, appends a little and makes a reserve; the n-th sync fails. */
static void s_begin_with_failing_sync (txc_fake_disk_t *disk, uint32_t n)
{
    txc_error_t error;
    txc_fake_disk_faults (disk)->sync_in = n;
    txc_store_t *store = s_open (disk, &error);
    int rc = store ? TXC_OK : error.code;
    for (int i = 0; i < 5 && rc == TXC_OK; i++) {
        uint64_t lsn = txc_store_next (store);
        rc = txc_store_append (store, 1, &lsn, sizeof lsn, NULL);
        rc = rc == TXC_OK ? txc_store_sync (store) : rc;
        rc = rc == TXC_OK ? txc_store_prepare (store, false) : rc;
        rc = rc == TXC_PENDING ? TXC_OK : rc;
    }
    txc_store_abandon (&store);
    txc_fake_disk_faults (disk)->sync_in = 0;
}

/* A process was killed after it had given a segment its name, and before it had forced that: who finds the
 * segment must not rely on it before it has. */
static void test_name_of_a_segment_that_was_found_is_durable (void **state)
{
    (void) state;
    for (uint32_t n = 1; n < 12; n++) {
        for (uint64_t seed = 1; seed <= 8; seed++) {
            txc_fake_disk_t *disk = txc_fake_disk_new();
            s_begin_with_failing_sync (disk, n);
            txc_fake_disk_kill (disk);
            txc_store_t *store = s_must_open (disk);
            s_append (store, 40, true); /* goes on in a second segment */
            uint64_t durable = txc_store_durable (store);
            txc_store_abandon (&store);
            txc_fake_disk_crash (disk, seed);
            store = s_must_open (disk);
            assert_int_equal (s_replay (store).last, durable);
            txc_store_abandon (&store);
            txc_fake_disk_destroy (&disk);
        }
    }
}

static void test_truncated_file (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = s_ten();
    txc_fake_disk_truncate (disk, "000.seg", 20000);
    s_expect_refused (disk, TXC_ECORRUPT, "fake/000.seg is damaged at offset 20000: truncated");
    txc_fake_disk_truncate (disk, "000.seg", 10);
    s_expect_refused (disk, TXC_ECORRUPT, "fake/000.seg is damaged at offset 0");
    txc_fake_disk_destroy (&disk);
}

static void test_other_version (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = s_ten();
    txc_fake_disk_bytes (disk, "000.seg", NULL)[8] = 9;
    txc_fake_disk_settle (disk);
    s_expect_refused (disk, TXC_EVERSION, "fake/000.seg has log format 9");
    txc_fake_disk_destroy (&disk);
}

/* Fills segments until the log has a good number of them, all needed. */
static txc_fake_disk_t *s_many_segments (void)
{
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_store_t *store = s_must_open (disk);
    s_append (store, 100, true);
    assert_int_equal (txc_store_close (&store), TXC_OK);
    return disk;
}

static void test_missing_segment (void **state)
{
    (void) state;
    static const char *const names[] = {"000.seg", "001.seg", "002.seg"};
    for (int i = 0; i < 3; i++) {
        txc_fake_disk_t *disk = s_many_segments();
        txc_disk_t *table = txc_fake_disk_table (disk);
        assert_int_equal (table->remove (table, names[i]), 0);
        txc_fake_disk_settle (disk);
        s_expect_refused (disk, TXC_ECORRUPT, "is damaged at offset");
        txc_fake_disk_destroy (&disk);
    }
}

/* The one with the last entries, behind which the reserve shows that there was one: no torn tail. */
static void test_missing_last_segment (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_store_t *store = s_must_open (disk);
    s_append (store, 100, true);
    while (txc_store_prepare (store, false) == TXC_PENDING)
        continue;
    assert_int_equal (txc_store_close (&store), TXC_OK);
    txc_disk_t *table = txc_fake_disk_table (disk);
    assert_non_null (txc_fake_disk_bytes (disk, "004.seg", NULL));
    assert_int_equal (table->remove (table, "003.seg"), 0);
    txc_fake_disk_settle (disk);
    s_expect_refused (disk, TXC_ECORRUPT, "a segment is missing between fake/002.seg and 004.seg");
    txc_fake_disk_destroy (&disk);
}

/* A segment of another log, or the copy of one. */
static void test_foreign_segment (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = s_many_segments();
    txc_segment_header_t header;
    uint8_t *bytes = txc_fake_disk_bytes (disk, "001.seg", NULL);
    assert_int_equal (txc_segment_header_decode (bytes, &header), TXC_OK);
    header.lap = 1;
    txc_segment_header_encode (&header, bytes);
    txc_fake_disk_settle (disk);
    s_expect_refused (disk, TXC_ECORRUPT, "have the same lap 1");
    header.lap = 2;
    header.id = 77;
    txc_segment_header_encode (&header, txc_fake_disk_bytes (disk, "001.seg", NULL));
    txc_fake_disk_settle (disk);
    s_expect_refused (disk, TXC_ECORRUPT, "001.seg belongs to another log");
    txc_fake_disk_destroy (&disk);
}

static void s_cut (txc_store_t *store)
{
    assert_int_equal (txc_store_checkpoint (store, 1, NULL, 0, txc_store_next (store)), TXC_OK);
    assert_int_equal (txc_store_checkpoint_step (store), TXC_OK);
    assert_int_equal (txc_store_sync (store), TXC_OK);
    assert_false (txc_store_is_checkpointing (store));
}

/* Many laps through few files: what an earlier lap left is never read, though it lies where the next group
 * will. */
static void test_earlier_laps (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_store_t *store = s_must_open (disk);
    uint64_t keep = 1;
    for (int i = 0; i < 400; i++) {
        s_append (store, 1 + i % 5, true);
        if (i % 10 == 0) {
            keep = txc_store_next (store);
            s_cut (store);
        }
        uint64_t next = txc_store_next (store);
        txc_store_abandon (&store);
        txc_fake_disk_crash (disk, (uint64_t) i);
        store = s_must_open (disk);
        s_range_t range = s_replay (store);
        assert_int_equal (txc_store_next (store), next);
        assert_int_equal (range.count, next - keep);
        assert_true (range.count == 0 || (range.first == keep && range.last == next - 1));
    }
    txc_log_stats_t stats;
    txc_store_stats (store, &stats);
    assert_true (stats.segments <= 3);
    txc_store_abandon (&store);
    txc_fake_disk_destroy (&disk);
}

/* Damage in what a checkpoint has made superfluous is no reason to refuse the log. */
static void test_damage_before_the_checkpoint (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = txc_fake_disk_new();
    txc_store_t *store = s_must_open (disk);
    s_append (store, 10, true);
    s_cut (store);
    s_append (store, 5, true);
    txc_store_abandon (&store);
    txc_fake_disk_crash (disk, 1);
    s_flip (disk, "000.seg", 5 * 4096 + 70);
    store = s_must_open (disk);
    s_range_t range = s_replay (store);
    assert_int_equal (range.first, 11);
    assert_int_equal (range.last, 15);
    txc_store_abandon (&store);
    s_flip (disk, "000.seg", 11 * 4096 + 70); /* the checkpoint */
    s_expect_refused (disk, TXC_ECORRUPT, "fake/000.seg is damaged at offset");
    txc_fake_disk_destroy (&disk);
}

/* An entry whose bytes are a copy of a group, at the begin of a block, in a group that is torn. */
static void test_entry_that_holds_a_group (void **state)
{
    (void) state;
    txc_fake_disk_t *disk = s_ten();
    txc_store_t *store = s_must_open (disk);
    static uint8_t bytes[16384];
    /* a real group, stored as an entry so that it comes to lie at the begin of a block */
    memcpy (bytes + 4096 - TXC_GROUP_HEADER - TXC_RECORD_HEADER,
            txc_fake_disk_bytes (disk, "000.seg", NULL) + 8192, 4096);
    assert_int_equal (txc_store_append (store, 1, bytes, sizeof bytes, NULL), TXC_OK);
    assert_int_equal (txc_store_write (store), TXC_OK);
    txc_store_abandon (&store);
    txc_fake_disk_kill (disk);
    s_flip (disk, "000.seg", 11 * 4096); /* its own header is torn: the reader looks into it */
    store = s_must_open (disk);
    assert_int_equal (s_replay (store).last, 10);
    txc_store_abandon (&store);
    txc_fake_disk_destroy (&disk);
}

/* Every single I/O of a life fails once, with EIO: the log stops, and nothing that was acknowledged is lost.
 */
static void test_every_io_fails_once (void **state)
{
    (void) state;
    for (uint32_t n = 1; n < 120; n++) {
        for (int kind = 0; kind < 3; kind++) {
            txc_fake_disk_t *disk = s_ten();
            txc_fake_faults_t *faults = txc_fake_disk_faults (disk);
            *(kind == 0 ? &faults->write_in : kind == 1 ? &faults->sync_in : &faults->read_in) = n;
            txc_error_t error;
            txc_store_t *store = s_open (disk, &error);
            uint64_t durable = 10;
            int rc = store ? TXC_OK : error.code;
            for (int i = 0; i < 100 && rc == TXC_OK; i++) {
                uint64_t lsn = txc_store_next (store);
                rc = txc_store_append (store, 1, &lsn, sizeof lsn, NULL);
                rc = rc == TXC_OK ? txc_store_sync (store) : rc;
                durable = rc == TXC_OK ? lsn : durable;
                rc = rc == TXC_OK ? txc_store_prepare (store, false) : rc;
                rc = rc == TXC_PENDING ? TXC_OK : rc;
            }
            assert_true (rc == TXC_OK || rc == TXC_EIO);
            if (store && rc != TXC_OK)
                assert_int_equal (txc_store_append (store, 1, "", 0, NULL), TXC_EIO);
            txc_store_abandon (&store);
            *faults = (txc_fake_faults_t){.error = 0};
            txc_fake_disk_crash (disk, n);
            store = s_must_open (disk);
            assert_true (s_replay (store).last >= durable);
            txc_store_abandon (&store);
            txc_fake_disk_destroy (&disk);
        }
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_crc),
        cmocka_unit_test (test_flipped_bit_in_the_middle),
        cmocka_unit_test (test_flipped_bit_at_the_end),
        cmocka_unit_test (test_hole_in_unforced_groups),
        cmocka_unit_test (test_wiped_is_durable),
        cmocka_unit_test (test_checkpoint_over_segments),
        cmocka_unit_test (test_replayed_is_durable),
        cmocka_unit_test (test_name_of_a_segment_that_was_found_is_durable),
        cmocka_unit_test (test_truncated_file),
        cmocka_unit_test (test_other_version),
        cmocka_unit_test (test_missing_segment),
        cmocka_unit_test (test_missing_last_segment),
        cmocka_unit_test (test_foreign_segment),
        cmocka_unit_test (test_earlier_laps),
        cmocka_unit_test (test_damage_before_the_checkpoint),
        cmocka_unit_test (test_entry_that_holds_a_group),
        cmocka_unit_test (test_every_io_fails_once),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
