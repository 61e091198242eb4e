/* src/wire: every message comes out of a frame as it went in, within its bounds. */
#include "txc_test.h"

#include "base/txc_version.h"
#include "wire/txc_frame.h"
#include "wire/txcoord.pb-c.h"
#include "wire_sample.h"

/* --- what goes in comes out --------------------------------------------------- */

typedef struct expected {
    const wire_sample_t *samples;
    size_t count;
} expected_t;

static void s_compare (void *arg, const txc_msg_t *message)
{
    expected_t *expected = arg;
    wire_sample_assert_equal (message, &expected->samples[expected->count++].message);
}

static void s_every_type_survives_the_round_trip (void **state)
{
    (void) state;
    txc_frame_t *frame = txc_frame_new();
    txc_frame_reader_t *reader = txc_frame_reader_new();
    wire_sample_t *sample = malloc (sizeof *sample);
    for (txc_msg_type_t type = 1; type < TXC_MSG_TYPES; type++) {
        for (int i = 0; i < 300; i++) {
            wire_sample_fill (sample, type);
            txc_frame_reset (frame);
            assert_int_equal (txc_frame_add (frame, &sample->message), TXC_OK);
            size_t size;
            const void *bytes = txc_frame_data (frame, &size);
            expected_t expected = {.samples = sample};
            assert_int_equal (txc_frame_reader_read (reader, bytes, size, s_compare, &expected), TXC_OK);
            assert_int_equal (expected.count, 1);
            wire_sample_fini (sample);
        }
    }
    free (sample);
    txc_frame_reader_destroy (&reader);
    txc_frame_destroy (&frame);
}

static void s_frame_keeps_the_order_of_messages (void **state)
{
    (void) state;
    enum { MESSAGES = 200 };
    txc_frame_t *frame = txc_frame_new();
    wire_sample_t *samples = malloc (MESSAGES * sizeof *samples);
    size_t count = 0;
    for (; count < MESSAGES; count++) {
        wire_sample_fill (&samples[count], (txc_msg_type_t) (1 + txc_test_below (TXC_MSG_TYPES - 1)));
        int rc = txc_frame_add (frame, &samples[count].message);
        if (rc == TXC_OK)
            continue;
        assert_int_equal (rc, TXC_ELIMIT);
        wire_sample_fini (&samples[count]);
        break;
    }
    assert_true (count > 20);
    assert_int_equal (txc_frame_count (frame), count);
    size_t size;
    const void *bytes = txc_frame_data (frame, &size);
    assert_true (size <= TXC_FRAME_BATCH_MAX);
    expected_t expected = {.samples = samples};
    assert_int_equal (txc_frame_read (bytes, size, s_compare, &expected), TXC_OK);
    assert_int_equal (expected.count, count);
    for (size_t i = 0; i < count; i++)
        wire_sample_fini (&samples[i]);
    free (samples);
    txc_frame_destroy (&frame);
}

static void s_keep_body (void *arg, const txc_msg_t *message)
{
    *(txc_blob_t **) arg = txc_blob_ref (message->body);
}

static void s_body_outlives_the_visit (void **state)
{
    (void) state;
    txc_frame_t *frame = txc_frame_new();
    txc_msg_t message = {.type = TXC_MSG_ADMIN, .body = txc_blob_new ("status", 6)};
    assert_int_equal (txc_frame_add (frame, &message), TXC_OK);
    txc_blob_destroy (&message.body);
    size_t size;
    const void *bytes = txc_frame_data (frame, &size);
    txc_blob_t *kept = NULL;
    assert_int_equal (txc_frame_read (bytes, size, s_keep_body, &kept), TXC_OK);
    txc_frame_destroy (&frame);
    assert_int_equal (txc_blob_size (kept), 6);
    assert_memory_equal (txc_blob_data (kept), "status", 6);
    txc_blob_destroy (&kept);
}

/* --- limits of a frame ----------------------------------------------------------- */

static void s_count (void *arg, const txc_msg_t *message)
{
    (void) message;
    (*(size_t *) arg)++;
}

static size_t s_read_count (txc_frame_t *frame)
{
    size_t size, count = 0;
    const void *bytes = txc_frame_data (frame, &size);
    assert_int_equal (txc_frame_read (bytes, size, s_count, &count), TXC_OK);
    return count;
}

/* Whatever a frame takes its reader must be able to read: the smallest messages ask for the most memory per
 * byte. */
static void s_full_frames_can_be_read (void **state)
{
    (void) state;
    txc_frame_t *frame = txc_frame_new();
    wire_sample_t *sample = malloc (sizeof *sample);
    for (txc_msg_type_t type = 1; type < TXC_MSG_TYPES; type++) {
        size_t count = 0;
        memset (sample, 0, sizeof *sample);
        sample->message.type = (uint8_t) type;
        sample->message.gtrid = (txc_gtrid_t){1, 1, 1, TXC_MODE_2PC};
        memcpy (sample->message.rm, "r", 2);
        memcpy (sample->message.agent, "a", 2);
        sample->message.replica = 1;
        sample->message.work = 2;
        txc_frame_reset (frame);
        while (txc_frame_add (frame, &sample->message) == TXC_OK)
            count++;
        assert_int_equal (count, TXC_FRAME_MESSAGES_MAX);
        assert_int_equal (s_read_count (frame), count);

        wire_sample_fill (sample, type);
        txc_frame_reset (frame);
        for (count = 0; txc_frame_add (frame, &sample->message) == TXC_OK;)
            count++;
        assert_true (count >= 2);
        assert_int_equal (s_read_count (frame), count);
        wire_sample_fini (sample);
    }
    free (sample);
    txc_frame_destroy (&frame);
}

static void s_frame_of_the_largest_body_can_be_read (void **state)
{
    (void) state;
    txc_frame_t *frame = txc_frame_new();
    wire_sample_t *sample = malloc (sizeof *sample);
    wire_sample_fill (sample, TXC_MSG_EXEC_REPLY);
    txc_blob_destroy (&sample->message.body);
    sample->message.body = txc_blob_new (NULL, TXC_BODY_MAX);
    memset (txc_blob_edit (sample->message.body), 'x', TXC_BODY_MAX);
    assert_int_equal (txc_frame_add (frame, &sample->message), TXC_OK);
    assert_int_equal (s_read_count (frame), 1);
    assert_int_equal (txc_frame_add (frame, &sample->message), TXC_ELIMIT);
    assert_int_equal (txc_frame_count (frame), 1);

    txc_blob_destroy (&sample->message.body);
    sample->message.body = txc_blob_new (NULL, TXC_BODY_MAX + 1);
    memset (txc_blob_edit (sample->message.body), 'x', TXC_BODY_MAX + 1);
    txc_frame_reset (frame);
    assert_int_equal (txc_frame_add (frame, &sample->message), TXC_EINVAL);
    assert_int_equal (txc_frame_count (frame), 0);
    wire_sample_fini (sample);
    free (sample);
    txc_frame_destroy (&frame);
}

static void s_frame_of_the_whole_directory_can_be_read (void **state)
{
    (void) state;
    enum { ENTRIES = TXC_AGENTS_MAX * TXC_RMS_MAX };
    txc_rm_entry_t *entries = calloc (ENTRIES, sizeof *entries);
    for (size_t i = 0; i < ENTRIES; i++) {
        memcpy (entries[i].rm, "r", 2);
        memcpy (entries[i].agent, "a", 2);
        memcpy (entries[i].endpoint, "ipc://a", 8);
    }
    txc_msg_t message = {.type = TXC_MSG_DIRECTORY_REPLY, .entries = entries, .n_entries = ENTRIES};
    txc_frame_t *frame = txc_frame_new();
    assert_int_equal (txc_frame_add (frame, &message), TXC_OK);
    assert_int_equal (s_read_count (frame), 1);
    txc_frame_destroy (&frame);
    free (entries);
}

static void s_too_large_frame_is_refused_unread (void **state)
{
    (void) state;
    static const uint8_t one[1];
    size_t count = 0;
    assert_int_equal (txc_frame_read (one, (size_t) TXC_FRAME_MAX + 1, s_count, &count), TXC_ELIMIT);
    assert_int_equal (count, 0);
}

/* --- bounds of the fields ---------------------------------------------------------- */

/* A Vote, an Exec and a Commit that are right, in protobuf-c's own structures, for tests to spoil. */
typedef struct wire {
    Txcoord__Frame frame;
    Txcoord__Message messages[4], *message_p[4];
    Txcoord__Gtrid gtrid;
    Txcoord__Error error;
    Txcoord__VoteCast vote;
    Txcoord__Exec exec;
    Txcoord__Commit commit;
    Txcoord__DirectoryReply directory;
    Txcoord__BranchRef branch, *branch_p[TXC_BRANCHES_MAX + 1];
    Txcoord__RmEntry entry, *entry_p[TXC_AGENTS_MAX * TXC_RMS_MAX + 1];
} wire_t;

static ProtobufCBinaryData s_bytes (const char *text)
{
    return (ProtobufCBinaryData){.len = strlen (text), .data = (uint8_t *) (uintptr_t) text};
}

static void s_wire_init (wire_t *wire)
{
    txcoord__frame__init (&wire->frame);
    txcoord__gtrid__init (&wire->gtrid);
    txcoord__error__init (&wire->error);
    txcoord__vote_cast__init (&wire->vote);
    txcoord__exec__init (&wire->exec);
    txcoord__commit__init (&wire->commit);
    txcoord__directory_reply__init (&wire->directory);
    txcoord__branch_ref__init (&wire->branch);
    txcoord__rm_entry__init (&wire->entry);
    wire->gtrid.cluster = wire->gtrid.session = wire->gtrid.n = 1;
    wire->gtrid.mode = TXCOORD__MODE__MODE_2PC;
    wire->vote.gtrid = wire->exec.gtrid = wire->commit.gtrid = &wire->gtrid;
    wire->vote.rm = wire->exec.rm = wire->branch.rm = wire->entry.rm = s_bytes ("bank");
    wire->vote.error = &wire->error;
    wire->entry.agent = s_bytes ("agent");
    wire->entry.endpoint = s_bytes ("ipc://a");
    wire->commit.branches = wire->branch_p;
    wire->commit.n_branches = 2;
    wire->directory.entries = wire->entry_p;
    wire->directory.n_entries = 2;
    for (size_t i = 0; i < sizeof wire->branch_p / sizeof *wire->branch_p; i++)
        wire->branch_p[i] = &wire->branch;
    for (size_t i = 0; i < sizeof wire->entry_p / sizeof *wire->entry_p; i++)
        wire->entry_p[i] = &wire->entry;
    for (size_t i = 0; i < 4; i++) {
        txcoord__message__init (&wire->messages[i]);
        wire->message_p[i] = &wire->messages[i];
    }
    wire->messages[0].kind_case = TXCOORD__MESSAGE__KIND_EXEC;
    wire->messages[0].exec = &wire->exec;
    wire->messages[1].kind_case = TXCOORD__MESSAGE__KIND_COMMIT;
    wire->messages[1].commit = &wire->commit;
    wire->messages[2].kind_case = TXCOORD__MESSAGE__KIND_DIRECTORY_REPLY;
    wire->messages[2].directory_reply = &wire->directory;
    wire->messages[3].kind_case = TXCOORD__MESSAGE__KIND_VOTE;
    wire->messages[3].vote = &wire->vote;
    wire->frame.version = TXC_VERSION_WRITES;
    wire->frame.messages = wire->message_p;
    wire->frame.n_messages = 4;
}

static void s_assert_read (const wire_t *wire, int rc)
{
    size_t count = 0, size = txcoord__frame__get_packed_size (&wire->frame);
    uint8_t *bytes = malloc (size);
    txcoord__frame__pack (&wire->frame, bytes);
    assert_int_equal (txc_frame_read (bytes, size, s_count, &count), rc);
    assert_int_equal (count, rc ? 0 : wire->frame.n_messages);
    free (bytes);
}

static wire_t *s_wire;

static int s_setup (void **state)
{
    (void) state;
    s_wire = malloc (sizeof *s_wire);
    s_wire_init (s_wire);
    s_assert_read (s_wire, TXC_OK);
    return 0;
}

static int s_teardown (void **state)
{
    (void) state;
    free (s_wire);
    return 0;
}

/* One spoilt field refuses the whole frame, with none of its messages visited. */
#define SPOILT(statement, rc)                                                                                \
    do {                                                                                                     \
        s_wire_init (s_wire);                                                                                \
        statement;                                                                                           \
        s_assert_read (s_wire, rc);                                                                          \
    } while (0)

static void s_frame_of_another_version_is_refused (void **state)
{
    (void) state;
    SPOILT (s_wire->frame.version = 0, TXC_EVERSION);
    SPOILT (s_wire->frame.version = TXC_VERSION_READS + 1, TXC_EVERSION);
}

static void s_message_of_no_kind_is_refused (void **state)
{
    (void) state;
    SPOILT (s_wire->messages[1].kind_case = TXCOORD__MESSAGE__KIND__NOT_SET, TXC_EPROTO);
}

static void s_gtrid_must_be_whole (void **state)
{
    (void) state;
    SPOILT (s_wire->vote.gtrid = NULL, TXC_EPROTO);
    SPOILT (s_wire->gtrid.cluster = 0, TXC_EPROTO);
    SPOILT (s_wire->gtrid.session = 0, TXC_EPROTO);
    SPOILT (s_wire->gtrid.n = 0, TXC_EPROTO);
    SPOILT (s_wire->gtrid.mode = TXCOORD__MODE__MODE_NONE, TXC_EPROTO);
    SPOILT (s_wire->gtrid.mode = (Txcoord__Mode) 'x', TXC_EPROTO);
    SPOILT (s_wire->gtrid.mode = (Txcoord__Mode) (256 + 'p'), TXC_EPROTO);
    SPOILT (s_wire->gtrid.mode = (Txcoord__Mode) -1, TXC_EPROTO);
}

static void s_names_are_checked (void **state)
{
    (void) state;
    SPOILT (s_wire->vote.rm = s_bytes (""), TXC_EPROTO);
    SPOILT (s_wire->vote.rm = s_bytes ("Bank"), TXC_EPROTO);
    SPOILT (s_wire->vote.rm = s_bytes ("ba.nk"), TXC_EPROTO);
    SPOILT (s_wire->vote.rm = s_bytes ("b'; DROP"), TXC_EPROTO);
    SPOILT (s_wire->vote.rm = s_bytes ("a234567890123456789012345678901"), TXC_OK);
    SPOILT (s_wire->vote.rm = s_bytes ("a2345678901234567890123456789012"), TXC_EPROTO);
    SPOILT ((s_wire->vote.rm = s_bytes ("bank"), s_wire->vote.rm.len = 5), TXC_EPROTO); /* with its NUL */
    SPOILT (s_wire->branch.rm = s_bytes (""), TXC_EPROTO);
    SPOILT (s_wire->entry.rm = s_bytes ("/"), TXC_EPROTO);
    SPOILT (s_wire->entry.agent = s_bytes ("/"), TXC_EPROTO);
    SPOILT (s_wire->error.rm = s_bytes ("%n"), TXC_EPROTO);
}

static void s_texts_are_checked (void **state)
{
    (void) state;
    char text[TXC_TEXT_MAX + 2];
    memset (text, 'x', sizeof text);
    text[TXC_TEXT_MAX + 1] = '\0';
    SPOILT (s_wire->error.text = s_bytes (text), TXC_EPROTO);
    text[TXC_TEXT_MAX] = '\0';
    SPOILT (s_wire->error.text = s_bytes (text), TXC_OK);
    SPOILT ((s_wire->error.text = s_bytes (text), s_wire->error.text.len++), TXC_EPROTO);
    text[TXC_EVIDENCE_MAX + 1] = '\0';
    SPOILT (s_wire->vote.evidence = s_bytes (text), TXC_EPROTO);
    SPOILT (s_wire->branch.evidence = s_bytes (text), TXC_EPROTO);
    text[TXC_EVIDENCE_MAX] = '\0';
    SPOILT (s_wire->vote.evidence = s_bytes (text), TXC_OK);
    SPOILT (s_wire->vote.evidence = s_bytes ("a\nb"), TXC_EPROTO);
    SPOILT (s_wire->vote.evidence = s_bytes ("a\x7f"), TXC_EPROTO);
    SPOILT (s_wire->error.sqlstate = s_bytes ("40001"), TXC_OK);
    SPOILT (s_wire->error.sqlstate = s_bytes ("400010"), TXC_EPROTO);
    SPOILT (s_wire->error.sqlstate = s_bytes ("4000a"), TXC_EPROTO);
    SPOILT (s_wire->entry.endpoint = s_bytes ("tcp://h:1"), TXC_OK);
    SPOILT (s_wire->entry.endpoint = s_bytes ("tcp://h :1"), TXC_EPROTO);
    memset (text, 'x', TXC_ENDPOINT_MAX);
    text[TXC_ENDPOINT_MAX] = '\0';
    SPOILT (s_wire->entry.endpoint = s_bytes (text), TXC_OK);
    text[TXC_ENDPOINT_MAX] = 'x';
    text[TXC_ENDPOINT_MAX + 1] = '\0';
    SPOILT (s_wire->entry.endpoint = s_bytes (text), TXC_EPROTO);
}

static void s_enumerations_are_checked (void **state)
{
    (void) state;
    SPOILT (s_wire->vote.vote = TXCOORD__VOTE__VOTE_NO_NOT_FINAL, TXC_OK);
    SPOILT (s_wire->vote.vote = (Txcoord__Vote) 5, TXC_EPROTO);
    SPOILT (s_wire->vote.vote = (Txcoord__Vote) 257, TXC_EPROTO);
    SPOILT (s_wire->branch.vote = (Txcoord__Vote) -1, TXC_EPROTO);
    SPOILT (s_wire->exec.isolation = TXCOORD__ISOLATION__ISOLATION_SERIALIZABLE, TXC_OK);
    SPOILT (s_wire->exec.isolation = (Txcoord__Isolation) 4, TXC_EPROTO);
}

static void s_counts_are_checked (void **state)
{
    (void) state;
    SPOILT (s_wire->commit.n_branches = TXC_BRANCHES_MAX, TXC_OK);
    SPOILT (s_wire->commit.n_branches = TXC_BRANCHES_MAX + 1, TXC_EPROTO);
    SPOILT (s_wire->directory.n_entries = TXC_AGENTS_MAX * TXC_RMS_MAX, TXC_OK);
    SPOILT (s_wire->directory.n_entries = TXC_AGENTS_MAX * TXC_RMS_MAX + 1, TXC_EPROTO);

    uint8_t *body = malloc (TXC_STATEMENT_MAX + 1);
    memset (body, 'x', TXC_STATEMENT_MAX + 1);
    ProtobufCBinaryData data = {.len = TXC_STATEMENT_MAX, .data = body};
    SPOILT (s_wire->exec.body = data, TXC_OK);
    data.len++;
    SPOILT (s_wire->exec.body = data, TXC_EPROTO);
    free (body);
}

static void s_what_could_not_be_read_is_not_sent (void **state)
{
    (void) state;
    txc_frame_t *frame = txc_frame_new();
    txc_msg_t message = {.type = TXC_MSG_ENDED, .gtrid = {1, 1, 1, TXC_MODE_2PC}, .rm = "bank"};
    assert_int_equal (txc_frame_add (frame, &message), TXC_OK);
    message.rm[0] = 'B';
    assert_int_equal (txc_frame_add (frame, &message), TXC_EINVAL);
    message.rm[0] = 'b';
    message.gtrid.mode = 'x';
    assert_int_equal (txc_frame_add (frame, &message), TXC_EINVAL);
    message.gtrid.mode = TXC_MODE_2PC;
    message.type = TXC_MSG_NONE;
    assert_int_equal (txc_frame_add (frame, &message), TXC_EINVAL);
    message.type = TXC_MSG_TYPES;
    assert_int_equal (txc_frame_add (frame, &message), TXC_EINVAL);
    assert_int_equal (txc_frame_count (frame), 1);
    assert_int_equal (s_read_count (frame), 1);
    txc_frame_destroy (&frame);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_every_type_survives_the_round_trip),
        cmocka_unit_test (s_frame_keeps_the_order_of_messages),
        cmocka_unit_test (s_body_outlives_the_visit),
        cmocka_unit_test (s_full_frames_can_be_read),
        cmocka_unit_test (s_frame_of_the_largest_body_can_be_read),
        cmocka_unit_test (s_frame_of_the_whole_directory_can_be_read),
        cmocka_unit_test (s_too_large_frame_is_refused_unread),
        cmocka_unit_test_setup_teardown (s_frame_of_another_version_is_refused, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_message_of_no_kind_is_refused, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_gtrid_must_be_whole, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_names_are_checked, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_texts_are_checked, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_enumerations_are_checked, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_counts_are_checked, s_setup, s_teardown),
        cmocka_unit_test (s_what_could_not_be_read_is_not_sent),
    };
    return cmocka_run_group_tests_name ("wire frames", tests, NULL, NULL);
}
