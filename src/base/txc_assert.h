/*
 * txc_assert.h - assertions that stay on in release builds.
 *
 * TXC_ASSERT     a condition that the code relies on; a failure is a bug here.
 * TXC_INVARIANT  a protocol invariant (doc/protocols.md); a failure means that
 *                going on could tear a transaction, so the process stops.
 * TXC_NEVER      a place that cannot be reached.
 *
 * Conditions have no side effects.  What a peer, a file or a user can cause is
 * never asserted: it is an error with a code.
 */
#ifndef TXC_ASSERT_H
#define TXC_ASSERT_H

#include <stddef.h>
#include <stdint.h>

_Noreturn void txc_assert_failed (const char *kind, const char *what, const char *file, int line);

/* What runs instead of abort (), for tests that expect a failure; it must not return. */
typedef void (txc_assert_handler_t) (const char *message);
void txc_assert_set_handler (txc_assert_handler_t *handler);

#define TXC_ASSERT(condition)                                                                                \
    ((condition) ? (void) 0 : txc_assert_failed ("assertion", #condition, __FILE__, __LINE__))
#define TXC_INVARIANT(condition)                                                                             \
    ((condition) ? (void) 0 : txc_assert_failed ("invariant", #condition, __FILE__, __LINE__))
#define TXC_NEVER() txc_assert_failed ("never", "unreachable", __FILE__, __LINE__)

/* Every long-lived object begins with a magic number that names its type. */
#define TXC_MAGIC(object, number)   ((object)->magic = (number))
#define TXC_CHECK(object, number)   TXC_ASSERT ((object) != NULL && (object)->magic == (number))
#define TXC_UNMAGIC(object, number) (TXC_ASSERT ((object)->magic == (number)), (object)->magic = 0)

#endif
