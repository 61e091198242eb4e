/*
 * txc_mutant.h - rules that the simulator's tests can switch off.
 *
 * TXC_MUTANT (NAME) is the constant 0 in every build of the product.  The
 * simulator builds this folder a second time with TXC_MUTANTS defined; there
 * it is true while that mutant is chosen, so that a test can show that the
 * simulator notices when the rule at that place is missing.
 */
#ifndef TXC_MUTANT_H
#define TXC_MUTANT_H

#ifdef TXC_MUTANTS

/* clang-format off */
#define TXC_MUTANT_MAP(X)                                                                                           \
    X (LISTED_IS_DONE, "phase 2 that was refused although the branch is listed counts as done")                     \
    X (NO_FENCE, "a lost session is not ended before its branch is looked up")                                      \
    X (NO_FENCE_AT_START, "sessions of an earlier incarnation are not ended before the first scan")                 \
    X (SCAN_OTHER_RM, "a scan takes branches of other resource managers on the same server")
/* clang-format on */

#define TXC_MUTANT_ENUM(name, text) TXC_MUTANT_##name,
enum { TXC_MUTANT_NONE, TXC_MUTANT_MAP (TXC_MUTANT_ENUM) TXC_MUTANT_COUNT };
#undef TXC_MUTANT_ENUM

extern int txc_mutant; /* the one that is chosen */
#define TXC_MUTANT(name) (txc_mutant == TXC_MUTANT_##name)

#else
#define TXC_MUTANT(name) 0
#endif

#endif
