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

static struct {
    const char *endpoint, *conninfo, *stranger, *socket, *user;
    txc_client_t *client;
    PGconn *pg, *pg2; /* pg2: looks on */
    MYSQL *my, *my2;
} s;

static int s_failures;

/* --- the databases ----------------------------------------------------------------- */

static bool s_pg (PGconn *conn, const char *sql)
{
    PGresult *result = PQexec (conn, sql);
    ExecStatusType status = PQresultStatus (result);
    PQclear (result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static bool s_my (const char *sql)
{
    return mysql_query (s.my, sql) == 0;
}

static long s_pg_number (const char *sql)
{
    PGresult *result = PQexec (s.pg2, sql);
    long number = PQntuples (result) == 1 ? strtol (PQgetvalue (result, 0, 0), NULL, 10) : -1;
    PQclear (result);
    return number;
}

static long s_my_number (const char *sql)
{
    if (mysql_query (s.my2, sql))
        return -1;
    MYSQL_RES *result = mysql_store_result (s.my2);
    MYSQL_ROW row = result ? mysql_fetch_row (result) : NULL;
    long number = row && row[0] ? strtol (row[0], NULL, 10) : -1;
    mysql_free_result (result);
    return number;
}

static long s_balance_pg, s_balance_my;

static void s_remember (void)
{
    s_balance_pg = s_pg_number ("SELECT bal FROM acct WHERE id = 1");
    s_balance_my = s_my_number ("SELECT bal FROM acct WHERE id = 1");
}

/* Both moved by this much since then, and nothing is left prepared. */
static bool s_moved (long amount)
{
    return s_pg_number ("SELECT bal FROM acct WHERE id = 1") == s_balance_pg - amount &&
           s_my_number ("SELECT bal FROM acct WHERE id = 1") == s_balance_my + amount &&
           s_pg_number ("SELECT count(*) FROM pg_prepared_xacts") == 0;
}

static bool s_is_idle (void)
{
    return PQtransactionStatus (s.pg) == PQTRANS_IDLE && s_pg (s.pg, "SELECT 1") &&
           mysql_query (s.my, "DO 1") == 0 && mysql_query (s.my, "BEGIN") == 0 &&
           mysql_query (s.my, "ROLLBACK") == 0;
}

static void s_check (const char *name, bool ok, const txc_tx_t *tx)
{
    printf ("%-72s %s\n", name, ok ? "ok" : "FAILED");
    if (!ok)
        printf ("    moved %ld %ld, prepared %ld, session %d\n",
                s_pg_number ("SELECT bal FROM acct WHERE id = 1") - s_balance_pg,
                s_my_number ("SELECT bal FROM acct WHERE id = 1") - s_balance_my,
                s_pg_number ("SELECT count(*) FROM pg_prepared_xacts"), (int) PQtransactionStatus (s.pg));
    if (!ok && tx)
        printf ("    %d %s\n", txc_tx_error (tx).code, txc_tx_error (tx).text);
    s_failures += !ok;
}

static txc_tx_t *s_begin (txc_commit_return_t commit_return)
{
    s_remember();
    txc_tx_options_t options = {.timeout_ms = 20000, .commit_return = commit_return};
    return txc_begin (s.client, &options);
}

static int s_transfer (txc_tx_t *tx)
{
    int rc = txc_enlist_pg (tx, "bank_pg", s.pg);
    if (rc == TXC_OK)
        rc = txc_enlist_mysql (tx, "bank_my", s.my);
    if (rc == TXC_OK && !(s_pg (s.pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1") &&
                          s_my ("UPDATE acct SET bal = bal + 5 WHERE id = 1")))
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
    PGresult *result = PQexec (arg, sql);
    ExecStatusType status = PQresultStatus (result);
    reply->lost = PQstatus (arg) != CONNECTION_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
        snprintf (reply->sqlstate, sizeof reply->sqlstate, "%s", state ? state : "XX000");
        snprintf (reply->text, sizeof reply->text, "%s", PQresultErrorMessage (result));
    }
    snprintf (reply->tag, sizeof reply->tag, "%s", PQcmdStatus (result));
    int n = PQntuples (result) > 0 ? PQnfields (result) : 0;
    reply->n_values = n < TXC_SQL_VALUES ? n : TXC_SQL_VALUES;
    for (int i = 0; i < reply->n_values; i++)
        snprintf (reply->values[i], sizeof reply->values[i], "%s", PQgetvalue (result, 0, i));
    PQclear (result);
}

static void s_run_my (void *arg, const char *sql, txc_sql_reply_t *reply)
{
    s_driver.statements++;
    if (mysql_query (arg, sql)) {
        reply->native = (int) mysql_errno (arg);
        reply->lost = reply->native >= 2000;
        snprintf (reply->sqlstate, sizeof reply->sqlstate, "%s", mysql_sqlstate (arg));
        snprintf (reply->text, sizeof reply->text, "%s", mysql_error (arg));
        return;
    }
    MYSQL_RES *result = mysql_store_result (arg);
    if (!result)
        return;
    MYSQL_ROW row = mysql_fetch_row (result);
    unsigned n = row ? mysql_num_fields (result) : 0;
    reply->n_values = n < TXC_SQL_VALUES ? (int) n : TXC_SQL_VALUES;
    for (int i = 0; i < reply->n_values; i++)
        snprintf (reply->values[i], sizeof reply->values[i], "%s", row[i] ? row[i] : "");
    mysql_free_result (result);
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
    bool ok = txc_enlist_cb (tx, "bank_pg", &s_of_pg, s.pg) == TXC_OK &&
              txc_enlist_cb (tx, "bank_my", &s_of_my, s.my) == TXC_OK &&
              s_pg (s.pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1") &&
              s_my ("UPDATE acct SET bal = bal + 5 WHERE id = 1");
    ok = ok && s_driver.statements >= 6 && s_driver.released == 0;
    ok = ok && (commit ? txc_commit (tx, NULL) : txc_rollback (tx)) == TXC_OK;
    ok = ok && s_moved (commit ? 5 : 0) && s_driver.released == 2 && s_is_idle();
    s_check (commit ? "callbacks: committed" : "callbacks: rolled back", ok, tx);
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
    s_check ("callbacks: a driver without functions is refused, and released",
             txc_enlist_cb (tx, "bank_pg", &half, s.pg) == TXC_EINVAL && s_driver.released == 1, tx);
    txc_enlist_driver_t none = s_of_pg;
    none.dialect = (txc_dialect_t) 7;
    s_check ("callbacks: an unknown dialect is refused",
             txc_enlist_cb (tx, "bank_pg", &none, s.pg) == TXC_EINVAL && s_driver.released == 2, tx);
    s_check ("callbacks: a name that is none is refused",
             txc_enlist_cb (tx, "Bank PG", &s_of_pg, s.pg) == TXC_EINVAL && s_driver.released == 3, tx);
    s_check ("callbacks: an unknown resource manager is refused",
             txc_enlist_cb (tx, "bank_xy", &s_of_pg, s.pg) == TXC_ENORM && s_driver.released == 4, tx);
    s_check ("no driver at all is refused", txc_enlist_cb (tx, "bank_pg", NULL, NULL) == TXC_EINVAL, tx);
    s_check ("no connection at all is refused", txc_enlist_pg (tx, "bank_pg", NULL) == TXC_EINVAL, tx);
    txc_tx_destroy (&tx);
}

/* --- commits ---------------------------------------------------------------------------------- */

static void s_commits (txc_commit_return_t commit_return)
{
    txc_tx_t *tx = s_begin (commit_return);
    bool ok = s_transfer (tx) == TXC_OK && txc_commit (tx, NULL) == TXC_OK && s_moved (5) && s_is_idle();
    s_check (commit_return == TXC_COMPLETED ? "committed, completed"
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
    ok = ok && rc == TXC_OK && txc_commit_poll (tx) == TXC_OK && s_moved (5) && s_is_idle();
    s_check (wait ? "asynchronous, waited for with txc_commit"
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
        code = txc_outcome (s.client, gtrid, 1000);
    mysql_close (s.my); /* it may hold what it prepared */
    s.my = mysql_init (NULL);
    ok = ok && mysql_real_connect (s.my, NULL, s.user, NULL, "bank", 0, s.socket, 0);
    for (int i = 0; i < 200 && !s_moved (code == TXC_OK ? 5 : 0); i++)
        poll (NULL, 0, 50);
    s_check ("asynchronous, given up: ends as it was decided", ok && s_moved (code == TXC_OK ? 5 : 0), NULL);
    PQreset (s.pg);
}

/* --- fork ----------------------------------------------------------------------------------------- */

/* The child has connections of its own, and the parent's transaction is none of its business. */
static int s_child (txc_tx_t *tx)
{
    if (txc_enlist_failed (tx, "bank_pg") != TXC_EFORKED || txc_commit (tx, NULL) != TXC_EFORKED)
        return 1;
    txc_tx_destroy (&tx);
    s.pg = PQconnectdb (s.conninfo);
    s.my = mysql_init (NULL);
    if (!mysql_real_connect (s.my, NULL, s.user, NULL, "bank", 0, s.socket, 0))
        return 2;
    txc_tx_t *own = txc_begin (s.client, NULL);
    bool ok = own && txc_enlist_pg (own, "bank_pg", s.pg) == TXC_OK &&
              txc_enlist_mysql (own, "bank_my", s.my) == TXC_OK &&
              s_pg (s.pg, "UPDATE acct SET bal = bal - 7 WHERE id = 2") &&
              s_my ("UPDATE acct SET bal = bal + 7 WHERE id = 2") && txc_commit (own, NULL) == TXC_OK;
    txc_tx_destroy (&own);
    txc_client_destroy (&s.client);
    return ok ? 0 : 3;
}

static void s_fork (void)
{
    long before = s_pg_number ("SELECT bal FROM acct WHERE id = 2");
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = s_transfer (tx) == TXC_OK;
    int status = -1;
    fflush (stdout);
    pid_t child = fork();
    if (child == 0)
        _exit (s_child (tx));
    ok = ok && child > 0 && waitpid (child, &status, 0) == child && status == 0;
    s_check ("fork: the child's own transaction commits, its parent's is refused there",
             ok && s_pg_number ("SELECT bal FROM acct WHERE id = 2") == before - 7, tx);
    s_check ("fork: the parent's goes on and commits", txc_commit (tx, NULL) == TXC_OK && s_moved (5), tx);
    txc_tx_destroy (&tx);
}

/* --- what must not be done ------------------------------------------------------------------------- */

static void s_misuse (const char *name, const char *pg, const char *my)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    int outcome = TXC_PENDING;
    bool ok = s_transfer (tx) == TXC_OK;
    if (pg)
        s_pg (s.pg, pg);
    if (my)
        s_my (my);
    txc_commit (tx, &outcome);
    ok = ok && outcome == TXC_ROLLED_BACK && txc_tx_error (tx).text[0] != '\0' &&
         s_my_number ("SELECT bal FROM acct WHERE id = 1") == s_balance_my &&
         s_pg_number ("SELECT count(*) FROM pg_prepared_xacts") == 0;
    s_check (name, ok, tx);
    txc_tx_destroy (&tx);
    s_pg (s.pg, "ROLLBACK");
}

static void s_misuses (void)
{
    s_misuse ("a statement that failed in PostgreSQL is a no", "SELECT 1 / 0", NULL);
    s_misuse ("a statement that failed in MariaDB is a no", NULL, "UPDATE acct SET bal = -1 WHERE id = 1");
    s_misuse ("ROLLBACK in PostgreSQL is noticed", "ROLLBACK", NULL);
    s_misuse ("ROLLBACK AND CHAIN in PostgreSQL is noticed", "ROLLBACK AND CHAIN", NULL);
    s_misuse ("COMMIT in PostgreSQL is noticed", "COMMIT", NULL);
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = s_transfer (tx) == TXC_OK && txc_enlist_failed (tx, "bank_my") == TXC_OK;
    int outcome = TXC_PENDING;
    txc_commit (tx, &outcome);
    s_check ("what the application calls failed is a no", ok && outcome == TXC_ROLLED_BACK && s_moved (0),
             tx);
    txc_tx_destroy (&tx);
    tx = s_begin (TXC_COMPLETED);
    s_check ("failed, of none that is enlisted", txc_enlist_failed (tx, "bank_my") == TXC_ENORM, tx);
    s_pg (s.pg, "BEGIN");
    s_check ("a connection in a transaction is refused", txc_enlist_pg (tx, "bank_pg", s.pg) == TXC_EINVAL,
             tx);
    s_pg (s.pg, "ROLLBACK");
    txc_tx_destroy (&tx);
}

static void s_one_way_each (void)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = txc_enlist_pg (tx, "bank_pg", s.pg) == TXC_OK &&
              txc_exec (tx, "bank_my", "UPDATE acct SET bal = bal WHERE id = 1", 0, NULL, NULL) == TXC_OK;
    s_check ("twice at one resource manager is refused",
             ok && txc_enlist_pg (tx, "bank_pg", s.pg2) == TXC_EPROTO, tx);
    s_check ("beside an agent's branch there it is refused",
             txc_enlist_mysql (tx, "bank_my", s.my) == TXC_EPROTO, tx);
    s_check ("txc_exec beside an enlisted branch is refused",
             txc_exec (tx, "bank_pg", "SELECT 1", 0, NULL, NULL) == TXC_EPROTO, tx);
    s_check ("and the transaction commits all the same", txc_commit (tx, NULL) == TXC_OK && s_is_idle(), tx);
    txc_tx_destroy (&tx);
}

/* Members of a three-phase commit end it without anybody's help; an application's connection is no member. */
static void s_three_phase (void)
{
    s_remember();
    txc_tx_options_t options = {.mode = "3pc"};
    txc_tx_t *tx = txc_begin (s.client, &options);
    s_check ("in a three-phase commit it is refused", tx && txc_enlist_pg (tx, "bank_pg", s.pg) == TXC_EMODE,
             tx);
    txc_tx_destroy (&tx);
    options.mode = "paxos";
    tx = txc_begin (s.client, &options);
    bool ok = tx && s_transfer (tx) == TXC_OK && txc_commit (tx, NULL) == TXC_OK;
    s_check ("in a Paxos Commit it is not", ok && s_moved (5) && s_is_idle(), tx);
    txc_tx_destroy (&tx);
}

static void s_strangers (void)
{
    PGconn *conn = PQconnectdb (s.stranger);
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    int rc = txc_enlist_pg (tx, "bank_pg", conn);
    s_check ("a role whose branches the agent could not finish is refused",
             rc == TXC_EPERM && strstr (txc_tx_error (tx).text, "GRANT") != NULL, tx);
    txc_tx_destroy (&tx);
    s_check ("and keeps its connection as it was",
             PQtransactionStatus (conn) == PQTRANS_IDLE && s_pg (conn, "SELECT 1"), NULL);
    PQfinish (conn);
}

/* Deferred triggers see the application's role, although the branch is prepared as the agent's. */
static void s_roles (void)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = s_transfer (tx) == TXC_OK && txc_commit (tx, NULL) == TXC_OK;
    PGresult *result = PQexec (s.pg, "SELECT current_user");
    ok = ok && strcmp (PQgetvalue (result, 0, 0), PQuser (s.pg)) == 0;
    PQclear (result);
    s_check ("the connection's role is its own again", ok && s_moved (5), tx);
    txc_tx_destroy (&tx);
}

/* A guest works in agent-executed branches; the enlisted one stays its owner's. */
static void s_shared (void)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    char *ticket = NULL, *back = NULL;
    bool ok = txc_enlist_pg (tx, "bank_pg", s.pg) == TXC_OK &&
              s_pg (s.pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1") && txc_export (tx, &ticket) == TXC_OK;
    txc_client_t *other = txc_client_new (s.endpoint, NULL);
    txc_tx_t *guest = ok && other ? txc_join (other, ticket) : NULL;
    ok = guest &&
         txc_exec (guest, "bank_my", "UPDATE acct SET bal = bal + 5 WHERE id = 1", 0, NULL, NULL) == TXC_OK;
    s_check ("a guest cannot enlist", ok && txc_enlist_pg (guest, "bank_pg", s.pg2) == TXC_EPROTO, guest);
    ok = ok && txc_detach (guest, &back) == TXC_OK && txc_reattach (tx, back) == TXC_OK;
    s_check ("shared with another process", ok && txc_commit (tx, NULL) == TXC_OK && s_moved (5), tx);
    txc_tx_destroy (&guest);
    txc_tx_destroy (&tx);
    txc_client_destroy (&other);
    free (ticket);
    free (back);
}

static void s_alone (void)
{
    txc_tx_t *tx = s_begin (TXC_COMPLETED);
    bool ok = txc_enlist_pg (tx, "bank_pg", s.pg) == TXC_OK &&
              s_pg (s.pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1") && txc_commit (tx, NULL) == TXC_OK;
    s_check ("one alone in PostgreSQL",
             ok && s_pg_number ("SELECT bal FROM acct WHERE id = 1") == s_balance_pg - 5, tx);
    txc_tx_destroy (&tx);
    tx = s_begin (TXC_COMPLETED);
    ok = txc_enlist_mysql (tx, "bank_my", s.my) == TXC_OK &&
         s_my ("UPDATE acct SET bal = bal + 5 WHERE id = 1") && txc_commit (tx, NULL) == TXC_OK;
    s_check ("one alone in MariaDB",
             ok && s_my_number ("SELECT bal FROM acct WHERE id = 1") == s_balance_my + 5, tx);
    txc_tx_destroy (&tx);
    tx = s_begin (TXC_COMPLETED);
    ok = s_transfer (tx) == TXC_OK;
    txc_tx_destroy (&tx); /* rolls back */
    s_check ("a destroyed handle rolls back on the connections", ok && s_moved (0) && s_is_idle(), NULL);
    tx = s_begin (TXC_COMPLETED);
    ok = txc_enlist_pg (tx, "bank_pg", s.pg) == TXC_OK && txc_enlist_mysql (tx, "bank_my", s.my) == TXC_OK &&
         s_pg (s.pg, "SELECT bal FROM acct WHERE id = 1") && txc_commit (tx, NULL) == TXC_OK;
    s_check ("both only read", ok && s_moved (0) && s_is_idle(), tx);
    txc_tx_destroy (&tx);
}

int main (int argc, char **argv)
{
    if (argc != 6) {
        fprintf (stderr, "usage: enlist_calls ENDPOINT CONNINFO STRANGER SOCKET USER\n");
        return 2;
    }
    s.endpoint = argv[1];
    s.conninfo = argv[2];
    s.stranger = argv[3];
    s.socket = argv[4];
    s.user = argv[5];
    s.client = txc_client_new (s.endpoint, NULL);
    s.pg = PQconnectdb (s.conninfo);
    s.pg2 = PQconnectdb (s.conninfo);
    s.my = mysql_init (NULL);
    s.my2 = mysql_init (NULL);
    if (!s.client || PQstatus (s.pg) != CONNECTION_OK || PQstatus (s.pg2) != CONNECTION_OK ||
        !mysql_real_connect (s.my, NULL, s.user, NULL, "bank", 0, s.socket, 0) ||
        !mysql_real_connect (s.my2, NULL, s.user, NULL, "bank", 0, s.socket, 0)) {
        fprintf (stderr, "enlist_calls: cannot connect: %s %s\n", txc_last_error().text,
                 PQerrorMessage (s.pg));
        return 1;
    }
    s_commits (TXC_COMPLETED);
    s_commits (TXC_DECISION_LOGGED);
    s_alone();
    s_callbacks (true);
    s_callbacks (false);
    s_bad_drivers();
    s_async (false);
    s_async (true);
    s_roles();
    s_strangers();
    s_three_phase();
    s_one_way_each();
    s_shared();
    s_misuses();
    s_fork();
    s_abandoned();
    txc_client_destroy (&s.client);
    PQfinish (s.pg);
    PQfinish (s.pg2);
    mysql_close (s.my);
    mysql_close (s.my2);
    mysql_library_end();
    printf ("%d failures\n", s_failures);
    return s_failures ? 1 : 0;
}
