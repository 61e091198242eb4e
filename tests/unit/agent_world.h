/*
 * agent_world.h - a real txagent over the in-memory resource manager, with the
 * test as its coordinator and its client.
 */
#ifndef AGENT_WORLD_H
#define AGENT_WORLD_H

#include <sys/types.h>

#include "net/txc_net.h"

enum { WORLD_CLUSTER = 0x7ab, WORLD_SESSION = 5, WORLD_WAIT_MS = 60000 };

/* What the coordinator decides in world_drive: whether it was told yes. */
typedef struct world {
    char folder[64];
    txc_net_t *net;
    pid_t pid;            /* of the agent; 0: it does not run */
    int status;           /* of waitpid, when it ended */
    uint64_t agent_route; /* where its hellos come from */
    uint64_t client_route;
    txc_rm_entry_t entry; /* of rm "mem1", as the agent last registered it */
    uint64_t
        ended; /* the incarnation of the agent that ran before: what is still under way of it is dropped */
    txc_epoch_t epoch;

    /* The latest message of each kind since world_forget. */
    txc_msg_t got[TXC_MSG_TYPES];
    uint32_t count[TXC_MSG_TYPES];
    txc_error_t error; /* of the last message that had one */
    char body[65536];  /* of the last message that had one */
    size_t body_size;

    char evidence[TXC_EVIDENCE_MAX + 1]; /* of the last yes vote; goes with every outcome */

    /* Automatic answers. */
    bool silent;     /* hellos are not answered */
    uint32_t leader; /* the replica that they are sent to; 0: this one leads */
    txc_member_t members[2];
    uint32_t n_members; /* of the group that it tells of; this one is number 1 */
    uint8_t outcome;    /* to votes, hellos and inquiries: 0: none, else TXC_MSG_PHASE2_COMMIT or _ROLLBACK */
} world_t;

/* extra: lines of the configuration's rm section, each with its indentation and "\n"; may be "". */
void world_open (world_t *self, const char *extra);
/* coordinator: the endpoint of another one, which the test plays itself. */
void world_open_group (world_t *self, const char *coordinator);
void world_close (world_t *self);

/* Starts the agent; crash_at may be NULL. */
void world_start (world_t *self, const char *crash_at);
void world_kill (world_t *self, int signal_number);

/* One round of messages.  False if the agent ended (its status is in self->status). */
bool world_turn (world_t *self);

/* Rounds until a message of this type has come; fails after a minute, or if the agent ends. */
const txc_msg_t *world_wait (world_t *self, txc_msg_type_t type);

/* Until the agent serves its RM and the client is connected to it; false if it ended. */
bool world_ready (world_t *self);
void world_forget (world_t *self);

/* The client's and the coordinator's messages; n names the transaction. */
txc_msg_t world_message (world_t *self, txc_msg_type_t type, uint64_t n, uint64_t token);
void world_exec (world_t *self, uint64_t n, uint64_t token, uint32_t seq, const char *sql);
/* The first statement of a transaction, said again while the agent is not ready; the reply. */
const txc_msg_t *world_begin (world_t *self, uint64_t n, const char *sql);
void world_to_client_side (world_t *self, const txc_msg_t *message);
void world_to_agent (world_t *self, const txc_msg_t *message);

/* The coordinator's decision, TXC_MSG_PHASE2_COMMIT or _ROLLBACK. */
void world_decide (world_t *self, txc_msg_type_t type, uint64_t n, uint64_t token);

/* An ADMIN command; its answer is in self->body. */
const char *world_admin (world_t *self, const char *json);

/* The value of a key in the RM, "" if there is none; runs a transaction of its own, numbered n. */
const char *world_value (world_t *self, uint64_t n, const char *key);

#endif
