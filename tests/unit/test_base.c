/* src/base: ids, epochs, digests, tables, lists, blobs, codes, memory. */
#include "txc_test.h"

#include <setjmp.h>

#include "base/txc_assert.h"
#include "base/txc_blob.h"
#include "base/txc_codes.h"
#include "base/txc_hash.h"
#include "base/txc_id.h"
#include "base/txc_list.h"
#include "base/txc_mem.h"

/* --- ids ----------------------------------------------------------------- */

static void s_gtrid_has_one_spelling (void **state)
{
    (void) state;
    char text[TXC_GTRID_MAX + 1];
    txc_gtrid_t gtrid = {.cluster = 0x7f3a9c2e, .session = 0x4d2, .n = 0x1a2b, .mode = TXC_MODE_2PC}, back;
    assert_string_equal (txc_gtrid_format (&gtrid, text), "txc-000000007f3a9c2e.4d2.1a2bp");
    assert_true (txc_gtrid_parse (text, strlen (text), &back));
    assert_true (txc_gtrid_equal (&gtrid, &back));

    static const char *const foreign[] = {
        "",
        "txc-",
        "txc-000000007f3a9c2e",
        "txc-000000007f3a9c2e.4d2",
        "txc-000000007f3a9c2e.4d2.1a2b",
        "txc-000000007f3a9c2e.4d2.1a2bx",
        "txc-000000007f3a9c2e.4d2.1a2bpp",
        "txc-000000007f3a9c2e.4d2.1a2bp ",
        "txc-000000007f3a9c2e.04d2.1a2bp",
        "txc-000000007f3a9c2e.4d2.01a2bp",
        "txc-000000007f3a9c2e.0.1a2bp",
        "txc-000000007f3a9c2e.4d2.0p",
        "txc-000000007F3A9C2E.4d2.1a2bp",
        "txc-7f3a9c2e.4d2.1a2bp",
        "txc-0000000000000000.4d2.1a2bp",
        "txc-000000007f3a9c2e.4d2..1a2bp",
        "txc-000000007f3a9c2e..1a2bp",
        "txc-000000007f3a9c2e.11111111111111111.1a2bp",
        "TXC-000000007f3a9c2e.4d2.1a2bp",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_false (txc_gtrid_parse (foreign[i], strlen (foreign[i]), &back));
}

static void s_gtrid_survives_the_round_trip (void **state)
{
    (void) state;
    for (int i = 0; i < 20000; i++) {
        char text[TXC_GTRID_MAX + 1];
        unsigned shift = txc_test_below (64);
        txc_gtrid_t gtrid = {.cluster = txc_test_random() | 1,
                             .session = (txc_test_random() >> shift) | 1,
                             .n = (txc_test_random() >> (63 - shift)) | 1,
                             .mode = (uint8_t) (TXC_MODE_2PC + txc_test_below (3))},
                    back;
        size_t size = strlen (txc_gtrid_format (&gtrid, text));
        assert_true (size <= 55);
        assert_true (txc_gtrid_parse (text, size, &back));
        assert_true (txc_gtrid_equal (&gtrid, &back));
        for (size_t cut = 0; cut < size; cut++)
            assert_false (txc_gtrid_parse (text, cut, &back));
    }
}

/* What a database lists may be anything: only what our own format prints is ours. */
static void s_gtrid_of_random_text_is_foreign_or_exact (void **state)
{
    (void) state;
    static const char letters[] = "txc-0123456789abcdef.pqrsX";
    for (int i = 0; i < 50000; i++) {
        char text[TXC_GTRID_MAX + 1] = "txc-0000000000000001.1.1p", again[TXC_GTRID_MAX + 1];
        size_t size = strlen (text);
        for (unsigned changes = 1 + txc_test_below (3); changes > 0; changes--)
            text[txc_test_below ((uint32_t) size)] = letters[txc_test_below (sizeof letters - 1)];
        txc_gtrid_t gtrid;
        if (txc_gtrid_parse (text, size, &gtrid))
            assert_string_equal (txc_gtrid_format (&gtrid, again), text);
    }
}

static void s_gtrids_of_one_session_differ (void **state)
{
    (void) state;
    txc_gtrid_t a = {.cluster = 1, .session = 2, .n = 3, .mode = TXC_MODE_2PC}, b = a, none = {0};
    assert_true (txc_gtrid_equal (&a, &b));
    assert_false (txc_gtrid_is_none (&a));
    assert_true (txc_gtrid_is_none (&none));
    b.n++;
    assert_false (txc_gtrid_equal (&a, &b));
    assert_true (txc_gtrid_hash (&a) != txc_gtrid_hash (&b));
    b = a;
    b.session++;
    assert_false (txc_gtrid_equal (&a, &b));
    b = a;
    b.cluster++;
    assert_false (txc_gtrid_equal (&a, &b));
    b = a;
    b.mode++;
    assert_false (txc_gtrid_equal (&a, &b));
}

static void s_modes_have_names_and_letters (void **state)
{
    (void) state;
    static const struct {
        const char *name;
        char letter;
    } modes[] = {{"2pc", 'p'}, {"3pc", 'q'}, {"paxos", 'r'}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char text[TXC_GTRID_MAX + 1];
        txc_gtrid_t gtrid = {.cluster = 1, .session = 2, .n = 3, .mode = (uint8_t) modes[i].letter};
        assert_int_equal (txc_mode_of_name (modes[i].name), modes[i].letter);
        assert_string_equal (txc_mode_name ((unsigned) modes[i].letter), modes[i].name);
        txc_gtrid_format (&gtrid, text);
        assert_int_equal (text[strlen (text) - 1], modes[i].letter);
    }
    assert_int_equal (txc_mode_of_name (NULL), TXC_MODE_2PC);
    assert_int_equal (txc_mode_of_name ("1pc"), 0);
    assert_int_equal (txc_mode_of_name (""), 0);
    assert_string_equal (txc_mode_name ('s'), "?");
    assert_true (txc_mode_is_served (TXC_MODE_2PC));
    assert_false (txc_mode_is_served ('s'));
    assert_false (txc_mode_is_served (0));
}

static void s_bqual_names_rm_and_token (void **state)
{
    (void) state;
    char text[TXC_BQUAL_MAX + 1], rm[TXC_RM_NAME_MAX + 1];
    uint64_t token;
    assert_string_equal (txc_bqual_format ("bank_pg", 0xdeadbeef, text), "bank_pg.00000000deadbeef");
    assert_true (txc_bqual_parse (text, strlen (text), rm, &token));
    assert_string_equal (rm, "bank_pg");
    assert_int_equal (token, 0xdeadbeef);

    static const char *const foreign[] = {
        "",
        ".00000000deadbeef",
        "bank_pg",
        "bank_pg.",
        "bank_pg.deadbeef",
        "bank_pg.0000000000000000",
        "bank_pg.00000000DEADBEEF",
        "bank_pg-00000000deadbeef",
        "Bank.00000000deadbeef",
        "bank pg.00000000deadbeef",
        "bank.pg.00000000deadbeef",
        "a23456789012345678901234567890123.00000000deadbeef",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_false (txc_bqual_parse (foreign[i], strlen (foreign[i]), rm, &token));

    char longest[TXC_RM_NAME_MAX + 1];
    memset (longest, 'z', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_true (strlen (txc_bqual_format (longest, UINT64_MAX, text)) <= TXC_BQUAL_MAX);
    assert_true (txc_bqual_parse (text, strlen (text), rm, &token));
    assert_string_equal (rm, longest);
    assert_true (token == UINT64_MAX);
}

static void s_names_are_of_few_letters (void **state)
{
    (void) state;
    assert_true (txc_name_is_valid ("a"));
    assert_true (txc_name_is_valid ("bank_pg-2"));
    assert_true (txc_name_is_valid ("a234567890123456789012345678901"));
    assert_false (txc_name_is_valid (""));
    assert_false (txc_name_is_valid ("a2345678901234567890123456789012"));
    assert_false (txc_name_is_valid ("Bank"));
    assert_false (txc_name_is_valid ("bank.pg"));
    assert_false (txc_name_is_valid ("bank pg"));
    assert_false (txc_name_is_valid ("b\xc3\xa4nk"));
}

static void s_epochs_are_ordered_by_round_then_replica (void **state)
{
    (void) state;
    txc_epoch_t low = {.round = 1, .replica = 9}, high = {.round = 2, .replica = 1},
                peer = {.round = 2, .replica = 2};
    assert_int_equal (txc_epoch_compare (low, high), -1);
    assert_int_equal (txc_epoch_compare (high, low), 1);
    assert_int_equal (txc_epoch_compare (high, peer), -1);
    assert_int_equal (txc_epoch_compare (peer, high), 1);
    assert_int_equal (txc_epoch_compare (peer, peer), 0);
}

/* The numbers are part of what is stored and of what seeds replay: they never change. */
static void s_drawn_numbers_and_digests_are_fixed (void **state)
{
    (void) state;
    uint64_t seed = 0;
    assert_true (txc_random_next (&seed) == 0xe220a8397b1dcdafu);
    assert_true (txc_random_next (&seed) == 0x6e789e6aa1b965f4u);
    assert_true (txc_digest64 (0, "", 0) == 0xcbf29ce484222325u);
    assert_true (txc_digest64 (0, "a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true (txc_digest64 (0, "foobar", 6) == 0x85944171f73967e8u);
    assert_true (txc_digest64 (1, "a", 1) != txc_digest64 (2, "a", 1));
}

/* --- containers ------------------------------------------------------------ */

typedef struct item {
    txc_hash_node_t node;
    txc_list_t link;
    uint64_t key;
    bool seen;
} item_t;

#define ITEM(pointer, member) TXC_CONTAINER (pointer, item_t, member)

static item_t *s_find (const txc_hash_t *table, uint64_t key, uint64_t hash)
{
    for (txc_hash_node_t *node = txc_hash_first (table, hash); node; node = txc_hash_next (node))
        if (ITEM (node, node)->key == key)
            return ITEM (node, node);
    return NULL;
}

static size_t s_see_all (const txc_hash_t *table)
{
    size_t seen = 0;
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (table, &cursor); node;
         node = txc_hash_step (table, &cursor)) {
        assert_false (ITEM (node, node)->seen);
        ITEM (node, node)->seen = true;
        seen++;
    }
    return seen;
}

static void s_table_finds_what_was_added (void **state)
{
    (void) state;
    enum { ITEMS = 5000 };
    item_t *items = calloc (ITEMS, sizeof *items);
    txc_hash_t table;
    txc_hash_init (&table);
    for (uint64_t i = 0; i < ITEMS; i++) {
        items[i].key = i;
        txc_hash_add (&table, &items[i].node, txc_mix64 (i / 2)); /* pairs with one hash */
    }
    assert_int_equal (table.count, ITEMS);
    for (uint64_t i = 0; i < ITEMS; i++)
        assert_ptr_equal (s_find (&table, i, txc_mix64 (i / 2)), &items[i]);
    assert_null (s_find (&table, ITEMS, txc_mix64 (ITEMS)));
    assert_int_equal (s_see_all (&table), ITEMS);

    for (uint64_t i = 0; i < ITEMS; i += 3)
        txc_hash_remove (&table, &items[i].node);
    for (uint64_t i = 0; i < ITEMS; i++) {
        assert_ptr_equal (s_find (&table, i, txc_mix64 (i / 2)), i % 3 ? &items[i] : NULL);
        items[i].seen = false;
    }
    assert_int_equal (s_see_all (&table), table.count);

    /* A walk may remove what it stands on. */
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&table, &cursor); node;
         node = txc_hash_step (&table, &cursor))
        txc_hash_remove (&table, node);
    assert_int_equal (table.count, 0);
    assert_null (txc_hash_begin (&table, &cursor));
    txc_hash_fini (&table);
    free (items);
}

static void s_list_keeps_order (void **state)
{
    (void) state;
    item_t items[5] = {0};
    txc_list_t list;
    txc_list_init (&list);
    assert_true (txc_list_is_empty (&list));
    assert_null (txc_list_pop (&list));
    for (uint64_t i = 0; i < 5; i++) {
        items[i].key = i;
        txc_list_append (&list, &items[i].link);
    }
    txc_list_remove (&items[2].link);
    txc_list_remove (&items[2].link); /* on no list: nothing happens */
    uint64_t expected[] = {0, 1, 3, 4}, at = 0;
    TXC_LIST_EACH (&list, node)
    {
        assert_int_equal (ITEM (node, link)->key, expected[at++]);
        if (at == 2)
            txc_list_remove (node);
    }
    assert_int_equal (at, 4);
    assert_ptr_equal (txc_list_pop (&list), &items[0].link);
    assert_ptr_equal (txc_list_pop (&list), &items[3].link);
    assert_ptr_equal (txc_list_pop (&list), &items[4].link);
    assert_true (txc_list_is_empty (&list));
}

/* --- blobs, codes, texts, assertions ----------------------------------------- */

static void s_blob_lives_as_long_as_its_references (void **state)
{
    (void) state;
    txc_blob_t *blob = txc_blob_new ("abc", 3), *other = txc_blob_ref (blob), *none = NULL;
    assert_int_equal (txc_blob_size (blob), 3);
    txc_blob_destroy (&blob);
    assert_null (blob);
    assert_memory_equal (txc_blob_data (other), "abc", 3);
    txc_blob_destroy (&other);
    txc_blob_destroy (&none);
    assert_null (txc_blob_ref (NULL));
    assert_int_equal (txc_blob_size (NULL), 0);
    assert_null (txc_blob_new (NULL, SIZE_MAX));

    blob = txc_blob_new (NULL, 2);
    memcpy (txc_blob_edit (blob), "xy", 2);
    assert_memory_equal (txc_blob_data (blob), "xy", 2);
    txc_blob_destroy (&blob);
    blob = txc_blob_new (NULL, 0);
    assert_int_equal (txc_blob_size (blob), 0);
    txc_blob_destroy (&blob);
}

static void s_codes_have_name_and_text (void **state)
{
    (void) state;
    assert_string_equal (txc_code_name (TXC_ETIMEDOUT), "TXC_ETIMEDOUT");
    assert_string_equal (txc_code_name (12345), "TXC_?");
    assert_string_equal (txc_strerror (12345), "unknown code");
#define CODE_CHECK(name, value, text)                                                                        \
    assert_int_equal (name, value);                                                                          \
    assert_string_equal (txc_code_name (value), #name);                                                      \
    assert_string_equal (txc_strerror (value), text);
    TXC_CODE_MAP (CODE_CHECK)
#undef CODE_CHECK
    assert_int_equal (TXC_EPERM, -30); /* numbers travel and are stored: they never change */
}

static void s_text_is_cut_to_its_room (void **state)
{
    (void) state;
    char room[4] = "zzz";
    txc_copy_text (room, sizeof room, NULL);
    assert_string_equal (room, "");
    txc_copy_text (room, sizeof room, "ab");
    assert_string_equal (room, "ab");
    txc_copy_text (room, sizeof room, "abcdef");
    assert_string_equal (room, "abc");
}

static jmp_buf s_jump;
static char s_message[512];

static void s_catch (const char *message)
{
    txc_copy_text (s_message, sizeof s_message, message);
    longjmp (s_jump, 1);
}

static void s_edit_a_shared_blob (txc_blob_t *blob)
{
    txc_assert_set_handler (s_catch);
    if (setjmp (s_jump) == 0)
        txc_blob_edit (blob);
    txc_assert_set_handler (NULL);
}

/* Release builds too: a blob that is shared must not change. */
static void s_assertions_stay_on (void **state)
{
    (void) state;
    txc_blob_t *blob = txc_blob_new ("abc", 3), *other = txc_blob_ref (blob);
    s_message[0] = '\0';
    s_edit_a_shared_blob (blob);
    assert_non_null (strstr (s_message, "assertion failed"));
    assert_non_null (strstr (s_message, "references"));
    txc_blob_destroy (&other);
    txc_blob_destroy (&blob);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_gtrid_has_one_spelling),
        cmocka_unit_test (s_gtrid_survives_the_round_trip),
        cmocka_unit_test (s_gtrid_of_random_text_is_foreign_or_exact),
        cmocka_unit_test (s_gtrids_of_one_session_differ),
        cmocka_unit_test (s_modes_have_names_and_letters),
        cmocka_unit_test (s_bqual_names_rm_and_token),
        cmocka_unit_test (s_names_are_of_few_letters),
        cmocka_unit_test (s_epochs_are_ordered_by_round_then_replica),
        cmocka_unit_test (s_drawn_numbers_and_digests_are_fixed),
        cmocka_unit_test (s_table_finds_what_was_added),
        cmocka_unit_test (s_list_keeps_order),
        cmocka_unit_test (s_blob_lives_as_long_as_its_references),
        cmocka_unit_test (s_codes_have_name_and_text),
        cmocka_unit_test (s_text_is_cut_to_its_room),
        cmocka_unit_test (s_assertions_stay_on),
    };
    return cmocka_run_group_tests_name ("base", tests, NULL, NULL);
}
