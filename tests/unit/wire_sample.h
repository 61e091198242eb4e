/*
 * wire_sample.h - random messages, as their senders could have made them.
 */
#ifndef WIRE_SAMPLE_H
#define WIRE_SAMPLE_H

#include "core/txc_message.h"
#include "core/txc_record.h"

/* A message with everything that it borrows. */
typedef struct wire_sample {
    txc_msg_t message;
    txc_error_t error;
    txc_branch_ref_t branches[TXC_BRANCHES_MAX];
    txc_rm_entry_t entries[TXC_RMS_MAX];
    txc_member_t members[TXC_REPLICAS_MAX];
} wire_sample_t;

/* A random message of a type: the fields that its line in TXC_MESSAGE_MAP names have random values (at the
 * ends of their ranges more often than chance would have it), the others are zero. */
void wire_sample_fill (wire_sample_t *self, txc_msg_type_t type);
void wire_sample_fini (wire_sample_t *self);

/* Compares all fields and what they point to; stops the test if they differ. */
void wire_sample_assert_equal (const txc_msg_t *a, const txc_msg_t *b);

/* Random values of the parts that records have too; into zeroed memory, so that a test may compare padding
 * and all. */
void wire_sample_gtrid (txc_gtrid_t *gtrid);
void wire_sample_epoch (txc_epoch_t *epoch);
void wire_sample_branch (txc_branch_ref_t *branch);
void wire_sample_member (txc_member_t *member);
uint64_t wire_sample_u64 (void);
void wire_sample_name (char *name);             /* TXC_RM_NAME_MAX */
void wire_sample_text (char *text, size_t max); /* anything but NUL */
void wire_sample_printable (char *text, size_t max);

#endif
