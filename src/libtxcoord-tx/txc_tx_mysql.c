#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <txcoord/txc_mysql.h>
#include <txcoord/txc_tx_mysql.h>

enum { PASSWORD_MAX = 256 };

/* Of mysqlclient's and of the server's errors: the session is not there any more. */
enum {
    SERVER_GONE = 2006,
    SERVER_LOST = 2013,
    SERVER_LOST_EXTENDED = 2055,
    CONNECTION_KILLED = 1927,
    SERVER_SHUTDOWN = 1053,
    CLIENT_INTERACTION_TIMEOUT = 4031
};

/* The handle is in memory of its own, so that it stays the same when a new session is opened under it. */
typedef struct opened {
    MYSQL mysql; /* what programs are given */
    bool connected;
} opened_t;

/* --- opening ------------------------------------------------------------------------------- */

/* The first line of the password file, which nobody but its owner (us, or root) may read or change. */
static bool s_password (const txc_tx_rm_t *rm, char password[PASSWORD_MAX], char *error)
{
    struct stat st;
    const char *why = NULL;
    ssize_t size = 0;
    int fd = open (rm->password_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat (fd, &st) != 0)
        why = strerror (errno);
    else if (!S_ISREG (st.st_mode) || (st.st_mode & 077) != 0 || (st.st_uid != geteuid() && st.st_uid != 0))
        why = "it can be read by others: make it yours and chmod 600";
    else if ((size = read (fd, password, PASSWORD_MAX - 1)) < 0)
        why = strerror (errno);
    if (fd >= 0)
        close (fd);
    password[size > 0 ? size : 0] = '\0';
    password[strcspn (password, "\r\n")] = '\0';
    if (why)
        snprintf (error, TXC_TX_ERROR_SIZE, "%s: password_file %.100s: %s", rm->name, rm->password_file, why);
    return !why;
}

static void s_options (MYSQL *mysql, const txc_tx_rm_t *rm)
{
    unsigned seconds = (rm->connect_timeout_ms + 999) / 1000;
    mysql_options (mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    mysql_options (mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (rm->default_file)
        mysql_options (mysql, MYSQL_READ_DEFAULT_FILE, rm->default_file);
    if (rm->default_file || rm->default_group)
        mysql_options (mysql, MYSQL_READ_DEFAULT_GROUP, rm->default_group ? rm->default_group : "client");
}

/* What each new session is to be. */
static bool s_settle (MYSQL *mysql, const txc_tx_rm_t *rm)
{
    static const char *const levels[] = {NULL, "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
    char sql[100];
    char off = 0; /* a reconnection behind our back would lose the branch, and nobody would notice */
    mysql_options (mysql, MYSQL_OPT_RECONNECT, &off);
    if (!(mysql->server_status & SERVER_STATUS_AUTOCOMMIT) && mysql_query (mysql, "SET autocommit = 1") != 0)
        return false;
    if (rm->isolation == TXC_ISOLATION_DEFAULT)
        return true;
    snprintf (sql, sizeof sql, "SET SESSION TRANSACTION ISOLATION LEVEL %s", levels[rm->isolation]);
    return mysql_query (mysql, sql) == 0;
}

/* A new session in a handle that is in none.  After an error the handle is one without a session. */
static bool s_connect (opened_t *self, const txc_tx_rm_t *rm, char *error)
{
    MYSQL *mysql = &self->mysql;
    char password[PASSWORD_MAX];
    self->connected = false;
    if (!mysql_init (mysql)) {
        snprintf (error, TXC_TX_ERROR_SIZE, "%s: out of memory", rm->name);
        return false;
    }
    s_options (mysql, rm);
    if (rm->password_file && !s_password (rm, password, error))
        return false;
    bool good = mysql_real_connect (mysql, rm->host, rm->user, rm->password_file ? password : NULL,
                                    rm->database, rm->port, rm->socket, CLIENT_MULTI_RESULTS) != NULL;
    explicit_bzero (password, sizeof password);
    self->connected = good && s_settle (mysql, rm);
    if (!self->connected)
        snprintf (error, TXC_TX_ERROR_SIZE, "%s: %.200s", rm->name, mysql_error (mysql));
    return self->connected;
}

static pthread_once_t s_once = PTHREAD_ONCE_INIT;

static void s_init (void)
{
    mysql_library_init (0, NULL, NULL); /* which is not safe with threads */
}

static void s_close (void *conn)
{
    opened_t *self = conn;
    mysql_close (&self->mysql);
    free (self);
}

static void *s_open (const txc_tx_rm_t *rm, char *error)
{
    pthread_once (&s_once, s_init);
    opened_t *self = calloc (1, sizeof *self);
    if (!self) {
        snprintf (error, TXC_TX_ERROR_SIZE, "%s: out of memory", rm->name);
        return NULL;
    }
    if (s_connect (self, rm, error))
        return self;
    s_close (self);
    return NULL;
}

static int s_reopen (void *conn, const txc_tx_rm_t *rm, char *error)
{
    opened_t *self = conn;
    mysql_close (&self->mysql);
    return s_connect (self, rm, error) ? TXC_OK : TXC_ERMFAIL;
}

/* In a forked child.  mysql_close says good-bye to the server, but here to nobody. */
static void s_abandon (void *conn)
{
    opened_t *self = conn;
#ifdef MARIADB_PACKAGE_VERSION
    int socket = self->connected ? (int) mysql_get_socket (&self->mysql) : -1;
#else
    int socket = self->connected ? (int) self->mysql.net.fd : -1;
#endif
    int nobody = open ("/dev/null", O_RDWR | O_CLOEXEC);
    if (socket >= 0 && (nobody < 0 || dup2 (nobody, socket) < 0))
        close (socket);
    if (nobody >= 0)
        close (nobody);
    s_close (self);
}

/* --- what a session is in --------------------------------------------------------------------- */

static int s_lost (void *conn)
{
    opened_t *self = conn;
    switch (self->connected ? mysql_errno (&self->mysql) : SERVER_GONE) {
    case SERVER_GONE:
    case SERVER_LOST:
    case SERVER_LOST_EXTENDED:
    case CONNECTION_KILLED:
    case SERVER_SHUTDOWN:
    case CLIENT_INTERACTION_TIMEOUT:
        return 1;
    default:
        return 0;
    }
}

static const char *s_outside (void *conn)
{
    const MYSQL *mysql = &((const opened_t *) conn)->mysql;
    if (mysql->status != MYSQL_STATUS_READY)
        return "the results of a statement were not read on its connection";
    if (mysql->server_status & SERVER_STATUS_IN_TRANS)
        return "a transaction of its own is open on its connection";
    return mysql->server_status & SERVER_STATUS_AUTOCOMMIT
               ? NULL
               : "autocommit is off on its connection, so that every statement begins a transaction of its "
                 "own";
}

static int s_spoiled (void *conn)
{
    return mysql_errno (&((opened_t *) conn)->mysql) != 0;
}

static int s_enlist (txc_tx_t *tx, const char *rm, void *conn)
{
    return txc_enlist_mysql (tx, rm, &((opened_t *) conn)->mysql);
}

MYSQL *txc_tx_mysql (const char *rm)
{
    static const txc_tx_driver_t driver = {.kind = "mysql",
                                           .open = s_open,
                                           .lost = s_lost,
                                           .reopen = s_reopen,
                                           .outside = s_outside,
                                           .spoiled = s_spoiled,
                                           .enlist = s_enlist,
                                           .close = s_close,
                                           .abandon = s_abandon};
    opened_t *self = txc_tx_connection (rm, &driver);
    return self ? &self->mysql : NULL;
}
