#include "config.h"

#include "daemon/txc_notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/txc_system.h"

/* "/path", or "@name" for the abstract name space.  0 if it is neither. */
static socklen_t s_address (const char *name, struct sockaddr_un *address)
{
    size_t size = strlen (name);
    if ((name[0] != '/' && name[0] != '@') || size < 2 || size >= sizeof address->sun_path)
        return 0;
    memset (address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy (address->sun_path, name, size);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    else
        size++; /* a path travels with its NUL, an abstract name without */
    return (socklen_t) (offsetof (struct sockaddr_un, sun_path) + size);
}

bool txc_notify (const char *format, ...)
{
    const char *name = getenv ("NOTIFY_SOCKET");
    if (!name)
        return true;
    struct sockaddr_un address;
    socklen_t address_size = s_address (name, &address);
    if (!address_size)
        return false;

    char text[512];
    va_list args;
    va_start (args, format);
    int size = vsnprintf (text, sizeof text, format, args);
    va_end (args);
    if (size < 0 || (size_t) size >= sizeof text)
        return false;

    int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    ssize_t sent = sendto (fd, text, (size_t) size, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *) &address,
                           address_size);
    close (fd);
    return sent == size;
}

bool txc_notify_reloading (void)
{
    return txc_notify ("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long) txc_clock_us());
}

uint64_t txc_notify_watchdog_ms (void)
{
    const char *usec = getenv ("WATCHDOG_USEC"), *pid = getenv ("WATCHDOG_PID");
    if (!usec || (pid && strtol (pid, NULL, 10) != (long) getpid()))
        return 0;
    return strtoull (usec, NULL, 10) / 2000;
}
