/*
 * test_mysql_screen.c - which SQL a MariaDB branch may run: the words that
 * decide, and texts that end in the middle of anything.
 *
 * What a real server makes of the same texts is in tests/integration/my_guard.c.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "txc_my.h"

static txc_my_verdict_t s_screen (const char *sql)
{
    /* Of exactly its size, so that a sanitizer sees each byte read behind its end. */
    size_t size = strlen (sql);
    char *copy = malloc (size + 1);
    assert_non_null (copy);
    memcpy (copy, sql, size);
    char *exact = realloc (copy, size ? size : 1);
    assert_non_null (exact);
    txc_my_verdict_t verdict = txc_my_screen (exact, size);
    free (exact);
    return verdict;
}

static void kinds (void **state)
{
    (void) state;
    static const struct {
        const char *sql;
        txc_my_kind_t kind;
        bool dirties;
    } cases[] = {
        {"SELECT 1", TXC_MY_READS, false},
        {"select * from t", TXC_MY_READS, false},
        {"/**/SELECT/**/1", TXC_MY_READS, false},
        {"SELECT @a", TXC_MY_READS, true},
        {"SELECT get_LOCK('a', 1)", TXC_MY_READS, true},
        {"WITH a AS (SELECT 1) SELECT * FROM a", TXC_MY_READS, false},
        {"UPDATE t SET a = 1", TXC_MY_WRITES, false},
        {"REPLACE t VALUES (1)", TXC_MY_WRITES, false},
        {"CALL p ()", TXC_MY_CALLS, true},
        {"SAVEPOINT a", TXC_MY_CONTROLS, false},
        {"rollback to a", TXC_MY_CONTROLS, false},
        {"SET @a = 1", TXC_MY_CONTROLS, true},
        {"SET STATEMENT max_statement_time = 1 FOR DELETE FROM t", TXC_MY_WRITES, false},
        {"CREATE TEMPORARY TABLE t (a INT)", TXC_MY_CONTROLS, true},
        {"ANALYZE UPDATE t SET a = 1", TXC_MY_CONTROLS, false},
        {"XA END 'a'", TXC_MY_REFUSED, false},
        {"SELECTED", TXC_MY_REFUSED, false},
        {"UPDATE_", TXC_MY_REFUSED, false},
        {"SET autocommit=0", TXC_MY_REFUSED, false},
        {"CREATE /*! TEMPORARY */ TABLE t (a INT)", TXC_MY_REFUSED, false},
        {"'SELECT'", TXC_MY_REFUSED, false},
        {"`SELECT` 1", TXC_MY_REFUSED, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        txc_my_verdict_t verdict = s_screen (cases[i].sql);
        if (verdict.kind != cases[i].kind || verdict.dirties != cases[i].dirties)
            fail_msg ("%s: %d, %d", cases[i].sql, verdict.kind, verdict.dirties);
        assert_int_equal (verdict.why != NULL, verdict.kind == TXC_MY_REFUSED);
    }
}

/* Each beginning of each of these, and each of them with a byte changed: read within bounds, never more
 * allowed than what begins with an allowed word. */
static void every_beginning (void **state)
{
    (void) state;
    static const char *const texts[] = {
        "/* a */ -- b\n # c\n ((SELECT 1))",
        "SET STATEMENT a = 'x\\'y', b = (SELECT \"q\" FOR UPDATE), c = `d` FOR UPDATE t SET a = 1",
        "CREATE OR REPLACE TEMPORARY TABLE t (a INT)",
        "/*!50000 XA END 'a' */",
        "ROLLBACK WORK TO SAVEPOINT a",
        "XA COMMIT 'a' ONE PHASE",
    };
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[128];
        size_t size = strlen (texts[i]);
        for (size_t n = 0; n <= size; n++) {
            memcpy (text, texts[i], n);
            text[n] = '\0';
            s_screen (text);
            for (int change = 0; n > 0 && change < 50; change++) {
                seed = seed * 1664525 + 1013904223;
                char was = text[(seed >> 8) % n];
                text[(seed >> 8) % n] = (char) (seed >> 24 ? seed >> 24 : 1);
                s_screen (text);
                text[(seed >> 8) % n] = was;
            }
        }
    }
    assert_int_equal (txc_my_screen ("SELECT\0XA", 9).kind, TXC_MY_READS);
    assert_int_equal (txc_my_screen ("\0SELECT", 7).kind, TXC_MY_REFUSED);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (kinds),
        cmocka_unit_test (every_beginning),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
