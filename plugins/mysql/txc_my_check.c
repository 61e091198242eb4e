/*
 * txc_my_check.c - what would lose data later; which copy of the data it is.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_id.h"
#include "base/txc_mem.h"

#include "txc_my.h"

enum { S_VALUE_SIZE = 256, S_LOCK_WAIT_S = 3 };

typedef struct s_checking {
    txc_rm_conn_t *conn;
    void (*warn) (void *arg, const char *text);
    void *arg;
    txc_rm_error_t *error;
} s_checking_t;

static void s_warn (const s_checking_t *checking, const char *text)
{
    char line[S_VALUE_SIZE + 256];
    snprintf (line, sizeof line, "%s: %s", checking->conn->rm->name, text);
    checking->warn (checking->arg, line);
}

static txc_rm_status_t s_refuse (const s_checking_t *checking, const char *text)
{
    return txc_my_fail (checking->error, TXC_RM_ERROR, TXC_ECONFIG, "%s: %s", checking->conn->rm->name, text);
}

/* --- versions --------------------------------------------------------------------------- */

/* MDEV-37141: statements behind a deadlock ran outside of the branch.  Fixed in these and in 12.0. */
static bool s_has_deadlock_fault (unsigned long version)
{
    static const struct {
        unsigned long series, fixed;
    } fixes[] = {{1006, 23}, {1011, 14}, {1104, 8}, {1108, 3}};
    for (size_t i = 0; i < sizeof fixes / sizeof *fixes; i++)
        if (version / 100 == fixes[i].series)
            return version % 100 < fixes[i].fixed;
    return version < 120000;
}

static txc_rm_status_t s_check_version (const s_checking_t *checking)
{
    unsigned long version = mysql_get_server_version (checking->conn->my);
    if (!checking->conn->mariadb && version < 80030)
        return s_refuse (checking,
                         "this MySQL can lose prepared branches in a crash when its binary log is on: use "
                         "8.0.30 or later");
    if (checking->conn->mariadb && version < 100500)
        return s_refuse (checking,
                         "this MariaDB rolls prepared branches back when their connection ends (MDEV-742): "
                         "use 10.5 or later");
    if (!checking->conn->mariadb)
        s_warn (checking,
                "MySQL's own server has not been tried with this plugin: it is written for its manual");
    else if (s_has_deadlock_fault (version))
        s_warn (
            checking,
            "this MariaDB runs statements of a procedure outside of the branch behind a deadlock that the "
            "procedure handles (MDEV-37141): use 10.6.23, 10.11.14, 11.4.8, 11.8.3 or later");
    return TXC_RM_OK;
}

/* --- settings ------------------------------------------------------------------------------ */

typedef enum s_family { S_BOTH, S_MARIADB, S_MYSQL } s_family_t;

/* A question to the server, asked as one that is answered with 1 where something is wrong. */
typedef struct s_rule {
    s_family_t family;
    bool refuses;
    const char *question, *text;
} s_rule_t;

static const s_rule_t s_rules[] = {
    {S_MARIADB, true, "SELECT @@wsrep_on",
     "Galera does not replicate XA transactions (MDEV-26575): use a server with wsrep_on=OFF"},
    {S_BOTH, true, "SELECT @@read_only",
     "the server is read-only (a replica?): name the primary, or SET GLOBAL read_only=0"},
    /* The first of them is that of the unnamed connection alone, and off while its primary is not reached. */
    {S_MARIADB, true,
     "SELECT COUNT(*) > 0 FROM information_schema.GLOBAL_STATUS WHERE"
     " (VARIABLE_NAME = 'SLAVE_RUNNING' AND VARIABLE_VALUE = 'ON')"
     " OR (VARIABLE_NAME = 'SLAVES_RUNNING' AND VARIABLE_VALUE > 0)",
     "the server is a replica: ending branches there would make it differ from its primary; name the "
     "primary, or STOP ALL SLAVES if this is to be it"},
    {S_MYSQL, true,
     "SELECT COUNT(*) FROM performance_schema.replication_connection_status WHERE SERVICE_STATE = 'ON'",
     "the server is a replica: ending branches there would make it differ from its primary; name the "
     "primary"},
    {S_MYSQL, false, "SELECT @@xa_detach_on_prepare",
     "xa_detach_on_prepare=ON lets a lost session's branch be ended at once; temporary tables are refused "
     "then"},
    {S_BOTH, false, "SELECT @@innodb_flush_log_at_trx_commit <> 1",
     "innodb_flush_log_at_trx_commit is not 1: a crash of the machine can lose prepared and committed "
     "branches; SET "
     "GLOBAL innodb_flush_log_at_trx_commit=1"},
    {S_BOTH, false, "SELECT @@log_bin AND @@sync_binlog <> 1",
     "the binary log is on and sync_binlog is not 1: a crash of the machine can lose prepared branches; SET "
     "GLOBAL "
     "sync_binlog=1"},
    {S_BOTH, false, "SELECT @@default_storage_engine NOT IN ('InnoDB', 'ROCKSDB')",
     "default_storage_engine is not transactional: new tables cannot take part in branches; set it to "
     "InnoDB"},
    {S_BOTH, false, "SELECT @@innodb_rollback_on_timeout",
     "innodb_rollback_on_timeout=ON: a lock time-out rolls the whole branch back at once, not at its end"},
    {S_BOTH, false, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1) IN ('root', '')",
     "the agent is logged in as root or as nobody: give it an account of its own, since it ends every "
     "session of its "
     "account when it starts (sql/mariadb/roles.sql)"},
};

static txc_rm_status_t s_check_rule (const s_checking_t *checking, const s_rule_t *rule)
{
    char value[S_VALUE_SIZE];
    int rc = txc_my_value (checking->conn, rule->question, value, sizeof value, checking->error);
    if (rc == TXC_MY_LOST)
        return TXC_RM_LOST;
    if (rc != 0 || strcmp (value, "1") != 0)
        return TXC_RM_OK; /* what the server does not have, or does not let us see, is not wrong */
    if (rule->refuses)
        return s_refuse (checking, rule->text);
    s_warn (checking, rule->text);
    return TXC_RM_OK;
}

static txc_rm_status_t s_check_settings (const s_checking_t *checking)
{
    s_family_t family = checking->conn->mariadb ? S_MARIADB : S_MYSQL;
    for (size_t i = 0; i < sizeof s_rules / sizeof *s_rules; i++) {
        txc_rm_status_t status = TXC_RM_OK;
        if (s_rules[i].family == S_BOTH || s_rules[i].family == family)
            status = s_check_rule (checking, &s_rules[i]);
        if (status != TXC_RM_OK)
            return status;
    }
    return TXC_RM_OK;
}

/* Tables of the branch's database whose engine cannot roll back. */
static txc_rm_status_t s_check_engines (const s_checking_t *checking)
{
    char value[S_VALUE_SIZE], text[S_VALUE_SIZE + 160];
    int rc = txc_my_value (
        checking->conn,
        "SELECT GROUP_CONCAT(T.TABLE_NAME ORDER BY T.TABLE_NAME SEPARATOR ', ')"
        " FROM information_schema.TABLES T JOIN information_schema.ENGINES E ON E.ENGINE = T.ENGINE"
        " WHERE T.TABLE_SCHEMA = DATABASE() AND E.TRANSACTIONS <> 'YES'"
        " AND T.TABLE_TYPE = 'BASE TABLE'",
        value, sizeof value, checking->error);
    if (rc == TXC_MY_LOST)
        return TXC_RM_LOST;
    if (rc != 0 || !*value)
        return TXC_RM_OK;
    snprintf (
        text, sizeof text,
        "tables without transactions, to which branches cannot write (ALTER TABLE ... ENGINE=InnoDB): %s",
        value);
    s_warn (checking, text);
    return TXC_RM_OK;
}

/* --- the agent's lock --------------------------------------------------------------------------- */

/* One agent a resource manager: a user lock that this session holds as long as it lives.  Held already by
 * this session is well, too; a session that has just been lost may take a moment to give it up. */
static txc_rm_status_t s_take_lock (const s_checking_t *checking, const char *instance)
{
    char sql[160], value[S_VALUE_SIZE], holder[S_VALUE_SIZE];
    const char *rm = checking->conn->rm->name;
    snprintf (sql, sizeof sql,
              "SELECT IS_USED_LOCK('txcoord.%s') <=> CONNECTION_ID() OR GET_LOCK('txcoord.%s', %d)", rm, rm,
              S_LOCK_WAIT_S);
    int rc = txc_my_value (checking->conn, sql, value, sizeof value, checking->error);
    if (rc != 0)
        return rc == TXC_MY_LOST ? TXC_RM_LOST : TXC_RM_ERROR;
    if (strcmp (value, "1") == 0) {
        checking->conn->holds_lock = true;
        return TXC_RM_OK;
    }
    snprintf (sql, sizeof sql, "SELECT IS_USED_LOCK('txcoord.%s')", rm);
    if (txc_my_value (checking->conn, sql, holder, sizeof holder, checking->error) == TXC_MY_LOST)
        return TXC_RM_LOST;
    return txc_my_fail (
        checking->error, TXC_RM_ERROR, TXC_ELOCKED,
        "%s: another agent than %.64s serves this resource manager (session %.20s of the server holds "
        "the lock txcoord.%s): stop it, or KILL the session if its machine is gone",
        rm, instance, holder, rm);
}

/* --- check, identity -------------------------------------------------------------------------------- */

txc_rm_status_t txc_my_check (txc_rm_conn_t *conn, const char *instance,
                              void (*warn) (void *arg, const char *text), void *arg, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    s_checking_t checking = {conn, warn, arg, error};
    txc_rm_status_t status = s_check_version (&checking);
    if (status == TXC_RM_OK)
        status = s_check_settings (&checking);
    if (status == TXC_RM_OK)
        status = s_check_engines (&checking);
    if (status == TXC_RM_OK)
        status = s_take_lock (&checking, instance);
    return status;
}

/* Neither server keeps a mark in its data that copies would lose; so: which server (MariaDB: of machine and
 * port, MySQL: drawn once a data folder) and which data folder.  A backup restored in place is not told from
 * the original. */
txc_rm_status_t txc_my_identity (txc_rm_conn_t *conn, char identity[TXC_RM_EVIDENCE_SIZE],
                                 txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    char server[64], folder[512];
    int rc = txc_my_value (conn, conn->mariadb ? "SELECT @@server_uid" : "SELECT @@server_uuid", server,
                           sizeof server, error);
    if (rc == TXC_MY_UNKNOWN_VARIABLE) /* MariaDB before 10.5.26, 10.6.19, 10.11.9 */
        rc = txc_my_value (conn, "SELECT CONCAT(@@hostname, ':', @@port)", server, sizeof server, error);
    if (rc == 0)
        rc = txc_my_value (conn, "SELECT @@datadir", folder, sizeof folder, error);
    if (rc != 0)
        return rc == TXC_MY_LOST ? TXC_RM_LOST : TXC_RM_RETRY;
    snprintf (identity, TXC_RM_EVIDENCE_SIZE, "%s %s %016" PRIx64, conn->mariadb ? "mariadb" : "mysql",
              server, txc_digest64 (0, folder, strlen (folder)));
    return TXC_RM_OK;
}
