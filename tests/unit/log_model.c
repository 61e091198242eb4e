#include "log_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/txc_id.h"

size_t model_entry (const model_t *self, uint64_t lsn, uint8_t *bytes)
{
    uint64_t state = txc_mix64 (lsn * 0x10001 + self->generation[lsn % MODEL_ENTRIES] + self->seed);
    uint64_t shape = txc_random_next (&state);
    size_t size = (size_t) (shape >> 8) % (shape % 16 == 0 ? self->entry_max + 1 : 300);
    size = size > self->entry_max ? self->entry_max : size;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = txc_random_next (&state);
        memcpy (bytes + i, &word, size - i < 8 ? size - i : 8);
    }
    return size;
}

uint8_t *model_snapshot (const model_t *self, uint64_t keep, size_t size)
{
    uint64_t state = txc_mix64 (keep ^ self->seed);
    uint8_t *bytes = malloc (size + 8);
    assert_non_null (bytes);
    memcpy (bytes, &keep, sizeof keep < size ? sizeof keep : size);
    for (size_t i = 8; i < size; i++)
        bytes[i] = (uint8_t) txc_random_next (&state);
    return bytes;
}

void model_appended (model_t *self, uint64_t lsn)
{
    assert_int_equal (lsn, self->next);
    assert_true (lsn < MODEL_ENTRIES);
    self->generation[lsn] = self->now;
    self->next++;
}

typedef struct s_check {
    model_t *model;
    uint64_t next; /* LSN expected next; 0: the first call tells */
    uint64_t keep; /* of the checkpoint seen; 0: none */
} s_check_t;

static int s_visit (void *arg, uint64_t lsn, uint32_t kind, const void *bytes, size_t size)
{
    s_check_t *check = arg;
    if (kind == MODEL_SNAPSHOT) {
        assert_int_equal (check->next, 0);
        uint8_t *expected = model_snapshot (check->model, lsn, size);
        assert_memory_equal (bytes, expected, size);
        free (expected);
        check->keep = check->next = lsn;
        return 0;
    }
    uint8_t expected[TXC_LOG_ENTRY_MAX];
    if (check->next == 0)
        check->next = lsn;
    assert_int_equal (lsn, check->next);
    assert_true (lsn < check->model->next);
    assert_int_equal (kind, lsn % 7);
    assert_int_equal (size, model_entry (check->model, lsn, expected));
    assert_memory_equal (bytes, expected, size);
    check->next++;
    return 0;
}

void model_check (model_t *self, txc_store_t *store, uint64_t floor)
{
    txc_error_t error;
    s_check_t check = {.model = self};
    int rc = txc_store_replay (store, s_visit, &check, &error);
    if (rc != TXC_OK)
        fail_msg ("replay: %s", error.text);
    uint64_t next = txc_store_next (store);
    uint64_t keep = txc_store_keep (store);
    if (check.next == 0)
        assert_int_equal (next, keep); /* nothing at all was visited */
    else
        assert_int_equal (check.next, next);
    if (check.keep)
        assert_int_equal (check.keep, keep);
    assert_true (next <= self->next);
    assert_true (next > floor);
    assert_true (keep == self->keep || keep == self->keep_wanted);
    assert_int_equal (txc_store_durable (store), next - 1);
    self->next = next;
    self->durable = self->readable = next - 1;
    self->keep = self->keep_wanted = keep;
    self->now++;
}
