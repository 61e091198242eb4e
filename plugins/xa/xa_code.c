#include "config.h"

#include "xa_code.h"

#include <xa.h>

const char *xa_function_name (xa_function_t function)
{
    static const char *const names[XA_FNS] = {"xa_open",     "xa_start",   "xa_end",
                                              "xa_prepare",  "xa_commit",  "xa_commit",
                                              "xa_rollback", "xa_recover", "xa_forget"};
    return (unsigned) function < XA_FNS ? names[function] : "?";
}

const char *xa_code_name (int rc)
{
    static const struct {
        int rc;
        const char *name;
    } codes[] = {
        {XA_OK, "XA_OK"},
        {XA_RDONLY, "XA_RDONLY"},
        {XA_RETRY, "XA_RETRY"},
        {XA_HEURMIX, "XA_HEURMIX"},
        {XA_HEURRB, "XA_HEURRB"},
        {XA_HEURCOM, "XA_HEURCOM"},
        {XA_HEURHAZ, "XA_HEURHAZ"},
        {XA_NOMIGRATE, "XA_NOMIGRATE"},
        {XA_RBROLLBACK, "XA_RBROLLBACK"},
        {XA_RBCOMMFAIL, "XA_RBCOMMFAIL"},
        {XA_RBDEADLOCK, "XA_RBDEADLOCK"},
        {XA_RBINTEGRITY, "XA_RBINTEGRITY"},
        {XA_RBOTHER, "XA_RBOTHER"},
        {XA_RBPROTO, "XA_RBPROTO"},
        {XA_RBTIMEOUT, "XA_RBTIMEOUT"},
        {XA_RBTRANSIENT, "XA_RBTRANSIENT"},
        {XAER_ASYNC, "XAER_ASYNC"},
        {XAER_RMERR, "XAER_RMERR"},
        {XAER_NOTA, "XAER_NOTA"},
        {XAER_INVAL, "XAER_INVAL"},
        {XAER_PROTO, "XAER_PROTO"},
        {XAER_RMFAIL, "XAER_RMFAIL"},
        {XAER_DUPID, "XAER_DUPID"},
        {XAER_OUTSIDE, "XAER_OUTSIDE"},
    };
    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].rc == rc)
            return codes[i].name;
    return "unknown";
}

static int s_is_rollback (int rc)
{
    return rc >= XA_RBBASE && rc <= XA_RBEND;
}

static int s_is_heuristic (int rc)
{
    return rc >= XA_HEURMIX && rc <= XA_HEURHAZ;
}

/* A branch that is not prepared yet.  Whatever went wrong, only rollback is left; that it has happened is
 * said by XA_RB* alone. */
static txc_rm_status_t s_active (int rc)
{
    if (rc == XA_OK)
        return TXC_RM_OK;
    if (s_is_rollback (rc))
        return TXC_RM_ROLLED_BACK;
    return rc == XAER_RMFAIL ? TXC_RM_LOST : rc == XA_RETRY ? TXC_RM_RETRY : TXC_RM_ERROR;
}

static txc_rm_status_t s_prepare (int rc)
{
    if (rc == XA_RDONLY)
        return TXC_RM_READ_ONLY;
    txc_rm_status_t status = s_active (rc);
    /* XAER_RMERR and the like: refused, but nothing says that it is not prepared: no vote that is final. */
    return status == TXC_RM_ERROR || status == TXC_RM_RETRY ? TXC_RM_LOST : status;
}

/* XAER_RMERR: "the branch's work has been rolled back", which is what a heuristic rollback is. */
static txc_rm_status_t s_commit (int rc, int *heuristic)
{
    if (rc == XA_OK)
        return TXC_RM_OK;
    if (rc == XAER_NOTA)
        return TXC_RM_ABSENT;
    if (rc == XAER_RMFAIL)
        return TXC_RM_LOST;
    if (!s_is_heuristic (rc) && rc != XAER_RMERR)
        return TXC_RM_RETRY;
    *heuristic = rc == XAER_RMERR ? XA_HEURRB : rc;
    return TXC_RM_HEURISTIC;
}

static txc_rm_status_t s_commit_one_phase (int rc, int *heuristic)
{
    if (s_is_rollback (rc) || rc == XAER_RMERR)
        return TXC_RM_ROLLED_BACK;
    txc_rm_status_t status = s_commit (rc, heuristic);
    /* Not known, and there is no second try: the branch may have been committed. */
    return status == TXC_RM_RETRY || status == TXC_RM_ABSENT ? TXC_RM_LOST : status;
}

/* XA_RB*: rolled back, as was to be.  XAER_RMERR does not say so. */
static txc_rm_status_t s_rollback (int rc, int *heuristic)
{
    if (s_is_rollback (rc))
        return TXC_RM_OK;
    return rc == XAER_RMERR ? TXC_RM_RETRY : s_commit (rc, heuristic);
}

txc_rm_status_t xa_code_meaning (xa_function_t function, int rc, int *heuristic)
{
    *heuristic = 0;
    switch (function) {
    case XA_FN_OPEN:
        return rc == XA_OK ? TXC_RM_OK : TXC_RM_LOST;
    case XA_FN_START:
    case XA_FN_END:
        return s_active (rc);
    case XA_FN_PREPARE:
        return s_prepare (rc);
    case XA_FN_COMMIT:
        return s_commit (rc, heuristic);
    case XA_FN_COMMIT_ONE_PHASE:
        return s_commit_one_phase (rc, heuristic);
    case XA_FN_ROLLBACK:
        return s_rollback (rc, heuristic);
    case XA_FN_RECOVER:
        return rc >= 0 ? TXC_RM_OK : TXC_RM_LOST;
    case XA_FN_FORGET:
        return rc == XA_OK || rc == XAER_NOTA ? TXC_RM_OK : rc == XAER_RMFAIL ? TXC_RM_LOST : TXC_RM_RETRY;
    case XA_FNS:
        break;
    }
    return TXC_RM_LOST;
}
