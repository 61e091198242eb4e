#include "config.h"

#include "daemon/txc_system.h"

#include <errno.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/txc_assert.h"

static uint64_t s_clock (clockid_t id, uint64_t per_second)
{
    struct timespec now;
    int rc = clock_gettime (id, &now);
    TXC_ASSERT (rc == 0);
    return (uint64_t) now.tv_sec * per_second + (uint64_t) now.tv_nsec / (1000000000 / per_second);
}

/* A lease goes on while the machine is suspended. */
uint64_t txc_clock_ms (void)
{
    return s_clock (CLOCK_BOOTTIME, 1000);
}

uint64_t txc_clock_us (void)
{
    return s_clock (CLOCK_MONOTONIC, 1000000);
}

uint64_t txc_clock_wall_ms (void)
{
    return s_clock (CLOCK_REALTIME, 1000);
}

uint64_t txc_random64 (void)
{
    uint64_t value = 0;
    while (value == 0) {
        ssize_t rc = getrandom (&value, sizeof value, 0);
        TXC_ASSERT (rc == sizeof value || errno == EINTR);
    }
    return value;
}

int txc_signals_open (void)
{
    if (signal (SIGPIPE, SIG_IGN) == SIG_ERR)
        return -1;
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGTERM);
    sigaddset (&set, SIGINT);
    sigaddset (&set, SIGHUP);
    errno = pthread_sigmask (SIG_BLOCK, &set, NULL);
    return errno ? -1 : signalfd (-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int txc_signals_next (int fd)
{
    struct signalfd_siginfo info;
    return read (fd, &info, sizeof info) == sizeof info ? (int) info.ssi_signo : 0;
}
