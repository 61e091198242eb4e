/*
 * txc_frame.h - wire frames: messages of the protocols as bytes.
 *
 * A frame is one encoded `Frame` of txcoord.proto: the messages that leave for
 * one peer together.  What a peer sends is checked wholly before any of it is
 * acted upon, and with memory in proportion to its size.
 *
 * Threads: a frame or a reader by one thread at a time.
 */
#ifndef TXC_FRAME_H
#define TXC_FRAME_H

#include <stddef.h>

#include "core/txc_message.h"

enum {
    TXC_FRAME_MESSAGES_MAX = 1024, /* messages of one frame */
    TXC_FRAME_BATCH_MAX = 1 << 20, /* bytes of a frame of two or more messages */
    TXC_BODY_MAX =
        TXC_FRAME_MAX - 8192 /* bytes of a message's body: a frame takes it with all that may lie around it */
};

/* --- writing ------------------------------------------------------------- */

typedef struct txc_frame txc_frame_t;

txc_frame_t *txc_frame_new (void);
void txc_frame_destroy (txc_frame_t **self_p);

/* Encodes a message behind those that are there; borrows it during the call only.  `route` does not travel.
 * TXC_ELIMIT: the frame has no room for it (send the frame, reset it, add again), or, if the frame is empty,
 * no frame ever has.  TXC_EINVAL: a field is not as txc_frame_read demands it; a name or a text, say.
 * TXC_ENOMEM.  After an error the frame is as before. */
int txc_frame_add (txc_frame_t *self, const txc_msg_t *message);

/* How many messages it holds. */
size_t txc_frame_count (const txc_frame_t *self);

/* The bytes to send; valid until the next add, reset or destroy. */
const void *txc_frame_data (txc_frame_t *self, size_t *size);

/* Empties it, for the next one; keeps moderate memory. */
void txc_frame_reset (txc_frame_t *self);

/* --- reading ------------------------------------------------------------- */

/* Memory that is used again from frame to frame. */
typedef struct txc_frame_reader txc_frame_reader_t;

txc_frame_reader_t *txc_frame_reader_new (void);
void txc_frame_reader_destroy (txc_frame_reader_t **self_p);

/* Called with each message in turn.  The message and all it borrows are valid during the call; who keeps its
 * body takes a reference.  It does not read with the same reader. */
typedef void (txc_frame_visit_fn) (void *arg, const txc_msg_t *message);

/* Checks all messages of a frame, then visits them in order.  TXC_OK; or, with none of them visited,
 * TXC_EPROTO: not well formed, or a field out of its bounds; TXC_EVERSION: of a version that is not read
 * (base/txc_version.h); TXC_ELIMIT: too large, or not to be had within the frame's allowance of memory.
 * TXC_ENOMEM: no memory for a body; the messages from that one on were not visited (as if lost on the way).
 */
int txc_frame_reader_read (txc_frame_reader_t *self, const void *bytes, size_t size,
                           txc_frame_visit_fn *visit, void *arg);

/* The same, with a reader of its own for this one frame: for tools and tests. */
int txc_frame_read (const void *bytes, size_t size, txc_frame_visit_fn *visit, void *arg);

#endif
