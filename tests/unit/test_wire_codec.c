/* src/wire: records of the log, entries of the journal, and the header of a log's entry. */
#include "txc_test.h"

#include "wire/txc_codec.h"
#include "wire/txcoord.pb-c.h"
#include "wire_sample.h"

/* No record has the endpoint of a branch's agent. */
static void s_branch (txc_branch_ref_t *branch)
{
    wire_sample_branch (branch);
    memset (branch->endpoint, 0, sizeof branch->endpoint);
}

static void s_record (txc_rec_t *record, txc_rec_type_t type)
{
    memset (record, 0, sizeof *record); /* the whole is compared, with its padding */
    record->type = (uint8_t) type;
    record->heur = (uint8_t) txc_test_below (TXC_HEUR_HAZARD + 1);
    record->count = txc_test_below (TXC_BRANCHES_MAX + 1);
    wire_sample_epoch (&record->epoch);
    record->time_ms = wire_sample_u64();
    record->clock = wire_sample_u64();
    record->cluster = wire_sample_u64() | 1;
    record->nonce = wire_sample_u64();
    record->session = wire_sample_u64() | 1;
    record->low = wire_sample_u64();
    record->token = wire_sample_u64();
    wire_sample_gtrid (&record->gtrid);
    record->guard = (txc_guard_t){.slot = wire_sample_u64(), .digest = wire_sample_u64()};
    wire_sample_name (record->rm);
    wire_sample_name (record->agent);
    wire_sample_text (record->text, TXC_TEXT_MAX);
    record->n_branches = type == TXC_REC_VOTE || type == TXC_REC_INTENT
                             ? 1 + txc_test_below (TXC_BRANCHES_MAX)
                             : txc_test_below (TXC_BRANCHES_MAX + 1);
    for (uint32_t i = 0; i < record->n_branches; i++)
        s_branch (&record->branches[i]);
    record->vote = (uint8_t) txc_test_below (TXC_VOTE_NO_NOT_FINAL + 1);
    record->number = wire_sample_u64() | 1;
    record->n_members = 1 + txc_test_below (TXC_REPLICAS_MAX);
    for (uint32_t i = 0; i < record->n_members; i++)
        wire_sample_member (&record->members[i]);
}

static void s_entry (txc_jrec_t *entry, txc_journal_kind_t kind)
{
    memset (entry, 0, sizeof *entry);
    entry->kind = (uint8_t) kind;
    entry->heur = (uint8_t) txc_test_below (TXC_HEUR_HAZARD + 1);
    entry->code = (int32_t) wire_sample_u64();
    entry->cluster = wire_sample_u64();
    entry->token = wire_sample_u64();
    wire_sample_epoch (&entry->epoch);
    wire_sample_gtrid (&entry->gtrid);
    entry->guard = (txc_guard_t){.slot = wire_sample_u64(), .digest = wire_sample_u64()};
    wire_sample_name (entry->rm);
    wire_sample_text (entry->text, TXC_EVIDENCE_MAX);
    entry->vote = (uint8_t) txc_test_below (TXC_VOTE_NO_NOT_FINAL + 1);
    entry->flags = (uint32_t) wire_sample_u64();
    entry->number = wire_sample_u64();
    entry->attempt = wire_sample_u64();
    entry->n_branches = txc_test_below (TXC_BRANCHES_MAX + 1);
    for (uint32_t i = 0; i < entry->n_branches; i++) { /* members: their agents' endpoints, no evidence */
        wire_sample_branch (&entry->branches[i]);
        memset (entry->branches[i].evidence, 0, sizeof entry->branches[i].evidence);
        entry->branches[i].vote_epoch = (txc_epoch_t){0, 0};
        entry->branches[i].vote = 0;
        entry->branches[i].count = 0;
    }
}

static void s_records_survive_the_round_trip (void **state)
{
    (void) state;
    uint8_t bytes[TXC_RECORD_MAX];
    for (txc_rec_type_t type = 1; type < TXC_REC_TYPES; type++) {
        for (int i = 0; i < 200; i++) {
            txc_rec_t record, back;
            s_record (&record, type);
            memset (&back, 0x55, sizeof back);
            size_t size = txc_record_codec.encode (&record, bytes);
            assert_true (size > 0 && size <= TXC_RECORD_MAX);
            assert_true (txc_record_codec.decode (bytes, size, &back));
            assert_memory_equal (&record, &back, offsetof (txc_rec_t, branches));
            assert_memory_equal (record.branches, back.branches, record.n_branches * sizeof *record.branches);
            assert_memory_equal (record.members, back.members, record.n_members * sizeof *record.members);
        }
    }
}

static void s_entries_survive_the_round_trip (void **state)
{
    (void) state;
    uint8_t bytes[TXC_RECORD_MAX];
    for (txc_journal_kind_t kind = 1; kind < TXC_JOURNAL_KINDS; kind++) {
        for (int i = 0; i < 200; i++) {
            txc_jrec_t entry, back;
            s_entry (&entry, kind);
            memset (&back, 0x55, sizeof back);
            size_t size = txc_journal_codec.encode (&entry, bytes);
            assert_true (size > 0 && size <= TXC_RECORD_MAX);
            assert_true (txc_journal_codec.decode (bytes, size, &back));
            assert_memory_equal (&entry, &back, offsetof (txc_jrec_t, branches));
            assert_memory_equal (entry.branches, back.branches, entry.n_branches * sizeof *entry.branches);
        }
    }
}

/* The digests of all replicas are taken over these bytes. */
static void s_equal_records_have_equal_bytes (void **state)
{
    (void) state;
    uint8_t a[TXC_RECORD_MAX], b[TXC_RECORD_MAX];
    for (int i = 0; i < 200; i++) {
        txc_rec_t record, copy;
        s_record (&record, TXC_REC_COMMIT);
        if (i % 2)
            record.epoch = (txc_epoch_t){0};
        memset (&copy, 0xff, sizeof copy); /* other bytes in its padding */
        copy.type = record.type;
        copy.heur = record.heur;
        copy.count = record.count;
        copy.n_branches = record.n_branches;
        copy.n_members = record.n_members;
        for (uint32_t k = 0; k < record.n_members; k++) {
            copy.members[k].id = record.members[k].id;
            copy.members[k].disk = record.members[k].disk;
            memcpy (copy.members[k].endpoint, record.members[k].endpoint, sizeof copy.members[k].endpoint);
        }
        copy.epoch.round = record.epoch.round;
        copy.epoch.replica = record.epoch.replica;
        copy.time_ms = record.time_ms;
        copy.clock = record.clock;
        copy.cluster = record.cluster;
        copy.nonce = record.nonce;
        copy.session = record.session;
        copy.low = record.low;
        copy.token = record.token;
        copy.vote = record.vote;
        copy.number = record.number;
        copy.gtrid.cluster = record.gtrid.cluster;
        copy.gtrid.session = record.gtrid.session;
        copy.gtrid.n = record.gtrid.n;
        copy.gtrid.mode = record.gtrid.mode;
        copy.guard = record.guard;
        strcpy (copy.rm, record.rm);
        strcpy (copy.agent, record.agent);
        strcpy (copy.text, record.text);
        memcpy (copy.branches, record.branches, sizeof copy.branches);
        size_t size = txc_record_codec.encode (&record, a);
        assert_int_equal (txc_record_codec.encode (&copy, b), size);
        assert_memory_equal (a, b, size);
    }
}

/* The bytes of one record, so that logs of earlier versions stay readable. */
static void s_the_format_does_not_change (void **state)
{
    (void) state;
    static const uint8_t expected[] = {
        0x0a, 0x10, 0x09, 0x2e, 0x9c, 0x3a, 0x7f, 0,    0,
        0,    0,    0x10, 0xd2, 0x09, 0x18, 0x07, 0x20, 0x70, /* gtrid */
        0x22, 0x04, 0x08, 0x03, 0x10, 0x01,                   /* epoch */
        0x60, 0x07,                                           /* END */
        0x70, 0x80, 0x01,                                     /* time */
    };
    txc_rec_t record = {.type = TXC_REC_END,
                        .gtrid = {.cluster = 0x7f3a9c2e, .session = 0x4d2, .n = 7, .mode = TXC_MODE_2PC},
                        .epoch = {.round = 3, .replica = 1},
                        .time_ms = 128};
    uint8_t bytes[TXC_RECORD_MAX];
    assert_int_equal (txc_record_codec.encode (&record, bytes), sizeof expected);
    assert_memory_equal (bytes, expected, sizeof expected);
}

static void s_incomplete_records_are_refused (void **state)
{
    (void) state;
    uint8_t bytes[TXC_RECORD_MAX];
    txc_rec_t record;
    for (int type = 0; type <= TXC_REC_TYPES; type++) {
        Txcoord__Record wire = TXCOORD__RECORD__INIT;
        wire.type = (Txcoord__RecordType) type;
        size_t size = txcoord__record__pack (&wire, bytes);
        assert_int_equal (txc_record_codec.decode (bytes, size, &record),
                          type == TXC_REC_BARRIER || type == TXC_REC_SESSION_OPEN || type == TXC_REC_NOOP);
    }
    txc_jrec_t entry;
    for (int kind = 0; kind <= TXC_JOURNAL_KINDS; kind++) {
        Txcoord__JournalEntry wire = TXCOORD__JOURNAL_ENTRY__INIT;
        wire.kind = (Txcoord__JournalKind) kind;
        size_t size = txcoord__journal_entry__pack (&wire, bytes);
        assert_int_equal (txc_journal_codec.decode (bytes, size, &entry),
                          (kind >= TXC_JOURNAL_EPOCH && kind <= TXC_JOURNAL_LATCH) ||
                              kind == TXC_JOURNAL_BIRTH);
    }
}

/* Decodes a copy of exactly that size. */
static bool s_decode (const uint8_t *bytes, size_t size, bool journal)
{
    uint8_t *copy = malloc (size ? size : 1);
    txc_rec_t record;
    txc_jrec_t entry;
    if (size)
        memcpy (copy, bytes, size);
    bool good = journal ? txc_journal_codec.decode (copy, size, &entry)
                        : txc_record_codec.decode (copy, size, &record);
    uint8_t again[TXC_RECORD_MAX];
    if (good) /* what is believed can be written again */
        assert_true (journal ? txc_journal_codec.encode (&entry, again)
                             : txc_record_codec.encode (&record, again));
    free (copy);
    return good;
}

static void s_damaged_records_are_survived (void **state)
{
    (void) state;
    uint8_t bytes[TXC_RECORD_MAX];
    for (int journal = 0; journal <= 1; journal++) {
        for (unsigned type = 1; type < (journal ? (unsigned) TXC_JOURNAL_KINDS : (unsigned) TXC_REC_TYPES);
             type++) {
            txc_rec_t record;
            txc_jrec_t entry;
            s_record (&record, (txc_rec_type_t) (type < TXC_REC_TYPES ? type : 1));
            s_entry (&entry, (txc_journal_kind_t) (type < TXC_JOURNAL_KINDS ? type : 1));
            if (record.n_branches > 2)
                record.n_branches = 2;
            if (entry.n_branches > 2)
                entry.n_branches = 2;
            size_t size =
                journal ? txc_journal_codec.encode (&entry, bytes) : txc_record_codec.encode (&record, bytes);
            for (size_t cut = 0; cut < size; cut++)
                s_decode (bytes, cut, journal);
            for (size_t bit = 0; bit < size * 8; bit++) {
                bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
                s_decode (bytes, size, journal);
                bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
            }
        }
    }
    for (int i = 0; i < 50000; i++) {
        size_t size = txc_test_below (300);
        for (size_t j = 0; j < size; j++)
            bytes[j] = (uint8_t) txc_test_random();
        s_decode (bytes, size, i % 2);
    }
    static uint8_t large[TXC_RECORD_MAX + 1];
    assert_false (s_decode (large, sizeof large, false));
    assert_false (s_decode (large, 0, false));
}

static void s_entry_header_survives_the_round_trip (void **state)
{
    (void) state;
    static const uint8_t expected[] = {3, 5, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 2,  1,
                                       0, 0, 0,    0,    0,    0,    4,    3,    0,    0,    'v'};
    uint8_t bytes[TXC_ENTRY_MAX], value[] = "v";
    txc_entry_t entry = {.form = TXC_ENTRY_LEARNED,
                         .kind = TXC_REC_COMMIT,
                         .slot = 0x1122334455667788,
                         .epoch = {.round = 0x102, .replica = 0x304},
                         .bytes = value,
                         .size = 1},
                back;
    assert_int_equal (txc_entry_pack (&entry, bytes), sizeof expected);
    assert_memory_equal (bytes, expected, sizeof expected);
    assert_true (txc_entry_unpack (bytes, sizeof expected, &back));
    assert_true (back.slot == 0x1122334455667788);
    assert_int_equal (txc_epoch_compare (entry.epoch, back.epoch), 0);
    assert_int_equal (back.form, TXC_ENTRY_LEARNED);
    assert_int_equal (back.kind, TXC_REC_COMMIT);
    assert_int_equal (back.size, 1);
    assert_memory_equal (back.bytes, "v", 1);

    entry.size = 0;
    assert_int_equal (txc_entry_pack (&entry, bytes), TXC_ENTRY_HEADER);
    assert_true (txc_entry_unpack (bytes, TXC_ENTRY_HEADER, &back));
    assert_int_equal (back.size, 0);
    for (size_t cut = 0; cut < TXC_ENTRY_HEADER; cut++)
        assert_false (txc_entry_unpack (bytes, cut, &back));
    assert_false (txc_entry_unpack (bytes, TXC_ENTRY_MAX + 1, &back));
    bytes[0] = TXC_ENTRY_FORMS;
    assert_false (txc_entry_unpack (bytes, TXC_ENTRY_HEADER, &back));
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_records_survive_the_round_trip),
        cmocka_unit_test (s_entries_survive_the_round_trip),
        cmocka_unit_test (s_equal_records_have_equal_bytes),
        cmocka_unit_test (s_the_format_does_not_change),
        cmocka_unit_test (s_incomplete_records_are_refused),
        cmocka_unit_test (s_damaged_records_are_survived),
        cmocka_unit_test (s_entry_header_survives_the_round_trip),
    };
    return cmocka_run_group_tests_name ("wire codec", tests, NULL, NULL);
}
