/*
 * pgsql_harness.h - the PostgreSQL plugin under test, as the agent would hold it, and its private server.
 *
 * The server's folder comes from TXC_TEST_CLUSTER, the plugin's path from
 * TXC_TEST_PLUGIN, tests/lib from TXC_TEST_LIB (see run_plugin_pgsql).
 */
#ifndef PGSQL_HARNESS_H
#define PGSQL_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <libpq-fe.h>

#include <txcoord/txc_rm.h>
#include <txcoord/txcoord.h>

/* What a statement's sink was given, as text: "names|types" and rows, each value in a cell. */
typedef struct output {
    int n_columns, n_rows, limit; /* limit: rows taken before the sink refuses, 0: none */
    char names[256], types[256];
    char cells[1024]; /* values separated by '|', rows by ';', NULL as ~ */
    int64_t affected;
    char tag[64];
} output_t;

/* One branch on a connection of its own. */
typedef struct branch {
    txc_rm_conn_t *conn;
    char gtrid[65], bqual[65];
    txc_rm_xid_t xid;
    char evidence[TXC_RM_EVIDENCE_SIZE];
    txc_rm_error_t error;
    output_t output;
} branch_t;

typedef struct config {
    const char *key, *value;
} config_t;

extern const txc_rm_switch_t *plugin;
extern txc_rm_t *rm; /* opened with the role txagent on the database bank */

/* --- the server ---------------------------------------------------------- */

const char *cluster (void);
/* Runs tests/lib/postgres.sh; fails the test unless it succeeds. */
void server (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
/* Statements as the superuser in the bank, one after the other; NULL ends them. */
void admin (const char *sql, ...);
/* One value as text; static, valid until the next call. */
const char *admin_value (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
PGconn *admin_connect (void);
/* Waits until the query's value is `value`; fails the test after 30 s. */
void admin_wait (const char *query, const char *value);
/* How many branches are prepared. */
int prepared (void);

/* --- the plugin -------------------------------------------------------------- */

/* A resource manager with these settings in front of the usual ones. */
txc_rm_status_t open_rm (const config_t *settings, txc_rm_t **opened, txc_rm_error_t *error);
txc_rm_conn_t *connected (void);

/* Starts a branch with a gtrid of its own on a fresh connection. */
void begin (branch_t *branch);
void begin_with (branch_t *branch, int isolation, uint32_t lock_timeout_ms);
/* Starts another one on the same connection. */
void begin_again (branch_t *branch, int isolation, uint32_t lock_timeout_ms);
txc_rm_status_t run (branch_t *branch, const char *sql);
txc_rm_status_t run_params (branch_t *branch, const char *sql, int n, const char *const *params);
/* As the branch's last statement. */
txc_rm_status_t run_last (branch_t *branch, const char *sql, txc_rm_status_t *vote);
txc_rm_status_t vote (branch_t *branch);
void done (branch_t *branch);

/* The fixture of every test: the bank as it was, nothing prepared. */
int fresh_bank (void **state);
int nothing_left (void **state);

#define assert_status(status, wanted) assert_int_equal ((status), (wanted))
/* The branch did not succeed, and said why. */
#define assert_error(branch, wanted_code, wanted_state)                                                      \
    do {                                                                                                     \
        assert_int_equal ((branch).error.code, (wanted_code));                                               \
        assert_string_equal ((branch).error.sqlstate, (wanted_state));                                       \
        assert_int_not_equal (strlen ((branch).error.text), 0);                                              \
    } while (0)

extern const struct CMUnitTest pgsql_vote_tests[], pgsql_sql_tests[], pgsql_statement_tests[],
    pgsql_recovery_tests[], pgsql_setup_tests[];
extern const size_t pgsql_vote_count, pgsql_sql_count, pgsql_statement_count, pgsql_recovery_count,
    pgsql_setup_count;

#endif
