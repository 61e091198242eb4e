/*
 * sim_client.h - an application process: the shell around txc_session and a workload.
 *
 * Each of its slots runs transactions one after the other: transfers between
 * accounts, spread over one to three resource managers, some of them reading
 * only; some are shared with another process, rolled back or abandoned.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "core/txc_session.h"
#include "sim.h"
#include "sim_truth.h"

enum { SIM_SLOTS = 2, SIM_PENDING_MAX = 512 };

/* An operation that has not completed. */
typedef struct sim_pending {
    uint64_t operation;
    txc_op_t op;
    uint32_t slot;      /* whose; SIM_SLOTS: the process itself */
    uint32_t statement; /* EXEC: index into the transaction's issued ones */
    txc_gtrid_t gtrid;
    uint64_t since;
} sim_pending_t;

typedef enum sim_slot_state {
    SIM_SLOT_IDLE, /* begins the next transaction when it is woken */
    SIM_SLOT_EXECUTING,
    SIM_SLOT_LENT, /* another process has the transaction */
    SIM_SLOT_ENDING,
    SIM_SLOT_ASKING, /* the outcome was unknown */
    SIM_SLOT_OVER
} sim_slot_state_t;

typedef struct sim_slot {
    sim_slot_state_t state;
    uint32_t left;       /* transactions still to come */
    uint32_t generation; /* of its transaction, so that late wake-ups are known */
    uint64_t tx;
    txc_gtrid_t gtrid;
    uint32_t n_statements, next; /* of the plan */
    struct {
        sim_statement_t statement;
        uint8_t rm;
    } plan[SIM_STATEMENTS_MAX];
    uint32_t waiting; /* operations of this slot that are out */
    bool failed, async, last_hint, decision_logged;
    bool borrowed;          /* it was lent: it may be late by now */
    bool shared;            /* lend it to another process in the middle */
    sim_client_t *guest_of; /* this slot works for a slot of another process */
    uint32_t host_slot, host_generation;
    uint64_t host_life;
    txc_blob_t *ticket;
    uint32_t asked;
    struct {
        bool wanted; /* its branch there is to be on a connection of the application's own */
        bool enlisted, begun, failed;
        uint64_t session;
    } own[SIM_RMS_MAX];
    uint32_t works;       /* pieces of work under way there, for the end */
    txc_op_t end_op;      /* COMMIT or ROLLBACK, */
    uint32_t end_timeout; /* asked again when they are done */
} sim_slot_t;

struct sim_client {
    sim_proc_t proc;
    txc_session_t *core;
    txc_session_config_t config;
    txc_update_t spare; /* an update's arrays, for the next step */
    uint64_t operations;
    bool open, closing, gone; /* gone: it will not come back */
    bool auditor;             /* asks for every outcome and does nothing else */
    uint32_t audits_left;
    sim_slot_t slots[SIM_SLOTS];
    sim_slot_t guest;
    uint32_t n_pending;
    sim_pending_t pending[SIM_PENDING_MAX];
};

void sim_client_new (sim_t *sim, uint32_t index, bool auditor);
void sim_client_destroy (sim_t *sim, uint32_t index);
void sim_client_start (sim_t *sim, sim_client_t *self);
void sim_client_crash (sim_t *sim, sim_client_t *self);
/* Settles a transaction that its session may not have come to yet, without the library, which would not. */
void sim_client_outrun (sim_t *sim, sim_client_t *self);
void sim_client_receive (sim_t *sim, sim_client_t *self, const txc_msg_t *message);

/* True when nothing is left to do for it. */
bool sim_client_is_over (const sim_client_t *self);

/* --- for the workload (sim_workload.c) */

/* Gives an operation to the session machine. */
void sim_client_do (sim_t *sim, sim_client_t *self, txc_session_event_t *event, uint32_t slot,
                    uint32_t statement, uint64_t *tx);
void sim_client_completed (sim_t *sim, sim_client_t *self, const sim_pending_t *pending,
                           const txc_completion_t *completion);
/* Begins what the process has to do once its session is open. */
void sim_client_opened (sim_t *sim, sim_client_t *self);
sim_slot_t *sim_client_slot (sim_client_t *self, uint32_t slot);
/* A statement ran on a connection of the application's own. */
void sim_client_ran (sim_t *sim, sim_client_t *self, uint32_t slot, uint32_t issued, bool ok);
/* The work on those connections is done: the end is asked for again. */
void sim_client_end_again (sim_t *sim, sim_client_t *self, uint32_t slot);

/* --- connections of the application's own (sim_owner.c) */

void sim_owner_exec (sim_t *sim, sim_client_t *self, uint32_t slot, sim_rm_t *rm, uint32_t issued);
/* Does what the session asks for. */
void sim_owner_work (sim_t *sim, sim_client_t *self, uint32_t slot);
/* Closes them: those of a slot's transaction, or all (NULL). */
void sim_owner_lose (sim_t *sim, const sim_client_t *self, const sim_slot_t *slot);

/* Its session is over: a new one, as a fresh process would. */
void sim_client_renew (sim_t *sim, sim_client_t *self);

#endif
