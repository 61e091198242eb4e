/*
 * tx_world.h - programs of tx.h with a client library that does what it is told, so that every result that it
 * can give comes up.
 */
#ifndef TX_WORLD_H
#define TX_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <tx.h>

#include <txcoord/txcoord.h>

struct xa_switch_t;
struct txc_tx {
    bool spoiled;
    txc_error_info_t error;
    char gtrid[40];
};

/* What the library's functions give. */
typedef struct tx_world_script {
    int connect, begin, commit, rollback, outcome;
} tx_world_script_t;
extern tx_world_script_t tx_script;

/* What they were called with. */
typedef struct tx_world_seen {
    unsigned clients, transactions; /* alive */
    unsigned begun;
    uint32_t timeout_ms;
    txc_commit_return_t commit_return;
    uint32_t commit_wait_ms;
} tx_world_seen_t;
extern tx_world_seen_t tx_seen;

/* The one XA switch that there is. */
typedef struct tx_world_xa {
    const struct xa_switch_t *xa; /* NULL: there is none */
    int enlist;                   /* what txc_enlist_xa gives; TXC_ERMFAIL: once */
    int rmid;                     /* that it is called with */
    unsigned enlisted;
} tx_world_xa_t;
extern tx_world_xa_t tx_xa;

/* A configuration file, and the environment that names it. */
#define TX_WORLD_CONFIG                                                                                      \
    "coordinator = \"ipc:///test\"\nisolation = serializable\nconnect_timeout = 700ms\noutcome_wait = "      \
    "20ms\n"
extern char tx_world_file[64];
void tx_world_begin (void);
void tx_world_configure (const char *text);
void tx_world_end (void);

/* The calling thread's state, 0 to 4, as the interface alone tells it. */
int tx_world_state (void);

/* Everything that the library is asked for succeeds. */
void tx_world_all_well (void);

/* Brings the thread into a state, from whatever other. */
void tx_world_reach (int state);

#endif
