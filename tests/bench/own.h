/* own.h - a benchmark client's own connections to both databases, which it enlists. */
#ifndef BENCH_OWN_H
#define BENCH_OWN_H

#include <stdbool.h>

#include <txcoord/txcoord.h>

typedef struct own own_t;

/* Connects as BENCH_PG (a conninfo) and BENCH_MY (a socket) with BENCH_MY_USER say; NULL on failure. */
own_t *own_new (void);
void own_destroy (own_t **self_p);

/* One UPDATE on each side, as naive_2pc does it. */
bool own_transfer (own_t *self, txc_tx_t *tx, int amount, unsigned from, unsigned to);

#endif
