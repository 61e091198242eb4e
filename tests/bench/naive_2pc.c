/*
 * naive_2pc - transfers between PostgreSQL and MariaDB, committed with
 * two-phase commands but WITHOUT any coordinator: no decision log, no
 * recovery.  It is the ceiling against which a real coordinator is compared.
 *
 * One forked process per client; each owns one connection to each database.
 * Per transfer, in this order:
 *    PG  BEGIN; UPDATE acct
 *    MY  XA START; UPDATE acct; XA END
 *    PG  PREPARE TRANSACTION      MY  XA PREPARE
 *    PG  COMMIT PREPARED          MY  XA COMMIT
 *
 * build: cc -O2 -Wall -Wextra -o naive_2pc naive_2pc.c \
 *           -I$(pg_config --includedir) -lpq $(mysql_config --cflags --libs)
 * usage: naive_2pc CLIENTS SECONDS PG_CONNINFO MY_SOCKET [ROWS [MODE]]
 *    PG_CONNINFO: libpq's, e.g. "host=FOLDER port=N user=postgres dbname=bench"
 *    MY_SOCKET: MariaDB's unix socket; the user is root, the database bench
 *    ROWS: of the table acct on both sides, ids from 0; default 10000
 *    MODE: "seq" (default) statements one after the other
 *          "par" PG commands are sent asynchronously, so that PG's and
 *                MariaDB's PREPARE (and then COMMIT) run at the same time
 * output: one CSV line
 *    kind,clients,seconds,commits,aborts,tps,p50_ms,p99_ms,max_ms
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>
#include <mysql.h>

enum { MAX_SAMPLES = 200000 }; /* kept latencies per client */

struct client_result {
    uint64_t commits;
    uint64_t aborts;
    uint64_t elapsed_ns;
    uint32_t nsamples;
    uint32_t lat_us[MAX_SAMPLES];
};

struct start_gate {
    volatile int ready; /* clients connected */
    volatile int go;    /* parent opens the gate */
};

struct options {
    int clients;
    double seconds;
    const char *pg_conninfo;
    const char *my_socket;
    int rows;
    bool parallel;
};

static uint64_t now_ns (void)
{
    struct timespec ts;
    clock_gettime (CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

static uint32_t next_random (uint64_t *s)
{
    /* xorshift64* */
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return (uint32_t) ((*s * 2685821657736338717ull) >> 32);
}

/* Reports a database error; each client prints its first few only. */
static void complain (const char *where, const char *sql, const char *msg)
{
    static int printed;
    if (printed++ < 3)
        fprintf (stderr, "%s: %s: %s\n", where, sql, msg);
}

static bool pg_run (PGconn *pg, const char *sql)
{
    PGresult *r = PQexec (pg, sql);
    bool ok = PQresultStatus (r) == PGRES_COMMAND_OK;
    if (!ok)
        complain ("pg", sql, PQerrorMessage (pg));
    PQclear (r);
    return ok;
}

static bool pg_collect (PGconn *pg)
{
    bool ok = true;
    PGresult *r;
    while ((r = PQgetResult (pg)) != NULL) {
        if (PQresultStatus (r) != PGRES_COMMAND_OK) {
            complain ("pg", "(async)", PQerrorMessage (pg));
            ok = false;
        }
        PQclear (r);
    }
    return ok;
}

static bool my_run (MYSQL *my, const char *sql)
{
    if (mysql_query (my, sql) == 0)
        return true;
    complain ("my", sql, mysql_error (my));
    return false;
}

/* Runs one phase command on both databases, one after the other or together. */
static bool both (PGconn *pg, const char *pg_sql, MYSQL *my, const char *my_sql, bool parallel)
{
    if (!parallel)
        return pg_run (pg, pg_sql) && my_run (my, my_sql);
    if (!PQsendQuery (pg, pg_sql))
        return false;
    bool my_ok = my_run (my, my_sql);
    return pg_collect (pg) && my_ok;
}

static void abandon (PGconn *pg, const char *gid, MYSQL *my, const char *xid)
{
    char sql[160];
    if (PQtransactionStatus (pg) != PQTRANS_IDLE) {
        PQclear (PQexec (pg, "ROLLBACK"));
    } else {
        snprintf (sql, sizeof sql, "ROLLBACK PREPARED '%s'", gid);
        PQclear (PQexec (pg, sql));
    }
    snprintf (sql, sizeof sql, "XA END %s", xid);
    (void) mysql_query (my, sql);
    snprintf (sql, sizeof sql, "XA ROLLBACK %s", xid);
    (void) mysql_query (my, sql);
}

static bool transfer (PGconn *pg, MYSQL *my, const struct options *o, int client, uint64_t seq, uint64_t *rng)
{
    char gid[64], xid[96], a[192], b[192];
    int amount = (int) (next_random (rng) % 100u) + 1;
    int from = (int) (next_random (rng) % (uint32_t) o->rows);
    int to = (int) (next_random (rng) % (uint32_t) o->rows);

    snprintf (gid, sizeof gid, "nb-%d-%d-%" PRIu64, (int) getpid(), client, seq);
    snprintf (xid, sizeof xid, "'%s','b',7", gid);

    if (!pg_run (pg, "BEGIN"))
        goto fail;
    snprintf (b, sizeof b, "XA START %s", xid);
    if (!my_run (my, b))
        goto fail;
    snprintf (a, sizeof a, "UPDATE acct SET bal=bal-%d WHERE id=%d", amount, from);
    if (!pg_run (pg, a))
        goto fail;
    snprintf (b, sizeof b, "UPDATE acct SET bal=bal+%d WHERE id=%d", amount, to);
    if (!my_run (my, b))
        goto fail;
    snprintf (b, sizeof b, "XA END %s", xid);
    if (!my_run (my, b))
        goto fail;

    snprintf (a, sizeof a, "PREPARE TRANSACTION '%s'", gid);
    snprintf (b, sizeof b, "XA PREPARE %s", xid);
    if (!both (pg, a, my, b, o->parallel))
        goto fail;

    snprintf (a, sizeof a, "COMMIT PREPARED '%s'", gid);
    snprintf (b, sizeof b, "XA COMMIT %s", xid);
    if (!both (pg, a, my, b, o->parallel)) {
        fprintf (stderr, "transfer %s is torn\n", gid);
        exit (1);
    }
    return true;
fail:
    abandon (pg, gid, my, xid);
    return false;
}

static int client_main (int id, const struct options *o, struct start_gate *gate, struct client_result *out)
{
    PGconn *pg = PQconnectdb (o->pg_conninfo);
    if (PQstatus (pg) != CONNECTION_OK) {
        fprintf (stderr, "pg connect: %s", PQerrorMessage (pg));
        return 1;
    }
    MYSQL *my = mysql_init (NULL);
    if (!mysql_real_connect (my, NULL, "root", "", "bench", 0, o->my_socket, 0)) {
        fprintf (stderr, "my connect: %s\n", mysql_error (my));
        return 1;
    }
    uint64_t rng = now_ns() ^ ((uint64_t) (id + 1) * 0x9E3779B97F4A7C15ull);
    if (rng == 0)
        rng = 1;
    __sync_fetch_and_add (&gate->ready, 1);
    while (!gate->go)
        usleep (200);

    uint64_t t0 = now_ns(), end = t0 + (uint64_t) (o->seconds * 1e9), t = t0;
    for (uint64_t seq = 0; t < end; seq++) {
        if (transfer (pg, my, o, id, seq, &rng)) {
            uint64_t t1 = now_ns();
            if (out->nsamples < MAX_SAMPLES)
                out->lat_us[out->nsamples++] = (uint32_t) ((t1 - t) / 1000u);
            out->commits++;
            t = t1;
        } else {
            out->aborts++;
            t = now_ns();
        }
    }
    out->elapsed_ns = t - t0;
    mysql_close (my);
    PQfinish (pg);
    return 0;
}

static int cmp_u32 (const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *) x, b = *(const uint32_t *) y;
    return (a > b) - (a < b);
}

static void report (const char *kind, const struct options *o, const struct client_result *res)
{
    uint64_t commits = 0, aborts = 0;
    size_t n = 0;
    double tps = 0;
    for (int i = 0; i < o->clients; i++)
        n += res[i].nsamples;
    uint32_t *all = malloc ((n ? n : 1) * sizeof *all);
    if (!all)
        exit (1);
    n = 0;
    for (int i = 0; i < o->clients; i++) {
        memcpy (all + n, res[i].lat_us, res[i].nsamples * sizeof *all);
        n += res[i].nsamples;
        commits += res[i].commits;
        aborts += res[i].aborts;
        if (res[i].elapsed_ns)
            tps += (double) res[i].commits * 1e9 / (double) res[i].elapsed_ns;
    }
    qsort (all, n, sizeof *all, cmp_u32);
    double p50 = n ? all[n / 2] / 1e3 : 0;
    double p99 = n ? all[n * 99 / 100] / 1e3 : 0;
    double top = n ? all[n - 1] / 1e3 : 0;
    printf ("%s,%d,%.1f,%" PRIu64 ",%" PRIu64 ",%.1f,%.2f,%.2f,%.2f\n", kind, o->clients, o->seconds, commits,
            aborts, tps, p50, p99, top);
    free (all);
}

int main (int argc, char **argv)
{
    struct options o = {.rows = 10000};
    if (argc < 5) {
        fprintf (stderr,
                 "usage: %s CLIENTS SECONDS PG_CONNINFO MY_SOCKET "
                 "[ROWS [seq|par]]\n",
                 argv[0]);
        return 2;
    }
    o.clients = atoi (argv[1]);
    o.seconds = atof (argv[2]);
    o.pg_conninfo = argv[3];
    o.my_socket = argv[4];
    if (argc > 5 && argv[5][0])
        o.rows = atoi (argv[5]);
    if (argc > 6)
        o.parallel = strcmp (argv[6], "par") == 0;
    if (o.clients < 1 || o.rows < 1)
        return 2;

    size_t bytes = sizeof (struct start_gate) + (size_t) o.clients * sizeof (struct client_result);
    char *shared = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror ("mmap");
        return 1;
    }
    struct client_result *res = (struct client_result *) shared;
    struct start_gate *gate = (struct start_gate *) (res + o.clients);

    for (int i = 0; i < o.clients; i++) {
        pid_t p = fork();
        if (p < 0) {
            perror ("fork");
            return 1;
        }
        if (p == 0)
            _exit (client_main (i, &o, gate, &res[i]));
    }
    for (int i = 0; i < 5000 && gate->ready < o.clients; i++)
        usleep (2000);
    gate->go = 1;
    int rc = 0, st;
    while (wait (&st) > 0)
        if (!WIFEXITED (st) || WEXITSTATUS (st))
            rc = 1;
    report (o.parallel ? "naive-par" : "naive", &o, res);
    return rc;
}
