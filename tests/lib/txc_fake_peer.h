/*
 * txc_fake_peer.h - a coordinator and an agent in one thread, for tests of the library.
 *
 * It answers every request at once, as if all went well, on one socket.  The
 * resource managers "a" and "b" are its own.  What a statement says, it does:
 *
 *   FAIL CODE SQLSTATE NATIVE   the statement fails like that ("FAIL -9 40001 0")
 *   SILENT                      the statement is never answered
 *   anything else               one row with the column "sql", the statement itself
 */
#ifndef TXC_FAKE_PEER_H
#define TXC_FAKE_PEER_H

#include <stdbool.h>

#include "core/txc_message.h"

typedef struct txc_fake_peer txc_fake_peer_t;

/* What it counts. */
typedef struct txc_fake_counts {
    unsigned opened, closed, keepalives; /* sessions */
    unsigned statements, commits, one_phase, rollbacks, queries;
    unsigned redirected; /* requests to the leader that this one sent elsewhere */
    unsigned admin;      /* operators' commands */
    uint64_t frames;     /* received */
} txc_fake_counts_t;

/* Listens at endpoint, "ipc://..." */
txc_fake_peer_t *txc_fake_peer_new (const char *endpoint);
void txc_fake_peer_destroy (txc_fake_peer_t **self_p);

void txc_fake_peer_counts (txc_fake_peer_t *self, txc_fake_counts_t *counts);

/* What a commit (COMMIT, or of one branch) and a question for an outcome come to; TXC_PENDING: no answer at
 * all. */
void txc_fake_peer_set_outcome (txc_fake_peer_t *self, int code, const char *text);

/* No message of any kind is answered. */
void txc_fake_peer_set_silent (txc_fake_peer_t *self, bool silent);

/* It is a replica of a group of n, who listen at endpoints; the first is number 1.  leader is the number of
 * the one that leads, 0: none that it knows of.  It says so to whoever asks, unless its own is the leader's.
 */
void txc_fake_peer_set_group (txc_fake_peer_t *self, uint32_t leader, const char *const *endpoints,
                              uint32_t n);

/* What operators are answered, whatever they ask; NULL: nothing.  Valid as long as the peer. */
void txc_fake_peer_set_admin (txc_fake_peer_t *self, const char *json);

/* Every session opened so far is closed for its owner. */
void txc_fake_peer_close_sessions (txc_fake_peer_t *self);

#endif
