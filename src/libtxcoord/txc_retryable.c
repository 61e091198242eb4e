/* txc_retryable.c - which errors may go away when the transaction is run again. */
#include "config.h"

#include <string.h>

#include <txcoord/txcoord.h>

/* SQLSTATEs of PostgreSQL, and of MariaDB where it has one of its own: serialization failures and deadlocks
 * (class 40), lost connections (class 08), a server that starts or stops (57P01 to 57P03), a lock that was
 * not to be had (55P03), no free connection (53300). */
static int s_sqlstate_is_retryable (const char *sqlstate)
{
    static const char *const list[] = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strcmp (sqlstate, list[i]) == 0)
            return 1;
    /* 08P01 is no lost connection: parameters that a statement has no place for, say. */
    return strncmp (sqlstate, "08", 2) == 0 && strcmp (sqlstate, "08P01") != 0;
}

/* MariaDB and MySQL: lock time-out, deadlock, record changed since last read, too many connections, server
 * shutdown, server gone, connection lost; an XA branch that the server rolled back for no reason that it
 * tells, a time-out, a deadlock. */
static int s_native_is_retryable (int native)
{
    static const int list[] = {1205, 1213, 1020, 1040, 1053, 2006, 2013, 1402, 1613, 1614};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (native == list[i])
            return 1;
    return 0;
}

/* What the resource manager says decides. */
static int s_reason_is_retryable (const txc_error_info_t *error)
{
    return (error->sqlstate && s_sqlstate_is_retryable (error->sqlstate)) ||
           s_native_is_retryable (error->native);
}

/* 25P02: a statement had failed, and its own reason is not known here. */
static int s_has_reason (const txc_error_info_t *error)
{
    return error->native || (error->sqlstate && *error->sqlstate && strcmp (error->sqlstate, "25P02") != 0);
}

int txc_error_is_retryable (const txc_error_info_t *error)
{
    if (!error)
        return 0;
    switch (error->code) {
    case TXC_ERM:
    case TXC_ROLLED_BACK:
        return s_reason_is_retryable (error); /* without one the same would happen again */
    case TXC_EBRANCH: /* lost; or it could not be prepared, as a constraint that is checked late has it */
        return !s_has_reason (error) || s_reason_is_retryable (error);
    case TXC_ETIMEDOUT:
    case TXC_ECONN:
    case TXC_ENOTA: /* the agent no longer has the branch */
    case TXC_EOVERLOAD:
    case TXC_ERMFAIL:
    case TXC_ESESSION:
    case TXC_ENOTLEADER:
    case TXC_ENOTREADY:
    case TXC_ECOUNT:
        return 1;
    default:
        /* Above all TXC_UNKNOWN, TXC_MIXED, TXC_HAZARD: it may have been committed already. */
        return 0;
    }
}
