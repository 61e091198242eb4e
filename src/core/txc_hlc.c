#include "core/txc_hlc.h"

enum { COUNTER_BITS = 16, AHEAD_MS = 3600 * 1000 };

uint64_t txc_hlc_next (uint64_t clock, uint64_t wall_ms)
{
    uint64_t wall = wall_ms << COUNTER_BITS;
    return wall > clock ? wall : clock + 1;
}

uint64_t txc_hlc_seen (uint64_t clock, uint64_t stamp, uint64_t wall_ms)
{
    if (wall_ms && txc_hlc_ms (stamp) > wall_ms + AHEAD_MS)
        return clock;
    return stamp > clock ? stamp : clock;
}

uint64_t txc_hlc_ms (uint64_t stamp)
{
    return stamp >> COUNTER_BITS;
}
