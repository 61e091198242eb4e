/*
 * test_log_store.c - the engine of the log over a disk that forgets and tears what was not forced.
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

#include "base/txc_id.h"
#include "log_model.h"
#include "txc_fake_disk.h"

static const txc_store_options_t s_options = {.segment_size = 131072, .max_segments = 6, .new_id = 0x1234};

typedef struct s_world {
    txc_fake_disk_t *disk;
    txc_store_t *store;
    model_t model;
    uint64_t state;
    uint8_t *snapshot;
    uint64_t crashes, kills, cuts, lows;
} s_world_t;

static uint64_t s_random (s_world_t *world, uint64_t below)
{
    return txc_random_next (&world->state) % below;
}

static void s_open (s_world_t *world, uint64_t floor)
{
    txc_error_t error;
    world->store = txc_store_open (txc_fake_disk_table (world->disk), &s_options, &error);
    if (!world->store)
        fail_msg ("open: %s", error.text);
    /* The log's thread makes a segment ready before it replays: the oldest may be gone by then. */
    while (s_random (world, 2) == 0 && txc_store_prepare (world->store, true) == TXC_PENDING)
        continue;
    model_check (&world->model, world->store, floor);
}

static s_world_t *s_world_new (uint64_t seed)
{
    s_world_t *world = calloc (1, sizeof *world);
    assert_non_null (world);
    world->disk = txc_fake_disk_new();
    world->state = txc_mix64 (seed);
    world->model = (model_t){.seed = seed, .next = 1, .keep = 1, .keep_wanted = 1, .entry_max = 6000};
    s_open (world, 0);
    return world;
}

static void s_world_destroy (s_world_t *world)
{
    txc_store_abandon (&world->store);
    txc_fake_disk_destroy (&world->disk);
    free (world->snapshot);
    free (world);
}

static void s_append (s_world_t *world)
{
    uint8_t bytes[TXC_LOG_ENTRY_MAX];
    model_t *model = &world->model;
    uint64_t lsn = model->next;
    if (txc_store_free_bytes (world->store) < 65536) {
        world->lows++;
        return;
    }
    model->generation[lsn] = model->now;
    size_t size = model_entry (model, lsn, bytes);
    assert_int_equal (txc_store_append (world->store, (uint32_t) (lsn % 7), bytes, size, &lsn), TXC_OK);
    model_appended (model, lsn);
}

static void s_begin_checkpoint (s_world_t *world)
{
    model_t *model = &world->model;
    if (txc_store_is_checkpointing (world->store))
        return;
    uint64_t back = s_random (world, 30), keep = model->next > back ? model->next - back : 1;
    size_t size = s_random (world, 4) == 0 ? 0 : (size_t) s_random (world, 100000) + 8;
    keep = keep < model->keep ? model->keep : keep;
    free (world->snapshot);
    world->snapshot = model_snapshot (model, keep, size);
    assert_int_equal (txc_store_checkpoint (world->store, MODEL_SNAPSHOT, world->snapshot, size, keep),
                      TXC_OK);
    model->keep_wanted = keep;
}

static void s_synced (s_world_t *world, uint64_t lsn)
{
    model_t *model = &world->model;
    model->durable = lsn;
    model->readable = lsn > model->readable ? lsn : model->readable;
    assert_int_equal (txc_store_durable (world->store), model->durable);
    if (model->keep != txc_store_keep (world->store)) {
        assert_int_equal (txc_store_keep (world->store), model->keep_wanted);
        model->keep = model->keep_wanted;
        world->cuts++;
    }
}

/* A sync as the log's thread does it: entries, groups and pieces of a checkpoint come in while it is under
 * way. */
static void s_split_sync (s_world_t *world)
{
    txc_store_ticket_t ticket;
    model_t *model = &world->model;
    assert_int_equal (txc_store_sync_begin (world->store, &ticket), TXC_OK);
    assert_int_equal (ticket.lsn, model->next - 1);
    model->readable = model->next - 1;
    int forced = txc_store_force (txc_fake_disk_table (world->disk), &ticket);
    for (uint64_t i = s_random (world, 10); i > 0; i--) {
        s_append (world);
        int rc = txc_store_checkpoint_step (world->store);
        assert_true (rc == TXC_OK || rc == TXC_ENOSPACE);
    }
    if (s_random (world, 2) == 0) {
        assert_int_equal (txc_store_write (world->store), TXC_OK);
        model->readable = model->next - 1;
    }
    assert_int_equal (txc_store_sync_end (world->store, &ticket, forced), TXC_OK);
    s_synced (world, ticket.lsn);
}

static void s_restart (s_world_t *world)
{
    uint64_t what = s_random (world, 8), floor = world->model.durable;
    if (what == 0) {
        assert_int_equal (txc_store_close (&world->store), TXC_OK);
        floor = world->model.next - 1;
    } else {
        txc_store_abandon (&world->store);
    }
    if (what == 1) {
        txc_fake_disk_kill (world->disk);
        floor = world->model.readable;
        world->kills++;
    } else {
        txc_fake_disk_crash (world->disk, s_random (world, UINT64_MAX));
        world->crashes++;
    }
    s_open (world, floor);
}

static void s_step (s_world_t *world)
{
    uint64_t what = s_random (world, 100);
    if (what < 50) {
        s_append (world);
    } else if (what < 65) {
        assert_int_equal (txc_store_write (world->store), TXC_OK);
        world->model.readable = world->model.next - 1;
    } else if (what < 72) {
        s_split_sync (world);
    } else if (what < 83) {
        assert_int_equal (txc_store_sync (world->store), TXC_OK);
        s_synced (world, world->model.next - 1);
    } else if (what < 90) {
        int rc = txc_store_prepare (world->store, true);
        assert_true (rc == TXC_OK || rc == TXC_PENDING);
    } else if (what < 93) {
        s_begin_checkpoint (world);
    } else if (what < 98) {
        int rc = txc_store_checkpoint_step (world->store);
        assert_true (rc == TXC_OK || rc == TXC_ENOSPACE);
    } else {
        s_restart (world);
    }
}

/* Everything acknowledged is replayed, in order, nothing is invented, whatever was lost or torn. */
static void test_crashes_at_random (void **state)
{
    (void) state;
    uint64_t crashes = 0, kills = 0, cuts = 0, lows = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        s_world_t *world = s_world_new (seed);
        for (int i = 0; i < 2000; i++)
            s_step (world);
        crashes += world->crashes;
        kills += world->kills;
        cuts += world->cuts;
        lows += world->lows;
        s_world_destroy (world);
    }
    print_message ("%d crashes, %d kills, %d cuts, %d times low\n", (int) crashes, (int) kills, (int) cuts,
                   (int) lows);
    assert_true (crashes > 2000 && kills > 200 && cuts > 500);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_crashes_at_random),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
