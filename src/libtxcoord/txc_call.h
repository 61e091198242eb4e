/*
 * txc_call.h - one operation of the application on its way through the session.
 *
 * A call is begun under the engine's lock and completed by whichever thread
 * receives its answer.  One thread at most waits for it.  Calls that a thread
 * waits for at once lie on its stack; the others come from txc_call_new.
 */
#ifndef TXC_CALL_H
#define TXC_CALL_H

#include <semaphore.h>
#include <stdbool.h>

#include "base/txc_list.h"
#include "core/txc_update.h"

typedef enum txc_call_wait {
    TXC_CALL_IDLE,     /* no thread waits for it */
    TXC_CALL_LEADS,    /* its thread polls the sockets for everybody */
    TXC_CALL_FOLLOWS,  /* its thread sleeps on `wake` and is on the engine's list of followers */
    TXC_CALL_PROMOTED, /* its thread was woken to become the leader */
    TXC_CALL_RELEASED  /* its thread was woken because it is done */
} txc_call_wait_t;

typedef struct txc_call {
    unsigned magic;
    txc_call_wait_t wait;
    bool done;
    bool background;      /* no thread waits for it: the keeper polls while there is one under way */
    bool orphaned;        /* nobody has an interest in it any more: freed when it is done */
    int notify_fd;        /* an eventfd that becomes readable when it is done, -1: none; not owned */
    txc_list_t node;      /* on the crew's followers, wake-ups or orphans */
    txc_list_t completed; /* on the pump's list of calls that are done and still to be told */
    txc_list_t owner;     /* on the transaction's list of statements under way */
    sem_t wake;
    int code; /* these three are valid once done */
    txc_error_t error;
    txc_blob_t *body; /* owned */
} txc_call_t;

void txc_call_init (txc_call_t *self);
void txc_call_fini (txc_call_t *self);

txc_call_t *txc_call_new (void);
void txc_call_destroy (txc_call_t **self_p);

/* Gives the body to the caller. */
txc_blob_t *txc_call_take_body (txc_call_t *self);

#endif
