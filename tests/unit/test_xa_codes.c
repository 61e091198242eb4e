/*
 * test_xa_codes.c - the return codes of the XA specification, each at each function, and the plugin that
 * makes the calls.
 */
#include "config.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>
#include <xa.h>

#include <txcoord/txc_rm.h>

#include "txc_scripted_xa.h"
#include "txc_test.h"
#include "xa_code.h"

/* --- the table, written down a second time ---------------------------------------------- */

enum { ANY = 1000, END = 1001 };

typedef struct line {
    xa_function_t function;
    int from, to; /* codes */
    txc_rm_status_t status;
    int heuristic; /* ANY: the code itself */
} line_t;

/* What a function may give by the specification; other codes are a vendor's mistakes, see s_mistake. */
static const line_t s_lines[] = {
    {XA_FN_OPEN, XA_OK, XA_OK, TXC_RM_OK, 0},
    {XA_FN_OPEN, XAER_ASYNC, XAER_ASYNC, TXC_RM_LOST, 0},
    {XA_FN_OPEN, XAER_RMERR, XAER_RMERR, TXC_RM_LOST, 0},
    {XA_FN_OPEN, XAER_INVAL, XAER_INVAL, TXC_RM_LOST, 0},
    {XA_FN_OPEN, XAER_PROTO, XAER_PROTO, TXC_RM_LOST, 0},

    {XA_FN_START, XA_OK, XA_OK, TXC_RM_OK, 0},
    {XA_FN_START, XA_RBROLLBACK, XA_RBTRANSIENT, TXC_RM_ROLLED_BACK, 0},
    {XA_FN_START, XA_RETRY, XA_RETRY, TXC_RM_RETRY, 0},
    {XA_FN_START, XAER_DUPID, XAER_DUPID, TXC_RM_ERROR, 0},
    {XA_FN_START, XAER_OUTSIDE, XAER_OUTSIDE, TXC_RM_ERROR, 0},
    {XA_FN_START, XAER_RMFAIL, XAER_RMFAIL, TXC_RM_LOST, 0},
    {XA_FN_START, XAER_PROTO, XAER_RMERR, TXC_RM_ERROR, 0},

    {XA_FN_END, XA_OK, XA_OK, TXC_RM_OK, 0},
    {XA_FN_END, XA_NOMIGRATE, XA_NOMIGRATE, TXC_RM_ERROR, 0}, /* suspends: not asked for */
    {XA_FN_END, XA_RBROLLBACK, XA_RBTRANSIENT, TXC_RM_ROLLED_BACK, 0},
    {XA_FN_END, XAER_RMFAIL, XAER_RMFAIL, TXC_RM_LOST, 0},
    {XA_FN_END, XAER_PROTO, XAER_RMERR, TXC_RM_ERROR, 0},

    {XA_FN_PREPARE, XA_OK, XA_OK, TXC_RM_OK, 0},
    {XA_FN_PREPARE, XA_RDONLY, XA_RDONLY, TXC_RM_READ_ONLY, 0},
    {XA_FN_PREPARE, XA_RBROLLBACK, XA_RBTRANSIENT, TXC_RM_ROLLED_BACK, 0},
    {XA_FN_PREPARE, XAER_RMFAIL, XAER_ASYNC, TXC_RM_LOST, 0},

    {XA_FN_COMMIT, XA_OK, XA_OK, TXC_RM_OK, 0},
    {XA_FN_COMMIT, XA_HEURMIX, XA_HEURHAZ, TXC_RM_HEURISTIC, ANY},
    {XA_FN_COMMIT, XA_RETRY, XA_RETRY, TXC_RM_RETRY, 0},
    {XA_FN_COMMIT, XAER_RMERR, XAER_RMERR, TXC_RM_HEURISTIC, XA_HEURRB},
    {XA_FN_COMMIT, XAER_NOTA, XAER_NOTA, TXC_RM_ABSENT, 0},
    {XA_FN_COMMIT, XAER_RMFAIL, XAER_RMFAIL, TXC_RM_LOST, 0},
    {XA_FN_COMMIT, XAER_PROTO, XAER_INVAL, TXC_RM_RETRY, 0},

    {XA_FN_COMMIT_ONE_PHASE, XA_OK, XA_OK, TXC_RM_OK, 0},
    {XA_FN_COMMIT_ONE_PHASE, XA_RBROLLBACK, XA_RBTRANSIENT, TXC_RM_ROLLED_BACK, 0},
    {XA_FN_COMMIT_ONE_PHASE, XA_HEURMIX, XA_HEURHAZ, TXC_RM_HEURISTIC, ANY},
    {XA_FN_COMMIT_ONE_PHASE, XAER_RMERR, XAER_RMERR, TXC_RM_ROLLED_BACK, 0},
    {XA_FN_COMMIT_ONE_PHASE, XAER_RMFAIL, XAER_NOTA, TXC_RM_LOST, 0},

    {XA_FN_ROLLBACK, XA_OK, XA_OK, TXC_RM_OK, 0},
    {XA_FN_ROLLBACK, XA_HEURMIX, XA_HEURHAZ, TXC_RM_HEURISTIC, ANY},
    {XA_FN_ROLLBACK, XA_RBROLLBACK, XA_RBTRANSIENT, TXC_RM_OK, 0},
    {XA_FN_ROLLBACK, XAER_RMERR, XAER_RMERR, TXC_RM_RETRY, 0},
    {XA_FN_ROLLBACK, XAER_NOTA, XAER_NOTA, TXC_RM_ABSENT, 0},
    {XA_FN_ROLLBACK, XAER_RMFAIL, XAER_RMFAIL, TXC_RM_LOST, 0},
    {XA_FN_ROLLBACK, XAER_PROTO, XAER_INVAL, TXC_RM_RETRY, 0},

    {XA_FN_RECOVER, 0, 0, TXC_RM_OK, 0},
    {XA_FN_RECOVER, XAER_RMFAIL, XAER_RMERR, TXC_RM_LOST, 0},

    {XA_FN_FORGET, XA_OK, XA_OK, TXC_RM_OK, 0},
    {XA_FN_FORGET, XAER_NOTA, XAER_NOTA, TXC_RM_OK, 0}, /* forgotten already */
    {XA_FN_FORGET, XAER_RMFAIL, XAER_RMFAIL, TXC_RM_LOST, 0},
    {XA_FN_FORGET, XAER_PROTO, XAER_INVAL, TXC_RM_RETRY, 0},
    {XA_FN_FORGET, XAER_RMERR, XAER_ASYNC, TXC_RM_RETRY, 0},
};

static const line_t *s_line (xa_function_t function, int rc)
{
    for (size_t i = 0; i < sizeof s_lines / sizeof *s_lines; i++)
        if (s_lines[i].function == function && rc >= s_lines[i].from && rc <= s_lines[i].to)
            return &s_lines[i];
    return NULL;
}

/* What the specification does not allow a function to give must never pass for success, nor for an outcome.
 */
static bool s_mistake_is_harmless (xa_function_t function, txc_rm_status_t status)
{
    if (function == XA_FN_RECOVER)
        return true; /* a count */
    return status == TXC_RM_LOST || status == TXC_RM_RETRY ||
           ((function == XA_FN_START || function == XA_FN_END) && status == TXC_RM_ERROR);
}

static void every_code_of_every_function (void **unused)
{
    (void) unused;
    unsigned lines = 0, mistakes = 0;
    for (int function = 0; function < XA_FNS; function++)
        for (int rc = -12; rc <= 112; rc++) {
            int heuristic = -1;
            txc_rm_status_t status = xa_code_meaning ((xa_function_t) function, rc, &heuristic);
            const line_t *line = s_line ((xa_function_t) function, rc);
            bool good =
                line ? status == line->status && heuristic == (line->heuristic == ANY ? rc : line->heuristic)
                     : s_mistake_is_harmless ((xa_function_t) function, status);
            if (!good)
                fail_msg ("%s gave %s (%d): taken for status %d, heuristic %d",
                          xa_function_name ((xa_function_t) function), xa_code_name (rc), rc, (int) status,
                          heuristic);
            lines += line != NULL;
            mistakes += line == NULL;
        }
    printf ("%u codes as specified, %u that are not\n", lines, mistakes);
    assert_true (lines > 90);
}

/* --- the plugin ------------------------------------------------------------------------------ */

static char s_path[4096];
static scripted_xa_script_t *s_script;
static const txc_rm_switch_t *s_plugin;
static const char *s_symbol, *s_info;

static const char *s_config (void *arg, const char *key)
{
    (void) arg;
    return strcmp (key, "switch") == 0      ? s_path
           : strcmp (key, "symbol") == 0    ? s_symbol
           : strcmp (key, "open_info") == 0 ? s_info
                                            : NULL;
}

typedef struct fixture {
    txc_rm_t *rm;
    txc_rm_conn_t *conn;
} fixture_t;

static int s_setup (void **state)
{
    static fixture_t fixture;
    memset (s_script, 0, sizeof *s_script);
    s_symbol = "scripted_xa";
    s_info = "a=b";
    txc_rm_error_t error;
    assert_int_equal (s_plugin->open ("vendor", s_config, NULL, &fixture.rm, &error), TXC_RM_OK);
    assert_int_equal (s_plugin->connect (fixture.rm, &fixture.conn, &error), TXC_RM_OK);
    *state = &fixture;
    return 0;
}

static int s_teardown (void **state)
{
    fixture_t *f = *state;
    s_plugin->disconnect (&f->conn);
    s_plugin->close (&f->rm);
    assert_int_equal (s_script->closes, s_script->opens);
    assert_int_equal (s_script->strangers, 0);
    return 0;
}

static const txc_rm_xid_t s_xid = {0x54584331, "txc-1.2.3p", "vendor.0000000000000001"};

typedef txc_rm_status_t (finish_fn) (txc_rm_conn_t *, const txc_rm_xid_t *, const char *, txc_rm_error_t *);

static void s_all_codes (fixture_t *f, xa_function_t function, finish_fn *finish, int *rc)
{
    for (int code = XAER_OUTSIDE; code <= XA_RBEND; code++) {
        *rc = code;
        int heuristic;
        txc_rm_status_t expected = xa_code_meaning (function, code, &heuristic);
        txc_rm_error_t error = {0};
        assert_int_equal (finish (f->conn, &s_xid, "", &error), expected);
        if (expected == TXC_RM_HEURISTIC)
            assert_int_equal (error.native, heuristic);
        if (expected != TXC_RM_OK)
            assert_non_null (strstr (error.text, xa_code_name (code)));
        if (code != XAER_RMFAIL)
            continue;
        /* The connection is over: no other call reaches the switch by it. */
        assert_false (s_plugin->is_alive (f->conn));
        unsigned calls = s_script->commits + s_script->rollbacks;
        assert_int_equal (finish (f->conn, &s_xid, "", &error), TXC_RM_LOST);
        assert_int_equal (s_script->commits + s_script->rollbacks, calls);
        s_plugin->disconnect (&f->conn);
        assert_int_equal (s_plugin->connect (f->rm, &f->conn, &error), TXC_RM_OK);
    }
}

static void commit_and_rollback_give_what_the_switch_gave (void **state)
{
    fixture_t *f = *state;
    s_all_codes (f, XA_FN_COMMIT, s_plugin->commit, &s_script->commit);
    assert_int_equal (s_script->commits, XA_RBEND - XAER_OUTSIDE + 1);
    s_all_codes (f, XA_FN_ROLLBACK, s_plugin->rollback, &s_script->rollback);
    assert_int_equal (s_script->flags, TMNOFLAGS);
    assert_int_equal (s_script->xid.formatID, s_xid.format_id);
    assert_int_equal (s_script->xid.gtrid_length, strlen (s_xid.gtrid));
    assert_int_equal (s_script->xid.bqual_length, strlen (s_xid.bqual));
    assert_memory_equal (s_script->xid.data, "txc-1.2.3pvendor.0000000000000001", 33);
}

static void a_heuristic_is_kept_until_it_is_forgotten (void **state)
{
    fixture_t *f = *state;
    txc_rm_error_t error;
    s_script->commit = XA_HEURMIX;
    assert_int_equal (s_plugin->commit (f->conn, &s_xid, "", &error), TXC_RM_HEURISTIC);
    assert_int_equal (s_script->forgets, 0); /* the agent says when */
    assert_int_equal (s_plugin->forget (f->conn, &s_xid, &error), TXC_RM_OK);
    s_script->forget = XAER_NOTA;
    assert_int_equal (s_plugin->forget (f->conn, &s_xid, &error), TXC_RM_OK);
    assert_int_equal (s_script->forgets, 2);
}

static void s_list (int i, long format, const char *gtrid, const char *bqual)
{
    XID *xid = &s_script->listed[i];
    memset (xid, 0, sizeof *xid);
    xid->formatID = format;
    xid->gtrid_length = (long) strlen (gtrid);
    xid->bqual_length = (long) strlen (bqual);
    memcpy (xid->data, gtrid, strlen (gtrid));
    memcpy (xid->data + strlen (gtrid), bqual, strlen (bqual));
}

static unsigned s_n_found;

static void s_take (void *arg, const txc_rm_found_t *found)
{
    char expected[32];
    snprintf (expected, sizeof expected, "txc-1.2.%xp", s_n_found++);
    assert_string_equal (found->gtrid, expected);
    assert_string_equal (found->bqual, "vendor.1");
    assert_int_equal (found->format_id, 0x54584331);
    (void) arg;
}

static void a_scan_finds_all_of_them (void **state)
{
    fixture_t *f = *state;
    static const int counts[] = {0, 1, 63, 64, 65, 128, 150};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (int n = 0; n < counts[i]; n++) {
            char gtrid[32];
            snprintf (gtrid, sizeof gtrid, "txc-1.2.%xp", (unsigned) n);
            s_list (n, 0x54584331, gtrid, "vendor.1");
        }
        s_script->n_listed = counts[i];
        s_n_found = 0;
        txc_rm_error_t error;
        assert_int_equal (s_plugin->recover (f->conn, s_take, NULL, &error), TXC_RM_OK);
        assert_int_equal (s_n_found, counts[i]);
    }
    assert_int_equal (s_script->scans, sizeof counts / sizeof *counts);
}

static void what_cannot_be_ours_is_passed_over (void **state)
{
    fixture_t *f = *state;
    s_list (0, -1, "txc-1.2.0p", "vendor.1");
    s_list (1, 1L << 40, "txc-1.2.0p", "vendor.1");
    s_list (2, 0x54584331, "", "vendor.1");
    s_list (3, 0x54584331, "txc\n", "vendor.1");
    s_list (4, 0x54584331, "txc-1.2.0p", "vendor.1");
    s_list (5, 0x54584331, "txc-1.2.1p", "vendor.1");
    s_script->listed[5].gtrid_length = 100000;
    s_script->n_listed = 6;
    s_n_found = 0;
    txc_rm_error_t error;
    assert_int_equal (s_plugin->recover (f->conn, s_take, NULL, &error), TXC_RM_OK);
    assert_int_equal (s_n_found, 1);
    s_script->recover = XAER_RMERR;
    assert_int_equal (s_plugin->recover (f->conn, s_take, NULL, &error), TXC_RM_LOST);
}

/* Either would have ended the agent, or kept it busy for ever. */
static void a_faulty_scan_is_an_error (void **state)
{
    fixture_t *f = *state;
    txc_rm_error_t error;
    for (int n = 0; n < 100; n++) {
        char gtrid[32];
        snprintf (gtrid, sizeof gtrid, "txc-1.2.%xp", (unsigned) n);
        s_list (n, 0x54584331, gtrid, "vendor.1");
    }
    s_script->n_listed = 3;
    s_script->boasts = 62;
    s_n_found = 0;
    assert_int_equal (s_plugin->recover (f->conn, s_take, NULL, &error), TXC_RM_RETRY);
    assert_non_null (strstr (error.text, "more branches than there was room for"));
    assert_int_equal (s_n_found, 0);
    s_script->boasts = 0;
    s_script->restarts = 1;
    assert_int_equal (s_plugin->recover (f->conn, s_take, NULL, &error), TXC_RM_OK); /* all at once */
    assert_int_equal (s_n_found, 3);
    s_script->n_listed = 100;
    s_n_found = 0;
    assert_int_equal (s_plugin->recover (f->conn, s_take, NULL, &error), TXC_RM_RETRY);
    assert_non_null (strstr (error.text, "anew"));
    assert_int_equal (s_n_found, 64);
}

static void *s_commit_elsewhere (void *arg)
{
    fixture_t *f = arg;
    txc_rm_error_t error;
    assert_int_equal (s_plugin->commit (f->conn, &s_xid, "", &error), TXC_RM_OK);
    return NULL;
}

/* s_teardown sees that every call came from the thread that opened. */
static void a_connection_may_be_used_by_any_thread (void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        assert_int_equal (pthread_create (&thread, NULL, s_commit_elsewhere, f), 0);
        assert_int_equal (pthread_join (thread, NULL), 0);
    }
    assert_int_equal (s_script->commits, 3);
    assert_int_equal (s_script->opens, 1);
    assert_string_equal (s_script->info, "a=b");
}

static void s_refused (const char *part)
{
    txc_rm_t *rm = NULL;
    txc_rm_error_t error = {0};
    assert_int_equal (s_plugin->open ("vendor", s_config, NULL, &rm, &error), TXC_RM_ERROR);
    assert_null (rm);
    if (!strstr (error.text, part))
        fail_msg ("%s", error.text);
}

static void a_wrong_configuration_is_told (void **state)
{
    (void) state;
    char path[sizeof s_path], info[300];
    s_symbol = NULL;
    s_refused ("symbol");
    s_symbol = "no_such_symbol";
    s_refused ("no_such_symbol");
    s_symbol = "scripted_xa_of_another_version";
    s_refused ("version 0");
    s_symbol = "scripted_xa";
    memset (info, 'x', sizeof info - 1);
    info[sizeof info - 1] = 0;
    s_info = info;
    s_refused ("255 bytes");
    s_info = NULL;
    memcpy (path, s_path, sizeof path);
    snprintf (s_path, sizeof s_path, "/nowhere/at/all.so");
    s_refused ("/nowhere/at/all.so");
    memcpy (s_path, path, sizeof path);
}

static void a_resource_manager_that_does_not_open (void **state)
{
    fixture_t *f = *state;
    static const int codes[] = {XAER_RMERR, XAER_INVAL, XAER_PROTO, XAER_ASYNC};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        s_script->open = codes[i];
        txc_rm_conn_t *conn = NULL;
        txc_rm_error_t error = {0};
        assert_int_equal (s_plugin->connect (f->rm, &conn, &error), TXC_RM_LOST);
        assert_null (conn);
        assert_non_null (strstr (error.text, xa_code_name (codes[i])));
        s_script->opens--; /* is not closed */
    }
}

int main (void)
{
    if (!getcwd (s_path, sizeof s_path - 64))
        return 1;
    strcat (s_path, "/tests/lib/.libs/txc_scripted_xa.so");
    void *library = dlopen (s_path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf ("%s\n", dlerror());
        return 1;
    }
    scripted_xa_script_t *(*script) (void);
    *(void **) &script = dlsym (library, "scripted_xa_script");
    s_script = script();
    s_plugin = txc_rm_switch();
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (every_code_of_every_function),
        CASE (commit_and_rollback_give_what_the_switch_gave),
        CASE (a_heuristic_is_kept_until_it_is_forgotten),
        CASE (a_scan_finds_all_of_them),
        CASE (what_cannot_be_ours_is_passed_over),
        CASE (a_faulty_scan_is_an_error),
        CASE (a_connection_may_be_used_by_any_thread),
        CASE (a_wrong_configuration_is_told),
        CASE (a_resource_manager_that_does_not_open),
    };
    int rc = cmocka_run_group_tests (tests, NULL, NULL);
    dlclose (library);
    return rc;
}
