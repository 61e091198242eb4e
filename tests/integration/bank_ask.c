#define _GNU_SOURCE
#include "tests/integration/bank_ask.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <txcoord/txcoord.h>

#include "tests/integration/bank_history.h"

enum {
    ASKERS_MAX = 8,
    GTRID_SIZE = 96,
    RECENT = 32,      /* transactions that are asked about again */
    READ_MS = 5000,   /* a reading that takes longer is given up */
    SETTLED_MS = 1000 /* how long a quiet group may take to answer */
};

typedef struct asker {
    pthread_t thread;
    unsigned number;
    uint64_t random;
} asker_t;

static txc_client_t *s_client;
static asker_t s_askers[ASKERS_MAX];
static unsigned s_n_askers;

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_news = PTHREAD_COND_INITIALIZER;
static char s_recent[RECENT][GTRID_SIZE]; /* a ring: whoever asks too slowly misses some */
static unsigned s_posted;
static unsigned s_taken;
static bool s_stop;

static unsigned s_draw (asker_t *self, unsigned below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (unsigned) (self->random >> 33) % below;
}

/* --- questions ------------------------------------------------------------------------ */

static void s_outcome (unsigned thread, const char *gtrid, uint32_t timeout_ms)
{
    bank_history_note (thread, "call query %s -", gtrid);
    int code = txc_outcome (s_client, gtrid, timeout_ms);
    bank_history_note (thread, "ret query %s %d", gtrid, code);
}

/* How many rows of it a ledger has; -1 if that could not be read. */
static int s_rows (const char *rm, const char *sql, const char *gtrid)
{
    txc_tx_options_t options = {.timeout_ms = READ_MS};
    txc_param_t param = {.value = gtrid};
    txc_result_t *result = NULL;
    int rows = -1;
    txc_tx_t *tx = txc_begin (s_client, &options);
    if (!tx)
        return -1; /* no session just now */
    if (txc_exec (tx, rm, sql, 1, &param, &result) == TXC_OK)
        rows = atoi (txc_result_value (result, 0, 0, NULL));
    txc_result_destroy (&result);
    txc_tx_destroy (&tx);
    return rows;
}

static void s_read (unsigned thread, const char *gtrid, bool pg)
{
    const char *rm = pg ? "bank_pg" : "bank_my";
    bank_history_note (thread, "call read %s %s", gtrid, rm);
    int rows = s_rows (rm,
                       pg ? "SELECT count(*) FROM ledger WHERE gtrid = $1"
                          : "SELECT count(*) FROM ledger WHERE gtrid = ?",
                       gtrid);
    bank_history_note (thread, "ret read %s %d", gtrid, rows);
}

/* Makes one of it that never was: of another cluster, of a session that was never opened, or one that its
 * session has not come to by far. */
static void s_make_up (char *gtrid, unsigned which)
{
    char *at = which == 0 ? strchr (gtrid, '-') : which == 1 ? strchr (gtrid, '.') : strrchr (gtrid, '.');
    if (!at)
        return;
    if (which == 0)
        at[1] = at[1] == 'f' ? 'e' : 'f';
    else {
        memmove (at + 4, at + 1, strlen (at));
        memcpy (at + 1, "fff", 3);
    }
}

/* --- threads -------------------------------------------------------------------------------- */

/* The next one that was posted, and another one of the latest; false: it is over. */
static bool s_take (asker_t *self, char *news, char *older)
{
    pthread_mutex_lock (&s_lock);
    while (s_posted == s_taken && !s_stop)
        pthread_cond_wait (&s_news, &s_lock);
    bool more = !s_stop;
    if (more) {
        unsigned known = s_posted < RECENT ? s_posted : RECENT;
        memcpy (news, s_recent[(s_posted - 1) % RECENT], GTRID_SIZE);
        memcpy (older, s_recent[(s_posted - 1 - s_draw (self, known)) % RECENT], GTRID_SIZE);
        s_taken = s_posted;
    }
    pthread_mutex_unlock (&s_lock);
    return more;
}

static void *s_run (void *arg)
{
    asker_t *self = arg;
    char news[GTRID_SIZE], older[GTRID_SIZE + 3];
    while (s_take (self, news, older)) {
        s_outcome (self->number, news, 1 + s_draw (self, 100));
        s_outcome (self->number, older, 1 + s_draw (self, 100));
        if (s_draw (self, 4) == 0) {
            s_read (self->number, older, s_draw (self, 2));
            s_read (self->number, news, s_draw (self, 2));
        }
        if (s_draw (self, 8) == 0) {
            s_make_up (older, s_draw (self, 3));
            s_outcome (self->number, older, 1 + s_draw (self, 10));
        }
    }
    return NULL;
}

static bool s_connect (const char *endpoints)
{
    txc_client_options_t options = {.connect_timeout_ms = 30000};
    s_client = txc_client_new (endpoints, &options);
    if (!s_client)
        fprintf (stderr, "bank_load: %s\n", txc_last_error().text);
    return s_client != NULL;
}

bool bank_ask_start (const char *endpoints, unsigned threads, unsigned first_thread, uint64_t seed)
{
    if (!s_connect (endpoints))
        return false;
    for (; s_n_askers < threads && s_n_askers < ASKERS_MAX; s_n_askers++) {
        asker_t *asker = &s_askers[s_n_askers];
        asker->number = first_thread + s_n_askers;
        asker->random = seed * 1000003u + asker->number;
        if (pthread_create (&asker->thread, NULL, s_run, asker)) {
            perror ("bank_load");
            return false;
        }
    }
    return true;
}

void bank_ask_about (const char *gtrid)
{
    pthread_mutex_lock (&s_lock);
    snprintf (s_recent[s_posted++ % RECENT], GTRID_SIZE, "%s", gtrid);
    pthread_cond_signal (&s_news);
    pthread_mutex_unlock (&s_lock);
}

void bank_ask_stop (void)
{
    pthread_mutex_lock (&s_lock);
    s_stop = true;
    pthread_cond_broadcast (&s_news);
    pthread_mutex_unlock (&s_lock);
    for (unsigned i = 0; i < s_n_askers; i++)
        pthread_join (s_askers[i].thread, NULL);
    txc_client_destroy (&s_client);
}

bool bank_ask_lines (const char *endpoints, unsigned thread)
{
    char gtrid[GTRID_SIZE];
    if (!s_connect (endpoints))
        return false;
    while (scanf ("%95s", gtrid) == 1) {
        s_outcome (thread, gtrid, SETTLED_MS);
        s_read (thread, gtrid, true);
        s_read (thread, gtrid, false);
    }
    txc_client_destroy (&s_client);
    return true;
}
