/*
 * txc_my_conn.c - connections: connect, ping, cancel, the session's state.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

#include "txc_my.h"

enum { S_PASSWORD_MAX = 256 };

/* --- threads ------------------------------------------------------------------------- */

/* The library keeps memory for each thread that used it; it is given back when the thread ends. */
static pthread_once_t s_key_once = PTHREAD_ONCE_INIT;
static pthread_key_t s_key;

static void s_thread_end (void *used)
{
    (void) used;
    mysql_thread_end();
}

static void s_key_new (void)
{
    int rc = pthread_key_create (&s_key, s_thread_end);
    TXC_ASSERT (rc == 0);
}

void txc_my_thread_begin (void)
{
    pthread_once (&s_key_once, s_key_new);
    if (!pthread_getspecific (s_key)) {
        mysql_thread_init();
        pthread_setspecific (s_key, &s_key);
    }
}

/* --- this process's sessions ------------------------------------------------------------ */

static void s_lock (txc_rm_t *rm)
{
    int rc = pthread_mutex_lock (&rm->lock);
    TXC_ASSERT (rc == 0);
}

static void s_unlock (txc_rm_t *rm)
{
    int rc = pthread_mutex_unlock (&rm->lock);
    TXC_ASSERT (rc == 0);
}

static void s_session_add (txc_rm_t *rm, unsigned long session)
{
    s_lock (rm);
    if (rm->n_sessions == rm->max_sessions) {
        rm->max_sessions = rm->max_sessions ? 2 * rm->max_sessions : 16;
        rm->sessions = txc_realloc (rm->sessions, rm->max_sessions * sizeof *rm->sessions);
    }
    rm->sessions[rm->n_sessions++] = session;
    s_unlock (rm);
}

static void s_session_remove (txc_rm_t *rm, unsigned long session)
{
    s_lock (rm);
    size_t i = 0;
    while (i < rm->n_sessions && rm->sessions[i] != session)
        i++;
    TXC_ASSERT (i < rm->n_sessions);
    rm->sessions[i] = rm->sessions[--rm->n_sessions];
    s_unlock (rm);
}

unsigned long *txc_my_sessions (txc_rm_t *rm, size_t *n)
{
    s_lock (rm);
    unsigned long *copy = txc_calloc (rm->n_sessions + 1, sizeof *copy);
    if (rm->n_sessions)
        memcpy (copy, rm->sessions, rm->n_sessions * sizeof *copy);
    *n = rm->n_sessions;
    s_unlock (rm);
    return copy;
}

/* --- dialling ----------------------------------------------------------------------------- */

/* The first line of the password file, which nobody but its owner (us, or root) may read or change. */
static bool s_password (const txc_rm_t *rm, char password[S_PASSWORD_MAX], txc_rm_error_t *error)
{
    const char *path = rm->password_file;
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat (fd, &st) != 0) {
        txc_my_fail (error, TXC_RM_LOST, TXC_ECONFIG, "%s: password_file %.120s: %s", rm->name, path,
                     strerror (errno));
        if (fd >= 0)
            close (fd);
        return false;
    }
    bool good = S_ISREG (st.st_mode) && (st.st_mode & 077) == 0 && (st.st_uid == geteuid() || st.st_uid == 0);
    if (!good)
        txc_my_fail (error, TXC_RM_LOST, TXC_ECONFIG,
                     "%s: password_file %.120s can be read by others: make it yours and chmod 600", rm->name,
                     path);
    ssize_t size = good ? read (fd, password, S_PASSWORD_MAX - 1) : 0;
    close (fd);
    if (good && size < 0) {
        txc_my_fail (error, TXC_RM_LOST, TXC_ECONFIG, "%s: password_file %.120s: %s", rm->name, path,
                     strerror (errno));
        good = false;
    }
    password[size > 0 ? size : 0] = '\0';
    password[strcspn (password, "\r\n")] = '\0';
    return good;
}

/* No file of this machine is ever handed to a server that asks for one (LOAD DATA LOCAL). */
static int s_infile_init (void **state, const char *name, void *arg)
{
    (void) name;
    (void) arg;
    *state = NULL;
    return 1;
}

static int s_infile_read (void *state, char *buffer, unsigned int size)
{
    (void) state;
    (void) buffer;
    (void) size;
    return -1;
}

static void s_infile_end (void *state)
{
    (void) state;
}

static int s_infile_error (void *state, char *text, unsigned int size)
{
    (void) state;
    txc_copy_text (text, size, "local files are refused");
    return 2000; /* CR_UNKNOWN_ERROR */
}

static void s_options (const txc_rm_t *rm, MYSQL *my)
{
    unsigned int connect_s = (rm->connect_timeout_ms + 999) / 1000,
                 read_s = (rm->read_timeout_ms + 999) / 1000;
    unsigned int off = 0;
    mysql_options (my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options (my, MYSQL_OPT_READ_TIMEOUT, &read_s);
    mysql_options (my, MYSQL_OPT_WRITE_TIMEOUT, &read_s);
    mysql_options (my, MYSQL_OPT_LOCAL_INFILE, &off);
    mysql_options (my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (rm->default_file)
        mysql_options (my, MYSQL_READ_DEFAULT_FILE, rm->default_file);
    if (rm->default_file || rm->default_group)
        mysql_options (my, MYSQL_READ_DEFAULT_GROUP, rm->default_group ? rm->default_group : "client");
    if (rm->ssl_ca || rm->ssl_cert) {
        mysql_ssl_set (my, rm->ssl_key, rm->ssl_cert, rm->ssl_ca, NULL, NULL);
#ifdef MARIADB_PACKAGE_VERSION
        txc_my_bool_t enforce = 1, verify = rm->ssl_verify;
        mysql_options (my, MYSQL_OPT_SSL_ENFORCE, &enforce);
        mysql_options (my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
#else
        unsigned int mode = rm->ssl_verify ? SSL_MODE_VERIFY_IDENTITY : SSL_MODE_REQUIRED;
        mysql_options (my, MYSQL_OPT_SSL_MODE, &mode);
#endif
    }
    mysql_set_local_infile_handler (my, s_infile_init, s_infile_read, s_infile_end, s_infile_error, NULL);
}

/* A machine that vanished is noticed within two minutes, however long a statement may take. */
static void s_keepalive (MYSQL *my)
{
#ifdef MARIADB_PACKAGE_VERSION
    int fd = (int) mysql_get_socket (my);
#else
    int fd = (int) my->net.fd;
#endif
    int domain = 0, on = 1, idle_s = 60, interval_s = 15, probes = 4;
    socklen_t size = sizeof domain;
    if (fd < 0 || getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
        (domain != AF_INET && domain != AF_INET6))
        return;
    setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt (fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt (fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt (fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    /* While something sent is not acknowledged there are no probes. */
    unsigned int unacknowledged_ms = 120000;
    setsockopt (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
}

/* What an option file must not bring about.  A client library that connects anew by itself runs the next
 * statement outside of its branch, where it commits; and one that counts the rows found tells nothing of what
 * was changed. */
static bool s_unlearn (const txc_rm_t *rm, MYSQL *my, txc_rm_error_t *error)
{
    txc_my_bool_t off = 0;
    mysql_options (my, MYSQL_OPT_RECONNECT, &off);
    if (!(my->client_flag & CLIENT_FOUND_ROWS))
        return true;
    txc_my_fail (error, TXC_RM_LOST, TXC_ECONFIG,
                 "%s: the option file %.120s has return-found-rows: remove it, or name another default_group",
                 rm->name, rm->default_file ? rm->default_file : "");
    return false;
}

/* A session, noted as this process's; NULL with error. */
static MYSQL *s_dial (txc_rm_t *rm, txc_rm_error_t *error)
{
    txc_my_thread_begin();
    char password[S_PASSWORD_MAX];
    if (rm->password_file && !s_password (rm, password, error))
        return NULL;
    MYSQL *my = mysql_init (NULL);
    if (!my) {
        txc_my_fail (error, TXC_RM_LOST, TXC_ENOMEM, "%s: out of memory", rm->name);
        return NULL;
    }
    s_options (rm, my);
    MYSQL *good = mysql_real_connect (my, rm->host, rm->user, rm->password_file ? password : NULL,
                                      rm->database, rm->port, rm->socket, CLIENT_MULTI_RESULTS);
    explicit_bzero (password, sizeof password);
    if (!good) {
        txc_my_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "%s: cannot connect: %s", rm->name, mysql_error (my));
        error->native = (int) mysql_errno (my);
        txc_copy_text (error->sqlstate, sizeof error->sqlstate, mysql_sqlstate (my));
        mysql_close (my);
        return NULL;
    }
    if (!s_unlearn (rm, my, error)) {
        mysql_close (my);
        return NULL;
    }
    s_session_add (rm, mysql_thread_id (my));
    s_keepalive (my);
    return my;
}

static void s_hang_up (txc_rm_t *rm, MYSQL *my, unsigned long session)
{
    s_session_remove (rm, session);
    mysql_close (my);
}

/* --- the session's state -------------------------------------------------------------------- */

/* What every branch expects of its session.  The server's own idle time-outs would end a branch that waits
 * for its coordinator. */
static int s_session_begin (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    const char *sqls[] = {"SET NAMES utf8mb4",
                          conn->mariadb
                              ? "SET SESSION autocommit=1, completion_type=0, wait_timeout=31536000, "
                                "session_track_transaction_info='STATE', idle_transaction_timeout=0, "
                                "idle_readonly_transaction_timeout=0, idle_write_transaction_timeout=0"
                              : "SET SESSION autocommit=1, completion_type=0, wait_timeout=31536000, "
                                "session_track_transaction_info='STATE'"};
    int rcs[2];
    conn->autocommit = true;
    conn->lock_timeout_s = TXC_MY_LOCK_TIMEOUT_UNSET;
    conn->dirty = false;
    if (txc_my_batch (conn, 2, sqls, rcs, error) != 0)
        return TXC_MY_LOST;
    return rcs[0] ? rcs[0] : rcs[1];
}

int txc_my_session_set (txc_rm_conn_t *conn, bool autocommit, uint32_t lock_timeout_s, txc_rm_error_t *error)
{
    TXC_ASSERT (conn->phase == TXC_MY_IDLE || conn->phase == TXC_MY_STARTED);
    if (conn->autocommit == autocommit && conn->lock_timeout_s == lock_timeout_s)
        return 0;
    /* SET autocommit=1 would commit a transaction that was left open: there is none, and here it could not
     * matter. */
    if (conn->my->server_status & SERVER_STATUS_IN_TRANS) {
        int rc = txc_my_run (conn, error, "ROLLBACK");
        if (rc != 0)
            return rc;
    }
    char timeout[16] = "DEFAULT";
    if (lock_timeout_s != TXC_MY_LOCK_TIMEOUT_UNSET)
        snprintf (timeout, sizeof timeout, "%" PRIu32, lock_timeout_s);
    int rc = txc_my_run (conn, error,
                         "SET SESSION autocommit=%d, innodb_lock_wait_timeout=%s, lock_wait_timeout=%s",
                         autocommit, timeout, timeout);
    if (rc == 0) {
        conn->autocommit = autocommit;
        conn->lock_timeout_s = lock_timeout_s;
    }
    return rc;
}

void txc_my_session_clean (txc_rm_conn_t *conn)
{
    TXC_ASSERT (conn->phase == TXC_MY_IDLE);
    if (!conn->dirty || conn->lost)
        return;
    if (conn->holds_lock) { /* the reset would give it up unseen: the agent is to connect and check anew */
        conn->lost = true;
        return;
    }
    txc_rm_error_t error;
    txc_my_cache_clear (conn->cache); /* the reset drops them at the server */
    if (mysql_reset_connection (conn->my) != 0 || s_session_begin (conn, &error) != 0)
        conn->lost = true; /* nothing is lost but the session itself */
}

/* --- connect, disconnect ------------------------------------------------------------------------ */

/* The second in which the server was started: its clock less its uptime, both read at the same instant by the
 * statement, so that setting the clock changes nothing. */
static const char *s_server_start_sql (bool mariadb)
{
    return mariadb ? "SELECT UNIX_TIMESTAMP() - VARIABLE_VALUE"
                     " FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME'"
                   : "SELECT UNIX_TIMESTAMP() - VARIABLE_VALUE"
                     " FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Uptime'";
}

static int s_server_start (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    char text[32];
    int rc = txc_my_value (conn, s_server_start_sql (conn->mariadb), text, sizeof text, error);
    conn->server_start = strtoull (text, NULL, 10);
    return rc;
}

/* Is my a session of the server's run that conn is of?  In another one conn's number is somebody else's. */
static bool s_is_this_run (const txc_rm_conn_t *conn, MYSQL *my)
{
    const char *sql = s_server_start_sql (conn->mariadb);
    MYSQL_RES *rows =
        mysql_real_query (my, sql, (unsigned long) strlen (sql)) == 0 ? mysql_store_result (my) : NULL;
    MYSQL_ROW row = rows ? mysql_fetch_row (rows) : NULL;
    bool same = row && row[0] && strtoull (row[0], NULL, 10) == conn->server_start;
    if (rows)
        mysql_free_result (rows);
    return same;
}

static int s_greet (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    /* The option file may have turned them on. */
    if (mysql_set_server_option (conn->my, MYSQL_OPTION_MULTI_STATEMENTS_OFF) != 0)
        return txc_my_error (conn, "multi-statements off", error);
    int rc = s_session_begin (conn, error);
    return rc ? rc : s_server_start (conn, error);
}

txc_rm_status_t txc_my_connect (txc_rm_t *rm, txc_rm_conn_t **conn_p, txc_rm_error_t *error)
{
    TXC_CHECK (rm, TXC_MY_RM_MAGIC);
    *conn_p = NULL;
    MYSQL *my = s_dial (rm, error);
    if (!my)
        return TXC_RM_LOST;
    txc_rm_conn_t *conn = txc_calloc (1, sizeof *conn);
    TXC_MAGIC (conn, TXC_MY_CONN_MAGIC);
    conn->rm = rm;
    conn->my = my;
    conn->session = mysql_thread_id (my);
    conn->mariadb = strstr (mysql_get_server_info (my), "MariaDB") != NULL;
    conn->cache = txc_my_cache_new (rm->statement_cache);
    uint64_t random = 0;
    if (getrandom (&random, sizeof random, 0) != (ssize_t) sizeof random)
        random = (uint64_t) (uintptr_t) conn; /* no user would guess it by accident either */
    snprintf (conn->guard, sizeof conn->guard, "txc_%016" PRIx64, random);
    if (s_greet (conn, error) != 0) {
        txc_my_disconnect (&conn);
        return TXC_RM_LOST;
    }
    *conn_p = conn;
    return TXC_RM_OK;
}

void txc_my_disconnect (txc_rm_conn_t **conn_p)
{
    txc_rm_conn_t *conn = *conn_p;
    if (!conn)
        return;
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    txc_my_thread_begin();
    txc_my_cache_destroy (&conn->cache);
    s_hang_up (conn->rm, conn->my, conn->session);
    TXC_UNMAGIC (conn, TXC_MY_CONN_MAGIC);
    free (conn);
    *conn_p = NULL;
}

/* --- the rest -------------------------------------------------------------------------------------- */

txc_rm_status_t txc_my_ping (txc_rm_conn_t *conn, txc_rm_error_t *error)
{
    TXC_CHECK (conn, TXC_MY_CONN_MAGIC);
    txc_my_thread_begin();
    if (conn->lost)
        return txc_my_fail (error, TXC_RM_LOST, TXC_ERMFAIL, "the connection to the server was lost before");
    if (mysql_ping (conn->my) == 0)
        return TXC_RM_OK;
    txc_my_error (conn, "ping", error);
    conn->lost = true;
    return TXC_RM_LOST;
}

void txc_my_cancel (txc_rm_conn_t *conn)
{
    txc_rm_error_t error;
    MYSQL *my = s_dial (conn->rm, &error);
    if (!my)
        return; /* the statement runs on until its own time-out */
    unsigned long session = mysql_thread_id (my);
    if (s_is_this_run (conn, my)) {
        char sql[64];
        int size = snprintf (sql, sizeof sql, "KILL QUERY %lu", conn->session);
        mysql_real_query (my, sql, (unsigned long) size);
    }
    s_hang_up (conn->rm, my, session);
}

int txc_my_is_alive (const txc_rm_conn_t *conn)
{
    return !conn->lost;
}
