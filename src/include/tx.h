/*
 * tx.h - X/Open Distributed Transaction Processing: the TX (Transaction
 * Demarcation) interface, as the CAE specification C504 defines it.
 *
 * Names, types and values are the specification's, so that a program written
 * for any transaction manager compiles unchanged:
 *
 *     cc program.c $(pkg-config --cflags --libs libtxcoord-tx)
 *
 * Every function works on the calling thread of control.  What such a program
 * gets from txcoord beside it is in txcoord/txc_xopen.h; manual pages: tx_open(3)
 * and so on.
 */
#ifndef TX_H
#define TX_H
#define TX_H_VERSION 0

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

/* --- transaction identifiers ------------------------------------------------- */

#define XIDDATASIZE 128 /* bytes */

#ifndef XID_T_TYPE /* an xa.h may have it already */
#define XID_T_TYPE
struct xid_t {
    long formatID;     /* NULLXID: this is none */
    long gtrid_length; /* 1 to 64 */
    long bqual_length; /* 1 to 64 */
    char data[XIDDATASIZE];
};
typedef struct xid_t XID;
#endif

#ifndef NULLXID
#define NULLXID (-1)
#endif

/* --- characteristics ------------------------------------------------------------ */

typedef long COMMIT_RETURN;
#define TX_COMMIT_COMPLETED       0
#define TX_COMMIT_DECISION_LOGGED 1

typedef long TRANSACTION_CONTROL;
#define TX_UNCHAINED 0
#define TX_CHAINED   1

typedef long TRANSACTION_TIMEOUT; /* seconds; 0: none */

typedef long TRANSACTION_STATE;
#define TX_ACTIVE                0
#define TX_TIMEOUT_ROLLBACK_ONLY 1
#define TX_ROLLBACK_ONLY         2

struct tx_info_t {
    XID xid;
    COMMIT_RETURN when_return;
    TRANSACTION_CONTROL transaction_control;
    TRANSACTION_TIMEOUT transaction_timeout;
    TRANSACTION_STATE transaction_state;
};
typedef struct tx_info_t TXINFO;

/* --- return codes ------------------------------------------------------------------ */

#define TX_NOT_SUPPORTED  1    /* the option is not supported */
#define TX_OK             0    /* normal execution */
#define TX_OUTSIDE        (-1) /* the thread is in a local transaction of a resource manager */
#define TX_ROLLBACK       (-2) /* the transaction was rolled back */
#define TX_MIXED          (-3) /* partly committed, partly rolled back */
#define TX_HAZARD         (-4) /* may have been partly committed, partly rolled back */
#define TX_PROTOCOL_ERROR (-5) /* called in an improper context */
#define TX_ERROR          (-6) /* a transient error */
#define TX_FAIL           (-7) /* a fatal error */
#define TX_EINVAL         (-8) /* an argument is not valid */
#define TX_COMMITTED      (-9) /* what was to be rolled back has been committed */
/* The same, and the new transaction of a chain could not begin. */
#define TX_NO_BEGIN           (-100)
#define TX_ROLLBACK_NO_BEGIN  (TX_ROLLBACK + TX_NO_BEGIN)
#define TX_MIXED_NO_BEGIN     (TX_MIXED + TX_NO_BEGIN)
#define TX_HAZARD_NO_BEGIN    (TX_HAZARD + TX_NO_BEGIN)
#define TX_COMMITTED_NO_BEGIN (TX_COMMITTED + TX_NO_BEGIN)

/* --- functions ---------------------------------------------------------------------- */

extern int tx_begin (void);        /* begins a transaction */
extern int tx_close (void);        /* the end of what tx_open began */
extern int tx_commit (void);       /* commits the transaction */
extern int tx_info (TXINFO *info); /* 1: in a transaction, 0: not; info may be NULL */
extern int tx_open (void);         /* comes before all else, in each thread */
extern int tx_rollback (void);     /* rolls the transaction back */
extern int tx_set_commit_return (COMMIT_RETURN when_return);         /* when tx_commit returns */
extern int tx_set_transaction_control (TRANSACTION_CONTROL control); /* whether an end begins the next */
extern int tx_set_transaction_timeout (TRANSACTION_TIMEOUT timeout); /* of those that begin from now on */

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
