/*
 * txc_update.h - what a step of a state machine asks its shell to do.
 *
 * The shell carries out an update in this order:
 *   1. entries that are not `forced` are handed to the log (or, for an agent's
 *      journal, written to the file without waiting for the disk);
 *   2. entries that are `forced` are handed to the log; their completion comes
 *      back as an event;
 *   3. work is started; messages are sent.
 * What rests on a durable entry is never in the same update: core gives it out
 * in the step that learns of the completion.
 *
 * An update owns its arrays and what its messages borrow (branches, entries,
 * errors, blobs); all of it is valid until txc_update_clear.
 */
#ifndef TXC_UPDATE_H
#define TXC_UPDATE_H

#include "core/txc_message.h"
#include "core/txc_record.h"
#include "core/txc_work.h"

/* What an entry of a replica's log says.  All of them together are the state of its acceptor. */
typedef enum txc_entry_form {
    TXC_ENTRY_ACCEPTED = 1, /* slot, epoch: the ballot, bytes: the value, accepted here */
    TXC_ENTRY_PROMISED,     /* epoch: no ballot below it is accepted here any more */
    TXC_ENTRY_LEARNED,      /* slot, bytes: the value, chosen elsewhere */
    TXC_ENTRY_CHOSEN,       /* slot: what was accepted or learned up to it is chosen (a hint, never forced) */
    TXC_ENTRY_DISK,         /* bytes: whose disk this is, and the first members; the first entry of a log */
    TXC_ENTRY_VOTED,        /* epoch: the ballot, bytes: the vote (TXC_REC_VOTE), taken here */
    TXC_ENTRY_FORMS
} txc_entry_form_t;

const char *txc_entry_form_name (txc_entry_form_t form);

/* An entry for the log, or of an agent's journal (there form and epoch are not used, and slot is the number).
 */
typedef struct txc_entry {
    uint64_t number; /* counts the entries of a life, from 1; their completion carries it back */
    uint64_t slot;
    txc_epoch_t epoch;
    uint8_t form; /* txc_entry_form_t */
    bool forced;  /* durable soon; otherwise with the next forced one, or when the shell has time */
    uint8_t kind; /* txc_rec_type_t or txc_journal_kind_t, for logs and crash points */
    uint32_t size;
    uint8_t *bytes; /* owned by the update */
} txc_entry_t;

/* An operation of the application that came to its end (the library's session machine only). */
typedef struct txc_completion {
    uint64_t operation; /* the caller's own number */
    int code;
    txc_error_t error;
    txc_blob_t *body; /* one reference, given to the shell; NULL if there is none */
} txc_completion_t;

typedef struct txc_update {
    txc_entry_t *entries;
    txc_msg_t *messages;
    txc_work_t *work;
    txc_completion_t *completions;
    uint32_t n_entries, n_messages, n_work, n_completions;
    uint32_t max_entries, max_messages, max_work, max_completions;
    uint64_t clock;  /* hybrid stamp (txc_hlc.h) of the messages that are added */
    bool checkpoint; /* a replica: take a snapshot (txc_replica_snapshot) as soon as the log can */
    void *arena;     /* what messages borrow */
} txc_update_t;

void txc_update_init (txc_update_t *self);

/* Empties it for the next step; keeps the arrays. */
void txc_update_clear (txc_update_t *self);
void txc_update_fini (txc_update_t *self);

/* A new zeroed message (work item, completion) at the end; valid until the next one of its kind is added. */
txc_msg_t *txc_update_message (txc_update_t *self, txc_msg_type_t type, uint64_t route);
txc_work_t *txc_update_work (txc_update_t *self, txc_work_op_t op);
txc_completion_t *txc_update_complete (txc_update_t *self, uint64_t operation, int code);
/* A new entry at the end, with a copy of the bytes.  Returns it: valid until the next one is added. */
txc_entry_t *txc_update_entry (txc_update_t *self, uint64_t number, bool forced, uint8_t kind,
                               const void *bytes, size_t size);

/* Memory that lives as long as the update's contents; zeroed. */
void *txc_update_alloc (txc_update_t *self, size_t size);

#endif
