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
#include <unistd.h>

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

/* --- the group -------------------------------------------------------------------- */

/* Reads a configuration with these lines in coordinator and group. */
static txc_config_t *s_group (const char *coordinator, const char *group)
{
    char path[] = "/tmp/txc-group-XXXXXX";
    int fd = mkstemp (path);
    assert_true (fd >= 0);
    FILE *file = fdopen (fd, "w");
    fprintf (file, "coordinator\n    listen = tcp://*:7400\n%sgroup\n%slog\n    folder = /nowhere\n",
             coordinator, group);
    assert_int_equal (fclose (file), 0);
    txc_error_t error;
    txc_config_t *config = txc_config_load (path, coord_keys, &error);
    if (!config)
        fail_msg ("%s", error.text);
    unlink (path);
    return config;
}

#define THREE                                                                                                \
    "    member = \"1 tcp://10.0.0.1:7400\"\n    member = \"2 tcp://10.0.0.2:7400\"\n"                       \
    "    member = \"3 tcp://10.0.0.3:7400\"\n"

static void test_groups_that_make_no_sense (void **state)
{
    (void) state;
    static const struct {
        const char *coordinator, *group, *error;
    } cases[] = {
        {"    replica = 2\n", "    member = two\n", "'two'"},
        {"    replica = 2\n", "    member = \"2\"\n", "a blank"},
        {"    replica = 2\n", "    member = \"0 tcp://10.0.0.1:7400\"\n", "from 1 to 255"},
        {"    replica = 2\n", "    member = \"256 tcp://10.0.0.1:7400\"\n", "from 1 to 255"},
        {"    replica = 2\n", "    member = \"2 10.0.0.1:7400\"\n", "group/member: '10.0.0.1:7400'"},
        {"    replica = 2\n", "    member = \"2 tcp://*:7400\"\n", "group/member"},
        {"    replica = 2\n", THREE "    member = \"2 tcp://10.0.0.4:7400\"\n", "listed twice"},
        {"    replica = 2\n", THREE "    member = \"4 tcp://10.0.0.3:7400\"\n", "listed twice"},
        {"    replica = 2\n", THREE "    member = \"4 tcp://10.0.0.4:7400\"\n", "odd number"},
        {"    replica = 4\n", THREE, "not among them"},
        {"", THREE, "coordinator/replica is missing"},
        {"    replica = 2\n", THREE "    init = 1\n", "group/init = 1"},
        {"    replica = 2\n", THREE "    join = 1\n", "group/join = 1"},
        {"    replica = 4\n", "    join = 1\n", "group/join = 1"},
        {"    replica = 4\n", THREE "    join = 1\n", "coordinator/advertise"},
        {"    replica = 4\n    advertise = tcp://10.0.0.4:7400\n", THREE "    join = 1\n    init = 1\n",
         "exclude"},
        {"    replica = 2\n    advertise = tcp://*:7400\n", THREE, "coordinator/advertise"},
        {"    replica = 2\n", THREE "    heartbeat = 150ms\n", "group/election"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        txc_error_t error = {0};
        txc_config_t *config = s_group (cases[i].coordinator, cases[i].group);
        if (coord_config_check (config, &error) != TXC_ECONFIG || !strstr (error.text, cases[i].error))
            fail_msg ("'%s' was expected of\n%s%s, not: %s", cases[i].error, cases[i].coordinator,
                      cases[i].group, error.text);
        txc_config_destroy (&config);
    }
}

static void s_check_replica (const char *coordinator, const char *group, uint32_t n, const char *endpoint)
{
    txc_error_t error = {0};
    txc_replica_config_t replica = {0};
    txc_config_t *config = s_group (coordinator, group);
    if (coord_config_check (config, &error))
        fail_msg ("%s", error.text);
    coord_config_replica (config, &replica);
    assert_int_equal (replica.n_members, n);
    assert_string_equal (replica.endpoint, endpoint);
    txc_config_destroy (&config);
}

static void test_where_a_replica_is_reached (void **state)
{
    (void) state;
    s_check_replica ("", "", 0, ""); /* it listens everywhere, and nobody said what that means */
    s_check_replica ("    listen = tcp://127.0.0.1:7401\n", "", 0, "");
    s_check_replica ("    advertise = tcp://db1:7400\n", "", 0, "tcp://db1:7400");
    s_check_replica ("    replica = 2\n", THREE, 3, "tcp://10.0.0.2:7400");
    s_check_replica ("    replica = 2\n    advertise = tcp://db2:7400\n", THREE, 3, "tcp://db2:7400");
    s_check_replica ("    replica = 4\n    advertise = tcp://db4:7400\n", THREE "    join = 1\n", 3,
                     "tcp://db4:7400");
}

/* What all replicas must have alike, and nothing else. */
static void test_settings_that_must_be_alike (void **state)
{
    (void) state;
    const txc_replica_config_t base = {
        .id = 1, .election_ms = 300, .heartbeat_ms = 50, .clock_skew = 50, .horizon_ms = 600000};
    txc_replica_config_t other = base;
    other.id = 2;
    other.heartbeat_ms = 40;
    assert_true (coord_config_settings (&base) == coord_config_settings (&other));
    other.election_ms = 301;
    assert_true (coord_config_settings (&base) != coord_config_settings (&other));
    other = base;
    other.clock_skew = 51;
    assert_true (coord_config_settings (&base) != coord_config_settings (&other));
    other = base;
    other.horizon_ms = 1;
    assert_true (coord_config_settings (&base) != coord_config_settings (&other));
}

/* --- crash points ----------------------------------------------------------------- */

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
        cmocka_unit_test (test_groups_that_make_no_sense),
        cmocka_unit_test (test_where_a_replica_is_reached),
        cmocka_unit_test (test_settings_that_must_be_alike),
        cmocka_unit_test (test_crash_points),
    };
    return cmocka_run_group_tests_name ("txcoord", tests, NULL, NULL);
}
