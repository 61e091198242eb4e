/*
 * txc_codes.h - results and errors of txcoord, one list with their texts.
 *
 * Zero is success, a positive value is the outcome of a transaction that is
 * not plainly "committed", a negative value is an error.  The numbers are part
 * of the wire protocol and of the ABI: add at the end, never renumber.
 */
#ifndef TXC_CODES_H
#define TXC_CODES_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default)
#endif

/* clang-format off */
#define TXC_CODE_MAP(X)                                                                              \
    X (TXC_OK, 0, "success")                                                                         \
    X (TXC_ROLLED_BACK, 1, "the transaction was rolled back")                                        \
    X (TXC_MIXED, 2, "heuristic: some branches were committed and some rolled back")                 \
    X (TXC_HAZARD, 3, "heuristic: some branches may not have ended as decided")                      \
    X (TXC_UNKNOWN, 4, "the outcome is not known yet; ask again with txc_outcome")                   \
    X (TXC_PENDING, 5, "the operation is still under way")                                           \
    X (TXC_FORGOTTEN, 6, "the outcome is older than the horizon and no longer on record")            \
    X (TXC_READ_ONLY, 7, "the branch wrote nothing and was ended")                                   \
    X (TXC_EINVAL, -1, "an argument is not valid")                                                   \
    X (TXC_ENOMEM, -2, "out of memory")                                                              \
    X (TXC_ETIMEDOUT, -3, "the time-out passed")                                                     \
    X (TXC_ECONN, -4, "no connection to the peer")                                                   \
    X (TXC_ENOTA, -5, "no such branch or transaction (XAER_NOTA)")                                   \
    X (TXC_EPROTO, -6, "called out of order (XAER_PROTO)")                                           \
    X (TXC_EOVERLOAD, -7, "overloaded: the request was refused; try again later")                    \
    X (TXC_ELIMIT, -8, "a limit was reached")                                                        \
    X (TXC_ERM, -9, "the resource manager refused the statement")                                    \
    X (TXC_EBRANCH, -10, "the branch can only be rolled back")                                       \
    X (TXC_ENORM, -11, "no such resource manager")                                                   \
    X (TXC_ERMFAIL, -12, "the resource manager is not available (XAER_RMFAIL)")                      \
    X (TXC_ESESSION, -13, "the session was closed")                                                  \
    X (TXC_EATTACHED, -14, "another process is still attached to the transaction")                   \
    X (TXC_EREFUSED, -15, "the statement would end or escape the branch")                            \
    X (TXC_ENOSPACE, -16, "the log has no space left")                                               \
    X (TXC_ESTALE, -17, "the sender's epoch is older than one already seen")                         \
    X (TXC_ENOTLEADER, -18, "this replica does not lead")                                            \
    X (TXC_ECORRUPT, -19, "damaged data")                                                            \
    X (TXC_EIO, -20, "an input/output error")                                                        \
    X (TXC_ELOCKED, -21, "in use by another process")                                                \
    X (TXC_ECONFIG, -22, "the configuration is not valid")                                           \
    X (TXC_EFORKED, -23, "the object belongs to the parent process")                                 \
    X (TXC_EVERSION, -24, "the version is not supported")                                            \
    X (TXC_ECANCELED, -25, "canceled")                                                               \
    X (TXC_ELOGLOSS, -26, "the coordinator's log is older than what this agent has seen")            \
    X (TXC_ENOTREADY, -27, "not ready yet: recovery is under way")                                   \
    X (TXC_EFOREIGN, -28, "the branch or transaction belongs to another cluster")                    \
    X (TXC_ECOUNT, -29, "a statement of the branch was lost")                                        \
    X (TXC_EPERM, -30, "permission denied")                                                          \
    X (TXC_EMODE, -31, "transactions are not ended in that mode here")
/* clang-format on */

#define TXC_CODE_ENUM(name, value, text) name = (value),
typedef enum txc_code { TXC_CODE_MAP (TXC_CODE_ENUM) TXC_CODE_LAST_ = -1000 } txc_code_t;
#undef TXC_CODE_ENUM

/* The text of a code; never NULL.  The string is static. */
const char *txc_strerror (int code);

/* The name of a code, "TXC_ETIMEDOUT"; never NULL.  The string is static. */
const char *txc_code_name (int code);

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
