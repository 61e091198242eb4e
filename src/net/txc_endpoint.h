/*
 * txc_endpoint.h - the form of endpoints, and which of them are safe to listen on.
 */
#ifndef TXC_ENDPOINT_H
#define TXC_ENDPOINT_H

#include <stdbool.h>

#include "core/txc_message.h"

typedef struct txc_endpoint {
    bool ipc;
    bool ipv6;      /* tcp with an address in brackets */
    bool local;     /* ipc, or tcp on a loopback address */
    char path[108]; /* ipc: the socket's path, "@name" if it is abstract */
    char host[128]; /* tcp, without brackets */
} txc_endpoint_t;

/* Takes an endpoint apart; endpoint (the result) may be NULL.  TXC_OK, or TXC_ECONFIG with error set.
 * to_bind: the host is an address or "*", the port may be "*"; otherwise it may be a host name. */
int txc_endpoint_parse (const char *text, bool to_bind, txc_endpoint_t *endpoint, txc_error_t *error);

/* Before ZeroMQ listens on an ipc path it removes whatever is there: a file that is no socket, or the socket
 * of a daemon that still runs.  TXC_OK if neither would happen; TXC_ELOCKED, TXC_ECONFIG, TXC_EIO with error
 * set. */
int txc_endpoint_check_free (const txc_endpoint_t *self, txc_error_t *error);

#endif
