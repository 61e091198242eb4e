/* The SQL by which the library begins, prepares and ends enlisted branches, statement by statement. */
#include "txc_test.h"

#include "base/txc_id.h"
#include "base/txc_mem.h"
#include "libtxcoord/txc_enlist.h"

static txc_enlisted_t s_new (txc_dialect_t dialect)
{
    txc_enlisted_t self = {.driver = {.dialect = dialect}};
    strcpy (self.rm, "bank");
    strcpy (self.gid, "g:b");
    strcpy (self.name, "X'67',X'62',1");
    strcpy (self.user, "app");
    return self;
}

static void s_begin (txc_enlisted_t *self, txc_work_op_t op, bool prepared)
{
    txc_script_begin (self, (uint8_t) op, prepared);
}

/* The statement that is due is this one, and succeeds. */
static void s_ok (txc_enlisted_t *self, const char *sql, txc_sql_reply_t reply)
{
    assert_false (self->over);
    assert_string_equal (self->sql, sql);
    txc_script_next (self, &reply);
}

static void s_done (txc_enlisted_t *self, const char *sql)
{
    s_ok (self, sql, (txc_sql_reply_t){0});
}

static void s_tag (txc_enlisted_t *self, const char *sql, const char *tag)
{
    txc_sql_reply_t reply = {0};
    strcpy (reply.tag, tag);
    s_ok (self, sql, reply);
}

static void s_error (txc_enlisted_t *self, const char *sql, int native, const char *sqlstate)
{
    txc_sql_reply_t reply = {.native = native, .text = "as the test says"};
    strcpy (reply.sqlstate, sqlstate);
    s_ok (self, sql, reply);
}

static void s_over (const txc_enlisted_t *self, txc_work_status_t status)
{
    assert_true (self->over);
    assert_int_equal (self->done.status, status);
}

/* --- PostgreSQL ------------------------------------------------------------------------ */

static const char s_guard[] = "SELECT pg_catalog.current_setting('txcoord.branch', true),"
                              " pg_catalog.pg_current_xact_id_if_assigned()::text,"
                              " pg_catalog.current_setting('transaction_isolation'), current_user";
static const char s_take_role[] = "SELECT pg_catalog.quote_ident(pg_catalog.current_setting('role')),"
                                  " pg_catalog.set_config('role', 'txagent', false)";

static txc_sql_reply_t s_guarded (const char *branch, const char *xid)
{
    txc_sql_reply_t reply = {.n_values = 4};
    strcpy (reply.values[0], branch);
    strcpy (reply.values[1], xid);
    strcpy (reply.values[2], "read committed");
    strcpy (reply.values[3], "app");
    return reply;
}

static void only_its_own_tag_is_a_yes (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_ok (&self, s_guard, s_guarded ("g:b", "77"));
    s_tag (&self, "PREPARE TRANSACTION 'g:b'", "PREPARE TRANSACTION");
    s_over (&self, TXC_WORK_OK);
    assert_non_null (strstr (self.done.evidence, "77/"));
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_ok (&self, s_guard, s_guarded ("g:b", "77"));
    s_tag (&self, "PREPARE TRANSACTION 'g:b'", "ROLLBACK");
    s_tag (&self, "ROLLBACK", "ROLLBACK");
    s_over (&self, TXC_WORK_ROLLED_BACK);
    assert_int_equal (self.done.error.code, TXC_EBRANCH);
}

static void another_transaction_on_the_connection_is_a_no (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_ok (&self, s_guard, s_guarded ("", ""));
    s_tag (&self, "ROLLBACK", "ROLLBACK");
    s_over (&self, TXC_WORK_ROLLED_BACK);
    assert_int_equal (self.done.error.code, TXC_EREFUSED); /* once more would do the same twice */
    s_begin (&self, TXC_WORK_COMMIT_ONE_PHASE, false);
    s_ok (&self, s_guard, s_guarded ("another:b", "77"));
    s_tag (&self, "ROLLBACK", "ROLLBACK");
    s_over (&self, TXC_WORK_ROLLED_BACK);
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_error (&self, s_guard, 0, "25P02"); /* a statement had failed */
    s_tag (&self, "ROLLBACK", "ROLLBACK");
    s_over (&self, TXC_WORK_ROLLED_BACK);
}

/* The session may hold all its locks still; only its agent can end it. */
static void a_rollback_that_fails_leaves_the_session_to_the_agent (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    s_begin (&self, TXC_WORK_PREPARE, false);
    txc_script_next (&self, &(txc_sql_reply_t){.sqlstate = "XX000"});
    s_error (&self, "ROLLBACK", 0, "XX000");
    s_over (&self, TXC_WORK_LOST);
    assert_string_not_equal (self.done.error.text, ""); /* though the driver said nothing */
}

static void what_wrote_nothing_is_read_only (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_ok (&self, s_guard, s_guarded ("g:b", ""));
    s_over (&self, TXC_WORK_READ_ONLY);
    s_begin (&self, TXC_WORK_PREPARE, false);
    txc_sql_reply_t reply = s_guarded ("g:b", "");
    strcpy (reply.values[2], "serializable"); /* what it read counts */
    s_ok (&self, s_guard, reply);
    s_tag (&self, "PREPARE TRANSACTION 'g:b'", "PREPARE TRANSACTION");
    s_over (&self, TXC_WORK_OK);
}

static void a_branch_is_prepared_and_ended_as_the_agents_role (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    strcpy (self.role, "txagent");
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_ok (&self, s_guard, s_guarded ("g:b", "77"));
    s_done (&self, "SET CONSTRAINTS ALL IMMEDIATE");
    s_done (&self, "SET LOCAL ROLE \"txagent\"");
    s_tag (&self, "PREPARE TRANSACTION 'g:b'", "PREPARE TRANSACTION");
    s_over (&self, TXC_WORK_OK);
    s_begin (&self, TXC_WORK_COMMIT, true);
    s_ok (&self, s_take_role, (txc_sql_reply_t){.n_values = 2, .values = {"app", "txagent"}});
    s_done (&self, "COMMIT PREPARED 'g:b'");
    s_done (&self, "SET ROLE app");
    s_over (&self, TXC_WORK_OK);
    /* It never keeps the agent's role, whatever happens. */
    s_begin (&self, TXC_WORK_ROLLBACK, true);
    s_ok (&self, s_take_role, (txc_sql_reply_t){.n_values = 2, .values = {"app", "txagent"}});
    s_error (&self, "ROLLBACK PREPARED 'g:b'", 0, "42704");
    s_error (&self, "SET ROLE app", 0, "42501");
    s_done (&self, "RESET ROLE");
    s_over (&self, TXC_WORK_ABSENT);
    s_begin (&self, TXC_WORK_COMMIT, true);
    s_error (&self, s_take_role, 0, "42501");
    s_error (&self, "COMMIT PREPARED 'g:b'", 0, "42501");
    s_error (&self, "COMMIT PREPARED 'g:b'", 0, "42501");
    s_error (&self, "COMMIT PREPARED 'g:b'", 0, "42501");
    s_over (&self, TXC_WORK_LOST); /* its agent goes on */
}

/* The agent could not finish what belongs to any role that the session may take. */
static void a_branch_belongs_to_who_was_greeted_whatever_role_was_taken (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    txc_sql_reply_t guarded = s_guarded ("g:b", "77");
    strcpy (guarded.values[3], "tenant");
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_ok (&self, s_guard, guarded);
    s_done (&self, "SET CONSTRAINTS ALL IMMEDIATE");
    s_done (&self, "SET LOCAL ROLE \"app\"");
    s_tag (&self, "PREPARE TRANSACTION 'g:b'", "PREPARE TRANSACTION");
    s_over (&self, TXC_WORK_OK);
    s_begin (&self, TXC_WORK_COMMIT, true);
    txc_sql_reply_t was = {.n_values = 2, .values = {"tenant", "app"}};
    s_ok (&self,
          "SELECT pg_catalog.quote_ident(pg_catalog.current_setting('role')),"
          " pg_catalog.set_config('role', 'app', false)",
          was);
    s_done (&self, "COMMIT PREPARED 'g:b'");
    s_done (&self, "SET ROLE tenant");
    s_over (&self, TXC_WORK_OK);
    self.role[0] = '\0';
    strcpy (self.user, "a\"b"); /* no name to be pasted into SQL */
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_ok (&self, s_guard, guarded);
    s_tag (&self, "ROLLBACK", "ROLLBACK");
    s_over (&self, TXC_WORK_ROLLED_BACK);
}

static void a_branch_has_the_isolation_of_its_transaction (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    self.isolation = TXC_ISOLATION_SERIALIZABLE;
    s_begin (&self, TXC_WORK_EXEC, false);
    s_done (&self, "BEGIN ISOLATION LEVEL SERIALIZABLE");
    s_done (&self, "SELECT pg_catalog.set_config('txcoord.branch', 'g:b', true)");
    s_over (&self, TXC_WORK_OK);
    self.driver.several = 1;
    self.isolation = TXC_ISOLATION_REPEATABLE_READ;
    s_begin (&self, TXC_WORK_EXEC, false);
    s_done (
        &self,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_catalog.set_config('txcoord.branch', 'g:b', true)");
    s_over (&self, TXC_WORK_OK);
    self = s_new (TXC_DIALECT_MARIADB);
    s_begin (&self, TXC_WORK_EXEC, false);
    s_done (&self, "XA START X'67',X'62',1");
    s_over (&self, TXC_WORK_OK);
    self.isolation = TXC_ISOLATION_READ_COMMITTED;
    s_begin (&self, TXC_WORK_EXEC, false);
    s_done (&self, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
    s_done (&self, "XA START X'67',X'62',1");
    s_over (&self, TXC_WORK_OK);
    s_begin (&self, TXC_WORK_EXEC, false);
    s_error (&self, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", 1568, "25001");
    s_over (&self, TXC_WORK_ERROR);
}

/* Whatever a driver takes in one text is handed to it so. */
static void a_driver_of_several_statements_is_asked_less_often (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    s_begin (&self, TXC_WORK_EXEC, false);
    s_done (&self, "BEGIN");
    s_done (&self, "SELECT pg_catalog.set_config('txcoord.branch', 'g:b', true)");
    s_over (&self, TXC_WORK_OK);
    self.driver.several = 1;
    strcpy (self.role, "txagent");
    s_begin (&self, TXC_WORK_EXEC, false);
    s_done (&self, "BEGIN; SELECT pg_catalog.set_config('txcoord.branch', 'g:b', true)");
    s_over (&self, TXC_WORK_OK);
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_ok (&self, s_guard, s_guarded ("g:b", "77"));
    s_error (&self, "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL ROLE \"txagent\"; PREPARE TRANSACTION 'g:b'", 0,
             "23505");
    s_tag (&self, "ROLLBACK", "ROLLBACK");
    s_over (&self, TXC_WORK_ROLLED_BACK);
    s_begin (&self, TXC_WORK_EXEC, false);
    s_error (&self, "BEGIN; SELECT pg_catalog.set_config('txcoord.branch', 'g:b', true)", 0, "42501");
    s_done (&self, "ROLLBACK"); /* the connection is as it was */
    s_over (&self, TXC_WORK_ERROR);
}

static unsigned long long s_number;

static unsigned long long s_numbered (void *arg)
{
    (void) arg;
    return s_number;
}

static void a_session_is_asked_who_it_is_once (void **state)
{
    (void) state;
    txc_enlisted_t first = s_new (TXC_DIALECT_MARIADB), self = s_new (TXC_DIALECT_MARIADB);
    first.driver.session = self.driver.session = s_numbered;
    strcpy (first.session, "55");
    strcpy (first.done.evidence, "mysql 1 55 -");
    strcpy (first.identity, "mariadb a b");
    first.arg = self.arg = &s_number;
    s_number = 55;
    assert_false (txc_greeting_recall (&self));
    txc_greeting_keep (&first);
    assert_true (txc_greeting_recall (&self));
    assert_string_equal (self.done.evidence, "mysql 1 55 -");
    assert_string_equal (self.session, "55");
    assert_string_equal (self.identity, "mariadb a b");
    self.arg = &self;
    assert_false (txc_greeting_recall (&self));
    self.arg = &s_number;
    strcpy (self.rm, "other");
    assert_false (txc_greeting_recall (&self));
    strcpy (self.rm, "bank");
    s_number = 56; /* it was connected anew */
    assert_false (txc_greeting_recall (&self));
    s_number = 0; /* a driver that cannot tell */
    assert_false (txc_greeting_recall (&self));
    txc_greeting_keep (&first);
    assert_false (txc_greeting_recall (&self));
}

/* Whose role it has, and so whether it could finish the branch, is not known without it. */
static void an_agent_that_is_not_there_could_finish_nothing (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    txc_sql_reply_t greeted = {
        .n_values = 7, .values = {"7000", "0000000A0000000000000001", "99", "1234", "t", "app", "16384"}};
    txc_sql_reply_t agent = {.n_values = 3, .values = {"txagent", "t", "f"}};
    s_begin (&self, TXC_WORK_NONE, false);
    txc_script_next (&self, &greeted);
    txc_script_next (&self, &agent);
    s_over (&self, TXC_WORK_OK);
    assert_string_equal (self.role, "");
    assert_string_equal (self.identity, "7000/10/16384"); /* as the agent's plugin spells it */
    s_begin (&self, TXC_WORK_NONE, false);
    txc_script_next (&self, &greeted);
    txc_script_next (&self, &(txc_sql_reply_t){0});
    s_over (&self, TXC_WORK_ERROR);
    assert_int_equal (self.done.error.code, TXC_ERMFAIL);
}

static void a_deferred_trigger_that_fails_is_a_no (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    strcpy (self.role, "txagent");
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_ok (&self, s_guard, s_guarded ("g:b", "77"));
    s_error (&self, "SET CONSTRAINTS ALL IMMEDIATE", 0, "23505");
    s_tag (&self, "ROLLBACK", "ROLLBACK");
    s_over (&self, TXC_WORK_ROLLED_BACK);
    assert_string_equal (self.done.error.sqlstate, "23505");
}

static void a_wait_for_a_standby_that_was_given_up_is_a_no (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_POSTGRESQL);
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_ok (&self, s_guard, s_guarded ("g:b", "77"));
    s_ok (&self, "PREPARE TRANSACTION 'g:b'", (txc_sql_reply_t){.tag = "PREPARE TRANSACTION", .warned = 1});
    s_error (&self, "ROLLBACK PREPARED 'g:b'", 0, "55000");
    s_over (&self, TXC_WORK_LOST); /* it is listed, and whoever looks finds it */
}

static void a_lost_connection_is_never_an_outcome (void **state)
{
    (void) state;
    for (int dialect = TXC_DIALECT_POSTGRESQL; dialect <= TXC_DIALECT_MARIADB; dialect++)
        for (int op = TXC_WORK_PREPARE; op <= TXC_WORK_ROLLBACK; op++)
            for (int prepared = 0; prepared < 2; prepared++) {
                txc_enlisted_t self = s_new ((txc_dialect_t) dialect);
                s_begin (&self, (txc_work_op_t) op, prepared);
                txc_script_next (&self, &(txc_sql_reply_t){.lost = 1});
                s_over (&self, TXC_WORK_LOST);
                assert_int_equal (self.done.error.code, TXC_ERMFAIL);
            }
}

/* --- MariaDB --------------------------------------------------------------------------------- */

static void mariadb_is_prepared_by_name (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_MARIADB);
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_done (&self, "XA END X'67',X'62',1");
    s_done (&self, "XA PREPARE X'67',X'62',1");
    s_over (&self, TXC_WORK_OK);
    s_begin (&self, TXC_WORK_COMMIT, true);
    s_done (&self, "XA COMMIT X'67',X'62',1");
    s_over (&self, TXC_WORK_OK);
    s_begin (&self, TXC_WORK_COMMIT_ONE_PHASE, false);
    s_done (&self, "XA END X'67',X'62',1");
    s_done (&self, "XA COMMIT X'67',X'62',1 ONE PHASE");
    s_over (&self, TXC_WORK_OK);
}

static void what_failed_in_mariadb_is_never_prepared (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_MARIADB);
    self.failed = true;
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_done (&self, "XA END X'67',X'62',1");
    s_done (&self, "XA ROLLBACK X'67',X'62',1");
    s_over (&self, TXC_WORK_ROLLED_BACK);
    self.failed = false;
    s_begin (&self, TXC_WORK_PREPARE, false);
    s_error (&self, "XA END X'67',X'62',1", 1399, "XAE07"); /* a deadlock took it, say */
    s_done (&self, "XA ROLLBACK X'67',X'62',1");
    s_over (&self, TXC_WORK_ROLLED_BACK);
}

/* "Unknown" behind a one-phase commit that failed tells nothing. */
static void a_one_phase_commit_that_may_have_happened_is_lost (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_MARIADB);
    s_begin (&self, TXC_WORK_COMMIT_ONE_PHASE, false);
    s_done (&self, "XA END X'67',X'62',1");
    s_error (&self, "XA COMMIT X'67',X'62',1 ONE PHASE", 1205, "HY000");
    s_error (&self, "XA ROLLBACK X'67',X'62',1", 1397, "XAE04");
    s_over (&self, TXC_WORK_LOST);
}

/* 1402 means "rolled back": right for a rollback, and for what is known to have written nothing only. */
static void a_commit_that_is_answered_rolled_back_is_no_commit (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_MARIADB);
    self.wrote = true;
    s_begin (&self, TXC_WORK_COMMIT, true);
    s_error (&self, "XA COMMIT X'67',X'62',1", 1402, "XA100");
    s_over (&self, TXC_WORK_ERROR); /* not "lost": its absence is no sign that it committed */
    s_begin (&self, TXC_WORK_ROLLBACK, true);
    s_error (&self, "XA ROLLBACK X'67',X'62',1", 1402, "XA100");
    s_over (&self, TXC_WORK_OK);
    s_begin (&self, TXC_WORK_COMMIT, true);
    s_error (&self, "XA COMMIT X'67',X'62',1", 1397, "XAE04");
    s_over (&self, TXC_WORK_ABSENT);
}

/* The statement was killed when it was done. */
static void a_commit_that_may_have_happened_is_not_absent (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_MARIADB);
    s_begin (&self, TXC_WORK_COMMIT, true);
    s_error (&self, "XA COMMIT X'67',X'62',1", 1317, "70100");
    s_error (&self, "XA COMMIT X'67',X'62',1", 1397, "XAE04");
    s_over (&self, TXC_WORK_LOST);
    s_begin (&self, TXC_WORK_ROLLBACK, true);
    s_error (&self, "XA ROLLBACK X'67',X'62',1", 1317, "70100");
    s_error (&self, "XA ROLLBACK X'67',X'62',1", 1397, "XAE04");
    s_over (&self, TXC_WORK_ABSENT);
}

static void a_one_phase_commit_that_is_answered_rolled_back_is_a_no (void **state)
{
    (void) state;
    txc_enlisted_t self = s_new (TXC_DIALECT_MARIADB);
    s_begin (&self, TXC_WORK_COMMIT_ONE_PHASE, false);
    s_done (&self, "XA END X'67',X'62',1");
    s_error (&self, "XA COMMIT X'67',X'62',1 ONE PHASE", 1402, "XA100");
    s_error (&self, "XA ROLLBACK X'67',X'62',1", 1397, "XAE04");
    s_over (&self, TXC_WORK_ROLLED_BACK);
}

static void s_folder (txc_sql_reply_t *reply, size_t size)
{
    static const char digits[] = "2f7661722f6c69622f6d7973716c2f"; /* /var/lib/mysql/ */
    char all[512] = "";
    for (size_t i = 0; i < 2 * size; i++)
        all[i] = digits[i % (sizeof digits - 1)];
    for (int i = 0; i < 5; i++)
        snprintf (reply->values[3 + i], sizeof reply->values[3 + i], "%.94s",
                  strlen (all) > 94 * (size_t) i ? all + 94 * i : "");
}

/* MariaDB and MySQL do not know each other's variables, nor older ones later ones'. */
static void mariadb_says_which_server_it_is (void **state)
{
    (void) state;
    char expected[96];
    txc_enlisted_t self = s_new (TXC_DIALECT_MARIADB);
    txc_sql_reply_t greeted = {.n_values = 8, .values = {"55", "1764000000", "host:3306"}};
    s_folder (&greeted, 15);
    s_begin (&self, TXC_WORK_NONE, false);
    assert_non_null (strstr (self.sql, "@@server_uid"));
    s_error (&self, self.sql, 1193, "HY000");
    assert_non_null (strstr (self.sql, "@@hostname"));
    txc_script_next (&self, &greeted);
    s_over (&self, TXC_WORK_OK);
    assert_string_equal (self.done.evidence, "mysql 1764000000 55 -");
    snprintf (expected, sizeof expected, "mariadb host:3306 %016llx",
              (unsigned long long) txc_digest64 (0, "/var/lib/mysql/", 15));
    assert_string_equal (self.identity, expected);
    s_begin (&self, TXC_WORK_NONE, false);
    s_error (&self, self.sql, 1193, "HY000");
    s_error (&self, self.sql, 1109, "42S02");
    assert_non_null (strstr (self.sql, "@@server_uuid"));
    s_folder (&greeted, 234);
    txc_script_next (&self, &greeted);
    s_over (&self, TXC_WORK_OK);
    assert_memory_equal (self.identity, "mysql host:3306 ", 16);
    s_begin (&self, TXC_WORK_NONE, false);
    s_folder (&greeted, 235); /* perhaps longer: then it is not known */
    txc_script_next (&self, &greeted);
    s_over (&self, TXC_WORK_OK);
    assert_string_equal (self.identity, "");
}

#define TEST(name) cmocka_unit_test (name)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (only_its_own_tag_is_a_yes),
        TEST (another_transaction_on_the_connection_is_a_no),
        TEST (a_rollback_that_fails_leaves_the_session_to_the_agent),
        TEST (what_wrote_nothing_is_read_only),
        TEST (a_branch_is_prepared_and_ended_as_the_agents_role),
        TEST (a_branch_belongs_to_who_was_greeted_whatever_role_was_taken),
        TEST (a_branch_has_the_isolation_of_its_transaction),
        TEST (a_driver_of_several_statements_is_asked_less_often),
        TEST (a_session_is_asked_who_it_is_once),
        TEST (an_agent_that_is_not_there_could_finish_nothing),
        TEST (a_deferred_trigger_that_fails_is_a_no),
        TEST (a_wait_for_a_standby_that_was_given_up_is_a_no),
        TEST (a_lost_connection_is_never_an_outcome),
        TEST (mariadb_is_prepared_by_name),
        TEST (what_failed_in_mariadb_is_never_prepared),
        TEST (a_one_phase_commit_that_may_have_happened_is_lost),
        TEST (a_commit_that_is_answered_rolled_back_is_no_commit),
        TEST (a_commit_that_may_have_happened_is_not_absent),
        TEST (a_one_phase_commit_that_is_answered_rolled_back_is_a_no),
        TEST (mariadb_says_which_server_it_is),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
