/*
 * Greetings: what the library asks a session before it begins a branch there.
 *
 * Who the session is does not change while it lives.  Whose role the agent has
 * may, so that a greeting is good for a while only.  Each thread has its own few:
 * a connection is mostly used by one thread, and there is nothing to lock.
 */
#include "config.h"

#include <string.h>

#include "base/txc_mem.h"
#include "libtxcoord/txc_enlist.h"
#include "libtxcoord/txc_pump.h"

enum { GREETINGS = 16, GOOD_FOR_MS = 30000 };

typedef struct s_greeting {
    const void *arg;
    unsigned long long session; /* 0: free */
    uint64_t until_ms;
    char rm[TXC_RM_NAME_MAX + 1];
    char user[64], role[64], where[40], who[32];
    char evidence[TXC_EVIDENCE_MAX + 1], identity[TXC_EVIDENCE_MAX + 1];
} s_greeting_t;

static _Thread_local s_greeting_t s_greetings[GREETINGS];
static _Thread_local unsigned s_next;

static unsigned long long s_session (const txc_enlisted_t *self)
{
    return self->driver.session ? self->driver.session (self->arg) : 0;
}

bool txc_greeting_recall (txc_enlisted_t *self)
{
    unsigned long long session = s_session (self);
    for (unsigned i = 0; session && i < GREETINGS; i++) {
        const s_greeting_t *one = &s_greetings[i];
        if (one->session != session || one->arg != self->arg || strcmp (one->rm, self->rm) != 0 ||
            one->until_ms < txc_pump_now_ms())
            continue;
        txc_copy_text (self->user, sizeof self->user, one->user);
        txc_copy_text (self->role, sizeof self->role, one->role);
        txc_copy_text (self->where, sizeof self->where, one->where);
        txc_copy_text (self->session, sizeof self->session, one->who);
        txc_copy_text (self->done.evidence, sizeof self->done.evidence, one->evidence);
        txc_copy_text (self->identity, sizeof self->identity, one->identity);
        return true;
    }
    return false;
}

void txc_greeting_keep (const txc_enlisted_t *self)
{
    unsigned long long session = s_session (self);
    if (!session)
        return;
    s_greeting_t *one = &s_greetings[s_next++ % GREETINGS];
    one->arg = self->arg;
    one->session = session;
    one->until_ms = txc_pump_now_ms() + GOOD_FOR_MS;
    txc_copy_text (one->rm, sizeof one->rm, self->rm);
    txc_copy_text (one->user, sizeof one->user, self->user);
    txc_copy_text (one->role, sizeof one->role, self->role);
    txc_copy_text (one->where, sizeof one->where, self->where);
    txc_copy_text (one->who, sizeof one->who, self->session);
    txc_copy_text (one->evidence, sizeof one->evidence, self->done.evidence);
    txc_copy_text (one->identity, sizeof one->identity, self->identity);
}
