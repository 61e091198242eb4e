/* Tickets, the judgement of errors, tables: what the library and the tools are made of. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <txcoord/txcoord.h>

#include "libtxcoord/txc_ticket.h"
#include "txctl/tool_table.h"

static void test_ticket_round_trip (void **state)
{
    (void) state;
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) (i * 37 + 11);
    for (size_t size = 1; size < sizeof bytes; size++) {
        txc_blob_t *body = txc_blob_new (bytes, size);
        char *text = txc_ticket_format (body);
        txc_blob_t *back = txc_ticket_parse (text);
        assert_non_null (back);
        assert_int_equal (txc_blob_size (back), size);
        assert_memory_equal (txc_blob_data (back), bytes, size);
        txc_blob_destroy (&back);
        txc_blob_destroy (&body);
        free (text);
    }
}

static void test_ticket_refused (void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "", "txct1.", "txct1.A", "txct2.AAAA", "txct1.AA=A", "txct1.AA AA", "AAAA", "txct1.AB", "txct1.AAB"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_null (txc_ticket_parse (wrong[i]));
}

static void test_retryable (void **state)
{
    (void) state;
    static const struct {
        int code, native;
        const char *sqlstate;
        int expected;
    } cases[] = {
        {TXC_ERM, 0, "40001", 1},     {TXC_ERM, 0, "40P01", 1},
        {TXC_ERM, 0, "55P03", 1},     {TXC_ERM, 0, "57P01", 1},
        {TXC_ERM, 0, "08006", 1},     {TXC_ERM, 1213, "40001", 1},
        {TXC_ERM, 1205, "HY000", 1},  {TXC_ERM, 1020, "HY000", 1},
        {TXC_ERM, 2013, "", 1},       {TXC_ERM, 1062, "23000", 0},
        {TXC_ERM, 0, "23505", 0},     {TXC_ERM, 0, "42601", 0},
        {TXC_ERM, 0, "", 0},          {TXC_ROLLED_BACK, 0, "40001", 1},
        {TXC_ROLLED_BACK, 0, "", 0},  {TXC_ETIMEDOUT, 0, "", 1},
        {TXC_ECONN, 0, "", 1},        {TXC_ERMFAIL, 0, "", 1},
        {TXC_EBRANCH, 0, "", 1},      {TXC_EOVERLOAD, 0, "", 1},
        {TXC_ESESSION, 0, "", 1},     {TXC_UNKNOWN, 0, "40001", 0},
        {TXC_MIXED, 0, "40001", 0},   {TXC_HAZARD, 1213, "", 0},
        {TXC_PENDING, 0, "40001", 0}, {TXC_OK, 0, "40001", 0},
        {TXC_EINVAL, 0, "", 0},       {TXC_ELIMIT, 0, "", 0},
        {TXC_EREFUSED, 0, "", 0},     {TXC_EATTACHED, 0, "", 0},
        {TXC_EFORKED, 0, "", 0},      {TXC_EPROTO, 0, "", 0},
        {TXC_FORGOTTEN, 0, "", 0},    {TXC_ERM, 0, "08P01", 0},
        {TXC_EBRANCH, 0, "23505", 0}, {TXC_EBRANCH, 0, "40001", 1},
        {TXC_EBRANCH, 0, "25P02", 1}, {TXC_EBRANCH, 1614, "XA106", 1},
        {TXC_EBRANCH, 1062, "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        txc_error_info_t error = {
            .code = cases[i].code, .native = cases[i].native, .sqlstate = cases[i].sqlstate};
        if (txc_error_is_retryable (&error) != cases[i].expected)
            fail_msg ("%s %s %d", txc_code_name (error.code), error.sqlstate, error.native);
    }
    assert_false (txc_error_is_retryable (NULL));
}

/* --- tables -------------------------------------------------------------------------- */

static void s_check_table (const char *const *cells, int n_columns, tool_format_t format,
                           const char *expected)
{
    char *text;
    size_t size;
    FILE *out = open_memstream (&text, &size);
    tool_table_t *table = tool_table_new (n_columns);
    for (int i = 0; cells[i] && *cells[i] != '!'; i++)
        tool_table_add (table, strcmp (cells[i], "NULL") == 0 ? NULL : cells[i]);
    tool_table_print (table, format, "(null)", out);
    fclose (out);
    assert_string_equal (text, expected);
    tool_table_destroy (&table);
    free (text);
}

static void test_tables (void **state)
{
    (void) state;
    static const char *const cells[] = {"name", "v", "ann", "10", "a\tb\"c", "NULL", "", "7", NULL};
    s_check_table (
        cells, 2, TOOL_ALIGNED,
        " name   | v\n--------+--------\n ann    |     10\n a\\tb\"c | (null)\n        |      7\n");
    s_check_table (cells, 2, TOOL_CSV, "name,v\nann,10\n\"a\tb\"\"c\",\n\"\",7\n");
    s_check_table (cells, 2, TOOL_TUPLES, "ann\t10\na\\tb\"c\t\\N\n\t7\n");
    static const char *const empty[] = {"only", NULL};
    s_check_table (empty, 1, TOOL_ALIGNED, " only\n------\n");
    s_check_table (empty, 1, TOOL_TUPLES, "");
    static const char *const control[] = {"x", "a\x1b[31m", "NULL", NULL};
    s_check_table (control, 1, TOOL_ALIGNED, " x\n-----------\n a\\x1b[31m\n (null)\n");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_ticket_round_trip),
        cmocka_unit_test (test_ticket_refused),
        cmocka_unit_test (test_retryable),
        cmocka_unit_test (test_tables),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
