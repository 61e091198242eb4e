/*
 * One transaction in several processes: what a ticket may say, and what comes back with it.
 * A second process is played by tickets that the test writes itself.
 */
#include "txc_test.h"

#include "base/txc_blob.h"
#include "core_world.h"

/* An operation that takes a ticket; its code. */
static int s_give (world_t *w, txc_op_t op, uint64_t tx, const char *text, size_t size)
{
    txc_blob_t *body = txc_blob_new (text, size);
    uint64_t before = w->operation;
    world_do (w, (txc_session_event_t){.op = (uint8_t) op, .tx = tx, .body = body});
    txc_blob_destroy (&body);
    return w->codes[before + 1];
}

static int s_back (world_t *w, uint64_t tx, const char *text)
{
    return s_give (w, TXC_OP_REATTACH, tx, text, strlen (text));
}

static int s_join (world_t *w, const char *text)
{
    return s_give (w, TXC_OP_JOIN, 0, text, strlen (text));
}

static int s_op (world_t *w, txc_op_t op, uint64_t tx)
{
    return world_code (w, (txc_session_event_t){.op = (uint8_t) op, .tx = tx});
}

/* The text of a fresh ticket. */
static void s_export (world_t *w, uint64_t tx, char *text, size_t size)
{
    uint64_t operation = world_do (w, (txc_session_event_t){.op = TXC_OP_EXPORT, .tx = tx});
    assert_int_equal (w->codes[operation], TXC_OK);
    const txc_blob_t *body = w->bodies[operation];
    assert_true (txc_blob_size (body) < size);
    memcpy (text, txc_blob_data (body), txc_blob_size (body));
    text[txc_blob_size (body)] = '\0';
}

/* A ticket's words; 5 before the branches and 6 for each: RM INCARNATION TOKEN COUNT LAST ENDPOINT. */
enum { LEFT = 2, FLAGS = 3, N = 4, HEAD = 5, RM = 0, TOKEN = 2, COUNT = 3, LAST = 4, BRANCH = 6, WORDS = 17 };

static void s_edit (const char *ticket, int word, const char *value, char out[1024])
{
    int i = 0;
    out[0] = '\0';
    for (const char *at = ticket; *at; i++) {
        size_t size = strcspn (at, " ");
        strcat (out, i ? " " : "");
        if (i == word)
            strcat (out, value);
        else
            strncat (out, at, size);
        at += size + (at[size] == ' ');
    }
    assert_int_equal (i, WORDS);
}

/* The ticket of a transaction that this process does not know, as if another had exported it. */
static void s_strange (world_t *w, char out[1024])
{
    char ticket[1024], gtrid[TXC_GTRID_MAX + 1];
    uint64_t tx = world_transfer (w);
    s_export (w, tx, ticket, sizeof ticket);
    txc_gtrid_t other = world_gtrid (w, tx);
    other.n += 7;
    s_edit (ticket, 1, txc_gtrid_format (&other, gtrid), out);
}

/* --- what is no ticket -------------------------------------------------------------- */

static void a_damaged_ticket_is_refused (void **state)
{
    world_t *w = *state;
    char ticket[1024], bad[1024];
    s_strange (w, ticket);
    size_t size = strlen (ticket);
    size_t last = (size_t) (strrchr (ticket, ' ') - ticket) + 1; /* a shorter endpoint is one, too */
    for (size_t n = 0; n <= last; n++)
        if (ticket[n] == ' ' || n % 7 == 0 || n == last)
            assert_int_equal (s_give (w, TXC_OP_JOIN, 0, ticket, n), TXC_EINVAL);
    static const struct {
        int word;
        const char *value;
    } cases[] = {{0, "txc-ticket-2"},
                 {1, "nonsense"},
                 {LEFT, "-5"},
                 {LEFT, "+5"},
                 {LEFT, "4294967296"},
                 {LEFT, "5x"},
                 {FLAGS, "2"},
                 {N, "1"},
                 {N, "3"},
                 {N, "33"},
                 {HEAD + RM, "Bank"},
                 {HEAD + TOKEN, "xyz"},
                 {HEAD + COUNT, "-1"},
                 {HEAD + LAST, "2"},
                 {HEAD + RM, "bank_my"}, /* twice */
                 {HEAD + COUNT, "+1"},
                 {HEAD + COUNT, "4294967296"},
                 {HEAD + TOKEN, "11111111111111111"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s_edit (ticket, cases[i].word, cases[i].value, bad);
        if (s_join (w, bad) != TXC_EINVAL)
            fail_msg ("accepted: %s", bad);
    }
    strcat (strcpy (bad, ticket), " more");
    assert_int_equal (s_join (w, bad), TXC_EINVAL);
    assert_int_equal (s_give (w, TXC_OP_JOIN, 0, ticket, size + 1), TXC_EINVAL); /* with a NUL in it */
    char *huge = malloc (10000);
    memset (huge, 'x', 10000);
    assert_int_equal (s_give (w, TXC_OP_JOIN, 0, huge, 10000), TXC_EINVAL);
    free (huge);
    assert_int_equal (s_join (w, ticket), TXC_OK);
    assert_int_equal (s_join (w, ticket), TXC_EPROTO); /* it takes part already */
}

static void a_ticket_of_another_group_is_refused (void **state)
{
    world_t *w = *state;
    char ticket[1024], bad[1024], gtrid[TXC_GTRID_MAX + 1];
    uint64_t tx = world_transfer (w);
    s_export (w, tx, ticket, sizeof ticket);
    txc_gtrid_t other = world_gtrid (w, tx);
    other.cluster++;
    s_edit (ticket, 1, txc_gtrid_format (&other, gtrid), bad);
    assert_int_equal (s_join (w, bad), TXC_EFOREIGN);
    assert_int_equal (s_op (w, TXC_OP_CLOSE, 0), TXC_OK);
    assert_int_equal (s_join (w, ticket), TXC_ESESSION);
}

/* --- the process that joined ------------------------------------------------------------ */

static void a_joined_process_only_works_and_detaches (void **state)
{
    world_t *w = *state;
    char ticket[1024];
    s_strange (w, ticket);
    txc_blob_t *body = txc_blob_new (ticket, strlen (ticket));
    uint64_t joined = world_do (w, (txc_session_event_t){.op = TXC_OP_JOIN, .body = body});
    txc_blob_destroy (&body);
    assert_int_not_equal (joined, 0);
    assert_int_equal (world_commit (w, joined), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, joined), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_EXPORT, joined), TXC_EPROTO);
    assert_int_equal (s_back (w, joined, ticket), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_DETACH, joined), TXC_OK);
    assert_int_equal (s_op (w, TXC_OP_DETACH, joined), TXC_EPROTO);
    assert_int_equal (world_commit (w, joined), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_ROLLBACK, joined), TXC_EPROTO);
    assert_int_equal (world_exec (w, joined, "bank_pg", 0), TXC_EPROTO);
    assert_int_equal (s_op (w, TXC_OP_FORGET, joined), TXC_OK);
}

static void one_that_is_given_up_is_gone (void **state)
{
    world_t *w = *state;
    char ticket[1024];
    s_strange (w, ticket);
    txc_blob_t *body = txc_blob_new (ticket, strlen (ticket));
    uint64_t joined = world_do (w, (txc_session_event_t){.op = TXC_OP_JOIN, .body = body});
    assert_int_equal (s_op (w, TXC_OP_FORGET, joined), TXC_OK);
    assert_int_equal (s_op (w, TXC_OP_DETACH, joined), TXC_EPROTO);
    uint64_t again = world_do (w, (txc_session_event_t){.op = TXC_OP_JOIN, .body = body});
    assert_int_not_equal (again, 0);
    txc_blob_destroy (&body);
}

/* --- coming back -------------------------------------------------------------------------- */

static void only_a_ticket_that_is_out_comes_back (void **state)
{
    world_t *w = *state;
    char ticket[1024], other[1024];
    uint64_t tx = world_transfer (w), second = world_transfer (w);
    s_export (w, tx, ticket, sizeof ticket);
    s_export (w, second, other, sizeof other);
    assert_int_equal (s_back (w, tx, other), TXC_EINVAL);
    assert_int_equal (s_back (w, tx, "nonsense"), TXC_EINVAL);
    assert_int_equal (s_op (w, TXC_OP_REATTACH, tx), TXC_EINVAL); /* without any */
    assert_int_equal (world_commit (w, tx), TXC_EATTACHED);
    assert_int_equal (s_back (w, tx, ticket), TXC_OK);
    assert_int_equal (s_back (w, tx, ticket), TXC_EPROTO);
    assert_int_equal (world_commit (w, tx), TXC_OK);
    assert_int_equal (s_back (w, tx, ticket), TXC_EPROTO);
    assert_int_equal (s_back (w, second, other), TXC_OK);
    assert_int_equal (world_commit (w, second), TXC_OK);
}

static void every_ticket_has_to_come_back (void **state)
{
    world_t *w = *state;
    char first[1024], second[1024];
    uint64_t tx = world_transfer (w);
    s_export (w, tx, first, sizeof first);
    s_export (w, tx, second, sizeof second);
    assert_int_equal (s_back (w, tx, first), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_EATTACHED);
    assert_int_equal (s_back (w, tx, second), TXC_OK);
    assert_int_equal (world_commit (w, tx), TXC_OK);
}

/* Brings a changed ticket back and commits; the outcome. */
static int s_commit_with (world_t *w, int word, const char *value)
{
    char ticket[1024], changed[1024];
    uint64_t tx = world_transfer (w);
    s_export (w, tx, ticket, sizeof ticket);
    s_edit (ticket, word, value, changed);
    assert_int_equal (s_back (w, tx, changed), TXC_OK);
    return world_commit (w, tx);
}

static void what_the_other_process_did_decides_with (void **state)
{
    world_t *w = *state;
    assert_int_equal (s_commit_with (w, LEFT, "1"), TXC_OK);
    assert_int_equal (s_commit_with (w, HEAD + COUNT, "1"),
                      TXC_ROLLED_BACK); /* a statement that never came */
    assert_int_equal (s_commit_with (w, HEAD + BRANCH + COUNT, "1"), TXC_ROLLED_BACK);
    assert_int_equal (s_commit_with (w, HEAD + TOKEN, "77"), TXC_ROLLED_BACK); /* it worked elsewhere */
    assert_int_equal (s_commit_with (w, FLAGS, "1"), TXC_ROLLED_BACK);         /* a statement failed there */
    assert_int_equal (s_commit_with (w, HEAD + RM, "bank_xy"), TXC_PENDING); /* a branch that nobody serves */
}

static void the_last_statement_of_a_branch_may_be_the_others (void **state)
{
    world_t *w = *state;
    char ticket[1024], changed[1024];
    uint64_t tx = world_transfer (w);
    s_export (w, tx, ticket, sizeof ticket);
    s_edit (ticket, HEAD + LAST, "1", changed);
    assert_int_equal (s_back (w, tx, changed), TXC_OK);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_EPROTO);
    assert_int_equal (world_exec (w, tx, "bank_my", 0), TXC_OK);
}

static void a_last_statement_of_ones_own_stays_the_last (void **state)
{
    world_t *w = *state;
    char ticket[1024];
    uint64_t tx = world_begin (w);
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_OK);
    assert_int_equal (world_exec (w, tx, "bank_my", TXC_FLAG_LAST), TXC_OK);
    s_export (w, tx, ticket, sizeof ticket);
    char changed[1024];
    s_edit (ticket, HEAD + BRANCH + LAST, "0", changed);
    assert_int_equal (s_back (w, tx, changed), TXC_OK);
    assert_int_equal (world_exec (w, tx, "bank_my", 0), TXC_EPROTO);
    assert_int_equal (world_commit (w, tx), TXC_OK);
}

static void what_failed_is_not_exported (void **state)
{
    world_t *w = *state;
    uint64_t tx = world_transfer (w);
    w->status[TXC_WORK_EXEC][0] = TXC_WORK_ERROR;
    assert_int_equal (world_exec (w, tx, "bank_pg", 0), TXC_ERM);
    assert_int_equal (s_op (w, TXC_OP_EXPORT, tx), TXC_EPROTO);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, world_setup, world_teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (a_damaged_ticket_is_refused),
        TEST (a_ticket_of_another_group_is_refused),
        TEST (a_joined_process_only_works_and_detaches),
        TEST (one_that_is_given_up_is_gone),
        TEST (only_a_ticket_that_is_out_comes_back),
        TEST (every_ticket_has_to_come_back),
        TEST (what_the_other_process_did_decides_with),
        TEST (the_last_statement_of_a_branch_may_be_the_others),
        TEST (a_last_statement_of_ones_own_stays_the_last),
        TEST (what_failed_is_not_exported),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
