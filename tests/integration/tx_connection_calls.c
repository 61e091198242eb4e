/*
 * tx_connection_calls.c - what programs of tx.h do with the connections that the library gives them, right
 * and wrong, on real databases.
 *
 * usage: tx_connection_calls PURSE SWITCH [transfer|begin]
 *
 * with TXCOORD_TX_CONFIG set: bank_pg, bank_my, and purse, a resource manager of kind xa in that folder; the
 * banks of sql/, empty of work.  transfer: one of 5 from account 18, to all three; the end is told.  begin:
 * what tx_begin gives within a second is told.
 */
#include "config.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tx.h>

#include <txcoord/txc_tx_mysql.h>
#include <txcoord/txc_tx_pg.h>

#define CHECK(condition) ((condition) ? (void) 0 : s_fail (__func__, __LINE__, #condition))

static PGconn *s_pg;
static MYSQL *s_my;
static int (*s_add) (int rmid, long delta); /* file_xa_add and file_xa_sum of txc_file_xa.h */
static long (*s_sum) (const char *folder);
static const char *s_purse;

static _Noreturn void s_fail (const char *function, int line, const char *what)
{
    printf ("%s, line %d: %s\n  reason: %s\n  transaction: %s\n  pg: %s\n  my: %s\n", function, line, what,
            txc_tx_reason(), txc_tx_error (txc_tx_current()).text, s_pg ? PQerrorMessage (s_pg) : "-",
            s_my ? mysql_error (s_my) : "-");
    fflush (stdout);
    _exit (1);
}

/* --- statements -------------------------------------------------------------------------- */

static bool s_on_pg (PGconn *pg, const char *sql)
{
    PGresult *result = PQexec (pg, sql);
    ExecStatusType status = PQresultStatus (result);
    PQclear (result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static bool s_on_my (MYSQL *my, const char *sql)
{
    if (mysql_query (my, sql) != 0)
        return false;
    MYSQL_RES *result = mysql_store_result (my);
    mysql_free_result (result);
    return mysql_errno (my) == 0;
}

static void s_move_on (PGconn *pg, MYSQL *my, int account, int amount)
{
    char sql[100];
    snprintf (sql, sizeof sql, "UPDATE acct SET bal = bal - %d WHERE id = %d", amount, account);
    CHECK (s_on_pg (pg, sql));
    snprintf (sql, sizeof sql, "UPDATE acct SET bal = bal + %d WHERE id = %d", amount, account);
    CHECK (s_on_my (my, sql));
}

static void s_move (int account, int amount)
{
    s_move_on (s_pg, s_my, account, amount);
}

static void s_text_at_pg (const char *sql, char text[64])
{
    PGresult *result = PQexec (s_pg, sql);
    CHECK (PQresultStatus (result) == PGRES_TUPLES_OK && PQntuples (result) == 1);
    snprintf (text, 64, "%s", PQgetvalue (result, 0, 0));
    PQclear (result);
}

static void s_text_at_my (const char *sql, char text[64])
{
    CHECK (mysql_query (s_my, sql) == 0);
    MYSQL_RES *result = mysql_store_result (s_my);
    MYSQL_ROW row = result ? mysql_fetch_row (result) : NULL;
    CHECK (row != NULL && row[0] != NULL);
    snprintf (text, 64, "%s", row[0]);
    mysql_free_result (result);
}

/* Outside of transactions. */
static void s_expect (int account, long moved)
{
    char sql[100], text[64];
    CHECK (tx_info (NULL) == 0);
    snprintf (sql, sizeof sql, "SELECT bal FROM acct WHERE id = %d", account);
    s_text_at_pg (sql, text);
    CHECK (atol (text) == 1000 - moved);
    s_text_at_my (sql, text);
    CHECK (atol (text) == 1000 + moved);
}

static TRANSACTION_STATE s_state (void)
{
    TXINFO info;
    CHECK (tx_info (&info) == 1);
    return info.transaction_state;
}

/* --- cases; each begins and ends in S1, with both connections opened ----------------------- */

static void commit_and_rollback (void)
{
    CHECK (tx_begin() == TX_OK);
    s_move (1, 5);
    CHECK (s_state() == TX_ACTIVE);
    CHECK (tx_commit() == TX_OK);
    s_expect (1, 5);
    CHECK (tx_begin() == TX_OK);
    s_move (1, 100);
    CHECK (tx_rollback() == TX_OK);
    s_expect (1, 5);
    CHECK (tx_begin() == TX_OK); /* and nothing at all */
    CHECK (tx_commit() == TX_OK);
    s_expect (1, 5);
}

static void the_handles_stay_the_same (void)
{
    CHECK (txc_tx_pg ("bank_pg") == s_pg && txc_tx_mysql ("bank_my") == s_my);
    CHECK (tx_begin() == TX_OK);
    CHECK (txc_tx_pg ("bank_pg") == s_pg && txc_tx_mysql ("bank_my") == s_my);
    s_move (2, 5);
    CHECK (tx_commit() == TX_OK);
    CHECK (txc_tx_pg ("bank_pg") == s_pg && txc_tx_mysql ("bank_my") == s_my);
    s_expect (2, 5);
}

static void a_chain (void)
{
    CHECK (tx_set_transaction_control (TX_CHAINED) == TX_OK);
    CHECK (tx_begin() == TX_OK);
    for (int i = 0; i < 3; i++) {
        s_move (3, 5);
        CHECK (tx_commit() == TX_OK && tx_info (NULL) == 1);
    }
    s_move (3, 100);
    CHECK (tx_rollback() == TX_OK && tx_info (NULL) == 1);
    CHECK (tx_set_transaction_control (TX_UNCHAINED) == TX_OK);
    s_move (3, 5);
    CHECK (tx_commit() == TX_OK && tx_info (NULL) == 0);
    s_expect (3, 20);
}

static void what_is_open_outside (void)
{
    CHECK (s_on_pg (s_pg, "BEGIN; UPDATE acct SET bal = bal - 7 WHERE id = 4"));
    CHECK (tx_begin() == TX_OUTSIDE);
    CHECK (strstr (txc_tx_reason(), "bank_pg") && tx_info (NULL) == 0);
    CHECK (s_on_pg (s_pg, "COMMIT")); /* it is as it was */
    CHECK (s_on_my (s_my, "START TRANSACTION"));
    CHECK (s_on_my (s_my, "UPDATE acct SET bal = bal + 7 WHERE id = 4"));
    CHECK (tx_begin() == TX_OUTSIDE);
    CHECK (strstr (txc_tx_reason(), "bank_my") && tx_info (NULL) == 0);
    CHECK (s_on_my (s_my, "COMMIT"));
    s_expect (4, 7);
    CHECK (!s_on_pg (s_pg, "BEGIN; SELECT 1 / 0") && tx_begin() == TX_OUTSIDE);
    CHECK (s_on_pg (s_pg, "ROLLBACK"));
    CHECK (s_on_my (s_my, "SET autocommit = 0") && tx_begin() == TX_OUTSIDE);
    CHECK (s_on_my (s_my, "SET autocommit = 1"));
    CHECK (tx_begin() == TX_OK);
    s_move (4, 5);
    CHECK (tx_commit() == TX_OK);
    s_expect (4, 12);
}

static void results_that_are_not_read (void)
{
    CHECK (PQsendQuery (s_pg, "SELECT 1") == 1);
    CHECK (tx_begin() == TX_OUTSIDE);
    PGresult *result;
    while ((result = PQgetResult (s_pg)) != NULL)
        PQclear (result);
    CHECK (mysql_query (s_my, "SELECT id FROM acct") == 0);
    CHECK (tx_begin() == TX_OUTSIDE);
    MYSQL_RES *rows = mysql_use_result (s_my);
    CHECK (rows != NULL && tx_begin() == TX_OUTSIDE);
    mysql_free_result (rows);
    CHECK (PQsetnonblocking (s_pg, 1) == 0 && tx_begin() == TX_OUTSIDE && PQsetnonblocking (s_pg, 0) == 0);
    CHECK (PQenterPipelineMode (s_pg) == 1 && tx_begin() == TX_OUTSIDE && PQexitPipelineMode (s_pg) == 1);
    CHECK (tx_begin() == TX_OK && tx_rollback() == TX_OK);
}

static void a_chain_that_cannot_go_on (void)
{
    CHECK (tx_set_transaction_control (TX_CHAINED) == TX_OK);
    CHECK (tx_begin() == TX_OK);
    s_move (5, 5);
    /* What one must not do: the library's BEGIN is over, and another one open.  The vote is no. */
    CHECK (s_on_pg (s_pg, "ROLLBACK; BEGIN"));
    int rc = tx_commit();
    CHECK (rc == TX_ROLLBACK);
    CHECK (tx_info (NULL) == 1);
    CHECK (PQsetnonblocking (s_pg, 1) == 0);
    rc = tx_rollback();
    CHECK (PQsetnonblocking (s_pg, 0) == 0);
    CHECK (rc == TX_NO_BEGIN && tx_info (NULL) == 0);
    CHECK (tx_set_transaction_control (TX_UNCHAINED) == TX_OK);
    s_expect (5, 0);
}

static void statements_that_failed (void)
{
    CHECK (tx_begin() == TX_OK);
    s_move (6, 5);
    CHECK (!s_on_pg (s_pg, "UPDATE acct SET bal = bal - 100000 WHERE id = 6"));
    CHECK (s_state() == TX_ROLLBACK_ONLY);
    CHECK (tx_commit() == TX_ROLLBACK && *txc_tx_reason());
    s_expect (6, 0);
    CHECK (tx_begin() == TX_OK);
    s_move (6, 5);
    CHECK (!s_on_my (s_my, "UPDATE acct SET bal = bal - 100000 WHERE id = 6"));
    CHECK (s_state() == TX_ROLLBACK_ONLY);
    CHECK (tx_commit() == TX_ROLLBACK && *txc_tx_reason());
    s_expect (6, 0);
    /* An error that the program passed over: it says so. */
    CHECK (tx_begin() == TX_OK);
    CHECK (!s_on_my (s_my, "UPDATE acct SET bal = bal - 100000 WHERE id = 6"));
    s_move (6, 5);
    CHECK (txc_enlist_failed (txc_tx_current(), "bank_my") == TXC_OK);
    CHECK (tx_commit() == TX_ROLLBACK);
    s_expect (6, 0);
}

static void the_programs_own_commit (void)
{
    CHECK (tx_begin() == TX_OK);
    s_move (7, 5);
    CHECK (s_on_pg (s_pg, "ROLLBACK"));
    CHECK (s_state() == TX_ROLLBACK_ONLY);
    CHECK (tx_commit() == TX_ROLLBACK);
    CHECK (tx_begin() == TX_OK);
    s_move (7, 5);
    CHECK (!s_on_my (s_my, "COMMIT")); /* the server refuses it */
    CHECK (tx_commit() == TX_ROLLBACK);
    s_expect (7, 0);
}

/* From other connections: the session of PostgreSQL, of MariaDB. */
static void s_end_sessions (bool pg, bool my)
{
    char sql[100];
    if (pg) {
        snprintf (sql, sizeof sql, "SELECT pg_terminate_backend(%d, 10000)", PQbackendPID (s_pg));
        PGconn *other = PQconnectdb (getenv ("ADMIN_CONNINFO"));
        CHECK (s_on_pg (other, sql));
        PQfinish (other);
    }
    if (my) {
        snprintf (sql, sizeof sql, "KILL %lu", mysql_thread_id (s_my));
        MYSQL *other = mysql_init (NULL);
        CHECK (mysql_real_connect (other, NULL, "root", NULL, NULL, 0, getenv ("ADMIN_SOCKET"), 0));
        CHECK (mysql_query (other, sql) == 0);
        mysql_close (other);
    }
}

static void sessions_that_were_lost (void)
{
    for (int which = 1; which <= 3; which++) {
        s_end_sessions (which & 1, which & 2);
        CHECK (tx_begin() == TX_OK); /* they are opened anew, under the same handles */
        CHECK (*txc_tx_reason() == 0);
        CHECK (txc_tx_pg ("bank_pg") == s_pg && txc_tx_mysql ("bank_my") == s_my);
        s_move (8, 1);
        CHECK (tx_commit() == TX_OK);
        s_expect (8, which);
        /* in the middle of a transaction */
        CHECK (tx_begin() == TX_OK);
        s_move (8, 100);
        s_end_sessions (which & 1, which & 2);
        CHECK (tx_commit() == TX_ROLLBACK);
        CHECK (tx_begin() == TX_OK);
        CHECK (tx_rollback() == TX_OK);
        s_expect (8, which);
        /* noticed by the program */
        s_end_sessions (which & 1, which & 2);
        bool pg = s_on_pg (s_pg, "SELECT 1"), my = s_on_my (s_my, "SELECT 1");
        CHECK (pg == !(which & 1) && my == !(which & 2));
        CHECK (tx_begin() == TX_OK && tx_rollback() == TX_OK);
    }
    /* in a chain */
    CHECK (tx_set_transaction_control (TX_CHAINED) == TX_OK);
    CHECK (tx_begin() == TX_OK);
    s_move (8, 100);
    s_end_sessions (true, true);
    CHECK (tx_commit() == TX_ROLLBACK && tx_info (NULL) == 1);
    s_move (8, 2);
    CHECK (tx_set_transaction_control (TX_UNCHAINED) == TX_OK);
    CHECK (tx_commit() == TX_OK);
    s_expect (8, 5);
}

static void the_decision_is_enough (void)
{
    CHECK (tx_set_commit_return (TX_COMMIT_DECISION_LOGGED) == TX_OK);
    CHECK (tx_begin() == TX_OK);
    s_move (9, 5);
    char gtrid[80];
    snprintf (gtrid, sizeof gtrid, "%s", txc_tx_gtrid (txc_tx_current()));
    CHECK (tx_commit() == TX_OK);
    CHECK (txc_outcome (txc_tx_client(), gtrid, 0) == TXC_OK);
    CHECK (tx_set_commit_return (TX_COMMIT_COMPLETED) == TX_OK);
    s_expect (9, 5);
}

static void a_time_out (void)
{
    CHECK (tx_set_transaction_timeout (3) == TX_OK);
    CHECK (tx_begin() == TX_OK);
    CHECK (tx_set_transaction_timeout (0) == TX_OK);
    s_move (10, 5);
    while (s_state() == TX_ACTIVE)
        usleep (20000);
    CHECK (s_state() == TX_TIMEOUT_ROLLBACK_ONLY);
    CHECK (tx_commit() == TX_ROLLBACK);
    CHECK (tx_begin() == TX_OK && tx_rollback() == TX_OK);
    s_expect (10, 0);
}

static void isolation_is_the_configuration_s (void)
{
    char text[64];
    for (int lost = 0; lost < 2; lost++) {
        CHECK (tx_begin() == TX_OK);
        s_text_at_pg ("SHOW transaction_isolation", text);
        CHECK (strcmp (text, "repeatable read") == 0);
        s_text_at_my ("SELECT @@tx_isolation", text);
        CHECK (strcmp (text, "REPEATABLE-READ") == 0);
        CHECK (tx_rollback() == TX_OK);
        s_end_sessions (true, true);
    }
    CHECK (tx_begin() == TX_OK && tx_rollback() == TX_OK);
}

/* A resource manager with an XA switch has nothing to hand out: its own interface finds the branch. */
static void an_xa_switch_takes_part (void)
{
    long before = s_sum (s_purse);
    CHECK (tx_begin() == TX_OK);
    CHECK (s_add (0, 5) == 0);
    s_move (11, 5);
    CHECK (tx_commit() == TX_OK);
    CHECK (s_sum (s_purse) == before + 5);
    CHECK (tx_begin() == TX_OK);
    CHECK (s_add (0, 100) == 0);
    s_move (11, 100);
    CHECK (tx_rollback() == TX_OK);
    CHECK (s_sum (s_purse) == before + 5);
    CHECK (tx_begin() == TX_OK);
    CHECK (s_add (0, 100) == 0);
    CHECK (!s_on_pg (s_pg, "nonsense"));
    CHECK (tx_commit() == TX_ROLLBACK);
    CHECK (s_sum (s_purse) == before + 5);
    CHECK (txc_tx_pg ("purse") == NULL && strstr (txc_tx_reason(), "xa"));
    s_expect (11, 5);
}

static void who_asks_wrongly (void)
{
    CHECK (txc_tx_pg ("bank_my") == NULL && strstr (txc_tx_reason(), "mysql"));
    CHECK (txc_tx_mysql ("bank_pg") == NULL && strstr (txc_tx_reason(), "pgsql"));
    CHECK (txc_tx_pg ("nowhere") == NULL && strstr (txc_tx_reason(), "nowhere"));
    CHECK (txc_tx_pg (NULL) == NULL && *txc_tx_reason());
    CHECK (txc_tx_pg ("away_pg") == NULL && strstr (txc_tx_reason(), "away_pg"));
    CHECK (txc_tx_mysql ("away_my") == NULL && strstr (txc_tx_reason(), "away_my"));
    CHECK (tx_begin() == TX_OK);
    CHECK (txc_tx_pg ("away_pg") == NULL && txc_tx_mysql ("away_my") == NULL);
    /* its agent runs no statements on it beside the connection */
    CHECK (txc_exec (txc_tx_current(), "bank_pg", "SELECT 1", 0, NULL, NULL) == TXC_EPROTO);
    CHECK (tx_rollback() == TX_OK);
}

static void *s_thread (void *arg)
{
    int account = *(const int *) arg;
    CHECK (txc_tx_pg ("bank_pg") == NULL); /* tx_open was not called here */
    CHECK (tx_open() == TX_OK && tx_begin() == TX_OK);
    PGconn *pg = txc_tx_pg ("bank_pg"); /* first asked for in a transaction */
    MYSQL *my = txc_tx_mysql ("bank_my");
    CHECK (pg && my && pg != s_pg && my != s_my);
    s_move_on (pg, my, account, 1);
    CHECK (tx_commit() == TX_OK);
    for (int i = 0; i < 4; i++) {
        CHECK (tx_begin() == TX_OK);
        s_move_on (pg, my, account, 1);
        CHECK (tx_commit() == TX_OK);
    }
    CHECK (tx_begin() == TX_OK);
    s_move_on (pg, my, account, 100);
    return NULL; /* it ends with the thread */
}

static void threads (void)
{
    static const int accounts[] = {12, 13, 14};
    pthread_t ids[3];
    CHECK (tx_begin() == TX_OK);
    s_move (15, 5);
    for (int i = 0; i < 3; i++)
        CHECK (pthread_create (&ids[i], NULL, s_thread, (void *) (uintptr_t) &accounts[i]) == 0);
    for (int i = 0; i < 3; i++)
        CHECK (pthread_join (ids[i], NULL) == 0);
    CHECK (tx_commit() == TX_OK);
    for (int i = 0; i < 3; i++)
        s_expect (accounts[i], 5);
    s_expect (15, 5);
}

static void a_forked_child (void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    return; /* theirs is an allocator that a fork among threads leaves locked in the child */
#endif
    CHECK (tx_begin() == TX_OK);
    s_move (16, 5);
    fflush (stdout);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK (txc_tx_pg ("bank_pg") == NULL);
        CHECK (tx_open() == TX_OK && tx_begin() == TX_OK);
        PGconn *pg = txc_tx_pg ("bank_pg");
        MYSQL *my = txc_tx_mysql ("bank_my");
        CHECK (pg && my);
        s_move_on (pg, my, 17, 5);
        CHECK (tx_commit() == TX_OK && tx_close() == TX_OK);
        _exit (0);
    }
    int status = -1;
    CHECK (waitpid (pid, &status, 0) == pid && status == 0);
    s_move (16, 5); /* the parent's sessions are as they were */
    CHECK (tx_commit() == TX_OK);
    s_expect (16, 10);
    s_expect (17, 5);
}

/* Nothing is left at the servers. */
static void tx_close_closes (void)
{
    char text[64];
    int pid = PQbackendPID (s_pg);
    unsigned long id = mysql_thread_id (s_my);
    CHECK (tx_close() == TX_OK && tx_open() == TX_OK);
    CHECK (tx_begin() == TX_OK && tx_rollback() == TX_OK);
    s_pg = txc_tx_pg ("bank_pg");
    s_my = txc_tx_mysql ("bank_my");
    CHECK (s_pg && s_my && PQbackendPID (s_pg) != pid && mysql_thread_id (s_my) != id);
    char sql[100];
    do {
        snprintf (sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d", pid);
        s_text_at_pg (sql, text);
    } while (atoi (text) != 0);
    do {
        snprintf (sql, sizeof sql, "SELECT count(*) FROM information_schema.processlist WHERE id = %lu", id);
        s_text_at_my (sql, text);
    } while (atoi (text) != 0);
}

static int s_transfer (void)
{
    CHECK (tx_begin() == TX_OK);
    CHECK (s_add (0, 5) == 0);
    s_move (18, 5);
    int rc = tx_commit();
    printf ("tx_commit: %d\n", rc);
    CHECK (tx_close() == TX_OK);
    return rc == TX_OK ? 0 : 1;
}

static int s_begin (void)
{
    CHECK (tx_set_transaction_timeout (3) == TX_OK);
    int rc = tx_begin();
    printf ("tx_begin: %d: %s\n", rc, txc_tx_reason());
    CHECK (tx_info (NULL) == (rc == TX_OK));
    if (rc == TX_OK)
        CHECK (tx_rollback() == TX_OK);
    CHECK (tx_close() == TX_OK);
    return 0;
}

#define CASE(name)                                                                                           \
    {                                                                                                        \
#name, name                                                                                          \
    }

int main (int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run) (void);
    } cases[] = {
        CASE (commit_and_rollback),
        CASE (the_handles_stay_the_same),
        CASE (a_chain),
        CASE (what_is_open_outside),
        CASE (results_that_are_not_read),
        CASE (a_chain_that_cannot_go_on),
        CASE (statements_that_failed),
        CASE (the_programs_own_commit),
        CASE (sessions_that_were_lost),
        CASE (the_decision_is_enough),
        CASE (a_time_out),
        CASE (isolation_is_the_configuration_s),
        CASE (an_xa_switch_takes_part),
        CASE (who_asks_wrongly),
        CASE (threads),
        CASE (a_forked_child),
        CASE (tx_close_closes),
    };
    if (argc < 3)
        return 2;
    s_purse = argv[1];
    CHECK (txc_tx_pg ("bank_pg") == NULL && strstr (txc_tx_reason(), "tx_open"));
    CHECK (tx_open() == TX_OK);
    void *library = dlopen (argv[2], RTLD_NOW); /* the library has loaded it before */
    CHECK (library != NULL);
    *(void **) &s_add = dlsym (library, "file_xa_add");
    *(void **) &s_sum = dlsym (library, "file_xa_sum");
    s_pg = txc_tx_pg ("bank_pg");
    s_my = txc_tx_mysql ("bank_my");
    CHECK (s_pg && s_my);
    if (argc > 3)
        return strcmp (argv[3], "transfer") == 0 ? s_transfer() : s_begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cases[i].run();
        CHECK (tx_info (NULL) == 0);
        printf ("%s ok\n", cases[i].name);
        fflush (stdout);
    }
    CHECK (tx_close() == TX_OK);
    CHECK (txc_tx_pg ("bank_pg") == NULL);
    return 0;
}
