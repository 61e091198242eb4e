/*
 * txc_socket.h - a ZeroMQ socket that knows when it is worth reading.
 *
 * The descriptor of a ZeroMQ socket is edge triggered: it becomes readable
 * when something happens to the socket, and any use of the socket may take
 * that signal away.  Asking ZeroMQ whether there is a message costs two system
 * calls, so it is asked only about sockets that are alert: whose descriptor
 * was readable, or that were used since they were last found empty.  Of the
 * others it is certain that nothing is there which the descriptor will not
 * tell.
 */
#ifndef TXC_SOCKET_H
#define TXC_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <zmq.h>

#include "net/txc_net.h"

typedef struct txc_socket {
    void *zmq;
    int fd;     /* to be polled; owned by ZeroMQ */
    bool alert; /* there may be something that the descriptor does not tell */
} txc_socket_t;

/* A socket with every limit of config set, 0s replaced; NULL with error set if there can be no more. */
txc_socket_t *txc_socket_new (void *context, int type, const txc_net_config_t *config, txc_error_t *error);

/* Closes it, and nulls the caller's pointer; what was sent has up to linger_ms to leave. */
void txc_socket_destroy (txc_socket_t **self_p, uint32_t linger_ms);

void txc_socket_set_int (txc_socket_t *self, int option, int value);

/* Sends a part, or drops it: false with errno set.  more: another part follows. */
bool txc_socket_send (txc_socket_t *self, const void *bytes, size_t size, bool more);

/* Receives a part into part, which is initialised.  False: there is none, and the socket is no longer alert.
 */
bool txc_socket_receive (txc_socket_t *self, zmq_msg_t *part);

/* An alert socket is looked at: true if there is something to receive; otherwise it is no longer alert. */
bool txc_socket_look (txc_socket_t *self);

#endif
