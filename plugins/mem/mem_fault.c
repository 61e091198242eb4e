#include "config.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const s_points[MEM_POINTS] = {"execute", "prepare", "commit", "rollback", "recover"};

/* Actions and the points at which they make sense. */
enum {
    AT_EXECUTE = 1 << MEM_POINT_EXECUTE,
    AT_PREPARE = 1 << MEM_POINT_PREPARE,
    AT_COMMIT = 1 << MEM_POINT_COMMIT,
    AT_ROLLBACK = 1 << MEM_POINT_ROLLBACK,
    AT_RECOVER = 1 << MEM_POINT_RECOVER,
    AT_ALL = (1 << MEM_POINTS) - 1
};

static const struct {
    const char *name;
    mem_action_t action;
    int points;
    bool timed; /* takes MS */
} s_actions[] = {
    {"none", MEM_NO_FAULT, AT_ALL, false},
    {"error", MEM_ERROR, AT_EXECUTE, false},
    {"rolled_back", MEM_ROLLED_BACK, AT_EXECUTE | AT_PREPARE | AT_COMMIT, false},
    {"lost", MEM_LOST, AT_ALL, false},
    {"lost_after", MEM_LOST_AFTER, AT_PREPARE | AT_COMMIT | AT_ROLLBACK, false},
    {"late", MEM_LATE, AT_PREPARE, true},
    {"retry", MEM_RETRY, AT_COMMIT | AT_ROLLBACK, false},
    {"heuristic_commit", MEM_HEURISTIC_COMMIT, AT_COMMIT | AT_ROLLBACK, false},
    {"heuristic_rollback", MEM_HEURISTIC_ROLLBACK, AT_COMMIT | AT_ROLLBACK, false},
    {"slow", MEM_SLOW, AT_ALL, true},
};

enum { N_ACTIONS = sizeof s_actions / sizeof *s_actions };

const char *mem_point_name (mem_point_t point)
{
    return point < MEM_POINTS ? s_points[point] : NULL;
}

static bool s_number (const char *word, uint32_t *number)
{
    char *end;
    unsigned long value = strtoul (word, &end, 10);
    if (*word < '0' || *word > '9' || *end || value > 3600000)
        return false;
    *number = (uint32_t) value;
    return true;
}

static size_t s_action (const char *name)
{
    size_t i = 0;
    while (i < N_ACTIONS && strcmp (s_actions[i].name, name) != 0)
        i++;
    return i;
}

bool mem_fault_set (mem_fault_t faults[MEM_POINTS], int n_words, char *const *words, char *text)
{
    if (n_words < 2) {
        snprintf (text, 256, "a fault is: POINT ACTION [MS] [COUNT]");
        return false;
    }
    int point = 0;
    while (point < MEM_POINTS && strcmp (s_points[point], words[0]) != 0)
        point++;
    size_t action = s_action (words[1]);
    if (point == MEM_POINTS || action == N_ACTIONS || !(s_actions[action].points & (1 << point))) {
        snprintf (text, 256, "there is no fault '%.32s' at the point '%.32s'", words[1], words[0]);
        return false;
    }
    mem_fault_t fault = {.action = s_actions[action].action, .count = 1};
    int at = 2;
    bool good = true;
    if (s_actions[action].timed)
        good = at < n_words && s_number (words[at++], &fault.ms);
    if (good && at < n_words)
        good = s_number (words[at++], &fault.count);
    if (!good || at != n_words) {
        snprintf (text, 256, "the fault '%.32s' takes %s[COUNT], whole numbers", words[1],
                  s_actions[action].timed ? "MS " : "");
        return false;
    }
    faults[point] = fault;
    return true;
}

mem_fault_t mem_fault_take (mem_fault_t faults[MEM_POINTS], mem_point_t point)
{
    mem_fault_t *fault = &faults[point];
    mem_fault_t taken = *fault;
    if (fault->action != MEM_NO_FAULT && fault->count && --fault->count == 0)
        fault->action = MEM_NO_FAULT;
    return taken;
}
