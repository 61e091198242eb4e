/* src/wire: statements with their parameters, and results. */
#include "txc_test.h"

#include "base/txc_codes.h"
#include "wire/txc_frame.h"
#include "wire/txc_rows.h"
#include "wire/txc_statement.h"
#include "wire/txcoord.pb-c.h"

/* --- statements ------------------------------------------------------------- */

static void s_statement_survives_the_round_trip (void **state)
{
    (void) state;
    static const char sql[] = "UPDATE acct SET bal = bal - $1 WHERE id = $2 -- not sent";
    const txc_value_t params[] = {{"5", 1}, {NULL, 0}, {"", 0}, {"a\0b", 3}};
    txc_blob_t *blob;
    txc_statement_t *statement;
    assert_int_equal (txc_statement_pack (sql, 44, 4, params, &blob), TXC_OK);
    assert_int_equal (txc_statement_unpack (txc_blob_data (blob), txc_blob_size (blob), &statement), TXC_OK);
    txc_blob_destroy (&blob);
    assert_string_equal (statement->sql, "UPDATE acct SET bal = bal - $1 WHERE id = $2");
    assert_int_equal (statement->size, 44);
    assert_int_equal (statement->n_params, 4);
    assert_string_equal (statement->params[0].data, "5");
    assert_null (statement->params[1].data);
    assert_string_equal (statement->params[2].data, "");
    assert_int_equal (statement->params[2].size, 0);
    assert_memory_equal (statement->params[3].data, "a\0b", 4);
    assert_int_equal (statement->params[3].size, 3);
    txc_statement_destroy (&statement);
    assert_null (statement);
}

static void s_statement_without_parameters (void **state)
{
    (void) state;
    txc_blob_t *blob;
    txc_statement_t *statement;
    assert_int_equal (txc_statement_pack ("SELECT 1", 8, 0, NULL, &blob), TXC_OK);
    assert_int_equal (txc_statement_unpack (txc_blob_data (blob), txc_blob_size (blob), &statement), TXC_OK);
    assert_string_equal (statement->sql, "SELECT 1");
    assert_int_equal (statement->n_params, 0);
    txc_statement_destroy (&statement);
    txc_blob_destroy (&blob);
}

static void s_statement_has_limits (void **state)
{
    (void) state;
    txc_blob_t *blob;
    assert_int_equal (txc_statement_pack ("", 0, 0, NULL, &blob), TXC_EINVAL);
    assert_null (blob);
    assert_int_equal (txc_statement_pack ("a\0b", 3, 0, NULL, &blob), TXC_EINVAL);

    char *large = malloc (TXC_STATEMENT_MAX);
    memset (large, 'x', TXC_STATEMENT_MAX);
    txc_value_t param = {.data = large, .size = TXC_STATEMENT_MAX - 32};
    assert_int_equal (txc_statement_pack (large, TXC_STATEMENT_MAX, 0, NULL, &blob), TXC_ELIMIT);
    assert_int_equal (txc_statement_pack (large, TXC_STATEMENT_MAX - 4, 0, NULL, &blob), TXC_OK);
    txc_blob_destroy (&blob);
    assert_int_equal (txc_statement_pack ("x", 1, 1, &param, &blob), TXC_OK);
    txc_statement_t *statement;
    assert_int_equal (txc_statement_unpack (txc_blob_data (blob), txc_blob_size (blob), &statement), TXC_OK);
    assert_int_equal (statement->params[0].size, TXC_STATEMENT_MAX - 32);
    txc_statement_destroy (&statement);
    txc_blob_destroy (&blob);
    param.size = SIZE_MAX;
    assert_int_equal (txc_statement_pack ("x", 1, 1, &param, &blob), TXC_ELIMIT);
    free (large);

    txc_value_t *nulls = calloc (TXC_PARAMS_MAX + 1, sizeof *nulls);
    assert_int_equal (txc_statement_pack ("x", 1, TXC_PARAMS_MAX + 1, nulls, &blob), TXC_ELIMIT);
    assert_int_equal (txc_statement_pack ("x", 1, TXC_PARAMS_MAX, nulls, &blob), TXC_OK);
    assert_int_equal (txc_statement_unpack (txc_blob_data (blob), txc_blob_size (blob), &statement), TXC_OK);
    assert_int_equal (statement->n_params, TXC_PARAMS_MAX);
    txc_statement_destroy (&statement);
    txc_blob_destroy (&blob);
    free (nulls);
}

static int s_unpack (const Txcoord__Statement *wire)
{
    uint8_t bytes[256];
    txc_statement_t *statement;
    size_t size = txcoord__statement__pack (wire, bytes);
    assert_true (size <= sizeof bytes);
    int rc = txc_statement_unpack (bytes, size, &statement);
    assert_int_equal (rc == TXC_OK, statement != NULL);
    txc_statement_destroy (&statement);
    return rc;
}

/* A size that lies about its data would have a plugin read beyond it. */
static void s_values_must_agree_with_their_sizes (void **state)
{
    (void) state;
    Txcoord__Statement wire = TXCOORD__STATEMENT__INIT;
    Txcoord__Values values = TXCOORD__VALUES__INIT;
    uint32_t sizes[] = {2, 0, 1};
    wire.sql = (ProtobufCBinaryData){.len = 1, .data = (uint8_t *) "x"};
    wire.params = &values;
    values.sizes = sizes;
    values.n_sizes = 3;
    values.data = (ProtobufCBinaryData){.len = 3, .data = (uint8_t *) "a\0\0"};
    assert_int_equal (s_unpack (&wire), TXC_OK);
    sizes[0] = 3;
    assert_int_equal (s_unpack (&wire), TXC_EPROTO);
    sizes[0] = 1; /* ends without a NUL */
    sizes[2] = 2;
    assert_int_equal (s_unpack (&wire), TXC_EPROTO);
    sizes[0] = 2;
    sizes[2] = 0; /* data is left */
    assert_int_equal (s_unpack (&wire), TXC_EPROTO);
    sizes[0] = UINT32_MAX;
    sizes[2] = 4; /* their sum wraps in 32 bits */
    assert_int_equal (s_unpack (&wire), TXC_EPROTO);
    wire.params = NULL;
    assert_int_equal (s_unpack (&wire), TXC_OK);
    wire.sql.len = 0;
    assert_int_equal (s_unpack (&wire), TXC_EPROTO);
    wire.sql = (ProtobufCBinaryData){.len = 3, .data = (uint8_t *) "a\0b"};
    assert_int_equal (s_unpack (&wire), TXC_EPROTO);
}

/* --- results ------------------------------------------------------------------- */

static const char *const s_names[] = {"id", "name", "note"}, *const s_types[] = {"int4", "text", ""};

static void s_result_survives_the_round_trip (void **state)
{
    (void) state;
    txc_rows_builder_t *builder = txc_rows_builder_new (1 << 20);
    const char *first[] = {"1", "Ada", NULL}, *second[] = {"2", "", "a\0b"};
    const size_t first_sizes[] = {1, 3, 99}, second_sizes[] = {1, 0, 3}; /* of a NULL no size is read */
    assert_int_equal (txc_rows_builder_columns (builder, 3, s_names, s_types), 0);
    assert_int_equal (txc_rows_builder_row (builder, 3, first, first_sizes), 0);
    assert_int_equal (txc_rows_builder_row (builder, 3, second, second_sizes), 0);
    txc_rows_builder_done (builder, 2, "SELECT 2");
    txc_blob_t *blob;
    txc_rows_t *rows;
    assert_int_equal (txc_rows_builder_finish (builder, &blob), TXC_OK);
    assert_int_equal (txc_rows_read (txc_blob_data (blob), txc_blob_size (blob), &rows), TXC_OK);
    txc_blob_destroy (&blob);
    txc_rows_builder_destroy (&builder);

    size_t size;
    assert_int_equal (txc_rows_count (rows), 2);
    assert_int_equal (txc_rows_columns (rows), 3);
    assert_int_equal (txc_rows_affected (rows), 2);
    assert_string_equal (txc_rows_tag (rows), "SELECT 2");
    for (int i = 0; i < 3; i++) {
        assert_string_equal (txc_rows_name (rows, i), s_names[i]);
        assert_string_equal (txc_rows_type (rows, i), s_types[i]);
    }
    assert_string_equal (txc_rows_value (rows, 0, 0, NULL), "1");
    assert_string_equal (txc_rows_value (rows, 0, 1, &size), "Ada");
    assert_int_equal (size, 3);
    assert_null (txc_rows_value (rows, 0, 2, &size));
    assert_int_equal (size, 0);
    assert_string_equal (txc_rows_value (rows, 1, 1, &size), "");
    assert_int_equal (size, 0);
    assert_memory_equal (txc_rows_value (rows, 1, 2, &size), "a\0b", 4);
    assert_int_equal (size, 3);

    assert_null (txc_rows_value (rows, 2, 0, NULL));
    assert_null (txc_rows_value (rows, 0, 3, NULL));
    assert_null (txc_rows_value (rows, -1, 0, NULL));
    assert_null (txc_rows_value (rows, 0, -1, NULL));
    assert_string_equal (txc_rows_name (rows, 3), "");
    assert_string_equal (txc_rows_type (rows, -1), "");
    txc_rows_destroy (&rows);
}

static void s_result_without_columns (void **state)
{
    (void) state;
    txc_rows_builder_t *builder = txc_rows_builder_new (1000);
    char tag[300];
    memset (tag, 't', sizeof tag);
    tag[sizeof tag - 1] = '\0';
    txc_rows_builder_done (builder, -1, tag);
    txc_blob_t *blob;
    txc_rows_t *rows;
    assert_int_equal (txc_rows_builder_finish (builder, &blob), TXC_OK);
    assert_int_equal (txc_rows_read (txc_blob_data (blob), txc_blob_size (blob), &rows), TXC_OK);
    assert_int_equal (txc_rows_count (rows), 0);
    assert_int_equal (txc_rows_columns (rows), 0);
    assert_int_equal (txc_rows_affected (rows), -1);
    assert_int_equal (strlen (txc_rows_tag (rows)), TXC_TAG_MAX);
    txc_rows_destroy (&rows);
    txc_blob_destroy (&blob);

    /* A result that holds nothing is still there: no bytes are no result. */
    txc_rows_builder_done (builder, 0, NULL);
    assert_int_equal (txc_rows_builder_finish (builder, &blob), TXC_OK);
    assert_true (txc_blob_size (blob) > 0);
    txc_blob_destroy (&blob);
    assert_int_equal (txc_rows_read ("", 0, &rows), TXC_EVERSION);
    txc_rows_builder_destroy (&builder);
}

/* PostgreSQL's SELECT FROM: what it found is how many. */
static void s_rows_without_columns_are_counted (void **state)
{
    (void) state;
    txc_rows_builder_t *builder = txc_rows_builder_new (1000);
    txc_blob_t *blob;
    txc_rows_t *rows;
    assert_int_equal (txc_rows_builder_columns (builder, 0, NULL, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal (txc_rows_builder_row (builder, 0, NULL, NULL), 0);
    txc_rows_builder_done (builder, -1, "SELECT 3");
    assert_int_equal (txc_rows_builder_finish (builder, &blob), TXC_OK);
    assert_int_equal (txc_rows_read (txc_blob_data (blob), txc_blob_size (blob), &rows), TXC_OK);
    assert_int_equal (txc_rows_count (rows), 3);
    assert_int_equal (txc_rows_columns (rows), 0);
    assert_null (txc_rows_value (rows, 0, 0, NULL));
    txc_rows_destroy (&rows);
    txc_blob_destroy (&blob);
    int rc = 0;
    for (int i = 0; i < 1000 && rc == 0; i++)
        rc = txc_rows_builder_row (builder, 0, NULL, NULL);
    assert_int_equal (rc, TXC_ELIMIT);
    txc_rows_builder_destroy (&builder);
}

static void s_result_keeps_to_its_limit (void **state)
{
    (void) state;
    enum { LIMIT = 10000 };
    txc_rows_builder_t *builder = txc_rows_builder_new (LIMIT);
    for (int round = 0; round < 200; round++) {
        char text[400];
        memset (text, 'x', sizeof text);
        const char *const row[] = {text, NULL, text};
        int rc = txc_rows_builder_columns (builder, 3, s_names, s_types);
        while (rc == 0) {
            const size_t sizes[] = {txc_test_below (sizeof text), 0, txc_test_below (200)};
            rc = txc_rows_builder_row (builder, 3, row, sizes);
        }
        assert_int_equal (rc, TXC_ELIMIT);
        assert_int_equal (txc_rows_builder_row (builder, 3, row, (size_t[3]){0}), TXC_ELIMIT);
        txc_blob_t *blob;
        assert_int_equal (txc_rows_builder_finish (builder, &blob), TXC_ELIMIT);
        assert_null (blob);

        /* One row less fits, and what fits is within the limit. */
        rc = txc_rows_builder_columns (builder, 3, s_names, s_types);
        const size_t sizes[] = {100, 0, txc_test_below (100)};
        for (int i = 0; i < 40; i++)
            assert_int_equal (txc_rows_builder_row (builder, 3, row, sizes), 0);
        assert_int_equal (txc_rows_builder_finish (builder, &blob), TXC_OK);
        assert_true (txc_blob_size (blob) <= LIMIT);
        txc_blob_destroy (&blob);
    }
    const char *huge[] = {"x"};
    const size_t huge_size[] = {SIZE_MAX};
    assert_int_equal (txc_rows_builder_columns (builder, 1, s_names, s_types), 0);
    assert_int_equal (txc_rows_builder_row (builder, 1, huge, huge_size), TXC_ELIMIT);
    txc_rows_builder_destroy (&builder);
}

static void s_rows_have_the_width_of_their_columns (void **state)
{
    (void) state;
    txc_rows_builder_t *builder = txc_rows_builder_new (1000);
    const char *row[] = {"1", "2", "3"};
    const size_t sizes[] = {1, 1, 1};
    txc_blob_t *blob;
    assert_int_equal (txc_rows_builder_columns (builder, 2, s_names, s_types), 0);
    assert_int_equal (txc_rows_builder_row (builder, 3, row, sizes), TXC_EINVAL);
    assert_int_equal (txc_rows_builder_finish (builder, &blob), TXC_EINVAL);
    assert_int_equal (txc_rows_builder_row (builder, 1, row, sizes), TXC_EINVAL); /* no columns yet */
    assert_int_equal (txc_rows_builder_columns (builder, TXC_COLUMNS_MAX + 1, s_names, s_types), TXC_ELIMIT);
    assert_int_equal (txc_rows_builder_columns (builder, -1, s_names, s_types), TXC_ELIMIT);
    /* A new statement begins anew. */
    assert_int_equal (txc_rows_builder_columns (builder, 3, s_names, s_types), 0);
    assert_int_equal (txc_rows_builder_row (builder, 3, row, sizes), 0);
    assert_int_equal (txc_rows_builder_finish (builder, &blob), TXC_OK);
    txc_blob_destroy (&blob);
    txc_rows_builder_destroy (&builder);
}

static void s_widest_result_can_be_read (void **state)
{
    (void) state;
    const char **texts = malloc (TXC_COLUMNS_MAX * sizeof *texts);
    for (size_t i = 0; i < TXC_COLUMNS_MAX; i++)
        texts[i] = "";
    txc_rows_builder_t *builder = txc_rows_builder_new (TXC_BODY_MAX);
    txc_blob_t *blob;
    txc_rows_t *rows;
    assert_int_equal (txc_rows_builder_columns (builder, TXC_COLUMNS_MAX, texts, texts), 0);
    assert_int_equal (txc_rows_builder_finish (builder, &blob), TXC_OK);
    assert_int_equal (txc_rows_read (txc_blob_data (blob), txc_blob_size (blob), &rows), TXC_OK);
    assert_int_equal (txc_rows_columns (rows), TXC_COLUMNS_MAX);
    txc_rows_destroy (&rows);
    txc_blob_destroy (&blob);
    txc_rows_builder_destroy (&builder);
    free (texts);
}

static int s_read (const Txcoord__Result *wire)
{
    uint8_t *bytes = malloc (txcoord__result__get_packed_size (wire));
    txc_rows_t *rows;
    int rc = txc_rows_read (bytes, txcoord__result__pack (wire, bytes), &rows);
    assert_int_equal (rc == TXC_OK, rows != NULL);
    txc_rows_destroy (&rows);
    free (bytes);
    return rc;
}

static void s_results_that_do_not_add_up_are_refused (void **state)
{
    (void) state;
    Txcoord__Column column = TXCOORD__COLUMN__INIT, *columns[TXC_COLUMNS_MAX + 1];
    Txcoord__Values values = TXCOORD__VALUES__INIT;
    Txcoord__Result wire = TXCOORD__RESULT__INIT;
    uint32_t sizes[] = {2, 0, 1, 0};
    char tag[TXC_TAG_MAX + 2] = "";
    for (size_t i = 0; i < TXC_COLUMNS_MAX + 1; i++)
        columns[i] = &column;
    wire.version = 1;
    wire.columns = columns;
    wire.n_columns = 2;
    wire.values = &values;
    values.sizes = sizes;
    values.n_sizes = 4;
    values.data = (ProtobufCBinaryData){.len = 3, .data = (uint8_t *) "a\0\0"};
    assert_int_equal (s_read (&wire), TXC_OK);
    wire.version = 2;
    assert_int_equal (s_read (&wire), TXC_EVERSION);
    wire.version = 1;
    wire.n_columns = 3; /* four values in rows of three */
    assert_int_equal (s_read (&wire), TXC_EPROTO);
    wire.n_columns = 0;
    assert_int_equal (s_read (&wire), TXC_EPROTO);
    wire.n_columns = TXC_COLUMNS_MAX + 1;
    assert_int_equal (s_read (&wire), TXC_ELIMIT);
    wire.n_columns = 2;
    values.n_sizes = 0; /* data without values */
    assert_int_equal (s_read (&wire), TXC_EPROTO);
    values.n_sizes = 4;
    values.data.len = 2;
    assert_int_equal (s_read (&wire), TXC_EPROTO);
    values.data.len = 3;
    wire.rows = 2; /* columns and values say how many */
    assert_int_equal (s_read (&wire), TXC_EPROTO);
    wire.n_columns = 0;
    wire.values = NULL;
    assert_int_equal (s_read (&wire), TXC_OK);
    wire.rows = UINT32_MAX;
    assert_int_equal (s_read (&wire), TXC_EPROTO);
    wire.rows = 0;
    wire.n_columns = 2;
    wire.values = &values;
    column.name = (ProtobufCBinaryData){.len = 3, .data = (uint8_t *) "a\0b"};
    assert_int_equal (s_read (&wire), TXC_EPROTO);
    column.name.len = 1;
    memset (tag, 't', sizeof tag);
    wire.tag = (ProtobufCBinaryData){.len = TXC_TAG_MAX, .data = (uint8_t *) tag};
    assert_int_equal (s_read (&wire), TXC_OK);
    wire.tag.len++;
    assert_int_equal (s_read (&wire), TXC_ELIMIT);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_statement_survives_the_round_trip),
        cmocka_unit_test (s_statement_without_parameters),
        cmocka_unit_test (s_statement_has_limits),
        cmocka_unit_test (s_values_must_agree_with_their_sizes),
        cmocka_unit_test (s_result_survives_the_round_trip),
        cmocka_unit_test (s_result_without_columns),
        cmocka_unit_test (s_rows_without_columns_are_counted),
        cmocka_unit_test (s_result_keeps_to_its_limit),
        cmocka_unit_test (s_rows_have_the_width_of_their_columns),
        cmocka_unit_test (s_widest_result_can_be_read),
        cmocka_unit_test (s_results_that_do_not_add_up_are_refused),
    };
    return cmocka_run_group_tests_name ("wire statements and results", tests, NULL, NULL);
}
