/* txsim: runs seeds, replays the first one that fails, sums up. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/txc_transitions.h"
#include "sim_alone.h"
#include "sim_count.h"
#include "sim.h"

enum { SEEDS_FOR_COVERAGE = 200, SHOWN_MAX = 10 };

typedef struct s_options {
    uint64_t first, last;
    bool trace, verbose, quiet, alone, timers;
    const char *schedule;
} s_options_t;

int txc_mutant; /* declared in core/txc_mutant.h */

#define MUTANT_NAME(name, text) #name,
#define MUTANT_TEXT(name, text) text,

static const char *const s_mutant_names[] = {"NONE", TXC_MUTANT_MAP (MUTANT_NAME)};
static const char *const s_mutant_texts[] = {"", TXC_MUTANT_MAP (MUTANT_TEXT)};
enum { MUTANTS = sizeof s_mutant_names / sizeof *s_mutant_names };

static void s_list_mutants (void)
{
    for (int i = 1; i < MUTANTS; i++)
        printf ("%-32s %s\n", s_mutant_names[i], s_mutant_texts[i]);
}

static bool s_choose_mutant (const char *name)
{
    for (int i = 1; i < MUTANTS; i++)
        if (strcmp (s_mutant_names[i], name) == 0) {
            txc_mutant = i;
            return true;
        }
    fprintf (stderr, "txsim: no mutant is called %s; see --list-mutants\n", name);
    return false;
}

static int s_usage (void)
{
    fputs ("usage: txsim --seeds FIRST-LAST [--replicas 1|3|5|mixed] [--mode 2pc|3pc|paxos|mixed] "
           "[--group-gone] [--mutant "
           "NAME] [--trace] [--verbose]\n"
           "       txsim --list-mutants\n"
           "       txsim --seeds FIRST-LAST --members-alone [--mutant NAME] [--trace]\n"
           "       txsim --schedule partition|leader-dies [--termination quorum|timeout] [--trace]\n"
           "       txsim --count\n",
           stderr);
    return 2;
}

static bool s_parse_seeds (const char *text, s_options_t *options)
{
    char *end;
    options->first = options->last = strtoull (text, &end, 10);
    if (*end == '-')
        options->last = strtoull (end + 1, &end, 10);
    return *text && !*end && options->first <= options->last;
}

/* 1, 3, 5, or mixed: drawn by each seed. */
static bool s_parse_replicas (const char *text)
{
    if (strcmp (text, "mixed") != 0)
        sim_replicas = (uint32_t) strtoul (text, NULL, 10);
    return strcmp (text, "mixed") == 0 || sim_replicas == 1 || sim_replicas == 3 || sim_replicas == 5;
}

/* mixed: each transaction draws one of those that are served. */
static bool s_parse_mode (const char *text)
{
    sim_mode = txc_mode_of_name (text);
    if (sim_mode && !txc_mode_is_served (sim_mode)) {
        fprintf (stderr, "txsim: transactions are not ended in mode %s yet\n", text);
        return false;
    }
    return sim_mode || strcmp (text, "mixed") == 0;
}

/* --- the summary ----------------------------------------------------------------- */

static unsigned s_print_transitions (const txc_transitions_t *table)
{
    unsigned missed = 0, allowed = 0;
    for (unsigned from = 0; from < table->n_states; from++)
        for (unsigned to = 0; to < table->n_states; to++) {
            allowed += table->allowed[from][to];
            missed += table->allowed[from][to] && !(*table->reached)[from][to];
        }
    printf ("%s: %u of %u transitions reached\n", table->machine, allowed - missed, allowed);
    for (unsigned from = 0; from < table->n_states; from++)
        for (unsigned to = 0; to < table->n_states; to++)
            if (table->allowed[from][to])
                printf ("  %10" PRIu64 "  %s -> %s%s\n", (*table->reached)[from][to], table->names[from],
                        table->names[to], (*table->reached)[from][to] ? "" : "  NOT REACHED");
    return missed;
}

/* Some kinds belong to groups of one, some to larger ones. */
static bool s_is_possible (int fault)
{
    if (fault == SIM_FAULT_JOURNAL_LOST && sim_mode != TXC_MODE_3PC)
        return false;
    if (sim_replicas == 0)
        return true;
    return sim_replicas == 1 ? fault < SIM_FAULT_CLOCK_DRIFT || fault > SIM_FAULT_MEMBER_MISTYPED
                             : fault != SIM_FAULT_RESTORED_BACKUP;
}

/* Returns how many kinds of faults never struck. */
static unsigned s_summary (const sim_stats_t *stats)
{
    unsigned missing = 0;
    printf ("%" PRIu64 " events, %" PRIu64 " messages, %" PRIu64 " log records\n", stats->steps,
            stats->messages, stats->records);
    printf (
        "transactions: %" PRIu64 " committed (%" PRIu64 " in one phase), %" PRIu64 " rolled back, %" PRIu64
        " read only or empty, %" PRIu64 " heuristic; %" PRIu64 " answers \"unknown\"\n",
        stats->commits, stats->one_phase, stats->aborts, stats->read_only, stats->heuristic, stats->unknown);
    printf ("faults:\n");
    for (int i = 0; i < SIM_FAULTS; i++) {
        printf ("  %10" PRIu64 "  %s\n", stats->faults[i], sim_fault_text ((sim_fault_t) i));
        missing += stats->faults[i] == 0 && s_is_possible (i);
    }
    s_print_transitions (txc_gtx_transitions());
    s_print_transitions (txc_branch_transitions());
    s_print_transitions (txc_tx_transitions());
    return missing;
}

/* --- runs --------------------------------------------------------------------------- */

static void s_failed (const s_options_t *options, uint64_t seed, const char *text, uint64_t shown)
{
    if (shown >= SHOWN_MAX)
        return;
    printf ("seed %" PRIu64 ": %s\n", seed, text);
    if (shown > 0 || options->trace || options->quiet)
        return;
    printf ("--- trace of seed %" PRIu64 " ---\n", seed);
    sim_stats_t again;
    char same[SIM_TEXT_MAX * 2];
    memset (&again, 0, sizeof again);
    bool good = options->alone ? sim_alone_run (seed, true, same, sizeof same)
                               : sim_run (seed, true, &again, same, sizeof same);
    printf ("--- end of trace: %s ---\n", good ? "THE REPLAY DIFFERS: no violation" : same);
}

static bool s_run (const s_options_t *options, uint64_t seed, sim_stats_t *stats, char *text, size_t size)
{
    if (!options->alone)
        return sim_run (seed, options->trace, stats, text, size);
    bool good = sim_alone_run (seed, options->trace, text, size);
    stats->seeds++;
    stats->violations += !good;
    return good;
}

static int s_schedule (const s_options_t *options)
{
    char text[SIM_TEXT_MAX] = "";
    int rc = sim_alone_schedule (options->schedule, options->timers, options->trace, text, sizeof text);
    if (rc < 0)
        return s_usage();
    printf ("%s, termination = %s: %s\n", options->schedule, options->timers ? "timeout" : "quorum",
            rc ? text : "all end alike");
    return rc;
}

int main (int argc, char **argv)
{
    enum {
        OPT_SEEDS = 256,
        OPT_MUTANT,
        OPT_LIST,
        OPT_TRACE,
        OPT_VERBOSE,
        OPT_QUIET,
        OPT_REPLICAS,
        OPT_MODE,
        OPT_COUNT,
        OPT_GONE,
        OPT_ALONE,
        OPT_SCHEDULE,
        OPT_TERMINATION
    };
    static const struct option names[] = {{"seeds", required_argument, NULL, OPT_SEEDS},
                                          {"mutant", required_argument, NULL, OPT_MUTANT},
                                          {"list-mutants", no_argument, NULL, OPT_LIST},
                                          {"trace", no_argument, NULL, OPT_TRACE},
                                          {"verbose", no_argument, NULL, OPT_VERBOSE},
                                          {"quiet", no_argument, NULL, OPT_QUIET},
                                          {"replicas", required_argument, NULL, OPT_REPLICAS},
                                          {"mode", required_argument, NULL, OPT_MODE},
                                          {"count", no_argument, NULL, OPT_COUNT},
                                          {"group-gone", no_argument, NULL, OPT_GONE},
                                          {"members-alone", no_argument, NULL, OPT_ALONE},
                                          {"schedule", required_argument, NULL, OPT_SCHEDULE},
                                          {"termination", required_argument, NULL, OPT_TERMINATION},
                                          {NULL, 0, NULL, 0}};
    s_options_t options = {0};
    sim_stats_t stats;
    memset (&stats, 0, sizeof stats);
    for (int opt; (opt = getopt_long (argc, argv, "", names, NULL)) != -1;)
        switch (opt) {
        case OPT_SEEDS:
            if (!s_parse_seeds (optarg, &options))
                return s_usage();
            break;
        case OPT_MUTANT:
            if (!s_choose_mutant (optarg))
                return 2;
            break;
        case OPT_LIST:
            s_list_mutants();
            return 0;
        case OPT_TRACE:
            options.trace = true;
            break;
        case OPT_VERBOSE:
            options.verbose = true;
            break;
        case OPT_REPLICAS:
            if (!s_parse_replicas (optarg))
                return s_usage();
            break;
        case OPT_COUNT:
            return sim_count_print();
        case OPT_GONE:
            sim_gone = true;
            break;
        case OPT_SCHEDULE:
            options.schedule = optarg;
            break;
        case OPT_TERMINATION:
            options.timers = strcmp (optarg, "timeout") == 0;
            if (!options.timers && strcmp (optarg, "quorum") != 0)
                return s_usage();
            break;
        case OPT_ALONE:
            options.alone = true;
            break;
        case OPT_MODE:
            if (!s_parse_mode (optarg))
                return s_usage();
            break;
        case OPT_QUIET: /* stops at the first violation, without a trace */
            options.quiet = true;
            break;
        default:
            return s_usage();
        }
    if (options.schedule && optind == argc)
        return s_schedule (&options);
    if (optind < argc || options.last == 0)
        return s_usage();
    for (uint64_t seed = options.first; seed <= options.last; seed++) {
        char text[SIM_TEXT_MAX * 2];
        bool good = s_run (&options, seed, &stats, text, sizeof text);
        if (!good)
            s_failed (&options, seed, text, stats.violations - 1);
        if (options.verbose)
            printf ("seed %" PRIu64 ": %s\n", seed, good ? "ok" : text);
        if (options.quiet && !good)
            break;
    }
    unsigned missing = options.quiet || options.alone ? 0 : s_summary (&stats);
    /* Other modes have fewer statements with a hint; without a group many faults have nothing to strike. */
    uint64_t enough = sim_mode == TXC_MODE_2PC ? SEEDS_FOR_COVERAGE : 10 * SEEDS_FOR_COVERAGE;
    bool covered = missing == 0 || stats.seeds < enough || sim_gone;
    if (!covered)
        printf ("%u kinds of faults never struck\n", missing);
    printf ("%" PRIu64 " seeds, %" PRIu64 " violations\n", stats.seeds, stats.violations);
    return stats.violations == 0 && covered ? 0 : 1;
}
