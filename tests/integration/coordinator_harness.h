/*
 * coordinator_harness.h - a real txcoord in a folder of its own, and peers that talk to it.
 */
#ifndef COORDINATOR_HARNESS_H
#define COORDINATOR_HARNESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/txc_net.h"

enum { PATIENCE_MS = 30000 };

typedef struct world {
    char folder[64], config[96], log[96], said[96], endpoint[96];
    char coordinator[256]; /* lines for the configuration's section coordinator besides listen */
    char options[1024];    /* lines for other sections, behind log */
    const char *drain;     /* drain_timeout: how long a daemon that is to stop may take [500ms] */
    const char
        *prepare; /* a shell command that the child runs in a mount name space of its own before the daemon */
    uid_t uid;    /* that the daemon runs as; 0: as the test */
    int notify_fd;
    pid_t pid; /* 0: not running */
} world_t;

/* A new folder with a configuration; no daemon yet. */
void world_init (world_t *self);
/* Kills what still runs, removes the folder. */
void world_fini (world_t *self);

/* Starts the daemon; up to three arguments more, NULL where there is none. */
void world_start (world_t *self, const char *a, const char *b, const char *c);
/* Waits for READY=1; fails with what the daemon said if it ends instead. */
void world_await_ready (world_t *self);
/* Waits for a datagram to the service manager that contains text. */
void world_await_notice (world_t *self, const char *text);
/* --init, then a start up to READY=1. */
void world_serve (world_t *self);
/* Waits until the daemon ends; its exit status, or minus the signal that killed it. */
int world_await_exit (world_t *self);
void world_signal (const world_t *self, int number);
/* True once the daemon's stderr contains text; waits for it. */
bool world_await_said (const world_t *self, const char *text);
/* Starts the daemon; it has to end with this status and to have said text. */
void world_expect_failure (world_t *self, const char *argument, int status, const char *text);

/* Somebody who talks to the daemon. */
typedef struct peer {
    txc_net_t *net;
    uint64_t route;
    txc_msg_t reply; /* the last one; what it borrowed is gone, but its error is in `error` */
    txc_error_t error;
    json_t *json; /* body of the last ADMIN_REPLY */
    txc_msg_type_t wanted;
    bool arrived;
} peer_t;

void peer_init (peer_t *self, const world_t *world);
void peer_fini (peer_t *self);

/* Waits for a message of this type. */
void peer_await (peer_t *self, txc_msg_type_t type);
/* Sends, and again every 300 ms, until a message of type wanted comes; that is in self->reply. */
void peer_call (peer_t *self, const txc_msg_t *message, txc_msg_type_t wanted);
void peer_send (peer_t *self, const txc_msg_t *message);
/* Asks as txctl does; the answer stays the peer's, until the next one. */
const json_t *peer_admin (peer_t *self, const char *request);

#endif
