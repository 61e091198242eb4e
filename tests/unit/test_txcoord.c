/*
 * test_txcoord.c - the coordinator's configuration table against its sample and its manual; the crash points.
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

#include "daemon/txc_value.h"
#include "txcoord/coord.h"
#include "wrong_values.h"

static char *s_read (const char *name)
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

static void test_the_sample_is_valid (void **state)
{
    (void) state;
    txc_error_t error;
    txc_config_t *config = txc_config_load (TXC_TEST_SOURCES "/etc/txcoord.cfg", coord_keys, &error);
    if (!config || coord_config_check (config, &error))
        fail_msg ("%s", error.text);
    txc_replica_config_t replica = {0};
    coord_config_replica (config, &replica);
    assert_int_equal (replica.id, 1);
    assert_int_equal (replica.retry_ms, 100);
    assert_int_equal (replica.max_outcomes, 1000000);
    txc_config_destroy (&config);
}

/* Sample and manual name every key with its default. */
static void test_every_key_is_explained (void **state)
{
    (void) state;
    char line[128], room[160];
    for (const txc_key_t *key = coord_keys; key->path; key++) {
        const char *name = strchr (key->path, '/') + 1;
        if (key->fallback && txc_value_check (key, key->fallback, NULL, room))
            fail_msg ("%s: its default is not valid", key->path);
        if (key->fallback)
            snprintf (line, sizeof line, "    # %s = %s\n", name, key->fallback);
        else
            snprintf (line, sizeof line, "    %s%s = ", key->flags & TXC_KEY_REQUIRED ? "" : "# ", name);
        if (!strstr (s_read ("etc/txcoord.cfg"), line))
            fail_msg ("etc/txcoord.cfg lacks '%s'", line);
        if (key->fallback)
            snprintf (line, sizeof line, ".BR %s \" [%s]\"\n", name, key->fallback);
        else
            snprintf (line, sizeof line, ".B %s\n%s", name, key->flags & TXC_KEY_REQUIRED ? "Required" : "");
        if (!strstr (s_read ("doc/man/txcoord.cfg.5"), line))
            fail_msg ("doc/man/txcoord.cfg.5 lacks '%s'", line);
    }
}

static void test_every_key_refuses_a_wrong_value (void **state)
{
    (void) state;
    every_key_refuses_a_wrong_value (coord_keys);
}

static bool s_has_point (const char *where, const char *what)
{
    for (const txc_crash_set_t *set = coord_crash_points; set->where; set++)
        for (const char *const *name = set->whats; *name; name++)
            if (strcmp (set->where, where) == 0 && strcmp (*name, what) == 0)
                return true;
    return false;
}

/* Each record before and after its write; each message that a coordinator sends, and no other. */
static void test_crash_points (void **state)
{
    (void) state;
    for (int type = 1; type < TXC_REC_TYPES; type++) {
        assert_true (s_has_point ("append.before", txc_rec_name ((txc_rec_type_t) type)));
        assert_true (s_has_point ("append.after", txc_rec_name ((txc_rec_type_t) type)));
    }
    assert_true (s_has_point ("send.before", txc_msg_name (TXC_MSG_PREPARE)));
    assert_true (s_has_point ("send.after", txc_msg_name (TXC_MSG_PHASE2_ROLLBACK)));
    assert_true (s_has_point ("send.after", txc_msg_name (TXC_MSG_ADMIN_REPLY)));
    assert_false (s_has_point ("send.after", txc_msg_name (TXC_MSG_VOTE)));
    for (const txc_crash_set_t *set = coord_crash_points; set->where; set++)
        for (const char *const *name = set->whats; strncmp (set->where, "send.", 5) == 0 && *name; name++) {
            int type = 1;
            while (type < TXC_MSG_TYPES && strcmp (*name, txc_msg_name ((txc_msg_type_t) type)) != 0)
                type++;
            if (type == TXC_MSG_TYPES)
                fail_msg ("%s is no message", *name);
        }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_the_sample_is_valid),
        cmocka_unit_test (test_every_key_is_explained),
        cmocka_unit_test (test_every_key_refuses_a_wrong_value),
        cmocka_unit_test (test_crash_points),
    };
    return cmocka_run_group_tests_name ("txcoord", tests, NULL, NULL);
}
