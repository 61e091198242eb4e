/* The rule by which members end a three-phase commit. */
#include "core/txc_quorum.h"
#include "txc_test.h"

static void s_numbers_are_unique_and_grow (void **state)
{
    (void) state;
    uint64_t highest = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t member = txc_test_below (TXC_BRANCHES_MAX + 1);
        uint64_t number = txc_number_above (highest, member);
        assert_true (number > highest);
        assert_int_equal (txc_number_member (number), member);
        for (uint32_t other = 0; other <= TXC_BRANCHES_MAX; other++)
            assert_true (other == member || txc_number_above (highest, other) != number);
        highest = number;
    }
    assert_true (txc_number_above (TXC_NUMBER_FIRST, 0) > TXC_NUMBER_FIRST);
    assert_int_equal (txc_number_member (TXC_NUMBER_FIRST), 0);
}

/* Of n branches and the group. */
static void s_a_majority_is_more_than_half (void **state)
{
    (void) state;
    static const struct {
        uint32_t branches, needed;
    } cases[] = {{1, 2}, {2, 2}, {3, 3}, {4, 3}, {5, 4}, {31, 17}, {32, 17}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        txc_quorum_t quorum;
        txc_quorum_attempt (&quorum, TXC_NUMBER_FIRST, TXC_VOTE_YES, cases[i].branches);
        for (uint32_t k = 0; k < cases[i].needed; k++) {
            assert_false (txc_quorum_is_decided (&quorum));
            txc_quorum_acked (&quorum, cases[i].branches - k);
            txc_quorum_acked (&quorum, cases[i].branches - k); /* twice counts once */
        }
        assert_true (txc_quorum_is_decided (&quorum));
    }
}

static uint8_t s_choice (uint64_t a, uint8_t a_kind, uint64_t b, uint8_t b_kind, uint64_t c, uint8_t c_kind)
{
    txc_quorum_t quorum;
    txc_quorum_elect (&quorum, 9 * TXC_NUMBER_MEMBERS, 4);
    txc_quorum_heard (&quorum, 1, a, a_kind);
    assert_false (txc_quorum_is_elected (&quorum));
    txc_quorum_heard (&quorum, 2, b, b_kind);
    assert_false (txc_quorum_is_elected (&quorum));
    txc_quorum_heard (&quorum, 3, c, c_kind);
    assert_true (txc_quorum_is_elected (&quorum));
    return txc_quorum_choice (&quorum);
}

/* Without last_attempt a pre-commit that was overtaken by a pre-abort would come back: with five members, one
 * is pre-committed under the first number and cut off; the others are pre-aborted by a majority, that is
 * ABORT; then it comes back, and whoever is elected must not believe it. */
static void s_the_highest_attempt_decides (void **state)
{
    (void) state;
    const uint8_t yes = TXC_VOTE_YES, no = TXC_VOTE_NO, none = TXC_VOTE_NONE;
    assert_int_equal (s_choice (0, none, 0, none, 0, none), no);
    assert_int_equal (s_choice (256, yes, 0, none, 0, none), yes);
    assert_int_equal (s_choice (0, none, 0, none, 256, yes), yes);
    assert_int_equal (s_choice (256, yes, 513, no, 0, none), no);
    assert_int_equal (s_choice (513, no, 256, yes, 0, none), no);
    assert_int_equal (s_choice (513, no, 770, yes, 256, yes), yes);
    assert_int_equal (s_choice (770, yes, 770, no, 0, none), no); /* "all of those are pre-committed" */
}

/* Every order in which three terminators attempt one after the other, with any majorities and any crash in
 * between: what one has decided no later one undoes. */
static void s_what_was_decided_stays (void **state)
{
    (void) state;
    for (int round = 0; round < 200000; round++) {
        uint32_t n = 1 + txc_test_below (4), decided = TXC_VOTE_NONE;
        uint64_t elected[5], attempt[5] = {0};
        uint8_t kind[5] = {0};
        for (uint32_t i = 0; i <= n; i++)
            elected[i] = TXC_NUMBER_FIRST;
        txc_quorum_t quorum;
        txc_quorum_attempt (&quorum, TXC_NUMBER_FIRST, TXC_VOTE_YES, n);
        uint64_t number = TXC_NUMBER_FIRST;
        for (int terminator = 0; terminator < 4; terminator++) {
            if (quorum.phase == TXC_QUORUM_ATTEMPTING) {
                for (uint32_t i = 0; i <= n; i++) {
                    if (elected[i] != quorum.number || txc_test_below (2))
                        continue;
                    attempt[i] = quorum.number;
                    kind[i] = quorum.kind;
                    txc_quorum_acked (&quorum, i);
                }
                if (txc_quorum_is_decided (&quorum)) {
                    assert_true (decided == TXC_VOTE_NONE || decided == quorum.kind);
                    decided = quorum.kind;
                }
            }
            number = txc_number_above (number, txc_test_below (n + 1));
            txc_quorum_elect (&quorum, number, n);
            for (uint32_t i = 0; i <= n; i++) {
                if (txc_test_below (3) == 0)
                    continue;
                elected[i] = number;
                txc_quorum_heard (&quorum, i, attempt[i], kind[i]);
            }
            if (txc_quorum_is_elected (&quorum))
                txc_quorum_attempt (&quorum, number, txc_quorum_choice (&quorum), n);
        }
    }
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_numbers_are_unique_and_grow),
        cmocka_unit_test (s_a_majority_is_more_than_half),
        cmocka_unit_test (s_the_highest_attempt_decides),
        cmocka_unit_test (s_what_was_decided_stays),
    };
    return cmocka_run_group_tests_name ("core quorum", tests, NULL, NULL);
}
