/*
 * xa_code.h - what each return code of each XA function means here; pure.
 *
 * The table is chapter 5 of the XA specification (C193), read with one rule: a
 * code is an outcome only where the specification says that it is one.  What
 * it does not allow for a function (a vendor's mistake) proves nothing.
 */
#ifndef XA_CODE_H
#define XA_CODE_H

#include <txcoord/txc_rm.h>

typedef enum xa_function {
    XA_FN_OPEN,
    XA_FN_START,
    XA_FN_END,
    XA_FN_PREPARE,
    XA_FN_COMMIT,
    XA_FN_COMMIT_ONE_PHASE, /* xa_commit with TMONEPHASE */
    XA_FN_ROLLBACK,
    XA_FN_RECOVER,
    XA_FN_FORGET,
    XA_FNS
} xa_function_t;

/* The meaning of rc; *heuristic takes XA_HEUR* with TXC_RM_HEURISTIC, else 0.  xa_recover's counts are
 * success. */
txc_rm_status_t xa_code_meaning (xa_function_t function, int rc, int *heuristic);

/* "XAER_RMFAIL"; "unknown" for what the specification does not have.  Static. */
const char *xa_code_name (int rc);

/* "xa_commit".  Static. */
const char *xa_function_name (xa_function_t function);

#endif
