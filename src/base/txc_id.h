/*
 * txc_id.h - identities: transactions, branches, epochs.
 *
 * A gtrid is printed as  txc-<cluster>.<session>.<n><mode>  with <cluster> in
 * 16 hexadecimal digits, <session> and <n> in hexadecimal without leading
 * zeros: at most 55 bytes.  A bqual is <rm>.<token>, the token in 16 digits.
 * There is exactly one spelling of each; any other is foreign.
 */
#ifndef TXC_ID_H
#define TXC_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/txc_limits.h"

/* The protocol that ends the transaction: part of the gtrid, since recovery differs.  The letters follow one
 * another, which is how the wire checks them. */
typedef enum txc_mode {
    TXC_MODE_2PC = 'p',  /* two-phase commit with presumed abort */
    TXC_MODE_3PC = 'q',  /* three-phase commit, ended by a quorum of its members */
    TXC_MODE_PAXOS = 'r' /* Paxos Commit: the votes themselves are replicated */
} txc_mode_t;

/* A global transaction id.  All zero is "none". */
typedef struct txc_gtrid {
    uint64_t cluster; /* random, drawn when the group is formatted */
    uint64_t session; /* slot of the session's SessionOpen record, never 0 */
    uint64_t n;       /* counted by the library within its session, from 1 */
    uint8_t mode;     /* txc_mode_t */
} txc_gtrid_t;

/* The full ballot under which a leader leads.  (0, 0) is "none". */
typedef struct txc_epoch {
    uint64_t round;
    uint32_t replica;
} txc_epoch_t;

/* Rounds are counted up from 1, by 65536 at most: nobody of ours comes that far. */
#define TXC_ROUND_MAX (UINT64_C (1) << 62)

bool txc_gtrid_equal (const txc_gtrid_t *a, const txc_gtrid_t *b);
bool txc_gtrid_is_none (const txc_gtrid_t *gtrid);
uint64_t txc_gtrid_hash (const txc_gtrid_t *gtrid);

/* "2pc", "3pc" or "paxos"; "?" for anything else.  The string is static. */
const char *txc_mode_name (unsigned mode);

/* The mode of that name; 0: there is none.  NULL is the default, 2pc. */
unsigned txc_mode_of_name (const char *name);

/* Whether this version ends transactions of that mode: begin refuses all others (TXC_EMODE). */
bool txc_mode_is_served (unsigned mode);

/* Prints a gtrid; text has room for TXC_GTRID_MAX + 1 bytes.  Returns text. */
char *txc_gtrid_format (const txc_gtrid_t *gtrid, char *text);

/* Reads exactly what txc_gtrid_format prints.  False if it is anything else. */
bool txc_gtrid_parse (const char *text, size_t size, txc_gtrid_t *gtrid);

/* Prints rm "." token; text has room for TXC_BQUAL_MAX + 1 bytes.  Returns text. */
char *txc_bqual_format (const char *rm, uint64_t token, char *text);

/* Reads what txc_bqual_format prints; rm has room for TXC_RM_NAME_MAX + 1 bytes. */
bool txc_bqual_parse (const char *text, size_t size, char *rm, uint64_t *token);

/* True for 1 to TXC_RM_NAME_MAX of [a-z0-9_-]. */
bool txc_name_is_valid (const char *name);

/* -1, 0, 1: by round, then by replica. */
int txc_epoch_compare (txc_epoch_t a, txc_epoch_t b);

/* splitmix64: a bijection of 64 bits; the source of every drawn number in core (seeded by the shell). */
uint64_t txc_mix64 (uint64_t x);
uint64_t txc_random_next (uint64_t *state);

/* The running digest of applied values: FNV-1a over 64 bits, begun at the previous digest. */
uint64_t txc_digest64 (uint64_t digest, const void *data, size_t size);

#endif
