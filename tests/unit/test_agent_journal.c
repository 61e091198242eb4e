/*
 * test_agent_journal.c - an agent's journal on a disk that is full.
 */
#include "config.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/txc_log_impl.h"
#include "txagent/txc_jfile.h"
#include "txc_fake_disk.h"
#include "wire/txc_codec.h"

enum { SEGMENT = 131072 };

static const txc_log_options_t s_options = {.segment_size = SEGMENT, .max_segments = 64, .lazy_ms = 5};

typedef struct s_fixture {
    txc_fake_disk_t *disk;
    txc_jfile_t *journal;
    txc_agent_t *agent;
    txc_update_t update;
    uint64_t slot;
} s_fixture_t;

static void s_open (s_fixture_t *f, uint64_t capacity)
{
    txc_error_t error;
    f->slot = 0;
    f->disk = txc_fake_disk_new();
    txc_fake_disk_set_capacity (f->disk, capacity);
    txc_log_t *log = txc_log_open_on (txc_fake_disk_table (f->disk), &s_options, &error);
    if (!log)
        fail_msg ("%s", error.text);
    f->journal = txc_jfile_new (log, &s_options);
    txc_agent_config_t config = {.name = "agent", .incarnation = 7, .seed = 7, .codec = &txc_journal_codec};
    f->agent = txc_agent_new (&config);
    txc_update_init (&f->update);
}

static void s_close (s_fixture_t *f)
{
    txc_jfile_close (&f->journal);
    txc_agent_destroy (&f->agent);
    txc_update_fini (&f->update);
    txc_fake_disk_destroy (&f->disk);
}

/* An entry, and behind it what the agent's loop does in each round.  (The agent itself has nothing that is
 * live: the entries are those of branches that are over.) */
static void s_put (s_fixture_t *f)
{
    uint8_t bytes[100] = {0};
    struct pollfd fd = {.fd = txc_jfile_fd (f->journal), .events = POLLIN};
    txc_entry_t entry = {.kind = TXC_JOURNAL_COMMITTING,
                         .slot = ++f->slot,
                         .forced = true,
                         .size = sizeof bytes,
                         .bytes = bytes};
    txc_jfile_put (f->journal, &entry);
    txc_jfile_flush (f->journal);
    while (txc_jfile_durable (f->journal) < f->slot)
        assert_int_equal (poll (&fd, 1, 30000), 1);
    txc_jfile_tidy (f->journal, f->agent, &f->update);
}

/* There is no room for as many segments as it may have: it is tidied in those that there are, and the agent
 * does not end for want of space that nothing live takes. */
static void test_a_full_disk_is_no_reason_to_end (void **state)
{
    (void) state;
    s_fixture_t f;
    s_open (&f, 3 * SEGMENT + SEGMENT / 2);
    for (int i = 0; i < 20 * SEGMENT / 4096; i++) /* each takes a block */
        s_put (&f);
    txc_log_stats_t stats;
    txc_jfile_stats (f.journal, &stats);
    assert_int_equal (stats.segments, 3);
    assert_true (stats.checkpoints > 5);
    s_close (&f);
}

/* With room it grows to a quarter of what it may take before it is tidied. */
static void test_it_grows_where_there_is_room (void **state)
{
    (void) state;
    s_fixture_t f;
    s_open (&f, 0);
    for (int i = 0; i < 15 * SEGMENT / 4096; i++)
        s_put (&f);
    txc_log_stats_t stats;
    txc_jfile_stats (f.journal, &stats);
    assert_int_equal (stats.checkpoints, 0);
    s_close (&f);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_a_full_disk_is_no_reason_to_end),
        cmocka_unit_test (test_it_grows_where_there_is_room),
    };
    return cmocka_run_group_tests_name ("agent journal", tests, NULL, NULL);
}
