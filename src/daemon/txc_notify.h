/*
 * txc_notify.h - tells the service manager how the daemon is doing (sd_notify's protocol).
 */
#ifndef TXC_NOTIFY_H
#define TXC_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Sends lines such as "READY=1\nSTATUS=serving" in one datagram to $NOTIFY_SOCKET.  False if it could not be
 * sent; true also if there is no such variable, so that nobody needs to ask.  Never waits. */
bool txc_notify (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* "RELOADING=1" with the clock that systemd wants beside it. */
bool txc_notify_reloading (void);

/* How often "WATCHDOG=1" is to be sent, in ms: half of what the manager waits.  0: not at all. */
uint64_t txc_notify_watchdog_ms (void);

#endif
