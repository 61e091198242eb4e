/*
 * enlist_calls - what programs do with enlisted connections, right and wrong, on real databases.
 *
 * usage: enlist_calls ENDPOINT CONNINFO STRANGER SOCKET USER
 *
 * CONNINFO connects as a role whose branches the agent can finish, STRANGER as one whose it cannot.  Prints a
 * line for each case; the exit status is 0 if all are as they should be.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <txcoord/txc_mysql.h>
#include <txcoord/txc_pg.h>

#include "tests/integration/enlist_driver.h"
#include "tests/integration/enlist_fixture.h"

static txc_tx_t *s_begin (txc_commit_return_t commit_return)
{
    fixture_remember();
    txc_tx_options_t options = {.timeout_ms = 20000, .commit_return = commit_return};
    return txc_begin (fixture.client, &options);
}

static int s_transfer (txc_tx_t *tx)
{
    int rc = txc_enlist_pg (tx, "bank_pg", fixture.pg);
    if (rc == TXC_OK)
        rc = txc_enlist_mysql (tx, "bank_my", fixture.my);
    if (rc == TXC_OK && !(fixture_pg (fixture.pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1") &&
                          fixture_my ("UPDATE acct SET bal = bal + 5 WHERE id = 1")))
        rc = TXC_ERM;
    return rc;
}

/* --- a driver of one's own --------------------------------------------------------------- */

static struct {
    int statements, released;
} s_driver;

static void s_run_pg (void *arg, const char *sql, txc_sql_reply_t *reply)
{
    s_driver.statements++;
    enlist_driver_run_pg (arg, sql, reply);
}

static void s_run_my (void *arg, const char *sql, txc_sql_reply_t *reply)
{
    s_driver.statements++;
    enlist_driver_run_my (arg, sql, reply);
}

static void s_release (void *arg)
{
    (void) arg;
    s_driver.released++;
}

static const txc_enlist_driver_t s_of_pg = {
    .dialect = TXC_DIALECT_POSTGRESQL, .run = s_run_pg, .release = s_release};
static const txc_enlist_driver_t s_of_my = {
    .dialect = TXC_DIALECT_MARIADB, .run = s_run_my, .release = s_release};

static void s_callbacks (bool commit)
{
    memset (&s_driver, 0, sizeof s_driver);
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = txc_enlist_cb (tx, "bank_pg", &s_of_pg, fixture.pg) == TXC_OK &&
              txc_enlist_cb (tx, "bank_my", &s_of_my, fixture.my) == TXC_OK &&
              fixture_pg (fixture.pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1") &&
              fixture_my ("UPDATE acct SET bal = bal + 5 WHERE id = 1");
    ok = ok && s_driver.statements >= 6 && s_driver.released == 0;
    ok = ok && (commit ? txc_commit (tx, NULL) : txc_rollback (tx)) == TXC_OK;
    ok = ok && fixture_moved (commit ? 5 : 0) && s_driver.released == 2 && fixture_is_idle();
    fixture_check (commit ? "callbacks: committed" : "callbacks: rolled back", ok, tx);
    txc_tx_destroy (&tx);
}

/* The other half is missing. */
static void s_send_nothing (void *arg, const char *sql)
{
    (void) arg;
    (void) sql;
}

static void s_bad_drivers (void)
{
    memset (&s_driver, 0, sizeof s_driver);
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    txc_enlist_driver_t half = {
        .dialect = TXC_DIALECT_POSTGRESQL, .send = s_send_nothing, .release = s_release};
    fixture_check ("callbacks: a driver without functions is refused, and released",
                   txc_enlist_cb (tx, "bank_pg", &half, fixture.pg) == TXC_EINVAL && s_driver.released == 1,
                   tx);
    txc_enlist_driver_t none = s_of_pg;
    none.dialect = (txc_dialect_t) 7;
    fixture_check ("callbacks: an unknown dialect is refused",
                   txc_enlist_cb (tx, "bank_pg", &none, fixture.pg) == TXC_EINVAL && s_driver.released == 2,
                   tx);
    fixture_check (
        "callbacks: a name that is none is refused",
        txc_enlist_cb (tx, "Bank PG", &s_of_pg, fixture.pg) == TXC_EINVAL && s_driver.released == 3, tx);
    fixture_check ("callbacks: an unknown resource manager is refused",
                   txc_enlist_cb (tx, "bank_xy", &s_of_pg, fixture.pg) == TXC_ENORM && s_driver.released == 4,
                   tx);
    fixture_check ("no driver at all is refused", txc_enlist_cb (tx, "bank_pg", NULL, NULL) == TXC_EINVAL,
                   tx);
    fixture_check ("no connection at all is refused", txc_enlist_pg (tx, "bank_pg", NULL) == TXC_EINVAL, tx);
    txc_tx_destroy (&tx);
}

/* --- commits ---------------------------------------------------------------------------------- */

static void s_commits (txc_commit_return_t commit_return)
{
    txc_tx_t *tx = s_begin (commit_return);
    bool ok = s_transfer (tx) == TXC_OK && txc_commit (tx, NULL) == TXC_OK && fixture_moved (5) &&
              fixture_is_idle();
    fixture_check (commit_return == TXC_COMPLETED ? "committed, completed"
                                                  : "committed, decision logged: both connections are free",
                   ok, tx);
    txc_tx_destroy (&tx);
}

static void s_async (bool wait)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = s_transfer (tx) == TXC_OK && txc_commit_async (tx) == TXC_OK;
    int rc = TXC_PENDING;
    if (wait)
        rc = txc_commit (tx, NULL);
    struct pollfd fd = {.fd = ok ? txc_tx_fd (tx) : -1, .events = POLLIN};
    for (int i = 0; ok && !wait && i < 100 && (rc = txc_commit_poll (tx)) == TXC_PENDING; i++)
        ok = poll (&fd, 1, 10000) == 1;
    ok = ok && rc == TXC_OK && txc_commit_poll (tx) == TXC_OK && fixture_moved (5) && fixture_is_idle();
    fixture_check (wait ? "asynchronous, waited for with txc_commit"
                        : "asynchronous, polled through its descriptor",
                   ok, tx);
    txc_tx_destroy (&tx);
}

/* The handle is given up in the middle: what is prepared is its agents'. */
static void s_abandoned (void)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    char gtrid[128];
    snprintf (gtrid, sizeof gtrid, "%s", txc_tx_gtrid (tx));
    bool ok = s_transfer (tx) == TXC_OK && txc_commit_async (tx) == TXC_OK;
    ok = ok && txc_commit_poll (tx) <= TXC_PENDING;
    txc_tx_destroy (&tx);
    int code = TXC_PENDING;
    for (int i = 0; i < 60 && code != TXC_OK && code != TXC_ROLLED_BACK; i++)
        code = txc_outcome (fixture.client, gtrid, 1000);
    mysql_close (fixture.my); /* it may hold what it prepared */
    fixture.my = mysql_init (NULL);
    ok = ok && mysql_real_connect (fixture.my, NULL, fixture.user, NULL, "bank", 0, fixture.socket, 0);
    for (int i = 0; i < 200 && !fixture_moved (code == TXC_OK ? 5 : 0); i++)
        poll (NULL, 0, 50);
    fixture_check ("asynchronous, given up: ends as it was decided",
                   ok && fixture_moved (code == TXC_OK ? 5 : 0), NULL);
    PQreset (fixture.pg);
}

/* --- fork ----------------------------------------------------------------------------------------- */

/* The child has connections of its own, and the parent's transaction is none of its business. */
static int s_child (txc_tx_t *tx)
{
    if (txc_enlist_failed (tx, "bank_pg") != TXC_EFORKED || txc_commit (tx, NULL) != TXC_EFORKED)
        return 1;
    txc_tx_destroy (&tx);
    fixture.pg = PQconnectdb (fixture.conninfo);
    fixture.my = mysql_init (NULL);
    if (!mysql_real_connect (fixture.my, NULL, fixture.user, NULL, "bank", 0, fixture.socket, 0))
        return 2;
    txc_tx_t *own = txc_begin (fixture.client, NULL);
    bool ok = own && txc_enlist_pg (own, "bank_pg", fixture.pg) == TXC_OK &&
              txc_enlist_mysql (own, "bank_my", fixture.my) == TXC_OK &&
              fixture_pg (fixture.pg, "UPDATE acct SET bal = bal - 7 WHERE id = 2") &&
              fixture_my ("UPDATE acct SET bal = bal + 7 WHERE id = 2") && txc_commit (own, NULL) == TXC_OK;
    txc_tx_destroy (&own);
    txc_client_destroy (&fixture.client);
    return ok ? 0 : 3;
}

static void s_fork (void)
{
    long before = fixture_pg_number ("SELECT bal FROM acct WHERE id = 2");
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = s_transfer (tx) == TXC_OK;
    int status = -1;
    fflush (stdout);
    pid_t child = fork();
    if (child == 0)
        _exit (s_child (tx));
    ok = ok && child > 0 && waitpid (child, &status, 0) == child && status == 0;
    fixture_check ("fork: the child's own transaction commits, its parent's is refused there",
                   ok && fixture_pg_number ("SELECT bal FROM acct WHERE id = 2") == before - 7, tx);
    fixture_check ("fork: the parent's goes on and commits",
                   txc_commit (tx, NULL) == TXC_OK && fixture_moved (5), tx);
    txc_tx_destroy (&tx);
}

/* --- what is refused ----------------------------------------------------------------------------------- */

static void s_one_way_each (void)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = txc_enlist_pg (tx, "bank_pg", fixture.pg) == TXC_OK &&
              txc_exec (tx, "bank_my", "UPDATE acct SET bal = bal WHERE id = 1", 0, NULL, NULL) == TXC_OK;
    fixture_check ("twice at one resource manager is refused",
                   ok && txc_enlist_pg (tx, "bank_pg", fixture.pg2) == TXC_EPROTO, tx);
    fixture_check ("beside an agent's branch there it is refused",
                   txc_enlist_mysql (tx, "bank_my", fixture.my) == TXC_EPROTO, tx);
    fixture_check ("txc_exec beside an enlisted branch is refused",
                   txc_exec (tx, "bank_pg", "SELECT 1", 0, NULL, NULL) == TXC_EPROTO, tx);
    fixture_check ("and the transaction commits all the same",
                   txc_commit (tx, NULL) == TXC_OK && fixture_is_idle(), tx);
    txc_tx_destroy (&tx);
}

/* Members of a three-phase commit end it without anybody's help; an application's connection is no member. */
static void s_three_phase (void)
{
    fixture_remember();
    txc_tx_options_t options = {.mode = "3pc"};
    txc_tx_t *tx = txc_begin (fixture.client, &options);
    fixture_check ("in a three-phase commit it is refused",
                   tx && txc_enlist_pg (tx, "bank_pg", fixture.pg) == TXC_EMODE, tx);
    txc_tx_destroy (&tx);
    options.mode = "paxos";
    tx = txc_begin (fixture.client, &options);
    bool ok = tx && s_transfer (tx) == TXC_OK && txc_commit (tx, NULL) == TXC_OK;
    fixture_check ("in a Paxos Commit it is not", ok && fixture_moved (5) && fixture_is_idle(), tx);
    txc_tx_destroy (&tx);
}

static void s_strangers (void)
{
    PGconn *conn = PQconnectdb (fixture.stranger);
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    int rc = txc_enlist_pg (tx, "bank_pg", conn);
    fixture_check ("a role whose branches the agent could not finish is refused",
                   rc == TXC_EPERM && strstr (txc_tx_error (tx).text, "GRANT") != NULL, tx);
    txc_tx_destroy (&tx);
    fixture_check ("and keeps its connection as it was",
                   PQtransactionStatus (conn) == PQTRANS_IDLE && fixture_pg (conn, "SELECT 1"), NULL);
    PQfinish (conn);
}

/* Deferred triggers see the application's role, although the branch is prepared as the agent's. */
static void s_roles (void)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = s_transfer (tx) == TXC_OK && txc_commit (tx, NULL) == TXC_OK;
    PGresult *result = PQexec (fixture.pg, "SELECT current_user");
    ok = ok && strcmp (PQgetvalue (result, 0, 0), PQuser (fixture.pg)) == 0;
    PQclear (result);
    fixture_check ("the connection's role is its own again", ok && fixture_moved (5), tx);
    txc_tx_destroy (&tx);
}

/* What the connection works as, and what it says of itself. */
static bool s_works_as (const char *user, const char *role)
{
    PGresult *result = PQexec (fixture.pg, "SELECT current_user, current_setting('role')");
    bool ok = PQntuples (result) == 1 && strcmp (PQgetvalue (result, 0, 0), user) == 0 &&
              strcmp (PQgetvalue (result, 0, 1), role) == 0;
    PQclear (result);
    return ok;
}

/* The agent could finish nothing that belongs to that role: it is to belong to the application's. */
static void s_taken_roles (void)
{
    const char *user = PQuser (fixture.pg);
    for (int local = 0; local < 2; local++) {
        txc_tx_t *tx = s_begin (TXC_DECISION_LOGGED);
        bool ok = s_transfer (tx) == TXC_OK &&
                  fixture_pg (fixture.pg, local ? "SET LOCAL ROLE tenant" : "SET ROLE tenant") &&
                  txc_commit (tx, NULL) == TXC_OK && fixture_moved (5);
        ok = ok && (local ? s_works_as (user, "none") : s_works_as ("tenant", "tenant"));
        fixture_check (local ? "SET LOCAL ROLE in the branch: finished at once, and the role is gone with it"
                             : "SET ROLE in the branch: finished at once, and the role is kept",
                       ok && fixture_is_idle(), tx);
        txc_tx_destroy (&tx);
        fixture_pg (fixture.pg, "RESET ROLE");
    }
    fixture_pg (fixture.pg, "SET ROLE tenant"); /* behind the greeting of a moment ago */
    txc_tx_t *tx = s_begin (TXC_DECISION_LOGGED);
    bool ok = s_transfer (tx) == TXC_OK && txc_commit (tx, NULL) == TXC_OK && fixture_moved (5);
    fixture_check ("SET ROLE before the branch: finished at once", ok && s_works_as ("tenant", "tenant"), tx);
    txc_tx_destroy (&tx);
    fixture_pg (fixture.pg, "RESET ROLE");
}

/* Both levels that are no session's default. */
static void s_isolation (void)
{
    txc_tx_options_t options = {.timeout_ms = 20000, .isolation = TXC_ISOLATION_SERIALIZABLE};
    txc_tx_t *tx = txc_begin (fixture.client, &options);
    bool ok = s_transfer (tx) == TXC_OK;
    PGresult *result = PQexec (fixture.pg, "SHOW transaction_isolation");
    ok = ok && strcmp (PQgetvalue (result, 0, 0), "serializable") == 0;
    PQclear (result);
    /* A plain SELECT locks what it reads, so that another one's change waits. */
    ok = ok && fixture_my ("SELECT bal FROM acct WHERE id = 3");
    mysql_free_result (mysql_store_result (fixture.my));
    ok = ok && mysql_query (fixture.my2, "SET innodb_lock_wait_timeout = 1") == 0 &&
         mysql_query (fixture.my2, "UPDATE acct SET bal = bal WHERE id = 3") != 0 &&
         mysql_errno (fixture.my2) == 1205;
    fixture_check ("enlisted branches have the transaction's isolation",
                   txc_rollback (tx) == TXC_OK && ok && fixture_is_idle(), tx);
    txc_tx_destroy (&tx);
    tx = s_begin (TXC_COMPLETED);
    ok = s_transfer (tx) == TXC_OK;
    result = PQexec (fixture.pg, "SHOW transaction_isolation");
    ok = ok && strcmp (PQgetvalue (result, 0, 0), "read committed") == 0;
    PQclear (result);
    fixture_check ("and the next ones the session's own", ok && txc_rollback (tx) == TXC_OK, tx);
    txc_tx_destroy (&tx);
}

/* A guest works in agent-executed branches; the enlisted one stays its owner's. */
static void s_shared (void)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    char *ticket = NULL, *back = NULL;
    bool ok = txc_enlist_pg (tx, "bank_pg", fixture.pg) == TXC_OK &&
              fixture_pg (fixture.pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1") &&
              txc_export (tx, &ticket) == TXC_OK;
    txc_client_t *other = txc_client_new (fixture.endpoint, NULL);
    txc_tx_t *guest = ok && other ? txc_join (other, ticket) : NULL;
    ok = guest &&
         txc_exec (guest, "bank_my", "UPDATE acct SET bal = bal + 5 WHERE id = 1", 0, NULL, NULL) == TXC_OK;
    fixture_check ("a guest cannot enlist", ok && txc_enlist_pg (guest, "bank_pg", fixture.pg2) == TXC_EPROTO,
                   guest);
    ok = ok && txc_detach (guest, &back) == TXC_OK && txc_reattach (tx, back) == TXC_OK;
    fixture_check ("shared with another process", ok && txc_commit (tx, NULL) == TXC_OK && fixture_moved (5),
                   tx);
    txc_tx_destroy (&guest);
    txc_tx_destroy (&tx);
    txc_client_destroy (&other);
    free (ticket);
    free (back);
}

static void s_alone (void)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = txc_enlist_pg (tx, "bank_pg", fixture.pg) == TXC_OK &&
              fixture_pg (fixture.pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1") &&
              txc_commit (tx, NULL) == TXC_OK;
    fixture_check ("one alone in PostgreSQL",
                   ok && fixture_pg_number ("SELECT bal FROM acct WHERE id = 1") == fixture.balance_pg - 5,
                   tx);
    txc_tx_destroy (&tx);
    tx = s_begin (TXC_COMPLETED);
    ok = txc_enlist_mysql (tx, "bank_my", fixture.my) == TXC_OK &&
         fixture_my ("UPDATE acct SET bal = bal + 5 WHERE id = 1") && txc_commit (tx, NULL) == TXC_OK;
    fixture_check ("one alone in MariaDB",
                   ok && fixture_my_number ("SELECT bal FROM acct WHERE id = 1") == fixture.balance_my + 5,
                   tx);
    txc_tx_destroy (&tx);
    tx = s_begin (TXC_COMPLETED);
    ok = s_transfer (tx) == TXC_OK;
    txc_tx_destroy (&tx); /* rolls back */
    fixture_check ("a destroyed handle rolls back on the connections",
                   ok && fixture_moved (0) && fixture_is_idle(), NULL);
    tx = s_begin (TXC_COMPLETED);
    ok = txc_enlist_pg (tx, "bank_pg", fixture.pg) == TXC_OK &&
         txc_enlist_mysql (tx, "bank_my", fixture.my) == TXC_OK &&
         fixture_pg (fixture.pg, "SELECT bal FROM acct WHERE id = 1") && txc_commit (tx, NULL) == TXC_OK;
    fixture_check ("both only read", ok && fixture_moved (0) && fixture_is_idle(), tx);
    txc_tx_destroy (&tx);
}

int main (int argc, char **argv)
{
    if (!fixture_open (argc, argv))
        return 2;
    s_commits (TXC_COMPLETED);
    s_commits (TXC_DECISION_LOGGED);
    s_alone();
    s_callbacks (true);
    s_callbacks (false);
    s_bad_drivers();
    s_async (false);
    s_async (true);
    s_roles();
    s_taken_roles();
    s_isolation();
    s_strangers();
    s_three_phase();
    s_one_way_each();
    s_shared();
    s_fork();
    s_abandoned();
    return fixture_close();
}
