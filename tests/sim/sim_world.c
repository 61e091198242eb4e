/* Virtual time: the queue of events, chance, processes. */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "sim_trace.h"
#include "sim_world.h"

#define FAULT_NAME(name, rate, text) #name,
#define FAULT_TEXT(name, rate, text) text,

const char *sim_fault_name (sim_fault_t fault)
{
    static const char *const names[] = {SIM_FAULT_MAP (FAULT_NAME)};
    return names[fault];
}

const char *sim_fault_text (sim_fault_t fault)
{
    static const char *const texts[] = {SIM_FAULT_MAP (FAULT_TEXT)};
    return texts[fault];
}

/* --- chance --------------------------------------------------------------- */

uint64_t sim_random (sim_t *sim)
{
    return txc_random_next (&sim->random);
}

uint32_t sim_below (sim_t *sim, uint32_t n)
{
    TXC_ASSERT (n > 0);
    return (uint32_t) (sim_random (sim) % n);
}

uint64_t sim_between (sim_t *sim, uint64_t from, uint64_t to)
{
    TXC_ASSERT (from <= to);
    return from + sim_random (sim) % (to - from + 1);
}

bool sim_percent (sim_t *sim, uint32_t percent)
{
    return sim_below (sim, 100) < percent;
}

bool sim_strikes (sim_t *sim, sim_fault_t fault)
{
    if (sim->healed || !sim->rate[fault] || sim_below (sim, 1000000) >= sim->rate[fault])
        return false;
    sim_count (sim, fault);
    return true;
}

void sim_count (sim_t *sim, sim_fault_t fault)
{
    sim->stats->faults[fault]++;
}

/* --- the queue ------------------------------------------------------------- */

static bool s_before (const sim_event_t *a, const sim_event_t *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void s_push (sim_t *sim, sim_event_t *event)
{
    if (sim->n_heap == sim->max_heap) {
        sim->max_heap = sim->max_heap ? sim->max_heap * 2 : 256;
        sim->heap = txc_realloc (sim->heap, sim->max_heap * sizeof (sim_event_t *));
    }
    size_t i = sim->n_heap++;
    while (i && s_before (event, sim->heap[(i - 1) / 2])) {
        sim->heap[i] = sim->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    sim->heap[i] = event;
}

static sim_event_t *s_pop (sim_t *sim)
{
    if (!sim->n_heap)
        return NULL;
    sim_event_t *top = sim->heap[0], *last = sim->heap[--sim->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= sim->n_heap)
            break;
        if (child + 1 < sim->n_heap && s_before (sim->heap[child + 1], sim->heap[child]))
            child++;
        if (!s_before (sim->heap[child], last))
            break;
        sim->heap[i] = sim->heap[child];
        i = child;
    }
    sim->heap[i] = last;
    return top;
}

sim_event_t *sim_after (sim_t *sim, uint64_t delay_us, sim_proc_t *owner, uint64_t life,
                        void (*run) (sim_t *sim, sim_event_t *event))
{
    sim_event_t *event = txc_calloc (1, sizeof *event);
    event->at = sim->now + delay_us;
    event->order = sim->order++;
    event->owner = owner;
    event->life = life;
    event->run = run;
    s_push (sim, event);
    return event;
}

static void s_event_destroy (sim_event_t *event)
{
    if (event->drop)
        event->drop (event);
    free (event);
}

bool sim_world_step (sim_t *sim)
{
    sim_event_t *event = s_pop (sim);
    if (!event)
        return false;
    TXC_ASSERT (event->at >= sim->now);
    sim->now = event->at;
    sim_proc_t *owner = event->owner;
    if (owner && event->life && (!owner->up || owner->life != event->life)) {
        s_event_destroy (event);
        return true;
    }
    if (owner && event->life && sim_proc_stopped (sim, owner)) {
        /* It comes to it when it wakes up, perhaps after what the network holds for it. */
        event->at = sim->now + sim_proc_stopped (sim, owner) + sim_below (sim, 100);
        s_push (sim, event);
        return true;
    }
    sim->stats->steps++;
    event->run (sim, event);
    s_event_destroy (event);
    return true;
}

void sim_world_fini (sim_t *sim)
{
    for (sim_event_t *event; (event = s_pop (sim)) != NULL;)
        s_event_destroy (event);
    free (sim->heap);
    sim->heap = NULL;
}

/* --- processes ---------------------------------------------------------------- */

uint64_t sim_proc_stopped (const sim_t *sim, const sim_proc_t *proc)
{
    if (!proc->up || proc->paused_until <= sim->now)
        return 0;
    uint64_t left = proc->paused_until - sim->now;
    return left < 300 * SIM_MS ? left : 300 * SIM_MS; /* healing may wake it up earlier */
}

uint64_t sim_proc_ms (const sim_t *sim, const sim_proc_t *proc)
{
    uint64_t drifted = sim->now - proc->drift_since;
    return (uint64_t) ((int64_t) (sim->now + proc->clock_ms * SIM_MS) +
                       (int64_t) drifted * proc->drift / 1000) /
           SIM_MS;
}

void sim_proc_tick_at (sim_t *sim, sim_proc_t *proc, uint64_t at_ms,
                       void (*run) (sim_t *sim, sim_event_t *event))
{
    if (at_ms == UINT64_MAX)
        return;
    uint64_t now_ms = sim_proc_ms (sim, proc);
    uint64_t delay_us = at_ms <= now_ms ? 1 : (at_ms - now_ms) * SIM_MS;
    if (proc->tick_at != UINT64_MAX && proc->tick_at > sim->now && proc->tick_at <= sim->now + delay_us)
        return;
    proc->tick_at = sim->now + delay_us;
    sim_after (sim, delay_us, proc, proc->life, run)->a = proc->tick_at;
}

void sim_proc_begin (sim_t *sim, sim_proc_t *proc)
{
    proc->up = true;
    proc->life++;
    proc->paused_until = 0;
    proc->tick_at = UINT64_MAX;
    proc->clock_ms = sim_between (sim, 1, 1000000000);
    proc->drift = 0;
}

void sim_violation (sim_t *sim, const char *name, const char *format, ...)
{
    char text[SIM_TEXT_MAX];
    va_list args;
    va_start (args, format);
    vsnprintf (text, sizeof text, format, args);
    va_end (args);
    sim_trace (sim, "check", "VIOLATION %s: %s", name, text);
    if (sim->violation)
        return;
    sim->violation = name;
    memcpy (sim->violation_text, text, sizeof text);
}
