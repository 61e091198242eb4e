/*
 * txagent's configuration: the sample is valid, sample and manual name every key.
 */
#include "config.h"

#include "txc_test.h"
#include "wrong_values.h"

#include "daemon/txc_report.h"
#include "txagent/txc_served.h"

static const char *s_read (const char *name)
{
    static char text[65536];
    char path[1024];
    snprintf (path, sizeof path, "%s/%s", TXC_TEST_SOURCES, name);
    FILE *file = fopen (path, "r");
    assert_non_null (file);
    text[fread (text, 1, sizeof text - 1, file)] = 0;
    fclose (file);
    return text;
}

static void s_has (const char *file, const char *line)
{
    if (!strstr (s_read (file), line))
        fail_msg ("%s lacks '%s'", file, line);
}

static void test_the_sample_is_valid (void **state)
{
    (void) state;
    txc_error_t error;
    txc_config_t *config = txc_config_load (TXC_TEST_SOURCES "/etc/txagent.cfg", txc_agent_keys, &error);
    if (!config)
        fail_msg ("%s", error.text);
    assert_int_equal (txc_config_int (config, "rm/bank_pg/connections"), 64);
    assert_int_equal (txc_config_int (config, "rm/bank_pg/lock_timeout"), 10000);
    assert_string_equal (txc_config_string (config, "rm/bank_pg/plugin"), "pgsql");
    assert_non_null (txc_config_string (config, "rm/bank_pg/conninfo"));
    txc_config_destroy (&config);
}

static void test_every_key_is_explained (void **state)
{
    (void) state;
    char line[160];
    for (const txc_key_t *key = txc_agent_keys; key->path; key++) {
        const char *name = strrchr (key->path, '/') + 1;
        if (key->type == TXC_KEY_FREE)
            continue;
        bool folder = strcmp (name, "plugins") == 0; /* its default is a matter of the build */
        snprintf (line, sizeof line, key->fallback && !folder ? "# %s = %s\n" : " %s = ", name,
                  key->fallback);
        s_has ("etc/txagent.cfg", line);
        if (key->fallback && !folder)
            snprintf (line, sizeof line, ".BR %s \" [%s]\"\n", name, key->fallback);
        else if (key->flags & TXC_KEY_REQUIRED)
            snprintf (line, sizeof line, ".B %s\nRequired", name);
        else
            snprintf (line, sizeof line, strcmp (name, "bind") == 0 ? ".BR %s " : ".B %s\n", name);
        s_has ("doc/man/txagent.cfg.5", line);
    }
}

static void test_every_key_refuses_a_wrong_value (void **state)
{
    (void) state;
    every_key_refuses_a_wrong_value (txc_agent_keys);
}

/* A plugin's keys are its own affair, but in the agent's file they are checked before anything starts. */
static void test_plugins_keys (void **state)
{
    (void) state;
    char path[] = "/tmp/txc-agent-cfg-XXXXXX";
    int fd = mkstemp (path);
    FILE *file = fdopen (fd, "w");
    fprintf (file,
             "agent\n    name = a\n    coordinator = tcp://127.0.0.1:7400\n    plugins = %s\njournal\n    "
             "folder = /x\n"
             "rm\n    one\n        plugin = mem\n        connections = 3\n        fault_commit = retry 2\n",
             TXC_TEST_PLUGINS "/mem/.libs");
    assert_int_equal (fclose (file), 0);
    txc_error_t error;
    txc_config_t *config = txc_config_load (path, txc_agent_keys, &error);
    assert_non_null (config);
    static txc_served_list_t served;
    assert_int_equal (txc_served_open (&served, config, &error), TXC_OK);
    assert_int_equal (served.n, 1);
    assert_int_equal (served.items[0].max_branches, 3); /* as many as connections */
    txc_served_close (&served);
    txc_config_destroy (&config);
    remove (path);
}

int main (void)
{
    txc_report_init ("test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_the_sample_is_valid),
        cmocka_unit_test (test_every_key_is_explained),
        cmocka_unit_test (test_every_key_refuses_a_wrong_value),
        cmocka_unit_test (test_plugins_keys),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
