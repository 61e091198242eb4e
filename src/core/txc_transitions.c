#include "core/txc_transitions.h"

#include "base/txc_assert.h"

void txc_transitions_check (const txc_transitions_t *self, unsigned from, unsigned to)
{
    TXC_ASSERT (from < self->n_states && to < self->n_states);
    TXC_INVARIANT (self->allowed[from][to]);
    (*self->reached)[from][to]++;
}
