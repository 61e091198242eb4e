/*
 * test_xa_calls.c - an application's branch at an XA switch: every code that each call of the switch may
 * give, and resource managers that register by themselves.
 */
#include "config.h"

#include <dlfcn.h>
#include <xa.h>

#include "libtxcoord/txc_enlist_xa.h"
#include "txc_scripted_xa.h"
#include "txc_test.h"

enum { RMID = 7, TEXT = 256 };

static scripted_xa_script_t *script;
static const struct xa_switch_t *plain, *registering;

static const int s_codes[] = {
    XA_OK,         XA_RDONLY,    XA_RETRY,      XA_HEURMIX,     XA_HEURRB,     XA_HEURCOM,
    XA_HEURHAZ,    XA_NOMIGRATE, XA_RBROLLBACK, XA_RBCOMMFAIL,  XA_RBDEADLOCK, XA_RBINTEGRITY,
    XA_RBOTHER,    XA_RBPROTO,   XA_RBTIMEOUT,  XA_RBTRANSIENT, XAER_ASYNC,    XAER_RMERR,
    XAER_NOTA,     XAER_INVAL,   XAER_PROTO,    XAER_RMFAIL,    XAER_DUPID,    XAER_OUTSIDE,
    XA_RBBASE + 8, -77};
enum { CODES = sizeof s_codes / sizeof *s_codes };

static bool s_is_rollback (int code)
{
    return code >= XA_RBBASE && code <= XA_RBEND;
}

static const txc_branch_name_t s_name = {
    .format_id = 0x54584331, .gtrid = "txc-00000000deadbeef.4d2.1p", .bqual = "bank:0000000000000001"};

/* A branch of a script that gives XA_OK for all that is not said otherwise. */
static txc_xa_branch_t *s_begun (const struct xa_switch_t *xa)
{
    char error[TEXT] = "";
    memset (script, 0, sizeof *script);
    assert_int_equal (xa->xa_open_entry ((char[]){""}, RMID, TMNOFLAGS), XA_OK);
    txc_xa_branch_t *branch = txc_xa_branch_new (xa, RMID);
    assert_int_equal (txc_xa_branch_call (branch, TXC_CALL_BEGIN, &s_name, error), TXC_CALLED_DONE);
    return branch;
}

static int s_call (txc_xa_branch_t *branch, txc_driver_call_t what)
{
    char error[TEXT] = "";
    int called = txc_xa_branch_call (branch, (int) what, &s_name, error);
    bool fine = called == TXC_CALLED_DONE || called == TXC_CALLED_READ_ONLY;
    assert_true (fine || error[0]);
    return called;
}

/* --- the code tables ------------------------------------------------------------------- */

static void start_begins_or_does_not (void **state)
{
    (void) state;
    for (int i = 0; i < CODES; i++) {
        memset (script, 0, sizeof *script);
        script->start = s_codes[i];
        assert_int_equal (plain->xa_open_entry ((char[]){""}, RMID, TMNOFLAGS), XA_OK);
        txc_xa_branch_t *branch = txc_xa_branch_new (plain, RMID);
        assert_int_equal (s_call (branch, TXC_CALL_BEGIN), s_codes[i] == XA_OK          ? TXC_CALLED_DONE
                                                           : s_codes[i] == XAER_RMFAIL  ? TXC_CALLED_UNKNOWN
                                                           : s_codes[i] == XAER_OUTSIDE ? TXC_CALLED_OUTSIDE
                                                                                        : TXC_CALLED_NEVER);
        assert_int_equal (script->flags, TMNOFLAGS);
        assert_int_equal (script->xid.gtrid_length, strlen (s_name.gtrid));
        assert_int_equal (script->xid.bqual_length, strlen (s_name.bqual));
        assert_memory_equal (script->xid.data, s_name.gtrid, strlen (s_name.gtrid));
        txc_xa_branch_release (branch);
    }
}

/* What xa_end says: the branch can go on, is to be rolled back (which is done), or nothing is known. */
static void end_lets_it_prepare_or_not (void **state)
{
    (void) state;
    for (int i = 0; i < CODES; i++)
        for (int failing = 0; failing < 2; failing++) {
            txc_xa_branch_t *branch = s_begun (plain);
            script->end = s_codes[i];
            script->rollback = failing ? XAER_RMERR : XA_OK;
            int expected = s_codes[i] == XA_OK         ? TXC_CALLED_DONE
                           : s_codes[i] == XAER_RMFAIL ? TXC_CALLED_UNKNOWN
                           : failing                   ? TXC_CALLED_UNKNOWN
                                                       : TXC_CALLED_NEVER;
            assert_int_equal (s_call (branch, TXC_CALL_PREPARE), expected);
            assert_int_equal (script->prepares, s_codes[i] == XA_OK);
            assert_int_equal (script->rollbacks, s_codes[i] != XA_OK && s_codes[i] != XAER_RMFAIL);
            txc_xa_branch_release (branch);
        }
}

static void prepare_votes (void **state)
{
    (void) state;
    for (int i = 0; i < CODES; i++) {
        int code = s_codes[i];
        txc_xa_branch_t *branch = s_begun (plain);
        script->prepare = code;
        int expected = code == XA_OK          ? TXC_CALLED_DONE
                       : code == XA_RDONLY    ? TXC_CALLED_READ_ONLY
                       : s_is_rollback (code) ? TXC_CALLED_NEVER
                                              : TXC_CALLED_UNKNOWN;
        assert_int_equal (s_call (branch, TXC_CALL_PREPARE), expected);
        assert_int_equal (script->ends, 1);
        assert_int_equal (script->rollbacks, 0);
        txc_xa_branch_release (branch);
    }
}

static void commit_and_rollback_of_the_prepared (void **state)
{
    (void) state;
    for (int i = 0; i < CODES; i++) {
        int code = s_codes[i];
        txc_xa_branch_t *branch = s_begun (plain);
        assert_int_equal (s_call (branch, TXC_CALL_PREPARE), TXC_CALLED_DONE);
        script->commit = script->rollback = code;
        /* Only a resource manager that failed leaves it open whether it was done. */
        int not_done = code == XAER_NOTA     ? TXC_CALLED_ABSENT
                       : code == XAER_RMFAIL ? TXC_CALLED_UNKNOWN
                                             : TXC_CALLED_REFUSED;
        assert_int_equal (s_call (branch, TXC_CALL_COMMIT), code == XA_OK ? TXC_CALLED_DONE : not_done);
        assert_int_equal (script->flags, TMNOFLAGS);
        assert_int_equal (s_call (branch, TXC_CALL_ROLLBACK),
                          code == XA_OK || s_is_rollback (code) ? TXC_CALLED_DONE : not_done);
        assert_int_equal (script->forgets, 0); /* the agent has it forgotten when it is on record */
        txc_xa_branch_release (branch);
    }
}

static void commit_in_one_phase (void **state)
{
    (void) state;
    for (int i = 0; i < CODES; i++) {
        int code = s_codes[i];
        bool heuristic = code >= XA_HEURMIX && code <= XA_HEURHAZ;
        txc_xa_branch_t *branch = s_begun (plain);
        script->commit = code;
        bool done = code == XA_OK || code == XA_HEURCOM;
        bool never = s_is_rollback (code) || code == XAER_RMERR || code == XA_HEURRB;
        assert_int_equal (s_call (branch, TXC_CALL_ONE_PHASE), done                 ? TXC_CALLED_DONE
                                                               : never              ? TXC_CALLED_NEVER
                                                               : code == XA_HEURMIX ? TXC_CALLED_MIXED
                                                               : code == XA_HEURHAZ ? TXC_CALLED_HAZARD
                                                                                    : TXC_CALLED_UNKNOWN);
        assert_int_equal (script->forgets, heuristic);
        assert_int_equal (script->commits, 1);
        txc_xa_branch_release (branch);
    }
}

static void rollback_of_what_is_open (void **state)
{
    (void) state;
    for (int i = 0; i < CODES; i++)
        for (int k = 0; k < CODES; k++) {
            int code = s_codes[i];
            txc_xa_branch_t *branch = s_begun (plain);
            script->rollback = code;
            script->end = s_codes[k];
            bool gone = code == XA_OK || s_is_rollback (code) || code == XAER_NOTA;
            assert_int_equal (s_call (branch, TXC_CALL_ROLLBACK_OPEN),
                              gone ? TXC_CALLED_DONE : TXC_CALLED_UNKNOWN);
            assert_int_equal (script->ends, 1);
            txc_xa_branch_release (branch);
        }
}

/* --- resource managers that register by themselves ---------------------------------------- */

static void outside_of_transactions_nothing_is_registered (void **state)
{
    (void) state;
    XID xid = {0};
    assert_int_equal (ax_reg (RMID, &xid, TMNOFLAGS), TM_OK);
    assert_int_equal (xid.formatID, -1);
    assert_int_equal (ax_reg (RMID, &xid, TMNOFLAGS), TMER_PROTO); /* it has */
    assert_int_equal (ax_reg (RMID + 1, &xid, TMNOFLAGS), TM_OK);
    assert_int_equal (ax_unreg (RMID, TMNOFLAGS), TM_OK);
    assert_int_equal (ax_unreg (RMID, TMNOFLAGS), TMER_PROTO);
    assert_int_equal (ax_unreg (RMID + 1, TMNOFLAGS), TM_OK);
    assert_int_equal (ax_reg (RMID, &xid, TMASYNC), TMER_INVAL);
    assert_int_equal (ax_reg (RMID, NULL, TMNOFLAGS), TMER_INVAL);
    assert_int_equal (ax_unreg (RMID, TMASYNC), TMER_INVAL);
}

static void no_branch_begins_while_work_outside_is_not_over (void **state)
{
    (void) state;
    XID xid;
    assert_int_equal (ax_reg (RMID, &xid, TMNOFLAGS), TM_OK);
    txc_xa_branch_t *branch = txc_xa_branch_new (registering, RMID),
                    *other = txc_xa_branch_new (registering, RMID + 1);
    assert_int_equal (s_call (branch, TXC_CALL_BEGIN), TXC_CALLED_OUTSIDE);
    assert_int_equal (s_call (other, TXC_CALL_BEGIN), TXC_CALLED_DONE);
    assert_int_equal (ax_unreg (RMID, TMNOFLAGS), TM_OK);
    assert_int_equal (s_call (branch, TXC_CALL_BEGIN), TXC_CALLED_DONE);
    txc_xa_branch_release (branch);
    txc_xa_branch_release (other);
}

static void who_registers_takes_part (void **state)
{
    (void) state;
    XID xid;
    txc_xa_branch_t *branch = s_begun (registering);
    assert_int_equal (script->starts, 0);
    assert_int_equal (ax_reg (RMID + 1, &xid, TMNOFLAGS), TM_OK);
    assert_int_equal (xid.formatID, -1); /* another resource manager */
    assert_int_equal (ax_unreg (RMID + 1, TMNOFLAGS), TM_OK);
    assert_int_equal (ax_reg (RMID, &xid, TMNOFLAGS), TM_OK);
    assert_int_equal (xid.formatID, s_name.format_id);
    assert_memory_equal (xid.data, s_name.gtrid, strlen (s_name.gtrid));
    assert_int_equal (ax_reg (RMID, &xid, TMNOFLAGS), TMER_PROTO);
    assert_int_equal (ax_unreg (RMID, TMNOFLAGS), TMER_PROTO); /* it ends with its branch */
    assert_int_equal (s_call (branch, TXC_CALL_PREPARE), TXC_CALLED_DONE);
    assert_int_equal (script->ends, 1);
    assert_int_equal (script->prepares, 1);
    assert_int_equal (ax_reg (RMID, &xid, TMNOFLAGS), TM_OK);
    assert_int_equal (xid.formatID, -1); /* what comes behind is no part of it */
    assert_int_equal (ax_unreg (RMID, TMNOFLAGS), TM_OK);
    assert_int_equal (s_call (branch, TXC_CALL_COMMIT), TXC_CALLED_DONE);
    txc_xa_branch_release (branch);
}

static void who_does_not_takes_no_part (void **state)
{
    (void) state;
    txc_xa_branch_t *branch = s_begun (registering);
    assert_int_equal (s_call (branch, TXC_CALL_PREPARE), TXC_CALLED_READ_ONLY);
    txc_xa_branch_release (branch);
    branch = s_begun (registering);
    assert_int_equal (s_call (branch, TXC_CALL_ONE_PHASE), TXC_CALLED_DONE);
    txc_xa_branch_release (branch);
    branch = s_begun (registering);
    assert_int_equal (s_call (branch, TXC_CALL_ROLLBACK_OPEN), TXC_CALLED_DONE);
    assert_int_equal (script->ends + script->prepares + script->commits + script->rollbacks, 0);
    txc_xa_branch_release (branch);
}

static void a_thread_works_for_one_transaction_at_a_time (void **state)
{
    (void) state;
    txc_xa_branch_t *first = s_begun (registering), *second = txc_xa_branch_new (registering, RMID);
    assert_int_equal (s_call (second, TXC_CALL_BEGIN), TXC_CALLED_NEVER);
    txc_xa_branch_release (first);
    assert_int_equal (s_call (second, TXC_CALL_BEGIN), TXC_CALLED_DONE);
    txc_xa_branch_release (second);
}

static void *s_elsewhere (void *arg)
{
    assert_int_equal (s_call (arg, TXC_CALL_PREPARE), TXC_CALLED_UNKNOWN);
    return NULL;
}

static void another_thread_cannot_end_it (void **state)
{
    (void) state;
    pthread_t thread;
    txc_xa_branch_t *branch = s_begun (plain);
    assert_int_equal (pthread_create (&thread, NULL, s_elsewhere, branch), 0);
    pthread_join (thread, NULL);
    assert_int_equal (script->ends + script->prepares, 0);
    txc_xa_branch_release (branch);
}

/* --- loading -------------------------------------------------------------------------------- */

static const char *s_file;

static void what_is_no_switch_is_not_loaded (void **state)
{
    (void) state;
    char error[TEXT];
    assert_null (txc_xa_load ("/nowhere.so", "scripted_xa", error, sizeof error));
    assert_non_null (strstr (error, "/nowhere.so"));
    assert_null (txc_xa_load (s_file, "nobodys_switch", error, sizeof error));
    assert_non_null (strstr (error, "nobodys_switch"));
    assert_null (txc_xa_load (NULL, NULL, NULL, 0));
    const struct xa_switch_t *next = txc_xa_load (s_file, "scripted_xa_of_another_version", NULL, 0);
    assert_non_null (next);
    assert_int_equal (txc_enlist_xa (NULL, "bank", next, RMID), TXC_EINVAL);
    assert_int_equal (txc_enlist_xa (NULL, "bank", NULL, RMID), TXC_EINVAL);
}

static int s_load (void **state)
{
    (void) state;
    s_file = "tests/lib/.libs/txc_scripted_xa.so";
    char error[TEXT];
    plain = txc_xa_load (s_file, "scripted_xa", error, sizeof error);
    registering = txc_xa_load (s_file, "scripted_xa_registering", error, sizeof error);
    void *library = dlopen (s_file, RTLD_NOW);
    assert_true (plain && registering && library);
    *(void **) &script = ((scripted_xa_script_t * (*) (void) ) dlsym (library, "scripted_xa_script"))();
    return 0;
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (start_begins_or_does_not),
        cmocka_unit_test (end_lets_it_prepare_or_not),
        cmocka_unit_test (prepare_votes),
        cmocka_unit_test (commit_and_rollback_of_the_prepared),
        cmocka_unit_test (commit_in_one_phase),
        cmocka_unit_test (rollback_of_what_is_open),
        cmocka_unit_test (outside_of_transactions_nothing_is_registered),
        cmocka_unit_test (no_branch_begins_while_work_outside_is_not_over),
        cmocka_unit_test (who_registers_takes_part),
        cmocka_unit_test (who_does_not_takes_no_part),
        cmocka_unit_test (a_thread_works_for_one_transaction_at_a_time),
        cmocka_unit_test (another_thread_cannot_end_it),
        cmocka_unit_test (what_is_no_switch_is_not_loaded),
    };
    return cmocka_run_group_tests (tests, s_load, NULL);
}
