#include "config.h"

#include "net/txc_socket.h"

#include <errno.h>
#include <stdlib.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

void txc_socket_set_int (txc_socket_t *self, int option, int value)
{
    int rc = zmq_setsockopt (self->zmq, option, &value, sizeof value);
    TXC_ASSERT (rc == 0);
}

static void s_set_limits (txc_socket_t *self, int type, const txc_net_config_t *config)
{
    int64_t max_frame = config->max_frame;
    int rc = zmq_setsockopt (self->zmq, ZMQ_MAXMSGSIZE, &max_frame, sizeof max_frame);
    TXC_ASSERT (rc == 0);
    txc_socket_set_int (self, ZMQ_SNDHWM, (int) config->queue);
    txc_socket_set_int (self, ZMQ_RCVHWM, (int) config->queue);
    txc_socket_set_int (self, ZMQ_RECONNECT_IVL, 20);
    txc_socket_set_int (self, ZMQ_RECONNECT_IVL_MAX, 500);
    txc_socket_set_int (self, ZMQ_CONNECT_TIMEOUT, 5000);
    txc_socket_set_int (self, ZMQ_HANDSHAKE_IVL, 5000);
    /* A peer whose machine is gone is noticed by these, not by a time-out of TCP after many minutes. ZeroMQ's
     * own heartbeats would do it too, but (4.3.4) abort the process when a peer hangs up that has filled the
     * queue. */
    txc_socket_set_int (self, ZMQ_TCP_MAXRT, 10000);
    txc_socket_set_int (self, ZMQ_TCP_KEEPALIVE, 1);
    txc_socket_set_int (self, ZMQ_TCP_KEEPALIVE_IDLE, 30);
    txc_socket_set_int (self, ZMQ_TCP_KEEPALIVE_INTVL, 10);
    txc_socket_set_int (self, ZMQ_TCP_KEEPALIVE_CNT, 3);
    if (type == ZMQ_ROUTER)
        txc_socket_set_int (self, ZMQ_ROUTER_MANDATORY, 1); /* so that a message to nobody is noticed */
}

txc_socket_t *txc_socket_new (void *context, int type, const txc_net_config_t *config, txc_error_t *error)
{
    void *zmq = zmq_socket (context, type);
    if (!zmq) {
        txc_error_set (error, errno == EMFILE ? TXC_ELIMIT : TXC_EIO, "no more sockets: %s",
                       zmq_strerror (errno));
        return NULL;
    }
    txc_socket_t *self = txc_calloc (1, sizeof *self);
    self->zmq = zmq;
    self->alert = true; /* connecting and binding use it */
    size_t size = sizeof self->fd;
    int rc = zmq_getsockopt (zmq, ZMQ_FD, &self->fd, &size);
    TXC_ASSERT (rc == 0);
    s_set_limits (self, type, config);
    return self;
}

void txc_socket_destroy (txc_socket_t **self_p, uint32_t linger_ms)
{
    txc_socket_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    txc_socket_set_int (self, ZMQ_LINGER, (int) linger_ms);
    zmq_close (self->zmq);
    free (self);
}

bool txc_socket_send (txc_socket_t *self, const void *bytes, size_t size, bool more)
{
    self->alert = true;
    return zmq_send (self->zmq, bytes, size, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0;
}

bool txc_socket_receive (txc_socket_t *self, zmq_msg_t *part)
{
    if (zmq_msg_recv (part, self->zmq, ZMQ_DONTWAIT) >= 0)
        return true;
    /* Whatever was signalled has been taken in.  (An interrupted call has not looked.) */
    if (errno != EINTR)
        self->alert = false;
    return false;
}

bool txc_socket_look (txc_socket_t *self)
{
    if (!self->alert)
        return false;
    int events = 0;
    size_t size = sizeof events;
    int rc = zmq_getsockopt (self->zmq, ZMQ_EVENTS, &events, &size);
    self->alert = rc != 0 || events & ZMQ_POLLIN;
    return self->alert;
}
