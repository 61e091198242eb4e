/*
 * my_fixture.h - what the tests of the MariaDB plugin share: a private server,
 * the plugin loaded as the agent loads it, an administrator's connection.
 *
 * tests/integration/run_plugin_mysql makes the server and sets
 *     TXC_TEST_SERVER   its folder (tests/lib/mariadb.sh)
 *     TXC_TEST_SOURCE   the top of the sources
 *     TXC_TEST_PLUGIN   the plugin's file
 */
#ifndef MY_FIXTURE_H
#define MY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mysql.h>
#include <pthread.h>

#include <txcoord/txc_rm.h>
#include <txcoord/txcoord.h>

typedef struct fx_xid {
    char gtrid[65], bqual[65];
    txc_rm_xid_t xid;
} fx_xid_t;

/* A branch on a connection, with what the last call said. */
typedef struct fx_branch {
    txc_rm_conn_t *conn;
    fx_xid_t id;
    char evidence[TXC_RM_EVIDENCE_SIZE];
    char rows[4096];    /* "a,b;c,d;", NULL as NULL */
    char columns[1024]; /* "name TYPE;..." */
    int64_t affected;
    int max_rows; /* the sink refuses the one behind it; 0: none */
    txc_rm_error_t error;
} fx_branch_t;

extern const txc_rm_switch_t *fx_rm; /* the plugin's table */
extern txc_rm_t *fx_bank;            /* the resource manager "bank" */

/* Group setup and teardown: loads the plugin, makes the schema. */
int fx_setup (void **state);
int fx_teardown (void **state);
/* Before each test: the bank has three accounts with 100 each, nothing is prepared. */
int fx_fresh (void **state);

/* A resource manager with one more configuration key than the usual ones (NULL: none). */
txc_rm_t *fx_open (const char *name, const char *key, const char *value);
txc_rm_conn_t *fx_connect (txc_rm_t *rm);

/* --- the administrator ------------------------------------------------------------- */

/* Runs a statement as root; its failure fails the test. */
void fx_admin (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
/* The number of the error, 0: none. */
unsigned int fx_admin_try (const char *sql);
/* The first value, "NULL" or "" if there is none; valid until the next call. */
const char *fx_value (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
/* Waits until the first value is this one; fails the test after 24 seconds. */
void fx_wait (const char *value, const char *sql);
/* How many wait for a row just now; INNODB_TRX would answer from memory. */
extern const char fx_lock_waits[];
unsigned long fx_admin_session (void);
/* Another connection of the administrator, for a thread of its own; the caller closes it. */
MYSQL *fx_admin_connection (void);
/* A function of tests/lib/mariadb.sh on the server; its failure fails the test.  The administrator is
 * connected again. */
void fx_server (const char *function);

/* --- branches ------------------------------------------------------------------------- */

/* Starts a branch of a new XID on a new connection of fx_bank, or on one that is given. */
void fx_begin (fx_branch_t *branch, txc_rm_conn_t *conn);
txc_rm_status_t fx_start (fx_branch_t *branch, int isolation, uint32_t lock_timeout_ms);
void fx_end (fx_branch_t *branch); /* disconnects */

txc_rm_status_t fx_exec (fx_branch_t *branch, const char *sql);
txc_rm_status_t fx_exec_last (fx_branch_t *branch, const char *sql, txc_rm_status_t *prepared);
/* Parameters are texts; NULL is NULL. */
txc_rm_status_t fx_exec_params (fx_branch_t *branch, const char *sql, int n, const char *const *params);
txc_rm_status_t fx_prepare (fx_branch_t *branch);
txc_rm_status_t fx_commit (fx_branch_t *branch);
txc_rm_status_t fx_rollback (fx_branch_t *branch);
txc_rm_status_t fx_rollback_active (fx_branch_t *branch);

/* On another connection. */
txc_rm_status_t fx_commit_from (txc_rm_conn_t *conn, fx_branch_t *branch);
txc_rm_status_t fx_rollback_from (txc_rm_conn_t *conn, fx_branch_t *branch);
/* The same until the answer is another than RETRY: the server takes a moment to detach a branch whose session
 * ended. */
txc_rm_status_t fx_commit_until (txc_rm_conn_t *conn, fx_branch_t *branch);
txc_rm_status_t fx_rollback_until (txc_rm_conn_t *conn, fx_branch_t *branch);
bool fx_listed (const fx_branch_t *branch);

/* Runs prepare or a statement on a thread of its own. */
typedef struct fx_thread {
    pthread_t thread;
    fx_branch_t *branch;
    const char *sql; /* NULL: prepare */
    txc_rm_status_t status;
} fx_thread_t;
void fx_thread_start (fx_thread_t *thread, fx_branch_t *branch, const char *sql);
txc_rm_status_t fx_thread_join (fx_thread_t *thread);

#define assert_status(expression, expected)                                                                  \
    fx_assert_status (expression, expected, #expression, __FILE__, __LINE__)
void fx_assert_status (txc_rm_status_t status, txc_rm_status_t expected, const char *what, const char *file,
                       int line);
#define assert_balance(id, expected)                                                                         \
    assert_string_equal (fx_value ("SELECT bal FROM bank.acct WHERE id = %d", id), expected)

/* --- the tests ---------------------------------------------------------------------------- */

int my_vote_tests (void);
int my_result_tests (void);
int my_guard_tests (void);
int my_finish_tests (void);
int my_crash_tests (void);
int my_check_tests (void);
int my_odd_tests (void);

#endif
