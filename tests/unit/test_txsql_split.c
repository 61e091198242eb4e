/* How txsql cuts its input into commands and statements. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "txsql/sql_split.h"

/* Feeds lines and compares what comes out; expected ends with NULL. */
static void s_check (const char *lines, bool finish, const char *const *expected)
{
    sql_split_t *split = sql_split_new();
    char *copy = strdup (lines), *rest = copy, *line;
    while ((line = strsep (&rest, "\n")) != NULL)
        sql_split_feed (split, line);
    if (finish)
        sql_split_finish (split);
    for (; *expected; expected++) {
        char *text = sql_split_next (split);
        assert_non_null (text);
        assert_string_equal (text, *expected);
        free (text);
    }
    assert_null (sql_split_next (split));
    free (copy);
    sql_split_destroy (&split);
}

#define CHECK(lines, ...)          s_check (lines, false, (const char *const[]){__VA_ARGS__, NULL})
#define CHECK_FINISHED(lines, ...) s_check (lines, true, (const char *const[]){__VA_ARGS__, NULL})

static void test_statements (void **state)
{
    (void) state;
    CHECK ("", NULL);
    CHECK (" ;;\n ; ", NULL);
    CHECK ("@a SELECT 1;", "@a SELECT 1");
    CHECK ("  @a SELECT 1 ; @b SELECT 2;\n@c", "@a SELECT 1", "@b SELECT 2");
    CHECK ("@a SELECT\n  1\n;", "@a SELECT\n  1");
    CHECK ("@a SELECT 1", NULL);
    CHECK_FINISHED ("@a SELECT 1\n\n", "@a SELECT 1");
}

static void test_commands (void **state)
{
    (void) state;
    CHECK ("\\begin", "\\begin");
    CHECK ("\\begin 5000 \n@a SELECT 1;\\commit\n\\quit", "\\begin 5000", "@a SELECT 1", "\\commit",
           "\\quit");
    /* A backslash within a statement is the statement's. */
    CHECK ("@a SELECT '\n\\commit\n';", "@a SELECT '\n\\commit\n'");
}

static void test_quotes (void **state)
{
    (void) state;
    CHECK ("@a SELECT ';', \"a;b\", `c;d`;", "@a SELECT ';', \"a;b\", `c;d`");
    CHECK ("@a SELECT 'it''s; here';", "@a SELECT 'it''s; here'");
    CHECK ("@a SELECT $$ a;b $$;", "@a SELECT $$ a;b $$");
    CHECK ("@a SELECT $x$ a;b $$ ; $x$ ;", "@a SELECT $x$ a;b $$ ; $x$");
    CHECK ("@a UPDATE t SET v = $1;", "@a UPDATE t SET v = $1");
    CHECK ("@a SELECT a$b$c; @a SELECT d$b$;", "@a SELECT a$b$c", "@a SELECT d$b$");
    CHECK ("@a SELECT 'open;", NULL);
}

static void test_comments (void **state)
{
    (void) state;
    CHECK ("-- nothing; here\n@a SELECT 1 -- one;\n;", "@a SELECT 1 -- one;");
    CHECK ("/* a; /* nested; */ b; */ @a SELECT 1 /* ; */;", "@a SELECT 1 /* ; */");
    CHECK ("@a SELECT 1 - 1;", "@a SELECT 1 - 1");
    CHECK_FINISHED ("@a SELECT 1;\n-- the end", "@a SELECT 1");
}

static void test_open_and_reset (void **state)
{
    (void) state;
    sql_split_t *split = sql_split_new();
    assert_false (sql_split_is_open (split));
    sql_split_feed (split, "-- a comment opens nothing");
    assert_false (sql_split_is_open (split));
    sql_split_feed (split, "@a SELECT");
    assert_true (sql_split_is_open (split));
    sql_split_reset (split);
    assert_false (sql_split_is_open (split));
    sql_split_feed (split, "\\help");
    char *text = sql_split_next (split);
    assert_string_equal (text, "\\help");
    free (text);
    sql_split_destroy (&split);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_statements),     cmocka_unit_test (test_commands),
        cmocka_unit_test (test_quotes),         cmocka_unit_test (test_comments),
        cmocka_unit_test (test_open_and_reset),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
