/*
 * enlist_driver - a driver of one's own for txc_enlist_cb, as a program would write it for libpq or MariaDB's
 * library.
 */
#ifndef ENLIST_DRIVER_H
#define ENLIST_DRIVER_H

#include <txcoord/txc_enlist.h>

/* txc_enlist_driver_t's run; arg is a PGconn. */
void enlist_driver_run_pg (void *arg, const char *sql, txc_sql_reply_t *reply);

/* The same; arg is a MYSQL. */
void enlist_driver_run_my (void *arg, const char *sql, txc_sql_reply_t *reply);

#endif
