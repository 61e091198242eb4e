#include "sim_trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/txc_work.h"

/* Text that grows in a buffer of SIM_TEXT_MAX. */
typedef struct s_line {
    char *text;
    size_t used;
} s_line_t;

static void s_add (s_line_t *line, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

static void s_add (s_line_t *line, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    int n = vsnprintf (line->text + line->used, SIM_TEXT_MAX - line->used, format, args);
    va_end (args);
    if (n > 0)
        line->used += (size_t) n < SIM_TEXT_MAX - line->used ? (size_t) n : SIM_TEXT_MAX - line->used - 1;
}

void sim_trace_print (const sim_t *sim, const char *who, const char *format, ...)
{
    printf ("%4" PRIu64 ".%06" PRIu64 "  %-12s ", sim->now / SIM_S, sim->now % SIM_S, who);
    va_list args;
    va_start (args, format);
    vprintf (format, args);
    va_end (args);
    putchar ('\n');
}

static void s_add_gtrid (s_line_t *line, const txc_gtrid_t *gtrid)
{
    char text[TXC_GTRID_MAX + 1];
    if (!txc_gtrid_is_none (gtrid))
        s_add (line, " %s", txc_gtrid_format (gtrid, text));
}

static void s_add_branch (s_line_t *line, const char *rm, uint64_t token)
{
    if (rm[0] || token)
        s_add (line, " %s/%04" PRIx64, rm, token & 0xffff);
}

char *sim_show_message (const txc_msg_t *m, char *text)
{
    s_line_t line = {text, 0};
    s_add (&line, "%s", txc_msg_name (m->type));
    s_add_gtrid (&line, &m->gtrid);
    s_add_branch (&line, m->rm, m->token);
    if (m->session)
        s_add (&line, " session=%" PRIx64, m->session);
    if (m->type >= TXC_MSG_TERMINATE)
        s_add (&line, " number=%" PRIx64, m->stamp);
    if (m->vote)
        s_add (&line, " vote=%s", txc_vote_name (m->vote));
    if (m->work)
        s_add (&line, " work=%s", txc_work_name ((txc_work_op_t) m->work));
    if (m->type == TXC_MSG_OWNER_WORD)
        s_add (&line, " status=%u", m->status);
    if (m->code)
        s_add (&line, " code=%s", txc_code_name (m->code));
    if (m->heur)
        s_add (&line, " heur=%s", txc_heur_name (m->heur));
    if (m->seq)
        s_add (&line, " seq=%u", m->seq);
    if (m->count)
        s_add (&line, " count=%u", m->count);
    if (m->low)
        s_add (&line, " low=%" PRIu64, m->low);
    if (m->age_ms)
        s_add (&line, " age=%" PRIu64, m->age_ms);
    if (m->flags)
        s_add (&line, " flags=%x", m->flags);
    if (m->incarnation)
        s_add (&line, " inc=%04" PRIx64, m->incarnation & 0xffff);
    if (m->epoch.round)
        s_add (&line, " epoch=%" PRIu64, m->epoch.round);
    if (m->replica)
        s_add (&line, " replica=%u", m->replica);
    if (m->slot)
        s_add (&line, " slots=%" PRIu64 "-%" PRIu64, m->slot, m->high_slot);
    if (m->chosen_slot)
        s_add (&line, " chosen=%" PRIu64, m->chosen_slot);
    for (uint32_t i = 0; i < 2; i++)
        if (m->guards[i].slot)
            s_add (&line, " guard%u=%" PRIu64, i, m->guards[i].slot);
    for (uint32_t i = 0; i < m->n_branches; i++)
        s_add (&line, " [%s/%04" PRIx64 " n=%u v=%s@%" PRIu64 "]", m->branches[i].rm,
               m->branches[i].token & 0xffff, m->branches[i].count, txc_vote_name (m->branches[i].vote),
               m->branches[i].vote_epoch.round);
    if (m->error && m->error->text[0])
        s_add (&line, " \"%s\"", m->error->text);
    return text;
}

char *sim_show_record (const txc_rec_t *r, uint64_t slot, char *text)
{
    s_line_t line = {text, 0};
    s_add (&line, "%" PRIu64 ": %s", slot, txc_rec_name (r->type));
    s_add_gtrid (&line, &r->gtrid);
    s_add_branch (&line, r->rm, r->token);
    if (r->session)
        s_add (&line, " session=%" PRIx64, r->session);
    if (r->low)
        s_add (&line, " low=%" PRIu64, r->low);
    if (r->number)
        s_add (&line, " number=%" PRIx64 " vote=%s", r->number, txc_vote_name (r->vote));
    if (r->agent[0])
        s_add (&line, " %s guard=%" PRIu64, r->agent, r->guard.slot);
    if (r->heur)
        s_add (&line, " heur=%s", txc_heur_name (r->heur));
    s_add (&line, " epoch=%" PRIu64, r->epoch.round);
    for (uint32_t i = 0; i < r->n_branches; i++)
        s_add_branch (&line, r->branches[i].rm, r->branches[i].token);
    return text;
}

char *sim_show_journal (const txc_jrec_t *r, char *text)
{
    s_line_t line = {text, 0};
    s_add (&line, "%s", txc_journal_name (r->kind));
    s_add_gtrid (&line, &r->gtrid);
    s_add_branch (&line, r->rm, r->token);
    if (r->guard.slot)
        s_add (&line, " slot=%" PRIu64, r->guard.slot);
    if (r->epoch.round)
        s_add (&line, " epoch=%" PRIu64, r->epoch.round);
    if (r->heur)
        s_add (&line, " heur=%s", txc_heur_name (r->heur));
    if (r->number)
        s_add (&line, " elected=%" PRIx64 " attempt=%" PRIx64 " vote=%s flags=%x", r->number, r->attempt,
               txc_vote_name (r->vote), r->flags);
    if (r->code)
        s_add (&line, " code=%s", txc_code_name (r->code));
    if (r->text[0])
        s_add (&line, " \"%s\"", r->text);
    return text;
}

char *sim_show_work (const txc_work_t *w, const char *rm, char *text)
{
    s_line_t line = {text, 0};
    s_add (&line, "%s %s", txc_work_name (w->op), rm);
    if (w->branch)
        s_add (&line, " branch=%" PRIu64, w->branch);
    s_add_gtrid (&line, &w->gtrid);
    if (w->token)
        s_add_branch (&line, "", w->token);
    s_add (&line, "%s%s%s", w->first ? " first" : "", w->read_only ? " read-only" : "",
           w->owner ? " owner" : "");
    if (w->flags)
        s_add (&line, " flags=%x", w->flags);
    return text;
}

char *sim_show_done (const txc_work_done_t *d, const char *rm, char *text)
{
    static const char *const status[] = {"ok",     "read-only", "error",   "rolled back", "lost",
                                         "absent", "retry",     "unknown", "heuristic"};
    s_line_t line = {text, 0};
    s_add (&line, "%s %s", txc_work_name (d->op), rm);
    if (d->branch)
        s_add (&line, " branch=%" PRIu64, d->branch);
    s_add (&line, " -> %s", status[d->status]);
    if (d->op == TXC_WORK_EXEC)
        s_add (&line, " prepare=%s", status[d->prepare_status]);
    if (d->n_found)
        s_add (&line, " found=%u", d->n_found);
    s_add (&line, "%s", d->connection_lost ? " connection lost" : "");
    return text;
}
