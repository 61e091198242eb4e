#include "wire_sample.h"

#include "txc_test.h"

/* The fields of each message, once more and independently of src/wire: from the map in core/txc_message.h. */
static const char *const s_fields[TXC_MSG_TYPES] = {
    [TXC_MSG_SESSION_OPEN] = "nonce",
    [TXC_MSG_SESSION_OPENED] = "nonce session cluster lease_ms code epoch members",
    [TXC_MSG_SESSION_KEEPALIVE] = "session cluster low",
    [TXC_MSG_SESSION_ALIVE] = "session cluster low lease_ms code members",
    [TXC_MSG_SESSION_CLOSE] = "session cluster",
    [TXC_MSG_DIRECTORY] = "",
    [TXC_MSG_DIRECTORY_REPLY] = "entries",
    [TXC_MSG_COMMIT] = "gtrid branches low timeout_ms flags",
    [TXC_MSG_ROLLBACK] = "gtrid branches timeout_ms",
    [TXC_MSG_OUTCOME_QUERY] = "gtrid branches flags",
    [TXC_MSG_OUTCOME] = "gtrid code error low",
    [TXC_MSG_EXEC] =
        "gtrid rm token origin seq acked timeout_ms isolation flags incarnation low body evidence identity",
    [TXC_MSG_EXEC_REPLY] =
        "gtrid rm token origin seq count incarnation code error evidence vote epoch flags body",
    [TXC_MSG_BRANCH_ROLLBACK] = "gtrid rm token",
    [TXC_MSG_BRANCH_COMMIT] = "gtrid rm token count evidence",
    [TXC_MSG_BRANCH_ENDED] = "gtrid rm token code error",
    [TXC_MSG_AGENT_HELLO] = "agent incarnation entries epoch guard0 high_slot code",
    [TXC_MSG_AGENT_WELCOME] = "epoch code cluster guard0 guard1 high_slot members",
    [TXC_MSG_PREPARE] = "epoch gtrid rm token count timeout_ms branches",
    [TXC_MSG_VOTE] = "epoch gtrid rm token vote error evidence branches prior",
    [TXC_MSG_PHASE2_COMMIT] = "epoch gtrid rm token evidence high_slot",
    [TXC_MSG_PHASE2_ROLLBACK] = "epoch gtrid rm token evidence high_slot",
    [TXC_MSG_PHASE2_DONE] = "epoch gtrid rm token code heur error",
    [TXC_MSG_INQUIRY] = "epoch gtrid rm token age_ms timeout_ms flags",
    [TXC_MSG_INQUIRY_PENDING] = "epoch gtrid rm token code flags",
    [TXC_MSG_ENDED] = "epoch gtrid rm token code",
    [TXC_MSG_ADMIN] = "body",
    [TXC_MSG_ADMIN_REPLY] = "body code error",
    [TXC_MSG_NOT_LEADER] = "replica members",
    [TXC_MSG_PAXOS_PREVOTE] = "replica disk cluster settings epoch slot",
    [TXC_MSG_PAXOS_PREVOTED] = "replica disk cluster settings epoch prior code",
    [TXC_MSG_PAXOS_PREPARE] = "replica disk cluster settings epoch slot prior flags",
    [TXC_MSG_PAXOS_PROMISE] = "replica disk cluster settings epoch slot high_slot stamp low chosen_slot body",
    [TXC_MSG_PAXOS_ACCEPT] = "replica disk cluster settings epoch chosen_slot body",
    [TXC_MSG_PAXOS_ACCEPTED] = "replica disk cluster settings epoch slot high_slot chosen_slot",
    [TXC_MSG_PAXOS_REJECT] = "replica disk cluster settings epoch chosen_slot",
    [TXC_MSG_PAXOS_HEARTBEAT] = "replica disk cluster settings epoch slot chosen_slot stamp",
    [TXC_MSG_PAXOS_GRANT] = "replica disk cluster settings epoch slot chosen_slot stamp flags",
    [TXC_MSG_PAXOS_FETCH] = "replica disk cluster settings slot",
    [TXC_MSG_PAXOS_CHOSEN] = "replica disk cluster settings chosen_slot body",
    [TXC_MSG_PAXOS_SNAPSHOT_FETCH] = "replica disk cluster settings slot age_ms",
    [TXC_MSG_PAXOS_SNAPSHOT] = "replica disk cluster settings slot age_ms high_slot stamp body",
    [TXC_MSG_PAXOS_TRANSFER] = "replica disk cluster settings epoch",
    [TXC_MSG_TERMINATE] = "epoch gtrid rm token stamp slot high_slot vote flags branches",
    [TXC_MSG_MEMBER_STATE] = "epoch gtrid rm token stamp slot high_slot vote flags branches",
    [TXC_MSG_PRE_DECIDE] = "epoch gtrid rm token stamp slot high_slot vote flags branches",
    [TXC_MSG_PRE_DECIDED] = "epoch gtrid rm token stamp slot high_slot vote flags branches",
    [TXC_MSG_DECIDED] = "epoch gtrid rm token stamp slot high_slot vote flags branches",
    [TXC_MSG_PAXOS_JOIN] = "replica disk cluster settings members slot",
    [TXC_MSG_OWNER_WORK] = "gtrid rm token work flags",
    [TXC_MSG_OWNER_WORD] = "gtrid rm token work status evidence error",
    [TXC_MSG_PAXOS_VOTED] = "replica disk cluster settings epoch gtrid rm token vote evidence chosen_slot",
};

/* --- values ------------------------------------------------------------------ */

uint64_t wire_sample_u64 (void)
{
    switch (txc_test_below (4)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    default:
        return txc_test_random() >> txc_test_below (64);
    }
}

static uint32_t s_u32 (void)
{
    return (uint32_t) wire_sample_u64();
}

static void s_letters (char *text, size_t min, size_t max, const char *letters, uint32_t n_letters)
{
    size_t size = txc_test_below (4) == 0 ? max : min + txc_test_below ((uint32_t) (max - min + 1));
    for (size_t i = 0; i < size; i++)
        text[i] = letters[txc_test_below (n_letters)];
    text[size] = '\0';
}

void wire_sample_name (char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    s_letters (name, 1, TXC_RM_NAME_MAX, letters, sizeof letters - 1);
}

void wire_sample_printable (char *text, size_t max)
{
    size_t size = txc_test_below ((uint32_t) max + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = (char) (' ' + txc_test_below ('~' - ' ' + 1));
    text[size] = '\0';
}

void wire_sample_text (char *text, size_t max)
{
    size_t size = txc_test_below (4) == 0 ? max : txc_test_below ((uint32_t) max + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = (char) (1 + txc_test_below (255));
    text[size] = '\0';
}

void wire_sample_gtrid (txc_gtrid_t *gtrid)
{
    gtrid->cluster = wire_sample_u64() | 1;
    gtrid->session = wire_sample_u64() | 1;
    gtrid->n = wire_sample_u64() | 1;
    gtrid->mode = (uint8_t) (TXC_MODE_2PC + txc_test_below (3));
}

void wire_sample_epoch (txc_epoch_t *epoch)
{
    epoch->round = wire_sample_u64();
    epoch->replica = s_u32();
}

void wire_sample_branch (txc_branch_ref_t *branch)
{
    wire_sample_name (branch->rm);
    branch->token = wire_sample_u64();
    branch->count = s_u32();
    branch->vote = (uint8_t) txc_test_below (TXC_VOTE_NO_NOT_FINAL + 1);
    wire_sample_epoch (&branch->vote_epoch);
    wire_sample_printable (branch->evidence, TXC_EVIDENCE_MAX);
    s_letters (branch->endpoint, 0, TXC_ENDPOINT_MAX, "tcp://[]0123456789abcdef.:*", 27);
}

static void s_entry (txc_rm_entry_t *entry)
{
    static const char letters[] = "tcp://[]0123456789abcdef.:*";
    wire_sample_name (entry->rm);
    if (txc_test_below (4))
        wire_sample_name (entry->agent);
    s_letters (entry->endpoint, 0, TXC_ENDPOINT_MAX, letters, sizeof letters - 1);
    entry->incarnation = wire_sample_u64();
    entry->up = txc_test_below (2);
}

void wire_sample_member (txc_member_t *member)
{
    static const char letters[] = "tcp://[]0123456789abcdef.:*";
    member->id = s_u32() | 1;
    member->disk = wire_sample_u64();
    s_letters (member->endpoint, 0, TXC_ENDPOINT_MAX, letters, sizeof letters - 1);
}

static void s_error (txc_error_t *error)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    error->code = (int) s_u32();
    error->native = (int) s_u32();
    s_letters (error->sqlstate, 0, TXC_SQLSTATE_MAX, letters, sizeof letters - 1);
    if (txc_test_below (2))
        wire_sample_name (error->rm);
    wire_sample_text (error->text, TXC_TEXT_MAX);
}

static txc_guard_t s_guard (void)
{
    return (txc_guard_t){.slot = wire_sample_u64(), .digest = wire_sample_u64()};
}

static txc_blob_t *s_body (void)
{
    static const uint32_t sizes[] = {0, 1, 100, 127, 128, 3000, 20000};
    uint32_t size = sizes[txc_test_below (sizeof sizes / sizeof *sizes)];
    if (size == 0)
        return NULL;
    txc_blob_t *body = txc_blob_new (NULL, size);
    uint8_t *bytes = txc_blob_edit (body);
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t) txc_test_random();
    return body;
}

/* --- messages ------------------------------------------------------------------ */

static bool s_has (txc_msg_type_t type, const char *field)
{
    const char *fields = s_fields[type];
    size_t size = strlen (field);
    assert_non_null (fields);
    for (const char *at = strstr (fields, field); at; at = strstr (at + 1, field))
        if ((at == fields || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

static void s_fill_numbers (txc_msg_t *message, txc_msg_type_t type)
{
#define DRAW(field, value)                                                                                   \
    if (s_has (type, #field))                                                                                \
        message->field = (value);
    DRAW (vote, (uint8_t) txc_test_below (TXC_VOTE_NO_NOT_FINAL + 1))
    DRAW (heur, (uint8_t) txc_test_below (TXC_HEUR_HAZARD + 1))
    DRAW (isolation, (uint8_t) txc_test_below (4))
    DRAW (work, (uint8_t) (2 + txc_test_below (4)))
    DRAW (status, (uint8_t) txc_test_below (8))
    DRAW (flags, s_u32())
    DRAW (code, (int32_t) s_u32())
    DRAW (timeout_ms, s_u32())
    DRAW (lease_ms, s_u32())
    DRAW (count, s_u32())
    DRAW (seq, s_u32())
    DRAW (acked, s_u32())
    DRAW (age_ms, wire_sample_u64())
    DRAW (nonce, wire_sample_u64())
    DRAW (session, wire_sample_u64())
    DRAW (cluster, wire_sample_u64())
    DRAW (low, wire_sample_u64())
    DRAW (token, wire_sample_u64())
    DRAW (incarnation, wire_sample_u64())
    DRAW (origin, wire_sample_u64())
    DRAW (high_slot, wire_sample_u64())
    DRAW (slot, wire_sample_u64())
    DRAW (chosen_slot, wire_sample_u64())
    DRAW (stamp, wire_sample_u64())
    DRAW (disk, wire_sample_u64())
    DRAW (settings, wire_sample_u64())
    DRAW (replica, s_u32() | 1)
#undef DRAW
    message->clock = wire_sample_u64(); /* every message has it */
    if (s_has (type, "epoch"))
        wire_sample_epoch (&message->epoch);
    if (s_has (type, "prior"))
        wire_sample_epoch (&message->prior);
    if (s_has (type, "gtrid"))
        wire_sample_gtrid (&message->gtrid);
}

static void s_fill_lists (wire_sample_t *self, txc_msg_type_t type)
{
    txc_msg_t *message = &self->message;
    if (s_has (type, "branches") && txc_test_below (4)) {
        message->n_branches = txc_test_below (4) ? 1 + txc_test_below (4) : TXC_BRANCHES_MAX;
        message->branches = self->branches;
        for (uint32_t i = 0; i < message->n_branches; i++)
            wire_sample_branch (&self->branches[i]);
    }
    if (s_has (type, "entries") && txc_test_below (4)) {
        message->n_entries = 1 + txc_test_below (TXC_RMS_MAX);
        message->entries = self->entries;
        for (uint32_t i = 0; i < message->n_entries; i++)
            s_entry (&self->entries[i]);
    }
    if (s_has (type, "members") && txc_test_below (4)) {
        message->n_members = 1 + txc_test_below (TXC_REPLICAS_MAX);
        message->members = self->members;
        for (uint32_t i = 0; i < message->n_members; i++)
            wire_sample_member (&self->members[i]);
    }
    if (s_has (type, "error") && txc_test_below (4)) {
        s_error (&self->error);
        message->error = &self->error;
    }
}

void wire_sample_fill (wire_sample_t *self, txc_msg_type_t type)
{
    memset (self, 0, sizeof *self);
    txc_msg_t *message = &self->message;
    message->type = (uint8_t) type;
    s_fill_numbers (message, type);
    s_fill_lists (self, type);
    if (s_has (type, "guard0"))
        message->guards[0] = s_guard();
    if (s_has (type, "guard1"))
        message->guards[1] = s_guard();
    if (s_has (type, "rm"))
        wire_sample_name (message->rm);
    if (s_has (type, "agent"))
        wire_sample_name (message->agent);
    if (s_has (type, "evidence"))
        wire_sample_printable (message->evidence, TXC_EVIDENCE_MAX);
    if (s_has (type, "identity"))
        wire_sample_printable (message->identity, TXC_EVIDENCE_MAX);
    if (s_has (type, "body"))
        message->body = s_body();
}

void wire_sample_fini (wire_sample_t *self)
{
    txc_blob_destroy (&self->message.body);
}

static void s_assert_errors_equal (const txc_error_t *a, const txc_error_t *b)
{
    assert_int_equal (a != NULL, b != NULL);
    if (!a)
        return;
    assert_int_equal (a->code, b->code);
    assert_int_equal (a->native, b->native);
    assert_string_equal (a->sqlstate, b->sqlstate);
    assert_string_equal (a->rm, b->rm);
    assert_string_equal (a->text, b->text);
}

static void s_assert_branches_equal (const txc_msg_t *a, const txc_msg_t *b)
{
    assert_int_equal (a->n_branches, b->n_branches);
    for (uint32_t i = 0; i < a->n_branches; i++) {
        const txc_branch_ref_t *x = &a->branches[i], *y = &b->branches[i];
        assert_string_equal (x->rm, y->rm);
        assert_string_equal (x->evidence, y->evidence);
        assert_string_equal (x->endpoint, y->endpoint);
        assert_true (x->token == y->token && x->count == y->count && x->vote == y->vote);
        assert_int_equal (txc_epoch_compare (x->vote_epoch, y->vote_epoch), 0);
    }
}

static void s_assert_entries_equal (const txc_msg_t *a, const txc_msg_t *b)
{
    assert_int_equal (a->n_entries, b->n_entries);
    for (uint32_t i = 0; i < a->n_entries; i++) {
        const txc_rm_entry_t *x = &a->entries[i], *y = &b->entries[i];
        assert_string_equal (x->rm, y->rm);
        assert_string_equal (x->agent, y->agent);
        assert_string_equal (x->endpoint, y->endpoint);
        assert_true (x->incarnation == y->incarnation && x->up == y->up);
    }
}

static void s_assert_members_equal (const txc_msg_t *a, const txc_msg_t *b)
{
    assert_int_equal (a->n_members, b->n_members);
    for (uint32_t i = 0; i < a->n_members; i++) {
        const txc_member_t *x = &a->members[i], *y = &b->members[i];
        assert_string_equal (x->endpoint, y->endpoint);
        assert_true (x->id == y->id && x->disk == y->disk);
    }
}

void wire_sample_assert_equal (const txc_msg_t *a, const txc_msg_t *b)
{
    assert_int_equal (txc_blob_size (a->body), txc_blob_size (b->body));
    if (a->body && b->body)
        assert_memory_equal (txc_blob_data (a->body), txc_blob_data (b->body), txc_blob_size (a->body));
    s_assert_errors_equal (a->error, b->error);
    s_assert_branches_equal (a, b);
    s_assert_entries_equal (a, b);
    s_assert_members_equal (a, b);
    assert_string_equal (a->rm, b->rm);
    assert_string_equal (a->agent, b->agent);
    assert_string_equal (a->evidence, b->evidence);
    assert_string_equal (a->identity, b->identity);

    /* All the rest at once: nothing may have gone, and nothing may have come. */
    txc_msg_t x, y;
    memcpy (&x, a, sizeof x); /* with its padding */
    memcpy (&y, b, sizeof y);
    x.error = y.error = NULL;
    x.branches = y.branches = NULL;
    x.entries = y.entries = NULL;
    x.members = y.members = NULL;
    x.body = y.body = NULL;
    memset (x.rm, 0, sizeof x.rm);
    memset (y.rm, 0, sizeof y.rm);
    memset (x.agent, 0, sizeof x.agent);
    memset (y.agent, 0, sizeof y.agent);
    memset (x.evidence, 0, sizeof x.evidence);
    memset (y.evidence, 0, sizeof y.evidence);
    memset (x.identity, 0, sizeof x.identity);
    memset (y.identity, 0, sizeof y.identity);
    x.route = y.route = 0;
    assert_memory_equal (&x, &y, sizeof x);
}
