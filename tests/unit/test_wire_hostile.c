/* src/wire: whatever a peer sends, nothing crashes, nothing unsound is believed, and memory stays in
 * proportion. */
#include "txc_test.h"

#include "base/txc_version.h"
#include "wire/txc_arena.h"
#include "wire/txc_frame.h"
#include "wire/txc_rows.h"
#include "wire/txc_statement.h"
#include "wire/txcoord.pb-c.h"
#include "wire_sample.h"

/* --- the heap, watched --------------------------------------------------------- */

void *__real_malloc (size_t size);
void *__real_realloc (void *memory, size_t size);
void *__wrap_malloc (size_t size);
void *__wrap_realloc (void *memory, size_t size);

static size_t s_asked;                 /* bytes asked for since it was set to 0 */
static size_t s_calls_left = SIZE_MAX; /* calls that succeed from now on */

static bool s_heap_gives (size_t size)
{
    if (s_calls_left == 0)
        return false;
    if (s_calls_left != SIZE_MAX)
        s_calls_left--;
    s_asked += size;
    return true;
}

void *__wrap_malloc (size_t size)
{
    return s_heap_gives (size) ? __real_malloc (size) : NULL;
}

void *__wrap_realloc (void *memory, size_t size)
{
    return s_heap_gives (size) ? __real_realloc (memory, size) : NULL;
}

/* --- reading what may be anything ------------------------------------------------ */

typedef struct harness {
    txc_frame_reader_t *reader;
    txc_frame_t *again;
    size_t visited, accepted, refused;
} harness_t;

static harness_t *s_harness;

static int s_setup (void **state)
{
    (void) state;
    s_harness = calloc (1, sizeof *s_harness);
    s_harness->reader = txc_frame_reader_new();
    s_harness->again = txc_frame_new();
    return 0;
}

static int s_teardown (void **state)
{
    (void) state;
    txc_frame_reader_destroy (&s_harness->reader);
    txc_frame_destroy (&s_harness->again);
    free (s_harness);
    return 0;
}

/* Whatever was believed must be sound: core and the next hop would take it. */
static void s_visit (void *arg, const txc_msg_t *message)
{
    (void) arg;
    s_harness->visited++;
    txc_frame_reset (s_harness->again);
    assert_int_equal (txc_frame_add (s_harness->again, message), TXC_OK);
}

/* Reads a copy of exactly that size, so that a sanitizer sees one byte too many. */
static int s_read (const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc (size ? size : 1);
    if (size)
        memcpy (copy, bytes, size);
    s_harness->visited = s_asked = 0;
    int rc = txc_frame_reader_read (s_harness->reader, copy, size, s_visit, NULL);
    assert_true (rc == TXC_OK || rc == TXC_EPROTO || rc == TXC_EVERSION || rc == TXC_ELIMIT);
    assert_true (rc == TXC_OK || s_harness->visited == 0);
    *(rc == TXC_OK ? &s_harness->accepted : &s_harness->refused) += 1;
    free (copy);
    return rc;
}

/* A frame with one random message; *size_p bytes, the caller's. */
static uint8_t *s_valid (txc_msg_type_t type, size_t *size_p)
{
    wire_sample_t *sample = malloc (sizeof *sample);
    txc_frame_t *frame = txc_frame_new();
    wire_sample_fill (sample, type);
    if (sample->message.body && txc_blob_size (sample->message.body) > 200) {
        txc_blob_destroy (&sample->message.body);
        sample->message.body = txc_blob_new ("body", 4);
    }
    if (sample->message.n_branches > 3)
        sample->message.n_branches = 3;
    if (sample->message.n_entries > 3)
        sample->message.n_entries = 3;
    assert_int_equal (txc_frame_add (frame, &sample->message), TXC_OK);
    const void *bytes = txc_frame_data (frame, size_p);
    uint8_t *copy = malloc (*size_p);
    memcpy (copy, bytes, *size_p);
    txc_frame_destroy (&frame);
    wire_sample_fini (sample);
    free (sample);
    return copy;
}

/* --- malformed frames --------------------------------------------------------------- */

static void s_every_truncation_is_refused (void **state)
{
    (void) state;
    for (txc_msg_type_t type = 1; type < TXC_MSG_TYPES; type++) {
        for (int i = 0; i < 5; i++) {
            size_t size;
            uint8_t *bytes = s_valid (type, &size);
            assert_int_equal (s_read (bytes, size), TXC_OK);
            for (size_t cut = 0; cut < size; cut++) {
                int rc = s_read (bytes, cut);
                /* What is left of two bytes is a frame without messages. */
                assert_true (cut == 2 ? rc == TXC_OK && s_harness->visited == 0 : rc != TXC_OK);
            }
            free (bytes);
        }
    }
}

static void s_every_flipped_bit_is_survived (void **state)
{
    (void) state;
    for (txc_msg_type_t type = 1; type < TXC_MSG_TYPES; type++) {
        for (int i = 0; i < 3; i++) {
            size_t size;
            uint8_t *bytes = s_valid (type, &size);
            for (size_t bit = 0; bit < size * 8; bit++) {
                bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
                s_read (bytes, size);
                bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
            }
            free (bytes);
        }
    }
    assert_true (s_harness->accepted > 1000 && s_harness->refused > 1000);
}

/* Pieces of right frames, cut, repeated and overwritten: deeper into the decoder than random bytes reach. */
static void s_spliced_frames_are_survived (void **state)
{
    (void) state;
    for (int i = 0; i < 20000; i++) {
        size_t size, other_size;
        uint8_t *bytes = s_valid ((txc_msg_type_t) (1 + txc_test_below (TXC_MSG_TYPES - 1)), &size);
        uint8_t *other = s_valid ((txc_msg_type_t) (1 + txc_test_below (TXC_MSG_TYPES - 1)), &other_size);
        uint8_t *spliced = malloc (size + other_size);
        size_t head = txc_test_below ((uint32_t) size + 1), tail = txc_test_below ((uint32_t) other_size + 1);
        memcpy (spliced, bytes, head);
        memcpy (spliced + head, other + other_size - tail, tail);
        for (unsigned changes = txc_test_below (4); changes > 0 && head + tail > 0; changes--)
            spliced[txc_test_below ((uint32_t) (head + tail))] = (uint8_t) txc_test_random();
        s_read (spliced, head + tail);
        free (spliced);
        free (other);
        free (bytes);
    }
}

static void s_random_bytes_are_survived (void **state)
{
    (void) state;
    uint8_t bytes[600];
    for (int i = 0; i < 50000; i++) {
        size_t size = txc_test_below (sizeof bytes);
        for (size_t j = 0; j < size; j++)
            bytes[j] = (uint8_t) txc_test_random();
        if (size >= 2 && txc_test_below (2)) { /* the right version, so that more than that is looked at */
            bytes[0] = 1 << 3;
            bytes[1] = TXC_VERSION_WRITES;
        }
        s_read (bytes, size);
    }
}

static void s_random_bodies_are_survived (void **state)
{
    (void) state;
    uint8_t bytes[200];
    for (int i = 0; i < 50000; i++) {
        size_t size = txc_test_below (sizeof bytes);
        for (size_t j = 0; j < size; j++)
            bytes[j] = (uint8_t) (txc_test_below (3) ? txc_test_below (32) : txc_test_random());
        uint8_t *copy = malloc (size + 1);
        memcpy (copy, bytes, size);
        txc_statement_t *statement;
        txc_rows_t *rows;
        int rc = txc_statement_unpack (copy, size, &statement);
        assert_int_equal (rc == TXC_OK, statement != NULL);
        rc = txc_rows_read (copy, size, &rows);
        assert_int_equal (rc == TXC_OK, rows != NULL);
        txc_statement_destroy (&statement);
        txc_rows_destroy (&rows);
        free (copy);
    }
}

/* --- memory ----------------------------------------------------------------------------- */

/* A frame of `count` times the same piece; `first` stands before them. */
static int s_read_repeated (const char *piece, size_t piece_size, size_t count)
{
    uint8_t *bytes = malloc (2 + piece_size * count);
    size_t size = 2;
    bytes[0] = 1 << 3;
    bytes[1] = TXC_VERSION_WRITES;
    for (size_t i = 0; i < count; i++, size += piece_size)
        memcpy (bytes + size, piece, piece_size);
    s_asked = 0;
    int rc = txc_frame_reader_read (s_harness->reader, bytes, size, s_visit, NULL);
    assert_true (s_asked <= txc_arena_budget (size) + (1 << 20));
    free (bytes);
    return rc;
}

#define REPEATED(piece, count) s_read_repeated (piece, sizeof piece - 1, count)

static void s_small_frames_get_little_memory (void **state)
{
    (void) state;
    /* Empty messages; directory requests; guards in welcomes; unknown fields, short and with a length. */
    assert_int_equal (REPEATED ("\x12\x00", 1 << 19), TXC_ELIMIT);
    assert_int_equal (REPEATED ("\x12\x02\x32\x00", 1 << 18), TXC_ELIMIT);
    assert_int_equal (REPEATED ("\x12\x02\x32\x00", TXC_FRAME_MESSAGES_MAX), TXC_OK);
    assert_int_equal (REPEATED ("\x12\x02\x32\x00", TXC_FRAME_MESSAGES_MAX + 1), TXC_ELIMIT);
    assert_int_equal (REPEATED ("\x18\x01", 1 << 20), TXC_ELIMIT);
    assert_int_equal (REPEATED ("\x1a\x00", 1 << 20), TXC_ELIMIT);
    assert_int_equal (REPEATED ("\x18\x01", 100), TXC_OK);
    /* The version, over and over: the last one counts. */
    assert_int_equal (REPEATED ("\x08\x01", 1000), TXC_OK);
    assert_true (txc_arena_budget (0) <= 256 << 10);
    assert_true (txc_arena_budget (TXC_FRAME_MAX) <= 160 << 20);
}

/* Repeats a piece inside of one message of a kind, with the right lengths around it. */
static int s_read_inside (unsigned kind, const char *piece, size_t piece_size, size_t count)
{
    ProtobufCMessageUnknownField field = {
        .tag = kind, .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, .len = 0, .data = NULL};
    size_t inner = piece_size * count;
    field.data = malloc (inner + 8);
    size_t rest = inner;
    do { /* its length as a varint */
        field.data[field.len++] = (uint8_t) (rest >= 0x80 ? rest | 0x80 : rest);
        rest >>= 7;
    } while (rest);
    for (size_t i = 0; i < count; i++, field.len += piece_size)
        memcpy (field.data + field.len, piece, piece_size);

    Txcoord__Frame frame = TXCOORD__FRAME__INIT;
    Txcoord__Message message = TXCOORD__MESSAGE__INIT, *messages[] = {&message};
    frame.version = TXC_VERSION_WRITES;
    frame.messages = messages;
    frame.n_messages = 1;
    message.base.unknown_fields = &field;
    message.base.n_unknown_fields = 1;
    size_t size = txcoord__frame__get_packed_size (&frame);
    uint8_t *bytes = malloc (size);
    txcoord__frame__pack (&frame, bytes);
    s_asked = 0;
    int rc = txc_frame_reader_read (s_harness->reader, bytes, size, s_visit, NULL);
    assert_true (s_asked <= txc_arena_budget (size) + (1 << 20));
    free (bytes);
    free (field.data);
    return rc;
}

#define INSIDE(kind, piece, count) s_read_inside (TXC_MSG_##kind, piece, sizeof piece - 1, count)

static void s_large_lists_get_little_memory (void **state)
{
    (void) state;
    assert_int_equal (INSIDE (COMMIT, "\x82\x01\x00", 1), TXC_EPROTO); /* no gtrid */
    assert_int_equal (INSIDE (DIRECTORY_REPLY, "\x8a\x01\x03\x12\x01r", 2), TXC_OK);
    assert_int_equal (INSIDE (DIRECTORY_REPLY, "\x8a\x01\x00", 2), TXC_EPROTO); /* no name */
    assert_int_equal (INSIDE (DIRECTORY_REPLY, "\x8a\x01\x00", 1 << 20), TXC_ELIMIT);
    assert_int_equal (INSIDE (COMMIT, "\x82\x01\x00", 1 << 20), TXC_ELIMIT);
    assert_int_equal (INSIDE (SESSION_OPEN, "\x18\x01", 1 << 20), TXC_ELIMIT); /* unknown fields */
    assert_int_equal (INSIDE (VOTE, "\x12\x01r", 1 << 20), TXC_ELIMIT); /* one field, again and again */
}

static void s_results_get_memory_in_proportion (void **state)
{
    (void) state;
    enum { SIZE = 1 << 20 };
    /* A Result of a million NULLs in one column; then the same number of columns. */
    uint8_t *bytes = calloc (1, SIZE + 64);
    static const uint8_t head[] = {0x08, 1, 0x12, 0, 0x1a, 0x84, 0x80, 0x40, 0x0a, 0x80, 0x80, 0x40};
    memcpy (bytes, head, sizeof head);
    txc_rows_t *rows;
    s_asked = 0;
    assert_int_equal (txc_rows_read (bytes, sizeof head + SIZE, &rows), TXC_OK);
    assert_int_equal (txc_rows_count (rows), SIZE);
    assert_null (txc_rows_value (rows, SIZE - 1, 0, NULL));
    assert_true (s_asked < 8 * SIZE);
    txc_rows_destroy (&rows);

    bytes[0] = 0x08;
    bytes[1] = 1;
    for (size_t i = 2; i < SIZE; i += 2) {
        bytes[i] = 0x12;
        bytes[i + 1] = 0;
    }
    s_asked = 0;
    assert_int_equal (txc_rows_read (bytes, SIZE, &rows), TXC_ELIMIT);
    assert_null (rows);
    assert_true (s_asked < 8 * SIZE);
    free (bytes);
}

/* protobuf-c must give up in good order at whichever allocation the budget ends. */
static void s_every_budget_is_survived (void **state)
{
    (void) state;
    size_t done = 0;
    for (txc_msg_type_t type = 1; type < TXC_MSG_TYPES; type++) {
        size_t size;
        uint8_t *bytes = s_valid (type, &size);
        for (size_t room = 0; room <= 8192; room += 16) {
            txc_arena_t arena;
            uint8_t *memory = malloc (room ? room : 1);
            txc_arena_init (&arena, memory, room);
            if (txcoord__frame__unpack (&arena.allocator, size, bytes))
                done++;
            else
                assert_int_equal (txc_arena_why (&arena), TXC_ELIMIT);
            txc_arena_fini (&arena);
            free (memory);
        }
        free (bytes);
    }
    assert_true (done > 0);
}

static void s_count (void *arg, const txc_msg_t *message)
{
    (void) message;
    (*(size_t *) arg)++;
}

static void s_out_of_memory_is_an_answer (void **state)
{
    (void) state;
    /* Large enough for the heap, with a body and statements and results of their own. */
    txc_msg_t message = {.type = TXC_MSG_ADMIN, .body = txc_blob_new (NULL, 300000)};
    memset (txc_blob_edit (message.body), ' ', 300000);
    txc_frame_t *frame = txc_frame_new();
    s_calls_left = 0;
    int rc = txc_frame_add (frame, &message);
    s_calls_left = SIZE_MAX;
    assert_int_equal (rc, TXC_ENOMEM);
    assert_int_equal (txc_frame_count (frame), 0);
    assert_int_equal (txc_frame_add (frame, &message), TXC_OK);

    size_t size;
    const void *bytes = txc_frame_data (frame, &size);
    rc = TXC_ENOMEM;
    for (size_t calls = 0; rc != TXC_OK; calls++) {
        size_t visited = 0;
        s_calls_left = calls;
        rc = txc_frame_reader_read (s_harness->reader, bytes, size, s_count, &visited);
        s_calls_left = SIZE_MAX;
        assert_int_equal (rc, visited ? TXC_OK : TXC_ENOMEM);
        assert_true (calls < 100);
    }
    txc_frame_destroy (&frame);
    txc_blob_destroy (&message.body);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (s_every_truncation_is_refused, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_every_flipped_bit_is_survived, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_spliced_frames_are_survived, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_random_bytes_are_survived, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_random_bodies_are_survived, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_small_frames_get_little_memory, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_large_lists_get_little_memory, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_results_get_memory_in_proportion, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_every_budget_is_survived, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_out_of_memory_is_an_answer, s_setup, s_teardown),
    };
    return cmocka_run_group_tests_name ("wire hostile", tests, NULL, NULL);
}
