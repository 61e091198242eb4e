/*
 * enlist_misuse - what an application must not do on enlisted connections, each on real databases, through
 * libpq's and MariaDB's handles and through callbacks.
 *
 * usage: enlist_misuse ENDPOINT CONNINFO STRANGER SOCKET USER     (as enlist_calls)
 *
 * After each the transaction has one outcome, told with a reason if it is rolled back; what the application
 * committed by itself stays, and nothing else; and the connections can be used again.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/enlist_driver.h"
#include "tests/integration/enlist_fixture.h"

/* --- enlisting ------------------------------------------------------------------------ */

static bool s_by_callbacks;
static char s_xid[256]; /* of MariaDB's branch, if callbacks have it */

static void s_run_my (void *arg, const char *sql, txc_sql_reply_t *reply)
{
    if (strncmp (sql, "XA START ", 9) == 0)
        snprintf (s_xid, sizeof s_xid, "%s", sql + 9);
    enlist_driver_run_my (arg, sql, reply);
}

static int s_failed_my (void *arg)
{
    return mysql_errno (arg) != 0;
}

static int s_enlist (txc_tx_t *tx)
{
    static const txc_enlist_driver_t of_pg = {.dialect = TXC_DIALECT_POSTGRESQL, .run = enlist_driver_run_pg};
    static const txc_enlist_driver_t of_my = {
        .dialect = TXC_DIALECT_MARIADB, .run = s_run_my, .failed = s_failed_my};
    int rc = s_by_callbacks ? txc_enlist_cb (tx, "bank_pg", &of_pg, fixture.pg)
                            : txc_enlist_pg (tx, "bank_pg", fixture.pg);
    if (rc == TXC_OK)
        rc = s_by_callbacks ? txc_enlist_cb (tx, "bank_my", &of_my, fixture.my)
                            : txc_enlist_mysql (tx, "bank_my", fixture.my);
    return rc;
}

static txc_tx_t *s_transfer (void)
{
    fixture_remember();
    txc_tx_t *tx = txc_begin (fixture.client, &(txc_tx_options_t){.timeout_ms = 20000});
    if (tx && s_enlist (tx) == TXC_OK &&
        fixture_pg (fixture.pg, "UPDATE acct SET bal = bal - 5 WHERE id = 1") &&
        fixture_my ("UPDATE acct SET bal = bal + 5 WHERE id = 1"))
        return tx;
    fixture_check ("a transfer can be begun", false, tx);
    txc_tx_destroy (&tx);
    return NULL;
}

/* --- misuses ----------------------------------------------------------------------------- */

typedef struct s_misuse {
    const char *name;
    const char *pg, *my; /* statements, with | between them; XID in my: the branch's own */
    void (*act) (void);  /* or something else */
    bool commits;        /* it does no harm */
    long pg_stays, my_stays;
    const char *says; /* a part of the reason; NULL: any */
    const char *clean_pg;
} s_misuse_t;

static void s_each (const char *statements, bool pg)
{
    char text[1024], *rest = text;
    snprintf (text, sizeof text, "%s", statements);
    for (char *one; (one = strsep (&rest, "|")) != NULL;) {
        char sql[1024];
        const char *xid = strstr (one, "XID");
        if (xid)
            snprintf (sql, sizeof sql, "%.*s%s%s", (int) (xid - one), one, s_xid, xid + 3);
        else
            snprintf (sql, sizeof sql, "%s", one);
        if (pg)
            fixture_pg (fixture.pg, sql);
        else if (mysql_query (fixture.my, sql) == 0)
            mysql_free_result (mysql_store_result (fixture.my));
    }
}

static void s_reset_pg (void)
{
    PQreset (fixture.pg);
}

static void s_reset_my (void)
{
    mysql_reset_connection (fixture.my);
}

static void s_change_user (void)
{
    mysql_change_user (fixture.my, fixture.user, NULL, "bank");
}

static void s_terminate_pg (void)
{
    char sql[64];
    snprintf (sql, sizeof sql, "SELECT pg_terminate_backend(%d)", PQbackendPID (fixture.pg));
    fixture_pg (fixture.pg2, sql);
}

static void s_kill_my (void)
{
    char sql[64];
    snprintf (sql, sizeof sql, "KILL %lu", mysql_thread_id (fixture.my));
    mysql_query (fixture.my2, sql);
}

static void s_leave_unread_pg (void)
{
    PQsendQuery (fixture.pg, "SELECT generate_series (1, 10000)");
}

static void s_leave_failing_pg (void)
{
    PQsendQuery (fixture.pg, "SELECT 1 / 0");
}

static MYSQL_RES *s_unread; /* the last one that was left so */

static void s_leave_unread_my (void)
{
    if (mysql_query (fixture.my, "SELECT * FROM acct") == 0)
        s_unread = mysql_use_result (fixture.my);
}

static void s_enter_pipeline (void)
{
    PQenterPipelineMode (fixture.pg);
}

static void s_set_nonblocking (void)
{
    PQsetnonblocking (fixture.pg, 1);
}

#define OWN "own SQL"

static const s_misuse_t s_misuses[] = {
    {.name = "PostgreSQL: COMMIT", .pg = "COMMIT", .pg_stays = 5, .says = OWN},
    {.name = "PostgreSQL: COMMIT AND CHAIN", .pg = "COMMIT AND CHAIN", .pg_stays = 5, .says = OWN},
    {.name = "PostgreSQL: ROLLBACK", .pg = "ROLLBACK", .says = OWN},
    {.name = "PostgreSQL: ROLLBACK AND CHAIN", .pg = "ROLLBACK AND CHAIN", .says = OWN},
    {.name = "PostgreSQL: a transaction of its own in place of the branch",
     .pg = "COMMIT|BEGIN|UPDATE acct SET bal = bal - 1 WHERE id = 1",
     .pg_stays = 5,
     .says = OWN},
    {.name = "PostgreSQL: the same, with a mark of its own",
     .pg = "ROLLBACK|BEGIN|SET LOCAL txcoord.branch = 'mine'",
     .says = OWN},
    {.name = "PostgreSQL: PREPARE TRANSACTION",
     .pg = "PREPARE TRANSACTION 'mine'",
     .says = OWN,
     .clean_pg = "ROLLBACK PREPARED 'mine'"},
    {.name = "PostgreSQL: RESET ALL takes the branch's mark", .pg = "RESET ALL", .says = OWN},
    {.name = "PostgreSQL: COMMIT in a DO block", .pg = "DO $$BEGIN COMMIT; END$$", .says = "failed"},
    {.name = "PostgreSQL: a statement that failed", .pg = "SELECT 1 / 0", .says = "failed"},
    {.name = "PostgreSQL: DISCARD ALL", .pg = "DISCARD ALL", .says = "failed"},
    {.name = "PostgreSQL: a temporary table", .pg = "CREATE TEMPORARY TABLE t (i int)", .says = "temporary"},
    {.name = "PostgreSQL: LISTEN", .pg = "LISTEN something", .says = "LISTEN"},
    {.name = "PostgreSQL: COPY left open", .pg = "COPY acct FROM STDIN", .says = "failed"},
    {.name = "PostgreSQL: an answer that failed, left unread", .act = s_leave_failing_pg, .says = "failed"},
    {.name = "PostgreSQL: PQreset", .act = s_reset_pg, .says = OWN},
    {.name = "PostgreSQL: its session ended", .act = s_terminate_pg},
    {.name = "PostgreSQL: pipeline mode", .act = s_enter_pipeline},
    {.name = "PostgreSQL: BEGIN is a warning only", .pg = "BEGIN", .commits = true},
    {.name = "PostgreSQL: what failed in a savepoint does no harm",
     .pg = "SAVEPOINT a|SELECT 1 / 0|ROLLBACK TO a",
     .commits = true},
    {.name = "PostgreSQL: COPY out left unread does no harm", .pg = "COPY acct TO STDOUT", .commits = true},
    {.name = "PostgreSQL: an answer left unread does no harm", .act = s_leave_unread_pg, .commits = true},
    {.name = "PostgreSQL: a non-blocking connection does no harm", .act = s_set_nonblocking, .commits = true},
    {.name = "MariaDB: COMMIT", .my = "COMMIT", .says = "failed"},
    {.name = "MariaDB: ROLLBACK", .my = "ROLLBACK", .says = "failed"},
    {.name = "MariaDB: BEGIN", .my = "BEGIN", .says = "failed"},
    {.name = "MariaDB: DDL", .my = "ALTER TABLE acct COMMENT = 'mine'", .says = "failed"},
    {.name = "MariaDB: DDL that commits at the beginning",
     .my = "CREATE TABLE mine (i int)",
     .says = "failed"},
    {.name = "MariaDB: LOCK TABLES", .my = "LOCK TABLES acct WRITE", .says = "failed"},
    {.name = "MariaDB: a statement that failed",
     .my = "UPDATE acct SET bal = -1 WHERE id = 1",
     .says = "failed"},
    {.name = "MariaDB: XA of its own", .my = "XA START 'mine'", .says = "failed"},
    {.name = "MariaDB: XA ROLLBACK of another branch", .my = "XA ROLLBACK 'mine'", .says = "failed"},
    {.name = "MariaDB: mysql_reset_connection", .act = s_reset_my, .says = OWN},
    {.name = "MariaDB: mysql_change_user", .act = s_change_user, .says = OWN},
    {.name = "MariaDB: its session ended", .act = s_kill_my},
    {.name = "MariaDB: an answer left unread", .act = s_leave_unread_my},
    {.name = "MariaDB: COMMIT is refused by the server, and the branch goes on",
     .my = "COMMIT|DO 1",
     .commits = true},
    {.name = "MariaDB: a savepoint does no harm",
     .my = "SAVEPOINT a|ROLLBACK TO SAVEPOINT a",
     .commits = true},
};

/* Only callbacks see the branch's name. */
static const s_misuse_t s_misuses_of_xid[] = {
    {.name = "MariaDB: XA END", .my = "XA END XID", .says = OWN},
    {.name = "MariaDB: XA END, XA ROLLBACK", .my = "XA END XID|XA ROLLBACK XID", .says = OWN},
    {.name = "MariaDB: XA END, XA COMMIT ONE PHASE",
     .my = "XA END XID|XA COMMIT XID ONE PHASE",
     .my_stays = 5,
     .says = OWN},
    {.name = "MariaDB: XA END, XA PREPARE", .my = "XA END XID|XA PREPARE XID", .says = OWN},
    {.name = "MariaDB: XA END, XA PREPARE, XA COMMIT",
     .my = "XA END XID|XA PREPARE XID|XA COMMIT XID",
     .my_stays = 5,
     .says = OWN},
    {.name = "MariaDB: XA END, XA ROLLBACK, and a branch of its own",
     .my = "XA END XID|XA ROLLBACK XID|XA START 'mine'",
     .says = OWN},
};

/* --- running them --------------------------------------------------------------------------- */

/* What the application left behind on its connections is its own affair; a new one for the next case. */
static bool s_recover (const s_misuse_t *misuse)
{
    bool ok = !misuse->clean_pg || fixture_pg (fixture.pg2, misuse->clean_pg);
    if (PQpipelineStatus (fixture.pg) != PQ_PIPELINE_OFF || PQstatus (fixture.pg) != CONNECTION_OK)
        PQreset (fixture.pg);
    PQsetnonblocking (fixture.pg, 0);
    if (misuse->act == s_leave_unread_my || mysql_ping (fixture.my) != 0 ||
        strstr (misuse->name, "of its own")) {
        if (s_unread)
            mysql_free_result (s_unread);
        s_unread = NULL;
        mysql_close (fixture.my);
        fixture.my = fixture_connect_my();
    }
    ok = ok && fixture.my && fixture_is_idle();
    if (PQtransactionStatus (fixture.pg) != PQTRANS_IDLE)
        PQreset (fixture.pg); /* what fails here is no reason for what comes next to fail */
    return ok;
}

static bool s_has (const txc_tx_t *tx, const char *says)
{
    txc_error_info_t why = txc_tx_error (tx);
    return why.text[0] && strstr (why.text, says);
}

/* What committed a part of the work does so each time that it is tried. */
static bool s_invites_more_harm (const s_misuse_t *misuse, const txc_tx_t *tx)
{
    txc_error_info_t why = txc_tx_error (tx);
    return (misuse->pg_stays || misuse->my_stays) && txc_error_is_retryable (&why);
}

static void s_try (const s_misuse_t *misuse)
{
    txc_tx_t *tx = s_transfer();
    if (!tx)
        return;
    if (misuse->act)
        misuse->act();
    if (misuse->pg)
        s_each (misuse->pg, true);
    if (misuse->my)
        s_each (misuse->my, false);
    int outcome = TXC_PENDING;
    txc_commit (tx, &outcome);
    bool ok = s_recover (misuse);
    if (misuse->commits)
        ok = ok && outcome == TXC_OK && fixture_moved (5);
    else
        ok = ok && outcome == TXC_ROLLED_BACK && s_has (tx, misuse->says ? misuse->says : "") &&
             fixture_moved_each (misuse->pg_stays, misuse->my_stays) && !s_invites_more_harm (misuse, tx);
    fixture_check (misuse->name, ok, tx);
    if (!ok)
        printf ("    outcome %d\n", outcome);
    txc_tx_destroy (&tx);
}

/* --- refused when it is to be enlisted ------------------------------------------------------------ */

static void s_refused (const char *name, int code, const char *says)
{
    txc_tx_t *tx = txc_begin (fixture.client, NULL);
    int rc = tx ? s_enlist (tx) : TXC_ECONN;
    fixture_check (name, rc == code && s_has (tx, says), tx);
    txc_tx_destroy (&tx);
}

static void s_enlisting (void)
{
    int code = s_by_callbacks ? TXC_EPROTO : TXC_EINVAL;
    fixture_pg (fixture.pg, "BEGIN");
    s_refused ("PostgreSQL: in a transaction of its own", code, "in a transaction");
    fixture_pg (fixture.pg, "ROLLBACK");
    fixture_my ("BEGIN");
    fixture_my ("UPDATE acct SET bal = bal WHERE id = 1");
    s_refused ("MariaDB: in a transaction of its own", TXC_ERM, "");
    fixture_my ("ROLLBACK");
    txc_tx_t *other = s_transfer();
    s_refused ("PostgreSQL: in another transaction already", code, "in a transaction");
    int rc = txc_commit (other, NULL);
    fixture_check ("PostgreSQL: which goes on", rc == TXC_OK && fixture_moved (5), other);
    txc_tx_destroy (&other);
    other = s_transfer();
    txc_tx_t *tx = txc_begin (fixture.client, NULL);
    rc = txc_enlist_mysql (tx, "bank_my", fixture.my);
    fixture_check ("MariaDB: in another transaction already", rc == TXC_ERM, tx);
    txc_tx_destroy (&tx);
    rc = txc_commit (other, NULL); /* its last statement failed, as the driver sees it */
    fixture_check ("MariaDB: which is rolled back",
                   rc == TXC_ROLLED_BACK && s_has (other, "failed") && fixture_moved (0), other);
    txc_tx_destroy (&other);
}

static void s_told (void)
{
    txc_tx_t *tx = s_transfer();
    bool ok = tx && txc_enlist_failed (tx, "bank_my") == TXC_OK;
    int outcome = TXC_PENDING;
    txc_commit (tx, &outcome);
    fixture_check ("what the application calls failed is a no",
                   ok && outcome == TXC_ROLLED_BACK && s_has (tx, "failed") && fixture_moved (0), tx);
    txc_tx_destroy (&tx);
    tx = txc_begin (fixture.client, NULL);
    fixture_check ("failed, of none that is enlisted", txc_enlist_failed (tx, "bank_my") == TXC_ENORM, tx);
    txc_tx_destroy (&tx);
}

int main (int argc, char **argv)
{
    if (!fixture_open (argc, argv))
        return 2;
    for (int i = 0; i < 2; i++) {
        s_by_callbacks = i == 1;
        printf ("%s:\n", s_by_callbacks ? "callbacks" : "handles");
        for (size_t n = 0; n < sizeof s_misuses / sizeof *s_misuses; n++)
            s_try (&s_misuses[n]);
        s_enlisting();
        s_told();
    }
    for (size_t n = 0; n < sizeof s_misuses_of_xid / sizeof *s_misuses_of_xid; n++)
        s_try (&s_misuses_of_xid[n]);
    return fixture_close();
}
