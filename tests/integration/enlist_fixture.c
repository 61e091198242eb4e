#include "tests/integration/enlist_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define BALANCE  "SELECT bal FROM acct WHERE id = 1"
#define PREPARED "SELECT count(*) FROM pg_prepared_xacts"

enlist_fixture_t fixture;

static int s_failures;

bool fixture_pg (PGconn *conn, const char *sql)
{
    PGresult *result = PQexec (conn, sql);
    ExecStatusType status = PQresultStatus (result);
    PQclear (result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

bool fixture_my (const char *sql)
{
    return mysql_query (fixture.my, sql) == 0;
}

long fixture_pg_number (const char *sql)
{
    PGresult *result = PQexec (fixture.pg2, sql);
    long number = PQntuples (result) == 1 ? strtol (PQgetvalue (result, 0, 0), NULL, 10) : -1;
    PQclear (result);
    return number;
}

long fixture_my_number (const char *sql)
{
    if (mysql_query (fixture.my2, sql))
        return -1;
    MYSQL_RES *result = mysql_store_result (fixture.my2);
    MYSQL_ROW row = result ? mysql_fetch_row (result) : NULL;
    long number = row && row[0] ? strtol (row[0], NULL, 10) : -1;
    mysql_free_result (result);
    return number;
}

void fixture_remember (void)
{
    fixture.balance_pg = fixture_pg_number (BALANCE);
    fixture.balance_my = fixture_my_number (BALANCE);
}

bool fixture_moved_each (long pg, long my)
{
    return fixture_pg_number (BALANCE) == fixture.balance_pg - pg &&
           fixture_my_number (BALANCE) == fixture.balance_my + my && fixture_pg_number (PREPARED) == 0;
}

bool fixture_moved (long amount)
{
    return fixture_moved_each (amount, amount);
}

bool fixture_is_idle (void)
{
    return PQtransactionStatus (fixture.pg) == PQTRANS_IDLE && fixture_pg (fixture.pg, "SELECT 1") &&
           mysql_query (fixture.my, "DO 1") == 0 && mysql_query (fixture.my, "BEGIN") == 0 &&
           mysql_query (fixture.my, "ROLLBACK") == 0;
}

void fixture_check (const char *name, bool ok, const txc_tx_t *tx)
{
    printf ("%-72s %s\n", name, ok ? "ok" : "FAILED");
    if (!ok)
        printf ("    moved %ld %ld, prepared %ld, session %d\n",
                fixture_pg_number (BALANCE) - fixture.balance_pg,
                fixture_my_number (BALANCE) - fixture.balance_my, fixture_pg_number (PREPARED),
                (int) PQtransactionStatus (fixture.pg));
    if (!ok && tx)
        printf ("    %d %s\n", txc_tx_error (tx).code, txc_tx_error (tx).text);
    s_failures += !ok;
}

MYSQL *fixture_connect_my (void)
{
    MYSQL *conn = mysql_init (NULL);
    if (mysql_real_connect (conn, NULL, fixture.user, NULL, "bank", 0, fixture.socket, 0))
        return conn;
    mysql_close (conn);
    return NULL;
}

bool fixture_open (int argc, char **argv)
{
    if (argc != 6) {
        fprintf (stderr, "usage: %s ENDPOINT CONNINFO STRANGER SOCKET USER\n", argv[0]);
        return false;
    }
    fixture.endpoint = argv[1];
    fixture.conninfo = argv[2];
    fixture.stranger = argv[3];
    fixture.socket = argv[4];
    fixture.user = argv[5];
    fixture.client = txc_client_new (fixture.endpoint, NULL);
    fixture.pg = PQconnectdb (fixture.conninfo);
    fixture.pg2 = PQconnectdb (fixture.conninfo);
    fixture.my = fixture_connect_my();
    fixture.my2 = fixture_connect_my();
    if (fixture.client && PQstatus (fixture.pg) == CONNECTION_OK && PQstatus (fixture.pg2) == CONNECTION_OK &&
        fixture.my && fixture.my2)
        return true;
    fprintf (stderr, "%s: cannot connect: %s %s\n", argv[0], txc_last_error().text,
             PQerrorMessage (fixture.pg));
    return false;
}

int fixture_close (void)
{
    txc_client_destroy (&fixture.client);
    PQfinish (fixture.pg);
    PQfinish (fixture.pg2);
    mysql_close (fixture.my);
    mysql_close (fixture.my2);
    mysql_library_end();
    printf ("%d failures\n", s_failures);
    return s_failures ? 1 : 0;
}
