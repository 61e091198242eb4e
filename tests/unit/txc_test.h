/*
 * txc_test.h - what every unit test includes first.
 *
 * Random inputs are drawn from a seed that is fixed, or given by
 * TXC_TEST_SEED, so that a failure repeats.
 */
#ifndef TXC_TEST_H
#define TXC_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/txc_id.h"

static uint64_t txc_test_seed;

static inline uint64_t txc_test_random (void)
{
    if (txc_test_seed == 0) {
        const char *seed = getenv ("TXC_TEST_SEED");
        txc_test_seed = seed ? strtoull (seed, NULL, 0) : 0x7c0;
    }
    return txc_random_next (&txc_test_seed);
}

/* A number below bound. */
static inline uint32_t txc_test_below (uint32_t bound)
{
    return (uint32_t) (txc_test_random() % bound);
}

#endif
