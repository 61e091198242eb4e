/*
 * txc_my_recover.c - recover, fence, evidence.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#include "txc_my.h"

/* --- XA RECOVER ------------------------------------------------------------------------ */

/* Both parts lie one behind the other in the data, told apart by their lengths alone; of another's making
 * they may hold any byte.  False if it cannot be one of ours. */
static bool s_parse (char **values, const unsigned long *sizes, txc_rm_found_t *found)
{
    *found = (txc_rm_found_t){0};
    if (!values[0] || !values[1] || !values[2] || !values[3])
        return false;
    long format_id = strtol (values[0], NULL, 10);
    unsigned long gtrid = strtoul (values[1], NULL, 10), bqual = strtoul (values[2], NULL, 10);
    if (format_id < 0 || format_id > INT32_MAX || gtrid >= sizeof found->gtrid ||
        bqual >= sizeof found->bqual || gtrid + bqual != sizes[3])
        return false;
    for (unsigned long i = 0; i < sizes[3]; i++)
        if (values[3][i] <= ' ' || values[3][i] > '~')
            return false;
    found->format_id = (int32_t) format_id;
    memcpy (found->gtrid, values[3], gtrid);
    memcpy (found->bqual, values[3] + gtrid, bqual);
    return true;
}

typedef struct s_listing {
    void (*found) (void *arg, const txc_rm_found_t *branch);
    void *arg;
} s_listing_t;

static void s_recover_row (void *arg, char **values, const unsigned long *sizes)
{
    s_listing_t *listing = arg;
    txc_rm_found_t branch;
    if (s_parse (values, sizes, &branch))
        listing->found (listing->arg, &branch);
}

txc_rm_status_t txc_my_recover (txc_rm_conn_t *conn, void (*found) (void *arg, const txc_rm_found_t *branch),
                                void *arg, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    s_listing_t listing = {found, arg};
    int rc = txc_my_query (conn, "XA RECOVER", s_recover_row, &listing, error);
    return rc == 0 ? TXC_RM_OK : rc == TXC_MY_LOST ? TXC_RM_LOST : TXC_RM_RETRY;
}

typedef struct s_search {
    const txc_rm_xid_t *xid;
    bool seen;
} s_search_t;

static void s_search_found (void *arg, const txc_rm_found_t *branch)
{
    s_search_t *search = arg;
    search->seen |= branch->format_id == search->xid->format_id &&
                    strcmp (branch->gtrid, search->xid->gtrid) == 0 &&
                    strcmp (branch->bqual, search->xid->bqual) == 0;
}

txc_rm_status_t txc_my_is_listed (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, txc_rm_error_t *error)
{
    s_search_t search = {xid, false};
    txc_rm_status_t status = txc_my_recover (conn, s_search_found, &search, error);
    return status != TXC_RM_OK ? status : search.seen ? TXC_RM_OK : TXC_RM_ABSENT;
}

/* --- fencing ------------------------------------------------------------------------------ */

static uint64_t s_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* Kills a session until the server says that there is none of that number: it says so only once the session
 * has given up or detached its branch.  OK, RETRY, LOST. */
static txc_rm_status_t s_end_session (txc_rm_conn_t *conn, unsigned long session, txc_rm_error_t *error)
{
    uint64_t deadline = s_now_ms() + conn->rm->fence_timeout_ms;
    long pause_ns = 500000;
    for (;;) {
        int rc = txc_my_run (conn, error, "KILL CONNECTION %lu", session);
        if (rc == TXC_MY_NO_SUCH_THREAD)
            return TXC_RM_OK;
        if (rc == TXC_MY_LOST)
            return TXC_RM_LOST;
        if (rc == TXC_MY_KILL_DENIED)
            return txc_my_fail (
                error, TXC_RM_RETRY, TXC_EPERM,
                "session %lu holds a branch and belongs to another account: GRANT CONNECTION ADMIN to "
                "the agent's, or end the session",
                session);
        if (rc != 0)
            return TXC_RM_RETRY;
        if (s_now_ms() >= deadline)
            return txc_my_fail (error, TXC_RM_RETRY, TXC_ETIMEDOUT, "session %lu was killed but does not end",
                                session);
        nanosleep (&(struct timespec){.tv_nsec = pause_ns}, NULL);
        if (pause_ns < 50000000)
            pause_ns *= 2;
    }
}

txc_rm_status_t txc_my_fence (txc_rm_conn_t *conn, txc_rm_conn_t *dead, const char *evidence,
                              txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    uint64_t server_start;
    unsigned long session;
    bool wrote;
    if (dead) {
        TXC_CHECK (dead, TXC_MY_CONN_MAGIC);
        server_start = dead->server_start;
        session = dead->session;
    } else if (*evidence == '\0') {
        return TXC_RM_OK; /* no session of this process had it, and earlier ones are gone since fence_all */
    } else if (!txc_my_evidence_parse (evidence, &server_start, &session, &wrote)) {
        return txc_my_fail (error, TXC_RM_RETRY, TXC_EINVAL, "the evidence '%.64s' names no session",
                            evidence);
    }
    if (server_start != conn->server_start || session == conn->session)
        return TXC_RM_OK; /* it ended with an earlier run of the server; or it is this very one, which is free
                           */
    return s_end_session (conn, session, error);
}

/* --- fencing all ------------------------------------------------------------------------------ */

typedef struct s_sessions {
    unsigned long *numbers;
    size_t n, max;
} s_sessions_t;

static void s_session_row (void *arg, char **values, const unsigned long *sizes)
{
    s_sessions_t *list = arg;
    (void) sizes;
    if (!values[0])
        return;
    if (list->n == list->max) {
        list->max = list->max ? 2 * list->max : 16;
        list->numbers = txc_realloc (list->numbers, list->max * sizeof *list->numbers);
    }
    list->numbers[list->n++] = strtoul (values[0], NULL, 10);
}

static bool s_is_among (unsigned long number, const unsigned long *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

/* Sessions of the account that we logged in with; every account may see its own. */
static const char s_own_sessions[] =
    "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = SUBSTRING(USER(), 1, "
    "CHAR_LENGTH(USER()) - LOCATE('@', REVERSE(USER())))";

txc_rm_status_t txc_my_fence_all (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    s_sessions_t list = {0};
    int rc = txc_my_query (conn, s_own_sessions, s_session_row, &list, error);
    txc_rm_status_t status = rc == 0 ? TXC_RM_OK : rc == TXC_MY_LOST ? TXC_RM_LOST : TXC_RM_RETRY;
    /* Taken behind the list, so that it has all of ours that are in the list. */
    size_t n_ours;
    unsigned long *ours = txc_my_sessions (conn->rm, &n_ours);
    for (size_t i = 0; i < list.n && status == TXC_RM_OK; i++)
        if (!s_is_among (list.numbers[i], ours, n_ours))
            status = s_end_session (conn, list.numbers[i], error);
    free (ours);
    free (list.numbers);
    return status;
}

/* --- evidence ------------------------------------------------------------------------------------ */

/* The server keeps no record of branches that ended: whether one that is not listed was committed or rolled
 * back it cannot tell, and one that is listed has done neither. */
txc_rm_status_t txc_my_evidence (txc_rm_conn_t *conn, const txc_rm_xid_t *xid, const char *evidence,
                                 txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    (void) evidence;
    txc_rm_status_t status = txc_my_is_listed (conn, xid, error);
    if (status == TXC_RM_LOST)
        return TXC_RM_LOST;
    return txc_my_fail (error, TXC_RM_UNKNOWN, TXC_ERM, "%s",
                        status == TXC_RM_OK ? "the branch is still prepared"
                                            : "the server keeps no record of branches that ended");
}
