#include "own.h"

#include <stdio.h>
#include <stdlib.h>

#include <txcoord/txc_mysql.h>
#include <txcoord/txc_pg.h>

struct own {
    PGconn *pg;
    MYSQL *my;
};

own_t *own_new (void)
{
    own_t *self = calloc (1, sizeof *self);
    const char *conninfo = getenv ("BENCH_PG"), *socket = getenv ("BENCH_MY"),
               *user = getenv ("BENCH_MY_USER");
    if (!self || !conninfo || !socket)
        return NULL;
    self->pg = PQconnectdb (conninfo);
    self->my = mysql_init (NULL);
    if (PQstatus (self->pg) != CONNECTION_OK ||
        !mysql_real_connect (self->my, NULL, user, NULL, "bench", 0, socket, 0)) {
        fprintf (stderr, "transfers: %s %s\n", PQerrorMessage (self->pg), mysql_error (self->my));
        own_destroy (&self);
    }
    return self;
}

void own_destroy (own_t **self_p)
{
    own_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    PQfinish (self->pg);
    mysql_close (self->my);
    free (self);
}

bool own_transfer (own_t *self, txc_tx_t *tx, int amount, unsigned from, unsigned to)
{
    char sql[128];
    if (txc_enlist_pg (tx, "bank_pg", self->pg) != TXC_OK ||
        txc_enlist_mysql (tx, "bank_my", self->my) != TXC_OK)
        return false;
    snprintf (sql, sizeof sql, "UPDATE acct SET bal=bal-%d WHERE id=%u", amount, from);
    PGresult *result = PQexec (self->pg, sql);
    bool ok = PQresultStatus (result) == PGRES_COMMAND_OK;
    PQclear (result);
    snprintf (sql, sizeof sql, "UPDATE acct SET bal=bal+%d WHERE id=%u", amount, to);
    return ok && mysql_query (self->my, sql) == 0;
}
