/*
 * test_config.c - the configuration file: what is accepted, and every way to be wrong.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/txc_config.h"
#include "daemon/txc_value.h"

static const txc_key_t s_keys[] = {
    {"server/listen", TXC_KEY_ENDPOINT, TXC_KEY_REQUIRED | TXC_KEY_REPEATABLE, NULL, 0, 0, "say where"},
    {"server/name", TXC_KEY_NAME, 0, "main", 0, 0, NULL},
    {"server/count", TXC_KEY_INT, TXC_KEY_RELOADABLE, "5", 1, 100, NULL},
    {"server/size", TXC_KEY_SIZE, 0, "16M", 4096, 1 << 30, NULL},
    {"server/wait", TXC_KEY_DURATION, TXC_KEY_RELOADABLE, "10s", 10, 3600000, NULL},
    {"server/open", TXC_KEY_BOOL, 0, "0", 0, 0, NULL},
    {"server/level", TXC_KEY_CHOICE, 0, "info", 0, 0, "error|info|debug"},
    {"server/note", TXC_KEY_STRING, 0, NULL, 0, 0, NULL},
    {"rm/?/plugin", TXC_KEY_STRING, TXC_KEY_REQUIRED, NULL, 0, 0, NULL},
    {"rm/?/weight", TXC_KEY_INT, TXC_KEY_RELOADABLE, "1", 0, 0, NULL},
    {"rm/?/?", TXC_KEY_FREE, 0, NULL, 0, 0, NULL},
    {NULL, TXC_KEY_STRING, 0, NULL, 0, 0, NULL},
};

static char s_file[] = "/tmp/txc-config-XXXXXX";

static void s_write_bytes (const char *text, size_t size)
{
    FILE *handle = fopen (s_file, "w");
    assert_non_null (handle);
    assert_int_equal (fwrite (text, 1, size, handle), size);
    assert_int_equal (fclose (handle), 0);
}

static txc_config_t *s_load (const char *text)
{
    txc_error_t error;
    s_write_bytes (text, strlen (text));
    txc_config_t *config = txc_config_load (s_file, s_keys, &error);
    if (!config)
        fail_msg ("%s", error.text);
    return config;
}

/* The text is refused; the error names the file, `where` (":LINE: key" or a part of it) and `why`. */
static void s_refuse_at (const char *text, const char *where, const char *why)
{
    txc_error_t error;
    s_write_bytes (text, strlen (text));
    txc_config_t *config = txc_config_load (s_file, s_keys, &error);
    if (config)
        fail_msg ("accepted: %s", text);
    assert_int_equal (error.code, TXC_ECONFIG);
    if (!strstr (error.text, s_file) || !strstr (error.text, where) || !strstr (error.text, why))
        fail_msg ("'%s' tells neither '%s' nor '%s'", error.text, where, why);
}

#define GOOD "server\n    listen = tcp://127.0.0.1:1\n"

static void test_values (void **state)
{
    (void) state;
    txc_config_t *config = s_load ("# a comment\n"
                                   "server\n"
                                   "    listen = tcp://127.0.0.1:7400   # the first\n"
                                   "    listen = 'ipc:///run/x'\n"
                                   "    count = 100\n"
                                   "    size = 2 M\n"
                                   "    wait = 2m\n"
                                   "    open = 1\n"
                                   "\n"
                                   "    # indented comment\n"
                                   "    note = \"a # b 'c'\"\n"
                                   "rm\n"
                                   "    bank_pg\n"
                                   "        plugin = pgsql\n"
                                   "        conninfo = \"host=/tmp password=#1\"\n"
                                   "    bank_my\n"
                                   "        plugin = mysql\n"
                                   "        weight = 3\n");
    assert_string_equal (txc_config_nth (config, "server/listen", 0), "tcp://127.0.0.1:7400");
    assert_string_equal (txc_config_nth (config, "server/listen", 1), "ipc:///run/x");
    assert_null (txc_config_nth (config, "server/listen", 2));
    assert_string_equal (txc_config_string (config, "server/name"), "main");
    assert_int_equal (txc_config_int (config, "server/count"), 100);
    assert_int_equal (txc_config_int (config, "server/size"), 2 << 20);
    assert_int_equal (txc_config_int (config, "server/wait"), 120000);
    assert_true (txc_config_bool (config, "server/open"));
    assert_string_equal (txc_config_string (config, "server/level"), "info");
    assert_string_equal (txc_config_string (config, "server/note"), "a # b 'c'");
    assert_string_equal (txc_config_child (config, "rm", 0), "bank_pg");
    assert_string_equal (txc_config_child (config, "rm", 1), "bank_my");
    assert_null (txc_config_child (config, "rm", 2));
    assert_string_equal (txc_config_string (config, "rm/bank_pg/conninfo"), "host=/tmp password=#1");
    assert_null (txc_config_string (config, "rm/bank_my/conninfo"));
    assert_int_equal (txc_config_int (config, "rm/bank_pg/weight"), 1);
    assert_int_equal (txc_config_int (config, "rm/bank_my/weight"), 3);
    assert_int_equal (txc_config_line (config, "rm/bank_my/plugin"), 17);
    assert_int_equal (txc_config_line (config, "server/name"), 0);
    txc_config_destroy (&config);
    assert_null (config);
}

static void test_units (void **state)
{
    (void) state;
    static const struct {
        const char *text;
        txc_key_type_t type;
        int64_t number; /* -1: refused */
    } cases[] = {
        {"0", TXC_KEY_DURATION, 0},
        {"1ms", TXC_KEY_DURATION, 1},
        {"90 s", TXC_KEY_DURATION, 90000},
        {"3m", TXC_KEY_DURATION, 180000},
        {"2h", TXC_KEY_DURATION, 7200000},
        {"5", TXC_KEY_DURATION, -1},
        {"5x", TXC_KEY_DURATION, -1},
        {"1.5s", TXC_KEY_DURATION, -1},
        {"-1s", TXC_KEY_DURATION, -1},
        {"999999999999999h", TXC_KEY_DURATION, -1},
        {"4096", TXC_KEY_SIZE, 4096},
        {"4K", TXC_KEY_SIZE, 4096},
        {"1G", TXC_KEY_SIZE, 1 << 30},
        {"1k", TXC_KEY_SIZE, -1},
        {"1KB", TXC_KEY_SIZE, -1},
        {"999999999999999G", TXC_KEY_SIZE, -1},
        {"7", TXC_KEY_INT, 7},
        {"0x7", TXC_KEY_INT, -1},
        {"7 ", TXC_KEY_INT, -1},
        {"", TXC_KEY_INT, -1},
        {"9999999999999999", TXC_KEY_INT, -1},
    };
    char room[160];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        txc_key_t key = {"x", cases[i].type, 0, NULL, 0, 0, NULL};
        int64_t number;
        const char *wrong = txc_value_check (&key, cases[i].text, &number, room);
        if ((wrong != NULL) != (cases[i].number < 0) || (!wrong && number != cases[i].number))
            fail_msg ("'%s': %s", cases[i].text, wrong ? wrong : "accepted, or another number");
    }
}

static void test_wrong_values (void **state)
{
    (void) state;
    s_refuse_at (GOOD "    count = 0\n", ":3: server/count", "from 1 to 100");
    s_refuse_at (GOOD "    count = 101\n", ":3: server/count", "from 1 to 100");
    s_refuse_at (GOOD "    count = many\n", ":3: server/count", "whole number");
    s_refuse_at (GOOD "    count = -5\n", ":3: server/count", "whole number");
    s_refuse_at (GOOD "    size = 1K\n", ":3: server/size", "from 4K to 1G");
    s_refuse_at (GOOD "    wait = 10\n", ":3: server/wait", "unit (ms, s, m, h)");
    s_refuse_at (GOOD "    wait = 2h\n", ":3: server/wait", "from 10ms to 1h");
    s_refuse_at (GOOD "    open = yes\n", ":3: server/open", "0 and 1");
    s_refuse_at (GOOD "    level = inf\n", ":3: server/level", "one of error|info|debug");
    s_refuse_at (GOOD "    level = info|debug\n", ":3: server/level", "one of");
    s_refuse_at (GOOD "    name = Main\n", ":3: server/name", "a-z, 0-9");
    s_refuse_at (GOOD "    note = \"\"\n", ":3: server/note", "needs a value");
    s_refuse_at ("server\n    listen = 127.0.0.1:7400\n", ":2: server/listen", "tcp://HOST:PORT");
}

static void test_keys_that_are_not_known (void **state)
{
    (void) state;
    s_refuse_at (GOOD "    cuont = 5\n", ":3: server/cuont", "listen, name, count");
    s_refuse_at (GOOD "sever\n", ":3: sever", "allowed here: server, rm");
    s_refuse_at (GOOD "listen = tcp://127.0.0.1:2\n", ":3: listen", "no such key");
    s_refuse_at (GOOD "    count\n", ":3: server/count", "needs a value");
    s_refuse_at (GOOD "    count = 5\n        deep = 6\n", ":3: server/count", "nothing goes below");
    s_refuse_at ("server = 5\n    listen = tcp://127.0.0.1:1\n", ":1: server", "section");
    s_refuse_at (GOOD "rm\n    a\n        plugin = x\n            y = 1\n", ":5: rm/a/plugin",
                 "nothing goes below");
}

static void test_duplicates (void **state)
{
    (void) state;
    s_refuse_at (GOOD "    count = 5\n    count = 6\n", ":4: server/count", "in line 3");
    s_refuse_at (GOOD "server\n    count = 6\n", ":3: server", "in line 1");
    s_refuse_at (GOOD "rm\n    a\n        plugin = x\n    a\n        plugin = y\n", ":6: rm/a", "in line 4");
    s_refuse_at (GOOD "rm\n    a\n        plugin = x\n        free = 1\n        free = 2\n", ":7: rm/a/free",
                 "in line 6");
}

static void test_missing (void **state)
{
    (void) state;
    s_refuse_at ("", "", "server/listen is missing: say where");
    s_refuse_at ("server\n    count = 5\n", "", "server/listen is missing");
    s_refuse_at (GOOD "rm\n    bank\n        weight = 2\n", ":4: rm/bank/plugin", "is missing");
    s_refuse_at (GOOD "rm\n    Bank\n        plugin = x\n", ":4: rm/Bank", "a-z, 0-9");
}

/* What zconfig would take silently, or refuse without telling where. */
static void test_lines_that_are_not_zpl (void **state)
{
    (void) state;
    char text[4096];
    s_refuse_at ("server\n\tlisten = x\n", ":2:", "not with tabs");
    s_refuse_at ("server\n  listen = x\n", ":2:", "4 blanks");
    s_refuse_at ("server\n        listen = x\n", ":2:", "too far");
    s_refuse_at ("    server\n", ":1:", "too far");
    s_refuse_at (GOOD "    note = ab#c\n", ":3:", "quotes");
    s_refuse_at (GOOD "    note = #c\n", ":3:", "no value");
    s_refuse_at (GOOD "    note =\n", ":3:", "no value");
    s_refuse_at (GOOD "    note = \"abc\n", ":3:", "closing quote");
    s_refuse_at (GOOD "    note = \"abc\"d\n", ":3:", "behind the closing quote");
    s_refuse_at (GOOD "    note = a\"b\n", ":3:", "quote");
    s_refuse_at (GOOD "    note value\n", ":3:", "key = value");
    s_refuse_at (GOOD "    = value\n", ":3:", "key = value");
    s_refuse_at (GOOD "    no/te = value\n", ":3:", "key = value");
    s_refuse_at (GOOD "    note = a\x01z\n", ":3:", "control character");
    s_refuse_at (GOOD "    n\xc3\xb6te = a\n", ":3:", "key = value");
    snprintf (text, sizeof text, GOOD "    note = %01500d\n", 1);
    s_refuse_at (text, ":3:", "longer than 1000");
}

static void test_files_that_are_none (void **state)
{
    (void) state;
    txc_error_t error;
    assert_null (txc_config_load ("/nonexistent/txcoord.cfg", s_keys, &error));
    assert_int_equal (error.code, TXC_EIO);
    assert_non_null (strstr (error.text, "/nonexistent/txcoord.cfg: No such file"));
    assert_null (txc_config_load ("/tmp", s_keys, &error));
    assert_int_equal (error.code, TXC_ECONFIG);
    s_write_bytes ("server\0\n", 8);
    assert_null (txc_config_load (s_file, s_keys, &error));
    assert_non_null (strstr (error.text, "NUL"));
    size_t size = (1 << 20) + 1;
    char *large = malloc (size);
    memset (large, '\n', size);
    s_write_bytes (large, size);
    assert_null (txc_config_load (s_file, s_keys, &error));
    assert_non_null (strstr (error.text, "1 MiB"));
    free (large);
}

static void test_windows_line_ends_and_no_last_line_end (void **state)
{
    (void) state;
    txc_config_t *config = s_load ("server\r\n    listen = tcp://127.0.0.1:1\r\n    count = 7");
    assert_int_equal (txc_config_int (config, "server/count"), 7);
    assert_string_equal (txc_config_string (config, "server/listen"), "tcp://127.0.0.1:1");
    txc_config_destroy (&config);
}

/* --- reading it again ------------------------------------------------------------- */

typedef struct s_changes {
    char text[512];
} s_changes_t;

static void s_changed (void *arg, const char *path, bool applied)
{
    s_changes_t *changes = arg;
    size_t used = strlen (changes->text);
    snprintf (changes->text + used, sizeof changes->text - used, "%s%s ", applied ? "+" : "-", path);
}

static void s_rewrite_and_reload (txc_config_t *config, const char *text, const char *expected)
{
    s_changes_t changes = {""};
    txc_error_t error;
    s_write_bytes (text, strlen (text));
    if (txc_config_reload (config, s_changed, &changes, &error))
        fail_msg ("%s", error.text);
    assert_string_equal (changes.text, expected);
}

static void test_reload (void **state)
{
    (void) state;
    txc_config_t *config = s_load (GOOD "    count = 7\nrm\n    a\n        plugin = x\n");
    s_rewrite_and_reload (config, GOOD "    count = 7\nrm\n    a\n        plugin = x\n", "");
    s_rewrite_and_reload (config, GOOD "    count = 8\n    size = 1M\nrm\n    a\n        plugin = y\n",
                          "+server/count -server/size -rm/a/plugin ");
    assert_int_equal (txc_config_int (config, "server/count"), 8);
    assert_int_equal (txc_config_int (config, "server/size"), 16 << 20);
    assert_string_equal (txc_config_string (config, "rm/a/plugin"), "x");

    /* A new section counts after a restart only, its reloadable keys too; a key taken out is its default
     * again. */
    s_rewrite_and_reload (config,
                          GOOD
                          "rm\n    a\n        plugin = x\n        weight = 4\n    b\n        plugin = x\n"
                          "        weight = 5\n",
                          "+rm/a/weight -rm/b/plugin -rm/b/weight +server/count ");
    assert_int_equal (txc_config_int (config, "server/count"), 5);
    assert_int_equal (txc_config_int (config, "rm/a/weight"), 4);
    assert_null (txc_config_child (config, "rm", 1));

    /* A repeatable key is one value. */
    s_rewrite_and_reload (config, GOOD "    listen = tcp://127.0.0.1:2\nrm\n    a\n        plugin = x\n",
                          "-server/listen +rm/a/weight ");
    assert_null (txc_config_nth (config, "server/listen", 1));
    txc_config_destroy (&config);
}

static void test_reload_of_a_wrong_file_changes_nothing (void **state)
{
    (void) state;
    txc_config_t *config = s_load (GOOD "    count = 7\n");
    s_changes_t changes = {""};
    txc_error_t error;
    const char *wrong = GOOD "    count = 8\n    size = no\n";
    s_write_bytes (wrong, strlen (wrong));
    assert_int_equal (txc_config_reload (config, s_changed, &changes, &error), TXC_ECONFIG);
    assert_non_null (strstr (error.text, "server/size"));
    assert_string_equal (changes.text, "");
    assert_int_equal (txc_config_int (config, "server/count"), 7);
    txc_config_destroy (&config);
}

static int s_make_file (void **state)
{
    (void) state;
    int fd = mkstemp (s_file);
    return fd < 0 ? -1 : close (fd);
}

static int s_remove_file (void **state)
{
    (void) state;
    return unlink (s_file);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_values),
        cmocka_unit_test (test_units),
        cmocka_unit_test (test_wrong_values),
        cmocka_unit_test (test_keys_that_are_not_known),
        cmocka_unit_test (test_duplicates),
        cmocka_unit_test (test_missing),
        cmocka_unit_test (test_lines_that_are_not_zpl),
        cmocka_unit_test (test_files_that_are_none),
        cmocka_unit_test (test_windows_line_ends_and_no_last_line_end),
        cmocka_unit_test (test_reload),
        cmocka_unit_test (test_reload_of_a_wrong_file_changes_nothing),
    };
    return cmocka_run_group_tests_name ("config", tests, s_make_file, s_remove_file);
}
