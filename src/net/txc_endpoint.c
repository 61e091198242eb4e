#include "config.h"

#include "net/txc_endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/txc_assert.h"

static int s_parse_ipc (const char *text, txc_endpoint_t *self, txc_error_t *error)
{
    const char *path = text + strlen ("ipc://");
    if (path[0] != '/' && path[0] != '@')
        return txc_error_set (error, TXC_ECONFIG, "'%s': write ipc:// with an absolute path", text);
    if (strlen (path) < 2 || strlen (path) >= sizeof self->path)
        return txc_error_set (error, TXC_ECONFIG, "'%.60s...': the path of a socket has 1 to %zu bytes", text,
                              sizeof self->path - 1);
    self->ipc = self->local = true;
    strcpy (self->path, path);
    return TXC_OK;
}

static bool s_port_is_valid (const char *port, bool to_bind)
{
    if (to_bind && strcmp (port, "*") == 0)
        return true;
    unsigned long value = 0;
    size_t size = strspn (port, "0123456789");
    if (size == 0 || size > 5 || port[size])
        return false;
    for (const char *p = port; *p; p++)
        value = value * 10 + (unsigned long) (*p - '0');
    return value >= 1 && value <= 65535;
}

/* Host names only to connect: what is listened on has to be plain to see. */
static bool s_host_is_valid (txc_endpoint_t *self, bool to_bind)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (self->ipv6) {
        if (inet_pton (AF_INET6, self->host, &v6) != 1)
            return false;
        self->local = IN6_IS_ADDR_LOOPBACK (&v6);
        return true;
    }
    if (inet_pton (AF_INET, self->host, &v4) == 1) {
        self->local = (ntohl (v4.s_addr) >> 24) == 127;
        return true;
    }
    if (to_bind)
        return strcmp (self->host, "*") == 0;
    size_t size = strspn (self->host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
    return size > 0 && !self->host[size];
}

static int s_parse_tcp (const char *text, bool to_bind, txc_endpoint_t *self, txc_error_t *error)
{
    const char *start = text + strlen ("tcp://");
    const char *colon = strrchr (start, ':');
    if (!colon || !s_port_is_valid (colon + 1, to_bind))
        return txc_error_set (error, TXC_ECONFIG, "'%s': ends with a port from 1 to 65535%s, as in tcp://%s",
                              text, to_bind ? " or *" : "", "127.0.0.1:7400");
    size_t size = (size_t) (colon - start);
    if (size >= 2 && start[0] == '[' && colon[-1] == ']') {
        self->ipv6 = true;
        start++;
        size -= 2;
    }
    memcpy (self->host, start, size);
    self->host[size] = 0;
    if (!s_host_is_valid (self, to_bind))
        return txc_error_set (error, TXC_ECONFIG, "'%s': the host is not %s", text,
                              to_bind ? "an IP address or *" : "an IP address or a host name");
    return TXC_OK;
}

int txc_endpoint_parse (const char *text, bool to_bind, txc_endpoint_t *endpoint, txc_error_t *error)
{
    txc_endpoint_t parsed = {0};
    TXC_ASSERT (text);
    int rc;
    if (strlen (text) > TXC_ENDPOINT_MAX)
        rc = txc_error_set (error, TXC_ECONFIG, "'%.60s...': an endpoint has at most %d bytes", text,
                            TXC_ENDPOINT_MAX);
    else if (strpbrk (text, ", \t"))
        rc =
            txc_error_set (error, TXC_ECONFIG,
                           "'%s': one endpoint, without commas or spaces; in a configuration file each has a "
                           "line of its own",
                           text);
    else if (strncmp (text, "ipc://", 6) == 0)
        rc = s_parse_ipc (text, &parsed, error);
    else if (strncmp (text, "tcp://", 6) == 0)
        rc = s_parse_tcp (text, to_bind, &parsed, error);
    else
        rc = txc_error_set (error, TXC_ECONFIG, "'%s': an endpoint begins with tcp:// or ipc://", text);
    if (endpoint)
        *endpoint = parsed;
    return rc;
}

int txc_endpoint_check_free (const txc_endpoint_t *self, txc_error_t *error)
{
    struct stat status;
    if (!self->ipc || self->path[0] == '@')
        return TXC_OK; /* the kernel refuses a second one */
    if (lstat (self->path, &status) != 0)
        return errno == ENOENT ? TXC_OK
                               : txc_error_set (error, TXC_EIO, "ipc://%s: %s", self->path, strerror (errno));
    if (!S_ISSOCK (status.st_mode))
        return txc_error_set (error, TXC_ECONFIG, "ipc://%s: there is a file that is no socket; move it away",
                              self->path);
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return txc_error_set (error, TXC_EIO, "ipc://%s: %s", self->path, strerror (errno));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy (address.sun_path, self->path);
    bool refused = connect (fd, (struct sockaddr *) &address, sizeof address) != 0 && errno == ECONNREFUSED;
    close (fd);
    if (!refused)
        return txc_error_set (error, TXC_ELOCKED, "ipc://%s: another process listens there", self->path);
    return TXC_OK;
}
